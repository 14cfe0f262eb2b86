/* record_extent.h - what spikes.h5 tells of its populations beside their spikes: how many neurons
 * each has, which of them are recorded, and from when to when every spike of theirs stands there.
 *
 * Attributes of a population's group: neurons (uint32), recorded (text as in a model file: "all",
 * "0-9,15", or "" where it is none), begin and end (float64 [ms]; spikes of begin < t <= end). */
#ifndef SHINKEI_RECORD_EXTENT_H
#define SHINKEI_RECORD_EXTENT_H

#include "model.h"
#include "record_file.h"

/* Recording begins, or goes on, at `time` [ms], up to which the file holds what was recorded so
 * far. recorded[populations]: whose, NULL where a population is not recorded (any more). A
 * population is told from `time` on where other neurons, or none, were recorded just before; none
 * is told beyond it. ERR_ENVIRONMENT: no room. */
COLLECTIVE err record_extent_begin(record_file *f, const model *m,
                                   const model_nodes *const *recorded, double time);
/* All spikes up to `time` [ms] are in the file. Takes no room. */
COLLECTIVE void record_extent_reach(record_file *f, const model *m,
                                    const model_nodes *const *recorded, double time);

#endif
