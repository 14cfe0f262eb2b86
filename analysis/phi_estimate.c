#include "phi_estimate.h"

#include "phi_linear.h"
#include "phi_progress.h"
#include "random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WEAK 10
#define ROUNDING 1e-12 /* of a value; nothing is above a surrogate by less */
enum { INDEX_BLOCK = 40, INDEX_SHIFT };

void phi_transitions_count(int64_t pairs, int n, const double *before, const double *after,
                           double prior, phi_transitions *made) {
  const size_t states = (size_t)1 << n, width = (size_t)n;
  *made = (phi_transitions){.n = n, .visits = check_allocate(states, sizeof *made->visits)};
  made->on = check_allocate(states * width, sizeof *made->on);
  made->table = check_allocate(states * width, sizeof *made->table);
  for (int64_t t = 0; t < pairs; t++) {
    size_t state = 0;
    for (int j = 0; j < n; j++) state |= (size_t)(before[t * n + j] > 0) << j;
    made->visits[state]++;
    for (int j = 0; j < n; j++) made->on[state * width + (size_t)j] += after[t * n + j] > 0;
  }
  for (size_t i = 0; i < states * width; i++) {
    const double visits = (double)made->visits[i / width] + 2 * prior;
    made->table[i] = visits > 0 ? ((double)made->on[i] + prior) / visits : 0.5;
  }
}

void phi_transitions_free(phi_transitions *t) {
  free(t->visits);
  free(t->on);
  free(t->table);
}

/* Pairs of one recording, redrawn recording or surrogate. */
typedef struct {
  int64_t count;
  int n;
  double *before, *after; /* [count][n] */
} pairs;

static pairs pairs_make(int64_t count, int n) {
  const size_t size = (size_t)count * (size_t)n;
  return (pairs){count, n, check_allocate(size, sizeof(double)),
                 check_allocate(size, sizeof(double))};
}

static void pairs_free(pairs *p) {
  free(p->before);
  free(p->after);
}

static pairs pairs_of(int64_t samples, int n, const double *value, int64_t lag) {
  pairs p = pairs_make(samples - lag, n);
  const size_t bytes = (size_t)p.count * (size_t)n * sizeof *value;
  memcpy(p.before, value, bytes);
  memcpy(p.after, value + lag * n, bytes);
  return p;
}

static pairs redraw(const pairs *from, int64_t block, uint64_t seed, uint32_t who, int replicate) {
  pairs p = pairs_make(from->count, from->n);
  const size_t row = (size_t)from->n * sizeof(double);
  if (block > from->count) block = from->count;
  for (int64_t at = 0, draw = 0; at < from->count; at += block, draw++) {
    uint32_t word = random_draw(seed, RANDOM_SAMPLE, INDEX_BLOCK, who,
                                (uint64_t)replicate << 32 | (uint64_t)draw)
                        .word[0];
    int64_t first = random_below(word, (uint32_t)(from->count - block + 1));
    int64_t length = from->count - at < block ? from->count - at : block;
    memcpy(p.before + at * from->n, from->before + first * from->n, (size_t)length * row);
    memcpy(p.after + at * from->n, from->after + first * from->n, (size_t)length * row);
  }
  return p;
}

static pairs shift(int64_t samples, int n, const double *value, const phi_plan *plan, uint32_t who,
                   int replicate) {
  double *shifted = check_allocate((size_t)samples * (size_t)n, sizeof *shifted);
  for (int j = 0; j < n; j++) {
    uint32_t word = random_draw(plan->seed, RANDOM_SAMPLE, INDEX_SHIFT, who,
                                (uint64_t)replicate << 16 | (uint64_t)j)
                        .word[0];
    const int64_t by = random_below(word, (uint32_t)samples);
    for (int64_t t = 0; t < samples; t++) shifted[(t + by) % samples * n + j] = value[t * n + j];
  }
  pairs p = pairs_of(samples, n, shifted, plan->lag);
  free(shifted);
  return p;
}

static bool asks_iit(const phi_plan *plan) { return plan->request.asked >> PHI_ASK_IIT3; }

static bool asks_table(const phi_plan *plan) { return plan->request.asked >> PHI_ASK_EFFECTIVE; }

static bool asks_practical(const phi_plan *plan) {
  return plan->request.asked & ((1u << PHI_ASK_EFFECTIVE) - 1);
}

static err joint_of(const pairs *p, phi_joint *made) {
  const size_t states = (size_t)1 << p->n;
  double *joint = check_allocate(states * states, sizeof *joint);
  for (int64_t t = 0; t < p->count; t++) {
    size_t x = 0, y = 0;
    for (int j = 0; j < p->n; j++) {
      x |= (size_t)(p->before[t * p->n + j] > 0) << j;
      y |= (size_t)(p->after[t * p->n + j] > 0) << j;
    }
    joint[x * states + y] += 1 / (double)p->count;
  }
  err e = phi_joint_make(p->n, NULL, joint, made);
  free(joint);
  return e;
}

static err network_of(const phi_transitions *t, int64_t state, phi_network *made) {
  uint8_t bits[32];
  for (int j = 0; j < t->n; j++) bits[j] = state >> j & 1;
  return phi_network_create(made, t->n, t->table, NULL, bits);
}

/* What measures are taken of, each empty where none needs it. */
typedef struct {
  phi_covariances gaussian;
  phi_joint joint, uniform;
  phi_network network;
  phi_sources is;
} sources;

static err sources_make(const phi_plan *plan, const pairs *p, int64_t state, sources *made) {
  phi_transitions t = {0};
  err e = OK;
  *made = (sources){0};
  if (plan->gaussian) {
    e = phi_covariances_pairs(p->count, p->n, p->before, p->after, plan->ridge, &made->gaussian);
    if (!e) made->is.gaussian = &made->gaussian;
  } else if (asks_practical(plan)) {
    e = joint_of(p, &made->joint);
    if (!e) made->is.joint = &made->joint;
  }
  if (!e && asks_table(plan) && !plan->gaussian) {
    phi_transitions_count(p->count, p->n, p->before, p->after, plan->prior, &t);
    e = phi_joint_table(p->n, t.table, PHI_INPUT_UNIFORM, &made->uniform);
    if (!e) made->is.uniform = &made->uniform;
    if (!e && asks_iit(plan)) e = network_of(&t, state, &made->network);
    if (!e && asks_iit(plan)) made->is.network = &made->network;
  }
  phi_transitions_free(&t);
  return e;
}

static void sources_free(sources *s) {
  if (s->is.network) phi_network_free(&s->network);
  phi_covariances_free(&s->gaussian);
  phi_joint_free(&s->joint);
  phi_joint_free(&s->uniform);
}

static err evaluate(const phi_plan *plan, const pairs *p, int64_t state, double *value,
                    json_t *details) {
  sources s;
  err e = sources_make(plan, p, state, &s);
  if (!e) e = phi_evaluate(&plan->request, &s.is, value, details);
  sources_free(&s);
  return e;
}

/* Pairs that the covariances of Gaussian variables ask for: ten each. */
static double pairs_wanted(int n) { return 10.0 * n * (2 * n + 1); }

static int constant_columns(const pairs *p) {
  int constant = 0;
  for (int j = 0; j < p->n; j++) {
    int64_t t = 0;
    while (t < p->count && p->before[t * p->n + j] == p->before[j] &&
           p->after[t * p->n + j] == p->before[j])
      t++;
    constant += t == p->count;
  }
  return constant;
}

static void cover(const phi_plan *plan, const pairs *p, phi_coverage *c) {
  *c = (phi_coverage){.pairs = p->count, .state = plan->state};
  const double n = p->n;
  if (plan->gaussian) {
    c->constant = constant_columns(p);
    c->insufficient = c->constant > 0 || (double)p->count < pairs_wanted(p->n);
    return;
  }
  phi_transitions t;
  phi_transitions_count(p->count, p->n, p->before, p->after, 0, &t);
  c->states = (int64_t)1 << p->n;
  c->fewest = INT64_MAX;
  int64_t most = 0;
  for (int64_t i = 0; i < c->states; i++) {
    c->seen += t.visits[i] > 0;
    c->weak += t.visits[i] > 0 && t.visits[i] < WEAK;
    if (t.visits[i] && t.visits[i] < c->fewest) c->fewest = t.visits[i];
    if (t.visits[i] > t.visits[most]) most = i;
  }
  if (plan->state < 0) c->state = most;
  c->state_share = (double)t.visits[c->state] / (double)p->count;
  if (asks_table(plan)) c->insufficient = c->seen < c->states || c->weak > 0;
  if (asks_practical(plan)) c->insufficient |= (double)p->count < 10 * pow(4, n);
  for (int j = 0; j < p->n; j++) {
    int64_t on = 0;
    for (int64_t i = 0; i < c->states; i++) on += (i >> j & 1) * t.visits[i];
    c->constant += on == 0 || on == p->count;
  }
  c->insufficient |= c->constant > 0;
  phi_transitions_free(&t);
}

void phi_coverage_text(const phi_coverage *c, int n, bool gaussian, char *text, size_t size) {
  if (gaussian)
    snprintf(text, size, "the data may not carry the estimate: %lld pairs for %d covariances%s%s",
             (long long)c->pairs, n * (2 * n + 1),
             (double)c->pairs < pairs_wanted(n) ? " (fewer than ten each)" : "",
             c->constant ? "; some variables never change" : "");
  else
    snprintf(
        text, size,
        "the data may not carry the estimate: %lld of %lld states were seen, %lld of them fewer "
        "than %d times, in %lld pairs of samples (for the practical measures %.0f are wanted, "
        "ten a pair of states)%s",
        (long long)c->seen, (long long)c->states, (long long)c->weak, WEAK, (long long)c->pairs,
        10 * pow(4, n),
        c->constant == n ? "; no element ever changes: nothing is there to be integrated, "
                           "practical measures are 0 by definition, EI and IIT come from the prior"
        : c->constant
            ? "; some elements never change: cutting them off costs nothing, so that practical "
              "measures are 0 by definition, and what EI and IIT say of them comes from the prior"
            : "");
}

static json_t *table_json(const phi_plan *plan, const pairs *p) {
  phi_transitions t;
  phi_transitions_count(p->count, p->n, p->before, p->after, plan->prior, &t);
  json_t *o = json_object(), *rows = json_array(), *visits = json_array(), *on = json_array();
  for (size_t i = 0; i < (size_t)1 << p->n; i++) {
    json_t *row = json_array(), *counts = json_array();
    for (size_t j = 0; j < (size_t)p->n; j++) {
      json_array_append_new(row, json_real(t.table[i * (size_t)p->n + j]));
      json_array_append_new(counts, json_integer(t.on[i * (size_t)p->n + j]));
    }
    json_array_append_new(rows, row);
    json_array_append_new(on, counts);
    json_array_append_new(visits, json_integer(t.visits[i]));
  }
  json_object_set_new(o, "order", json_string("little-endian"));
  json_object_set_new(o, "prior", json_real(plan->prior));
  json_object_set_new(o, "tpm", rows);
  json_object_set_new(o, "visits", visits);
  json_object_set_new(o, "on", on);
  phi_transitions_free(&t);
  return o;
}

static int ascending(const void *left, const void *right) {
  const double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

/* Quantile of sorted values, linear between neighbours. */
static double quantile(int count, const double *sorted, double q) {
  const double at = q * (count - 1);
  const int low = (int)at;
  return low + 1 < count ? sorted[low] + (at - low) * (sorted[low + 1] - sorted[low]) : sorted[low];
}

/* The values of one measure over all replicates that have one; returns how many. */
static int collect(int replicates, const double *all, int a, double *out) {
  int count = 0;
  for (int k = 0; k < replicates; k++)
    if (!isnan(all[k * PHI_ASKED + a])) out[count++] = all[k * PHI_ASKED + a];
  return count;
}

static void summarise(const phi_plan *plan, const double *redrawn, const double *shifted,
                      phi_estimate *made) {
  const int most = plan->bootstrap > plan->surrogates ? plan->bootstrap : plan->surrogates;
  double *value = check_allocate((size_t)most, sizeof *value);
  for (int a = 0; a < PHI_ASKED; a++) {
    phi_estimate_value *v = &made->of[a];
    v->low = v->high = v->surrogate_mean = v->surrogate_deviation = v->above = NAN;
    int count = collect(plan->bootstrap, redrawn, a, value);
    if (count > 1) {
      qsort(value, (size_t)count, sizeof *value, ascending);
      v->low = quantile(count, value, 0.025);
      v->high = quantile(count, value, 0.975);
    }
    count = collect(plan->surrogates, shifted, a, value);
    if (!count) continue;
    double sum = 0, squares = 0;
    int above = 0;
    for (int k = 0; k < count; k++)
      sum += value[k] / count, above += value[k] >= v->value - ROUNDING;
    for (int k = 0; k < count; k++) squares += (value[k] - sum) * (value[k] - sum);
    v->surrogate_mean = sum;
    v->surrogate_deviation = count > 1 ? sqrt(squares / (count - 1)) : NAN;
    v->above = (double)above / count;
  }
  free(value);
}

static err check(const phi_plan *plan, int64_t samples, int n) {
  if (plan->lag < 1 || samples <= plan->lag)
    return check_fail(ERR_USER,
                      "%lld samples at lag %lld give no pairs; a longer window or a smaller "
                      "lag is needed",
                      (long long)samples, (long long)plan->lag);
  if (samples > UINT32_MAX)
    return check_fail(ERR_USER, "%lld samples are more than 2^32", (long long)samples);
  if (!plan->gaussian && n > (asks_practical(plan) ? 12 : PHI_UNIT_LIMIT))
    return check_fail(ERR_USER,
                      "%d binary elements have 2^%d states; allowed are up to 12 elements (more: "
                      "--model gaussian)",
                      n, n);
  if (plan->gaussian && asks_table(plan))
    return check_fail(ERR_USER,
                      "EI, iit3, iit4 and structure are of binary elements, not of Gaussian "
                      "variables");
  if (plan->state >= 0 && plan->state >> n)
    return check_fail(ERR_USER, "state %lld is not one of %d elements", (long long)plan->state, n);
  return OK;
}

err phi_estimate_predict(const phi_plan *plan, int64_t samples, int n, const double *value,
                         double *seconds) {
  *seconds = 0;
  phi_linear_serial();
  err e = check(plan, samples, n);
  if (e) return e;
  phi_coverage coverage;
  sources s;
  const double begun = phi_progress_processor_seconds();
  pairs p = pairs_of(samples, n, value, plan->lag);
  cover(plan, &p, &coverage);
  e = sources_make(plan, &p, coverage.state, &s);
  const double sources_seconds = phi_progress_processor_seconds() - begun;
  if (!e) *seconds = sources_seconds + phi_evaluate_predict(&plan->request, &s.is);
  *seconds *= 1 + plan->bootstrap + plan->surrogates;
  sources_free(&s);
  pairs_free(&p);
  return e;
}

err phi_estimate_make(const phi_plan *plan, uint32_t who, int64_t samples, int n,
                      const double *value, phi_estimate *made, json_t *details) {
  phi_linear_serial();
  memset(made, 0, sizeof *made);
  for (int a = 0; a < PHI_ASKED; a++)
    made->of[a] = (phi_estimate_value){NAN, NAN, NAN, NAN, NAN, NAN};
  err e = check(plan, samples, n);
  if (e) return e;
  pairs p = pairs_of(samples, n, value, plan->lag);
  double main_value[PHI_ASKED];
  cover(plan, &p, &made->coverage);
  phi_progress_enter(0, 1 / (1. + plan->bootstrap + plan->surrogates));
  e = evaluate(plan, &p, made->coverage.state, main_value, details);
  phi_progress_leave();
  if (!e && details && !plan->gaussian) json_object_set_new(details, "table", table_json(plan, &p));
  const int total = e ? 0 : plan->bootstrap + plan->surrogates;
  double *all = check_allocate((size_t)total * PHI_ASKED, sizeof *all);
  int failed = 0, finished = 0;
#pragma omp parallel for schedule(dynamic) reduction(+ : failed)
  for (int k = 0; k < total; k++) {
    int before;
#pragma omp atomic read
    before = finished;
    phi_progress_enter((1. + before) / (1. + total), (2. + before) / (1. + total));
    phi_progress_at(0);
    pairs other = k < plan->bootstrap ? redraw(&p, plan->block, plan->seed, who, k)
                                      : shift(samples, n, value, plan, who, k - plan->bootstrap);
    if (evaluate(plan, &other, made->coverage.state, all + k * PHI_ASKED, NULL)) {
      failed++;
      for (int a = 0; a < PHI_ASKED; a++) all[k * PHI_ASKED + a] = NAN;
    }
    pairs_free(&other);
    phi_progress_leave();
#pragma omp atomic
    finished++;
  }
  if (!e) {
    if (failed) check_clear(); /* a replicate without a value is counted, no fault of the task */
    made->failed = failed;
    for (int a = 0; a < PHI_ASKED; a++) made->of[a].value = main_value[a];
    summarise(plan, all, all + (size_t)plan->bootstrap * PHI_ASKED, made);
  }
  free(all);
  pairs_free(&p);
  return e;
}
