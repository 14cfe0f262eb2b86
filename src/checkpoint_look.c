/* What is in a checkpoint, and whether two hold the same state: one process reads all. */
#include "checkpoint_set.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- values ---- */

static void print_value(FILE *to, checkpoint_type type, const void *value, uint64_t at) {
  switch (type) {
  case CHECKPOINT_FLOAT32:
    fprintf(to, "%.9g", (double)((const float *)value)[at]);
    break;
  case CHECKPOINT_FLOAT64:
    fprintf(to, "%.17g", ((const double *)value)[at]);
    break;
  case CHECKPOINT_INT32:
    fprintf(to, "%" PRId32, ((const int32_t *)value)[at]);
    break;
  case CHECKPOINT_INT64:
    fprintf(to, "%" PRId64, ((const int64_t *)value)[at]);
    break;
  case CHECKPOINT_UINT8:
    fprintf(to, "%u", ((const uint8_t *)value)[at]);
    break;
  case CHECKPOINT_UINT32:
    fprintf(to, "%" PRIu32, ((const uint32_t *)value)[at]);
    break;
  case CHECKPOINT_UINT64:
    fprintf(to, "%" PRIu64, ((const uint64_t *)value)[at]);
    break;
  }
}

static double number(checkpoint_type type, const void *value, uint64_t at) {
  switch (type) {
  case CHECKPOINT_FLOAT32:
    return ((const float *)value)[at];
  case CHECKPOINT_FLOAT64:
    return ((const double *)value)[at];
  case CHECKPOINT_INT32:
    return ((const int32_t *)value)[at];
  case CHECKPOINT_INT64:
    return (double)((const int64_t *)value)[at];
  case CHECKPOINT_UINT8:
    return ((const uint8_t *)value)[at];
  case CHECKPOINT_UINT32:
    return ((const uint32_t *)value)[at];
  default:
    return (double)((const uint64_t *)value)[at];
  }
}

/* ---- describing ---- */

/* Every value is read, and so its checksum seen. */
static err describe_set(checkpoint_file *f, const char *path, FILE *to) {
  checkpoint_set *set;
  checkpoint_field field;
  err e = checkpoint_set_look(f, path, &set, &field);
  if (e != OK) return e;
  const uint64_t size = checkpoint_set_size(set), chunk = checkpoint_set_chunk(set);
  char *value = check_allocate(chunk, checkpoint_type_bytes(field.type));
  double least = INFINITY, most = -INFINITY;
  for (uint64_t at = 0, count; e == OK && at < size; at += count) {
    count = size - at < chunk ? size - at : chunk;
    e = checkpoint_set_read(set, at, count, value);
    for (uint64_t i = 0; e == OK && i < count; i++) {
      least = fmin(least, number(field.type, value, i));
      most = fmax(most, number(field.type, value, i));
    }
  }
  if (e == OK) {
    fprintf(to, "  %-32s %10" PRIu64 " %-8s", path, size, checkpoint_type_name(field.type));
    if (size > 0 && strcmp(path, "model") != 0)
      fprintf(to, " %.6g to %.6g%s%s", least, most, *field.unit ? " " : "", field.unit);
    fprintf(to, "  (%s)\n", field.description);
  }
  free(value);
  checkpoint_set_close(set);
  return e;
}

static void free_list(int count, char **path) {
  for (int i = 0; i < count; i++) free(path[i]);
  free(path);
}

err checkpoint_describe(const char *path, FILE *to) {
  checkpoint *c;
  checkpoint_file *f = NULL;
  err e = checkpoint_open(MPI_COMM_SELF, path, &c);
  if (e != OK) return e;
  const checkpoint_facts facts = checkpoint_tell(c);
  fprintf(
      to,
      "%s: an intact checkpoint\n"
      "  after step %" PRId64 " (%.9g ms), written by shinkei %s\n"
      "  %u neurons, %" PRIu64 " synapses (static ones follow from the model), seed %" PRIu64 "\n"
      "  model hash %s; the effective model stands in it\n"
      "  record so far: %" PRIu64 " spikes, digest %016" PRIx64 "%016" PRIx64 "\n",
      facts.path, facts.step, facts.time, facts.program, facts.neurons, facts.synapses, facts.seed,
      facts.model_hash, facts.position.spikes, facts.position.digest[0], facts.position.digest[1]);
  char *file = strcpy(check_allocate(strlen(facts.path) + 1, 1), facts.path);
  checkpoint_close(c);
  int count = 0;
  char **name = NULL;
  e = checkpoint_file_open(MPI_COMM_SELF, file, &f);
  if (e == OK) e = checkpoint_file_list(f, &count, &name);
  for (int i = 0; e == OK && i < count; i++) e = describe_set(f, name[i], to);
  free_list(count, name);
  if (f) checkpoint_file_close(f);
  free(file);
  return e;
}

/* ---- comparing ---- */

typedef struct {
  const char *path[2]; /* of the files */
  checkpoint_facts facts[2];
  checkpoint_file *file[2];
  const model *m; /* of the first one */
  FILE *to;
} comparison;

/* Is it state, or says it only how the record is kept? */
static bool is_state(const char *path) {
  return strcmp(path, "model") != 0 && strncmp(path, "record/", 7) != 0;
}

/* Which neuron, spike or edge stands at a place of a dataset. */
static void print_place(const comparison *c, const char *path, uint64_t at) {
  for (int p = 0; p < c->m->populations; p++) {
    const model_population *population = &c->m->population[p];
    const size_t length = strlen(population->name);
    if (strncmp(path, "neurons/", 8) != 0 || strncmp(path + 8, population->name, length) != 0 ||
        path[8 + length] != '/')
      continue;
    fprintf(c->to, "%s of neuron %" PRIu64 " of population %s (gid %" PRIu64 ")", path + 9 + length,
            at, population->name, population->first_gid + at);
    return;
  }
  const char *slash = strrchr(path, '/');
  if (strncmp(path, "edges/", 6) == 0 && slash && strcmp(slash, "/count") == 0)
    fprintf(c->to, "%s of neuron %" PRIu64, path, at);
  else
    fprintf(c->to, "%s, value %" PRIu64, path, at);
}

/* The neuron that an edge field's value belongs to. */
static void print_target(const comparison *c, const char *path, uint64_t at) {
  const size_t length = strlen(path);
  if (strncmp(path, "edges/", 6) != 0 || length < 12 || strcmp(path + length - 6, "/value") != 0)
    return;
  char *parent = check_allocate(length + 1, 1);
  memcpy(parent, path, length - 6);
  uint64_t size;
  void *value;
  const checkpoint_field field = {"count", "", "", CHECKPOINT_UINT32};
  if (checkpoint_file_read_all(c->file[0], parent, &field, &size, &value) == OK) {
    const uint32_t *count = value;
    uint64_t gid = 0;
    while (gid < size && at >= count[gid]) at -= count[gid++];
    fprintf(c->to, " (in-edge %" PRIu64 " of neuron %" PRIu64 ")", at, gid);
  }
  free(value);
  free(parent);
}

static void print_difference(const comparison *c, const checkpoint_field *field, const char *path,
                             const void *a, const void *b, uint64_t at, uint64_t before) {
  print_place(c, path, before + at);
  print_target(c, path, before + at);
  fprintf(c->to, ": ");
  print_value(c->to, field->type, a, at);
  fprintf(c->to, "%s%s in %s, ", *field->unit ? " " : "", field->unit, c->path[0]);
  print_value(c->to, field->type, b, at);
  fprintf(c->to, "%s%s in %s\n", *field->unit ? " " : "", field->unit, c->path[1]);
}

static err compare_values(const comparison *c, const char *path, checkpoint_set *const set[2],
                          const checkpoint_field *field, bool *same) {
  const uint64_t size = checkpoint_set_size(set[0]), chunk = checkpoint_set_chunk(set[0]);
  const size_t bytes = checkpoint_type_bytes(field->type);
  char *a = check_allocate(chunk, bytes), *b = check_allocate(chunk, bytes);
  err e = OK;
  for (uint64_t at = 0, count; e == OK && *same && at < size; at += count) {
    count = size - at < chunk ? size - at : chunk;
    e = checkpoint_set_read(set[0], at, count, a);
    if (e == OK) e = checkpoint_set_read(set[1], at, count, b);
    if (e != OK || memcmp(a, b, count * bytes) == 0) continue;
    uint64_t i = 0;
    while (memcmp(a + i * bytes, b + i * bytes, bytes) == 0) i++;
    print_difference(c, field, path, a, b, i, at);
    *same = false;
  }
  free(a);
  free(b);
  return e;
}

static err compare_sets(const comparison *c, const char *path, bool *same) {
  checkpoint_set *set[2] = {NULL, NULL};
  checkpoint_field field[2];
  err e = OK;
  for (int k = 0; e == OK && k < 2; k++)
    e = checkpoint_set_look(c->file[k], path, &set[k], &field[k]);
  if (e == OK && field[0].type != field[1].type) {
    fprintf(c->to, "%s: is %s in %s, %s in %s\n", path, checkpoint_type_name(field[0].type),
            c->path[0], checkpoint_type_name(field[1].type), c->path[1]);
    *same = false;
  } else if (e == OK && checkpoint_set_size(set[0]) != checkpoint_set_size(set[1])) {
    fprintf(c->to, "%s: has %" PRIu64 " values in %s, %" PRIu64 " in %s\n", path,
            checkpoint_set_size(set[0]), c->path[0], checkpoint_set_size(set[1]), c->path[1]);
    *same = false;
  } else if (e == OK)
    e = compare_values(c, path, set, &field[0], same);
  checkpoint_set_close(set[0]);
  checkpoint_set_close(set[1]);
  return e;
}

static bool same_number(const comparison *c, const char *what, uint64_t a, uint64_t b) {
  if (a == b) return true;
  fprintf(c->to, "%s: %" PRIu64 " in %s, %" PRIu64 " in %s\n", what, a, c->path[0], b, c->path[1]);
  return false;
}

static bool same_facts(const comparison *c) {
  const checkpoint_facts *a = &c->facts[0], *b = &c->facts[1];
  if (!same_number(c, "step", (uint64_t)a->step, (uint64_t)b->step) ||
      !same_number(c, "seed", a->seed, b->seed) ||
      !same_number(c, "neurons", a->neurons, b->neurons) ||
      !same_number(c, "synapses", a->synapses, b->synapses))
    return false;
  if (strcmp(a->model_hash, b->model_hash) != 0) {
    fprintf(c->to, "the models are not the same: hash %s in %s, %s in %s\n", a->model_hash,
            c->path[0], b->model_hash, c->path[1]);
    return false;
  }
  return true;
}

/* The history of both: what has been recorded since the beginning. */
static bool same_history(const comparison *c) {
  const record_position *a = &c->facts[0].position, *b = &c->facts[1].position;
  if (!same_number(c, "spikes since the beginning", a->spikes, b->spikes)) return false;
  if (memcmp(a->digest, b->digest, sizeof a->digest) == 0) return true;
  fprintf(c->to, "the spikes since the beginning are not the same, by their digest\n");
  return false;
}

static bool has_path(int count, char *const *path, const char *wanted) {
  for (int i = 0; i < count; i++)
    if (strcmp(path[i], wanted) == 0) return true;
  return false;
}

static err compare_all(const comparison *c, bool *same) {
  int count[2] = {0, 0};
  char **path[2] = {NULL, NULL};
  err e = OK;
  for (int k = 0; e == OK && k < 2; k++) e = checkpoint_file_list(c->file[k], &count[k], &path[k]);
  for (int k = 0; e == OK && k < 2; k++)
    for (int i = 0; *same && i < count[k]; i++)
      if (!has_path(count[1 - k], path[1 - k], path[k][i])) {
        fprintf(c->to, "%s: is only in %s\n", path[k][i], c->path[k]);
        *same = false;
      }
  for (int i = 0; e == OK && *same && i < count[0]; i++)
    if (is_state(path[0][i])) e = compare_sets(c, path[0][i], same);
  for (int k = 0; k < 2; k++) free_list(count[k], path[k]);
  return e;
}

err checkpoint_compare(const char *a, const char *b, FILE *to, bool *same) {
  comparison c = {.path = {a, b}, .to = to};
  checkpoint *open[2] = {NULL, NULL};
  model *m = NULL;
  err e = OK;
  for (int k = 0; e == OK && k < 2; k++) e = checkpoint_open(MPI_COMM_SELF, c.path[k], &open[k]);
  for (int k = 0; e == OK && k < 2; k++) {
    c.facts[k] = checkpoint_tell(open[k]);
    e = checkpoint_file_open(MPI_COMM_SELF, c.facts[k].path, &c.file[k]);
  }
  if (e == OK)
    e = model_parse(c.facts[0].path, c.facts[0].model_text, c.facts[0].model_length, 0, NULL, &m);
  if (e == OK) {
    c.m = m;
    *same = same_facts(&c);
    if (*same) e = compare_all(&c, same);
    if (e == OK && *same) *same = same_history(&c);
  }
  model_free(m);
  for (int k = 0; k < 2; k++) {
    if (c.file[k]) checkpoint_file_close(c.file[k]);
    checkpoint_close(open[k]);
  }
  return e;
}
