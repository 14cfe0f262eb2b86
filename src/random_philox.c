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
/* Two counters' words share a 64-bit lane; the instruction that multiplies 32 by 32 bits takes the
 * lower one, so each product is made for the lower and for the upper words. Compilers do not find
 * this form. */
typedef uint64_t lanes_256 __attribute__((vector_size(32)));

__attribute__((target("avx2"))) static void philox_256(batch *b, int n, uint32_t key0,
                                                       uint32_t key1) {
  const uint64_t low = UINT32_MAX, both = ((uint64_t)1 << 32) | 1;
  const lanes_256 zero = {0}, m0 = zero + PHILOX_MULTIPLIER_0, m1 = zero + PHILOX_MULTIPLIER_1;
#define MULTIPLY(a, b) (lanes_256) _mm256_mul_epu32((__m256i)(a), (__m256i)(b))
  for (int i = 0; i < n; i += 8) {
    lanes_256 x[4];
    for (int w = 0; w < 4; w++) memcpy(&x[w], &b->word[w][i], sizeof x[w]);
    uint32_t k0 = key0, k1 = key1;
    for (int r = 0; r < PHILOX_ROUNDS; r++, k0 += PHILOX_STEP_0, k1 += PHILOX_STEP_1) {
      const lanes_256 even0 = MULTIPLY(x[0], m0), odd0 = MULTIPLY(x[0] >> 32, m0);
      const lanes_256 even1 = MULTIPLY(x[2], m1), odd1 = MULTIPLY(x[2] >> 32, m1);
      x[0] = ((even1 >> 32) | (odd1 & ~low)) ^ x[1] ^ (zero + both * k0);
      x[2] = ((even0 >> 32) | (odd0 & ~low)) ^ x[3] ^ (zero + both * k1);
      x[1] = (even1 & low) | (odd1 << 32);
      x[3] = (even0 & low) | (odd0 << 32);
    }
    for (int w = 0; w < 4; w++) memcpy(&b->word[w][i], &x[w], sizeof x[w]);
  }
#undef MULTIPLY
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
