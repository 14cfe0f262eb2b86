/* partition_coarsen.h - inside partition/: dividing a graph that is too large for one rank. */
#ifndef SHINKEI_PARTITION_COARSEN_H
#define SHINKEI_PARTITION_COARSEN_H

#include "partition_links.h"
#include <stdbool.h>

/* Of a graph, the share of edges, drawn at random, that it is divided by: as many as METIS takes
 * with no more than `bytes` (partition_graph_bytes), *whole, if that leaves some 30 edges a vertex;
 * else at most 100 a vertex, for partition_coarsen_divide. */
LOCAL double partition_coarsen_share(double vertices, double edges, double bytes, bool *whole);

/* Divide the graph into parts so that links of little weight are cut and loads are even:
 * part[count] of this rank's vertices. Vertices are joined in pairs, those first that are linked
 * the most for their size, then pairs in pairs, all on all ranks at once, until METIS takes no more
 * than `bytes` (partition_graph_bytes) on rank 0 for what is left. A group has at most a sixteenth
 * of a part's mean load, or is one vertex: some 20 groups a part are left at least, so that `bytes`
 * may be exceeded for very many parts (3 GB from some 500 on, for 10^9 edges). Frees the graph.
 * ERR_USER as of partition_metis_cut. */
COLLECTIVE err partition_coarsen_divide(partition_links *g, int parts, double bytes,
                                        uint32_t *part);

#endif
