#include "reports/cli/sweep_text.h"

#include <gmock/gmock.h>

#include "data/error.h"

namespace mb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

SweepSeries series_of(const std::string& label, const std::vector<std::pair<int, double>>& points) {
  SweepSeries series{.phase = "decode", .label = label};
  for (const auto& [threads, rate] : points) {
    SweepPoint point;
    point.threads = threads;
    point.tokens_per_second = rate;
    series.points.push_back(point);
  }
  return series;
}

TEST(Vary, KnowsListsRangesAndWordsWithDashes) {
  const VaryText vary = parse_vary("batch=1,4-12:4");
  EXPECT_EQ(vary.name, "batch");
  EXPECT_THAT(vary.values, ElementsAre("1", "4", "8", "12"));
  EXPECT_THAT(parse_vary("model=gemma-3-1b,qwen3-4b").values,
              ElementsAre("gemma-3-1b", "qwen3-4b"));
  EXPECT_THAT(parse_vary("mode=,--compile").values, ElementsAre("", "--compile"));
  EXPECT_THAT(parse_vary("--depth=-1,0").values, ElementsAre("-1", "0"));
  EXPECT_THROW(parse_vary("batch"), Error);
  EXPECT_THROW(parse_vary("=1"), Error);
}

TEST(Conditions, TellTheLossOfTheAdvice) {
  Sweep sweep;
  sweep.series = {series_of("pinned", {{2, 10}, {4, 20}}),
                  series_of("unpinned", {{2, 12}, {4, 10}}),
                  series_of("pinned, beside ffmpeg", {{2, 9}, {4, 15}}),
                  series_of("pinned, engine's default", {{8, 16}})};
  std::vector<SeriesFit> fits(4);
  for (SeriesFit& fit : fits) fit.recommended_threads = 4;
  EXPECT_THAT(
      condition_lines(sweep, fits),
      ElementsAre(
          "decode (pinned), unpinned: 10.0 tokens/s with the advised 4 threads, 50.0 % less "
          "than without; best there 2 threads, 20.0 % more",
          "decode (pinned), beside ffmpeg: 15.0 tokens/s with the advised 4 threads, 25.0 % "
          "less than without; best there 4 threads, 0.0 % more",
          "decode (pinned), engine's default: 8 threads, 16.0 tokens/s, 20.0 % less than "
          "the advised 4"));
}

TEST(SweepTable, ShowsPointsRemarksAndWhatFailed) {
  Sweep sweep;
  sweep.series = {series_of("", {{1, 5.5}, {2, 10}})};
  sweep.series[0].points[1] = {.threads = 2, .status = "invalid", .note = "exit 1: no memory"};
  sweep.series[0].points[0].total_tokens_per_second = 12;
  EXPECT_EQ(sweep_table(sweep),
            "decode\n threads    tokens/s\n       1        5.50  12.0 with input\n"
            "       2     invalid  exit 1: no memory\n");
  sweep.kind = "prompt-length";
  EXPECT_THAT(sweep_table(sweep), HasSubstr("prompt"));
}

}  // namespace
}  // namespace mb
