#include "phi_system.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t weights[1 << PHI_UNIT_LIMIT];

__attribute__((constructor)) static void fill_weights(void) {
  for (uint32_t units = 1, power = 1; units < 1 << PHI_UNIT_LIMIT; units++) {
    const uint32_t rest = units & (units - 1);
    if (!rest && units > 1) power *= 3;
    weights[units] = rest ? weights[rest] + weights[units ^ rest] : power;
  }
}

const uint32_t *phi_ternary_weights(void) { return weights; }

uint32_t phi_ternary_weight(uint32_t units) { return weights[units]; }

/* Average an [2^n] function of the state over one unit's two states. */
static void average_over(double *values, int unit_count, int unit) {
  for (uint32_t state = 0; state < 1u << unit_count; state++)
    if (!(state >> unit & 1)) {
      const double mean = (values[state] + values[state | 1u << unit]) / 2;
      values[state] = values[state | 1u << unit] = mean;
    }
}

/* One unit's column of the table, averaged over the units that have no edge to it. */
static void averaged_column(const phi_network *network, int unit, double *column) {
  const int n = network->unit_count;
  for (uint32_t state = 0; state < 1u << n; state++)
    column[state] = network->on[(size_t)state * n + unit];
  for (int source = 0; source < n; source++)
    if (!(network->inputs[unit] >> source & 1)) average_over(column, n, source);
}

static double connectivity_deviation(const phi_network *network) {
  const int n = network->unit_count;
  double *column = check_allocate((size_t)1 << n, sizeof *column), largest = 0;
  for (int unit = 0; unit < n; unit++) {
    averaged_column(network, unit, column);
    for (uint32_t state = 0; state < 1u << n; state++)
      largest = fmax(largest, fabs(column[state] - network->on[(size_t)state * n + unit]));
  }
  free(column);
  return largest;
}

static err check_size(int unit_count, const uint8_t *state) {
  if (unit_count < 1 || unit_count > PHI_NETWORK_LIMIT)
    return check_fail(ERR_USER, "phi: a network of %d units; 1 to %d are allowed", unit_count,
                      PHI_NETWORK_LIMIT);
  for (int unit = 0; unit < unit_count; unit++)
    if (state[unit] > 1)
      return check_fail(ERR_USER, "phi: the state of unit %d is %d; 0 and 1 are allowed", unit,
                        state[unit]);
  return OK;
}

err phi_network_create(phi_network *network, int unit_count, const double *on,
                       const uint8_t *connectivity, const uint8_t *state) {
  *network = (phi_network){.unit_count = unit_count};
  const err size = check_size(unit_count, state);
  if (size != OK) return size;
  const size_t rows = (size_t)1 << unit_count, columns = (size_t)unit_count;
  for (size_t row = 0; row < rows; row++)
    for (size_t unit = 0; unit < columns; unit++)
      if (!(on[row * columns + unit] >= 0 && on[row * columns + unit] <= 1))
        return check_fail(ERR_USER,
                          "phi: transition table, row %zu, unit %zu: %g is no probability; "
                          "0 to 1 is allowed",
                          row, unit, on[row * columns + unit]);
  network->on = check_allocate(rows * columns, sizeof *on);
  memcpy(network->on, on, rows * columns * sizeof *on);
  for (int unit = 0; unit < unit_count; unit++) {
    network->state |= (uint32_t)state[unit] << unit;
    for (int source = 0; source < unit_count; source++)
      if (!connectivity || connectivity[source * unit_count + unit])
        network->inputs[unit] |= 1u << source;
  }
  network->connectivity_deviation = connectivity ? connectivity_deviation(network) : 0;
  return OK;
}

/* The row as probabilities of each unit to be on; or ERR_USER where it is no product of them. */
static err units_of_row(int unit_count, size_t row, const double *probability, double *on) {
  const size_t states = (size_t)1 << unit_count;
  double sum = 0;
  for (size_t next = 0; next < states; next++) {
    if (!(probability[next] >= 0 && probability[next] <= 1 + 1e-8)) /* sums of rounded ones */
      return check_fail(ERR_USER,
                        "phi: transition table, row %zu, state %zu: %g is no probability; "
                        "0 to 1 is allowed",
                        row, next, probability[next]);
    sum += probability[next];
    for (int unit = 0; unit < unit_count; unit++)
      if (next >> unit & 1) on[unit] += probability[next];
  }
  if (fabs(sum - 1) > 1e-8)
    return check_fail(ERR_USER, "phi: transition table, row %zu sums to %.12g; 1 is allowed", row,
                      sum);
  for (size_t next = 0; next < states; next++) {
    double product = 1;
    for (int unit = 0; unit < unit_count; unit++)
      product *= next >> unit & 1 ? on[unit] : 1 - on[unit];
    if (fabs(product - probability[next]) > 1e-8)
      return check_fail(ERR_USER,
                        "phi: transition table, row %zu: its units are not independent given the "
                        "state before (state %zu: %g, product of the units %g); give units that "
                        "interact only from one step to the next",
                        row, next, probability[next], product);
  }
  for (int unit = 0; unit < unit_count; unit++) on[unit] = fmin(on[unit], 1);
  return OK;
}

err phi_network_create_by_state(phi_network *network, int unit_count, const double *rows,
                                const uint8_t *connectivity, const uint8_t *state) {
  *network = (phi_network){.unit_count = unit_count};
  err result = check_size(unit_count, state);
  if (result != OK) return result;
  const size_t states = (size_t)1 << unit_count;
  double *on = check_allocate(states * (size_t)unit_count, sizeof *on);
  for (size_t row = 0; row < states && result == OK; row++)
    result = units_of_row(unit_count, row, rows + row * states, on + row * (size_t)unit_count);
  if (result == OK) result = phi_network_create(network, unit_count, on, connectivity, state);
  free(on);
  return result;
}

void phi_network_free(phi_network *network) {
  free(network->on);
  network->on = NULL;
}

/* Network state with the candidate's units in `inside` and the others as in `outside`. */
static uint32_t merged_state(const phi_candidate *candidate, uint32_t inside, uint32_t outside) {
  uint32_t state = outside & ~candidate->nodes;
  for (int unit = 0; unit < candidate->unit_count; unit++)
    state |= (inside >> unit & 1) << candidate->node[unit];
  return state;
}

/* Fill the entries of a ternary table with open digits from the ones without. */
static void average_open(double *table, int unit_count) {
  size_t size = 1;
  for (int unit = 0; unit < unit_count; unit++) size *= 3;
  for (size_t step = 1; step < size; step *= 3)
    for (size_t index = 0; index < size; index++)
      if (index / step % 3 == 0) table[index] = (table[index + step] + table[index + 2 * step]) / 2;
}

/* Units by states of the candidate with the background held in its current state. */
static void fixed_background(const phi_candidate *candidate, const phi_network *network,
                             const double *on, double *const *tables) {
  const int n = candidate->unit_count;
  const uint32_t all = (1u << n) - 1;
  for (uint32_t past = 0; past <= all; past++) {
    const size_t row = merged_state(candidate, past, network->state);
    for (int unit = 0; unit < n; unit++)
      tables[unit][phi_ternary(weights, all, past)] =
          on[row * network->unit_count + candidate->node[unit]];
  }
}

/* Probability of the network's current state given each past state. */
static double likelihood(const phi_network *network, const double *on, double *probability) {
  double sum = 0;
  for (size_t past = 0; past < (size_t)1 << network->unit_count; past++) {
    probability[past] = 1;
    for (int unit = 0; unit < network->unit_count; unit++) {
      const double p = on[past * network->unit_count + unit];
      probability[past] *= network->state >> unit & 1 ? p : 1 - p;
    }
    sum += probability[past];
  }
  return sum;
}

/* Past of the background weighted by q(w) ~ sum_s prod_i P(unit i as now | s, w) (eq. 4). */
static err inferred_background(const phi_candidate *candidate, const phi_network *network,
                               const double *on) {
  const int n = candidate->unit_count;
  const uint32_t all = (1u << n) - 1, whole = (1u << network->unit_count) - 1;
  double *probability = check_allocate((size_t)1 << network->unit_count, sizeof *probability);
  const double sum = likelihood(network, on, probability);
  if (sum <= 0) {
    free(probability);
    return check_fail(ERR_USER, "phi: no past state of the network leads to its current state "
                                "(IIT 4.0 has no cause for an unreachable state)");
  }
  const uint32_t outside = whole & ~candidate->nodes;
  uint32_t background = 0;
  do {
    double weight = 0;
    for (uint32_t past = 0; past <= all; past++)
      weight += probability[merged_state(candidate, past, background)] / sum;
    for (uint32_t past = 0; past <= all && weight > 0; past++) {
      const size_t row = merged_state(candidate, past, background);
      for (int unit = 0; unit < n; unit++)
        candidate->cause[unit][phi_ternary(weights, all, past)] +=
            weight * on[row * network->unit_count + candidate->node[unit]];
    }
    background = (background - outside) & outside; /* next subset of the background */
  } while (background);
  free(probability);
  for (int unit = 0; unit < n; unit++)
    for (uint32_t past = 0; past <= all; past++) { /* weights sum to 1 up to rounding */
      double *p = &candidate->cause[unit][phi_ternary(weights, all, past)];
      *p = fmin(*p, 1);
    }
  return OK;
}

/* Is there a past state from which every unit takes its current state? */
static bool is_reachable(const phi_candidate *candidate) {
  const uint32_t all = (1u << candidate->unit_count) - 1;
  for (uint32_t past = 0; past <= all; past++) {
    bool possible = true;
    for (int unit = 0; unit < candidate->unit_count; unit++)
      possible &= phi_probability(candidate->cause[unit], phi_ternary(weights, all, past),
                                  candidate->state >> unit & 1) > 0;
    if (possible) return true;
  }
  return false;
}

static err check_nodes(const phi_network *network, uint32_t nodes) {
  if (!nodes || nodes >> network->unit_count)
    return check_fail(ERR_USER,
                      "phi: candidate system %#x; a non-empty set of the network's %d units is "
                      "allowed",
                      nodes, network->unit_count);
  if (__builtin_popcount(nodes) > PHI_UNIT_LIMIT)
    return check_fail(ERR_USER, "phi: a candidate system of %d units; 1 to %d are allowed",
                      __builtin_popcount(nodes), PHI_UNIT_LIMIT);
  return OK;
}

static void number_units(phi_candidate *candidate, const phi_network *network, uint32_t nodes) {
  candidate->nodes = nodes;
  for (int node = 0; node < network->unit_count; node++)
    if (nodes >> node & 1) candidate->node[candidate->unit_count++] = node;
  for (int unit = 0; unit < candidate->unit_count; unit++) {
    candidate->state |= (network->state >> candidate->node[unit] & 1) << unit;
    for (int source = 0; source < candidate->unit_count; source++)
      if (network->inputs[candidate->node[unit]] >> candidate->node[source] & 1)
        candidate->inputs[unit] |= 1u << source;
  }
}

static void allocate_tables(phi_candidate *candidate, phi_background background) {
  const size_t size = 2 * (size_t)weights[(1u << candidate->unit_count) - 1] + 1;
  for (int unit = 0; unit < candidate->unit_count; unit++) {
    candidate->effect[unit] = check_allocate(size, sizeof(double));
    candidate->cause[unit] = background == PHI_BACKGROUND_FIXED
                                 ? candidate->effect[unit]
                                 : check_allocate(size, sizeof(double));
  }
}

/* The whole network's table with missing edges averaged out. */
static double *averaged_table(const phi_network *network) {
  const int n = network->unit_count;
  double *on = check_allocate(((size_t)1 << n) * n, sizeof *on);
  double *column = check_allocate((size_t)1 << n, sizeof *column);
  for (int unit = 0; unit < n; unit++) {
    averaged_column(network, unit, column);
    for (size_t state = 0; state < (size_t)1 << n; state++) on[state * n + unit] = column[state];
  }
  free(column);
  return on;
}

err phi_candidate_create(phi_candidate *candidate, const phi_network *network, uint32_t nodes,
                         phi_background background) {
  memset(candidate, 0, sizeof *candidate);
  err result = check_nodes(network, nodes);
  if (result != OK) return result;
  number_units(candidate, network, nodes);
  allocate_tables(candidate, background);
  if (background == PHI_BACKGROUND_FIXED) {
    fixed_background(candidate, network, network->on, candidate->effect);
  } else {
    double *on = averaged_table(network);
    fixed_background(candidate, network, on, candidate->effect);
    result = inferred_background(candidate, network, on);
    free(on);
  }
  candidate->reachable = is_reachable(candidate);
  for (int unit = 0; unit < candidate->unit_count; unit++) {
    average_open(candidate->effect[unit], candidate->unit_count);
    if (background != PHI_BACKGROUND_FIXED)
      average_open(candidate->cause[unit], candidate->unit_count);
  }
  if (result != OK) phi_candidate_free(candidate);
  return result;
}

void phi_candidate_free(phi_candidate *candidate) {
  for (int unit = 0; unit < candidate->unit_count; unit++) {
    if (candidate->cause[unit] != candidate->effect[unit]) free(candidate->cause[unit]);
    free(candidate->effect[unit]);
    candidate->cause[unit] = candidate->effect[unit] = NULL;
  }
}

uint32_t phi_candidate_nodes(const phi_candidate *candidate, uint32_t units) {
  uint32_t nodes = 0;
  for (int unit = 0; unit < candidate->unit_count; unit++)
    nodes |= (units >> unit & 1) << candidate->node[unit];
  return nodes;
}

/* Units reached from unit 0 along edges, or against them. */
static uint32_t reached(const phi_candidate *candidate, bool forward) {
  uint32_t found = 1, before = 0;
  while (found != before) {
    before = found;
    for (int unit = 0; unit < candidate->unit_count; unit++) {
      if (forward && candidate->inputs[unit] & found) found |= 1u << unit;
      if (!forward && found >> unit & 1) found |= candidate->inputs[unit];
    }
  }
  return found;
}

bool phi_candidate_strongly_connected(const phi_candidate *candidate) {
  const uint32_t all = (1u << candidate->unit_count) - 1;
  return reached(candidate, true) == all && reached(candidate, false) == all;
}

bool phi_sets_joined(const uint32_t *inputs, uint32_t from, uint32_t to) {
  uint32_t sources = 0, targets = to & -to, before;
  do {
    before = sources;
    for (uint32_t rest = targets; rest; rest &= rest - 1)
      sources |= inputs[__builtin_ctz(rest)] & from;
    for (uint32_t rest = to; rest; rest &= rest - 1)
      if (inputs[__builtin_ctz(rest)] & sources) targets |= rest & -rest;
  } while (sources != before);
  return from && to && sources == from && targets == to;
}
