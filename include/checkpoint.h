/* checkpoint.h - the state of a run in one parallel HDF5 file, and back on any number of ranks.
 *
 * What is saved is ordered by population, gid and canonical edge order; nothing in a file depends
 * on ranks, threads or partition. Static synapses are not saved: they follow from the model.
 * Format: docs/checkpoint.md.
 *
 * A file is written under another name, sealed with a checksum of all its bytes, synced, renamed.
 * It is taken only if the seal fits, which is looked at before HDF5 sees a byte of it. */
#ifndef SHINKEI_CHECKPOINT_H
#define SHINKEI_CHECKPOINT_H

#include "model.h"
#include "record.h"
#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>

typedef enum {
  CHECKPOINT_FLOAT32,
  CHECKPOINT_FLOAT64,
  CHECKPOINT_INT32,
  CHECKPOINT_INT64,
  CHECKPOINT_UINT8,
  CHECKPOINT_UINT32,
  CHECKPOINT_UINT64,
} checkpoint_type;

/* What a field is: declared once; dataset, its attributes, info and diff come from it.        */
typedef struct {
  const char *name, *unit, *description;
  checkpoint_type type;
} checkpoint_field;

/* One value a neuron of a population. */
typedef struct {
  checkpoint_field field;
  int population;
  void *value; /* [neurons of this rank] local order; those of other populations are not touched */
} checkpoint_neuron_field;

/* One value an in-edge: the targets' edges in canonical order (network.h). A learning rule hands
 * them over neuron by neuron, so that no second copy of all is needed.                        */
typedef struct {
  checkpoint_field field;
  const uint32_t *count; /* [neurons of this rank] in-edges of each that have the field         */
  void *context;
  /* Copy the count[local] values of a neuron out of the run (save), into it (restore).         */
  void (*take)(void *context, uint32_t local, void *to);
  void (*give)(void *context, uint32_t local, const void *from);
} checkpoint_edge_field;

/* A dense matrix of a layer, by rows; ranks hold consecutive rows.                            */
typedef struct {
  checkpoint_field field;
  const char *layer;
  uint64_t rows, columns; /* of the whole matrix */
  uint64_t first, count;  /* rows of this rank */
  void *value;            /* [count][columns] */
} checkpoint_layer_field;

typedef struct {
  uint32_t gid;
  int64_t step;
} checkpoint_spike;

/* A rank's part of the state of a run. Borrowed by the calls below.                           */
typedef struct {
  const model *m;
  uint32_t neurons;            /* of this rank */
  const uint32_t *gid;         /* [neurons] local order */
  int64_t step;                /* last step done */
  uint64_t synapses;           /* of the whole network */
  uint64_t *edges_hash;        /* [m->projections] network_edges_hash */
  const uint64_t *events_hash; /* [m->inputs] input_hash_events */
  record_position position;
  size_t spikes; /* of this rank's neurons, in the last max_delay steps; any order */
  checkpoint_spike *spike;
  int neuron_fields, edge_fields, layer_fields;
  checkpoint_neuron_field *neuron_field;
  checkpoint_edge_field *edge_field;
  checkpoint_layer_field *layer_field;
} checkpoint_state;

typedef struct { /* the same on every rank */
  double seconds;
  uint64_t bytes; /* of the file */
} checkpoint_cost;

/* Write FOLDER/checkpoint-<step>.h5, then remove all but the newest `keep` up to this step.
 * ERR_ENVIRONMENT: no room, or the folder cannot be written; what was there before is untouched and
 * the run can go on. */
COLLECTIVE err checkpoint_save(MPI_Comm comm, const char *folder, int keep,
                               const checkpoint_state *state, checkpoint_cost *cost);

typedef struct checkpoint checkpoint; /* an intact file, open for reading */

/* What a checkpoint says of itself; borrowed from it. */
typedef struct {
  const char *path, *folder;
  int64_t step;
  double time; /* [ms] */
  uint64_t seed;
  uint32_t neurons;
  uint64_t synapses;
  const char *program;    /* version that wrote it */
  const char *model_hash; /* of what may not change, see checkpoint_model_hash */
  const char *model_text; /* effective model, YAML */
  size_t model_length;
  record_position position;
} checkpoint_facts;

/* Open a file, or the newest intact checkpoint of a folder; those of it that are damaged are named
 * on standard error by rank 0 and passed over. ERR_USER: none, or damaged.                    */
COLLECTIVE err checkpoint_open(MPI_Comm comm, const char *path, checkpoint **opened);
COLLECTIVE void checkpoint_close(checkpoint *c);
LOCAL checkpoint_facts checkpoint_tell(const checkpoint *c);

/* Is the network the one of the checkpoint? ERR_USER: other edges in a file, another number of
 * synapses. checkpoint_restore asks too. */
LOCAL err checkpoint_check_network(const checkpoint *c, const checkpoint_state *state);
/* Bring the state to the ranks that own the neurons now: fills the arrays that the fields point to,
 * and spikes (the caller frees state->spike). ERR_USER: the file has other fields, or synapses. */
COLLECTIVE err checkpoint_restore(checkpoint *c, checkpoint_state *state);

/* Does the file begin like a checkpoint? */
LOCAL bool checkpoint_is(const char *path);
/* Is there a file of a checkpoint's name in the folder? */
LOCAL bool checkpoint_in_folder(const char *folder);
/* A run goes on in the folder from `step`: rename its later checkpoints (.h5.undone), whose spikes
 * are cut then. *undone: how many. */
LOCAL err checkpoint_undo_later(const char *folder, int64_t step, int *undone);
/* Remove all checkpoints of a folder, those that are unfinished or undone too. */
LOCAL err checkpoint_clear_folder(const char *folder);
/* Say in words what is in a checkpoint. ERR_USER: damaged. */
LOCAL err checkpoint_describe(const char *path, FILE *to);

/* Are two checkpoints the same state? *same tells; if not, what differs first goes to `to`. Record
 * settings and program version are no state. ERR_USER: one of them is damaged.                */
LOCAL err checkpoint_compare(const char *a, const char *b, FILE *to, bool *same);

/* Hash (XXH3, 128 bits, 32 hexadecimal digits) of the effective model without the keys that may
 * change at a restart: simulation.duration, record, checkpoint, expected_rate of populations. */
LOCAL const char *checkpoint_model_hash(const model *m, char hash[33]);
/* ERR_USER where `now` differs from the checkpoint's model in a key that may not change: the
 * message names the key and both values.                                                      */
LOCAL err checkpoint_model_check(const checkpoint_facts *from, const model *now);

#endif
