#include "phi_discrete_parts.h"
#include "phi_linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

phi_discrete_parts phi_discrete_parts_make(const phi_joint *j, const int *part) {
  phi_discrete_parts d = {0};
  for (int i = 0; i < j->n; i++)
    if (part[i] >= d.parts) d.parts = part[i] + 1;
  d.states = check_allocate((size_t)d.parts, sizeof *d.states);
  d.map = check_allocate((size_t)d.parts * j->states, sizeof *d.map);
  for (int k = 0; k < d.parts; k++) {
    d.states[k] = 1;
    size_t stride = 1;
    for (int i = 0; i < j->n; i++) {
      size_t levels = (size_t)j->levels[i];
      for (size_t x = 0; x < j->states && part[i] == k; x++)
        d.map[(size_t)k * j->states + x] += (uint16_t)(x / stride % levels * d.states[k]);
      if (part[i] == k) d.states[k] *= levels;
      stride *= levels;
    }
  }
  return d;
}

void phi_discrete_parts_free(phi_discrete_parts *d) {
  free(d->states);
  free(d->map);
}

double *phi_discrete_marginal(const phi_joint *j, const phi_discrete_parts *d, int k,
                              const double *p) {
  double *out = check_allocate(d->states[k], sizeof *out);
  const uint16_t *map = d->map + (size_t)k * j->states;
  for (size_t x = 0; x < j->states; x++) out[map[x]] += p[x];
  return out;
}

double *phi_discrete_pair(const phi_joint *j, const phi_discrete_parts *d, int k, int l) {
  double *out = check_allocate(d->states[k] * d->states[l], sizeof *out);
  const uint16_t *from = d->map + (size_t)k * j->states, *to = d->map + (size_t)l * j->states;
  for (size_t x = 0; x < j->states; x++) {
    double *row = out + from[x] * d->states[l];
    const double *p = j->joint + x * j->states;
    for (size_t y = 0; y < j->states && j->past[x] > 0; y++) row[to[y]] += p[y];
  }
  return out;
}

static double entropy(size_t count, const double *p) {
  double sum = 0;
  for (size_t i = 0; i < count; i++)
    if (p[i] > 0) sum -= p[i] * log(p[i]);
  return sum;
}

static double entropy_past(const phi_joint *j, const phi_discrete_parts *d, int k) {
  double *p = phi_discrete_marginal(j, d, k, j->past), value = entropy(d->states[k], p);
  free(p);
  return value;
}

static double entropy_present(const phi_joint *j, const phi_discrete_parts *d, int k) {
  double *p = phi_discrete_marginal(j, d, k, j->present), value = entropy(d->states[k], p);
  free(p);
  return value;
}

static double entropy_pair(const phi_joint *j, const phi_discrete_parts *d, int k, int l) {
  double *p = phi_discrete_pair(j, d, k, l);
  double value = entropy(d->states[k] * d->states[l], p);
  free(p);
  return value;
}

static double entropy_gap(const phi_joint *j, const phi_discrete_parts *d, phi_measure m) {
  double gap = 0, sign = m == PHI_MI1 ? 1 : -1;
  if (m != PHI_MI1) gap -= entropy(j->states * j->states, j->joint);
  if (m != PHI_MI) gap -= sign * phi_discrete_entropy(j);
  for (int k = 0; k < d->parts; k++) {
    if (m != PHI_MI1) gap += entropy_pair(j, d, k, k);
    if (m != PHI_MI) gap += sign * entropy_past(j, d, k);
  }
  return gap;
}

static double revised(const phi_joint *j, const phi_discrete_parts *d) {
  double redundancy = INFINITY, within = 0;
  for (int k = 0; k < 2; k++)
    for (int l = 0; l < 2; l++) {
      double information =
          entropy_past(j, d, k) + entropy_present(j, d, l) - entropy_pair(j, d, k, l);
      redundancy = fmin(redundancy, information);
      if (k == l) within += information;
    }
  return phi_discrete_delayed_information(j) - within + redundancy;
}

/* log q(y|x) = sum_k log p(y_k|x_k), -inf where a part never does that; x with P(x) = 0 are left
 * out.                                                                                        */
static double *log_decoder(const phi_joint *j, const phi_discrete_parts *d) {
  size_t s = j->states;
  double *logarithm = check_allocate(s * s, sizeof *logarithm);
  for (int k = 0; k < d->parts; k++) {
    size_t m = d->states[k];
    double *pair = phi_discrete_pair(j, d, k, k);
    double *past = phi_discrete_marginal(j, d, k, j->past);
    for (size_t i = 0; i < m * m; i++) pair[i] = log(pair[i] / past[i / m]);
    const uint16_t *map = d->map + (size_t)k * s;
    for (size_t x = 0; x < s; x++)
      for (size_t y = 0; y < s && j->past[x] > 0; y++)
        logarithm[x * s + y] += pair[map[x] * m + map[y]];
    free(pair);
    free(past);
  }
  return logarithm;
}

/* Slope and value of I*(b) = b E[log q(y|x)] - sum_y p(y) log sum_x p(x) q(y|x)^b. */
static double decoded(const phi_joint *j, const double *logarithm, double mean, double b,
                      double *slope) {
  size_t s = j->states;
  double *sum = check_allocate(2 * s, sizeof *sum), *moment = sum + s, value = b * mean;
  *slope = mean;
  for (size_t x = 0; x < s; x++)
    for (size_t y = 0; y < s && j->past[x] > 0; y++) {
      double l = logarithm[x * s + y];
      if (l == -INFINITY) continue;
      double weight = j->past[x] * exp(b * l);
      sum[y] += weight;
      moment[y] += weight * l;
    }
  for (size_t y = 0; y < s; y++)
    if (j->present[y] > 0 && sum[y] > 0) {
      value -= j->present[y] * log(sum[y]);
      *slope -= j->present[y] * moment[y] / sum[y];
    }
  free(sum);
  return value;
}

static double mismatched(const phi_joint *j, const phi_discrete_parts *d, double *beta) {
  size_t s = j->states;
  double *logarithm = log_decoder(j, d), mean = 0, slope, low = 0, high = 1;
  for (size_t i = 0; i < s * s; i++)
    if (j->joint[i] > 0) mean += j->joint[i] * logarithm[i];
  /* Powers of q beyond 64 underflow for good: by then the value has reached its supremum. */
  while (decoded(j, logarithm, mean, high, &slope), slope > 1e-14 && high < 64) {
    low = high;
    high *= 2;
  }
  for (int i = 0; i < 60 && high - low > 1e-13 * high; i++) {
    double middle = 0.5 * (low + high);
    decoded(j, logarithm, mean, middle, &slope);
    if (slope > 0)
      low = middle;
    else
      high = middle;
  }
  *beta = 0.5 * (low + high);
  double value = phi_discrete_delayed_information(j) - decoded(j, logarithm, mean, *beta, &slope);
  free(logarithm);
  return value;
}

double phi_discrete_normalisation(const phi_joint *j, const int *part) {
  phi_discrete_parts d = phi_discrete_parts_make(j, part);
  double smallest = INFINITY;
  for (int k = 0; k < d.parts; k++) smallest = fmin(smallest, entropy_past(j, &d, k));
  smallest *= d.parts - 1;
  phi_discrete_parts_free(&d);
  return smallest;
}

double phi_discrete_value(const phi_joint *j, phi_measure m, const int *part, phi_value *out) {
  phi_value v = {0};
  phi_discrete_parts d = phi_discrete_parts_make(j, part);
  if (m == PHI_STAR)
    v.value = mismatched(j, &d, &v.beta);
  else if (m == PHI_G)
    v.value = phi_discrete_geometric(j, part, &v.residual, NULL);
  else if (m == PHI_R)
    v.value = revised(j, &d);
  else
    v.value = entropy_gap(j, &d, m);
  phi_discrete_parts_free(&d);
  if (out) {
    v.normalisation = phi_discrete_normalisation(j, part);
    *out = v;
  }
  return v.value;
}

err phi_discrete_measure(const phi_joint *j, phi_measure m, const int *part, phi_value *out) {
  phi_linear_serial();
  err e = phi_measure_check_parts(m, j->n, part);
  if (e) return e;
  phi_discrete_value(j, m, part, out);
  if (isnan(out->value))
    return check_fail(
        ERR_USER,
        "measure G of this partition has too many free entries (allowed are %d): take "
        "fewer variables or more even parts",
        PHI_DISCRETE_FREE);
  return OK;
}
