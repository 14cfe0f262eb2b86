#include "model_tables.h"
#include "model_values.h"

#include <stdio.h>
#include <string.h>

static const char introduction[] =
    "# The model file\n"
    "\n"
    "<!-- Written by `shinkei validate --reference` from the tables that the parser uses; a test\n"
    "     compares the two. Change src/model_tables.c, not this page. -->\n"
    "\n"
    "A model is one YAML mapping in UTF-8. Units are ms, mV, pA, pF and Hz. Every key is listed\n"
    "here; an unknown, repeated, missing or misplaced key and a value of the wrong type or out of\n"
    "range end the program before anything is built, with one message that names file, line, key,\n"
    "value and what is allowed.\n"
    "\n"
    "- Numbers are decimal (`0.1`, `-3`, `1e-3`); quoted ones are texts. Infinity and NaN are "
    "never\n"
    "  allowed. Integers are exact up to 2^53 - 1 and may be written like `3e8`.\n"
    "- Anchors (`&name`), aliases (`*name`) and merge keys (`<<: *name`) work; each use is a "
    "copy.\n"
    "- On the command line, `--set key=value` lays a value over the file, the key being the way "
    "to\n"
    "  it with dots between, list items by number from 0: `--set simulation.seed=3`,\n"
    "  `--set projections.0.weight.normal.sd=0`. It adds what the file leaves out; of several for\n"
    "  one key the last counts.\n"
    "- The effective model, every default included, is written beside the results; it is a model\n"
    "  file itself. In it paths are absolute and neuron sets are written out in each population.\n"
    "\n"
    "## An example\n"
    "\n"
    "A balanced random network of 1,000 neurons, driven by Poisson input:\n"
    "\n"
    "```yaml\n"
    "simulation: {dt: 0.1, duration: 1000, warm_up: 100, seed: 1}\n"
    "neurons:\n"
    "  cortical:\n"
    "    model: iaf_psc_exp\n"
    "    parameters: {tau_m: 10, C_m: 250, E_L: -65, V_reset: -65, V_th: -50, t_ref: 2}\n"
    "    initial: {V_m: {normal: {mean: -58, sd: 5}}}\n"
    "populations:\n"
    "  E: {size: 800, neuron: cortical, expected_rate: 4}\n"
    "  I:\n"
    "    size: 200\n"
    "    neuron: cortical\n"
    "    expected_rate: 4\n"
    "    overrides:\n"
    "      - {nodes: [3, 10-20], parameters: {t_ref: 1}}\n"
    "projections:\n"
    "  - {source: E, target: E, rule: fixed_indegree, indegree: 80, weight: 60, delay: 1.5}\n"
    "  - {source: E, target: I, rule: fixed_total, total: 16000, weight: 60, delay: 1.5}\n"
    "  - source: I\n"
    "    target: E\n"
    "    rule: pairwise_bernoulli\n"
    "    probability: 0.1\n"
    "    weight: {normal: {mean: -600, sd: 60, max: 0}}\n"
    "    delay: {normal: {mean: 0.8, sd: 0.4}}\n"
    "  - {source: I, target: I, rule: fixed_outdegree, outdegree: 20, weight: -600, delay: 0.8,\n"
    "     autapses: false}\n"
    "inputs:\n"
    "  - {type: poisson, target: E, rate: 2500, weight: 60}\n"
    "  - {type: poisson, target: I, rate: 2500, weight: 60}\n"
    "  - {type: dc, target: E, nodes: 0-99, amplitude: 50, start: 500, stop: 600}\n"
    "record:\n"
    "  spikes: all\n"
    "  traces: [{population: E, nodes: [0, 1], variables: [V_m], interval: 1}]\n"
    "```\n";

static const char distributions[] =
    "\n## Distributions\n"
    "\n"
    "A weight, a delay or an initial value is a constant or drawn anew for each synapse or "
    "neuron:\n"
    "\n"
    "| written | value |\n"
    "|---|---|\n"
    "| `1.5` | the constant |\n"
    "| `{normal: {mean, sd, min, max}}` | normal, truncated to min .. max where those are given |\n"
    "| `{lognormal: {mu, sigma, min, max}}` | exp of a normal number with mean mu and standard "
    "deviation sigma, truncated likewise |\n"
    "| `{uniform: {low, high}}` | uniform, low <= x < high |\n"
    "| `{attribute: NAME, scale: 0.275}` | with rule `file`: the edge's attribute times scale (1) "
    "|\n"
    "\n"
    "min and max must leave at least 1e-6 of the distribution. Where the value has a range, at "
    "most\n1e-9 of the distribution may lie outside; truncate it otherwise. Without spread (sd, "
    "sigma 0,\nlow = high) it is a constant. In single precision a weight is then rounded to 16 "
    "bits "
    "(see\n`weight_accuracy`), in either direction.\n";

static const char nodes[] =
    "\n## Lists of neurons\n"
    "\n"
    "`nodes` is `all`, a number, a range with both ends included (`10-20`), or a list of numbers "
    "and\nranges (`[3, 7, 10-20]`), each neuron once. Numbers count from 0 inside the "
    "population.\n";

static const char delays[] =
    "\n## Delays\n"
    "\n"
    "A delay is rounded to steps of dt: 1 to 8191 of them. A constant delay below dt or above\n"
    "8191 dt is an error, and so is a bound (min, max, low, high) that rounds to less or more.\n"
    "A normal or lognormal delay without min is drawn from dt on; one without max must not reach\n"
    "past 8191 dt. min and max hold for the rounded delay, so that each step they allow has the\n"
    "probability of the whole interval that rounds to it; low and high hold for the drawn one, so\n"
    "that their own steps have half the probability of those between.\n";

static void write_takes(FILE *file, const model_key *row) {
  char range[MODEL_RANGE_MAX];
  const char *words = NULL;
  switch (row->type) {
  case KEY_FLAG:
  case KEY_CHOICE:
    for (int i = 0; row->choices[i]; i++) fprintf(file, "%s`%s`", i ? ", " : "", row->choices[i]);
    return;
  case KEY_TEXT:
    words = "text";
    break;
  case KEY_PATH:
    words = "path";
    break;
  case KEY_POPULATION:
    words = "name of a population";
    break;
  case KEY_NODES:
    words = "neurons, see Lists of neurons";
    break;
  case KEY_RECEPTOR:
    words = "name of a receptor";
    break;
  case KEY_MODEL:
    words = "name of a neuron model";
    break;
  case KEY_DISTRIBUTION:
    fprintf(file, "distribution, %s", row->unit);
    return;
  case KEY_OTHER:
    words = row->takes;
    break;
  default:
    words = model_range_text(row, range);
    break;
  }
  fputs(words, file);
}

static void write_key(FILE *file, const model_section *s, const model_key *row) {
  const model_key *selector = s->selector ? model_section_find(s, s->selector) : NULL;
  fprintf(file, "| `%s` | ", row->key);
  write_takes(file, row);
  if (row->fallback)
    fprintf(file, " | `%s` | ", row->fallback);
  else
    fputs(row->required ? " | required | " : " | | ", file);
  if (row->only && selector) {
    const char *comma = "";
    for (int i = 0; selector->choices[i]; i++) {
      if (!model_key_belongs(row, i)) continue;
      fprintf(file, "%s%s", comma, selector->choices[i]);
      comma = ", ";
    }
    fputs(": ", file);
  }
  fprintf(file, "%s |\n", row->meaning);
}

static void write_section(FILE *file, const model_section *s) {
  fprintf(file, "\n## %s%s%s\n\n%s\n", s->path[0] ? "`" : "Top level", s->path,
          s->path[0] ? "`" : "", s->meaning);
  fputs("\n| key | takes | default | meaning |\n|---|---|---|---|\n", file);
  for (const model_key *row = s->key; row->key; row++) write_key(file, s, row);
}

static void write_fields(FILE *file, const char *what, const neuron_field *fields, int count) {
  if (count == 0) return;
  fprintf(file, "\n| %s | takes | default | meaning |\n|---|---|---|---|\n", what);
  for (int i = 0; i < count; i++) {
    char range[MODEL_RANGE_MAX], value[32];
    const model_key row = model_field_row(&fields[i]);
    fprintf(file, "| `%s` | %s | `%s` | %s |\n", fields[i].key, model_range_text(&row, range),
            model_number_text(fields[i].value, value), fields[i].meaning);
  }
}

static void write_neuron(FILE *file, const neuron_model *neuron) {
  fprintf(file, "\n### `%s`\n\n%s.\n", neuron->name, neuron->source);
  write_fields(file, "parameter", neuron->parameter, neuron->parameters);
  write_fields(file, "state variable", neuron->state, neuron->states);
  if (neuron->receptors > 0)
    fputs("\n| receptor | unit of a weight | where the key `receptor` is left out |\n"
          "|---|---|---|\n",
          file);
  for (int i = 0; i < neuron->receptors; i++) {
    const bool positive = neuron->receptor_positive == i, negative = neuron->receptor_negative == i;
    const char *unit = neuron->receptor_unit[i];
    fprintf(file, "| `%s` | %s | %s |\n", neuron->receptor[i], unit[0] ? unit : "1",
            positive && negative ? "all weights"
            : positive           ? "weights of at least 0"
            : negative           ? "weights below 0"
                                 : "never");
  }
}

void model_write_reference(FILE *file) {
  fputs(introduction, file);
  for (int i = 0; model_sections[i]; i++) write_section(file, model_sections[i]);
  fputs(distributions, file);
  fputs(nodes, file);
  fputs(delays, file);
  fputs("\n## Neuron models\n", file);
  for (int i = 0; neuron_models()[i]; i++) write_neuron(file, neuron_models()[i]);
  fprintf(file,
          "\n## Limits\n\n"
          "At most %d projections, %d inputs, 2^32 - 1 neurons in all, and 2^48 - 1 synapses in a\n"
          "`fixed_total` projection. Names have at most 64 characters.\n",
          (int)MODEL_PROJECTIONS_MAX, (int)MODEL_INPUTS_MAX);
}
