/* perturb_nodes.h - the neurons whose states make up a table. */
#ifndef SHINKEI_PERTURB_NODES_H
#define SHINKEI_PERTURB_NODES_H

#include "model.h"

enum { PERTURB_NODES_MAX = 12 };

typedef struct { /* in the order given: node 0 of the table first */
  size_t count, capacity, labels;
  uint32_t *gid;
  char **label; /* POPULATION:NODE */
} perturb_nodes;

/* "E:0,3,5-7,I:2": nodes of E, then of I. ERR_USER: no such population or node, not a list. Any
 * number of them, and any of them twice: see perturb_nodes_check. The caller frees in any case. */
LOCAL err perturb_nodes_parse(const model *m, const char *text, perturb_nodes *made);
/* ERR_USER: a neuron twice; one whose model cannot be imposed. At most PERTURB_NODES_MAX nodes. */
LOCAL err perturb_nodes_check(const model *m, const perturb_nodes *nodes);
LOCAL void perturb_nodes_free(perturb_nodes *nodes);

#endif
