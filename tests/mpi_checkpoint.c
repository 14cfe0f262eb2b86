/* What checkpoint.h promises of every kind of field: saved on some ranks, restored on others, value
 * by value; the same bytes of file on any ranks; damage is found.
 *
 * mpi_checkpoint --cost VALUES FOLDER instead measures a per-edge field of so many float32 values
 * beside a plain write of the same bytes (tests/measure_checkpoint.sh).                        */
#include "agree.h"
#include "checkpoint.h"
#include "mpi_promise.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

/* ---- a state that is a function of gid and edge ---- */

typedef uint32_t (*degree)(uint32_t gid);
static uint32_t few_edges(uint32_t gid) { return gid % 7; }
static uint32_t many_edges(uint32_t gid) { return gid % 5 ? 60000 + gid : 0; }

static float edge_value(uint32_t gid, uint32_t k) { return (float)gid + (float)k / 65536; }
static double potential(uint32_t gid) { return -60 - gid / 91.0; }
static float cell(uint64_t row, uint64_t column) { return (float)(row * 1000 + column); }

typedef struct { /* a rank's part, as a learning rule would hold it */
  const model *m;
  uint32_t neurons, *gid, *count;
  double *potential;
  int32_t *refractory;
  float **weight; /* [neurons][count] */
  float *cells;
  checkpoint_neuron_field neuron_field[4];
  checkpoint_edge_field edge_field;
  checkpoint_layer_field layer_field;
  checkpoint_state state;
  checkpoint_spike spike[256];
} part;

enum { ROWS = 13, COLUMNS = 5, NEURONS = 91 };

static void take(void *context, uint32_t local, void *to) {
  const part *p = context;
  memcpy(to, p->weight[local], p->count[local] * sizeof(float));
}

static void give(void *context, uint32_t local, const void *from) {
  part *p = context;
  memcpy(p->weight[local], from, p->count[local] * sizeof(float));
}

typedef int (*owner)(uint32_t gid, int size);
static int round_robin(uint32_t gid, int size) { return (int)gid % size; }
static int blocks(uint32_t gid, int size) { return (int)gid * size / NEURONS; }
static int last_only(uint32_t gid, int size) { return gid < NEURONS ? size - 1 : 0; }

static bool with_layers = true; /* all ranks write; else rank 0 does, these files being small */

static uint64_t recorded[3] = {11, 0, 22}, rows[1];

/* This rank's part among `size` ranks, neurons by descending gid; `full`: with its values. */
static part *part_make(const model *m, owner of, degree edges, int own, int size, bool full) {
  part *p = check_allocate(1, sizeof *p);
  p->m = m;
  p->gid = check_allocate(NEURONS, sizeof *p->gid);
  p->count = check_allocate(NEURONS, sizeof *p->count);
  p->weight = check_allocate(NEURONS, sizeof *p->weight);
  p->potential = check_allocate(NEURONS, sizeof *p->potential);
  p->refractory = check_allocate(NEURONS, sizeof *p->refractory);
  for (uint32_t gid = NEURONS; gid-- > 0;) {
    if (of(gid, size) != own) continue;
    const uint32_t i = p->neurons++;
    p->gid[i] = gid;
    p->count[i] = edges(gid);
    p->weight[i] = check_allocate(p->count[i], sizeof(float));
    if (!full) continue;
    p->potential[i] = potential(gid);
    p->refractory[i] = (int32_t)(gid % 20);
    for (uint32_t k = 0; k < p->count[i]; k++) p->weight[i][k] = edge_value(gid, k);
    for (int64_t step = 99; step > 95; step -= 2)
      if (gid % 3 == 0) p->spike[p->state.spikes++] = (checkpoint_spike){gid, step};
  }
  const uint64_t first = (uint64_t)(ROWS * own / size), end = (uint64_t)(ROWS * (own + 1) / size);
  p->cells = check_allocate(ROWS * COLUMNS, sizeof *p->cells);
  for (uint64_t i = 0; full && i < (end - first) * COLUMNS; i++)
    p->cells[i] = cell(first + i / COLUMNS, i % COLUMNS);
  for (int k = 0; k < 4; k++) {
    static const checkpoint_field fields[2] = {
        {"V_m", "mV", "membrane potential", CHECKPOINT_FLOAT64},
        {"refractory", "dt", "steps left", CHECKPOINT_INT32}};
    void *values[2] = {p->potential, p->refractory};
    p->neuron_field[k] = (checkpoint_neuron_field){fields[k % 2], k < 2 ? 0 : 2, values[k % 2]};
  }
  p->edge_field = (checkpoint_edge_field){
      {"weight", "pA", "plastic weight", CHECKPOINT_FLOAT32}, p->count, p, take, give};
  p->layer_field = (checkpoint_layer_field){{"activation", "", "of a unit", CHECKPOINT_FLOAT32},
                                            "hidden",
                                            ROWS,
                                            COLUMNS,
                                            first,
                                            end - first,
                                            p->cells};
  p->state.m = m;
  p->state.neurons = p->neurons;
  p->state.gid = p->gid;
  p->state.step = 100;
  p->state.synapses = 1234;
  p->state.position = (record_position){.step = 100,
                                        .spikes = 33,
                                        .digest = {1, 2},
                                        .populations = 3,
                                        .recorded = recorded,
                                        .rows = rows};
  p->state.spike = full ? p->spike : NULL;
  p->state.neuron_fields = 4;
  p->state.neuron_field = p->neuron_field;
  p->state.edge_fields = 1;
  p->state.layer_fields = with_layers;
  p->state.edge_field = &p->edge_field;
  p->state.layer_field = &p->layer_field;
  return p;
}

static void part_free(part *p) {
  for (uint32_t i = 0; i < p->neurons; i++) free(p->weight[i]);
  free(p->weight);
  free(p->gid);
  free(p->count);
  free(p->potential);
  free(p->refractory);
  free(p->cells);
  free(p);
}

static void expect_values(const part *p, int own, int size) {
  size_t spikes = 0;
  for (uint32_t i = 0; i < p->neurons; i++) {
    const uint32_t gid = p->gid[i];
    EXPECT(p->potential[i] == potential(gid) && p->refractory[i] == (int32_t)(gid % 20));
    for (uint32_t k = 0; k < p->count[i]; k++) EXPECT(p->weight[i][k] == edge_value(gid, k));
    spikes += gid % 3 == 0 ? 2 : 0;
  }
  EXPECT(p->state.spikes == spikes);
  for (size_t i = 0; i < spikes; i++) {
    const checkpoint_spike *s = &p->state.spike[i];
    EXPECT(s->gid % 3 == 0 && (s->step == 99 || s->step == 97));
    EXPECT(i == 0 || s->gid > s[-1].gid || (s->gid == s[-1].gid && s->step > s[-1].step));
  }
  const uint64_t first = (uint64_t)(ROWS * own / size);
  for (uint64_t i = 0; with_layers && i < p->layer_field.count * COLUMNS; i++)
    EXPECT(p->cells[i] == cell(first + i / COLUMNS, i % COLUMNS));
}

static model *make_model(void) {
  static const char text[] = "simulation: {duration: 100, precision: double}\n"
                             "populations:\n"
                             "  E: {size: 61, neuron: iaf_psc_exp}\n"
                             "  none: {size: 0, neuron: iaf_psc_exp}\n"
                             "  I: {size: 30, neuron: iaf_psc_exp}\n";
  model *m;
  EXPECT(model_parse("test", text, sizeof text - 1, 0, NULL, &m) == OK);
  EXPECT(m->neurons == NEURONS);
  return m;
}

static MPI_Comm first_ranks(int size) {
  MPI_Comm comm;
  MPI_Comm_split(MPI_COMM_WORLD, rank < size ? 0 : MPI_UNDEFINED, rank, &comm);
  return comm;
}

static const char *in_folder(const char *name) {
  static char path[4][160];
  static int next;
  next = (next + 1) % 4;
  snprintf(path[next], sizeof path[next], "%s%s%s", folder, *name ? "/" : "", name);
  return path[next];
}

static void make_folder(const char *name) {
  if (rank == 0) mkdir(in_folder(name), 0777);
  MPI_Barrier(MPI_COMM_WORLD);
}

static void save_on(const model *m, const char *name, int size, owner of, degree edges) {
  make_folder(name);
  MPI_Comm comm = first_ranks(size);
  if (comm != MPI_COMM_NULL) {
    part *p = part_make(m, of, edges, rank, size, true);
    checkpoint_cost cost;
    EXPECT(checkpoint_save(comm, in_folder(name), 2, &p->state, &cost) == OK);
    EXPECT(cost.bytes > 0 && cost.seconds > 0);
    part_free(p);
    MPI_Comm_free(&comm);
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

static void restore_on(const model *m, const char *name, int size, owner of, degree edges) {
  MPI_Comm comm = first_ranks(size);
  if (comm != MPI_COMM_NULL) {
    part *p = part_make(m, of, edges, rank, size, false);
    checkpoint *c;
    EXPECT(checkpoint_open(comm, in_folder(name), &c) == OK);
    const checkpoint_facts facts = checkpoint_tell(c);
    EXPECT(facts.step == 100 && facts.neurons == NEURONS && facts.synapses == 1234);
    EXPECT(facts.position.spikes == 33 && facts.position.digest[1] == 2);
    EXPECT(facts.position.populations == 3 && facts.position.recorded[2] == 22);
    EXPECT(checkpoint_model_check(&facts, m) == OK);
    EXPECT(checkpoint_restore(c, &p->state) == OK);
    expect_values(p, rank, size);
    checkpoint_close(c);
    free(p->state.spike);
    part_free(p);
    MPI_Comm_free(&comm);
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

/* ---- the promises ---- */

static void save_and_restore_on_any_ranks(const model *m) {
  static const owner owners[] = {round_robin, blocks, last_only};
  for (int size = 1; size <= ranks; size++)
    for (int o = 0; o < 3; o++) {
      char name[32];
      snprintf(name, sizeof name, "few-%d-%d%s", size, o, with_layers ? "" : "-alone");
      save_on(m, name, size, owners[o], few_edges);
      for (int other = 1; other <= ranks; other++)
        restore_on(m, name, other, owners[(o + other) % 3], few_edges);
    }
}

static void every_field_comes_back_on_any_ranks(const model *m) {
  save_and_restore_on_any_ranks(m);
  with_layers = false;
  save_and_restore_on_any_ranks(m);
  save_on(m, "many-without-layers", ranks, round_robin, many_edges);
  restore_on(m, "many-without-layers", ranks, last_only, many_edges);
  with_layers = true;
}

static void large_edge_fields_travel_in_rounds(const model *m) {
  save_on(m, "many", ranks, round_robin, many_edges);
  restore_on(m, "many", ranks, last_only, many_edges);
  restore_on(m, "many", 1, blocks, many_edges);
}

static char *read_whole(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  EXPECT(file);
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  char *bytes = check_allocate(*size, 1);
  EXPECT(fread(bytes, 1, *size, file) == *size);
  fclose(file);
  return bytes;
}

static void state_is_the_same_whoever_saved_it(const model *m) {
  save_on(m, "many-alone", 1, blocks, many_edges);
  bool same = false;
  if (rank == 0)
    EXPECT(checkpoint_compare(in_folder("many"), in_folder("many-alone"), stderr, &same) == OK &&
           same);
  if (rank == 0 && ranks > 1) {
    bool other = true;
    FILE *said = tmpfile();
    EXPECT(checkpoint_compare(in_folder("few-1-0"), in_folder("many"), said, &other) == OK);
    EXPECT(!other && ftell(said) > 20);
    fclose(said);
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

static void a_difference_is_named_with_its_neuron(const model *m) {
  save_on(m, "one", 1, blocks, few_edges);
  make_folder("other");
  if (rank == 0) {
    part *p = part_make(m, blocks, few_edges, 0, 1, true);
    p->weight[NEURONS - 1 - 75][3] += 1; /* in-edge 3 of neuron 75 */
    checkpoint_cost cost;
    EXPECT(checkpoint_save(MPI_COMM_SELF, in_folder("other"), 2, &p->state, &cost) == OK);
    part_free(p);
    char *said;
    size_t length;
    bool same = true;
    FILE *to = open_memstream(&said, &length);
    EXPECT(checkpoint_compare(in_folder("one"), in_folder("other"), to, &same) == OK && !same);
    fclose(to);
    EXPECT(strstr(said, "edges/weight") && strstr(said, "in-edge 3 of neuron 75"));
    free(said);
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

static void other_edges_are_refused(const model *m) {
  part *p = part_make(m, blocks, many_edges, rank, ranks, false);
  checkpoint *c;
  EXPECT(checkpoint_open(MPI_COMM_WORLD, in_folder("few-1-0"), &c) == OK);
  EXPECT(checkpoint_restore(c, &p->state) == ERR_USER && strstr(check_message(), "edges"));
  check_clear();
  checkpoint_close(c);
  part_free(p);
}

/* Every single byte counts, also those that no value stands in. */
static void a_changed_byte_is_found(const model *m) {
  (void)m;
  const char *path = in_folder("one/checkpoint-000000000000100.h5");
  size_t size;
  char *bytes = read_whole(path, &size);
  MPI_Barrier(MPI_COMM_WORLD);
  for (size_t at = 0; at < size; at += size / 40 + 1) {
    if (rank == 0) {
      int file = open(path, O_WRONLY);
      const char other = (char)(bytes[at] ^ 16);
      EXPECT(pwrite(file, &other, 1, (off_t)at) == 1);
      close(file);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    checkpoint *c;
    EXPECT(checkpoint_open(MPI_COMM_WORLD, path, &c) == ERR_USER);
    EXPECT(strstr(check_message(), path));
    check_clear();
    if (rank == 0) {
      int file = open(path, O_WRONLY);
      EXPECT(pwrite(file, &bytes[at], 1, (off_t)at) == 1);
      close(file);
    }
    MPI_Barrier(MPI_COMM_WORLD);
  }
  free(bytes);
}

static void the_newest_are_kept(const model *m) {
  make_folder("keep");
  part *p = part_make(m, blocks, few_edges, rank, ranks, true);
  checkpoint_cost cost;
  for (p->state.step = 1; p->state.step <= 5; p->state.step++)
    EXPECT(checkpoint_save(MPI_COMM_WORLD, in_folder("keep"), 2, &p->state, &cost) == OK);
  part_free(p);
  char name[64];
  for (int step = 1; step <= 5; step++) {
    snprintf(name, sizeof name, "keep/checkpoint-%015d.h5", step);
    EXPECT((access(in_folder(name), F_OK) == 0) == (step >= 4));
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

/* ---- cost ---- */

/* [s] processor time of all ranks. */
static double processor_time(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  double mine = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec),
         all;
  MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  return all;
}

static double plain_write(const char *path, uint64_t bytes, const char *data) {
  MPI_Barrier(MPI_COMM_WORLD);
  const double begun = MPI_Wtime();
  const uint64_t first = bytes * (uint64_t)rank / (uint64_t)ranks;
  const uint64_t end = bytes * (uint64_t)(rank + 1) / (uint64_t)ranks;
  const int file = open(path, O_WRONLY | O_CREAT, 0666);
  for (uint64_t at = first; at < end;) {
    const uint64_t left = end - at, piece = left < 4 << 20 ? left : 4 << 20;
    const ssize_t wrote = pwrite(file, data + (at - first), piece, (off_t)at);
    EXPECT(wrote > 0);
    at += (uint64_t)wrote;
  }
  EXPECT(fsync(file) == 0);
  close(file);
  MPI_Barrier(MPI_COMM_WORLD);
  const double seconds = MPI_Wtime() - begun;
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 0) unlink(path);
  return seconds;
}

enum { TURNS = 5 };

static void measure(const model *m, uint64_t values, const char *where) {
  part *p = part_make(m, round_robin, few_edges, rank, ranks, true);
  const uint32_t each = (uint32_t)(values / NEURONS);
  const uint64_t bytes = (uint64_t)each * NEURONS * sizeof(float);
  for (uint32_t i = 0; i < p->neurons; i++) {
    p->count[i] = each;
    free(p->weight[i]);
    p->weight[i] = check_allocate(each, sizeof(float));
    for (uint32_t k = 0; k < each; k++) p->weight[i][k] = edge_value(p->gid[i], k);
  }
  char *plain = check_allocate(bytes / (uint64_t)ranks + 8, 1);
  memset(plain, 55, bytes / (uint64_t)ranks + 8);
  char path[256];
  snprintf(path, sizeof path, "%s/plain", where);
  double least = INFINITY, plain_least = INFINITY;
  for (int turn = 0; turn < TURNS; turn++) {
    const double used_before = processor_time(), before = plain_write(path, bytes, plain);
    const double used_between = processor_time();
    checkpoint_cost cost;
    p->state.step = 100 + turn; /* no file is replaced: removing one takes time too */
    EXPECT(checkpoint_save(MPI_COMM_WORLD, where, 9, &p->state, &cost) == OK);
    const double used_after = processor_time();
    const double after = plain_write(path, bytes, plain), seconds = (before + after) / 2;
    least = fmin(least, cost.seconds);
    plain_least = fmin(plain_least, fmin(before, after));
    if (rank == 0)
      printf(
          "%.4g values of 4 bytes on %d ranks: %.3f bytes a value, checkpoint %.2f s (%.0f MB/s, "
          "%.2f s of processors), plain write %.2f and %.2f s (%.0f MB/s, %.2f s of processors): "
          "%.0f %% of its bandwidth\n",
          (double)bytes / 4, ranks, (double)cost.bytes / ((double)bytes / 4), cost.seconds,
          (double)bytes / 1e6 / cost.seconds, used_after - used_between, before, after,
          (double)bytes / 1e6 / seconds, used_between - used_before, 100 * seconds / cost.seconds);
    char name[320];
    snprintf(name, sizeof name, "%s/checkpoint-%015d.h5", where, 100 + turn);
    if (rank == 0 && turn + 1 < TURNS) unlink(name);
  }
  if (rank == 0)
    printf("at best %.2f s, a plain write at best %.2f s: %.0f %% of its bandwidth\n", least,
           plain_least, 100 * plain_least / least);
  for (uint32_t i = 0; i < p->neurons; i++) memset(p->weight[i], 0, each * sizeof(float));
  MPI_Barrier(MPI_COMM_WORLD);
  const double begun = MPI_Wtime();
  checkpoint *c;
  EXPECT(checkpoint_open(MPI_COMM_WORLD, where, &c) == OK);
  EXPECT(checkpoint_restore(c, &p->state) == OK);
  const double seconds = MPI_Wtime() - begun;
  expect_values(p, rank, ranks);
  if (rank == 0) printf("verified, read and brought to its neurons in %.2f s\n", seconds);
  checkpoint_close(c);
  free(p->state.spike);
  part_free(p);
  free(plain);
}

int main(int argc, char **argv) {
  setenv("OMPI_MCA_io", "romio321", 0); /* as the program does */
  promise_start(&argc, &argv);
  model *m = make_model();
  if (argc == 4 && strcmp(argv[1], "--cost") == 0)
    measure(m, strtoull(argv[2], NULL, 10), argv[3]);
  else {
    static void (*const tests[])(const model *) = {
        every_field_comes_back_on_any_ranks,
        large_edge_fields_travel_in_rounds,
        state_is_the_same_whoever_saved_it,
        a_difference_is_named_with_its_neuron,
        other_edges_are_refused,
        a_changed_byte_is_found,
        the_newest_are_kept,
    };
    if (rank == 0) {
      strcpy(folder, "/tmp/mpi_checkpoint_XXXXXX");
      EXPECT(mkdtemp(folder));
    }
    MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tests[i](m);
    if (rank == 0) {
      char line[128];
      snprintf(line, sizeof line, "rm -rf %s", folder);
      EXPECT(system(line) == 0);
      printf("%zu promises hold on %d ranks\n", sizeof tests / sizeof *tests, ranks);
    }
  }
  model_free(m);
  MPI_Finalize();
  return 0;
}
