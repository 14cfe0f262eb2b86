#include "synapse.h"
#include "vector.h"

#include <stdlib.h>
#include <string.h>

/* Cursors whose synapses are asked for before they are needed. */
enum { AHEAD = 6, LINE = 64, LINES_AT_LEAST = 3 };

static int slot_of(const synapse_block *b, int64_t step) { return (int)(step % b->slots); }

/* `from` + steps, 0 <= steps < slots, without a division. */
static inline int slot_after(const synapse_block *b, int from, int steps) {
  return from + steps < b->slots ? from + steps : from + steps - b->slots;
}

static inline void wait(synapse_block *b, synapse_cursor spike, int due_slot) {
  synapse_slot *slot = &b->slot[due_slot];
  if (slot->count == slot->capacity)
    slot->cursor = check_grow(slot->cursor, &slot->capacity, slot->count + 1, sizeof *slot->cursor);
  slot->cursor[slot->count++] = spike;
}

static void note_spike(synapse_block *b, uint32_t gid, int64_t step, int64_t after) {
  const uint32_t bucket = gid >> b->bucket_shift;
  uint32_t i = b->bucket[bucket];
  const uint32_t end = b->bucket[bucket + 1];
  while (i < end && b->source[i].gid != gid) i++;
  if (i == end) return;
  synapse_cursor c = b->source[i].first;
  while (step + synapse_delay(c.run) <= after && !synapse_is_last(c.run)) c = synapse_next(b, c);
  const int64_t due = step + synapse_delay(c.run);
  if (due > after) wait(b, c, slot_of(b, due));
}

/* Each spike finds its way through tables that lie apart. Some spikes ask for their places in one
 * of them at once, so that they wait for the memory together. */
enum { AT_ONCE = 64 };

static void note_some(synapse_block *b, size_t count, const uint32_t *gid, int64_t step,
                      int64_t after) {
  for (size_t k = 0; k < count; k++) __builtin_prefetch(&b->bucket[gid[k] >> b->bucket_shift]);
  for (size_t k = 0; k < count; k++)
    __builtin_prefetch(&b->source[b->bucket[gid[k] >> b->bucket_shift]]);
  for (size_t k = 0; k < count; k++) note_spike(b, gid[k], step, after);
}

void synapse_spikes(synapse_block *b, size_t count, const uint32_t *gid, int64_t step,
                    int64_t after) {
  if (b->sources == 0) return;
  for (size_t done = 0, n; done < count; done += n) {
    n = count - done < AT_ONCE ? count - done : AT_ONCE;
    note_some(b, n, gid + done, step, after);
  }
}

/* Ask for a cursor's run and the header behind it; for some lines in any case, since a loop whose
 * end is guessed wrong costs more than lines too many. Always inline, since gcc 12 takes a function
 * that only prefetches for one without effect and leaves the calls out (tests/check_layout.py looks
 * for the instructions). */
static inline __attribute__((always_inline)) void
prefetch_cursor(const synapse_block *b, const synapse_cursor *c, size_t size) {
  const char *first = (const char *)b->synapse + c->place * size;
  const char *end = first + (synapse_count(c->run) + (size_t)1) * size;
  const char *line = (const char *)((uintptr_t)first & ~(uintptr_t)(LINE - 1));
  for (int k = 0; k < LINES_AT_LEAST; k++, line += LINE) __builtin_prefetch(line);
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
 * for the next one. Returns how many synapses there were. */
static inline __attribute__((always_inline)) uint64_t
deliver_cursor(synapse_block *b, synapse_cursor c, int now, bool wide) {
  const size_t size = wide ? 8 : 4;
  for (uint64_t events = 0;;) {
    const char *synapses = (const char *)b->synapse + c.place * size;
    void *input = (char *)b->input + synapse_receptor(c.run) * (size_t)b->neurons * size;
    if (wide)
      deliver_wide((const uint64_t *)synapses, synapse_count(c.run), input);
    else
      deliver_narrow((const uint32_t *)synapses, synapse_count(c.run), input);
    events += synapse_count(c.run);
    if (synapse_is_last(c.run)) return events;
    const synapse_cursor next = synapse_next(b, c);
    const int steps = synapse_delay(next.run) - synapse_delay(c.run);
    c = next;
    if (steps == 0) continue;
    wait(b, c, slot_after(b, now, steps));
    return events;
  }
}

/* One copy for each width, so that the loop over synapses has no choice to make. */
static inline __attribute__((always_inline)) void deliver_slot(synapse_block *b, int now,
                                                               bool wide) {
  synapse_slot *slot = &b->slot[now];
  const synapse_cursor *cursor = slot->cursor; /* no spike waits for the slot under way */
  const size_t count = slot->count;
  uint64_t events = 0;
  for (size_t k = slot->delivered, asked = k; k < count; k++) {
    for (; asked < count && asked < k + AHEAD; asked++)
      prefetch_cursor(b, &cursor[asked], wide ? 8 : 4);
    events += deliver_cursor(b, cursor[k], now, wide);
  }
  slot->delivered = count;
  b->events += events;
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
