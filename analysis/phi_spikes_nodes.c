/* Groups of neurons that are named: in an option, or a line each in a file. */
#include "phi_spikes.h"
#include "phi_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  phi_spikes *s;
  const char *where; /* in messages */
  bool silent;
  phi_sample *made; /* one group grows, then the next */
  size_t capacity;
  size_t begin; /* of the group in member */
  size_t count; /* of members, all groups */
} naming;

int64_t phi_spikes_find(const phi_spikes *s, int population, int64_t id) {
  size_t low = 0, high = s->neurons;
  while (low < high) {
    size_t middle = (low + high) / 2;
    const phi_neuron *n = &s->neuron[middle];
    if (n->population < population || (n->population == population && n->id < id))
      low = middle + 1;
    else
      high = middle;
  }
  bool found =
      low < s->neurons && s->neuron[low].population == population && s->neuron[low].id == id;
  return found ? (int64_t)low : -1;
}

/* A neuron without a spike, behind those with one. */
static int64_t find_silent(phi_spikes *s, int population, int64_t id) {
  const size_t all = s->neurons + s->silent;
  for (size_t i = s->neurons; i < all; i++)
    if (s->neuron[i].population == population && s->neuron[i].id == id) return (int64_t)i;
  s->neuron = realloc(s->neuron, (all + 1) * sizeof *s->neuron);
  if (!s->neuron) CHECK_ABORT("out of memory");
  s->neuron[all] = (phi_neuron){population, id, 0, 0};
  s->silent++;
  return (int64_t)all;
}

static err find_population(const naming *m, const char *name, size_t length, int *population) {
  const phi_spikes *s = m->s;
  for (int k = 0; k < s->populations; k++)
    if (strlen(s->population[k]) == length && !strncmp(s->population[k], name, length)) {
      *population = k;
      return OK;
    }
  return check_fail(ERR_USER, "%s: there is no population '%.*s' in the spike file", m->where,
                    (int)length, name);
}

static err add_range(naming *m, int population, long long first, long long last) {
  if (first < 0 || last < first || last - first > 1000000)
    return check_fail(ERR_USER, "%s: %lld-%lld is no range of ids", m->where, first, last);
  for (long long id = first; id <= last; id++) {
    int64_t index = phi_spikes_find(m->s, population, id);
    if (index < 0 && !phi_extent_has(&m->s->extent[population], id))
      return check_fail(ERR_USER, "%s: node %lld of population '%s' was not recorded", m->where, id,
                        m->s->population[population]);
    if (index < 0 && !m->silent)
      return check_fail(ERR_USER,
                        "%s: node %lld of population '%s' has no spike in the file; with "
                        "--allow-silent it is an element that is always off",
                        m->where, id, m->s->population[population]);
    if (index < 0) index = find_silent(m->s, population, id);
    for (size_t k = m->begin; k < m->count; k++)
      if (m->made->member[k] == index)
        return check_fail(ERR_USER, "%s: node %lld is named twice", m->where, id);
    m->made->member =
        check_grow(m->made->member, &m->capacity, m->count + 1, sizeof *m->made->member);
    m->made->member[m->count++] = index;
  }
  return OK;
}

/* "3", "3-7" or "E:3-7"; a population holds for what follows. */
static err add_field(naming *m, const char *at, size_t field, int *population) {
  const char *colon = memchr(at, ':', field);
  if (colon) {
    err e = find_population(m, at, (size_t)(colon - at), population);
    if (e) return e;
  }
  if (*population < 0)
    return check_fail(ERR_USER, "%s: the file has %d populations; name one, as in %s:%.*s",
                      m->where, m->s->populations, m->s->population[0], (int)field, at);
  char *end;
  const char *number = colon ? colon + 1 : at;
  long long first = strtoll(number, &end, 10), last = first;
  bool fits = end > number;
  if (fits && *end == '-') {
    number = end + 1;
    last = strtoll(number, &end, 10);
    fits = end > number;
  }
  if (!fits || end != at + field)
    return check_fail(ERR_USER, "%s: '%.*s' is no id or range; allowed are 3, 3-7, POPULATION:3",
                      m->where, (int)field, at);
  return add_range(m, *population, first, last);
}

static err add_group(naming *m, const char *text) {
  m->begin = m->count;
  err e = m->s->populations
              ? OK
              : check_fail(ERR_USER, "%s: the spike file has no population", m->where);
  int population = m->s->populations == 1 ? 0 : -1;
  for (const char *at = text; *at && !e;) {
    const size_t field = strcspn(at, ",");
    e = add_field(m, at, field, &population);
    at += field + (at[field] == ',');
  }
  const int size = (int)(m->count - m->begin);
  if (!e && size < 2) e = check_fail(ERR_USER, "%s: at least 2 nodes are needed", m->where);
  if (!e && m->made->groups && size != m->made->size)
    e = check_fail(ERR_USER, "%s: a group of %d nodes after groups of %d; all must be of one size",
                   m->where, size, m->made->size);
  m->made->size = size;
  m->made->groups++;
  return e;
}

static err finish(naming *m, err e) {
  if (!e) return OK;
  free(m->made->member);
  *m->made = (phi_sample){0};
  return e;
}

err phi_sample_nodes(phi_spikes *s, const char *text, bool silent, phi_sample *made) {
  naming m = {.s = s, .where = "nodes", .silent = silent, .made = made};
  *made = (phi_sample){0};
  return finish(&m, add_group(&m, text));
}

/* Without blanks and comment, in place. */
static char *bare(char *line) {
  char *to = line;
  for (char *from = line; *from && *from != '#'; from++)
    if (!strchr(" \t\r", *from)) *to++ = *from;
  *to = 0;
  return line;
}

err phi_sample_groups_read(phi_spikes *s, const char *path, bool silent, phi_sample *made) {
  char *text, where[300];
  size_t length;
  naming m = {.s = s, .where = where, .silent = silent, .made = made};
  *made = (phi_sample){0};
  err e = phi_table_text(path, &text, &length);
  if (e) return e;
  int number = 1;
  for (char *line = text, *end; !e && line < text + length; line = end + 1, number++) {
    end = line + strcspn(line, "\n");
    *end = 0;
    snprintf(where, sizeof where, "%.250s:%d", path, number);
    if (*bare(line)) e = add_group(&m, line);
  }
  if (!e && !made->groups) e = check_fail(ERR_USER, "%s: there is no group in it", path);
  free(text);
  return finish(&m, e);
}
