// Pictures: with gnuplot they are made, without it the document says what to install, and nothing
// in a document can become a plot command.
#include "reports/render/gnuplot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "data/error.h"
#include "data/system/child.h"
#include "data/system/files.h"
#include "reports/render/escape.h"
#include "reports/render/render.h"
#include "tests/reports/render/fixtures_hostile.h"
#include "tests/reports/render/fixtures_wide.h"

namespace mb {
namespace {

using testing::HasSubstr;
using testing::Not;

bool has_gnuplot() {
  ChildRequest request;
  request.argv = {"gnuplot", "--version"};
  return run_child(request).ok();
}

std::vector<const Chart*> all(const std::vector<Chart>& charts) {
  std::vector<const Chart*> pointers;
  for (const Chart& chart : charts) pointers.push_back(&chart);
  return pointers;
}

// What gnuplot says of a script. In a root without locale data gnuplot 6 also says, at "set
// encoding", that it has no degree sign: that is the root's, and no script of ours draws one.
std::string complaints(const std::string& standard_error) {
  std::istringstream lines(standard_error);
  std::string all;
  for (std::string line; std::getline(lines, line);) {
    if (!line.ends_with("warning: iconv failed to convert degree sign")) all += line + "\n";
  }
  return all;
}

TEST(Gnuplot, WithoutTheProgramTheReasonAndTheRemedyAreGiven) {
  const fixture::Documents d = fixture::small_guest();
  const std::vector<Chart> charts = machine_charts(d.results, d.recommendation);
  const TemporaryFolder folder;
  const auto missing =
      gnuplot_png(all(charts), {}, folder.path() / "report.png", "no-such-gnuplot");
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(missing->remedy, "apt install gnuplot-nox, or dnf install gnuplot");
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "report.png"));
  const GnuplotRun run = gnuplot_svg(all(charts), "no-such-gnuplot");
  EXPECT_TRUE(run.missing.has_value());
  EXPECT_TRUE(run.svg.empty());
}

TEST(Gnuplot, AProgramThatFailsIsQuoted) {
  const fixture::Documents d = fixture::small_guest();
  const std::vector<Chart> charts = machine_charts(d.results, d.recommendation);
  const GnuplotRun run = gnuplot_svg(all(charts), "false");
  ASSERT_TRUE(run.missing.has_value());
  EXPECT_THAT(run.missing->cause, HasSubstr("exit"));
}

TEST(Gnuplot, OneSvgAChartAndAPngOfTheRightSize) {
  if (!has_gnuplot()) GTEST_SKIP() << "gnuplot is not installed";
  const fixture::Documents d = fixture::smt_machine();
  const std::vector<Chart> charts = machine_charts(d.results, d.recommendation);
  const GnuplotRun run = gnuplot_svg(all(charts));
  EXPECT_FALSE(run.missing.has_value()) << run.missing->cause;
  ASSERT_EQ(run.svg.size(), charts.size());
  for (const std::string& svg : run.svg) EXPECT_THAT(svg, HasSubstr("</svg>"));
  const TemporaryFolder folder;
  ASSERT_FALSE(render_png(d.results, d.recommendation, folder.path() / "report.png").has_value());
  const std::string png = read_file(folder.path() / "report.png");
  ASSERT_GT(png.size(), 20000u);
  EXPECT_EQ(png.substr(1, 3), "PNG");
  EXPECT_EQ(png.substr(16, 8), std::string("\0\0\x06\x40\0\0\x03\xe8", 8)) << "1600 x 1000";
}

TEST(Gnuplot, AFolderHasAPictureAChartAndAScriptThatDrawsItAgain) {
  if (!has_gnuplot()) GTEST_SKIP() << "gnuplot is not installed";
  const fixture::Documents d = fixture::two_nodes();
  const TemporaryFolder folder;
  const std::filesystem::path made = folder.path() / "charts";
  ASSERT_FALSE(render_png_folder(d.results, d.recommendation, made).has_value());
  for (const char* name : {"decode-qwen3-4b-q4_0", "shares-qwen3-4b-q4_0", "bandwidth_threads",
                           "roofline_decode", "timeline"}) {
    const std::string png = read_file(made / (std::string(name) + ".png"));
    EXPECT_EQ(png.substr(1, 3), "PNG") << name;
    EXPECT_GT(png.size(), 5000u) << name;
  }
  const std::string drawn = read_file(made / "timeline.png");
  std::filesystem::remove(made / "timeline.png");
  ChildRequest again;  // from another folder's files it needs nothing
  again.argv = {"sh", "-c", "cd \"$1\" && gnuplot timeline.gp", "sh", made.string()};
  const ChildResult result = run_child(again);
  EXPECT_TRUE(result.ok()) << result.standard_error;
  EXPECT_EQ(complaints(result.standard_error), "");
  EXPECT_TRUE(read_file(made / "timeline.png") == drawn) << "another picture than at first";
}

TEST(Gnuplot, WithoutTheProgramTheScriptsAreThereAndAFileIsNoFolder) {
  const fixture::Documents d = fixture::small_guest();
  const std::vector<Chart> charts = machine_charts(d.results, d.recommendation);
  const TemporaryFolder folder;
  EXPECT_TRUE(gnuplot_png_folder(all(charts), folder.path() / "c", "no-such-gnuplot").has_value());
  EXPECT_THAT(read_file(folder.path() / "c" / "dispatch.gp"), HasSubstr("$c"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "c" / "dispatch.png"));
  write_file_atomically(folder.path() / "file", "x");
  EXPECT_THROW(gnuplot_png_folder(all(charts), folder.path() / "file"), Error);
}

TEST(Gnuplot, ANarrowBandKeepsItsFirstWord) {
  Chart chart{.id = "bands", .title = "Bands"};
  chart.x.logarithmic = true;
  chart.x.min = 1;
  chart.x.max = 10000;
  chart.series = {{.label = "rates", .points = {{.x = 10, .y = 1}, {.x = 100, .y = 2}}}};
  chart.bands = {{1, 9, "dispatch-bound prefill"}, {9, 10000, "streaming prefill"}};
  std::string script = gnuplot_commands(chart, "$Data", false);
  EXPECT_THAT(script, HasSubstr("dispatch-bound"));
  EXPECT_THAT(script, Not(HasSubstr("dispatch-bound prefill")));
  EXPECT_THAT(script, HasSubstr("streaming prefill"));
  chart.bands.front().to = chart.bands.back().from = 11;  // just over a quarter of the axis
  script = gnuplot_commands(chart, "$Data", false);
  EXPECT_THAT(script, HasSubstr("dispatch-bound prefill"));
}

TEST(Gnuplot, HostileNamesDrawAndRunNothing) {
  const fixture::Documents d = fixture::hostile();
  std::filesystem::remove("/tmp/harm");
  const std::vector<Chart> charts = make_charts(d.results, d.recommendation);
  const TemporaryFolder folder;
  for (const Chart& chart : charts) {
    const std::string commands = gnuplot_commands(chart, "c", true);
    // Outside single-quoted strings no byte of a document is left.
    bool quoted = false;
    std::string bare;
    for (const char c : commands) {
      if (c == '\'') {
        quoted = !quoted;
      } else if (!quoted) {
        bare += c;
      }
    }
    EXPECT_FALSE(quoted);
    EXPECT_THAT(bare, Not(HasSubstr("harm")));
    EXPECT_THAT(bare, Not(HasSubstr("`")));
  }
  if (!has_gnuplot()) GTEST_SKIP() << "gnuplot is not installed";
  const auto missing = render_png(d.results, d.recommendation, folder.path() / "hostile.png");
  EXPECT_FALSE(missing.has_value()) << missing->cause;
  EXPECT_FALSE(std::filesystem::exists("/tmp/harm"));
}

}  // namespace
}  // namespace mb
