#include "synapse.h"
#include "vector.h"

#include <stdlib.h>
#include <string.h>

/* Cursors whose synapses are asked for before they are needed. */
enum { AHEAD = 12 / SYNAPSE_TOGETHER + 2, LINE = 64 };

static int slot_of(const synapse_block *b, int64_t step) { return (int)(step % b->slots); }

/* `from` + steps, 0 <= steps < slots, without a division. */
static inline int slot_after(const synapse_block *b, int from, int steps) {
  return from + steps < b->slots ? from + steps : from + steps - b->slots;
}

/* Let a spike wait for run `run`, and count what it will then deliver: all runs of its source that
 * are due less than SYNAPSE_TOGETHER steps later. */
static inline void wait(synapse_block *b, uint32_t run, uint32_t first, int due_slot) {
  synapse_slot *slot = &b->slot[due_slot];
  if (slot->count == slot->capacity)
    slot->cursor = check_grow(slot->cursor, &slot->capacity, slot->count + 1, sizeof *slot->cursor);
  const synapse_run *r = &b->run[run];
  uint32_t count = r->count;
  for (int k = 0; !r[k].last && r[k + 1].delay < r->delay + SYNAPSE_TOGETHER; k++)
    count += r[k + 1].count;
  slot->cursor[slot->count++] = (synapse_cursor){run, first, count};
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

/* What a cursor delivers is mostly a few lines long: so many are asked for without a branch, which
 * would be guessed wrong as often as not. What lies past the end is the same source's next run.
 * Always inline, since gcc 12 takes a function that only prefetches for one without effect and
 * leaves the calls out (tests/check_layout.py looks for the instructions). */
static inline __attribute__((always_inline)) void
prefetch_cursor(const synapse_block *b, const synapse_cursor *c, size_t size) {
  enum { MOST = 2 + 2 * SYNAPSE_TOGETHER };
  const char *first = (const char *)b->synapse + c->first * size;
  const char *end = first + c->count * size;
  const char *line = (const char *)((uintptr_t)first & ~(uintptr_t)(LINE - 1));
  for (int k = 0; k < MOST; k++) __builtin_prefetch(line + k * LINE);
  for (line += MOST * LINE; line < end; line += LINE) __builtin_prefetch(line);
  __builtin_prefetch(&b->run[c->run + SYNAPSE_TOGETHER]);
}

/* Two synapses are one load. The last synapse is taken again, as 0 where it had a partner: cheaper
 * than a branch. */
static inline void deliver_narrow(const uint32_t *restrict s, uint32_t count,
                                  int32_t *restrict input) {
  const uint32_t even = count & ~1u;
  for (uint32_t k = 0; k < even; k += 2) {
    uint64_t pair;
    memcpy(&pair, s + k, sizeof pair);
    input[pair & 0xffff] += (int32_t)pair >> 16;
    input[pair >> 32 & 0xffff] += (int32_t)((int64_t)pair >> 48);
  }
  const uint32_t last = s[count - 1];
  input[last & 0xffff] += count & 1 ? (int32_t)last >> 16 : 0;
}

static inline void deliver_wide(const uint64_t *restrict s, uint32_t count,
                                int64_t *restrict input) {
  for (uint32_t k = 0; k < count; k++) input[s[k] & 0xffff] += (int64_t)s[k] >> 16;
}

static int input_of(int64_t step) { return (int)(step % SYNAPSE_TOGETHER); }

static inline int input_after(int from, int steps) {
  return from + steps < SYNAPSE_TOGETHER ? from + steps : from + steps - SYNAPSE_TOGETHER;
}

/* Deliver the cursor's runs to the inputs from number `input` on; the spike then waits for the
 * next one. */
static inline __attribute__((always_inline)) void deliver_cursor(synapse_block *b, synapse_cursor c,
                                                                 int now, int input, bool wide) {
  const int delay = b->run[c.run].delay;
  for (;;) {
    const synapse_run r = b->run[c.run];
    const int to = input_after(input, r.delay - delay);
    const size_t at = ((size_t)to * (size_t)b->receptors + r.receptor) * b->neurons;
    if (wide)
      deliver_wide((const uint64_t *)b->synapse + c.first, r.count, (int64_t *)b->input + at);
    else
      deliver_narrow((const uint32_t *)b->synapse + c.first, r.count, (int32_t *)b->input + at);
    b->events[to] += r.count;
    if (r.last) return;
    c.first += r.count;
    const int steps = b->run[++c.run].delay - delay;
    if (steps < SYNAPSE_TOGETHER) continue;
    wait(b, c.run, c.first, slot_after(b, now, steps));
    return;
  }
}

/* One copy for each width, so that the loop over synapses has no choice to make. */
static inline __attribute__((always_inline)) void deliver_slot(synapse_block *b, int now, int input,
                                                               bool wide) {
  synapse_slot *slot = &b->slot[now];
  size_t asked = slot->delivered;
  for (; slot->delivered < slot->count; slot->delivered++) {
    for (; asked < slot->count && asked < slot->delivered + AHEAD; asked++)
      prefetch_cursor(b, &slot->cursor[asked], wide ? 8 : 4);
    deliver_cursor(b, slot->cursor[slot->delivered], now, input, wide);
  }
}

void synapse_deliver(synapse_block *b, int64_t step) {
  if (b->wide)
    deliver_slot(b, slot_of(b, step), input_of(step), true);
  else
    deliver_slot(b, slot_of(b, step), input_of(step), false);
}

void *synapse_input(const synapse_block *b, int64_t step) {
  const size_t size = b->wide ? sizeof(int64_t) : sizeof(int32_t);
  return (char *)b->input + (size_t)input_of(step) * (size_t)b->receptors * b->neurons * size;
}

uint64_t synapse_finish(synapse_block *b, int64_t step) {
  synapse_slot *slot = &b->slot[slot_of(b, step)];
  slot->count = slot->delivered = 0;
  const uint64_t events = b->events[input_of(step)];
  b->events[input_of(step)] = 0;
  return events;
}

void synapse_reset(synapse_block *b) {
  for (int i = 0; i < b->slots; i++) b->slot[i].count = b->slot[i].delivered = 0;
  memset(b->events, 0, sizeof b->events);
  memset(b->input, 0,
         (size_t)SYNAPSE_TOGETHER * (size_t)b->receptors * b->neurons * (b->wide ? 8 : 4));
}
