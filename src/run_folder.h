/* run_folder.h - the folder of results: made, found writable, an earlier run in it respected. */
#ifndef SHINKEI_RUN_FOLDER_H
#define SHINKEI_RUN_FOLDER_H

#include "model.h"
#include <mpi.h>
#include <stdbool.h>

/* ERR_USER where it cannot be made or written, holds an earlier run and overwrite is false, or
 * holds the model, the partition (NULL: no file), or a file that the model reads, which the run
 * would write. `home`: folder of the checkpoint that
 * the run goes on from, NULL without one. If it is this folder, what is in it stays, to be
 * continued. ERR_USER too where another run writes there: *claim keeps others out until
 * run_folder_release, or the end of the process. */
COLLECTIVE err run_folder_prepare(MPI_Comm comm, const char *folder, const model *m,
                                  const char *partition, const char *home, bool overwrite,
                                  int *claim);
LOCAL void run_folder_release(const char *folder, int claim);

/* Remove the files of an earlier run, unless the folder is `home`. Once nothing can be wrong with
 * the model any more, so that a run that cannot begin takes nothing away. */
COLLECTIVE err run_folder_clear(MPI_Comm comm, const char *folder, const char *home);
/* A run goes on in the folder from `step`: set the later checkpoints aside, which a warning says,
 * and remove the summary, which tells of what was. */
COLLECTIVE err run_folder_set_aside(MPI_Comm comm, const char *folder, int64_t step);

#endif
