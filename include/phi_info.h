/* phi_info.h - say in words what `shinkei phi` and `shinkei perturb` have left in a file.
 *
 * JSON reports and tables, HDF5 files of many estimates (phi_many.h) and HDF5 tables. What is said
 * has been read and checked: shapes agree, what is marked as done has values.                    */
#ifndef SHINKEI_PHI_INFO_H
#define SHINKEI_PHI_INFO_H

#include "check.h"
#include <stdbool.h>
#include <stdio.h>

/* Is it one of these, by its keys or members? What cannot be read is none. */
LOCAL bool phi_info_is_json(const char *path);
LOCAL bool phi_info_is_hdf5(const char *path);

/* ERR_USER: damaged, or at odds with itself. */
LOCAL err phi_info_describe_json(const char *path, FILE *to);
LOCAL err phi_info_describe_hdf5(const char *path, FILE *to);

#endif
