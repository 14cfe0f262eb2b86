/* shard.h - what this rank owns: neurons as structure of arrays in cache-sized blocks, their
 * in-synapses compiled for delivery, their inputs, the routes of their spikes.
 *
 * Local order: by block, then population, parameter set, gid. "local" is a neuron's place in it. */
#ifndef SHINKEI_SHARD_H
#define SHINKEI_SHARD_H

#include "exchange.h"
#include "input.h"
#include "network.h"
#include "refractory.h"
#include "synapse.h"

typedef struct { /* neurons of one population and parameter set, side by side in a block */
  int population;
  uint32_t first, count; /* inside the block */
  double constants[NEURON_CONSTANTS_MAX];
  refractory_queue refractory; /* of places inside the block */
} shard_segment;

typedef struct {   /* what a neuron does in the next step, whatever its state and input */
  uint32_t neuron; /* inside the block */
  bool fires;
} shard_imposed;

typedef struct {
  uint32_t first, neurons; /* local */
  synapse_block synapses;
  input_block *input;
  int segments;
  shard_segment *segment;
  size_t spikes, spiked_capacity; /* of the window under way */
  uint32_t *spiked;               /* places inside the block, step after step */
  size_t *spikes_until;           /* [window] spikes up to and with each step */
  uint64_t events;                /* synaptic events delivered so far */
  size_t imposed, imposed_capacity;
  shard_imposed *impose; /* [imposed] each neuron once */
} shard_block;

typedef struct {
  const model *m;
  const network *n;
  MPI_Comm comm;
  int threads, blocks;
  int late;           /* 1: updates take what arrived in the step before (neuron.h); 0: in theirs */
  int window;         /* steps from one exchange to the next, at most: what fires in one of them
                         reaches no update of another */
  shard_block *block; /* [blocks]; thread t works on blocks t, t + threads, ... */
  uint32_t neurons;
  uint32_t *gid;                  /* [neurons] local order */
  void *state[NEURON_STATES_MAX]; /* real[neurons] each, whole between step_runs */
  int32_t *refractory;            /* [neurons] steps left, as of the end of the last step_run */
  uint8_t *is_refractory;         /* [neurons] 1 where the neuron is refractory */
  uint64_t *events_hash;          /* [m->inputs] input_hash_events */
  uint64_t *events_late;          /* [m->inputs] input_count_late */
  exchange *exchange;
} shard;

/* Build this rank's part of the network, in parallel over threads. owned[count] ascending; block[i]
 * < blocks of owned[i]; network_collect has been called. ERR_USER as synapse_build. Neurons have
 * their initial state, with inputs of step 0 added. The model and network are borrowed. */
COLLECTIVE err shard_create(MPI_Comm comm, const model *m, const network *n, uint32_t count,
                            const uint32_t *owned, int blocks, const uint32_t *block, int threads,
                            shard *made);
COLLECTIVE void shard_free(shard *s);

/* In the next step, and in that alone, the neuron fires, or does not, whatever its state and input:
 * it has then the state that a spike leaves (neuron.h, impose). Once a neuron and step. */
LOCAL void shard_impose(shard *s, uint32_t local, bool fires);

/* Blocks for a rank with `count` neurons and `synapses` (expected): a multiple of threads, each
 * small enough for 16-bit targets and 32-bit synapse numbers. */
LOCAL int shard_block_count(uint32_t count, double synapses, int threads);

/* Of this rank; events: synapses that spikes reached since the shard was made. */
LOCAL uint64_t shard_synapses(const shard *s);
LOCAL uint64_t shard_events(const shard *s);
/* Memory of the connectivity: synapses, run headers, source tables, routes [bytes].          */
LOCAL uint64_t shard_connectivity_bytes(const shard *s);

#endif
