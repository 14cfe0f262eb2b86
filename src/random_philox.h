/* random_philox.h - Philox4x32-10 of many counters at once. */
#ifndef SHINKEI_RANDOM_PHILOX_H
#define SHINKEI_RANDOM_PHILOX_H

#include "check.h"

/* RANDOM_TAG: last word of every counter, "Shin". */
enum { RANDOM_BATCH = 256, RANDOM_TAG = 0x5368696e };

/* Counters (counter[0][i], counter[1][i], tag, RANDOM_TAG), i < n <= RANDOM_BATCH: word w of the
 * i-th goes to out[w][first + i], unless out[w] is NULL. */
LOCAL void random_philox(uint32_t counter[2][RANDOM_BATCH], uint32_t tag, uint32_t key0,
                         uint32_t key1, int n, int first, uint32_t *const out[4]);

#endif
