/* run.h - one run from a model file to what it leaves in a folder. */
#ifndef SHINKEI_RUN_H
#define SHINKEI_RUN_H

#include "model.h"
#include <mpi.h>

typedef struct {
  const char *model;   /* path; NULL: the one inside the checkpoint */
  const char *folder;  /* where results go; NULL: the checkpoint's folder, else "results" */
  const char *restart; /* checkpoint, or a folder of them; NULL: from the beginning */
  const char *partition;
  int threads;    /* 0: this rank's share of the cores */
  bool overwrite; /* an earlier run in the folder */
  bool force;     /* although memory will not suffice */
  bool checkpoint_at_end;
  double time_limit; /* [s] wall time from the start to the end; 0: none */
  double watchdog;   /* [s] in which a step must end; 0: for ever */
  int settings;
  model_setting *setting;
} run_options;

enum { RUN_ENDED_EARLY = 75 }; /* exit status: saved, to be restarted (EX_TEMPFAIL) */

/* ERR_USER, ERR_ENVIRONMENT with check_message() on all ranks. *early: it was asked to end before
 * its time, and saved its state. */
COLLECTIVE err run_simulation(MPI_Comm comm, const run_options *options, bool *early);

/* Rank 0 reads the model file, all parse it. The caller frees *m with model_free. */
COLLECTIVE err run_read_model(MPI_Comm comm, const char *path, int settings,
                              const model_setting *setting, model **m);

#endif
