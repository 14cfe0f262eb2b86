/* phi_evaluate_iit.h - the exact measures of a whole network, as phi_evaluate.h asks for them. */
#ifndef SHINKEI_PHI_EVALUATE_IIT_H
#define SHINKEI_PHI_EVALUATE_IIT_H

#include "phi_evaluate.h"

/* Of all units of the network as one candidate system; *details is new, NULL where not asked.   */
LOCAL err phi_evaluate_iit(const phi_request *r, const phi_network *network, phi_asked a,
                           double *value, json_t **details);
LOCAL double phi_predict_iit(phi_asked a, int n);

#endif
