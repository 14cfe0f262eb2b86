#include "info.h"

#include "hdf5_file.h"
#include "info_file.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool info_is_hdf5(const char *path) {
  char begin[8] = {0};
  FILE *file = fopen(path, "rb");
  if (!file) return false;
  const size_t got = fread(begin, 1, sizeof begin, file);
  fclose(file);
  return got == sizeof begin && !memcmp(begin, "\211HDF\r\n\032\n", 8);
}

/* ---- spikes ---- */

typedef struct {
  double first, last;         /* time stamps */
  uint64_t smallest, largest; /* node ids */
  uint64_t firing;            /* different ones; 0: not counted */
  bool by_time, by_id;
} spike_facts;

enum { COUNTED_IDS = 1 << 30 }; /* a bit each */

static err read_times(const info_file *f, const info_column *c, spike_facts *facts) {
  double *time = check_allocate(INFO_BLOCK, sizeof *time);
  err e = OK;
  facts->by_time = true;
  facts->first = INFINITY;
  facts->last = -INFINITY;
  double before = -INFINITY;
  for (hsize_t i = 0, count; e == OK && i < c->size[0]; i += count) {
    count = c->size[0] - i < INFO_BLOCK ? c->size[0] - i : INFO_BLOCK;
    e = info_read(f, c, H5T_NATIVE_DOUBLE, i, count, time);
    for (hsize_t k = 0; e == OK && k < count; k++) {
      if (!isfinite(time[k]))
        e = check_fail(ERR_USER, "%s: %s: value %llu is not a finite number", f->path, c->path,
                       (unsigned long long)(i + k));
      facts->by_time = facts->by_time && time[k] >= before;
      before = time[k];
      facts->first = fmin(facts->first, time[k]);
      facts->last = fmax(facts->last, time[k]);
    }
  }
  free(time);
  return e;
}

static err check_id_column(const info_file *f, const info_column *c) {
  const hid_t type = H5Dget_type(c->set);
  const bool integers = H5Tget_class(type) == H5T_INTEGER;
  H5Tclose(type);
  if (integers && c->dimensions == 1) return OK;
  return check_fail(ERR_USER, "%s: %s must be a one-dimensional array of integers", f->path,
                    c->path);
}

/* Visit all ids; count different ones where `seen` is given. */
static err visit_ids(const info_file *f, const info_column *c, spike_facts *facts,
                     unsigned char *seen) {
  int64_t *id = check_allocate(INFO_BLOCK, sizeof *id), before = 0; /* signed: to tell -1 from 0 */
  err e = check_id_column(f, c);
  for (hsize_t i = 0, count; e == OK && i < c->size[0]; i += count) {
    count = c->size[0] - i < INFO_BLOCK ? c->size[0] - i : INFO_BLOCK;
    e = info_read(f, c, H5T_NATIVE_INT64, i, count, id);
    for (hsize_t k = 0; e == OK && k < count; k++) {
      if (id[k] < 0) {
        e = check_fail(ERR_USER, "%s: %s: value %llu is %lld: ids are 0 or more", f->path, c->path,
                       (unsigned long long)(i + k), (long long)id[k]);
        break;
      }
      if (seen) {
        facts->firing += !(seen[id[k] >> 3] >> (id[k] & 7) & 1);
        seen[id[k] >> 3] |= (unsigned char)(1 << (id[k] & 7));
        continue;
      }
      facts->by_id = facts->by_id && id[k] >= before;
      before = id[k];
      if ((uint64_t)id[k] < facts->smallest) facts->smallest = (uint64_t)id[k];
      if ((uint64_t)id[k] > facts->largest) facts->largest = (uint64_t)id[k];
    }
  }
  free(id);
  return e;
}

static err read_ids(const info_file *f, const info_column *c, spike_facts *facts) {
  facts->smallest = UINT64_MAX;
  facts->by_id = true;
  err e = visit_ids(f, c, facts, NULL);
  if (e != OK || c->size[0] == 0 || facts->largest >= COUNTED_IDS) return e;
  unsigned char *seen = check_allocate((facts->largest >> 3) + 1, 1);
  e = visit_ids(f, c, facts, seen);
  free(seen);
  return e;
}

/* A list that is longer than fits ends in a whole number. */
static void shorten(char recorded[INFO_NAME]) {
  enum { SHOWN = 80 };
  if (!recorded[0]) strcpy(recorded, "none");
  if (strlen(recorded) <= SHOWN) return;
  char *end = recorded + SHOWN;
  while (end > recorded && *end != ',') end--;
  strcpy(end, ", ...");
}

/* What Shinkei's own files tell of a population. How long all these spikes took [s]: NaN where some
 * are of another time. */
static double print_extent(const info_file *f, const char *group, const spike_facts *facts,
                           double scale) {
  char neurons[INFO_NAME], recorded[INFO_NAME];
  double begin, end;
  hid_t object = H5Gopen2(f->file, group, H5P_DEFAULT);
  const bool told = hdf5_file_number(object, "begin", H5T_NATIVE_DOUBLE, &begin) &&
                    hdf5_file_number(object, "end", H5T_NATIVE_DOUBLE, &end);
  H5Gclose(object);
  if (!told) return facts->last * scale;
  info_attribute(f, group, "neurons", neurons);
  shorten(info_attribute(f, group, "recorded", recorded));
  fprintf(f->to, " recorded from %.15g to %.15g ms, %s of %s neurons;", begin, end, recorded,
          neurons);
  return facts->first > begin && facts->last <= end ? 1e-3 * (end - begin) : NAN;
}

static void print_spikes(const info_file *f, const char *group, hsize_t count,
                         const spike_facts *facts, const char *sorting, const char *units) {
  char text[2][32];
  const double seconds = print_extent(f, group, facts, !strcmp(units, "s") ? 1 : 1e-3);
  if (count == 0) {
    fprintf(f->to, " no spikes\n");
    return;
  }
  fprintf(f->to, " %s spike%s from %.9g to %.9g %s, nodes %llu to %llu",
          info_grouped(count, text[0]), count == 1 ? "" : "s", facts->first, facts->last,
          units[0] ? units : "(the unit is not given)", (unsigned long long)facts->smallest,
          (unsigned long long)facts->largest);
  if (facts->firing) fprintf(f->to, "; %s neurons fire", info_grouped(facts->firing, text[1]));
  if (facts->firing && seconds > 0)
    fprintf(f->to, ", at %.4g Hz on average over %.9g s",
            (double)count / (double)facts->firing / seconds, seconds);
  fprintf(f->to, "; sorted %s (the file says: %s)\n",
          facts->by_time ? "by time"
          : facts->by_id ? "by id"
                         : "in no way",
          sorting[0] ? sorting : "nothing");
}

static err describe_spikes_of(const info_file *f, const char *group, const char *name) {
  info_column time, id;
  spike_facts facts = {0};
  char sorting[INFO_NAME], units[INFO_NAME];
  err e = info_open(f, true, &time, "%s/timestamps", group);
  if (e != OK) return e;
  e = info_open(f, true, &id, "%s/%s", group,
                info_has(f, "%s/gids", group) ? "gids" : "node_ids"); /* gids: an older layout */
  if (e == OK && time.size[0] * time.size[1] != id.size[0] * id.size[1])
    e = check_fail(ERR_USER, "%s: %s has %llu values, %s %llu", f->path, time.path,
                   (unsigned long long)time.size[0], id.path, (unsigned long long)id.size[0]);
  if (e == OK && (time.dimensions != 1 || id.dimensions != 1))
    e = check_fail(ERR_USER, "%s: %s: lists are needed, not tables", f->path, group);
  if (e == OK) e = read_times(f, &time, &facts);
  if (e == OK) e = read_ids(f, &id, &facts);
  info_attribute(f, group, "sorting", sorting);
  info_attribute(f, time.path, "units", units);
  if (e == OK && ((!strcmp(sorting, "by_time") && !facts.by_time) ||
                  (!strcmp(sorting, "by_id") && !facts.by_id)))
    e = check_fail(ERR_USER, "%s: %s says that it is sorted %s, but it is not", f->path, group,
                   sorting);
  char neurons[INFO_NAME];
  if (e == OK && time.size[0] && info_attribute(f, group, "neurons", neurons)[0] &&
      facts.largest >= strtoull(neurons, NULL, 10))
    e = check_fail(ERR_USER, "%s: %s: a spike of node %llu of %s", f->path, group,
                   (unsigned long long)facts.largest, neurons);
  if (e == OK) {
    fprintf(f->to, "  %s:", name);
    print_spikes(f, group, time.size[0], &facts, sorting, units);
  }
  info_close(&time);
  info_close(&id);
  return e;
}

static err describe_spikes(const info_file *f) {
  char name[INFO_NAME], group[INFO_NAME + 16], version[INFO_NAME];
  info_attribute(f, "/", "version", version);
  for (char *c = version; *c; c++)
    if (*c == ' ') *c = '.';
  fprintf(f->to, "%s: spikes, SONATA %s%s\n", f->path, version[0] ? "version " : "layout", version);
  if (info_has(f, "/spikes/timestamps")) /* before there were populations */
    return describe_spikes_of(f, "/spikes", "(no population)");
  err e = OK;
  for (hsize_t i = 0; e == OK && info_member(f, "/spikes", i, name); i++) {
    snprintf(group, sizeof group, "/spikes/%s", name);
    e = describe_spikes_of(f, group, name);
  }
  return e;
}

/* ---- reports ---- */

/* "V_m" or "V_m, I_syn_ex": names of variables, as text of one line. */
static void variable_names(const info_file *f, const char *group, char text[INFO_NAME]) {
  info_column c;
  text[0] = 0;
  if (!info_has(f, "%s/mapping/variables", group)) return;
  if (info_open(f, false, &c, "%s/mapping/variables", group) != OK) return;
  const hid_t type = H5Dget_type(c.set);
  const size_t size = H5Tget_size(type);
  if (H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) <= 0 && c.dimensions == 1 &&
      c.size[0] <= 64 && size <= 64) {
    char *names = check_allocate(c.size[0] + 1, size);
    if (H5Dread(c.set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, names) >= 0)
      for (hsize_t i = 0; i < c.size[0] && strlen(text) + size + 3 < INFO_NAME; i++)
        sprintf(text + strlen(text), "%s%.*s", i ? ", " : "", (int)size, names + i * size);
    free(names);
  }
  H5Tclose(type);
  info_close(&c);
}

static err describe_report(const info_file *f, const char *name) {
  char group[INFO_NAME + 16], variables[INFO_NAME], units[INFO_NAME], text[2][32];
  info_column data, nodes, time;
  double times[3] = {0};
  snprintf(group, sizeof group, "/report/%s", name);
  err e = info_open(f, true, &data, "%s/data", group);
  if (e != OK) return e;
  const hsize_t columns = data.dimensions == 2 ? data.size[1] : 0;
  info_attribute(f, data.path, "units", units);
  info_close(&data);
  e = info_open(f, true, &nodes, "%s/mapping/node_ids", group);
  if (e != OK) return e;
  info_close(&nodes);
  e = info_open(f, true, &time, "%s/mapping/time", group);
  if (e != OK) return e;
  e = time.size[0] == 3
          ? info_read(f, &time, H5T_NATIVE_DOUBLE, 0, 3, times)
          : check_fail(ERR_USER, "%s: %s does not hold 3 numbers", f->path, time.path);
  info_close(&time);
  if (e == OK && nodes.size[0] > 0 && columns % nodes.size[0])
    e = check_fail(ERR_USER, "%s: %s: %llu columns do not fit %llu nodes", f->path, group,
                   (unsigned long long)columns, (unsigned long long)nodes.size[0]);
  if (e != OK) return e;
  variable_names(f, group, variables);
  fprintf(f->to, "  %s: %s [%s] of %s neurons, every %.9g ms", name,
          variables[0] ? variables : "a variable", units, info_grouped(nodes.size[0], text[0]),
          times[2]);
  if (data.size[0] > 0) fprintf(f->to, " from %.9g to %.9g ms", times[0], times[1] - times[2]);
  fprintf(f->to, ": %s rows\n", info_grouped(data.size[0], text[1]));
  return OK;
}

static err describe_reports(const info_file *f) {
  char name[INFO_NAME];
  err e = OK;
  fprintf(f->to, "%s: traces of state variables, SONATA report layout\n", f->path);
  for (hsize_t i = 0; e == OK && info_member(f, "/report", i, name); i++)
    e = describe_report(f, name);
  return e;
}

/* ---- edges and nodes ---- */

/* Each edge has one value of an attribute, where all are in one group. */
static err check_attributes(const info_file *f, const char *population, hsize_t edges) {
  char name[INFO_NAME], group[2 * INFO_NAME], path[4 * INFO_NAME];
  snprintf(group, sizeof group, "%s/0", population);
  if (!info_has(f, "%s", group) || info_has(f, "%s/1", population)) return OK;
  err e = OK;
  for (hsize_t k = 0; e == OK && info_member(f, group, k, name); k++) {
    info_column c;
    snprintf(path, sizeof path, "%s/%s", group, name);
    if (!info_is_dataset(f, path)) continue;
    e = info_open(f, false, &c, "%s", path);
    if (e != OK) return e;
    if (c.size[0] != edges)
      e = check_fail(ERR_USER, "%s: %s has %llu values for %llu edges", f->path, c.path,
                     (unsigned long long)c.size[0], (unsigned long long)edges);
    info_close(&c);
  }
  return e;
}

/* Names of what stands in the numbered groups of a population. */
static void print_attributes(const info_file *f, const char *population) {
  char group[INFO_NAME], name[INFO_NAME], path[3 * INFO_NAME];
  for (hsize_t i = 0; info_member(f, population, i, group); i++) {
    snprintf(path, sizeof path, "%s/%s", population, group);
    if (strspn(group, "0123456789") != strlen(group) || info_is_dataset(f, path)) continue;
    fprintf(f->to, "    attributes of group %s:", group);
    hsize_t k = 0;
    for (; info_member(f, path, k, name); k++) fprintf(f->to, "%s %s", k ? "," : "", name);
    fprintf(f->to, "%s\n", k ? "" : " none");
  }
}

static err read_range(const info_file *f, const info_column *c, spike_facts *facts) {
  *facts = (spike_facts){.smallest = UINT64_MAX};
  return visit_ids(f, c, facts, NULL);
}

static err describe_edges(const info_file *f, const char *name) {
  static const char *const side[2] = {"source", "target"};
  info_column c[2] = {{.set = -1}, {.set = -1}};
  spike_facts facts[2];
  char population[2][INFO_NAME], group[INFO_NAME + 16], count[32];
  snprintf(group, sizeof group, "/edges/%s", name);
  err e = OK;
  for (int i = 0; e == OK && i < 2; i++) {
    e = info_open(f, true, &c[i], "%s/%s_node_id", group, side[i]);
    if (e == OK) e = read_range(f, &c[i], &facts[i]);
    if (e == OK) info_attribute(f, c[i].path, "node_population", population[i]);
  }
  if (e == OK && c[0].size[0] != c[1].size[0])
    e = check_fail(ERR_USER, "%s: %s has %llu values, %s %llu", f->path, c[0].path,
                   (unsigned long long)c[0].size[0], c[1].path, (unsigned long long)c[1].size[0]);
  if (e == OK) e = check_attributes(f, group, c[0].size[0]);
  if (e == OK) {
    fprintf(f->to, "  edges %s: %s from %s to %s", name, info_grouped(c[0].size[0], count),
            population[0][0] ? population[0] : "(not named)",
            population[1][0] ? population[1] : "(not named)");
    if (c[0].size[0])
      fprintf(f->to, "; sources %llu to %llu, targets %llu to %llu",
              (unsigned long long)facts[0].smallest, (unsigned long long)facts[0].largest,
              (unsigned long long)facts[1].smallest, (unsigned long long)facts[1].largest);
    fputc('\n', f->to);
    print_attributes(f, group);
  }
  for (int i = 0; i < 2; i++) info_close(&c[i]);
  return e;
}

static err describe_nodes(const info_file *f, const char *name) {
  info_column c;
  char group[INFO_NAME + 16], count[32];
  snprintf(group, sizeof group, "/nodes/%s", name);
  err e = info_open(f, true, &c, "%s/node_type_id", group);
  if (e != OK) return e;
  fprintf(f->to, "  nodes %s: %s\n", name, info_grouped(c.size[0], count));
  info_close(&c);
  print_attributes(f, group);
  return OK;
}

static err describe_network(const info_file *f) {
  char name[INFO_NAME];
  err e = OK;
  fprintf(f->to, "%s: a network, SONATA layout\n", f->path);
  for (hsize_t i = 0; e == OK && info_member(f, "/edges", i, name); i++)
    e = describe_edges(f, name);
  for (hsize_t i = 0; e == OK && info_member(f, "/nodes", i, name); i++)
    e = describe_nodes(f, name);
  return e;
}

/* ---- files with a root attribute "format" ---- */

static herr_t print_attribute(hid_t object, const char *name, const H5A_info_t *info, void *file) {
  (void)object;
  (void)info;
  const info_file *f = file;
  char text[INFO_NAME];
  if (strcmp(name, "format"))
    fprintf(f->to, "  %s: %s\n", name, info_attribute(f, "/", name, text));
  return 0;
}

static err print_tree(const info_file *f, const char *group) {
  char name[INFO_NAME], path[2 * INFO_NAME];
  err e = OK;
  for (hsize_t i = 0; e == OK && info_member(f, group, i, name); i++) {
    if (snprintf(path, sizeof path, "%s%s%s", group, group[1] ? "/" : "", name) >= (int)sizeof path)
      return check_fail(ERR_USER, "%s: names nested too deeply: the file is damaged", f->path);
    if (!info_is_dataset(f, path)) {
      e = print_tree(f, path);
      continue;
    }
    info_column c;
    char rows[32], unit[INFO_NAME], meaning[INFO_NAME];
    e = info_open(f, false, &c, "%s", path);
    if (e != OK) return e;
    info_attribute(f, path, "unit", unit);
    info_attribute(f, path, "description", meaning);
    fprintf(f->to, "  %s: %s", path, info_grouped(c.size[0], rows));
    if (c.dimensions == 2) fprintf(f->to, " x %llu", (unsigned long long)c.size[1]);
    fprintf(f->to, " values%s%s%s%s\n", unit[0] ? " " : "", unit, meaning[0] ? ": " : "", meaning);
    info_close(&c);
  }
  return e;
}

/* Neurons of the smallest and the largest part of a partition. */
static err describe_owners(const info_file *f) {
  info_column c;
  err e = info_open(f, true, &c, "/owner");
  if (e != OK) return e;
  spike_facts facts;
  e = read_range(f, &c, &facts);
  int parts = 0;
  uint64_t neurons = 0;
  if (e == OK && (!hdf5_file_number(f->file, "parts", H5T_NATIVE_INT, &parts) || parts < 1 ||
                  !hdf5_file_number(f->file, "neurons", H5T_NATIVE_UINT64, &neurons)))
    e = check_fail(ERR_USER, "%s: the attributes parts and neurons must be numbers: damaged",
                   f->path);
  if (e == OK && c.size[0] && (facts.largest >= COUNTED_IDS || facts.largest >= (uint64_t)parts))
    e = check_fail(ERR_USER, "%s: /owner names part %llu of %d: the file is damaged", f->path,
                   (unsigned long long)facts.largest, parts);
  if (e == OK && c.size[0] != neurons)
    e = check_fail(ERR_USER, "%s: /owner is of %llu neurons, not %llu: the file is damaged",
                   f->path, (unsigned long long)c.size[0], (unsigned long long)neurons);
  if (e == OK && c.size[0]) {
    uint64_t *count = check_allocate(facts.largest + 1, sizeof *count), least = UINT64_MAX,
             most = 0;
    uint32_t *owner = check_allocate(INFO_BLOCK, sizeof *owner);
    for (hsize_t i = 0, part; e == OK && i < c.size[0]; i += part) {
      part = c.size[0] - i < INFO_BLOCK ? c.size[0] - i : INFO_BLOCK;
      e = info_read(f, &c, H5T_NATIVE_UINT32, i, part, owner);
      for (hsize_t k = 0; e == OK && k < part; k++) count[owner[k]]++;
    }
    for (uint64_t p = 0; p <= facts.largest; p++) {
      if (count[p] < least) least = count[p];
      if (count[p] > most) most = count[p];
    }
    char text[2][32];
    if (e == OK)
      fprintf(f->to, "  parts that are used: 0 to %llu, with %s to %s neurons\n",
              (unsigned long long)facts.largest, info_grouped(least, text[0]),
              info_grouped(most, text[1]));
    free(owner);
    free(count);
  }
  info_close(&c);
  return e;
}

static err describe_own(const info_file *f, const char *format) {
  fprintf(f->to, "%s: %s\n", f->path, format);
  H5Aiterate_by_name(f->file, "/", H5_INDEX_NAME, H5_ITER_INC, NULL, print_attribute, (void *)f,
                     H5P_DEFAULT);
  const err e = print_tree(f, "/");
  return e == OK && !strncmp(format, "shinkei partition", 17) ? describe_owners(f) : e;
}

err info_describe_hdf5(const char *path, FILE *to) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* our message instead of the library's */
  const info_file f = {.path = path, .file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), .to = to};
  if (f.file < 0)
    return check_fail(ERR_USER, "%s: begins like HDF5 but cannot be opened: damaged or truncated",
                      path);
  char format[INFO_NAME];
  bool known = false;
  err e = OK;
  if (!strncmp(info_attribute(&f, "/", "format", format), "shinkei", 7)) {
    e = describe_own(&f, format);
    known = true;
  }
  if (e == OK && info_has(&f, "/spikes") && (known = true)) e = describe_spikes(&f);
  if (e == OK && info_has(&f, "/report") && (known = true)) e = describe_reports(&f);
  if (e == OK && (info_has(&f, "/edges") || info_has(&f, "/nodes")) && (known = true))
    e = describe_network(&f);
  if (e == OK && !known)
    e = check_fail(ERR_USER,
                   "%s: is HDF5, but holds no spikes, reports, edges, nodes, partition or "
                   "checkpoint that shinkei knows",
                   path);
  H5Fclose(f.file);
  return e;
}
