/* phi_progress.h - how far a long computation is, told to whoever waits for it.
 *
 * Kept by thread: only the thread that listens tells, from wherever it is in the computation, so
 * that the listener may use MPI. Loops say how far they are within their part of the whole.      */
#ifndef SHINKEI_PHI_PROGRESS_H
#define SHINKEI_PHI_PROGRESS_H

#include "check.h"
#include <stdbool.h>

/* done: 0 .. 1 of what began with phi_progress_listen. Called at most every 20 ms.               */
typedef void phi_progress_listener(void *context, double done);

/* From now on; NULL: nobody listens. The computation that follows is the whole.                  */
LOCAL void phi_progress_listen(phi_progress_listener *listener, void *context);

/* The computation from here to phi_progress_leave is the part from .. to (0 .. 1) of the enclosing
 * one. Parts deeper than 8 are not told apart.                                                   */
LOCAL void phi_progress_enter(double from, double to);
LOCAL void phi_progress_leave(void);

/* done: 0 .. 1 of the part entered last. Cheap.                                                  */
LOCAL void phi_progress_at(double done);

/* Processor time of this thread [s], which others on a busy machine do not lengthen: for
 * predictions of what a computation takes. */
LOCAL double phi_progress_processor_seconds(void);

#endif
