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
  int64_t done;          /* the states have all that arrived until then */
  int64_t arrived_first; /* steps whose spikes were exchanged last, and are not delivered yet */
  int arrived_steps;
  size_t fired_capacity;
  uint32_t *fired_local; /* own spikes of a window, step after step */
  size_t *fired;         /* [window] how many of each step */
  int remembered;
  step_spikes *history; /* [remembered] own spikes, step s at s mod remembered */
  step_spikes *ordered; /* [max_delay] */
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
  const int delays = network_max_delay(s->n);
  w->s = s;
  w->r = r;
  w->remembered = delays > s->window ? delays : s->window;
  w->history = check_allocate((size_t)w->remembered, sizeof *w->history);
  w->ordered = check_allocate((size_t)delays, sizeof *w->ordered);
  w->fired = check_allocate((size_t)s->window, sizeof *w->fired);
  size_t traced = 0;
  if (r) record_traced(r, &traced);
  w->trace = check_allocate(traced, sizeof *w->trace);
  barrier_init(&w->turn, s->threads);
  return w;
}

void step_free(stepper *w) {
  if (!w) return;
  for (int k = 0; k < w->remembered; k++) free(w->history[k].gid);
  free(w->history);
  free(w->ordered);
  free(w->fired_local);
  free(w->fired);
  free(w->trace);
  free(w->place);
  free(w);
}

/* Block b's spikes in the k-th step of the window: [*first, end). */
static size_t spikes_of(const shard_block *b, int k, size_t *first) {
  *first = k > 0 ? b->spikes_until[k - 1] : 0;
  return b->spikes_until[k];
}

/* Own spikes of the window's k-th step, of all blocks: added to those for the exchange, which are
 * `before`, and kept in the history. Returns how many there are now. */
static size_t collect_step(stepper *w, int64_t step, int k, size_t before) {
  shard *s = w->s;
  step_spikes *kept = &w->history[step % w->remembered];
  size_t count = 0, first;
  for (int i = 0; i < s->blocks; i++) count += spikes_of(&s->block[i], k, &first) - first;
  w->fired_local =
      check_grow(w->fired_local, &w->fired_capacity, before + count, sizeof *w->fired_local);
  kept->gid = check_grow(kept->gid, &kept->capacity, count, sizeof *kept->gid);
  kept->step = step;
  kept->count = 0;
  for (int i = 0; i < s->blocks; i++) {
    const shard_block *b = &s->block[i];
    const size_t end = spikes_of(b, k, &first);
    for (size_t j = first; j < end; j++) __builtin_prefetch(&s->gid[b->first + b->spiked[j]]);
    for (size_t j = first; j < end; j++) {
      const uint32_t local = b->first + b->spiked[j];
      w->fired_local[before + kept->count] = local;
      kept->gid[kept->count++] = s->gid[local];
    }
  }
  w->spikes += count;
  w->fired[k] = count;
  return before + count;
}

static void collect(stepper *w, int64_t first, int64_t last) {
  size_t count = 0;
  for (int64_t step = first; step <= last; step++)
    count = collect_step(w, step, (int)(step - first), count);
}

static void keep_record(stepper *w, int64_t first, int64_t last) {
  if (!w->r) return;
  for (int64_t step = first; step <= last; step++) {
    const step_spikes *kept = &w->history[step % w->remembered];
    record_spikes(w->r, step, kept->count, kept->gid);
  }
  if (!record_trace_due(w->r, last)) return;
  size_t traced;
  const uint32_t(*which)[2] = record_traced(w->r, &traced);
  for (size_t i = 0; i < traced; i++) {
    const void *state = w->s->state[which[i][1]];
    w->trace[i] = w->s->m->double_precision ? ((const double *)state)[which[i][0]]
                                            : (double)((const float *)state)[which[i][0]];
  }
  record_trace(w->r, last, w->trace);
}

/* The last step of the window that begins with `first`: potentials are recorded at its end. */
static int64_t window_end(const stepper *w, int64_t first, int64_t last) {
  int64_t end = first;
  while (end < last && end - first + 1 < w->s->window && !(w->r && record_trace_due(w->r, end)))
    end++;
  return end;
}

/* Let the newest spikes wait for what they bring from this step on: once in each block, or they
 * bring it again. */
static void note_newest(const stepper *w, synapse_block *b, int64_t step) {
  for (int i = 0; i < w->arrived_steps; i++) {
    size_t count;
    const uint32_t *gid = exchange_arrived(w->s->exchange, i, &count);
    synapse_spikes(b, count, gid, w->arrived_first + i, step - 1);
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

typedef struct {
  step_times times;
  double mark;
} stopwatch;

/* The time since the last call was spent on this. */
static void spent(stopwatch *t, double *on) {
  const double then = now();
  *on += then - t->mark;
  t->mark = then;
}

static void deliver_all(shard_block *b, int64_t arrivals) {
  synapse_deliver(&b->synapses, arrivals);
  b->events += synapse_finish(&b->synapses, arrivals);
}

/* One block's way through the window. */
static void take_block(stepper *w, int thread, shard_block *b, int64_t first, int64_t last,
                       stopwatch *t) {
  note_newest(w, &b->synapses, first - w->s->late);
  for (int64_t step = first; step <= last; step++) {
    const int64_t arrivals = step - w->s->late;
    deliver_all(b, arrivals);
    spent(t, &t->times.deliver);
    step_update(w->s, b, step, arrivals > w->done ? arrivals : INPUT_NOTHING, (int)(step - first));
    spent(t, &t->times.update);
    if (thread == 0) watchdog_alive("update");
  }
}

/* One thread's way through a window of steps first .. last, which no spike of theirs reaches. What
 * a step takes arrives in it, or in the one before (`late`):
 *
 *   deliver    what the first step takes of spikes that are not new || the new ones are exchanged
 *   exchange   first thread: the spikes of the window before have arrived
 *   ---------- barrier
 *   block by block, step by step:
 *     deliver  what the step takes and is not delivered yet
 *     update   neurons take the step; the block lists who fired
 *   ---------- barrier
 *   collect    first thread: record, post the exchange                 || others deliver already
 *
 * Input accumulators belong to the block's thread; spike lists to it between the barriers and to
 * the first thread between the second one and the next first one. The block that was delivered
 * last is updated first, and the other way round: it is still in the cache. */
static void take_window(stepper *w, int thread, int64_t first, int64_t last, bool under_way,
                        stopwatch *t) {
  shard *s = w->s;
  waiting_thread self = {s, thread};
  int block = thread;
  if (thread == 0) watchdog_phase("deliver");
  for (; block < s->blocks; block += s->threads)
    synapse_deliver(&s->block[block].synapses, first - s->late);
  spent(t, &t->times.deliver);
  if (thread == 0 && under_way) {
    watchdog_phase("exchange");
    exchange_end(s->exchange);
  }
  barrier_wait(&w->turn, draw_ahead, &self);
  spent(t, &t->times.exchange_wait);
  while ((block -= s->threads) >= 0) take_block(w, thread, &s->block[block], first, last, t);
  barrier_wait(&w->turn, draw_ahead, &self);
  spent(t, &t->times.update);
  if (thread > 0) return;
  collect(w, first, last);
  w->arrived_first = first;
  w->arrived_steps = (int)(last - first) + 1;
  exchange_begin(s->exchange, w->arrived_steps, w->fired, w->fired_local);
  keep_record(w, first, last);
  watchdog_step(last);
  spent(t, &t->times.record);
}

/* What has arrived in `last` is left for an update that is not to follow now. */
static void take_late(const stepper *w, shard_block *b, int64_t last) {
  note_newest(w, &b->synapses, last);
  deliver_all(b, last);
  step_update_take(w->s, b, last);
}

/* On exit the spikes of the last window have arrived, but the blocks do not know of them. */
static void take_steps(stepper *w, int thread, int64_t first, int64_t last) {
  stopwatch t = {.mark = now()};
  for (int64_t step = first, end; step <= last; step = end + 1) {
    end = window_end(w, step, last);
    take_window(w, thread, step, end, step > first, &t);
  }
  if (thread > 0) return;
  watchdog_phase("exchange");
  exchange_end(w->s->exchange);
  spent(&t, &t.times.exchange_wait);
  w->times.update += t.times.update;
  w->times.deliver += t.times.deliver;
  w->times.exchange_wait += t.times.exchange_wait;
  w->times.record += t.times.record;
}

void step_run(stepper *w, int64_t last) {
  if (last <= w->done) return;
#pragma omp parallel num_threads(w->s->threads)
  {
    const unsigned before = vector_flush_subnormals();
    const int thread = omp_get_thread_num();
    for (int k = thread; k < w->s->blocks; k += w->s->threads)
      step_update_start(w->s, &w->s->block[k]);
    take_steps(w, thread, w->done + 1, last);
#pragma omp barrier
    for (int k = thread; k < w->s->blocks; k += w->s->threads) {
      if (w->s->late) take_late(w, &w->s->block[k], last);
      step_update_end(w->s, &w->s->block[k], last);
    }
    vector_restore(before);
  }
  if (w->s->late) w->arrived_steps = 0;
  w->done = last;
}

int64_t step_done(const stepper *w) { return w->done; }

uint64_t step_spikes_counted(const stepper *w) { return w->spikes; }

step_times step_time_spent(const stepper *w) { return w->times; }

const step_spikes *step_under_way(const stepper *w, int *count) {
  const int delays = network_max_delay(w->s->n);
  *count = 0;
  for (int64_t step = w->done - delays + 1; step <= w->done; step++)
    if (step >= 1) w->ordered[(*count)++] = w->history[step % w->remembered];
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
  w->arrived_steps = 0;
  for (int64_t step = done - delays + 1 > 1 ? done - delays + 1 : 1; step <= done; step++) {
    step_spikes *kept = &w->history[step % w->remembered];
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
    exchange_begin(s->exchange, 1, &kept->count, local_of);
    exchange_end(s->exchange);
    w->arrived_first = step;
    w->arrived_steps = 1;
    size_t arrived;
    const uint32_t *gid = exchange_arrived(s->exchange, 0, &arrived);
    for (int b = 0; b < s->blocks && step < done; b++)
      synapse_spikes(&s->block[b].synapses, arrived, gid, step, done);
  }
  free(local_of);
  for (int k = 0; k < s->blocks; k++) step_update_resume(s, &s->block[k], done);
}
