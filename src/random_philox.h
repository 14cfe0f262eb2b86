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
/* All rounds for 32 counters in registers: word w of counter 16 v + i is lane i of x[w][v]. The
 * instruction that multiplies 32 by 32 bits takes the lower word of a 64-bit lane, so each product
 * is made for the lower and for the upper words; masked shuffles (CCAA: lower words up, DDBB: upper
 * words down) put them together, since shifts would wait for the multiplier's port. Two vectors at
 * a time, since one waits for its own products most of the time. */
__attribute__((target("avx512f"), always_inline)) static inline void
random_philox_512(__m512i x[4][2], uint32_t key0, uint32_t key1) {
  const __m512i m0 = _mm512_set1_epi64(PHILOX_MULTIPLIER_0);
  const __m512i m1 = _mm512_set1_epi64(PHILOX_MULTIPLIER_1);
  const __mmask16 lower = 0x5555, upper = 0xaaaa; /* words of each lane */
  for (int r = 0; r < PHILOX_ROUNDS; r++, key0 += PHILOX_STEP_0, key1 += PHILOX_STEP_1) {
    const __m512i round0 = _mm512_set1_epi32((int)key0), round1 = _mm512_set1_epi32((int)key1);
    for (int v = 0; v < 2; v++) {
      const __m512i even0 = _mm512_mul_epu32(x[0][v], m0);
      const __m512i odd0 = _mm512_mul_epu32(_mm512_shuffle_epi32(x[0][v], _MM_PERM_DDBB), m0);
      const __m512i even1 = _mm512_mul_epu32(x[2][v], m1);
      const __m512i odd1 = _mm512_mul_epu32(_mm512_shuffle_epi32(x[2][v], _MM_PERM_DDBB), m1);
      const __m512i high0 = _mm512_mask_shuffle_epi32(odd0, lower, even0, _MM_PERM_DDBB);
      const __m512i high1 = _mm512_mask_shuffle_epi32(odd1, lower, even1, _MM_PERM_DDBB);
      x[0][v] = _mm512_xor_si512(_mm512_xor_si512(high1, x[1][v]), round0);
      x[2][v] = _mm512_xor_si512(_mm512_xor_si512(high0, x[3][v]), round1);
      x[1][v] = _mm512_mask_shuffle_epi32(even1, upper, odd1, _MM_PERM_CCAA);
      x[3][v] = _mm512_mask_shuffle_epi32(even0, upper, odd0, _MM_PERM_CCAA);
    }
  }
}
#endif

#endif
