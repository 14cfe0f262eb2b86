/* exchange.h - carry one step's spikes to every rank that holds a target of them.
 *
 * Only ranks that share a synapse talk to each other. A message is the plain list of gids; an empty
 * list is an empty message. gid: global neuron id; step: [dt] since the start.               */
#ifndef SHINKEI_EXCHANGE_H
#define SHINKEI_EXCHANGE_H

#include "check.h"
#include <mpi.h>
#include <stdbool.h>

typedef struct exchange exchange; /* owns a duplicate of comm, routes, buffers */

/* owned[count]: gids of this rank, in the local order that exchange_begin's spikes use (any order);
 * needed[needs]: distinct gids of which this rank holds synapses, its own among them or not.
 * neurons: of the whole network.                                                              */
COLLECTIVE exchange *exchange_create(MPI_Comm comm, uint32_t neurons, uint32_t count,
                                     const uint32_t *owned, size_t needs, const uint32_t *needed);
COLLECTIVE void exchange_free(exchange *x);

/* Post the spikes of own neurons local[n] (indices into `owned`) to the neighbours; local is
 * reusable on return. Never blocks. */
COLLECTIVE void exchange_begin(exchange *x, size_t n, const uint32_t *local);

/* Finish what begin posted: gids of all spikes that this rank has synapses of, own ones first, then
 * by neighbour; borrowed until the next begin. A spike is never dropped: a full buffer grows.    */
COLLECTIVE const uint32_t *exchange_end(exchange *x, size_t *n);

LOCAL uint64_t exchange_bytes_sent(const exchange *x); /* [B] payload, this rank               */
LOCAL uint64_t exchange_messages(const exchange *x);   /* sent by this rank, empty ones included */
LOCAL int exchange_neighbours(const exchange *x);      /* ranks that this rank sends to        */
/* (neuron, remote rank) pairs of this rank's neurons: its share of the communication volume.  */
LOCAL uint64_t exchange_volume(const exchange *x);
LOCAL size_t exchange_bytes(const exchange *x); /* [B] of routes and buffers                    */

#endif
