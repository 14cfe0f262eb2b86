/* phi_iit4_partition.h - directed set partitions of a system, and which of them makes the least
 * difference a connection cut (phi_iit4.h). A unit alone has one, which cuts its edge to itself. */
#ifndef SHINKEI_PHI_IIT4_PARTITION_H
#define SHINKEI_PHI_IIT4_PARTITION_H

#include "phi_iit4.h"

/* One direction of a system in specified states. */
typedef struct {
  int unit_count;
  uint32_t all;
  double
      *loss[PHI_UNIT_LIMIT]; /* [unit][2^n] a(K, j) = log2 p_j(all inputs) - log2 p_j(inputs K) */
  double selectivity;
} phi_iit4_integration;

/* The caller fills `loss` and `selectivity`. */
LOCAL phi_iit4_integration phi_iit4_integration_make(int unit_count);
LOCAL void phi_iit4_integration_free(phi_iit4_integration *in);
/* phi of a partition, not normalised; below 0 where cut inputs speak for the state. */
LOCAL double phi_iit4_integration_of(const phi_iit4_integration *in,
                                     const phi_iit4_system_partition *theta);

/* Tables of the search, [2^n] each; of one search after the other. */
typedef struct phi_iit4_program phi_iit4_program;
LOCAL phi_iit4_program *phi_iit4_program_create(int unit_count);
LOCAL void phi_iit4_program_free(phi_iit4_program *run);

/* The smallest phi / (selectivity x connections cut), and of the partitions that have it one that
 * cuts most; 0, and any such partition, where one makes no difference.                          */
LOCAL double phi_iit4_smallest_fraction(const phi_iit4_integration *in, phi_iit4_program *run,
                                        phi_iit4_system_partition *theta);

/* Append to list[*count], up to `capacity`, the partitions with the smallest fraction, each set of
 * cut edges once; of a reducible system one, if it makes no difference in this direction.       */
LOCAL void phi_iit4_list_minima(const phi_iit4_integration *in, phi_iit4_program *run,
                                bool reducible, int capacity, int *count,
                                phi_iit4_system_partition *list);

/* Every partition of two or more units, a set of cut edges more than once. */
LOCAL void phi_iit4_visit_partitions(int unit_count,
                                     void (*visit)(void *context,
                                                   const phi_iit4_system_partition *theta),
                                     void *context);

#endif
