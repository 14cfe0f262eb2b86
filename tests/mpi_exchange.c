/* What exchange.h and directory.h promise: every spike reaches each rank that needs it once and no
 * other, whatever the burst, whoever owns what. Owners, needs and spikes are functions of (gid,
 * rank, step), so that each rank can tell what must arrive. */
#include "directory.h"
#include "exchange.h"
#include "mpi_promise.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t x) {
  x = (x ^ x >> 31) * UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ x >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
  return x ^ x >> 32;
}

enum { NEURONS = 5003 };

typedef int (*owner)(uint32_t gid);
static int scattered(uint32_t gid) { return (int)(mix(gid) % (uint64_t)ranks); }
static int in_blocks(uint32_t gid) { return directory_slice_rank(NEURONS, ranks, gid); }
static int all_on_the_last(uint32_t gid) { return gid < NEURONS ? ranks - 1 : 0; }

typedef bool (*need)(uint32_t gid, int who);
static bool some(uint32_t gid, int who) { return mix(gid * 64 + (uint64_t)who) % 5 < 2; }
static bool every(uint32_t gid, int who) { return gid < NEURONS && who >= 0; }
static bool none(uint32_t gid, int who) { return gid > NEURONS && who < 0; }
static bool of_one_neighbour(uint32_t gid, int who) {
  return scattered(gid) == (who + 1) % ranks && gid % 3 == 0;
}

/* Spikes of a step: none, few, bursts around the powers of two at which buffers grow, all. */
static bool fires(uint32_t gid, int step) {
  static const uint32_t bursts[] = {0,   1,    254,  255,  256, 257,  511, 512,
                                    513, 1023, 1024, 1025, 3,   5003, 0,   4096};
  const uint32_t burst = bursts[step % 16];
  if (step % 3 == 2) return mix(gid * 1000 + (uint64_t)step) % 50 == 0;
  return gid < burst;
}

typedef struct {
  owner owner;
  need need;
  exchange *x;
  uint32_t count, owned[NEURONS];
  uint64_t pairs, volume; /* (spike, remote rank) so far; (neuron, remote rank) */
} network;

static void open(network *n, owner own, need needs) {
  *n = (network){.owner = own, .need = needs};
  uint32_t needed[NEURONS];
  size_t need_count = 0;
  for (uint32_t g = NEURONS; g-- > 0;) { /* in no order that anyone could rely on */
    const uint32_t gid = (uint32_t)((uint64_t)g * 1009 % NEURONS);
    if (own(gid) == rank) n->owned[n->count++] = gid;
    if (needs(gid, rank)) needed[need_count++] = gid;
    for (int r = 0; r < ranks; r++) n->volume += own(gid) == rank && r != rank && needs(gid, r);
  }
  n->x = exchange_create(MPI_COMM_WORLD, NEURONS, n->count, n->owned, need_count, needed);
}

/* What arrived of the k-th of the steps that were exchanged. */
static void expect_arrived(network *n, int k, int step) {
  size_t arrived;
  const uint32_t *gid = exchange_arrived(n->x, k, &arrived);
  static uint8_t got[NEURONS];
  memset(got, 0, sizeof got);
  bool own_ones = true;
  for (size_t i = 0; i < arrived; i++) {
    EXPECT(gid[i] < NEURONS && got[gid[i]] == 0);
    got[gid[i]] = 1;
    EXPECT(own_ones || n->owner(gid[i]) != rank);
    own_ones = n->owner(gid[i]) == rank;
  }
  for (uint32_t g = 0; g < NEURONS; g++) {
    EXPECT(got[g] == (fires(g, step) && n->need(g, rank)));
    if (!fires(g, step) || n->owner(g) != rank) continue;
    for (int r = 0; r < ranks; r++) n->pairs += r != rank && n->need(g, r);
  }
}

enum { AT_ONCE = 7 };

static void take_steps(network *n, int first, int steps) {
  static uint32_t local[AT_ONCE * NEURONS];
  size_t count[AT_ONCE] = {0}, all = 0;
  for (int k = 0; k < steps; k++)
    for (uint32_t i = 0; i < n->count; i++)
      if (fires(n->owned[i], first + k)) local[all++] = i, count[k]++;
  exchange_begin(n->x, steps, count, local);
  memset(local, 0xff, sizeof local); /* they are the caller's again */
  memset(count, 0xff, sizeof count);
  exchange_end(n->x);
  for (int k = 0; k < steps; k++) expect_arrived(n, k, first + k);
  EXPECT(exchange_bytes_sent(n->x) == 4 * n->pairs);
}

static void run(owner own, need needs, int neighbours) {
  static network n;
  open(&n, own, needs);
  EXPECT(exchange_volume(n.x) == n.volume);
  EXPECT(exchange_neighbours(n.x) == neighbours);
  EXPECT(exchange_bytes(n.x) >= n.count * sizeof(uint32_t));
  for (int step = 0; step < 50; step++) take_steps(&n, step, 1);
  EXPECT(exchange_messages(n.x) >= 50 * (uint64_t)neighbours);
  EXPECT(exchange_messages(n.x) <= 100 * (uint64_t)neighbours);
  EXPECT(exchange_steps_at_once(n.x) >= AT_ONCE);
  for (int k = 0, step = 50; k < 20; step += k++ % AT_ONCE + 1)
    take_steps(&n, step, k % AT_ONCE + 1);
  EXPECT(exchange_messages(n.x) <= 140 * (uint64_t)neighbours);
  exchange_free(n.x);
}

static void every_needed_spike_arrives_once_and_nothing_else(void) {
  run(scattered, some, ranks - 1);
  run(in_blocks, some, ranks - 1);
  run(scattered, every, ranks - 1);
}

static void ranks_that_share_no_synapse_do_not_talk(void) {
  run(scattered, none, 0);
  run(scattered, of_one_neighbour, ranks > 1 ? 1 : 0);
}

static void ranks_without_neurons_take_part(void) {
  run(all_on_the_last, every, rank == ranks - 1 ? ranks - 1 : 0);
  run(all_on_the_last, none, 0);
}

/* One neuron that fires in every step would hide a message that comes a step late. */
static void spikes_stay_in_their_step(void) {
  static network n;
  open(&n, scattered, every);
  for (int step = 0; step < 400; step++) {
    const uint32_t gid = (uint32_t)(mix((uint64_t)step) % NEURONS);
    uint32_t local[1];
    size_t count = 0, arrived;
    for (uint32_t i = 0; i < n.count; i++)
      if (n.owned[i] == gid) local[count++] = i;
    exchange_begin(n.x, 1, &count, local);
    exchange_end(n.x);
    const uint32_t *got = exchange_arrived(n.x, 0, &arrived);
    EXPECT(arrived == 1 && got[0] == gid);
  }
  exchange_free(n.x);
}

/* As few as the bits that gids leave over can tell apart; the last neuron fires in the last step.
 */
static void as_many_steps_at_once_as_fit_beside_the_gid(void) {
  const struct {
    uint32_t neurons;
    int steps;
  } promised[] = {
      {1, EXCHANGE_STEPS_MAX}, {65536, EXCHANGE_STEPS_MAX}, {65537, 32768}, {300000, 8192}};
  for (size_t k = 0; k < sizeof promised / sizeof *promised; k++) {
    const uint32_t neurons = promised[k].neurons, last = neurons - 1;
    const uint32_t first = directory_slice(neurons, ranks, rank);
    const uint32_t count = directory_slice(neurons, ranks, rank + 1) - first;
    uint32_t *owned = check_allocate(count, sizeof *owned);
    for (uint32_t i = 0; i < count; i++) owned[i] = first + i;
    exchange *x = exchange_create(MPI_COMM_WORLD, neurons, count, owned, rank == 0, &last);
    const int steps = exchange_steps_at_once(x);
    EXPECT(steps == promised[k].steps);
    size_t *fired = check_allocate((size_t)steps, sizeof *fired), arrived;
    const uint32_t local = count - 1;
    fired[steps - 1] = count > 0 && owned[local] == last;
    exchange_begin(x, steps, fired, &local);
    exchange_end(x);
    const uint32_t *gid = exchange_arrived(x, steps - 1, &arrived);
    EXPECT(arrived == (rank == 0) && (rank > 0 || *gid == last));
    exchange_free(x);
    free(fired);
    free(owned);
  }
}

/* ---- directory ------------------------------------------------------------------------------ */

static void slices_cover_all_neurons_in_order(void) {
  const uint32_t sizes[] = {1, 2, 3, 7, 4096, NEURONS, UINT32_MAX};
  for (int k = 0; k < 7; k++)
    for (int many = 1; many < 70; many += 3) {
      EXPECT(directory_slice(sizes[k], many, 0) == 0);
      EXPECT(directory_slice(sizes[k], many, many) == sizes[k]);
      for (int r = 0; r < many; r++) {
        const uint32_t first = directory_slice(sizes[k], many, r);
        const uint32_t end = directory_slice(sizes[k], many, r + 1);
        EXPECT(first <= end && end - first <= (uint64_t)sizes[k] / (uint64_t)many + 1);
        if (first == end) continue;
        EXPECT(directory_slice_rank(sizes[k], many, first) == r);
        EXPECT(directory_slice_rank(sizes[k], many, end - 1) == r);
      }
    }
}

typedef struct {
  uint32_t gid, from;
  uint64_t number;
} letter;

static void letters_reach_the_owner_once(void) {
  const owner owners[] = {scattered, in_blocks, all_on_the_last};
  for (int k = 0; k < 3; k++) {
    static uint32_t owned[NEURONS];
    static letter sent[2 * NEURONS];
    static uint8_t seen[4][2 * NEURONS];
    uint32_t count = 0;
    for (uint32_t g = 0; g < NEURONS; g++)
      if (owners[k](g) == rank) owned[count++] = g;
    directory *d = directory_create(MPI_COMM_WORLD, NEURONS, count, owned);
    const size_t letters = rank % 2 ? 0 : 2 * NEURONS; /* odd ranks only receive */
    for (uint64_t i = 0; i < letters; i++)
      sent[i] = (letter){(uint32_t)(mix(i * 4 + (uint64_t)rank) % NEURONS), (uint32_t)rank, i};
    size_t received;
    letter *got = directory_route(d, sizeof *got, letters, sent, &received);
    memset(seen, 0, sizeof seen);
    for (size_t i = 0; i < received; i++) {
      EXPECT(owners[k](got[i].gid) == rank && got[i].from < 4 && got[i].number < 2 * NEURONS);
      EXPECT(got[i].gid == mix(got[i].number * 4 + got[i].from) % NEURONS);
      EXPECT(seen[got[i].from][got[i].number]++ == 0);
    }
    uint64_t mine = received, all, sent_count = letters, sent_all;
    MPI_Allreduce(&mine, &all, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
    MPI_Allreduce(&sent_count, &sent_all, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
    EXPECT(all == sent_all);
    free(got);
    directory_free(d);
  }
}

static void records_arrive_by_sender_in_the_order_sent(void) {
  static uint64_t record[3000];
  static int destination[3000];
  for (int i = 0; i < 3000; i++) {
    record[i] = (uint64_t)rank << 32 | (uint64_t)i;
    destination[i] = (int)(mix((uint64_t)i) % (uint64_t)ranks);
  }
  size_t received;
  uint64_t *got =
      directory_exchange(MPI_COMM_WORLD, sizeof *got, 3000, record, destination, &received);
  for (size_t i = 1; i < received; i++) EXPECT(got[i] > got[i - 1]);
  for (size_t i = 0; i < received; i++)
    EXPECT(mix(got[i] & 0xffffffff) % (uint64_t)ranks == (uint64_t)rank);
  free(got);
  free(directory_exchange(MPI_COMM_WORLD, 8, 0, NULL, NULL, &received));
  EXPECT(received == 0);
}

int main(int argc, char **argv) {
  promise_start(&argc, &argv);
  void (*const promise[])(void) = {
      slices_cover_all_neurons_in_order,
      letters_reach_the_owner_once,
      records_arrive_by_sender_in_the_order_sent,
      every_needed_spike_arrives_once_and_nothing_else,
      ranks_that_share_no_synapse_do_not_talk,
      ranks_without_neurons_take_part,
      spikes_stay_in_their_step,
      as_many_steps_at_once_as_fit_beside_the_gid,
  };
  PROMISE_KEEP(promise);
  MPI_Finalize();
}
