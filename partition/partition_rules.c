/* partition_rules.c - expectations of the connection rules. */
#include "partition_rules.h"

#include <math.h>
#include <stdlib.h>

double partition_rule_synapses(const model *m, int projection) {
  const model_projection *p = &m->projection[projection];
  const double sources = m->population[p->source].size, targets = m->population[p->target].size;
  const bool itself_left_out = p->source == p->target && !p->autapses;
  if (sources == 0 || targets == 0) return 0;
  switch (p->rule) {
  case RULE_ONE_TO_ONE:
    return itself_left_out ? 0 : fmin(sources, targets);
  case RULE_ALL_TO_ALL:
    return sources * targets - (itself_left_out ? targets : 0);
  case RULE_FIXED_INDEGREE:
    return (double)p->number * targets;
  case RULE_FIXED_OUTDEGREE:
    return (double)p->number * sources;
  case RULE_FIXED_TOTAL:
    return (double)p->number;
  case RULE_PAIRWISE_BERNOULLI:
    return p->probability * (sources * targets - (itself_left_out ? targets : 0));
  case RULE_FILE:
    return 0;
  }
  return 0;
}

double partition_rule_log_miss(const model *m, int projection, double targets) {
  const model_projection *p = &m->projection[projection];
  const double sources = m->population[p->source].size, size = m->population[p->target].size;
  const bool drawn_number = p->rule == RULE_FIXED_INDEGREE || p->rule == RULE_FIXED_OUTDEGREE ||
                            p->rule == RULE_FIXED_TOTAL;
  if (targets <= 0 || sources == 0 || (drawn_number && p->number == 0)) return 0;
  switch (p->rule) {
  case RULE_ONE_TO_ONE:
    return log1p(-targets / size);
  case RULE_ALL_TO_ALL:
    return -INFINITY;
  case RULE_FIXED_INDEGREE: /* each target draws `number` of the sources */
    return p->multapses ? targets * (double)p->number * log1p(-1 / sources)
                        : targets * log1p(-(double)p->number / sources);
  case RULE_FIXED_OUTDEGREE:
    return (double)p->number * log1p(-targets / size);
  case RULE_FIXED_TOTAL:
    return (double)p->number * log1p(-targets / (size * sources));
  case RULE_PAIRWISE_BERNOULLI:
    return targets * log1p(-p->probability);
  case RULE_FILE:
    return 0;
  }
  return 0;
}

double partition_rule_events(const model *m, int population, bool one_to_one) {
  double events = 0;
  for (int j = 0; j < m->projections; j++)
    if (m->projection[j].target == population && m->population[population].size > 0 &&
        (one_to_one || m->projection[j].rule != RULE_ONE_TO_ONE))
      events += partition_rule_synapses(m, j) / m->population[population].size *
                m->population[m->projection[j].source].expected_rate;
  return events;
}

void partition_rules_log_miss(const model *m, int parts, const uint32_t *count, const bool *take,
                              double *log_miss) {
  for (int j = 0; j < m->projections; j++) {
    const uint32_t *targets = count + (size_t)m->projection[j].target * (size_t)parts;
    double *sum = log_miss + (size_t)m->projection[j].source * (size_t)parts;
    for (int part = 0; take[j] && part < parts; part++)
      sum[part] += partition_rule_log_miss(m, j, targets[part]);
  }
}

void partition_rules_volume(const model *m, int parts, const uint32_t *count,
                            const double *log_miss, double volume[2]) {
  volume[0] = volume[1] = 0;
  for (int s = 0; s < m->populations; s++) {
    const uint32_t *own = count + (size_t)s * (size_t)parts;
    const double *miss = log_miss + (size_t)s * (size_t)parts;
    double pairs = 0, neurons = 0;
    for (int part = 0; part < parts; part++) neurons += own[part];
    for (int part = 0; part < parts; part++) pairs -= (neurons - own[part]) * expm1(miss[part]);
    volume[0] += pairs;
    volume[1] += pairs * m->population[s].expected_rate;
  }
}
