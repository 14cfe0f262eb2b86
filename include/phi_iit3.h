/* phi_iit3.h - integrated information theory 3.0: repertoires, concepts, the constellation, big
 * Phi over unidirectional cuts, the major complex.
 *
 * Source: Oizumi, Albantakis & Tononi 2014, PLOS Comput. Biol. 10(5):e1003588, with the conventions
 * of PyPhi 1.2.0 (Mayner et al. 2018) but earth mover's distances solved exactly. Sets of units and
 * states are bit masks over the candidate's units (phi_system.h).
 *
 * The choices:
 *  background   PHI_BACKGROUND_FIXED.
 *  repertoires  cause: normalised product over the mechanism's units of P(unit's state | purview),
 *               effect: product over the purview's units of P(unit | mechanism); every other input
 *               averaged uniformly and for each unit alone. Unconstrained: uniform (cause), the
 *               average over all inputs (effect).
 *  partitions   mechanism over purview: all bipartitions of both, no half empty of both; pairs that
 *               the edges do not join into one piece are left out. System: every unidirectional cut
 *               from one part to the other, its edges averaged out.
 *  distance     earth mover's, Hamming ground metric; between constellations: the earth mover's
 *               distance that moves phi between concepts of one and the other, or to the null
 *               concept, at the distance of their repertoires; equal concepts drop out; the surplus
 *               of phi of either side is moved to the other's null concept.
 *  normalised   nothing.
 *  ties         (all to PHI_TIE) of purviews: the larger one, then the first by size and set; of
 *               partitions and cuts: the first listed; of complexes: the larger, then the last set.
 *  zero         Phi = 0 for one unit, where the edges do not connect strongly, without a concept.
 */
#ifndef SHINKEI_PHI_IIT3_H
#define SHINKEI_PHI_IIT3_H

#include "phi_system.h"

#define PHI_IIT3_THEORY "IIT 3.0 (Oizumi, Albantakis & Tononi 2014)"
#define PHI_IIT3_DISTANCE "earth mover's distance, exact"
#define PHI_IIT3_SYSTEM_PARTITIONS "unidirectional bipartitions"
#define PHI_IIT3_MECHANISM_PARTITIONS "bipartitions of mechanism and purview"
#define PHI_IIT3_NORMALISATION "none"
#define PHI_IIT3_TIE_RULE                                                                          \
  "purviews: larger, then first set; partitions and cuts: first listed; complexes: larger"

enum { PHI_IIT3_UNIT_LIMIT = 10 }; /* 6^n probabilities of repertoires are kept */

typedef enum { PHI_CAUSE, PHI_EFFECT } phi_direction;

/* One side of a concept: a purview, and the partition of mechanism and purview of least phi.    */
typedef struct {
  uint32_t purview;
  double phi;
  uint32_t mechanism_part[2], purview_part[2]; /* part k keeps its own edges only */
  double *repertoire;  /* [2^|purview|] by the purview's units in ascending order; owned */
  double *partitioned; /* [2^|purview|]; owned */
  int tie_count;       /* >= 1: purviews of the same phi */
  uint32_t *ties;      /* [tie_count] by size, then set; owned */
} phi_iit3_side;

typedef struct {
  uint32_t mechanism;
  double phi; /* min of the two sides */
  phi_iit3_side cause, effect;
} phi_iit3_concept;

typedef struct {
  int count;
  phi_iit3_concept *concept; /* [count] by size of the mechanism, then set; owned */
  double sum_phi;
} phi_iit3_constellation;

LOCAL void phi_iit3_constellation_free(phi_iit3_constellation *constellation);

/* The concepts of a candidate made with PHI_BACKGROUND_FIXED, edges cut from one set of units to
 * another (0, 0: none). ERR_USER: more than PHI_IIT3_UNIT_LIMIT units; a state that no past state
 * leads to. Threads: OpenMP over mechanisms, the result does not depend on them.               */
LOCAL err phi_iit3_concepts(const phi_candidate *candidate, uint32_t cut_from, uint32_t cut_to,
                            phi_iit3_constellation *constellation);

/* phi of one mechanism over one purview, whether or not the edges join them. Free the side with
 * phi_iit3_side_free.                                                                          */
LOCAL err phi_iit3_purview(const phi_candidate *candidate, phi_direction direction,
                           uint32_t mechanism, uint32_t purview, phi_iit3_side *side);
LOCAL void phi_iit3_side_free(phi_iit3_side *side);

typedef enum {
  PHI_IIT3_IRREDUCIBLE,
  PHI_IIT3_REDUCIBLE,     /* a cut makes no difference */
  PHI_IIT3_NOT_CONNECTED, /* not strongly connected */
  PHI_IIT3_SINGLE_UNIT,
  PHI_IIT3_NO_CONCEPT,
} phi_iit3_reason;

typedef struct {
  uint32_t from, to; /* edges from units of `from` to units of `to` are cut */
  double phi;        /* distance of the constellations */
} phi_iit3_cut;

typedef struct {
  phi_iit3_reason reason;
  double big_phi;
  phi_iit3_cut cut;   /* the minimum one; 0, 0 where there was no search */
  int cut_count;      /* cuts evaluated: all 2^n - 2, or up to the first that makes no difference */
  phi_iit3_cut *cuts; /* [cut_count], in the order listed; owned */
  int tie_count;      /* cuts with the smallest phi */
  phi_iit3_constellation whole; /* also where there was no search */
  phi_iit3_constellation parts; /* under the minimum cut; empty where there was no search */
} phi_iit3_system;

/* Big Phi of a candidate made with PHI_BACKGROUND_FIXED. Errors as phi_iit3_concepts. Threads:
 * OpenMP over cuts, the result does not depend on them.                                        */
LOCAL err phi_iit3_system_compute(const phi_candidate *candidate, phi_iit3_system *system);
LOCAL void phi_iit3_system_free(phi_iit3_system *system);

/* About how long phi_iit3_system_compute takes [s], one core of 2.5 GHz, noisy units all connected
 * to all (measured: 0.06, 0.9, 16, 264 s at n = 5..8; times 17 a unit). Sparse networks take much
 * less, rules without noise up to six times as long.                                           */
LOCAL double phi_iit3_seconds(int unit_count);

/* The same for this candidate: from 5 to 8 units by its constellation and two of its cuts, which
 * take some hundredths of the whole, beyond by that table. 0 where phi_iit3_system_compute would
 * refuse it.                */
LOCAL double phi_iit3_predict(const phi_candidate *candidate);

typedef struct {
  uint32_t nodes; /* units of the network */
  double big_phi;
  phi_iit3_cut cut; /* in units of the network */
  phi_iit3_reason reason;
  bool reachable; /* Phi is only defined where it is */
  bool complex;   /* no overlap with a candidate of larger Phi that is a complex itself */
} phi_iit3_candidate;

typedef struct {
  int count;
  phi_iit3_candidate *candidate; /* [count] every non-empty set of units, by size then set; owned */
  int major;                     /* index of the major complex; -1: there is none */
  int tie_count;                 /* candidates with the Phi of the major complex */
} phi_iit3_complexes;

/* Phi of every candidate of a network, the major complex (largest Phi), and the complexes that
 * remain when those of larger Phi exclude what overlaps them. ERR_USER: a network of more than
 * PHI_IIT3_UNIT_LIMIT units.                                                                   */
LOCAL err phi_iit3_complexes_compute(const phi_network *network, phi_iit3_complexes *complexes);
LOCAL void phi_iit3_complexes_free(phi_iit3_complexes *complexes);

#endif
