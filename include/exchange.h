/* exchange.h - carry the spikes of one or several steps to every rank that holds a target of them.
 *
 * Only ranks that share a synapse talk to each other. A message is the plain list of gids, in whose
 * unused upper bits the step stands; an empty list is an empty message. gid: global neuron id;
 * step: [dt] since the start. */
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

/* The most steps that can be sent at once: as many as the unused bits of a gid can tell, at most
 * EXCHANGE_STEPS_MAX. The same on every rank. */
enum { EXCHANGE_STEPS_MAX = 65536 };
LOCAL int exchange_steps_at_once(const exchange *x);

/* Post the spikes of own neurons (indices into `owned`) in successive steps to the neighbours:
 * those of the first of `steps` steps are the first n[0] of local, and so on; both are reusable on
 * return. Ranks call it with the same steps. Never blocks. */
COLLECTIVE void exchange_begin(exchange *x, int steps, const size_t *n, const uint32_t *local);

/* Finish what begin posted. A spike is never dropped: a full buffer grows. */
COLLECTIVE void exchange_end(exchange *x);
/* Of the k-th of the steps that were exchanged last (from 0): gids of all spikes that this rank has
 * synapses of, own ones first, then by neighbour; borrowed until the next begin. */
LOCAL const uint32_t *exchange_arrived(const exchange *x, int k, size_t *n);

LOCAL uint64_t exchange_bytes_sent(const exchange *x); /* [B] payload, this rank               */
LOCAL uint64_t exchange_messages(const exchange *x);   /* sent by this rank, empty ones included */
LOCAL int exchange_neighbours(const exchange *x);      /* ranks that this rank sends to        */
/* (neuron, remote rank) pairs of this rank's neurons: its share of the communication volume.  */
LOCAL uint64_t exchange_volume(const exchange *x);
LOCAL size_t exchange_bytes(const exchange *x); /* [B] of routes and buffers                    */

#endif
