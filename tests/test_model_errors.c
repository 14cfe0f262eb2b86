/* Each fault of a model file ends the parsing with one message that names file, line, key, value
 * and what is allowed. Every test puts one fault into a sound model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const char sound[] =
    "simulation: {dt: 0.1, duration: 100, warm_up: 10}\n"
    "neurons:\n"
    "  cell:\n"
    "    model: iaf_psc_exp\n"
    "    parameters: {tau_m: 10, V_reset: -65, V_th: -50}\n"
    "    initial: {V_m: {normal: {mean: -58, sd: 5}}}\n"
    "populations:\n"
    "  E:\n"
    "    size: 80\n"
    "    neuron: cell\n"
    "    overrides: [{nodes: [3, 10-20], parameters: {t_ref: 0}}, {nodes: 5, parameters: {t_ref: "
    "1}}]\n"
    "  I: {size: 20, neuron: cell}\n"
    "  none: {size: 0, neuron: parrot}\n"
    "projections:\n"
    "  - {source: E, target: I, rule: fixed_indegree, indegree: 9, weight: 50, delay: 1.5}\n"
    "  - {source: I, target: I, rule: pairwise_bernoulli, probability: 0.1, weight: -50, delay: "
    "1}\n"
    "  - {source: E, target: E, rule: fixed_total, total: 70, weight: 50, delay: 1, multapses: "
    "false}\n"
    "inputs:\n"
    "  - {type: poisson, target: E, rate: 8000, weight: 50, start: 1}\n"
    "  - {type: spike_trains, target: I, weight: 1, times: [1, 2]}\n"
    "record:\n"
    "  spikes: [{population: E, nodes: 0-9}]\n"
    "  traces: [{population: I, variables: [V_m], interval: 1}]\n"
    "checkpoint: {every_ms: 50, keep: 3}\n";

/* `replacement` takes the place of the first `part` of the sound model. */
static const struct fault {
  const char *name, *part, *replacement, *message;
} faults[] = {
    {"unknown_top_level_key", "record:", "records:",
     "bad.yaml:21: records: unknown key; did you mean 'record'; must be one of simulation, "
     "neurons, populations, projections, inputs, record, checkpoint"},
    {"unknown_simulation_key", "warm_up:", "warmup:",
     "bad.yaml:1: simulation.warmup: unknown key; did you mean 'warm_up'; must be one of dt, "
     "duration, warm_up, seed, precision, weight_accuracy"},
    {"unknown_population_key", "    size: 80", "    sise: 80",
     "bad.yaml:9: populations.E.sise: unknown key; did you mean 'size'; must be one of size, "
     "neuron, expected_rate, parameters, initial, overrides"},
    {"unknown_projection_key", "delay: 1.5", "delays: 1.5",
     "bad.yaml:15: projections.0.delays: unknown key; did you mean 'delay'; must be one of source, "
     "target, rule, indegree, outdegree, total, probability, weight, delay, multapses, autapses, "
     "receptor, file, edges"},
    {"unknown_input_key", "rate: 8000", "rates: 8000",
     "bad.yaml:19: inputs.0.rates: unknown key; did you mean 'rate'; must be one of type, target, "
     "nodes, rate, weight, amplitude, receptor, start, stop, file, spikes, times"},
    {"unknown_record_key", "traces:", "trace:",
     "bad.yaml:23: record.trace: unknown key; did you mean 'traces'; must be one of spikes, "
     "traces"},
    {"unknown_checkpoint_key", "keep: 3", "kept: 3",
     "bad.yaml:24: checkpoint.kept: unknown key; did you mean 'keep'; must be one of every_ms, "
     "every_wall_minutes, keep"},
    {"unknown_distribution", "normal:", "gaussian:",
     "bad.yaml:6: neurons.cell.initial.V_m.gaussian: unknown key; must be a number from -1e6 to "
     "1e6 mV, or {normal: {...}}, {lognormal: {...}}, {uniform: {...}}"},
    {"unknown_distribution_key", "sd: 5", "std: 5",
     "bad.yaml:6: neurons.cell.initial.V_m.normal.std: unknown key; did you mean 'sd'; must be one "
     "of mean, sd, min, max"},
    {"unknown_parameter", "tau_m: 10", "tau: 10",
     "bad.yaml:5: neurons.cell.parameters.tau: iaf_psc_exp has no such parameter; did you mean "
     "'tau_m'; must be one of C_m, tau_m, E_L, V_reset, V_th, t_ref, I_e, tau_syn_ex, tau_syn_in"},
    {"unknown_state_variable_initial", "{V_m: {normal", "{v: {normal",
     "bad.yaml:6: neurons.cell.initial.v: iaf_psc_exp has no such state variable; must be one of "
     "V_m, I_syn_ex, I_syn_in"},
    {"unknown_state_variable_traced", "variables: [V_m]", "variables: [Vm]",
     "bad.yaml:23: record.traces.0.variables.Vm: iaf_psc_exp has no such state variable; did you "
     "mean 'V_m'; must be one of V_m, I_syn_ex, I_syn_in"},
    {"duplicate_key", "dt: 0.1,", "dt: 0.1, dt: 0.2,",
     "bad.yaml:1: simulation.dt: the key stands here a second time, first in line 1"},
    {"duplicate_population", "  I: {size", "  E: {size",
     "bad.yaml:12: populations.E: the key stands here a second time, first in line 8"},
    {"missing_duration", "duration: 100, ", "",
     "bad.yaml:1: simulation.duration: missing key: simulated time, warm_up not counted; a "
     "multiple of dt"},
    {"missing_populations",
     "populations:\n  E:\n    size: 80\n    neuron: cell\n    overrides: [{nodes: [3, 10-20], "
     "parameters: {t_ref: 0}}, {nodes: 5, parameters: {t_ref: 1}}]\n  I: {size: 20, neuron: "
     "cell}\n  none: {size: 0, neuron: parrot}",
     "", "bad.yaml:1: populations: missing key: the neurons, numbered (gid) in this order"},
    {"missing_size", "    size: 80\n", "",
     "bad.yaml:8: populations.E.size: missing key: number of neurons; all populations together at "
     "most 4294967295"},
    {"missing_neuron", "20, neuron: cell", "20",
     "bad.yaml:12: populations.I.neuron: missing key: what kind of neurons"},
    {"missing_weight", "weight: 50, delay: 1.5", "delay: 1.5",
     "bad.yaml:15: projections.0.weight: missing key: synaptic weight"},
    {"missing_delay", ", delay: 1.5", "",
     "bad.yaml:15: projections.0.delay: missing key: synaptic delay, rounded to steps of dt, 1 to "
     "8191 of them; see Delays"},
    {"missing_rule", "rule: fixed_indegree, ", "",
     "bad.yaml:15: projections.0.rule: missing key: who is connected to whom"},
    {"missing_indegree", "indegree: 9, ", "",
     "bad.yaml:15: projections.0.indegree: missing key: synapses that each target receives, from "
     "sources drawn at random"},
    {"missing_rate", "rate: 8000, ", "",
     "bad.yaml:19: inputs.0.rate: missing key: summed rate of all trains that one neuron receives"},
    {"missing_mean", "mean: -58,", "",
     "bad.yaml:6: neurons.cell.initial.V_m.normal.mean: missing key: before truncation"},
    {"text_for_a_number", "duration: 100", "duration: long",
     "bad.yaml:1: simulation.duration: long is of the wrong type: must be a number from 0 to 1e10 "
     "ms"},
    {"list_for_a_number", "duration: 100", "duration: [100]",
     "bad.yaml:1: simulation.duration: a list is of the wrong type: must be a number from 0 to "
     "1e10 ms"},
    {"quoted_number", "duration: 100", "duration: \"100\"",
     "bad.yaml:1: simulation.duration: \"100\" is of the wrong type: must be a number from 0 to "
     "1e10 ms"},
    {"nothing_for_a_number", "    size: 80", "    size:",
     "bad.yaml:9: populations.E.size: an empty value is of the wrong type: must be an integer from "
     "0 to "
     "4294967295"},
    {"octal_number", "size: 80", "size: 080",
     "bad.yaml:9: populations.E.size: 080 is of the wrong type: must be an integer from 0 to "
     "4294967295"},
    {"hexadecimal_number", "size: 80", "size: 0x50",
     "bad.yaml:9: populations.E.size: 0x50 is of the wrong type: must be an integer from 0 to "
     "4294967295"},
    {"fraction_for_an_integer", "size: 80", "size: 80.5",
     "bad.yaml:9: populations.E.size: 80.5 is of the wrong type: must be an integer from 0 to "
     "4294967295"},
    {"text_for_a_flag", "multapses: false", "multapses: no",
     "bad.yaml:17: projections.2.multapses: no is unknown: must be one of false, true"},
    {"mapping_for_a_list", "times: [1, 2]", "times: {a: 1}",
     "bad.yaml:20: inputs.1.times: a mapping is of the wrong type: must be a list of numbers in "
     "ascending order"},
    {"list_for_a_mapping", "{every_ms: 50, keep: 3}", "[50, 3]",
     "bad.yaml:24: checkpoint: a list is of the wrong type: must be a mapping"},
    {"mapping_for_a_name", "source: E, target: I", "source: {a: b}, target: I",
     "bad.yaml:15: projections.0.source: a mapping is of the wrong type: must be the name of a "
     "population"},
    {"text_for_a_distribution", "weight: 50, delay: 1.5", "weight: strong, delay: 1.5",
     "bad.yaml:15: projections.0.weight: strong is of the wrong type: must be a number from -1e12 "
     "to 1e12 in the receptor's unit, or {normal: {...}}, {lognormal: {...}}, {uniform: {...}}"},
    {"list_for_a_distribution", "weight: 50, delay: 1.5", "weight: [50], delay: 1.5",
     "bad.yaml:15: projections.0.weight: a list is of the wrong type: must be a number from -1e12 "
     "to 1e12 in the receptor's unit, or {normal: {...}}, {lognormal: {...}}, {uniform: {...}}"},
    {"nothing_for_inputs",
     "inputs:\n  - {type: poisson, target: E, rate: 8000, weight: 50, start: 1}\n  - {type: "
     "spike_trains, target: I, weight: 1, times: [1, 2]}",
     "inputs:", "bad.yaml:18: inputs: an empty value is of the wrong type: must be a list"},
    {"negative_size", "size: 80", "size: -3",
     "bad.yaml:9: populations.E.size: -3 is out of range: must be an integer from 0 to 4294967295"},
    {"size_over_32_bits", "size: 80", "size: 4294967296",
     "bad.yaml:9: populations.E.size: 4294967296 is out of range: must be an integer from 0 to "
     "4294967295"},
    {"sizes_over_32_bits_together", "size: 20", "size: 4294967295",
     "bad.yaml:12: populations.I.size: 4294967295 neurons on top of 80 before it are too many: all "
     "populations together must be at most 4294967295"},
    {"no_neurons",
     "  E:\n    size: 80\n    neuron: cell\n    overrides: [{nodes: [3, 10-20], parameters: "
     "{t_ref: 0}}, {nodes: 5, parameters: {t_ref: 1}}]\n  I: {size: 20, neuron: cell}\n",
     "", "bad.yaml:7: populations: no neurons: at least one population must not be empty"},
    {"zero_dt", "dt: 0.1", "dt: 0",
     "bad.yaml:1: simulation.dt: 0 is out of range: must be a number from 0.001 to 10 ms"},
    {"negative_duration", "duration: 100", "duration: -100",
     "bad.yaml:1: simulation.duration: -100 is out of range: must be a number from 0 to 1e10 ms"},
    {"zero_time_constant", "tau_m: 10", "tau_m: 0",
     "bad.yaml:5: neurons.cell.parameters.tau_m: 0 is out of range: must be a number above 0 and "
     "up to 1e6 ms"},
    {"nan", "tau_m: 10", "tau_m: .nan",
     "bad.yaml:5: neurons.cell.parameters.tau_m: .nan is not finite: must be a number above 0 and "
     "up to 1e6 ms"},
    {"infinity", "rate: 8000", "rate: .inf",
     "bad.yaml:19: inputs.0.rate: .inf is not finite: must be a number from 0 to 1e7 Hz"},
    {"infinite_word", "rate: 8000", "rate: -Infinity",
     "bad.yaml:19: inputs.0.rate: -Infinity is not finite: must be a number from 0 to 1e7 Hz"},
    {"overflowing_number", "rate: 8000", "rate: 1e999",
     "bad.yaml:19: inputs.0.rate: 1e999 is out of range: must be a number from 0 to 1e7 Hz"},
    {"infinite_weight", "weight: 50, delay: 1.5", "weight: inf, delay: 1.5",
     "bad.yaml:15: projections.0.weight: inf is not finite: must be a number from -1e12 to 1e12 in "
     "the receptor's unit"},
    {"seed_over_53_bits", "dt: 0.1", "dt: 0.1, seed: 9007199254740992",
     "bad.yaml:1: simulation.seed: 9007199254740992 is out of range: must be an integer from 0 to "
     "9007199254740991"},
    {"seed_with_a_fraction_that_a_double_has_not", "dt: 0.1", "dt: 0.1, seed: 9007199254740991.4",
     "bad.yaml:1: simulation.seed: 9007199254740991.4 is of the wrong type: must be an integer "
     "from 0 "
     "to 9007199254740991"},
    {"probability_over_1", "probability: 0.1", "probability: 1.5",
     "bad.yaml:16: projections.1.probability: 1.5 is out of range: must be a number from 0 to 1"},
    {"zero_checkpoints_kept", "keep: 3", "keep: 0",
     "bad.yaml:24: checkpoint.keep: 0 is out of range: must be an integer from 1 to 1000"},
    {"accuracy_over_1", "dt: 0.1", "dt: 0.1, weight_accuracy: 2",
     "bad.yaml:1: simulation.weight_accuracy: 2 is out of range: must be a number above 0 and up "
     "to 1"},
    {"unknown_source", "{source: E, target: I", "{source: Ex, target: I",
     "bad.yaml:15: projections.0.source: Ex is unknown: must be one of E, I, none"},
    {"unknown_target", "{source: E, target: I", "{source: E, target: L4E",
     "bad.yaml:15: projections.0.target: L4E is unknown: must be one of E, I, none"},
    {"unknown_driven_population", "poisson, target: E", "poisson, target: X",
     "bad.yaml:19: inputs.0.target: X is unknown: must be one of E, I, none"},
    {"unknown_recorded_population", "[{population: E", "[{population: F",
     "bad.yaml:22: record.spikes.0.population: F is unknown: must be one of E, I, none"},
    {"unknown_neuron_set", "neuron: cell\n", "neuron: cells\n",
     "bad.yaml:10: populations.E.neuron: cells is unknown: must be one of cell, iaf_psc_exp, "
     "iaf_psc_exp_shared, "
     "shiu_lif, parrot; did you mean 'cell'"},
    {"unknown_neuron_model", "model: iaf_psc_exp", "model: iaf_psc_alpha",
     "bad.yaml:4: neurons.cell.model: iaf_psc_alpha is unknown: must be one of iaf_psc_exp, "
     "iaf_psc_exp_shared, "
     "shiu_lif, parrot"},
    {"unknown_receptor", "weight: 50, delay: 1.5", "weight: 50, delay: 1.5, receptor: exitatory",
     "bad.yaml:15: projections.0.receptor: exitatory is unknown: must be one of excitatory, "
     "inhibitory; did you mean 'excitatory'"},
    {"unknown_rule", "rule: fixed_total", "rule: fixed_totals",
     "bad.yaml:17: projections.2.rule: fixed_totals is unknown: must be one of one_to_one, "
     "all_to_all, fixed_indegree, fixed_outdegree, fixed_total, pairwise_bernoulli, file; did you "
     "mean 'fixed_total'"},
    {"unknown_input_type", "type: poisson", "type: Poison",
     "bad.yaml:19: inputs.0.type: Poison is unknown: must be one of poisson, dc, spike_trains; did "
     "you mean 'poisson'"},
    {"unknown_precision", "dt: 0.1", "dt: 0.1, precision: half",
     "bad.yaml:1: simulation.precision: half is unknown: must be one of single, double"},
    {"delay_below_dt", "delay: 1.5", "delay: 0.05",
     "bad.yaml:15: projections.0.delay: 0.05 ms is out of range: must be from dt, 0.1 ms, to 8191 "
     "dt, 819.1 ms"},
    {"negative_delay", "delay: 1.5", "delay: -1",
     "bad.yaml:15: projections.0.delay: -1 ms is out of range: must be from dt, 0.1 ms, to 8191 "
     "dt, 819.1 ms"},
    {"delay_over_the_limit", "delay: 1.5", "delay: 819.2",
     "bad.yaml:15: projections.0.delay: 819.2 ms is out of range: must be from dt, 0.1 ms, to 8191 "
     "dt, 819.1 ms"},
    {"uniform_delay_below_dt", "delay: 1.5", "delay: {uniform: {low: 0, high: 1}}",
     "bad.yaml:15: projections.0.delay: the bound 0 ms is out of range: must be at least dt / 2, "
     "0.05 ms (which rounds to dt), and at most 8191 dt, 819.1 ms"},
    {"uniform_delay_over_the_limit", "delay: 1.5", "delay: {uniform: {low: 1, high: 900}}",
     "bad.yaml:15: projections.0.delay: the bound 900 ms is out of range: must be at least dt / 2, "
     "0.05 ms (which rounds to dt), and at most 8191 dt, 819.1 ms"},
    {"normal_delay_with_min_below_dt", "delay: 1.5", "delay: {normal: {mean: 1, sd: 1, min: 0}}",
     "bad.yaml:15: projections.0.delay: the bound 0 ms is out of range: must be at least dt / 2, "
     "0.05 ms (which rounds to dt), and at most 8191 dt, 819.1 ms"},
    {"normal_delay_wholly_below_dt", "delay: 1.5", "delay: {normal: {mean: -10, sd: 1}}",
     "bad.yaml:15: projections.0.delay: only 4.6e-24 of the distribution are possible delays: must "
     "be at least 1e-6"},
    {"normal_delay_past_the_limit", "delay: 1.5", "delay: {normal: {mean: 800, sd: 10}}",
     "bad.yaml:15: projections.0.delay: reaches past 8191 dt, 819.1 ms, the longest possible "
     "delay: must be truncated with max"},
    {"delay_with_max_below_dt", "delay: 1.5", "delay: {lognormal: {mu: 0, sigma: 1, max: 0.01}}",
     "bad.yaml:15: projections.0.delay: the bound 0.01 ms is out of range: must be at least dt / "
     "2, 0.05 ms (which rounds to dt), and at most 8191 dt, 819.1 ms"},
    {"duration_no_multiple_of_dt", "duration: 100", "duration: 100.05",
     "bad.yaml:1: simulation.duration: 100.05 ms is no multiple of dt: must be one (dt is 0.1 ms)"},
    {"warm_up_no_multiple_of_dt", "warm_up: 10", "warm_up: 0.15",
     "bad.yaml:1: simulation.warm_up: 0.15 ms is no multiple of dt: must be one (dt is 0.1 ms)"},
    {"interval_no_multiple_of_dt", "interval: 1", "interval: 0.25",
     "bad.yaml:23: record.traces.0.interval: 0.25 ms is no multiple of dt: must be one (dt is 0.1 "
     "ms)"},
    {"zero_interval", "interval: 1", "interval: 0",
     "bad.yaml:23: record.traces.0.interval: 0 is out of range: must be a number above 0 and up to "
     "1e10 ms"},
    {"start_no_multiple_of_dt", "start: 1", "start: 1.01",
     "bad.yaml:19: inputs.0.start: 1.01 ms is no multiple of dt: must be one (dt is 0.1 ms)"},
    {"checkpoint_no_multiple_of_dt", "every_ms: 50", "every_ms: 0.07",
     "bad.yaml:24: checkpoint.every_ms: 0.07 ms is no multiple of dt: must be one (dt is 0.1 ms)"},
    {"stop_before_start", "start: 1", "start: 1, stop: 0.5",
     "bad.yaml:19: inputs.0.stop: 0.5 ms is before start: must not be"},
    {"refractory_time_beside_steps", "{t_ref: 0}", "{t_ref: 0.04}",
     "bad.yaml:11: populations.E.overrides.0: parameters of iaf_psc_exp: t_ref must be a multiple "
     "of dt (dt 0.1, t_ref 0.04)"},
    {"no_step_at_all", "duration: 100", "duration: 1e-7",
     "bad.yaml:1: simulation.duration: 1e-7 ms is no multiple of dt: must be one (dt is 0.1 ms)"},
    {"parameters_beyond_the_precision", "{t_ref: 0}", "{C_m: 1e-300}",
     "bad.yaml:11: populations.E.overrides.0: parameters of iaf_psc_exp: a step of dt cannot be "
     "computed with them in this precision: one is too small or too large beside the others (dt "
     "0.1)"},
    {"reset_above_threshold", "V_reset: -65", "V_reset: -50",
     "bad.yaml:8: populations.E: parameters of iaf_psc_exp: V_reset must be below V_th, by more "
     "than single precision rounds (V_reset -50, V_th -50)"},
    {"reset_at_the_threshold_as_a_float", "V_reset: -65", "V_reset: -50.000001",
     "bad.yaml:8: populations.E: parameters of iaf_psc_exp: V_reset must be below V_th, by more "
     "than single precision rounds (V_reset -50.000001, V_th -50)"},
    {"reset_above_threshold_in_a_population", "{size: 20, neuron: cell}",
     "{size: 20, neuron: cell, parameters: {V_th: -70}}",
     "bad.yaml:12: populations.I: parameters of iaf_psc_exp: V_reset must be below V_th, by more "
     "than single precision rounds (V_reset -65, V_th -70)"},
    {"reset_above_threshold_in_an_override", "{t_ref: 0}", "{V_reset: 0}",
     "bad.yaml:11: populations.E.overrides.0: parameters of iaf_psc_exp: V_reset must be below "
     "V_th, by more than single precision rounds (V_reset 0, V_th -50)"},
    {"one_to_one_of_unequal_sizes", "rule: fixed_indegree, indegree: 9", "rule: one_to_one",
     "bad.yaml:15: projections.0.rule: one_to_one joins E with 80 neurons to I with 20: sizes must "
     "be equal"},
    {"indegree_over_the_sources", "indegree: 9", "indegree: 81, multapses: false",
     "bad.yaml:15: projections.0.indegree: 81 is out of range: must be at most 80, the partners in "
     "E, for multapses are excluded"},
    {"outdegree_over_the_targets", "rule: fixed_indegree, indegree: 9",
     "rule: fixed_outdegree, outdegree: 21, multapses: false",
     "bad.yaml:15: projections.0.outdegree: 21 is out of range: must be at most 20, the partners "
     "in I, for multapses are excluded"},
    {"indegree_over_the_sources_but_itself",
     "{source: E, target: I, rule: fixed_indegree, indegree: 9",
     "{source: I, target: I, rule: fixed_indegree, indegree: 20, multapses: false, autapses: false",
     "bad.yaml:15: projections.0.indegree: 20 is out of range: must be at most 19, the partners in "
     "I, for multapses are excluded"},
    {"indegree_from_an_empty_population", "{source: E, target: I", "{source: none, target: I",
     "bad.yaml:15: projections.0.indegree: 9 is out of range: must be 0, for none has no neuron"},
    {"outdegree_to_an_empty_population", "target: I, rule: fixed_indegree, indegree: 9",
     "target: none, rule: fixed_outdegree, outdegree: 2",
     "bad.yaml:15: projections.0.outdegree: 2 is out of range: must be 0, for none has no neuron"},
    {"total_over_the_pairs", "total: 70", "total: 6401",
     "bad.yaml:17: projections.2.total: 6401 is out of range: must be at most 6400, the pairs of E "
     "and E, for multapses are excluded"},
    {"total_over_the_pairs_but_autapses", "total: 70", "total: 6321, autapses: false",
     "bad.yaml:17: projections.2.total: 6321 is out of range: must be at most 6320, the pairs of E "
     "and E, for multapses are excluded"},
    {"total_from_an_empty_population", "{source: E, target: E, rule: fixed_total",
     "{source: none, target: E, rule: fixed_total",
     "bad.yaml:17: projections.2.total: 70 is out of range: must be at most 0, the pairs of none "
     "and E"},
    {"key_of_another_rule", "indegree: 9", "indegree: 9, probability: 0.1",
     "bad.yaml:15: projections.0.probability: is no key of rule fixed_indegree; it belongs to "
     "pairwise_bernoulli"},
    {"multapses_of_one_to_one", "probability: 0.1", "probability: 0.1, multapses: true",
     "bad.yaml:16: projections.1.multapses: is no key of rule pairwise_bernoulli; it belongs to "
     "fixed_indegree, fixed_outdegree, fixed_total, file"},
    {"key_of_another_input", "rate: 8000", "rate: 8000, amplitude: 3",
     "bad.yaml:19: inputs.0.amplitude: is no key of type poisson; it belongs to dc"},
    {"current_into_parrots", "{type: poisson, target: E, rate: 8000, weight: 50",
     "{type: dc, target: none, amplitude: 3",
     "bad.yaml:19: inputs.0.target: none takes no current, for its neuron model is parrot: must be "
     "a population of another neuron model"},
    {"spikes_before_parrots_have_begun", "target: I, weight: 1, times: [1, 2]",
     "target: none, weight: 1, times: [0.05, 1]",
     "bad.yaml:20: inputs.1.times.0: 0.05 ms is before the first step, and none, of neuron model "
     "parrot, keeps nothing till then: must round to dt, 0.1 ms, or later"},
    {"line_of_the_key_and_not_of_its_mapping",
     "{type: poisson, target: E, rate: 8000, weight: 50, start: 1}",
     "type: poisson\n    target: E\n    rate: 8000\n    weight: 50\n    start: 1\n    stop: 0.5",
     "bad.yaml:24: inputs.0.stop: 0.5 ms is before start: must not be"},
    {"attribute_without_a_file", "weight: 50, delay: 1.5",
     "weight: {attribute: syn_weight}, delay: 1.5",
     "bad.yaml:15: projections.0.weight.attribute: is of edges in a file: allowed for weight and "
     "delay of rule: file"},
    {"file_without_edges", "rule: fixed_indegree, indegree: 9", "rule: file, file: e.h5",
     "bad.yaml:15: projections.0.edges: missing key: name of the edge population in that file"},
    {"node_out_of_range", "nodes: 5", "nodes: 80",
     "bad.yaml:11: populations.E.overrides.1.nodes: 80 is out of range: population E has 80 "
     "neurons, numbered from 0"},
    {"node_listed_twice", "[3, 10-20]", "[3, 10-20, 15]",
     "bad.yaml:11: populations.E.overrides.0.nodes: node 15 is listed twice: each must be listed "
     "once"},
    {"range_that_ends_before_it_starts", "10-20", "20-10",
     "bad.yaml:11: populations.E.overrides.0.nodes.1: 20-10 is out of range: a range must not end "
     "before it starts"},
    {"negative_node", "nodes: 5", "nodes: -5",
     "bad.yaml:11: populations.E.overrides.1.nodes: -5 is of the wrong type: must be `all`, a "
     "number, a range \"a-b\", or a list of numbers and ranges"},
    {"text_for_nodes", "nodes: 5", "nodes: most",
     "bad.yaml:11: populations.E.overrides.1.nodes: most is of the wrong type: must be `all`, a "
     "number, a range \"a-b\", or a list of numbers and ranges"},
    {"mapping_for_nodes", "nodes: 5", "nodes: {a: 5}",
     "bad.yaml:11: populations.E.overrides.1.nodes: a mapping is of the wrong type: must be `all`, "
     "a number, a range \"a-b\", or a list of numbers and ranges"},
    {"overlapping_overrides", "nodes: 5", "nodes: 12",
     "bad.yaml:11: populations.E.overrides.1.nodes: node 12 stands in override 0, too: must be in "
     "one override at most"},
    {"override_of_all_and_of_one", "nodes: 5", "nodes: all",
     "bad.yaml:11: populations.E.overrides.0.nodes: node 3 stands in override 1, too: must be in "
     "one override at most"},
    {"min_above_max", "sd: 5", "sd: 5, min: 1, max: 0",
     "bad.yaml:6: neurons.cell.initial.V_m: min 1 is above max 0: must be below"},
    {"truncation_that_leaves_nothing", "sd: 5", "sd: 5, min: 100",
     "bad.yaml:6: neurons.cell.initial.V_m: min and max leave 1.8e-219 of normal (mean -58, sd 5): "
     "must leave at least 1e-6"},
    {"negative_sd", "sd: 5", "sd: -5",
     "bad.yaml:6: neurons.cell.initial.V_m.normal.sd: -5 is out of range: must be a number from 0 "
     "to 1e12"},
    {"low_above_high", "{normal: {mean: -58, sd: 5}}", "{uniform: {low: 1, high: 0}}",
     "bad.yaml:6: neurons.cell.initial.V_m: uniform (low 1, high 0) is out of range: low must be "
     "at most high, and each a number from -1e6 to 1e6 mV"},
    {"two_distributions", "{normal: {mean: -58, sd: 5}}",
     "{normal: {mean: -58, sd: 5}, uniform: {low: 0, high: 1}}",
     "bad.yaml:6: neurons.cell.initial.V_m: a mapping is of the wrong type: must be a number from "
     "-1e6 to 1e6 mV, or {normal: {...}}, {lognormal: {...}}, {uniform: {...}}"},
    {"empty_distribution", "{normal: {mean: -58, sd: 5}}", "{}",
     "bad.yaml:6: neurons.cell.initial.V_m: a mapping is of the wrong type: must be a number from "
     "-1e6 to 1e6 mV, or {normal: {...}}, {lognormal: {...}}, {uniform: {...}}"},
    {"initial_value_out_of_range", "{normal: {mean: -58, sd: 5}}", "1e7",
     "bad.yaml:6: neurons.cell.initial.V_m: 1e7 is out of range: must be a number from -1e6 to 1e6 "
     "mV"},
    {"initial_distribution_out_of_range", "{normal: {mean: -58, sd: 5}}",
     "{normal: {mean: 1e6, sd: 5}}",
     "bad.yaml:6: neurons.cell.initial.V_m: normal (mean 1000000, sd 5) is out of range: each "
     "value must be a number from -1e6 to 1e6 mV; truncate it with min or max"},
    {"constant_without_spread_out_of_range", "{normal: {mean: -58, sd: 5}}",
     "{normal: {mean: 1e7, sd: 0}}",
     "bad.yaml:6: neurons.cell.initial.V_m: the constant 10000000 is out of range: must be a "
     "number from -1e6 to 1e6 mV, and from min to max"},
    {"name_with_a_slash", "  I: {size", "  L2/3: {size",
     "bad.yaml:12: populations.L2/3: is no name: must be 1 to 64 letters, digits, '_', '-', '+'"},
    {"empty_name", "  I: {size", "  \"\": {size",
     "bad.yaml:12: populations.: is no name: must be 1 to 64 letters, digits, '_', '-', '+'"},
    {"neuron_set_named_like_a_model", "  cell:\n", "  parrot:\n",
     "bad.yaml:3: neurons.parrot: is the name of a neuron model: must be another name"},
    {"trains_without_times_or_file", ", times: [1, 2]", "",
     "bad.yaml:20: inputs.1: spike_trains must have either `file` or `times`"},
    {"trains_with_times_and_file", "times: [1, 2]", "times: [1, 2], file: s.h5",
     "bad.yaml:20: inputs.1: spike_trains must have either `file` or `times`"},
    {"trains_with_spikes_without_file", "times: [1, 2]", "times: [1, 2], spikes: a",
     "bad.yaml:20: inputs.1.spikes: names a population of a file: must come with `file`"},
    {"trains_with_nodes_and_file", "times: [1, 2]", "nodes: 1, file: s.h5",
     "bad.yaml:20: inputs.1.nodes: must be left out: the file says which neurons"},
    {"descending_times", "times: [1, 2]", "times: [2, 1]",
     "bad.yaml:20: inputs.1.times.1: 1 is before the time in front of it: times must ascend"},
    {"negative_time", "times: [1, 2]", "times: [-1, 1]",
     "bad.yaml:20: inputs.1.times.0: -1 is out of range: must be a number from 0 to 1e10 ms"},
    {"population_recorded_twice", "nodes: 0-9}", "nodes: 0-9}, {population: E}",
     "bad.yaml:22: record.spikes.1.population: E is listed already: must be listed once, with all "
     "its nodes"},
    {"no_variables", "variables: [V_m]", "variables: []",
     "bad.yaml:23: record.traces.0.variables: is empty: must name a state variable"},
    {"variable_twice", "variables: [V_m]", "variables: [V_m, V_m]",
     "bad.yaml:23: record.traces.0.variables.1: V_m is listed twice: must be listed once"},
    {"word_for_spikes", "[{population: E, nodes: 0-9}]", "some",
     "bad.yaml:22: record.spikes: some is of the wrong type: must be `all`, `none`, or a list of "
     "{population, nodes}"},
    {"broken_yaml", "size: 80", "size: [80",
     "bad.yaml:10: not YAML: did not find expected ',' or ']' while parsing a flow sequence"},
    {"tab_in_yaml", "    size: 80", "\tsize: 80",
     "bad.yaml:9: not YAML: found character that cannot start any token while scanning for the "
     "next token"},
    {"second_document", "checkpoint:", "---\ncheckpoint:",
     "bad.yaml:25: a second YAML document starts here; a model is one"},
    {"yaml_tag", "size: 80", "size: !!int 80",
     "bad.yaml:9: populations.E.size: a YAML tag (!...) means nothing here"},
    {"unknown_alias", "size: 80", "size: *n", "bad.yaml:9: not YAML: found undefined alias"},
    {"alias_that_contains_itself", "[1, 2]", "&a [*a]",
     "bad.yaml:20: nested deeper than 32 levels, or an alias that contains itself"},
    {"aliases_that_multiply", "[1, 2]",
     "[&a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1], &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a], &c [*b, *b, "
     "*b, *b, *b, *b, *b, *b, *b, *b], &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c], &e [*d, *d, "
     "*d, *d, *d, *d, *d, *d, *d, *d], [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]]",
     "bad.yaml:20: aliases multiply the file beyond measure"},
    {"nested_too_deeply", "[1, 2]",
     "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
     "bad.yaml:20: nested deeper than 32 levels, or an alias that contains itself"},
    {"list_as_a_key", "size: 80", "[1]: 80",
     "bad.yaml:8: populations.E: line 9: a key must be a text"},
    {"merge_of_a_number", "size: 80", "size: 80\n    <<: 3",
     "bad.yaml:10: populations.E.<<: must be an alias of a mapping, or a list of such"},
    {"bad_utf8", "size: 80", "size: \377",
     "bad.yaml: not YAML: invalid leading UTF-8 octet at byte 220"},
    {"nul_character", "size: 80", "size: \"8\\0\"", "bad.yaml:9: a NUL character in a text"},
    {"control_characters_in_a_value", "size: 80", "size: \"a\\e[31m\\nb\"",
     "bad.yaml:9: populations.E.size: \"a?[31m?b\" is of the wrong type: must be an integer from 0 "
     "to 4294967295"},
    {"normal_delay_with_min_over_the_limit", "delay: 1.5",
     "delay: {normal: {mean: 1, sd: 1e6, min: 900}}",
     "bad.yaml:15: projections.0.delay: the bound 900 ms is out of range: must be at least dt / 2, "
     "0.05 ms (which rounds to dt), and at most 8191 dt, 819.1 ms"},
    {"too_long_name", "  I: {size",
     "  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: {size",
     "bad.yaml:12: populations.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: "
     "is no name: must be 1 to 64 letters, digits, '_', '-', '+'"},
};
enum { FAULTS = sizeof faults / sizeof *faults };

static void the_model_without_fault_is_sound(void **state) {
  (void)state;
  model *m;
  check_clear();
  assert_int_equal(model_parse("sound.yaml", sound, strlen(sound), 0, NULL, &m), OK);
  assert_string_equal(check_message(), "");
  model_free(m);
}

static void is_refused_by_name(void **state) {
  const struct fault *fault = *state;
  const char *part = strstr(sound, fault->part);
  assert_non_null(part);
  const size_t before = (size_t)(part - sound), after = strlen(part) - strlen(fault->part);
  const size_t inserted = strlen(fault->replacement), length = before + inserted + after;
  char *text = malloc(length);
  memcpy(text, sound, before);
  memcpy(text + before, fault->replacement, inserted);
  memcpy(text + before + inserted, part + strlen(fault->part), after);
  model *m = (model *)text; /* anything but NULL */
  check_clear();
  assert_int_equal(model_parse("bad.yaml", text, length, 0, NULL, &m), ERR_USER);
  assert_null(m);
  assert_string_equal(check_message(), fault->message);
  free(text);
}

int main(void) {
  struct CMUnitTest tests[FAULTS + 1] = {cmocka_unit_test(the_model_without_fault_is_sound)};
  for (int i = 0; i < FAULTS; i++)
    tests[i + 1] = (struct CMUnitTest){.name = faults[i].name,
                                       .test_func = is_refused_by_name,
                                       .initial_state = (void *)(uintptr_t)&faults[i]};
  return cmocka_run_group_tests_name("model_errors", tests, NULL, NULL);
}
