/* checkpoint_set.h - the datasets of a checkpoint's file: one-dimensional, in chunks with
 * checksums, written and read collectively by slices of whole chunks. Failures are as in
 * checkpoint_file.h.
 *
 * Small datasets carry HDF5's Fletcher32. HDF5 1.10 writes a filtered dataset twice (it fills
 * chunks when they are allocated, and in parallel it allocates them all at once), so large ones
 * carry a dataset <name>.xxh3 beside them instead: XXH3-64 of each chunk, itself under Fletcher32.
 */
#ifndef SHINKEI_CHECKPOINT_SET_H
#define SHINKEI_CHECKPOINT_SET_H

#include "checkpoint_file.h"

LOCAL size_t checkpoint_type_bytes(checkpoint_type type);
LOCAL const char *checkpoint_type_name(checkpoint_type type);

typedef struct checkpoint_set checkpoint_set; /* an open dataset, one-dimensional */

/* Elements [first, first + count) are rank `rank`'s: whole chunks, about the same number on each
 * rank; `turn` shifts which rank begins, so that many small datasets spread over all. A rank from
 * `parts` on has none. */
typedef struct {
  uint64_t first, count;
} checkpoint_slice;
LOCAL checkpoint_slice checkpoint_slice_of(uint64_t size, uint64_t chunk, int turn, int parts,
                                           int rank);
/* Rank whose slice holds an element. */
LOCAL int checkpoint_slice_rank(uint64_t size, uint64_t chunk, int turn, int parts, uint64_t at);
/* Elements a chunk: 2^20, halved down to 2^13 while there would be fewer than 16. */
LOCAL uint64_t checkpoint_chunk(uint64_t size);

/* Make PARENT/field->name; unit and description become attributes. `large`: checksums beside it. */
COLLECTIVE checkpoint_set *checkpoint_set_create(checkpoint_file *f, const char *parent,
                                                 const checkpoint_field *field, uint64_t size,
                                                 bool large);
/* ERR_USER: not there, of another type, or of another size where `size` is not CHECKPOINT_ANY. */
#define CHECKPOINT_ANY UINT64_MAX
COLLECTIVE err checkpoint_set_open(checkpoint_file *f, const char *parent,
                                   const checkpoint_field *field, uint64_t size,
                                   checkpoint_set **opened);
LOCAL uint64_t checkpoint_set_size(const checkpoint_set *s);
LOCAL uint64_t checkpoint_set_chunk(const checkpoint_set *s);
/* This rank's elements; for a large dataset they begin at a chunk, behind those of the last call,
 * and end at one or at the end of the dataset. May be empty. */
COLLECTIVE void checkpoint_set_write(checkpoint_set *s, uint64_t first, uint64_t count,
                                     const void *value);
COLLECTIVE err checkpoint_set_read(checkpoint_set *s, uint64_t first, uint64_t count, void *value);
COLLECTIVE void checkpoint_set_close(checkpoint_set *s);

/* A whole small dataset, this rank's slice of which is `value`. */
COLLECTIVE void checkpoint_file_write(checkpoint_file *f, const char *parent,
                                      const checkpoint_field *field, uint64_t size,
                                      checkpoint_slice slice, const void *value);
COLLECTIVE err checkpoint_file_read(checkpoint_file *f, const char *parent,
                                    const checkpoint_field *field, uint64_t size,
                                    checkpoint_slice slice, void *value);
/* A dataset that every rank reads whole; the caller frees *value. */
COLLECTIVE err checkpoint_file_read_all(checkpoint_file *f, const char *parent,
                                        const checkpoint_field *field, uint64_t *size,
                                        void **value);

/* The declaration of a dataset by its path (texts are owned by the set), open for reading. */
LOCAL err checkpoint_set_look(checkpoint_file *f, const char *path, checkpoint_set **opened,
                              checkpoint_field *field);

#endif
