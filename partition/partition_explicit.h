/* partition_explicit.h - inside partition/: edges that are known one by one, and the division of
 * the neurons they join. */
#ifndef SHINKEI_PARTITION_EXPLICIT_H
#define SHINKEI_PARTITION_EXPLICIT_H

#include "partition.h"

/* explicit[population]: are its neurons divided one by one? True where a file joins it to another,
 * or one_to_one joins it to such a population.                                                */
LOCAL void partition_explicit_populations(const model *m, bool *explicit);

/* This rank's share of all edges from files and of the one_to_one projections between populations
 * with chosen[population], as pairs of gids; every such edge is in one share. Caller frees.   */
COLLECTIVE void partition_explicit_edges(MPI_Comm comm, const network *n, const model *m,
                                         const bool *chosen, size_t *count, uint32_t **source,
                                         uint32_t **target);

/* Divide the explicit populations by their graph; sets their slots of p->slice_owner. The graph is
 * gathered on rank 0; where it would take more than `bytes` there (partition_graph_bytes), edges
 * are left out, or its neurons joined to groups first (partition_coarsen.h). */
COLLECTIVE err partition_explicit_divide(MPI_Comm comm, const network *n, const model *m,
                                         const bool *explicit, double bytes, partition *p);

#endif
