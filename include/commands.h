/* commands.h - the subcommands of `shinkei`, one file src/command_<name>.c each.
 *
 * argv[0] is the subcommand's name; MPI is running. Every rank calls with the same arguments; each
 * parses its own options, prints on rank 0 only, knows --help, and returns the exit status, the
 * same on every rank.                                                                         */
#ifndef SHINKEI_COMMANDS_H
#define SHINKEI_COMMANDS_H

#include "check.h"

/* Simulate a model and record it. */
COLLECTIVE int run_command(int argc, char **argv);
/* Divide a model's network without simulating it; print (and write) what that costs. */
COLLECTIVE int partition_command(int argc, char **argv);
/* Check a model and the files it names; say in words what it is. */
COLLECTIVE int validate_command(int argc, char **argv);
/* Say in words what is in a file that the program wrote. */
COLLECTIVE int info_command(int argc, char **argv);
/* Do two checkpoints hold the same state? Status 0: yes, 1: no. */
COLLECTIVE int diff_command(int argc, char **argv);
/* Predict memory and time of a run before a job is submitted. */
COLLECTIVE int plan_command(int argc, char **argv);
/* The interventional transition table of chosen neurons, from a checkpoint. */
COLLECTIVE int perturb_command(int argc, char **argv);
/* Integrated information of a recording. */
COLLECTIVE int phi_command(int argc, char **argv);

#endif
