// Rounds instead of one candidate after the other: a slow moment then hits all alike.
#include "probes/core/tune.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace mb {

std::size_t fastest_of(std::size_t candidates, double seconds, Clock& clock,
                       const std::function<double(std::size_t)>& seconds_of) {
  if (candidates < 2) return 0;
  std::vector<double> best(candidates, std::numeric_limits<double>::max());
  const double end = clock.now_seconds() + seconds;
  for (int round = 0; round < kMostTuneRounds; ++round) {
    if (round >= kLeastTuneRounds && clock.now_seconds() > end) break;
    for (std::size_t i = 0; i < candidates; ++i) best[i] = std::min(best[i], seconds_of(i));
  }
  const auto fastest = std::ranges::min_element(best);
  if (best[0] <= kWorthChanging * *fastest) return 0;
  return static_cast<std::size_t>(fastest - best.begin());
}

}  // namespace mb
