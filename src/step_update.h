/* step_update.h - one step of one block's neurons. */
#ifndef SHINKEI_STEP_UPDATE_H
#define SHINKEI_STEP_UPDATE_H

#include "shard.h"

/* Take the block's input, add what comes from outside, advance all neurons; the input is zero again
 * and those that fired are listed, ascending, as the k-th step of a window, whose earlier steps are
 * there already. */
LOCAL void step_update(const shard *s, shard_block *b, int64_t step, int k);
/* After `step`, the last one for now: write s->refractory of the block. */
LOCAL void step_update_end(const shard *s, const shard_block *b, int64_t step);
/* Go on after `step` from s->refractory as it now is. */
LOCAL void step_update_resume(const shard *s, shard_block *b, int64_t step);

#endif
