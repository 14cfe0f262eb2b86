/* phi_estimate.h - the measures of a recorded group of elements, with what speaks for and against
 * the estimate: counts, coverage, bootstrap intervals, surrogates.
 *
 * A recording is value[samples][n]: spike counts of bins, or samples of anything. Pairs are
 * (x_t, x_{t+lag}).
 *   Binary (not gaussian): an element is on where its value is > 0. The transition table is
 *     P(j on | state) = (times on + prior) / (visits + 2 prior); a state never seen has 1/2. The
 *     practical measures and TDMI use the plain frequencies of the pairs, without prior, EI and IIT
 *     the table.
 *   Gaussian: covariances of the pairs.
 *   State of IIT: given, or the one most often seen (ties: the smallest number).
 *   Bootstrap: pairs are redrawn in blocks of consecutive ones (Kunsch 1989); 2.5 and 97.5 %.
 *   Surrogates: every element is shifted in a circle by its own random number of samples, which
 *     keeps each one's own dynamics and breaks what is between them.                            */
#ifndef SHINKEI_PHI_ESTIMATE_H
#define SHINKEI_PHI_ESTIMATE_H

#include "phi_evaluate.h"

typedef struct {
  phi_request request;
  bool gaussian;
  int64_t lag;    /* [samples] >= 1 */
  double prior;   /* count added to each outcome of the table, >= 0 */
  double ridge;   /* regularisation of covariances, share of the mean variance; 0: none */
  int64_t state;  /* of IIT; -1: the one most often seen */
  int bootstrap;  /* redrawn recordings, 0: no intervals */
  int surrogates; /* 0: no baseline */
  int64_t block;  /* pairs of a bootstrap block, >= 1 */
  uint64_t seed;
} phi_plan;

/* What the data can carry; of Gaussian ones pairs, constant and insufficient. */
typedef struct {
  int64_t pairs, states, seen, weak; /* weak: seen fewer than 10 times                          */
  int constant;                      /* elements that never change, silent ones among them      */
  int64_t fewest;                    /* visits of the least visited state that was seen         */
  int64_t state;                     /* of IIT                                                  */
  double state_share;                /* of the time in that state                               */
  bool insufficient; /* unseen or weak states where a table is needed; constant elements; fewer
                      * pairs than ten a number estimated                             */
} phi_coverage;

typedef struct {
  double value, low, high; /* NaN where not asked */
  double surrogate_mean, surrogate_deviation;
  double above; /* share of surrogates at or above the value */
} phi_estimate_value;

typedef struct {
  phi_estimate_value of[PHI_ASKED];
  phi_coverage coverage;
  int failed; /* redrawn or shifted recordings that gave no value (singular covariance)        */
} phi_estimate;

/* An estimated transition table of n binary elements, little-endian. */
typedef struct {
  int n;
  int64_t *visits, *on; /* [2^n], [2^n][n] counts */
  double *table;        /* [2^n][n] */
} phi_transitions;

LOCAL void phi_transitions_count(int64_t pairs, int n, const double *before, const double *after,
                                 double prior, phi_transitions *made);
LOCAL void phi_transitions_free(phi_transitions *t);

/* All of it. `who` and the seed choose the random numbers: the same for the same task on any rank.
 * details as in phi_evaluate, and the table. OpenMP over redrawn recordings; results do not depend
 * on threads.                                                                                  */
LOCAL err phi_estimate_make(const phi_plan *plan, uint32_t who, int64_t samples, int n,
                            const double *value, phi_estimate *made, json_t *details);

/* How long phi_estimate_make will take on one core [s], within a factor of two or so: by a short
 * measurement with these data (phi_evaluate.h). Errors as of phi_estimate_make.                 */
LOCAL err phi_estimate_predict(const phi_plan *plan, int64_t samples, int n, const double *value,
                               double *seconds);

/* Why an estimate is `insufficient`, in words; caller's text[size]. */
LOCAL void phi_coverage_text(const phi_coverage *c, int n, bool gaussian, char *text, size_t size);

#endif
