// Register-to-register additions, because some cores (Golden Cove) carry out additions of constants
// while renaming, at no cost. The loop's own counter runs beside the chain, not in it. Sixteen
// multiply-adds over eight registers: each register is due every ten cycles, twice the latency.
#include "probes/core/clock_chain.h"

namespace mb {
namespace {

#if defined(__x86_64__)
#define ADD "add %1, %0\n\t"
#define FMA(reg, n) "vfmadd213ps %%" reg "15, %%" reg "15, %%" reg n "\n\t"
#define PART(reg, a, b, c, d) \
  ADD FMA(reg, a)             \
  ADD FMA(reg, b)             \
  ADD FMA(reg, c)             \
  ADD FMA(reg, d) ADD
#define TURN(reg)               \
  PART(reg, "0", "1", "2", "3") \
  PART(reg, "4", "5", "6", "7") PART(reg, "0", "1", "2", "3") PART(reg, "4", "5", "6", "7")
#define COPY(reg, n) "vmovaps %%" reg "15, %%" reg n "\n\t"
// x = 0.5 x + 0.5 from 0.5 on moves towards 1: always a normal number.
#define VECTOR_CHAIN(reg) \
  asm volatile("vbroadcastss %3, %%" reg "15\n\t" COPY(reg, "0") COPY(reg, "1") COPY(reg, "2") \
                   COPY(reg, "3") COPY(reg, "4") COPY(reg, "5") COPY(reg, "6") COPY(reg, "7")  \
               "1:\n\t" TURN(reg)                                                            \
               "dec %2\n\t"                                                                  \
               "jnz 1b\n\t"                                                                  \
               "vzeroupper\n\t"                                                              \
               : "+r"(sum), "+r"(step), "+r"(turns)                                          \
               : "m"(half)                                                                   \
               : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm15")
#elif defined(__aarch64__)
#define ADD "add %0, %0, %1\n\t"
#define FMA(n) "fmla v" n ".4s, v16.4s, v16.4s\n\t"
#define PART(a, b, c, d) \
  ADD FMA(a)             \
  ADD FMA(b)             \
  ADD FMA(c)             \
  ADD FMA(d) ADD
#endif

#define FIVE_TIMES(line) line line line line line

void scalar_chain(long turns) {
  unsigned long sum = 1, step = 3;
#if defined(__x86_64__)
  asm volatile(
      "1:\n\t"
      FIVE_TIMES(ADD ADD ADD ADD)
      "dec %2\n\t"
      "jnz 1b\n\t"
      : "+r"(sum), "+r"(step), "+r"(turns)
      :
      : "cc");
#elif defined(__aarch64__)
  asm volatile(
      "1:\n\t"
      FIVE_TIMES(ADD ADD ADD ADD)
      "subs %2, %2, #1\n\t"
      "b.ne 1b\n\t"
      : "+r"(sum), "+r"(step), "+r"(turns)
      :
      : "cc");
#else
  // The empty statement hides the sum from the compiler, so that it must add each time.
  for (; turns > 0; --turns) {
    for (long i = 0; i < kAdditionsPerTurn; ++i) {
      sum += step;
      asm volatile("" : "+r"(sum), "+r"(step));
    }
  }
#endif
}

}  // namespace

bool has_vector_bits(int bits) {
#if defined(__x86_64__)
  if (bits == 128 || bits == 256) return __builtin_cpu_supports("fma") != 0;
  if (bits == 512) return __builtin_cpu_supports("avx512f") != 0;
#elif defined(__aarch64__)
  if (bits == 128) return true;
#endif
  return bits == 0;
}

void run_clock_chain(long turns, int vector_bits) {
  if (turns <= 0) return;
#if defined(__x86_64__)
  unsigned long sum = 1, step = 3;
  const float half = 0.5F;
  if (vector_bits == 128) {
    VECTOR_CHAIN("xmm");
    return;
  }
  if (vector_bits == 256) {
    VECTOR_CHAIN("ymm");
    return;
  }
  if (vector_bits == 512) {
    VECTOR_CHAIN("zmm");
    return;
  }
#elif defined(__aarch64__)
  if (vector_bits == 128) {
    unsigned long sum = 1, step = 3;
    asm volatile(
        "movi v16.4s, #0\n\t"
        "1:\n\t"
        PART("0", "1", "2", "3") PART("4", "5", "6", "7")
        PART("0", "1", "2", "3") PART("4", "5", "6", "7")
        "subs %2, %2, #1\n\t"
        "b.ne 1b\n\t"
        : "+r"(sum), "+r"(step), "+r"(turns)
        :
        : "cc", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16");
    return;
  }
#endif
  static_cast<void>(vector_bits);
  scalar_chain(turns);
}

}  // namespace mb
