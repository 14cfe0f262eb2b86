/* HDF5 files of many estimates, and of tables. */
#include "hdf5_file.h"
#include "phi_evaluate.h"
#include "phi_info.h"
#include "phi_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *path;
  hid_t file;
  FILE *to;
  hsize_t groups, windows;
  uint8_t *done; /* [groups * windows] */
} results;

static bool has(hid_t file, const char *name) { return H5Lexists(file, name, H5P_DEFAULT) > 0; }

static bool is_results(hid_t file) {
  return has(file, "done") && has(file, "members") && H5Aexists(file, "settings") > 0;
}

bool phi_info_is_hdf5(const char *path) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0) return false;
  const bool known = is_results(file) || has(file, "tpm");
  H5Fclose(file);
  return known;
}

/* A dataset of rows x columns (columns 0: a list) as `type`, NULL where it is not so; caller frees.
 */
static void *read_all(const results *r, const char *name, hid_t type, hsize_t rows,
                      hsize_t columns) {
  const hid_t set = H5Dopen2(r->file, name, H5P_DEFAULT);
  if (set < 0) return NULL;
  const hid_t space = H5Dget_space(set);
  hsize_t size[2] = {0, 0};
  const int dimensions = H5Sget_simple_extent_ndims(space);
  if (dimensions == (columns ? 2 : 1)) H5Sget_simple_extent_dims(space, size, NULL);
  const hsize_t count = rows * (columns ? columns : 1);
  void *value = NULL;
  if (size[0] == rows && size[1] == columns &&
      H5Dget_storage_size(set) >= count * H5Tget_size(type)) {
    value = check_allocate(count, H5Tget_size(type));
    if (H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0) {
      free(value);
      value = NULL;
    }
  }
  H5Sclose(space);
  H5Dclose(set);
  return value;
}

static err missing(const results *r, const char *name) {
  return check_fail(ERR_USER, "%s: /%s is not there in full: the file is damaged", r->path, name);
}

static err read_size(results *r, hsize_t *size) {
  hsize_t dimensions[2][2];
  static const char *const names[2] = {"done", "members"};
  for (int k = 0; k < 2; k++) {
    const hid_t set = H5Dopen2(r->file, names[k], H5P_DEFAULT);
    const hid_t space = set < 0 ? -1 : H5Dget_space(set);
    const bool table = space >= 0 && H5Sget_simple_extent_ndims(space) == 2;
    if (table) H5Sget_simple_extent_dims(space, dimensions[k], NULL);
    if (space >= 0) H5Sclose(space);
    if (set >= 0) H5Dclose(set);
    if (!table) return missing(r, names[k]);
  }
  r->groups = dimensions[0][0], r->windows = dimensions[0][1];
  *size = dimensions[1][1];
  if (dimensions[1][0] != r->groups) return missing(r, "members");
  r->done = read_all(r, "done", H5T_NATIVE_UINT8, r->groups, r->windows);
  return r->done ? OK : missing(r, "done");
}

static int ascending(const void *left, const void *right) {
  const double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

/* The values of the finished estimates, ascending; `faulty` may have none. */
static err take_done(const results *r, const char *name, const double *fault, double **value,
                     hsize_t *count) {
  double *all = read_all(r, name, H5T_NATIVE_DOUBLE, r->groups, r->windows);
  *count = 0;
  if (!all) return missing(r, name);
  for (hsize_t i = 0; i < r->groups * r->windows; i++) {
    if (!r->done[i] || (fault && fault[i] != 0)) continue;
    if (isnan(all[i])) {
      free(all);
      return check_fail(ERR_USER,
                        "%s: /%s: estimate %llu is done but has no value: the file is damaged",
                        r->path, name, (unsigned long long)i);
    }
    all[(*count)++] = all[i];
  }
  qsort(all, *count, sizeof *all, ascending);
  *value = all;
  return OK;
}

static err print_measure(const results *r, phi_asked a, const double *fault) {
  char name[64];
  double *value = NULL;
  hsize_t count = 0, above = 0, told = 0;
  snprintf(name, sizeof name, "%s/value", phi_asked_name(a));
  err e = take_done(r, name, fault, &value, &count);
  if (e) return e;
  double mean = 0;
  for (hsize_t i = 0; i < count; i++) mean += value[i] / (double)count;
  fprintf(r->to, "  %s: ", phi_asked_name(a));
  if (count)
    fprintf(r->to, "mean %.6g, median %.6g, from %.6g to %.6g %s", mean, value[count / 2], value[0],
            value[count - 1], phi_asked_unit(a));
  else
    fprintf(r->to, "no value yet");
  free(value);
  snprintf(name, sizeof name, "%s/above", phi_asked_name(a));
  double *share = read_all(r, name, H5T_NATIVE_DOUBLE, r->groups, r->windows);
  if (!share) return missing(r, name);
  for (hsize_t i = 0; i < r->groups * r->windows; i++)
    if (r->done[i] && !isnan(share[i])) told++, above += share[i] == 0;
  free(share);
  if (told)
    fprintf(r->to, "; %llu of %llu above all of their shifted recordings",
            (unsigned long long)above, (unsigned long long)told);
  fputc('\n', r->to);
  return OK;
}

/* Finished estimates where the number is not 0. */
static err count_marked(const results *r, const char *name, hsize_t *marked) {
  double *value = read_all(r, name, H5T_NATIVE_DOUBLE, r->groups, r->windows);
  *marked = 0;
  if (!value) return missing(r, name);
  for (hsize_t i = 0; i < r->groups * r->windows; i++) *marked += r->done[i] && value[i] != 0;
  free(value);
  return OK;
}

static err print_coverage(const results *r) {
  hsize_t insufficient, constant, fault;
  err e = count_marked(r, "coverage/insufficient", &insufficient);
  if (!e) e = count_marked(r, "coverage/constant", &constant);
  if (!e) e = count_marked(r, "coverage/fault", &fault);
  if (e) return e;
  fprintf(
      r->to,
      "  data that may not carry the estimate: %llu; with elements that never change: %llu; could "
      "not be made: %llu\n",
      (unsigned long long)insufficient, (unsigned long long)constant, (unsigned long long)fault);
  return OK;
}

static void print_settings(const results *r) {
  char *text = hdf5_file_text(r->file, "settings");
  if (text) fprintf(r->to, "  settings: %s\n", text);
  free(text);
}

static err print_windows(const results *r) {
  double *begin = read_all(r, "window_begin", H5T_NATIVE_DOUBLE, r->windows, 0);
  if (!begin) return missing(r, "window_begin");
  if (r->windows > 1)
    fprintf(r->to, "  windows begin at %.9g to %.9g\n", begin[0], begin[r->windows - 1]);
  free(begin);
  return OK;
}

static err describe_results(results *r) {
  hsize_t size = 0, finished = 0;
  err e = read_size(r, &size);
  if (e) return e;
  const hsize_t tasks = r->groups * r->windows;
  for (hsize_t i = 0; i < tasks; i++) finished += r->done[i] != 0;
  fprintf(r->to,
          "%s: integrated information by shinkei phi: %llu groups of %llu elements, %llu %s\n",
          r->path, (unsigned long long)r->groups, (unsigned long long)size,
          (unsigned long long)r->windows, r->windows == 1 ? "window" : "windows");
  fprintf(r->to, "  %llu of %llu estimates are done%s\n", (unsigned long long)finished,
          (unsigned long long)tasks,
          finished < tasks ? "; the same command goes on with the rest" : "");
  e = print_windows(r);
  double *fault = read_all(r, "coverage/fault", H5T_NATIVE_DOUBLE, r->groups, r->windows);
  if (!e && !fault) e = missing(r, "coverage/fault");
  for (int a = 0; a < PHI_ASKED && !e; a++)
    if (has(r->file, phi_asked_name((phi_asked)a))) e = print_measure(r, (phi_asked)a, fault);
  free(fault);
  if (!e) e = print_coverage(r);
  if (!e) print_settings(r);
  return e;
}

static err describe_table(const char *path, FILE *to) {
  phi_table t;
  err e = phi_table_read_hdf5(path, PHI_ORDER_UNDECLARED, &t);
  if (e) return e;
  fprintf(to, "%s: a transition table of %d binary nodes, %s\n", path, t.n,
          t.by_state ? "by state" : "by node");
  phi_table_free(&t);
  return OK;
}

err phi_info_describe_hdf5(const char *path, FILE *to) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  results r = {.path = path, .file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), .to = to};
  if (r.file < 0) return check_fail(ERR_USER, "%s cannot be read as an HDF5 file", path);
  const bool many = is_results(r.file);
  err e = many ? describe_results(&r) : OK;
  free(r.done);
  H5Fclose(r.file);
  return many ? e : describe_table(path, to);
}
