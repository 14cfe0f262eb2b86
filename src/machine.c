#define _GNU_SOURCE
#include "machine.h"
#include "agree.h"
#include "machine_memory.h"

#include <omp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The cores that this process may use, as the launcher or SLURM gave them. */
static cpu_set_t allowed_cores(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) CPU_SET(0, &set);
  return set;
}

machine machine_look(MPI_Comm comm) {
  machine m;
  MPI_Comm node;
  AGREE_MPI(MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node));
  MPI_Comm_rank(node, &m.local_rank);
  MPI_Comm_size(node, &m.local_ranks);
  cpu_set_t mine = allowed_cores(), all;
  AGREE_MPI(MPI_Allreduce(&mine, &all, sizeof mine, MPI_BYTE, MPI_BOR, node));
  MPI_Comm_free(&node);
  m.cores = CPU_COUNT(&all);
  const machine_memory memory = machine_memory_look("");
  m.memory_available = memory.free;
  memcpy(m.memory_limit, memory.limit, sizeof m.memory_limit);
  return m;
}

int machine_threads(const machine *m) {
  if (getenv("OMP_NUM_THREADS")) return omp_get_max_threads();
  const int share = m->cores / m->local_ranks;
  return share > 0 ? share : 1;
}

int machine_launcher_cores(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  const bool bound = getenv("OMPI_MCA_orte_bound_at_launch") != NULL;
  return bound && sched_getaffinity(getppid(), sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

/* The n-th core of a set, -1 where there are fewer. */
static int nth_core(const cpu_set_t *set, int n) {
  for (int core = 0; core < CPU_SETSIZE; core++)
    if (CPU_ISSET(core, set) && n-- == 0) return core;
  return -1;
}

bool machine_pin(const machine *m, int threads) {
  cpu_set_t mine = allowed_cores();
  if (getenv("OMP_PROC_BIND")) return false;
  /* A mask of its own is this rank's to use; one that all share is divided by rank. Where cores are
   * left over, the system places threads better: it sees what else runs, and which cores are two
   * hyper-threads of one. */
  const bool shared = CPU_COUNT(&mine) == m->cores;
  if (CPU_COUNT(&mine) != (shared ? m->local_ranks * threads : threads)) return false;
  const int first = shared ? m->local_rank * threads : 0;
  bool bound = true;
#pragma omp parallel num_threads(threads) reduction(&& : bound)
  {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(nth_core(&mine, first + omp_get_thread_num()), &one);
    bound = sched_setaffinity(0, sizeof one, &one) == 0;
  }
  return bound;
}

const char *machine_instructions(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) return "avx512";
  if (__builtin_cpu_supports("avx2")) return "avx2";
#endif
  return "baseline";
}

double machine_bandwidth(MPI_Comm comm, int threads) {
  enum { REPEATS = 3 };
  const size_t n = (size_t)4 << 20; /* 3 x 32 MiB: past the caches */
  double *a = check_allocate(3 * n, sizeof *a), *b = a + n, *c = b + n, best = 1e30;
  for (int k = 0; k < REPEATS; k++) {
    MPI_Barrier(comm);
    const double start = MPI_Wtime();
#pragma omp parallel for schedule(static) num_threads(threads)
    for (size_t i = 0; i < n; i++) a[i] = b[i] + 3.0 * c[i];
    const double seconds = MPI_Wtime() - start;
    if (seconds < best) best = seconds;
  }
  volatile double sink = a[n / 2];
  (void)sink;
  free(a);
  return 3 * (double)n * sizeof *a / best;
}
