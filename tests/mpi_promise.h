/* mpi_promise.h - what the programs of several ranks (mpi_*.c) share: a check that ends all ranks,
 * and the list of promises that they keep one after the other. */
#ifndef SHINKEI_MPI_PROMISE_H
#define SHINKEI_MPI_PROMISE_H

#include "check.h"

#include <mpi.h>
#include <stdio.h>

static int rank, ranks;

#define EXPECT(condition)                                                                          \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "rank %d of %d, %s:%d, %s: not so: %s (%s)\n", rank, ranks, __FILE__,        \
              __LINE__, __func__, #condition, check_message());                                    \
      MPI_Abort(MPI_COMM_WORLD, 1);                                                                \
    }                                                                                              \
  } while (0)

static inline void promise_start(int *argc, char ***argv) {
  MPI_Init(argc, argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
}

static inline void promise_keep(size_t count, void (*const promise[])(void)) {
  for (size_t i = 0; i < count; i++) {
    const double began = MPI_Wtime();
    promise[i]();
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0) printf("promise %zu kept, %.2f s\n", i, MPI_Wtime() - began);
  }
}
#define PROMISE_KEEP(promise) promise_keep(sizeof promise / sizeof *promise, promise)

#endif
