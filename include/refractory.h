/* refractory.h - the neurons of a segment that are refractory. All are so for the same time after
 * their spike, so they wait in a queue, and only those whose time is over are looked at: a counter
 * a neuron, read and written in every step, took a fifth of the time of the update. */
#ifndef SHINKEI_REFRACTORY_H
#define SHINKEI_REFRACTORY_H

#include "check.h"
#include <stdbool.h>

typedef struct {
  int64_t last;     /* step in which it is still refractory */
  double potential; /* the neuron's, while it is parked */
  uint32_t neuron;
} refractory_neuron;

typedef struct {
  int32_t steps;                 /* after a spike */
  size_t first, count, capacity; /* waiting: queue[first] .. queue[first + count - 1] */
  refractory_neuron *queue;      /* `last` ascending */
} refractory_queue;

/* Of the block's neurons, by the places that the queue has. A parked potential is -INFINITY:
 * whatever is done to it, it is below the threshold, so that who updates the neurons need not ask
 * who is refractory. The neuron gets its own back when its time is over. */
typedef struct {
  uint8_t *flag;   /* [] 1 where the neuron is refractory, else 0 */
  void *potential; /* real[], in double precision where `wide`; NULL: nobody is parked */
  bool wide;
} refractory_block;

/* At the beginning of `step`: those whose time is over are no longer refractory. */
LOCAL void refractory_release(refractory_queue *q, int64_t step, refractory_block b);
/* The neuron fires in `step`, refractory or not. */
LOCAL void refractory_begin(refractory_queue *q, uint32_t neuron, int64_t step, refractory_block b);
/* The neuron is not refractory, and has got a new potential. */
LOCAL void refractory_end(refractory_queue *q, uint32_t neuron, refractory_block b);

/* All that are refractory: park them; give them back what they had. */
LOCAL void refractory_park(refractory_queue *q, refractory_block b);
LOCAL void refractory_unpark(const refractory_queue *q, refractory_block b);

/* left[neuron], for the refractory ones alone: their steps after `step` [dt]. */
LOCAL void refractory_left(const refractory_queue *q, int64_t step, int32_t *left);
/* The opposite, for neurons first .. first + count - 1: the queue as it is after `step`. One that
 * has more steps left than a spike gives keeps them. Nobody is parked. */
LOCAL void refractory_resume(refractory_queue *q, int64_t step, uint32_t first, uint32_t count,
                             const int32_t *left, uint8_t *flag);
LOCAL void refractory_free(refractory_queue *q);

#endif
