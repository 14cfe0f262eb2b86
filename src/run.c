#include "run.h"
#include "agree.h"
#include "machine.h"
#include "partition.h"
#include "record.h"
#include "run_folder.h"
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
  partition_quality quality;
  shard s;
  record *r;
  stepper *w;
  double build_s, simulate_s;
} run;

/* What the job will need on this node against what is there; refused unless forced. */
static err check_memory(const run *x) {
  const model *m = x->m;
  const double synapse = m->double_precision ? 8.2 : 4.2;
  const double key = network_max_delay(x->n) * 2 <= 256 ? 1 : 2; /* while building */
  const double neuron = m->double_precision ? 120 : 80;
  const double total = network_expected_synapses(x->n) * (synapse + key) + m->neurons * neuron;
  const double here = total * x->node.local_ranks / x->ranks;
  if (here <= (double)x->node.memory_available || x->options->force) return OK;
  return check_fail(
      ERR_USER,
      "%s: needs about %.1f GB on a node (%.4g synapses, %u neurons, %d of %d ranks there), "
      "but %.1f GB are free; use more nodes, or --force to try all the same",
      x->options->model, here / 1e9, network_expected_synapses(x->n), m->neurons,
      x->node.local_ranks, x->ranks, (double)x->node.memory_available / 1e9);
}

/* Owned gids and their blocks; leaves the partition's quality in x. */
static err divide(run *x, uint32_t *count, uint32_t **owned, int *blocks, uint32_t **block) {
  partition p = {0};
  const partition_method method = partition_method_of(x->options->partition);
  err e = partition_create(x->comm, x->n, x->m, method, x->options->partition, x->ranks, &p);
  if (e == OK) e = partition_owned(x->comm, &p, count, owned);
  partition_free(&p);
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

static err simulate(run *x) {
  const int64_t last = model_steps(x->m, x->m->warm_up) + model_steps(x->m, x->m->duration);
  const int64_t stretch = 1000;
  err e = OK;
  const double start = MPI_Wtime();
  for (int64_t done = 0; done < last && e == OK;) {
    done = done + stretch < last ? done + stretch : last;
    step_run(x->w, done);
    e = record_flush(x->r, done);
  }
  MPI_Barrier(x->comm);
  x->simulate_s = MPI_Wtime() - start;
  return e;
}

err run_simulation(MPI_Comm comm, const run_options *options) {
  run x = {.comm = comm, .options = options};
  MPI_Comm_rank(comm, &x.rank);
  MPI_Comm_size(comm, &x.ranks);
  x.node = machine_look(comm);
  x.threads = options->threads > 0 ? options->threads : machine_threads(&x.node);
  machine_pin(&x.node, x.threads);
  err e = run_read_model(comm, options->model, options->settings, options->setting, &x.m);
  if (e == OK) e = run_folder_prepare(comm, options->folder, options->overwrite);
  if (e == OK) e = build(&x);
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
  if (e == OK && x.rank == 0) {
    step_times t = step_time_spent(x.w);
    printf("build %.2f s, simulate %.2f s (update %.2f wait %.2f deliver %.2f record %.2f), spikes "
           "%llu, digest %016llx%016llx, synapses %llu, bytes/syn %.3f, events %.4g, peak %.0f MB, "
           "sent %llu B\n",
           x.build_s, x.simulate_s, t.update, t.exchange_wait, t.deliver, t.record,
           (unsigned long long)totals.spikes, (unsigned long long)totals.digest[0],
           (unsigned long long)totals.digest[1], (unsigned long long)shard_synapses(&x.s),
           (double)shard_connectivity_bytes(&x.s) / (double)shard_synapses(&x.s),
           (double)shard_events(&x.s), (double)machine_peak_memory() / 1e6,
           (unsigned long long)exchange_bytes_sent(x.s.exchange));
  }
  step_free(x.w);
  if (x.s.block) shard_free(&x.s);
  network_free(x.n);
  model_free(x.m);
  return e;
}
