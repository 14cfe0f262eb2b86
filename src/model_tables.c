#include "model_tables.h"

#include <math.h>
#include <string.h>

#define AT(type, field) .offset = offsetof(type, field)
#define RANGE(low, high) .minimum = (low), .maximum = (high)
#define ABOVE(low, high) .minimum = (low), .maximum = (high), .minimum_excluded = true
#define ANY_NUMBER .minimum = -INFINITY, .maximum = INFINITY
#define ONLY(choice) (1u << (choice))

#define NUMBER_MAX                                                                                 \
  9007199254740991 /* 2^53 - 1: exact in JSON and in a double                       */
#define TOTAL_MAX                                                                                  \
  281474976710655             /* 2^48 - 1: the ordinal of a random draw                        */
#define SIZE_LIMIT 4294967295 /* 2^32 - 1: a gid has 32 bits                                   */

static const char *const flags[] = {"false", "true", NULL};
static const char *const precisions[] = {"single", "double", NULL};
static const char *const rules[] = {
    [RULE_ONE_TO_ONE] = "one_to_one",
    [RULE_ALL_TO_ALL] = "all_to_all",
    [RULE_FIXED_INDEGREE] = "fixed_indegree",
    [RULE_FIXED_OUTDEGREE] = "fixed_outdegree",
    [RULE_FIXED_TOTAL] = "fixed_total",
    [RULE_PAIRWISE_BERNOULLI] = "pairwise_bernoulli",
    [RULE_FILE] = "file",
    NULL,
};
static const char *const input_kinds[] = {
    [INPUT_POISSON] = "poisson",
    [INPUT_DC] = "dc",
    [INPUT_SPIKE_TRAINS] = "spike_trains",
    NULL,
};
enum {
  BY_NUMBER = ONLY(RULE_FIXED_INDEGREE) | ONLY(RULE_FIXED_OUTDEGREE) | ONLY(RULE_FIXED_TOTAL),
  BY_FILE = ONLY(RULE_FILE),
  POISSON = ONLY(INPUT_POISSON),
  DC = ONLY(INPUT_DC),
  TRAINS = ONLY(INPUT_SPIKE_TRAINS),
};

static const model_key root_keys[] = {
    {"simulation", KEY_OTHER, .required = true, .takes = "mapping, see simulation",
     .meaning = "time, precision, seed"},
    {"neurons", KEY_OTHER, .takes = "mapping of names to neuron sets, see neurons.NAME",
     .meaning = "neuron sets: parameters that several populations share"},
    {"populations", KEY_OTHER, .required = true,
     .takes = "mapping of names to populations, see populations.NAME",
     .meaning = "the neurons, numbered (gid) in this order"},
    {"projections", KEY_OTHER, .takes = "list, see projections.N", .meaning = "the synapses"},
    {"inputs", KEY_OTHER, .takes = "list, see inputs.N", .meaning = "what drives the network"},
    {"record", KEY_OTHER, .takes = "mapping, see record", .meaning = "what is recorded"},
    {"checkpoint", KEY_OTHER, .takes = "mapping, see checkpoint",
     .meaning = "when the state is saved"},
    {.key = NULL},
};

static const model_key simulation_keys[] = {
    {"dt", KEY_REAL, "ms", RANGE(0.001, 10), .fallback = "0.1", AT(model, dt),
     .meaning = "time step"},
    {"duration", KEY_TIME, "ms", RANGE(0, MODEL_TIME_MAX), .required = true, AT(model, duration),
     .meaning = "simulated time, warm_up not counted; a multiple of dt"},
    {"warm_up", KEY_TIME, "ms", RANGE(0, MODEL_TIME_MAX), .fallback = "0", AT(model, warm_up),
     .meaning = "simulated before that, without record; a multiple of dt"},
    {"seed", KEY_NUMBER, "", RANGE(0, NUMBER_MAX), .fallback = "1", AT(model, seed),
     .meaning = "of all random numbers: edges, initial values, Poisson input"},
    {"precision", KEY_FLAG, "", .choices = precisions, .fallback = "single",
     AT(model, double_precision),
     .meaning = "of the neurons' state; with single, a potential in rest is right to some 1e-7 of "
                "itself times tau_m / dt"},
    {"weight_accuracy", KEY_REAL, "", ABOVE(0, 1), .fallback = "0.01", AT(model, weight_accuracy),
     .meaning =
         "largest rounding of a weight (stored in 16 bits) that is accepted, relative to the "
         "mean absolute weight of its projection"},
    {.key = NULL},
};

static const model_key checkpoint_keys[] = {
    {"every_ms", KEY_TIME, "ms", RANGE(0, MODEL_TIME_MAX), .fallback = "0",
     AT(model, checkpoint_every_ms),
     .meaning = "save each time so much has been simulated; a multiple of dt; 0: never"},
    {"every_wall_minutes", KEY_REAL, "min", RANGE(0, 1e7), .fallback = "0",
     AT(model, checkpoint_every_wall_minutes),
     .meaning = "save each time so much wall time has passed; 0: never"},
    {"keep", KEY_INTEGER, "", RANGE(1, 1000), .fallback = "2", AT(model, checkpoint_keep),
     .meaning = "how many of the newest checkpoints are kept"},
    {.key = NULL},
};

#define PARAMETERS_TAKE "mapping of the neuron model's parameters to numbers"
#define INITIAL_TAKES "mapping of the neuron model's state variables to distributions"

static const model_key neurons_keys[] = {
    {"model", KEY_MODEL, .required = true, .meaning = "name of a neuron model"},
    {"parameters", KEY_OTHER, .takes = PARAMETERS_TAKE,
     .meaning = "those that differ from the neuron model's defaults"},
    {"initial", KEY_OTHER, .takes = INITIAL_TAKES,
     .meaning = "values at the start that differ from the neuron model's defaults"},
    {.key = NULL},
};

static const model_key population_keys[] = {
    {"size", KEY_SIZE, "", RANGE(0, SIZE_LIMIT), .required = true, AT(model_population, size),
     .meaning = "number of neurons; all populations together at most 4294967295"},
    {"neuron", KEY_OTHER, .required = true, .takes = "name of a neuron set or of a neuron model",
     .meaning = "what kind of neurons"},
    {"expected_rate", KEY_REAL, "Hz", ABOVE(0, 1e5), .fallback = "5",
     AT(model_population, expected_rate),
     .meaning = "expected mean firing rate; balances the load of the ranks, changes no result"},
    {"parameters", KEY_OTHER, .takes = PARAMETERS_TAKE,
     .meaning = "those that differ from the neuron set's"},
    {"initial", KEY_OTHER, .takes = INITIAL_TAKES,
     .meaning = "values at the start that differ from the neuron set's"},
    {"overrides", KEY_OTHER, .takes = "list, see populations.NAME.overrides.N",
     .meaning = "parameters of single neurons"},
    {.key = NULL},
};

static const model_key override_keys[] = {
    {"nodes", KEY_NODES, .required = true, AT(model_variant, nodes),
     .meaning = "the neurons; each in one override at most"},
    {"parameters", KEY_OTHER, .required = true, .takes = PARAMETERS_TAKE,
     .meaning = "those that differ from the population's"},
    {.key = NULL},
};

static const model_key projection_keys[] = {
    {"source", KEY_POPULATION, .required = true, AT(model_projection, source),
     .meaning = "population of the presynaptic neurons"},
    {"target", KEY_POPULATION, .required = true, AT(model_projection, target),
     .meaning = "population of the postsynaptic neurons"},
    {"rule", KEY_CHOICE, .required = true, .choices = rules, AT(model_projection, rule),
     .meaning = "who is connected to whom"},
    {"indegree", KEY_NUMBER, "", RANGE(0, SIZE_LIMIT), .required = true,
     .only = ONLY(RULE_FIXED_INDEGREE), AT(model_projection, number),
     .meaning = "synapses that each target receives, from sources drawn at random"},
    {"outdegree", KEY_NUMBER, "", RANGE(0, SIZE_LIMIT), .required = true,
     .only = ONLY(RULE_FIXED_OUTDEGREE), AT(model_projection, number),
     .meaning = "synapses that each source makes, onto targets drawn at random"},
    {"total", KEY_NUMBER, "", RANGE(0, TOTAL_MAX), .required = true, .only = ONLY(RULE_FIXED_TOTAL),
     AT(model_projection, number),
     .meaning = "synapses in all, sources and targets drawn at random"},
    {"probability", KEY_REAL, "", RANGE(0, 1), .required = true,
     .only = ONLY(RULE_PAIRWISE_BERNOULLI), AT(model_projection, probability),
     .meaning = "of a synapse, for each ordered pair of neurons on its own"},
    {"weight", KEY_DISTRIBUTION, "in the receptor's unit", RANGE(-1e12, 1e12), .required = true,
     .attribute = BY_FILE, AT(model_projection, weight), .meaning = "synaptic weight"},
    {"delay", KEY_DISTRIBUTION, "ms", ANY_NUMBER, .required = true, .attribute = BY_FILE,
     AT(model_projection, delay),
     .meaning = "synaptic delay, rounded to steps of dt, 1 to 8191 of them; see Delays"},
    {"multapses", KEY_FLAG, .choices = flags, .fallback = "true", .only = BY_NUMBER | BY_FILE,
     AT(model_projection, multapses),
     .meaning = "may there be several synapses from one source to one target? A file that holds "
                "some is refused where this is false"},
    {"autapses", KEY_FLAG, .choices = flags, .fallback = "true", AT(model_projection, autapses),
     .meaning = "may a neuron connect to itself, where source and target are one population? Those "
                "edges of a file are left out where this is false"},
    {"receptor", KEY_RECEPTOR, AT(model_projection, receptor),
     .meaning = "of the target's neuron model; left out: by the sign of each weight"},
    {"file", KEY_PATH, .required = true, .only = BY_FILE, AT(model_projection, file),
     .meaning = "HDF5 file in the SONATA edge layout; a relative path starts at the model file's "
                "folder"},
    {"edges", KEY_TEXT, .required = true, .only = BY_FILE, AT(model_projection, edges),
     .meaning = "name of the edge population in that file"},
    {.key = NULL},
};

static const model_key input_keys[] = {
    {"type", KEY_CHOICE, .required = true, .choices = input_kinds, AT(model_input, kind),
     .meaning = "poisson: trains of random spikes, independent for each neuron; dc: constant "
                "current; spike_trains: spikes at given times"},
    {"target", KEY_POPULATION, .required = true, AT(model_input, target),
     .meaning = "population that is driven"},
    {"nodes", KEY_NODES, .fallback = "all", AT(model_input, nodes),
     .meaning = "which of its neurons; with `file`, the file says which"},
    {"rate", KEY_REAL, "Hz", RANGE(0, 1e7), .required = true, .only = POISSON,
     AT(model_input, rate), .meaning = "summed rate of all trains that one neuron receives"},
    {"weight", KEY_REAL, "in the receptor's unit", RANGE(-1e12, 1e12), .required = true,
     .only = POISSON | TRAINS, AT(model_input, weight), .meaning = "of each spike"},
    {"amplitude", KEY_REAL, "pA (mV for models driven in mV)", RANGE(-1e12, 1e12), .required = true,
     .only = DC, AT(model_input, amplitude), .meaning = "the constant current"},
    {"receptor", KEY_RECEPTOR, .only = POISSON | TRAINS, AT(model_input, receptor),
     .meaning = "of the target's neuron model; left out: by the sign of the weight"},
    {"start", KEY_TIME, "ms", RANGE(0, MODEL_TIME_MAX), .fallback = "0", .only = POISSON | DC,
     AT(model_input, start), .meaning = "active for start < t <= stop; a multiple of dt"},
    {"stop", KEY_TIME, "ms", RANGE(0, MODEL_TIME_MAX), .only = POISSON | DC, AT(model_input, stop),
     .meaning = "see start; left out: to the end"},
    {"file", KEY_PATH, .only = TRAINS, AT(model_input, file),
     .meaning = "HDF5 file in the SONATA spike layout, node_ids numbering the target's neurons; "
                "either this or `times`; spikes after the end of the run are told of, and reach "
                "nobody"},
    {"spikes", KEY_TEXT, .only = TRAINS, AT(model_input, spikes),
     .meaning = "name of the spike population in that file; left out: the target's name"},
    {"times", KEY_OTHER, "ms", RANGE(0, MODEL_TIME_MAX), .only = TRAINS,
     .takes = "list of numbers in ascending order",
     .meaning = "each is one event for every neuron of `nodes`; rounded to steps of dt; "
                "what rounds to 0 belongs to the initial state"},
    {.key = NULL},
};

static const model_key record_keys[] = {
    {"spikes", KEY_OTHER, .fallback = "all",
     .takes = "`all`, `none`, or a list, see record.spikes.N",
     .meaning = "whose spikes are recorded"},
    {"traces", KEY_OTHER, .takes = "list, see record.traces.N",
     .meaning = "state variables recorded at an interval"},
    {.key = NULL},
};

static const model_key record_spikes_keys[] = {
    {"population", KEY_POPULATION, .required = true, AT(model_record_spikes, population),
     .meaning = "listed once at most"},
    {"nodes", KEY_NODES, .fallback = "all", AT(model_record_spikes, nodes),
     .meaning = "which of its neurons"},
    {.key = NULL},
};

static const model_key record_trace_keys[] = {
    {"population", KEY_POPULATION, .required = true, AT(model_record_trace, population),
     .meaning = "the population"},
    {"nodes", KEY_NODES, .fallback = "all", AT(model_record_trace, nodes),
     .meaning = "which of its neurons"},
    {"variables", KEY_OTHER, .required = true,
     .takes = "list of names of the neuron model's state variables", .meaning = "what is recorded"},
    {"interval", KEY_TIME, "ms", ABOVE(0, MODEL_TIME_MAX), .required = true,
     AT(model_record_trace, interval), .meaning = "a multiple of dt"},
    {.key = NULL},
};

#define TRUNCATION                                                                                 \
  {"min", KEY_REAL, ANY_NUMBER, AT(model_distribution, minimum),                                   \
   .meaning = "values below are drawn anew; left out: no bound"},                                  \
  {                                                                                                \
    "max", KEY_REAL, ANY_NUMBER, AT(model_distribution, maximum),                                  \
        .meaning = "values above are drawn anew; left out: no bound"                               \
  }

static const model_key normal_keys[] = {
    {"mean", KEY_REAL, RANGE(-1e12, 1e12), .required = true, AT(model_distribution, a),
     .meaning = "before truncation"},
    {"sd", KEY_REAL, RANGE(0, 1e12), .required = true, AT(model_distribution, b),
     .meaning = "standard deviation, before truncation"},
    TRUNCATION,
    {.key = NULL},
};
static const model_key lognormal_keys[] = {
    {"mu", KEY_REAL, RANGE(-100, 100), .required = true, AT(model_distribution, a),
     .meaning = "mean of the logarithm, before truncation"},
    {"sigma", KEY_REAL, RANGE(0, 10), .required = true, AT(model_distribution, b),
     .meaning = "standard deviation of the logarithm, before truncation"},
    TRUNCATION,
    {.key = NULL},
};
static const model_key uniform_keys[] = {
    {"low", KEY_REAL, RANGE(-1e12, 1e12), .required = true, AT(model_distribution, a),
     .meaning = "values are drawn from low <= x < high"},
    {"high", KEY_REAL, RANGE(-1e12, 1e12), .required = true, AT(model_distribution, b),
     .meaning = "see low"},
    {.key = NULL},
};
static const model_key attribute_keys[] = {
    {"attribute", KEY_TEXT, .required = true, AT(model_distribution, attribute),
     .meaning = "name of the edge attribute in the file"},
    {"scale", KEY_REAL, RANGE(-1e12, 1e12), .fallback = "1", AT(model_distribution, a),
     .meaning = "the attribute's values are multiplied by it"},
    {.key = NULL},
};

const model_section model_section_root = {"", "The whole file.", NULL, root_keys};
const model_section model_section_simulation = {"simulation", "Time, precision, seed.", NULL,
                                                simulation_keys};
const model_section model_section_checkpoint = {"checkpoint", "When the state is saved.", NULL,
                                                checkpoint_keys};
const model_section model_section_neurons = {
    "neurons.NAME", "A neuron set: what several populations share. NAME is free.", NULL,
    neurons_keys};
const model_section model_section_population = {
    "populations.NAME",
    "Neurons of one kind. NAME is free: letters, digits, `_`, `-`, `+`. Inside a population, "
    "neurons are numbered from 0 (nodes).",
    NULL, population_keys};
const model_section model_section_override = {
    "populations.NAME.overrides.N", "Single neurons whose parameters differ.", NULL, override_keys};
const model_section model_section_projection = {
    "projections.N", "Synapses from one population to another.", "rule", projection_keys};
const model_section model_section_input = {"inputs.N", "What drives a population.", "type",
                                           input_keys};
const model_section model_section_record = {"record", "What is recorded.", NULL, record_keys};
const model_section model_section_record_spikes = {
    "record.spikes.N", "Spikes of a population's neurons.", NULL, record_spikes_keys};
const model_section model_section_record_trace = {
    "record.traces.N", "State variables of a population's neurons.", NULL, record_trace_keys};
const model_section model_section_normal = {"normal", "", NULL, normal_keys};
const model_section model_section_lognormal = {"lognormal", "", NULL, lognormal_keys};
const model_section model_section_uniform = {"uniform", "", NULL, uniform_keys};
const model_section model_section_attribute = {"attribute", "", NULL, attribute_keys};

const model_section *const model_sections[] = {
    &model_section_root,         &model_section_simulation, &model_section_neurons,
    &model_section_population,   &model_section_override,   &model_section_projection,
    &model_section_input,        &model_section_record,     &model_section_record_spikes,
    &model_section_record_trace, &model_section_checkpoint, NULL,
};

const model_key *model_section_find(const model_section *s, const char *key) {
  for (const model_key *row = s->key; row->key; row++)
    if (!strcmp(row->key, key)) return row;
  return NULL;
}
