#include "phi_spikes.h"

#include "hdf5_file.h"
#include <ctype.h>
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

/* A population without events as yet. */
static void add_population(phi_spikes *s, const char *name) {
  const size_t populations = (size_t)s->populations + 1;
  s->population = realloc(s->population, populations * sizeof *s->population);
  s->extent = realloc(s->extent, populations * sizeof *s->extent);
  if (!s->population || !s->extent) CHECK_ABORT("out of memory");
  s->extent[s->populations] = (phi_extent){0};
  s->population[s->populations++] = strcpy(check_allocate(strlen(name) + 1, 1), name);
}

static err refuse_extent(const reading *r, hid_t group, const char *name, const char *attribute,
                         const char *wanted) {
  return check_fail(ERR_USER, "%s: /spikes/%s: attribute %s: must be %s, not %s", r->path, name,
                    attribute, wanted, hdf5_file_attribute_kind(group, attribute));
}

/* "all" or "0-9,15"; false where it is anything else. */
static bool read_ranges(const char *text, phi_extent *e) {
  e->all = !strcmp(text, "all");
  size_t capacity = 0;
  for (const char *at = text; !e->all && *at;) {
    char *end;
    if (!isdigit((unsigned char)*at)) return false;
    const long long first = strtoll(at, &end, 10);
    if (*end == '-' && !isdigit((unsigned char)end[1])) return false;
    const long long last = *end == '-' ? strtoll(end + 1, &end, 10) : first;
    const long long before = e->ranges ? e->range[e->ranges - 1][1] : -1;
    if ((*end && (*end != ',' || !end[1])) || first <= before || last < first || last >= e->neurons)
      return false;
    e->range = check_grow(e->range, &capacity, (size_t)e->ranges + 1, sizeof *e->range);
    e->range[e->ranges][0] = first, e->range[e->ranges++][1] = last;
    at = end + (*end == ',');
  }
  return true;
}

/* Of the last population. */
static err read_extent(reading *r, const char *name) {
  phi_extent *e = &r->s->extent[r->s->populations - 1];
  const char *const attribute[] = {"neurons", "recorded", "begin", "end"};
  hid_t group = H5Gopen2(r->group, name, H5P_DEFAULT);
  e->told = true;
  for (int k = 0; k < 4; k++) e->told = e->told && H5Aexists(group, attribute[k]) > 0;
  if (!e->told) {
    H5Gclose(group);
    return OK;
  }
  err failed = OK;
  char *text = hdf5_file_text(group, "recorded");
  if (!hdf5_file_number(group, "neurons", H5T_NATIVE_INT64, &e->neurons) || e->neurons < 0)
    failed = refuse_extent(r, group, name, "neurons", "an integer from 0");
  else if (!text || !read_ranges(text, e))
    failed = refuse_extent(r, group, name, "recorded", "neurons as in 0-9,15");
  else if (!hdf5_file_number(group, "begin", H5T_NATIVE_DOUBLE, &e->begin) || !isfinite(e->begin))
    failed = refuse_extent(r, group, name, "begin", "a time");
  else if (!hdf5_file_number(group, "end", H5T_NATIVE_DOUBLE, &e->end) || !isfinite(e->end))
    failed = refuse_extent(r, group, name, "end", "a time");
  free(text);
  H5Gclose(group);
  return failed;
}

bool phi_extent_has(const phi_extent *e, int64_t id) {
  if (!e->told || e->all) return !e->told || id < e->neurons;
  int low = 0, high = e->ranges;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (e->range[middle][1] < id)
      low = middle + 1;
    else
      high = middle;
  }
  return low < e->ranges && e->range[low][0] <= id;
}

static err add_events(reading *r, const char *name, double unit, size_t count, const double *time,
                      const int64_t *id) {
  phi_spikes *s = r->s;
  const phi_extent *extent = &s->extent[s->populations - 1];
  for (size_t i = 0; i < count; i++)
    if (!isfinite(time[i]) || id[i] < 0)
      return check_fail(ERR_USER,
                        "%s: population '%s', spike %zu: time %g, node %lld; allowed are "
                        "finite times and nodes >= 0",
                        r->path, name, i, time[i], (long long)id[i]);
  r->events = check_grow(r->events, &r->capacity, s->count + count, sizeof *r->events);
  for (size_t i = 0; i < count; i++)
    if (phi_extent_has(extent, id[i]))
      r->events[s->count++] = (event){time[i] * unit, id[i], s->populations - 1};
  return OK;
}

typedef struct {
  const char *times, *ids; /* paths */
  hid_t time, id;
  size_t count, other; /* of each */
} columns;

static err check_columns(const reading *r, const columns *c) {
  if (c->time < 0 || c->id < 0)
    return check_fail(ERR_USER, "%s: /spikes has no %s with %s", r->path, c->times, c->ids);
  if (c->count != c->other)
    return check_fail(ERR_USER, "%s: /spikes/%s has %zu elements, /spikes/%s %zu", r->path,
                      c->times, c->count, c->ids, c->other);
  if (unit_of(c->time) == 0) return refuse_unit(r, c->time, c->times);
  if (c->count && !is_integer(c->id))
    return check_fail(ERR_USER, "%s: /spikes/%s: ids of nodes must be integers", r->path, c->ids);
  return OK;
}

static err read_columns(reading *r, const char *name, const columns *c) {
  double *time = check_allocate(c->count, sizeof *time);
  int64_t *id = check_allocate(c->count, sizeof *id);
  const bool read =
      !c->count || (H5Dread(c->time, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, time) >= 0 &&
                    H5Dread(c->id, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, id) >= 0);
  const err e = read ? add_events(r, name, unit_of(c->time), c->count, time, id)
                     : check_fail(ERR_USER, "%s: the spikes of population '%s' cannot be read",
                                  r->path, name);
  free(time);
  free(id);
  return e;
}

/* The population has a name where it has a group of its own. */
static err read_population(reading *r, const char *name, const char *times, const char *ids) {
  columns c = {.times = times, .ids = ids};
  c.time = open_1d(r, times, &c.count);
  c.id = open_1d(r, ids, &c.other);
  add_population(r->s, name);
  err e = name[0] ? read_extent(r, name) : OK;
  if (e == OK) e = check_columns(r, &c);
  if (e == OK) e = read_columns(r, name, &c);
  if (c.time >= 0) H5Dclose(c.time);
  if (c.id >= 0) H5Dclose(c.id);
  return e;
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
    else
      H5Literate(r.group, H5_INDEX_NAME, H5_ITER_INC, NULL, visit, &r);
    H5Gclose(r.group);
  }
  H5Fclose(file);
  if (!r.e) index_neurons(made, r.events);
  free(r.events);
  if (r.e) phi_spikes_free(made);
  return r.e;
}

void phi_spikes_free(phi_spikes *s) {
  for (int k = 0; k < s->populations; k++) {
    free(s->population[k]);
    free(s->extent[k].range);
  }
  free(s->population);
  free(s->extent);
  free(s->neuron);
  free(s->time);
  memset(s, 0, sizeof *s);
}
