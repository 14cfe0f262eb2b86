/* The timing family of the exact measures: values that the reference programs found, and processor
 * time on one core. By default as large as takes seconds; SHINKEI_PHI_TIMING=7 (or another number)
 * goes on to that many units for IIT 3.0, three more for phi_s, one more for whole structures. */
#include "phi_iit3.h"
#include "phi_iit4.h"

#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define INSTRUMENTED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
#define INSTRUMENTED
#endif

static double processor_seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

static int largest(void) {
  const char *asked = getenv("SHINKEI_PHI_TIMING");
  return asked ? atoi(asked) : 5;
}

/* Units that are on with probability 1 / (1 + exp(-3 sum_i w_ij x_i)), x = -1 or 1; state 1010.. */
static void make_family(int n, phi_background background, phi_candidate *candidate) {
  double *on = check_allocate((size_t)n << n, sizeof *on);
  uint8_t now[PHI_NETWORK_LIMIT];
  phi_network network;
  for (int past = 0; past < 1 << n; past++)
    for (int j = 0; j < n; j++) {
      double sum = 0;
      for (int i = 0; i < n; i++)
        sum +=
            (0.8 / n + 0.5 * (j == (i + 1) % n) - 0.15 * (i == j) + 0.05 * sin(1 + 3 * i + 5 * j)) *
            (past >> i & 1 ? 1 : -1);
      on[past * n + j] = 1 / (1 + exp(-3 * sum));
    }
  for (int unit = 0; unit < n; unit++) now[unit] = !(unit & 1);
  assert_int_equal(phi_network_create(&network, n, on, NULL, now), OK);
  assert_int_equal(phi_candidate_create(candidate, &network, (1u << n) - 1, background), OK);
  phi_network_free(&network);
  free(on);
}

/* Values to the digits published; NAN: none is. Bars: processor seconds. */
static void check(const char *what, int n, double value, double expected, double seconds,
                  double bar) {
#ifdef INSTRUMENTED
  bar = NAN;
#endif
  print_message("  %-10s n = %2d: %14.9g  %8.4f s", what, n, value, seconds);
  print_message(isnan(bar) ? "\n" : "  (at most %g s)\n", bar);
  if (!isnan(expected) && fabs(value - expected) > 1e-6)
    fail_msg("%s of %d units: %.9g, expected %.9g", what, n, value, expected);
  if (seconds > bar) fail_msg("%s of %d units took %.3g s, at most %g s", what, n, seconds, bar);
}

static void big_phi_of_iit3_is_fast(void **state) {
  (void)state;
  const double values[] = {0.753802, 0.905088, 1.272686}; /* larger: integerised ones only */
  const double bars[] = {NAN, NAN, NAN, 0.1, 5, 300};
  for (int n = 2; n <= largest(); n++) {
    phi_candidate candidate;
    phi_iit3_system system;
    make_family(n, PHI_BACKGROUND_FIXED, &candidate);
    double seconds = INFINITY, big_phi = 0;
    for (int repeat = 0; repeat < (n <= 5 ? 3 : 1); repeat++) { /* the machine is not ours alone */
      const double start = processor_seconds();
      assert_int_equal(phi_iit3_system_compute(&candidate, &system), OK);
      seconds = fmin(seconds, processor_seconds() - start);
      big_phi = system.big_phi;
      phi_iit3_system_free(&system);
    }
    check("IIT 3.0", n, big_phi, n < 5 ? values[n - 2] : NAN, seconds, n < 8 ? bars[n - 2] : NAN);
    phi_candidate_free(&candidate);
  }
}

static void phi_s_of_iit4_is_fast(void **state) {
  (void)state;
  const double values[] = {0.694225, 1.142921, 0.370604, 0.212588, 0.443813, 0.134347};
  for (int n = 2; n <= largest() + 3 && n <= PHI_UNIT_LIMIT; n++) {
    phi_candidate candidate;
    phi_iit4_system system;
    make_family(n, PHI_BACKGROUND_INFERRED, &candidate);
    const double start = processor_seconds();
    phi_iit4_system_compute(&candidate, &system);
    check("phi_s", n, system.phi, n < 8 ? values[n - 2] : NAN, processor_seconds() - start,
          n <= 7    ? 0.3
          : n <= 10 ? 60
                    : NAN);
    phi_iit4_system_free(&system);
    phi_candidate_free(&candidate);
  }
}

static void structures_of_iit4_are_fast(void **state) {
  (void)state;
  const double values[] = {3.128496, 3.061688, 4.690419, 5.827874, 35.997548};
  for (int n = 2; n <= largest() + 1 && n <= PHI_UNIT_LIMIT; n++) {
    phi_candidate candidate;
    phi_iit4_structure structure;
    make_family(n, PHI_BACKGROUND_INFERRED, &candidate);
    const double start = processor_seconds();
    phi_iit4_structure_compute(&candidate, &structure);
    check("structure", n, structure.big_phi, n < 7 ? values[n - 2] : NAN,
          processor_seconds() - start,
          n <= 6   ? 0.2
          : n <= 8 ? 120
                   : NAN);
    phi_iit4_structure_free(&structure);
    phi_candidate_free(&candidate);
  }
}

/* The same to the last bit, however many threads share the work. */
static void results_do_not_depend_on_threads(void **state) {
  (void)state;
  phi_candidate fixed, inferred;
  phi_iit3_system system[2];
  phi_iit4_structure structure[2];
  make_family(5, PHI_BACKGROUND_FIXED, &fixed);
  make_family(6, PHI_BACKGROUND_INFERRED, &inferred);
  for (int k = 0; k < 2; k++) {
    omp_set_num_threads(k ? 3 : 1);
    assert_int_equal(phi_iit3_system_compute(&fixed, &system[k]), OK);
    phi_iit4_structure_compute(&inferred, &structure[k]);
  }
  for (int k = 0; k < system[0].cut_count; k++)
    assert_true(system[0].cuts[k].phi == system[1].cuts[k].phi);
  assert_true(system[0].big_phi == system[1].big_phi);
  assert_true(structure[0].big_phi == structure[1].big_phi);
  for (int k = 0; k < 2; k++) {
    phi_iit3_system_free(&system[k]);
    phi_iit4_structure_free(&structure[k]);
  }
  phi_candidate_free(&fixed);
  phi_candidate_free(&inferred);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(big_phi_of_iit3_is_fast),
      cmocka_unit_test(phi_s_of_iit4_is_fast),
      cmocka_unit_test(structures_of_iit4_are_fast),
      cmocka_unit_test(results_do_not_depend_on_threads),
  };
  omp_set_num_threads(1);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
