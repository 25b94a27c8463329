#include "probes/core/tune.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <vector>

#include "data/documents/results.h"

namespace mb {
namespace {

// The median seconds of each candidate in `alive`, in its order.
std::vector<double> medians_of(const std::vector<std::size_t>& alive, int length, double seconds,
                               Clock& clock, const Trial& trial) {
  std::vector<std::vector<double>> tries(alive.size());
  const double end = clock.now_seconds() + seconds;
  for (int round = 0; round < kMostTuneRounds; ++round) {
    if (round >= kLeastTuneRounds && clock.now_seconds() > end) break;
    for (std::size_t i = 0; i < alive.size(); ++i) tries[i].push_back(trial(alive[i], length));
  }
  std::vector<double> medians;
  for (const std::vector<double>& of_one : tries) {
    medians.push_back(summarise(of_one, Unit::kSeconds).median);
  }
  return medians;
}

}  // namespace

std::size_t fastest_of(std::size_t candidates, double seconds, Clock& clock, const Trial& trial) {
  if (candidates < 2) return 0;
  std::vector<std::size_t> alive(candidates);
  std::iota(alive.begin(), alive.end(), std::size_t{0});
  const int stages = static_cast<int>(std::bit_width(candidates - 1));
  for (int length = 1;; length *= 2) {
    const auto medians = medians_of(alive, length, seconds / stages, clock, trial);
    if (alive.size() == 2) {
      return medians[0] <= kWorthChanging * medians[1] ? alive[0] : alive[1];
    }
    std::vector<std::size_t> order(alive.size() - 1);  // of all but the first
    std::iota(order.begin(), order.end(), std::size_t{1});
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return medians[i]; });
    std::vector<std::size_t> kept{alive[0]};
    for (std::size_t i = 0; i < std::max<std::size_t>(1, alive.size() / 2 - 1); ++i) {
      kept.push_back(alive[order[i]]);
    }
    alive = std::move(kept);
  }
}

}  // namespace mb
