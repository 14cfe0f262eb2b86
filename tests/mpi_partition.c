/* Partitions on several ranks: the same on any number of them, each neuron owned once, measured
 * exactly, written and read back, refused where they do not fit.                              */
#include "agree.h"
#include "mpi_promise.h"
#include "partition_coarsen.h"
#include "partition_explicit.h"

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- a network of clusters in an edge file ---- */

enum { CLUSTERS = 12, SIZE = 50, NEURONS = CLUSTERS * SIZE, INSIDE = 40, DEGREE = INSIDE + 1 };
enum { EDGES = NEURONS * DEGREE };
static uint32_t source[EDGES], target[EDGES];
static char folder[64], edge_file[128];

static uint32_t draw(uint32_t *state, uint32_t below) {
  *state = *state * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)*state * below) >> 32);
}

static void write_ids(hid_t group, const char *name, const uint32_t *value) {
  const hsize_t count = EDGES;
  const hid_t space = H5Screate_simple(1, &count, NULL);
  const hid_t set =
      H5Dcreate2(group, name, H5T_STD_U32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(set, H5T_NATIVE_UINT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, value);
  H5Dclose(set);
  H5Sclose(space);
}

static void make_edges(void) {
  uint32_t state = 5;
  for (uint32_t v = 0, e = 0; v < NEURONS; v++)
    for (int i = 0; i < DEGREE; i++, e++) {
      source[e] = v; /* a cluster is every CLUSTERS-th neuron */
      target[e] = i < INSIDE ? draw(&state, SIZE) * CLUSTERS + v % CLUSTERS : draw(&state, NEURONS);
    }
  strcpy(folder, "shinkei_partition_XXXXXX");
  if (rank == 0) EXPECT(mkdtemp(folder) != NULL);
  MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD);
  snprintf(edge_file, sizeof edge_file, "%s/edges.h5", folder);
  if (rank == 0) {
    const hid_t file = H5Fcreate(edge_file, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t edges = H5Gcreate2(file, "edges", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t group = H5Gcreate2(edges, "c_c", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    write_ids(group, "source_node_id", source);
    write_ids(group, "target_node_id", target);
    H5Gclose(group);
    H5Gclose(edges);
    H5Fclose(file);
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

static model *parse(const char *populations, const char *projections) {
  char text[4096];
  model *m = NULL;
  snprintf(text, sizeof text,
           "simulation: {dt: 0.1, duration: 1.0, seed: 1}\n"
           "neurons: {n: {model: iaf_psc_exp}}\n"
           "populations: {%s}\n"
           "projections: [%s]\n",
           populations, projections);
  EXPECT(model_parse("test.yaml", text, strlen(text), 0, NULL, &m) == OK);
  return m;
}

static model *parse_explicit(void) {
  char projection[512];
  snprintf(projection, sizeof projection,
           "{source: c, target: c, rule: file, file: %s, edges: c_c, weight: 1.0, delay: 1.0}",
           edge_file);
  return parse("c: {size: 600, neuron: n, expected_rate: 4.0}", projection);
}

static model *parse_rules(void) {
  return parse(
      "e: {size: 1200, neuron: n, expected_rate: 2.0}, i: {size: 300, neuron: n, expected_rate: "
      "8.0}",
      "{source: e, target: i, rule: fixed_total, total: 3000, weight: 1.0, delay: 1.0},"
      "{source: e, target: e, rule: fixed_indegree, indegree: 3, weight: 1.0, delay: 1.0},"
      "{source: i, target: e, rule: pairwise_bernoulli, probability: 0.005, weight: -1.0, delay: "
      "1.0}");
}

static model *parse_mixed(void) {
  char projections[1024];
  snprintf(projections, sizeof projections,
           "{source: c, target: c, rule: file, file: %s, edges: c_c, weight: 1.0, delay: 1.0},"
           "{source: p, target: c, rule: one_to_one, weight: 1.0, delay: 1.0},"
           "{source: r, target: r, rule: fixed_indegree, indegree: 200, weight: 1.0, delay: 1.0},"
           "{source: r, target: c, rule: fixed_indegree, indegree: 5, weight: 1.0, delay: 1.0}",
           edge_file);
  return parse("r: {size: 2000, neuron: n}, c: {size: 600, neuron: n}, z: {size: 0, neuron: n}, p: "
               "{size: 600, neuron: n}",
               projections);
}

static model *(*const parsers[])(void) = {parse_explicit, parse_rules, parse_mixed};
static const partition_method methods[] = {PARTITION_METIS, PARTITION_BLOCK, PARTITION_ROUND_ROBIN,
                                           PARTITION_RANDOM};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static network *connect(MPI_Comm comm, const model *m) {
  network *n;
  EXPECT(network_create(comm, m, &n) == OK);
  return n;
}

static partition divide(MPI_Comm comm, const network *n, const model *m, partition_method method,
                        int parts) {
  partition p;
  EXPECT(partition_create(comm, n, m, method, NULL, parts, &p) == OK);
  for (uint32_t i = 0; i < p.slice_count; i++) EXPECT(p.slice_owner[i] < (uint32_t)parts);
  return p;
}

/* ---- what is promised ---- */

static void each_neuron_is_owned_once(void) {
  for (size_t k = 0; k < COUNT(parsers); k++)
    for (size_t j = 0; j < COUNT(methods); j++) {
      model *m = parsers[k]();
      network *n = connect(MPI_COMM_WORLD, m);
      partition p = divide(MPI_COMM_WORLD, n, m, methods[j], ranks);
      uint32_t count, *owned, *times = calloc(m->neurons, sizeof *times);
      EXPECT(partition_owned(MPI_COMM_WORLD, &p, &count, &owned) == OK);
      for (uint32_t i = 0; i < count; i++) {
        EXPECT(i == 0 || owned[i] > owned[i - 1]);
        times[owned[i]]++;
      }
      MPI_Allreduce(MPI_IN_PLACE, times, (int)m->neurons, MPI_UINT32_T, MPI_SUM, MPI_COMM_WORLD);
      for (uint32_t gid = 0; gid < m->neurons; gid++) EXPECT(times[gid] == 1);
      free(times);
      free(owned);
      partition_free(&p);
      network_free(n);
      model_free(m);
    }
}

static bool same_quality(const partition_quality *a, const partition_quality *b) {
  return a->synapses == b->synapses && a->edge_cut == b->edge_cut &&
         a->edge_cut_rate == b->edge_cut_rate && a->volume == b->volume &&
         a->volume_rate == b->volume_rate && a->imbalance_neurons == b->imbalance_neurons &&
         a->imbalance_events == b->imbalance_events && a->imbalance_memory == b->imbalance_memory &&
         a->neighbours_max == b->neighbours_max;
}

static void owners_and_measures_do_not_depend_on_the_number_of_ranks(void) {
  for (size_t k = 0; k < COUNT(parsers); k++)
    for (size_t j = 0; j < COUNT(methods); j++) {
      model *m = parsers[k]();
      network *together = connect(MPI_COMM_WORLD, m), *alone = connect(MPI_COMM_SELF, m);
      const int parts = methods[j] == PARTITION_METIS ? 5 : 40; /* METIS takes long for many */
      partition p = divide(MPI_COMM_WORLD, together, m, methods[j], parts);
      partition q = divide(MPI_COMM_SELF, alone, m, methods[j], parts);
      EXPECT(q.slice_count == m->neurons);
      for (uint32_t i = 0; i < p.slice_count; i++)
        EXPECT(p.slice_owner[i] == q.slice_owner[p.slice_first + i]);
      partition_quality a, b;
      EXPECT(partition_measure(MPI_COMM_WORLD, together, m, &p, &a) == OK);
      EXPECT(partition_measure(MPI_COMM_SELF, alone, m, &q, &b) == OK);
      EXPECT(same_quality(&a, &b));
      partition_free(&p);
      partition_free(&q);
      network_free(together);
      network_free(alone);
      model_free(m);
    }
}

/* As PARTITION_METIS where the graph may take no more than `bytes` on rank 0. */
static partition coarsen(MPI_Comm comm, const network *n, const model *m, int parts, double bytes) {
  partition p = divide(comm, n, m, PARTITION_BLOCK, parts);
  bool explicit[4] = {false};
  EXPECT(m->populations <= 4);
  partition_explicit_populations(m, explicit);
  EXPECT(partition_explicit_divide(comm, n, m, explicit, bytes, &p) == OK);
  return p;
}

/* For groups, for groups after some levels, for a share of the edges. */
static const double rooms[] = {0, 150000, 1350000};

static void the_last_room_is_for_a_share_of_the_edges(void) {
  bool whole;
  EXPECT(partition_coarsen_share(NEURONS, EDGES, rooms[2], &whole) < 1 && whole);
  EXPECT(partition_coarsen_share(NEURONS, EDGES, rooms[1], &whole) == 1 && !whole);
}

static void graphs_too_large_for_a_rank_are_divided_the_same_on_any_number_of_ranks(void) {
  for (size_t k = 0; k < COUNT(rooms); k++)
    for (int mixed = 0; mixed < 2; mixed++) {
      model *m = mixed ? parse_mixed() : parse_explicit();
      network *together = connect(MPI_COMM_WORLD, m), *alone = connect(MPI_COMM_SELF, m);
      partition p = coarsen(MPI_COMM_WORLD, together, m, 5, rooms[k]);
      partition q = coarsen(MPI_COMM_SELF, alone, m, 5, rooms[k]);
      for (uint32_t i = 0; i < p.slice_count; i++)
        EXPECT(p.slice_owner[i] == q.slice_owner[p.slice_first + i]);
      partition_free(&p);
      partition_free(&q);
      network_free(together);
      network_free(alone);
      model_free(m);
    }
}

static void graphs_too_large_for_a_rank_are_divided_well(void) {
  model *m = parse_explicit();
  network *n = connect(MPI_COMM_WORLD, m);
  for (size_t k = 0; k < COUNT(rooms); k++)
    for (int parts = 2; parts <= 6; parts += 2) {
      partition_quality q[2];
      for (int j = 0; j < 2; j++) {
        partition p = j ? divide(MPI_COMM_WORLD, n, m, PARTITION_RANDOM, parts)
                        : coarsen(MPI_COMM_WORLD, n, m, parts, rooms[k]);
        EXPECT(partition_measure(MPI_COMM_WORLD, n, m, &p, &q[j]) == OK);
        partition_free(&p);
      }
      EXPECT(q[0].imbalance_neurons <= 1.06 && q[0].imbalance_events <= 1.06);
      EXPECT(q[0].volume < 0.55 * q[1].volume);
    }
  network_free(n);
  model_free(m);
}

/* Volume, cut, events and neighbours of drawn or listed edges, by definition. */
typedef struct {
  double volume, cut, events_most, events;
  int neighbours_most;
} counted;

static counted count_edges(const model *m, size_t edges, const uint32_t *from, const uint32_t *to,
                           const partition *p) {
  const size_t parts = (size_t)p->parts;
  bool *hit = calloc(m->neurons * parts, sizeof *hit),
       *sends = calloc(parts * parts, sizeof *sends);
  double *events = calloc(parts, sizeof *events);
  counted c = {0};
  for (size_t e = 0; e < edges; e++) {
    const uint32_t part = p->slice_owner[to[e]];
    const double rate = m->population[model_population_of(m, from[e])].expected_rate;
    events[part] += rate;
    c.events += rate;
    if (part == p->slice_owner[from[e]]) continue;
    c.cut++;
    if (!hit[from[e] * parts + part]) c.volume++;
    hit[from[e] * parts + part] = true;
    sends[p->slice_owner[from[e]] * parts + part] = true;
  }
  for (size_t k = 0; k < parts; k++) {
    int neighbours = 0;
    for (size_t to_part = 0; to_part < parts; to_part++) neighbours += sends[k * parts + to_part];
    if (neighbours > c.neighbours_most) c.neighbours_most = neighbours;
    c.events_most = fmax(c.events_most, events[k]);
  }
  free(sends);
  free(hit);
  free(events);
  return c;
}

static void explicit_measures_are_exact(void) {
  model *m = parse_explicit();
  network *n = connect(MPI_COMM_SELF, m);
  for (size_t j = 0; j < 2 * COUNT(methods); j++) {
    const int parts = j % 2 ? 6 : 600; /* of 600 none has all others as neighbours */
    partition p = divide(MPI_COMM_SELF, n, m, methods[j / 2], parts);
    partition_quality q;
    EXPECT(partition_measure(MPI_COMM_SELF, n, m, &p, &q) == OK);
    const counted c = count_edges(m, EDGES, source, target, &p);
    EXPECT(q.neighbours_max == c.neighbours_most && c.neighbours_most < 300);
    EXPECT(q.synapses == EDGES && q.edge_cut == c.cut && q.edge_cut_rate == 4 * c.cut);
    EXPECT(q.volume == c.volume && q.volume_rate == 4 * c.volume);
    EXPECT(fabs(q.imbalance_events - c.events_most * parts / c.events) < 1e-12 * parts);
    partition_free(&p);
  }
  network_free(n);
  model_free(m);
}

static void measures_of_rules_are_near_those_of_the_drawn_edges(void) {
  model *m = parse_rules();
  network *n = connect(MPI_COMM_SELF, m);
  uint32_t *all = malloc(m->neurons * sizeof *all), *to = NULL;
  network_edges edges = {0};
  size_t capacity = 0;
  for (uint32_t gid = 0; gid < m->neurons; gid++) all[gid] = gid;
  EXPECT(network_collect(n, MPI_COMM_SELF, m->neurons, all) == OK);
  for (uint32_t gid = 0; gid < m->neurons; gid++) {
    const size_t before = edges.count;
    network_in_sources(n, gid, &edges);
    to = check_grow(to, &capacity, edges.count, sizeof *to);
    for (size_t e = before; e < edges.count; e++) to[e] = gid;
  }
  for (size_t j = 0; j < COUNT(methods); j++) {
    partition p = divide(MPI_COMM_SELF, n, m, methods[j], 6);
    partition_quality q;
    EXPECT(partition_measure(MPI_COMM_SELF, n, m, &p, &q) == OK);
    const counted c = count_edges(m, edges.count, edges.source, to, &p);
    EXPECT(fabs(q.synapses / (double)edges.count - 1) < 0.03);
    EXPECT(fabs(q.edge_cut / c.cut - 1) < 0.03);
    EXPECT(fabs(q.volume / c.volume - 1) < 0.03);
    EXPECT(fabs(q.imbalance_events / (c.events_most * 6 / c.events) - 1) < 0.05);
    partition_free(&p);
  }
  free(all);
  free(to);
  free(edges.source);
  free(edges.weight);
  free(edges.delay);
  free(edges.receptor);
  network_free(n);
  model_free(m);
}

static void metis_is_balanced_and_sends_less(void) {
  for (size_t k = 0; k < COUNT(parsers); k++)
    for (int parts = 2; parts <= 6; parts += 2) {
      model *m = parsers[k]();
      network *n = connect(MPI_COMM_WORLD, m);
      partition_quality q[2];
      for (int j = 0; j < 2; j++) {
        partition p = divide(MPI_COMM_WORLD, n, m, j ? PARTITION_RANDOM : PARTITION_METIS, parts);
        EXPECT(partition_measure(MPI_COMM_WORLD, n, m, &p, &q[j]) == OK);
        partition_free(&p);
      }
      EXPECT(q[0].imbalance_neurons <= 1.05 && q[0].imbalance_events <= 1.05);
      EXPECT(q[0].volume_rate <= q[1].volume_rate * 1.02);
      if (parsers[k] == parse_explicit) EXPECT(q[0].volume < q[1].volume / 2);
      network_free(n);
      model_free(m);
    }
}

static void more_parts_than_neurons_leave_parts_empty(void) {
  model *m = parse("a: {size: 2, neuron: n}, b: {size: 1, neuron: n}",
                   "{source: a, target: b, rule: all_to_all, weight: 1.0, delay: 1.0}");
  network *n = connect(MPI_COMM_WORLD, m);
  for (size_t j = 0; j < COUNT(methods); j++) {
    partition p = divide(MPI_COMM_WORLD, n, m, methods[j], 11);
    partition_quality q;
    EXPECT(partition_measure(MPI_COMM_WORLD, n, m, &p, &q) == OK);
    EXPECT(q.synapses == 2 && isfinite(q.volume));
    partition_free(&p);
  }
  network_free(n);
  model_free(m);
}

static void file_brings_back_the_same_owners(void) {
  char file[128];
  model *m = parse_mixed();
  network *n = connect(MPI_COMM_WORLD, m);
  partition p = divide(MPI_COMM_WORLD, n, m, PARTITION_METIS, 3), back;
  partition_quality q;
  snprintf(file, sizeof file, "%s/partition.h5", folder);
  EXPECT(partition_measure(MPI_COMM_WORLD, n, m, &p, &q) == OK);
  EXPECT(partition_write(MPI_COMM_WORLD, &p, &q, "metis", file) == OK);
  EXPECT(partition_create(MPI_COMM_WORLD, n, m, PARTITION_FILE, file, 3, &back) == OK);
  EXPECT(back.slice_count == p.slice_count);
  EXPECT(memcmp(back.slice_owner, p.slice_owner, p.slice_count * sizeof *p.slice_owner) == 0);
  partition_free(&back);
  partition_free(&p);
  network_free(n);
  model_free(m);
}

static void refuse(const network *n, const model *m, const char *file, int parts,
                   const char *message) {
  partition p;
  check_clear();
  EXPECT(partition_create(MPI_COMM_WORLD, n, m, PARTITION_FILE, file, parts, &p) == ERR_USER);
  EXPECT(strstr(check_message(), message) != NULL);
  check_clear();
}

static void file_that_does_not_fit_is_refused(void) {
  char file[128], cut_off[128];
  model *m = parse_mixed(), *other = parse_explicit();
  network *n = connect(MPI_COMM_WORLD, m), *another = connect(MPI_COMM_WORLD, other);
  snprintf(file, sizeof file, "%s/partition.h5", folder);
  refuse(n, m, file, 4, "3 parts; 4 are needed");
  refuse(another, other, file, 3, "is for 3200 neurons; the model has 600");
  refuse(n, m, "no_such_file.h5", 3, "no such file");
  refuse(n, m, edge_file, 3, "was not written by");
  snprintf(cut_off, sizeof cut_off, "%s/text.h5", folder);
  if (rank == 0) {
    FILE *text = fopen(cut_off, "w");
    fputs("not HDF5", text);
    fclose(text);
    const hid_t opened = H5Fopen(file, H5F_ACC_RDWR, H5P_DEFAULT);
    const hid_t set = H5Dopen2(opened, "owner", H5P_DEFAULT), space = H5Dget_space(set);
    const hsize_t at = 17;
    const uint32_t wrong = 3;
    const hid_t one = H5Screate(H5S_SCALAR);
    H5Sselect_elements(space, H5S_SELECT_SET, 1, &at);
    H5Dwrite(set, H5T_NATIVE_UINT32, one, space, H5P_DEFAULT, &wrong);
    H5Sclose(one);
    H5Sclose(space);
    H5Dclose(set);
    H5Fclose(opened);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  refuse(n, m, cut_off, 3, "is not HDF5");
  refuse(n, m, file, 3, "gives neuron 17 to part 3; allowed are 0 to 2");
  network_free(n);
  network_free(another);
  model_free(m);
  model_free(other);
}

static void partition_file_that_cannot_be_written_is_an_error(void) {
  model *m = parse_rules();
  network *n = connect(MPI_COMM_WORLD, m);
  partition p = divide(MPI_COMM_WORLD, n, m, PARTITION_BLOCK, 2);
  const partition_quality q = {0};
  check_clear();
  EXPECT(partition_write(MPI_COMM_WORLD, &p, &q, "block", "no_such_folder/p.h5") ==
         ERR_ENVIRONMENT);
  EXPECT(strstr(check_message(), "no_such_folder/p.h5 cannot be written: No such file") != NULL);
  check_clear();
  partition_free(&p);
  network_free(n);
  model_free(m);
}

/* Runs of synapses: (source, block) pairs. */
static size_t count_runs(const network *n, uint32_t neurons, uint32_t count, const uint32_t *owned,
                         int blocks, const uint32_t *block) {
  bool *met = calloc((size_t)neurons * (size_t)blocks, sizeof *met);
  network_edges edges = {0};
  size_t runs = 0;
  for (uint32_t i = 0; i < count; i++) {
    edges.count = 0;
    network_in_sources(n, owned[i], &edges);
    for (size_t e = 0; e < edges.count; e++) {
      bool *seen = &met[edges.source[e] * (size_t)blocks + block[i]];
      runs += !*seen;
      *seen = true;
    }
  }
  free(met);
  free(edges.source);
  free(edges.weight);
  free(edges.delay);
  free(edges.receptor);
  return runs;
}

static void blocks_are_balanced_and_share_sources(void) {
  enum { BLOCKS = 3 };
  for (size_t k = 0; k < COUNT(parsers); k++) {
    model *m = parsers[k]();
    network *n = connect(MPI_COMM_WORLD, m);
    partition p = divide(MPI_COMM_WORLD, n, m, PARTITION_METIS, ranks);
    uint32_t count, *owned, in_block[BLOCKS] = {0};
    EXPECT(partition_owned(MPI_COMM_WORLD, &p, &count, &owned) == OK);
    EXPECT(network_collect(n, MPI_COMM_WORLD, count, owned) == OK);
    uint32_t *block = calloc(count, sizeof *block), *dealt = calloc(count, sizeof *dealt);
    EXPECT(partition_blocks(n, m, count, owned, BLOCKS, UINT32_MAX, block) == OK);
    for (uint32_t i = 0; i < count; i++) {
      EXPECT(block[i] < BLOCKS);
      in_block[block[i]]++;
      dealt[i] = i * BLOCKS / count; /* across the clusters */
    }
    for (int b = 0; b < BLOCKS; b++) EXPECT(in_block[b] <= count * 1.06 / BLOCKS + 1);
    if (parsers[k] == parse_explicit)
      EXPECT(count_runs(n, m->neurons, count, owned, BLOCKS, block) <
             0.8 * (double)count_runs(n, m->neurons, count, owned, BLOCKS, dealt));
    const uint32_t most = (count + BLOCKS - 1) / BLOCKS + 1; /* where METIS is less even */
    memset(in_block, 0, sizeof in_block);
    EXPECT(partition_blocks(n, m, count, owned, BLOCKS, most, block) == OK);
    for (uint32_t i = 0; i < count; i++) in_block[block[i]]++;
    for (int b = 0; b < BLOCKS; b++) EXPECT(in_block[b] <= most);
    free(block);
    free(dealt);
    free(owned);
    partition_free(&p);
    network_free(n);
    model_free(m);
  }
}

int main(int argc, char **argv) {
  promise_start(&argc, &argv);
  make_edges();
  void (*const promise[])(void) = {
      each_neuron_is_owned_once,
      owners_and_measures_do_not_depend_on_the_number_of_ranks,
      graphs_too_large_for_a_rank_are_divided_the_same_on_any_number_of_ranks,
      the_last_room_is_for_a_share_of_the_edges,
      graphs_too_large_for_a_rank_are_divided_well,
      explicit_measures_are_exact,
      measures_of_rules_are_near_those_of_the_drawn_edges,
      metis_is_balanced_and_sends_less,
      more_parts_than_neurons_leave_parts_empty,
      file_brings_back_the_same_owners,
      file_that_does_not_fit_is_refused,
      partition_file_that_cannot_be_written_is_an_error,
      blocks_are_balanced_and_share_sources,
  };
  PROMISE_KEEP(promise);
  if (rank == 0) {
    static const char *const left[] = {"edges.h5", "partition.h5", "text.h5"};
    char path[128];
    for (size_t i = 0; i < COUNT(left); i++) {
      snprintf(path, sizeof path, "%s/%s", folder, left[i]);
      unlink(path);
    }
    rmdir(folder);
  }
  MPI_Finalize();
  return 0;
}
