#include "summary.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum { TEXT, COUNT, NUMBER } field_kind;

static const struct field {
  field_kind kind;
  size_t offset;
  const char *key, *unit, *meaning;
} fields[] = {
#define FIELD(kind, name, key, unit, meaning) {kind, offsetof(summary, name), key, unit, meaning},
    SUMMARY_FIELDS(FIELD)};
enum { FIELDS = sizeof fields / sizeof *fields };

const char *summary_digest(const uint64_t digest[2], char text[33]) {
  snprintf(text, 33, "%016" PRIx64 "%016" PRIx64, digest[0], digest[1]);
  return text;
}

void summary_derive(summary *s) {
  s->rtf = s->simulate_s / (s->biological_ms / 1000);
  const double counted_ms = fmax(s->biological_ms - s->warm_up_ms, 0);
  s->rate_hz = (double)s->spikes / (double)s->neurons / (counted_ms / 1000);
  s->events_per_s = (double)s->synaptic_events / s->simulate_s;
}

static json_t *value_of(const summary *s, const struct field *f) {
  const char *at = (const char *)s + f->offset;
  if (f->kind == COUNT) {
    const uint64_t count = *(const uint64_t *)at;
    return count <= INT64_MAX ? json_integer((json_int_t)count) : json_sprintf("%" PRIu64, count);
  }
  if (f->kind == NUMBER) {
    const double number = *(const double *)at;
    return isfinite(number) ? json_real(number) : json_null();
  }
  const char *text = *(const char *const *)at;
  return text ? json_string(text) : json_null();
}

/* The object that a key with a dot stands in, and the name there. */
static json_t *object_of(json_t *root, const char *key, bool make, const char **name) {
  const char *dot = strchr(key, '.');
  *name = dot ? dot + 1 : key;
  if (!dot) return root;
  char group[64];
  snprintf(group, sizeof group, "%.*s", (int)(dot - key), key);
  json_t *object = json_object_get(root, group);
  if (!object && make) {
    object = json_object();
    json_object_set_new(root, group, object);
  }
  return object;
}

static json_t *to_json(const summary *s) {
  json_t *root = json_object();
  json_object_set_new(root, "program", json_string("shinkei"));
  for (int i = 0; i < FIELDS; i++) {
    const char *name;
    json_t *object = object_of(root, fields[i].key, true, &name);
    if (json_object_set_new(object, name, value_of(s, &fields[i])))
      CHECK_ABORT("summary.json: %s is no valid UTF-8, or memory is out", fields[i].key);
  }
  return root;
}

err summary_write(const char *path, const summary *s) {
  json_t *root = to_json(s);
  char *part = check_allocate(strlen(path) + 6, 1);
  sprintf(part, "%s.part", path);
  FILE *file = fopen(part, "w");
  bool written = file && json_dumpf(root, file, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) == 0 &&
                 fputc('\n', file) != EOF && fflush(file) == 0 && fsync(fileno(file)) == 0;
  if (file && fclose(file)) written = false;
  written = written && rename(part, path) == 0;
  err e = OK;
  if (!written) {
    e = check_fail(ERR_ENVIRONMENT, "%s: cannot be written: %s", path, strerror(errno));
    remove(part);
  }
  free(part);
  json_decref(root);
  return e;
}

static void print_value(const json_t *value, FILE *to) {
  if (json_is_string(value))
    fputs(json_string_value(value), to);
  else if (json_is_integer(value))
    fprintf(to, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
  else if (json_is_real(value))
    fprintf(to, "%.6g", json_real_value(value));
  else
    fputs("not known", to);
}

err summary_describe(const char *path, FILE *to) {
  json_error_t error;
  json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
  if (!root) return check_fail(ERR_USER, "%s:%d: no JSON: %s", path, error.line, error.text);
  const char *program = json_string_value(json_object_get(root, "program"));
  err e = OK;
  if (!program || strcmp(program, "shinkei"))
    e = check_fail(ERR_USER, "%s: is JSON, but not the summary of a run", path);
  else
    fprintf(to, "%s: summary of a run\n", path);
  for (int i = 0; e == OK && i < FIELDS; i++) {
    const char *name;
    const json_t *object = object_of(root, fields[i].key, false, &name);
    const json_t *value = object ? json_object_get(object, name) : NULL;
    if (!value) continue; /* a version that did not know it */
    fprintf(to, "  %-27s ", fields[i].key);
    print_value(value, to);
    fprintf(to, "%s%s  (%s)\n", fields[i].unit[0] ? " " : "", fields[i].unit, fields[i].meaning);
  }
  json_decref(root);
  return e;
}

void summary_write_reference(FILE *to) {
  static const char *const kind[] = {"text", "whole number", "number"};
  fputs("| key | kind | unit | meaning |\n|---|---|---|---|\n", to);
  for (int i = 0; i < FIELDS; i++)
    fprintf(to, "| `%s` | %s | %s | %s |\n", fields[i].key, kind[fields[i].kind], fields[i].unit,
            fields[i].meaning);
}
