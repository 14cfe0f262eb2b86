/* Exact splitters by bisection, instead of a histogram over steps: all cuts between ranks are
 * searched at once, one reduction of (ranks - 1) counts for each bit of a key. No table grows with
 * the number of steps or neurons, and a single crowded step is divided as well as a quiet second.
 */
#include "record_sort.h"

#include "agree.h"
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void swap(record_keys *a, record_keys *b) {
  record_keys c = *a;
  *a = *b;
  *b = c;
}

static void reserve(record_keys *keys, size_t count) {
  keys->key = check_grow(keys->key, &keys->capacity, count, sizeof *keys->key);
}

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

static bool is_sorted(const record_keys *keys) {
  for (size_t i = 1; i < keys->count; i++)
    if (keys->key[i - 1] > keys->key[i]) return false;
  return true;
}

static void sort_by_digit(record_keys *keys, record_keys *scratch, int shift) {
  size_t start[DIGITS] = {0}, sum = 0;
  for (size_t i = 0; i < keys->count; i++) start[keys->key[i] >> shift & (DIGITS - 1)]++;
  for (int b = 0; b < DIGITS; b++) {
    size_t count = start[b];
    start[b] = sum;
    sum += count;
  }
  for (size_t i = 0; i < keys->count; i++)
    scratch->key[start[keys->key[i] >> shift & (DIGITS - 1)]++] = keys->key[i];
  scratch->count = keys->count;
  swap(keys, scratch);
}

/* Radix sort, least significant digit first; digits that are zero in all keys are left out. */
void record_sort_local(record_keys *keys, record_keys *scratch) {
  if (is_sorted(keys)) return;
  reserve(scratch, keys->count);
  uint64_t used = 0;
  for (size_t i = 0; i < keys->count; i++) used |= keys->key[i];
  for (int shift = 0; shift < 64 && used >> shift; shift += DIGIT_BITS)
    sort_by_digit(keys, scratch, shift);
}

/* Number of keys below `limit`, of ascending ones. */
static size_t count_below(const record_keys *keys, uint64_t limit) {
  size_t low = 0, high = keys->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (keys->key[middle] < limit)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* cut[r], 0 < r < ranks: the least key with total * r / ranks keys of all ranks below it. */
static void find_cuts(MPI_Comm comm, int ranks, int bits, uint64_t total, const record_keys *keys,
                      uint64_t *cut) {
  uint64_t *count = check_allocate(ranks, sizeof *count);
  /* After the round of `bit`, cut[r] is the largest multiple of 2^bit with fewer keys below. */
  for (int bit = bits - 1; bit >= 0; bit--) {
    for (int r = 1; r < ranks; r++) count[r] = count_below(keys, cut[r] | UINT64_C(1) << bit);
    AGREE_MPI(MPI_Allreduce(MPI_IN_PLACE, count + 1, ranks - 1, MPI_UINT64_T, MPI_SUM, comm));
    for (int r = 1; r < ranks; r++)
      if (count[r] < total * r / ranks) cut[r] |= UINT64_C(1) << bit;
  }
  for (int r = 1; r < ranks; r++) cut[r] += total * r / ranks > 0;
  free(count);
}

static int as_count(size_t n) {
  if (n > INT_MAX) CHECK_ABORT("%zu spikes for one rank at once: record_flush more often", n);
  return (int)n;
}

void record_sort(MPI_Comm comm, int bits, record_keys *keys, record_keys *scratch) {
  int ranks;
  MPI_Comm_size(comm, &ranks);
  record_sort_local(keys, scratch);
  if (ranks == 1) return;
  uint64_t total = keys->count;
  AGREE_MPI(MPI_Allreduce(MPI_IN_PLACE, &total, 1, MPI_UINT64_T, MPI_SUM, comm));
  uint64_t *cut = check_allocate(ranks + 1, sizeof *cut);
  find_cuts(comm, ranks, bits, total, keys, cut);
  int *sent = check_allocate(4 * (size_t)ranks, sizeof *sent);
  int *sent_at = sent + ranks, *got = sent_at + ranks, *got_at = got + ranks;
  for (int r = 0; r < ranks; r++) {
    size_t first = r ? count_below(keys, cut[r]) : 0;
    size_t end = r + 1 < ranks ? count_below(keys, cut[r + 1]) : keys->count;
    sent_at[r] = as_count(first);
    sent[r] = as_count(end - first);
  }
  AGREE_MPI(MPI_Alltoall(sent, 1, MPI_INT, got, 1, MPI_INT, comm));
  size_t arriving = 0;
  for (int r = 0; r < ranks; r++) {
    got_at[r] = as_count(arriving);
    arriving += got[r];
  }
  reserve(scratch, arriving);
  AGREE_MPI(MPI_Alltoallv(keys->key, sent, sent_at, MPI_UINT64_T, scratch->key, got, got_at,
                          MPI_UINT64_T, comm));
  scratch->count = arriving;
  swap(keys, scratch);
  record_sort_local(keys, scratch);
  free(cut);
  free(sent);
}
