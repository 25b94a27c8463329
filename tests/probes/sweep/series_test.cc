#include "probes/sweep/series.h"

#include <gmock/gmock.h>

namespace mb {
namespace {

using testing::ElementsAre;

SweepRun run_of(int threads, std::vector<SweepReading> readings) {
  SweepRun run{.threads = threads, .round = 1};
  run.readings = std::move(readings);
  return run;
}

std::vector<std::string> notes_of(const SweepSeries& series) {
  std::vector<std::string> notes;
  for (const SweepPoint& point : series.points) notes.push_back(point.note);
  return notes;
}

TEST(Series, LengthsTellApartWhatOneRunGivesOfAPhase) {
  const auto readings = [](double rate) {
    return std::vector<SweepReading>{
        {.phase = "prefill", .prompt_tokens = 64, .tokens_per_second = {rate}},
        {.phase = "prefill", .prompt_tokens = 512, .tokens_per_second = {2 * rate}}};
  };
  const auto series = make_series({run_of(1, readings(5)), run_of(2, readings(9))}, {8, ""});
  ASSERT_EQ(series.size(), 2u);
  EXPECT_EQ(series[0].prompt_tokens, 64);
  EXPECT_EQ(series[1].prompt_tokens, 512);
  EXPECT_EQ(series[1].points.at(1).tokens_per_second, 18);
}

TEST(Series, PointsOfOtherTokenCountsAreMarked) {
  const auto made = [](int threads, double tokens) {
    return run_of(threads, {{.phase = "decode", .new_tokens = tokens, .tokens_per_second = {3.0}}});
  };
  const auto series = make_series({made(1, 64), made(2, 64), made(4, 31)}, {8, ""});
  EXPECT_THAT(notes_of(series.at(0)),
              ElementsAre("", "", "not comparable: 31 new tokens, others 64"));
  EXPECT_EQ(series[0].new_tokens, std::nullopt);
  EXPECT_EQ(make_series({made(1, 64)}, {8, ""}).at(0).new_tokens, 64);
}

TEST(Series, SaysWhatTheThreadsDid) {
  SweepRun alone = run_of(8, {{.phase = "decode", .tokens_per_second = {3.0}}});
  alone.usage.cpu_seconds = 5;
  alone.usage.threads_busy = 1;
  SweepRun crowd = alone;
  crowd.threads = 16;
  crowd.usage.threads_busy = 48;
  SweepRun brief = alone;
  brief.threads = 4;
  brief.usage.cpu_seconds = 0.2;
  const auto series = make_series({alone, crowd, brief}, {16, ""});
  EXPECT_THAT(notes_of(series.at(0)),
              ElementsAre("", "only one thread was busy: the count may not have arrived",
                          "48 busy threads on 16 CPUs"));
}

TEST(Series, SaysThatThreadsAreStartedAnew) {
  SweepRun anew = run_of(2, {{.phase = "decode", .tokens_per_second = {3.0}}});
  anew.usage.cpu_seconds = 5;
  anew.usage.threads_busy = 2;
  anew.usage.threads_spawned = 10;
  anew.usage.threads_seen = 30;
  SweepRun kept = anew;
  kept.threads = 4;
  kept.usage.threads_seen = 29;
  const auto series = make_series({anew, kept}, {16, ""});
  EXPECT_THAT(
      notes_of(series.at(0)),
      ElementsAre("30 threads came and went, 10 at once: started anew at each step, perhaps", ""));
}

TEST(Series, TotalAndPaddingStayApart) {
  const auto series = make_series({run_of(1, {{.phase = "mixed",
                                               .tokens_per_second = {10},
                                               .total_tokens_per_second = 25,
                                               .padding_tokens = 7}})},
                                  {1, ""});
  EXPECT_EQ(series.at(0).points.at(0).tokens_per_second, 10);
  EXPECT_EQ(series[0].points[0].total_tokens_per_second, 25);
  EXPECT_EQ(series[0].points[0].padding_tokens, 7);
}

}  // namespace
}  // namespace mb
