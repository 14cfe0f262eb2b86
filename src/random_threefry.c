#include "random.h"
#include "random_philox.h"
#include "vector.h"

/* Threefry4x32 (Salmon et al. 2011): a round mixes two pairs of words, and after every four of them
 * the key is added anew. */
#define MIX(a, b, by)                                                                              \
  x##a += x##b;                                                                                    \
  x##b = (x##b << by | x##b >> (32 - by)) ^ x##a
#define TWO_ROUNDS(by01, by23, by03, by21)                                                         \
  MIX(0, 1, by01);                                                                                 \
  MIX(2, 3, by23);                                                                                 \
  MIX(0, 3, by03);                                                                                 \
  MIX(2, 1, by21)
#define ADD_KEY(times, a, b, c, d)                                                                 \
  x0 += k##a;                                                                                      \
  x1 += k##b;                                                                                      \
  x2 += k##c;                                                                                      \
  x3 += k##d + times

/* Counters (who[i], counter[0 .. 2]), i < count; word w of the i-th goes to word_w[i]. 13 rounds.
 */
VECTOR_CLONES static void threefry(const uint32_t *restrict who, int count, const uint32_t *counter,
                                   uint64_t key, uint32_t *restrict word_0,
                                   uint32_t *restrict word_1, uint32_t *restrict word_2,
                                   uint32_t *restrict word_3) {
  const uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32), k2 = 0, k3 = 0;
  const uint32_t k4 = 0x1BD11BDAu ^ k0 ^ k1;
  const uint32_t c1 = counter[0], c2 = counter[1], c3 = counter[2];
  for (int i = 0; i < count; i++) {
    uint32_t x0 = who[i], x1 = c1, x2 = c2, x3 = c3;
    ADD_KEY(0, 0, 1, 2, 3);
    TWO_ROUNDS(10, 26, 11, 21);
    TWO_ROUNDS(13, 27, 23, 5);
    ADD_KEY(1, 1, 2, 3, 4);
    TWO_ROUNDS(6, 20, 17, 11);
    TWO_ROUNDS(25, 10, 18, 20);
    ADD_KEY(2, 2, 3, 4, 0);
    TWO_ROUNDS(10, 26, 11, 21);
    TWO_ROUNDS(13, 27, 23, 5);
    ADD_KEY(3, 3, 4, 0, 1);
    MIX(0, 1, 6);
    MIX(2, 3, 20);
    word_0[i] = x0;
    word_1[i] = x1;
    word_2[i] = x2;
    word_3[i] = x3;
  }
}

void random_draw_many(uint64_t seed, random_purpose purpose, uint32_t index, const uint32_t *who,
                      uint64_t ordinal, int count, uint32_t *const out[4]) {
  const uint32_t counter[3] = {(uint32_t)ordinal, random_counter_tag(purpose, index, ordinal),
                               RANDOM_TAG};
  threefry(who, count, counter, seed, out[0], out[1], out[2], out[3]);
}
