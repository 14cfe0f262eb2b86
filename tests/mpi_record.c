/* What record.h promises, against files that a single reader compares value by value and byte by
 * byte. Spikes and traces are functions of (gid, step), so that every rank count has the same. */
#include "agree.h"
#include "mpi_promise.h"
#include "record.h"
#include "record_sort.h"
#include <hdf5.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

static char folder[64];

static const char *in_folder(const char *name) {
  static char path[4][128];
  static int next;
  next = (next + 1) % 4;
  snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
  return path[next];
}

static void make_folder(const char *name) {
  if (rank == 0) mkdir(in_folder(name), 0777);
  MPI_Barrier(MPI_COMM_WORLD);
}

/* ------------------------------------------------------------------ a model, spikes, traces */

static model_population population[3];
static struct model_range some_nodes[2] = {{2, 5}, {7, 30}};
static model_record_spikes some_spikes[2], all_spikes[3];
static model_record_trace trace[3];

static model base_model(void) {
  static char *name[3] = {"E", "none", "I"};
  static const uint32_t size[3] = {61, 0, 30}, first[3] = {0, 61, 61};
  for (int p = 0; p < 3; p++)
    population[p] = (model_population){.name = name[p],
                                       .size = size[p],
                                       .first_gid = first[p],
                                       .neuron = neuron_find("iaf_psc_exp")};
  for (int p = 0; p < 3; p++) all_spikes[p] = (model_record_spikes){p, {.all = true}};
  return (model){.name = "",
                 .dt = 0.1,
                 .duration = 40,
                 .populations = 3,
                 .population = population,
                 .spike_records = 3,
                 .spike_record = all_spikes,
                 .neurons = 91};
}

static void record_subsets(model *m) {
  some_spikes[0] = (model_record_spikes){0, {.count = 2, .range = some_nodes}};
  some_spikes[1] = (model_record_spikes){2, {.all = true}};
  m->spike_records = 2;
  m->spike_record = some_spikes;
}

static void record_traces_too(model *m) {
  trace[0] = (model_record_trace){0, {.count = 2, .range = some_nodes}, 2, {0, 1}, 0.5};
  trace[1] = (model_record_trace){2, {.all = true}, 1, {0}, 0.1};
  trace[2] = (model_record_trace){0, {.count = 1, .range = some_nodes}, 1, {2}, 1};
  m->trace_records = 3;
  m->trace_record = trace;
}

static uint64_t mix(uint64_t x) {
  x = (x ^ x >> 31) * UINT64_C(0x9E3779B97F4A7C15);
  return x ^ x >> 29;
}

typedef bool (*fires)(uint32_t gid, int64_t step);
static bool often(uint32_t gid, int64_t step) { return mix(gid * 1000003 + step) % 11 == 0; }
static bool never(uint32_t gid, int64_t step) { return gid + step < 0; }
static bool once(uint32_t gid, int64_t step) { return gid == 70 && step == 33; }
static bool late(uint32_t gid, int64_t step) { return step > 200 && often(gid, step); }
static bool at_once(uint32_t gid, int64_t step) { return gid < 91 && step == 200; }

static double value_of(uint32_t gid, int state, int64_t step) {
  return gid + 1000 * state + step / 8192.0;
}

typedef int (*owner)(uint32_t gid, int size);
static int round_robin(uint32_t gid, int size) { return gid % size; }
static int blocks(uint32_t gid, int size) { return gid * size / 91; }
static int last_only(uint32_t gid, int size) { return gid < 91 ? size - 1 : 0; }

typedef struct {
  fires fires;
  owner owner;
  int64_t end, flush_every;
  int size; /* ranks 0 .. size-1 take part */
} way;

/* ------------------------------------------------------------------ writing */

typedef struct {
  record *record;
  uint32_t count, owned[91];
} part;

/* Owned neurons descending: local order need not be that of gids. */
static void own(part *p, const way *w) {
  p->count = 0;
  for (uint32_t gid = 91; gid-- > 0;)
    if (w->owner(gid, w->size) == rank) p->owned[p->count++] = gid;
}

static void one_step(const part *p, const way *w, int64_t step) {
  uint32_t gid[91];
  size_t count = 0;
  for (uint32_t i = 0; i < p->count; i++)
    if (w->fires(p->owned[i], step)) gid[count++] = p->owned[i];
  record_spikes(p->record, step, count, gid);
  if (!record_trace_due(p->record, step)) return;
  const uint32_t(*traced)[2] = record_traced(p->record, &count);
  double *value = malloc(count * sizeof *value);
  for (size_t i = 0; i < count; i++)
    value[i] = value_of(p->owned[traced[i][0]], (int)traced[i][1], step);
  record_trace(p->record, step, value);
  free(value);
}

static MPI_Comm first_ranks(int size) {
  MPI_Comm comm;
  MPI_Comm_split(MPI_COMM_WORLD, rank < size ? 0 : MPI_UNDEFINED, rank, &comm);
  return comm;
}

static void go_on(part *p, const way *w, int64_t from, int64_t to) {
  for (int64_t step = from + 1; step <= to; step++) {
    one_step(p, w, step);
    if (step % w->flush_every == 0) EXPECT(record_flush(p->record, step) == OK);
  }
}

static record_totals write_all(const model *m, const char *name, const way *w) {
  record_totals totals = {0};
  make_folder(name);
  MPI_Comm comm = first_ranks(w->size);
  if (comm != MPI_COMM_NULL) {
    part p;
    own(&p, w);
    EXPECT(record_create(comm, m, in_folder(name), p.count, p.owned, &p.record) == OK);
    go_on(&p, w, 0, w->end);
    EXPECT(record_close(p.record, w->end, &totals) == OK);
    MPI_Comm_free(&comm);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  return totals;
}

/* ------------------------------------------------------------------ reading, rank 0 */

static size_t read_whole(const char *path, const char *name, hid_t type, size_t bytes,
                         void **data) {
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  EXPECT(file >= 0);
  hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
  EXPECT(set >= 0);
  hid_t space = H5Dget_space(set);
  size_t count = H5Sget_simple_extent_npoints(space);
  *data = malloc(count * bytes + 1);
  EXPECT(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *data) >= 0);
  H5Sclose(space);
  H5Dclose(set);
  H5Fclose(file);
  return count;
}

static bool stands_in_file(const model *m, int p, uint32_t node) {
  if (m->spike_records == 3) return true;
  return p == 2 || (node >= 2 && node < 5) || (node >= 7 && node < 30);
}

static void check_population(const model *m, const char *path, int p, const way *w) {
  char name[64];
  double *time;
  uint64_t *id;
  snprintf(name, sizeof name, "/spikes/%s/timestamps", m->population[p].name);
  size_t times = read_whole(path, name, H5T_NATIVE_DOUBLE, 8, (void **)&time);
  snprintf(name, sizeof name, "/spikes/%s/node_ids", m->population[p].name);
  size_t ids = read_whole(path, name, H5T_NATIVE_UINT64, 8, (void **)&id);
  EXPECT(times == ids);
  size_t i = 0;
  for (int64_t step = 1; step <= w->end; step++)
    for (uint32_t node = 0; node < m->population[p].size; node++) {
      if (step * m->dt < m->warm_up + m->dt / 2 || !stands_in_file(m, p, node)) continue;
      if (!w->fires(m->population[p].first_gid + node, step)) continue;
      EXPECT(i < ids);
      EXPECT(id[i] == node);
      EXPECT(time[i] == step / 10.0);
      i++;
    }
  EXPECT(i == ids);
  free(time);
  free(id);
}

static void check_spikes(const model *m, const char *name, const way *w) {
  if (rank) return;
  char path[160];
  snprintf(path, sizeof path, "%s/spikes.h5", in_folder(name));
  for (int p = 0; p < 3; p++)
    if (m->spike_records == 3 || p != 1) check_population(m, path, p, w);
}

static void check_totals(const model *m, const record_totals *totals, const way *w) {
  uint64_t spikes = 0, recorded = 0, digest[2] = {0};
  for (uint32_t gid = 0; gid < 91; gid++)
    for (int64_t step = 1; step <= w->end; step++) {
      if (step * m->dt < m->warm_up + m->dt / 2 || !w->fires(gid, step)) continue;
      int p = gid < 61 ? 0 : 2;
      spikes++;
      recorded += stands_in_file(m, p, gid - m->population[p].first_gid);
      record_digest_add(digest, gid, step);
    }
  if (rank >= w->size) return;
  EXPECT(totals->spikes == spikes);
  EXPECT(totals->recorded == recorded);
  EXPECT(totals->digest[0] == digest[0] && totals->digest[1] == digest[1]);
}

static void check_run(const model *m, const char *name, const way *w) {
  record_totals totals = write_all(m, name, w);
  check_totals(m, &totals, w);
  check_spikes(m, name, w);
  MPI_Barrier(MPI_COMM_WORLD);
}

static char *slurp(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  EXPECT(file != NULL);
  fseek(file, 0, SEEK_END);
  *size = ftell(file);
  rewind(file);
  char *bytes = malloc(*size + 1);
  EXPECT(fread(bytes, 1, *size, file) == *size);
  fclose(file);
  return bytes;
}

static void spill(const char *path, const char *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  EXPECT(file != NULL);
  EXPECT(fwrite(bytes, 1, size, file) == size);
  fclose(file);
}

static void expect_same_file(const char *one, const char *other, const char *name) {
  if (rank) return;
  char path[2][192];
  size_t size[2];
  snprintf(path[0], sizeof path[0], "%s/%s", in_folder(one), name);
  snprintf(path[1], sizeof path[1], "%s/%s", in_folder(other), name);
  char *a = slurp(path[0], &size[0]), *b = slurp(path[1], &size[1]);
  EXPECT(size[0] == size[1]);
  EXPECT(memcmp(a, b, size[0]) == 0);
  free(a);
  free(b);
}

/* ------------------------------------------------------------------ the promises */

static void spikes_are_complete_and_in_global_order(void) {
  model m = base_model();
  const owner owners[] = {round_robin, blocks, last_only};
  for (int o = 0; o < 3; o++) {
    check_run(&m, "order", &(way){often, owners[o], 400, 100, ranks});
    check_run(&m, "order", &(way){often, owners[o], 399, 57, ranks});
  }
}

/* Keys that lie close together on one rank, in one step, or everywhere. */
static void sorting_gives_every_rank_its_share(void) {
  for (int kind = 0; kind < 3; kind++) {
    record_keys keys = {0}, scratch = {0};
    const uint64_t total = 1000;
    keys.key = check_grow(keys.key, &keys.capacity, total, sizeof *keys.key);
    for (int i = (int)total; i-- > 0;) {
      const int scattered = i * 31 % ranks, lumped = i % 7 == 0 ? 0 : ranks - 1;
      if ((kind == 0 ? lumped : scattered) == rank)
        keys.key[keys.count++] = kind == 1 ? (UINT64_C(5) << 20) + (uint64_t)i : (uint64_t)i * 1009;
    }
    record_sort(MPI_COMM_WORLD, 23, &keys, &scratch);
    const uint64_t first = total * rank / ranks, end = total * (rank + 1) / ranks;
    EXPECT(keys.count == end - first);
    for (uint64_t i = first; i < end; i++)
      EXPECT(keys.key[i - first] == (kind == 1 ? (UINT64_C(5) << 20) + i : i * 1009));
    free(keys.key);
    free(scratch.key);
  }
}

static void the_digest_is_what_the_header_says(void) {
  uint64_t digest[2] = {1, UINT64_MAX};
  record_digest_add(digest, 258, 3);
  const unsigned char bytes[16] = {2, 1, 0, 0, 0, 0, 0, 0, 3};
  EXPECT(digest[0] == 1 + XXH3_64bits_withSeed(bytes, 16, 0));
  EXPECT(digest[1] == UINT64_MAX + XXH3_64bits_withSeed(bytes, 16, 1));
}

static void a_flush_leaves_later_spikes_for_the_next(void) {
  model m = base_model();
  const way w = {often, round_robin, 300, 100, ranks};
  make_folder("later");
  part p;
  own(&p, &w);
  EXPECT(record_create(MPI_COMM_WORLD, &m, in_folder("later"), p.count, p.owned, &p.record) == OK);
  record_totals totals;
  for (int64_t step = 1; step <= 300; step++) {
    one_step(&p, &w, step);
    if (step % 70 == 0) EXPECT(record_flush(p.record, step - 40) == OK);
  }
  EXPECT(record_close(p.record, 300, &totals) == OK);
  check_totals(&m, &totals, &w);
  check_spikes(&m, "later", &w);
  MPI_Barrier(MPI_COMM_WORLD);
}

static void few_spikes_or_none_or_all_in_one_step_are_no_trouble(void) {
  model m = base_model();
  check_run(&m, "few", &(way){never, blocks, 400, 100, ranks});
  check_run(&m, "few", &(way){once, blocks, 400, 100, ranks});
  check_run(&m, "few", &(way){at_once, last_only, 400, 100, ranks});
  check_run(&m, "few", &(way){often, blocks, 1, 1, ranks});
}

static void the_warm_up_is_neither_recorded_nor_counted(void) {
  model m = base_model();
  m.warm_up = 12.3;
  check_run(&m, "warm", &(way){often, round_robin, 400, 50, ranks});
}

static void subsets_of_nodes_are_recorded_and_all_are_counted(void) {
  model m = base_model();
  record_subsets(&m);
  check_run(&m, "subset", &(way){often, round_robin, 400, 50, ranks});
  if (rank == 0) {
    char path[160];
    snprintf(path, sizeof path, "%s/spikes.h5", in_folder("subset"));
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    EXPECT(H5Lexists(file, "/spikes/I", H5P_DEFAULT) > 0);
    EXPECT(H5Lexists(file, "/spikes/none", H5P_DEFAULT) == 0);
    H5Fclose(file);
  }
}

static void without_recording_the_spikes_are_counted_all_the_same(void) {
  model m = base_model();
  m.spike_records = 0;
  const way w = {often, blocks, 400, 50, ranks};
  record_totals none = write_all(&m, "none", &w);
  m = base_model();
  record_totals all = write_all(&m, "all", &w);
  EXPECT(none.recorded == 0 && none.spikes == all.spikes && none.digest[0] == all.digest[0]);
}

static void files_are_the_same_bytes_on_any_ranks(void) {
  model m = base_model();
  record_traces_too(&m);
  write_all(&m, "one", &(way){often, blocks, 400, 100, 1});
  for (int size = 2; size <= ranks; size++) {
    write_all(&m, "many", &(way){often, round_robin, 400, 100, size});
    expect_same_file("one", "many", "spikes.h5");
    expect_same_file("one", "many", "traces.h5");
  }
}

static void check_report(const char *name, const char *group, int record, const model *m,
                         int64_t end, double tolerance) {
  const model_record_trace *what = &m->trace_record[record];
  char path[160], member[96];
  double *data, *time;
  uint64_t *id, *pointer;
  snprintf(path, sizeof path, "%s/traces.h5", in_folder(name));
  snprintf(member, sizeof member, "/report/%s/data", group);
  size_t values = read_whole(path, member, H5T_NATIVE_DOUBLE, 8, (void **)&data);
  snprintf(member, sizeof member, "/report/%s/mapping/node_ids", group);
  size_t nodes = read_whole(path, member, H5T_NATIVE_UINT64, 8, (void **)&id);
  snprintf(member, sizeof member, "/report/%s/mapping/index_pointers", group);
  EXPECT(read_whole(path, member, H5T_NATIVE_UINT64, 8, (void **)&pointer) == nodes + 1);
  snprintf(member, sizeof member, "/report/%s/mapping/time", group);
  EXPECT(read_whole(path, member, H5T_NATIVE_DOUBLE, 8, (void **)&time) == 3);
  int64_t interval = llround(what->interval / m->dt), warm_up = llround(m->warm_up / m->dt);
  size_t i = 0;
  EXPECT(nodes == model_nodes_count(&what->nodes, m->population[what->population].size));
  for (int64_t step = warm_up + 1; step <= end; step++) {
    if (step % interval) continue;
    for (size_t n = 0; n < nodes; n++)
      for (int s = 0; s < what->states; s++, i++) {
        EXPECT(i < values);
        EXPECT(pointer[n] == n * what->states);
        uint32_t gid = m->population[what->population].first_gid + id[n];
        EXPECT(fabs(data[i] - value_of(gid, what->state[s], step)) <= tolerance);
      }
  }
  EXPECT(i == values);
  EXPECT(time[0] == (warm_up / interval + 1) * interval / 10.0);
  EXPECT(time[1] == (end / interval + 1) * interval / 10.0);
  EXPECT(time[2] == interval / 10.0);
  free(data);
  free(time);
  free(id);
  free(pointer);
}

static void check_reports(const char *name, const model *m, int64_t end, double tolerance) {
  if (rank) return;
  check_report(name, "E", 0, m, end, tolerance);
  check_report(name, "I", 1, m, end, tolerance);
  check_report(name, "E.2", 2, m, end, tolerance);
}

static void traces_hold_every_value_at_its_time_and_column(void) {
  model m = base_model();
  record_traces_too(&m);
  m.warm_up = 7.3;
  check_run(&m, "traces", &(way){often, round_robin, 400, 90, ranks});
  check_reports("traces", &m, 400, 1e-3);
  m.double_precision = true;
  check_run(&m, "traces", &(way){often, last_only, 400, 7, ranks});
  check_reports("traces", &m, 400, 0);
}

static void what_is_flushed_is_readable_before_the_end(void) {
  model m = base_model();
  way w = {often, round_robin, 300, 100, ranks};
  make_folder("open");
  make_folder("copy");
  part p;
  own(&p, &w);
  EXPECT(record_create(MPI_COMM_WORLD, &m, in_folder("open"), p.count, p.owned, &p.record) == OK);
  go_on(&p, &w, 0, 350);
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 0) { /* what a killed run leaves */
    size_t size;
    char *bytes = slurp(in_folder("open/spikes.h5"), &size);
    spill(in_folder("copy/spikes.h5"), bytes, size);
    free(bytes);
  }
  check_spikes(&m, "copy", &w);
  record_totals totals;
  EXPECT(record_close(p.record, 350, &totals) == OK);
}

/* Run to 400 with `w`, taking a position at 200; then go back to it with `again`. */
static void resume_as(const way *w, const way *again) {
  model m = base_model();
  record_traces_too(&m);
  m.warm_up = 3.3;
  record_totals straight = write_all(&m, "straight", &(way){often, blocks, 500, 100, 1});
  make_folder("broken");
  record_position at = {0}, mine;
  uint64_t recorded[3], rows[3];
  MPI_Comm comm = first_ranks(w->size);
  if (comm != MPI_COMM_NULL) {
    part p;
    own(&p, w);
    EXPECT(record_create(comm, &m, in_folder("broken"), p.count, p.owned, &p.record) == OK);
    go_on(&p, w, 0, 200);
    record_tell(p.record, &mine);
    at = mine;
    memcpy(recorded, mine.recorded, sizeof recorded);
    memcpy(rows, mine.rows, sizeof rows);
    go_on(&p, w, 200, 400);
    record_totals ignored;
    EXPECT(record_close(p.record, 400, &ignored) == OK);
    MPI_Comm_free(&comm);
  }
  MPI_Bcast(&at, sizeof at, MPI_BYTE, 0, MPI_COMM_WORLD);
  MPI_Bcast(recorded, 3, MPI_UINT64_T, 0, MPI_COMM_WORLD);
  MPI_Bcast(rows, 3, MPI_UINT64_T, 0, MPI_COMM_WORLD);
  at.recorded = recorded;
  at.rows = rows;
  EXPECT(at.step == 200);
  comm = first_ranks(again->size);
  if (comm != MPI_COMM_NULL) {
    part p;
    record_totals totals;
    own(&p, again);
    EXPECT(record_resume(comm, &m, in_folder("broken"), p.count, p.owned, &at, &p.record) == OK);
    EXPECT(record_cut(p.record) == OK);
    go_on(&p, again, 200, 500);
    EXPECT(record_close(p.record, 500, &totals) == OK);
    check_totals(&m, &totals, &(way){often, blocks, 500, 100, again->size});
    if (rank == 0) EXPECT(totals.digest[0] == straight.digest[0]);
    MPI_Comm_free(&comm);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  check_spikes(&m, "broken", &(way){often, blocks, 500, 100, 1});
  check_reports("broken", &m, 500, 1e-3);
  MPI_Barrier(MPI_COMM_WORLD);
}

static void a_resumed_record_is_that_of_the_unbroken_run_on_any_ranks(void) {
  resume_as(&(way){often, blocks, 0, 100, 1}, &(way){often, round_robin, 0, 50, ranks});
  resume_as(&(way){often, round_robin, 0, 50, ranks}, &(way){often, blocks, 0, 100, 1});
}

enum { PAGE = 4096 };

typedef struct {
  const char *name;
  char *old, *new;
  size_t old_size, new_size;
} two_states;

/* What a flush leaves that is killed halfway: the bytes before `place` are new, and those behind
 * it old, or the other way round. */
static void cut_short(const two_states *file, size_t place, bool rising) {
  char *bytes = calloc(file->new_size, 1);
  memcpy(bytes, file->old, file->old_size);
  if (place > file->new_size) place = file->new_size;
  if (rising)
    memcpy(bytes, file->new, place);
  else
    memcpy(bytes + place, file->new + place, file->new_size - place);
  spill(in_folder(file->name), bytes, file->new_size);
  free(bytes);
}

/* Is the page before `place` another one, so that a cut here is not that of a page before? Of those
 * behind the old end, mostly values, a few will do. */
static bool is_worth_a_cut(const two_states *file, size_t place) {
  if (place == 0) return true;
  if (place > file->old_size) return place - PAGE < file->new_size && place / PAGE % 16 == 0;
  return memcmp(file->old + place - PAGE, file->new + place - PAGE, PAGE) != 0;
}

/* Run to 300; *at: where it was at 200, as were the old states. */
static void take_states(const model *m, const way *w, record_position *at, two_states file[2]) {
  part p;
  record_totals totals;
  make_folder("cut");
  own(&p, w);
  EXPECT(record_create(MPI_COMM_WORLD, m, in_folder("cut"), p.count, p.owned, &p.record) == OK);
  go_on(&p, w, 0, 200);
  record_position now;
  record_tell(p.record, &now);
  now.recorded = memcpy(at->recorded, now.recorded, 3 * sizeof *at->recorded);
  now.rows = memcpy(at->rows, now.rows, 3 * sizeof *at->rows);
  *at = now;
  for (int i = 0; i < 2; i++) file[i].old = slurp(in_folder(file[i].name), &file[i].old_size);
  MPI_Barrier(MPI_COMM_WORLD);
  go_on(&p, w, 200, 300);
  EXPECT(record_close(p.record, 300, &totals) == OK);
  MPI_Barrier(MPI_COMM_WORLD);
  for (int i = 0; i < 2; i++) file[i].new = slurp(in_folder(file[i].name), &file[i].new_size);
  MPI_Barrier(MPI_COMM_WORLD);
}

static void resume_what_was_cut(const model *m, const way *w, const record_position *at) {
  part p;
  record_totals totals;
  own(&p, w);
  EXPECT(record_resume(MPI_COMM_WORLD, m, in_folder("cut"), p.count, p.owned, at, &p.record) == OK);
  EXPECT(record_cut(p.record) == OK);
  go_on(&p, w, 200, w->end);
  EXPECT(record_close(p.record, w->end, &totals) == OK);
  check_spikes(m, "cut", w);
  check_reports("cut", m, w->end, 1e-3);
  MPI_Barrier(MPI_COMM_WORLD);
}

/* Also where populations fire, and reports have rows, for the first time. */
static void a_flush_that_was_cut_short_is_forgotten_by_a_resumed_record(void) {
  model m = base_model();
  record_traces_too(&m);
  const fires when[] = {late, often};
  for (int i = 0; i < 2; i++) {
    const way w = {when[i], round_robin, 400, 100, ranks};
    m.warm_up = when[i] == late ? 20 : 0;
    uint64_t recorded[3], rows[3];
    record_position at = {.recorded = recorded, .rows = rows};
    two_states file[2] = {{.name = "cut/spikes.h5"}, {.name = "cut/traces.h5"}};
    take_states(&m, &w, &at, file);
    for (size_t place = 0; place < file[0].new_size; place += PAGE)
      for (int rising = 0; rising < 2; rising++) {
        if (!is_worth_a_cut(&file[0], place) && !is_worth_a_cut(&file[1], place)) continue;
        for (int f = 0; rank == 0 && f < 2; f++) cut_short(&file[f], place, rising);
        MPI_Barrier(MPI_COMM_WORLD);
        resume_what_was_cut(&m, &w, &at);
      }
    for (int f = 0; f < 2; f++) free(file[f].old), free(file[f].new);
  }
}

static void a_position_that_the_file_does_not_reach_is_refused(void) {
  model m = base_model();
  write_all(&m, "short", &(way){once, blocks, 100, 100, ranks});
  uint64_t recorded[3] = {0, 0, 2};
  record_position at = {.step = 100, .populations = 3, .recorded = recorded};
  part p;
  own(&p, &(way){once, blocks, 100, 100, ranks});
  check_clear();
  EXPECT(record_resume(MPI_COMM_WORLD, &m, in_folder("short"), p.count, p.owned, &at, &p.record) ==
         ERR_ENVIRONMENT);
  EXPECT(p.record == NULL && strstr(check_message(), "spikes.h5"));
  check_clear();
}

static void a_folder_that_cannot_be_written_is_one_message_on_all_ranks(void) {
  model m = base_model();
  part p;
  own(&p, &(way){once, blocks, 0, 0, ranks});
  EXPECT(record_create(MPI_COMM_WORLD, &m, in_folder("not/there"), p.count, p.owned, &p.record) ==
         ERR_ENVIRONMENT);
  EXPECT(p.record == NULL && strstr(check_message(), "not/there/spikes.h5: cannot be created"));
  check_clear();
}

/* A limit of the file size stands for a full disk: the system refuses to let the file grow. */
static void limit_files(rlim_t bytes) {
  struct rlimit limit;
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
  EXPECT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void fill_the_disk(const model m) {
  way w = {often, round_robin, 100, 100, ranks};
  make_folder("full");
  part p;
  own(&p, &w);
  EXPECT(record_create(MPI_COMM_WORLD, &m, in_folder("full"), p.count, p.owned, &p.record) == OK);
  limit_files(30000);
  for (int64_t step = 1; step <= 100; step++) one_step(&p, &w, step);
  EXPECT(record_flush(p.record, 60) == ERR_ENVIRONMENT);
  check_clear();
  EXPECT(record_flush(p.record, 100) == ERR_ENVIRONMENT);
  EXPECT(strstr(check_message(), "no room for"));
  check_clear();
  w.end = 0;
  check_spikes(&m, "full", &w);
  record_position at;
  record_tell(p.record, &at);
  EXPECT(at.step == 0 && at.recorded[0] == 0 && (!m.trace_records || at.rows[0] == 0));
  limit_files(RLIM_INFINITY);
  for (int64_t step = 101; step <= 200; step++) one_step(&p, &w, step);
  record_totals totals;
  EXPECT(record_close(p.record, 200, &totals) == OK);
  w.end = 200;
  check_totals(&m, &totals, &w);
  check_spikes(&m, "full", &w);
  if (m.trace_records) check_reports("full", &m, 200, 1e-3);
  MPI_Barrier(MPI_COMM_WORLD);
}

static void a_full_disk_is_one_message_and_loses_nothing_that_is_written_or_kept(void) {
  model m = base_model();
  fill_the_disk(m);
  record_traces_too(&m);
  fill_the_disk(m);
}

static void times_are_the_doubles_nearest_to_the_decimals(void) {
  model m = base_model();
  EXPECT(record_time(&m, 3) == 0.3 && record_time(&m, 12345677) == 1234567.7);
  m.dt = 0.025;
  EXPECT(record_time(&m, 7) == 0.175);
  m.dt = 0.3;
  EXPECT(record_time(&m, 11) == 3.3);
  m.dt = 0.125;
  EXPECT(record_time(&m, 3) == 0.375);
  m.dt = 1 / 3.0;
  EXPECT(record_time(&m, 2) == 2 / 3.0);
}

int main(int argc, char **argv) {
  promise_start(&argc, &argv);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  strcpy(folder, "record_XXXXXX");
  if (rank == 0) EXPECT(mkdtemp(folder) != NULL);
  MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD);
  void (*const promise[])(void) = {
      times_are_the_doubles_nearest_to_the_decimals,
      spikes_are_complete_and_in_global_order,
      the_digest_is_what_the_header_says,
      sorting_gives_every_rank_its_share,
      a_flush_leaves_later_spikes_for_the_next,
      few_spikes_or_none_or_all_in_one_step_are_no_trouble,
      the_warm_up_is_neither_recorded_nor_counted,
      subsets_of_nodes_are_recorded_and_all_are_counted,
      without_recording_the_spikes_are_counted_all_the_same,
      files_are_the_same_bytes_on_any_ranks,
      traces_hold_every_value_at_its_time_and_column,
      what_is_flushed_is_readable_before_the_end,
      a_resumed_record_is_that_of_the_unbroken_run_on_any_ranks,
      a_flush_that_was_cut_short_is_forgotten_by_a_resumed_record,
      a_position_that_the_file_does_not_reach_is_refused,
      a_full_disk_is_one_message_and_loses_nothing_that_is_written_or_kept,
      a_folder_that_cannot_be_written_is_one_message_on_all_ranks,
  };
  PROMISE_KEEP(promise);
  if (rank == 0) {
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    EXPECT(system(command) == 0);
  }
  MPI_Finalize();
}
