/* checkpoint_file.h - the HDF5 file of a checkpoint and its attributes; its datasets are
 * checkpoint_set.h's.
 *
 * A failed read is ERR_USER (a damaged file) on all ranks; a failed write, room having been
 * claimed, ends the job: HDF5 leaves ranks waiting for each other there. */
#ifndef SHINKEI_CHECKPOINT_FILE_H
#define SHINKEI_CHECKPOINT_FILE_H

#include "checkpoint.h"
#include "checkpoint_seal.h"
#include "hdf5_file.h"

typedef struct { /* for checkpoint_set.c; others use the functions */
  MPI_Comm comm;
  int rank, parts; /* parts: ranks that have slices */
  bool takes_part; /* this one, in what HDF5 does */
  char *path;
  hid_t file, collective, independent; /* two: transfer properties */
  int descriptor;                      /* of a file that is written, for early_sync; else -1 */
  checkpoint_seal_blocks *known;
} checkpoint_file;

/* Create, replacing what is there. `spread`: all ranks write, else rank 0 does, and what the others
 * are asked to write must be empty: ranks that make many small datasets together wait for each
 * other for longer than one takes to write them. `bytes` is what it will take, claimed on the disk
 * here. Blocks of large datasets that this rank writes are noted in `known`, which is borrowed
 * until the file is closed. ERR_ENVIRONMENT: no room, or no permission; nothing is left behind. */
COLLECTIVE err checkpoint_file_create(MPI_Comm comm, const char *path, uint64_t bytes, bool spread,
                                      checkpoint_seal_blocks *known, checkpoint_file **made);
COLLECTIVE err checkpoint_file_open(MPI_Comm comm, const char *path, checkpoint_file **opened);
/* Hands all to the operating system, which need not have it on the disk yet. */
COLLECTIVE void checkpoint_file_close(checkpoint_file *f);
LOCAL const char *checkpoint_file_path(const checkpoint_file *f);
LOCAL MPI_Comm checkpoint_file_comm(const checkpoint_file *f);
/* Datasets are divided among so many ranks, from 0 on; others have empty slices. */
LOCAL int checkpoint_file_parts(const checkpoint_file *f);

COLLECTIVE void checkpoint_file_group(checkpoint_file *f, const char *path);
/* Attributes of the root. */
COLLECTIVE void checkpoint_file_put_text(checkpoint_file *f, const char *name, const char *text);
COLLECTIVE void checkpoint_file_put_integer(checkpoint_file *f, const char *name, uint64_t value);
COLLECTIVE void checkpoint_file_put_real(checkpoint_file *f, const char *name, double value);
COLLECTIVE err checkpoint_file_get_text(checkpoint_file *f, const char *name, char *text,
                                        size_t size);
COLLECTIVE err checkpoint_file_get_integer(checkpoint_file *f, const char *name, uint64_t *value);
COLLECTIVE err checkpoint_file_get_real(checkpoint_file *f, const char *name, double *value);

/* A text attribute of an object of the file. */
COLLECTIVE void checkpoint_file_attach_text(checkpoint_file *f, hid_t object, const char *name,
                                            const char *text);

/* Paths of all datasets, ascending, without the checksums; the caller frees each and the list. */
LOCAL err checkpoint_file_list(checkpoint_file *f, int *count, char ***path);
/* ERR_USER: HDF5 cannot read `what` of the file. */
LOCAL err checkpoint_file_unreadable(const checkpoint_file *f, const char *what);
/* Ends the job where a call of HDF5 that writes `what` fails. */
#define CHECKPOINT_WRITE(f, call, what)                                                            \
  do {                                                                                             \
    if ((call) < 0) CHECK_ABORT("%s: cannot write %s: %s", (f)->path, what, hdf5_file_cause());    \
  } while (0)

#endif
