#include "partition_explicit.h"
#include "agree.h"
#include "directory.h"
#include "partition_coarsen.h"
#include "partition_graph.h"
#include "partition_rules.h"
#include "random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void partition_explicit_populations(const model *m, bool *explicit) {
  for (int j = 0; j < m->projections; j++)
    if (m->projection[j].rule == RULE_FILE)
      explicit[m->projection[j].source] = explicit[m->projection[j].target] = true;
  for (bool grown = true; grown;) {
    grown = false;
    for (int j = 0; j < m->projections; j++) {
      const model_projection *p = &m->projection[j];
      if (p->rule != RULE_ONE_TO_ONE || explicit[p->source] == explicit[p->target]) continue;
      explicit[p->source] = explicit[p->target] = grown = true;
    }
  }
}

/* The one_to_one edges whose targets are in gids [slice_first, slice_end); only their number where
 * source is NULL.                                                                              */
static size_t one_to_one(const model *m, int projection, uint32_t slice_first, uint32_t slice_end,
                         uint32_t *source, uint32_t *target) {
  const model_projection *p = &m->projection[projection];
  const model_population *from = &m->population[p->source], *to = &m->population[p->target];
  if (p->source == p->target && !p->autapses) return 0;
  const uint32_t size = to->size < from->size ? to->size : from->size;
  const uint32_t begin = slice_first > to->first_gid ? slice_first - to->first_gid : 0;
  uint32_t end = slice_end > to->first_gid ? slice_end - to->first_gid : 0;
  if (end > size) end = size;
  for (uint32_t node = begin; source && node < end; node++) {
    source[node - begin] = from->first_gid + node;
    target[node - begin] = to->first_gid + node;
  }
  return end > begin ? end - begin : 0;
}

void partition_explicit_edges(MPI_Comm comm, const network *n, const model *m, const bool *chosen,
                              size_t *count, uint32_t **source, uint32_t **target) {
  int rank, ranks;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  const uint32_t first = directory_slice(m->neurons, ranks, rank);
  const uint32_t end = directory_slice(m->neurons, ranks, rank + 1);
  network_explicit_edges(n, count, source, target);
  size_t source_capacity = *count, target_capacity = *count;
  for (int j = 0; j < m->projections; j++) {
    const model_projection *p = &m->projection[j];
    if (p->rule != RULE_ONE_TO_ONE || !chosen[p->source] || !chosen[p->target]) continue;
    const size_t needed = *count + one_to_one(m, j, first, end, NULL, NULL);
    *source = check_grow(*source, &source_capacity, needed, sizeof **source);
    *target = check_grow(*target, &target_capacity, needed, sizeof **target);
    *count += one_to_one(m, j, first, end, *source + *count, *target + *count);
  }
}

/* Vertices: neurons of explicit populations, in gid order. */
typedef struct {
  const model *m;
  const bool *explicit;
  uint32_t *first; /* [populations + 1] */
  double *events;  /* [this rank's vertices] by all edges; NULL: by those of the graph */
} numbering;

static uint32_t vertex_of(const numbering *v, uint32_t gid) {
  const int p = model_population_of(v->m, gid);
  return v->first[p] + (gid - v->m->population[p].first_gid);
}

/* On rank 0: make the graph and divide it. Frees source and target. events: all ranks', or NULL. */
static err divide(const numbering *v, size_t edges, uint32_t *source, uint32_t *target,
                  const double *events, int parts, int32_t *part) {
  const model *m = v->m;
  const uint32_t vertices = v->first[m->populations];
  double *rate = check_allocate(vertices, sizeof *rate);
  partition_graph g;
  for (int p = 0; p < m->populations; p++)
    for (uint32_t i = v->first[p]; i < v->first[p + 1]; i++)
      rate[i] = m->population[p].expected_rate;
  partition_graph_build(&g, vertices, edges, source, target, rate);
  free(rate);
  for (int p = 0; p < m->populations; p++) {
    const double by_rule = partition_rule_events(m, p, false);
    for (uint32_t i = v->first[p]; i < v->first[p + 1]; i++)
      g.load[PARTITION_LOAD_EVENTS][i] += by_rule;
  }
  if (events) memcpy(g.load[PARTITION_LOAD_EVENTS], events, vertices * sizeof *events);
  const err e = partition_graph_divide(&g, parts, part);
  partition_graph_free(&g);
  return e;
}

/* part[numbers->count] of this rank's vertices; frees source and target. */
static err divide_gathered(const numbering *v, const partition_links *numbers, size_t count,
                           uint32_t *source, uint32_t *target, int parts, uint32_t *part) {
  int rank;
  MPI_Comm_rank(numbers->comm, &rank);
  size_t edges, vertices;
  double *events = v->events ? partition_links_gather(numbers->comm, sizeof *events, numbers->count,
                                                      v->events, &vertices)
                             : NULL;
  uint32_t *sources = partition_links_gather(numbers->comm, sizeof *source, count, source, &edges);
  free(source);
  uint32_t *targets = partition_links_gather(numbers->comm, sizeof *target, count, target, &edges);
  free(target);
  int32_t *found = rank == 0 ? check_allocate(numbers->vertices, sizeof *found) : NULL;
  err e = OK;
  if (rank == 0) {
    e = divide(v, edges, sources, targets, events, parts, found);
  } else {
    free(sources);
    free(targets);
  }
  free(events);
  e = agree(numbers->comm, e);
  if (e == OK) partition_links_scatter(numbers, found, part);
  free(found);
  return e;
}

/* ---- where that would be too much for one rank ---- */

static double mean_rate(const numbering *v) {
  double sum = 0;
  for (int q = 0; q < v->m->populations; q++)
    sum += v->m->population[q].expected_rate * (v->first[q + 1] - v->first[q]);
  return sum / v->first[v->m->populations];
}

/* Events, as a whole number: in units of a small part of the mean rate. */
static double events_of(double rate, double mean) { return round(rate / mean * 65536); }

/* The population of a vertex, which is often that of the one asked for before. */
static int population_of(const numbering *v, int q, uint32_t vertex) {
  while (vertex < v->first[q]) q--;
  while (vertex >= v->first[q + 1]) q++;
  return q;
}

/* Events of this rank's vertices by all edges, before some are left out: in rounds, so that few are
 * under way. */
static double *add_events(const numbering *v, const partition_links *numbers, size_t count,
                          const uint32_t *source, const uint32_t *target) {
  const size_t ROUND = (size_t)1 << 18;
  const double mean = mean_rate(v);
  double *sum = check_allocate(numbers->count, sizeof *sum);
  double *events = check_allocate(ROUND, sizeof *events);
  uint64_t rounds = (count + ROUND - 1) / ROUND;
  AGREE_MPI(MPI_Allreduce(MPI_IN_PLACE, &rounds, 1, MPI_UINT64_T, MPI_MAX, numbers->comm));
  int q = 0;
  for (uint32_t i = 0; i < numbers->count; i++) {
    q = population_of(v, q, numbers->first + i);
    sum[i] = events_of(partition_rule_events(v->m, q, false), mean);
  }
  for (size_t at = 0; rounds > 0; rounds--) {
    const size_t left = count - at, now = left < ROUND ? left : ROUND;
    for (size_t k = 0; k < now; k++) {
      q = population_of(v, q, source[at + k]);
      events[k] = events_of(v->m->population[q].expected_rate, mean);
    }
    partition_links_add(numbers, now, target + at, events, sum);
    at += now;
  }
  free(events);
  return sum;
}

/* The graph of vertices; frees source and target. */
static void make_links(MPI_Comm comm, const numbering *v, size_t count, uint32_t *source,
                       uint32_t *target, partition_links *g) {
  partition_link *link = check_allocate(count, sizeof *link);
  const double mean = mean_rate(v);
  int q = 0;
  for (size_t k = 0; k < count; k++) {
    q = population_of(v, q, source[k]);
    const int32_t cost = partition_graph_cost(v->m->population[q].expected_rate, mean);
    link[k] = (partition_link){source[k], target[k], (uint64_t)cost};
  }
  free(source);
  free(target);
  partition_links_make(comm, v->first[v->m->populations], count, link, g);
  for (uint32_t i = 0; i < g->count; i++) {
    g->load[PARTITION_LOAD_UPDATE][i] = 1;
    g->load[PARTITION_LOAD_EVENTS][i] = v->events[i];
  }
}

/* Explicit gids of this rank's slice of the directory, as vertices. */
static size_t own_vertices(const numbering *v, const partition *p, uint32_t *vertex) {
  size_t count = 0;
  for (uint32_t i = 0; i < p->slice_count; i++)
    if (v->explicit[model_population_of(v->m, p->slice_first + i)])
      vertex[count++] = vertex_of(v, p->slice_first + i);
  return count;
}

static void take_owners(const numbering *v, const partition_links *g, const uint32_t *part,
                        partition *p) {
  uint32_t *vertex = check_allocate(p->slice_count, sizeof *vertex);
  const size_t count = own_vertices(v, p, vertex);
  uint32_t *owner = partition_links_fetch(g, count, vertex, sizeof *part, part);
  for (uint32_t i = 0, k = 0; i < p->slice_count; i++)
    if (v->explicit[model_population_of(v->m, p->slice_first + i)]) p->slice_owner[i] = owner[k++];
  free(owner);
  free(vertex);
}

static err divide_coarsened(const numbering *v, const partition_links *numbers, size_t count,
                            uint32_t *source, uint32_t *target, double bytes, int parts,
                            uint32_t *part) {
  partition_links g;
  make_links(numbers->comm, v, count, source, target, &g);
  return partition_coarsen_divide(&g, parts, bytes, part);
}

static uint32_t *shrink(uint32_t *list, size_t count) {
  uint32_t *shrunk = realloc(list, (count + 1) * sizeof *shrunk);
  return shrunk ? shrunk : list;
}

/* Keep a share of the edges, the same whoever has them; returns how many. */
static size_t thin_out(double share, size_t count, uint32_t **source, uint32_t **target) {
  size_t kept = 0;
  for (size_t k = 0; k < count; k++) {
    const uint32_t from = (*source)[k], to = (*target)[k];
    if (random_unit(random_draw(0, RANDOM_SAMPLE, 0, from, to).word[0]) > share) continue;
    (*source)[kept] = from;
    (*target)[kept++] = to;
  }
  *source = shrink(*source, kept);
  *target = shrink(*target, kept);
  return kept;
}

/* A graph of which only the vertices are known. */
static partition_links number_vertices(MPI_Comm comm, uint32_t vertices) {
  int rank, ranks;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  const uint32_t first = directory_slice(vertices, ranks, rank);
  return (partition_links){.comm = comm,
                           .vertices = vertices,
                           .first = first,
                           .count = directory_slice(vertices, ranks, rank + 1) - first};
}

err partition_explicit_divide(MPI_Comm comm, const network *n, const model *m, const bool *explicit,
                              double bytes, partition *p) {
  numbering v = {.m = m, .explicit = explicit};
  v.first = check_allocate((size_t)m->populations + 1, sizeof *v.first);
  for (int q = 0; q < m->populations; q++)
    v.first[q + 1] = v.first[q] + (explicit[q] ? m->population[q].size : 0);
  size_t count;
  uint32_t *source, *target;
  partition_explicit_edges(comm, n, m, explicit, &count, &source, &target);
  for (size_t i = 0; i < count; i++) {
    source[i] = vertex_of(&v, source[i]);
    target[i] = vertex_of(&v, target[i]);
  }
  const partition_links numbers = number_vertices(comm, v.first[m->populations]);
  bool whole;
  const double share = partition_coarsen_share(
      numbers.vertices, (double)partition_links_sum(comm, count), bytes, &whole);
  if (share < 1 || !whole) v.events = add_events(&v, &numbers, count, source, target);
  if (share < 1) count = thin_out(share, count, &source, &target);
  uint32_t *part = check_allocate(numbers.count, sizeof *part);
  const err e = whole
                    ? divide_gathered(&v, &numbers, count, source, target, p->parts, part)
                    : divide_coarsened(&v, &numbers, count, source, target, bytes, p->parts, part);
  if (e == OK) take_owners(&v, &numbers, part, p);
  free(part);
  free(v.events);
  free(v.first);
  return e;
}
