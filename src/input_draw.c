#include "input_draw.h"
#include "barrier.h"

#include <stdlib.h>
#include <string.h>

static size_t count_size(const input_draw *d) {
  return d->narrow ? sizeof(uint8_t) : sizeof(uint16_t);
}

void input_draw_add(input_draw *d, const poisson_table *table, uint32_t input, size_t row,
                    size_t count, const uint32_t *gid) {
  const int more = (int)((count + DRAW_PART - 1) / DRAW_PART);
  d->part = realloc(d->part, (size_t)(d->parts + more) * sizeof *d->part);
  if (!d->part) CHECK_ABORT("out of memory");
  memcpy(d->who + row, gid, count * sizeof *gid);
  for (size_t done = 0; done < count; done += DRAW_PART)
    d->part[d->parts++] =
        (draw_part){.table = table,
                    .input = input,
                    .count = (int)(count - done < DRAW_PART ? count - done : DRAW_PART),
                    .row = row + done};
  atomic_init(&d->taken, d->parts); /* there is no coming octet yet */
  atomic_init(&d->done, d->parts);
}

/* From now on parts of the coming octet can be taken. */
static void open_octet(input_draw *d, int64_t octet) {
  d->coming_octet = octet;
  atomic_store_explicit(&d->done, 0, memory_order_relaxed);
  atomic_store_explicit(&d->taken, 0, memory_order_release);
}

static void wait_for(const input_draw *d, int parts) {
  for (int spin = 0; atomic_load_explicit(&d->done, memory_order_acquire) < parts; spin++)
    if (spin < BARRIER_SPINS)
      barrier_pause();
    else
      sched_yield();
}

/* No part can be taken any more, and those that were are done. */
static void close_octet(input_draw *d) {
  const int taken = atomic_exchange_explicit(&d->taken, d->parts, memory_order_acq_rel);
  wait_for(d, taken < d->parts ? taken : d->parts);
  atomic_store_explicit(&d->done, d->parts, memory_order_relaxed); /* nobody is at work */
}

void input_draw_start(input_draw *d, uint64_t seed) {
  d->seed = seed;
  d->who = check_allocate(d->rows, sizeof *d->who);
  d->counts = check_allocate_huge(d->rows * POISSON_STEPS, count_size(d));
  d->coming = check_allocate_huge(d->rows * POISSON_STEPS, count_size(d));
  d->octet = d->coming_octet = -1;
}

void input_draw_free(input_draw *d) {
  free(d->part);
  free(d->who);
  free(d->counts);
  free(d->coming);
}

const void *input_draw_counts(const input_draw *d, int step, size_t row) {
  return (const char *)d->counts + ((size_t)step * d->rows + row) * count_size(d);
}

void input_draw_seed(input_draw *d, uint64_t seed) {
  if (d->seed == seed) return;
  close_octet(d);
  d->seed = seed;
  d->octet = d->coming_octet = -1;
}

bool input_draw_help(input_draw *d) {
  if (atomic_load_explicit(&d->taken, memory_order_relaxed) >= d->parts) return false;
  const int k = atomic_fetch_add_explicit(&d->taken, 1, memory_order_acq_rel);
  if (k >= d->parts) return false;
  const draw_part *part = &d->part[k];
  poisson_draw(part->table, d->seed, part->input, d->who + part->row, part->count, d->coming_octet,
               d->rows, d->narrow, (char *)d->coming + part->row * count_size(d));
  atomic_fetch_add_explicit(&d->done, 1, memory_order_release);
  return true;
}

void input_draw_take(input_draw *d, int64_t octet) {
  if (d->octet == octet) return;
  if (d->coming_octet != octet) {
    close_octet(d);
    open_octet(d, octet);
  }
  while (input_draw_help(d)) continue;
  wait_for(d, d->parts);
  void *swap = d->counts;
  d->counts = d->coming;
  d->coming = swap;
  d->octet = octet;
  open_octet(d, octet + 1);
}
