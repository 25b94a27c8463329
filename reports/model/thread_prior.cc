// The tables. Columns in the order of CurveParameter; the scale's mean comes from the points.
#include "reports/model/thread_prior.h"

#include <algorithm>

namespace mb {
namespace {

using Row = std::array<double, kCurveParameters>;

CurvePrior prior(const Row& mean, const Row& deviation) {
  return {CurveVector(mean.data()), CurveVector(deviation.data())};
}

}  // namespace

// Prefill scales nearly to all cores, decode saturates at a quarter of them; two hardware threads
// on a core do half to all of one's work each; slow cores of hybrids add up, none too badly; all
// CPUs and a second socket cost little as a rule and much at times.
const ThreadPriors& physical_priors() {
  static const ThreadPriors priors = {prior({0, 0.5, -3.5, 0.8, -0.3, -0.4, 1.2, -0.4, -3, 0.15},
                                            {3, 0.8, 1.2, 0.4, 0.8, 0.8, 0.8, 0.8, 1.6, 0.4}),
                                      prior({0, -1.5, -2, 0.7, -0.3, -0.4, 1.2, -0.4, -3, 0.15},
                                            {3, 1, 0.7, 0.4, 0.8, 0.8, 0.8, 0.8, 1.6, 0.4}),
                                      prior({0, -0.3, -2.6, 0.7, -0.3, -0.4, 1.2, -0.4, -3, 0.15},
                                            {3, 1, 1.2, 0.4, 0.8, 0.8, 0.8, 0.8, 1.6, 0.4})};
  return priors;
}

const ThreadPriors& learned_priors() {
  static const ThreadPriors priors = {
      prior({0, 0.25, -3.66, 0.74, -0.54, -0.26, 1.28, -0.14, -3.25, 0.17},
            {3, 0.57, 1.06, 0.38, 0.88, 0.75, 0.71, 0.86, 1.51, 0.39}),
      prior({0, -1.44, -2.18, 0.86, -0.1, -0.23, 1.14, -0.58, -3.32, 0.17},
            {3, 1.09, 0.7, 0.37, 0.75, 0.77, 0.83, 0.76, 1.44, 0.39}),
      prior({0, -0.45, -2.68, 0.76, -0.34, -0.44, 1.2, -0.4, -3.06, 0.15},
            {3, 0.83, 1.12, 0.4, 0.76, 0.76, 0.8, 0.8, 1.48, 0.4})};
  return priors;
}

const CurvePrior& prior_of(const ThreadPriors& priors, std::string_view phase) {
  const auto* found = std::ranges::find(kSweepPhases, phase);
  return priors[std::min<std::size_t>(static_cast<std::size_t>(found - kSweepPhases.begin()),
                                      kSweepPhases.size() - 1)];
}

}  // namespace mb
