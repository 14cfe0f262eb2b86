#include "agree.h"
#include "commands.h"
#include "perturb.h"
#include "run.h"
#include "watchdog.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: shinkei perturb CHECKPOINT --nodes LIST --bin MS [option ...]\n"
    "       mpirun -n RANKS shinkei perturb CHECKPOINT --nodes E:0-3,I:7 --bin 50 --out "
    "TABLE.json\n"
    "       shinkei phi --table TABLE.json\n\n"
    "The interventional transition table of chosen neurons: from the state in a checkpoint, each "
    "of\n"
    "their 2^n states is imposed and the network runs on; the table holds how often each neuron\n"
    "fires in the bin. `shinkei phi --table` reads it. The same table on any number of ranks, "
    "groups\n"
    "and threads and with any partition.\n\n"
    "  CHECKPOINT          a file, or a folder of them: the newest intact one\n"
    "  --nodes LIST        POPULATION:0,3,5-7,POPULATION:...: 1 to 12 neurons, node 0 first\n"
    "  --bin MS            time in which a neuron that fires is on\n"
    "  --delay MS          between the imposed step and the bin (default 0)\n"
    "  --repeats N         runs of each state (default 1)\n"
    "  --background NAME   Poisson input: fixed, the same draws in all runs, which the "
    "checkpoint's\n"
    "                      own run would see (one repeat); resampled, others in each repeat, but\n"
    "                      the same for all states of it (default: by the number of repeats)\n"
    "  --seed N            of the background (default: the model's)\n"
    "  --groups N          divide the ranks into N groups, which make runs of their own side by "
    "side;\n"
    "                      each holds the whole network, divided among its ranks (default: as "
    "many\n"
    "                      of one size as fit into 3/4 of the free memory, at most one a rank)\n"
    "  --threads N         threads a rank, as in shinkei run\n"
    "  --partition METHOD  of a group's network, as in shinkei run; with a file the default is one "
    "group\n"
    "  --out FILE          .json or .h5 (default: JSON to standard output)\n"
    "  --overwrite         replace FILE, and begin anew\n"
    "  --watchdog SECONDS  end the job when no step ends for so long (default 600; 0: never)\n"
    "  --force             run although the memory will not suffice by prediction\n"
    "  --help              this text\n\n"
    "Definitions\n"
    "  The first step after the checkpoint is the imposed one. There every chosen neuron gets the\n"
    "  state that a spike leaves (iaf_psc_exp, also shared: V_m = V_reset, synaptic currents go "
    "on; shiu_lif:\n"
    "  v = V_reset, g = 0; parrot has none), whatever it would have done itself.\n"
    "    on    its spike goes out in that step, and it is refractory\n"
    "    off   no spike goes out, and it is not refractory\n"
    "  So the states of a neuron differ in its spike and what follows from it, in nothing else. "
    "All\n"
    "  other neurons, and all spikes under way, are as in the checkpoint.\n"
    "  Then come the steps of the delay, then those of the bin: a neuron is on where it fires in "
    "at\n"
    "  least one of them. tpm[i][j] is the share of repeats in which node j is on after state i;\n"
    "  node k is on in state i where bit k of i is set (little-endian).\n"
    "  standard_error is sqrt(p (1 - p) / (repeats - 1)), null with one repeat.\n"
    "  state: who fired in the bin that ends at the checkpoint; it knows the spikes of the "
    "longest\n"
    "  delay only, state_window_ms says how far back it was looked.\n"
    "\nSIGTERM and SIGINT keep what is done in FILE.partial and end with status 75; the same "
    "command\n"
    "goes on with it, on any number of ranks and groups.\n";

static err parse_whole(const char *key, const char *text, uint64_t least, uint64_t most,
                       uint64_t *value) {
  char *end;
  errno = 0;
  const unsigned long long found = strtoull(text, &end, 10);
  if (errno || *end || end == text || text[0] < '0' || text[0] > '9' || found < least ||
      found > most)
    return check_fail(ERR_USER, "--%s %.40s: a whole number from %llu to %llu is needed", key, text,
                      (unsigned long long)least, (unsigned long long)most);
  *value = found;
  return OK;
}

static err parse_number(const char *key, const char *text, double *value) {
  char *end;
  *value = strtod(text, &end);
  if (*end || end == text || !(*value >= 0 && *value <= 1e9))
    return check_fail(ERR_USER, "--%s %.40s: a number from 0 to 1e9 is needed", key, text);
  return OK;
}

static err parse_background(perturb_options *o, const char *text) {
  if (!strcmp(text, "fixed"))
    o->background = PERTURB_FIXED;
  else if (!strcmp(text, "resampled"))
    o->background = PERTURB_RESAMPLED;
  else
    return check_fail(ERR_USER, "--background %.40s: fixed or resampled is needed", text);
  return OK;
}

static err parse_out(perturb_options *o, const char *text) {
  if (!check_named(text, ".json") && !check_named_hdf5(text))
    return check_fail(ERR_USER, "--out %s: a table's name ends in .json, .h5 or .hdf5", text);
  o->out = text;
  return OK;
}

enum {
  BIN,
  DELAY,
  WATCHDOG,
  REPEATS,
  SEED,
  THREADS,
  GROUPS,
  NODES,
  BACKGROUND,
  PARTITION,
  OUT,
  OVERWRITE,
  FORCE,
  HELP
};

static const struct option table[] = {{"bin", required_argument, NULL, BIN},
                                      {"delay", required_argument, NULL, DELAY},
                                      {"watchdog", required_argument, NULL, WATCHDOG},
                                      {"repeats", required_argument, NULL, REPEATS},
                                      {"seed", required_argument, NULL, SEED},
                                      {"threads", required_argument, NULL, THREADS},
                                      {"groups", required_argument, NULL, GROUPS},
                                      {"nodes", required_argument, NULL, NODES},
                                      {"background", required_argument, NULL, BACKGROUND},
                                      {"partition", required_argument, NULL, PARTITION},
                                      {"out", required_argument, NULL, OUT},
                                      {"overwrite", no_argument, NULL, OVERWRITE},
                                      {"force", no_argument, NULL, FORCE},
                                      {"help", no_argument, NULL, HELP},
                                      {0}};

static err parse_amount(perturb_options *o, int option, const char *text) {
  uint64_t whole = 0;
  err e = OK;
  switch (option) {
  case BIN:
    return parse_number("bin", text, &o->bin);
  case DELAY:
    return parse_number("delay", text, &o->delay);
  case WATCHDOG:
    return parse_number("watchdog", text, &o->watchdog);
  case REPEATS:
    e = parse_whole("repeats", text, 1, INT32_MAX, &whole);
    o->repeats = (int64_t)whole;
    return e;
  case SEED:
    o->seeded = true;
    return parse_whole("seed", text, 0, UINT64_MAX, &o->seed);
  case GROUPS:
    e = parse_whole("groups", text, 1, INT32_MAX, &whole);
    o->groups = (int)whole;
    return e;
  default:
    e = parse_whole("threads", text, 1, 4096, &whole);
    o->threads = (int)whole;
    return e;
  }
}

static err parse_option(perturb_options *o, int option, const char *text, const char *word) {
  switch (option) {
  case NODES:
    o->nodes = text;
    return OK;
  case BACKGROUND:
    return parse_background(o, text);
  case PARTITION:
    o->partition = text;
    return OK;
  case OUT:
    return parse_out(o, text);
  case OVERWRITE:
    o->overwrite = true;
    return OK;
  case FORCE:
    o->force = true;
    return OK;
  case ':':
    return check_fail(ERR_USER, "%s needs a value; see shinkei perturb --help", word);
  case '?':
    return check_fail(ERR_USER, "%s is no option of shinkei perturb; see shinkei perturb --help",
                      word);
  default:
    return parse_amount(o, option, text);
  }
}

static err parse(int argc, char **argv, perturb_options *o, bool *helped) {
  err e = OK;
  optind = 1;
  opterr = 0;
  for (int option; e == OK && (option = getopt_long(argc, argv, ":", table, NULL)) != -1;) {
    *helped = *helped || option == HELP;
    if (option != HELP) e = parse_option(o, option, optarg, argv[optind - 1]);
  }
  if (e != OK || *helped) return e;
  if (optind != argc - 1)
    return check_fail(ERR_USER,
                      "one CHECKPOINT is needed, %d are given; see shinkei perturb --help",
                      argc - optind);
  o->checkpoint = argv[optind];
  if (!o->nodes)
    return check_fail(ERR_USER,
                      "--nodes is needed, e.g. --nodes E:0-3; see shinkei perturb --help");
  if (!(o->bin > 0))
    return check_fail(ERR_USER, "--bin MS is needed, above 0; see shinkei perturb --help");
  return OK;
}

int perturb_command(int argc, char **argv) {
  perturb_options o = {.partition = "metis", .repeats = 1, .watchdog = WATCHDOG_SECONDS};
  bool helped = false, early = false;
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  err e = agree(MPI_COMM_WORLD, parse(argc, argv, &o, &helped));
  if (e == OK && helped && rank == 0) fputs(help, stdout);
  if (e == OK && !helped) e = perturb_run(MPI_COMM_WORLD, &o, &early);
  if (e != OK) agree_report(MPI_COMM_WORLD, e);
  return e == OK && early ? RUN_ENDED_EARLY : (int)e;
}
