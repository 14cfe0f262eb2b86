/* How far a computation is, told within nested parts; what was predicted is near what it takes. */
#include "phi_estimate.h"
#include "phi_iit4.h"
#include "phi_progress.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static double told[8];
static int count;

static void listen(void *context, double done) {
  assert_ptr_equal(context, told);
  if (count < 8) told[count++] = done;
}

/* Listeners are called every 20 ms at most. */
static void pause_and_tell(double done) {
  const struct timespec rest = {0, 25000000};
  nanosleep(&rest, NULL);
  phi_progress_at(done);
  phi_progress_at(0); /* too soon */
}

static void nested_parts_are_told_as_shares_of_the_whole(void **state) {
  (void)state;
  phi_progress_listen(listen, told);
  pause_and_tell(0.25);
  phi_progress_enter(0.5, 1);
  pause_and_tell(0.5);
  phi_progress_enter(0, 0.5);
  pause_and_tell(1);
  for (int k = 0; k < 20; k++) phi_progress_enter(0, 1); /* deeper than is told apart */
  pause_and_tell(0.9);
  for (int k = 0; k < 20; k++) phi_progress_leave();
  phi_progress_leave();
  pause_and_tell(1);
  phi_progress_leave();
  pause_and_tell(1);
  phi_progress_listen(NULL, NULL);
  pause_and_tell(1);
  const double expected[] = {0.25, 0.75, 0.75, 1, 1};
  assert_int_equal(count, 5);
  for (int k = 0; k < 5; k++)
    if (fabs(told[k] - expected[k]) > 1e-15) fail_msg("told %g, expected %g", told[k], expected[k]);
}

static void nobody_listens_in_other_threads(void **state) {
  (void)state;
  count = 0;
  phi_progress_listen(listen, told);
#pragma omp parallel num_threads(2)
  {
#pragma omp single
    count = 0;
    pause_and_tell(0.5);
  }
  phi_progress_listen(NULL, NULL);
  assert_int_equal(count, 1);
}

/* A noisy ring of n binary elements. */
static double *make_recording(int64_t samples, int n) {
  double *value = check_allocate((size_t)samples * (size_t)n, sizeof *value);
  srand(1);
  for (int64_t t = 1; t < samples; t++)
    for (int j = 0; j < n; j++)
      value[t * n + j] = rand() % 4 ? value[(t - 1) * n + (j + 1) % n] : rand() % 2;
  return value;
}

static double processor_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Within a factor of two by measurement (tests/measure_phi.py); here with room for a busy machine.
 */
static void predictions_are_near_what_it_takes(void **state) {
  (void)state;
  const phi_asked measures[] = {(phi_asked)PHI_STAR, (phi_asked)PHI_SI, PHI_ASK_IIT3};
  const int sizes[] = {6, 7, 5};
  for (int k = 0; k < 3; k++) {
    double *value = make_recording(3000, sizes[k]), predicted, taken = INFINITY;
    phi_plan plan = {.lag = 1, .prior = 0.5, .state = -1, .block = 20, .seed = 1, .bootstrap = 2};
    phi_estimate estimate;
    plan.request.asked = 1u << measures[k];
    assert_int_equal(phi_estimate_predict(&plan, 3000, sizes[k], value, &predicted), OK);
    for (int repeat = 0; repeat < 2; repeat++) {
      const double begun = processor_seconds();
      assert_int_equal(phi_estimate_make(&plan, 0, 3000, sizes[k], value, &estimate, NULL), OK);
      taken = fmin(taken, processor_seconds() - begun);
    }
    print_message("  %-5s n = %d: predicted %.3g s, took %.3g s\n", phi_asked_name(measures[k]),
                  sizes[k], predicted, taken);
    if (!(predicted > taken / 4 && predicted < taken * 4))
      fail_msg("predicted %g s, took %g s", predicted, taken);
    free(value);
  }
}

static struct {
  double last;
  int count, back;
} heard;

static void hear(void *context, double done) {
  (void)context;
  heard.count++;
  heard.back += done < heard.last;
  heard.last = done;
}

/* Every unit is the parity of all: half of the past states are causes of the same information, and
 * each is searched. The prediction knows; what is told goes forward only, to the end.          */
static void tied_states_are_predicted_and_told(void **state) {
  (void)state;
  enum { N = 9, STATES = 1 << N };
  double *on = check_allocate(STATES * N, sizeof *on);
  for (int i = 0; i < STATES; i++)
    for (int j = 0; j < N; j++) on[i * N + j] = __builtin_parity((unsigned)i) ? 0.8 : 0.2;
  const uint8_t off[N] = {0};
  phi_network network;
  phi_candidate candidate;
  phi_iit4_system system;
  assert_int_equal(phi_network_create(&network, N, on, NULL, off), OK);
  assert_int_equal(phi_candidate_create(&candidate, &network, STATES - 1, PHI_BACKGROUND_INFERRED),
                   OK);
  const double predicted = phi_iit4_here(phi_iit4_system_predict(&candidate));
  const double begun = processor_seconds();
  phi_progress_listen(hear, NULL);
  phi_iit4_system_compute(&candidate, &system);
  phi_progress_listen(NULL, NULL);
  const double taken = processor_seconds() - begun;
  print_message("  %d tied states: predicted %.3g s, took %.3g s, told %d times\n",
                system.cause_tie_count, predicted, taken, heard.count);
  assert_int_equal(system.cause_tie_count, STATES / 2);
  assert_true(predicted > taken / 4 && predicted < taken * 6);
  assert_true(heard.count > 3 && heard.last > 0.8 && heard.back == 0);
  phi_iit4_system_free(&system);
  phi_candidate_free(&candidate);
  phi_network_free(&network);
  free(on);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nested_parts_are_told_as_shares_of_the_whole),
      cmocka_unit_test(nobody_listens_in_other_threads),
      cmocka_unit_test(predictions_are_near_what_it_takes),
      cmocka_unit_test(tied_states_are_predicted_and_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
