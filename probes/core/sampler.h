// Takes samples of a repeated operation: warm-up, calibration of the iterations per sample, then
// samples until the time is over. A state machine over an injected clock; knows no probe.
//
// A sample lasts at least min_sample_seconds (whoever asks sets it to 1 ms or 1000 clock
// resolutions, nanobench's and pyperf's rule); every sample is kept.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "data/system/clock.h"

namespace mb {

struct SampleRequest {
  double seconds = 0.5;  // for warm-up, calibration and samples together
  double min_sample_seconds = 1e-3;
  // min_samples are taken even when the time is over, unless it would be over by the factor. An
  // operation that alone takes more than seconds / min_samples gets two.
  int min_samples = 5, max_samples = 200;
  double hard_limit_factor = 3;
};

struct Samples {
  std::vector<double> seconds_per_iteration;
  std::uint64_t iterations_per_sample = 1;
  bool too_short = false;  // the median sample stayed under the least length
};

// run(n) performs the operation n times and returns the seconds it took. before_samples, if any, is
// called between warm-up and the first sample; again where calibration goes on after all, never
// where the warm-up run is the sample.
Samples take_samples(const SampleRequest& request, Clock& clock,
                     const std::function<double(std::uint64_t iterations)>& run,
                     const std::function<void()>& before_samples = {});

}  // namespace mb
