/* partition_graph.c - the graph in compressed rows, the same from edges in any order. */
#include "partition_graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Counts at [key + 1] -> starts at [key]. */
static void starts_of_counts(size_t *first, uint32_t vertices) {
  for (uint32_t v = 0; v < vertices; v++) first[v + 1] += first[v];
}

/* Turn rows around: rows of the values, each ascending in the keys.                              */
static void transpose(uint32_t vertices, const size_t *first, const uint32_t *value,
                      size_t *turned_first, uint32_t *turned) {
  memset(turned_first, 0, ((size_t)vertices + 1) * sizeof *turned_first);
  for (size_t e = 0; e < first[vertices]; e++) turned_first[value[e] + 1]++;
  starts_of_counts(turned_first, vertices);
  size_t *next = check_allocate(vertices, sizeof *next);
  memcpy(next, turned_first, vertices * sizeof *next);
  for (uint32_t v = 0; v < vertices; v++)
    for (size_t e = first[v]; e < first[v + 1]; e++) turned[next[value[e]]++] = v;
  free(next);
}

/* Drop repeated neighbours (they stand side by side) and v itself. */
static void make_distinct(uint32_t vertices, size_t *first, uint32_t *value) {
  size_t kept = 0, begin = 0;
  for (uint32_t v = 0; v < vertices; v++) {
    const size_t end = first[v + 1], row = kept;
    for (size_t e = begin; e < end; e++)
      if (value[e] != v && (kept == row || value[kept - 1] != value[e])) value[kept++] = value[e];
    begin = end;
    first[v + 1] = kept;
  }
}

int32_t partition_graph_cost(double rate, double mean) {
  const double cost = round(rate / mean * 64);
  return cost < 1 ? 1 : cost > INT32_MAX / 2 ? INT32_MAX / 2 : (int32_t)cost;
}

static void set_cost(partition_graph *g, const double *rate) {
  double sum = 0;
  for (uint32_t v = 0; v < g->vertices; v++) sum += rate[v];
  for (uint32_t v = 0; v < g->vertices; v++)
    g->cost[v] = partition_graph_cost(rate[v], sum / g->vertices);
}

/* Rows of sources by target, in the order in which the edges came. */
static void rows_of_pairs(partition_graph *g, size_t edges, const uint32_t *source,
                          const uint32_t *target) {
  for (size_t e = 0; e < edges; e++) g->in_first[target[e] + 1]++;
  starts_of_counts(g->in_first, g->vertices);
  size_t *next = check_allocate(g->vertices, sizeof *next);
  memcpy(next, g->in_first, g->vertices * sizeof *next);
  for (size_t e = 0; e < edges; e++) g->in[next[target[e]]++] = source[e];
  free(next);
}

void partition_graph_build(partition_graph *g, uint32_t vertices, size_t edges, uint32_t *source,
                           uint32_t *target, const double *rate) {
  *g = (partition_graph){.vertices = vertices};
  g->out_first = check_allocate((size_t)vertices + 1, sizeof *g->out_first);
  g->in_first = check_allocate((size_t)vertices + 1, sizeof *g->in_first);
  g->in = check_allocate(edges, sizeof *g->in);
  rows_of_pairs(g, edges, source, target);
  free(source);
  free(target);
  g->cost = check_allocate(vertices, sizeof *g->cost);
  set_cost(g, rate);
  for (int c = 0; c < PARTITION_LOADS; c++) g->load[c] = check_allocate(vertices, sizeof(double));
  for (uint32_t v = 0; v < vertices; v++) g->load[PARTITION_LOAD_UPDATE][v] = 1;
  g->out = check_allocate(edges, sizeof *g->out);
  transpose(vertices, g->in_first, g->in, g->out_first, g->out);
  /* by source ascending, so that sums do not hang on the order in which edges came */
  for (uint32_t u = 0; u < vertices; u++)
    for (size_t e = g->out_first[u]; e < g->out_first[u + 1]; e++)
      g->load[PARTITION_LOAD_EVENTS][g->out[e]] += rate[u];
  make_distinct(vertices, g->out_first, g->out);
  transpose(vertices, g->out_first, g->out, g->in_first, g->in);
}

void partition_graph_free(partition_graph *g) {
  free(g->out_first);
  free(g->in_first);
  free(g->out);
  free(g->in);
  free(g->cost);
  for (int c = 0; c < PARTITION_LOADS; c++) free(g->load[c]);
  *g = (partition_graph){0};
}

int64_t partition_graph_volume(const partition_graph *g, int parts, const int32_t *part) {
  int64_t volume = 0;
  uint32_t *seen =
      check_allocate((size_t)parts, sizeof *seen); /* vertex + 1 that met a part last */
  for (uint32_t u = 0; u < g->vertices; u++) {
    seen[part[u]] = u + 1;
    for (size_t e = g->out_first[u]; e < g->out_first[u + 1]; e++)
      if (seen[part[g->out[e]]] != u + 1) {
        seen[part[g->out[e]]] = u + 1;
        volume += g->cost[u];
      }
  }
  free(seen);
  return volume;
}

double partition_graph_imbalance(const partition_graph *g, int load, int parts,
                                 const int32_t *part) {
  double *sum = check_allocate((size_t)parts, sizeof *sum), total = 0, largest = 0;
  for (uint32_t v = 0; v < g->vertices; v++) sum[part[v]] += g->load[load][v];
  for (int p = 0; p < parts; p++) {
    total += sum[p];
    if (sum[p] > largest) largest = sum[p];
  }
  free(sum);
  return total > 0 ? largest * parts / total : 1;
}

err partition_graph_fits(const char *what, double value, double largest) {
  if (value <= largest) return OK;
  return check_fail(
      ERR_USER,
      "the network is too large for METIS: %s is %.0f, and the installed METIS counts "
      "to %.0f (idx_t); choose block, round_robin or random, a partition from a file, "
      "or a METIS built with IDXTYPEWIDTH 64",
      what, value, largest);
}
