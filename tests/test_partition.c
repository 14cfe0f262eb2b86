/* The graph of a partition and its division: what they promise to the rest of partition/. */
#include "../partition/partition_coarsen.h"
#include "../partition/partition_graph.h"
#include "../partition/partition_rules.h"
#include "partition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

/* `clusters` of `size` vertices: each sends to `inside` others of its cluster and one anywhere. */
enum { CLUSTERS = 16, SIZE = 50, INSIDE = 8, VERTICES = CLUSTERS * SIZE };
enum { EDGES = VERTICES * (INSIDE + 1) };

static uint32_t draw(uint32_t *state, uint32_t below) {
  *state = *state * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)*state * below) >> 32);
}

static void list_edges(uint32_t *source, uint32_t *target) {
  uint32_t state = 7;
  size_t e = 0;
  for (uint32_t v = 0; v < VERTICES; v++)
    for (int i = 0; i <= INSIDE; i++, e++) {
      source[e] = v;
      /* clusters are every CLUSTERS-th vertex, so that their numbers do not give them away */
      target[e] =
          i < INSIDE ? draw(&state, SIZE) * CLUSTERS + v % CLUSTERS : draw(&state, VERTICES);
    }
}

static partition_graph make_graph(bool reversed) {
  uint32_t *source = malloc(EDGES * sizeof *source), *target = malloc(EDGES * sizeof *target);
  double rate[VERTICES];
  list_edges(source, target);
  if (reversed)
    for (size_t i = 0, j = EDGES - 1; i < j; i++, j--) {
      const uint32_t s = source[i], t = target[i];
      source[i] = source[j];
      target[i] = target[j];
      source[j] = s;
      target[j] = t;
    }
  for (int v = 0; v < VERTICES; v++) rate[v] = 1 + v % 3;
  partition_graph g;
  partition_graph_build(&g, VERTICES, EDGES, source, target, rate);
  return g;
}

/* Volume as its definition says, from the list of edges. */
static double volume_by_definition(const partition_graph *g, int parts, const int32_t *part) {
  static uint32_t source[EDGES], target[EDGES];
  bool *hit = calloc((size_t)VERTICES * (size_t)parts, sizeof *hit);
  double volume = 0;
  list_edges(source, target);
  for (size_t e = 0; e < EDGES; e++)
    hit[source[e] * (size_t)parts + (size_t)part[target[e]]] = true;
  for (int v = 0; v < VERTICES; v++)
    for (int p = 0; p < parts; p++)
      if (hit[(size_t)v * (size_t)parts + (size_t)p] && p != part[v]) volume += g->cost[v];
  free(hit);
  return volume;
}

static void graph_does_not_depend_on_the_order_of_edges(void **state) {
  (void)state;
  partition_graph a = make_graph(false), b = make_graph(true);
  assert_int_equal(a.out_first[VERTICES], b.out_first[VERTICES]);
  assert_memory_equal(a.out_first, b.out_first, (VERTICES + 1) * sizeof *a.out_first);
  assert_memory_equal(a.in_first, b.in_first, (VERTICES + 1) * sizeof *a.in_first);
  assert_memory_equal(a.out, b.out, a.out_first[VERTICES] * sizeof *a.out);
  assert_memory_equal(a.in, b.in, a.out_first[VERTICES] * sizeof *a.in);
  for (int c = 0; c < PARTITION_LOADS; c++)
    assert_memory_equal(a.load[c], b.load[c], VERTICES * sizeof(double));
  partition_graph_free(&a);
  partition_graph_free(&b);
}

static void graph_counts_every_edge_as_events_and_every_link_once(void **state) {
  (void)state;
  partition_graph g = make_graph(false);
  double events = 0, expected = 0;
  for (int v = 0; v < VERTICES; v++) {
    events += g.load[PARTITION_LOAD_EVENTS][v];
    expected += (1 + v % 3) * (INSIDE + 1.0);
    for (size_t e = g.out_first[v]; e < g.out_first[v + 1]; e++) {
      assert_int_not_equal(g.out[e], v);
      if (e > g.out_first[v]) assert_true(g.out[e] > g.out[e - 1]);
    }
  }
  assert_float_equal(events, expected, 1e-6);
  partition_graph_free(&g);
}

static void volume_is_that_of_its_definition(void **state) {
  (void)state;
  partition_graph g = make_graph(false);
  uint32_t random = 3;
  int32_t part[VERTICES];
  for (int v = 0; v < VERTICES; v++) part[v] = (int32_t)draw(&random, 5);
  assert_float_equal((double)partition_graph_volume(&g, 5, part), volume_by_definition(&g, 5, part),
                     0.5);
  partition_graph_free(&g);
}

static void refinement_lowers_the_volume_and_keeps_the_balance(void **state) {
  (void)state;
  partition_graph g = make_graph(false);
  for (int parts = 2; parts <= 8; parts++) {
    int32_t part[VERTICES];
    for (int v = 0; v < VERTICES; v++) part[v] = v / CLUSTERS % parts; /* against the clusters */
    const int64_t before = partition_graph_volume(&g, parts, part);
    const int64_t after = partition_refine(&g, parts, 1.05, part);
    assert_true(after < before);
    assert_float_equal((double)after, volume_by_definition(&g, parts, part), 0.5);
    for (int c = 0; c < PARTITION_LOADS; c++)
      assert_true(partition_graph_imbalance(&g, c, parts, part) <= 1.05 + 1e-9);
  }
  partition_graph_free(&g);
}

static void refinement_eases_overloaded_parts(void **state) {
  (void)state;
  partition_graph g = make_graph(false);
  int32_t part[VERTICES];
  for (int v = 0; v < VERTICES; v++) part[v] = v < VERTICES / 8; /* a part with an eighth of all */
  partition_refine(&g, 2, 1.05, part);
  for (int c = 0; c < PARTITION_LOADS; c++)
    assert_true(partition_graph_imbalance(&g, c, 2, part) <= 1.05 + 1e-9);
  partition_graph_free(&g);
}

static void division_finds_clusters(void **state) {
  (void)state;
  partition_graph g = make_graph(false);
  int32_t part[VERTICES], again[VERTICES];
  assert_int_equal(partition_graph_divide(&g, 8, part), OK);
  for (int c = 0; c < PARTITION_LOADS; c++)
    assert_true(partition_graph_imbalance(&g, c, 8, part) <= PARTITION_IMBALANCE_BOUND);
  /* two clusters a part; what is left are the edges that go anywhere: seven eighths of one each  */
  int64_t cost = 0;
  for (int v = 0; v < VERTICES; v++) cost += g.cost[v];
  assert_true(partition_graph_volume(&g, 8, part) < 1.1 * (double)cost);
  assert_int_equal(partition_graph_divide(&g, 8, again), OK);
  assert_memory_equal(part, again, sizeof part);
  partition_graph_free(&g);
}

static void more_parts_than_vertices_leave_parts_empty(void **state) {
  (void)state;
  uint32_t *source = calloc(2, sizeof *source), *target = calloc(2, sizeof *target);
  const double rate[3] = {1, 1, 1};
  int32_t part[3];
  partition_graph g;
  target[0] = 1;
  source[1] = 1;
  target[1] = 2;
  partition_graph_build(&g, 3, 2, source, target, rate);
  assert_int_equal(partition_graph_divide(&g, 7, part), OK);
  for (int v = 0; v < 3; v++) assert_in_range(part[v], 0, 6);
  partition_graph_free(&g);
}

static void overflow_of_metis_numbers_is_a_clear_error(void **state) {
  (void)state;
  check_clear();
  assert_int_equal(partition_graph_fits("the number of adjacency entries", 2147483647, 2147483647),
                   OK);
  assert_int_equal(partition_graph_fits("the number of adjacency entries", 2147483648, 2147483647),
                   ERR_USER);
  assert_non_null(strstr(check_message(), "the number of adjacency entries is 2147483648"));
  assert_non_null(strstr(check_message(), "2147483647"));
  assert_non_null(strstr(check_message(), "block, round_robin or random"));
  check_clear();
}

/* ---- rules ---- */

static model *parse(const char *text) {
  model *m = NULL;
  if (model_parse("test.yaml", text, strlen(text), 0, NULL, &m) != OK)
    fail_msg("%s", check_message());
  return m;
}

#define HEAD                                                                                       \
  "simulation: {dt: 0.1, duration: 1.0, seed: 1}\n"                                                \
  "neurons: {n: {model: iaf_psc_exp}}\n"

static void large_graphs_are_divided_by_a_share_of_their_edges(void **state) {
  (void)state;
  bool whole;
  assert_true(partition_coarsen_share(1e5, 1e7, 3e9, &whole) == 1 && whole);
  const double share = partition_coarsen_share(1e5, 1e9, 3e9, &whole);
  assert_true(whole && share * 1e9 >= 30 * 1e5);
  assert_true(partition_graph_bytes(1e5, share * 1e9) <= 3e9);
  assert_true(partition_graph_bytes(1e5, share * 1e9) > 2.7e9);
  assert_true(partition_coarsen_share(1e8, 1e11, 3e9, &whole) == 0.1 && !whole);
  assert_true(partition_coarsen_share(1e8, 1e9, 3e9, &whole) == 1 && !whole);
}

static void no_rank_is_predicted_to_hold_the_whole_graph(void **state) {
  (void)state;
  double first, other;
  partition_metis_bytes(1e5, 1e9, 128, &first, &other);
  assert_true(first <= PARTITION_GRAPH_BYTES && other < first);
  partition_metis_bytes(1e7, 1e10, 64, &first, &other); /* links between few groups fall together */
  assert_true(first == PARTITION_GRAPH_BYTES && other < first);
  partition_metis_bytes(1e8, 1e11, 1024, &first, &other); /* hardly any do */
  assert_true(first > PARTITION_GRAPH_BYTES && first < 1e11);
}

static void each_rule_expects_its_number_of_synapses(void **state) {
  (void)state;
  static const struct {
    const char *rule;
    double synapses;
  } rules[] = {
      {"rule: fixed_indegree, indegree: 7", 7 * 200},
      {"rule: fixed_outdegree, outdegree: 7", 7 * 100},
      {"rule: fixed_total, total: 1234", 1234},
      {"rule: pairwise_bernoulli, probability: 0.25", 0.25 * 100 * 200},
      {"rule: all_to_all", 100 * 200},
  };
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    char text[1024];
    snprintf(text, sizeof text,
             HEAD "populations: {a: {size: 100, neuron: n, expected_rate: 3.0},\n"
                  "  b: {size: 200, neuron: n}}\n"
                  "projections: [{source: a, target: b, %s, weight: 1.0, delay: 1.0}]\n",
             rules[i].rule);
    model *m = parse(text);
    assert_float_equal(partition_rule_synapses(m, 0), rules[i].synapses, 1e-9);
    assert_float_equal(partition_rule_events(m, 1, true), rules[i].synapses / 200 * 3, 1e-9);
    assert_float_equal(partition_rule_log_miss(m, 0, 0), 0, 0);
    assert_true(partition_rule_log_miss(m, 0, 50) < 0);
    model_free(m);
  }
}

/* Two modules that hardly speak to each other: worth keeping apart. */
static void modules_of_a_rule_network_stay_together(void **state) {
  (void)state;
  model *m = parse(
      HEAD
      "populations: {a: {size: 1000, neuron: n}, b: {size: 400, neuron: n},\n"
      "  c: {size: 1000, neuron: n}, d: {size: 400, neuron: n}}\n"
      "projections:\n"
      "- {source: a, target: b, rule: fixed_indegree, indegree: 100, weight: 1.0, delay: 1.0}\n"
      "- {source: b, target: a, rule: fixed_indegree, indegree: 40, weight: 1.0, delay: 1.0}\n"
      "- {source: c, target: d, rule: fixed_indegree, indegree: 100, weight: 1.0, delay: 1.0}\n"
      "- {source: d, target: c, rule: fixed_indegree, indegree: 40, weight: 1.0, delay: 1.0}\n"
      "- {source: a, target: c, rule: fixed_total, total: 20, weight: 1.0, delay: 1.0}\n");
  const bool chosen[4] = {true, true, true, true}, take[5] = {true, true, true, true, true};
  uint32_t count[8], share[8];
  double volume[2], share_volume[2], log_miss[8] = {0}, share_log_miss[8] = {0};
  assert_int_equal(partition_rules_divide(m, 2, chosen, count), OK);
  partition_rules_share(m, 2, chosen, share);
  partition_rules_log_miss(m, 2, count, take, log_miss);
  partition_rules_log_miss(m, 2, share, take, share_log_miss);
  partition_rules_volume(m, 2, count, log_miss, volume);
  partition_rules_volume(m, 2, share, share_log_miss, share_volume);
  assert_true(volume[0] < share_volume[0] / 20);
  model_free(m);
}

/* Every neuron of a dense network has targets everywhere: nothing to gain, so all is even.       */
static void dense_rule_network_is_balanced_within_2_percent(void **state) {
  (void)state;
  model *m = parse(
      HEAD
      "populations: {e: {size: 8000, neuron: n, expected_rate: 2.0},\n"
      "  i: {size: 1990, neuron: n, expected_rate: 9.0}, x: {size: 333, neuron: n}}\n"
      "projections:\n"
      "- {source: e, target: e, rule: fixed_indegree, indegree: 800, weight: 1.0, delay: 1.0}\n"
      "- {source: e, target: i, rule: fixed_indegree, indegree: 300, weight: 1.0, delay: 1.0}\n"
      "- {source: i, target: e, rule: fixed_indegree, indegree: 200, weight: 1.0, delay: 1.0}\n"
      "- {source: x, target: i, rule: pairwise_bernoulli, probability: 0.1, weight: 1.0, delay: "
      "1.0}\n");
  const bool chosen[3] = {true, true, true};
  for (int parts = 1; parts <= 32; parts *= 2) {
    uint32_t count[3 * 32] = {0};
    double most[2] = {0}, sum[2] = {0};
    assert_int_equal(partition_rules_divide(m, parts, chosen, count), OK);
    for (int k = 0; k < parts; k++) {
      double load[2] = {0};
      for (int p = 0; p < 3; p++) {
        load[0] += count[p * parts + k];
        load[1] += count[p * parts + k] * partition_rule_events(m, p, true);
      }
      for (int c = 0; c < 2; c++) {
        sum[c] += load[c];
        most[c] = fmax(most[c], load[c]);
      }
    }
    assert_float_equal(sum[0], m->neurons, 0);
    for (int c = 0; c < 2; c++) assert_true(most[c] <= 1.02 * sum[c] / parts);
  }
  model_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(graph_does_not_depend_on_the_order_of_edges),
      cmocka_unit_test(graph_counts_every_edge_as_events_and_every_link_once),
      cmocka_unit_test(volume_is_that_of_its_definition),
      cmocka_unit_test(refinement_lowers_the_volume_and_keeps_the_balance),
      cmocka_unit_test(refinement_eases_overloaded_parts),
      cmocka_unit_test(division_finds_clusters),
      cmocka_unit_test(more_parts_than_vertices_leave_parts_empty),
      cmocka_unit_test(overflow_of_metis_numbers_is_a_clear_error),
      cmocka_unit_test(large_graphs_are_divided_by_a_share_of_their_edges),
      cmocka_unit_test(no_rank_is_predicted_to_hold_the_whole_graph),
      cmocka_unit_test(each_rule_expects_its_number_of_synapses),
      cmocka_unit_test(modules_of_a_rule_network_stay_together),
      cmocka_unit_test(dense_rule_network_is_balanced_within_2_percent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
