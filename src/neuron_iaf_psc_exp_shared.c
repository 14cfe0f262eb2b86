#include "neuron.h"
#include "neuron_propagator.h"
#include "vector.h"

/* iaf_psc_exp where excitatory and inhibitory synapses have one time constant: their currents are
 * one, which spares a third of the memory that passes by in a step.
 *   dV/dt = -(V - E_L)/tau_m + (I + I_e)/C_m,   dI/dt = -I/tau_syn
 * Rotter & Diesmann 1999, Biol Cybern 81:381, eq. 13. Order within a step: V from the current of
 * the step before (held while refractory), decay of the current, arriving input, threshold. */
enum { C_m, tau_m, tau_syn, E_L, V_reset, V_th, t_ref, I_e, PARAMETERS };
enum { V_m, I_syn, STATES };

static const neuron_field parameters[PARAMETERS] = {
    {"C_m", "pF", 0, 1e6, true, 250, "membrane capacitance"},
    {"tau_m", "ms", 0, 1e6, true, 10, "membrane time constant"},
    {"tau_syn", "ms", 0, 1e6, true, 2, "time constant of the synaptic current"},
    {"E_L", "mV", -1e6, 1e6, false, -70, "resting potential"},
    {"V_reset", "mV", -1e6, 1e6, false, -70, "potential after a spike; below V_th"},
    {"V_th", "mV", -1e6, 1e6, false, -55, "threshold: the neuron fires where V_m >= V_th"},
    {"t_ref", "ms", 0, 1e6, false, 2, "refractory time: V_m is held for so long after a spike"},
    {"I_e", "pA", -1e9, 1e9, false, 0, "constant current"},
};
static const neuron_field states[STATES] = {
    {"V_m", "mV", -1e6, 1e6, false, -70, "membrane potential"},
    {"I_syn", "pA", -1e9, 1e9, false, 0, "synaptic current"},
};
static const char *const receptors[] = {"synaptic"};
static const char *const receptor_units[] = {"pA"};
static const int receptor_state[] = {I_syn};

enum { P22, P20, P21, P11, REST, RESET, THRESHOLD, REFRACTORY, DRIVE };

static const char *check(const double *p, double dt) {
  if (p[V_reset] >= p[V_th]) return "V_reset must be below V_th";
  if (p[t_ref] / dt > 1e9) return "t_ref must be at most 1e9 steps of dt";
  return NULL;
}

static void compile(const double *p, double dt, double *c) {
  c[P22] = exp(-dt / p[tau_m]);
  c[P20] = -p[tau_m] / p[C_m] * expm1(-dt / p[tau_m]);
  c[P21] = neuron_propagator(p[tau_syn], p[tau_m], p[C_m], dt);
  c[P11] = exp(-dt / p[tau_syn]);
  c[REST] = p[E_L];
  c[RESET] = p[V_reset];
  c[THRESHOLD] = p[V_th];
  c[REFRACTORY] = round(p[t_ref] / dt);
  c[DRIVE] = p[I_e] * c[P20];
}

/* The kernel takes restrict pointers as parameters: only so do compilers make vectors of it. */
#define DEFINE_UPDATE(real, name)                                                                  \
  VECTOR_CLONES static void name##_kernel(                                                         \
      int count, const double *c, real *restrict v, real *restrict synaptic,                       \
      int32_t *restrict refractory, const real *restrict input, const real *restrict current,      \
      uint8_t *restrict spiked) {                                                                  \
    const real p22 = (real)c[P22], p20 = (real)c[P20], p21 = (real)c[P21], p11 = (real)c[P11];     \
    const real rest = (real)c[REST], reset = (real)c[RESET], threshold = (real)c[THRESHOLD];       \
    const real drive = (real)c[DRIVE];                                                             \
    const int32_t period = (int32_t)c[REFRACTORY];                                                 \
    for (int i = 0; i < count; i++) {                                                              \
      const real before = v[i];                                                                    \
      const int32_t wait = refractory[i];                                                          \
      const real moved =                                                                           \
          rest + ((before - rest) * p22 + synaptic[i] * p21 + (drive + current[i] * p20));         \
      const real potential = wait > 0 ? before : moved;                                            \
      const int32_t left = wait > 0 ? wait - 1 : 0;                                                \
      const int32_t fires = potential >= threshold;                                                \
      synaptic[i] = synaptic[i] * p11 + input[i];                                                  \
      v[i] = fires ? reset : potential;                                                            \
      refractory[i] = fires ? period : left;                                                       \
      spiked[i] = (uint8_t)fires;                                                                  \
    }                                                                                              \
  }                                                                                                \
  static void name(const neuron_segment *s) {                                                      \
    name##_kernel(s->count, s->constants, s->state[V_m], s->state[I_syn], s->refractory,           \
                  s->input[0], s->current, s->spiked);                                             \
  }                                                                                                \
  static void name##_impose(const neuron_segment *s, int i, bool fires) {                          \
    ((real *)s->state[V_m])[i] = (real)s->constants[RESET];                                        \
    s->refractory[i] = fires ? (int32_t)s->constants[REFRACTORY] : 0;                              \
  }
DEFINE_UPDATE(float, iaf_psc_exp_shared_single)
DEFINE_UPDATE(double, iaf_psc_exp_shared_double)

const neuron_model neuron_iaf_psc_exp_shared = {
    .name = "iaf_psc_exp_shared",
    .source = "Rotter & Diesmann 1999, Biol Cybern 81:381",
    .parameters = PARAMETERS,
    .states = STATES,
    .receptors = 1,
    .parameter = parameters,
    .state = states,
    .receptor = receptors,
    .receptor_unit = receptor_units,
    .receptor_positive = 0,
    .receptor_negative = 0,
    .receptor_state = receptor_state,
    .check = check,
    .compile = compile,
    .update = {iaf_psc_exp_shared_single, iaf_psc_exp_shared_double},
    .impose = {iaf_psc_exp_shared_single_impose, iaf_psc_exp_shared_double_impose},
};
