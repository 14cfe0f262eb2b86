#include "phi_iit3_points.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int popcount(uint32_t set) { return __builtin_popcount(set); }

void phi_iit3_points_free(phi_iit3_points *all) {
  for (int k = 0; k < all->count; k++) free(all->point[k].cause);
  free(all->point);
}

static void null_point(const phi_repertoires *r, int n, phi_iit3_point *null) {
  *null = (phi_iit3_point){0};
  for (int unit = 0; unit < n; unit++) {
    null->was_on[unit] = 0.5;
    null->on[unit] = phi_repertoires_effect(r, 0)[unit];
  }
}

void phi_iit3_point_place(const phi_repertoires *r, int n, phi_iit3_point *p) {
  const uint32_t mechanism = p->mechanism, states = 1u << popcount(p->cause_purview);
  const double *cause = phi_repertoires_cause(r, mechanism, p->cause_purview);
  phi_iit3_point null;
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
                                    const phi_iit3_cut *cut, const phi_iit3_point *whole) {
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
                       const phi_iit3_point *whole, phi_iit3_point *found) {
  const phi_best_purview effect = search_side(r, PHI_EFFECT, mechanism, cut, whole);
  if (effect.phi <= PHI_TIE) return false;
  const phi_best_purview cause = search_side(r, PHI_CAUSE, mechanism, cut, whole);
  if (cause.phi <= PHI_TIE) return false;
  *found = (phi_iit3_point){.mechanism = mechanism, .cause_purview = cause.purview};
  found->effect_purview = effect.purview;
  found->cause_phi = cause.phi;
  found->effect_phi = effect.phi;
  found->phi = fmin(cause.phi, effect.phi);
  phi_iit3_point_place(r, n, found);
  return true;
}

phi_iit3_points phi_iit3_points_find(phi_repertoires *r, int n, const phi_iit3_cut *cut,
                                     const phi_iit3_point *whole) {
  const uint32_t all = (1u << n) - 1;
  phi_iit3_points found = {0, check_allocate((size_t)all + 1, sizeof(phi_iit3_point))};
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
  const phi_iit3_point **source, **sink;
  double *supply, *demand;
  double *difference;
} comparison;

static double effect_distance(const phi_iit3_point *a, const phi_iit3_point *b) {
  const uint32_t purview = a->effect_purview | b->effect_purview;
  double sum = 0;
  for (uint32_t rest = purview; rest; rest &= rest - 1)
    sum += fabs(a->on[__builtin_ctz(rest)] - b->on[__builtin_ctz(rest)]);

  return sum;
}

static double cause_bound(const phi_iit3_point *a, const phi_iit3_point *b) {
  double sum = 0;
  for (uint32_t rest = a->cause_purview | b->cause_purview; rest; rest &= rest - 1)
    sum += fabs(a->was_on[__builtin_ctz(rest)] - b->was_on[__builtin_ctz(rest)]);
  return sum;
}

/* Add sign x the cause repertoire, expanded uniformly to a larger purview. */
static void expand_cause(const phi_iit3_point *p, uint32_t purview, double sign, double *sum) {
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

static double cause_distance(const comparison *c, const phi_iit3_point *a,
                             const phi_iit3_point *b) {
  const uint32_t purview = a->cause_purview | b->cause_purview;
  memset(c->difference, 0, sizeof(double) << popcount(purview));
  expand_cause(a, purview, 1, c->difference);
  expand_cause(b, purview, -1, c->difference);
  return phi_hypercube_distance(phi_repertoires_cube(c->r, popcount(purview)), c->difference, 0);
}

static double point_distance(void *context, int source, int sink, bool exact) {
  const comparison *c = context;
  const phi_iit3_point *a = c->source[source], *b = c->sink[sink];
  return effect_distance(a, b) + (exact ? cause_distance(c, a, b) : cause_bound(a, b));
}

static bool is_same(const phi_iit3_point *a, const phi_iit3_point *b) {
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
static void take_out_common(comparison *c, const phi_iit3_points *whole,
                            const phi_iit3_points *parts) {
  int i = 0, j = 0;
  while (i < whole->count || j < parts->count) {
    const phi_iit3_point *a = i < whole->count ? &whole->point[i] : NULL;
    const phi_iit3_point *b = j < parts->count ? &parts->point[j] : NULL;
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

static void level_with_null(comparison *c, const phi_iit3_point *null) {
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

double phi_iit3_points_distance(phi_repertoires *r, int n, const phi_iit3_points *whole,
                                const phi_iit3_points *parts) {
  const size_t size = ((size_t)1 << n) + 1;
  comparison c = {.r = r, .n = n};
  phi_iit3_point null;
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
