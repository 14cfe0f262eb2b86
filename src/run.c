#include "run.h"
#include "agree.h"
#include "machine.h"
#include "memory.h"
#include "partition.h"
#include "record.h"
#include "run_folder.h"
#include "run_progress.h"
#include "run_report.h"
#include "shard.h"
#include "step.h"

#include <math.h>
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
  double build_s, simulate_s, partition_s;
} run;

/* What the job will need on this node against what is there; refused unless forced. */
static err check_memory(const run *x) {
  const memory_need need = memory_predict(x->n, x->ranks, x->threads);
  const double here = need.total * x->node.local_ranks / x->ranks;
  if (here <= (double)x->node.memory_available || x->options->force) return OK;
  return check_fail(
      ERR_USER,
      "%s: needs about %.1f GB on a node (%.4g synapses, %u neurons, %d of %d ranks there), "
      "but %.1f GB are free; use more nodes, or --force to try all the same",
      x->options->model, here / 1e9, network_expected_synapses(x->n), x->m->neurons,
      x->node.local_ranks, x->ranks, (double)x->node.memory_available / 1e9);
}

/* Owned gids and their blocks. */
static err divide(run *x, uint32_t *count, uint32_t **owned, int *blocks, uint32_t **block) {
  partition p = {0};
  const double start = MPI_Wtime();
  const partition_method method = partition_method_of(x->options->partition);
  err e = partition_create(x->comm, x->n, x->m, method, x->options->partition, x->ranks, &p);
  if (e == OK) e = partition_owned(x->comm, &p, count, owned);
  partition_free(&p);
  x->partition_s = MPI_Wtime() - start;
  if (e != OK) return e;
  e = network_collect(x->n, x->comm, *count, *owned);
  if (e != OK) return e;
  double synapses = 0;
  for (uint32_t i = 0; i < *count; i++)
    synapses += network_expected_indegree(x->n, model_population_of(x->m, (*owned)[i]));
  *blocks = shard_block_count(*count, synapses, x->threads);
  *block = check_allocate(*count, sizeof **block);
  return agree(x->comm, partition_blocks(x->n, x->m, *count, *owned, *blocks, *block));
}

static err build(run *x) {
  uint32_t count = 0, *owned = NULL, *block = NULL;
  int blocks = 0;
  const double start = MPI_Wtime();
  err e = network_create(x->comm, x->m, &x->n);
  if (e == OK) e = agree(x->comm, check_memory(x));
  if (e == OK) e = divide(x, &count, &owned, &blocks, &block);
  if (e == OK)
    e = shard_create(x->comm, x->m, x->n, count, owned, blocks, block, x->threads, &x->s);
  if (x->n) network_release(x->n);
  free(owned);
  free(block);
  MPI_Barrier(x->comm);
  x->build_s = MPI_Wtime() - start;
  return e;
}

/* Steps until the next look at the clock: about STRETCH_SECONDS of wall time, the same on all
 * ranks. */
static int64_t next_stretch(const run *x, int64_t steps, double seconds) {
  const double STRETCH_SECONDS = 0.5;
  int64_t next = (int64_t)fmin((double)steps * STRETCH_SECONDS / fmax(seconds, 1e-6), 1e6);
  if (next < 1) next = 1;
  if (next > 4 * steps) next = 4 * steps;
  AGREE_MPI(MPI_Bcast(&next, 1, MPI_INT64_T, 0, x->comm));
  return next;
}

static err simulate(run *x) {
  const int64_t last = model_steps(x->m, x->m->warm_up) + model_steps(x->m, x->m->duration);
  const double start = MPI_Wtime();
  const run_progress progress = run_progress_start(x->rank, 0, last, x->m->dt);
  int64_t stretch = 16;
  err e = OK;
  for (int64_t done = 0; done < last && e == OK;) {
    const double begun = MPI_Wtime();
    const int64_t steps = stretch < last - done ? stretch : last - done;
    const uint64_t before = step_spikes_counted(x->w);
    step_run(x->w, done += steps);
    e = record_flush(x->r, done);
    const double seconds = (double)steps * x->m->dt / 1000;
    const double neurons = x->s.neurons > 0 ? x->s.neurons : 1;
    run_progress_show(&progress, done,
                      (double)(step_spikes_counted(x->w) - before) / neurons / seconds);
    stretch = next_stretch(x, steps, MPI_Wtime() - begun);
  }
  run_progress_end(&progress);
  MPI_Barrier(x->comm);
  x->simulate_s = MPI_Wtime() - start;
  return e;
}

/* Threads a rank where the user names none: not so many that they mostly wait for each other. */
static int choose_threads(const run *x) {
  enum { NEURONS_A_THREAD = 1024 };
  if (x->options->threads > 0) return x->options->threads;
  const int share = machine_threads(&x->node);
  const int worth = (int)(x->m->neurons / (uint32_t)x->ranks / NEURONS_A_THREAD) + 1;
  return share < worth ? share : worth;
}

err run_simulation(MPI_Comm comm, const run_options *options) {
  run x = {.comm = comm, .options = options};
  MPI_Comm_rank(comm, &x.rank);
  MPI_Comm_size(comm, &x.ranks);
  x.node = machine_look(comm);
  err e = run_read_model(comm, options->model, options->settings, options->setting, &x.m);
  if (e == OK) e = run_folder_prepare(comm, options->folder, options->overwrite);
  if (e == OK) {
    x.threads = choose_threads(&x);
    machine_pin(&x.node, x.threads);
    e = build(&x);
  }
  if (e == OK) e = run_report_model(comm, x.m, options->folder);
  if (e == OK) e = record_create(comm, x.m, options->folder, x.s.neurons, x.s.gid, &x.r);
  if (e == OK) {
    x.w = step_create(&x.s, x.r);
    e = simulate(&x);
  }
  record_totals totals = {0};
  if (x.r) {
    const err closed = record_close(x.r, x.w ? step_done(x.w) : 0, &totals);
    if (e == OK) e = closed;
  }
  if (e == OK) {
    const run_facts facts = {.model = options->model,
                             .folder = options->folder,
                             .partition = options->partition,
                             .status = "complete",
                             .build_s = x.build_s,
                             .simulate_s = x.simulate_s,
                             .partition_s = x.partition_s,
                             .steps = step_done(x.w)};
    e = run_report(comm, &facts, &x.s, x.w, &totals);
  }
  step_free(x.w);
  if (x.s.block) shard_free(&x.s);
  network_free(x.n);
  model_free(x.m);
  return e;
}
