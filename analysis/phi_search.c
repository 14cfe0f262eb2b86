/* Searches that know nothing of the measure. */
#include "phi_search.h"
#include "phi_progress.h"

#include "phi_linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TIE 1e-10

void phi_mip_free(phi_mip *m) {
  free(m->part);
  memset(m, 0, sizeof *m);
}

static double gaussian_value(const void *context, const int *part) {
  const phi_gaussian_context *g = context;
  return phi_gaussian_value(g->covariances, g->measure, part, NULL);
}

static double gaussian_normalisation(const void *context, const int *part) {
  const phi_gaussian_context *g = context;
  return phi_gaussian_normalisation(g->covariances, part);
}

phi_problem phi_gaussian_problem(const phi_gaussian_context *context, bool normalised) {
  phi_linear_serial();
  return (phi_problem){.n = context->covariances->n,
                       .context = context,
                       .value = gaussian_value,
                       .normalisation = normalised ? gaussian_normalisation : NULL};
}

static double score(const phi_problem *p, const int *part) {
  double value = p->value(p->context, part);
  return p->normalisation ? value / p->normalisation(p->context, part) : value;
}

/* Element 0 into part 0, and the result's numbers from its partition. */
static void finish(const phi_problem *p, phi_mip *made) {
  if (made->part[0])
    for (int i = 0; i < p->n; i++) made->part[i] = !made->part[i];
  made->n = p->n;
  made->value = p->value(p->context, made->part);
  made->normalisation = p->normalisation ? p->normalisation(p->context, made->part) : 1;
  made->score = made->value / made->normalisation;
}

static err begin(const phi_problem *p, phi_mip *made) {
  memset(made, 0, sizeof *made);
  if (p->n < 2)
    return check_fail(ERR_USER, "a partition needs at least 2 elements; there are %d", p->n);
  made->part = check_allocate((size_t)p->n, sizeof *made->part);
  return OK;
}

static void part_of_mask(int n, uint64_t mask, int *part) {
  part[0] = 0;
  for (int i = 1; i < n; i++) part[i] = (int)(mask >> (i - 1) & 1);
}

err phi_search_exhaustive(const phi_problem *p, phi_mip *made) {
  if (p->n > PHI_EXHAUSTIVE_LIMIT) {
    memset(made, 0, sizeof *made);
    return check_fail(ERR_USER,
                      "exhaustive search of %d elements would take %.3g partitions; allowed are up "
                      "to %d elements",
                      p->n, ldexp(1, p->n - 1), PHI_EXHAUSTIVE_LIMIT);
  }
  err e = begin(p, made);
  if (e) return e;
  const int64_t count = ((int64_t)1 << (p->n - 1)) - 1;
  double *scores = check_allocate((size_t)count, sizeof *scores);
#pragma omp parallel
  {
    int *part = check_allocate((size_t)p->n, sizeof *part);
#pragma omp for schedule(dynamic, 16)
    for (int64_t k = 0; k < count; k++) {
      phi_progress_at((double)k / (double)count);
      part_of_mask(p->n, (uint64_t)k + 1, part);
      scores[k] = score(p, part);
    }
    free(part);
  }
  double least = INFINITY;
  for (int64_t k = 0; k < count; k++) least = fmin(least, scores[k]);
  int64_t first = -1;
  for (int64_t k = 0; k < count; k++) {
    if (!(scores[k] <= least + TIE)) continue;
    if (first < 0)
      first = k;
    else
      made->ties++;
  }
  part_of_mask(p->n, (uint64_t)(first < 0 ? 0 : first) + 1, made->part);
  free(scores);
  finish(p, made);
  made->evaluations = count;
  made->exact = true;
  return OK;
}

/* Elements merged so far: label[i] is the group of element i, in 0 .. n - 1. */
typedef struct {
  const phi_problem *p;
  int *label, *group, *order; /* groups that live; their pendant order */
  int groups;
  double *alone; /* value of each group against all others */
} merging;

static double value_of_union(const merging *m, const bool *inside, int more, int *part) {
  for (int i = 0; i < m->p->n; i++) part[i] = inside[m->label[i]] || m->label[i] == more;
  return m->p->value(m->p->context, part);
}

/* Order the groups; the last two are a pendant pair. */
static void order_groups(merging *m, bool *inside, double *key, int64_t *evaluations) {
  int n = m->p->n;
  memset(inside, 0, (size_t)n * sizeof *inside);
  inside[m->order[0] = m->group[0]] = true;
  for (int chosen = 1; chosen < m->groups; chosen++) {
    bool last = chosen == m->groups - 1; /* one is left: nothing to compare */
#pragma omp parallel if (!last)
    {
      int *part = check_allocate((size_t)n, sizeof *part);
#pragma omp for schedule(dynamic)
      for (int k = 0; k < m->groups; k++) {
        int group = m->group[k];
        key[k] = inside[group] ? INFINITY
                 : last        ? 0
                               : value_of_union(m, inside, group, part) - m->alone[group];
      }
      free(part);
    }
    int best = -1;
    for (int k = 0; k < m->groups; k++)
      if (!inside[m->group[k]] && (best < 0 || key[k] < key[best])) best = k;
    if (!last) *evaluations += m->groups - chosen;
    inside[m->order[chosen] = m->group[best]] = true;
  }
}

static void merge(merging *m, int into, int from) {
  for (int i = 0; i < m->p->n; i++)
    if (m->label[i] == from) m->label[i] = into;
  int kept = 0;
  for (int k = 0; k < m->groups; k++)
    if (m->group[k] != from) m->group[kept++] = m->group[k];
  m->groups = kept;
}

static double value_alone(const merging *m, int group, int *part) {
  for (int i = 0; i < m->p->n; i++) part[i] = m->label[i] == group;
  return m->p->value(m->p->context, part);
}

err phi_search_queyranne(const phi_problem *p, bool submodular, phi_mip *made) {
  err e = begin(p, made);
  if (e) return e;
  if (p->normalisation)
    return check_fail(ERR_USER, "Queyranne's algorithm is for values that are not normalised; use "
                                "exhaustive search or exchange");
  size_t n = (size_t)p->n;
  merging m = {p,
               check_allocate(n, sizeof(int)),
               check_allocate(n, sizeof(int)),
               check_allocate(n, sizeof(int)),
               p->n,
               check_allocate(n, sizeof(double))};
  bool *inside = check_allocate(n, sizeof *inside);
  double *key = check_allocate(n, sizeof *key), least = INFINITY;
  int *part = check_allocate(n, sizeof *part);
  for (int i = 0; i < p->n; i++) m.label[i] = m.group[i] = i;
  for (int i = 0; i < p->n; i++) m.alone[i] = value_alone(&m, i, part);
  made->evaluations = p->n;
  while (m.groups > 1) {
    phi_progress_at(1 - pow((double)m.groups / p->n, 3));
    order_groups(&m, inside, key, &made->evaluations);
    int last = m.order[m.groups - 1], before = m.order[m.groups - 2];
    if (m.alone[last] < least) {
      least = m.alone[last];
      for (int i = 0; i < p->n; i++) made->part[i] = m.label[i] == last;
    }
    merge(&m, before, last);
    if (m.groups == 1) break;
    m.alone[before] = value_alone(&m, before, part);
    made->evaluations++;
  }
  free(m.label);
  free(m.group);
  free(m.order);
  free(m.alone);
  free(inside);
  free(key);
  free(part);
  finish(p, made);
  made->exact = submodular;
  return OK;
}
