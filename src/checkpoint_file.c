#define _GNU_SOURCE /* fallocate */
#include "checkpoint_file.h"
#include "agree.h"
#include "hdf5_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <xxhash.h>

enum { CHUNK_MOST = 1 << 20, CHUNK_LEAST = 1 << 13 }; /* elements */

struct checkpoint_file {
  MPI_Comm comm;
  int rank, parts; /* parts: ranks that have slices */
  bool takes_part; /* this one, in what HDF5 does */
  char *path;
  hid_t file, collective, independent; /* two: transfer properties */
  int descriptor;                      /* of a file that is written, for early_sync; else -1 */
  checkpoint_seal_blocks *known;
};

struct checkpoint_set {
  checkpoint_file *f;
  char *name, *unit, *description;
  checkpoint_type type;
  hid_t set, checksums; /* checksums -1: Fletcher32 instead */
  uint64_t size, chunk;
  /* While a large dataset is written: where each chunk stands in the file, 0 where that is not
   * known; checksums of this rank's chunks, which are consecutive. */
  uint64_t *place, *hash;
  uint64_t hash_first, hash_count;
  size_t hash_capacity;
};

static const struct {
  const char *name;
  size_t bytes;
} types[] = {
    [CHECKPOINT_FLOAT32] = {"float32", 4}, [CHECKPOINT_FLOAT64] = {"float64", 8},
    [CHECKPOINT_INT32] = {"int32", 4},     [CHECKPOINT_INT64] = {"int64", 8},
    [CHECKPOINT_UINT8] = {"uint8", 1},     [CHECKPOINT_UINT32] = {"uint32", 4},
    [CHECKPOINT_UINT64] = {"uint64", 8},
};
enum { TYPES = sizeof types / sizeof *types };

size_t checkpoint_type_bytes(checkpoint_type type) { return types[type].bytes; }

const char *checkpoint_type_name(checkpoint_type type) { return types[type].name; }

static hid_t file_type(checkpoint_type type) {
  switch (type) {
  case CHECKPOINT_FLOAT32:
    return H5T_IEEE_F32LE;
  case CHECKPOINT_FLOAT64:
    return H5T_IEEE_F64LE;
  case CHECKPOINT_INT32:
    return H5T_STD_I32LE;
  case CHECKPOINT_INT64:
    return H5T_STD_I64LE;
  case CHECKPOINT_UINT8:
    return H5T_STD_U8LE;
  case CHECKPOINT_UINT32:
    return H5T_STD_U32LE;
  default:
    return H5T_STD_U64LE;
  }
}

static hid_t memory_type(checkpoint_type type) {
  switch (type) {
  case CHECKPOINT_FLOAT32:
    return H5T_NATIVE_FLOAT;
  case CHECKPOINT_FLOAT64:
    return H5T_NATIVE_DOUBLE;
  case CHECKPOINT_INT32:
    return H5T_NATIVE_INT32;
  case CHECKPOINT_INT64:
    return H5T_NATIVE_INT64;
  case CHECKPOINT_UINT8:
    return H5T_NATIVE_UINT8;
  case CHECKPOINT_UINT32:
    return H5T_NATIVE_UINT32;
  default:
    return H5T_NATIVE_UINT64;
  }
}

#define WRITE(call, what)                                                                          \
  do {                                                                                             \
    if ((call) < 0) CHECK_ABORT("%s: cannot write %s: %s", f->path, what, hdf5_file_cause());      \
  } while (0)

static err unreadable(const checkpoint_file *f, const char *what) {
  return check_fail(ERR_USER, "%s: cannot read %s: %s", f->path, what, hdf5_file_cause());
}

/* ---- the file ---- */

static checkpoint_file *file_new(MPI_Comm comm, const char *path) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  checkpoint_file *f = check_allocate(1, sizeof *f);
  AGREE_MPI(MPI_Comm_dup(comm, &f->comm));
  MPI_Comm_rank(comm, &f->rank);
  MPI_Comm_size(comm, &f->parts);
  f->takes_part = true;
  f->path = strcpy(check_allocate(strlen(path) + 1, 1), path);
  f->file = f->descriptor = -1;
  f->collective = H5Pcreate(H5P_DATASET_XFER);
  H5Pset_dxpl_mpio(f->collective, H5FD_MPIO_COLLECTIVE);
  f->independent = H5Pcreate(H5P_DATASET_XFER); /* each rank for itself */
  return f;
}

static void file_free(checkpoint_file *f) {
  if (f->descriptor >= 0) close(f->descriptor);
  H5Pclose(f->collective);
  H5Pclose(f->independent);
  MPI_Comm_free(&f->comm);
  free(f->path);
  free(f);
}

static hid_t access_properties(MPI_Comm comm) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  /* Ranks write large whole pieces of their own: nothing to gather or to sieve. */
  MPI_Info hints;
  AGREE_MPI(MPI_Info_create(&hints));
  MPI_Info_set(hints, "romio_cb_write", "disable");
  MPI_Info_set(hints, "romio_ds_write", "disable");
  H5Pset_fapl_mpio(access, comm, hints);
  MPI_Info_free(&hints);
  H5Pset_all_coll_metadata_ops(access, true);
  H5Pset_coll_metadata_write(access, true);
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
  return access;
}

/* Claim `bytes` of the disk for the file, without making it longer. A file system that cannot
 * promise is asked what is free. */
static err claim(const char *path, uint64_t bytes) {
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  int status = file < 0;
  if (!status) do
      status = fallocate(file, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes);
    while (status && errno == EINTR);
  if (status && (errno == EOPNOTSUPP || errno == ENOSYS)) {
    struct statvfs disk;
    status =
        fstatvfs(file, &disk) == 0 && (double)disk.f_bavail * (double)disk.f_frsize < (double)bytes;
    errno = ENOSPC;
  }
  err e = OK;
  if (status)
    e = check_fail(ERR_ENVIRONMENT, "%s: no room for a checkpoint of %.3f MB: %s", path,
                   (double)bytes / 1e6, strerror(errno));
  if (file >= 0) close(file);
  return e;
}

/* HDF5 would fail on a path that cannot be written with a message that is less clear. */
static err make_empty(const char *path) {
  const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0)
    return check_fail(ERR_ENVIRONMENT, "%s: cannot be created: %s", path, strerror(errno));
  close(file);
  return claim(path, 1 << 16); /* HDF5's first bytes */
}

static hid_t create_hdf5(checkpoint_file *f) {
  hid_t properties = access_properties(f->parts == 1 ? MPI_COMM_SELF : f->comm);
  hid_t creation = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_userblock(creation, CHECKPOINT_SEAL_BYTES);
  const hid_t file = H5Fcreate(f->path, H5F_ACC_TRUNC, creation, properties);
  if (file < 0)
    check_fail(ERR_ENVIRONMENT, "%s: cannot be created: %s", f->path, hdf5_file_cause());
  H5Pclose(properties);
  H5Pclose(creation);
  return file;
}

err checkpoint_file_create(MPI_Comm comm, const char *path, uint64_t bytes, bool spread,
                           checkpoint_seal_blocks *known, checkpoint_file **made) {
  checkpoint_file *f = file_new(comm, path);
  if (!spread) f->parts = 1;
  f->takes_part = f->rank < f->parts;
  f->known = known;
  err e = agree(f->comm, f->rank == 0 ? make_empty(path) : OK);
  if (e == OK) {
    if (f->takes_part) f->file = create_hdf5(f);
    if (f->takes_part && f->file < 0) e = ERR_ENVIRONMENT;
    if (e == OK && f->rank == 0) e = claim(path, bytes);
    e = agree(f->comm, e);
  }
  *made = e == OK ? f : NULL;
  if (e == OK && f->takes_part) f->descriptor = open(path, O_WRONLY | O_CLOEXEC);
  if (e == OK) return e;
  if (f->file >= 0) H5Fclose(f->file);
  if (f->rank == 0) unlink(path);
  file_free(f);
  return e;
}

err checkpoint_file_open(MPI_Comm comm, const char *path, checkpoint_file **opened) {
  checkpoint_file *f = file_new(comm, path);
  hid_t properties = access_properties(f->comm);
  f->file = H5Fopen(path, H5F_ACC_RDONLY, properties);
  H5Pclose(properties);
  const err e = agree(f->comm, f->file < 0 ? unreadable(f, "the file") : OK);
  *opened = e == OK ? f : NULL;
  if (e != OK) file_free(f);
  return e;
}

void checkpoint_file_close(checkpoint_file *f) {
  if (f->takes_part) WRITE(H5Fclose(f->file), "the last of the file");
  file_free(f);
}

const char *checkpoint_file_path(const checkpoint_file *f) { return f->path; }

MPI_Comm checkpoint_file_comm(const checkpoint_file *f) { return f->comm; }

int checkpoint_file_parts(const checkpoint_file *f) { return f->parts; }

void checkpoint_file_group(checkpoint_file *f, const char *path) {
  if (!f->takes_part) return;
  hid_t creation = H5Pcreate(H5P_GROUP_CREATE);
  H5Pset_obj_track_times(creation, false); /* the same bytes at any time */
  hid_t group = H5Gcreate2(f->file, path, H5P_DEFAULT, creation, H5P_DEFAULT);
  WRITE(group, path);
  H5Gclose(group);
  H5Pclose(creation);
}

/* ---- attributes ---- */

/* Takes over `type`. */
static void put_attribute(checkpoint_file *f, hid_t object, const char *name, hid_t type,
                          const void *value) {
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t made = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  WRITE(made, name);
  WRITE(H5Awrite(made, type, value), name);
  H5Aclose(made);
  H5Sclose(space);
  H5Tclose(type);
}

static void put_text(checkpoint_file *f, hid_t object, const char *name, const char *text) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, strlen(text) + 1);
  H5Tset_cset(type, H5T_CSET_UTF8);
  put_attribute(f, object, name, type, text);
}

void checkpoint_file_put_text(checkpoint_file *f, const char *name, const char *text) {
  if (f->takes_part) put_text(f, f->file, name, text);
}

void checkpoint_file_put_integer(checkpoint_file *f, const char *name, uint64_t value) {
  if (f->takes_part) put_attribute(f, f->file, name, H5Tcopy(H5T_NATIVE_UINT64), &value);
}

void checkpoint_file_put_real(checkpoint_file *f, const char *name, double value) {
  if (f->takes_part) put_attribute(f, f->file, name, H5Tcopy(H5T_NATIVE_DOUBLE), &value);
}

static err bad_attribute(const checkpoint_file *f, const char *name, const char *expected) {
  return check_fail(ERR_USER, "%s: cannot read %s: it holds %s, not 1 %s", f->path, name,
                    hdf5_file_attribute_kind(f->file, name), expected);
}

static err get_number(checkpoint_file *f, const char *name, hid_t type, const char *kind,
                      void *value) {
  return agree(f->comm,
               hdf5_file_number(f->file, name, type, value) ? OK : bad_attribute(f, name, kind));
}

err checkpoint_file_get_integer(checkpoint_file *f, const char *name, uint64_t *value) {
  return get_number(f, name, H5T_NATIVE_UINT64, "integer", value);
}

err checkpoint_file_get_real(checkpoint_file *f, const char *name, double *value) {
  return get_number(f, name, H5T_NATIVE_DOUBLE, "floating-point number", value);
}

err checkpoint_file_get_text(checkpoint_file *f, const char *name, char *text, size_t size) {
  char *found = hdf5_file_text(f->file, name);
  err e = OK;
  if (!found || strlen(found) >= size)
    e = bad_attribute(f, name, "string");
  else
    strcpy(text, found);
  free(found);
  return agree(f->comm, e);
}

/* A text attribute of any length; "" where there is none. */
static char *copy_text(hid_t object, const char *name) {
  char *text = hdf5_file_text(object, name);
  return text ? text : check_allocate(1, 1);
}

/* ---- slices ---- */

uint64_t checkpoint_chunk(uint64_t size) {
  uint64_t chunk = CHUNK_MOST;
  while (chunk > CHUNK_LEAST && chunk / 2 >= size / 16) chunk /= 2;
  return chunk;
}

checkpoint_slice checkpoint_slice_of(uint64_t size, uint64_t chunk, int turn, int parts, int rank) {
  if (rank >= parts) return (checkpoint_slice){size, 0};
  const uint64_t chunks = (size + chunk - 1) / chunk, all = (uint64_t)parts;
  const uint64_t part = (uint64_t)((rank + parts - turn % parts) % parts);
  const uint64_t first = chunks * part / all * chunk, end = chunks * (part + 1) / all * chunk;
  const uint64_t last = end < size ? end : size;
  return (checkpoint_slice){first < last ? first : last, first < last ? last - first : 0};
}

int checkpoint_slice_rank(uint64_t size, uint64_t chunk, int turn, int parts, uint64_t at) {
  const uint64_t chunks = (size + chunk - 1) / chunk, all = (uint64_t)parts;
  const uint64_t part = ((at / chunk + 1) * all - 1) / chunks; /* the largest that begins there */
  return (int)((part + (uint64_t)(turn % parts)) % all);
}

/* ---- datasets ---- */

static checkpoint_set *set_new(checkpoint_file *f, const char *parent, const char *name) {
  checkpoint_set *s = check_allocate(1, sizeof *s);
  s->f = f;
  s->name = check_allocate(strlen(parent) + strlen(name) + 2, 1);
  sprintf(s->name, "%s%s%s", parent, *parent ? "/" : "", name);
  s->set = s->checksums = -1;
  return s;
}

static hid_t create_dataset(checkpoint_file *f, const char *path, hid_t type, hsize_t size,
                            hsize_t chunk, bool fletcher) {
  const hsize_t most = size ? size : H5S_UNLIMITED; /* HDF5 chunks nothing of fixed size 0 */
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(creation, false);
  H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
  if (size && chunk > size) chunk = size;
  H5Pset_chunk(creation, 1, &chunk);
  if (fletcher) H5Pset_fletcher32(creation);
  hid_t space = H5Screate_simple(1, &size, &most);
  hid_t set = H5Dcreate2(f->file, path, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  WRITE(set, path);
  H5Sclose(space);
  H5Pclose(creation);
  return set;
}

static char *checksum_path(const char *path) {
  char *other = check_allocate(strlen(path) + 6, 1);
  sprintf(other, "%s.xxh3", path);
  return other;
}

/* Chunks are allocated when the dataset is made, as always in parallel HDF5. Addresses count from
 * behind the user block before HDF5 1.14.4. */
static uint64_t *chunk_places(const checkpoint_set *s) {
  const uint64_t base = H5_VERSION_GE(1, 14, 4) ? 0 : CHECKPOINT_SEAL_BYTES;
  const uint64_t chunks = (s->size + s->chunk - 1) / s->chunk;
  uint64_t *place = check_allocate(chunks, sizeof *place);
  for (uint64_t i = 0; i < chunks; i++) {
    const hsize_t at = i * s->chunk;
    unsigned filters;
    haddr_t address;
    hsize_t bytes;
    const bool is = H5Dget_chunk_info_by_coord(s->set, &at, &filters, &address, &bytes) >= 0;
    if (is && address != HADDR_UNDEF && bytes == s->chunk * types[s->type].bytes)
      place[i] = address + base;
  }
  return place;
}

checkpoint_set *checkpoint_set_create(checkpoint_file *f, const char *parent,
                                      const checkpoint_field *field, uint64_t size, bool large) {
  checkpoint_set *s = set_new(f, parent, field->name);
  s->type = field->type;
  s->size = size;
  s->chunk = checkpoint_chunk(size);
  if (!f->takes_part) return s;
  s->set = create_dataset(f, s->name, file_type(s->type), size, s->chunk, !large);
  put_text(f, s->set, "unit", field->unit);
  put_text(f, s->set, "description", field->description);
  if (large) {
    char *beside = checksum_path(s->name);
    const uint64_t chunks = (size + s->chunk - 1) / s->chunk;
    s->checksums = create_dataset(f, beside, H5T_STD_U64LE, chunks, 4096, true);
    put_text(f, s->checksums, "unit", "");
    put_text(f, s->checksums, "description", "XXH3-64 of each chunk's values as stored");
    s->place = chunk_places(s);
    free(beside);
  }
  return s;
}

static bool is_1d(checkpoint_set *s) {
  hid_t space = H5Dget_space(s->set);
  hsize_t size = 0;
  const bool is =
      H5Sget_simple_extent_ndims(space) == 1 && H5Sget_simple_extent_dims(space, &size, NULL) == 1;
  s->size = size;
  H5Sclose(space);
  return is;
}

/* Dataset and its checksums, if it is there as the type says. */
static err open_dataset(checkpoint_set *s) {
  checkpoint_file *f = s->f;
  s->set = H5Dopen2(f->file, s->name, H5P_DEFAULT);
  if (s->set < 0) return unreadable(f, s->name);
  if (!is_1d(s)) return check_fail(ERR_USER, "%s: %s: is no list", f->path, s->name);
  hid_t type = H5Dget_type(s->set);
  int found = 0;
  while (found < TYPES && H5Tequal(type, file_type((checkpoint_type)found)) <= 0) found++;
  H5Tclose(type);
  if (found == TYPES) return check_fail(ERR_USER, "%s: %s: is of no known type", f->path, s->name);
  s->type = (checkpoint_type)found;
  s->chunk = checkpoint_chunk(s->size);
  char *beside = checksum_path(s->name);
  if (H5Lexists(f->file, beside, H5P_DEFAULT) > 0)
    s->checksums = H5Dopen2(f->file, beside, H5P_DEFAULT);
  free(beside);
  return OK;
}

err checkpoint_set_open(checkpoint_file *f, const char *parent, const checkpoint_field *field,
                        uint64_t size, checkpoint_set **opened) {
  checkpoint_set *s = set_new(f, parent, field->name);
  err e = open_dataset(s);
  if (e == OK && s->type != field->type)
    e = check_fail(ERR_USER, "%s: %s: is %s, must be %s", f->path, s->name,
                   checkpoint_type_name(s->type), checkpoint_type_name(field->type));
  if (e == OK && size != CHECKPOINT_ANY && s->size != size)
    e = check_fail(ERR_USER, "%s: %s: has %llu values, must have %llu", f->path, s->name,
                   (unsigned long long)s->size, (unsigned long long)size);
  e = agree(f->comm, e);
  *opened = e == OK ? s : NULL;
  if (e != OK) checkpoint_set_close(s);
  return e;
}

uint64_t checkpoint_set_size(const checkpoint_set *s) { return s->size; }

uint64_t checkpoint_set_chunk(const checkpoint_set *s) { return s->chunk; }

static herr_t transfer(hid_t how, bool write, hid_t set, hid_t type, hsize_t first, hsize_t count,
                       void *value) {
  uint64_t nothing = 0;
  hid_t space = H5Dget_space(set), memory = H5Screate_simple(1, &count, NULL);
  if (count == 0) {
    H5Sselect_none(space);
    H5Sselect_none(memory);
    value = &nothing;
  } else
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &first, NULL, &count, NULL);
  const herr_t status = write ? H5Dwrite(set, type, memory, space, how, value)
                              : H5Dread(set, type, memory, space, how, value);
  H5Sclose(memory);
  H5Sclose(space);
  return status;
}

/* XXH3-64 of each chunk of `count` values, which begin at a chunk; the chunks. */
static uint64_t hash_chunks(const checkpoint_set *s, uint64_t count, const void *value,
                            uint64_t *hash) {
  const size_t bytes = types[s->type].bytes;
  const uint64_t chunks = (count + s->chunk - 1) / s->chunk;
  for (uint64_t i = 0; i < chunks; i++) {
    const uint64_t at = i * s->chunk, n = count - at < s->chunk ? count - at : s->chunk;
    hash[i] = XXH3_64bits((const char *)value + at * bytes, n * bytes);
  }
  return chunks;
}

/* Whole chunks that stand one behind the other in the file are noted for the seal in one go. */
static void note_chunks(checkpoint_set *s, uint64_t first, uint64_t count, const char *value) {
  const uint64_t bytes = s->chunk * types[s->type].bytes, end = first + count / s->chunk;
  for (uint64_t i = first, last; i < end; i = last) {
    for (last = i + 1; last < end && s->place[last] == s->place[last - 1] + bytes;) last++;
    if (s->place[i] > 0)
      checkpoint_seal_note(s->f->known, s->place[i], (last - i) * bytes,
                           value + (i - first) * bytes);
  }
}

/* The disk begins to write while values are still gathered; the sync at the end has less to wait
 * for.
 */
static void early_sync(const checkpoint_file *f) {
  if (f->descriptor >= 0) sync_file_range(f->descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
}

void checkpoint_set_write(checkpoint_set *s, uint64_t first, uint64_t count, const void *value) {
  checkpoint_file *f = s->f;
  const bool large = s->checksums >= 0;
  if (!f->takes_part && count > 0)
    CHECK_ABORT("values of %s on a rank that does not write", s->name);
  if (!f->takes_part) return;
  /* Ranks that wait for each other in every round would wait for each other's disk. */
  WRITE(transfer(large ? f->independent : f->collective, true, s->set, memory_type(s->type), first,
                 count, (void *)value),
        s->name);
  if (!large || count == 0) return;
  early_sync(f);
  const uint64_t chunk = first / s->chunk, chunks = (count + s->chunk - 1) / s->chunk;
  if (s->hash_count == 0) s->hash_first = chunk;
  if (s->hash_first + s->hash_count != chunk) CHECK_ABORT("chunks of %s out of order", s->name);
  s->hash = check_grow(s->hash, &s->hash_capacity, s->hash_count + chunks, sizeof *s->hash);
  s->hash_count += hash_chunks(s, count, value, s->hash + s->hash_count);
  note_chunks(s, chunk, count, value);
}

err checkpoint_set_read(checkpoint_set *s, uint64_t first, uint64_t count, void *value) {
  checkpoint_file *f = s->f;
  err e = OK;
  if (transfer(f->collective, false, s->set, memory_type(s->type), first, count, value) < 0)
    e = unreadable(f, s->name);
  if (s->checksums < 0) return agree(f->comm, e);
  const uint64_t chunks = (count + s->chunk - 1) / s->chunk;
  uint64_t *hash = check_allocate(chunks, sizeof *hash);
  uint64_t *stored = check_allocate(chunks, sizeof *stored);
  hash_chunks(s, count, value, hash);
  if (transfer(f->collective, false, s->checksums, H5T_NATIVE_UINT64, first / s->chunk, chunks,
               stored) < 0)
    e = unreadable(f, s->name);
  for (uint64_t i = 0; e == OK && i < chunks; i++)
    if (hash[i] != stored[i])
      e = check_fail(ERR_USER, "%s: %s: chunk %llu does not fit its checksum", f->path, s->name,
                     (unsigned long long)(first / s->chunk + i));
  free(hash);
  free(stored);
  return agree(f->comm, e);
}

void checkpoint_set_close(checkpoint_set *s) {
  if (!s) return;
  checkpoint_file *f = s->f;
  if (s->place)
    WRITE(transfer(f->collective, true, s->checksums, H5T_NATIVE_UINT64, s->hash_first,
                   s->hash_count, s->hash),
          s->name);
  if (s->set >= 0) H5Dclose(s->set);
  if (s->checksums >= 0) H5Dclose(s->checksums);
  free(s->place);
  free(s->hash);
  free(s->name);
  free(s->unit);
  free(s->description);
  free(s);
}

void checkpoint_file_write(checkpoint_file *f, const char *parent, const checkpoint_field *field,
                           uint64_t size, checkpoint_slice slice, const void *value) {
  checkpoint_set *s = checkpoint_set_create(f, parent, field, size, false);
  checkpoint_set_write(s, slice.first, slice.count, value);
  checkpoint_set_close(s);
}

err checkpoint_file_read(checkpoint_file *f, const char *parent, const checkpoint_field *field,
                         uint64_t size, checkpoint_slice slice, void *value) {
  checkpoint_set *s;
  err e = checkpoint_set_open(f, parent, field, size, &s);
  if (e == OK) e = checkpoint_set_read(s, slice.first, slice.count, value);
  checkpoint_set_close(s);
  return e;
}

err checkpoint_file_read_all(checkpoint_file *f, const char *parent, const checkpoint_field *field,
                             uint64_t *size, void **value) {
  checkpoint_set *s;
  *value = NULL;
  *size = 0;
  err e = checkpoint_set_open(f, parent, field, CHECKPOINT_ANY, &s);
  if (e == OK) {
    *size = s->size;
    *value = check_allocate(s->size + 1, types[s->type].bytes);
    e = checkpoint_set_read(s, 0, s->size, *value);
  }
  checkpoint_set_close(s);
  return e;
}

/* ---- what is there ---- */

typedef struct {
  int count;
  size_t capacity;
  char **path;
} path_list;

static herr_t list_object(hid_t file, const char *name, const H5O_info_t *info, void *to) {
  (void)file;
  path_list *list = to;
  const size_t length = strlen(name);
  if (info->type != H5O_TYPE_DATASET) return 0;
  if (length > 5 && strcmp(name + length - 5, ".xxh3") == 0) return 0;
  list->path = check_grow(list->path, &list->capacity, (size_t)list->count + 1, sizeof *list->path);
  list->path[list->count++] = strcpy(check_allocate(length + 1, 1), name);
  return 0;
}

err checkpoint_file_list(checkpoint_file *f, int *count, char ***path) {
  path_list list = {0};
  err e = OK;
  if (H5Ovisit2(f->file, H5_INDEX_NAME, H5_ITER_INC, list_object, &list, H5O_INFO_BASIC) < 0)
    e = unreadable(f, "its contents");
  *count = list.count;
  *path = list.path;
  return e;
}

err checkpoint_set_look(checkpoint_file *f, const char *path, checkpoint_set **opened,
                        checkpoint_field *field) {
  checkpoint_set *s = set_new(f, "", path);
  const err e = open_dataset(s);
  *opened = e == OK ? s : NULL;
  if (e == OK) {
    s->unit = copy_text(s->set, "unit");
    s->description = copy_text(s->set, "description");
    *field = (checkpoint_field){s->name, s->unit, s->description, s->type};
  } else
    checkpoint_set_close(s);
  return e;
}
