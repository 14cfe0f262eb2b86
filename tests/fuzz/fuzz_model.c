/* Any text is either refused with one message or gives a model that is written and read back as the
 * same. The part behind a NUL byte, where there is one, is a setting "key=value". */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "does not hold: %s\n%s\n", what, check_message());
  abort();
}

static char *write_model(const model *m, size_t *length) {
  char *text = NULL;
  FILE *file = open_memstream(&text, length);
  expect(model_write(m, file) == OK, "a model can be written");
  fclose(file);
  return text;
}

static void round_trip(const model *m) {
  size_t length[2];
  char *first = write_model(m, &length[0]);
  model *again;
  expect(model_parse("again.yaml", first, length[0], 0, NULL, &again) == OK,
         "a written model can be read");
  char *second = write_model(again, &length[1]);
  expect(length[0] == length[1] && !memcmp(first, second, length[0]), "it is the same model");
  free(first);
  free(second);
  model_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  memcpy(text, data, size);
  text[size] = 0;
  const char *end = memchr(text, 0, size);
  const size_t length = end ? (size_t)(end - text) : size;
  model_setting setting = {0};
  check_clear();
  const int settings =
      end && end[1] && model_setting_split(text + length + 1, &setting) == OK ? 1 : 0;
  check_clear();
  model *m;
  const err e = model_parse("fuzz.yaml", text, length, settings, &setting, &m);
  expect(e == OK || e == ERR_USER, "a text is sound or the user's fault");
  expect((e == OK) == (m != NULL), "there is a model where there is no fault");
  expect((e == OK) == !check_message()[0], "there is a message where there is a fault");
  expect(!strchr(check_message(), '\n'), "a message is one line");
  if (m) round_trip(m);
  model_free(m);
  free(text);
  return 0;
}
