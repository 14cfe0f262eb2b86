#include "stop.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t save_asked, end_asked, interrupted_at; /* [s] */

/* Who presses Ctrl-C a second time will not wait for the end of what is under way. Twice at once is
 * how launchers pass on a single one. */
static void on_signal(int number) {
  const sig_atomic_t second = (sig_atomic_t)time(NULL);
  if (number == SIGUSR1) {
    save_asked = 1;
    return;
  }
  if (number == SIGINT && interrupted_at && second > interrupted_at + 1) {
    signal(SIGINT, SIG_DFL);
    raise(SIGINT);
  }
  if (number == SIGINT && !interrupted_at) interrupted_at = second;
  end_asked = number;
}

void stop_listen(bool all) {
  static const int numbers[] = {SIGUSR1, SIGUSR2, SIGINT, SIGTERM};
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < (all ? sizeof numbers / sizeof *numbers : 2); i++)
    sigaction(numbers[i], &action, NULL);
}

bool stop_asked_to_save(void) {
  const bool asked = save_asked;
  if (asked) save_asked = 0;
  return asked;
}

stop_reason stop_asked_to_end(void) {
  if (!end_asked) return STOP_NOT;
  return end_asked == SIGINT ? STOP_SIGINT : end_asked == SIGTERM ? STOP_SIGTERM : STOP_SIGUSR2;
}

static void path_in(const char *folder, const char *name, char path[4200]) {
  snprintf(path, 4200, "%s/%s", folder, name);
}

bool stop_file_found(const char *folder) {
  char path[4200], other[4200];
  path_in(folder, "stop", path);
  path_in(folder, "stopped", other);
  if (access(path, F_OK) != 0) return false;
  if (rename(path, other) != 0) unlink(path);
  return true;
}

void stop_file_forget(const char *folder) {
  char path[4200];
  path_in(folder, "stopped", path);
  unlink(path);
}

const char *stop_reason_name(stop_reason reason) {
  static const char *const names[] = {
      [STOP_NOT] = "nothing",   [STOP_TIME] = "the time limit", [STOP_FILE] = "the stop file",
      [STOP_SIGINT] = "SIGINT", [STOP_SIGTERM] = "SIGTERM",     [STOP_SIGUSR2] = "SIGUSR2",
  };
  return names[reason];
}

err stop_parse_time(const char *text, double *seconds) {
  double part[3] = {0};
  int parts = 0;
  const char *next = text;
  for (bool more = true; more && parts < 3;) {
    char *end;
    part[parts] = strtod(next, &end);
    if (end == next || !(part[parts] >= 0) || part[parts] > 1e9) break;
    if (parts > 0 && part[parts] >= 60) break;
    parts++;
    more = *end == ':';
    next = end + more;
    if (more) continue;
    if (strcmp(end, "s") == 0 && parts == 1)
      *seconds = part[0];
    else if (*end == 0)
      *seconds = parts == 3   ? part[0] * 3600 + part[1] * 60 + part[2]
                 : parts == 2 ? part[0] * 60 + part[1]
                              : part[0] * 60;
    else
      break;
    if (*seconds > 0) return OK;
  }
  return check_fail(
      ERR_USER,
      "--time-limit %s: a time above 0 is needed: HH:MM:SS, MM:SS, minutes, or seconds "
      "with an s, such as 90s",
      text);
}

double stop_slurm_seconds(void) {
  const char *text = getenv("SLURM_JOB_END_TIME");
  if (!text) return INFINITY;
  char *end;
  const double at = strtod(text, &end);
  return *end == 0 && end != text && at > 0 ? at - (double)time(NULL) : INFINITY;
}
