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

enum { BLOCK_BYTES = 256 << 10 };
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

/* ---- blocks ---- */

static uint64_t blocks_of(uint64_t bytes) {
  return (bytes - CHECKPOINT_SEAL_BYTES + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

void checkpoint_seal_note(checkpoint_seal_blocks *known, uint64_t at, uint64_t bytes,
                          const void *data) {
  if (at < CHECKPOINT_SEAL_BYTES) CHECK_ABORT("a note of what stands in the seal");
  const uint64_t begin = at - CHECKPOINT_SEAL_BYTES, end = begin + bytes;
  for (uint64_t i = (begin + BLOCK_BYTES - 1) / BLOCK_BYTES; (i + 1) * BLOCK_BYTES <= end; i++) {
    const XXH128_hash_t hash =
        XXH3_128bits_withSeed((const char *)data + (i * BLOCK_BYTES - begin), BLOCK_BYTES, i);
    known->sum[0] += hash.low64;
    known->sum[1] += hash.high64;
    if (known->count == 0) known->first_hash = hash.low64;
    known->block =
        check_grow(known->block, &known->capacity, known->count + 1, sizeof *known->block);
    known->block[known->count++] = i;
  }
}

/* Hash of a block that is read. */
static int hash_block(int file, uint64_t bytes, uint64_t i, char *room, XXH128_hash_t *hash) {
  const uint64_t at = CHECKPOINT_SEAL_BYTES + i * BLOCK_BYTES;
  const size_t size = bytes - at < BLOCK_BYTES ? (size_t)(bytes - at) : BLOCK_BYTES;
  const int status = read_all(file, room, size, (off_t)at);
  if (status == 0) *hash = XXH3_128bits_withSeed(room, size, i);
  return status;
}

static bool is_marked(const unsigned char *mark, uint64_t i) {
  return mark && mark[i / 8] >> (i % 8) & 1;
}

/* This rank's share of the blocks that are not marked (NULL: of all), added to sum. */
static int hash_share(MPI_Comm comm, int file, uint64_t bytes, const unsigned char *mark,
                      uint64_t sum[2]) {
  int rank, ranks, status = 0;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  const uint64_t blocks = blocks_of(bytes);
  uint64_t left = 0, next = 0;
  for (uint64_t i = 0; i < blocks; i++) left += !is_marked(mark, i);
  const uint64_t first = left * (uint64_t)rank / (uint64_t)ranks;
  const uint64_t end = left * ((uint64_t)rank + 1) / (uint64_t)ranks;
  char *room = check_allocate_raw(BLOCK_BYTES, 1);
  for (uint64_t i = 0; status == 0 && i < blocks && next < end; i++) {
    XXH128_hash_t hash = {0};
    if (is_marked(mark, i) || next++ < first) continue;
    status = hash_block(file, bytes, i, room, &hash);
    sum[0] += hash.low64;
    sum[1] += hash.high64;
  }
  free(room);
  return status;
}

/* Is what this rank noted first there? */
static bool is_there(int file, uint64_t bytes, const checkpoint_seal_blocks *known) {
  XXH128_hash_t hash;
  if (known->count == 0) return true;
  if (known->block[known->count - 1] >= blocks_of(bytes)) return false;
  char *room = check_allocate_raw(BLOCK_BYTES, 1);
  const bool is =
      hash_block(file, bytes, known->block[0], room, &hash) == 0 && hash.low64 == known->first_hash;
  free(room);
  return is;
}

/* The blocks that any rank has noted, a bit each; NULL: nothing is noted, or not to be trusted. */
static unsigned char *mark_known(MPI_Comm comm, int file, uint64_t bytes,
                                 const checkpoint_seal_blocks *known) {
  int says[2] = {known->count == 0, is_there(file, bytes, known)}, all[2];
  AGREE_MPI(MPI_Allreduce(says, all, 2, MPI_INT, MPI_LAND, comm));
  if (all[0] || !all[1]) return NULL;
  const size_t size = (size_t)(blocks_of(bytes) / 8 + 1);
  unsigned char *mark = check_allocate(size, 1);
  for (size_t i = 0; i < known->count; i++)
    mark[known->block[i] / 8] |= (unsigned char)(1 << (known->block[i] % 8));
  AGREE_MPI(MPI_Allreduce(MPI_IN_PLACE, mark, (int)size, MPI_UNSIGNED_CHAR, MPI_BOR, comm));
  return mark;
}

/* Length and checksum of the file, the same on all ranks; `known` may be NULL. */
static err hash_file(MPI_Comm comm, const char *path, int file, const checkpoint_seal_blocks *known,
                     uint64_t *bytes, uint64_t sum[2]) {
  struct stat status;
  uint64_t mine[2] = {0};
  err e = OK;
  if (file < 0 || fstat(file, &status) != 0)
    e = check_fail(ERR_ENVIRONMENT, "%s: cannot be read: %s", path, strerror(errno));
  else if (status.st_size < CHECKPOINT_SEAL_BYTES)
    e = check_fail(ERR_USER, "%s: has %lld bytes, which is no whole checkpoint", path,
                   (long long)status.st_size);
  if ((e = agree(comm, e)) != OK) return e;
  *bytes = (uint64_t)status.st_size;
  unsigned char *mark = known ? mark_known(comm, file, *bytes, known) : NULL;
  if (mark) memcpy(mine, known->sum, sizeof mine);
  if (hash_share(comm, file, *bytes, mark, mine) != 0)
    e = check_fail(ERR_ENVIRONMENT, "%s: cannot be read: %s", path, strerror(errno));
  free(mark);
  if ((e = agree(comm, e)) != OK) return e;
  AGREE_MPI(MPI_Allreduce(mine, sum, 2, MPI_UINT64_T, MPI_SUM, comm));
  return OK;
}

/* ---- putting and checking ---- */

err checkpoint_seal_put(MPI_Comm comm, const char *path, const checkpoint_seal_blocks *known,
                        uint64_t *bytes) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  uint64_t sum[2];
  const int file = open(path, O_RDWR | O_CLOEXEC);
  err e = hash_file(comm, path, file, known, bytes, sum);
  /* Every rank's part of the body is on the disk before the seal says that it is whole. */
  if (e == OK && fsync(file) != 0)
    e = check_fail(ERR_ENVIRONMENT, "%s: cannot be written: %s", path, strerror(errno));
  e = agree(comm, e);
  if (e == OK && rank == 0) {
    char seal[CHECKPOINT_SEAL_BYTES];
    write_seal(seal, *bytes, sum);
    if (pwrite(file, seal, sizeof seal, 0) != (ssize_t)sizeof seal || fsync(file) != 0)
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
  const bool no_file = check_is_no_file(path);
  const int file = no_file ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  err e = OK;
  if (no_file)
    e = check_fail(ERR_USER, "%s: is no file", path);
  else if (file < 0)
    e = check_fail(ERR_USER, "%s: cannot be read: %s", path, strerror(errno));
  else if (read_all(file, found, CHECKPOINT_SEAL_BYTES, 0) != 0)
    e = check_fail(ERR_USER, "%s: is too short for a checkpoint, or cannot be read", path);
  else
    e = check_version(path, found);
  e = agree(comm, e);
  if (e == OK) e = hash_file(comm, path, file, NULL, &bytes, sum);
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
