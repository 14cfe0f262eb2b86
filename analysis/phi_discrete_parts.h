/* phi_discrete_parts.h - the states of the parts of a partition (internal to phi_discrete). */
#ifndef SHINKEI_PHI_DISCRETE_PARTS_H
#define SHINKEI_PHI_DISCRETE_PARTS_H

#include "phi_discrete.h"

typedef struct {
  int parts;
  size_t *states; /* [parts] of each part                                    */
  uint16_t *map;  /* [parts][all states] the state of the part in each state */
} phi_discrete_parts;

LOCAL phi_discrete_parts phi_discrete_parts_make(const phi_joint *j, const int *part);
LOCAL void phi_discrete_parts_free(phi_discrete_parts *d);

/* out[m_k] of p[states]; out[m_k][m_l] of p[states][states] for X_k, Y_l. Both owned by the caller.
 */
LOCAL double *phi_discrete_marginal(const phi_joint *j, const phi_discrete_parts *d, int k,
                                    const double *p);
LOCAL double *phi_discrete_pair(const phi_joint *j, const phi_discrete_parts *d, int k, int l);

#endif
