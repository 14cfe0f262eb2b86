#include "record_extent.h"

#include <math.h>
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

err record_extent_begin(record_file *f, const char *group, const model_population *p,
                        const model_nodes *recorded, double time) {
  if (!recorded) {
    const double end = record_file_double(f, group, "end");
    if (end > time) record_extent_reach(f, group, time);
    return OK;
  }
  bool changed;
  char *text = nodes_text(recorded);
  const err e = record_file_change_text(f, group, "recorded", text, &changed);
  free(text);
  if (e != OK) return e;
  record_file_uint32_attribute(f, group, "neurons", 1, &p->size);
  if (changed) record_file_set_double(f, group, "begin", time);
  record_extent_reach(f, group, time);
  return OK;
}

void record_extent_reach(record_file *f, const char *group, double time) {
  record_file_set_double(f, group, "end", time);
}
