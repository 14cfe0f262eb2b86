/* checkpoint_file.h - the HDF5 side of a checkpoint: chunked datasets with checksums, written and
 * read collectively by slices of whole chunks.
 *
 * Small datasets carry HDF5's Fletcher32. HDF5 1.10 writes a filtered dataset twice (it fills
 * chunks when they are allocated, and in parallel it allocates them all at once), so large ones
 * carry a dataset <name>.xxh3 beside them instead: XXH3-64 of each chunk, itself under Fletcher32.
 *
 * A failed read is ERR_USER (a damaged file) on all ranks; a failed write, room having been
 * claimed, ends the job: HDF5 leaves ranks waiting for each other there. */
#ifndef SHINKEI_CHECKPOINT_FILE_H
#define SHINKEI_CHECKPOINT_FILE_H

#include "checkpoint.h"
#include "checkpoint_seal.h"

typedef struct checkpoint_file checkpoint_file;

LOCAL size_t checkpoint_type_bytes(checkpoint_type type);
LOCAL const char *checkpoint_type_name(checkpoint_type type);

/* Create, replacing what is there. `spread`: all ranks write, else rank 0 does, and what the others
 * are asked to write must be empty: ranks that make many small datasets together wait for each
 * other for longer than one takes to write them. `bytes` is what it will take, claimed on the disk
 * here. Blocks of large datasets that this rank writes are noted in `known`, which is borrowed
 * until the file is closed. ERR_ENVIRONMENT: no room, or no permission; nothing is left behind. */
COLLECTIVE err checkpoint_file_create(MPI_Comm comm, const char *path, uint64_t bytes, bool spread,
                                      checkpoint_seal_blocks *known, checkpoint_file **made);
COLLECTIVE err checkpoint_file_open(MPI_Comm comm, const char *path, checkpoint_file **opened);
/* Hands all to the operating system, which need not have it on the disk yet. */
COLLECTIVE void checkpoint_file_close(checkpoint_file *f);
LOCAL const char *checkpoint_file_path(const checkpoint_file *f);
LOCAL MPI_Comm checkpoint_file_comm(const checkpoint_file *f);
/* Datasets are divided among so many ranks, from 0 on; others have empty slices. */
LOCAL int checkpoint_file_parts(const checkpoint_file *f);

COLLECTIVE void checkpoint_file_group(checkpoint_file *f, const char *path);
/* Attributes of the root. */
COLLECTIVE void checkpoint_file_put_text(checkpoint_file *f, const char *name, const char *text);
COLLECTIVE void checkpoint_file_put_integer(checkpoint_file *f, const char *name, uint64_t value);
COLLECTIVE void checkpoint_file_put_real(checkpoint_file *f, const char *name, double value);
COLLECTIVE err checkpoint_file_get_text(checkpoint_file *f, const char *name, char *text,
                                        size_t size);
COLLECTIVE err checkpoint_file_get_integer(checkpoint_file *f, const char *name, uint64_t *value);
COLLECTIVE err checkpoint_file_get_real(checkpoint_file *f, const char *name, double *value);

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

/* Paths of all datasets, ascending, without the checksums; the caller frees each and the list. */
LOCAL err checkpoint_file_list(checkpoint_file *f, int *count, char ***path);
/* The declaration of a dataset by its path (texts are owned by the set), open for reading. */
LOCAL err checkpoint_set_look(checkpoint_file *f, const char *path, checkpoint_set **opened,
                              checkpoint_field *field);

#endif
