#include "phi_many_file.h"

#include "hdf5_file.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const fields[PHI_RESULT_FIELDS] = {
    "value", "low", "high", "surrogate_mean", "surrogate_deviation", "above"};
static const char *const coverage[PHI_COVERAGE_FIELDS] = {
    "pairs",    "states_seen",  "states_weak",       "state", "state_share",
    "constant", "insufficient", "replicates_failed", "fault"};

struct phi_many_file {
  char *path;
  hid_t file, done;
  hid_t data[PHI_RESULT_LENGTH];
  int windows, count;
};

static err failed(const phi_many_file *f, const char *what) {
  return check_fail(ERR_ENVIRONMENT, "%s: %s failed: %s", f->path, what, hdf5_file_cause());
}

static void put_text(hid_t file, const char *name, const char *text) {
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, strlen(text) + 1);
  hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, type, text);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}

static bool same_text(hid_t file, const char *name, const char *text) {
  char *found = hdf5_file_text(file, name);
  const bool same = found && !strcmp(found, text);
  free(found);
  return same;
}

/* Contiguous, claimed at once, so that later writes change no structure of the file. */
static hid_t create_data(hid_t file, const char *name, hid_t type, int rows, int columns,
                         const void *value) {
  const hsize_t size[2] = {(hsize_t)rows, (hsize_t)columns};
  const double nothing = NAN;
  const uint8_t zero = 0;
  hid_t space = H5Screate_simple(columns ? 2 : 1, size, NULL), how = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_alloc_time(how, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(how, H5D_FILL_TIME_ALLOC);
  H5Pset_obj_track_times(how, false); /* the same bytes whenever and wherever it runs */
  if (type == H5T_NATIVE_DOUBLE) H5Pset_fill_value(how, type, &nothing);
  if (type == H5T_NATIVE_UINT8) H5Pset_fill_value(how, type, &zero);
  hid_t data = H5Dcreate2(file, name, type, space, H5P_DEFAULT, how, H5P_DEFAULT);
  if (data >= 0 && value && H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0) {
    H5Dclose(data);
    data = -1;
  }
  H5Pclose(how);
  H5Sclose(space);
  return data;
}

/* A list of strings of equal length. */
static hid_t create_names(hid_t file, int names, const char *const *name) {
  size_t length = 1;
  for (int i = 0; i < names; i++)
    if (strlen(name[i]) >= length) length = strlen(name[i]) + 1;
  char *text = check_allocate((size_t)names, length);
  for (int i = 0; i < names; i++) strcpy(text + (size_t)i * length, name[i]);
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, length);
  H5Tset_cset(type, H5T_CSET_UTF8);
  const hid_t data = create_data(file, "population_names", type, names, 0, text);
  H5Tclose(type);
  free(text);
  return data;
}

/* Name of number `at` of a task's results; false where its measure was not asked. */
static bool name_of(const phi_job *job, int at, char name[64]) {
  const int a = at / PHI_RESULT_FIELDS;
  if (a >= PHI_ASKED) {
    snprintf(name, 64, "coverage/%s", coverage[at - PHI_RESULT_FIELDS * PHI_ASKED]);
    return true;
  }
  snprintf(name, 64, "%s/%s", phi_asked_name((phi_asked)a), fields[at % PHI_RESULT_FIELDS]);
  return job->plan->request.asked >> a & 1;
}

static uint64_t bytes_of(const phi_job *job) {
  char name[64];
  uint64_t numbers = 0;
  for (int at = 0; at < PHI_RESULT_LENGTH; at++) numbers += name_of(job, at, name);
  const uint64_t groups = (uint64_t)job->groups, windows = (uint64_t)job->windows;
  return groups * windows * (numbers * sizeof(double) + 1) + windows * sizeof(double) +
         groups * (uint64_t)job->size * (sizeof(int64_t) + sizeof(int32_t));
}

static err create(phi_many_file *f, const phi_job *job, const char *temporary) {
  const err e = hdf5_file_prepare(temporary, "the estimates", bytes_of(job));
  if (e != OK) return e;
  f->file = H5Fcreate(temporary, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  if (f->file < 0) return failed(f, "creating the file");
  char name[64];
  bool whole = true;
  for (int at = 0; at < PHI_RESULT_LENGTH; at++) {
    f->data[at] = -1;
    if (!name_of(job, at, name)) continue;
    char *slash = strchr(name, '/');
    *slash = 0;
    if (H5Lexists(f->file, name, H5P_DEFAULT) <= 0)
      H5Gclose(H5Gcreate2(f->file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    *slash = '/';
    f->data[at] = create_data(f->file, name, H5T_NATIVE_DOUBLE, job->groups, job->windows, NULL);
    whole &= f->data[at] >= 0;
  }
  f->done = create_data(f->file, "done", H5T_NATIVE_UINT8, job->groups, job->windows, NULL);
  hid_t more[4] = {
      create_data(f->file, "members", H5T_NATIVE_INT64, job->groups, job->size, job->member),
      create_data(f->file, "populations", H5T_NATIVE_INT32, job->groups, job->size,
                  job->population),
      create_data(f->file, "window_begin", H5T_NATIVE_DOUBLE, job->windows, 0, job->begin),
      create_names(f->file, job->names, job->name)};
  for (int k = 0; k < 4; k++) {
    whole &= more[k] >= 0;
    if (more[k] >= 0) H5Dclose(more[k]);
  }
  put_text(f->file, "settings", job->settings);
  put_text(f->file, "definitions", phi_evaluate_definitions());
  whole &= f->done >= 0 && H5Fflush(f->file, H5F_SCOPE_LOCAL) >= 0;
  return whole ? OK : failed(f, "creating the file");
}

static err open_again(phi_many_file *f, const phi_job *job, uint8_t *done) {
  f->file = H5Fopen(f->path, H5F_ACC_RDWR, H5P_DEFAULT);
  if (f->file < 0)
    return check_fail(ERR_USER,
                      "%s is there but cannot be opened as an HDF5 file: it is none, or another "
                      "program is writing it; --overwrite replaces it, another --out keeps it",
                      f->path);
  if (!same_text(f->file, "settings", job->settings))
    return check_fail(ERR_USER,
                      "%s holds something else, or results of other settings; --overwrite replaces "
                      "it, another --out keeps it",
                      f->path);
  char name[64];
  bool whole = true;
  for (int at = 0; at < PHI_RESULT_LENGTH; at++) {
    if (!name_of(job, at, name)) continue;
    f->data[at] = H5Dopen2(f->file, name, H5P_DEFAULT);
    whole &= f->data[at] >= 0;
  }
  f->done = H5Dopen2(f->file, "done", H5P_DEFAULT);
  if (!whole || f->done < 0 ||
      H5Dread(f->done, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, done) < 0)
    return check_fail(ERR_USER, "%s is not whole; --overwrite replaces it", f->path);
  return OK;
}

/* A new file appears under its name only when it is whole. */
static err create_whole(phi_many_file *f, const phi_job *job) {
  char *temporary = check_allocate(strlen(f->path) + 5, 1);
  sprintf(temporary, "%s.new", f->path);
  err e = create(f, job, temporary);
  if (!e && rename(temporary, f->path))
    e = check_fail(ERR_ENVIRONMENT, "%s: renaming the new file failed: %s", f->path,
                   strerror(errno));
  if (e) unlink(temporary);
  free(temporary);
  return e;
}

err phi_many_file_open(const char *path, const phi_job *job, bool overwrite, uint8_t *done,
                       phi_many_file **made) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* our messages name the file and what is wrong */
  phi_many_file *f = check_allocate(1, sizeof *f);
  f->path = check_allocate(strlen(path) + 1, 1);
  strcpy(f->path, path);
  f->windows = job->windows;
  f->file = f->done = -1;
  for (int at = 0; at < PHI_RESULT_LENGTH; at++) f->data[at] = -1;
  memset(done, 0, (size_t)job->groups * (size_t)job->windows);
  err e = !overwrite && access(path, F_OK) == 0 ? open_again(f, job, done) : create_whole(f, job);
  if (e)
    phi_many_file_close(f);
  else
    *made = f;
  return e;
}

static bool put(hid_t data, hid_t type, const hsize_t at[2], const void *value) {
  const hsize_t one[2] = {1, 1};
  hid_t space = H5Dget_space(data), memory = H5Screate_simple(2, one, NULL);
  H5Sselect_hyperslab(space, H5S_SELECT_SET, at, NULL, one, NULL);
  bool written = H5Dwrite(data, type, memory, space, H5P_DEFAULT, value) >= 0;
  H5Sclose(space);
  H5Sclose(memory);
  return written;
}

err phi_many_file_put(phi_many_file *f, int64_t task, const double *result) {
  const hsize_t at[2] = {(hsize_t)(task / f->windows), (hsize_t)(task % f->windows)};
  const uint8_t yes = 1;
  bool written = true;
  for (int k = 0; k < PHI_RESULT_LENGTH; k++)
    if (f->data[k] >= 0) written &= put(f->data[k], H5T_NATIVE_DOUBLE, at, &result[k]);
  written &= H5Fflush(f->file, H5F_SCOPE_LOCAL) >= 0;
  written &= put(f->done, H5T_NATIVE_UINT8, at, &yes);
  return written ? OK : failed(f, "writing");
}

err phi_many_file_close(phi_many_file *f) {
  for (int at = 0; at < PHI_RESULT_LENGTH; at++)
    if (f->data[at] >= 0) H5Dclose(f->data[at]);
  if (f->done >= 0) H5Dclose(f->done);
  err e = f->file >= 0 && H5Fclose(f->file) < 0 ? failed(f, "closing") : OK;
  free(f->path);
  free(f);
  return e;
}
