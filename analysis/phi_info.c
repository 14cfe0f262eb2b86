/* Reports and tables in JSON. */
#include "phi_info.h"
#include "phi_evaluate.h"
#include "phi_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool phi_info_is_json(const char *path) {
  json_t *root = json_load_file(path, 0, NULL);
  const bool report = json_object_get(root, "measures") && json_object_get(root, "definitions");
  const bool known = report || json_object_get(root, "tpm");
  json_decref(root);
  return known;
}

static void print_list(FILE *to, const json_t *list) {
  for (size_t i = 0; i < json_array_size(list); i++)
    fprintf(to, "%s%lld", i ? " " : "", (long long)json_integer_value(json_array_get(list, i)));
}

static double number(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

static const char *text(const json_t *object, const char *key) {
  const char *value = json_string_value(json_object_get(object, key));
  return value ? value : "not told";
}

static void print_members(FILE *to, const json_t *members) {
  const json_t *one;
  size_t i;
  fprintf(to, "  elements:");
  json_array_foreach(members, i, one) {
    const char *population = json_string_value(json_object_get(one, "population"));
    if (json_object_get(one, "column"))
      fprintf(to, " column %.0f", number(one, "column"));
    else
      fprintf(to, " %s%s%.0f", population ? population : "", population && *population ? ":" : "",
              number(one, "node"));
  }
  fputc('\n', to);
}

static void print_coverage(FILE *to, const json_t *coverage) {
  fprintf(to, "  from %.0f pairs of samples", number(coverage, "pairs"));
  if (json_object_get(coverage, "states"))
    fprintf(to, "; %.0f of %.0f states were seen, %.0f of them rarely; %.0f elements never change",
            number(coverage, "states_seen"), number(coverage, "states"),
            number(coverage, "states_weak"), number(coverage, "constant_elements"));
  fputc('\n', to);
  if (json_object_get(coverage, "warning"))
    fprintf(to, "  warning: %s\n", text(coverage, "warning"));
}

/* What speaks for and against the value. */
static void print_evidence(FILE *to, const json_t *m) {
  const json_t *interval = json_object_get(m, "bootstrap_95");
  const json_t *surrogates = json_object_get(m, "surrogates");
  if (interval)
    fprintf(to, "; 95 %% interval %.6g to %.6g", number(interval, "low"), number(interval, "high"));
  if (surrogates)
    fprintf(to, "; shifted recordings %.6g +- %.3g, %.3g %% of them as high",
            number(surrogates, "mean"), number(surrogates, "deviation"),
            100 * number(surrogates, "share_at_or_above"));
}

static void print_details(FILE *to, const json_t *m) {
  const json_t *partition = json_object_get(m, "partition");
  if (json_is_integer(json_array_get(partition, 0))) {
    fprintf(to, "    minimum partition: ");
    print_list(to, partition);
    fprintf(to, " (%s; %.0f further ties)\n",
            json_is_true(json_object_get(m, "proven_minimum")) ? "proven" : "not proven",
            number(m, "ties"));
  } else if (json_array_size(partition))
    fprintf(to, "    minimum partition of %zu parts\n", json_array_size(partition));
  if (json_object_get(m, "reason")) fprintf(to, "    %s\n", text(m, "reason"));
  if (json_object_get(m, "concepts"))
    fprintf(to, "    %zu concepts\n", json_array_size(json_object_get(m, "concepts")));
  if (json_object_get(m, "distinctions"))
    fprintf(to, "    %zu distinctions, %s relations\n",
            json_array_size(json_object_get(m, "distinctions")), text(m, "relations"));
  if (json_object_get(m, "complexes"))
    fprintf(to, "    %zu complexes\n", json_array_size(json_object_get(m, "complexes")));
  if (json_object_get(m, "theory")) fprintf(to, "    theory: %s\n", text(m, "theory"));
}

static err print_measures(const char *path, FILE *to, const json_t *measures) {
  const char *name;
  json_t *m;
  json_object_foreach((json_t *)measures, name, m) {
    if (json_is_string(m)) {
      fprintf(to, "  %s: %s\n", name, json_string_value(m));
      continue;
    }
    const json_t *value = json_object_get(m, "value");
    if (!json_is_number(value) && !json_is_null(value))
      return check_fail(ERR_USER, "%s: measure %s has no value; the file is damaged", path, name);
    if (json_is_null(value))
      fprintf(to, "  %s: no value", name);
    else
      fprintf(to, "  %s = %.9g %s", name, json_number_value(value),
              json_string_value(json_object_get(m, "unit")) ? text(m, "unit") : "");
    print_evidence(to, m);
    fputc('\n', to);
    print_details(to, m);
  }
  return OK;
}

static err describe_report(const char *path, FILE *to, const json_t *root) {
  const json_t *measures = json_object_get(root, "measures");
  const json_t *members = json_object_get(root, "members");
  if (!json_is_object(measures) || !json_object_size(measures))
    return check_fail(ERR_USER, "%s: there are no measures in it; the file is damaged", path);
  fprintf(to, "%s: integrated information by shinkei phi, of %s\n", path, text(root, "source"));
  if (members) {
    print_members(to, members);
    fprintf(to, "  %s; samples of %.9g from %.9g, past %.0f before the present\n",
            text(root, "model"), number(root, "sample_width"), number(root, "begin"),
            number(root, "lag"));
    print_coverage(to, json_object_get(root, "coverage"));
  } else
    fprintf(to, "  a transition table of %.0f nodes, inputs %s\n", number(root, "nodes"),
            text(root, "input"));
  return print_measures(path, to, measures);
}

static void print_origin(FILE *to, const json_t *about) {
  if (strcmp(text(about, "kind"), "perturbation")) return;
  fprintf(
      to,
      "  by perturbing %s at %.9g ms: bin %.9g ms, delay %.9g ms, %.0f repeats, background %s\n",
      text(about, "checkpoint"), number(about, "time_ms"), number(about, "bin_ms"),
      number(about, "delay_ms"), number(about, "repeats"), text(about, "background"));
}

static void print_table(const char *path, FILE *to, const phi_table *t) {
  fprintf(to, "%s: a transition table of %d binary nodes, %s, little-endian or turned to it\n",
          path, t->n, t->by_state ? "by state" : "by node");
  if (t->state) {
    fprintf(to, "  state:");
    for (int j = 0; j < t->n; j++) fprintf(to, " %d", t->state[j]);
    fprintf(to, "\n");
  }
  fprintf(to, "  connectivity: %s\n", t->connectivity ? "given" : "not given, all to all");
}

err phi_info_describe_json(const char *path, FILE *to) {
  json_error_t error;
  json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
  if (!root) return check_fail(ERR_USER, "%s:%d: no JSON: %s", path, error.line, error.text);
  err e = OK;
  phi_table table;
  char *content;
  size_t length;
  if (!json_object_get(root, "tpm"))
    e = describe_report(path, to, root);
  else if (!(e = phi_table_text(path, &content, &length))) {
    e = phi_table_parse_json(path, content, length, PHI_ORDER_UNDECLARED, &table);
    free(content);
    if (!e) {
      print_table(path, to, &table);
      print_origin(to, json_object_get(root, "about"));
      phi_table_free(&table);
    }
  }
  json_decref(root);
  return e;
}
