/* A report's columns are its nodes ascending, each with its state variables. Between flushes every
 * rank keeps the columns of the neurons it owns; at a flush, rank r gets the columns
 * [columns * r / ranks, columns * (r + 1) / ranks) of all new rows and writes them as one block. No
 * rank holds a row of the whole network.                                                      */
#include "record_trace.h"

#include "agree.h"
#include "record.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const model_record_trace *what;
  const model_population *population;
  char *group; /* "/report/<population>" */
  int series;
  int64_t interval;                  /* [dt] */
  int64_t start;                     /* [dt] step of row 0 */
  uint64_t columns;                  /* of all ranks */
  uint64_t slice_first, slice_count; /* columns that this rank writes */
  size_t first, count;               /* this rank's own values in the list of all traced ones */
  double *kept;                      /* [rows kept][count] */
  size_t kept_count, capacity;       /* [values] */
  /* by rank: how many of a row's values go there and come from there */
  int *send, *receive;
  uint32_t *column; /* [slice_count] column, from slice_first, of each value that comes */
} report;

struct record_traces {
  MPI_Comm comm;
  int rank, ranks;
  const model *m;
  int64_t flushed; /* [dt] */
  int reports;
  report *report;
  uint64_t *rows; /* [reports] in the file */
  size_t count;
  uint32_t (*list)[2]; /* (index into owned, state) */
};

static uint64_t slice(uint64_t columns, int ranks, int rank) {
  return (uint64_t)((unsigned __int128)columns * rank / ranks);
}

/* Position of a node in the list of nodes. */
static uint64_t position_of(const model_nodes *nodes, uint32_t node) {
  if (nodes->all) return node;
  uint64_t before = 0;
  for (int i = 0; i < nodes->count && nodes->range[i].end <= node; i++)
    before += nodes->range[i].end - nodes->range[i].first;
  for (int i = 0; i < nodes->count; i++)
    if (nodes->range[i].first <= node && node < nodes->range[i].end)
      return before + node - nodes->range[i].first;
  CHECK_ABORT("node %u is not traced", node);
}

typedef struct {
  uint32_t node, index;
} owned_node;

static int by_node(const void *a, const void *b) {
  uint32_t x = ((const owned_node *)a)->node, y = ((const owned_node *)b)->node;
  return (x > y) - (x < y);
}

/* The traced neurons among the owned ones, ascending; caller frees. */
static owned_node *find_owned(const report *p, uint32_t count, const uint32_t *owned,
                              size_t *found) {
  owned_node *list = NULL;
  size_t capacity = 0;
  *found = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t node = owned[i] - p->population->first_gid; /* wraps below the first gid */
    if (node >= p->population->size || !model_nodes_has(&p->what->nodes, node)) continue;
    list = check_grow(list, &capacity, *found + 1, sizeof *list);
    list[(*found)++] = (owned_node){node, i};
  }
  if (*found) qsort(list, *found, sizeof *list, by_node);
  return list;
}

/* Tell every rank which columns of its slice come from here, once and for all. */
static void plan_exchange(record_traces *t, report *p, const uint64_t *column) {
  p->send = check_allocate(t->ranks, sizeof *p->send);
  p->receive = check_allocate(t->ranks, sizeof *p->receive);
  int *send_at = check_allocate(t->ranks, sizeof *send_at);
  int *receive_at = check_allocate(t->ranks, sizeof *receive_at);
  uint32_t *offset = check_allocate(p->count, sizeof *offset);
  int owner = 0;
  for (size_t i = 0; i < p->count; i++) {
    while (column[i] >= slice(p->columns, t->ranks, owner + 1)) owner++;
    offset[i] = (uint32_t)(column[i] - slice(p->columns, t->ranks, owner));
    p->send[owner]++;
  }
  AGREE_MPI(MPI_Alltoall(p->send, 1, MPI_INT, p->receive, 1, MPI_INT, t->comm));
  for (int r = 1; r < t->ranks; r++) {
    send_at[r] = send_at[r - 1] + p->send[r - 1];
    receive_at[r] = receive_at[r - 1] + p->receive[r - 1];
  }
  uint64_t coming = (uint64_t)receive_at[t->ranks - 1] + p->receive[t->ranks - 1];
  if (coming != p->slice_count)
    CHECK_ABORT("%llu of %llu traced columns are owned by a rank", (unsigned long long)coming,
                (unsigned long long)p->slice_count);
  p->column = check_allocate(p->slice_count, sizeof *p->column);
  AGREE_MPI(MPI_Alltoallv(offset, p->send, send_at, MPI_UINT32_T, p->column, p->receive, receive_at,
                          MPI_UINT32_T, t->comm));
  free(offset);
  free(send_at);
  free(receive_at);
}

/* The first report of a population has its name, as SONATA wants; the next ones a number more. */
static char *group_name(const record_traces *t, int number) {
  const model_record_trace *what = &t->m->trace_record[number];
  const char *name = t->m->population[what->population].name;
  int before = 0;
  for (int i = 0; i < number; i++) before += t->m->trace_record[i].population == what->population;
  size_t size = strlen(name) + 32;
  char *group = check_allocate(size, 1);
  if (before)
    snprintf(group, size, "/report/%s.%d", name, before + 1);
  else
    snprintf(group, size, "/report/%s", name);
  return group;
}

static void report_plan(record_traces *t, int number, uint32_t count, const uint32_t *owned) {
  report *p = &t->report[number];
  p->what = &t->m->trace_record[number];
  p->population = &t->m->population[p->what->population];
  p->group = group_name(t, number);
  p->interval = model_steps(t->m, p->what->interval);
  p->start = (t->flushed / p->interval + 1) * p->interval;
  p->columns = (uint64_t)model_nodes_count(&p->what->nodes, p->population->size) * p->what->states;
  p->slice_first = slice(p->columns, t->ranks, t->rank);
  p->slice_count = slice(p->columns, t->ranks, t->rank + 1) - p->slice_first;
  size_t nodes;
  owned_node *node = find_owned(p, count, owned, &nodes);
  p->first = t->count;
  p->count = nodes * p->what->states;
  uint64_t *column = check_allocate(p->count, sizeof *column);
  size_t capacity = t->count;
  t->list = check_grow(t->list, &capacity, t->count + p->count, sizeof *t->list);
  for (size_t i = 0; i < nodes; i++)
    for (int s = 0; s < p->what->states; s++) {
      column[i * p->what->states + s] =
          position_of(&p->what->nodes, node[i].node) * p->what->states + s;
      t->list[t->count][0] = node[i].index;
      t->list[t->count++][1] = (uint32_t)p->what->state[s];
    }
  plan_exchange(t, p, column);
  free(column);
  free(node);
}

void record_traces_create(MPI_Comm comm, const model *m, int64_t step, uint32_t count,
                          const uint32_t *owned, record_traces **made) {
  record_traces *t = check_allocate(1, sizeof *t);
  t->comm = comm;
  MPI_Comm_rank(comm, &t->rank);
  MPI_Comm_size(comm, &t->ranks);
  t->m = m;
  t->flushed = step;
  t->reports = m->trace_records;
  t->report = check_allocate(t->reports, sizeof *t->report);
  t->rows = check_allocate(t->reports, sizeof *t->rows);
  for (int i = 0; i < t->reports; i++) report_plan(t, i, count, owned);
  *made = t;
}

void record_traces_free(record_traces *t) {
  if (!t) return;
  for (int i = 0; i < t->reports; i++) {
    report *p = &t->report[i];
    free(p->group);
    free(p->kept);
    free(p->send);
    free(p->receive);
    free(p->column);
  }
  free(t->report);
  free(t->rows);
  free(t->list);
  free(t);
}

static char *member(const report *p, const char *name) {
  size_t size = strlen(p->group) + strlen(name) + 2;
  char *path = check_allocate(size, 1);
  snprintf(path, size, "%s/%s", p->group, name);
  return path;
}

/* Node ids and variables of the columns that this rank writes. */
static uint64_t *slice_nodes(const report *p, uint64_t first, uint64_t count) {
  uint64_t *id = check_allocate(count, sizeof *id);
  const model_nodes *nodes = &p->what->nodes;
  uint64_t before = 0;
  for (int i = 0; i < (nodes->all ? 1 : nodes->count); i++) {
    uint64_t start = nodes->all ? 0 : nodes->range[i].first;
    uint64_t size = (nodes->all ? p->population->size : nodes->range[i].end) - start;
    uint64_t from = first > before ? first - before : 0;
    for (uint64_t n = from; n < size && before + n < first + count; n++)
      id[before + n - first] = start + n;
    before += size;
  }
  return id;
}

static err write_member(record_file *f, const report *p, const char *name, record_type type,
                        uint64_t size, uint64_t first, uint64_t count, const void *data) {
  char *path = member(p, name);
  err e = record_file_write(f, path, type, size, first, count, data);
  free(path);
  return e;
}

/* mapping/: SONATA's node_ids, index_pointers, element_ids; an element is a state variable. */
static err write_mapping(record_traces *t, record_file *f, report *p) {
  uint64_t states = p->what->states, nodes = p->columns / states;
  uint64_t first = slice(nodes, t->ranks, t->rank), end = slice(nodes, t->ranks, t->rank + 1);
  uint64_t count = end - first;
  uint64_t *id = slice_nodes(p, first, count);
  err e = write_member(f, p, "mapping/node_ids", RECORD_UINT64, nodes, first, count, id);
  free(id);
  if (e != OK) return e;
  uint64_t pointers = count + (t->rank == t->ranks - 1);
  uint64_t *pointer = check_allocate(pointers, sizeof *pointer);
  for (uint64_t i = 0; i < pointers; i++) pointer[i] = (first + i) * states;
  e = write_member(f, p, "mapping/index_pointers", RECORD_UINT64, nodes + 1, first, pointers,
                   pointer);
  free(pointer);
  if (e != OK) return e;
  uint32_t *element = check_allocate(p->slice_count, sizeof *element);
  for (uint64_t i = 0; i < p->slice_count; i++) element[i] = (p->slice_first + i) % states;
  e = write_member(f, p, "mapping/element_ids", RECORD_UINT32, p->columns, p->slice_first,
                   p->slice_count, element);
  free(element);
  return e;
}

/* What the columns mean: names and units of the variables, the unit of the data if it is one. */
static err write_variables(record_file *f, const report *p) {
  const char *name[NEURON_STATES_MAX], *unit[NEURON_STATES_MAX];
  bool same = true;
  for (int s = 0; s < p->what->states; s++) {
    const neuron_field *field = &p->population->neuron->state[p->what->state[s]];
    name[s] = field->key;
    unit[s] = field->unit;
    same = same && !strcmp(unit[s], unit[0]);
  }
  char *variables = member(p, "mapping/variables"), *units = member(p, "mapping/units");
  char *data = member(p, "data");
  err e = record_file_texts(f, variables, p->what->states, name);
  if (e == OK) e = record_file_texts(f, units, p->what->states, unit);
  record_file_text_attribute(f, data, "units", same ? unit[0] : "see mapping/units");
  record_file_text_attribute(f, p->group, "population", p->population->name);
  free(data);
  free(units);
  free(variables);
  return e;
}

/* Start, end (excluded) and interval: row k is the state at start + k * interval. */
static err write_time(record_traces *t, record_file *f, const report *p, uint64_t rows) {
  double time[] = {record_time(t->m, p->start),
                   record_time(t->m, p->start + (int64_t)rows * p->interval),
                   record_time(t->m, p->interval)};
  err e = write_member(f, p, "mapping/time", RECORD_FLOAT64, 3, 0, t->rank == 0 ? 3 : 0, time);
  if (e != OK) return e;
  char *path = member(p, "mapping/time");
  record_file_text_attribute(f, path, "units", "ms");
  free(path);
  return OK;
}

/* Go on with the times that the file began with. */
static err read_time(record_traces *t, record_file *f, report *p) {
  double time[3] = {0};
  char *path = member(p, "mapping/time");
  err e = record_file_read(f, path, RECORD_FLOAT64, 3, 0, 3, time);
  free(path);
  if (e != OK) return e;
  p->start = llround(time[0] / t->m->dt);
  if (time[2] != record_time(t->m, p->interval))
    e = check_fail(ERR_ENVIRONMENT,
                   "traces.h5: %s was recorded every %g ms, now every %g ms: choose "
                   "a new folder",
                   p->group, time[2], p->what->interval);
  return e;
}

/* The node ids in the file must be those of this run. */
static err check_mapping(record_traces *t, record_file *f, const report *p) {
  uint64_t nodes = p->columns / p->what->states;
  uint64_t first = slice(nodes, t->ranks, t->rank);
  uint64_t count = slice(nodes, t->ranks, t->rank + 1) - first;
  uint64_t *id = slice_nodes(p, first, count), *there = check_allocate(count, sizeof *there);
  char *path = member(p, "mapping/node_ids");
  err e = record_file_read(f, path, RECORD_UINT64, nodes, first, count, there);
  if (e == OK && memcmp(id, there, count * sizeof *id))
    e = check_fail(ERR_ENVIRONMENT,
                   "traces.h5: %s are other neurons than the model's: choose a new folder", path);
  free(path);
  free(there);
  free(id);
  return agree(t->comm, e);
}

/* The variables too: their columns would look alike. */
static err check_variables(record_file *f, const report *p) {
  const char *name[NEURON_STATES_MAX];
  for (int s = 0; s < p->what->states; s++)
    name[s] = p->population->neuron->state[p->what->state[s]].key;
  char *path = member(p, "mapping/variables");
  err e = OK;
  if (!record_file_texts_are(f, path, p->what->states, name))
    e = check_fail(ERR_ENVIRONMENT,
                   "traces.h5: %s are other ones than the model's: choose a new folder", path);
  free(path);
  return e;
}

static err report_open(record_traces *t, record_file *f, report *p) {
  char *mapping = member(p, "mapping"), *data = member(p, "data");
  bool there = record_file_has(f, p->group);
  err e = OK;
  if (!there) e = record_file_group(f, p->group);
  if (e == OK)
    e = record_file_series(f, data, t->m->double_precision ? RECORD_FLOAT64 : RECORD_FLOAT32,
                           p->columns, &p->series);
  if (e == OK && there) e = check_mapping(t, f, p);
  if (e == OK && there) e = agree(t->comm, check_variables(f, p));
  if (e == OK && there) e = read_time(t, f, p);
  if (e == OK && !there) e = record_file_group(f, mapping);
  if (e == OK && !there) e = write_mapping(t, f, p);
  if (e == OK && !there) e = write_variables(f, p);
  if (e == OK && !there) e = write_time(t, f, p, 0);
  free(data);
  free(mapping);
  return e;
}

/* A report that goes on in a file where others stand would be contradicted by them. */
static err check_reports(const record_traces *t, record_file *f) {
  uint64_t known = 0;
  for (int i = 0; i < t->reports; i++) known += record_file_has(f, t->report[i].group);
  if (record_file_members(f, "/report") == known) return OK;
  return check_fail(ERR_ENVIRONMENT,
                    "traces.h5: holds reports that the model does not: choose a new folder");
}

err record_traces_open(record_traces *t, record_file *f) {
  err e = record_file_has(f, "/report") ? check_reports(t, f) : record_file_group(f, "/report");
  for (int i = 0; e == OK && i < t->reports; i++) e = report_open(t, f, &t->report[i]);
  return e;
}

err record_traces_reach(const record_traces *t, const record_file *f, const uint64_t *rows) {
  err e = OK;
  for (int i = 0; e == OK && i < t->reports; i++) {
    const report *p = &t->report[i];
    if (p->start + (int64_t)rows[i] * p->interval != (t->flushed / p->interval + 1) * p->interval)
      e = check_fail(ERR_ENVIRONMENT,
                     "traces.h5: %s does not reach to step %lld: choose a new folder", p->group,
                     (long long)t->flushed);
    else
      e = record_file_reaches(f, p->series, rows[i]);
  }
  return e;
}

err record_traces_cut(record_traces *t, record_file *f, const uint64_t *rows) {
  err e = OK;
  for (int i = 0; e == OK && i < t->reports; i++) {
    record_file_truncate(f, t->report[i].series, rows[i]);
    e = write_time(t, f, &t->report[i], rows[i]);
    t->rows[i] = rows[i];
  }
  return e;
}

static bool due(const record_traces *t, const report *p, int64_t step) {
  return step > t->flushed && step % p->interval == 0;
}

bool record_traces_due(const record_traces *t, int64_t step) {
  for (int i = 0; i < t->reports; i++)
    if (due(t, &t->report[i], step)) return true;
  return false;
}

const uint32_t (*record_traces_list(const record_traces *t, size_t *count))[2] {
  *count = t->count;
  return (const uint32_t(*)[2])t->list;
}

void record_traces_keep(record_traces *t, int64_t step, const double *value) {
  for (int i = 0; i < t->reports; i++) {
    report *p = &t->report[i];
    if (p->count == 0 || !due(t, p, step)) continue;
    p->kept = check_grow(p->kept, &p->capacity, p->kept_count + p->count, sizeof *p->kept);
    memcpy(p->kept + p->kept_count, value + p->first, p->count * sizeof *value);
    p->kept_count += p->count;
  }
}

double record_traces_kept(const record_traces *t) {
  double bytes = 0;
  for (int i = 0; i < t->reports; i++)
    bytes += (double)t->report[i].kept_count * sizeof *t->report[i].kept;
  return bytes;
}

double record_traces_added(const record_traces *t) {
  double bytes = 0;
  for (int i = 0; i < t->reports; i++)
    bytes += (double)(t->report[i].count * sizeof *t->report[i].kept) / t->report[i].interval;
  return bytes;
}

static uint64_t rows_due(const record_traces *t, const report *p, int64_t step) {
  return step / p->interval - t->flushed / p->interval;
}

/* values[rows][count] of the own columns -> block[rows][slice_count]. */
static double *exchange_rows(record_traces *t, const report *p, size_t rows) {
  int *count = check_allocate(4 * (size_t)t->ranks, sizeof *count);
  int *sent = count, *sent_at = sent + t->ranks, *got = sent_at + t->ranks,
      *got_at = got + t->ranks;
  if (rows * (p->count > p->slice_count ? p->count : p->slice_count) > INT_MAX)
    CHECK_ABORT("%s: %zu rows at once are too much for one rank: take more ranks", p->group, rows);
  double *packed = check_allocate(rows * p->count, sizeof *packed);
  double *arrived = check_allocate(rows * p->slice_count, sizeof *arrived);
  size_t first = 0, at = 0, coming = 0;
  for (int r = 0; r < t->ranks; r++) {
    sent_at[r] = (int)at;
    sent[r] = (int)(rows * p->send[r]);
    got_at[r] = (int)coming;
    got[r] = (int)(rows * p->receive[r]);
    for (size_t row = 0; row < rows && p->send[r]; row++)
      memcpy(packed + at + row * p->send[r], p->kept + row * p->count + first,
             p->send[r] * sizeof *packed);
    first += p->send[r];
    at += sent[r];
    coming += got[r];
  }
  AGREE_MPI(
      MPI_Alltoallv(packed, sent, sent_at, MPI_DOUBLE, arrived, got, got_at, MPI_DOUBLE, t->comm));
  free(packed);
  double *block = check_allocate(rows * p->slice_count, sizeof *block);
  const uint32_t *column = p->column;
  for (int r = 0; r < t->ranks; column += p->receive[r++])
    for (size_t row = 0; row < rows; row++)
      for (int i = 0; i < p->receive[r]; i++)
        block[row * p->slice_count + column[i]] = arrived[got_at[r] + row * p->receive[r] + i];
  free(arrived);
  free(count);
  return block;
}

static err report_flush(record_traces *t, record_file *f, report *p, uint64_t rows) {
  if (rows == 0) return OK;
  if (p->kept_count < rows * p->count)
    CHECK_ABORT("%s: %zu of %llu values were given", p->group, p->kept_count,
                (unsigned long long)(rows * p->count));
  double *block = exchange_rows(t, p, rows);
  /* in place: a float never stands behind the double it comes from */
  if (!t->m->double_precision)
    for (size_t i = 0; i < rows * p->slice_count; i++)
      memcpy((char *)block + i * sizeof(float), &(float){(float)block[i]}, sizeof(float));
  record_block where = {0, rows, p->slice_first, p->slice_count};
  record_file_append(f, p->series, rows, &where, block);
  free(block);
  p->kept_count -= rows * p->count;
  if (p->kept_count) memmove(p->kept, p->kept + rows * p->count, p->kept_count * sizeof *p->kept);
  return write_time(t, f, p, record_file_rows(f, p->series));
}

err record_traces_flush(record_traces *t, record_file *f, int64_t step) {
  uint64_t *rows = check_allocate(t->reports, sizeof *rows);
  for (int i = 0; i < t->reports; i++) rows[i] = rows_due(t, &t->report[i], step);
  err e = record_file_reserve(f, rows);
  for (int i = 0; e == OK && i < t->reports; i++) {
    e = report_flush(t, f, &t->report[i], rows[i]);
    t->rows[i] = record_file_rows(f, t->report[i].series);
  }
  if (e == OK) {
    record_file_flush(f);
    t->flushed = step;
  }
  free(rows);
  return e;
}

const uint64_t *record_traces_rows(const record_traces *t) { return t->rows; }
