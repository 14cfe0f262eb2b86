#include "check.h"
#include "commands.h"
#include "stop.h"

#include <errno.h>
#include <malloc.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name;
  int (*command)(int, char **);
  const char *meaning;
} commands[] = {
    {"run", run_command, "simulate a model and record it"},
    {"plan", plan_command, "predict the memory and the work of a run"},
    {"validate", validate_command, "check a model and the files it names"},
    {"info", info_command, "say in words what is in a file"},
    {"diff", diff_command, "compare the state in two checkpoints"},
    {"partition", partition_command, "divide a model's network without simulating it"},
    {"perturb", perturb_command, "transition table of chosen neurons, by perturbing a checkpoint"},
    {"phi", phi_command, "integrated information of a recording or a transition table"},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_help(FILE *file) {
  fprintf(file,
          "shinkei " SHINKEI_VERSION ": brain-scale networks of spiking neurons on MPI clusters\n\n"
          "usage: shinkei COMMAND [OPTION ...]     (shinkei COMMAND --help tells more)\n"
          "       mpirun -n RANKS shinkei run MODEL.yaml\n\ncommands:\n");
  for (int i = 0; i < COMMANDS; i++)
    fprintf(file, "  %-10s %s\n", commands[i].name, commands[i].meaning);
}

static void abort_job(int status) { MPI_Abort(MPI_COMM_WORLD, status); }

static int dispatch(int argc, char **argv, int rank) {
  for (int i = 0; argc > 1 && i < COMMANDS; i++)
    if (!strcmp(argv[1], commands[i].name)) return commands[i].command(argc - 1, argv + 1);
  const bool asked = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));
  const bool version = argc > 1 && !strcmp(argv[1], "--version");
  if (rank == 0 && version)
    printf("shinkei " SHINKEI_VERSION "\n");
  else if (rank == 0 && argc > 1 && !asked)
    fprintf(stderr, "shinkei: error: there is no command '%s'; shinkei --help lists them\n",
            argv[1]);
  else if (rank == 0)
    print_help(asked ? stdout : stderr);
  return asked || version ? OK : ERR_USER;
}

/* Did mpirun, or srun with PMIx or PMI, start this process? */
static bool is_launched(void) {
  return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK") || getenv("PMI_RANK");
}

int main(int argc, char **argv) {
  int provided, rank;
#ifdef M_MMAP_THRESHOLD
  /* Left alone it grows to 32 MiB: then what the building of a network frees is not given back. */
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
#endif
  if (!is_launched()) {
    /* Open MPI would start a daemon of its own, for nothing. */
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    /* All programs without a launcher share one session folder, which the first to end removes
     * under the feet of those that begin: then MPI_Init fails. A single process needs none. */
    setenv("OMPI_MCA_orte_create_session_dirs", "0", 0);
  }
  /* ROMIO writes to shared files faster than Open MPI's own layer, and leaves nothing in /tmp. */
  setenv("OMPI_MCA_io", "romio321", 0);
  /* MPI takes its time: who asks a run to save or end meanwhile is not to kill it. */
  if (argc > 1 && !strcmp(argv[1], "run")) stop_listen(false);
  if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
    return ERR_ENVIRONMENT;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  check_set_abort(abort_job, rank);
  if (provided < MPI_THREAD_FUNNELED) CHECK_ABORT("this MPI library does not work with threads");
  int status = dispatch(argc, argv, rank);
  /* Here, since mpirun may kill what is left of a job in which a rank ended with a status. */
  if ((fflush(stdout) || ferror(stdout)) && status == OK) {
    fprintf(stderr, "shinkei: error: standard output cannot be written: %s\n", strerror(errno));
    status = ERR_ENVIRONMENT;
  }
  MPI_Finalize();
  return status;
}
