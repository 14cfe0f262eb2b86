/* input_poisson.h - Poisson counts of many neurons, eight steps from one draw. */
#ifndef SHINKEI_INPUT_POISSON_H
#define SHINKEI_INPUT_POISSON_H

#include "check.h"
#include <stdbool.h>

enum { POISSON_STEPS = 8, POISSON_BINS = 16 };

/* A step's count comes from 16 bits; only where they do not decide, 32 more are drawn, so that
 * counts have their probabilities to 2^-48.
 *
 * Small means (up to about 3.8), by the alias method (Walker 1977, ACM Trans Math Softw 3:253; Vose
 * 1991): the upper 4 of the bits choose one of 16 bins, which are equally likely, and the others
 * one of its two counts. The last count stands for itself and all above it, which are so rare that
 * 16 bits never decide for it. Larger means: the inverse of the cumulative distribution. */
typedef struct {
  double mean;
  int counts;           /* thresholds */
  uint64_t *cumulative; /* [counts] P(X <= k) * 2^48, rounded */
  uint16_t *threshold;  /* [counts] the upper 16 of those 48 bits */
  int used; /* thresholds that 16 bits tell from their neighbours; the rest are 0xffff */
  bool binned;
  /* By bin: 16 bits below `split` mean the count in the lower byte of `choice`, above it the one in
   * the upper byte; at it, 32 more bits below `fraction` mean the lower one. */
  uint16_t split[POISSON_BINS], choice[POISSON_BINS];
  uint32_t fraction[POISSON_BINS];
} poisson_table;

/* mean >= 0: of one step. */
LOCAL poisson_table poisson_table_make(double mean);
LOCAL void poisson_table_free(poisson_table *t);

/* Whether a byte holds every count. */
LOCAL bool poisson_is_narrow(const poisson_table *t);
/* Counts of who[n] in the steps 8 * octet .. 8 * octet + 7: out[s * stride + i], uint8_t where
 * `narrow` (the table must be), else uint16_t. */
LOCAL void poisson_draw(const poisson_table *t, uint64_t seed, uint32_t index, const uint32_t *who,
                        int n, int64_t octet, size_t stride, bool narrow, void *out);

#endif
