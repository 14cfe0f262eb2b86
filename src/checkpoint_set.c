#define _GNU_SOURCE /* sync_file_range */
#include "checkpoint_set.h"
#include "agree.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { CHUNK_MOST = 1 << 20, CHUNK_LEAST = 1 << 13 }; /* elements */

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
  CHECKPOINT_WRITE(f, set, path);
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
  checkpoint_file_attach_text(f, s->set, "unit", field->unit);
  checkpoint_file_attach_text(f, s->set, "description", field->description);
  if (large) {
    char *beside = checksum_path(s->name);
    const uint64_t chunks = (size + s->chunk - 1) / s->chunk;
    s->checksums = create_dataset(f, beside, H5T_STD_U64LE, chunks, 4096, true);
    checkpoint_file_attach_text(f, s->checksums, "unit", "");
    checkpoint_file_attach_text(f, s->checksums, "description",
                                "XXH3-64 of each chunk's values as stored");
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
  if (s->set < 0) return checkpoint_file_unreadable(f, s->name);
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
  CHECKPOINT_WRITE(f,
                   transfer(large ? f->independent : f->collective, true, s->set,
                            memory_type(s->type), first, count, (void *)value),
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
    e = checkpoint_file_unreadable(f, s->name);
  if (s->checksums < 0) return agree(f->comm, e);
  const uint64_t chunks = (count + s->chunk - 1) / s->chunk;
  uint64_t *hash = check_allocate(chunks, sizeof *hash);
  uint64_t *stored = check_allocate(chunks, sizeof *stored);
  hash_chunks(s, count, value, hash);
  if (transfer(f->collective, false, s->checksums, H5T_NATIVE_UINT64, first / s->chunk, chunks,
               stored) < 0)
    e = checkpoint_file_unreadable(f, s->name);
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
    CHECKPOINT_WRITE(f,
                     transfer(f->collective, true, s->checksums, H5T_NATIVE_UINT64, s->hash_first,
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
