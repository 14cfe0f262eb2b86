/* watchdog.h - a hang is an error: a thread that notices when no step has ended for a set time,
 * says where this rank is, and ends the job.
 *
 * Time that the process itself spends stopped, suspended or under a debugger does not count.   */
#ifndef SHINKEI_WATCHDOG_H
#define SHINKEI_WATCHDOG_H

#include "check.h"

enum { WATCHDOG_SECONDS = 600 }; /* where the user does not say */

/* Watch this process from now on; `seconds` 0: do not. */
LOCAL void watchdog_start(int rank, double seconds);
LOCAL void watchdog_stop(void);

/* A sign of life: the run goes on. `phase` says what it does next and must stay (a literal). */
LOCAL void watchdog_alive(const char *phase);
/* What the run does now; no sign of life. Cheap enough for every step. */
LOCAL void watchdog_phase(const char *phase);
/* A step has ended: a sign of life. */
LOCAL void watchdog_step(int64_t step);

#endif
