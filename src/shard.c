#include "shard.h"
#include "agree.h"
#include "network_sampler.h"
#include "random.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  uint32_t block, gid;
  int population, variant;
} neuron_place;

static int compare_places(const void *a, const void *b) {
  const neuron_place *x = a, *y = b;
  if (x->block != y->block) return x->block < y->block ? -1 : 1;
  if (x->population != y->population) return x->population < y->population ? -1 : 1;
  if (x->variant != y->variant) return x->variant < y->variant ? -1 : 1;
  return (x->gid > y->gid) - (x->gid < y->gid);
}

int shard_block_count(uint32_t count, double synapses, int threads) {
  const double by_targets = (double)count / SYNAPSE_BLOCK_NEURONS;
  const double by_synapses = synapses / 0x1p31; /* half of what fits: blocks differ */
  const double least = fmax(fmax(by_targets, by_synapses) * 1.1, 1);
  const int rounds = (int)ceil(least / threads);
  return rounds * threads;
}

static neuron_place *order_neurons(const model *m, uint32_t count, const uint32_t *owned,
                                   const uint32_t *block) {
  neuron_place *place = check_allocate(count, sizeof *place);
  for (uint32_t i = 0; i < count; i++) {
    const int p = model_population_of(m, owned[i]);
    const model_population *population = &m->population[p];
    place[i] = (neuron_place){block[i], owned[i], p,
                              model_variant_of(population, owned[i] - population->first_gid)};
  }
  qsort(place, count, sizeof *place, compare_places);
  return place;
}

static void add_segment(shard_block *b, const model *m, const neuron_place *place, uint32_t first) {
  b->segment = realloc(b->segment, (size_t)(b->segments + 1) * sizeof *b->segment);
  if (!b->segment) CHECK_ABORT("out of memory");
  shard_segment *s = &b->segment[b->segments++];
  *s = (shard_segment){.population = place->population, .first = first};
  const model_population *p = &m->population[place->population];
  const neuron_model *neuron = p->neuron;
  neuron->compile(p->variant[place->variant].parameter, m->dt, s->constants);
  if (neuron->refractory_steps >= 0)
    s->refractory.steps = (int32_t)s->constants[neuron->refractory_steps];
}

static void make_blocks(shard *s, const neuron_place *place) {
  s->block = check_allocate((size_t)s->blocks, sizeof *s->block);
  uint32_t i = 0;
  for (int k = 0; k < s->blocks; k++) {
    shard_block *b = &s->block[k];
    b->first = i;
    for (; i < s->neurons && place[i].block == (uint32_t)k; i++) {
      const bool same = i > b->first && place[i].population == place[i - 1].population &&
                        place[i].variant == place[i - 1].variant;
      if (!same) add_segment(b, s->m, &place[i], i - b->first);
      b->segment[b->segments - 1].count++;
    }
    b->neurons = i - b->first;
    if (b->neurons > SYNAPSE_BLOCK_NEURONS)
      CHECK_ABORT("block %d has %u neurons, more than %d", k, b->neurons, SYNAPSE_BLOCK_NEURONS);
  }
  assert(i == s->neurons);
}

static double initial_value(const model *m, const sampler_weight *sampler, int state,
                            uint32_t gid) {
  const random_words w = random_draw(m->seed, RANDOM_INITIAL, (uint32_t)state, gid, 0);
  return sampler_weight_value(sampler, w.word[0]);
}

/* Of values below `high`, as a float is one too. */
static float float_below(double value, double high) {
  const float rounded = (float)value;
  return rounded < high || !(value < high) ? rounded : nextafterf(rounded, -INFINITY);
}

static void set_value(const shard *s, int state, uint32_t local, const model_distribution *d,
                      double value) {
  if (s->m->double_precision)
    ((double *)s->state[state])[local] = value;
  else
    ((float *)s->state[state])[local] =
        d->kind == DISTRIBUTION_UNIFORM ? float_below(value, d->b) : (float)value;
}

static void initialise(shard *s) {
  const size_t size = s->m->double_precision ? sizeof(double) : sizeof(float);
  for (int k = 0; k < NEURON_STATES_MAX; k++) {
    bool used = false;
    for (int p = 0; p < s->m->populations; p++)
      used = used || s->m->population[p].neuron->states > k;
    if (used) s->state[k] = check_allocate_huge(s->neurons, size);
  }
  s->refractory = check_allocate_huge(s->neurons, sizeof *s->refractory);
  s->is_refractory = check_allocate_huge(s->neurons, sizeof *s->is_refractory);
  for (int p = 0; p < s->m->populations; p++) {
    const model_population *population = &s->m->population[p];
    for (int k = 0; k < population->neuron->states; k++) {
      const sampler_weight sampler = sampler_weight_make(&population->initial[k]);
      for (uint32_t i = 0; i < s->neurons; i++)
        if (s->gid[i] - population->first_gid < population->size)
          set_value(s, k, i, &population->initial[k], initial_value(s->m, &sampler, k, s->gid[i]));
    }
  }
}

/* Inputs of step 0 belong to the initial state. */
static void add_input_of_step_0(shard *s, shard_block *b) {
  const bool wide = s->m->double_precision;
  input_begin_step(b->input, 0, 0);
  for (int k = 0; k < b->segments; k++) {
    const shard_segment *g = &b->segment[k];
    const neuron_model *neuron = s->m->population[g->population].neuron;
    for (int r = 0; r < neuron->receptors; r++) {
      char *state = s->state[neuron->receptor_state[r]];
      input_add(b->input, r, g->first, g->count,
                state + (b->first + g->first) * (wide ? sizeof(double) : sizeof(float)));
    }
  }
}

static err build_blocks(shard *s) {
  err worst = OK;
#pragma omp parallel for schedule(static, 1) num_threads(s->threads)
  for (int k = 0; k < s->blocks; k++) {
    shard_block *b = &s->block[k];
    const err e = synapse_build(s->n, b->neurons, s->gid + b->first, &b->synapses);
#pragma omp critical
    if (e > worst) worst = e;
  }
  return agree(s->comm, worst);
}

static int compare_gids(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/* The distinct sources of all blocks. */
static uint32_t *list_needed(const shard *s, size_t *count) {
  size_t all = 0;
  for (int k = 0; k < s->blocks; k++) all += s->block[k].synapses.sources;
  uint32_t *needed = check_allocate(all, sizeof *needed);
  *count = 0;
  for (int k = 0; k < s->blocks; k++) {
    const synapse_block *b = &s->block[k].synapses;
    for (uint32_t i = 0; i < b->sources; i++) needed[(*count)++] = b->source[i].gid;
  }
  qsort(needed, all, sizeof *needed, compare_gids);
  *count = 0;
  for (size_t i = 0; i < all; i++)
    if (i == 0 || needed[i] != needed[i - 1]) needed[(*count)++] = needed[i];
  return needed;
}

/* Whether updates can take what arrived in the step before. Traces are of whole states, which lack
 * nothing, of neurons that are not parked. */
static bool is_late(const model *m) {
  bool late = m->trace_records == 0;
  for (int p = 0; p < m->populations; p++) late = late && m->population[p].neuron->takes_late;
  return late;
}

static void choose_window(shard *s) {
  s->late = is_late(s->m);
  const int most = exchange_steps_at_once(s->exchange), known = network_min_delay(s->n) + s->late;
  s->window = known < most ? known : most;
  for (int k = 0; k < s->blocks; k++)
    s->block[k].spikes_until = check_allocate((size_t)s->window, sizeof *s->block[k].spikes_until);
}

err shard_create(MPI_Comm comm, const model *m, const network *n, uint32_t count,
                 const uint32_t *owned, int blocks, const uint32_t *block, int threads,
                 shard *made) {
  *made =
      (shard){.m = m, .n = n, .comm = comm, .threads = threads, .blocks = blocks, .neurons = count};
  neuron_place *place = order_neurons(m, count, owned, block);
  made->gid = check_allocate(count, sizeof *made->gid);
  for (uint32_t i = 0; i < count; i++) made->gid[i] = place[i].gid;
  make_blocks(made, place);
  free(place);

  size_t events;
  input_event *event;
  made->events_hash = check_allocate((size_t)m->inputs, sizeof *made->events_hash);
  made->events_late = check_allocate((size_t)m->inputs, sizeof *made->events_late);
  err e = input_read_events(comm, m, count, owned, &events, &event);
  if (e == OK) input_hash_events(comm, m, events, event, made->events_hash);
  if (e == OK) input_count_late(comm, m, events, event, made->events_late);
  if (e == OK) e = build_blocks(made);
  if (e == OK) {
    initialise(made);
    for (int k = 0; k < blocks; k++) {
      shard_block *b = &made->block[k];
      b->input = input_block_create(m, b->neurons, made->gid + b->first, events, event);
      add_input_of_step_0(made, b);
    }
    size_t needs;
    uint32_t *needed = list_needed(made, &needs);
    made->exchange = exchange_create(comm, m->neurons, count, made->gid, needs, needed);
    free(needed);
    choose_window(made);
  }
  free(event);
  if (e != OK) shard_free(made);
  return e;
}

void shard_impose(shard *s, uint32_t local, bool fires) {
  assert(local < s->neurons);
  shard_block *b = s->block;
  while (local - b->first >= b->neurons) b++;
  b->impose = check_grow(b->impose, &b->imposed_capacity, b->imposed + 1, sizeof *b->impose);
  b->impose[b->imposed++] = (shard_imposed){local - b->first, fires};
}

void shard_free(shard *s) {
  for (int k = 0; s->block && k < s->blocks; k++) {
    shard_block *b = &s->block[k];
    if (b->synapses.slot) synapse_free(&b->synapses);
    input_block_free(b->input);
    for (int g = 0; g < b->segments; g++) refractory_free(&b->segment[g].refractory);
    free(b->segment);
    free(b->spiked);
    free(b->spikes_until);
    free(b->impose);
  }
  free(s->block);
  for (int k = 0; k < NEURON_STATES_MAX; k++) free(s->state[k]);
  free(s->refractory);
  free(s->is_refractory);
  free(s->events_hash);
  free(s->events_late);
  free(s->gid);
  exchange_free(s->exchange);
  *s = (shard){0};
}

uint64_t shard_synapses(const shard *s) {
  uint64_t sum = 0;
  for (int k = 0; k < s->blocks; k++) sum += s->block[k].synapses.synapses;
  return sum;
}

uint64_t shard_connectivity_bytes(const shard *s) {
  uint64_t sum = exchange_bytes(s->exchange);
  for (int k = 0; k < s->blocks; k++) sum += synapse_bytes(&s->block[k].synapses);
  return sum;
}

uint64_t shard_events(const shard *s) {
  uint64_t sum = 0;
  for (int k = 0; k < s->blocks; k++) sum += s->block[k].events;
  return sum;
}
