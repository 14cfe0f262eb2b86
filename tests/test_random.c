/* What random.h promises: draws that are Philox or Threefry of the documented counter, vectors of
 * them that are the same draws, and distributions that hold up against their own formulae. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "random.h"

#include <Random123/threefry.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Philox, written down once more from the paper ------------------------------------------ */

static void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t x[4], k[2] = {key[0], key[1]};
  memcpy(x, counter, sizeof x);
  for (int round = 0; round < 10; round++) {
    const uint64_t left = UINT64_C(0xD2511F53) * x[0], right = UINT64_C(0xCD9E8D57) * x[2];
    const uint32_t next[4] = {(uint32_t)(right >> 32) ^ x[1] ^ k[0], (uint32_t)right,
                              (uint32_t)(left >> 32) ^ x[3] ^ k[1], (uint32_t)left};
    memcpy(x, next, sizeof x);
    k[0] += 0x9E3779B9;
    k[1] += 0xBB67AE85;
  }
  memcpy(out, x, sizeof x);
}

/* The vectors that Random123 publishes (kat_vectors, philox4x32 10). */
static const uint32_t known[3][10] = {
    {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
    {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e,
     0xa20bc7c6, 0x6d5451fd},
    {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb,
     0x5001e420, 0x24126ea1},
};

static void expect_draw(uint64_t seed, random_purpose purpose, uint32_t index, uint32_t who,
                        uint64_t ordinal) {
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  const uint32_t counter[4] = {who, (uint32_t)ordinal,
                               (uint32_t)(ordinal >> 32) << 16 | index << 4 | purpose, 0x5368696e};
  uint32_t word[4];
  philox(counter, key, word);
  const random_words drawn = random_draw(seed, purpose, index, who, ordinal);
  assert_memory_equal(drawn.word, word, sizeof word);
}

static void a_draw_is_philox_of_its_counter(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) {
    uint32_t out[4];
    philox(known[i], known[i] + 4, out);
    assert_memory_equal(out, known[i] + 6, sizeof out);
  }
  expect_draw(0, RANDOM_EDGE, 0, 0, 0);
  expect_draw(UINT64_MAX, RANDOM_SAMPLE, 4095, UINT32_MAX, ((uint64_t)1 << 48) - 1);
  for (uint32_t i = 0; i < 1000; i++)
    expect_draw(i * UINT64_C(0x9E3779B97F4A7C15), i % 8, i * 37 % 4096, i * 0x85EBCA6B,
                i * UINT64_C(0x9E3779B97F4A) % ((uint64_t)1 << 48));
}

/* ---- vectors of draws ----------------------------------------------------------------------- */

enum { MANY = 1100 }; /* more than four batches, and no multiple of one */

static uint32_t out[4][MANY];
static uint32_t *const all_words[4] = {out[0], out[1], out[2], out[3]};

static void expect_ordinals(uint64_t first, int count) {
  memset(out, 0, sizeof out);
  random_draw_ordinals(77, RANDOM_EDGE_MORE, 5, 123456, first, count, all_words);
  for (int i = 0; i < count; i++) {
    const random_words w = random_draw(77, RANDOM_EDGE_MORE, 5, 123456, first + (uint64_t)i);
    for (int k = 0; k < 4; k++) assert_int_equal(out[k][i], w.word[k]);
  }
  for (int i = count; i < MANY; i++) assert_int_equal(out[0][i], 0);
}

static void ordinals_in_a_row_are_single_draws(void **state) {
  (void)state;
  for (int count = 0; count < 20; count++) expect_ordinals(3, count);
  expect_ordinals(0, MANY);
  expect_ordinals(((uint64_t)1 << 40) + 17, 257);
}

static void ordinals_carry_past_32_bits(void **state) {
  (void)state;
  const uint64_t edge = (uint64_t)1 << 32;
  for (int before = 0; before < 300; before += 13) expect_ordinals(edge - (uint64_t)before, 700);
  expect_ordinals(5 * edge - 1, MANY);
  expect_ordinals(((uint64_t)1 << 48) - 300, 300);
}

static void expect_many(uint64_t seed, random_purpose purpose, uint32_t index, uint64_t ordinal,
                        int count) {
  uint32_t who[MANY];
  for (uint32_t i = 0; i < MANY; i++) who[i] = i * 0x9E3779B9u;
  memset(out, 0, sizeof out);
  random_draw_many(seed, purpose, index, who, ordinal, count, all_words);
  const threefry4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
  for (int i = 0; i < count; i++) {
    const threefry4x32_ctr_t counter = {{who[i], (uint32_t)ordinal,
                                         (uint32_t)(ordinal >> 32) << 16 | index << 4 | purpose,
                                         0x5368696e}};
    const threefry4x32_ctr_t drawn = threefry4x32_R(13, counter, key);
    for (int k = 0; k < 4; k++) assert_int_equal(out[k][i], drawn.v[k]);
  }
  for (int i = count; i < MANY; i++) assert_int_equal(out[0][i], 0);
}

/* Random123's own, which its published vectors are compared with. */
static void many_neurons_at_once_are_threefry_of_their_counters(void **state) {
  (void)state;
  const threefry4x32_ctr_t zero =
      threefry4x32_R(13, (threefry4x32_ctr_t){{0}}, (threefry4x32_key_t){{0}});
  const uint32_t known_zero[4] = {0x531c7e4f, 0x39491ee5, 0x2c855a92, 0x3d6abf9a};
  assert_memory_equal(zero.v, known_zero, sizeof known_zero);
  for (int count = 0; count <= MANY; count = count * 2 + 1)
    expect_many(1, RANDOM_POISSON, 4095, 99, count);
  expect_many(UINT64_MAX, RANDOM_SAMPLE, 0, ((uint64_t)1 << 48) - 1, MANY);
}

static void words_that_are_not_wanted_are_not_written(void **state) {
  (void)state;
  uint32_t *const third[4] = {NULL, NULL, out[2], NULL};
  memset(out, 0xff, sizeof out);
  random_draw_ordinals(1, RANDOM_EDGE, 0, 7, 0, 3, third);
  assert_int_equal(out[2][1], random_draw(1, RANDOM_EDGE, 0, 7, 1).word[2]);
  assert_int_equal(out[1][1] & out[3][1] & out[0][1], UINT32_MAX);
}

/* ---- numbers from words --------------------------------------------------------------------- */

static void units_never_reach_an_end_and_integers_stay_below(void **state) {
  (void)state;
  assert_true(random_unit(0) > 0 && random_unit(UINT32_MAX) < 1);
  for (uint32_t bound = 1; bound < 1000000000; bound = bound * 3 + 1) {
    assert_int_equal(random_below(0, bound), 0);
    assert_int_equal(random_below(UINT32_MAX, bound), bound - 1);
  }
  assert_int_equal(random_below(UINT32_MAX, UINT32_MAX), UINT32_MAX - 1);
}

static void expect_inverse(double p) {
  const double z = random_normal_quantile(p), again = random_normal_probability(z);
  assert_true(fabs(again - p) <= 1e-12);
  if (p < 0.5) assert_true(fabs(again - p) <= 1e-12 * p);
}

static void the_quantile_inverts_the_normal_distribution(void **state) {
  (void)state;
  for (double p = 1e-10; p < 0.5; p *= 1.01) {
    expect_inverse(p);
    expect_inverse(1 - p);
  }
  for (int i = 1; i < 10000; i++) expect_inverse(i / 10000.0);
  for (double z = -6.3; z <= 0; z += 0.0173)
    assert_true(fabs(random_normal_quantile(random_normal_probability(z)) - z) < 1e-12);
  assert_true(random_normal_quantile(0.5) == 0);
}

/* ---- binomial, hypergeometric --------------------------------------------------------------- */

enum { DRAWS = 100000, BINS = 40 };

typedef struct {
  double mean, variance, least, most;
  double n, p, good, bad; /* p for the binomial; good and bad for the hypergeometric, 0 without */
} distribution;

static double log_choose(double n, double k) {
  return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

static double log_probability(const distribution *d, double k) {
  if (d->good > 0)
    return log_choose(d->good, k) + log_choose(d->bad, d->n - k) -
           log_choose(d->good + d->bad, d->n);
  return log_choose(d->n, k) + k * log(d->p) + (d->n - k) * log1p(-d->p);
}

/* Edges of bins about as likely as each other; share[b] of the bin below edge[b]. */
static int make_bins(const distribution *d, double *edge, double *share) {
  const double mean = d->mean, deviation = sqrt(d->variance);
  const double low = fmax(floor(mean - 9 * deviation), d->least);
  const double high = fmin(mean + 9 * deviation + 9, d->most);
  int bins = 0;
  if (deviation > 1000) { /* the normal distribution, as good as 1e-3 deviations */
    double before = 0;
    for (; bins < BINS; bins++) {
      edge[bins] = floor(mean + deviation * random_normal_quantile((bins + 1.0) / (BINS + 1)));
      const double below = random_normal_probability((edge[bins] + 0.5 - mean) / deviation);
      share[bins] = below - before;
      before = below;
    }
    share[bins] = 1 - before;
    return bins;
  }
  double sum = 0, left = 1;
  for (double k = low; k <= high && bins < BINS; k++) {
    sum += exp(log_probability(d, k));
    if (sum < 1.0 / BINS || left - sum < 0.5 / BINS) continue;
    edge[bins] = k;
    share[bins++] = sum;
    left -= sum;
    sum = 0;
  }
  share[bins] = left;
  return bins;
}

/* Chi-square as a standard normal deviate (Wilson & Hilferty 1931). */
static double chi_square_deviate(int bins, const double *share, const double *seen, double draws) {
  double sum = 0;
  for (int b = 0; b <= bins; b++) {
    const double expected = share[b] * draws;
    sum += (seen[b] - expected) * (seen[b] - expected) / expected;
  }
  const double freedom = bins;
  return (cbrt(sum / freedom) - (1 - 2 / (9 * freedom))) / sqrt(2 / (9 * freedom));
}

static void expect_drawn(const distribution *d, uint64_t (*draw)(const distribution *, uint32_t)) {
  double edge[BINS], share[BINS + 1], seen[BINS + 1] = {0}, sum = 0, squares = 0;
  const int bins = make_bins(d, edge, share);
  for (uint32_t i = 0; i < DRAWS; i++) {
    const double k = (double)draw(d, i);
    assert_true(k >= d->least && k <= d->most);
    int b = 0;
    while (b < bins && k > edge[b]) b++;
    seen[b]++;
    sum += k - d->mean;
    squares += (k - d->mean) * (k - d->mean);
  }
  if (bins > 0 && chi_square_deviate(bins, share, seen, DRAWS) > 4)
    fail_msg("n %g, p %g, %g good, %g bad: chi-square %g deviations off", d->n, d->p, d->good,
             d->bad, chi_square_deviate(bins, share, seen, DRAWS));
  assert_true(fabs(sum / DRAWS) < 4.5 * sqrt(d->variance / DRAWS));
  const double excess = 2 + 1 / d->variance; /* of the fourth moment, an upper bound */
  assert_true(fabs(squares / DRAWS - d->variance) < 4.5 * d->variance * sqrt(excess / DRAWS));
}

static uint64_t draw_binomial(const distribution *d, uint32_t i) {
  return random_binomial(11, RANDOM_SPLIT, 3, i, i % 7, (uint64_t)d->n, d->p);
}

static void expect_binomial(uint64_t n, double p) {
  const double mean = (double)n * p;
  const distribution d = {
      .mean = mean, .variance = mean * (1 - p), .most = (double)n, .n = (double)n, .p = p};
  expect_drawn(&d, draw_binomial);
}

static uint64_t draw_hypergeometric(const distribution *d, uint32_t i) {
  return random_hypergeometric(11, RANDOM_SPLIT, 3, i, (uint64_t)d->good, (uint64_t)d->bad,
                               (uint64_t)d->n);
}

static void expect_hypergeometric(double good, double bad, double n) {
  const double all = good + bad, mean = n * good / all;
  const distribution d = {.mean = mean,
                          .variance = mean * (bad / all) * (all - n) / (all - 1),
                          .least = fmax(0, n - bad),
                          .most = fmin(n, good),
                          .n = n,
                          .good = good,
                          .bad = bad};
  expect_drawn(&d, draw_hypergeometric);
}

static void what_is_drawn_without_replacement_has_its_distribution(void **state) {
  (void)state;
  expect_hypergeometric(1, 1, 1);
  expect_hypergeometric(3, 6, 4);
  expect_hypergeometric(6, 3, 8);
  expect_hypergeometric(500, 500, 300);
  expect_hypergeometric(100, 10000, 9000);
  expect_hypergeometric(10000, 77, 5000);
  expect_hypergeometric(1e9, 1e9, 1000);
  expect_hypergeometric(1e12, 1e12, 1e9);
  expect_hypergeometric(1e14, 3e14, 1e12);
  expect_hypergeometric(1e10, 1e10, 1.9e10);
  assert_int_equal(random_hypergeometric(1, RANDOM_SPLIT, 0, 0, 5, 7, 0), 0);
  assert_int_equal(random_hypergeometric(1, RANDOM_SPLIT, 0, 0, 5, 7, 12), 5);
  assert_int_equal(random_hypergeometric(1, RANDOM_SPLIT, 0, 0, 0, 7, 3), 0);
  assert_int_equal(random_hypergeometric(1, RANDOM_SPLIT, 0, 0, 7, 0, 3), 3);
}

static void binomials_of_few_expected_successes_have_their_distribution(void **state) {
  (void)state;
  expect_binomial(1, 0.3);
  expect_binomial(10, 0.3);
  expect_binomial(19, 0.5);
  expect_binomial(1000, 0.002);
  expect_binomial(1000000000000, 5e-12);
  expect_binomial(12, 0.93);
}

static void binomials_of_many_expected_successes_have_their_distribution(void **state) {
  (void)state;
  expect_binomial(20, 0.5);
  expect_binomial(101, 0.1);
  expect_binomial(1000, 0.5);
  expect_binomial(3000, 0.99);
  expect_binomial(1000000, 0.25);
  expect_binomial(299000000, 0.5);
  expect_binomial(1000000000000, 1.0 / 3);
  expect_binomial(100000000000000, 0.0025);
}

static void binomials_at_the_ends_are_certain(void **state) {
  (void)state;
  for (uint32_t i = 0; i < 100; i++) {
    assert_int_equal(random_binomial(1, RANDOM_SPLIT, 0, i, 0, 0, 0.5), 0);
    assert_int_equal(random_binomial(1, RANDOM_SPLIT, 0, i, 0, 77, 0), 0);
    assert_int_equal(random_binomial(1, RANDOM_SPLIT, 0, i, 0, 77, 1), 77);
  }
}

static void divide(uint64_t heap, uint64_t total, int low, int high, uint64_t *part) {
  if (high - low == 1) {
    part[low] = total;
    return;
  }
  const int middle = low + (high - low) / 2;
  const uint64_t left =
      random_binomial(5, RANDOM_SPLIT, 0, 0, heap, total, (double)(middle - low) / (high - low));
  assert_true(left <= total);
  divide(2 * heap, left, low, middle, part);
  divide(2 * heap + 1, total - left, middle, high, part);
}

static void a_total_that_is_split_keeps_its_sum_and_shares_it_evenly(void **state) {
  (void)state;
  enum { PARTS = 1001 };
  static uint64_t part[PARTS];
  for (uint64_t total = 0; total < 10000000000; total = total * 7 + 3) {
    divide(1, total, 0, PARTS, part);
    uint64_t sum = 0;
    double chi_square = 0;
    const double mean = (double)total / PARTS;
    for (int i = 0; i < PARTS; i++) {
      sum += part[i];
      chi_square += ((double)part[i] - mean) * ((double)part[i] - mean) / mean;
    }
    assert_true(sum == total);
    if (total > 10000) assert_true(fabs(chi_square - (PARTS - 1)) < 4.5 * sqrt(2.0 * (PARTS - 1)));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_draw_is_philox_of_its_counter),
      cmocka_unit_test(ordinals_in_a_row_are_single_draws),
      cmocka_unit_test(ordinals_carry_past_32_bits),
      cmocka_unit_test(many_neurons_at_once_are_threefry_of_their_counters),
      cmocka_unit_test(words_that_are_not_wanted_are_not_written),
      cmocka_unit_test(units_never_reach_an_end_and_integers_stay_below),
      cmocka_unit_test(the_quantile_inverts_the_normal_distribution),
      cmocka_unit_test(binomials_of_few_expected_successes_have_their_distribution),
      cmocka_unit_test(binomials_of_many_expected_successes_have_their_distribution),
      cmocka_unit_test(binomials_at_the_ends_are_certain),
      cmocka_unit_test(what_is_drawn_without_replacement_has_its_distribution),
      cmocka_unit_test(a_total_that_is_split_keeps_its_sum_and_shares_it_evenly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
