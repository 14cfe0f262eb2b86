#include "model.h"
#include "model_parse.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

err model_read_file(const char *path, char **text, size_t *length) {
  *text = NULL;
  *length = 0;
  if (check_is_no_file(path)) return check_fail(ERR_USER, "%s: is no file", path);
  FILE *file = fopen(path, "rb");
  if (!file) return check_fail(ERR_USER, "%s: cannot be read: %s", path, strerror(errno));
  size_t capacity = 0, got;
  do {
    *text = check_grow(*text, &capacity, *length + 65536, 1);
    errno = 0;
    got = fread(*text + *length, 1, capacity - *length, file);
    *length += got;
  } while (got > 0);
  const int fault = ferror(file) ? errno : 0;
  fclose(file);
  if (!fault) return OK;
  free(*text);
  *text = NULL;
  return check_fail(ERR_USER, "%s: cannot be read: %s", path, strerror(fault));
}

const char *model_place_text(const char *name, model_place place, const char *key,
                             char text[MODEL_PLACE_MAX]) {
  char line[16] = " --set";
  if (place.line > 0) snprintf(line, sizeof line, "%d:", place.line);
  snprintf(text, MODEL_PLACE_MAX, "%s:%s %s.%d.%s", name, line, place.list, place.index, key);
  return text;
}

err model_fail(const char *name, model_place place, const char *key, const char *format, ...) {
  char message[MODEL_PLACE_MAX], text[MODEL_PLACE_MAX]; /* a path may be in both */
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return check_fail(ERR_USER, "%s: %s", model_place_text(name, place, key, text), message);
}

const char *model_reads(const model *m, const char *path, model_place *place) {
  for (int i = 0; i < m->projections; i++) {
    *place = m->projection[i].file_place;
    if (m->projection[i].file && check_same_file(m->projection[i].file, path))
      return m->projection[i].file;
  }
  for (int i = 0; i < m->inputs; i++) {
    *place = m->input[i].file_place;
    if (m->input[i].file && check_same_file(m->input[i].file, path)) return m->input[i].file;
  }
  return NULL;
}

err model_setting_split(char *text, model_setting *setting) {
  char *equals = strchr(text, '=');
  if (!equals || equals == text)
    return check_fail(ERR_USER, "--set %.200s: must be KEY=VALUE", text);
  *equals = 0;
  *setting = (model_setting){text, equals + 1};
  return OK;
}

err model_parse(const char *name, const char *text, size_t length, int settings,
                const model_setting *setting, model **parsed) {
  *parsed = NULL;
  model_document document;
  err e = model_document_read(name, text, length, &document);
  for (int i = 0; !e && i < settings; i++)
    e = model_document_set(&document, setting[i].key, setting[i].value);
  model *m = check_allocate(1, sizeof *m);
  m->name = memcpy(check_allocate(strlen(name) + 1, 1), name, strlen(name));
  model_reader reader = {.m = m};
  if (!e) e = model_parse_tree(&reader, document.root);
  if (!e) e = model_check(m, document.root);
  free(reader.by_name);
  model_document_free(&document);
  if (e)
    model_free(m);
  else
    *parsed = m;
  return e;
}

static void free_population(model_population *p) {
  free(p->name);
  free(p->neuron_set);
  for (int v = 0; v < p->variants; v++) free(p->variant[v].nodes.range);
  free(p->variant);
}

static void free_projection(model_projection *p) {
  free(p->file);
  free(p->edges);
  free(p->weight.attribute);
  free(p->delay.attribute);
}

static void free_input(model_input *input) {
  free(input->nodes.range);
  free(input->file);
  free(input->spikes);
  free(input->time);
}

void model_free(model *m) {
  if (!m) return;
  for (int i = 0; i < m->populations; i++) free_population(&m->population[i]);
  for (int i = 0; i < m->projections; i++) free_projection(&m->projection[i]);
  for (int i = 0; i < m->inputs; i++) free_input(&m->input[i]);
  for (int i = 0; i < m->spike_records; i++) free(m->spike_record[i].nodes.range);
  for (int i = 0; i < m->trace_records; i++) free(m->trace_record[i].nodes.range);
  free(m->population);
  free(m->projection);
  free(m->input);
  free(m->spike_record);
  free(m->trace_record);
  free(m->name);
  free(m);
}

int64_t model_steps(const model *m, double ms) { return llround(ms / m->dt); }

int model_population_of(const model *m, uint32_t gid) {
  int low = 0, high = m->populations; /* the last population that starts at or before gid */
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    if (m->population[middle].first_gid <= gid)
      low = middle;
    else
      high = middle;
  }
  return low;
}

bool model_nodes_has(const model_nodes *nodes, uint32_t node) {
  if (nodes->all) return true;
  int low = 0, high = nodes->count; /* the last range that starts at or before node */
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    if (nodes->range[middle].first <= node)
      low = middle;
    else
      high = middle;
  }
  return nodes->count > 0 && nodes->range[low].first <= node && node < nodes->range[low].end;
}

uint32_t model_nodes_count(const model_nodes *nodes, uint32_t size) {
  if (nodes->all) return size;
  uint32_t count = 0;
  for (int i = 0; i < nodes->count; i++) count += nodes->range[i].end - nodes->range[i].first;
  return count;
}

int model_variant_of(const model_population *p, uint32_t node) {
  for (int v = 1; v < p->variants; v++)
    if (model_nodes_has(&p->variant[v].nodes, node)) return v;
  return 0;
}

double model_projection_indegree(const model *m, int projection) {
  const model_projection *p = &m->projection[projection];
  const double sources = m->population[p->source].size, targets = m->population[p->target].size;
  const bool own = p->source == p->target && !p->autapses;
  if (targets == 0) return 0;
  switch (p->rule) {
  case RULE_ONE_TO_ONE:
    return own ? 0 : 1;
  case RULE_ALL_TO_ALL:
    return sources - own;
  case RULE_FIXED_INDEGREE:
    return (double)p->number;
  case RULE_FIXED_OUTDEGREE:
    return (double)p->number * sources / targets;
  case RULE_FIXED_TOTAL:
    return (double)p->number / targets;
  case RULE_PAIRWISE_BERNOULLI:
    return p->probability * (sources - own);
  case RULE_FILE:
    break;
  }
  return 0;
}
