#include "run_build.h"
#include "agree.h"
#include "input.h"
#include "memory.h"
#include "partition.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct {
  MPI_Comm comm;
  int ranks;
  const run_build_plan *plan;
  const model *m;
  network *n;
  run_build_cost *cost;
} building;

/* As many as OpenMP really gives: the step loop counts on them. */
static int threads_given(int wanted) {
  int given = 1;
  omp_set_dynamic(0);
#pragma omp parallel num_threads(wanted)
#pragma omp single
  given = omp_get_num_threads();
  return given;
}

/* Where the run will be slower than the user may expect. */
static void warn_threads(const machine *node, int given, int asked, int worth) {
  const int ranks = node->local_ranks, launcher = machine_launcher_cores();
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  if (given < asked)
    fprintf(stderr, "shinkei: warning: --threads %d: OpenMP gives only %d (OMP_THREAD_LIMIT)\n",
            asked, given);
  if (given * ranks > node->cores && node->cores < online)
    fprintf(
        stderr,
        "shinkei: warning: %d ranks x %d threads share %d of this node's %ld cores: mpirun "
        "binds a rank to one core unless told otherwise (--bind-to none or --map-by slot:pe=%d)\n",
        ranks, given, node->cores, online, given);
  if (asked == 0 && !getenv("OMP_NUM_THREADS") && given < worth && launcher >= ranks * 2 &&
      node->cores <= launcher / 2)
    fprintf(stderr,
            "shinkei: warning: mpirun bound %d rank%s to %d of this node's %d cores: to use all, "
            "--bind-to none or --map-by slot:pe=%d\n",
            ranks, ranks == 1 ? "" : "s", node->cores, launcher, launcher / ranks);
}

int run_build_threads(const machine *node, const model *m, int ranks, int asked) {
  enum { NEURONS_A_THREAD = 1024 };
  const int share = machine_threads(node);
  const int worth = (int)(m->neurons / (uint32_t)ranks / NEURONS_A_THREAD) + 1;
  const bool named = getenv("OMP_NUM_THREADS") || share < worth;
  const int wanted = asked > 0 ? asked : named ? share : worth;
  const int given = threads_given(wanted);
  if (node->local_rank == 0) warn_threads(node, given, asked, worth);
  return given;
}

/* What the job will need on this node against what is there; refused unless forced. */
static err check_memory(const building *x, const uint64_t *spikes) {
  const machine *node = x->plan->node;
  const memory_job job = {x->ranks, x->plan->threads,
                          partition_method_of(x->plan->partition) == PARTITION_METIS, spikes};
  const memory_need need = memory_predict(x->n, &job);
  const double here = memory_on_node(&need, &job, node->local_ranks);
  if (here <= (double)node->memory_available || x->plan->force) return OK;
  const int groups = x->plan->groups;
  char ranks[64], given[64] = "";
  if (memory_given_spikes(x->m, spikes) > 0)
    snprintf(given, sizeof given, "%.4g given spikes, ", memory_given_spikes(x->m, spikes));
  if (groups > 1)
    snprintf(ranks, sizeof ranks, "%d ranks there, a network for each %d", node->local_ranks,
             x->ranks);
  else
    snprintf(ranks, sizeof ranks, "%d of %d ranks there", node->local_ranks, x->ranks);
  return check_fail(ERR_USER,
                    "%s: needs about %.1f GB on a node (%.4g synapses, %u neurons, %s%s), "
                    "but %.1f GB are free %s; use more nodes, %sor --force to try all the same",
                    x->plan->name ? x->plan->name : x->m->name, here / 1e9,
                    network_expected_synapses(x->n), x->m->neurons, given, ranks,
                    (double)node->memory_available / 1e9, node->memory_limit,
                    groups > 1 ? "fewer --groups, " : "");
}

/* Owned gids and their blocks. */
static err divide(building *x, uint32_t *count, uint32_t **owned, int *blocks, uint32_t **block) {
  partition p = {0};
  const double start = MPI_Wtime();
  const char *name = x->plan->partition;
  err e = partition_create(x->comm, x->n, x->m, partition_method_of(name), name, x->ranks, &p);
  if (e == OK) e = partition_owned(x->comm, &p, count, owned);
  partition_free(&p);
  x->cost->partition_s = MPI_Wtime() - start;
  if (e != OK) return e;
  e = network_collect(x->n, x->comm, *count, *owned);
  if (e != OK) return e;
  double synapses = 0;
  for (uint32_t i = 0; i < *count; i++)
    synapses += network_expected_indegree(x->n, model_population_of(x->m, (*owned)[i]));
  *blocks = shard_block_count(*count, synapses, x->plan->threads);
  *block = check_allocate(*count, sizeof **block);
  return agree(x->comm, partition_blocks(x->n, x->m, *count, *owned, *blocks, SYNAPSE_BLOCK_NEURONS,
                                         *block));
}

err run_build(MPI_Comm comm, const run_build_plan *plan, const model *m, network **n, shard *s,
              run_build_cost *cost) {
  building x = {.comm = comm, .plan = plan, .m = m, .cost = cost};
  uint32_t count = 0, *owned = NULL, *block = NULL;
  int blocks = 0;
  const double start = MPI_Wtime();
  MPI_Comm_size(comm, &x.ranks);
  uint64_t *spikes = check_allocate((size_t)m->inputs, sizeof *spikes);
  err e = network_outline(comm, m, &x.n);
  if (e == OK) e = input_count_in_files(comm, m, spikes);
  if (e == OK) e = agree(comm, check_memory(&x, spikes)); /* before what may be much is read */
  free(spikes);
  if (e == OK) e = network_read(comm, x.n);
  if (e == OK) e = divide(&x, &count, &owned, &blocks, &block);
  if (e == OK) e = shard_create(comm, m, x.n, count, owned, blocks, block, plan->threads, s);
  if (x.n) network_release(x.n);
  free(owned);
  free(block);
  MPI_Barrier(comm);
  *n = x.n;
  cost->build_s = MPI_Wtime() - start;
  return e;
}
