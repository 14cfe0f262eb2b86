#include "exchange.h"
#include "agree.h"
#include "directory.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 256, TAG = 1, TAG_REST = 2 };

typedef struct { /* one neighbour in one direction */
  int rank;
  size_t count;    /* spikes of these steps */
  size_t capacity; /* of one message [spikes]; both ends grow it by the same rule */
  size_t room;     /* of spike, at least capacity */
  uint32_t *spike; /* step - first step << id_bits | gid */
} channel;

typedef struct { /* what has arrived of one step */
  size_t count, capacity;
  uint32_t *gid;
} arrivals;

typedef struct {  /* where a neuron's spikes go; all that a spike asks for lies in one place */
  uint64_t first; /* routes: route[first] .. route[first of the next neuron] */
  uint32_t gid;
  bool own; /* to this rank itself */
} departure;

struct exchange {
  MPI_Comm comm;
  int out_count, in_count;
  channel *out, *in;
  MPI_Request *request; /* [in_count + out_count] */
  uint32_t owned_count;
  departure *departure; /* [owned_count + 1] */
  uint32_t *route;      /* index of a channel of `out` */
  int id_bits;          /* that every gid fits into */
  int steps;            /* under way or exchanged last */
  size_t arrived_capacity;
  arrivals *arrived; /* [steps] */
  uint64_t bytes, messages, volume;
};

typedef struct { /* "rank needs the spikes of gid" */
  uint32_t gid;
  int rank;
} need;

typedef struct {
  uint32_t gid, local;
} place;

static int compare_need(const void *a, const void *b) {
  const need *x = a, *y = b;
  if (x->gid != y->gid) return x->gid < y->gid ? -1 : 1;
  return (x->rank > y->rank) - (x->rank < y->rank);
}

static int compare_place(const void *a, const void *b) {
  const place *x = a, *y = b;
  return (x->gid > y->gid) - (x->gid < y->gid);
}

/* Channels to the ranks marked in flag[ranks]; index[r] becomes the channel of rank r. */
static channel *make_channels(int ranks, const int *flag, int own, int *count, uint32_t *index) {
  *count = 0;
  for (int r = 0; r < ranks; r++) *count += r != own && flag[r];
  channel *channels = check_allocate((size_t)*count, sizeof *channels);
  for (int r = 0, k = 0; r < ranks; r++) {
    if (r == own || !flag[r]) continue;
    if (index) index[r] = (uint32_t)k;
    channels[k++] = (channel){.rank = r,
                              .capacity = FIRST_CAPACITY,
                              .room = FIRST_CAPACITY,
                              .spike = check_allocate(FIRST_CAPACITY, sizeof(uint32_t))};
  }
  return channels;
}

/* Routes by local index from the needs, which are sorted by gid. */
static void make_routes(exchange *x, const uint32_t *owned, int own, size_t count,
                        const need *needs, const uint32_t *channel_of) {
  const uint32_t neurons = x->owned_count;
  place *places = check_allocate(neurons, sizeof *places);
  for (uint32_t i = 0; i < neurons; i++) places[i] = (place){owned[i], i};
  qsort(places, neurons, sizeof *places, compare_place);
  departure *from = x->departure = check_allocate_huge((size_t)neurons + 1, sizeof *from);
  for (uint32_t i = 0; i < neurons; i++) from[i].gid = owned[i];
  for (size_t k = 0, p = 0; k < count; k++) {
    while (places[p].gid != needs[k].gid) p++;
    const uint32_t local = places[p].local;
    if (needs[k].rank == own)
      from[local].own = true;
    else
      from[local + 1].first++;
  }
  for (uint32_t i = 0; i < neurons; i++) from[i + 1].first += from[i].first;
  x->volume = from[neurons].first;
  x->route = check_allocate(x->volume, sizeof *x->route);
  for (size_t k = 0, p = 0; k < count; p++) {
    uint64_t at = from[places[p].local].first;
    for (; k < count && needs[k].gid == places[p].gid; k++)
      if (needs[k].rank != own) x->route[at++] = channel_of[needs[k].rank];
  }
  free(places);
}

exchange *exchange_create(MPI_Comm comm, uint32_t neurons, uint32_t count, const uint32_t *owned,
                          size_t needs, const uint32_t *needed) {
  exchange *x = check_allocate(1, sizeof *x);
  int own, ranks;
  AGREE_MPI(MPI_Comm_dup(comm, &x->comm));
  MPI_Comm_rank(comm, &own);
  MPI_Comm_size(comm, &ranks);
  x->owned_count = count;
  while (x->id_bits < 32 && (uint64_t)neurons > (uint64_t)1 << x->id_bits) x->id_bits++;

  need *asked = check_allocate(needs, sizeof *asked);
  for (size_t i = 0; i < needs; i++) asked[i] = (need){needed[i], own};
  directory *d = directory_create(comm, neurons, count, owned);
  size_t told_count;
  need *told = directory_route(d, sizeof *told, needs, asked, &told_count);
  directory_free(d);
  free(asked);
  qsort(told, told_count, sizeof *told, compare_need);

  int *sends = check_allocate((size_t)ranks, sizeof *sends);
  int *receives = check_allocate((size_t)ranks, sizeof *receives);
  uint32_t *channel_of = check_allocate((size_t)ranks, sizeof *channel_of);
  for (size_t i = 0; i < told_count; i++) sends[told[i].rank] = 1;
  AGREE_MPI(MPI_Alltoall(sends, 1, MPI_INT, receives, 1, MPI_INT, comm));
  x->out = make_channels(ranks, sends, own, &x->out_count, channel_of);
  x->in = make_channels(ranks, receives, own, &x->in_count, NULL);
  x->request = check_allocate((size_t)(x->out_count + x->in_count), sizeof *x->request);
  make_routes(x, owned, own, told_count, told, channel_of);
  free(channel_of);
  free(receives);
  free(sends);
  free(told);
  return x;
}

void exchange_free(exchange *x) {
  if (!x) return;
  for (int i = 0; i < x->out_count; i++) free(x->out[i].spike);
  for (int i = 0; i < x->in_count; i++) free(x->in[i].spike);
  for (size_t k = 0; k < x->arrived_capacity; k++) free(x->arrived[k].gid);
  free(x->out);
  free(x->in);
  free(x->request);
  free(x->departure);
  free(x->route);
  free(x->arrived);
  MPI_Comm_free(&x->comm);
  free(x);
}

int exchange_steps_at_once(const exchange *x) {
  const uint64_t distinct = (uint64_t)1 << (32 - x->id_bits);
  return distinct < EXCHANGE_STEPS_MAX ? (int)distinct : EXCHANGE_STEPS_MAX;
}

static void arrive(exchange *x, uint32_t spike) {
  const uint64_t step = (uint64_t)spike >> x->id_bits;
  assert(step < (uint64_t)x->steps);
  arrivals *a = &x->arrived[step];
  if (a->count == a->capacity)
    a->gid = check_grow(a->gid, &a->capacity, a->count + 1, sizeof *a->gid);
  a->gid[a->count++] = (uint32_t)(spike - (step << x->id_bits));
}

static void leave(channel *c, uint32_t spike) {
  if (c->count == c->room)
    c->spike = check_grow(c->spike, &c->room, c->count + 1, sizeof *c->spike);
  c->spike[c->count++] = spike;
}

/* A message of `capacity` spikes (what both ends have agreed on) says that a second one follows
 * with the rest, which may be empty; then both ends double the capacity until it holds such a list.
 */
static size_t grown(size_t capacity, size_t count) {
  while (capacity <= count) capacity *= 2;
  return capacity;
}

static void post_sends(exchange *x) {
  for (int i = 0; i < x->out_count; i++) {
    channel *c = &x->out[i];
    const size_t first = c->count < c->capacity ? c->count : c->capacity;
    AGREE_MPI(MPI_Isend(c->spike, (int)first, MPI_UINT32_T, c->rank, TAG, x->comm,
                        &x->request[x->in_count + i]));
    x->messages++;
    x->bytes += c->count * sizeof *c->spike;
  }
}

static void begin_steps(exchange *x, int steps) {
  assert(steps >= 1 && steps <= exchange_steps_at_once(x));
  const size_t before = x->arrived_capacity;
  x->arrived = check_grow(x->arrived, &x->arrived_capacity, (size_t)steps, sizeof *x->arrived);
  for (size_t k = before; k < x->arrived_capacity; k++) x->arrived[k] = (arrivals){0};
  for (int k = 0; k < steps; k++) x->arrived[k].count = 0;
  x->steps = steps;
}

static void send_spike(exchange *x, int step, const departure *from) {
  const uint32_t spike = (uint32_t)((uint64_t)step << x->id_bits) | from->gid;
  if (from->own) arrive(x, spike);
  for (uint64_t k = from->first; k < from[1].first; k++) leave(&x->out[x->route[k]], spike);
}

/* The spikes of one step wait for the memory together. */
static void send_step(exchange *x, int step, size_t count, const uint32_t *local) {
  for (size_t k = 0; k < count; k++) __builtin_prefetch(&x->departure[local[k]]);
  for (size_t k = 0; k < count; k++) send_spike(x, step, &x->departure[local[k]]);
}

void exchange_begin(exchange *x, int steps, const size_t *n, const uint32_t *local) {
  for (int i = 0; i < x->in_count; i++) {
    channel *c = &x->in[i];
    AGREE_MPI(
        MPI_Irecv(c->spike, (int)c->capacity, MPI_UINT32_T, c->rank, TAG, x->comm, &x->request[i]));
  }
  begin_steps(x, steps);
  for (int i = 0; i < x->out_count; i++) x->out[i].count = 0;
  for (int step = 0; step < steps; step++) {
    if (n[step] == 0) continue; /* `local` may be NULL */
    send_step(x, step, n[step], local);
    local += n[step];
  }
  post_sends(x);
}

static void send_rest(exchange *x, int i) {
  channel *c = &x->out[i];
  if (c->count < c->capacity) return;
  AGREE_MPI(MPI_Isend(c->spike + c->capacity, (int)(c->count - c->capacity), MPI_UINT32_T, c->rank,
                      TAG_REST, x->comm, &x->request[x->in_count + i]));
  x->messages++;
  c->capacity = grown(c->capacity, c->count);
}

static void receive_rest(exchange *x, channel *c) {
  if (c->count < c->capacity) return;
  MPI_Status status;
  int rest;
  AGREE_MPI(MPI_Probe(c->rank, TAG_REST, x->comm, &status));
  MPI_Get_count(&status, MPI_UINT32_T, &rest);
  c->spike = check_grow(c->spike, &c->room, c->count + (size_t)rest, sizeof *c->spike);
  AGREE_MPI(MPI_Recv(c->spike + c->count, rest, MPI_UINT32_T, c->rank, TAG_REST, x->comm,
                     MPI_STATUS_IGNORE));
  c->count += (size_t)rest;
  c->capacity = grown(c->capacity, c->count);
  c->spike = check_grow(c->spike, &c->room, c->capacity, sizeof *c->spike);
}

void exchange_end(exchange *x) {
  for (int i = 0; i < x->in_count; i++) {
    MPI_Status status;
    int count;
    AGREE_MPI(MPI_Wait(&x->request[i], &status));
    MPI_Get_count(&status, MPI_UINT32_T, &count);
    x->in[i].count = (size_t)count;
  }
  AGREE_MPI(MPI_Waitall(x->out_count, x->request + x->in_count, MPI_STATUSES_IGNORE));
  for (int i = 0; i < x->out_count; i++) send_rest(x, i);
  for (int i = 0; i < x->in_count; i++) {
    channel *c = &x->in[i];
    receive_rest(x, c);
    for (size_t k = 0; k < c->count; k++) arrive(x, c->spike[k]);
  }
  AGREE_MPI(MPI_Waitall(x->out_count, x->request + x->in_count, MPI_STATUSES_IGNORE));
}

const uint32_t *exchange_arrived(const exchange *x, int k, size_t *n) {
  assert(k >= 0 && k < x->steps);
  *n = x->arrived[k].count;
  return x->arrived[k].gid;
}

uint64_t exchange_bytes_sent(const exchange *x) { return x->bytes; }

uint64_t exchange_messages(const exchange *x) { return x->messages; }

int exchange_neighbours(const exchange *x) { return x->out_count; }

uint64_t exchange_volume(const exchange *x) { return x->volume; }

size_t exchange_bytes(const exchange *x) {
  size_t bytes = x->owned_count * sizeof *x->departure + x->volume * sizeof *x->route;
  for (int i = 0; i < x->out_count; i++) bytes += x->out[i].room * sizeof(uint32_t);
  for (int i = 0; i < x->in_count; i++) bytes += x->in[i].room * sizeof(uint32_t);
  for (size_t k = 0; k < x->arrived_capacity; k++)
    bytes += sizeof *x->arrived + x->arrived[k].capacity * sizeof(uint32_t);
  return bytes;
}
