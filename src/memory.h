/* memory.h - what a run will need, before anything is allocated. */
#ifndef SHINKEI_MEMORY_H
#define SHINKEI_MEMORY_H

#include "network.h"

#include <stdbool.h>

typedef struct {
  int ranks, threads;     /* threads a rank */
  bool metis;             /* whether METIS divides the network among the ranks */
  const uint64_t *spikes; /* [inputs] in files, see input_count_in_files; NULL: none */
} memory_job;

typedef struct {   /* [B], all ranks together */
  double synapses; /* synapses, run headers, source tables: grows with ranks x blocks where a source
                      has few targets in each                                      */
  double neurons;  /* state, inputs, routes, given spikes, traces             */
  double building; /* beside these, at the peaks while the network is built   */
  double fixed;    /* libraries and buffers: by ranks and threads             */
  double total;    /* sum of all ranks' peaks                                 */
  double largest;  /* of the rank that needs most: rank 0, where METIS divides edges of files */
} memory_need;

/* Given spikes of the model and of files. */
LOCAL double memory_given_spikes(const model *m, const uint64_t *in_files);

/* Expectation, from an outline of the network already. */
LOCAL memory_need memory_predict(const network *n, const memory_job *job);
/* What a node with `local` of these ranks needs, rank 0 among them; of one network or, where there
 * are more ranks than one has, of several side by side. */
LOCAL double memory_on_node(const memory_need *need, const memory_job *job, int local);

/* Spikes delivered to synapses in a biological second, by the populations' expected rates. */
LOCAL double memory_expected_events(const network *n);

#endif
