/* network_file.h - edges in the SONATA layout, read in parallel. */
#ifndef SHINKEI_NETWORK_FILE_H
#define SHINKEI_NETWORK_FILE_H

#include "model.h"
#include <mpi.h>

/* One rank's share of a file's edges: positions first .. first + count - 1. */
typedef struct {
  uint64_t total, first;
  size_t count;
  uint32_t *source, *target; /* [count] node ids inside their populations           */
  double *weight;            /* [count] the weight attribute; NULL where none is asked */
  double *delay;             /* [count] [ms] likewise                               */
  bool weights_are_integers; /* by the type of the dataset                          */
  bool has_places;           /* the file says for each edge where its attributes stand */
  uint64_t hash;             /* of all the file's edges, see network_edges_hash; on every rank */
} network_file_slice;

/* total and has_places of /edges/<p->edges> of p->file (its only edge population where p->edges is
 * NULL), from headers alone. p: of the model. ERR_USER: missing, not HDF5, of other nodes, arrays
 * of different lengths. */
COLLECTIVE err network_file_outline(MPI_Comm comm, const model *m, const model_projection *p,
                                    network_file_slice *outline);
/* Read the edges too. ERR_USER: as above; truncated, an id out of range, a weight or delay that is
 * not finite. */
COLLECTIVE err network_file_read(MPI_Comm comm, const model *m, const model_projection *p,
                                 network_file_slice *read);
LOCAL void network_file_release(network_file_slice *slice);

#endif
