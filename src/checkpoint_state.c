#include "checkpoint_state.h"
#include "agree.h"

#include <stdlib.h>
#include <string.h>

static const checkpoint_field spike_gid = {"gid", "", "neuron that fired", CHECKPOINT_UINT32};
static const checkpoint_field spike_step = {"step", "dt", "step at whose end it fired",
                                            CHECKPOINT_INT64};

/* ---- who is where ---- */

static int compare_places(const void *a, const void *b) {
  const checkpoint_place *x = a, *y = b;
  return (x->gid > y->gid) - (x->gid < y->gid);
}

checkpoint_place *checkpoint_places(const checkpoint_state *state) {
  checkpoint_place *place = check_allocate(state->neurons, sizeof *place);
  for (uint32_t i = 0; i < state->neurons; i++) place[i] = (checkpoint_place){state->gid[i], i};
  qsort(place, state->neurons, sizeof *place, compare_places);
  return place;
}

uint32_t checkpoint_place_find(const checkpoint_place *place, uint32_t count, uint32_t gid) {
  const checkpoint_place key = {gid, 0};
  const checkpoint_place *found = bsearch(&key, place, count, sizeof key, compare_places);
  if (!found) CHECK_ABORT("neuron %u came to a rank that does not own it", gid);
  return found->local;
}

/* ---- fields of neurons ---- */

/* A neuron on its way is its gid and its values packed as the fields of its population come. */
typedef struct {
  const checkpoint_state *state;
  int rank, parts; /* of the slices */
  size_t bytes;    /* of a record */
  size_t *place;   /* [neuron_fields] of the field in the record */
} neuron_layout;

static neuron_layout layout_make(const checkpoint_file *f, const checkpoint_state *state) {
  neuron_layout l = {.state = state, .bytes = sizeof(uint32_t), .parts = checkpoint_file_parts(f)};
  MPI_Comm_rank(checkpoint_file_comm(f), &l.rank);
  l.place = check_allocate((size_t)state->neuron_fields, sizeof *l.place);
  size_t *end = check_allocate((size_t)state->m->populations, sizeof *end);
  for (int k = 0; k < state->neuron_fields; k++) {
    const checkpoint_neuron_field *field = &state->neuron_field[k];
    l.place[k] = sizeof(uint32_t) + end[field->population];
    end[field->population] += checkpoint_type_bytes(field->field.type);
    if (sizeof(uint32_t) + end[field->population] > l.bytes)
      l.bytes = sizeof(uint32_t) + end[field->population];
  }
  free(end);
  return l;
}

static const model_population *population_of(const neuron_layout *l, uint32_t gid) {
  return &l->state->m->population[model_population_of(l->state->m, gid)];
}

static checkpoint_slice slice_of(const neuron_layout *l, int population) {
  const uint64_t size = l->state->m->population[population].size;
  return checkpoint_slice_of(size, checkpoint_chunk(size), population, l->parts, l->rank);
}

static int slice_rank(const neuron_layout *l, uint32_t gid) {
  const model_population *p = population_of(l, gid);
  return checkpoint_slice_rank(p->size, checkpoint_chunk(p->size),
                               (int)(p - l->state->m->population), l->parts, gid - p->first_gid);
}

/* Between a field's array and the records: record i is of the neuron at local[i] (NULL: of i). */
static void copy_values(const neuron_layout *l, const checkpoint_neuron_field *field, size_t place,
                        size_t count, const uint32_t *local, char *record, bool pack) {
  const model_population *p = &l->state->m->population[field->population];
  const size_t size = checkpoint_type_bytes(field->field.type);
  for (size_t i = 0; i < count; i++) {
    uint32_t gid;
    char *at = record + i * l->bytes;
    memcpy(&gid, at, sizeof gid);
    if (gid - p->first_gid >= p->size) continue;
    char *value = (char *)field->value + (local ? local[i] : i) * size;
    if (pack)
      memcpy(at + place, value, size);
    else
      memcpy(value, at + place, size);
  }
}

/* The records of this rank's slices of all populations, by gid. */
static char *gather_slices(MPI_Comm comm, const neuron_layout *l, size_t *count) {
  const checkpoint_state *state = l->state;
  char *record = check_allocate(state->neurons, l->bytes);
  int *destination = check_allocate(state->neurons, sizeof *destination);
  for (uint32_t i = 0; i < state->neurons; i++) {
    memcpy(record + i * l->bytes, &state->gid[i], sizeof *state->gid);
    destination[i] = slice_rank(l, state->gid[i]);
  }
  for (int k = 0; k < state->neuron_fields; k++)
    copy_values(l, &state->neuron_field[k], l->place[k], state->neurons, NULL, record, true);
  char *got = directory_exchange(comm, l->bytes, state->neurons, record, destination, count);
  free(destination);
  free(record);
  return got;
}

/* A field's values of this rank's slice, from records in any order. */
static void *slice_values(const neuron_layout *l, int k, checkpoint_slice slice, size_t count,
                          const char *record) {
  const checkpoint_neuron_field *field = &l->state->neuron_field[k];
  const model_population *p = &l->state->m->population[field->population];
  const size_t size = checkpoint_type_bytes(field->field.type);
  char *value = check_allocate(slice.count, size);
  for (size_t i = 0; i < count; i++) {
    uint32_t gid;
    memcpy(&gid, record + i * l->bytes, sizeof gid);
    if (gid - p->first_gid >= p->size) continue;
    memcpy(value + (gid - p->first_gid - slice.first) * size, record + i * l->bytes + l->place[k],
           size);
  }
  return value;
}

static const char *group_of(const model_population *p, char group[128]) {
  snprintf(group, 128, "neurons/%s", p->name);
  return group;
}

void checkpoint_neurons_write(checkpoint_file *f, const checkpoint_state *state) {
  char group[128];
  neuron_layout l = layout_make(f, state);
  size_t count;
  char *record = gather_slices(checkpoint_file_comm(f), &l, &count);
  checkpoint_file_group(f, "neurons");
  for (int p = 0; p < state->m->populations; p++)
    checkpoint_file_group(f, group_of(&state->m->population[p], group));
  for (int k = 0; k < state->neuron_fields; k++) {
    const checkpoint_neuron_field *field = &state->neuron_field[k];
    const model_population *p = &state->m->population[field->population];
    const checkpoint_slice slice = slice_of(&l, field->population);
    void *value = slice_values(&l, k, slice, count, record);
    checkpoint_file_write(f, group_of(p, group), &field->field, p->size, slice, value);
    free(value);
  }
  free(record);
  free(l.place);
}

/* Records of this rank's slices, with gids and no values yet. */
static char *empty_slices(const neuron_layout *l, size_t *count) {
  const model *m = l->state->m;
  *count = 0;
  for (int p = 0; p < m->populations; p++) *count += slice_of(l, p).count;
  char *record = check_allocate(*count, l->bytes), *next = record;
  for (int p = 0; p < m->populations; p++) {
    const checkpoint_slice slice = slice_of(l, p);
    for (uint64_t i = 0; i < slice.count; i++, next += l->bytes)
      memcpy(next, &(uint32_t){m->population[p].first_gid + (uint32_t)(slice.first + i)},
             sizeof(uint32_t));
  }
  return record;
}

static err read_field(checkpoint_file *f, const neuron_layout *l, int k, size_t count,
                      char *record) {
  char group[128];
  const checkpoint_neuron_field *field = &l->state->neuron_field[k];
  const model_population *p = &l->state->m->population[field->population];
  const checkpoint_slice slice = slice_of(l, field->population);
  const size_t size = checkpoint_type_bytes(field->field.type);
  char *value = check_allocate(slice.count, size);
  const err e = checkpoint_file_read(f, group_of(p, group), &field->field, p->size, slice, value);
  for (size_t i = 0; e == OK && i < count; i++) {
    uint32_t gid;
    memcpy(&gid, record + i * l->bytes, sizeof gid);
    if (gid - p->first_gid < p->size)
      memcpy(record + i * l->bytes + l->place[k], value + (gid - p->first_gid - slice.first) * size,
             size);
  }
  free(value);
  return e;
}

err checkpoint_neurons_read(checkpoint_file *f, const directory *d, checkpoint_state *state) {
  neuron_layout l = layout_make(f, state);
  size_t count, received;
  char *record = empty_slices(&l, &count);
  err e = OK;
  for (int k = 0; e == OK && k < state->neuron_fields; k++) e = read_field(f, &l, k, count, record);
  if (e == OK) {
    char *got = directory_route(d, l.bytes, count, record, &received);
    checkpoint_place *place = checkpoint_places(state);
    uint32_t *local = check_allocate(received, sizeof *local);
    for (size_t i = 0; i < received; i++) {
      uint32_t gid;
      memcpy(&gid, got + i * l.bytes, sizeof gid);
      local[i] = checkpoint_place_find(place, state->neurons, gid);
    }
    for (int k = 0; k < state->neuron_fields; k++)
      copy_values(&l, &state->neuron_field[k], l.place[k], received, local, got, false);
    free(local);
    free(place);
    free(got);
  }
  free(record);
  free(l.place);
  return e;
}

/* ---- spikes under way ---- */

static int compare_spikes(const void *a, const void *b) {
  const checkpoint_spike *x = a, *y = b;
  if (x->gid != y->gid) return x->gid < y->gid ? -1 : 1;
  return (x->step > y->step) - (x->step < y->step);
}

/* All spikes by (gid, step), this rank's slice of them. */
static checkpoint_spike *sort_spikes(const checkpoint_file *f, const checkpoint_state *state,
                                     uint64_t *total, checkpoint_slice *slice) {
  MPI_Comm comm = checkpoint_file_comm(f);
  const int parts = checkpoint_file_parts(f);
  int rank, ranks;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  int *destination = check_allocate(state->spikes, sizeof *destination);
  for (size_t i = 0; i < state->spikes; i++)
    destination[i] = directory_slice_rank(state->m->neurons, ranks, state->spike[i].gid);
  size_t count;
  checkpoint_spike *some =
      directory_exchange(comm, sizeof *some, state->spikes, state->spike, destination, &count);
  qsort(some, count, sizeof *some, compare_spikes);
  uint64_t mine = count, before = 0;
  AGREE_MPI(MPI_Exscan(&mine, &before, 1, MPI_UINT64_T, MPI_SUM, comm));
  AGREE_MPI(MPI_Allreduce(&mine, total, 1, MPI_UINT64_T, MPI_SUM, comm));
  if (rank == 0) before = 0;
  free(destination);
  destination = check_allocate(count, sizeof *destination);
  const uint64_t chunk = checkpoint_chunk(*total);
  for (size_t i = 0; i < count; i++)
    destination[i] = checkpoint_slice_rank(*total, chunk, 0, parts, before + i);
  checkpoint_spike *sorted =
      directory_exchange(comm, sizeof *some, count, some, destination, &count);
  *slice = checkpoint_slice_of(*total, chunk, 0, parts, rank);
  if (count != slice->count)
    CHECK_ABORT("%zu spikes for a slice of %llu", count, (unsigned long long)slice->count);
  free(destination);
  free(some);
  return sorted;
}

void checkpoint_spikes_write(checkpoint_file *f, const checkpoint_state *state) {
  uint64_t total;
  checkpoint_slice slice;
  checkpoint_spike *sorted = sort_spikes(f, state, &total, &slice);
  uint32_t *gid = check_allocate(slice.count, sizeof *gid);
  int64_t *step = check_allocate(slice.count, sizeof *step);
  for (uint64_t i = 0; i < slice.count; i++) {
    gid[i] = sorted[i].gid;
    step[i] = sorted[i].step;
  }
  checkpoint_file_group(f, "spikes_under_way");
  checkpoint_file_write(f, "spikes_under_way", &spike_gid, total, slice, gid);
  checkpoint_file_write(f, "spikes_under_way", &spike_step, total, slice, step);
  free(step);
  free(gid);
  free(sorted);
}

err checkpoint_spikes_read(checkpoint_file *f, const directory *d, checkpoint_state *state) {
  int rank;
  MPI_Comm_rank(checkpoint_file_comm(f), &rank);
  checkpoint_set *set;
  err e = checkpoint_set_open(f, "spikes_under_way", &spike_gid, CHECKPOINT_ANY, &set);
  if (e != OK) return e;
  const uint64_t total = checkpoint_set_size(set);
  checkpoint_set_close(set);
  const checkpoint_slice slice =
      checkpoint_slice_of(total, checkpoint_chunk(total), 0, checkpoint_file_parts(f), rank);
  uint32_t *gid = check_allocate(slice.count, sizeof *gid);
  int64_t *step = check_allocate(slice.count, sizeof *step);
  e = checkpoint_file_read(f, "spikes_under_way", &spike_gid, total, slice, gid);
  if (e == OK) e = checkpoint_file_read(f, "spikes_under_way", &spike_step, total, slice, step);
  if (e == OK) {
    checkpoint_spike *spike = check_allocate(slice.count, sizeof *spike);
    for (uint64_t i = 0; i < slice.count; i++) spike[i] = (checkpoint_spike){gid[i], step[i]};
    state->spike = directory_route(d, sizeof *spike, slice.count, spike, &state->spikes);
    qsort(state->spike, state->spikes, sizeof *spike, compare_spikes);
    free(spike);
  }
  free(step);
  free(gid);
  return e;
}

/* ---- dense layers ---- */

static const char *layer_group(const checkpoint_layer_field *field, char group[256]) {
  snprintf(group, 256, "layers/%s", field->layer);
  return group;
}

void checkpoint_layers_write(checkpoint_file *f, const checkpoint_state *state) {
  if (state->layer_fields == 0) return;
  checkpoint_file_group(f, "layers");
  for (int k = 0; k < state->layer_fields; k++) {
    const checkpoint_layer_field *field = &state->layer_field[k];
    char group[256];
    bool made = false;
    for (int j = 0; j < k; j++)
      made = made || strcmp(state->layer_field[j].layer, field->layer) == 0;
    if (!made) checkpoint_file_group(f, layer_group(field, group));
    const checkpoint_slice slice = {field->first * field->columns, field->count * field->columns};
    checkpoint_file_write(f, layer_group(field, group), &field->field, field->rows * field->columns,
                          slice, field->value);
  }
}

err checkpoint_layers_read(checkpoint_file *f, checkpoint_state *state) {
  err e = OK;
  for (int k = 0; e == OK && k < state->layer_fields; k++) {
    const checkpoint_layer_field *field = &state->layer_field[k];
    char group[256];
    const checkpoint_slice slice = {field->first * field->columns, field->count * field->columns};
    e = checkpoint_file_read(f, layer_group(field, group), &field->field,
                             field->rows * field->columns, slice, field->value);
  }
  return e;
}

/* ---- size ---- */

/* Chunk indices, headers, attributes; chunks of 4 KiB alignment. */
static uint64_t dataset_bytes(uint64_t size, size_t value) {
  const uint64_t chunk = checkpoint_chunk(size), chunks = (size + chunk - 1) / chunk;
  return size * value + chunks * (4096 + 64 + 16) + 8192;
}

uint64_t checkpoint_state_bytes(MPI_Comm comm, const checkpoint_state *state) {
  uint64_t mine[2] = {state->spikes, 0}, all[2], sum = 0;
  for (int k = 0; k < state->neuron_fields; k++) {
    const checkpoint_neuron_field *field = &state->neuron_field[k];
    sum += dataset_bytes(state->m->population[field->population].size,
                         checkpoint_type_bytes(field->field.type));
  }
  for (int k = 0; k < state->edge_fields; k++) {
    uint64_t edges = 0;
    for (uint32_t i = 0; i < state->neurons; i++) edges += state->edge_field[k].count[i];
    AGREE_MPI(MPI_Allreduce(MPI_IN_PLACE, &edges, 1, MPI_UINT64_T, MPI_SUM, comm));
    sum += dataset_bytes(edges, checkpoint_type_bytes(state->edge_field[k].field.type)) +
           dataset_bytes(state->m->neurons, 4) + 16384;
  }
  for (int k = 0; k < state->layer_fields; k++)
    sum += dataset_bytes(state->layer_field[k].rows * state->layer_field[k].columns,
                         checkpoint_type_bytes(state->layer_field[k].field.type));
  AGREE_MPI(MPI_Allreduce(mine, all, 2, MPI_UINT64_T, MPI_SUM, comm));
  return sum + dataset_bytes(all[0], 12) + (uint64_t)state->m->populations * 4096;
}
