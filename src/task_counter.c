#include "task_counter.h"
#include "agree.h"

#include <stdlib.h>

struct task_counter {
  MPI_Win window;
  int64_t *next; /* in the window of rank 0 */
  int64_t taken; /* answer to the last request */
};

task_counter *task_counter_create(MPI_Comm comm, int64_t first) {
  task_counter *c = check_allocate(1, sizeof *c);
  int rank;
  MPI_Comm_rank(comm, &rank);
  const MPI_Aint bytes = rank == 0 ? sizeof *c->next : 0;
  AGREE_MPI(MPI_Win_allocate(bytes, sizeof *c->next, MPI_INFO_NULL, comm, &c->next, &c->window));
  AGREE_MPI(MPI_Win_lock_all(0, c->window));
  if (rank == 0) {
    AGREE_MPI(MPI_Put(&first, 1, MPI_INT64_T, 0, 0, 1, MPI_INT64_T, c->window));
    AGREE_MPI(MPI_Win_flush(0, c->window));
  }
  AGREE_MPI(MPI_Barrier(comm));
  return c;
}

void task_counter_ask(task_counter *c) {
  static const int64_t one = 1; /* must stay until the answer is there */
  AGREE_MPI(MPI_Fetch_and_op(&one, &c->taken, MPI_INT64_T, 0, 0, MPI_SUM, c->window));
}

int64_t task_counter_take(task_counter *c) {
  AGREE_MPI(MPI_Win_flush(0, c->window));
  return c->taken;
}

void task_counter_free(task_counter *c) {
  if (!c) return;
  AGREE_MPI(MPI_Win_unlock_all(c->window));
  AGREE_MPI(MPI_Win_free(&c->window));
  free(c);
}
