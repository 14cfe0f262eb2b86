#include "model_values.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double normal_mass(double low, double high) {
  if (low > 0) return normal_mass(-high, -low); /* without cancellation */
  return 0.5 * (erfc(-high * M_SQRT1_2) - erfc(-low * M_SQRT1_2));
}

double model_distribution_mass(const model_distribution *d, double low, double high) {
  if (low > high) return 0;
  if (d->kind == DISTRIBUTION_LOGNORMAL) {
    low = low > 0 ? log(low) : -INFINITY;
    high = high > 0 ? log(high) : -INFINITY;
    if (isinf(high) && high < 0) return 0;
  }
  return normal_mass((low - d->a) / d->b, (high - d->a) / d->b);
}

/* Without spread a distribution is a constant. */
static void simplify(model_distribution *d) {
  const bool log_scale = d->kind == DISTRIBUTION_LOGNORMAL;
  const bool flat = d->kind == DISTRIBUTION_UNIFORM && d->a == d->b;
  if (!flat && ((d->kind != DISTRIBUTION_NORMAL && !log_scale) || d->b != 0)) return;
  d->kind = DISTRIBUTION_CONSTANT;
  d->a = log_scale ? exp(d->a) : d->a;
  d->b = 0;
}

/* "normal (mean -58, sd 5)" */
static const char *distribution_text(const model_distribution *d, char text[MODEL_RANGE_MAX]) {
  static const char *const forms[] = {
      [DISTRIBUTION_CONSTANT] = "the constant %s",
      [DISTRIBUTION_NORMAL] = "normal (mean %s, sd %s)",
      [DISTRIBUTION_LOGNORMAL] = "lognormal (mu %s, sigma %s)",
      [DISTRIBUTION_UNIFORM] = "uniform (low %s, high %s)",
  };
  char a[32], b[32];
  snprintf(text, MODEL_RANGE_MAX, forms[d->kind], model_number_text(d->a, a),
           model_number_text(d->b, b));
  return text;
}

static err check_bounds(const model_tree *node, const model_key *row, const model_distribution *d) {
  char range[MODEL_RANGE_MAX], shown[MODEL_RANGE_MAX];
  model_range_text(row, range);
  distribution_text(d, shown);
  const double low = fmax(d->minimum, row->minimum), high = fmin(d->maximum, row->maximum);
  if (d->minimum > d->maximum)
    return model_tree_fail(node, NULL, "min %.17g is above max %.17g: must be below", d->minimum,
                           d->maximum);
  if (d->kind == DISTRIBUTION_CONSTANT && (d->a < low || d->a > high))
    return model_tree_fail(node, NULL, "%s is out of range: must be %s, and from min to max", shown,
                           range);
  if (d->kind == DISTRIBUTION_UNIFORM && (d->a > d->b || d->a < low || d->b > high))
    return model_tree_fail(node, NULL, "%s is out of range: low must be at most high, and each %s",
                           shown, range);
  if (d->kind != DISTRIBUTION_NORMAL && d->kind != DISTRIBUTION_LOGNORMAL) return OK;
  const double kept = model_distribution_mass(d, d->minimum, d->maximum);
  if (!(kept >= 1e-6))
    return model_tree_fail(node, NULL, "min and max leave %.2g of %s: must leave at least 1e-6",
                           kept, shown);
  if (model_distribution_mass(d, low, high) < (1 - 1e-9) * kept)
    return model_tree_fail(node, NULL,
                           "%s is out of range: each value must be %s; truncate it with min or max",
                           shown, range);
  return OK;
}

static err read_distribution_mapping(model_reader *r, const model_tree *node, const char *takes,
                                     model_distribution *d) {
  static const struct {
    model_distribution_kind kind;
    const model_section *section;
  } kinds[] = {{DISTRIBUTION_NORMAL, &model_section_normal},
               {DISTRIBUTION_LOGNORMAL, &model_section_lognormal},
               {DISTRIBUTION_UNIFORM, &model_section_uniform}};
  if (node->count != 1) return model_fail_type(node, takes);
  const model_tree *child = node->child[0];
  for (int i = 0; i < 3; i++) {
    if (strcmp(child->key, kinds[i].section->path)) continue;
    d->kind = kinds[i].kind;
    return model_read_section(r, kinds[i].section, child, d, NULL);
  }
  char hint[MODEL_SHOWN_MAX];
  model_suggestion suggestion = {.word = child->key};
  for (int i = 0; i < 3; i++) model_suggestion_offer(&suggestion, kinds[i].section->path);
  return model_tree_fail(child, NULL, "unknown key%s; must be %s",
                         model_suggestion_text(&suggestion, hint), takes);
}

err model_read_distribution(model_reader *r, const model_tree *node, const model_key *row,
                            bool attribute, model_distribution *d) {
  *d = (model_distribution){.minimum = -INFINITY, .maximum = INFINITY};
  if (model_is_number(node)) return model_read_number(node, row, &d->a);
  char range[MODEL_RANGE_MAX], takes[2 * MODEL_RANGE_MAX];
  snprintf(takes, sizeof takes, "%s, or {normal: {...}}, {lognormal: {...}}, {uniform: {...}}%s",
           model_range_text(row, range), attribute ? ", {attribute: ...}" : "");
  if (node->kind != TREE_MAPPING) return model_fail_type(node, takes);
  if (!attribute && model_tree_get(node, "attribute"))
    return model_tree_fail(node, "attribute",
                           "is of edges in a file: allowed for weight and delay of rule: file");
  if (attribute && model_tree_get(node, "attribute")) {
    d->kind = DISTRIBUTION_FILE;
    return model_read_section(r, &model_section_attribute, node, d, NULL);
  }
  err e = read_distribution_mapping(r, node, takes, d);
  if (e) return e;
  simplify(d);
  e = check_bounds(node, row, d);
  if (d->kind == DISTRIBUTION_CONSTANT) d->minimum = -INFINITY, d->maximum = INFINITY;
  return e;
}
