/* perturb.h - the interventional transition table: from a checkpoint, set chosen neurons into each
 * of their 2^n states, run on, and see which of them fire.
 *
 * Source: the do-operator of Albantakis et al. 2023, PLoS Comput Biol 19:e1011465, eq. 2 and 3, on
 * simulated neurons; what "on" and "off" mean for a neuron: docs/perturb.md. */
#ifndef SHINKEI_PERTURB_H
#define SHINKEI_PERTURB_H

#include "check.h"
#include <mpi.h>
#include <stdbool.h>

typedef enum {
  PERTURB_BY_REPEATS, /* fixed for one repeat, else resampled */
  PERTURB_FIXED,      /* the same Poisson draws in all runs */
  PERTURB_RESAMPLED,  /* others in each repeat, the same for all states of it */
} perturb_background;

typedef struct {
  const char *checkpoint; /* file, or a folder of them */
  const char *nodes;      /* see perturb_nodes.h */
  const char *partition;  /* as run_options */
  const char *out;        /* .json, .h5, .hdf5; NULL: JSON to standard output */
  double bin, delay;      /* [ms] multiples of the model's dt; bin > 0, delay >= 0 */
  int64_t repeats;        /* >= 1 */
  perturb_background background;
  bool seeded;     /* `seed` instead of the model's */
  uint64_t seed;   /* of the background */
  int threads;     /* 0: as a run chooses them */
  int groups;      /* of ranks; each holds the network and makes runs of its own; 0: as many as
                      memory has room for, at most one a rank */
  bool overwrite;  /* `out`, and the partial result of an earlier call */
  bool force;      /* although memory will not suffice */
  double watchdog; /* [s] as run_options */
} perturb_options;

/* The same table on any number of ranks, groups, threads and partition. *early: a signal ended it;
 * what was done is kept beside `out`, and the same call goes on with it. ERR_USER, ERR_ENVIRONMENT.
 */
COLLECTIVE err perturb_run(MPI_Comm comm, const perturb_options *options, bool *early);

#endif
