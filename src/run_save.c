#include "run_save.h"
#include "agree.h"
#include "watchdog.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the state, as checkpoint.h takes it ---- */

static const checkpoint_field refractory_field = {
    "refractory", "dt", "steps for which the neuron is still refractory", CHECKPOINT_INT32};

/* Fields of all populations: each state variable, the refractory counter. */
static void list_neuron_fields(shard *s, checkpoint_state *state) {
  const model *m = s->m;
  for (int p = 0; p < m->populations; p++)
    state->neuron_fields += m->population[p].size > 0 ? m->population[p].neuron->states + 1 : 0;
  state->neuron_field = check_allocate((size_t)state->neuron_fields, sizeof *state->neuron_field);
  checkpoint_neuron_field *next = state->neuron_field;
  for (int p = 0; p < m->populations; p++) {
    const neuron_model *neuron = m->population[p].neuron;
    if (m->population[p].size == 0) continue;
    for (int k = 0; k < neuron->states; k++)
      *next++ = (checkpoint_neuron_field){
          {neuron->state[k].key, neuron->state[k].unit, neuron->state[k].meaning,
           m->double_precision ? CHECKPOINT_FLOAT64 : CHECKPOINT_FLOAT32},
          p,
          s->state[k]};
    *next++ = (checkpoint_neuron_field){refractory_field, p, s->refractory};
  }
}

static uint64_t count_synapses(MPI_Comm comm, const shard *s) {
  uint64_t mine = shard_synapses(s), all;
  AGREE_MPI(MPI_Allreduce(&mine, &all, 1, MPI_UINT64_T, MPI_SUM, comm));
  return all;
}

static checkpoint_state state_of(shard *s, uint64_t synapses) {
  checkpoint_state state = {.m = s->m,
                            .neurons = s->neurons,
                            .gid = s->gid,
                            .synapses = synapses,
                            .events_hash = s->events_hash};
  list_neuron_fields(s, &state);
  state.edges_hash = check_allocate((size_t)s->m->projections, sizeof *state.edges_hash);
  for (int j = 0; j < s->m->projections; j++) state.edges_hash[j] = network_edges_hash(s->n, j);
  return state;
}

static void list_spikes(const stepper *w, checkpoint_state *state) {
  int steps;
  const step_spikes *under_way = step_under_way(w, &steps);
  for (int i = 0; i < steps; i++) state->spikes += under_way[i].count;
  state->spike = check_allocate(state->spikes, sizeof *state->spike);
  size_t n = 0;
  for (int i = 0; i < steps; i++)
    for (size_t k = 0; k < under_way[i].count; k++)
      state->spike[n++] = (checkpoint_spike){under_way[i].gid[k], under_way[i].step};
}

static void state_free(checkpoint_state *state) {
  free(state->neuron_field);
  free(state->edges_hash);
  free(state->spike);
}

/* ---- saving ---- */

static void save(run_save *k) {
  watchdog_alive("checkpoint");
  checkpoint_state state = state_of(k->s, k->synapses);
  list_spikes(k->w, &state);
  state.step = step_done(k->w);
  checkpoint_cost cost = {0};
  err e = record_flush(k->r, state.step);
  record_tell(k->r, &state.position);
  if (e == OK) e = checkpoint_save(k->comm, k->folder, k->s->m->checkpoint_keep, &state, &cost);
  k->failed = e != OK;
  k->failures += k->failed;
  k->saves++;
  if (cost.seconds > k->cost) k->cost = cost.seconds;
  if (e == OK) {
    k->saved = state.step;
    k->last = cost;
    k->slowest = fmax(k->slowest, cost.seconds);
  } else if (k->rank == 0)
    fprintf(stderr, "shinkei: warning: %s; the run goes on\n", check_message());
  if (e != OK) check_clear();
  k->saved_at = MPI_Wtime();
  state_free(&state);
  watchdog_alive("steps");
}

run_save run_save_start(MPI_Comm comm, const run_options *options, const char *folder, double begun,
                        shard *s, record *r, stepper *w) {
  run_save k = {
      .comm = comm, .options = options, .folder = folder, .s = s, .r = r, .w = w, .saved = -1};
  MPI_Comm_rank(comm, &k.rank);
  k.synapses = count_synapses(comm, s);
  k.first = step_done(w);
  k.saved_at = MPI_Wtime();
  const double by_option = options->time_limit > 0 ? begun + options->time_limit : INFINITY;
  k.limit = fmin(by_option, MPI_Wtime() + stop_slurm_seconds());
  if (k.rank == 0) stop_file_forget(folder);
  stop_listen(true);
  return k;
}

static int64_t every_steps(const run_save *k) {
  return model_steps(k->s->m, k->s->m->checkpoint_every_ms);
}

int64_t run_save_distance(const run_save *k, int64_t done) {
  const int64_t every = every_steps(k);
  return every > 0 ? every - done % every : INT64_MAX;
}

static bool is_at_interval(const run_save *k) {
  const int64_t every = every_steps(k);
  return every > 0 && step_done(k->w) % every == 0;
}

/* Would another stretch and a checkpoint still fit before the limit? */
static bool time_is_up(const run_save *k) {
  const double RESERVE = 2; /* [s] to write the summary and end */
  return MPI_Wtime() + 1.5 * k->cost + 2 * k->pause + RESERVE >= k->limit;
}

static stop_reason ask_to_end(const run_save *k) {
  const stop_reason asked = stop_asked_to_end();
  if (asked != STOP_NOT || k->rank != 0) return asked;
  if (stop_file_found(k->folder)) return STOP_FILE;
  return time_is_up(k) ? STOP_TIME : STOP_NOT;
}

/* By the clock: the interval that the model asks for; with a limit also one checkpoint early on, so
 * that its cost is known. */
static bool clock_asks_to_save(const run_save *k) {
  const double every = 60 * k->s->m->checkpoint_every_wall_minutes;
  if (k->rank != 0) return false;
  if (every > 0 && MPI_Wtime() - k->saved_at >= every) return true;
  return k->saves == 0 && isfinite(k->limit);
}

void run_save_look(run_save *k, double seconds, int64_t *stretch) {
  if (seconds > k->pause) k->pause = seconds;
  int64_t said[3] = {k->rank == 0 ? *stretch : 0, stop_asked_to_save() || clock_asks_to_save(k),
                     ask_to_end(k)};
  AGREE_MPI(MPI_Allreduce(MPI_IN_PLACE, said, 3, MPI_INT64_T, MPI_MAX, k->comm));
  *stretch = said[0];
  k->ended = (stop_reason)said[2];
  if (said[1] || k->ended || is_at_interval(k)) save(k);
}

void run_save_end(run_save *k) {
  const int64_t done = step_done(k->w);
  const bool wanted = k->options->checkpoint_at_end || (done > k->first && is_at_interval(k));
  if (wanted && k->saved != done) save(k);
}

char *run_save_status(const run_save *k) {
  const bool complete = k->ended == STOP_NOT;
  char *text = check_allocate(256, 1);
  int length = complete
                   ? snprintf(text, 256, "complete")
                   : snprintf(text, 256, "ended early by %s at %.9g ms", stop_reason_name(k->ended),
                              record_time(k->s->m, step_done(k->w)));
  if (k->failures)
    snprintf(text + length, 256 - (size_t)length, "; %d of %d checkpoints could not be written",
             k->failures, k->saves);
  return text;
}

/* ---- going on ---- */

err run_restart_open(MPI_Comm comm, const run_options *options, checkpoint **c, model **m) {
  *m = NULL;
  err e = checkpoint_open(comm, options->restart, c);
  if (e != OK) return e;
  const checkpoint_facts facts = checkpoint_tell(*c);
  if (options->model)
    e = run_read_model(comm, options->model, options->settings, options->setting, m);
  else
    e = agree(comm, model_parse(facts.path, facts.model_text, facts.model_length, options->settings,
                                options->setting, m));
  if (e == OK) e = checkpoint_model_check(&facts, *m);
  const int64_t last =
      e == OK ? model_steps(*m, (*m)->warm_up) + model_steps(*m, (*m)->duration) : 0;
  if (e == OK && facts.step > last)
    e = check_fail(ERR_USER, "%s: is at %.9g ms, behind the end of the run at %.9g ms", facts.path,
                   facts.time, record_time(*m, last));
  return agree(comm, e);
}

/* The spikes, by gid, as the stepper keeps them: by step. */
static void resume_steps(stepper *w, int64_t done, int max_delay, const checkpoint_state *state) {
  step_spikes *by_step = check_allocate((size_t)max_delay, sizeof *by_step);
  for (int i = 0; i < max_delay; i++) by_step[i].step = done - max_delay + 1 + i;
  for (size_t i = 0; i < state->spikes; i++) {
    const int64_t at = state->spike[i].step - (done - max_delay + 1);
    if (at < 0 || at >= max_delay) continue; /* has arrived everywhere */
    step_spikes *to = &by_step[at];
    to->gid = check_grow(to->gid, &to->capacity, to->count + 1, sizeof *to->gid);
    to->gid[to->count++] = state->spike[i].gid;
  }
  step_resume(w, done, max_delay, by_step);
  for (int i = 0; i < max_delay; i++) free(by_step[i].gid);
  free(by_step);
}

err run_restart_check(MPI_Comm comm, const checkpoint *c, shard *s) {
  checkpoint_state state = state_of(s, count_synapses(comm, s));
  const err e = checkpoint_check_network(c, &state);
  state_free(&state);
  return agree(comm, e);
}

err run_restart(MPI_Comm comm, checkpoint *c, shard *s, stepper *w) {
  const checkpoint_facts facts = checkpoint_tell(c);
  checkpoint_state state = state_of(s, count_synapses(comm, s));
  const err e = checkpoint_restore(c, &state);
  if (e == OK) resume_steps(w, facts.step, network_max_delay(s->n), &state);
  state_free(&state);
  return e;
}
