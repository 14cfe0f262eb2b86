#include "phi_measure.h"

#include <stdlib.h>
#include <strings.h>

static const struct {
  const char *name, *title;
} table[PHI_MEASURES] = {
    [PHI_MI1] = {"MI1", "multi-information of one time slice"},
    [PHI_MI] = {"MI", "multi-information of two time slices"},
    [PHI_SI] = {"SI", "stochastic interaction"},
    [PHI_STAR] = {"star", "integrated information by mismatched decoding"},
    [PHI_G] = {"G", "geometric integrated information"},
    [PHI_R] = {"R", "revised integrated information of the information decomposition"},
};

const char *phi_measure_name(phi_measure m) { return table[m].name; }

const char *phi_measure_title(phi_measure m) { return table[m].title; }

err phi_measure_of(const char *name, phi_measure *m) {
  for (int k = 0; k < PHI_MEASURES; k++)
    if (!strcasecmp(name, table[k].name)) {
      *m = (phi_measure)k;
      return OK;
    }
  return check_fail(ERR_USER, "measure '%s' is unknown; allowed are MI1, MI, SI, star, G, R", name);
}

err phi_measure_check_parts(phi_measure m, int n, const int *part) {
  int *size = check_allocate((size_t)n, sizeof *size), parts = 0;
  err e = OK;
  for (int i = 0; i < n && !e; i++) {
    if (part[i] < 0 || part[i] >= n)
      e = check_fail(ERR_USER, "partition: variable %d is in part %d; allowed are 0 to %d", i,
                     part[i], n - 1);
    else {
      size[part[i]]++;
      if (part[i] >= parts) parts = part[i] + 1;
    }
  }
  for (int k = 0; k < parts && !e; k++)
    if (!size[k]) e = check_fail(ERR_USER, "partition: part %d of %d is empty", k, parts);
  if (!e && parts < 2)
    e = check_fail(ERR_USER, "partition: there is %d part; at least 2 are needed", parts);
  if (!e && m == PHI_R && parts != 2)
    e = check_fail(ERR_USER, "partition: measure R is defined for 2 parts, not for %d", parts);
  free(size);
  return e;
}
