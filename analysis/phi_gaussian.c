/* Covariances: where they come from, and whether they can be used. */
#include "phi_gaussian.h"

#include "phi_linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_CONDITION 1e-12
#define SMALLEST_VARIANCE 1e-60
#define LOG_2_PI_E 2.8378770664093454836

static err check_matrix(int n, const double *a, const char *name, int symmetric) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      double value = a[(size_t)i * n + j], mirror = a[(size_t)j * n + i];
      if (!isfinite(value))
        return check_fail(ERR_USER, "%s[%d][%d] is %g; only finite numbers are allowed", name, i, j,
                          value);
      double scale = fabs(a[(size_t)i * n + i]) + fabs(a[(size_t)j * n + j]);
      if (symmetric && fabs(value - mirror) > 1e-9 * scale)
        return check_fail(ERR_USER, "%s is not symmetric: [%d][%d] is %g, [%d][%d] is %g", name, i,
                          j, value, j, i, mirror);
    }
  return OK;
}

static double *copy_symmetric(int n, const double *a) {
  double *b = check_allocate((size_t)n * n, sizeof *b);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      b[(size_t)i * n + j] = 0.5 * (a[(size_t)i * n + j] + a[(size_t)j * n + i]);
  return b;
}

static double *copy(size_t count, const double *a) {
  double *b = check_allocate(count, sizeof *b);
  memcpy(b, a, count * sizeof *b);
  return b;
}

static void add_ridge(phi_covariances *c, double ridge) {
  double sum = 0;
  for (int i = 0; i < c->n; i++)
    sum += c->past[(size_t)i * c->n + i] + (c->present ? c->present[(size_t)i * c->n + i] : 0);
  double added = ridge * sum / (c->present ? 2 * c->n : c->n);
  for (int i = 0; i < c->n; i++) {
    c->past[(size_t)i * c->n + i] += added;
    if (c->present) c->present[(size_t)i * c->n + i] += added;
  }
}

static void join(phi_covariances *c) {
  int n = c->n, m = c->cross ? 2 * n : n;
  c->joint = check_allocate((size_t)m * m, sizeof *c->joint);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      c->joint[(size_t)i * m + j] = c->past[(size_t)i * n + j];
      if (!c->cross) continue;
      c->joint[(size_t)i * m + n + j] = c->cross[(size_t)i * n + j];
      c->joint[(size_t)(n + j) * m + i] = c->cross[(size_t)i * n + j];
      c->joint[(size_t)(n + i) * m + n + j] = c->present[(size_t)i * n + j];
    }
}

static err refuse_singular(const phi_covariances *c, double ridge) {
  int m = c->cross ? 2 * c->n : c->n;
  for (int i = 0; i < m; i++)
    if (!(c->joint[(size_t)i * m + i] > 0))
      return check_fail(
          ERR_USER,
          "the covariance is singular: variable %d never changes (variance %g); leave "
          "it out or ask for regularisation",
          i % c->n, c->joint[(size_t)i * m + i]);
  return check_fail(ERR_USER,
                    "the covariance of %d variables is singular (condition %.3g, allowed is at "
                    "least %g, regularisation %g): some variables are copies or sums of others, or "
                    "the data are too few; leave variables out or ask for (more) regularisation",
                    c->n, c->condition, SMALLEST_CONDITION, ridge);
}

/* Of what is computed later (inverses and products of three) nothing may leave the range of double.
 */
static err check_scale(const phi_covariances *c) {
  int m = c->cross ? 2 * c->n : c->n;
  for (int i = 0; i < m; i++) {
    const double variance = c->joint[(size_t)i * m + i];
    if (variance != 0 && !(variance >= SMALLEST_VARIANCE && variance <= 1 / SMALLEST_VARIANCE))
      return check_fail(ERR_USER,
                        "variable %d has variance %g; allowed are %g to %g: measure it in another "
                        "unit",
                        i % c->n, variance, SMALLEST_VARIANCE, 1 / SMALLEST_VARIANCE);
  }
  return OK;
}

static double log_determinant(int n, const double *a) {
  double *work = copy((size_t)n * n, a);
  double value = phi_linear_cholesky(n, work);
  free(work);
  return value;
}

static void derive(phi_covariances *c) {
  int n = c->n;
  size_t square = (size_t)n * n;
  c->factor = copy(square, c->past);
  c->log_past = phi_linear_cholesky(n, c->factor);
  if (!c->cross) {
    c->log_joint = c->log_past;
    return;
  }
  double *inverse = copy(square, c->past);
  phi_linear_invert(n, inverse);
  c->regression = check_allocate(square, sizeof *c->regression);
  c->noise = check_allocate(square, sizeof *c->noise);
  phi_linear_multiply_at(n, n, n, c->cross, inverse, c->regression);
  phi_linear_multiply(n, n, n, c->regression, c->cross, inverse);
  for (size_t i = 0; i < square; i++) c->noise[i] = c->present[i] - inverse[i];
  free(inverse);
  double *noise = copy_symmetric(n, c->noise);
  free(c->noise);
  c->noise = noise;
  c->log_present = log_determinant(n, c->present);
  c->log_joint = log_determinant(2 * n, c->joint);
}

static err finish(phi_covariances *c, double ridge) {
  if (ridge > 0) add_ridge(c, ridge);
  join(c);
  err e = check_scale(c);
  if (e) return e;
  c->condition = phi_linear_condition(c->cross ? 2 * c->n : c->n, c->joint);
  if (!(c->condition >= SMALLEST_CONDITION)) return refuse_singular(c, ridge);
  derive(c);
  return OK;
}

err phi_covariances_make(int n, const double *past, const double *cross, const double *present,
                         double ridge, phi_covariances *made) {
  phi_linear_serial();
  memset(made, 0, sizeof *made);
  if (n < 1) return check_fail(ERR_USER, "there are %d variables; at least 1 is needed", n);
  if (!(ridge >= 0) || !isfinite(ridge))
    return check_fail(ERR_USER, "regularisation is %g; allowed are finite numbers >= 0", ridge);
  err e = check_matrix(n, past, "cov(X)", 1);
  if (!e && cross) e = check_matrix(n, cross, "cov(X,Y)", 0);
  if (!e && cross) e = check_matrix(n, present, "cov(Y)", 1);
  if (e) return e;
  made->n = n;
  made->past = copy_symmetric(n, past);
  if (cross) made->cross = copy((size_t)n * n, cross);
  if (cross) made->present = copy_symmetric(n, present);
  e = finish(made, ridge);
  if (e) phi_covariances_free(made);
  return e;
}

/* S = sum_k A^k E A^kT: each round doubles the number of terms. */
static err solve_lyapunov(int n, const double *a, const double *noise, double *s) {
  size_t square = (size_t)n * n;
  double *power = copy(square, a), *left = check_allocate(square, sizeof *left);
  double *term = check_allocate(square, sizeof *term);
  memcpy(s, noise, square * sizeof *s);
  err e = OK;
  for (int round = 0;; round++) {
    phi_linear_multiply(n, n, n, power, s, left);
    phi_linear_multiply_bt(n, n, n, left, power, term);
    double change = 0, size = 0;
    for (size_t i = 0; i < square; i++) {
      s[i] += term[i];
      change = fmax(change, fabs(term[i]));
      size = fmax(size, fabs(s[i]));
    }
    if (!isfinite(size) || round == 64) {
      e = check_fail(ERR_USER, "A has a spectral radius of 1 or more: x_{t+1} = A x_t + e has no "
                               "stationary distribution; allowed are radii below 1");
      break;
    }
    if (change <= 1e-17 * size) break;
    phi_linear_multiply(n, n, n, power, power, left);
    memcpy(power, left, square * sizeof *power);
  }
  free(power);
  free(left);
  free(term);
  return e;
}

err phi_covariances_autoregression(int n, const double *a, const double *noise,
                                   phi_covariances *made) {
  phi_linear_serial();
  memset(made, 0, sizeof *made);
  if (n < 1) return check_fail(ERR_USER, "there are %d variables; at least 1 is needed", n);
  err e = check_matrix(n, a, "A", 0);
  if (!e) e = check_matrix(n, noise, "Sigma_e", 1);
  if (e) return e;
  size_t square = (size_t)n * n;
  double *s = check_allocate(square, sizeof *s), *cross = check_allocate(square, sizeof *cross);
  e = solve_lyapunov(n, a, noise, s);
  if (!e) {
    phi_linear_multiply_bt(n, n, n, s, a, cross);
    e = phi_covariances_make(n, s, cross, s, 0, made);
  }
  free(s);
  free(cross);
  return e;
}

static err check_pairs(int64_t pairs, int n, bool two, double ridge) {
  const int64_t needed = ridge > 0 ? 2 : (two ? 2 : 1) * (int64_t)n + 1;
  if (n >= 1 && pairs >= needed) return OK;
  return check_fail(ERR_USER, "there are %lld %s of %d variables; at least %lld are needed%s",
                    (long long)(pairs > 0 ? pairs : 0), two ? "pairs of samples" : "samples", n,
                    (long long)needed, ridge > 0 ? "" : " (fewer only with regularisation)");
}

static err check_finite(int64_t samples, int n, const double *x) {
  for (int64_t t = 0; t < samples; t++)
    for (int i = 0; i < n; i++)
      if (!isfinite(x[t * n + i]))
        return check_fail(ERR_USER,
                          "sample %lld of variable %d is %g; only finite numbers are allowed",
                          (long long)t, i, x[t * n + i]);
  return OK;
}

/* x[pairs][n] about its mean. */
static double *centre(int64_t pairs, int n, const double *x) {
  double *centred = copy((size_t)pairs * (size_t)n, x);
  for (int i = 0; i < n; i++) {
    double mean = 0;
    for (int64_t t = 0; t < pairs; t++) mean += x[t * n + i];
    mean /= (double)pairs;
    for (int64_t t = 0; t < pairs; t++) centred[t * n + i] -= mean;
  }
  return centred;
}

static double *covariance(int64_t pairs, int n, const double *x, const double *y) {
  double *c = check_allocate((size_t)n * n, sizeof *c);
  double *piece = check_allocate((size_t)n * n, sizeof *piece);
  const int64_t chunk = 4096; /* BLAS counts in int, and short sums round less */
  for (int64_t t = 0; t < pairs; t += chunk) {
    int rows = (int)(pairs - t < chunk ? pairs - t : chunk);
    phi_linear_multiply_at(n, rows, n, x + t * n, y + t * n, piece);
    for (size_t i = 0; i < (size_t)n * n; i++) c[i] += piece[i] / (double)(pairs - 1);
  }
  free(piece);
  return c;
}

err phi_covariances_pairs(int64_t pairs, int n, const double *before, const double *after,
                          double ridge, phi_covariances *made) {
  phi_linear_serial();
  memset(made, 0, sizeof *made);
  err e = check_pairs(pairs, n, after, ridge);
  if (!e) e = check_finite(pairs, n, before);
  if (!e && after) e = check_finite(pairs, n, after);
  if (e) return e;
  double *x = centre(pairs, n, before), *y = after ? centre(pairs, n, after) : NULL;
  double *past = covariance(pairs, n, x, x);
  double *cross = y ? covariance(pairs, n, x, y) : NULL;
  double *present = y ? covariance(pairs, n, y, y) : NULL;
  e = phi_covariances_make(n, past, cross, present, ridge, made);
  free(x);
  free(y);
  free(past);
  free(cross);
  free(present);
  return e;
}

err phi_covariances_series(int64_t samples, int n, const double *x, int64_t lag, double ridge,
                           phi_covariances *made) {
  memset(made, 0, sizeof *made);
  if (lag < 0) return check_fail(ERR_USER, "lag is %lld; allowed is 0 or more", (long long)lag);
  err e = check_pairs(samples - lag, n, lag > 0, ridge);
  if (!e)
    e = check_finite(samples, n, x); /* all of it, so that the message counts from its start */
  if (e) return e;
  return phi_covariances_pairs(samples - lag, n, x, lag ? x + lag * n : NULL, ridge, made);
}

err phi_covariances_subset(const phi_covariances *c, int count, const int *index,
                           phi_covariances *made) {
  memset(made, 0, sizeof *made);
  size_t square = (size_t)count * (size_t)count;
  double *part[3] = {NULL, NULL, NULL};
  const double *whole[3] = {c->past, c->cross, c->present};
  for (int k = 0; k < 3 && whole[k]; k++) {
    part[k] = check_allocate(square, sizeof *part[k]);
    phi_linear_gather(c->n, whole[k], count, index, count, index, part[k]);
  }
  err e = phi_covariances_make(count, part[0], part[1], part[2], 0, made);
  for (int k = 0; k < 3; k++) free(part[k]);
  return e;
}

void phi_covariances_free(phi_covariances *c) {
  free(c->joint);
  free(c->past);
  free(c->cross);
  free(c->present);
  free(c->regression);
  free(c->noise);
  free(c->factor);
  memset(c, 0, sizeof *c);
}

double phi_gaussian_entropy(const phi_covariances *c) {
  return 0.5 * (c->n * LOG_2_PI_E + c->log_past);
}

double phi_gaussian_delayed_information(const phi_covariances *c) {
  return c->cross ? 0.5 * (c->log_past + c->log_present - c->log_joint) : 0;
}
