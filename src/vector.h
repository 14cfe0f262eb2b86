/* vector.h - one source, several instruction sets: the loader picks the widest that the machine
 * has. Without contraction and reassociation (see CMakeLists.txt) all of them give the same bits.
 */
#ifndef SHINKEI_VECTOR_H
#define SHINKEI_VECTOR_H

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && defined(__clang__)
#define VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#elif defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTOR_CLONES
#endif

/* Currents that decay without input become subnormal numbers, on which processors are a hundred
 * times slower; in this thread they count as zero until vector_restore. */
static inline unsigned vector_flush_subnormals(void) {
#if defined(__x86_64__)
  const unsigned before = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(before | 0x8040); /* flush to zero, denormals are zero */
  return before;
#else
  return 0;
#endif
}

static inline void vector_restore(unsigned before) {
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr(before);
#else
  (void)before;
#endif
}

#endif
