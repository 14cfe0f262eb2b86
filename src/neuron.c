#include "neuron.h"
#include <math.h>
#include <stddef.h>

#include <string.h>

extern const neuron_model neuron_iaf_psc_exp, neuron_iaf_psc_exp_shared, neuron_shiu_lif,
    neuron_parrot;

/* The table of models: a new one is its own file and one row here. */
static const neuron_model *const table[] = {
    &neuron_iaf_psc_exp, &neuron_iaf_psc_exp_shared, &neuron_shiu_lif, &neuron_parrot, NULL,
};

const neuron_model *const *neuron_models(void) { return table; }

const neuron_model *neuron_find(const char *name) {
  for (int i = 0; table[i]; i++)
    if (!strcmp(table[i]->name, name)) return table[i];
  return NULL;
}

int neuron_field_find(const neuron_field *fields, int count, const char *key) {
  for (int i = 0; i < count; i++)
    if (!strcmp(fields[i].key, key)) return i;
  return -1;
}

bool neuron_is_whole_steps(double time, double dt) {
  const double steps = round(time / dt);
  return fabs(time / dt - steps) <= 1e-6 + 4e-16 * steps && (time == 0 || steps >= 1);
}

double neuron_refractory_steps(double t_ref, double dt) { return round(t_ref / dt); }

const char *neuron_check_refractory(double t_ref, double dt) {
  if (!neuron_is_whole_steps(t_ref, dt)) return "t_ref must be a multiple of dt";
  return t_ref / dt > 1e9 ? "t_ref must be at most 1e9 steps of dt" : NULL;
}
