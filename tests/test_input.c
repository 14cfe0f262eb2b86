/* What input.h promises: Poisson counts of the right distribution that no division into blocks
 * changes, currents in their windows, given spikes in their steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "input.h"
#include "input_poisson.h"

#include <cmocka.h>
#include <hdf5.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static model *parse(const char *format, ...) {
  char text[4096];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  model *m;
  check_clear();
  if (model_parse("input.yaml", text, strlen(text), 0, NULL, &m) != OK)
    fail_msg("%s", check_message());
  return m;
}

/* ---- Poisson counts ------------------------------------------------------------------------- */

enum { MOST = 70000 };

static double log_mass(double mean, int k) { return k * log(mean) - mean - lgamma(k + 1.0); }

/* Chi-square of counts seen[k], bins of few expected counts put together, as a standard normal
 * deviate (Wilson & Hilferty 1931). */
static double deviate(double mean, const double *seen, int most, double draws) {
  double sum = 0, expected = 0, observed = 0, left = draws;
  int freedom = -1;
  for (int k = 0; k < most; k++) {
    expected += draws * exp(log_mass(mean, k));
    observed += seen[k];
    if (expected < 20 || left - expected < 20) continue;
    sum += (observed - expected) * (observed - expected) / expected;
    left -= expected;
    freedom++;
    expected = observed = 0;
  }
  sum += (observed - left) * (observed - left) / left;
  freedom++;
  return (cbrt(sum / freedom) - (1 - 2.0 / (9.0 * freedom))) / sqrt(2.0 / (9.0 * freedom));
}

/* Counts of all neurons in `steps` steps: mean, variance, distribution. */
static void expect_poisson(double mean, int neurons, int octets) {
  static double seen[MOST];
  memset(seen, 0, sizeof seen);
  poisson_table t = poisson_table_make(mean);
  uint32_t *who = check_allocate((size_t)neurons, sizeof *who);
  uint16_t *count = check_allocate((size_t)neurons * POISSON_STEPS, sizeof *count);
  for (int i = 0; i < neurons; i++) who[i] = (uint32_t)i * 3;
  double sum = 0, squares = 0, draws = 0;
  for (int64_t octet = 0; octet < octets; octet++) {
    poisson_draw(&t, 9, 2, who, neurons, octet, (size_t)neurons, false, count);
    for (int i = 0; i < neurons * POISSON_STEPS; i++) {
      seen[count[i]]++;
      const double d = count[i] - mean;
      sum += d, squares += d * d, draws++;
    }
  }
  assert_true(fabs(sum / draws) < 4.5 * sqrt(mean / draws));
  const double variance_of_squares = mean * (1 + 2 * mean);
  assert_true(fabs(squares / draws - mean) < 4.5 * sqrt(variance_of_squares / draws));
  const int most = (int)(mean + 12 * sqrt(mean) + 20);
  const double off = deviate(mean, seen, most < MOST ? most : MOST, draws);
  if (off > 4) fail_msg("mean %g: chi-square %g deviations off", mean, off);
  poisson_table_free(&t);
  free(count);
  free(who);
}

static void counts_have_the_poisson_distribution(void **state) {
  (void)state;
  const double means[] = {0.001, 0.05, 0.8, 1.28, 2.9, 3.7, 3.9, 12, 60};
  for (size_t k = 0; k < sizeof means / sizeof *means; k++) expect_poisson(means[k], 777, 100);
}

/* To 2^-48, whatever the bins. */
static void bins_share_out_the_probabilities(void **state) {
  (void)state;
  const double means[] = {0, 1e-5, 0.02, 0.8, 1.6, 2.32, 3, 3.7};
  const uint64_t whole = (uint64_t)1 << 48, bin = whole / POISSON_BINS;
  for (size_t m = 0; m < sizeof means / sizeof *means; m++) {
    poisson_table t = poisson_table_make(means[m]);
    assert_true(t.binned);
    uint64_t share[POISSON_BINS] = {0}, up_to = 0;
    for (int k = 0; k < POISSON_BINS; k++) {
      const uint64_t lower = (uint64_t)(t.split[k] & 0xfff) << 32 | t.fraction[k];
      assert_int_equal(t.split[k] >> 12, k);
      share[t.choice[k] & 0xff] += lower;
      share[t.choice[k] >> 8] += bin - lower;
      /* the last count stands for larger ones as well, so that 16 bits must not decide for it */
      assert_int_not_equal(t.choice[k] >> 8, POISSON_BINS - 1);
      if ((t.choice[k] & 0xff) == POISSON_BINS - 1) assert_int_equal(t.split[k] & 0xfff, 0);
    }
    for (int k = 0; k < POISSON_BINS; k++) {
      up_to += share[k];
      assert_true(up_to == (k < POISSON_BINS - 1 && k < t.counts ? t.cumulative[k] : whole));
    }
    poisson_table_free(&t);
  }
  poisson_table large = poisson_table_make(5);
  assert_false(large.binned);
  poisson_table_free(&large);
}

static void high_rates_have_the_poisson_distribution(void **state) {
  (void)state;
  expect_poisson(1000, 300, 20);
  expect_poisson(50000, 100, 10);
}

static void bytes_hold_the_same_counts(void **state) {
  (void)state;
  enum { NEURONS = 1003, STRIDE = 1010 };
  static uint32_t who[NEURONS];
  static uint16_t wide[STRIDE * POISSON_STEPS];
  static uint8_t narrow[STRIDE * POISSON_STEPS];
  const double means[] = {1e-4, 0.3, 1.28, 2.32, 3.7, 9, 40, 100};
  for (uint32_t i = 0; i < NEURONS; i++) who[i] = 7 * i;
  for (size_t k = 0; k < sizeof means / sizeof *means; k++) {
    poisson_table t = poisson_table_make(means[k]);
    assert_true(poisson_is_narrow(&t));
    for (int64_t octet = 0; octet < 60; octet++) {
      poisson_draw(&t, 9, 2, who, NEURONS, octet, STRIDE, false, wide);
      poisson_draw(&t, 9, 2, who, NEURONS, octet, STRIDE, true, narrow);
      for (int i = 0; i < STRIDE * POISSON_STEPS; i++) assert_int_equal(narrow[i], wide[i]);
    }
    poisson_table_free(&t);
  }
}

static void a_rate_of_zero_gives_nothing(void **state) {
  (void)state;
  poisson_table t = poisson_table_make(0);
  uint16_t count[POISSON_STEPS];
  for (uint32_t who = 0; who < 20000; who++) {
    poisson_draw(&t, 1, 0, &who, 1, who, 1, false, count);
    for (int s = 0; s < POISSON_STEPS; s++) assert_int_equal(count[s], 0);
  }
  poisson_table_free(&t);
}

/* Where 16 bits do not decide more are drawn; the shares must come out right to much less than
 * 2^-16: at a mean of 1e-5, where 16 bits know nothing but "0 or perhaps 1". */
static void rare_events_are_not_rounded_away(void **state) {
  (void)state;
  enum { NEURONS = 1000, OCTETS = 2500 };
  const double mean = 1e-5;
  poisson_table t = poisson_table_make(mean);
  static uint32_t who[NEURONS];
  static uint16_t count[NEURONS * POISSON_STEPS];
  double sum = 0, expected = mean * NEURONS * OCTETS * POISSON_STEPS;
  for (uint32_t i = 0; i < NEURONS; i++) who[i] = i;
  for (int64_t octet = 0; octet < OCTETS; octet++) {
    poisson_draw(&t, 9, 2, who, NEURONS, octet, NEURONS, false, count);
    for (int i = 0; i < NEURONS * POISSON_STEPS; i++) sum += count[i];
  }
  assert_true(fabs(sum - expected) < 4 * sqrt(expected));
  poisson_table_free(&t);
}

static void neurons_steps_and_inputs_are_independent(void **state) {
  (void)state;
  enum { NEURONS = 4000, OCTETS = 40 };
  const double mean = 1.5;
  poisson_table t = poisson_table_make(mean);
  static uint32_t who[NEURONS];
  static uint16_t a[NEURONS * POISSON_STEPS], b[NEURONS * POISSON_STEPS];
  double next_neuron = 0, next_step = 0, other_input = 0, draws = NEURONS * OCTETS;
  for (uint32_t i = 0; i < NEURONS; i++) who[i] = i;
  for (int64_t octet = 0; octet < OCTETS; octet++) {
    poisson_draw(&t, 9, 2, who, NEURONS, octet, NEURONS, false, a);
    poisson_draw(&t, 9, 3, who, NEURONS, octet, NEURONS, false, b);
    for (int i = 0; i < NEURONS; i++) {
      next_neuron += (a[i] - mean) * (a[(i + 1) % NEURONS] - mean);
      next_step += (a[i] - mean) * (a[NEURONS + i] - mean);
      other_input += (a[i] - mean) * (b[i] - mean);
    }
  }
  const double bound = 4.5 * mean * sqrt(draws);
  assert_true(fabs(next_neuron) < bound && fabs(next_step) < bound && fabs(other_input) < bound);
  poisson_table_free(&t);
}

/* ---- blocks --------------------------------------------------------------------------------- */

#define TWO_POPULATIONS                                                                            \
  "simulation: {dt: 0.1, duration: 100, precision: %s}\n"                                          \
  "populations: {A: {size: 700, neuron: iaf_psc_exp}, B: {size: 90, neuron: iaf_psc_exp}}\n"
static const char driven[] =
    TWO_POPULATIONS "inputs:\n"
                    " - {type: poisson, target: A, rate: 8000, weight: 2}\n"
                    " - {type: poisson, target: A, nodes: [3, 50-300, 600], rate: 20000, weight: 3,"
                    " start: 1, stop: 3}\n"
                    " - {type: poisson, target: B, rate: 5000, weight: -4}\n"
                    " - {type: dc, target: A, nodes: [0-9, 20], amplitude: 7, start: 0.5, stop: "
                    "1.7}\n"
                    " - {type: dc, target: A, amplitude: 2, start: 1.2}\n";

enum { ALL = 790 };

/* What one receptor of every neuron receives in a step, from blocks of the neurons with equal
 * part[gid]; blocks begin with step `first`. */
static void total_input(const model *m, int parts, const int *part, int64_t first, int64_t step,
                        int receptor, double *sum) {
  memset(sum, 0, ALL * sizeof *sum);
  for (int k = 0; k < parts; k++) {
    uint32_t gid[ALL], n = 0, from_b = 0;
    for (uint32_t g = 0; g < ALL; g++)
      if (part[g] == k) gid[n++] = g;
    while (from_b < n && gid[from_b] < 700) from_b++;
    input_block *b = input_block_create(m, n, gid, 0, NULL);
    for (int64_t s = first; s <= step; s++) input_begin_step(b, s, s);
    float single[ALL] = {0};
    double twice[ALL] = {0};
    char *to = m->double_precision ? (char *)twice : (char *)single;
    const size_t size = m->double_precision ? sizeof *twice : sizeof *single;
    const uint32_t cut = from_b / 3; /* in two goes, as the update's chunks */
    input_add(b, receptor, 0, cut, to);
    input_add(b, receptor, cut, from_b - cut, to + cut * size);
    input_add(b, receptor, from_b, n - from_b, to + from_b * size);
    for (uint32_t i = 0; i < n; i++)
      sum[gid[i]] += m->double_precision ? twice[i] : (double)single[i];
    input_block_free(b);
  }
}

static void input_depends_on_no_division_into_blocks_and_on_no_first_step(void **state) {
  (void)state;
  model *m[2] = {parse(driven, "single"), parse(driven, "double")};
  int one[ALL] = {0}, some[ALL];
  for (int g = 0; g < ALL; g++) some[g] = g * 7919 % 11 % 3;
  static double a[ALL], b[ALL], sum;
  for (int64_t step = 1; step < 45; step++)
    for (int receptor = 0; receptor < 2; receptor++) {
      total_input(m[0], 1, one, step > 20 ? step - 20 : 1, step, receptor, a);
      total_input(m[0], 3, some, step > 9 ? step - 9 : 1, step, receptor, b);
      assert_memory_equal(a, b, sizeof a);
      total_input(m[1], 3, some, step, step, receptor, b);
      assert_memory_equal(a, b, sizeof a);
      for (int g = 0; g < ALL; g++) sum += fabs(a[g]);
    }
  assert_true(sum > 10000);
  model_free(m[0]);
  model_free(m[1]);
}

/* A block whose owner steps, jumps and changes the seed while three threads draw ahead, against one
 * that is left alone. */
static void trains_are_the_same_whoever_draws_them_ahead(void **state) {
  (void)state;
  enum { NEURONS = 3000, STEPS = 400 };
  model *m = parse("simulation: {dt: 0.1, duration: 10, seed: 4}\n"
                   "populations: {A: {size: %d, neuron: iaf_psc_exp}}\n"
                   "inputs:\n"
                   " - {type: poisson, target: A, rate: 9000, weight: 2}\n"
                   " - {type: poisson, target: A, rate: 700, weight: 1, nodes: \"5-1999\"}\n",
                   NEURONS);
  static uint32_t gid[NEURONS];
  static float helped[NEURONS], alone[NEURONS];
  for (uint32_t i = 0; i < NEURONS; i++) gid[i] = i;
  input_block *a = input_block_create(m, NEURONS, gid, 0, NULL);
  input_block *b = input_block_create(m, NEURONS, gid, 0, NULL);
  int over = 0, differing = 0, ahead = 0;
#pragma omp parallel num_threads(4)
  if (omp_get_thread_num() == 0) {
    for (int64_t step = 0; step < STEPS; step++) {
      const int64_t now = step < STEPS / 2 ? step : step + 1000;
      if (step == 50) input_set_seed(a, 77), input_set_seed(b, 77);
      input_begin_step(a, now, now);
      input_begin_step(b, now, now);
      for (int some = step > 0; !some;) { /* however busy the machine is */
#pragma omp atomic read
        some = ahead;
      }
      memset(helped, 0, sizeof helped), memset(alone, 0, sizeof alone);
      input_add(a, 0, 0, NEURONS, helped);
      input_add(b, 0, 0, NEURONS, alone);
      differing += memcmp(helped, alone, sizeof alone) != 0;
    }
#pragma omp atomic write
    over = 1;
  } else {
    for (int end = 0; !end;) {
      if (input_draw_ahead(a)) {
#pragma omp atomic
        ahead++;
      }
#pragma omp atomic read
      end = over;
    }
  }
  assert_int_equal(differing, 0);
  assert_true(ahead > 0);
  while (input_draw_ahead(b)) ahead++;
  assert_false(input_draw_ahead(b)); /* the trains of eight steps, and no more */
  input_block_free(a);
  input_block_free(b);
  model_free(m);
}

/* The counts behind input_add, in the window and its nodes alone. */
static void poisson_input_is_weight_times_count_in_its_window(void **state) {
  (void)state;
  model *m = parse(driven, "double");
  int one[ALL] = {0};
  static double in[ALL];
  poisson_table t[3] = {poisson_table_make(0.8), poisson_table_make(2), poisson_table_make(0.5)};
  uint32_t who[ALL];
  for (uint32_t g = 0; g < ALL; g++) who[g] = g;
  static uint16_t c[3][POISSON_STEPS][ALL];
  for (int64_t step = 1; step < 45; step++) {
    for (uint32_t k = 0; k < 3; k++)
      poisson_draw(&t[k], m->seed, k, who, ALL, step / POISSON_STEPS, ALL, false, c[k][0]);
    const int s = (int)(step % POISSON_STEPS);
    for (int receptor = 0; receptor < 2; receptor++) {
      total_input(m, 1, one, step, step, receptor, in);
      for (uint32_t g = 0; g < ALL; g++) {
        const bool some = g == 3 || (g >= 50 && g <= 300) || g == 600;
        double expected = 0;
        if (receptor == 0 && g < 700)
          expected = 2 * c[0][s][g] + (some && step > 10 && step <= 30 ? 3 * c[1][s][g] : 0);
        if (receptor == 1 && g >= 700) expected = -4 * c[2][s][g];
        assert_true(in[g] == expected);
      }
    }
  }
  for (int k = 0; k < 3; k++) poisson_table_free(&t[k]);
  model_free(m);
}

/* Weights that no floating-point number holds, on nodes of which blocks have some, all, none. */
static const char rounded[] =
    "simulation: {dt: 0.1, duration: 100, precision: %s}\n"
    "populations: {A: {size: 700, neuron: iaf_psc_exp}, B: {size: 90, neuron: iaf_psc_exp}}\n"
    "inputs:\n"
    " - {type: poisson, target: B, rate: 9000, weight: 0.9}\n"
    " - {type: poisson, target: A, nodes: [0-99, 200-250], rate: %s, weight: 0.1, start: 1}\n"
    " - {type: poisson, target: A, rate: 20000, weight: 0.3}\n"
    " - {type: poisson, target: A, nodes: [50-600], rate: 20000, weight: 0.7, stop: 2}\n"
    " - {type: poisson, target: A, rate: 20000, weight: -0.7}\n";

/* What arrives at a receptor beside `network` from the network, from blocks as above, as an update
 * adds it. */
static void total_arrivals(const model *m, int parts, const int *part, int64_t step, int receptor,
                           double network, double *sum) {
  for (int k = 0; k < parts; k++) {
    uint32_t gid[ALL], n = 0;
    for (uint32_t g = 0; g < ALL; g++)
      if (part[g] == k) gid[n++] = g;
    input_block *b = input_block_create(m, n, gid, 0, NULL);
    input_begin_step(b, step, step);
    for (uint32_t i = 0; i < n; i++) {
      uint32_t first = i;
      neuron_arrivals a;
      while (i + 1 < n && (gid[i + 1] < 700) == (gid[first] < 700) && i + 1 - first < 100) i++;
      input_arrivals(b, gid[first] >= 700, receptor, first, i + 1 - first, &a);
      for (uint32_t j = 0; first + j <= i; j++) {
        const float single = (float)network + (float)a.weight * a.counts[j] +
                             (m->double_precision ? 0 : ((const float *)a.added)[j]);
        sum[gid[first + j]] = m->double_precision
                                  ? network + a.weight * a.counts[j] + ((const double *)a.added)[j]
                                  : (double)single;
      }
    }
    input_block_free(b);
  }
}

static void arrivals_are_rounded_alike_in_every_block(void **state) {
  (void)state;
  int one[ALL] = {0}, some[ALL];
  for (int g = 0; g < ALL; g++) some[g] = g < 150 ? 0 : g < 180 ? 1 : g * 7919 % 11 % 3 + 2;
  for (int kind = 0; kind < 4; kind++) { /* counts in bytes, and in more */
    model *m = parse(rounded, kind % 2 ? "double" : "single", kind / 2 ? "9e6" : "20000");
    static double a[ALL], b[ALL], all[ALL];
    for (int64_t step = 1; step < 40; step++)
      for (int receptor = 0; receptor < 2; receptor++) {
        total_arrivals(m, 1, one, step, receptor, 0.2, a);
        total_arrivals(m, 5, some, step, receptor, 0.2, b);
        assert_memory_equal(a, b, sizeof a);
        total_input(m, 1, one, step, step, receptor, all);
        for (int g = 0; g < ALL; g++)
          assert_true(fabs(a[g] - 0.2 - all[g]) < 1e-5 * (1 + fabs(all[g])));
      }
    model_free(m);
  }
}

static void currents_flow_in_their_windows(void **state) {
  (void)state;
  for (int twice = 0; twice < 2; twice++)
    for (int64_t first = 0; first < 20; first += 7) {
      model *m = parse(driven, twice ? "double" : "single");
      uint32_t gid[ALL];
      for (uint32_t g = 0; g < ALL; g++) gid[g] = g;
      input_block *b = input_block_create(m, ALL, gid, 0, NULL);
      for (int64_t step = first; step < 40; step++) {
        input_begin_step(b, step, step);
        const void *current = input_current(b, 0);
        for (uint32_t g = 0; g < ALL; g++) {
          const double flows =
              twice ? ((const double *)current)[g] : (double)((const float *)current)[g];
          const double first_input = (g < 10 || g == 20) && step > 5 && step <= 17 ? 7 : 0;
          assert_true(flows == first_input + (g < 700 && step > 12 ? 2 : 0));
        }
      }
      input_block_free(b);
      model_free(m);
    }
}

/* ---- given spikes --------------------------------------------------------------------------- */

static void write_array(hid_t group, const char *name, hid_t type, hsize_t count, const void *data,
                        const char *units) {
  const hid_t space = H5Screate_simple(1, &count, NULL);
  const hid_t set = H5Dcreate2(group, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
  if (units) {
    const hid_t text = H5Tcopy(H5T_C_S1), one = H5Screate(H5S_SCALAR);
    H5Tset_size(text, strlen(units) + 1);
    const hid_t attribute = H5Acreate2(set, "units", text, one, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, text, units);
    H5Aclose(attribute);
    H5Sclose(one);
    H5Tclose(text);
  }
  H5Dclose(set);
  H5Sclose(space);
}

static const char spikes_file[] = "test_input_spikes.h5";

/* A spike file; population NULL: the older layout. */
static void write_spikes(const char *population, const char *units, hsize_t times,
                         const double *time, hsize_t nodes, const int64_t *node) {
  const hid_t file = H5Fcreate(spikes_file, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t spikes = H5Gcreate2(file, "spikes", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t group = population
                          ? H5Gcreate2(spikes, population, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)
                          : H5Gopen2(file, "/spikes", H5P_DEFAULT);
  write_array(group, "timestamps", H5T_NATIVE_DOUBLE, times, time, units);
  write_array(group, population ? "node_ids" : "gids", H5T_NATIVE_INT64, nodes, node, NULL);
  H5Gclose(group);
  H5Gclose(spikes);
  H5Fclose(file);
}

static model *fed_by_file(const char *more) {
  return parse(TWO_POPULATIONS "inputs: [{type: spike_trains, target: B, weight: 5, file: %s%s}]\n",
               "single", spikes_file, more);
}

static void expect_events(const model *m, size_t count, const input_event *expected) {
  uint32_t owned[ALL];
  for (uint32_t g = 0; g < ALL; g++) owned[g] = g;
  size_t events;
  input_event *event;
  if (input_read_events(MPI_COMM_WORLD, m, ALL, owned, &events, &event) != OK)
    fail_msg("%s", check_message());
  assert_int_equal(events, count);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(event[i].step, expected[i].step);
    assert_int_equal(event[i].gid, expected[i].gid);
    assert_int_equal(event[i].input, expected[i].input);
  }
  free(event);
}

static void a_file_gives_its_spikes_in_order_of_step_and_neuron(void **state) {
  (void)state;
  const double time[] = {3, 0, 1.52, 1.48, 1.5, 0.1, 0.1};
  const int64_t node[] = {89, 2, 7, 5, 5, 0, 0};
  const input_event expected[] = {{0, 702, 0},  {1, 700, 0},  {1, 700, 0}, {15, 705, 0},
                                  {15, 705, 0}, {15, 707, 0}, {30, 789, 0}};
  const char *const layout[] = {"B", NULL, NULL}, *const named[] = {"", "", ", spikes: B"};
  for (int k = 0; k < 3; k++) {
    write_spikes(layout[k], "ms", 7, time, 7, node);
    model *m = fed_by_file(named[k]);
    expect_events(m, 7, expected);
    model_free(m);
  }
  double seconds[7];
  for (int i = 0; i < 7; i++) seconds[i] = time[i] / 1000;
  write_spikes("other", "s", 7, seconds, 7, node);
  model *m = fed_by_file(", spikes: other");
  expect_events(m, 7, expected);
  model_free(m);
  write_spikes("B", "ms", 0, time, 0, node);
  m = fed_by_file("");
  expect_events(m, 0, NULL);
  model_free(m);
}

static void expect_refused(const char *more, const char *reason) {
  model *m = fed_by_file(more);
  uint32_t owned[ALL];
  for (uint32_t g = 0; g < ALL; g++) owned[g] = g;
  size_t events;
  input_event *event = NULL;
  check_clear();
  const err e = input_read_events(MPI_COMM_WORLD, m, ALL, owned, &events, &event);
  if (e != ERR_USER) fail_msg("not refused: %s", reason);
  if (!strstr(check_message(), reason) || !strstr(check_message(), "input.yaml:") ||
      !strstr(check_message(), spikes_file))
    fail_msg("'%s' does not say '%s'", check_message(), reason);
  free(event);
  check_clear();
  model_free(m);
}

/* The sound file of above, but with node ids as floating-point numbers. */
static void write_fractional_nodes(void) {
  const double time[] = {1, 2, 3}, node[] = {1, 2.5, 3};
  const int64_t whole[] = {1, 2, 3};
  write_spikes("B", "ms", 3, time, 3, whole);
  const hid_t file = H5Fopen(spikes_file, H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t group = H5Gopen2(file, "/spikes/B", H5P_DEFAULT);
  H5Ldelete(group, "node_ids", H5P_DEFAULT);
  write_array(group, "node_ids", H5T_NATIVE_DOUBLE, 3, node, NULL);
  H5Gclose(group);
  H5Fclose(file);
}

/* The sound file of above, but with `count` numbers as units. */
static void write_numbers_as_units(hsize_t count) {
  const double time[] = {1, 2, 3};
  const int64_t node[] = {1, 2, 3}, number[64] = {0};
  write_spikes("B", NULL, 3, time, 3, node);
  const hid_t file = H5Fopen(spikes_file, H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t set = H5Dopen2(file, "/spikes/B/timestamps", H5P_DEFAULT);
  const hid_t space = H5Screate_simple(1, &count, NULL);
  const hid_t units = H5Acreate2(set, "units", H5T_NATIVE_INT64, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(units, H5T_NATIVE_INT64, number);
  H5Aclose(units);
  H5Sclose(space);
  H5Dclose(set);
  H5Fclose(file);
}

static void unsound_spike_files_are_refused_with_a_reason(void **state) {
  (void)state;
  const double time[] = {1, 2, 3}, negative[] = {1, -0.1, 3}, endless[] = {1, INFINITY, 3};
  const double none[] = {NAN, 2, 3};
  const int64_t node[] = {1, 2, 3}, beyond[] = {1, 90, 3}, below[] = {1, -1, 3};
  unlink(spikes_file);
  expect_refused("", "cannot be read");
  FILE *file = fopen(spikes_file, "w");
  fputs("times and ids\n", file);
  fclose(file);
  expect_refused("", "is not an HDF5 file");
  write_spikes("B", "ms", 3, time, 2, node);
  expect_refused("", "must be equal");
  write_spikes("B", "ms", 3, time, 3, node);
  expect_refused(", spikes: C", "C");
  write_spikes(NULL, "ms", 3, time, 3, node);
  expect_refused(", spikes: C", "has no spikes of a population 'C': they stand in /spikes itself");
  write_spikes("B", "ms", 3, time, 3, beyond);
  expect_refused("", "spike 1 is of node 90");
  write_spikes("B", "ms", 3, time, 3, below);
  expect_refused("", "spike 1 is of node -1");
  write_spikes("B", "ms", 3, negative, 3, node);
  expect_refused("", "spike 1 is at -0.1 ms");
  write_spikes("B", "ms", 3, endless, 3, node);
  expect_refused("", "spike 1 is at inf ms");
  write_spikes("B", "ms", 3, none, 3, node);
  expect_refused("", "spike 0 is at nan ms");
  const double late[] = {1, 2, 1e300}; /* no number of steps */
  write_spikes("B", "ms", 3, late, 3, node);
  expect_refused("", "spike 2 is at 1e+300 ms: allowed are");
  write_fractional_nodes();
  expect_refused("", "must be integers");
  write_spikes("B", "fortnights", 3, time, 3, node);
  expect_refused("", "fortnights");
  write_numbers_as_units(64);
  expect_refused("", "the attribute units of timestamps holds 64 integers: ms or s are allowed");
  unlink(spikes_file);
}

/* Inline trains: step 0, several events at once, several inputs onto one neuron, the receptors. */
static void inline_spikes_arrive_in_their_steps_with_their_weights(void **state) {
  (void)state;
  model *m = parse(TWO_POPULATIONS
                   "inputs:\n"
                   " - {type: spike_trains, target: A, nodes: [2, 4-5], weight: 3, times: [0, "
                   "0.2, 0.2, 1]}\n"
                   " - {type: spike_trains, target: A, nodes: [4], weight: 0.5, times: [0.2]}\n"
                   " - {type: spike_trains, target: B, weight: -2, times: [0.14, 1]}\n",
                   "single");
  uint32_t gid[ALL];
  for (uint32_t g = 0; g < ALL; g++) gid[g] = g;
  size_t events;
  input_event *event;
  assert_int_equal(input_read_events(MPI_COMM_WORLD, m, ALL, gid, &events, &event), OK);
  assert_int_equal(events, 3 * 4 + 1 + 2 * 90);
  for (size_t i = 1; i < events; i++) assert_true(event[i - 1].step <= event[i].step);
  input_block *b = input_block_create(m, ALL, gid, events, event);
  free(event);
  for (int64_t step = 0; step < 15; step++) {
    float to[2][ALL] = {0};
    input_begin_step(b, step, step);
    for (int r = 0; r < 2; r++) {
      input_add(b, r, 0, 5, to[r]);
      input_add(b, r, 5, 695, to[r] + 5);
      input_add(b, r, 700, 90, to[r] + 700);
    }
    for (uint32_t g = 0; g < ALL; g++) {
      const bool chosen = g == 2 || g == 4 || g == 5;
      double expected = !chosen ? 0 : step == 2 ? 6 : step == 0 || step == 10 ? 3 : 0;
      if (g == 4 && step == 2) expected += 0.5;
      assert_true(to[0][g] == expected);
      assert_true(to[1][g] == (g >= 700 && (step == 1 || step == 10) ? -2 : 0));
    }
  }
  input_block_free(b);
  model_free(m);
}

static void a_rate_that_no_count_can_hold_is_refused(void **state) {
  (void)state;
  const char text[] = "simulation: {dt: 10, duration: 100}\n"
                      "populations: {A: {size: 7, neuron: parrot}}\n"
                      "inputs: [{type: poisson, target: A, rate: 1e7, weight: 2}]\n";
  model *m;
  check_clear();
  assert_int_equal(model_parse("input.yaml", text, strlen(text), 0, NULL, &m), ERR_USER);
  assert_non_null(strstr(check_message(), "rate"));
  check_clear();
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_have_the_poisson_distribution),
      cmocka_unit_test(bins_share_out_the_probabilities),
      cmocka_unit_test(high_rates_have_the_poisson_distribution),
      cmocka_unit_test(bytes_hold_the_same_counts),
      cmocka_unit_test(a_rate_of_zero_gives_nothing),
      cmocka_unit_test(rare_events_are_not_rounded_away),
      cmocka_unit_test(neurons_steps_and_inputs_are_independent),
      cmocka_unit_test(input_depends_on_no_division_into_blocks_and_on_no_first_step),
      cmocka_unit_test(trains_are_the_same_whoever_draws_them_ahead),
      cmocka_unit_test(poisson_input_is_weight_times_count_in_its_window),
      cmocka_unit_test(arrivals_are_rounded_alike_in_every_block),
      cmocka_unit_test(currents_flow_in_their_windows),
      cmocka_unit_test(a_file_gives_its_spikes_in_order_of_step_and_neuron),
      cmocka_unit_test(unsound_spike_files_are_refused_with_a_reason),
      cmocka_unit_test(inline_spikes_arrive_in_their_steps_with_their_weights),
      cmocka_unit_test(a_rate_that_no_count_can_hold_is_refused),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed;
}
