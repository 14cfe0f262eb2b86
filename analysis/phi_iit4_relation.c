#include "phi_iit4.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A unit in a state: bit u for off, bit 32 + u for on. */
static uint64_t unit_states(uint32_t purview, uint32_t state) {
  return (uint64_t)(purview & ~state) | (uint64_t)(purview & state) << 32;
}

static uint64_t union_of(const phi_iit4_relatum *relatum) {
  return unit_states(relatum->cause_purview, relatum->cause_state) |
         unit_states(relatum->effect_purview, relatum->effect_state);
}

static uint64_t intersection_of(const phi_iit4_relatum *relatum) {
  return unit_states(relatum->cause_purview, relatum->cause_state) &
         unit_states(relatum->effect_purview, relatum->effect_state);
}

static double share_of(const phi_iit4_relatum *relatum) {
  return relatum->phi / __builtin_popcountll(union_of(relatum));
}

static int compare_values(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sum over all subsets of two or more of the smallest value: of ascending values, value i is the
 * smallest of the 2^(later ones) - 1 subsets it is in with later ones only. */
static long double sum_of_minima(double *value, int count) {
  qsort(value, (size_t)count, sizeof *value, compare_values);
  long double sum = 0;
  for (int k = 0; k < count; k++) sum += value[k] * (ldexpl(1, count - 1 - k) - 1);
  return sum;
}

static void sum_relations(int count, const phi_iit4_relatum *relata,
                          phi_iit4_relations *relations) {
  double *value = check_allocate((size_t)count, sizeof *value);
  long double sum = 0;
  for (int bit = 0; bit < 64; bit++) {
    int members = 0;
    for (int k = 0; k < count; k++)
      if (union_of(&relata[k]) >> bit & 1) value[members++] = share_of(&relata[k]);
    if (members > 1) sum += sum_of_minima(value, members);
  }
  for (int k = 0; k < count; k++) {
    const int overlap = __builtin_popcountll(intersection_of(&relata[k]));
    relations->self_count += overlap > 0;
    relations->sum_phi_self += overlap * share_of(&relata[k]);
  }
  sum += relations->sum_phi_self;
  relations->sum_phi = (double)sum;
  relations->log2_sum_phi = (double)log2l(sum);
  free(value);
}

/* coefficient[c] = sum over the sets of units in states that c unions contain, of (-1)^(size-1):
 * the relations are sum_c coefficient[c] (2^c - c - 1) (inclusion and exclusion). */
static int64_t *count_overlaps(int count, const phi_iit4_relatum *relata) {
  uint64_t used = 0;
  for (int k = 0; k < count; k++) used |= union_of(&relata[k]);
  const int bits = __builtin_popcountll(used);
  const size_t sets = (size_t)1 << bits;
  int32_t *containing = check_allocate(sets, sizeof *containing);
  for (int k = 0; k < count; k++) {
    uint64_t whole = union_of(&relata[k]), rest = used;
    size_t set = 0;
    for (int bit = 0; rest; rest &= rest - 1, bit++)
      if (whole & rest & -rest) set |= (size_t)1 << bit;
    containing[set]++;
  }
  for (size_t step = 1; step < sets; step *= 2)
    for (size_t set = 0; set < sets; set++)
      if (!(set & step)) containing[set] += containing[set | step];
  int64_t *coefficient = check_allocate((size_t)count + 1, sizeof *coefficient);
  for (size_t set = 1; set < sets; set++)
    coefficient[containing[set]] += __builtin_popcountll(set) % 2 ? 1 : -1;
  free(containing);
  return coefficient;
}

/* number = 2 x number + bit, in groups of nine decimal digits. */
static void double_decimal(uint32_t *groups, int group_count, uint32_t bit) {
  for (int k = 0; k < group_count; k++) {
    const uint32_t value = 2 * groups[k] + bit;
    bit = value >= 1000000000u;
    groups[k] = bit ? value - 1000000000u : value;
  }
}

static char *print_groups(const uint32_t *groups, int group_count) {
  char *text = check_allocate((size_t)group_count * 9 + 2, 1), *next = text;
  int k = group_count - 1;
  while (k > 0 && !groups[k]) k--;
  for (bool leading = true; k >= 0; k--)
    for (uint32_t unit = 100000000; unit; unit /= 10) {
      const uint32_t digit = groups[k] / unit % 10;
      if (leading && !digit && (k || unit > 1)) continue;
      leading = false;
      *next++ = (char)('0' + digit);
    }
  return text;
}

/* sum_c coefficient[c] 2^c, which is not negative, in decimal. */
static char *decimal_sum(const int64_t *coefficient, int count) {
  const int bits = count + 64, group_count = bits * 3 / 89 + 3;
  uint8_t *bit = check_allocate((size_t)bits, 1);
  uint32_t *groups = check_allocate((size_t)group_count, sizeof *groups);
  int64_t carry = 0;
  for (int c = 0; c < bits; c++) {
    carry += c < count ? coefficient[c] : 0;
    bit[c] = carry & 1;
    carry = (carry - bit[c]) / 2;
  }
  for (int c = bits; c-- > 0;) double_decimal(groups, group_count, bit[c]);
  char *text = print_groups(groups, group_count);
  free(bit);
  free(groups);
  return text;
}

static void count_relations(int count, const phi_iit4_relatum *relata,
                            phi_iit4_relations *relations) {
  int64_t *coefficient = count_overlaps(count, relata);
  int64_t constant = relations->self_count;
  for (int c = 0; c <= count; c++) constant -= coefficient[c] * (c + 1);
  coefficient[0] += constant;
  relations->count_decimal = decimal_sum(coefficient, count + 1);
  relations->count = strtod(relations->count_decimal, NULL);
  free(coefficient);
}

void phi_iit4_relations_compute(int count, const phi_iit4_relatum *relata,
                                phi_iit4_relations *relations) {
  memset(relations, 0, sizeof *relations);
  sum_relations(count, relata, relations);
  count_relations(count, relata, relations);
}

void phi_iit4_relations_free(phi_iit4_relations *relations) {
  free(relations->count_decimal);
  memset(relations, 0, sizeof *relations);
}

typedef struct {
  int count, largest;
  const phi_iit4_relatum *relata;
  long found, limit;
  size_t capacity;
  phi_iit4_relation *list;
} relation_listing;

static void keep_relation(relation_listing *listing, uint64_t members, uint64_t overlap,
                          double share) {
  if (listing->found++ >= listing->limit) return;
  listing->list =
      check_grow(listing->list, &listing->capacity, (size_t)listing->found, sizeof *listing->list);
  listing->list[listing->found - 1] =
      (phi_iit4_relation){members, __builtin_popcountll(overlap) * share, overlap};
}

static void list_relations(relation_listing *listing, int next, int size, uint64_t members,
                           uint64_t overlap, double share) {
  if (listing->found > listing->limit) return;
  for (int k = next; k < listing->count; k++) {
    const phi_iit4_relatum *relatum = &listing->relata[k];
    const uint64_t common = overlap & union_of(relatum), with = members | (uint64_t)1 << k;
    const double smaller = fmin(share, share_of(relatum));
    if (!common) continue;
    if (!size && intersection_of(relatum))
      keep_relation(listing, with, intersection_of(relatum), smaller);
    if (size) keep_relation(listing, with, common, smaller);
    if (size + 1 < listing->largest)
      list_relations(listing, k + 1, size + 1, with, common, smaller);
  }
}

long phi_iit4_relations_list(int count, const phi_iit4_relatum *relata, int largest, long limit,
                             phi_iit4_relation **relations) {
  relation_listing listing = {count, largest, relata, 0, limit, 0, NULL};
  *relations = NULL;
  if (count > 64) return -1;
  list_relations(&listing, 0, 0, 0, ~(uint64_t)0, INFINITY);
  if (listing.found > limit) {
    free(listing.list);
    return -1;
  }
  *relations = listing.list;
  return listing.found;
}
