#include "phi_linear.h"
#include "phi_search.h"
#include "random.h"

#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double normal(uint64_t seed, int who, int ordinal) {
  return random_normal_quantile(
      random_unit(random_draw(seed, RANDOM_SAMPLE, 100, (uint32_t)who, (uint64_t)ordinal).word[0]));
}

/* Modules, hubs and weak links by turns, so that minimum partitions are not all single elements. */
static void random_system(uint64_t seed, int n, phi_covariances *c) {
  double *a = check_allocate(2 * (size_t)n * n, sizeof *a), *noise = a + (size_t)n * n;
  int modules = 1 + (int)(seed % 4), factors = 1 + (int)(seed % 3);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      double weak = i % modules == j % modules ? 1 : 0.05;
      a[i * n + j] = 0.5 * weak * normal(seed, i, j) / sqrt(n);
      noise[i * n + j] = i == j;
      for (int k = 0; k < factors; k++)
        noise[i * n + j] +=
            weak * weak * 0.5 * normal(seed + 1000, i, k) * normal(seed + 1000, j, k);
    }
  for (int i = 0; i < n; i++) noise[i * n + i] += 0.5 * n; /* stays positive definite */
  assert_int_equal(phi_covariances_autoregression(n, a, noise, c), OK);
  free(a);
}

static phi_mip exhaustive(const phi_covariances *c, phi_measure m, bool normalised) {
  phi_gaussian_context context = {c, m};
  phi_problem p = phi_gaussian_problem(&context, normalised);
  phi_mip found;
  assert_int_equal(phi_search_exhaustive(&p, &found), OK);
  assert_true(found.exact);
  return found;
}

static void queyranne_equals_exhaustive_search_for_mutual_information(void **unused) {
  (void)unused;
  int larger_parts = 0;
  for (uint64_t seed = 1; seed <= 130; seed++) {
    int n = seed % 26 == 0 ? 14 : 2 + (int)(seed % 10);
    phi_measure m = seed % 2 ? PHI_MI : PHI_MI1;
    phi_covariances c;
    random_system(seed, n, &c);
    phi_mip wanted = exhaustive(&c, m, false), found;
    assert_int_equal(phi_search_queyranne_gaussian(&c, m, &found), OK);
    assert_true(found.exact);
    assert_true(fabs(found.value - wanted.value) < 1e-11);
    phi_gaussian_context context = {&c, m};
    phi_problem p = phi_gaussian_problem(&context, false);
    phi_mip plain;
    assert_int_equal(phi_search_queyranne(&p, true, &plain), OK);
    assert_true(fabs(plain.value - wanted.value) < 1e-11);
    int ones = 0;
    for (int i = 0; i < n; i++) ones += wanted.part[i];
    larger_parts += ones > 1 && ones < n - 1;
    phi_mip_free(&wanted);
    phi_mip_free(&found);
    phi_mip_free(&plain);
    phi_covariances_free(&c);
  }
  assert_true(larger_parts >= 10); /* or the systems would be too easy */
}

/* More elements than a panel of the factor has columns. */
static void queyranne_by_factors_equals_queyranne_by_evaluations_beyond_a_panel(void **unused) {
  (void)unused;
  phi_covariances c;
  random_system(3, 40, &c);
  phi_gaussian_context context = {&c, PHI_MI};
  phi_problem p = phi_gaussian_problem(&context, false);
  phi_mip fast, plain;
  assert_int_equal(phi_search_queyranne_gaussian(&c, PHI_MI, &fast), OK);
  assert_int_equal(phi_search_queyranne(&p, true, &plain), OK);
  assert_true(fabs(fast.value - plain.value) < 1e-11);
  phi_mip_free(&fast);
  phi_mip_free(&plain);
  phi_covariances_free(&c);
}

static void no_guess_is_below_the_minimum(void **unused) {
  (void)unused;
  const phi_measure measures[] = {PHI_SI, PHI_STAR, PHI_G, PHI_R};
  int hits = 0, tried = 0;
  for (uint64_t seed = 1; seed <= 12; seed++)
    for (int k = 0; k < 4; k++) {
      phi_covariances c;
      random_system(seed, 4 + (int)(seed % 4), &c);
      phi_mip wanted = exhaustive(&c, measures[k], false), found;
      phi_gaussian_context context = {&c, measures[k]};
      phi_problem p = phi_gaussian_problem(&context, false);
      assert_int_equal(phi_search_queyranne(&p, false, &found), OK);
      assert_false(found.exact);
      assert_true(found.value >= wanted.value - 1e-10);
      tried++;
      hits += found.value <= wanted.value + 1e-9;
      phi_mip_free(&wanted);
      phi_mip_free(&found);
      phi_covariances_free(&c);
    }
  assert_true(hits * 10 >= tried * 8); /* published: nearly always the minimum */
}

static void exchange_finds_the_minimum_of_small_systems(void **unused) {
  (void)unused;
  for (uint64_t seed = 1; seed <= 8; seed++)
    for (int normalised = 0; normalised < 2; normalised++) {
      phi_covariances c;
      random_system(seed, 8, &c);
      phi_mip wanted = exhaustive(&c, PHI_SI, normalised), found;
      phi_gaussian_context context = {&c, PHI_SI};
      phi_problem p = phi_gaussian_problem(&context, normalised);
      assert_int_equal(phi_search_exchange(&p, 6, 40, seed, &found), OK);
      assert_true(fabs(found.score - wanted.score) < 1e-9);
      assert_int_equal(found.part[0], 0);
      phi_mip_free(&wanted);
      phi_mip_free(&found);
      phi_covariances_free(&c);
    }
}

static void searches_do_not_depend_on_the_number_of_threads(void **unused) {
  (void)unused;
  phi_covariances c;
  random_system(5, 9, &c);
  phi_gaussian_context context = {&c, PHI_G};
  phi_problem p = phi_gaussian_problem(&context, false);
  phi_mip first[3];
  for (int threads = 1; threads <= 4; threads++) {
    omp_set_num_threads(threads);
    phi_mip found[3];
    assert_int_equal(phi_search_exhaustive(&p, &found[0]), OK);
    assert_int_equal(phi_search_queyranne(&p, false, &found[1]), OK);
    assert_int_equal(phi_search_exchange(&p, 4, 5, 1, &found[2]), OK);
    for (int k = 0; k < 3; k++) {
      if (threads == 1) {
        first[k] = found[k];
        continue;
      }
      assert_memory_equal(&found[k].value, &first[k].value, sizeof(double));
      assert_memory_equal(found[k].part, first[k].part, 9 * sizeof(int));
      assert_int_equal(found[k].evaluations, first[k].evaluations);
      phi_mip_free(&found[k]);
    }
  }
  for (int k = 0; k < 3; k++) phi_mip_free(&first[k]);
  phi_covariances_free(&c);
}

/* Independent variables: every split costs nothing. */
static void ties_are_counted_and_broken_by_order(void **unused) {
  (void)unused;
  const double past[16] = {1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 4};
  phi_covariances c;
  assert_int_equal(phi_covariances_make(4, past, NULL, NULL, 0, &c), OK);
  phi_mip found = exhaustive(&c, PHI_MI1, false);
  const int first[4] = {0, 1, 0, 0};
  assert_int_equal(found.ties, 6);
  assert_memory_equal(found.part, first, sizeof first);
  phi_mip_free(&found);
  phi_covariances_free(&c);
}

static err split_exactly(void *context, int count, const int *index, phi_mip *made) {
  phi_covariances s;
  err e = phi_covariances_subset(context, count, index, &s);
  if (!e) e = phi_search_queyranne_gaussian(&s, PHI_MI1, made);
  phi_covariances_free(&s);
  return e;
}

static double minimum_of(const phi_covariances *c, unsigned set) {
  int index[8], count = 0;
  for (int i = 0; i < c->n; i++)
    if (set >> i & 1) index[count++] = i;
  if (count < 2) return 0;
  phi_covariances s;
  assert_int_equal(phi_covariances_subset(c, count, index, &s), OK);
  phi_mip m = exhaustive(&s, PHI_MI1, false);
  double value = m.value;
  phi_mip_free(&m);
  phi_covariances_free(&s);
  return value;
}

/* By the definition, over all 2^n subsets. */
static void complexes_equal_those_of_their_definition(void **unused) {
  (void)unused;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    const int n = 6;
    phi_covariances c;
    phi_complexes found;
    random_system(seed, n, &c);
    double value[64];
    int wanted[64] = {0}, got[64] = {0};
    for (unsigned s = 0; s < 64; s++) value[s] = minimum_of(&c, s);
    for (unsigned s = 0; s < 64; s++) {
      int above = value[s] > 0, below = 1;
      for (unsigned other = 0; other < 64; other++) {
        if (other != s && (other & s) == s && value[other] >= value[s] - 1e-12) above = 0;
        if (other != s && (other & s) == other && value[other] >= value[s] - 1e-12) below = 0;
      }
      wanted[s] = above ? 1 + below : 0;
    }
    assert_int_equal(phi_search_complexes(n, split_exactly, &c, &found), OK);
    for (int k = 0; k < found.count; k++) {
      unsigned s = 0;
      for (int i = 0; i < found.set[k].size; i++) s |= 1u << found.set[k].member[i];
      assert_true(fabs(found.set[k].value - value[s]) < 1e-11);
      got[s] = found.set[k].complex ? 1 + found.set[k].main : 0;
    }
    assert_memory_equal(got, wanted, sizeof got);
    phi_complexes_free(&found);
    phi_covariances_free(&c);
  }
}

static void expect_refusal(err e, const char *word) {
  assert_int_equal(e, ERR_USER);
  if (!strstr(check_message(), word)) fail_msg("'%s' does not say '%s'", check_message(), word);
  check_clear();
}

static void impossible_searches_are_refused(void **unused) {
  (void)unused;
  phi_covariances c;
  phi_mip found;
  random_system(1, 25, &c);
  phi_gaussian_context context = {&c, PHI_SI};
  phi_problem p = phi_gaussian_problem(&context, true);
  expect_refusal(phi_search_exhaustive(&p, &found), "1.68e+07 partitions");
  expect_refusal(phi_search_queyranne(&p, false, &found), "not normalised");
  phi_mip_free(&found);
  expect_refusal(phi_search_queyranne_gaussian(&c, PHI_G, &found), "MI1, MI, SI");
  expect_refusal(phi_search_exchange(&p, 1, 5, 1, &found), "replicas");
  phi_covariances_free(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(queyranne_equals_exhaustive_search_for_mutual_information),
      cmocka_unit_test(queyranne_by_factors_equals_queyranne_by_evaluations_beyond_a_panel),
      cmocka_unit_test(no_guess_is_below_the_minimum),
      cmocka_unit_test(exchange_finds_the_minimum_of_small_systems),
      cmocka_unit_test(searches_do_not_depend_on_the_number_of_threads),
      cmocka_unit_test(ties_are_counted_and_broken_by_order),
      cmocka_unit_test(complexes_equal_those_of_their_definition),
      cmocka_unit_test(impossible_searches_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
