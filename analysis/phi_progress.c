#include "phi_progress.h"

#include <omp.h>
#include <time.h>

enum { DEPTH = 8 };
static const double PAUSE = 0.02; /* [s] */

static _Thread_local struct {
  phi_progress_listener *listener;
  void *context;
  int depth;                             /* parts entered, those too deep included */
  double from[DEPTH + 1], to[DEPTH + 1]; /* of the whole; [0]: all of it */
  double told;                           /* [s] when */
} here;

void phi_progress_listen(phi_progress_listener *listener, void *context) {
  here.listener = listener;
  here.context = context;
  here.depth = 0;
  here.from[0] = 0;
  here.to[0] = 1;
  here.told = omp_get_wtime();
}

static int known_depth(void) { return here.depth < DEPTH ? here.depth : DEPTH; }

void phi_progress_enter(double from, double to) {
  if (!here.listener) return;
  const int above = known_depth();
  const double width = here.to[above] - here.from[above];
  if (++here.depth > DEPTH) return;
  here.from[here.depth] = here.from[above] + from * width;
  here.to[here.depth] = here.from[above] + to * width;
}

void phi_progress_leave(void) {
  if (here.listener && here.depth) here.depth--;
}

void phi_progress_at(double done) {
  if (!here.listener || here.depth > DEPTH) return;
  const double now = omp_get_wtime();
  if (now - here.told < PAUSE) return;
  here.told = now;
  const double from = here.from[here.depth], to = here.to[here.depth];
  here.listener(here.context, from + done * (to - from));
}

double phi_progress_processor_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
