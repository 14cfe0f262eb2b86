#include "phi_effective.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* KL(p || q). */
static double divergence(int states, const double *p, const double *q) {
  double sum = 0;
  for (int k = 0; k < states; k++)
    if (p[k] > 0) sum += p[k] * log2(p[k] / q[k]);
  return sum;
}

/* KL(p || uniform). */
static double certainty(int states, const double *p) {
  double sum = 0;
  for (int k = 0; k < states; k++)
    if (p[k] > 0) sum += p[k] * log2(p[k] * states);
  return sum;
}

/* row(context, i, space): row i, perhaps put together in the space given. */
typedef const double *(*row_source)(const void *context, int row, double *space);

static phi_effective measure(int states, row_source row, const void *context) {
  phi_effective result = {.state_count = states};
  double *mean = check_allocate(2 * (size_t)states, sizeof *mean), *space = mean + states;
  for (int i = 0; i < states; i++) {
    const double *p = row(context, i, space);
    for (int k = 0; k < states; k++) mean[k] += p[k] / states;
  }
  double determinism = 0;
  for (int i = 0; i < states; i++) {
    const double *p = row(context, i, space);
    result.information += divergence(states, p, mean) / states;
    determinism += certainty(states, p) / states;
  }
  result.determinism = determinism / log2(states);
  result.degeneracy = certainty(states, mean) / log2(states);
  result.effectiveness = result.information / log2(states);
  free(mean);
  return result;
}

typedef struct {
  int states;
  const double *rows;
} table;

static const double *table_row(const void *context, int row, double *space) {
  const table *t = context;
  (void)space;
  return t->rows + (size_t)row * (size_t)t->states;
}

static const double *network_row(const void *context, int row, double *space) {
  const phi_network *network = context;
  const double *on = network->on + (size_t)row * (size_t)network->unit_count;
  space[0] = 1;
  for (int unit = 0; unit < network->unit_count; unit++)
    for (int low = 0; low < 1 << unit; low++) {
      space[low | 1 << unit] = space[low] * on[unit];
      space[low] *= 1 - on[unit];
    }
  return space;
}

static err check_row(int states, int row, const double *p) {
  double sum = 0;
  for (int k = 0; k < states; k++) {
    if (!(p[k] >= 0 && p[k] <= 1 + 1e-8)) /* sums of rounded probabilities */
      return check_fail(ERR_USER,
                        "phi: transition table, row %d, state %d: %g is no probability; 0 to 1 is "
                        "allowed",
                        row, k, p[k]);
    sum += p[k];
  }
  if (fabs(sum - 1) > 1e-8)
    return check_fail(ERR_USER, "phi: transition table, row %d sums to %.12g; 1 is allowed", row,
                      sum);
  return OK;
}

static err check_table(int states, int limit, const double *rows) {
  err result = OK;
  if (states < 2 || states > limit)
    return check_fail(ERR_USER, "phi: a table of %d states; 2 to %d are allowed", states, limit);
  for (int row = 0; row < states && result == OK; row++)
    result = check_row(states, row, rows + (size_t)row * (size_t)states);
  return result;
}

static err check_units(const phi_network *network, int limit) {
  if (network->unit_count > limit)
    return check_fail(ERR_USER, "phi: a network of %d units; 1 to %d are allowed here",
                      network->unit_count, limit);
  return OK;
}

err phi_effective_compute(int state_count, const double *rows, phi_effective *result) {
  const err fit = check_table(state_count, PHI_EFFECTIVE_STATES, rows);
  if (fit == OK) *result = measure(state_count, table_row, &(table){state_count, rows});
  return fit;
}

err phi_effective_network(const phi_network *network, phi_effective *result) {
  const err fit = check_units(network, PHI_UNIT_LIMIT);
  if (fit == OK) *result = measure(1 << network->unit_count, network_row, network);
  return fit;
}

void phi_coarse_grain(int state_count, const double *rows, const int *group, int groups,
                      double *macro_rows) {
  int *size = check_allocate((size_t)groups, sizeof *size);
  memset(macro_rows, 0, (size_t)groups * (size_t)groups * sizeof *macro_rows);
  for (int state = 0; state < state_count; state++) size[group[state]]++;
  for (int from = 0; from < state_count; from++)
    for (int to = 0; to < state_count; to++)
      macro_rows[group[from] * groups + group[to]] +=
          rows[(size_t)from * (size_t)state_count + (size_t)to] / size[group[from]];
  free(size);
}

typedef struct {
  int states;
  const double *rows;
  double *macro; /* [states x states] */
  int *group;    /* the coarse-graining looked at */
  phi_emergence *best;
  int unit_count, macro_unit_count; /* by units */
  int unit_group[PHI_UNIT_LIMIT], size[PHI_UNIT_LIMIT];
  uint32_t on_counts[PHI_UNIT_LIMIT];
} search;

static void keep_best(search *s, int groups, const phi_effective *macro) {
  phi_emergence *best = s->best;
  best->macro = *macro;
  best->group_count = groups;
  best->unit_count = s->macro_unit_count;
  memcpy(best->group, s->group, (size_t)s->states * sizeof *s->group);
  memcpy(best->unit_group, s->unit_group, sizeof s->unit_group);
  memcpy(best->on_counts, s->on_counts, sizeof s->on_counts);
}

static void look_at(search *s, int groups) {
  if (groups < 2 || groups == s->states) return;
  phi_coarse_grain(s->states, s->rows, s->group, groups, s->macro);
  const phi_effective macro = measure(groups, table_row, &(table){groups, s->macro});
  const double more = macro.information - s->best->macro.information;
  const bool first = !s->best->searched++, tied = !first && fabs(more) <= PHI_TIE;
  if (tied) s->best->tie_count++;
  if (first || more > PHI_TIE) s->best->tie_count = 1;
  if (first || more > PHI_TIE || (tied && groups > s->best->group_count))
    keep_best(s, groups, &macro);
}

/* Each state joins one of the groups before, or starts a new one. */
static void group_states(search *s, int state, int groups) {
  if (state == s->states) {
    look_at(s, groups);
    return;
  }
  for (int g = 0; g <= groups; g++) {
    s->group[state] = g;
    group_states(s, state + 1, g == groups ? groups + 1 : groups);
  }
}

/* The macro state of each state, renumbered in the order they appear: some may not exist. */
static void look_at_units(search *s) {
  int number[1 << PHI_EMERGENCE_UNITS], groups = 0;
  for (int k = 0; k < 1 << s->macro_unit_count; k++) number[k] = -1;
  for (int state = 0; state < s->states; state++) {
    int count[PHI_UNIT_LIMIT] = {0}, macro = 0;
    for (int unit = 0; unit < s->unit_count; unit++)
      count[s->unit_group[unit]] += state >> unit & 1;
    for (int m = 0; m < s->macro_unit_count; m++)
      if (s->on_counts[m] >> count[m] & 1) macro |= 1 << m;
    if (number[macro] < 0) number[macro] = groups++;
    s->group[state] = number[macro];
  }
  look_at(s, groups);
}

/* Every rule of each macro unit; none on is off by convention, so that no rule comes twice. */
static void map_counts(search *s, int macro_unit) {
  if (macro_unit == s->macro_unit_count) {
    look_at_units(s);
    return;
  }
  for (uint32_t rule = 1; rule < 1u << s->size[macro_unit]; rule++) {
    s->on_counts[macro_unit] = rule << 1;
    map_counts(s, macro_unit + 1);
  }
}

static void group_units(search *s, int unit) {
  if (unit == s->unit_count) {
    map_counts(s, 0);
    return;
  }
  for (int g = 0; g <= s->macro_unit_count; g++) {
    const bool new_group = g == s->macro_unit_count;
    s->unit_group[unit] = g;
    s->macro_unit_count += new_group;
    s->size[g]++;
    group_units(s, unit + 1);
    s->size[g]--;
    s->macro_unit_count -= new_group;
    if (new_group) break; /* the loop's bound has moved */
  }
}

static search start_search(int states, const double *rows, phi_emergence *result) {
  search s = {.states = states, .rows = rows, .best = result};
  memset(result, 0, sizeof *result);
  result->group = check_allocate((size_t)states, sizeof *result->group);
  result->micro = measure(states, table_row, &(table){states, rows});
  s.macro = check_allocate((size_t)states * (size_t)states, sizeof *s.macro);
  s.group = check_allocate((size_t)states, sizeof *s.group);
  return s;
}

static void finish_search(search *s) {
  if (s->best->searched)
    s->best->emergence = s->best->macro.information - s->best->micro.information;
  free(s->macro);
  free(s->group);
}

err phi_emergence_by_states(int state_count, const double *rows, phi_emergence *result) {
  const err fit = check_table(state_count, PHI_EMERGENCE_STATES, rows);
  if (fit != OK) return fit;
  search s = start_search(state_count, rows, result);
  group_states(&s, 0, 0);
  finish_search(&s);
  return OK;
}

err phi_emergence_by_units(const phi_network *network, phi_emergence *result) {
  const err fit = check_units(network, PHI_EMERGENCE_UNITS);
  if (fit != OK) return fit;
  const int states = 1 << network->unit_count;
  double *rows = check_allocate((size_t)states * (size_t)states, sizeof *rows);
  for (int row = 0; row < states; row++) network_row(network, row, rows + row * states);
  search s = start_search(states, rows, result);
  s.unit_count = network->unit_count;
  group_units(&s, 0);
  finish_search(&s);
  free(rows);
  return OK;
}

void phi_emergence_free(phi_emergence *result) {
  free(result->group);
  memset(result, 0, sizeof *result);
}
