/* model_values.h - from nodes of the tree to values: numbers, choices, distributions, lists of
 * neurons, and whole sections by their tables. Internal to the model module.                    */
#ifndef SHINKEI_MODEL_VALUES_H
#define SHINKEI_MODEL_VALUES_H

#include "model_tables.h"
#include "model_yaml.h"

typedef struct { /* what the values refer to */
  model *m;
  const model_population *current;  /* population that KEY_NODES and KEY_RECEPTOR are about      */
  const model_population **by_name; /* [m->populations] sorted                                   */
} model_reader;

/* Nearest of the names that are offered to a misspelt word. */
typedef struct {
  const char *word, *best;
  int distance;
} model_suggestion;
LOCAL void model_suggestion_offer(model_suggestion *s, const char *name);
/* "; did you mean 'x'", or "" where nothing is near. */
LOCAL const char *model_suggestion_text(const model_suggestion *s, char text[MODEL_SHOWN_MAX]);

/* Names that are allowed where another one stands. */
typedef struct {
  model_suggestion suggestion; /* its word: what stands there                                    */
  int count;
  char text[1024];
} model_names;
LOCAL void model_names_add(model_names *names, const char *name);
LOCAL err model_names_fail(const model_names *names, const model_tree *node);

/* Read a mapping into *object by the section's table: keys unknown, missing, out of place, values
 * of the wrong type or out of range are errors; defaults are filled in. KEY_OTHER rows are left
 * to the caller. *selected (may be NULL): choice of the selector.                               */
LOCAL err model_read_section(model_reader *r, const model_section *s, const model_tree *node,
                             void *object, int *selected);

/* The node must be of a kind; `takes` says what it should be. */
LOCAL err model_read_kind(const model_tree *node, model_tree_kind kind, const char *takes);
LOCAL err model_fail_type(const model_tree *node, const char *takes);
/* Is it written like a number, "nan" and "inf" included? */
LOCAL bool model_is_number(const model_tree *node);
LOCAL err model_read_number(const model_tree *node, const model_key *range, double *value);
LOCAL err model_read_text(const model_tree *node, char **text);
LOCAL err model_read_distribution(model_reader *r, const model_tree *node, const model_key *range,
                                  bool attribute, model_distribution *distribution);

/* The range of a neuron model's field as a row. */
LOCAL model_key model_field_row(const neuron_field *field);

enum { MODEL_RANGE_MAX = 128 };
/* What a number must be, in words: "a number from 0.001 to 10 ms". */
LOCAL const char *model_range_text(const model_key *row, char text[MODEL_RANGE_MAX]);
/* Shortest decimal form that reads back as the same double. */
LOCAL const char *model_number_text(double value, char text[32]);

/* Probability that an untruncated NORMAL or LOGNORMAL lies in [low, high]. */
LOCAL double model_distribution_mass(const model_distribution *d, double low, double high);

#endif
