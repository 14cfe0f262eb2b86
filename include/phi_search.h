/* phi_search.h - the minimum-information partition, and complexes.
 *
 * A bipartition of n elements is part[n] of 0 and 1, element 0 in part 0, neither part empty. The
 * minimum is over value, or over value / normalisation where a normalisation is given. Results do
 * not depend on the number of threads.                                                        */
#ifndef SHINKEI_PHI_SEARCH_H
#define SHINKEI_PHI_SEARCH_H

#include "phi_gaussian.h"

/* What is minimised. Both functions must be pure, thread-safe and symmetric in 0 and 1.        */
typedef struct {
  int n;
  const void *context;
  double (*value)(const void *context, const int *part);         /* [nats]                     */
  double (*normalisation)(const void *context, const int *part); /* NULL: not normalised       */
} phi_problem;

typedef struct {
  int n;
  int *part;            /* [n], owned; release with phi_mip_free                               */
  double value;         /* of that partition, not normalised [nats]                            */
  double normalisation; /* K of that partition, 1 where there is none                          */
  double score;         /* value / normalisation: what was minimised                           */
  int64_t evaluations;  /* of value                                                            */
  int64_t ties;         /* exhaustive: further partitions within 1e-10 of the score, else 0    */
  bool exact;           /* is the minimum proven?                                              */
} phi_mip;

LOCAL void phi_mip_free(phi_mip *m);

/* Exhaustive search is refused above this many elements (8.4 million partitions). */
#define PHI_EXHAUSTIVE_LIMIT 24

/* All 2^(n-1) - 1 bipartitions. Ties: the one whose part 1, read as a number with element 1 as
 * the lowest bit, is smallest. n < 2 and n > PHI_EXHAUSTIVE_LIMIT are ERR_USER.               */
LOCAL err phi_search_exhaustive(const phi_problem *p, phi_mip *made);

/* Queyranne 1998, Math. Program. 82: n - 1 pendant pairs from about n^3 / 6 evaluations; the exact
 * minimum where value is symmetric submodular (MI, MI1), else a good guess (Kitazono, Kanai &
 * Oizumi 2018, Entropy 20). `submodular` only sets made->exact. Not for normalised problems, which
 * are not submodular (ERR_USER).                                                              */
LOCAL err phi_search_queyranne(const phi_problem *p, bool submodular, phi_mip *made);

/* The same for MI1, MI (exact) and SI (a guess) of Gaussian variables, without evaluating any
 * partition: I(V \ T; T) = g(T) + g(V \ T) - g(V) of the entropy g, for which Queyranne's lemma
 * holds as well (g need not be symmetric), so that the next element is the one with the largest
 * mutual information with those chosen. That is the diagonal of one growing Cholesky factor a
 * pendant pair, by blocks of columns: n^4 / 3 multiplications in BLAS 3.                       */
LOCAL err phi_search_queyranne_gaussian(const phi_covariances *c, phi_measure m, phi_mip *made);

/* Replica-exchange Monte Carlo (Hukushima & Nemoto 1996) moving or exchanging elements, then
 * descent. replicas >= 2 at temperatures in geometric sequence from the spread of random subsets of
 * all sizes to a thousandth of it; `sweeps` of n moves each; random numbers by `seed` alone. Never
 * proven exact. */
LOCAL err phi_search_exchange(const phi_problem *p, int replicas, int sweeps, uint64_t seed,
                              phi_mip *made);

/* The problem of a Gaussian measure; context: the caller's, alive as long as the problem.      */
typedef struct {
  const phi_covariances *covariances;
  phi_measure measure;
} phi_gaussian_context;
LOCAL phi_problem phi_gaussian_problem(const phi_gaussian_context *context, bool normalised);

/* Complexes: S is one where its minimum value exceeds that of every set that contains it; a main
 * complex where it also exceeds that of every set within it. Found by splitting along the minimum
 * partitions from the whole down: exact where the minimum partitions are and where the value for
 * a fixed split grows with the set (MI, MI1). Kitazono, Kanai & Oizumi 2020, Neural Networks 132.
 */
typedef struct {
  int size;
  int *member; /* [size], ascending, owned by the list */
  double value;
  bool complex, main;
} phi_complex;

typedef struct {
  int count; /* every set of the tree with two elements or more, the whole first               */
  phi_complex *set;
} phi_complexes;

/* The minimum partition of the subset index[count] (>= 2 elements, ascending). */
typedef err (*phi_split)(void *context, int count, const int *index, phi_mip *made);

LOCAL err phi_search_complexes(int n, phi_split split, void *context, phi_complexes *made);
LOCAL void phi_complexes_free(phi_complexes *c);

#endif
