#include "hdf5_file.h"
#include "agree.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

err hdf5_file_open(MPI_Comm comm, const char *path, const char *model, int line, hid_t *file) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  err e = OK;
  if (rank == 0 && access(path, R_OK) != 0)
    e = check_fail(ERR_USER, "%s:%d: file: %s: cannot be read: %s", model, line, path,
                   strerror(errno));
  if ((e = agree(comm, e)) != OK) return e;
  const hid_t properties = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_mpio(properties, comm, MPI_INFO_NULL);
  H5Pset_all_coll_metadata_ops(properties, true);
  *file = H5Fopen(path, H5F_ACC_RDONLY, properties);
  H5Pclose(properties);
  if (*file < 0)
    e = check_fail(ERR_USER, "%s:%d: file: %s: is not an HDF5 file, or is truncated", model, line,
                   path);
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
