/* record_extent.h - what spikes.h5 tells of a population beside its spikes: how many neurons it
 * has, which of them are recorded, and from when to when every spike of theirs stands there.
 *
 * Attributes of the population's group: neurons (uint32), recorded (text as in a model file: "all"
 * or "0-9,15"), begin and end (float64 [ms]; spikes of begin < t <= end). */
#ifndef SHINKEI_RECORD_EXTENT_H
#define SHINKEI_RECORD_EXTENT_H

#include "model.h"
#include "record_file.h"

/* Recording begins, or goes on, at `time` [ms]; `recorded` NULL: it does not go on. Where other
 * neurons were recorded before, they are told from now on. ERR_ENVIRONMENT: no room. */
COLLECTIVE err record_extent_begin(record_file *f, const char *group, const model_population *p,
                                   const model_nodes *recorded, double time);
/* All spikes up to `time` [ms] are in the file. Takes no room. */
COLLECTIVE void record_extent_reach(record_file *f, const char *group, double time);

#endif
