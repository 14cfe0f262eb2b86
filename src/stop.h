/* stop.h - who asks a run to save or to end: signals, a file in the folder of results, the clock.
 *
 * Each call tells what this process knows; ranks bring it together themselves.                */
#ifndef SHINKEI_STOP_H
#define SHINKEI_STOP_H

#include "check.h"
#include <stdbool.h>

typedef enum { /* why a run ends before its time */
               STOP_NOT,
               STOP_TIME,   /* the wall time is used up */
               STOP_FILE,   /* FOLDER/stop */
               STOP_SIGINT, /* from here on: signals */
               STOP_SIGTERM,
               STOP_SIGUSR2,
} stop_reason;

/* From now on SIGUSR1 asks to save, SIGUSR2 to save and end; `all`: SIGINT and SIGTERM too, which
 * end the process at once before that; so does a second SIGINT two seconds later. (mpirun
 * passes the first two on, and returns what the ranks do; it returns 1 where it gets one of the
 * others itself.) */
LOCAL void stop_listen(bool all);
/* Has SIGUSR1 come since the last call? */
LOCAL bool stop_asked_to_save(void);
/* STOP_NOT or the signal that has come. */
LOCAL stop_reason stop_asked_to_end(void);

/* Is FOLDER/stop there? If so it becomes FOLDER/stopped, so that the next run is not stopped too.
 */
LOCAL bool stop_file_found(const char *folder);
/* Forget an earlier FOLDER/stopped. */
LOCAL void stop_file_forget(const char *folder);

/* "the time limit", "SIGTERM", ... */
LOCAL const char *stop_reason_name(stop_reason reason);

/* Seconds of "1:30:00" (hours), "90:00" (minutes), "90" (minutes), "90s" (seconds). ERR_USER:
 * anything else. */
LOCAL err stop_parse_time(const char *text, double *seconds);
/* Seconds until SLURM ends the job (SLURM_JOB_END_TIME), INFINITY where it does not say. */
LOCAL double stop_slurm_seconds(void);

#endif
