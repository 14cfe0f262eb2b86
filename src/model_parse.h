/* model_parse.h - the steps from a tree to a checked model. Internal to the model module.       */
#ifndef SHINKEI_MODEL_PARSE_H
#define SHINKEI_MODEL_PARSE_H

#include "model_values.h"

/* Fill *r->m (zeroed but for its name) from the tree. */
LOCAL err model_parse_tree(model_reader *r, const model_tree *root);
/* What no key tells on its own: connections that cannot be drawn, delays under dt, overlaps. */
LOCAL err model_check(const model *m, const model_tree *root);

#endif
