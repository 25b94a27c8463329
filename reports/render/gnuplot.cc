// Runs gnuplot once for all charts that are asked for: a script in a temporary folder, pictures out
// of it.
#include "reports/render/gnuplot.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/error.h"
#include "data/system/child.h"
#include "data/system/files.h"
#include "reports/render/escape.h"
#include "reports/render/gnuplot_colours.h"

namespace mb {
namespace {

// Runs a script; Missing when there is no gnuplot or it refused.
std::optional<Missing> run(const std::filesystem::path& folder, const std::string& script,
                           const std::string& program, const std::string& what) {
  const std::filesystem::path file = folder / "charts.gp";
  write_file_atomically(file, script);
  ChildRequest request;
  request.argv = {program, file.string()};
  // Start-up files of the user would change the pictures; a missing display is of no concern.
  request.environment = {{"HOME", folder.string()}, {"DISPLAY", ""}, {"LC_ALL", "C.UTF-8"}};
  request.timeout_seconds = 60;
  const ChildResult result = run_child(request);
  if (result.not_found) {
    return Missing{what, "gnuplot is not installed",
                   "apt install gnuplot-nox, or dnf install gnuplot"};
  }
  if (!result.ok()) {
    const std::string said = clip_text(result.standard_error, 300);
    return Missing{
        what, fmt::format("gnuplot: {}{}{}", result.describe(), said.empty() ? "" : ": ", said),
        "run the report again; with another gnuplot if it repeats"};
  }
  return {};
}

std::string header_labels(const DashboardHeader& header) {
  // The answer leads; whose machine it is stands above it, smaller.
  std::string script;
  auto text = [&script, tag = 1000](const std::string& words, double x, double y,
                                    std::string_view side, int size,
                                    std::string_view colour) mutable {
    script += fmt::format("set label {} {} at screen {},{} {} font ',{}' tc rgb '{}'\n", ++tag,
                          gnuplot_string(words), x, y, side, size, colour);
  };
  text(header.machine, 0.025, 0.965, "left", 13, kMuted);
  text(header.origin, 0.975, 0.965, "right", 11, kMuted);
  text(header.answer, 0.025, 0.918, "left", 24, kInk);
  text(header.expectation, 0.025, 0.872, "left", 15, kInk);
  return script;
}

// Room for the names of a lying chart's rows.
int picture_height(const Chart& chart, int usual) {
  constexpr int kRow = 26, kAround = 150;
  return chart.lying() ? std::max(usual, kAround + kRow * static_cast<int>(chart.x.ticks.size()))
                       : usual;
}

// What comes before a chart that has a PNG of its own.
std::string png_set_up(const Chart& chart) {
  return fmt::format(
      "reset\nset terminal pngcairo noenhanced size 1000,{} font 'sans,13' background '#fdfcf9' "
      "linewidth "
      "1.4\n"
      "set lmargin 9\nset rmargin 3\nset tmargin 3.6\nset bmargin 6.4\n"
      "set key bmargin left Left reverse horizontal samplen 1.5 noenhanced tc rgb '{}'\n",
      picture_height(chart, 640), kInk);
}

// The chart's id and model as a file's name.
std::string file_stem(const Chart& chart) {
  std::string stem = chart.id + (chart.model.empty() ? "" : "-" + chart.model);
  for (char& c : stem) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-' || c == '_';
    if (!plain) c = '-';
  }
  constexpr std::size_t kLongest = 80;
  return stem.substr(0, kLongest);
}

}  // namespace

GnuplotRun gnuplot_svg(const std::vector<const Chart*>& charts, const std::string& program) {
  GnuplotRun result;
  const TemporaryFolder folder;
  std::string script = gnuplot_style();
  std::vector<std::filesystem::path> files;
  for (const Chart* chart : charts) {
    files.push_back(folder.path() / fmt::format("{}.svg", files.size()));
    script +=
        fmt::format(
            "set terminal svg noenhanced size 560,{} font 'sans-serif,14' background "
            "'#ffffff'\n",
            picture_height(*chart, 370)) +
        "set lmargin 8\nset rmargin 2\nset tmargin 2.2\nset bmargin 6.6\n"
        "set key bmargin left Left reverse horizontal samplen 1.5 noenhanced tc rgb '#1d2129'\n" +
        fmt::format("set output {}\n", gnuplot_string(files.back().string())) +
        gnuplot_commands(*chart, fmt::format("c{}", files.size()), false) + "unset output\n";
  }
  result.missing = run(folder.path(), script, program, "pictures for readers without scripts");
  if (!result.missing) {
    for (const std::filesystem::path& file : files) result.svg.push_back(read_file(file));
  }
  return result;
}

std::optional<Missing> gnuplot_png(const std::vector<const Chart*>& charts,
                                   const DashboardHeader& header, const std::filesystem::path& png,
                                   const std::string& program) {
  const TemporaryFolder folder;
  const std::filesystem::path picture = folder.path() / "dashboard.png";
  // 1600 x 1000 with 17 px type: legible when shown at half its size.
  std::string script =
      "set terminal pngcairo noenhanced size 1600,1000 font 'sans,12.5' "
      "background '#fdfcf9' linewidth 1.3\n";
  script += fmt::format("set output {}\n", gnuplot_string(picture.string())) + gnuplot_style();
  script += "set multiplot\n";
  script += header_labels(header);
  // An invisible plot carries the header; each chart then clears the labels.
  script +=
      "set origin 0,0\nset size 1,1\nunset border\nunset tics\nunset key\nset xrange [0:1]\n"
      "set yrange [0:1]\nplot -10 notitle\n" +
      gnuplot_style();
  constexpr int kMostColumns = 3, kMostRows = 2;
  constexpr double kTop = 0.835;
  const int shown = std::min(static_cast<int>(charts.size()), kMostColumns * kMostRows);
  const int columns = shown == 4 ? 2 : std::clamp(shown, 1, kMostColumns);
  const int rows = std::max(1, (shown + columns - 1) / columns);
  int index = 0;
  for (const Chart* chart : charts) {
    if (index == shown) break;
    const double left = static_cast<double>(index % columns) / columns;
    const double bottom = kTop * (1 - static_cast<double>(index / columns + 1) / rows);
    script += fmt::format(
        "set origin {},{}\nset size {},{}\n"
        "set lmargin 8\nset rmargin 3\nset tmargin 3.4\nset bmargin 6.4\n"
        "set key bmargin left Left reverse horizontal samplen 1.2 width -1 tc rgb '{}' font "
        "',11'\n",
        left, bottom, 1.0 / columns, kTop / rows, kInk);
    script += gnuplot_commands(*chart, fmt::format("c{}", index), true);
    ++index;
  }
  script += "unset multiplot\nunset output\n";
  if (auto missing = run(folder.path(), script, program, "report.png")) return missing;
  write_file_atomically(png, read_file(picture));
  return {};
}

std::optional<Missing> gnuplot_png_folder(const std::vector<const Chart*>& charts,
                                          const std::filesystem::path& folder,
                                          const std::string& program) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw Error(ErrorCode::kFailure, fmt::format("{} cannot be made a folder ({}); name another",
                                                 folder.string(), error.message()));
  }
  const TemporaryFolder temporary;
  std::string all;
  std::vector<std::string> stems;
  for (const Chart* chart : charts) {
    std::string stem = file_stem(*chart);
    while (std::ranges::count(stems, stem) > 0) stem += "_";
    stems.push_back(stem);
    const auto script = [&](const std::filesystem::path& png) {
      return png_set_up(*chart) + fmt::format("set output {}\n", gnuplot_string(png.string())) +
             gnuplot_style() + gnuplot_commands(*chart, fmt::format("c{}", stems.size()), true) +
             "unset output\n";
    };
    write_file_atomically(folder / (stem + ".gp"), "# Data and drawing of one chart: gnuplot " +
                                                       stem + ".gp\n" + script(stem + ".png"));
    all += script(temporary.path() / (stem + ".png"));
  }
  if (auto missing = run(temporary.path(), all, program, "one PNG a chart")) return missing;
  for (const std::string& stem : stems) {
    write_file_atomically(folder / (stem + ".png"), read_file(temporary.path() / (stem + ".png")));
  }
  return {};
}

}  // namespace mb
