/* network_sampler.h - from random words to fixed-point weights and delays in steps. */
#ifndef SHINKEI_NETWORK_SAMPLER_H
#define SHINKEI_NETWORK_SAMPLER_H

#include "model.h"

/* Distribution of a weight, as the probability range that truncation leaves. */
typedef struct {
  model_distribution_kind kind;
  double a, b;
  double low, span;        /* p = low + span * u */
  double minimum, maximum; /* of the value: interpolated quantiles pass the bounds by a little */
} sampler_weight;

/* Distribution of a delay over whole steps. */
typedef struct {
  int first, count; /* delays first .. first + count - 1 [dt] */
  uint32_t
      *threshold; /* [count] delay first + k for words <= threshold[k] and above the one before */
  uint16_t guide[257]; /* first k for a word's upper 8 bits */
} sampler_delay;

LOCAL sampler_weight sampler_weight_make(const model_distribution *d);
/* Largest and mean |value| that the sampler can give; least and greatest value. */
LOCAL void sampler_weight_extent(const sampler_weight *s, double *least, double *greatest,
                                 double *mean_magnitude);
/* The value of one word. */
LOCAL double sampler_weight_value(const sampler_weight *s, uint32_t word);
/* out[i] = round(value of word[i] / scale) */
LOCAL void sampler_weight_draw(const sampler_weight *s, double scale, int count,
                               const uint32_t *word, int64_t *out);

/* Truncation bounds hold for the rounded delay. Fails where no delay of 1 .. NETWORK_DELAY_MAX
 * steps has a chance, or where some probability (above 2^-32) lies over it. */
LOCAL err sampler_delay_make(const model_distribution *d, double dt, int longest, const char *name,
                             sampler_delay *made);
LOCAL void sampler_delay_free(sampler_delay *s);

static inline uint16_t sampler_delay_draw(const sampler_delay *s, uint32_t word) {
  int k = s->guide[word >> 24];
  while (word > s->threshold[k]) k++;
  return (uint16_t)(s->first + k);
}

#endif
