#include "probes/campaign/second_try.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mb {
namespace {

PlannedPoint planned(int threads, double seconds) {
  return {Parameters{{"operation", "read"}, {"threads", threads}}, seconds};
}

Point measured(int threads, Validity validity, const std::string& code, double value = 1) {
  Point point;
  point.probe = "p";
  point.parameters = planned(threads, 0).parameters;
  point.name = point.parameters.name("p");
  point.samples = {value};
  point.verdict = {validity, {}};
  if (!code.empty()) point.verdict.reasons.push_back({code, "detail"});
  return point;
}

struct TwoSteps {
  std::vector<PlannedStep> steps{{"p", {{"A", "1"}}, {planned(1, 1), planned(2, 1), planned(4, 1)}},
                                 {"p", {}, {planned(8, 1)}}};
  std::map<std::size_t, Results> finished;
  TwoSteps() {
    finished[0].points = {measured(1, Validity::kInvalid, "spread"),
                          measured(2, Validity::kNoisy, "steal"),
                          measured(4, Validity::kNoisy, "few_samples")};
    finished[1].points = {measured(8, Validity::kInvalid, "spread")};
  }
};

TEST(SecondTries, AreForInvalidPointsAndThoseWithTooFewSamples) {
  const TwoSteps two;
  const auto tries = second_tries(two.steps, two.finished, 60);
  ASSERT_EQ(tries.size(), 2u);
  EXPECT_EQ(tries[0].step, 0u);
  EXPECT_EQ(tries[0].points.environment.at("A"), "1");
  ASSERT_EQ(tries[0].points.points.size(), 2u);
  EXPECT_EQ(tries[0].points.points[1].parameters.number_or("threads", 0), 4);
  EXPECT_EQ(tries[1].points.points.size(), 1u);
}

TEST(SecondTries, FitTheTimeThatIsLeft) {
  const TwoSteps two;
  const auto tries = second_tries(two.steps, two.finished, 1.5);
  ASSERT_EQ(tries.size(), 1u);
  EXPECT_EQ(tries[0].points.points.size(), 1u);
  EXPECT_TRUE(second_tries(two.steps, two.finished, 0.5).empty());
  EXPECT_TRUE(second_tries(two.steps, two.finished, -3).empty());
}

TEST(SecondTries, AreNotForWhatWasNeverMeasured) {
  TwoSteps two;
  two.finished.clear();
  EXPECT_TRUE(second_tries(two.steps, two.finished, 60).empty());
}

TEST(TakeBetter, ReplacesAPointOnlyByABetterOne) {
  Results document, again;
  document.points = {measured(1, Validity::kInvalid, "spread"),
                     measured(2, Validity::kInvalid, "")};
  again.points = {measured(1, Validity::kNoisy, "steal", 2), measured(2, Validity::kInvalid, "", 2),
                  measured(64, Validity::kValid, "", 2)};
  again.missing = {{"probe (1 points)", "its time was over", "allow a longer --budget"}};
  EXPECT_EQ(take_better(document, again), 1);
  EXPECT_THAT(document.missing, testing::IsEmpty()) << "the first try's point stands";
  ASSERT_EQ(document.points.size(), 2u);
  EXPECT_EQ(document.points[0].samples, std::vector<double>{2});
  EXPECT_EQ(document.points[0].notes.at("second_try"), "the first was spread: detail");
  EXPECT_EQ(document.points[1].samples, std::vector<double>{1});
}

}  // namespace
}  // namespace mb
