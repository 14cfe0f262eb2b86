#include "record_extent.h"

#include <stdlib.h>
#include <string.h>

/* Caller frees. */
static char *nodes_text(const model_nodes *nodes) {
  enum { RANGE = 32 };
  const size_t size = ((size_t)nodes->count + 1) * RANGE;
  char *text = check_allocate(size, 1);
  if (nodes->all) strcpy(text, "all");
  size_t length = 0;
  for (int i = 0; i < nodes->count; i++) {
    const uint32_t first = nodes->range[i].first, last = nodes->range[i].end - 1;
    length += (size_t)snprintf(text + length, size - length, first == last ? "%s%u" : "%s%u-%u",
                               i ? "," : "", first, last);
  }
  return text;
}

/* Caller frees. */
static char *group_of(const model_population *p) {
  const size_t size = sizeof "/spikes/" + strlen(p->name);
  char *path = check_allocate(size, 1);
  snprintf(path, size, "/spikes/%s", p->name);
  return path;
}

static err begin_one(record_file *f, const char *group, const model_population *p,
                     const model_nodes *recorded, double time) {
  bool changed = false;
  if (recorded) {
    char *text = nodes_text(recorded);
    const err e = record_file_change_text(f, group, "recorded", text, &changed);
    free(text);
    if (e != OK) return e;
    record_file_uint32_attribute(f, group, "neurons", 1, &p->size);
  }
  const double begin = record_file_double(f, group, "begin");
  const double end = record_file_double(f, group, "end");
  const bool goes_on = !changed && begin <= time && end >= time;
  if (recorded ? !goes_on : begin > time) record_file_set_double(f, group, "begin", time);
  if (recorded || end > time) record_file_set_double(f, group, "end", time);
  return OK;
}

err record_extent_begin(record_file *f, const model *m, const model_nodes *const *recorded,
                        double time) {
  err e = OK;
  for (int p = 0; e == OK && p < m->populations; p++) {
    char *group = group_of(&m->population[p]);
    if (record_file_has(f, group)) e = begin_one(f, group, &m->population[p], recorded[p], time);
    free(group);
  }
  return e;
}

void record_extent_reach(record_file *f, const model *m, const model_nodes *const *recorded,
                         double time) {
  for (int p = 0; p < m->populations; p++) {
    if (!recorded[p]) continue;
    char *group = group_of(&m->population[p]);
    record_file_set_double(f, group, "end", time);
    free(group);
  }
}
