/* input.h - what reaches a block's neurons from outside the network: Poisson trains, currents,
 * given spike trains. Every draw is a function of (seed, input, gid, step), never of the block. */
#ifndef SHINKEI_INPUT_H
#define SHINKEI_INPUT_H

#include "model.h"
#include <mpi.h>

typedef struct { /* a given spike: weight arrives at a neuron of this rank in a step */
  int64_t step;
  uint32_t gid;
  uint32_t input; /* index into the model's inputs */
} input_event;

/* spikes[m->inputs]: how many spikes are in the file of each input, by its header; 0 for one
 * without a file. ERR_USER: a file that is missing, or not in the layout. */
COLLECTIVE err input_count_in_files(MPI_Comm comm, const model *m, uint64_t *spikes);

/* Read the files of all spike trains to see whether they are sound; ERR_USER as input_read_events.
 * late[m->inputs] as by input_count_late. */
COLLECTIVE err input_check_files(MPI_Comm comm, const model *m, uint64_t *late);

/* The events of all spike trains for this rank's neurons (owned[count], ascending), ordered by
 * (step, gid, input). Files are read in parallel; ERR_USER: a missing or unsound file, node ids out
 * of range, times that are not finite or negative. Times are rounded to steps of dt; step 0 is the
 * initial state. Caller frees *event. */
COLLECTIVE err input_read_events(MPI_Comm comm, const model *m, uint32_t count,
                                 const uint32_t *owned, size_t *events, input_event **event);

/* hash[m->inputs]: of all ranks' events of each input, of any number of ranks; 0 for one without.
 * The sum, modulo 2^64, of XXH3-64 of each event's gid and step (uint64 both). */
COLLECTIVE void input_hash_events(MPI_Comm comm, const model *m, size_t events,
                                  const input_event *event, uint64_t *hash);

/* late[m->inputs]: how many of all ranks' events of each input are after the model's last step, and
 * so reach nobody. */
COLLECTIVE void input_count_late(MPI_Comm comm, const model *m, size_t events,
                                 const input_event *event, uint64_t *late);
/* Say so on standard error; for one rank. */
LOCAL void input_warn_late(const model *m, const uint64_t *late);

typedef struct input_block input_block;

enum { INPUT_CHUNK = 8192 }; /* neurons that are asked for at once, at most */

/* Inputs of one block: gid[neurons] in block order; event: those of the whole rank, borrowed while
 * building. Neurons of one population lie side by side, by ascending gid.                    */
LOCAL input_block *input_block_create(const model *m, uint32_t neurons, const uint32_t *gid,
                                      size_t events, const input_event *event);
LOCAL void input_block_free(input_block *b);

/* Draw the Poisson trains of the steps to come with this seed instead of the model's.         */
LOCAL void input_set_seed(input_block *b, uint64_t seed);
/* Prepare step: its currents, and what arrives in step `arrivals`, which is the same, the one
 * before it, or INPUT_NOTHING. Quickest where both ascend by one. */
enum { INPUT_NOTHING = -1 };
LOCAL void input_begin_step(input_block *b, int64_t step, int64_t arrivals);
/* Draw a little of the Poisson trains of steps to come; false where there is nothing to draw. By
 * any thread, whatever others do with the block: for threads that wait. */
LOCAL bool input_draw_ahead(input_block *b);
/* Add the input that arrives now to receptor r of neurons first .. first + count - 1 (one
 * population): to[i] += sum of weights, in single or double precision as the model says. */
LOCAL void input_add(input_block *b, int receptor, uint32_t first, uint32_t count, void *to);
/* The same input, up to INPUT_CHUNK neurons, as an update takes it: all of *arrivals but sum and
 * scale. Arrays are borrowed until the receptor is asked for again. Whether any neuron of them may
 * have something added beside the counts: else `added` is zeros.                               */
LOCAL bool input_arrivals(input_block *b, int population, int receptor, uint32_t first,
                          uint32_t count, neuron_arrivals *arrivals);
/* Currents of up to INPUT_CHUNK neurons from `first` on in this step, real[]; borrowed.      */
LOCAL const void *input_current(const input_block *b, uint32_t first);
/* Whether a current is on in this step; else all are zeros.                                   */
LOCAL bool input_driven(const input_block *b);

#endif
