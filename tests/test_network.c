/* What network.h promises of every rule, in one process: degrees, multapses, autapses,
 * distributions, and how exactly weights are held. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "network_cases.h"
#include "network_sampler.h"
#include "random.h"

#include <cmocka.h>
#include <math.h>
#include <unistd.h>

static model *sound(const char *format, ...) {
  char text[8192];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  model *m = case_parse("%s", text);
  assert_non_null(m);
  return m;
}

static network *built(const model *m) {
  network *n = case_network(MPI_COMM_SELF, m, NULL);
  if (!n) fail_msg("%s", check_message());
  return n;
}

static void done(model *m, network *n) {
  network_free(n);
  model_free(m);
}

/* ---- degrees -------------------------------------------------------------------------------- */

enum { A = 150, B = 60, SOURCES = 300 };

/* Z lies before A and B, so that a gid is not a node. */
static const char pair[] =
    "simulation: {dt: 0.1, duration: 10, seed: %d}\n"
    "populations: {Z: {size: 7, neuron: iaf_psc_exp}, A: {size: 150, neuron: iaf_psc_exp}, B: "
    "{size: 60, neuron: iaf_psc_exp}}\n"
    "projections: [{source: A, target: %s, rule: %s, autapses: %s, weight: 3, delay: 1.5}]\n";

typedef struct { /* count[source node][target node] */
  uint32_t edges, in[A], out[A], count[A][A];
} wiring;

static wiring *wire(int seed, const char *target, const char *rule, bool autapses) {
  static wiring w;
  memset(&w, 0, sizeof w);
  model *m = sound(pair, seed, target, rule, autapses ? "true" : "false");
  network *n = built(m);
  const model_population *p = &m->population[m->projection[0].target];
  for (uint32_t g = 0; g < m->neurons; g++) {
    network_edges edges = {0}, sources = {0};
    network_in_edges(n, g, &edges);
    network_in_sources(n, g, &sources);
    assert_int_equal(edges.count, sources.count);
    if (g - p->first_gid >= p->size) assert_int_equal(edges.count, 0);
    for (size_t i = 0; i < edges.count; i++) {
      assert_int_equal(edges.source[i], sources.source[i]);
      assert_in_range(edges.source[i], 7, 7 + A - 1);
      assert_int_equal(edges.delay[i], 15);
      assert_int_equal(edges.receptor[i], 0);
      assert_true((double)edges.weight[i] * network_weight_scale(n, 2, 0) == 3 ||
                  m->projection[0].target == 1);
      const uint32_t from = edges.source[i] - 7, to = g - p->first_gid;
      w.edges++, w.in[to]++, w.out[from]++, w.count[from][to]++;
    }
    case_free_edges(&edges);
    case_free_edges(&sources);
  }
  if (m->projection[0].rule != RULE_PAIRWISE_BERNOULLI)
    assert_true(fabs(network_expected_synapses(n) - w.edges) <= 1e-6 * w.edges + A);
  assert_int_equal(network_max_delay(n), 15);
  assert_int_equal(network_min_delay(n), 15);
  done(m, n);
  return &w;
}

static uint32_t selfs(const wiring *w) {
  uint32_t sum = 0;
  for (int i = 0; i < A; i++) sum += w->count[i][i];
  return sum;
}

static uint32_t greatest(const wiring *w) {
  uint32_t most = 0;
  for (int i = 0; i < A; i++)
    for (int k = 0; k < A; k++)
      if (w->count[i][k] > most) most = w->count[i][k];
  return most;
}

static void one_to_one_joins_equals(void **state) {
  (void)state;
  wiring *w = wire(1, "A", "one_to_one", true);
  for (int i = 0; i < A; i++) assert_int_equal(w->count[i][i], 1);
  assert_int_equal(w->edges, A);
  assert_int_equal(wire(1, "A", "one_to_one", false)->edges, 0);
}

static void all_to_all_joins_each_pair_once(void **state) {
  (void)state;
  wiring *w = wire(1, "B", "all_to_all", true);
  for (int i = 0; i < A; i++)
    for (int k = 0; k < B; k++) assert_int_equal(w->count[i][k], 1);
  w = wire(1, "A", "all_to_all", false);
  assert_int_equal(w->edges, A * (A - 1));
  assert_int_equal(selfs(w), 0);
  assert_int_equal(greatest(w), 1);
  assert_int_equal(selfs(wire(1, "A", "all_to_all", true)), A);
}

static void fixed_indegree_is_the_degree_of_each_target(void **state) {
  (void)state;
  for (int seed = 0; seed < 5; seed++)
    for (int multapses = 0; multapses < 2; multapses++)
      for (int autapses = 0; autapses < 2; autapses++) {
        wiring *w = wire(seed, "A",
                         multapses ? "fixed_indegree, indegree: 140"
                                   : "fixed_indegree, indegree: 140, multapses: false",
                         autapses);
        for (int i = 0; i < A; i++) assert_int_equal(w->in[i], 140);
        assert_true(multapses ? greatest(w) > 1 : greatest(w) == 1);
        assert_true(autapses ? selfs(w) > 0 : selfs(w) == 0);
      }
  wiring *w = wire(1, "A", "fixed_indegree, indegree: 149, multapses: false", false);
  assert_int_equal(greatest(w), 1); /* all there are */
  assert_int_equal(wire(1, "A", "fixed_indegree, indegree: 0", true)->edges, 0);
}

static void fixed_outdegree_is_the_degree_of_each_source(void **state) {
  (void)state;
  for (int seed = 0; seed < 5; seed++)
    for (int multapses = 0; multapses < 2; multapses++)
      for (int autapses = 0; autapses < 2; autapses++) {
        wiring *w = wire(seed, "A",
                         multapses ? "fixed_outdegree, outdegree: 140"
                                   : "fixed_outdegree, outdegree: 140, multapses: false",
                         autapses);
        for (int i = 0; i < A; i++) assert_int_equal(w->out[i], 140);
        assert_true(multapses ? greatest(w) > 1 : greatest(w) == 1);
        assert_true(autapses ? selfs(w) > 0 : selfs(w) == 0);
      }
  assert_int_equal(wire(1, "B", "fixed_outdegree, outdegree: 60, multapses: false", true)->edges,
                   A * B);
}

static void fixed_total_is_the_sum(void **state) {
  (void)state;
  const int totals[] = {0, 1, 2, 77, 8000};
  for (int k = 0; k < 5; k++)
    for (int multapses = 0; multapses < 2; multapses++)
      for (int autapses = 0; autapses < 2; autapses++) {
        char rule[96];
        snprintf(rule, sizeof rule, "fixed_total, total: %d, multapses: %s", totals[k],
                 multapses ? "true" : "false");
        wiring *w = wire(k, "A", rule, autapses);
        assert_int_equal(w->edges, totals[k]);
        if (!multapses) assert_true(greatest(w) <= 1);
        if (!autapses) assert_int_equal(selfs(w), 0);
      }
  wiring *w = wire(3, "A", "fixed_total, total: 22350, multapses: false", false);
  assert_int_equal(w->edges, A * (A - 1)); /* all there are */
  assert_int_equal(wire(3, "B", "fixed_total, total: 1000000", true)->edges, 1000000);
}

/* 10^10 pairs: whatever took a nanosecond for each would take as long as all other tests. */
static void a_total_without_multapses_costs_nothing_a_pair(void **state) {
  (void)state;
  model *m = sound("simulation: {dt: 0.1, duration: 1}\n"
                   "populations: {A: {size: 100000, neuron: iaf_psc_exp}}\n"
                   "projections: [{source: A, target: A, rule: fixed_total, total: 250000, "
                   "multapses: false, autapses: false, weight: 1, delay: 1}]\n");
  network *n = built(m);
  size_t sum = 0;
  network_edges edges = {0};
  for (uint32_t g = 0; g < 100000; g++) {
    edges.count = 0;
    network_in_edges(n, g, &edges);
    sum += edges.count;
    for (size_t i = 0; i < edges.count; i++) assert_true(edges.source[i] != g);
  }
  assert_int_equal(sum, 250000);
  case_free_edges(&edges);
  done(m, n);
}

/* Of few pairs too: each of the 126 ways to choose 4 of 9 is as likely as the others. */
static void a_total_without_multapses_is_any_choice_of_pairs(void **state) {
  (void)state;
  enum { SEEDS = 3000, SETS = 1 << 9, WAYS = 126 };
  static double seen[SETS];
  memset(seen, 0, sizeof seen);
  for (int seed = 0; seed < SEEDS; seed++) {
    model *m = sound("simulation: {dt: 0.1, duration: 1, seed: %d}\n"
                     "populations: {A: {size: 3, neuron: iaf_psc_exp}}\n"
                     "projections: [{source: A, target: A, rule: fixed_total, total: 4, multapses: "
                     "false, weight: 1, delay: 1}]\n",
                     seed);
    network *n = built(m);
    int set = 0;
    for (uint32_t g = 0; g < 3; g++) {
      network_edges edges = {0};
      network_in_edges(n, g, &edges);
      for (size_t i = 0; i < edges.count; i++) set |= 1 << (3 * g + edges.source[i]);
      case_free_edges(&edges);
    }
    assert_int_equal(__builtin_popcount((unsigned)set), 4);
    seen[set]++;
    done(m, n);
  }
  const double expected = (double)SEEDS / WAYS;
  double chi_square = 0;
  for (int set = 0; set < SETS; set++)
    if (__builtin_popcount((unsigned)set) == 4)
      chi_square += (seen[set] - expected) * (seen[set] - expected) / expected;
  assert_true(fabs(chi_square - (WAYS - 1)) < 5 * sqrt(2.0 * (WAYS - 1)));
}

static void pairwise_bernoulli_joins_each_pair_on_its_own(void **state) {
  (void)state;
  assert_int_equal(wire(1, "A", "pairwise_bernoulli, probability: 0", true)->edges, 0);
  assert_int_equal(wire(1, "B", "pairwise_bernoulli, probability: 1", true)->edges, A * B);
  wiring *w = wire(1, "A", "pairwise_bernoulli, probability: 1", false);
  assert_int_equal(w->edges, A * (A - 1));
  assert_int_equal(selfs(w), 0);
  static double joined[A][A];
  double in_squares = 0, edges = 0;
  enum { SEEDS = 40 };
  const double p = 0.2;
  memset(joined, 0, sizeof joined);
  for (int seed = 0; seed < SEEDS; seed++) {
    w = wire(seed, "A", "pairwise_bernoulli, probability: 0.2", true);
    assert_int_equal(greatest(w), 1);
    edges += w->edges;
    for (int k = 0; k < A; k++) {
      in_squares += (w->in[k] - p * A) * (w->in[k] - p * A);
      for (int i = 0; i < A; i++) joined[i][k] += w->count[i][k];
    }
  }
  const double pairs = (double)A * A * SEEDS;
  assert_true(fabs(edges - p * pairs) < 4 * sqrt(p * (1 - p) * pairs));
  const double variance = p * (1 - p) * A;
  assert_true(fabs(in_squares / (A * SEEDS) - variance) < 4 * variance * sqrt(2.0 / (A * SEEDS)));
  double chi_square = 0; /* first and last sources too are as likely as all */
  for (int i = 0; i < A; i++)
    for (int k = 0; k < A; k++)
      chi_square += (joined[i][k] - p * SEEDS) * (joined[i][k] - p * SEEDS) / (p * (1 - p) * SEEDS);
  assert_true(fabs(chi_square - A * A) < 5 * sqrt(2.0 * A * A));
}

/* Every pair is as likely as any other, for each rule that draws. */
static void partners_are_drawn_evenly(void **state) {
  (void)state;
  const char *const rules[] = {"fixed_indegree, indegree: 50",
                               "fixed_outdegree, outdegree: 50",
                               "fixed_total, total: 7500",
                               "fixed_indegree, indegree: 50, multapses: false",
                               "fixed_outdegree, outdegree: 50, multapses: false",
                               "fixed_total, total: 7500, multapses: false"};
  enum { SEEDS = 30 };
  static double joined[A][A];
  for (int r = 0; r < 6; r++) {
    memset(joined, 0, sizeof joined);
    for (int seed = 0; seed < SEEDS; seed++) {
      const wiring *w = wire(seed, "A", rules[r], false);
      for (int i = 0; i < A; i++)
        for (int k = 0; k < A; k++) joined[i][k] += w->count[i][k];
    }
    const double share = 50.0 / (A - 1), mean = SEEDS * share;
    const double variance = r < 3 ? mean : mean * (1 - share);
    double chi_square = 0, pairs = A * (A - 1), by_source = 0, by_target = 0;
    for (int i = 0; i < A; i++) {
      double from = 0, to = 0;
      for (int k = 0; k < A; k++) {
        if (i != k) chi_square += (joined[i][k] - mean) * (joined[i][k] - mean) / variance;
        from += joined[i][k], to += joined[k][i];
      }
      by_source += (from - 50 * SEEDS) * (from - 50 * SEEDS) / (variance * (A - 1));
      by_target += (to - 50 * SEEDS) * (to - 50 * SEEDS) / (variance * (A - 1));
    }
    if (fabs(chi_square - pairs) > 5 * sqrt(2.0 * pairs)) fail_msg("%s: pairs", rules[r]);
    if (by_source > A + 5 * sqrt(2.0 * A)) fail_msg("%s: sources", rules[r]);
    if (by_target > A + 5 * sqrt(2.0 * A)) fail_msg("%s: targets", rules[r]);
  }
}

static void projections_of_one_pair_differ(void **state) {
  (void)state;
  model *m = sound("simulation: {dt: 0.1, duration: 10}\n"
                   "populations: {A: {size: 300, neuron: iaf_psc_exp}}\n"
                   "projections:\n"
                   " - &one {source: A, target: A, rule: fixed_indegree, indegree: 100, weight: 1,"
                   " delay: 1}\n"
                   " - *one\n");
  network *n = built(m);
  network_edges edges = {0};
  network_in_edges(n, 5, &edges);
  assert_int_equal(edges.count, 200);
  int same = 0;
  for (int i = 0; i < 100; i++) same += edges.source[i] == edges.source[100 + i];
  assert_true(same < 10);
  case_free_edges(&edges);
  done(m, n);
}

/* ---- distributions -------------------------------------------------------------------------- */

enum { TARGETS = 200, INDEGREE = 1000, SAMPLES = TARGETS * INDEGREE };

typedef struct {
  double weight[SAMPLES]; /* [pA], with the sign of its receptor checked */
  uint16_t delay[SAMPLES];
} sample;

static sample *draw(const char *precision, const char *weight, const char *delay) {
  static sample s;
  model *m = sound("simulation: {dt: 0.1, duration: 10, precision: %s}\n"
                   "populations: {A: {size: 300, neuron: iaf_psc_exp}, B: {size: 200, neuron: "
                   "iaf_psc_exp}}\n"
                   "projections: [{source: A, target: B, rule: fixed_indegree, indegree: 1000, "
                   "weight: %s, delay: %s}]\n",
                   precision, weight, delay);
  network *n = built(m);
  for (uint32_t t = 0; t < TARGETS; t++) {
    network_edges edges = {0};
    network_in_edges(n, SOURCES + t, &edges);
    assert_int_equal(edges.count, INDEGREE);
    for (size_t i = 0; i < INDEGREE; i++) {
      s.weight[t * INDEGREE + i] =
          (double)edges.weight[i] * network_weight_scale(n, 1, edges.receptor[i]);
      assert_true(edges.receptor[i] ? edges.weight[i] <= 0 : edges.weight[i] >= 0);
      assert_true(m->double_precision || llabs(edges.weight[i]) <= 32767);
      s.delay[t * INDEGREE + i] = edges.delay[i];
      assert_in_range(edges.delay[i], network_min_delay(n), network_max_delay(n));
    }
    case_free_edges(&edges);
  }
  done(m, n);
  return &s;
}

static int compare_numbers(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Greatest distance of the sample's distribution function from the true one (Kolmogorov &
 * Smirnov), `step` allowed for rounding: 5.1 / sqrt(2 n) has a chance below 1e-10. */
static void expect_distribution(sample *s, double (*below)(double), double step) {
  qsort(s->weight, SAMPLES, sizeof *s->weight, compare_numbers);
  for (int i = 0; i < SAMPLES; i++) {
    const double least = below(s->weight[i] - step), most = below(s->weight[i] + step);
    const double bound = 3.5 / sqrt(SAMPLES);
    if (least > (i + 1.0) / SAMPLES + bound || most < (double)i / SAMPLES - bound)
      fail_msg("a share of %g lies below %g", (double)i / SAMPLES, s->weight[i]);
  }
}

static double between(double p, double low, double high) {
  return fmin(fmax((p - low) / (high - low), 0), 1);
}
static double normal(double x) { return random_normal_probability((x - 87.8) / 8.78); }
static double wide_normal(double x) { return random_normal_probability((x - 1) / 2); }
static double truncated(double x) {
  const double low = random_normal_probability(-1.5), high = random_normal_probability(0.5);
  return between(random_normal_probability((x + 300) / 100), low, high);
}
static double lognormal(double x) {
  return x <= 0 ? 0 : random_normal_probability((log(x) - 1) / 0.5);
}
static double uniform(double x) { return between(x, -20, 60); }

static void weights_have_their_distribution(void **state) {
  (void)state;
  for (int twice = 0; twice < 2; twice++) {
    const char *precision = twice ? "double" : "single";
    const double fine = twice ? 1e-9 : 1;
    expect_distribution(draw(precision, "{normal: {mean: 87.8, sd: 8.78}}", "1"), normal,
                        0.01 * fine);
    expect_distribution(draw(precision, "{normal: {mean: 1, sd: 2}}", "1"), wide_normal,
                        0.001 * fine);
    expect_distribution(draw(precision, "{lognormal: {mu: 1, sigma: 0.5}}", "1"), lognormal,
                        0.005 * fine);
    expect_distribution(draw(precision, "{uniform: {low: -20, high: 60}}", "1"), uniform,
                        0.01 * fine);
    sample *s = draw(precision, "{normal: {mean: -300, sd: 100, min: -450, max: -250}}", "1");
    expect_distribution(s, truncated, 0.02 * fine);
    assert_true(s->weight[0] >= -450 - 0.02 && s->weight[SAMPLES - 1] <= -250 + 0.02);
  }
}

static void a_truncated_weight_never_changes_its_sign(void **state) {
  (void)state;
  sample *s = draw("double", "{normal: {mean: -3, sd: 2, max: 0}}", "1");
  for (int i = 0; i < SAMPLES; i++) assert_true(s->weight[i] <= 0);
  s = draw("double", "{normal: {mean: 1, sd: 1, min: 0}}", "1");
  for (int i = 0; i < SAMPLES; i++) assert_true(s->weight[i] >= 0);
}

/* Where the bound is a quantile that is interpolated; else the projection would seem to reach the
 * other receptor as well, whose weights the scale would then have to hold. */
static void truncated_values_never_pass_their_bounds(void **state) {
  (void)state;
  const double means[] = {0.5, 1, 2, 2.5, 5};
  for (size_t k = 0; k < sizeof means / sizeof *means; k++) {
    const model_distribution d = {.kind = DISTRIBUTION_NORMAL,
                                  .a = means[k],
                                  .b = 1,
                                  .minimum = 0,
                                  .maximum = means[k] + 0.7};
    const sampler_weight s = sampler_weight_make(&d);
    double least, greatest, magnitude;
    sampler_weight_extent(&s, &least, &greatest, &magnitude);
    assert_true(least >= 0 && greatest <= d.maximum);
    enum { ENDS = 2000 };
    static uint32_t word[2 * ENDS];
    static int64_t drawn[2 * ENDS];
    for (uint32_t i = 0; i < ENDS; i++) word[i] = i, word[ENDS + i] = UINT32_MAX - i;
    sampler_weight_draw(&s, 1e-9, 2 * ENDS, word, drawn);
    for (int i = 0; i < 2 * ENDS; i++) {
      const double value = sampler_weight_value(&s, word[i]);
      assert_true(value >= 0 && value <= d.maximum);
      assert_true(drawn[i] >= 0 && (double)drawn[i] <= d.maximum * 1e9 + 0.5);
    }
  }
}

/* Shares of each step of delay against the probability of the interval that rounds to it. */
static void expect_delays(const char *delay, double (*below)(double), int first, int last) {
  const sample *s = draw("single", "1", delay);
  static double seen[NETWORK_DELAY_MAX + 2];
  memset(seen, 0, sizeof seen);
  for (int i = 0; i < SAMPLES; i++) seen[s->delay[i]]++;
  for (int d = 0; d < first; d++) assert_true(seen[d] == 0);
  for (int d = last + 1; d <= NETWORK_DELAY_MAX; d++) assert_true(seen[d] == 0);
  const double low = below((first - 0.5) * 0.1), high = below((last + 0.5) * 0.1);
  double chi_square = 0, freedom = -1;
  for (int d = first; d <= last; d++) {
    const double share = (below((d + 0.5) * 0.1) - below((d - 0.5) * 0.1)) / (high - low);
    if (share * SAMPLES < 10) continue;
    const double off = seen[d] - share * SAMPLES;
    chi_square += off * off / (share * SAMPLES);
    freedom++;
  }
  if (chi_square > freedom + 5 * sqrt(2 * freedom) + 5)
    fail_msg("delay %s: chi-square %g of %g", delay, chi_square, freedom);
}

static double delay_normal(double x) { return random_normal_probability((x - 1.5) / 0.75); }
static double delay_inhibitory(double x) { return random_normal_probability((x - 0.75) / 0.375); }
static double delay_lognormal(double x) {
  return x <= 0 ? 0 : random_normal_probability((log(x) - 0.1) / 0.4);
}
static double delay_uniform(double x) { return between(x, 0.33, 2.07); }

static void delays_have_the_probability_of_what_rounds_to_them(void **state) {
  (void)state;
  expect_delays("{normal: {mean: 1.5, sd: 0.75}}", delay_normal, 1, 65);
  expect_delays("{normal: {mean: 0.75, sd: 0.375}}", delay_inhibitory, 1, 34);
  expect_delays("{normal: {mean: 1.5, sd: 0.75, min: 1.0, max: 1.8}}", delay_normal, 10, 18);
  expect_delays("{lognormal: {mu: 0.1, sigma: 0.4, max: 3}}", delay_lognormal, 1, 30);
  expect_delays("{uniform: {low: 0.33, high: 2.07}}", delay_uniform, 3, 21);
}

static void constant_delays_are_the_nearest_step(void **state) {
  (void)state;
  const struct {
    const char *ms;
    int steps;
  } cases[] = {{"0.1", 1}, {"0.3", 3}, {"1.54", 15}, {"1.56", 16}, {"819.1", 8191}};
  for (int k = 0; k < 5; k++) {
    const sample *s = draw("single", "1", cases[k].ms);
    for (int i = 0; i < SAMPLES; i++) assert_int_equal(s->delay[i], cases[k].steps);
  }
}

/* ---- how exactly weights are held ----------------------------------------------------------- */

static const char edges_file[] = "test_network_edges.h5";

static void constant_weights_are_exact(void **state) {
  (void)state;
  const double weights[] = {0.1, 87.81, 1.0 / 3, 1e-9, 2e11, 3};
  for (int twice = 0; twice < 2; twice++)
    for (int k = 0; k < 6; k++) {
      model *m = sound("simulation: {dt: 0.1, duration: 1, precision: %s}\n"
                       "populations: {A: {size: 3, neuron: iaf_psc_exp}}\n"
                       "projections:\n"
                       " - {source: A, target: A, rule: all_to_all, weight: %.17g, delay: 1}\n"
                       " - {source: A, target: A, rule: all_to_all, weight: %.17g, delay: 1}\n"
                       " - {source: A, target: A, rule: all_to_all, weight: %.17g, delay: 1}\n",
                       twice ? "double" : "single", weights[k], -4 * weights[k], 2 * weights[k]);
      network *n = built(m);
      network_edges edges = {0};
      network_in_edges(n, 1, &edges);
      const double expected[] = {weights[k], -4 * weights[k], 2 * weights[k]};
      for (size_t i = 0; i < 9; i++)
        assert_true((double)edges.weight[i] * network_weight_scale(n, 0, edges.receptor[i]) ==
                    expected[i / 3]);
      case_free_edges(&edges);
      done(m, n);
    }
}

static model *from_file(const char *precision, const char *weight, const char *delay) {
  return sound("simulation: {dt: 0.1, duration: 1, precision: %s}\n"
               "populations: {A: {size: 400, neuron: shiu_lif}}\n"
               "projections: [{source: A, target: A, rule: file, file: %s, edges: all,"
               " weight: %s, delay: %s}]\n",
               precision, edges_file, weight, delay);
}

/* Counts of synapses times a factor: 0.275 mV has no short binary form. */
static void integers_of_a_file_times_a_factor_are_exact(void **state) {
  (void)state;
  enum { EDGES = 399 };
  int64_t source[EDGES], target[EDGES];
  double weight[EDGES];
  for (int i = 0; i < EDGES; i++) {
    source[i] = i + 1;
    target[i] = 0;
    weight[i] = (i * i * 37 % 2405) * (i % 3 ? 1 : -1);
  }
  case_write_file(edges_file, &(case_edges){.sources = EDGES,
                                            .targets = EDGES,
                                            .weights = EDGES,
                                            .source = source,
                                            .target = target,
                                            .weight = weight,
                                            .integer_weights = true});
  for (int twice = 0; twice < 2; twice++) {
    model *m =
        from_file(twice ? "double" : "single", "{attribute: syn_weight, scale: 0.275}", "1.8");
    network *n = built(m);
    network_edges edges = {0};
    network_in_edges(n, 0, &edges);
    assert_int_equal(edges.count, EDGES);
    for (size_t i = 0; i < EDGES; i++) {
      assert_int_equal(edges.source[i], source[i]);
      assert_int_equal(edges.delay[i], 18);
      /* units of the factor are a power of two: their number is the integer of the file */
      const double units = (double)edges.weight[i] * (network_weight_scale(n, 0, 0) / 0.275);
      assert_true(units == weight[i]);
    }
    case_free_edges(&edges);
    done(m, n);
  }
  unlink(edges_file);
}

static void expect_inaccurate(const char *precision, double small, const char *accuracy,
                              bool refused) {
  model *m = sound("simulation: {dt: 0.1, duration: 1, precision: %s, weight_accuracy: %s}\n"
                   "populations: {A: {size: 3, neuron: iaf_psc_exp}}\n"
                   "projections:\n"
                   " - {source: A, target: A, rule: all_to_all, weight: 1000, delay: 1}\n"
                   " - {source: A, target: A, rule: all_to_all, weight: %.17g, delay: 1}\n",
                   precision, accuracy, small);
  network *n = case_network(MPI_COMM_SELF, m, NULL);
  if (refused) {
    assert_null(n);
    assert_non_null(strstr(check_message(), "net.yaml:5: projections.1.weight: "));
    assert_non_null(strstr(check_message(), "simulation.weight_accuracy"));
    assert_int_equal(!strstr(check_message(), "precision: double"), m->double_precision);
  } else {
    assert_non_null(n);
    const double scale = network_weight_scale(n, 0, 0);
    assert_true(scale / 2 <= atof(accuracy) * small);
  }
  check_clear();
  done(m, n);
}

static void a_weight_that_16_bits_hold_too_coarsely_is_refused(void **state) {
  (void)state;
  expect_inaccurate("single", 0.01, "0.01", true);
  expect_inaccurate("single", 1000 / 16384.0, "0.01", true);
  expect_inaccurate("single", 5, "0.01", false);
  expect_inaccurate("single", 5, "0.001", true);
  expect_inaccurate("single", 0.1, "1", false);
  expect_inaccurate("double", 0.01, "0.01", false);
  expect_inaccurate("double", 1e-12, "0.01", true);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_to_one_joins_equals),
      cmocka_unit_test(all_to_all_joins_each_pair_once),
      cmocka_unit_test(fixed_indegree_is_the_degree_of_each_target),
      cmocka_unit_test(fixed_outdegree_is_the_degree_of_each_source),
      cmocka_unit_test(fixed_total_is_the_sum),
      cmocka_unit_test(a_total_without_multapses_costs_nothing_a_pair),
      cmocka_unit_test(a_total_without_multapses_is_any_choice_of_pairs),
      cmocka_unit_test(pairwise_bernoulli_joins_each_pair_on_its_own),
      cmocka_unit_test(partners_are_drawn_evenly),
      cmocka_unit_test(projections_of_one_pair_differ),
      cmocka_unit_test(weights_have_their_distribution),
      cmocka_unit_test(a_truncated_weight_never_changes_its_sign),
      cmocka_unit_test(truncated_values_never_pass_their_bounds),
      cmocka_unit_test(delays_have_the_probability_of_what_rounds_to_them),
      cmocka_unit_test(constant_delays_are_the_nearest_step),
      cmocka_unit_test(constant_weights_are_exact),
      cmocka_unit_test(integers_of_a_file_times_a_factor_are_exact),
      cmocka_unit_test(a_weight_that_16_bits_hold_too_coarsely_is_refused),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed;
}
