#include "input_file.h"
#include "agree.h"
#include "hdf5_file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  MPI_Comm comm;
  const char *name;
  const model_input *in;
  const model_population *target;
  hid_t file, times, nodes;
  double to_ms;
} reader;

#define FAIL(r, format, ...)                                                                       \
  model_fail((r)->name, (r)->in->file_place, "file", "%s: " format, (r)->in->file, __VA_ARGS__)

/* The group with the spikes: /spikes itself in the older layout. */
static err find_group(reader *r, char *path, size_t size) {
  const hid_t group = H5Gopen2(r->file, "/spikes", H5P_DEFAULT);
  if (group < 0) return FAIL(r, "%s", "has no group /spikes (SONATA layout expected)");
  H5G_info_t info;
  H5Gget_info(group, &info);
  err e = OK;
  snprintf(path, size, "/spikes");
  if (H5Lexists(group, "timestamps", H5P_DEFAULT) > 0) {
    if (r->in->spikes && strcmp(r->in->spikes, r->target->name) != 0)
      e = FAIL(r,
               "has no spikes of a population '%s': they stand in /spikes itself, without a name",
               r->in->spikes);
  } else if (r->in->spikes) {
    snprintf(path, size, "/spikes/%s", r->in->spikes);
    if (H5Lexists(r->file, path, H5P_DEFAULT) <= 0)
      e = FAIL(r, "has no spikes of a population '%s'", r->in->spikes);
  } else {
    char population[256] = "";
    H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, 0, population, sizeof population,
                       H5P_DEFAULT);
    snprintf(path, size, "/spikes/%s", population);
    if (info.nlinks != 1)
      e = FAIL(r, "holds the spikes of %d populations: name one by the key 'spikes'",
               (int)info.nlinks);
  }
  H5Gclose(group);
  return e;
}

/* Milliseconds in the unit of the times. */
static err unit_of(const reader *r, hid_t data, double *to_ms) {
  *to_ms = 1;
  if (H5Aexists(data, "units") <= 0) return OK;
  char *unit = hdf5_file_text(data, "units");
  err e = OK;
  if (!unit)
    e = FAIL(r, "the attribute units of timestamps holds %s: ms or s are allowed",
             hdf5_file_attribute_kind(data, "units"));
  else if (!strcmp(unit, "s") || !strcmp(unit, "seconds"))
    *to_ms = 1000;
  else if (strcmp(unit, "ms") && strcmp(unit, "milliseconds"))
    e = FAIL(r, "timestamps has the units '%s': ms or s are allowed", unit);
  free(unit);
  return e;
}

static bool is_array(hid_t data) {
  const hid_t space = H5Dget_space(data);
  const int dimensions = H5Sget_simple_extent_ndims(space);
  H5Sclose(space);
  return dimensions == 1;
}

static bool holds_integers(hid_t data) {
  const hid_t type = H5Dget_type(data);
  const bool integers = H5Tget_class(type) == H5T_INTEGER;
  H5Tclose(type);
  return integers;
}

static err open_data(reader *r) {
  char group[512], path[600];
  const err e = find_group(r, group, sizeof group);
  if (e != OK) return e;
  snprintf(path, sizeof path, "%s/timestamps", group);
  r->times = H5Dopen2(r->file, path, H5P_DEFAULT);
  snprintf(path, sizeof path, "%s/node_ids", group);
  if (H5Lexists(r->file, path, H5P_DEFAULT) <= 0) snprintf(path, sizeof path, "%s/gids", group);
  r->nodes = H5Dopen2(r->file, path, H5P_DEFAULT);
  if (r->times < 0 || r->nodes < 0)
    return FAIL(r, "%s has no datasets timestamps and node_ids", group);
  if (!is_array(r->times) || !is_array(r->nodes))
    return FAIL(r, "timestamps and node_ids in %s must be one-dimensional arrays", group);
  if (!holds_integers(r->nodes)) /* HDF5 would cut off fractions */
    return FAIL(r, "node_ids in %s must be integers", group);
  return unit_of(r, r->times, &r->to_ms);
}

static hssize_t length_of(hid_t data) {
  const hid_t space = H5Dget_space(data);
  const hssize_t length = H5Sget_simple_extent_npoints(space);
  H5Sclose(space);
  return length;
}

static err read_part(const reader *r, const char *what, hid_t data, hsize_t first, hsize_t count,
                     hid_t type, void *out) {
  const hid_t transfer = H5Pcreate(H5P_DATASET_XFER), in_file = H5Dget_space(data);
  const hid_t memory = H5Screate_simple(1, &count, NULL);
  H5Pset_dxpl_mpio(transfer, H5FD_MPIO_COLLECTIVE);
  if (count > 0) {
    H5Sselect_hyperslab(in_file, H5S_SELECT_SET, &first, NULL, &count, NULL);
  } else {
    H5Sselect_none(in_file);
    H5Sselect_none(memory);
  }
  err e = OK;
  if (H5Dread(data, type, memory, in_file, transfer, out) < 0)
    e = FAIL(r, "%s cannot be read: %s", what, hdf5_file_why(data));
  H5Sclose(memory);
  H5Sclose(in_file);
  H5Pclose(transfer);
  return agree(r->comm, e);
}

static err check_spikes(const reader *r, hsize_t first, const int64_t *id, input_file_slice *s) {
  const uint32_t nodes = r->target->size;
  if (s->count && nodes == 0)
    return FAIL(r, "spike %llu is of node %lld, but the population %s has no neurons",
                (unsigned long long)first, (long long)id[0], r->target->name);
  for (size_t i = 0; i < s->count; i++) {
    s->time[i] *= r->to_ms;
    if (id[i] < 0 || id[i] >= nodes)
      return FAIL(r, "spike %llu is of node %lld, but the population has nodes 0 to %lld",
                  (unsigned long long)(first + i), (long long)id[i], (long long)nodes - 1);
    if (!(s->time[i] >= 0 && s->time[i] <= MODEL_TIME_MAX))
      return FAIL(r, "spike %llu is at %g ms: allowed are times from 0 to %g ms",
                  (unsigned long long)(first + i), s->time[i], MODEL_TIME_MAX);
    s->node[i] = (uint32_t)id[i];
  }
  return OK;
}

static err read_spikes(reader *r, input_file_slice *s) {
  const hssize_t length = length_of(r->times);
  if (length != length_of(r->nodes))
    return FAIL(r, "timestamps has %lld entries, node_ids %lld: they must be equal",
                (long long)length, (long long)length_of(r->nodes));
  int rank, ranks;
  MPI_Comm_rank(r->comm, &rank);
  MPI_Comm_size(r->comm, &ranks);
  const hsize_t first = (hsize_t)length * (hsize_t)rank / (hsize_t)ranks;
  s->count = (size_t)((hsize_t)length * (hsize_t)(rank + 1) / (hsize_t)ranks - first);
  s->node = check_allocate(s->count, sizeof *s->node);
  s->time = check_allocate(s->count, sizeof *s->time);
  int64_t *id = check_allocate(s->count, sizeof *id); /* signed: HDF5 would make 0 of -1 */
  err e = OK;
  if (length > 0)
    e = read_part(r, "timestamps", r->times, first, s->count, H5T_NATIVE_DOUBLE, s->time);
  if (length > 0 && e == OK)
    e = read_part(r, "node_ids", r->nodes, first, s->count, H5T_NATIVE_INT64, id);
  if (e == OK) e = check_spikes(r, first, id, s);
  free(id);
  return e;
}

static err open_reader(MPI_Comm comm, const char *name, const model_input *in,
                       const model_population *target, reader *r) {
  *r = (reader){
      .comm = comm, .name = name, .in = in, .target = target, .file = -1, .times = -1, .nodes = -1};
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  char text[MODEL_PLACE_MAX];
  const err e = hdf5_file_open(comm, in->file, model_place_text(name, in->file_place, "file", text),
                               &r->file);
  return e == OK ? agree(comm, open_data(r)) : e;
}

static void close_reader(reader *r) {
  if (r->times >= 0) H5Dclose(r->times);
  if (r->nodes >= 0) H5Dclose(r->nodes);
  if (r->file >= 0) H5Fclose(r->file);
}

err input_file_read(MPI_Comm comm, const char *name, const model_input *in,
                    const model_population *target, input_file_slice *read) {
  reader r;
  *read = (input_file_slice){0};
  err e = open_reader(comm, name, in, target, &r);
  if (e == OK) e = agree(comm, read_spikes(&r, read));
  close_reader(&r);
  if (e != OK) input_file_release(read);
  return e;
}

err input_file_count(MPI_Comm comm, const char *name, const model_input *in,
                     const model_population *target, uint64_t *spikes) {
  reader r;
  const err e = open_reader(comm, name, in, target, &r);
  *spikes = e == OK ? (uint64_t)length_of(r.times) : 0;
  close_reader(&r);
  return e;
}

void input_file_release(input_file_slice *slice) {
  free(slice->node);
  free(slice->time);
  *slice = (input_file_slice){0};
}
