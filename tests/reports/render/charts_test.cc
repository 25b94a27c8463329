// Charts carry the documents' own figures: each point is found again in the document it came from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "reports/render/chart.h"
#include "tests/reports/render/fixtures.h"

namespace mb {
namespace {

using fixture::kQwen;

using testing::Contains;
using testing::DoubleNear;
using testing::Field;

const Chart* find_chart(const std::vector<Chart>& charts, const std::string& id,
                        const std::string& model = "") {
  for (const Chart& chart : charts) {
    if (chart.id == id && (model.empty() || chart.model == model)) return &chart;
  }
  return nullptr;
}

const ChartSeries* find_series(const Chart& chart, const std::string& label) {
  for (const ChartSeries& series : chart.series) {
    if (series.label == label) return &series;
  }
  return nullptr;
}

TEST(Charts, EveryKindIsThereWhenItsPointsAre) {
  const fixture::Documents d = fixture::smt_machine();
  const std::vector<Chart> charts = make_charts(d.results, d.recommendation);
  for (const char* id :
       {"prefill", "decode", "bandwidth_threads", "working_set", "attention", "dispatch", "shm"}) {
    EXPECT_NE(find_chart(charts, id), nullptr) << id;
  }
}

TEST(Charts, NoPointsNoCharts) { EXPECT_TRUE(make_charts(Results{}, Recommendation{}).empty()); }

TEST(Charts, BandwidthPointsAreTheDocumentsMediansAndIntervals) {
  const fixture::Documents d = fixture::smt_machine();
  const std::vector<Chart> charts = machine_charts(d.results, d.recommendation);
  const Chart* chart = find_chart(charts, "bandwidth_threads");
  ASSERT_NE(chart, nullptr);
  EXPECT_EQ(chart->y.title, "GB/s");
  const ChartSeries* series = find_series(*chart, "read, huge");
  ASSERT_NE(series, nullptr);
  ASSERT_EQ(series->points.size(), fixture::Size({12, 2}).counts().size());
  for (const ChartPoint& point : series->points) {
    const Point* source = d.results.find("stream_bandwidth/read/dram/page:thp/threads:" +
                                         std::to_string(static_cast<int>(point.x)));
    ASSERT_NE(source, nullptr);
    EXPECT_DOUBLE_EQ(point.y * 1e9, source->summary.median);
    EXPECT_DOUBLE_EQ(*point.low * 1e9, source->summary.low);
    EXPECT_DOUBLE_EQ(*point.high * 1e9, source->summary.high);
  }
}

TEST(Charts, AttentionOfOneCoreByTwoThreadsIsASeriesOfItsOwn) {
  fixture::Documents d = fixture::smt_machine();
  Point on_one_core;
  for (const Point& point : d.results.points) {
    if (point.probe == "attention_kv" && point.parameters.has("positions")) on_one_core = point;
  }
  on_one_core.parameters.set("placement", std::string("compact")).set("threads", 2);
  d.results.points.push_back(on_one_core);
  const std::vector<Chart> charts = make_charts(d.results, d.recommendation);
  const Chart* chart = find_chart(charts, "attention");
  ASSERT_NE(chart, nullptr);
  const ChartSeries* series = find_series(*chart, "2 threads on one core");
  ASSERT_NE(series, nullptr);
  EXPECT_EQ(series->points.size(), 1u);
}

TEST(Charts, PageKindsAreNamedOnlyWhereThereAreSeveral) {
  const fixture::Documents d = fixture::small_guest();
  const std::vector<Chart> charts = machine_charts(d.results, d.recommendation);
  const Chart* chart = find_chart(charts, "bandwidth_threads");
  ASSERT_NE(chart, nullptr);
  EXPECT_NE(find_series(*chart, "read, 4 KiB"), nullptr);
  EXPECT_NE(find_series(*chart, "copy"), nullptr);
}

TEST(Charts, ANoisyPointStaysNoisy) {
  const fixture::Documents d = fixture::small_guest();
  const std::vector<Chart> charts = machine_charts(d.results, d.recommendation);
  const Chart* chart = find_chart(charts, "bandwidth_threads");
  ASSERT_NE(chart, nullptr);
  const ChartSeries* copy = find_series(*chart, "copy");
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(copy->points.front().validity, Validity::kValid);
  EXPECT_EQ(copy->points.back().validity, Validity::kNoisy);
  EXPECT_NE(copy->points.back().text.find("noisy"), std::string::npos);
}

TEST(Charts, AnUnavailablePointIsLeftOut) {
  fixture::Documents d = fixture::small_guest();
  for (Point& point : d.results.points) point.verdict.validity = Validity::kUnavailable;
  EXPECT_TRUE(machine_charts(d.results, {}).empty());
}

TEST(Charts, ACacheLevelIsMarkedWhereItIsSeenToEnd) {
  const fixture::Documents d = fixture::small_guest();
  const std::vector<Chart> charts = machine_charts(d.results, d.recommendation);
  const Chart* chart = find_chart(charts, "working_set");
  ASSERT_NE(chart, nullptr);
  EXPECT_THAT(chart->marks, Contains(Field(&ChartMark::label, "L2 1 MiB")));
  EXPECT_THAT(chart->marks, Contains(Field(&ChartMark::label, "L3 10.7 MiB of 32 MiB")));
}

TEST(Charts, PredictionsAndStepsAreTheRecommendationsFigures) {
  const fixture::Documents d = fixture::smt_machine();
  const std::vector<Chart> charts = make_charts(d.results, d.recommendation);
  const Chart* chart = find_chart(charts, "decode", kQwen);
  ASSERT_NE(chart, nullptr);
  ASSERT_EQ(chart->series.size(), 2u);
  const auto advice = std::find_if(d.recommendation.models.begin(), d.recommendation.models.end(),
                                   [](const ModelAdvice& model) { return model.model == kQwen; });
  std::size_t matched = 0;
  for (const Prediction& prediction : advice->predictions) {
    if (prediction.phase != "decode") continue;
    const ChartPoint& point = chart->series[0].points.at(matched++);
    EXPECT_EQ(point.x, prediction.threads);
    EXPECT_EQ(point.y, prediction.tokens_per_second);
    EXPECT_EQ(point.low, prediction.low);
    EXPECT_EQ(point.high, prediction.high);
  }
  EXPECT_EQ(matched, chart->series[0].points.size());
  EXPECT_EQ(chart->series[1].points.size(), fixture::Size({12, 2}).counts().size());
}

TEST(Charts, TheAdvisedCountSitsOnItsTokensPerSecond) {
  const fixture::Documents d = fixture::smt_machine();
  const std::vector<Chart> charts = make_charts(d.results, d.recommendation);
  const Chart* chart = find_chart(charts, "decode", kQwen);
  ASSERT_NE(chart, nullptr);
  const auto advice = std::find_if(d.recommendation.models.begin(), d.recommendation.models.end(),
                                   [](const ModelAdvice& model) { return model.model == kQwen; });
  bool found = false;
  for (const ChartMark& mark : chart->marks) {
    if (!mark.y) continue;
    found = true;
    EXPECT_EQ(mark.x, advice->decode.threads);
    EXPECT_EQ(*mark.y, advice->decode.expected.tokens_per_second);
  }
  EXPECT_TRUE(found);
  EXPECT_THAT(chart->marks, Contains(Field(&ChartMark::label, "12 cores")));
}

TEST(Charts, PredictionsOfAnotherPromptAreNotMixedIn) {
  fixture::Documents d = fixture::small_guest();
  Prediction other = d.recommendation.models[0].predictions[0];
  other.prompt_tokens = 4096;
  other.tokens_per_second = 1;
  d.recommendation.models[0].predictions.push_back(other);
  const std::vector<Chart> charts = make_charts(d.results, d.recommendation);
  const Chart* chart = find_chart(charts, "prefill", d.recommendation.models[0].model);
  ASSERT_NE(chart, nullptr);
  EXPECT_EQ(chart->series[0].points.size(), 2u);
}

TEST(Charts, OfHundredsOfCountsThoseThatShowTheCurveAreDrawn) {
  fixture::Documents d = fixture::small_guest();
  ModelAdvice& advice = d.recommendation.models[0];
  const Prediction sample = advice.predictions[0];
  std::erase_if(advice.predictions, [&](const Prediction& p) { return p.phase == sample.phase; });
  for (int threads = 1; threads <= 192; ++threads) {  // a cliff behind 97
    Prediction one = sample;
    one.threads = threads;
    one.tokens_per_second = threads <= 97 ? 100 : 50;
    advice.predictions.push_back(one);
  }
  (sample.phase == "prefill" ? advice.prefill : advice.decode).threads = 61;
  const std::vector<Chart> charts = make_charts(d.results, d.recommendation);
  const Chart* chart = find_chart(charts, sample.phase, advice.model);
  ASSERT_NE(chart, nullptr);
  std::vector<double> drawn;
  for (const ChartPoint& point : chart->series[0].points) drawn.push_back(point.x);
  EXPECT_THAT(drawn, testing::SizeIs(testing::Lt(96u)));
  for (const double count : {1, 2, 31, 32, 61, 64, 97, 98, 192}) {
    EXPECT_THAT(drawn, Contains(count));
  }
  EXPECT_THAT(drawn, testing::Not(Contains(99)));
  EXPECT_TRUE(std::ranges::is_sorted(drawn));
}

TEST(Charts, TheLeadingModelIsOneWhoseStepsWereMeasured) {
  fixture::Documents d = fixture::small_guest();
  EXPECT_EQ(leading_model(d.recommendation)->model, kQwen);
  d.recommendation.curves.clear();
  EXPECT_EQ(leading_model(d.recommendation)->model, d.recommendation.models.front().model);
  d.recommendation.models.clear();
  EXPECT_EQ(leading_model(d.recommendation), nullptr);
}

TEST(Charts, ThreadTicksAreWholeNumbersAndFew) {
  for (const double most : {1.0, 2.0, 12.0, 24.0, 32.0, 48.0, 192.0}) {
    ChartSeries series;
    series.points = {{.x = 1, .y = 1}, {.x = most, .y = 1}};
    const ChartAxis axis = thread_axis({series});
    EXPECT_LE(axis.ticks.size(), 12u) << most;
    EXPECT_GE(axis.ticks.size(), 1u) << most;
    EXPECT_LT(axis.min, 1);
    EXPECT_GT(axis.max, most);
    for (const ChartTick& tick : axis.ticks) {
      EXPECT_EQ(tick.label.find('.'), std::string::npos) << tick.label;
      EXPECT_GE(tick.at, axis.min);
      EXPECT_LE(tick.at, axis.max);
    }
  }
}

}  // namespace
}  // namespace mb
