#include "phi_transport.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A spanning tree with a flow on the edge from each node to its parent. */
typedef struct {
  int node_count;
  int16_t *parent, *first_child, *next, *previous; /* -1: none; siblings are doubly linked */
  int8_t *up;                                      /* flow goes from the node to its parent */
  double *flow;
  double *cost;   /* of that edge */
  int16_t *order; /* nodes, parents before children */
  int32_t *stamp; /* of the last walk through the node */
  int32_t walk;
} tree;

static tree tree_create(int node_count) {
  const size_t n = (size_t)node_count;
  tree t = {.node_count = node_count};
  t.parent = check_allocate(5 * n, sizeof *t.parent);
  t.first_child = t.parent + n;
  t.next = t.parent + 2 * n;
  t.previous = t.parent + 3 * n;
  t.order = t.parent + 4 * n;
  t.flow = check_allocate(2 * n, sizeof *t.flow);
  t.cost = t.flow + n;
  t.up = check_allocate(n, 1);
  t.stamp = check_allocate(n, sizeof *t.stamp);
  memset(t.parent, -1, 4 * n * sizeof *t.parent); /* -1 in all of the four */
  return t;
}

static void tree_free(tree *t) {
  free(t->parent);
  free(t->flow);
  free(t->up);
  free(t->stamp);
}

static void attach(tree *t, int child, int parent) {
  const int16_t next = t->first_child[parent];
  t->parent[child] = (int16_t)parent;
  t->next[child] = next;
  t->previous[child] = -1;
  if (next >= 0) t->previous[next] = (int16_t)child;
  t->first_child[parent] = (int16_t)child;
}

static void detach(tree *t, int child) {
  const int16_t next = t->next[child], previous = t->previous[child];
  if (previous >= 0)
    t->next[previous] = next;
  else
    t->first_child[t->parent[child]] = next;
  if (next >= 0) t->previous[next] = previous;
}

/* The node after v in preorder within the subtree of `top`; -1 at the end. */
static int next_node(const tree *t, int v, int top) {
  if (t->first_child[v] >= 0) return t->first_child[v];
  while (v != top && t->next[v] < 0) v = t->parent[v];
  return v == top ? -1 : t->next[v];
}

static void fill_order(tree *t, int root) {
  int count = 0;
  for (int v = root; v >= 0; v = next_node(t, v, root)) t->order[count++] = (int16_t)v;
}

static int common_ancestor(tree *t, int u, int v) {
  const int32_t mark = ++t->walk;
  for (; u >= 0; u = t->parent[u]) t->stamp[u] = mark;
  while (t->stamp[v] != mark) v = t->parent[v];
  return v;
}

typedef struct {
  int apex, leaving; /* the node whose edge to its parent leaves the tree */
  bool at_source;    /* it is on u's side of the cycle */
  double flow;
} pivot;

/* Steps without progress cannot repeat; should rounding make them, an end with a message. */
static void count_step(const tree *t, long *steps) {
  if (++*steps > 1000L * t->node_count * t->node_count)
    CHECK_ABORT("a transport problem of %d nodes does not converge", t->node_count);
}

/* Pushing flow u -> v and back through the tree: the edge that is empty first; of several the last
 * on the way apex, u, v, apex (then no sequence of steps without progress repeats). */
static pivot find_leaving(tree *t, int u, int v) {
  pivot step = {.apex = common_ancestor(t, u, v), .leaving = -1, .flow = INFINITY};
  for (int w = u; w != step.apex; w = t->parent[w])
    if (t->up[w] && t->flow[w] < step.flow)
      step.flow = t->flow[w], step.leaving = w, step.at_source = true;
  for (int w = v; w != step.apex; w = t->parent[w])
    if (!t->up[w] && t->flow[w] <= step.flow)
      step.flow = t->flow[w], step.leaving = w, step.at_source = false;
  return step;
}

static void push_flow(tree *t, int u, int v, const pivot *step) {
  for (int w = u; w != step->apex; w = t->parent[w])
    t->flow[w] += t->up[w] ? -step->flow : step->flow;
  for (int w = v; w != step->apex; w = t->parent[w])
    t->flow[w] += t->up[w] ? step->flow : -step->flow;
}

/* Hang the subtree of `leaving` on `parent` by its node `child`, through an edge of this flow. */
static void hang(tree *t, int leaving, int child, int parent, double flow, bool up, double cost) {
  for (int w = child; w >= 0;) {
    const int old_parent = t->parent[w];
    const double old_flow = t->flow[w], old_cost = t->cost[w];
    const bool old_up = t->up[w];
    detach(t, w);
    attach(t, w, parent);
    t->flow[w] = flow;
    t->up[w] = up;
    t->cost[w] = cost;
    if (w == leaving) return;
    parent = w;
    w = old_parent;
    flow = old_flow, up = !old_up, cost = old_cost;
  }
}

struct phi_hypercube {
  int dimension, next_bit;
  tree t;
  int16_t *potential;
};

phi_hypercube *phi_hypercube_create(int dimension) {
  phi_hypercube *cube = check_allocate(1, sizeof *cube);
  cube->dimension = dimension;
  cube->t = tree_create(1 << dimension);
  cube->potential = check_allocate((size_t)1 << dimension, sizeof *cube->potential);
  phi_hypercube_reset(cube);
  return cube;
}

void phi_hypercube_reset(phi_hypercube *cube) {
  memset(cube->t.parent, -1, 4 * (size_t)cube->t.node_count * sizeof *cube->t.parent);
  for (int v = 1; v < cube->t.node_count; v++) attach(&cube->t, v, v & (v - 1));
  cube->next_bit = 0;
}

void phi_hypercube_free(phi_hypercube *cube) {
  if (!cube) return;
  tree_free(&cube->t);
  free(cube->potential);
  free(cube);
}

/* The flow along the present tree, and the potentials that go with it; its cost. */
static double start_flow(phi_hypercube *cube, const double *difference) {
  tree *t = &cube->t;
  double cost = 0;
  fill_order(t, 0);
  for (int v = 0; v < t->node_count; v++) t->flow[v] = difference[v];
  for (int k = t->node_count - 1; k > 0; k--) {
    const int v = t->order[k];
    t->flow[t->parent[v]] += t->flow[v];
    t->up[v] = t->flow[v] >= 0;
    t->flow[v] = fabs(t->flow[v]);
    cost += t->flow[v];
  }
  cube->potential[0] = 0;
  for (int k = 1; k < t->node_count; k++) {
    const int v = t->order[k];
    cube->potential[v] = (int16_t)(cube->potential[t->parent[v]] + (t->up[v] ? 1 : -1));
  }
  return cost;
}

/* An edge along which the potential falls by more than 1, looking at one direction of the cube
 * after the other. */
static bool find_entering(phi_hypercube *cube, int *u, int *v) {
  for (int k = 0; k < cube->dimension; k++) {
    const int bit = 1 << cube->next_bit;
    int steepest = 2, where = -1;
    for (int base = 0; base < cube->t.node_count; base += 2 * bit)
      for (int x = base; x < base + bit; x++) {
        const int slope = abs(cube->potential[x] - cube->potential[x + bit]);
        if (slope > steepest) steepest = slope, where = x;
      }
    if (where >= 0) {
      const bool falls = cube->potential[where] > cube->potential[where + bit];
      *u = falls ? where : where + bit;
      *v = falls ? where + bit : where;
      return true;
    }
    cube->next_bit = (cube->next_bit + 1) % cube->dimension;
  }
  return false;
}

double phi_hypercube_distance(phi_hypercube *cube, const double *difference, double enough) {
  tree *t = &cube->t;
  double cost = start_flow(cube, difference);
  int u = 0, v = 0;
  long steps = 0;
  while (cost >= enough && find_entering(cube, &u, &v)) {
    count_step(t, &steps);
    const int fall = cube->potential[u] - cube->potential[v];
    const pivot step = find_leaving(t, u, v);
    push_flow(t, u, v, &step);
    cost -= step.flow * (fall - 1);
    const int child = step.at_source ? u : v, parent = step.at_source ? v : u;
    hang(t, step.leaving, child, parent, step.flow, step.at_source, 1);
    const int16_t shift = (int16_t)(step.at_source ? 1 - fall : fall - 1);
    for (int w = child; w >= 0; w = next_node(t, w, child)) cube->potential[w] += shift;
  }
  return cost < enough ? cost : phi_hypercube_bound(cube, difference);
}

double phi_hypercube_bound(const phi_hypercube *cube, const double *difference) {
  double sum = 0;
  for (int v = 0; v < cube->t.node_count; v++) sum += cube->potential[v] * difference[v];
  return sum;
}

/* Two lists of masses. Nodes: sources, sinks, and a root joined to all by edges nobody wants. */
typedef struct {
  int sources, sinks, next_row;
  tree t;
  double *potential;
  double *distance; /* [sources x sinks] */
  uint8_t *exact;   /* [sources x sinks] */
  phi_distance ask;
  void *context;
} transport;

static const double unwanted = 1e4; /* above any distance that can occur */

static void start_star(transport *p, const double *supply, const double *demand) {
  const int root = p->sources + p->sinks;
  double excess = 0;
  for (int v = 0; v < root; v++) {
    const bool source = v < p->sources;
    const double mass = source ? supply[v] : demand[v - p->sources];
    excess += source ? mass : -mass;
    attach(&p->t, v, root);
    p->t.flow[v] = mass;
    p->t.up[v] = source;
    p->t.cost[v] = unwanted;
  }
  p->t.flow[root - 1] = fmax(0, p->t.flow[root - 1] + excess);
}

static void fill_potentials(transport *p) {
  const int root = p->sources + p->sinks;
  p->potential[root] = 0;
  for (int v = next_node(&p->t, root, root); v >= 0; v = next_node(&p->t, v, root))
    p->potential[v] = p->potential[p->t.parent[v]] + (p->t.up[v] ? p->t.cost[v] : -p->t.cost[v]);
}

static bool find_shortcut(transport *p, int *source, int *sink, double *gain) {
  for (int k = 0; k < p->sources; k++, p->next_row = (p->next_row + 1) % p->sources) {
    const double *row = p->distance + (size_t)p->next_row * p->sinks;
    const double *target = p->potential + p->sources, own = p->potential[p->next_row];
    *gain = 1e-11;
    *sink = -1;
    for (int j = 0; j < p->sinks; j++)
      if (own - target[j] - row[j] > *gain) *gain = own - target[j] - row[j], *sink = j;
    *source = p->next_row;
    if (*sink >= 0) return true;
  }
  return false;
}

static void optimise(transport *p) {
  int source, sink;
  double gain;
  long steps = 0;
  while (find_shortcut(p, &source, &sink, &gain)) {
    count_step(&p->t, &steps);
    const int u = source, v = p->sources + sink;
    const double cost = p->distance[(size_t)source * p->sinks + sink];
    const pivot step = find_leaving(&p->t, u, v);
    push_flow(&p->t, u, v, &step);
    const int child = step.at_source ? u : v, parent = step.at_source ? v : u;
    hang(&p->t, step.leaving, child, parent, step.flow, step.at_source, cost);
    const double shift = step.at_source ? -gain : gain;
    for (int w = child; w >= 0; w = next_node(&p->t, w, child)) p->potential[w] += shift;
  }
}

/* Source and sink of the edge from a node to its parent; false for the root's edges. */
static bool edge_of(const transport *p, int node, int *source, int *sink) {
  const int root = p->sources + p->sinks, parent = p->t.parent[node];
  if (node == root || parent == root) return false;
  *source = node < p->sources ? node : parent;
  *sink = (node < p->sources ? parent : node) - p->sources;
  return true;
}

/* Make the distances exact along which mass moves; true where one was not. */
static bool ask_exact(transport *p) {
  bool changed = false;
  for (int node = 0; node < p->sources + p->sinks; node++) {
    int source, sink;
    if (p->t.flow[node] <= 0 || !edge_of(p, node, &source, &sink)) continue;
    const size_t k = (size_t)source * p->sinks + sink;
    if (p->exact[k]) continue;
    const double distance = p->ask(p->context, source, sink, true);
    changed |= distance > p->distance[k];
    p->exact[k] = 1;
    p->distance[k] = p->t.cost[node] = distance;
  }
  return changed;
}

double phi_transport(int sources, const double *supply, int sinks, const double *demand,
                     phi_distance distance, void *context) {
  const size_t pairs = (size_t)sources * (size_t)sinks;
  transport p = {.sources = sources, .sinks = sinks, .ask = distance, .context = context};
  p.t = tree_create(sources + sinks + 1);
  p.potential = check_allocate((size_t)sources + sinks + 1, sizeof *p.potential);
  p.distance = check_allocate(pairs, sizeof *p.distance);
  p.exact = check_allocate(pairs, 1);
  for (int i = 0; i < sources; i++)
    for (int j = 0; j < sinks; j++)
      p.distance[(size_t)i * sinks + j] = distance(context, i, j, false);
  start_star(&p, supply, demand);
  do {
    fill_potentials(&p);
    optimise(&p);
  } while (ask_exact(&p));
  double sum = 0;
  for (int node = 0; node < sources + sinks; node++) {
    int source, sink;
    if (edge_of(&p, node, &source, &sink)) sum += p.t.flow[node] * p.t.cost[node];
  }
  tree_free(&p.t);
  free(p.potential);
  free(p.distance);
  free(p.exact);
  return sum;
}
