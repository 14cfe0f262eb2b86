/* run_report.h - what a run cost, gathered from all ranks into summary.json. */
#ifndef SHINKEI_RUN_REPORT_H
#define SHINKEI_RUN_REPORT_H

#include "record.h"
#include "run_save.h"
#include "shard.h"
#include "step.h"
#include "summary.h"

typedef struct { /* what only the run itself knows */
  const char *model, *folder, *partition, *status;
  double build_s, simulate_s, partition_s;
  int64_t steps, steps_before; /* taken by this run; before a restart */
  const run_save *saving;
} run_facts;

/* Write DIR/summary.json; rank 0 prints the essence. */
COLLECTIVE err run_report(MPI_Comm comm, const run_facts *facts, const shard *s, const stepper *w,
                          const record_totals *totals);
/* Write DIR/effective.yaml (rank 0 does). */
COLLECTIVE err run_report_model(MPI_Comm comm, const model *m, const char *folder);

#endif
