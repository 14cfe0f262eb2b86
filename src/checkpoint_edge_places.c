#include "checkpoint_edge_places.h"
#include "agree.h"

#include <stdio.h>
#include <stdlib.h>

static const checkpoint_field count_field = {
    "count", "", "in-edges of each neuron that have the field, by gid", CHECKPOINT_UINT32};

const char *checkpoint_edge_group(const checkpoint_edge_field *e,
                                  char group[CHECKPOINT_GROUP_MAX]) {
  snprintf(group, CHECKPOINT_GROUP_MAX, "edges/%s", e->field.name);
  return group;
}

typedef struct {
  uint32_t gid, count;
  int rank; /* its owner */
} edge_count;

typedef struct {
  uint32_t gid, count;
  uint64_t first;
} edge_run;

static int compare_runs(const void *a, const void *b) {
  const edge_run *x = a, *y = b;
  return (x->gid > y->gid) - (x->gid < y->gid);
}

/* Offsets of a slice's neurons from their counts; total of all. */
static uint64_t *prefix(MPI_Comm comm, uint64_t size, const uint32_t *count, uint64_t *total) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  uint64_t sum = 0, before = 0;
  for (uint64_t i = 0; i < size; i++) sum += count[i];
  AGREE_MPI(MPI_Exscan(&sum, &before, 1, MPI_UINT64_T, MPI_SUM, comm));
  AGREE_MPI(MPI_Allreduce(&sum, total, 1, MPI_UINT64_T, MPI_SUM, comm));
  uint64_t *first = check_allocate(size, sizeof *first);
  uint64_t next = rank == 0 ? 0 : before;
  for (uint64_t i = 0; i < size; i++) {
    first[i] = next;
    next += count[i];
  }
  return first;
}

/* Takes over `run`, those of this rank's neurons in any order. */
static checkpoint_edge_places places_make(const checkpoint_state *state, size_t runs, edge_run *run,
                                          uint64_t total) {
  checkpoint_edge_places p = {.total = total,
                              .local = check_allocate(runs, sizeof *p.local),
                              .first = check_allocate(runs, sizeof *p.first),
                              .count = check_allocate(runs, sizeof *p.count)};
  checkpoint_place *place = checkpoint_places(state);
  qsort(run, runs, sizeof *run, compare_runs);
  for (size_t i = 0; i < runs; i++) {
    p.local[i] = checkpoint_place_find(place, state->neurons, run[i].gid);
    p.first[i] = run[i].first;
    p.count[i] = run[i].count;
  }
  free(place);
  free(run);
  return p;
}

void checkpoint_edge_places_free(checkpoint_edge_places *p) {
  free(p->local);
  free(p->first);
  free(p->count);
}

checkpoint_edge_places checkpoint_edge_places_write(checkpoint_file *f,
                                                    const checkpoint_state *state,
                                                    const checkpoint_edge_field *e) {
  MPI_Comm comm = checkpoint_file_comm(f);
  const int parts = checkpoint_file_parts(f);
  int rank;
  MPI_Comm_rank(comm, &rank);
  const uint64_t chunk = checkpoint_chunk(state->m->neurons);
  const checkpoint_slice slice = checkpoint_slice_of(state->m->neurons, chunk, 0, parts, rank);
  edge_count *mine = check_allocate(state->neurons, sizeof *mine);
  int *destination = check_allocate(state->neurons, sizeof *destination);
  for (uint32_t i = 0; i < state->neurons; i++) {
    mine[i] = (edge_count){state->gid[i], e->count[i], rank};
    destination[i] = checkpoint_slice_rank(state->m->neurons, chunk, 0, parts, state->gid[i]);
  }
  size_t got, runs;
  edge_count *told =
      directory_exchange(comm, sizeof *mine, state->neurons, mine, destination, &got);
  uint32_t *count = check_allocate(slice.count, sizeof *count);
  for (size_t i = 0; i < got; i++) count[told[i].gid - slice.first] = told[i].count;
  uint64_t total;
  uint64_t *first = prefix(comm, slice.count, count, &total);
  edge_run *run = check_allocate(got, sizeof *run);
  free(destination);
  destination = check_allocate(got, sizeof *destination);
  for (size_t i = 0; i < got; i++) {
    run[i] = (edge_run){told[i].gid, told[i].count, first[told[i].gid - slice.first]};
    destination[i] = told[i].rank;
  }
  edge_run *back = directory_exchange(comm, sizeof *run, got, run, destination, &runs);
  char group[CHECKPOINT_GROUP_MAX];
  checkpoint_file_write(f, checkpoint_edge_group(e, group), &count_field, state->m->neurons, slice,
                        count);
  free(run);
  free(first);
  free(count);
  free(told);
  free(destination);
  free(mine);
  return places_make(state, runs, back, total);
}

err checkpoint_edge_places_read(checkpoint_file *f, const directory *d,
                                const checkpoint_state *state, const checkpoint_edge_field *e,
                                checkpoint_edge_places *places) {
  MPI_Comm comm = checkpoint_file_comm(f);
  int rank;
  MPI_Comm_rank(comm, &rank);
  const checkpoint_slice slice = checkpoint_slice_of(
      state->m->neurons, checkpoint_chunk(state->m->neurons), 0, checkpoint_file_parts(f), rank);
  uint32_t *count = check_allocate(slice.count, sizeof *count);
  char group[CHECKPOINT_GROUP_MAX];
  err fault = checkpoint_file_read(f, checkpoint_edge_group(e, group), &count_field,
                                   state->m->neurons, slice, count);
  *places = (checkpoint_edge_places){0};
  if (fault == OK) {
    uint64_t total;
    uint64_t *first = prefix(comm, slice.count, count, &total);
    edge_run *run = check_allocate(slice.count, sizeof *run);
    for (uint64_t i = 0; i < slice.count; i++)
      run[i] = (edge_run){(uint32_t)(slice.first + i), count[i], first[i]};
    size_t runs;
    edge_run *mine = directory_route(d, sizeof *run, slice.count, run, &runs);
    *places = places_make(state, runs, mine, total);
    for (size_t i = 0; i < runs && fault == OK; i++)
      if (places->count[i] != e->count[places->local[i]])
        fault = check_fail(ERR_USER, "%s: %s: neuron %u has %u edges in it, now there are %u",
                           checkpoint_file_path(f), group, state->gid[places->local[i]],
                           places->count[i], e->count[places->local[i]]);
    free(run);
    free(first);
    fault = agree(comm, fault);
  }
  free(count);
  return fault;
}
