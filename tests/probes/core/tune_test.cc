#include "probes/core/tune.h"

#include <gtest/gtest.h>

#include <vector>

namespace mb {
namespace {

class StillClock final : public Clock {
 public:
  double now_seconds() override { return now; }
  void sleep_seconds(double seconds) override { now += seconds; }
  double now = 0;
};

TEST(Tune, ADisturbedRoundDecidesNothing) {
  StillClock clock;
  int calls = 0;
  const auto seconds_of = [&](std::size_t index, int) {
    ++calls;
    const double disturbed = calls <= 3 ? 10 : 0;           // the whole first round
    const double lucky = index == 2 && calls == 6 ? 1 : 0;  // the next one's last
    return (index == 1 ? 0.8 : 1.0) + disturbed - lucky;
  };
  EXPECT_EQ(fastest_of(3, 1, clock, seconds_of), 1u);
}

TEST(Tune, KeepsTheFirstWhereOthersAreHardlyFaster) {
  StillClock clock;
  for (const std::size_t candidates : {2, 3, 7, 8}) {
    const auto of_ratio = [&](double ratio) {
      return fastest_of(candidates, 1, clock, [=](std::size_t index, int length) {
        return length * (index + 1 == candidates ? ratio : 1.0);
      });
    };
    EXPECT_EQ(of_ratio(0.99), 0u) << candidates;
    EXPECT_EQ(of_ratio(0.97), candidates - 1) << candidates;
  }
}

TEST(Tune, WhatIsFastForAMomentOnlyLosesWhenTriesGetLonger) {
  StillClock clock;
  const auto seconds_of = [](std::size_t index, int length) {
    const double tires = index == 5 && length > 1 ? 1.3 : 1;
    const double rate = index == 5 ? 1.2 : index == 2 ? 1.1 : 1;
    return length * tires / rate;
  };
  EXPECT_EQ(fastest_of(7, 1, clock, seconds_of), 2u);
}

TEST(Tune, EndsWithItsTimeAfterThreeRoundsAtLeast) {
  StillClock clock;
  int calls = 0;
  const auto slow = [&](std::size_t, int) {
    clock.now += 1;
    ++calls;
    return 1.0;
  };
  fastest_of(2, 0.5, clock, slow);
  EXPECT_EQ(calls, 2 * kLeastTuneRounds);
  calls = 0;
  fastest_of(7, 1e9, clock, slow);  // seven, then three, then two
  EXPECT_EQ(calls, (7 + 3 + 2) * kMostTuneRounds);
}

TEST(Tune, OneCandidateNeedsNoTrial) {
  StillClock clock;
  EXPECT_EQ(fastest_of(1, 1, clock, [](std::size_t, int) -> double { throw 1; }), 0u);
}

}  // namespace
}  // namespace mb
