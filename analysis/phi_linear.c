#include "phi_linear.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void phi_linear_serial(void) { openblas_set_num_threads(1); }

double phi_linear_cholesky(int n, double *a) {
  if (n == 1) {
    double logarithm = a[0] > 0 ? log(a[0]) : NAN;
    a[0] = sqrt(a[0]);
    return logarithm;
  }
  /* The upper factor by columns is the lower one by rows: no transposition. */
  if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', n, a, n)) return NAN;
  double logarithm = 0;
  for (int i = 0; i < n; i++) {
    logarithm += log(a[(size_t)i * n + i]);
    memset(a + (size_t)i * n + i + 1, 0, (size_t)(n - i - 1) * sizeof *a);
  }
  return 2 * logarithm;
}

double phi_linear_invert(int n, double *a) {
  double logarithm = phi_linear_cholesky(n, a);
  if (isnan(logarithm)) return NAN;
  LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'U', n, a, n);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < i; j++) a[(size_t)j * n + i] = a[(size_t)i * n + j];
  return logarithm;
}

static void eigen(char vectors, int n, double *a, double *value) {
  int length = 67 * n;
  double *work = check_allocate((size_t)length, sizeof *work);
  if (LAPACKE_dsyev_work(LAPACK_COL_MAJOR, vectors, 'U', n, a, n, value, work, length))
    CHECK_ABORT("the eigenvalues of a %d x %d matrix were not found", n, n);
  free(work);
}

void phi_linear_eigen(int n, double *a, double *value) { eigen('V', n, a, value); }

void phi_linear_multiply(int n, int k, int m, const double *a, const double *b, double *c) {
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, m, k, 1, a, k, b, m, 0, c, m);
}

void phi_linear_multiply_bt(int n, int k, int m, const double *a, const double *b, double *c) {
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, m, k, 1, a, k, b, k, 0, c, m);
}

void phi_linear_multiply_at(int n, int k, int m, const double *a, const double *b, double *c) {
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, m, k, 1, a, n, b, m, 0, c, m);
}

void phi_linear_gather(int n, const double *a, int rows, const int *row, int columns,
                       const int *column, double *out) {
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j++)
      out[(size_t)i * columns + j] = a[(size_t)row[i] * n + column[j]];
}

void phi_linear_scatter(int n, double *a, int rows, const int *row, int columns, const int *column,
                        const double *in) {
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j++)
      a[(size_t)row[i] * n + column[j]] = in[(size_t)i * columns + j];
}

double phi_linear_condition(int n, const double *a) {
  for (int i = 0; i < n; i++)
    if (!(a[(size_t)i * n + i] > 0)) return 0;
  double *scaled = check_allocate((size_t)n * n, sizeof *scaled);
  double *value = check_allocate((size_t)n, sizeof *value);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      scaled[(size_t)i * n + j] =
          a[(size_t)i * n + j] / sqrt(a[(size_t)i * n + i]) / sqrt(a[(size_t)j * n + j]);
  eigen('N', n, scaled, value);
  double ratio = value[0] / value[n - 1];
  free(scaled);
  free(value);
  return ratio;
}
