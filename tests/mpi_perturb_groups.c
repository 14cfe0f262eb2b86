/* Groups of ranks: even and of neighbours, as many as memory and runs allow, and each run is made
 * once, by one of them. */
#include "memory.h"
#include "mpi_promise.h"
#include "network_cases.h"
#include "perturb_groups.h"

static model *network_model_of(uint32_t neurons) {
  model *m =
      case_parse("simulation: {dt: 0.1, duration: 10, seed: 1}\n"
                 "populations: {E: {size: %u, neuron: iaf_psc_exp}}\n"
                 "projections: [{source: E, target: E, rule: fixed_indegree, indegree: 1000, "
                 "weight: 1, delay: 1}]\n",
                 neurons);
  EXPECT(m);
  return m;
}

static perturb_groups divided(const model *m, const machine *node, int asked, int64_t runs) {
  perturb_groups g = perturb_groups_start(MPI_COMM_WORLD);
  EXPECT(perturb_groups_split(&g, m, node, asked, 1, runs) == OK);
  return g;
}

static void groups_are_even_and_of_neighbours(void) {
  model *m = network_model_of(10);
  const machine node = machine_look(MPI_COMM_WORLD);
  for (int count = 1; count <= ranks; count++) {
    perturb_groups g = divided(m, &node, count, 100);
    int size, leaders = g.leads, first = g.rank, last = g.rank;
    MPI_Comm_size(g.group, &size);
    MPI_Allreduce(MPI_IN_PLACE, &leaders, 1, MPI_INT, MPI_SUM, g.all);
    MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, g.group);
    MPI_Allreduce(MPI_IN_PLACE, &last, 1, MPI_INT, MPI_MAX, g.group);
    EXPECT(g.count == count && leaders == count);
    EXPECT(size == ranks / count || size == ranks / count + 1);
    EXPECT(last - first + 1 == size);
    perturb_groups_free(&g);
  }
  model_free(m);
}

static void more_groups_than_ranks_are_refused(void) {
  model *m = network_model_of(10);
  const machine node = machine_look(MPI_COMM_WORLD);
  perturb_groups g = perturb_groups_start(MPI_COMM_WORLD);
  EXPECT(perturb_groups_split(&g, m, &node, ranks + 1, 1, 100) == ERR_USER);
  EXPECT(strstr(check_message(), "--groups"));
  check_clear();
  perturb_groups_free(&g);
  model_free(m);
}

/* Six ranks on this node and six on another. */
static void there_are_as_many_groups_as_memory_has_room_for(void) {
  model *m = network_model_of(1000000);
  network *n;
  EXPECT(network_create(MPI_COMM_WORLD, m, &n) == OK);
  static const int counts[] = {12, 6, 4, 3, 2, 1};
  machine node = {.local_ranks = 6, .cores = 6};
  double before = 1e30;
  for (int k = 0; k < 6; k++) {
    const memory_job job = {12 / counts[k], 1, true, NULL};
    const memory_need all = memory_predict(n, &job);
    const double need = memory_on_node(&all, &job, node.local_ranks);
    EXPECT(need < before);
    before = need;
    node.memory_available = (uint64_t)(need / 0.75 * 1.001);
    EXPECT(perturb_groups_fitting(n, &node, 12, 1, NULL, 1000) == counts[k]);
    EXPECT(perturb_groups_fitting(n, &node, 12, 1, NULL, counts[k]) == counts[k]);
  }
  node.memory_available = 1000;
  EXPECT(perturb_groups_fitting(n, &node, 12, 1, NULL, 1000) == 1);
  node.memory_available = UINT64_MAX;
  EXPECT(perturb_groups_fitting(n, &node, 12, 1, NULL, 5) == 4);
  network_free(n);
  model_free(m);
}

static void the_node_with_least_memory_decides(void) {
  model *m = network_model_of(1000000);
  machine node = {.local_ranks = 1, .cores = 1, .memory_available = UINT64_MAX};
  perturb_groups g = divided(m, &node, 0, 100);
  EXPECT(g.count == ranks);
  perturb_groups_free(&g);
  if (rank == ranks - 1) node.memory_available = 1000;
  g = divided(m, &node, 0, 100);
  EXPECT(g.count == 1);
  perturb_groups_free(&g);
  model_free(m);
}

/* In two stretches, as a list that is looked at in between. */
static void each_run_is_made_once(void) {
  enum { FIRST = 7, MIDDLE = 60, RUNS = 200 };
  model *m = network_model_of(10);
  const machine node = machine_look(MPI_COMM_WORLD);
  for (int count = 1; count <= ranks; count++) {
    perturb_groups g = divided(m, &node, count, RUNS);
    int made[RUNS] = {0}, all[RUNS];
    perturb_groups_begin(&g, FIRST);
    for (int last = MIDDLE; last <= RUNS; last += RUNS - MIDDLE) {
      while (g.next < last) {
        perturb_groups_ask(&g);
        if (g.leads) made[g.next]++;
        perturb_groups_take(&g);
      }
      int64_t greatest = rank;
      perturb_groups_agree(&g, 10, 1, &greatest);
      EXPECT(greatest == ranks - 1);
      MPI_Allreduce(made, all, RUNS, MPI_INT, MPI_SUM, g.all);
      for (int k = 0; k < RUNS; k++) EXPECT(all[k] == (k >= FIRST && k < last));
    }
    perturb_groups_free(&g);
  }
  model_free(m);
}

int main(int argc, char **argv) {
  promise_start(&argc, &argv);
  void (*const promise[])(void) = {
      groups_are_even_and_of_neighbours,
      more_groups_than_ranks_are_refused,
      there_are_as_many_groups_as_memory_has_room_for,
      the_node_with_least_memory_decides,
      each_run_is_made_once,
  };
  PROMISE_KEEP(promise);
  MPI_Finalize();
  return 0;
}
