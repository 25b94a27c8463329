// Register-to-register additions, because some cores (Golden Cove) carry out additions of constants
// while renaming, at no cost. The loop's own counter runs beside the chain, not in it.
#include "probes/core/clock_estimate.h"

#include <algorithm>

namespace mb {
namespace {

constexpr long kAdditionsPerTurn = 20;
static_assert(kAdditionsPerChain % kAdditionsPerTurn == 0);

#define FIVE_TIMES(line) line line line line line

void add_chain(long additions) {
  unsigned long sum = 1, step = 3;
  long turns = additions / kAdditionsPerTurn;
#if defined(__x86_64__)
  asm volatile(
      "1:\n\t"
      FIVE_TIMES("add %1, %0\n\t" "add %1, %0\n\t" "add %1, %0\n\t" "add %1, %0\n\t")
      "dec %2\n\t"
      "jnz 1b\n\t"
      : "+r"(sum), "+r"(step), "+r"(turns)
      :
      : "cc");
#elif defined(__aarch64__)
  asm volatile(
      "1:\n\t"
      FIVE_TIMES("add %0, %0, %1\n\t" "add %0, %0, %1\n\t" "add %0, %0, %1\n\t"
                 "add %0, %0, %1\n\t")
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

#undef FIVE_TIMES

}  // namespace

std::optional<double> estimate_clock_hz(Clock& clock) {
  double best_hz = 0;
  for (int chain = 0; chain < kChains; ++chain) {
    const double begin = clock.now_seconds();
    add_chain(kAdditionsPerChain);
    const double seconds = clock.now_seconds() - begin;
    if (seconds > 0) best_hz = std::max(best_hz, static_cast<double>(kAdditionsPerChain) / seconds);
  }
  if (best_hz < kLeastClockHz || best_hz > kMostClockHz) return std::nullopt;
  return best_hz;
}

}  // namespace mb
