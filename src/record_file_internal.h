/* record_file_internal.h - what the parts of record_file.h share. */
#ifndef SHINKEI_RECORD_FILE_INTERNAL_H
#define SHINKEI_RECORD_FILE_INTERNAL_H

#include "hdf5_file.h"
#include "record_file.h"

/* The most that an object of the file takes beside its data. */
enum { RECORD_OBJECT_BYTES = 16 << 10 /* headers and attributes of a group or dataset */ };

typedef struct {
  hid_t set;
  record_type type;
  int dimensions;
  uint64_t rows, columns; /* one dimension: one column */
  uint64_t chunk_rows, chunk_columns;
} record_file_set;

struct record_file {
  MPI_Comm comm;
  int rank;
  char *path;
  hid_t file, collective; /* transfer properties */
  int descriptor;         /* rank 0: for fallocate, else -1 */
  unsigned index_k;       /* half the entries of an index node */
  uint64_t chunk_elements;
  size_t count, capacity;
  record_file_set *series;
};

#define RECORD_WRITE(call, what)                                                                   \
  do {                                                                                             \
    if ((call) < 0) CHECK_ABORT("%s: cannot write %s: %s", f->path, what, hdf5_file_cause());      \
  } while (0)

/* Rank 0 claims the bytes behind the file's end; all learn whether there is room. */
COLLECTIVE err record_file_claim(record_file *f, uint64_t bytes);
LOCAL err record_file_failure(const record_file *f, const char *what, const char *object);

/* As it stands in the file, as it is here; borrowed. */
LOCAL hid_t record_file_stored_type(record_type type);
LOCAL hid_t record_file_memory_type(record_type type);
/* Of a dataset that is to be made; caller closes. */
LOCAL hid_t record_file_set_properties(void);
/* Is this its shape? H5S_UNLIMITED: any. */
LOCAL bool record_file_shape_is(hid_t set, int rank, const hsize_t *size);
/* All ranks write or read their blocks of a dataset of one or two dimensions. */
COLLECTIVE herr_t record_file_transfer(const record_file *f, bool write, hid_t set, hid_t type,
                                       int rank, const hsize_t *start, const hsize_t *count,
                                       void *data);

#endif
