#include "checkpoint.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <yaml.h>

/* The effective model as a list of (dotted key, value), in the order of the text. */
typedef struct {
  char *key, *value;
} model_line;

typedef struct {
  int count;
  size_t capacity;
  model_line *line;
} model_lines;

/* May another value stand at a restart? All that changes no spike. */
static bool may_change(const char *key) {
  static const char *const keys[] = {"simulation.duration", "record", "checkpoint"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const size_t length = strlen(keys[i]);
    if (strncmp(key, keys[i], length) == 0 && (key[length] == 0 || key[length] == '.')) return true;
  }
  const char *last = strrchr(key, '.'); /* it weighs the partition and nothing else */
  return strncmp(key, "populations.", 12) == 0 && last && strcmp(last, ".expected_rate") == 0;
}

static void add_line(model_lines *lines, const char *key, const char *value) {
  if (may_change(key)) return;
  lines->line =
      check_grow(lines->line, &lines->capacity, (size_t)lines->count + 1, sizeof *lines->line);
  model_line *line = &lines->line[lines->count++];
  line->key = strcpy(check_allocate(strlen(key) + 1, 1), key);
  line->value = strcpy(check_allocate(strlen(value) + 1, 1), value);
}

/* Walk a node; `key` is its dotted key, a buffer that grows at its end. */
static void walk(yaml_document_t *document, yaml_node_t *node, char *key, size_t size,
                 model_lines *lines) {
  const size_t end = strlen(key);
  const char *dot = end ? "." : "";
  if (node->type == YAML_SCALAR_NODE) add_line(lines, key, (const char *)node->data.scalar.value);
  if (node->type == YAML_SEQUENCE_NODE) {
    int index = 0;
    for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top;
         i++) {
      snprintf(key + end, size - end, "%s%d", dot, index++);
      walk(document, yaml_document_get_node(document, *i), key, size, lines);
    }
  }
  if (node->type == YAML_MAPPING_NODE)
    for (yaml_node_pair_t *i = node->data.mapping.pairs.start; i < node->data.mapping.pairs.top;
         i++) {
      const yaml_node_t *name = yaml_document_get_node(document, i->key);
      snprintf(key + end, size - end, "%s%s", dot, (const char *)name->data.scalar.value);
      walk(document, yaml_document_get_node(document, i->value), key, size, lines);
    }
  key[end] = 0;
}

static model_lines read_lines(const char *text, size_t length) {
  model_lines lines = {0};
  char key[1024] = "";
  yaml_parser_t parser;
  yaml_document_t document;
  if (!yaml_parser_initialize(&parser)) CHECK_ABORT("out of memory: a YAML parser");
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
  if (!yaml_parser_load(&parser, &document) || !yaml_document_get_root_node(&document))
    CHECK_ABORT("an effective model is no YAML");
  walk(&document, yaml_document_get_root_node(&document), key, sizeof key, &lines);
  yaml_document_delete(&document);
  yaml_parser_delete(&parser);
  return lines;
}

static void free_lines(model_lines *lines) {
  for (int i = 0; i < lines->count; i++) {
    free(lines->line[i].key);
    free(lines->line[i].value);
  }
  free(lines->line);
}

static model_lines lines_of(const model *m) {
  char *text = NULL;
  size_t length = 0;
  FILE *memory = open_memstream(&text, &length);
  if (!memory || model_write(m, memory) != OK || fclose(memory) != 0)
    CHECK_ABORT("the effective model cannot be written to memory");
  const model_lines lines = read_lines(text, length);
  free(text);
  return lines;
}

const char *checkpoint_model_hash(const model *m, char hash[33]) {
  model_lines lines = lines_of(m);
  XXH3_state_t *state = XXH3_createState();
  if (!state) CHECK_ABORT("out of memory: a hash");
  XXH3_128bits_reset(state);
  for (int i = 0; i < lines.count; i++) { /* the final zeros keep key and value apart */
    XXH3_128bits_update(state, lines.line[i].key, strlen(lines.line[i].key) + 1);
    XXH3_128bits_update(state, lines.line[i].value, strlen(lines.line[i].value) + 1);
  }
  const XXH128_hash_t h = XXH3_128bits_digest(state);
  XXH3_freeState(state);
  free_lines(&lines);
  snprintf(hash, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
  return hash;
}

static const model_line *find_line(const model_lines *lines, const char *key) {
  for (int i = 0; i < lines->count; i++)
    if (strcmp(lines->line[i].key, key) == 0) return &lines->line[i];
  return NULL;
}

/* What differs first, in words. */
static err compare_lines(const checkpoint_facts *from, const model_lines *then,
                         const model_lines *now) {
  static const char advice[] = "; at a restart only simulation.duration, record, checkpoint and "
                               "expected_rate may change";
  for (int i = 0; i < then->count || i < now->count; i++) {
    const model_line *a = i < then->count ? &then->line[i] : NULL;
    const model_line *b = i < now->count ? &now->line[i] : NULL;
    if (a && b && strcmp(a->key, b->key) == 0) {
      if (strcmp(a->value, b->value) == 0) continue;
      return check_fail(ERR_USER, "%s: %s: is %s in the checkpoint, %s in the model%s", from->path,
                        a->key, a->value, b->value, advice);
    }
    if (b && !find_line(then, b->key))
      return check_fail(ERR_USER, "%s: %s: is not in the checkpoint, %s in the model%s", from->path,
                        b->key, b->value, advice);
    if (a && !find_line(now, a->key))
      return check_fail(ERR_USER, "%s: %s: is %s in the checkpoint, not in the model%s", from->path,
                        a->key, a->value, advice);
    return check_fail(ERR_USER,
                      "%s: %s: stands where the checkpoint has %s; the order may not change",
                      from->path, b ? b->key : "the model's end", a ? a->key : "its end");
  }
  return OK;
}

err checkpoint_model_check(const checkpoint_facts *from, const model *now) {
  model_lines then = read_lines(from->model_text, from->model_length), lines = lines_of(now);
  err e = compare_lines(from, &then, &lines);
  char hash[33];
  if (e == OK && strcmp(checkpoint_model_hash(now, hash), from->model_hash) != 0)
    e = check_fail(ERR_USER, "%s: the model's hash is %s in the checkpoint, %s now", from->path,
                   from->model_hash, hash);
  free_lines(&then);
  free_lines(&lines);
  return e;
}
