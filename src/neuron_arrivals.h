/* neuron_arrivals.h - what arrives at a receptor, read inside a model's kernel: taking it in a pass
 * of its own would read and write the neurons' memory twice. */
#ifndef SHINKEI_NEURON_ARRIVALS_H
#define SHINKEI_NEURON_ARRIVALS_H

#include "neuron.h"

/* Parameters of a kernel for receptor r; `whole` is int32_t for float, int64_t for double. */
#define ARRIVALS_PARAMETERS(real, whole, r)                                                        \
  whole *restrict sum_##r, real scale_##r, const uint8_t *restrict counts_##r, real weight_##r,    \
      const real *restrict added_##r

/* The arguments for them, from receptor number `index` of a segment. */
#define ARRIVALS_ARGUMENTS(real, segment, index)                                                   \
  (segment)->arrivals[index].sum, (real)(segment)->arrivals[index].scale,                          \
      (segment)->arrivals[index].counts, (real)(segment)->arrivals[index].weight,                  \
      (segment)->arrivals[index].added

/* Declare `arrived`, what arrives at receptor r of neuron i; its sum is 0 then. `added` is one of
 * the two below: ARRIVALS_BARE only where the segment is bare. */
#define ARRIVALS_TAKE(real, arrived, r, i, added)                                                  \
  const real arrived =                                                                             \
      (real)sum_##r[i] * scale_##r + weight_##r * (real)counts_##r[i] added(r, i);                 \
  sum_##r[i] = 0
#define ARRIVALS_ADDED(r, i) +added_##r[i]
#define ARRIVALS_BARE(r, i)

#endif
