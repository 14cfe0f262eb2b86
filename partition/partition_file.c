#include "partition_file.h"
#include "agree.h"
#include "hdf5_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT "shinkei partition 1"

/* ---- attributes ---- */

static void put_text(hid_t file, const char *name, const char *text) {
  const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, strlen(text) + 1);
  const hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, type, text);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}

static void put_number(hid_t file, const char *name, hid_t type, const void *value) {
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, type, value);
  H5Aclose(attribute);
  H5Sclose(space);
}

static void put_attributes(hid_t file, const partition *p, const partition_quality *q,
                           const char *method) {
  const struct {
    const char *name;
    double value;
  } number[] = {
      {"synapses", q->synapses},
      {"edge_cut", q->edge_cut},
      {"edge_cut_rate", q->edge_cut_rate},
      {"volume", q->volume},
      {"volume_rate", q->volume_rate},
      {"imbalance_neurons", q->imbalance_neurons},
      {"imbalance_events", q->imbalance_events},
      {"imbalance_memory", q->imbalance_memory},
      {"seconds", q->seconds},
  };
  put_text(file, "format", FORMAT);
  put_text(file, "method", method);
  put_number(file, "parts", H5T_NATIVE_INT, &p->parts);
  put_number(file, "neurons", H5T_NATIVE_UINT32, &p->neurons);
  put_number(file, "neighbours_max", H5T_NATIVE_INT, &q->neighbours_max);
  for (size_t i = 0; i < sizeof number / sizeof number[0]; i++)
    put_number(file, number[i].name, H5T_NATIVE_DOUBLE, &number[i].value);
}

/* ---- the dataset ---- */

static hid_t open_file(MPI_Comm comm, const char *file, bool create) {
  const hid_t access_list = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_mpio(access_list, comm, MPI_INFO_NULL);
  H5Pset_all_coll_metadata_ops(access_list, true);
  H5Pset_coll_metadata_write(access_list, true);
  const hid_t opened = create ? H5Fcreate(file, H5F_ACC_TRUNC, H5P_DEFAULT, access_list)
                              : H5Fopen(file, H5F_ACC_RDONLY, access_list);
  H5Pclose(access_list);
  return opened;
}

/* Transfer this rank's slice, all ranks together. */
static bool transfer(const partition *p, hid_t set, bool write, hid_t type, void *owner) {
  const hsize_t start = p->slice_first, count = p->slice_count;
  const hid_t space = H5Dget_space(set), memory = H5Screate_simple(1, &count, NULL);
  const hid_t together = H5Pcreate(H5P_DATASET_XFER);
  H5Pset_dxpl_mpio(together, H5FD_MPIO_COLLECTIVE);
  if (count > 0)
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, NULL, &count, NULL);
  else {
    H5Sselect_none(space);
    H5Sselect_none(memory);
  }
  const herr_t status = write ? H5Dwrite(set, type, memory, space, together, owner)
                              : H5Dread(set, type, memory, space, together, owner);
  H5Pclose(together);
  H5Sclose(memory);
  H5Sclose(space);
  return status >= 0;
}

static bool is_partition(const char *path) {
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0) return false;
  char *format = hdf5_file_text(file, "format");
  const bool is = format && strcmp(format, FORMAT) == 0;
  free(format);
  H5Fclose(file);
  return is;
}

/* On rank 0. MPI's own error would not say why it cannot be written. */
static err check_writable(const char *path) {
  struct stat found;
  const bool there = stat(path, &found) == 0 && !S_ISDIR(found.st_mode);
  if (there && !S_ISREG(found.st_mode))
    return check_fail(ERR_USER, "the partition file %s cannot be written: it is no file", path);
  if (there && found.st_size > 0 && !is_partition(path))
    return check_fail(ERR_USER,
                      "the partition file %s cannot be written: what is there is no partition, and "
                      "would be lost",
                      path);
  return check_writable_file(path);
}

err partition_check_file(MPI_Comm comm, const char *file) {
  H5E_auto2_t report;
  void *context;
  int rank;
  MPI_Comm_rank(comm, &rank);
  H5Eget_auto2(H5E_DEFAULT, &report, &context);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  const err e = agree(comm, rank == 0 ? check_writable(file) : OK);
  H5Eset_auto2(H5E_DEFAULT, report, context);
  return e;
}

static err write_hdf5(MPI_Comm comm, const partition *p, const partition_quality *quality,
                      const char *method, const char *path) {
  const hid_t file = open_file(comm, path, true);
  if (file < 0) return check_fail(ERR_ENVIRONMENT, "the partition file %s cannot be written", path);
  const hsize_t neurons = p->neurons;
  const hid_t space = H5Screate_simple(1, &neurons, NULL);
  const hid_t set =
      H5Dcreate2(file, "owner", H5T_STD_U32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  bool sound =
      set >= 0 && (p->neurons == 0 || transfer(p, set, true, H5T_NATIVE_UINT32, p->slice_owner));
  put_attributes(file, p, quality, method);
  H5Dclose(set);
  H5Sclose(space);
  if (H5Fclose(file) < 0) sound = false;
  return sound ? OK
               : check_fail(ERR_ENVIRONMENT, "the partition file %s was not written in full", path);
}

/* Under another name first, so that an earlier partition stays where this one cannot be written. */
static err write_all(MPI_Comm comm, const partition *p, const partition_quality *quality,
                     const char *method, const char *path) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  char *fresh = check_allocate(strlen(path) + 5, 1);
  sprintf(fresh, "%s.new", path);
  err e = partition_check_file(comm, path);
  if (e == OK && rank == 0)
    e = hdf5_file_prepare(fresh, "the partition", sizeof *p->slice_owner * (uint64_t)p->neurons);
  if ((e = agree(comm, e)) == OK) {
    e = agree(comm, write_hdf5(comm, p, quality, method, fresh));
    if (rank == 0 && e == OK && rename(fresh, path) != 0)
      e = check_fail(ERR_ENVIRONMENT, "the partition file %s cannot be written: %s", path,
                     strerror(errno));
    if (rank == 0 && e != OK) unlink(fresh);
  }
  free(fresh);
  return e;
}

err partition_write(MPI_Comm comm, const partition *p, const partition_quality *quality,
                    const char *method, const char *file) {
  H5E_auto2_t report;
  void *context;
  H5Eget_auto2(H5E_DEFAULT, &report, &context);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* our message instead of the library's */
  const err e = agree(comm, write_all(comm, p, quality, method, file));
  H5Eset_auto2(H5E_DEFAULT, report, context);
  return e;
}

/* ---- reading ---- */

static err check_format(hid_t file, const char *path) {
  char *format = hdf5_file_text(file, "format");
  err e = OK;
  if (!format || strcmp(format, FORMAT) != 0)
    e = check_fail(ERR_USER,
                   "the partition file %s was not written by `shinkei partition --out`: its "
                   "attribute format holds %s; '" FORMAT "' is expected",
                   path, format ? format : hdf5_file_attribute_kind(file, "format"));
  free(format);
  return e;
}

static err get_whole(hid_t file, const char *path, const char *name, long long *value) {
  if (hdf5_file_number(file, name, H5T_NATIVE_LLONG, value)) return OK;
  return check_fail(ERR_USER,
                    "the partition file %s: its attribute %s holds %s; 1 integer is expected", path,
                    name, hdf5_file_attribute_kind(file, name));
}

static err check_header(hid_t file, const char *path, const partition *p) {
  long long neurons, parts;
  err e = check_format(file, path);
  if (e == OK) e = get_whole(file, path, "neurons", &neurons);
  if (e == OK) e = get_whole(file, path, "parts", &parts);
  if (e != OK) return e;
  if (neurons != p->neurons)
    return check_fail(ERR_USER, "the partition file %s is for %lld neurons; the model has %u", path,
                      neurons, p->neurons);
  if (parts != p->parts)
    return check_fail(
        ERR_USER,
        "the partition file %s divides the network into %lld parts; %d are needed, one "
        "for each rank",
        path, parts, p->parts);
  return OK;
}

static err check_shape(hid_t set, const char *path, const partition *p) {
  const hid_t space = H5Dget_space(set), type = H5Dget_type(set);
  const int dimensions = H5Sget_simple_extent_ndims(space);
  const long long length = H5Sget_simple_extent_npoints(space);
  const bool integers = H5Tget_class(type) == H5T_INTEGER;
  H5Tclose(type);
  H5Sclose(space);
  if (!integers) /* HDF5 would cut off fractions */
    return check_fail(ERR_USER, "the partition file %s: owner must hold integers", path);
  if (dimensions != 1)
    return check_fail(ERR_USER,
                      "the partition file %s: owner has %d dimensions; a list, of 1, is expected",
                      path, dimensions);
  if (length != p->neurons)
    return check_fail(ERR_USER, "the partition file %s: owner has %lld entries for %u neurons",
                      path, length, p->neurons);
  return OK;
}

/* This rank's slice of the owners. */
static err read_slice(hid_t set, const char *path, partition *p) {
  int64_t *owner = check_allocate(p->slice_count, sizeof *owner); /* signed: or 0 is made of -1 */
  err e = OK;
  if (p->neurons > 0 && !transfer(p, set, false, H5T_NATIVE_INT64, owner))
    e = check_fail(ERR_USER, "the partition file %s: owner cannot be read: %s", path,
                   hdf5_file_why(set));
  for (uint32_t i = 0; e == OK && i < p->slice_count; i++) {
    if (owner[i] < 0 || owner[i] >= p->parts)
      e = check_fail(ERR_USER,
                     "the partition file %s gives neuron %u to part %lld; allowed are 0 to %d",
                     path, p->slice_first + i, (long long)owner[i], p->parts - 1);
    p->slice_owner[i] = (uint32_t)owner[i];
  }
  free(owner);
  return e;
}

static err read_owners(hid_t file, const char *path, partition *p) {
  const hid_t set =
      H5Lexists(file, "owner", H5P_DEFAULT) > 0 ? H5Dopen2(file, "owner", H5P_DEFAULT) : -1;
  if (set < 0) return check_fail(ERR_USER, "the partition file %s has no dataset owner", path);
  err e = check_shape(set, path, p);
  if (e == OK) e = read_slice(set, path, p);
  H5Dclose(set);
  return e;
}

static err read_all(MPI_Comm comm, const char *path, partition *p) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  err e = OK;
  if (rank == 0 && check_is_no_file(path))
    e = check_fail(ERR_USER, "the partition file %s is no file", path);
  else if (rank == 0 && access(path, R_OK) != 0)
    e = errno == ENOENT
            ? check_fail(ERR_USER,
                         "partition '%s' is neither metis, block, round_robin nor random, and "
                         "there is no such file",
                         path)
            : check_fail(ERR_USER, "the partition file %s cannot be read: %s", path,
                         strerror(errno));
  if ((e = agree(comm, e)) != OK) return e;
  const hid_t file = open_file(comm, path, false);
  if (file < 0)
    return agree(comm,
                 check_fail(ERR_USER, "the partition file %s is not HDF5, or is truncated", path));
  e = agree(comm, check_header(file, path, p));
  if (e == OK) e = agree(comm, read_owners(file, path, p));
  H5Fclose(file);
  return e;
}

err partition_file_read(MPI_Comm comm, const char *file, partition *p) {
  H5E_auto2_t report;
  void *context;
  H5Eget_auto2(H5E_DEFAULT, &report, &context);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  const err e = read_all(comm, file, p);
  H5Eset_auto2(H5E_DEFAULT, report, context);
  return e;
}
