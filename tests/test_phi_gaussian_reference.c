/* Every Gaussian reference value to 1e-8: all bipartitions, the atomic partition, the minima. */
#include "phi_search.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 1e-8

static const struct {
  const char *key;
  phi_measure measure;
} keys[] = {{"MI1", PHI_MI1}, {"MI", PHI_MI}, {"SI", PHI_SI}, {"G", PHI_G}, {"star", PHI_STAR}};

static int compared, failed;

static void expect(const char *system, const char *what, double got, double wanted) {
  compared++;
  if (fabs(got - wanted) <= TOLERANCE) return;
  failed++;
  printf("%s, %s: %.12g, reference %.12g\n", system, what, got, wanted);
}

static double *matrix_of(const json_t *rows) {
  size_t n = json_array_size(rows);
  double *a = check_allocate(n * n, sizeof *a);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      a[i * n + j] = json_number_value(json_array_get(json_array_get(rows, i), j));
  return a;
}

static void compare_partition(const phi_covariances *c, const char *system, const json_t *p) {
  int part[32];
  const json_t *label = json_object_get(p, "Z");
  for (int i = 0; i < c->n; i++)
    part[i] = (int)json_integer_value(json_array_get(label, (size_t)i)) - 1;
  phi_value v;
  for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
    if (phi_gaussian_measure(c, keys[k].measure, part, &v)) {
      printf("%s\n", check_message());
      failed++;
      return;
    }
    expect(system, keys[k].key, v.value, json_number_value(json_object_get(p, keys[k].key)));
  }
  expect(system, "K", v.normalisation, json_number_value(json_object_get(p, "K_norm")));
}

static void compare_minimum(const phi_covariances *c, const char *system, phi_measure m,
                            const json_t *mip) {
  for (int normalised = 0; normalised < 2; normalised++) {
    const json_t *wanted = json_object_get(mip, normalised ? "normalised" : "unnormalised");
    phi_gaussian_context context = {c, m};
    phi_problem problem = phi_gaussian_problem(&context, normalised);
    phi_mip found;
    if (phi_search_exhaustive(&problem, &found)) failed++;
    const char *score = normalised ? "phi_over_K" : "phi";
    expect(system, "score of the minimum partition", found.score,
           json_number_value(json_object_get(wanted, score)));
    if (!found.ties)
      expect(system, "value of the minimum partition", found.value,
             json_number_value(json_object_get(wanted, "phi")));
    phi_mip_free(&found);
  }
}

static void compare_system(const json_t *s) {
  const char *name = json_string_value(json_object_get(s, "name"));
  double *a = matrix_of(json_object_get(s, "A")), *noise = matrix_of(json_object_get(s, "Sigma_e"));
  double *past = matrix_of(json_object_get(s, "Sigma_x"));
  int n = (int)json_integer_value(json_object_get(s, "n"));
  phi_covariances c;
  if (phi_covariances_autoregression(n, a, noise, &c)) {
    printf("%s: %s\n", name, check_message());
    failed++;
    return;
  }
  for (int i = 0; i < n * n; i++) expect(name, "Sigma_x", c.past[i], past[i]);
  expect(name, "H_x", phi_gaussian_entropy(&c), json_number_value(json_object_get(s, "H_x")));
  expect(name, "I_past_present", phi_gaussian_delayed_information(&c),
         json_number_value(json_object_get(s, "I_past_present")));
  compare_partition(&c, name, json_object_get(s, "atomic"));
  size_t at;
  const json_t *p;
  json_array_foreach(json_object_get(s, "bipartitions"), at, p) compare_partition(&c, name, p);
  for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
    compare_minimum(&c, name, keys[k].measure,
                    json_object_get(json_object_get(s, "mip"), keys[k].key));
  phi_covariances_free(&c);
  free(a);
  free(noise);
  free(past);
}

int main(void) {
  char path[4096];
  const char *shared = getenv("SHINKEI_SHARED"), *source = getenv("SHINKEI_SOURCE");
  if (shared)
    snprintf(path, sizeof path, "%s", shared);
  else
    snprintf(path, sizeof path, "%s/../shared", source ? source : ".");
  strncat(path, "/reference/phi/gaussian_measures.json", sizeof path - strlen(path) - 1);
  json_t *all = json_load_file(path, 0, NULL);
  if (!all) {
    printf("skipped: no reference values at %s\n", path);
    return 77;
  }
  size_t at;
  const json_t *s;
  json_array_foreach(json_object_get(all, "systems"), at, s) compare_system(s);
  json_decref(all);
  printf("%d values compared, %d off by more than %g\n", compared, failed, TOLERANCE);
  return failed || !compared;
}
