#include "phi_spikes.h"

#include "hdf5_file.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  double time;
  int64_t id;
  int population;
} event;

typedef struct {
  const char *path;
  hid_t group; /* /spikes */
  phi_spikes *s;
  event *events;
  size_t capacity;
  err e;
} reading;

static hid_t open_1d(const reading *r, const char *name, size_t *count) {
  hid_t data = H5Dopen2(r->group, name, H5P_DEFAULT);
  if (data < 0) return data;
  hid_t space = H5Dget_space(data);
  *count = (size_t)H5Sget_simple_extent_npoints(space);
  H5Sclose(space);
  return data;
}

/* 1 for ms (or nothing said), 1000 for s, 0 for anything else. */
static double unit_of(hid_t data) {
  if (H5Aexists(data, "units") <= 0) return 1;
  char *text = hdf5_file_text(data, "units");
  double unit = 0;
  if (text && (!strcmp(text, "ms") || !strncmp(text, "milli", 5))) unit = 1;
  if (text && (!strcmp(text, "s") || !strncmp(text, "sec", 3))) unit = 1000;
  free(text);
  return unit;
}

static err refuse_unit(const reading *r, hid_t data, const char *name) {
  char *text = hdf5_file_text(data, "units");
  const err e =
      check_fail(ERR_USER, "%s: /spikes/%s: attribute units: allowed are ms and s, not %s", r->path,
                 name, text ? text : hdf5_file_attribute_kind(data, "units"));
  free(text);
  return e;
}

/* HDF5 would cut fractions off in silence. */
static bool is_integer(hid_t data) {
  hid_t type = H5Dget_type(data);
  const bool found = H5Tget_class(type) == H5T_INTEGER;
  H5Tclose(type);
  return found;
}

static err add_events(reading *r, const char *name, double unit, size_t count, const double *time,
                      const int64_t *id) {
  phi_spikes *s = r->s;
  for (size_t i = 0; i < count; i++)
    if (!isfinite(time[i]) || id[i] < 0)
      return check_fail(ERR_USER,
                        "%s: population '%s', spike %zu: time %g, node %lld; allowed are "
                        "finite times and nodes >= 0",
                        r->path, name, i, time[i], (long long)id[i]);
  r->events = check_grow(r->events, &r->capacity, s->count + count, sizeof *r->events);
  for (size_t i = 0; i < count; i++)
    r->events[s->count + i] = (event){time[i] * unit, id[i], s->populations};
  s->count += count;
  s->population = realloc(s->population, (size_t)(s->populations + 1) * sizeof *s->population);
  if (!s->population) CHECK_ABORT("out of memory");
  s->population[s->populations] = check_allocate(strlen(name) + 1, 1);
  strcpy(s->population[s->populations++], name);
  return OK;
}

static err read_population(reading *r, const char *name, const char *times, const char *ids) {
  size_t count = 0, other = 0;
  hid_t time = open_1d(r, times, &count), id = open_1d(r, ids, &other);
  err e = OK;
  if (time < 0 || id < 0)
    e = check_fail(ERR_USER, "%s: /spikes has no %s with %s", r->path, times, ids);
  else if (count != other)
    e = check_fail(ERR_USER, "%s: /spikes/%s has %zu elements, /spikes/%s %zu", r->path, times,
                   count, ids, other);
  else if (unit_of(time) == 0)
    e = refuse_unit(r, time, times);
  else if (count && !is_integer(id))
    e = check_fail(ERR_USER, "%s: /spikes/%s: ids of nodes must be integers", r->path, ids);
  else {
    double *t = check_allocate(count, sizeof *t);
    int64_t *node = check_allocate(count, sizeof *node);
    if (count && (H5Dread(time, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, t) < 0 ||
                  H5Dread(id, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, node) < 0))
      e = check_fail(ERR_USER, "%s: the spikes of population '%s' cannot be read", r->path, name);
    if (!e) e = add_events(r, name, unit_of(time), count, t, node);
    free(t);
    free(node);
  }
  if (time >= 0) H5Dclose(time);
  if (id >= 0) H5Dclose(id);
  return e;
}

/* Attributes of Shinkei's own files: what they all tell is told of all. */
static void read_extent(const reading *r, const char *name) {
  phi_spikes *s = r->s;
  double begin, end;
  hid_t group = H5Gopen2(r->group, name, H5P_DEFAULT);
  s->told = s->told && hdf5_file_number(group, "begin", H5T_NATIVE_DOUBLE, &begin) &&
            hdf5_file_number(group, "end", H5T_NATIVE_DOUBLE, &end) && isfinite(begin) &&
            isfinite(end);
  H5Gclose(group);
  if (!s->told) return;
  s->told_begin = fmax(s->told_begin, begin);
  s->told_end = fmin(s->told_end, end);
}

static herr_t visit(hid_t group, const char *name, const H5L_info_t *info, void *context) {
  (void)info;
  reading *r = context;
  H5O_info_t object;
  char times[300], ids[300];
  if (H5Oget_info_by_name(group, name, &object, H5P_DEFAULT) < 0 || object.type != H5O_TYPE_GROUP)
    return 0;
  if (strlen(name) > 250) {
    r->e = check_fail(ERR_USER, "%s: the name of a population is longer than 250 bytes", r->path);
    return 1;
  }
  snprintf(times, sizeof times, "%s/timestamps", name);
  snprintf(ids, sizeof ids, "%s/node_ids", name);
  r->e = read_population(r, name, times, ids);
  read_extent(r, name);
  return r->e ? 1 : 0;
}

static int by_neuron_and_time(const void *left, const void *right) {
  const event *a = left, *b = right;
  if (a->population != b->population) return a->population < b->population ? -1 : 1;
  if (a->id != b->id) return a->id < b->id ? -1 : 1;
  return (a->time > b->time) - (a->time < b->time);
}

static void index_neurons(phi_spikes *s, event *events) {
  qsort(events, s->count, sizeof *events, by_neuron_and_time);
  size_t capacity = 0;
  s->time = check_allocate(s->count, sizeof *s->time);
  s->begin = INFINITY, s->end = -INFINITY;
  for (size_t i = 0; i < s->count; i++) {
    const event *e = &events[i];
    phi_neuron *last = s->neurons ? &s->neuron[s->neurons - 1] : NULL;
    if (!last || last->population != e->population || last->id != e->id) {
      s->neuron = check_grow(s->neuron, &capacity, s->neurons + 1, sizeof *s->neuron);
      last = &s->neuron[s->neurons++];
      *last = (phi_neuron){e->population, e->id, i, 0};
    }
    last->count++;
    s->time[i] = e->time;
    s->begin = fmin(s->begin, e->time);
    s->end = fmax(s->end, e->time);
  }
}

err phi_spikes_read_file(const char *path, phi_spikes *made) {
  memset(made, 0, sizeof *made);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* our messages name the file and what is wrong */
  if (check_is_no_file(path)) return check_fail(ERR_USER, "%s: is no file", path);
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0) return check_fail(ERR_USER, "%s cannot be read as an HDF5 file", path);
  reading r = {.path = path, .s = made, .group = H5Gopen2(file, "spikes", H5P_DEFAULT)};
  if (r.group < 0)
    r.e = check_fail(ERR_USER, "%s: there is no group /spikes; a SONATA spike file has one", path);
  else {
    if (H5Lexists(r.group, "timestamps", H5P_DEFAULT) > 0)
      r.e = read_population(&r, "", "timestamps",
                            H5Lexists(r.group, "gids", H5P_DEFAULT) > 0 ? "gids" : "node_ids");
    else {
      made->told = true;
      made->told_begin = -INFINITY, made->told_end = INFINITY;
      H5Literate(r.group, H5_INDEX_NAME, H5_ITER_INC, NULL, visit, &r);
      made->told = made->told && made->populations > 0;
    }
    H5Gclose(r.group);
  }
  H5Fclose(file);
  if (!r.e) index_neurons(made, r.events);
  free(r.events);
  if (r.e) phi_spikes_free(made);
  return r.e;
}

void phi_spikes_free(phi_spikes *s) {
  for (int k = 0; k < s->populations; k++) free(s->population[k]);
  free(s->population);
  free(s->neuron);
  free(s->time);
  memset(s, 0, sizeof *s);
}
