/* Groups of a recording: spikes in bins, or samples. */
#include "command_phi.h"

#include "agree.h"
#include "phi_many.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

typedef struct {
  phi_options *o;
  phi_spikes spikes;             /* of --spikes */
  phi_series series;             /* of --series */
  phi_sample sample;             /* columns of a series are its members */
  double begin, unit;            /* start; width of a sample [ms], 1 for a series */
  int64_t samples, window, step; /* all, of a window, from window to window */
  int windows, rank;
} recording;

static void get_data(void *context, int group, int window, int64_t *samples, double **value) {
  const recording *r = context;
  const int size = r->sample.size;
  const int64_t *member = r->sample.member + (size_t)group * (size_t)size;
  const bool spikes = r->o->source == SOURCE_SPIKES;
  const int64_t first = (spikes ? 0 : (int64_t)r->begin) + window * r->step;
  *samples = r->window;
  *value = check_allocate((size_t)r->window * (size_t)size, sizeof **value);
  if (spikes) {
    phi_spikes_bin(&r->spikes, size, member, r->begin + (double)first * r->unit, r->unit, r->window,
                   *value);
    return;
  }
  for (int64_t t = 0; t < r->window; t++)
    for (int k = 0; k < size; k++)
      (*value)[t * size + k] = r->series.value[(first + t) * r->series.n + member[k]];
}

static err choose_columns(recording *r) {
  const char *at = r->o->nodes;
  r->sample = (phi_sample){1, 0, check_allocate((size_t)r->series.n, sizeof(int64_t))};
  for (int i = 0; !at && i < r->series.n; i++) r->sample.member[r->sample.size++] = i;
  while (at && *at) {
    char *end;
    long first = strtol(at, &end, 10), last = first;
    if (end > at && *end == '-') last = strtol(end + 1, &end, 10);
    if (end == at || (*end && *end != ',') || first < 0 || last < first || last >= r->series.n)
      return check_fail(ERR_USER, "phi: --nodes %s: allowed are columns 0 to %d, as in 0,3,5-9",
                        r->o->nodes, r->series.n - 1);
    for (long i = first; i <= last; i++) {
      for (int k = 0; k < r->sample.size; k++)
        if (r->sample.member[k] == i)
          return check_fail(ERR_USER, "phi: --nodes names column %ld twice", i);
      r->sample.member[r->sample.size++] = i;
    }
    at = end + (*end == ',');
  }
  if (r->sample.size < 2) return check_fail(ERR_USER, "phi: at least 2 columns are needed");
  return OK;
}

static err choose_neurons(recording *r) {
  const phi_options *o = r->o;
  if (!r->spikes.count && !o->silent)
    return check_fail(ERR_USER, "%s: there are no spikes in it", o->path);
  if (o->nodes) return phi_sample_nodes(&r->spikes, o->nodes, o->silent, &r->sample);
  if (o->groups_path)
    return phi_sample_groups_read(&r->spikes, o->groups_path, o->silent, &r->sample);
  phi_owners owners = {0};
  uint32_t *part = NULL;
  uint64_t *first = NULL;
  err e = o->owner_path ? phi_owner_read_file(o->owner_path, &owners.count, &part) : OK;
  if (!e && o->first) e = phi_owners_first(&r->spikes, o->first, &first);
  owners.part = part;
  owners.first = e ? NULL : first;
  if (!e)
    e = phi_sample_draw(&r->spikes, o->by, o->groups, o->size, o->plan.seed, o->bin, o->candidates,
                        &owners, &r->sample);
  if (owners.first) free(first);
  free(part);
  return e;
}

/* A time in whole samples. */
static double samples_of(const recording *r, const char *option, double time) {
  const double whole = round(time / r->unit);
  if (r->rank == 0 && isfinite(time) && fabs(time / r->unit - whole) > 1e-6)
    fprintf(stderr, "shinkei: warning: phi: --%s %.10g is no multiple of %.10g; %.10g is taken\n",
            option, time, r->unit, whole * r->unit);
  return whole;
}

/* The time in which all chosen neurons were recorded: false where a population does not tell. */
static bool told_extent(const recording *r, double *begin, double *end) {
  *begin = -INFINITY, *end = INFINITY;
  for (size_t i = 0; i < (size_t)r->sample.groups * (size_t)r->sample.size; i++) {
    const phi_extent *e = &r->spikes.extent[r->spikes.neuron[r->sample.member[i]].population];
    if (!e->told) return false;
    *begin = fmax(*begin, e->begin);
    *end = fmin(*end, e->end);
  }
  return true;
}

/* Where nothing is told, from 0, or a bin before a spike that is not later, to the end of the last
 * spike's bin. */
static err find_extent(const recording *r, double *begin, double *end) {
  const phi_options *o = r->o;
  const phi_spikes *s = &r->spikes;
  double from, to;
  *begin = o->begin, *end = o->end;
  if (told_extent(r, &from, &to)) {
    if (isnan(*begin)) *begin = from;
    if (isnan(*end)) *end = to;
    const double SLACK = 1e-6; /* [ms] */
    return *begin >= from - SLACK && *end <= to + SLACK && *begin < *end
               ? OK
               : check_fail(ERR_USER,
                            "%s: phi: from %g to %g ms: the chosen neurons were recorded "
                            "together from %g to %g ms",
                            o->path, *begin, *end, from, to);
  }
  if (!s->count && (isnan(*begin) || isnan(*end)))
    return check_fail(ERR_USER,
                      "%s: there are no spikes in it to say how long it is: --begin and "
                      "--end are needed",
                      o->path);
  if (isnan(*begin)) *begin = s->begin > 0 ? 0 : s->begin - r->unit;
  if (isnan(*end)) *end = *begin + ceil((s->end - *begin) / r->unit - 1e-9) * r->unit;
  return OK;
}

/* Windows in whole samples. */
static err divide_time(recording *r) {
  const phi_options *o = r->o;
  const bool spikes = o->source == SOURCE_SPIKES;
  r->unit = spikes ? o->bin : 1;
  double end = isnan(o->end) ? (double)r->series.samples : o->end;
  r->begin = isnan(o->begin) ? 0 : ceil(o->begin); /* of a series: the first sample of it */
  const err e = spikes ? find_extent(r, &r->begin, &end) : OK;
  if (e != OK) return e;
  const double count = floor((end - r->begin) / r->unit + 1e-9);
  if (!(count >= 2) || count > 4e9 ||
      (!spikes && (r->begin < 0 || end > (double)r->series.samples)))
    return check_fail(ERR_USER,
                      "phi: from %g to %g there are %.10g samples; allowed are 2 to 4e9%s",
                      r->begin, end, count, spikes ? "" : ", within the recording");
  r->samples = (int64_t)count;
  const double window = isnan(o->window) ? count : samples_of(r, "window", o->window);
  const double step = isnan(o->step) ? window : samples_of(r, "step", o->step);
  if (window < 2 || window > count || step < 1 || step > 4e9)
    return check_fail(ERR_USER,
                      "phi: a window of %.10g samples, step %.10g, of %.10g in all; allowed are "
                      "2 to all, steps of 1 to 4e9",
                      window, step, count);
  r->window = (int64_t)window;
  r->step = (int64_t)step;
  const int64_t windows = (r->samples - r->window) / r->step + 1;
  if (windows > 100000000)
    return check_fail(ERR_USER, "phi: %lld windows are more than 10^8", (long long)windows);
  r->windows = (int)windows;
  return OK;
}

static err open_recording(recording *r) {
  const bool spikes = r->o->source == SOURCE_SPIKES;
  err e = r->rank == 0 ? phi_options_out(r->o) : OK;
  if (!e)
    e = spikes ? phi_spikes_read_file(r->o->path, &r->spikes)
               : phi_series_read(r->o->path, &r->series);
  if (!e) e = spikes ? choose_neurons(r) : choose_columns(r);
  if (!e) e = divide_time(r);
  if (!e) e = phi_options_parts(r->o, r->sample.size);
  if (!e) e = phi_options_state(r->o->state, r->sample.size, &r->o->plan.state);
  return e;
}

static void close_recording(recording *r) {
  phi_spikes_free(&r->spikes);
  free(r->series.value);
  free(r->sample.member);
}

static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static void put_interval(json_t *measure, const phi_plan *plan, const phi_estimate_value *v) {
  if (plan->bootstrap) {
    json_t *interval = json_object();
    json_object_set_new(interval, "low", number(v->low));
    json_object_set_new(interval, "high", number(v->high));
    json_object_set_new(interval, "redrawn", json_integer(plan->bootstrap));
    json_object_set_new(measure, "bootstrap_95", interval);
  }
  if (plan->surrogates) {
    json_t *surrogate = json_object();
    json_object_set_new(surrogate, "mean", number(v->surrogate_mean));
    json_object_set_new(surrogate, "deviation", number(v->surrogate_deviation));
    json_object_set_new(surrogate, "share_at_or_above", number(v->above));
    json_object_set_new(surrogate, "count", json_integer(plan->surrogates));
    json_object_set_new(measure, "surrogates", surrogate);
  }
}

static json_t *coverage_json(const phi_coverage *c, const phi_plan *plan, int n) {
  json_t *o = json_object();
  char text[512];
  json_object_set_new(o, "pairs", json_integer(c->pairs));
  if (!plan->gaussian) {
    json_t *state = json_array();
    for (int j = 0; j < n; j++) json_array_append_new(state, json_integer(c->state >> j & 1));
    json_object_set_new(o, "states", json_integer(c->states));
    json_object_set_new(o, "states_seen", json_integer(c->seen));
    json_object_set_new(o, "states_weak", json_integer(c->weak));
    json_object_set_new(o, "fewest_visits", json_integer(c->fewest));
    json_object_set_new(o, "state", state);
    json_object_set_new(o, "state_share", number(c->state_share));
  }
  json_object_set_new(o, "constant_elements", json_integer(c->constant));
  json_object_set_new(o, "sufficient", json_boolean(!c->insufficient));
  if (c->insufficient) {
    phi_coverage_text(c, n, plan->gaussian, text, sizeof text);
    json_object_set_new(o, "warning", json_string(text));
    fprintf(stderr, "shinkei: warning: %s\n", text);
  }
  return o;
}

static json_t *members_json(const recording *r) {
  json_t *list = json_array();
  for (int k = 0; k < r->sample.size; k++) {
    const int64_t m = r->sample.member[k];
    json_t *o = json_object();
    if (r->o->source == SOURCE_SPIKES) {
      const phi_neuron *neuron = &r->spikes.neuron[m];
      json_object_set_new(o, "population", json_string(r->spikes.population[neuron->population]));
      json_object_set_new(o, "node", json_integer(neuron->id));
      json_object_set_new(o, "spikes", json_integer((json_int_t)neuron->count));
    } else
      json_object_set_new(o, "column", json_integer(m));
    json_array_append_new(list, o);
  }
  return list;
}

/* Of the recording and of who is looked at. */
static uint64_t digest(const recording *r) {
  XXH3_state_t *state = XXH3_createState();
  if (!state || XXH3_64bits_reset(state)) CHECK_ABORT("out of memory");
  const size_t values = r->series.value ? (size_t)r->series.samples * (size_t)r->series.n : 0;
  XXH3_64bits_update(state, r->series.value, values * sizeof(double));
  XXH3_64bits_update(state, r->spikes.time, r->spikes.count * sizeof(double));
  const char *const texts[] = {r->o->path, r->o->parts, r->o->state};
  for (int k = 0; k < 3; k++)
    if (texts[k]) XXH3_64bits_update(state, texts[k], strlen(texts[k]) + 1);
  for (int k = 0; k < r->spikes.populations; k++)
    XXH3_64bits_update(state, r->spikes.population[k], strlen(r->spikes.population[k]) + 1);
  for (size_t i = 0; i < (size_t)r->sample.groups * (size_t)r->sample.size; i++) {
    const int64_t m = r->sample.member[i];
    const phi_neuron *neuron = r->spikes.neuron ? &r->spikes.neuron[m] : NULL;
    const int64_t who[2] = {neuron ? neuron->population : 0, neuron ? neuron->id : m};
    XXH3_64bits_update(state, who, sizeof who);
  }
  const uint64_t found = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  return found;
}

/* Everything that results depend on: resumed only where it is the same. Long texts are cut off, and
 * in the digest as a whole. */
enum { SETTINGS_MAX = 2048, TEXT_MAX = 500 };
static void settings_text(const recording *r, char text[SETTINGS_MAX]) {
  const phi_options *o = r->o;
  const phi_plan *p = &o->plan;
  snprintf(text, SETTINGS_MAX,
           "layout=2 source=%.*s digest=%016llx samples=%lld asked=%x model=%s lag=%lld "
           "prior=%.17g ridge=%.17g "
           "state=%.*s bootstrap=%d block=%lld surrogates=%d seed=%llu normalise=%d search=%d "
           "replicas=%d sweeps=%d parts=%.*s groups=%d size=%d begin=%.17g width=%.17g window=%lld "
           "step=%lld windows=%d",
           TEXT_MAX, o->path, (unsigned long long)digest(r), (long long)r->samples,
           p->request.asked, p->gaussian ? "gaussian" : "binary", (long long)p->lag, p->prior,
           p->ridge, TEXT_MAX, o->state ? o->state : "frequent", p->bootstrap, (long long)p->block,
           p->surrogates, (unsigned long long)p->seed, p->request.normalised, p->request.search,
           p->request.replicas, p->request.sweeps, TEXT_MAX, o->parts ? o->parts : "search",
           r->sample.groups, r->sample.size, r->begin, r->unit, (long long)r->window,
           (long long)r->step, r->windows);
}

static err run_one(recording *r) {
  const phi_plan *plan = &r->o->plan;
  phi_estimate estimate;
  int64_t samples;
  double *value;
  json_t *measures = json_object();
  get_data(r, 0, 0, &samples, &value);
  phi_command_watch(true);
  err e = phi_estimate_make(plan, 0, samples, r->sample.size, value, &estimate, measures);
  phi_command_watch(false);
  free(value);
  if (e) {
    json_decref(measures);
    return e;
  }
  json_t *root = json_object(), *table = json_object_get(measures, "table");
  if (table) {
    json_object_set(root, "table", table);
    json_object_del(measures, "table");
  }
  for (int a = 0; a < PHI_ASKED; a++)
    if (plan->request.asked >> a & 1)
      put_interval(json_object_get(measures, phi_asked_name((phi_asked)a)), plan, &estimate.of[a]);
  char settings[SETTINGS_MAX];
  settings_text(r, settings);
  json_object_set_new(root, "source", json_string(r->o->path));
  json_object_set_new(root, "settings", json_string(settings));
  json_object_set_new(root, "members", members_json(r));
  json_object_set_new(root, "model", json_string(plan->gaussian ? "gaussian" : "binary"));
  json_object_set_new(root, "begin", json_real(r->begin));
  json_object_set_new(root, "end", json_real(r->begin + (double)r->samples * r->unit));
  json_object_set_new(root, "sample_width", json_real(r->unit));
  json_object_set_new(root, "lag", json_integer(plan->lag));
  json_object_set_new(root, "regularisation", json_real(plan->gaussian ? plan->ridge : 0));
  json_object_set_new(root, "coverage", coverage_json(&estimate.coverage, plan, r->sample.size));
  json_object_set_new(root, "replicates_failed", json_integer(estimate.failed));
  json_object_set_new(root, "measures", measures);
  json_object_set_new(root, "definitions", json_string(phi_evaluate_definitions()));
  return phi_command_write(r->o, root);
}

static err run_many(recording *r) {
  const phi_options *o = r->o;
  const size_t members = (size_t)r->sample.groups * (size_t)r->sample.size;
  const bool spikes = o->source == SOURCE_SPIKES;
  const char *const no_name = "";
  char settings[SETTINGS_MAX];
  int64_t *id = check_allocate(members, sizeof *id);
  int32_t *population = check_allocate(members, sizeof *population);
  double *begin = check_allocate((size_t)r->windows, sizeof *begin);
  for (size_t i = 0; i < members; i++) {
    const int64_t m = r->sample.member[i];
    id[i] = spikes ? r->spikes.neuron[m].id : m;
    population[i] = spikes ? r->spikes.neuron[m].population : 0;
  }
  for (int w = 0; w < r->windows; w++) begin[w] = r->begin + (double)(w * r->step) * r->unit;
  settings_text(r, settings);
  const phi_job job = {.plan = &o->plan,
                       .groups = r->sample.groups,
                       .size = r->sample.size,
                       .windows = r->windows,
                       .member = id,
                       .population = population,
                       .begin = begin,
                       .names = spikes ? r->spikes.populations : 1,
                       .name = spikes ? (const char *const *)r->spikes.population : &no_name,
                       .settings = settings,
                       .data = get_data,
                       .context = r};
  err e = phi_many_run(MPI_COMM_WORLD, &job, o->out, o->overwrite);
  free(id);
  free(population);
  free(begin);
  return e;
}

/* Of all estimates, one core [s]: from the first, the last and one between. A fault of one of them
 * is for the estimate itself to tell. */
static double predict(recording *r, int64_t tasks) {
  const int64_t probe[3] = {0, tasks - 1, tasks / 2};
  double sum = 0;
  int count = 0;
  for (int k = 0; k < 3 && k < tasks; k++) {
    double *value, seconds;
    int64_t samples;
    get_data(r, (int)(probe[k] / r->windows), (int)(probe[k] % r->windows), &samples, &value);
    if (phi_estimate_predict(&r->o->plan, samples, r->sample.size, value, &seconds))
      check_clear();
    else
      sum += seconds, count++;
    free(value);
  }
  return count ? sum / count * (double)tasks : 0;
}

/* Cores that can be of use: threads share the evaluations of an estimate. */
static int useful_cores(const recording *r, int64_t tasks, int ranks) {
  const int each = 1 + r->o->plan.bootstrap + r->o->plan.surrogates,
            threads = omp_get_max_threads();
  return (int)(tasks < ranks ? tasks : ranks) * (each > 1 && each < threads ? each : threads);
}

err phi_command_recording(phi_options *o, int rank) {
  recording r = {.o = o, .rank = rank};
  int ranks;
  AGREE_MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
  err e = agree(MPI_COMM_WORLD, open_recording(&r)); /* every rank reads the file for itself */
  const int64_t tasks = (int64_t)r.sample.groups * r.windows;
  if (!e && tasks > 1 && (!o->out || check_named(o->out, ".json")))
    e = check_fail(ERR_USER,
                   "phi: %lld estimates (groups x windows) go into an HDF5 file: --out FILE.h5 is "
                   "needed%s%s",
                   (long long)tasks, o->out ? ", not " : "", o->out ? o->out : "");
  if (!e && tasks > 1 && o->plan.request.complexes)
    e = check_fail(ERR_USER,
                   "phi: --complexes is for one network at one time; there are %lld estimates "
                   "(groups x windows)",
                   (long long)tasks);
  if (!e && tasks == 1) e = phi_command_place(o);
  if (!e && rank == 0)
    e = phi_command_cost(o, r.sample.size, tasks, useful_cores(&r, tasks, ranks),
                         predict(&r, tasks), true);
  e = agree(MPI_COMM_WORLD, e);
  if (!e && tasks > 1)
    e = run_many(&r);
  else if (!e && rank == 0)
    e = run_one(&r);
  close_recording(&r);
  return e;
}
