#include "model_yaml.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { DEPTH_MAX = 32, MEMORY_PIECE = 1 << 16 };

/* Nodes and texts live and die together: pieces of memory in a chain. */
struct model_memory {
  struct model_memory *next;
  size_t used, size;
  _Alignas(16) char bytes[];
};

typedef struct { /* copying libyaml's document into a tree */
  const char *name;
  model_document *document;
  yaml_document_t *yaml;
  bool setting;      /* lines are 0 */
  size_t nodes_left; /* against aliases that multiply */
} reading;

static void *take(model_document *d, size_t size) {
  size = (size + 15) & ~(size_t)15;
  if (!d->memory || d->memory->size - d->memory->used < size) {
    const size_t piece = size > MEMORY_PIECE ? size : MEMORY_PIECE;
    struct model_memory *memory = check_allocate(1, sizeof *memory + piece);
    memory->size = piece;
    memory->next = d->memory;
    d->memory = memory;
  }
  void *taken = d->memory->bytes + d->memory->used;
  d->memory->used += size;
  return taken;
}

static const char *take_text(model_document *d, const char *text, size_t length) {
  char *copy = take(d, length + 1);
  memcpy(copy, text, length);
  return copy;
}

void model_document_free(model_document *document) {
  for (struct model_memory *memory = document->memory, *next; memory; memory = next) {
    next = memory->next;
    free(memory);
  }
  *document = (model_document){0};
}

const model_tree *model_tree_get(const model_tree *node, const char *key) {
  if (!node || node->kind != TREE_MAPPING) return NULL;
  for (int i = 0; i < node->count; i++)
    if (!strcmp(node->child[i]->key, key)) return node->child[i];
  return NULL;
}

/* At most size - 1 characters of text, on one line. */
static void show(const char *text, char *shown, size_t size) {
  size_t length = 0;
  for (; text[length] && length < size - 4; length++) {
    const unsigned char byte = (unsigned char)text[length];
    shown[length] = byte < ' ' || byte == 127 ? '?' : text[length];
  }
  strcpy(shown + length, text[length] ? "..." : "");
}

const char *model_tree_shown(const model_tree *node, char shown[MODEL_SHOWN_MAX]) {
  if (node->kind == TREE_TEXT && (node->text[0] || node->quoted)) {
    show(node->text, shown + node->quoted, MODEL_SHOWN_MAX - 2);
    if (node->quoted) {
      shown[0] = '"';
      strcat(shown, "\"");
    }
    return shown;
  }
  static const char *const kinds[] = {"an empty value", "a list", "a mapping"};
  return strcpy(shown, kinds[node->kind]);
}

/* Append the dotted key of a node to path, from the root down. */
static void append_path(const model_tree *node, char *path, size_t size) {
  if (!node->parent) return;
  append_path(node->parent, path, size);
  const size_t used = strlen(path);
  char shown[MODEL_SHOWN_MAX];
  if (node->key) {
    show(node->key, shown, sizeof shown);
    snprintf(path + used, size - used, "%s%s", used ? "." : "", shown);
  } else {
    snprintf(path + used, size - used, "%s%d", used ? "." : "", node->index);
  }
}

err model_tree_fail(const model_tree *node, const char *sub, const char *format, ...) {
  const model_tree *root = node;
  while (root->parent) root = root->parent;
  char path[1024] = "", shown[MODEL_SHOWN_MAX], message[2048];
  append_path(node, path, sizeof path);
  const size_t used = strlen(path);
  const model_tree *given = sub ? model_tree_get(node, sub) : NULL;
  if (sub) {
    show(sub, shown, sizeof shown);
    snprintf(path + used, sizeof path - used, "%s%s", used ? "." : "", shown);
  }
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  const char *colon = path[0] ? ": " : "";
  const int line = given ? given->line : node->line;
  if (line == 0 && node->parent)
    return check_fail(ERR_USER, "%s: --set %s%s%s", root->key, path, colon, message);
  return check_fail(ERR_USER, "%s:%d: %s%s%s", root->key, line, path, colon, message);
}

/* Fail where there is no node yet. line 0: a setting, which has none. */
static err reading_fail(const reading *r, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static err reading_fail(const reading *r, int line, const char *format, ...) {
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return line > 0 ? check_fail(ERR_USER, "%s:%d: %s", r->name, line, message)
                  : check_fail(ERR_USER, "%s: %s", r->name, message);
}

static int line_of(const reading *r, const yaml_mark_t *mark) {
  return r->setting ? 0 : mark->line >= INT_MAX ? INT_MAX : (int)mark->line + 1;
}

static err add_node(reading *r, const model_tree *parent, const char *key, int index, int line,
                    model_tree **made) {
  if (!r->nodes_left) return reading_fail(r, line, "aliases multiply the file beyond measure");
  r->nodes_left--;
  model_tree *node = take(r->document, sizeof *node);
  *node = (model_tree){.line = line, .index = index, .key = key, .parent = parent};
  *made = node;
  return OK;
}

static err copy_node(reading *r, int id, int depth, model_tree *node);

static err copy_scalar(reading *r, const yaml_node_t *from, int line, const char **text) {
  const char *bytes = (const char *)from->data.scalar.value;
  const size_t length = from->data.scalar.length;
  if (memchr(bytes, 0, length)) return reading_fail(r, line, "a NUL character in a text");
  *text = take_text(r->document, bytes, length);
  return OK;
}

static err copy_list(reading *r, const yaml_node_t *from, int depth, model_tree *node) {
  const yaml_node_item_t *item = from->data.sequence.items.start;
  node->count = (int)(from->data.sequence.items.top - item);
  node->child = take(r->document, sizeof *node->child * (size_t)node->count);
  for (int i = 0; i < node->count; i++) {
    const yaml_node_t *to = yaml_document_get_node(r->yaml, item[i]);
    err e = add_node(r, node, NULL, i, line_of(r, &to->start_mark), &node->child[i]);
    if (!e) e = copy_node(r, item[i], depth + 1, node->child[i]);
    if (e) return e;
  }
  return OK;
}

static int compare_keys(const void *left, const void *right) {
  const model_tree *a = *(model_tree *const *)left, *b = *(model_tree *const *)right;
  const int order = strcmp(a->key, b->key);
  return order ? order : a->index - b->index;
}

/* Every key once. */
static err check_keys(reading *r, const model_tree *node) {
  if (node->count < 2) return OK;
  const size_t size = sizeof *node->child * (size_t)node->count;
  model_tree **sorted = memcpy(take(r->document, size), node->child, size);
  qsort(sorted, (size_t)node->count, sizeof *sorted, compare_keys);
  for (int i = 1; i < node->count; i++)
    if (!strcmp(sorted[i - 1]->key, sorted[i]->key))
      return r->setting ? model_tree_fail(sorted[i], NULL, "the key stands here a second time")
                        : model_tree_fail(sorted[i], NULL,
                                          "the key stands here a second time, first in line %d",
                                          sorted[i - 1]->line);
  return OK;
}

static bool is_merge(const yaml_node_t *key) {
  return key->type == YAML_SCALAR_NODE && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
         key->data.scalar.length == 2 && !memcmp(key->data.scalar.value, "<<", 2);
}

static void append_child(model_document *d, model_tree *node, model_tree *child) {
  model_tree **grown = take(d, sizeof *grown * ((size_t)node->count + 1));
  if (node->count) memcpy(grown, node->child, sizeof *grown * (size_t)node->count);
  child->index = node->count;
  grown[node->count++] = child;
  node->child = grown;
}

/* `<<: *other`: the keys of the other mapping (or of a list of them) that are not here yet. */
static err merge(reading *r, int id, int line, int depth, model_tree *node) {
  model_tree *other = NULL;
  err e = add_node(r, node, "<<", 0, line, &other);
  if (!e) e = copy_node(r, id, depth + 1, other);
  if (e) return e;
  model_tree *single[] = {other};
  model_tree **from = other->kind == TREE_LIST ? other->child : single;
  const int count = other->kind == TREE_LIST ? other->count : 1;
  for (int i = 0; i < count; i++) {
    if (from[i]->kind != TREE_MAPPING)
      return model_tree_fail(other, NULL, "must be an alias of a mapping, or a list of such");
    for (int k = 0; k < from[i]->count; k++) {
      model_tree *child = from[i]->child[k];
      if (model_tree_get(node, child->key)) continue;
      child->parent = node;
      append_child(r->document, node, child);
    }
  }
  return OK;
}

static err copy_pair(reading *r, const yaml_node_pair_t *pair, int depth, model_tree *node) {
  const yaml_node_t *key = yaml_document_get_node(r->yaml, pair->key);
  const int line = line_of(r, &key->start_mark);
  if (key->type != YAML_SCALAR_NODE)
    return model_tree_fail(node, NULL, "line %d: a key must be a text", line);
  const char *text = NULL;
  err e = copy_scalar(r, key, line, &text);
  if (e) return e;
  model_tree **child = &node->child[node->count];
  e = add_node(r, node, text, node->count, line, child);
  if (e) return e;
  node->count++;
  return copy_node(r, pair->value, depth + 1, *child);
}

static err copy_mapping(reading *r, const yaml_node_t *from, int depth, model_tree *node) {
  const yaml_node_pair_t *pair = from->data.mapping.pairs.start;
  const int pairs = (int)(from->data.mapping.pairs.top - pair);
  node->child = take(r->document, sizeof *node->child * (size_t)pairs);
  err e = OK;
  for (int i = 0; i < pairs && !e; i++)
    if (!is_merge(yaml_document_get_node(r->yaml, pair[i].key)))
      e = copy_pair(r, &pair[i], depth, node);
  if (!e) e = check_keys(r, node);
  for (int i = 0; i < pairs && !e; i++) {
    const yaml_node_t *key = yaml_document_get_node(r->yaml, pair[i].key);
    if (is_merge(key)) e = merge(r, pair[i].value, line_of(r, &key->start_mark), depth, node);
  }
  return e;
}

static err copy_node(reading *r, int id, int depth, model_tree *node) {
  const yaml_node_t *from = yaml_document_get_node(r->yaml, id);
  if (depth > DEPTH_MAX)
    return reading_fail(r, node->line,
                        "nested deeper than %d levels, or an alias that contains itself",
                        (int)DEPTH_MAX);
  static const char *const tags[] = {NULL, YAML_DEFAULT_SCALAR_TAG, YAML_DEFAULT_SEQUENCE_TAG,
                                     YAML_DEFAULT_MAPPING_TAG};
  if (from->type == YAML_NO_NODE || strcmp((const char *)from->tag, tags[from->type]))
    return model_tree_fail(node, NULL, "a YAML tag (!...) means nothing here");
  if (from->type == YAML_SCALAR_NODE) {
    node->kind = TREE_TEXT;
    node->quoted = from->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return copy_scalar(r, from, node->line, &node->text);
  }
  node->kind = from->type == YAML_SEQUENCE_NODE ? TREE_LIST : TREE_MAPPING;
  return node->kind == TREE_LIST ? copy_list(r, from, depth, node)
                                 : copy_mapping(r, from, depth, node);
}

static err yaml_fault(const reading *r, const yaml_parser_t *parser) {
  const char *problem = parser->problem ? parser->problem : "unreadable";
  if (parser->error == YAML_READER_ERROR)
    return reading_fail(r, 0, "not YAML: %s at byte %zu", problem, parser->problem_offset);
  return reading_fail(r, line_of(r, &parser->problem_mark), "not YAML: %s%s%s", problem,
                      parser->context ? " " : "", parser->context ? parser->context : "");
}

/* Turn the one document of a text into a tree below `node`. */
static err read_text(reading *r, const char *text, size_t length, model_tree *node) {
  yaml_parser_t parser;
  yaml_document_t first, second;
  if (!yaml_parser_initialize(&parser)) CHECK_ABORT("out of memory: a YAML parser");
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
  if (!yaml_parser_load(&parser, &first)) {
    err e = yaml_fault(r, &parser);
    yaml_parser_delete(&parser);
    return e;
  }
  err e = OK;
  r->yaml = &first;
  if (!yaml_document_get_root_node(&first)) e = reading_fail(r, 0, "empty: must be YAML");
  r->nodes_left = 10000 + 16 * (size_t)(first.nodes.top - first.nodes.start);
  if (!e) e = copy_node(r, 1, 0, node);
  if (!e && !yaml_parser_load(&parser, &second)) {
    e = yaml_fault(r, &parser);
  } else if (!e) {
    const yaml_node_t *more = yaml_document_get_root_node(&second);
    if (more)
      e = reading_fail(r, line_of(r, &more->start_mark),
                       "a second YAML document starts here; a model is one");
    yaml_document_delete(&second);
  }
  yaml_document_delete(&first);
  yaml_parser_delete(&parser);
  return e;
}

err model_document_read(const char *name, const char *text, size_t length,
                        model_document *document) {
  *document = (model_document){0};
  reading r = {.name = name, .document = document, .nodes_left = 1};
  err e = add_node(&r, NULL, name, 0, 1, &document->root);
  if (!e) e = read_text(&r, text, length, document->root);
  if (!e && document->root->kind != TREE_MAPPING)
    e = model_tree_fail(document->root, NULL,
                        "a model must be a mapping with the keys simulation, populations, ...");
  return e;
}

/* The child of `node` that one part of a dotted key names; NULL in a mapping: not there yet. */
static err find_part(const model_tree *node, const char *part, model_tree **child) {
  *child = NULL;
  char name[MODEL_SHOWN_MAX], shown[MODEL_SHOWN_MAX];
  show(part, name, sizeof name);
  if (node->kind == TREE_MAPPING) {
    *child = (model_tree *)(uintptr_t)model_tree_get(node, part);
    return OK;
  }
  if (node->kind == TREE_TEXT) {
    return model_tree_fail(node, NULL, "%s has no keys, so --set cannot reach '%s' in it",
                           model_tree_shown(node, shown), name);
  }
  char *end;
  const unsigned long index = strtoul(part, &end, 10);
  if (!node->count)
    return model_tree_fail(node, NULL, "is empty, so --set cannot reach item '%s' of it", name);
  if (part[0] < '0' || part[0] > '9' || *end || index >= (unsigned long)node->count)
    return model_tree_fail(node, NULL,
                           "'%s' is no item of this list: --set takes a number below %d", name,
                           node->count);
  *child = node->child[index];
  return OK;
}

err model_document_set(model_document *document, const char *key, const char *value) {
  char shown[MODEL_SHOWN_MAX], name[MODEL_SHOWN_MAX + 8];
  show(key, shown, sizeof shown);
  snprintf(name, sizeof name, "--set %s", shown);
  reading r = {.name = name, .document = document, .setting = true, .nodes_left = 1000};
  model_tree *node = document->root;
  for (const char *part = key, *dot; part; part = dot ? dot + 1 : NULL) {
    dot = strchr(part, '.');
    const char *text = take_text(document, part, dot ? (size_t)(dot - part) : strlen(part));
    if (!*text) return check_fail(ERR_USER, "%s: a key must be names with dots between them", name);
    model_tree *child = NULL;
    err e = find_part(node, text, &child);
    if (!e && !child) {
      e = add_node(&r, node, text, 0, 0, &child);
      if (e) return e;
      child->kind = TREE_MAPPING;
      append_child(document, node, child);
    }
    if (e) return e;
    node = child;
  }
  node->line = 0;
  node->count = 0;
  if (!value[0]) {
    node->kind = TREE_TEXT;
    node->text = "";
    return OK;
  }
  return read_text(&r, value, strlen(value), node);
}
