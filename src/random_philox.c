#include "random_philox.h"

#include <string.h>

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
/* As random_philox_512: products of the lower and of the upper words, and two vectors at a time. */
__attribute__((target("avx2"))) static void philox_256(batch *b, int n, uint32_t key0,
                                                       uint32_t key1) {
  enum { UPPER = 0xaa }; /* words of each 64-bit lane */
  const __m256i m0 = _mm256_set1_epi64x(PHILOX_MULTIPLIER_0);
  const __m256i m1 = _mm256_set1_epi64x(PHILOX_MULTIPLIER_1);
  __m256i key[PHILOX_ROUNDS][2];
  for (int r = 0; r < PHILOX_ROUNDS; r++, key0 += PHILOX_STEP_0, key1 += PHILOX_STEP_1) {
    key[r][0] = _mm256_set1_epi32((int)key0);
    key[r][1] = _mm256_set1_epi32((int)key1);
  }
  for (int i = 0; i < n; i += 16) {
    __m256i x[4][2];
    for (int w = 0; w < 4; w++) memcpy(x[w], &b->word[w][i], sizeof x[w]);
    for (int r = 0; r < PHILOX_ROUNDS; r++) {
#pragma GCC unroll 2
      for (int v = 0; v < 2; v++) {
        const __m256i even0 = _mm256_mul_epu32(x[0][v], m0);
        const __m256i odd0 = _mm256_mul_epu32(_mm256_srli_epi64(x[0][v], 32), m0);
        const __m256i even1 = _mm256_mul_epu32(x[2][v], m1);
        const __m256i odd1 = _mm256_mul_epu32(_mm256_srli_epi64(x[2][v], 32), m1);
        const __m256i high0 = _mm256_blend_epi32(_mm256_srli_epi64(even0, 32), odd0, UPPER);
        const __m256i high1 = _mm256_blend_epi32(_mm256_srli_epi64(even1, 32), odd1, UPPER);
        x[0][v] = _mm256_xor_si256(_mm256_xor_si256(high1, x[1][v]), key[r][0]);
        x[2][v] = _mm256_xor_si256(_mm256_xor_si256(high0, x[3][v]), key[r][1]);
        x[1][v] = _mm256_blend_epi32(even1, _mm256_slli_epi64(odd1, 32), UPPER);
        x[3][v] = _mm256_blend_epi32(even0, _mm256_slli_epi64(odd0, 32), UPPER);
      }
    }
    for (int w = 0; w < 4; w++) memcpy(&b->word[w][i], x[w], sizeof x[w]);
  }
}

__attribute__((target("avx512f"))) static void philox_512(batch *b, int n, uint32_t key0,
                                                          uint32_t key1) {
  for (int i = 0; i < n; i += 32) {
    __m512i x[4][2];
    for (int w = 0; w < 4; w++) memcpy(x[w], &b->word[w][i], sizeof x[w]);
    random_philox_512(x, key0, key1);
    for (int w = 0; w < 4; w++) memcpy(&b->word[w][i], x[w], sizeof x[w]);
  }
}
#endif

static void philox(batch *b, int n, uint32_t key0, uint32_t key1) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) {
    philox_512(b, n, key0, key1);
    return;
  }
  if (__builtin_cpu_supports("avx2")) {
    philox_256(b, n, key0, key1);
    return;
  }
#endif
  philox_plain(b, n, key0, key1);
}

void random_philox(uint32_t counter[2][RANDOM_BATCH], uint32_t tag, uint32_t key0, uint32_t key1,
                   int n, int first, uint32_t *const out[4]) {
  batch b;
  const int padded = (n + 31) & ~31; /* a vector past the end is drawn, and left there */
  memcpy(b.word[0], counter[0], (size_t)n * sizeof(uint32_t));
  memcpy(b.word[1], counter[1], (size_t)n * sizeof(uint32_t));
  for (int i = 0; i < padded; i++) b.word[2][i] = tag, b.word[3][i] = RANDOM_TAG;
  for (int i = n; i < padded; i++) b.word[0][i] = b.word[1][i] = 0;
  philox(&b, n, key0, key1);
  for (int w = 0; w < 4; w++)
    if (out[w]) memcpy(out[w] + first, b.word[w], (size_t)n * sizeof(uint32_t));
}
