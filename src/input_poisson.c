#include "input_poisson.h"
#include "random.h"
#include "vector.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { BATCH = 256 };

poisson_table poisson_table_make(double mean) {
  poisson_table t = {.mean = mean};
  /* past mean + 9 sqrt(mean) + 30 less than 2^-48 is left */
  const int limit = (int)(mean + 9 * sqrt(mean) + 30);
  t.cumulative = check_allocate((size_t)limit, sizeof *t.cumulative);
  t.threshold = check_allocate((size_t)limit, sizeof *t.threshold);
  double sum = 0;
  for (int k = 0; k < limit; k++) {
    sum += exp(k * log(mean > 0 ? mean : 1e-300) - mean - lgamma(k + 1.0));
    t.cumulative[k] = (uint64_t)(fmin(sum, 1) * 0x1p48);
    t.threshold[k] = (uint16_t)fmin((double)(t.cumulative[k] >> 32), 0xffff);
    t.counts = k + 1;
    if (t.cumulative[k] >= ((uint64_t)1 << 48) - 1) break;
  }
  while (t.used < t.counts && t.threshold[t.used] < 0xffff) t.used++;
  return t;
}

void poisson_table_free(poisson_table *t) {
  free(t->cumulative);
  free(t->threshold);
}

/* Counts by 16 bits of each word alone: how many thresholds lie below. Returns whether any equals
 * one, so that 16 bits do not decide there. A few lanes at a time, which stay in registers. */
enum { LANES = 64 };

static inline __attribute__((always_inline)) bool classify(const poisson_table *t,
                                                           const uint32_t *restrict word, int shift,
                                                           uint16_t *restrict half,
                                                           uint16_t *restrict counts) {
  const uint16_t *threshold = t->threshold;
  const int used = t->used;
  uint16_t differ = 0;
  for (int i = 0; i < BATCH; i++) half[i] = (uint16_t)(word[i] >> shift);
  for (int first = 0; first < BATCH; first += LANES) {
    uint16_t count[LANES] = {0}, least[LANES];
    for (int i = 0; i < LANES; i++) least[i] = (uint16_t)~half[first + i];
    for (int k = 0; k < used; k++) {
      const uint16_t bound = threshold[k];
      for (int i = 0; i < LANES; i++) {
        const uint16_t bits = half[first + i], distance = (uint16_t)(bits - bound);
        count[i] = (uint16_t)(count[i] + (bits > bound));
        least[i] = least[i] < distance ? least[i] : distance;
      }
    }
    for (int i = 0; i < LANES; i++) {
      counts[first + i] = count[i];
      differ |= least[i] == 0;
    }
  }
  return differ;
}

VECTOR_CLONES static bool classify_plain(const poisson_table *t, const uint32_t *word, int shift,
                                         uint16_t *half, uint16_t *counts) {
  return classify(t, word, shift, half, counts);
}

#if defined(__x86_64__)
/* With few thresholds, the one that a word was not above is looked up in a register. */
enum { REGISTER_ENTRIES = 32 };

#define TARGET_512 __attribute__((target("avx512f,avx512bw")))

TARGET_512 static inline __m512i half_words(const uint32_t *word, __m128i shift) {
  const __m512i low = _mm512_srl_epi32(_mm512_loadu_si512(word), shift);
  const __m512i high = _mm512_srl_epi32(_mm512_loadu_si512(word + 16), shift);
  return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi32_epi16(low)),
                            _mm512_cvtepi32_epi16(high), 1);
}

TARGET_512 static bool classify_512(const poisson_table *t, const uint32_t *word, int shift,
                                    uint16_t *half, uint16_t *counts) {
  uint16_t next[REGISTER_ENTRIES];
  for (int k = 0; k < REGISTER_ENTRIES; k++) next[k] = k < t->used ? t->threshold[k] : 0xffff;
  const __m512i entries = _mm512_loadu_si512(next), one = _mm512_set1_epi16(1);
  const __m128i by = _mm_cvtsi32_si128(shift);
  __mmask32 differ = 0;
  for (int i = 0; i < BATCH; i += 64) {
    const __m512i bits[2] = {half_words(word + i, by), half_words(word + i + 32, by)};
    __m512i count[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    for (int k = 0; k < t->used; k++) {
      const __m512i bound = _mm512_set1_epi16((short)next[k]);
      for (int v = 0; v < 2; v++) {
        const __mmask32 above = _mm512_cmpgt_epu16_mask(bits[v], bound);
        count[v] = _mm512_mask_add_epi16(count[v], above, count[v], one);
      }
    }
    for (int v = 0; v < 2; v++) {
      differ |= _mm512_cmpeq_epu16_mask(bits[v], _mm512_permutexvar_epi16(count[v], entries));
      _mm512_storeu_si512(half + i + 32 * v, bits[v]);
      _mm512_storeu_si512(counts + i + 32 * v, count[v]);
    }
  }
  return differ != 0;
}
#endif

typedef bool classifier(const poisson_table *, const uint32_t *, int, uint16_t *, uint16_t *);

static classifier *choose_classifier(const poisson_table *t) {
#if defined(__x86_64__)
  if (t->used < REGISTER_ENTRIES && __builtin_cpu_supports("avx512bw")) return classify_512;
#endif
  (void)t;
  return classify_plain;
}

static uint16_t decide(const poisson_table *t, uint64_t bits48, int low) {
  int k = low;
  while (k < t->counts && bits48 >= t->cumulative[k]) k++;
  return (uint16_t)k;
}

static uint16_t decide_anew(const poisson_table *t, uint64_t seed, uint32_t index, uint32_t who,
                            int64_t step, uint16_t word, uint16_t low) {
  const random_words more = random_draw(seed, RANDOM_POISSON_MORE, index, who, (uint64_t)step);
  return decide(t, (uint64_t)word << 32 | more.word[0], low);
}

static bool undecided(const poisson_table *t, uint16_t half, uint16_t count) {
  return half == (count < t->counts ? t->threshold[count] : 0xffff) || half == 0xffff;
}

void poisson_draw(const poisson_table *t, uint64_t seed, uint32_t index, const uint32_t *who, int n,
                  int64_t octet, size_t stride, uint16_t *out) {
  uint32_t word[4][BATCH] = {0};
  uint16_t half[BATCH], spare[BATCH];
  classifier *const sort = choose_classifier(t);
  for (int done = 0, size; done < n; done += size) {
    size = n - done < BATCH ? n - done : BATCH;
    uint32_t *const words[4] = {word[0], word[1], word[2], word[3]};
    random_draw_many(seed, RANDOM_POISSON, index, who + done, (uint64_t)octet, size, words);
    for (int s = 0; s < POISSON_STEPS; s++) {
      uint16_t *to = out + (size_t)s * stride + done, *count = size == BATCH ? to : spare;
      if (sort(t, word[s / 2], s % 2 ? 16 : 0, half, count))
        for (int i = 0; i < size; i++)
          if (undecided(t, half[i], count[i]))
            count[i] = decide_anew(t, seed, index, who[done + i], octet * POISSON_STEPS + s,
                                   half[i], count[i]);
      if (count == spare) memcpy(to, spare, (size_t)size * sizeof *spare);
    }
  }
}
