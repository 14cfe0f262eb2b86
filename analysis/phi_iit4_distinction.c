#include "phi_iit4_joint.h"
#include "phi_progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int popcount(uint32_t set) { return __builtin_popcount(set); }

/* Everything a search over mechanisms and purviews needs, once a thread. */
typedef struct {
  const phi_candidate *candidate;
  const double *const *cause_log;     /* [unit][3^n] log2 P(unit as now | past of a subset) */
  const double *const *effect_log[2]; /* [value][unit][2^n] log2 P(unit = value | subset as now) */
  phi_iit4_joint in;
  double *selectivity, *forward, *mean, *product, *information; /* [2^n] */
  uint32_t spread[1 << PHI_UNIT_LIMIT]; /* local bits of the domain -> units */
} search;

static double cause_probability(const phi_candidate *candidate, int unit, uint32_t kept,
                                uint32_t past) {
  const uint32_t index = phi_ternary(phi_ternary_weights(), kept & candidate->inputs[unit], past);
  return phi_probability(candidate->cause[unit], index, candidate->state >> unit & 1);
}

/* spread[local] = the units of a set that the bits of `local` stand for. */
static void spread_bits(uint32_t set, uint32_t *spread) {
  uint32_t size = 1;
  spread[0] = 0;
  for (; set; set &= set - 1, size *= 2)
    for (uint32_t low = 0; low < size; low++) spread[size + low] = spread[low] | (set & -set);
}

/* Product over units of P(on) or P(off), for all states of the purview. */
static void effect_product(const phi_candidate *candidate, uint32_t mechanism, uint32_t purview,
                           uint32_t state, double *product) {
  uint32_t size = 1;
  product[0] = 1;
  for (uint32_t rest = purview; rest; rest &= rest - 1, size *= 2) {
    const int unit = __builtin_ctz(rest);
    const double on = candidate->effect[unit][phi_ternary(
        phi_ternary_weights(), mechanism & candidate->inputs[unit], state)];
    for (uint32_t low = 0; low < size; low++) {
      product[size + low] = product[low] * on;
      product[low] *= 1 - on;
    }
  }
}

/* Selectivity, forward probability and its unconstrained mean for all states of the purview. */
static void effect_repertoire(search *s, uint32_t mechanism, uint32_t purview) {
  const uint32_t states = 1u << popcount(purview);
  effect_product(s->candidate, mechanism, purview, s->candidate->state, s->forward);
  memcpy(s->selectivity, s->forward, states * sizeof(double));
  memset(s->mean, 0, states * sizeof(double));
  uint32_t state = 0;
  do {
    effect_product(s->candidate, mechanism, purview, state, s->product);
    for (uint32_t k = 0; k < states; k++) s->mean[k] += s->product[k];
    state = (state - mechanism) & mechanism;
  } while (state);
  for (uint32_t k = 0; k < states; k++) s->mean[k] /= 1u << popcount(mechanism);
}

static void cause_repertoire(search *s, uint32_t mechanism, uint32_t purview) {
  const uint32_t states = 1u << popcount(purview);
  double sum = 0;
  for (uint32_t k = 0; k < states; k++) {
    s->forward[k] = 1;
    for (uint32_t rest = mechanism; rest; rest &= rest - 1)
      s->forward[k] *= cause_probability(s->candidate, __builtin_ctz(rest), purview, s->spread[k]);
    sum += s->forward[k];
  }
  for (uint32_t k = 0; k < states; k++) {
    s->selectivity[k] = sum > 0 ? s->forward[k] / sum : 0;
    s->mean[k] = sum / states;
  }
}

static double largest_information(search *s, uint32_t states) {
  double largest = -INFINITY;
  for (uint32_t k = 0; k < states; k++) {
    s->information[k] =
        s->forward[k] > 0 ? s->selectivity[k] * log2(s->forward[k] / s->mean[k]) : 0;
    largest = fmax(largest, s->information[k]);
  }
  return largest;
}

/* The losses of every chooser for every set of the domain it could keep. */
static void fill_losses(search *s, uint32_t mechanism, uint32_t purview, uint32_t state) {
  phi_iit4_joint *in = &s->in;
  const uint32_t choosers = in->cause ? mechanism : purview;
  int j = 0;
  for (uint32_t rest = choosers; rest; rest &= rest - 1, j++) {
    const int unit = __builtin_ctz(rest);
    const uint32_t inputs = s->candidate->inputs[unit];
    const double *effect = s->effect_log[state >> unit & 1][unit], *cause = s->cause_log[unit];
    const uint32_t *weights = phi_ternary_weights();
    double whole = 0;
    for (uint32_t set = in->whole + 1; set-- > 0;) {
      const uint32_t kept = s->spread[set] & inputs;
      const double value = in->cause ? cause[phi_ternary(weights, kept, state)] : effect[kept];
      if (set == in->whole) whole = value;
      in->loss[set * (uint32_t)in->chooser_count + (uint32_t)j] = whole - value;
    }
  }
}

/* Parts from the blocks picked. */
static void describe_parts(const search *s, const phi_iit4_choice *picked, uint32_t mechanism,
                           uint32_t purview, phi_iit4_side *side) {
  const phi_iit4_joint *in = &s->in;
  uint32_t unused = in->cause ? purview : mechanism;
  uint32_t choosers[PHI_UNIT_LIMIT + 1] = {0}, kept[PHI_UNIT_LIMIT + 1] = {0};
  int j = 0;
  for (uint32_t rest = in->cause ? mechanism : purview; rest; rest &= rest - 1, j++) {
    const uint32_t block = s->spread[picked->kept[j]];
    int part = 0;
    while (part < side->part_count && kept[part] != block) part++;
    if (part == side->part_count) kept[side->part_count++] = block;
    choosers[part] |= rest & -rest;
    unused &= ~block;
  }
  if (unused) kept[side->part_count++] = unused;
  for (int part = 0; part < side->part_count; part++) {
    side->mechanism_part[part] = in->cause ? choosers[part] : kept[part];
    side->purview_part[part] = in->cause ? kept[part] : choosers[part];
  }
}

static double integrate_state(search *s, uint32_t mechanism, uint32_t purview, uint32_t local,
                              phi_iit4_side *side) {
  phi_iit4_joint *in = &s->in;
  const uint32_t *spread = s->spread;
  uint32_t state = 0;
  if (in->cause)
    state = spread[local];
  else
    for (uint32_t rest = purview, k = local; rest; rest &= rest - 1, k >>= 1)
      if (k & 1) state |= rest & -rest;
  fill_losses(s, mechanism, purview, state);
  in->selectivity = s->selectivity[local];
  phi_iit4_choice picked = {{0}};
  *side = (phi_iit4_side){.purview = purview, .state = state};
  side->phi = phi_iit4_joint_minimise(in, &picked);
  side->intrinsic_information = s->information[local];
  side->selectivity = s->selectivity[local];
  side->probability = s->forward[local];
  side->partitioned_probability = s->forward[local] * exp2(-phi_iit4_joint_loss(in, &picked));
  side->connection_count = phi_iit4_joint_connections(in, &picked);
  side->partition_tie_count = in->tie_count;
  side->normalized_phi = side->phi / side->connection_count;
  describe_parts(s, &picked, mechanism, purview, side);
  return side->phi;
}

typedef struct {
  int count;
  size_t capacity;
  phi_iit4_side *list;
} sides;

/* Keep a side if none is larger; drop those it exceeds. */
static void keep_side(sides *kept, const phi_iit4_side *side) {
  if (side->phi <= PHI_TIE) return;
  double largest = 0;
  for (int k = 0; k < kept->count; k++) largest = fmax(largest, kept->list[k].phi);
  if (side->phi < largest - PHI_TIE) return;
  int remaining = 0;
  for (int k = 0; k < kept->count; k++)
    if (kept->list[k].phi >= side->phi - PHI_TIE) kept->list[remaining++] = kept->list[k];
  kept->count = remaining;
  kept->list = check_grow(kept->list, &kept->capacity, (size_t)kept->count + 1, sizeof *side);
  kept->list[kept->count++] = *side;
}

static double largest_phi(const sides *kept) {
  double largest = 0;
  for (int k = 0; k < kept->count; k++) largest = fmax(largest, kept->list[k].phi);
  return largest;
}

/* Every state of one purview with the largest intrinsic information. */
static void search_purview(search *s, uint32_t mechanism, uint32_t purview, sides *kept) {
  phi_iit4_joint *in = &s->in;
  const uint32_t choosers = in->cause ? mechanism : purview;
  const uint32_t domain = in->cause ? purview : mechanism;
  in->chooser_count = popcount(choosers);
  in->domain_count = popcount(domain);
  in->whole = (1u << in->domain_count) - 1;
  spread_bits(domain, s->spread);
  if (in->cause)
    cause_repertoire(s, mechanism, purview);
  else
    effect_repertoire(s, mechanism, purview);
  const uint32_t states = 1u << popcount(purview);
  const double largest = largest_information(s, states);
  if (largest <= PHI_TIE) return;
  for (uint32_t k = 0; k < states; k++)
    if (s->information[k] >= largest - PHI_TIE) {
      phi_iit4_side side;
      in->worth = largest_phi(kept);
      integrate_state(s, mechanism, purview, k, &side);
      keep_side(kept, &side);
    }
}

/* Size, then the units in ascending order. */
static int compare_sets(uint32_t a, uint32_t b) {
  if (popcount(a) != popcount(b)) return popcount(a) - popcount(b);
  const uint32_t differing = a ^ b;
  return !differing ? 0 : a & differing & -differing ? -1 : 1;
}

static int compare_sides(const void *a, const void *b) {
  const phi_iit4_side *x = a, *y = b;
  const int sets = compare_sets(x->purview, y->purview);
  return sets ? sets : (x->state > y->state) - (x->state < y->state);
}

static sides search_purviews(search *s, bool cause, uint32_t mechanism) {
  sides kept = {0};
  const uint32_t all = (1u << s->candidate->unit_count) - 1;
  s->in.cause = cause;
  for (uint32_t purview = all; purview; purview--)
    if (phi_sets_joined(s->candidate->inputs, cause ? purview : mechanism,
                        cause ? mechanism : purview))
      search_purview(s, mechanism, purview, &kept);
  if (kept.count) qsort(kept.list, (size_t)kept.count, sizeof *kept.list, compare_sides);
  return kept;
}

/* The larger purview, or as large and with more of the mechanism's units. */
static bool is_preferred(const phi_iit4_side *side, const phi_iit4_side *to, uint32_t mechanism) {
  const int size = popcount(side->purview) - popcount(to->purview);
  return size ? size > 0 : popcount(side->purview & mechanism) > popcount(to->purview & mechanism);
}

/* The preferred purview, then first set, among the congruent ones, else among all. */
static bool choose_side(const sides *kept, uint32_t mechanism, uint32_t system_state,
                        phi_iit4_side *chosen) {
  bool congruent = false;
  *chosen = kept->list[0];
  for (int k = 0; k < kept->count; k++) {
    const phi_iit4_side *side = &kept->list[k];
    const bool fits = side->state == (system_state & side->purview);
    if (congruent && !fits) continue;
    if ((fits && !congruent) || is_preferred(side, chosen, mechanism)) *chosen = *side;
    congruent |= fits;
  }
  return congruent;
}

static void search_mechanism(search *s, uint32_t mechanism, uint32_t cause_state,
                             uint32_t effect_state, phi_iit4_distinction *distinction) {
  sides cause = search_purviews(s, true, mechanism), effect = {0};
  if (cause.count) effect = search_purviews(s, false, mechanism);
  *distinction = (phi_iit4_distinction){.mechanism = mechanism};
  if (!cause.count || !effect.count) {
    free(cause.list);
    free(effect.list);
    return;
  }
  const bool cause_fits = choose_side(&cause, mechanism, cause_state, &distinction->cause);
  const bool effect_fits = choose_side(&effect, mechanism, effect_state, &distinction->effect);
  distinction->congruent = cause_fits && effect_fits;
  distinction->phi = fmin(distinction->cause.phi, distinction->effect.phi);
  distinction->cause_tie_count = cause.count;
  distinction->cause_ties = cause.list;
  distinction->effect_tie_count = effect.count;
  distinction->effect_ties = effect.list;
}

/* Logarithms of all conditional probabilities, shared by the threads. */
typedef struct {
  double *memory;
  const double *cause[PHI_UNIT_LIMIT], *effect[2][PHI_UNIT_LIMIT];
} log_tables;

static log_tables make_logs(const phi_candidate *candidate) {
  const int n = candidate->unit_count;
  const uint32_t *weights = phi_ternary_weights();
  const uint32_t all = (1u << n) - 1;
  const size_t ternary = 2 * (size_t)weights[all] + 1, sets = (size_t)all + 1;
  log_tables logs = {check_allocate((ternary + 2 * sets) * n, sizeof(double)), {0}, {{0}, {0}}};
  double *next = logs.memory;
  for (int unit = 0; unit < n; unit++) {
    logs.cause[unit] = next;
    for (size_t index = 0; index < ternary; index++)
      next[index] = log2(
          phi_probability(candidate->cause[unit], (uint32_t)index, candidate->state >> unit & 1));
    next += ternary;
    for (uint32_t value = 0; value < 2; value++, next += sets) {
      logs.effect[value][unit] = next;
      for (uint32_t set = 0; set <= all; set++)
        next[set] = log2(phi_probability(candidate->effect[unit],
                                         phi_ternary(weights, set, candidate->state), value));
    }
  }
  return logs;
}

static search *make_search(const phi_candidate *candidate, const log_tables *logs) {
  const size_t n = (size_t)candidate->unit_count, states = (size_t)1 << n;
  search *s = check_allocate(1, sizeof *s);
  double *memory = check_allocate(5 * states + 3 * states * n, sizeof *memory);
  s->candidate = candidate;
  s->cause_log = logs->cause;
  s->effect_log[0] = logs->effect[0];
  s->effect_log[1] = logs->effect[1];
  s->selectivity = memory;
  s->forward = memory + states;
  s->mean = memory + 2 * states;
  s->product = memory + 3 * states;
  s->information = memory + 4 * states;
  s->in.loss = memory + 5 * states;
  s->in.weight = s->in.loss + states * n;
  s->in.least = s->in.weight + states * n;
  return s;
}

static void free_search(search *s) {
  free(s->selectivity);
  free(s);
}

static int compare_mechanisms(const void *a, const void *b) {
  return compare_sets(((const phi_iit4_distinction *)a)->mechanism,
                      ((const phi_iit4_distinction *)b)->mechanism);
}

void phi_iit4_distinctions_compute(const phi_candidate *candidate, uint32_t cause_state,
                                   uint32_t effect_state, phi_iit4_distinctions *distinctions) {
  const uint32_t all = (1u << candidate->unit_count) - 1;
  log_tables logs = make_logs(candidate);
  memset(distinctions, 0, sizeof *distinctions);
  distinctions->distinction = check_allocate((size_t)all + 1, sizeof(phi_iit4_distinction));
#pragma omp parallel if (candidate->unit_count > 5)
  {
    search *s = make_search(candidate, &logs);
#pragma omp for schedule(dynamic)
    for (int k = 0; k < (int)all; k++) { /* the large ones first: they take longest */
      const uint32_t mechanism = all - (uint32_t)k;
      phi_progress_at((double)k / all);
      search_mechanism(s, mechanism, cause_state, effect_state,
                       &distinctions->distinction[mechanism]);
    }
    free_search(s);
  }
  for (uint32_t mechanism = 1; mechanism <= all; mechanism++) {
    const phi_iit4_distinction found = distinctions->distinction[mechanism];
    if (found.phi > 0) distinctions->distinction[distinctions->count++] = found;
  }
  qsort(distinctions->distinction, (size_t)distinctions->count, sizeof(phi_iit4_distinction),
        compare_mechanisms);
  for (int k = 0; k < distinctions->count; k++)
    if (distinctions->distinction[k].congruent) {
      distinctions->congruent_count++;
      distinctions->sum_phi += distinctions->distinction[k].phi;
    }
  free(logs.memory);
}

void phi_iit4_distinctions_free(phi_iit4_distinctions *distinctions) {
  for (int k = 0; k < distinctions->count; k++) {
    free(distinctions->distinction[k].cause_ties);
    free(distinctions->distinction[k].effect_ties);
  }
  free(distinctions->distinction);
  memset(distinctions, 0, sizeof *distinctions);
}
