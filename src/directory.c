#include "directory.h"
#include "agree.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct directory {
  MPI_Comm comm;
  uint32_t neurons, slice_first;
  int ranks;
  int *owner; /* [slice] */
};

uint32_t directory_slice(uint32_t neurons, int ranks, int rank) {
  return (uint32_t)((uint64_t)neurons * (uint64_t)rank / (uint64_t)ranks);
}

int directory_slice_rank(uint32_t neurons, int ranks, uint32_t gid) {
  int rank = (int)((uint64_t)gid * (uint64_t)ranks / neurons);
  while (rank + 1 < ranks && directory_slice(neurons, ranks, rank + 1) <= gid) rank++;
  while (directory_slice(neurons, ranks, rank) > gid) rank--;
  return rank;
}

static int sum_offsets(int ranks, const int *count, int *offset) {
  size_t sum = 0;
  for (int r = 0; r < ranks; r++) {
    offset[r] = (int)sum;
    sum += (size_t)count[r];
    if (sum > INT_MAX)
      CHECK_ABORT("more than %d records for one exchange: use more ranks", INT_MAX);
  }
  return (int)sum;
}

void *directory_exchange(MPI_Comm comm, size_t size, size_t count, const void *records,
                         const int *destination, size_t *received) {
  int ranks;
  MPI_Comm_size(comm, &ranks);
  int *table = check_allocate(5 * (size_t)ranks, sizeof *table);
  int *send_count = table, *send_at = table + ranks, *get_count = table + 2 * ranks;
  int *get_at = table + 3 * ranks, *cursor = table + 4 * ranks;
  if (count > INT_MAX)
    CHECK_ABORT("more than %d records for one exchange: use more ranks", INT_MAX);
  for (size_t i = 0; i < count; i++) send_count[destination[i]]++;
  sum_offsets(ranks, send_count, send_at);
  memcpy(cursor, send_at, (size_t)ranks * sizeof *cursor);
  char *ordered = check_allocate(count, size);
  for (size_t i = 0; i < count; i++)
    memcpy(ordered + (size_t)cursor[destination[i]]++ * size, (const char *)records + i * size,
           size);
  AGREE_MPI(MPI_Alltoall(send_count, 1, MPI_INT, get_count, 1, MPI_INT, comm));
  *received = (size_t)sum_offsets(ranks, get_count, get_at);
  char *got = check_allocate(*received, size);
  MPI_Datatype record;
  MPI_Type_contiguous((int)size, MPI_BYTE, &record);
  MPI_Type_commit(&record);
  AGREE_MPI(
      MPI_Alltoallv(ordered, send_count, send_at, record, got, get_count, get_at, record, comm));
  MPI_Type_free(&record);
  free(ordered);
  free(table);
  return got;
}

typedef struct {
  uint32_t gid;
  int owner;
} ownership;

static int *slice_ranks(const directory *d, size_t size, size_t count, const void *records) {
  int *destination = check_allocate(count, sizeof *destination);
  for (size_t i = 0; i < count; i++) {
    uint32_t gid;
    memcpy(&gid, (const char *)records + i * size, sizeof gid);
    destination[i] = directory_slice_rank(d->neurons, d->ranks, gid);
  }
  return destination;
}

directory *directory_create(MPI_Comm comm, uint32_t neurons, uint32_t count,
                            const uint32_t *owned) {
  directory *d = check_allocate(1, sizeof *d);
  int rank;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &d->ranks);
  d->comm = comm;
  d->neurons = neurons;
  d->slice_first = directory_slice(neurons, d->ranks, rank);
  const size_t slice = directory_slice(neurons, d->ranks, rank + 1) - d->slice_first;
  d->owner = check_allocate(slice, sizeof *d->owner);
  ownership *mine = check_allocate(count, sizeof *mine);
  for (uint32_t i = 0; i < count; i++) mine[i] = (ownership){owned[i], rank};
  int *destination = slice_ranks(d, sizeof *mine, count, mine);
  size_t received;
  ownership *got = directory_exchange(comm, sizeof *mine, count, mine, destination, &received);
  if (received != slice) CHECK_ABORT("neurons of a slice: %zu, owners told: %zu", slice, received);
  for (size_t i = 0; i < received; i++) d->owner[got[i].gid - d->slice_first] = got[i].owner;
  free(got);
  free(destination);
  free(mine);
  return d;
}

void directory_free(directory *d) {
  if (d) free(d->owner);
  free(d);
}

void *directory_route(const directory *d, size_t size, size_t count, const void *records,
                      size_t *received) {
  int *destination = slice_ranks(d, size, count, records);
  size_t passing;
  char *passed = directory_exchange(d->comm, size, count, records, destination, &passing);
  free(destination);
  destination = check_allocate(passing, sizeof *destination);
  for (size_t i = 0; i < passing; i++) {
    uint32_t gid;
    memcpy(&gid, passed + i * size, sizeof gid);
    destination[i] = d->owner[gid - d->slice_first];
  }
  void *got = directory_exchange(d->comm, size, passing, passed, destination, received);
  free(destination);
  free(passed);
  return got;
}
