#include "probes/core/clock_estimate.h"

#include <gtest/gtest.h>

#include "probes/core/clock_chain.h"

namespace mb {
namespace {

// Every chain seems to take the next of these times.
class ScriptedClock final : public Clock {
 public:
  explicit ScriptedClock(std::vector<double> chain_seconds) : chains_(std::move(chain_seconds)) {}
  double now_seconds() override {
    if (reading_++ % 2 == 1) now_ += chains_[(reading_ / 2 - 1) % chains_.size()];
    return now_;
  }
  void sleep_seconds(double) override {}

 private:
  std::vector<double> chains_;
  std::size_t reading_ = 0;
  double now_ = 5;
};

constexpr double seconds_at(double hz) { return static_cast<double>(kAdditionsPerChain) / hz; }

TEST(ClockEstimate, IsOneAdditionACycle) {
  ScriptedClock clock({seconds_at(3e9)});
  EXPECT_NEAR(estimate_clock_hz(clock).value(), 3e9, 1e4);
}

TEST(ClockEstimate, TakesTheFastestChainBecauseInterruptsOnlyDelay) {
  ScriptedClock clock({seconds_at(1e9), seconds_at(3e9), seconds_at(2e9)});
  EXPECT_NEAR(estimate_clock_hz(clock).value(), 3e9, 1e4);
}

TEST(ClockEstimate, AFigureThatNoCpuReachesIsNoFigure) {
  ScriptedClock slow({seconds_at(0.1e9)}), fast({seconds_at(9e9)}), stopped({0.0});
  EXPECT_FALSE(estimate_clock_hz(slow).has_value());
  EXPECT_FALSE(estimate_clock_hz(fast).has_value());
  EXPECT_FALSE(estimate_clock_hz(stopped).has_value());
}

TEST(ClockEstimate, ThisCpuHasAPlausibleOne) {
  const std::optional<double> hz = estimate_clock_hz(monotonic_clock());
  ASSERT_TRUE(hz.has_value());
  EXPECT_GE(*hz, kLeastClockHz);
  EXPECT_LE(*hz, kMostClockHz);
}

// A width that the processor is said to have must not end the process with SIGILL.
TEST(ClockChain, RunsBesideEveryWidthThatTheProcessorHas) {
  EXPECT_TRUE(has_vector_bits(0)) << "the chain alone";
  EXPECT_FALSE(has_vector_bits(7));
  EXPECT_EQ(has_vector_bits(512) && !has_vector_bits(128), false) << "wider ones have narrower";
  for (const int bits : {0, 128, 256, 512}) {
    if (has_vector_bits(bits)) run_clock_chain(100, bits);
  }
  run_clock_chain(0, 0);  // no turn is no endless loop
}

}  // namespace
}  // namespace mb
