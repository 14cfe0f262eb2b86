/* input_draw.h - the Poisson counts of a block: of the eight steps that are under way, and, a part
 * at a time, of the eight after them, by whichever thread has nothing better to do. */
#ifndef SHINKEI_INPUT_DRAW_H
#define SHINKEI_INPUT_DRAW_H

#include "input_poisson.h"

#include <stdatomic.h>

enum { DRAW_PART = 512 }; /* neurons of a part, at most: about 2 us */

typedef struct { /* neurons side by side that one input reaches */
  const poisson_table *table;
  uint32_t input; /* index into the model's inputs */
  int count;
  size_t row; /* of the first one */
} draw_part;

typedef struct {
  uint64_t seed;
  bool narrow;   /* a byte holds every count, of the whole model's inputs */
  size_t rows;   /* of a step: neurons that Poisson inputs reach, counted once an input */
  uint32_t *who; /* [rows] gid */
  int parts;
  draw_part *part;       /* [parts] */
  int64_t octet;         /* of `counts`: steps 8 octet .. 8 octet + 7; -1: none yet */
  void *counts, *coming; /* [POISSON_STEPS][rows] uint8_t or uint16_t */
  int64_t coming_octet;
  _Alignas(64) atomic_int taken; /* parts of the coming octet that a thread has begun */
  _Alignas(64) atomic_int done;
} input_draw;

/* With narrow and rows set: room for who they are. */
LOCAL void input_draw_start(input_draw *d, uint64_t seed);
/* Input number `input` reaches gid[count], whose rows begin at `row`; table is borrowed. */
LOCAL void input_draw_add(input_draw *d, const poisson_table *table, uint32_t input, size_t row,
                          size_t count, const uint32_t *gid);
LOCAL void input_draw_free(input_draw *d);

/* The counts from row `row` on of a step of the octet that is under way: uint8_t where narrow, else
 * uint16_t; borrowed until the next octet is taken. */
LOCAL const void *input_draw_counts(const input_draw *d, int step, size_t row);
/* Forget what was drawn if it was with another seed. */
LOCAL void input_draw_seed(input_draw *d, uint64_t seed);
/* Have the counts of `octet`: draw what is still missing. By the block's thread. */
LOCAL void input_draw_take(input_draw *d, int64_t octet);
/* Draw a part of the coming octet; false where none is left. By any thread at any time. */
LOCAL bool input_draw_help(input_draw *d);

#endif
