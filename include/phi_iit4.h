/* phi_iit4.h - integrated information theory 4.0: system phi_s, distinctions, relations,
 * structure Phi, complexes.
 *
 * Source: Albantakis et al. 2023, "Integrated information theory (IIT) 4.0", PLOS Comput. Biol.
 * 19(10):e1011465; where it leaves a choice open, that of PyPhi 2.0 (development, preset
 * iit4_2023). All values are in ibits (logarithms to base 2). Sets of units and states are bit
 * masks over the candidate's units (phi_system.h).
 *
 * The choices:
 *  background   PHI_BACKGROUND_INFERRED (causes), fixed (effects).
 *  distance     intrinsic difference: selectivity x log2(probability / partitioned probability);
 *               for causes selectivity is Bayes' inverse, the probabilities are forward ones.
 *  partitions   system: every partition of the units into two or more parts, each part losing its
 *               inputs, its outputs, or both (directed set partitions); one unit: its self-loop.
 *               mechanism over purview: every partition of the mechanism, and one more part without
 *               units, with the purview distributed over them; an undivided mechanism only with all
 *               of the purview cut away; pairs that the edges do not join into one piece are left
 *               out. Cut inputs are averaged uniformly for each unit alone.
 *  normalised   phi / number of ordered pairs of units cut, edge or not; chooses the partition
 *               only, the phi reported is not normalised. Negative integration counts as zero.
 *  ties         (all to PHI_TIE) of normalised phi: the larger phi, then the smallest cut matrix
 *               read row by row; of specified system states: the pair of cause and effect state
 *               with the larger phi_s, then the smallest; of a mechanism's specified states and
 *               purviews: among those congruent with the system's state the largest purview, then
 *               the one with most of the mechanism's units (which gives the published values of
 *               figure 7), then the first set; no congruent one: no distinction.                 */
#ifndef SHINKEI_PHI_IIT4_H
#define SHINKEI_PHI_IIT4_H

#include "phi_system.h"

#define PHI_IIT4_THEORY "IIT 4.0 (Albantakis et al. 2023)"
#define PHI_IIT4_DISTANCE "intrinsic difference"
#define PHI_IIT4_SYSTEM_PARTITIONS "directed set partitions"
#define PHI_IIT4_MECHANISM_PARTITIONS "all joint partitions of mechanism and purview"
#define PHI_IIT4_NORMALISATION "number of ordered pairs of units cut, chooses the partition only"
#define PHI_IIT4_TIE_RULE                                                                          \
  "partitions: larger phi, then smallest cut matrix; system states: larger phi_s, then smallest; " \
  "purviews: congruent with the system, larger, with more of the mechanism, then first set"

enum { PHI_IIT4_TIED_PARTITIONS = 64 }; /* of causes, and as many of effects: no more are listed */

typedef enum {
  PHI_IIT4_IRREDUCIBLE,     /* phi_s > 0 */
  PHI_IIT4_REDUCIBLE,       /* a partition makes no difference */
  PHI_IIT4_NOT_CONNECTED,   /* not strongly connected: phi_s = 0 without a search */
  PHI_IIT4_NO_SELF_LOOP,    /* one unit without an edge to itself */
  PHI_IIT4_NO_CAUSE_EFFECT, /* no state with intrinsic cause or effect information > 0 */
} phi_iit4_reason;

typedef enum { PHI_CUT_INPUTS = 1, PHI_CUT_OUTPUTS = 2, PHI_CUT_BOTH = 3 } phi_iit4_cut;

typedef struct {
  int part_count;
  uint32_t part[PHI_UNIT_LIMIT];
  phi_iit4_cut cut[PHI_UNIT_LIMIT];      /* of the edges between each part and the others */
  uint32_t removed_into[PHI_UNIT_LIMIT]; /* units whose edge to unit j is cut */
  int connection_count;                  /* ordered pairs cut */
  double phi_cause, phi_effect;          /* unnormalised, may be negative */
} phi_iit4_system_partition;

typedef struct {
  phi_iit4_reason reason;
  double phi;            /* phi_s of the candidate, >= 0 */
  double normalized_phi; /* phi / connections cut */
  double phi_capped;     /* min(phi_s, intrinsic information, differentiation): the
                            variant of Mayner, Marshall & Tononi 2026, eq. 23 */
  double intrinsic_cause, intrinsic_effect; /* intrinsic information of the specified states */
  double differentiation_cause, differentiation_effect;
  uint32_t cause_state, effect_state;        /* specified states, ties broken as above */
  int cause_tie_count, effect_tie_count;     /* >= 1: states of the same intrinsic information */
  uint32_t *cause_ties, *effect_ties;        /* owned */
  phi_iit4_system_partition partition;       /* the minimum one; where phi = 0 one of those */
  int partition_tie_count;                   /* partitions (as sets of cut edges) of the same
                                                normalised phi that are listed; where phi = 0 the
                                                search stops at one or two */
  phi_iit4_system_partition *partition_ties; /* [partition_tie_count], owned */
} phi_iit4_system;

/* phi_s of a candidate made with PHI_BACKGROUND_INFERRED, over all directed set partitions.
 * Time about 4^n x a few n (dynamic programming over subsets for the fraction phi / connections,
 * Dinkelbach 1967), for each tied specified state. Never fails; free the result.              */
LOCAL void phi_iit4_system_compute(const phi_candidate *candidate, phi_iit4_system *system);
LOCAL void phi_iit4_system_free(phi_iit4_system *system);

/* The number of directed set partitions of n units (as sets of cut edges), n = 1..7, by listing
 * them all: 1, 3, 22, 150, 1061, 7896, 61888; and the smallest normalised phi among them for given
 * specified states (the slow way: to check the fast one).                                     */
LOCAL long phi_iit4_count_system_partitions(int unit_count);
LOCAL double phi_iit4_smallest_by_listing(const phi_candidate *candidate, uint32_t cause_state,
                                          uint32_t effect_state);

/* One side (cause or effect) of a distinction: a purview with the state it is in.             */
typedef struct {
  uint32_t purview, state; /* state within the purview */
  double phi, normalized_phi;
  double intrinsic_information;
  double selectivity, probability, partitioned_probability;
  int part_count;                              /* minimum partition */
  uint32_t mechanism_part[PHI_UNIT_LIMIT + 1]; /* part k of the mechanism keeps only ... */
  uint32_t purview_part[PHI_UNIT_LIMIT + 1];   /* ... its edges with part k of the purview */
  int connection_count;
  int partition_tie_count; /* sets of cut edges of the same normalised phi; no more than
                              PHI_IIT4_TIED_PARTITIONS are counted */
} phi_iit4_side;

/* A mechanism with its most irreducible cause and effect.                                     */
typedef struct {
  uint32_t mechanism;
  double phi;     /* min of the two sides */
  bool congruent; /* with the system's specified states: a distinction of its structure */
  phi_iit4_side cause, effect;
  int cause_tie_count, effect_tie_count;   /* >= 1: purviews x states of the same phi */
  phi_iit4_side *cause_ties, *effect_ties; /* [..._tie_count], by size then set; owned */
} phi_iit4_distinction;

typedef struct {
  int count;                         /* mechanisms with phi > 0, by size then set */
  phi_iit4_distinction *distinction; /* [count], owned; the ones not congruent are kept to be
                                        seen, and are in no sum */
  int congruent_count;
  double sum_phi; /* over the congruent ones */
} phi_iit4_distinctions;

/* Every mechanism's distinction, congruent with the given specified states. Threads: OpenMP over
 * mechanisms, the result does not depend on them.                                             */
LOCAL void phi_iit4_distinctions_compute(const phi_candidate *candidate, uint32_t cause_state,
                                         uint32_t effect_state,
                                         phi_iit4_distinctions *distinctions);
LOCAL void phi_iit4_distinctions_free(phi_iit4_distinctions *distinctions);

/* What relations need to know of a distinction.                                               */
typedef struct {
  double phi;
  uint32_t cause_purview, cause_state, effect_purview, effect_state;
} phi_iit4_relatum;

typedef struct {
  double count;        /* relations, self-relations included; nearest double above 2^53 */
  char *count_decimal; /* the same, exact; owned */
  double sum_phi;      /* INFINITY beyond the range of double */
  double log2_sum_phi; /* -INFINITY where there is none */
  double sum_phi_self; /* of the self-relations alone */
  int self_count;
} phi_iit4_relations;

/* Number and sum of phi_r of all relations among distinctions in closed form (by units and states
 * in the overlap), without listing them: 2^(2n) + distinctions x n steps.                      */
LOCAL void phi_iit4_relations_compute(int count, const phi_iit4_relatum *relata,
                                      phi_iit4_relations *relations);
LOCAL void phi_iit4_relations_free(phi_iit4_relations *relations);

/* One relation: a set of distinctions (bits of `members`, by the order of the relata given).   */
typedef struct {
  uint64_t members;
  double phi;
  uint64_t overlap; /* bit u: unit u in state 0, bit 32 + u: unit u in state 1 */
} phi_iit4_relation;

/* List the relations of up to 64 distinctions with at most `largest` members each; returns their
 * number and an owned array, or a negative number where there are more than `limit`.           */
LOCAL long phi_iit4_relations_list(int count, const phi_iit4_relatum *relata, int largest,
                                   long limit, phi_iit4_relation **relations);

typedef struct {
  phi_iit4_system system;
  phi_iit4_distinctions distinctions;
  phi_iit4_relations relations;
  double big_phi; /* sum of phi_d and phi_r; where phi_s = 0 a sum, but no Phi of a complex */
} phi_iit4_structure;

LOCAL void phi_iit4_structure_compute(const phi_candidate *candidate,
                                      phi_iit4_structure *structure);
LOCAL void phi_iit4_structure_free(phi_iit4_structure *structure);

/* About how long phi_iit4_system_compute and phi_iit4_structure_compute take [s], one core of
 * 2.5 GHz, units all connected to all (measured to n = 12: times 4 a unit, and to n = 10: 0.7 s,
 * 3.8 s, 25 s at n = 8, 9, 10; times 6 a unit). The first for one specified state of cause and of
 * effect; tied states take as long each.                                                        */
LOCAL double phi_iit4_system_seconds(int unit_count);
/* The same of one candidate, by the number of its tied specified states (4^n steps to find). */
LOCAL double phi_iit4_system_predict(const phi_candidate *candidate);
LOCAL double phi_iit4_structure_seconds(int unit_count);
/* Such seconds of that core in seconds of this one, by timing a small system (milliseconds). */
LOCAL double phi_iit4_here(double seconds);

typedef struct {
  uint32_t nodes; /* units of the network */
  double phi, normalized_phi;
  phi_iit4_reason reason;
  bool complex; /* survives exclusion */
} phi_iit4_candidate;

typedef struct {
  int count;
  phi_iit4_candidate *candidate; /* [count] every non-empty set of units, by size then set; owned */
  int complex_count;
  uint32_t *complexes; /* [complex_count] descending phi_s; owned */
  int tie_count;       /* overlapping sets that tied in phi_s: decided by the structure's
                          Phi, and none of them a complex where that ties too */
} phi_iit4_complexes;

/* phi_s of every candidate of a network, and its complexes: the largest phi_s first, whatever
 * overlaps it is excluded. ERR_USER as phi_candidate_create, and for networks of more than
 * PHI_UNIT_LIMIT units.                                                                       */
LOCAL err phi_iit4_complexes_compute(const phi_network *network, phi_iit4_complexes *complexes);
LOCAL void phi_iit4_complexes_free(phi_iit4_complexes *complexes);

#endif
