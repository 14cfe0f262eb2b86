/* phi_system.h - networks of binary units, and the candidate systems within them, for the
 * exact measures of integrated information (phi_iit3.h, phi_iit4.h). Needs no simulation, no MPI.
 *
 * Conventions everywhere: state i of n units is the integer whose bit j is the state of unit j
 * (unit 0 varies fastest, "little-endian"); a set of units is such an integer too. Rows of a
 * transition table are states at t, its columns units at t+1:
 *   on[i * n + j] = P(unit j is on at t+1 | state i at t).
 * connectivity[i * n + j] != 0 is an edge from unit i to unit j.                               */
#ifndef SHINKEI_PHI_SYSTEM_H
#define SHINKEI_PHI_SYSTEM_H

#include "check.h"
#include <stdbool.h>
#include <stdint.h>

enum {
  PHI_NETWORK_LIMIT = 16, /* units of a network: its table has 2^n rows */
  PHI_UNIT_LIMIT = 12,    /* units of a candidate system: its tables have 3^n entries a unit */
};

/* Two values of phi, or of intrinsic information, no further apart than this are a tie; a value
 * not above it is zero. Rounding of the sums and products here stays below 1e-13.              */
#define PHI_TIE 1e-10

typedef struct {
  int unit_count;
  uint32_t state;                     /* current state */
  double *on;                         /* [2^n x n] transition table, owned */
  uint32_t inputs[PHI_NETWORK_LIMIT]; /* units with an edge to unit j; all of them without
                                         a connectivity matrix */
  double connectivity_deviation;      /* largest |table - table averaged over the inputs that
                                         are no edge|: 0 where table and connectivity agree */
} phi_network;

/* Copy and check a table [2^n x n], a connectivity [n x n] (NULL: all to all, self-loops too)
 * and a state [n] of zeros and ones. ERR_USER: n outside 1..PHI_NETWORK_LIMIT, an entry that is
 * no probability, a state neither 0 nor 1. On failure there is nothing to free.                */
LOCAL err phi_network_create(phi_network *network, int unit_count, const double *on,
                             const uint8_t *connectivity, const uint8_t *state);
/* The same from a table of state by state, [2^n x 2^n], row i = P(state at t+1 | state i at t).
 * ERR_USER also where a row is no distribution, or where the units are not conditionally
 * independent given the state before (then no table of units by states describes it).         */
LOCAL err phi_network_create_by_state(phi_network *network, int unit_count, const double *rows,
                                      const uint8_t *connectivity, const uint8_t *state);
LOCAL void phi_network_free(phi_network *network);

/* What is done with the units outside the candidate system.                                   */
typedef enum {
  PHI_BACKGROUND_FIXED,    /* held in their current state, before causes and effects (IIT 3.0 as
                              in PyPhi 1.2.0) */
  PHI_BACKGROUND_INFERRED, /* effects: held in their current state; causes: their past is weighted
                              by its probability given the network's current state (IIT 4.0,
                              Albantakis et al. 2023, eq. 3, 4) */
} phi_background;

/* A candidate system: its units renumbered 0..n-1 in ascending order, and for each the
 * probability to be on given the past state of any subset of the units, every other input
 * averaged uniformly and for each target unit alone (no shared noise). That one table serves
 * repertoires, missing edges and cuts: a cut only takes units out of the subset.               */
typedef struct {
  int unit_count;
  uint32_t nodes;                  /* which units of the network */
  int node[PHI_UNIT_LIMIT];        /* unit of the network of each unit of the candidate */
  uint32_t state;                  /* current state of the candidate's units */
  uint32_t inputs[PHI_UNIT_LIMIT]; /* units of the candidate with an edge to unit j */
  bool reachable;                  /* some past state gives every unit its present state, P > 0 */
  double *cause[PHI_UNIT_LIMIT];   /* [3^n] by phi_ternary(); owned */
  double *effect[PHI_UNIT_LIMIT];  /* [3^n]; the same tables as `cause` with PHI_BACKGROUND_FIXED */
} phi_candidate;

/* ERR_USER: no unit, a unit that is not of the network, more than PHI_UNIT_LIMIT units; with
 * PHI_BACKGROUND_INFERRED also a network state that no past state can lead to.                 */
LOCAL err phi_candidate_create(phi_candidate *candidate, const phi_network *network, uint32_t nodes,
                               phi_background background);
LOCAL void phi_candidate_free(phi_candidate *candidate);

/* Strongly connected by its edges (one unit alone always is).                                 */
LOCAL bool phi_candidate_strongly_connected(const phi_candidate *candidate);

/* Do the edges from one set to another join all of both into one piece? Where they do not,
 * mechanism and purview can be cut apart without loss, and no theory considers the pair.
 * inputs: [unit_count] units with an edge to each unit (as in phi_candidate).                 */
LOCAL bool phi_sets_joined(const uint32_t *inputs, uint32_t from, uint32_t to);

/* The candidate's units as a set of the network's units.                                      */
LOCAL uint32_t phi_candidate_nodes(const phi_candidate *candidate, uint32_t units);

/* Sum of 3^i over the units i of a set of fewer than PHI_UNIT_LIMIT + 1 units.                 */
LOCAL uint32_t phi_ternary_weight(uint32_t units);

/* Index of "these units are in this state": digit i is 0 where unit i is left open, 1 where it is
 * off, 2 where it is on.                                                                      */
static inline uint32_t phi_ternary(const uint32_t *weight, uint32_t units, uint32_t state) {
  return weight[units] + weight[units & state];
}

/* weight[units] = phi_ternary_weight(units) for all sets of PHI_UNIT_LIMIT units, borrowed,
 * never changed.                                                                              */
LOCAL const uint32_t *phi_ternary_weights(void);

/* P(the unit of this table has `value` | `units` are in `state`), `units` within its inputs.   */
static inline double phi_probability(const double *table, uint32_t index, uint32_t value) {
  return value ? table[index] : 1 - table[index];
}

#endif
