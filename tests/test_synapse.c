/* What synapse.h promises: delivery by cursors is the plain sum over all edges, in both widths, for
 * runs of any length, from both ways of building, and after a resumption. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "network_cases.h"
#include "synapse.h"

#include <cmocka.h>

static uint64_t mix(uint64_t x) {
  x = (x ^ x >> 31) * UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ x >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
  return x ^ x >> 32;
}

enum { STEPS = 300 };

/* Some neurons fire often, most seldom, some in every step: bursts within one delay. */
static bool fires(uint32_t gid, int64_t step) {
  if (step < 1 || step > STEPS) return false;
  if (gid % 97 == 5) return step % 50 < 10;
  return mix(gid * UINT64_C(1000003) + (uint64_t)step) % 40 == 0;
}

typedef struct { /* every other neuron of a model, as one block; its edges as a plain list */
  model *m;
  network *n;
  uint32_t neurons, *gid;
  network_edges edges;
  uint32_t *target; /* [edges.count] place in the block */
  synapse_block block;
} bench;

static void set_up(bench *b, uint32_t stride, const char *text) {
  *b = (bench){.m = case_parse("%s", text)};
  assert_non_null(b->m);
  b->n = case_network(MPI_COMM_SELF, b->m, NULL);
  if (!b->n) fail_msg("%s", check_message());
  const uint32_t last = b->m->neurons < 4000 ? b->m->neurons : 4000;
  b->gid = check_allocate(last, sizeof *b->gid);
  size_t capacity = 0;
  for (uint32_t g = 0; g < last; g += stride) {
    const size_t before = b->edges.count;
    network_in_edges(b->n, g, &b->edges);
    b->target = check_grow(b->target, &capacity, b->edges.count + 1, sizeof *b->target);
    for (size_t i = before; i < b->edges.count; i++) b->target[i] = b->neurons;
    b->gid[b->neurons++] = g;
  }
  if (synapse_build(b->n, b->neurons, b->gid, &b->block) != OK) fail_msg("%s", check_message());
  assert_int_equal(b->block.synapses, b->edges.count);
}

static void tear_down(bench *b) {
  synapse_free(&b->block);
  case_free_edges(&b->edges);
  free(b->target);
  free(b->gid);
  network_free(b->n);
  model_free(b->m);
}

/* Input of a step, by looking at every edge; returns the number of events. */
static uint64_t plain_input(const bench *b, int64_t step, int64_t *input) {
  uint64_t events = 0;
  memset(input, 0, (size_t)b->block.receptors * b->neurons * sizeof *input);
  for (size_t i = 0; i < b->edges.count; i++) {
    if (!fires(b->edges.source[i], step - b->edges.delay[i])) continue;
    input[b->edges.receptor[i] * b->neurons + b->target[i]] += b->edges.weight[i];
    events++;
  }
  return events;
}

static void note_spikes(const bench *b, synapse_block *block, int64_t step, int64_t after) {
  uint32_t *gid = check_allocate(b->m->neurons, sizeof *gid);
  size_t count = 0;
  for (uint32_t g = 0; g < b->m->neurons; g++)
    if (fires(g, step)) gid[count++] = g;
  synapse_spikes(block, count, gid, step, after);
  free(gid);
}

/* One step as the step loop takes it: older runs, then the newest spikes. */
static uint64_t take_step(const bench *b, synapse_block *block, int64_t step) {
  synapse_deliver(block, step);
  note_spikes(b, block, step - 1, step - 1);
  synapse_deliver(block, step);
  return synapse_finish(block, step);
}

static void expect_input(const bench *b, synapse_block *block, const int64_t *input) {
  void *have = block->input;
  const size_t places = (size_t)b->block.receptors * b->neurons;
  for (size_t i = 0; i < places; i++) {
    const int64_t got = block->wide ? ((int64_t *)have)[i] : ((int32_t *)have)[i];
    if (got != input[i])
      fail_msg("place %zu: %lld instead of %lld", i, (long long)got, (long long)input[i]);
  }
  memset(have, 0, places * (block->wide ? 8 : 4));
}

static void expect_plain_sums(const char *text, uint32_t stride, uint64_t least_events) {
  bench b;
  set_up(&b, stride, text);
  int64_t *input = check_allocate((size_t)b.block.receptors * b.neurons, sizeof *input);
  uint64_t sum = 0;
  for (int64_t step = 1; step <= STEPS + 20; step++) {
    const uint64_t events = take_step(&b, &b.block, step);
    assert_true(events == plain_input(&b, step, input));
    expect_input(&b, &b.block, input);
    sum += events;
  }
  if (sum < least_events) fail_msg("only %llu events", (unsigned long long)sum);
  free(input);
  tear_down(&b);
}

/* All rules, both signs, delays of one step among them. */
#define MIXED(precision, extra)                                                                    \
  "simulation: {dt: 0.1, duration: 10, precision: " precision "}\n"                                \
  "populations:\n"                                                                                 \
  "  A: {size: 300, neuron: iaf_psc_exp}\n"                                                        \
  "  F: {size: 50, neuron: shiu_lif}\n"                                                            \
  "  P: {size: 40, neuron: parrot}\n" extra "projections:\n"                                       \
  " - {source: A, target: A, rule: fixed_indegree, indegree: 60, weight: {normal: {mean: 10, "     \
  "sd: 8}}, delay: {normal: {mean: 1, sd: 0.7}}}\n"                                                \
  " - {source: A, target: A, rule: all_to_all, weight: -3, delay: {uniform: {low: 0.1, high: "     \
  "2}}}\n"                                                                                         \
  " - {source: P, target: F, rule: all_to_all, weight: 3, delay: 0.1}\n"                           \
  " - {source: A, target: F, rule: fixed_total, total: 3000, weight: 2, delay: 0.1, receptor: "    \
  "v}\n"                                                                                           \
  " - {source: A, target: F, rule: fixed_outdegree, outdegree: 3, weight: -2, delay: 0.1}\n"       \
  " - {source: F, target: P, rule: pairwise_bernoulli, probability: 0.3, weight: 1, delay: 3}\n"

static void narrow_delivery_is_the_plain_sum(void **state) {
  (void)state;
  expect_plain_sums(MIXED("single", ""), 1, 100000);
  expect_plain_sums(MIXED("single", ""), 3, 10000);
}

static void wide_delivery_is_the_plain_sum(void **state) {
  (void)state;
  expect_plain_sums(MIXED("double", ""), 1, 100000);
  expect_plain_sums(MIXED("double", ""), 2, 10000);
}

/* More than 256 pairs of delay and receptor, and a slot wheel longer than the program of spikes. */
static void long_delays_are_the_plain_sum(void **state) {
  (void)state;
  expect_plain_sums("simulation: {dt: 0.1, duration: 10}\n"
                    "populations: {A: {size: 200, neuron: iaf_psc_exp}}\n"
                    "projections:\n"
                    " - {source: A, target: A, rule: fixed_indegree, indegree: 50, weight: "
                    "{normal: {mean: 0, sd: 5}}, delay: {uniform: {low: 0.1, high: 30}}}\n"
                    " - {source: A, target: A, rule: one_to_one, weight: 5, delay: 819.1}\n",
                    1, 1000);
}

/* Several receptors, one delay: both runs of a source are due in one step. */
static void receptors_of_one_delay_are_all_served(void **state) {
  (void)state;
  expect_plain_sums("simulation: {dt: 0.1, duration: 10}\n"
                    "populations: {A: {size: 100, neuron: iaf_psc_exp}}\n"
                    "projections:\n"
                    " - {source: A, target: A, rule: all_to_all, weight: {uniform: {low: -1, "
                    "high: 1}}, delay: 0.1}\n"
                    " - {source: A, target: A, rule: all_to_all, weight: {uniform: {low: -1, "
                    "high: 1}}, delay: 0.7}\n",
                    1, 10000);
}

static void more_synapses_than_a_run_header_counts_are_all_delivered(void **state) {
  (void)state;
  const char *const text =
      "simulation: {dt: 0.1, duration: 10}\n"
      "populations: {A: {size: 6, neuron: iaf_psc_exp}}\n"
      "projections: [{source: A, target: A, rule: fixed_indegree, indegree: 120000, weight: %s, "
      "delay: %s}]\n";
  char filled[1024];
  snprintf(filled, sizeof filled, text, "1", "0.1"); /* 120,000 from each source: two runs */
  expect_plain_sums(filled, 1, 1000000);
  bench b;
  set_up(&b, 1, filled);
  assert_true(b.block.runs > b.block.sources);
  for (uint32_t i = 0; i < b.block.sources; i++)
    assert_false(synapse_is_last(b.block.source[i].first.run));
  tear_down(&b);
}

/* ---- what the tables hold -------------------------------------------------------------------- */

static void synapses_lie_by_source_delay_receptor_and_target(void **state) {
  (void)state;
  bench b;
  set_up(&b, 1, MIXED("single", ""));
  const synapse_block *s = &b.block;
  uint32_t place = 0, synapses = 0, runs = 0;
  for (uint32_t i = 0; i < s->sources; i++) {
    assert_true(i == 0 || s->source[i].gid > s->source[i - 1].gid);
    assert_int_equal(s->source[i].first.place, place);
    int key = -1;
    for (synapse_cursor c = s->source[i].first;; c = synapse_next(s, c)) {
      const uint32_t *synapse = (uint32_t *)s->synapse + c.place, count = synapse_count(c.run);
      assert_true(count >= 1 && synapse_delay(c.run) >= 1 &&
                  synapse_delay(c.run) * 4 + (int)synapse_receptor(c.run) > key);
      key = synapse_delay(c.run) * 4 + (int)synapse_receptor(c.run);
      for (uint32_t k = 1; k < count; k++)
        assert_true((synapse[k] & 0xffff) >= (synapse[k - 1] & 0xffff));
      synapses += count;
      runs++;
      place = c.place + count;
      if (synapse_is_last(c.run)) break;
    }
  }
  assert_int_equal(synapses, s->synapses);
  assert_int_equal(runs, s->runs);
  assert_int_equal(place, s->synapses + s->runs - s->sources);
  assert_true(synapse_bytes(s) >= 4 * ((size_t)s->synapses + s->runs));
  tear_down(&b);
}

/* A crowd behind the network makes its block a sparse one: nothing that it holds may differ. */
static void few_synapses_in_a_large_network_are_built_alike(void **state) {
  (void)state;
  bench dense, sparse;
  set_up(&dense, 3, MIXED("single", ""));
  set_up(&sparse, 3, MIXED("single", "  Z: {size: 2000000, neuron: iaf_psc_exp}\n"));
  const synapse_block *a = &dense.block, *b = &sparse.block;
  assert_int_equal(a->bucket_shift, 0);
  assert_true(b->bucket_shift > 0); /* no table as long as the network */
  assert_true(synapse_bytes(b) < 2000000);
  assert_int_equal(a->synapses, b->synapses);
  assert_int_equal(a->runs, b->runs);
  assert_int_equal(a->sources, b->sources);
  assert_memory_equal(a->synapse, b->synapse, (a->synapses + a->runs - a->sources) * 4);
  assert_memory_equal(a->source, b->source, a->sources * sizeof *a->source);
  tear_down(&dense);
  tear_down(&sparse);
}

static void spikes_in_a_large_network_find_their_synapses(void **state) {
  (void)state;
  bench b;
  set_up(&b, 1,
         MIXED("single", "  Z: {size: 3000, neuron: iaf_psc_exp}\n") " - {source: Z, target: A, "
                                                                     "rule: fixed_total, total: "
                                                                     "500, weight: 3, delay: 1}\n");
  int64_t *input = check_allocate((size_t)b.block.receptors * b.neurons, sizeof *input);
  for (int64_t step = 1; step <= 60; step++) {
    take_step(&b, &b.block, step);
    plain_input(&b, step, input);
    expect_input(&b, &b.block, input);
  }
  free(input);
  tear_down(&b);
}

/* More than are sorted at once: each source has its own synapses, in the order of targets. */
static void every_one_of_very_many_sources_has_its_synapses(void **state) {
  (void)state;
  enum { SOURCES = 700000, TARGETS = 2 };
  model *m = case_parse("simulation: {dt: 0.1, duration: 10}\n"
                        "populations: {P: {size: 700000, neuron: parrot}, "
                        "X: {size: 2, neuron: iaf_psc_exp}}\n"
                        "projections: [{source: P, target: X, rule: all_to_all, "
                        "weight: {uniform: {low: 1, high: 2}}, delay: 1}]\n");
  assert_non_null(m);
  network *n = case_network(MPI_COMM_SELF, m, NULL);
  assert_non_null(n);
  const uint32_t gid[TARGETS] = {SOURCES, SOURCES + 1};
  synapse_block b;
  assert_int_equal(synapse_build(n, TARGETS, gid, &b), OK);
  assert_int_equal(b.sources, SOURCES);
  for (uint32_t target = 0; target < TARGETS; target++) {
    network_edges edges = {0};
    network_in_edges(n, gid[target], &edges);
    assert_int_equal(edges.count, SOURCES);
    for (uint32_t i = 0; i < SOURCES; i++) {
      const uint32_t *synapse = (uint32_t *)b.synapse + b.source[i].first.place;
      assert_int_equal(b.source[i].gid, edges.source[i]);
      assert_int_equal(synapse[target], (uint32_t)edges.weight[i] << 16 | target);
    }
    case_free_edges(&edges);
  }
  synapse_free(&b);
  network_free(n);
  model_free(m);
}

static void a_block_without_neurons_or_synapses_is_no_trouble(void **state) {
  (void)state;
  bench b;
  set_up(&b, 1,
         "simulation: {dt: 0.1, duration: 10}\n"
         "populations: {A: {size: 9, neuron: iaf_psc_exp}}\n");
  for (int64_t step = 1; step < 30; step++) assert_int_equal(take_step(&b, &b.block, step), 0);
  synapse_block empty;
  assert_int_equal(synapse_build(b.n, 0, b.gid, &empty), OK);
  for (int64_t step = 1; step < 30; step++) assert_int_equal(take_step(&b, &empty, step), 0);
  synapse_free(&empty);
  tear_down(&b);
}

/* ---- resumption ------------------------------------------------------------------------------ */

static void expect_resumed(const char *text, int64_t done) {
  bench b;
  set_up(&b, 2, text);
  int64_t *input = check_allocate((size_t)b.block.receptors * b.neurons, sizeof *input);
  for (int64_t step = 1; step <= 7; step++) take_step(&b, &b.block, step);
  synapse_reset(&b.block); /* of whatever was under way */
  for (int64_t step = done - network_max_delay(b.n); step < done; step++)
    note_spikes(&b, &b.block, step, done);
  for (int64_t step = done + 1; step <= done + 40; step++) {
    const uint64_t events = take_step(&b, &b.block, step);
    assert_true(events == plain_input(&b, step, input));
    expect_input(&b, &b.block, input);
  }
  free(input);
  tear_down(&b);
}

static void delivery_goes_on_after_a_resumption_as_if_unbroken(void **state) {
  (void)state;
  for (int64_t done = 1; done < 80; done += 13) {
    expect_resumed(MIXED("single", ""), done);
    expect_resumed(MIXED("double", ""), done);
  }
}

/* ---- sums that would not fit ------------------------------------------------------------------
 */

static void expect_many(const char *precision, int indegree) {
  model *m = case_parse("simulation: {dt: 0.1, duration: 10, precision: %s}\n"
                        "populations: {A: {size: 2, neuron: iaf_psc_exp}}\n"
                        "projections: [{source: A, target: A, rule: fixed_indegree, indegree: %d, "
                        "weight: 0.3, delay: 1}]\n",
                        precision, indegree);
  assert_non_null(m);
  network *n = case_network(MPI_COMM_SELF, m, NULL);
  assert_non_null(n);
  const uint32_t gid[] = {0, 1};
  synapse_block b;
  assert_int_equal(synapse_build(n, 2, gid, &b), OK);
  for (uint32_t g = 0; g < 2; g++) synapse_spikes(&b, 1, &g, 0, 0);
  synapse_deliver(&b, 10);
  for (int i = 0; i < 2; i++) {
    const double sum =
        b.wide ? (double)((const int64_t *)b.input)[i] : ((const int32_t *)b.input)[i];
    assert_true(sum * network_weight_scale(n, 0, 0) == indegree * 0.3);
  }
  synapse_free(&b);
  network_free(n);
  model_free(m);
}

/* The greatest weights have 14 or 46 bits and more, 2^17 of which fill a sum: they get fewer where
 * a neuron has more of them. (check_cli.sh: a neuron that has many more than others is refused.) */
static void sums_of_many_synapses_fit(void **state) {
  (void)state;
  expect_many("single", 100000);
  expect_many("single", 140000);
  expect_many("double", 140000);
  expect_many("double", 1200000);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(narrow_delivery_is_the_plain_sum),
      cmocka_unit_test(wide_delivery_is_the_plain_sum),
      cmocka_unit_test(long_delays_are_the_plain_sum),
      cmocka_unit_test(receptors_of_one_delay_are_all_served),
      cmocka_unit_test(more_synapses_than_a_run_header_counts_are_all_delivered),
      cmocka_unit_test(synapses_lie_by_source_delay_receptor_and_target),
      cmocka_unit_test(few_synapses_in_a_large_network_are_built_alike),
      cmocka_unit_test(spikes_in_a_large_network_find_their_synapses),
      cmocka_unit_test(every_one_of_very_many_sources_has_its_synapses),
      cmocka_unit_test(a_block_without_neurons_or_synapses_is_no_trouble),
      cmocka_unit_test(delivery_goes_on_after_a_resumption_as_if_unbroken),
      cmocka_unit_test(sums_of_many_synapses_fit),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed;
}
