#include "record_file_internal.h"

#include "agree.h"
#include <stdlib.h>
#include <string.h>

/* ---- what datasets of both kinds need ---- */

hid_t record_file_stored_type(record_type type) {
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

hid_t record_file_memory_type(record_type type) {
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

/* Times of creation would make every file another one. */
hid_t record_file_set_properties(void) {
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

bool record_file_shape_is(hid_t set, int rank, const hsize_t *size) {
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
    if (set < 0 || record_file_shape_is(set, 1, &size)) return set;
    H5Dclose(set);
    return -1;
  }
  hid_t space = H5Screate_simple(1, &size, NULL), creation = record_file_set_properties();
  hid_t set = H5Dcreate2(f->file, path, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  RECORD_WRITE(set, path);
  H5Pclose(creation);
  H5Sclose(space);
  return set;
}

herr_t record_file_transfer(const record_file *f, bool write, hid_t set, hid_t type, int rank,
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
  err e = record_file_claim(f, there ? 0 : RECORD_OBJECT_BYTES + size * H5Tget_size(stored));
  if (e != OK) return e;
  hid_t set = dataset_fixed(f, path, stored, size);
  if (set < 0) return record_file_failure(f, "open", path);
  RECORD_WRITE(record_file_transfer(f, true, set, type, 1, (hsize_t[]){first}, (hsize_t[]){count},
                                    (void *)data),
               path);
  H5Dclose(set);
  return OK;
}

err record_file_write(record_file *f, const char *path, record_type type, uint64_t size,
                      uint64_t first, uint64_t count, const void *data) {
  return write_fixed(f, path, record_file_memory_type(type), record_file_stored_type(type), size,
                     first, count, data);
}

err record_file_read(record_file *f, const char *path, record_type type, uint64_t size,
                     uint64_t first, uint64_t count, void *data) {
  err e = OK;
  hid_t set = record_file_has(f, path) ? H5Dopen2(f->file, path, H5P_DEFAULT) : -1;
  if (set < 0 || !record_file_shape_is(set, 1, (hsize_t[]){size}) ||
      record_file_transfer(f, false, set, record_file_memory_type(type), 1, (hsize_t[]){first},
                           (hsize_t[]){count}, data) < 0)
    e = record_file_failure(f, "read", path);
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
  const bool are = record_file_shape_is(set, 1, (hsize_t[]){count}) && H5Tequal(stored, type) > 0 &&
                   record_file_transfer(f, false, set, type, 1, (hsize_t[]){0}, (hsize_t[]){count},
                                        there) >= 0 &&
                   !memcmp(table, there, size);
  free(there);
  free(table);
  H5Tclose(type);
  H5Tclose(stored);
  H5Dclose(set);
  return are;
}
