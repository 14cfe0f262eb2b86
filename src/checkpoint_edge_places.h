/* checkpoint_edge_places.h - where the values of each neuron's edges are in a checkpoint: of a
 * field, those of all neurons follow each other by gid, as many as edges/<name>/count tells. */
#ifndef SHINKEI_CHECKPOINT_EDGE_PLACES_H
#define SHINKEI_CHECKPOINT_EDGE_PLACES_H

#include "checkpoint_state.h"

typedef struct { /* this rank's neurons, ascending by gid and so by place in the file */
  uint64_t total;
  uint32_t *local; /* [neurons] index of the neuron on this rank */
  uint64_t *first; /* [neurons] in the dataset */
  uint32_t *count; /* [neurons] values */
} checkpoint_edge_places;

/* Write the counts, and find the places. */
COLLECTIVE checkpoint_edge_places checkpoint_edge_places_write(checkpoint_file *f,
                                                               const checkpoint_state *state,
                                                               const checkpoint_edge_field *e);
/* ERR_USER as checkpoint_file.h says, or where a neuron has another number of edges now; to be
 * freed in any case. */
COLLECTIVE err checkpoint_edge_places_read(checkpoint_file *f, const directory *d,
                                           const checkpoint_state *state,
                                           const checkpoint_edge_field *e,
                                           checkpoint_edge_places *places);
LOCAL void checkpoint_edge_places_free(checkpoint_edge_places *p);

/* The group of a field, edges/<name>; returns `group`. */
enum { CHECKPOINT_GROUP_MAX = 256 };
LOCAL const char *checkpoint_edge_group(const checkpoint_edge_field *e,
                                        char group[CHECKPOINT_GROUP_MAX]);

#endif
