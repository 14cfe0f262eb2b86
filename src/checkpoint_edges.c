/* Fields of edges. In the file: edges/<name>/count, uint32 [neurons], in-edges of each neuron that
 * have the field, by gid; edges/<name>/value, all targets' values in this order.
 *
 * Values travel in rounds, so that memory stays bounded: in a round each rank handles a window of
 * its slice of `value`. The owner of a neuron tells each rank which runs of its window are the
 * neuron's; values follow in the same order (saving) or come back in it (restoring).          */
#include "agree.h"
#include "checkpoint_state.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_CHUNKS = 4 };

static checkpoint_field count_field(const checkpoint_edge_field *e) {
  (void)e;
  return (checkpoint_field){"count", "", "in-edges of each neuron that have the field, by gid",
                            CHECKPOINT_UINT32};
}

static checkpoint_field value_field(const checkpoint_edge_field *e) {
  return (checkpoint_field){"value", e->field.unit, e->field.description, e->field.type};
}

static const char *group_of(const checkpoint_edge_field *e, char group[256]) {
  snprintf(group, 256, "edges/%s", e->field.name);
  return group;
}

/* ---- where each neuron's values are in the file ---- */

typedef struct {
  uint32_t gid, count;
  int rank; /* its owner */
} edge_count;

typedef struct {
  uint32_t gid, count;
  uint64_t first;
} edge_run;

typedef struct { /* this rank's neurons, ascending by gid and so by place in the file */
  uint64_t total;
  uint32_t *local; /* [neurons] */
  uint64_t *first; /* [neurons + 1]; not the next one's where another rank owns what is between */
  uint32_t *count;
} edge_places;

static int compare_runs(const void *a, const void *b) {
  const edge_run *x = a, *y = b;
  return (x->gid > y->gid) - (x->gid < y->gid);
}

/* Offsets of a slice's neurons from their counts; total of all. */
static uint64_t *prefix(MPI_Comm comm, uint64_t size, const uint32_t *count, uint64_t *total) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  uint64_t sum = 0, before = 0;
  for (uint64_t i = 0; i < size; i++) sum += count[i];
  AGREE_MPI(MPI_Exscan(&sum, &before, 1, MPI_UINT64_T, MPI_SUM, comm));
  AGREE_MPI(MPI_Allreduce(&sum, total, 1, MPI_UINT64_T, MPI_SUM, comm));
  uint64_t *first = check_allocate(size, sizeof *first);
  uint64_t next = rank == 0 ? 0 : before;
  for (uint64_t i = 0; i < size; i++) {
    first[i] = next;
    next += count[i];
  }
  return first;
}

/* Takes over `run`, those of this rank's neurons in any order. */
static edge_places places_make(const checkpoint_state *state, size_t runs, edge_run *run,
                               uint64_t total) {
  edge_places p = {.total = total,
                   .local = check_allocate(runs, sizeof *p.local),
                   .first = check_allocate(runs, sizeof *p.first),
                   .count = check_allocate(runs, sizeof *p.count)};
  checkpoint_place *place = checkpoint_places(state);
  qsort(run, runs, sizeof *run, compare_runs);
  for (size_t i = 0; i < runs; i++) {
    p.local[i] = checkpoint_place_find(place, state->neurons, run[i].gid);
    p.first[i] = run[i].first;
    p.count[i] = run[i].count;
  }
  free(place);
  free(run);
  return p;
}

static void places_free(edge_places *p) {
  free(p->local);
  free(p->first);
  free(p->count);
}

/* Write the counts; what each neuron's place follows from. */
static edge_places write_counts(checkpoint_file *f, const checkpoint_state *state,
                                const checkpoint_edge_field *e) {
  MPI_Comm comm = checkpoint_file_comm(f);
  int rank, ranks;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  const uint64_t chunk = checkpoint_chunk(state->m->neurons);
  const checkpoint_slice slice = checkpoint_slice_of(state->m->neurons, chunk, 0, ranks, rank);
  edge_count *mine = check_allocate(state->neurons, sizeof *mine);
  int *destination = check_allocate(state->neurons, sizeof *destination);
  for (uint32_t i = 0; i < state->neurons; i++) {
    mine[i] = (edge_count){state->gid[i], e->count[i], rank};
    destination[i] = checkpoint_slice_rank(state->m->neurons, chunk, 0, ranks, state->gid[i]);
  }
  size_t got, runs;
  edge_count *told =
      directory_exchange(comm, sizeof *mine, state->neurons, mine, destination, &got);
  uint32_t *count = check_allocate(slice.count, sizeof *count);
  for (size_t i = 0; i < got; i++) count[told[i].gid - slice.first] = told[i].count;
  uint64_t total;
  uint64_t *first = prefix(comm, slice.count, count, &total);
  edge_run *run = check_allocate(got, sizeof *run);
  free(destination);
  destination = check_allocate(got, sizeof *destination);
  for (size_t i = 0; i < got; i++) {
    run[i] = (edge_run){told[i].gid, told[i].count, first[told[i].gid - slice.first]};
    destination[i] = told[i].rank;
  }
  edge_run *back = directory_exchange(comm, sizeof *run, got, run, destination, &runs);
  char group[256];
  const checkpoint_field field = count_field(e);
  checkpoint_file_write(f, group_of(e, group), &field, state->m->neurons, slice, count);
  free(run);
  free(first);
  free(count);
  free(told);
  free(destination);
  free(mine);
  return places_make(state, runs, back, total);
}

static err read_counts(checkpoint_file *f, const directory *d, const checkpoint_state *state,
                       const checkpoint_edge_field *e, edge_places *places) {
  MPI_Comm comm = checkpoint_file_comm(f);
  int rank, ranks;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  const checkpoint_slice slice =
      checkpoint_slice_of(state->m->neurons, checkpoint_chunk(state->m->neurons), 0, ranks, rank);
  uint32_t *count = check_allocate(slice.count, sizeof *count);
  char group[256];
  const checkpoint_field field = count_field(e);
  err fault = checkpoint_file_read(f, group_of(e, group), &field, state->m->neurons, slice, count);
  *places = (edge_places){0};
  if (fault == OK) {
    uint64_t total;
    uint64_t *first = prefix(comm, slice.count, count, &total);
    edge_run *run = check_allocate(slice.count, sizeof *run);
    for (uint64_t i = 0; i < slice.count; i++)
      run[i] = (edge_run){(uint32_t)(slice.first + i), count[i], first[i]};
    size_t runs;
    edge_run *mine = directory_route(d, sizeof *run, slice.count, run, &runs);
    *places = places_make(state, runs, mine, total);
    for (size_t i = 0; i < runs && fault == OK; i++)
      if (places->count[i] != e->count[places->local[i]])
        fault = check_fail(ERR_USER, "%s: %s: neuron %u has %u edges in it, now there are %u",
                           checkpoint_file_path(f), group, state->gid[places->local[i]],
                           places->count[i], e->count[places->local[i]]);
    free(run);
    free(first);
    fault = agree(comm, fault);
  }
  free(count);
  return fault;
}

/* ---- a round ---- */

typedef struct {
  uint32_t at, count; /* in the window */
} piece;

typedef struct {          /* runs told or heard, by rank */
  int *pieces, *piece_at; /* [ranks] */
  int *values, *value_at; /* [ranks] */
  piece *piece;
  size_t piece_count, value_count, capacity;
} pieces;

typedef struct {
  MPI_Comm comm;
  int rank, ranks;
  const checkpoint_state *state;
  const checkpoint_edge_field *field;
  const edge_places *places;
  uint64_t chunk;
  size_t size; /* of a value */
  pieces mine, theirs;
  MPI_Datatype value_type, piece_type;
  /* Values of a round: by rank as sent and as received, and in the order of the file. Kept from
   * round to round: fresh memory would cost more than what is done in it. */
  struct round_buffer {
    char *bytes;
    size_t capacity;
  } sent, got, ordered;
} edge_rounds;

static void pieces_make(pieces *p, int ranks) {
  p->pieces = check_allocate(4 * (size_t)ranks, sizeof *p->pieces);
  p->piece_at = p->pieces + ranks;
  p->values = p->pieces + 2 * ranks;
  p->value_at = p->pieces + 3 * ranks;
}

static void pieces_free(pieces *p) {
  free(p->pieces);
  free(p->piece);
}

static edge_rounds rounds_make(MPI_Comm comm, const checkpoint_state *state,
                               const checkpoint_edge_field *field, const edge_places *places) {
  edge_rounds r = {.comm = comm,
                   .state = state,
                   .field = field,
                   .places = places,
                   .chunk = checkpoint_chunk(places->total),
                   .size = checkpoint_type_bytes(field->field.type)};
  MPI_Comm_rank(comm, &r.rank);
  MPI_Comm_size(comm, &r.ranks);
  pieces_make(&r.mine, r.ranks);
  pieces_make(&r.theirs, r.ranks);
  MPI_Type_contiguous((int)r.size, MPI_BYTE, &r.value_type);
  MPI_Type_contiguous((int)sizeof(piece), MPI_BYTE, &r.piece_type);
  MPI_Type_commit(&r.value_type);
  MPI_Type_commit(&r.piece_type);
  return r;
}

static void rounds_free(edge_rounds *r) {
  MPI_Type_free(&r->value_type);
  MPI_Type_free(&r->piece_type);
  pieces_free(&r->mine);
  pieces_free(&r->theirs);
  free(r->sent.bytes);
  free(r->got.bytes);
  free(r->ordered.bytes);
}

static char *room(const edge_rounds *r, struct round_buffer *b, size_t values) {
  if (values * r->size > b->capacity) {
    free(b->bytes);
    b->capacity = values * r->size;
    b->bytes = check_allocate_raw(b->capacity, 1);
  }
  return b->bytes;
}

/* The same on all ranks: enough for the largest slice. */
static uint64_t rounds_count(const edge_rounds *r) {
  const uint64_t chunks = (r->places->total + r->chunk - 1) / r->chunk;
  const uint64_t most = (chunks + (uint64_t)r->ranks - 1) / (uint64_t)r->ranks;
  return (most + WINDOW_CHUNKS - 1) / WINDOW_CHUNKS;
}

static checkpoint_slice window_of(const edge_rounds *r, int rank, uint64_t round) {
  const checkpoint_slice slice = checkpoint_slice_of(r->places->total, r->chunk, 0, r->ranks, rank);
  const uint64_t step = WINDOW_CHUNKS * r->chunk, at = round * step;
  if (at >= slice.count) return (checkpoint_slice){slice.first + slice.count, 0};
  return (checkpoint_slice){slice.first + at, slice.count - at < step ? slice.count - at : step};
}

/* First of this rank's neurons whose values end behind `at`. */
static uint32_t find_place(const edge_places *p, uint32_t neurons, uint64_t at) {
  uint32_t low = 0, high = neurons;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (p->first[middle] + p->count[middle] > at)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

/* What one neuron has in a window: `from` its own, `at` in the window. */
typedef struct {
  uint32_t from, at, count;
} overlap;

static overlap overlap_of(const edge_places *p, uint32_t i, checkpoint_slice window) {
  const uint64_t begin = p->first[i] > window.first ? p->first[i] : window.first;
  const uint64_t end = p->first[i] + p->count[i], last = window.first + window.count;
  const uint64_t stop = end < last ? end : last;
  return (overlap){(uint32_t)(begin - p->first[i]), (uint32_t)(begin - window.first),
                   (uint32_t)(stop - begin)};
}

typedef void (*visitor)(edge_rounds *r, uint32_t i, overlap part, void *to);

/* All neurons of this rank that have values in any rank's window of this round, by rank. */
static void visit_windows(edge_rounds *r, uint64_t round, visitor visit, void *to) {
  for (int other = 0; other < r->ranks; other++) {
    const checkpoint_slice window = window_of(r, other, round);
    const size_t piece_count = r->mine.piece_count, value_count = r->mine.value_count;
    if (window.count > 0)
      for (uint32_t i = find_place(r->places, r->state->neurons, window.first);
           i < r->state->neurons && r->places->first[i] < window.first + window.count; i++)
        if (r->places->count[i] > 0) visit(r, i, overlap_of(r->places, i, window), to);
    if (to) continue;
    r->mine.pieces[other] = (int)(r->mine.piece_count - piece_count);
    r->mine.values[other] = (int)(r->mine.value_count - value_count);
  }
}

static void add_piece(edge_rounds *r, uint32_t i, overlap part, void *to) {
  (void)i, (void)to;
  pieces *p = &r->mine;
  p->piece = check_grow(p->piece, &p->capacity, p->piece_count + 1, sizeof *p->piece);
  p->piece[p->piece_count++] = (piece){part.at, part.count};
  p->value_count += part.count;
}

static void sum_offsets(int ranks, const int *count, int *at, size_t total) {
  if (total > INT_MAX) CHECK_ABORT("%zu values of edges in one exchange: use more ranks", total);
  for (int k = 0, sum = 0; k < ranks; sum += count[k++]) at[k] = sum;
}

/* Owners tell which pieces of the windows are theirs. */
static void tell_pieces(edge_rounds *r, uint64_t round) {
  pieces *mine = &r->mine, *theirs = &r->theirs;
  mine->piece_count = mine->value_count = 0;
  visit_windows(r, round, add_piece, NULL);
  sum_offsets(r->ranks, mine->pieces, mine->piece_at, mine->piece_count);
  sum_offsets(r->ranks, mine->values, mine->value_at, mine->value_count);
  AGREE_MPI(MPI_Alltoall(mine->pieces, 1, MPI_INT, theirs->pieces, 1, MPI_INT, r->comm));
  AGREE_MPI(MPI_Alltoall(mine->values, 1, MPI_INT, theirs->values, 1, MPI_INT, r->comm));
  theirs->piece_count = theirs->value_count = 0;
  for (int k = 0; k < r->ranks; k++) {
    theirs->piece_count += (size_t)theirs->pieces[k];
    theirs->value_count += (size_t)theirs->values[k];
  }
  sum_offsets(r->ranks, theirs->pieces, theirs->piece_at, theirs->piece_count);
  sum_offsets(r->ranks, theirs->values, theirs->value_at, theirs->value_count);
  theirs->piece =
      check_grow(theirs->piece, &theirs->capacity, theirs->piece_count, sizeof *theirs->piece);
  AGREE_MPI(MPI_Alltoallv(mine->piece, mine->pieces, mine->piece_at, r->piece_type, theirs->piece,
                          theirs->pieces, theirs->piece_at, r->piece_type, r->comm));
}

/* ---- saving ---- */

typedef struct {
  char *next;     /* where the next values go */
  char *whole;    /* of one neuron */
  uint32_t taken; /* the neuron that `whole` holds; UINT32_MAX: none */
  size_t capacity;
} outbox;

static void take_values(edge_rounds *r, uint32_t i, overlap part, void *to) {
  outbox *o = to;
  if (o->taken != i) {
    o->whole = check_grow(o->whole, &o->capacity, r->places->count[i] * r->size, 1);
    r->field->take(r->field->context, r->places->local[i], o->whole);
    o->taken = i;
  }
  memcpy(o->next, o->whole + part.from * r->size, part.count * r->size);
  o->next += part.count * r->size;
}

/* Between values by rank and the window they belong into. */
static void place_values(const edge_rounds *r, char *values, char *window, bool into_window) {
  for (size_t k = 0; k < r->theirs.piece_count; k++) {
    const size_t bytes = r->theirs.piece[k].count * r->size;
    char *at = window + r->theirs.piece[k].at * r->size;
    if (into_window)
      memcpy(at, values, bytes);
    else
      memcpy(values, at, bytes);
    values += bytes;
  }
}

static void save_round(edge_rounds *r, uint64_t round, checkpoint_set *set, outbox *out) {
  tell_pieces(r, round);
  char *sent = room(r, &r->sent, r->mine.value_count);
  out->next = sent;
  visit_windows(r, round, take_values, out);
  char *got = room(r, &r->got, r->theirs.value_count);
  AGREE_MPI(MPI_Alltoallv(sent, r->mine.values, r->mine.value_at, r->value_type, got,
                          r->theirs.values, r->theirs.value_at, r->value_type, r->comm));
  const checkpoint_slice window = window_of(r, r->rank, round);
  if (r->theirs.value_count != window.count)
    CHECK_ABORT("%zu values of edges for a window of %llu", r->theirs.value_count,
                (unsigned long long)window.count);
  char *ordered = room(r, &r->ordered, window.count);
  place_values(r, got, ordered, true);
  checkpoint_set_write(set, window.first, window.count, ordered);
}

static void write_field(checkpoint_file *f, const checkpoint_state *state,
                        const checkpoint_edge_field *e) {
  char group[256];
  checkpoint_file_group(f, group_of(e, group));
  edge_places places = write_counts(f, state, e);
  edge_rounds r = rounds_make(checkpoint_file_comm(f), state, e, &places);
  const checkpoint_field field = value_field(e);
  checkpoint_set *set = checkpoint_set_create(f, group, &field, places.total, true);
  outbox out = {.taken = UINT32_MAX};
  const uint64_t rounds = rounds_count(&r);
  for (uint64_t k = 0; k < rounds; k++) save_round(&r, k, set, &out);
  free(out.whole);
  checkpoint_set_close(set);
  rounds_free(&r);
  places_free(&places);
}

void checkpoint_edges_write(checkpoint_file *f, const checkpoint_state *state) {
  if (state->edge_fields == 0) return;
  checkpoint_file_group(f, "edges");
  for (int k = 0; k < state->edge_fields; k++) write_field(f, state, &state->edge_field[k]);
}

/* ---- restoring ---- */

typedef struct {
  const char *next; /* values that came, by rank */
  char **whole;     /* [neurons] of neurons that have come in part */
  uint32_t *have;   /* [neurons] */
} inbox;

static void give_values(edge_rounds *r, uint32_t i, overlap part, void *to) {
  inbox *in = to;
  const uint32_t count = r->places->count[i];
  if (!in->whole[i]) in->whole[i] = check_allocate_raw(count, r->size);
  memcpy(in->whole[i] + part.from * r->size, in->next, part.count * r->size);
  in->next += part.count * r->size;
  in->have[i] += part.count;
  if (in->have[i] < count) return;
  r->field->give(r->field->context, r->places->local[i], in->whole[i]);
  free(in->whole[i]);
  in->whole[i] = NULL;
}

static err restore_round(edge_rounds *r, uint64_t round, checkpoint_set *set, inbox *in) {
  tell_pieces(r, round);
  const checkpoint_slice window = window_of(r, r->rank, round);
  char *ordered = room(r, &r->ordered, window.count);
  const err e = checkpoint_set_read(set, window.first, window.count, ordered);
  char *sent = room(r, &r->sent, r->theirs.value_count);
  if (e == OK) place_values(r, sent, ordered, false);
  char *got = room(r, &r->got, r->mine.value_count);
  AGREE_MPI(MPI_Alltoallv(sent, r->theirs.values, r->theirs.value_at, r->value_type, got,
                          r->mine.values, r->mine.value_at, r->value_type, r->comm));
  in->next = got;
  if (e == OK) visit_windows(r, round, give_values, in);
  return e;
}

static err read_field(checkpoint_file *f, const directory *d, const checkpoint_state *state,
                      const checkpoint_edge_field *e) {
  char group[256];
  edge_places places;
  checkpoint_set *set = NULL;
  err fault = read_counts(f, d, state, e, &places);
  const checkpoint_field field = value_field(e);
  if (fault == OK) fault = checkpoint_set_open(f, group_of(e, group), &field, places.total, &set);
  if (fault == OK) {
    edge_rounds r = rounds_make(checkpoint_file_comm(f), state, e, &places);
    inbox in = {.whole = check_allocate(state->neurons, sizeof *in.whole),
                .have = check_allocate(state->neurons, sizeof *in.have)};
    const uint64_t rounds = rounds_count(&r);
    for (uint64_t k = 0; fault == OK && k < rounds; k++) fault = restore_round(&r, k, set, &in);
    for (uint32_t i = 0; i < state->neurons; i++) free(in.whole[i]);
    free(in.whole);
    free(in.have);
    rounds_free(&r);
  }
  checkpoint_set_close(set);
  places_free(&places);
  return fault;
}

err checkpoint_edges_read(checkpoint_file *f, const directory *d, checkpoint_state *state) {
  err e = OK;
  for (int k = 0; e == OK && k < state->edge_fields; k++)
    e = read_field(f, d, state, &state->edge_field[k]);
  return e;
}
