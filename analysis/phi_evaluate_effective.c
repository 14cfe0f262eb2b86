#include "phi_evaluate_effective.h"

#include "phi_effective.h"

#include <stdlib.h>

static void put_effective(json_t *o, const phi_effective *e) {
  json_object_set_new(o, "information", json_real(e->information));
  json_object_set_new(o, "determinism", json_real(e->determinism));
  json_object_set_new(o, "degeneracy", json_real(e->degeneracy));
  json_object_set_new(o, "effectiveness", json_real(e->effectiveness));
}

static json_t *emergence_json(const phi_emergence *e, int states) {
  json_t *o = json_object(), *micro = json_object(), *macro = json_object(), *list = json_array();
  put_effective(micro, &e->micro);
  put_effective(macro, &e->macro);
  for (int i = 0; i < states; i++) json_array_append_new(list, json_integer(e->group[i]));
  json_object_set_new(o, "value", json_real(e->emergence));
  json_object_set_new(o, "micro", micro);
  json_object_set_new(o, "macro", macro);
  json_object_set_new(o, "macro_state_of_state", list);
  json_object_set_new(o, "searched", json_integer(e->searched));
  json_object_set_new(o, "ties", json_integer(e->tie_count));
  if (e->unit_count) {
    json_t *units = json_array();
    int n = 0;
    while (1 << n < states) n++;
    for (int j = 0; j < n; j++) json_array_append_new(units, json_integer(e->unit_group[j]));
    json_object_set_new(o, "macro_unit_of_unit", units);
  }
  json_object_set_new(o, "theory", json_string(PHI_EFFECTIVE_THEORY));
  return o;
}

/* P(y | x) of the uniform joint table. */
static double *rows_of(const phi_joint *uniform) {
  const size_t states = uniform->states;
  double *rows = check_allocate(states * states, sizeof *rows);
  for (size_t i = 0; i < states * states; i++)
    rows[i] = uniform->joint[i] / uniform->past[i / states];
  return rows;
}

static err search(const phi_joint *uniform, const double *rows, phi_emergence *found) {
  if (uniform->states <= PHI_EMERGENCE_STATES)
    return phi_emergence_by_states((int)uniform->states, rows, found);
  const uint8_t state[PHI_NETWORK_LIMIT] = {0}; /* no part of effective information */
  phi_network network;
  err e = phi_network_create_by_state(&network, uniform->n, rows, NULL, state);
  if (e) return e;
  e = phi_emergence_by_units(&network, found);
  phi_network_free(&network);
  return e;
}

err phi_evaluate_effective(const phi_joint *uniform, phi_asked a, double *value, json_t **details) {
  double *rows = rows_of(uniform);
  phi_effective micro;
  phi_emergence found;
  err e = a == PHI_ASK_EFFECTIVE ? phi_effective_compute((int)uniform->states, rows, &micro)
                                 : search(uniform, rows, &found);
  free(rows);
  if (e) return e;
  *value = a == PHI_ASK_EFFECTIVE ? micro.information : found.emergence;
  if (a == PHI_ASK_EFFECTIVE && details) {
    *details = json_object();
    json_object_set_new(*details, "value", json_real(*value));
    put_effective(*details, &micro);
    json_object_set_new(*details, "theory", json_string(PHI_EFFECTIVE_THEORY));
  }
  if (a == PHI_ASK_EMERGENCE) {
    if (details) *details = emergence_json(&found, (int)uniform->states);
    phi_emergence_free(&found);
  }
  return OK;
}
