#include "probes/campaign/deadline.h"

#include <gtest/gtest.h>

namespace mb {
namespace {

std::vector<PlannedStep> steps_of(const std::vector<double>& point_seconds) {
  std::vector<PlannedStep> steps;
  for (const double seconds : point_seconds) {
    steps.push_back({"stream_bandwidth", {}, {{Parameters{{"threads", 1}}, seconds}}});
  }
  return steps;
}

double starts(const std::vector<PlannedStep>& steps) {
  double sum = 0;
  for (const PlannedStep& step : steps) sum += step.seconds() - step.points.front().seconds;
  return sum;
}

TEST(Deadline, NothingChangesWhileThereIsTime) {
  const auto steps = steps_of({4, 4, 2});
  const Remaining remaining = fit_to_time(steps, 100);
  EXPECT_EQ(remaining.kept, 3u);
  EXPECT_DOUBLE_EQ(remaining.factor, 1);
}

TEST(Deadline, LatePointsAreShortenedToFitExactly) {
  const auto steps = steps_of({4, 4, 2});
  const Remaining remaining = fit_to_time(steps, 7 + starts(steps));
  EXPECT_EQ(remaining.kept, 3u);
  EXPECT_NEAR(remaining.factor, 0.7, 1e-12);
}

TEST(Deadline, TheLastStepsGoBeforePointsAreCutBelowHalf) {
  const auto steps = steps_of({4, 4, 2});
  const Remaining remaining = fit_to_time(steps, 4.9);
  EXPECT_EQ(remaining.kept, 2u);
  EXPECT_GE(remaining.factor, 0.5);
  EXPECT_LT(remaining.factor, 0.7);
}

TEST(Deadline, NothingIsStartedWhenTheTimeIsOver) {
  EXPECT_EQ(fit_to_time(steps_of({4, 4, 2}), 0.1).kept, 0u);
  EXPECT_EQ(fit_to_time(steps_of({4}), -3).kept, 0u);
  EXPECT_EQ(fit_to_time({}, 10).kept, 0u);
}

TEST(Deadline, ScalingShortensPointsNotTheStart) {
  const PlannedStep step = steps_of({4}).front();
  EXPECT_NEAR(step.seconds() - scaled(step, 0.5).seconds(), 2, 1e-12);
}

TEST(Deadline, ThePaceIsWhatStepsTookOverWhatTheyShouldHave) {
  Pace pace;
  EXPECT_DOUBLE_EQ(pace.factor(), 1);
  pace.add(2, 1);
  EXPECT_DOUBLE_EQ(pace.factor(), 1);  // being early once is no promise
  pace.add(2, 5);
  EXPECT_DOUBLE_EQ(pace.factor(), 1.5);
  pace.add(1, 100);
  EXPECT_DOUBLE_EQ(pace.factor(), 3);
}

TEST(Deadline, ATimeoutIsGenerousButNeverPastTheHardEnd) {
  const PlannedStep step = steps_of({4}).front();
  EXPECT_GT(timeout_seconds(step, 1000), 8);
  EXPECT_LT(timeout_seconds(step, 1000), 20);
  EXPECT_DOUBLE_EQ(timeout_seconds(step, 3), 3);
  EXPECT_GT(timeout_seconds(step, -3), 0);  // 0 would mean no timeout at all
}

}  // namespace
}  // namespace mb
