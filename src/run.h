/* run.h - one run from a model file to what it leaves in a folder. */
#ifndef SHINKEI_RUN_H
#define SHINKEI_RUN_H

#include "model.h"
#include <mpi.h>

typedef struct {
  const char *model;  /* path */
  const char *folder; /* where results go */
  const char *partition;
  int threads;    /* 0: this rank's share of the cores */
  bool overwrite; /* an earlier run in the folder */
  bool force;     /* although memory will not suffice */
  int settings;
  model_setting *setting;
} run_options;

/* ERR_USER, ERR_ENVIRONMENT with check_message() on all ranks. */
COLLECTIVE err run_simulation(MPI_Comm comm, const run_options *options);

/* Rank 0 reads the model file, all parse it. The caller frees *m with model_free. */
COLLECTIVE err run_read_model(MPI_Comm comm, const char *path, int settings,
                              const model_setting *setting, model **m);

#endif
