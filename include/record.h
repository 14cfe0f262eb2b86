/* record.h - what a run leaves behind: spikes and traces in parallel HDF5, in one global order.
 *
 * SONATA spikes: /spikes/<population>/{timestamps,node_ids}, sorted by (step, node), the same data
 * on any number of ranks. Written collectively, a chunk at a time, while running.
 * Step s of a spike is the end of the s-th step: time = s * dt, s >= 1.                       */
#ifndef SHINKEI_RECORD_H
#define SHINKEI_RECORD_H

#include "model.h"
#include <mpi.h>

typedef struct record record;

typedef struct {
  uint64_t spikes;    /* of all neurons after the warm-up, recorded or not, all ranks */
  uint64_t recorded;  /* spikes that stand in the file                            */
  uint64_t digest[2]; /* of all spikes after the warm-up: see record_digest_add   */
  double seconds;     /* spent in recording, this rank                            */
} record_totals;

/* Create DIR/spikes.h5 (and DIR/traces.h5 where the model asks for traces), collective. `owned`:
 * this rank's gids in local order (not necessarily ascending), for traces.  The folder exists.
 * Steps up to the warm-up's last are not recorded; time stamps count from the simulation's very
 * start, warm-up included.                                                                    */
COLLECTIVE err record_create(MPI_Comm comm, const model *m, const char *folder, uint32_t count,
                             const uint32_t *owned, record **made);

/* Spikes of this rank in one step: gids in any order, borrowed. Steps come in ascending order.
 * Cheap: they are kept until the next flush.                                                  */
LOCAL void record_spikes(record *r, int64_t step, size_t count, const uint32_t *gid);

/* Is a trace due at this step for any neuron of this rank? */
LOCAL bool record_trace_due(const record *r, int64_t step);
/* Which of this rank's neurons and states are traced: *count pairs of (index into `owned`, state
 * index), borrowed; record_trace takes the values in this order, all of them whenever one trace
 * is due.                                                                                     */
LOCAL const uint32_t (*record_traced(const record *r, size_t *count))[2];
LOCAL void record_trace(record *r, int64_t step, const double *value);

/* Write all that was kept for steps <= step; every rank calls it at the same steps. The data are
 * sorted globally by (step, node) and appended. A failed write (full disk) is ERR_ENVIRONMENT on
 * all ranks; what was written before stays readable.                                          */
COLLECTIVE err record_flush(record *r, int64_t step);

/* Flush, write final attributes, close. */
COLLECTIVE err record_close(record *r, int64_t step, record_totals *totals);

/* The digest is a commutative sum (mod 2^64) of two 64-bit hashes (XXH3, two seeds) of (gid, step)
 * of every spike: it identifies the time-ordered sequence, since that is sorted, and needs no
 * order of its own.                                                                           */
LOCAL void record_digest_add(uint64_t digest[2], uint32_t gid, int64_t step);

#endif
