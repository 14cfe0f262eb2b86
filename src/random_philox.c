#include "random_philox.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Multipliers; steps of the two key words from round to round (Salmon et al. 2011). */
enum { PHILOX_ROUNDS = 10 };
static const uint32_t PHILOX_MULTIPLIER_0 = 0xD2511F53u, PHILOX_MULTIPLIER_1 = 0xCD9E8D57u;
static const uint32_t PHILOX_STEP_0 = 0x9E3779B9u, PHILOX_STEP_1 = 0xBB67AE85u;

typedef struct {
  _Alignas(64) uint32_t word[4][RANDOM_BATCH];
} batch;

static void philox_plain(batch *b, int n, uint32_t key0, uint32_t key1) {
  for (int i = 0; i < n; i++) {
    uint32_t x[4] = {b->word[0][i], b->word[1][i], b->word[2][i], b->word[3][i]};
    uint32_t k0 = key0, k1 = key1;
    for (int r = 0; r < PHILOX_ROUNDS; r++, k0 += PHILOX_STEP_0, k1 += PHILOX_STEP_1) {
      const uint64_t p0 = (uint64_t)PHILOX_MULTIPLIER_0 * x[0],
                     p1 = (uint64_t)PHILOX_MULTIPLIER_1 * x[2];
      x[0] = (uint32_t)(p1 >> 32) ^ x[1] ^ k0;
      x[2] = (uint32_t)(p0 >> 32) ^ x[3] ^ k1;
      x[1] = (uint32_t)p1;
      x[3] = (uint32_t)p0;
    }
    for (int w = 0; w < 4; w++) b->word[w][i] = x[w];
  }
}

#if defined(__x86_64__)
/* All rounds for 16 counters in registers: word w of counter 8 v + i is lane i of x[w][v].
 *
 * The instruction that multiplies 32 by 32 bits takes the lower half of a 64-bit lane, whatever the
 * upper one holds. So even and odd counters are taken apart for all rounds, and products stay where
 * they were made: no shuffles. Vectors are of 256 bits where the machine has wider ones as well:
 * 512-bit multiplications lower the clock of all that the core does in the next 0.7 ms. */
enum { PHILOX_AT_ONCE = 16 };
__attribute__((target("avx2"), always_inline)) static inline void
philox_16(__m256i x[4][2], uint32_t key0, uint32_t key1) {
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

__attribute__((target("avx2"), always_inline)) static inline void
philox_256(batch *b, int n, uint32_t key0, uint32_t key1) {
  for (int i = 0; i < n; i += PHILOX_AT_ONCE) {
    __m256i x[4][2];
    for (int w = 0; w < 4; w++)
      for (int v = 0; v < 2; v++) x[w][v] = _mm256_load_si256((__m256i *)&b->word[w][i + 8 * v]);
    philox_16(x, key0, key1);
    for (int w = 0; w < 4; w++)
      for (int v = 0; v < 2; v++) _mm256_store_si256((__m256i *)&b->word[w][i + 8 * v], x[w][v]);
  }
}

__attribute__((target("avx2"))) static void philox_avx2(batch *b, int n, uint32_t key0,
                                                        uint32_t key1) {
  philox_256(b, n, key0, key1);
}

/* The same with the operations on three operands that the compiler finds there. */
__attribute__((target("avx512f,avx512vl"))) static void
philox_avx512(batch *b, int n, uint32_t key0, uint32_t key1) {
  philox_256(b, n, key0, key1);
}
#endif

static void philox(batch *b, int n, uint32_t key0, uint32_t key1) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vl")) {
    philox_avx512(b, n, key0, key1);
    return;
  }
  if (__builtin_cpu_supports("avx2")) {
    philox_avx2(b, n, key0, key1);
    return;
  }
#endif
  philox_plain(b, n, key0, key1);
}

void random_philox(uint32_t counter[2][RANDOM_BATCH], uint32_t tag, uint32_t key0, uint32_t key1,
                   int n, int first, uint32_t *const out[4]) {
  batch b;
  const int padded = (n + 15) & ~15; /* a vector past the end is drawn, and left there */
  memcpy(b.word[0], counter[0], (size_t)n * sizeof(uint32_t));
  memcpy(b.word[1], counter[1], (size_t)n * sizeof(uint32_t));
  for (int i = 0; i < padded; i++) b.word[2][i] = tag, b.word[3][i] = RANDOM_TAG;
  for (int i = n; i < padded; i++) b.word[0][i] = b.word[1][i] = 0;
  philox(&b, n, key0, key1);
  for (int w = 0; w < 4; w++)
    if (out[w]) memcpy(out[w] + first, b.word[w], (size_t)n * sizeof(uint32_t));
}
