#include "reports/render/sweep_charts.h"

#include <gmock/gmock.h>

namespace mb {
namespace {

SweepSeries series_of(const std::string& phase, const std::string& label) {
  SweepSeries series{.phase = phase, .label = label};
  for (const int threads : {1, 2, 4}) {
    SweepPoint point;
    point.threads = threads;
    point.tokens_per_second = 10.0 * threads;
    point.samples = {9.0 * threads, 10.0 * threads, 12.0 * threads};
    series.points.push_back(point);
  }
  return series;
}

TEST(SweepCharts, PutEverySeriesOfAPhaseIntoOnePicture) {
  Sweep sweep;
  sweep.series = {series_of("prefill", "small"), series_of("decode", "small"),
                  series_of("prefill", "large")};
  sweep.series[2].points[1].tokens_per_second.reset();  // it failed
  std::vector<SeriesFit> fits(3);
  fits[0].recommended_threads = 4;
  const std::vector<Chart> charts = sweep_charts(sweep, fits);
  ASSERT_EQ(charts.size(), 2u);
  ASSERT_EQ(charts[0].series.size(), 2u);
  EXPECT_EQ(charts[0].series[0].label, "small");
  EXPECT_EQ(charts[0].series[1].label, "large");
  EXPECT_NE(charts[0].series[0].colour, charts[0].series[1].colour);
  EXPECT_EQ(charts[0].series[1].points.size(), 2u);
  EXPECT_EQ(charts[0].series[0].points[2].low, 36);
  ASSERT_EQ(charts[0].marks.size(), 1u);
  EXPECT_EQ(charts[0].marks[0].x, 4);
  EXPECT_EQ(charts[1].id, "decode");
}

TEST(SweepCharts, GoOverTheLengthThatWasVaried) {
  Sweep sweep;
  sweep.kind = "prompt-length";
  SweepSeries series{.phase = "prefill"};
  series.points.resize(2);
  series.points[0].prompt_tokens = 64;
  series.points[0].tokens_per_second = 5;
  series.points[1].prompt_tokens = 512;
  series.points[1].tokens_per_second = 9;
  sweep.series = {series};
  const std::vector<Chart> charts = sweep_charts(sweep, {});
  ASSERT_EQ(charts.size(), 1u);
  EXPECT_EQ(charts[0].x.title, "prompt, tokens");
  EXPECT_EQ(charts[0].series[0].points[1].x, 512);
}

TEST(SweepCharts, SayWhyThereIsNoPicture) {
  EXPECT_TRUE(sweep_png(Sweep(), {}, "/no/such/folder/a.png").has_value());
}

}  // namespace
}  // namespace mb
