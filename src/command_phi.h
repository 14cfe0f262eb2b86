/* command_phi.h - the options of `shinkei phi` (internal to the command). */
#ifndef SHINKEI_COMMAND_PHI_H
#define SHINKEI_COMMAND_PHI_H

#include "phi_estimate.h"
#include "phi_spikes.h"
#include "phi_table.h"

typedef enum { SOURCE_NONE, SOURCE_TABLE, SOURCE_SERIES, SOURCE_SPIKES } phi_source;

typedef struct {
  phi_source source;
  const char *path, *out, *nodes, *groups_path, *parts, *state, *owner_path, *first;
  phi_order order;
  phi_input input;
  phi_plan plan;
  bool model_given, overwrite, help;
  int groups, size; /* of --sample; 0: not given */
  phi_sample_method by;
  bool by_given, silent;
  int candidates;
  double bin, begin, end, window, step; /* [ms], or samples; NaN: not given */
  double limit;                         /* [s] */
  int *part;                            /* of --parts, owned */
} phi_options;

LOCAL err phi_options_parse(int argc, char **argv, phi_options *o);
LOCAL void phi_options_free(phi_options *o);
LOCAL const char *phi_options_help(void);

/* "0,0,1" or "atomic" for n elements. */
LOCAL err phi_options_parts(phi_options *o, int n);
/* "1,0,1", n digits, node 0 first; "" or NULL: -1. */
LOCAL err phi_options_state(const char *text, int n, int64_t *state);

/* --out must be no file that is read, and one that can be written. */
LOCAL err phi_options_out(const phi_options *o);

/* The three ways: one table; one or many groups of a recording or of spikes. COLLECTIVE.       */
COLLECTIVE err phi_command_table(phi_options *o, int rank);
COLLECTIVE err phi_command_recording(phi_options *o, int rank);

/* ERR_USER where the report of one result would replace a file, and --overwrite was not given, or
 * would have the name of an HDF5 file. */
LOCAL err phi_command_place(const phi_options *o);
/* Write one JSON report to --out or stdout; takes over root. */
LOCAL err phi_command_write(const phi_options *o, json_t *root);

/* Refuse what would take longer than --limit; say what it will take. seconds: on one core. */
LOCAL err phi_command_cost(const phi_options *o, int n, int64_t tasks, int cores, double seconds,
                           bool say);

/* From here to the call with false, say on stderr every 5 s how far one network is. */
LOCAL void phi_command_watch(bool begin);

#endif
