#include "step.h"
#include "barrier.h"
#include "step_update.h"
#include "vector.h"
#include "watchdog.h"

#include <assert.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct stepper {
  shard *s;
  record *r;
  int64_t done;
  size_t arrived; /* spikes of step `done` that this rank has synapses of */
  const uint32_t *arrived_gid;
  size_t fired_capacity;
  uint32_t *fired_local; /* own spikes of one step */
  step_spikes *history;  /* [max_delay] own spikes, step s at s mod max_delay */
  step_spikes *ordered;  /* [max_delay] */
  double *trace;
  step_times times;
  uint64_t spikes;
  uint64_t *place; /* [neurons] gid << 32 | local, ascending; NULL before the first step_resume */
  barrier turn;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

stepper *step_create(shard *s, record *r) {
  stepper *w = check_allocate(1, sizeof *w);
  const size_t delays = (size_t)network_max_delay(s->n);
  w->s = s;
  w->r = r;
  w->history = check_allocate(delays, sizeof *w->history);
  w->ordered = check_allocate(delays, sizeof *w->ordered);
  size_t traced = 0;
  if (r) record_traced(r, &traced);
  w->trace = check_allocate(traced, sizeof *w->trace);
  barrier_init(&w->turn, s->threads);
  return w;
}

void step_free(stepper *w) {
  if (!w) return;
  for (int k = 0; k < network_max_delay(w->s->n); k++) free(w->history[k].gid);
  free(w->history);
  free(w->ordered);
  free(w->fired_local);
  free(w->trace);
  free(w->place);
  free(w);
}

/* Own spikes of the step, of all blocks: kept for the record, the exchange, the history. */
static void collect(stepper *w, int64_t step) {
  shard *s = w->s;
  step_spikes *kept = &w->history[step % network_max_delay(s->n)];
  size_t count = 0;
  for (int k = 0; k < s->blocks; k++) count += s->block[k].spikes;
  w->fired_local = check_grow(w->fired_local, &w->fired_capacity, count, sizeof *w->fired_local);
  kept->gid = check_grow(kept->gid, &kept->capacity, count, sizeof *kept->gid);
  kept->step = step;
  kept->count = 0;
  for (int k = 0; k < s->blocks; k++) {
    const shard_block *b = &s->block[k];
    for (uint32_t i = 0; i < b->spikes; i++) {
      const uint32_t local = b->first + b->spiked[i];
      w->fired_local[kept->count] = local;
      kept->gid[kept->count++] = s->gid[local];
    }
  }
  w->spikes += kept->count;
}

static void keep_record(stepper *w, int64_t step) {
  if (!w->r) return;
  const step_spikes *kept = &w->history[step % network_max_delay(w->s->n)];
  record_spikes(w->r, step, kept->count, kept->gid);
  if (!record_trace_due(w->r, step)) return;
  size_t traced;
  const uint32_t(*which)[2] = record_traced(w->r, &traced);
  for (size_t i = 0; i < traced; i++) {
    const void *state = w->s->state[which[i][1]];
    w->trace[i] = w->s->m->double_precision ? ((const double *)state)[which[i][0]]
                                            : (double)((const float *)state)[which[i][0]];
  }
  record_trace(w->r, step, w->trace);
}

static void deliver(shard *s, int thread, int64_t step) {
  for (int k = thread; k < s->blocks; k += s->threads) synapse_deliver(&s->block[k].synapses, step);
}

/* Deliver what the newest spikes bring with a delay of one step; the rest of them waits. */
static void deliver_newest(const stepper *w, int thread, int64_t step) {
  shard *s = w->s;
  for (int k = thread; k < s->blocks; k += s->threads) {
    synapse_block *b = &s->block[k].synapses;
    synapse_spikes(b, w->arrived, w->arrived_gid, step - 1, step - 1);
    synapse_deliver(b, step);
    s->block[k].events += synapse_finish(b, step);
  }
}

typedef struct {
  shard *s;
  int thread;
} waiting_thread;

/* A thread that waits draws Poisson trains ahead, its own blocks' first. */
static bool draw_ahead(void *with) {
  const waiting_thread *t = with;
  for (int k = 0; k < t->s->blocks; k++)
    if (input_draw_ahead(t->s->block[(t->thread + k) % t->s->blocks].input)) return true;
  return false;
}

/* One thread's way through steps first .. last:
 *
 *   deliver    runs due now of all spikes but the newest          || their exchange is under way
 *   exchange   first thread: the spikes of the step before arrive
 *   ---------- barrier
 *   deliver    runs of the newest spikes with a delay of one step
 *   update     neurons take the step; block b lists who fired
 *   ---------- barrier
 *   collect    first thread: record, post the exchange            || others deliver already
 *
 * On entry and exit the spikes of the last step have arrived (w->arrived) but are not delivered.
 * Input accumulators belong to the block's thread; spike lists to it between the barriers and to
 * the first thread between the second one and the next first one. */
static void take_steps(stepper *w, int thread, int64_t first, int64_t last) {
  shard *s = w->s;
  waiting_thread self = {s, thread};
  double mark = now(), then;
  step_times t = {0};
#define SPENT(on) (then = now(), t.on += then - mark, mark = then)
  for (int64_t step = first; step <= last; step++) {
    if (thread == 0) watchdog_phase("deliver");
    deliver(s, thread, step);
    SPENT(deliver);
    if (thread == 0 && step > first) {
      watchdog_phase("exchange");
      w->arrived_gid = exchange_end(s->exchange, &w->arrived);
      watchdog_phase("update");
    }
    barrier_wait(&w->turn, draw_ahead, &self);
    SPENT(exchange_wait);
    deliver_newest(w, thread, step);
    SPENT(deliver);
    for (int k = thread; k < s->blocks; k += s->threads) step_update(s, &s->block[k], step);
    barrier_wait(&w->turn, draw_ahead, &self);
    SPENT(update);
    if (thread > 0) continue;
    collect(w, step);
    exchange_begin(s->exchange, w->history[step % network_max_delay(s->n)].count, w->fired_local);
    keep_record(w, step);
    watchdog_step(step);
    SPENT(record);
  }
  if (thread > 0) return;
  watchdog_phase("exchange");
  w->arrived_gid = exchange_end(s->exchange, &w->arrived);
  SPENT(exchange_wait);
  w->times.update += t.update;
  w->times.deliver += t.deliver;
  w->times.exchange_wait += t.exchange_wait;
  w->times.record += t.record;
#undef SPENT
}

void step_run(stepper *w, int64_t last) {
  if (last <= w->done) return;
#pragma omp parallel num_threads(w->s->threads)
  {
    const unsigned before = vector_flush_subnormals();
    const int thread = omp_get_thread_num();
    take_steps(w, thread, w->done + 1, last);
    for (int k = thread; k < w->s->blocks; k += w->s->threads)
      step_update_end(w->s, &w->s->block[k], last);
    vector_restore(before);
  }
  w->done = last;
}

int64_t step_done(const stepper *w) { return w->done; }

uint64_t step_spikes_counted(const stepper *w) { return w->spikes; }

step_times step_time_spent(const stepper *w) { return w->times; }

const step_spikes *step_under_way(const stepper *w, int *count) {
  const int delays = network_max_delay(w->s->n);
  *count = 0;
  for (int64_t step = w->done - delays + 1; step <= w->done; step++)
    if (step >= 1) w->ordered[(*count)++] = w->history[step % delays];
  return w->ordered;
}

static int compare_places(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* This rank's neurons as gid << 32 | local, ascending. */
static uint64_t *list_places(const shard *s) {
  uint64_t *place = check_allocate(s->neurons, sizeof *place);
  for (uint32_t i = 0; i < s->neurons; i++) place[i] = (uint64_t)s->gid[i] << 32 | i;
  qsort(place, s->neurons, sizeof *place, compare_places);
  return place;
}

static uint32_t find_local(const uint64_t *place, uint32_t neurons, uint32_t gid) {
  uint32_t low = 0, high = neurons;
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    if (place[middle] >> 32 <= gid)
      low = middle;
    else
      high = middle;
  }
  assert(low < neurons && place[low] >> 32 == gid);
  return (uint32_t)place[low];
}

void step_resume(stepper *w, int64_t done, int count, const step_spikes *spikes) {
  shard *s = w->s;
  const int delays = network_max_delay(s->n);
  for (int k = 0; k < s->blocks; k++) synapse_reset(&s->block[k].synapses);
  uint32_t *local_of = check_allocate(s->neurons, sizeof *local_of);
  if (!w->place) w->place = list_places(s);
  w->done = done;
  w->arrived = 0;
  for (int64_t step = done - delays + 1 > 1 ? done - delays + 1 : 1; step <= done; step++) {
    step_spikes *kept = &w->history[step % delays];
    kept->step = step;
    kept->count = 0;
    for (int i = 0; i < count; i++) {
      if (spikes[i].step != step || spikes[i].count == 0) continue;
      kept->gid = check_grow(kept->gid, &kept->capacity, spikes[i].count, sizeof *kept->gid);
      memcpy(kept->gid, spikes[i].gid, spikes[i].count * sizeof *kept->gid);
      kept->count = spikes[i].count;
    }
    for (size_t k = 0; k < kept->count; k++)
      local_of[k] = find_local(w->place, s->neurons, kept->gid[k]);
    exchange_begin(s->exchange, kept->count, local_of);
    w->arrived_gid = exchange_end(s->exchange, &w->arrived);
    for (int b = 0; b < s->blocks && step < done; b++)
      synapse_spikes(&s->block[b].synapses, w->arrived, w->arrived_gid, step, done);
  }
  free(local_of);
  for (int k = 0; k < s->blocks; k++) step_update_resume(s, &s->block[k], done);
}
