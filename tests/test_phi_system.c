/* Networks and candidate systems: tables, backgrounds, and what is refused. */
#include "phi_iit3.h"
#include "phi_iit4.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_close(double value, double expected) {
  if (!(fabs(value - expected) <= 1e-12)) fail_msg("%.15g, expected %.15g", value, expected);
}

/* The call failed as the user's fault, and its message names what it should. */
static void assert_refused(err result, const char *names) {
  assert_int_equal(result, ERR_USER);
  if (!strstr(check_message(), names)) fail_msg("\"%s\" does not name %s", check_message(), names);
  check_clear();
}

/* Two units: 0 copies 1; 1 is the OR of both, noisy. */
static const double pair[8] = {0, 0.1, 0, 0.9, 1, 0.9, 1, 0.9};
static const uint8_t pair_edges[4] = {0, 1, 1, 1}, pair_now[2] = {1, 1};

static void conditional_probabilities_average_what_is_not_known(void **state) {
  (void)state;
  phi_network network;
  phi_candidate candidate;
  assert_int_equal(phi_network_create(&network, 2, pair, pair_edges, pair_now), OK);
  assert_close(network.connectivity_deviation, 0);
  assert_int_equal(phi_candidate_create(&candidate, &network, 3, PHI_BACKGROUND_FIXED), OK);
  const uint32_t *weights = phi_ternary_weights();
  assert_close(candidate.effect[1][phi_ternary(weights, 3, 2)], 0.9);
  assert_close(candidate.effect[1][phi_ternary(weights, 1, 0)], (0.1 + 0.9) / 2);
  assert_close(candidate.effect[1][phi_ternary(weights, 0, 0)], (0.1 + 3 * 0.9) / 4);
  assert_close(candidate.effect[0][phi_ternary(weights, 2, 2)], 1);
  assert_close(candidate.effect[0][phi_ternary(weights, 1, 1)], 0.5);
  assert_true(candidate.reachable);
  assert_true(phi_candidate_strongly_connected(&candidate));
  phi_candidate_free(&candidate);
  phi_network_free(&network);
}

static void backgrounds_are_fixed_or_inferred(void **state) {
  (void)state;
  phi_network network;
  phi_candidate fixed, inferred;
  assert_int_equal(phi_network_create(&network, 2, pair, pair_edges, pair_now), OK);
  assert_int_equal(phi_candidate_create(&fixed, &network, 2, PHI_BACKGROUND_FIXED), OK);
  assert_int_equal(phi_candidate_create(&inferred, &network, 2, PHI_BACKGROUND_INFERRED), OK);
  const uint32_t off = phi_ternary(phi_ternary_weights(), 1, 0);
  assert_close(fixed.cause[0][off], 0.9); /* unit 0 held on */
  assert_close(inferred.effect[0][off], 0.9);
  /* both are on now; past 01 and 11 are possible with weight 0.9 each: unit 0 was off or on with
   * the same probability */
  assert_close(inferred.cause[0][off], (0.1 + 0.9) / 2);
  phi_candidate_free(&fixed);
  phi_candidate_free(&inferred);
  phi_network_free(&network);
}

static void tables_of_states_give_the_same_network(void **state) {
  (void)state;
  double rows[16];
  phi_network network;
  for (int past = 0; past < 4; past++)
    for (int next = 0; next < 4; next++)
      rows[past * 4 + next] = (next & 1 ? pair[past * 2] : 1 - pair[past * 2]) *
                              (next & 2 ? pair[past * 2 + 1] : 1 - pair[past * 2 + 1]);
  assert_int_equal(phi_network_create_by_state(&network, 2, rows, pair_edges, pair_now), OK);
  for (int k = 0; k < 8; k++) assert_close(network.on[k], pair[k]);
  phi_network_free(&network);
  rows[0] -= 0.25;
  assert_refused(phi_network_create_by_state(&network, 2, rows, pair_edges, pair_now),
                 "row 0 sums to 0.75");
  memcpy(rows, (const double[]){0.5, 0, 0, 0.5}, 4 * sizeof *rows);
  assert_refused(phi_network_create_by_state(&network, 2, rows, pair_edges, pair_now),
                 "row 0: its units are not independent");
  rows[1] = -0.5;
  assert_refused(phi_network_create_by_state(&network, 2, rows, pair_edges, pair_now),
                 "row 0, state 1: -0.5");
}

static void edges_that_the_table_contradicts_are_measured(void **state) {
  (void)state;
  phi_network network;
  const uint8_t missing[4] = {0, 0, 1, 1};
  assert_int_equal(phi_network_create(&network, 2, pair, missing, pair_now), OK);
  assert_close(network.connectivity_deviation, 0.4); /* unit 1 does depend on unit 0 */
  phi_network_free(&network);
}

static void what_is_no_network_is_refused(void **state) {
  (void)state;
  phi_network network;
  double table[8];
  memcpy(table, pair, sizeof table);
  assert_refused(phi_network_create(&network, 0, table, NULL, pair_now), "network of 0 units");
  assert_refused(phi_network_create(&network, 17, table, NULL, pair_now), "1 to 16");
  assert_refused(phi_network_create(&network, 2, table, NULL, (const uint8_t[]){1, 2}),
                 "state of unit 1 is 2");
  table[5] = 1.0001;
  assert_refused(phi_network_create(&network, 2, table, NULL, pair_now), "row 2, unit 1: 1.0001");
  table[5] = NAN;
  assert_refused(phi_network_create(&network, 2, table, NULL, pair_now), "row 2, unit 1");
  table[5] = INFINITY;
  assert_refused(phi_network_create(&network, 2, table, NULL, pair_now), "row 2, unit 1");
}

static void what_is_no_candidate_is_refused(void **state) {
  (void)state;
  phi_network network;
  phi_candidate candidate;
  assert_int_equal(phi_network_create(&network, 2, pair, pair_edges, pair_now), OK);
  assert_refused(phi_candidate_create(&candidate, &network, 0, PHI_BACKGROUND_FIXED), "non-empty");
  assert_refused(phi_candidate_create(&candidate, &network, 4, PHI_BACKGROUND_FIXED), "2 units");
  phi_network_free(&network);
}

/* A network of n units that forget everything. */
static void make_blank(phi_network *network, int n) {
  const size_t size = (size_t)n << n;
  const uint8_t now[PHI_NETWORK_LIMIT] = {0};
  double *on = check_allocate(size, sizeof *on);
  for (size_t k = 0; k < size; k++) on[k] = 0.5;
  assert_int_equal(phi_network_create(network, n, on, NULL, now), OK);
  free(on);
}

static void systems_over_the_limits_are_refused_with_their_cost(void **state) {
  (void)state;
  phi_network network;
  phi_candidate candidate;
  phi_iit3_system system;
  phi_iit3_complexes complexes_3;
  phi_iit4_complexes complexes_4;
  make_blank(&network, 13);
  assert_refused(phi_candidate_create(&candidate, &network, 0x1fff, PHI_BACKGROUND_FIXED),
                 "13 units; 1 to 12");
  assert_refused(phi_iit3_complexes_compute(&network, &complexes_3), "13 units");
  assert_refused(phi_iit4_complexes_compute(&network, &complexes_4), "13 units");
  assert_int_equal(phi_candidate_create(&candidate, &network, 0x7ff, PHI_BACKGROUND_FIXED), OK);
  assert_refused(phi_iit3_system_compute(&candidate, &system), "11 units would take about");
  phi_candidate_free(&candidate);
  phi_network_free(&network);
}

static void a_state_that_nothing_leads_to_is_said(void **state) {
  (void)state;
  const double copies[8] = {0, 0, 0, 0, 1, 1, 1, 1}; /* both copy unit 1: always equal */
  const uint8_t different[2] = {1, 0};
  phi_network network;
  phi_candidate candidate;
  phi_iit3_system system;
  phi_iit3_constellation concepts;
  phi_iit3_complexes complexes_3;
  phi_iit4_complexes complexes_4;
  assert_int_equal(phi_network_create(&network, 2, copies, NULL, different), OK);
  assert_int_equal(phi_candidate_create(&candidate, &network, 3, PHI_BACKGROUND_FIXED), OK);
  assert_false(candidate.reachable);
  assert_refused(phi_iit3_system_compute(&candidate, &system), "no past state");
  assert_refused(phi_iit3_concepts(&candidate, 0, 0, &concepts), "no past state");
  phi_candidate_free(&candidate);
  assert_refused(phi_candidate_create(&candidate, &network, 3, PHI_BACKGROUND_INFERRED),
                 "no past state");
  assert_refused(phi_iit4_complexes_compute(&network, &complexes_4), "no past state");
  assert_int_equal(phi_iit3_complexes_compute(&network, &complexes_3), OK); /* parts may be */
  assert_false(complexes_3.candidate[2].reachable);
  phi_iit3_complexes_free(&complexes_3);
  phi_network_free(&network);
}

static void units_without_memory_have_no_phi(void **state) {
  (void)state;
  phi_network network;
  phi_candidate candidate;
  phi_iit3_system system;
  phi_iit4_structure structure;
  make_blank(&network, 3);
  assert_int_equal(phi_candidate_create(&candidate, &network, 7, PHI_BACKGROUND_FIXED), OK);
  assert_int_equal(phi_iit3_system_compute(&candidate, &system), OK);
  assert_int_equal(system.reason, PHI_IIT3_NO_CONCEPT);
  assert_true(system.big_phi == 0);
  phi_iit3_system_free(&system);
  phi_candidate_free(&candidate);
  assert_int_equal(phi_candidate_create(&candidate, &network, 7, PHI_BACKGROUND_INFERRED), OK);
  phi_iit4_structure_compute(&candidate, &structure);
  assert_int_equal(structure.system.reason, PHI_IIT4_NO_CAUSE_EFFECT);
  assert_true(structure.big_phi == 0);
  assert_string_equal(structure.relations.count_decimal, "0");
  phi_iit4_structure_free(&structure);
  phi_candidate_free(&candidate);
  phi_network_free(&network);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conditional_probabilities_average_what_is_not_known),
      cmocka_unit_test(backgrounds_are_fixed_or_inferred),
      cmocka_unit_test(tables_of_states_give_the_same_network),
      cmocka_unit_test(edges_that_the_table_contradicts_are_measured),
      cmocka_unit_test(what_is_no_network_is_refused),
      cmocka_unit_test(what_is_no_candidate_is_refused),
      cmocka_unit_test(systems_over_the_limits_are_refused_with_their_cost),
      cmocka_unit_test(a_state_that_nothing_leads_to_is_said),
      cmocka_unit_test(units_without_memory_have_no_phi),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
