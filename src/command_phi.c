#include "command_phi.h"

#include "agree.h"
#include "commands.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

err phi_command_write(const phi_options *o, json_t *root) {
  char *text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  json_decref(root);
  if (!text) CHECK_ABORT("a report could not be written as JSON");
  FILE *file = o->out ? fopen(o->out, "w") : stdout;
  bool written = file && fputs(text, file) >= 0 && fputc('\n', file) >= 0 && !fflush(file);
  if (file && o->out && fclose(file)) written = false;
  free(text);
  return written ? OK
                 : check_fail(ERR_ENVIRONMENT, "%s cannot be written: %s",
                              o->out ? o->out : "standard output", strerror(errno));
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

err phi_command_cost(const phi_options *o, int n, int64_t tasks, int ranks, bool say) {
  const int each = o->source == SOURCE_TABLE ? 1 : 1 + o->plan.bootstrap + o->plan.surrogates;
  const double seconds = phi_evaluate_predict(&o->plan.request, n, o->plan.gaussian) * each *
                         (double)tasks / (double)(tasks < ranks ? tasks : ranks);
  char text[48], limit[48];
  time_text(seconds, text);
  time_text(o->limit, limit);
  if (!(seconds <= o->limit))
    return check_fail(
        ERR_USER,
        "phi: %d elements%s, %lld estimates of %d evaluations are predicted to take %s; "
        "allowed are %s (--limit)",
        n, o->plan.gaussian ? "" : " (2^n states)", (long long)tasks, each, text, limit);
  if (say && o->plan.gaussian)
    fprintf(stderr, "phi: %d variables", n);
  else if (say)
    fprintf(stderr, "phi: 2^%d = %lld states", n, 1LL << n);
  if (say)
    fprintf(stderr, ", %lld estimate%s of %d evaluation%s: about %s on %d rank%s\n",
            (long long)tasks, tasks == 1 ? "" : "s", each, each == 1 ? "" : "s", text, ranks,
            ranks == 1 ? "" : "s");
  return OK;
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
