#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "data/documents/results.h"
#include "data/error.h"
#include "tests/data/documents/samples.h"

namespace mb {
namespace {

using testing::HasSubstr;

TEST(Summarise, GivesOrderStatistics) {
  const Summary odd = summarise({5, 1, 3}, Unit::kBytesPerSecond);
  EXPECT_EQ(odd, (Summary{.median = 3, .mad = 2, .low = 1, .high = 5, .best = 5, .count = 3}));
  const Summary even = summarise({4, 1, 2, 3}, Unit::kSeconds);
  EXPECT_EQ(even, (Summary{.median = 2.5, .mad = 1, .low = 1, .high = 4, .best = 1, .count = 4}));
  EXPECT_EQ(summarise({7}, Unit::kRatio), (Summary{7, 0, 7, 7, 7, 1}));
  EXPECT_EQ(summarise({}, Unit::kSeconds), Summary{});
}

// Ranks of the 95 % interval of the median as tabulated: n = 6: 1, 9: 2, 12: 3, 20: 6, 100: 40. Of
// 32 and 67 samples the tail lies within a hundredth of a percent of 2.5 %, above and below.
TEST(Summarise, TakesTheTabulatedRanksForTheInterval) {
  for (const auto& [count, rank] : std::vector<std::pair<int, int>>{{1, 1},
                                                                    {2, 1},
                                                                    {5, 1},
                                                                    {6, 1},
                                                                    {8, 1},
                                                                    {9, 2},
                                                                    {12, 3},
                                                                    {20, 6},
                                                                    {32, 10},
                                                                    {67, 26},
                                                                    {100, 40}}) {
    std::vector<double> samples;
    for (int i = 1; i <= count; ++i) samples.push_back(i);
    const Summary summary = summarise(samples, Unit::kSeconds);
    EXPECT_EQ(summary.low, rank) << count;
    EXPECT_EQ(summary.high, count + 1 - rank) << count;
  }
}

TEST(Summarise, KeepsItsLawsOnRandomSamples) {
  std::mt19937 random(1);
  std::lognormal_distribution<double> value(0, 1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<double> samples(1 + random() % 30);
    for (double& sample : samples) sample = value(random);
    if (round % 3 == 0) samples.assign(samples.size(), samples[0]);  // ties
    const Summary summary = summarise(samples, Unit::kBytesPerSecond);
    EXPECT_LE(summary.low, summary.median);
    EXPECT_LE(summary.median, summary.high);
    EXPECT_LE(summary.high, summary.best);
    std::ranges::shuffle(samples, random);
    EXPECT_EQ(summarise(samples, Unit::kBytesPerSecond), summary);
    for (double& sample : samples) sample = 4 * sample;  // a power of two is exact
    EXPECT_EQ(summarise(samples, Unit::kBytesPerSecond).median, 4 * summary.median);
    EXPECT_EQ(summarise(samples, Unit::kBytesPerSecond).mad, 4 * summary.mad);
  }
}

TEST(Summarise, IntervalCoversTheMedian) {
  std::mt19937 random(2);
  std::normal_distribution<double> value(10, 1);
  int covered = 0;
  constexpr int kRounds = 4000;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> samples(15);
    for (double& sample : samples) sample = value(random);
    const Summary summary = summarise(samples, Unit::kSeconds);
    covered += summary.low <= 10 && 10 <= summary.high;
  }
  EXPECT_GE(covered, kRounds * 95 / 100);
}

TEST(Summarise, HandlesExtremesAndRefusesWhatIsNotFinite) {
  const double largest = std::numeric_limits<double>::max();
  EXPECT_EQ(summarise({largest, largest}, Unit::kSeconds).median, largest);
  EXPECT_THROW(summarise({1, std::nan("")}, Unit::kSeconds), Error);
  EXPECT_THROW(summarise({1, std::numeric_limits<double>::infinity()}, Unit::kSeconds), Error);
}

TEST(FindModes, SeesTwoClearGroups) {
  const auto modes = find_modes({36, 29, 30, 37, 36.5, 29.5, 30.5, 37.5});
  ASSERT_TRUE(modes);
  EXPECT_EQ(*modes, (Modes{29.75, 36.75}));
}

// As seen beside a neighbour that came after a third of a second: the groups are noisy themselves,
// so that the range of one is nearly the gap.
TEST(FindModes, SeesTwoNoisyStatesOneAfterTheOther) {
  const auto modes =
      find_modes({1.87, 1.79, 1.94, 1.65, 1.82, 1.69, 1.76, 1.74, 1.81, 1.94, 1.87, 1.75, 1.9,
                  1.47, 0.82, 0.73, 0.91, 0.72, 0.77, 0.94, 0.82, 0.85, 1.06, 0.84, 0.84, 0.9});
  ASSERT_TRUE(modes);
  EXPECT_NEAR(modes->low, 0.84, 0.01);
  EXPECT_NEAR(modes->high, 1.8, 0.02);
  // The same states, but each sample a mixture of both.
  EXPECT_FALSE(find_modes({1.0, 0.81, 0.94, 1.24, 1.38, 1.26, 1.08, 1.2, 1.3, 0.95, 0.91, 1.1}));
}

TEST(FindModes, SeesNoneInOneGroupOutliersOrNearGroups) {
  EXPECT_FALSE(find_modes({}));
  EXPECT_FALSE(find_modes({1, 2, 3}));
  EXPECT_FALSE(find_modes({29, 29.5, 30, 30.5, 31, 31.5}));
  EXPECT_FALSE(find_modes({30, 30.1, 30.2, 30.3, 30.4, 60}));      // an outlier
  EXPECT_FALSE(find_modes({30, 30, 30, 30, 30, 30, 30, 60, 60}));  // under a quarter
  EXPECT_FALSE(find_modes({30, 30, 30, 35, 35, 35}));              // under 1.2 apart
  EXPECT_FALSE(find_modes({20, 23, 26, 30, 40, 44, 47, 50}));      // groups as wide as the gap
  EXPECT_FALSE(find_modes({-2, -2, 5, 5}));
  EXPECT_FALSE(find_modes({4, 4, 4, 4, 4}));
}

// Each limit at its edge: four samples, a quarter of them, 1.2 apart, eight MADs between.
TEST(FindModes, CountsFromItsLimitsOn) {
  EXPECT_EQ(find_modes({10, 10, 20, 20}), (Modes{10, 20}));
  EXPECT_EQ(find_modes({10, 10, 12, 12}), (Modes{10, 12}));
  EXPECT_EQ(find_modes({30, 30, 30, 30, 30, 30, 60, 60}), (Modes{30, 60}));
  EXPECT_EQ(find_modes({30, 30, 60, 60, 60, 60, 60, 60}), (Modes{30, 60}));
  EXPECT_FALSE(find_modes({30, 30, 60, 60, 60, 60, 60, 60, 60}));
  EXPECT_EQ(find_modes({10, 11, 12, 18, 19, 20}), (Modes{11, 19}));
  EXPECT_FALSE(find_modes({10, 11, 12, 17.9, 18.9, 19.9}));
}

TEST(FindModes, AreTheSameInAnyUnit) {
  for (const double unit : {1e-12, 1e-6, 1.0, 1e9}) {
    std::vector<double> samples{30, 31, 29, 50, 51, 49, 30, 50};
    for (double& sample : samples) sample *= unit;
    const auto modes = find_modes(samples);
    ASSERT_TRUE(modes) << unit;
    EXPECT_DOUBLE_EQ(modes->low, 30 * unit);
    EXPECT_DOUBLE_EQ(modes->high, 50 * unit);
  }
}

TEST(FindModes, MeasuresTheGapByTheWiderGroup) {
  EXPECT_FALSE(find_modes({10, 14, 18, 22, 40, 40, 40, 40}));
  EXPECT_FALSE(find_modes({16, 16, 16, 16, 34, 38, 42, 46}));
}

TEST(FindModes, HasNoRatioToNothing) {
  EXPECT_FALSE(find_modes({0, 0, 5, 5}));
  EXPECT_FALSE(find_modes({-5, -5, 0, 0}));
}

// 26 is as far from the mean of the lower three as from that of the upper three.
TEST(FindModes, GivesASampleInTheMiddleToTheUpperGroup) {
  EXPECT_EQ(find_modes({10, 11, 12, 26, 40, 41, 42}), (Modes{11, 40.5}));
}

TEST(Merge, AppendsSamplesOfEqualNamesAndKeepsTheWorseVerdict) {
  Results a = sample_results(), b = sample_results();
  a.points[0].samples = {30, 31, 32};
  b.points[0].samples = {30.5, 31.5};
  b.points[0].verdict = {};
  b.points[0].verdict.worsen(Validity::kNoisy, "migrations", "1");
  b.points[0].noise.steal_share.reset();
  b.points[0].noise.wall_seconds = 1.5;
  b.points[0].counters.values = {{"PAPI_TOT_INS", 5}};
  b.points[0].counters.multiplex_share = 0.5;
  merge(a, b);
  const Point& point = a.points.at(0);
  EXPECT_THAT(point.samples, testing::ElementsAre(30, 31, 32, 30.5, 31.5));
  EXPECT_EQ(point.summary, summarise(point.samples, point.unit));
  EXPECT_EQ(point.verdict.validity, Validity::kNoisy);
  EXPECT_EQ(point.verdict.reasons.size(), 2u);
  EXPECT_EQ(point.noise.wall_seconds, 2.0);
  EXPECT_EQ(point.noise.steal_share, std::nullopt);  // unknown noise is not no noise
  EXPECT_EQ(point.counters.values.at("PAPI_TOT_INS"), 123456789012350);
  EXPECT_EQ(point.counters.multiplex_share, 0.5);
  EXPECT_EQ(point.modes, std::nullopt);
  EXPECT_EQ(a.steps.size(), 2u);
  EXPECT_EQ(a.missing.size(), 1u);
  EXPECT_EQ(a.points.size(), 2u);
}

TEST(Merge, OfTwoStatesIsBimodal) {
  Results a = sample_results(), b = sample_results();
  for (Results* results : {&a, &b}) results->points[0].verdict = {};
  a.points[0].samples = {30, 30.5, 31};
  b.points[0].samples = {50, 50.5, 51};
  merge(a, b);
  EXPECT_EQ(a.points[0].modes, (Modes{30.5, 50.5}));
  EXPECT_EQ(a.points[0].verdict.validity, Validity::kNoisy);
  EXPECT_EQ(a.points[0].verdict.reasons.at(0).code, "bimodal");
}

TEST(Merge, AddsOtherPointsAndTakesAnUnknownMachine) {
  Results a, b = sample_results();
  merge(a, b);
  EXPECT_EQ(a.machine, b.machine);
  EXPECT_EQ(a.points.size(), 2u);
  EXPECT_EQ(a.state, "interrupted");
  EXPECT_EQ(a.calibrations.size(), 1u);
}

TEST(Merge, RefusesAnotherMachineAndAnotherUnit) {
  Results a = sample_results(), b = sample_results();
  b.machine.limits.memory_available_bytes = 1;  // moves all the time
  EXPECT_NO_THROW(merge(a, b));
  b.machine.cpu_model = "Other";
  try {
    merge(a, b);
    FAIL() << "merged";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("two machines"));
  }
  b = sample_results();
  b.points[0].unit = Unit::kSeconds;
  EXPECT_THROW(merge(a, b), Error);
}

}  // namespace
}  // namespace mb
