#include "input.h"
#include "input_draw.h"
#include "vector.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct { /* neurons side by side that get the same input */
  uint32_t first, count;
  size_t row; /* of the first one in the table of counts */
} span;

typedef struct {
  uint32_t input; /* index into the model's inputs */
  int population, receptor;
  bool counted; /* the first Poisson input of the model for this receptor of the population */
  double weight, amplitude;
  int64_t start, stop; /* active in steps start + 1 .. stop */
  int spans;
  span *spans_list;
  poisson_table table;
} block_input;

typedef struct {
  int64_t step;
  uint32_t neuron, receptor;
  double weight;
} block_event;

struct input_block {
  const model *m;
  uint32_t neurons;
  int inputs;
  block_input *input;
  int64_t step, arrivals; /* under way: of the currents, of all else */
  bool driven;            /* is any current on? */
  void *current;          /* real[neurons] */
  void *none;             /* real[INPUT_CHUNK] zeros */
  /* what input_arrivals lends: real and uint8_t[NEURON_RECEPTORS_MAX][INPUT_CHUNK] */
  double *added;
  uint8_t *covered;
  size_t events, event_low, event_high; /* those of this step: [low, high) */
  block_event *event;
  input_draw draw;
};

static void find_spans(const model *m, uint32_t neurons, const uint32_t *gid, size_t *row,
                       block_input *in) {
  const model_input *source = &m->input[in->input];
  const model_population *p = &m->population[source->target];
  size_t capacity = 0;
  for (uint32_t i = 0; i < neurons; i++) {
    if (gid[i] - p->first_gid >= p->size || !model_nodes_has(&source->nodes, gid[i] - p->first_gid))
      continue;
    span *last = in->spans ? &in->spans_list[in->spans - 1] : NULL;
    if (last && last->first + last->count == i) {
      last->count++;
    } else {
      in->spans_list =
          check_grow(in->spans_list, &capacity, (size_t)in->spans + 1, sizeof *in->spans_list);
      in->spans_list[in->spans++] = (span){i, 1, *row};
    }
    ++*row;
  }
}

static int64_t step_of(const model *m, double ms) {
  return isinf(ms) ? INT64_MAX : llrint(ms / m->dt);
}

/* So that sums are rounded alike in all blocks, this is a matter of the model alone. */
static bool is_first_poisson(const model *m, int k) {
  for (int j = 0; j < k; j++)
    if (m->input[j].kind == INPUT_POISSON && m->input[j].target == m->input[k].target &&
        m->input[j].receptor == m->input[k].receptor)
      return false;
  return m->input[k].kind == INPUT_POISSON;
}

static void add_inputs(input_block *b, const uint32_t *gid) {
  const model *m = b->m;
  b->draw.narrow = true;
  b->input = check_allocate((size_t)m->inputs, sizeof *b->input);
  for (int k = 0; k < m->inputs; k++) {
    const model_input *source = &m->input[k];
    if (source->kind == INPUT_SPIKE_TRAINS) continue;
    block_input in = {.input = (uint32_t)k,
                      .population = source->target,
                      .receptor = source->receptor,
                      .counted = is_first_poisson(m, k),
                      .weight = source->weight,
                      .amplitude = source->amplitude,
                      .start = step_of(m, source->start),
                      .stop = step_of(m, source->stop)};
    const bool poisson = source->kind == INPUT_POISSON;
    size_t ignored = 0;
    find_spans(m, b->neurons, gid, poisson ? &b->draw.rows : &ignored, &in);
    if (poisson) in.table = poisson_table_make(source->rate * m->dt / 1000);
    b->draw.narrow = b->draw.narrow && (!poisson || poisson_is_narrow(&in.table));
    if (in.spans > 0)
      b->input[b->inputs++] = in;
    else
      poisson_table_free(&in.table);
  }
}

static void list_drawn(input_block *b, const uint32_t *gid) {
  input_draw_start(&b->draw, b->m->seed);
  for (int k = 0; k < b->inputs; k++) {
    const block_input *in = &b->input[k];
    for (int s = 0; in->table.cumulative && s < in->spans; s++) {
      const span *own = &in->spans_list[s];
      input_draw_add(&b->draw, &in->table, in->input, own->row, own->count, gid + own->first);
    }
  }
}

/* The counts of the step under way from row `row` on. */
static const void *counts_at(const input_block *b, size_t row) {
  return input_draw_counts(&b->draw, (int)(b->arrivals % POISSON_STEPS), row);
}

typedef struct {
  uint32_t gid, neuron;
} place;

static int compare_place(const void *a, const void *b) {
  const place *x = a, *y = b;
  return (x->gid > y->gid) - (x->gid < y->gid);
}

static int compare_event(const void *a, const void *b) {
  const block_event *x = a, *y = b;
  if (x->step != y->step) return x->step < y->step ? -1 : 1;
  if (x->neuron != y->neuron) return x->neuron < y->neuron ? -1 : 1;
  if (x->receptor != y->receptor) return x->receptor < y->receptor ? -1 : 1;
  return (x->weight > y->weight) - (x->weight < y->weight);
}

static void add_events(input_block *b, const uint32_t *gid, size_t events,
                       const input_event *event) {
  place *places = check_allocate(b->neurons, sizeof *places);
  for (uint32_t i = 0; i < b->neurons; i++) places[i] = (place){gid[i], i};
  qsort(places, b->neurons, sizeof *places, compare_place);
  size_t capacity = 0;
  for (size_t k = 0; k < events; k++) {
    const place key = {event[k].gid, 0};
    const place *found = bsearch(&key, places, b->neurons, sizeof *places, compare_place);
    if (!found) continue; /* of another block */
    const model_input *source = &b->m->input[event[k].input];
    b->event = check_grow(b->event, &capacity, b->events + 1, sizeof *b->event);
    b->event[b->events++] =
        (block_event){event[k].step, found->neuron, (uint32_t)source->receptor, source->weight};
  }
  if (b->events) qsort(b->event, b->events, sizeof *b->event, compare_event);
  free(places);
}

input_block *input_block_create(const model *m, uint32_t neurons, const uint32_t *gid,
                                size_t events, const input_event *event) {
  input_block *b = check_allocate(1, sizeof *b);
  b->m = m;
  b->neurons = neurons;
  b->step = -1;
  b->arrivals = INPUT_NOTHING;
  add_inputs(b, gid);
  list_drawn(b, gid);
  add_events(b, gid, events, event);
  b->current = check_allocate(neurons, m->double_precision ? sizeof(double) : sizeof(float));
  b->none = check_allocate(INPUT_CHUNK, sizeof(double));
  b->added = check_allocate((size_t)NEURON_RECEPTORS_MAX * INPUT_CHUNK, sizeof *b->added);
  b->covered = check_allocate((size_t)NEURON_RECEPTORS_MAX * INPUT_CHUNK, sizeof *b->covered);
  return b;
}

void input_block_free(input_block *b) {
  if (!b) return;
  for (int k = 0; k < b->inputs; k++) {
    poisson_table_free(&b->input[k].table);
    free(b->input[k].spans_list);
  }
  free(b->input);
  input_draw_free(&b->draw);
  free(b->current);
  free(b->none);
  free(b->added);
  free(b->covered);
  free(b->event);
  free(b);
}

static bool is_active(const block_input *in, int64_t step) {
  return step > in->start && step <= in->stop;
}

static void set_currents(input_block *b) {
  const bool wide = b->m->double_precision;
  memset(b->current, 0, b->neurons * (wide ? sizeof(double) : sizeof(float)));
  b->driven = false;
  for (int k = 0; k < b->inputs; k++) {
    const block_input *in = &b->input[k];
    if (in->amplitude == 0 || !is_active(in, b->step)) continue;
    b->driven = true;
    for (int s = 0; s < in->spans; s++)
      for (uint32_t i = 0; i < in->spans_list[s].count; i++) {
        const uint32_t at = in->spans_list[s].first + i;
        if (wide)
          ((double *)b->current)[at] += in->amplitude;
        else
          ((float *)b->current)[at] += (float)in->amplitude;
      }
  }
}

void input_set_seed(input_block *b, uint64_t seed) { input_draw_seed(&b->draw, seed); }

bool input_draw_ahead(input_block *b) { return input_draw_help(&b->draw); }

/* Given spikes of the steps before. */
static size_t events_before(const input_block *b, int64_t step) {
  size_t low = 0, high = b->events;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (b->event[middle].step < step)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void begin_arrivals(input_block *b, int64_t step) {
  const bool follows = b->arrivals == step - 1;
  b->arrivals = step;
  if (step != INPUT_NOTHING) input_draw_take(&b->draw, step / POISSON_STEPS);
  b->event_low = follows ? b->event_high : events_before(b, step);
  b->event_high = b->event_low;
  while (b->event_high < b->events && b->event[b->event_high].step == step) b->event_high++;
}

void input_begin_step(input_block *b, int64_t step, int64_t arrivals) {
  bool changed = b->step != step - 1;
  b->step = step;
  for (int k = 0; k < b->inputs; k++)
    changed = changed || step - 1 == b->input[k].start || step - 1 == b->input[k].stop;
  if (changed) set_currents(b);
  begin_arrivals(b, arrivals);
}

/* First span that ends after neuron `first`. */
static int span_from(const block_input *in, uint32_t first) {
  int low = 0, high = in->spans;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (in->spans_list[middle].first + in->spans_list[middle].count <= first)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* to += weight * counts. */
#define DEFINE_ADD(real, count, name)                                                              \
  VECTOR_CLONES static void add_##name(const count *restrict counts, uint32_t n, real weight,      \
                                       real *restrict to) {                                        \
    for (uint32_t i = 0; i < n; i++) to[i] += weight * (real)counts[i];                            \
  }
DEFINE_ADD(float, uint8_t, narrow_single)
DEFINE_ADD(double, uint8_t, narrow_double)
DEFINE_ADD(float, uint16_t, wide_single)
DEFINE_ADD(double, uint16_t, wide_double)

static void add_counts(const input_block *b, const void *counts, uint32_t n, double weight,
                       void *to) {
  if (b->m->double_precision && b->draw.narrow)
    add_narrow_double(counts, n, weight, to);
  else if (b->m->double_precision)
    add_wide_double(counts, n, weight, to);
  else if (b->draw.narrow)
    add_narrow_single(counts, n, (float)weight, to);
  else
    add_wide_single(counts, n, (float)weight, to);
}

static bool is_drawn(const input_block *b, const block_input *in, int receptor) {
  return in->table.cumulative && in->receptor == receptor && is_active(in, b->arrivals);
}

/* Add what a Poisson input gives to neurons first .. first + count - 1. */
static void add_poisson(const input_block *b, const block_input *in, uint32_t first, uint32_t count,
                        void *to) {
  const size_t size = b->m->double_precision ? sizeof(double) : sizeof(float);
  for (int s = span_from(in, first); s < in->spans && in->spans_list[s].first < first + count;
       s++) {
    const span *own = &in->spans_list[s];
    const uint32_t low = own->first > first ? own->first : first;
    const uint32_t end =
        own->first + own->count < first + count ? own->first + own->count : first + count;
    const size_t row = own->row + (low - own->first);
    add_counts(b, counts_at(b, row), end - low, in->weight, (char *)to + (low - first) * size);
  }
}

static void add_given(const input_block *b, int receptor, uint32_t first, uint32_t count,
                      void *to) {
  for (size_t k = b->event_low; k < b->event_high; k++) {
    const block_event *e = &b->event[k];
    if (e->neuron < first || e->neuron >= first + count || (int)e->receptor != receptor) continue;
    if (b->m->double_precision)
      ((double *)to)[e->neuron - first] += e->weight;
    else
      ((float *)to)[e->neuron - first] += (float)e->weight;
  }
}

/* All inputs at the receptor but `counted`. */
static void add_others(const input_block *b, const block_input *counted, int receptor,
                       uint32_t first, uint32_t count, void *to) {
  for (int k = 0; k < b->inputs; k++)
    if (&b->input[k] != counted && is_drawn(b, &b->input[k], receptor))
      add_poisson(b, &b->input[k], first, count, to);
  if (b->event_low < b->event_high) add_given(b, receptor, first, count, to);
}

void input_add(input_block *b, int receptor, uint32_t first, uint32_t count, void *to) {
  add_others(b, NULL, receptor, first, count, to);
}

/* Does anything but `counted` reach the receptor in this step? */
static bool has_others(const input_block *b, const block_input *counted, int population,
                       int receptor) {
  for (int k = 0; k < b->inputs; k++)
    if (&b->input[k] != counted && is_drawn(b, &b->input[k], receptor) &&
        b->input[k].population == population)
      return true;
  return b->event_low < b->event_high;
}

/* The input that a population's receptor gets as counts; NULL where it reaches nobody here, or
 * counts are no bytes. */
static const block_input *counted_input(const input_block *b, int population, int receptor) {
  for (int k = 0; k < b->inputs && b->draw.narrow; k++)
    if (b->input[k].counted && b->input[k].population == population &&
        b->input[k].receptor == receptor)
      return &b->input[k];
  return NULL;
}

/* Its counts of neurons first .. first + count - 1; in `covered`, where it reaches not all. */
static const uint8_t *counts_of(const input_block *b, const block_input *in, uint32_t first,
                                uint32_t count, uint8_t *covered) {
  const uint8_t *counts = counts_at(b, 0);
  int s = span_from(in, first);
  const span *own = &in->spans_list[s];
  if (s < in->spans && own->first <= first && own->first + own->count >= first + count)
    return counts + own->row + (first - own->first);
  memset(covered, 0, count);
  for (; s < in->spans && in->spans_list[s].first < first + count; s++) {
    own = &in->spans_list[s];
    const uint32_t low = own->first > first ? own->first : first;
    const uint32_t end =
        own->first + own->count < first + count ? own->first + own->count : first + count;
    memcpy(covered + (low - first), counts + own->row + (low - own->first), end - low);
  }
  return covered;
}

bool input_arrivals(input_block *b, int population, int receptor, uint32_t first, uint32_t count,
                    neuron_arrivals *arrivals) {
  assert(count <= INPUT_CHUNK);
  const block_input *in = counted_input(b, population, receptor);
  const size_t at = (size_t)receptor * INPUT_CHUNK;
  arrivals->counts = b->none;
  arrivals->weight = 0;
  arrivals->added = b->none;
  if (in && is_active(in, b->arrivals)) {
    arrivals->counts = counts_of(b, in, first, count, b->covered + at);
    arrivals->weight = in->weight;
  }
  if (!has_others(b, in, population, receptor)) return false;
  memset(b->added + at, 0, count * sizeof *b->added);
  add_others(b, in, receptor, first, count, b->added + at);
  arrivals->added = b->added + at;
  return true;
}

bool input_driven(const input_block *b) { return b->driven; }

const void *input_current(const input_block *b, uint32_t first) {
  const size_t size = b->m->double_precision ? sizeof(double) : sizeof(float);
  return b->driven ? (const char *)b->current + first * size : b->none;
}
