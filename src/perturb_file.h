/* perturb_file.h - a perturbed table as `shinkei phi --table` reads it, and what is kept of one
 * that is not complete. Called on one rank. */
#ifndef SHINKEI_PERTURB_FILE_H
#define SHINKEI_PERTURB_FILE_H

#include "check.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

typedef struct {              /* all borrowed */
  int n;                      /* nodes */
  char *const *label;         /* [n] */
  const unsigned char *state; /* [n] at the checkpoint */
  int64_t repeats;            /* of each state */
  const uint64_t *on;         /* [2^n][n] times on, little-endian */
  json_t *about;              /* object: where the table comes from */
} perturb_table;

/* May `path` be written, in the end? ERR_USER: it is there, and not to be replaced. */
LOCAL err perturb_file_check(const char *path, bool overwrite);
/* JSON, or HDF5 where the name ends so; NULL: JSON to standard output. Under another name first.
 * ERR_ENVIRONMENT: it cannot be written. */
LOCAL err perturb_file_write(const char *path, const perturb_table *t);

/* OUT.partial: `runs` of the table's runs are in on[cells]. The file says what it is of (about).
 * LOAD: *runs 0 where there is none; ERR_USER: it is of another table, or no such file. */
LOCAL err perturb_file_keep(const char *out, const json_t *about, int64_t runs, size_t cells,
                            const uint64_t *on);
LOCAL err perturb_file_load(const char *out, const json_t *about, int64_t *runs, size_t cells,
                            uint64_t *on);
LOCAL void perturb_file_forget(const char *out);

/* Is `path` such a file? */
LOCAL bool perturb_file_is_partial(const char *path);
/* Say in words what table it is of, and how far that is. ERR_USER: damaged. */
LOCAL err perturb_file_describe_partial(const char *path, FILE *to);

#endif
