/* input_file.h - spike trains in the SONATA layout, read in parallel and by rounds. */
#ifndef SHINKEI_INPUT_FILE_H
#define SHINKEI_INPUT_FILE_H

#include "model.h"
#include <mpi.h>

typedef struct input_file input_file; /* an open file */

/* Open /spikes/<in->spikes> of in->file (its only population where in->spikes is NULL), or
 * /spikes/{timestamps,gids}, the older layout, which has no names: there in->spikes must be that of
 * the target. ERR_USER: missing, or not in the layout; *opened is NULL then. All but `opened` is
 * borrowed until it is closed. */
COLLECTIVE err input_file_open(MPI_Comm comm, const char *name, const model_input *in,
                               const model_population *target, input_file **opened);
COLLECTIVE void input_file_close(input_file *f);

LOCAL uint64_t input_file_spikes(const input_file *f); /* by its header */
LOCAL uint64_t input_file_rounds(const input_file *f); /* in which all of them are read */

typedef struct { /* what one rank reads in a round */
  size_t count;
  uint32_t *node;
  double *time; /* [ms] */
} input_file_slice;

/* Read a round, 0 to input_file_rounds - 1. ERR_USER: cannot be read; a node outside the target, a
 * time that is not finite or negative. To be released in any case. */
COLLECTIVE err input_file_read(const input_file *f, uint64_t round, input_file_slice *read);
LOCAL void input_file_release(input_file_slice *slice);

#endif
