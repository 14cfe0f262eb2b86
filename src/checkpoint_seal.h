/* checkpoint_seal.h - the first 512 bytes of a checkpoint (HDF5's user block): what the file is,
 * how long, and a checksum of everything behind them. Written last; a file without it is
 * unfinished.
 *
 * Text, padded with zeros:
 *   shinkei checkpoint <version>
 *   bytes <length of the whole file>
 *   xxh3 <32 hexadecimal digits>     sum over blocks of 256 KiB behind the seal, block i (from 0):
 *                                    the two 64-bit halves (low, high; sums mod 2^64) of
 *                                    XXH3-128 of the block with seed i
 *   seal <16 hexadecimal digits>     XXH3-64 of the three lines above                            */
#ifndef SHINKEI_CHECKPOINT_SEAL_H
#define SHINKEI_CHECKPOINT_SEAL_H

#include "check.h"
#include <mpi.h>
#include <stdbool.h>

enum { CHECKPOINT_VERSION = 3, CHECKPOINT_SEAL_BYTES = 512 };

/* Blocks that a rank has hashed while they were in its memory, so that the seal need not read them
 * back. Starts as zeros. */
typedef struct {
  uint64_t sum[2], first_hash; /* XXH3-128's low half of block[0] */
  size_t count, capacity;
  uint64_t *block;
} checkpoint_seal_blocks;

/* `data` is what stands, or will stand, at `at` in the file; its whole blocks are noted. No byte
 * may be noted twice. */
LOCAL void checkpoint_seal_note(checkpoint_seal_blocks *known, uint64_t at, uint64_t bytes,
                                const void *data);

/* Hash the file that all ranks wrote (and closed), sync, put the seal on it, sync. Reads what no
 * rank has noted, and one noted block of each rank: where that is not what was noted, everything.
 */
COLLECTIVE err checkpoint_seal_put(MPI_Comm comm, const char *path,
                                   const checkpoint_seal_blocks *known, uint64_t *bytes);
/* ERR_USER with one message that begins with the path: no checkpoint, unfinished, of another
 * version, damaged. Every byte of the file is read. */
COLLECTIVE err checkpoint_seal_check(MPI_Comm comm, const char *path);

#endif
