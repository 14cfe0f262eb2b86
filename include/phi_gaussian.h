/* phi_gaussian.h - the measures of phi_measure.h for Gaussian variables, from covariances.
 *
 * Convention: x_{t+lag} = A x_t + e, e ~ N(0, E): A[i][j] acts from j on i; X = x_t (the past),
 * Y = x_{t+lag} (the present); cov(X, Y) = S A^T.                                             */
#ifndef SHINKEI_PHI_GAUSSIAN_H
#define SHINKEI_PHI_GAUSSIAN_H

#include "phi_measure.h"

/* The joint distribution of past and present, and what follows from it. All matrices n x n row by
 * row, owned; release with phi_covariances_free. Of one time slice alone only `past` is given.  */
typedef struct {
  int n;
  double *joint;      /* [2n][2n] of (X, Y), or [n][n] of X where there is one slice           */
  double *past;       /* cov(X)                                                                */
  double *cross;      /* cov(X, Y): row X, column Y; NULL: one slice                           */
  double *present;    /* cov(Y)                                                                */
  double *regression; /* A = cov(Y, X) cov(X)^-1                                               */
  double *noise;      /* E = cov(Y | X)                                                        */
  double *factor;     /* lower Cholesky factor of cov(X)                                       */
  double log_past, log_present, log_joint; /* log determinants                                 */
  double condition; /* smallest over largest eigenvalue of the joint correlation matrix         */
} phi_covariances;

/* From covariances; cross = present = NULL is one slice. Matrices are copied. `ridge` >= 0: that
 * share of the mean variance is added to every variance of past and present, which regularises a
 * singular covariance; 0 adds nothing. NaN, infinity, asymmetry, ridge < 0 and a (nearly) singular
 * covariance (condition below 1e-12) are ERR_USER, naming the element, variable or remedy.     */
LOCAL err phi_covariances_make(int n, const double *past, const double *cross,
                               const double *present, double ridge, phi_covariances *made);

/* The stationary x_{t+1} = A x_t + e: cov(X) = S from the Lyapunov equation S = A S A^T + E, by
 * doubling. A spectral radius of A >= 1 is ERR_USER.                                          */
LOCAL err phi_covariances_autoregression(int n, const double *a, const double *noise,
                                         phi_covariances *made);

/* From a recording x[samples][n]: all pairs (x_t, x_{t+lag}), each slice about its own mean,
 * divided by pairs - 1. lag = 0: one slice. Fewer pairs than 2n + 1 cannot give a regular
 * covariance and are ERR_USER without a ridge; so is NaN, with its row and column. */
LOCAL err phi_covariances_series(int64_t samples, int n, const double *x, int64_t lag, double ridge,
                                 phi_covariances *made);

/* The same from pairs (before[t], after[t]), [pairs][n] each, in any order; after NULL: one slice.
 */
LOCAL err phi_covariances_pairs(int64_t pairs, int n, const double *before, const double *after,
                                double ridge, phi_covariances *made);

/* Marginal of the variables index[count], distinct, in that order. */
LOCAL err phi_covariances_subset(const phi_covariances *c, int count, const int *index,
                                 phi_covariances *made);
LOCAL void phi_covariances_free(phi_covariances *c);

/* H(X) [nats]; I(X;Y) [nats], 0 of one slice. */
LOCAL double phi_gaussian_entropy(const phi_covariances *c);
LOCAL double phi_gaussian_delayed_information(const phi_covariances *c);

/* One measure for one partition, checked (phi_measure_check_parts; two slices unless MI1).     */
LOCAL err phi_gaussian_measure(const phi_covariances *c, phi_measure m, const int *part,
                               phi_value *out);

/* The same unchecked, for searches: the value [nats]; thread-safe. Out may be NULL.
 * star: I*(b) = 1/2 log|S||Q| + 1/2 tr(Cov(Y) R) - b n/2 by one eigenvalue problem, then the
 * concave line in b; G: minimum over block-diagonal A' of 1/2 log|E + (A-A') S (A-A')^T| / |E| by
 * limited-memory BFGS, preconditioned with the blocks of the Gauss-Newton matrix.              */
LOCAL double phi_gaussian_value(const phi_covariances *c, phi_measure m, const int *part,
                                phi_value *out);
/* K = (parts - 1) min_k H(X_k) [nats]. */
LOCAL double phi_gaussian_normalisation(const phi_covariances *c, const int *part);

/* G alone (above); *residual: half the preconditioned squared gradient at the end, an estimate of
 * what is left. a_prime[n][n] takes A' unless NULL.                                            */
LOCAL double phi_gaussian_geometric(const phi_covariances *c, const int *part, double *residual,
                                    double *a_prime);

#endif
