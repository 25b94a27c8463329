// Pictures: with gnuplot they are made, without it the document says what to install, and nothing
// in a document can become a plot command.
#include "reports/render/gnuplot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/system/child.h"
#include "data/system/files.h"
#include "reports/render/escape.h"
#include "reports/render/render.h"
#include "tests/reports/render/fixtures.h"

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

TEST(Gnuplot, WithoutTheProgramTheReasonAndTheRemedyAreGiven) {
  const fixture::Documents d = fixture::small_guest();
  const std::vector<Chart> charts = machine_charts(d.results, d.recommendation);
  const TemporaryFolder folder;
  const auto missing =
      gnuplot_png(all(charts), {}, folder.path() / "report.png", "no-such-gnuplot");
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(missing->remedy, "apt install gnuplot-nox");
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

TEST(Gnuplot, HostileNamesDrawAndRunNothing) {
  const fixture::Documents d = fixture::hostile();
  std::filesystem::remove("/tmp/harm");
  const std::vector<Chart> charts = make_charts(d.results, d.recommendation);
  const TemporaryFolder folder;
  for (const Chart& chart : charts) {
    const std::string commands = gnuplot_commands(chart, folder.path(), "c", true);
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
