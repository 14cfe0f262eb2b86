/* memory.h - what a run will need, before anything is allocated. */
#ifndef SHINKEI_MEMORY_H
#define SHINKEI_MEMORY_H

#include "network.h"

typedef struct {   /* [B], all ranks together */
  double synapses; /* synapses, run headers, source tables: grows with ranks x blocks where a source
                      has few targets in each                                      */
  double neurons;  /* state, inputs, routes                                   */
  double building; /* beside these, while the network is built                */
  double fixed;    /* libraries and buffers: by ranks and threads             */
  double total;
} memory_need;

/* Expectation for `ranks` ranks of `threads` threads. */
LOCAL memory_need memory_predict(const network *n, int ranks, int threads);

/* Spikes delivered to synapses in a biological second, by the populations' expected rates. */
LOCAL double memory_expected_events(const network *n);

#endif
