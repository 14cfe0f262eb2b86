#include "neuron.h"
#include "vector.h"

/* A neuron without dynamics: it fires in every step in which input above 0 arrives. With spike
 * trains as input it stands for neurons outside the network, with projections of its own. */
static const neuron_field states[] = {
    {"received", "", -1e9, 1e9, false, 0, "input of the last step"},
};
static const char *const receptors[] = {"spike"};
static const char *const receptor_units[] = {""};
static const int receptor_state[] = {0};

static const char *check(const double *parameter, double dt) {
  (void)parameter, (void)dt;
  return NULL;
}

static void compile(const double *parameter, double dt, double *constants) {
  (void)parameter, (void)dt, (void)constants;
}

#define DEFINE_UPDATE(real, name)                                                                  \
  static void name(const neuron_segment *s) {                                                      \
    real *restrict received = s->state[0];                                                         \
    const real *restrict input = s->input[0];                                                      \
    const int count = s->count;                                                                    \
    for (int i = 0; i < count; i++) {                                                              \
      received[i] = input[i];                                                                      \
      s->spiked[i] = input[i] > 0;                                                                 \
    }                                                                                              \
  }
DEFINE_UPDATE(float, update_single)
DEFINE_UPDATE(double, update_double)

/* A spike leaves nothing behind. */
static void impose(const neuron_segment *s, int i, bool fires) { (void)s, (void)i, (void)fires; }

const neuron_model neuron_parrot = {
    .name = "parrot",
    .source = "relay of its input",
    .states = 1,
    .receptors = 1,
    .state = states,
    .receptor = receptors,
    .receptor_unit = receptor_units,
    .receptor_state = receptor_state,
    .memoryless = true,
    .check = check,
    .compile = compile,
    .update = {update_single, update_double},
    .impose = {impose, impose},
};
