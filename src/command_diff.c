#include "agree.h"
#include "checkpoint.h"
#include "commands.h"

#include <string.h>

static const char help[] =
    "usage: shinkei diff A B\n\n"
    "Compare two checkpoints: is the state of the simulation in them the same? If not, the first\n"
    "field that differs is named, with the neuron and both values.\n"
    "The exit status is 0 where they are the same, 1 where they differ, 2 where one is damaged.\n";

static err compare(char **argv, int *status) {
  bool same = false;
  const err e = checkpoint_compare(argv[1], argv[2], stdout, &same);
  *status = same ? 0 : 1;
  return e;
}

int diff_command(int argc, char **argv) {
  int rank, status = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const bool asked = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));
  err e = OK;
  if (!asked && argc != 3)
    e = check_fail(ERR_USER, "diff: two checkpoints must be named; shinkei diff --help tells more");
  else if (rank == 0 && asked)
    fputs(help, stdout);
  else if (rank == 0)
    e = compare(argv, &status);
  e = agree(MPI_COMM_WORLD, e);
  if (e != OK) return (int)agree_report(MPI_COMM_WORLD, e);
  MPI_Bcast(&status, 1, MPI_INT, 0, MPI_COMM_WORLD);
  return status;
}
