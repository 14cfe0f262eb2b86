#include "neuron.h"
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
