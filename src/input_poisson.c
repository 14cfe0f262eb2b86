#include "input_poisson.h"
#include "random.h"
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

void poisson_table_free(poisson_table *t) {
  free(t->cumulative);
  free(t->threshold);
}

/* Counts by 16 bits of each word alone: how many thresholds lie below. Returns whether any equals
 * one, so that 16 bits do not decide there. A few lanes at a time, which stay in registers. */
enum { LANES = 64 };

VECTOR_CLONES static bool classify(const uint16_t *restrict threshold, int used,
                                   const uint32_t *restrict word, int shift,
                                   uint16_t *restrict half, uint16_t *restrict counts) {
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
  uint16_t half[BATCH], count[BATCH];
  for (int done = 0, size; done < n; done += size) {
    size = n - done < BATCH ? n - done : BATCH;
    uint32_t *const words[4] = {word[0], word[1], word[2], word[3]};
    random_draw_many(seed, RANDOM_POISSON, index, who + done, (uint64_t)octet, size, words);
    for (int s = 0; s < POISSON_STEPS; s++) {
      if (classify(t->threshold, t->used, word[s / 2], s % 2 ? 16 : 0, half, count))
        for (int i = 0; i < size; i++)
          if (undecided(t, half[i], count[i]))
            count[i] = decide_anew(t, seed, index, who[done + i], octet * POISSON_STEPS + s,
                                   half[i], count[i]);
      memcpy(out + (size_t)s * stride + done, count, (size_t)size * sizeof *count);
    }
  }
}
