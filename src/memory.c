#include "memory.h"
#include "shard.h"

#include <math.h>

static const double RANK_BYTES = 30e6;   /* MPI, HDF5, code */
static const double THREAD_BYTES = 20e6; /* buffers of the build and of the step */

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

memory_need memory_predict(const network *n, int ranks, int threads) {
  const model *m = network_model(n);
  const double all = network_expected_synapses(n);
  const double a_rank = (double)m->neurons / ranks;
  const double blocks =
      (double)ranks * shard_block_count((uint32_t)ceil(a_rank), all / ranks, threads);
  const double key = network_max_delay(n) * 2 <= 256 ? 1 : 2;
  memory_need need = {.synapses = all * (m->double_precision ? 8 : 4),
                      .neurons = neuron_bytes(m, ranks - 1),
                      .building = all * key,
                      .fixed = ranks * (RANK_BYTES + threads * THREAD_BYTES)};
  for (int p = 0; p < m->populations; p++) need.synapses += table_bytes(n, p, blocks);
  for (int j = 0; j < m->projections; j++) /* edges under way to their targets */
    if (network_is_collected(n, j)) need.building += 56 * network_projection_synapses(n, j);
  need.total = need.synapses + need.neurons + need.building + need.fixed;
  return need;
}

double memory_expected_events(const network *n) {
  const model *m = network_model(n);
  double sum = 0;
  for (int j = 0; j < m->projections; j++)
    sum += network_projection_synapses(n, j) * m->population[m->projection[j].source].expected_rate;
  return sum;
}
