/* partition_graph.h - inside partition/: the directed graph of neurons (or of runs of neurons)
 * that is divided, and the steps of dividing it. It stands whole on one rank.
 *
 * Volume is meant in one direction throughout: a vertex pays its cost once for each part, other
 * than its own, that holds at least one of its targets. METIS minimises the volume of the
 * undirected graph; partition_refine the directed one.                                        */
#ifndef SHINKEI_PARTITION_GRAPH_H
#define SHINKEI_PARTITION_GRAPH_H

#include "check.h"

enum {
  PARTITION_LOAD_UPDATE, /* neurons that are advanced every step               */
  PARTITION_LOAD_EVENTS, /* synaptic events that are delivered, expected [1/s] */
  PARTITION_LOADS,
};

/* Largest load of a part over the mean that dividing aims at, and the bound it promises where
 * the vertices are light enough to allow it.                                                  */
#define PARTITION_IMBALANCE_AIM 1.04
#define PARTITION_IMBALANCE_BOUND 1.05

typedef struct {
  uint32_t vertices;
  /* Distinct targets of each vertex and distinct sources of each, itself left out, ascending.   */
  size_t *out_first, *in_first; /* [vertices + 1] */
  uint32_t *out, *in;           /* [out_first[vertices]] each */
  int32_t *cost; /* [vertices] of sending to one part: rate over mean rate x 64, >= 1 */
  double *load[PARTITION_LOADS]; /* [vertices] >= 0 */
} partition_graph;

/* Make a graph of `vertices` from `edges` pairs in any order; repeated pairs count once, but each
 * of them adds rate[source] to the events of its target. Takes over and frees source and target;
 * cost and loads are set from rate[vertices] [1/s]. */
LOCAL void partition_graph_build(partition_graph *g, uint32_t vertices, size_t edges,
                                 uint32_t *source, uint32_t *target, const double *rate);
LOCAL void partition_graph_free(partition_graph *g);

/* Cost of sending to one part, of a neuron with this rate where the mean is that. */
LOCAL int32_t partition_graph_cost(double rate, double mean);

/* Directed volume of a division, in units of cost. */
LOCAL int64_t partition_graph_volume(const partition_graph *g, int parts, const int32_t *part);
/* Largest load of a part over the mean (1 where there is no load at all). */
LOCAL double partition_graph_imbalance(const partition_graph *g, int load, int parts,
                                       const int32_t *part);

/* ERR_USER where `what` (a count or a sum) is more than `largest` (IDX_MAX of the METIS library).
 */
LOCAL err partition_graph_fits(const char *what, double value, double largest);

/* Divide by METIS, several times, refine each by partition_refine, and keep the division of the
 * smallest directed volume among those within the bound. part[vertices].                      */
LOCAL err partition_graph_divide(const partition_graph *g, int parts, int32_t *part);

/* Divide a graph by METIS so that little weight is cut. Vertex v is linked to to[first[v]] ..
 * to[first[v + 1] - 1], symmetrically; links of a vertex to itself and of no weight count for
 * nothing. load[][vertices], part[vertices]. ERR_USER as of partition_graph_fits. */
LOCAL err partition_metis_cut(uint32_t vertices, const size_t *first, const uint32_t *to,
                              const double *weight, double *const load[PARTITION_LOADS], int parts,
                              int32_t *part);

/* Move vertices between parts while that lowers the directed volume, keeping every load of a part
 * below limit x mean (or lowering what lies above). Fiduccia & Mattheyses 1982 with k parts: moves
 * in order of their gain, losses too, undone back to the best point met. Returns the volume.  */
LOCAL int64_t partition_refine(const partition_graph *g, int parts, double limit, int32_t *part);

#endif
