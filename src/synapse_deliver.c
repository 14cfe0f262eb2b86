#include "synapse.h"
#include "vector.h"

#include <stdlib.h>
#include <string.h>

/* Cursors whose synapses are asked for before they are needed. */
enum { AHEAD = 12, LINE = 64 };

static int slot_of(const synapse_block *b, int64_t step) { return (int)(step % b->slots); }

/* `from` + steps, 0 <= steps < slots, without a division. */
static inline int slot_after(const synapse_block *b, int from, int steps) {
  return from + steps < b->slots ? from + steps : from + steps - b->slots;
}

static inline void wait(synapse_block *b, uint32_t run, uint32_t first, int due_slot) {
  synapse_slot *slot = &b->slot[due_slot];
  if (slot->count == slot->capacity)
    slot->cursor = check_grow(slot->cursor, &slot->capacity, slot->count + 1, sizeof *slot->cursor);
  const synapse_run r = b->run[run];
  slot->cursor[slot->count++] = (synapse_cursor){run, first, r.count, r.receptor};
}

void synapse_spike(synapse_block *b, uint32_t gid, int64_t step, int64_t after) {
  const uint32_t bucket = gid >> b->bucket_shift;
  uint32_t i = b->bucket[bucket];
  const uint32_t end = b->bucket[bucket + 1];
  while (i < end && b->source[i] != gid) i++;
  if (i == end) return;
  uint32_t first = b->first_synapse[i];
  for (uint32_t run = b->first_run[i]; run < b->first_run[i + 1]; run++) {
    if (step + b->run[run].delay > after) {
      wait(b, run, first, slot_of(b, step + b->run[run].delay));
      return;
    }
    first += b->run[run].count;
  }
}

/* Most runs are a few lines long: so many are asked for without a branch, which would be guessed
 * wrong as often as not. What lies past the end is the same source's next run. */
static inline void prefetch_cursor(const synapse_block *b, const synapse_cursor *c, size_t size) {
  enum { MOST = 4 };
  const char *line = (const char *)b->synapse + c->first * size;
  const char *end = line + c->count * size;
  for (int k = 0; k < MOST; k++) __builtin_prefetch(line + k * LINE);
  for (line += MOST * LINE; line < end; line += LINE) __builtin_prefetch(line);
  __builtin_prefetch(&b->run[c->run + 1]);
}

/* Two synapses are one load. The last synapse is taken again, as 0 where it had a partner: cheaper
 * than a branch. */
static inline void deliver_narrow(const synapse_block *b, const synapse_cursor *c) {
  const uint32_t *restrict s = (const uint32_t *)b->synapse + c->first;
  int32_t *restrict input = (int32_t *)b->input + (size_t)c->receptor * b->neurons;
  const uint32_t even = c->count & ~1u;
  for (uint32_t k = 0; k < even; k += 2) {
    uint64_t pair;
    memcpy(&pair, s + k, sizeof pair);
    input[pair & 0xffff] += (int32_t)pair >> 16;
    input[pair >> 32 & 0xffff] += (int32_t)((int64_t)pair >> 48);
  }
  const uint32_t last = s[c->count - 1];
  input[last & 0xffff] += c->count & 1 ? (int32_t)last >> 16 : 0;
}

static inline void deliver_wide(const synapse_block *b, const synapse_cursor *c) {
  const uint64_t *restrict s = (const uint64_t *)b->synapse + c->first;
  int64_t *restrict input = (int64_t *)b->input + (size_t)c->receptor * b->neurons;
  for (uint32_t k = 0; k < c->count; k++) input[s[k] & 0xffff] += (int64_t)s[k] >> 16;
}

/* One copy for each width, so that the loop over synapses has no choice to make. */
static inline __attribute__((always_inline)) uint64_t deliver_slot(synapse_block *b, int now,
                                                                   bool wide) {
  synapse_slot *slot = &b->slot[now];
  uint64_t events = 0;
  size_t asked = slot->delivered;
  for (; slot->delivered < slot->count; slot->delivered++) {
    for (; asked < slot->count && asked < slot->delivered + AHEAD; asked++)
      prefetch_cursor(b, &slot->cursor[asked], wide ? 8 : 4);
    const synapse_cursor c = slot->cursor[slot->delivered];
    if (wide)
      deliver_wide(b, &c);
    else
      deliver_narrow(b, &c);
    events += c.count;
    const synapse_run done = b->run[c.run];
    if (done.last) continue;
    const int steps = b->run[c.run + 1].delay - done.delay;
    wait(b, c.run + 1, c.first + c.count, slot_after(b, now, steps));
  }
  return events;
}

uint64_t synapse_deliver(synapse_block *b, int64_t step) {
  const int now = slot_of(b, step);
  return b->wide ? deliver_slot(b, now, true) : deliver_slot(b, now, false);
}

void synapse_finish(synapse_block *b, int64_t step) {
  synapse_slot *slot = &b->slot[slot_of(b, step)];
  slot->count = slot->delivered = 0;
}

void synapse_reset(synapse_block *b) {
  for (int i = 0; i < b->slots; i++) b->slot[i].count = b->slot[i].delivered = 0;
  memset(b->input, 0, (size_t)b->receptors * b->neurons * (b->wide ? 8 : 4));
}
