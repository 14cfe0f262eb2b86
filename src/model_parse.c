#include "model_parse.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LENGTH = 64 };

typedef struct { /* an entry of `neurons`, or what a population starts from */
  const char *name;
  const neuron_model *neuron;
  double parameter[NEURON_PARAMETERS_MAX];
  model_distribution initial[NEURON_STATES_MAX];
} neuron_set;

typedef struct {
  int count;
  neuron_set *set;
} neuron_sets;

/* ---- neuron sets, parameters, initial values --------------------------------------------- */

static neuron_set defaults_of(const neuron_model *neuron) {
  neuron_set set = {.name = neuron->name, .neuron = neuron};
  for (int i = 0; i < neuron->parameters; i++) set.parameter[i] = neuron->parameter[i].value;
  for (int i = 0; i < neuron->states; i++)
    set.initial[i] = (model_distribution){
        .a = neuron->state[i].value, .minimum = -INFINITY, .maximum = INFINITY};
  return set;
}

static err fail_field(const model_tree *child, const neuron_model *neuron, const char *what,
                      const neuron_field *fields, int count) {
  char names[512] = "none", hint[MODEL_SHOWN_MAX];
  model_suggestion suggestion = {.word = child->key};
  for (int i = 0, used = 0; i < count; i++) {
    model_suggestion_offer(&suggestion, fields[i].key);
    used +=
        snprintf(names + used, sizeof names - (size_t)used, "%s%s", i ? ", " : "", fields[i].key);
    if (used >= (int)sizeof names) break;
  }
  return model_tree_fail(child, NULL, "%s has no such %s%s; must be one of %s", neuron->name, what,
                         model_suggestion_text(&suggestion, hint), names);
}

/* Lay the numbers of a mapping (NULL: none) over parameter[]. */
static err parse_parameters(const model_tree *node, const neuron_model *neuron, double *parameter) {
  err e = node ? model_read_kind(node, TREE_MAPPING, "a mapping of parameters to numbers") : OK;
  for (int i = 0; node && !e && i < node->count; i++) {
    const model_tree *child = node->child[i];
    const int at = neuron_field_find(neuron->parameter, neuron->parameters, child->key);
    if (at < 0)
      return fail_field(child, neuron, "parameter", neuron->parameter, neuron->parameters);
    const model_key row = model_field_row(&neuron->parameter[at]);
    e = model_read_number(child, &row, &parameter[at]);
  }
  return e;
}

static err parse_initial(model_reader *r, const model_tree *node, const neuron_model *neuron,
                         model_distribution *initial) {
  err e = node ? model_read_kind(node, TREE_MAPPING, "a mapping of state variables to values") : OK;
  for (int i = 0; node && !e && i < node->count; i++) {
    const model_tree *child = node->child[i];
    const int at = neuron_field_find(neuron->state, neuron->states, child->key);
    if (at < 0) return fail_field(child, neuron, "state variable", neuron->state, neuron->states);
    const model_key row = model_field_row(&neuron->state[at]);
    e = model_read_distribution(r, child, &row, false, &initial[at]);
  }
  return e;
}

/* Names become groups in HDF5 files and parts of dotted keys. */
static err check_name(const model_tree *node) {
  const size_t length = strlen(node->key);
  const size_t sound = strspn(node->key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                         "0123456789_-+");
  if (sound == length && length > 0 && length <= NAME_MAX_LENGTH) return OK;
  return model_tree_fail(node, NULL, "is no name: must be 1 to %d letters, digits, '_', '-', '+'",
                         (int)NAME_MAX_LENGTH);
}

static err parse_neurons(model_reader *r, const model_tree *node, neuron_sets *sets) {
  if (!node) return OK;
  err e = model_read_kind(node, TREE_MAPPING, "a mapping of names to neuron sets");
  if (e) return e;
  sets->set = check_allocate((size_t)node->count, sizeof *sets->set);
  for (int i = 0; !e && i < node->count; i++) {
    const model_tree *child = node->child[i];
    const neuron_model *neuron = NULL;
    e = check_name(child);
    if (!e && neuron_find(child->key))
      e = model_tree_fail(child, NULL, "is the name of a neuron model: must be another name");
    if (!e) e = model_read_section(r, &model_section_neurons, child, &neuron, NULL);
    if (e) return e;
    neuron_set *set = &sets->set[sets->count++];
    *set = defaults_of(neuron);
    set->name = child->key;
    e = parse_parameters(model_tree_get(child, "parameters"), neuron, set->parameter);
    if (!e) e = parse_initial(r, model_tree_get(child, "initial"), neuron, set->initial);
  }
  return e;
}

/* What the key `neuron` of a population names: a set, or a model's defaults. */
static err find_set(const neuron_sets *sets, const model_tree *node, neuron_set *found) {
  err e = model_read_kind(node, TREE_TEXT, "the name of a neuron set or of a neuron model");
  if (e) return e;
  model_names names = {.suggestion.word = node->text};
  for (int i = 0; i < sets->count; i++) {
    *found = sets->set[i];
    if (!strcmp(found->name, node->text)) return OK;
    model_names_add(&names, found->name);
  }
  for (int i = 0; neuron_models()[i]; i++) {
    *found = defaults_of(neuron_models()[i]);
    if (!strcmp(found->name, node->text)) return OK;
    model_names_add(&names, found->name);
  }
  return model_names_fail(&names, node);
}

/* ---- populations ------------------------------------------------------------------------- */

static char *copy_text(const char *text) {
  const size_t size = strlen(text) + 1;
  return memcpy(check_allocate(size, 1), text, size);
}

static bool has_word(const char *text, const char *word) {
  const size_t length = strlen(word);
  for (const char *at = text; (at = strstr(at, word)); at += length)
    if ((at == text || at[-1] == ' ') && strchr(" ,;", at[length])) return true;
  return false;
}

/* " (V_reset -70, V_th -80)": values of the parameters that a fault names. */
static void values_of(const char *fault, const neuron_model *neuron, const double *parameter,
                      double dt, char *text, size_t size) {
  size_t length = 0;
  char shown[32];
  text[0] = 0;
  if (has_word(fault, "dt"))
    length += (size_t)snprintf(text, size, " (dt %s", model_number_text(dt, shown));
  for (int k = 0; k < neuron->parameters && length < size; k++)
    if (has_word(fault, neuron->parameter[k].key))
      length += (size_t)snprintf(text + length, size - length, "%s%s %s", length ? ", " : " (",
                                 neuron->parameter[k].key, model_number_text(parameter[k], shown));
  if (length && length < size) snprintf(text + length, size - length, ")");
}

static err check_parameters(const model *m, const model_tree *node, const neuron_model *neuron,
                            const double *parameter) {
  const char *fault = neuron->check(parameter, m->dt);
  double constant[NEURON_CONSTANTS_MAX] = {0};
  neuron->compile(parameter, m->dt, constant);
  for (int k = 0; !fault && k < NEURON_CONSTANTS_MAX; k++)
    if (!isfinite(m->double_precision ? constant[k] : (double)(float)constant[k]))
      fault =
          "a step of dt cannot be computed with them in this precision: one is too small or too "
          "large beside the others";
  if (!fault) return OK;
  char values[256];
  values_of(fault, neuron, parameter, m->dt, values, sizeof values);
  return model_tree_fail(node, NULL, "parameters of %s: %s%s", neuron->name, fault, values);
}

static err parse_overrides(model_reader *r, const model_tree *node, model_population *p) {
  const model_tree *list = model_tree_get(node, "overrides");
  err e = list ? model_read_kind(list, TREE_LIST, "a list of {nodes: ..., parameters: ...}") : OK;
  if (e) return e;
  const int count = list ? list->count : 0;
  model_variant *variant = check_allocate((size_t)count + 1, sizeof *variant);
  variant[0] = p->variant[0];
  free(p->variant);
  p->variant = variant;
  for (int i = 0; !e && i < count; i++) {
    variant[i + 1] = variant[0];
    variant[i + 1].nodes = (model_nodes){0};
    p->variants++;
    e = model_read_section(r, &model_section_override, list->child[i], &variant[i + 1], NULL);
    if (!e)
      e = parse_parameters(model_tree_get(list->child[i], "parameters"), p->neuron,
                           variant[i + 1].parameter);
    if (!e) e = check_parameters(r->m, list->child[i], p->neuron, variant[i + 1].parameter);
  }
  return e;
}

static err parse_population(model_reader *r, const neuron_sets *sets, const model_tree *node,
                            model_population *p) {
  p->name = copy_text(node->key);
  p->variants = 1;
  p->variant = check_allocate(1, sizeof *p->variant);
  p->variant[0].nodes.all = true;
  r->current = p;
  neuron_set set;
  err e = check_name(node);
  if (!e) e = model_read_section(r, &model_section_population, node, p, NULL);
  if (!e) e = find_set(sets, model_tree_get(node, "neuron"), &set);
  if (e) return e;
  p->neuron = set.neuron;
  if (strcmp(set.name, set.neuron->name)) p->neuron_set = copy_text(set.name);
  memcpy(p->variant[0].parameter, set.parameter, sizeof set.parameter);
  memcpy(p->initial, set.initial, sizeof set.initial);
  e = parse_parameters(model_tree_get(node, "parameters"), p->neuron, p->variant[0].parameter);
  if (!e) e = parse_initial(r, model_tree_get(node, "initial"), p->neuron, p->initial);
  if (!e) e = check_parameters(r->m, node, p->neuron, p->variant[0].parameter);
  return e ? e : parse_overrides(r, node, p);
}

static int compare_populations(const void *left, const void *right) {
  const model_population *a = *(const model_population *const *)left;
  const model_population *b = *(const model_population *const *)right;
  return strcmp(a->name, b->name);
}

static err parse_populations(model_reader *r, const neuron_sets *sets, const model_tree *node) {
  model *m = r->m;
  err e = model_read_kind(node, TREE_MAPPING, "a mapping of names to populations");
  if (e) return e;
  m->population = check_allocate((size_t)node->count, sizeof *m->population);
  for (int i = 0; i < node->count; i++) {
    model_population *p = &m->population[m->populations++];
    e = parse_population(r, sets, node->child[i], p);
    if (e) return e;
    p->first_gid = m->neurons;
    if (__builtin_add_overflow(m->neurons, p->size, &m->neurons))
      return model_tree_fail(node->child[i], "size",
                             "%u neurons on top of %u before it are too many: all populations "
                             "together must be at most 4294967295",
                             p->size, p->first_gid);
  }
  if (m->neurons == 0)
    return model_tree_fail(node, NULL, "no neurons: at least one population must not be empty");
  r->by_name = check_allocate((size_t)m->populations, sizeof *r->by_name);
  for (int i = 0; i < m->populations; i++) r->by_name[i] = &m->population[i];
  qsort(r->by_name, (size_t)m->populations, sizeof *r->by_name, compare_populations);
  return OK;
}

/* ---- projections, inputs ------------------------------------------------------------------ */

/* A list that may be left out: *count 0 then. */
static err parse_list(const model_tree *node, int limit, int *count) {
  err e = node ? model_read_kind(node, TREE_LIST, "a list") : OK;
  *count = !e && node ? node->count : 0;
  if (*count > limit)
    return model_tree_fail(node, NULL, "%d items are too many: must be at most %d", *count, limit);
  return e;
}

/* Of the item's key, or of the item where the key is left out. */
static model_place place_of(const model_tree *item, const char *list, const char *key) {
  const model_tree *given = model_tree_get(item, key);
  return (model_place){given ? given->line : item->line, list, item->index};
}

static void note_places(const model_tree *item, model_projection *p) {
  static const char list[] = "projections";
  p->weight.place = place_of(item, list, "weight");
  p->delay.place = place_of(item, list, "delay");
  p->file_place = place_of(item, list, "file");
  p->multapses_place = place_of(item, list, "multapses");
}

static err parse_projections(model_reader *r, const model_tree *node) {
  model *m = r->m;
  int count;
  err e = parse_list(node, MODEL_PROJECTIONS_MAX, &count);
  if (!e) m->projection = check_allocate((size_t)count, sizeof *m->projection);
  for (int i = 0; !e && i < count; i++) {
    model_projection *p = &m->projection[m->projections++];
    *p = (model_projection){.receptor = -1, .multapses = true, .autapses = true};
    e = model_read_section(r, &model_section_projection, node->child[i], p, NULL);
    if (!e) note_places(node->child[i], p);
  }
  return e;
}

static err parse_times(const model_tree *node, model_input *input) {
  const model_key *row = model_section_find(&model_section_input, "times");
  err e = model_read_kind(node, TREE_LIST, "a list of numbers in ascending order");
  if (e) return e;
  input->time = check_allocate((size_t)node->count, sizeof *input->time);
  for (int i = 0; i < node->count; i++) {
    e = model_read_number(node->child[i], row, &input->time[i]);
    if (e) return e;
    input->times++;
    if (i && input->time[i] < input->time[i - 1])
      return model_tree_fail(node->child[i], NULL,
                             "%.17g is before the time in front of it: times must ascend",
                             input->time[i]);
  }
  return OK;
}

static err parse_spike_trains(const model *m, const model_tree *node, model_input *input) {
  const model_tree *times = model_tree_get(node, "times");
  if (!input->file == !times)
    return model_tree_fail(node, NULL, "spike_trains must have either `file` or `times`");
  if (times && input->spikes)
    return model_tree_fail(model_tree_get(node, "spikes"), NULL,
                           "names a population of a file: must come with `file`");
  if (input->file && !input->nodes.all)
    return model_tree_fail(model_tree_get(node, "nodes"), NULL,
                           "must be left out: the file says which neurons");
  if (input->file && !input->spikes) input->spikes = copy_text(m->population[input->target].name);
  return times ? parse_times(times, input) : OK;
}

static err parse_inputs(model_reader *r, const model_tree *node) {
  model *m = r->m;
  int count;
  err e = parse_list(node, MODEL_INPUTS_MAX, &count);
  if (!e) m->input = check_allocate((size_t)count, sizeof *m->input);
  for (int i = 0; !e && i < count; i++) {
    const model_tree *child = node->child[i];
    model_input *input = &m->input[m->inputs++];
    *input = (model_input){.receptor = -1, .stop = INFINITY};
    e = model_read_section(r, &model_section_input, child, input, NULL);
    if (e) break;
    input->file_place = place_of(child, "inputs", "file");
    if (input->kind == INPUT_SPIKE_TRAINS) e = parse_spike_trains(m, child, input);
    const neuron_model *neuron = m->population[input->target].neuron;
    if (input->kind != INPUT_DC && input->receptor < 0)
      input->receptor = input->weight < 0 ? neuron->receptor_negative : neuron->receptor_positive;
    if (!e && input->stop < input->start)
      e = model_tree_fail(child, "stop", "%.17g ms is before start: must not be", input->stop);
  }
  return e;
}

/* ---- recordings --------------------------------------------------------------------------- */

static err parse_record_spikes(model_reader *r, const model_tree *node) {
  model *m = r->m;
  const bool word = node && node->kind == TREE_TEXT;
  const bool all = !node || (word && !strcmp(node->text, "all"));
  const bool none = word && !strcmp(node->text, "none");
  if (!all && !none) {
    err e = model_read_kind(node, TREE_LIST, "`all`, `none`, or a list of {population, nodes}");
    if (e) return e;
  }
  const int count = all ? m->populations : none ? 0 : node->count;
  m->spike_record = check_allocate((size_t)count, sizeof *m->spike_record);
  for (int i = 0; i < count; i++) {
    model_record_spikes *record = &m->spike_record[m->spike_records++];
    *record = (model_record_spikes){.population = i, .nodes.all = all};
    if (all) continue;
    err e = model_read_section(r, &model_section_record_spikes, node->child[i], record, NULL);
    if (e) return e;
    for (int k = 0; k < i; k++)
      if (m->spike_record[k].population == record->population)
        return model_tree_fail(node->child[i], "population",
                               "%s is listed already: must be listed once, with all its nodes",
                               m->population[record->population].name);
  }
  return OK;
}

static err parse_variables(const model *m, const model_tree *node, model_record_trace *trace) {
  const neuron_model *neuron = m->population[trace->population].neuron;
  err e = model_read_kind(node, TREE_LIST, "a list of state variables");
  if (!e && node->count == 0)
    return model_tree_fail(node, NULL, "is empty: must name a state variable");
  for (int i = 0; !e && i < node->count; i++) {
    const model_tree *child = node->child[i];
    e = model_read_kind(child, TREE_TEXT, "the name of a state variable");
    if (e) return e;
    const int state = neuron_field_find(neuron->state, neuron->states, child->text);
    if (state < 0) {
      model_tree named = *child; /* the value is the name that is unknown */
      named.key = child->text;
      return fail_field(&named, neuron, "state variable", neuron->state, neuron->states);
    }
    for (int k = 0; k < trace->states; k++)
      if (trace->state[k] == state)
        return model_tree_fail(child, NULL, "%s is listed twice: must be listed once", child->text);
    trace->state[trace->states++] = state;
  }
  return e;
}

static err parse_traces(model_reader *r, const model_tree *node) {
  model *m = r->m;
  int count;
  err e = parse_list(node, INT32_MAX, &count);
  if (!e) m->trace_record = check_allocate((size_t)count, sizeof *m->trace_record);
  for (int i = 0; !e && i < count; i++) {
    model_record_trace *trace = &m->trace_record[m->trace_records++];
    e = model_read_section(r, &model_section_record_trace, node->child[i], trace, NULL);
    if (!e) e = parse_variables(m, model_tree_get(node->child[i], "variables"), trace);
  }
  return e;
}

static err parse_record(model_reader *r, const model_tree *node) {
  err e = node ? model_read_section(r, &model_section_record, node, r->m, NULL) : OK;
  if (!e) e = parse_record_spikes(r, model_tree_get(node, "spikes"));
  if (!e) e = parse_traces(r, model_tree_get(node, "traces"));
  return e;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static err parse_checkpoint(model_reader *r, const model_tree *root) {
  const model_tree *node = model_tree_get(root, "checkpoint");
  const model_tree absent = {
      .kind = TREE_MAPPING, .key = "checkpoint", .parent = root, .line = root->line};
  return model_read_section(r, &model_section_checkpoint, node ? node : &absent, r->m, NULL);
}

err model_parse_tree(model_reader *r, const model_tree *root) {
  neuron_sets sets = {0};
  err e = model_read_section(r, &model_section_root, root, r->m, NULL);
  if (!e)
    e = model_read_section(r, &model_section_simulation, model_tree_get(root, "simulation"), r->m,
                           NULL);
  if (!e) e = parse_checkpoint(r, root);
  if (!e) e = parse_neurons(r, model_tree_get(root, "neurons"), &sets);
  if (!e) e = parse_populations(r, &sets, model_tree_get(root, "populations"));
  if (!e) e = parse_projections(r, model_tree_get(root, "projections"));
  if (!e) e = parse_inputs(r, model_tree_get(root, "inputs"));
  if (!e) e = parse_record(r, model_tree_get(root, "record"));
  free(sets.set);
  return e;
}
