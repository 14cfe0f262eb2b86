/* summary.json: every field of the table, in JSON that others read; whole or not at all. */
#include "summary.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "summary_XXXXXX";

static const char *in_folder(const char *name) {
  static char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static summary example(void) {
  summary s = {.version = "1.2.3",
               .neurons = 1000,
               .spikes = 8000,
               .seed = UINT64_MAX,
               .synaptic_events = 600000,
               .biological_ms = 2500,
               .warm_up_ms = 500,
               .simulate_s = 5,
               .bandwidth = NAN,
               .peak_rss_max = 7,
               .peak_rss_sum = 9,
               .partition_method = "metis",
               .volume = 12.5};
  summary_derive(&s);
  return s;
}

static json_t *written(const summary *s) {
  assert_int_equal(summary_write(in_folder("summary.json"), s), OK);
  json_t *root = json_load_file(in_folder("summary.json"), 0, NULL);
  assert_non_null(root);
  return root;
}

static void what_follows_from_other_fields_is_filled_in(void **state) {
  (void)state;
  const summary s = example();
  assert_float_equal(s.rtf, 2, 0);
  assert_float_equal(s.rate_hz, 4, 0);
  assert_float_equal(s.events_per_s, 120000, 0);
}

static void values_come_back_as_they_were(void **state) {
  (void)state;
  const summary s = example();
  json_t *root = written(&s);
  assert_string_equal(json_string_value(json_object_get(root, "version")), "1.2.3");
  assert_int_equal(json_integer_value(json_object_get(root, "spikes")), 8000);
  assert_float_equal(json_real_value(json_object_get(root, "rtf")), 2, 0);
  json_t *peak = json_object_get(root, "peak_rss_bytes");
  assert_int_equal(json_integer_value(json_object_get(peak, "max")), 7);
  assert_int_equal(json_integer_value(json_object_get(peak, "sum")), 9);
  json_t *partition = json_object_get(root, "partition");
  assert_float_equal(json_real_value(json_object_get(partition, "volume")), 12.5, 0);
  json_decref(root);
}

static void what_json_cannot_hold_is_null_or_text(void **state) {
  (void)state;
  const summary s = example();
  json_t *root = written(&s);
  assert_true(json_is_null(json_object_get(root, "memory_bandwidth")));
  assert_true(json_is_null(json_object_get(root, "model_hash")));
  assert_string_equal(json_string_value(json_object_get(root, "seed")), "18446744073709551615");
  json_decref(root);
}

static void a_file_that_cannot_be_written_is_an_error_and_leaves_nothing(void **state) {
  (void)state;
  const summary s = example();
  assert_int_equal(summary_write(in_folder("no/summary.json"), &s), ERR_ENVIRONMENT);
  assert_non_null(strstr(check_message(), "no/summary.json: cannot be written"));
  check_clear();
  if (access("/dev/full", W_OK)) skip();
  assert_int_equal(symlink("/dev/full", in_folder("full.json.part")), 0);
  assert_int_equal(summary_write(in_folder("full.json"), &s), ERR_ENVIRONMENT);
  check_clear();
  assert_int_not_equal(access(in_folder("full.json"), F_OK), 0);
  assert_int_not_equal(access(in_folder("full.json.part"), F_OK), 0);
}

static void a_digest_is_its_32_hexadecimal_digits(void **state) {
  (void)state;
  char text[33];
  assert_string_equal(summary_digest((uint64_t[]){0xab, 1}, text),
                      "00000000000000ab0000000000000001");
}

static char *described(err expected, const char *name) {
  char *text;
  size_t size;
  FILE *to = open_memstream(&text, &size);
  assert_int_equal(summary_describe(in_folder(name), to), expected);
  fclose(to);
  return text;
}

static void put(const char *name, const char *text) {
  FILE *file = fopen(in_folder(name), "w");
  fputs(text, file);
  fclose(file);
}

static void a_summary_is_told_in_words_and_other_json_is_refused(void **state) {
  (void)state;
  const summary s = example();
  json_decref(written(&s));
  char *text = described(OK, "summary.json");
  assert_non_null(strstr(text, "8000"));
  assert_non_null(strstr(text, "(spikes of all neurons after the warm-up)"));
  free(text);
  put("other.json", "{\"a\": 1}");
  free(described(ERR_USER, "other.json"));
  assert_non_null(strstr(check_message(), "not the summary of a run"));
  check_clear();
  put("broken.json", "{\"program\": \"shinkei\",\n \"rtf\": ");
  free(described(ERR_USER, "broken.json"));
  assert_non_null(strstr(check_message(), "broken.json:2: no JSON"));
  check_clear();
}

static void the_page_of_files_holds_the_table(void **state) {
  (void)state;
  const char *source = getenv("SHINKEI_SOURCE");
  assert_non_null(source);
  char path[4096], *reference, *page = NULL;
  size_t size, capacity = 0;
  snprintf(path, sizeof path, "%s/docs/files.md", source);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  assert_true(getdelim(&page, &capacity, 0, file) > 0);
  fclose(file);
  file = open_memstream(&reference, &size);
  summary_write_reference(file);
  fclose(file);
  if (!strstr(page, reference)) fail_msg("docs/files.md does not hold this table:\n%s", reference);
  free(reference);
  free(page);
}

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  char command[64];
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_follows_from_other_fields_is_filled_in),
      cmocka_unit_test(values_come_back_as_they_were),
      cmocka_unit_test(what_json_cannot_hold_is_null_or_text),
      cmocka_unit_test(a_file_that_cannot_be_written_is_an_error_and_leaves_nothing),
      cmocka_unit_test(a_digest_is_its_32_hexadecimal_digits),
      cmocka_unit_test(a_summary_is_told_in_words_and_other_json_is_refused),
      cmocka_unit_test(the_page_of_files_holds_the_table),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
