/* phi_linear.h - dense linear algebra of covariance matrices, on LAPACK and BLAS.
 *
 * Matrices are square or rectangular arrays of double, row by row, owned by the caller. Everything
 * runs on the calling thread alone, so that results do not depend on the number of threads.     */
#ifndef SHINKEI_PHI_LINEAR_H
#define SHINKEI_PHI_LINEAR_H

#include "check.h"

/* Keep BLAS on the calling thread; every entry of the modules that use it calls this first.    */
LOCAL void phi_linear_serial(void);

/* Lower Cholesky factor of the symmetric a[n][n], in place (upper triangle zeroed). Returns log|a|,
 * NaN where a is not positive definite.                                                       */
LOCAL double phi_linear_cholesky(int n, double *a);
/* a[n][n] symmetric positive definite -> its inverse, in place. Returns log|a| or NaN.         */
LOCAL double phi_linear_invert(int n, double *a);
/* a[n][n] symmetric -> rows of eigenvectors in place (row k belongs to value[k], ascending).   */
LOCAL void phi_linear_eigen(int n, double *a, double *value);

/* c[n][m] = a[n][k] b[k][m], the same with b[m][k] transposed, and with a[k][n] transposed.     */
LOCAL void phi_linear_multiply(int n, int k, int m, const double *a, const double *b, double *c);
LOCAL void phi_linear_multiply_bt(int n, int k, int m, const double *a, const double *b, double *c);
LOCAL void phi_linear_multiply_at(int n, int k, int m, const double *a, const double *b, double *c);

/* out[rows][columns] = a[row[i]][column[j]] of a matrix with rows of length n.                 */
LOCAL void phi_linear_gather(int n, const double *a, int rows, const int *row, int columns,
                             const int *column, double *out);
/* The reverse. */
LOCAL void phi_linear_scatter(int n, double *a, int rows, const int *row, int columns,
                              const int *column, const double *in);

/* Smallest over largest eigenvalue of the symmetric a[n][n] scaled to unit diagonal; 0 where a
 * diagonal element is not positive.                                                           */
LOCAL double phi_linear_condition(int n, const double *a);

#endif
