// CLOCK_MONOTONIC through std::chrono::steady_clock.
#include "data/system/clock.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <limits>
#include <thread>

namespace mb {
namespace {

class MonotonicClock final : public Clock {
 public:
  double now_seconds() override {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  void sleep_seconds(double seconds) override {
    if (seconds > 0) std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  }
};

// The smallest of many steps: an interrupt between two readings only makes a step longer.
double measure_resolution() {
  using SteadyClock = std::chrono::steady_clock;
  constexpr int kReadings = 1000;
  auto smallest = SteadyClock::duration::max();
  for (int i = 0; i < kReadings; ++i) {
    const auto start = SteadyClock::now();
    auto next = SteadyClock::now();
    while (next == start) next = SteadyClock::now();
    smallest = std::min(smallest, next - start);
  }
  return std::chrono::duration<double>(smallest).count();
}

}  // namespace

Clock& monotonic_clock() {
  static MonotonicClock clock;
  return clock;
}

double clock_resolution_seconds() {
  static const double resolution = measure_resolution();
  return resolution;
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

std::string utc_now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

}  // namespace mb
