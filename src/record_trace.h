/* record_trace.h - state variables at an interval: gathered by time and column, written to
 * traces.h5 (docs/files.md). One report for each trace record of the model.                  */
#ifndef SHINKEI_RECORD_TRACE_H
#define SHINKEI_RECORD_TRACE_H

#include "model.h"
#include "record_file.h"

typedef struct record_traces record_traces;

/* Plan who holds which column. `owned[count]`: gids of this rank. Rows after `step` are recorded.
 */
COLLECTIVE void record_traces_create(MPI_Comm comm, const model *m, int64_t step, uint32_t count,
                                     const uint32_t *owned, record_traces **made);
LOCAL void record_traces_free(record_traces *t);

/* Make the reports in a file, or find them there and check that they have these columns. */
COLLECTIVE err record_traces_open(record_traces *t, record_file *f);
/* ERR_ENVIRONMENT where a report of an opened file does not hold rows[i], or these are not those
 * that were due. */
LOCAL err record_traces_reach(const record_traces *t, const record_file *f, const uint64_t *rows);
/* Cut each report back to rows[i], which it holds: its last row is then the last one that was due.
 */
COLLECTIVE err record_traces_cut(record_traces *t, record_file *f, const uint64_t *rows);

LOCAL bool record_traces_due(const record_traces *t, int64_t step);
LOCAL const uint32_t (*record_traces_list(const record_traces *t, size_t *count))[2];
LOCAL void record_traces_keep(record_traces *t, int64_t step, const double *value);

/* What this rank keeps now, and what each step adds on average [bytes]. */
LOCAL double record_traces_kept(const record_traces *t);
LOCAL double record_traces_added(const record_traces *t);

/* Write the rows that are due up to `step`. */
COLLECTIVE err record_traces_flush(record_traces *t, record_file *f, int64_t step);

/* Rows of each report in the file. */
LOCAL const uint64_t *record_traces_rows(const record_traces *t);

#endif
