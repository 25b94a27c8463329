// The charts for who looks closer carry the documents' own figures, and are left out where the
// documents hold none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "reports/render/chart.h"
#include "reports/render/html_heat.h"
#include "tests/reports/render/fixtures_wide.h"

namespace mb {
namespace {

using fixture::kQwen;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

const Chart* find(const std::vector<Chart>& charts, const std::string& id,
                  const std::string& model = "") {
  const auto found = std::ranges::find_if(charts, [&](const Chart& chart) {
    return chart.id == id && (model.empty() || chart.model == model);
  });
  return found == charts.end() ? nullptr : &*found;
}

const ModelAdvice& qwen(const Recommendation& r) {
  return *std::ranges::find(r.models, kQwen, &ModelAdvice::model);
}

TEST(DetailCharts, AreThereWhenTheirFiguresAre) {
  const fixture::Documents wide = fixture::two_nodes(), small = fixture::small_guest();
  const std::vector<Chart> charts = make_charts(wide.results, wide.recommendation);
  const std::vector<Chart> few = make_charts(small.results, small.recommendation);
  for (const char* id :
       {"placement", "counters_ipc", "counters_l3", "roofline_prefill", "roofline_decode"}) {
    EXPECT_NE(find(charts, id), nullptr) << id;
    EXPECT_EQ(find(few, id), nullptr) << id;
  }
  for (const char* id : {"by_prompt", "shares", "levers", "timeline"}) {
    EXPECT_NE(find(charts, id), nullptr) << id;
  }
  fixture::Documents old = fixture::small_guest();  // of an earlier program
  old.recommendation.scenario.reset();
  for (ModelAdvice& model : old.recommendation.models) {
    model.by_prompt.clear();
    model.levers.clear();
    model.prefill.expected.share_by_term.clear();
    model.decode.expected.share_by_term.clear();
  }
  const std::vector<Chart> before = make_charts(old.results, old.recommendation);
  for (const char* id : {"by_prompt", "shares", "levers", "timeline"}) {
    EXPECT_EQ(find(before, id), nullptr) << id;
  }
}

TEST(DetailCharts, PromptLengthsHaveRegimesAsBandsThatMeet) {
  const fixture::Documents d = fixture::small_guest();
  const std::vector<Chart> charts = make_charts(d.results, d.recommendation);
  const Chart* chart = find(charts, "by_prompt", kQwen);
  ASSERT_NE(chart, nullptr);
  ASSERT_EQ(chart->series.size(), 2u);
  const ModelAdvice& advice = qwen(d.recommendation);
  for (std::size_t i = 0; i < 5; ++i) {
    const ChartPoint& point = chart->series[0].points.at(i);
    EXPECT_EQ(point.x, static_cast<double>(advice.by_prompt[i].prompt_tokens));
    EXPECT_EQ(point.y, advice.by_prompt[i].tokens_per_second);
    EXPECT_EQ(point.low, advice.by_prompt[i].low);
  }
  ASSERT_EQ(chart->bands.size(), 2u);
  EXPECT_EQ(chart->bands[0].label, "dispatch-bound prefill");
  EXPECT_EQ(chart->bands[1].label, "streaming prefill");
  EXPECT_EQ(chart->bands[0].from, chart->x.min);
  EXPECT_EQ(chart->bands[0].to, 128);
  EXPECT_EQ(chart->bands[1].from, 128);
  EXPECT_EQ(chart->bands[1].to, chart->x.max);
}

TEST(DetailCharts, SharesOfARowFollowEachOtherAndEndAtOne) {
  const fixture::Documents d = fixture::small_guest();
  const std::vector<Chart> charts = make_charts(d.results, d.recommendation);
  const Chart* chart = find(charts, "shares", kQwen);
  ASSERT_NE(chart, nullptr);
  EXPECT_TRUE(chart->lying());
  ASSERT_EQ(chart->x.ticks.size(), 6u);
  EXPECT_EQ(chart->x.ticks[0].label, "memory-bound: 512 cached");
  for (const ChartTick& row : chart->x.ticks) {
    double end = 0;
    for (const ChartSeries& series : chart->series) {
      for (const ChartPoint& point : series.points) {
        if (point.x != row.at) continue;
        EXPECT_NEAR(*point.from, end, 1e-12) << row.label;
        end += point.y;
      }
    }
    EXPECT_NEAR(end, 1, 1e-9) << row.label;
  }
}

TEST(DetailCharts, LeversAreOrderedAndThoseWithoutAFigureLeftOut) {
  const fixture::Documents d = fixture::small_guest();
  const std::vector<Chart> charts = make_charts(d.results, d.recommendation);
  const Chart* chart = find(charts, "levers", kQwen);
  ASSERT_NE(chart, nullptr);
  ASSERT_EQ(chart->x.ticks.size(), 3u);
  EXPECT_THAT(chart->x.ticks[0].label, HasSubstr("8 sequences"));
  EXPECT_EQ(chart->series.at(1).label, "decode");
  EXPECT_EQ(chart->series[1].points.at(0).y, 3.1);
  EXPECT_THAT(chart->marks, Contains(Field(&ChartMark::x, 1)));
}

TEST(DetailCharts, TheConversationRunsAlongTheClock) {
  const fixture::Documents d = fixture::small_guest();
  const std::vector<Chart> charts = make_charts(d.results, d.recommendation);
  const Chart* chart = find(charts, "timeline");
  ASSERT_NE(chart, nullptr);
  const auto& phases = d.recommendation.scenario->phases;
  const ChartPoint& last = chart->series.at(1).points.back();
  EXPECT_EQ(last.x, 3);
  EXPECT_EQ(last.from, phases.back().start_seconds);
  EXPECT_EQ(last.y, phases.back().seconds);
}

TEST(DetailCharts, ARooflineHasTheRoofAndEveryOperationByName) {
  const fixture::Documents d = fixture::two_nodes();
  const std::vector<Chart> charts = make_charts(d.results, d.recommendation);
  const Chart* chart = find(charts, "roofline_decode");
  ASSERT_NE(chart, nullptr);
  const Roofline& roof = d.recommendation.rooflines.at(0);
  ASSERT_EQ(chart->series.size(), 1 + roof.operations.size());
  EXPECT_EQ(chart->series[0].points.size(), 3u);
  EXPECT_EQ(chart->series[1].points.at(0).x, roof.operations[0].flops_per_byte);
  EXPECT_EQ(chart->series[1].label, "gate up");
  EXPECT_THAT(chart->series[1].points.at(0).text, HasSubstr("63.5 % of the roof there"));
  EXPECT_TRUE(chart->x.logarithmic && chart->y.logarithmic);
}

TEST(DetailCharts, ATooltipSaysValueIntervalSamplesAndVerdict) {
  const fixture::Documents d = fixture::two_nodes();
  const std::vector<Chart> charts = make_charts(d.results, d.recommendation);
  const std::string measured = find(charts, "placement")->series.at(0).points.at(0).text;
  EXPECT_THAT(measured, HasSubstr("GB/s (95 % interval "));
  EXPECT_THAT(measured, HasSubstr("9 samples, valid"));
  const ChartSeries& predicted = find(charts, "decode", kQwen)->series.at(0);
  EXPECT_EQ(predicted.common, "decode with 512 in the cache, Qwen3 4B, Q4_0, predicted");
  EXPECT_THAT(predicted.points.at(0).text, HasSubstr("tokens/s (90 % interval "));
  const std::string cold = find(charts, "by_prompt", kQwen)->series.at(0).points.at(0).text;
  EXPECT_THAT(cold, HasSubstr("prefill of 8 tokens on an empty cache (cold)"));
}

TEST(HeatTables, PrintEveryFigureOverAColour) {
  const fixture::Documents d = fixture::two_nodes();
  const std::string nodes = html::node_tables(d.results);
  EXPECT_THAT(nodes, HasSubstr("<td class=\"n h6\" title=\"95 % interval "));
  EXPECT_THAT(nodes, HasSubstr(">90.0 GB/s</td>"));
  EXPECT_THAT(nodes, HasSubstr(">38.0 GB/s</td>"));
  EXPECT_THAT(nodes, HasSubstr(">150 ns</td>"));
  const std::string pairs = html::handoff_table(d.results);
  EXPECT_THAT(pairs, HasSubstr("<td class=\"n none\">–</td>"));
  EXPECT_THAT(pairs, HasSubstr("<span class=\"verdict noisy\">noisy</span>"));
  const fixture::Documents small = fixture::small_guest();
  EXPECT_EQ(html::node_tables(small.results) + html::handoff_table(small.results), "");
}

}  // namespace
}  // namespace mb
