#include "hdf5_file.h"
#include "agree.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

err hdf5_file_open(MPI_Comm comm, const char *path, const char *named_by, hid_t *file) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  err e = OK;
  if (rank == 0 && access(path, R_OK) != 0)
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
