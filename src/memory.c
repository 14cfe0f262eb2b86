#include "memory.h"
#include "partition.h"
#include "shard.h"

#include <math.h>
#include <stdlib.h>

static const double RANK_BYTES = 26e6;   /* MPI, HDF5, code */
static const double THREAD_BYTES = 18e6; /* buffers of the build and of the step */
/* A given spike, as measured: while it is brought to its neuron; what stays of it. */
static const double GIVEN_BYTES = 58, GIVEN_KEPT_BYTES = 24;

/* Run headers and source tables of one population as source: a (source, block) pair has k synapses
 * on average, over d delays; with Poisson numbers d (1 - exp(-k/d)) runs are not empty. */
static double table_bytes(const network *n, int population, double blocks) {
  const model *m = network_model(n);
  const double RUN = m->double_precision ? 8 : 4, SOURCE = 12; /* [B] header; gid, first, bucket */
  const double sources = m->population[population].size;
  double synapses = 0, delays = 1;
  for (int j = 0; j < m->projections; j++) {
    if (m->projection[j].source != population) continue;
    synapses += network_projection_synapses(n, j);
    delays = fmax(delays, network_projection_delays(n, j));
  }
  if (sources == 0) return 0;
  const double k = synapses / sources / blocks;
  return sources * blocks * (RUN * delays * -expm1(-k / delays) + SOURCE * -expm1(-k));
}

static double neuron_bytes(const model *m, double remote) {
  const double real = m->double_precision ? 8 : 4, sum = m->double_precision ? 8 : 4;
  double bytes = 0;
  for (int p = 0; p < m->populations; p++) {
    const neuron_model *neuron = m->population[p].neuron;
    double each = neuron->states * real + 5 + real; /* state, refractory time, current */
    each += neuron->receptors * sum;                /* input */
    each += 4 + 4 + 4 + 8 + 4 * fmin(remote, 4);    /* gid, spike list, routes */
    for (int k = 0; k < m->inputs; k++)
      if (m->input[k].kind == INPUT_POISSON && m->input[k].target == p) each += 36;
    bytes += each * m->population[p].size;
  }
  return bytes;
}

/* Given spikes of one input. */
static double spikes_of(const model *m, const uint64_t *in_files, int k) {
  const model_input *in = &m->input[k];
  if (in->kind != INPUT_SPIKE_TRAINS) return 0;
  const double inline_spikes =
      (double)in->times * model_nodes_count(&in->nodes, m->population[in->target].size);
  return inline_spikes + (in_files ? (double)in_files[k] : 0);
}

double memory_given_spikes(const model *m, const uint64_t *in_files) {
  double spikes = 0;
  for (int k = 0; k < m->inputs; k++) spikes += spikes_of(m, in_files, k);
  return spikes;
}

typedef struct { /* a population as target of given spikes */
  double neurons, spikes;
} spike_target;

static int compare_density(const void *a, const void *b) {
  const spike_target *x = a, *y = b;
  const double left = x->spikes * y->neurons, right = y->spikes * x->neurons;
  return (left < right) - (left > right);
}

/* Those of the rank that has most, if its share of the neurons are those with most spikes; within a
 * population all are taken to have as many. */
static double most_given_spikes(const model *m, const memory_job *job) {
  spike_target *target = check_allocate((size_t)m->populations, sizeof *target);
  for (int p = 0; p < m->populations; p++) target[p].neurons = fmax(m->population[p].size, 1);
  for (int k = 0; k < m->inputs; k++)
    target[m->input[k].target].spikes += spikes_of(m, job->spikes, k);
  qsort(target, (size_t)m->populations, sizeof *target, compare_density);
  double room = ceil((double)m->neurons / job->ranks), most = 0;
  for (int p = 0; p < m->populations && room > 0; p++) {
    const double taken = fmin(room, target[p].neurons);
    most += target[p].spikes * taken / target[p].neurons;
    room -= taken;
  }
  free(target);
  return most;
}

/* Rows of traces that wait to be written: all, or as many as record_flush_due lets a rank keep. */
static double trace_bytes(const network *n, const memory_job *job) {
  const model *m = network_model(n);
  const double BYTES = 24, MOST = 50e6; /* a value: kept, sent, arrived; a rank, as measured */
  double values = 0;
  for (int k = 0; k < m->trace_records; k++) {
    const model_record_trace *r = &m->trace_record[k];
    values += (double)r->states * (m->warm_up + m->duration) / r->interval *
              model_nodes_count(&r->nodes, m->population[r->population].size);
  }
  return fmin(BYTES * values, MOST * job->ranks);
}

/* Beside the neurons and synapses that are there in the end: sums over the projections so far. */
typedef struct {
  double reading, collecting, kept; /* peaks of one rank; what stays until all is built */
  double slices, explicit_edges;    /* of a rank; of all */
} edge_needs;

static edge_needs edges_need(const network *n, const memory_job *job) {
  const model *m = network_model(n);
  const double UNDER_WAY = 14e6; /* the edges of one round */
  edge_needs x = {0};
  for (int j = 0; j < m->projections; j++) {
    const network_edge_bytes b = network_projection_bytes(n, j);
    const double edges = network_projection_synapses(n, j);
    x.slices += edges * b.slice / job->ranks;
    x.reading = fmax(x.reading, x.slices + edges * b.reading / job->ranks);
    if (b.slice > 0) x.explicit_edges += edges;
  }
  double left = x.slices;
  for (int j = 0; j < m->projections; j++) {
    const network_edge_bytes b = network_projection_bytes(n, j);
    const double edges = network_projection_synapses(n, j) / job->ranks;
    if (b.kept == 0) continue;
    x.collecting = fmax(x.collecting, left + x.kept + edges * b.collecting + UNDER_WAY);
    left -= edges * b.slice;
    x.kept += edges * b.kept;
  }
  return x;
}

/* Dividing the neurons of a rank into blocks by a graph, as partition_blocks does. */
static double blocks_need(const network *n, const memory_job *job, const edge_needs *x,
                          double blocks) {
  const double edges = network_expected_synapses(n) / job->ranks;
  if (blocks <= job->ranks || x->explicit_edges < network_expected_synapses(n)) return 0;
  const double neurons = network_model(n)->neurons;
  return x->kept + partition_blocks_bytes(neurons / job->ranks, neurons, edges);
}

/* Counting a block's synapses (synapse_build), and the lists of sources (exchange_create). */
static double lists_need(const network *n, const memory_job *job, double blocks) {
  const double neurons = network_model(n)->neurons, all = network_expected_synapses(n);
  const double counter = all / blocks >= neurons ? 4 * neurons : 8 * all / blocks;
  return fmax(counter * job->threads, 36 * fmin(neurons, all / job->ranks));
}

memory_need memory_predict(const network *n, const memory_job *job) {
  const model *m = network_model(n);
  const double all = network_expected_synapses(n), ranks = job->ranks;
  const double blocks =
      ranks * shard_block_count((uint32_t)ceil(m->neurons / ranks), all / ranks, job->threads);
  const double given = memory_given_spikes(m, job->spikes), most = most_given_spikes(m, job);
  memory_need need = {.synapses = all * (m->double_precision ? 8 : 4),
                      .neurons = neuron_bytes(m, ranks - 1) + trace_bytes(n, job),
                      .fixed = ranks * (RANK_BYTES + job->threads * THREAD_BYTES)};
  for (int p = 0; p < m->populations; p++) need.synapses += table_bytes(n, p, blocks);
  const double built = (need.synapses + need.neurons) / ranks;
  const edge_needs x = edges_need(n, job);
  const double key = network_max_delay(n) * 2 <= 256 ? 1 : 2;
  double peak = x.kept + (need.synapses + all * key + neuron_bytes(m, ranks - 1)) / ranks;
  peak = fmax(peak, x.kept + lists_need(n, job, blocks));
  peak = fmax(peak, fmax(x.reading, x.collecting));
  peak = fmax(peak, blocks_need(n, job, &x, blocks));
  double first = 0, other = 0;
  if (job->metis && ranks > 1 && x.explicit_edges > 0)
    partition_metis_bytes(m->neurons, x.explicit_edges, job->ranks, &first, &other);
  peak = fmax(peak, x.slices + other);
  need.largest = fmax(fmax(peak, x.slices + first), built + GIVEN_BYTES * most);
  peak = fmax(peak, built + GIVEN_BYTES * (given - most) / fmax(ranks - 1, 1));
  need.neurons += GIVEN_KEPT_BYTES * given;
  need.building = need.largest + (ranks - 1) * peak - need.synapses - need.neurons;
  need.largest += need.fixed / ranks;
  need.total = need.synapses + need.neurons + need.building + need.fixed;
  return need;
}

double memory_on_node(const memory_need *need, const memory_job *job, int local) {
  if (job->ranks == 1) return need->total * local;
  const double other = (need->total - need->largest) / (job->ranks - 1);
  const double firsts = ceil((double)local / job->ranks);
  return firsts * need->largest + (local - firsts) * other;
}

double memory_expected_events(const network *n) {
  const model *m = network_model(n);
  double sum = 0;
  for (int j = 0; j < m->projections; j++)
    sum += network_projection_synapses(n, j) * m->population[m->projection[j].source].expected_rate;
  return sum;
}
