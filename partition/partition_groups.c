/* partition_groups.c - populations that only rules connect, divided as groups of neurons.
 *
 * Neurons of one population are alike, so that only their number in each part matters. METIS
 * divides a graph of groups (runs of neurons of one population, linked by expected events); then
 * single neurons change parts until the loads are even. */
#include "partition_graph.h"
#include "partition_rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GROUPS_PER_PART = 16, GROUPS_LEAST = 64, GROUPS_MOST = 2048, GROUPS_LIMIT = 8192 };

/* Largest overload that is left to stand, and the part of the volume that METIS has to save before
 * its answer is taken instead of an even share.                                               */
#define OVERLOAD_LEFT 0.005
#define SAVING_LEAST 0.2

typedef struct {
  int population;
  uint32_t first, neurons; /* nodes [first, first + neurons) */
} group;

typedef struct {
  const model *m;
  int parts;
  const bool *chosen;
  double *events; /* [populations] of a neuron [1/s] */
  uint32_t groups;
  group *group;
  uint32_t *count; /* [populations x parts] */
} division;

static uint32_t *count_of(const division *d, int population, int part) {
  return &d->count[(size_t)population * (size_t)d->parts + (size_t)part];
}

/* As many groups for a population as its share of the heavier of the two loads asks for.         */
static void make_groups(division *d) {
  const model *m = d->m;
  double neurons = 0, events = 0;
  size_t capacity = 0;
  for (int p = 0; p < m->populations; p++) {
    if (!d->chosen[p]) continue;
    neurons += m->population[p].size;
    events += m->population[p].size * d->events[p];
  }
  const double wanted = fmin(fmax((double)d->parts * GROUPS_PER_PART, GROUPS_LEAST), GROUPS_MOST);
  for (int p = 0; p < m->populations; p++) {
    const double size = m->population[p].size;
    if (!d->chosen[p] || size == 0) continue;
    const double share = fmax(size / neurons, events > 0 ? size * d->events[p] / events : 0);
    const uint32_t pieces = (uint32_t)fmin(size, ceil(wanted * share));
    d->group = check_grow(d->group, &capacity, d->groups + pieces, sizeof *d->group);
    for (uint32_t i = 0; i < pieces; i++) {
      const uint32_t first = (uint32_t)((uint64_t)m->population[p].size * i / pieces);
      const uint32_t end = (uint32_t)((uint64_t)m->population[p].size * (i + 1) / pieces);
      d->group[d->groups++] = (group){p, first, end - first};
    }
  }
}

/* Expected synapses of the projection between two groups. */
static double synapses_between(const division *d, int projection, const group *a, const group *b) {
  const model_projection *p = &d->m->projection[projection];
  const double sources = d->m->population[p->source].size,
               targets = d->m->population[p->target].size;
  if (p->rule != RULE_ONE_TO_ONE)
    return partition_rule_synapses(d->m, projection) * a->neurons / sources * b->neurons / targets;
  const uint32_t first = a->first > b->first ? a->first : b->first;
  const uint32_t end_a = a->first + a->neurons, end_b = b->first + b->neurons;
  const uint32_t end = end_a < end_b ? end_a : end_b;
  return end > first ? end - first : 0;
}

/* Groups of a population stand side by side: [first, end). */
static void range_of(const division *d, int population, uint32_t *first, uint32_t *end) {
  uint32_t i = 0;
  while (i < d->groups && d->group[i].population != population) i++;
  *first = i;
  while (i < d->groups && d->group[i].population == population) i++;
  *end = i;
}

static void link_groups(const division *d, double *link) {
  const model *m = d->m;
  for (int j = 0; j < m->projections; j++) {
    const model_projection *p = &m->projection[j];
    if (p->rule == RULE_FILE || !d->chosen[p->source] || !d->chosen[p->target]) continue;
    uint32_t a, a_end, first, end;
    range_of(d, p->source, &a, &a_end);
    range_of(d, p->target, &first, &end);
    for (; a < a_end; a++)
      for (uint32_t b = first; b < end; b++) {
        const double events = synapses_between(d, j, &d->group[a], &d->group[b]) *
                              m->population[p->source].expected_rate;
        link[(size_t)a * d->groups + b] += events;
        link[(size_t)b * d->groups + a] += events;
      }
  }
}

/* METIS on the graph in which every group may be linked to every other. */
static err divide_dense(const division *d, const double *link, double *const load[PARTITION_LOADS],
                        int32_t *part) {
  const size_t groups = d->groups;
  size_t *first = check_allocate(groups + 1, sizeof *first);
  uint32_t *to = check_allocate(groups * groups, sizeof *to);
  for (size_t i = 0; i < groups; i++) {
    first[i + 1] = (i + 1) * groups;
    for (size_t j = 0; j < groups; j++) to[i * groups + j] = (uint32_t)j;
  }
  const err e = partition_metis_cut(d->groups, first, to, link, load, d->parts, part);
  free(first);
  free(to);
  return e;
}

static err divide_groups(division *d) {
  const size_t groups = d->groups;
  double *link = check_allocate(groups * groups, sizeof *link);
  double *load[PARTITION_LOADS];
  int32_t *part = check_allocate(groups, sizeof *part);
  for (int c = 0; c < PARTITION_LOADS; c++) load[c] = check_allocate(groups, sizeof **load);
  for (size_t i = 0; i < groups; i++) {
    load[PARTITION_LOAD_UPDATE][i] = d->group[i].neurons;
    load[PARTITION_LOAD_EVENTS][i] = d->group[i].neurons * d->events[d->group[i].population];
  }
  link_groups(d, link);
  const err e = divide_dense(d, link, load, part);
  for (size_t i = 0; e == OK && i < groups; i++)
    *count_of(d, d->group[i].population, part[i]) += d->group[i].neurons;
  for (int c = 0; c < PARTITION_LOADS; c++) free(load[c]);
  free(part);
  free(link);
  return e;
}

/* ---- balance ---- */

typedef struct {
  double *load[PARTITION_LOADS]; /* [parts] in units of the mean load */
  double *unit[PARTITION_LOADS]; /* [populations] one neuron's load in units of the mean load */
} balance;

static void balance_make(const division *d, balance *b) {
  for (int c = 0; c < PARTITION_LOADS; c++) {
    double sum = 0;
    b->load[c] = check_allocate((size_t)d->parts, sizeof(double));
    b->unit[c] = check_allocate((size_t)d->m->populations, sizeof(double));
    for (int p = 0; p < d->m->populations; p++) {
      b->unit[c][p] = c == PARTITION_LOAD_UPDATE ? 1 : d->events[p];
      if (d->chosen[p]) sum += b->unit[c][p] * d->m->population[p].size;
    }
    for (int p = 0; p < d->m->populations; p++) {
      b->unit[c][p] *= sum > 0 ? d->parts / sum : 0;
      for (int k = 0; d->chosen[p] && k < d->parts; k++)
        b->load[c][k] += b->unit[c][p] * *count_of(d, p, k);
    }
  }
}

static int most_loaded(const division *d, const balance *b, double *load) {
  int worst = 0;
  *load = 0;
  for (int c = 0; c < PARTITION_LOADS; c++)
    for (int k = 0; k < d->parts; k++)
      if (b->load[c][k] > *load) {
        *load = b->load[c][k];
        worst = k;
      }
  return worst;
}

typedef struct {
  int population, to;
  uint32_t neurons;
  double gain; /* decrease of the sum over parts and loads of (load - mean)^2 */
} shift;

/* Moving x neurons of population p from part a to part b changes that sum by a parabola in x: take
 * its lowest point.                                                                           */
static shift best_shift(const division *d, const balance *b, int from) {
  shift best = {0};
  for (int p = 0; p < d->m->populations; p++) {
    const uint32_t here = d->chosen[p] ? *count_of(d, p, from) : 0;
    for (int to = 0; here > 0 && to < d->parts; to++) {
      double slope = 0, curve = 0;
      for (int c = 0; c < PARTITION_LOADS; c++) {
        slope += b->unit[c][p] * (b->load[c][from] - b->load[c][to]);
        curve += b->unit[c][p] * b->unit[c][p];
      }
      const double x = fmin(here, round(slope / (2 * curve)));
      const double gain = 2 * x * slope - 2 * x * x * curve;
      if (to == from || x < 1) continue;
      /* rather move neurons to where their population is at home already */
      if (gain * (*count_of(d, p, to) > 0 ? 4 : 1) > best.gain)
        best = (shift){p, to, (uint32_t)x, gain * (*count_of(d, p, to) > 0 ? 4 : 1)};
    }
  }
  return best;
}

static void make_even(division *d) {
  balance b;
  balance_make(d, &b);
  for (int i = 0; i < 64 * d->parts; i++) {
    double load;
    const int from = most_loaded(d, &b, &load);
    if (load <= 1 + OVERLOAD_LEFT) break;
    const shift s = best_shift(d, &b, from);
    if (s.neurons == 0) break;
    *count_of(d, s.population, from) -= s.neurons;
    *count_of(d, s.population, s.to) += s.neurons;
    for (int c = 0; c < PARTITION_LOADS; c++) {
      b.load[c][from] -= s.neurons * b.unit[c][s.population];
      b.load[c][s.to] += s.neurons * b.unit[c][s.population];
    }
  }
  for (int c = 0; c < PARTITION_LOADS; c++) {
    free(b.load[c]);
    free(b.unit[c]);
  }
}

static double worst_load(const division *d) {
  balance b;
  double load;
  balance_make(d, &b);
  most_loaded(d, &b, &load);
  for (int c = 0; c < PARTITION_LOADS; c++) {
    free(b.load[c]);
    free(b.unit[c]);
  }
  return load;
}

/* ---- the choice ---- */

void partition_rules_share(const model *m, int parts, const bool *chosen, uint32_t *count) {
  int next = 0; /* the part that takes the next neuron left over */
  for (int p = 0; p < m->populations; p++) {
    if (!chosen[p]) continue;
    const uint32_t size = m->population[p].size;
    for (int k = 0; k < parts; k++)
      count[(size_t)p * (size_t)parts + (size_t)k] = size / (uint32_t)parts;
    for (uint32_t i = 0; i < size % (uint32_t)parts; i++, next = (next + 1) % parts)
      count[(size_t)p * (size_t)parts + (size_t)next]++;
  }
}

/* Expected volume, weighted by rates. */
static double volume_of(const division *d) {
  const model *m = d->m;
  bool *take = check_allocate((size_t)m->projections, sizeof *take);
  double volume[2];
  double *log_miss = check_allocate((size_t)m->populations * (size_t)d->parts, sizeof *log_miss);
  for (int j = 0; j < m->projections; j++)
    take[j] = d->chosen[m->projection[j].source] && d->chosen[m->projection[j].target];
  partition_rules_log_miss(m, d->parts, d->count, take, log_miss);
  partition_rules_volume(m, d->parts, d->count, log_miss, volume);
  free(log_miss);
  free(take);
  return volume[1];
}

/* Is METIS's division worth more than an even share? */
static bool pays(const division *d, uint32_t *share) {
  division even = *d;
  even.count = share;
  return volume_of(d) < (1 - SAVING_LEAST) * volume_of(&even) &&
         worst_load(d) <= fmax(1.02, worst_load(&even));
}

err partition_rules_divide(const model *m, int parts, const bool *chosen, uint32_t *count) {
  const size_t entries = (size_t)m->populations * (size_t)parts;
  division d = {.m = m, .parts = parts, .chosen = chosen};
  partition_rules_share(m, parts, chosen, count);
  d.events = check_allocate((size_t)m->populations, sizeof *d.events);
  for (int p = 0; p < m->populations; p++) d.events[p] = partition_rule_events(m, p, true);
  d.count = check_allocate(entries, sizeof *d.count);
  make_groups(&d);
  err e = OK;
  if (parts > 1 && d.groups / 4 >= (uint32_t)parts && d.groups <= GROUPS_LIMIT) {
    e = divide_groups(&d);
    if (e == OK) make_even(&d);
    if (e == OK && pays(&d, count)) memcpy(count, d.count, entries * sizeof *count);
  }
  free(d.events);
  free(d.group);
  free(d.count);
  return e;
}
