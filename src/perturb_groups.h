/* perturb_groups.h - ranks in groups: each holds the whole network, divided among its ranks, and
 * makes whole runs, which it takes from a list that all groups share. */
#ifndef SHINKEI_PERTURB_GROUPS_H
#define SHINKEI_PERTURB_GROUPS_H

#include "machine.h"
#include "network.h"
#include "task_counter.h"

typedef struct {
  MPI_Comm all;   /* all ranks, those of a node next to each other; rank 0 as given */
  MPI_Comm group; /* this rank's: neighbours in `all`; MPI_COMM_NULL before the split */
  int rank, ranks, count;
  bool leads; /* first rank of its group */
  task_counter *counter;
  int64_t next; /* run that this group makes next */
} perturb_groups;

COLLECTIVE perturb_groups perturb_groups_start(MPI_Comm comm);
COLLECTIVE void perturb_groups_free(perturb_groups *g);

/* As many groups of one size, at most one a run, as hold their networks in three quarters of the
 * memory that is free on this node, as predicted with `threads` threads a rank and `spikes` in
 * files (input_count_in_files); 1 where none do. */
LOCAL int perturb_groups_fitting(const network *n, const machine *node, int ranks, int threads,
                                 const uint64_t *spikes, int64_t runs);

/* Divide the ranks: into `asked` groups, sizes differing by one at most, or where that is 0 as many
 * as fit on all nodes (threads: 0 for as many as the cores give). Rank 0 says what was chosen.
 * ERR_USER: more groups than ranks; an unsound network. */
COLLECTIVE err perturb_groups_split(perturb_groups *g, const model *m, const machine *node,
                                    int asked, int threads, int64_t runs);

/* The first run of the list; g->next of each group is set. */
COLLECTIVE void perturb_groups_begin(perturb_groups *g, int64_t first);
/* Around the making of run g->next, by all ranks of the group: the next is asked for before, so
 * that no group waits for the rank that counts, and is g->next after. */
COLLECTIVE void perturb_groups_ask(perturb_groups *g);
COLLECTIVE void perturb_groups_take(perturb_groups *g);
/* The largest of each of value[count] on all ranks. A group that waits for the runs of others does
 * not hang, for up to `patience` [s]; then it is for its watchdog to say. */
COLLECTIVE void perturb_groups_agree(perturb_groups *g, double patience, int count, int64_t *value);

#endif
