#include "record_file_internal.h"

#include "agree.h"
#include <assert.h>

enum { CHUNK_COLUMNS_MAX = 1024, INDEX_ENTRY_BYTES = 48 /* of an index node, at most */ };

static size_t type_bytes(record_type type) {
  return type == RECORD_FLOAT32 || type == RECORD_UINT32 ? 4 : 8;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t chunks(const record_file_set *s, uint64_t rows) {
  uint64_t across = (s->columns + s->chunk_columns - 1) / s->chunk_columns;
  return (rows + s->chunk_rows - 1) / s->chunk_rows * across;
}

static uint64_t chunk_bytes(const record_file_set *s) {
  return s->chunk_rows * s->chunk_columns * type_bytes(s->type);
}

static uint64_t index_bytes(const record_file *f) { /* of a node, at most */
  return 2 * (uint64_t)f->index_k * INDEX_ENTRY_BYTES;
}

static void set_rows(const record_file *f, const record_file_set *s, uint64_t rows) {
  RECORD_WRITE(H5Dset_extent(s->set, (hsize_t[]){rows, s->columns}), "rows");
}

static hid_t series_create(record_file *f, const char *path, record_file_set *s) {
  hid_t creation = record_file_set_properties();
  H5Pset_chunk(creation, s->dimensions, (hsize_t[]){s->chunk_rows, s->chunk_columns});
  hid_t space = H5Screate_simple(s->dimensions, (hsize_t[]){0, s->columns},
                                 (hsize_t[]){H5S_UNLIMITED, s->columns});
  s->set = H5Dcreate2(f->file, path, record_file_stored_type(s->type), space, H5P_DEFAULT, creation,
                      H5P_DEFAULT);
  RECORD_WRITE(s->set, path);
  H5Sclose(space);
  H5Pclose(creation);
  set_rows(f, s, 1); /* makes the root of the index, which stays */
  set_rows(f, s, 0);
  return s->set;
}

/* -1 where it has another shape, which is the message then. */
static hid_t series_open(const record_file *f, const char *path, record_file_set *s) {
  hid_t set = H5Dopen2(f->file, path, H5P_DEFAULT);
  if (set < 0) return set;
  if (!record_file_shape_is(set, s->dimensions, (hsize_t[]){H5S_UNLIMITED, s->columns})) {
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
  record_file_set s = {.type = type, .dimensions = 2, .columns = columns};
  if (columns == RECORD_NO_COLUMNS) s.dimensions = 1, s.columns = 1;
  s.chunk_columns = s.columns ? least(s.columns, CHUNK_COLUMNS_MAX) : 1; /* 0 is no size of one */
  s.chunk_rows = (f->chunk_elements + s.chunk_columns - 1) / s.chunk_columns;
  bool there = record_file_has(f, path);
  err e = record_file_claim(
      f, there ? 0 : RECORD_OBJECT_BYTES + index_bytes(f) + chunks(&s, 1) * chunk_bytes(&s));
  if (e != OK) return e;
  s.set = there ? series_open(f, path, &s) : series_create(f, path, &s);
  if (s.set < 0) e = record_file_failure(f, "continue", path);
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
    const record_file_set *s = &f->series[i];
    uint64_t more = chunks(s, s->rows + rows[i]) - chunks(s, s->rows);
    if (!more) continue;
    bytes += more * chunk_bytes(s);
    /* a full node is split in two, and may need a new root */
    uint64_t before = chunks(s, s->rows),
             splits = (before + more) / f->index_k - before / f->index_k;
    bytes += 2 * splits * index_bytes(f);
  }
  return record_file_claim(f, bytes);
}

void record_file_append(record_file *f, int number, uint64_t rows, const record_block *block,
                        const void *data) {
  record_file_set *s = &f->series[number];
  hsize_t start[] = {s->rows + block->row, block->column};
  hsize_t count[] = {block->rows, block->columns};
  set_rows(f, s, s->rows + rows);
  RECORD_WRITE(record_file_transfer(f, true, s->set, record_file_memory_type(s->type),
                                    s->dimensions, start, count, (void *)data),
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
  record_file_set *s = &f->series[number];
  assert(rows <= s->rows);
  if (rows < s->rows) set_rows(f, s, rows);
  s->rows = rows;
}
