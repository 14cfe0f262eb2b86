/* partition_metis.c - the calls into METIS (Karypis & Kumar 1998), and the choice among its
 * answers. */
#include "partition_graph.h"

#include <math.h>
#include <metis.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What is tried, in this order. METIS's edge cut takes a quarter of the time of its volume, and is
 * nearly as good once refined.                                                                */
static const struct {
  mobjtype_et minimised;
  int seed;
} candidate[] = {{METIS_OBJTYPE_CUT, 2}, {METIS_OBJTYPE_VOL, 1}, {METIS_OBJTYPE_CUT, 3}};

/* Candidates cost time in proportion to the edges: small graphs can afford more.   */
enum {
  CANDIDATES_MAX = sizeof candidate / sizeof candidate[0],
  CANDIDATES_MIN = 1,
  CANDIDATE_EDGES = 16000000
};

typedef struct { /* the undirected graph as METIS takes it */
  idx_t vertices, *first, *neighbour, *weight, *size;
  idx_t *link; /* weights of edges; NULL: 1 each */
} metis_graph;

static void metis_graph_free(metis_graph *m) {
  free(m->first);
  free(m->neighbour);
  free(m->weight);
  free(m->link);
  free(m->size);
}

/* Merge the rows of out and in (both ascending). With neighbour == NULL it only counts.          */
static size_t merge_rows(const partition_graph *g, metis_graph *m) {
  size_t entries = 0;
  for (uint32_t v = 0; v < g->vertices; v++) {
    size_t o = g->out_first[v], i = g->in_first[v];
    const size_t o_end = g->out_first[v + 1], i_end = g->in_first[v + 1];
    while (o < o_end || i < i_end) {
      const bool from_out = i == i_end || (o < o_end && g->out[o] < g->in[i]);
      const uint32_t next = from_out ? g->out[o] : g->in[i];
      if (m->neighbour) m->neighbour[entries] = (idx_t)next;
      entries++;
      if (o < o_end && g->out[o] == next) o++;
      if (i < i_end && g->in[i] == next) i++;
    }
    if (m->neighbour) m->first[v + 1] = (idx_t)entries;
  }
  return entries;
}

/* Loads as integers whose sum stays far below idx_t's end. */
static void set_weights(const partition_graph *g, metis_graph *m) {
  const double room = fmin((double)IDX_MAX / 4, 0x1p40);
  m->weight = check_allocate((size_t)g->vertices * PARTITION_LOADS, sizeof(idx_t));
  for (int c = 0; c < PARTITION_LOADS; c++) {
    double sum = 0;
    for (uint32_t v = 0; v < g->vertices; v++) sum += g->load[c][v];
    const double scale = sum > 0 ? fmin(room / sum, 1024) : 0;
    for (uint32_t v = 0; v < g->vertices; v++)
      m->weight[(size_t)v * PARTITION_LOADS + (size_t)c] =
          sum > 0 ? (idx_t)(g->load[c][v] * scale + 0.5) : 1;
  }
}

static err metis_graph_make(const partition_graph *g, metis_graph *m) {
  const double largest = (double)IDX_MAX;
  *m = (metis_graph){.vertices = (idx_t)g->vertices};
  err e = partition_graph_fits("the number of neurons", g->vertices, largest / PARTITION_LOADS);
  if (e != OK) return e;
  const size_t entries = merge_rows(g, m);
  e = partition_graph_fits("the number of adjacency entries", (double)entries, largest);
  if (e != OK) return e;
  m->first = check_allocate((size_t)g->vertices + 1, sizeof(idx_t));
  m->neighbour = check_allocate(entries, sizeof(idx_t));
  merge_rows(g, m);
  set_weights(g, m);
  double volume = 0; /* the largest that METIS could sum up to */
  for (uint32_t v = 0; v < g->vertices; v++)
    volume += (double)g->cost[v] * (double)(m->first[v + 1] - m->first[v]);
  const double scale = fmin(1, largest / 4 / fmax(volume, 1));
  m->size = check_allocate(g->vertices, sizeof(idx_t));
  for (uint32_t v = 0; v < g->vertices; v++) m->size[v] = (idx_t)fmax(1, g->cost[v] * scale);
  return OK;
}

static void divide_once(metis_graph *m, int parts, mobjtype_et minimised, int seed, idx_t *part) {
  idx_t options[METIS_NOPTIONS], loads = PARTITION_LOADS, number = parts, objective;
  METIS_SetDefaultOptions(options);
  options[METIS_OPTION_OBJTYPE] = minimised;
  options[METIS_OPTION_SEED] = seed;
  options[METIS_OPTION_UFACTOR] = (idx_t)lround((PARTITION_IMBALANCE_AIM - 1) * 1000);
  const int status =
      METIS_PartGraphKway(&m->vertices, &loads, m->first, m->neighbour, m->weight, m->size, m->link,
                          &number, NULL, NULL, options, &objective, part);
  if (status != METIS_OK) CHECK_ABORT("METIS failed (status %d)", status);
}

static double worst_imbalance(const partition_graph *g, int parts, const int32_t *part) {
  double worst = 1;
  for (int c = 0; c < PARTITION_LOADS; c++)
    worst = fmax(worst, partition_graph_imbalance(g, c, parts, part));
  return worst;
}

/* Too few vertices a part for METIS to halve: runs of equal length. */
static bool divide_runs(uint32_t vertices, int parts, uint32_t least, int32_t *part) {
  if (parts > 1 && vertices / least >= (uint32_t)parts) return false;
  for (uint32_t v = 0; v < vertices; v++)
    part[v] = (int32_t)((uint64_t)v * (uint64_t)parts / vertices);
  return true;
}

static int candidates_of(const partition_graph *g) {
  const size_t affordable = CANDIDATE_EDGES / (g->out_first[g->vertices] + 1);
  if (affordable < CANDIDATES_MIN) return CANDIDATES_MIN;
  return affordable > CANDIDATES_MAX ? CANDIDATES_MAX : (int)affordable;
}

/* The best of several; `part` holds it. */
static void divide_best(const partition_graph *g, metis_graph *m, int parts, int32_t *part) {
  idx_t *found = check_allocate(g->vertices, sizeof *found);
  int32_t *tried = check_allocate(g->vertices, sizeof *tried);
  int64_t best = INT64_MAX;
  double best_imbalance = INFINITY;
  for (int c = candidates_of(g) - 1; c >= 0; c--) {
    divide_once(m, parts, candidate[c].minimised, candidate[c].seed, found);
    for (uint32_t v = 0; v < g->vertices; v++) tried[v] = (int32_t)found[v];
    const int64_t volume = partition_refine(g, parts, PARTITION_IMBALANCE_AIM, tried);
    const double imbalance = fmax(worst_imbalance(g, parts, tried), PARTITION_IMBALANCE_BOUND);
    if (imbalance > best_imbalance || (imbalance == best_imbalance && volume >= best)) continue;
    best = volume;
    best_imbalance = imbalance;
    memcpy(part, tried, g->vertices * sizeof *part);
  }
  free(found);
  free(tried);
}

err partition_graph_divide(const partition_graph *g, int parts, int32_t *part) {
  metis_graph m;
  if (divide_runs(g->vertices, parts, 8, part)) {
    if (parts > 1) partition_refine(g, parts, PARTITION_IMBALANCE_AIM, part);
    return OK;
  }
  const err e = metis_graph_make(g, &m);
  if (e == OK) divide_best(g, &m, parts, part);
  metis_graph_free(&m);
  return e;
}

err partition_metis_cut(uint32_t vertices, const size_t *first, const uint32_t *to,
                        const double *weight, double *const load[PARTITION_LOADS], int parts,
                        int32_t *part) {
  const size_t n = vertices, links = first[n];
  if (divide_runs(vertices, parts, 4, part)) return OK;
  metis_graph m = {.vertices = (idx_t)vertices};
  err e = partition_graph_fits("the number of links between groups", (double)links, IDX_MAX);
  if (e != OK) return e;
  const partition_graph loads = {.vertices = vertices, .load = {load[0], load[1]}};
  double sum = 0;
  for (size_t k = 0; k < links; k++) sum += weight[k];
  const double scale = sum > 0 ? (double)IDX_MAX / 4 / sum : 0;
  m.first = check_allocate(n + 1, sizeof(idx_t));
  m.neighbour = check_allocate(links, sizeof(idx_t));
  m.link = check_allocate(links, sizeof(idx_t));
  m.size = check_allocate(n, sizeof(idx_t));
  idx_t entries = 0;
  for (size_t v = 0; v < n; v++) {
    m.size[v] = 1;
    for (size_t k = first[v]; k < first[v + 1]; k++) {
      const idx_t rounded = (idx_t)(weight[k] * scale + 0.5);
      if (to[k] == v || rounded < 1) continue;
      m.neighbour[entries] = (idx_t)to[k];
      m.link[entries++] = rounded;
    }
    m.first[v + 1] = entries;
  }
  set_weights(&loads, &m);
  idx_t *found = check_allocate(n, sizeof *found);
  divide_once(&m, parts, METIS_OBJTYPE_CUT, 2, found);
  for (size_t v = 0; v < n; v++) part[v] = (int32_t)found[v];
  free(found);
  metis_graph_free(&m);
  return OK;
}

/* Measured with random graphs of 20000 to 100000 vertices and 3 to 20 million edges (METIS 5.1, 32
 * bits): each of METIS's ever coarser graphs, of half as many vertices, keeps the edges that did
 * not fall together; the rest is the graph itself, twice, and the working space. */
double partition_graph_bytes(double vertices, double edges) {
  const double PAIR = 4 * sizeof(idx_t), GRAPH = 8 + 8 * sizeof(idx_t), VERTEX = 150, LEAST = 100;
  double bytes = edges * GRAPH + vertices * VERTEX;
  for (double left = vertices / 2; left > LEAST; left /= 2) {
    const double pairs = left * left / 2;
    bytes += PAIR * pairs * -expm1(-edges / pairs);
  }
  return bytes;
}
