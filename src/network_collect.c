#include "agree.h"
#include "directory.h"
#include "network_internal.h"
#include "random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct { /* an edge under way to the owner of its target */
  uint32_t target, source;
  uint64_t ordinal; /* place in the canonical order of the target's edges of one projection */
  int64_t weight;
  uint16_t delay;
  uint8_t receptor;
} travelling_edge;

typedef struct {
  size_t count, capacity;
  travelling_edge *edge;
} travelling_edges;

/* Divide `total` edges over the targets [low, high): halve the range, draw how many edges fall in
 * the left half (binomially, or, where each pair has one at most, hypergeometrically); walk only
 * where this rank owns targets. heap: number of the tree's node. */
typedef struct {
  const network *n;
  int projection;
  uint32_t first_gid;
  uint64_t sources; /* of a target, each of them once; 0: with multapses */
} splitting;

static uint64_t draw_left(const splitting *s, uint64_t heap, uint64_t left, uint64_t right,
                          uint64_t total) {
  const uint64_t seed = s->n->m->seed;
  const uint32_t projection = (uint32_t)s->projection;
  if (s->sources)
    return random_hypergeometric(seed, RANDOM_SPLIT, projection, heap, left * s->sources,
                                 right * s->sources, total);
  return random_binomial(seed, RANDOM_SPLIT, projection, 0, heap, total,
                         (double)left / (double)(left + right));
}

static void split_total(const splitting *s, uint64_t heap, uint32_t low, uint32_t high,
                        uint64_t total, uint32_t own, uint32_t own_end) {
  if (own == own_end) return;
  if (high - low == 1) {
    if (total > UINT32_MAX) CHECK_ABORT("%llu synapses onto one neuron", (unsigned long long)total);
    s->n->projection[s->projection].indegree[own] = (uint32_t)total;
    return;
  }
  const uint32_t middle = low + (high - low) / 2;
  const uint64_t left = draw_left(s, heap, middle - low, high - middle, total);
  uint32_t cut = own, end = own_end;
  while (cut < end) {
    const uint32_t probe = cut + (end - cut) / 2;
    if (s->n->owned[probe] < s->first_gid + middle)
      cut = probe + 1;
    else
      end = probe;
  }
  split_total(s, 2 * heap, low, middle, left, own, cut);
  split_total(s, 2 * heap + 1, middle, high, total - left, cut, own_end);
}

static uint32_t owned_from(const network *n, uint32_t gid) {
  uint32_t low = 0, high = n->owned_count;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (n->owned[middle] < gid)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void divide_total(network *n, int j) {
  const model_projection *p = &n->m->projection[j];
  const model_population *target = &n->m->population[p->target];
  n->projection[j].indegree = check_allocate(n->owned_count, sizeof(uint32_t));
  if (target->size == 0) return;
  const bool skips_self = !p->autapses && p->source == p->target;
  const uint64_t sources = n->m->population[p->source].size - (skips_self ? 1 : 0);
  const splitting s = {n, j, target->first_gid, p->multapses ? 0 : sources};
  split_total(&s, 1, 0, target->size, p->number, owned_from(n, target->first_gid),
              owned_from(n, target->first_gid + target->size));
}

static travelling_edge *append(travelling_edges *list) {
  list->edge = check_grow(list->edge, &list->capacity, list->count + 1, sizeof *list->edge);
  travelling_edge *edge = &list->edge[list->count++];
  memset(edge, 0, sizeof *edge);
  return edge;
}

/* Weight and delay of an edge from its words, for rules that do not take them from the file. */
static void attributes_from_words(const network *n, int j, const random_words *w,
                                  travelling_edge *edge) {
  const network_projection *np = &n->projection[j];
  if (n->m->projection[j].weight.kind != DISTRIBUTION_FILE)
    network_weights(n, j, 1, &w->word[1], &edge->weight, &edge->receptor);
  if (n->m->projection[j].delay.kind != DISTRIBUTION_FILE)
    edge->delay = sampler_delay_draw(&np->delay, w->word[2]);
}

static void weight_from_file(const network *n, int j, double value, travelling_edge *edge) {
  const model_projection *p = &n->m->projection[j];
  const neuron_model *neuron = n->m->population[p->target].neuron;
  const double weight = p->weight.a * value;
  const int by_sign = weight < 0 ? neuron->receptor_negative : neuron->receptor_positive;
  edge->receptor = (uint8_t)(p->receptor >= 0 ? p->receptor : by_sign);
  edge->weight = llrint(weight / n->scale[p->target][edge->receptor]);
}

static void edges_of_file(const network *n, int j, travelling_edges *list) {
  const model_projection *p = &n->m->projection[j];
  const network_file_slice *s = &n->projection[j].edges;
  const uint32_t first_source = n->m->population[p->source].first_gid;
  const uint32_t first_target = n->m->population[p->target].first_gid;
  for (size_t i = 0; i < s->count; i++) {
    if (network_leaves_out(p, s, i)) continue;
    travelling_edge *edge = append(list);
    edge->target = first_target + s->target[i];
    edge->source = first_source + s->source[i];
    edge->ordinal = s->first + i;
    const random_words w =
        random_draw(n->m->seed, RANDOM_EDGE, (uint32_t)j, edge->target, edge->ordinal);
    attributes_from_words(n, j, &w, edge);
    if (s->weight) weight_from_file(n, j, s->weight[i], edge);
    if (s->delay) edge->delay = (uint16_t)lrint(s->delay[i] * p->delay.a / n->m->dt);
  }
}

/* Targets of one source. Without multapses they are distinct. */
static void edges_of_source(const network *n, int j, uint32_t node, uint32_t *scratch,
                            travelling_edges *list) {
  const model_projection *p = &n->m->projection[j];
  const model_population *source = &n->m->population[p->source];
  const model_population *target = &n->m->population[p->target];
  const bool skips_self = !p->autapses && p->source == p->target;
  const uint32_t gid = source->first_gid + node, choice = target->size - (skips_self ? 1 : 0);
  if (!p->multapses)
    network_draw_distinct(n->m->seed, (uint32_t)j, gid, choice, (uint32_t)p->number, scratch);
  for (uint64_t k = 0; k < p->number; k++) {
    const random_words w = random_draw(n->m->seed, RANDOM_EDGE, (uint32_t)j, gid, k);
    uint32_t to = p->multapses ? random_below(w.word[0], choice) : scratch[k];
    if (skips_self && to >= node) to++;
    travelling_edge *edge = append(list);
    edge->target = target->first_gid + to;
    edge->source = gid;
    edge->ordinal = (uint64_t)node * p->number + k;
    attributes_from_words(n, j, &w, edge);
  }
}

static void edges_by_source(const network *n, MPI_Comm comm, int j, travelling_edges *list) {
  const model_projection *p = &n->m->projection[j];
  const uint32_t sources = n->m->population[p->source].size;
  int rank, ranks;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  uint32_t *scratch = p->multapses ? NULL : check_allocate(p->number, sizeof *scratch);
  for (uint32_t s = directory_slice(sources, ranks, rank);
       s < directory_slice(sources, ranks, rank + 1); s++)
    edges_of_source(n, j, s, scratch, list);
  free(scratch);
}

static int compare_edges(const void *a, const void *b) {
  const travelling_edge *x = a, *y = b;
  if (x->target != y->target) return x->target < y->target ? -1 : 1;
  if (x->ordinal != y->ordinal) return x->ordinal < y->ordinal ? -1 : 1;
  return 0;
}

static int compare_sources(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

/* Keep the arrived edges by owned target, in canonical order. */
static void keep(network *n, int j, size_t count, travelling_edge *arrived) {
  network_projection *np = &n->projection[j];
  qsort(arrived, count, sizeof *arrived, compare_edges);
  np->first = check_allocate((size_t)n->owned_count + 1, sizeof *np->first);
  np->collected = check_allocate(count, sizeof *np->collected);
  size_t at = 0;
  for (uint32_t own = 0; own < n->owned_count; own++) {
    for (; at < count && arrived[at].target == n->owned[own]; at++)
      np->collected[at] = (collected_edge){arrived[at].source, arrived[at].delay,
                                           arrived[at].receptor, arrived[at].weight};
    np->first[own + 1] = at;
  }
  if (at != count)
    CHECK_ABORT("%zu edges reached a rank that does not own their target", count - at);
}

/* A file that must hold no multapses: two edges from one source to one target are refused. */
static err check_multapses(const network *n, int j) {
  const model_projection *p = &n->m->projection[j];
  const network_projection *np = &n->projection[j];
  if (p->multapses || p->rule != RULE_FILE) return OK;
  err e = OK;
  for (uint32_t own = 0; own < n->owned_count && e == OK; own++) {
    const size_t first = np->first[own], count = np->first[own + 1] - first;
    uint32_t *source = check_allocate(count, sizeof *source);
    for (size_t i = 0; i < count; i++) source[i] = np->collected[first + i].source;
    qsort(source, count, sizeof *source, compare_sources);
    for (size_t i = 1; i < count && e == OK; i++)
      if (source[i] == source[i - 1])
        e = model_fail(n->m->name, p->multapses_place, "multapses",
                       "false, but %s holds several edges from node %u to node %u", p->file,
                       source[i] - n->m->population[p->source].first_gid,
                       n->owned[own] - n->m->population[p->target].first_gid);
    free(source);
  }
  return e;
}

err network_collect(network *n, MPI_Comm comm, uint32_t count, const uint32_t *owned) {
  n->owned_count = count;
  n->owned = check_allocate(count, sizeof *n->owned);
  memcpy(n->owned, owned, count * sizeof *owned);
  directory *d = NULL;
  err e = OK;
  for (int j = 0; j < n->m->projections; j++) {
    const model_rule rule = n->m->projection[j].rule;
    if (rule == RULE_FIXED_TOTAL) divide_total(n, j);
    if (!network_rule_is_collected(rule)) continue;
    if (!d) d = directory_create(comm, n->m->neurons, count, owned);
    travelling_edges list = {0};
    if (rule == RULE_FILE)
      edges_of_file(n, j, &list);
    else
      edges_by_source(n, comm, j, &list);
    network_file_release(&n->projection[j].edges);
    size_t arrived_count;
    travelling_edge *arrived =
        directory_route(d, sizeof *arrived, list.count, list.edge, &arrived_count);
    free(list.edge);
    keep(n, j, arrived_count, arrived);
    free(arrived);
    if (e == OK) e = check_multapses(n, j);
  }
  directory_free(d);
  return agree(comm, e);
}
