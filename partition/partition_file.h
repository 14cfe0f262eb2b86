/* partition_file.h - inside partition/: read back what partition_write left. */
#ifndef SHINKEI_PARTITION_FILE_H
#define SHINKEI_PARTITION_FILE_H

#include "partition.h"

/* Fill p->slice_owner for the slice that p describes. ERR_USER: not such a file, or one of another
 * number of neurons or parts.                                                                  */
COLLECTIVE err partition_file_read(MPI_Comm comm, const char *file, partition *p);

#endif
