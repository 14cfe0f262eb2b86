/* network.h - who meets whom: every in-edge of a neuron as a pure function of (model, seed, gid).
 *
 * Edges that are drawn by source (fixed_outdegree) or stand in a file are brought to the rank that
 * owns their target by network_collect; after that all projections answer alike. Their canonical
 * order at a target: by projection; then, within one, the rule's own order (fixed_outdegree: by
 * source and ordinal; file: by position in the file).
 *
 * Weights are fixed point: an integer times the scale of (population of the target, receptor),
 * which is a function of the model and of its edge files alone.                               */
#ifndef SHINKEI_NETWORK_H
#define SHINKEI_NETWORK_H

#include "model.h"
#include <mpi.h>

typedef struct network network;

/* Structure of arrays, grown by network_in_edges. */
typedef struct {
  size_t count, capacity;
  uint32_t *source;  /* gid                                                     */
  int64_t *weight;   /* in units of network_weight_scale                        */
  uint16_t *delay;   /* [dt], 1 .. NETWORK_DELAY_MAX                            */
  uint8_t *receptor; /* index into the target model's table                     */
} network_edges;

enum { NETWORK_DELAY_MAX = 8191 }; /* [dt] */

/* Prepare the network of a model from the headers of its edge files alone: enough for its number of
 * synapses, and so for its memory. ERR_USER: a file that is missing or not in the layout; a delay
 * by rule out of range. The model is borrowed and must outlive the network. */
COLLECTIVE err network_outline(MPI_Comm comm, const model *m, network **made);
/* Read the edge files, check them and choose the weight scales: before all that asks for an edge, a
 * weight or a delay. ERR_USER: truncated or unsound file; a weight that the scale cannot hold as
 * accurately as the model asks; a delay out of range. The caller frees the network in any case. */
COLLECTIVE err network_read(MPI_Comm comm, network *n);
/* Both at once. */
COLLECTIVE err network_create(MPI_Comm comm, const model *m, network **made);
LOCAL void network_free(network *n);
/* The model it was made from; borrowed. */
LOCAL const model *network_model(const network *n);

/* Bring every edge that is read or drawn by source to the owner of its target. `owned[count]`:
 * this rank's gids, ascending. Ranks own disjoint sets that cover the network. owner(gids) is not
 * needed: edges travel through a directory in which rank r keeps the gids of its slice.       */
COLLECTIVE err network_collect(network *n, MPI_Comm comm, uint32_t count, const uint32_t *owned);
/* Forget what network_collect brought (after the synapses are built).                         */
LOCAL void network_release(network *n);

/* Append all in-edges of gid to edges, canonical order. gid must be owned where the model has
 * collected projections. Thread-safe for distinct `edges`.                                    */
LOCAL void network_in_edges(const network *n, uint32_t gid, network_edges *edges);
/* As above without weights (edges->weight stays undefined): for counting.                     */
LOCAL void network_in_sources(const network *n, uint32_t gid, network_edges *edges);

/* Weight of one unit at a receptor of a population's neurons [unit of the receptor].          */
LOCAL double network_weight_scale(const network *n, int population, int receptor);
/* Largest delay of any edge of the whole network, and one that no delay is below [dt]; 1 where
 * there is no edge. */
LOCAL int network_max_delay(const network *n);
LOCAL int network_min_delay(const network *n);
/* Synapses of one projection, and over how many different delays they lie; whether its edges are
 * brought to their targets by network_collect. */
LOCAL double network_projection_synapses(const network *n, int projection);
LOCAL int network_projection_delays(const network *n, int projection);
LOCAL bool network_is_collected(const network *n, int projection);
/* What an edge of a projection takes on its rank [B]; all 0 where edges are drawn by target. */
typedef struct {
  double reading;    /* in network_read, for a time, beside what the slice takes */
  double slice;      /* from network_read to the end of network_collect, of a file */
  double collecting; /* in network_collect, beside the slice, while the projection is collected */
  double kept;       /* from then until network_release */
} network_edge_bytes;
LOCAL network_edge_bytes network_projection_bytes(const network *n, int projection);
/* Hash of the edges that a projection takes from a file: their ids and the attributes that the
 * model uses, in their order. 0: it has no file. The same on every rank, and after network_release.
 */
LOCAL uint64_t network_edges_hash(const network *n, int projection);
/* Synapses of the whole network: exact for every rule but pairwise_bernoulli (its mean).      */
LOCAL double network_expected_synapses(const network *n);
/* Expected in-degree of a neuron of the population, files included.                           */
LOCAL double network_expected_indegree(const network *n, int population);

/* Explicit edges of the projections by file, for a graph: this rank's slices of the files, pairs
 * (source gid, target gid); before network_collect. Caller frees both arrays. count 0 where the
 * model has none.                                                                             */
LOCAL void network_explicit_edges(const network *n, size_t *count, uint32_t **source,
                                  uint32_t **target);

#endif
