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

static void divide_total(network *n, int j) {
  const model_projection *p = &n->m->projection[j];
  const model_population *target = &n->m->population[p->target];
  n->projection[j].indegree = check_allocate(n->owned_count, sizeof(uint32_t));
  if (target->size == 0) return;
  const bool skips_self = !p->autapses && p->source == p->target;
  const uint64_t sources = n->m->population[p->source].size - (skips_self ? 1 : 0);
  const splitting s = {n, j, target->first_gid, p->multapses ? 0 : sources};
  split_total(&s, 1, 0, target->size, p->number, network_owned_from(n, target->first_gid),
              network_owned_from(n, target->first_gid + target->size));
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

/* Edges [from, end) of this rank's slice of the file. */
static void edges_of_file(const network *n, int j, size_t from, size_t end,
                          travelling_edges *list) {
  const model_projection *p = &n->m->projection[j];
  const network_file_slice *s = &n->projection[j].edges;
  const uint32_t first_source = n->m->population[p->source].first_gid;
  const uint32_t first_target = n->m->population[p->target].first_gid;
  for (size_t i = from; i < end; i++) {
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

/* Edges set out in rounds, so that those under way are few beside those that have arrived. */
enum { ROUND_EDGES = 1 << 17 };

typedef struct { /* what of a projection this rank sends: edges of a file, or source neurons */
  network *n;
  int projection;
  const directory *d;
  size_t first, end, step; /* step: of one round */
  uint32_t *scratch;       /* targets of one source, where they are distinct */
  travelling_edges list;
} sending;

static sending start_sending(network *n, MPI_Comm comm, int j, const directory *d) {
  const model_projection *p = &n->m->projection[j];
  sending s = {.n = n, .projection = j, .d = d, .end = n->projection[j].edges.count};
  s.step = ROUND_EDGES;
  if (p->rule == RULE_FILE) return s;
  const uint32_t sources = n->m->population[p->source].size;
  int rank, ranks;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  s.first = directory_slice(sources, ranks, rank);
  s.end = directory_slice(sources, ranks, rank + 1);
  s.step = p->number < ROUND_EDGES ? ROUND_EDGES / (p->number > 0 ? p->number : 1) : 1;
  if (!p->multapses) s.scratch = check_allocate(p->number, sizeof *s.scratch);
  return s;
}

static uint64_t rounds_of(const sending *s, MPI_Comm comm) {
  const uint64_t mine = (s->end - s->first + s->step - 1) / s->step;
  uint64_t most;
  AGREE_MPI(MPI_Allreduce(&mine, &most, 1, MPI_UINT64_T, MPI_MAX, comm));
  return most;
}

/* List the edges of one round: none where this rank has sent all of its own. */
static void list_round(sending *s, uint64_t round) {
  const size_t left = s->end - s->first, done = round * s->step < left ? round * s->step : left;
  const size_t from = s->first + done, end = left - done < s->step ? s->end : from + s->step;
  s->list.count = 0;
  if (s->n->m->projection[s->projection].rule == RULE_FILE)
    edges_of_file(s->n, s->projection, from, end, &s->list);
  else
    for (size_t source = from; source < end; source++)
      edges_of_source(s->n, s->projection, (uint32_t)source, s->scratch, &s->list);
}

/* In-degrees of the owned neurons, as sums: where each one's edges will begin. */
static void count_arrivals(sending *s, uint64_t rounds, size_t *first) {
  for (uint64_t round = 0; round < rounds; round++) {
    list_round(s, round);
    uint32_t *target = check_allocate(s->list.count, sizeof *target);
    for (size_t i = 0; i < s->list.count; i++) target[i] = s->list.edge[i].target;
    size_t count;
    uint32_t *arrived = directory_route(s->d, sizeof *target, s->list.count, target, &count);
    for (size_t i = 0; i < count; i++) first[network_owned_index(s->n, arrived[i]) + 1]++;
    free(arrived);
    free(target);
  }
  for (uint32_t own = 0; own < s->n->owned_count; own++) first[own + 1] += first[own];
}

typedef struct {
  uint64_t ordinal;
  collected_edge edge;
} arrived_edge;

/* Edges find their places one by one in arrays that no cache holds. Some ask for them at once, so
 * that they wait for the memory together. */
enum { AT_ONCE = 64 };

static void take_some(const network *n, size_t count, const travelling_edge *arrived, size_t *next,
                      arrived_edge *edge) {
  uint32_t own[AT_ONCE];
  for (size_t i = 0; i < count; i++) {
    own[i] = network_owned_index(n, arrived[i].target);
    __builtin_prefetch(&next[own[i]], 1);
  }
  for (size_t i = 0; i < count; i++) __builtin_prefetch(&edge[next[own[i]]], 1);
  for (size_t i = 0; i < count; i++) {
    const travelling_edge *a = &arrived[i];
    edge[next[own[i]]++] =
        (arrived_edge){a->ordinal, {a->source, a->delay, a->receptor, a->weight}};
  }
}

/* Put each edge among those of its target. */
static arrived_edge *take_arrivals(sending *s, uint64_t rounds, const size_t *first) {
  const uint32_t owned = s->n->owned_count;
  arrived_edge *edge = check_allocate_raw(first[owned], sizeof *edge);
  size_t *next = check_allocate(owned, sizeof *next);
  memcpy(next, first, owned * sizeof *next);
  for (uint64_t round = 0; round < rounds; round++) {
    size_t count;
    list_round(s, round);
    travelling_edge *arrived =
        directory_route(s->d, sizeof *arrived, s->list.count, s->list.edge, &count);
    for (size_t done = 0, some; done < count; done += some) {
      some = count - done < AT_ONCE ? count - done : AT_ONCE;
      take_some(s->n, some, arrived + done, next, edge);
    }
    free(arrived);
  }
  free(next);
  return edge;
}

static int compare_ordinals(const void *a, const void *b) {
  const arrived_edge *x = a, *y = b;
  return (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

/* Canonical order at each target; ordinals are then forgotten, in place. */
static collected_edge *put_in_order(uint32_t owned, const size_t *first, arrived_edge *edge) {
  for (uint32_t own = 0; own < owned; own++)
    if (first[own + 1] > first[own])
      qsort(edge + first[own], first[own + 1] - first[own], sizeof *edge, compare_ordinals);
  char *kept = (char *)edge;
  for (size_t i = 0; i < first[owned]; i++)
    memmove(kept + i * sizeof(collected_edge), &edge[i].edge, sizeof(collected_edge));
  collected_edge *shrunk = realloc(kept, (first[owned] + 1) * sizeof *shrunk);
  if (!shrunk) CHECK_ABORT("out of memory");
  return shrunk;
}

static void collect_projection(network *n, MPI_Comm comm, int j, const directory *d) {
  network_projection *np = &n->projection[j];
  sending s = start_sending(n, comm, j, d);
  const uint64_t rounds = rounds_of(&s, comm);
  np->first = check_allocate((size_t)n->owned_count + 1, sizeof *np->first);
  count_arrivals(&s, rounds, np->first);
  arrived_edge *edge = take_arrivals(&s, rounds, np->first);
  network_file_release(&np->edges);
  free(s.scratch);
  free(s.list.edge);
  np->collected = put_in_order(n->owned_count, np->first, edge);
}

static int compare_sources(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
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

static void take_owned(network *n, uint32_t count, const uint32_t *owned) {
  const uint32_t all = n->m->neurons;
  n->owned_count = count;
  n->owned = check_allocate(count, sizeof *n->owned);
  memcpy(n->owned, owned, count * sizeof *owned);
  n->owned_shift = 0;
  while ((all >> n->owned_shift) > 2 * (uint64_t)count + 64) n->owned_shift++;
  const uint32_t buckets = (all >> n->owned_shift) + 1;
  n->owned_bucket = check_allocate((size_t)buckets + 1, sizeof *n->owned_bucket);
  for (uint32_t i = 0; i < count; i++) n->owned_bucket[(owned[i] >> n->owned_shift) + 1]++;
  for (uint32_t b = 0; b < buckets; b++) n->owned_bucket[b + 1] += n->owned_bucket[b];
}

err network_collect(network *n, MPI_Comm comm, uint32_t count, const uint32_t *owned) {
  take_owned(n, count, owned);
  directory *d = NULL;
  err e = OK;
  for (int j = 0; j < n->m->projections; j++) {
    const model_rule rule = n->m->projection[j].rule;
    if (rule == RULE_FIXED_TOTAL) divide_total(n, j);
    if (!network_rule_is_collected(rule)) continue;
    if (!d) d = directory_create(comm, n->m->neurons, count, owned);
    collect_projection(n, comm, j, d);
    if (e == OK) e = check_multapses(n, j);
  }
  directory_free(d);
  return agree(comm, e);
}

network_edge_bytes network_projection_bytes(const network *n, int projection) {
  const model_projection *p = &n->m->projection[projection];
  network_edge_bytes bytes = {0};
  if (!network_rule_is_collected(p->rule)) return bytes;
  bytes.collecting = sizeof(arrived_edge);
  bytes.kept = sizeof(collected_edge);
  if (p->rule != RULE_FILE) return bytes;
  const bool weight = p->weight.attribute, delay = p->delay.attribute;
  bytes.slice = 2 * sizeof(uint32_t) + (weight + delay) * sizeof(double);
  if (n->projection[projection].edges.has_places && (weight || delay))
    bytes.reading = 3 * sizeof(int64_t); /* group, index, value */
  else if (!weight && !delay)
    bytes.reading = sizeof(int64_t); /* ids */
  return bytes;
}
