#include "agree.h"
#include "checkpoint.h"
#include "commands.h"
#include "info.h"
#include "model.h"
#include "perturb_file.h"
#include "phi_info.h"
#include "summary.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] =
    "usage: shinkei info FILE ...\n"
    "\n"
    "Say in words what is in a file: spikes.h5, traces.h5, summary.json, a model or "
    "effective.yaml,\n"
    "a partition, a checkpoint, results of shinkei phi and transition tables (JSON, HDF5; also\n"
    "begun ones, FILE.partial), and SONATA files of other programs (spikes, reports, edges, "
    "nodes).\n"
    "The exit status is 0 where the file is whole and what it says of itself is true, else 2.\n";

/* HDF5 trusts what it reads; a damaged file can bring it down. */
static const char *file_read;

static void on_crash(int number) {
  (void)number;
  static const char end[] = ": is damaged; the HDF5 library broke down reading it\n";
  (void)!write(STDERR_FILENO, "shinkei: error: ", 16);
  (void)!write(STDERR_FILENO, file_read, strlen(file_read));
  (void)!write(STDERR_FILENO, end, sizeof end - 1);
  _exit(ERR_USER);
}

static err describe_hdf5(const char *path) {
  static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL};
  enum { CRASHES = sizeof crashes / sizeof *crashes };
  void (*before[CRASHES])(int);
  file_read = path;
  for (int i = 0; i < CRASHES; i++) before[i] = signal(crashes[i], on_crash);
  const err e = phi_info_is_hdf5(path) ? phi_info_describe_hdf5(path, stdout)
                                       : info_describe_hdf5(path, stdout);
  for (int i = 0; i < CRASHES; i++) signal(crashes[i], before[i]);
  return e;
}

static void print_model(const char *path, const model *m) {
  printf("%s: a model of %u neurons in %d population%s, %d projection%s, %d input%s\n", path,
         m->neurons, m->populations, m->populations == 1 ? "" : "s", m->projections,
         m->projections == 1 ? "" : "s", m->inputs, m->inputs == 1 ? "" : "s");
  for (int i = 0; i < m->populations; i++)
    printf("  %s: %u %s\n", m->population[i].name, m->population[i].size,
           m->population[i].neuron->name);
  printf("  %.9g ms in steps of %.9g ms, after a warm-up of %.9g ms; %s precision; seed %llu\n",
         m->duration, m->dt, m->warm_up, m->double_precision ? "double" : "single",
         (unsigned long long)m->seed);
}

static err describe_model(const char *path, const char *text, size_t length) {
  model *m = NULL;
  if (memchr(text, 0, length))
    return check_fail(ERR_USER, "%s: is neither HDF5, JSON nor a model: no file that shinkei knows",
                      path);
  const err e = model_parse(path, text, length, 0, NULL, &m);
  if (e == OK) print_model(path, m);
  model_free(m);
  return e;
}

static err describe(const char *path) {
  struct stat status;
  if (stat(path, &status)) return check_fail(ERR_USER, "%s: %s", path, strerror(errno));
  if (!S_ISREG(status.st_mode))
    return check_fail(ERR_USER, "%s: is no file; name one in it, such as spikes.h5", path);
  if (checkpoint_is(path)) return checkpoint_describe(path, stdout);
  if (info_is_hdf5(path)) return describe_hdf5(path);
  char *text;
  size_t length;
  err e = model_read_file(path, &text, &length);
  if (e != OK) return e;
  size_t blank = 0;
  while (blank < length && memchr(" \t\r\n", text[blank], 4)) blank++;
  if (blank == length)
    e = check_fail(ERR_USER, "%s: is empty", path);
  else if (text[blank] == '{')
    e = phi_info_is_json(path)          ? phi_info_describe_json(path, stdout)
        : perturb_file_is_partial(path) ? perturb_file_describe_partial(path, stdout)
                                        : summary_describe(path, stdout);
  else
    e = describe_model(path, text, length);
  free(text);
  return e;
}

static err describe_all(int count, char **path) {
  err e = OK;
  for (int i = 0; e == OK && i < count; i++) e = describe(path[i]);
  return e;
}

int info_command(int argc, char **argv) {
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const bool asked = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));
  err e = OK;
  if (argc < 2)
    e = check_fail(ERR_USER, "info: a file must be named; shinkei info --help tells more");
  else if (!asked && argv[1][0] == '-')
    e = check_fail(ERR_USER, "info: %s is no option; shinkei info --help tells more", argv[1]);
  else if (asked && rank == 0)
    fputs(help, stdout);
  else if (rank == 0)
    e = describe_all(argc - 1, argv + 1);
  e = agree(MPI_COMM_WORLD, e);
  return e == OK ? OK : (int)agree_report(MPI_COMM_WORLD, e);
}
