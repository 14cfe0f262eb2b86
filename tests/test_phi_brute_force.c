/* IIT 3.0 and 4.0 restated from their definitions, slowly, for up to four units: every state, every
 * partition, every cut and every set of distinctions written out, distances by shortest paths. It
 * shares nothing with the fast search but the network. SHINKEI_PHI_NETWORKS sets the number of
 * random networks (1000 by default). */
#include "phi_iit3.h"
#include "phi_iit4.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLOSE 1e-9
enum { UNITS = 4, STATES = 16 };

static int popcount(int set) { return __builtin_popcount((unsigned)set); }

/* The units of a system with the tables of their causes and effects, P(unit on | past state). */
typedef struct {
  int n, state;
  double cause[UNITS][STATES], effect[UNITS][STATES];
  int inputs[UNITS];
} slow_system;

/* P(unit has this value | the known units are as in `state`), other inputs uniform. */
static double slow_unit(const slow_system *s, const double table[UNITS][STATES], int unit,
                        int value, int known, int state) {
  double sum = 0;
  int count = 0;
  for (int past = 0; past < 1 << s->n; past++) {
    if ((past ^ state) & known & s->inputs[unit]) continue;
    sum += value ? table[unit][past] : 1 - table[unit][past];
    count++;
  }
  return sum / count;
}

/* ---- Random networks ---- */

static uint64_t random_bits(uint64_t *seed) {
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  uint64_t x = *seed ^ *seed >> 29;
  x *= 0xbf58476d1ce4e5b9u;
  return x ^ x >> 32;
}

static double random_unit(uint64_t *seed) { return (double)(random_bits(seed) >> 11) * 0x1p-53; }

typedef struct {
  int n; /* units of the network, some of them background */
  double on[1 << (UNITS + 1)][UNITS + 1];
  uint8_t edge[(UNITS + 1) * (UNITS + 1)], state[UNITS + 1];
  int nodes;
} random_network;

/* In turn: any probabilities; rules without noise; with noise; probabilities in quarters (ties). */
static double random_value(uint64_t *seed, int kind) {
  const double p = random_unit(seed);
  if (kind == 0) return p;
  if (kind == 1) return p < 0.5;
  if (kind == 2) return p < 0.5 ? 0.1 : 0.9;
  return floor(p * 5) / 4;
}

/* A system of `units` units within a network of `n`. The present state follows from a past one. */
static void make_network(random_network *net, int n, int units, int kind, uint64_t *seed) {
  const double density = random_bits(seed) % 2 ? 0.7 : 1;
  memset(net, 0, sizeof *net);
  net->n = n;
  for (int k = 0; k < n * n; k++) net->edge[k] = random_unit(seed) < density;
  for (int unit = 0; unit < n; unit++) {
    int inputs = 0;
    for (int from = 0; from < n; from++) inputs |= net->edge[from * n + unit] << from;
    for (int past = 0; past < 1 << n; past++)
      net->on[past][unit] =
          past & ~inputs ? net->on[past & inputs][unit] : random_value(seed, kind);
  }
  const int before = (int)(random_bits(seed) % (1u << n));
  for (int unit = 0; unit < n; unit++) net->state[unit] = random_unit(seed) < net->on[before][unit];
  while (popcount(net->nodes) < units) net->nodes |= 1 << random_bits(seed) % (unsigned)n;
}

static int merge(const random_network *net, int inside, int outside) {
  int state = 0;
  for (int unit = 0, k = 0; unit < net->n; unit++) {
    const bool own = net->nodes >> unit & 1;
    state |= (own ? inside >> k & 1 : outside >> unit & 1) << unit;
    k += own;
  }
  return state;
}

static int present(const random_network *net) {
  int state = 0;
  for (int unit = 0; unit < net->n; unit++) state |= net->state[unit] << unit;
  return state;
}

static void list_units(const random_network *net, slow_system *s, int *node) {
  memset(s, 0, sizeof *s);
  for (int unit = 0; unit < net->n; unit++)
    if (net->nodes >> unit & 1) node[s->n++] = unit;
  for (int j = 0; j < s->n; j++) {
    s->state |= net->state[node[j]] << j;
    for (int i = 0; i < s->n; i++) s->inputs[j] |= net->edge[node[i] * net->n + node[j]] << i;
  }
}

static void slow_fixed(const random_network *net, slow_system *s) {
  int node[UNITS];
  list_units(net, s, node);
  for (int past = 0; past < 1 << s->n; past++)
    for (int j = 0; j < s->n; j++)
      s->effect[j][past] = net->on[merge(net, past, present(net))][node[j]];
  memcpy(s->cause, s->effect, sizeof s->cause);
}

static void slow_inferred(const random_network *net, slow_system *s) {
  int node[UNITS];
  double weight[1 << (UNITS + 1)] = {0}, sum = 0; /* of each background */
  slow_fixed(net, s);
  list_units(net, &(slow_system){0}, node);
  for (int past = 0; past < 1 << net->n; past++) {
    double likelihood = 1;
    for (int unit = 0; unit < net->n; unit++)
      likelihood *= net->state[unit] ? net->on[past][unit] : 1 - net->on[past][unit];
    weight[past & ~net->nodes] += likelihood;
    sum += likelihood;
  }
  memset(s->cause, 0, sizeof s->cause);
  for (int background = 0; background < 1 << net->n; background++)
    for (int past = 0; past < 1 << s->n && !(background & net->nodes); past++)
      for (int j = 0; j < s->n; j++)
        s->cause[j][past] +=
            weight[background] / sum * net->on[merge(net, past, background)][node[j]];
}

/* ---- Earth mover's distance by successive shortest paths ---- */

static double slow_transport(int sources, const double *supply, int sinks, const double *demand,
                             const double *distance) {
  double left[64], wanted[64], flow[64 * 64] = {0}, cost = 0;
  memcpy(left, supply, sizeof(double) * (size_t)sources);
  memcpy(wanted, demand, sizeof(double) * (size_t)sinks);
  for (;;) {
    double length[128];
    int before[128];
    for (int v = 0; v < sources + sinks; v++) {
      length[v] = v < sources && left[v] > 1e-14 ? 0 : INFINITY;
      before[v] = -1;
    }
    for (bool changed = true; changed;) { /* Bellman and Ford, with the flow's way back */
      changed = false;
      for (int i = 0; i < sources; i++)
        for (int j = 0; j < sinks; j++) {
          const double step = distance[i * sinks + j];
          if (length[i] + step < length[sources + j] - 1e-13)
            length[sources + j] = length[i] + step, before[sources + j] = i, changed = true;
          if (flow[i * sinks + j] > 1e-14 && length[sources + j] - step < length[i] - 1e-13)
            length[i] = length[sources + j] - step, before[i] = sources + j, changed = true;
        }
    }
    int end = -1;
    for (int j = 0; j < sinks; j++)
      if (wanted[j] > 1e-14 && (end < 0 || length[sources + j] < length[end])) end = sources + j;
    if (end < 0 || isinf(length[end])) break;
    double amount = wanted[end - sources];
    int v = end;
    for (; before[v] >= 0; v = before[v])
      if (v < sources) amount = fmin(amount, flow[v * sinks + before[v] - sources]);
    amount = fmin(amount, left[v]);
    left[v] -= amount;
    wanted[end - sources] -= amount;
    for (v = end; before[v] >= 0; v = before[v])
      if (v < sources)
        flow[v * sinks + before[v] - sources] -= amount;
      else
        flow[before[v] * sinks + v - sources] += amount;
  }
  for (int k = 0; k < sources * sinks; k++) cost += flow[k] * distance[k];
  return cost;
}

/* Between distributions over the states of a set of units (zero elsewhere). */
static double slow_distance(int n, const double *p, const double *q) {
  double supply[STATES], demand[STATES], distance[STATES * STATES];
  int from[STATES], to[STATES], sources = 0, sinks = 0;
  for (int x = 0; x < 1 << n; x++) {
    if (p[x] > q[x]) supply[sources] = p[x] - q[x], from[sources++] = x;
    if (q[x] > p[x]) demand[sinks] = q[x] - p[x], to[sinks++] = x;
  }
  for (int i = 0; i < sources; i++)
    for (int j = 0; j < sinks; j++) distance[i * sinks + j] = popcount(from[i] ^ to[j]);
  return slow_transport(sources, supply, sinks, demand, distance);
}

/* ---- IIT 3.0 ---- */

/* Repertoires over a purview: a value for every state that is 0 outside the purview. */
static void slow_cause(const slow_system *s, int mechanism, int purview, double *repertoire) {
  double sum = 0;
  for (int z = 0; z < 1 << s->n; z++) {
    repertoire[z] = !(z & ~purview);
    for (int i = 0; i < s->n && repertoire[z] > 0; i++)
      if (mechanism >> i & 1)
        repertoire[z] *= slow_unit(s, s->cause, i, s->state >> i & 1, purview, z);
    sum += repertoire[z];
  }
  for (int z = 0; z < 1 << s->n && sum > 0; z++) repertoire[z] /= sum;
}

static void slow_effect(const slow_system *s, int mechanism, int purview, double *repertoire) {
  for (int z = 0; z < 1 << s->n; z++) {
    repertoire[z] = !(z & ~purview);
    for (int j = 0; j < s->n && repertoire[z] > 0; j++)
      if (purview >> j & 1)
        repertoire[z] *= slow_unit(s, s->effect, j, z >> j & 1, mechanism, s->state);
  }
}

typedef void (*repertoire_of)(const slow_system *s, int mechanism, int purview, double *result);

static void product_of(const slow_system *s, repertoire_of side, int m0, int z0, int m1, int z1,
                       double *product) {
  double first[STATES], second[STATES];
  side(s, m0, z0, first);
  side(s, m1, z1, second);
  for (int z = 0; z < 1 << s->n; z++)
    product[z] = z & ~(z0 | z1) ? 0 : first[z & z0] * second[z & z1];
}

static double slow_small_phi(const slow_system *s, repertoire_of side, int mechanism, int purview) {
  double whole[STATES], parts[STATES], sum = 0, least = INFINITY;
  side(s, mechanism, purview, whole);
  for (int z = 0; z < 1 << s->n; z++) sum += whole[z];
  if (sum == 0) return 0;
  for (int m = 0; m < 1 << s->n; m++)
    for (int z = 0; z < 1 << s->n; z++) {
      if (m & ~mechanism || z & ~purview) continue;
      if ((!m && !z) || (m == mechanism && z == purview)) continue;
      product_of(s, side, m, z, mechanism & ~m, purview & ~z, parts);
      least = fmin(least, slow_distance(s->n, whole, parts));
      if (least <= PHI_TIE) return 0;
    }
  return least;
}

static bool first_set(int a, int b) { /* same size: the one with the lowest unit the other lacks */
  const int differing = a ^ b;
  return a & differing & -differing;
}

static double slow_best(const slow_system *s, repertoire_of side, int mechanism, int *purview) {
  double best = 0;
  *purview = 0;
  for (int z = 1; z < 1 << s->n; z++) {
    const double phi = slow_small_phi(s, side, mechanism, z);
    const bool tied = fabs(phi - best) <= PHI_TIE && *purview;
    if (phi <= PHI_TIE || (phi < best && !tied)) continue;
    if (!tied || popcount(z) > popcount(*purview) ||
        (popcount(z) == popcount(*purview) && first_set(z, *purview)))
      *purview = z;
    best = fmax(best, phi);
  }
  return best;
}

typedef struct {
  int mechanism, cause_purview, effect_purview;
  double phi, cause[STATES], effect[STATES]; /* over all units, expanded by the unconstrained */
} slow_concept;

static int slow_concepts(const slow_system *s, slow_concept *concepts) {
  int count = 0;
  for (int mechanism = 1; mechanism < 1 << s->n; mechanism++) {
    slow_concept *c = &concepts[count];
    const int all = (1 << s->n) - 1;
    c->phi = slow_best(s, slow_cause, mechanism, &c->cause_purview);
    if (c->phi > 0) c->phi = fmin(c->phi, slow_best(s, slow_effect, mechanism, &c->effect_purview));
    if (c->phi <= 0) continue;
    c->mechanism = mechanism;
    product_of(s, slow_cause, mechanism, c->cause_purview, 0, all & ~c->cause_purview, c->cause);
    product_of(s, slow_effect, mechanism, c->effect_purview, 0, all & ~c->effect_purview,
               c->effect);
    count++;
  }
  return count;
}

static double slow_concept_distance(int n, const slow_concept *a, const slow_concept *b) {
  return slow_distance(n, a->cause, b->cause) + slow_distance(n, a->effect, b->effect);
}

/* Phi moves from the whole's concepts to the parts', what is too much on a side to null. */
static double slow_structure_distance(const slow_system *s, const slow_concept *whole,
                                      int whole_count, const slow_concept *parts, int parts_count) {
  slow_concept null = {0}, from[STATES + 1], to[STATES + 1];
  double supply[STATES + 1], demand[STATES + 1], distance[(STATES + 1) * (STATES + 1)];
  double surplus = 0;
  slow_cause(s, 0, (1 << s->n) - 1, null.cause);
  slow_effect(s, 0, (1 << s->n) - 1, null.effect);
  for (int k = 0; k < whole_count; k++)
    from[k] = whole[k], supply[k] = whole[k].phi, surplus += whole[k].phi;
  for (int k = 0; k < parts_count; k++)
    to[k] = parts[k], demand[k] = parts[k].phi, surplus -= parts[k].phi;
  if (surplus > 0)
    to[parts_count] = null, demand[parts_count++] = surplus;
  else
    from[whole_count] = null, supply[whole_count++] = -surplus;
  for (int i = 0; i < whole_count; i++)
    for (int j = 0; j < parts_count; j++)
      distance[i * parts_count + j] = slow_concept_distance(s->n, &from[i], &to[j]);
  return slow_transport(whole_count, supply, parts_count, demand, distance);
}

static void compare_cut(const slow_system *s, const slow_concept *whole, int count,
                        const phi_iit3_cut *cut) {
  slow_system severed = *s;
  slow_concept parts[STATES];
  for (int unit = 0; unit < s->n; unit++)
    if (cut->to >> unit & 1) severed.inputs[unit] &= ~(int)cut->from;
  const int parts_count = slow_concepts(&severed, parts);
  const double distance = slow_structure_distance(s, whole, count, parts, parts_count);
  if (fabs(distance - cut->phi) > CLOSE)
    fail_msg("IIT 3.0, cut %u to %u: %.12g, by brute force %.12g", cut->from, cut->to, cut->phi,
             distance);
}

static void compare_iit3(const random_network *net, const phi_candidate *candidate) {
  slow_system s;
  slow_concept whole[STATES];
  phi_iit3_system fast;
  slow_fixed(net, &s);
  assert_int_equal(phi_iit3_system_compute(candidate, &fast), OK);
  const int count = slow_concepts(&s, whole);
  assert_int_equal(fast.whole.count, count);
  for (int k = 0; k < count; k++)
    for (int j = 0; j < count; j++)
      if (fast.whole.concept[j].mechanism == (uint32_t)whole[k].mechanism) {
        assert_true(fabs(fast.whole.concept[j].phi - whole[k].phi) <= CLOSE);
        assert_int_equal(fast.whole.concept[j].cause.purview, whole[k].cause_purview);
        assert_int_equal(fast.whole.concept[j].effect.purview, whole[k].effect_purview);
      }
  double least = fast.cut_count ? INFINITY : 0;
  for (int k = 0; k < fast.cut_count; k++) {
    compare_cut(&s, whole, count, &fast.cuts[k]);
    least = fmin(least, fast.cuts[k].phi);
  }
  assert_true(fabs(fast.big_phi - least) <= CLOSE);
  if (fast.reason == PHI_IIT3_IRREDUCIBLE) assert_int_equal(fast.cut_count, (1 << s.n) - 2);
  phi_iit3_system_free(&fast);
}

/* ---- IIT 4.0 ---- */

/* P(current state | past) and P(next | current), unit by unit with the inputs that are left. */
static double forward_cause(const slow_system *s, int mechanism, int known, int past,
                            const int *kept) {
  double p = 1;
  for (int i = 0; i < s->n; i++)
    if (mechanism >> i & 1)
      p *= slow_unit(s, s->cause, i, s->state >> i & 1, kept ? known & kept[i] : known, past);
  return p;
}

static double forward_effect(const slow_system *s, int known, int state, int purview, int next,
                             const int *kept) {
  double p = 1;
  for (int j = 0; j < s->n; j++)
    if (purview >> j & 1)
      p *= slow_unit(s, s->effect, j, next >> j & 1, kept ? known & kept[j] : known, state);
  return p;
}

typedef struct {
  double selectivity, probability, information;
} specified;

/* Every state of a purview (0 outside it). */
static void specify(const slow_system *s, bool cause, int mechanism, int purview,
                    specified *result) {
  double sum = 0, states = 1 << popcount(purview);
  for (int z = 0; z < 1 << s->n; z++) {
    if (z & ~purview) continue;
    result[z].probability = cause ? forward_cause(s, mechanism, purview, z, NULL)
                                  : forward_effect(s, mechanism, s->state, purview, z, NULL);
    sum += result[z].probability;
  }
  for (int z = 0; z < 1 << s->n; z++) {
    if (z & ~purview) continue;
    double mean = sum / states;
    if (!cause) {
      mean = 0;
      for (int m = 0; m < 1 << s->n; m++)
        if (!(m & ~mechanism))
          mean += forward_effect(s, mechanism, m, purview, z, NULL) / (1 << popcount(mechanism));
    }
    result[z].selectivity = cause && sum > 0 ? result[z].probability / sum : result[z].probability;
    result[z].information =
        result[z].probability > 0 ? result[z].selectivity * log2(result[z].probability / mean) : 0;
  }
}

/* Set partitions one after another: part[k] <= 1 + the largest before it. */
static bool next_partition(int *part, int count) {
  for (int k = count - 1; k > 0; k--) {
    int largest = 0;
    for (int j = 0; j < k; j++) largest = part[j] > largest ? part[j] : largest;
    if (part[k] <= largest) {
      part[k]++;
      for (int j = k + 1; j < count; j++) part[j] = 0;
      return true;
    }
  }
  return false;
}

static int parts_of(const int *part, int count) {
  int largest = -1;
  for (int k = 0; k < count; k++) largest = part[k] > largest ? part[k] : largest;
  return largest + 1;
}

/* Smallest normalised phi and, of the partitions with it, the largest phi. */
typedef struct {
  double normalised, phi;
} least;

static void take_least(least *so_far, double phi, int connections) {
  phi = fmax(phi, 0);
  const double normalised = phi / connections;
  if (normalised < so_far->normalised - PHI_TIE) *so_far = (least){normalised, phi};
  if (normalised < so_far->normalised + PHI_TIE) so_far->phi = fmax(so_far->phi, phi);
}

static double phi_of_cut(const slow_system *s, const int *kept, int cause_state, int effect_state,
                         const specified *cause, const specified *effect) {
  const int all = (1 << s->n) - 1;
  const double c = forward_cause(s, all, all, cause_state, kept);
  const double e = forward_effect(s, all, s->state, all, effect_state, kept);
  return fmin(cause[cause_state].selectivity * log2(cause[cause_state].probability / c),
              effect[effect_state].selectivity * log2(effect[effect_state].probability / e));
}

static least slow_system_phi(const slow_system *s, int cause_state, int effect_state,
                             const specified *cause, const specified *effect) {
  least result = {INFINITY, 0};
  int part[UNITS] = {0};
  if (s->n == 1) {
    const int kept[UNITS] = {0};
    take_least(&result, phi_of_cut(s, kept, cause_state, effect_state, cause, effect), 1);
    return result;
  }
  while (next_partition(part, s->n)) {
    const int parts = parts_of(part, s->n);
    int ways = 1;
    for (int k = 0; k < parts; k++) ways *= 3;
    for (int way = 0; way < ways; way++) {
      int kept[UNITS] = {0}, cut[UNITS], connections = 0;
      for (int k = 0, rest = way; k < parts; k++, rest /= 3) cut[k] = rest % 3; /* in, out, both */
      for (int from = 0; from < s->n; from++)
        for (int to = 0; to < s->n; to++) {
          const bool severed =
              part[from] != part[to] && (cut[part[from]] != 0 || cut[part[to]] != 1);
          connections += severed;
          if (!severed) kept[to] |= 1 << from;
        }
      take_least(&result, phi_of_cut(s, kept, cause_state, effect_state, cause, effect),
                 connections);
    }
  }
  return result;
}

/* phi of a mechanism over a purview in a state, over all joint partitions. */
static double slow_integration(const slow_system *s, bool cause, int mechanism, int purview,
                               int state, const specified *whole) {
  least result = {INFINITY, 0};
  int m_unit[UNITS], z_unit[UNITS], m_count = 0, z_count = 0, part[UNITS] = {0};
  for (int unit = 0; unit < s->n; unit++) {
    if (mechanism >> unit & 1) m_unit[m_count++] = unit;
    if (purview >> unit & 1) z_unit[z_count++] = unit;
  }
  do {
    const int parts = parts_of(part, m_count);
    int ways = 1;
    for (int k = 0; k < z_count; k++) ways *= parts + 1;
    for (int way = 0; way < ways; way++) {
      int m[UNITS + 1] = {0}, z[UNITS + 1] = {0}, connections = m_count * z_count;
      double p = 1;
      for (int k = 0; k < m_count; k++) m[part[k]] |= 1 << m_unit[k];
      for (int k = 0, rest = way; k < z_count; k++, rest /= parts + 1)
        z[rest % (parts + 1)] |= 1 << z_unit[k];
      if (m[0] == mechanism && z[0]) continue; /* undivided, and not cut away completely */
      for (int k = 0; k <= parts; k++) {
        connections -= popcount(m[k]) * popcount(z[k]);
        p *= cause ? forward_cause(s, m[k], z[k], state, NULL)
                   : forward_effect(s, m[k], s->state, z[k], state, NULL);
      }
      take_least(&result, whole[state].selectivity * log2(whole[state].probability / p),
                 connections);
    }
  } while (next_partition(part, m_count));
  return result.phi;
}

/* Does one piece of edges join all of the two sets? */
static bool is_one_piece(const slow_system *s, int from, int to) {
  int label[2 * UNITS];
  for (int k = 0; k < 2 * UNITS; k++) label[k] = k;
  for (int round = 0; round < 2 * UNITS; round++)
    for (int i = 0; i < s->n; i++)
      for (int j = 0; j < s->n; j++)
        if (from >> i & 1 && to >> j & 1 && s->inputs[j] >> i & 1)
          label[i] = label[UNITS + j] = label[i] < label[UNITS + j] ? label[i] : label[UNITS + j];
  int piece = -1;
  for (int k = 0; k < 2 * UNITS; k++) {
    if (!((k < UNITS ? from >> k : to >> (k - UNITS)) & 1)) continue;
    if (piece >= 0 && label[k] != piece) return false;
    piece = label[k];
  }
  return true;
}

typedef struct {
  double phi;
  int count, purview[STATES * STATES], state[STATES * STATES];
} slow_side;

static void slow_search(const slow_system *s, bool cause, int mechanism, slow_side *side) {
  double phi[STATES][STATES] = {{0}};
  *side = (slow_side){.phi = 0};
  for (int purview = 1; purview < 1 << s->n; purview++) {
    specified whole[STATES] = {{0}};
    double largest = 0;
    if (!is_one_piece(s, cause ? purview : mechanism, cause ? mechanism : purview)) continue;
    specify(s, cause, mechanism, purview, whole);
    for (int z = 0; z < 1 << s->n; z++)
      if (!(z & ~purview)) largest = fmax(largest, whole[z].information);
    for (int z = 0; z < 1 << s->n && largest > PHI_TIE; z++)
      if (!(z & ~purview) && whole[z].information >= largest - PHI_TIE) {
        phi[purview][z] = slow_integration(s, cause, mechanism, purview, z, whole);
        side->phi = fmax(side->phi, phi[purview][z]);
      }
  }
  for (int purview = 1; purview < 1 << s->n && side->phi > PHI_TIE; purview++)
    for (int z = 0; z < 1 << s->n; z++)
      if (phi[purview][z] >= side->phi - PHI_TIE) {
        side->purview[side->count] = purview;
        side->state[side->count++] = z;
      }
}

static void compare_side(const slow_side *slow, const phi_iit4_side *fast, int tie_count,
                         const phi_iit4_side *ties, int system_state, bool congruent) {
  if (fabs(slow->phi - fast->phi) > CLOSE)
    fail_msg("IIT 4.0, side: %.12g, by brute force %.12g", fast->phi, slow->phi);
  assert_int_equal(tie_count, slow->count);
  bool fits = false;
  for (int k = 0; k < slow->count; k++) {
    bool listed = false;
    for (int j = 0; j < tie_count; j++)
      listed |= ties[j].purview == (uint32_t)slow->purview[k] &&
                ties[j].state == (uint32_t)slow->state[k];
    assert_true(listed);
    fits |= slow->state[k] == (system_state & slow->purview[k]);
  }
  for (int k = 0; k < slow->count && congruent; k++)
    if (slow->state[k] == (system_state & slow->purview[k]))
      assert_true(popcount(slow->purview[k]) <= popcount((int)fast->purview));
  assert_true(fits || !congruent);
}

/* Sum and number of the relations, every set of distinctions written out. */
static void compare_relations(const phi_iit4_structure *fast) {
  double phi[STATES], sum = 0;
  int whole[STATES], both[STATES], count = 0;
  long relations = 0;
  for (int k = 0; k < fast->distinctions.count; k++) {
    const phi_iit4_distinction *d = &fast->distinctions.distinction[k];
    if (!d->congruent) continue;
    const int c = (int)((d->cause.purview & ~d->cause.state) | d->cause.state << UNITS);
    const int e = (int)((d->effect.purview & ~d->effect.state) | d->effect.state << UNITS);
    whole[count] = c | e;
    both[count] = c & e;
    phi[count++] = d->phi;
  }
  for (int set = 1; set < 1 << count; set++) {
    int overlap = (1 << 2 * UNITS) - 1;
    double share = INFINITY;
    for (int k = 0; k < count; k++)
      if (set >> k & 1) {
        overlap &= popcount(set) == 1 ? both[k] : whole[k];
        share = fmin(share, phi[k] / popcount(whole[k]));
      }
    relations += overlap != 0;
    sum += popcount(overlap) * share;
  }
  assert_true(fabs(sum - fast->relations.sum_phi) <= CLOSE * fmax(1, sum));
  assert_true(fast->relations.count == (double)relations);
}

static void compare_distinctions(const slow_system *s, const phi_iit4_structure *fast) {
  int found = 0;
  for (int mechanism = 1; mechanism < 1 << s->n; mechanism++) {
    slow_side cause, effect;
    slow_search(s, true, mechanism, &cause);
    slow_search(s, false, mechanism, &effect);
    if (!cause.count || !effect.count) continue;
    found++;
    for (int k = 0; k < fast->distinctions.count; k++) {
      const phi_iit4_distinction *d = &fast->distinctions.distinction[k];
      if (d->mechanism != (uint32_t)mechanism) continue;
      compare_side(&cause, &d->cause, d->cause_tie_count, d->cause_ties,
                   (int)fast->system.cause_state, d->congruent);
      compare_side(&effect, &d->effect, d->effect_tie_count, d->effect_ties,
                   (int)fast->system.effect_state, d->congruent);
      assert_true(fabs(d->phi - fmin(cause.phi, effect.phi)) <= CLOSE);
    }
  }
  assert_int_equal(fast->distinctions.count, found);
}

/* Of all pairs of tied specified states the largest phi_s; the fast search must have it. */
static void compare_system(const slow_system *s, const phi_iit4_system *fast) {
  const int all = (1 << s->n) - 1;
  specified cause[STATES] = {{0}}, effect[STATES] = {{0}};
  double largest_cause = 0, largest_effect = 0, best = 0;
  specify(s, true, all, all, cause);
  specify(s, false, all, all, effect);
  for (int z = 0; z <= all; z++) {
    largest_cause = fmax(largest_cause, cause[z].information);
    largest_effect = fmax(largest_effect, effect[z].information);
  }
  assert_true(fabs(largest_cause - fast->intrinsic_cause) <= CLOSE);
  assert_true(fabs(largest_effect - fast->intrinsic_effect) <= CLOSE);
  if (fast->reason != PHI_IIT4_IRREDUCIBLE && fast->reason != PHI_IIT4_REDUCIBLE) return;
  least chosen = {0, 0};
  for (int c = 0; c <= all; c++)
    for (int e = 0; e <= all; e++) {
      if (cause[c].information < largest_cause - PHI_TIE) continue;
      if (effect[e].information < largest_effect - PHI_TIE) continue;
      const least phi = slow_system_phi(s, c, e, cause, effect);
      best = fmax(best, phi.phi);
      if (c == (int)fast->cause_state && e == (int)fast->effect_state) chosen = phi;
    }
  if (fabs(fast->phi - best) > CLOSE || fabs(fast->normalized_phi - chosen.normalised) > CLOSE)
    fail_msg("phi_s %.12g (normalised %.12g), by brute force %.12g (%.12g)", fast->phi,
             fast->normalized_phi, best, chosen.normalised);
}

static void compare_iit4(const random_network *net, const phi_candidate *candidate) {
  slow_system s;
  phi_iit4_structure fast;
  slow_inferred(net, &s);
  phi_iit4_structure_compute(candidate, &fast);
  compare_system(&s, &fast.system);
  compare_distinctions(&s, &fast);
  compare_relations(&fast);
  phi_iit4_structure_free(&fast);
}

/* ---- The check ---- */

typedef void (*comparison)(const random_network *net, const phi_candidate *candidate);

static void compare_networks(phi_background background, comparison compare) {
  const char *asked = getenv("SHINKEI_PHI_NETWORKS");
  const int networks = asked ? atoi(asked) : 1000;
  uint64_t seed = 2014;
  int irreducible = 0;
  for (int k = 0; k < networks; k++) {
    const int units = k % 20 == 0 ? 4 : k % 20 == 1 ? 1 : 2 + k % 2; /* few of the slow ones */
    random_network net;
    phi_network network;
    phi_candidate candidate;
    make_network(&net, units + (k % 3 == 0), units, k / 2 % 4, &seed);
    double on[(1 << (UNITS + 1)) * (UNITS + 1)];
    for (int past = 0; past < 1 << net.n; past++)
      for (int unit = 0; unit < net.n; unit++) on[past * net.n + unit] = net.on[past][unit];
    assert_int_equal(phi_network_create(&network, net.n, on, net.edge, net.state), OK);
    assert_int_equal(phi_candidate_create(&candidate, &network, (uint32_t)net.nodes, background),
                     OK);
    if (candidate.reachable) {
      compare(&net, &candidate);
      irreducible++;
    }
    phi_candidate_free(&candidate);
    phi_network_free(&network);
  }
  print_message("  %d of %d random networks compared (SHINKEI_PHI_NETWORKS sets their number)\n",
                irreducible, networks);
  assert_true(irreducible > networks / 2);
}

static void iit3_is_what_its_definitions_say(void **state) {
  (void)state;
  compare_networks(PHI_BACKGROUND_FIXED, compare_iit3);
}

static void iit4_is_what_its_definitions_say(void **state) {
  (void)state;
  compare_networks(PHI_BACKGROUND_INFERRED, compare_iit4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(iit3_is_what_its_definitions_say),
      cmocka_unit_test(iit4_is_what_its_definitions_say),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
