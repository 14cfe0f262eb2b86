/* phi_evaluate_effective.h - effective information and causal emergence, as phi_evaluate.h asks
 * for them. */
#ifndef SHINKEI_PHI_EVALUATE_EFFECTIVE_H
#define SHINKEI_PHI_EVALUATE_EFFECTIVE_H

#include "phi_evaluate.h"

/* Of transitions under uniform inputs; *details is new, NULL where not asked. Emergence: all
 * groupings of up to 12 states, else all groupings of up to 7 units (phi_effective.h).         */
LOCAL err phi_evaluate_effective(const phi_joint *uniform, phi_asked a, double *value,
                                 json_t **details);

#endif
