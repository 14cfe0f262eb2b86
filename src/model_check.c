#include "model_parse.h"

#include <math.h>
#include <stdlib.h>

/* ---- delays ------------------------------------------------------------------------------- */

static err check_constant_delay(const model *m, const model_tree *node, double delay) {
  char shown[32], low[32], high[32];
  if (delay >= m->dt * (1 - 1e-9) && delay <= m->dt * (MODEL_DELAY_STEPS_MAX + 1e-6)) return OK;
  return model_tree_fail(
      node, NULL, "%s ms is out of range: must be from dt, %s ms, to %d dt, %s ms",
      model_number_text(delay, shown), model_number_text(m->dt, low), (int)MODEL_DELAY_STEPS_MAX,
      model_number_text(m->dt * MODEL_DELAY_STEPS_MAX, high));
}

/* A bound that is given must round to 1 .. MODEL_DELAY_STEPS_MAX steps. */
static err check_delay_bound(const model *m, const model_tree *node, double bound) {
  char shown[32], low[32], high[32];
  const double least = m->dt / 2, most = m->dt * MODEL_DELAY_STEPS_MAX;
  if (isinf(bound) || (bound >= least * (1 - 1e-9) && bound <= most * (1 + 1e-9))) return OK;
  return model_tree_fail(node, NULL,
                         "the bound %s ms is out of range: must be at least dt / 2, %s ms (which "
                         "rounds to dt), and at most %d dt, %s ms",
                         model_number_text(bound, shown), model_number_text(least, low),
                         (int)MODEL_DELAY_STEPS_MAX, model_number_text(most, high));
}

/* Bounds hold for the rounded delay; without min it is at least dt. */
static err check_delay_tails(const model *m, const model_tree *node, const model_distribution *d) {
  char longest_text[32];
  const double longest = m->dt * (MODEL_DELAY_STEPS_MAX + 0.5);
  const double low = fmax(d->minimum, m->dt) - m->dt / 2, high = d->maximum + m->dt / 2;
  const double kept = model_distribution_mass(d, low, high);
  if (!(kept >= 1e-6))
    return model_tree_fail(node, NULL,
                           "only %.2g of the distribution are possible delays: must be at least "
                           "1e-6",
                           kept);
  if (model_distribution_mass(d, low, fmin(longest, high)) >= kept * (1 - 0x1p-32)) return OK;
  return model_tree_fail(node, NULL,
                         "reaches past %d dt, %s ms, the longest possible delay: must be "
                         "truncated with max",
                         (int)MODEL_DELAY_STEPS_MAX,
                         model_number_text(m->dt * MODEL_DELAY_STEPS_MAX, longest_text));
}

static err check_delay(const model *m, const model_tree *node, const model_distribution *d) {
  switch (d->kind) {
  case DISTRIBUTION_FILE:
    return OK; /* checked where the file is read */
  case DISTRIBUTION_CONSTANT:
    return check_constant_delay(m, node, d->a);
  default:
    break;
  }
  const bool uniform = d->kind == DISTRIBUTION_UNIFORM;
  err e = check_delay_bound(m, node, uniform ? d->a : d->minimum);
  if (!e) e = check_delay_bound(m, node, uniform ? d->b : d->maximum);
  return e || uniform ? e : check_delay_tails(m, node, d);
}

/* ---- who can be connected ------------------------------------------------------------------- */

static err check_one_to_one(const model_tree *node, const model_population *source,
                            const model_population *target) {
  if (source->size == target->size) return OK;
  return model_tree_fail(node, "rule",
                         "one_to_one joins %s with %u neurons to %s with %u: sizes must be equal",
                         source->name, source->size, target->name, target->size);
}

/* number synapses for each neuron of `each`, their other ends in `other`. */
static err check_degree(const model_tree *node, const char *key, const model_projection *p,
                        const model_population *each, const model_population *other) {
  const uint64_t own = p->source == p->target && !p->autapses && other->size > 0;
  const uint64_t partners = other->size - own;
  if (each->size == 0 || p->number == 0) return OK;
  if (partners == 0)
    return model_tree_fail(node, key, "%llu is out of range: must be 0, for %s has no neuron%s",
                           (unsigned long long)p->number, other->name, own ? " but itself" : "");
  if (!p->multapses && p->number > partners)
    return model_tree_fail(node, key,
                           "%llu is out of range: must be at most %llu, the partners in %s, for "
                           "multapses are excluded",
                           (unsigned long long)p->number, (unsigned long long)partners,
                           other->name);
  return OK;
}

static err check_total(const model_tree *node, const model_projection *p,
                       const model_population *source, const model_population *target) {
  const uint64_t own = p->source == p->target && !p->autapses ? source->size : 0;
  const uint64_t pairs = (uint64_t)source->size * target->size - own;
  if (p->number == 0 || (pairs > 0 && (p->multapses || p->number <= pairs))) return OK;
  return model_tree_fail(node, "total",
                         "%llu is out of range: must be at most %llu, the pairs of %s and %s%s",
                         (unsigned long long)p->number, (unsigned long long)pairs, source->name,
                         target->name, pairs ? ", for multapses are excluded" : "");
}

static err check_rule(const model *m, const model_tree *node, const model_projection *p) {
  const model_population *source = &m->population[p->source], *target = &m->population[p->target];
  switch (p->rule) {
  case RULE_ONE_TO_ONE:
    return check_one_to_one(node, source, target);
  case RULE_FIXED_INDEGREE:
    return check_degree(node, "indegree", p, target, source);
  case RULE_FIXED_OUTDEGREE:
    return check_degree(node, "outdegree", p, source, target);
  case RULE_FIXED_TOTAL:
    return check_total(node, p, source, target);
  default:
    return OK;
  }
}

static err check_projection(const model *m, const model_tree *node, const model_projection *p) {
  if (m->population[p->target].neuron->receptors == 0)
    return model_tree_fail(node, "target", "%s takes no synapses: neuron model %s has no receptor",
                           m->population[p->target].name, m->population[p->target].neuron->name);
  err e = check_delay(m, model_tree_get(node, "delay"), &p->delay);
  return e ? e : check_rule(m, node, p);
}

/* ---- overrides --------------------------------------------------------------------------------
 */

typedef struct {
  struct model_range range;
  int variant;
} owned_range;

static int compare_owned(const void *left, const void *right) {
  const owned_range *a = left, *b = right;
  if (a->range.first != b->range.first) return a->range.first < b->range.first ? -1 : 1;
  return a->variant - b->variant;
}

static err check_overlap(const model_tree *list, const owned_range *owned, int count) {
  for (int i = 1; i < count; i++) {
    if (owned[i].range.first >= owned[i - 1].range.end) continue;
    return model_tree_fail(list->child[owned[i].variant - 1], "nodes",
                           "node %u stands in override %d, too: must be in one override at most",
                           owned[i].range.first, owned[i - 1].variant - 1);
  }
  return OK;
}

static err check_overrides(const model_tree *node, const model_population *p) {
  int count = 0;
  for (int v = 1; v < p->variants; v++)
    count += p->variant[v].nodes.all ? 1 : p->variant[v].nodes.count;
  owned_range *owned = check_allocate((size_t)count, sizeof *owned);
  count = 0;
  for (int v = 1; v < p->variants; v++) {
    const model_nodes *nodes = &p->variant[v].nodes;
    if (nodes->all) owned[count++] = (owned_range){{0, p->size}, v};
    for (int i = 0; i < nodes->count; i++) owned[count++] = (owned_range){nodes->range[i], v};
  }
  qsort(owned, (size_t)count, sizeof *owned, compare_owned);
  err e = check_overlap(model_tree_get(node, "overrides"), owned, count);
  free(owned);
  return e;
}

/* ---- inputs --------------------------------------------------------------------------------- */

/* Counts of one step are held in 16 bits, deviations of the mean included. */
static err check_input(const model *m, const model_tree *node, const model_input *in) {
  const double most = 60000;
  char shown[32], bound[32];
  const model_population *target = &m->population[in->target];
  if (in->kind == INPUT_DC && target->neuron->memoryless)
    return model_tree_fail(node, "target",
                           "%s takes no current, for its neuron model is %s: must be a population "
                           "of another neuron model",
                           target->name, target->neuron->name);
  if (in->times > 0 && target->neuron->memoryless && llrint(in->time[0] / m->dt) < 1)
    return model_tree_fail(model_tree_get(node, "times"), "0",
                           "%s ms is before the first step, and %s, of neuron model %s, keeps "
                           "nothing till then: must round to dt, %s ms, or later",
                           model_number_text(in->time[0], shown), target->name,
                           target->neuron->name, model_number_text(m->dt, bound));
  if (in->kind != INPUT_POISSON || in->rate * m->dt / 1000 <= most) return OK;
  return model_tree_fail(
      node, "rate", "%s Hz is out of range: must be at most %s Hz, %g spikes in a step of dt",
      model_number_text(in->rate, shown), model_number_text(most * 1000 / m->dt, bound), most);
}

err model_check(const model *m, const model_tree *root) {
  const model_tree *inputs = model_tree_get(root, "inputs");
  const model_tree *populations = model_tree_get(root, "populations");
  const model_tree *projections = model_tree_get(root, "projections");
  err e = OK;
  for (int i = 0; !e && i < m->populations; i++)
    e = check_overrides(populations->child[i], &m->population[i]);
  for (int i = 0; !e && i < m->projections; i++)
    e = check_projection(m, projections->child[i], &m->projection[i]);
  for (int i = 0; !e && i < m->inputs; i++) e = check_input(m, inputs->child[i], &m->input[i]);
  return e;
}
