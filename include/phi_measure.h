/* phi_measure.h - the practical measures of integrated information, by name.
 *
 * X: the past, Y: the present (one lag later), both of n variables, cut into parts X_k, Y_k.
 * H: (differential) entropy, I: mutual information. Everything in nats.
 *
 *   MI1   sum_k H(X_k) - H(X)            multi-information of one time slice
 *   MI    sum_k H(X_k,Y_k) - H(X,Y)      multi-information of two time slices
 *   SI    sum_k H(Y_k|X_k) - H(Y|X)      stochastic interaction: Ay 2015, Entropy 17; Barrett &
 * Seth 2011, PLoS Comput Biol 7 (phi tilde) star  I(X;Y) - max_b I*(b)           mismatched
 * decoding: Oizumi et al. 2016, PLoS Comput Biol 12 G     min_q KL(p|q), q(Y_k|X) = q(Y_k|X_k)
 * geometric: Oizumi, Tsuchiya & Amari 2016, PNAS 113 R     I(X;Y) - sum_k I(X_k;Y_k) + min_kl
 * I(X_k;Y_l)   two parts; integrated information decomposition with minimum mutual information as
 * redundancy: Mediano et al. 2019, arXiv:1909.02297; Luppi et al. 2024, eLife 12
 *
 * Holds: 0 <= G <= SI, G <= I(X;Y), 0 <= star <= I(X;Y), SI <= MI. SI may exceed I(X;Y), R may be
 * negative. "Disconnected" gives G = 0; SI, MI and star are 0 only where the noise of the parts is
 * independent as well.                                                                          */
#ifndef SHINKEI_PHI_MEASURE_H
#define SHINKEI_PHI_MEASURE_H

#include "check.h"
#include <stdbool.h>

typedef enum { PHI_MI1, PHI_MI, PHI_SI, PHI_STAR, PHI_G, PHI_R, PHI_MEASURES } phi_measure;

/* What a measure is for one partition. */
typedef struct {
  double value;         /* [nats]                                                             */
  double normalisation; /* K = (parts - 1) min_k H(X_k) [nats]; of continuous variables it may be
                         * <= 0, and a ratio to it then means nothing                         */
  double beta;          /* star: the best exponent of the decoder, else 0                     */
  double residual;      /* G: what the value may still be off by [nats], else 0               */
} phi_value;

LOCAL const char *phi_measure_name(phi_measure m);
LOCAL const char *phi_measure_title(phi_measure m);
/* The measure of that name (upper or lower case); an unknown name is ERR_USER.                */
LOCAL err phi_measure_of(const char *name, phi_measure *m);

/* part[n]: 0 .. parts - 1, every one used, at least 2 parts (R: exactly 2); else ERR_USER.    */
LOCAL err phi_measure_check_parts(phi_measure m, int n, const int *part);

#endif
