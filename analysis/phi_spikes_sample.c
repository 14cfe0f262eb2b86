/* Groups of neurons drawn at random or by their coupling, and spikes in bins. */
#include "phi_spikes.h"

#include "random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { INDEX_DRAW = 20, INDEX_PART };
static const double COUPLING_BINS = 4e9; /* of all candidates, a byte each */

err phi_sample_method_of(const char *name, phi_sample_method *method) {
  static const char *const names[] = {"random", "population", "across", "coupling", "partition"};
  for (int k = 0; k < 5; k++)
    if (!strcmp(name, names[k])) {
      *method = (phi_sample_method)k;
      return OK;
    }
  return check_fail(ERR_USER,
                    "sampling by '%s' is unknown; allowed are random, population, across, "
                    "coupling, partition",
                    name);
}

/* `size` of pool[count], distinct, by a partial shuffle of a copy. */
static void draw(uint64_t seed, uint32_t who, int size, size_t count, const int64_t *pool,
                 int64_t *out) {
  int64_t *copy = check_allocate(count, sizeof *copy);
  memcpy(copy, pool, count * sizeof *copy);
  for (int i = 0; i < size; i++) {
    uint32_t word = random_draw(seed, RANDOM_SAMPLE, INDEX_DRAW, who, (uint64_t)i).word[0];
    size_t from = (size_t)i + random_below(word, (uint32_t)(count - (size_t)i));
    out[i] = copy[from];
    copy[from] = copy[i];
  }
  free(copy);
}

/* Groups from pools in turn; pool k is order[first[k] .. first[k + 1]). */
static err draw_pools(uint64_t seed, int groups, int size, int pools, const size_t *first,
                      const int64_t *order, bool each, const char *what, phi_sample *made) {
  int *usable = check_allocate((size_t)pools, sizeof *usable), count = 0;
  for (int k = 0; k < pools; k++)
    if (first[k + 1] - first[k] >= (size_t)size) usable[count++] = k;
  err e = OK;
  if (!count)
    e = check_fail(ERR_USER, "sample: no %s has as many as %d neurons that spike", what, size);
  else {
    *made = (phi_sample){each ? groups * count : groups, size, NULL};
    made->member = check_allocate((size_t)made->groups * (size_t)size, sizeof *made->member);
    for (int g = 0; g < made->groups; g++) {
      int k = usable[each ? g / groups : g % count];
      draw(seed, (uint32_t)g, size, first[k + 1] - first[k], order + first[k],
           made->member + (size_t)g * (size_t)size);
    }
  }
  free(usable);
  return e;
}

/* Sort neurons into pools by a key (negative: in none). */
static err draw_by_key(const phi_spikes *s, const int64_t *key, uint64_t seed, int groups, int size,
                       bool each, const char *what, phi_sample *made) {
  int64_t most = -1;
  for (size_t i = 0; i < s->neurons; i++)
    if (key[i] > most) most = key[i];
  size_t pools = (size_t)(most + 1), at = 0;
  size_t *first = check_allocate(pools + 1, sizeof *first);
  int64_t *order = check_allocate(s->neurons, sizeof *order);
  for (size_t k = 0; k < pools; k++) {
    first[k] = at;
    for (size_t i = 0; i < s->neurons; i++)
      if (key[i] == (int64_t)k) order[at++] = (int64_t)i;
  }
  first[pools] = at;
  err e = draw_pools(seed, groups, size, (int)pools, first, order, each, what, made);
  free(first);
  free(order);
  return e;
}

/* Member k of group g from the population number (g + k) of those that have enough neurons left. */
static err draw_across(const phi_spikes *s, uint64_t seed, int groups, int size, phi_sample *made) {
  size_t *first = check_allocate((size_t)s->populations + 1, sizeof *first);
  int *usable = check_allocate((size_t)s->populations, sizeof *usable), count = 0;
  int64_t *pool = check_allocate(s->neurons, sizeof *pool);
  int64_t *drawn = check_allocate((size_t)size, sizeof *drawn);
  for (size_t i = 0; i < s->neurons; i++)
    pool[i] = (int64_t)i, first[s->neuron[i].population + 1]++;
  for (int k = 0; k < s->populations; k++) first[k + 1] += first[k];
  for (int k = 0; k < s->populations; k++)
    if (first[k + 1] > first[k]) usable[count++] = k;
  err e = OK;
  *made =
      (phi_sample){groups, size, check_allocate((size_t)groups * (size_t)size, sizeof(int64_t))};
  for (int g = 0; g < groups && !e; g++) {
    for (int c = 0; c < count && c < size && !e; c++) {
      const int k = usable[(g + c) % count], wanted = (size - c + count - 1) / count;
      if (first[k + 1] - first[k] < (size_t)wanted)
        e = check_fail(ERR_USER,
                       "sample: population '%s' has %zu neurons that spike; groups of %d across "
                       "%d populations need %d",
                       s->population[k], first[k + 1] - first[k], size, count, wanted);
      else
        draw(seed, (uint32_t)g * (uint32_t)size + (uint32_t)c, wanted, first[k + 1] - first[k],
             pool + first[k], drawn);
      for (int at = 0; at < wanted && !e; at++) made->member[g * size + c + at * count] = drawn[at];
    }
  }
  free(first);
  free(usable);
  free(pool);
  free(drawn);
  return e;
}

/* Mutual information of two binary trains at lags -1, 0 and 1 [nats], plug-in. */
static double pair_information(int64_t bins, const uint8_t *a, const uint8_t *b) {
  double sum = 0;
  for (int lag = -1; lag <= 1; lag++) {
    double count[2][2] = {{0}}, total = 0;
    for (int64_t t = lag < 0 ? 1 : 0; t + (lag > 0) < bins; t++) count[a[t]][b[t + lag]]++, total++;
    for (int i = 0; i < 2; i++)
      for (int j = 0; j < 2; j++)
        if (count[i][j] > 0)
          sum += count[i][j] / total *
                 log(count[i][j] * total /
                     ((count[i][0] + count[i][1]) * (count[0][j] + count[1][j])));
  }
  return sum;
}

static const phi_spikes *sorting; /* qsort has no context */
static int by_activity(const void *left, const void *right) {
  const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  const size_t x = sorting->neuron[a].count, y = sorting->neuron[b].count;
  return x != y ? (x < y ? 1 : -1) : (a > b) - (a < b);
}

static void grow_group(int candidates, const double *coupling, int start, int size, bool *taken,
                       int *group) {
  memset(taken, 0, (size_t)candidates * sizeof *taken);
  taken[group[0] = start] = true;
  for (int k = 1; k < size; k++) {
    int best = -1;
    double most = -1;
    for (int c = 0; c < candidates; c++) {
      double sum = 0;
      for (int m = 0; m < k && !taken[c]; m++) sum += coupling[c * candidates + group[m]];
      if (!taken[c] && sum > most) most = sum, best = c;
    }
    taken[group[k] = best] = true;
  }
}

/* Bins hold their end, not their beginning; times are multiples of a step up to rounding. */
static double bin_of(double time, double begin, double bin) {
  return ceil((time - begin) / bin - 1e-9 - 4e-16 * fabs(time) / bin) - 1;
}

static err draw_coupled(const phi_spikes *s, int groups, int size, double bin, int candidates,
                        phi_sample *made) {
  if ((size_t)candidates > s->neurons) candidates = (int)s->neurons;
  if (candidates < size || groups > candidates)
    return check_fail(ERR_USER, "sample: %d groups of %d by coupling need more than %d candidates",
                      groups, size, candidates);
  const double begin = s->begin - bin; /* the first spike ends the first bin */
  const double count = fmax(bin_of(s->end, begin, bin), 0) + 1;
  if (!(count * candidates <= COUPLING_BINS))
    return check_fail(
        ERR_USER,
        "sample: by coupling, %d candidates have %.6g bins of %g ms each; allowed are "
        "%g in all: wider bins or fewer candidates",
        candidates, count, bin, COUPLING_BINS);
  int64_t *order = check_allocate(s->neurons, sizeof *order);
  for (size_t i = 0; i < s->neurons; i++) order[i] = (int64_t)i;
  sorting = s;
  qsort(order, s->neurons, sizeof *order, by_activity);
  const int64_t bins = (int64_t)count;
  uint8_t *train = check_allocate((size_t)candidates * (size_t)bins, 1);
  for (int c = 0; c < candidates; c++) {
    const phi_neuron *n = &s->neuron[order[c]];
    for (size_t i = n->first; i < n->first + n->count; i++)
      train[c * bins + (int64_t)fmax(bin_of(s->time[i], begin, bin), 0)] = 1;
  }
  double *coupling = check_allocate((size_t)candidates * (size_t)candidates, sizeof *coupling);
#pragma omp parallel for schedule(dynamic)
  for (int a = 0; a < candidates; a++)
    for (int b = 0; b < a; b++)
      coupling[a * candidates + b] = coupling[b * candidates + a] =
          pair_information(bins, train + a * bins, train + b * bins);
  *made =
      (phi_sample){groups, size, check_allocate((size_t)groups * (size_t)size, sizeof(int64_t))};
  bool *taken = check_allocate((size_t)candidates, sizeof *taken);
  int *group = check_allocate((size_t)size, sizeof *group);
  for (int g = 0; g < groups; g++) {
    grow_group(candidates, coupling, g, size, taken, group);
    for (int k = 0; k < size; k++) made->member[g * size + k] = order[group[k]];
  }
  free(order);
  free(train);
  free(coupling);
  free(taken);
  free(group);
  return OK;
}

err phi_owners_first(const phi_spikes *s, const char *text, uint64_t **first) {
  const uint64_t none = UINT64_MAX;
  *first = check_allocate((size_t)s->populations, sizeof **first);
  for (int k = 0; k < s->populations; k++) (*first)[k] = none;
  err e = OK;
  for (const char *at = text; *at && !e;) {
    const size_t field = strcspn(at, ","), name = strcspn(at, ":");
    char *end = NULL;
    const unsigned long long number = name < field ? strtoull(at + name + 1, &end, 10) : 0;
    if (name >= field || end == at + name + 1 || end != at + field || at[name + 1] == '-')
      e = check_fail(ERR_USER, "first: '%.*s' is no POPULATION:NUMBER", (int)field, at);
    for (int k = 0; k < s->populations; k++)
      if (strlen(s->population[k]) == name && !strncmp(s->population[k], at, name))
        (*first)[k] = number;
    at += field + (at[field] == ',');
  }
  for (int k = 0; k < s->populations && !e; k++)
    if ((*first)[k] == none)
      e = check_fail(ERR_USER, "first: population '%s' of the spike file is not in %s",
                     s->population[k], text);
  if (e) free(*first);
  return e;
}

/* Part of each neuron as its key. */
static err key_by_part(const phi_spikes *s, const phi_owners *owners, int64_t *key) {
  if (!owners->first && s->populations > 1)
    return check_fail(ERR_USER,
                      "sample: the spike file has %d populations, each with its own ids; --first "
                      "must tell which number in the partition file each begins with, as in %s:0",
                      s->populations, s->population[0]);
  for (size_t i = 0; i < s->neurons; i++) {
    const phi_neuron *n = &s->neuron[i];
    const uint64_t number = (owners->first ? owners->first[n->population] : 0) + (uint64_t)n->id;
    if (number >= owners->count)
      return check_fail(ERR_USER,
                        "sample: node %lld of population '%s' is not in the partition "
                        "file (%zu neurons)",
                        (long long)n->id, s->population[n->population], owners->count);
    key[i] = owners->part[number];
  }
  return OK;
}

err phi_sample_draw(const phi_spikes *s, phi_sample_method method, int groups, int size,
                    uint64_t seed, double bin, int candidates, const phi_owners *owners,
                    phi_sample *made) {
  memset(made, 0, sizeof *made);
  if (groups < 1 || size < 2)
    return check_fail(ERR_USER,
                      "sample: %d groups of %d; allowed are 1 or more groups of 2 or more", groups,
                      size);
  if (!s->neurons)
    return check_fail(ERR_USER, "sample: no neuron spikes, so that there is none to draw");
  if (method == PHI_SAMPLE_ACROSS) return draw_across(s, seed, groups, size, made);
  if (method == PHI_SAMPLE_COUPLING) return draw_coupled(s, groups, size, bin, candidates, made);
  int64_t *key = check_allocate(s->neurons, sizeof *key);
  const bool populations = method == PHI_SAMPLE_POPULATION, parts = method == PHI_SAMPLE_PARTITION;
  for (size_t i = 0; i < s->neurons && populations; i++) key[i] = s->neuron[i].population;
  err e = parts ? key_by_part(s, owners, key) : OK;
  if (!e)
    e = draw_by_key(s, key, seed, groups, size, populations,
                    populations ? "population"
                    : parts     ? "part"
                                : "spike file",
                    made);
  free(key);
  return e;
}

void phi_spikes_bin(const phi_spikes *s, int size, const int64_t *member, double begin, double bin,
                    int64_t bins, double *count) {
  memset(count, 0, (size_t)bins * (size_t)size * sizeof *count);
  for (int k = 0; k < size; k++) {
    const phi_neuron *n = &s->neuron[member[k]];
    for (size_t i = n->first; i < n->first + n->count; i++) {
      const double at = bin_of(s->time[i], begin, bin);
      if (at >= 0 && at < (double)bins) count[(int64_t)at * size + k]++;
    }
  }
}
