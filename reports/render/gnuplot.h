// The gnuplot back end: charts become a script with the data inside, gnuplot makes SVG (one a
// chart, for readers without scripts), one PNG dashboard or one PNG a chart. No shell is involved.
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

// One PNG a chart in `folder` (made when it is not there), ID.png or ID-MODEL.png, and the script
// beside each, which draws it anew by itself: gnuplot ID.gp. Without gnuplot the scripts alone.
std::optional<Missing> gnuplot_png_folder(const std::vector<const Chart*>& charts,
                                          const std::filesystem::path& folder,
                                          const std::string& program = "gnuplot");

// The commands that draw one chart, its data blocks named after `name` (letters and digits). A page
// has the chart's title beside the picture, a dashboard needs it inside.
std::string gnuplot_commands(const Chart& chart, const std::string& name, bool titled);

}  // namespace mb
