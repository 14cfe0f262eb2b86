#include "phi_iit4_partition.h"
#include "phi_progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CAUSE, EFFECT };

/* Probability of the current state given a past one, each unit knowing only `kept` inputs. */
static double cause_probability(const phi_candidate *candidate, int unit, uint32_t kept,
                                uint32_t past) {
  const uint32_t index = phi_ternary(phi_ternary_weights(), kept & candidate->inputs[unit], past);
  return phi_probability(candidate->cause[unit], index, candidate->state >> unit & 1);
}

static double effect_probability(const phi_candidate *candidate, int unit, uint32_t kept,
                                 uint32_t past, uint32_t next) {
  const uint32_t index = phi_ternary(phi_ternary_weights(), kept & candidate->inputs[unit], past);
  return phi_probability(candidate->effect[unit], index, next >> unit & 1);
}

/* p(current state | past) for every past; and p(next | current), mean over past of p(next | past)
 * for every next. */
typedef struct {
  double *forward_cause, *forward_effect, *mean_effect;
  double sum_cause;
} system_probabilities;

static void multiply_out(const phi_candidate *candidate, uint32_t past, double *product) {
  const uint32_t all = (1u << candidate->unit_count) - 1;
  product[0] = 1;
  for (int unit = 0; unit < candidate->unit_count; unit++) {
    const double on = effect_probability(candidate, unit, all, past, all);
    for (uint32_t low = 0; low < 1u << unit; low++) {
      product[low | 1u << unit] = product[low] * on;
      product[low] *= 1 - on;
    }
  }
}

static system_probabilities system_probability(const phi_candidate *candidate) {
  const uint32_t all = (1u << candidate->unit_count) - 1;
  const size_t states = (size_t)all + 1;
  double *memory = check_allocate(4 * states, sizeof *memory), *product = memory + 3 * states;
  system_probabilities p = {memory, memory + states, memory + 2 * states, 0};
  for (uint32_t past = 0; past <= all; past++) {
    p.forward_cause[past] = 1;
    for (int unit = 0; unit < candidate->unit_count; unit++)
      p.forward_cause[past] *= cause_probability(candidate, unit, all, past);
    p.sum_cause += p.forward_cause[past];
    multiply_out(candidate, past, product);
    for (uint32_t next = 0; next <= all; next++) p.mean_effect[next] += product[next] / states;
  }
  multiply_out(candidate, candidate->state, p.forward_effect);
  return p;
}

static double intrinsic_information(double selectivity, double probability, double mean) {
  return probability > 0 && mean > 0 ? selectivity * log2(probability / mean) : 0;
}

/* The states of the largest information; the number of them, and their information. */
static int largest_states(const double *information, uint32_t count, uint32_t *states,
                          double *largest) {
  *largest = -INFINITY;
  for (uint32_t state = 0; state < count; state++) *largest = fmax(*largest, information[state]);
  int tied = 0;
  for (uint32_t state = 0; state < count; state++)
    if (information[state] >= *largest - PHI_TIE) states[tied++] = state;
  return tied;
}

static double differentiation(double probability) {
  return probability > 0 ? fmax(0, -log2(probability)) : 0;
}

static void specify_states(const phi_candidate *candidate, const system_probabilities *p,
                           phi_iit4_system *system) {
  const uint32_t states = 1u << candidate->unit_count;
  double *information = check_allocate(states, sizeof *information);
  system->cause_ties = check_allocate(states, sizeof *system->cause_ties);
  system->effect_ties = check_allocate(states, sizeof *system->effect_ties);
  for (uint32_t past = 0; past < states; past++)
    information[past] =
        intrinsic_information(p->sum_cause > 0 ? p->forward_cause[past] / p->sum_cause : 0,
                              p->forward_cause[past], p->sum_cause / states);
  system->cause_tie_count =
      largest_states(information, states, system->cause_ties, &system->intrinsic_cause);
  for (uint32_t next = 0; next < states; next++)
    information[next] = intrinsic_information(p->forward_effect[next], p->forward_effect[next],
                                              p->mean_effect[next]);
  system->effect_tie_count =
      largest_states(information, states, system->effect_ties, &system->intrinsic_effect);
  free(information);
  system->cause_state = system->cause_ties[0];
  system->effect_state = system->effect_ties[0];
  system->differentiation_cause = differentiation(p->forward_cause[candidate->state]);
  system->differentiation_effect = differentiation(p->forward_effect[candidate->state]);
}

static void fill_integration(const phi_candidate *candidate, const system_probabilities *p,
                             int direction, uint32_t state, phi_iit4_integration *in) {
  for (int unit = 0; unit < in->unit_count; unit++) {
    double whole = 0;
    for (uint32_t kept = in->all + 1; kept-- > 0;) {
      const double probability =
          direction == CAUSE ? cause_probability(candidate, unit, kept, state)
                             : effect_probability(candidate, unit, kept, candidate->state, state);
      if (kept == in->all) whole = log2(probability);
      in->loss[unit][kept] = whole - log2(probability);
    }
  }
  in->selectivity =
      direction == CAUSE ? p->forward_cause[state] / p->sum_cause : p->forward_effect[state];
}

/* What one specified state of one direction leaves of its partitions. */
typedef struct {
  double fraction; /* smallest phi / connections, 0 where a partition makes no difference */
  double phi;      /* of the partition with that fraction that cuts most */
} minimum;

static minimum *state_minima(const phi_candidate *candidate, const system_probabilities *p,
                             int direction, int count, const uint32_t *states) {
  phi_iit4_integration in = phi_iit4_integration_make(candidate->unit_count);
  phi_iit4_program *run = phi_iit4_program_create(candidate->unit_count);
  phi_iit4_system_partition theta;
  minimum *result = check_allocate((size_t)count, sizeof *result);
  for (int k = 0; k < count; k++) {
    phi_progress_enter((double)k / count, (k + 1.) / count);
    fill_integration(candidate, p, direction, states[k], &in);
    const double fraction = phi_iit4_smallest_fraction(&in, run, &theta);
    phi_progress_leave();
    result[k] = (minimum){in.selectivity * fraction,
                          fraction > 0 ? phi_iit4_integration_of(&in, &theta) : 0};
  }
  phi_iit4_program_free(run);
  phi_iit4_integration_free(&in);
  return result;
}

/* -1, 0, 1: cut matrices read row by row (row: from, column: to). */
static int compare_cut_matrices(const phi_iit4_system_partition *a,
                                const phi_iit4_system_partition *b, int unit_count) {
  for (int from = 0; from < unit_count; from++)
    for (int to = 0; to < unit_count; to++) {
      const int left = a->removed_into[to] >> from & 1, right = b->removed_into[to] >> from & 1;
      if (left != right) return left - right;
    }
  return 0;
}

/* The larger phi, then the smallest cut matrix. */
static int choose_partition(const phi_iit4_integration *in, int count,
                            phi_iit4_system_partition *list) {
  int best = 0;
  for (int k = 0; k < count; k++) {
    phi_iit4_system_partition *theta = &list[k];
    theta->phi_cause = phi_iit4_integration_of(&in[CAUSE], theta);
    theta->phi_effect = phi_iit4_integration_of(&in[EFFECT], theta);
    const double more = fmin(theta->phi_cause, theta->phi_effect) -
                        fmin(list[best].phi_cause, list[best].phi_effect);
    if (more > PHI_TIE ||
        (more > -PHI_TIE && compare_cut_matrices(theta, &list[best], in->unit_count) < 0))
      best = k;
  }
  return best;
}

/* The minimum partition of the specified states, and its ties. */
static void minimum_partition(const phi_candidate *candidate, const system_probabilities *p,
                              double cause_fraction, double effect_fraction,
                              phi_iit4_system *system) {
  const int n = candidate->unit_count;
  const double smallest = fmin(cause_fraction, effect_fraction);
  phi_iit4_integration in[2] = {phi_iit4_integration_make(n), phi_iit4_integration_make(n)};
  phi_iit4_program *run = phi_iit4_program_create(n);
  int count = 0;
  phi_iit4_system_partition *list = check_allocate(2 * PHI_IIT4_TIED_PARTITIONS, sizeof *list);
  fill_integration(candidate, p, CAUSE, system->cause_state, &in[CAUSE]);
  fill_integration(candidate, p, EFFECT, system->effect_state, &in[EFFECT]);
  for (int direction = CAUSE; direction <= EFFECT; direction++) {
    const double fraction = direction == CAUSE ? cause_fraction : effect_fraction;
    const int capacity = (direction + 1) * PHI_IIT4_TIED_PARTITIONS; /* as many of the effects */
    phi_progress_enter(0.5 * direction, 0.5 * (direction + 1));
    if (fraction <= smallest + PHI_TIE)
      phi_iit4_list_minima(&in[direction], run, smallest <= 0, capacity, &count, list);
    phi_progress_leave();
  }
  system->partition = list[choose_partition(in, count, list)];
  system->partition_tie_count = count;
  system->partition_ties = list;
  system->phi = smallest > 0 ? fmin(system->partition.phi_cause, system->partition.phi_effect) : 0;
  system->normalized_phi = system->phi / system->partition.connection_count;
  phi_iit4_program_free(run);
  phi_iit4_integration_free(&in[CAUSE]);
  phi_iit4_integration_free(&in[EFFECT]);
}

/* phi_s of a pair: of the direction with the smaller fraction; where both tie the larger. */
static double pair_phi(const minimum *cause, const minimum *effect) {
  if (fabs(cause->fraction - effect->fraction) <= PHI_TIE) return fmax(cause->phi, effect->phi);
  return cause->fraction < effect->fraction ? cause->phi : effect->phi;
}

/* Among the pairs of tied specified states the one with the largest phi_s. */
static void choose_states(const phi_candidate *candidate, const system_probabilities *p,
                          phi_iit4_system *system) {
  const double states = system->cause_tie_count + system->effect_tie_count;
  const double causes = system->cause_tie_count / (states + 2); /* the chosen pair once more */
  phi_progress_enter(0, causes);
  minimum *cause = state_minima(candidate, p, CAUSE, system->cause_tie_count, system->cause_ties);
  phi_progress_leave();
  phi_progress_enter(causes, states / (states + 2));
  minimum *effect =
      state_minima(candidate, p, EFFECT, system->effect_tie_count, system->effect_ties);
  phi_progress_leave();
  int best_cause = 0, best_effect = 0;
  for (int c = 0; c < system->cause_tie_count; c++)
    for (int e = 0; e < system->effect_tie_count; e++)
      if (pair_phi(&cause[c], &effect[e]) >
          pair_phi(&cause[best_cause], &effect[best_effect]) + PHI_TIE)
        best_cause = c, best_effect = e;
  system->cause_state = system->cause_ties[best_cause];
  system->effect_state = system->effect_ties[best_effect];
  phi_progress_enter(states / (states + 2), 1);
  minimum_partition(candidate, p, cause[best_cause].fraction, effect[best_effect].fraction, system);
  phi_progress_leave();
  free(cause);
  free(effect);
}

void phi_iit4_system_compute(const phi_candidate *candidate, phi_iit4_system *system) {
  memset(system, 0, sizeof *system);
  system_probabilities p = system_probability(candidate);
  specify_states(candidate, &p, system);
  if (!phi_candidate_strongly_connected(candidate))
    system->reason = PHI_IIT4_NOT_CONNECTED;
  else if (candidate->unit_count == 1 && !candidate->inputs[0])
    system->reason = PHI_IIT4_NO_SELF_LOOP;
  else if (system->intrinsic_cause <= PHI_TIE || system->intrinsic_effect <= PHI_TIE)
    system->reason = PHI_IIT4_NO_CAUSE_EFFECT;
  else {
    choose_states(candidate, &p, system);
    system->reason = system->phi > PHI_TIE ? PHI_IIT4_IRREDUCIBLE : PHI_IIT4_REDUCIBLE;
    system->phi_capped =
        fmin(fmin(system->phi, fmin(system->intrinsic_cause, system->intrinsic_effect)),
             fmin(system->differentiation_cause, system->differentiation_effect));
  }
  free(p.forward_cause);
}

double phi_iit4_system_predict(const phi_candidate *candidate) {
  phi_iit4_system system = {0};
  system_probabilities p = system_probability(candidate);
  specify_states(candidate, &p, &system);
  const bool searched = phi_candidate_strongly_connected(candidate) &&
                        system.intrinsic_cause > PHI_TIE && system.intrinsic_effect > PHI_TIE;
  const double states = searched ? system.cause_tie_count + system.effect_tie_count : 2;
  phi_iit4_system_free(&system);
  free(p.forward_cause);
  return phi_iit4_system_seconds(candidate->unit_count) * (states + 2) / 4; /* one pair once more */
}

void phi_iit4_system_free(phi_iit4_system *system) {
  free(system->cause_ties);
  free(system->effect_ties);
  free(system->partition_ties);
  memset(system, 0, sizeof *system);
}

/* ---- the slow way ---- */

typedef struct {
  size_t count, capacity;
  uint64_t *cuts;
} cut_set;

static void collect_cut(void *context, const phi_iit4_system_partition *theta) {
  cut_set *set = context;
  set->cuts = check_grow(set->cuts, &set->capacity, set->count + 1, sizeof *set->cuts);
  uint64_t cut = 0;
  for (int unit = 0; unit < 7; unit++) cut = cut << 7 | theta->removed_into[unit];
  set->cuts[set->count++] = cut;
}

static int compare_cuts(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

long phi_iit4_count_system_partitions(int unit_count) {
  if (unit_count == 1) return 1;
  cut_set set = {0};
  phi_iit4_visit_partitions(unit_count, collect_cut, &set);
  qsort(set.cuts, set.count, sizeof *set.cuts, compare_cuts);
  long distinct = 0;
  for (size_t k = 0; k < set.count; k++) distinct += !k || set.cuts[k] != set.cuts[k - 1];
  free(set.cuts);
  return distinct;
}

typedef struct {
  const phi_iit4_integration *in;
  double smallest;
} smallest_visit;

static void keep_smallest(void *context, const phi_iit4_system_partition *theta) {
  smallest_visit *visit = context;
  for (int direction = CAUSE; direction <= EFFECT; direction++)
    visit->smallest =
        fmin(visit->smallest, fmax(0, phi_iit4_integration_of(&visit->in[direction], theta)) /
                                  theta->connection_count);
}

double phi_iit4_smallest_by_listing(const phi_candidate *candidate, uint32_t cause_state,
                                    uint32_t effect_state) {
  const int n = candidate->unit_count;
  system_probabilities p = system_probability(candidate);
  phi_iit4_integration in[2] = {phi_iit4_integration_make(n), phi_iit4_integration_make(n)};
  fill_integration(candidate, &p, CAUSE, cause_state, &in[CAUSE]);
  fill_integration(candidate, &p, EFFECT, effect_state, &in[EFFECT]);
  smallest_visit visit = {in, INFINITY};
  phi_iit4_visit_partitions(n, keep_smallest, &visit);
  phi_iit4_integration_free(&in[CAUSE]);
  phi_iit4_integration_free(&in[EFFECT]);
  free(p.forward_cause);
  return visit.smallest;
}
