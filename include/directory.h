/* directory.h - bring records to the rank that owns a neuron, where no rank knows all owners.
 *
 * Rank r keeps the owners of the gids of its slice [directory_slice(r), directory_slice(r + 1)). A
 * record travels to the slice of its gid and from there to the owner: two all-to-alls, used while
 * building, never in the step loop.                                                           */
#ifndef SHINKEI_DIRECTORY_H
#define SHINKEI_DIRECTORY_H

#include "check.h"
#include <mpi.h>

typedef struct directory directory;

/* First gid of rank r's slice: floor(neurons * r / ranks); r <= ranks. */
LOCAL uint32_t directory_slice(uint32_t neurons, int ranks, int rank);
/* Rank whose slice holds gid. */
LOCAL int directory_slice_rank(uint32_t neurons, int ranks, uint32_t gid);

/* owned[count]: this rank's gids; all ranks' sets cover [0, neurons) once (their
 * number is asserted). Borrows comm. */
COLLECTIVE directory *directory_create(MPI_Comm comm, uint32_t neurons, uint32_t count,
                                       const uint32_t *owned);
LOCAL void directory_free(directory *d);

/* Send `count` records of `size` bytes to destination[i]; returns those received, by sending rank,
 * in the order each sent them. Caller frees. */
COLLECTIVE void *directory_exchange(MPI_Comm comm, size_t size, size_t count, const void *records,
                                    const int *destination, size_t *received);

/* Send records, whose first member is a uint32_t gid, to the owners of those gids. The order of
 * what is received is not defined. Caller frees. */
COLLECTIVE void *directory_route(const directory *d, size_t size, size_t count, const void *records,
                                 size_t *received);

#endif
