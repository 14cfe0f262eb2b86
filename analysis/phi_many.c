/* Every rank takes the next open task from a counter on rank 0, without asking rank 0 itself, so
 * that none waits for another. Rank 0 computes too; within and between its own tasks it writes what
 * has arrived. */
#include "phi_many.h"

#include "agree.h"
#include "phi_many_file.h"
#include "phi_progress.h"
#include "task_counter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAG = 71, MESSAGE = 1024 };

typedef struct {
  MPI_Comm comm;
  int rank, ranks;
  const phi_job *job;
  int64_t tasks, open;     /* all; not done at the start */
  int64_t *todo;           /* [open] task numbers, the same on every rank */
  task_counter *counter;   /* of those of `open` that nobody has taken */
  double computing;        /* [s] this rank, in its tasks */
  phi_many_file *file;     /* rank 0 */
  int64_t written, faults; /* rank 0 */
  double begun, reported;
  err e;               /* of writing */
  int64_t first_fault; /* this rank's first task that failed, -1 */
  char message[MESSAGE];
} run;

static void pack(const phi_estimate *m, bool fault, double *result) {
  for (int a = 0; a < PHI_ASKED; a++) {
    const phi_estimate_value *v = &m->of[a];
    const double fields[PHI_RESULT_FIELDS] = {
        v->value, v->low, v->high, v->surrogate_mean, v->surrogate_deviation, v->above};
    memcpy(result + a * PHI_RESULT_FIELDS, fields, sizeof fields);
  }
  const phi_coverage *c = &m->coverage;
  const double coverage[PHI_COVERAGE_FIELDS] = {
      (double)c->pairs, (double)c->seen,   (double)c->weak,
      (double)c->state, c->state_share,    c->constant,
      c->insufficient,  (double)m->failed, fault};
  memcpy(result + PHI_RESULT_FIELDS * PHI_ASKED, coverage, sizeof coverage);
}

/* One task; a fault of its data is kept, not returned. result[0] is its number. */
static void compute(run *r, int64_t task, double *result) {
  phi_estimate estimate;
  int64_t samples;
  double *value;
  const int group = (int)(task / r->job->windows), window = (int)(task % r->job->windows);
  r->job->data(r->job->context, group, window, &samples, &value);
  err e = phi_estimate_make(r->job->plan, (uint32_t)task, samples, r->job->size, value, &estimate,
                            NULL);
  free(value);
  if (e && r->first_fault < 0) {
    r->first_fault = task;
    snprintf(r->message, MESSAGE, "%s", check_message());
  }
  if (e) check_clear();
  result[0] = (double)task;
  pack(&estimate, e != OK, result + 1);
}

static void report(run *r, bool last) {
  const double now = MPI_Wtime();
  if (!last && now - r->reported < 5) return;
  const double left =
      (now - r->begun) / (double)(r->written ? r->written : 1) * (double)(r->open - r->written);
  r->reported = now;
  fprintf(stderr, "phi: %lld of %lld estimates", (long long)(r->tasks - r->open + r->written),
          (long long)r->tasks);
  if (last)
    fprintf(stderr, ", %.1f s\n", now - r->begun);
  else if (r->written)
    fprintf(stderr, ", about %.0f s left\n", left);
  else
    fprintf(stderr, "\n");
}

static void write_one(run *r, const double *result) {
  if (!r->e) r->e = phi_many_file_put(r->file, (int64_t)result[0], result + 1);
  r->faults += result[PHI_RESULT_LENGTH] != 0;
  r->written++;
  report(r, false);
}

/* Rank 0: write one result of another rank; false where none waits and `wait` is off. */
static bool receive(run *r, bool wait) {
  double result[PHI_RESULT_LENGTH + 1];
  int waiting = 1;
  if (!wait) AGREE_MPI(MPI_Iprobe(MPI_ANY_SOURCE, TAG, r->comm, &waiting, MPI_STATUS_IGNORE));
  if (!waiting) return false;
  AGREE_MPI(MPI_Recv(result, PHI_RESULT_LENGTH + 1, MPI_DOUBLE, MPI_ANY_SOURCE, TAG, r->comm,
                     MPI_STATUS_IGNORE));
  write_one(r, result);
  return true;
}

/* Rank 0, within a task of its own. */
static void attend(void *context, double done) {
  run *r = context;
  (void)done;
  while (receive(r, false)) continue;
  report(r, false);
}

static int64_t take(run *r) {
  task_counter_ask(r->counter);
  return task_counter_take(r->counter);
}

static void work(run *r) {
  enum { LENGTH = PHI_RESULT_LENGTH + 1, SENDS = 16 }; /* results that may be under way */
  double(*result)[LENGTH] = check_allocate(SENDS, sizeof *result);
  MPI_Request sent[SENDS];
  for (int k = 0; k < SENDS; k++) sent[k] = MPI_REQUEST_NULL;
  if (r->rank == 0) phi_progress_listen(attend, r);
  int64_t at;
  for (int k = 0; (at = take(r)) < r->open; k = (k + 1) % SENDS) {
    AGREE_MPI(MPI_Wait(&sent[k], MPI_STATUS_IGNORE));
    const double begun = MPI_Wtime();
    compute(r, r->todo[at], result[k]);
    r->computing += MPI_Wtime() - begun;
    if (r->rank) {
      AGREE_MPI(MPI_Isend(result[k], LENGTH, MPI_DOUBLE, 0, TAG, r->comm, &sent[k]));
      continue;
    }
    write_one(r, result[k]);
    while (receive(r, false)) continue;
  }
  phi_progress_listen(NULL, NULL);
  while (r->rank == 0 && r->written < r->open) receive(r, true);
  AGREE_MPI(MPI_Waitall(SENDS, sent, MPI_STATUSES_IGNORE));
  free(result);
}

/* How evenly the ranks were busy: what `computing` of the wall time is, of the mean and the least.
 */
static void report_balance(const run *r, double seconds) {
  double sum, least;
  AGREE_MPI(MPI_Reduce(&r->computing, &sum, 1, MPI_DOUBLE, MPI_SUM, 0, r->comm));
  AGREE_MPI(MPI_Reduce(&r->computing, &least, 1, MPI_DOUBLE, MPI_MIN, 0, r->comm));
  if (r->rank == 0 && r->ranks > 1 && r->open)
    fprintf(stderr, "phi: %d ranks computed %.1f %% of the time, the one with least %.1f %%\n",
            r->ranks, 100 * sum / r->ranks / seconds, 100 * least / seconds);
}

/* Which tasks are open, from rank 0's file to all. */
static err open_file(run *r, const char *path, bool overwrite) {
  uint8_t *done = check_allocate((size_t)r->tasks, 1);
  err e = OK;
  if (r->rank == 0) e = phi_many_file_open(path, r->job, overwrite, done, &r->file);
  e = agree(r->comm, e);
  if (!e) {
    for (int64_t at = 0; at < r->tasks; at += 1 << 30) {
      int count = (int)(r->tasks - at < 1 << 30 ? r->tasks - at : 1 << 30);
      AGREE_MPI(MPI_Bcast(done + at, count, MPI_UINT8_T, 0, r->comm));
    }
    r->todo = check_allocate((size_t)r->tasks, sizeof *r->todo);
    for (int64_t task = 0; task < r->tasks; task++)
      if (!done[task]) r->todo[r->open++] = task;
  }
  free(done);
  return e;
}

/* The message of the smallest task that failed, from its rank; all failed: an error. */
static err judge_faults(run *r) {
  int64_t first = r->first_fault < 0 ? INT64_MAX : r->first_fault, smallest, faults = r->faults;
  AGREE_MPI(MPI_Allreduce(&first, &smallest, 1, MPI_INT64_T, MPI_MIN, r->comm));
  AGREE_MPI(MPI_Bcast(&faults, 1, MPI_INT64_T, 0, r->comm));
  if (!faults) return OK;
  int owner = first == smallest ? r->rank : r->ranks, from;
  AGREE_MPI(MPI_Allreduce(&owner, &from, 1, MPI_INT, MPI_MIN, r->comm));
  AGREE_MPI(MPI_Bcast(r->message, MESSAGE, MPI_CHAR, from, r->comm));
  const int group = (int)(smallest / r->job->windows), window = (int)(smallest % r->job->windows);
  if (faults == r->tasks)
    return check_fail(ERR_USER, "no estimate could be made; the first: %s", r->message);
  if (r->rank == 0)
    fprintf(stderr,
            "shinkei: warning: %lld of %lld estimates could not be made (/coverage/fault in the "
            "file); the first, group %d, window %d: %s\n",
            (long long)faults, (long long)r->tasks, group, window, r->message);
  return OK;
}

err phi_many_run(MPI_Comm comm, const phi_job *job, const char *path, bool overwrite) {
  run r = {.comm = comm, .job = job, .first_fault = -1};
  AGREE_MPI(MPI_Comm_rank(comm, &r.rank));
  AGREE_MPI(MPI_Comm_size(comm, &r.ranks));
  r.tasks = (int64_t)job->groups * job->windows;
  err e = r.tasks > UINT32_MAX
              ? check_fail(ERR_USER, "%lld estimates are more than 2^32", (long long)r.tasks)
              : OK;
  if (!e) e = open_file(&r, path, overwrite);
  if (e) return e;
  if (r.rank == 0 && r.open < r.tasks)
    fprintf(stderr, "phi: going on with %s: %lld of %lld estimates are there\n", path,
            (long long)(r.tasks - r.open), (long long)r.tasks);
  r.begun = r.reported = MPI_Wtime();
  r.counter = task_counter_create(comm, 0);
  work(&r);
  const double seconds = MPI_Wtime() - r.begun;
  task_counter_free(r.counter);
  if (r.rank == 0) {
    err closed = phi_many_file_close(r.file);
    if (!r.e) r.e = closed;
    report(&r, true);
  }
  report_balance(&r, seconds);
  free(r.todo);
  e = agree(comm, r.e);
  return e ? e : judge_faults(&r);
}
