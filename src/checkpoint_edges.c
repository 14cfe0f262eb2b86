/* Fields of edges. In the file: edges/<name>/count, uint32 [neurons], in-edges of each neuron that
 * have the field, by gid; edges/<name>/value, all targets' values in this order.
 *
 * Values travel in rounds, so that memory stays bounded: in a round each rank handles a window of
 * its slice of `value`. The owner of a neuron tells each other rank which runs of its window are
 * the neuron's; values follow in the same order (saving) or come back in it (restoring). Values of
 * a rank's own neurons go straight between the neuron and the window. */
#include "agree.h"
#include "checkpoint_edge_places.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_CHUNKS = 8 };

static checkpoint_field value_field(const checkpoint_edge_field *e) {
  return (checkpoint_field){"value", e->field.unit, e->field.description, e->field.type};
}

/* ---- rounds ---- */

typedef struct {
  uint64_t at; /* in the slice of the rank that is told */
  uint32_t count;
} piece;

typedef struct {          /* values of a round to or from each rank */
  int *values, *value_at; /* [ranks] */
  size_t value_count;
} flow;

typedef struct {
  MPI_Comm comm;
  int rank, ranks, parts; /* parts: ranks that have slices */
  const checkpoint_state *state;
  const checkpoint_edge_field *field;
  const checkpoint_edge_places *places;
  uint64_t chunk;
  size_t size;        /* of a value */
  piece *piece;       /* of this rank's slice: by owner, then ascending */
  size_t *piece_next; /* [ranks] each owner's first that does not end before the round */
  size_t *piece_end;  /* [ranks] */
  flow mine, theirs;  /* between this rank's neurons and others' windows, and the reverse */
  uint64_t own_count; /* values of this rank's neurons in its own window */
  MPI_Datatype value_type;
  /* Values of a round: of other ranks as sent and as received, and in the order of the file. Kept
   * from round to round: fresh memory would cost more than what is done in it. */
  struct round_buffer {
    char *bytes;
    size_t capacity;
  } sent, got, ordered;
} edge_rounds;

static flow flow_make(int ranks) {
  int *values = check_allocate(2 * (size_t)ranks, sizeof *values);
  return (flow){values, values + ranks, 0};
}

static void sum_values(int ranks, flow *f) {
  f->value_count = 0;
  for (int k = 0; k < ranks; k++) {
    f->value_at[k] = (int)f->value_count;
    f->value_count += (size_t)f->values[k];
    if (f->value_count > INT_MAX)
      CHECK_ABORT("%zu values of edges in one exchange: use more ranks", f->value_count);
  }
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
  const uint64_t most = (chunks + (uint64_t)r->parts - 1) / (uint64_t)r->parts;
  return (most + WINDOW_CHUNKS - 1) / WINDOW_CHUNKS;
}

static checkpoint_slice window_of(const edge_rounds *r, int rank, uint64_t round) {
  const checkpoint_slice slice = checkpoint_slice_of(r->places->total, r->chunk, 0, r->parts, rank);
  const uint64_t step = WINDOW_CHUNKS * r->chunk, at = round * step;
  if (at >= slice.count) return (checkpoint_slice){slice.first + slice.count, 0};
  return (checkpoint_slice){slice.first + at, slice.count - at < step ? slice.count - at : step};
}

/* First of this rank's neurons whose values end behind `at`. */
static uint32_t find_place(const checkpoint_edge_places *p, uint32_t neurons, uint64_t at) {
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

/* What a run of values has in a window: `from` its own, `at` in the window. */
typedef struct {
  uint64_t from, at, count;
} overlap;

static overlap overlap_of(uint64_t first, uint64_t count, checkpoint_slice window) {
  const uint64_t begin = first > window.first ? first : window.first;
  const uint64_t end = first + count, last = window.first + window.count;
  const uint64_t stop = end < last ? end : last;
  return (overlap){begin - first, begin - window.first, stop > begin ? stop - begin : 0};
}

typedef void (*visitor)(edge_rounds *r, int other, uint32_t i, overlap part, void *to);

/* All neurons of this rank that have values in a window of another's slice, or of its own. */
static void visit_window(edge_rounds *r, int other, checkpoint_slice window, visitor visit,
                         void *to) {
  const checkpoint_edge_places *p = r->places;
  if (window.count == 0) return;
  for (uint32_t i = find_place(p, r->state->neurons, window.first);
       i < r->state->neurons && p->first[i] < window.first + window.count; i++)
    if (p->count[i] > 0) visit(r, other, i, overlap_of(p->first[i], p->count[i], window), to);
}

static void visit_windows(edge_rounds *r, uint64_t round, visitor visit, void *to) {
  for (int other = 0; other < r->parts; other++)
    visit_window(r, other, window_of(r, other, round), visit, to);
}

typedef struct {
  size_t count, capacity;
  piece *piece;
  int *destination;
} piece_list;

static void add_piece(edge_rounds *r, int other, uint32_t i, overlap part, void *to) {
  (void)r, (void)i;
  piece_list *list = to;
  size_t capacity = list->capacity;
  list->piece = check_grow(list->piece, &capacity, list->count + 1, sizeof *list->piece);
  list->destination =
      check_grow(list->destination, &list->capacity, list->count + 1, sizeof *list->destination);
  list->piece[list->count] = (piece){part.at, (uint32_t)part.count};
  list->destination[list->count++] = other;
}

/* Owners tell which pieces of the others' slices are theirs. */
static void tell_pieces(edge_rounds *r) {
  piece_list list = {0};
  int *count = check_allocate(2 * (size_t)r->ranks, sizeof *count), *told = count + r->ranks;
  for (int other = 0; other < r->ranks; other++) {
    const size_t before = list.count;
    if (other != r->rank)
      visit_window(r, other, checkpoint_slice_of(r->places->total, r->chunk, 0, r->parts, other),
                   add_piece, &list);
    count[other] = (int)(list.count - before);
  }
  size_t received, next = 0;
  r->piece = directory_exchange(r->comm, sizeof *r->piece, list.count, list.piece, list.destination,
                                &received);
  AGREE_MPI(MPI_Alltoall(count, 1, MPI_INT, told, 1, MPI_INT, r->comm));
  for (int k = 0; k < r->ranks; k++) {
    r->piece_next[k] = next;
    r->piece_end[k] = next += (size_t)told[k];
  }
  free(count);
  free(list.piece);
  free(list.destination);
}

/* What is left of an owner's piece in the window; count 0: it begins behind the window. */
static overlap piece_part(const edge_rounds *r, size_t k, checkpoint_slice window, uint64_t first) {
  return overlap_of(first + r->piece[k].at, r->piece[k].count, window);
}

static void count_values(edge_rounds *r, int other, uint32_t i, overlap part, void *to) {
  (void)i, (void)to;
  if (other == r->rank)
    r->own_count += part.count;
  else
    r->mine.values[other] += (int)part.count;
}

/* How many values go where in a round. */
static void begin_round(edge_rounds *r, uint64_t round) {
  const uint64_t first = window_of(r, r->rank, 0).first;
  const checkpoint_slice window = window_of(r, r->rank, round);
  r->own_count = 0;
  memset(r->mine.values, 0, (size_t)r->ranks * sizeof *r->mine.values);
  visit_windows(r, round, count_values, NULL);
  for (int k = 0; k < r->ranks; k++) {
    size_t *next = &r->piece_next[k];
    while (*next < r->piece_end[k] &&
           first + r->piece[*next].at + r->piece[*next].count <= window.first)
      ++*next;
    uint64_t count = 0, part = 1;
    for (size_t i = *next; i < r->piece_end[k] && part > 0; i++)
      count += part = piece_part(r, i, window, first).count;
    r->theirs.values[k] = (int)count;
  }
  sum_values(r->ranks, &r->mine);
  sum_values(r->ranks, &r->theirs);
  if (r->own_count + r->theirs.value_count != window.count)
    CHECK_ABORT("%llu and %zu values of edges for a window of %llu",
                (unsigned long long)r->own_count, r->theirs.value_count,
                (unsigned long long)window.count);
}

static edge_rounds rounds_make(const checkpoint_file *f, const checkpoint_state *state,
                               const checkpoint_edge_field *field,
                               const checkpoint_edge_places *places) {
  MPI_Comm comm = checkpoint_file_comm(f);
  edge_rounds r = {.comm = comm,
                   .parts = checkpoint_file_parts(f),
                   .state = state,
                   .field = field,
                   .places = places,
                   .chunk = checkpoint_chunk(places->total),
                   .size = checkpoint_type_bytes(field->field.type)};
  MPI_Comm_rank(comm, &r.rank);
  MPI_Comm_size(comm, &r.ranks);
  r.mine = flow_make(r.ranks);
  r.theirs = flow_make(r.ranks);
  r.piece_next = check_allocate(2 * (size_t)r.ranks, sizeof *r.piece_next);
  r.piece_end = r.piece_next + r.ranks;
  MPI_Type_contiguous((int)r.size, MPI_BYTE, &r.value_type);
  MPI_Type_commit(&r.value_type);
  tell_pieces(&r);
  return r;
}

static void rounds_free(edge_rounds *r) {
  MPI_Type_free(&r->value_type);
  free(r->mine.values);
  free(r->theirs.values);
  free(r->piece);
  free(r->piece_next);
  free(r->sent.bytes);
  free(r->got.bytes);
  free(r->ordered.bytes);
}

/* ---- saving ---- */

typedef struct {
  char *next;     /* where the next values for another rank go */
  char *window;   /* this rank's own */
  char *whole;    /* of one neuron that lies in several windows */
  uint32_t taken; /* the neuron that `whole` holds; UINT32_MAX: none */
  size_t capacity;
} outbox;

static void take_values(edge_rounds *r, int other, uint32_t i, overlap part, void *to) {
  outbox *o = to;
  const checkpoint_edge_field *field = r->field;
  const uint32_t count = r->places->count[i], local = r->places->local[i];
  const bool own = other == r->rank;
  char *at = own ? o->window + part.at * r->size : o->next;
  if (!own) o->next += part.count * r->size;
  if (part.count == count) {
    field->take(field->context, local, at);
    return;
  }
  if (o->taken != i) {
    o->whole = check_grow(o->whole, &o->capacity, count * r->size, 1);
    field->take(field->context, local, o->whole);
    o->taken = i;
  }
  memcpy(at, o->whole + part.from * r->size, part.count * r->size);
}

/* Between values by owner and the window they belong into. */
static void place_values(const edge_rounds *r, uint64_t round, char *values, char *window,
                         bool into_window) {
  const uint64_t first = window_of(r, r->rank, 0).first;
  const checkpoint_slice mine = window_of(r, r->rank, round);
  for (int k = 0; k < r->ranks; k++)
    for (size_t i = r->piece_next[k]; i < r->piece_end[k]; i++) {
      const overlap part = piece_part(r, i, mine, first);
      if (part.count == 0) break;
      const size_t bytes = part.count * r->size;
      char *at = window + part.at * r->size;
      if (into_window)
        memcpy(at, values, bytes);
      else
        memcpy(values, at, bytes);
      values += bytes;
    }
}

static void save_round(edge_rounds *r, uint64_t round, checkpoint_set *set, outbox *out) {
  const checkpoint_slice window = window_of(r, r->rank, round);
  begin_round(r, round);
  out->next = room(r, &r->sent, r->mine.value_count);
  out->window = room(r, &r->ordered, window.count);
  visit_windows(r, round, take_values, out);
  char *got = room(r, &r->got, r->theirs.value_count);
  AGREE_MPI(MPI_Alltoallv(r->sent.bytes, r->mine.values, r->mine.value_at, r->value_type, got,
                          r->theirs.values, r->theirs.value_at, r->value_type, r->comm));
  place_values(r, round, got, out->window, true);
  checkpoint_set_write(set, window.first, window.count, out->window);
}

static void write_field(checkpoint_file *f, const checkpoint_state *state,
                        const checkpoint_edge_field *e) {
  char group[CHECKPOINT_GROUP_MAX];
  checkpoint_file_group(f, checkpoint_edge_group(e, group));
  checkpoint_edge_places places = checkpoint_edge_places_write(f, state, e);
  edge_rounds r = rounds_make(f, state, e, &places);
  const checkpoint_field field = value_field(e);
  checkpoint_set *set = checkpoint_set_create(f, group, &field, places.total, true);
  outbox out = {.taken = UINT32_MAX};
  const uint64_t rounds = rounds_count(&r);
  for (uint64_t k = 0; k < rounds; k++) save_round(&r, k, set, &out);
  free(out.whole);
  checkpoint_set_close(set);
  rounds_free(&r);
  checkpoint_edge_places_free(&places);
}

void checkpoint_edges_write(checkpoint_file *f, const checkpoint_state *state) {
  if (state->edge_fields == 0) return;
  checkpoint_file_group(f, "edges");
  for (int k = 0; k < state->edge_fields; k++) write_field(f, state, &state->edge_field[k]);
}

/* ---- restoring ---- */

typedef struct {
  const char *next;   /* values that came from other ranks, by rank */
  const char *window; /* this rank's own */
  char **whole;       /* [neurons] of neurons that have come in part */
  uint32_t *have;     /* [neurons] */
} inbox;

static void give_values(edge_rounds *r, int other, uint32_t i, overlap part, void *to) {
  inbox *in = to;
  const bool own = other == r->rank;
  const checkpoint_edge_field *field = r->field;
  const uint32_t count = r->places->count[i], local = r->places->local[i];
  const char *at = own ? in->window + part.at * r->size : in->next;
  if (!own) in->next += part.count * r->size;
  if (part.count == count) {
    field->give(field->context, local, at);
    return;
  }
  if (!in->whole[i]) in->whole[i] = check_allocate_raw(count, r->size);
  memcpy(in->whole[i] + part.from * r->size, at, part.count * r->size);
  in->have[i] += part.count;
  if (in->have[i] < count) return;
  field->give(field->context, local, in->whole[i]);
  free(in->whole[i]);
  in->whole[i] = NULL;
}

static err restore_round(edge_rounds *r, uint64_t round, checkpoint_set *set, inbox *in) {
  begin_round(r, round);
  const checkpoint_slice window = window_of(r, r->rank, round);
  char *ordered = room(r, &r->ordered, window.count);
  const err e = checkpoint_set_read(set, window.first, window.count, ordered);
  char *sent = room(r, &r->sent, r->theirs.value_count);
  if (e == OK) place_values(r, round, sent, ordered, false);
  char *got = room(r, &r->got, r->mine.value_count);
  AGREE_MPI(MPI_Alltoallv(sent, r->theirs.values, r->theirs.value_at, r->value_type, got,
                          r->mine.values, r->mine.value_at, r->value_type, r->comm));
  in->next = got;
  in->window = ordered;
  if (e == OK) visit_windows(r, round, give_values, in);
  return e;
}

static err read_field(checkpoint_file *f, const directory *d, const checkpoint_state *state,
                      const checkpoint_edge_field *e) {
  char group[CHECKPOINT_GROUP_MAX];
  checkpoint_edge_places places;
  checkpoint_set *set = NULL;
  err fault = checkpoint_edge_places_read(f, d, state, e, &places);
  const checkpoint_field field = value_field(e);
  if (fault == OK)
    fault = checkpoint_set_open(f, checkpoint_edge_group(e, group), &field, places.total, &set);
  if (fault == OK) {
    edge_rounds r = rounds_make(f, state, e, &places);
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
  checkpoint_edge_places_free(&places);
  return fault;
}

err checkpoint_edges_read(checkpoint_file *f, const directory *d, checkpoint_state *state) {
  err e = OK;
  for (int k = 0; e == OK && k < state->edge_fields; k++)
    e = read_field(f, d, state, &state->edge_field[k]);
  return e;
}
