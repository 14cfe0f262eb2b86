#include "input_poisson.h"
#include "random_philox.h"
#include "vector.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

bool poisson_is_narrow(const poisson_table *t) { return t->counts <= UINT8_MAX; }

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

VECTOR_CLONES static bool classify_batch(const poisson_table *t, const uint32_t *word, int shift,
                                         uint16_t *half, uint16_t *counts) {
  return classify(t, word, shift, half, counts);
}

static uint16_t decide(const poisson_table *t, uint64_t bits48, int low) {
  int k = low;
  while (k < t->counts && bits48 >= t->cumulative[k]) k++;
  return (uint16_t)k;
}

typedef struct { /* what is drawn */
  const poisson_table *t;
  uint64_t seed;
  uint32_t index;
  int64_t octet;
} draw;

/* The count of who at a step of the octet, whose 16 bits are above the thresholds below `low`. */
static uint16_t count_of(const draw *d, uint32_t who, int step, uint16_t half, uint16_t low) {
  const poisson_table *t = d->t;
  if (half != (low < t->counts ? t->threshold[low] : 0xffff) && half != 0xffff) return low;
  const random_words more = random_draw(d->seed, RANDOM_POISSON_MORE, d->index, who,
                                        (uint64_t)(d->octet * POISSON_STEPS + step));
  return decide(t, (uint64_t)half << 32 | more.word[0], low);
}

static void store(const uint16_t *counts, int n, bool narrow, size_t at, void *out) {
  for (int i = 0; i < n; i++)
    if (narrow)
      ((uint8_t *)out)[at + (size_t)i] = (uint8_t)counts[i];
    else
      ((uint16_t *)out)[at + (size_t)i] = counts[i];
}

static void draw_batches(const draw *d, const uint32_t *who, int n, size_t stride, bool narrow,
                         void *out) {
  uint32_t word[4][BATCH] = {0};
  uint16_t half[BATCH], count[BATCH];
  for (int done = 0, size; done < n; done += size) {
    size = n - done < BATCH ? n - done : BATCH;
    uint32_t *const words[4] = {word[0], word[1], word[2], word[3]};
    random_draw_many(d->seed, RANDOM_POISSON, d->index, who + done, (uint64_t)d->octet, size,
                     words);
    for (int s = 0; s < POISSON_STEPS; s++) {
      if (classify_batch(d->t, word[s / 2], s % 2 ? 16 : 0, half, count))
        for (int i = 0; i < size; i++) count[i] = count_of(d, who[done + i], s, half[i], count[i]);
      store(count, size, narrow, (size_t)s * stride + (size_t)done, out);
    }
  }
}

#if defined(__x86_64__)
/* The same without leaving the registers: 32 neurons' words are drawn, and each of their 16-bit
 * halves is compared with all thresholds; the one that it was not above is looked up. */
enum { REGISTER_ENTRIES = 32, AT_ONCE = 32 };

#define TARGET_512 __attribute__((target("avx512f,avx512bw,avx512vl")))

typedef struct { /* thresholds in every lane, and all of them in the lanes of one */
  __m512i bound[REGISTER_ENTRIES], entries;
} register_table;

TARGET_512 static void fill_registers(const poisson_table *t, register_table *r) {
  uint16_t next[REGISTER_ENTRIES];
  for (int k = 0; k < REGISTER_ENTRIES; k++) {
    next[k] = k < t->used ? t->threshold[k] : 0xffff;
    r->bound[k] = _mm512_set1_epi16((short)next[k]);
  }
  r->entries = _mm512_loadu_si512(next);
}

/* How many thresholds lie below each half of x; whether any half equals the next one. */
TARGET_512 static inline bool count_registers(const register_table *r, int used, __m512i x[4][2],
                                              __m512i count[4][2]) {
  const __m512i one = _mm512_set1_epi16(1);
  for (int w = 0; w < 4; w++) count[w][0] = count[w][1] = _mm512_setzero_si512();
  for (int k = 0; k < used; k++)
    for (int w = 0; w < 4; w++)
      for (int v = 0; v < 2; v++) {
        const __mmask32 above = _mm512_cmpgt_epu16_mask(x[w][v], r->bound[k]);
        /* as an intrinsic gcc 12 copies the vector before and after */
        __asm__("vpaddw %2, %0, %0%{%1%}" : "+v"(count[w][v]) : "Yk"(above), "v"(one));
      }
  __mmask32 equal = 0;
  for (int w = 0; w < 4; w++)
    for (int v = 0; v < 2; v++)
      equal |= _mm512_cmpeq_epu16_mask(x[w][v], _mm512_permutexvar_epi16(count[w][v], r->entries));
  return equal != 0;
}

static void recount(const draw *d, const uint32_t *who, int n, const uint32_t *word, int pair,
                    size_t stride, uint8_t *out) {
  for (int s = 2 * pair; s < 2 * pair + 2; s++)
    for (int i = 0; i < n; i++) {
      uint8_t *count = out + (size_t)s * stride + i;
      *count = (uint8_t)count_of(d, who[i], s, (uint16_t)(word[i] >> (s % 2 ? 16 : 0)), *count);
    }
}

TARGET_512 static void draw_registers(const draw *d, const uint32_t *who, int n, size_t stride,
                                      uint8_t *out) {
  register_table r;
  fill_registers(d->t, &r);
  const uint32_t tag = random_counter_tag(RANDOM_POISSON, d->index, (uint64_t)d->octet);
  for (int i = 0; i < n; i += AT_ONCE) {
    const int left = n - i < AT_ONCE ? n - i : AT_ONCE;
    const __mmask32 there = left < AT_ONCE ? ((__mmask32)1 << left) - 1 : (__mmask32)-1;
    __m512i x[4][2], count[4][2];
    for (int v = 0; v < 2; v++) {
      x[0][v] = _mm512_maskz_loadu_epi32((__mmask16)(there >> 16 * v), who + i + 16 * v);
      x[1][v] = _mm512_set1_epi32((int)(uint32_t)d->octet);
      x[2][v] = _mm512_set1_epi32((int)tag);
      x[3][v] = _mm512_set1_epi32(RANDOM_TAG);
    }
    random_philox_512(x, (uint32_t)d->seed, (uint32_t)(d->seed >> 32));
    for (int s = 0; s < POISSON_STEPS; s++)
      __builtin_prefetch(out + (size_t)s * stride + i + 8 * AT_ONCE, 1);
    const bool undecided = count_registers(&r, d->t->used, x, count);
    for (int w = 0; w < 4; w++) {
      uint8_t *to = out + (size_t)(2 * w) * stride + i;
      for (int v = 0; v < 2; v++) {
        const __mmask16 lanes = (__mmask16)(there >> 16 * v);
        const __m512i high = _mm512_srli_epi32(count[w][v], 16);
        _mm512_mask_cvtepi32_storeu_epi8(to + 16 * v, lanes, count[w][v]);
        _mm512_mask_cvtepi32_storeu_epi8(to + stride + 16 * v, lanes, high);
      }
    }
    if (!undecided) continue;
    for (int w = 0; w < 4; w++) {
      uint32_t word[AT_ONCE];
      memcpy(word, x[w], sizeof word);
      recount(d, who + i, left, word, w, stride, out + i);
    }
  }
}
#endif

void poisson_draw(const poisson_table *t, uint64_t seed, uint32_t index, const uint32_t *who, int n,
                  int64_t octet, size_t stride, bool narrow, void *out) {
  assert(!narrow || poisson_is_narrow(t));
  const draw d = {t, seed, index, octet};
#if defined(__x86_64__)
  if (narrow && t->used < REGISTER_ENTRIES && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    draw_registers(&d, who, n, stride, out);
    return;
  }
#endif
  draw_batches(&d, who, n, stride, narrow, out);
}
