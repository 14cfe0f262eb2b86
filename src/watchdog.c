#include "watchdog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The clock is the number of naps that this thread has taken: it stands while the process is
 * stopped. After the report the others get time for theirs: the first rank that exits takes all
 * with it. */
enum { NAP_MILLISECONDS = 100, GRACE_SECONDS = 2 };

static _Atomic(const char *) phase = "start";
static atomic_llong last_step, lives;
static bool watching; /* guarded by turn */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t stopped;
static pthread_t thread;
static bool started;
static int own_rank;
static double limit;

void watchdog_phase(const char *now) { atomic_store_explicit(&phase, now, memory_order_relaxed); }

static void live(void) {
  const long long count = atomic_load_explicit(&lives, memory_order_relaxed);
  atomic_store_explicit(&lives, count + 1, memory_order_relaxed); /* one writer */
}

void watchdog_alive(const char *now) {
  watchdog_phase(now);
  live();
}

void watchdog_step(int64_t step) {
  atomic_store_explicit(&last_step, step, memory_order_relaxed);
  live();
}

/* Sleep for a nap, or until watching ends: who ends it never waits for the nap. */
static bool nap(void) {
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_nsec += NAP_MILLISECONDS * 1000000L;
  end.tv_sec += end.tv_nsec / 1000000000;
  end.tv_nsec %= 1000000000;
  pthread_mutex_lock(&turn);
  while (watching && pthread_cond_timedwait(&stopped, &turn, &end) == 0) continue;
  const bool go_on = watching;
  pthread_mutex_unlock(&turn);
  return go_on;
}

static bool is_debugged(void) {
  char line[128];
  bool traced = false;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, "TracerPid:", 10) == 0) traced = atoi(line + 10) != 0;
  if (file) fclose(file);
  return traced;
}

/* Not check_abort: MPI_Abort belongs to the thread that hangs. The launcher ends the other ranks
 * when one exits so. */
static void end_job(void) {
  fprintf(
      stderr,
      "shinkei: error: rank %d: no step has ended for %g s; last step %lld, now in: %s. The job "
      "is ended (--watchdog sets the time).\n",
      own_rank, limit, (long long)atomic_load(&last_step), atomic_load(&phase));
  fflush(stderr);
  nanosleep(&(struct timespec){.tv_sec = GRACE_SECONDS}, NULL);
  _exit(ERR_ENVIRONMENT);
}

static void *watch(void *unused) {
  (void)unused;
  const double seconds = NAP_MILLISECONDS / 1000.0;
  double silent = 0;
  long long before = atomic_load(&lives);
  while (nap()) {
    const long long now = atomic_load(&lives);
    silent = now == before ? silent + seconds : 0;
    before = now;
    if (silent < limit) continue;
    if (is_debugged())
      silent = 0;
    else
      end_job();
  }
  return NULL;
}

void watchdog_start(int rank, double seconds) {
  if (seconds <= 0) return;
  own_rank = rank;
  limit = seconds;
  live();
  pthread_condattr_t clock;
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(&stopped, &clock);
  pthread_condattr_destroy(&clock);
  watching = true;
  started = pthread_create(&thread, NULL, watch, NULL) == 0;
  if (!started) fprintf(stderr, "shinkei: warning: rank %d: no watchdog: no thread for it\n", rank);
}

void watchdog_stop(void) {
  if (!started) return;
  pthread_mutex_lock(&turn);
  watching = false;
  pthread_cond_signal(&stopped);
  pthread_mutex_unlock(&turn);
  pthread_join(thread, NULL);
  pthread_cond_destroy(&stopped);
  started = false;
}
