#include "step_update.h"
#include "vector.h"

#include <string.h>

enum { AT_ONCE = 64 };

/* spiked (0 or 1 each) is padded with zeros to a multiple of AT_ONCE. Few neurons fire: whole lines
 * of zeros are passed over. */
static void list_spikes(shard_block *b, uint32_t first, uint32_t n, const uint8_t *spiked) {
  for (uint32_t i = 0; i < n; i += AT_ONCE) {
    uint64_t eight[AT_ONCE / 8], any = 0;
    memcpy(eight, spiked + i, sizeof eight);
    for (int k = 0; k < AT_ONCE / 8; k++) any |= eight[k];
    for (uint32_t k = 0; any && k < AT_ONCE / 8; k++)
      for (uint64_t left = eight[k]; left; left &= left - 1)
        b->spiked[b->spikes++] = first + i + 8 * k + (uint32_t)__builtin_ctzll(left) / 8;
  }
}

/* Neurons of the chunk that are made to fire or kept from it. */
static void impose(const shard_block *b, const neuron_model *neuron, bool wide, uint32_t first,
                   const neuron_segment *segment) {
  for (size_t k = 0; k < b->imposed; k++) {
    const uint32_t i = b->impose[k].neuron - first; /* wraps below first */
    if (i >= (uint32_t)segment->count) continue;
    neuron->impose[wide](segment, (int)i, b->impose[k].fires);
    segment->spiked[i] = b->impose[k].fires;
  }
}

static void update_chunk(const shard *s, shard_block *b, const shard_segment *g, uint32_t first,
                         uint32_t n) {
  _Alignas(64) uint8_t spiked[INPUT_CHUNK + AT_ONCE];
  const neuron_model *neuron = s->m->population[g->population].neuron;
  const size_t local = b->first + first;
  const size_t size = s->m->double_precision ? sizeof(double) : sizeof(float);
  const size_t sum_size = s->m->double_precision ? sizeof(int64_t) : sizeof(int32_t);
  neuron_segment segment = {.count = (int)n,
                            .refractory = s->refractory + local,
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
  if (b->imposed > 0) impose(b, neuron, s->m->double_precision, first, &segment);
  memset(spiked + n, 0, AT_ONCE);
  list_spikes(b, first, n, spiked);
}

void step_update(shard *s, shard_block *b, int64_t step) {
  b->spikes = 0;
  input_begin_step(b->input, step);
  for (int k = 0; k < b->segments; k++) {
    const shard_segment *g = &b->segment[k];
    for (uint32_t done = 0, n; done < g->count; done += n) {
      const uint32_t first = g->first + done;
      n = INPUT_CHUNK - first % INPUT_CHUNK; /* most chunks begin at a line */
      if (n > g->count - done) n = g->count - done;
      update_chunk(s, b, g, first, n);
    }
  }
  b->imposed = 0;
}
