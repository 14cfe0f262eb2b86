/* run_progress.h - a line on a terminal that tells how far a run is; nothing in a batch log. */
#ifndef SHINKEI_RUN_PROGRESS_H
#define SHINKEI_RUN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  bool shown;          /* standard error is a terminal, and this is rank 0 */
  double start;        /* [s] wall clock */
  int64_t first, last; /* steps */
  double dt;           /* [ms] */
} run_progress;

run_progress run_progress_start(int rank, int64_t first, int64_t last, double dt);
/* `rate`: mean rate of the last stretch [Hz]. */
void run_progress_show(const run_progress *p, int64_t done, double rate);
void run_progress_end(const run_progress *p);

#endif
