// The gnuplot back end: charts become a script and data files in a temporary folder, gnuplot makes
// SVG (one a chart, for readers without scripts) or one PNG dashboard. No shell is involved.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/documents/machine.h"
#include "reports/render/chart.h"

namespace mb {

// What a picture says above its charts.
struct DashboardHeader {
  std::string machine;      // "Fixture CPU, 2 of 2 CPUs usable"
  std::string origin;       // version and time
  std::string answer;       // "Qwen3 4B: 2 threads for prefill, 2 for decode"
  std::string expectation;  // tokens/s of both
};

struct GnuplotRun {
  std::optional<Missing> missing;  // why there is no picture
  std::vector<std::string> svg;    // by chart, in order; empty when missing
};

// `program` is a seam for tests; "gnuplot" is found in PATH.
GnuplotRun gnuplot_svg(const std::vector<const Chart*>& charts,
                       const std::string& program = "gnuplot");
std::optional<Missing> gnuplot_png(const std::vector<const Chart*>& charts,
                                   const DashboardHeader& header, const std::filesystem::path& png,
                                   const std::string& program = "gnuplot");

// The commands that draw one chart from data files under `folder`; writes those files. A page has
// the chart's title beside the picture, a dashboard needs it inside.
std::string gnuplot_commands(const Chart& chart, const std::filesystem::path& folder,
                             const std::string& name, bool titled);

}  // namespace mb
