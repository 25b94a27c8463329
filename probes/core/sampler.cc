// Warm-up and calibration are one: the first run (one iteration) warms caches and branch
// predictors, then the iterations grow until a sample is long enough; none of these is kept. Then
// samples, as long as the next one fits into the time.
//
// An operation that takes a large part of the time by itself (a prefill step) is not repeated
// min_samples times: two samples then do, and the warm-up run is the sample when even one more
// would overrun the hard limit.
#include "probes/core/sampler.h"

#include <algorithm>
#include <cmath>

namespace mb {
namespace {

constexpr std::uint64_t kMostIterations = std::uint64_t{1} << 32;
// A short operation's samples are stretched to fill the time, so calibration may not eat it.
constexpr double kCalibrationShare = 0.25;
// Below this share of the time a run may be repeated to be sure of its length.
constexpr double kCheapShare = 0.05;
// Of the time, what max_samples samples are stretched to; the rest is for calibration and drift.
constexpr double kFill = 0.8;
constexpr int kLeastSamplesOfLongOperation = 2;
// As long as no more samples are kept, one that is too short sends us back to calibration.
constexpr std::size_t kTrialSamples = 3;
// Samples are planned longer than the least length, so that a faster one is still long enough.
constexpr double kMargin = 1.5;

// Iterations for a sample of `wanted` seconds, from `n` that took `took`; grows at most tenfold a
// step, because a first run tells little.
std::uint64_t grow(std::uint64_t n, double took, double wanted) {
  const double factor = took > 0 ? std::min(10.0, 1.1 * wanted / took) : 10.0;
  const double next = std::ceil(static_cast<double>(n) * std::max(factor, 1.1));
  return next >= static_cast<double>(kMostIterations) ? kMostIterations
                                                      : static_cast<std::uint64_t>(next);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

Samples take_samples(const SampleRequest& request, Clock& clock,
                     const std::function<double(std::uint64_t iterations)>& run,
                     const std::function<void()>& before_samples) {
  const double begin = clock.now_seconds();
  const auto elapsed = [&] { return clock.now_seconds() - begin; };
  const double hard_limit = request.seconds * request.hard_limit_factor;
  // Longer samples than the least length where the time allows no more than max_samples anyway.
  const double wanted = std::max(kMargin * request.min_sample_seconds,
                                 kFill * request.seconds / std::max(request.max_samples, 1));

  Samples samples;
  std::uint64_t n = 1;
  // A run that an interruption made long would leave the samples too short, so the faster of two
  // decides where a second one costs little.
  const auto confirmed = [&](double took) {
    const bool long_enough = took >= wanted && took <= kCheapShare * request.seconds;
    return long_enough ? std::min(took, run(n)) : took;
  };
  const double single = run(n);
  double took = confirmed(single);
  while (took < wanted && n < kMostIterations) {
    const bool good = took >= request.min_sample_seconds;
    if (elapsed() > (good ? kCalibrationShare * request.seconds : hard_limit)) break;
    n = grow(n, took, wanted);
    took = confirmed(run(n));
  }

  const bool long_operation = single * request.min_samples > request.seconds;
  const int least = long_operation ? std::min(kLeastSamplesOfLongOperation, request.min_samples)
                                   : request.min_samples;
  double last = took;
  while (static_cast<int>(samples.seconds_per_iteration.size()) < request.max_samples) {
    const double after_next = elapsed() + last;
    const bool enough = static_cast<int>(samples.seconds_per_iteration.size()) >= least;
    if (after_next > hard_limit || (enough && after_next > request.seconds)) break;
    if (samples.seconds_per_iteration.empty() && before_samples) before_samples();
    last = run(n);
    if (last < request.min_sample_seconds && n < kMostIterations &&
        samples.seconds_per_iteration.size() < kTrialSamples) {
      // The operation got faster after calibration (threads that woke up): calibrate on.
      n = grow(n, last, wanted);
      samples.seconds_per_iteration.clear();
      continue;
    }
    samples.seconds_per_iteration.push_back(last / static_cast<double>(n));
  }
  if (samples.seconds_per_iteration.empty()) {
    samples.seconds_per_iteration.push_back(took / static_cast<double>(n));
  }
  samples.iterations_per_sample = n;
  samples.too_short =
      median(samples.seconds_per_iteration) * static_cast<double>(n) < request.min_sample_seconds;
  return samples;
}

}  // namespace mb
