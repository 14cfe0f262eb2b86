/* Replica-exchange Monte Carlo over bipartitions. */
#include "phi_progress.h"
#include "phi_search.h"

#include "random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Purposes of random numbers within RANDOM_SAMPLE. */
enum { INDEX_START = 1, INDEX_MOVE, INDEX_SWAP };

typedef struct {
  int *part, *best; /* [n] each */
  int ones;         /* elements in part 1 */
  double score, best_score, temperature;
  int64_t evaluations;
} replica;

static double score(const phi_problem *p, replica *r) {
  r->evaluations++;
  double value = p->value(p->context, r->part);
  return p->normalisation ? value / p->normalisation(p->context, r->part) : value;
}

static void keep_best(const phi_problem *p, replica *r) {
  if (!(r->score < r->best_score)) return;
  r->best_score = r->score;
  memcpy(r->best, r->part, (size_t)p->n * sizeof *r->best);
}

/* Random subsets of all sizes, from one element (the last, coldest replica) to half of them: the
 * spread of their scores is that of the landscape.                                            */
static void start(const phi_problem *p, replica *r, int who, int replicas, uint64_t seed) {
  r->part = check_allocate((size_t)p->n, sizeof *r->part);
  r->best = check_allocate((size_t)p->n, sizeof *r->best);
  double share = 1 - (double)who / (replicas - 1);
  int wanted = (int)lround(pow(0.5 * p->n, share));
  if (wanted < 1) wanted = 1;
  for (uint64_t draw = 0; r->ones < wanted; draw++) {
    uint32_t word = random_draw(seed, RANDOM_SAMPLE, INDEX_START, (uint32_t)who, draw).word[0];
    int i = (int)random_below(word, (uint32_t)p->n);
    r->ones += !r->part[i];
    r->part[i] = 1;
  }
  r->best_score = INFINITY;
  r->score = score(p, r);
  keep_best(p, r);
}

/* Move element i to the other part unless that empties its own. */
static bool flip(const phi_problem *p, replica *r, int i) {
  int ones = r->ones + (r->part[i] ? -1 : 1);
  if (ones == 0 || ones == p->n) return false;
  r->part[i] = !r->part[i];
  r->ones = ones;
  return true;
}

/* The element of part `label` that comes number-th. */
static int member(const replica *r, int label, int number) {
  int i = 0;
  while (r->part[i] != label || number-- > 0) i++;
  return i;
}

/* Propose to move one element, or to exchange one of each part (a lone element could otherwise
 * only be replaced through a worse pair); false where that cannot be. Undone by the same again. */
static bool propose(const phi_problem *p, replica *r, const random_words *w, int moved[2]) {
  if (w->word[2] & 1) {
    moved[0] = (int)random_below(w->word[0], (uint32_t)p->n);
    moved[1] = -1;
    return flip(p, r, moved[0]);
  }
  moved[0] = member(r, 1, (int)random_below(w->word[0], (uint32_t)r->ones));
  moved[1] = member(r, 0, (int)random_below(w->word[3], (uint32_t)(p->n - r->ones)));
  r->part[moved[0]] = 0;
  r->part[moved[1]] = 1;
  return true;
}

static void undo(const phi_problem *p, replica *r, const int moved[2]) {
  if (moved[1] < 0)
    flip(p, r, moved[0]);
  else
    r->part[moved[0]] = 1, r->part[moved[1]] = 0;
}

/* n Metropolis moves. */
static void sweep(const phi_problem *p, replica *r, uint32_t who, uint64_t seed, int64_t number) {
  for (int move = 0; move < p->n; move++) {
    int moved[2];
    random_words w =
        random_draw(seed, RANDOM_SAMPLE, INDEX_MOVE, who, (uint64_t)(number * p->n + move));
    if (!propose(p, r, &w, moved)) continue;
    double before = r->score, after = score(p, r);
    if (after <= before || random_unit(w.word[1]) < exp((before - after) / r->temperature)) {
      r->score = after;
      keep_best(p, r);
    } else
      undo(p, r, moved);
  }
}

/* Neighbours in temperature exchange their partitions; even and odd pairs in turn. */
static void exchange(replica *r, int replicas, uint64_t seed, int64_t number) {
  for (int k = (int)(number % 2); k + 1 < replicas; k += 2) {
    double gain = (1 / r[k].temperature - 1 / r[k + 1].temperature) * (r[k].score - r[k + 1].score);
    uint32_t word =
        random_draw(seed, RANDOM_SAMPLE, INDEX_SWAP, (uint32_t)k, (uint64_t)number).word[0];
    if (gain < 0 && random_unit(word) >= exp(gain)) continue;
    replica held = r[k];
    r[k].part = r[k + 1].part, r[k].ones = r[k + 1].ones, r[k].score = r[k + 1].score;
    r[k + 1].part = held.part, r[k + 1].ones = held.ones, r[k + 1].score = held.score;
  }
}

/* From the hottest (the spread of the random starts) to a thousandth. */
static void set_temperatures(replica *r, int replicas) {
  double mean = 0, spread = 0;
  for (int k = 0; k < replicas; k++) mean += r[k].score / replicas;
  for (int k = 0; k < replicas; k++) spread += (r[k].score - mean) * (r[k].score - mean) / replicas;
  spread = sqrt(spread);
  if (!(spread > 1e-12)) spread = 1e-12;
  for (int k = 0; k < replicas; k++)
    r[k].temperature = spread * pow(1e-3, (double)k / (replicas - 1));
}

static void descend(const phi_problem *p, replica *r) {
  memcpy(r->part, r->best, (size_t)p->n * sizeof *r->part);
  r->ones = 0;
  for (int i = 0; i < p->n; i++) r->ones += r->part[i];
  r->score = r->best_score;
  for (bool better = true; better;) {
    better = false;
    for (int i = 0; i < p->n; i++) {
      double before = r->score;
      if (!flip(p, r, i)) continue;
      r->score = score(p, r);
      if (r->score < before) {
        better = true;
        keep_best(p, r);
      } else {
        flip(p, r, i);
        r->score = before;
      }
    }
  }
}

static err check(const phi_problem *p, int replicas, int sweeps) {
  if (p->n < 2)
    return check_fail(ERR_USER, "a partition needs at least 2 elements; there are %d", p->n);
  if (replicas < 2) return check_fail(ERR_USER, "replicas is %d; allowed is 2 or more", replicas);
  if (sweeps < 1) return check_fail(ERR_USER, "sweeps is %d; allowed is 1 or more", sweeps);
  return OK;
}

err phi_search_exchange(const phi_problem *p, int replicas, int sweeps, uint64_t seed,
                        phi_mip *made) {
  memset(made, 0, sizeof *made);
  err e = check(p, replicas, sweeps);
  if (e) return e;
  replica *r = check_allocate((size_t)replicas, sizeof *r);
  for (int k = 0; k < replicas; k++) start(p, &r[k], k, replicas, seed);
  set_temperatures(r, replicas);
  for (int64_t number = 0; number < sweeps; number++) {
    phi_progress_at((double)number / sweeps);
#pragma omp parallel for schedule(dynamic)
    for (int k = 0; k < replicas; k++) sweep(p, &r[k], (uint32_t)k, seed, number);
    exchange(r, replicas, seed, number);
  }
  int best = 0;
  for (int k = 1; k < replicas; k++)
    if (r[k].best_score < r[best].best_score) best = k;
  descend(p, &r[best]);
  made->n = p->n;
  made->part = check_allocate((size_t)p->n, sizeof *made->part);
  int turn = r[best].best[0];
  for (int i = 0; i < p->n; i++) made->part[i] = r[best].best[i] ^ turn;
  made->value = p->value(p->context, made->part);
  made->normalisation = p->normalisation ? p->normalisation(p->context, made->part) : 1;
  made->score = made->value / made->normalisation;
  for (int k = 0; k < replicas; k++) {
    made->evaluations += r[k].evaluations;
    free(r[k].part);
    free(r[k].best);
  }
  free(r);
  return OK;
}
