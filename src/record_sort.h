/* record_sort.h - put the spikes of all ranks into one global order.
 *
 * A spike is one 64-bit key, (step - base) << gid bits | gid, so that the order of keys is that of
 * (step, gid).                                                                                 */
#ifndef SHINKEI_RECORD_SORT_H
#define SHINKEI_RECORD_SORT_H

#include "check.h"
#include <mpi.h>

typedef struct {
  uint64_t *key; /* owned; release with free() */
  size_t count, capacity;
} record_keys;

/* Sort ascending; scratch is any other array, its contents are lost. */
LOCAL void record_sort_local(record_keys *keys, record_keys *scratch);

/* Sort the keys of all ranks, all < 2^bits and distinct. Afterwards rank r of R holds those at
 * [total * r / R, total * (r + 1) / R) of the global order, whatever the distribution of keys over
 * ranks and values: no rank gets more than its share, even of a step in which all neurons fire. */
COLLECTIVE void record_sort(MPI_Comm comm, int bits, record_keys *keys, record_keys *scratch);

#endif
