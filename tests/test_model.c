#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"
#include "network.h"

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- tools ------------------------------------------------------------------------------- */

static err parse(const char *text, int settings, const model_setting *setting, model **m) {
  check_clear();
  return model_parse("models/net.yaml", text, strlen(text), settings, setting, m);
}

static model *sound(const char *text) {
  model *m;
  if (parse(text, 0, NULL, &m) != OK) fail_msg("%s", check_message());
  return m;
}

static model *sound_set(const char *text, const char *key, const char *value) {
  const model_setting setting = {key, value};
  model *m;
  if (parse(text, 1, &setting, &m) != OK) fail_msg("%s", check_message());
  return m;
}

static void refused_set(const char *text, const char *key, const char *value, const char *message) {
  const model_setting setting = {key, value};
  model *m;
  assert_int_equal(parse(text, 1, &setting, &m), ERR_USER);
  assert_null(m);
  assert_string_equal(check_message(), message);
}

static char *written(const model *m) {
  char *text;
  size_t length;
  FILE *file = open_memstream(&text, &length);
  assert_int_equal(model_write(m, file), OK);
  fclose(file);
  return text;
}

#define TIME "simulation: {dt: 0.1, duration: 100}\n"
#define SMALL TIME "populations:\n  A: {size: 6, neuron: iaf_psc_exp}\n"
#define PAIR                                                                                       \
  TIME "populations:\n  A: {size: 6, neuron: iaf_psc_exp}\n  B: {size: 4, neuron: iaf_psc_exp}\n"

/* Every kind of key, with values that have no short binary form. */
static const char everything[] =
    "simulation: {dt: 0.1, duration: 33.3, warm_up: 0.3, seed: 9007199254740991, precision: "
    "double,\n  weight_accuracy: 0.1234567890123456789}\n"
    "neurons:\n"
    "  cell: {model: iaf_psc_exp, parameters: {tau_m: 10.1}, initial: {V_m: {uniform: {low: -70.7, "
    "high: -50}}}}\n"
    "populations:\n"
    "  E: {size: 80, neuron: cell, parameters: {E_L: -64.9}, expected_rate: 0.3,\n"
    "      overrides: [{nodes: [7, 3, 10-20], parameters: {t_ref: 0, tau_m: 1e-3}},\n"
    "                  {nodes: 0-2, parameters: {}}]}\n"
    "  F: {size: 30, neuron: shiu_lif, initial: {v: {lognormal: {mu: 0.7, sigma: 0.3, max: "
    "9.9}}}}\n"
    "  none: {size: 0, neuron: cell}\n"
    "  P: {size: 80, neuron: parrot}\n"
    "projections:\n"
    "  - {source: P, target: E, rule: one_to_one, weight: -7.7, delay: 1.55, receptor: "
    "excitatory}\n"
    "  - {source: E, target: E, rule: all_to_all, weight: 0.1, delay: {uniform: {low: 0.1, high: "
    "2}},\n     autapses: false}\n"
    "  - {source: E, target: F, rule: fixed_indegree, indegree: 7, weight: {normal: {mean: 0.3, "
    "sd: "
    "0.1}},\n     delay: {normal: {mean: 1.5, sd: 0.7}}, multapses: false, receptor: v}\n"
    "  - {source: E, target: F, rule: fixed_outdegree, outdegree: 3, weight: 1e-300, delay: "
    "{lognormal: {mu: 0.1, sigma: 0.3, min: 0.5, max: 9}}}\n"
    "  - {source: F, target: E, rule: fixed_total, total: 3e3, weight: {normal: {mean: 0.3, sd: "
    "0.1, "
    "min: 0}},\n     delay: 819.1}\n"
    "  - {source: F, target: F, rule: pairwise_bernoulli, probability: 0.3, weight: 1, delay: 1}\n"
    "  - {source: F, target: E, rule: file, file: \"edges: 'of' \\\"fly\\\".h5\", edges: a b, "
    "weight:\n     {attribute: syn_weight, scale: 0.275}, delay: {attribute: delay}}\n"
    "inputs:\n"
    "  - {type: poisson, target: E, nodes: [1, 5-9], rate: 8000.1, weight: -87.8}\n"
    "  - {type: dc, target: F, amplitude: 0.7, start: 0.1, stop: 0.7}\n"
    "  - {type: spike_trains, target: F, nodes: 3, weight: 68.75, receptor: v, times: [0, 0.1, "
    "0.1, "
    "3.3]}\n"
    "  - {type: spike_trains, target: P, weight: 1, file: /data/spikes.h5}\n"
    "  - {type: spike_trains, target: P, weight: 1, times: []}\n"
    "record:\n"
    "  spikes: [{population: F, nodes: [2, 4]}, {population: P}]\n"
    "  traces: [{population: F, nodes: 0-3, variables: [g, v], interval: 0.3},\n"
    "           {population: E, variables: [V_m], interval: 0.1}]\n"
    "checkpoint: {every_ms: 0.7, every_wall_minutes: 0.1, keep: 7}\n";

/* ---- what a model means ------------------------------------------------------------------- */

static void defaults_stand_where_keys_are_left_out(void **state) {
  (void)state;
  model *m = sound("simulation: {duration: 5}\npopulations: {A: {size: 3, neuron: iaf_psc_exp}}\n");
  const neuron_model *neuron = neuron_find("iaf_psc_exp");
  assert_float_equal(m->dt, 0.1, 0);
  assert_float_equal(m->warm_up, 0, 0);
  assert_int_equal(m->seed, 1);
  assert_false(m->double_precision);
  assert_int_equal(m->checkpoint_keep, 2);
  assert_float_equal(m->checkpoint_every_ms, 0, 0);
  assert_int_equal(m->projections + m->inputs + m->trace_records, 0);
  assert_int_equal(m->spike_records, 1);
  assert_true(m->spike_record[0].nodes.all);
  for (int i = 0; i < neuron->parameters; i++)
    assert_float_equal(m->population[0].variant[0].parameter[i], neuron->parameter[i].value, 0);
  for (int i = 0; i < neuron->states; i++)
    assert_float_equal(m->population[0].initial[i].a, neuron->state[i].value, 0);
  model_free(m);
}

static void gids_follow_the_order_of_populations(void **state) {
  (void)state;
  model *m = sound(TIME "populations:\n"
                        "  none: {size: 0, neuron: parrot}\n"
                        "  Z: {size: 3, neuron: parrot}\n"
                        "  empty: {size: 0, neuron: parrot}\n"
                        "  A: {size: 2, neuron: iaf_psc_exp}\n"
                        "  last: {size: 0, neuron: parrot}\n");
  assert_int_equal(m->neurons, 5);
  uint32_t gid = 0;
  for (int p = 0; p < m->populations; p++) {
    assert_int_equal(m->population[p].first_gid, gid);
    for (uint32_t i = 0; i < m->population[p].size; i++, gid++)
      assert_int_equal(model_population_of(m, gid), p);
  }
  assert_int_equal(gid, m->neurons);
  model_free(m);
}

static void population_overlays_its_set_and_overrides_the_population(void **state) {
  (void)state;
  model *m = sound(TIME "neurons:\n"
                        "  cell: {model: iaf_psc_exp, parameters: {tau_m: 11, t_ref: 3}}\n"
                        "populations:\n"
                        "  A: {size: 30, neuron: cell, parameters: {tau_m: 12},\n"
                        "      overrides: [{nodes: [29, 3], parameters: {t_ref: 4}},\n"
                        "                  {nodes: 10-12, parameters: {t_ref: 5}}]}\n");
  const model_population *p = &m->population[0];
  const int tau_m = neuron_field_find(p->neuron->parameter, p->neuron->parameters, "tau_m");
  const int t_ref = neuron_field_find(p->neuron->parameter, p->neuron->parameters, "t_ref");
  assert_string_equal(p->neuron_set, "cell");
  assert_int_equal(p->variants, 3);
  for (uint32_t node = 0; node < p->size; node++) {
    const int variant = model_variant_of(p, node);
    assert_int_equal(variant, node == 3 || node == 29 ? 1 : node >= 10 && node <= 12 ? 2 : 0);
    assert_float_equal(p->variant[variant].parameter[tau_m], 12, 0);
    assert_float_equal(p->variant[variant].parameter[t_ref], 3 + variant, 0);
  }
  model_free(m);
}

static void lists_of_neurons_are_sorted_and_joined(void **state) {
  (void)state;
  model *m = sound_set(SMALL, "record.spikes", "[{population: A, nodes: [5, 0-1, 2]}]");
  const model_nodes *nodes = &m->spike_record[0].nodes;
  assert_int_equal(nodes->count, 2);
  assert_int_equal(model_nodes_count(nodes, 6), 4);
  for (uint32_t node = 0; node < 6; node++)
    assert_int_equal(model_nodes_has(nodes, node), node <= 2 || node == 5);
  model_free(m);
  m = sound_set(SMALL, "record.spikes", "[{population: A, nodes: []}]");
  assert_int_equal(model_nodes_count(&m->spike_record[0].nodes, 6), 0);
  assert_false(model_nodes_has(&m->spike_record[0].nodes, 0));
  model_free(m);
}

static void nothing_is_recorded_where_none_is_asked(void **state) {
  (void)state;
  model *m = sound_set(SMALL, "record.spikes", "none");
  assert_int_equal(m->spike_records, 0);
  model_free(m);
}

static void receptor_of_an_input_goes_by_the_sign(void **state) {
  (void)state;
  model *m =
      sound(SMALL "inputs:\n"
                  "  - {type: poisson, target: A, rate: 1, weight: 2}\n"
                  "  - {type: poisson, target: A, rate: 1, weight: -2}\n"
                  "  - {type: poisson, target: A, rate: 1, weight: -2, receptor: excitatory}\n");
  const neuron_model *neuron = m->population[0].neuron;
  assert_int_equal(m->input[0].receptor, neuron->receptor_positive);
  assert_int_equal(m->input[1].receptor, neuron->receptor_negative);
  assert_string_equal(neuron->receptor[m->input[2].receptor], "excitatory");
  assert_true(isinf(m->input[0].stop));
  model_free(m);
}

static void relative_paths_start_at_the_models_folder(void **state) {
  (void)state;
  const char *text = PAIR "projections: [{source: A, target: B, rule: file, file: ../e.h5, edges: "
                          "x, weight: 1, delay: 1}]\n";
  model *m = sound(text);
  assert_string_equal(m->projection[0].file, "models/../e.h5");
  model_free(m);
  m = sound_set(text, "projections.0.file", "/data/e.h5");
  assert_string_equal(m->projection[0].file, "/data/e.h5");
  model_free(m);
}

static void distribution_without_spread_is_a_constant(void **state) {
  (void)state;
  const char *key = "populations.A.initial.V_m";
  model *m = sound_set(SMALL, key, "{normal: {mean: -60, sd: 0, min: -70}}");
  assert_int_equal(m->population[0].initial[0].kind, DISTRIBUTION_CONSTANT);
  assert_float_equal(m->population[0].initial[0].a, -60, 0);
  model_free(m);
  m = sound_set(SMALL, key, "{lognormal: {mu: 2, sigma: 0}}");
  assert_int_equal(m->population[0].initial[0].kind, DISTRIBUTION_CONSTANT);
  assert_float_equal(m->population[0].initial[0].a, exp(2), 1e-12);
  model_free(m);
  m = sound_set(SMALL, key, "{uniform: {low: -3, high: -3}}");
  assert_int_equal(m->population[0].initial[0].kind, DISTRIBUTION_CONSTANT);
  model_free(m);
}

static void model_and_network_agree_on_the_longest_delay(void **state) {
  (void)state;
  assert_int_equal(MODEL_DELAY_STEPS_MAX, NETWORK_DELAY_MAX);
}

static void times_are_whole_steps(void **state) {
  (void)state;
  model *m = sound("simulation: {dt: 0.1, duration: 1e9, warm_up: 0.3}\n"
                   "populations: {A: {size: 1, neuron: parrot}}\n");
  assert_int_equal(model_steps(m, m->duration), 10000000000);
  assert_int_equal(model_steps(m, m->warm_up), 3);
  model_free(m);
}

/* ---- in-degrees --------------------------------------------------------------------------- */

static double indegree(const char *projection) {
  char text[1024];
  snprintf(text, sizeof text, PAIR "projections: [{weight: 1, delay: 1, target: B, %s}]\n",
           projection);
  model *m = sound(text);
  const double mean = model_projection_indegree(m, 0);
  model_free(m);
  return mean;
}

/* 6 neurons in A, 4 in B. */
static void expected_indegree_is_that_of_the_rule(void **state) {
  (void)state;
  assert_float_equal(indegree("source: B, rule: one_to_one"), 1, 0);
  assert_float_equal(indegree("source: B, rule: one_to_one, autapses: false"), 0, 0);
  assert_float_equal(indegree("source: A, rule: all_to_all"), 6, 0);
  assert_float_equal(indegree("source: B, rule: all_to_all, autapses: false"), 3, 0);
  assert_float_equal(indegree("source: A, rule: all_to_all, autapses: false"), 6, 0);
  assert_float_equal(indegree("source: A, rule: fixed_indegree, indegree: 9"), 9, 0);
  assert_float_equal(indegree("source: A, rule: fixed_outdegree, outdegree: 2"), 3, 0);
  assert_float_equal(indegree("source: A, rule: fixed_total, total: 10"), 2.5, 0);
  assert_float_equal(indegree("source: A, rule: pairwise_bernoulli, probability: 0.5"), 3, 0);
  assert_float_equal(
      indegree("source: B, rule: pairwise_bernoulli, probability: 0.5, autapses: false"), 1.5, 0);
}

/* ---- YAML --------------------------------------------------------------------------------- */

static void aliases_and_merge_keys_are_copies(void **state) {
  (void)state;
  const char *text = TIME "populations:\n"
                          "  A: &a {size: 6, neuron: iaf_psc_exp, parameters: &p {tau_m: 7}}\n"
                          "  B: *a\n"
                          "  C: {<<: *a, size: 8}\n"
                          "  D: {size: 2, neuron: iaf_psc_exp, parameters: {<<: [*p, {t_ref: 4}], "
                          "V_th: -40}}\n";
  model *m = sound_set(text, "populations.A.parameters.tau_m", "5");
  const neuron_model *neuron = m->population[0].neuron;
  const int tau_m = neuron_field_find(neuron->parameter, neuron->parameters, "tau_m");
  const int t_ref = neuron_field_find(neuron->parameter, neuron->parameters, "t_ref");
  const uint32_t sizes[] = {6, 6, 8, 2};
  for (int p = 0; p < 4; p++) {
    assert_int_equal(m->population[p].size, sizes[p]);
    assert_float_equal(m->population[p].variant[0].parameter[tau_m], p == 0 ? 5 : 7, 0);
  }
  assert_float_equal(m->population[3].variant[0].parameter[t_ref], 4, 0);
  model_free(m);
}

static void refused(const char *text, const char *message) {
  model *m;
  assert_int_equal(parse(text, 0, NULL, &m), ERR_USER);
  assert_null(m);
  assert_string_equal(check_message(), message);
}

static void text_that_is_no_model_is_refused(void **state) {
  (void)state;
  refused("", "models/net.yaml: empty: must be YAML");
  refused("# nothing\n", "models/net.yaml: empty: must be YAML");
  refused("- a\n", "models/net.yaml:1: a model must be a mapping with the keys simulation, "
                   "populations, ...");
  refused("{}", "models/net.yaml:1: simulation: missing key: time, precision, seed");
}

static void too_many_projections_are_refused(void **state) {
  (void)state;
  char *text;
  size_t length;
  FILE *file = open_memstream(&text, &length);
  fputs(SMALL "projections:\n", file);
  for (int i = 0; i <= MODEL_PROJECTIONS_MAX; i++)
    fputs("- {source: A, target: A, rule: all_to_all, weight: 1, delay: 1}\n", file);
  fclose(file);
  refused(text, "models/net.yaml:4: projections: 4097 items are too many: must be at most 4096");
  free(text);
}

static void unreadable_file_is_named(void **state) {
  (void)state;
  char *text;
  size_t length;
  check_clear();
  assert_int_equal(model_read_file("no/such/model.yaml", &text, &length), ERR_USER);
  assert_string_equal(check_message(),
                      "no/such/model.yaml: cannot be read: No such file or directory");
  check_clear();
  assert_int_equal(model_read_file("/", &text, &length), ERR_USER);
  assert_null(text);
}

/* ---- settings ----------------------------------------------------------------------------- */

static void settings_are_laid_over_the_file(void **state) {
  (void)state;
  const model_setting settings[] = {
      {"simulation.seed", "5"},    {"populations.A.size", "7"},
      {"populations.A.size", "8"}, {"inputs", "[{type: dc, target: A, amplitude: 1}]"},
      {"inputs.0.amplitude", "3"}, {"checkpoint.keep", "4"}};
  model *m;
  assert_int_equal(parse(SMALL, 6, settings, &m), OK);
  assert_int_equal(m->seed, 5);
  assert_int_equal(m->population[0].size, 8);
  assert_float_equal(m->input[0].amplitude, 3, 0);
  assert_int_equal(m->checkpoint_keep, 4);
  model_free(m);
}

static void settings_that_cannot_be_are_refused(void **state) {
  (void)state;
  refused_set(SMALL, "simulation.sede", "5",
              "models/net.yaml: --set simulation.sede: unknown key; did you mean 'seed'; must be "
              "one of dt, duration, warm_up, seed, precision, weight_accuracy");
  refused_set(SMALL, "populations.B.size", "5",
              "models/net.yaml: --set populations.B.neuron: missing key: what kind of neurons");
  refused_set(
      SMALL, "populations.A.size", "",
      "models/net.yaml: --set populations.A.size: an empty value is of the wrong type: must be an "
      "integer from 0 to 4294967295");
  refused_set(SMALL, "populations.A.neuron.tau_m", "5",
              "models/net.yaml:3: populations.A.neuron: iaf_psc_exp has no keys, so --set cannot "
              "reach 'tau_m' in it");
  refused_set(SMALL "inputs: []\n", "inputs.0.rate", "5",
              "models/net.yaml:4: inputs: is empty, so --set cannot reach item '0' of it");
  refused_set(
      SMALL "inputs: [{type: dc, target: A, amplitude: 1}]\n", "inputs.1.rate", "5",
      "models/net.yaml:4: inputs: '1' is no item of this list: --set takes a number below 1");
  refused_set(SMALL, "populations.A", "{size: 1, size: 2}",
              "models/net.yaml: --set populations.A.size: the key stands here a second time");
  refused_set(SMALL, "simulation..seed", "5",
              "--set simulation..seed: a key must be names with dots between them");
  refused_set(SMALL, "simulation.seed", "[5",
              "--set simulation.seed: not YAML: did not find expected ',' or ']' while parsing a "
              "flow sequence");
}

static void settings_are_split_at_the_first_equals_sign(void **state) {
  (void)state;
  char text[] = "a.b=c=d", empty[] = "a=", none[] = "a", no_key[] = "=a";
  model_setting setting;
  assert_int_equal(model_setting_split(text, &setting), OK);
  assert_string_equal(setting.key, "a.b");
  assert_string_equal(setting.value, "c=d");
  assert_int_equal(model_setting_split(empty, &setting), OK);
  assert_string_equal(setting.value, "");
  check_clear();
  assert_int_equal(model_setting_split(none, &setting), ERR_USER);
  assert_string_equal(check_message(), "--set a: must be KEY=VALUE");
  assert_int_equal(model_setting_split(no_key, &setting), ERR_USER);
}

/* ---- writing ------------------------------------------------------------------------------ */

/* Value by value: between the kind and the rest lie bytes that mean nothing. */
static void assert_same_distribution(const model_distribution *a, const model_distribution *b) {
  assert_int_equal(a->kind, b->kind);
  assert_memory_equal(&a->a, &b->a,
                      offsetof(model_distribution, attribute) - offsetof(model_distribution, a));
}

static void written_model_is_read_back_the_same(void **state) {
  (void)state;
  model *m = sound(everything);
  char *first = written(m);
  model *again = sound(first);
  char *second = written(again);
  assert_string_equal(first, second);
  assert_int_equal(again->seed, m->seed);
  assert_memory_equal(&again->weight_accuracy, &m->weight_accuracy, sizeof m->weight_accuracy);
  assert_int_equal(again->populations, m->populations);
  for (int p = 0; p < m->populations; p++) {
    const model_population *a = &m->population[p], *b = &again->population[p];
    assert_string_equal(a->name, b->name);
    assert_ptr_equal(a->neuron, b->neuron);
    assert_int_equal(a->variants, b->variants);
    for (int v = 0; v < a->variants; v++)
      assert_memory_equal(a->variant[v].parameter, b->variant[v].parameter,
                          sizeof a->variant[v].parameter);
    for (int i = 0; i < a->neuron->states; i++)
      assert_same_distribution(&a->initial[i], &b->initial[i]);
  }
  for (int i = 0; i < m->projections; i++) {
    const model_projection *a = &m->projection[i], *b = &again->projection[i];
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->receptor, b->receptor);
    assert_same_distribution(&a->weight, &b->weight);
    assert_same_distribution(&a->delay, &b->delay);
  }
  assert_int_equal(again->input[2].times, 4);
  assert_memory_equal(again->input[2].time, m->input[2].time, 4 * sizeof(double));
  model_free(again);
  model_free(m);
  free(first);
  free(second);
}

static void full_disk_is_reported_by_the_writer(void **state) {
  (void)state;
  FILE *full = fopen("/dev/full", "w");
  if (!full) {
    print_message("skipped: there is no /dev/full here\n");
    skip();
  }
  model *m = sound(everything);
  check_clear();
  assert_int_equal(model_write(m, full), ERR_ENVIRONMENT);
  assert_string_equal(check_message(),
                      "the effective model cannot be written: No space left on device");
  model_free(m);
  fclose(full);
}

/* ---- reference page ------------------------------------------------------------------------ */

static char *reference(void) {
  static char *text; /* static: open_memstream keeps its address */
  static size_t length;
  FILE *file = open_memstream(&text, &length);
  model_write_reference(file);
  fclose(file);
  return text;
}

static void reference_page_is_what_the_tables_print(void **state) {
  (void)state;
  char path[4096], *page, *printed = reference();
  size_t length;
  const char *source = getenv("SHINKEI_SOURCE");
  if (!source) fail_msg("SHINKEI_SOURCE must name the source directory");
  snprintf(path, sizeof path, "%s/docs/model.md", source);
  check_clear();
  if (model_read_file(path, &page, &length) != OK) fail_msg("%s", check_message());
  if (length != strlen(printed) || memcmp(page, printed, length) != 0)
    fail_msg("docs/model.md is old: shinkei validate --reference > docs/model.md");
  free(page);
  free(printed);
}

static void example_of_the_reference_page_is_sound(void **state) {
  (void)state;
  char *page = reference();
  char *start = strstr(page, "```yaml\n"), *end = start ? strstr(start, "\n```\n") : NULL;
  assert_non_null(end);
  *end = 0;
  model *m = sound(start + strlen("```yaml\n"));
  assert_int_equal(m->neurons, 1000);
  model_free(m);
  free(page);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults_stand_where_keys_are_left_out),
      cmocka_unit_test(gids_follow_the_order_of_populations),
      cmocka_unit_test(population_overlays_its_set_and_overrides_the_population),
      cmocka_unit_test(lists_of_neurons_are_sorted_and_joined),
      cmocka_unit_test(nothing_is_recorded_where_none_is_asked),
      cmocka_unit_test(receptor_of_an_input_goes_by_the_sign),
      cmocka_unit_test(relative_paths_start_at_the_models_folder),
      cmocka_unit_test(distribution_without_spread_is_a_constant),
      cmocka_unit_test(model_and_network_agree_on_the_longest_delay),
      cmocka_unit_test(times_are_whole_steps),
      cmocka_unit_test(expected_indegree_is_that_of_the_rule),
      cmocka_unit_test(aliases_and_merge_keys_are_copies),
      cmocka_unit_test(text_that_is_no_model_is_refused),
      cmocka_unit_test(too_many_projections_are_refused),
      cmocka_unit_test(unreadable_file_is_named),
      cmocka_unit_test(settings_are_laid_over_the_file),
      cmocka_unit_test(settings_that_cannot_be_are_refused),
      cmocka_unit_test(settings_are_split_at_the_first_equals_sign),
      cmocka_unit_test(written_model_is_read_back_the_same),
      cmocka_unit_test(full_disk_is_reported_by_the_writer),
      cmocka_unit_test(reference_page_is_what_the_tables_print),
      cmocka_unit_test(example_of_the_reference_page_is_sound),
  };
  return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
