// The comparison in every form: its own figures, names made harmless.
#include "reports/render/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/system/child.h"
#include "data/system/files.h"
#include "tests/data/documents/samples.h"
#include "tests/reports/render/fixtures.h"
#include "tests/reports/render/fixtures_hostile.h"

namespace mb {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ComparisonText, SaysRatesIntervalsStandingCostAndWarnings) {
  const std::string text = render_comparison_text(sample_comparison());
  EXPECT_THAT(text, HasSubstr("Qwen3 4B, Q4_0"));
  EXPECT_THAT(text, HasSubstr("18.0 to 22.0"));
  EXPECT_THAT(text, HasSubstr("fastest"));
  EXPECT_THAT(text, HasSubstr("9.44 (8.60 to 10.5)"));
  EXPECT_THAT(text, HasSubstr("other: needs 16.1 GiB of 7.5 GiB"));
  EXPECT_THAT(text, HasSubstr("warning: Different plans"));
  Comparison free = sample_comparison();
  free.documents[0].price_per_hour.reset();
  EXPECT_THAT(render_comparison_text(free), Not(HasSubstr("cost")));
}

TEST(ComparisonMarkdown, IsATableWhoseCellsCannotBreakIt) {
  Comparison made = sample_comparison();
  made.models[0].phases[0].rates[0].document = "a|b\n<script>";
  const std::string text = render_comparison_markdown(made);
  EXPECT_THAT(text, HasSubstr("| Model | Phase | Document | Threads | tokens/s |"));
  EXPECT_THAT(text, HasSubstr("a\\|b \\<script\\>"));
  EXPECT_THAT(text, HasSubstr("- Warning: Different plans"));
}

TEST(ComparisonHtml, IsAPageWithTheAnswerFirst) {
  const std::string page = render_comparison_html(sample_comparison());
  EXPECT_THAT(page, HasSubstr("<h1>Qwen3 4B, Q4_0</h1>"));
  EXPECT_LT(page.find("Answers are written fastest"), page.find("Side by side"));
  EXPECT_THAT(page, HasSubstr("id=\"chart-compare_decode\""));
  EXPECT_THAT(page, HasSubstr("id=\"chart-cost_decode\""));
  EXPECT_THAT(page, HasSubstr("Different plans"));
}

TEST(ComparisonHtml, HostileNamesAreText) {
  Comparison made = sample_comparison();
  const std::string& text = fixture::hostile_text();
  made.documents[0].name = made.documents[0].machine = made.documents[0].engine = text;
  made.warnings = {text};
  made.models[0].title = made.models[0].answer = text;
  made.models[0].absent = {text};
  made.models[0].phases[0].rates[0].document = made.models[0].phases[0].rates[0].limited_by = text;
  made.figures[0].point = made.counts[0].base = made.figures[0].base = text;
  const std::string page = render_comparison_html(made);
  EXPECT_THAT(page, Not(HasSubstr("<script>window")));
  EXPECT_THAT(page, Not(HasSubstr("<img src=x")));
  render_comparison_text(made);
  render_comparison_markdown(made);
}

TEST(ComparisonCharts, ShowWhatWasComparedWithItsInterval) {
  const std::vector<Chart> charts = comparison_charts(sample_comparison());
  ASSERT_EQ(charts.size(), 2u);
  EXPECT_EQ(charts[0].id, "compare_decode");
  const ChartPoint& point = charts[0].series.at(0).points.at(0);
  EXPECT_EQ(point.y, 20);
  EXPECT_EQ(point.low, 18);
  EXPECT_EQ(charts[1].series.at(0).points.at(0).y, 9.44);
  EXPECT_THAT(point.text, HasSubstr("server: decode of Qwen3 4B, Q4_0, 3 threads: 20.0 tokens/s"));
}

TEST(ComparisonPng, IsDrawn) {
  ChildRequest version;
  version.argv = {"gnuplot", "--version"};
  if (!run_child(version).ok()) GTEST_SKIP() << "gnuplot is not installed";
  const TemporaryFolder folder;
  const auto missing = render_comparison_png(sample_comparison(), folder.path() / "c.png");
  ASSERT_FALSE(missing.has_value()) << missing->cause;
  EXPECT_GT(read_file(folder.path() / "c.png").size(), 10000u);
}

}  // namespace
}  // namespace mb
