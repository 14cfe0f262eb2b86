#include "input_poisson.h"
#include "random.h"
#include "vector.h"

#include <assert.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

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
/* The same with both tables of a bin in registers, 16 neurons at a time. Each function is written
 * for AVX2 and made once more with AVX-512's operations on three operands. */
#define AVX2 __attribute__((target("avx2"), always_inline)) static inline

enum { AT_ONCE = 16 };

typedef struct { /* tables of 16 bytes, in both halves of a vector */
  __m256i split_upper, split_lower, choice_upper, choice_lower; /* bytes of the entries */
} bin_tables;

AVX2 __m256i take_bytes(const uint16_t entry[POISSON_BINS], int shift) {
  uint8_t byte[2][POISSON_BINS];
  for (int k = 0; k < POISSON_BINS; k++) byte[0][k] = byte[1][k] = (uint8_t)(entry[k] >> shift);
  return _mm256_loadu_si256((const void *)byte);
}

/* A step's 16 bits of 16 neurons are taken apart into upper bytes, which begin with the bin, and
 * lower ones. Where the upper byte is not that of the split it decides alone. Upper bytes and their
 * splits have one sign, so that a comparison of signed numbers will do; lower ones get it by the
 * turned sign. In each byte: the count; all bits of *tie are set where 16 bits do not decide. */
AVX2 __m256i choose(const bin_tables *t, __m256i upper, __m256i lower, __m256i *tie) {
  const __m256i sign = _mm256_set1_epi8((char)0x80), nibble = _mm256_set1_epi8(0x0f);
  const __m256i bin = _mm256_and_si256(_mm256_srli_epi16(upper, 4), nibble);
  const __m256i split_upper = _mm256_shuffle_epi8(t->split_upper, bin);
  const __m256i split_lower = _mm256_shuffle_epi8(t->split_lower, bin);
  const __m256i same = _mm256_cmpeq_epi8(upper, split_upper);
  const __m256i above_lower =
      _mm256_cmpgt_epi8(_mm256_xor_si256(lower, sign), _mm256_xor_si256(split_lower, sign));
  const __m256i above =
      _mm256_or_si256(_mm256_cmpgt_epi8(upper, split_upper), _mm256_and_si256(same, above_lower));
  *tie = _mm256_and_si256(same, _mm256_cmpeq_epi8(lower, split_lower));
  return _mm256_or_si256(_mm256_and_si256(above, _mm256_shuffle_epi8(t->choice_upper, bin)),
                         _mm256_andnot_si256(above, _mm256_shuffle_epi8(t->choice_lower, bin)));
}

/* Bytes 4 n .. 4 n + 3 belong to neurons n and n + 8 in the word's first step, then in its second
 * one: as 16 neurons of the first step, then of the second. */
AVX2 __m256i part_steps(__m256i counts) {
  const __m256i four = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0, 4,
                                        8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(counts, four),
                                     _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* Counts of two steps from one word each of 16 neurons, of which n are there. */
AVX2 void count_word(const draw *d, const bin_tables *t, const uint32_t *who, int n, int step,
                     const uint32_t *word, size_t row, uint8_t *out) {
  const __m256i odd = _mm256_set1_epi16((short)0xff00);
  const __m256i a = _mm256_loadu_si256((const void *)word);
  const __m256i b = _mm256_loadu_si256((const void *)(word + 8));
  __m256i tie;
  const __m256i counts = part_steps(
      choose(t, _mm256_or_si256(_mm256_srli_epi16(a, 8), _mm256_and_si256(b, odd)),
             _mm256_or_si256(_mm256_andnot_si256(odd, a), _mm256_slli_epi16(b, 8)), &tie));
  _mm_storeu_si128((void *)out, _mm256_castsi256_si128(counts));
  _mm_storeu_si128((void *)(out + row), _mm256_extracti128_si256(counts, 1));
  for (uint32_t left = (uint32_t)_mm256_movemask_epi8(tie); left; left &= left - 1) {
    const int at = __builtin_ctz(left), i = at / 4 + at % 2 * 8, later = at / 2 % 2;
    if (i >= n) continue;
    const uint16_t half = half_of(word[i], step + later);
    out[(size_t)later * row + (size_t)i] =
        (uint8_t)settle_binned(d, who[i], step + later, half / BIN_WIDTH);
  }
}

/* All steps of n <= BATCH neurons; there is room for AT_ONCE more in each row. */
AVX2 void draw_batch(const draw *d, const bin_tables *t, const uint32_t *who, int n, size_t row,
                     uint8_t *out) {
  uint32_t word[4][BATCH + AT_ONCE];
  uint32_t *const words[4] = {word[0], word[1], word[2], word[3]};
  random_draw_many(d->seed, RANDOM_POISSON, d->index, who, (uint64_t)d->octet, n, words);
  for (int w = 0; w < 4; w++) memset(word[w] + n, 0, AT_ONCE * sizeof *word[w]);
  for (int i = 0; i < n; i += AT_ONCE)
    for (int w = 0; w < 4; w++)
      count_word(d, t, who + i, n - i, HALVES * w, word[w] + i, row,
                 out + (size_t)(HALVES * w) * row + i);
}

AVX2 void draw_binned(const draw *d, const uint32_t *who, int n, size_t stride, uint8_t *out) {
  const bin_tables t = {take_bytes(d->t->split, 8), take_bytes(d->t->split, 0),
                        take_bytes(d->t->choice, 8), take_bytes(d->t->choice, 0)};
  int i = 0;
  for (; i + BATCH <= n; i += BATCH) draw_batch(d, &t, who + i, BATCH, stride, out + i);
  if (i == n) return;
  uint8_t last[POISSON_STEPS][BATCH + AT_ONCE];
  draw_batch(d, &t, who + i, n - i, sizeof last[0], last[0]);
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
