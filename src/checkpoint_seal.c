#include "checkpoint_seal.h"
#include "agree.h"
#include "checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { BLOCK_BYTES = 4 << 20 };
static const char MAGIC[] = "shinkei checkpoint ";

static void write_seal(char seal[CHECKPOINT_SEAL_BYTES], uint64_t bytes, const uint64_t sum[2]) {
  memset(seal, 0, CHECKPOINT_SEAL_BYTES);
  const int length = snprintf(seal, CHECKPOINT_SEAL_BYTES,
                              "%s%d\nbytes %" PRIu64 "\nxxh3 %016" PRIx64 "%016" PRIx64 "\n", MAGIC,
                              CHECKPOINT_VERSION, bytes, sum[0], sum[1]);
  snprintf(seal + length, CHECKPOINT_SEAL_BYTES - (size_t)length, "seal %016" PRIx64 "\n",
           (uint64_t)XXH3_64bits(seal, (size_t)length));
}

/* All bytes or -1; a short file is an error. */
static int read_all(int file, void *to, size_t bytes, off_t at) {
  for (char *next = to; bytes > 0;) {
    const ssize_t got = pread(file, next, bytes, at);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = EIO;
    if (got <= 0) return -1;
    next += got;
    at += got;
    bytes -= (size_t)got;
  }
  return 0;
}

/* This rank's share of the blocks, added to sum. */
static int hash_share(int file, uint64_t bytes, int rank, int ranks, uint64_t sum[2]) {
  const uint64_t body = bytes - CHECKPOINT_SEAL_BYTES;
  const uint64_t blocks = (body + BLOCK_BYTES - 1) / BLOCK_BYTES;
  char *block = check_allocate_raw(BLOCK_BYTES, 1);
  int status = 0;
  for (uint64_t i = blocks * (uint64_t)rank / (uint64_t)ranks;
       status == 0 && i < blocks * ((uint64_t)rank + 1) / (uint64_t)ranks; i++) {
    const uint64_t at = i * BLOCK_BYTES;
    const size_t size = body - at < BLOCK_BYTES ? (size_t)(body - at) : BLOCK_BYTES;
    status = read_all(file, block, size, (off_t)(at + CHECKPOINT_SEAL_BYTES));
    if (status) break;
    const XXH128_hash_t hash = XXH3_128bits_withSeed(block, size, i);
    sum[0] += hash.low64;
    sum[1] += hash.high64;
  }
  free(block);
  return status;
}

/* Length and checksum of the file, the same on all ranks. */
static err hash_file(MPI_Comm comm, const char *path, int file, uint64_t *bytes, uint64_t sum[2]) {
  int rank, ranks;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  struct stat status;
  uint64_t mine[2] = {0};
  err e = OK;
  if (file < 0 || fstat(file, &status) != 0)
    e = check_fail(ERR_ENVIRONMENT, "%s: cannot be read: %s", path, strerror(errno));
  else if (status.st_size < CHECKPOINT_SEAL_BYTES)
    e = check_fail(ERR_USER, "%s: has %lld bytes, which is no whole checkpoint", path,
                   (long long)status.st_size);
  else if (hash_share(file, (uint64_t)status.st_size, rank, ranks, mine) != 0)
    e = check_fail(ERR_ENVIRONMENT, "%s: cannot be read: %s", path, strerror(errno));
  if ((e = agree(comm, e)) != OK) return e;
  *bytes = (uint64_t)status.st_size;
  AGREE_MPI(MPI_Allreduce(mine, sum, 2, MPI_UINT64_T, MPI_SUM, comm));
  return OK;
}

err checkpoint_seal_put(MPI_Comm comm, const char *path, uint64_t *bytes) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  uint64_t sum[2];
  const int file = open(path, (rank == 0 ? O_RDWR : O_RDONLY) | O_CLOEXEC);
  err e = hash_file(comm, path, file, bytes, sum);
  if (e == OK && rank == 0) {
    char seal[CHECKPOINT_SEAL_BYTES];
    write_seal(seal, *bytes, sum);
    /* The body is on the disk before the seal says that it is whole. */
    if (fsync(file) != 0 || pwrite(file, seal, sizeof seal, 0) != (ssize_t)sizeof seal ||
        fsync(file) != 0)
      e = check_fail(ERR_ENVIRONMENT, "%s: cannot be written: %s", path, strerror(errno));
  }
  if (file >= 0) close(file);
  return agree(comm, e);
}

/* What is wrong with the seal itself, before the body is read. */
static err check_version(const char *path, const char seal[CHECKPOINT_SEAL_BYTES]) {
  static const char zeros[CHECKPOINT_SEAL_BYTES];
  if (memcmp(seal, zeros, CHECKPOINT_SEAL_BYTES) == 0)
    return check_fail(ERR_USER, "%s: is unfinished: the run ended while writing it", path);
  if (memcmp(seal, MAGIC, sizeof MAGIC - 1) != 0)
    return check_fail(ERR_USER, "%s: is no checkpoint, or its first bytes are damaged", path);
  const char *text = seal + sizeof MAGIC - 1;
  const int version = atoi(text);
  const char *end = memchr(seal, '\n', 64);
  if (end && version != CHECKPOINT_VERSION && version > 0 && version < 10000)
    return check_fail(ERR_USER, "%s: is of version %d of the format; this program reads version %d",
                      path, version, CHECKPOINT_VERSION);
  return OK;
}

err checkpoint_seal_check(MPI_Comm comm, const char *path) {
  char found[CHECKPOINT_SEAL_BYTES + 1] = {0}, wanted[CHECKPOINT_SEAL_BYTES];
  uint64_t bytes, sum[2];
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  err e = OK;
  if (file < 0)
    e = check_fail(ERR_USER, "%s: cannot be read: %s", path, strerror(errno));
  else if (read_all(file, found, CHECKPOINT_SEAL_BYTES, 0) != 0)
    e = check_fail(ERR_USER, "%s: is too short for a checkpoint, or cannot be read", path);
  else
    e = check_version(path, found);
  e = agree(comm, e);
  if (e == OK) e = hash_file(comm, path, file, &bytes, sum);
  if (e == OK) {
    write_seal(wanted, bytes, sum);
    if (memcmp(found, wanted, sizeof wanted) != 0)
      e = check_fail(ERR_USER, "%s: is damaged: its bytes do not fit its checksum", path);
    e = agree(comm, e);
  }
  if (file >= 0) close(file);
  return e;
}

bool checkpoint_is(const char *path) {
  char start[sizeof MAGIC - 1];
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  const bool is = file >= 0 && read_all(file, start, sizeof start, 0) == 0 &&
                  memcmp(start, MAGIC, sizeof start) == 0;
  if (file >= 0) close(file);
  return is;
}
