/* checkpoint_state.h - fields of neurons, edges and layers, and spikes under way: from the ranks
 * that own them to the slices of the file's datasets and back. No rank holds a whole dataset. */
#ifndef SHINKEI_CHECKPOINT_STATE_H
#define SHINKEI_CHECKPOINT_STATE_H

#include "checkpoint_set.h"
#include "directory.h"

/* Bytes that the state will take in a file, at most. */
COLLECTIVE uint64_t checkpoint_state_bytes(MPI_Comm comm, const checkpoint_state *state);

COLLECTIVE void checkpoint_neurons_write(checkpoint_file *f, const checkpoint_state *state);
COLLECTIVE void checkpoint_spikes_write(checkpoint_file *f, const checkpoint_state *state);
COLLECTIVE void checkpoint_edges_write(checkpoint_file *f, const checkpoint_state *state);
COLLECTIVE void checkpoint_layers_write(checkpoint_file *f, const checkpoint_state *state);

/* The directory knows who owns which neuron now. */
COLLECTIVE err checkpoint_neurons_read(checkpoint_file *f, const directory *d,
                                       checkpoint_state *state);
COLLECTIVE err checkpoint_spikes_read(checkpoint_file *f, const directory *d,
                                      checkpoint_state *state);
COLLECTIVE err checkpoint_edges_read(checkpoint_file *f, const directory *d,
                                     checkpoint_state *state);
COLLECTIVE err checkpoint_layers_read(checkpoint_file *f, checkpoint_state *state);

typedef struct { /* where the neuron of a gid is */
  uint32_t gid, local;
} checkpoint_place;
/* Those of this rank, by ascending gid; the caller frees. */
LOCAL checkpoint_place *checkpoint_places(const checkpoint_state *state);
/* Aborts where the gid is not this rank's: the directory has erred. */
LOCAL uint32_t checkpoint_place_find(const checkpoint_place *place, uint32_t count, uint32_t gid);

#endif
