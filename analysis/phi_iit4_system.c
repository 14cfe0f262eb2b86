#include "phi_iit4.h"
#include "phi_progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* System phi_s.
 *
 * A directed set partition leaves unit j of part P with the inputs P, or, where P loses only its
 * outputs, with P and the set U of all units whose part loses only its inputs (every other part
 * keeps its outputs to itself). So integration is a sum over parts,
 *   phi(theta) / selectivity = sum_P a(P | U),   connections cut = sum_P c(P | U),
 * with a(K, j) = log2 p_j(all inputs) - log2 p_j(K). For a given U the parts within U and those
 * outside are independent, and min over theta of phi - lambda x connections is found by dynamic
 * programming over subsets; sum over U of 3^(n - |U|) = 4^n steps. The smallest fraction
 * phi / connections is where that minimum is zero (Dinkelbach).                               */

enum { CAUSE, EFFECT };
static const double SEARCH_SHARE =
    0.75; /* of the time of one specified state; then come its ties */

typedef struct {
  int unit_count;
  uint32_t all;
  double *loss[PHI_UNIT_LIMIT]; /* [2^n] a(K, j) */
  double selectivity;
} integration;

typedef struct {
  double lambda;
  double *inner;      /* [2^n] one part losing its inputs, or both: a - lambda c */
  double *best_inner; /* [2^n] best partition of a set into such parts */
  double *outer;      /* [2^n] one part outside U, best of both kinds, for the present U */
  double *best_outer; /* [2^n] */
} program;

static int popcount(uint32_t set) { return __builtin_popcount(set); }

/* Inputs that unit j of this part keeps. */
static uint32_t kept_inputs(uint32_t part, phi_iit4_cut cut, uint32_t inputs_losers) {
  return cut == PHI_CUT_OUTPUTS ? part | inputs_losers : part;
}

static double part_loss(const integration *in, uint32_t part, uint32_t kept) {
  double sum = 0;
  for (uint32_t rest = part; rest; rest &= rest - 1) sum += in->loss[__builtin_ctz(rest)][kept];
  return sum;
}

static double part_value(const integration *in, double lambda, uint32_t part, uint32_t kept) {
  return part_loss(in, part, kept) - lambda * popcount(part) * (in->unit_count - popcount(kept));
}

/* best[S] = smallest sum of value over the parts of a partition of S, for all S within `domain`;
 * the whole candidate as one part is no partition. */
static void best_partitions(const double *value, uint32_t domain, uint32_t all, double *best) {
  best[0] = 0;
  for (uint32_t set = (0 - domain) & domain; set; set = (set - domain) & domain) {
    const uint32_t low = set & -set, others = set ^ low;
    double smallest = set == all ? INFINITY : value[set];
    for (uint32_t rest = others; rest; rest = (rest - 1) & others) /* rest: the other parts */
      smallest = fmin(smallest, value[set ^ rest] + best[rest]);
    best[set] = smallest;
  }
}

static void prepare(const integration *in, program *run, double lambda) {
  run->lambda = lambda;
  for (uint32_t part = 1; part <= in->all; part++)
    run->inner[part] = part_value(in, lambda, part, part);
  best_partitions(run->inner, in->all, in->all, run->best_inner);
}

/* For parts outside U. */
static void prepare_outer(const integration *in, program *run, uint32_t losers) {
  const uint32_t outside = in->all & ~losers;
  for (uint32_t part = outside; part; part = (part - 1) & outside)
    run->outer[part] = fmin(run->inner[part], part_value(in, run->lambda, part, part | losers));
  best_partitions(run->outer, outside, in->all, run->best_outer);
}

static void add_part(phi_iit4_system_partition *theta, uint32_t part, phi_iit4_cut cut) {
  theta->part[theta->part_count] = part;
  theta->cut[theta->part_count++] = cut;
}

/* One best partition of `set` (traced back through the program). */
static void trace(const double *value, const double *best, uint32_t set, uint32_t all,
                  phi_iit4_system_partition *theta) {
  while (set) {
    const uint32_t low = set & -set, others = set ^ low;
    uint32_t chosen = 0;
    double smallest = INFINITY;
    for (uint32_t rest = others;; rest = (rest - 1) & others) {
      const double sum = value[set ^ rest] + best[rest];
      if (sum < smallest && (set ^ rest) != all) smallest = sum, chosen = set ^ rest;
      if (!rest) break;
    }
    add_part(theta, chosen, PHI_CUT_BOTH);
    set ^= chosen;
  }
}

static uint32_t inputs_losers(const phi_iit4_system_partition *theta) {
  uint32_t losers = 0;
  for (int k = 0; k < theta->part_count; k++)
    if (theta->cut[k] == PHI_CUT_INPUTS) losers |= theta->part[k];
  return losers;
}

/* The set of edges cut, from parts and directions. */
static void close_partition(phi_iit4_system_partition *theta, uint32_t all) {
  const uint32_t losers = inputs_losers(theta);
  theta->connection_count = 0;
  memset(theta->removed_into, 0, sizeof theta->removed_into);
  for (int k = 0; k < theta->part_count; k++) {
    const uint32_t kept = kept_inputs(theta->part[k], theta->cut[k], losers);
    for (uint32_t rest = theta->part[k]; rest; rest &= rest - 1)
      theta->removed_into[__builtin_ctz(rest)] = all & ~kept;
    theta->connection_count += popcount(theta->part[k]) * popcount(all & ~kept);
  }
}

static double integration_of(const integration *in, const phi_iit4_system_partition *theta) {
  double sum = 0;
  for (int unit = 0; unit < in->unit_count; unit++)
    sum += in->loss[unit][in->all & ~theta->removed_into[unit]];
  return in->selectivity * sum;
}

/* The best partition at run->lambda; its value is returned. */
static double best_partition(const integration *in, program *run,
                             phi_iit4_system_partition *theta) {
  double smallest = INFINITY, done = 0; /* steps, of 4^n */
  uint32_t losers = 0;
  for (uint32_t set = 0; set <= in->all; set++) {
    prepare_outer(in, run, set);
    done += pow(3, in->unit_count - popcount(set));
    phi_progress_at(ldexp(done, -2 * in->unit_count));
    const double value = run->best_inner[set] + run->best_outer[in->all & ~set];
    if (value < smallest) smallest = value, losers = set;
  }
  memset(theta, 0, sizeof *theta);
  trace(run->inner, run->best_inner, losers, in->all, theta);
  for (int k = 0; k < theta->part_count; k++) theta->cut[k] = PHI_CUT_INPUTS;
  const int inside = theta->part_count;
  prepare_outer(in, run, losers);
  trace(run->outer, run->best_outer, in->all & ~losers, in->all, theta);
  for (int k = inside; k < theta->part_count; k++) {
    const uint32_t part = theta->part[k];
    if (part_value(in, run->lambda, part, part | losers) < run->inner[part])
      theta->cut[k] = PHI_CUT_OUTPUTS;
  }
  close_partition(theta, in->all);
  return smallest;
}

/* Tied partitions, each set of cut edges once. */
typedef struct {
  const integration *in;
  program *run;
  double slack;
  int count, capacity;
  phi_iit4_system_partition *list;
  bool full;
} tie_search;

static void keep_tie(tie_search *search, const phi_iit4_system_partition *theta) {
  phi_iit4_system_partition closed = *theta;
  close_partition(&closed, search->in->all);
  for (int k = 0; k < search->count; k++)
    if (!memcmp(search->list[k].removed_into, closed.removed_into, sizeof closed.removed_into))
      return;
  if (search->count == search->capacity) {
    search->full = true;
    return;
  }
  search->list[search->count++] = closed;
}

static void search_outer(tie_search *search, phi_iit4_system_partition *theta, uint32_t losers,
                         uint32_t set, double value) {
  if (search->full) return;
  if (!set) {
    keep_tie(search, theta);
    return;
  }
  const program *run = search->run;
  const uint32_t low = set & -set, others = set ^ low;
  for (uint32_t rest = others;; rest = (rest - 1) & others) {
    const uint32_t part = set ^ rest;
    const double both = run->inner[part];
    const double outputs = part_value(search->in, run->lambda, part, part | losers);
    const int before = theta->part_count;
    if (part != search->in->all && value + both + run->best_outer[rest] <= search->slack) {
      add_part(theta, part, PHI_CUT_BOTH);
      search_outer(search, theta, losers, rest, value + both);
      theta->part_count = before;
    }
    if (part != search->in->all && losers &&
        value + outputs + run->best_outer[rest] <= search->slack) {
      add_part(theta, part, PHI_CUT_OUTPUTS);
      search_outer(search, theta, losers, rest, value + outputs);
      theta->part_count = before;
    }
    if (!rest) break;
  }
}

static void search_inner(tie_search *search, phi_iit4_system_partition *theta, uint32_t losers,
                         uint32_t set, double value) {
  if (search->full) return;
  const program *run = search->run;
  const uint32_t outside = search->in->all & ~losers;
  if (!set) {
    search_outer(search, theta, losers, outside, value);
    return;
  }
  const uint32_t low = set & -set, others = set ^ low;
  for (uint32_t rest = others;; rest = (rest - 1) & others) {
    const uint32_t part = set ^ rest;
    const double sum = value + run->inner[part];
    if (part != search->in->all &&
        sum + run->best_inner[rest] + run->best_outer[outside] <= search->slack) {
      add_part(theta, part, PHI_CUT_INPUTS);
      search_inner(search, theta, losers, rest, sum);
      theta->part_count--;
    }
    if (!rest) break;
  }
}

/* All partitions of fraction run->lambda, which is the smallest. */
static void search_ties(tie_search *search) {
  const integration *in = search->in;
  phi_iit4_system_partition theta = {0};
  for (uint32_t losers = 0; losers <= in->all && !search->full; losers++) {
    prepare_outer(in, search->run, losers);
    if (search->run->best_inner[losers] + search->run->best_outer[in->all & ~losers] <=
        search->slack)
      search_inner(search, &theta, losers, losers, 0);
  }
}

static program make_program(uint32_t all) {
  double *memory = check_allocate(4 * ((size_t)all + 1), sizeof *memory);
  const size_t size = (size_t)all + 1;
  return (program){.inner = memory,
                   .best_inner = memory + size,
                   .outer = memory + 2 * size,
                   .best_outer = memory + 3 * size};
}

/* The smallest phi / connections of one direction, and a partition of it. Stops at a fraction
 * that is not above zero. */
static double smallest_fraction(const integration *in, program *run,
                                phi_iit4_system_partition *theta) {
  memset(theta, 0, sizeof *theta);
  for (int unit = 0; unit < in->unit_count; unit++) add_part(theta, 1u << unit, PHI_CUT_BOTH);
  close_partition(theta, in->all);
  double fraction = INFINITY, left = SEARCH_SHARE; /* by guess: each round does half of it */
  for (;; left /= 2) {
    const double less = integration_of(in, theta) / in->selectivity / theta->connection_count;
    if (less >= fraction) return fraction; /* rounding: nothing is gained any more */
    fraction = less;
    if (in->selectivity * fraction * theta->connection_count <= PHI_TIE) return 0;
    phi_iit4_system_partition better;
    prepare(in, run, fraction);
    phi_progress_enter(SEARCH_SHARE - left, SEARCH_SHARE - left / 2);
    const double value = best_partition(in, run, &better);
    phi_progress_leave();
    if (value >= -1e-13 * theta->connection_count) return fraction;
    *theta = better;
  }
}

/* One unit: its only partition cuts the edge to itself. */
static double self_loop_fraction(const integration *in, phi_iit4_system_partition *theta) {
  *theta = (phi_iit4_system_partition){.part_count = 1,
                                       .part = {1},
                                       .cut = {PHI_CUT_BOTH},
                                       .removed_into = {1},
                                       .connection_count = 1};
  return in->selectivity * in->loss[0][0] > PHI_TIE ? in->loss[0][0] : 0;
}

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

static integration make_integration(int unit_count) {
  integration in = {.unit_count = unit_count, .all = (1u << unit_count) - 1};
  double *memory = check_allocate((size_t)unit_count << unit_count, sizeof *memory);
  for (int unit = 0; unit < unit_count; unit++)
    in.loss[unit] = memory + ((size_t)unit << unit_count);
  return in;
}

static void fill_integration(const phi_candidate *candidate, const system_probabilities *p,
                             int direction, uint32_t state, integration *in) {
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

/* Of the partitions with the smallest fraction one that cuts most. */
static phi_iit4_system_partition largest_of_ties(const integration *in, program *run,
                                                 double fraction) {
  phi_iit4_system_partition theta;
  prepare(in, run, fraction + PHI_TIE / 100); /* a touch in favour of more connections */
  phi_progress_enter(SEARCH_SHARE, 1);
  best_partition(in, run, &theta);
  phi_progress_leave();
  return theta;
}

static minimum *state_minima(const phi_candidate *candidate, const system_probabilities *p,
                             int direction, int count, const uint32_t *states) {
  integration in = make_integration(candidate->unit_count);
  program run = make_program(in.all);
  phi_iit4_system_partition theta;
  minimum *result = check_allocate((size_t)count, sizeof *result);
  for (int k = 0; k < count; k++) {
    phi_progress_enter((double)k / count, (k + 1.) / count);
    fill_integration(candidate, p, direction, states[k], &in);
    const double fraction =
        in.unit_count == 1 ? self_loop_fraction(&in, &theta) : smallest_fraction(&in, &run, &theta);
    if (fraction > 0 && in.unit_count > 1) theta = largest_of_ties(&in, &run, fraction);
    phi_progress_leave();
    result[k] =
        (minimum){in.selectivity * fraction, fraction > 0 ? integration_of(&in, &theta) : 0};
  }
  free(run.inner);
  free(in.loss[0]);
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

/* The partitions of one direction with the smallest fraction. */
static void list_minima(const integration *in, program *run, bool reducible, tie_search *search) {
  phi_iit4_system_partition theta;
  search->in = in;
  if (in->unit_count == 1) {
    self_loop_fraction(in, &theta);
    if (!search->count) search->list[search->count++] = theta;
    return;
  }
  const double fraction = smallest_fraction(in, run, &theta);
  if (reducible) { /* any partition that makes no difference will do */
    if (integration_of(in, &theta) <= PHI_TIE) keep_tie(search, &theta);
    return;
  }
  theta = largest_of_ties(in, run, fraction);
  keep_tie(search, &theta);
  prepare(in, run, fraction);
  search_ties(search);
}

/* The larger phi, then the smallest cut matrix. */
static int choose_partition(const integration *in, int count, phi_iit4_system_partition *list) {
  int best = 0;
  for (int k = 0; k < count; k++) {
    phi_iit4_system_partition *theta = &list[k];
    theta->phi_cause = integration_of(&in[CAUSE], theta);
    theta->phi_effect = integration_of(&in[EFFECT], theta);
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
  integration in[2] = {make_integration(n), make_integration(n)};
  program run = make_program(in[0].all);
  tie_search search = {.run = &run, .slack = n * n * PHI_TIE};
  search.capacity = 2 * PHI_IIT4_TIED_PARTITIONS;
  search.list = check_allocate((size_t)search.capacity, sizeof *search.list);
  fill_integration(candidate, p, CAUSE, system->cause_state, &in[CAUSE]);
  fill_integration(candidate, p, EFFECT, system->effect_state, &in[EFFECT]);
  for (int direction = CAUSE; direction <= EFFECT; direction++) {
    const double fraction = direction == CAUSE ? cause_fraction : effect_fraction;
    search.capacity = (direction + 1) * PHI_IIT4_TIED_PARTITIONS; /* as many of the effects */
    search.full = false;
    phi_progress_enter(0.5 * direction, 0.5 * (direction + 1));
    if (fraction <= smallest + PHI_TIE) list_minima(&in[direction], &run, smallest <= 0, &search);
    phi_progress_leave();
  }
  system->partition = search.list[choose_partition(in, search.count, search.list)];
  system->partition_tie_count = search.count;
  system->partition_ties = search.list;
  system->phi = smallest > 0 ? fmin(system->partition.phi_cause, system->partition.phi_effect) : 0;
  system->normalized_phi = system->phi / system->partition.connection_count;
  free(run.inner);
  free(in[0].loss[0]);
  free(in[1].loss[0]);
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

/* The slow way: every partition listed. */

typedef struct {
  int unit_count;
  uint32_t all;
  phi_iit4_system_partition theta;
  void (*visit)(void *context, const phi_iit4_system_partition *theta);
  void *context;
} listing;

static void list_directions(listing *list, int part) {
  if (part == list->theta.part_count) {
    close_partition(&list->theta, list->all);
    list->visit(list->context, &list->theta);
    return;
  }
  for (int cut = PHI_CUT_INPUTS; cut <= PHI_CUT_BOTH; cut++) {
    list->theta.cut[part] = (phi_iit4_cut)cut;
    list_directions(list, part + 1);
  }
}

static void list_parts(listing *list, int unit) {
  phi_iit4_system_partition *theta = &list->theta;
  if (unit == list->unit_count) {
    if (theta->part_count > 1) list_directions(list, 0);
    return;
  }
  for (int k = 0; k < theta->part_count; k++) {
    theta->part[k] |= 1u << unit;
    list_parts(list, unit + 1);
    theta->part[k] ^= 1u << unit;
  }
  theta->part[theta->part_count++] = 1u << unit;
  list_parts(list, unit + 1);
  theta->part[--theta->part_count] = 0;
}

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
  listing list = {.unit_count = unit_count, .all = (1u << unit_count) - 1};
  list.visit = collect_cut;
  list.context = &set;
  list_parts(&list, 0);
  qsort(set.cuts, set.count, sizeof *set.cuts, compare_cuts);
  long distinct = 0;
  for (size_t k = 0; k < set.count; k++) distinct += !k || set.cuts[k] != set.cuts[k - 1];
  free(set.cuts);
  return distinct;
}

typedef struct {
  const integration *in;
  double smallest;
} smallest_visit;

static void keep_smallest(void *context, const phi_iit4_system_partition *theta) {
  smallest_visit *visit = context;
  for (int direction = CAUSE; direction <= EFFECT; direction++)
    visit->smallest = fmin(visit->smallest, fmax(0, integration_of(&visit->in[direction], theta)) /
                                                theta->connection_count);
}

double phi_iit4_smallest_by_listing(const phi_candidate *candidate, uint32_t cause_state,
                                    uint32_t effect_state) {
  const int n = candidate->unit_count;
  system_probabilities p = system_probability(candidate);
  integration in[2] = {make_integration(n), make_integration(n)};
  fill_integration(candidate, &p, CAUSE, cause_state, &in[CAUSE]);
  fill_integration(candidate, &p, EFFECT, effect_state, &in[EFFECT]);
  smallest_visit visit = {in, INFINITY};
  listing list = {.unit_count = n, .all = (1u << n) - 1, .visit = keep_smallest};
  list.context = &visit;
  list_parts(&list, 0);
  free(in[0].loss[0]);
  free(in[1].loss[0]);
  free(p.forward_cause);
  return visit.smallest;
}
