/* How long an evaluation will take: by doing a small part of it, or by tables of measured times. */
#include "phi_evaluate_iit.h"
#include "phi_progress.h"
#include "random.h"

#include <math.h>
#include <stdlib.h>

enum { INDEX_PROBE = 60, PROBES = 64 };
static const double PROBE_SECONDS = 0.02;

/* Element 0 in part 0, the others as they fall, no part empty. */
static void draw_partition(int n, int number, int *part) {
  for (int i = 0; i < n; i++) {
    const uint32_t word =
        random_draw(1, RANDOM_SAMPLE, INDEX_PROBE, (uint32_t)number, (uint64_t)i).word[0];
    part[i] = i ? (int)(word & 1) : 0;
  }
  for (int i = 0; i < n; i++)
    if (part[i]) return;
  part[n - 1] = 1;
}

double phi_evaluate_probe(const phi_problem *p) {
  int *part = check_allocate((size_t)p->n, sizeof *part);
  const double begun = phi_progress_processor_seconds();
  double spent = 0;
  int count = 0;
  while (count < PROBES && (count < 2 || spent < PROBE_SECONDS)) {
    draw_partition(p->n, count++, part);
    (void)p->value(p->context, part);
    if (p->normalisation) (void)p->normalisation(p->context, part);
    spent = phi_progress_processor_seconds() - begun;
  }
  free(part);
  return spent / count;
}

/* Multiplications of n^4 / 3 in each pendant chain; MI and SI have matrices of twice the size. */
static double fast_queyranne_seconds(phi_measure m, int n) {
  return (m == PHI_MI1 ? 1.1e-10 : m == PHI_MI ? 7e-10 : 9e-10) * pow(n, 4);
}

double phi_evaluate_search_seconds(const phi_request *r, phi_search_method method, phi_measure m,
                                   bool gaussian, const phi_problem *p) {
  const double n = p->n;
  if (method == PHI_SEARCH_QUEYRANNE && gaussian && !r->normalised && m <= PHI_SI)
    return fast_queyranne_seconds(m, p->n);
  const double one = phi_evaluate_probe(p);
  const double count = r->part                          ? 1
                       : method == PHI_SEARCH_EXCHANGE  ? n * r->replicas * r->sweeps
                       : method == PHI_SEARCH_QUEYRANNE ? n * n * n / 6 + n
                                                        : ldexp(1, p->n - 1) - 1;
  return one * count * (r->complexes && gaussian ? 2 : 1);
}

/* Emergence: over groupings of up to 12 states, or of nodes (analysis/phi_effective.c); measured.
 */
double phi_evaluate_table_seconds(phi_asked a, int n) {
  const double cells = pow(4, n);
  if (a == PHI_ASK_EFFECTIVE || a == PHI_ASK_DELAYED) return 1e-7 * cells;
  return n <= 3 ? 0.02 : pow(20, n - 7) + 1e-7 * cells;
}
