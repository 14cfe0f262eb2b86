/* record_file.h - HDF5 files of datasets that grow: created once, appended to by all ranks.
 *
 * The bytes depend on what is written alone: not on ranks, nor on the time of day. After a flush
 * the file is whole and readable, also if the program is killed before the next one.
 * An err is ERR_ENVIRONMENT, with one message on all ranks: the disk is full, a file is not what it
 * should be. A write that fails though there was room ends the job. HDF5 itself prints nothing. */
#ifndef SHINKEI_RECORD_FILE_H
#define SHINKEI_RECORD_FILE_H

#include "check.h"
#include <mpi.h>
#include <stdbool.h>

typedef struct record_file record_file;

typedef enum { RECORD_FLOAT32, RECORD_FLOAT64, RECORD_UINT32, RECORD_UINT64 } record_type;

/* Create (replacing what is there) or open for writing. The path is copied. `all_series`: how many
 * there will be, so that a file of many is not large before anything is in them. */
COLLECTIVE err record_file_create(MPI_Comm comm, const char *path, uint64_t all_series,
                                  record_file **made);
COLLECTIVE err record_file_open(MPI_Comm comm, const char *path, record_file **made);

COLLECTIVE void record_file_close(record_file *f);

/* Is there a group or dataset of this path? */
COLLECTIVE bool record_file_has(record_file *f, const char *path);
/* How many are in a group that is there? */
COLLECTIVE uint64_t record_file_members(record_file *f, const char *group);

COLLECTIVE err record_file_group(record_file *f, const char *path);

/* Attributes of a group or dataset. An attribute that is there is left as it is. */
COLLECTIVE void record_file_uint32_attribute(record_file *f, const char *path, const char *name,
                                             int count, const uint32_t *value);
COLLECTIVE void record_file_text_attribute(record_file *f, const char *path, const char *name,
                                           const char *text);
/* A text that may change: where another one stands there, or none, it is written anew and *changed.
 */
COLLECTIVE err record_file_change_text(record_file *f, const char *path, const char *name,
                                       const char *text, bool *changed);
/* A number that changes: written anew where it is there. */
COLLECTIVE void record_file_set_double(record_file *f, const char *path, const char *name,
                                       double value);
/* NaN where there is none. */
COLLECTIVE double record_file_double(record_file *f, const char *path, const char *name);
/* SONATA's `sorting`, an 8-bit HDF5 enum, with the value by_time. */
COLLECTIVE void record_file_sorting_attribute(record_file *f, const char *path);

/* A whole dataset of fixed size; rank r writes elements [first, first + count), and the ranks'
 * parts cover `size`. Written anew where it is there already in the same size.                */
COLLECTIVE err record_file_write(record_file *f, const char *path, record_type type, uint64_t size,
                                 uint64_t first, uint64_t count, const void *data);
/* Read back such a part; ERR_ENVIRONMENT where the dataset's size is another. */
COLLECTIVE err record_file_read(record_file *f, const char *path, record_type type, uint64_t size,
                                uint64_t first, uint64_t count, void *data);
/* A list of names, the same on every rank. */
COLLECTIVE err record_file_texts(record_file *f, const char *path, int count,
                                 const char *const *text);
/* Does such a list stand there? */
COLLECTIVE bool record_file_texts_are(record_file *f, const char *path, int count,
                                      const char *const *text);

/* Make or open a growing dataset: [rows][columns], also where there are no columns, or [rows] where
 * `columns` is RECORD_NO_COLUMNS. *series is its number for the calls below. ERR_ENVIRONMENT: it is
 * there in another shape. */
#define RECORD_NO_COLUMNS UINT64_MAX
COLLECTIVE err record_file_series(record_file *f, const char *path, record_type type,
                                  uint64_t columns, int *series);
LOCAL uint64_t record_file_rows(const record_file *f, int series);

/* Claim the disk space that appending rows[series] to each series takes, before anything is
 * changed: a full disk is found here, where nothing is lost yet.                             */
COLLECTIVE err record_file_reserve(record_file *f, const uint64_t *rows);

typedef struct { /* a block of one rank, row after row */
  uint64_t row, rows, column, columns;
} record_block;

/* Append `rows` rows (reserved before), of which this rank writes `block` (rows counted from the
 * first appended; may be empty). The ranks' blocks cover all. */
COLLECTIVE void record_file_append(record_file *f, int series, uint64_t rows,
                                   const record_block *block, const void *data);
/* ERR_ENVIRONMENT, not agreed, where a series that a checkpoint tells of has fewer rows. */
LOCAL err record_file_reaches(const record_file *f, int series, uint64_t rows);
/* Cut back to `rows`, which must not be more than there are. */
COLLECTIVE void record_file_truncate(record_file *f, int series, uint64_t rows);
/* Hand all that was written to the operating system. */
COLLECTIVE void record_file_flush(record_file *f);

#endif
