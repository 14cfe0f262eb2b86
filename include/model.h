/* model.h - what the user described: populations, projections, inputs, recordings. Parsed and
 * checked, nothing expanded; knows no rank and no edge. A pure function of the text.
 *
 * Units: ms, mV, pA, pF, Hz. Neurons are numbered globally (gid) in the order of populations;
 * "node" is a neuron's number inside its population, from 0 (SONATA's node_id).              */
#ifndef SHINKEI_MODEL_H
#define SHINKEI_MODEL_H

#include "check.h"
#include "neuron.h"
#include <stdbool.h>
#include <stdio.h>

/* Largest delay [dt]; most projections and inputs (their index is part of a random counter).   */
enum { MODEL_DELAY_STEPS_MAX = 8191, MODEL_PROJECTIONS_MAX = 4096, MODEL_INPUTS_MAX = 4096 };
/* Latest time [ms]: 115 days; with dt >= 0.001 ms 1e13 steps. */
#define MODEL_TIME_MAX 1e10

typedef struct {    /* where something of a list stands in the model file; for messages */
  int line;         /* from 1; 0: --set                                             */
  const char *list; /* "projections" or "inputs"; static                           */
  int index;        /* in the list                                                  */
} model_place;

enum { MODEL_PLACE_MAX = 4200 };
/* "NAME:LINE: LIST.INDEX.KEY", or "NAME: --set LIST.INDEX.KEY", for the beginning of a message. */
LOCAL const char *model_place_text(const char *name, model_place place, const char *key,
                                   char text[MODEL_PLACE_MAX]);
/* Fail with "PLACE: message". For faults that show only where the network is built; those of the
 * text alone are found before.                                                                 */
LOCAL err model_fail(const char *name, model_place place, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

typedef enum {
  DISTRIBUTION_CONSTANT,  /* a: value                                             */
  DISTRIBUTION_NORMAL,    /* a: mean, b: standard deviation; truncated to
                             [minimum, maximum] where those are finite            */
  DISTRIBUTION_LOGNORMAL, /* a: mu, b: sigma of the logarithm; truncated likewise */
  DISTRIBUTION_UNIFORM,   /* [a, b)                                               */
  DISTRIBUTION_FILE,      /* projections by `file` only: a x the edge attribute   */
} model_distribution_kind;

typedef struct {
  model_distribution_kind kind;
  double a, b;
  double minimum, maximum; /* -INFINITY, INFINITY: not truncated               */
  char *attribute;         /* DISTRIBUTION_FILE: name of the edge attribute    */
  model_place place;       /* of a projection's weight or delay                */
} model_distribution;

/* A sorted list of distinct nodes of one population, as half-open ranges.        */
typedef struct {
  bool all;  /* every node; ranges are then NULL            */
  int count; /* of ranges                                   */
  struct model_range {
    uint32_t first, end;
  } * range; /* ascending, not touching  */
} model_nodes;

/* Neurons of a population that share parameters. Variant 0 is the population's own; others
 * come from `overrides` and name their nodes; a node may be in one override at most.         */
typedef struct {
  model_nodes nodes; /* variant 0: all (minus those of the other variants)       */
  double parameter[NEURON_PARAMETERS_MAX];
} model_variant;

typedef struct {
  char *name;
  uint32_t size;      /* may be 0 */
  uint32_t first_gid; /* gid of node 0                                           */
  const neuron_model *neuron;
  char *neuron_set; /* name under `neurons` it came from, or NULL              */
  int variants;     /* >= 1 */
  model_variant *variant;
  model_distribution initial[NEURON_STATES_MAX]; /* of each state variable       */
  double expected_rate; /* [Hz] > 0; weighs the partition (key `expected_rate`)   */
} model_population;

typedef enum {
  RULE_ONE_TO_ONE,
  RULE_ALL_TO_ALL,
  RULE_FIXED_INDEGREE,     /* number: in-degree of each target                     */
  RULE_FIXED_OUTDEGREE,    /* number: out-degree of each source                    */
  RULE_FIXED_TOTAL,        /* number: synapses in all                              */
  RULE_PAIRWISE_BERNOULLI, /* probability for each ordered pair                    */
  RULE_FILE,               /* SONATA edges                                         */
} model_rule;

typedef struct {
  int source, target; /* indices of populations                                  */
  model_rule rule;
  uint64_t number;
  double probability;
  bool multapses, autapses;  /* several synapses from one source to one target; a neuron onto
                                itself. Defaults true. Where one_to_one or all_to_all joins a
                                population to itself, autapses: false leaves those out.       */
  model_distribution weight; /* in the unit of the receptor                       */
  model_distribution delay;  /* [ms]; rounded to steps of dt, at least dt         */
  int receptor;              /* -1: by the sign of each weight                    */
  char *file;                /* RULE_FILE: path, relative paths from the model file's folder
                                (already joined)                                            */
  char *edges;               /* RULE_FILE: name of the edge population in it       */
  model_place file_place;    /* of `file` */
  model_place multapses_place;
} model_projection;

typedef enum { INPUT_POISSON, INPUT_DC, INPUT_SPIKE_TRAINS } model_input_kind;

typedef struct {
  model_input_kind kind;
  int target;        /* population */
  model_nodes nodes; /* of the target */
  double rate;       /* POISSON [Hz]: summed rate of all its trains, independent for each neuron */
  double weight;     /* POISSON, SPIKE_TRAINS: unit of the receptor               */
  double amplitude;  /* DC: [pA]; for models driven in mV: [mV]                   */
  int receptor;      /* resolved by the weight's sign where the model names none   */
  double start,
      stop;     /* [ms] POISSON, DC: active for start < t <= stop; stop INFINITY: to the end */
  char *file;   /* SPIKE_TRAINS: SONATA spikes file, or NULL for inline       */
  char *spikes; /* population in that file; node ids are those of the target  */
  int times;    /* SPIKE_TRAINS inline: each time is an event for every node of `nodes` */
  double *time; /* [ms] ascending, >= 0                                       */
  model_place file_place; /* of `file` */
} model_input;

typedef struct { /* spikes of some nodes */
  int population;
  model_nodes nodes;
} model_record_spikes;

typedef struct { /* state variables of some nodes at an interval */
  int population;
  model_nodes nodes;
  int states;
  int state[NEURON_STATES_MAX]; /* indices into the neuron model's table            */
  double interval;              /* [ms], a multiple of dt                           */
} model_record_trace;

typedef struct {
  char *name; /* path as given; "" for text without a file                         */
  /* simulation */
  double dt;       /* [ms] */
  double duration; /* [ms] a multiple of dt, warm-up not counted                    */
  double warm_up;  /* [ms] a multiple of dt: simulated first; its spikes are not
                      recorded and not in the digest                                */
  uint64_t seed;
  bool double_precision;
  double weight_accuracy;     /* largest rounding of a weight allowed, relative to the mean
                                 |weight| of its projection (default 0.01)              */
  double checkpoint_every_ms; /* a multiple of dt; 0: off                   */
  double checkpoint_every_wall_minutes; /* 0: off                                     */
  int checkpoint_keep;                  /* newest checkpoints that are kept           */
  int populations, projections, inputs, spike_records, trace_records;
  model_population *population;
  model_projection *projection;
  model_input *input;
  model_record_spikes *spike_record; /* `all` (also if absent) names each population  */
  model_record_trace *trace_record;
  uint32_t neurons; /* in all */
} model;

/* One --set key=value: `key` is a dotted path into the file (list items by number from 0), e.g.
 * simulation.seed or populations.L4E.size; the value is YAML. A key that could not stand in the
 * file is an error; one that the file leaves out is added.                                  */
typedef struct {
  const char *key, *value;
} model_setting;

/* Split "key=value" at its first '='; the parts stay in the text, which is changed. ERR_USER: no
 * key or no '='.                                                                             */
LOCAL err model_setting_split(char *text, model_setting *setting);

/* Parse and check `text` (length bytes; `name` stands in messages and gives the folder of relative
 * paths). Settings are laid over it first. ERR_USER with one message "name:line: key: ...";
 * *parsed is then NULL. Owned by the caller; release with model_free.                        */
LOCAL err model_parse(const char *name, const char *text, size_t length, int settings,
                      const model_setting *setting, model **parsed);
/* Read the file at `path` whole into *text (caller frees). */
LOCAL err model_read_file(const char *path, char **text, size_t *length);
LOCAL void model_free(model *m);

/* What the model calls the file of edges or spikes that stands at `path`, and where; NULL if it
 * reads no such file. Borrowed. */
LOCAL const char *model_reads(const model *m, const char *path, model_place *place);

/* Write the effective model, defaults included, as YAML that model_parse takes again and that
 * gives the same model.                                                                      */
LOCAL err model_write(const model *m, FILE *file);

/* Write the reference of every key as Markdown, from the tables that the parser uses.         */
LOCAL void model_write_reference(FILE *file);

/* Number of steps of dt in `ms` (which the parser has checked to be a multiple).              */
LOCAL int64_t model_steps(const model *m, double ms);

/* The population of a gid. */
LOCAL int model_population_of(const model *m, uint32_t gid);

/* Index of the variant (parameter set) of a node. */
LOCAL int model_variant_of(const model_population *p, uint32_t node);

/* Is node in the list? O(log ranges). */
LOCAL bool model_nodes_has(const model_nodes *nodes, uint32_t node);
/* Number of nodes in the list, for a population of `size`. */
LOCAL uint32_t model_nodes_count(const model_nodes *nodes, uint32_t size);

/* Mean number of synapses that a target of the projection receives, by rule; 0 for `file`.    */
LOCAL double model_projection_indegree(const model *m, int projection);

#endif
