/* info.h - say in words what is in a file: what the program writes, and SONATA of anyone else's.
 *
 * Everything that is said has been read: lengths agree, order is as the file claims, ids and times
 * are counted, so that a truncated or damaged file is found.                                  */
#ifndef SHINKEI_INFO_H
#define SHINKEI_INFO_H

#include "check.h"
#include <stdbool.h>
#include <stdio.h>

/* Does the file begin like HDF5? */
LOCAL bool info_is_hdf5(const char *path);

/* Describe an HDF5 file: SONATA spikes, reports, edges, nodes; partitions, checkpoints (a root
 * attribute "format" that begins with "shinkei"). ERR_USER: damaged, or none of these.        */
LOCAL err info_describe_hdf5(const char *path, FILE *to);

#endif
