#include "model_values.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

/* libyaml's emitter decides about quotes and indentation; events are all it needs. */
typedef struct {
  yaml_emitter_t emitter;
  bool failed;
  const model *m;
  const model_population *current; /* as in model_reader */
} writer;

static void emit(writer *w, yaml_event_t *event, int made) {
  if (!made) CHECK_ABORT("out of memory: a YAML event");
  if (w->failed)
    yaml_event_delete(event);
  else if (!yaml_emitter_emit(&w->emitter, event))
    w->failed = true;
}

static void put_text(writer *w, const char *text) {
  yaml_event_t event;
  const int made = yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, -1,
                                                1, 1, YAML_ANY_SCALAR_STYLE);
  emit(w, &event, made);
}

static void put_number(writer *w, double value) {
  char text[32];
  put_text(w, model_number_text(value, text));
}

static void open_mapping(writer *w, bool flow) {
  yaml_event_t event;
  const int made = yaml_mapping_start_event_initialize(
      &event, NULL, NULL, 1, flow ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE);
  emit(w, &event, made);
}

static void close_mapping(writer *w) {
  yaml_event_t event;
  const int made = yaml_mapping_end_event_initialize(&event);
  emit(w, &event, made);
}

static void open_list(writer *w, bool flow) {
  yaml_event_t event;
  const int made = yaml_sequence_start_event_initialize(
      &event, NULL, NULL, 1, flow ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE);
  emit(w, &event, made);
}

static void close_list(writer *w) {
  yaml_event_t event;
  const int made = yaml_sequence_end_event_initialize(&event);
  emit(w, &event, made);
}

/* ---- values -------------------------------------------------------------------------------- */

/* Absolute, so that the effective model can stand in any folder. */
static void put_path(writer *w, const char *path) {
  char *folder = path[0] == '/' ? NULL : getcwd(NULL, 0);
  const size_t size = (folder ? strlen(folder) : 0) + strlen(path) + 2;
  char *whole = check_allocate(size, 1);
  snprintf(whole, size, "%s%s%s", folder ? folder : "", folder ? "/" : "", path);
  put_text(w, whole);
  free(whole);
  free(folder);
}

static void put_nodes(writer *w, const model_nodes *nodes) {
  if (nodes->all) {
    put_text(w, "all");
    return;
  }
  open_list(w, true);
  for (int i = 0; i < nodes->count; i++) {
    const uint32_t first = nodes->range[i].first, last = nodes->range[i].end - 1;
    char text[32];
    snprintf(text, sizeof text, first == last ? "%u" : "%u-%u", first, last);
    put_text(w, text);
  }
  close_list(w);
}

static void put_rows(writer *w, const model_section *s, const void *object, int selected);

static void put_distribution(writer *w, const model_distribution *d) {
  static const model_section *const sections[] = {
      [DISTRIBUTION_NORMAL] = &model_section_normal,
      [DISTRIBUTION_LOGNORMAL] = &model_section_lognormal,
      [DISTRIBUTION_UNIFORM] = &model_section_uniform,
      [DISTRIBUTION_FILE] = &model_section_attribute,
  };
  if (d->kind == DISTRIBUTION_CONSTANT) {
    put_number(w, d->a);
    return;
  }
  const bool named = d->kind != DISTRIBUTION_FILE;
  open_mapping(w, true);
  if (named) {
    put_text(w, sections[d->kind]->path);
    open_mapping(w, true);
  }
  put_rows(w, sections[d->kind], d, -1);
  if (named) close_mapping(w);
  close_mapping(w);
}

/* ---- sections by their tables -------------------------------------------------------------- */

static bool is_absent(const model_key *row, const void *at) {
  switch (row->type) {
  case KEY_REAL:
  case KEY_TIME:
    return isinf(*(const double *)at);
  case KEY_TEXT:
  case KEY_PATH:
    return !*(char *const *)at;
  case KEY_RECEPTOR:
    return *(const int *)at < 0;
  case KEY_OTHER:
    return true;
  default:
    return false;
  }
}

static void put_value(writer *w, const model_key *row, const void *at) {
  switch (row->type) {
  case KEY_REAL:
  case KEY_TIME:
    put_number(w, *(const double *)at);
    break;
  case KEY_SIZE:
    put_number(w, *(const uint32_t *)at);
    break;
  case KEY_INTEGER:
    put_number(w, *(const int *)at);
    break;
  case KEY_NUMBER:
    put_number(w, (double)*(const uint64_t *)at);
    break;
  case KEY_FLAG:
    put_text(w, row->choices[*(const bool *)at]);
    break;
  case KEY_CHOICE:
    put_text(w, row->choices[*(const int *)at]);
    break;
  case KEY_TEXT:
    put_text(w, *(char *const *)at);
    break;
  case KEY_PATH:
    put_path(w, *(char *const *)at);
    break;
  case KEY_POPULATION:
    w->current = &w->m->population[*(const int *)at];
    put_text(w, w->current->name);
    break;
  case KEY_NODES:
    put_nodes(w, at);
    break;
  case KEY_RECEPTOR:
    put_text(w, w->current->neuron->receptor[*(const int *)at]);
    break;
  case KEY_DISTRIBUTION:
    put_distribution(w, at);
    break;
  case KEY_MODEL:
    put_text(w, (*(const neuron_model *const *)at)->name);
    break;
  case KEY_OTHER:
    break;
  }
}

static void put_rows(writer *w, const model_section *s, const void *object, int selected) {
  for (const model_key *row = s->key; row->key; row++) {
    const void *at = (const char *)object + row->offset;
    if (!model_key_belongs(row, selected) || is_absent(row, at)) continue;
    put_text(w, row->key);
    put_value(w, row, at);
  }
}

/* Parameters that differ from those of `base` (NULL: all). */
static void put_parameters(writer *w, const neuron_model *neuron, const double *parameter,
                           const double *base) {
  put_text(w, "parameters");
  open_mapping(w, base != NULL || neuron->parameters == 0);
  for (int i = 0; i < neuron->parameters; i++) {
    if (base && base[i] == parameter[i]) continue;
    put_text(w, neuron->parameter[i].key);
    put_number(w, parameter[i]);
  }
  close_mapping(w);
}

static void put_overrides(writer *w, const model_population *p) {
  if (p->variants == 1) return;
  put_text(w, "overrides");
  open_list(w, false);
  for (int v = 1; v < p->variants; v++) {
    open_mapping(w, false);
    put_rows(w, &model_section_override, &p->variant[v], -1);
    put_parameters(w, p->neuron, p->variant[v].parameter, p->variant[0].parameter);
    close_mapping(w);
  }
  close_list(w);
}

static void put_population(writer *w, const model_population *p) {
  put_text(w, p->name);
  open_mapping(w, false);
  put_rows(w, &model_section_population, p, -1);
  put_text(w, "neuron");
  put_text(w, p->neuron->name);
  put_parameters(w, p->neuron, p->variant[0].parameter, NULL);
  put_text(w, "initial");
  open_mapping(w, p->neuron->states == 0);
  for (int i = 0; i < p->neuron->states; i++) {
    put_text(w, p->neuron->state[i].key);
    put_distribution(w, &p->initial[i]);
  }
  close_mapping(w);
  put_overrides(w, p);
  close_mapping(w);
}

static void put_input(writer *w, const model_input *input) {
  open_mapping(w, false);
  put_rows(w, &model_section_input, input, (int)input->kind);
  if (input->kind == INPUT_SPIKE_TRAINS && !input->file) {
    put_text(w, "times");
    open_list(w, true);
    for (int i = 0; i < input->times; i++) put_number(w, input->time[i]);
    close_list(w);
  }
  close_mapping(w);
}

static bool records_all(const model *m) {
  for (int i = 0; i < m->spike_records; i++)
    if (m->spike_record[i].population != i || !m->spike_record[i].nodes.all) return false;
  return m->spike_records == m->populations;
}

static void put_trace(writer *w, const model_record_trace *trace) {
  open_mapping(w, false);
  put_rows(w, &model_section_record_trace, trace, -1);
  put_text(w, "variables");
  open_list(w, true);
  for (int i = 0; i < trace->states; i++)
    put_text(w, w->current->neuron->state[trace->state[i]].key);
  close_list(w);
  close_mapping(w);
}

static void put_record(writer *w) {
  const model *m = w->m;
  open_mapping(w, false);
  put_text(w, "spikes");
  if (records_all(m) || m->spike_records == 0) {
    put_text(w, m->spike_records ? "all" : "none");
  } else {
    open_list(w, false);
    for (int i = 0; i < m->spike_records; i++) {
      open_mapping(w, false);
      put_rows(w, &model_section_record_spikes, &m->spike_record[i], -1);
      close_mapping(w);
    }
    close_list(w);
  }
  put_text(w, "traces");
  open_list(w, m->trace_records == 0);
  for (int i = 0; i < m->trace_records; i++) put_trace(w, &m->trace_record[i]);
  close_list(w);
  close_mapping(w);
}

static void put_model(writer *w) {
  const model *m = w->m;
  open_mapping(w, false);
  put_text(w, "simulation");
  open_mapping(w, false);
  put_rows(w, &model_section_simulation, m, -1);
  close_mapping(w);
  put_text(w, "populations");
  open_mapping(w, false);
  for (int i = 0; i < m->populations; i++) put_population(w, &m->population[i]);
  close_mapping(w);
  put_text(w, "projections");
  open_list(w, m->projections == 0);
  for (int i = 0; i < m->projections; i++) {
    open_mapping(w, false);
    put_rows(w, &model_section_projection, &m->projection[i], (int)m->projection[i].rule);
    close_mapping(w);
  }
  close_list(w);
  put_text(w, "inputs");
  open_list(w, m->inputs == 0);
  for (int i = 0; i < m->inputs; i++) put_input(w, &m->input[i]);
  close_list(w);
  put_text(w, "record");
  put_record(w);
  put_text(w, "checkpoint");
  open_mapping(w, false);
  put_rows(w, &model_section_checkpoint, m, -1);
  close_mapping(w);
  close_mapping(w);
}

err model_write(const model *m, FILE *file) {
  writer w = {.m = m};
  yaml_event_t event;
  if (!yaml_emitter_initialize(&w.emitter)) CHECK_ABORT("out of memory: a YAML emitter");
  yaml_emitter_set_output_file(&w.emitter, file);
  yaml_emitter_set_unicode(&w.emitter, 1);
  yaml_emitter_set_width(&w.emitter, -1);
  errno = 0;
  emit(&w, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
  emit(&w, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
  put_model(&w);
  emit(&w, &event, yaml_document_end_event_initialize(&event, 1));
  emit(&w, &event, yaml_stream_end_event_initialize(&event));
  yaml_emitter_delete(&w.emitter);
  if (!w.failed && !fflush(file) && !ferror(file)) return OK;
  return check_fail(ERR_ENVIRONMENT, "the effective model cannot be written: %s", strerror(errno));
}
