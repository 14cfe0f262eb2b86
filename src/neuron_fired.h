/* neuron_fired.h - who fires, inside a model's kernel.
 *
 * Kernels go from block to block. Few neurons fire, so that most blocks have none: what is left to
 * do for those that do is a loop of its own, over blocks in which a neuron does. */
#ifndef SHINKEI_NEURON_FIRED_H
#define SHINKEI_NEURON_FIRED_H

#include <stdint.h>
#include <string.h>

enum { NEURON_BLOCK = 256 };

static inline int neuron_block_end(int first, int count) {
  return count - first < NEURON_BLOCK ? count : first + NEURON_BLOCK;
}

/* Append the places first + i where flag[i] is 1, not 0, to fired[fires]; returns the new `fires`.
 * Flags from `count` on are set to 0. */
static inline int neuron_list_fired(uint8_t flag[NEURON_BLOCK], int first, int count,
                                    uint32_t *fired, int fires) {
  uint64_t eight;
  memset(flag + count, 0, (size_t)(NEURON_BLOCK - count));
  for (int i = 0; i < count; i += (int)sizeof eight) {
    memcpy(&eight, flag + i, sizeof eight);
    if (eight == 0) continue;
    for (int k = i; k < i + (int)sizeof eight; k++)
      if (flag[k]) fired[fires++] = (uint32_t)(first + k);
  }
  return fires;
}

/* What a kernel does and returns whose `step`, of neuron i, says by FIRES whether it does; `count`
 * and `fired` are the kernel's. */
#define FIRES(condition)                                                                           \
  flag[i - first] = (condition);                                                                   \
  any |= flag[i - first]
#define STEPS_WITH_FLAGS(step)                                                                     \
  uint8_t flag[NEURON_BLOCK];                                                                      \
  int fires = 0;                                                                                   \
  for (int first = 0, end; first < count; first = end) {                                           \
    int32_t any = 0;                                                                               \
    end = neuron_block_end(first, count);                                                          \
    for (int i = first; i < end; i++) {                                                            \
      step;                                                                                        \
    }                                                                                              \
    if (any) fires = neuron_list_fired(flag, first, end - first, fired, fires);                    \
  }                                                                                                \
  return fires

#endif
