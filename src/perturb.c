#include "perturb.h"
#include "agree.h"
#include "partition.h"
#include "perturb_file.h"
#include "perturb_groups.h"
#include "perturb_nodes.h"
#include "random.h"
#include "run_build.h"
#include "run_save.h"
#include "watchdog.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { /* this rank's part of the state that every run starts from */
  int64_t step;
  void *state[NEURON_STATES_MAX];
  int32_t *refractory;
  int steps;
  step_spikes *under_way; /* [steps] */
} start_state;

typedef struct {
  MPI_Comm comm; /* all ranks */
  int rank, ranks;
  perturb_groups groups;
  const perturb_options *options;
  machine node;
  model *m;
  network *n;
  shard s;
  stepper *w;
  checkpoint *from;
  char *path; /* of the checkpoint */
  perturb_nodes nodes;
  uint32_t *local;    /* [nodes] of this rank; UINT32_MAX: another's */
  int64_t bin, delay; /* [dt] */
  bool resampled;
  uint64_t seed; /* of the background */
  start_state start;
  uint8_t at_start[PERTURB_NODES_MAX]; /* state at the checkpoint */
  json_t *about;
  int64_t runs, done; /* of states x repeats; state varies fastest; done: by all groups */
  uint64_t *on;       /* [2^n][n] what this rank has seen */
  double begun, kept; /* [s] MPI_Wtime */
  double slowest;     /* [s] stretch of runs, of any group */
  int64_t begun_at;   /* runs that an earlier call had done */
  stop_reason ended;
} perturbation;

/* ---- what is asked ---- */

static err steps_of(const model *m, const char *key, double ms, int64_t least, int64_t *steps) {
  const double ratio = ms / m->dt;
  if (!(ratio <= 1e9) || fabs(ratio - rint(ratio)) > 1e-6 || rint(ratio) < (double)least)
    return check_fail(ERR_USER,
                      "%s %.9g: a multiple of the model's step of %.9g ms is needed, from %lld to "
                      "10^9 steps",
                      key, ms, m->dt, (long long)least);
  *steps = llrint(ratio);
  return OK;
}

static err check_size(const perturbation *x) {
  const size_t n = x->nodes.count;
  if (n <= PERTURB_NODES_MAX) return OK;
  const double runs = exp2((double)n) * (double)x->options->repeats;
  return check_fail(ERR_USER,
                    "--nodes names %zu neurons: 2^%zu states x %lld repeats are %.3g runs, %.3g s "
                    "to simulate; allowed are 1 to %d neurons",
                    n, n, (long long)x->options->repeats, runs,
                    runs * (double)(1 + x->delay + x->bin) * x->m->dt / 1000, PERTURB_NODES_MAX);
}

static err choose_background(perturbation *x) {
  const perturb_options *o = x->options;
  bool poisson = false;
  for (int k = 0; k < x->m->inputs; k++) poisson |= x->m->input[k].kind == INPUT_POISSON;
  if (o->repeats > 1 && o->background == PERTURB_FIXED)
    return check_fail(ERR_USER,
                      "--background fixed --repeats %lld: every repeat would be the same; allowed "
                      "is one, or --background resampled",
                      (long long)o->repeats);
  if (o->repeats > 1 && !poisson)
    return check_fail(ERR_USER,
                      "--repeats %lld: the model has no Poisson input, so that every repeat would "
                      "be the same; allowed is 1",
                      (long long)o->repeats);
  x->resampled = o->background == PERTURB_RESAMPLED || o->repeats > 1;
  x->seed = o->seeded ? o->seed : x->m->seed;
  return OK;
}

/* The table may be written, and is nothing that is read. */
static err check_out(const perturbation *x) {
  const perturb_options *o = x->options;
  if (!o->out) return OK;
  model_place place;
  if (check_same_file(o->out, checkpoint_tell(x->from).path) ||
      check_same_file(o->out, o->partition) || model_reads(x->m, o->out, &place))
    return check_fail(ERR_USER, "--out %s is a file that is read; it would be replaced", o->out);
  return perturb_file_check(o->out, o->overwrite);
}

static err read_request(perturbation *x) {
  const perturb_options *o = x->options;
  err e = steps_of(x->m, "--bin", o->bin, 1, &x->bin);
  if (e == OK) e = steps_of(x->m, "--delay", o->delay, 0, &x->delay);
  if (e == OK) e = perturb_nodes_parse(x->m, o->nodes, &x->nodes);
  if (e == OK) e = check_size(x);
  if (e == OK) e = perturb_nodes_check(x->m, &x->nodes);
  if (e == OK) e = choose_background(x);
  if (e == OK && x->rank == 0) e = check_out(x);
  if (e == OK) x->runs = o->repeats << x->nodes.count;
  return agree(x->comm, e);
}

/* Checksum in the seal of the checkpoint (checkpoint_seal.h): "xxh3 <32 digits>". */
static void read_hash(const char *path, char hash[33]) {
  char seal[513] = {0};
  FILE *file = fopen(path, "rb");
  if (file && fread(seal, 1, 512, file) == 512) {
    const char *at = strstr(seal, "\nxxh3 ");
    if (at) snprintf(hash, 33, "%.32s", at + 6);
  }
  if (file) fclose(file);
}

static json_t *number_or_text(uint64_t value) {
  char text[24];
  snprintf(text, sizeof text, "%llu", (unsigned long long)value);
  return value <= INT64_MAX ? json_integer((json_int_t)value) : json_string(text);
}

/* Where the table comes from: nothing of ranks, groups, threads or time. */
static json_t *tell_origin(const perturbation *x) {
  const checkpoint_facts facts = checkpoint_tell(x->from);
  char hash[33] = "";
  if (x->rank == 0) read_hash(facts.path, hash); /* who writes the file */
  json_t *about = json_object(), *nodes = json_array();
  for (size_t i = 0; i < x->nodes.count; i++)
    json_array_append_new(nodes, json_string(x->nodes.label[i]));
  json_object_set_new(about, "kind", json_string("perturbation"));
  json_object_set_new(about, "program", json_string("shinkei " SHINKEI_VERSION));
  json_object_set_new(about, "checkpoint", json_string(facts.path));
  json_object_set_new(about, "checkpoint_xxh3", json_string(hash));
  json_object_set_new(about, "model_hash", json_string(facts.model_hash));
  json_object_set_new(about, "time_ms", json_real(facts.time));
  json_object_set_new(about, "nodes", nodes);
  json_object_set_new(about, "bin_ms", json_real(record_time(x->m, x->bin)));
  json_object_set_new(about, "delay_ms", json_real(record_time(x->m, x->delay)));
  json_object_set_new(about, "background", json_string(x->resampled ? "resampled" : "fixed"));
  json_object_set_new(about, "background_seed", number_or_text(x->seed));
  json_object_set_new(about, "repeats", json_integer(x->options->repeats));
  return about;
}

static void tell_window(perturbation *x) {
  const int64_t known = network_max_delay(x->n), window = x->bin < known ? x->bin : known;
  json_object_set_new(x->about, "state_window_ms", json_real(record_time(x->m, window)));
}

/* ---- the state that every run starts from ---- */

static size_t real_size(const perturbation *x) {
  return x->m->double_precision ? sizeof(double) : sizeof(float);
}

static void *copy_of(const void *from, size_t count, size_t size) {
  return from ? memcpy(check_allocate_raw(count, size), from, count * size) : NULL;
}

static void take_start(perturbation *x) {
  start_state *to = &x->start;
  to->step = step_done(x->w);
  for (int k = 0; k < NEURON_STATES_MAX; k++)
    to->state[k] = copy_of(x->s.state[k], x->s.neurons, real_size(x));
  to->refractory = copy_of(x->s.refractory, x->s.neurons, sizeof *to->refractory);
  const step_spikes *under_way = step_under_way(x->w, &to->steps);
  to->under_way = check_allocate((size_t)to->steps, sizeof *to->under_way);
  for (int i = 0; i < to->steps; i++) {
    to->under_way[i] = under_way[i];
    to->under_way[i].gid = copy_of(under_way[i].gid, under_way[i].count, sizeof(uint32_t));
  }
}

static void go_to_start(perturbation *x) {
  const start_state *from = &x->start;
  for (int k = 0; k < NEURON_STATES_MAX; k++)
    if (from->state[k]) memcpy(x->s.state[k], from->state[k], x->s.neurons * real_size(x));
  memcpy(x->s.refractory, from->refractory, x->s.neurons * sizeof *from->refractory);
  step_resume(x->w, from->step, from->steps, from->under_way);
}

static void start_free(start_state *s) {
  for (int k = 0; k < NEURON_STATES_MAX; k++) free(s->state[k]);
  for (int i = 0; i < s->steps; i++) free(s->under_way[i].gid);
  free(s->under_way);
  free(s->refractory);
}

/* ---- one run ---- */

/* Chosen neurons of this rank that fired after step `after`, of the steps still remembered. */
static uint32_t who_fired(const perturbation *x, int64_t after) {
  int steps;
  uint32_t fired = 0;
  const step_spikes *spikes = step_under_way(x->w, &steps);
  for (int i = 0; i < steps; i++) {
    if (spikes[i].step <= after) continue;
    for (size_t k = 0; k < spikes[i].count; k++)
      for (size_t j = 0; j < x->nodes.count; j++)
        if (x->nodes.gid[j] == spikes[i].gid[k]) fired |= 1u << j;
  }
  return fired;
}

/* Those that fire in the bin. Only max_delay steps are remembered, so that is how far it goes at
 * once. */
static uint32_t run_bin(perturbation *x, int64_t first, int64_t last) {
  const int64_t most = network_max_delay(x->n);
  uint32_t fired = 0;
  for (int64_t done = first; done < last;) {
    const int64_t next = done + most < last ? done + most : last;
    step_run(x->w, next);
    fired |= who_fired(x, done);
    done = next;
  }
  return fired;
}

static uint64_t seed_of(const perturbation *x, int64_t repeat) {
  if (!x->resampled) return x->seed;
  const random_words w = random_draw(x->seed, RANDOM_SAMPLE, 0, (uint32_t)repeat, 0);
  return (uint64_t)w.word[0] << 32 | w.word[1];
}

static void run_once(perturbation *x, int64_t run) {
  const size_t n = x->nodes.count;
  const uint32_t state = (uint32_t)(run & (((int64_t)1 << n) - 1));
  const uint64_t seed = seed_of(x, run >> n);
  go_to_start(x);
  for (int k = 0; k < x->s.blocks; k++) input_set_seed(x->s.block[k].input, seed);
  for (size_t j = 0; j < n; j++)
    if (x->local[j] != UINT32_MAX) shard_impose(&x->s, x->local[j], state >> j & 1);
  const int64_t first = x->start.step + 1 + x->delay;
  step_run(x->w, first);
  const uint32_t fired = run_bin(x, first, first + x->bin);
  for (size_t j = 0; j < n; j++) x->on[state * n + j] += fired >> j & 1;
}

/* ---- all of them ---- */

static size_t cells_of(const perturbation *x) { return x->nodes.count << x->nodes.count; }

/* What all ranks have seen, on rank 0. */
static uint64_t *gather(const perturbation *x) {
  uint64_t *all = check_allocate(cells_of(x), sizeof *all);
  AGREE_MPI(MPI_Reduce(x->on, all, (int)cells_of(x), MPI_UINT64_T, MPI_SUM, 0, x->comm));
  return all;
}

static void keep(perturbation *x) {
  uint64_t *all = gather(x);
  if (x->rank == 0 && x->options->out &&
      perturb_file_keep(x->options->out, x->about, x->done, cells_of(x), all) != OK) {
    fprintf(stderr, "shinkei: warning: %s\n", check_message());
    check_clear();
  }
  free(all);
  x->kept = MPI_Wtime();
}

/* seconds: of a run. */
static void say_cost(const perturbation *x, double seconds) {
  const double left = seconds * ceil((double)(x->runs - x->done) / x->groups.count);
  fprintf(stderr,
          "perturb: 2^%zu = %lld states x %lld repeat%s of %lld steps, %lld runs to go: about %.2g "
          "%s on %d rank%s\n",
          x->nodes.count, 1LL << x->nodes.count, (long long)x->options->repeats,
          x->options->repeats == 1 ? "" : "s", (long long)(1 + x->delay + x->bin),
          (long long)(x->runs - x->done),
          left < 100    ? left
          : left < 6000 ? left / 60
                        : left / 3600,
          left < 100    ? "s"
          : left < 6000 ? "minutes"
                        : "hours",
          x->ranks, x->ranks == 1 ? "" : "s");
}

static void show_progress(const perturbation *x) {
  if (x->rank != 0 || !isatty(STDERR_FILENO)) return;
  const double spent = MPI_Wtime() - x->begun;
  fprintf(stderr, "\r%lld of %lld runs, %.0f s to go \033[K", (long long)x->done,
          (long long)x->runs,
          spent * (double)(x->runs - x->done) / (double)(x->done - x->begun_at));
  if (x->done == x->runs) fputs("\r\033[K", stderr);
}

/* All groups have made the runs up to `last`. They agree how many come next, by the seconds that
 * the slowest took, and whether to keep what there is or to end. */
static void look(perturbation *x, int64_t last, double *seconds, int64_t *stretch) {
  const double LOOK_SECONDS = 0.5, KEEP_SECONDS = 30;
  const bool keep_due = x->rank == 0 && x->options->out && MPI_Wtime() - x->kept > KEEP_SECONDS;
  int64_t said[3] = {llrint(1e6 * *seconds), stop_asked_to_end(), keep_due};
  /* stretches grow to four times the last at most; of the first nothing is known */
  perturb_groups_agree(&x->groups, x->slowest > 0 ? 10 * x->slowest : INFINITY, 3, said);
  *seconds = fmax(1e-6 * (double)said[0], 1e-6);
  x->slowest = fmax(x->slowest, *seconds);
  *stretch = (int64_t)fmin((double)*stretch * fmin(LOOK_SECONDS / *seconds, 4), 1e6);
  if (*stretch < x->groups.count) *stretch = x->groups.count;
  x->done = last;
  if (x->done == x->runs) return;
  x->ended = (stop_reason)said[1];
  if (said[1] || said[2]) keep(x);
}

/* Those runs below `last` that this group gets. */
static void make_runs(perturbation *x, int64_t last) {
  while (x->groups.next < last) {
    perturb_groups_ask(&x->groups);
    run_once(x, x->groups.next);
    perturb_groups_take(&x->groups);
  }
}

/* The first runs find memory that is not there yet: it is told by the third stretch, or the first
 * that takes a moment. */
static bool cost_is_known(int stretches, double seconds) { return stretches == 3 || seconds > 0.5; }

static void run_all(perturbation *x) {
  int64_t stretch = x->groups.count;
  int stretches = 0;
  bool said = false;
  x->begun = x->kept = MPI_Wtime();
  stop_listen(true);
  watchdog_start(x->rank, x->options->watchdog);
  perturb_groups_begin(&x->groups, x->done);
  while (x->done < x->runs && x->ended == STOP_NOT) {
    const double begun = MPI_Wtime();
    const int64_t before = x->done,
                  last = x->done + stretch < x->runs ? x->done + stretch : x->runs;
    make_runs(x, last);
    double seconds = MPI_Wtime() - begun;
    look(x, last, &seconds, &stretch);
    if (x->rank == 0 && last < x->runs && !said && cost_is_known(++stretches, seconds)) {
      say_cost(x, seconds / ceil((double)(last - before) / x->groups.count));
      said = true;
    }
    show_progress(x);
  }
  watchdog_stop();
}

/* ---- the way ---- */

/* The model, and what is asked of it. The file is closed again: each group opens it for itself. */
static err read_checkpoint(perturbation *x) {
  const run_options restart = {.restart = x->options->checkpoint};
  err e = run_restart_open(x->comm, &restart, &x->from, &x->m);
  if (e == OK) e = read_request(x);
  if (e != OK) return e;
  const char *path = checkpoint_tell(x->from).path;
  x->path = strcpy(check_allocate(strlen(path) + 1, 1), path);
  x->about = tell_origin(x);
  checkpoint_close(x->from);
  x->from = NULL;
  return OK;
}

/* The network of this rank's group, in the state of the checkpoint. */
static err build_group(perturbation *x, int threads) {
  const perturb_options *o = x->options;
  const run_build_plan plan = {.name = o->checkpoint,
                               .partition = o->partition,
                               .node = &x->node,
                               .threads = threads,
                               .force = o->force,
                               .groups = x->groups.count};
  run_build_cost cost;
  err e = run_build(x->groups.group, &plan, x->m, &x->n, &x->s, &cost);
  if (e == OK) e = checkpoint_open(x->groups.group, x->path, &x->from);
  if (e != OK) return e;
  x->w = step_create(&x->s, NULL);
  return run_restart(x->groups.group, x->from, &x->s, x->w);
}

static err build(perturbation *x) {
  const perturb_options *o = x->options;
  x->node = machine_look(x->comm);
  /* a partition that stands in a file is of as many ranks as there are, unless one says otherwise
   */
  const bool given = partition_method_of(o->partition) == PARTITION_FILE;
  const int asked = o->groups == 0 && given ? 1 : o->groups;
  err e = perturb_groups_split(&x->groups, x->m, &x->node, asked, o->threads, x->runs);
  if (e != OK) return e;
  int ranks;
  MPI_Comm_size(x->groups.group, &ranks);
  const int threads = run_build_threads(&x->node, x->m, ranks, o->threads);
  machine_pin(&x->node, threads);
  return agree(x->comm, build_group(x, threads));
}

static void find_nodes(perturbation *x) {
  x->local = check_allocate(x->nodes.count, sizeof *x->local);
  for (size_t j = 0; j < x->nodes.count; j++) {
    x->local[j] = UINT32_MAX;
    for (uint32_t i = 0; i < x->s.neurons; i++)
      if (x->s.gid[i] == x->nodes.gid[j]) x->local[j] = i;
  }
}

/* On: fired in the bin that ends at the checkpoint, as far back as the checkpoint knows spikes. */
static void find_state(perturbation *x) {
  uint32_t fired = who_fired(x, x->start.step - x->bin);
  AGREE_MPI(MPI_Allreduce(MPI_IN_PLACE, &fired, 1, MPI_UINT32_T, MPI_BOR, x->comm));
  for (size_t j = 0; j < x->nodes.count; j++) x->at_start[j] = fired >> j & 1;
}

/* Go on with what an earlier call has kept. */
static err load(perturbation *x) {
  const char *out = x->options->out;
  err e = OK;
  x->on = check_allocate(cells_of(x), sizeof *x->on);
  if (x->rank == 0 && out && x->options->overwrite) perturb_file_forget(out);
  if (x->rank == 0 && out) e = perturb_file_load(out, x->about, &x->done, cells_of(x), x->on);
  if (e == OK && x->done > x->runs)
    e = check_fail(ERR_USER, "%s.partial is damaged; --overwrite begins anew", out);
  if (e == OK && x->done > 0)
    fprintf(stderr, "perturb: going on after %lld of %lld runs\n", (long long)x->done,
            (long long)x->runs);
  AGREE_MPI(MPI_Bcast(&x->done, 1, MPI_INT64_T, 0, x->comm));
  x->begun_at = x->done;
  return agree(x->comm, e);
}

static void warn_of_silence(const perturbation *x, const uint64_t *on) {
  for (size_t k = 0; k < cells_of(x); k++)
    if (on[k] > 0) return;
  fprintf(
      stderr,
      "shinkei: warning: none of the named neurons fired in any of the %lld runs: they begin at "
      "the reset potential, and may need a longer --bin\n",
      (long long)x->runs);
}

static err write_table(perturbation *x) {
  uint64_t *all = gather(x);
  const perturb_table table = {.n = (int)x->nodes.count,
                               .label = x->nodes.label,
                               .state = x->at_start,
                               .repeats = x->options->repeats,
                               .on = all,
                               .about = x->about};
  err e = x->rank == 0 ? perturb_file_write(x->options->out, &table) : OK;
  if (e == OK && x->rank == 0 && x->options->out) perturb_file_forget(x->options->out);
  if (e == OK && x->rank == 0) warn_of_silence(x, all);
  free(all);
  return agree(x->comm, e);
}

static void say_end(const perturbation *x) {
  if (x->rank != 0) return;
  fprintf(stderr, "perturb: ended by %s after %lld of %lld runs", stop_reason_name(x->ended),
          (long long)x->done, (long long)x->runs);
  if (x->options->out)
    fprintf(stderr, "; they are kept in %s.partial, and the same command goes on\n",
            x->options->out);
  else
    fputs("; nothing is kept without --out\n", stderr);
}

err perturb_run(MPI_Comm comm, const perturb_options *options, bool *early) {
  perturbation x = {.groups = perturb_groups_start(comm), .options = options};
  x.comm = x.groups.all;
  x.rank = x.groups.rank;
  x.ranks = x.groups.ranks;
  err e = read_checkpoint(&x);
  if (e == OK) e = build(&x);
  if (e == OK) {
    tell_window(&x);
    find_nodes(&x);
    take_start(&x);
    find_state(&x);
    e = load(&x);
  }
  if (e == OK) run_all(&x);
  *early = x.ended != STOP_NOT;
  if (e == OK && *early) say_end(&x);
  if (e == OK && !*early) e = write_table(&x);
  checkpoint_close(x.from);
  json_decref(x.about);
  free(x.path);
  free(x.on);
  free(x.local);
  start_free(&x.start);
  perturb_nodes_free(&x.nodes);
  step_free(x.w);
  if (x.s.block) shard_free(&x.s);
  network_free(x.n);
  model_free(x.m);
  perturb_groups_free(&x.groups);
  return e;
}
