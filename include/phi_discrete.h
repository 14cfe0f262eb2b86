/* phi_discrete.h - the measures of phi_measure.h for discrete variables, from a joint table.
 *
 * A state is a number, variable 0 fastest: state = sum_i value_i prod_{j<i} levels_j; for binary
 * variables bit i is variable i. Everything in nats.                                          */
#ifndef SHINKEI_PHI_DISCRETE_H
#define SHINKEI_PHI_DISCRETE_H

#include "phi_measure.h"

#include <stddef.h>

/* Most states (12 binary variables); joint then takes 128 MB. */
#define PHI_DISCRETE_STATES 4096
/* Most free entries of the parts' tables, sum_k m_k (m_k - 1) of m_k states, that G is solved for.
 */
#define PHI_DISCRETE_FREE 1024

/* P(X = x, Y = y) of past and present. Owned; release with phi_joint_free. */
typedef struct {
  int n;
  int *levels;   /* [n] values of each variable, >= 2 */
  size_t states; /* their product                     */
  double *joint; /* [states][states], row x, column y */
  double *past;  /* [states] P(X = x)                 */
  double *present;
} phi_joint;

/* From a table that sums to 1 within 1e-9 (then scaled to 1). levels NULL: binary. Negative, NaN,
 * another sum and too many states are ERR_USER.                                               */
LOCAL err phi_joint_make(int n, const int *levels, const double *joint, phi_joint *made);

/* Of what the inputs of a transition table are. */
typedef enum { PHI_INPUT_UNIFORM, PHI_INPUT_STATIONARY } phi_input;

/* From a state-by-node table of binary nodes, tpm[2^n][n] = P(node ON next | state): nodes are
 * independent given the state. Uniform: every state equally likely, as by perturbation.
 * Stationary: the limit of the time average from the uniform start.                           */
LOCAL err phi_joint_table(int n, const double *tpm, phi_input input, phi_joint *made);

/* The same from rows[2^n][2^n], P(state next | state), which need not be independent.           */
LOCAL err phi_joint_rows(int n, const double *rows, phi_input input, phi_joint *made);

/* From a recording value[samples][n]: the pairs (x_t, x_{t+lag}), lag >= 1; `prior` >= 0 is added
 * to the count of every pair of states.                                                       */
LOCAL err phi_joint_series(int64_t samples, int n, const int *levels, const int *value, int64_t lag,
                           double prior, phi_joint *made);
LOCAL void phi_joint_free(phi_joint *j);

/* H(X), I(X;Y) [nats]. */
LOCAL double phi_discrete_entropy(const phi_joint *j);
LOCAL double phi_discrete_delayed_information(const phi_joint *j);

/* One measure for one partition, checked; G also for its size (PHI_DISCRETE_FREE), ERR_USER.    */
LOCAL err phi_discrete_measure(const phi_joint *j, phi_measure m, const int *part, phi_value *out);

/* The same unchecked, thread-safe, for searches; out may be NULL; NaN where G is too large.     */
LOCAL double phi_discrete_value(const phi_joint *j, phi_measure m, const int *part, phi_value *out);
LOCAL double phi_discrete_normalisation(const phi_joint *j, const int *part);

/* G alone: min KL(p|q) over q with q(X) = p(X), q(Y_k|X) = q(Y_k|X_k). A convex program, solved in
 * its Lagrangian: q = p / c, c(x,y) = sum_k l_k(x,y_k), by Newton steps in which the multipliers
 * of different x do not meet. *residual: norm of the equations left. q[states][states] takes the
 * nearest distribution unless NULL.                                                           */
LOCAL double phi_discrete_geometric(const phi_joint *j, const int *part, double *residual,
                                    double *q);

#endif
