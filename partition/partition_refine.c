/* partition_refine.c - lower the directed volume of a division by moving one vertex at a time.
 *
 * For every vertex u, reach(u) lists the parts that hold targets of u, and how many in each. Moving
 * v from part A to B frees A of every source u that has no other target there, and burdens B with
 * every source that has none there yet; as a source itself, v stops sending to B and starts to
 * send to A. That sum is the gain of a move.                                                  */
#include "partition_graph.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PASSES_MAX = 4, MOVES_WITHOUT_GAIN = 400 };
/* Steps over sources, 10 to 25 ns each, after which refining ends where it stands. */
#define WORK_MAX 400000000LL
#define NO_MOVE INT64_MIN

typedef struct {
  int32_t part;
  uint32_t count; /* targets there */
} reach;

typedef struct {
  const partition_graph *graph;
  int parts;
  int32_t *part;
  size_t *reach_first; /* [vertices + 1] room for each vertex's reach: min(targets, parts) */
  uint32_t *reaches;   /* [vertices] */
  reach *reach;
  double *load[PARTITION_LOADS], limit[PARTITION_LOADS]; /* [parts] */
  /* scratch of one vertex: cost of the sources that are present in a part already */
  int64_t *present; /* [parts] */
  int32_t *touched; /* [parts] parts whose `present` was set */
  int touches;
  bool *is_touched;
  /* heap of vertices by gain, largest first; ties by number */
  uint32_t *heap, heap_size;
  uint32_t *place; /* [vertices] position in heap + 1, or 0 */
  int64_t *gain;   /* [vertices] key in the heap */
  bool *moved;     /* [vertices] in this pass */
  /* vertices whose gain a move may have changed, each once */
  uint32_t *stale, stales;
  bool *is_stale; /* [vertices] */
  int64_t work;
} refiner;

static reach *reach_find(const refiner *r, uint32_t u, int32_t part) {
  reach *list = r->reach + r->reach_first[u];
  for (uint32_t i = 0; i < r->reaches[u]; i++)
    if (list[i].part == part) return &list[i];
  return NULL;
}

/* ---- heap ---- */

static bool before(const refiner *r, uint32_t a, uint32_t b) {
  return r->gain[a] != r->gain[b] ? r->gain[a] > r->gain[b] : a < b;
}

static void heap_put(refiner *r, uint32_t at, uint32_t v) {
  r->heap[at] = v;
  r->place[v] = at + 1;
}

static void heap_rise(refiner *r, uint32_t at) {
  const uint32_t v = r->heap[at];
  for (; at && before(r, v, r->heap[(at - 1) / 2]); at = (at - 1) / 2)
    heap_put(r, at, r->heap[(at - 1) / 2]);
  heap_put(r, at, v);
}

static void heap_sink(refiner *r, uint32_t at) {
  const uint32_t v = r->heap[at];
  for (;;) {
    uint32_t child = 2 * at + 1;
    if (child >= r->heap_size) break;
    if (child + 1 < r->heap_size && before(r, r->heap[child + 1], r->heap[child])) child++;
    if (!before(r, r->heap[child], v)) break;
    heap_put(r, at, r->heap[child]);
    at = child;
  }
  heap_put(r, at, v);
}

static void heap_remove(refiner *r, uint32_t v) {
  const uint32_t at = r->place[v] - 1, last = r->heap[--r->heap_size];
  r->place[v] = 0;
  if (last == v) return;
  heap_put(r, at, last);
  heap_rise(r, at);
  heap_sink(r, r->place[last] - 1);
}

/* Put v in the heap, or where it stands already move it to its place; NO_MOVE takes it out.      */
static void heap_set(refiner *r, uint32_t v, int64_t gain) {
  if (gain == NO_MOVE) {
    if (r->place[v]) heap_remove(r, v);
    return;
  }
  if (r->place[v] && r->gain[v] == gain) return;
  r->gain[v] = gain;
  if (!r->place[v]) heap_put(r, r->heap_size++, v);
  heap_rise(r, r->place[v] - 1);
  heap_sink(r, r->place[v] - 1);
}

/* ---- gains ---- */

static void touch(refiner *r, int32_t part, int64_t cost) {
  if (!r->is_touched[part]) {
    r->is_touched[part] = true;
    r->touched[r->touches++] = part;
  }
  r->present[part] += cost;
}

static bool overloaded(const refiner *r, int32_t part) {
  for (int c = 0; c < PARTITION_LOADS; c++)
    if (r->load[c][part] > r->limit[c]) return true;
  return false;
}

/* May v go from part a to b? It may not overload b, unless that still eases a worse overload.    */
static bool allowed(const refiner *r, uint32_t v, int32_t a, int32_t b) {
  for (int c = 0; c < PARTITION_LOADS; c++) {
    const double after = r->load[c][b] + r->graph->load[c][v];
    if (after > r->limit[c] && !(r->load[c][a] > r->limit[c] && after < r->load[c][a]))
      return false;
  }
  return true;
}

/* Sum up over the sources of v: what they save in part a once v is gone (returned), what they pay
 * where none of their targets is (*enter), and `present`.                                     */
static int64_t sum_sources(refiner *r, uint32_t v, int32_t a, int64_t *enter) {
  const partition_graph *g = r->graph;
  int64_t leave = 0;
  for (size_t e = g->in_first[v]; e < g->in_first[v + 1]; e++) {
    const uint32_t u = g->in[e];
    const reach *list = r->reach + r->reach_first[u];
    const int32_t home = r->part[u];
    bool home_listed = false;
    *enter += g->cost[u];
    r->work += 1 + r->reaches[u];
    for (uint32_t i = 0; i < r->reaches[u]; i++) {
      touch(r, list[i].part, g->cost[u]);
      if (list[i].part == home)
        home_listed = true;
      else if (list[i].part == a && list[i].count == 1)
        leave += g->cost[u];
    }
    if (!home_listed) touch(r, home, g->cost[u]);
  }
  return leave;
}

/* Best move of v: its gain and *to; NO_MOVE where it may go nowhere.                            */
static int64_t best_move(refiner *r, uint32_t v, int32_t *to) {
  const int32_t a = r->part[v];
  int64_t enter = 0, best = NO_MOVE;
  r->touches = 0;
  int64_t leave = sum_sources(r, v, a, &enter);
  const reach *own = r->reach + r->reach_first[v];
  for (uint32_t i = 0; i < r->reaches[v]; i++) touch(r, own[i].part, r->graph->cost[v]);
  if (reach_find(r, v, a)) leave -= r->graph->cost[v];
  if (overloaded(r, a)) /* anywhere is better */
    for (int32_t b = 0; b < r->parts; b++) touch(r, b, 0);
  for (int i = 0; i < r->touches; i++) {
    const int32_t b = r->touched[i];
    const int64_t gain = leave - enter + r->present[b];
    r->present[b] = 0;
    r->is_touched[b] = false;
    if (b == a || gain < best || !allowed(r, v, a, b)) continue;
    if (gain > best || r->load[0][b] < r->load[0][*to] ||
        (r->load[0][b] == r->load[0][*to] && b < *to)) {
      best = gain;
      *to = b;
    }
  }
  return best;
}

/* Bring v's place in the heap up to date. */
static void refresh(refiner *r, uint32_t v) {
  int32_t to = -1;
  heap_set(r, v, best_move(r, v, &to));
}

/* ---- moves ---- */

/* A target of u left `from` for `to`. True where that may change the gain of u's other targets.  */
static bool reach_shift(refiner *r, uint32_t u, int32_t from, int32_t to) {
  reach *list = r->reach + r->reach_first[u], *left = reach_find(r, u, from);
  const bool critical = --left->count <= 1;
  if (left->count == 0) *left = list[--r->reaches[u]];
  reach *joined = reach_find(r, u, to);
  if (!joined) {
    joined = &list[r->reaches[u]++];
    *joined = (reach){to, 0};
  }
  return ++joined->count <= 2 || critical;
}

static void mark_stale(refiner *r, uint32_t v) {
  if (r->is_stale[v] || r->moved[v]) return;
  r->is_stale[v] = true;
  r->stale[r->stales++] = v;
}

static void move(refiner *r, uint32_t v, int32_t to) {
  const partition_graph *g = r->graph;
  const int32_t from = r->part[v];
  r->part[v] = to;
  for (int c = 0; c < PARTITION_LOADS; c++) {
    r->load[c][from] -= g->load[c][v];
    r->load[c][to] += g->load[c][v];
  }
  for (size_t e = g->in_first[v]; e < g->in_first[v + 1]; e++) {
    const uint32_t u = g->in[e];
    if (reach_shift(r, u, from, to))
      for (size_t f = g->out_first[u]; f < g->out_first[u + 1]; f++) mark_stale(r, g->out[f]);
    mark_stale(r, u);
  }
  for (size_t e = g->out_first[v]; e < g->out_first[v + 1]; e++) mark_stale(r, g->out[e]);
}

static void refresh_stale(refiner *r) {
  for (uint32_t i = 0; i < r->stales; i++) {
    refresh(r, r->stale[i]);
    r->is_stale[r->stale[i]] = false;
  }
  r->stales = 0;
}

typedef struct {
  uint32_t vertex;
  int32_t from;
} undo;

/* One pass: every vertex moves at most once, the best first; what did not pay is undone. Returns
 * whether anything stayed moved.                                                              */
static bool pass(refiner *r) {
  const partition_graph *g = r->graph;
  size_t capacity = 0, moves = 0, kept = 0;
  undo *log = NULL;
  int64_t sum = 0, best = 0;
  memset(r->moved, 0, g->vertices);
  memset(r->place, 0, g->vertices * sizeof *r->place);
  memset(r->is_stale, 0, g->vertices);
  r->heap_size = r->stales = 0;
  for (uint32_t v = 0; v < g->vertices; v++) refresh(r, v);
  while (r->heap_size && moves - kept < MOVES_WITHOUT_GAIN && r->work < WORK_MAX) {
    const uint32_t v = r->heap[0];
    int32_t to = -1;
    const int64_t gain = best_move(r, v, &to);
    if (gain != r->gain[v]) { /* the loads changed meanwhile */
      heap_set(r, v, gain);
      continue;
    }
    heap_remove(r, v);
    r->moved[v] = true;
    log = check_grow(log, &capacity, moves + 1, sizeof *log);
    log[moves++] = (undo){v, r->part[v]};
    const bool eases = overloaded(r, r->part[v]); /* worth its price in volume */
    move(r, v, to);
    refresh_stale(r);
    sum += gain;
    if (sum > best || eases) {
      best = sum;
      kept = moves;
    }
  }
  for (; moves > kept; moves--) move(r, log[moves - 1].vertex, log[moves - 1].from);
  free(log);
  return kept > 0;
}

/* ---- the whole ---- */

static void start_reach(refiner *r) {
  const partition_graph *g = r->graph;
  r->reach_first = check_allocate((size_t)g->vertices + 1, sizeof *r->reach_first);
  r->reaches = check_allocate(g->vertices, sizeof *r->reaches);
  for (uint32_t u = 0; u < g->vertices; u++) {
    const size_t targets = g->out_first[u + 1] - g->out_first[u];
    r->reach_first[u + 1] =
        r->reach_first[u] + (targets < (size_t)r->parts ? targets : (size_t)r->parts);
  }
  r->reach = check_allocate(r->reach_first[g->vertices], sizeof *r->reach);
  for (uint32_t u = 0; u < g->vertices; u++)
    for (size_t e = g->out_first[u]; e < g->out_first[u + 1]; e++) {
      reach *found = reach_find(r, u, r->part[g->out[e]]);
      if (!found) {
        found = &r->reach[r->reach_first[u] + r->reaches[u]++];
        found->part = r->part[g->out[e]];
      }
      found->count++;
    }
}

static void start(refiner *r, double limit) {
  const partition_graph *g = r->graph;
  const size_t parts = (size_t)r->parts;
  start_reach(r);
  for (int c = 0; c < PARTITION_LOADS; c++) {
    double sum = 0;
    r->load[c] = check_allocate(parts, sizeof(double));
    for (uint32_t v = 0; v < g->vertices; v++) r->load[c][r->part[v]] += g->load[c][v];
    for (size_t p = 0; p < parts; p++) sum += r->load[c][p];
    r->limit[c] = sum / (double)parts * limit;
  }
  r->present = check_allocate(parts, sizeof *r->present);
  r->touched = check_allocate(parts, sizeof *r->touched);
  r->is_touched = check_allocate(parts, sizeof *r->is_touched);
  r->heap = check_allocate(g->vertices, sizeof *r->heap);
  r->place = check_allocate(g->vertices, sizeof *r->place);
  r->gain = check_allocate(g->vertices, sizeof *r->gain);
  r->moved = check_allocate(g->vertices, sizeof *r->moved);
  r->stale = check_allocate(g->vertices, sizeof *r->stale);
  r->is_stale = check_allocate(g->vertices, sizeof *r->is_stale);
}

static void finish(refiner *r) {
  free(r->reach_first);
  free(r->reaches);
  free(r->reach);
  for (int c = 0; c < PARTITION_LOADS; c++) free(r->load[c]);
  free(r->present);
  free(r->touched);
  free(r->is_touched);
  free(r->heap);
  free(r->place);
  free(r->gain);
  free(r->moved);
  free(r->stale);
  free(r->is_stale);
}

int64_t partition_refine(const partition_graph *g, int parts, double limit, int32_t *part) {
  refiner r = {.graph = g, .parts = parts, .part = part};
  start(&r, limit);
  for (int i = 0; i < PASSES_MAX && r.work < WORK_MAX && pass(&r); i++) continue;
  finish(&r);
  return partition_graph_volume(g, parts, part);
}
