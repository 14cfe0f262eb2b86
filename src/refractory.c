#include "refractory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void park(refractory_neuron *n, refractory_block b) {
  if (!b.potential) return;
  n->potential = b.wide ? ((double *)b.potential)[n->neuron] : ((float *)b.potential)[n->neuron];
  if (b.wide)
    ((double *)b.potential)[n->neuron] = -INFINITY;
  else
    ((float *)b.potential)[n->neuron] = -INFINITY;
}

static void unpark(const refractory_neuron *n, refractory_block b) {
  if (!b.potential) return;
  if (b.wide)
    ((double *)b.potential)[n->neuron] = n->potential;
  else
    ((float *)b.potential)[n->neuron] = (float)n->potential;
}

void refractory_park(refractory_queue *q, refractory_block b) {
  for (size_t i = 0; i < q->count; i++) park(&q->queue[q->first + i], b);
}

void refractory_unpark(const refractory_queue *q, refractory_block b) {
  for (size_t i = 0; i < q->count; i++) unpark(&q->queue[q->first + i], b);
}

void refractory_release(refractory_queue *q, int64_t step, refractory_block b) {
  for (; q->count > 0 && q->queue[q->first].last < step; q->first++, q->count--) {
    b.flag[q->queue[q->first].neuron] = 0;
    unpark(&q->queue[q->first], b);
  }
}

/* Room for one more: where those that were released leave half of it, the others move there. */
static void make_room(refractory_queue *q) {
  if (q->first + q->count < q->capacity) return;
  if (q->first < q->capacity / 2 || q->first == 0) {
    q->queue = check_grow(q->queue, &q->capacity, q->capacity + 1, sizeof *q->queue);
    return;
  }
  memmove(q->queue, q->queue + q->first, q->count * sizeof *q->queue);
  q->first = 0;
}

void refractory_begin(refractory_queue *q, uint32_t neuron, int64_t step, refractory_block b) {
  refractory_end(q, neuron, b);
  if (q->steps == 0) return;
  make_room(q);
  const int64_t last = step + q->steps;
  size_t i = q->first + q->count++;
  for (; i > q->first && q->queue[i - 1].last > last; i--) q->queue[i] = q->queue[i - 1];
  q->queue[i] = (refractory_neuron){.last = last, .neuron = neuron};
  b.flag[neuron] = 1;
  park(&q->queue[i], b);
}

void refractory_end(refractory_queue *q, uint32_t neuron, refractory_block b) {
  if (!b.flag[neuron]) return;
  b.flag[neuron] = 0;
  size_t i = q->first;
  while (q->queue[i].neuron != neuron) i++;
  q->count--;
  memmove(&q->queue[i], &q->queue[i + 1], (q->first + q->count - i) * sizeof *q->queue);
}

void refractory_left(const refractory_queue *q, int64_t step, int32_t *left) {
  for (size_t i = q->first; i < q->first + q->count; i++)
    left[q->queue[i].neuron] = (int32_t)(q->queue[i].last - step);
}

static int compare_last(const void *a, const void *b) {
  const refractory_neuron *x = a, *y = b;
  return (x->last > y->last) - (x->last < y->last);
}

void refractory_resume(refractory_queue *q, int64_t step, uint32_t first, uint32_t count,
                       const int32_t *left, uint8_t *flag) {
  q->first = q->count = 0;
  for (uint32_t i = first; i < first + count; i++) {
    flag[i] = left[i] > 0;
    if (left[i] <= 0) continue;
    make_room(q);
    q->queue[q->count++] = (refractory_neuron){.last = step + left[i], .neuron = i};
  }
  if (q->count) qsort(q->queue, q->count, sizeof *q->queue, compare_last);
}

void refractory_free(refractory_queue *q) { free(q->queue); }
