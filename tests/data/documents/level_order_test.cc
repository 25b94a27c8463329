// The limit of 5 % just under, at and just above; what is compared and what is not.
#include "data/documents/level_order.h"

#include <gmock/gmock.h>

namespace mb {
namespace {

Point point(const char* level, double rate) {
  Point made;
  made.probe = "stream_bandwidth";
  made.quantity = "bandwidth";
  made.unit = Unit::kBytesPerSecond;
  made.parameters =
      Parameters{{"operation", "read"}, {"level", level}, {"threads", std::int64_t{1}}};
  made.name = made.parameters.name(made.probe);
  made.samples = {rate, rate, rate};
  made.summary = summarise(made.samples, made.unit);
  return made;
}

// Reasons of the last point.
std::size_t flagged(std::vector<Point> points) {
  Results results;
  results.points = std::move(points);
  flag_level_order(results);
  for (const Point& each : results.points) EXPECT_EQ(each.verdict.validity, Validity::kValid);
  const auto& reasons = results.points.back().verdict.reasons;
  for (const Reason& reason : reasons) EXPECT_EQ(reason.code, "level_order");
  return reasons.size();
}

TEST(LevelOrder, AFartherLevelThatLeadsByMoreThanFivePercentIsFlagged) {
  EXPECT_EQ(kLevelOrderLimit, 0.05);
  EXPECT_EQ(flagged({point("L2", 128), point("L3", 128 * 1.04999)}), 0u);
  EXPECT_EQ(flagged({point("L2", 128), point("L3", 134.4)}), 0u);  // 1.05 exactly
  EXPECT_EQ(flagged({point("L2", 128), point("L3", 128 * 1.05001)}), 1u);
}

TEST(LevelOrder, EveryNearerLevelCountsAndTheOrderOfPointsDoesNot) {
  EXPECT_EQ(flagged({point("L1", 100), point("L3", 100), point("dram", 200)}), 2u);
  EXPECT_EQ(flagged({point("L3", 200), point("L2", 100)}), 0u)
      << "the nearer one is at fault never";
}

TEST(LevelOrder, OnlyTheSameMeasurementIsCompared) {
  Point two_threads = point("L3", 200);
  two_threads.parameters.set("threads", std::int64_t{2});
  EXPECT_EQ(flagged({point("L2", 100), two_threads}), 0u);
  Point seconds = point("L3", 200);
  seconds.unit = Unit::kSeconds;
  EXPECT_EQ(flagged({point("L2", 100), seconds}), 0u);
  EXPECT_EQ(flagged({point("L2", 100), point("heap", 200)}), 0u);
}

TEST(LevelOrder, TheReasonSaysByHowMuchAndBeforeWhich) {
  Results results;
  results.points = {point("L1", 100), point("L2", 150)};
  flag_level_order(results);
  EXPECT_TRUE(results.points[0].verdict.reasons.empty());
  EXPECT_THAT(
      results.points[1].verdict.reasons,
      testing::ElementsAre(
          Reason{"level_order", "50 % faster than stream_bandwidth/read/L1/threads:1, limit 5 %"}));
}

TEST(LevelOrder, APointOfOneSampleCountsAndOneOfNoneDoesNot) {
  Point one = point("L3", 200), none = point("L2", 100);
  one.summary.count = 1;
  EXPECT_EQ(flagged({point("L2", 100), one}), 1u);
  none.summary.count = 0;
  EXPECT_EQ(flagged({none, point("L3", 200)}), 0u);
}

TEST(LevelOrder, APointOfNoLevelIsBehindNoOther) {
  Point nearer = point("L1", 100), whole = point("", 200);
  nearer.parameters = Parameters{{"operation", "read"}, {"level", "L1"}};
  whole.parameters = Parameters{{"operation", "read"}};
  EXPECT_EQ(flagged({nearer, whole}), 0u);
  EXPECT_EQ(flagged({whole, nearer}), 0u);
}

TEST(LevelOrder, OtherProbesAndQuantitiesAreNotCompared) {
  Point other = point("L2", 100);
  other.probe = "cache_latency";
  EXPECT_EQ(flagged({other, point("L3", 200)}), 0u);
  other = point("L2", 100);
  other.quantity = "rate";
  EXPECT_EQ(flagged({other, point("L3", 200)}), 0u);
  other = point("L2", 100);
  other.verdict.worsen(Validity::kNoisy, "spread", "a noisy one is compared");
  Results results;
  results.points = {other, point("L3", 200)};
  flag_level_order(results);
  EXPECT_EQ(results.points[1].verdict.reasons.size(), 1u);
}

TEST(LevelOrder, AnInvalidNearerPointProvesNothing) {
  Results results;
  results.points = {point("L2", 100), point("L3", 200)};
  results.points[0].verdict.worsen(Validity::kInvalid, "spread", "MAD 30 %");
  flag_level_order(results);
  EXPECT_TRUE(results.points[1].verdict.reasons.empty());
}

}  // namespace
}  // namespace mb
