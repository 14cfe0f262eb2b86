/* phi_evaluate_iit.h - the exact measures of a whole network, as phi_evaluate.h asks for them. */
#ifndef SHINKEI_PHI_EVALUATE_IIT_H
#define SHINKEI_PHI_EVALUATE_IIT_H

#include "phi_evaluate.h"

/* Of all units of the network as one candidate system; *details is new, NULL where not asked.   */
LOCAL err phi_evaluate_iit(const phi_request *r, const phi_network *network, phi_asked a,
                           double *value, json_t **details);

/* Parts of phi_evaluate_predict [s]: IIT; a search, by evaluating some of its partitions; effective
 * information, emergence and delayed information. */
LOCAL double phi_evaluate_iit_predict(const phi_request *r, const phi_network *network,
                                      phi_asked a);
LOCAL double phi_evaluate_search_seconds(const phi_request *r, phi_search_method method,
                                         phi_measure m, bool gaussian, const phi_problem *p);
LOCAL double phi_evaluate_table_seconds(phi_asked a, int n);
/* Of one partition, the mean of some drawn at random. */
LOCAL double phi_evaluate_probe(const phi_problem *p);

#endif
