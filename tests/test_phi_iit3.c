/* IIT 3.0: published values, and every reference value of the exact mode. */
#include "phi_iit3_mechanism.h"
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

static double big_phi_of(int n, const double *on, const uint8_t *edges, const uint8_t *now) {
  phi_network network;
  phi_candidate candidate;
  phi_iit3_system system;
  assert_int_equal(phi_network_create(&network, n, on, edges, now), OK);
  assert_int_equal(phi_candidate_create(&candidate, &network, (1u << n) - 1, PHI_BACKGROUND_FIXED),
                   OK);
  assert_int_equal(phi_iit3_system_compute(&candidate, &system), OK);
  const double phi = system.big_phi;
  phi_iit3_system_free(&system);
  phi_candidate_free(&candidate);
  phi_network_free(&network);
  return phi;
}

static void three_exclusive_ors_have_phi_1_875(void **state) {
  (void)state;
  double on[24];
  for (int past = 0; past < 8; past++)
    for (int unit = 0; unit < 3; unit++)
      on[past * 3 + unit] = (past >> (unit + 1) % 3 ^ past >> (unit + 2) % 3) & 1;
  const uint8_t edges[] = {0, 1, 1, 1, 0, 1, 1, 1, 0}, now[] = {0, 0, 0};
  assert_close(big_phi_of(3, on, edges, now), 1.875, "three exclusive ORs");
}

/* Oizumi et al. 2014, figures 4 to 12: OR, AND, XOR, each of the two others, state 100. */
static void figure_12_of_2014_is_23_twelfths(void **state) {
  (void)state;
  double on[24];
  for (int past = 0; past < 8; past++) {
    const int a = past & 1, b = past >> 1 & 1, c = past >> 2 & 1;
    on[past * 3] = b | c;
    on[past * 3 + 1] = a & c;
    on[past * 3 + 2] = a ^ b;
  }
  const uint8_t edges[] = {0, 1, 1, 1, 0, 1, 1, 1, 0}, now[] = {1, 0, 0};
  assert_close(big_phi_of(3, on, edges, now), 23.0 / 12, "figure 12");
}

static uint64_t random_bits(uint64_t *seed) {
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  uint64_t x = *seed ^ *seed >> 29;
  x *= 0xbf58476d1ce4e5b9u;
  return x ^ x >> 32;
}

static double random_unit(uint64_t *seed) { return (double)(random_bits(seed) >> 11) * 0x1p-53; }

/* Products of units have the sum of their differences as distance; so have point masses. */
static void distance_of_products_is_the_sum_of_the_units(void **state) {
  (void)state;
  uint64_t seed = 3;
  for (int dimension = 1; dimension <= 8; dimension++) {
    phi_hypercube *cube = phi_hypercube_create(dimension);
    double difference[256];
    for (int repeat = 0; repeat < 40; repeat++) {
      double p[8], q[8], expected = 0;
      for (int unit = 0; unit < dimension; unit++) {
        p[unit] = repeat % 2 ? random_unit(&seed) : (double)(random_bits(&seed) & 1);
        q[unit] = repeat % 4 ? random_unit(&seed) : (double)(random_bits(&seed) & 1);
        expected += fabs(p[unit] - q[unit]);
      }
      for (int x = 0; x < 1 << dimension; x++) {
        double left = 1, right = 1;
        for (int unit = 0; unit < dimension; unit++) {
          left *= x >> unit & 1 ? p[unit] : 1 - p[unit];
          right *= x >> unit & 1 ? q[unit] : 1 - q[unit];
        }
        difference[x] = left - right;
      }
      assert_close(phi_hypercube_distance(cube, difference, 0), expected, "products");
    }
    phi_hypercube_free(cube);
  }
}

/* The flow along the cube's edges against the transport between all pairs of states. */
typedef struct {
  int source[256], sink[256];
} pairs;

static double hamming(void *context, int source, int sink, bool exact) {
  const pairs *p = context;
  return exact ? __builtin_popcount(p->source[source] ^ p->sink[sink]) : 0;
}

static void both_transports_agree(void **state) {
  (void)state;
  uint64_t seed = 5;
  for (int repeat = 0; repeat < 200; repeat++) {
    const int dimension = 1 + repeat % 6, states = 1 << dimension;
    phi_hypercube *cube = phi_hypercube_create(dimension);
    double difference[64], supply[64], demand[64], mean = 0;
    pairs p;
    int sources = 0, sinks = 0;
    for (int x = 0; x < states; x++)
      mean += (difference[x] = repeat % 3 ? random_unit(&seed) : (double)(random_bits(&seed) % 4)) /
              states;
    for (int x = 0; x < states; x++) {
      difference[x] -= mean;
      if (difference[x] > 0) supply[sources] = difference[x], p.source[sources++] = x;
      if (difference[x] < 0) demand[sinks] = -difference[x], p.sink[sinks++] = x;
    }
    const double flow = phi_hypercube_distance(cube, difference, 0);
    if (sources && sinks)
      assert_close(flow, phi_transport(sources, supply, sinks, demand, hamming, &p), "transport");
    phi_hypercube_free(cube);
  }
}

/* ---- The reference program's values. ---- */

typedef struct {
  const json_t *exact;
  const phi_candidate *candidate;
} reference_case;

static uint32_t local_set(const phi_candidate *candidate, const json_t *list) {
  const uint32_t nodes = reference_set(list);
  uint32_t units = 0;
  for (int unit = 0; unit < candidate->unit_count; unit++)
    units |= (nodes >> candidate->node[unit] & 1) << unit;
  return units;
}

static const phi_iit3_concept *find_concept(const phi_iit3_constellation *all, uint32_t mechanism) {
  for (int k = 0; k < all->count; k++)
    if (all->concept[k].mechanism == mechanism) return &all->concept[k];
  fail_msg("mechanism %#x has no concept", mechanism);
  return NULL;
}

static bool is_tied(const phi_iit3_side *side, uint32_t purview) {
  for (int k = 0; k < side->tie_count; k++)
    if (side->ties[k] == purview) return true;
  return false;
}

static bool has_parts(const reference_case *c, const json_t *mip, const phi_iit3_side *side) {
  for (int half = 0; half < 2; half++) {
    const json_t *part = json_array_get(mip, (size_t)half);
    if (local_set(c->candidate, json_object_get(part, "mechanism")) != side->mechanism_part[half] ||
        local_set(c->candidate, json_object_get(part, "purview")) != side->purview_part[half])
      return false;
  }
  return true;
}

static void check_side(const reference_case *c, const json_t *expected, const phi_iit3_side *side) {
  const uint32_t purview = local_set(c->candidate, json_object_get(expected, "purview"));
  assert_close(side->phi, reference_number(expected, "phi"), "phi of a side");
  assert_true(is_tied(side, purview));
  assert_int_equal(side->purview, purview); /* the same rule for ties */
  const json_t *repertoire = json_object_get(expected, "repertoire_le");
  for (uint32_t x = 0; x < 1u << __builtin_popcount(purview); x++)
    assert_close(side->repertoire[x], json_number_value(json_array_get(repertoire, x)),
                 "repertoire");
  if (has_parts(c, json_object_get(expected, "mip"), side)) {
    const json_t *partitioned = json_object_get(expected, "partitioned_repertoire_le");
    for (uint32_t x = 0; x < 1u << __builtin_popcount(purview); x++)
      assert_close(side->partitioned[x], json_number_value(json_array_get(partitioned, x)),
                   "partitioned repertoire");
  } else {
    fail_msg("another minimum partition of purview %#x", purview);
  }
}

static void check_whole(const reference_case *c, const phi_iit3_constellation *whole) {
  const json_t *concepts = json_object_get(c->exact, "concepts");
  assert_int_equal(whole->count, json_array_size(concepts));
  assert_close(whole->sum_phi, reference_number(c->exact, "sum_small_phi"), "sum of phi");
  for (size_t k = 0; k < json_array_size(concepts); k++) {
    const json_t *expected = json_array_get(concepts, k);
    const uint32_t mechanism = local_set(c->candidate, json_object_get(expected, "mechanism"));
    const phi_iit3_concept *found = find_concept(whole, mechanism);
    assert_close(found->phi, reference_number(expected, "phi"), "phi");
    check_side(c, json_object_get(expected, "cause"), &found->cause);
    check_side(c, json_object_get(expected, "effect"), &found->effect);
  }
}

static void check_parts(const reference_case *c, const phi_iit3_constellation *parts) {
  const json_t *concepts = json_object_get(c->exact, "partitioned_concepts");
  assert_int_equal(parts->count, json_array_size(concepts));
  for (size_t k = 0; k < json_array_size(concepts); k++) {
    const json_t *expected = json_array_get(concepts, k);
    const uint32_t mechanism = local_set(c->candidate, json_object_get(expected, "mechanism"));
    const phi_iit3_concept *found = find_concept(parts, mechanism);
    assert_close(found->cause.phi, reference_number(expected, "cause_phi"), "phi of a cause");
    assert_close(found->effect.phi, reference_number(expected, "effect_phi"), "phi of an effect");
    assert_true(is_tied(&found->cause,
                        local_set(c->candidate, json_object_get(expected, "cause_purview"))));
    assert_true(is_tied(&found->effect,
                        local_set(c->candidate, json_object_get(expected, "effect_purview"))));
  }
}

static void check_cuts(const reference_case *c, const phi_iit3_system *system) {
  const json_t *cuts = json_object_get(c->exact, "cuts_evaluated");
  const json_t *best = json_object_get(c->exact, "cut");
  assert_int_equal(system->cut_count, json_array_size(cuts));
  for (int k = 0; k < system->cut_count; k++) {
    const json_t *expected = json_array_get(cuts, (size_t)k);
    assert_int_equal(system->cuts[k].from,
                     local_set(c->candidate, json_object_get(expected, "from")));
    assert_close(system->cuts[k].phi, reference_number(expected, "phi"), "phi of a cut");
  }
  assert_close(system->big_phi, reference_number(c->exact, "big_phi"), "Phi");
  if (!json_is_object(best)) return;
  assert_int_equal(system->cut.from, local_set(c->candidate, json_object_get(best, "from")));
  assert_int_equal(system->cut.to, local_set(c->candidate, json_object_get(best, "to")));
  assert_int_equal(system->tie_count, json_integer_value(json_object_get(c->exact, "n_tied_cuts")));
}

/* phi of every mechanism over every purview. */
static void check_mechanisms(const reference_case *c) {
  const json_t *mechanisms = json_object_get(c->exact, "all_mechanisms");
  phi_repertoires *r = phi_repertoires_create(c->candidate);
  phi_repertoires_cut(r, 0, 0);
  for (size_t k = 0; k < json_array_size(mechanisms); k++) {
    const json_t *expected = json_array_get(mechanisms, k);
    const uint32_t mechanism = local_set(c->candidate, json_object_get(expected, "mechanism"));
    for (int direction = PHI_CAUSE; direction <= PHI_EFFECT; direction++) {
      const json_t *list = json_object_get(expected, direction == PHI_CAUSE ? "cause" : "effect");
      for (size_t p = 0; p < json_array_size(list); p++) {
        const json_t *item = json_array_get(list, p);
        phi_iit3_side side;
        phi_describe_side(r, (phi_direction)direction, mechanism,
                          local_set(c->candidate, json_object_get(item, "purview")), &side);
        assert_close(side.phi, reference_number(item, "phi"), "phi of a purview");
        phi_iit3_side_free(&side);
      }
    }
  }
  phi_repertoires_free(r);
}

static void every_reference_value_is_met(void **state) {
  (void)state;
  json_t *root = reference_load("iit30_reference.json"), *item;
  if (!root) skip();
  size_t k;
  json_array_foreach(json_object_get(root, "cases"), k, item) {
    print_message("  %s\n", json_string_value(json_object_get(item, "name")));
    phi_network network;
    phi_candidate candidate;
    phi_iit3_system system;
    const reference_case c = {json_object_get(item, "exact"), &candidate};
    assert_int_equal(reference_network(item, &network), OK);
    assert_int_equal(phi_candidate_create(&candidate, &network,
                                          reference_set(json_object_get(item, "nodes")),
                                          PHI_BACKGROUND_FIXED),
                     OK);
    assert_int_equal(phi_iit3_system_compute(&candidate, &system), OK);
    check_cuts(&c, &system);
    check_whole(&c, &system.whole);
    check_parts(&c, &system.parts);
    check_mechanisms(&c);
    phi_iit3_system_free(&system);
    phi_candidate_free(&candidate);
    phi_network_free(&network);
  }
  assert_int_equal(k, 63);
  json_decref(root);
}

static void every_reference_complex_is_found(void **state) {
  (void)state;
  json_t *root = reference_load("iit30_reference.json"), *item;
  if (!root) skip();
  size_t k, checked = 0;
  json_array_foreach(json_object_get(root, "cases"), k, item) {
    const json_t *exact = json_object_get(item, "exact");
    const json_t *listed = json_object_get(exact, "complexes");
    const json_t *major = json_object_get(exact, "major_complex");
    phi_network network;
    phi_iit3_complexes complexes;
    if (!listed) continue;
    assert_int_equal(reference_network(item, &network), OK);
    assert_int_equal(phi_iit3_complexes_compute(&network, &complexes), OK);
    size_t irreducible = 0;
    for (int j = 0; j < complexes.count; j++) irreducible += complexes.candidate[j].big_phi > 0;
    assert_int_equal(irreducible, json_array_size(listed));
    for (size_t c = 0; c < json_array_size(listed); c++, checked++) {
      const json_t *expected = json_array_get(listed, c);
      const uint32_t nodes = reference_set(json_object_get(expected, "nodes"));
      for (int j = 0; j < complexes.count; j++)
        if (complexes.candidate[j].nodes == nodes)
          assert_close(complexes.candidate[j].big_phi, reference_number(expected, "phi"),
                       "Phi of a candidate");
    }
    if (json_is_object(major)) {
      const phi_iit3_candidate *found = &complexes.candidate[complexes.major];
      assert_close(found->big_phi, reference_number(major, "phi"), "major complex");
      assert_int_equal(found->nodes, reference_set(json_object_get(major, "nodes")));
    } else {
      assert_int_equal(complexes.major, -1);
    }
    phi_iit3_complexes_free(&complexes);
    phi_network_free(&network);
  }
  assert_true(checked > 50);
  json_decref(root);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(three_exclusive_ors_have_phi_1_875),
      cmocka_unit_test(figure_12_of_2014_is_23_twelfths),
      cmocka_unit_test(distance_of_products_is_the_sum_of_the_units),
      cmocka_unit_test(both_transports_agree),
      cmocka_unit_test(every_reference_value_is_met),
      cmocka_unit_test(every_reference_complex_is_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
