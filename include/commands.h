/* commands.h - the subcommands of `shinkei`, one file src/command_<name>.c each.
 *
 * argv[0] is the subcommand's name; MPI is running. Every rank calls with the same arguments; each
 * prints on rank 0 only and returns the exit status, the same on every rank.                  */
#ifndef SHINKEI_COMMANDS_H
#define SHINKEI_COMMANDS_H

#include "check.h"

/* Divide a model's network without simulating it; print (and write) what that costs.          */
COLLECTIVE int partition_command(int argc, char **argv);

#endif
