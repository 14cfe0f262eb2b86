#include "phi_iit3.h"
#include "phi_iit3_mechanism.h"
#include "phi_progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Cuts by which the time of all is predicted; units up to which that is a matter of seconds. */
enum { PROBES = 2, PROBED = 8 };

/* A concept as the distance of constellations needs it. */
typedef struct {
  uint32_t mechanism, cause_purview, effect_purview;
  double phi, cause_phi, effect_phi;
  double *cause;                 /* [2^|cause_purview|], owned; NULL: the null concept */
  double was_on[PHI_UNIT_LIMIT]; /* marginals of the cause, 1/2 outside its purview */
  double on[PHI_UNIT_LIMIT];     /* of the effect, unconstrained outside its purview */
} point;

typedef struct {
  int count;
  point *point; /* [2^n] by mechanism, owned */
} points;

static int popcount(uint32_t set) { return __builtin_popcount(set); }

static void free_points(points *all) {
  for (int k = 0; k < all->count; k++) free(all->point[k].cause);
  free(all->point);
}

static void null_point(const phi_repertoires *r, int n, point *null) {
  *null = (point){0};
  for (int unit = 0; unit < n; unit++) {
    null->was_on[unit] = 0.5;
    null->on[unit] = phi_repertoires_effect(r, 0)[unit];
  }
}

static void place_point(const phi_repertoires *r, int n, point *p) {
  const uint32_t mechanism = p->mechanism, states = 1u << popcount(p->cause_purview);
  const double *cause = phi_repertoires_cause(r, mechanism, p->cause_purview);
  point null;
  null_point(r, n, &null);
  memcpy(p->was_on, null.was_on, sizeof p->was_on);
  memcpy(p->on, null.on, sizeof p->on);
  p->cause = check_allocate(states, sizeof *p->cause);
  memcpy(p->cause, cause, states * sizeof *cause);
  for (uint32_t rest = p->cause_purview, bit = 1; rest; rest &= rest - 1, bit <<= 1) {
    double on = 0;
    for (uint32_t x = 0; x < states; x++)
      if (x & bit) on += cause[x];
    p->was_on[__builtin_ctz(rest)] = on;
  }
  for (uint32_t rest = p->effect_purview; rest; rest &= rest - 1)
    p->on[__builtin_ctz(rest)] = phi_repertoires_effect(r, mechanism)[__builtin_ctz(rest)];
}

/* A side that no cut edge touches is that of the whole. */
static phi_best_purview search_side(phi_repertoires *r, phi_direction direction, uint32_t mechanism,
                                    const phi_iit3_cut *cut, const point *whole) {
  const uint32_t safe = direction == PHI_CAUSE ? cut->from : cut->to;
  const uint32_t first = !whole                   ? 0
                         : direction == PHI_CAUSE ? whole->cause_purview
                                                  : whole->effect_purview;
  if (whole && whole->phi > 0 && !(mechanism & ~safe) && cut->from)
    return (phi_best_purview){direction == PHI_CAUSE ? whole->cause_phi : whole->effect_phi, first,
                              0, NULL};
  return phi_best_purview_search(r, direction, mechanism, first, false);
}

/* The concept of one mechanism under a cut; false where there is none. */
static bool find_point(phi_repertoires *r, int n, uint32_t mechanism, const phi_iit3_cut *cut,
                       const point *whole, point *found) {
  const phi_best_purview effect = search_side(r, PHI_EFFECT, mechanism, cut, whole);
  if (effect.phi <= PHI_TIE) return false;
  const phi_best_purview cause = search_side(r, PHI_CAUSE, mechanism, cut, whole);
  if (cause.phi <= PHI_TIE) return false;
  *found = (point){.mechanism = mechanism, .cause_purview = cause.purview};
  found->effect_purview = effect.purview;
  found->cause_phi = cause.phi;
  found->effect_phi = effect.phi;
  found->phi = fmin(cause.phi, effect.phi);
  place_point(r, n, found);
  return true;
}

/* The concepts under a cut: those of the whole and the mechanisms that the cut divides can be
 * irreducible. `whole` by mechanism, phi 0 where there is no concept; NULL: all mechanisms. */
static points find_points(phi_repertoires *r, int n, const phi_iit3_cut *cut, const point *whole) {
  const uint32_t all = (1u << n) - 1;
  points found = {0, check_allocate((size_t)all + 1, sizeof(point))};
  for (uint32_t mechanism = 1; mechanism <= all; mechanism++) {
    const bool divided = mechanism & cut->from && mechanism & cut->to;
    if (whole && !divided && whole[mechanism].phi <= 0) continue;
    if (find_point(r, n, mechanism, cut, whole ? &whole[mechanism] : NULL,
                   &found.point[found.count]))
      found.count++;
  }
  return found;
}

/* Two constellations with their common concepts taken out, and null where there is a surplus. */
typedef struct {
  phi_repertoires *r;
  int n, source_count, sink_count;
  const point **source, **sink;
  double *supply, *demand;
  double *difference;
} comparison;

static double effect_distance(const point *a, const point *b) {
  const uint32_t purview = a->effect_purview | b->effect_purview;
  double sum = 0;
  for (uint32_t rest = purview; rest; rest &= rest - 1)
    sum += fabs(a->on[__builtin_ctz(rest)] - b->on[__builtin_ctz(rest)]);

  return sum;
}

static double cause_bound(const point *a, const point *b) {
  double sum = 0;
  for (uint32_t rest = a->cause_purview | b->cause_purview; rest; rest &= rest - 1)
    sum += fabs(a->was_on[__builtin_ctz(rest)] - b->was_on[__builtin_ctz(rest)]);
  return sum;
}

/* Add sign x the cause repertoire, expanded uniformly to a larger purview. */
static void expand_cause(const point *p, uint32_t purview, double sign, double *sum) {
  const uint32_t own = p->cause_purview;
  const double share = sign / (1u << popcount(purview & ~own));
  for (uint32_t x = 0; x < 1u << popcount(purview); x++) {
    uint32_t squeezed = 0, bit = 1, position = 1;
    for (uint32_t rest = purview; rest; rest &= rest - 1, position <<= 1)
      if (own & rest & -rest) {
        if (x & position) squeezed |= bit;
        bit <<= 1;
      }
    sum[x] += share * (p->cause ? p->cause[squeezed] : 1);
  }
}

static double cause_distance(const comparison *c, const point *a, const point *b) {
  const uint32_t purview = a->cause_purview | b->cause_purview;
  memset(c->difference, 0, sizeof(double) << popcount(purview));
  expand_cause(a, purview, 1, c->difference);
  expand_cause(b, purview, -1, c->difference);
  return phi_hypercube_distance(phi_repertoires_cube(c->r, popcount(purview)), c->difference, 0);
}

static double point_distance(void *context, int source, int sink, bool exact) {
  const comparison *c = context;
  const point *a = c->source[source], *b = c->sink[sink];
  return effect_distance(a, b) + (exact ? cause_distance(c, a, b) : cause_bound(a, b));
}

static bool is_same(const point *a, const point *b) {
  if (a->mechanism != b->mechanism || a->cause_purview != b->cause_purview ||
      a->effect_purview != b->effect_purview || fabs(a->phi - b->phi) > PHI_TIE)
    return false;
  for (uint32_t x = 0; x < 1u << popcount(a->cause_purview); x++)
    if (fabs(a->cause[x] - b->cause[x]) > PHI_TIE) return false;
  for (uint32_t rest = a->effect_purview; rest; rest &= rest - 1)
    if (fabs(a->on[__builtin_ctz(rest)] - b->on[__builtin_ctz(rest)]) > PHI_TIE) return false;
  return true;
}

/* Both lists are in ascending order of mechanisms. */
static void take_out_common(comparison *c, const points *whole, const points *parts) {
  int i = 0, j = 0;
  while (i < whole->count || j < parts->count) {
    const point *a = i < whole->count ? &whole->point[i] : NULL;
    const point *b = j < parts->count ? &parts->point[j] : NULL;
    if (a && b && is_same(a, b)) {
      i++, j++;
    } else if (a && (!b || a->mechanism <= b->mechanism)) {
      c->supply[c->source_count] = a->phi;
      c->source[c->source_count++] = a;
      i++;
    } else {
      c->demand[c->sink_count] = b->phi;
      c->sink[c->sink_count++] = b;
      j++;
    }
  }
}

static void level_with_null(comparison *c, const point *null) {
  double surplus = 0;
  for (int k = 0; k < c->source_count; k++) surplus += c->supply[k];
  for (int k = 0; k < c->sink_count; k++) surplus -= c->demand[k];
  if (surplus > 1e-15) {
    c->demand[c->sink_count] = surplus;
    c->sink[c->sink_count++] = null;
  } else if (surplus < -1e-15) {
    c->supply[c->source_count] = -surplus;
    c->source[c->source_count++] = null;
  }
}

/* The earth mover's distance between two constellations. */
static double constellation_distance(phi_repertoires *r, int n, const points *whole,
                                     const points *parts) {
  const size_t size = ((size_t)1 << n) + 1;
  comparison c = {.r = r, .n = n};
  point null;
  null_point(r, n, &null);
  c.source = check_allocate(2 * size, sizeof *c.source);
  c.sink = c.source + size;
  c.supply = check_allocate(3 * size, sizeof *c.supply);
  c.demand = c.supply + size;
  c.difference = c.supply + 2 * size;
  for (int k = 1; k <= n; k++) phi_hypercube_reset(phi_repertoires_cube(r, k));
  take_out_common(&c, whole, parts);
  level_with_null(&c, &null);
  const double distance =
      c.source_count && c.sink_count
          ? phi_transport(c.source_count, c.supply, c.sink_count, c.demand, point_distance, &c)
          : 0;
  free(c.source);
  free(c.supply);
  return distance;
}

/* ---- What the caller gets ---- */

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
  const int size = popcount(x) - popcount(y);
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
                         points *list, point **by_mechanism) {
  phi_repertoires *r = phi_repertoires_create(candidate);
  phi_repertoires_cut(r, 0, 0);
  const size_t sets = (size_t)1 << candidate->unit_count;
  list->point = check_allocate(sets, sizeof(point));
  *by_mechanism = check_allocate(sets, sizeof(point));
  for (int k = 0; k < whole->count; k++) {
    const phi_iit3_concept *c = &whole->concept[k];
    point *p = &(*by_mechanism)[c->mechanism];
    *p = (point){.mechanism = c->mechanism, .cause_purview = c->cause.purview};
    p->effect_purview = c->effect.purview;
    p->phi = c->phi, p->cause_phi = c->cause.phi, p->effect_phi = c->effect.phi;
    place_point(r, candidate->unit_count, p);
  }
  for (size_t m = 1; m < sets; m++)
    if ((*by_mechanism)[m].phi > 0) list->point[list->count++] = (*by_mechanism)[m];
  phi_repertoires_free(r);
}

static void evaluate_cuts(const phi_candidate *candidate, phi_iit3_system *system) {
  const int n = candidate->unit_count;
  points whole = {0};
  point *by_mechanism;
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
      points parts = find_points(r, n, cut, by_mechanism);
      cut->phi = constellation_distance(r, n, &whole, &parts);
      free_points(&parts);
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
  free_points(&whole);
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
  points whole = {0};
  point *by_mechanism;
  int count, first = 0;
  phi_iit3_cut *cuts = list_cuts(n, &count);
  describe_constellation(candidate, 0, 0, NULL, &constellation);
  whole_points(candidate, &constellation, &whole, &by_mechanism);
  phi_repertoires *r = phi_repertoires_create(candidate);
  const double begun = phi_progress_processor_seconds();
  for (int k = 0; k < PROBES; k++) {
    const phi_iit3_cut *cut = &cuts[first = (first + count * 2 / 5) % count];
    phi_repertoires_cut(r, cut->from, cut->to);
    points parts = find_points(r, n, cut, by_mechanism);
    (void)constellation_distance(r, n, &whole, &parts);
    free_points(&parts);
  }
  const double one = (phi_progress_processor_seconds() - begun) / PROBES;
  phi_repertoires_free(r);
  free(by_mechanism);
  free_points(&whole);
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
  const int size = popcount(x) - popcount(y);
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
