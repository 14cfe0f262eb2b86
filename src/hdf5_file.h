/* hdf5_file.h - what all that reads or writes HDF5 shares: opening by all ranks, causes of
 * failures. */
#ifndef SHINKEI_HDF5_FILE_H
#define SHINKEI_HDF5_FILE_H

#include "check.h"
#include <hdf5.h>
#include <mpi.h>

/* Open the file at `path` to read it together; messages begin with `named_by`, what names it.
 * ERR_USER, agreed: it is no file, cannot be read, or is no HDF5. Caller closes *file. */
COLLECTIVE err hdf5_file_open(MPI_Comm comm, const char *path, const char *named_by, hid_t *file);

/* Claim `bytes` of the disk for a file that is there, without making it longer. A file system that
 * cannot promise is asked what is free. ERR_ENVIRONMENT: no room for `what` (as in "a checkpoint").
 */
LOCAL err hdf5_file_claim(const char *path, const char *what, uint64_t bytes);
/* Before HDF5 creates a file: make it, or empty it, and see that there is room for it with `bytes`
 * of data, since HDF5 crashes where a disk fills under it. ERR_ENVIRONMENT; no file is left then.
 */
LOCAL err hdf5_file_prepare(const char *path, const char *what, uint64_t bytes);

/* The text of an attribute that is one string, of fixed or variable length; NULL where there is no
 * such attribute or it is anything else (see hdf5_file_attribute_kind). Caller frees. */
LOCAL char *hdf5_file_text(hid_t object, const char *name);

/* Read an attribute that is one number of the class of `type` (H5T_NATIVE_...); false where it is
 * none, *value being as it was. */
LOCAL bool hdf5_file_number(hid_t object, const char *name, hid_t type, void *value);

/* What an attribute holds, for messages: "2 integers", "1 string", "nothing" where there is none;
 * valid until the next use. */
LOCAL const char *hdf5_file_attribute_kind(hid_t object, const char *name);

/* Why the last call of HDF5 in this thread failed, in its words; valid until the next use. */
LOCAL const char *hdf5_file_cause(void);

/* The same where a dataset could not be read: the filter that it needs, if HDF5 has it not here. */
LOCAL const char *hdf5_file_why(hid_t data);

#endif
