/* phi_iit3_mechanism.h - repertoires of a cut candidate, and phi of its mechanisms (IIT 3.0).
 * The inner half of phi_iit3.h; conventions and source there.                                 */
#ifndef SHINKEI_PHI_IIT3_MECHANISM_H
#define SHINKEI_PHI_IIT3_MECHANISM_H

#include "phi_iit3.h"
#include "phi_transport.h"

/* All repertoires of a candidate under one cut, and what a search needs; serves one thread.    */
typedef struct phi_repertoires phi_repertoires;

LOCAL phi_repertoires *phi_repertoires_create(const phi_candidate *candidate);
LOCAL void phi_repertoires_free(phi_repertoires *repertoires);

/* Cut the edges from one set of units to another (0, 0: none); what was returned before is gone. */
LOCAL void phi_repertoires_cut(phi_repertoires *repertoires, uint32_t from, uint32_t to);

/* Cause repertoire [2^|purview|], states by the purview's units in ascending order; all zero where
 * no past state leads to the mechanism's state. Borrowed until the next cut.                   */
LOCAL const double *phi_repertoires_cause(const phi_repertoires *repertoires, uint32_t mechanism,
                                          uint32_t purview);
/* Probability of each unit to be on given the mechanism: [unit_count], borrowed. The effect
 * repertoire over a purview is their product.                                                  */
LOCAL const double *phi_repertoires_effect(const phi_repertoires *repertoires, uint32_t mechanism);

/* The purview of largest phi of one mechanism.                                                */
typedef struct {
  double phi; /* 0: none */
  uint32_t purview;
  int tie_count;
  uint32_t *ties; /* [tie_count] owned by the caller if asked for, else NULL */
} phi_best_purview;

/* Search all purviews that the edges join to the mechanism. first: a purview to look at first, a
 * guess that saves time only; `ties`: list the tied purviews.                                  */
LOCAL phi_best_purview phi_best_purview_search(phi_repertoires *repertoires,
                                               phi_direction direction, uint32_t mechanism,
                                               uint32_t first, bool ties);

/* phi of one mechanism and purview with its partition and repertoires (ties left empty).       */
LOCAL void phi_describe_side(phi_repertoires *repertoires, phi_direction direction,
                             uint32_t mechanism, uint32_t purview, phi_iit3_side *side);

/* A cube for distances over the states of k units, of the thread that owns the repertoires.    */
LOCAL phi_hypercube *phi_repertoires_cube(phi_repertoires *repertoires, int dimension);

#endif
