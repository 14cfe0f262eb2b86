#include "partition_links.h"
#include "agree.h"
#include "directory.h"

#include <stdlib.h>
#include <string.h>

int partition_links_rank(const partition_links *g, uint32_t vertex) {
  int ranks;
  MPI_Comm_size(g->comm, &ranks);
  return directory_slice_rank(g->vertices, ranks, vertex);
}

uint64_t partition_links_sum(MPI_Comm comm, uint64_t own) {
  uint64_t sum;
  AGREE_MPI(MPI_Allreduce(&own, &sum, 1, MPI_UINT64_T, MPI_SUM, comm));
  return sum;
}

/* ---- rows ---- */

/* Stably by `to`, digit by digit; takes over `link` and returns what is sorted. */
static partition_link *sort_links(size_t count, partition_link *link) {
  enum { BITS = 8, DIGITS = 1 << BITS };
  partition_link *other = check_allocate(count, sizeof *other);
  size_t *at = check_allocate(DIGITS + 1, sizeof *at);
  for (int shift = 0; shift < 32; shift += BITS) {
    memset(at, 0, (DIGITS + 1) * sizeof *at);
    for (size_t k = 0; k < count; k++) at[(link[k].to >> shift & (DIGITS - 1)) + 1]++;
    for (int d = 0; d < DIGITS; d++) at[d + 1] += at[d];
    for (size_t k = 0; k < count; k++) other[at[link[k].to >> shift & (DIGITS - 1)]++] = link[k];
    partition_link *swap = link;
    link = other;
    other = swap;
  }
  free(at);
  free(other);
  return link;
}

/* From sorted links, whose `to` become places in the list. */
static void list_near(partition_links *g, size_t count, partition_link *link) {
  for (size_t k = 0; k < count; k++) g->nears += k == 0 || link[k].to != link[k - 1].to;
  g->near = check_allocate(g->nears, sizeof *g->near);
  for (size_t k = 0, n = 0; k < count; k++) {
    if (n == 0 || link[k].to != g->near[n - 1]) g->near[n++] = link[k].to;
    link[k].to = (uint32_t)n - 1;
  }
}

/* Each row ascending in `to`, as the links are; parallel ones side by side. */
static void make_rows(partition_links *g, size_t count, const partition_link *link) {
  for (size_t k = 0; k < count; k++) g->row[link[k].from - g->first + 1]++;
  for (uint32_t i = 0; i < g->count; i++) g->row[i + 1] += g->row[i];
  size_t *next = check_allocate(g->count, sizeof *next);
  memcpy(next, g->row, g->count * sizeof *next);
  g->to = check_allocate(count, sizeof *g->to);
  g->weight = check_allocate(count, sizeof *g->weight);
  for (size_t k = 0; k < count; k++) {
    const size_t at = next[link[k].from - g->first]++;
    g->to[at] = link[k].to;
    g->weight[at] = link[k].weight;
  }
  free(next);
}

static void add_parallel(partition_links *g) {
  size_t kept = 0, begin = 0;
  for (uint32_t i = 0; i < g->count; i++) {
    const size_t end = g->row[i + 1], row = kept;
    for (size_t k = begin; k < end; k++) {
      if (kept > row && g->to[kept - 1] == g->to[k]) {
        g->weight[kept - 1] += g->weight[k];
        continue;
      }
      g->to[kept] = g->to[k];
      g->weight[kept++] = g->weight[k];
    }
    begin = end;
    g->row[i + 1] = kept;
  }
}

/* All links in both directions, each at the rank of its `from`; frees `link`. */
static partition_link *bring(const partition_links *g, size_t count, partition_link *link,
                             size_t *received) {
  size_t both = 0;
  partition_link *sent = check_allocate(2 * count, sizeof *sent);
  int *to = check_allocate(2 * count, sizeof *to);
  for (size_t k = 0; k < count; k++) {
    if (link[k].from == link[k].to) continue;
    sent[both++] = link[k];
    sent[both++] = (partition_link){link[k].to, link[k].from, link[k].weight};
  }
  free(link);
  for (size_t k = 0; k < both; k++) to[k] = partition_links_rank(g, sent[k].from);
  partition_link *got = directory_exchange(g->comm, sizeof *sent, both, sent, to, received);
  free(sent);
  free(to);
  return got;
}

void partition_links_make(MPI_Comm comm, uint32_t vertices, size_t count, partition_link *link,
                          partition_links *made) {
  int rank, ranks;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  partition_links *g = made;
  *g = (partition_links){.comm = comm, .vertices = vertices};
  g->first = directory_slice(vertices, ranks, rank);
  g->count = directory_slice(vertices, ranks, rank + 1) - g->first;
  g->row = check_allocate((size_t)g->count + 1, sizeof *g->row);
  for (int c = 0; c < PARTITION_LOADS; c++) g->load[c] = check_allocate(g->count, sizeof(double));
  link = bring(g, count, link, &count);
  link = sort_links(count, link);
  list_near(g, count, link);
  make_rows(g, count, link);
  free(link);
  add_parallel(g);
}

void partition_links_free(partition_links *g) {
  free(g->row);
  free(g->to);
  free(g->weight);
  free(g->near);
  for (int c = 0; c < PARTITION_LOADS; c++) free(g->load[c]);
  *g = (partition_links){0};
}

/* ---- what other ranks have ---- */

typedef struct {
  uint32_t vertex;
  int rank; /* that asks */
} question;

/* Answers come by rank, from each in the order in which it was asked. */
static void *in_order_asked(int ranks, size_t count, const int *asked_of, size_t size,
                            const char *answer) {
  size_t *next = check_allocate((size_t)ranks + 1, sizeof *next);
  for (size_t k = 0; k < count; k++) next[asked_of[k] + 1]++;
  for (int r = 0; r < ranks; r++) next[r + 1] += next[r];
  char *ordered = check_allocate(count, size);
  for (size_t k = 0; k < count; k++)
    memcpy(ordered + k * size, answer + next[asked_of[k]]++ * size, size);
  free(next);
  return ordered;
}

void *partition_links_fetch(const partition_links *g, size_t count, const uint32_t *asked,
                            size_t size, const void *own) {
  int rank, ranks;
  MPI_Comm_rank(g->comm, &rank);
  MPI_Comm_size(g->comm, &ranks);
  question *ask = check_allocate(count, sizeof *ask);
  int *of = check_allocate(count, sizeof *of);
  for (size_t k = 0; k < count; k++) {
    ask[k] = (question){asked[k], rank};
    of[k] = partition_links_rank(g, asked[k]);
  }
  size_t asked_here, answers;
  question *here = directory_exchange(g->comm, sizeof *ask, count, ask, of, &asked_here);
  free(ask);
  char *told = check_allocate(asked_here, size);
  int *to = check_allocate(asked_here, sizeof *to);
  for (size_t k = 0; k < asked_here; k++) {
    memcpy(told + k * size, (const char *)own + (here[k].vertex - g->first) * size, size);
    to[k] = here[k].rank;
  }
  free(here);
  char *answer = directory_exchange(g->comm, size, asked_here, told, to, &answers);
  free(told);
  free(to);
  void *ordered = in_order_asked(ranks, count, of, size, answer);
  free(answer);
  free(of);
  return ordered;
}

void *partition_links_gather(MPI_Comm comm, size_t size, size_t count, const void *own,
                             size_t *all) {
  int *to = check_allocate(count, sizeof *to); /* rank 0 */
  void *got = directory_exchange(comm, size, count, own, to, all);
  free(to);
  return got;
}

void partition_links_scatter(const partition_links *g, const int32_t *found, uint32_t *part) {
  int rank;
  MPI_Comm_rank(g->comm, &rank);
  const size_t vertices = rank == 0 ? g->vertices : 0;
  int *to = check_allocate(vertices, sizeof *to);
  for (size_t v = 0; v < vertices; v++) to[v] = partition_links_rank(g, (uint32_t)v);
  size_t count;
  int32_t *own = directory_exchange(g->comm, sizeof *own, vertices, found, to, &count);
  for (size_t i = 0; i < count; i++) part[i] = (uint32_t)own[i];
  free(own);
  free(to);
}

typedef struct {
  double value;
  uint32_t vertex;
} term;

void partition_links_add(const partition_links *g, size_t count, const uint32_t *vertex,
                         const double *value, double *sum) {
  term *mine = check_allocate(count, sizeof *mine);
  int *to = check_allocate(count, sizeof *to);
  for (size_t k = 0; k < count; k++) {
    mine[k] = (term){value[k], vertex[k]};
    to[k] = partition_links_rank(g, vertex[k]);
  }
  size_t received;
  term *got = directory_exchange(g->comm, sizeof *mine, count, mine, to, &received);
  for (size_t k = 0; k < received; k++) sum[got[k].vertex - g->first] += got[k].value;
  free(got);
  free(to);
  free(mine);
}

void partition_links_contract(const partition_links *g, uint32_t vertices, const uint32_t *group,
                              partition_links *made) {
  uint32_t *near = partition_links_fetch(g, g->nears, g->near, sizeof *group, group);
  partition_link *link = check_allocate_raw(g->row[g->count], sizeof *link);
  size_t count = 0;
  for (uint32_t i = 0; i < g->count; i++)
    for (size_t k = g->row[i]; k < g->row[i + 1]; k++) {
      /* each link stands in two rows; the higher and the lower vertex have half of them each */
      const uint32_t own = g->first + i, other = g->near[g->to[k]];
      if ((own < other) == ((own ^ other) & 1))
        link[count++] = (partition_link){group[i], near[g->to[k]], g->weight[k]};
    }
  free(near);
  partition_links_make(g->comm, vertices, count, link, made);
  for (int c = 0; c < PARTITION_LOADS; c++)
    partition_links_add(made, g->count, group, g->load[c], made->load[c]);
}
