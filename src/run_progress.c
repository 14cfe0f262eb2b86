#include "run_progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double wall_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

run_progress run_progress_start(int rank, int64_t first, int64_t last, double dt) {
  return (run_progress){.shown = rank == 0 && isatty(STDERR_FILENO),
                        .start = wall_clock(),
                        .first = first,
                        .last = last,
                        .dt = dt};
}

void run_progress_show(const run_progress *p, int64_t done, double rate) {
  if (!p->shown) return;
  const double spent = wall_clock() - p->start;
  const double biological = (double)(done - p->first) * p->dt / 1000;
  const double left = spent * (double)(p->last - done) / (double)(done - p->first);
  fprintf(stderr, "\r%.1f of %.1f ms, real-time factor %.2f, %.0f s to go, %.2f Hz \033[K",
          (double)done * p->dt, (double)p->last * p->dt, spent / biological, left, rate);
}

void run_progress_end(const run_progress *p) {
  if (p->shown) fputs("\r\033[K", stderr);
}
