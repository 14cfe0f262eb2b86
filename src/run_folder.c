#include "run_folder.h"
#include "agree.h"
#include "checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* mkdir -p */
static err make_folder(const char *folder) {
  char path[4096];
  if (snprintf(path, sizeof path, "%s", folder) >= (int)sizeof path)
    return check_fail(ERR_USER, "--out: %s: the name is too long", folder);
  for (char *slash = path + 1; *slash; slash++) {
    if (*slash != '/') continue;
    *slash = 0;
    if (mkdir(path, 0777) != 0 && errno != EEXIST && errno != EISDIR) break;
    *slash = '/';
  }
  if (mkdir(path, 0777) != 0 && errno != EEXIST)
    return check_fail(ERR_USER, "--out: %s: cannot be made: %s", folder, strerror(errno));
  struct stat status;
  if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode))
    return check_fail(ERR_USER, "--out: %s: is not a folder", folder);
  return OK;
}

static err check_writable(const char *folder) {
  char path[4200];
  snprintf(path, sizeof path, "%s/.shinkei-probe", folder);
  FILE *probe = fopen(path, "w");
  if (!probe)
    return check_fail(ERR_USER, "--out: %s: cannot be written: %s", folder, strerror(errno));
  fclose(probe);
  unlink(path);
  return OK;
}

/* ---- one run at a time ---- */

enum { PATH_LENGTH = 4200 };

static void path_of_claim(const char *folder, char path[PATH_LENGTH]) {
  snprintf(path, PATH_LENGTH, "%s/in_use", folder);
}

/* Whether nobody has removed or replaced the file meanwhile. */
static bool still_there(const char *path, int file) {
  struct stat there, opened;
  return stat(path, &there) == 0 && fstat(file, &opened) == 0 && there.st_ino == opened.st_ino &&
         there.st_dev == opened.st_dev;
}

/* The file, locked; -1 where another process has it, -2 where there are no locks. */
static int try_claim(const char *path) {
  const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) return -2;
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  const bool locked = fcntl(file, F_SETLK, &lock) == 0, taken = errno == EACCES || errno == EAGAIN;
  if (locked && still_there(path, file)) return file;
  close(file);
  return locked || taken ? -1 : -2;
}

static void sign_claim(int file) {
  char host[256] = "", text[300];
  gethostname(host, sizeof host - 1);
  const int length =
      snprintf(text, sizeof text, "process %ld on %s\n", (long)getpid(), *host ? host : "?");
  if (ftruncate(file, 0) != 0 || pwrite(file, text, (size_t)length, 0) != length)
    return; /* a full disk, which others will tell of */
}

static err fail_claimed(const char *folder, const char *path) {
  char by[300] = "";
  FILE *file = fopen(path, "r");
  if (file) {
    if (fgets(by, sizeof by, file)) by[strcspn(by, "\n")] = 0;
    fclose(file);
  }
  return check_fail(ERR_USER,
                    "--out: %s: another run writes there (%s); give another folder, or wait",
                    folder, *by ? by : "in_use is locked");
}

/* A process keeps its lock until it ends, however it ends; ranks of a job that was killed may take
 * a moment. Some file systems have no locks: then there is nothing to be done. */
static err claim_folder(const char *folder, int *claim) {
  enum { TRIES = 20 };
  char path[PATH_LENGTH];
  path_of_claim(folder, path);
  *claim = -1;
  for (int k = 0; k < TRIES && *claim == -1; k++) {
    if (k > 0) nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    *claim = try_claim(path);
  }
  const err e = *claim == -1 ? fail_claimed(folder, path) : OK;
  if (*claim >= 0) sign_claim(*claim);
  return e;
}

void run_folder_release(const char *folder, int claim) {
  if (claim < 0) return;
  char path[PATH_LENGTH];
  path_of_claim(folder, path);
  unlink(path); /* while it is still locked */
  close(claim);
}

/* ---- what is in it ---- */

static const char *const files[] = {"spikes.h5", "traces.h5", "summary.json", "effective.yaml"};
enum { FILES = sizeof files / sizeof *files };

static err check_empty(const char *folder) {
  for (int i = 0; i < FILES; i++) {
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", folder, files[i]);
    if (access(path, F_OK) != 0) continue;
    return check_fail(ERR_USER,
                      "--out: %s: holds an earlier run (%s); give another folder, or --overwrite",
                      folder, files[i]);
  }
  if (!checkpoint_in_folder(folder)) return OK;
  return check_fail(ERR_USER,
                    "--out: %s: holds checkpoints; go on from them with --restart %s, give another "
                    "folder, or --overwrite",
                    folder, folder);
}

static const char in_the_way[] = "is in the output folder, where this run writes its own";

/* What an earlier run has left will be removed: files that are not the model, no folders. */
static err check_removable(const char *folder, const model *m) {
  for (int i = 0; i < FILES; i++) {
    char path[4200];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", folder, files[i]);
    if (lstat(path, &status) == 0 && S_ISDIR(status.st_mode))
      return check_fail(ERR_USER, "--out: %s: is a folder, where this run writes its own %s", path,
                        files[i]);
    if (check_same_file(m->name, path))
      return check_fail(ERR_USER, "%s: the model %s %s: give another folder by --out", m->name,
                        in_the_way, files[i]);
  }
  return OK;
}

static err clear_earlier(const char *folder) {
  for (int i = 0; i < FILES; i++) {
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", folder, files[i]);
    if (unlink(path) != 0 && errno != ENOENT)
      return check_fail(ERR_USER, "--out: %s: cannot be removed: %s", path, strerror(errno));
  }
  return checkpoint_in_folder(folder) ? checkpoint_clear_folder(folder) : OK;
}

/* What the run reads is nothing that it writes. */
static err check_read(const char *folder, const model *m, const char *partition) {
  model_place place;
  for (int i = 0; i < FILES; i++) {
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", folder, files[i]);
    const char *read = model_reads(m, path, &place);
    if (read)
      return model_fail(m->name, place, "file", "%s: %s %s: give another folder by --out", read,
                        in_the_way, files[i]);
    if (partition && check_same_file(partition, path))
      return check_fail(ERR_USER, "--partition: %s: %s %s: give another folder by --out", partition,
                        in_the_way, files[i]);
  }
  return OK;
}

err run_folder_prepare(MPI_Comm comm, const char *folder, const model *m, const char *partition,
                       const char *home, bool overwrite, int *claim) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  err e = OK;
  *claim = -1;
  if (rank == 0) {
    e = make_folder(folder);
    if (e == OK) e = check_writable(folder);
    if (e == OK) e = claim_folder(folder, claim);
    const bool goes_on = home && check_same_file(folder, home);
    if (e == OK && !overwrite && !goes_on) e = check_empty(folder);
    if (e == OK && !goes_on) e = check_removable(folder, m);
    if (e == OK) e = check_read(folder, m, partition);
  }
  return agree(comm, e);
}

err run_folder_clear(MPI_Comm comm, const char *folder, const char *home) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  err e = OK;
  if (rank == 0 && !(home && check_same_file(folder, home))) e = clear_earlier(folder);
  return agree(comm, e);
}

err run_folder_set_aside(MPI_Comm comm, const char *folder, int64_t step) {
  int rank, undone = 0;
  MPI_Comm_rank(comm, &rank);
  char path[4200];
  snprintf(path, sizeof path, "%s/summary.json", folder);
  err e = rank == 0 ? checkpoint_undo_later(folder, step, &undone) : OK;
  if (e == OK && rank == 0 && unlink(path) != 0 && errno != ENOENT)
    e = check_fail(ERR_ENVIRONMENT, "%s: cannot be removed: %s", path, strerror(errno));
  if (undone > 0)
    fprintf(stderr, "shinkei: warning: %s: %d later checkpoint%s now named .h5.undone\n", folder,
            undone, undone == 1 ? " is" : "s are");
  return agree(comm, e);
}
