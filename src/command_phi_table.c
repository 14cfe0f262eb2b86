/* One network, from its transition table. */
#include "command_phi.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Probabilities of single nodes, where need be from those of whole states; caller frees. */
static double *by_node(const phi_table *t) {
  const size_t states = (size_t)1 << t->n, n = (size_t)t->n;
  double *on = check_allocate(states * n, sizeof *on);
  if (!t->by_state) {
    memcpy(on, t->entry, states * n * sizeof *on);
    return on;
  }
  for (size_t i = 0; i < states; i++)
    for (size_t y = 0; y < states; y++)
      for (size_t j = 0; j < n; j++)
        if (y >> j & 1) on[i * n + j] += t->entry[i * states + y];
  for (size_t i = 0; i < states * n; i++)
    if (on[i] > 1) on[i] = 1; /* rounding */
  return on;
}

static err make_joint(const phi_table *t, phi_input input, phi_joint *made) {
  if (!t->by_state) return phi_joint_table(t->n, t->entry, input, made);
  return phi_joint_rows(t->n, t->entry, input, made);
}

/* state[n] that IIT is about: given by the command, or by the table. */
static err find_state(const phi_options *o, const phi_table *t, uint8_t *state) {
  int64_t given;
  if (!o->state && !t->state)
    return check_fail(ERR_USER,
                      "%s: IIT is about a state: give it by --state, or as \"state\" in the "
                      "table",
                      o->path);
  err e = phi_options_state(o->state, t->n, &given);
  for (int j = 0; j < t->n && !e; j++)
    state[j] = o->state ? (uint8_t)(given >> j & 1) : t->state[j];
  return e;
}

static err make_network(const phi_options *o, const phi_table *t, phi_network *made) {
  uint8_t state[PHI_TABLE_NODES];
  const err e = find_state(o, t, state);
  if (e) return e;
  return t->by_state ? phi_network_create_by_state(made, t->n, t->entry, t->connectivity, state)
                     : phi_network_create(made, t->n, t->entry, t->connectivity, state);
}

static json_t *describe(const phi_options *o, const phi_table *t, json_t *measures,
                        const char *warning) {
  json_t *root = json_object(), *rows = json_array();
  double *on = by_node(t);
  const size_t n = (size_t)t->n;
  for (size_t i = 0; i < (size_t)1 << n; i++) {
    json_t *row = json_array();
    for (size_t j = 0; j < n; j++) json_array_append_new(row, json_real(on[i * n + j]));
    json_array_append_new(rows, row);
  }
  free(on);
  json_t *table = json_object();
  json_object_set_new(table, "order", json_string("little-endian"));
  json_object_set_new(table, "tpm", rows);
  json_object_set_new(root, "source", json_string(o->path));
  json_object_set_new(root, "nodes", json_integer(t->n));
  json_object_set_new(root, "input",
                      json_string(o->input == PHI_INPUT_UNIFORM ? "uniform" : "stationary"));
  json_object_set_new(root, "table", table);
  uint8_t state[PHI_TABLE_NODES];
  if (o->plan.request.asked >> PHI_ASK_IIT3 && find_state(o, t, state) == OK) {
    json_t *list = json_array();
    for (int j = 0; j < t->n; j++) json_array_append_new(list, json_integer(state[j]));
    json_object_set_new(root, "state", list);
  }
  if (warning) json_object_set_new(root, "warning", json_string(warning));
  json_object_set_new(root, "measures", measures);
  json_object_set_new(root, "definitions", json_string(phi_evaluate_definitions()));
  return root;
}

static err evaluate(const phi_options *o, const phi_table *t, json_t *measures,
                    const char **warning) {
  const uint32_t asked = o->plan.request.asked;
  phi_joint joint = {0}, uniform = {0};
  phi_network network = {0};
  phi_sources s = {0};
  double value[PHI_ASKED];
  err e = OK;
  if (asked & ((1u << PHI_ASK_EFFECTIVE) - 1)) e = make_joint(t, o->input, &joint);
  if (!e && joint.n) s.joint = &joint;
  if (!e && asked >> PHI_ASK_EFFECTIVE & 3) e = make_joint(t, PHI_INPUT_UNIFORM, &uniform);
  if (!e && uniform.n) s.uniform = &uniform;
  if (!e && asked >> PHI_ASK_IIT3) e = make_network(o, t, &network);
  if (!e && network.unit_count) s.network = &network;
  if (!e)
    e = phi_command_cost(o, t->n, 1, omp_get_max_threads(),
                         phi_evaluate_predict(&o->plan.request, &s), true);
  phi_command_watch(true);
  if (!e) e = phi_evaluate(&o->plan.request, &s, value, measures);
  phi_command_watch(false);
  if (!e && s.network && network.connectivity_deviation > 1e-9)
    *warning = "the table depends on inputs that the connectivity does not have; they were "
               "averaged out";
  if (s.network) phi_network_free(&network);
  phi_joint_free(&joint);
  phi_joint_free(&uniform);
  return e;
}

err phi_command_table(phi_options *o, int rank) {
  if (rank) return OK; /* one small network: rank 0 alone */
  phi_table t;
  err e = phi_options_out(o);
  if (!e) e = phi_command_place(o);
  if (!e) e = phi_table_read(o->path, o->order, &t);
  if (e) return e;
  e = phi_options_parts(o, t.n);
  if (!e) {
    json_t *measures = json_object();
    const char *warning = NULL;
    e = evaluate(o, &t, measures, &warning);
    if (warning) fprintf(stderr, "shinkei: warning: %s\n", warning);
    if (e)
      json_decref(measures);
    else
      e = phi_command_write(o, describe(o, &t, measures, warning));
  }
  phi_table_free(&t);
  return e;
}
