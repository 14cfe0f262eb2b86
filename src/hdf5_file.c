#define _GNU_SOURCE /* fallocate */
#include "hdf5_file.h"
#include "agree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

err hdf5_file_open(MPI_Comm comm, const char *path, const char *named_by, hid_t *file) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  err e = OK;
  if (rank == 0 && check_is_no_file(path))
    e = check_fail(ERR_USER, "%s: %s: is no file", named_by, path);
  else if (rank == 0 && access(path, R_OK) != 0)
    e = check_fail(ERR_USER, "%s: %s: cannot be read: %s", named_by, path, strerror(errno));
  if ((e = agree(comm, e)) != OK) return e;
  const hid_t properties = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_mpio(properties, comm, MPI_INFO_NULL);
  H5Pset_all_coll_metadata_ops(properties, true);
  *file = H5Fopen(path, H5F_ACC_RDONLY, properties);
  H5Pclose(properties);
  if (*file < 0)
    e = check_fail(ERR_USER, "%s: %s: is not an HDF5 file, or is truncated", named_by, path);
  return agree(comm, e);
}

/* ---- room ---- */

err hdf5_file_claim(const char *path, const char *what, uint64_t bytes) {
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
    e = check_fail(ERR_ENVIRONMENT, "%s: no room for %s of %.3f MB: %s", path, what,
                   (double)bytes / 1e6, strerror(errno));
  if (file >= 0) close(file);
  return e;
}

err hdf5_file_prepare(const char *path, const char *what, uint64_t bytes) {
  enum { FIRST_BYTES = 1 << 16 }; /* HDF5's own: superblock, groups, headers */
  const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0)
    return check_fail(ERR_ENVIRONMENT, "%s: cannot be created: %s", path, strerror(errno));
  close(file);
  const err e = hdf5_file_claim(path, what, bytes + FIRST_BYTES);
  if (e != OK) unlink(path);
  return e;
}

/* ---- attributes ---- */

enum { TEXT_BYTES_MAX = 1 << 24 }; /* what says it is longer is damaged */

typedef struct {
  hid_t attribute, type;
  H5T_class_t class;
  hssize_t count; /* elements */
} attribute_look;

static bool look_at(hid_t object, const char *name, attribute_look *look) {
  look->attribute = H5Aexists(object, name) > 0 ? H5Aopen(object, name, H5P_DEFAULT) : -1;
  if (look->attribute < 0) return false;
  const hid_t space = H5Aget_space(look->attribute);
  look->type = H5Aget_type(look->attribute);
  look->class = H5Tget_class(look->type);
  look->count = H5Sget_simple_extent_npoints(space);
  H5Sclose(space);
  return true;
}

static void look_away(const attribute_look *look) {
  H5Tclose(look->type);
  H5Aclose(look->attribute);
}

static char *read_variable(hid_t attribute, hid_t memory) {
  char *found = NULL, *text = NULL;
  H5Tset_size(memory, H5T_VARIABLE);
  if (H5Aread(attribute, memory, &found) >= 0)
    text = strcpy(check_allocate(found ? strlen(found) + 1 : 1, 1), found ? found : "");
  H5free_memory(found);
  return text;
}

/* One byte more than the file's, so that it ends in a zero whatever it is padded with. */
static char *read_fixed(hid_t attribute, hid_t memory, size_t size) {
  if (size > TEXT_BYTES_MAX) return NULL;
  char *text = check_allocate(size + 1, 1);
  H5Tset_size(memory, size + 1);
  if (H5Aread(attribute, memory, text) >= 0) return text;
  free(text);
  return NULL;
}

char *hdf5_file_text(hid_t object, const char *name) {
  attribute_look look;
  if (!look_at(object, name, &look)) return NULL;
  char *text = NULL;
  if (look.class == H5T_STRING && look.count == 1) {
    const hid_t memory = H5Tcopy(H5T_C_S1);
    H5Tset_cset(memory, H5Tget_cset(look.type)); /* HDF5 converts none into another */
    text = H5Tis_variable_str(look.type) > 0
               ? read_variable(look.attribute, memory)
               : read_fixed(look.attribute, memory, H5Tget_size(look.type));
    H5Tclose(memory);
  }
  look_away(&look);
  return text;
}

bool hdf5_file_number(hid_t object, const char *name, hid_t type, void *value) {
  attribute_look look;
  if (!look_at(object, name, &look)) return false;
  const bool sound = look.count == 1 && look.class == H5Tget_class(type) &&
                     H5Aread(look.attribute, type, value) >= 0;
  look_away(&look);
  return sound;
}

const char *hdf5_file_attribute_kind(hid_t object, const char *name) {
  static char text[64];
  attribute_look look;
  if (!look_at(object, name, &look)) return "nothing";
  const char *kind = look.class == H5T_STRING    ? "string"
                     : look.class == H5T_INTEGER ? "integer"
                     : look.class == H5T_FLOAT   ? "floating-point number"
                                                 : "value that is neither text nor number";
  snprintf(text, sizeof text, "%lld %s%s", (long long)look.count, kind, look.count == 1 ? "" : "s");
  look_away(&look);
  return text;
}

/* ---- causes ---- */

/* The innermost cause stands first when walking upward. */
static herr_t first_cause(unsigned n, const H5E_error2_t *error, void *text) {
  if (n == 0 && error->desc) strncpy(text, error->desc, 255);
  return 0;
}

const char *hdf5_file_cause(void) {
  static char text[256];
  memset(text, 0, sizeof text);
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_cause, text);
  return text[0] ? text : "HDF5 gives no reason";
}

const char *hdf5_file_why(hid_t data) {
  static char text[256];
  const char *cause = hdf5_file_cause();
  const hid_t layout = H5Dget_create_plist(data);
  const int filters = H5Pget_nfilters(layout);
  for (int i = 0; i < filters; i++) {
    unsigned flags;
    size_t values = 0;
    char name[64] = "";
    const H5Z_filter_t filter =
        H5Pget_filter2(layout, (unsigned)i, &flags, &values, NULL, sizeof name, name, NULL);
    if (filter < 0 || H5Zfilter_avail(filter) > 0) continue;
    snprintf(text, sizeof text,
             "it is packed by the filter '%s' (number %d), which this HDF5 has not", name,
             (int)filter);
    cause = text;
  }
  H5Pclose(layout);
  return cause;
}
