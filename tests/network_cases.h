/* network_cases.h - models, edge lists and edge files for the tests of the network. Included by one
 * test program each. */
#ifndef SHINKEI_NETWORK_CASES_H
#define SHINKEI_NETWORK_CASES_H

#include "network.h"

#include <hdf5.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NULL with a message where it is not sound. */
static inline model *case_parse(const char *format, ...) {
  char text[8192];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  model *m = NULL;
  check_clear();
  if (model_parse("net.yaml", text, strlen(text), 0, NULL, &m) != OK)
    fprintf(stderr, "%s\n", check_message());
  return m;
}

static inline void case_free_edges(network_edges *edges) {
  free(edges->source);
  free(edges->weight);
  free(edges->delay);
  free(edges->receptor);
  *edges = (network_edges){0};
}

/* A network of which comm's ranks own the gids with owner(gid) == rank; NULL where it is refused.
 */
static inline network *case_network(MPI_Comm comm, const model *m, int (*owner)(uint32_t, int)) {
  int rank, ranks;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  network *n = NULL;
  check_clear();
  if (network_create(comm, m, &n) != OK) return NULL;
  uint32_t count = 0, *owned = check_allocate(m->neurons, sizeof *owned);
  for (uint32_t g = 0; g < m->neurons; g++)
    if (!owner || owner(g, ranks) == rank) owned[count++] = g;
  const err e = network_collect(n, comm, count, owned);
  free(owned);
  if (e == OK) return n;
  network_free(n);
  return NULL;
}

typedef struct { /* edges of a file: what the arrays hold */
  hsize_t sources, targets, weights, delays;
  const int64_t *source, *target;
  const double *weight, *delay;
  bool integer_weights;
  const char *population;
  hsize_t groups; /* length of edge_group_id and edge_group_index; 0: left out */
  const int64_t *group, *index;
} case_edges;

static inline void case_write_array(hid_t group, const char *name, hid_t type, hid_t stored,
                                    hsize_t count, const void *data) {
  if (!data) return;
  const hid_t space = H5Screate_simple(1, &count, NULL);
  const hid_t set = H5Dcreate2(group, name, stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (set < 0 || H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) abort();
  H5Dclose(set);
  H5Sclose(space);
}

/* Write a file in the SONATA edge layout. */
static inline void case_write_file(const char *path, const case_edges *e) {
  const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t edges = H5Gcreate2(file, "edges", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t population = H5Gcreate2(edges, e->population ? e->population : "all", H5P_DEFAULT,
                                      H5P_DEFAULT, H5P_DEFAULT);
  case_write_array(population, "source_node_id", H5T_NATIVE_INT64, H5T_STD_I64LE, e->sources,
                   e->source);
  case_write_array(population, "target_node_id", H5T_NATIVE_INT64, H5T_STD_I64LE, e->targets,
                   e->target);
  const hid_t attributes = H5Gcreate2(population, "0", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  case_write_array(attributes, "syn_weight", H5T_NATIVE_DOUBLE,
                   e->integer_weights ? H5T_STD_I32LE : H5T_IEEE_F64LE, e->weights, e->weight);
  case_write_array(attributes, "delay", H5T_NATIVE_DOUBLE, H5T_IEEE_F64LE, e->delays, e->delay);
  case_write_array(population, "edge_group_id", H5T_NATIVE_INT64, H5T_STD_I64LE, e->groups,
                   e->group);
  case_write_array(population, "edge_group_index", H5T_NATIVE_INT64, H5T_STD_I64LE, e->groups,
                   e->index);
  H5Gclose(attributes);
  H5Gclose(population);
  H5Gclose(edges);
  H5Fclose(file);
}

#endif
