/* network_internal.h - what network.c, network_rules.c, network_collect.c share. */
#ifndef SHINKEI_NETWORK_INTERNAL_H
#define SHINKEI_NETWORK_INTERNAL_H

#include "network.h"
#include "network_file.h"
#include "network_sampler.h"

typedef struct {
  uint32_t source;
  uint16_t delay;
  uint8_t receptor;
  int64_t weight;
} collected_edge;

typedef struct {
  sampler_weight weight;
  sampler_delay delay;
  double least, greatest, mean_magnitude; /* of the weights */
  double unit;                            /* the weight scale is a power of two times this */
  network_file_slice edges;               /* RULE_FILE: this rank's share of the file      */
  uint64_t left_out;                      /* RULE_FILE: autapses, over all ranks           */
  uint32_t *indegree;                     /* RULE_FIXED_TOTAL: [owned]                     */
  size_t *first;                          /* RULE_FILE, RULE_FIXED_OUTDEGREE: [owned + 1]  */
  collected_edge *collected;              /* [first[owned]], canonical order a target      */
} network_projection;

struct network {
  const model *m;
  network_projection *projection;        /* [m->projections] */
  double (*scale)[NEURON_RECEPTORS_MAX]; /* [m->populations] */
  int max_delay, min_delay;
  bool is_read; /* by network_read */
  uint32_t owned_count;
  uint32_t *owned; /* [owned_count] ascending; set by network_collect */
  int owned_shift;
  uint32_t
      *owned_bucket; /* [(neurons >> owned_shift) + 2] where gids of bucket gid >> shift begin */
};

LOCAL void network_edges_reserve(network_edges *edges, size_t extra);
LOCAL bool network_rule_is_collected(model_rule rule);
/* Is the i-th edge of a file's share an autapse that the projection does not take? */
LOCAL bool network_leaves_out(const model_projection *p, const network_file_slice *s, size_t i);
/* Fill weight and receptor at edges[at ..] from words. */
LOCAL void network_weights(const network *n, int projection, int count, const uint32_t *word,
                           int64_t *weight, uint8_t *receptor);
/* Draw the edges of a rule by target; `full`: weights and delays too. */
LOCAL void network_rule_draw(const network *n, int projection, uint32_t gid, bool full,
                             network_edges *edges);
/* Index into `owned` of the first that is not below gid; owned_count where there is none. */
LOCAL uint32_t network_owned_from(const network *n, uint32_t gid);
/* Index into `owned`; asserts that it is there. */
LOCAL uint32_t network_owned_index(const network *n, uint32_t gid);
/* K distinct integers below n as a function of (seed, index, who), in drawing order (Floyd). */
LOCAL void network_draw_distinct(uint64_t seed, uint32_t index, uint32_t who, uint32_t n,
                                 uint32_t k, uint32_t *out);

#endif
