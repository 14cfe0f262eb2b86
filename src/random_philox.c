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
__attribute__((target("avx2"), always_inline)) static inline void
philox_256(batch *b, int n, uint32_t key0, uint32_t key1) {
  for (int i = 0; i < n; i += PHILOX_AT_ONCE) {
    __m256i x[4][2];
    for (int w = 0; w < 4; w++)
      for (int v = 0; v < 2; v++) x[w][v] = _mm256_load_si256((__m256i *)&b->word[w][i + 8 * v]);
    random_philox_256(x, key0, key1);
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
