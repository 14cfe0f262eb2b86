/* info_file.h - reading HDF5 files of unknown content without trust. */
#ifndef SHINKEI_INFO_FILE_H
#define SHINKEI_INFO_FILE_H

#include "check.h"
#include <hdf5.h>
#include <stdbool.h>
#include <stdio.h>

typedef struct {
  const char *path; /* of the file, for messages */
  hid_t file;
  FILE *to;
} info_file;

enum { INFO_NAME = 256, INFO_BLOCK = 1 << 16 };

/* Is there an object of this path (printf style)? */
LOCAL bool info_has(const info_file *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Members of a group, by name: call with i = 0, 1, ... until false. */
LOCAL bool info_member(const info_file *f, const char *group, hsize_t i, char name[INFO_NAME]);
/* Is the path a dataset (else a group)? */
LOCAL bool info_is_dataset(const info_file *f, const char *path);

typedef struct {
  hid_t set;
  int dimensions;
  hsize_t size[2]; /* 0 and 1 dimension: size[1] = 1 */
  char path[2 * INFO_NAME];
} info_column;

/* Open a dataset of at most 2 dimensions. ERR_USER: not there, no numbers where `number`, or the
 * file holds less than its length says. Close with info_close.                                */
LOCAL err info_open(const info_file *f, bool number, info_column *c, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
LOCAL void info_close(info_column *c);
/* Read rows [first, first + count) of a 1-dimensional column as `type`. */
LOCAL err info_read(const info_file *f, const info_column *c, hid_t type, hsize_t first,
                    hsize_t count, void *data);

/* Value of an attribute as text, "" where there is none: strings, numbers, enums, short lists. */
LOCAL char *info_attribute(const info_file *f, const char *object, const char *name,
                           char text[INFO_NAME]);

/* "1,234,567" */
LOCAL const char *info_grouped(unsigned long long number, char text[32]);

#endif
