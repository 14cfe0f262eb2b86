/* run_build.h - from a model to what this rank simulates: network, partition, shard. */
#ifndef SHINKEI_RUN_BUILD_H
#define SHINKEI_RUN_BUILD_H

#include "machine.h"
#include "shard.h"

typedef struct {
  const char *name;      /* of the model, for messages; NULL: its own */
  const char *partition; /* method, or a file of one */
  const machine *node;
  int threads;
  bool force; /* although memory will not suffice */
  int groups; /* each of which builds the whole network, on ranks of its own; 0: one */
} run_build_plan;

typedef struct {
  double build_s, partition_s; /* wall time, the second a part of the first */
} run_build_cost;

/* Threads a rank: `asked`, or where that is 0 not so many that they mostly wait for each other;
 * never more than OpenMP gives (a warning says so). */
LOCAL int run_build_threads(const machine *node, const model *m, int ranks, int asked);

/* The caller frees *n, and the shard if it has blocks, also after an error. ERR_USER: the memory
 * will not suffice; a network or partition that is unsound. The model is borrowed. */
COLLECTIVE err run_build(MPI_Comm comm, const run_build_plan *plan, const model *m, network **n,
                         shard *s, run_build_cost *cost);

#endif
