/* Choices, and why:
 * - Format of HDF5 1.8 and before (no libver bounds): its superblock has no mark "open for
 * writing", so a file that a killed run leaves is readable at once.
 * - Chunk index nodes of 1024 entries (istore_k): an append changes one node in place, and only
 *   every 16 million values (1024 chunks x 16384) is one split, so that a kill between two of
 *   HDF5's own writes leaves at worst a longer or shorter dataset, never a broken index. Files of
 *   many series, which would be large before anything is in them, have both smaller. The root
 *   of an index is made with the dataset, not with its first value, so that no header has to
 *   learn of it later.
 * - Space is claimed with fallocate before HDF5 changes anything: a full disk is an error that all
 *   ranks can return from. What fails in HDF5 itself later on (a broken disk) ends the job: it
 * cannot be brought to forget what it did not write, and some ranks may wait in it for ever. The
 * file is then as at its last flush. */
#define _GNU_SOURCE /* fallocate */
#include "record_file.h"

#include "agree.h"
#include "hdf5_file.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  CHUNK_ELEMENTS = 16384,
  CHUNK_ELEMENTS_MIN = 1024,
  CHUNK_COLUMNS_MAX = 1024,
  INDEX_K = 512, /* half the entries of an index node                          */
  INDEX_K_MIN = 128,
  ENTRY_BYTES = 48, /* of an index node, at most                                 */
  SERIES_FEW = 64,
  OBJECT_BYTES = 16 << 10 /* headers and attributes of a group or dataset, at most */
};

typedef struct {
  hid_t set;
  record_type type;
  int dimensions;
  uint64_t rows, columns; /* one dimension: one column */
  uint64_t chunk_rows, chunk_columns;
} series;

struct record_file {
  MPI_Comm comm;
  int rank;
  char *path;
  hid_t file, collective; /* transfer properties */
  int descriptor;         /* rank 0: for fallocate, else -1 */
  unsigned index_k;       /* half the entries of an index node */
  uint64_t chunk_elements;
  size_t count, capacity;
  series *series;
};

static size_t type_bytes(record_type type) {
  return type == RECORD_FLOAT32 || type == RECORD_UINT32 ? 4 : 8;
}

static hid_t file_type(record_type type) {
  switch (type) {
  case RECORD_FLOAT32:
    return H5T_IEEE_F32LE;
  case RECORD_FLOAT64:
    return H5T_IEEE_F64LE;
  case RECORD_UINT32:
    return H5T_STD_U32LE;
  default:
    return H5T_STD_U64LE;
  }
}

static hid_t memory_type(record_type type) {
  switch (type) {
  case RECORD_FLOAT32:
    return H5T_NATIVE_FLOAT;
  case RECORD_FLOAT64:
    return H5T_NATIVE_DOUBLE;
  case RECORD_UINT32:
    return H5T_NATIVE_UINT32;
  default:
    return H5T_NATIVE_UINT64;
  }
}

static err failure(const record_file *f, const char *what, const char *object) {
  return check_fail(ERR_ENVIRONMENT, "%s: cannot %s %s: %s", f->path, what, object,
                    hdf5_file_cause());
}

#define WRITE(call, what)                                                                          \
  do {                                                                                             \
    if ((call) < 0) CHECK_ABORT("%s: cannot write %s: %s", f->path, what, hdf5_file_cause());      \
  } while (0)

/* Where the file system cannot promise room (NFS), write what fills it. */
static int write_zeros(int descriptor, off_t at, uint64_t bytes) {
  static const char zeros[1 << 16];
  while (bytes > 0) {
    ssize_t written = pwrite(descriptor, zeros, bytes < sizeof zeros ? bytes : sizeof zeros, at);
    if (written < 0 && errno != EINTR) return -1;
    if (written < 0) continue;
    at += written;
    bytes -= (uint64_t)written;
  }
  return fsync(descriptor);
}

/* Rank 0 claims the bytes behind the file's end; all learn whether there is room. The file grows
 * by zeros, so that what MPI-IO finds between pieces that it writes together is the same in every
 * run. HDF5 cuts the file to what it needs at the next flush.                                 */
static err claim(record_file *f, uint64_t bytes) {
  err e = OK;
  struct stat now;
  if (f->descriptor >= 0 && bytes > 0) {
    if (fstat(f->descriptor, &now)) now.st_size = 0;
    int status;
    do status = fallocate(f->descriptor, 0, now.st_size, (off_t)bytes);
    while (status && errno == EINTR);
    if (status && (errno == EOPNOTSUPP || errno == ENOSYS))
      status = write_zeros(f->descriptor, now.st_size, bytes);
    if (status)
      e = check_fail(ERR_ENVIRONMENT, "%s: no room for %llu more bytes: %s", f->path,
                     (unsigned long long)bytes, strerror(errno));
  }
  return agree(f->comm, e);
}

static hid_t access_properties(MPI_Comm comm) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_mpio(access, comm, MPI_INFO_NULL);
  H5Pset_all_coll_metadata_ops(access, true);
  H5Pset_coll_metadata_write(access, true);
  return access;
}

static record_file *file_new(MPI_Comm comm, const char *path) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  signal(SIGXFSZ, SIG_IGN); /* a limit of file sizes is an error like a full disk */
  record_file *f = check_allocate(1, sizeof *f);
  AGREE_MPI(MPI_Comm_dup(comm, &f->comm));
  MPI_Comm_rank(comm, &f->rank);
  f->path = check_allocate(strlen(path) + 1, 1);
  strcpy(f->path, path);
  f->file = f->descriptor = -1;
  f->collective = H5Pcreate(H5P_DATASET_XFER);
  H5Pset_dxpl_mpio(f->collective, H5FD_MPIO_COLLECTIVE);
  return f;
}

static void file_free(record_file *f) {
  if (f->descriptor >= 0) close(f->descriptor);
  H5Pclose(f->collective);
  MPI_Comm_free(&f->comm);
  free(f->series);
  free(f->path);
  free(f);
}

/* Give *made, or free what stands. */
static err file_ready(record_file *f, err e, record_file **made) {
  if (e == OK && f->rank == 0) {
    f->descriptor = open(f->path, O_WRONLY | O_CLOEXEC);
    if (f->descriptor < 0)
      e = check_fail(ERR_ENVIRONMENT, "%s: cannot be opened: %s", f->path, strerror(errno));
  }
  e = agree(f->comm, e);
  *made = e == OK ? f : NULL;
  if (e != OK) {
    if (f->file >= 0) H5Fclose(f->file);
    file_free(f);
  }
  return e;
}

/* `most` for few series, less for more, but not below `fewest`. */
static uint64_t shared_out(uint64_t most, uint64_t fewest, uint64_t all_series) {
  while (all_series > SERIES_FEW && most > fewest) most /= 2, all_series = (all_series + 1) / 2;
  return most;
}

err record_file_create(MPI_Comm comm, const char *path, uint64_t all_series, record_file **made) {
  record_file *f = file_new(comm, path);
  f->index_k = (unsigned)shared_out(INDEX_K, INDEX_K_MIN, all_series);
  f->chunk_elements = shared_out(CHUNK_ELEMENTS, CHUNK_ELEMENTS_MIN, all_series);
  err e = OK;
  if (f->rank == 0) {
    /* A descriptor of our own first: its message is clearer than HDF5's. */
    int new = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (new < 0)
      e = check_fail(ERR_ENVIRONMENT, "%s: cannot be created: %s", path, strerror(errno));
    else
      close(new);
  }
  e = agree(f->comm, e);
  if (e == OK) {
    hid_t properties = access_properties(f->comm), creation = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_istore_k(creation, f->index_k);
    f->file = H5Fcreate(path, H5F_ACC_TRUNC, creation, properties);
    if (f->file < 0) e = failure(f, "create", "the file");
    H5Pclose(properties);
    H5Pclose(creation);
  }
  return file_ready(f, e, made);
}

#define DAMAGED "the file (damaged, or not HDF5)"

/* A killed run may have written behind the end that it had noted: all that is there is in use. */
static err note_end(const record_file *f) {
  hid_t properties = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_file_locking(properties, false, true); /* parallel HDF5 takes no locks either */
  hid_t file = H5Fopen(f->path, H5F_ACC_RDWR, properties);
  err e = OK;
  if (file < 0 || H5Fincrement_filesize(file, 0) < 0) e = failure(f, "open", DAMAGED);
  if (file >= 0 && H5Fclose(file) < 0 && e == OK) e = failure(f, "open", DAMAGED);
  H5Pclose(properties);
  return e;
}

err record_file_open(MPI_Comm comm, const char *path, record_file **made) {
  record_file *f = file_new(comm, path);
  err e = OK;
  if (f->rank == 0 && access(path, W_OK))
    e = check_fail(ERR_ENVIRONMENT, "%s: cannot be continued: %s", path, strerror(errno));
  if (f->rank == 0 && e == OK) e = note_end(f);
  e = agree(f->comm, e);
  if (e == OK) {
    hid_t properties = access_properties(f->comm);
    f->file = H5Fopen(path, H5F_ACC_RDWR, properties);
    if (f->file < 0) e = failure(f, "open", DAMAGED);
    H5Pclose(properties);
  }
  if (e == OK) {
    hid_t creation = H5Fget_create_plist(f->file);
    H5Pget_istore_k(creation, &f->index_k);
    H5Pclose(creation);
  }
  return file_ready(f, e, made);
}

void record_file_close(record_file *f) {
  for (size_t i = 0; i < f->count; i++) H5Dclose(f->series[i].set);
  WRITE(H5Fclose(f->file), "the last of the file");
  file_free(f);
}

bool record_file_has(record_file *f, const char *path) {
  char *part = check_allocate(strlen(path) + 1, 1);
  bool has = true;
  for (size_t end = 1; has && end <= strlen(path); end++) {
    if (path[end] != '/' && path[end] != 0) continue;
    memcpy(part, path, end);
    part[end] = 0;
    has = H5Lexists(f->file, part, H5P_DEFAULT) > 0;
  }
  free(part);
  return has;
}

uint64_t record_file_members(record_file *f, const char *group) {
  H5G_info_t info;
  return H5Gget_info_by_name(f->file, group, &info, H5P_DEFAULT) < 0 ? 0 : info.nlinks;
}

err record_file_group(record_file *f, const char *path) {
  err e = claim(f, OBJECT_BYTES);
  if (e != OK) return e;
  hid_t group = H5Gcreate2(f->file, path, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  WRITE(group, path);
  H5Gclose(group);
  return OK;
}

/* Takes over `type` and `space`. */
static void attribute(record_file *f, const char *path, const char *name, hid_t type, hid_t space,
                      const void *value) {
  if (H5Aexists_by_name(f->file, path, name, H5P_DEFAULT) <= 0) {
    hid_t made =
        H5Acreate_by_name(f->file, path, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    WRITE(made, name);
    WRITE(H5Awrite(made, type, value), name);
    H5Aclose(made);
  }
  H5Tclose(type);
  H5Sclose(space);
}

void record_file_uint32_attribute(record_file *f, const char *path, const char *name, int count,
                                  const uint32_t *value) {
  hsize_t size = count;
  attribute(f, path, name, H5Tcopy(H5T_STD_U32LE),
            count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &size, NULL), value);
}

void record_file_text_attribute(record_file *f, const char *path, const char *name,
                                const char *text) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE); /* what h5py writes, and reads as text */
  H5Tset_cset(type, H5T_CSET_UTF8);
  attribute(f, path, name, type, H5Screate(H5S_SCALAR), &text);
}

err record_file_change_text(record_file *f, const char *path, const char *name, const char *text,
                            bool *changed) {
  hid_t object = H5Oopen(f->file, path, H5P_DEFAULT);
  char *there = hdf5_file_text(object, name);
  *changed = !there || strcmp(there, text);
  free(there);
  const err e = claim(f, *changed ? OBJECT_BYTES + strlen(text) : 0);
  if (e == OK && *changed) {
    if (H5Aexists(object, name) > 0) WRITE(H5Adelete(object, name), name);
    record_file_text_attribute(f, path, name, text);
  }
  H5Oclose(object);
  return e;
}

void record_file_set_double(record_file *f, const char *path, const char *name, double value) {
  attribute(f, path, name, H5Tcopy(H5T_IEEE_F64LE), H5Screate(H5S_SCALAR), &(double){NAN});
  hid_t object = H5Oopen(f->file, path, H5P_DEFAULT);
  hid_t there = H5Aopen(object, name, H5P_DEFAULT);
  WRITE(H5Awrite(there, H5T_NATIVE_DOUBLE, &value), name);
  H5Aclose(there);
  H5Oclose(object);
}

double record_file_double(record_file *f, const char *path, const char *name) {
  double value = NAN;
  hid_t object = H5Oopen(f->file, path, H5P_DEFAULT);
  hdf5_file_number(object, name, H5T_NATIVE_DOUBLE, &value);
  H5Oclose(object);
  return value;
}

void record_file_sorting_attribute(record_file *f, const char *path) {
  static const char *const name[] = {"none", "by_id", "by_time"};
  hid_t type = H5Tenum_create(H5T_STD_U8LE);
  for (uint8_t value = 0; value < 3; value++) H5Tenum_insert(type, name[value], &value);
  attribute(f, path, "sorting", type, H5Screate(H5S_SCALAR), &(uint8_t){2});
}

/* Times of creation would make every file another one. */
static hid_t dataset_properties(void) {
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(creation, false);
  H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
  return creation;
}

/* Memory space and selection of a rank's block; `file` is the dataset's space. */
static hid_t select_block(hid_t file, int rank, const hsize_t *start, const hsize_t *count) {
  hid_t memory = H5Screate_simple(rank, count, NULL);
  if (count[0] == 0 || (rank == 2 && count[1] == 0)) {
    H5Sselect_none(file);
    H5Sselect_none(memory);
  } else
    H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL);
  return memory;
}

static bool shape_is(hid_t set, int rank, const hsize_t *size) {
  hid_t space = H5Dget_space(set);
  hsize_t has[H5S_MAX_RANK];
  bool is = H5Sget_simple_extent_ndims(space) == rank &&
            H5Sget_simple_extent_dims(space, has, NULL) == rank;
  for (int d = 0; is && d < rank; d++) is = size[d] == H5S_UNLIMITED || has[d] == size[d];
  H5Sclose(space);
  return is;
}

/* Open or make; -1 where it is there in another size. */
static hid_t dataset_fixed(record_file *f, const char *path, hid_t type, hsize_t size) {
  if (record_file_has(f, path)) {
    hid_t set = H5Dopen2(f->file, path, H5P_DEFAULT);
    if (set < 0 || shape_is(set, 1, &size)) return set;
    H5Dclose(set);
    return -1;
  }
  hid_t space = H5Screate_simple(1, &size, NULL), creation = dataset_properties();
  hid_t set = H5Dcreate2(f->file, path, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  WRITE(set, path);
  H5Pclose(creation);
  H5Sclose(space);
  return set;
}

static herr_t transfer(const record_file *f, bool write, hid_t set, hid_t type, int rank,
                       const hsize_t *start, const hsize_t *count, void *data) {
  hid_t space = H5Dget_space(set);
  if (H5Sget_simple_extent_npoints(space) == 0) { /* parallel HDF5 refuses nothing of nothing */
    H5Sclose(space);
    return 0;
  }
  hid_t memory = select_block(space, rank, start, count);
  uint64_t nothing = 0;
  if (!data) data = &nothing;
  herr_t status = write ? H5Dwrite(set, type, memory, space, f->collective, data)
                        : H5Dread(set, type, memory, space, f->collective, data);
  if (status < 0) return status; /* a call more would forget HDF5's reason */
  H5Sclose(memory);
  H5Sclose(space);
  return status;
}

/* Claim room, make or open, write. */
static err write_fixed(record_file *f, const char *path, hid_t type, hid_t stored, uint64_t size,
                       uint64_t first, uint64_t count, const void *data) {
  bool there = record_file_has(f, path);
  err e = claim(f, there ? 0 : OBJECT_BYTES + size * H5Tget_size(stored));
  if (e != OK) return e;
  hid_t set = dataset_fixed(f, path, stored, size);
  if (set < 0) return failure(f, "open", path);
  WRITE(transfer(f, true, set, type, 1, (hsize_t[]){first}, (hsize_t[]){count}, (void *)data),
        path);
  H5Dclose(set);
  return OK;
}

err record_file_write(record_file *f, const char *path, record_type type, uint64_t size,
                      uint64_t first, uint64_t count, const void *data) {
  return write_fixed(f, path, memory_type(type), file_type(type), size, first, count, data);
}

err record_file_read(record_file *f, const char *path, record_type type, uint64_t size,
                     uint64_t first, uint64_t count, void *data) {
  err e = OK;
  hid_t set = record_file_has(f, path) ? H5Dopen2(f->file, path, H5P_DEFAULT) : -1;
  if (set < 0 || !shape_is(set, 1, (hsize_t[]){size}) ||
      transfer(f, false, set, memory_type(type), 1, (hsize_t[]){first}, (hsize_t[]){count}, data) <
          0)
    e = failure(f, "read", path);
  if (set >= 0) H5Dclose(set);
  return agree(f->comm, e);
}

/* Texts side by side, and the type of one; the caller releases both. */
static char *make_table(int count, const char *const *text, hid_t *type) {
  size_t longest = 1;
  for (int i = 0; i < count; i++)
    if (strlen(text[i]) > longest) longest = strlen(text[i]);
  char *table = check_allocate(count, longest);
  for (int i = 0; i < count; i++) memcpy(table + i * longest, text[i], strlen(text[i]));
  *type = H5Tcopy(H5T_C_S1);
  H5Tset_size(*type, longest);
  H5Tset_strpad(*type, H5T_STR_NULLPAD);
  H5Tset_cset(*type, H5T_CSET_UTF8);
  return table;
}

err record_file_texts(record_file *f, const char *path, int count, const char *const *text) {
  hid_t type;
  char *table = make_table(count, text, &type);
  err e = write_fixed(f, path, type, type, count, 0, f->rank == 0 ? count : 0, table);
  H5Tclose(type);
  free(table);
  return e;
}

bool record_file_texts_are(record_file *f, const char *path, int count, const char *const *text) {
  if (!record_file_has(f, path)) return false;
  hid_t type, set = H5Dopen2(f->file, path, H5P_DEFAULT), stored = H5Dget_type(set);
  char *table = make_table(count, text, &type);
  const size_t size = H5Tget_size(type) * (size_t)count;
  char *there = check_allocate(size, 1);
  const bool are =
      shape_is(set, 1, (hsize_t[]){count}) && H5Tequal(stored, type) > 0 &&
      transfer(f, false, set, type, 1, (hsize_t[]){0}, (hsize_t[]){count}, there) >= 0 &&
      !memcmp(table, there, size);
  free(there);
  free(table);
  H5Tclose(type);
  H5Tclose(stored);
  H5Dclose(set);
  return are;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t chunks(const series *s, uint64_t rows) {
  uint64_t across = (s->columns + s->chunk_columns - 1) / s->chunk_columns;
  return (rows + s->chunk_rows - 1) / s->chunk_rows * across;
}

static uint64_t chunk_bytes(const series *s) {
  return s->chunk_rows * s->chunk_columns * type_bytes(s->type);
}

static uint64_t index_bytes(const record_file *f) { /* of a node, at most */
  return 2 * (uint64_t)f->index_k * ENTRY_BYTES;
}

static void set_rows(const record_file *f, const series *s, uint64_t rows) {
  WRITE(H5Dset_extent(s->set, (hsize_t[]){rows, s->columns}), "rows");
}

static hid_t series_create(record_file *f, const char *path, series *s) {
  hid_t creation = dataset_properties();
  H5Pset_chunk(creation, s->dimensions, (hsize_t[]){s->chunk_rows, s->chunk_columns});
  hid_t space = H5Screate_simple(s->dimensions, (hsize_t[]){0, s->columns},
                                 (hsize_t[]){H5S_UNLIMITED, s->columns});
  s->set = H5Dcreate2(f->file, path, file_type(s->type), space, H5P_DEFAULT, creation, H5P_DEFAULT);
  WRITE(s->set, path);
  H5Sclose(space);
  H5Pclose(creation);
  set_rows(f, s, 1); /* makes the root of the index, which stays */
  set_rows(f, s, 0);
  return s->set;
}

/* -1 where it has another shape, which is the message then. */
static hid_t series_open(const record_file *f, const char *path, series *s) {
  hid_t set = H5Dopen2(f->file, path, H5P_DEFAULT);
  if (set < 0) return set;
  if (!shape_is(set, s->dimensions, (hsize_t[]){H5S_UNLIMITED, s->columns})) {
    check_fail(ERR_ENVIRONMENT,
               "%s: %s has other columns than are recorded now: choose a new folder", f->path,
               path);
    H5Dclose(set);
    return -1;
  }
  hid_t space = H5Dget_space(set);
  hsize_t size[H5S_MAX_RANK] = {0}, chunk[2] = {1, 1};
  H5Sget_simple_extent_dims(space, size, NULL);
  H5Sclose(space);
  s->rows = size[0];
  hid_t creation = H5Dget_create_plist(set);
  H5Pget_chunk(creation, s->dimensions, chunk);
  H5Pclose(creation);
  s->chunk_rows = chunk[0], s->chunk_columns = chunk[1];
  return set;
}

err record_file_series(record_file *f, const char *path, record_type type, uint64_t columns,
                       int *number) {
  series s = {.type = type, .dimensions = 2, .columns = columns};
  if (columns == RECORD_NO_COLUMNS) s.dimensions = 1, s.columns = 1;
  s.chunk_columns = s.columns ? least(s.columns, CHUNK_COLUMNS_MAX) : 1; /* 0 is no size of one */
  s.chunk_rows = (f->chunk_elements + s.chunk_columns - 1) / s.chunk_columns;
  bool there = record_file_has(f, path);
  err e = claim(f, there ? 0 : OBJECT_BYTES + index_bytes(f) + chunks(&s, 1) * chunk_bytes(&s));
  if (e != OK) return e;
  s.set = there ? series_open(f, path, &s) : series_create(f, path, &s);
  if (s.set < 0) e = failure(f, "continue", path);
  e = agree(f->comm, e);
  if (e != OK) return e;
  f->series = check_grow(f->series, &f->capacity, f->count + 1, sizeof s);
  f->series[f->count] = s;
  *number = (int)f->count++;
  return OK;
}

uint64_t record_file_rows(const record_file *f, int number) { return f->series[number].rows; }

err record_file_reserve(record_file *f, const uint64_t *rows) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < f->count; i++) {
    const series *s = &f->series[i];
    uint64_t more = chunks(s, s->rows + rows[i]) - chunks(s, s->rows);
    if (!more) continue;
    bytes += more * chunk_bytes(s);
    /* a full node is split in two, and may need a new root */
    uint64_t before = chunks(s, s->rows),
             splits = (before + more) / f->index_k - before / f->index_k;
    bytes += 2 * splits * index_bytes(f);
  }
  return claim(f, bytes);
}

void record_file_append(record_file *f, int number, uint64_t rows, const record_block *block,
                        const void *data) {
  series *s = &f->series[number];
  hsize_t start[] = {s->rows + block->row, block->column};
  hsize_t count[] = {block->rows, block->columns};
  set_rows(f, s, s->rows + rows);
  WRITE(transfer(f, true, s->set, memory_type(s->type), s->dimensions, start, count, (void *)data),
        "rows");
  s->rows += rows;
}

err record_file_reaches(const record_file *f, int number, uint64_t rows) {
  if (rows <= f->series[number].rows) return OK;
  return check_fail(
      ERR_ENVIRONMENT,
      "%s: holds less than when the checkpoint was made: choose an older one, or a new "
      "folder",
      f->path);
}

void record_file_truncate(record_file *f, int number, uint64_t rows) {
  series *s = &f->series[number];
  assert(rows <= s->rows);
  if (rows < s->rows) set_rows(f, s, rows);
  s->rows = rows;
}

void record_file_flush(record_file *f) { WRITE(H5Fflush(f->file, H5F_SCOPE_LOCAL), "out"); }
