/* The queue of refractory neurons against a counter for every neuron. */
#include "refractory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NEURONS = 50, FIRST = 7, STEPS = 3000 };

typedef struct {
  refractory_queue queue;
  uint8_t flag[NEURONS];
  double potential[NEURONS], plain[NEURONS];
  int32_t left[NEURONS]; /* the plain way */
} both;

static refractory_block block_of(both *b) {
  return (refractory_block){b->flag, b->potential, true};
}

static void expect_equal(both *b, int64_t step) {
  int32_t told[NEURONS] = {0};
  refractory_left(&b->queue, step, told);
  assert_memory_equal(told, b->left, sizeof told);
  for (int i = 0; i < NEURONS; i++) {
    assert_int_equal(b->flag[i], b->left[i] > 0);
    assert_true(b->potential[i] == (b->flag[i] ? -INFINITY : b->plain[i]));
  }
  refractory_unpark(&b->queue, block_of(b));
  assert_memory_equal(b->potential, b->plain, sizeof b->plain);
  refractory_park(&b->queue, block_of(b));
}

/* One step: some fire, refractory or not, of some the refractory time ends early. */
static void advance(both *b, int64_t step) {
  refractory_release(&b->queue, step, block_of(b));
  for (int i = FIRST; i < NEURONS; i++) assert_int_equal(b->flag[i], b->left[i] > 0);
  for (uint32_t i = FIRST; i < NEURONS; i++) {
    const int chance = rand() % 40;
    if (b->left[i] > 0) b->left[i]--;
    if (chance == 0) {
      b->potential[i] = b->plain[i] = rand(); /* the one it is reset to */
      refractory_begin(&b->queue, i, step, block_of(b));
      b->left[i] = b->queue.steps;
    } else if (chance == 1) {
      b->potential[i] = b->plain[i] = rand();
      refractory_end(&b->queue, i, block_of(b));
      b->left[i] = 0;
    }
  }
}

static void go_on_from_what_is_left(both *b, int64_t step) {
  refractory_queue again = {.steps = b->queue.steps};
  refractory_unpark(&b->queue, block_of(b));
  memset(b->flag, 1, sizeof b->flag);
  memset(b->flag, 0, FIRST);
  refractory_resume(&again, step, FIRST, NEURONS - FIRST, b->left, b->flag);
  refractory_free(&b->queue);
  b->queue = again;
  refractory_park(&b->queue, block_of(b));
}

static void the_queue_holds_whom_counters_would(void **state) {
  (void)state;
  srand(5);
  const int32_t lengths[] = {0, 1, 2, 20, 200};
  for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
    both b = {.queue.steps = lengths[k]};
    for (int64_t step = 1; step <= STEPS; step++) {
      advance(&b, step);
      /* who was released in this step is told at the beginning of the next one */
      if (step % 7 == 0)
        refractory_release(&b.queue, step + 1, block_of(&b)), expect_equal(&b, step);
      if (step % 500 == 0) go_on_from_what_is_left(&b, step), expect_equal(&b, step);
    }
    assert_true(b.queue.capacity <= 4 * NEURONS);
    refractory_free(&b.queue);
  }
}

/* A checkpoint's word counts, though here a spike makes refractory for 3 steps. */
static void a_longer_time_that_was_saved_is_kept(void **state) {
  (void)state;
  refractory_queue q = {.steps = 3};
  uint8_t flag[2] = {0};
  const refractory_block b = {.flag = flag};
  const int32_t left[2] = {9, 0};
  refractory_resume(&q, 0, 0, 2, left, flag);
  refractory_begin(&q, 1, 1, b);
  for (int64_t step = 2; step < 12; step++) {
    refractory_release(&q, step, b);
    assert_int_equal(flag[0], step <= 9);
    assert_int_equal(flag[1], step <= 4);
  }
  refractory_free(&q);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_queue_holds_whom_counters_would),
                                     cmocka_unit_test(a_longer_time_that_was_saved_is_kept)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
