/* phi_many.h - estimates of many groups at many times, over MPI ranks, into one HDF5 file.
 *
 * The file has /done [groups][windows] and, for every measure, /NAME/{value,low,high,
 * surrogate_mean,surrogate_deviation,above} of the same shape (NaN where there is none); /coverage/
 * {pairs,states_seen,states_weak,state,state_share,constant,insufficient,replicates_failed,fault};
 * /members and /populations [groups][size], the latter numbers in /population_names (text[]; one
 * without a name of a series); /window_begin [windows] [ms or samples]; the root attributes
 * `settings` and `definitions` tell what was asked. All space is claimed at the start and nothing
 * but numbers is written later, a task's results before its /done: a kill at any time leaves a
 * readable file, from which the same command goes on. */
#ifndef SHINKEI_PHI_MANY_H
#define SHINKEI_PHI_MANY_H

#include "phi_estimate.h"

#include <mpi.h>

typedef struct {
  const phi_plan *plan;
  int groups, size, windows;
  const int64_t *member;     /* [groups][size] ids, for the file    */
  const int32_t *population; /* [groups][size] */
  const double *begin;       /* [windows]      */
  int names;                 /* populations; 1 of a series */
  const char *const *name;   /* [names]; "" of a series */
  const char *settings;      /* every choice that results depend on */
  /* value[samples][size] of a group in a window; the caller frees it.                         */
  void (*data)(void *context, int group, int window, int64_t *samples, double **value);
  void *context;
} phi_job;

/* Tasks that failed (a singular covariance, ...) are counted, marked in /coverage/fault, and the
 * message of the first is printed as a warning on rank 0; ERR_USER with it where all failed. An
 * existing file of the same settings is gone on with, of others ERR_USER unless `overwrite`. The
 * same file on any number of ranks. Progress and remaining time go to stderr on rank 0. */
COLLECTIVE err phi_many_run(MPI_Comm comm, const phi_job *job, const char *path, bool overwrite);

#endif
