#include "agree.h"
#include "commands.h"
#include "run.h"
#include "stop.h"
#include "watchdog.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: shinkei run MODEL.yaml [option ...]\n"
    "       mpirun -n RANKS shinkei run MODEL.yaml [option ...]\n\n"
    "Simulate a model; spikes.h5, effective.yaml and summary.json are left in the output "
    "folder.\n\n"
    "  --duration MS       biological time, instead of the model's\n"
    "  --seed N            seed, instead of the model's\n"
    "  --set KEY=VALUE     any key of the model, e.g. populations.E.size=100; may be repeated\n"
    "  --threads N         threads a rank (default: OMP_NUM_THREADS, else the rank's share of the "
    "cores)\n"
    "  --partition METHOD  metis (default), block, round_robin, random, or a file that\n"
    "                      shinkei partition --out wrote\n"
    "  --out DIR           folder of the results (default: results; at a restart the "
    "checkpoint's)\n"
    "  --restart FILE|DIR  go on from a checkpoint, or from the newest intact one of a folder;\n"
    "                      without MODEL.yaml the model inside it is taken\n"
    "  --checkpoint-every MS  save the state each time so much has been simulated\n"
    "  --checkpoint-at-end    save it when the run is complete\n"
    "  --time-limit TIME   end before this wall time is used up (HH:MM:SS, minutes, or 90s), "
    "saved\n"
    "  --watchdog SECONDS  end the job when no step ends for so long (default 600; 0: never)\n"
    "  --overwrite         replace an earlier run in that folder\n"
    "  --force             run although the memory will not suffice by prediction\n"
    "  --help              this text\n"
    "\nSIGUSR1 saves the state; SIGUSR2, SIGTERM, SIGINT or a file `stop` in the output folder "
    "save it\n"
    "and end the run, with exit status 75. To mpirun send SIGUSR2: for the others it returns 1.\n";

static err set(run_options *o, const char *key, const char *value) {
  o->setting = realloc(o->setting, (size_t)(o->settings + 1) * sizeof *o->setting);
  if (!o->setting) CHECK_ABORT("out of memory");
  o->setting[o->settings++] = (model_setting){key, value};
  return OK;
}

static err set_pair(run_options *o, char *pair) {
  model_setting setting;
  const err e = model_setting_split(pair, &setting);
  return e == OK ? set(o, setting.key, setting.value) : e;
}

static err parse_threads(run_options *o, const char *text) {
  char *end;
  const long threads = strtol(text, &end, 10);
  if (*end || end == text || threads < 1 || threads > 4096)
    return check_fail(ERR_USER, "--threads %s: a number from 1 to 4096 is needed", text);
  o->threads = (int)threads;
  return OK;
}

static err parse_watchdog(run_options *o, const char *text) {
  char *end;
  o->watchdog = strtod(text, &end);
  if (*end || end == text || !(o->watchdog >= 0 && o->watchdog <= 1e9))
    return check_fail(ERR_USER, "--watchdog %s: a number of seconds from 0 is needed", text);
  return OK;
}

static err turn_on(bool *flag) {
  *flag = true;
  return OK;
}

static err take_text(const char **text, const char *value) {
  *text = value;
  return OK;
}

static err take_option(run_options *o, int option, char *value, bool *helped) {
  switch (option) {
  case 'd':
    return set(o, "simulation.duration", value);
  case 's':
    return set(o, "simulation.seed", value);
  case 'c':
    return set(o, "checkpoint.every_ms", value);
  case 'k':
    return set_pair(o, value);
  case 't':
    return parse_threads(o, value);
  case 'l':
    return stop_parse_time(value, &o->time_limit);
  case 'g':
    return parse_watchdog(o, value);
  case 'p':
    return take_text(&o->partition, value);
  case 'o':
    return take_text(&o->folder, value);
  case 'r':
    return take_text(&o->restart, value);
  case 'w':
    return turn_on(&o->overwrite);
  case 'f':
    return turn_on(&o->force);
  case 'e':
    return turn_on(&o->checkpoint_at_end);
  default:
    return turn_on(helped);
  }
}

static err parse(int argc, char **argv, run_options *o, bool *helped) {
  static const struct option table[] = {{"duration", required_argument, NULL, 'd'},
                                        {"seed", required_argument, NULL, 's'},
                                        {"set", required_argument, NULL, 'k'},
                                        {"threads", required_argument, NULL, 't'},
                                        {"partition", required_argument, NULL, 'p'},
                                        {"out", required_argument, NULL, 'o'},
                                        {"overwrite", no_argument, NULL, 'w'},
                                        {"force", no_argument, NULL, 'f'},
                                        {"restart", required_argument, NULL, 'r'},
                                        {"checkpoint-every", required_argument, NULL, 'c'},
                                        {"checkpoint-at-end", no_argument, NULL, 'e'},
                                        {"time-limit", required_argument, NULL, 'l'},
                                        {"watchdog", required_argument, NULL, 'g'},
                                        {"help", no_argument, NULL, 'h'},
                                        {0}};
  err e = OK;
  optind = 1;
  opterr = 0;
  for (int c; e == OK && (c = getopt_long(argc, argv, ":h", table, NULL)) != -1;)
    if (c == ':')
      e = check_fail(ERR_USER, "%s needs a value; see shinkei run --help", argv[optind - 1]);
    else if (c == '?')
      e = check_fail(ERR_USER, "%s is no option of shinkei run; see shinkei run --help",
                     argv[optind - 1]);
    else
      e = take_option(o, c, optarg, helped);
  if (e != OK || *helped) return e;
  if (optind == argc && o->restart) return OK;
  if (optind != argc - 1)
    return check_fail(ERR_USER, "one MODEL.yaml is needed, %d are given; see shinkei run --help",
                      argc - optind);
  o->model = argv[optind];
  return OK;
}

int run_command(int argc, char **argv) {
  run_options o = {.partition = "metis", .watchdog = WATCHDOG_SECONDS};
  bool helped = false, early = false;
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  err e = agree(MPI_COMM_WORLD, parse(argc, argv, &o, &helped));
  if (e == OK && helped && rank == 0) fputs(help, stdout);
  if (e == OK && !helped) e = run_simulation(MPI_COMM_WORLD, &o, &early);
  if (e != OK) agree_report(MPI_COMM_WORLD, e);
  free(o.setting);
  return e == OK && early ? RUN_ENDED_EARLY : (int)e;
}
