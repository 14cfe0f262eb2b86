/* random_philox.h - Philox4x32-10 of many counters at once. */
#ifndef SHINKEI_RANDOM_PHILOX_H
#define SHINKEI_RANDOM_PHILOX_H

#include "random.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* RANDOM_TAG: last word of every counter, "Shin". */
enum { RANDOM_BATCH = 256, RANDOM_TAG = 0x5368696e };

/* Third word of a counter (who, low word of the ordinal, this, RANDOM_TAG), see random.h. */
LOCAL uint32_t random_counter_tag(random_purpose purpose, uint32_t index, uint64_t ordinal);

/* Counters (counter[0][i], counter[1][i], tag, RANDOM_TAG), i < n <= RANDOM_BATCH: word w of the
 * i-th goes to out[w][first + i], unless out[w] is NULL. */
LOCAL void random_philox(uint32_t counter[2][RANDOM_BATCH], uint32_t tag, uint32_t key0,
                         uint32_t key1, int n, int first, uint32_t *const out[4]);

/* Multipliers; steps of the two key words from round to round (Salmon et al. 2011). */
enum { PHILOX_ROUNDS = 10 };
static const uint32_t PHILOX_MULTIPLIER_0 = 0xD2511F53u, PHILOX_MULTIPLIER_1 = 0xCD9E8D57u;
static const uint32_t PHILOX_STEP_0 = 0x9E3779B9u, PHILOX_STEP_1 = 0xBB67AE85u;

#if defined(__x86_64__)
/* All rounds for 16 counters in registers: word w of counter 8 v + i is lane i of x[w][v].
 *
 * The instruction that multiplies 32 by 32 bits takes the lower half of a 64-bit lane, whatever the
 * upper one holds. So even and odd counters are taken apart for all rounds, and products stay where
 * they were made: no shuffles. Vectors are of 256 bits where the machine has wider ones as well:
 * 512-bit multiplications lower the clock of all that the core does in the next 0.7 ms. */
enum { PHILOX_AT_ONCE = 16 };
__attribute__((target("avx2"), always_inline)) static inline void
random_philox_256(__m256i x[4][2], uint32_t key0, uint32_t key1) {
  enum { PARTS = 4 };
  const __m256i m0 = _mm256_set1_epi32((int)PHILOX_MULTIPLIER_0);
  const __m256i m1 = _mm256_set1_epi32((int)PHILOX_MULTIPLIER_1);
  __m256i part[4][PARTS];
  for (int w = 0; w < 4; w++)
    for (int p = 0; p < PARTS; p++)
      part[w][p] = p % 2 ? _mm256_srli_epi64(x[w][p / 2], 32) : x[w][p / 2];
#pragma GCC unroll 10
  for (int r = 0; r < PHILOX_ROUNDS; r++, key0 += PHILOX_STEP_0, key1 += PHILOX_STEP_1) {
    const __m256i round0 = _mm256_set1_epi32((int)key0), round1 = _mm256_set1_epi32((int)key1);
#pragma GCC unroll 4
    for (int p = 0; p < PARTS; p++) {
      const __m256i product0 = _mm256_mul_epu32(part[0][p], m0);
      const __m256i product1 = _mm256_mul_epu32(part[2][p], m1);
      const __m256i high0 = _mm256_srli_epi64(product0, 32);
      const __m256i high1 = _mm256_srli_epi64(product1, 32);
      part[0][p] = _mm256_xor_si256(_mm256_xor_si256(high1, part[1][p]), round0);
      part[2][p] = _mm256_xor_si256(_mm256_xor_si256(high0, part[3][p]), round1);
      part[1][p] = product1;
      part[3][p] = product0;
    }
  }
  enum { ODD = 0xaa };
  for (int w = 0; w < 4; w++)
    for (int v = 0; v < 2; v++)
      x[w][v] = _mm256_blend_epi32(part[w][2 * v], _mm256_slli_epi64(part[w][2 * v + 1], 32), ODD);
}
#endif

#endif
