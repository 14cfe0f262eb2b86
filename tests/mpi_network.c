/* What network.h promises on several ranks: the edges of a neuron are the same whoever owns it,
 * each edge of a file lands once and in canonical order, unsound files are one message on all
 * ranks. */
#include "mpi_promise.h"
#include "network_cases.h"

#include <math.h>
#include <unistd.h>

static uint64_t mix(uint64_t x) {
  x = (x ^ x >> 31) * UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ x >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
  return x ^ x >> 32;
}

static int round_robin(uint32_t gid, int size) { return (int)(gid % (uint32_t)size); }
static int scattered(uint32_t gid, int size) { return (int)(mix(gid) % (uint64_t)size); }
static int last_only(uint32_t gid, int size) { return gid < UINT32_MAX ? size - 1 : 0; }

static const char file[] = "mpi_network_edges.h5";

static void write_file(const case_edges *edges) {
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 0) case_write_file(file, edges);
  MPI_Barrier(MPI_COMM_WORLD);
}

enum { EDGES = 2011, NODES = 83 };
static int64_t source[EDGES], target[EDGES], group[EDGES], place[EDGES];
static double weight[EDGES], delay[EDGES];

/* Some pairs several times, neurons onto themselves, targets in no order. */
static case_edges some_edges(void) {
  for (uint64_t i = 0; i < EDGES; i++) {
    source[i] = (int64_t)(mix(i * 3) % (i % 5 ? NODES : 4));
    target[i] = (int64_t)(mix(i * 3 + 1) % (i % 7 ? NODES : 3));
    weight[i] = (double)(mix(i * 3 + 2) % 2001) - 1000;
    delay[i] = 0.1 * (double)(1 + mix(i) % 50);
    group[i] = 0;
    place[i] = (int64_t)(i * 5 % EDGES);
  }
  return (case_edges){.sources = EDGES,
                      .targets = EDGES,
                      .weights = EDGES,
                      .delays = EDGES,
                      .source = source,
                      .target = target,
                      .weight = weight,
                      .delay = delay,
                      .integer_weights = true};
}

#define POPULATIONS                                                                                \
  "simulation: {dt: 0.1, duration: 10, precision: double}\n"                                       \
  "populations: {Z: {size: 11, neuron: iaf_psc_exp}, A: {size: 83, neuron: iaf_psc_exp}, B: "      \
  "{size: 83, neuron: shiu_lif}, none: {size: 0, neuron: iaf_psc_exp}}\n"                          \
  "projections:\n"

static const char every_rule[] = POPULATIONS
    " - {source: A, target: B, rule: one_to_one, weight: 1, delay: 1}\n"
    " - {source: A, target: Z, rule: all_to_all, weight: {normal: {mean: 1, sd: 3}}, delay: 1}\n"
    " - {source: A, target: A, rule: fixed_indegree, indegree: 20, weight: {normal: {mean: 1, sd: "
    "3}}, delay: {normal: {mean: 1, sd: 1}}}\n"
    " - {source: A, target: A, rule: fixed_indegree, indegree: 20, multapses: false, autapses: "
    "false, weight: 2, delay: 1}\n"
    " - {source: B, target: A, rule: fixed_outdegree, outdegree: 31, weight: {lognormal: {mu: 0, "
    "sigma: 1}}, delay: {uniform: {low: 0.1, high: 3}}}\n"
    " - {source: A, target: A, rule: fixed_outdegree, outdegree: 31, multapses: false, autapses: "
    "false, weight: -2, delay: 1}\n"
    " - {source: A, target: B, rule: fixed_total, total: 1999, weight: {uniform: {low: -1, high: "
    "2}}, delay: 1}\n"
    " - {source: B, target: B, rule: fixed_total, total: 1999, multapses: false, autapses: false, "
    "weight: 1, delay: 1}\n"
    " - {source: Z, target: A, rule: pairwise_bernoulli, probability: 0.2, weight: 1, delay: 1}\n"
    " - {source: none, target: A, rule: all_to_all, weight: 1, delay: 1}\n"
    " - {source: A, target: none, rule: fixed_outdegree, outdegree: 0, weight: 1, delay: 1}\n"
    " - {source: A, target: B, rule: file, file: mpi_network_edges.h5, edges: all, weight: "
    "{attribute: syn_weight, scale: 0.275}, delay: {attribute: delay}}\n"
    " - {source: A, target: A, rule: file, file: mpi_network_edges.h5, edges: all, autapses: "
    "false, weight: {normal: {mean: 1, sd: 3}}, delay: {uniform: {low: 0.1, high: 3}}}\n";

static bool same(const network_edges *a, const network_edges *b) {
  return a->count == b->count && !memcmp(a->source, b->source, a->count * sizeof *a->source) &&
         !memcmp(a->weight, b->weight, a->count * sizeof *a->weight) &&
         !memcmp(a->delay, b->delay, a->count * sizeof *a->delay) &&
         !memcmp(a->receptor, b->receptor, a->count * sizeof *a->receptor);
}

/* Edges of the neurons that this rank owns against those of a network that it owns alone. */
static void compare(const model *m, const network *alone, int (*owner)(uint32_t, int)) {
  network *n = case_network(MPI_COMM_WORLD, m, owner);
  EXPECT(n != NULL);
  EXPECT(network_max_delay(n) == network_max_delay(alone));
  EXPECT(network_min_delay(n) == network_min_delay(alone));
  uint64_t edges = 0, all;
  for (uint32_t g = 0; g < m->neurons; g++) {
    const int p = model_population_of(m, g);
    for (int r = 0; r < m->population[p].neuron->receptors; r++)
      EXPECT(network_weight_scale(n, p, r) == network_weight_scale(alone, p, r));
    if (owner(g, ranks) != rank) continue;
    network_edges here = {0}, there = {0}, sources = {0};
    network_in_edges(n, g, &here);
    network_in_edges(alone, g, &there);
    network_in_sources(n, g, &sources);
    EXPECT(same(&here, &there));
    EXPECT(sources.count == here.count &&
           !memcmp(sources.source, here.source, here.count * sizeof *here.source));
    edges += here.count;
    case_free_edges(&here);
    case_free_edges(&there);
    case_free_edges(&sources);
  }
  MPI_Allreduce(&edges, &all, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
  EXPECT(all > 10000);
  network_free(n);
}

static void edges_do_not_depend_on_who_owns_whom(void) {
  const case_edges edges = some_edges();
  write_file(&edges);
  model *m = case_parse("%s", every_rule);
  EXPECT(m != NULL);
  network *alone = case_network(MPI_COMM_SELF, m, NULL);
  EXPECT(alone != NULL);
  compare(m, alone, round_robin);
  compare(m, alone, scattered);
  compare(m, alone, last_only);
  network_free(alone);
  model_free(m);
}

/* The file's edges of the targets that this rank owns, in the file's order, each with its own
 * attributes; `at` tells where those stand. */
static void expect_each_edge(const char *autapses, const int64_t *at, int (*owner)(uint32_t, int)) {
  model *m = case_parse(POPULATIONS " - {source: A, target: A, rule: file, file: %s, edges: all, "
                                    "autapses: %s, weight: {attribute: syn_weight, scale: 0.3}, "
                                    "delay: {attribute: delay}}\n",
                        file, autapses);
  EXPECT(m != NULL);
  network *n = case_network(MPI_COMM_WORLD, m, owner);
  EXPECT(n != NULL);
  for (uint32_t g = 0; g < m->neurons; g++) {
    if (owner(g, ranks) != rank) continue;
    network_edges edges = {0};
    network_in_edges(n, g, &edges);
    size_t k = 0;
    for (int i = 0; i < EDGES; i++) {
      if (target[i] + 11 != g || (autapses[0] == 'f' && source[i] == target[i])) continue;
      const int64_t a = at ? at[i] : i;
      EXPECT(k < edges.count && edges.source[k] == source[i] + 11);
      EXPECT(edges.delay[k] == lrint(delay[a] / 0.1));
      EXPECT(edges.receptor[k] == (weight[a] < 0));
      const double got = (double)edges.weight[k] * network_weight_scale(n, 1, edges.receptor[k]);
      EXPECT(fabs(got - 0.3 * weight[a]) < 1e-9);
      k++;
    }
    EXPECT(k == edges.count);
    case_free_edges(&edges);
  }
  network_free(n);
  model_free(m);
}

static void each_edge_of_a_file_lands_once_in_the_order_of_the_file(void) {
  case_edges edges = some_edges();
  write_file(&edges);
  expect_each_edge("true", NULL, round_robin);
  expect_each_edge("false", NULL, scattered);
  edges.groups = EDGES;
  edges.group = group;
  edges.index = place;
  write_file(&edges);
  expect_each_edge("true", place, scattered);
}

/* Edges by source come in the order of sources, then of their making. */
static void each_edge_of_a_source_lands_once_in_the_order_of_sources(void) {
  model *m = case_parse(POPULATIONS " - {source: A, target: B, rule: fixed_outdegree, outdegree: "
                                    "31, weight: 1, delay: 1}\n");
  EXPECT(m != NULL);
  network *n = case_network(MPI_COMM_WORLD, m, scattered);
  EXPECT(n != NULL);
  int out[NODES] = {0}, all[NODES];
  for (uint32_t g = 0; g < m->neurons; g++) {
    if (scattered(g, ranks) != rank) continue;
    network_edges edges = {0};
    network_in_edges(n, g, &edges);
    for (size_t i = 0; i < edges.count; i++) {
      EXPECT(i == 0 || edges.source[i] >= edges.source[i - 1]);
      out[edges.source[i] - 11]++;
    }
    case_free_edges(&edges);
  }
  MPI_Allreduce(out, all, NODES, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  for (int s = 0; s < NODES; s++) EXPECT(all[s] == 31);
  network_free(n);
  model_free(m);
}

/* Neither by its weight, beside which the others would be rounded away, nor by its delay. */
static void an_autapse_that_is_left_out_has_no_say(void) {
  const case_edges edges = some_edges();
  int autapses = 0;
  for (int i = 0; i < EDGES; i++)
    if (source[i] == target[i]) weight[i] = 1e11, delay[i] = 0, autapses++;
  EXPECT(autapses > 0);
  write_file(&edges);
  expect_each_edge("false", NULL, round_robin);
}

/* Before the edges travel: every rank has its slice, all slices together the file, without the
 * autapses that a projection does not take. */
static void explicit_edges_are_all_edges_of_files(void) {
  const case_edges edges = some_edges();
  write_file(&edges);
  model *m = case_parse("%s", every_rule);
  network *n = NULL;
  EXPECT(m && network_create(MPI_COMM_WORLD, m, &n) == OK);
  size_t count;
  uint32_t *from, *to;
  network_explicit_edges(n, &count, &from, &to);
  int64_t sum[3] = {(int64_t)count, 0, 0}, all[3], expected[3] = {0};
  for (size_t i = 0; i < count; i++)
    sum[1] += from[i], sum[2] += (int64_t)(mix((uint64_t)from[i] << 32 | to[i]) >> 20);
  MPI_Allreduce(sum, all, 3, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  for (int i = 0; i < EDGES; i++)
    for (int k = 0; k < 2; k++) {
      const uint64_t s = (uint64_t)source[i] + 11, t = (uint64_t)target[i] + (k ? 11 : 11 + NODES);
      if (s == t) continue;
      expected[0]++;
      expected[1] += (int64_t)s;
      expected[2] += (int64_t)(mix(s << 32 | t) >> 20);
    }
  for (int k = 0; k < 3; k++) EXPECT(all[k] == expected[k]);
  EXPECT(expected[0] < 2 * EDGES);
  const int files = m->projections - 2;
  EXPECT(network_projection_synapses(n, files) + network_projection_synapses(n, files + 1) ==
         (double)expected[0]);
  free(from);
  free(to);
  network_free(n);
  model_free(m);
}

/* ---- unsound files -------------------------------------------------------------------------- */

static void expect_refused(const char *more, const char *reason) {
  model *m =
      case_parse(POPULATIONS " - {source: A, target: A, rule: file, file: %s, edges: all, weight: "
                             "{attribute: syn_weight}, delay: {attribute: delay}%s}\n",
                 file, more);
  EXPECT(m != NULL);
  MPI_Barrier(MPI_COMM_WORLD);
  EXPECT(case_network(MPI_COMM_WORLD, m, round_robin) == NULL);
  if (!strstr(check_message(), reason)) fprintf(stderr, "wanted: %s\n", reason);
  EXPECT(strstr(check_message(), "net.yaml:4: ") && strstr(check_message(), file));
  EXPECT(strstr(check_message(), reason));
  char first[4096] = "";
  snprintf(first, sizeof first, "%s", check_message());
  MPI_Bcast(first, sizeof first, MPI_CHAR, 0, MPI_COMM_WORLD);
  EXPECT(!strcmp(first, check_message())); /* one message */
  check_clear();
  model_free(m);
}

static void a_file_that_is_missing_or_no_hdf5_is_refused(void) {
  if (rank == 0) unlink(file);
  expect_refused("", "cannot be read: No such file");
  if (rank == 0) {
    FILE *text = fopen(file, "w");
    for (int i = 0; i < 1000; i++) fputs("pre,post,count\n", text);
    fclose(text);
  }
  expect_refused("", "is not an HDF5 file, or is truncated");
}

static void a_truncated_file_is_refused(void) {
  const case_edges edges = some_edges();
  const int parts[] = {99, 50, 10};
  for (int k = 0; k < 3; k++) {
    write_file(&edges);
    if (rank == 0) {
      FILE *whole = fopen(file, "r");
      fseek(whole, 0, SEEK_END);
      const long size = ftell(whole);
      fclose(whole);
      EXPECT(truncate(file, size * parts[k] / 100) == 0);
    }
    expect_refused("", "is not an HDF5 file, or is truncated");
  }
}

static void refuse(const case_edges *edges, const char *reason) {
  write_file(edges);
  expect_refused("", reason);
}

static void ids_out_of_range_are_refused_wherever_they_stand(void) {
  const int places[] = {0, EDGES / 2, EDGES - 1};
  for (int k = 0; k < 3; k++) {
    case_edges edges = some_edges();
    char reason[128];
    source[places[k]] = NODES;
    snprintf(reason, sizeof reason,
             "source_node_id[%d] is 83, but the population has nodes 0 to 82", places[k]);
    refuse(&edges, reason);
    edges = some_edges();
    target[places[k]] = -1;
    snprintf(reason, sizeof reason, "target_node_id[%d] is -1", places[k]);
    refuse(&edges, reason);
    edges = some_edges();
    target[places[k]] = INT64_C(1) << 32; /* 0 in 32 bits */
    snprintf(reason, sizeof reason, "target_node_id[%d] is 4294967296", places[k]);
    refuse(&edges, reason);
  }
}

static void arrays_that_do_not_fit_each_other_are_refused(void) {
  case_edges edges = some_edges();
  edges.targets--;
  refuse(&edges, "source_node_id has 2011 entries, target_node_id 2010: they must be equal");
  edges = some_edges();
  edges.weights--;
  refuse(&edges, "/edges/all/0/syn_weight has 2010 entries");
  edges = some_edges();
  edges.weight = NULL;
  refuse(&edges, "has no dataset /edges/all/0/syn_weight");
  edges = some_edges();
  edges.source = NULL;
  refuse(&edges, "has no dataset /edges/all/source_node_id");
  edges = some_edges();
  edges.population = "other";
  refuse(&edges, "has no edge population 'all'");
}

static void attributes_that_stand_nowhere_are_refused(void) {
  case_edges edges = some_edges();
  edges.groups = EDGES;
  edges.group = group;
  edges.index = place;
  place[EDGES - 1] = EDGES;
  refuse(&edges, "stands at index 2011");
  place[EDGES - 1] = -1;
  refuse(&edges, "stands at index -1");
  place[EDGES - 1] = 0;
  group[EDGES / 2] = 3;
  refuse(&edges, "has no dataset /edges/all/3/syn_weight");
  group[EDGES / 2] = INT64_C(1) << 32;
  refuse(&edges, "has no dataset /edges/all/4294967296/syn_weight");
  group[EDGES / 2] = 0;
  edges.groups--;
  refuse(&edges, "must be equal");
}

static void weights_and_delays_that_are_no_numbers_are_refused(void) {
  case_edges edges = some_edges();
  edges.integer_weights = false;
  weight[EDGES / 3] = NAN;
  refuse(&edges, "syn_weight[670] is nan");
  weight[EDGES / 3] = INFINITY;
  refuse(&edges, "syn_weight[670] is inf");
  weight[EDGES / 3] = -1e300;
  refuse(&edges, "edge 670 has a weight of -1e+300");
  weight[EDGES / 3] = 1;
  delay[EDGES - 1] = 0.04;
  refuse(&edges, "edge 2010 has a delay of 0.04 ms");
  delay[EDGES - 1] = 900;
  refuse(&edges, "edge 2010 has a delay of 900 ms");
  delay[EDGES - 1] = -1;
  refuse(&edges, "edge 2010 has a delay of -1 ms");
  delay[EDGES - 1] = NAN;
  refuse(&edges, "delay[2010] is nan");
}

static void multapses_of_a_file_are_refused_where_they_are_excluded(void) {
  case_edges edges = some_edges();
  write_file(&edges);
  expect_refused(", multapses: false", "holds several edges from node");
}

static void a_file_without_edges_is_sound(void) {
  case_edges edges = some_edges();
  edges.sources = edges.targets = edges.weights = edges.delays = 0;
  write_file(&edges);
  model *m =
      case_parse(POPULATIONS " - {source: A, target: A, rule: file, file: %s, edges: all, weight: "
                             "{attribute: syn_weight}, delay: {attribute: delay}}\n",
                 file);
  EXPECT(m != NULL);
  network *n = case_network(MPI_COMM_WORLD, m, round_robin);
  EXPECT(n != NULL && network_max_delay(n) == 1 && network_min_delay(n) == 1 &&
         network_expected_synapses(n) == 0);
  network_free(n);
  model_free(m);
}

static void fewer_edges_than_ranks_are_sound(void) {
  case_edges edges = some_edges();
  edges.sources = edges.targets = edges.weights = edges.delays = 1;
  write_file(&edges);
  model *m =
      case_parse(POPULATIONS " - {source: A, target: A, rule: file, file: %s, edges: all, weight: "
                             "{attribute: syn_weight}, delay: {attribute: delay}}\n",
                 file);
  EXPECT(m != NULL);
  network *n = case_network(MPI_COMM_WORLD, m, round_robin);
  EXPECT(n != NULL);
  const uint32_t gid = (uint32_t)target[0] + 11;
  if (round_robin(gid, ranks) == rank) {
    network_edges got = {0};
    network_in_edges(n, gid, &got);
    EXPECT(got.count == 1 && got.source[0] == source[0] + 11);
    case_free_edges(&got);
  }
  network_free(n);
  model_free(m);
}

int main(int argc, char **argv) {
  promise_start(&argc, &argv);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  char folder[] = "network_XXXXXX"; /* of its own: tests may run side by side */
  if (rank == 0) EXPECT(mkdtemp(folder) != NULL);
  MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD);
  EXPECT(chdir(folder) == 0);
  void (*const promise[])(void) = {
      edges_do_not_depend_on_who_owns_whom,
      each_edge_of_a_file_lands_once_in_the_order_of_the_file,
      each_edge_of_a_source_lands_once_in_the_order_of_sources,
      an_autapse_that_is_left_out_has_no_say,
      explicit_edges_are_all_edges_of_files,
      a_file_that_is_missing_or_no_hdf5_is_refused,
      a_truncated_file_is_refused,
      ids_out_of_range_are_refused_wherever_they_stand,
      arrays_that_do_not_fit_each_other_are_refused,
      attributes_that_stand_nowhere_are_refused,
      weights_and_delays_that_are_no_numbers_are_refused,
      multapses_of_a_file_are_refused_where_they_are_excluded,
      a_file_without_edges_is_sound,
      fewer_edges_than_ranks_are_sound,
  };
  PROMISE_KEEP(promise);
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 0) EXPECT(unlink(file) == 0 && chdir("..") == 0 && rmdir(folder) == 0);
  MPI_Finalize();
}
