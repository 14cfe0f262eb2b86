/* model_yaml.h - YAML text as a tree whose every node knows its line and its dotted key.
 *
 * Anchors, aliases and merge keys (<<) are resolved: every use is a copy of its own, so that a
 * setting that is laid over one use leaves the others alone. Internal to the model module.      */
#ifndef SHINKEI_MODEL_YAML_H
#define SHINKEI_MODEL_YAML_H

#include "check.h"
#include <stdbool.h>

typedef enum { TREE_TEXT, TREE_LIST, TREE_MAPPING } model_tree_kind;

typedef struct model_tree model_tree;
struct model_tree {
  model_tree_kind kind;
  int line;                 /* from 1, of the key where there is one; 0: from a setting        */
  int index;                /* position among its parent's children                            */
  const char *key;          /* under which its parent (a mapping) holds it; NULL in a list     */
  const char *text;         /* TREE_TEXT                                                       */
  bool quoted;              /* TREE_TEXT: in quotes or a block, so no number                   */
  const model_tree *parent; /* NULL: the root, whose key is the name of the file               */
  int count;                /* TREE_LIST, TREE_MAPPING                                         */
  model_tree **child;       /* [count] in order of the text                                    */
};

typedef struct {
  model_tree *root; /* a mapping */
  struct model_memory *memory;
} model_document;

/* Read a whole text; `name` stands in messages. ERR_USER: no YAML, no mapping, a key twice,
 * nested too deeply, aliases that blow up. The document is to be freed in any case.              */
LOCAL err model_document_read(const char *name, const char *text, size_t length,
                              model_document *document);
/* Lay value (YAML) over the tree at the dotted key; what is missing on the way is added.        */
LOCAL err model_document_set(model_document *document, const char *key, const char *value);
LOCAL void model_document_free(model_document *document);

/* The child of a mapping, NULL where there is none (or node is NULL). */
LOCAL const model_tree *model_tree_get(const model_tree *node, const char *key);

enum { MODEL_SHOWN_MAX = 80 };
/* A node's value on one line for a message: text, shortened, without control characters.        */
LOCAL const char *model_tree_shown(const model_tree *node, char shown[MODEL_SHOWN_MAX]);

/* Fail with "name:line: key.sub: message"; sub may be NULL. The line is that of the node.       */
LOCAL err model_tree_fail(const model_tree *node, const char *sub, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
