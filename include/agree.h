/* agree.h - all ranks stop together, or none does. */
#ifndef SHINKEI_AGREE_H
#define SHINKEI_AGREE_H

#include "check.h"
#include <mpi.h>

/* The worst err of any rank. Where it is not OK, check_message() of the lowest rank that failed
 * becomes the message on all ranks.                                                           */
COLLECTIVE err agree(MPI_Comm comm, err local);

/* Print check_message() on rank 0 as "shinkei: error: ...", once. Returns e.                  */
COLLECTIVE err agree_report(MPI_Comm comm, err e);

/* End the job where an MPI call fails. */
#define AGREE_MPI(call)                                                                            \
  do {                                                                                             \
    if ((call) != MPI_SUCCESS) CHECK_ABORT("MPI failed: %s", #call);                               \
  } while (0)

#endif
