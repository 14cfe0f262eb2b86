#include "checkpoint.h"
#include "agree.h"
#include "checkpoint_folder.h"
#include "checkpoint_seal.h"
#include "checkpoint_state.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct checkpoint {
  MPI_Comm comm;
  checkpoint_file *file;
  checkpoint_facts facts;
  char *path, *folder, program[64], hash[33];
  char *model_text;
  uint64_t projections, inputs;
  uint64_t *recorded, *rows, *edges_hash, *events_hash;
};

/* A file that is larger is written by all ranks. */
enum { SPREAD_BYTES = 32 << 20 };

static const checkpoint_field model_field = {"model", "", "effective model, YAML in UTF-8",
                                             CHECKPOINT_UINT8};
static const checkpoint_field edges_hash_field = {
    "edges_hash", "", "hash of the edges of each projection that come from a file, else 0",
    CHECKPOINT_UINT64};
static const checkpoint_field events_hash_field = {
    "events_hash", "", "hash of the given spikes of each input, else 0", CHECKPOINT_UINT64};
static const checkpoint_field recorded_field = {
    "recorded", "", "spikes of each population in spikes.h5", CHECKPOINT_UINT64};
static const checkpoint_field rows_field = {"rows", "", "rows of each report in traces.h5",
                                            CHECKPOINT_UINT64};

/* ---- saving ---- */

/* A small array that is the same on every rank: rank 0 writes it. */
static void write_common(checkpoint_file *f, const char *parent, const checkpoint_field *field,
                         uint64_t size, const void *value) {
  int rank;
  MPI_Comm_rank(checkpoint_file_comm(f), &rank);
  checkpoint_file_write(f, parent, field, size, (checkpoint_slice){0, rank == 0 ? size : 0}, value);
}

static void write_facts(checkpoint_file *f, const checkpoint_state *state, size_t length,
                        const char *text) {
  char hash[33];
  const record_position *at = &state->position;
  checkpoint_file_put_text(f, "format", "shinkei checkpoint");
  checkpoint_file_put_integer(f, "version", CHECKPOINT_VERSION);
  checkpoint_file_put_text(f, "program", SHINKEI_VERSION);
  checkpoint_file_put_integer(f, "step", (uint64_t)state->step);
  checkpoint_file_put_real(f, "time_ms", record_time(state->m, state->step));
  checkpoint_file_put_real(f, "dt_ms", state->m->dt);
  checkpoint_file_put_integer(f, "seed", state->m->seed);
  checkpoint_file_put_integer(f, "neurons", state->m->neurons);
  checkpoint_file_put_integer(f, "synapses", state->synapses);
  checkpoint_file_put_text(f, "model_hash", checkpoint_model_hash(state->m, hash));
  checkpoint_file_put_integer(f, "record_step", (uint64_t)at->step);
  checkpoint_file_put_integer(f, "record_spikes", at->spikes);
  checkpoint_file_put_integer(f, "record_digest_0", at->digest[0]);
  checkpoint_file_put_integer(f, "record_digest_1", at->digest[1]);
  write_common(f, "", &model_field, length, text);
  write_common(f, "", &edges_hash_field, (uint64_t)state->m->projections, state->edges_hash);
  write_common(f, "", &events_hash_field, (uint64_t)state->m->inputs, state->events_hash);
  checkpoint_file_group(f, "record");
  write_common(f, "record", &recorded_field, (uint64_t)at->populations, at->recorded);
  write_common(f, "record", &rows_field, (uint64_t)at->traces, at->rows);
}

static char *effective_model(const model *m, size_t *length) {
  char *text = NULL;
  FILE *memory = open_memstream(&text, length);
  if (!memory || model_write(m, memory) != OK || fclose(memory) != 0)
    CHECK_ABORT("the effective model cannot be written to memory");
  return text;
}

/* *bytes: on rank 0. */
static err write_file(MPI_Comm comm, const char *path, const checkpoint_state *state,
                      uint64_t *bytes) {
  size_t length;
  char *text = effective_model(state->m, &length);
  const uint64_t needed = checkpoint_state_bytes(comm, state) + length + (1 << 20);
  checkpoint_file *f;
  checkpoint_seal_blocks known = {0};
  int rank;
  MPI_Comm_rank(comm, &rank);
  const bool spread = needed > SPREAD_BYTES || state->layer_fields > 0; /* layers do not travel */
  err e = checkpoint_file_create(comm, path, needed, spread, &known, &f);
  if (e == OK) {
    write_facts(f, state, length, text);
    checkpoint_neurons_write(f, state);
    checkpoint_spikes_write(f, state);
    checkpoint_edges_write(f, state);
    checkpoint_layers_write(f, state);
    checkpoint_file_close(f);
    if (spread || rank == 0)
      e = checkpoint_seal_put(spread ? comm : MPI_COMM_SELF, path, &known, bytes);
  }
  free(known.block);
  free(text);
  return e;
}

err checkpoint_save(MPI_Comm comm, const char *folder, int keep, const checkpoint_state *state,
                    checkpoint_cost *cost) {
  const double begun = MPI_Wtime();
  int rank;
  MPI_Comm_rank(comm, &rank);
  char *part = checkpoint_folder_name(folder, state->step, true);
  *cost = (checkpoint_cost){0};
  err e = write_file(comm, part, state, &cost->bytes);
  if (rank == 0) {
    if (e == OK) e = checkpoint_folder_publish(folder, state->step);
    if (e == OK) checkpoint_folder_prune(folder, state->step, keep);
    if (e != OK) unlink(part);
  }
  free(part);
  e = agree(comm, e);
  cost->seconds = MPI_Wtime() - begun;
  AGREE_MPI(MPI_Bcast(&cost->seconds, 1, MPI_DOUBLE, 0, comm));
  AGREE_MPI(MPI_Bcast(&cost->bytes, 1, MPI_UINT64_T, 0, comm));
  return e;
}

/* ---- opening ---- */

static err read_facts(checkpoint *c) {
  checkpoint_facts *to = &c->facts;
  record_position *at = &to->position;
  uint64_t step = 0, neurons = 0, record_step = 0, length = 0, populations = 0, traces = 0;
  void *text = NULL, *recorded = NULL, *rows = NULL, *edges = NULL, *events = NULL;
  err e = checkpoint_file_get_integer(c->file, "step", &step);
  if (!e) e = checkpoint_file_get_real(c->file, "time_ms", &to->time);
  if (!e) e = checkpoint_file_get_integer(c->file, "seed", &to->seed);
  if (!e) e = checkpoint_file_get_integer(c->file, "neurons", &neurons);
  if (!e) e = checkpoint_file_get_integer(c->file, "synapses", &to->synapses);
  if (!e) e = checkpoint_file_get_text(c->file, "program", c->program, sizeof c->program);
  if (!e) e = checkpoint_file_get_text(c->file, "model_hash", c->hash, sizeof c->hash);
  if (!e) e = checkpoint_file_get_integer(c->file, "record_step", &record_step);
  if (!e) e = checkpoint_file_get_integer(c->file, "record_spikes", &at->spikes);
  if (!e) e = checkpoint_file_get_integer(c->file, "record_digest_0", &at->digest[0]);
  if (!e) e = checkpoint_file_get_integer(c->file, "record_digest_1", &at->digest[1]);
  if (!e) e = checkpoint_file_read_all(c->file, "", &model_field, &length, &text);
  if (!e) e = checkpoint_file_read_all(c->file, "", &edges_hash_field, &c->projections, &edges);
  if (!e) e = checkpoint_file_read_all(c->file, "", &events_hash_field, &c->inputs, &events);
  if (!e) e = checkpoint_file_read_all(c->file, "record", &recorded_field, &populations, &recorded);
  if (!e) e = checkpoint_file_read_all(c->file, "record", &rows_field, &traces, &rows);
  c->model_text = text;
  c->edges_hash = edges;
  c->events_hash = events;
  c->recorded = at->recorded = recorded;
  c->rows = at->rows = rows;
  at->populations = (int)populations;
  at->traces = (int)traces;
  at->step = (int64_t)record_step;
  to->step = (int64_t)step;
  to->neurons = (uint32_t)neurons;
  to->program = c->program;
  to->model_hash = c->hash;
  to->model_text = c->model_text;
  to->model_length = length;
  return e;
}

/* One file: its seal, then HDF5. */
static err open_file(MPI_Comm comm, const char *path, checkpoint **opened) {
  *opened = NULL;
  err e = checkpoint_seal_check(comm, path);
  if (e != OK) return e;
  checkpoint *c = check_allocate(1, sizeof *c);
  c->comm = comm;
  c->path = strcpy(check_allocate(strlen(path) + 1, 1), path);
  c->folder = strcpy(check_allocate(strlen(path) + 3, 1), path);
  char *slash = strrchr(c->folder, '/');
  if (slash)
    slash[slash == c->folder] = 0;
  else
    strcpy(c->folder, ".");
  e = checkpoint_file_open(comm, path, &c->file);
  if (e == OK) e = read_facts(c);
  c->facts.path = c->path;
  c->facts.folder = c->folder;
  *opened = e == OK ? c : NULL;
  if (e != OK) checkpoint_close(c);
  return e;
}

void checkpoint_close(checkpoint *c) {
  if (!c) return;
  if (c->file) checkpoint_file_close(c->file);
  free(c->path);
  free(c->folder);
  free(c->model_text);
  free(c->recorded);
  free(c->rows);
  free(c->edges_hash);
  free(c->events_hash);
  free(c);
}

checkpoint_facts checkpoint_tell(const checkpoint *c) { return c->facts; }

/* Rank 0's list for all. */
static err list_folder(MPI_Comm comm, const char *folder, int *count, int64_t **step) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  *count = 0;
  *step = NULL;
  err e = agree(comm, rank == 0 ? checkpoint_folder_list(folder, count, step) : OK);
  if (e != OK) return e;
  AGREE_MPI(MPI_Bcast(count, 1, MPI_INT, 0, comm));
  if (rank != 0) *step = check_allocate((size_t)*count, sizeof **step);
  if (*count > 0) AGREE_MPI(MPI_Bcast(*step, *count, MPI_INT64_T, 0, comm));
  return OK;
}

static err open_newest(MPI_Comm comm, const char *folder, checkpoint **opened) {
  int count, rank;
  int64_t *step;
  MPI_Comm_rank(comm, &rank);
  err e = list_folder(comm, folder, &count, &step);
  for (int i = 0; e == OK && i < count && !*opened; i++) {
    char *path = checkpoint_folder_name(folder, step[i], false);
    if (open_file(comm, path, opened) != OK) {
      if (rank == 0) fprintf(stderr, "shinkei: warning: %s; passed over\n", check_message());
      check_clear();
    }
    free(path);
  }
  if (e == OK && !*opened)
    e = check_fail(ERR_USER, "%s: %s", folder,
                   count ? "none of the checkpoints in it is intact" : "no checkpoint is in it");
  free(step);
  return e;
}

err checkpoint_open(MPI_Comm comm, const char *path, checkpoint **opened) {
  int rank, folder = 0;
  MPI_Comm_rank(comm, &rank);
  *opened = NULL;
  if (rank == 0) folder = checkpoint_folder_is(path);
  AGREE_MPI(MPI_Bcast(&folder, 1, MPI_INT, 0, comm));
  return folder ? open_newest(comm, path, opened) : open_file(comm, path, opened);
}

/* ---- restoring ---- */

static err other_file(const checkpoint *c, const char *list, int index, const char *file,
                      const char *what, uint64_t before, uint64_t now) {
  return check_fail(ERR_USER,
                    "%s: %s.%d.file: %s holds other %s now: their hash is %016llx in the "
                    "checkpoint, %016llx in the file",
                    c->path, list, index, file ? file : "(none)", what, (unsigned long long)before,
                    (unsigned long long)now);
}

/* Files that the model reads hold what they held. */
static err check_files(const checkpoint *c, const checkpoint_state *state) {
  const model *m = state->m;
  for (int j = 0; j < m->projections; j++)
    if (state->edges_hash[j] != c->edges_hash[j])
      return other_file(c, "projections", j, m->projection[j].file, "edges", c->edges_hash[j],
                        state->edges_hash[j]);
  for (int k = 0; k < m->inputs; k++)
    if (state->events_hash[k] != c->events_hash[k])
      return other_file(c, "inputs", k, m->input[k].file, "spikes", c->events_hash[k],
                        state->events_hash[k]);
  return OK;
}

err checkpoint_check_network(const checkpoint *c, const checkpoint_state *state) {
  const model *m = state->m;
  if (c->projections != (uint64_t)m->projections)
    return check_fail(ERR_USER, "%s: is of a network of %llu projections, now there are %d",
                      c->path, (unsigned long long)c->projections, m->projections);
  if (c->inputs != (uint64_t)m->inputs)
    return check_fail(ERR_USER, "%s: is of a network of %llu inputs, now there are %d", c->path,
                      (unsigned long long)c->inputs, m->inputs);
  const err e = check_files(c, state);
  if (e != OK) return e;
  if (state->synapses != c->facts.synapses)
    return check_fail(ERR_USER, "%s: is of a network of %llu synapses, now there are %llu", c->path,
                      (unsigned long long)c->facts.synapses, (unsigned long long)state->synapses);
  return OK;
}

err checkpoint_restore(checkpoint *c, checkpoint_state *state) {
  err e = checkpoint_check_network(c, state);
  if (e != OK) return e;
  directory *d = directory_create(c->comm, state->m->neurons, state->neurons, state->gid);
  e = checkpoint_neurons_read(c->file, d, state);
  if (e == OK) e = checkpoint_spikes_read(c->file, d, state);
  const bool has_spikes = e == OK;
  if (e == OK) e = checkpoint_edges_read(c->file, d, state);
  if (e == OK) e = checkpoint_layers_read(c->file, state);
  directory_free(d);
  if (e != OK && has_spikes) {
    free(state->spike);
    state->spike = NULL;
    state->spikes = 0;
  }
  return e;
}
