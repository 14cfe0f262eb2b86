#include "perturb_file.h"
#include "hdf5_file.h"
#include "perturb_nodes.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* OUT with an ending; caller frees. */
static char *beside(const char *out, const char *ending) {
  char *name = check_allocate(strlen(out) + strlen(ending) + 1, 1);
  return strcat(strcpy(name, out), ending);
}

err perturb_file_check(const char *path, bool overwrite) {
  if (!path) return OK;
  if (access(path, F_OK) == 0 && !overwrite)
    return check_fail(ERR_USER, "%s exists; --overwrite replaces it", path);
  return check_writable_file(path);
}

static double share(const perturb_table *t, size_t cell) {
  return (double)t->on[cell] / (double)t->repeats;
}

/* Of the share, from the sample: sqrt(p (1 - p) / (repeats - 1)); NaN where there is one repeat. */
static double standard_error(const perturb_table *t, size_t cell) {
  const double p = share(t, cell);
  return t->repeats > 1 ? sqrt(p * (1 - p) / (double)(t->repeats - 1)) : NAN;
}

/* ---- JSON ---- */

static json_t *rows(const perturb_table *t, json_t *(*value)(const perturb_table *, size_t)) {
  json_t *all = json_array();
  for (size_t i = 0; i < (size_t)1 << t->n; i++) {
    json_t *row = json_array();
    for (size_t j = 0; j < (size_t)t->n; j++)
      json_array_append_new(row, value(t, i * (size_t)t->n + j));
    json_array_append_new(all, row);
  }
  return all;
}

static json_t *share_value(const perturb_table *t, size_t cell) {
  return json_real(share(t, cell));
}
static json_t *on_value(const perturb_table *t, size_t cell) {
  return json_integer((json_int_t)t->on[cell]);
}
static json_t *error_value(const perturb_table *t, size_t cell) {
  const double e = standard_error(t, cell);
  return isnan(e) ? json_null() : json_real(e);
}

static json_t *state_labels(int n) {
  json_t *all = json_array();
  for (size_t i = 0; i < (size_t)1 << n; i++) {
    char label[32] = {0};
    for (int j = 0; j < n; j++) label[j] = i >> j & 1 ? '1' : '0';
    json_array_append_new(all, json_string(label));
  }
  return all;
}

static json_t *describe(const perturb_table *t) {
  json_t *root = json_object(), *state = json_array(), *nodes = json_array();
  json_t *about = json_deep_copy(t->about);
  for (int j = 0; j < t->n; j++) {
    json_array_append_new(state, json_integer(t->state[j]));
    json_array_append_new(nodes, json_string(t->label[j]));
  }
  json_object_set_new(about, "times_on", rows(t, on_value));
  json_object_set_new(about, "standard_error", rows(t, error_value));
  json_object_set_new(root, "order", json_string("little-endian"));
  json_object_set_new(root, "nodes", nodes);
  json_object_set_new(root, "state", state);
  json_object_set_new(root, "states", state_labels(t->n));
  json_object_set_new(root, "tpm", rows(t, share_value));
  json_object_set_new(root, "about", about);
  return root;
}

/* Keys of objects one a line, rows of tables too. */
static void print(FILE *to, const json_t *value, int depth) {
  const bool object = json_is_object(value);
  if (!object && !json_is_array(json_array_get(value, 0))) {
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    if (!text) CHECK_ABORT("a table could not be written as JSON");
    fputs(text, to);
    free(text);
    return;
  }
  const char *key, *between = "";
  json_t *item;
  size_t i;
  fputc(object ? '{' : '[', to);
  if (object) {
    json_object_foreach((json_t *)value, key, item) {
      fprintf(to, "%s\n%*s\"%s\": ", between, depth + 1, "", key); /* keys are ours: plain words */
      print(to, item, depth + 1);
      between = ",";
    }
  } else {
    json_array_foreach(value, i, item) {
      fprintf(to, "%s\n%*s", between, depth + 1, "");
      print(to, item, depth + 1);
      between = ",";
    }
  }
  fprintf(to, "\n%*s%c", depth, "", object ? '}' : ']');
}

static bool write_json(const char *path, const perturb_table *t) {
  FILE *file = path ? fopen(path, "w") : stdout;
  if (!file) return false;
  json_t *root = describe(t);
  print(file, root, 0);
  fputc('\n', file);
  json_decref(root);
  bool written = fflush(file) == 0 && !ferror(file);
  if (path && fclose(file) != 0) written = false;
  return written;
}

/* ---- HDF5 ---- */

static bool put_array(hid_t file, const char *name, hid_t type, size_t rows_, size_t columns,
                      const void *value) {
  const hsize_t size[2] = {rows_, columns};
  const hid_t space = H5Screate_simple(columns > 0 ? 2 : 1, size, NULL);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(creation, false); /* the same bytes at any time */
  const hid_t data = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  const bool written = data >= 0 && H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0;
  H5Pclose(creation);
  if (data >= 0 && H5Dclose(data) < 0) return false;
  H5Sclose(space);
  return written;
}

static bool put_text(hid_t file, const char *object, const char *name, const char *text) {
  const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, strlen(text) + 1);
  H5Tset_cset(type, H5T_CSET_UTF8);
  const hid_t to =
      H5Acreate_by_name(file, object, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const bool written = to >= 0 && H5Awrite(to, type, text) >= 0;
  if (to >= 0) H5Aclose(to);
  H5Sclose(space);
  H5Tclose(type);
  return written;
}

static bool put_labels(hid_t file, const perturb_table *t) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  const bool written = put_array(file, "nodes", type, (size_t)t->n, 0, t->label);
  H5Tclose(type);
  return written;
}

static bool put_tables(hid_t file, const perturb_table *t) {
  const size_t states = (size_t)1 << t->n, n = (size_t)t->n;
  double *p = check_allocate(states * n, sizeof *p), *error = check_allocate(states * n, sizeof *p);
  for (size_t i = 0; i < states * n; i++) {
    p[i] = share(t, i);
    error[i] = standard_error(t, i);
  }
  const bool written = put_array(file, "tpm", H5T_NATIVE_DOUBLE, states, n, p) &&
                       put_array(file, "standard_error", H5T_NATIVE_DOUBLE, states, n, error) &&
                       put_array(file, "times_on", H5T_NATIVE_UINT64, states, n, t->on);
  free(p);
  free(error);
  return written;
}

static bool write_hdf5(const char *path, const perturb_table *t) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* our messages name the file */
  const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  if (file < 0) return false;
  char *about = json_dumps(t->about, JSON_REAL_PRECISION(17));
  if (!about) CHECK_ABORT("a table's origin could not be written as JSON");
  const bool written = put_tables(file, t) && put_labels(file, t) &&
                       put_array(file, "state", H5T_NATIVE_UCHAR, (size_t)t->n, 0, t->state) &&
                       put_text(file, "tpm", "order", "little-endian") &&
                       put_text(file, ".", "about", about);
  free(about);
  return H5Fclose(file) >= 0 && written;
}

/* Of the HDF5 file: three tables, and what is told of them. */
static uint64_t bytes_of(const perturb_table *t) {
  return 3 * sizeof(double) * ((uint64_t)t->n << t->n) + json_dumpb(t->about, NULL, 0, 0);
}

err perturb_file_write(const char *path, const perturb_table *t) {
  char *fresh = path ? beside(path, ".new") : NULL;
  const bool hdf5 = path && check_named_hdf5(path);
  if (hdf5 && hdf5_file_prepare(fresh, "the table", bytes_of(t)) != OK) {
    free(fresh);
    return ERR_ENVIRONMENT;
  }
  errno = 0;
  const bool written = hdf5 ? write_hdf5(fresh, t) : write_json(fresh, t);
  err e = OK;
  if (!written || (path && rename(fresh, path) != 0))
    e = check_fail(ERR_ENVIRONMENT, "%s cannot be written: %s", path ? path : "standard output",
                   errno ? strerror(errno) : "HDF5 failed");
  if (e != OK && path) unlink(fresh);
  free(fresh);
  return e;
}

/* ---- what is not complete ---- */

err perturb_file_keep(const char *out, const json_t *about, int64_t runs, size_t cells,
                      const uint64_t *on) {
  char *path = beside(out, ".partial"), *fresh = beside(out, ".partial.new");
  json_t *root = json_object(), *counts = json_array();
  for (size_t i = 0; i < cells; i++) json_array_append_new(counts, json_integer((json_int_t)on[i]));
  json_object_set_new(root, "about", json_deep_copy(about));
  json_object_set_new(root, "runs", json_integer(runs));
  json_object_set_new(root, "times_on", counts);
  err e = OK;
  if (json_dump_file(root, fresh, JSON_REAL_PRECISION(17)) != 0 || rename(fresh, path) != 0)
    e = check_fail(ERR_ENVIRONMENT, "%s cannot be written: %s", path, strerror(errno));
  json_decref(root);
  free(fresh);
  free(path);
  return e;
}

static bool take_counts(const json_t *root, int64_t *runs, size_t cells, uint64_t *on) {
  const json_t *counts = json_object_get(root, "times_on");
  *runs = json_integer_value(json_object_get(root, "runs"));
  if (json_array_size(counts) != cells || *runs < 0) return false;
  for (size_t i = 0; i < cells; i++) {
    const json_t *cell = json_array_get(counts, i);
    const json_int_t count = json_integer_value(cell);
    if (!json_is_integer(cell) || count < 0 || count > *runs) return false;
    on[i] = (uint64_t)count;
  }
  return true;
}

err perturb_file_load(const char *out, const json_t *about, int64_t *runs, size_t cells,
                      uint64_t *on) {
  char *path = beside(out, ".partial");
  err e = OK;
  *runs = 0;
  if (access(path, F_OK) == 0) {
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    if (!root || !json_equal(json_object_get(root, "about"), about) ||
        !take_counts(root, runs, cells, on))
      e = check_fail(ERR_USER, "%s is of another perturbation, or damaged; --overwrite begins anew",
                     path);
    json_decref(root);
  }
  free(path);
  return e;
}

bool perturb_file_is_partial(const char *path) {
  json_t *root = json_load_file(path, 0, NULL);
  const bool is = json_object_get(root, "about") && json_object_get(root, "times_on");
  json_decref(root);
  return is;
}

static void print_about(FILE *to, const json_t *about) {
  static const char *const told[] = {"checkpoint", "time_ms",    "bin_ms",
                                     "delay_ms",   "background", "background_seed"};
  for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
    const json_t *value = json_object_get(about, told[i]);
    if (json_is_string(value)) fprintf(to, "  %s: %s\n", told[i], json_string_value(value));
    if (json_is_number(value)) fprintf(to, "  %s: %.15g\n", told[i], json_number_value(value));
  }
}

err perturb_file_describe_partial(const char *path, FILE *to) {
  json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
  const json_t *about = json_object_get(root, "about"), *one;
  const json_t *nodes = json_object_get(about, "nodes");
  const size_t n = json_array_size(nodes);
  const json_int_t repeats = json_integer_value(json_object_get(about, "repeats"));
  uint64_t *on = check_allocate(json_array_size(json_object_get(root, "times_on")), sizeof *on);
  int64_t runs;
  err e = OK;
  if (n == 0 || n > PERTURB_NODES_MAX || repeats < 1 || repeats > INT64_MAX >> n ||
      !take_counts(root, &runs, n << n, on) || runs > repeats << n)
    e = check_fail(ERR_USER, "%s: is damaged", path);
  if (e == OK) {
    fprintf(to,
            "%s: %lld of the %lld runs of a table by perturbation, %lld for each of 2^%zu states\n",
            path, (long long)runs, (long long)repeats << n, (long long)repeats, n);
    fputs("  nodes:", to);
    for (size_t i = 0; i < n && (one = json_array_get(nodes, i)); i++)
      fprintf(to, " %s", json_is_string(one) ? json_string_value(one) : "?");
    fputc('\n', to);
    print_about(to, about);
  }
  free(on);
  json_decref(root);
  return e;
}

void perturb_file_forget(const char *out) {
  char *path = beside(out, ".partial");
  unlink(path);
  free(path);
}
