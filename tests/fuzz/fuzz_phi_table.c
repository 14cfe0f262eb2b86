/* Any text is either refused with one message or gives a table of probabilities, or a recording of
 * finite numbers. The first byte chooses the form and the declared order. */
#include "phi_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "does not hold: %s\n%s\n", what, check_message());
  abort();
}

static void expect_table(const phi_table *t) {
  expect(t->n >= 1 && t->n <= PHI_TABLE_NODES, "1 to 16 nodes");
  const size_t rows = (size_t)1 << t->n, columns = t->by_state ? rows : (size_t)t->n;
  for (size_t i = 0; i < rows; i++) {
    double sum = 0;
    for (size_t j = 0; j < columns; j++) {
      const double p = t->entry[i * columns + j];
      expect(p >= 0 && p <= 1, "entries are probabilities");
      sum += p;
    }
    expect(!t->by_state || fabs(sum - 1) < 1e-8, "rows of states sum to 1");
  }
  for (int i = 0; t->connectivity && i < t->n * t->n; i++)
    expect(t->connectivity[i] <= 1, "connectivity is 0 or 1");
  for (int i = 0; t->state && i < t->n; i++) expect(t->state[i] <= 1, "states are 0 or 1");
}

static void expect_fault(err e) {
  expect(e == OK || e == ERR_USER, "a text is sound or the user's fault");
  expect((e == OK) == !check_message()[0], "there is a message where there is a fault");
  check_clear();
}

static void try_series(const char *text, size_t size) {
  phi_series s;
  const err e = phi_series_parse_csv("fuzz.csv", text, size, &s);
  expect_fault(e);
  if (e) return;
  for (int64_t i = 0; i < s.samples * s.n; i++) expect(isfinite(s.value[i]), "numbers are finite");
  free(s.value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  const int form = data[0] % 3;
  const phi_order order = (phi_order)(data[0] / 3 % 3);
  char *text = malloc(size); /* no more than that, so that a read beyond the end is found */
  memcpy(text, data + 1, size - 1);
  check_clear();
  if (form == 2) {
    try_series(text, size - 1);
  } else {
    phi_table t;
    const err e = form ? phi_table_parse_csv("fuzz.csv", text, size - 1, order, &t)
                       : phi_table_parse_json("fuzz.json", text, size - 1, order, &t);
    expect_fault(e);
    if (!e) expect_table(&t);
    if (!e) phi_table_free(&t);
  }
  free(text);
  return 0;
}
