/* phi_table.h - transition tables and recordings from JSON, CSV and HDF5 files.
 *
 * A transition table of n binary nodes has 2^n rows, one a state at t, and either n columns,
 * P(node ON at t+1 | state), or 2^n columns, P(state at t+1 | state); which, its width tells. How
 * rows (and columns of states) are numbered must be declared, in the file or by the caller:
 *   little-endian  state i: node j is on where bit j of i is set (node 0 varies fastest)
 *   big-endian     node 0 varies slowest
 * and is checked against state labels where the file has them. Held little-endian.
 *
 * JSON:
 *   "tpm": [[...], ...]
 *   "order": "little-endian"    required, unless the caller declares it
 *   "cm": [[...], ...]          optional, n x n of 0 and 1: cm[i][j] = 1 is an edge from i to j
 *   "state": [...]              optional, the current state, node 0 first
 *   "states": ["00", ...]       optional labels of the rows, node 0 first, checked
 *   "name", "nodes", "about"    optional: its name, names of the nodes, where it comes from
 * Any other key is an error.
 *
 * CSV: one row a line, separated by commas, semicolons or blanks; "# order: little-endian" before
 * them; lines of # are comments. A first line that starts with `state` is a header, and each row
 * then starts with its label; one without any number is names. An empty cell is an error.
 *
 * HDF5: /tpm with a text attribute `order`, optionally /cm and /state.
 *
 * Every fault is ERR_USER with the file, and the line, row or key. Nothing is to be freed then.  */
#ifndef SHINKEI_PHI_TABLE_H
#define SHINKEI_PHI_TABLE_H

#include "check.h"
#include <stdbool.h>

#define PHI_TABLE_NODES 16

typedef enum { PHI_ORDER_UNDECLARED, PHI_ORDER_LITTLE, PHI_ORDER_BIG } phi_order;

typedef struct {
  int n;
  bool by_state;         /* `entry` is [2^n][2^n], else [2^n][n] */
  double *entry;         /* little-endian, owned */
  uint8_t *connectivity; /* [n][n], owned; NULL: not given */
  uint8_t *state;        /* [n], owned; NULL: not given */
} phi_table;

/* "little-endian" or "big-endian". */
LOCAL err phi_order_of(const char *name, phi_order *order);

/* By the file's ending: .json, .csv, .h5 or .hdf5. `declared`: the caller's order; that of the file
 * must be the same where both are given.                                                      */
LOCAL err phi_table_read(const char *path, phi_order declared, phi_table *made);
/* Of text[length] in memory; `name` stands in messages. */
LOCAL err phi_table_parse_json(const char *name, const char *text, size_t length,
                               phi_order declared, phi_table *made);
LOCAL err phi_table_parse_csv(const char *name, const char *text, size_t length, phi_order declared,
                              phi_table *made);
LOCAL void phi_table_free(phi_table *t);

/* value[rows][columns] as found in a file, any order: checked and brought to little-endian.
 * Takes nothing over.                                                                         */
LOCAL err phi_table_make(const char *name, size_t rows, size_t columns, const double *value,
                         phi_order order, phi_table *made);

/* A recording: value[samples][n], owned by the caller. */
typedef struct {
  int64_t samples;
  int n;
  double *value;
} phi_series;

/* CSV (one sample a line, an optional first line of names) or HDF5 (dataset /series). Every number
 * must be finite.                                                                             */
LOCAL err phi_series_read(const char *path, phi_series *made);
LOCAL err phi_series_parse_csv(const char *name, const char *text, size_t length, phi_series *made);

/* The whole of a file, with a 0 after it; caller frees. */
LOCAL err phi_table_text(const char *path, char **text, size_t *length);
/* The HDF5 forms (analysis/phi_table_file.c). */
LOCAL err phi_table_read_hdf5(const char *path, phi_order declared, phi_table *made);
LOCAL err phi_series_read_hdf5(const char *path, phi_series *made);

#endif
