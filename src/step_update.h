/* step_update.h - one step of one block's neurons. */
#ifndef SHINKEI_STEP_UPDATE_H
#define SHINKEI_STEP_UPDATE_H

#include "shard.h"

/* Before the first step of several. */
LOCAL void step_update_start(const shard *s, shard_block *b);
/* Take what arrived in step `arrivals` (input.h): the block's input, and what comes from outside;
 * advance all neurons by `step`. The input is zero again and those that fired are listed,
 * ascending, as the k-th step of a window, whose earlier steps are there already. */
LOCAL void step_update(const shard *s, shard_block *b, int64_t step, int64_t arrivals, int k);
/* Take what arrived in step `arrivals` alone, so that the neurons' states have it. */
LOCAL void step_update_take(const shard *s, shard_block *b, int64_t arrivals);
/* After `step`, the last one for now: write s->refractory of the block; only then are its neurons'
 * states what others may read. */
LOCAL void step_update_end(const shard *s, const shard_block *b, int64_t step);
/* Go on after `step` from s->refractory as it now is. */
LOCAL void step_update_resume(const shard *s, shard_block *b, int64_t step);

#endif
