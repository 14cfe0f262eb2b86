/* machine.h - what this node offers, and where threads run on it. */
#ifndef SHINKEI_MACHINE_H
#define SHINKEI_MACHINE_H

#include "check.h"
#include <mpi.h>
#include <stdbool.h>

typedef struct {
  int local_ranks, local_rank; /* ranks of this job on this node               */
  int cores;                   /* that this job may use here                   */
  uint64_t memory_available;   /* [B] to this process now, see machine_memory.h */
  char memory_limit[256];      /* what sets that, in words                     */
} machine;

COLLECTIVE machine machine_look(MPI_Comm comm);
/* Threads a rank when the user names none: OMP_NUM_THREADS, else its share of the cores. */
LOCAL int machine_threads(const machine *m);
/* Cores of this node that mpirun may use, where it bound this rank to some of them; else 0. */
LOCAL int machine_launcher_cores(void);
/* Bind each of `threads` OpenMP threads to a core of its own, where the job's threads are as many
 * as its cores here; threads of different ranks to different cores. Whether it did. */
LOCAL bool machine_pin(const machine *m, int threads);
/* Largest resident set of this process so far [B]. */
LOCAL uint64_t machine_peak_memory(void);
/* "avx512", "avx2" or "baseline": what the vector code of this process uses. */
LOCAL const char *machine_instructions(void);
/* Copying bandwidth of `threads` threads of this rank, all ranks at once: STREAM triad [B/s], one
 * rank. */
COLLECTIVE double machine_bandwidth(MPI_Comm comm, int threads);

#endif
