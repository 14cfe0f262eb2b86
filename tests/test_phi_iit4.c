/* IIT 4.0: published values, reference values, and a brute-force restatement. */
#include "phi_iit4.h"
#include "phi_reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define CLOSE 1e-9

static void assert_close(double value, double expected, const char *what) {
  if (fabs(value - expected) > CLOSE * fmax(1, fabs(expected)))
    fail_msg("%s: %.12g, expected %.12g", what, value, expected);
}

/* Units of states +-1 that switch on with probability 1 / (1 + exp(-sum of weights - bias)). */
static void sigmoid_network(phi_network *network, int n, const double *weights, const double *bias,
                            const uint8_t *state) {
  double *on = check_allocate((size_t)n << n, sizeof *on);
  for (int past = 0; past < 1 << n; past++)
    for (int to = 0; to < n; to++) {
      double sum = bias ? bias[to] : 0;
      for (int from = 0; from < n; from++)
        sum += weights[from * n + to] * (past >> from & 1 ? 1 : -1);
      on[past * n + to] = 1 / (1 + exp(-sum));
    }
  assert_int_equal(phi_network_create(network, n, on, NULL, state), OK);
  free(on);
}

static void structure_of(const phi_network *network, phi_iit4_structure *structure) {
  phi_candidate candidate;
  assert_int_equal(phi_candidate_create(&candidate, network, (1u << network->unit_count) - 1,
                                        PHI_BACKGROUND_INFERRED),
                   OK);
  phi_iit4_structure_compute(&candidate, structure);
  phi_candidate_free(&candidate);
}

static void system_partitions_are_as_many_as_published(void **state) {
  (void)state;
  const long expected[] = {1, 3, 22, 150, 1061, 7896, 61888};
  for (int n = 1; n <= 7; n++)
    assert_int_equal(phi_iit4_count_system_partitions(n), expected[n - 1]);
}

/* Albantakis et al. 2023, figure 7: A, B (the fifth unit off), C (the fifth unit inactivated). */
static const double figure_7[25] = {0.2, 3.2, 0.2,  0.2, -0.2, -0.2, 0.2, 3.2, 0.2,
                                    0.2, 0.2, -0.2, 0.2, 3.2,  0.2,  1.6, 0.2, -0.2,
                                    0.2, 3.2, 3.2,  0.2, 0.2,  -0.2, 0.2};

static void check_figure_7(const phi_network *network, double big_phi, double phi_s,
                           int distinctions, const char *relations) {
  phi_iit4_structure structure;
  structure_of(network, &structure);
  assert_true(fabs(structure.big_phi - big_phi) < 5e-5);
  assert_true(fabs(structure.system.phi - phi_s) < 5e-5);
  assert_int_equal(structure.distinctions.congruent_count, distinctions);
  assert_string_equal(structure.relations.count_decimal, relations);
  phi_iit4_structure_free(&structure);
}

static void figure_7_of_2023_is_reproduced(void **state) {
  (void)state;
  phi_network network;
  sigmoid_network(&network, 5, figure_7, NULL, (const uint8_t[]){1, 1, 0, 0, 1});
  check_figure_7(&network, 22.2665, 1.1056, 23, "13740");
  phi_network_free(&network);
  sigmoid_network(&network, 5, figure_7, NULL, (const uint8_t[]){1, 1, 0, 0, 0});
  check_figure_7(&network, 18.5565, 1.3133, 23, "13111");
  phi_network_free(&network);
  double inactivated[16], bias[4];
  for (int from = 0; from < 4; from++)
    for (int to = 0; to < 4; to++) inactivated[from * 4 + to] = figure_7[from * 5 + to];
  for (int to = 0; to < 4; to++) bias[to] = -figure_7[20 + to];
  sigmoid_network(&network, 4, inactivated, bias, (const uint8_t[]){1, 1, 0, 0});
  check_figure_7(&network, 3.3524, 0.1098, 14, "363");
  phi_network_free(&network);
}

/* Small deterministic generator: the tests need variety, not quality. */
static uint64_t random_bits(uint64_t *seed) {
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  uint64_t x = *seed ^ *seed >> 29;
  x *= 0xbf58476d1ce4e5b9u;
  return x ^ x >> 32;
}

static double random_unit(uint64_t *seed) { return (double)(random_bits(seed) >> 11) * 0x1p-53; }

/* Kinds in turn: probabilities; rules without noise; rules with noise; coarse probabilities, that
 * tie often. Some edges missing, so that units do not depend on some others. */
static bool random_network(phi_network *network, int n, uint64_t *seed, int kind) {
  double *on = check_allocate((size_t)n << n, sizeof *on);
  uint8_t connectivity[64], state[8];
  for (int k = 0; k < n * n; k++) connectivity[k] = random_unit(seed) < 0.75;
  for (int unit = 0; unit < n; unit++) state[unit] = random_bits(seed) & 1;
  for (int unit = 0; unit < n; unit++) {
    uint32_t inputs = 0;
    for (int from = 0; from < n; from++)
      if (connectivity[from * n + unit]) inputs |= 1u << from;
    for (uint32_t past = 0; past < 1u << n; past++) {
      const double p = random_unit(seed);
      const double value = kind == 0   ? p
                           : kind == 1 ? p < 0.5
                           : kind == 2 ? (p < 0.5 ? 0.1 : 0.9)
                                       : floor(p * 5) / 4;
      on[past * n + unit] = (past & inputs) == past ? value : on[(past & inputs) * n + unit];
    }
  }
  const err made = phi_network_create(network, n, on, connectivity, state);
  free(on);
  return made == OK && network->connectivity_deviation < 1e-12;
}

static void the_fast_search_finds_the_smallest_of_all_partitions(void **state) {
  (void)state;
  uint64_t seed = 4;
  for (int k = 0; k < 60; k++) {
    phi_network network;
    phi_candidate candidate;
    phi_iit4_system system;
    assert_true(random_network(&network, 3 + k % 4, &seed, k % 5 ? 0 : 2));
    if (phi_candidate_create(&candidate, &network, (1u << network.unit_count) - 1,
                             PHI_BACKGROUND_INFERRED) == OK) {
      phi_iit4_system_compute(&candidate, &system);
      if (system.reason == PHI_IIT4_IRREDUCIBLE || system.reason == PHI_IIT4_REDUCIBLE)
        assert_close(
            system.normalized_phi,
            phi_iit4_smallest_by_listing(&candidate, system.cause_state, system.effect_state),
            "normalised phi_s");
      phi_iit4_system_free(&system);
      phi_candidate_free(&candidate);
    }
    check_clear();
    phi_network_free(&network);
  }
}

/* ---- The reference program's values. ---- */

/* The background of this case is folded into its table: 4-unit rows with a fifth column. */
static json_t *repeat_rows(json_t *item) {
  json_t *table = json_object_get(item, "tpm_state_by_node_le");
  const size_t rows = json_array_size(table), n = json_array_size(json_array_get(table, 0));
  for (size_t row = rows; row < (size_t)1 << n; row++)
    json_array_append(table, json_array_get(table, row - rows));
  return item;
}

static const phi_iit4_distinction *find_mechanism(const phi_iit4_distinctions *all, uint32_t set) {
  for (int k = 0; k < all->count; k++)
    if (all->distinction[k].mechanism == set) return &all->distinction[k];
  return NULL;
}

/* The units of a network as those of a candidate. */
static uint32_t local_set(const phi_candidate *candidate, const json_t *list) {
  const uint32_t nodes = reference_set(list);
  uint32_t units = 0;
  for (int unit = 0; unit < candidate->unit_count; unit++)
    units |= (nodes >> candidate->node[unit] & 1) << unit;
  return units;
}

/* Is the reference's purview one of the tied ones, with the same phi? */
static void check_side(const json_t *expected, const phi_candidate *candidate,
                       const phi_iit4_side *side, int tie_count, const phi_iit4_side *ties) {
  const uint32_t purview = local_set(candidate, json_object_get(expected, "purview"));
  assert_close(side->phi, reference_number(expected, "phi"), "phi of a side");
  const phi_iit4_side *same = NULL;
  for (int k = 0; k < tie_count; k++)
    if (ties[k].purview == purview) same = &ties[k];
  if (!same) fail_msg("purview %#x is not among the tied ones", purview);
  assert_close(same->intrinsic_information, reference_number(expected, "intrinsic_information"),
               "intrinsic information");
  assert_close(same->normalized_phi, reference_number(expected, "normalized_phi"),
               "normalised phi of a side");
  const int listed = (int)json_integer_value(json_object_get(expected, "n_tied_purviews"));
  int purviews = 0;
  for (int k = 0; k < tie_count; k++) purviews += !k || ties[k].purview != ties[k - 1].purview;
  assert_int_equal(purviews, listed);
}

/* Relations among the reference's own choice of purviews. */
static void check_relations(const json_t *item, const phi_candidate *candidate,
                            const json_t *distinctions) {
  phi_iit4_relatum relata[64];
  const size_t count = json_array_size(distinctions);
  for (size_t k = 0; k < count; k++) {
    const json_t *d = json_array_get(distinctions, k);
    const json_t *cause = json_object_get(d, "cause"), *effect = json_object_get(d, "effect");
    relata[k] = (phi_iit4_relatum){.phi = reference_number(d, "phi")};
    relata[k].cause_purview = local_set(candidate, json_object_get(cause, "purview"));
    relata[k].effect_purview = local_set(candidate, json_object_get(effect, "purview"));
    relata[k].cause_state =
        reference_state(json_object_get(cause, "specified_state"), relata[k].cause_purview);
    relata[k].effect_state =
        reference_state(json_object_get(effect, "specified_state"), relata[k].effect_purview);
  }
  phi_iit4_relations relations;
  phi_iit4_relations_compute((int)count, relata, &relations);
  assert_close(relations.sum_phi, reference_number(item, "sum_phi_relations_analytical"),
               "sum of phi_r");
  assert_close(relations.count, reference_number(item, "num_relations_analytical"), "relations");
  assert_close(reference_number(item, "sum_phi_distinctions") + relations.sum_phi,
               reference_number(item, "big_phi"), "Phi");
  phi_iit4_relations_free(&relations);
}

static bool is_listed(const json_t *states, uint32_t set, uint32_t state) {
  for (size_t k = 0; k < json_array_size(states); k++)
    if (reference_state(json_array_get(states, k), set) == state) return true;
  return false;
}

/* Distinctions with the reference's specified states; are the purviews all free of ties? */
static bool check_distinctions(const json_t *item, const phi_candidate *candidate,
                               const json_t *states, phi_iit4_distinctions *all) {
  const uint32_t whole = (1u << candidate->unit_count) - 1;
  phi_iit4_distinctions_compute(
      candidate, reference_state(json_object_get(states, "cause_state"), whole),
      reference_state(json_object_get(states, "effect_state"), whole), all);
  const json_t *before = json_object_get(item, "distinctions_before_congruence");
  const json_t *congruent = json_object_get(item, "distinctions");
  bool tied = false;
  assert_int_equal(all->count, json_array_size(before));
  for (size_t k = 0; k < json_array_size(before); k++) {
    const json_t *expected = json_array_get(before, k);
    const phi_iit4_distinction *found =
        find_mechanism(all, local_set(candidate, json_object_get(expected, "mechanism")));
    assert_non_null(found);
    assert_close(found->phi, reference_number(expected, "phi"), "phi_d");
    check_side(json_object_get(expected, "cause"), candidate, &found->cause, found->cause_tie_count,
               found->cause_ties);
    check_side(json_object_get(expected, "effect"), candidate, &found->effect,
               found->effect_tie_count, found->effect_ties);
    tied |= found->cause_tie_count > 1 || found->effect_tie_count > 1;
  }
  assert_int_equal(all->congruent_count, json_array_size(congruent));
  for (size_t k = 0; k < json_array_size(congruent); k++) {
    const json_t *mechanism = json_object_get(json_array_get(congruent, k), "mechanism");
    assert_true(find_mechanism(all, local_set(candidate, mechanism))->congruent);
  }
  assert_close(all->sum_phi, reference_number(item, "sum_phi_distinctions"), "sum of phi_d");
  return tied;
}

static int local_unit(const phi_candidate *candidate, const json_t *node) {
  int unit = 0;
  while (candidate->node[unit] != json_integer_value(node)) unit++;
  return unit;
}

static void check_system(const json_t *item, const phi_candidate *candidate,
                         phi_iit4_system *system) {
  const json_t *sia = json_object_get(item, "sia"), *states = json_object_get(sia, "system_state");
  const uint32_t whole = (1u << candidate->unit_count) - 1;
  phi_iit4_system_compute(candidate, system);
  assert_close(system->phi, reference_number(sia, "phi_s"), "phi_s");
  assert_close(system->normalized_phi, reference_number(sia, "normalized_phi_s"),
               "normalised phi_s");
  if (!json_is_object(states)) return;
  assert_close(system->intrinsic_cause, reference_number(states, "ii_cause"), "ii_c");
  assert_close(system->intrinsic_effect, reference_number(states, "ii_effect"), "ii_e");
  assert_true(is_listed(json_object_get(states, "cause_tied_states"), whole, system->cause_state));
  assert_true(
      is_listed(json_object_get(states, "effect_tied_states"), whole, system->effect_state));
  const json_t *capped = json_object_get(item, "iit_4_0_2026");
  if (json_is_object(capped))
    assert_close(system->phi_capped, reference_number(capped, "phi_s"), "capped phi_s");
  if (system->phi > 0 && system->partition_tie_count == 1) {
    const json_t *mip = json_object_get(sia, "mip");
    assert_int_equal(system->partition.connection_count,
                     json_integer_value(json_object_get(mip, "num_connections_cut")));
    const json_t *edges = json_object_get(mip, "removed_edges_from_to");
    for (size_t k = 0; k < json_array_size(edges); k++) {
      const int from = local_unit(candidate, json_array_get(json_array_get(edges, k), 0));
      const int to = local_unit(candidate, json_array_get(json_array_get(edges, k), 1));
      assert_true(system->partition.removed_into[to] >> from & 1);
    }
  }
}

static void check_case(json_t *item) {
  phi_network network;
  phi_candidate candidate;
  phi_iit4_system system;
  phi_iit4_distinctions distinctions;
  assert_int_equal(reference_network(repeat_rows(item), &network), OK);
  assert_int_equal(phi_candidate_create(&candidate, &network,
                                        reference_set(json_object_get(item, "nodes")),
                                        PHI_BACKGROUND_INFERRED),
                   OK);
  check_system(item, &candidate, &system);
  const json_t *states = json_object_get(json_object_get(item, "sia"), "system_state");
  if (!json_is_object(states)) states = json_object_get(item, "congruence_state_from_ii");
  if (json_is_array(json_object_get(item, "distinctions_before_congruence"))) {
    const bool tied = check_distinctions(item, &candidate, states, &distinctions);
    check_relations(item, &candidate, json_object_get(item, "distinctions"));
    phi_iit4_distinctions_free(&distinctions);
    if (!tied && system.cause_tie_count == 1 && system.effect_tie_count == 1) {
      phi_iit4_structure structure;
      phi_iit4_structure_compute(&candidate, &structure);
      assert_close(structure.big_phi, reference_number(item, "big_phi"), "Phi without ties");
      phi_iit4_structure_free(&structure);
    }
  }
  phi_iit4_system_free(&system);
  phi_candidate_free(&candidate);
  phi_network_free(&network);
}

static void every_reference_value_is_met(void **state) {
  (void)state;
  json_t *root = reference_load("iit40_reference.json"), *item;
  if (!root) skip();
  size_t k;
  json_array_foreach(json_object_get(root, "cases"), k, item) {
    print_message("  %s\n", json_string_value(json_object_get(item, "name")));
    check_case(item);
  }
  assert_int_equal(k, 64);
  json_decref(root);
}

static void every_candidate_of_the_references_has_its_phi_s(void **state) {
  (void)state;
  json_t *root = reference_load("iit40_reference.json"), *item;
  if (!root) skip();
  size_t k, checked = 0;
  json_array_foreach(json_object_get(root, "cases"), k, item) {
    const json_t *listed = json_object_get(item, "candidate_systems");
    phi_network network;
    phi_iit4_complexes complexes;
    if (!json_array_size(listed)) continue;
    assert_int_equal(reference_network(repeat_rows(item), &network), OK);
    assert_int_equal(phi_iit4_complexes_compute(&network, &complexes), OK);
    for (size_t c = 0; c < json_array_size(listed); c++, checked++) {
      const json_t *expected = json_array_get(listed, c);
      const uint32_t nodes = reference_set(json_object_get(expected, "nodes"));
      for (int j = 0; j < complexes.count; j++)
        if (complexes.candidate[j].nodes == nodes)
          assert_close(complexes.candidate[j].phi, reference_number(expected, "phi_s"),
                       "phi_s of a candidate");
    }
    for (int a = 0; a < complexes.complex_count; a++)
      for (int b = 0; b < a; b++) assert_false(complexes.complexes[a] & complexes.complexes[b]);
    phi_iit4_complexes_free(&complexes);
    phi_network_free(&network);
  }
  assert_true(checked > 100);
  json_decref(root);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(system_partitions_are_as_many_as_published),
      cmocka_unit_test(figure_7_of_2023_is_reproduced),
      cmocka_unit_test(the_fast_search_finds_the_smallest_of_all_partitions),
      cmocka_unit_test(every_reference_value_is_met),
      cmocka_unit_test(every_candidate_of_the_references_has_its_phi_s),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
