#include "network_sampler.h"
#include "random.h"
#include "vector.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Standard normal quantiles at i / INTERVALS; between them linear (error below 4e-5), in the EXACT
 * outer intervals on both sides computed anew for each draw. */
enum { INTERVALS = 8192, EXACT = 32 };
static double quantile_table[INTERVALS + 1];

static __attribute__((constructor)) void fill_quantile_table(void) {
  for (int i = 1; i < INTERVALS; i++)
    quantile_table[i] = random_normal_quantile((double)i / INTERVALS);
}

static inline double normal_quantile(double p) {
  const double position = p * INTERVALS;
  const int i = (int)position;
  if (i < EXACT || i >= INTERVALS - EXACT) return random_normal_quantile(p);
  const double fraction = position - i;
  return quantile_table[i] + fraction * (quantile_table[i + 1] - quantile_table[i]);
}

/* Probability that a standard normal or lognormal variate lies below a bound of its value. */
static double probability_below(const model_distribution *d, double bound) {
  if (isinf(bound)) return bound > 0;
  if (d->kind == DISTRIBUTION_LOGNORMAL) {
    if (bound <= 0) return 0;
    bound = log(bound);
  }
  if (d->b == 0) return bound >= d->a;
  return random_normal_probability((bound - d->a) / d->b);
}

sampler_weight sampler_weight_make(const model_distribution *d) {
  sampler_weight s = {.kind = d->kind,
                      .a = d->a,
                      .b = d->b,
                      .low = 0,
                      .span = 1,
                      .minimum = -INFINITY,
                      .maximum = INFINITY};
  if (d->kind == DISTRIBUTION_NORMAL || d->kind == DISTRIBUTION_LOGNORMAL) {
    s.minimum = d->minimum;
    s.maximum = d->maximum;
    if (d->b > 0) {
      s.low = probability_below(d, d->minimum);
      s.span = probability_below(d, d->maximum) - s.low;
    }
  }
  return s;
}

/* Written so that the compiler makes vectors of it. */
static inline double between(double low, double x, double high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}

static double value_at(const sampler_weight *s, double u) {
  /* 1 - 2^-53 is the greatest number below 1 that the quantile takes */
  const double p = fmin(fmax(s->low + s->span * u, 0x1p-1000), 1 - 0x1p-53);
  switch (s->kind) {
  case DISTRIBUTION_NORMAL:
    return between(s->minimum, s->a + s->b * normal_quantile(p), s->maximum);
  case DISTRIBUTION_LOGNORMAL:
    return between(s->minimum, exp(s->a + s->b * normal_quantile(p)), s->maximum);
  case DISTRIBUTION_UNIFORM:
    return s->a + (s->b - s->a) * u;
  default:
    return s->a;
  }
}

double sampler_weight_value(const sampler_weight *s, uint32_t word) {
  return value_at(s, random_unit(word));
}

void sampler_weight_extent(const sampler_weight *s, double *least, double *greatest,
                           double *mean_magnitude) {
  enum { POINTS = 1024 };
  *least = value_at(s, random_unit(0));
  *greatest = value_at(s, random_unit(UINT32_MAX));
  double sum = 0;
  for (int i = 0; i < POINTS; i++) sum += fabs(value_at(s, (i + 0.5) / POINTS));
  *mean_magnitude = sum / POINTS;
}

/* Nearest integer of |x| < 2^51, ties to even, in a form that the compiler makes vectors of. */
static inline int64_t nearest(double x) {
  union {
    double value;
    int64_t bits;
  } shifted = {x + 0x1.8p52}, origin = {0x1.8p52};
  return shifted.bits - origin.bits;
}

/* Most of normal weights by table; those in the outer intervals are left to the caller. Compilers
 * make vectors of all but the looking up, which so has a loop of its own. */
enum { LANES = 64 };

VECTOR_CLONES static void draw_normal(const sampler_weight *s, double inverse, int count,
                                      const uint32_t *restrict word, int64_t *restrict out) {
  const double low = s->low * INTERVALS, span = s->span * 0x1p-32 * INTERVALS;
  const double mean = s->a * inverse, deviation = s->b * inverse;
  const double least = s->minimum * inverse, greatest = s->maximum * inverse;
  for (int first = 0; first < count; first += LANES) {
    const int n = count - first < LANES ? count - first : LANES;
    int32_t k[LANES];
    double fraction[LANES], bound[LANES][2];
    for (int i = 0; i < n; i++) {
      const double position = low + span * ((double)word[first + i] + 0.5);
      const int32_t below = (int32_t)position;
      k[i] = below < INTERVALS - 1 ? below : INTERVALS - 1;
      fraction[i] = position - k[i];
    }
    for (int i = 0; i < n; i++) memcpy(bound[i], &quantile_table[k[i]], sizeof bound[i]);
    for (int i = 0; i < n; i++) {
      const double z = bound[i][0] + fraction[i] * (bound[i][1] - bound[i][0]);
      const int64_t weight = nearest(between(least, mean + deviation * z, greatest));
      const uint32_t inner = (uint32_t)(k[i] - EXACT); /* wraps below EXACT */
      out[first + i] = inner < INTERVALS - 2 * EXACT ? weight : INT64_MIN;
    }
  }
}

void sampler_weight_draw(const sampler_weight *s, double scale, int count, const uint32_t *word,
                         int64_t *out) {
  const double inverse = 1 / scale;
  if (s->kind == DISTRIBUTION_CONSTANT) {
    for (int i = 0; i < count; i++) out[i] = llrint(s->a * inverse);
    return;
  }
  if (s->kind == DISTRIBUTION_NORMAL) draw_normal(s, inverse, count, word, out);
  for (int i = 0; i < count; i++)
    if (s->kind != DISTRIBUTION_NORMAL || out[i] == INT64_MIN)
      out[i] = llrint(value_at(s, random_unit(word[i])) * inverse);
}

/* Probability that the delay, before rounding, lies below ms. */
static double delay_below(const model_distribution *d, double ms) {
  switch (d->kind) {
  case DISTRIBUTION_NORMAL:
  case DISTRIBUTION_LOGNORMAL:
    return probability_below(d, ms);
  case DISTRIBUTION_UNIFORM:
    return fmin(fmax((ms - d->a) / (d->b - d->a), 0), 1);
  default:
    return ms >= d->a;
  }
}

static void fill_guide(sampler_delay *s) {
  for (uint32_t top = 0, k = 0; top < 256; top++) {
    while (s->threshold[k] < top << 24) k++;
    s->guide[top] = (uint16_t)k;
  }
}

/* Steps of dt in ms, kept in the range of an int. */
static int steps_of(double ms, double dt, int longest) {
  return (int)lrint(fmin(fmax(ms / dt, 0), longest + 1.0));
}

err sampler_delay_make(const model_distribution *d, double dt, int longest, const char *name,
                       sampler_delay *made) {
  int first, last;
  if (d->kind == DISTRIBUTION_CONSTANT) {
    first = last = steps_of(d->a, dt, longest);
  } else {
    first = isinf(d->minimum) ? 1 : steps_of(d->minimum, dt, longest);
    last = isinf(d->maximum) ? longest : steps_of(d->maximum, dt, longest);
    if (first < 1) first = 1;
    while (first < last && delay_below(d, (first + 0.5) * dt) <= 0) first++;
    while (last > first && 1 - delay_below(d, (last - 0.5) * dt) < 0x1p-32) last--;
  }
  const bool bounded = d->kind == DISTRIBUTION_CONSTANT || !isinf(d->maximum);
  if (first < 1 || last > longest ||
      (!bounded && 1 - delay_below(d, (longest + 0.5) * dt) > 0x1p-32))
    return model_fail(name, d->place, "delay",
                      "values reach past the allowed range of %g to %g ms (%d steps of dt)", dt,
                      longest * dt, longest);
  made->first = first;
  made->count = last - first + 1;
  made->threshold = check_allocate((size_t)made->count, sizeof(uint32_t));
  const double below = delay_below(d, (first - 0.5) * dt);
  const double span = delay_below(d, (last + 0.5) * dt) - below;
  for (int k = 0; k < made->count; k++) {
    double p = span > 0 ? (delay_below(d, (first + k + 0.5) * dt) - below) / span : 1;
    made->threshold[k] = (uint32_t)fmin(p * 0x1p32, 0x1p32 - 1);
  }
  made->threshold[made->count - 1] = UINT32_MAX;
  fill_guide(made);
  return OK;
}

void sampler_delay_free(sampler_delay *s) {
  free(s->threshold);
  s->threshold = NULL;
}
