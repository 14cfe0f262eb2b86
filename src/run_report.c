#include "run_report.h"
#include "agree.h"
#include "machine.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double sum_of(MPI_Comm comm, double mine) {
  double all;
  AGREE_MPI(MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE, MPI_SUM, comm));
  return all;
}

static double max_of(MPI_Comm comm, double mine) {
  double all;
  AGREE_MPI(MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE, MPI_MAX, comm));
  return all;
}

static double imbalance(MPI_Comm comm, double mine) {
  int ranks;
  MPI_Comm_size(comm, &ranks);
  const double sum = sum_of(comm, mine), most = max_of(comm, mine);
  return sum > 0 ? most * ranks / sum : 1;
}

static void gather_costs(MPI_Comm comm, const shard *s, const stepper *w, summary *out) {
  int ranks;
  MPI_Comm_size(comm, &ranks);
  const double memory = (double)machine_peak_memory();
  out->peak_rss_max = (uint64_t)max_of(comm, memory);
  out->peak_rss_sum = (uint64_t)sum_of(comm, memory);
  out->synapses = (uint64_t)sum_of(comm, (double)shard_synapses(s));
  const double bytes = sum_of(comm, (double)shard_connectivity_bytes(s));
  out->bytes_per_synapse = out->synapses ? bytes / (double)out->synapses : 0;
  out->synaptic_events = (uint64_t)sum_of(comm, (double)shard_events(s));
  out->bytes_sent = (uint64_t)sum_of(comm, (double)exchange_bytes_sent(s->exchange));
  out->messages = (uint64_t)sum_of(comm, (double)exchange_messages(s->exchange));
  const step_times t = step_time_spent(w);
  out->update_s = sum_of(comm, t.update) / ranks;
  out->exchange_wait_s = sum_of(comm, t.exchange_wait) / ranks;
  out->deliver_s = sum_of(comm, t.deliver) / ranks;
  out->volume = sum_of(comm, (double)exchange_volume(s->exchange));
  out->imbalance_neurons = imbalance(comm, s->neurons);
  out->imbalance_events = imbalance(comm, (double)shard_events(s));
  out->imbalance_memory = imbalance(comm, (double)shard_connectivity_bytes(s));
}

err run_report_model(MPI_Comm comm, const model *m, const char *folder) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  err e = OK;
  if (rank == 0) {
    char path[4200];
    snprintf(path, sizeof path, "%s/effective.yaml", folder);
    FILE *file = fopen(path, "w");
    bool written = file && model_write(m, file) == OK;
    if (file) written = fclose(file) == 0 && written;
    if (!written)
      e = check_fail(ERR_ENVIRONMENT, "%s: cannot be written: %s", path, strerror(errno));
  }
  return agree(comm, e);
}

/* Where no time was simulated there is neither factor nor rate. */
static void print_essence(const summary *s, const char *folder) {
  printf("%" PRIu64 " neurons, %" PRIu64 " synapses on %" PRIu64 " rank%s x %" PRIu64
         " thread%s: built in %.2f s, %.6g ms simulated in %.2f s",
         s->neurons, s->synapses, s->ranks, s->ranks == 1 ? "" : "s", s->threads,
         s->threads == 1 ? "" : "s", s->build_s, (double)s->steps * s->dt_ms, s->simulate_s);
  if (isfinite(s->rtf)) printf(" (real-time factor %.3g)", s->rtf);
  printf("\n%" PRIu64 " spikes", s->spikes);
  if (isfinite(s->rate_hz)) printf(" (%.3f Hz)", s->rate_hz);
  printf(", %.4g synaptic events a second, %.2f bytes a synapse, peak memory %.2f GB\n",
         s->events_per_s, s->bytes_per_synapse, (double)s->peak_rss_sum / 1e9);
  if (s->checkpoints > 0)
    printf("%" PRIu64 " checkpoint%s: the last of %.3f MB in %.3f s, the slowest in %.3f s\n",
           s->checkpoints, s->checkpoints == 1 ? "" : "s", (double)s->checkpoint_bytes / 1e6,
           s->checkpoint_s, s->checkpoint_max_s);
  if (strcmp(s->status, "complete") != 0) printf("%s\n", s->status);
  printf("spike digest %s\nresults in %s\n", s->spike_digest, folder);
}

err run_report(MPI_Comm comm, const run_facts *facts, const shard *s, const stepper *w,
               const record_totals *totals) {
  const model *m = s->m;
  int rank, ranks;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  char digest[33], hash[33], path[4200];
  const run_save *saving = facts->saving;
  summary out = {.version = SHINKEI_VERSION,
                 .model = facts->model,
                 .model_hash = checkpoint_model_hash(m, hash),
                 .status = facts->status,
                 .seed = m->seed,
                 .precision = m->double_precision ? "double" : "single",
                 .instructions = machine_instructions(),
                 .ranks = (uint64_t)ranks,
                 .threads = (uint64_t)s->threads,
                 .neurons = m->neurons,
                 .steps = (uint64_t)facts->steps,
                 .dt_ms = m->dt,
                 .biological_ms = (double)(facts->steps_before + facts->steps) * m->dt,
                 .warm_up_ms = m->warm_up,
                 .build_s = facts->build_s,
                 .simulate_s = facts->simulate_s,
                 .spikes = totals->spikes,
                 .spikes_recorded = totals->recorded,
                 .spike_digest = summary_digest(totals->digest, digest),
                 .checkpoints = (uint64_t)(saving->saves - saving->failures),
                 .checkpoints_failed = (uint64_t)saving->failures,
                 .checkpoint_bytes = saving->last.bytes,
                 .checkpoint_s = saving->saved >= 0 ? saving->last.seconds : NAN,
                 .checkpoint_max_s = saving->saved >= 0 ? saving->slowest : NAN,
                 .partition_method = facts->partition,
                 .partition_s = facts->partition_s};
  gather_costs(comm, s, w, &out);
  out.record_s = sum_of(comm, totals->seconds) / ranks;
  out.bandwidth = machine_bandwidth(comm, s->threads); /* after the peak memory is known */
  summary_derive(&out);
  out.rtf = out.simulate_s / ((double)facts->steps * m->dt / 1000);
  err e = OK;
  snprintf(path, sizeof path, "%s/summary.json", facts->folder);
  if (rank == 0 && (e = summary_write(path, &out)) == OK) print_essence(&out, facts->folder);
  return agree(comm, e);
}
