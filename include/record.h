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

/* Step s as a time: s * dt rounded once, so that 3 steps of 0.1 ms are 0.3 and not
 * 0.30000000000000004.                                                                        */
LOCAL double record_time(const model *m, int64_t step); /* [ms] */

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

/* Is a trace due at this step? The same on every rank, whoever owns its neurons. */
LOCAL bool record_trace_due(const record *r, int64_t step);
/* Which of this rank's neurons and states are traced: *count pairs of (index into `owned`, state
 * index), borrowed; record_trace takes the values in this order, all of them whenever one trace
 * is due.                                                                                     */
LOCAL const uint32_t (*record_traced(const record *r, size_t *count))[2];
LOCAL void record_trace(record *r, int64_t step, const double *value);

/* How many steps to take after `step` before record_flush_due is asked again, at least 1, so that
 * what a rank keeps stays below some 6 MB (more where one step alone has more). Of spikes it can
 * only suppose that they go on as they were. The same on every rank.                          */
COLLECTIVE int64_t record_steps_ahead(const record *r, int64_t step);
/* Does a rank keep so much that it should be written now? The same on every rank. */
COLLECTIVE bool record_flush_due(const record *r);

/* Write all that was kept for steps <= step; every rank calls it at the same steps. The data are
 * sorted globally by (step, node) and appended. A failed write (full disk) is ERR_ENVIRONMENT on
 * all ranks; what was written before stays readable. Where there was no room, nothing is lost yet:
 * a later flush tries again.                                                                  */
COLLECTIVE err record_flush(record *r, int64_t step);

/* Flush and close; frees r in any case, and fills *totals also where the flush fails.         */
COLLECTIVE err record_close(record *r, int64_t step, record_totals *totals);

/* Where the record stands after a flush: the same numbers on every rank. A checkpoint keeps it. */
typedef struct {
  int64_t step;       /* all up to this step is in the files                        */
  uint64_t spikes;    /* as in record_totals                                        */
  uint64_t digest[2]; /* as in record_totals                                        */
  int populations;
  uint64_t *recorded; /* [populations] spikes of each population in spikes.h5       */
  int traces;         /* trace records of the model                                 */
  uint64_t *rows;     /* [traces] rows of each report in traces.h5                  */
} record_position;

/* The position of the last record_flush; arrays are borrowed until the next one.              */
LOCAL void record_tell(const record *r, record_position *at);

/* As record_create, but go on with the files in the folder from a position; record_cut then cuts
 * what stands behind it. A file that is not there is begun anew (a run may continue in another
 * folder); digest and spikes count on in any case. ERR_ENVIRONMENT where a file holds less than the
 * position says, or traces that are not the model's; the position is borrowed for the call. */
COLLECTIVE err record_resume(MPI_Comm comm, const model *m, const char *folder, uint32_t count,
                             const uint32_t *owned, const record_position *from, record **made);
/* Before anything is recorded. */
COLLECTIVE err record_cut(record *r);

/* The digest is a commutative sum (mod 2^64) of two 64-bit hashes (XXH3, seeds 0 and 1; of 16
 * bytes, gid and step as little-endian 64-bit integers) of every spike: it identifies the
 * time-ordered sequence, since that is sorted, and needs no order of its own. */
LOCAL void record_digest_add(uint64_t digest[2], uint32_t gid, int64_t step);

#endif
