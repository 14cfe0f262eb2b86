#include "random.h"
#include "random_philox.h"

#include <Random123/philox.h>
#include <assert.h>
#include <math.h>

static philox4x32_key_t key_of(uint64_t seed) {
  return (philox4x32_key_t){{(uint32_t)seed, (uint32_t)(seed >> 32)}};
}

/* Counter: who | low ordinal | high ordinal (16 bits), index (12), purpose (4). */
uint32_t random_counter_tag(random_purpose purpose, uint32_t index, uint64_t ordinal) {
  assert(index < 1u << 12 && ordinal < (uint64_t)1 << 48);
  return (uint32_t)(ordinal >> 32) << 16 | index << 4 | (uint32_t)purpose;
}

random_words random_draw(uint64_t seed, random_purpose purpose, uint32_t index, uint32_t who,
                         uint64_t ordinal) {
  const philox4x32_ctr_t counter = {
      {who, (uint32_t)ordinal, random_counter_tag(purpose, index, ordinal), RANDOM_TAG}};
  const philox4x32_ctr_t drawn = philox4x32(counter, key_of(seed));
  return (random_words){{drawn.v[0], drawn.v[1], drawn.v[2], drawn.v[3]}};
}

void random_draw_ordinals(uint64_t seed, random_purpose purpose, uint32_t index, uint32_t who,
                          uint64_t first, int count, uint32_t *const out[4]) {
  const philox4x32_key_t key = key_of(seed);
  for (int done = 0, n; done < count; done += n) {
    const uint64_t ordinal = first + (uint64_t)done;
    const uint64_t until_carry = ((uint64_t)1 << 32) - (uint32_t)ordinal;
    n = count - done < RANDOM_BATCH ? count - done : RANDOM_BATCH;
    if ((uint64_t)n > until_carry) n = (int)until_carry;
    uint32_t counter[2][RANDOM_BATCH];
    for (int i = 0; i < n; i++) {
      counter[0][i] = who;
      counter[1][i] = (uint32_t)ordinal + (uint32_t)i;
    }
    random_philox(counter, random_counter_tag(purpose, index, ordinal), key.v[0], key.v[1], n, done,
                  out);
  }
}

static double polynomial(const double *coefficient, int degree, double x) {
  double value = coefficient[degree];
  for (int i = degree - 1; i >= 0; i--) value = value * x + coefficient[i];
  return value;
}

double random_normal_quantile(double p) {
  static const double a[] = {3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427,
                             13731.693765509461125, 45921.953931549871457, 67265.770927008700853,
                             33430.575583588128105, 2509.0809287301226727};
  static const double b[] = {1,
                             42.313330701600911252,
                             687.18700749205790830,
                             5394.1960214247511077,
                             21213.794301586595867,
                             39307.895800092710610,
                             28729.085735721942674,
                             5226.4952788528545610};
  static const double c[] = {1.42343711074968357734,   4.63033784615654529590,
                             5.76949722146069140550,   3.64784832476320460504,
                             1.27045825245236838258,   0.241780725177450611770,
                             0.0227238449892691845833, 7.74545014278341407640e-4};
  static const double d[] = {1,
                             2.05319162663775882187,
                             1.67638483018380384940,
                             0.689767334985100004550,
                             0.148103976427480074590,
                             0.0151986665636164571966,
                             5.47593808499534494600e-4,
                             1.05075007164441684324e-9};
  static const double e[] = {6.65790464350110377720,    5.46378491116411436990,
                             1.78482653991729133580,    0.296560571828504891230,
                             0.0265321895265761230930,  0.00124266094738807843860,
                             2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static const double f[] = {1,
                             0.599832206555887937690,
                             0.136929880922735805310,
                             0.0148753612908506148525,
                             7.86869131145613259100e-4,
                             1.84631831751005468180e-5,
                             1.42151175831644588870e-7,
                             2.04426310338993978564e-15};
  assert(p > 0 && p < 1);
  const double q = p - 0.5;
  if (fabs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(a, 7, r) / polynomial(b, 7, r);
  }
  double r = sqrt(-log(q < 0 ? p : 1 - p));
  r = r <= 5 ? polynomial(c, 7, r - 1.6) / polynomial(d, 7, r - 1.6)
             : polynomial(e, 7, r - 5) / polynomial(f, 7, r - 5);
  return q < 0 ? -r : r;
}

double random_normal_probability(double z) { return 0.5 * erfc(-z * M_SQRT1_2); }

/* Successes by walking along the cumulative distribution; n p is small. */
static uint64_t binomial_inversion(double u, uint64_t n, double p) {
  const double ratio = p / (1 - p);
  double term = exp((double)n * log1p(-p)), left = u;
  uint64_t k = 0;
  while (left > term && k < n && (term > 0 || k == 0)) {
    left -= term;
    k++;
    term *= ratio * (double)(n - k + 1) / (double)k;
  }
  return k;
}

/* log(a! / b!), also where lgamma would lose the difference of large ones (Stirling's series). */
static double log_factorials(double a, double b) {
  if (a < 1000 || b < 1000) return lgamma(a + 1) - lgamma(b + 1);
  const double d = a - b;
  return (b + 0.5) * log1p(d / b) + d * log(a) - d + (1 / a - 1 / b) / 12;
}

/* Hormann 1993, "The generation of binomial random variates", algorithm BTRS; n p >= 10. */
static uint64_t binomial_rejection(uint64_t seed, random_purpose purpose, uint32_t index,
                                   uint32_t who, uint64_t ordinal, uint64_t n, double p) {
  const double size = (double)n, deviation = sqrt(size * p * (1 - p));
  const double b = 1.15 + 2.53 * deviation, a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double c = size * p + 0.5, v_r = 0.92 - 4.2 / b, alpha = (2.83 + 5.1 / b) * deviation;
  const double odds = log(p / (1 - p)), mode = floor((size + 1) * p);
  for (uint32_t trial = 0;; trial++) {
    const uint64_t own = ordinal | (uint64_t)(trial / 2) << 40; /* two trials a draw */
    const random_words w = random_draw(seed, purpose, index, who, own);
    const double u = random_unit(w.word[trial % 2 * 2]) - 0.5;
    const double v = random_unit(w.word[trial % 2 * 2 + 1]);
    const double us = 0.5 - fabs(u), k = floor((2 * a / us + b) * u + c);
    if (us >= 0.07 && v <= v_r) return (uint64_t)k;
    if (k < 0 || k > size) continue;
    const double accept =
        (k - mode) * odds - log_factorials(k, mode) - log_factorials(size - k, size - mode);
    if (log(v * alpha / (a / (us * us) + b)) <= accept) return (uint64_t)k;
  }
}

uint64_t random_binomial(uint64_t seed, random_purpose purpose, uint32_t index, uint32_t who,
                         uint64_t ordinal, uint64_t n, double p) {
  if (n == 0 || p <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - random_binomial(seed, purpose, index, who, ordinal, n, 1 - p);
  if ((double)n * p >= 10) return binomial_rejection(seed, purpose, index, who, ordinal, n, p);
  const random_words w = random_draw(seed, purpose, index, who, ordinal);
  const uint64_t bits = (uint64_t)w.word[0] << 21 ^ w.word[1] >> 11;
  return binomial_inversion(((double)bits + 0.5) * 0x1p-53, n, p);
}

/* Given that two binomial numbers of the same probability sum to n, each is hypergeometric: draw
 * the first, and take it as often as the second one is then n minus it, in units of its mode. */
uint64_t random_hypergeometric(uint64_t seed, random_purpose purpose, uint32_t index,
                               uint64_t ordinal, uint64_t good, uint64_t bad, uint64_t n) {
  if (n == 0 || n == good + bad) return n == 0 ? 0 : good;
  const double p = (double)n / (double)(good + bad), odds = log(p / (1 - p));
  const double all = (double)bad, mode = fmin(floor((all + 1) * p), all);
  for (uint32_t trial = 0;; trial += 2) {
    const uint64_t k = random_binomial(seed, purpose, index, trial, ordinal, good, p);
    if (k > n || n - k > bad) continue;
    const double rest = (double)(n - k);
    const double accept =
        (rest - mode) * odds - log_factorials(rest, mode) - log_factorials(all - rest, all - mode);
    const random_words w = random_draw(seed, purpose, index, trial + 1, ordinal);
    if (log(random_unit(w.word[0])) <= accept) return k;
  }
}
