/* partition.h - gid -> (rank, position): METIS on the network's graph, and plain baselines.
 *
 * No rank holds a table of the whole network: the owners of all neurons stand in a directory, of
 * which rank r keeps the slice of gids [directory_slice(r), directory_slice(r + 1)).
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
  int parts;             /* ranks it divides the network into                       */
  uint32_t neurons;      /* of the whole network                                    */
  uint32_t slice_first;  /* directory slice of this rank:                           */
  uint32_t slice_count;  /*   gids [slice_first, slice_first + slice_count)         */
  uint32_t *slice_owner; /* [slice_count] part of each gid of the slice             */
  double seconds;        /* to make it                                              */
} partition;

/* Quality of a partition, the same numbers on every rank and on any number of ranks. Exact for
 * edges from files and one_to_one; for the other rules their expectation: a neuron's probability to
 * have no target in a part follows from the rule's own distribution. Rates are the populations'
 * expected_rate.                                                                               */
typedef struct {
  double synapses;      /* of the whole network                                     */
  double edge_cut;      /* synapses between parts                                   */
  double edge_cut_rate; /* the same, weighted by the source's rate [1/s]            */
  double volume;        /* (neuron, remote part that holds a target of it) pairs    */
  double volume_rate;   /* the same, weighted by the neuron's rate [1/s]: messages of one spike */
  /* Largest over mean of the parts; 1 where there is none. Events: incoming synapses, each with
   * the rate of its source. Memory: neuron state and 4 bytes a synapse.                       */
  double imbalance_neurons, imbalance_events, imbalance_memory;
  double seconds;     /* to make the partition                                    */
  int neighbours_max; /* most other parts that one part sends to (expected pairs >= 0.5)        */
} partition_quality;

/* "metis", "block", "round_robin", "random"; anything else is a file name (PARTITION_FILE).   */
LOCAL partition_method partition_method_of(const char *name);

/* Divide the network into `parts` (any number, not only the size of comm; more than neurons leaves
 * parts empty); before network_collect. Deterministic: the same on any number of ranks.
 *
 * PARTITION_METIS minimises the volume with two loads kept even, update cost and synaptic events:
 * - populations with edges from files (and what joins them one to one): the graph of neurons. METIS
 *   is a serial library, so the graph is gathered on rank 0: 90 to 110 bytes an edge at the peak
 *   there, METIS's own included (partition_graph_bytes). The best of several METIS divisions
 *   (fewer for large graphs), each improved on the directed volume. Imbalance at most 1.05 where no
 *   single neuron prevents it. Where that would take more than PARTITION_GRAPH_BYTES, as many of
 *   the edges are taken, at random, as fit there. Where these would be fewer than some 30 a neuron,
 *   all ranks join the neurons to groups first, by at most 100 edges a neuron, and METIS divides
 *   the graph of groups, on its weighted edges: more is sent then (the fly's optic lobe at 8
 *   parts, 30 MB allowed: 1.3 times), and imbalance may be 1.06, or more where a neuron has very
 *   many edges.
 * - populations that only other rules connect: a graph of groups of neurons, or an even share of
 *   each population where that graph offers little. Imbalance at most 1.02 for populations that
 *   are large beside the number of parts.
 *
 * `file` is for PARTITION_FILE. ERR_USER: a graph too large for the installed METIS' idx_t; a file
 * that does not fit.                                                                           */
COLLECTIVE err partition_create(MPI_Comm comm, const network *n, const model *m,
                                partition_method method, const char *file, int parts,
                                partition *made);
LOCAL void partition_free(partition *p);
/* Most memory that dividing a graph by METIS takes, on the rank that does it [B]: as for a random
 * graph. Where neurons are joined to their like, it may be half of that. */
LOCAL double partition_graph_bytes(double vertices, double edges);
#define PARTITION_GRAPH_BYTES 3e9

/* The same of PARTITION_METIS, where all ranks share in coarsening: of rank 0, and of another, if
 * edges are spread evenly over the neurons' numbers. */
LOCAL void partition_metis_bytes(double vertices, double edges, int ranks, double *first,
                                 double *other);

/* The gids that this rank owns (parts == size of comm), ascending; caller frees *owned.       */
COLLECTIVE err partition_owned(MPI_Comm comm, const partition *p, uint32_t *count,
                               uint32_t **owned);

/* Order owned neurons into `blocks` groups that share sources: block[i] of owned[i], balanced.
 * After network_collect. Where all edges of the model are from files, METIS on the graph of these
 * neurons and their sources (the runs of synapses that a spike starts here become few and long);
 * else, where that graph would take more than PARTITION_GRAPH_BYTES, and where METIS gives a block
 * more than `most` neurons, every block gets its share of each population. */
LOCAL err partition_blocks(const network *n, const model *m, uint32_t count, const uint32_t *owned,
                           int blocks, uint32_t most, uint32_t *block);

/* Most memory that it takes for a graph [B]; 0 where it makes none since it would be too large. */
LOCAL double partition_blocks_bytes(double owned, double neurons, double edges);

COLLECTIVE err partition_measure(MPI_Comm comm, const network *n, const model *m,
                                 const partition *p, partition_quality *quality);

/* Whether partition_write could write `file`: to be asked before what may take long. ERR_USER: what
 * is there is no partition, and would be lost; ERR_ENVIRONMENT: it cannot be written.          */
COLLECTIVE err partition_check_file(MPI_Comm comm, const char *file);

/* Write an HDF5 file: /owner, uint32 [neurons], the part of each gid; root attributes `format`,
 * `parts`, `neurons`, `method` and the numbers of the quality. Replaces an older
 * partition. Errors as of partition_check_file.                                                */
COLLECTIVE err partition_write(MPI_Comm comm, const partition *p, const partition_quality *quality,
                               const char *method, const char *file);

#endif
