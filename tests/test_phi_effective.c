/* Effective information and causal emergence: reference values, published examples, plain loops. */
#include "phi_effective.h"
#include "phi_reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_close(double value, double expected, double tolerance, const char *what) {
  if (!(fabs(value - expected) <= tolerance))
    fail_msg("%s: %.15g, expected %.15g", what, value, expected);
}

static void check_values(const phi_effective *result, const json_t *expected) {
  assert_int_equal(result->state_count, json_integer_value(json_object_get(expected, "n_states")));
  assert_close(result->information, reference_number(expected, "EI"), 1e-12, "EI");
  assert_close(result->determinism, reference_number(expected, "determinism"), 1e-12,
               "determinism");
  assert_close(result->degeneracy, reference_number(expected, "degeneracy"), 1e-12, "degeneracy");
  assert_close(result->effectiveness, reference_number(expected, "effectiveness"), 1e-12,
               "effectiveness");
}

static double *read_table(const json_t *table, int *columns) {
  const size_t rows = json_array_size(table), width = json_array_size(json_array_get(table, 0));
  double *values = check_allocate(rows * width, sizeof *values);
  for (size_t row = 0; row < rows; row++)
    for (size_t k = 0; k < width; k++)
      values[row * width + k] = json_number_value(json_array_get(json_array_get(table, row), k));
  *columns = (int)width;
  return values;
}

static void check_network(const json_t *item) {
  int units;
  const uint8_t now[PHI_NETWORK_LIMIT] = {0};
  double *on = read_table(json_object_get(item, "tpm_state_by_node_le"), &units);
  phi_network network;
  phi_effective result;
  assert_int_equal(phi_network_create(&network, units, on, NULL, now), OK);
  assert_int_equal(phi_effective_network(&network, &result), OK);
  check_values(&result, json_object_get(item, "micro"));
  phi_network_free(&network);
  free(on);
}

static void check_scales(const json_t *item) {
  int states, group[8], groups = 0;
  double *rows = read_table(json_object_get(item, "tpm_state_by_state"), &states), macro[64];
  phi_effective result;
  phi_emergence emergence;
  assert_int_equal(phi_effective_compute(states, rows, &result), OK);
  check_values(&result, json_object_get(item, "micro"));
  const json_t *listed = json_object_get(item, "groups");
  for (groups = 0; groups < (int)json_array_size(listed); groups++) {
    const json_t *members = json_array_get(listed, (size_t)groups);
    for (size_t k = 0; k < json_array_size(members); k++)
      group[json_integer_value(json_array_get(members, k))] = groups;
  }
  phi_coarse_grain(states, rows, group, groups, macro);
  assert_int_equal(phi_effective_compute(groups, macro, &result), OK);
  check_values(&result, json_object_get(item, "macro"));
  assert_int_equal(phi_emergence_by_states(states, rows, &emergence), OK);
  assert_true(emergence.macro.information >= result.information - 1e-12);
  assert_true(emergence.emergence >= reference_number(item, "causal_emergence") - 1e-12);
  phi_emergence_free(&emergence);
  free(rows);
}

static void every_reference_value_is_met(void **state) {
  (void)state;
  json_t *root = reference_load("effective_information.json"), *item;
  if (!root) skip();
  size_t k;
  json_array_foreach(json_object_get(root, "systems"), k, item) {
    if (json_object_get(item, "tpm_state_by_node_le"))
      check_network(item);
    else
      check_scales(item);
  }
  assert_int_equal(k, 14);
  json_decref(root);
}

/* Hoel et al. 2013, figure 4: seven states that lead to one another, and one to itself. */
static void seven_noisy_states_and_one_emerge_as_two(void **state) {
  (void)state;
  double rows[64] = {0};
  for (int from = 0; from < 7; from++)
    for (int to = 0; to < 7; to++) rows[from * 8 + to] = 1.0 / 7;
  rows[63] = 1;
  phi_emergence found;
  assert_int_equal(phi_emergence_by_states(8, rows, &found), OK);
  assert_close(found.micro.information, 0.543564443199597, 1e-12, "micro");
  assert_close(found.macro.information, 1, 1e-12, "macro");
  assert_int_equal(found.group_count, 2);
  for (int k = 0; k < 7; k++) assert_int_equal(found.group[k], found.group[0]);
  assert_int_not_equal(found.group[7], found.group[0]);
  assert_int_equal(found.searched, 4140 - 2);
  phi_emergence_free(&found);
}

/* Hoel et al. 2013, figure 2: two pairs, each sure to switch on by both units of the other. */
static void two_noisy_pairs_emerge_as_two_units(void **state) {
  (void)state;
  double on[64];
  for (int past = 0; past < 16; past++)
    for (int unit = 0; unit < 4; unit++)
      on[past * 4 + unit] = (unit < 2 ? past >> 2 : past & 3) == 3 ? 1 : 0.3;
  const uint8_t now[4] = {0};
  phi_network network;
  phi_emergence found;
  assert_int_equal(phi_network_create(&network, 4, on, NULL, now), OK);
  assert_int_equal(phi_emergence_by_units(&network, &found), OK);
  assert_close(found.micro.information, 1.15, 0.005, "micro");
  assert_close(found.macro.information, 1.55, 0.005, "macro");
  assert_int_equal(found.unit_count, 2);
  assert_int_equal(found.unit_group[0], found.unit_group[1]);
  assert_int_equal(found.unit_group[2], found.unit_group[3]);
  assert_int_not_equal(found.unit_group[0], found.unit_group[2]);
  assert_int_equal(found.on_counts[0], 4);
  assert_int_equal(found.on_counts[1], 4);
  phi_emergence_free(&found);
  phi_network_free(&network);
}

/* Effective information as mutual information of uniform input and output, from the joint table. */
static void it_is_the_mutual_information_of_a_uniform_input(void **state) {
  (void)state;
  uint64_t seed = 9;
  for (int repeat = 0; repeat < 50; repeat++) {
    const int states = 2 + repeat % 9;
    double rows[100], in[10] = {0}, out[10] = {0}, information = 0;
    for (int i = 0; i < states; i++) {
      double sum = 0;
      for (int k = 0; k < states; k++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        sum += rows[i * states + k] = (seed >> 60) ? (double)(seed >> 40) : 0;
      }
      for (int k = 0; k < states; k++) rows[i * states + k] /= sum;
    }
    for (int i = 0; i < states; i++)
      for (int k = 0; k < states; k++) {
        in[i] += rows[i * states + k] / states;
        out[k] += rows[i * states + k] / states;
      }
    for (int i = 0; i < states; i++)
      for (int k = 0; k < states; k++) {
        const double joint = rows[i * states + k] / states;
        if (joint > 0) information += joint * log2(joint / (in[i] * out[k]));
      }
    phi_effective result;
    assert_int_equal(phi_effective_compute(states, rows, &result), OK);
    assert_close(result.information, information, 1e-12, "information");
    assert_close(result.effectiveness, result.determinism - result.degeneracy, 1e-12,
                 "effectiveness");
  }
}

static void bad_tables_are_refused(void **state) {
  (void)state;
  phi_effective result;
  phi_emergence emergence;
  assert_int_equal(phi_effective_compute(2, (const double[]){1, 0, 0.5, 0.4}, &result), ERR_USER);
  assert_non_null(strstr(check_message(), "row 1 sums to 0.9"));
  check_clear();
  assert_int_equal(phi_effective_compute(2, (const double[]){1, 0, NAN, 1}, &result), ERR_USER);
  assert_non_null(strstr(check_message(), "row 1, state 0"));
  check_clear();
  assert_int_equal(phi_effective_compute(1, (const double[]){1}, &result), ERR_USER);
  check_clear();
  assert_int_equal(phi_emergence_by_states(13, (const double[]){1}, &emergence), ERR_USER);
  assert_non_null(strstr(check_message(), "13 states; 2 to 12"));
  check_clear();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_reference_value_is_met),
      cmocka_unit_test(seven_noisy_states_and_one_emerge_as_two),
      cmocka_unit_test(two_noisy_pairs_emerge_as_two_units),
      cmocka_unit_test(it_is_the_mutual_information_of_a_uniform_input),
      cmocka_unit_test(bad_tables_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
