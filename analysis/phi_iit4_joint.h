/* phi_iit4_joint.h - joint partitions of a mechanism and a purview, and which of them makes the
 * least difference a connection cut (phi_iit4.h).
 *
 * Effects: unit j of the purview keeps the inputs of the one part of the mechanism it shares a part
 * with, or none. Given a partition of the mechanism the purview's units choose independently.
 * Causes: unit i of the mechanism keeps the inputs of the one part of the purview it shares a part
 * with, or none. Given a partition of the purview the mechanism's units choose independently.
 * So both are: "choosers" each pick a block of a partition of the "domain", or nothing, at
 *   loss(K, j) = log2 p_j(whole domain) - log2 p_j(K),
 *   connections cut = sum_j (|domain| - |K_j|),
 * and the least loss / connections is sought: the minimum of sum_j [loss(K_j, j) + fraction |K_j|]
 * - fraction |choosers| |domain| is zero at the smallest fraction (Dinkelbach). Blocks are added
 * one by one; what the choosers could at best still pick from the units not yet in a block bounds
 * the sum from below. */
#ifndef SHINKEI_PHI_IIT4_JOINT_H
#define SHINKEI_PHI_IIT4_JOINT_H

#include "phi_iit4.h"

typedef struct {
  uint16_t kept[PHI_UNIT_LIMIT]; /* block picked by each chooser, in local bits of the domain */
} phi_iit4_choice;

typedef struct {
  bool cause;
  int chooser_count, domain_count;
  uint32_t whole; /* the domain */
  double selectivity, worth;
  double fraction;
  double *loss, *weight, *least; /* [2^domain x choosers]; least: over all subsets of a set */
  uint32_t blocks[PHI_UNIT_LIMIT + 1];
  int block_count;
  double cutoff;          /* sums above it are of no interest */
  double best;            /* smallest sum below -PHI_TIE so far, or PHI_TIE */
  phi_iit4_choice better; /* the choice of that sum */
  phi_iit4_choice widest; /* of the ties the one that cuts most */
  int tie_count;
  phi_iit4_choice ties[PHI_IIT4_TIED_PARTITIONS];
} phi_iit4_joint;

/* phi of the minimum partition, which is *picked; less than in->worth where the search is cut short
 * for not being worth it. in->tie_count tells how many have the same fraction, up to
 * PHI_IIT4_TIED_PARTITIONS; it is 1 where the loss is 0, and means nothing where the search was cut
 * short. The caller fills the fields down to `worth`, and `loss`; `weight` and `least` are space.
 */
LOCAL double phi_iit4_joint_minimise(phi_iit4_joint *in, phi_iit4_choice *picked);
/* Its loss, sum_j loss(K_j, j), and the number of connections that it cuts. */
LOCAL double phi_iit4_joint_loss(const phi_iit4_joint *in, const phi_iit4_choice *picked);
LOCAL int phi_iit4_joint_connections(const phi_iit4_joint *in, const phi_iit4_choice *picked);

#endif
