/* partition.h - gid -> (rank, position): METIS on the network's graph, and plain baselines.
 *
 * No rank holds a table of the whole network: the owners of all neurons stand in a directory, of
 * which rank r keeps the slice of gids [partition_slice(r), partition_slice(r + 1)).
 * The only module that includes metis.h.                                                      */
#ifndef SHINKEI_PARTITION_H
#define SHINKEI_PARTITION_H

#include "network.h"
#include <mpi.h>

typedef enum {
  PARTITION_METIS,       /* k-way, minimal communication volume                  */
  PARTITION_BLOCK,       /* consecutive gids                                     */
  PARTITION_ROUND_ROBIN, /* gid mod ranks                                        */
  PARTITION_RANDOM,      /* by a hash of (seed, gid)                             */
  PARTITION_FILE,        /* as written by partition_write                        */
} partition_method;

typedef struct {
  int parts;        /* ranks it divides the network into                       */
  uint32_t neurons; /* of the whole network                                    */
  uint32_t
      slice_first; /* directory slice of this rank: gids [slice_first, slice_first+slice_count) */
  uint32_t slice_count;
  uint32_t *slice_owner; /* [slice_count] part of each gid of the slice             */
} partition;

/* Quality of a partition, the same numbers on every rank. */
typedef struct {
  double edge_cut;    /* synapses between parts, weighted by the source's expected rate [1/s] */
  double volume;      /* (neuron, remote part) pairs                            */
  double volume_rate; /* the same, weighted by the neuron's expected rate [1/s] */
  double imbalance_neurons, imbalance_events, imbalance_memory; /* max over mean    */
  double seconds;     /* to make the partition                                  */
  int neighbours_max; /* most parts that one part sends to                      */
} partition_quality;

/* First gid of rank r's directory slice: floor(neurons * r / ranks).                         */
LOCAL uint32_t partition_slice(uint32_t neurons, int ranks, int rank);
/* Rank whose directory slice holds gid. */
LOCAL int partition_slice_rank(uint32_t neurons, int ranks, uint32_t gid);

/* "metis", "block", "round_robin", "random"; anything else is a file name (PARTITION_FILE).   */
LOCAL partition_method partition_method_of(const char *name);

/* Divide the network into `parts` (any number, not only the size of comm). METIS minimises the
 * volume with vertex weights for update cost and for synaptic events: on the graph of neurons
 * where all edges are from files, else on a graph of neuron groups. Deterministic: the same on
 * any number of ranks. `file` is for PARTITION_FILE. ERR_USER: a graph too large for the
 * installed METIS' idx_t; a file that does not fit.                                           */
COLLECTIVE err partition_create(MPI_Comm comm, const network *n, const model *m,
                                partition_method method, const char *file, int parts,
                                partition *made);
LOCAL void partition_free(partition *p);

/* The gids that this rank owns (parts == size of comm), ascending; caller frees *owned.       */
COLLECTIVE err partition_owned(MPI_Comm comm, const partition *p, uint32_t *count,
                               uint32_t **owned);

/* Order owned neurons into `blocks` groups that share sources: block[i] of owned[i], balanced.
 * Where edges are explicit METIS on this rank's own graph; else every block gets its share of each
 * population.                                                                                 */
LOCAL err partition_blocks(const network *n, const model *m, uint32_t count, const uint32_t *owned,
                           int blocks, uint32_t *block);

COLLECTIVE err partition_measure(MPI_Comm comm, const network *n, const model *m,
                                 const partition *p, partition_quality *quality);

/* HDF5 file through partition_file.h's writer; see docs of `shinkei partition --out`.         */
COLLECTIVE err partition_write(MPI_Comm comm, const partition *p, const partition_quality *quality,
                               const char *method, const char *file);

#endif
