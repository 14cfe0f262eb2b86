/* random.h - counter-based random numbers: every draw is a pure function of what it is for.
 *
 * Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), from
 * Random123. Key: seed. Counter: (who, ordinal, purpose). Never a rank, a thread or an order. */
#ifndef SHINKEI_RANDOM_H
#define SHINKEI_RANDOM_H

#include "check.h"

/* What a draw is for; `index` beside it tells projections, inputs, state variables apart.     */
typedef enum {
  RANDOM_EDGE,      /* who: target (or source) gid, ordinal: edge        */
  RANDOM_EDGE_MORE, /* further words of the same edges                   */
  RANDOM_SPLIT,     /* who, ordinal: node of a splitting tree            */
  RANDOM_INITIAL,   /* who: gid                                          */
  RANDOM_POISSON,   /* who: gid, ordinal: step / 8                       */
  RANDOM_POISSON_MORE,
  RANDOM_PARTITION, /* who: gid                                          */
  RANDOM_SAMPLE,    /* index, who, ordinal: as the file that draws says  */
} random_purpose;

typedef struct {
  uint32_t word[4];
} random_words;

/* Four independent uniform 32-bit words. who < 2^32, ordinal < 2^48, index < 2^12.            */
LOCAL random_words random_draw(uint64_t seed, random_purpose purpose, uint32_t index, uint32_t who,
                               uint64_t ordinal);

/* The same for ordinals first .. first + count - 1: word w of draw i goes to out[w][i] for w < 4;
 * out[w] may be NULL where a word is not wanted.                                              */
LOCAL void random_draw_ordinals(uint64_t seed, random_purpose purpose, uint32_t index, uint32_t who,
                                uint64_t first, int count, uint32_t *const out[4]);
/* Such words for one ordinal and who[i], i < count, for what every neuron draws all the time: word
 * w of draw i goes to out[w][i]. They are those of Threefry4x32 of 13 rounds, of the same key and
 * counter: without multiplications, twice as fast in vectors. (The paper finds no flaw from 12
 * rounds on.) */
LOCAL void random_draw_many(uint64_t seed, random_purpose purpose, uint32_t index,
                            const uint32_t *who, uint64_t ordinal, int count,
                            uint32_t *const out[4]);

/* A word as an integer below `bound` (bound >= 1); bias below bound / 2^32.                   */
static inline uint32_t random_below(uint32_t word, uint32_t bound) {
  return (uint32_t)(((uint64_t)word * bound) >> 32);
}
/* A word as a number in (0, 1), never an end.                                                 */
static inline double random_unit(uint32_t word) { return ((double)word + 0.5) * 0x1p-32; }

/* Standard normal quantile of p in (0, 1): Wichura 1988, AS 241 (PPND16), about 1e-16 relative. */
LOCAL double random_normal_quantile(double p);
/* Standard normal distribution function. */
LOCAL double random_normal_probability(double z);

/* Number of successes of n trials of probability p; pure function of (seed, purpose, index, who,
 * ordinal), ordinal < 2^40. Exact: inversion for small n p, else Hormann 1993, BTRS. */
LOCAL uint64_t random_binomial(uint64_t seed, random_purpose purpose, uint32_t index, uint32_t who,
                               uint64_t ordinal, uint64_t n, double p);
/* Number of the good ones among n drawn without replacement from `good` and `bad`; n <= good + bad
 * < 2^64, n < 2^53. Pure function as above, of all `who`. */
LOCAL uint64_t random_hypergeometric(uint64_t seed, random_purpose purpose, uint32_t index,
                                     uint64_t ordinal, uint64_t good, uint64_t bad, uint64_t n);

#endif
