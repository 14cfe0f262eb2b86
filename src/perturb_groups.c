#include "perturb_groups.h"
#include "agree.h"
#include "input.h"
#include "memory.h"
#include "watchdog.h"

#include <stdio.h>
#include <stdlib.h>

/* Ranks of a node get neighbouring numbers, whatever order the launcher has put them in. */
static MPI_Comm order_by_node(MPI_Comm comm) {
  MPI_Comm node, ordered;
  int rank, first;
  MPI_Comm_rank(comm, &rank);
  AGREE_MPI(MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node));
  AGREE_MPI(MPI_Allreduce(&rank, &first, 1, MPI_INT, MPI_MIN, node));
  AGREE_MPI(MPI_Comm_free(&node));
  AGREE_MPI(MPI_Comm_split(comm, 0, first, &ordered));
  return ordered;
}

perturb_groups perturb_groups_start(MPI_Comm comm) {
  perturb_groups g = {.all = order_by_node(comm), .group = MPI_COMM_NULL, .count = 1};
  MPI_Comm_rank(g.all, &g.rank);
  MPI_Comm_size(g.all, &g.ranks);
  return g;
}

void perturb_groups_free(perturb_groups *g) {
  task_counter_free(g->counter);
  if (g->group != MPI_COMM_NULL) AGREE_MPI(MPI_Comm_free(&g->group));
  AGREE_MPI(MPI_Comm_free(&g->all));
}

/* ---- how many ---- */

int perturb_groups_fitting(const network *n, const machine *node, int ranks, int threads,
                           const uint64_t *spikes, int64_t runs) {
  const double SHARE = 0.75; /* the need is an expectation */
  for (int count = ranks; count > 1; count--) {
    if (ranks % count != 0 || count > runs) continue;
    const memory_job job = {ranks / count, threads, true, spikes};
    const memory_need need = memory_predict(n, &job);
    if (memory_on_node(&need, &job, node->local_ranks) <= SHARE * (double)node->memory_available)
      return count;
  }
  return 1;
}

/* As many as fit on every node. */
static err choose(perturb_groups *g, const model *m, const machine *node, int threads,
                  int64_t runs) {
  network *n;
  err e = network_outline(g->all, m, &n);
  if (e != OK) return e;
  uint64_t *spikes = check_allocate((size_t)m->inputs, sizeof *spikes);
  e = input_count_in_files(g->all, m, spikes);
  if (e == OK) {
    if (threads == 0) threads = machine_threads(node);
    g->count = perturb_groups_fitting(n, node, g->ranks, threads, spikes, runs);
    AGREE_MPI(MPI_Allreduce(MPI_IN_PLACE, &g->count, 1, MPI_INT, MPI_MIN, g->all));
  }
  free(spikes);
  network_free(n);
  return e;
}

static void say_groups(const perturb_groups *g, int asked, int64_t runs) {
  if (g->rank != 0 || g->ranks == 1) return;
  const int least = g->ranks / g->count, most = (g->ranks + g->count - 1) / g->count;
  int more = g->count + 1;
  while (more < g->ranks && g->ranks % more != 0) more++;
  char size[32];
  snprintf(size, sizeof size, least == most ? "%d" : "%d or %d", least, most);
  fprintf(stderr, "perturb: %d group%s of %s rank%s, each with the whole network: %s\n", g->count,
          g->count == 1 ? "" : "s", size, most == 1 ? "" : "s",
          asked > 0              ? "as the options say"
          : g->count == g->ranks ? "as many as ranks"
          : more > runs          ? "more would be too many for so few runs"
                                 : "more would need over 3/4 of a node's free memory");
}

err perturb_groups_split(perturb_groups *g, const model *m, const machine *node, int asked,
                         int threads, int64_t runs) {
  err e = OK;
  if (asked > g->ranks)
    e = check_fail(ERR_USER,
                   "--groups %d: allowed are 1 to %d here: each group needs a rank, and there %s "
                   "%d",
                   asked, g->ranks, g->ranks == 1 ? "is" : "are", g->ranks);
  e = agree(g->all, e);
  g->count = asked > 0 ? asked : g->ranks;
  if (e == OK && asked == 0 && g->ranks > 1) e = choose(g, m, node, threads, runs);
  if (e != OK) return e;
  int rank;
  const int group = (int)((int64_t)g->rank * g->count / g->ranks);
  AGREE_MPI(MPI_Comm_split(g->all, group, 0, &g->group));
  MPI_Comm_rank(g->group, &rank);
  g->leads = rank == 0;
  say_groups(g, asked, runs);
  return OK;
}

/* ---- the list of runs ---- */

void perturb_groups_ask(perturb_groups *g) {
  if (g->leads) task_counter_ask(g->counter);
}

void perturb_groups_take(perturb_groups *g) {
  if (g->leads) g->next = task_counter_take(g->counter);
  AGREE_MPI(MPI_Bcast(&g->next, 1, MPI_INT64_T, 0, g->group));
}

void perturb_groups_begin(perturb_groups *g, int64_t first) {
  g->counter = task_counter_create(g->all, first);
  perturb_groups_ask(g);
  perturb_groups_take(g);
}

void perturb_groups_agree(perturb_groups *g, double patience, int count, int64_t *value) {
  const double begun = MPI_Wtime();
  MPI_Request request;
  AGREE_MPI(MPI_Iallreduce(MPI_IN_PLACE, value, count, MPI_INT64_T, MPI_MAX, g->all, &request));
  for (int done = 0; !done;) {
    AGREE_MPI(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
    if (MPI_Wtime() - begun < patience) watchdog_alive("waiting for other groups");
  }
}
