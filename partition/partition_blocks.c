/* partition_blocks.c - the neurons of one rank in blocks. */
#include "partition.h"
#include "partition_graph.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static bool all_from_files(const model *m) {
  for (int j = 0; j < m->projections; j++)
    if (m->projection[j].rule != RULE_FILE) return false;
  return m->projections > 0;
}

/* The i-th run of a population to block i, runs as equal as can be; what is left over goes round.
 */
static void share_populations(const model *m, uint32_t count, const uint32_t *owned, int blocks,
                              uint32_t *block) {
  uint32_t next = 0, i = 0;
  while (i < count) {
    const model_population *p = &m->population[model_population_of(m, owned[i])];
    const uint64_t last = (uint64_t)p->first_gid + p->size;
    uint32_t end = i;
    while (end < count && owned[end] < last) end++;
    const uint32_t each = (end - i) / (uint32_t)blocks, over = (end - i) % (uint32_t)blocks;
    for (uint32_t b = 0; b < (uint32_t)blocks; b++) {
      const bool takes_one_more = (b + (uint32_t)blocks - next) % (uint32_t)blocks < over;
      for (uint32_t k = each + takes_one_more; k > 0; k--) block[i++] = b;
    }
    next = (next + over) % (uint32_t)blocks;
  }
}

static int compare_gid(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static uint32_t index_of(uint32_t count, const uint32_t *sorted, uint32_t gid) {
  uint32_t low = 0, high = count;
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    if (sorted[middle] <= gid)
      low = middle;
    else
      high = middle;
  }
  return low;
}

/* In-edges of the owned neurons: sources, and targets as index into owned. */
static size_t list_edges(const network *n, uint32_t count, const uint32_t *owned,
                         network_edges *edges, uint32_t **target) {
  size_t capacity = 0;
  *target = NULL;
  for (uint32_t i = 0; i < count; i++) {
    const size_t before = edges->count;
    network_in_sources(n, owned[i], edges);
    *target = check_grow(*target, &capacity, edges->count, sizeof **target);
    for (size_t e = before; e < edges->count; e++) (*target)[e] = i;
  }
  return edges->count;
}

/* Distinct sources, ascending; caller frees. */
static uint32_t *distinct(size_t count, const uint32_t *source, uint32_t *number) {
  uint32_t *sorted = check_allocate(count, sizeof *sorted);
  for (size_t e = 0; e < count; e++) sorted[e] = source[e];
  qsort(sorted, count, sizeof *sorted, compare_gid);
  size_t kept = 0;
  for (size_t e = 0; e < count; e++)
    if (kept == 0 || sorted[kept - 1] != sorted[e]) sorted[kept++] = sorted[e];
  *number = (uint32_t)kept;
  return sorted;
}

/* Vertices: the owned neurons as targets, and after them their sources, which weigh nothing. The
 * directed volume is then the number of (source, block) runs, less one for each source.       */
static err divide_graph(const network *n, const model *m, uint32_t count, const uint32_t *owned,
                        int blocks, uint32_t *block) {
  network_edges edges = {0};
  uint32_t *target, sources;
  const size_t number = list_edges(n, count, owned, &edges, &target);
  uint32_t *source = distinct(number, edges.source, &sources);
  const uint32_t vertices = count + sources;
  double *rate = check_allocate(vertices, sizeof *rate);
  for (uint32_t i = 0; i < count; i++) rate[i] = 1;
  for (uint32_t i = 0; i < sources; i++)
    rate[count + i] = m->population[model_population_of(m, source[i])].expected_rate;
  for (size_t e = 0; e < number; e++)
    edges.source[e] = count + index_of(sources, source, edges.source[e]);
  free(source);
  free(edges.weight);
  free(edges.delay);
  free(edges.receptor);
  partition_graph g;
  partition_graph_build(&g, vertices, number, edges.source, target, rate);
  free(rate);
  for (uint32_t i = count; i < vertices; i++) g.load[PARTITION_LOAD_UPDATE][i] = 0;
  int32_t *part = check_allocate(vertices, sizeof *part);
  const err e = partition_graph_divide(&g, blocks, part);
  for (uint32_t i = 0; i < count && e == OK; i++) block[i] = (uint32_t)part[i];
  free(part);
  partition_graph_free(&g);
  return e;
}

static uint32_t largest_block(uint32_t count, const uint32_t *block, int blocks) {
  uint32_t *size = check_allocate((size_t)blocks, sizeof *size), largest = 0;
  for (uint32_t i = 0; i < count; i++)
    if (++size[block[i]] > largest) largest = size[block[i]];
  free(size);
  return largest;
}

double partition_blocks_bytes(double owned, double neurons, double edges) {
  const double bytes = partition_graph_bytes(owned + fmin(neurons, edges), edges);
  return bytes <= PARTITION_GRAPH_BYTES ? bytes : 0;
}

/* By a graph, where it is worth it and a rank can have it. */
static bool by_graph(const network *n, const model *m, uint32_t count, const uint32_t *owned,
                     int blocks) {
  double edges = 0;
  for (uint32_t i = 0; i < count; i++)
    edges += network_expected_indegree(n, model_population_of(m, owned[i]));
  return blocks > 1 && count >= (uint32_t)blocks && all_from_files(m) &&
         partition_blocks_bytes(count, m->neurons, edges) > 0;
}

err partition_blocks(const network *n, const model *m, uint32_t count, const uint32_t *owned,
                     int blocks, uint32_t most, uint32_t *block) {
  if (by_graph(n, m, count, owned, blocks)) {
    const err e = divide_graph(n, m, count, owned, blocks, block);
    if (e != OK || largest_block(count, block, blocks) <= most) return e;
  }
  share_populations(m, count, owned, blocks, block);
  return OK;
}
