#include "checkpoint_folder.h"
#include "checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIGITS = 15 };
static const char PREFIX[] = "checkpoint-", SUFFIX[] = ".h5", PART[] = ".h5.part",
                  UNDONE[] = ".h5.undone";

static char *name_of(const char *folder, int64_t step, const char *suffix) {
  const size_t size = strlen(folder) + sizeof PREFIX + sizeof UNDONE + 24;
  char *path = check_allocate(size, 1);
  snprintf(path, size, "%s/%s%0*" PRId64 "%s", folder, PREFIX, DIGITS, step, suffix);
  return path;
}

char *checkpoint_folder_name(const char *folder, int64_t step, bool unfinished) {
  return name_of(folder, step, unfinished ? PART : SUFFIX);
}

/* The step in a file's name, -1: it is none of ours. */
static int64_t step_of(const char *name, const char *suffix) {
  if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0) return -1;
  name += sizeof PREFIX - 1;
  if (strspn(name, "0123456789") < DIGITS) return -1;
  char *end;
  errno = 0;
  const long long step = strtoll(name, &end, 10);
  return errno == 0 && strcmp(end, suffix) == 0 ? step : -1;
}

static int compare_newest(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x < y) - (x > y);
}

static err list(const char *folder, const char *suffix, int *count, int64_t **step) {
  *count = 0;
  *step = NULL;
  size_t capacity = 0;
  DIR *open = opendir(folder);
  if (!open) return check_fail(ERR_USER, "%s: cannot be read: %s", folder, strerror(errno));
  for (struct dirent *entry; (entry = readdir(open));) {
    const int64_t found = step_of(entry->d_name, suffix);
    if (found < 0) continue;
    *step = check_grow(*step, &capacity, (size_t)*count + 1, sizeof **step);
    (*step)[(*count)++] = found;
  }
  closedir(open);
  if (*count > 0) qsort(*step, (size_t)*count, sizeof **step, compare_newest);
  return OK;
}

err checkpoint_folder_list(const char *folder, int *count, int64_t **step) {
  return list(folder, SUFFIX, count, step);
}

static void remove_one(const char *folder, int64_t step, const char *suffix) {
  char *path = name_of(folder, step, suffix);
  unlink(path);
  free(path);
}

static void remove_all(const char *folder, const char *suffix) {
  int count;
  int64_t *found;
  if (list(folder, suffix, &count, &found) == OK)
    for (int i = 0; i < count; i++) remove_one(folder, found[i], suffix);
  free(found);
}

void checkpoint_folder_prune(const char *folder, int64_t step, int keep) {
  int count, kept = 0;
  int64_t *found;
  remove_all(folder, PART);
  if (list(folder, SUFFIX, &count, &found) == OK)
    for (int i = 0; i < count; i++)
      if (found[i] <= step && ++kept > keep) remove_one(folder, found[i], SUFFIX);
  free(found);
}

static err sync_folder(const char *folder) {
  const int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  /* Some file systems do not sync folders; what they rename is then as safe as they make it. */
  const bool synced = file >= 0 && (fsync(file) == 0 || errno == EINVAL);
  const int reason = errno;
  if (file >= 0) close(file);
  if (synced) return OK;
  return check_fail(ERR_ENVIRONMENT, "%s: cannot be synced: %s", folder, strerror(reason));
}

err checkpoint_folder_publish(const char *folder, int64_t step) {
  char *from = checkpoint_folder_name(folder, step, true);
  char *to = checkpoint_folder_name(folder, step, false);
  err e = OK;
  if (rename(from, to) != 0)
    e = check_fail(ERR_ENVIRONMENT, "%s: cannot be renamed: %s", from, strerror(errno));
  else
    e = sync_folder(folder);
  free(from);
  free(to);
  return e;
}

bool checkpoint_folder_is(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

bool checkpoint_in_folder(const char *folder) {
  int count;
  int64_t *step;
  const err e = list(folder, SUFFIX, &count, &step);
  if (e != OK) check_clear();
  free(step);
  return e == OK && count > 0;
}

err checkpoint_clear_folder(const char *folder) {
  checkpoint_folder_prune(folder, INT64_MAX, 0);
  remove_all(folder, UNDONE);
  if (checkpoint_in_folder(folder))
    return check_fail(ERR_USER, "--out: %s: its checkpoints cannot be removed", folder);
  return OK;
}

err checkpoint_undo_later(const char *folder, int64_t step, int *undone) {
  int count;
  int64_t *found;
  *undone = 0;
  err e = list(folder, SUFFIX, &count, &found);
  for (int i = 0; e == OK && i < count && found[i] > step; i++) {
    char *from = name_of(folder, found[i], SUFFIX), *to = name_of(folder, found[i], UNDONE);
    if (rename(from, to) == 0)
      ++*undone;
    else
      e = check_fail(ERR_ENVIRONMENT, "%s: cannot be renamed: %s", from, strerror(errno));
    free(from);
    free(to);
  }
  free(found);
  return e == OK && *undone > 0 ? sync_folder(folder) : e;
}
