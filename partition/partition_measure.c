/* partition_measure.c - what a partition costs, without any rank seeing the whole graph.
 *
 * An edge travels to the directory slice of its target, where the target's part is known, and from
 * there, as (source, part, how many), to the slice of its source, where the source's part is. Who
 * sends to whom is gathered by slices of the parts: a table of all parts squared has no room where
 * there are many.                                                                              */
#include "agree.h"
#include "directory.h"
#include "partition_explicit.h"
#include "partition_rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a synapse, and of a neuron's share beside its state: accumulators, rate, order, routes.
 */
enum { SYNAPSE_BYTES = 4, NEURON_BYTES = 32 };

typedef struct {
  uint32_t gid, other;
} pair;

typedef struct { /* `synapses` of `from`, a neuron or a part, end in the part */
  uint32_t from, part;
  uint64_t synapses;
} reach;

typedef struct {
  MPI_Comm comm;
  int rank, ranks;
  const model *m;
  const partition *p;
  uint32_t *count;    /* [populations x parts] neurons                                          */
  uint64_t *incoming; /* [populations x parts] explicit synapses by population of the source and
                         part of the target                                                     */
  uint64_t *cut;  /* [populations] explicit synapses between parts, by population of the source */
  uint64_t *hits; /* [populations x parts] neurons that reach a part, not theirs, explicitly */
  reach *sends;   /* [senders] from the parts of this rank's slice of them, in order, each once */
  size_t senders;
  bool *by_rule;    /* [projections] measured by expectation                                  */
  double *log_miss; /* [populations x parts] probability that a neuron has no target by rule in
                       the part, its logarithm                                                */
} measure;

static size_t entry(const measure *s, int population, int part) {
  return (size_t)population * (size_t)s->p->parts + (size_t)part;
}

/* Sum an array over the ranks, any length. */
static void sum_over_ranks(const measure *s, void *array, size_t length, size_t size,
                           MPI_Datatype type, MPI_Op op) {
  const size_t piece = (size_t)1 << 27;
  for (size_t at = 0; at < length; at += piece)
    AGREE_MPI(MPI_Allreduce(MPI_IN_PLACE, (char *)array + at * size,
                            (int)(length - at < piece ? length - at : piece), type, op, s->comm));
}

static uint32_t owner_of(const measure *s, uint32_t gid) {
  return s->p->slice_owner[gid - s->p->slice_first];
}

static int compare_reach(const void *a, const void *b) {
  const reach *x = a, *y = b;
  if (x->from != y->from) return x->from < y->from ? -1 : 1;
  return (x->part > y->part) - (x->part < y->part);
}

/* Add up reaches from and to the same, in order; returns how many are left. */
static size_t merge(reach *list, size_t count) {
  size_t kept = 0;
  qsort(list, count, sizeof *list, compare_reach);
  for (size_t i = 0; i < count; i++)
    if (kept > 0 && compare_reach(&list[kept - 1], &list[i]) == 0)
      list[kept - 1].synapses += list[i].synapses;
    else
      list[kept++] = list[i];
  return kept;
}

/* Send records, which begin with a number below `total` (a gid, a part), to the slice of that
 * number; frees them.                                                                          */
static void *to_slices(const measure *s, uint32_t total, size_t size, size_t count, void *records,
                       size_t *received) {
  int *destination = check_allocate(count, sizeof *destination);
  for (size_t i = 0; i < count; i++) {
    uint32_t number;
    memcpy(&number, (char *)records + i * size, sizeof number);
    destination[i] = directory_slice_rank(total, s->ranks, number);
  }
  void *got = directory_exchange(s->comm, size, count, records, destination, received);
  free(destination);
  free(records);
  return got;
}

/* Explicit edges -> reaches of their sources, at the slices of the sources. */
static reach *reaches_of(const measure *s, size_t edges, const uint32_t *source,
                         const uint32_t *target, size_t *count) {
  size_t received;
  pair *known = check_allocate(edges, sizeof *known);
  for (size_t i = 0; i < edges; i++) known[i] = (pair){target[i], source[i]};
  known = to_slices(s, s->m->neurons, sizeof *known, edges, known, &received);
  reach *list = check_allocate(received, sizeof *list);
  for (size_t i = 0; i < received; i++)
    list[i] = (reach){known[i].other, owner_of(s, known[i].gid), 1};
  free(known);
  return to_slices(s, s->m->neurons, sizeof *list, merge(list, received), list, count);
}

/* Of all explicit edges, in rounds: then few of them are under way. */
static reach *collect_reaches(const measure *s, const network *n, size_t *count) {
  const size_t ROUND = (size_t)1 << 18;
  size_t edges, capacity = 1, merged = 0, at = 0;
  uint32_t *source, *target;
  bool *all = check_allocate((size_t)s->m->populations, sizeof *all);
  memset(all, true, (size_t)s->m->populations);
  partition_explicit_edges(s->comm, n, s->m, all, &edges, &source, &target);
  free(all);
  uint64_t rounds = (edges + ROUND - 1) / ROUND;
  AGREE_MPI(MPI_Allreduce(MPI_IN_PLACE, &rounds, 1, MPI_UINT64_T, MPI_MAX, s->comm));
  reach *list = check_allocate(capacity, sizeof *list);
  *count = 0;
  for (; rounds > 0; rounds--) {
    const size_t left = edges - at, now = left < ROUND ? left : ROUND;
    size_t more;
    reach *came = reaches_of(s, now, source + at, target + at, &more);
    list = check_grow(list, &capacity, *count + more, sizeof *list);
    memcpy(list + *count, came, more * sizeof *list);
    free(came);
    *count += more;
    if (*count >= 2 * merged + ROUND) *count = merged = merge(list, *count);
    at += now;
  }
  free(source);
  free(target);
  *count = merge(list, *count);
  return list;
}

static void measure_explicit(measure *s, const network *n) {
  size_t count, sends = 0;
  reach *list = collect_reaches(s, n, &count);
  reach *send = check_allocate(count, sizeof *send);
  for (size_t i = 0; i < count; i++) {
    const int population = model_population_of(s->m, list[i].from);
    const uint32_t home = owner_of(s, list[i].from);
    s->incoming[entry(s, population, (int)list[i].part)] += list[i].synapses;
    if (list[i].part == home) continue;
    s->cut[population] += list[i].synapses;
    s->hits[entry(s, population, (int)list[i].part)]++;
    send[sends++] = (reach){home, list[i].part, list[i].synapses};
  }
  free(list);
  sends = merge(send, sends);
  s->sends = to_slices(s, (uint32_t)s->p->parts, sizeof *send, sends, send, &s->senders);
  s->senders = merge(s->sends, s->senders);
}

static void count_neurons(measure *s) {
  for (uint32_t i = 0; i < s->p->slice_count; i++)
    s->count[entry(s, model_population_of(s->m, s->p->slice_first + i),
                   (int)s->p->slice_owner[i])]++;
}

static void sum_tables(measure *s) {
  const size_t populations = (size_t)s->m->populations, parts = (size_t)s->p->parts;
  sum_over_ranks(s, s->count, populations * parts, sizeof(uint32_t), MPI_UINT32_T, MPI_SUM);
  sum_over_ranks(s, s->incoming, populations * parts, sizeof(uint64_t), MPI_UINT64_T, MPI_SUM);
  sum_over_ranks(s, s->hits, populations * parts, sizeof(uint64_t), MPI_UINT64_T, MPI_SUM);
  sum_over_ranks(s, s->cut, populations, sizeof(uint64_t), MPI_UINT64_T, MPI_SUM);
}

static void sum_volume(const measure *s, partition_quality *q) {
  double volume[2];
  partition_rules_volume(s->m, s->p->parts, s->count, s->log_miss, volume);
  for (int population = 0; population < s->m->populations; population++)
    for (int part = 0; part < s->p->parts; part++) {
      const size_t at = entry(s, population, part);
      /* pairs that a rule makes already, by its probability, count once */
      const double pairs = (double)s->hits[at] * exp(s->log_miss[at]);
      volume[0] += pairs;
      volume[1] += pairs * s->m->population[population].expected_rate;
    }
  q->volume = volume[0];
  q->volume_rate = volume[1];
}

static void sum_cut(const measure *s, partition_quality *q) {
  const model *m = s->m;
  for (int p = 0; p < m->populations; p++) {
    q->edge_cut += (double)s->cut[p];
    q->edge_cut_rate += (double)s->cut[p] * m->population[p].expected_rate;
    for (int part = 0; part < s->p->parts; part++)
      q->synapses += (double)s->incoming[entry(s, p, part)];
  }
  for (int j = 0; j < m->projections; j++) {
    const int from = m->projection[j].source, to = m->projection[j].target;
    if (!s->by_rule[j] || m->population[from].size == 0 || m->population[to].size == 0) continue;
    const double synapses = partition_rule_synapses(m, j);
    double within = 0; /* share of (source, target) pairs in one part */
    for (int part = 0; part < s->p->parts; part++)
      within += (double)s->count[entry(s, from, part)] / m->population[from].size *
                s->count[entry(s, to, part)] / m->population[to].size;
    q->synapses += synapses;
    q->edge_cut += synapses * (1 - within);
    q->edge_cut_rate += synapses * (1 - within) * m->population[from].expected_rate;
  }
}

static double neuron_bytes(const measure *s, int population) {
  const neuron_model *neuron = s->m->population[population].neuron;
  return neuron->states * (s->m->double_precision ? 8 : 4) + NEURON_BYTES;
}

static double imbalance(const double *load, int parts) {
  double sum = 0, largest = 0;
  for (int k = 0; k < parts; k++) {
    sum += load[k];
    largest = fmax(largest, load[k]);
  }
  return sum > 0 ? largest * parts / sum : 1;
}

static void sum_loads(const measure *s, partition_quality *q) {
  const model *m = s->m;
  const int parts = s->p->parts;
  double *neurons = check_allocate(3 * (size_t)parts, sizeof *neurons);
  double *events = neurons + parts, *memory = events + parts;
  for (int p = 0; p < m->populations; p++) {
    const double by_rule = partition_rule_events(m, p, false), bytes = neuron_bytes(s, p);
    for (int k = 0; k < parts; k++) {
      const double own = s->count[entry(s, p, k)], synapses = (double)s->incoming[entry(s, p, k)];
      neurons[k] += own;
      events[k] += own * by_rule + synapses * m->population[p].expected_rate;
      memory[k] += own * bytes + synapses * SYNAPSE_BYTES;
    }
  }
  for (int j = 0; j < m->projections; j++) {
    const int to = m->projection[j].target;
    if (!s->by_rule[j] || m->population[to].size == 0) continue;
    const double indegree = partition_rule_synapses(m, j) / m->population[to].size;
    for (int k = 0; k < parts; k++)
      memory[k] += s->count[entry(s, to, k)] * indegree * SYNAPSE_BYTES;
  }
  q->imbalance_neurons = imbalance(neurons, parts);
  q->imbalance_events = imbalance(events, parts);
  q->imbalance_memory = imbalance(memory, parts);
  free(neurons);
}

/* Probability that a neuron of a population reaches a part by rule, [populations x parts]. */
static double *reach_by_rule(const measure *s) {
  const size_t count = (size_t)s->m->populations * (size_t)s->p->parts;
  double *probability = check_allocate(count, sizeof *probability);
  for (size_t i = 0; i < count; i++) probability[i] = -expm1(s->log_miss[i]);
  return probability;
}

/* Parts that a part sends to: those marked in `sends`, and those that half a neuron of it or more
 * is expected to reach by rule. */
static int count_neighbours(const measure *s, const double *by_rule, int from, const bool *sends) {
  int neighbours = 0;
  for (int to = 0; to < s->p->parts; to++) {
    double expected = sends[to];
    for (int p = 0; p < s->m->populations; p++)
      expected += s->count[entry(s, p, from)] * by_rule[entry(s, p, to)];
    neighbours += from != to && expected >= 0.5;
  }
  return neighbours;
}

static bool has_neurons(const measure *s, int part) {
  for (int p = 0; p < s->m->populations; p++)
    if (s->count[entry(s, p, part)]) return true;
  return false;
}

/* Each rank looks at its slice of the parts. */
static int most_neighbours(const measure *s) {
  const uint32_t parts = (uint32_t)s->p->parts, end = directory_slice(parts, s->ranks, s->rank + 1);
  double *by_rule = reach_by_rule(s);
  bool *sends = check_allocate(parts, sizeof *sends);
  int mine = 0, most;
  size_t next = 0;
  for (uint32_t from = directory_slice(parts, s->ranks, s->rank); from < end; from++) {
    if (!has_neurons(s, (int)from)) continue;
    memset(sends, 0, parts * sizeof *sends);
    for (; next < s->senders && s->sends[next].from == from; next++)
      sends[s->sends[next].part] = true;
    const int neighbours = count_neighbours(s, by_rule, (int)from, sends);
    if (neighbours > mine) mine = neighbours;
  }
  free(by_rule);
  free(sends);
  AGREE_MPI(MPI_Allreduce(&mine, &most, 1, MPI_INT, MPI_MAX, s->comm));
  return most;
}

err partition_measure(MPI_Comm comm, const network *n, const model *m, const partition *p,
                      partition_quality *quality) {
  const size_t populations = (size_t)m->populations, parts = (size_t)p->parts;
  measure s = {.comm = comm, .m = m, .p = p};
  MPI_Comm_rank(comm, &s.rank);
  MPI_Comm_size(comm, &s.ranks);
  s.count = check_allocate(populations * parts, sizeof *s.count);
  s.incoming = check_allocate(populations * parts, sizeof *s.incoming);
  s.hits = check_allocate(populations * parts, sizeof *s.hits);
  s.cut = check_allocate(populations, sizeof *s.cut);
  s.log_miss = check_allocate(populations * parts, sizeof *s.log_miss);
  s.by_rule = check_allocate((size_t)m->projections, sizeof *s.by_rule);
  for (int j = 0; j < m->projections; j++)
    s.by_rule[j] = m->projection[j].rule != RULE_FILE && m->projection[j].rule != RULE_ONE_TO_ONE;
  count_neurons(&s);
  measure_explicit(&s, n);
  sum_tables(&s);
  partition_rules_log_miss(m, p->parts, s.count, s.by_rule, s.log_miss);
  *quality = (partition_quality){.seconds = p->seconds};
  sum_volume(&s, quality);
  sum_cut(&s, quality);
  sum_loads(&s, quality);
  quality->neighbours_max = most_neighbours(&s);
  free(s.count);
  free(s.incoming);
  free(s.hits);
  free(s.cut);
  free(s.sends);
  free(s.log_miss);
  free(s.by_rule);
  return OK;
}
