/* What neuron.h promises: each model against its equations, solved here in another way; both
 * precisions; the same bits from every instruction set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "neuron.h"

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a program of inputs, and neurons that take it ------------------------------------------- */

static uint64_t mix(uint64_t x) {
  x = (x ^ x >> 31) * UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ x >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
  return x ^ x >> 32;
}
static double unit(uint64_t x) { return ((double)(mix(x) >> 11) + 0.5) * 0x1p-53; }

enum {
  WIDTH = 323
}; /* no multiple of any vector, and more than a block of a kernel (neuron_arrivals.h) */

typedef struct {
  double state[NEURON_STATES_MAX][WIDTH], input[NEURON_RECEPTORS_MAX][WIDTH], current[WIDTH];
  float state_single[NEURON_STATES_MAX][WIDTH], input_single[NEURON_RECEPTORS_MAX][WIDTH];
  float current_single[WIDTH];
  int64_t sum[NEURON_RECEPTORS_MAX][WIDTH]; /* in single precision WIDTH int32_t of it */
  uint8_t counts[NEURON_RECEPTORS_MAX][WIDTH];
  double scale, weight;
  bool bare, late;
  int32_t left[WIDTH]; /* steps of refractory time */
  uint8_t refractory[WIDTH];
  uint8_t spiked[WIDTH];
  double constants[NEURON_CONSTANTS_MAX];
} cells;

static void start(cells *c, const neuron_model *model, const double *parameter, double dt) {
  memset(c, 0, sizeof *c);
  model->compile(parameter, dt, c->constants);
  for (int k = 0; k < model->states; k++)
    for (int i = 0; i < WIDTH; i++) {
      c->state[k][i] = model->state[k].value;
      c->state_single[k][i] = (float)c->state[k][i];
    }
}

static void advance(cells *c, const neuron_model *model, bool twice, int count) {
  uint32_t fired[WIDTH];
  neuron_segment s = {.count = count,
                      .refractory = c->refractory,
                      .constants = c->constants,
                      .current = twice ? (void *)c->current : c->current_single,
                      .bare = c->bare,
                      .late = c->late,
                      .fired = fired};
  for (int k = 0; k < NEURON_STATES_MAX; k++)
    s.state[k] = twice ? (void *)c->state[k] : c->state_single[k];
  for (int r = 0; r < NEURON_RECEPTORS_MAX; r++) {
    for (int i = 0; i < WIDTH; i++) c->input_single[r][i] = (float)c->input[r][i];
    s.arrivals[r] = (neuron_arrivals){.sum = c->sum[r],
                                      .scale = c->scale,
                                      .counts = c->counts[r],
                                      .weight = c->weight,
                                      .added = twice ? (void *)c->input[r] : c->input_single[r]};
  }
  for (int i = 0; i < WIDTH; i++) c->current_single[i] = (float)c->current[i];
  const int fires = model->update[twice](&s);
  memset(c->spiked, 0, sizeof c->spiked);
  for (int k = 0; k < fires; k++) {
    assert_true(k == 0 || fired[k] > fired[k - 1]);
    assert_true(fired[k] < (uint32_t)count);
    c->spiked[fired[k]] = 1;
  }
  for (int i = 0; i < count; i++) {
    if (c->left[i] > 0) c->left[i]--;
    if (c->spiked[i] && model->refractory_steps >= 0)
      c->left[i] = (int32_t)c->constants[model->refractory_steps];
    c->refractory[i] = c->left[i] > 0;
  }
}

static void defaults(const neuron_model *model, double *parameter) {
  for (int k = 0; k < model->parameters; k++) parameter[k] = model->parameter[k].value;
}

static double *at(const neuron_model *model, double *parameter, const char *key) {
  const int k = neuron_field_find(model->parameter, model->parameters, key);
  assert_true(k >= 0);
  return &parameter[k];
}

/* ---- the table ------------------------------------------------------------------------------ */

static void check_fields(const neuron_field *field, int count) {
  for (int k = 0; k < count; k++) {
    assert_true(field[k].key && field[k].key[0] && field[k].unit);
    assert_true(field[k].meaning && strlen(field[k].meaning) > 3);
    assert_true(field[k].minimum <= field[k].value && field[k].value <= field[k].maximum);
    assert_false(field[k].minimum_excluded && field[k].value == field[k].minimum);
    assert_int_equal(neuron_field_find(field, count, field[k].key), k);
  }
}

static void every_model_in_the_table_is_complete(void **state) {
  (void)state;
  int models = 0;
  for (const neuron_model *const *m = neuron_models(); *m; m++, models++) {
    const neuron_model *n = *m;
    assert_ptr_equal(neuron_find(n->name), n);
    assert_true(n->source && strlen(n->source) > 3);
    assert_in_range(n->states, 1, NEURON_STATES_MAX);
    assert_in_range(n->parameters, 0, NEURON_PARAMETERS_MAX);
    assert_in_range(n->receptors, 0, NEURON_RECEPTORS_MAX);
    check_fields(n->parameter, n->parameters);
    check_fields(n->state, n->states);
    for (int r = 0; r < n->receptors; r++) {
      assert_true(n->receptor[r] && n->receptor[r][0] && n->receptor_unit[r]);
      assert_in_range(n->receptor_state[r], 0, n->states - 1);
    }
    if (n->receptors > 0) {
      assert_in_range(n->receptor_positive, 0, n->receptors - 1);
      assert_in_range(n->receptor_negative, 0, n->receptors - 1);
    }
    assert_true(n->check && n->compile && n->update[0] && n->update[1]);
  }
  assert_true(models >= 3);
  assert_null(neuron_find("no such model"));
}

static void defaults_are_sound_and_give_finite_constants(void **state) {
  (void)state;
  const double guard = 12345.678;
  for (const neuron_model *const *m = neuron_models(); *m; m++) {
    double parameter[NEURON_PARAMETERS_MAX], constants[NEURON_CONSTANTS_MAX + 1] = {0};
    constants[NEURON_CONSTANTS_MAX] = guard;
    defaults(*m, parameter);
    assert_null((*m)->check(parameter, 0.1));
    (*m)->compile(parameter, 0.1, constants);
    for (int k = 0; k < NEURON_CONSTANTS_MAX; k++) assert_true(isfinite(constants[k]));
    assert_true(constants[NEURON_CONSTANTS_MAX] == guard);
  }
}

/* Time constants far below and far above a step of dt, and each other. */
static void constants_are_finite_for_all_time_constants(void **state) {
  (void)state;
  const double times[] = {1e-300, 1e-6, 1e-4, 0.1, 10, 1e6};
  enum { TIMES = sizeof times / sizeof *times };
  for (const neuron_model *const *m = neuron_models(); *m; m++)
    for (int k = 0; k < TIMES * TIMES; k++) {
      double parameter[NEURON_PARAMETERS_MAX], constants[NEURON_CONSTANTS_MAX] = {0};
      defaults(*m, parameter);
      for (int i = 0; i < (*m)->parameters; i++)
        if (!strncmp((*m)->parameter[i].key, "tau", 3))
          parameter[i] = times[!strcmp((*m)->parameter[i].key, "tau_m") ? k % TIMES : k / TIMES];
      (*m)->compile(parameter, 0.1, constants);
      for (int i = 0; i < NEURON_CONSTANTS_MAX; i++) assert_true(isfinite(constants[i]));
    }
}

/* Two steps of every model: what arrives as a sum, counts and others, and all of it as others. */
static void sums_counts_and_others_arrive_together_and_once(void **state) {
  (void)state;
  for (const neuron_model *const *m = neuron_models(); *m; m++)
    for (int twice = 0; twice < 2; twice++) {
      double p[NEURON_PARAMETERS_MAX];
      cells parts, whole;
      defaults(*m, p);
      start(&parts, *m, p, 0.1);
      start(&whole, *m, p, 0.1);
      parts.scale = 0.25;
      parts.weight = 0.5;
      for (int r = 0; r < (*m)->receptors; r++)
        for (int i = 0; i < WIDTH; i++) {
          const int sum = i % 23 - 9, count = i % 5 + r;
          if (twice)
            parts.sum[r][i] = sum;
          else
            ((int32_t *)parts.sum[r])[i] = sum;
          parts.counts[r][i] = (uint8_t)count;
          parts.input[r][i] = i % 3;
          whole.input[r][i] = 0.25 * sum + 0.5 * count + i % 3; /* exact */
        }
      for (int step = 0; step < 2; step++) {
        advance(&parts, *m, twice, WIDTH);
        advance(&whole, *m, twice, WIDTH);
        for (int r = 0; r < (*m)->receptors; r++) {
          for (int i = 0; i < WIDTH; i++) {
            assert_int_equal(parts.sum[r][i], 0);
            parts.counts[r][i] = 0;
            parts.input[r][i] = whole.input[r][i] = 0;
          }
        }
      }
      assert_memory_equal(parts.state, whole.state, sizeof parts.state);
      assert_memory_equal(parts.state_single, whole.state_single, sizeof parts.state_single);
      assert_memory_equal(parts.left, whole.left, sizeof parts.left);
    }
}

/* Random sums, counts and other input of one step, the same whenever asked for; or none. */
static void set_random_input(cells *c, bool twice, uint64_t step, bool arrives) {
  for (int r = 0; r < NEURON_RECEPTORS_MAX; r++)
    for (uint64_t i = 0; i < WIDTH; i++) {
      const uint64_t seed = mix(step << 20 | i << 4 | (uint64_t)r);
      const int sum = arrives ? (int)(seed % 2001) - 900 : 0;
      if (twice)
        c->sum[r][i] = sum;
      else
        ((int32_t *)c->sum[r])[i] = sum;
      c->counts[r][i] = arrives ? seed >> 20 & 3 : 0;
      c->input[r][i] = arrives && !c->bare ? 9 * unit(seed + 1) : 0;
    }
}

static void set_random_current(cells *c, uint64_t step) {
  for (uint64_t i = 0; i < WIDTH; i++) c->current[i] = c->bare ? 0 : 40 * unit(step << 20 | i);
}

static void start_random(cells *c, const neuron_model *model, bool bare) {
  double p[NEURON_PARAMETERS_MAX];
  defaults(model, p);
  start(c, model, p, 0.1);
  c->scale = 0.37;
  c->weight = 123.4;
  c->bare = bare;
}

/* The potential of neuron i, which is set to `value`. */
static double change_potential(cells *c, bool twice, int i, double value) {
  const double before = twice ? c->state[0][i] : (double)c->state_single[0][i];
  if (twice)
    c->state[0][i] = value;
  else
    c->state_single[0][i] = (float)value;
  return before;
}

/* As the step loop does between steps: who has become refractory is parked, the others are not. */
static void park(cells *c, bool twice, double kept[WIDTH]) {
  for (int i = 0; i < WIDTH; i++)
    if (c->left[i] > 0 && isnan(kept[i]))
      kept[i] = change_potential(c, twice, i, -INFINITY);
    else if (c->left[i] == 0 && !isnan(kept[i]))
      change_potential(c, twice, i, kept[i]), kept[i] = NAN;
}

static void expect_same_potentials(cells *now, cells *late, bool twice, const double kept[WIDTH]) {
  for (int i = 0; i < WIDTH; i++) {
    const double wanted = twice ? now->state[0][i] : (double)now->state_single[0][i];
    const double found = twice ? late->state[0][i] : (double)late->state_single[0][i];
    assert_true(wanted == (isnan(kept[i]) ? found : kept[i]));
    assert_true(isnan(kept[i]) || !(found > -INFINITY)); /* parked, whatever arrives */
  }
}

/* What arrives in a step is taken by the step itself, or by the next one, from which refractory
 * neurons are parked. */
static void late_arrivals_change_no_bit(void **state) {
  (void)state;
  int models = 0, spikes = 0;
  for (const neuron_model *const *m = neuron_models(); *m; m++)
    for (int way = 0; (*m)->takes_late && way < 4; way++, models++) {
      const bool twice = way & 1;
      cells now, late;
      double kept[WIDTH];
      for (int i = 0; i < WIDTH; i++) kept[i] = NAN;
      start_random(&now, *m, way & 2);
      start_random(&late, *m, way & 2);
      late.late = true;
      for (uint64_t step = 1; step <= 300; step++) {
        set_random_current(&now, step);
        set_random_current(&late, step);
        set_random_input(&now, twice, step, true);
        set_random_input(&late, twice, step - 1, step > 1);
        advance(&now, *m, twice, WIDTH);
        advance(&late, *m, twice, WIDTH);
        assert_memory_equal(now.spiked, late.spiked, WIDTH);
        park(&late, twice, kept);
        expect_same_potentials(&now, &late, twice, kept);
        for (int i = 0; i < WIDTH; i++) spikes += now.spiked[i];
      }
    }
  assert_true(models >= 8 && spikes > 1000);
}

/* ---- iaf_psc_exp ---------------------------------------------------------------------------- */

enum { V_m, I_ex, I_in };

static const neuron_model *iaf(void) { return neuron_find("iaf_psc_exp"); }

static void a_membrane_decays_and_follows_a_current_as_the_closed_form(void **state) {
  (void)state;
  double p[NEURON_PARAMETERS_MAX];
  cells c;
  defaults(iaf(), p);
  const double tau = *at(iaf(), p, "tau_m"), rest = *at(iaf(), p, "E_L");
  const double resistance = tau / *at(iaf(), p, "C_m");
  *at(iaf(), p, "I_e") = 100;
  start(&c, iaf(), p, 0.1);
  c.state[V_m][0] = -60;
  c.current[1] = 150;
  for (int step = 1; step <= 1000; step++) {
    advance(&c, iaf(), true, 2);
    const double left = exp(-0.1 * step / tau);
    const double target = rest + resistance * 100, more = rest + resistance * 250;
    assert_true(fabs(c.state[V_m][0] - (target + (-60 - target) * left)) < 1e-9);
    assert_true(fabs(c.state[V_m][1] - (more + (rest - more) * left)) < 1e-9);
    assert_false(c.spiked[0] || c.spiked[1]);
  }
}

/* Both receptors, time constants equal to that of the membrane, nearly so, and different. */
static void a_synaptic_current_moves_the_potential_as_the_closed_form(void **state) {
  (void)state;
  const double near[] = {1,   1 + 1e-15, 1 - 1e-12, 1 + 1e-10, 1 - 1e-8, 1 + 1e-6,
                         0.9, 0.05,      5,         1 + 3e-9,  1 - 3e-9, 1 + 1e-4};
  for (size_t k = 0; k < sizeof near / sizeof *near; k++) {
    double p[NEURON_PARAMETERS_MAX];
    cells c;
    defaults(iaf(), p);
    const double tau = *at(iaf(), p, "tau_m"), capacitance = *at(iaf(), p, "C_m");
    const double syn = tau * near[k], weight = 300, rest = *at(iaf(), p, "E_L");
    *at(iaf(), p, "tau_syn_ex") = *at(iaf(), p, "tau_syn_in") = syn;
    start(&c, iaf(), p, 0.1);
    for (int step = 0; step <= 600; step++) {
      c.input[0][0] = step == 0 ? weight : 0;
      c.input[1][1] = step == 0 ? -weight : 0;
      advance(&c, iaf(), true, 2);
      const double t = 0.1 * step, x = t * (1 / tau - 1 / syn);
      const double merged = fabs(x) < 1e-5 ? 1 + x / 2 + x * x / 6 : expm1(x) / x;
      const double psp = weight / capacitance * t * exp(-t / tau) * merged;
      assert_true(fabs(c.state[V_m][0] - rest - psp) < 1e-9);
      assert_true(fabs(c.state[V_m][1] - rest + psp) < 1e-9);
      assert_true(fabs(c.state[I_ex][0] - weight * exp(-t / syn)) < 1e-9);
    }
  }
}

/* The whole neuron once more, its differential equations solved by Runge and Kutta in small steps.
 */
typedef struct {
  double v, ex, in, drive;
  int held;
} plain_iaf;

static double slope(const plain_iaf *n, const double *p, double v, double t) {
  return -(v - p[2]) / p[1] +
         (n->ex * exp(-t / p[7]) + n->in * exp(-t / p[8]) + p[6] + n->drive) / p[0];
}

static bool plain_iaf_step(plain_iaf *n, const double *p, double dt, double ex, double in) {
  enum { PARTS = 40 };
  const double h = dt / PARTS;
  if (n->held > 0) {
    n->held--;
  } else {
    for (int k = 0; k < PARTS; k++) {
      const double t = k * h, a = slope(n, p, n->v, t),
                   b = slope(n, p, n->v + h / 2 * a, t + h / 2);
      const double c = slope(n, p, n->v + h / 2 * b, t + h / 2);
      n->v += h / 6 * (a + 2 * b + 2 * c + slope(n, p, n->v + h * c, t + h));
    }
  }
  n->ex = n->ex * exp(-dt / p[7]) + ex;
  n->in = n->in * exp(-dt / p[8]) + in;
  if (n->v < p[4]) return false;
  n->v = p[3];
  n->held = (int)lrint(p[5] / dt);
  return true;
}

/* Order of the parameters as above: C_m tau_m E_L V_reset V_th t_ref I_e tau_syn_ex tau_syn_in */
static void random_parameters(uint64_t seed, double *p) {
  defaults(iaf(), p);
  *at(iaf(), p, "C_m") = 100 + 300 * unit(seed + 1);
  *at(iaf(), p, "tau_m") = 5 + 20 * unit(seed + 2);
  *at(iaf(), p, "tau_syn_ex") = 0.5 + 5 * unit(seed + 3);
  *at(iaf(), p, "tau_syn_in") = seed % 3 ? 0.5 + 9 * unit(seed + 4) : *at(iaf(), p, "tau_m");
  *at(iaf(), p, "E_L") = -70 + 5 * unit(seed + 5);
  *at(iaf(), p, "V_reset") = -75 + 5 * unit(seed + 6);
  *at(iaf(), p, "V_th") = -55 + 5 * unit(seed + 7);
  *at(iaf(), p, "t_ref") = 0.1 * (double)(mix(seed + 8) % 30);
  *at(iaf(), p, "I_e") = 100 * unit(seed + 9);
  const char *const order[] = {"C_m",   "tau_m", "E_L",        "V_reset",   "V_th",
                               "t_ref", "I_e",   "tau_syn_ex", "tau_syn_in"};
  for (int k = 0; k < 9; k++)
    assert_int_equal(neuron_field_find(iaf()->parameter, iaf()->parameters, order[k]), k);
}

static void a_driven_neuron_fires_as_its_equations_integrated_otherwise(void **state) {
  (void)state;
  int spikes = 0;
  for (uint64_t set = 0; set < 12; set++) {
    double p[NEURON_PARAMETERS_MAX];
    cells c;
    random_parameters(set * 100, p);
    start(&c, iaf(), p, 0.1);
    plain_iaf n = {.v = c.state[V_m][0], .drive = 20};
    c.current[0] = 20;
    for (uint64_t step = 1; step <= 2000; step++) {
      const uint64_t seed = set << 32 | step << 2;
      c.input[0][0] = unit(seed) < 0.3 ? 250 * unit(seed + 1) : 0;
      c.input[1][0] = unit(seed + 2) < 0.1 ? -150 * unit(seed + 3) : 0;
      advance(&c, iaf(), true, 1);
      const bool fired = plain_iaf_step(&n, p, 0.1, c.input[0][0], c.input[1][0]);
      spikes += fired;
      assert_int_equal(c.spiked[0], fired);
      assert_int_equal(c.left[0], n.held);
      assert_true(fabs(c.state[V_m][0] - n.v) < 1e-9);
    }
  }
  assert_true(spikes > 200);
}

static void single_precision_stays_near_double(void **state) {
  (void)state;
  double p[NEURON_PARAMETERS_MAX];
  cells one, two;
  defaults(iaf(), p);
  *at(iaf(), p, "V_th") = 0; /* below threshold all the time */
  start(&one, iaf(), p, 0.1);
  start(&two, iaf(), p, 0.1);
  for (uint64_t step = 0; step < 5000; step++) {
    for (uint64_t i = 0; i < WIDTH; i++) {
      one.input[0][i] = two.input[0][i] = unit(step * WIDTH + i) < 0.1 ? 87.8 : 0;
      one.input[1][i] = two.input[1][i] = unit(step * WIDTH + i) > 0.98 ? -351.2 : 0;
    }
    advance(&one, iaf(), false, WIDTH);
    advance(&two, iaf(), true, WIDTH);
    for (int i = 0; i < WIDTH; i++)
      assert_true(fabs(one.state_single[V_m][i] - two.state[V_m][i]) < 1e-3);
  }
}

/* A neuron that fires in step k is held at V_reset in k + 1 .. k + t_ref / dt, while its synaptic
 * currents decay and take input. */
static void the_refractory_time_is_counted_to_the_step(void **state) {
  (void)state;
  for (int period = 0; period < 6; period++) {
    double p[NEURON_PARAMETERS_MAX];
    cells c;
    defaults(iaf(), p);
    *at(iaf(), p, "t_ref") = period * 0.1;
    start(&c, iaf(), p, 0.1);
    c.current[0] = 1e5; /* fires whenever it may */
    for (int step = 0; step < 40; step++) {
      c.input[0][0] = step == 1;
      advance(&c, iaf(), true, 1);
      assert_int_equal(c.spiked[0], step % (period + 1) == 0);
      assert_true(c.state[V_m][0] == *at(iaf(), p, "V_reset"));
      if (step == 2) assert_true(fabs(c.state[I_ex][0] - exp(-0.1 / 2)) < 1e-12);
    }
  }
}

static void parameters_that_contradict_each_other_are_refused(void **state) {
  (void)state;
  double p[NEURON_PARAMETERS_MAX];
  defaults(iaf(), p);
  *at(iaf(), p, "V_reset") = *at(iaf(), p, "V_th");
  assert_non_null(iaf()->check(p, 0.1));
  const neuron_model *fly = neuron_find("shiu_lif");
  defaults(fly, p);
  *at(fly, p, "V_reset") = *at(fly, p, "V_th") + 1;
  assert_non_null(fly->check(p, 0.1));
}

/* ---- shiu_lif ------------------------------------------------------------------------------- */

enum { FLY_V, FLY_G };

static const neuron_model *fly(void) { return neuron_find("shiu_lif"); }

/* Order of operations as in the publication's program, with the textbook solution of its linear
 * equations. rest: steps until it is active again. */
typedef struct {
  double v, g;
  int rest;
} plain_fly;

static bool plain_fly_step(plain_fly *n, double *p, double dt, double to_g, double to_v) {
  const double m = *at(fly(), p, "tau_m"), s = *at(fly(), p, "tau_syn");
  const double rest = *at(fly(), p, "V_rest");
  if (n->rest > 0) n->rest--;
  if (n->rest > 0) return false; /* held, and deaf */
  const double share = s / (s - m) * (exp(-dt / s) - exp(-dt / m));
  n->v = rest + (n->v - rest) * exp(-dt / m) + n->g * share;
  n->g *= exp(-dt / s);
  if (n->v > *at(fly(), p, "V_th")) {
    n->v = *at(fly(), p, "V_reset");
    n->g = 0;
    n->rest = (int)lrint(*at(fly(), p, "t_ref") / dt);
    return true; /* what arrives now is lost */
  }
  n->g += to_g;
  n->v += to_v;
  return false;
}

static void the_fly_neuron_keeps_the_published_order_of_operations(void **state) {
  (void)state;
  int spikes = 0;
  for (uint64_t set = 0; set < 20; set++) {
    double p[NEURON_PARAMETERS_MAX];
    cells c;
    defaults(fly(), p);
    *at(fly(), p, "t_ref") = 0.1 * (double)(set < 4 ? set : mix(set) % 40);
    *at(fly(), p, "V_reset") = -52 - 3 * unit(set);
    start(&c, fly(), p, 0.1);
    plain_fly n = {c.state[FLY_V][0], c.state[FLY_G][0], 0};
    for (uint64_t step = 0; step < 5000; step++) {
      const uint64_t seed = set << 40 | step << 3;
      c.input[0][0] = unit(seed) < 0.2 ? 6 * unit(seed + 1) - 2 : 0;
      c.input[1][0] = unit(seed + 2) < 0.03 ? 68.75 : 0;
      advance(&c, fly(), true, 1);
      const bool fired = plain_fly_step(&n, p, 0.1, c.input[0][0], c.input[1][0]);
      assert_int_equal(c.spiked[0], fired);
      assert_true(fabs(c.state[FLY_V][0] - n.v) < 1e-9 && fabs(c.state[FLY_G][0] - n.g) < 1e-9);
      spikes += fired;
    }
  }
  assert_true(spikes > 1000);
}

/* Fire in step 0, then listen in: the state after each step of the refractory time. */
static void a_refractory_fly_neuron_is_held_and_deaf(void **state) {
  (void)state;
  double p[NEURON_PARAMETERS_MAX];
  cells c;
  defaults(fly(), p);
  const int period = (int)lrint(*at(fly(), p, "t_ref") / 0.1);
  start(&c, fly(), p, 0.1);
  c.state[FLY_V][0] = 0;
  c.input[0][0] = 5; /* also lost: it arrives in the step of the spike */
  for (int step = 0; step < period; step++) {
    advance(&c, fly(), true, 1);
    assert_int_equal(c.spiked[0], step == 0);
    assert_true(c.state[FLY_V][0] == *at(fly(), p, "V_reset") && c.state[FLY_G][0] == 0);
    c.input[0][0] = 5;
    c.input[1][0] = 100;
  }
  advance(&c, fly(), true, 1);
  assert_true(c.state[FLY_G][0] == 5 && c.state[FLY_V][0] > 0);
  advance(&c, fly(), true, 1);
  assert_true(c.spiked[0]);
}

static void input_to_v_counts_from_the_next_threshold_on(void **state) {
  (void)state;
  double p[NEURON_PARAMETERS_MAX];
  cells c;
  defaults(fly(), p);
  start(&c, fly(), p, 0.1);
  c.input[1][0] = 68.75;
  advance(&c, fly(), true, 1);
  assert_false(c.spiked[0]);
  assert_true(fabs(c.state[FLY_V][0] - (68.75 + *at(fly(), p, "V_rest"))) < 1e-12);
  c.input[1][0] = 0;
  advance(&c, fly(), true, 1);
  assert_true(c.spiked[0]);
}

static void without_refractory_time_a_fly_neuron_is_never_deaf(void **state) {
  (void)state;
  double p[NEURON_PARAMETERS_MAX];
  cells c;
  defaults(fly(), p);
  *at(fly(), p, "t_ref") = 0;
  start(&c, fly(), p, 0.1);
  for (int step = 0; step < 20; step++) {
    c.input[1][0] = 68.75;
    advance(&c, fly(), true, 1);
    assert_int_equal(c.spiked[0], step % 2); /* input that arrives with a spike is lost */
  }
}

/* ---- parrot --------------------------------------------------------------------------------- */

static void a_parrot_fires_where_input_above_zero_arrives(void **state) {
  (void)state;
  cells c;
  start(&c, neuron_find("parrot"), NULL, 0.1);
  for (int twice = 0; twice < 2; twice++) {
    for (int i = 0; i < WIDTH; i++) c.input[0][i] = i % 3 - 1;
    advance(&c, neuron_find("parrot"), twice, WIDTH);
    for (int i = 0; i < WIDTH; i++) assert_int_equal(c.spiked[i], i % 3 == 2);
  }
}

/* ---- iaf_psc_exp_shared --------------------------------------------------------------------- */

/* With equal time constants the potential is that of two currents, and the current their sum. */
static void one_current_is_the_sum_of_two(void **state) {
  (void)state;
  const neuron_model *shared = neuron_find("iaf_psc_exp_shared");
  double p[NEURON_PARAMETERS_MAX];
  static cells a, b;
  int spikes = 0;
  defaults(iaf(), p);
  start(&a, iaf(), p, 0.1);
  defaults(shared, p);
  start(&b, shared, p, 0.1);
  for (uint64_t step = 0; step < 5000; step++) {
    for (uint64_t i = 0; i < WIDTH; i++) {
      const double u = unit(step << 16 | i << 4);
      a.input[0][i] = u < 0.3 ? 900 * u : 0;
      a.input[1][i] = u > 0.9 ? -300 * u : 0;
      b.input[0][i] = a.input[0][i] + a.input[1][i];
    }
    advance(&a, iaf(), true, WIDTH);
    advance(&b, shared, true, WIDTH);
    for (int i = 0; i < WIDTH; i++) {
      assert_true(fabs(a.state[0][i] - b.state[0][i]) < 1e-9);
      assert_true(fabs(a.state[1][i] + a.state[2][i] - b.state[1][i]) < 1e-9);
      assert_int_equal(a.spiked[i], b.spiked[i]);
      spikes += b.spiked[i];
    }
  }
  assert_true(spikes > 100);
}

/* ---- instruction sets ----------------------------------------------------------------------- */

/* The same sources once more, without clones, for one instruction set each (tests/CMakeLists.txt).
 */
#define COMPILED_FOR(level)                                                                        \
  extern const neuron_model neuron_iaf_psc_exp_##level, neuron_iaf_psc_exp_shared_##level,         \
      neuron_shiu_lif_##level;                                                                     \
  static const neuron_model *const compiled_##level[] = {                                          \
      &neuron_iaf_psc_exp_##level, &neuron_iaf_psc_exp_shared_##level, &neuron_shiu_lif_##level}
COMPILED_FOR(plain);
#ifdef SHINKEI_LEVELS
COMPILED_FOR(v3);
COMPILED_FOR(v4);
#endif

static void random_input(cells *c, const neuron_model *model, bool twice, uint64_t step) {
  const double size = !strcmp(model->name, "shiu_lif") ? 4 : model->receptors == 1 ? 800 : 400;
  for (uint64_t i = 0; i < WIDTH; i++) {
    const uint64_t seed = step << 16 | i << 4;
    for (int r = 0; r < model->receptors; r++)
      c->input[r][i] = unit(seed + (uint64_t)r) < 0.2 ? size * (unit(seed + 8) - 0.3) : 0;
    c->current[i] = size / 2 * unit(seed + 9);
    for (int r = 0; r < model->receptors; r++) {
      const int sum = unit(seed + 10 + (uint64_t)r) < 0.1 ? (int)(40 * unit(seed + 9)) - 20 : 0;
      if (twice)
        c->sum[r][i] = sum;
      else
        ((int32_t *)c->sum[r])[i] = sum;
      c->counts[r][i] = (uint8_t)(3 * unit(seed + 12 + (uint64_t)r));
    }
  }
  c->scale = size / 300;
  c->weight = size / 70;
}

static void leave_bare(cells *c) {
  memset(c->input, 0, sizeof c->input);
  memset(c->current, 0, sizeof c->current);
}

static void expect_same_bits(const neuron_model *other, bool twice) {
  const neuron_model *own = neuron_find(other->name);
  double p[NEURON_PARAMETERS_MAX];
  static cells a, b;
  int spikes = 0;
  defaults(own, p);
  start(&a, own, p, 0.1);
  start(&b, other, p, 0.1);
  assert_memory_equal(a.constants, b.constants, sizeof a.constants);
  for (uint64_t step = 0; step < 2000; step++) {
    random_input(&a, own, twice, step);
    random_input(&b, own, twice, step);
    a.bare = b.bare = step % 3 == 0;
    if (a.bare) leave_bare(&a), leave_bare(&b);
    const int count = step % 5 ? WIDTH : (int)(step % WIDTH);
    advance(&a, own, twice, count);
    advance(&b, other, twice, count);
    if (memcmp(&a, &b, sizeof a)) fail_msg("%s differs in step %d", own->name, (int)step);
    for (int i = 0; i < count; i++) spikes += a.spiked[i];
  }
  assert_true(spikes > 1000);
}

static void what_a_bare_segment_leaves_out_is_zero(void **state) {
  (void)state;
  for (const neuron_model *const *model = neuron_models(); *model; model++)
    for (int twice = 0; twice < 2; twice++) {
      double p[NEURON_PARAMETERS_MAX];
      static cells full, bare;
      int spikes = 0;
      defaults(*model, p);
      start(&full, *model, p, 0.1);
      start(&bare, *model, p, 0.1);
      for (uint64_t step = 0; step < 2000; step++) {
        random_input(&full, *model, twice, step);
        random_input(&bare, *model, twice, step);
        leave_bare(&full), leave_bare(&bare);
        full.weight = bare.weight = 4 * full.weight; /* so that they fire */
        full.bare = false, bare.bare = true;
        advance(&full, *model, twice, WIDTH);
        advance(&bare, *model, twice, WIDTH);
        full.bare = bare.bare;
        if (memcmp(&full, &bare, sizeof full))
          fail_msg("%s differs in step %d", (*model)->name, (int)step);
        for (int i = 0; i < WIDTH; i++) spikes += full.spiked[i];
      }
      assert_true(spikes > 100);
    }
}

static void expect_all_same(const neuron_model *const *compiled) {
  for (int k = 0; k < 6; k++) expect_same_bits(compiled[k / 2], k % 2);
}

static void the_instruction_set_changes_no_bit(void **state) {
  (void)state;
  expect_all_same(compiled_plain);
#ifdef SHINKEI_LEVELS
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    expect_all_same(compiled_v3);
  else
    print_message("x86-64-v3 is not compared: this machine has no AVX2\n");
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
    expect_all_same(compiled_v4);
  else
    print_message("x86-64-v4 is not compared: this machine has no AVX-512\n");
#endif
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_model_in_the_table_is_complete),
      cmocka_unit_test(defaults_are_sound_and_give_finite_constants),
      cmocka_unit_test(constants_are_finite_for_all_time_constants),
      cmocka_unit_test(sums_counts_and_others_arrive_together_and_once),
      cmocka_unit_test(late_arrivals_change_no_bit),
      cmocka_unit_test(a_membrane_decays_and_follows_a_current_as_the_closed_form),
      cmocka_unit_test(a_synaptic_current_moves_the_potential_as_the_closed_form),
      cmocka_unit_test(a_driven_neuron_fires_as_its_equations_integrated_otherwise),
      cmocka_unit_test(single_precision_stays_near_double),
      cmocka_unit_test(the_refractory_time_is_counted_to_the_step),
      cmocka_unit_test(parameters_that_contradict_each_other_are_refused),
      cmocka_unit_test(the_fly_neuron_keeps_the_published_order_of_operations),
      cmocka_unit_test(a_refractory_fly_neuron_is_held_and_deaf),
      cmocka_unit_test(input_to_v_counts_from_the_next_threshold_on),
      cmocka_unit_test(without_refractory_time_a_fly_neuron_is_never_deaf),
      cmocka_unit_test(a_parrot_fires_where_input_above_zero_arrives),
      cmocka_unit_test(one_current_is_the_sum_of_two),
      cmocka_unit_test(what_a_bare_segment_leaves_out_is_zero),
      cmocka_unit_test(the_instruction_set_changes_no_bit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
