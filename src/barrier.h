/* barrier.h - threads wait for each other: with something to do as long as there is, then briefly
 * by spinning, then by giving the core away, so that more threads than cores still go on. */
#ifndef SHINKEI_BARRIER_H
#define SHINKEI_BARRIER_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { BARRIER_SPINS = 4000 };

typedef struct {
  int threads;
  _Alignas(64) atomic_int waiting;
  _Alignas(64) atomic_uint phase;
} barrier;

static inline void barrier_init(barrier *b, int threads) {
  b->threads = threads;
  atomic_init(&b->waiting, 0);
  atomic_init(&b->phase, 0);
}

static inline void barrier_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/* Meanwhile `work` is called, which takes some microseconds, until it finds nothing more to do. */
static inline void barrier_wait(barrier *b, bool (*work)(void *), void *with) {
  if (b->threads == 1) return;
  const unsigned phase = atomic_load_explicit(&b->phase, memory_order_relaxed);
  if (atomic_fetch_add_explicit(&b->waiting, 1, memory_order_acq_rel) == b->threads - 1) {
    atomic_store_explicit(&b->waiting, 0, memory_order_relaxed);
    atomic_store_explicit(&b->phase, phase + 1, memory_order_release);
    return;
  }
  for (int spin = 0; atomic_load_explicit(&b->phase, memory_order_acquire) == phase; spin++) {
    if (spin == 0 && work(with))
      spin = -1;
    else if (spin < BARRIER_SPINS)
      barrier_pause();
    else
      sched_yield();
  }
}

#endif
