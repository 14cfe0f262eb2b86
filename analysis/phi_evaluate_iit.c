#include "phi_evaluate_iit.h"

#include "phi_iit3.h"
#include "phi_iit4.h"
#include "phi_progress.h"

#include <math.h>
#include <stdlib.h>

static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

/* A set of units as the list of their numbers. */
static json_t *set_json(uint32_t set) {
  json_t *list = json_array();
  for (int i = 0; set >> i; i++)
    if (set >> i & 1) json_array_append_new(list, json_integer(i));
  return list;
}

/* The states of the units of a set. */
static json_t *state_json(uint32_t set, uint32_t state) {
  json_t *list = json_array();
  for (int i = 0; set >> i; i++)
    if (set >> i & 1) json_array_append_new(list, json_integer(state >> i & 1));
  return list;
}

static void put_theory(json_t *o, const char *theory, const char *distance, const char *partitions,
                       const char *normalisation, const char *ties) {
  json_object_set_new(o, "theory", json_string(theory));
  json_object_set_new(o, "distance", json_string(distance));
  json_object_set_new(o, "partitions", json_string(partitions));
  json_object_set_new(o, "normalisation", json_string(normalisation));
  json_object_set_new(o, "tie_rule", json_string(ties));
}

static json_t *iit3_side_json(const phi_iit3_side *s) {
  json_t *o = json_object(), *ties = json_array();
  json_object_set_new(o, "purview", set_json(s->purview));
  json_object_set_new(o, "phi", number(s->phi));
  for (int k = 0; k < s->tie_count; k++) json_array_append_new(ties, set_json(s->ties[k]));
  json_object_set_new(o, "tied_purviews", ties);
  return o;
}

/* All cuts of the smallest phi, the chosen one among them. */
static json_t *cut_ties_json(const phi_iit3_system *s) {
  json_t *list = json_array();
  for (int k = 0; k < s->cut_count; k++) {
    if (s->cuts[k].phi > s->cut.phi + PHI_TIE) continue;
    json_t *one = json_object();
    json_object_set_new(one, "from", set_json(s->cuts[k].from));
    json_object_set_new(one, "to", set_json(s->cuts[k].to));
    json_array_append_new(list, one);
  }
  return list;
}

static json_t *iit3_json(const phi_iit3_system *s) {
  static const char *const reasons[] = {"irreducible", "a cut makes no difference",
                                        "not strongly connected", "a single unit", "no concept"};
  json_t *o = json_object(), *concepts = json_array();
  json_object_set_new(o, "value", number(s->big_phi));
  json_object_set_new(o, "reason", json_string(reasons[s->reason]));
  json_object_set_new(o, "cut_from", set_json(s->cut.from));
  json_object_set_new(o, "cut_to", set_json(s->cut.to));
  json_object_set_new(o, "tied_cuts", json_integer(s->tie_count));
  json_object_set_new(o, "cut_ties", cut_ties_json(s));
  for (int k = 0; k < s->whole.count; k++) {
    const phi_iit3_concept *c = &s->whole.concept[k];
    json_t *concept = json_object();
    json_object_set_new(concept, "mechanism", set_json(c->mechanism));
    json_object_set_new(concept, "phi", number(c->phi));
    json_object_set_new(concept, "cause", iit3_side_json(&c->cause));
    json_object_set_new(concept, "effect", iit3_side_json(&c->effect));
    json_array_append_new(concepts, concept);
  }
  json_object_set_new(o, "concepts", concepts);
  put_theory(o, PHI_IIT3_THEORY, PHI_IIT3_DISTANCE, PHI_IIT3_SYSTEM_PARTITIONS,
             PHI_IIT3_NORMALISATION, PHI_IIT3_TIE_RULE);
  return o;
}

static void put_iit3_complexes(const phi_network *network, json_t *o) {
  phi_iit3_complexes found;
  if (phi_iit3_complexes_compute(network, &found)) return;
  json_t *list = json_array();
  for (int k = 0; k < found.count; k++) {
    const phi_iit3_candidate *c = &found.candidate[k];
    if (!c->complex || !(c->big_phi > 0)) continue;
    json_t *one = json_object();
    json_object_set_new(one, "members", set_json(c->nodes));
    json_object_set_new(one, "value", number(c->big_phi));
    json_object_set_new(one, "major", json_boolean(k == found.major));
    json_array_append_new(list, one);
  }
  json_object_set_new(o, "complexes", list);
  phi_iit3_complexes_free(&found);
}

static err evaluate_iit3(const phi_request *r, const phi_network *network,
                         const phi_candidate *candidate, double *value, json_t **details) {
  phi_iit3_system s;
  err e = phi_iit3_system_compute(candidate, &s);
  if (e) return e;
  *value = s.big_phi;
  if (details) *details = iit3_json(&s);
  if (details && r->complexes) put_iit3_complexes(network, *details);
  phi_iit3_system_free(&s);
  return OK;
}

static json_t *partition_json(const phi_iit4_system_partition *p) {
  static const char *const cuts[] = {"", "inputs", "outputs", "both"};
  json_t *parts = json_array();
  for (int k = 0; k < p->part_count; k++) {
    json_t *part = json_object();
    json_object_set_new(part, "units", set_json(p->part[k]));
    json_object_set_new(part, "cut", json_string(cuts[p->cut[k] & 3]));
    json_array_append_new(parts, part);
  }
  return parts;
}

static json_t *states_json(uint32_t all, int count, const uint32_t *state) {
  json_t *list = json_array();
  for (int k = 0; k < count; k++) json_array_append_new(list, state_json(all, state[k]));
  return list;
}

static void put_iit4_ties(json_t *o, const phi_iit4_system *s, uint32_t all) {
  json_t *list = json_array();
  for (int k = 0; s->partition_ties && k < s->partition_tie_count; k++)
    json_array_append_new(list, partition_json(&s->partition_ties[k]));
  json_object_set_new(o, "partition_ties", list);
  if (s->cause_ties)
    json_object_set_new(o, "cause_state_ties", states_json(all, s->cause_tie_count, s->cause_ties));
  if (s->effect_ties)
    json_object_set_new(o, "effect_state_ties",
                        states_json(all, s->effect_tie_count, s->effect_ties));
}

static json_t *iit4_system_json(const phi_iit4_system *s, int n) {
  static const char *const reasons[] = {
      "irreducible", "a partition makes no difference", "not strongly connected",
      "one unit without an edge to itself", "no state with intrinsic cause or effect information"};
  const uint32_t all = (1u << n) - 1;
  json_t *o = json_object();
  json_object_set_new(o, "value", number(s->phi));
  json_object_set_new(o, "reason", json_string(reasons[s->reason]));
  json_object_set_new(o, "normalised_value", number(s->normalized_phi));
  json_object_set_new(o, "value_2026", number(s->phi_capped));
  json_object_set_new(o, "cause_state", state_json(all, s->cause_state));
  json_object_set_new(o, "effect_state", state_json(all, s->effect_state));
  json_object_set_new(o, "intrinsic_cause", number(s->intrinsic_cause));
  json_object_set_new(o, "intrinsic_effect", number(s->intrinsic_effect));
  json_object_set_new(o, "tied_cause_states", json_integer(s->cause_tie_count));
  json_object_set_new(o, "tied_effect_states", json_integer(s->effect_tie_count));
  json_object_set_new(o, "tied_partitions", json_integer(s->partition_tie_count));
  json_object_set_new(o, "partition", partition_json(&s->partition));
  put_iit4_ties(o, s, all);
  put_theory(o, PHI_IIT4_THEORY, PHI_IIT4_DISTANCE, PHI_IIT4_SYSTEM_PARTITIONS,
             PHI_IIT4_NORMALISATION, PHI_IIT4_TIE_RULE);
  return o;
}

static json_t *iit4_side_json(const phi_iit4_side *s, int ties, const phi_iit4_side *tied) {
  json_t *o = json_object();
  json_object_set_new(o, "purview", set_json(s->purview));
  json_object_set_new(o, "state", state_json(s->purview, s->state));
  json_object_set_new(o, "phi", number(s->phi));
  json_object_set_new(o, "ties", json_integer(ties));
  json_t *list = json_array();
  for (int k = 0; tied && k < ties; k++) {
    json_t *one = json_object();
    json_object_set_new(one, "purview", set_json(tied[k].purview));
    json_object_set_new(one, "state", state_json(tied[k].purview, tied[k].state));
    json_array_append_new(list, one);
  }
  json_object_set_new(o, "tied_purviews", list);
  return o;
}

static json_t *structure_json(const phi_iit4_structure *s, int n) {
  json_t *o = json_object(), *list = json_array();
  json_object_set_new(o, "value", number(s->big_phi));
  json_object_set_new(o, "system", iit4_system_json(&s->system, n));
  for (int k = 0; k < s->distinctions.count; k++) {
    const phi_iit4_distinction *d = &s->distinctions.distinction[k];
    json_t *one = json_object();
    json_object_set_new(one, "mechanism", set_json(d->mechanism));
    json_object_set_new(one, "phi", number(d->phi));
    json_object_set_new(one, "congruent", json_boolean(d->congruent));
    json_object_set_new(one, "cause", iit4_side_json(&d->cause, d->cause_tie_count, d->cause_ties));
    json_object_set_new(one, "effect",
                        iit4_side_json(&d->effect, d->effect_tie_count, d->effect_ties));
    json_array_append_new(list, one);
  }
  json_object_set_new(o, "distinctions", list);
  json_object_set_new(o, "sum_phi_distinctions", number(s->distinctions.sum_phi));
  json_object_set_new(o, "relations", json_string(s->relations.count_decimal));
  json_object_set_new(o, "sum_phi_relations", number(s->relations.sum_phi));
  put_theory(o, PHI_IIT4_THEORY, PHI_IIT4_DISTANCE, PHI_IIT4_SYSTEM_PARTITIONS,
             PHI_IIT4_NORMALISATION, PHI_IIT4_TIE_RULE);
  return o;
}

static void put_iit4_complexes(const phi_network *network, json_t *o) {
  phi_iit4_complexes found;
  if (phi_iit4_complexes_compute(network, &found)) return;
  json_t *list = json_array();
  for (int k = 0; k < found.count; k++) {
    const phi_iit4_candidate *c = &found.candidate[k];
    if (!c->complex || !(c->phi > 0)) continue;
    json_t *one = json_object();
    json_object_set_new(one, "members", set_json(c->nodes));
    json_object_set_new(one, "value", number(c->phi));
    json_array_append_new(list, one);
  }
  json_object_set_new(o, "complexes", list);
  phi_iit4_complexes_free(&found);
}

/* Time of the complexes, that of the whole being 1. They look at all subsets:
 * sum_k C(n,k) f(k) = f(n) (1 + 1 / growth)^n. */
static double complexes_share(phi_asked a, int n) {
  return pow(1 + (a == PHI_ASK_IIT3 ? 1. / 17 : 1. / 4), n);
}

static err evaluate_iit4(const phi_request *r, const phi_network *network,
                         const phi_candidate *candidate, phi_asked a, double *value,
                         json_t **details) {
  const int n = candidate->unit_count;
  if (a == PHI_ASK_IIT4) {
    phi_iit4_system s;
    phi_progress_enter(0, details && r->complexes ? 1 / (1 + complexes_share(a, n)) : 1);
    phi_iit4_system_compute(candidate, &s);
    phi_progress_leave();
    *value = s.phi;
    if (details) *details = iit4_system_json(&s, n);
    phi_iit4_system_free(&s);
  } else {
    phi_iit4_structure s;
    phi_iit4_structure_compute(candidate, &s);
    *value = s.big_phi;
    if (details) *details = structure_json(&s, n);
    phi_iit4_structure_free(&s);
  }
  if (details && r->complexes && a == PHI_ASK_IIT4) {
    phi_progress_enter(1 / (1 + complexes_share(a, n)), 1);
    put_iit4_complexes(network, *details);
    phi_progress_leave();
  }
  return OK;
}

err phi_evaluate_iit(const phi_request *r, const phi_network *network, phi_asked a, double *value,
                     json_t **details) {
  phi_candidate candidate;
  const int n = network->unit_count;
  if (n > PHI_UNIT_LIMIT)
    return check_fail(ERR_USER, "%s of %d units would take about %.3g s; 1 to %d units are allowed",
                      phi_asked_name(a), n,
                      (a == PHI_ASK_IIT3   ? phi_iit3_seconds(n)
                       : a == PHI_ASK_IIT4 ? phi_iit4_system_seconds(n)
                                           : phi_iit4_structure_seconds(n)),
                      PHI_UNIT_LIMIT);
  const uint32_t all = (1u << n) - 1;
  err e = phi_candidate_create(&candidate, network, all,
                               a == PHI_ASK_IIT3 ? PHI_BACKGROUND_FIXED : PHI_BACKGROUND_INFERRED);
  if (e) return e;
  if (!candidate.reachable)
    e = check_fail(ERR_USER,
                   "the state is unreachable: no past state leads to it, and %s is not "
                   "defined there",
                   phi_asked_name(a));
  else if (a == PHI_ASK_IIT3)
    e = evaluate_iit3(r, network, &candidate, value, details);
  else
    e = evaluate_iit4(r, network, &candidate, a, value, details);
  phi_candidate_free(&candidate);
  return e;
}

double phi_evaluate_iit_predict(const phi_request *r, const phi_network *network, phi_asked a) {
  const int n = network->unit_count;
  double seconds = a == PHI_ASK_STRUCTURE ? phi_iit4_structure_seconds(n) : 0;
  phi_candidate candidate;
  if (n > PHI_UNIT_LIMIT)
    return seconds + (a == PHI_ASK_IIT3 ? phi_iit3_seconds(n) : phi_iit4_system_seconds(n));
  if (phi_candidate_create(&candidate, network, (1u << n) - 1,
                           a == PHI_ASK_IIT3 ? PHI_BACKGROUND_FIXED : PHI_BACKGROUND_INFERRED)) {
    check_clear(); /* for the evaluation to tell */
    return 0;
  }
  seconds += a == PHI_ASK_IIT3 ? phi_iit3_predict(&candidate) : phi_iit4_system_predict(&candidate);
  phi_candidate_free(&candidate);
  if (r->complexes && a != PHI_ASK_STRUCTURE) seconds *= 1 + complexes_share(a, n);
  return a == PHI_ASK_IIT3 ? seconds : phi_iit4_here(seconds);
}
