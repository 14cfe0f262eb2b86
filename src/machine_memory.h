/* machine_memory.h - how much memory a process may still take: the machine's, or what a control
 * group (a container, a SLURM job with --mem) leaves of its limit. */
#ifndef SHINKEI_MACHINE_MEMORY_H
#define SHINKEI_MACHINE_MEMORY_H

#include "check.h"

typedef struct {
  uint64_t free;   /* [B] now; pages of files that can be dropped count as free */
  char limit[256]; /* what sets it, in words                                     */
} machine_memory;

/* `root`: "" for this machine; tests put a folder that holds proc/ and the control groups before
 * every path. What cannot be read sets no limit. */
LOCAL machine_memory machine_memory_look(const char *root);

#endif
