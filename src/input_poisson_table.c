#include "input_poisson.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static const uint64_t WHOLE = (uint64_t)1 << 48, BIN = ((uint64_t)1 << 48) / POISSON_BINS;

static void set_bin(poisson_table *t, int bin, uint64_t below, int lower, int upper) {
  const uint64_t most = BIN - 1; /* a bin of one count: the upper one is the same */
  const uint64_t units = below < most ? below : most;
  t->split[bin] = (uint16_t)((uint64_t)bin << 12 | units >> 32);
  t->fraction[bin] = (uint32_t)units;
  t->choice[bin] = (uint16_t)(lower | upper << 8);
}

/* Each bin takes what is left of a count with less than a bin's share and is filled up from one
 * with more. Integers, so that no rounding of the machine's decides which count goes where. */
static void fill_bins(poisson_table *t, uint64_t left[POISSON_BINS]) {
  int less[POISSON_BINS], more[POISSON_BINS], lesses = 0, mores = 0;
  for (int k = 0; k < POISSON_BINS; k++)
    if (left[k] < BIN)
      less[lesses++] = k;
    else
      more[mores++] = k;
  for (int bin = 0; bin < POISSON_BINS; bin++) {
    if (lesses == 0) { /* then the others have a bin's share each */
      const int only = more[--mores];
      assert(left[only] == BIN);
      set_bin(t, bin, BIN, only, only);
      continue;
    }
    const int lower = less[--lesses], upper = more[mores - 1];
    set_bin(t, bin, left[lower], lower, upper);
    left[upper] -= BIN - left[lower];
    if (left[upper] < BIN) less[lesses++] = more[--mores];
  }
}

static void make_bins(poisson_table *t) {
  uint64_t share[POISSON_BINS], before = 0;
  for (int k = 0; k < POISSON_BINS; k++) {
    const uint64_t up_to = k < POISSON_BINS - 1 && k < t->counts ? t->cumulative[k] : WHOLE;
    share[k] = up_to - before;
    before = up_to;
  }
  t->binned = share[POISSON_BINS - 1] >> 32 == 0;
  if (t->binned) fill_bins(t, share);
}

poisson_table poisson_table_make(double mean) {
  poisson_table t = {.mean = mean};
  /* past mean + 9 sqrt(mean) + 30 less than 2^-48 is left */
  const int limit = (int)(mean + 9 * sqrt(mean) + 30);
  t.cumulative = check_allocate((size_t)limit, sizeof *t.cumulative);
  t.threshold = check_allocate((size_t)limit, sizeof *t.threshold);
  double sum = 0;
  for (int k = 0; k < limit; k++) {
    sum += exp(k * log(mean > 0 ? mean : 1e-300) - mean - lgamma(k + 1.0));
    t.cumulative[k] = (uint64_t)(fmin(sum, 1) * 0x1p48);
    t.threshold[k] = (uint16_t)fmin((double)(t.cumulative[k] >> 32), 0xffff);
    t.counts = k + 1;
    if (t.cumulative[k] >= WHOLE - 1) break;
  }
  while (t.used < t.counts && t.threshold[t.used] < 0xffff) t.used++;
  make_bins(&t);
  return t;
}

bool poisson_is_narrow(const poisson_table *t) { return t->counts <= UINT8_MAX; }

void poisson_table_free(poisson_table *t) {
  free(t->cumulative);
  free(t->threshold);
}
