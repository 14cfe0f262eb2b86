/* Spikes in bins, groups of neurons, and the table estimated from them: counts, prior, coverage,
 * bootstrap, surrogates. */
#include "phi_estimate.h"
#include "phi_spikes.h"

#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLOSE(a, b) assert_true(fabs((a) - (b)) < 1e-12)

/* Two populations "A", "B"; neuron k has the id 10 k and k + 1 spikes, at 10 k + 0, 1, 2 ... ms. */
static phi_spikes make_spikes(int in_a, int in_b) {
  phi_spikes s = {.populations = in_b ? 2 : 1, .neurons = (size_t)(in_a + in_b)};
  s.population = check_allocate(2, sizeof *s.population);
  s.extent = check_allocate(2, sizeof *s.extent);
  for (int k = 0; k < s.populations; k++) {
    s.population[k] = check_allocate(2, 1);
    s.population[k][0] = (char)('A' + k);
  }
  s.neuron = check_allocate(s.neurons, sizeof *s.neuron);
  s.time = check_allocate(s.neurons * (s.neurons + 1) / 2, sizeof *s.time);
  for (int k = 0; k < in_a + in_b; k++) {
    const bool second = k >= in_a;
    s.neuron[k] = (phi_neuron){second, 10 * (second ? k - in_a : k), s.count, (size_t)k + 1};
    for (int i = 0; i <= k; i++) s.time[s.count++] = 10 * k + i;
  }
  s.begin = 0, s.end = s.time[s.count - 1];
  return s;
}

static void a_spike_falls_into_the_bin_that_ends_with_it(void **state) {
  (void)state;
  double time[] = {-0.1, 0, 4.9999, 5, 5.0001, 10, 15, 99};
  phi_neuron neuron = {0, 0, 0, 8};
  const phi_spikes s = {.neurons = 1, .neuron = &neuron, .count = 8, .time = time};
  const int64_t member = 0;
  double count[3];
  phi_spikes_bin(&s, 1, &member, 0, 5, 3, count);
  CLOSE(count[0], 2);
  CLOSE(count[1], 2);
  CLOSE(count[2], 1);
  double fine[3]; /* bins of a tenth: 0.3 / 0.1 is not 3 in binary numbers, 0.7 - 0.1 not 0.6 */
  double tenths[] = {0.2, 0.3, 0.4};
  neuron.count = 3;
  const phi_spikes t = {.neurons = 1, .neuron = &neuron, .count = 3, .time = tenths};
  phi_spikes_bin(&t, 1, &member, 0.1, 0.1, 3, fine);
  for (int k = 0; k < 3; k++) CLOSE(fine[k], 1);
}

static void the_table_is_counts_and_prior(void **state) {
  (void)state;
  /* element 0: 1 1 0 1; element 1: 0 2 1 0 (counts above 0 are on) */
  const double before[] = {1, 0, 1, 2, 0, 1, 1, 0}, after[] = {1, 2, 0, 1, 1, 0, 0, 0};
  phi_transitions t;
  phi_transitions_count(4, 2, before, after, 0.5, &t);
  const int64_t visits[] = {0, 2, 1, 1}, on[] = {0, 0, 1, 1, 1, 0, 0, 1};
  assert_memory_equal(t.visits, visits, sizeof visits);
  assert_memory_equal(t.on, on, sizeof on);
  const double table[] = {0.5, 0.5, 0.5, 0.5, 0.75, 0.25, 0.25, 0.75};
  for (int k = 0; k < 8; k++) CLOSE(t.table[k], table[k]);
  phi_transitions_free(&t);
  phi_transitions_count(4, 2, before, after, 0, &t);
  const double plain[] = {0.5, 0.5, 0.5, 0.5, 1, 0, 0, 1}; /* a state never seen: 1/2 */
  for (int k = 0; k < 8; k++) CLOSE(t.table[k], plain[k]);
  phi_transitions_free(&t);
}

static phi_plan make_plan(uint32_t asked) {
  phi_plan plan = {.lag = 1, .prior = 0.5, .state = -1, .block = 20, .seed = 1};
  plan.request.asked = asked;
  return plan;
}

/* Element 0 is a coin; element j copies the one before it of the sample before, 3 times of 4. */
static double *make_recording(int64_t samples, int n) {
  double *value = check_allocate((size_t)samples * (size_t)n, sizeof *value);
  srand(7);
  for (int64_t t = 1; t < samples; t++)
    for (int j = 0; j < n; j++)
      value[t * n + j] = j && rand() % 4 ? value[(t - 1) * n + j - 1] : rand() % 2;
  return value;
}

static void coverage_says_what_was_seen(void **state) {
  (void)state;
  double value[400][2] = {{0}};
  for (int t = 0; t < 400; t++) value[t][0] = t % 2;
  value[200][1] = 1;
  phi_plan plan = make_plan(1u << PHI_ASK_EFFECTIVE);
  phi_estimate e;
  assert_int_equal(phi_estimate_make(&plan, 0, 400, 2, value[0], &e, NULL), OK);
  assert_int_equal(e.coverage.pairs, 399);
  assert_int_equal(e.coverage.states, 4);
  assert_int_equal(e.coverage.seen, 3);
  assert_int_equal(e.coverage.weak, 1);
  assert_int_equal(e.coverage.fewest, 1);
  assert_int_equal(e.coverage.state, 0); /* and state 1 as often but one: 199 each, the smaller */
  CLOSE(e.coverage.state_share, 199 / 399.);
  assert_int_equal(e.coverage.constant, 0);
  assert_true(e.coverage.insufficient);
  value[200][1] = 0;
  assert_int_equal(phi_estimate_make(&plan, 0, 400, 2, value[0], &e, NULL), OK);
  assert_int_equal(e.coverage.constant, 1);
  plan.state = 3;
  assert_int_equal(phi_estimate_make(&plan, 0, 400, 2, value[0], &e, NULL), OK);
  assert_int_equal(e.coverage.state, 3);
  CLOSE(e.coverage.state_share, 0);
}

static void bootstrap_redraws_pairs_in_blocks(void **state) {
  (void)state;
  double *value = make_recording(2000, 3);
  phi_plan plan = make_plan(1u << PHI_SI | 1u << PHI_ASK_DELAYED);
  phi_estimate a, b, c, whole;
  plan.bootstrap = 40;
  omp_set_num_threads(1);
  assert_int_equal(phi_estimate_make(&plan, 3, 2000, 3, value, &a, NULL), OK);
  omp_set_num_threads(3);
  assert_int_equal(phi_estimate_make(&plan, 3, 2000, 3, value, &b, NULL), OK);
  assert_memory_equal(&a.of, &b.of, sizeof a.of); /* threads do not matter */
  assert_int_equal(phi_estimate_make(&plan, 4, 2000, 3, value, &c, NULL), OK);
  assert_true(c.of[PHI_SI].value == a.of[PHI_SI].value && c.of[PHI_SI].low != a.of[PHI_SI].low);
  const phi_estimate_value v = a.of[PHI_ASK_DELAYED];
  assert_true(v.low < v.value && v.value < v.high && v.high - v.low < v.value);
  assert_true(isnan(v.surrogate_mean));
  plan.block = 5000; /* one block is the whole recording */
  assert_int_equal(phi_estimate_make(&plan, 3, 2000, 3, value, &whole, NULL), OK);
  CLOSE(whole.of[PHI_SI].low, a.of[PHI_SI].value);
  CLOSE(whole.of[PHI_SI].high, a.of[PHI_SI].value);
  free(value);
}

/* Doubling the length about halves the square of the interval's width. */
static void intervals_narrow_with_the_recording(void **state) {
  (void)state;
  double *value = make_recording(16000, 2), width[2];
  for (int k = 0; k < 2; k++) {
    phi_plan plan = make_plan(1u << PHI_ASK_DELAYED);
    phi_estimate e;
    plan.bootstrap = 200;
    assert_int_equal(phi_estimate_make(&plan, 0, k ? 16000 : 1000, 2, value, &e, NULL), OK);
    width[k] = e.of[PHI_ASK_DELAYED].high - e.of[PHI_ASK_DELAYED].low;
  }
  if (!(width[0] / width[1] > 2.5 && width[0] / width[1] < 6.5)) /* 4 by theory */
    fail_msg("widths %g and %g", width[0], width[1]);
  free(value);
}

static void surrogates_keep_each_element_and_break_what_is_between(void **state) {
  (void)state;
  double *value = make_recording(4000, 3);
  phi_plan plan = make_plan(1u << PHI_MI1 | 1u << PHI_MI);
  phi_estimate e;
  plan.surrogates = 30;
  for (int t = 0; t < 4000; t++) /* all are one */
    value[3 * t + 1] = value[3 * t + 2] = value[3 * t];
  assert_int_equal(phi_estimate_make(&plan, 0, 4000, 3, value, &e, NULL), OK);
  CLOSE(e.of[PHI_MI1].above, 0);
  assert_true(e.of[PHI_MI1].surrogate_mean < 0.01 * e.of[PHI_MI1].value);
  /* One element alone: the shift changes the pair at the seam only. */
  phi_estimate alone;
  for (int t = 1; t < 4000; t++) {
    value[3 * t] = rand() % 10 ? value[3 * (t - 1)] : 1 - value[3 * (t - 1)];
    value[3 * t + 1] = value[3 * t + 2] = 0;
  }
  plan.request.asked = 1u << PHI_ASK_DELAYED;
  assert_int_equal(phi_estimate_make(&plan, 0, 4000, 3, value, &alone, NULL), OK);
  const phi_estimate_value v = alone.of[PHI_ASK_DELAYED];
  assert_true(v.value > 0.3 && fabs(v.surrogate_mean - v.value) < 2e-3);
  free(value);
}

static void groups_by_partition_lie_within_a_part(void **state) {
  (void)state;
  phi_spikes s = make_spikes(12, 6);
  uint32_t part[200];
  uint64_t *first;
  for (int i = 0; i < 200; i++) part[i] = 3;
  for (int k = 0; k < 12; k++) part[10 * k] = (uint32_t)k / 4; /* A: 4 of each of parts 0 to 2 */
  for (int k = 0; k < 6; k++) part[130 + 10 * k] = k ? 1 : 3;  /* B: 5 of part 1, one of part 3 */
  phi_owners owners = {200, part, NULL};
  phi_sample a, again;
  check_clear();
  assert_int_equal(phi_sample_draw(&s, PHI_SAMPLE_PARTITION, 9, 4, 1, 5, 0, &owners, &a), ERR_USER);
  assert_non_null(strstr(check_message(), "--first"));
  check_clear();
  assert_int_equal(phi_owners_first(&s, "A:0", &first), ERR_USER);
  assert_non_null(strstr(check_message(), "'B'"));
  check_clear();
  assert_int_equal(phi_owners_first(&s, "A:0,B:130", &first), OK);
  owners.first = first;
  assert_int_equal(phi_sample_draw(&s, PHI_SAMPLE_PARTITION, 9, 4, 1, 5, 0, &owners, &a), OK);
  int used[4] = {0};
  for (int g = 0; g < 9; g++) {
    int found[4];
    for (int k = 0; k < 4; k++) {
      const phi_neuron *n = &s.neuron[a.member[4 * g + k]];
      found[k] = (int)part[first[n->population] + (uint64_t)n->id];
      assert_int_equal(found[k], found[0]);
      for (int j = 0; j < k; j++) assert_int_not_equal(a.member[4 * g + j], a.member[4 * g + k]);
    }
    used[found[0]]++;
  }
  assert_true(used[0] == 3 && used[1] == 3 && used[2] == 3); /* in turn; part 3 is too small */
  assert_int_equal(phi_sample_draw(&s, PHI_SAMPLE_PARTITION, 9, 4, 1, 5, 0, &owners, &again), OK);
  assert_memory_equal(a.member, again.member, 36 * sizeof *a.member);
  free(again.member); /* the calls that are refused give none */
  owners.count = 150;
  assert_int_equal(phi_sample_draw(&s, PHI_SAMPLE_PARTITION, 1, 2, 1, 5, 0, &owners, &again),
                   ERR_USER);
  assert_non_null(strstr(check_message(), "node 20 of population 'B'"));
  check_clear();
  owners.count = 200;
  assert_int_equal(phi_sample_draw(&s, PHI_SAMPLE_PARTITION, 1, 10, 1, 5, 0, &owners, &again),
                   ERR_USER);
  assert_non_null(strstr(check_message(), "no part has as many as 10"));
  check_clear();
  free(a.member);
  free(again.member);
  free(first);
  phi_spikes_free(&s);
}

static void random_groups_are_distinct_and_depend_on_the_seed(void **state) {
  (void)state;
  phi_spikes s = make_spikes(8, 8);
  phi_sample a, b;
  assert_int_equal(phi_sample_draw(&s, PHI_SAMPLE_RANDOM, 50, 8, 1, 5, 0, NULL, &a), OK);
  assert_int_equal(phi_sample_draw(&s, PHI_SAMPLE_RANDOM, 50, 8, 2, 5, 0, NULL, &b), OK);
  assert_true(memcmp(a.member, b.member, 400 * sizeof *a.member));
  int times[16] = {0};
  for (int i = 0; i < 400; i++) {
    times[a.member[i]]++;
    for (int k = i / 8 * 8; k < i; k++) assert_int_not_equal(a.member[k], a.member[i]);
  }
  for (int k = 0; k < 16; k++) assert_true(times[k] > 10 && times[k] < 40); /* 25 on average */
  free(a.member);
  free(b.member);
  assert_int_equal(phi_sample_draw(&s, PHI_SAMPLE_POPULATION, 3, 4, 1, 5, 0, NULL, &a), OK);
  assert_int_equal(a.groups, 6);
  for (int i = 0; i < 24; i++) assert_int_equal(s.neuron[a.member[i]].population, i / 12);
  free(a.member);
  assert_int_equal(phi_sample_draw(&s, PHI_SAMPLE_ACROSS, 6, 5, 1, 5, 0, NULL, &a), OK);
  for (int g = 0; g < 6; g++) {
    int second = 0;
    for (int k = 0; k < 5; k++) second += s.neuron[a.member[5 * g + k]].population;
    assert_true(second == 2 || second == 3);
  }
  free(a.member);
  phi_spikes_free(&s);
}

/* The spike at 0.3 is alone in the last bin, whose number floating point does not give exactly.
 * By all four bins node 0 is coupled to node 1, by the first three to node 2. */
static void coupling_counts_the_bin_of_the_last_spike(void **state) {
  (void)state;
  phi_neuron neuron[3] = {{0, 0, 0, 3}, {0, 1, 3, 2}, {0, 2, 5, 1}};
  double time[6] = {0, 0.1, 0.3, 0.1, 0.2, 0};
  char *name = (char *)"cells";
  phi_spikes s = {.populations = 1, .population = &name, .neurons = 3, .neuron = neuron};
  s.count = 6, s.time = time, s.begin = 0, s.end = 0.3;
  phi_sample made;
  assert_int_equal(phi_sample_draw(&s, PHI_SAMPLE_COUPLING, 1, 2, 1, 0.1, 3, NULL, &made), OK);
  assert_int_equal(made.member[0], 0);
  assert_int_equal(made.member[1], 1);
  free(made.member);
  assert_int_equal(phi_sample_draw(&s, PHI_SAMPLE_COUPLING, 1, 2, 1, 1e-300, 3, NULL, &made),
                   ERR_USER);
  assert_non_null(strstr(check_message(), "wider bins"));
  check_clear();
  for (int i = 0; i < 6; i++) time[i] = 1e17; /* beside which a bin is nothing */
  s.begin = s.end = 1e17;
  assert_int_equal(phi_sample_draw(&s, PHI_SAMPLE_COUPLING, 1, 2, 1, 5, 3, NULL, &made), OK);
  free(made.member);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_spike_falls_into_the_bin_that_ends_with_it),
      cmocka_unit_test(the_table_is_counts_and_prior),
      cmocka_unit_test(coverage_says_what_was_seen),
      cmocka_unit_test(bootstrap_redraws_pairs_in_blocks),
      cmocka_unit_test(intervals_narrow_with_the_recording),
      cmocka_unit_test(surrogates_keep_each_element_and_break_what_is_between),
      cmocka_unit_test(groups_by_partition_lie_within_a_part),
      cmocka_unit_test(random_groups_are_distinct_and_depend_on_the_seed),
      cmocka_unit_test(coupling_counts_the_bin_of_the_last_spike),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
