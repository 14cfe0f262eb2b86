#include "neuron_arrivals.h"
#include "neuron_fired.h"
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

#define STEP(real)                                                                                 \
  ARRIVALS_TAKE(real, arrived, spike, i, ARRIVALS_ADDED);                                          \
  received[i] = arrived;                                                                           \
  FIRES(arrived > 0)
#define DEFINE_UPDATE(real, whole, name)                                                           \
  VECTOR_CLONES static int name##_kernel(int count, real *restrict received,                       \
                                         ARRIVALS_PARAMETERS(real, whole, spike),                  \
                                         uint32_t *restrict fired) {                               \
    STEPS_WITH_FLAGS(STEP(real));                                                                  \
  }                                                                                                \
  static int name(const neuron_segment *s) {                                                       \
    return name##_kernel(s->count, s->state[0], ARRIVALS_ARGUMENTS(real, s, 0), s->fired);         \
  }
DEFINE_UPDATE(float, int32_t, parrot_single)
DEFINE_UPDATE(double, int64_t, parrot_double)

/* A spike leaves nothing behind. */
static void impose(const neuron_segment *s, int i) { (void)s, (void)i; }

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
    .refractory_steps = -1,
    .update = {parrot_single, parrot_double},
    .impose = {impose, impose},
};
