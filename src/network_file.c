#include "network_file.h"
#include "agree.h"
#include "hdf5_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

typedef struct { /* what every message begins with, and where reading stands */
  MPI_Comm comm;
  const model *m;
  const model_projection *p;
  hid_t file, edges; /* the file and its /edges/<population> */
  char population[256];
} reader;

#define FAIL(r, format, ...)                                                                       \
  model_fail((r)->m->name, (r)->p->file_place, "file", "%s: " format, (r)->p->file, __VA_ARGS__)

static err open_population(reader *r) {
  H5G_info_t info;
  const hid_t group = H5Gopen2(r->file, "/edges", H5P_DEFAULT);
  if (group < 0) return FAIL(r, "%s", "has no group /edges (SONATA layout expected)");
  err e = OK;
  H5Gget_info(group, &info);
  if (r->p->edges) {
    snprintf(r->population, sizeof r->population, "%s", r->p->edges);
    if (H5Lexists(group, r->population, H5P_DEFAULT) <= 0)
      e = FAIL(r, "has no edge population '%s' in /edges", r->population);
  } else if (info.nlinks != 1) {
    e = FAIL(r, "holds %d edge populations: name one by the key 'edges'", (int)info.nlinks);
  } else {
    H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, 0, r->population,
                       sizeof r->population, H5P_DEFAULT);
  }
  if (e == OK && (r->edges = H5Gopen2(group, r->population, H5P_DEFAULT)) < 0)
    e = FAIL(r, "/edges/%s is not a group", r->population);
  H5Gclose(group);
  return e;
}

/* A file may name its populations as it likes; but where it names another one of the model's, its
 * edges are not those that the projection wants. */
static err check_node_population(reader *r, const char *path, int population) {
  const hid_t data = H5Dopen2(r->edges, path, H5P_DEFAULT);
  if (data < 0) return FAIL(r, "has no dataset /edges/%s/%s", r->population, path);
  char *named = hdf5_file_text(data, "node_population");
  H5Dclose(data);
  err e = OK;
  for (int p = 0; named && p < r->m->populations; p++)
    if (p != population && strcmp(named, r->m->population[p].name) == 0)
      e = FAIL(r,
               "/edges/%s/%s is of nodes of '%s', but stands for those of '%s' (rename "
               "one in the model if that is meant)",
               r->population, path, named, r->m->population[population].name);
  free(named);
  return e;
}

/* Length of a one-dimensional dataset under the population. */
static err dataset_length(reader *r, const char *path, hsize_t *length, bool *integers) {
  const hid_t data = H5Dopen2(r->edges, path, H5P_DEFAULT);
  if (data < 0) return FAIL(r, "has no dataset /edges/%s/%s", r->population, path);
  const hid_t space = H5Dget_space(data), type = H5Dget_type(data);
  const H5T_class_t class = H5Tget_class(type);
  err e = OK;
  if (H5Sget_simple_extent_ndims(space) != 1 || (class != H5T_INTEGER && class != H5T_FLOAT))
    e = FAIL(r, "/edges/%s/%s is not a one-dimensional array of numbers", r->population, path);
  else
    H5Sget_simple_extent_dims(space, length, NULL);
  if (integers) *integers = class == H5T_INTEGER;
  H5Tclose(type);
  H5Sclose(space);
  H5Dclose(data);
  return e;
}

static hssize_t total_of(hid_t data) {
  const hid_t space = H5Dget_space(data);
  const hssize_t total = H5Sget_simple_extent_npoints(space);
  H5Sclose(space);
  return total;
}

/* Read positions first .. first + count - 1 of a dataset; every rank calls it, and all know if one
 * cannot (a damaged chunk may be in its slice alone). Slices that overlap must be read
 * independently: Open MPI's own collective reads (OMPIO, 4.1) return zeros there. */
static err read_slice(reader *r, const char *path, H5FD_mpio_xfer_t mode, hsize_t first,
                      hsize_t count, hid_t type, void *out) {
  const hid_t data = H5Dopen2(r->edges, path, H5P_DEFAULT);
  if (data < 0) return FAIL(r, "has no dataset /edges/%s/%s", r->population, path);
  if (total_of(data) == 0) { /* parallel HDF5 refuses to read nothing of nothing */
    H5Dclose(data);
    return OK;
  }
  const hid_t transfer = H5Pcreate(H5P_DATASET_XFER), in_file = H5Dget_space(data);
  H5Pset_dxpl_mpio(transfer, mode);
  const hid_t memory = H5Screate_simple(1, &count, NULL);
  if (count > 0) {
    H5Sselect_hyperslab(in_file, H5S_SELECT_SET, &first, NULL, &count, NULL);
  } else {
    H5Sselect_none(in_file);
    H5Sselect_none(memory);
  }
  err e = OK;
  if (H5Dread(data, type, memory, in_file, transfer, out) < 0)
    e = FAIL(r, "/edges/%s/%s cannot be read: %s", r->population, path, hdf5_file_why(data));
  H5Sclose(memory);
  H5Sclose(in_file);
  H5Pclose(transfer);
  H5Dclose(data);
  return agree(r->comm, e);
}

static err read_ids(reader *r, const char *path, const network_file_slice *s, uint32_t limit,
                    uint32_t *out) {
  int64_t *ids = check_allocate(s->count, sizeof *ids); /* signed: HDF5 would make 0 of -1 */
  err e = read_slice(r, path, H5FD_MPIO_COLLECTIVE, s->first, s->count, H5T_NATIVE_INT64, ids);
  for (size_t i = 0; i < s->count && e == OK; i++) {
    if (limit == 0)
      e = FAIL(r, "/edges/%s/%s[%llu] is %lld, but the population has no neurons", r->population,
               path, (unsigned long long)(s->first + i), (long long)ids[i]);
    else if (ids[i] < 0 || ids[i] >= limit)
      e = FAIL(r, "/edges/%s/%s[%llu] is %lld, but the population has nodes 0 to %lld",
               r->population, path, (unsigned long long)(s->first + i), (long long)ids[i],
               (long long)limit - 1);
    out[i] = (uint32_t)ids[i];
  }
  free(ids);
  return agree(r->comm, e);
}

/* Where each edge's attributes stand: group and index inside it. NULL: the file does not say, it
 * has one group, 0, in edge order. */
typedef struct {
  int64_t *group, *index;
} attribute_places;

static err check_places(reader *r, const network_file_slice *s) {
  hsize_t groups = 0, indices = 0;
  bool whole_groups = true, whole_indices = true;
  err e = dataset_length(r, "edge_group_id", &groups, &whole_groups);
  if (e == OK) e = dataset_length(r, "edge_group_index", &indices, &whole_indices);
  if (e != OK) return e;
  if (!(whole_groups && whole_indices)) /* HDF5 would cut off fractions */
    return FAIL(r, "/edges/%s/%s holds no integers", r->population,
                whole_groups ? "edge_group_index" : "edge_group_id");
  if (groups != s->total || indices != s->total)
    return FAIL(r,
                "/edges/%s: edge_group_id has %llu entries, edge_group_index %llu, target_node_id "
                "%llu: they must be equal",
                r->population, (unsigned long long)groups, (unsigned long long)indices,
                (unsigned long long)s->total);
  return OK;
}

static err read_places(reader *r, const network_file_slice *s, attribute_places *places) {
  if (!s->has_places) return OK;
  places->group = check_allocate(s->count, sizeof *places->group);
  places->index = check_allocate(s->count, sizeof *places->index);
  err e = check_places(r, s);
  if (e == OK)
    e = read_slice(r, "edge_group_id", H5FD_MPIO_COLLECTIVE, s->first, s->count, H5T_NATIVE_INT64,
                   places->group);
  if (e == OK)
    e = read_slice(r, "edge_group_index", H5FD_MPIO_COLLECTIVE, s->first, s->count,
                   H5T_NATIVE_INT64, places->index);
  return e;
}

/* The range of a group's indices that this rank's edges name. */
static err find_range(reader *r, const network_file_slice *s, const attribute_places *places,
                      int64_t group, const char *path, hsize_t length, hsize_t *first,
                      hsize_t *count) {
  int64_t least = INT64_MAX, end = 0;
  for (size_t i = 0; i < s->count; i++) {
    const int64_t index = places->group ? places->index[i] : (int64_t)(s->first + i);
    if (places->group && places->group[i] != group) continue;
    if (index < 0 || index >= (int64_t)length)
      return FAIL(r, "/edges/%s/%s has %llu entries, but edge %llu stands at index %lld of it",
                  r->population, path, (unsigned long long)length,
                  (unsigned long long)(s->first + i), (long long)index);
    if (index < least) least = index;
    if (index >= end) end = index + 1;
  }
  *count = end > least ? (hsize_t)(end - least) : 0;
  *first = *count ? (hsize_t)least : 0;
  return OK;
}

/* The group's values[count], from index `first` on, to its edges; they are the edges' own already
 * where these have no places. */
static err take_values(reader *r, const network_file_slice *s, const attribute_places *places,
                       int64_t group, const char *path, hsize_t first, const double *values,
                       double *out) {
  for (size_t i = 0; i < s->count; i++) {
    if (places->group && places->group[i] != group) continue;
    const hsize_t index = places->group ? (hsize_t)places->index[i] : s->first + i;
    out[i] = values[index - first];
    if (!isfinite(out[i]))
      return FAIL(r, "/edges/%s/%s[%llu] is %g: a finite number is needed", r->population, path,
                  (unsigned long long)index, out[i]);
  }
  return OK;
}

/* One group's part of an attribute. */
static err read_group(reader *r, const network_file_slice *s, const attribute_places *places,
                      int64_t group, const char *attribute, bool *integers, double *out) {
  char path[512];
  snprintf(path, sizeof path, "%lld/%s", (long long)group, attribute);
  hsize_t length = 0, first = 0, count = 0;
  err e = dataset_length(r, path, &length, integers);
  if (e == OK) e = find_range(r, s, places, group, path, length, &first, &count);
  if ((e = agree(r->comm, e)) != OK) return e;
  double *values = places->group ? check_allocate(count, sizeof *values) : out;
  e = read_slice(r, path, H5FD_MPIO_INDEPENDENT, first, count, H5T_NATIVE_DOUBLE, values);
  if (e == OK) e = take_values(r, s, places, group, path, first, values, out);
  if (values != out) free(values);
  return agree(r->comm, e);
}

/* The least group from `from` on that any rank's edges stand in; INT64_MAX where there is none. */
static int64_t next_group(const reader *r, const network_file_slice *s,
                          const attribute_places *places, int64_t from) {
  int64_t mine = INT64_MAX, least;
  for (size_t i = 0; i < s->count; i++) {
    const int64_t group = places->group ? places->group[i] : 0;
    if (group >= from && group < mine) mine = group;
  }
  AGREE_MPI(MPI_Allreduce(&mine, &least, 1, MPI_INT64_T, MPI_MIN, r->comm));
  return least;
}

/* Groups that no edge stands in are not read; one that is named but missing is an error. */
static err read_attribute(reader *r, const network_file_slice *s, const attribute_places *places,
                          const char *attribute, bool *integers, double *out) {
  *integers = true;
  err e = OK;
  for (int64_t g = next_group(r, s, places, INT64_MIN); e == OK && g < INT64_MAX;
       g = next_group(r, s, places, g + 1)) {
    bool whole = true;
    e = read_group(r, s, places, g, attribute, &whole, out);
    *integers = *integers && whole;
  }
  return e;
}

/* How many edges there are. */
static err read_outline(reader *r, network_file_slice *s) {
  hsize_t from = 0, to = 0;
  bool whole_from = true, whole_to = true;
  err e = check_node_population(r, "source_node_id", r->p->source);
  if (e == OK) e = check_node_population(r, "target_node_id", r->p->target);
  if (e == OK) e = dataset_length(r, "source_node_id", &from, &whole_from);
  if (e == OK) e = dataset_length(r, "target_node_id", &to, &whole_to);
  if (e == OK && !(whole_from && whole_to))
    e = FAIL(r, "/edges/%s/%s holds no integers", r->population,
             whole_from ? "target_node_id" : "source_node_id");
  if (e == OK && from != to)
    e = FAIL(r,
             "/edges/%s: source_node_id has %llu entries, target_node_id %llu: they must be equal",
             r->population, (unsigned long long)from, (unsigned long long)to);
  s->total = from;
  s->has_places = e == OK && (H5Lexists(r->edges, "edge_group_id", H5P_DEFAULT) > 0 ||
                              H5Lexists(r->edges, "edge_group_index", H5P_DEFAULT) > 0);
  return agree(r->comm, e);
}

static err read_edges(reader *r, network_file_slice *s) {
  const uint32_t sources = r->m->population[r->p->source].size;
  const uint32_t targets = r->m->population[r->p->target].size;
  err e = read_outline(r, s);
  if (e != OK) return e;
  int rank, ranks;
  MPI_Comm_rank(r->comm, &rank);
  MPI_Comm_size(r->comm, &ranks);
  s->first = s->total * (uint64_t)rank / (uint64_t)ranks;
  s->count = (size_t)(s->total * (uint64_t)(rank + 1) / (uint64_t)ranks - s->first);
  s->source = check_allocate(s->count, sizeof *s->source);
  s->target = check_allocate(s->count, sizeof *s->target);
  if ((e = read_ids(r, "source_node_id", s, sources, s->source)) != OK) return e;
  if ((e = read_ids(r, "target_node_id", s, targets, s->target)) != OK) return e;

  attribute_places places = {0};
  bool integers;
  if (r->p->weight.attribute || r->p->delay.attribute) e = read_places(r, s, &places);
  if (e == OK && r->p->weight.attribute) {
    s->weight = check_allocate(s->count, sizeof *s->weight);
    e = read_attribute(r, s, &places, r->p->weight.attribute, &s->weights_are_integers, s->weight);
  }
  if (e == OK && r->p->delay.attribute) {
    s->delay = check_allocate(s->count, sizeof *s->delay);
    e = read_attribute(r, s, &places, r->p->delay.attribute, &integers, s->delay);
  }
  free(places.group);
  free(places.index);
  return e;
}

/* Sum, over all edges and modulo 2^64, of a hash of each with its position: whatever rank reads it.
 */
static uint64_t hash_edges(const reader *r, const network_file_slice *s) {
  uint64_t mine = 0, all;
  for (size_t i = 0; i < s->count; i++) {
    const struct {
      uint64_t position;
      uint32_t source, target;
      double weight, delay;
    } edge = {s->first + i, s->source[i], s->target[i], s->weight ? s->weight[i] : 0,
              s->delay ? s->delay[i] : 0};
    mine += XXH3_64bits(&edge, sizeof edge);
  }
  AGREE_MPI(MPI_Allreduce(&mine, &all, 1, MPI_UINT64_T, MPI_SUM, r->comm));
  return all;
}

static err open_edges(reader *r) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  char text[MODEL_PLACE_MAX];
  const err e = hdf5_file_open(
      r->comm, r->p->file, model_place_text(r->m->name, r->p->file_place, "file", text), &r->file);
  return e == OK ? agree(r->comm, open_population(r)) : e;
}

static void close_edges(reader *r) {
  if (r->edges >= 0) H5Gclose(r->edges);
  if (r->file >= 0) H5Fclose(r->file);
}

err network_file_outline(MPI_Comm comm, const model *m, const model_projection *p,
                         network_file_slice *outline) {
  reader r = {.comm = comm, .m = m, .p = p, .file = -1, .edges = -1};
  *outline = (network_file_slice){0};
  err e = open_edges(&r);
  if (e == OK) e = read_outline(&r, outline);
  close_edges(&r);
  return e;
}

err network_file_read(MPI_Comm comm, const model *m, const model_projection *p,
                      network_file_slice *read) {
  reader r = {.comm = comm, .m = m, .p = p, .file = -1, .edges = -1};
  *read = (network_file_slice){0};
  err e = open_edges(&r);
  if (e == OK) e = agree(comm, read_edges(&r, read));
  if (e == OK) read->hash = hash_edges(&r, read);
  close_edges(&r);
  return agree(comm, e);
}

void network_file_release(network_file_slice *slice) {
  free(slice->source);
  free(slice->target);
  free(slice->weight);
  free(slice->delay);
  slice->source = slice->target = NULL;
  slice->weight = slice->delay = NULL;
  slice->count = 0;
}
