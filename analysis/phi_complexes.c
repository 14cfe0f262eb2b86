/* Complexes by splitting along minimum partitions, from the whole down. */
#include "phi_search.h"

#include <stdlib.h>
#include <string.h>

/* The tree grows breadth-first; parent[k] < k. */
typedef struct {
  phi_complexes *list;
  size_t capacity, parents;
  int *parent;
} tree;

static void add(tree *t, int parent, int size, const int *member) {
  size_t count = (size_t)t->list->count + 1;
  t->list->set = check_grow(t->list->set, &t->capacity, count, sizeof *t->list->set);
  t->parent = check_grow(t->parent, &t->parents, count, sizeof *t->parent);
  phi_complex *set = &t->list->set[count - 1];
  memset(set, 0, sizeof *set);
  set->size = size;
  set->member = check_allocate((size_t)size, sizeof *set->member);
  memcpy(set->member, member, (size_t)size * sizeof *member);
  t->parent[count - 1] = parent;
  t->list->count++;
}

/* The two sides of a set's minimum partition, where they can be split further. */
static void add_sides(tree *t, int k, const int *part) {
  int size = t->list->set[k].size, *side = check_allocate((size_t)size, sizeof *side);
  for (int label = 0; label < 2; label++) {
    int count = 0;
    for (int i = 0; i < size; i++)
      if (part[i] == label) side[count++] = t->list->set[k].member[i];
    if (count >= 2) add(t, k, count, side);
  }
  free(side);
}

/* A complex exceeds all above it; a main complex also all below it. */
static void mark(tree *t) {
  phi_complex *set = t->list->set;
  int count = t->list->count;
  double *above = check_allocate((size_t)count, sizeof *above);
  double *below = check_allocate((size_t)count, sizeof *below);
  for (int k = 0; k < count; k++) {
    int up = t->parent[k];
    if (up >= 0) above[k] = above[up] > set[up].value ? above[up] : set[up].value;
    set[k].complex = set[k].value > above[k]; /* nothing is a complex at 0 */
  }
  for (int k = count - 1; k >= 0; k--) {
    set[k].main = set[k].complex && set[k].value > below[k];
    double most = below[k] > set[k].value ? below[k] : set[k].value;
    int up = t->parent[k];
    if (up >= 0 && most > below[up]) below[up] = most;
  }
  free(above);
  free(below);
}

err phi_search_complexes(int n, phi_split split, void *context, phi_complexes *made) {
  memset(made, 0, sizeof *made);
  if (n < 2) return check_fail(ERR_USER, "complexes need at least 2 elements; there are %d", n);
  tree t = {.list = made};
  int *all = check_allocate((size_t)n, sizeof *all);
  for (int i = 0; i < n; i++) all[i] = i;
  add(&t, -1, n, all);
  free(all);
  err e = OK;
  for (int k = 0; k < made->count && !e; k++) {
    phi_mip m = {0};
    e = split(context, made->set[k].size, made->set[k].member, &m);
    if (!e) {
      made->set[k].value = m.value;
      add_sides(&t, k, m.part);
    }
    phi_mip_free(&m);
  }
  if (!e) mark(&t);
  free(t.parent);
  if (e) phi_complexes_free(made);
  return e;
}

void phi_complexes_free(phi_complexes *c) {
  for (int k = 0; k < c->count; k++) free(c->set[k].member);
  free(c->set);
  memset(c, 0, sizeof *c);
}
