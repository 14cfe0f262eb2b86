#include "partition.h"
#include "agree.h"
#include "directory.h"
#include "partition_explicit.h"
#include "partition_file.h"
#include "partition_rules.h"
#include "random.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

partition_method partition_method_of(const char *name) {
  if (strcmp(name, "metis") == 0) return PARTITION_METIS;
  if (strcmp(name, "block") == 0) return PARTITION_BLOCK;
  if (strcmp(name, "round_robin") == 0) return PARTITION_ROUND_ROBIN;
  if (strcmp(name, "random") == 0) return PARTITION_RANDOM;
  return PARTITION_FILE;
}

static void set_closed_form(const model *m, partition_method method, partition *p) {
  for (uint32_t i = 0; i < p->slice_count; i++) {
    const uint32_t gid = p->slice_first + i, parts = (uint32_t)p->parts;
    if (method == PARTITION_BLOCK)
      p->slice_owner[i] = (uint32_t)directory_slice_rank(p->neurons, p->parts, gid);
    else if (method == PARTITION_ROUND_ROBIN)
      p->slice_owner[i] = gid % parts;
    else
      p->slice_owner[i] =
          random_below(random_draw(m->seed, RANDOM_PARTITION, 0, gid, 0).word[0], parts);
  }
}

/* Neurons of a population go to parts in order of their numbers: count[0] to part 0, and so on.  */
static void set_by_counts(const model_population *population, const uint32_t *count, partition *p) {
  const uint64_t slice_end = (uint64_t)p->slice_first + p->slice_count;
  uint64_t first = population->first_gid;
  for (int part = 0; part < p->parts; first += count[part++])
    for (uint64_t gid = first > p->slice_first ? first : p->slice_first;
         gid < first + count[part] && gid < slice_end; gid++)
      p->slice_owner[gid - p->slice_first] = (uint32_t)part;
}

/* Populations that only rules connect: divided on rank 0, told to all as numbers of neurons.     */
static err divide_by_rules(MPI_Comm comm, const model *m, const bool *explicit, partition *p) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  bool *chosen = check_allocate((size_t)m->populations, sizeof *chosen);
  bool any = false;
  for (int q = 0; q < m->populations; q++) any |= chosen[q] = !explicit[q];
  const size_t parts = (size_t)p->parts;
  uint32_t *count = check_allocate((size_t)m->populations * parts, sizeof *count);
  err e = OK;
  if (any && rank == 0) e = partition_rules_divide(m, p->parts, chosen, count);
  e = agree(comm, e);
  for (int q = 0; q < m->populations && e == OK; q++) {
    if (!chosen[q]) continue;
    AGREE_MPI(MPI_Bcast(count + (size_t)q * parts, p->parts, MPI_UINT32_T, 0, comm));
    set_by_counts(&m->population[q], count + (size_t)q * parts, p);
  }
  free(count);
  free(chosen);
  return e;
}

static err divide_by_metis(MPI_Comm comm, const network *n, const model *m, partition *p) {
  bool *explicit = check_allocate((size_t)m->populations, sizeof *explicit), any = false;
  partition_explicit_populations(m, explicit);
  for (int q = 0; q < m->populations; q++) any |= explicit[q];
  err e = any ? partition_explicit_divide(comm, n, m, explicit, PARTITION_GRAPH_BYTES, p) : OK;
  if (e == OK) e = divide_by_rules(comm, m, explicit, p);
  free(explicit);
  return e;
}

err partition_create(MPI_Comm comm, const network *n, const model *m, partition_method method,
                     const char *file, int parts, partition *made) {
  assert(parts >= 1);
  int rank, ranks;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  const double start = MPI_Wtime();
  *made = (partition){.parts = parts, .neurons = m->neurons};
  made->slice_first = directory_slice(m->neurons, ranks, rank);
  made->slice_count = directory_slice(m->neurons, ranks, rank + 1) - made->slice_first;
  made->slice_owner = check_allocate(made->slice_count, sizeof *made->slice_owner);
  err e = OK;
  if (method == PARTITION_FILE)
    e = partition_file_read(comm, file, made);
  else if (method == PARTITION_METIS && parts > 1) /* else all owners are zero already */
    e = divide_by_metis(comm, n, m, made);
  else if (parts > 1)
    set_closed_form(m, method, made);
  double seconds = MPI_Wtime() - start;
  AGREE_MPI(MPI_Allreduce(&seconds, &made->seconds, 1, MPI_DOUBLE, MPI_MAX, comm));
  if (e != OK) partition_free(made);
  return e;
}

void partition_free(partition *p) {
  free(p->slice_owner);
  *p = (partition){0};
}

err partition_owned(MPI_Comm comm, const partition *p, uint32_t *count, uint32_t **owned) {
  int ranks;
  MPI_Comm_size(comm, &ranks);
  assert(p->parts == ranks);
  uint32_t *gid = check_allocate(p->slice_count, sizeof *gid);
  int *owner = check_allocate(p->slice_count, sizeof *owner);
  for (uint32_t i = 0; i < p->slice_count; i++) {
    gid[i] = p->slice_first + i;
    owner[i] = (int)p->slice_owner[i];
  }
  size_t received; /* by sending rank, whose slices ascend: ascending gids */
  *owned = directory_exchange(comm, sizeof *gid, p->slice_count, gid, owner, &received);
  *count = (uint32_t)received;
  free(owner);
  free(gid);
  return OK;
}
