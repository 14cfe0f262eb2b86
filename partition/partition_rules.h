/* partition_rules.h - inside partition/: what a projection by rule is expected to do, without an
 * edge being drawn; and how the populations that only rules connect are divided.             */
#ifndef SHINKEI_PARTITION_RULES_H
#define SHINKEI_PARTITION_RULES_H

#include "model.h"

/* Mean number of synapses of the projection; 0 for RULE_FILE. */
LOCAL double partition_rule_synapses(const model *m, int projection);

/* Logarithm of the probability that a source neuron has no target among `targets` of the target
 * population's neurons (-INFINITY where it must have one).                                     */
LOCAL double partition_rule_log_miss(const model *m, int projection, double targets);

/* Synaptic events that a neuron of the population receives from projections by rule [1/s], those
 * that join one to one included or not.                                                        */
LOCAL double partition_rule_events(const model *m, int population, bool one_to_one);

/* Add to log_miss[population x parts + part] the logarithm of the probability that a neuron of the
 * population has no target in the part by any projection j with take[j], where count[population x
 * parts + part] neurons are in each part.                                                      */
LOCAL void partition_rules_log_miss(const model *m, int parts, const uint32_t *count,
                                    const bool *take, double *log_miss);

/* volume[0]: expected (neuron, remote part) pairs, volume[1]: the same weighted by the neuron's
 * rate [1/s]; from count and log_miss as above.                                                */
LOCAL void partition_rules_volume(const model *m, int parts, const uint32_t *count,
                                  const double *log_miss, double volume[2]);

/* Divide the populations with chosen[population] (connected by rules only): count[population x
 * parts + part] neurons of it go to a part. METIS on a graph of neuron groups; where that would
 * save less than a fifth of the volume, each part gets its share of every population, which stays
 * balanced whatever the rates turn out to be. Either way loads are balanced.                  */
LOCAL err partition_rules_divide(const model *m, int parts, const bool *chosen, uint32_t *count);

/* An even share of every chosen population. */
LOCAL void partition_rules_share(const model *m, int parts, const bool *chosen, uint32_t *count);

#endif
