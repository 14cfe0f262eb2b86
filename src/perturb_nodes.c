#include "perturb_nodes.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void perturb_nodes_free(perturb_nodes *nodes) {
  for (size_t i = 0; i < nodes->count; i++) free(nodes->label[i]);
  free(nodes->label);
  free(nodes->gid);
  *nodes = (perturb_nodes){0};
}

static void add_node(const model_population *p, uint32_t node, perturb_nodes *nodes) {
  const size_t size = strlen(p->name) + 16;
  char *label = check_allocate(size, 1);
  snprintf(label, size, "%s:%u", p->name, node);
  nodes->gid = check_grow(nodes->gid, &nodes->capacity, nodes->count + 1, sizeof *nodes->gid);
  nodes->label = check_grow(nodes->label, &nodes->labels, nodes->count + 1, sizeof *nodes->label);
  nodes->gid[nodes->count] = p->first_gid + node;
  nodes->label[nodes->count++] = label;
}

static err no_population(const model *m, const char *name, size_t length) {
  char list[400] = "";
  for (int p = 0; p < m->populations; p++) {
    const size_t at = strlen(list);
    if (at + strlen(m->population[p].name) + 8 > sizeof list) {
      strcpy(list + at, ", ...");
      break;
    }
    snprintf(list + at, sizeof list - at, "%s%s", p > 0 ? ", " : "", m->population[p].name);
  }
  return check_fail(ERR_USER, "--nodes: the model has no population '%.*s'; it has %s",
                    (int)(length < 80 ? length : 80), name, list);
}

static const model_population *find_population(const model *m, const char *name, size_t length) {
  for (int p = 0; p < m->populations; p++)
    if (strlen(m->population[p].name) == length && !memcmp(m->population[p].name, name, length))
      return &m->population[p];
  return NULL;
}

/* A node's number; *end stands behind it. */
static err parse_node(const model_population *p, const char *text, char **end, uint32_t *node) {
  errno = 0;
  const unsigned long long value = isdigit((unsigned char)*text) ? strtoull(text, end, 10) : 0;
  if (!isdigit((unsigned char)*text))
    return check_fail(ERR_USER, "--nodes: '%.40s': a number of a node or FIRST-LAST is needed",
                      text);
  if (errno || value >= p->size)
    return check_fail(ERR_USER, "--nodes %s:%.*s: population %s has %u neurons, numbered from 0",
                      p->name, (int)(*end - text), text, p->name, p->size);
  *node = (uint32_t)value;
  return OK;
}

/* "3" or "5-7", without what stands before a colon. */
static err parse_item(const model_population *p, const char *text, perturb_nodes *nodes) {
  uint32_t first, last;
  char *end = NULL;
  err e = parse_node(p, text, &end, &first);
  if (e != OK) return e;
  last = first;
  if (*end == '-') e = parse_node(p, end + 1, &end, &last);
  if (e != OK) return e;
  if (*end || last < first)
    return check_fail(ERR_USER, "--nodes: '%.40s': a number of a node or FIRST-LAST is needed",
                      text);
  for (uint32_t node = first;; node++) {
    add_node(p, node, nodes);
    if (node == last) return OK;
  }
}

err perturb_nodes_parse(const model *m, const char *text, perturb_nodes *made) {
  *made = (perturb_nodes){0};
  const model_population *p = NULL;
  char *copy = strdup(text), *rest = copy;
  if (!copy) CHECK_ABORT("out of memory");
  err e = OK;
  for (char *item; e == OK && (item = strsep(&rest, ",")) != NULL;) {
    char *colon = strrchr(item, ':');
    if (colon && !(p = find_population(m, item, (size_t)(colon - item))))
      e = no_population(m, item, (size_t)(colon - item));
    else if (!p)
      e = check_fail(ERR_USER, "--nodes %.80s: POPULATION:LIST is needed, e.g. %s:0,2-4", text,
                     m->populations > 0 ? m->population[0].name : "E");
    else
      e = parse_item(p, colon ? colon + 1 : item, made);
  }
  free(copy);
  return e;
}

err perturb_nodes_check(const model *m, const perturb_nodes *nodes) {
  for (size_t i = 0; i < nodes->count; i++) {
    const neuron_model *neuron = m->population[model_population_of(m, nodes->gid[i])].neuron;
    if (!neuron->impose[0])
      return check_fail(ERR_USER, "--nodes %s: neurons of model %s cannot be made to fire",
                        nodes->label[i], neuron->name);
    for (size_t k = 0; k < i; k++)
      if (nodes->gid[k] == nodes->gid[i])
        return check_fail(ERR_USER, "--nodes: %s is named twice", nodes->label[i]);
  }
  return OK;
}
