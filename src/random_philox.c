#include "random_philox.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Salmon et al. 2011: multipliers, and steps of the two key words from round to round. */
static const uint32_t MULTIPLIER_0 = 0xD2511F53u, MULTIPLIER_1 = 0xCD9E8D57u;
static const uint32_t KEY_STEP_0 = 0x9E3779B9u, KEY_STEP_1 = 0xBB67AE85u;
enum { ROUNDS = 10 };

typedef struct {
  _Alignas(64) uint32_t word[4][RANDOM_BATCH];
} batch;

static void philox_plain(batch *b, int n, uint32_t key0, uint32_t key1) {
  for (int i = 0; i < n; i++) {
    uint32_t x[4] = {b->word[0][i], b->word[1][i], b->word[2][i], b->word[3][i]};
    uint32_t k0 = key0, k1 = key1;
    for (int r = 0; r < ROUNDS; r++, k0 += KEY_STEP_0, k1 += KEY_STEP_1) {
      const uint64_t p0 = (uint64_t)MULTIPLIER_0 * x[0], p1 = (uint64_t)MULTIPLIER_1 * x[2];
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
#define DEFINE_PHILOX(name, instructions, bytes, multiply)                                         \
  typedef uint64_t name##_lanes __attribute__((vector_size(bytes)));                               \
  __attribute__((target(instructions))) static void name(batch *b, int n, uint32_t key0,           \
                                                         uint32_t key1) {                          \
    typedef name##_lanes lanes;                                                                    \
    const uint64_t low = UINT32_MAX, both = ((uint64_t)1 << 32) | 1;                               \
    const lanes zero = {0}, m0 = zero + MULTIPLIER_0, m1 = zero + MULTIPLIER_1;                    \
    for (int i = 0; i < n; i += (int)(bytes / 4)) {                                                \
      lanes x0, x1, x2, x3;                                                                        \
      memcpy(&x0, &b->word[0][i], bytes), memcpy(&x1, &b->word[1][i], bytes);                      \
      memcpy(&x2, &b->word[2][i], bytes), memcpy(&x3, &b->word[3][i], bytes);                      \
      uint32_t k0 = key0, k1 = key1;                                                               \
      for (int r = 0; r < ROUNDS; r++, k0 += KEY_STEP_0, k1 += KEY_STEP_1) {                       \
        const lanes even0 = (lanes)multiply(x0, m0), odd0 = (lanes)multiply(x0 >> 32, m0);         \
        const lanes even1 = (lanes)multiply(x2, m1), odd1 = (lanes)multiply(x2 >> 32, m1);         \
        x0 = ((even1 >> 32) | (odd1 & ~low)) ^ x1 ^ (zero + both * k0);                            \
        x2 = ((even0 >> 32) | (odd0 & ~low)) ^ x3 ^ (zero + both * k1);                            \
        x1 = (even1 & low) | (odd1 << 32);                                                         \
        x3 = (even0 & low) | (odd0 << 32);                                                         \
      }                                                                                            \
      memcpy(&b->word[0][i], &x0, bytes), memcpy(&b->word[1][i], &x1, bytes);                      \
      memcpy(&b->word[2][i], &x2, bytes), memcpy(&b->word[3][i], &x3, bytes);                      \
    }                                                                                              \
  }
#define MULTIPLY_512(a, b) _mm512_mul_epu32((__m512i)(a), (__m512i)(b))
#define MULTIPLY_256(a, b) _mm256_mul_epu32((__m256i)(a), (__m256i)(b))
DEFINE_PHILOX(philox_512, "avx512f", 64, MULTIPLY_512)
DEFINE_PHILOX(philox_256, "avx2", 32, MULTIPLY_256)
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
  const int padded = (n + 15) & ~15; /* a vector past the end is drawn, and left there */
  memcpy(b.word[0], counter[0], (size_t)n * sizeof(uint32_t));
  memcpy(b.word[1], counter[1], (size_t)n * sizeof(uint32_t));
  for (int i = 0; i < padded; i++) b.word[2][i] = tag, b.word[3][i] = RANDOM_TAG;
  for (int i = n; i < padded; i++) b.word[0][i] = b.word[1][i] = 0;
  philox(&b, n, key0, key1);
  for (int w = 0; w < 4; w++)
    if (out[w]) memcpy(out[w] + first, b.word[w], (size_t)n * sizeof(uint32_t));
}
