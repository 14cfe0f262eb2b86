/* phi_spikes.h - spikes of any SONATA file, and which neurons of it to look at.
 *
 * Groups /spikes/<population>/{timestamps,node_ids}, or the older layout /spikes/{timestamps,gids}
 * (read as a population of the name ""). Times in ms; an attribute `units` of timestamps in s
 * (seconds) is converted, any other than ms or s is an error.                                  */
#ifndef SHINKEI_PHI_SPIKES_H
#define SHINKEI_PHI_SPIKES_H

#include "check.h"
#include <stdbool.h>

/* One neuron that spiked: its population, id, and times [ms] ascending. */
typedef struct {
  int population;
  int64_t id;
  size_t first, count; /* time[first .. first + count) */
} phi_neuron;

/* What Shinkei's own files tell of a population: every spike of begin < t <= end [ms] of the
 * recorded neurons is in the file. */
typedef struct {
  bool told; /* else nothing is known */
  double begin, end;
  int64_t neurons;
  bool all;   /* of them are recorded; else those of range[ranges] */
  int ranges; /* first and last, ascending */
  int64_t (*range)[2];
} phi_extent;

typedef struct {
  int populations;
  char **population;  /* names */
  phi_extent *extent; /* [populations] */
  size_t neurons;     /* those with a spike, by (population, id) */
  size_t silent;      /* added by phi_sample_nodes and _groups */
  phi_neuron *neuron; /* [neurons + silent] */
  size_t count;
  double *time;      /* [count] */
  double begin, end; /* of all spikes; without any +, - infinity */
} phi_spikes;

/* ERR_USER: no such file or group, times that are NaN or infinite, arrays of different lengths, or
 * a damaged extent. A file without a spike is read: count is 0. Spikes of neurons that are told not
 * to be recorded (any more) are left out.                                                       */
LOCAL err phi_spikes_read_file(const char *path, phi_spikes *made);
/* Is the neuron told to be recorded? True where nothing is told. */
LOCAL bool phi_extent_has(const phi_extent *e, int64_t id);
LOCAL void phi_spikes_free(phi_spikes *s);

/* Index of a neuron with a spike; -1 where it has none. */
LOCAL int64_t phi_spikes_find(const phi_spikes *s, int population, int64_t id);

/* Groups of neurons: member[groups][size], indices of s->neuron. Caller frees member. */
typedef struct {
  int groups, size;
  int64_t *member;
} phi_sample;

/* One group, from text like "0,3,5-9" or "E:0-3,I:7" (population names where there are several).
 * An id without a spike may be a mistake, since a spike file does not list its neurons: an error
 * that names it, or, where `silent`, an element that is always off, added to s->neuron.         */
LOCAL err phi_sample_nodes(phi_spikes *s, const char *text, bool silent, phi_sample *made);

/* The groups of a text file, one a line as above, all of one size; blank lines and what follows a
 * # are skipped. ERR_USER names file and line.                                                  */
LOCAL err phi_sample_groups_read(phi_spikes *s, const char *path, bool silent, phi_sample *made);

typedef enum {
  PHI_SAMPLE_RANDOM,     /* uniformly from all neurons that spike                              */
  PHI_SAMPLE_POPULATION, /* `groups` groups within each population that is large enough         */
  PHI_SAMPLE_ACROSS,     /* the members of a group from populations in turn, as different ones as
                          * there are                                                            */
  PHI_SAMPLE_COUPLING,   /* greedy: a seed neuron, then whoever has the largest sum of mutual
                          * information, in bins and lagged both ways, with the group           */
  PHI_SAMPLE_PARTITION,  /* within one part of a partition file: groups over parts in turn      */
} phi_sample_method;

LOCAL err phi_sample_method_of(const char *name, phi_sample_method *method);

/* The part of each neuron of a network. Neuron i of population k has the number first[k] + i; first
 * NULL: there is one population, from 0. Borrowed.                                              */
typedef struct {
  size_t count;
  const uint32_t *part;  /* [count] from phi_owner_read_file */
  const uint64_t *first; /* [s->populations] */
} phi_owners;

/* first[s->populations] of text like "E:0,I:800"; every population must be there. Caller frees. */
LOCAL err phi_owners_first(const phi_spikes *s, const char *text, uint64_t **first);

/* `groups` groups of `size` distinct neurons each; groups may share neurons. Random numbers by seed
 * and group alone. COUPLING looks at the `candidates` most active neurons only, in bins of `bin`
 * ms; its seeds are the most active neurons in turn. owners: of PARTITION, else NULL. */
LOCAL err phi_sample_draw(const phi_spikes *s, phi_sample_method method, int groups, int size,
                          uint64_t seed, double bin, int candidates, const phi_owners *owners,
                          phi_sample *made);

/* /owner of a partition file (partition.h); caller frees. */
LOCAL err phi_owner_read_file(const char *path, size_t *owners, uint32_t **owner);

/* Spikes of the members in bins of `bin` ms after `begin`, each with its end but without its
 * beginning (times are ends of steps): count[bins][size], by bin. */
LOCAL void phi_spikes_bin(const phi_spikes *s, int size, const int64_t *member, double begin,
                          double bin, int64_t bins, double *count);

#endif
