#include "agree.h"
#include "network_internal.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void network_edges_reserve(network_edges *edges, size_t extra) {
  const size_t needed = edges->count + extra;
  if (needed <= edges->capacity) return;
  size_t capacity = edges->capacity;
  edges->source = check_grow(edges->source, &capacity, needed, sizeof *edges->source);
  capacity = edges->capacity;
  edges->weight = check_grow(edges->weight, &capacity, needed, sizeof *edges->weight);
  capacity = edges->capacity;
  edges->delay = check_grow(edges->delay, &capacity, needed, sizeof *edges->delay);
  capacity = edges->capacity;
  edges->receptor = check_grow(edges->receptor, &capacity, needed, sizeof *edges->receptor);
  edges->capacity = capacity;
}

bool network_rule_is_collected(model_rule rule) {
  return rule == RULE_FILE || rule == RULE_FIXED_OUTDEGREE;
}

uint32_t network_owned_from(const network *n, uint32_t gid) {
  const uint32_t bucket = gid >> n->owned_shift;
  uint32_t low = n->owned_bucket[bucket], high = n->owned_bucket[bucket + 1];
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (n->owned[middle] < gid)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

uint32_t network_owned_index(const network *n, uint32_t gid) {
  const uint32_t index = network_owned_from(n, gid);
  assert(index < n->owned_count && n->owned[index] == gid);
  return index;
}

/* The same bound as for weights that stand in the model. */
static const double WEIGHT_MAX = 1e12;

static void note_delays(network *n, int least, int greatest) {
  if (least < n->min_delay) n->min_delay = least;
  if (greatest > n->max_delay) n->max_delay = greatest;
}

/* Are the weight and the delay [steps] of the file's i-th edge here allowed? */
static err check_edge(const network *n, const model_projection *p, const network_file_slice *s,
                      size_t i, double weight, double steps) {
  const unsigned long long edge = s->first + i;
  if (!(fabs(weight) <= WEIGHT_MAX))
    return model_fail(n->m->name, p->weight.place, "weight",
                      "%s: edge %llu has a weight of %g; allowed are %g to %g", p->file, edge,
                      weight, -WEIGHT_MAX, WEIGHT_MAX);
  if (s->delay && (lrint(fmin(steps, 1e9)) < 1 || steps > NETWORK_DELAY_MAX))
    return model_fail(n->m->name, p->delay.place, "delay",
                      "%s: edge %llu has a delay of %g ms; allowed are %g to %g ms", p->file, edge,
                      s->delay[i] * p->delay.a, n->m->dt, NETWORK_DELAY_MAX * n->m->dt);
  return OK;
}

bool network_leaves_out(const model_projection *p, const network_file_slice *s, size_t i) {
  return !p->autapses && p->source == p->target && s->source[i] == s->target[i];
}

/* Sum of the file's |weights|, none greater than `greatest`, over all ranks: of whole numbers, so
 * that it is the same on any number of ranks. */
static double sum_magnitudes(MPI_Comm comm, const model_projection *p, const network_file_slice *s,
                             double greatest) {
  enum { LOW_BITS = 30 };
  const double unit = greatest / 0x1p60;
  uint64_t part[2] = {0}, all[2];
  for (size_t i = 0; i < s->count && unit > 0; i++) {
    if (network_leaves_out(p, s, i)) continue;
    const uint64_t magnitude = (uint64_t)(fabs(p->weight.a * s->weight[i]) / unit);
    part[0] += magnitude & ((1 << LOW_BITS) - 1);
    part[1] += magnitude >> LOW_BITS;
  }
  AGREE_MPI(MPI_Allreduce(part, all, 2, MPI_UINT64_T, MPI_SUM, comm));
  return ((double)all[1] * (1 << LOW_BITS) + (double)all[0]) * unit;
}

/* Least, greatest and mean |weight| of a file's edges, their delays, and how many others are left
 * out, over all ranks. */
static err measure_file(network *n, MPI_Comm comm, int j) {
  network_projection *np = &n->projection[j];
  const model_projection *p = &n->m->projection[j];
  const network_file_slice *s = &np->edges;
  enum { POSITIVE, NEGATIVE, LONGEST, MINUS_SHORTEST, EXTREMES }; /* the greatest of each */
  double extreme[EXTREMES] = {[MINUS_SHORTEST] = -NETWORK_DELAY_MAX}, all[EXTREMES];
  uint64_t left_out = 0;
  err e = OK;
  for (size_t i = 0; i < s->count && e == OK; i++) {
    if (network_leaves_out(p, s, i)) {
      left_out++;
      continue;
    }
    const double w = s->weight ? p->weight.a * s->weight[i] : 0;
    const double steps = s->delay ? s->delay[i] * p->delay.a / n->m->dt : 0;
    e = check_edge(n, p, s, i, w, steps);
    extreme[POSITIVE] = fmax(extreme[POSITIVE], w);
    extreme[NEGATIVE] = fmax(extreme[NEGATIVE], -w);
    extreme[LONGEST] = fmax(extreme[LONGEST], steps);
    extreme[MINUS_SHORTEST] = fmax(extreme[MINUS_SHORTEST], -steps);
  }
  if ((e = agree(comm, e)) != OK) return e;
  AGREE_MPI(MPI_Allreduce(extreme, all, EXTREMES, MPI_DOUBLE, MPI_MAX, comm));
  AGREE_MPI(MPI_Allreduce(&left_out, &np->left_out, 1, MPI_UINT64_T, MPI_SUM, comm));
  const uint64_t kept = s->total - np->left_out;
  if (p->weight.kind == DISTRIBUTION_FILE) {
    np->greatest = all[POSITIVE];
    np->least = -all[NEGATIVE];
    const double sum = sum_magnitudes(comm, p, s, fmax(all[POSITIVE], all[NEGATIVE]));
    np->mean_magnitude = kept > 0 ? sum / (double)kept : 0;
    np->unit = s->weights_are_integers ? fabs(p->weight.a) : 0;
  }
  if (p->delay.kind == DISTRIBUTION_FILE && kept > 0)
    note_delays(n, (int)lrint(-all[MINUS_SHORTEST]), (int)lrint(all[LONGEST]));
  return OK;
}

static err prepare_projection(network *n, MPI_Comm comm, int j) {
  const model *m = n->m;
  const model_projection *p = &m->projection[j];
  network_projection *np = &n->projection[j];
  err e = OK;
  if (p->weight.kind != DISTRIBUTION_FILE) {
    np->weight = sampler_weight_make(&p->weight);
    sampler_weight_extent(&np->weight, &np->least, &np->greatest, &np->mean_magnitude);
    const bool central =
        p->weight.kind == DISTRIBUTION_CONSTANT || p->weight.kind == DISTRIBUTION_NORMAL;
    np->unit = central ? fabs(p->weight.a) : 0;
  }
  if (p->delay.kind != DISTRIBUTION_FILE) {
    e = sampler_delay_make(&p->delay, m->dt, NETWORK_DELAY_MAX, m->name, &np->delay);
    if (e == OK) note_delays(n, np->delay.first, np->delay.first + np->delay.count - 1);
  }
  if ((e = agree(comm, e)) != OK || p->rule != RULE_FILE) return e;
  return network_file_outline(comm, m, p, &np->edges);
}

static err read_projection(network *n, MPI_Comm comm, int j) {
  const model *m = n->m;
  const model_projection *p = &m->projection[j];
  if (p->rule != RULE_FILE) return OK;
  const err e = network_file_read(comm, m, p, &n->projection[j].edges);
  return e == OK ? measure_file(n, comm, j) : e;
}

/* Can the projection reach this receptor, and with which greatest |weight|? */
static double reach(const network *n, int j, int receptor) {
  const model_projection *p = &n->m->projection[j];
  const network_projection *np = &n->projection[j];
  const neuron_model *neuron = n->m->population[p->target].neuron;
  if (p->receptor >= 0)
    return p->receptor == receptor ? fmax(fabs(np->least), fabs(np->greatest)) : 0;
  double greatest = 0;
  if (neuron->receptor_positive == receptor) greatest = fmax(greatest, np->greatest);
  if (neuron->receptor_negative == receptor) greatest = fmax(greatest, -np->least);
  return greatest;
}

/* Sum of |weights| that a neuron of the population has at the receptor, in the mean. */
static double expected_load(const network *n, int population, int receptor) {
  double load = 0;
  for (int j = 0; j < n->m->projections; j++)
    if (n->m->projection[j].target == population && reach(n, j, receptor) > 0)
      load += network_projection_synapses(n, j) * n->projection[j].mean_magnitude;
  return load / fmax(n->m->population[population].size, 1);
}

/* The scale of a receptor: the unit of its strongest projection times the power of two that just
 * lets the greatest weight fit (15 bits; 47 in double precision), or all that a neuron's synapses
 * could bring in one step (31 bits; 63), with room for twice the mean at every receptor. Integer
 * multiples of one constant weight are exact in any case. */
static void choose_scale(network *n, int population, int receptor) {
  const double limit = n->m->double_precision ? 0x1p47 - 1 : 32767;
  double greatest = 0, unit = 1;
  for (int j = 0; j < n->m->projections; j++) {
    if (n->m->projection[j].target != population) continue;
    const double r = reach(n, j, receptor);
    if (r <= greatest) continue;
    greatest = r;
    unit = n->projection[j].unit > 0 ? n->projection[j].unit : r;
  }
  if (greatest > 0) unit *= exp2(ceil(log2(greatest / unit / limit)));
  if (greatest / unit > limit) unit *= 2; /* log2 rounds */
  const double room = n->m->double_precision ? 0x1p63 : 0x1p31;
  const int receptors = n->m->population[population].neuron->receptors;
  while (expected_load(n, population, receptor) / unit > room / (2 * receptors)) unit *= 2;
  n->scale[population][receptor] = unit;
}

static err check_accuracy(const network *n, int j) {
  const model *m = n->m;
  const model_projection *p = &m->projection[j];
  for (int r = 0; r < m->population[p->target].neuron->receptors; r++) {
    const double rounding = n->scale[p->target][r] / 2, mean = n->projection[j].mean_magnitude;
    if (reach(n, j, r) > 0 && rounding > m->weight_accuracy * mean)
      return model_fail(m->name, p->weight.place, "weight",
                        "a mean weight of %g beside others of the same receptor that need steps of "
                        "%g is rounded by up to %.2g of itself; simulation.weight_accuracy allows "
                        "%g%s%s",
                        mean, 2 * rounding, rounding / mean, m->weight_accuracy,
                        m->weight_accuracy < 1 ? "; raise it" : "",
                        m->double_precision ? "" : "; or set simulation.precision: double");
  }
  return OK;
}

err network_outline(MPI_Comm comm, const model *m, network **made) {
  network *n = check_allocate(1, sizeof *n);
  n->m = m;
  n->max_delay = 1;
  n->min_delay = NETWORK_DELAY_MAX;
  n->projection = check_allocate((size_t)m->projections, sizeof *n->projection);
  n->scale = check_allocate((size_t)m->populations, sizeof *n->scale);
  err e = OK;
  for (int j = 0; j < m->projections && e == OK; j++) e = prepare_projection(n, comm, j);
  if (e != OK) {
    network_free(n);
    n = NULL;
  }
  *made = n;
  return e;
}

err network_read(MPI_Comm comm, network *n) {
  const model *m = n->m;
  err e = OK;
  for (int j = 0; j < m->projections && e == OK; j++) e = read_projection(n, comm, j);
  n->is_read = true;
  if (n->min_delay > n->max_delay) n->min_delay = n->max_delay; /* no edge */
  for (int p = 0; p < m->populations && e == OK; p++)
    for (int r = 0; r < m->population[p].neuron->receptors; r++) choose_scale(n, p, r);
  for (int j = 0; j < m->projections && e == OK; j++) e = check_accuracy(n, j);
  return e;
}

err network_create(MPI_Comm comm, const model *m, network **made) {
  err e = network_outline(comm, m, made);
  if (e == OK) e = network_read(comm, *made);
  if (e == OK) return OK;
  network_free(*made);
  *made = NULL;
  return e;
}

void network_release(network *n) {
  for (int j = 0; j < n->m->projections; j++) {
    network_projection *np = &n->projection[j];
    free(np->indegree);
    free(np->first);
    free(np->collected);
    np->indegree = NULL;
    np->first = NULL;
    np->collected = NULL;
    network_file_release(&np->edges);
  }
  free(n->owned);
  free(n->owned_bucket);
  n->owned = n->owned_bucket = NULL;
  n->owned_count = 0;
}

void network_free(network *n) {
  if (!n) return;
  network_release(n);
  for (int j = 0; j < n->m->projections; j++) sampler_delay_free(&n->projection[j].delay);
  free(n->projection);
  free(n->scale);
  free(n);
}

const model *network_model(const network *n) { return n->m; }

void network_weights(const network *n, int projection, int count, const uint32_t *word,
                     int64_t *weight, uint8_t *receptor) {
  const model_projection *p = &n->m->projection[projection];
  const network_projection *np = &n->projection[projection];
  const neuron_model *neuron = n->m->population[p->target].neuron;
  const double *scale = n->scale[p->target];
  const int positive = p->receptor >= 0 ? p->receptor : neuron->receptor_positive;
  const int negative = p->receptor >= 0 ? p->receptor : neuron->receptor_negative;
  const int first = np->greatest > 0 ? positive : negative;
  const int other = positive + negative - first;
  sampler_weight_draw(&np->weight, scale[first], count, word, weight);
  memset(receptor, first, (size_t)count);
  if (first == other || np->least >= 0 || np->greatest <= 0) return;
  for (int i = 0; i < count; i++) {
    if (weight[i] >= 0) continue;
    sampler_weight_draw(&np->weight, scale[other], 1, &word[i], &weight[i]);
    receptor[i] = (uint8_t)other;
  }
}

static void append_collected(const network *n, int j, uint32_t gid, bool full,
                             network_edges *edges) {
  const network_projection *np = &n->projection[j];
  const uint32_t own = network_owned_index(n, gid);
  const size_t first = np->first[own], count = np->first[own + 1] - first;
  network_edges_reserve(edges, count);
  for (size_t i = 0; i < count; i++) {
    const collected_edge *edge = &np->collected[first + i];
    const size_t at = edges->count++;
    edges->source[at] = edge->source;
    if (!full) continue; /* pages that nobody writes are no memory */
    edges->weight[at] = edge->weight;
    edges->delay[at] = edge->delay;
    edges->receptor[at] = edge->receptor;
  }
}

static void append_edges(const network *n, uint32_t gid, bool full, network_edges *edges) {
  const int population = model_population_of(n->m, gid);
  for (int j = 0; j < n->m->projections; j++) {
    if (n->m->projection[j].target != population) continue;
    if (network_rule_is_collected(n->m->projection[j].rule))
      append_collected(n, j, gid, full, edges);
    else
      network_rule_draw(n, j, gid, full, edges);
  }
}

void network_in_edges(const network *n, uint32_t gid, network_edges *edges) {
  append_edges(n, gid, true, edges);
}

void network_in_sources(const network *n, uint32_t gid, network_edges *edges) {
  append_edges(n, gid, false, edges);
}

double network_weight_scale(const network *n, int population, int receptor) {
  return n->scale[population][receptor];
}

int network_max_delay(const network *n) { return n->max_delay; }

int network_min_delay(const network *n) { return n->min_delay; }

double network_projection_synapses(const network *n, int projection) {
  const model_projection *p = &n->m->projection[projection];
  const network_projection *np = &n->projection[projection];
  if (p->rule == RULE_FILE) return (double)(np->edges.total - np->left_out);
  return model_projection_indegree(n->m, projection) * n->m->population[p->target].size;
}

int network_projection_delays(const network *n, int projection) {
  const int from_file = n->is_read ? n->max_delay : NETWORK_DELAY_MAX; /* at most */
  return n->projection[projection].delay.count > 0 ? n->projection[projection].delay.count
                                                   : from_file;
}

uint64_t network_edges_hash(const network *n, int projection) {
  return n->projection[projection].edges.hash;
}

bool network_is_collected(const network *n, int projection) {
  return network_rule_is_collected(n->m->projection[projection].rule);
}

double network_expected_synapses(const network *n) {
  double sum = 0;
  for (int j = 0; j < n->m->projections; j++) sum += network_projection_synapses(n, j);
  return sum;
}

double network_expected_indegree(const network *n, int population) {
  double sum = 0;
  for (int j = 0; j < n->m->projections; j++)
    if (n->m->projection[j].target == population) sum += network_projection_synapses(n, j);
  const uint32_t size = n->m->population[population].size;
  return size > 0 ? sum / size : 0;
}

void network_explicit_edges(const network *n, size_t *count, uint32_t **source, uint32_t **target) {
  *count = 0;
  for (int j = 0; j < n->m->projections; j++) *count += n->projection[j].edges.count;
  *source = check_allocate(*count, sizeof **source);
  *target = check_allocate(*count, sizeof **target);
  size_t at = 0;
  for (int j = 0; j < n->m->projections; j++) {
    const model_projection *p = &n->m->projection[j];
    const network_file_slice *s = &n->projection[j].edges;
    for (size_t i = 0; i < s->count; i++) {
      if (network_leaves_out(p, s, i)) continue;
      (*source)[at] = n->m->population[p->source].first_gid + s->source[i];
      (*target)[at++] = n->m->population[p->target].first_gid + s->target[i];
    }
  }
  *count = at;
}
