/* step.h - the heart: update || exchange || deliver, step after step. Spikes are exchanged as
 * seldom as the shortest delay allows.
 *
 * Step s (from 1) ends at time s * dt. A spike of step s reaches a target over a synapse of d steps
 * in step s + d. Where no neuron answers it in that step, its update is the first that needs to
 * know: the windows between exchanges are a step longer than the shortest delay (shard.h, `late`).
 */
#ifndef SHINKEI_STEP_H
#define SHINKEI_STEP_H

#include "record.h"
#include "shard.h"

typedef struct { /* [s], of this rank's first thread */
  double update, exchange_wait, deliver, record;
} step_times;

typedef struct { /* spikes of this rank's neurons in one step */
  int64_t step;
  size_t count, capacity;
  uint32_t *gid;
} step_spikes;

typedef struct stepper stepper;

/* The loop over a shard, which it borrows with the record (NULL: nothing is recorded). Begins after
 * step 0.                                                                                    */
LOCAL stepper *step_create(shard *s, record *r);
LOCAL void step_free(stepper *w);

/* Take steps until `last` (the last one done). Ranks call it with the same steps.            */
COLLECTIVE void step_run(stepper *w, int64_t last);
LOCAL int64_t step_done(const stepper *w);
/* Spikes of this rank's neurons since the stepper was made. */
LOCAL uint64_t step_spikes_counted(const stepper *w);
LOCAL step_times step_time_spent(const stepper *w);

/* Spikes of this rank's neurons that may still be under way: those of the last max_delay steps,
 * ascending. Borrowed until the next step_run. *count entries, oldest first.                 */
LOCAL const step_spikes *step_under_way(const stepper *w, int *count);

/* Go on after `done` with spikes of this rank's neurons that are still under way (count entries as
 * above, of steps <= done); the shard's state has been set by the caller.                    */
COLLECTIVE void step_resume(stepper *w, int64_t done, int count, const step_spikes *spikes);

#endif
