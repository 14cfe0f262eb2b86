#include "record.h"

#include "agree.h"
#include "record_extent.h"
#include "record_file.h"
#include "record_sort.h"
#include "record_trace.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

struct record {
  MPI_Comm comm;
  int rank;
  const model *m;
  int64_t start;   /* [dt] spikes of this step and before are not recorded */
  int64_t flushed; /* [dt] the files hold all up to here                   */
  int gid_bits;    /* of a key: see record_sort.h                          */
  record_keys kept, scratch;
  double added;               /* [bytes] spikes of this rank a step, before the last flush */
  uint64_t spikes, digest[2]; /* of this rank; what a resumed run brings counts on rank 0 */
  record_position position;
  const model_nodes **recorded; /* [populations] whose spikes go into the file, NULL: none's */
  bool all_recorded;            /* every neuron's                                           */
  record_file *spikes_file, *traces_file; /* traces_file NULL: no traces */
  int *series;                            /* [populations] of time stamps, -1: not recorded;
                                             that of node ids is the next number           */
  uint64_t *rows;                         /* [2 x populations] to reserve, by series       */
  record_traces *traces;
  double seconds;
};

/* A step as a time is step * p / q: dt as a quotient of whole numbers, so that one division gives
 * the double nearest to the decimal. */
static void find_quotient(double dt, double *p, double *q) {
  for (*q = 1; *q <= 1e9; *q *= 10) {
    *p = round(dt * *q);
    if (*p / *q == dt) return;
  }
  *p = dt;
  *q = 1;
}

double record_time(const model *m, int64_t step) {
  double p, q;
  find_quotient(m->dt, &p, &q);
  return (double)step * p / q;
}

void record_digest_add(uint64_t digest[2], uint32_t gid, int64_t step) {
  const uint64_t spike[2] = {gid, (uint64_t)step};
  for (int seed = 0; seed < 2; seed++)
    digest[seed] += XXH3_64bits_withSeed(spike, sizeof spike, (XXH64_hash_t)seed);
}

static char *path_of(const char *folder, const char *name) {
  size_t size = strlen(folder) + strlen(name) + 2;
  char *path = check_allocate(size, 1);
  snprintf(path, size, "%s/%s", folder, name);
  return path;
}

static void find_recorded(record *r) {
  const model *m = r->m;
  r->recorded = check_allocate(m->populations, sizeof *r->recorded);
  for (int i = 0; i < m->spike_records; i++)
    r->recorded[m->spike_record[i].population] = &m->spike_record[i].nodes;
  r->all_recorded = true;
  for (int p = 0; p < m->populations; p++)
    r->all_recorded = r->all_recorded && r->recorded[p] && r->recorded[p]->all;
}

static bool is_recorded(const record *r, uint32_t gid) {
  if (r->all_recorded) return true;
  const int p = model_population_of(r->m, gid);
  return r->recorded[p] && model_nodes_has(r->recorded[p], gid - r->m->population[p].first_gid);
}

/* What needs no file. */
static record *record_new(MPI_Comm comm, const model *m, int64_t step, uint32_t count,
                          const uint32_t *owned) {
  record *r = check_allocate(1, sizeof *r);
  AGREE_MPI(MPI_Comm_dup(comm, &r->comm));
  MPI_Comm_rank(comm, &r->rank);
  r->m = m;
  r->start = model_steps(m, m->warm_up);
  r->flushed = step;
  while (r->gid_bits < 32 && m->neurons > UINT64_C(1) << r->gid_bits) r->gid_bits++;
  r->series = check_allocate(m->populations, sizeof *r->series);
  r->rows = check_allocate(2 * (size_t)m->populations, sizeof *r->rows);
  for (int p = 0; p < m->populations; p++) r->series[p] = -1;
  find_recorded(r);
  record_traces_create(r->comm, m, step, count, owned, &r->traces);
  r->position = (record_position){.step = step,
                                  .populations = m->populations,
                                  .recorded = check_allocate(m->populations, sizeof(uint64_t)),
                                  .traces = m->trace_records};
  r->position.rows = check_allocate(m->trace_records, sizeof(uint64_t));
  return r;
}

static void record_free(record *r) {
  record_traces_free(r->traces);
  free(r->position.recorded);
  free(r->position.rows);
  free(r->kept.key);
  free(r->scratch.key);
  free(r->recorded);
  free(r->series);
  free(r->rows);
  MPI_Comm_free(&r->comm);
  free(r);
}

/* Group, time stamps and node ids of a population, made or found. */
static err open_population(record *r, int population) {
  record_file *f = r->spikes_file;
  char *group = path_of("/spikes", r->m->population[population].name);
  char *times = path_of(group, "timestamps"), *ids = path_of(group, "node_ids");
  int next;
  err e = OK;
  if (!record_file_has(f, group)) e = record_file_group(f, group);
  if (e == OK) record_file_sorting_attribute(f, group);
  if (e == OK)
    e = record_file_series(f, times, RECORD_FLOAT64, RECORD_NO_COLUMNS, &r->series[population]);
  if (e == OK) e = record_file_series(f, ids, RECORD_UINT64, RECORD_NO_COLUMNS, &next);
  if (e == OK) record_file_text_attribute(f, times, "units", "ms");
  free(ids);
  free(times);
  free(group);
  return e;
}

static err open_spikes(record *r) {
  record_file *f = r->spikes_file;
  record_file_uint32_attribute(f, "/", "magic", 1, (uint32_t[]){0x0A7A});
  record_file_uint32_attribute(f, "/", "version", 2, (uint32_t[]){0, 1});
  err e = OK;
  if (!record_file_has(f, "/spikes")) e = record_file_group(f, "/spikes");
  for (int p = 0; e == OK && p < r->m->populations; p++)
    if (r->recorded[p]) e = open_population(r, p);
  return e;
}

/* The files hold every spike up to here [ms]. */
static double complete_until(const record *r) {
  return record_time(r->m, r->flushed > r->start ? r->flushed : r->start);
}

/* What a failed start leaves open is closed here. */
static err record_ready(record *r, err e, record **made) {
  *made = e == OK ? r : NULL;
  if (e == OK) return e;
  if (r->spikes_file) record_file_close(r->spikes_file);
  if (r->traces_file) record_file_close(r->traces_file);
  record_free(r);
  return e;
}

/* Only after the data: a run that is killed leaves at least what the file tells. */
static void tell_extent(record *r) {
  record_extent_reach(r->spikes_file, r->m, r->recorded, complete_until(r));
  record_file_flush(r->spikes_file);
}

static err create_spikes(record *r, const char *path) {
  err e = record_file_create(r->comm, path, 2 * (uint64_t)r->m->populations, &r->spikes_file);
  if (e == OK) e = open_spikes(r);
  if (e == OK) e = record_extent_begin(r->spikes_file, r->m, r->recorded, complete_until(r));
  if (e == OK) record_file_flush(r->spikes_file);
  return e;
}

static err create_traces(record *r, const char *path) {
  err e = record_file_create(r->comm, path, (uint64_t)r->m->trace_records, &r->traces_file);
  if (e == OK) e = record_traces_open(r->traces, r->traces_file);
  if (e == OK) record_file_flush(r->traces_file);
  return e;
}

err record_create(MPI_Comm comm, const model *m, const char *folder, uint32_t count,
                  const uint32_t *owned, record **made) {
  record *r = record_new(comm, m, model_steps(m, m->warm_up), count, owned);
  char *spikes = path_of(folder, "spikes.h5"), *traces = path_of(folder, "traces.h5");
  err e = create_spikes(r, spikes);
  if (e == OK && m->trace_records) e = create_traces(r, traces);
  free(spikes);
  free(traces);
  return record_ready(r, e, made);
}

static bool file_exists(const record *r, const char *path) {
  int there = 0;
  if (r->rank == 0) {
    FILE *file = fopen(path, "rb");
    there = file != NULL;
    if (file) fclose(file);
  }
  AGREE_MPI(MPI_Bcast(&there, 1, MPI_INT, 0, r->comm));
  return there;
}

/* Also populations that are not recorded any more: they will be cut, since their spikes would
 * contradict. */
static err resume_spikes(record *r, const char *path, const record_position *from) {
  if (!file_exists(r, path)) return create_spikes(r, path);
  err e = record_file_open(r->comm, path, &r->spikes_file);
  if (e == OK) e = open_spikes(r);
  for (int p = 0; e == OK && p < r->m->populations; p++) {
    char *group = path_of("/spikes", r->m->population[p].name);
    if (r->series[p] < 0 && record_file_has(r->spikes_file, group)) e = open_population(r, p);
    free(group);
    if (e != OK || r->series[p] < 0) continue;
    r->position.recorded[p] = from->recorded[p];
    e = record_file_reaches(r->spikes_file, r->series[p], from->recorded[p]);
    if (e == OK) e = record_file_reaches(r->spikes_file, r->series[p] + 1, from->recorded[p]);
  }
  return e;
}

static err resume_traces(record *r, const char *path, const record_position *from) {
  if (!file_exists(r, path)) return r->m->trace_records ? create_traces(r, path) : OK;
  if (!r->m->trace_records)
    return check_fail(ERR_ENVIRONMENT,
                      "%s: is there, but the model records no traces: choose a new folder", path);
  if (from->traces != r->m->trace_records)
    return check_fail(ERR_ENVIRONMENT, "%s: has %d reports, now there are %d: choose a new folder",
                      path, from->traces, r->m->trace_records);
  err e = record_file_open(r->comm, path, &r->traces_file);
  if (e == OK) e = record_traces_open(r->traces, r->traces_file);
  if (e == OK) e = record_traces_reach(r->traces, r->traces_file, from->rows);
  if (e == OK) memcpy(r->position.rows, from->rows, from->traces * sizeof *from->rows);
  return e;
}

err record_resume(MPI_Comm comm, const model *m, const char *folder, uint32_t count,
                  const uint32_t *owned, const record_position *from, record **made) {
  record *r = record_new(comm, m, from->step, count, owned);
  r->position.spikes = from->spikes;
  memcpy(r->position.digest, from->digest, sizeof from->digest);
  if (r->rank == 0) {
    r->spikes = from->spikes;
    memcpy(r->digest, from->digest, sizeof from->digest);
  }
  char *spikes = path_of(folder, "spikes.h5"), *traces = path_of(folder, "traces.h5");
  err e = resume_spikes(r, spikes, from);
  if (e == OK) e = resume_traces(r, traces, from);
  free(spikes);
  free(traces);
  return record_ready(r, e, made);
}

err record_cut(record *r) {
  err e = record_extent_begin(r->spikes_file, r->m, r->recorded, complete_until(r));
  record_file_flush(r->spikes_file); /* before what it told of goes */
  if (e != OK) return e;
  for (int p = 0; p < r->m->populations; p++) {
    if (r->series[p] < 0) continue;
    record_file_truncate(r->spikes_file, r->series[p], r->position.recorded[p]);
    record_file_truncate(r->spikes_file, r->series[p] + 1, r->position.recorded[p]);
  }
  record_file_flush(r->spikes_file);
  if (!r->traces_file) return OK;
  e = record_traces_cut(r->traces, r->traces_file, r->position.rows);
  record_file_flush(r->traces_file);
  return e;
}

void record_spikes(record *r, int64_t step, size_t count, const uint32_t *gid) {
  if (count == 0 || step <= r->start) return;
  double began = MPI_Wtime();
  uint64_t later = (uint64_t)(step - r->flushed);
  if (step <= r->flushed || later >= UINT64_C(1) << (63 - r->gid_bits))
    CHECK_ABORT("spikes of step %lld after a flush of step %lld", (long long)step,
                (long long)r->flushed);
  record_keys *kept = &r->kept;
  kept->key = check_grow(kept->key, &kept->capacity, kept->count + count, sizeof *kept->key);
  for (size_t i = 0; i < count; i++) {
    record_digest_add(r->digest, gid[i], step);
    if (is_recorded(r, gid[i])) kept->key[kept->count++] = later << r->gid_bits | gid[i];
  }
  r->spikes += count;
  r->seconds += MPI_Wtime() - began;
}

bool record_trace_due(const record *r, int64_t step) { return record_traces_due(r->traces, step); }

const uint32_t (*record_traced(const record *r, size_t *count))[2] {
  return record_traces_list(r->traces, count);
}

void record_trace(record *r, int64_t step, const double *value) {
  double began = MPI_Wtime();
  record_traces_keep(r->traces, step, value);
  r->seconds += MPI_Wtime() - began;
}

static uint32_t key_gid(const record *r, uint64_t key) {
  return (uint32_t)(key & ((UINT64_C(1) << r->gid_bits) - 1));
}

/* Kept by one rank when a flush is due. The stretch that brings it there adds at most half of it, a
 * flush holds five copies, MPI-IO some more: 50 MB were measured, and no gain in speed with more.
 */
enum { FLUSH_BYTES = 4 << 20 };

/* Of all ranks. */
static double largest(const record *r, double mine) {
  AGREE_MPI(MPI_Allreduce(MPI_IN_PLACE, &mine, 1, MPI_DOUBLE, MPI_MAX, r->comm));
  return mine;
}

static double spikes_kept(const record *r) {
  return (double)r->kept.count * sizeof *r->kept.key; /* [bytes] */
}

int64_t record_steps_ahead(const record *r, int64_t step) {
  double added = r->added;
  if (step > r->flushed) added = fmax(added, spikes_kept(r) / (double)(step - r->flushed));
  added = largest(r, added + record_traces_added(r->traces));
  return added > 0 ? (int64_t)fmin(fmax(FLUSH_BYTES / 2 / added, 1), 1e15) : INT64_MAX;
}

bool record_flush_due(const record *r) {
  return largest(r, spikes_kept(r) + record_traces_kept(r->traces)) >= FLUSH_BYTES;
}

/* Keys after `step`, the last ones, wait in *later for the next flush. */
static void split_later(record *r, int64_t step, record_keys *later) {
  uint64_t limit = (uint64_t)(step - r->flushed + 1) << r->gid_bits;
  size_t end = r->kept.count;
  while (end > 0 && r->kept.key[end - 1] >= limit) end--;
  later->count = r->kept.count - end;
  later->key = check_grow(later->key, &later->capacity, later->count, sizeof *later->key);
  for (size_t i = 0; i < later->count; i++)
    later->key[i] = r->kept.key[end + i] - ((uint64_t)(step - r->flushed) << r->gid_bits);
  r->kept.count = end;
}

/* Back behind what is kept, `shift` steps on. */
static void unsplit_later(record *r, int64_t shift, record_keys *later) {
  record_keys *kept = &r->kept;
  kept->key = check_grow(kept->key, &kept->capacity, kept->count + later->count, sizeof *kept->key);
  for (size_t i = 0; i < later->count; i++)
    kept->key[kept->count++] = later->key[i] + ((uint64_t)shift << r->gid_bits);
  free(later->key);
}

typedef struct {            /* the spikes of a rank after sorting, by population */
  uint64_t *first, *count;  /* [populations] of this rank's in the arrays below        */
  uint64_t *before, *total; /* [populations] on lower ranks; on all                    */
  double *time;             /* [ms] */
  uint64_t *node;
} chunk;

static void chunk_free(chunk *c) {
  free(c->first);
  free(c->time);
  free(c->node);
}

/* The population of a gid; neighbours in time and number are mostly of the same one, `guess`. */
static int population_of(const record *r, uint32_t gid, int guess) {
  const model_population *p = &r->m->population[guess];
  return gid - p->first_gid < p->size ? guess : model_population_of(r->m, gid);
}

/* Count by population; what the whole chunk will be, before any spike is moved. */
static void count_populations(const record *r, uint64_t *count) {
  memset(count, 0, r->m->populations * sizeof *count);
  for (size_t i = 0, p = 0; i < r->kept.count; i++)
    count[p = population_of(r, key_gid(r, r->kept.key[i]), (int)p)]++;
}

static void chunk_fill(const record *r, chunk *c) {
  int populations = r->m->populations;
  uint64_t *next = check_allocate(populations, sizeof *next), sum = 0;
  count_populations(r, c->count);
  for (int p = 0; p < populations; p++) {
    c->first[p] = next[p] = sum;
    sum += c->count[p];
  }
  AGREE_MPI(MPI_Exscan(c->count, c->before, populations, MPI_UINT64_T, MPI_SUM, r->comm));
  if (r->rank == 0) memset(c->before, 0, populations * sizeof *c->before);
  c->time = check_allocate(r->kept.count, sizeof *c->time);
  c->node = check_allocate(r->kept.count, sizeof *c->node);
  double numerator, denominator;
  find_quotient(r->m->dt, &numerator, &denominator);
  for (size_t i = 0, p = 0; i < r->kept.count; i++) {
    uint64_t key = r->kept.key[i];
    uint32_t gid = key_gid(r, key);
    p = population_of(r, gid, (int)p);
    int64_t step = r->flushed + (int64_t)(key >> r->gid_bits);
    c->time[next[p]] = (double)step * numerator / denominator;
    c->node[next[p]++] = gid - r->m->population[p].first_gid;
  }
  free(next);
}

static void chunk_write(record *r, const chunk *c) {
  record_file *f = r->spikes_file;
  for (int p = 0; p < r->m->populations; p++) {
    if (!c->total[p]) continue;
    record_block block = {c->before[p], c->count[p], 0, 1};
    record_file_append(f, r->series[p], c->total[p], &block, c->time + c->first[p]);
    record_file_append(f, r->series[p] + 1, c->total[p], &block, c->node + c->first[p]);
    r->position.recorded[p] += c->total[p];
  }
  record_file_flush(f);
}

/* Spikes up to `step` into the file. Where there is no room they stay with their ranks. */
static err flush_spikes(record *r, int64_t step) {
  int populations = r->m->populations;
  chunk c = {.first = check_allocate(4 * (size_t)populations, sizeof(uint64_t))};
  c.count = c.first + populations;
  c.before = c.count + populations;
  c.total = c.before + populations;
  count_populations(r, c.total);
  AGREE_MPI(MPI_Allreduce(MPI_IN_PLACE, c.total, populations, MPI_UINT64_T, MPI_SUM, r->comm));
  for (int p = 0; p < populations; p++)
    if (r->series[p] >= 0) r->rows[r->series[p]] = r->rows[r->series[p] + 1] = c.total[p];
  uint64_t all = 0;
  for (int p = 0; p < populations; p++) all += c.total[p];
  err e = all ? record_file_reserve(r->spikes_file, r->rows) : OK;
  if (e == OK && all) {
    int step_bits = 1;
    while ((step - r->flushed) >> step_bits) step_bits++;
    record_sort(r->comm, step_bits + r->gid_bits, &r->kept, &r->scratch);
    chunk_fill(r, &c);
    chunk_write(r, &c);
  }
  chunk_free(&c);
  return e;
}

/* Totals of all ranks into the position. */
static void settle_position(record *r) {
  uint64_t mine[3] = {r->spikes, r->digest[0], r->digest[1]}, all[3];
  AGREE_MPI(MPI_Allreduce(mine, all, 3, MPI_UINT64_T, MPI_SUM, r->comm));
  r->position.spikes = all[0];
  r->position.digest[0] = all[1];
  r->position.digest[1] = all[2];
  if (r->traces_file)
    memcpy(r->position.rows, record_traces_rows(r->traces),
           r->m->trace_records * sizeof *r->position.rows);
}

err record_flush(record *r, int64_t step) {
  if (step <= r->flushed) return OK;
  double began = MPI_Wtime();
  err e = OK;
  if (r->traces_file) e = record_traces_flush(r->traces, r->traces_file, step);
  record_keys later = {0};
  if (e == OK) {
    split_later(r, step, &later);
    r->added = spikes_kept(r) / (double)(step - r->flushed);
    e = flush_spikes(r, step);
  }
  if (e == OK) {
    r->kept.count = 0;
    r->flushed = r->position.step = step;
    settle_position(r);
    tell_extent(r);
  }
  unsplit_later(r, e == OK ? 0 : step - r->flushed, &later);
  r->seconds += MPI_Wtime() - began;
  return e;
}

void record_tell(const record *r, record_position *at) { *at = r->position; }

err record_close(record *r, int64_t step, record_totals *totals) {
  err e = record_flush(r, step);
  if (e != OK) settle_position(r);
  double began = MPI_Wtime();
  record_file_close(r->spikes_file);
  if (r->traces_file) record_file_close(r->traces_file);
  *totals = (record_totals){.spikes = r->position.spikes,
                            .digest = {r->position.digest[0], r->position.digest[1]},
                            .seconds = r->seconds + MPI_Wtime() - began};
  for (int p = 0; p < r->m->populations; p++) totals->recorded += r->position.recorded[p];
  record_free(r);
  return e;
}
