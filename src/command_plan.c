#include "agree.h"
#include "commands.h"
#include "input.h"
#include "memory.h"
#include "partition.h"
#include "run.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: shinkei plan MODEL.yaml [option ...]\n\n"
    "Predict the memory and the work of a run before a job is submitted.\n\n"
    "  --ranks N         MPI ranks (default: 1, 2, 4, ... 4096 in a table)\n"
    "  --threads N       threads a rank (default 1)\n"
    "  --per-node N      ranks on one node (default: all)\n"
    "  --partition METHOD  as in shinkei run (default metis, which needs most on one rank)\n"
    "  --set KEY=VALUE   any key of the model; may be repeated\n"
    "  --help            this text\n\n"
    "Work is told as synaptic events by the populations' expected_rate. A core delivers some 10^8 "
    "of them\n"
    "a second; events_per_s in the summary.json of a short run tells what yours do.\n";

typedef struct {
  const char *model, *partition;
  int ranks, threads, per_node, settings;
  model_setting *setting;
  bool help;
} plan_options;

static err parse_number(const char *name, const char *text, int *number) {
  char *end;
  const long value = strtol(text, &end, 10);
  if (*end || end == text || value < 1 || value > 10000000)
    return check_fail(ERR_USER, "--%s %s: a number from 1 to 10000000 is needed", name, text);
  *number = (int)value;
  return OK;
}

static err add_setting(plan_options *o, char *pair) {
  o->setting = realloc(o->setting, (size_t)(o->settings + 1) * sizeof *o->setting);
  if (!o->setting) CHECK_ABORT("out of memory");
  return model_setting_split(pair, &o->setting[o->settings++]);
}

static err parse_options(int argc, char **argv, plan_options *o) {
  static const struct option table[] = {{"ranks", required_argument, NULL, 'r'},
                                        {"threads", required_argument, NULL, 't'},
                                        {"per-node", required_argument, NULL, 'n'},
                                        {"set", required_argument, NULL, 'k'},
                                        {"partition", required_argument, NULL, 'p'},
                                        {"help", no_argument, NULL, 'h'},
                                        {0}};
  err e = OK;
  optind = 1;
  opterr = 0;
  for (int c; e == OK && (c = getopt_long(argc, argv, ":h", table, NULL)) != -1;) {
    switch (c) {
    case 'r':
      e = parse_number("ranks", optarg, &o->ranks);
      break;
    case 't':
      e = parse_number("threads", optarg, &o->threads);
      break;
    case 'n':
      e = parse_number("per-node", optarg, &o->per_node);
      break;
    case 'p':
      o->partition = optarg;
      break;
    case 'k':
      e = add_setting(o, optarg);
      break;
    case 'h':
      o->help = true;
      break;
    default:
      e = check_fail(ERR_USER, "%s: no option of shinkei plan, or its value is missing; see --help",
                     argv[optind - 1]);
    }
  }
  if (e == OK && !o->help && optind != argc - 1)
    e = check_fail(ERR_USER, "one MODEL.yaml is needed; see shinkei plan --help");
  if (e == OK && !o->help) o->model = argv[optind];
  return e;
}

static void print_row(const network *n, const uint64_t *spikes, const plan_options *o, int ranks) {
  const memory_job job = {ranks, o->threads, partition_method_of(o->partition) == PARTITION_METIS,
                          spikes};
  const memory_need need = memory_predict(n, &job);
  const double synapses = network_expected_synapses(n);
  const int per_node = o->per_node > 0 && o->per_node < ranks ? o->per_node : ranks;
  printf("%9d %12.3f %12.3f %12.3f %14.2f %12.3g\n", ranks, need.largest / 1e9,
         memory_on_node(&need, &job, per_node) / 1e9, (need.total - need.building) / 1e9,
         synapses > 0 ? need.synapses / synapses : 0,
         memory_expected_events(n) / ranks / o->threads);
}

static void print_plan(const network *n, const uint64_t *spikes, const plan_options *o) {
  const model *m = network_model(n);
  printf("%s: %u neurons, %.6g synapses, %lld steps, %.4g synaptic events a biological second\n",
         m->name, m->neurons, network_expected_synapses(n),
         (long long)model_steps(m, m->warm_up + m->duration), memory_expected_events(n));
  printf("%9s %12s %12s %12s %14s %12s\n", "ranks", "GB a rank", "GB a node", "GB built",
         "B a synapse", "events/thread");
  for (int ranks = o->ranks ? o->ranks : 1; ranks <= (o->ranks ? o->ranks : 4096); ranks *= 2)
    print_row(n, spikes, o, ranks);
  puts("GB a rank (the one that needs most), a node: at the peak, while building; GB built: of all "
       "ranks, while running");
}

int plan_command(int argc, char **argv) {
  plan_options o = {.partition = "metis", .threads = 1};
  model *m = NULL;
  network *n = NULL;
  uint64_t *spikes = NULL;
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  err e = agree(MPI_COMM_WORLD, parse_options(argc, argv, &o));
  if (e == OK && o.help && rank == 0) fputs(help, stdout);
  if (e == OK && !o.help) {
    e = run_read_model(MPI_COMM_WORLD, o.model, o.settings, o.setting, &m);
    if (e == OK) e = network_outline(MPI_COMM_WORLD, m, &n);
    if (e == OK) {
      spikes = check_allocate((size_t)m->inputs, sizeof *spikes);
      e = input_count_in_files(MPI_COMM_WORLD, m, spikes);
    }
    if (e == OK && rank == 0) print_plan(n, spikes, &o);
  }
  network_free(n);
  model_free(m);
  free(spikes);
  free(o.setting);
  return e == OK ? OK : (int)agree_report(MPI_COMM_WORLD, e);
}
