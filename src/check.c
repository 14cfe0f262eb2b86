#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char message[4096];
static void (*abort_hook)(int);
static int own_rank;

err check_fail(err kind, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
#pragma omp critical(check_message) /* blocks are built by several threads */
  if (!message[0]) vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return kind;
}

const char *check_message(void) { return message; }

void check_clear(void) { message[0] = 0; }

void check_set_abort(void (*abort_job)(int), int rank) {
  abort_hook = abort_job;
  own_rank = rank;
}

void check_abort(const char *file, int line, const char *format, ...) {
  va_list arguments;
  fprintf(stderr, "shinkei: rank %d, %s:%d: ", own_rank, file, line);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  fflush(stderr);
  if (abort_hook) abort_hook(ERR_ENVIRONMENT);
  exit(ERR_ENVIRONMENT);
}

void *check_allocate_raw(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2)
    CHECK_ABORT("a request for %zu x %zu bytes of memory cannot be met", count, size);
  const size_t huge = (size_t)2 << 20;
  const size_t alignment = bytes >= 2 * huge ? huge : 64;
  bytes = (bytes / alignment + 1) * alignment;
  void *memory = aligned_alloc(alignment, bytes);
  if (!memory) CHECK_ABORT("out of memory: %zu bytes were asked for", bytes);
  if (alignment == huge) madvise(memory, bytes, MADV_HUGEPAGE);
  return memory;
}

void *check_allocate(size_t count, size_t size) {
  return memset(check_allocate_raw(count, size), 0, count * size);
}

void *check_allocate_huge(size_t count, size_t size) {
  const size_t huge = (size_t)2 << 20;
  if (count < huge / 32 / size) return check_allocate(count, size); /* some pages: not worth it */
  if (count > huge / size) return check_allocate(count, size);      /* done there */
  void *memory = aligned_alloc(huge, huge);
  if (!memory) CHECK_ABORT("out of memory: %zu bytes were asked for", huge);
  madvise(memory, huge, MADV_HUGEPAGE);
  return memset(memory, 0, count * size);
}

void *check_grow(void *array, size_t *capacity, size_t needed, size_t size) {
  if (needed <= *capacity) return array;
  size_t grown = *capacity * 2 > needed ? *capacity * 2 : needed;
  if (grown < 16) grown = 16;
  size_t bytes;
  void *moved = __builtin_mul_overflow(grown, size, &bytes) ? NULL : realloc(array, bytes);
  if (!moved) CHECK_ABORT("out of memory: an array of %zu x %zu bytes", grown, size);
  *capacity = grown;
  return moved;
}

err check_writable_file(const char *path) {
  struct stat there;
  const bool exists = stat(path, &there) == 0;
  /* What is there keeps its content. A link to nowhere is there too, to be followed later. */
  const int made = open(path, O_WRONLY | O_CLOEXEC | (exists ? 0 : O_CREAT | O_EXCL), 0666);
  if (made < 0 && (exists || errno != EEXIST))
    return check_fail(ERR_ENVIRONMENT, "%s cannot be written: %s", path, strerror(errno));
  if (made >= 0) close(made);
  if (made >= 0 && !exists) unlink(path);
  return OK;
}

bool check_is_no_file(const char *path) {
  struct stat there;
  return stat(path, &there) == 0 && !S_ISREG(there.st_mode);
}

bool check_named(const char *path, const char *ending) {
  const char *found = strrchr(path, '.');
  return found && !strcasecmp(found, ending);
}

bool check_named_hdf5(const char *path) {
  return check_named(path, ".h5") || check_named(path, ".hdf5");
}

bool check_same_file(const char *a, const char *b) {
  struct stat x, y;
  return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}
