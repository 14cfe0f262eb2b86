/* check.h - errors by kind, and memory that is never NULL.
 *
 * A bug asserts. A user's or the environment's fault is recorded as one message and returned
 * as an err; ranks agree on it with agree.h before they stop. Out of memory ends the job.     */
#ifndef SHINKEI_CHECK_H
#define SHINKEI_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether every rank of a communicator must make a call (COLLECTIVE) or any one may (LOCAL). */
#define COLLECTIVE
#define LOCAL

/* The values are the exit statuses of the program. */
typedef enum {
  OK = 0,
  ERR_USER = 2,        /* the user's fault: model, options, input files    */
  ERR_ENVIRONMENT = 3, /* the machine's fault: full disk, unreadable files */
} err;

/* Record a message (printf style, no final newline) and return `kind`. The first message
 * since check_clear is kept; later ones are consequences and are dropped.                     */
LOCAL err check_fail(err kind, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The recorded message, "" where there is none. Borrowed until the next check_fail/clear.    */
LOCAL const char *check_message(void);
LOCAL void check_clear(void);

/* What ends the whole job instead of one process (MPI_Abort); exit() where none is set.      */
LOCAL void check_set_abort(void (*abort_job)(int status), int rank);

/* A failure that no caller can handle (MPI, HDF5, memory): print rank, file, line; end the job. */
LOCAL _Noreturn void check_abort(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define CHECK_ABORT(...) check_abort(__FILE__, __LINE__, __VA_ARGS__)

/* Zeroed memory of count x size bytes, 64-byte aligned, never NULL (also for 0 bytes); large
 * pieces ask for huge pages. The caller owns it; release with free().                         */
LOCAL void *check_allocate(size_t count, size_t size);

/* The same, but not zeroed: pages are touched by whoever writes them first. */
LOCAL void *check_allocate_raw(size_t count, size_t size);

/* Zeroed memory on huge pages whatever its size: for arrays that are reached at random in every
 * step. */
LOCAL void *check_allocate_huge(size_t count, size_t size);

/* Grow an array to hold at least `needed` elements of `size` bytes, doubling; contents stay.
 * *capacity [elements] is updated; new elements are not zeroed. Returns the (moved) array.   */
LOCAL void *check_grow(void *array, size_t *capacity, size_t needed, size_t size);

/* ERR_ENVIRONMENT where a file of this path cannot be opened for writing; it is left as it was. One
 * that is not there is there for a moment: only one rank may ask. */
LOCAL err check_writable_file(const char *path);

/* Whether what is there is no file but a folder, a device or a pipe, whose opening could wait for
 * ever. Not where there is nothing: opening it says why. */
LOCAL bool check_is_no_file(const char *path);

/* Whether a file's name ends so (".json"), in any case; as those of HDF5 files do: .h5 or .hdf5. */
LOCAL bool check_named(const char *path, const char *ending);
LOCAL bool check_named_hdf5(const char *path);

/* Whether two paths name one file or folder that is there. */
LOCAL bool check_same_file(const char *a, const char *b);

#endif
