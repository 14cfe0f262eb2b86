/* Phi_G of discrete variables.
 *
 * For every x with P(x) > 0: q(y|x) = p(y|x) / c(x,y), c(x,y) = sum_k l_k(x, y_k), where the l_k
 * are the multipliers of "the marginal of q(.|x) on part k is r_k(.|x_k)" and r_k is free. The
 * Lagrangian sum_x p(x) [sum_y p(y|x) log c - sum_k sum_yk l_k r_k] + 1 is concave in l, linear in
 * r; its saddle is the minimum (KL(p|q) is convex in (q, r), the constraints linear). l_k(x, 0) = 0
 * for k > 0 removes what the l_k share. Newton: the Hessian in l falls apart by x; what couples the
 * x is the Schur complement in r. Cells with p = 0 carry a vanishing weight, as a barrier.      */
#include "phi_discrete_parts.h"
#include "phi_linear.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 200
#define ENOUGH 1e-11

typedef struct {
  const phi_joint *j;
  phi_discrete_parts d;
  size_t states;
  int rows;        /* multipliers of one x: sum_k m_k - (parts - 1)                    */
  int columns;     /* entries of r that one x meets: sum_k (m_k - 1)                   */
  int unknown;     /* entries of all r: sum_k m_k (m_k - 1)                            */
  int *row;        /* [parts] row of l_k(1)                                            */
  int *base;       /* [parts] first unknown of r_k                                     */
  double *p;       /* [states][states] p(y|x), smoothed                                */
  double *l, *r;   /* [states][rows], [unknown]                                        */
  double *dl, *dr; /* the Newton step                                                  */
} saddle;

/* Row of l_k(y_k), -1 where it is fixed at 0. Part 0 has all its values. */
static int row_of(const saddle *s, int k, size_t y) {
  return y == 0 ? (k == 0 ? 0 : -1) : s->row[k] + (int)y - 1;
}

static size_t state_of(const saddle *s, int k, size_t x) {
  return s->d.map[(size_t)k * s->states + x];
}

/* Unknown r_k(y|x_k), y >= 1. */
static int unknown_of(const saddle *s, int k, size_t xk, size_t y) {
  return s->base[k] + (int)(xk * (s->d.states[k] - 1) + y - 1);
}

static double r_of(const saddle *s, const double *r, int k, size_t xk, size_t y) {
  if (y) return r[unknown_of(s, k, xk, y)];
  double rest = 1;
  for (size_t other = 1; other < s->d.states[k]; other++) rest -= r[unknown_of(s, k, xk, other)];
  return rest;
}

static double c_of(const saddle *s, const double *l, size_t y) {
  double c = 0;
  for (int k = 0; k < s->d.parts; k++) {
    int row = row_of(s, k, state_of(s, k, y));
    if (row >= 0) c += l[row];
  }
  return c;
}

/* Marginals of q(.|x) minus r, by row. False where c <= 0 somewhere. */
static bool row_residual(const saddle *s, size_t x, const double *l, const double *r, double *out) {
  for (int i = 0; i < s->rows; i++) out[i] = 0;
  for (size_t y = 0; y < s->states; y++) {
    double c = c_of(s, l, y);
    if (!(c > 0)) return false;
    double q = s->p[x * s->states + y] / c;
    for (int k = 0; k < s->d.parts; k++) {
      int row = row_of(s, k, state_of(s, k, y));
      if (row >= 0) out[row] += q;
    }
  }
  for (int k = 0; k < s->d.parts; k++)
    for (size_t y = 0; y < s->d.states[k]; y++) {
      int row = row_of(s, k, y);
      if (row >= 0) out[row] -= r_of(s, r, k, state_of(s, k, x), y);
    }
  return true;
}

/* B^T v of one x: by entry of r that it meets, v_k(y) - v_k(0). */
static void project(const saddle *s, const double *v, double *out) {
  int column = 0;
  for (int k = 0; k < s->d.parts; k++)
    for (size_t y = 1; y < s->d.states[k]; y++)
      out[column++] = v[row_of(s, k, y)] - (k == 0 ? v[0] : 0);
}

/* The unknown behind each of those entries. */
static void entries(const saddle *s, size_t x, int *unknown) {
  int column = 0;
  for (int k = 0; k < s->d.parts; k++)
    for (size_t y = 1; y < s->d.states[k]; y++)
      unknown[column++] = unknown_of(s, k, state_of(s, k, x), y);
}

/* Norm of all equations at (l, r); infinite where c <= 0. */
static double norm_of(const saddle *s, const double *l, const double *r) {
  double *residual = check_allocate((size_t)(s->rows + s->columns + s->unknown), sizeof *residual);
  double *entry = residual + s->rows, *total = entry + s->columns, sum = 0;
  int *unknown = check_allocate((size_t)s->columns, sizeof *unknown);
  for (size_t x = 0; x < s->states; x++) {
    double weight = s->j->past[x];
    const double *row = l + x * (size_t)s->rows;
    if (!(weight > 0)) continue;
    if (!row_residual(s, x, row, r, residual)) {
      sum = INFINITY;
      break;
    }
    for (int i = 0; i < s->rows; i++) sum += weight * residual[i] * residual[i];
    project(s, row, entry);
    entries(s, x, unknown);
    for (int i = 0; i < s->columns; i++) total[unknown[i]] += weight * entry[i];
  }
  for (int i = 0; i < s->unknown; i++) sum += total[i] * total[i];
  free(residual);
  free(unknown);
  return sqrt(sum);
}

/* Inverse of the Hessian of one x: sum_y p / c^2 over pairs of rows. */
static void row_hessian(const saddle *s, size_t x, double *h) {
  const double *l = s->l + x * (size_t)s->rows;
  memset(h, 0, (size_t)(s->rows * s->rows) * sizeof *h);
  for (size_t y = 0; y < s->states; y++) {
    double c = c_of(s, l, y), value = s->p[x * s->states + y] / (c * c);
    for (int k = 0; k < s->d.parts; k++)
      for (int m = 0; m < s->d.parts; m++) {
        int i = row_of(s, k, state_of(s, k, y)), j = row_of(s, m, state_of(s, m, y));
        if (i >= 0 && j >= 0) h[i * s->rows + j] += value;
      }
  }
  for (double ridge = 0;; ridge = ridge ? 100 * ridge : 1e-14) {
    double *copy = check_allocate((size_t)(s->rows * s->rows), sizeof *copy);
    memcpy(copy, h, (size_t)(s->rows * s->rows) * sizeof *copy);
    for (int i = 0; i < s->rows; i++) copy[i * s->rows + i] *= 1 + ridge;
    bool regular = !isnan(phi_linear_invert(s->rows, copy));
    if (regular) memcpy(h, copy, (size_t)(s->rows * s->rows) * sizeof *h);
    free(copy);
    if (regular) return;
  }
}

/* Add p(x) B^T H^-1 B to the Schur complement and p(x) B^T (H^-1 residual + l) to its right side.
 */
static void add_row(const saddle *s, size_t x, const double *inverse, const double *residual,
                    double *schur, double *right) {
  int n = s->rows, m = s->columns;
  double weight = s->j->past[x];
  double *half = check_allocate((size_t)(n * m + 2 * n + m), sizeof *half);
  double *v = half + n * m, *column = v + n, *entry = column + n;
  int *unknown = check_allocate((size_t)m, sizeof *unknown);
  entries(s, x, unknown);
  phi_linear_multiply(n, n, 1, inverse, residual, v);
  for (int i = 0; i < n; i++) v[i] += s->l[x * (size_t)n + (size_t)i];
  project(s, v, entry);
  for (int i = 0; i < m; i++) right[unknown[i]] += weight * entry[i];
  for (int i = 0; i < n; i++) project(s, inverse + i * n, half + i * m); /* H^-1 B */
  for (int j = 0; j < m; j++) {
    for (int i = 0; i < n; i++) column[i] = half[i * m + j];
    project(s, column, entry);
    for (int i = 0; i < m; i++)
      schur[(size_t)unknown[i] * (size_t)s->unknown + (size_t)unknown[j]] += weight * entry[i];
  }
  free(half);
  free(unknown);
}

/* Solve schur dr = right; entries of r that no x meets stay. */
static void solve(const saddle *s, double *schur, double *right) {
  size_t u = (size_t)s->unknown;
  for (size_t i = 0; i < u; i++) {
    double *diagonal = &schur[i * u + i];
    *diagonal = *diagonal > 0 ? *diagonal * (1 + 1e-14) : 1;
  }
  LAPACKE_dposv(LAPACK_COL_MAJOR, 'U', s->unknown, 1, schur, s->unknown, right, s->unknown);
}

static void newton_step(saddle *s) {
  size_t n = (size_t)s->rows, u = (size_t)s->unknown;
  double *inverse = check_allocate(s->states * n * n, sizeof *inverse);
  double *residual = check_allocate(s->states * n, sizeof *residual);
  double *schur = check_allocate(u * u, sizeof *schur);
  double *change = check_allocate(n, sizeof *change);
  memset(s->dr, 0, u * sizeof *s->dr);
  memset(s->dl, 0, s->states * n * sizeof *s->dl);
  for (size_t x = 0; x < s->states; x++) {
    if (!(s->j->past[x] > 0)) continue;
    row_hessian(s, x, inverse + x * n * n);
    row_residual(s, x, s->l + x * n, s->r, residual + x * n);
    add_row(s, x, inverse + x * n * n, residual + x * n, schur, s->dr);
  }
  solve(s, schur, s->dr);
  for (size_t x = 0; x < s->states; x++) {
    if (!(s->j->past[x] > 0)) continue;
    memcpy(change, residual + x * n, n * sizeof *change);
    for (int k = 0; k < s->d.parts; k++)
      for (size_t y = 1; y < s->d.states[k]; y++) {
        double more = s->dr[unknown_of(s, k, state_of(s, k, x), y)];
        change[row_of(s, k, y)] -= more;
        if (k == 0) change[0] += more;
      }
    phi_linear_multiply((int)n, (int)n, 1, inverse + x * n * n, change, s->dl + x * n);
  }
  free(inverse);
  free(residual);
  free(schur);
  free(change);
}

/* Newton steps, shortened until the norm falls, to `enough`. Returns the norm left. */
static double iterate(saddle *s, double enough) {
  size_t all = s->states * (size_t)s->rows, u = (size_t)s->unknown;
  double *l = check_allocate(all + u, sizeof *l), *r = l + all, norm = norm_of(s, s->l, s->r);
  for (int step = 0; step < STEPS && norm > enough; step++) {
    newton_step(s);
    double length = 1, trial;
    for (;; length *= 0.5) {
      for (size_t i = 0; i < all; i++) l[i] = s->l[i] + length * s->dl[i];
      for (size_t i = 0; i < u; i++) r[i] = s->r[i] + length * s->dr[i];
      trial = norm_of(s, l, r);
      if (trial <= (1 - 0.05 * length) * norm || length < 1e-9) break;
    }
    if (!(trial < norm)) break; /* rounding */
    memcpy(s->l, l, all * sizeof *l);
    memcpy(s->r, r, u * sizeof *r);
    norm = trial;
  }
  free(l);
  return norm;
}

/* p(y|x) with `weight` more in every cell. Returns the smallest p(y|x). */
static double smooth(saddle *s, double weight) {
  double smallest = 1;
  for (size_t i = 0; i < s->states * s->states; i++) {
    double past = s->j->past[i / s->states];
    if (!(past > 0)) continue;
    double p = s->j->joint[i] / past;
    smallest = fmin(smallest, p);
    s->p[i] = (p + weight) / (1 + weight * (double)s->states);
  }
  return smallest;
}

/* Start at q = p, c = 1, r = the parts' own conditional probabilities. */
static void start(saddle *s) {
  for (size_t x = 0; x < s->states; x++)
    for (size_t y = 0; y < s->d.states[0]; y++)
      s->l[x * (size_t)s->rows + (size_t)row_of(s, 0, y)] = 1;
  for (int k = 0; k < s->d.parts; k++) {
    size_t m = s->d.states[k];
    double *pair = phi_discrete_pair(s->j, &s->d, k, k);
    double *past = phi_discrete_marginal(s->j, &s->d, k, s->j->past);
    for (size_t x = 0; x < m; x++)
      for (size_t y = 1; y < m; y++)
        s->r[unknown_of(s, k, x, y)] = past[x] > 0 ? pair[x * m + y] / past[x] : 1 / (double)m;
    free(pair);
    free(past);
  }
}

static void layout(saddle *s) {
  s->row = check_allocate((size_t)s->d.parts, sizeof *s->row);
  s->base = check_allocate((size_t)s->d.parts, sizeof *s->base);
  s->rows = 1;
  for (int k = 0; k < s->d.parts; k++) {
    int free_values = (int)s->d.states[k] - 1;
    s->row[k] = s->rows;
    s->base[k] = s->unknown;
    s->rows += free_values;
    s->columns += free_values;
    s->unknown += (int)s->d.states[k] * free_values;
  }
}

static double value_of(const saddle *s, double *q) {
  double value = 0;
  for (size_t i = 0; i < s->states * s->states; i++) {
    double past = s->j->past[i / s->states];
    if (q) q[i] = 0;
    if (!(past > 0)) continue;
    double c = c_of(s, s->l + i / s->states * (size_t)s->rows, i % s->states);
    if (q) q[i] = past * s->p[i] / c;
    value += s->j->joint[i] * log(c);
  }
  return value;
}

/* From a nearly uniform p to the true one, its noise falling by tens: Newton's steps stay long.
 * Empty cells keep a vanishing weight; the value is linear in it, and its limit is extrapolated
 * from the last two.                                                                          */
static double approach(saddle *s, double *residual, double *q) {
  double value = 0, before = 0;
  const double smallest = smooth(s, 0), last = smallest > 1e-8 ? 0.5 * smallest : 0.5e-9;
  const bool empty = !(smallest > 1e-8); /* or as good as empty */
  for (double weight = 1; weight > last; weight *= 0.1) {
    smooth(s, weight);
    *residual = iterate(s, empty ? ENOUGH : 1e-3);
    before = value;
    value = value_of(s, q);
  }
  if (empty) return value + (value - before) / 9;
  smooth(s, 0);
  *residual = iterate(s, ENOUGH);
  return value_of(s, q);
}

double phi_discrete_geometric(const phi_joint *j, const int *part, double *residual, double *q) {
  saddle s = {.j = j, .d = phi_discrete_parts_make(j, part), .states = j->states};
  layout(&s);
  double value = NAN;
  *residual = NAN;
  if (s.unknown <= PHI_DISCRETE_FREE) {
    size_t all = s.states * (size_t)s.rows;
    s.p = check_allocate(s.states * s.states, sizeof *s.p);
    s.l = check_allocate(all, sizeof *s.l);
    s.dl = check_allocate(all, sizeof *s.dl);
    s.r = check_allocate((size_t)s.unknown, sizeof *s.r);
    s.dr = check_allocate((size_t)s.unknown, sizeof *s.dr);
    start(&s);
    value = approach(&s, residual, q);
    if (value < 0) value = 0; /* rounding; NaN stays */
    free(s.p);
    free(s.l);
    free(s.dl);
    free(s.r);
    free(s.dr);
  }
  phi_discrete_parts_free(&s.d);
  free(s.row);
  free(s.base);
  return value;
}
