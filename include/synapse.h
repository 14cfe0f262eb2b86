/* synapse.h - the in-synapses of one block of neurons, compiled for delivery.
 *
 * A static synapse is 4 bytes: 16 bits of target inside the block, 16 bits of fixed-point weight
 * (in double precision 8 bytes: 16 and 48). Synapses lie by (source, delay, receptor, target);
 * those of one source, delay and receptor are a run. Its header (delay, receptor, count) lies right
 * before it, in the place of a synapse: in a table of its own it would be a second miss of the
 * cache and of the page table in every run. Only a source's first one stands with the source, so
 * that a spike need not touch its synapses before they are due.
 *
 * A spike is not scattered into future slots: it is a cursor that waits in a wheel until its next
 * run is due, is delivered, and moves on. All writes of a step thus go to one small array, in
 * ascending order. What a source costs is in proportion to the runs that it has here, however many
 * ranks there are.
 */
#ifndef SHINKEI_SYNAPSE_H
#define SHINKEI_SYNAPSE_H

#include "network.h"

#include <string.h>

enum { SYNAPSE_BLOCK_NEURONS = 65536 };

/* A run's header, bits as in the functions below: number of synapses, 1 .. 65535; delay [dt], 1 ..
 * 8191; receptor; whether it is the last of its source in this block. A word, since compilers make
 * much of bit fields. */
typedef uint32_t synapse_run;
LOCAL static inline uint32_t synapse_count(synapse_run run) { return run & 0xffff; }
LOCAL static inline int synapse_delay(synapse_run run) { return (int)(run >> 16 & 0x1fff); }
LOCAL static inline uint32_t synapse_receptor(synapse_run run) { return run >> 29 & 3; }
LOCAL static inline bool synapse_is_last(synapse_run run) { return run >> 31; }
LOCAL static inline synapse_run synapse_run_make(uint32_t count, int delay, int receptor,
                                                 bool last) {
  return count | (uint32_t)delay << 16 | (uint32_t)receptor << 29 | (uint32_t)last << 31;
}

typedef struct {   /* a spike under way */
  uint32_t place;  /* of the first synapse of the run that it will deliver next */
  synapse_run run; /* that run's header */
} synapse_cursor;

typedef struct {
  uint32_t gid;
  synapse_cursor first; /* run */
} synapse_source;

typedef struct {
  size_t count, capacity, delivered; /* cursors [0, delivered) are done */
  synapse_cursor *cursor;
} synapse_slot;

typedef struct {
  uint32_t neurons; /* at most SYNAPSE_BLOCK_NEURONS */
  bool wide;        /* 8 bytes a synapse, int64 input */
  int receptors;
  uint32_t synapses, runs, sources;
  void *synapse; /* [runs - sources + synapses] uint32_t or uint64_t: a run's header (synapse_next),
                    then its synapses: weight << 16 | target */
  synapse_source *source; /* [sources + 1] by gid, ascending; the last one is none */
  int bucket_shift;       /* sources of gid >> bucket_shift == b: bucket[b] .. bucket[b + 1] */
  uint32_t *bucket;
  void *input;        /* [receptors][neurons] int32 or int64: weights that arrive in this step; who
                         takes them sets them to 0 */
  uint64_t events;    /* delivered in this step */
  int slots;          /* max_delay + 1 */
  synapse_slot *slot; /* [slots], by due step mod slots */
} synapse_block;

/* The run behind one that is not the last of its source. */
LOCAL static inline synapse_cursor synapse_next(const synapse_block *block, synapse_cursor c) {
  const uint32_t header = c.place + synapse_count(c.run);
  synapse_cursor next = {.place = header + 1};
  memcpy(&next.run, (const char *)block->synapse + (size_t)header * (block->wide ? 8 : 4),
         sizeof next.run);
  return next;
}

/* Compile the in-edges of gid[neurons] (block order; every gid owned by this rank). Peak memory
 * beside the result: one or two bytes a synapse. ERR_USER (not agreed) where inputs of one step
 * could overflow or the block's synapses and runs are 2^32 or more. Thread-safe for distinct
 * blocks. */
LOCAL err synapse_build(const network *n, uint32_t neurons, const uint32_t *gid,
                        synapse_block *block);
LOCAL void synapse_free(synapse_block *block);
/* Memory that the block's tables take [bytes]. */
LOCAL size_t synapse_bytes(const synapse_block *block);

/* Note spikes of gid[count] at `step`: their runs that are due after `after` will be delivered.
 * Nothing where the block has no synapse of a source.                                        */
LOCAL void synapse_spikes(synapse_block *block, size_t count, const uint32_t *gid, int64_t step,
                          int64_t after);
/* Add all runs due in `step` that were not delivered yet to the input. */
LOCAL void synapse_deliver(synapse_block *block, int64_t step);
/* The step is over: its slot is empty again. Returns its number of synaptic events. */
LOCAL uint64_t synapse_finish(synapse_block *block, int64_t step);
/* Forget all spikes under way and all input. */
LOCAL void synapse_reset(synapse_block *block);

#endif
