/* phi_effective.h - effective information, determinism, degeneracy, and causal emergence by
 * coarse-graining.
 *
 * Source: Hoel, Albantakis & Tononi 2013, PNAS 110(49):19790-19795.
 * Information is in bits, the others lie between 0 and 1; N is the number of states.
 *  effective information  mean over states i of KL(row i || mean row): every state is set equally
 *                         often;
 *  determinism            mean over states of KL(row i || uniform) / log2 N;
 *  degeneracy             KL(mean row || uniform) / log2 N;
 *  effectiveness          determinism - degeneracy = effective information / log2 N.
 * A coarse-graining joins states in groups: a macro row is the mean of its group's rows (within the
 * group every state is set equally often), a macro column the sum of its group's columns.       */
#ifndef SHINKEI_PHI_EFFECTIVE_H
#define SHINKEI_PHI_EFFECTIVE_H

#include "phi_system.h"

#define PHI_EFFECTIVE_THEORY "effective information (Hoel, Albantakis & Tononi 2013)"

enum {
  PHI_EFFECTIVE_STATES = 1 << PHI_UNIT_LIMIT,
  PHI_EMERGENCE_STATES = 12, /* Bell(12) = 4,213,597 coarse-grainings */
  PHI_EMERGENCE_UNITS = 7,
};

typedef struct {
  int state_count;
  double information, determinism, degeneracy, effectiveness;
} phi_effective;

/* From a table of states by states, rows [N x N] of P(next state | state), N >= 2. ERR_USER: an
 * entry that is no probability, a row that does not sum to 1 (to 1e-8), N over
 * PHI_EFFECTIVE_STATES.                                                                        */
LOCAL err phi_effective_compute(int state_count, const double *rows, phi_effective *result);

/* Of a network of binary units, by its table as given (missing edges are not averaged out).
 * ERR_USER: more than PHI_UNIT_LIMIT units.                                                    */
LOCAL err phi_effective_network(const phi_network *network, phi_effective *result);

/* The macro table [groups x groups] of a coarse-graining: group[i] in 0..groups-1 for each of the N
 * states, no group empty.                                                                      */
LOCAL void phi_coarse_grain(int state_count, const double *rows, const int *group, int groups,
                            double *macro_rows);

typedef struct {
  phi_effective micro, macro; /* macro: the coarse-graining of largest effective information, of two
                                 groups or more; the micro scale itself is not one of them */
  double emergence;           /* macro - micro information; > 0: causal emergence */
  int group_count;
  int *group;     /* [N] macro state of each state; owned */
  long searched;  /* coarse-grainings looked at */
  long tie_count; /* of them with the same information (to PHI_TIE); the one with more
                     groups is taken, then the first */
  int unit_count; /* by units only: macro units ... */
  int unit_group[PHI_UNIT_LIMIT];     /* ... the one each unit is part of ... */
  uint32_t on_counts[PHI_UNIT_LIMIT]; /* ... and the numbers of its units (as bits) at which a macro
                                         unit is on */
} phi_emergence;

/* Search all groupings of up to PHI_EMERGENCE_STATES states. Errors as phi_effective_compute. */
LOCAL err phi_emergence_by_states(int state_count, const double *rows, phi_emergence *result);

/* Search all groupings of a network's units into macro units, each on or off by the number of its
 * units that are on, every rule of that kind tried (but not which of its states is called on).
 * ERR_USER: more than PHI_EMERGENCE_UNITS units.                                               */
LOCAL err phi_emergence_by_units(const phi_network *network, phi_emergence *result);
LOCAL void phi_emergence_free(phi_emergence *result);

#endif
