#include "command_phi.h"

#include "agree.h"
#include "commands.h"
#include "phi_progress.h"

#include <errno.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

err phi_command_place(const phi_options *o) {
  struct stat status;
  if (o->out && check_named_hdf5(o->out))
    return check_fail(
        ERR_USER,
        "phi: --out %s: one result is written as JSON, so the name may not end in .h5 or .hdf5",
        o->out);
  if (!o->out || o->overwrite || stat(o->out, &status) != 0 || !S_ISREG(status.st_mode)) return OK;
  return check_fail(ERR_USER, "phi: --out %s exists; --overwrite replaces it", o->out);
}

err phi_command_write(const phi_options *o, json_t *root) {
  char *text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  json_decref(root);
  if (!text) CHECK_ABORT("a report could not be written as JSON");
  FILE *file = o->out ? fopen(o->out, "w") : stdout;
  bool written = file && fputs(text, file) >= 0 && fputc('\n', file) >= 0 && !fflush(file);
  if (file && o->out && fclose(file)) written = false;
  free(text);
  if (written) return OK;
  const err e = check_fail(ERR_ENVIRONMENT, "%s cannot be written: %s",
                           o->out ? o->out : "standard output", strerror(errno));
  struct stat status;
  if (file && o->out && lstat(o->out, &status) == 0 && S_ISREG(status.st_mode)) unlink(o->out);
  return e;
}

static void time_text(double seconds, char text[48]) {
  if (seconds < 100)
    snprintf(text, 48, "%.2g s", seconds);
  else if (seconds < 6000)
    snprintf(text, 48, "%.0f minutes", seconds / 60);
  else if (seconds < 100 * 3600)
    snprintf(text, 48, "%.0f hours", seconds / 3600);
  else
    snprintf(text, 48, "%.3g days", seconds / 86400);
}

err phi_command_cost(const phi_options *o, int n, int64_t tasks, int cores, double seconds,
                     bool say) {
  const int each = o->source == SOURCE_TABLE ? 1 : 1 + o->plan.bootstrap + o->plan.surrogates;
  char text[48], limit[48], size[64];
  seconds /= cores;
  time_text(seconds, text);
  time_text(o->limit, limit);
  if (o->plan.gaussian)
    snprintf(size, sizeof size, "%d variables", n);
  else
    snprintf(size, sizeof size, "2^%d = %lld states", n, 1LL << n);
  if (!(seconds <= o->limit))
    return check_fail(ERR_USER,
                      "phi: %s, %lld estimate%s of %d evaluation%s: predicted to take %s on %d "
                      "core%s; allowed are %s (--limit)",
                      size, (long long)tasks, tasks == 1 ? "" : "s", each, each == 1 ? "" : "s",
                      text, cores, cores == 1 ? "" : "s", limit);
  if (say)
    fprintf(stderr, "phi: %s, %lld estimate%s of %d evaluation%s: about %s on %d core%s\n", size,
            (long long)tasks, tasks == 1 ? "" : "s", each, each == 1 ? "" : "s", text, cores,
            cores == 1 ? "" : "s");
  return OK;
}

static struct { double begun, shown; } watch;

static void show(void *context, double done) {
  (void)context;
  const double now = omp_get_wtime(), passed = now - watch.begun;
  if (now - watch.shown < 5 || done < 0.002) return;
  watch.shown = now;
  char left[48];
  time_text(passed * (1 - done) / done, left);
  fprintf(stderr, "phi: %.3g %%, about %s left\n", 100 * done, left);
}

void phi_command_watch(bool begin) {
  watch.begun = watch.shown = omp_get_wtime();
  phi_progress_listen(begin ? show : NULL, NULL);
}

int phi_command(int argc, char **argv) {
  phi_options o;
  int rank;
  AGREE_MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
  err e = phi_options_parse(argc, argv, &o);
  if (e || o.help) {
    if (!e && rank == 0) printf("%s%s", phi_options_help(), phi_evaluate_definitions());
  } else if (o.source == SOURCE_TABLE)
    e = phi_command_table(&o, rank);
  else
    e = phi_command_recording(&o, rank);
  phi_options_free(&o);
  e = agree(MPI_COMM_WORLD, e);
  return e ? (int)agree_report(MPI_COMM_WORLD, e) : OK;
}
