/* The measures of one partition. Searches call these millions of times, possibly on many threads
 * at once: no state, no locks, memory from one block.                                          */
#include "phi_gaussian.h"

#include "phi_linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOG_2_PI_E 2.8378770664093454836

/* The variables of part k, ascending; of the joint (X, Y) first those of X, then of Y.         */
static int members(int n, const int *part, int k, int *index) {
  int size = 0;
  for (int i = 0; i < n; i++)
    if (part[i] == k) index[size++] = i;
  for (int i = 0; i < size; i++) index[size + i] = n + index[i];
  return size;
}

static int count_parts(int n, const int *part) {
  int parts = 0;
  for (int i = 0; i < n; i++)
    if (part[i] >= parts) parts = part[i] + 1;
  return parts;
}

/* log|a[row][row]|; work: n x n at least. */
static double log_of_block(int n, const double *a, int size, const int *row, double *work) {
  phi_linear_gather(n, a, size, row, size, row, work);
  return phi_linear_cholesky(size, work);
}

typedef struct {
  int *index;   /* [2n] */
  double *work; /* [2n][2n] */
} scratch;

static scratch scratch_make(int n) {
  return (scratch){check_allocate(2 * (size_t)n, sizeof(int)),
                   check_allocate(4 * (size_t)n * (size_t)n, sizeof(double))};
}

static void scratch_free(scratch s) {
  free(s.index);
  free(s.work);
}

/* MI1, MI, SI: half of sum_k f(k) - f(whole), with f = log|X|, log|X,Y|, log|X,Y| - log|X|.     */
static double entropy_gap(const phi_covariances *c, phi_measure m, const int *part, scratch s) {
  double gap = 0;
  int parts = count_parts(c->n, part);
  for (int k = 0; k < parts; k++) {
    int size = members(c->n, part, k, s.index);
    if (m != PHI_MI1) gap += log_of_block(2 * c->n, c->joint, 2 * size, s.index, s.work);
    if (m != PHI_MI)
      gap += (m == PHI_MI1 ? 1 : -1) * log_of_block(c->n, c->past, size, s.index, s.work);
  }
  if (m != PHI_MI1) gap -= c->log_joint;
  if (m != PHI_MI) gap -= (m == PHI_MI1 ? 1 : -1) * c->log_past;
  return 0.5 * gap;
}

/* I(X_from; Y_to) of parts. */
static double delayed(const phi_covariances *c, const int *part, int from, int to, scratch s) {
  int n = c->n, *second = check_allocate(2 * (size_t)n, sizeof *second);
  int size = members(n, part, from, s.index), more = members(n, part, to, second);
  memcpy(s.index + size, second + more, (size_t)more * sizeof *second);
  double value = log_of_block(2 * n, c->joint, size, s.index, s.work) +
                 log_of_block(2 * n, c->joint, more, s.index + size, s.work) -
                 log_of_block(2 * n, c->joint, size + more, s.index, s.work);
  free(second);
  return 0.5 * value;
}

static double revised(const phi_covariances *c, const int *part, scratch s) {
  double redundancy = INFINITY, within = 0;
  for (int from = 0; from < 2; from++)
    for (int to = 0; to < 2; to++) {
      double information = delayed(c, part, from, to, s);
      redundancy = fmin(redundancy, information);
      if (from == to) within += information;
    }
  return phi_gaussian_delayed_information(c) - within + redundancy;
}

/* The decoder of each part: D = regression of Y_k on X_k, K = inverse of its noise; both full
 * n x n with zeros between parts.                                                             */
static void decoder(const phi_covariances *c, const int *part, double *d, double *k, scratch s) {
  int n = c->n, parts = count_parts(n, part);
  double *a = check_allocate(4 * (size_t)n * n, sizeof *a);
  double *b = a + (size_t)n * n, *x = b + (size_t)n * n, *y = x + (size_t)n * n;
  for (int p = 0; p < parts; p++) {
    int size = members(n, part, p, s.index);
    phi_linear_gather(n, c->past, size, s.index, size, s.index, a);
    phi_linear_gather(n, c->cross, size, s.index, size, s.index, b);
    phi_linear_gather(n, c->present, size, s.index, size, s.index, y);
    phi_linear_invert(size, a);
    phi_linear_multiply_at(size, size, size, b, a, x);
    phi_linear_multiply(size, size, size, x, b, a);
    for (int i = 0; i < size * size; i++) y[i] -= a[i];
    phi_linear_invert(size, y);
    phi_linear_scatter(n, d, size, s.index, size, s.index, x);
    phi_linear_scatter(n, k, size, s.index, size, s.index, y);
  }
  free(a);
}

/* I*(b) = 1/2 sum_i log(1 + b l_i) + 1/2 (b t - b^2 sum_i c_i / (1 + b l_i)) - b n / 2.        */
typedef struct {
  int n;
  double trace;
  double *eigenvalue, *weight;
} line;

static double line_value(const line *l, double b) {
  double sum = b * l->trace - b * l->n;
  for (int i = 0; i < l->n; i++) {
    double q = 1 + b * l->eigenvalue[i];
    sum += log(q) - b * b * l->weight[i] / q;
  }
  return 0.5 * sum;
}

static double line_slope(const line *l, double b) {
  double sum = l->trace - l->n;
  for (int i = 0; i < l->n; i++) {
    double e = l->eigenvalue[i], q = 1 + b * e;
    sum += e / q - l->weight[i] * b * (2 + b * e) / (q * q);
  }
  return 0.5 * sum;
}

/* Concave: bracket the root of the slope by doubling, then halve to the last bit.              */
static double line_best(const line *l) {
  double low = 0, high = 1;
  while (line_slope(l, high) > 0) {
    low = high;
    high *= 2;
    if (high > 1e12) return high; /* a supremum at infinity: the value has converged */
  }
  for (int i = 0; i < 200 && high - low > 4e-16 * high; i++) {
    double middle = 0.5 * (low + high);
    if (line_slope(l, middle) > 0)
      low = middle;
    else
      high = middle;
  }
  return 0.5 * (low + high);
}

static double mismatched(const phi_covariances *c, const int *part, double *beta, scratch s) {
  int n = c->n;
  size_t square = (size_t)n * n;
  double *d = check_allocate(5 * square + 2 * (size_t)n, sizeof *d), *k = d + square;
  double *t = k + square, *kt = t + square, *m = kt + square;
  line l = {.n = n, .eigenvalue = m + square, .weight = m + square + n};
  decoder(c, part, d, k, s);
  for (size_t i = 0; i < square; i++) l.trace += k[i] * c->present[i];
  phi_linear_multiply(n, n, n, d, c->factor, t); /* D L, where L L^T = S                */
  phi_linear_multiply(n, n, n, k, t, kt);
  phi_linear_multiply_at(n, n, n, t, kt, m); /* L^T D^T K D L                       */
  for (int i = 0; i < n; i++)
    for (int j = 0; j < i; j++) m[(size_t)j * n + i] = m[(size_t)i * n + j];
  phi_linear_eigen(n, m, l.eigenvalue);
  phi_linear_multiply_bt(n, n, n, m, kt, d); /* rows: (K D L u_i)^T                 */
  phi_linear_multiply(n, n, n, d, c->present, k);
  for (int i = 0; i < n; i++) {
    if (l.eigenvalue[i] < 0) l.eigenvalue[i] = 0;
    for (int j = 0; j < n; j++) l.weight[i] += d[(size_t)i * n + j] * k[(size_t)i * n + j];
  }
  *beta = line_best(&l);
  double value = phi_gaussian_delayed_information(c) - line_value(&l, *beta);
  free(d);
  return value;
}

double phi_gaussian_normalisation(const phi_covariances *c, const int *part) {
  scratch s = scratch_make(c->n);
  int parts = count_parts(c->n, part);
  double smallest = INFINITY;
  for (int k = 0; k < parts; k++) {
    int size = members(c->n, part, k, s.index);
    double logarithm = log_of_block(c->n, c->past, size, s.index, s.work);
    smallest = fmin(smallest, 0.5 * (size * LOG_2_PI_E + logarithm));
  }
  scratch_free(s);
  return (parts - 1) * smallest;
}

double phi_gaussian_value(const phi_covariances *c, phi_measure m, const int *part,
                          phi_value *out) {
  phi_value v = {0};
  scratch s = scratch_make(c->n);
  if (m == PHI_STAR)
    v.value = mismatched(c, part, &v.beta, s);
  else if (m == PHI_G)
    v.value = phi_gaussian_geometric(c, part, &v.residual, NULL);
  else if (m == PHI_R)
    v.value = revised(c, part, s);
  else
    v.value = entropy_gap(c, m, part, s);
  scratch_free(s);
  if (out) {
    v.normalisation = phi_gaussian_normalisation(c, part);
    *out = v;
  }
  return v.value;
}

err phi_gaussian_measure(const phi_covariances *c, phi_measure m, const int *part, phi_value *out) {
  phi_linear_serial();
  if (!c->cross && m != PHI_MI1)
    return check_fail(ERR_USER, "measure %s needs two time slices; one slice allows MI1 only",
                      phi_measure_name(m));
  err e = phi_measure_check_parts(m, c->n, part);
  if (!e) phi_gaussian_value(c, m, part, out);
  return e;
}
