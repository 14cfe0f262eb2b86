/* run_save.h - when a run saves its state or ends before its time, and how it goes on from a
 * checkpoint. Between two stretches of steps all ranks look once, with one small reduction. */
#ifndef SHINKEI_RUN_SAVE_H
#define SHINKEI_RUN_SAVE_H

#include "checkpoint.h"
#include "run.h"
#include "shard.h"
#include "step.h"
#include "stop.h"

typedef struct {
  MPI_Comm comm;
  int rank;
  const run_options *options;
  const char *folder;
  shard *s;
  record *r;
  stepper *w;
  uint64_t synapses;    /* of the whole network */
  double limit;         /* [s] MPI_Wtime at which the run must be over; INFINITY: none; rank 0 */
  double saved_at;      /* [s] MPI_Wtime of the last checkpoint, or of the start; rank 0 */
  double cost;          /* [s] of the dearest checkpoint so far; 0: none yet */
  double pause;         /* [s] longest time between two looks */
  int64_t first;        /* steps before this run */
  int64_t saved;        /* step of the last checkpoint, -1: none */
  int saves, failures;  /* tried; of these failed */
  checkpoint_cost last; /* of the last that did not fail */
  double slowest;       /* [s] of those that did not fail */
  bool failed;          /* the last checkpoint could not be written */
  stop_reason ended;
} run_save;

/* `begun`: MPI_Wtime at the start of the run. The rest is borrowed. */
COLLECTIVE run_save run_save_start(MPI_Comm comm, const run_options *options, const char *folder,
                                   double begun, shard *s, record *r, stepper *w);

/* Steps until a checkpoint is due by biological time, from `done`; at least 1. */
LOCAL int64_t run_save_distance(const run_save *k, int64_t done);

/* After a stretch of steps, recorded and flushed: all ranks learn whether to save (done here) or to
 * end (k->ended), and the length of the next stretch, which rank 0 proposes. `seconds`: this
 * stretch took. A checkpoint that cannot be written is a warning; the run goes on. */
COLLECTIVE void run_save_look(run_save *k, double seconds, int64_t *stretch);

/* The run is over: the last checkpoint where the user or the interval wants one. */
COLLECTIVE void run_save_end(run_save *k);

/* How the run ended, in words. The caller frees. */
LOCAL char *run_save_status(const run_save *k);

/* Open the checkpoint that the options name and give the model: theirs, which must fit, or the
 * checkpoint's own. */
COLLECTIVE err run_restart_open(MPI_Comm comm, const run_options *options, checkpoint **c,
                                model **m);
/* Is the network of a shard just made the checkpoint's? Nothing has been changed on the disk so
 * far. */
COLLECTIVE err run_restart_check(MPI_Comm comm, const checkpoint *c, shard *s);
/* State and spikes under way from the checkpoint, into a shard and a stepper just made. */
COLLECTIVE err run_restart(MPI_Comm comm, checkpoint *c, shard *s, stepper *w);

#endif
