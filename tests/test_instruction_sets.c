/* The random numbers and the Poisson counts of every instruction set that this machine has are
 * those of plain C. (The neuron models: test_neuron.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The sources once more, asking this file what the processor can do. */
static bool machine_has(const char *set);
static const char *allowed; /* the widest */
static bool is_allowed(const char *set) {
  if (!strncmp(set, "avx512", 6) && strcmp(allowed, "avx512") != 0) return false;
  return strcmp(allowed, "none") != 0 && machine_has(set);
}
static bool machine_has(const char *set) {
#if defined(__x86_64__)
  if (!strcmp(set, "avx2")) return __builtin_cpu_supports("avx2");
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl");
#else
  return set == NULL;
#endif
}
#define __builtin_cpu_supports is_allowed
#define random_philox tested_philox
#define poisson_draw tested_draw
#include "../src/input_poisson.c"
#include "../src/random_philox.c"

static const char *const sets[] = {"avx2", "avx512"};

static void draw_words(const char *set, int count, uint32_t word[4][RANDOM_BATCH]) {
  uint32_t counter[2][RANDOM_BATCH];
  allowed = set;
  for (uint32_t i = 0; i < RANDOM_BATCH; i++)
    counter[0][i] = i * 2654435761u, counter[1][i] = ~i << i % 32;
  uint32_t *const out[4] = {word[0], word[1], word[2], word[3]};
  memset(word, 0, 4 * sizeof *word);
  tested_philox(counter, 0xfedcba98, 0x80000001, 0xffffffff, count, 0, out);
}

static void words_are_the_same_bits(void **state) {
  (void)state;
  for (size_t s = 0; s < sizeof sets / sizeof *sets; s++)
    for (int count = 1; count <= RANDOM_BATCH; count++) {
      uint32_t plain[4][RANDOM_BATCH], wide[4][RANDOM_BATCH];
      draw_words("none", count, plain);
      draw_words(sets[s], count, wide);
      assert_memory_equal(plain, wide, sizeof plain);
    }
}

enum { NEURONS = 3001, OCTETS = 5 };

/* As bytes, if they hold the counts, or as 16 bits each. */
static void draw_counts(const char *set, double mean, bool bytes, uint8_t *counts) {
  static uint32_t who[NEURONS];
  for (uint32_t i = 0; i < NEURONS; i++) who[i] = 3 * i + 1;
  allowed = set;
  poisson_table t = poisson_table_make(mean);
  const bool narrow = bytes && poisson_is_narrow(&t);
  const size_t octet = (size_t)NEURONS * POISSON_STEPS * (narrow ? 1 : 2);
  for (int o = 0; o < OCTETS; o++)
    tested_draw(&t, 55, 3, who, NEURONS - o, o, NEURONS, narrow, counts + (size_t)o * octet);
  poisson_table_free(&t);
}

static void counts_are_the_same(void **state) {
  (void)state;
  const double means[] = {0, 1e-4, 0.02, 0.8, 1.6, 2.3, 3.7, 9, 40, 130};
  const size_t size = (size_t)NEURONS * POISSON_STEPS * OCTETS * 2;
  uint8_t *plain = malloc(size), *wide = malloc(size);
  for (size_t s = 0; s < sizeof sets / sizeof *sets; s++)
    for (size_t m = 0; m < sizeof means / sizeof *means; m++)
      for (int bytes = 0; bytes < 2; bytes++) {
        memset(plain, 0, size), memset(wide, 0, size);
        draw_counts("none", means[m], bytes, plain);
        draw_counts(sets[s], means[m], bytes, wide);
        assert_memory_equal(plain, wide, size);
      }
  free(plain);
  free(wide);
}

int main(void) {
  for (size_t s = 0; s < sizeof sets / sizeof *sets; s++)
    if (!machine_has(sets[s])) print_message("this machine has no %s\n", sets[s]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_are_the_same_bits),
      cmocka_unit_test(counts_are_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
