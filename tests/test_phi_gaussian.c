#include "phi_gaussian.h"
#include "phi_linear.h"
#include "random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double normal(uint64_t seed, int who, int ordinal) {
  return random_normal_quantile(
      random_unit(random_draw(seed, RANDOM_SAMPLE, 100, (uint32_t)who, (uint64_t)ordinal).word[0]));
}

/* A random stationary system: dense A with row sums up to 0.8, noise correlated where asked;
 * elements of different parts do not meet where `part` is given. */
static void random_system(uint64_t seed, int n, const int *part, int correlated,
                          phi_covariances *c) {
  double a[64], noise[64];
  assert_true(n * n <= 64);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      int meet = !part || part[i] == part[j];
      a[i * n + j] = meet ? normal(seed, i, j) : 0;
      noise[i * n + j] = i == j;
      for (int k = 0; k < 3 && correlated && meet; k++)
        noise[i * n + j] += 0.3 * normal(seed + 1000, i, k) * normal(seed + 1000, j, k);
    }
  double widest = 0;
  for (int i = 0; i < n; i++) {
    double sum = 0;
    for (int j = 0; j < n; j++) sum += fabs(a[i * n + j]);
    widest = fmax(widest, sum);
  }
  for (int i = 0; i < n * n; i++) a[i] *= 0.8 / widest;
  assert_int_equal(phi_covariances_autoregression(n, a, noise, c), OK);
}

static void random_parts(uint64_t seed, int n, int parts, int *part) {
  for (int i = 0; i < n; i++)
    part[i] = i < parts
                  ? i
                  : (int)random_below(random_draw(seed, RANDOM_SAMPLE, 101, 0, (uint64_t)i).word[0],
                                      (uint32_t)parts);
}

static double value(const phi_covariances *c, phi_measure m, const int *part) {
  phi_value v;
  assert_int_equal(phi_gaussian_measure(c, m, part, &v), OK);
  return v.value;
}

static void the_measures_keep_their_order(void **unused) {
  (void)unused;
  for (uint64_t seed = 1; seed <= 60; seed++) {
    int n = 2 + (int)(seed % 7), part[8], parts = n > 3 ? 2 + (int)(seed % 2) : 2;
    phi_covariances c;
    random_system(seed, n, NULL, 1, &c);
    random_parts(seed, n, parts, part);
    double whole = phi_gaussian_delayed_information(&c), slack = 1e-10;
    double g = value(&c, PHI_G, part), si = value(&c, PHI_SI, part);
    double star = value(&c, PHI_STAR, part);
    assert_true(g >= 0 && g <= si + slack && g <= whole + slack);
    assert_true(star >= -slack && star <= whole + slack);
    assert_true(si <= value(&c, PHI_MI, part) + slack);
    phi_covariances_free(&c);
  }
}

static void every_measure_vanishes_where_parts_never_meet(void **unused) {
  (void)unused;
  for (uint64_t seed = 1; seed <= 30; seed++) {
    int n = 3 + (int)(seed % 5), part[8];
    phi_covariances c;
    random_parts(seed, n, 2, part);
    random_system(seed, n, part, 1, &c);
    for (int m = PHI_MI1; m <= PHI_G; m++)
      assert_true(fabs(value(&c, (phi_measure)m, part)) < 1e-10);
    phi_covariances_free(&c);
  }
}

/* G asks for connections only; the others see the common noise as well. */
static void common_noise_alone_leaves_only_g_at_zero(void **unused) {
  (void)unused;
  const double a[4] = {0.5, 0, 0, 0.3}, noise[4] = {1, 0.6, 0.6, 1};
  const int part[2] = {0, 1};
  phi_covariances c;
  assert_int_equal(phi_covariances_autoregression(2, a, noise, &c), OK);
  assert_true(value(&c, PHI_G, part) < 1e-12);
  assert_true(value(&c, PHI_SI, part) > 0.01);
  assert_true(value(&c, PHI_STAR, part) > 0.01);
  phi_covariances_free(&c);
}

/* R against its definition, written out for two variables. */
static void r_is_the_whole_minus_parts_plus_redundancy(void **unused) {
  (void)unused;
  const int part[2] = {0, 1};
  for (uint64_t seed = 1; seed <= 10; seed++) {
    phi_covariances c;
    random_system(seed, 2, NULL, 1, &c);
    double least = INFINITY, within = 0;
    for (int i = 0; i < 2; i++)
      for (int j = 0; j < 2; j++) {
        double r2 = c.cross[2 * i + j] * c.cross[2 * i + j] / (c.past[3 * i] * c.present[3 * j]);
        double information = -0.5 * log(1 - r2);
        least = fmin(least, information);
        within += i == j ? information : 0;
      }
    double wanted = phi_gaussian_delayed_information(&c) - within + least;
    assert_true(fabs(value(&c, PHI_R, part) - wanted) < 1e-12);
    phi_covariances_free(&c);
  }
}

/* The gradient at the end, from the definition: blocks of E'^-1 (A - A') S are zero. */
static void g_ends_where_its_gradient_is_zero(void **unused) {
  (void)unused;
  const int n = 6, part[6] = {0, 0, 1, 1, 1, 2};
  phi_covariances c;
  random_system(7, n, NULL, 1, &c);
  double a_prime[36], change[36], left[36], noise[36], gradient[36], residual;
  double g = phi_gaussian_geometric(&c, part, &residual, a_prime);
  for (int i = 0; i < 36; i++) change[i] = c.regression[i] - a_prime[i];
  phi_linear_multiply(n, n, n, change, c.past, left);
  phi_linear_multiply_bt(n, n, n, left, change, noise);
  for (int i = 0; i < 36; i++) noise[i] += c.noise[i];
  double logarithm = phi_linear_invert(n, noise);
  assert_true(fabs(0.5 * (logarithm - c.log_joint + c.log_past) - g) < 1e-12);
  phi_linear_multiply(n, n, n, noise, left, gradient);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      if (part[i] == part[j])
        assert_true(fabs(gradient[i * n + j]) < 1e-6);
      else
        assert_true(a_prime[i * n + j] == 0);
    }
  phi_covariances_free(&c);
}

static void a_recording_gives_the_covariances_of_its_system(void **unused) {
  (void)unused;
  const double a[4] = {0.5, 0.2, 0.1, 0.4}, noise[4] = {1, 0, 0, 1};
  const int samples = 40000;
  double *x = check_allocate(2 * (size_t)samples, sizeof *x);
  for (int t = 1; t < samples; t++)
    for (int i = 0; i < 2; i++)
      x[2 * t + i] = a[2 * i] * x[2 * t - 2] + a[2 * i + 1] * x[2 * t - 1] + normal(5, i, t);
  phi_covariances true_one, estimate;
  assert_int_equal(phi_covariances_autoregression(2, a, noise, &true_one), OK);
  assert_int_equal(phi_covariances_series(samples, 2, x, 1, 0, &estimate), OK);
  for (int i = 0; i < 4; i++) {
    assert_true(fabs(estimate.past[i] - true_one.past[i]) < 0.06);
    assert_true(fabs(estimate.regression[i] - a[i]) < 0.03);
  }
  phi_covariances_free(&true_one);
  phi_covariances_free(&estimate);
  free(x);
}

static void a_subset_is_the_marginal(void **unused) {
  (void)unused;
  const int index[3] = {4, 0, 2};
  phi_covariances c, s;
  random_system(3, 5, NULL, 1, &c);
  assert_int_equal(phi_covariances_subset(&c, 3, index, &s), OK);
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) {
      assert_true(s.past[3 * i + j] == c.past[5 * index[i] + index[j]]);
      assert_true(s.cross[3 * i + j] == c.cross[5 * index[i] + index[j]]);
    }
  phi_covariances_free(&c);
  phi_covariances_free(&s);
}

static void expect_refusal(err e, const char *word) {
  assert_int_equal(e, ERR_USER);
  if (!strstr(check_message(), word)) fail_msg("'%s' does not say '%s'", check_message(), word);
  check_clear();
}

static void a_singular_covariance_is_refused_unless_regularised(void **unused) {
  (void)unused;
  double x[40 * 3];
  for (int t = 0; t < 40; t++) {
    x[3 * t] = normal(1, 0, t);
    x[3 * t + 1] = normal(1, 1, t);
    x[3 * t + 2] = x[3 * t] + x[3 * t + 1];
  }
  phi_covariances c;
  expect_refusal(phi_covariances_series(40, 3, x, 1, 0, &c), "singular");
  assert_int_equal(phi_covariances_series(40, 3, x, 1, 1e-3, &c), OK);
  phi_covariances_free(&c);
  for (int t = 0; t < 40; t++) x[3 * t + 2] = 7;
  expect_refusal(phi_covariances_series(40, 3, x, 1, 0, &c), "variable 2 never changes");
  expect_refusal(phi_covariances_series(5, 3, x, 1, 0, &c), "at least 7");
}

static void unusable_numbers_are_refused_by_name(void **unused) {
  (void)unused;
  phi_covariances c;
  double x[40];
  for (int t = 0; t < 40; t++) x[t] = normal(1, 0, t);
  x[13] = NAN;
  expect_refusal(phi_covariances_series(20, 2, x, 1, 0, &c), "sample 6 of variable 1");
  expect_refusal(phi_covariances_series(20, 2, x, -1, 0, &c), "lag");
  for (int k = 0; k < 2; k++) { /* products of variances would leave the range of double */
    for (int t = 0; t < 40; t++) x[t] = normal(1, 0, t) * (t % 2 ? 1 : k ? 1e-100 : 1e100);
    expect_refusal(phi_covariances_series(20, 2, x, 1, 0, &c), "variable 0 has variance");
  }
  const double explosive[4] = {1.1, 0, 0, 0.2}, unit[4] = {1, 0, 0, 1}, skew[4] = {1, 0.5, 0, 1};
  const double small[4] = {0.1, 0, 0, 0.1};
  expect_refusal(phi_covariances_autoregression(2, explosive, unit, &c), "spectral radius");
  expect_refusal(phi_covariances_autoregression(2, small, skew, &c), "not symmetric");
  expect_refusal(phi_covariances_make(2, unit, NULL, NULL, -1, &c), "regularisation");
}

/* The measures are logarithms of ratios: units cancel, also those that differ by 10^40. */
static void units_do_not_matter(void **unused) {
  (void)unused;
  double x[60], y[60];
  for (int t = 0; t < 60; t++) x[t] = normal(1, 0, t) + (t > 3 ? 0.5 * x[t - 3] : 0);
  for (int t = 0; t < 60; t++) y[t] = x[t] * (t % 2 ? 1e-20 : 1e20);
  phi_covariances c, scaled;
  const int apart[2] = {0, 1};
  assert_int_equal(phi_covariances_series(30, 2, x, 1, 0, &c), OK);
  assert_int_equal(phi_covariances_series(30, 2, y, 1, 0, &scaled), OK);
  for (int m = 0; m < PHI_MEASURES; m++) {
    phi_value one, other;
    assert_int_equal(phi_gaussian_measure(&c, (phi_measure)m, apart, &one), OK);
    assert_int_equal(phi_gaussian_measure(&scaled, (phi_measure)m, apart, &other), OK);
    if (!(fabs(one.value - other.value) < 1e-8))
      fail_msg("%s: %.12g, in other units %.12g", phi_measure_name((phi_measure)m), one.value,
               other.value);
  }
  phi_covariances_free(&c);
  phi_covariances_free(&scaled);
}

static void impossible_partitions_are_refused(void **unused) {
  (void)unused;
  phi_covariances c;
  phi_value v;
  random_system(3, 3, NULL, 0, &c);
  const int one[3] = {0, 0, 0}, gap[3] = {0, 2, 2}, out[3] = {0, 1, 3}, three[3] = {0, 1, 2};
  expect_refusal(phi_gaussian_measure(&c, PHI_SI, one, &v), "at least 2");
  expect_refusal(phi_gaussian_measure(&c, PHI_SI, gap, &v), "part 1 of 3 is empty");
  expect_refusal(phi_gaussian_measure(&c, PHI_SI, out, &v), "allowed are 0 to 2");
  expect_refusal(phi_gaussian_measure(&c, PHI_R, three, &v), "2 parts");
  phi_measure m;
  expect_refusal(phi_measure_of("phi", &m), "allowed are MI1, MI, SI, star, G, R");
  phi_covariances slice;
  assert_int_equal(phi_covariances_make(3, c.past, NULL, NULL, 0, &slice), OK);
  expect_refusal(phi_gaussian_measure(&slice, PHI_SI, three, &v), "two time slices");
  phi_covariances_free(&c);
  phi_covariances_free(&slice);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_measures_keep_their_order),
      cmocka_unit_test(every_measure_vanishes_where_parts_never_meet),
      cmocka_unit_test(common_noise_alone_leaves_only_g_at_zero),
      cmocka_unit_test(r_is_the_whole_minus_parts_plus_redundancy),
      cmocka_unit_test(g_ends_where_its_gradient_is_zero),
      cmocka_unit_test(a_recording_gives_the_covariances_of_its_system),
      cmocka_unit_test(a_subset_is_the_marginal),
      cmocka_unit_test(a_singular_covariance_is_refused_unless_regularised),
      cmocka_unit_test(unusable_numbers_are_refused_by_name),
      cmocka_unit_test(units_do_not_matter),
      cmocka_unit_test(impossible_partitions_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
