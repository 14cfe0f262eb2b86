#include "phi_discrete.h"

#include "phi_linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double joint_bytes(int n, const int *levels) {
  double states = 1;
  for (int i = 0; i < n; i++) states *= levels ? levels[i] : 2;
  return states * states * sizeof(double);
}

static err count_states(int n, const int *levels, size_t *states) {
  *states = 1;
  if (n < 1) return check_fail(ERR_USER, "there are %d variables; at least 1 is needed", n);
  for (int i = 0; i < n; i++) {
    int values = levels ? levels[i] : 2;
    if (values < 2)
      return check_fail(ERR_USER, "variable %d has %d values; at least 2 are needed", i, values);
    *states *= (size_t)values;
    if (*states > PHI_DISCRETE_STATES)
      return check_fail(ERR_USER,
                        "%d discrete variables have more than %d states, which is the most: the "
                        "table of past and present would take %.3g GB",
                        n, PHI_DISCRETE_STATES, joint_bytes(n, levels) / 1e9);
  }
  return OK;
}

/* Takes over joint, which may be scaled by anything > 0. */
static void take(int n, const int *levels, size_t states, double *joint, phi_joint *made) {
  double sum = 0;
  for (size_t i = 0; i < states * states; i++) sum += joint[i];
  *made = (phi_joint){.n = n, .states = states, .joint = joint};
  made->levels = check_allocate((size_t)n, sizeof *made->levels);
  for (int i = 0; i < n; i++) made->levels[i] = levels ? levels[i] : 2;
  made->past = check_allocate(states, sizeof *made->past);
  made->present = check_allocate(states, sizeof *made->present);
  for (size_t x = 0; x < states; x++)
    for (size_t y = 0; y < states; y++) {
      double *p = &joint[x * states + y];
      *p /= sum;
      made->past[x] += *p;
      made->present[y] += *p;
    }
}

err phi_joint_make(int n, const int *levels, const double *joint, phi_joint *made) {
  memset(made, 0, sizeof *made);
  size_t states;
  err e = count_states(n, levels, &states);
  if (e) return e;
  double sum = 0;
  for (size_t i = 0; i < states * states; i++) {
    if (!(joint[i] >= 0) || joint[i] > 1 + 1e-9)
      return check_fail(ERR_USER, "P(x = %zu, y = %zu) is %g; allowed are 0 to 1", i / states,
                        i % states, joint[i]);
    sum += joint[i];
  }
  if (!(fabs(sum - 1) <= 1e-9))
    return check_fail(ERR_USER, "the joint probabilities sum to %.12g; they must sum to 1", sum);
  double *copy = check_allocate(states * states, sizeof *copy);
  memcpy(copy, joint, states * states * sizeof *copy);
  take(n, levels, states, copy, made);
  return OK;
}

/* transition[x][y] = prod_i P(y_i | x). */
static void expand(int n, size_t states, const double *tpm, double *transition) {
  for (size_t x = 0; x < states; x++) {
    double *row = transition + x * states;
    row[0] = 1;
    for (int i = 0; i < n; i++) {
      double on = tpm[x * (size_t)n + (size_t)i];
      for (size_t y = 0; y < (size_t)1 << i; y++) {
        row[y | (size_t)1 << i] = row[y] * on;
        row[y] *= 1 - on;
      }
    }
  }
}

/* The lazy chain (half a step at a time) has the same time average and no period. */
static err find_stationary(size_t states, const double *transition, double *p) {
  double *next = check_allocate(states, sizeof *next), change = 1;
  for (size_t x = 0; x < states; x++) p[x] = 1 / (double)states;
  for (int step = 0; step < 1000000 && change > 1e-15; step++) {
    for (size_t y = 0; y < states; y++) next[y] = p[y];
    for (size_t x = 0; x < states; x++)
      for (size_t y = 0; p[x] > 0 && y < states; y++) next[y] += p[x] * transition[x * states + y];
    change = 0;
    for (size_t y = 0; y < states; y++) {
      change += fabs(0.5 * next[y] - p[y]);
      p[y] = 0.5 * next[y];
    }
  }
  free(next);
  if (change <= 1e-15 || change < 1e-12) return OK;
  return check_fail(ERR_USER,
                    "the stationary distribution was not reached in a million steps "
                    "(change %g); use the uniform input",
                    change);
}

/* Takes over joint, which holds the transitions. */
static err weight_rows(int n, size_t states, double *joint, phi_input input, phi_joint *made) {
  double *p = check_allocate(states, sizeof *p);
  err e = OK;
  for (size_t x = 0; x < states; x++) p[x] = 1 / (double)states;
  if (input == PHI_INPUT_STATIONARY) e = find_stationary(states, joint, p);
  for (size_t i = 0; i < states * states; i++) joint[i] *= p[i / states];
  free(p);
  if (e)
    free(joint);
  else
    take(n, NULL, states, joint, made);
  return e;
}

err phi_joint_table(int n, const double *tpm, phi_input input, phi_joint *made) {
  memset(made, 0, sizeof *made);
  size_t states;
  err e = count_states(n, NULL, &states);
  if (e) return e;
  for (size_t i = 0; i < states * (size_t)n; i++)
    if (!(tpm[i] >= 0 && tpm[i] <= 1))
      return check_fail(ERR_USER, "P(node %zu is ON | state %zu) is %g; allowed are 0 to 1",
                        i % (size_t)n, i / (size_t)n, tpm[i]);
  double *joint = check_allocate(states * states, sizeof *joint);
  expand(n, states, tpm, joint);
  return weight_rows(n, states, joint, input, made);
}

err phi_joint_rows(int n, const double *rows, phi_input input, phi_joint *made) {
  memset(made, 0, sizeof *made);
  size_t states;
  err e = count_states(n, NULL, &states);
  if (e) return e;
  for (size_t x = 0; x < states; x++) {
    double sum = 0;
    for (size_t y = 0; y < states; y++) {
      double p = rows[x * states + y];
      if (!(p >= 0 && p <= 1))
        return check_fail(ERR_USER, "P(state %zu | state %zu) is %g; allowed are 0 to 1", y, x, p);
      sum += p;
    }
    if (!(fabs(sum - 1) <= 1e-9))
      return check_fail(ERR_USER, "row %zu sums to %.12g; it must sum to 1", x, sum);
  }
  double *joint = check_allocate(states * states, sizeof *joint);
  memcpy(joint, rows, states * states * sizeof *joint);
  return weight_rows(n, states, joint, input, made);
}

err phi_joint_series(int64_t samples, int n, const int *levels, const int *value, int64_t lag,
                     double prior, phi_joint *made) {
  memset(made, 0, sizeof *made);
  size_t states;
  err e = count_states(n, levels, &states);
  if (e) return e;
  if (lag < 1 || samples <= lag)
    return check_fail(ERR_USER, "lag is %lld of %lld samples; allowed are 1 to %lld",
                      (long long)lag, (long long)samples, (long long)samples - 1);
  if (!(prior >= 0) || !isfinite(prior))
    return check_fail(ERR_USER, "the prior count is %g; allowed are finite numbers >= 0", prior);
  size_t *state = check_allocate((size_t)samples, sizeof *state);
  for (int64_t t = 0; t < samples && !e; t++) {
    size_t stride = 1;
    for (int i = 0; i < n && !e; i++) {
      int v = value[t * n + i], most = levels ? levels[i] : 2;
      if (v < 0 || v >= most)
        e = check_fail(ERR_USER, "sample %lld of variable %d is %d; allowed are 0 to %d",
                       (long long)t, i, v, most - 1);
      state[t] += (size_t)v * stride;
      stride *= (size_t)most;
    }
  }
  if (!e) {
    double *joint = check_allocate(states * states, sizeof *joint);
    for (size_t i = 0; i < states * states; i++) joint[i] = prior;
    for (int64_t t = 0; t + lag < samples; t++) joint[state[t] * states + state[t + lag]] += 1;
    take(n, levels, states, joint, made);
  }
  free(state);
  return e;
}

void phi_joint_free(phi_joint *j) {
  free(j->levels);
  free(j->joint);
  free(j->past);
  free(j->present);
  memset(j, 0, sizeof *j);
}

static double entropy(size_t count, const double *p) {
  double sum = 0;
  for (size_t i = 0; i < count; i++)
    if (p[i] > 0) sum -= p[i] * log(p[i]);
  return sum;
}

double phi_discrete_entropy(const phi_joint *j) { return entropy(j->states, j->past); }

double phi_discrete_delayed_information(const phi_joint *j) {
  return entropy(j->states, j->past) + entropy(j->states, j->present) -
         entropy(j->states * j->states, j->joint);
}
