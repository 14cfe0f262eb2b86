/* step_update.h - one step of one block's neurons. */
#ifndef SHINKEI_STEP_UPDATE_H
#define SHINKEI_STEP_UPDATE_H

#include "shard.h"

/* Take the block's input, add what comes from outside, advance all neurons; the input is zero again
 * and b->spiked[b->spikes] lists those that fired, ascending. */
LOCAL void step_update(shard *s, shard_block *b, int64_t step);

#endif
