#include "step_update.h"
#include "neuron_arrivals.h"

#include <string.h>

static refractory_block refractory_of(const shard *s, const shard_block *b) {
  const bool wide = s->m->double_precision;
  const size_t size = wide ? sizeof(double) : sizeof(float);
  return (refractory_block){.flag = s->is_refractory + b->first,
                            .potential = s->late ? (char *)s->state[0] + b->first * size : NULL,
                            .wide = wide};
}

static void take_spikes(const shard *s, shard_block *b, shard_segment *g, uint32_t first, int n,
                        const uint32_t *fired, int64_t step) {
  const size_t spikes = b->spikes + (size_t)n;
  b->spiked = check_grow(b->spiked, &b->spiked_capacity, spikes, sizeof *b->spiked);
  for (int k = 0; k < n; k++) {
    b->spiked[b->spikes++] = first + fired[k];
    refractory_begin(&g->refractory, first + fired[k], step, refractory_of(s, b));
  }
}

/* Let neuron i be among fired[n], or not; returns how many there are now. */
static int set_fired(uint32_t *fired, int n, uint32_t i, bool fires) {
  int at = 0;
  while (at < n && fired[at] < i) at++;
  const int is = at < n && fired[at] == i;
  memmove(fired + at + fires, fired + at + is, (size_t)(n - at - is) * sizeof *fired);
  if (fires) fired[at] = i;
  return n - is + fires;
}

/* Neurons of the chunk that are made to fire or kept from it. */
static int impose(const shard *s, const shard_block *b, shard_segment *g, uint32_t first,
                  const neuron_segment *segment, int n) {
  const neuron_model *neuron = s->m->population[g->population].neuron;
  for (size_t k = 0; k < b->imposed; k++) {
    const uint32_t i = b->impose[k].neuron - first; /* wraps below first */
    if (i >= (uint32_t)segment->count) continue;
    neuron->impose[s->m->double_precision](segment, (int)i);
    n = set_fired(segment->fired, n, i, b->impose[k].fires);
    refractory_end(&g->refractory, first + i, refractory_of(s, b));
  }
  return n;
}

/* How many neurons are taken at once after the segment's first `done`: most chunks begin at a line.
 */
static uint32_t chunk(const shard_segment *g, uint32_t done) {
  const uint32_t n = INPUT_CHUNK - (g->first + done) % INPUT_CHUNK;
  return n < g->count - done ? n : g->count - done;
}

/* All that has arrived at receptor r of neurons first .. first + n - 1. Whether any of it is beside
 * the network's and the counts. */
static bool find_arrivals(const shard *s, const shard_block *b, const shard_segment *g, int r,
                          uint32_t first, uint32_t n, neuron_arrivals *arrivals) {
  const size_t size = s->m->double_precision ? sizeof(int64_t) : sizeof(int32_t);
  arrivals->sum = (char *)b->synapses.input + ((size_t)r * b->neurons + first) * size;
  arrivals->scale = network_weight_scale(s->n, g->population, r);
  return input_arrivals(b->input, g->population, r, first, n, arrivals);
}

static void update_chunk(const shard *s, shard_block *b, shard_segment *g, uint32_t first,
                         uint32_t n, int64_t step) {
  uint32_t fired[INPUT_CHUNK];
  const neuron_model *neuron = s->m->population[g->population].neuron;
  const size_t local = b->first + first;
  const size_t size = s->m->double_precision ? sizeof(double) : sizeof(float);
  neuron_segment segment = {.count = (int)n,
                            .refractory = s->is_refractory + local,
                            .constants = g->constants,
                            .current = input_current(b->input, first),
                            .bare = !input_driven(b->input),
                            .late = s->late,
                            .fired = fired};
  for (int k = 0; k < neuron->states; k++) segment.state[k] = (char *)s->state[k] + local * size;
  for (int r = 0; r < neuron->receptors; r++)
    if (find_arrivals(s, b, g, r, first, n, &segment.arrivals[r])) segment.bare = false;
  int fires = neuron->update[s->m->double_precision](&segment);
  if (b->imposed > 0) fires = impose(s, b, g, first, &segment, fires);
  if (fires > 0) take_spikes(s, b, g, first, fires, fired, step);
}

void step_update(const shard *s, shard_block *b, int64_t step, int64_t arrivals, int k) {
  if (k == 0) b->spikes = 0;
  input_begin_step(b->input, step, arrivals);
  for (int i = 0; i < b->segments; i++) {
    shard_segment *g = &b->segment[i];
    refractory_release(&g->refractory, step, refractory_of(s, b));
    for (uint32_t done = 0, n; done < g->count; done += n)
      update_chunk(s, b, g, g->first + done, n = chunk(g, done), step);
  }
  b->imposed = 0;
  b->spikes_until[k] = b->spikes;
}

#define DEFINE_TAKE(real, whole, name)                                                             \
  static void name(uint32_t n, real *restrict state, ARRIVALS_PARAMETERS(real, whole, r)) {        \
    for (uint32_t i = 0; i < n; i++) {                                                             \
      ARRIVALS_TAKE(real, arrived, r, i, ARRIVALS_ADDED);                                          \
      state[i] += arrived;                                                                         \
    }                                                                                              \
  }
DEFINE_TAKE(float, int32_t, take_single)
DEFINE_TAKE(double, int64_t, take_double)

/* Add what has arrived at the neurons to the receptors' states. */
static void take_chunk(const shard *s, const shard_block *b, const shard_segment *g, uint32_t first,
                       uint32_t n) {
  const neuron_model *neuron = s->m->population[g->population].neuron;
  const size_t local = b->first + first;
  for (int r = 0; r < neuron->receptors; r++) {
    neuron_segment segment;
    find_arrivals(s, b, g, r, first, n, &segment.arrivals[r]);
    void *state = s->state[neuron->receptor_state[r]];
    if (s->m->double_precision)
      take_double(n, (double *)state + local, ARRIVALS_ARGUMENTS(double, &segment, r));
    else
      take_single(n, (float *)state + local, ARRIVALS_ARGUMENTS(float, &segment, r));
  }
}

void step_update_take(const shard *s, shard_block *b, int64_t arrivals) {
  input_begin_step(b->input, arrivals, arrivals);
  for (int i = 0; i < b->segments; i++) {
    const shard_segment *g = &b->segment[i];
    for (uint32_t done = 0, n; done < g->count; done += n)
      take_chunk(s, b, g, g->first + done, n = chunk(g, done));
  }
}

void step_update_start(const shard *s, shard_block *b) {
  for (int k = 0; k < b->segments; k++)
    refractory_park(&b->segment[k].refractory, refractory_of(s, b));
}

void step_update_end(const shard *s, const shard_block *b, int64_t step) {
  int32_t *left = s->refractory + b->first;
  memset(left, 0, b->neurons * sizeof *left);
  for (int k = 0; k < b->segments; k++) {
    refractory_left(&b->segment[k].refractory, step, left);
    refractory_unpark(&b->segment[k].refractory, refractory_of(s, b));
  }
}

void step_update_resume(const shard *s, shard_block *b, int64_t step) {
  for (int k = 0; k < b->segments; k++) {
    shard_segment *g = &b->segment[k];
    refractory_resume(&g->refractory, step, g->first, g->count, s->refractory + b->first,
                      s->is_refractory + b->first);
  }
}
