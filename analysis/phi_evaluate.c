#include "phi_evaluate.h"

#include "phi_evaluate_effective.h"
#include "phi_evaluate_iit.h"
#include "phi_linear.h"
#include "phi_progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
  const char *name, *unit;
} others[PHI_ASKED] = {
    [PHI_ASK_DELAYED] = {"TDMI", "nats"},        [PHI_ASK_EFFECTIVE] = {"EI", "bits"},
    [PHI_ASK_EMERGENCE] = {"emergence", "bits"}, [PHI_ASK_IIT3] = {"iit3", ""},
    [PHI_ASK_IIT4] = {"iit4", "ibits"},          [PHI_ASK_STRUCTURE] = {"structure", "ibits"},
};

const char *phi_asked_name(phi_asked a) {
  return (int)a < PHI_MEASURES ? phi_measure_name((phi_measure)a) : others[a].name;
}

const char *phi_asked_unit(phi_asked a) { return (int)a < PHI_MEASURES ? "nats" : others[a].unit; }

err phi_asked_of(const char *text, uint32_t *asked) {
  *asked = 0;
  while (*text) {
    size_t length = strcspn(text, ",");
    int found = -1;
    for (int a = 0; a < PHI_ASKED; a++) {
      const char *name = phi_asked_name((phi_asked)a);
      if (strlen(name) == length && !strncasecmp(name, text, length)) found = a;
    }
    if (found < 0)
      return check_fail(
          ERR_USER,
          "measure '%.*s' is unknown; allowed are MI1, MI, SI, star, G, R, TDMI, EI, emergence, "
          "iit3, iit4, structure",
          (int)length, text);
    *asked |= 1u << found;
    text += length + (text[length] == ',');
  }
  return *asked ? OK : check_fail(ERR_USER, "no measure is named");
}

err phi_search_method_of(const char *name, phi_search_method *method) {
  static const char *const names[] = {"auto", "exhaustive", "queyranne", "exchange"};
  for (int k = 0; k < 4; k++)
    if (!strcmp(name, names[k])) {
      *method = (phi_search_method)k;
      return OK;
    }
  return check_fail(
      ERR_USER, "search '%s' is unknown; allowed are auto, exhaustive, queyranne, exchange", name);
}

typedef struct {
  const phi_joint *joint;
  phi_measure measure;
} discrete_context;

static double discrete_value(const void *context, const int *part) {
  const discrete_context *d = context;
  return phi_discrete_value(d->joint, d->measure, part, NULL);
}

static double discrete_normalisation(const void *context, const int *part) {
  const discrete_context *d = context;
  return phi_discrete_normalisation(d->joint, part);
}

static phi_search_method method_for(const phi_request *r, int n) {
  if (r->search != PHI_SEARCH_AUTO) return r->search;
  if (n <= 12) return PHI_SEARCH_EXHAUSTIVE;
  return r->normalised ? PHI_SEARCH_EXCHANGE : PHI_SEARCH_QUEYRANNE;
}

static phi_problem problem_of(const phi_request *r, const phi_gaussian_context *gaussian,
                              const discrete_context *discrete) {
  if (gaussian->covariances) return phi_gaussian_problem(gaussian, r->normalised);
  return (phi_problem){discrete->joint->n, discrete, discrete_value,
                       r->normalised ? discrete_normalisation : NULL};
}

/* The minimum partition of a practical measure. */
static err search(const phi_request *r, const phi_covariances *gaussian, const phi_joint *joint,
                  phi_measure m, phi_mip *made) {
  const int n = gaussian ? gaussian->n : joint->n;
  phi_gaussian_context g = {gaussian, m};
  discrete_context d = {joint, m};
  const phi_problem p = problem_of(r, &g, &d);
  const bool submodular = m == PHI_MI || m == PHI_MI1;
  switch (method_for(r, n)) {
  case PHI_SEARCH_EXCHANGE:
    return phi_search_exchange(&p, r->replicas, r->sweeps, r->seed, made);
  case PHI_SEARCH_QUEYRANNE:
    if (gaussian && !r->normalised && m <= PHI_SI)
      return phi_search_queyranne_gaussian(gaussian, m, made);
    return phi_search_queyranne(&p, submodular, made);
  default:
    return phi_search_exhaustive(&p, made);
  }
}

static json_t *part_json(int n, const int *part) {
  json_t *list = json_array();
  for (int i = 0; i < n; i++) json_array_append_new(list, json_integer(part[i]));
  return list;
}

/* JSON has no NaN and no infinity. */
static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *mip_json(const phi_request *r, phi_measure measure, const phi_mip *m) {
  json_t *o = json_object();
  json_object_set_new(o, "value", number(m->value));
  json_object_set_new(o, "partition", part_json(m->n, m->part));
  json_object_set_new(o, "proven_minimum", json_boolean(m->exact));
  json_object_set_new(o, "ties", json_integer(m->ties));
  json_object_set_new(o, "evaluations", json_integer(m->evaluations));
  json_object_set_new(o, "theory", json_string(phi_measure_title(measure)));
  json_object_set_new(o, "partitions", json_string("bipartitions"));
  json_object_set_new(
      o, "normalisation",
      json_string(r->normalised ? "chosen by value / K, K = min_k H(X_k)" : "none"));
  json_object_set_new(o, "tie_rule", json_string("the smallest part 1 read as a binary number"));
  if (r->normalised) {
    json_object_set_new(o, "K", number(m->normalisation));
    json_object_set_new(o, "normalised_value", number(m->score));
  }
  return o;
}

static err evaluate_given(const phi_request *r, const phi_sources *s, phi_measure m, double *value,
                          json_t **details) {
  phi_value v;
  const int n = s->gaussian ? s->gaussian->n : s->joint->n;
  err e = s->gaussian ? phi_gaussian_measure(s->gaussian, m, r->part, &v)
                      : phi_discrete_measure(s->joint, m, r->part, &v);
  if (e) return e;
  *value = v.value;
  if (details) {
    *details = json_object();
    json_object_set_new(*details, "value", number(v.value));
    json_object_set_new(*details, "partition", part_json(n, r->part));
    json_object_set_new(*details, "K", number(v.normalisation));
    json_object_set_new(*details, "theory", json_string(phi_measure_title(m)));
    json_object_set_new(*details, "partitions", json_string("the given one"));
    if (m == PHI_STAR) json_object_set_new(*details, "beta", number(v.beta));
    if (m == PHI_G) json_object_set_new(*details, "residual", number(v.residual));
  }
  return OK;
}

typedef struct {
  const phi_request *r;
  const phi_covariances *gaussian;
  phi_measure measure;
} split_context;

static err split(void *context, int count, const int *index, phi_mip *made) {
  const split_context *c = context;
  phi_covariances subset;
  err e = phi_covariances_subset(c->gaussian, count, index, &subset);
  if (!e) e = search(c->r, &subset, NULL, c->measure, made);
  phi_covariances_free(&subset);
  return e;
}

static err complexes(const phi_request *r, const phi_covariances *gaussian, phi_measure m,
                     json_t *details) {
  split_context context = {r, gaussian, m};
  phi_complexes found;
  err e = phi_search_complexes(gaussian->n, split, &context, &found);
  if (e) return e;
  json_t *list = json_array();
  for (int k = 0; k < found.count; k++) {
    if (!found.set[k].complex) continue;
    json_t *o = json_object();
    json_object_set_new(o, "members", part_json(found.set[k].size, found.set[k].member));
    json_object_set_new(o, "value", number(found.set[k].value));
    json_object_set_new(o, "main", json_boolean(found.set[k].main));
    json_array_append_new(list, o);
  }
  json_object_set_new(details, "complexes", list);
  phi_complexes_free(&found);
  return OK;
}

static err evaluate_practical(const phi_request *r, const phi_sources *s, phi_measure m,
                              double *value, json_t **details) {
  if (!s->gaussian && !s->joint)
    return check_fail(ERR_USER, "measure %s needs a recording or a table", phi_measure_name(m));
  if (s->gaussian && !s->gaussian->cross && m != PHI_MI1)
    return check_fail(ERR_USER, "measure %s needs two time slices (a lag of 1 or more)",
                      phi_measure_name(m));
  if (r->part) return evaluate_given(r, s, m, value, details);
  phi_mip found;
  err e = search(r, s->gaussian, s->joint, m, &found);
  if (!e && !isfinite(found.value))
    e = check_fail(ERR_USER,
                   "measure %s of %d discrete variables is too large to solve (allowed are %d free "
                   "entries a partition): take fewer variables",
                   phi_measure_name(m), found.n, PHI_DISCRETE_FREE);
  if (!e) {
    *value = found.value;
    if (details) *details = mip_json(r, m, &found);
    if (details && r->complexes && s->gaussian) e = complexes(r, s->gaussian, m, *details);
  }
  phi_mip_free(&found);
  return e;
}

static err evaluate_one(const phi_request *r, const phi_sources *s, phi_asked a, double *value,
                        json_t **details) {
  if ((int)a < PHI_MEASURES) return evaluate_practical(r, s, (phi_measure)a, value, details);
  if (a == PHI_ASK_DELAYED && (s->gaussian || s->joint))
    *value = s->gaussian ? phi_gaussian_delayed_information(s->gaussian)
                         : phi_discrete_delayed_information(s->joint);
  else if ((a == PHI_ASK_EFFECTIVE || a == PHI_ASK_EMERGENCE) && s->uniform)
    return phi_evaluate_effective(s->uniform, a, value, details);
  else if (a >= PHI_ASK_IIT3 && s->network)
    return phi_evaluate_iit(r, s->network, a, value, details);
  else
    return check_fail(ERR_USER, "measure %s needs a table of binary nodes%s", phi_asked_name(a),
                      s->gaussian ? ", not Gaussian variables" : "");
  if (details) {
    *details = json_object();
    json_object_set_new(*details, "value", number(*value));
  }
  return OK;
}

err phi_evaluate(const phi_request *r, const phi_sources *s, double *value, json_t *details) {
  phi_linear_serial();
  for (int a = 0; a < PHI_ASKED; a++) value[a] = NAN;
  const double count = __builtin_popcount(r->asked);
  double done = 0;
  for (int a = 0; a < PHI_ASKED; a++) {
    if (!(r->asked >> a & 1)) continue;
    json_t *detail = NULL;
    phi_progress_enter(done / count, (done + 1) / count);
    err e = evaluate_one(r, s, (phi_asked)a, &value[a], details ? &detail : NULL);
    phi_progress_leave();
    done++;
    if (e) {
      json_decref(detail);
      return e;
    }
    if (!details) continue;
    json_object_set_new(detail, "unit", json_string(phi_asked_unit((phi_asked)a)));
    json_object_set_new(details, phi_asked_name((phi_asked)a), detail);
  }
  return OK;
}

/* Of one practical measure. */
static double predict_practical(const phi_request *r, const phi_sources *s, phi_measure m) {
  const phi_covariances *gaussian = s->gaussian;
  if (!gaussian && !s->joint) return 0;
  if (gaussian && !gaussian->cross && m != PHI_MI1) return 0;
  const int n = gaussian ? gaussian->n : s->joint->n;
  phi_gaussian_context g = {gaussian, m};
  discrete_context d = {s->joint, m};
  const phi_problem p = problem_of(r, &g, &d);
  return phi_evaluate_search_seconds(r, method_for(r, n), m, gaussian != NULL, &p);
}

double phi_evaluate_predict(const phi_request *r, const phi_sources *s) {
  double seconds = 1e-5;
  phi_linear_serial();
  for (int a = 0; a < PHI_ASKED; a++) {
    if (!(r->asked >> a & 1)) continue;
    if (a < PHI_MEASURES)
      seconds += predict_practical(r, s, (phi_measure)a);
    else if (a >= PHI_ASK_IIT3 && s->network)
      seconds += phi_evaluate_iit_predict(r, s->network, (phi_asked)a);
    else if (a < PHI_ASK_IIT3 && (s->joint || s->uniform))
      seconds += phi_evaluate_table_seconds((phi_asked)a, (s->uniform ? s->uniform : s->joint)->n);
  }
  return seconds;
}

const char *phi_evaluate_definitions(void) {
  return "X: the past, Y: the present, one lag later; X_k, Y_k: part k of a partition.\n"
         "MI1        sum H(X_k) - H(X), one time slice\n"
         "MI         sum H(X_k,Y_k) - H(X,Y), two time slices\n"
         "SI         stochastic interaction, sum H(Y_k|X_k) - H(Y|X)\n"
         "star       mismatched decoding, I(X;Y) - max_b I*(b), decoder prod p(y_k|x_k)\n"
         "G          geometric: min KL(p|q) over q(Y_k|X) = q(Y_k|X_k)\n"
         "R          I(X;Y) - sum I(X_k;Y_k) + min_kl I(X_k;Y_l), two parts (redundancy: MMI)\n"
         "TDMI       time-delayed mutual information I(X;Y) of the whole\n"
         "EI         effective information: mean over uniform inputs of KL(row | mean row)\n"
         "emergence  effective information of the best coarse-graining less that of the whole "
         "(Hoel,\n"
         "           Albantakis & Tononi 2013): all groupings of up to 12 states, else all "
         "groupings\n"
         "           of up to 7 nodes into macro nodes that go by the number of theirs that are "
         "on\n"
         "iit3       Phi of IIT 3.0 (Oizumi, Albantakis & Tononi 2014), conventions of PyPhi "
         "1.2.0:\n"
         "           earth mover's distance, exact; unidirectional bipartitions; not normalised;\n"
         "           ties of purviews: the larger one\n"
         "iit4       phi_s of IIT 4.0 (Albantakis et al. 2023): intrinsic difference; directed "
         "set\n"
         "           partitions, chosen by phi / edges cut, reported not normalised; ties: larger "
         "phi;\n"
         "           value_2026: no more than intrinsic information and differentiation (Mayner,\n"
         "           Marshall & Tononi 2026)\n"
         "structure  Phi of IIT 4.0: sum of distinctions and relations\n"
         "Minimum partitions of MI1 ... R are over bipartitions; --normalise divides by K = min_k\n"
         "H(X_k) to choose (differential entropy where Gaussian; where K <= 0 a ratio means\n"
         "nothing). Ties: the smallest part 1 read as a binary number. Values in nats, of IIT in\n"
         "(i)bits. Binary states: node 0 varies fastest (little-endian).\n";
}
