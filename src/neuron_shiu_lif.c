#include "neuron_arrivals.h"
#include "neuron_fired.h"
#include "vector.h"

#include <math.h>

/* The fly neuron of Shiu et al. 2024, Nature 634:210:
 *   dv/dt = (V_rest - v + g)/tau_m,   dg/dt = -g/tau_syn
 * Order within a step: (1) v and g of neurons that are not refractory take an exact linear step,
 * those of the others are held; (2) who is not refractory and above V_th fires; (3) arriving input
 * is added where the neuron is neither refractory nor firing, and lost elsewhere; (4) firing
 * neurons are reset, g to 0. A neuron that fires in step k is active again in step k + t_ref/dt:
 * refractory are the steps between. */
enum { tau_m, tau_syn, V_rest, V_reset, V_th, t_ref, PARAMETERS };
enum { v_state, g_state, STATES };

static const neuron_field parameters[PARAMETERS] = {
    {"tau_m", "ms", 0, 1e6, true, 20, "membrane time constant"},
    {"tau_syn", "ms", 0, 1e6, true, 5, "time constant of the synaptic variable g"},
    {"V_rest", "mV", -1e6, 1e6, false, -52, "resting potential"},
    {"V_reset", "mV", -1e6, 1e6, false, -52, "potential after a spike; at most V_th"},
    {"V_th", "mV", -1e6, 1e6, false, -45, "threshold: the neuron fires where v > V_th"},
    {"t_ref", "ms", 0, 1e6, false, 2.2,
     "v, g are held and input is lost so long; a multiple of dt"},
};
static const neuron_field states[STATES] = {
    {"v", "mV", -1e6, 1e6, false, -52, "membrane potential"},
    {"g", "mV", -1e6, 1e6, false, 0, "synaptic variable"},
};
static const char *const receptors[] = {"g", "v"};
static const char *const receptor_units[] = {"mV", "mV"};
static const int receptor_state[] = {g_state, v_state};

enum { DECAY_V, DECAY_G, G_TO_V, REST, RESET, THRESHOLD, REFRACTORY, CURRENT };

static const char *check(const double *p, double dt) {
  if (p[V_reset] > p[V_th]) return "V_reset must be at most V_th";
  return neuron_check_refractory(p[t_ref], dt);
}

static void compile(const double *p, double dt, double *c) {
  const double x = dt * fabs(1 / p[tau_m] - 1 / p[tau_syn]);
  c[DECAY_V] = exp(-dt / p[tau_m]);
  c[DECAY_G] = exp(-dt / p[tau_syn]);
  c[G_TO_V] =
      dt / p[tau_m] * fmax(c[DECAY_V], c[DECAY_G]) * (x < 1e-9 ? 1 - x / 2 : -expm1(-x) / x);
  c[REST] = p[V_rest];
  c[RESET] = p[V_reset];
  c[THRESHOLD] = p[V_th];
  c[REFRACTORY] = fmax(neuron_refractory_steps(p[t_ref], dt) - 1, 0);
  c[CURRENT] = -expm1(-dt / p[tau_m]);
}

#define STEP(real)                                                                                 \
  const real v_before = v[i], g_before = g[i];                                                     \
  const real moved =                                                                               \
      rest + ((v_before - rest) * decay_v + g_before * g_to_v + current[i] * drive);               \
  const int32_t active = !refractory[i], now = active & (moved > threshold);                       \
  ARRIVALS_TAKE(real, arrived_g, g, i, ARRIVALS_ADDED);                                            \
  ARRIVALS_TAKE(real, arrived_v, v, i, ARRIVALS_ADDED);                                            \
  const real g_after = g_before * decay_g + arrived_g, v_after = moved + arrived_v;                \
  const real g_held = active ? g_after : g_before, v_held = active ? v_after : v_before;           \
  g[i] = now ? 0 : g_held;                                                                         \
  v[i] = now ? reset : v_held;                                                                     \
  FIRES(now)

/* The kernel takes restrict pointers as parameters: only so do compilers make vectors of it. */
#define DEFINE_UPDATE(real, whole, name)                                                           \
  VECTOR_CLONES static int name##_kernel(int count, const double *c, real *restrict v,             \
                                         real *restrict g, const uint8_t *restrict refractory,     \
                                         ARRIVALS_PARAMETERS(real, whole, g),                      \
                                         ARRIVALS_PARAMETERS(real, whole, v),                      \
                                         const real *restrict current, uint32_t *restrict fired) { \
    const real decay_v = (real)c[DECAY_V], decay_g = (real)c[DECAY_G], g_to_v = (real)c[G_TO_V];   \
    const real rest = (real)c[REST], reset = (real)c[RESET], threshold = (real)c[THRESHOLD];       \
    const real drive = (real)c[CURRENT];                                                           \
    STEPS_WITH_FLAGS(STEP(real));                                                                  \
  }                                                                                                \
  static int name(const neuron_segment *s) {                                                       \
    return name##_kernel(s->count, s->constants, s->state[v_state], s->state[g_state],             \
                         s->refractory, ARRIVALS_ARGUMENTS(real, s, 0),                            \
                         ARRIVALS_ARGUMENTS(real, s, 1), s->current, s->fired);                    \
  }                                                                                                \
  static void name##_impose(const neuron_segment *s, int i) {                                      \
    ((real *)s->state[v_state])[i] = (real)s->constants[RESET];                                    \
    ((real *)s->state[g_state])[i] = 0;                                                            \
  }
DEFINE_UPDATE(float, int32_t, shiu_lif_single)
DEFINE_UPDATE(double, int64_t, shiu_lif_double)

const neuron_model neuron_shiu_lif = {
    .name = "shiu_lif",
    .source = "Shiu et al. 2024, Nature 634:210, model.py",
    .parameters = PARAMETERS,
    .states = STATES,
    .receptors = 2,
    .parameter = parameters,
    .state = states,
    .receptor = receptors,
    .receptor_unit = receptor_units,
    .receptor_positive = 0,
    .receptor_negative = 0,
    .receptor_state = receptor_state,
    .check = check,
    .compile = compile,
    .refractory_steps = REFRACTORY,
    .update = {shiu_lif_single, shiu_lif_double},
    .impose = {shiu_lif_single_impose, shiu_lif_double_impose},
};
