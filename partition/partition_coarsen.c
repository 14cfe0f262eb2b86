/* partition_coarsen.c - groups of neurons by matching, level after level; METIS on the last one.
 *
 * In a round every free vertex proposes to the neighbour that it has the heaviest link to, for the
 * neurons of both; who propose to each other are a pair (Luby's handshake; the rating: Holtgrewe,
 * Sanders & Schulz 2010, "Engineering a scalable high quality graph partitioner"). Whoever is left
 * over where that pairs too few is paired with the next one left over. */
#include "partition_coarsen.h"
#include "agree.h"
#include "directory.h"
#include "partition.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 6, LEVELS_MAX = 64, GROUPS_A_PART = 16 };
static const double PAIRED_LEAST = 0.5; /* of all vertices, or those left over are paired as well */

typedef struct {
  const partition_links *g;
  double most[PARTITION_LOADS];       /* of a pair */
  double *near_load[PARTITION_LOADS]; /* [nears] */
  uint8_t *taken, *near_taken;        /* [count], [nears] */
  uint32_t *mate;                     /* [count] the vertex itself: none */
} matching;

typedef struct {
  uint32_t to, from;
} proposal;

/* The sum of the ranks before this one. */
static uint64_t sum_before(MPI_Comm comm, uint64_t own) {
  uint64_t sum = 0;
  int rank;
  MPI_Comm_rank(comm, &rank);
  AGREE_MPI(MPI_Exscan(&own, &sum, 1, MPI_UINT64_T, MPI_SUM, comm));
  return rank > 0 ? sum : 0;
}

static bool too_heavy(const matching *m, const double a[PARTITION_LOADS],
                      const double b[PARTITION_LOADS]) {
  for (int c = 0; c < PARTITION_LOADS; c++)
    if (a[c] + b[c] > m->most[c]) return true;
  return false;
}

/* Whom vertex first + i proposes to; itself: nobody. Of equals the one whose number has the most
 * leading digits in common: then both may well choose each other, and files often list neurons
 * beside their like. */
static uint32_t choose(const matching *m, uint32_t i) {
  const partition_links *g = m->g;
  const uint32_t own = g->first + i;
  const double load[PARTITION_LOADS] = {g->load[0][i], g->load[1][i]};
  uint32_t best = own;
  double best_rating = 0;
  for (size_t k = g->row[i]; k < g->row[i + 1]; k++) {
    const uint32_t at = g->to[k], other = g->near[at];
    const double its[PARTITION_LOADS] = {m->near_load[0][at], m->near_load[1][at]};
    if (m->near_taken[at] || too_heavy(m, load, its)) continue;
    const double rating =
        (double)g->weight[k] / (load[PARTITION_LOAD_UPDATE] * its[PARTITION_LOAD_UPDATE]);
    if (rating < best_rating || (rating == best_rating && (own ^ other) > (own ^ best))) continue;
    best = other;
    best_rating = rating;
  }
  return best;
}

/* Vertices that found a mate, on all ranks. */
static uint64_t propose(matching *m) {
  const partition_links *g = m->g;
  free(m->near_taken);
  m->near_taken = partition_links_fetch(g, g->nears, g->near, 1, m->taken);
  uint32_t *chosen = check_allocate(g->count, sizeof *chosen);
  proposal *mine = check_allocate(g->count, sizeof *mine);
  int *to = check_allocate(g->count, sizeof *to);
  size_t count = 0, received;
  for (uint32_t i = 0; i < g->count; i++) {
    const uint32_t own = g->first + i;
    chosen[i] = m->taken[i] ? own : choose(m, i);
    if (chosen[i] == own) continue;
    to[count] = partition_links_rank(g, chosen[i]);
    mine[count++] = (proposal){chosen[i], own};
  }
  proposal *got = directory_exchange(g->comm, sizeof *mine, count, mine, to, &received);
  uint64_t pairs = 0;
  for (size_t k = 0; k < received; k++) {
    const uint32_t i = got[k].to - g->first;
    if (chosen[i] != got[k].from) continue;
    m->mate[i] = got[k].from;
    m->taken[i] = 1;
    pairs++;
  }
  free(got);
  free(to);
  free(mine);
  free(chosen);
  return partition_links_sum(g->comm, pairs);
}

typedef struct { /* somebody left over, by number */
  uint32_t pair, vertex;
  double load[PARTITION_LOADS];
} leftover;

/* Tell the two of each pair of each other, unless they are too heavy together. */
static void introduce(matching *m, size_t count, const leftover *came, uint32_t first_pair,
                      uint32_t pairs) {
  const partition_links *g = m->g;
  const leftover **one = check_allocate(pairs, sizeof *one);
  proposal *told = check_allocate(count, sizeof *told);
  int *to = check_allocate(count, sizeof *to);
  size_t tells = 0, received;
  for (size_t k = 0; k < count; k++) {
    const leftover *b = &came[k], *a = one[b->pair - first_pair];
    one[b->pair - first_pair] = b;
    if (!a || too_heavy(m, a->load, b->load)) continue;
    told[tells++] = (proposal){a->vertex, b->vertex};
    told[tells++] = (proposal){b->vertex, a->vertex};
  }
  for (size_t k = 0; k < tells; k++) to[k] = partition_links_rank(g, told[k].to);
  proposal *got = directory_exchange(g->comm, sizeof *told, tells, told, to, &received);
  for (size_t k = 0; k < received; k++) m->mate[got[k].to - g->first] = got[k].from;
  free(got);
  free(to);
  free(told);
  free(one);
}

static void pair_leftovers(matching *m) {
  const partition_links *g = m->g;
  int rank, ranks;
  MPI_Comm_rank(g->comm, &rank);
  MPI_Comm_size(g->comm, &ranks);
  uint64_t left = 0;
  for (uint32_t i = 0; i < g->count; i++) left += !m->taken[i];
  uint64_t number = sum_before(g->comm, left);
  const uint32_t pairs = (uint32_t)((partition_links_sum(g->comm, left) + 1) / 2);
  const uint32_t first = directory_slice(pairs, ranks, rank);
  leftover *mine = check_allocate(left, sizeof *mine);
  int *to = check_allocate(left, sizeof *to);
  size_t count = 0, came;
  for (uint32_t i = 0; i < g->count; i++) {
    if (m->taken[i]) continue;
    mine[count] =
        (leftover){(uint32_t)(number++ / 2), g->first + i, {g->load[0][i], g->load[1][i]}};
    to[count] = directory_slice_rank(pairs, ranks, mine[count].pair);
    count++;
  }
  leftover *got = directory_exchange(g->comm, sizeof *mine, count, mine, to, &came);
  introduce(m, came, got, first, directory_slice(pairs, ranks, rank + 1) - first);
  free(got);
  free(to);
  free(mine);
}

/* Pairs and single vertices as groups: group[count] of this rank's; returns how many there are. */
static uint32_t number_groups(const matching *m, uint32_t *group) {
  const partition_links *g = m->g;
  uint64_t own = 0;
  for (uint32_t i = 0; i < g->count; i++) own += m->mate[i] >= g->first + i;
  uint64_t next = sum_before(g->comm, own);
  uint32_t *first = check_allocate(g->count, sizeof *first);
  size_t seconds = 0;
  for (uint32_t i = 0; i < g->count; i++)
    if (m->mate[i] >= g->first + i)
      group[i] = (uint32_t)next++;
    else
      first[seconds++] = m->mate[i];
  uint32_t *told = partition_links_fetch(g, seconds, first, sizeof *group, group);
  seconds = 0;
  for (uint32_t i = 0; i < g->count; i++)
    if (m->mate[i] < g->first + i) group[i] = told[seconds++];
  free(told);
  free(first);
  return (uint32_t)partition_links_sum(g->comm, own);
}

/* Join vertices in pairs of no more than most[] load. */
static uint32_t match(const partition_links *g, const double most[PARTITION_LOADS],
                      uint32_t *group) {
  matching m = {.g = g};
  memcpy(m.most, most, sizeof m.most);
  for (int c = 0; c < PARTITION_LOADS; c++)
    m.near_load[c] = partition_links_fetch(g, g->nears, g->near, sizeof(double), g->load[c]);
  m.taken = check_allocate(g->count, 1);
  m.mate = check_allocate(g->count, sizeof *m.mate);
  for (uint32_t i = 0; i < g->count; i++) m.mate[i] = g->first + i;
  uint64_t paired = 0, more = 1;
  for (int round = 0; round < ROUNDS && more > 0; round++) paired += more = propose(&m);
  if ((double)paired < PAIRED_LEAST * g->vertices) pair_leftovers(&m);
  const uint32_t groups = number_groups(&m, group);
  for (int c = 0; c < PARTITION_LOADS; c++) free(m.near_load[c]);
  free(m.near_taken);
  free(m.taken);
  free(m.mate);
  return groups;
}

/* ---- METIS ---- */

/* Rows of the whole graph on rank 0, as partition_metis_cut takes them. */
typedef struct {
  size_t *first; /* [vertices + 1] */
  uint32_t *to;
  double *weight, *load[PARTITION_LOADS];
} rows;

static rows gather_rows(const partition_links *g) {
  const size_t links = g->row[g->count];
  size_t *length = check_allocate(g->count, sizeof *length), count;
  uint32_t *to = check_allocate(links, sizeof *to);
  double *weight = check_allocate(links, sizeof *weight);
  for (uint32_t i = 0; i < g->count; i++) length[i] = g->row[i + 1] - g->row[i];
  for (size_t k = 0; k < links; k++) {
    to[k] = g->near[g->to[k]];
    weight[k] = (double)g->weight[k];
  }
  rows all;
  size_t *lengths = partition_links_gather(g->comm, sizeof *length, g->count, length, &count);
  free(length);
  all.first = check_allocate(count + 1, sizeof *all.first);
  for (size_t v = 0; v < count; v++) all.first[v + 1] = all.first[v] + lengths[v];
  free(lengths);
  all.to = partition_links_gather(g->comm, sizeof *to, links, to, &count);
  free(to);
  all.weight = partition_links_gather(g->comm, sizeof *weight, links, weight, &count);
  free(weight);
  for (int c = 0; c < PARTITION_LOADS; c++)
    all.load[c] = partition_links_gather(g->comm, sizeof(double), g->count, g->load[c], &count);
  return all;
}

static void rows_free(rows *all) {
  free(all->first);
  free(all->to);
  free(all->weight);
  for (int c = 0; c < PARTITION_LOADS; c++) free(all->load[c]);
}

/* METIS, and what it leaves uneven made even. */
static err divide_rows(uint32_t vertices, rows *all, int parts, int32_t *part) {
  const err e =
      partition_metis_cut(vertices, all->first, all->to, all->weight, all->load, parts, part);
  int32_t *cost = check_allocate(vertices, sizeof *cost);
  for (uint32_t v = 0; v < vertices; v++) cost[v] = 1;
  const partition_graph g = {.vertices = vertices,
                             .out_first = all->first,
                             .in_first = all->first,
                             .out = all->to,
                             .in = all->to,
                             .cost = cost,
                             .load = {all->load[0], all->load[1]}};
  bool uneven = false;
  for (int c = 0; e == OK && c < PARTITION_LOADS; c++)
    uneven |= partition_graph_imbalance(&g, c, parts, part) > PARTITION_IMBALANCE_BOUND;
  if (uneven) partition_refine(&g, parts, PARTITION_IMBALANCE_AIM, part);
  free(cost);
  return e;
}

static err divide_whole(const partition_links *g, int parts, uint32_t *part) {
  int rank;
  MPI_Comm_rank(g->comm, &rank);
  err e = partition_graph_fits("the number of links between groups",
                               (double)partition_links_sum(g->comm, g->row[g->count]), INT_MAX);
  if (e != OK) return e; /* the same on all ranks */
  rows all = gather_rows(g);
  int32_t *found = check_allocate(rank == 0 ? g->vertices : 0, sizeof *found);
  if (rank == 0) e = divide_rows(g->vertices, &all, parts, found);
  rows_free(&all);
  e = agree(g->comm, e);
  if (e == OK) partition_links_scatter(g, found, part);
  free(found);
  return e;
}

/* ---- the whole ---- */

/* Edges a neuron, mean: fewer tell too little of who belongs together; groups need more of them. */
double partition_coarsen_share(double vertices, double edges, double bytes, bool *whole) {
  const double LEAST = 30, OF_GROUPS = 100;
  double share = 1;
  while (partition_graph_bytes(vertices, share * edges) > bytes &&
         share * edges >= LEAST * vertices)
    share *= 0.95;
  *whole = partition_graph_bytes(vertices, share * edges) <= bytes;
  return *whole ? share : edges > OF_GROUPS * vertices ? OF_GROUPS * vertices / edges : 1;
}

/* All edges by their ends; an edge while the graph is made, in both directions: link, its
 * destination, sent and received (measured: 132 bytes in all, with the file's edges). Groups are as
 * many as are left at their largest (measured: 20 a part). */
void partition_metis_bytes(double vertices, double edges, int ranks, double *first, double *other) {
  const double ENDS = 8, EDGE = 124, GROUPS = 24;
  bool whole;
  const double kept =
      edges * partition_coarsen_share(vertices, edges, PARTITION_GRAPH_BYTES, &whole);
  *other = ENDS * edges / ranks;
  *first = fmax(partition_graph_bytes(vertices, kept), *other);
  if (whole) return;
  const double groups = fmin(vertices, GROUPS * ranks), pairs = groups * groups / 2;
  const double links = pairs * -expm1(-kept / pairs); /* different ones, of so many at random */
  *other = fmax(*other, EDGE * kept / ranks);
  *first = fmax(fmax(PARTITION_GRAPH_BYTES, partition_graph_bytes(groups, links)), *other);
}

typedef struct { /* what is left of a graph that was contracted */
  uint32_t count;
  uint32_t *group;        /* [count] of its vertices */
  partition_links groups; /* their numbers alone */
} level;

static double bytes_of(const partition_links *g) {
  return partition_graph_bytes(g->vertices,
                               (double)partition_links_sum(g->comm, g->row[g->count]) / 2);
}

static void load_of_a_group(const partition_links *g, int parts, double most[PARTITION_LOADS]) {
  for (int c = 0; c < PARTITION_LOADS; c++) {
    double sum = 0;
    for (uint32_t i = 0; i < g->count; i++) sum += g->load[c][i];
    AGREE_MPI(MPI_Allreduce(&sum, &most[c], 1, MPI_DOUBLE, MPI_SUM, g->comm));
    most[c] = ceil(most[c] / parts / GROUPS_A_PART);
  }
}

/* The graph becomes that of its groups. */
static level ascend(partition_links *g, const double most[PARTITION_LOADS]) {
  level l = {.count = g->count, .group = check_allocate(g->count, sizeof *l.group)};
  partition_links coarse;
  partition_links_contract(g, match(g, most, l.group), l.group, &coarse);
  partition_links_free(g);
  *g = coarse;
  l.groups = (partition_links){
      .comm = g->comm, .vertices = g->vertices, .first = g->first, .count = g->count};
  return l;
}

/* The parts of groups -> of their members; frees both. */
static uint32_t *descend(level *l, uint32_t *part) {
  uint32_t *members = partition_links_fetch(&l->groups, l->count, l->group, sizeof *part, part);
  free(l->group);
  free(part);
  return members;
}

err partition_coarsen_divide(partition_links *g, int parts, double bytes, uint32_t *part) {
  double most[PARTITION_LOADS];
  level levels[LEVELS_MAX];
  const uint32_t count = g->count;
  int depth = 0;
  load_of_a_group(g, parts, most);
  for (bool fewer = true; fewer && depth < LEVELS_MAX && bytes_of(g) > bytes; depth++) {
    const uint32_t before = g->vertices;
    levels[depth] = ascend(g, most);
    fewer = g->vertices < 0.95 * before;
  }
  uint32_t *own = check_allocate(g->count, sizeof *own);
  const err e = divide_whole(g, parts, own);
  partition_links_free(g);
  while (depth > 0) own = descend(&levels[--depth], own);
  memcpy(part, own, count * sizeof *part);
  free(own);
  return e;
}
