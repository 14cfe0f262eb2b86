/* random_philox.h - Philox4x32-10 of many counters at once. */
#ifndef SHINKEI_RANDOM_PHILOX_H
#define SHINKEI_RANDOM_PHILOX_H

#include "random.h"

/* RANDOM_TAG: last word of every counter, "Shin". */
enum { RANDOM_BATCH = 256, RANDOM_TAG = 0x5368696e };

/* Third word of a counter (who, low word of the ordinal, this, RANDOM_TAG), see random.h. */
LOCAL uint32_t random_counter_tag(random_purpose purpose, uint32_t index, uint64_t ordinal);

/* Counters (counter[0][i], counter[1][i], tag, RANDOM_TAG), i < n <= RANDOM_BATCH: word w of the
 * i-th goes to out[w][first + i], unless out[w] is NULL. */
LOCAL void random_philox(uint32_t counter[2][RANDOM_BATCH], uint32_t tag, uint32_t key0,
                         uint32_t key1, int n, int first, uint32_t *const out[4]);

#endif
