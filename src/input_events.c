#include "agree.h"
#include "directory.h"
#include "input.h"
#include "input_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

static int compare_events(const void *a, const void *b) {
  const input_event *x = a, *y = b;
  if (x->step != y->step) return x->step < y->step ? -1 : 1;
  if (x->gid != y->gid) return x->gid < y->gid ? -1 : 1;
  return (x->input > y->input) - (x->input < y->input);
}

typedef struct {
  size_t count, capacity;
  input_event *event;
} event_list;

static void append(event_list *list, int64_t step, uint32_t gid, int input) {
  list->event = check_grow(list->event, &list->capacity, list->count + 1, sizeof *list->event);
  list->event[list->count++] = (input_event){step, gid, (uint32_t)input};
}

/* Times in the model file: each is an event of every chosen neuron. */
static void add_inline(const model *m, int k, uint32_t count, const uint32_t *owned,
                       event_list *list) {
  const model_input *in = &m->input[k];
  const model_population *p = &m->population[in->target];
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t node = owned[i] - p->first_gid;
    if (owned[i] < p->first_gid || node >= p->size || !model_nodes_has(&in->nodes, node)) continue;
    for (int t = 0; t < in->times; t++) append(list, llrint(in->time[t] / m->dt), owned[i], k);
  }
}

typedef struct { /* an event from a file, under way to the owner of its neuron */
  uint32_t gid;
  int64_t step;
} travelling_event;

/* What arrives before the first step belongs to the initial state, if the neurons have one. */
static err check_first_step(MPI_Comm comm, const model *m, const model_input *in,
                            const input_file_slice *slice) {
  const model_population *p = &m->population[in->target];
  err e = OK;
  for (size_t i = 0; i < slice->count && p->neuron->memoryless && e == OK; i++)
    if (llrint(slice->time[i] / m->dt) < 1)
      e = model_fail(m->name, in->file_place, "file",
                     "%s: a spike of node %u is at %g ms, before the first step, and %s, of neuron "
                     "model %s, keeps nothing till then: all must round to dt, %g ms, or later",
                     in->file, slice->node[i], slice->time[i], p->name, p->neuron->name, m->dt);
  return agree(comm, e);
}

typedef void (*slice_taker)(void *context, const model *m, int k, const input_file_slice *slice);

/* All spikes of a file, round by round. */
static err read_file(MPI_Comm comm, const model *m, int k, slice_taker take, void *context) {
  const model_input *in = &m->input[k];
  input_file *f;
  err e = input_file_open(comm, m->name, in, &m->population[in->target], &f);
  if (e != OK) return e;
  for (uint64_t round = 0; round < input_file_rounds(f) && e == OK; round++) {
    input_file_slice slice;
    e = input_file_read(f, round, &slice);
    if (e == OK) e = check_first_step(comm, m, in, &slice);
    if (e == OK) take(context, m, k, &slice);
    input_file_release(&slice);
  }
  input_file_close(f);
  return e;
}

typedef struct {
  const directory *owners;
  event_list *list;
} event_routes;

/* To the owners of the neurons. */
static void route_slice(void *context, const model *m, int k, const input_file_slice *slice) {
  const event_routes *to = context;
  const model_input *in = &m->input[k];
  const uint32_t first = m->population[in->target].first_gid;
  travelling_event *event = check_allocate(slice->count, sizeof *event);
  size_t chosen = 0, arrived_count;
  for (size_t i = 0; i < slice->count; i++)
    if (model_nodes_has(&in->nodes, slice->node[i]))
      event[chosen++] = (travelling_event){first + slice->node[i], llrint(slice->time[i] / m->dt)};
  travelling_event *arrived =
      directory_route(to->owners, sizeof *event, chosen, event, &arrived_count);
  for (size_t i = 0; i < arrived_count; i++) append(to->list, arrived[i].step, arrived[i].gid, k);
  free(arrived);
  free(event);
}

static int64_t last_step(const model *m) {
  return model_steps(m, m->warm_up) + model_steps(m, m->duration);
}

static bool is_from_file(const model_input *in) {
  return in->kind == INPUT_SPIKE_TRAINS && in->file;
}

static void count_late(void *context, const model *m, int k, const input_file_slice *slice) {
  uint64_t *late = context;
  for (size_t i = 0; i < slice->count; i++)
    late[k] += model_nodes_has(&m->input[k].nodes, slice->node[i]) &&
               llrint(slice->time[i] / m->dt) > last_step(m);
}

err input_check_files(MPI_Comm comm, const model *m, uint64_t *late) {
  err e = OK;
  for (int k = 0; k < m->inputs; k++) late[k] = 0;
  for (int k = 0; k < m->inputs && e == OK; k++)
    if (is_from_file(&m->input[k])) e = read_file(comm, m, k, count_late, late);
  if (e != OK) return e;
  AGREE_MPI(MPI_Allreduce(MPI_IN_PLACE, late, m->inputs, MPI_UINT64_T, MPI_SUM, comm));
  for (int k = 0; k < m->inputs; k++) {
    const model_input *in = &m->input[k];
    const double nodes = model_nodes_count(&in->nodes, m->population[in->target].size);
    for (int t = 0; t < in->times; t++)
      if (llrint(in->time[t] / m->dt) > last_step(m)) late[k] += (uint64_t)nodes;
  }
  return OK;
}

err input_count_in_files(MPI_Comm comm, const model *m, uint64_t *spikes) {
  for (int k = 0; k < m->inputs; k++) {
    const model_input *in = &m->input[k];
    spikes[k] = 0;
    if (!is_from_file(in)) continue;
    input_file *f;
    const err e = input_file_open(comm, m->name, in, &m->population[in->target], &f);
    if (e != OK) return e;
    spikes[k] = input_file_spikes(f);
    input_file_close(f);
  }
  return OK;
}

err input_read_events(MPI_Comm comm, const model *m, uint32_t count, const uint32_t *owned,
                      size_t *events, input_event **event) {
  event_list list = {0};
  directory *d = NULL;
  err e = OK;
  for (int k = 0; k < m->inputs && e == OK; k++) {
    if (m->input[k].kind != INPUT_SPIKE_TRAINS) continue;
    if (m->input[k].file) {
      if (!d) d = directory_create(comm, m->neurons, count, owned);
      e = read_file(comm, m, k, route_slice, &(event_routes){d, &list});
    } else {
      add_inline(m, k, count, owned, &list);
    }
  }
  directory_free(d);
  if (list.count) qsort(list.event, list.count, sizeof *list.event, compare_events);
  *events = list.count;
  *event = list.event;
  return agree(comm, e);
}

void input_hash_events(MPI_Comm comm, const model *m, size_t events, const input_event *event,
                       uint64_t *hash) {
  for (int k = 0; k < m->inputs; k++) hash[k] = 0;
  for (size_t i = 0; i < events; i++) {
    const uint64_t what[2] = {event[i].gid, (uint64_t)event[i].step};
    hash[event[i].input] += XXH3_64bits(what, sizeof what);
  }
  AGREE_MPI(MPI_Allreduce(MPI_IN_PLACE, hash, m->inputs, MPI_UINT64_T, MPI_SUM, comm));
}

void input_count_late(MPI_Comm comm, const model *m, size_t events, const input_event *event,
                      uint64_t *late) {
  for (int k = 0; k < m->inputs; k++) late[k] = 0;
  for (size_t i = 0; i < events; i++) late[event[i].input] += event[i].step > last_step(m);
  AGREE_MPI(MPI_Allreduce(MPI_IN_PLACE, late, m->inputs, MPI_UINT64_T, MPI_SUM, comm));
}

void input_warn_late(const model *m, const uint64_t *late) {
  for (int k = 0; k < m->inputs; k++)
    if (late[k] > 0)
      fprintf(stderr,
              "shinkei: warning: inputs.%d: given spikes after the end of the run, %.10g ms, which "
              "reach nobody: %llu\n",
              k, m->warm_up + m->duration, (unsigned long long)late[k]);
}
