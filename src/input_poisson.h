/* input_poisson.h - Poisson counts of many neurons, eight steps from one Philox block. */
#ifndef SHINKEI_INPUT_POISSON_H
#define SHINKEI_INPUT_POISSON_H

#include "check.h"
#include <stdbool.h>

/* A step's count is the inverse of the cumulative distribution at a uniform number, of which 16
 * bits come first; only where they do not decide (about one draw in 65,536 for each possible count)
 * 32 more are drawn. */
typedef struct {
  double mean;
  int counts;           /* thresholds, at most POISSON_COUNTS */
  uint64_t *cumulative; /* [counts] P(X <= k) * 2^48, rounded */
  uint16_t *threshold;  /* [counts] the upper 16 of those 48 bits */
  int used; /* thresholds that 16 bits tell from their neighbours; the rest are 0xffff */
} poisson_table;

enum { POISSON_STEPS = 8 };

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
