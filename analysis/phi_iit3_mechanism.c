#include "phi_iit3_mechanism.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct phi_repertoires {
  const phi_candidate *candidate;
  int n, stride; /* stride: n rounded up to whole vectors */
  uint32_t all;
  uint32_t inputs[PHI_UNIT_LIMIT]; /* edges that are left */
  uint8_t *size;                   /* [2^n] of a set */
  size_t *base;                    /* [2^n] of a purview's repertoires in `cause` */
  double *cause;                   /* by purview, mechanism, state: 6^n */
  double *marginal;                /* [mechanism][purview][stride] P(unit was on), 0 outside */
  double *effect;                  /* [mechanism][n] P(unit will be on) */
  uint16_t *squeeze;               /* [mask][state]: the mask's bits of a state, moved together */
  phi_hypercube *cube[PHI_IIT3_UNIT_LIMIT + 1];
  /* work space of the search */
  double *bound; /* [2^(2n-1)] of each partition */
  double *difference;
  double *phi_of; /* [2^n] effects: phi of each purview */
  double *sum;    /* [2^n] */
  uint32_t *spread_mechanism, *spread_purview;
};

static int popcount(uint32_t set) { return __builtin_popcount(set); }

static void spread_bits(uint32_t set, uint32_t *spread) {
  uint32_t size = 1;
  spread[0] = 0;
  for (; set; set &= set - 1, size *= 2)
    for (uint32_t low = 0; low < size; low++) spread[size + low] = spread[low] | (set & -set);
}

static void fill_squeeze(phi_repertoires *r) {
  for (uint32_t mask = 0; mask <= r->all; mask++)
    for (uint32_t state = 0; state <= r->all; state++) {
      uint32_t squeezed = 0, bit = 1;
      for (uint32_t rest = mask; rest; rest &= rest - 1, bit <<= 1)
        if (state & rest & -rest) squeezed |= bit;
      r->squeeze[(mask << r->n) + state] = (uint16_t)squeezed;
    }
}

phi_repertoires *phi_repertoires_create(const phi_candidate *candidate) {
  phi_repertoires *r = check_allocate(1, sizeof *r);
  r->candidate = candidate;
  r->n = candidate->unit_count;
  r->stride = (r->n + 3) / 4 * 4;
  r->all = (1u << r->n) - 1;
  const size_t sets = (size_t)1 << r->n;
  size_t total = 0;
  r->base = check_allocate(sets, sizeof *r->base);
  r->size = check_allocate(sets, 1);
  for (size_t set = 0; set < sets; set++) {
    r->size[set] = (uint8_t)popcount((uint32_t)set);
    r->base[set] = total;
    total += sets << r->size[set];
  }
  r->cause = check_allocate(total, sizeof *r->cause);
  r->marginal = check_allocate(sets * sets * (size_t)r->stride, sizeof *r->marginal);
  r->effect = check_allocate(sets * (size_t)r->n, sizeof *r->effect);
  r->squeeze = check_allocate(sets * sets, sizeof *r->squeeze);
  r->bound = check_allocate(sets * sets / 2, sizeof *r->bound);
  r->difference = check_allocate(3 * sets, sizeof *r->difference);
  r->phi_of = r->difference + sets;
  r->sum = r->difference + 2 * sets;
  r->spread_mechanism = check_allocate(2 * sets, sizeof *r->spread_mechanism);
  r->spread_purview = r->spread_mechanism + sets;
  fill_squeeze(r);
  return r;
}

void phi_repertoires_free(phi_repertoires *r) {
  for (int k = 0; k <= PHI_IIT3_UNIT_LIMIT; k++) phi_hypercube_free(r->cube[k]);
  free(r->size);
  free(r->base);
  free(r->cause);
  free(r->marginal);
  free(r->effect);
  free(r->squeeze);
  free(r->bound);
  free(r->difference);
  free(r->spread_mechanism);
  free(r);
}

phi_hypercube *phi_repertoires_cube(phi_repertoires *r, int dimension) {
  if (!r->cube[dimension]) r->cube[dimension] = phi_hypercube_create(dimension);
  return r->cube[dimension];
}

static void reset_cubes(phi_repertoires *r) {
  for (int k = 0; k <= r->n; k++)
    if (r->cube[k]) phi_hypercube_reset(r->cube[k]);
}

const double *phi_repertoires_cause(const phi_repertoires *r, uint32_t mechanism,
                                    uint32_t purview) {
  return r->cause + r->base[purview] + ((size_t)mechanism << r->size[purview]);
}

const double *phi_repertoires_effect(const phi_repertoires *r, uint32_t mechanism) {
  return r->effect + (size_t)mechanism * (size_t)r->n;
}

static const double *marginal_of(const phi_repertoires *r, uint32_t mechanism, uint32_t purview) {
  return r->marginal + (((size_t)mechanism << r->n) + purview) * (size_t)r->stride;
}

static double input_probability(const phi_repertoires *r, int unit, uint32_t known,
                                uint32_t state) {
  return r->candidate
      ->effect[unit][phi_ternary(phi_ternary_weights(), known & r->inputs[unit], state)];
}

static void normalise(double *probability, uint32_t states) {
  double sum = 0;
  for (uint32_t x = 0; x < states; x++) sum += probability[x];
  for (uint32_t x = 0; x < states && sum > 0; x++) probability[x] /= sum;
}

static void fill_marginal(phi_repertoires *r, uint32_t mechanism, uint32_t purview) {
  double *marginal = r->marginal + (((size_t)mechanism << r->n) + purview) * (size_t)r->stride;
  const double *probability = phi_repertoires_cause(r, mechanism, purview);
  memset(marginal, 0, (size_t)r->stride * sizeof *marginal);
  for (uint32_t rest = purview, bit = 1; rest; rest &= rest - 1, bit <<= 1) {
    double on = 0;
    for (uint32_t x = 0; x < 1u << popcount(purview); x++)
      if (x & bit) on += probability[x];
    marginal[__builtin_ctz(rest)] = on;
  }
}

/* Of one purview, for all mechanisms: each from the one without its first unit. */
static void fill_cause(phi_repertoires *r, uint32_t purview) {
  const uint32_t states = 1u << popcount(purview);
  double *cause = r->cause + r->base[purview];
  spread_bits(purview, r->spread_purview);
  for (uint32_t x = 0; x < states; x++) cause[x] = 1.0 / states;
  fill_marginal(r, 0, purview);
  for (uint32_t mechanism = 1; mechanism <= r->all; mechanism++) {
    const int unit = __builtin_ctz(mechanism);
    const double *others = cause + (size_t)(mechanism & (mechanism - 1)) * states;
    double *product = cause + (size_t)mechanism * states;
    for (uint32_t x = 0; x < states; x++) {
      const double on = input_probability(r, unit, purview, r->spread_purview[x]);
      product[x] = others[x] * (r->candidate->state >> unit & 1 ? on : 1 - on);
    }
    normalise(product, states);
    fill_marginal(r, mechanism, purview);
  }
}

void phi_repertoires_cut(phi_repertoires *r, uint32_t from, uint32_t to) {
  for (int unit = 0; unit < r->n; unit++)
    r->inputs[unit] = r->candidate->inputs[unit] & ~(to >> unit & 1 ? from : 0);
  for (uint32_t purview = 0; purview <= r->all; purview++) fill_cause(r, purview);
  for (uint32_t mechanism = 0; mechanism <= r->all; mechanism++)
    for (int unit = 0; unit < r->n; unit++)
      r->effect[(size_t)mechanism * r->n + unit] =
          input_probability(r, unit, mechanism, r->candidate->state);
}

/* A bipartition of mechanism and purview; the first half of the mechanism never holds its last
 * unit. */
typedef struct {
  uint32_t mechanism[2], purview[2], place[2]; /* place: purview halves in local bits */
} bipartition;

static uint32_t partition_count(const phi_repertoires *r, uint32_t mechanism, uint32_t purview) {
  return 1u << (r->size[mechanism] - 1 + r->size[purview]);
}

/* The partition of index k = half of the mechanism x 2^|purview| + half of the purview; r->spread_*
 * are those of mechanism and purview. */
static bipartition partition_at(const phi_repertoires *r, uint32_t mechanism, uint32_t purview,
                                uint32_t k) {
  const int size = r->size[purview];
  const uint32_t half = k >> size, place = k & ((1u << size) - 1);
  const uint32_t first = r->spread_mechanism[half], part = r->spread_purview[place];
  return (bipartition){
      {first, mechanism & ~first}, {part, purview & ~part}, {place, ((1u << size) - 1) & ~place}};
}

static void prepare(phi_repertoires *r, uint32_t mechanism, uint32_t purview) {
  spread_bits(mechanism, r->spread_mechanism);
  spread_bits(purview, r->spread_purview);
}

static void partitioned_cause(const phi_repertoires *r, const bipartition *cut, int size,
                              double *product) {
  const double *first = phi_repertoires_cause(r, cut->mechanism[0], cut->purview[0]);
  const double *second = phi_repertoires_cause(r, cut->mechanism[1], cut->purview[1]);
  const uint16_t *left = r->squeeze + ((size_t)cut->place[0] << r->n);
  const uint16_t *right = r->squeeze + ((size_t)cut->place[1] << r->n);
  for (uint32_t x = 0; x < 1u << size; x++) product[x] = first[left[x]] * second[right[x]];
}

/* Repertoire minus partitioned repertoire. */
static const double *cause_difference(phi_repertoires *r, uint32_t mechanism, uint32_t purview,
                                      uint32_t k) {
  const bipartition cut = partition_at(r, mechanism, purview, k);
  const double *whole = phi_repertoires_cause(r, mechanism, purview);
  const int size = r->size[purview];
  partitioned_cause(r, &cut, size, r->difference);
  for (uint32_t x = 0; x < 1u << size; x++) r->difference[x] = whole[x] - r->difference[x];
  return r->difference;
}

/* The distance is at least the sum of the differences of the units' marginals. Fills r->bound and
 * returns the partition of the smallest. */
static uint32_t bound_by_marginals(phi_repertoires *r, uint32_t mechanism, uint32_t purview) {
  const double *whole = marginal_of(r, mechanism, purview);
  const uint32_t count = partition_count(r, mechanism, purview);
  uint32_t smallest = 1;
  r->bound[0] = INFINITY; /* no partition */
  for (uint32_t k = 1; k < count; k++) {
    const bipartition cut = partition_at(r, mechanism, purview, k);
    const double *first = marginal_of(r, cut.mechanism[0], cut.purview[0]);
    const double *second = marginal_of(r, cut.mechanism[1], cut.purview[1]);
    double sum[4] = {0}; /* as many as fit a vector */
    for (int unit = 0; unit < r->stride; unit += 4)
      for (int lane = 0; lane < 4; lane++)
        sum[lane] += fabs(whole[unit + lane] - first[unit + lane] - second[unit + lane]);
    r->bound[k] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    if (r->bound[k] < r->bound[smallest]) smallest = k;
  }
  return smallest;
}

/* Raise the bounds below `best` with the potentials of the last distance; the smallest one. */
static uint32_t bound_by_potentials(phi_repertoires *r, uint32_t mechanism, uint32_t purview,
                                    double best) {
  const phi_hypercube *cube = phi_repertoires_cube(r, r->size[purview]);
  const uint32_t count = partition_count(r, mechanism, purview);
  uint32_t smallest = 0;
  for (uint32_t k = 1; k < count; k++) {
    if (r->bound[k] >= best) continue;
    const double bound = phi_hypercube_bound(cube, cause_difference(r, mechanism, purview, k));
    r->bound[k] = fmax(r->bound[k], bound);
    if (r->bound[k] < r->bound[smallest]) smallest = k;
  }
  return smallest;
}

static bool is_impossible(const double *repertoire, uint32_t states) {
  for (uint32_t x = 0; x < states; x++)
    if (repertoire[x] > 0) return false;
  return true;
}

/* phi of the cause over one purview; some upper bound of it where it is below `enough`. */
static double cause_phi(phi_repertoires *r, uint32_t mechanism, uint32_t purview, double enough) {
  const int size = r->size[purview];
  if (is_impossible(phi_repertoires_cause(r, mechanism, purview), 1u << size)) return 0;
  prepare(r, mechanism, purview);
  phi_hypercube *cube = phi_repertoires_cube(r, size);
  uint32_t k = bound_by_marginals(r, mechanism, purview);
  double best = INFINITY;
  while (r->bound[k] < best - PHI_TIE / 100) {
    const double distance =
        phi_hypercube_distance(cube, cause_difference(r, mechanism, purview, k), enough);
    if (distance < enough) return distance;
    best = fmin(best, distance);
    if (best <= PHI_TIE) return 0;
    r->bound[k] = INFINITY;
    k = bound_by_potentials(r, mechanism, purview, best - PHI_TIE / 100);
  }
  return best;
}

/* Effects: given the halves of the mechanism, each unit of the purview picks the half that costs
 * less; a half without units keeps none of the effect. Fills r->phi_of for all purviews. */
static void effect_phis(phi_repertoires *r, uint32_t mechanism) {
  const double *whole = phi_repertoires_effect(r, mechanism);
  const double *none = phi_repertoires_effect(r, 0);
  spread_bits(mechanism, r->spread_mechanism);
  r->phi_of[0] = r->sum[0] = 0;
  for (uint32_t purview = 1; purview <= r->all; purview++) {
    const int unit = __builtin_ctz(purview);
    const uint32_t others = purview & (purview - 1);
    const double cut = fabs(whole[unit] - none[unit]);
    r->phi_of[purview] = others ? fmin(cut, r->phi_of[others]) : cut;
  }
  for (uint32_t half = 1; half < 1u << (r->size[mechanism] - 1); half++) {
    const double *first = phi_repertoires_effect(r, r->spread_mechanism[half]);
    const double *second = phi_repertoires_effect(r, mechanism & ~r->spread_mechanism[half]);
    for (uint32_t purview = 1; purview <= r->all; purview++) {
      const int unit = __builtin_ctz(purview);
      r->sum[purview] = r->sum[purview & (purview - 1)] +
                        fmin(fabs(whole[unit] - first[unit]), fabs(whole[unit] - second[unit]));
      r->phi_of[purview] = fmin(r->phi_of[purview], r->sum[purview]);
    }
  }
}

/* -1, 0, 1: by size, then by units in ascending order. */
static int compare_sets(uint32_t a, uint32_t b) {
  if (popcount(a) != popcount(b)) return popcount(a) < popcount(b) ? -1 : 1;
  const uint32_t differing = a ^ b;
  return !differing ? 0 : a & differing & -differing ? -1 : 1;
}

typedef struct {
  phi_best_purview best;
  size_t capacity;
  double *phi; /* of the ties */
} purview_search;

static bool is_joined(const phi_repertoires *r, phi_direction direction, uint32_t mechanism,
                      uint32_t purview) {
  return direction == PHI_CAUSE ? phi_sets_joined(r->inputs, purview, mechanism)
                                : phi_sets_joined(r->inputs, mechanism, purview);
}

static void consider(purview_search *search, uint32_t purview, double phi) {
  phi_best_purview *best = &search->best;
  if (phi <= PHI_TIE || phi < best->phi - PHI_TIE) return;
  best->phi = fmax(best->phi, phi);
  int kept = 0;
  for (int k = 0; k < best->tie_count; k++)
    if (search->phi[k] >= best->phi - PHI_TIE) {
      search->phi[kept] = search->phi[k];
      best->ties[kept++] = best->ties[k];
    }
  size_t capacity = search->capacity;
  best->ties = check_grow(best->ties, &capacity, (size_t)kept + 1, sizeof *best->ties);
  search->phi = check_grow(search->phi, &search->capacity, (size_t)kept + 1, sizeof *search->phi);
  int place = kept;
  for (; place > 0 && compare_sets(purview, best->ties[place - 1]) < 0; place--) {
    best->ties[place] = best->ties[place - 1];
    search->phi[place] = search->phi[place - 1];
  }
  best->ties[place] = purview;
  search->phi[place] = phi;
  best->tie_count = kept + 1;
}

/* The first of the largest of the tied purviews, and its own phi. */
static void decide(purview_search *search) {
  phi_best_purview *best = &search->best;
  for (int k = 0; k < best->tie_count; k++)
    if (!k || popcount(best->ties[k]) > popcount(best->purview)) {
      best->purview = best->ties[k];
      best->phi = search->phi[k];
    }
}

phi_best_purview phi_best_purview_search(phi_repertoires *r, phi_direction direction,
                                         uint32_t mechanism, uint32_t first, bool ties) {
  purview_search search = {{0}, 0, NULL};
  if (direction == PHI_EFFECT) effect_phis(r, mechanism);
  if (direction == PHI_CAUSE) reset_cubes(r); /* no trace of other mechanisms in the last bits */
  for (uint32_t k = 0; k <= r->all; k++) {
    const uint32_t purview = k ? r->all + 1 - k : first; /* large ones first */
    if (!purview || (k && purview == first) || !is_joined(r, direction, mechanism, purview))
      continue;
    consider(&search, purview,
             direction == PHI_EFFECT
                 ? r->phi_of[purview]
                 : cause_phi(r, mechanism, purview, fmax(0, search.best.phi - PHI_TIE)));
  }
  decide(&search);
  free(search.phi);
  if (!ties) {
    free(search.best.ties);
    search.best.ties = NULL;
  }
  return search.best;
}

static double effect_distance(const phi_repertoires *r, const bipartition *cut,
                              uint32_t mechanism) {
  const double *whole = phi_repertoires_effect(r, mechanism);
  double sum = 0;
  for (int half = 0; half < 2; half++) {
    const double *part = phi_repertoires_effect(r, cut->mechanism[half]);
    for (uint32_t rest = cut->purview[half]; rest; rest &= rest - 1)
      sum += fabs(whole[__builtin_ctz(rest)] - part[__builtin_ctz(rest)]);
  }
  return sum;
}

/* Product distribution over a purview, of units that are on with these probabilities. */
static void multiply_out(const double *on, uint32_t purview, double *product) {
  uint32_t size = 1;
  product[0] = 1;
  for (uint32_t rest = purview; rest; rest &= rest - 1, size *= 2) {
    const double p = on[__builtin_ctz(rest)];
    for (uint32_t low = 0; low < size; low++) {
      product[size + low] = product[low] * p;
      product[low] *= 1 - p;
    }
  }
}

static void fill_repertoires(const phi_repertoires *r, phi_direction direction, uint32_t mechanism,
                             const bipartition *cut, phi_iit3_side *side) {
  const int size = r->size[side->purview];
  const uint32_t states = 1u << size;
  side->repertoire = check_allocate(states, sizeof *side->repertoire);
  side->partitioned = check_allocate(states, sizeof *side->partitioned);
  if (direction == PHI_CAUSE) {
    memcpy(side->repertoire, phi_repertoires_cause(r, mechanism, side->purview),
           states * sizeof(double));
    partitioned_cause(r, cut, size, side->partitioned);
    return;
  }
  double on[PHI_UNIT_LIMIT] = {0};
  multiply_out(phi_repertoires_effect(r, mechanism), side->purview, side->repertoire);
  for (int half = 0; half < 2; half++)
    for (uint32_t rest = cut->purview[half]; rest; rest &= rest - 1)
      on[__builtin_ctz(rest)] =
          phi_repertoires_effect(r, cut->mechanism[half])[__builtin_ctz(rest)];
  multiply_out(on, side->purview, side->partitioned);
}

void phi_describe_side(phi_repertoires *r, phi_direction direction, uint32_t mechanism,
                       uint32_t purview, phi_iit3_side *side) {
  *side = (phi_iit3_side){.purview = purview};
  reset_cubes(r);
  if (direction == PHI_CAUSE) {
    side->phi = cause_phi(r, mechanism, purview, 0);
  } else {
    effect_phis(r, mechanism);
    side->phi = r->phi_of[purview];
  }
  prepare(r, mechanism, purview);
  if (direction == PHI_CAUSE) bound_by_marginals(r, mechanism, purview);
  phi_hypercube *cube = phi_repertoires_cube(r, r->size[purview]);
  bipartition cut = partition_at(r, mechanism, purview, 1);
  for (uint32_t k = 1; k < partition_count(r, mechanism, purview); k++) {
    const bipartition other = partition_at(r, mechanism, purview, k);
    double distance;
    if (direction == PHI_EFFECT)
      distance = effect_distance(r, &other, mechanism);
    else if (r->bound[k] > side->phi + PHI_TIE)
      continue;
    else
      distance = phi_hypercube_distance(cube, cause_difference(r, mechanism, purview, k), 0);
    if (distance <= side->phi + PHI_TIE) {
      cut = other;
      break;
    }
  }
  fill_repertoires(r, direction, mechanism, &cut, side);
  for (int half = 0; half < 2; half++) {
    side->mechanism_part[half] = cut.mechanism[half];
    side->purview_part[half] = cut.purview[half];
  }
}
