#include "command_phi.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: shinkei phi --table FILE    [OPTION ...]   a transition table (JSON, CSV, HDF5)\n"
    "       shinkei phi --spikes FILE   [OPTION ...]   SONATA spikes, of any program\n"
    "       shinkei phi --series FILE   [OPTION ...]   a recording (CSV, HDF5 /series)\n"
    "       mpirun -n RANKS shinkei phi --spikes FILE --sample 200x5 --window 10000 --out PHI.h5\n"
    "\n"
    "Integrated information of a small network: exact (IIT 3.0, IIT 4.0) or practical (Gaussian "
    "or\n"
    "discrete). One network at one time gives JSON; many, or many times, one HDF5 file, which the\n"
    "same command goes on with after a kill. The same results on any number of ranks and threads.\n"
    "\n"
    "What to compute\n"
    "  --measures LIST      MI1, MI, SI, star, G, R, TDMI, EI, emergence, iit3, iit4, structure,\n"
    "                       separated by commas (below). Default: iit4,EI of tables, SI,star of "
    "recordings\n"
    "  --model NAME         binary (on where > 0) or gaussian. Default: binary of spikes, "
    "gaussian\n"
    "                       of a recording\n"
    "  --normalise          choose the minimum partition by value / K\n"
    "  --search NAME        auto, exhaustive, queyranne, exchange (replica-exchange Monte Carlo).\n"
    "                       auto: exhaustive up to 12 elements, else queyranne (exact for MI and\n"
    "                       MI1, a good guess for the others), exchange where normalised\n"
    "  --replicas N         of exchange, default 8      --sweeps N  default 100\n"
    "  --parts 0,0,1|atomic this partition instead of a search\n"
    "  --complexes          all complexes too (JSON; IIT, and Gaussian by hierarchical search)\n"
    "  --state 1,0,1        current state of IIT, node 0 first. Tables: required unless in the "
    "file;\n"
    "                       recordings: default is the state most often seen\n"
    "\n"
    "Tables\n"
    "  --order NAME         little-endian (node 0 varies fastest) or big-endian: must be declared\n"
    "                       here or in the file\n"
    "  --input NAME         how inputs are weighted by the practical measures: uniform (default,\n"
    "                       as by perturbation) or stationary\n"
    "\n"
    "Spikes and recordings\n"
    "  --nodes LIST         one group: 0,3,5-9 or POPULATION:0-3,... (columns of a recording)\n"
    "  --sample KxN         K groups of N neurons       --by NAME  random (default), population "
    "(K\n"
    "                       each), across (members from populations in turn), coupling (greedy "
    "by\n"
    "                       mutual information), partition. Only neurons that spike are drawn\n"
    "  --groups FILE        groups of one size, one a line, as --nodes; # begins a comment\n"
    "  --allow-silent       neurons of --nodes and --groups without a spike are elements that are\n"
    "                       always off (default: refused, since their id may be a mistake)\n"
    "  --partition-file F   from shinkei partition, for --by partition\n"
    "  --first P:N,Q:M      number of each population's first neuron in F (the sizes of those "
    "before "
    "it\n"
    "                       in the model); one population: 0\n"
    "  --candidates N       most active neurons looked at by coupling, default 200\n"
    "  --bin MS             width of a bin, default 5   --lag BINS  past to present, default 1\n"
    "  --begin MS --end MS  of the recording used, default all of it; a bin includes its\n"
    "                       end, not its beginning\n"
    "  --window MS          length of a sliding window  --step MS   from one to the next, default\n"
    "                       the window (a recording: in samples)\n"
    "  --prior COUNT        added to each outcome of the transition table, default 0.5 (Jeffreys); "
    "a\n"
    "                       state never seen has 1/2\n"
    "  --regularise SHARE   of the mean variance, added to every variance. Default 0: a singular\n"
    "                       covariance is refused\n"
    "  --bootstrap N        redrawn recordings for 95 % intervals (percentiles), default 100. "
    "Plug-in\n"
    "                       values lie high in short recordings, redrawn ones higher: compare "
    "with\n"
    "                       the surrogates\n"
    "  --block PAIRS        length of the redrawn blocks, default 20\n"
    "  --surrogates N       recordings with each train shifted in a circle, default 20\n"
    "  --seed N             of all random numbers, default 1\n"
    "\n"
    "  --out FILE           default: JSON to standard output; needed for many groups or windows:\n"
    "                       FILE.h5\n"
    "  --overwrite          replace a file (else one in JSON is refused, one in HDF5 gone on "
    "with)\n"
    "  --limit HOURS        refuse what is predicted to take longer, default 24\n"
    "  -h, --help           print this and end\n"
    "\n"
    "Definitions\n";

const char *phi_options_help(void) { return usage; }

enum {
  OPTION_TABLE = 1000,
  OPTION_SERIES,
  OPTION_SPIKES,
  OPTION_MEASURES,
  OPTION_MODEL,
  OPTION_NORMALISE,
  OPTION_SEARCH,
  OPTION_REPLICAS,
  OPTION_SWEEPS,
  OPTION_PARTS,
  OPTION_COMPLEXES,
  OPTION_STATE,
  OPTION_ORDER,
  OPTION_INPUT,
  OPTION_NODES,
  OPTION_GROUPS,
  OPTION_SILENT,
  OPTION_SAMPLE,
  OPTION_BY,
  OPTION_PARTITION_FILE,
  OPTION_FIRST,
  OPTION_CANDIDATES,
  OPTION_BIN,
  OPTION_LAG,
  OPTION_BEGIN,
  OPTION_END,
  OPTION_WINDOW,
  OPTION_STEP,
  OPTION_PRIOR,
  OPTION_REGULARISE,
  OPTION_BOOTSTRAP,
  OPTION_BLOCK,
  OPTION_SURROGATES,
  OPTION_SEED,
  OPTION_OUT,
  OPTION_OVERWRITE,
  OPTION_LIMIT
};

static const struct option known[] = {
    {"table", required_argument, NULL, OPTION_TABLE},
    {"series", required_argument, NULL, OPTION_SERIES},
    {"spikes", required_argument, NULL, OPTION_SPIKES},
    {"measures", required_argument, NULL, OPTION_MEASURES},
    {"model", required_argument, NULL, OPTION_MODEL},
    {"normalise", no_argument, NULL, OPTION_NORMALISE},
    {"search", required_argument, NULL, OPTION_SEARCH},
    {"replicas", required_argument, NULL, OPTION_REPLICAS},
    {"sweeps", required_argument, NULL, OPTION_SWEEPS},
    {"parts", required_argument, NULL, OPTION_PARTS},
    {"complexes", no_argument, NULL, OPTION_COMPLEXES},
    {"state", required_argument, NULL, OPTION_STATE},
    {"order", required_argument, NULL, OPTION_ORDER},
    {"input", required_argument, NULL, OPTION_INPUT},
    {"nodes", required_argument, NULL, OPTION_NODES},
    {"groups", required_argument, NULL, OPTION_GROUPS},
    {"allow-silent", no_argument, NULL, OPTION_SILENT},
    {"sample", required_argument, NULL, OPTION_SAMPLE},
    {"by", required_argument, NULL, OPTION_BY},
    {"partition-file", required_argument, NULL, OPTION_PARTITION_FILE},
    {"first", required_argument, NULL, OPTION_FIRST},
    {"candidates", required_argument, NULL, OPTION_CANDIDATES},
    {"bin", required_argument, NULL, OPTION_BIN},
    {"lag", required_argument, NULL, OPTION_LAG},
    {"begin", required_argument, NULL, OPTION_BEGIN},
    {"end", required_argument, NULL, OPTION_END},
    {"window", required_argument, NULL, OPTION_WINDOW},
    {"step", required_argument, NULL, OPTION_STEP},
    {"prior", required_argument, NULL, OPTION_PRIOR},
    {"regularise", required_argument, NULL, OPTION_REGULARISE},
    {"bootstrap", required_argument, NULL, OPTION_BOOTSTRAP},
    {"block", required_argument, NULL, OPTION_BLOCK},
    {"surrogates", required_argument, NULL, OPTION_SURROGATES},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"out", required_argument, NULL, OPTION_OUT},
    {"overwrite", no_argument, NULL, OPTION_OVERWRITE},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0}};

static const char *name_of(int option) {
  for (const struct option *o = known; o->name; o++)
    if (o->val == option) return o->name;
  return "?";
}

/* A number within [least, most], or beyond `least` itself where `open`. */
static err number(int option, const char *text, double least, double most, bool open,
                  double *value) {
  char *end;
  *value = strtod(text, &end);
  if (end == text || *end || !(open ? *value > least : *value >= least) || !(*value <= most))
    return check_fail(ERR_USER, "phi: --%s %s: allowed are numbers %s %g%s", name_of(option), text,
                      open ? "above" : "from", least, isinf(most) ? "" : ", within bounds");
  return OK;
}

static err integer(int option, const char *text, int64_t least, int64_t most, int64_t *value) {
  char *end;
  errno = 0;
  *value = strtoll(text, &end, 10);
  if (end == text || *end || errno == ERANGE || *value < least || *value > most)
    return check_fail(ERR_USER, "phi: --%s %s: allowed are whole numbers from %lld to %lld",
                      name_of(option), text, (long long)least, (long long)most);
  return OK;
}

static err small(int option, const char *text, int least, int *value) {
  int64_t wide;
  err e = integer(option, text, least, 1000000, &wide);
  *value = (int)wide;
  return e;
}

static err one_of(int option, const char *text, const char *first, const char *second,
                  bool *is_second) {
  *is_second = !strcmp(text, second);
  if (*is_second || !strcmp(text, first)) return OK;
  return check_fail(ERR_USER, "phi: --%s %s: allowed are %s and %s", name_of(option), text, first,
                    second);
}

static err set_source(phi_options *o, phi_source source, const char *path) {
  if (o->source)
    return check_fail(ERR_USER, "phi: only one of --table, --series, --spikes is allowed");
  o->source = source;
  o->path = path;
  return OK;
}

/* "20x5" or "20×5" (UTF-8) */
static err sample(phi_options *o, const char *text) {
  char *end;
  const long groups = strtol(text, &end, 10);
  const char *rest = *end == 'x' ? end + 1 : !strncmp(end, "\xc3\x97", 2) ? end + 2 : NULL;
  const long size = rest ? strtol(rest, &end, 10) : 0;
  if (!rest || *end || groups < 1 || size < 2 || groups > INT_MAX || size > INT_MAX / groups)
    return check_fail(ERR_USER,
                      "phi: --sample %s: allowed is KxN, K >= 1 groups of N >= 2 neurons, at most "
                      "%d in all",
                      text, INT_MAX);
  o->groups = (int)groups;
  o->size = (int)size;
  return OK;
}

static err set_plan(phi_options *o, int option, const char *text) {
  phi_plan *p = &o->plan;
  int64_t seed;
  bool other;
  err e;
  switch (option) {
  case OPTION_MEASURES:
    return phi_asked_of(text, &p->request.asked);
  case OPTION_MODEL:
    o->model_given = true;
    return one_of(option, text, "binary", "gaussian", &p->gaussian);
  case OPTION_NORMALISE:
    p->request.normalised = true;
    return OK;
  case OPTION_SEARCH:
    return phi_search_method_of(text, &p->request.search);
  case OPTION_REPLICAS:
    return small(option, text, 2, &p->request.replicas);
  case OPTION_SWEEPS:
    return small(option, text, 1, &p->request.sweeps);
  case OPTION_COMPLEXES:
    p->request.complexes = true;
    return OK;
  case OPTION_INPUT:
    e = one_of(option, text, "uniform", "stationary", &other);
    o->input = other ? PHI_INPUT_STATIONARY : PHI_INPUT_UNIFORM;
    return e;
  case OPTION_LAG:
    return integer(option, text, 1, INT32_MAX, &p->lag);
  case OPTION_PRIOR:
    return number(option, text, 0, INFINITY, false, &p->prior);
  case OPTION_REGULARISE:
    return number(option, text, 0, INFINITY, false, &p->ridge);
  case OPTION_BOOTSTRAP:
    return small(option, text, 0, &p->bootstrap);
  case OPTION_BLOCK:
    return integer(option, text, 1, INT32_MAX, &p->block);
  case OPTION_SURROGATES:
    return small(option, text, 0, &p->surrogates);
  default:
    e = integer(option, text, 0, INT64_MAX, &seed);
    p->seed = p->request.seed = (uint64_t)seed;
    return e;
  }
}

static err set(phi_options *o, int option, const char *text) {
  double hours;
  err e;
  switch (option) {
  case OPTION_TABLE:
    return set_source(o, SOURCE_TABLE, text);
  case OPTION_SERIES:
    return set_source(o, SOURCE_SERIES, text);
  case OPTION_SPIKES:
    return set_source(o, SOURCE_SPIKES, text);
  case OPTION_PARTS:
    o->parts = text;
    return OK;
  case OPTION_STATE:
    o->state = text;
    return OK;
  case OPTION_ORDER:
    return phi_order_of(text, &o->order);
  case OPTION_NODES:
    o->nodes = text;
    return OK;
  case OPTION_GROUPS:
    o->groups_path = text;
    return OK;
  case OPTION_SILENT:
    o->silent = true;
    return OK;
  case OPTION_SAMPLE:
    return sample(o, text);
  case OPTION_BY:
    o->by_given = true;
    return phi_sample_method_of(text, &o->by);
  case OPTION_PARTITION_FILE:
    o->owner_path = text;
    return OK;
  case OPTION_FIRST:
    o->first = text;
    return OK;
  case OPTION_CANDIDATES:
    return small(option, text, 2, &o->candidates);
  case OPTION_BIN:
    return number(option, text, 0, INFINITY, true, &o->bin);
  case OPTION_BEGIN:
    return number(option, text, -INFINITY, INFINITY, false, &o->begin);
  case OPTION_END:
    return number(option, text, -INFINITY, INFINITY, false, &o->end);
  case OPTION_WINDOW:
    return number(option, text, 0, INFINITY, true, &o->window);
  case OPTION_STEP:
    return number(option, text, 0, INFINITY, true, &o->step);
  case OPTION_OUT:
    o->out = text;
    return OK;
  case OPTION_OVERWRITE:
    o->overwrite = true;
    return OK;
  case OPTION_LIMIT:
    e = number(option, text, 0, INFINITY, true, &hours);
    o->limit = 3600 * hours;
    return e;
  default:
    return set_plan(o, option, text);
  }
}

/* What only makes sense together, or not together. */
static err check_together(phi_options *o) {
  const bool spikes = o->source == SOURCE_SPIKES, table = o->source == SOURCE_TABLE;
  if (!o->source)
    return check_fail(ERR_USER,
                      "phi: one of --table, --series, --spikes must be given; shinkei phi "
                      "--help tells more");
  if (spikes && (o->nodes != NULL) + (o->size != 0) + (o->groups_path != NULL) != 1)
    return check_fail(ERR_USER, "phi: --spikes needs one of --nodes and --sample, or --groups");
  if (!spikes &&
      (o->size || o->by_given || o->owner_path || o->groups_path || o->silent || !isnan(o->bin)))
    return check_fail(ERR_USER, "phi: --sample, --groups, --by, --partition-file, --bin and "
                                "--allow-silent are for --spikes only");
  if (o->silent && o->size)
    return check_fail(ERR_USER, "phi: --allow-silent is for --nodes and --groups; --sample draws "
                                "neurons that spike");
  if (o->by_given && !o->size) return check_fail(ERR_USER, "phi: --by needs --sample");
  if ((o->by == PHI_SAMPLE_PARTITION) != (o->owner_path != NULL))
    return check_fail(ERR_USER, "phi: --by partition and --partition-file belong together");
  if (o->first && !o->owner_path)
    return check_fail(ERR_USER, "phi: --first needs --partition-file");
  if (table && (!isnan(o->window) || !isnan(o->begin) || o->nodes || o->model_given))
    return check_fail(ERR_USER, "phi: --window, --begin, --nodes and --model are not for --table");
  if (!table && (o->order || o->input))
    return check_fail(ERR_USER, "phi: --order and --input are for --table only");
  if (!isnan(o->step) && isnan(o->window))
    return check_fail(ERR_USER, "phi: --step needs --window");
  if (!o->model_given) o->plan.gaussian = o->source == SOURCE_SERIES;
  if (isnan(o->bin)) o->bin = 5;
  if (!isnan(o->plan.prior) && (table || o->plan.gaussian))
    return check_fail(ERR_USER, "phi: --prior is for --model binary, which counts transitions");
  if (isnan(o->plan.prior)) o->plan.prior = 0.5;
  if (!o->plan.request.asked)
    o->plan.request.asked =
        table ? 1u << PHI_ASK_IIT4 | 1u << PHI_ASK_EFFECTIVE : 1u << PHI_SI | 1u << PHI_STAR;
  const uint32_t practical = (1u << PHI_MEASURES) - 1;
  const uint32_t found =
      1u << PHI_ASK_IIT3 | 1u << PHI_ASK_IIT4 | (o->plan.gaussian && !o->parts ? practical : 0);
  if (o->plan.request.complexes && !(o->plan.request.asked & found))
    return check_fail(
        ERR_USER,
        "phi: --complexes is for iit3, iit4, and MI1 to R of --model gaussian without --parts");
  return OK;
}

err phi_options_parse(int argc, char **argv, phi_options *o) {
  *o = (phi_options){.bin = NAN, .begin = NAN, .end = NAN, .window = NAN, .step = NAN};
  o->candidates = 200;
  o->limit = 24 * 3600;
  o->plan = (phi_plan){.lag = 1, .prior = NAN, .state = -1, .bootstrap = 100, .surrogates = 20};
  o->plan.block = 20;
  o->plan.seed = o->plan.request.seed = 1;
  o->plan.request.replicas = 8;
  o->plan.request.sweeps = 100;
  optind = 0;
  for (int c; (c = getopt_long(argc, argv, ":h", known, NULL)) != -1;) {
    if (c == 'h') {
      o->help = true;
      return OK;
    }
    err e = c == '?' || c == ':'
                ? check_fail(ERR_USER, "phi: %s %s; shinkei phi --help lists the options",
                             argv[optind - 1], c == ':' ? "needs a value" : "is no option")
                : set(o, c, optarg);
    if (e) return e;
  }
  if (optind < argc)
    return check_fail(ERR_USER,
                      "phi: '%s' belongs to no option; files are named by --table, --series, "
                      "--spikes",
                      argv[optind]);
  return check_together(o);
}

void phi_options_free(phi_options *o) { free(o->part); }

err phi_options_parts(phi_options *o, int n) {
  if (!o->parts) return OK;
  o->part = check_allocate((size_t)n, sizeof *o->part);
  o->plan.request.part = o->part;
  const char *at = o->parts;
  for (int i = 0; i < n; i++) {
    o->part[i] = i;
    if (!strcmp(o->parts, "atomic")) continue;
    char *end;
    const long part = strtol(at, &end, 10);
    if (end == at || *end != (i < n - 1 ? ',' : 0) || part < 0 || part >= n)
      return check_fail(ERR_USER,
                        "phi: --parts %s: allowed are atomic, or %d numbers of parts, 0 to %d, "
                        "separated by commas",
                        o->parts, n, n - 1);
    o->part[i] = (int)part;
    at = end + 1;
  }
  return OK;
}

err phi_options_state(const char *text, int n, int64_t *state) {
  *state = text ? 0 : -1;
  for (int i = 0; text && i < n; i++) {
    const char wanted = i < n - 1 ? ',' : 0;
    if ((text[2 * i] != '0' && text[2 * i] != '1') || text[2 * i + 1] != wanted)
      return check_fail(ERR_USER,
                        "phi: --state %s: allowed are %d digits 0 or 1 separated by commas, "
                        "node 0 first",
                        text, n);
    *state |= (int64_t)(text[2 * i] == '1') << i;
  }
  return OK;
}

err phi_options_out(const phi_options *o) {
  const char *const read[] = {o->path, o->groups_path, o->owner_path};
  for (int k = 0; k < 3; k++)
    if (o->out && read[k] && check_same_file(o->out, read[k]))
      return check_fail(ERR_USER, "phi: --out %s is a file that is read; it would be replaced",
                        o->out);
  return o->out ? check_writable_file(o->out) : OK;
}
