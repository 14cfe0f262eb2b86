/* phi_iit3_points.h - constellations of IIT 3.0 as points, and how far they are apart (phi_iit3.h).
 */
#ifndef SHINKEI_PHI_IIT3_POINTS_H
#define SHINKEI_PHI_IIT3_POINTS_H

#include "phi_iit3.h"
#include "phi_iit3_mechanism.h"

/* A concept as the distance of constellations needs it. */
typedef struct {
  uint32_t mechanism, cause_purview, effect_purview;
  double phi, cause_phi, effect_phi;
  double *cause;                 /* [2^|cause_purview|], owned; NULL: the null concept */
  double was_on[PHI_UNIT_LIMIT]; /* marginals of the cause, 1/2 outside its purview */
  double on[PHI_UNIT_LIMIT];     /* of the effect, unconstrained outside its purview */
} phi_iit3_point;

typedef struct {
  int count;
  phi_iit3_point *point; /* [count] by ascending mechanism, room for 2^n, owned */
} phi_iit3_points;

/* Fill where a concept of a candidate of n units is, from its mechanism and purviews; its `cause`
 * is new, and released with the points that it is of. */
LOCAL void phi_iit3_point_place(const phi_repertoires *r, int n, phi_iit3_point *p);

/* The concepts under a cut: those of the whole and the mechanisms that the cut divides can be
 * irreducible. `whole`: [2^n], indexed by mechanism, phi 0 where there is no concept; NULL: all
 * mechanisms. */
LOCAL phi_iit3_points phi_iit3_points_find(phi_repertoires *r, int n, const phi_iit3_cut *cut,
                                           const phi_iit3_point *whole);
LOCAL void phi_iit3_points_free(phi_iit3_points *all);

/* The earth mover's distance between two constellations: concepts are carried at the distances of
 * their repertoires, a surplus to or from the null concept. */
LOCAL double phi_iit3_points_distance(phi_repertoires *r, int n, const phi_iit3_points *whole,
                                      const phi_iit3_points *parts);

#endif
