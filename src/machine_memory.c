#include "machine_memory.h"
#include "machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 4096, PATH = 2 * LINE };

typedef struct { /* the files of one version of control groups; statistics of whole subtrees */
  const char *limit, *usage, *dropped;
} group_files;

static const group_files first_version = {"memory.limit_in_bytes", "memory.usage_in_bytes",
                                          "total_inactive_file"};
static const group_files second_version = {"memory.max", "memory.current", "inactive_file"};

/* The number after `key` at the beginning of a line of root + folder + name; false: none there. */
static bool read_number(const char *root, const char *folder, const char *name, const char *key,
                        uint64_t *number) {
  char path[PATH], line[LINE];
  if (snprintf(path, sizeof path, "%s%s/%s", root, folder, name) >= PATH) return false;
  FILE *file = fopen(path, "r");
  bool found = false;
  const size_t length = strlen(key);
  while (file && !found && fgets(line, sizeof line, file))
    if (strncmp(line, key, length) == 0) found = sscanf(line + length, "%" SCNu64, number) == 1;
  if (file) fclose(file);
  return found;
}

/* What the group in `folder` leaves, where that is less than what is known so far. */
static void take_group(const char *root, const char *folder, const group_files *names,
                       machine_memory *least) {
  uint64_t limit, usage, dropped = 0;
  if (!read_number(root, folder, names->limit, "", &limit)) return; /* also where it is "max" */
  if (!read_number(root, folder, names->usage, "", &usage)) return;
  read_number(root, folder, "memory.stat", names->dropped, &dropped);
  usage -= dropped < usage ? dropped : usage;
  const uint64_t left = limit > usage ? limit - usage : 0;
  if (left >= least->free) return;
  least->free = left;
  snprintf(least->limit, sizeof least->limit, "of the %.1f GB that control group %.180s allows",
           (double)limit / 1e9, folder);
}

/* The process's group at `path` below the mount point, and all that hold it. */
static void take_groups(const char *root, const char *mount, const char *path,
                        const group_files *names, machine_memory *least) {
  char folder[PATH];
  snprintf(folder, sizeof folder, "%s%s", mount, strcmp(path, "/") == 0 ? "" : path);
  for (;;) {
    take_group(root, folder, names, least);
    char *last = strrchr(folder, '/');
    if (strlen(folder) <= strlen(mount) || !last) return;
    *last = 0;
  }
}

/* Path of this process's group in the hierarchy with the memory controller; false: none. */
static bool find_path(const char *root, bool second, char path[LINE]) {
  char name[LINE], line[LINE], controllers[LINE];
  snprintf(name, sizeof name, "%s/proc/self/cgroup", root);
  FILE *file = fopen(name, "r");
  bool found = false;
  while (file && !found && fgets(line, sizeof line, file)) {
    if (second)
      found = sscanf(line, "0::%[^\n]", path) == 1;
    else if (sscanf(line, "%*[0-9]:%[^:]:%[^\n]", controllers, path) == 2)
      found = strcmp(controllers, "memory") == 0 || strstr(controllers, "memory,") ||
              strstr(controllers, ",memory");
  }
  if (file) fclose(file);
  return found;
}

/* A mount that shows the hierarchy from `above` on down: a container sees its own part alone. */
static void take_mount(const char *root, const char *line, machine_memory *least) {
  char above[LINE], mount[LINE], type[64], options[LINE], path[LINE];
  const char *rest = strstr(line, " - ");
  if (!rest || sscanf(line, "%*s %*s %*s %s %s", above, mount) != 2) return;
  if (sscanf(rest, " - %63s %*s %s", type, options) != 2) return;
  const bool second = strcmp(type, "cgroup2") == 0;
  if (!second && !(strcmp(type, "cgroup") == 0 && strstr(options, "memory"))) return;
  if (!find_path(root, second, path)) return;
  const size_t length = strcmp(above, "/") == 0 ? 0 : strlen(above);
  const char *below = strncmp(path, above, length) == 0 ? path + length : "/";
  take_groups(root, mount, *below ? below : "/", second ? &second_version : &first_version, least);
}

machine_memory machine_memory_look(const char *root) {
  machine_memory least = {.limit = "in the machine"};
  char path[PATH], line[LINE];
  uint64_t kib = 0;
  read_number(root, "/proc", "meminfo", "MemAvailable:", &kib);
  least.free = kib * 1024;
  snprintf(path, sizeof path, "%s/proc/self/mountinfo", root);
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file)) take_mount(root, line, &least);
  if (file) fclose(file);
  return least;
}

/* getrusage would count what the process was before it became this program, a shell or Python. */
uint64_t machine_peak_memory(void) {
  uint64_t kib = 0;
  read_number("", "/proc/self", "status", "VmHWM:", &kib);
  return kib * 1024;
}
