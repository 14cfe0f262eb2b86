#include "network_internal.h"
#include "random.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { BATCH = 256 };

typedef struct { /* one projection seen from one target */
  const network *n;
  int projection;
  const model_projection *p;
  uint32_t gid, node; /* the target */
  uint32_t first_source, sources;
  bool skips_self; /* the target is among the sources, but may not be one */
} view;

static view view_of(const network *n, int projection, uint32_t gid) {
  const model_projection *p = &n->m->projection[projection];
  const model_population *source = &n->m->population[p->source];
  return (view){.n = n,
                .projection = projection,
                .p = p,
                .gid = gid,
                .node = gid - n->m->population[p->target].first_gid,
                .first_source = source->first_gid,
                .sources = source->size,
                .skips_self = !p->autapses && p->source == p->target};
}

/* Fill sources (where `word_is_source`), delays, weights of the edges at `at` .. `at` + count - 1
 * from the words of ordinals 0 .. count - 1. */
static void fill(const view *v, bool word_is_source, bool full, size_t at, uint64_t count,
                 network_edges *edges) {
  const network_projection *np = &v->n->projection[v->projection];
  const bool random_weight = np->weight.kind != DISTRIBUTION_CONSTANT;
  const uint32_t choice = v->sources - (v->skips_self ? 1 : 0);
  uint32_t word[3][BATCH];
  uint32_t *const out[4] = {word_is_source ? word[0] : NULL, full && random_weight ? word[1] : NULL,
                            full ? word[2] : NULL, NULL};
  for (uint64_t done = 0; done < count; done += BATCH) {
    const int n = count - done < BATCH ? (int)(count - done) : BATCH;
    const size_t to = at + done;
    random_draw_ordinals(v->n->m->seed, RANDOM_EDGE, (uint32_t)v->projection, v->gid, done, n, out);
    if (word_is_source)
      for (int i = 0; i < n; i++) {
        uint32_t node = random_below(word[0][i], choice);
        if (v->skips_self && node >= v->node) node++;
        edges->source[to + (size_t)i] = v->first_source + node;
      }
    if (!full) continue;
    for (int i = 0; i < n; i++)
      edges->delay[to + (size_t)i] = sampler_delay_draw(&np->delay, word[2][i]);
    network_weights(v->n, v->projection, n, word[1], edges->weight + to, edges->receptor + to);
  }
}

/* Sources drawn with replacement: nothing but words. */
static void draw_multapses(const view *v, uint64_t count, bool full, network_edges *edges) {
  network_edges_reserve(edges, count);
  fill(v, true, full, edges->count, count, edges);
  edges->count += count;
}

static void append_source(const view *v, uint32_t node, network_edges *edges) {
  network_edges_reserve(edges, 1);
  edges->source[edges->count++] = v->first_source + node;
}

void network_draw_distinct(uint64_t seed, uint32_t index, uint32_t who, uint32_t n, uint32_t k,
                           uint32_t *out) {
  assert(k <= n);
  uint64_t slots = 16; /* a power of two, which may be 2^32 */
  while (slots < 2 * (uint64_t)k) slots *= 2;
  uint32_t *table = check_allocate(slots, sizeof *table); /* value + 1; 0: free */
  for (uint32_t i = 0; i < k; i++) {
    const uint32_t last = n - k + i;
    const random_words w = random_draw(seed, RANDOM_EDGE_MORE, index, who, i);
    uint32_t value = random_below(w.word[0], last + 1),
             slot = value * 0x9E3779B9u & (uint32_t)(slots - 1);
    while (table[slot] && table[slot] != value + 1) slot = (slot + 1) & (uint32_t)(slots - 1);
    if (table[slot]) {
      value = last;
      slot = value * 0x9E3779B9u & (uint32_t)(slots - 1);
      while (table[slot]) slot = (slot + 1) & (uint32_t)(slots - 1);
    }
    table[slot] = value + 1;
    out[i] = value;
  }
  free(table);
}

static void draw_distinct(const view *v, uint32_t count, network_edges *edges) {
  const uint32_t choice = v->sources - (v->skips_self ? 1 : 0);
  uint32_t *node = check_allocate(count, sizeof *node);
  network_draw_distinct(v->n->m->seed, (uint32_t)v->projection, v->gid, choice, count, node);
  for (uint32_t i = 0; i < count; i++)
    append_source(v, node[i] + (v->skips_self && node[i] >= v->node), edges);
  free(node);
}

/* Gaps between chosen sources are geometric: one word an edge instead of one a pair. */
static void draw_bernoulli(const view *v, network_edges *edges) {
  const double log_miss = log1p(-v->p->probability);
  uint64_t node = 0;
  for (uint64_t draw = 0; v->p->probability > 0; draw++) {
    const random_words w =
        random_draw(v->n->m->seed, RANDOM_EDGE_MORE, (uint32_t)v->projection, v->gid, draw);
    const uint64_t bits = (uint64_t)w.word[0] << 21 ^ w.word[1] >> 11;
    const double gap = v->p->probability < 1 ? log(((double)bits + 0.5) * 0x1p-53) / log_miss : 0;
    if (gap >= (double)(v->sources - node)) return;
    node += (uint64_t)gap;
    if (!(v->skips_self && node == v->node)) append_source(v, (uint32_t)node, edges);
    if (++node >= v->sources) return;
  }
}

static void append_all(const view *v, network_edges *edges) {
  for (uint32_t s = 0; s < v->sources; s++)
    if (!(v->skips_self && s == v->node)) append_source(v, s, edges);
}

void network_rule_draw(const network *n, int projection, uint32_t gid, bool full,
                       network_edges *edges) {
  const view v = view_of(n, projection, gid);
  const size_t at = edges->count;
  uint32_t count;
  if (v.sources == 0) return;
  switch (v.p->rule) {
  case RULE_FIXED_INDEGREE:
  case RULE_FIXED_TOTAL:
    count = v.p->rule == RULE_FIXED_INDEGREE
                ? (uint32_t)v.p->number
                : n->projection[projection].indegree[network_owned_index(n, gid)];
    if (v.p->multapses) {
      draw_multapses(&v, count, full, edges);
      return;
    }
    draw_distinct(&v, count, edges);
    break;
  case RULE_PAIRWISE_BERNOULLI:
    draw_bernoulli(&v, edges);
    break;
  case RULE_ALL_TO_ALL:
    append_all(&v, edges);
    break;
  case RULE_ONE_TO_ONE:
    if (!v.skips_self) append_source(&v, v.node, edges);
    break;
  default:
    assert(!"collected rules are not drawn by target");
  }
  if (full) fill(&v, false, true, at, edges->count - at, edges);
}
