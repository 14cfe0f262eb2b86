/* task_counter.h - the next open task for whoever asks first, from one counter on rank 0, without
 * asking rank 0 itself.
 *
 * A number is given once, and in order: when every number taken has been dealt with, all below the
 * next one have. */
#ifndef SHINKEI_TASK_COUNTER_H
#define SHINKEI_TASK_COUNTER_H

#include "check.h"
#include <mpi.h>

typedef struct task_counter task_counter;

/* The first number given is `first`, the same on all ranks. */
COLLECTIVE task_counter *task_counter_create(MPI_Comm comm, int64_t first);
COLLECTIVE void task_counter_free(task_counter *c);

/* Ask for a number; one request a rank may be under way, while it computes: where rank 0 is busy it
 * may take until its next call of MPI to be answered. */
LOCAL void task_counter_ask(task_counter *c);
/* The number that was asked for. */
LOCAL int64_t task_counter_take(task_counter *c);

#endif
