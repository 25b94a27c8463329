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

TEST(Tune, TakesTheFastestByItsBestTime) {
  StillClock clock;
  int calls = 0;
  const auto seconds_of = [&](std::size_t index) {
    ++calls;
    const double disturbed = calls <= 3 ? 10 : 0;  // the whole first round
    return (index == 1 ? 0.8 : 1.0) + disturbed;
  };
  EXPECT_EQ(fastest_of(3, 1, clock, seconds_of), 1u);
}

TEST(Tune, KeepsTheFirstWhereOthersAreHardlyFaster) {
  StillClock clock;
  EXPECT_EQ(fastest_of(2, 1, clock, [](std::size_t index) { return index == 1 ? 0.99 : 1.0; }), 0u);
  EXPECT_EQ(fastest_of(2, 1, clock, [](std::size_t index) { return index == 1 ? 0.97 : 1.0; }), 1u);
}

TEST(Tune, EndsWithItsTimeAfterTwoRoundsAtLeast) {
  StillClock clock;
  int calls = 0;
  const auto slow = [&](std::size_t) {
    clock.now += 1;
    ++calls;
    return 1.0;
  };
  fastest_of(2, 0.5, clock, slow);
  EXPECT_EQ(calls, 2 * kLeastTuneRounds);
  calls = 0;
  fastest_of(2, 1e9, clock, slow);
  EXPECT_EQ(calls, 2 * kMostTuneRounds);
}

TEST(Tune, OneCandidateNeedsNoTrial) {
  StillClock clock;
  EXPECT_EQ(fastest_of(1, 1, clock, [](std::size_t) -> double { throw 1; }), 0u);
}

}  // namespace
}  // namespace mb
