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

#endif
