/* What a process may still take, in made-up machines: the least of what is free and of what every
 * control group above it leaves. */
#include "machine_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char root[64];

/* A file of the made-up machine, with the folders above it. */
static void put(const char *path, const char *text) {
  char whole[512];
  snprintf(whole, sizeof whole, "%s/%s", root, path);
  for (char *slash = strchr(whole + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    mkdir(whole, 0777);
    *slash = '/';
  }
  FILE *file = fopen(whole, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static int begin(void **state) {
  (void)state;
  snprintf(root, sizeof root, "/tmp/shinkei-memory-XXXXXX");
  if (!mkdtemp(root)) return 1;
  put("proc/meminfo", "MemTotal: 9 kB\nMemFree: 1 kB\nMemAvailable:    4000000 kB\n");
  return 0;
}

static int end(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -r %s", root);
  return system(command);
}

static void expect(uint64_t bytes, const char *limit) {
  const machine_memory seen = machine_memory_look(root);
  assert_int_equal(seen.free, bytes);
  assert_non_null(strstr(seen.limit, limit));
}

static void the_machine_alone(void **state) {
  (void)state;
  expect(4000000 * UINT64_C(1024), "in the machine");
  put("proc/self/cgroup", "0::/\n");
  put("proc/self/mountinfo", "30 24 0:26 / /groups rw - cgroup2 cgroup2 rw\n");
  put("groups/memory.stat", "anon 1\n");
  expect(4000000 * UINT64_C(1024), "in the machine");
}

static void second_version_counts_groups_above(void **state) {
  (void)state;
  put("proc/self/cgroup", "0::/job/step\n");
  put("proc/self/mountinfo", "24 1 0:22 / /proc rw - proc proc rw\n"
                             "30 24 0:26 / /groups rw,nosuid shared:4 - cgroup2 cgroup2 rw\n");
  put("groups/job/step/memory.max", "max\n");
  put("groups/job/step/memory.current", "5000\n");
  put("groups/job/memory.max", "1000000000\n");
  put("groups/job/memory.current", "300000000\n");
  expect(700000000, "control group /groups/job allows");
  put("groups/job/memory.stat", "anon 1\nfile 9\ninactive_file 100000000\n");
  expect(800000000, "of the 1.0 GB that control group");
  put("groups/job/step/memory.max", "2000\n");
  expect(0, "/groups/job/step");
}

static void first_version(void **state) {
  (void)state;
  put("proc/self/cgroup", "5:devices:/job\n4:cpu,memory:/job/step\n0::/\n");
  put("proc/self/mountinfo", "31 24 0:27 / /v1/devices rw - cgroup cgroup rw,devices\n"
                             "32 24 0:28 / /v1/memory rw - cgroup cgroup rw,memory\n");
  put("v1/memory/memory.limit_in_bytes", "9223372036854771712\n");
  put("v1/memory/memory.usage_in_bytes", "1000\n");
  put("v1/memory/job/step/memory.limit_in_bytes", "3000000000\n");
  put("v1/memory/job/step/memory.usage_in_bytes", "2000000000\n");
  put("v1/memory/job/step/memory.stat", "inactive_file 7\ntotal_inactive_file 500000000\n");
  expect(1500000000, "control group /v1/memory/job/step allows");
}

static void a_container_sees_its_own_part(void **state) {
  (void)state;
  put("proc/self/cgroup", "4:memory:/containers/abc\n");
  put("proc/self/mountinfo", "32 24 0:28 /containers/abc /inside ro - cgroup cgroup rw,memory\n");
  put("inside/memory.limit_in_bytes", "1000000\n");
  put("inside/memory.usage_in_bytes", "400000\n");
  expect(600000, "control group /inside allows");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_machine_alone, begin, end),
      cmocka_unit_test_setup_teardown(second_version_counts_groups_above, begin, end),
      cmocka_unit_test_setup_teardown(first_version, begin, end),
      cmocka_unit_test_setup_teardown(a_container_sees_its_own_part, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
