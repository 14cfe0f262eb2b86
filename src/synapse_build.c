#include "synapse.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct { /* one block while it is built */
  const network *n;
  const uint32_t *gid; /* [neurons] */
  synapse_block *b;
  uint32_t all;       /* neurons of the whole network */
  uint32_t *position; /* [sources] where the source's next synapse goes */
  int keys;           /* of (delay, receptor): (delay - 1) * receptors + receptor */
  void *key;          /* [synapses] uint8_t where that is enough, else uint16_t */
  bool narrow_key;
} builder;

static void free_edges(network_edges *edges) {
  free(edges->source);
  free(edges->weight);
  free(edges->delay);
  free(edges->receptor);
}

static err too_many(void) {
  return check_fail(ERR_USER,
                    "a block of %d neurons has 2^32 synapses or more: use more ranks or threads",
                    SYNAPSE_BLOCK_NEURONS);
}

/* The sources of the block, ascending; the number of synapses of each stands in the next one's
 * `first.place`. */
static void take_counts(builder *w, const uint32_t *count) {
  synapse_block *b = w->b;
  for (uint32_t g = 0; g < w->all; g++) b->sources += count[g] > 0;
  b->source = check_allocate((size_t)b->sources + 1, sizeof *b->source);
  for (uint32_t g = 0, i = 0; g < w->all; g++) {
    if (count[g] == 0) continue;
    b->source[i].gid = g;
    b->source[++i].first.place = count[g];
  }
}

/* Where the block has at least as many synapses as the network has neurons: a counter a neuron. */
static err count_dense(builder *w) {
  network_edges edges = {0};
  uint32_t *count = check_allocate(w->all, sizeof *count);
  uint64_t sum = 0;
  for (uint32_t i = 0; i < w->b->neurons; i++) {
    edges.count = 0;
    network_in_sources(w->n, w->gid[i], &edges);
    for (size_t k = 0; k < edges.count; k++) count[edges.source[k]]++;
    sum += edges.count;
  }
  free_edges(&edges);
  if (sum <= UINT32_MAX) take_counts(w, count);
  free(count);
  w->b->synapses = (uint32_t)sum;
  return sum <= UINT32_MAX ? OK : too_many();
}

static void radix_sort(uint32_t *values, size_t count) {
  uint32_t *other = check_allocate(count, sizeof *other);
  for (int shift = 0; shift < 32; shift += 8) {
    size_t at[257] = {0};
    for (size_t i = 0; i < count; i++) at[(values[i] >> shift & 255) + 1]++;
    for (int d = 0; d < 256; d++) at[d + 1] += at[d];
    for (size_t i = 0; i < count; i++) other[at[values[i] >> shift & 255]++] = values[i];
    uint32_t *swap = values;
    values = other;
    other = swap;
  }
  free(other); /* four passes: the result is back in `values` */
}

/* Otherwise the sources are listed and sorted; nothing is as long as the network. */
static err count_sparse(builder *w) {
  synapse_block *b = w->b;
  network_edges edges = {0};
  for (uint32_t i = 0; i < b->neurons; i++) network_in_sources(w->n, w->gid[i], &edges);
  const size_t count = edges.count;
  uint32_t *source = edges.source;
  if (count > UINT32_MAX) {
    free_edges(&edges);
    return too_many();
  }
  radix_sort(source, count);
  b->synapses = (uint32_t)count;
  for (size_t i = 0; i < count; i++) b->sources += i == 0 || source[i] != source[i - 1];
  b->source = check_allocate((size_t)b->sources + 1, sizeof *b->source);
  uint32_t s = 0;
  for (size_t i = 0; i < count; i++) {
    if (i == 0 || source[i] != source[i - 1]) b->source[s++].gid = source[i];
    b->source[s].first.place++;
  }
  free_edges(&edges);
  return OK;
}

static void index_sources(builder *w) {
  synapse_block *b = w->b;
  for (uint32_t i = 0; i < b->sources; i++)
    b->source[i + 1].first.place += b->source[i].first.place;
  while ((w->all >> b->bucket_shift) > 2 * (uint64_t)b->sources + 64) b->bucket_shift++;
  const uint32_t buckets = (w->all >> b->bucket_shift) + 1;
  b->bucket = check_allocate((size_t)buckets + 1, sizeof *b->bucket);
  for (uint32_t i = 0; i < b->sources; i++) b->bucket[(b->source[i].gid >> b->bucket_shift) + 1]++;
  for (uint32_t i = 0; i < buckets; i++) b->bucket[i + 1] += b->bucket[i];
}

/* Place of a gid that is there. */
static inline uint32_t find_source(const synapse_block *b, uint32_t gid) {
  uint32_t i = b->bucket[gid >> b->bucket_shift];
  if (b->bucket_shift == 0) return i;
  while (b->source[i].gid != gid) i++;
  return i;
}

typedef struct { /* an edge on its way into the block */
  uint64_t synapse;
  uint32_t source /* gid; its place among the sources when its group is written */, key;
} packed_edge;

/* Edges wait in groups of sources until a group is full, and are then sorted by source and written:
 * each source gets some neighbouring synapses at once, where writing edge by edge would miss the
 * cache, and the page table, on every one; and the sorting itself stays in the cache, by digits of
 * so many bits. */
enum { GROUPS = 128, GROUP_EDGES = 8192, DIGIT_BITS = 12 };
enum { AHEAD = 64, GROUP_AHEAD = 8 }; /* places asked for before they are written */

typedef struct {
  int shift; /* group of a source: gid >> shift */
  int bits;  /* by so many lower ones the places of a group's sources differ */
  uint32_t count[GROUPS];
  packed_edge *edge;   /* [GROUPS][GROUP_EDGES] */
  packed_edge *sorted; /* [GROUP_EDGES] */
} waiting;

static waiting waiting_create(uint32_t all, uint32_t sources) {
  waiting list = {0};
  while (all >> list.shift >= GROUPS) list.shift++;
  while (list.bits < list.shift && sources >> list.bits > 0) list.bits++;
  list.edge = check_allocate_raw((size_t)GROUPS * GROUP_EDGES, sizeof *list.edge);
  list.sorted = check_allocate_raw(GROUP_EDGES, sizeof *list.sorted);
  return list;
}

static void waiting_free(waiting *list) {
  free(list->edge);
  free(list->sorted);
}

static void write_sorted(builder *w, const packed_edge *sorted, size_t count) {
  synapse_block *b = w->b;
  uint32_t *restrict narrow = b->synapse;
  uint64_t *restrict wide = b->synapse;
  uint8_t *restrict key8 = w->key;
  uint16_t *restrict key16 = w->key;
  uint32_t *restrict position = w->position;
  const bool is_wide = b->wide, is_narrow_key = w->narrow_key;
  for (size_t k = 0; k < count; k++) {
    const uint32_t soon = position[sorted[k + AHEAD < count ? k + AHEAD : k].source];
    __builtin_prefetch((char *)b->synapse + (size_t)soon * (is_wide ? 8 : 4), 1);
    __builtin_prefetch((char *)w->key + (size_t)soon * (is_narrow_key ? 1 : 2), 1);
    const uint32_t to = position[sorted[k].source]++;
    if (is_wide)
      wide[to] = sorted[k].synapse;
    else
      narrow[to] = (uint32_t)sorted[k].synapse;
    if (is_narrow_key)
      key8[to] = (uint8_t)sorted[k].key;
    else
      key16[to] = (uint16_t)sorted[k].key;
  }
}

/* Sort edges stably by bits [shift, shift + bits) of their sources. */
static void sort_digit(const packed_edge *edge, uint32_t count, int shift, int bits,
                       packed_edge *sorted) {
  uint32_t at[(1 << DIGIT_BITS) + 1];
  const uint32_t size = (uint32_t)1 << bits, mask = size - 1;
  memset(at, 0, ((size_t)size + 1) * sizeof *at);
  for (uint32_t k = 0; k < count; k++) at[(edge[k].source >> shift & mask) + 1]++;
  for (uint32_t s = 0; s < size; s++) at[s + 1] += at[s];
  for (uint32_t k = 0; k < count; k++) sorted[at[edge[k].source >> shift & mask]++] = edge[k];
}

/* Sort one group by source, stably, and write it. */
static void write_group(builder *w, waiting *list, uint32_t group) {
  const uint32_t count = list->count[group];
  packed_edge *from = list->edge + (size_t)group * GROUP_EDGES, *to = list->sorted;
  for (uint32_t k = 0; k < count; k++) from[k].source = find_source(w->b, from[k].source);
  for (int done = 0, bits; done < list->bits; done += bits) {
    bits = list->bits - done < DIGIT_BITS ? list->bits - done : DIGIT_BITS;
    sort_digit(from, count, done, bits, to);
    packed_edge *swap = from;
    from = to;
    to = swap;
  }
  write_sorted(w, from, count);
  list->count[group] = 0;
}

/* Take the edges of one target; false where their weights could overflow the input of one step. */
static bool take_edges(builder *w, uint32_t target, const network_edges *edges, waiting *list) {
  const synapse_block *b = w->b;
  const uint64_t limit = b->wide ? INT64_MAX : INT32_MAX;
  const network_edges in = *edges;
  const int receptors = b->receptors, shift = list->shift;
  uint64_t load = 0;
  for (size_t k = 0; k < in.count; k++) {
    const int64_t weight = in.weight[k];
    const uint32_t source = in.source[k], group = source >> shift, at = list->count[group];
    load += (uint64_t)(weight < 0 ? -weight : weight);
    if (load > limit) return false;
    list->count[group] = at + 1;
    packed_edge *to = &list->edge[(size_t)group * GROUP_EDGES + at];
    __builtin_prefetch(to + GROUP_AHEAD, 1);
    *to = (packed_edge){.synapse = (uint64_t)weight << 16 | target,
                        .source = source,
                        .key = (uint32_t)((in.delay[k] - 1) * receptors + in.receptor[k])};
    if (at + 1 == GROUP_EDGES) write_group(w, list, group);
  }
  return true;
}

static err too_heavy(const builder *w, uint32_t gid, size_t synapses) {
  const model *m = network_model(w->n);
  const model_population *population = &m->population[model_population_of(m, gid)];
  return check_fail(ERR_USER,
                    "%s: populations.%s: the %zu synapses of node %u could bring more than a sum "
                    "of %d-bit weights holds in one step; make it several neurons%s",
                    m->name, population->name, synapses, gid - population->first_gid,
                    w->b->wide ? 48 : 16, w->b->wide ? "" : " or set simulation.precision: double");
}

static err fill(builder *w) {
  synapse_block *b = w->b;
  network_edges edges = {0};
  waiting list = waiting_create(w->all, b->sources);
  err e = OK;
  for (uint32_t i = 0; i < b->neurons && e == OK; i++) {
    edges.count = 0;
    network_in_edges(w->n, w->gid[i], &edges);
    if (!take_edges(w, i, &edges, &list)) e = too_heavy(w, w->gid[i], edges.count);
  }
  for (uint32_t g = 0; g < GROUPS; g++) write_group(w, &list, g);
  waiting_free(&list);
  free_edges(&edges);
  return e;
}

static inline int key_at(const builder *w, uint32_t i) {
  return w->narrow_key ? ((const uint8_t *)w->key)[i] : ((const uint16_t *)w->key)[i];
}

typedef struct { /* scratch for the sorting of one source's synapses */
  size_t capacity;
  uint64_t *order; /* key << 32 | place, then place */
  void *moved;     /* synapses in that order */
  uint32_t *count; /* [keys + 1] */
} sorter;

static int compare_order(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* order[i]: key << 32 | place of the synapse that comes i-th. Stable, so targets stay ascending. */
static void sort_keys(const builder *w, uint32_t first, uint32_t n, sorter *s) {
  if (n < (uint32_t)w->keys / 8) {
    for (uint32_t i = 0; i < n; i++) s->order[i] = (uint64_t)key_at(w, first + i) << 32 | i;
    qsort(s->order, n, sizeof *s->order, compare_order);
    return;
  }
  memset(s->count, 0, ((size_t)w->keys + 1) * sizeof *s->count);
  for (uint32_t i = 0; i < n; i++) s->count[key_at(w, first + i) + 1]++;
  for (int k = 0; k < w->keys; k++) s->count[k + 1] += s->count[k];
  for (uint32_t i = 0; i < n; i++) {
    const int key = key_at(w, first + i);
    s->order[s->count[key]++] = (uint64_t)key << 32 | i;
  }
}

/* Runs of all sources: a header counts no more than UINT16_MAX synapses. */
static uint64_t count_runs(const builder *w) {
  typedef struct {
    uint32_t source, count;
  } last_seen;
  last_seen *seen = check_allocate((size_t)w->keys, sizeof *seen);
  uint64_t runs = 0;
  for (uint32_t i = 0; i < w->b->sources; i++)
    for (uint32_t k = w->b->source[i].first.place; k < w->b->source[i + 1].first.place; k++) {
      last_seen *key = &seen[key_at(w, k)];
      if (key->source != i) *key = (last_seen){.source = i};
      runs += key->count++ % UINT16_MAX == 0;
    }
  free(seen);
  return runs;
}

/* One past the run that begins with the i-th of n sorted synapses. */
static uint32_t run_end(const sorter *s, uint32_t i, uint32_t n) {
  const uint64_t key = s->order[i] >> 32;
  uint32_t end = i + 1;
  while (end < n && s->order[end] >> 32 == key && end - i < UINT16_MAX) end++;
  return end;
}

/* Write n sorted synapses as runs, the first of which has its header with the source and its
 * synapses from `place` on. */
static void write_runs(const builder *w, synapse_source *source, uint32_t place, uint32_t n,
                       const sorter *s) {
  const synapse_block *b = w->b;
  const size_t size = b->wide ? 8 : 4;
  char *to = (char *)b->synapse + place * size;
  for (uint32_t i = 0, end; i < n; i = end) {
    const uint32_t key = (uint32_t)(s->order[i] >> 32);
    end = run_end(s, i, n);
    const int delay = (int)key / b->receptors + 1, receptor = (int)key % b->receptors;
    const synapse_run run = synapse_run_make(end - i, delay, receptor, end == n);
    if (i == 0) {
      source->first = (synapse_cursor){place, run};
    } else {
      memset(to, 0, size);
      memcpy(to, &run, sizeof run);
      to += size;
    }
    memcpy(to, (const char *)s->moved + i * size, (end - i) * size);
    to += (end - i) * size;
  }
}

/* Sort the n synapses of a source, and write them as runs that end before place `end`, which is no
 * lower than where they end now; returns where the runs begin. */
static uint32_t arrange_source(const builder *w, synapse_source *source, uint32_t n, uint32_t end,
                               sorter *s) {
  const synapse_block *b = w->b;
  const uint32_t first = source->first.place;
  if (n > s->capacity) {
    s->capacity = n;
    free(s->order);
    free(s->moved);
    s->order = check_allocate(n, sizeof *s->order);
    s->moved = check_allocate(n, sizeof(uint64_t));
  }
  sort_keys(w, first, n, s);
  const uint32_t *narrow = (const uint32_t *)b->synapse + first;
  const uint64_t *wide = (const uint64_t *)b->synapse + first;
  if (b->wide)
    for (uint32_t i = 0; i < n; i++) ((uint64_t *)s->moved)[i] = wide[(uint32_t)s->order[i]];
  else
    for (uint32_t i = 0; i < n; i++) ((uint32_t *)s->moved)[i] = narrow[(uint32_t)s->order[i]];
  uint32_t place = end - n + 1; /* no header of the first run */
  for (uint32_t i = 0; i < n; i = run_end(s, i, n)) place--;
  write_runs(w, source, place, n, s);
  return place;
}

/* From the last source to the first, so that headers find their places without a second copy. */
static err arrange(builder *w) {
  synapse_block *b = w->b;
  const uint64_t runs = count_runs(w);
  if (b->synapses + runs > UINT32_MAX) return too_many();
  b->runs = (uint32_t)runs;
  sorter s = {.count = check_allocate((size_t)w->keys + 1, sizeof *s.count)};
  uint32_t end = b->synapses, place = b->synapses + b->runs - b->sources;
  for (uint32_t i = b->sources; i-- > 0;) {
    const uint32_t first = b->source[i].first.place;
    place = arrange_source(w, &b->source[i], end - first, place, &s);
    end = first;
  }
  assert(place == 0);
  free(s.order);
  free(s.moved);
  free(s.count);
  return OK;
}

/* Memory that is never written, for runs that are not there, is never given by the system. */
static size_t places_at_most(const builder *w) {
  const size_t synapses = w->b->synapses, pairs = (size_t)w->b->sources * (size_t)w->keys;
  return synapses + (pairs < synapses ? pairs : synapses) + synapses / UINT16_MAX;
}

static int receptors_of(const model *m, uint32_t neurons, const uint32_t *gid) {
  int most = 1;
  for (uint32_t i = 0; i < neurons; i++) {
    const int r = m->population[model_population_of(m, gid[i])].neuron->receptors;
    if (r > most) most = r;
  }
  return most;
}

err synapse_build(const network *n, uint32_t neurons, const uint32_t *gid, synapse_block *block) {
  assert(neurons <= SYNAPSE_BLOCK_NEURONS);
  const model *m = network_model(n);
  *block = (synapse_block){.neurons = neurons,
                           .wide = m->double_precision,
                           .receptors = receptors_of(m, neurons, gid),
                           .slots = network_max_delay(n) + 1};
  builder w = {.n = n, .gid = gid, .b = block, .all = m->neurons};
  double expected = 0;
  for (uint32_t i = 0; i < neurons; i++)
    expected += network_expected_indegree(n, model_population_of(m, gid[i]));
  err e = expected >= m->neurons ? count_dense(&w) : count_sparse(&w);
  if (e != OK) return e;
  index_sources(&w);
  w.keys = network_max_delay(n) * block->receptors;
  w.narrow_key = w.keys <= 256;
  block->synapse = check_allocate_raw(places_at_most(&w), block->wide ? 8 : 4);
  w.key = check_allocate_raw(block->synapses, w.narrow_key ? 1 : 2);
  w.position = check_allocate(block->sources, sizeof *w.position);
  for (uint32_t i = 0; i < block->sources; i++) w.position[i] = block->source[i].first.place;
  e = fill(&w);
  free(w.position);
  if (e == OK) e = arrange(&w);
  free(w.key);
  block->input = check_allocate_huge((size_t)block->receptors * neurons, block->wide ? 8 : 4);
  block->slot = check_allocate((size_t)block->slots, sizeof *block->slot);
  return e;
}

void synapse_free(synapse_block *block) {
  for (int i = 0; block->slot && i < block->slots; i++) free(block->slot[i].cursor);
  free(block->slot);
  free(block->input);
  free(block->synapse);
  free(block->source);
  free(block->bucket);
  *block = (synapse_block){0};
}

size_t synapse_bytes(const synapse_block *b) {
  const size_t buckets = b->sources ? (b->source[b->sources - 1].gid >> b->bucket_shift) + 2 : 1;
  return ((size_t)b->synapses + b->runs - b->sources) * (b->wide ? 8 : 4) +
         b->sources * sizeof *b->source + buckets * sizeof *b->bucket;
}
