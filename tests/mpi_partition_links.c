/* Graphs that stand divided over the ranks: the same whoever gives which link, contracted as a
 * dense matrix is, divided the same on any number of ranks.                                    */
#include "directory.h"
#include "mpi_promise.h"
#include "partition_coarsen.h"

#include <stdlib.h>
#include <string.h>

enum { CLUSTERS = 16, SIZE = 25, VERTICES = CLUSTERS * SIZE, LINKS = 4000, PARTS = 4 };
static partition_link link_list[LINKS]; /* a cluster is every CLUSTERS-th vertex */

static uint32_t draw(uint32_t *state, uint32_t below) {
  *state = *state * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)*state * below) >> 32);
}

/* One link in ten leaves its cluster; some are parallel, some join a vertex to itself. */
static void make_list(void) {
  uint32_t state = 3;
  for (int k = 0; k < LINKS; k++) {
    const uint32_t from = draw(&state, VERTICES), inside = draw(&state, SIZE) * CLUSTERS;
    const uint32_t to = draw(&state, 10) ? inside + from % CLUSTERS : draw(&state, VERTICES);
    link_list[k] = (partition_link){from, to, 1 + draw(&state, 3)};
  }
}

/* Each rank of comm gives every so many-th link. */
static partition_links distribute(MPI_Comm comm, uint32_t vertices) {
  int own, all;
  MPI_Comm_rank(comm, &own);
  MPI_Comm_size(comm, &all);
  partition_link *given = malloc(sizeof link_list);
  size_t count = 0;
  for (int k = own; k < LINKS; k += all) given[count++] = link_list[k];
  partition_links g;
  partition_links_make(comm, vertices, count, given, &g);
  for (uint32_t i = 0; i < g.count; i++) {
    g.load[PARTITION_LOAD_UPDATE][i] = 1;
    g.load[PARTITION_LOAD_EVENTS][i] = 1 + (g.first + i) % 3;
  }
  return g;
}

/* The graph is that of weight[vertices x vertices]. */
static void expect_dense(const partition_links *g, const uint64_t *weight) {
  for (uint32_t i = 0; i < g->count; i++) {
    const uint64_t *row = weight + (size_t)(g->first + i) * g->vertices;
    size_t k = g->row[i];
    for (uint32_t v = 0; v < g->vertices; v++) {
      if (v == g->first + i || row[v] == 0) continue;
      EXPECT(k < g->row[i + 1] && g->near[g->to[k]] == v && g->weight[k] == row[v]);
      k++;
    }
    EXPECT(k == g->row[i + 1]);
  }
}

static void links_are_added_up_in_both_directions(void) {
  partition_links g = distribute(MPI_COMM_WORLD, VERTICES);
  uint64_t *weight = calloc((size_t)VERTICES * VERTICES, sizeof *weight);
  for (int k = 0; k < LINKS; k++) {
    weight[link_list[k].from * VERTICES + link_list[k].to] += link_list[k].weight;
    weight[link_list[k].to * VERTICES + link_list[k].from] += link_list[k].weight;
  }
  expect_dense(&g, weight);
  free(weight);
  partition_links_free(&g);
}

static void groups_have_the_links_and_loads_of_their_members(void) {
  enum { GROUPS = 37 };
  partition_links g = distribute(MPI_COMM_WORLD, VERTICES), coarse;
  uint32_t *group = calloc(g.count, sizeof *group);
  for (uint32_t i = 0; i < g.count; i++) group[i] = (g.first + i) * 11 % GROUPS;
  partition_links_contract(&g, GROUPS, group, &coarse);
  uint64_t weight[GROUPS * GROUPS] = {0};
  double load[PARTITION_LOADS][GROUPS] = {{0}};
  for (int k = 0; k < LINKS; k++) {
    const uint32_t a = link_list[k].from * 11 % GROUPS, b = link_list[k].to * 11 % GROUPS;
    weight[a * GROUPS + b] += link_list[k].weight;
    weight[b * GROUPS + a] += link_list[k].weight;
  }
  for (uint32_t v = 0; v < VERTICES; v++) {
    load[PARTITION_LOAD_UPDATE][v * 11 % GROUPS] += 1;
    load[PARTITION_LOAD_EVENTS][v * 11 % GROUPS] += 1 + v % 3;
  }
  expect_dense(&coarse, weight);
  for (uint32_t i = 0; i < coarse.count; i++)
    for (int c = 0; c < PARTITION_LOADS; c++)
      EXPECT(coarse.load[c][i] == load[c][coarse.first + i]);
  free(group);
  partition_links_free(&coarse);
  partition_links_free(&g);
}

static void what_others_have_comes_in_the_order_asked(void) {
  enum { ASKED = 1000 };
  partition_links g = distribute(MPI_COMM_WORLD, VERTICES);
  uint32_t *own = calloc(g.count, sizeof *own), asked[ASKED], state = 7 + (uint32_t)rank;
  for (uint32_t i = 0; i < g.count; i++) own[i] = 3 * (g.first + i) + 1;
  for (int k = 0; k < ASKED; k++) asked[k] = draw(&state, VERTICES);
  uint32_t *told = partition_links_fetch(&g, ASKED, asked, sizeof *own, own);
  for (int k = 0; k < ASKED; k++) EXPECT(told[k] == 3 * asked[k] + 1);
  free(told);
  free(own);
  partition_links_free(&g);
}

/* Parts of all vertices. */
static uint32_t *divide(MPI_Comm comm, uint32_t vertices, int parts, double bytes) {
  partition_links g = distribute(comm, vertices);
  const partition_links numbers = {
      .comm = comm, .vertices = vertices, .first = g.first, .count = g.count};
  uint32_t *part = calloc(g.count, sizeof *part), all[2 * VERTICES];
  EXPECT(partition_coarsen_divide(&g, parts, bytes, part) == OK);
  for (uint32_t v = 0; v < vertices; v++) all[v] = v;
  uint32_t *told = partition_links_fetch(&numbers, vertices, all, sizeof *part, part);
  free(part);
  return told;
}

/* Without room for METIS, with room for some levels, and with room for all. */
static const double rooms[] = {0, 30000, 1e9};
enum { ROOMS = sizeof rooms / sizeof rooms[0] };

static void parts_are_the_same_on_any_number_of_ranks(void) {
  for (int k = 0; k < ROOMS; k++)
    for (int parts = 1; parts < 200; parts = 3 * parts + 1) {
      uint32_t *together = divide(MPI_COMM_WORLD, VERTICES, parts, rooms[k]);
      uint32_t *alone = divide(MPI_COMM_SELF, VERTICES, parts, rooms[k]);
      EXPECT(memcmp(together, alone, VERTICES * sizeof *alone) == 0);
      for (int v = 0; v < VERTICES; v++) EXPECT(alone[v] < (uint32_t)parts);
      free(together);
      free(alone);
    }
}

static void parts_are_even_and_clusters_stay_together(void) {
  for (int k = 0; k < ROOMS; k++) {
    uint32_t *part = divide(MPI_COMM_WORLD, VERTICES, PARTS, rooms[k]), neurons[PARTS] = {0};
    uint64_t cut = 0, cut_by_chance = 0;
    for (int v = 0; v < VERTICES; v++) neurons[part[v]]++;
    for (int p = 0; p < PARTS; p++) EXPECT(neurons[p] <= 1.06 * VERTICES / PARTS);
    for (int e = 0; e < LINKS; e++) {
      const partition_link *l = &link_list[e];
      cut += part[l->from] != part[l->to] ? l->weight : 0;
      cut_by_chance += l->from / SIZE % PARTS != l->to / SIZE % PARTS ? l->weight : 0;
    }
    EXPECT(cut < cut_by_chance / 3);
    free(part);
  }
}

/* The second half: whoever is left over is paired. */
static void vertices_without_links_are_divided_evenly(void) {
  uint32_t *part = divide(MPI_COMM_WORLD, 2 * VERTICES, PARTS, 0), neurons[PARTS] = {0};
  for (int v = 0; v < 2 * VERTICES; v++) neurons[part[v]]++;
  for (int p = 0; p < PARTS; p++) EXPECT(neurons[p] <= 1.06 * 2 * VERTICES / PARTS);
  free(part);
}

/* METIS alone leaves the hub's part far too large. */
static void a_star_is_divided_evenly(void) {
  enum { LEAVES = 999 };
  partition_link *star = calloc(LEAVES, sizeof *star);
  for (uint32_t k = 0; k < LEAVES; k++) star[k] = (partition_link){k + 1, 0, 1};
  partition_links g;
  partition_links_make(MPI_COMM_WORLD, LEAVES + 1, rank == 0 ? LEAVES : 0, star, &g);
  uint32_t *part = calloc(g.count, sizeof *part), count = g.count, neurons[PARTS + 1] = {0};
  for (uint32_t i = 0; i < count; i++) g.load[PARTITION_LOAD_UPDATE][i] = 1;
  EXPECT(partition_coarsen_divide(&g, PARTS + 1, 0, part) == OK);
  for (uint32_t i = 0; i < count; i++) neurons[part[i]]++;
  MPI_Allreduce(MPI_IN_PLACE, neurons, PARTS + 1, MPI_UINT32_T, MPI_SUM, MPI_COMM_WORLD);
  for (int p = 0; p <= PARTS; p++) EXPECT(neurons[p] <= 1.2 * (LEAVES + 1) / (PARTS + 1));
  free(part);
}

int main(int argc, char **argv) {
  promise_start(&argc, &argv);
  make_list();
  void (*const promise[])(void) = {
      links_are_added_up_in_both_directions,
      groups_have_the_links_and_loads_of_their_members,
      what_others_have_comes_in_the_order_asked,
      parts_are_the_same_on_any_number_of_ranks,
      parts_are_even_and_clusters_stay_together,
      vertices_without_links_are_divided_evenly,
      a_star_is_divided_evenly,
  };
  PROMISE_KEEP(promise);
  MPI_Finalize();
  return 0;
}
