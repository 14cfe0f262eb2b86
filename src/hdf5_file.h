/* hdf5_file.h - what all that reads or writes HDF5 shares: opening by all ranks, causes of
 * failures. */
#ifndef SHINKEI_HDF5_FILE_H
#define SHINKEI_HDF5_FILE_H

#include "check.h"
#include <hdf5.h>
#include <mpi.h>

/* Open the file at `path`, which line `line` of `model` names by the key `file`, to read it
 * together. ERR_USER, agreed: it cannot be read, or is no HDF5. Caller closes *file. */
COLLECTIVE err hdf5_file_open(MPI_Comm comm, const char *path, const char *model, int line,
                              hid_t *file);

/* Why the last call of HDF5 in this thread failed, in its words; valid until the next use. */
LOCAL const char *hdf5_file_cause(void);

#endif
