#include "agree.h"

#include <stdio.h>
#include <string.h>

err agree(MPI_Comm comm, err local) {
  int rank, size, mine[2], worst, first;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  mine[0] = local;
  mine[1] = local == OK ? size : rank;
  AGREE_MPI(MPI_Allreduce(&mine[0], &worst, 1, MPI_INT, MPI_MAX, comm));
  if (worst == OK) return OK;
  AGREE_MPI(MPI_Allreduce(&mine[1], &first, 1, MPI_INT, MPI_MIN, comm));
  char message[4096] = "";
  if (rank == first) strncpy(message, check_message(), sizeof message - 1);
  AGREE_MPI(MPI_Bcast(message, sizeof message, MPI_CHAR, first, comm));
  check_clear();
  return check_fail((err)worst, "%s", message);
}

err agree_report(MPI_Comm comm, err e) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  if (rank == 0) fprintf(stderr, "shinkei: error: %s\n", check_message());
  return e;
}
