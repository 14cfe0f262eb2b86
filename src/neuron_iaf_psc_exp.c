#include "neuron_arrivals.h"
#include "neuron_fired.h"
#include "vector.h"

#include <math.h>

/* Leaky integrate-and-fire neuron with exponential synaptic currents, advanced exactly:
 *   dV/dt = -(V - E_L)/tau_m + (I_ex + I_in + I_e)/C_m,   dI_x/dt = -I_x/tau_syn_x
 * Rotter & Diesmann 1999, Biol Cybern 81:381, eq. 13; Tsodyks, Uziel & Markram 2000.
 * Order within a step: V from the currents of the step before (held while refractory), decay of the
 * currents, arriving input, threshold. Input is no concern of the threshold's, so that the next
 * step can take it as well; the bits are the same.
 *
 * iaf_psc_exp_shared is the same neuron where both time constants are equal: the currents are one,
 * I_syn, which spares a third of the memory that passes by in a step. */
enum { C_m, tau_m, E_L, V_reset, V_th, t_ref, I_e, tau_syn_ex, tau_syn_in, PARAMETERS };
enum { tau_syn = tau_syn_ex, SHARED_PARAMETERS };
enum { V_m, I_syn_ex, I_syn_in, STATES };
enum { I_syn = I_syn_ex, SHARED_STATES };

#define MEMBRANE_PARAMETERS                                                                        \
  {"C_m", "pF", 0, 1e6, true, 250, "membrane capacitance"},                                        \
      {"tau_m", "ms", 0, 1e6, true, 10, "membrane time constant"},                                 \
      {"E_L", "mV", -1e6, 1e6, false, -70, "resting potential"},                                   \
      {"V_reset", "mV", -1e6, 1e6, false, -70, "potential after a spike; below V_th"},             \
      {"V_th", "mV", -1e6, 1e6, false, -55, "threshold: the neuron fires where V_m >= V_th"},      \
      {"t_ref", "ms", 0, 1e6, false, 2, "V_m is held so long after a spike; a multiple of dt"}, {  \
    "I_e", "pA", -1e9, 1e9, false, 0, "constant current"                                           \
  }
#define MEMBRANE_STATE                                                                             \
  { "V_m", "mV", -1e6, 1e6, false, -70, "membrane potential" }

static const neuron_field parameters[PARAMETERS] = {
    MEMBRANE_PARAMETERS,
    {"tau_syn_ex", "ms", 0, 1e6, true, 2, "time constant of the excitatory synaptic current"},
    {"tau_syn_in", "ms", 0, 1e6, true, 2, "time constant of the inhibitory synaptic current"},
};
static const neuron_field shared_parameters[SHARED_PARAMETERS] = {
    MEMBRANE_PARAMETERS,
    {"tau_syn", "ms", 0, 1e6, true, 2, "time constant of the synaptic current"},
};
static const neuron_field states[STATES] = {
    MEMBRANE_STATE,
    {"I_syn_ex", "pA", -1e9, 1e9, false, 0, "excitatory synaptic current"},
    {"I_syn_in", "pA", -1e9, 1e9, false, 0, "inhibitory synaptic current"},
};
static const neuron_field shared_states[SHARED_STATES] = {
    MEMBRANE_STATE,
    {"I_syn", "pA", -1e9, 1e9, false, 0, "synaptic current"},
};
static const char *const receptors[] = {"excitatory", "inhibitory"};
static const char *const shared_receptors[] = {"synaptic"};
static const char *const receptor_units[] = {"pA", "pA"};
static const int receptor_state[] = {I_syn_ex, I_syn_in};

enum { P22, P20, REST, RESET, THRESHOLD, REFRACTORY, DRIVE, P21_ex, P11_ex, P21_in, P11_in };
enum { P21 = P21_ex, P11 = P11_ex };

static const char *check(const double *p, double dt) {
  /* in single precision too: who is reset must not fire at once */
  if ((float)p[V_reset] >= (float)p[V_th])
    return "V_reset must be below V_th, by more than single precision rounds";
  return neuron_check_refractory(p[t_ref], dt);
}

/* Effect on V after h of a current with time constant tau_syn that is 1 now; the two exponentials
 * merge where the time constants do. */
static double propagator(double tau_of_current, double tau, double capacitance, double h) {
  const double x = h * fabs(1 / tau - 1 / tau_of_current);
  const double ratio = x < 1e-9 ? 1 - x / 2 : -expm1(-x) / x;
  return h / capacitance * exp(-h / fmax(tau, tau_of_current)) * ratio;
}

static void compile_shared(const double *p, double dt, double *c) {
  c[P22] = exp(-dt / p[tau_m]);
  c[P20] = -p[tau_m] / p[C_m] * expm1(-dt / p[tau_m]);
  c[REST] = p[E_L];
  c[RESET] = p[V_reset];
  c[THRESHOLD] = p[V_th];
  c[REFRACTORY] = neuron_refractory_steps(p[t_ref], dt);
  c[DRIVE] = p[I_e] * c[P20];
  c[P21] = propagator(p[tau_syn], p[tau_m], p[C_m], dt);
  c[P11] = exp(-dt / p[tau_syn]);
}

static void compile(const double *p, double dt, double *c) {
  compile_shared(p, dt, c);
  c[P21_in] = propagator(p[tau_syn_in], p[tau_m], p[C_m], dt);
  c[P11_in] = exp(-dt / p[tau_syn_in]);
}

/* What both kernels share: constants, and a step of neuron i's potential by what the currents move
 * it. V relaxes to `constant` / (1 - p22), which is E_L and what I_e adds: with p22 as it is
 * rounded, so that rounding does not move the resting potential. */
#define CONSTANTS(real)                                                                            \
  const real p22 = (real)c[P22], p20 = (real)c[P20], p21_ex = (real)c[P21_ex];                     \
  const real p11_ex = (real)c[P11_ex], reset = (real)c[RESET], threshold = (real)c[THRESHOLD];     \
  const real constant = (real)(c[REST] * (1 - (double)p22) + c[DRIVE])
#define MEMBRANE_STEP(real, late, by_currents)                                                     \
  const real before = v[i];                                                                        \
  const real moved = before * p22 + (by_currents);                                                 \
  const real potential = !late && refractory[i] ? before : moved;                                  \
  v[i] = potential;                                                                                \
  any |= potential >= threshold

/* A step of neuron i; `driven` and `added` are what the bare case leaves out. */
#define STEP(real, late, driven, added)                                                            \
  ARRIVALS_TAKE(real, arrived_ex, ex, i, added);                                                   \
  ARRIVALS_TAKE(real, arrived_in, in, i, added);                                                   \
  const real i_ex = late ? ex[i] + arrived_ex : ex[i], i_in = late ? in[i] + arrived_in : in[i];   \
  MEMBRANE_STEP(real, late, driven + (i_ex * p21_ex + i_in * p21_in));                             \
  ex[i] = late ? i_ex * p11_ex : i_ex * p11_ex + arrived_ex;                                       \
  in[i] = late ? i_in * p11_in : i_in * p11_in + arrived_in
#define SHARED_STEP(real, late, driven, added)                                                     \
  ARRIVALS_TAKE(real, arrived, ex, i, added);                                                      \
  const real i_syn = late ? ex[i] + arrived : ex[i];                                               \
  MEMBRANE_STEP(real, late, driven + i_syn * p21_ex);                                              \
  ex[i] = late ? i_syn * p11_ex : i_syn * p11_ex + arrived
#define BLOCK_STEPS(real, step, late)                                                              \
  if (bare)                                                                                        \
    for (int i = first; i < end; i++) {                                                            \
      step(real, late, constant, ARRIVALS_BARE);                                                   \
    }                                                                                              \
  else                                                                                             \
    for (int i = first; i < end; i++) {                                                            \
      step(real, late, (constant + current[i] * p20), ARRIVALS_ADDED);                             \
    }
#define ALL_STEPS(real, step)                                                                      \
  int fires = 0;                                                                                   \
  for (int first = 0, end; first < count; first = end) {                                           \
    int32_t any = 0;                                                                               \
    end = neuron_block_end(first, count);                                                          \
    if (late) {                                                                                    \
      BLOCK_STEPS(real, step, true);                                                               \
    } else {                                                                                       \
      BLOCK_STEPS(real, step, false);                                                              \
    }                                                                                              \
    if (!any) continue;                                                                            \
    uint8_t flag[NEURON_BLOCK];                                                                    \
    for (int i = first; i < end; i++) flag[i - first] = v[i] >= threshold;                         \
    const int before = fires;                                                                      \
    fires = neuron_list_fired(flag, first, end - first, fired, fires);                             \
    for (int k = before; k < fires; k++) v[fired[k]] = reset;                                      \
  }                                                                                                \
  return fires

/* The kernels take restrict pointers as parameters: only so do compilers make vectors of them. */
#define DEFINE_UPDATE(real, whole, name)                                                           \
  VECTOR_CLONES static int name##_kernel(                                                          \
      int count, const double *c, real *restrict v, real *restrict ex, real *restrict in,          \
      const uint8_t *restrict refractory, ARRIVALS_PARAMETERS(real, whole, ex),                    \
      ARRIVALS_PARAMETERS(real, whole, in), bool bare, bool late, const real *restrict current,    \
      uint32_t *restrict fired) {                                                                  \
    CONSTANTS(real);                                                                               \
    const real p21_in = (real)c[P21_in], p11_in = (real)c[P11_in];                                 \
    ALL_STEPS(real, STEP);                                                                         \
  }                                                                                                \
  VECTOR_CLONES static int name##_shared_kernel(                                                   \
      int count, const double *c, real *restrict v, real *restrict ex,                             \
      const uint8_t *restrict refractory, ARRIVALS_PARAMETERS(real, whole, ex), bool bare,         \
      bool late, const real *restrict current, uint32_t *restrict fired) {                         \
    CONSTANTS(real);                                                                               \
    ALL_STEPS(real, SHARED_STEP);                                                                  \
  }                                                                                                \
  static int name(const neuron_segment *s) {                                                       \
    return name##_kernel(s->count, s->constants, s->state[V_m], s->state[I_syn_ex],                \
                         s->state[I_syn_in], s->refractory, ARRIVALS_ARGUMENTS(real, s, 0),        \
                         ARRIVALS_ARGUMENTS(real, s, 1), s->bare, s->late, s->current, s->fired);  \
  }                                                                                                \
  static int name##_shared(const neuron_segment *s) {                                              \
    return name##_shared_kernel(s->count, s->constants, s->state[V_m], s->state[I_syn],            \
                                s->refractory, ARRIVALS_ARGUMENTS(real, s, 0), s->bare, s->late,   \
                                s->current, s->fired);                                             \
  }                                                                                                \
  static void name##_impose(const neuron_segment *s, int i) {                                      \
    ((real *)s->state[V_m])[i] = (real)s->constants[RESET];                                        \
  }
DEFINE_UPDATE(float, int32_t, iaf_psc_exp_single)
DEFINE_UPDATE(double, int64_t, iaf_psc_exp_double)

#define MODEL_SOURCE                                                                               \
  "Rotter & Diesmann 1999, Biol Cybern 81:381; Tsodyks et al. 2000, J Neurosci 20:RC50"

const neuron_model neuron_iaf_psc_exp = {
    .name = "iaf_psc_exp",
    .source = MODEL_SOURCE,
    .parameters = PARAMETERS,
    .states = STATES,
    .receptors = 2,
    .parameter = parameters,
    .state = states,
    .receptor = receptors,
    .receptor_unit = receptor_units,
    .receptor_positive = 0,
    .receptor_negative = 1,
    .receptor_state = receptor_state,
    .takes_late = true,
    .check = check,
    .compile = compile,
    .refractory_steps = REFRACTORY,
    .update = {iaf_psc_exp_single, iaf_psc_exp_double},
    .impose = {iaf_psc_exp_single_impose, iaf_psc_exp_double_impose},
};

const neuron_model neuron_iaf_psc_exp_shared = {
    .name = "iaf_psc_exp_shared",
    .source = MODEL_SOURCE,
    .parameters = SHARED_PARAMETERS,
    .states = SHARED_STATES,
    .receptors = 1,
    .parameter = shared_parameters,
    .state = shared_states,
    .receptor = shared_receptors,
    .receptor_unit = receptor_units,
    .receptor_positive = 0,
    .receptor_negative = 0,
    .receptor_state = receptor_state,
    .takes_late = true,
    .check = check,
    .compile = compile_shared,
    .refractory_steps = REFRACTORY,
    .update = {iaf_psc_exp_single_shared, iaf_psc_exp_double_shared},
    .impose = {iaf_psc_exp_single_impose, iaf_psc_exp_double_impose},
};
