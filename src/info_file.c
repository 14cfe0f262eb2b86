#include "info_file.h"
#include "hdf5_file.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* H5Lexists answers for the last part of a path only. */
static bool path_exists(hid_t file, char *path) {
  for (char *end = path + 1;; end++) {
    if (*end != '/' && *end != 0) continue;
    const char kept = *end;
    *end = 0;
    const bool there = H5Lexists(file, path, H5P_DEFAULT) > 0;
    *end = kept;
    if (!there) return false;
    if (!kept) return H5Oexists_by_name(file, path, H5P_DEFAULT) > 0; /* no dangling link */
  }
}

bool info_has(const info_file *f, const char *format, ...) {
  char path[2 * INFO_NAME];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(path, sizeof path, format, arguments);
  va_end(arguments);
  return path_exists(f->file, path);
}

bool info_member(const info_file *f, const char *group, hsize_t i, char name[INFO_NAME]) {
  H5G_info_t info;
  if (H5Gget_info_by_name(f->file, group, &info, H5P_DEFAULT) < 0 || i >= info.nlinks) return false;
  return H5Lget_name_by_idx(f->file, group, H5_INDEX_NAME, H5_ITER_INC, i, name, INFO_NAME,
                            H5P_DEFAULT) > 0;
}

bool info_is_dataset(const info_file *f, const char *path) {
  H5O_info_t info;
  return H5Oget_info_by_name2(f->file, path, &info, H5O_INFO_BASIC, H5P_DEFAULT) >= 0 &&
         info.type == H5O_TYPE_DATASET;
}

static bool is_compressed(hid_t set) {
  const hid_t creation = H5Dget_create_plist(set);
  const bool compressed = H5Pget_nfilters(creation) > 0;
  H5Pclose(creation);
  return compressed;
}

/* Does the file hold what the length says? Compression saves a factor of 1000 at most. */
static bool holds_all(hid_t set, hsize_t elements, size_t bytes) {
  const hsize_t stored = H5Dget_storage_size(set);
  const double needed = (double)elements * (double)bytes;
  return (double)stored * (is_compressed(set) ? 1032 : 1) >= needed;
}

static err check_column(const info_file *f, bool number, info_column *c) {
  const hid_t space = H5Dget_space(c->set), type = H5Dget_type(c->set);
  err e = OK;
  c->dimensions = H5Sget_simple_extent_ndims(space);
  c->size[0] = c->size[1] = 1;
  if (c->dimensions < 0 || c->dimensions > 2)
    e = check_fail(ERR_USER, "%s: %s has %d dimensions, not 1 or 2", f->path, c->path,
                   c->dimensions);
  else
    H5Sget_simple_extent_dims(space, c->size, NULL);
  const H5T_class_t class = H5Tget_class(type);
  if (e == OK && number && class != H5T_INTEGER && class != H5T_FLOAT)
    e = check_fail(ERR_USER, "%s: %s does not hold numbers", f->path, c->path);
  if (e == OK && !holds_all(c->set, c->size[0] * c->size[1], H5Tget_size(type)))
    e = check_fail(ERR_USER, "%s: %s is not there in full: the file is damaged", f->path, c->path);
  H5Tclose(type);
  H5Sclose(space);
  return e;
}

err info_open(const info_file *f, bool number, info_column *c, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(c->path, sizeof c->path, format, arguments);
  va_end(arguments);
  c->set = -1;
  if (!path_exists(f->file, c->path))
    return check_fail(ERR_USER, "%s: there is no %s", f->path, c->path);
  c->set = H5Dopen2(f->file, c->path, H5P_DEFAULT);
  if (c->set < 0)
    return check_fail(ERR_USER, "%s: %s cannot be opened: the file is damaged", f->path, c->path);
  const err e = check_column(f, number, c);
  if (e != OK) info_close(c);
  return e;
}

void info_close(info_column *c) {
  if (c->set >= 0) H5Dclose(c->set);
  c->set = -1;
}

err info_read(const info_file *f, const info_column *c, hid_t type, hsize_t first, hsize_t count,
              void *data) {
  const hid_t space = H5Dget_space(c->set), memory = H5Screate_simple(1, &count, NULL);
  const bool sound = H5Sselect_hyperslab(space, H5S_SELECT_SET, &first, NULL, &count, NULL) >= 0 &&
                     H5Dread(c->set, type, memory, space, H5P_DEFAULT, data) >= 0;
  H5Sclose(memory);
  H5Sclose(space);
  if (sound) return OK;
  return check_fail(ERR_USER, "%s: %s cannot be read: the file is damaged", f->path, c->path);
}

static void text_of_string(const info_file *f, const char *object, const char *name,
                           char text[INFO_NAME]) {
  const hid_t opened = H5Oopen(f->file, object, H5P_DEFAULT);
  char *value = opened < 0 ? NULL : hdf5_file_text(opened, name);
  if (value) snprintf(text, INFO_NAME, "%s", value);
  free(value);
  if (opened >= 0) H5Oclose(opened);
}

static void text_of_enum(hid_t attribute, hid_t type, char text[INFO_NAME]) {
  unsigned char value[16] = {0};
  if (H5Tget_size(type) > sizeof value || H5Aread(attribute, type, value) < 0) return;
  if (H5Tenum_nameof(type, value, text, INFO_NAME) < 0) strcpy(text, "a value without a name");
}

static void text_of_numbers(hid_t attribute, hssize_t count, bool whole, char text[INFO_NAME]) {
  double number[16];
  int64_t integer[16];
  if (count > 16) return;
  if (H5Aread(attribute, whole ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE,
              whole ? (void *)integer : (void *)number) < 0)
    return;
  size_t length = 0;
  for (hssize_t i = 0; i < count && length < INFO_NAME - 32; i++) {
    if (i) text[length++] = ' ';
    length += (size_t)(whole ? snprintf(text + length, 32, "%" PRId64, integer[i])
                             : snprintf(text + length, 32, "%.9g", number[i]));
  }
}

char *info_attribute(const info_file *f, const char *object, const char *name,
                     char text[INFO_NAME]) {
  memset(text, 0, INFO_NAME);
  if (H5Aexists_by_name(f->file, object, name, H5P_DEFAULT) <= 0) return text;
  const hid_t attribute = H5Aopen_by_name(f->file, object, name, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute < 0) return text;
  const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  const H5T_class_t class = H5Tget_class(type);
  if (class == H5T_STRING && count == 1)
    text_of_string(f, object, name, text);
  else if (class == H5T_ENUM && count == 1)
    text_of_enum(attribute, type, text);
  else if (class == H5T_INTEGER || class == H5T_FLOAT)
    text_of_numbers(attribute, count, class == H5T_INTEGER, text);
  H5Sclose(space);
  H5Tclose(type);
  H5Aclose(attribute);
  return text;
}

const char *info_grouped(unsigned long long number, char text[32]) {
  char plain[32];
  const int length = snprintf(plain, sizeof plain, "%llu", number);
  char *to = text;
  for (int i = 0; i < length; i++) {
    if (i && (length - i) % 3 == 0) *to++ = ',';
    *to++ = plain[i];
  }
  *to = 0;
  return text;
}
