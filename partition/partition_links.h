/* partition_links.h - inside partition/: a graph that stands divided over the ranks, for networks
 * whose graph is too large for one.
 *
 * Undirected, with weights. Vertices are numbered 0 .. vertices - 1; rank r has the rows of those
 * from directory_slice(vertices, ranks, r) on. Weights and loads are whole numbers, so that their
 * sums, and all that follows from them, are the same on any number of ranks.                  */
#ifndef SHINKEI_PARTITION_LINKS_H
#define SHINKEI_PARTITION_LINKS_H

#include "partition_graph.h"
#include <mpi.h>

typedef struct {
  uint32_t from, to;
  uint64_t weight;
} partition_link;

typedef struct {
  MPI_Comm comm; /* borrowed */
  uint32_t vertices;
  uint32_t first, count; /* this rank's vertices: [first, first + count) */
  size_t *row;           /* [count + 1] */
  uint32_t *to;          /* [row[count]] neighbours, as places in `near` */
  uint64_t *weight;      /* [row[count]] */
  uint32_t *near, nears; /* [nears] the vertices that this rank's are linked to, ascending */
  double *load[PARTITION_LOADS]; /* [count] whole numbers */
} partition_links;

/* Make the graph from all ranks' links, each in either direction and on any rank; parallel ones
 * are added up, those of a vertex to itself left out. Takes over and frees `link`. Loads are 0. */
COLLECTIVE void partition_links_make(MPI_Comm comm, uint32_t vertices, size_t count,
                                     partition_link *link, partition_links *made);
LOCAL void partition_links_free(partition_links *g);

COLLECTIVE uint64_t partition_links_sum(MPI_Comm comm, uint64_t own);

/* The rank that has the vertex. */
LOCAL int partition_links_rank(const partition_links *g, uint32_t vertex);

/* Of vertices asked[count], what their ranks have in own[their count], `size` bytes each; in the
 * order asked, caller frees. */
COLLECTIVE void *partition_links_fetch(const partition_links *g, size_t count,
                                       const uint32_t *asked, size_t size, const void *own);

/* What all ranks have, by rank, on rank 0: `count` records of `size` bytes; caller frees. */
COLLECTIVE void *partition_links_gather(MPI_Comm comm, size_t size, size_t count, const void *own,
                                        size_t *all);
/* What rank 0 found for all vertices -> part[count] of each rank's own. */
COLLECTIVE void partition_links_scatter(const partition_links *g, const int32_t *found,
                                        uint32_t *part);

/* Add value[count] to the sums of vertices, wherever these are: sum[their rank's count]. */
COLLECTIVE void partition_links_add(const partition_links *g, size_t count, const uint32_t *vertex,
                                    const double *value, double *sum);

/* The graph of `vertices` groups, where vertex first + i is in group[i]. */
COLLECTIVE void partition_links_contract(const partition_links *g, uint32_t vertices,
                                         const uint32_t *group, partition_links *made);

#endif
