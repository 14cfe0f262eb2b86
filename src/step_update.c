#include "step_update.h"
#include "vector.h"

#include <string.h>

enum { LINE = 64 };

static bool is_any_set(const uint8_t *flag, uint32_t count) {
  uint64_t any = 0, eight;
  for (uint32_t i = 0; i < count; i += sizeof eight) {
    memcpy(&eight, flag + i, sizeof eight);
    any |= eight;
  }
  return any != 0;
}

/* spiked (0 or 1 each) is padded with zeros to a multiple of LINE. Few neurons fire: whole chunks
 * and lines of zeros are passed over. */
static void take_spikes(const shard *s, shard_block *b, shard_segment *g, uint32_t first,
                        uint32_t n, const uint8_t *spiked, int64_t step) {
  if (!is_any_set(spiked, n)) return;
  for (uint32_t line = 0; line < n; line += LINE) {
    if (!is_any_set(spiked + line, LINE)) continue;
    for (uint32_t i = line; i < line + LINE; i++) {
      if (!spiked[i]) continue;
      if (b->spikes == b->spiked_capacity)
        b->spiked = check_grow(b->spiked, &b->spiked_capacity, b->spikes + 1, sizeof *b->spiked);
      b->spiked[b->spikes++] = first + i;
      refractory_begin(&g->refractory, first + i, step, s->is_refractory + b->first);
    }
  }
}

/* Neurons of the chunk that are made to fire or kept from it. */
static void impose(const shard *s, const shard_block *b, shard_segment *g, uint32_t first,
                   const neuron_segment *segment) {
  const neuron_model *neuron = s->m->population[g->population].neuron;
  for (size_t k = 0; k < b->imposed; k++) {
    const uint32_t i = b->impose[k].neuron - first; /* wraps below first */
    if (i >= (uint32_t)segment->count) continue;
    neuron->impose[s->m->double_precision](segment, (int)i);
    segment->spiked[i] = b->impose[k].fires;
    refractory_end(&g->refractory, first + i, s->is_refractory + b->first);
  }
}

static void update_chunk(const shard *s, shard_block *b, shard_segment *g, uint32_t first,
                         uint32_t n, int64_t step) {
  _Alignas(64) uint8_t spiked[INPUT_CHUNK + LINE];
  const neuron_model *neuron = s->m->population[g->population].neuron;
  const size_t local = b->first + first;
  const size_t size = s->m->double_precision ? sizeof(double) : sizeof(float);
  const size_t sum_size = s->m->double_precision ? sizeof(int64_t) : sizeof(int32_t);
  neuron_segment segment = {.count = (int)n,
                            .refractory = s->is_refractory + local,
                            .constants = g->constants,
                            .current = input_current(b->input, first),
                            .bare = !input_driven(b->input),
                            .spiked = spiked};
  for (int k = 0; k < neuron->states; k++) segment.state[k] = (char *)s->state[k] + local * size;
  for (int r = 0; r < neuron->receptors; r++) {
    neuron_arrivals *arrivals = &segment.arrivals[r];
    if (input_arrivals(b->input, g->population, r, first, n, arrivals)) segment.bare = false;
    arrivals->sum = (char *)b->synapses.input + ((size_t)r * b->neurons + first) * sum_size;
    arrivals->scale = network_weight_scale(s->n, g->population, r);
  }
  neuron->update[s->m->double_precision](&segment);
  if (b->imposed > 0) impose(s, b, g, first, &segment);
  memset(spiked + n, 0, LINE);
  take_spikes(s, b, g, first, n, spiked, step);
}

void step_update(const shard *s, shard_block *b, int64_t step, int k) {
  if (k == 0) b->spikes = 0;
  input_begin_step(b->input, step);
  for (int i = 0; i < b->segments; i++) {
    shard_segment *g = &b->segment[i];
    refractory_release(&g->refractory, step, s->is_refractory + b->first);
    for (uint32_t done = 0, n; done < g->count; done += n) {
      const uint32_t first = g->first + done;
      n = INPUT_CHUNK - first % INPUT_CHUNK; /* most chunks begin at a line */
      if (n > g->count - done) n = g->count - done;
      update_chunk(s, b, g, first, n, step);
    }
  }
  b->imposed = 0;
  b->spikes_until[k] = b->spikes;
}

void step_update_end(const shard *s, const shard_block *b, int64_t step) {
  int32_t *left = s->refractory + b->first;
  memset(left, 0, b->neurons * sizeof *left);
  for (int k = 0; k < b->segments; k++) refractory_left(&b->segment[k].refractory, step, left);
}

void step_update_resume(const shard *s, shard_block *b, int64_t step) {
  for (int k = 0; k < b->segments; k++) {
    shard_segment *g = &b->segment[k];
    refractory_resume(&g->refractory, step, g->first, g->count, s->refractory + b->first,
                      s->is_refractory + b->first);
  }
}
