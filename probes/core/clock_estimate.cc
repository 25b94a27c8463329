// The fastest of a few short chains (clock_chain.h).
#include "probes/core/clock_estimate.h"

#include <algorithm>

#include "probes/core/clock_chain.h"

namespace mb {

static_assert(kAdditionsPerChain % kAdditionsPerTurn == 0);

std::optional<double> estimate_clock_hz(Clock& clock) {
  double best_hz = 0;
  for (int chain = 0; chain < kChains; ++chain) {
    const double begin = clock.now_seconds();
    run_clock_chain(kAdditionsPerChain / kAdditionsPerTurn, 0);
    const double seconds = clock.now_seconds() - begin;
    if (seconds > 0) best_hz = std::max(best_hz, static_cast<double>(kAdditionsPerChain) / seconds);
  }
  if (best_hz < kLeastClockHz || best_hz > kMostClockHz) return std::nullopt;
  return best_hz;
}

}  // namespace mb
