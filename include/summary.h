/* summary.h - summary.json: what a run was and what it cost, for people and scripts.
 *
 * Each field is declared once, below: kind, name here, key in the file (a dot makes an object),
 * unit, meaning. The struct, the file, `shinkei info` and the reference page come from it.
 * Kinds: TEXT (borrowed; NULL: null in the file), COUNT (uint64_t; in the file a text if above
 * 2^63 - 1), NUMBER (double; in the file null if not finite).                                */
#ifndef SHINKEI_SUMMARY_H
#define SHINKEI_SUMMARY_H

#include "check.h"
#include <stdio.h>

#define SUMMARY_FIELDS(X)                                                                          \
  X(TEXT, version, "version", "", "version of shinkei")                                            \
  X(TEXT, model, "model", "", "model file")                                                        \
  X(TEXT, model_hash, "model_hash", "",                                                            \
    "hash of the effective model, but for what may change at a restart; checkpoints have the "     \
    "same")                                                                                        \
  X(TEXT, status, "status", "", "complete, or why the run ended before its time")                  \
  X(COUNT, seed, "seed", "", "seed of the random numbers")                                         \
  X(TEXT, precision, "precision", "", "of the neurons' state: single or double")                   \
  X(TEXT, instructions, "instructions", "", "vector instructions that were used")                  \
  X(COUNT, ranks, "ranks", "", "MPI ranks")                                                        \
  X(COUNT, threads, "threads", "", "threads a rank")                                               \
  X(COUNT, neurons, "neurons", "", "neurons")                                                      \
  X(COUNT, synapses, "synapses", "", "synapses")                                                   \
  X(COUNT, steps, "steps", "", "steps taken by this run, warm-up included")                        \
  X(NUMBER, dt_ms, "dt_ms", "ms", "length of a step")                                              \
  X(NUMBER, biological_ms, "biological_ms", "ms", "simulated time, warm-up included")              \
  X(NUMBER, warm_up_ms, "warm_up_ms", "ms", "of it not recorded")                                  \
  X(NUMBER, build_s, "build_s", "s", "wall time to build the network")                             \
  X(NUMBER, simulate_s, "simulate_s", "s", "wall time of the steps, recording included")           \
  X(NUMBER, rtf, "rtf", "", "real-time factor: simulate_s over the biological time")               \
  X(COUNT, spikes, "spikes", "", "spikes of all neurons after the warm-up")                        \
  X(COUNT, spikes_recorded, "spikes_recorded", "", "of these in spikes.h5")                        \
  X(NUMBER, rate_hz, "rate_hz", "Hz", "mean rate of all neurons after the warm-up")                \
  X(TEXT, spike_digest, "spike_digest", "", "hash of the time-ordered (gid, step) sequence")       \
  X(COUNT, synaptic_events, "synaptic_events", "", "spikes delivered to a synapse")                \
  X(NUMBER, events_per_s, "events_per_s", "1/s", "synaptic_events over simulate_s")                \
  X(NUMBER, bytes_per_synapse, "bytes_per_synapse", "B", "connectivity, all-in, a synapse")        \
  X(COUNT, peak_rss_max, "peak_rss_bytes.max", "B", "peak memory of the rank that needed most")    \
  X(COUNT, peak_rss_sum, "peak_rss_bytes.sum", "B", "peak memory, sum of all ranks")               \
  X(COUNT, bytes_sent, "bytes_sent", "B", "spikes sent between ranks, all ranks")                  \
  X(COUNT, messages, "messages", "", "messages that carried them")                                 \
  X(NUMBER, update_s, "update_s", "s", "in neuron updates, mean of the ranks")                     \
  X(NUMBER, exchange_wait_s, "exchange_wait_s", "s",                                               \
    "waiting for other ranks and threads, mean of the ranks")                                      \
  X(NUMBER, deliver_s, "deliver_s", "s", "delivering spikes to synapses, mean of the ranks")       \
  X(NUMBER, record_s, "record_s", "s", "recording, mean of the ranks")                             \
  X(COUNT, checkpoints, "checkpoints.saved", "", "checkpoints written by this run")                \
  X(COUNT, checkpoints_failed, "checkpoints.failed", "", "checkpoints that could not be written")  \
  X(COUNT, checkpoint_bytes, "checkpoints.bytes", "B", "size of the last one")                     \
  X(NUMBER, checkpoint_s, "checkpoints.seconds", "s", "wall time to write the last one")           \
  X(NUMBER, checkpoint_max_s, "checkpoints.seconds_max", "s", "wall time to write the slowest")    \
  X(NUMBER, bandwidth, "memory_bandwidth", "B/s",                                                  \
    "STREAM triad of a rank's threads; null: no probe")                                            \
  X(TEXT, partition_method, "partition.method", "", "how neurons were divided among ranks")        \
  X(NUMBER, partition_s, "partition.seconds", "s", "wall time to divide them")                     \
  X(NUMBER, volume, "partition.volume", "", "(neuron, remote rank) pairs")                         \
  X(NUMBER, imbalance_neurons, "partition.imbalance_neurons", "", "neurons: largest over mean")    \
  X(NUMBER, imbalance_events, "partition.imbalance_events", "",                                    \
    "synaptic events: largest over mean")                                                          \
  X(NUMBER, imbalance_memory, "partition.imbalance_memory", "", "memory: largest over mean")

#define SUMMARY_TEXT const char *
#define SUMMARY_COUNT uint64_t
#define SUMMARY_NUMBER double
#define SUMMARY_MEMBER(kind, name, key, unit, meaning) SUMMARY_##kind name;

typedef struct {
  SUMMARY_FIELDS(SUMMARY_MEMBER)
} summary;

/* The digest of record.h as 32 hexadecimal digits; the caller's text is returned. */
LOCAL const char *summary_digest(const uint64_t digest[2], char text[33]);

/* Fill in what follows from the other fields: rtf, rate_hz, events_per_s. */
LOCAL void summary_derive(summary *s);

/* Write the file, whole or not at all. One rank calls it. ERR_ENVIRONMENT: it cannot be written. */
LOCAL err summary_write(const char *path, const summary *s);

/* Say in words what is in such a file. ERR_USER: it is none. */
LOCAL err summary_describe(const char *path, FILE *to);

/* The table above as Markdown. */
LOCAL void summary_write_reference(FILE *to);

#endif
