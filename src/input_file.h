/* input_file.h - spike trains in the SONATA layout, read in parallel. */
#ifndef SHINKEI_INPUT_FILE_H
#define SHINKEI_INPUT_FILE_H

#include "model.h"
#include <mpi.h>

typedef struct { /* one rank's share of a file's spikes */
  size_t count;
  uint32_t *node;
  double *time; /* [ms] */
} input_file_slice;

/* Read /spikes/<in->spikes> of in->file (its only population where in->spikes is NULL), or
 * /spikes/{timestamps,gids}, the older layout, which has no names: there in->spikes must be that of
 * the target. ERR_USER: missing or unsound file, node outside the target, time not finite,
 * negative. */
COLLECTIVE err input_file_read(MPI_Comm comm, const char *name, const model_input *in,
                               const model_population *target, input_file_slice *read);
/* How many spikes that would read, on all ranks together; from the header alone. */
COLLECTIVE err input_file_count(MPI_Comm comm, const char *name, const model_input *in,
                                const model_population *target, uint64_t *spikes);
LOCAL void input_file_release(input_file_slice *slice);

#endif
