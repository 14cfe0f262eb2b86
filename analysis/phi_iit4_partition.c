#include "phi_iit4_partition.h"
#include "phi_progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A directed set partition leaves unit j of part P with the inputs P, or, where P loses only its
 * outputs, with P and the set U of all units whose part loses only its inputs (every other part
 * keeps its outputs to itself). So integration is a sum over parts,
 *   phi(theta) / selectivity = sum_P a(P | U),   connections cut = sum_P c(P | U),
 * with a(K, j) = log2 p_j(all inputs) - log2 p_j(K). For a given U the parts within U and those
 * outside are independent, and min over theta of phi - lambda x connections is found by dynamic
 * programming over subsets; sum over U of 3^(n - |U|) = 4^n steps. The smallest fraction
 * phi / connections is where that minimum is zero (Dinkelbach).                               */

/* Of the time of one search; then come its ties. */
static const double SEARCH_SHARE = 0.75;

struct phi_iit4_program {
  double lambda;
  double *inner;      /* [2^n] one part losing its inputs, or both: a - lambda c */
  double *best_inner; /* [2^n] best partition of a set into such parts */
  double *outer;      /* [2^n] one part outside U, best of both kinds, for the present U */
  double *best_outer; /* [2^n] */
};

static int popcount(uint32_t set) { return __builtin_popcount(set); }

/* Inputs that unit j of this part keeps. */
static uint32_t kept_inputs(uint32_t part, phi_iit4_cut cut, uint32_t inputs_losers) {
  return cut == PHI_CUT_OUTPUTS ? part | inputs_losers : part;
}

static double part_loss(const phi_iit4_integration *in, uint32_t part, uint32_t kept) {
  double sum = 0;
  for (uint32_t rest = part; rest; rest &= rest - 1) sum += in->loss[__builtin_ctz(rest)][kept];
  return sum;
}

static double part_value(const phi_iit4_integration *in, double lambda, uint32_t part,
                         uint32_t kept) {
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

static void prepare(const phi_iit4_integration *in, phi_iit4_program *run, double lambda) {
  run->lambda = lambda;
  for (uint32_t part = 1; part <= in->all; part++)
    run->inner[part] = part_value(in, lambda, part, part);
  best_partitions(run->inner, in->all, in->all, run->best_inner);
}

/* For parts outside U. */
static void prepare_outer(const phi_iit4_integration *in, phi_iit4_program *run, uint32_t losers) {
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

double phi_iit4_integration_of(const phi_iit4_integration *in,
                               const phi_iit4_system_partition *theta) {
  double sum = 0;
  for (int unit = 0; unit < in->unit_count; unit++)
    sum += in->loss[unit][in->all & ~theta->removed_into[unit]];
  return in->selectivity * sum;
}

/* The best partition at run->lambda; its value is returned. */
static double best_partition(const phi_iit4_integration *in, phi_iit4_program *run,
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
  const phi_iit4_integration *in;
  phi_iit4_program *run;
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
  const phi_iit4_program *run = search->run;
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
  const phi_iit4_program *run = search->run;
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
  const phi_iit4_integration *in = search->in;
  phi_iit4_system_partition theta = {0};
  for (uint32_t losers = 0; losers <= in->all && !search->full; losers++) {
    prepare_outer(in, search->run, losers);
    if (search->run->best_inner[losers] + search->run->best_outer[in->all & ~losers] <=
        search->slack)
      search_inner(search, &theta, losers, losers, 0);
  }
}

phi_iit4_program *phi_iit4_program_create(int unit_count) {
  const size_t size = (size_t)1 << unit_count;
  phi_iit4_program *run = check_allocate(1, sizeof *run);
  double *memory = check_allocate(4 * size, sizeof *memory);
  *run = (phi_iit4_program){.inner = memory,
                            .best_inner = memory + size,
                            .outer = memory + 2 * size,
                            .best_outer = memory + 3 * size};
  return run;
}

void phi_iit4_program_free(phi_iit4_program *run) {
  free(run->inner);
  free(run);
}

/* The smallest phi / connections of one direction, and a partition of it. Stops at a fraction
 * that is not above zero. */
static double descend(const phi_iit4_integration *in, phi_iit4_program *run,
                      phi_iit4_system_partition *theta) {
  memset(theta, 0, sizeof *theta);
  for (int unit = 0; unit < in->unit_count; unit++) add_part(theta, 1u << unit, PHI_CUT_BOTH);
  close_partition(theta, in->all);
  double fraction = INFINITY, left = SEARCH_SHARE; /* by guess: each round does half of it */
  for (;; left /= 2) {
    const double less =
        phi_iit4_integration_of(in, theta) / in->selectivity / theta->connection_count;
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
static double self_loop_fraction(const phi_iit4_integration *in, phi_iit4_system_partition *theta) {
  *theta = (phi_iit4_system_partition){.part_count = 1,
                                       .part = {1},
                                       .cut = {PHI_CUT_BOTH},
                                       .removed_into = {1},
                                       .connection_count = 1};
  return in->selectivity * in->loss[0][0] > PHI_TIE ? in->loss[0][0] : 0;
}

phi_iit4_integration phi_iit4_integration_make(int unit_count) {
  phi_iit4_integration in = {.unit_count = unit_count, .all = (1u << unit_count) - 1};
  double *memory = check_allocate((size_t)unit_count << unit_count, sizeof *memory);
  for (int unit = 0; unit < unit_count; unit++)
    in.loss[unit] = memory + ((size_t)unit << unit_count);
  return in;
}

void phi_iit4_integration_free(phi_iit4_integration *in) { free(in->loss[0]); }

/* Of the partitions with the smallest fraction one that cuts most. */
static phi_iit4_system_partition largest_of_ties(const phi_iit4_integration *in,
                                                 phi_iit4_program *run, double fraction) {
  phi_iit4_system_partition theta;
  prepare(in, run, fraction + PHI_TIE / 100); /* a touch in favour of more connections */
  phi_progress_enter(SEARCH_SHARE, 1);
  best_partition(in, run, &theta);
  phi_progress_leave();
  return theta;
}

double phi_iit4_smallest_fraction(const phi_iit4_integration *in, phi_iit4_program *run,
                                  phi_iit4_system_partition *theta) {
  if (in->unit_count == 1) return self_loop_fraction(in, theta);
  const double fraction = descend(in, run, theta);
  if (fraction > 0) *theta = largest_of_ties(in, run, fraction);
  return fraction;
}

void phi_iit4_list_minima(const phi_iit4_integration *in, phi_iit4_program *run, bool reducible,
                          int capacity, int *count, phi_iit4_system_partition *list) {
  phi_iit4_system_partition theta;
  if (in->unit_count == 1) {
    if (!*count) self_loop_fraction(in, &list[(*count)++]);
    return;
  }
  tie_search search = {.in = in,
                       .run = run,
                       .slack = in->unit_count * in->unit_count * PHI_TIE,
                       .count = *count,
                       .capacity = capacity,
                       .list = list};
  const double fraction = descend(in, run, &theta);
  if (!reducible) {
    theta = largest_of_ties(in, run, fraction);
    keep_tie(&search, &theta);
    prepare(in, run, fraction);
    search_ties(&search);
  } else if (phi_iit4_integration_of(in, &theta) <= PHI_TIE) {
    keep_tie(&search, &theta);
  }
  *count = search.count;
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

void phi_iit4_visit_partitions(int unit_count,
                               void (*visit)(void *context, const phi_iit4_system_partition *theta),
                               void *context) {
  listing list = {
      .unit_count = unit_count, .all = (1u << unit_count) - 1, .visit = visit, .context = context};
  list_parts(&list, 0);
}
