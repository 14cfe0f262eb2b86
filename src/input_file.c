#include "input_file.h"
#include "agree.h"
#include "hdf5_file.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ROUND = 1 << 18 }; /* spikes that a rank reads in a round, at least */

struct input_file {
  MPI_Comm comm;
  const char *name;
  const model_input *in;
  const model_population *target;
  hid_t file, times, nodes;
  double to_ms;
  uint64_t spikes, round; /* round: that a rank reads at once, at most */
};

#define FAIL(f, format, ...)                                                                       \
  model_fail((f)->name, (f)->in->file_place, "file", "%s: " format, (f)->in->file, __VA_ARGS__)

/* The group with the spikes: /spikes itself in the older layout. */
static err find_group(input_file *f, char *path, size_t size) {
  const hid_t group = H5Gopen2(f->file, "/spikes", H5P_DEFAULT);
  if (group < 0) return FAIL(f, "%s", "has no group /spikes (SONATA layout expected)");
  H5G_info_t info;
  H5Gget_info(group, &info);
  err e = OK;
  snprintf(path, size, "/spikes");
  if (H5Lexists(group, "timestamps", H5P_DEFAULT) > 0) {
    if (f->in->spikes && strcmp(f->in->spikes, f->target->name) != 0)
      e = FAIL(f,
               "has no spikes of a population '%s': they stand in /spikes itself, without a name",
               f->in->spikes);
  } else if (f->in->spikes) {
    snprintf(path, size, "/spikes/%s", f->in->spikes);
    if (H5Lexists(f->file, path, H5P_DEFAULT) <= 0)
      e = FAIL(f, "has no spikes of a population '%s'", f->in->spikes);
  } else {
    char population[256] = "";
    H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, 0, population, sizeof population,
                       H5P_DEFAULT);
    snprintf(path, size, "/spikes/%s", population);
    if (info.nlinks != 1)
      e = FAIL(f, "holds the spikes of %d populations: name one by the key 'spikes'",
               (int)info.nlinks);
  }
  H5Gclose(group);
  return e;
}

/* Milliseconds in the unit of the times. */
static err unit_of(const input_file *f, hid_t data, double *to_ms) {
  *to_ms = 1;
  if (H5Aexists(data, "units") <= 0) return OK;
  char *unit = hdf5_file_text(data, "units");
  err e = OK;
  if (!unit)
    e = FAIL(f, "the attribute units of timestamps holds %s: ms or s are allowed",
             hdf5_file_attribute_kind(data, "units"));
  else if (!strcmp(unit, "s") || !strcmp(unit, "seconds"))
    *to_ms = 1000;
  else if (strcmp(unit, "ms") && strcmp(unit, "milliseconds"))
    e = FAIL(f, "timestamps has the units '%s': ms or s are allowed", unit);
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

static err open_data(input_file *f) {
  char group[512], path[600];
  const err e = find_group(f, group, sizeof group);
  if (e != OK) return e;
  snprintf(path, sizeof path, "%s/timestamps", group);
  f->times = H5Dopen2(f->file, path, H5P_DEFAULT);
  snprintf(path, sizeof path, "%s/node_ids", group);
  if (H5Lexists(f->file, path, H5P_DEFAULT) <= 0) snprintf(path, sizeof path, "%s/gids", group);
  f->nodes = H5Dopen2(f->file, path, H5P_DEFAULT);
  if (f->times < 0 || f->nodes < 0)
    return FAIL(f, "%s has no datasets timestamps and node_ids", group);
  if (!is_array(f->times) || !is_array(f->nodes))
    return FAIL(f, "timestamps and node_ids in %s must be one-dimensional arrays", group);
  if (!holds_integers(f->nodes)) /* HDF5 would cut off fractions */
    return FAIL(f, "node_ids in %s must be integers", group);
  return unit_of(f, f->times, &f->to_ms);
}

static hssize_t length_of(hid_t data) {
  const hid_t space = H5Dget_space(data);
  const hssize_t length = H5Sget_simple_extent_npoints(space);
  H5Sclose(space);
  return length;
}

static err read_part(const input_file *f, const char *what, hid_t data, hsize_t first,
                     hsize_t count, hid_t type, void *out) {
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
    e = FAIL(f, "%s cannot be read: %s", what, hdf5_file_why(data));
  H5Sclose(memory);
  H5Sclose(in_file);
  H5Pclose(transfer);
  return agree(f->comm, e);
}

static err check_spikes(const input_file *f, hsize_t first, const int64_t *id,
                        input_file_slice *s) {
  const uint32_t nodes = f->target->size;
  if (s->count && nodes == 0)
    return FAIL(f, "spike %llu is of node %lld, but the population %s has no neurons",
                (unsigned long long)first, (long long)id[0], f->target->name);
  for (size_t i = 0; i < s->count; i++) {
    s->time[i] *= f->to_ms;
    if (id[i] < 0 || id[i] >= nodes)
      return FAIL(f, "spike %llu is of node %lld, but the population has nodes 0 to %lld",
                  (unsigned long long)(first + i), (long long)id[i], (long long)nodes - 1);
    if (!(s->time[i] >= 0 && s->time[i] <= MODEL_TIME_MAX))
      return FAIL(f, "spike %llu is at %g ms: allowed are times from 0 to %g ms",
                  (unsigned long long)(first + i), s->time[i], MODEL_TIME_MAX);
    s->node[i] = (uint32_t)id[i];
  }
  return OK;
}

/* Spikes in a packed chunk, which is unpacked as a whole each time that it is read; else 0. */
static uint64_t packed_chunk(hid_t data) {
  const hid_t made = H5Dget_create_plist(data);
  hsize_t chunk = 0;
  if (H5Pget_layout(made) == H5D_CHUNKED && H5Pget_nfilters(made) > 0)
    H5Pget_chunk(made, 1, &chunk);
  H5Pclose(made);
  return chunk;
}

static err check_lengths(input_file *f) {
  const hssize_t times = length_of(f->times), nodes = length_of(f->nodes);
  f->spikes = (uint64_t)times;
  f->round = ROUND;
  if (packed_chunk(f->times) > f->round) f->round = packed_chunk(f->times);
  if (packed_chunk(f->nodes) > f->round) f->round = packed_chunk(f->nodes);
  if (times == nodes) return OK;
  return FAIL(f, "timestamps has %lld entries, node_ids %lld: they must be equal", (long long)times,
              (long long)nodes);
}

err input_file_open(MPI_Comm comm, const char *name, const model_input *in,
                    const model_population *target, input_file **opened) {
  input_file *f = check_allocate(1, sizeof *f);
  *f = (input_file){
      .comm = comm, .name = name, .in = in, .target = target, .file = -1, .times = -1, .nodes = -1};
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  char text[MODEL_PLACE_MAX];
  err e = hdf5_file_open(comm, in->file, model_place_text(name, in->file_place, "file", text),
                         &f->file);
  if (e == OK) e = open_data(f);
  if (e == OK) e = check_lengths(f);
  e = agree(comm, e);
  if (e != OK) {
    input_file_close(f);
    f = NULL;
  }
  *opened = f;
  return e;
}

void input_file_close(input_file *f) {
  if (f->times >= 0) H5Dclose(f->times);
  if (f->nodes >= 0) H5Dclose(f->nodes);
  if (f->file >= 0) H5Fclose(f->file);
  free(f);
}

uint64_t input_file_spikes(const input_file *f) { return f->spikes; }

uint64_t input_file_rounds(const input_file *f) {
  int ranks;
  MPI_Comm_size(f->comm, &ranks);
  return (f->spikes + (uint64_t)ranks * f->round - 1) / ((uint64_t)ranks * f->round);
}

err input_file_read(const input_file *f, uint64_t round, input_file_slice *read) {
  int rank, ranks;
  MPI_Comm_rank(f->comm, &rank);
  MPI_Comm_size(f->comm, &ranks);
  const uint64_t most = (uint64_t)ranks * f->round, begin = round * most;
  assert(begin < f->spikes);
  const uint64_t left = f->spikes - begin;
  const uint64_t all = left < most ? left : most;
  const hsize_t first = begin + all * (uint64_t)rank / (uint64_t)ranks;
  const size_t count = (size_t)(begin + all * (uint64_t)(rank + 1) / (uint64_t)ranks - first);
  *read = (input_file_slice){count, check_allocate(count, sizeof *read->node),
                             check_allocate(count, sizeof *read->time)};
  int64_t *id = check_allocate(count, sizeof *id); /* signed: HDF5 would make 0 of -1 */
  err e = read_part(f, "timestamps", f->times, first, count, H5T_NATIVE_DOUBLE, read->time);
  if (e == OK) e = read_part(f, "node_ids", f->nodes, first, count, H5T_NATIVE_INT64, id);
  if (e == OK) e = check_spikes(f, first, id, read);
  free(id);
  return agree(f->comm, e);
}

void input_file_release(input_file_slice *slice) {
  free(slice->node);
  free(slice->time);
  *slice = (input_file_slice){0};
}
