/* neuron.h - neuron models: what each is called, what it can be given, and how a run of neurons
 * of one model and one parameter set is advanced by one step.
 *
 * Adding a model is one file neuron_<name>.c and one row in neuron.c's table.               */
#ifndef SHINKEI_NEURON_H
#define SHINKEI_NEURON_H

#include "check.h"
#include <stdbool.h>

enum { NEURON_PARAMETERS_MAX = 16, NEURON_STATES_MAX = 8, NEURON_RECEPTORS_MAX = 4 };

/* One parameter or state variable: parsing, range errors, help and file attributes come from here.
 */
typedef struct {
  const char *key;  /* the field's usual name, e.g. "tau_m"                         */
  const char *unit; /* "ms", "mV", "pA", "pF", "" (pure number)                     */
  double minimum, maximum;
  bool minimum_excluded; /* the range is open at its lower end                         */
  double value;          /* default                                                    */
  const char *meaning;   /* one line for the reference page                            */
} neuron_field;

/* What arrives at one receptor of a segment in this step: for neuron i
 * sum[i] * scale + counts[i] * weight + added[i].                                           */
typedef struct {
  void *sum;             /* int32_t[count], in double precision int64_t[count]: weights from the
                            network; the update sets them to 0                              */
  double scale;          /* of these weights                                                */
  const uint8_t *counts; /* [count] of a Poisson input                                      */
  double weight;         /* of each count                                                   */
  const void *added;     /* real[count]: sum of the weights of all else                     */
} neuron_arrivals;

/* Neurons of one model and one parameter set that lie side by side in a block. `count` of them;
 * each array is count long and owned by the caller; `real` is float or double by precision.  */
typedef struct {
  int count;
  void *state[NEURON_STATES_MAX]; /* real[count] each, in table order                 */
  const uint8_t *refractory;      /* [count] 1 where the neuron is refractory          */
  neuron_arrivals arrivals[NEURON_RECEPTORS_MAX];
  const double *constants; /* made by compile()                                       */
  const void *current;     /* real[count] [pA or mV]: DC input                        */
  bool bare;               /* current and all that is added are 0, and may be left out */
  bool late;               /* the arrivals are those of the step before, taken before the step;
                              who is refractory is parked (refractory.h), not to be held   */
  uint32_t *fired;         /* out: [count] places of the neurons that fire, ascending */
} neuron_segment;

typedef struct {
  const char *name;
  const char *source; /* paper and equation */
  int parameters, states, receptors;
  const neuron_field *parameter; /* [parameters] */
  const neuron_field *state;     /* [states]; names, units and default initial values      */
  const char *const *receptor;   /* [receptors] names */
  /* unit of a weight at each receptor */
  const char *const *receptor_unit;
  /* the receptor of a synapse whose model line names none, by the sign of its weight       */
  int receptor_positive, receptor_negative;
  /* state variable to which an input of the receptor is added                              */
  const int *receptor_state;
  /* Nothing outlasts a step: currents, and input that belongs to the initial state, would do
   * nothing, so that a model which asks for them is refused                                */
  bool memoryless;
  /* What arrives in a step only changes states of which the step itself makes no more use, so that
   * the update of the next one can take it (segment's `late`): the receptors' states lack it
   * meanwhile. And state 0 is a potential below a threshold, all that refractory neurons hold. */
  bool takes_late;
  /* Check parameters against each other: NULL if they are sound, else what is allowed.     */
  const char *(*check)(const double *parameter, double dt);
  /* Parameters (table order) -> constants of the update. dt in ms.                         */
  void (*compile)(const double *parameter, double dt, double *constants);
  /* Place of the constant that says for how many steps after a spike a neuron is refractory, -1
   * where it never is. The step loop keeps the time.                                       */
  int refractory_steps;
  /* Advance all neurons of the segment by one step; returns how many fire. [0] single, [1] double.
   */
  int (*update[2])(const neuron_segment *segment);
  /* After update: give neuron i the state that a spike in this step leaves; `fired` and the
   * refractory time are the caller's. NULL: the model's neurons cannot be imposed.         */
  void (*impose[2])(const neuron_segment *segment, int i);
} neuron_model;

enum { NEURON_CONSTANTS_MAX = 24 };

/* The table of models, ended by NULL. */
LOCAL const neuron_model *const *neuron_models(void);
/* NULL where there is no such model. */
LOCAL const neuron_model *neuron_find(const char *name);
/* Position of a key in a list of fields, -1 where it is not there. */
LOCAL int neuron_field_find(const neuron_field *fields, int count, const char *key);

/* Is a time [ms] a whole number of steps of dt, up to rounding, and none only where it is 0? */
LOCAL bool neuron_is_whole_steps(double time, double dt);
/* For the models: a refractory time t_ref [ms] as steps of dt, and what `check` says of it. */
LOCAL double neuron_refractory_steps(double t_ref, double dt);
LOCAL const char *neuron_check_refractory(double t_ref, double dt);

#endif
