#include "synapse.h"
#include "vector.h"

#include <stdlib.h>
#include <string.h>

/* Cursors whose synapses are asked for before they are needed. */
enum { AHEAD = 8, LINE = 64 };

static int slot_of(const synapse_block *b, int64_t step) { return (int)(step % b->slots); }

/* `from` + steps, 0 <= steps < slots, without a division. */
static inline int slot_after(const synapse_block *b, int from, int steps) {
  return from + steps < b->slots ? from + steps : from + steps - b->slots;
}

/* Let a spike wait for the run of `count` synapses whose header is at `place`. */
static inline void wait(synapse_block *b, uint32_t place, uint32_t count, int due_slot) {
  synapse_slot *slot = &b->slot[due_slot];
  if (slot->count == slot->capacity)
    slot->cursor = check_grow(slot->cursor, &slot->capacity, slot->count + 1, sizeof *slot->cursor);
  slot->cursor[slot->count++] = (synapse_cursor){place, count};
}

static void note_spike(synapse_block *b, uint32_t gid, int64_t step, int64_t after) {
  const uint32_t bucket = gid >> b->bucket_shift;
  uint32_t i = b->bucket[bucket];
  const uint32_t end = b->bucket[bucket + 1];
  while (i < end && b->source[i] != gid) i++;
  if (i == end) return;
  for (uint32_t place = b->first[i]; place < b->first[i + 1];) {
    const synapse_run run = synapse_header(b, place);
    if (step + run.delay > after) {
      wait(b, place, run.count, slot_of(b, step + run.delay));
      return;
    }
    place += 1 + run.count;
  }
}

/* Each spike finds its way through three tables that lie apart, so the tables are asked for some
 * spikes ahead, one after the other. */
enum { BUCKETS_AHEAD = 12, SOURCES_AHEAD = 8, RUNS_AHEAD = 4 };

static inline __attribute__((always_inline)) void
prefetch_tables(const synapse_block *b, size_t k, size_t count, const uint32_t *gid) {
  if (k + BUCKETS_AHEAD < count)
    __builtin_prefetch(&b->bucket[gid[k + BUCKETS_AHEAD] >> b->bucket_shift]);
  if (k + SOURCES_AHEAD < count) {
    const uint32_t i = b->bucket[gid[k + SOURCES_AHEAD] >> b->bucket_shift];
    __builtin_prefetch(&b->source[i]);
    __builtin_prefetch(&b->first[i]);
  }
  if (k + RUNS_AHEAD < count) {
    const uint32_t i = b->bucket[gid[k + RUNS_AHEAD] >> b->bucket_shift];
    __builtin_prefetch((const char *)b->synapse + (size_t)b->first[i] * (b->wide ? 8 : 4));
  }
}

void synapse_spikes(synapse_block *b, size_t count, const uint32_t *gid, int64_t step,
                    int64_t after) {
  if (b->sources == 0) return;
  for (size_t k = 0; k < count; k++) {
    prefetch_tables(b, k, count, gid);
    note_spike(b, gid[k], step, after);
  }
}

/* Ask for a cursor's run and the header behind it. Always inline, since gcc 12 takes a function
 * that only prefetches for one without effect and leaves the calls out (tests/check_layout.py looks
 * for the instructions). */
static inline __attribute__((always_inline)) void
prefetch_cursor(const synapse_block *b, const synapse_cursor *c, size_t size) {
  const char *first = (const char *)b->synapse + c->place * size;
  const char *end = first + (c->count + 2) * size;
  const char *line = (const char *)((uintptr_t)first & ~(uintptr_t)(LINE - 1));
  for (; line < end; line += LINE) __builtin_prefetch(line);
}

/* A load of its own, which extends the sign: fewer instructions than from the pair. */
static inline int32_t weight_of(const uint32_t *synapse) {
  int16_t weight;
  memcpy(&weight, (const char *)synapse + 2, sizeof weight);
  return weight;
}

/* Compilers add in memory: with an indexed address that is six operations, these two are four. */
static inline void add(int32_t *input, int32_t weight) {
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
  __asm__("addl %1, %0\n\tmovl %0, %1" : "+&r"(weight), "+m"(*input));
#else
  *input += weight;
#endif
}

/* Two targets are one load. The last synapse is taken again, as 0 where it had a partner: cheaper
 * than a branch. */
static inline void deliver_narrow(const uint32_t *restrict s, uint32_t count,
                                  int32_t *restrict input) {
  const uint32_t even = count & ~1u;
  for (uint32_t k = 0; k < even; k += 2) {
    uint64_t pair;
    memcpy(&pair, s + k, sizeof pair);
    add(&input[pair & 0xffff], weight_of(s + k));
    add(&input[pair >> 32 & 0xffff], weight_of(s + k + 1));
  }
  const uint32_t last = s[count - 1];
  input[last & 0xffff] += count & 1 ? (int32_t)last >> 16 : 0;
}

static inline void deliver_wide(const uint64_t *restrict s, uint32_t count,
                                int64_t *restrict input) {
  for (uint32_t k = 0; k < count; k++) input[s[k] & 0xffff] += (int64_t)s[k] >> 16;
}

/* Deliver the cursor's run, and those of other receptors that are due with it; the spike then waits
 * for the next one. */
static inline __attribute__((always_inline)) void deliver_cursor(synapse_block *b, uint32_t place,
                                                                 int now, bool wide) {
  synapse_run run = synapse_header(b, place);
  for (;;) {
    const size_t at = (size_t)run.receptor * b->neurons;
    if (wide)
      deliver_wide((const uint64_t *)b->synapse + place + 1, run.count, (int64_t *)b->input + at);
    else
      deliver_narrow((const uint32_t *)b->synapse + place + 1, run.count, (int32_t *)b->input + at);
    b->events += run.count;
    if (run.last) return;
    place += 1 + run.count;
    const synapse_run next = synapse_header(b, place);
    const int steps = next.delay - run.delay;
    if (steps > 0) {
      wait(b, place, next.count, slot_after(b, now, steps));
      return;
    }
    run = next;
  }
}

/* One copy for each width, so that the loop over synapses has no choice to make. */
static inline __attribute__((always_inline)) void deliver_slot(synapse_block *b, int now,
                                                               bool wide) {
  synapse_slot *slot = &b->slot[now];
  size_t asked = slot->delivered;
  for (; slot->delivered < slot->count; slot->delivered++) {
    for (; asked < slot->count && asked < slot->delivered + AHEAD; asked++)
      prefetch_cursor(b, &slot->cursor[asked], wide ? 8 : 4);
    deliver_cursor(b, slot->cursor[slot->delivered].place, now, wide);
  }
}

void synapse_deliver(synapse_block *b, int64_t step) {
  if (b->wide)
    deliver_slot(b, slot_of(b, step), true);
  else
    deliver_slot(b, slot_of(b, step), false);
}

uint64_t synapse_finish(synapse_block *b, int64_t step) {
  synapse_slot *slot = &b->slot[slot_of(b, step)];
  slot->count = slot->delivered = 0;
  const uint64_t events = b->events;
  b->events = 0;
  return events;
}

void synapse_reset(synapse_block *b) {
  for (int i = 0; i < b->slots; i++) b->slot[i].count = b->slot[i].delivered = 0;
  b->events = 0;
  memset(b->input, 0, (size_t)b->receptors * b->neurons * (b->wide ? 8 : 4));
}
