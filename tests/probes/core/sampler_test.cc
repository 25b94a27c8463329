// The sampler on a clock that only the measured operation advances.
#include "probes/core/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mb {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::Ge;
using testing::SizeIs;

class HandClock final : public Clock {
 public:
  double now_seconds() override { return now_; }
  void sleep_seconds(double seconds) override { now_ += seconds; }

 private:
  double now_ = 100;
};

// An operation of a fixed cost that remembers how it was called.
struct Operation {
  HandClock clock;
  double cost;
  std::vector<std::uint64_t> calls;
  double run(std::uint64_t iterations) {
    calls.push_back(iterations);
    const double seconds = cost * static_cast<double>(iterations);
    clock.sleep_seconds(seconds);
    return seconds;
  }
  Samples sample(const SampleRequest& request) {
    return take_samples(request, clock, [this](std::uint64_t n) { return run(n); });
  }
  double elapsed() { return clock.now_seconds() - 100; }
};

TEST(Sampler, RepeatsAShortOperationUntilASampleIsLongEnough) {
  Operation operation{{}, 1e-6, {}};
  const Samples samples = operation.sample({.seconds = 0.5});
  EXPECT_GE(static_cast<double>(samples.iterations_per_sample) * 1e-6, 1e-3);
  EXPECT_FALSE(samples.too_short);
  EXPECT_THAT(samples.seconds_per_iteration, Each(DoubleNear(1e-6, 1e-12)));
}

TEST(Sampler, UsesTheTimeAndDoesNotOverrunIt) {
  for (const double cost : {1e-9, 1e-6, 1e-4, 2e-3, 0.03}) {
    Operation operation{{}, cost, {}};
    operation.sample({.seconds = 0.5});
    EXPECT_LE(operation.elapsed(), 0.5) << cost;
    EXPECT_GE(operation.elapsed(), 0.3) << cost;
  }
}

TEST(Sampler, KeepsNoWarmUpAndEverySampleAfterIt) {
  Operation operation{{}, 0.01, {}};
  int call = 0;
  const Samples samples = take_samples({.seconds = 0.5}, operation.clock, [&](std::uint64_t n) {
    if (call++ == 0) return operation.run(n) * 7;  // a cold first run
    return operation.run(n) * (call == 10 ? 3 : 1);
  });
  EXPECT_THAT(samples.seconds_per_iteration, testing::Contains(DoubleNear(0.03, 1e-9)).Times(1));
  EXPECT_THAT(samples.seconds_per_iteration, Each(testing::Lt(0.05)));
}

// What is read there is of the state that the operation brings about, not of the one before it.
TEST(Sampler, SaysWhenItIsWarmAndTheFirstSampleIsNext) {
  Operation operation{{}, 1e-4, {}};
  std::vector<std::size_t> runs_before;
  const Samples samples = take_samples(
      {.seconds = 0.5}, operation.clock, [&](std::uint64_t n) { return operation.run(n); },
      [&] { runs_before.push_back(operation.calls.size()); });
  ASSERT_THAT(runs_before, SizeIs(1));
  EXPECT_EQ(runs_before.front(), operation.calls.size() - samples.seconds_per_iteration.size());
  EXPECT_GE(runs_before.front(), 2u);
}

TEST(Sampler, SaysSoAgainWhereCalibrationGoesOn) {
  Operation operation{{}, 1e-3, {}};
  int told = 0;
  take_samples(
      {.seconds = 0.5}, operation.clock,
      [&](std::uint64_t n) { return operation.run(n) * (told == 1 ? 0.01 : 1); }, [&] { ++told; });
  EXPECT_EQ(told, 2);
}

TEST(Sampler, NeverWhereTheWarmUpIsTheSample) {
  Operation operation{{}, 10, {}};
  bool told = false;
  const Samples samples = take_samples(
      {.seconds = 0.5}, operation.clock, [&](std::uint64_t n) { return operation.run(n); },
      [&] { told = true; });
  EXPECT_THAT(samples.seconds_per_iteration, SizeIs(1));
  EXPECT_FALSE(told);
}

TEST(Sampler, StopsAtTheMostSamples) {
  Operation operation{{}, 2e-3, {}};
  EXPECT_THAT(operation.sample({.seconds = 100, .max_samples = 50}).seconds_per_iteration,
              SizeIs(50));
}

TEST(Sampler, TakesTheLeastSamplesThoughTheTimeIsOver) {
  // 0.09 s fits five times into 0.5 s, but warm-up and calibration take their part.
  Operation operation{{}, 0.09, {}};
  EXPECT_THAT(operation.sample({.seconds = 0.5}).seconds_per_iteration, SizeIs(Ge(5u)));
  EXPECT_LE(operation.elapsed(), 1.5);
}

TEST(Sampler, ALongOperationIsSampledTwiceAndNoMore) {
  Operation operation{{}, 0.4, {}};
  const Samples samples = operation.sample({.seconds = 0.5});
  EXPECT_THAT(samples.seconds_per_iteration, SizeIs(2));
  EXPECT_EQ(samples.iterations_per_sample, 1u);
  EXPECT_FALSE(samples.too_short);
}

TEST(Sampler, TheHardLimitStopsEvenTheLeastSamples) {
  Operation operation{{}, 0.7, {}};
  EXPECT_THAT(operation.sample({.seconds = 0.5}).seconds_per_iteration, SizeIs(1));
  EXPECT_LE(operation.elapsed(), 1.5);
}

TEST(Sampler, AnOperationLongerThanTheHardLimitRunsOnceAndIsKept) {
  Operation operation{{}, 2.0, {}};
  const Samples samples = operation.sample({.seconds = 0.5});
  EXPECT_THAT(samples.seconds_per_iteration, testing::ElementsAre(2.0));
  EXPECT_THAT(operation.calls, SizeIs(1));
}

TEST(Sampler, AnOperationWithoutLengthEndsAndSaysSo) {
  Operation operation{{}, 0, {}};
  const Samples samples = operation.sample({.seconds = 0.5});
  EXPECT_TRUE(samples.too_short);
  EXPECT_FALSE(samples.seconds_per_iteration.empty());
}

// What a sample costs whatever its iterations (the clock's two readings, leaving the start line):
// as long as that is a hundredth of the least sample, no figure is off by more than 1 %.
TEST(Sampler, AFixedCostOfASampleStaysUnderOnePerCent) {
  for (const double cost : {1e-9, 3e-8, 1e-6, 5e-5, 1e-3, 2e-3}) {
    const SampleRequest request{.seconds = 0.5};
    const double fixed = 0.01 * request.min_sample_seconds;
    Operation operation{{}, cost, {}};
    const Samples samples = take_samples(request, operation.clock, [&](std::uint64_t n) {
      operation.clock.sleep_seconds(fixed);
      return operation.run(n) + fixed;
    });
    EXPECT_FALSE(samples.too_short);
    EXPECT_THAT(samples.seconds_per_iteration, Each(DoubleNear(cost, 0.01 * cost))) << cost;
  }
}

// Nothing but that fixed cost: no number of iterations makes it a figure, and the samples say so.
TEST(Sampler, AnEmptyKernelIsTooShortHoweverOftenItIsRepeated) {
  Operation operation{{}, 0, {}};
  const Samples samples = take_samples({.seconds = 0.5}, operation.clock, [&](std::uint64_t n) {
    operation.run(n);
    operation.clock.sleep_seconds(2e-6);
    return 2e-6;
  });
  EXPECT_TRUE(samples.too_short);
}

TEST(Sampler, AnInterruptionDuringCalibrationDoesNotShortenTheSamples) {
  Operation operation{{}, 1e-6, {}};
  int call = 0;
  const Samples samples = take_samples({.seconds = 0.5}, operation.clock, [&](std::uint64_t n) {
    const double seconds = operation.run(n);
    return ++call == 3 ? seconds + 0.02 : seconds;  // somebody else's time slice
  });
  EXPECT_FALSE(samples.too_short);
  EXPECT_GE(static_cast<double>(samples.iterations_per_sample) * 1e-6, 1e-3);
}

TEST(Sampler, AnOperationThatGetsFasterAfterCalibrationIsCalibratedAgain) {
  HandClock clock;
  int call = 0;
  const Samples samples = take_samples({.seconds = 0.03}, clock, [&](std::uint64_t n) {
    // Threads that must be woken first: the operation of 20 us takes 400 us four times.
    const double seconds = (++call <= 4 ? 4e-4 : 2e-5) * static_cast<double>(n);
    clock.sleep_seconds(seconds);
    return seconds;
  });
  EXPECT_FALSE(samples.too_short);
  EXPECT_THAT(samples.seconds_per_iteration, Each(DoubleNear(2e-5, 1e-9)));
}

// Of 10 s, fifty samples fill four fifths: 0.16 s each. Where the time is short the least length
// rules, with half of it to spare. A tenth more is planned than is wanted.
TEST(Sampler, PlansSamplesThatFillTheTimeOrAreLongEnough) {
  for (const auto& [seconds, most, length] : std::vector<std::tuple<double, int, double>>{
           {10, 50, 0.16}, {0.02, 200, 1.5e-3}, {0.5, 200, 2e-3}, {0.5, 1, 0.4}, {0.5, 0, 0.4}}) {
    Operation operation{{}, 1e-6, {}};
    const Samples samples = operation.sample({.seconds = seconds, .max_samples = most});
    const double planned = static_cast<double>(samples.iterations_per_sample) * 1e-6;
    EXPECT_GE(planned, length * (1 - 1e-9)) << seconds << " s, " << most << " samples";
    EXPECT_LE(planned, 1.101 * length) << seconds << " s, " << most << " samples";
  }
}

TEST(Sampler, OfTwoRunsTheFasterDecidesHowLongASampleIs) {
  for (const int disturbed : {3, 4, 5}) {
    Operation operation{{}, 1e-6, {}};
    int call = 0;
    const Samples samples = take_samples({.seconds = 0.5}, operation.clock, [&](std::uint64_t n) {
      const double seconds = operation.run(n);
      return ++call == disturbed ? seconds + 0.02 : seconds;
    });
    EXPECT_GE(static_cast<double>(samples.iterations_per_sample) * 1e-6, 2e-3 * (1 - 1e-9))
        << disturbed;
  }
}

// Two runs calibrate an operation of 2 ms; then `kept` samples are as long.
Samples faster_after(int kept) {
  HandClock clock;
  int call = 0;
  return take_samples({.seconds = 0.5}, clock, [&](std::uint64_t n) {
    const double seconds = (++call <= 2 + kept ? 2e-3 : 1e-5) * static_cast<double>(n);
    clock.sleep_seconds(seconds);
    return seconds;
  });
}

TEST(Sampler, CalibratesAgainUntilThreeSamplesAreKeptAndNotAfter) {
  for (const int kept : {0, 1, 2}) {
    EXPECT_GT(faster_after(kept).iterations_per_sample, 1u) << kept;
    EXPECT_THAT(faster_after(kept).seconds_per_iteration, Each(DoubleNear(1e-5, 1e-9))) << kept;
  }
  const Samples late = faster_after(3);
  EXPECT_EQ(late.iterations_per_sample, 1u);
  EXPECT_TRUE(late.too_short);
  EXPECT_THAT(late.seconds_per_iteration, testing::Contains(DoubleNear(2e-3, 1e-9)).Times(3));
}

// Five times 0.1 s are just the time, so that it is no long operation.
TEST(Sampler, AnOperationOfAFifthOfTheTimeIsSampledFiveTimes) {
  Operation fifth{{}, 0.1, {}}, longer{{}, 0.12, {}};
  EXPECT_THAT(fifth.sample({.seconds = 0.5}).seconds_per_iteration, SizeIs(5));
  EXPECT_THAT(longer.sample({.seconds = 0.5}).seconds_per_iteration, SizeIs(3));
}

TEST(Sampler, WithoutTimeForASampleTheLastCalibrationIsOne) {
  Operation operation{{}, 1e-4, {}};
  const Samples samples = operation.sample({.seconds = 1e-3, .hard_limit_factor = 1});
  EXPECT_EQ(samples.iterations_per_sample, 10u);
  EXPECT_THAT(samples.seconds_per_iteration, testing::ElementsAre(DoubleNear(1e-4, 1e-12)));
}

TEST(Sampler, AnErrorOfTheOperationPassesThrough) {
  HandClock clock;
  EXPECT_THROW(take_samples({}, clock, [](std::uint64_t) -> double { throw std::bad_alloc(); }),
               std::bad_alloc);
}

}  // namespace
}  // namespace mb
