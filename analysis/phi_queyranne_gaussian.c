/* Queyranne's algorithm on Gaussian entropies, by one growing Cholesky factor a pendant pair.
 *
 * A chain holds one covariance matrix. Rows that are not chosen yet stay in a compact matrix of
 * conditional covariances, given all choices up to the last flush; newer choices stand in a panel
 * of at most PANEL columns of the factor, and are folded in by one matrix product. The diagonal
 * block of every group is kept up to date with every choice: its log determinant is the key.    */
#include "phi_search.h"

#include "phi_linear.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PANEL 64

typedef struct {
  int size;
  const double *covariance; /* [size][size], borrowed                                       */
  double sign;              /* of its entropy in the measure: +1 or -1                      */
  int slices;               /* rows of element i: i, and n + i where there are two          */
  double *rest;             /* [rows][rows] conditional covariances                         */
  int rows;                 /* of rest                                                      */
  int *place;               /* [size] row of a variable in rest, -1 once folded in          */
  int *variable;            /* [rows] the reverse                                           */
  bool *chosen;             /* [size]                                                       */
  double *panel;            /* [PANEL][size] columns of the factor, by row of rest          */
  int columns;
  double **block; /* [groups by label] conditional covariance of its variables    */
  double *alone;  /* [label] log determinant of its own covariance                */
  double *column, *work;
} chain;

typedef struct {
  int n, groups;
  int *group;          /* labels that live                    */
  int **member, *size; /* [label] elements of each, ascending */
  int chains;
  chain chain[2];
} state;

static int variables_of(const state *s, const chain *c, int label, int *variable) {
  int count = 0;
  for (int slice = 0; slice < c->slices; slice++)
    for (int k = 0; k < s->size[label]; k++) variable[count++] = slice * s->n + s->member[label][k];
  return count;
}

static double block_logarithm(const chain *c, int count, const double *block, double *work) {
  (void)c;
  if (count == 1) return log(block[0] > 0 ? block[0] : DBL_MIN);
  memcpy(work, block, (size_t)count * (size_t)count * sizeof *work);
  double value = phi_linear_cholesky(count, work);
  return isnan(value) ? log(DBL_MIN) : value;
}

static void load_block(const state *s, chain *c, int label, int *variable) {
  int count = variables_of(s, c, label, variable);
  phi_linear_gather(c->size, c->covariance, count, variable, count, variable, c->block[label]);
}

/* Back to the unconditional covariances. */
static void reset(const state *s, chain *c, int *variable) {
  c->rows = c->size;
  c->columns = 0;
  memcpy(c->rest, c->covariance, (size_t)c->size * (size_t)c->size * sizeof *c->rest);
  for (int i = 0; i < c->size; i++) {
    c->place[i] = c->variable[i] = i;
    c->chosen[i] = false;
  }
  for (int k = 0; k < s->groups; k++) load_block(s, c, s->group[k], variable);
}

/* Fold the panel into rest and drop the chosen rows. */
static void flush(chain *c) {
  int kept = 0;
  for (int row = 0; row < c->rows; row++) {
    int variable = c->variable[row];
    if (c->chosen[variable]) {
      c->place[variable] = -1;
      continue;
    }
    for (int k = 0; k < c->columns; k++)
      c->panel[(size_t)k * c->size + kept] = c->panel[(size_t)k * c->size + row];
    c->place[variable] = kept;
    c->work[kept] = row;
    c->variable[kept++] = variable;
  }
  for (int i = 0; i < kept; i++) {
    const double *from = c->rest + (size_t)c->work[i] * c->rows;
    double *to = c->rest + (size_t)i * kept; /* never behind what is still to be read */
    for (int j = 0; j < kept; j++) to[j] = from[(int)c->work[j]];
  }
  c->rows = kept;
  if (kept)
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, kept, kept, c->columns, -1, c->panel,
                c->size, c->panel, c->size, 1, c->rest, kept);
  c->columns = 0;
}

/* Condition on one variable: the next column of the factor. */
static void choose_variable(chain *c, int variable) {
  if (c->columns == PANEL) flush(c);
  int row = c->place[variable];
  double *column = c->panel + (size_t)c->columns * c->size;
  memcpy(column, c->rest + (size_t)row * c->rows, (size_t)c->rows * sizeof *column);
  for (int k = 0; k < c->columns; k++) c->column[k] = c->panel[(size_t)k * c->size + row];
  if (c->columns)
    cblas_dgemv(CblasRowMajor, CblasTrans, c->columns, c->rows, -1, c->panel, c->size, c->column, 1,
                1, column, 1);
  double pivot = column[row] > DBL_MIN ? column[row] : DBL_MIN;
  cblas_dscal(c->rows, 1 / sqrt(pivot), column, 1);
  c->chosen[variable] = true;
  c->columns++;
}

/* block -= l l^T of the newest column. */
static void update_block(const chain *c, int count, const int *variable, double *block) {
  const double *column = c->panel + (size_t)(c->columns - 1) * c->size;
  double *l = c->work;
  for (int i = 0; i < count; i++) l[i] = column[c->place[variable[i]]];
  for (int i = 0; i < count; i++)
    for (int j = 0; j < count; j++) block[(size_t)i * count + j] -= l[i] * l[j];
}

/* Condition on a group; the blocks of the groups in waiting[count] follow. */
static void choose(const state *s, chain *c, int label, int count, const int *waiting,
                   int *variable, int *other) {
  int size = variables_of(s, c, label, variable);
  for (int v = 0; v < size; v++) {
    choose_variable(c, variable[v]);
    for (int k = 0; k < count; k++) {
      int rows = variables_of(s, c, waiting[k], other);
      update_block(c, rows, other, c->block[waiting[k]]);
    }
  }
}

/* -2 I(group; chosen), summed over chains with their signs. */
static double key_of(const state *s, int label) {
  double key = 0;
  for (int k = 0; k < s->chains; k++) {
    const chain *c = &s->chain[k];
    int count = c->slices * s->size[label];
    key += c->sign * (block_logarithm(c, count, c->block[label], c->work) - c->alone[label]);
  }
  return key;
}

/* One pendant pair: its labels, and its value against the rest [nats]. */
static double pendant_pair(state *s, int *waiting, int *variable, int *before, int *last) {
  int *other = variable + 2 * s->n, left = s->groups, largest = 0;
  for (int k = 0; k < s->chains; k++) reset(s, &s->chain[k], variable);
  memcpy(waiting, s->group, (size_t)left * sizeof *waiting);
  /* Any first group will do; the largest spares its block's updates. */
  for (int k = 1; k < left; k++)
    if (s->size[waiting[k]] > s->size[waiting[largest]]) largest = k;
  int next = largest;
  double key = 0;
  for (;;) {
    *before = *last;
    *last = waiting[next];
    memmove(waiting + next, waiting + next + 1, (size_t)(left - next - 1) * sizeof *waiting);
    if (--left == 0) return -0.5 * key;
    for (int k = 0; k < s->chains; k++)
      choose(s, &s->chain[k], *last, left, waiting, variable, other);
    key = INFINITY;
    for (int k = 0; k < left; k++) {
      double value = key_of(s, waiting[k]);
      if (value < key) {
        key = value;
        next = k;
      }
    }
  }
}

static void merge(state *s, int into, int from, int *variable) {
  int *member = check_allocate((size_t)(s->size[into] + s->size[from]), sizeof *member);
  memcpy(member, s->member[into], (size_t)s->size[into] * sizeof *member);
  memcpy(member + s->size[into], s->member[from], (size_t)s->size[from] * sizeof *member);
  free(s->member[into]);
  s->member[into] = member;
  s->size[into] += s->size[from];
  int kept = 0;
  for (int k = 0; k < s->groups; k++)
    if (s->group[k] != from) s->group[kept++] = s->group[k];
  s->groups = kept;
  for (int k = 0; k < s->chains; k++) {
    chain *c = &s->chain[k];
    size_t rows = (size_t)c->slices * (size_t)s->size[into];
    free(c->block[into]);
    c->block[into] = check_allocate(rows * rows, sizeof(double));
    load_block(s, c, into, variable);
    c->alone[into] = block_logarithm(c, (int)rows, c->block[into], c->work);
  }
}

static void chain_make(const state *s, chain *c, const double *covariance, int slices, double sign,
                       int *variable) {
  size_t size = (size_t)slices * (size_t)s->n;
  *c = (chain){.size = (int)size, .covariance = covariance, .sign = sign, .slices = slices};
  c->rest = check_allocate(size * size, sizeof *c->rest);
  c->place = check_allocate(size, sizeof *c->place);
  c->variable = check_allocate(size, sizeof *c->variable);
  c->chosen = check_allocate(size, sizeof *c->chosen);
  c->panel = check_allocate(PANEL * size, sizeof *c->panel);
  c->column = check_allocate(PANEL, sizeof *c->column);
  c->work = check_allocate(size * size, sizeof *c->work);
  c->block = check_allocate((size_t)s->n, sizeof *c->block);
  c->alone = check_allocate((size_t)s->n, sizeof *c->alone);
  for (int i = 0; i < s->n; i++) {
    c->block[i] = check_allocate((size_t)(slices * slices), sizeof(double));
    load_block(s, c, i, variable);
    c->alone[i] = block_logarithm(c, slices, c->block[i], c->work);
  }
}

static void chain_free(const state *s, chain *c) {
  for (int i = 0; i < s->n; i++) free(c->block[i]);
  free(c->rest);
  free(c->place);
  free(c->variable);
  free(c->chosen);
  free(c->panel);
  free(c->column);
  free(c->work);
  free(c->block);
  free(c->alone);
}

static void state_make(state *s, const phi_covariances *c, phi_measure m, int *variable) {
  size_t n = (size_t)c->n;
  *s = (state){.n = c->n, .groups = c->n, .group = check_allocate(n, sizeof *s->group)};
  s->member = check_allocate(n, sizeof *s->member);
  s->size = check_allocate(n, sizeof *s->size);
  for (int i = 0; i < c->n; i++) {
    s->group[i] = i;
    s->member[i] = check_allocate(1, sizeof(int));
    s->member[i][0] = i;
    s->size[i] = 1;
  }
  if (m != PHI_MI1) chain_make(s, &s->chain[s->chains++], c->joint, 2, 1, variable);
  if (m != PHI_MI)
    chain_make(s, &s->chain[s->chains++], c->past, 1, m == PHI_MI1 ? 1 : -1, variable);
}

static void state_free(state *s) {
  for (int k = 0; k < s->chains; k++) chain_free(s, &s->chain[k]);
  for (int i = 0; i < s->n; i++) free(s->member[i]);
  free(s->member);
  free(s->size);
  free(s->group);
}

err phi_search_queyranne_gaussian(const phi_covariances *c, phi_measure m, phi_mip *made) {
  phi_linear_serial();
  memset(made, 0, sizeof *made);
  if (c->n < 2)
    return check_fail(ERR_USER, "a partition needs at least 2 elements; there are %d", c->n);
  if (m != PHI_MI1 && m != PHI_MI && m != PHI_SI)
    return check_fail(ERR_USER, "measure %s is no difference of entropies; allowed are MI1, MI, SI",
                      phi_measure_name(m));
  if (m != PHI_MI1 && !c->cross)
    return check_fail(ERR_USER, "measure %s needs two time slices", phi_measure_name(m));
  int *variable = check_allocate(4 * (size_t)c->n, sizeof *variable);
  int *waiting = check_allocate((size_t)c->n, sizeof *waiting), before = -1, last = -1;
  made->n = c->n;
  made->part = check_allocate((size_t)c->n, sizeof *made->part);
  state s;
  state_make(&s, c, m, variable);
  for (double least = INFINITY; s.groups > 1;) {
    double value = pendant_pair(&s, waiting, variable, &before, &last);
    made->evaluations++;
    if (value < least) {
      least = value;
      memset(made->part, 0, (size_t)c->n * sizeof *made->part);
      for (int k = 0; k < s.size[last]; k++) made->part[s.member[last][k]] = 1;
    }
    merge(&s, before, last, variable);
  }
  state_free(&s);
  free(variable);
  free(waiting);
  if (made->part[0])
    for (int i = 0; i < c->n; i++) made->part[i] = !made->part[i];
  made->value = made->score = phi_gaussian_value(c, m, made->part, NULL);
  made->normalisation = 1;
  made->exact = m != PHI_SI;
  return OK;
}
