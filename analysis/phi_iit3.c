#include "phi_iit3_points.h"
#include "phi_progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Cuts by which the time of all is predicted; units up to which that is a matter of seconds. */
enum { PROBES = 2, PROBED = 8 };

double phi_iit3_seconds(int unit_count) { return 16 * pow(17, unit_count - 7); }

static err refuse_size(int unit_count) {
  return check_fail(
      ERR_USER, "phi: IIT 3.0 of %d units would take about %.2g days; 1 to %d units are allowed",
      unit_count, phi_iit3_seconds(unit_count) / 86400, PHI_IIT3_UNIT_LIMIT);
}

static err check_candidate(const phi_candidate *candidate) {
  if (candidate->unit_count > PHI_IIT3_UNIT_LIMIT) return refuse_size(candidate->unit_count);
  if (!candidate->reachable)
    return check_fail(ERR_USER, "phi: no past state of the candidate system, its background held "
                                "fixed, leads to its current state (IIT 3.0 has no cause for an "
                                "unreachable state)");
  return OK;
}

void phi_iit3_side_free(phi_iit3_side *side) {
  free(side->repertoire);
  free(side->partitioned);
  free(side->ties);
  memset(side, 0, sizeof *side);
}

void phi_iit3_constellation_free(phi_iit3_constellation *constellation) {
  for (int k = 0; k < constellation->count; k++) {
    phi_iit3_side_free(&constellation->concept[k].cause);
    phi_iit3_side_free(&constellation->concept[k].effect);
  }
  free(constellation->concept);
  memset(constellation, 0, sizeof *constellation);
}

err phi_iit3_purview(const phi_candidate *candidate, phi_direction direction, uint32_t mechanism,
                     uint32_t purview, phi_iit3_side *side) {
  const err fit = check_candidate(candidate);
  if (fit != OK) return fit;
  phi_repertoires *r = phi_repertoires_create(candidate);
  phi_repertoires_cut(r, 0, 0);
  phi_describe_side(r, direction, mechanism, purview, side);
  phi_repertoires_free(r);
  return OK;
}

static void describe_concept(phi_repertoires *r, uint32_t mechanism, phi_iit3_concept *concept) {
  phi_iit3_side *side[2] = {&concept->cause, &concept->effect};
  concept->mechanism = mechanism;
  for (int direction = PHI_CAUSE; direction <= PHI_EFFECT; direction++) {
    const phi_best_purview best =
        phi_best_purview_search(r, (phi_direction)direction, mechanism, 0, true);
    if (best.phi > PHI_TIE)
      phi_describe_side(r, (phi_direction)direction, mechanism, best.purview, side[direction]);
    side[direction]->ties = best.ties;
    side[direction]->tie_count = best.tie_count;
  }
  concept->phi = fmin(concept->cause.phi, concept->effect.phi);
}

static int compare_concepts(const void *a, const void *b) {
  const uint32_t x = ((const phi_iit3_concept *)a)->mechanism;
  const uint32_t y = ((const phi_iit3_concept *)b)->mechanism;
  const int size = __builtin_popcount(x) - __builtin_popcount(y);
  const uint32_t differing = x ^ y;
  return size ? size : !differing ? 0 : x & differing & -differing ? -1 : 1;
}

/* Mechanisms not divided by the cut are only looked at where `also` has them. */
static void describe_constellation(const phi_candidate *candidate, uint32_t from, uint32_t to,
                                   const phi_iit3_constellation *also,
                                   phi_iit3_constellation *result) {
  const uint32_t all = (1u << candidate->unit_count) - 1;
  bool *wanted = check_allocate((size_t)all + 1, 1);
  for (uint32_t m = 1; m <= all; m++) wanted[m] = !also || (m & from && m & to);
  for (int k = 0; also && k < also->count; k++) wanted[also->concept[k].mechanism] = true;
  phi_iit3_concept *concept = check_allocate((size_t)all + 1, sizeof *concept);
#pragma omp parallel if (candidate->unit_count > 5)
  {
    phi_repertoires *r = phi_repertoires_create(candidate);
    phi_repertoires_cut(r, from, to);
#pragma omp for schedule(dynamic)
    for (int k = 0; k < (int)all; k++) {
      const uint32_t mechanism = all - (uint32_t)k; /* the large ones take longest */
      if (wanted[mechanism]) describe_concept(r, mechanism, &concept[mechanism]);
    }
    phi_repertoires_free(r);
  }
  *result = (phi_iit3_constellation){.concept = concept};
  for (uint32_t m = 1; m <= all; m++) {
    phi_iit3_concept found = concept[m];
    if (found.phi > PHI_TIE) {
      concept[result->count++] = found;
      result->sum_phi += found.phi;
    } else {
      phi_iit3_side_free(&found.cause);
      phi_iit3_side_free(&found.effect);
    }
  }
  qsort(concept, (size_t)result->count, sizeof *concept, compare_concepts);
  free(wanted);
}

err phi_iit3_concepts(const phi_candidate *candidate, uint32_t cut_from, uint32_t cut_to,
                      phi_iit3_constellation *constellation) {
  memset(constellation, 0, sizeof *constellation);
  const err fit = check_candidate(candidate);
  if (fit == OK) describe_constellation(candidate, cut_from, cut_to, NULL, constellation);
  return fit;
}

/* The cuts in the order listed: first parts count up over the units but the last, then the
 * directions are turned in reverse order. */
static phi_iit3_cut *list_cuts(int n, int *count) {
  const uint32_t all = (1u << n) - 1, half = 1u << (n - 1);
  phi_iit3_cut *cuts = check_allocate(all, sizeof *cuts);
  *count = 0;
  for (uint32_t part = 1; part < half; part++)
    cuts[(*count)++] = (phi_iit3_cut){part, all & ~part, 0};
  for (uint32_t part = half - 1; part > 0; part--)
    cuts[(*count)++] = (phi_iit3_cut){all & ~part, part, 0};
  return cuts;
}

/* The whole's concepts as points, by mechanism. */
static void whole_points(const phi_candidate *candidate, const phi_iit3_constellation *whole,
                         phi_iit3_points *list, phi_iit3_point **by_mechanism) {
  phi_repertoires *r = phi_repertoires_create(candidate);
  phi_repertoires_cut(r, 0, 0);
  const size_t sets = (size_t)1 << candidate->unit_count;
  list->point = check_allocate(sets, sizeof(phi_iit3_point));
  *by_mechanism = check_allocate(sets, sizeof(phi_iit3_point));
  for (int k = 0; k < whole->count; k++) {
    const phi_iit3_concept *c = &whole->concept[k];
    phi_iit3_point *p = &(*by_mechanism)[c->mechanism];
    *p = (phi_iit3_point){.mechanism = c->mechanism, .cause_purview = c->cause.purview};
    p->effect_purview = c->effect.purview;
    p->phi = c->phi, p->cause_phi = c->cause.phi, p->effect_phi = c->effect.phi;
    phi_iit3_point_place(r, candidate->unit_count, p);
  }
  for (size_t m = 1; m < sets; m++)
    if ((*by_mechanism)[m].phi > 0) list->point[list->count++] = (*by_mechanism)[m];
  phi_repertoires_free(r);
}

static void evaluate_cuts(const phi_candidate *candidate, phi_iit3_system *system) {
  const int n = candidate->unit_count;
  phi_iit3_points whole = {0};
  phi_iit3_point *by_mechanism;
  int first_zero = system->cut_count;
  whole_points(candidate, &system->whole, &whole, &by_mechanism);
#pragma omp parallel if (n > 4)
  {
    phi_repertoires *r = phi_repertoires_create(candidate);
#pragma omp for schedule(dynamic)
    for (int k = 0; k < system->cut_count; k++) {
      phi_iit3_cut *cut = &system->cuts[k];
      int limit;
#pragma omp atomic read
      limit = first_zero;
      if (k > limit) continue;
      phi_progress_at((k + 1.) / (system->cut_count + 2));
      phi_repertoires_cut(r, cut->from, cut->to);
      phi_iit3_points parts = phi_iit3_points_find(r, n, cut, by_mechanism);
      cut->phi = phi_iit3_points_distance(r, n, &whole, &parts);
      phi_iit3_points_free(&parts);
      if (cut->phi <= PHI_TIE) {
        cut->phi = 0;
#pragma omp critical(phi_iit3_first_zero)
        if (k < first_zero) {
#pragma omp atomic write
          first_zero = k;
        }
      }
    }
    phi_repertoires_free(r);
  }
  if (first_zero < system->cut_count) system->cut_count = first_zero + 1;
  free(by_mechanism);
  phi_iit3_points_free(&whole);
}

static void choose_cut(phi_iit3_system *system) {
  system->cut = system->cuts[0];
  for (int k = 1; k < system->cut_count; k++)
    if (system->cuts[k].phi < system->cut.phi - PHI_TIE) system->cut = system->cuts[k];
  for (int k = 0; k < system->cut_count; k++)
    system->tie_count += system->cuts[k].phi <= system->cut.phi + PHI_TIE;
  system->big_phi = system->cut.phi;
  system->reason = system->big_phi > PHI_TIE ? PHI_IIT3_IRREDUCIBLE : PHI_IIT3_REDUCIBLE;
}

double phi_iit3_predict(const phi_candidate *candidate) {
  const int n = candidate->unit_count;
  if (n > PROBED) return phi_iit3_seconds(n);
  if (n < 5 || !candidate->reachable || !phi_candidate_strongly_connected(candidate))
    return phi_iit3_seconds(n < 5 ? n : 5);
  phi_iit3_constellation constellation;
  phi_iit3_points whole = {0};
  phi_iit3_point *by_mechanism;
  int count, first = 0;
  phi_iit3_cut *cuts = list_cuts(n, &count);
  describe_constellation(candidate, 0, 0, NULL, &constellation);
  whole_points(candidate, &constellation, &whole, &by_mechanism);
  phi_repertoires *r = phi_repertoires_create(candidate);
  const double begun = phi_progress_processor_seconds();
  for (int k = 0; k < PROBES; k++) {
    const phi_iit3_cut *cut = &cuts[first = (first + count * 2 / 5) % count];
    phi_repertoires_cut(r, cut->from, cut->to);
    phi_iit3_points parts = phi_iit3_points_find(r, n, cut, by_mechanism);
    (void)phi_iit3_points_distance(r, n, &whole, &parts);
    phi_iit3_points_free(&parts);
  }
  const double one = (phi_progress_processor_seconds() - begun) / PROBES;
  phi_repertoires_free(r);
  free(by_mechanism);
  phi_iit3_points_free(&whole);
  free(cuts);
  phi_iit3_constellation_free(&constellation);
  return one * (count + 2);
}

err phi_iit3_system_compute(const phi_candidate *candidate, phi_iit3_system *system) {
  memset(system, 0, sizeof *system);
  const err fit = check_candidate(candidate);
  if (fit != OK) return fit;
  describe_constellation(candidate, 0, 0, NULL, &system->whole);
  if (!phi_candidate_strongly_connected(candidate))
    system->reason = PHI_IIT3_NOT_CONNECTED;
  else if (candidate->unit_count == 1)
    system->reason = PHI_IIT3_SINGLE_UNIT;
  else if (!system->whole.count)
    system->reason = PHI_IIT3_NO_CONCEPT;
  else {
    system->cuts = list_cuts(candidate->unit_count, &system->cut_count);
    evaluate_cuts(candidate, system);
    choose_cut(system);
    describe_constellation(candidate, system->cut.from, system->cut.to, &system->whole,
                           &system->parts);
  }
  return OK;
}

void phi_iit3_system_free(phi_iit3_system *system) {
  free(system->cuts);
  phi_iit3_constellation_free(&system->whole);
  phi_iit3_constellation_free(&system->parts);
  memset(system, 0, sizeof *system);
}

static int compare_candidates(const void *a, const void *b) {
  const uint32_t x = ((const phi_iit3_candidate *)a)->nodes;
  const uint32_t y = ((const phi_iit3_candidate *)b)->nodes;
  const int size = __builtin_popcount(x) - __builtin_popcount(y);
  const uint32_t differing = x ^ y;
  return size ? size : !differing ? 0 : x & differing & -differing ? -1 : 1;
}

static void evaluate_candidate(const phi_network *network, phi_iit3_candidate *result) {
  phi_candidate candidate;
  phi_iit3_system system;
  if (phi_candidate_create(&candidate, network, result->nodes, PHI_BACKGROUND_FIXED) != OK) return;
  result->reachable = candidate.reachable;
  const bool connected = phi_candidate_strongly_connected(&candidate);
  result->reason = candidate.unit_count == 1 ? PHI_IIT3_SINGLE_UNIT : PHI_IIT3_NOT_CONNECTED;
  if (candidate.reachable && connected && candidate.unit_count > 1 &&
      phi_iit3_system_compute(&candidate, &system) == OK) {
    result->reason = system.reason;
    result->big_phi = system.big_phi;
    result->cut = (phi_iit3_cut){phi_candidate_nodes(&candidate, system.cut.from),
                                 phi_candidate_nodes(&candidate, system.cut.to), system.big_phi};
    phi_iit3_system_free(&system);
  }
  phi_candidate_free(&candidate);
}

/* Larger Phi, then more units, then the later set; candidates are in ascending order of the last
 * two. */
static int best_open(const phi_iit3_complexes *all, uint32_t covered) {
  int best = -1;
  for (int k = 0; k < all->count; k++) {
    const phi_iit3_candidate *c = &all->candidate[k];
    if (c->big_phi <= PHI_TIE || c->nodes & covered) continue;
    if (best < 0 || c->big_phi >= all->candidate[best].big_phi - PHI_TIE) best = k;
  }
  return best;
}

err phi_iit3_complexes_compute(const phi_network *network, phi_iit3_complexes *complexes) {
  memset(complexes, 0, sizeof *complexes);
  if (network->unit_count > PHI_IIT3_UNIT_LIMIT) return refuse_size(network->unit_count);
  complexes->count = (1 << network->unit_count) - 1;
  complexes->candidate = check_allocate((size_t)complexes->count, sizeof(phi_iit3_candidate));
  for (int k = 0; k < complexes->count; k++) complexes->candidate[k].nodes = (uint32_t)k + 1;
  qsort(complexes->candidate, (size_t)complexes->count, sizeof(phi_iit3_candidate),
        compare_candidates);
  for (int k = 0; k < complexes->count; k++) evaluate_candidate(network, &complexes->candidate[k]);
  complexes->major = best_open(complexes, 0);
  uint32_t covered = 0;
  for (int k = complexes->major; k >= 0; k = best_open(complexes, covered)) {
    complexes->candidate[k].complex = true;
    covered |= complexes->candidate[k].nodes;
  }
  for (int k = 0; k < complexes->count && complexes->major >= 0; k++)
    complexes->tie_count +=
        complexes->candidate[k].big_phi >= complexes->candidate[complexes->major].big_phi - PHI_TIE;
  return OK;
}

void phi_iit3_complexes_free(phi_iit3_complexes *complexes) {
  free(complexes->candidate);
  memset(complexes, 0, sizeof *complexes);
}
