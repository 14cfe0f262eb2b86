#include "phi_discrete.h"
#include "random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double uniform(uint64_t seed, int who, int ordinal) {
  return random_unit(
      random_draw(seed, RANDOM_SAMPLE, 100, (uint32_t)who, (uint64_t)ordinal).word[0]);
}

/* Random probabilities; a share of them is exactly 0. */
static void random_joint(uint64_t seed, int n, const int *levels, double empty, phi_joint *j) {
  size_t states = 1;
  for (int i = 0; i < n; i++) states *= (size_t)(levels ? levels[i] : 2);
  double *p = check_allocate(states * states, sizeof *p), sum = 0;
  for (size_t i = 0; i < states * states; i++) {
    p[i] = uniform(seed, 0, (int)i) < empty ? 0 : -log(uniform(seed, 1, (int)i));
    sum += p[i];
  }
  for (size_t i = 0; i < states * states; i++) p[i] /= sum;
  assert_int_equal(phi_joint_make(n, levels, p, j), OK);
  free(p);
}

static double value(const phi_joint *j, phi_measure m, const int *part) {
  phi_value v;
  assert_int_equal(phi_discrete_measure(j, m, part, &v), OK);
  return v.value;
}

static void the_measures_keep_their_order(void **unused) {
  (void)unused;
  const int levels[3] = {2, 3, 2}, part[3] = {0, 1, 0}, atomic[3] = {2, 0, 1};
  for (uint64_t seed = 1; seed <= 40; seed++) {
    phi_joint j;
    random_joint(seed, 3, seed % 2 ? levels : NULL, seed % 4 == 3 ? 0.3 : 0, &j);
    const int *p = seed % 3 ? part : atomic;
    double whole = phi_discrete_delayed_information(&j), slack = 1e-8;
    double g = value(&j, PHI_G, p), si = value(&j, PHI_SI, p), star = value(&j, PHI_STAR, p);
    assert_true(g >= 0 && g <= si + slack && g <= whole + slack);
    assert_true(star >= -slack && star <= whole + slack);
    assert_true(si <= value(&j, PHI_MI, p) + slack);
    phi_joint_free(&j);
  }
}

/* The condition of a minimum of the convex KL(p|q) over a convex set: no feasible q2 has
 * sum p q2 / q > 1. Feasible q2 are drawn with correlated and with independent parts.           */
static void g_is_the_minimum_over_its_constraints(void **unused) {
  (void)unused;
  const int part[3] = {0, 1, 0}; /* part 0: bits 0 and 2, part 1: bit 1 */
  for (uint64_t seed = 1; seed <= 12; seed++) {
    phi_joint j;
    random_joint(seed, 3, NULL, seed % 3 == 0 ? 0.3 : 0, &j);
    double q[64], residual, kl = 0;
    double g = phi_discrete_geometric(&j, part, &residual, q);
    for (int i = 0; i < 64; i++)
      if (j.joint[i] > 0) kl += j.joint[i] * log(j.joint[i] / q[i]);
    assert_true(residual < 1e-9);
    assert_true(fabs(kl - g) < 1e-7);
    double on[8], other[8][4]; /* q(Y_1 = 1|x), q(Y_0|x): functions of x_1, x_0 alone */
    for (int x = 0; x < 8; x++) {
      on[x] = 0;
      memset(other[x], 0, sizeof other[x]);
      for (int y = 0; y < 8; y++) {
        double share = q[8 * x + y] / j.past[x];
        if (y & 2) on[x] += share;
        other[x][(y & 1) | (y >> 1 & 2)] += share;
      }
    }
    for (int x = 0; x < 8; x++)
      for (int z = 0; z < 8; z++) {
        if (!((x ^ z) & 2)) assert_true(fabs(on[x] - on[z]) < 1e-8);
        for (int k = 0; k < 4 && !((x ^ z) & 5); k++)
          assert_true(fabs(other[x][k] - other[z][k]) < 1e-8);
      }
    for (int draw = 0; draw < 200; draw++) {
      double sum = 0;
      for (int x = 0; x < 8; x++) {
        int past1 = x >> 1 & 1, past0 = (x & 1) | (x >> 1 & 2);
        double one = uniform(seed, 2 + draw, past1), r0[4], total = 0;
        for (int k = 0; k < 4; k++) {
          r0[k] = -log(uniform(seed, 2 + draw, 10 + 4 * past0 + k));
          total += r0[k];
        }
        for (int k = 0; k < 4; k++) r0[k] /= total;
        /* move mass between two cells of each part: the marginals stay */
        double most = fmin(fmin(one, 1 - one) * fmin(r0[0], r0[3]), 1);
        double shift = (2 * uniform(seed, 2 + draw, 50 + x) - 1) * most;
        for (int y = 0; y < 8; y++) {
          int y1 = y >> 1 & 1, y0 = (y & 1) | (y >> 1 & 2);
          double q2 = (y1 ? one : 1 - one) * r0[y0];
          if (y0 == 0 || y0 == 3) q2 += (y0 == 0) == y1 ? shift : -shift;
          if (j.joint[8 * x + y] > 0) sum += j.joint[8 * x + y] * j.past[x] * q2 / q[8 * x + y];
        }
      }
      assert_true(sum <= 1 + 1e-6);
    }
    phi_joint_free(&j);
  }
}

/* Two independent pairs of nodes: p = p_a p_b. */
static void every_measure_vanishes_between_independent_parts(void **unused) {
  (void)unused;
  const int part[4] = {0, 1, 0, 1};
  phi_joint a, b, j;
  random_joint(1, 2, NULL, 0, &a);
  random_joint(2, 2, NULL, 0.2, &b);
  double p[256];
  for (int x = 0; x < 16; x++)
    for (int y = 0; y < 16; y++) {
      int xa = (x & 1) | (x >> 1 & 2), xb = (x >> 1 & 1) | (x >> 2 & 2);
      int ya = (y & 1) | (y >> 1 & 2), yb = (y >> 1 & 1) | (y >> 2 & 2);
      p[16 * x + y] = a.joint[4 * xa + ya] * b.joint[4 * xb + yb];
    }
  assert_int_equal(phi_joint_make(4, NULL, p, &j), OK);
  for (int m = PHI_MI1; m <= PHI_G; m++) assert_true(fabs(value(&j, (phi_measure)m, part)) < 1e-9);
  assert_true(phi_discrete_delayed_information(&j) > 0.1);
  phi_joint_free(&a);
  phi_joint_free(&b);
  phi_joint_free(&j);
}

/* Two nodes that copy each other: by hand, log 2 each way. */
static void a_swap_of_two_bits_has_its_known_values(void **unused) {
  (void)unused;
  const double tpm[8] = {0, 0, 0, 1, 1, 0, 1, 1};
  const int part[2] = {0, 1};
  phi_joint j;
  assert_int_equal(phi_joint_table(2, tpm, PHI_INPUT_UNIFORM, &j), OK);
  assert_true(fabs(phi_discrete_delayed_information(&j) - 2 * log(2)) < 1e-14);
  assert_true(fabs(value(&j, PHI_MI1, part)) < 1e-14);
  assert_true(fabs(value(&j, PHI_MI, part) - 2 * log(2)) < 1e-14);
  assert_true(fabs(value(&j, PHI_SI, part) - 2 * log(2)) < 1e-14);
  assert_true(fabs(value(&j, PHI_STAR, part) - 2 * log(2)) < 1e-12);
  assert_true(fabs(value(&j, PHI_R, part) - 2 * log(2)) < 1e-14);
  assert_true(value(&j, PHI_G, part) <= 2 * log(2) + 1e-9);
  phi_joint_free(&j);
}

/* Node 1 copies node 0 and node 0 keeps its value: node 1's old value is never used again. */
static void the_stationary_input_is_that_of_the_chain(void **unused) {
  (void)unused;
  const double tpm[8] = {0.1, 0, 0.9, 1, 0.1, 0, 0.9, 1};
  phi_joint j;
  assert_int_equal(phi_joint_table(2, tpm, PHI_INPUT_STATIONARY, &j), OK);
  const double wanted[4] = {0.45, 0.05, 0.05, 0.45};
  for (int i = 0; i < 4; i++) {
    assert_true(fabs(j.past[i] - wanted[i]) < 1e-12);
    assert_true(fabs(j.present[i] - wanted[i]) < 1e-12);
  }
  phi_joint_free(&j);
}

static void a_recording_is_counted_in_pairs(void **unused) {
  (void)unused;
  const int series[10] = {0, 0, 1, 0, 1, 1, 0, 0, 1, 0}; /* states 0 1 3 0 1 */
  phi_joint j;
  assert_int_equal(phi_joint_series(5, 2, NULL, series, 1, 0, &j), OK);
  assert_true(j.joint[0 * 4 + 1] == 0.5 && j.joint[1 * 4 + 3] == 0.25 && j.joint[3 * 4] == 0.25);
  phi_joint_free(&j);
  assert_int_equal(phi_joint_series(5, 2, NULL, series, 1, 1, &j), OK);
  assert_true(j.joint[0 * 4 + 1] == 3. / 20 && j.joint[2 * 4 + 2] == 1. / 20);
  phi_joint_free(&j);
}

static void expect_refusal(err e, const char *word) {
  assert_int_equal(e, ERR_USER);
  if (!strstr(check_message(), word)) fail_msg("'%s' does not say '%s'", check_message(), word);
  check_clear();
}

static void unusable_tables_are_refused_by_name(void **unused) {
  (void)unused;
  phi_joint j;
  double p[16] = {0.5, 0.4};
  const int part[8] = {1}, two[2] = {2, 1}, series[4] = {0, 1, 2, 0};
  expect_refusal(phi_joint_make(2, NULL, p, &j), "sum to 0.9");
  p[5] = NAN;
  expect_refusal(phi_joint_make(2, NULL, p, &j), "x = 1, y = 1");
  expect_refusal(phi_joint_make(13, NULL, p, &j), "4096 states");
  expect_refusal(phi_joint_make(2, two, p, &j), "variable 1 has 1 values");
  expect_refusal(phi_joint_series(2, 2, NULL, series, 1, 0, &j), "sample 1 of variable 0 is 2");
  expect_refusal(phi_joint_series(2, 2, NULL, series, 2, 0, &j), "lag is 2");
  const double tpm[8] = {0, 0, 0, 1.5, 1, 0, 1, 1};
  expect_refusal(phi_joint_table(2, tpm, PHI_INPUT_UNIFORM, &j), "node 1 is ON | state 1");
  phi_value v;
  random_joint(1, 8, NULL, 0, &j);
  expect_refusal(phi_discrete_measure(&j, PHI_G, part, &v), "too many free entries");
  phi_joint_free(&j);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_measures_keep_their_order),
      cmocka_unit_test(g_is_the_minimum_over_its_constraints),
      cmocka_unit_test(every_measure_vanishes_between_independent_parts),
      cmocka_unit_test(a_swap_of_two_bits_has_its_known_values),
      cmocka_unit_test(the_stationary_input_is_that_of_the_chain),
      cmocka_unit_test(a_recording_is_counted_in_pairs),
      cmocka_unit_test(unusable_tables_are_refused_by_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
