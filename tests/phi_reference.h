/* phi_reference.h - reading the reference values of the exact measures (JSON, jansson). */
#ifndef SHINKEI_PHI_REFERENCE_H
#define SHINKEI_PHI_REFERENCE_H

#include "phi_system.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file phi/<name> among the shared references, or NULL with the reason printed. */
static json_t *reference_load(const char *name) {
  char path[4096];
  const char *shared = getenv("SHINKEI_SHARED"), *source = getenv("SHINKEI_SOURCE");
  if (shared)
    snprintf(path, sizeof path, "%s/reference/phi/%s", shared, name);
  else
    snprintf(path, sizeof path, "%s/../shared/reference/phi/%s", source ? source : ".", name);
  json_error_t error;
  json_t *root = json_load_file(path, 0, &error);
  if (!root) printf("skipped: no reference %s (%s)\n", path, error.text);
  return root;
}

/* A list of indices as a set. */
static inline uint32_t reference_set(const json_t *list) {
  uint32_t set = 0;
  for (size_t k = 0; k < json_array_size(list); k++)
    set |= 1u << json_integer_value(json_array_get(list, k));
  return set;
}

/* States listed for the members of a set in ascending order, as a state of the whole. */
static inline uint32_t reference_state(const json_t *list, uint32_t set) {
  uint32_t state = 0;
  for (size_t k = 0; k < json_array_size(list); k++, set &= set - 1)
    if (json_integer_value(json_array_get(list, k))) state |= set & -set;
  return state;
}

static inline double reference_number(const json_t *object, const char *key) {
  return json_number_value(json_object_get(object, key));
}

/* The network of a case: table, connectivity, state. */
static inline err reference_network(const json_t *item, phi_network *network) {
  const json_t *table = json_object_get(item, "tpm_state_by_node_le");
  const json_t *edges = json_object_get(item, "cm_from_to"), *now = json_object_get(item, "state");
  const size_t n = json_array_size(json_array_get(table, 0)), rows = json_array_size(table);
  double *on = check_allocate(rows * n, sizeof *on);
  uint8_t *connectivity = check_allocate(n * n, 1), *state = check_allocate(n, 1);
  for (size_t row = 0; row < rows; row++)
    for (size_t unit = 0; unit < n; unit++)
      on[row * n + unit] = json_number_value(json_array_get(json_array_get(table, row), unit));
  for (size_t from = 0; from < n; from++) {
    state[from] = (uint8_t)json_integer_value(json_array_get(now, from));
    for (size_t to = 0; to < n; to++)
      connectivity[from * n + to] =
          (uint8_t)json_integer_value(json_array_get(json_array_get(edges, from), to));
  }
  const err result = phi_network_create(network, (int)n, on, connectivity, state);
  free(on);
  free(connectivity);
  free(state);
  return result;
}

#endif
