#include "run.h"
#include "agree.h"
#include "machine.h"
#include "record.h"
#include "run_build.h"
#include "run_folder.h"
#include "run_progress.h"
#include "run_report.h"
#include "run_save.h"
#include "shard.h"
#include "step.h"
#include "stop.h"
#include "watchdog.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

err run_read_model(MPI_Comm comm, const char *path, int settings, const model_setting *setting,
                   model **m) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  char *text = NULL;
  size_t length = 0;
  *m = NULL;
  err e = rank == 0 ? model_read_file(path, &text, &length) : OK;
  if ((e = agree(comm, e)) != OK) return e;
  uint64_t bytes = length;
  AGREE_MPI(MPI_Bcast(&bytes, 1, MPI_UINT64_T, 0, comm));
  if (rank != 0) text = check_allocate(bytes + 1, 1);
  AGREE_MPI(MPI_Bcast(text, (int)bytes, MPI_CHAR, 0, comm));
  e = model_parse(path, text, bytes, settings, setting, m);
  free(text);
  return agree(comm, e);
}

typedef struct {
  MPI_Comm comm;
  int rank, ranks;
  const run_options *options;
  machine node;
  int threads;
  model *m;
  network *n;
  shard s;
  record *r;
  stepper *w;
  char *folder;
  int claim;        /* of the folder */
  checkpoint *from; /* where the run goes on; NULL: from the beginning */
  int64_t first;    /* steps before this run */
  run_save saving;
  char *status; /* how it ended, in words */
  double begun; /* [s] MPI_Wtime */
  run_build_cost cost;
  double simulate_s;
} run;

static err build(run *x) {
  const run_build_plan plan = {.name = x->options->model,
                               .partition = x->options->partition,
                               .node = &x->node,
                               .threads = x->threads,
                               .force = x->options->force};
  return run_build(x->comm, &plan, x->m, &x->n, &x->s, &x->cost);
}

/* Steps until the next look at the clock: about STRETCH_SECONDS of wall time. */
static int64_t next_stretch(int64_t steps, double seconds) {
  const double STRETCH_SECONDS = 0.5;
  int64_t next = (int64_t)fmin((double)steps * STRETCH_SECONDS / fmax(seconds, 1e-6), 1e6);
  if (next < 1) next = 1;
  if (next > 4 * steps) next = 4 * steps;
  return next;
}

static int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

/* Write what is kept, where that is old or much. */
static err flush(run *x, int64_t done, int64_t stretch, int64_t *flushed) {
  enum { STRETCHES_A_FLUSH = 10 }; /* a flush costs some 20 ms, however few spikes there are */
  if (!record_flush_due(x->r) && done - *flushed < STRETCHES_A_FLUSH * stretch) return OK;
  watchdog_alive("record");
  const err e = record_flush(x->r, *flushed = done);
  watchdog_alive("steps");
  return e;
}

static err simulate(run *x) {
  const int64_t last = model_steps(x->m, x->m->warm_up) + model_steps(x->m, x->m->duration);
  const double start = MPI_Wtime();
  const run_progress progress = run_progress_start(x->rank, x->first, last, x->m->dt);
  run_save *saving = &x->saving;
  *saving = run_save_start(x->comm, x->options, x->folder, x->begun, &x->s, x->r, x->w);
  int64_t stretch = 16, flushed = x->first;
  err e = OK;
  watchdog_start(x->rank, x->options->watchdog);
  for (int64_t done = x->first; done < last && e == OK && saving->ended == STOP_NOT;) {
    const double begun = MPI_Wtime();
    int64_t steps = lesser(stretch, last - done);
    steps = lesser(steps, run_save_distance(saving, done));
    steps = lesser(steps, record_steps_ahead(x->r, done));
    const uint64_t before = step_spikes_counted(x->w);
    step_run(x->w, done += steps);
    e = flush(x, done, stretch, &flushed);
    const double seconds = (double)steps * x->m->dt / 1000;
    const double neurons = x->s.neurons > 0 ? x->s.neurons : 1;
    run_progress_show(&progress, done,
                      (double)(step_spikes_counted(x->w) - before) / neurons / seconds);
    stretch = next_stretch(steps, MPI_Wtime() - begun);
    if (e == OK && done < last) run_save_look(saving, MPI_Wtime() - begun, &stretch);
  }
  if (e == OK) run_save_end(saving);
  x->status = run_save_status(saving);
  run_progress_end(&progress);
  MPI_Barrier(x->comm);
  watchdog_stop();
  x->simulate_s = MPI_Wtime() - start;
  return e;
}

/* Folder of the checkpoint that the run goes on from, NULL without one. */
static const char *home_of(const run *x) {
  return x->from ? checkpoint_tell(x->from).folder : NULL;
}

/* The model, and where its results go. */
static err prepare(run *x) {
  const run_options *o = x->options;
  err e;
  if (o->restart)
    e = run_restart_open(x->comm, o, &x->from, &x->m);
  else
    e = run_read_model(x->comm, o->model, o->settings, o->setting, &x->m);
  if (e != OK) return e;
  const char *home = home_of(x);
  x->folder = strdup(o->folder ? o->folder : home ? home : "results");
  if (!x->folder) CHECK_ABORT("out of memory");
  return run_folder_prepare(x->comm, x->folder, x->m, o->partition, home, o->overwrite, &x->claim);
}

/* In the folder of the checkpoint the record goes on; elsewhere it begins anew. */
static void warn_of_lost_record(const run *x) {
  const checkpoint_facts facts = checkpoint_tell(x->from);
  char path[4200];
  snprintf(path, sizeof path, "%s/spikes.h5", x->folder);
  if (x->rank == 0 && facts.position.spikes > 0 && check_same_file(x->folder, facts.folder) &&
      access(path, F_OK) != 0)
    fprintf(stderr, "shinkei: warning: %s is not there any more: it begins anew after %.10g ms\n",
            path, (double)facts.step * x->m->dt);
}

/* Record and stepper, at the beginning or where the checkpoint stands. */
static err make_ready(run *x) {
  err e = x->from ? run_restart_check(x->comm, x->from, &x->s) : OK;
  if (e == OK) e = run_folder_clear(x->comm, x->folder, home_of(x));
  if (e == OK) e = run_report_model(x->comm, x->m, x->folder);
  if (e != OK) return e;
  if (x->rank == 0) input_warn_late(x->m, x->s.events_late);
  if (!x->from) {
    e = record_create(x->comm, x->m, x->folder, x->s.neurons, x->s.gid, &x->r);
    if (e == OK) x->w = step_create(&x->s, x->r);
    return e;
  }
  warn_of_lost_record(x);
  const record_position at = checkpoint_tell(x->from).position;
  e = record_resume(x->comm, x->m, x->folder, x->s.neurons, x->s.gid, &at, &x->r);
  if (e == OK) e = run_folder_set_aside(x->comm, x->folder, at.step);
  if (e == OK) e = record_cut(x->r);
  if (e != OK) return e;
  x->w = step_create(&x->s, x->r);
  e = run_restart(x->comm, x->from, &x->s, x->w);
  x->first = step_done(x->w);
  checkpoint_close(x->from);
  x->from = NULL;
  return e;
}

static err finish(run *x, err e) {
  record_totals totals = {0};
  if (x->r) {
    const err closed = record_close(x->r, x->w ? step_done(x->w) : 0, &totals);
    if (e == OK) e = closed;
  }
  if (e != OK) return e;
  const run_facts facts = {.model = x->options->model ? x->options->model : x->options->restart,
                           .folder = x->folder,
                           .partition = x->options->partition,
                           .status = x->status,
                           .build_s = x->cost.build_s,
                           .simulate_s = x->simulate_s,
                           .partition_s = x->cost.partition_s,
                           .saving = &x->saving,
                           .steps = step_done(x->w) - x->first,
                           .steps_before = x->first};
  e = run_report(x->comm, &facts, &x->s, x->w, &totals);
  if (e == OK && x->saving.failed)
    e = check_fail(ERR_ENVIRONMENT, "%s: %s: the last one too", x->folder, x->status);
  return e;
}

err run_simulation(MPI_Comm comm, const run_options *options, bool *early) {
  run x = {.comm = comm, .options = options, .begun = MPI_Wtime(), .claim = -1};
  MPI_Comm_rank(comm, &x.rank);
  MPI_Comm_size(comm, &x.ranks);
  stop_listen(false); /* one that comes while the network is built is not lost, and kills nothing */
  x.node = machine_look(comm);
  err e = prepare(&x);
  if (e == OK) {
    x.threads = run_build_threads(&x.node, x.m, x.ranks, options->threads);
    machine_pin(&x.node, x.threads);
    e = build(&x);
  }
  if (e == OK) e = make_ready(&x);
  if (e == OK) e = simulate(&x);
  e = finish(&x, e);
  *early = x.saving.ended != STOP_NOT;
  checkpoint_close(x.from);
  run_folder_release(x.folder, x.claim);
  free(x.folder);
  free(x.status);
  step_free(x.w);
  if (x.s.block) shard_free(&x.s);
  network_free(x.n);
  model_free(x.m);
  return e;
}
