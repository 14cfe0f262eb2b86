#include "agree.h"
#include "commands.h"
#include "partition.h"
#include "run.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: shinkei partition MODEL.yaml --ranks R [options]\n"
    "\n"
    "Divide the network of a model among R ranks without simulating it, and print what that "
    "costs.\n"
    "\n"
    "  --ranks R         number of parts\n"
    "  --method NAME     metis (default), block, round_robin, random, a FILE.h5 written by --out,\n"
    "                    or all: the first four in one table\n"
    "  --out FILE.h5     write the partition, for `shinkei run --partition FILE.h5`; an\n"
    "                    older partition is replaced, any other file is not\n"
    "  --set KEY=VALUE   lay a value over the model file, e.g. simulation.seed=3 (repeatable)\n"
    "  --help            this text\n"
    "\n"
    "Columns: synapses between parts (and as a share of all); volume, the number of (neuron, "
    "remote\n"
    "part) pairs, where a neuron's spikes must travel to each remote part that holds a target of "
    "it;\n"
    "the same weighted by the populations' expected_rate, in messages a second; the largest part\n"
    "over the mean in neurons, synaptic events (expected_rate again) and memory; the most parts "
    "that\n"
    "one part sends to; the seconds to make the partition. Exact where edges come from files, the\n"
    "expectation where they are drawn by rules (a part that half a neuron or more is expected to\n"
    "send to counts as one that is sent to).\n";

typedef struct {
  const char *model, *method, *out;
  int ranks, settings;
  model_setting *setting;
  bool help;
} options;

static err set_ranks(options *o, const char *text) {
  char *end;
  errno = 0;
  const long ranks = strtol(text, &end, 10);
  if (errno || end == text || *end || ranks < 1 || ranks > 1000000)
    return check_fail(ERR_USER, "--ranks %s: allowed are whole numbers from 1 to 1000000", text);
  o->ranks = (int)ranks;
  return OK;
}

static err read_options(int argc, char **argv, options *o) {
  static const struct option known[] = {
      {"ranks", required_argument, NULL, 'r'}, {"method", required_argument, NULL, 'm'},
      {"out", required_argument, NULL, 'o'},   {"set", required_argument, NULL, 's'},
      {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0}};
  *o = (options){.method = "metis"};
  o->setting = check_allocate((size_t)argc, sizeof *o->setting);
  optind = 1;
  opterr = 0;
  err e = OK;
  for (int option; e == OK && (option = getopt_long(argc, argv, ":", known, NULL)) != -1;) {
    if (option == 'r')
      e = set_ranks(o, optarg);
    else if (option == 'm')
      o->method = optarg;
    else if (option == 'o')
      o->out = optarg;
    else if (option == 's')
      e = model_setting_split(optarg, &o->setting[o->settings++]);
    else if (option == 'h')
      o->help = true;
    else if (option == ':')
      e = check_fail(ERR_USER, "%s needs a value (see shinkei partition --help)", argv[optind - 1]);
    else
      e = check_fail(ERR_USER, "unknown option %s (see shinkei partition --help)",
                     argv[optind - 1]);
  }
  if (e != OK || o->help) return e;
  if (argc - optind != 1)
    return check_fail(ERR_USER, "one model file is needed (see shinkei partition --help)");
  o->model = argv[optind];
  if (o->ranks == 0)
    return check_fail(ERR_USER,
                      "--ranks is needed: the number of parts to divide the network into");
  if (o->out && strcmp(o->method, "all") == 0)
    return check_fail(ERR_USER, "--out needs one method; --method all compares several");
  return OK;
}

static void print_heading(const model *m, const partition_quality *q, int parts) {
  printf("%u neurons, %.0f synapses, %d part%s", m->neurons, q->synapses, parts,
         parts == 1 ? "" : "s");
  if ((uint32_t)parts > m->neurons)
    printf(", at least %u of them empty", (uint32_t)parts - m->neurons);
  putchar('\n');
  printf("%-12s %22s %12s %14s %26s\n", "", "edge cut", "volume", "volume x rate",
         "imbalance (max/mean)");
  printf("%-12s %13s %8s %12s %14s %8s %8s %8s %10s %8s\n", "method", "synapses", "share", "pairs",
         "1/s", "neurons", "events", "memory", "neighbours", "seconds");
}

static void print_row(const char *method, const partition_quality *q) {
  printf("%-12s %13.0f %7.2f%% %12.0f %14.0f %8.4f %8.4f %8.4f %10d %8.3f\n", method, q->edge_cut,
         q->synapses > 0 ? 100 * q->edge_cut / q->synapses : 0, q->volume, q->volume_rate,
         q->imbalance_neurons, q->imbalance_events, q->imbalance_memory, q->neighbours_max,
         q->seconds);
  fflush(stdout);
}

static err divide(MPI_Comm comm, const network *n, const model *m, const options *o,
                  const char *method, bool heading) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  partition p;
  partition_quality quality;
  err e = partition_create(comm, n, m, partition_method_of(method), method, o->ranks, &p);
  if (e != OK) return e;
  e = partition_measure(comm, n, m, &p, &quality);
  if (e == OK && rank == 0 && heading) print_heading(m, &quality, o->ranks);
  if (e == OK && rank == 0) print_row(method, &quality);
  if (e == OK && o->out) e = partition_write(comm, &p, &quality, method, o->out);
  partition_free(&p);
  return e;
}

static err divide_all(MPI_Comm comm, const network *n, const model *m, const options *o) {
  static const char *const all[] = {"metis", "block", "round_robin", "random"};
  if (strcmp(o->method, "all") != 0) return divide(comm, n, m, o, o->method, true);
  err e = OK;
  for (size_t i = 0; i < sizeof all / sizeof all[0] && e == OK; i++)
    e = divide(comm, n, m, o, all[i], i == 0);
  return e;
}

static err run(MPI_Comm comm, const options *o) {
  model *m;
  network *n = NULL;
  err e = run_read_model(comm, o->model, o->settings, o->setting, &m);
  if (e == OK && o->out) e = partition_check_file(comm, o->out);
  if (e == OK) e = network_create(comm, m, &n);
  if (e == OK) e = divide_all(comm, n, m, o);
  network_free(n);
  model_free(m);
  return e;
}

int partition_command(int argc, char **argv) {
  options o;
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  err e = agree(MPI_COMM_WORLD, read_options(argc, argv, &o));
  if (e == OK && o.help && rank == 0) fputs(help, stdout);
  if (e == OK && !o.help) e = run(MPI_COMM_WORLD, &o);
  if (e != OK) agree_report(MPI_COMM_WORLD, e);
  free(o.setting);
  return e;
}
