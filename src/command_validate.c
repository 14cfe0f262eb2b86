#include "agree.h"
#include "commands.h"
#include "input.h"
#include "memory.h"
#include "network.h"
#include "run.h"

#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: shinkei validate MODEL.yaml [--set KEY=VALUE ...]\n"
    "       shinkei validate --reference\n"
    "\n"
    "Check a model and the files it names without building the network, and say in\n"
    "words what it is. The exit status is 0 where all is sound, 2 where the model is not.\n"
    "\n"
    "  --set KEY=VALUE  lay a value over the model first, e.g. populations.E.size=100; may be\n"
    "                   repeated\n"
    "  --effective      print the effective model, defaults included, instead of words\n"
    "  --reference      print the reference of the model file (Markdown) and end\n"
    "  -h, --help       print this and end\n";

typedef struct {
  const char *path;
  bool effective, reference, help;
  int settings;
  model_setting *setting;
} validate_options;

static err parse_options(int argc, char **argv, validate_options *o) {
  static const struct option table[] = {{"set", required_argument, NULL, 's'},
                                        {"effective", no_argument, NULL, 'e'},
                                        {"reference", no_argument, NULL, 'r'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  o->setting = check_allocate((size_t)argc, sizeof *o->setting);
  optind = 0;
  for (int c; (c = getopt_long(argc, argv, ":h", table, NULL)) != -1;) {
    err e = OK;
    if (c == 's')
      e = model_setting_split(optarg, &o->setting[o->settings++]);
    else if (c == 'e')
      o->effective = true;
    else if (c == 'r')
      o->reference = true;
    else if (c == 'h')
      o->help = true;
    else
      e = check_fail(ERR_USER, "validate: %s %s; shinkei validate --help lists the options",
                     argv[optind - 1], c == ':' ? "needs a value" : "is no option");
    if (e) return e;
  }
  if (o->reference || o->help) return OK;
  if (argc - optind != 1) return check_fail(ERR_USER, "validate: exactly one model must be named");
  o->path = argv[optind];
  return OK;
}

/* 1234567 -> "1,234,567" */
static const char *grouped(double number, char text[48]) {
  char plain[32];
  const int length = snprintf(plain, sizeof plain, "%.0f", number);
  char *to = text;
  for (int i = 0; i < length; i++) {
    if (i && (length - i) % 3 == 0) *to++ = ',';
    *to++ = plain[i];
  }
  *to = 0;
  return text;
}

static const char *bytes_text(double bytes, char text[32]) {
  static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  int unit = 0;
  for (; bytes >= 1000 && unit < 5; unit++) bytes /= 1000;
  snprintf(text, 32, "%.3g %s", bytes, units[unit]);
  return text;
}

static void print_populations(const model *m, const network *n) {
  char count[48], indegree[48];
  for (int i = 0; i < m->populations; i++) {
    const model_population *p = &m->population[i];
    printf("  %-12s %12s neurons  %-12s %10s synapses each", p->name, grouped(p->size, count),
           p->neuron->name, grouped(network_expected_indegree(n, i), indegree));
    if (p->variants > 1) printf(", %d override%s", p->variants - 1, p->variants == 2 ? "" : "s");
    putchar('\n');
  }
}

static void print_inputs(const model *m) {
  static const char *const kinds[] = {"Poisson", "DC", "spike train"};
  int count[3] = {0};
  for (int i = 0; i < m->inputs; i++) count[m->input[i].kind]++;
  printf("inputs: ");
  const char *comma = "";
  for (int k = 0; k < 3; k++) {
    if (count[k] == 0) continue;
    printf("%s%d %s", comma, count[k], kinds[k]);
    comma = ", ";
  }
  puts(m->inputs ? "" : "none");
}

static void print_records(const model *m) {
  double spikes = 0, traces = 0;
  char text[2][48];
  for (int i = 0; i < m->spike_records; i++)
    spikes += model_nodes_count(&m->spike_record[i].nodes,
                                m->population[m->spike_record[i].population].size);
  for (int i = 0; i < m->trace_records; i++)
    traces += (double)m->trace_record[i].states *
              model_nodes_count(&m->trace_record[i].nodes,
                                m->population[m->trace_record[i].population].size);
  printf("records: spikes of %s neurons, %s traces\n", grouped(spikes, text[0]),
         grouped(traces, text[1]));
}

static void print_words(const model *m, const network *n, const uint64_t *spikes) {
  char text[2][48], memory[32];
  const double synapses = network_expected_synapses(n);
  printf("%s is a sound model\n", m->name);
  printf("neurons: %s in %d population%s\n", grouped(m->neurons, text[0]), m->populations,
         m->populations == 1 ? "" : "s");
  print_populations(m, n);
  printf("synapses: %s expected, %s a neuron, from %d projection%s; longest delay %g ms\n",
         grouped(synapses, text[0]), grouped(synapses / m->neurons, text[1]), m->projections,
         m->projections == 1 ? "" : "s", network_max_delay(n) * m->dt);
  print_inputs(m);
  print_records(m);
  printf("time: %g ms", m->duration);
  if (m->warm_up > 0) printf(" after a warm-up of %g ms", m->warm_up);
  printf(", %s steps of %g ms\n",
         grouped((double)model_steps(m, m->duration + m->warm_up), text[0]), m->dt);
  printf("precision: %s; seed: %llu\n", m->double_precision ? "double" : "single",
         (unsigned long long)m->seed);
  printf("memory: about %s on one rank; shinkei plan tells more\n",
         bytes_text(memory_predict(n, &(memory_job){1, 1, false, spikes}).total, memory));
}

static err validate(const validate_options *o, bool prints) {
  model *m;
  network *n = NULL;
  uint64_t *spikes = NULL, *late = NULL;
  err e = run_read_model(MPI_COMM_WORLD, o->path, o->settings, o->setting, &m);
  if (!e) e = network_create(MPI_COMM_WORLD, m, &n);
  if (!e) {
    spikes = check_allocate((size_t)m->inputs, sizeof *spikes);
    late = check_allocate((size_t)m->inputs, sizeof *late);
    e = input_count_in_files(MPI_COMM_WORLD, m, spikes);
  }
  if (!e) e = input_check_files(MPI_COMM_WORLD, m, late);
  if (!e && prints) input_warn_late(m, late);
  if (!e && prints && o->effective)
    e = model_write(m, stdout);
  else if (!e && prints)
    print_words(m, n, spikes);
  free(spikes);
  free(late);
  if (n) network_free(n);
  model_free(m);
  return agree(MPI_COMM_WORLD, e);
}

int validate_command(int argc, char **argv) {
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  validate_options options = {0};
  err e = parse_options(argc, argv, &options);
  if (!e && options.help) {
    if (rank == 0) fputs(help, stdout);
  } else if (!e && options.reference) {
    if (rank == 0) model_write_reference(stdout);
  } else if (!e) {
    e = validate(&options, rank == 0);
  }
  free(options.setting);
  e = agree(MPI_COMM_WORLD, e);
  return e ? (int)agree_report(MPI_COMM_WORLD, e) : OK;
}
