#include "input_poisson.h"
#include "random_philox.h"
#include "vector.h"

#include <assert.h>
#include <string.h>

enum { BATCH = 256, HALVES = 2 /* of a word */, BIN_WIDTH = 65536 / POISSON_BINS };

typedef struct { /* what is drawn */
  const poisson_table *t;
  uint64_t seed;
  uint32_t index;
  int64_t octet;
} draw;

static random_words draw_more(const draw *d, uint32_t who, int step) {
  return random_draw(d->seed, RANDOM_POISSON_MORE, d->index, who,
                     (uint64_t)(d->octet * POISSON_STEPS + step));
}

static uint16_t half_of(uint32_t word, int step) {
  return (uint16_t)(step % HALVES ? word >> 16 : word);
}

/* The first count, from `low` on, whose cumulative probability is above these 48 bits. */
static uint16_t invert(const poisson_table *t, uint64_t bits48, int low) {
  int k = low;
  while (k < t->counts && bits48 >= t->cumulative[k]) k++;
  return (uint16_t)k;
}

/* Where 16 bits do not decide. */
static uint16_t settle_binned(const draw *d, uint32_t who, int step, int bin) {
  const poisson_table *t = d->t;
  const random_words more = draw_more(d, who, step);
  const uint16_t choice = t->choice[bin];
  const uint16_t count = more.word[0] < t->fraction[bin] ? choice & 0xff : choice >> 8;
  if (count < POISSON_BINS - 1) return count;
  const uint64_t first = t->cumulative[POISSON_BINS - 2], left = ((uint64_t)1 << 48) - first;
  return invert(t, first + (uint64_t)(more.word[1] * 0x1p-32 * (double)left), POISSON_BINS - 1);
}

/* The count of who at a step of the octet. */
static uint16_t count_binned(const draw *d, uint32_t who, int step, uint16_t half) {
  const poisson_table *t = d->t;
  const int bin = half / BIN_WIDTH;
  if (half == t->split[bin]) return settle_binned(d, who, step, bin);
  return half < t->split[bin] ? t->choice[bin] & 0xff : t->choice[bin] >> 8;
}

/* Counts by 16 bits of each word alone: how many thresholds lie below. Returns whether any equals
 * one, so that 16 bits do not decide there. A few lanes at a time, which stay in registers. */
enum { LANES = 64 };

VECTOR_CLONES static bool classify(const poisson_table *t, const uint16_t *restrict half,
                                   uint16_t *restrict counts) {
  const uint16_t *threshold = t->threshold;
  const int used = t->used;
  uint16_t differ = 0;
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

/* `half` lies above the thresholds below `low`. */
static uint16_t count_inverted(const draw *d, uint32_t who, int step, uint16_t half, uint16_t low) {
  const poisson_table *t = d->t;
  if (half != (low < t->counts ? t->threshold[low] : 0xffff) && half != 0xffff) return low;
  return invert(t, (uint64_t)half << 32 | draw_more(d, who, step).word[0], low);
}

static void count_batch(const draw *d, const uint32_t *who, int n, int step, const uint32_t *word,
                        uint16_t *count) {
  uint16_t half[BATCH];
  for (int i = 0; i < BATCH; i++) half[i] = half_of(word[i], step);
  if (d->t->binned)
    for (int i = 0; i < n; i++) count[i] = count_binned(d, who[i], step, half[i]);
  else if (classify(d->t, half, count))
    for (int i = 0; i < n; i++) count[i] = count_inverted(d, who[i], step, half[i], count[i]);
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
  uint16_t count[BATCH];
  for (int done = 0, size; done < n; done += size) {
    size = n - done < BATCH ? n - done : BATCH;
    uint32_t *const words[4] = {word[0], word[1], word[2], word[3]};
    random_draw_many(d->seed, RANDOM_POISSON, d->index, who + done, (uint64_t)d->octet, size,
                     words);
    for (int s = 0; s < POISSON_STEPS; s++) {
      count_batch(d, who + done, size, s, word[s / HALVES], count);
      store(count, size, narrow, (size_t)s * stride + (size_t)done, out);
    }
  }
}

#if defined(__x86_64__)
/* The same without leaving the registers, PHILOX_AT_ONCE neurons at a time. Each function is
 * written for AVX2 and made once more with AVX-512's operations on three operands. */
#define AVX2 __attribute__((target("avx2"), always_inline)) static inline

typedef struct { /* a table of 16 bytes, in both halves of a vector */
  __m256i entries;
} byte_table;

typedef struct {
  byte_table split_lower, split_upper, choice_lower, choice_upper; /* bytes of the entries */
} bin_tables;

AVX2 byte_table take_bytes(const uint16_t entry[POISSON_BINS], int shift) {
  uint8_t byte[2][POISSON_BINS];
  for (int k = 0; k < POISSON_BINS; k++) byte[0][k] = byte[1][k] = (uint8_t)(entry[k] >> shift);
  return (byte_table){_mm256_loadu_si256((const void *)byte)};
}

/* An index of 0x80 and more gives 0. */
AVX2 __m256i look_up(byte_table t, __m256i index) { return _mm256_shuffle_epi8(t.entries, index); }

/* In the lower byte of each 16 bits of x: the count that they mean; all bits of *tie are set where
 * they do not decide. A bin's 16 bits have one sign, so that a comparison of signed numbers will
 * do. */
AVX2 __m256i choose(const bin_tables *t, __m256i x, __m256i *tie) {
  const __m256i bin = _mm256_srli_epi16(x, 12);
  const __m256i lower = _mm256_or_si256(bin, _mm256_set1_epi16((short)0x8000));
  const __m256i upper = _mm256_or_si256(_mm256_slli_epi16(bin, 8), _mm256_set1_epi16(0x80));
  const __m256i split =
      _mm256_or_si256(look_up(t->split_lower, lower), look_up(t->split_upper, upper));
  const __m256i above = _mm256_cmpgt_epi16(x, split);
  *tie = _mm256_cmpeq_epi16(x, split);
  return _mm256_or_si256(_mm256_and_si256(above, look_up(t->choice_upper, bin)),
                         _mm256_andnot_si256(above, look_up(t->choice_lower, bin)));
}

/* The lower bytes of 16-bit lanes, which belong to two steps by turns, as 16 neurons of the first
 * step, then of the second. */
AVX2 __m256i pack_steps(const __m256i counts[2]) {
  const __m256i first =
      _mm256_setr_epi8(0, 4, 8, 12, 2, 6, 10, 14, -1, -1, -1, -1, -1, -1, -1, -1, /* upper half: */
                       0, 4, 8, 12, 2, 6, 10, 14, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m256i second = _mm256_permute4x64_epi64(first, 0xb1);
  const __m256i both = _mm256_or_si256(_mm256_shuffle_epi8(counts[0], first),
                                       _mm256_shuffle_epi8(counts[1], second));
  return _mm256_permutevar8x32_epi32(both, _mm256_setr_epi32(0, 4, 2, 6, 1, 5, 3, 7));
}

/* Two steps, from one word each of n neurons, of which some are undecided. */
static void settle(const draw *d, const uint32_t *who, int n, int first_step, const uint32_t *word,
                   size_t row, uint8_t *out) {
  for (int s = first_step; s < first_step + HALVES; s++)
    for (int i = 0; i < n; i++) {
      const uint16_t half = half_of(word[i], s);
      const int bin = half / BIN_WIDTH;
      if (half == d->t->split[bin])
        out[(size_t)s * row + (size_t)i] = (uint8_t)settle_binned(d, who[i], s, bin);
    }
}

/* n <= PHILOX_AT_ONCE counts of all steps; of who and of each row of out there are
 * PHILOX_AT_ONCE. */
AVX2 void draw_some(const draw *d, const bin_tables *t, uint32_t tag, const uint32_t *who, int n,
                    size_t row, uint8_t *out) {
  __m256i x[4][2];
  for (int v = 0; v < 2; v++) {
    x[0][v] = _mm256_loadu_si256((const void *)(who + 8 * v));
    x[1][v] = _mm256_set1_epi32((int)(uint32_t)d->octet);
    x[2][v] = _mm256_set1_epi32((int)tag);
    x[3][v] = _mm256_set1_epi32(RANDOM_TAG);
  }
  random_philox_256(x, (uint32_t)d->seed, (uint32_t)(d->seed >> 32));
#pragma GCC unroll 4
  for (int w = 0; w < 4; w++) {
    __m256i counts[2], tie[2];
    for (int v = 0; v < 2; v++) counts[v] = choose(t, x[w][v], &tie[v]);
    const __m256i packed = pack_steps(counts), any = _mm256_or_si256(tie[0], tie[1]);
    uint8_t *to = out + (size_t)(HALVES * w) * row;
    _mm_storeu_si128((void *)to, _mm256_castsi256_si128(packed));
    _mm_storeu_si128((void *)(to + row), _mm256_extracti128_si256(packed, 1));
    if (!_mm256_testz_si256(any, any)) {
      uint32_t word[PHILOX_AT_ONCE];
      for (int v = 0; v < 2; v++) _mm256_storeu_si256((void *)(word + 8 * v), x[w][v]);
      settle(d, who, n, HALVES * w, word, row, out);
    }
  }
}

AVX2 void draw_binned(const draw *d, const uint32_t *who, int n, size_t stride, uint8_t *out) {
  const bin_tables t = {take_bytes(d->t->split, 0), take_bytes(d->t->split, 8),
                        take_bytes(d->t->choice, 0), take_bytes(d->t->choice, 8)};
  const uint32_t tag = random_counter_tag(RANDOM_POISSON, d->index, (uint64_t)d->octet);
  int i = 0;
  for (; i + PHILOX_AT_ONCE <= n; i += PHILOX_AT_ONCE)
    draw_some(d, &t, tag, who + i, PHILOX_AT_ONCE, stride, out + i);
  if (i == n) return;
  uint32_t last_who[PHILOX_AT_ONCE] = {0};
  uint8_t last[POISSON_STEPS][PHILOX_AT_ONCE];
  memcpy(last_who, who + i, (size_t)(n - i) * sizeof *who);
  draw_some(d, &t, tag, last_who, n - i, PHILOX_AT_ONCE, last[0]);
  for (int s = 0; s < POISSON_STEPS; s++)
    memcpy(out + (size_t)s * stride + i, last[s], (size_t)(n - i));
}

__attribute__((target("avx2"))) static void draw_avx2(const draw *d, const uint32_t *who, int n,
                                                      size_t stride, uint8_t *out) {
  draw_binned(d, who, n, stride, out);
}

__attribute__((target("avx512f,avx512bw,avx512vl"))) static void
draw_avx512(const draw *d, const uint32_t *who, int n, size_t stride, uint8_t *out) {
  draw_binned(d, who, n, stride, out);
}
#endif

void poisson_draw(const poisson_table *t, uint64_t seed, uint32_t index, const uint32_t *who, int n,
                  int64_t octet, size_t stride, bool narrow, void *out) {
  assert(!narrow || poisson_is_narrow(t));
  const draw d = {t, seed, index, octet};
#if defined(__x86_64__)
  if (narrow && t->binned && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw")) {
    draw_avx512(&d, who, n, stride, out);
    return;
  }
  if (narrow && t->binned && __builtin_cpu_supports("avx2")) {
    draw_avx2(&d, who, n, stride, out);
    return;
  }
#endif
  draw_batches(&d, who, n, stride, narrow, out);
}
