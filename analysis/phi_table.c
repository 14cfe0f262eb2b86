#include "phi_table.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

err phi_order_of(const char *name, phi_order *order) {
  if (!strcmp(name, "little-endian"))
    *order = PHI_ORDER_LITTLE;
  else if (!strcmp(name, "big-endian"))
    *order = PHI_ORDER_BIG;
  else
    return check_fail(ERR_USER,
                      "order '%.40s' is unknown; allowed are little-endian (node 0 varies fastest) "
                      "and big-endian",
                      name);
  return OK;
}

void phi_table_free(phi_table *t) {
  free(t->entry);
  free(t->connectivity);
  free(t->state);
  memset(t, 0, sizeof *t);
}

/* The number of the same state in the other order. */
static size_t reversed(int n, size_t state) {
  size_t other = 0;
  for (int j = 0; j < n; j++) other |= (state >> j & 1) << (n - 1 - j);
  return other;
}

static err check_entries(const char *name, size_t rows, size_t columns, const double *value,
                         bool sums) {
  for (size_t i = 0; i < rows; i++) {
    double sum = 0;
    for (size_t j = 0; j < columns; j++) {
      double p = value[i * columns + j];
      if (!(p >= 0 && p <= 1))
        return check_fail(ERR_USER,
                          "%s: row %zu, column %zu is %.17g; allowed are probabilities, 0 to 1",
                          name, i, j, p);
      sum += p;
    }
    if (sums && !(fabs(sum - 1) <= 1e-9))
      return check_fail(ERR_USER,
                        "%s: row %zu sums to %.12g; the probabilities of all next states "
                        "must sum to 1",
                        name, i, sum);
  }
  return OK;
}

err phi_table_make(const char *name, size_t rows, size_t columns, const double *value,
                   phi_order order, phi_table *made) {
  memset(made, 0, sizeof *made);
  if (order == PHI_ORDER_UNDECLARED)
    return check_fail(
        ERR_USER,
        "%s: the order of the states is not declared: say little-endian (node 0 varies "
        "fastest) or big-endian, in the file or by --order",
        name);
  int n = 0;
  while (n <= PHI_TABLE_NODES && (size_t)1 << n < rows) n++;
  if (rows < 2 || (size_t)1 << n != rows || n > PHI_TABLE_NODES)
    return check_fail(ERR_USER, "%s: there are %zu rows; allowed are 2^n of n nodes, n = 1 to %d",
                      name, rows, PHI_TABLE_NODES);
  if (columns != (size_t)n && columns != rows)
    return check_fail(ERR_USER,
                      "%s: %zu rows have %zu columns; allowed are %d (one a node) or %zu "
                      "(one a state)",
                      name, rows, columns, n, rows);
  *made = (phi_table){.n = n, .by_state = columns == rows};
  err e = check_entries(name, rows, columns, value, made->by_state);
  if (e) return e;
  made->entry = check_allocate(rows * columns, sizeof *made->entry);
  for (size_t i = 0; i < rows; i++) {
    size_t from = order == PHI_ORDER_BIG ? reversed(n, i) : i;
    for (size_t j = 0; j < columns; j++) {
      size_t column = made->by_state && order == PHI_ORDER_BIG ? reversed(n, j) : j;
      made->entry[i * columns + j] = value[from * columns + column];
    }
  }
  return OK;
}

/* The label of a row, node 0 first, must be the state that the order says. */
static err check_label(const char *name, size_t row, const char *label, int n, phi_order order) {
  size_t state = 0;
  if (strlen(label) != (size_t)n || strspn(label, "01") != (size_t)n)
    return check_fail(ERR_USER,
                      "%s: row %zu is labelled '%.40s'; a label is %d digits 0 or 1, node 0 "
                      "first",
                      name, row, label, n);
  for (int j = 0; j < n; j++) state |= (size_t)(label[j] == '1') << j;
  size_t wanted = order == PHI_ORDER_BIG ? reversed(n, row) : row;
  if (state != wanted)
    return check_fail(ERR_USER, "%s: row %zu is labelled '%s', which is not that row in %s order",
                      name, row, label, order == PHI_ORDER_BIG ? "big-endian" : "little-endian");
  return OK;
}

static err combine_orders(const char *name, phi_order declared, const char *text,
                          phi_order *order) {
  phi_order found = PHI_ORDER_UNDECLARED;
  err e = text ? phi_order_of(text, &found) : OK;
  if (!e && declared && found && declared != found)
    e = check_fail(ERR_USER, "%s declares the order %s, the command the other", name, text);
  *order = found ? found : declared;
  return e;
}

/* A rectangular JSON array of numbers; caller frees *value. */
static err json_matrix(const char *name, const char *key, const json_t *array, size_t *rows,
                       size_t *columns, double **value) {
  *value = NULL;
  *rows = json_array_size(array);
  *columns = json_array_size(json_array_get(array, 0));
  if (!*rows || !*columns || *rows * *columns > (size_t)1 << 26)
    return check_fail(ERR_USER, "%s: \"%s\" must be a list of rows of numbers", name, key);
  *value = check_allocate(*rows * *columns, sizeof **value);
  for (size_t i = 0; i < *rows; i++) {
    const json_t *row = json_array_get(array, i);
    if (json_array_size(row) != *columns)
      return check_fail(ERR_USER, "%s: \"%s\": row %zu has %zu numbers, row 0 has %zu", name, key,
                        i, json_array_size(row), *columns);
    for (size_t j = 0; j < *columns; j++) {
      const json_t *number = json_array_get(row, j);
      if (!json_is_number(number))
        return check_fail(ERR_USER, "%s: \"%s\": row %zu, column %zu is no number", name, key, i,
                          j);
      (*value)[i * *columns + j] = json_number_value(number);
    }
  }
  return OK;
}

static err take_connectivity(const char *name, size_t rows, size_t columns, const double *value,
                             phi_table *t) {
  if (rows != (size_t)t->n || columns != (size_t)t->n)
    return check_fail(ERR_USER, "%s: the connectivity is %zu x %zu; it must be %d x %d", name, rows,
                      columns, t->n, t->n);
  t->connectivity = check_allocate(rows * columns, 1);
  for (size_t i = 0; i < rows * columns; i++) {
    if (value[i] != 0 && value[i] != 1)
      return check_fail(ERR_USER,
                        "%s: connectivity, row %zu, column %zu is %g; allowed are 0 and 1", name,
                        i / columns, i % columns, value[i]);
    t->connectivity[i] = value[i] == 1;
  }
  return OK;
}

static err take_state(const char *name, const json_t *state, phi_table *t) {
  if (json_array_size(state) != (size_t)t->n)
    return check_fail(ERR_USER, "%s: \"state\" must be a list of %d numbers, node 0 first", name,
                      t->n);
  t->state = check_allocate((size_t)t->n, 1);
  for (int j = 0; j < t->n; j++) {
    const json_t *value = json_array_get(state, (size_t)j);
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > 1)
      return check_fail(ERR_USER, "%s: \"state\", node %d: allowed are 0 and 1", name, j);
    t->state[j] = (uint8_t)json_integer_value(value);
  }
  return OK;
}

static err take_labels(const char *name, const json_t *labels, phi_order order,
                       const phi_table *t) {
  if (json_array_size(labels) != (size_t)1 << t->n)
    return check_fail(ERR_USER, "%s: \"states\" must be a list of %d labels", name, 1 << t->n);
  err e = OK;
  for (size_t i = 0; i < json_array_size(labels) && !e; i++) {
    const char *label = json_string_value(json_array_get(labels, i));
    e = label ? check_label(name, i, label, t->n, order)
              : check_fail(ERR_USER, "%s: \"states\", row %zu is no text", name, i);
  }
  return e;
}

static err check_keys(const char *name, const json_t *root) {
  static const char *const allowed[] = {"tpm",    "order", "cm",    "state",
                                        "states", "name",  "nodes", "about"};
  const char *key;
  const json_t *value;
  if (!json_is_object(root))
    return check_fail(ERR_USER, "%s: the file must hold one JSON object {\"tpm\": ...}", name);
  json_object_foreach((json_t *)root, key, value) {
    bool known = false;
    for (size_t k = 0; k < sizeof allowed / sizeof *allowed; k++) known |= !strcmp(key, allowed[k]);
    if (!known)
      return check_fail(ERR_USER,
                        "%s: key \"%.60s\" is unknown; allowed are tpm, order, cm, state, "
                        "states, name, nodes, about",
                        name, key);
  }
  if (!json_object_get(root, "tpm"))
    return check_fail(ERR_USER, "%s: key \"tpm\" is missing", name);
  const json_t *order = json_object_get(root, "order");
  if (order && !json_is_string(order))
    return check_fail(ERR_USER, "%s: \"order\" must be a text", name);
  return OK;
}

static err take_json(const char *name, const json_t *root, phi_order declared, phi_table *made) {
  phi_order order;
  size_t rows, columns;
  double *value = NULL;
  const json_t *cm = json_object_get(root, "cm"), *state = json_object_get(root, "state");
  const json_t *labels = json_object_get(root, "states");
  err e = combine_orders(name, declared, json_string_value(json_object_get(root, "order")), &order);
  if (!e) e = json_matrix(name, "tpm", json_object_get(root, "tpm"), &rows, &columns, &value);
  if (!e) e = phi_table_make(name, rows, columns, value, order, made);
  free(value);
  value = NULL;
  if (!e && cm) e = json_matrix(name, "cm", cm, &rows, &columns, &value);
  if (!e && cm) e = take_connectivity(name, rows, columns, value, made);
  free(value);
  if (!e && state) e = take_state(name, state, made);
  if (!e && labels) e = take_labels(name, labels, order, made);
  return e;
}

err phi_table_parse_json(const char *name, const char *text, size_t length, phi_order declared,
                         phi_table *made) {
  memset(made, 0, sizeof *made);
  json_error_t fault;
  json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &fault);
  if (!root)
    return check_fail(ERR_USER, "%s:%d: %s; allowed is JSON, all numbers finite", name, fault.line,
                      fault.text);
  err e = check_keys(name, root);
  if (!e) e = take_json(name, root, declared, made);
  json_decref(root);
  if (e) phi_table_free(made);
  return e;
}

/* Numbers of a text, row by row. */
typedef struct {
  double *value;
  size_t capacity, count, rows, columns;
  char order[32];    /* as declared in a comment, else "" */
  bool ordered;      /* there is such a comment */
  bool labelled;     /* the first field of each row is a label */
  char (*label)[40]; /* [rows] */
  size_t labels;     /* capacity */
} sheet;

static void sheet_free(sheet *s) {
  free(s->value);
  free(s->label);
}

#define SEPARATORS ",; \t\r"

/* A comma or semicolon with nothing on one side of it. */
static bool has_empty_cell(const char *text) {
  bool empty = true;
  for (; *text; text++) {
    const bool divides = *text == ',' || *text == ';';
    if (divides && empty) return true;
    if (divides || !strchr(SEPARATORS, *text)) empty = divides;
  }
  return empty;
}

static err parse_row(const char *name, int line, char *text, sheet *s) {
  size_t columns = 0;
  char *rest = NULL;
  if (has_empty_cell(text))
    return check_fail(ERR_USER, "%s:%d: a cell is empty; every one must hold a number", name, line);
  for (char *field = strtok_r(text, SEPARATORS, &rest); field;
       field = strtok_r(NULL, SEPARATORS, &rest)) {
    if (s->labelled && !columns) {
      s->label = check_grow(s->label, &s->labels, s->rows + 1, sizeof *s->label);
      snprintf(s->label[s->rows], sizeof *s->label, "%s", field);
      columns++;
      continue;
    }
    char *end;
    double value = strtod(field, &end);
    if (*end || end == field)
      return check_fail(ERR_USER, "%s:%d: '%.40s' is no number", name, line, field);
    if (!isfinite(value))
      return check_fail(ERR_USER, "%s:%d: '%.40s'; only finite numbers are allowed", name, line,
                        field);
    s->value = check_grow(s->value, &s->capacity, s->count + 1, sizeof *s->value);
    s->value[s->count++] = value;
    columns++;
  }
  columns -= s->labelled && columns;
  if (s->rows && columns != s->columns)
    return check_fail(ERR_USER, "%s:%d: %zu numbers; the rows before have %zu", name, line, columns,
                      s->columns);
  s->columns = columns;
  s->rows++;
  return OK;
}

/* Of a table: the order of its rows stands in a comment. */
static err parse_comment(const char *name, int line, const char *text, sheet *s) {
  while (*text == '#' || *text == ' ') text++;
  if (strncmp(text, "order:", 6)) return OK;
  if (s->rows || s->ordered)
    return check_fail(ERR_USER, "%s:%d: an order %s; it is declared once, before the rows", name,
                      line, s->rows ? "behind rows" : "again");
  s->ordered = true;
  text += 6;
  while (*text == ' ') text++;
  snprintf(s->order, sizeof s->order, "%.*s", (int)strcspn(text, " \t\r"), text);
  return OK;
}

static bool has_labels(const char *header) {
  return !strncasecmp(header + strspn(header, SEPARATORS), "state", 5);
}

/* No number is in it. */
static bool is_names(const char *text) {
  text += strspn(text, SEPARATORS);
  for (; *text; text += strcspn(text, SEPARATORS), text += strspn(text, SEPARATORS)) {
    char *end;
    (void)strtod(text, &end);
    if (end > text && (!*end || strchr(SEPARATORS, *end))) return false;
  }
  return true;
}

/* A header (only as the first row) is names of columns, or begins with `state` where the rows of a
 * table have labels. A mark of the byte order, as spreadsheets write it, is no part of a text. */
static err parse_sheet(const char *name, const char *text, size_t length, bool table, sheet *s) {
  memset(s, 0, sizeof *s);
  if (memchr(text, 0, length))
    return check_fail(ERR_USER, "%s: the file is no text (a byte 0 is in it)", name);
  if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) text += 3, length -= 3; /* of UTF-8 */
  err e = OK;
  int line = 0;
  bool begun = false;
  for (const char *at = text, *end = text + length; at < end && !e;) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    size_t size = (size_t)((stop ? stop : end) - at);
    char *row = check_allocate(size + 1, 1);
    memcpy(row, at, size);
    at += size + 1;
    line++;
    if (row[0] == '#')
      e = table ? parse_comment(name, line, row, s) : OK;
    else if (row[strspn(row, SEPARATORS)]) {
      if (!begun && table && has_labels(row))
        s->labelled = true;
      else if (begun || !is_names(row))
        e = parse_row(name, line, row, s);
      begun = true;
    }
    free(row);
  }
  if (!e && !s->rows) e = check_fail(ERR_USER, "%s: there are no numbers", name);
  return e;
}

err phi_table_parse_csv(const char *name, const char *text, size_t length, phi_order declared,
                        phi_table *made) {
  memset(made, 0, sizeof *made);
  sheet s;
  phi_order order;
  err e = parse_sheet(name, text, length, true, &s);
  if (!e) e = combine_orders(name, declared, s.order[0] ? s.order : NULL, &order);
  if (!e) e = phi_table_make(name, s.rows, s.columns, s.value, order, made);
  for (size_t i = 0; s.labelled && i < s.rows && !e; i++)
    e = check_label(name, i, s.label[i], made->n, order);
  sheet_free(&s);
  if (e) phi_table_free(made);
  return e;
}

err phi_series_parse_csv(const char *name, const char *text, size_t length, phi_series *made) {
  memset(made, 0, sizeof *made);
  sheet s;
  err e = parse_sheet(name, text, length, false, &s);
  if (!e && (s.columns < 1 || s.columns > 100000))
    e = check_fail(ERR_USER, "%s: %zu columns; a recording has one column a variable, 1 to 100000",
                   name, s.columns);
  if (!e) {
    *made = (phi_series){(int64_t)s.rows, (int)s.columns, s.value};
    s.value = NULL;
  }
  sheet_free(&s);
  return e;
}

err phi_table_text(const char *path, char **text, size_t *length) {
  size_t capacity = 0;
  *text = NULL;
  *length = 0;
  FILE *file = fopen(path, "rb");
  if (!file) return check_fail(ERR_USER, "%s cannot be read: %s", path, strerror(errno));
  for (size_t got = 1; got; *length += got) {
    *text = check_grow(*text, &capacity, *length + 65537, 1);
    got = fread(*text + *length, 1, 65536, file);
  }
  err e = ferror(file) ? check_fail(ERR_ENVIRONMENT, "%s: %s", path, strerror(errno)) : OK;
  fclose(file);
  (*text)[*length] = 0;
  if (e) free(*text);
  return e;
}

err phi_table_read(const char *path, phi_order declared, phi_table *made) {
  memset(made, 0, sizeof *made);
  if (check_named_hdf5(path)) return phi_table_read_hdf5(path, declared, made);
  if (!check_named(path, ".json") && !check_named(path, ".csv"))
    return check_fail(ERR_USER, "%s: a table's name ends in .json, .csv, .h5 or .hdf5", path);
  char *text;
  size_t length;
  err e = phi_table_text(path, &text, &length);
  if (e) return e;
  e = check_named(path, ".json") ? phi_table_parse_json(path, text, length, declared, made)
                                 : phi_table_parse_csv(path, text, length, declared, made);
  free(text);
  return e;
}

err phi_series_read(const char *path, phi_series *made) {
  memset(made, 0, sizeof *made);
  if (check_named_hdf5(path)) return phi_series_read_hdf5(path, made);
  if (!check_named(path, ".csv"))
    return check_fail(ERR_USER, "%s: a recording's name ends in .csv, .h5 or .hdf5", path);
  char *text;
  size_t length;
  err e = phi_table_text(path, &text, &length);
  if (e) return e;
  e = phi_series_parse_csv(path, text, length, made);
  free(text);
  return e;
}
