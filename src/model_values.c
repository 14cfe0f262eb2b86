#include "model_values.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- messages ---------------------------------------------------------------------------- */

enum { WORD_MAX = 63 };

/* Levenshtein distance; far where a word is long. */
static int distance(const char *a, const char *b) {
  const size_t rows = strlen(a), columns = strlen(b);
  if (rows > WORD_MAX || columns > WORD_MAX) return WORD_MAX;
  int above[WORD_MAX + 1];
  for (size_t j = 0; j <= columns; j++) above[j] = (int)j;
  for (size_t i = 1; i <= rows; i++) {
    int corner = above[0];
    above[0] = (int)i;
    for (size_t j = 1; j <= columns; j++) {
      const int same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
      int least = corner + !same;
      if (above[j] + 1 < least) least = above[j] + 1;
      if (above[j - 1] + 1 < least) least = above[j - 1] + 1;
      corner = above[j];
      above[j] = least;
    }
  }
  return above[columns];
}

void model_suggestion_offer(model_suggestion *s, const char *name) {
  const int found = distance(s->word, name);
  if (!s->best || found < s->distance) *s = (model_suggestion){s->word, name, found};
}

const char *model_suggestion_text(const model_suggestion *s, char text[MODEL_SHOWN_MAX]) {
  text[0] = 0;
  const size_t length = strlen(s->word);
  if (s->best &&
      s->distance <= (length < 3   ? 1
                      : length < 6 ? 2
                                   : 3) &&
      s->distance < (int)strlen(s->best))
    snprintf(text, MODEL_SHOWN_MAX, "; did you mean '%.50s'", s->best);
  return text;
}

const char *model_number_text(double value, char text[32]) {
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, 32, "%.*g", digits, value);
    if (strtod(text, NULL) == value) break;
  }
  return text;
}

/* A limit: powers of ten in short. */
static const char *limit_text(double value, char text[32]) {
  char power[32];
  snprintf(power, sizeof power, "%.0e", value);
  if (fabs(value) < 1e6 || isinf(value) || strtod(power, NULL) != value)
    return model_number_text(value, text);
  const size_t mantissa = strcspn(power, "e");
  snprintf(text, 32, "%.*se%d", (int)mantissa, power, atoi(power + mantissa + 1));
  return text;
}

static bool is_whole(const model_key *row) {
  return row->type == KEY_SIZE || row->type == KEY_INTEGER || row->type == KEY_NUMBER;
}

const char *model_range_text(const model_key *row, char text[MODEL_RANGE_MAX]) {
  const char *noun = is_whole(row) ? "an integer" : "a number";
  const char *unit = row->unit ? row->unit : "", *space = unit[0] ? " " : "";
  char low[32], high[32];
  limit_text(row->minimum, low);
  limit_text(row->maximum, high);
  if (isinf(row->minimum) && isinf(row->maximum))
    snprintf(text, MODEL_RANGE_MAX, "a finite number%s%s%s", unit[0] ? " [" : "", unit,
             unit[0] ? "]" : "");
  else if (isinf(row->maximum))
    snprintf(text, MODEL_RANGE_MAX, "%s %s %s%s%s", noun,
             row->minimum_excluded ? "above" : "of at least", low, space, unit);
  else if (isinf(row->minimum))
    snprintf(text, MODEL_RANGE_MAX, "%s of at most %s%s%s", noun, high, space, unit);
  else if (row->minimum_excluded)
    snprintf(text, MODEL_RANGE_MAX, "%s above %s and up to %s%s%s", noun, low, high, space, unit);
  else
    snprintf(text, MODEL_RANGE_MAX, "%s from %s to %s%s%s", noun, low, high, space, unit);
  return text;
}

/* "a, b, c" of a NULL-ended list. */
static const char *names_text(const char *const *names, char *text, size_t size) {
  text[0] = 0;
  for (size_t i = 0, used = 0; names[i] && used < size; i++, used = strlen(text))
    snprintf(text + used, size - used, "%s%s", i ? ", " : "", names[i]);
  return text;
}

void model_names_add(model_names *names, const char *name) {
  enum { SHOWN = 12 };
  model_suggestion_offer(&names->suggestion, name);
  if (names->count++ > SHOWN) return;
  const size_t used = strlen(names->text), left = sizeof names->text - used;
  if (names->count > SHOWN)
    snprintf(names->text + used, left, ", ...");
  else
    snprintf(names->text + used, left, "%s%s", used ? ", " : "", name);
}

err model_names_fail(const model_names *names, const model_tree *node) {
  char shown[MODEL_SHOWN_MAX], hint[MODEL_SHOWN_MAX];
  return model_tree_fail(node, NULL, "%s is unknown: must be one of %s%s",
                         model_tree_shown(node, shown), names->text,
                         model_suggestion_text(&names->suggestion, hint));
}

err model_fail_type(const model_tree *node, const char *takes) {
  char shown[MODEL_SHOWN_MAX];
  return model_tree_fail(node, NULL, "%s is of the wrong type: must be %s",
                         model_tree_shown(node, shown), takes);
}

err model_read_kind(const model_tree *node, model_tree_kind kind, const char *takes) {
  return node->kind == kind ? OK : model_fail_type(node, takes);
}

/* ---- numbers and texts ------------------------------------------------------------------- */

static size_t digits(const char *text) { return strspn(text, "0123456789"); }

/* A decimal number as in JSON (or with a leading + or .5): what no reader of YAML takes for an
 * octal number or a text. */
static bool is_number(const char *text) {
  if (*text == '+' || *text == '-') text++;
  const size_t whole = digits(text);
  if (whole > 1 && *text == '0') return false;
  text += whole;
  size_t fraction = 0;
  if (*text == '.') text += 1 + (fraction = digits(text + 1));
  if (whole + fraction == 0) return false;
  if (*text == 'e' || *text == 'E') {
    text++;
    if (*text == '+' || *text == '-') text++;
    const size_t exponent = digits(text);
    if (!exponent) return false;
    text += exponent;
  }
  return !*text;
}

static bool is_not_finite(const char *text) {
  static const char *const words[] = {"inf", "infinity", "nan", NULL};
  if (*text == '+' || *text == '-') text++;
  if (*text == '.') text++;
  for (int i = 0; words[i]; i++) {
    size_t k = 0;
    while (words[i][k] && tolower((unsigned char)text[k]) == words[i][k]) k++;
    if (!words[i][k] && !text[k]) return true;
  }
  return false;
}

bool model_is_number(const model_tree *node) {
  return node->kind == TREE_TEXT && !node->quoted &&
         (is_number(node->text) || is_not_finite(node->text));
}

/* The range goes into words only here: most numbers are sound. */
static err fail_number(const model_tree *node, const model_key *row, const char *fault) {
  char shown[MODEL_SHOWN_MAX], range[MODEL_RANGE_MAX];
  return model_tree_fail(node, NULL, "%s is %s: must be %s", model_tree_shown(node, shown), fault,
                         model_range_text(row, range));
}

err model_read_number(const model_tree *node, const model_key *row, double *value) {
  const bool text = node->kind == TREE_TEXT && !node->quoted;
  if (text && is_not_finite(node->text)) return fail_number(node, row, "not finite");
  if (!text || !is_number(node->text)) return fail_number(node, row, "of the wrong type");
  const double number = strtod(node->text, NULL);
  const long double exact =
      strtold(node->text, NULL); /* and so most fractions that a double has not */
  if (is_whole(row) && exact != floorl(exact)) return fail_number(node, row, "of the wrong type");
  if (number < row->minimum || number > row->maximum || isinf(number) ||
      (row->minimum_excluded && number == row->minimum))
    return fail_number(node, row, "out of range");
  *value = number + 0.0; /* -0 is 0 */
  return OK;
}

static err read_time(const model_reader *r, const model_tree *node, const model_key *row,
                     double *value) {
  err e = model_read_number(node, row, value);
  if (e) return e;
  if (!neuron_is_whole_steps(*value, r->m->dt)) {
    char shown[MODEL_SHOWN_MAX], dt[32];
    return model_tree_fail(node, NULL, "%s ms is no multiple of dt: must be one (dt is %s ms)",
                           model_tree_shown(node, shown), model_number_text(r->m->dt, dt));
  }
  return OK;
}

err model_read_text(const model_tree *node, char **text) {
  if (node->kind != TREE_TEXT || !node->text[0]) return model_fail_type(node, "a text");
  const size_t length = strlen(node->text);
  *text = memcpy(check_allocate(length + 1, 1), node->text, length);
  return OK;
}

/* A relative path starts at the folder of the model file. */
static err read_path(const model_reader *r, const model_tree *node, char **path) {
  if (node->kind != TREE_TEXT || !node->text[0]) return model_fail_type(node, "a path");
  const char *name = r->m->name, *slash = strrchr(name, '/');
  const size_t folder = node->text[0] == '/' || !slash ? 0 : (size_t)(slash - name) + 1;
  const size_t length = strlen(node->text);
  *path = check_allocate(folder + length + 1, 1);
  memcpy(*path, name, folder);
  memcpy(*path + folder, node->text, length);
  return OK;
}

static err read_choice(const model_tree *node, const model_key *row, int *choice) {
  char shown[MODEL_SHOWN_MAX], hint[MODEL_SHOWN_MAX], names[256];
  names_text(row->choices, names, sizeof names);
  if (node->kind != TREE_TEXT)
    return model_tree_fail(node, NULL, "%s is of the wrong type: must be one of %s",
                           model_tree_shown(node, shown), names);
  model_suggestion suggestion = {.word = node->text};
  for (*choice = 0; row->choices[*choice]; ++*choice) {
    if (!strcmp(row->choices[*choice], node->text)) return OK;
    model_suggestion_offer(&suggestion, row->choices[*choice]);
  }
  return model_tree_fail(node, NULL, "%s is unknown: must be one of %s%s",
                         model_tree_shown(node, shown), names,
                         model_suggestion_text(&suggestion, hint));
}

static err read_flag(const model_tree *node, const model_key *row, bool *flag) {
  int choice = 0;
  err e = read_choice(node, row, &choice);
  *flag = choice == 1;
  return e;
}

/* ---- what refers to populations and neuron models ---------------------------------------- */

static int compare_name(const void *name, const void *population) {
  return strcmp(name, (*(const model_population *const *)population)->name);
}

static err read_population(model_reader *r, const model_tree *node, int *index) {
  if (node->kind != TREE_TEXT) return model_fail_type(node, "the name of a population");
  const model_population **found =
      bsearch(node->text, r->by_name, (size_t)r->m->populations, sizeof *r->by_name, compare_name);
  if (found) {
    r->current = *found;
    *index = (int)(*found - r->m->population);
    return OK;
  }
  model_names names = {.suggestion.word = node->text};
  for (int i = 0; i < r->m->populations; i++) model_names_add(&names, r->m->population[i].name);
  return model_names_fail(&names, node);
}

static err read_receptor(const model_reader *r, const model_tree *node, int *receptor) {
  const neuron_model *neuron = r->current->neuron;
  const char *names[NEURON_RECEPTORS_MAX + 1] = {NULL};
  for (int i = 0; i < neuron->receptors; i++) names[i] = neuron->receptor[i];
  const model_key row = {.choices = names};
  return read_choice(node, &row, receptor);
}

static err read_neuron_model(const model_tree *node, const neuron_model **neuron) {
  const char *names[64] = {NULL};
  for (int i = 0; neuron_models()[i] && i < 63; i++) names[i] = neuron_models()[i]->name;
  const model_key row = {.choices = names};
  int choice;
  err e = read_choice(node, &row, &choice);
  if (!e) *neuron = neuron_models()[choice];
  return e;
}

model_key model_field_row(const neuron_field *field) {
  return (model_key){.key = field->key,
                     .type = KEY_REAL,
                     .unit = field->unit,
                     .minimum = field->minimum,
                     .maximum = field->maximum,
                     .minimum_excluded = field->minimum_excluded,
                     .meaning = field->meaning};
}

/* ---- lists of neurons -------------------------------------------------------------------- */

static const char nodes_take[] =
    "`all`, a number, a range \"a-b\", or a list of numbers and ranges";

/* "7" or "3-9", both ends included. */
static err read_range(const model_reader *r, const model_tree *node, struct model_range *range) {
  if (node->kind != TREE_TEXT) return model_fail_type(node, nodes_take);
  const char *text = node->text;
  const size_t first = digits(text), dash = text[first] == '-';
  const size_t last = dash ? digits(text + first + 1) : 0;
  if (!first || (dash && !last) || text[first + dash + last])
    return model_fail_type(node, nodes_take);
  const uint32_t size = r->current->size;
  const double low = strtod(text, NULL), high = dash ? strtod(text + first + 1, NULL) : low;
  char shown[MODEL_SHOWN_MAX];
  model_tree_shown(node, shown);
  if (high < low)
    return model_tree_fail(node, NULL, "%s is out of range: a range must not end before it starts",
                           shown);
  if (high >= size)
    return model_tree_fail(node, NULL,
                           "%s is out of range: population %s has %u neurons, numbered from 0",
                           shown, r->current->name, size);
  *range = (struct model_range){(uint32_t)low, (uint32_t)high + 1};
  return OK;
}

static int compare_ranges(const void *left, const void *right) {
  const struct model_range *a = left, *b = right;
  return a->first < b->first ? -1 : a->first > b->first;
}

static err read_nodes(const model_reader *r, const model_tree *node, model_nodes *nodes) {
  *nodes = (model_nodes){0};
  nodes->all = node->kind == TREE_TEXT && !strcmp(node->text, "all");
  if (nodes->all) return OK;
  if (node->kind == TREE_MAPPING) return model_fail_type(node, nodes_take);
  const int items = node->kind == TREE_LIST ? node->count : 1;
  nodes->range = check_allocate((size_t)items, sizeof *nodes->range);
  for (int i = 0; i < items; i++) {
    err e = read_range(r, node->kind == TREE_LIST ? node->child[i] : node, &nodes->range[i]);
    if (e) return e;
  }
  qsort(nodes->range, (size_t)items, sizeof *nodes->range, compare_ranges);
  for (int i = 0; i < items; i++) {
    const struct model_range range = nodes->range[i];
    struct model_range *last = nodes->count ? &nodes->range[nodes->count - 1] : NULL;
    if (last && range.first < last->end)
      return model_tree_fail(node, NULL, "node %u is listed twice: each must be listed once",
                             range.first);
    if (last && range.first == last->end)
      last->end = range.end;
    else
      nodes->range[nodes->count++] = range;
  }
  return OK;
}

/* ---- sections ---------------------------------------------------------------------------- */

static err read_value(model_reader *r, const model_key *row, const model_tree *node, int selected,
                      void *object) {
  void *at = (char *)object + row->offset;
  double number = 0;
  err e = OK;
  switch (row->type) {
  case KEY_REAL:
    return model_read_number(node, row, at);
  case KEY_TIME:
    return read_time(r, node, row, at);
  case KEY_SIZE:
    e = model_read_number(node, row, &number);
    if (!e) *(uint32_t *)at = (uint32_t)number;
    return e;
  case KEY_INTEGER:
    e = model_read_number(node, row, &number);
    if (!e) *(int *)at = (int)number;
    return e;
  case KEY_NUMBER:
    e = model_read_number(node, row, &number);
    if (!e) *(uint64_t *)at = (uint64_t)number;
    return e;
  case KEY_FLAG:
    return read_flag(node, row, at);
  case KEY_CHOICE:
    return read_choice(node, row, at);
  case KEY_TEXT:
    return model_read_text(node, at);
  case KEY_PATH:
    return read_path(r, node, at);
  case KEY_POPULATION:
    return read_population(r, node, at);
  case KEY_NODES:
    return read_nodes(r, node, at);
  case KEY_RECEPTOR:
    return read_receptor(r, node, at);
  case KEY_DISTRIBUTION:
    return model_read_distribution(r, node, row, selected >= 0 && (row->attribute >> selected & 1),
                                   at);
  case KEY_MODEL:
    return read_neuron_model(node, at);
  case KEY_OTHER:
    break;
  }
  return OK;
}

static err fail_unknown(const model_section *s, const model_tree *child) {
  char hint[MODEL_SHOWN_MAX], names[512];
  const char *keys[32] = {NULL};
  model_suggestion suggestion = {.word = child->key};
  for (int i = 0; s->key[i].key && i < 31; i++) {
    keys[i] = s->key[i].key;
    model_suggestion_offer(&suggestion, keys[i]);
  }
  return model_tree_fail(child, NULL, "unknown key%s; must be one of %s",
                         model_suggestion_text(&suggestion, hint),
                         names_text(keys, names, sizeof names));
}

static err check_belongs(const model_section *s, const model_key *row, const model_tree *child,
                         int selected) {
  if (model_key_belongs(row, selected)) return OK;
  const model_key *selector = model_section_find(s, s->selector);
  const char *owners[32] = {NULL};
  char names[256];
  for (int i = 0, n = 0; selector->choices[i] && n < 31; i++)
    if (row->only >> i & 1) owners[n++] = selector->choices[i];
  return model_tree_fail(child, NULL, "is no key of %s %s; it belongs to %s", s->selector,
                         selector->choices[selected], names_text(owners, names, sizeof names));
}

static err read_row(model_reader *r, const model_section *s, const model_key *row,
                    const model_tree *node, int selected, void *object) {
  const model_tree *child = model_tree_get(node, row->key);
  if (child) {
    err e = check_belongs(s, row, child, selected);
    return e ? e : read_value(r, row, child, selected, object);
  }
  if (!model_key_belongs(row, selected)) return OK;
  if (row->required) return model_tree_fail(node, row->key, "missing key: %s", row->meaning);
  if (!row->fallback) return OK;
  const model_tree fallback = {.kind = TREE_TEXT,
                               .text = row->fallback,
                               .key = row->key,
                               .parent = node,
                               .line = node->line};
  return read_value(r, row, &fallback, selected, object);
}

err model_read_section(model_reader *r, const model_section *s, const model_tree *node,
                       void *object, int *selected) {
  err e = model_read_kind(node, TREE_MAPPING, "a mapping");
  for (int i = 0; !e && i < node->count; i++)
    if (!model_section_find(s, node->child[i]->key)) e = fail_unknown(s, node->child[i]);
  int choice = -1;
  if (!e && s->selector) {
    const model_key *row = model_section_find(s, s->selector);
    const model_tree *child = model_tree_get(node, row->key);
    e = child ? read_choice(child, row, &choice)
              : model_tree_fail(node, row->key, "missing key: %s", row->meaning);
  }
  for (const model_key *row = s->key; !e && row->key; row++)
    e = read_row(r, s, row, node, choice, object);
  if (selected) *selected = choice;
  return e;
}
