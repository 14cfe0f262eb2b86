/* phi_transport.h - exact earth mover's distances for IIT 3.0: between distributions over states
 * under the Hamming metric, and between two lists of masses whose distances are dear to compute.
 *
 * Both are network simplex methods in double precision (Cunningham's strongly feasible trees);
 * results are exact but for rounding (about 1e-14), unlike integerised solvers.               */
#ifndef SHINKEI_PHI_TRANSPORT_H
#define SHINKEI_PHI_TRANSPORT_H

#include "check.h"
#include <stdbool.h>
#include <stdint.h>

/* Earth mover's distance over the 2^k states of k units. The Hamming distance is the path length
 * along the edges of the hypercube, so the distance is the least flow along those k 2^(k-1) edges.
 * One object keeps the last optimal spanning tree: a similar problem then takes few steps. An
 * object serves one thread at a time.                                                         */
typedef struct phi_hypercube phi_hypercube;

LOCAL phi_hypercube *phi_hypercube_create(int dimension); /* 1..12; never NULL */
LOCAL void phi_hypercube_free(phi_hypercube *cube);
/* Forget the last solution: what follows is the same to the last bit as from a new object.     */
LOCAL void phi_hypercube_reset(phi_hypercube *cube);

/* The distance between p and q given difference = p - q [2^k], sum 0. Stops as soon as it is known
 * to be below `enough` and returns some upper bound below `enough`; 0 for the exact distance.
 * Results not below `enough` depend on the object's past in their last bits only.             */
LOCAL double phi_hypercube_distance(phi_hypercube *cube, const double *difference, double enough);

/* A lower bound of the distance of another difference: the last optimal potentials, which change
 * by at most 1 along an edge, applied to it. 2^k steps.                                       */
LOCAL double phi_hypercube_bound(const phi_hypercube *cube, const double *difference);

/* Distance of source to sink: exact, or a lower bound of it that is cheap.                    */
typedef double (*phi_distance)(void *context, int source, int sink, bool exact);

/* Least sum of mass x distance that moves supply [sources] onto demand [sinks], all positive, sums
 * equal (the last demand takes the rounding). Exact distances are asked for only where mass
 * moves. */
LOCAL double phi_transport(int sources, const double *supply, int sinks, const double *demand,
                           phi_distance distance, void *context);

#endif
