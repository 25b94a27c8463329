// Each series is one data file of columns x, y, low, high; each verdict of a series is drawn apart,
// so that a noisy point is hollow and an invalid one a cross, as on the page.
#include "reports/render/gnuplot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "data/error.h"
#include "data/system/child.h"
#include "data/system/files.h"
#include "reports/render/escape.h"

namespace mb {
namespace {

// Okabe and Ito's palette, told apart with any kind of colour vision; the page's light theme has
// it.
constexpr std::array<std::string_view, 6> kPalette{"#0072B2", "#D55E00", "#009E73",
                                                   "#AA4499", "#B8860B", "#3C99D0"};
constexpr std::string_view kInk = "#1d2129", kMuted = "#5d6570", kGrid = "#d9d6cd";
// gnuplot's point types: filled circle, square, triangle, diamond, pentagon; hollow ones before.
constexpr std::array<int, 6> kFilled{7, 5, 9, 13, 15, 11};
constexpr std::array<int, 6> kHollow{6, 4, 8, 12, 14, 10};
constexpr int kCross = 2;
constexpr int kTitlePoints = 15;
constexpr double kRowHeight = 0.09;  // of a label, in graph heights

template <class Array>
auto pick(const Array& array, int index) {
  return array[static_cast<std::size_t>(std::max(0, index)) % array.size()];
}

std::string data_lines(const ChartSeries& series, std::optional<Validity> only, double shift = 0) {
  std::string lines;
  for (const ChartPoint& point : series.points) {
    if (only && point.validity != *only) continue;
    if (!std::isfinite(point.x) || !std::isfinite(point.y)) continue;
    lines += fmt::format("{} {} {} {}\n", point.x + shift, point.y, point.low.value_or(point.y),
                         point.high.value_or(point.y));
  }
  return lines;
}

std::string tics(const ChartAxis& axis) {
  std::string list;
  for (const ChartTick& tick : axis.ticks) {
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", gnuplot_string(tick.label), tick.at);
  }
  return list;
}

class Plot {
 public:
  Plot(const std::filesystem::path& folder, std::string name)
      : folder_(folder), name_(std::move(name)) {}

  // Adds a plot element over the given data; nothing when there is none.
  void add(const std::string& data, const std::string& with, const std::string& title = "") {
    if (data.empty()) return;
    const std::filesystem::path file = folder_ / fmt::format("{}-{}.dat", name_, elements_.size());
    write_file_atomically(file, data);
    elements_.push_back(fmt::format("{} {} {}", gnuplot_string(file.string()), with,
                                    title.empty() ? "notitle" : "title " + gnuplot_string(title)));
  }
  void add_key(const std::string& with, const std::string& title) {
    elements_.push_back(fmt::format("keyentry {} title {}", with, gnuplot_string(title)));
  }
  std::string command() const {
    if (elements_.empty()) return "";
    return "plot " + fmt::format("{}", fmt::join(elements_, ", \\\n     ")) + "\n";
  }

 private:
  std::filesystem::path folder_;
  std::string name_;
  std::vector<std::string> elements_;
};

void add_measured(Plot& plot, const ChartSeries& series) {
  const std::string_view colour = pick(kPalette, series.colour);
  if (series.style != SeriesStyle::kPoints) {
    plot.add(data_lines(series, {}), fmt::format("using 1:2 with lines lw 2 dt {} lc rgb '{}'",
                                                 series.dashed ? 2 : 1, colour));
  }
  plot.add(data_lines(series, {}),
           fmt::format("using 1:2:3:4 with yerrorbars pt 7 ps 0 lw 1.4 lc rgb '{}'", colour));
  // The legend shows the filled point, whatever the verdicts of the points are.
  plot.add_key(
      fmt::format("with points pt {} ps 1.2 lc rgb '{}'", pick(kFilled, series.colour), colour),
      series.label);
  const auto points = [&](Validity validity, int type) {
    plot.add(data_lines(series, validity),
             fmt::format("using 1:2 with points pt {} ps 1.2 lw 1.8 lc rgb '{}'", type, colour));
  };
  points(Validity::kValid, pick(kFilled, series.colour));
  // A hollow point covers the line and the interval behind it.
  plot.add(data_lines(series, Validity::kNoisy),
           fmt::format("using 1:2 with points pt {} ps 1.2 lc bgnd", pick(kFilled, series.colour)));
  points(Validity::kNoisy, pick(kHollow, series.colour));
  points(Validity::kInvalid, kCross);
}

void add_model(Plot& plot, const ChartSeries& series) {
  const std::string_view colour = pick(kPalette, series.colour);
  plot.add(
      data_lines(series, {}),
      fmt::format("using 1:3:4 with filledcurves fs transparent solid 0.14 noborder lc rgb '{}'",
                  colour));
  // Few counts show as points, many as a line: a line alone hides that there are only two.
  const bool few = series.points.size() <= 4;
  plot.add(data_lines(series, {}),
           fmt::format("using 1:2 with {} lw 2.6 lc rgb '{}'",
                       few ? "linespoints pt 7 ps 0.9" : "lines", colour),
           series.label);
}

void add_bars(Plot& plot, const Chart& chart, const ChartSeries& series) {
  const double count = static_cast<double>(chart.series.size());
  const double width = 0.72 / count;
  const double place = static_cast<double>(&series - chart.series.data());
  const double shift = (place - (count - 1) / 2) * width;
  plot.add(data_lines(series, {}, shift),
           fmt::format("using 1:2:({}) with boxes fs solid 0.85 noborder lc rgb '{}'", width * 0.9,
                       pick(kPalette, series.colour)),
           series.label);
  plot.add(data_lines(series, {}, shift),
           fmt::format("using 1:2:3:4 with yerrorbars pt 7 ps 0 lw 1.4 lc rgb '{}'", kInk));
}

std::string axes(const Chart& chart) {
  std::string script;
  const bool bars = chart.series.front().style == SeriesStyle::kBars;
  script += chart.x.logarithmic ? "set logscale x\n" : "unset logscale x\n";
  script += chart.y.logarithmic ? "set logscale y\n" : "unset logscale y\n";
  if (bars) {
    script +=
        fmt::format("set xrange [-0.6:{}]\n", static_cast<double>(chart.x.ticks.size()) - 0.4);
  } else {
    script += fmt::format("set xrange [{}:{}]\n", chart.x.min, chart.x.max);
  }
  script += chart.y.logarithmic ? "set autoscale y\nset format y '%g'\n"
                                : "set yrange [0:*]\nset format y '%g'\n";
  script += fmt::format("set xtics ({}) nomirror scale 0{}\n", tics(chart.x),
                        bars ? " rotate by 24 right" : "");
  // Free room above the data for the marks' labels.
  script += fmt::format("set offsets 0,0,graph {},0\n", kRowHeight * chart.label_rows());
  script += fmt::format("set xlabel {} offset 0,0.5 tc rgb '{}'\n", gnuplot_string(chart.x.title),
                        kMuted);
  return script;
}

std::string marks(const Chart& chart, bool titled) {
  std::string script = "unset arrow\nunset label\n";
  // Title and unit stand above the y axis, where they are read without turning the head.
  if (titled) {
    script += fmt::format("set label {} at graph 0,1.17 left font ',{}' tc rgb '{}'\n",
                          gnuplot_string(chart.title), kTitlePoints, kInk);
  }
  script += fmt::format("set label {} at graph 0,1.06 left tc rgb '{}'\n",
                        gnuplot_string(chart.y.title), kMuted);
  int row = 0;
  for (const ChartMark& mark : chart.marks) {
    const std::string_view colour = mark.y ? kPalette[1] : kMuted;
    script += fmt::format(
        "set arrow from first {0}, graph 0 to first {0}, graph 1 nohead dt 3 lw 1.3 lc rgb '{1}' "
        "back\n",
        mark.x, colour);
    if (mark.y) {
      script +=
          fmt::format("set label '' at first {},{} point pt 6 ps 2.6 lw 2.4 lc rgb '{}' front\n",
                      mark.x, *mark.y, colour);
    }
    const double middle = chart.x.logarithmic ? std::sqrt(chart.x.min * chart.x.max)
                                              : (chart.x.min + chart.x.max) / 2;
    const bool right_half = mark.x > middle;
    // The advised count is labelled at the foot, the others at the top, each a line lower.
    const double height = mark.y ? 0.07 : 0.955 - kRowHeight * (row++ % kMostLabelRows);
    script += fmt::format("set label {} at first {}, graph {} {} offset {},0 tc rgb '{}' front\n",
                          gnuplot_string(mark.label), mark.x, height, right_half ? "right" : "left",
                          right_half ? -0.7 : 0.7, colour);
  }
  bool right = true;  // sides alternate: close points would cover each other's figures
  for (const ChartSeries& series : chart.series) {
    for (const ChartPoint& point : series.points) {
      if (point.label.empty()) continue;
      script += fmt::format("set label {} at first {},{} {} offset {},0 tc rgb '{}' front\n",
                            gnuplot_string(point.label), point.x, point.y, right ? "left" : "right",
                            right ? 1.2 : -1.2, kInk);
    }
    right = !right;
  }
  return script;
}

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
    return Missing{what, "gnuplot is not installed", "apt install gnuplot-nox"};
  }
  if (!result.ok()) {
    const std::string said = clip_text(result.standard_error, 300);
    return Missing{
        what, fmt::format("gnuplot: {}{}{}", result.describe(), said.empty() ? "" : ": ", said),
        "run the report again; with another gnuplot if it repeats"};
  }
  return {};
}

// Shared look: hairline grid, no box, tick labels muted.
std::string style() {
  return fmt::format(
      "set encoding utf8\n"
      "set border 1 lc rgb '{0}' lw 1\n"
      "set grid ytics lc rgb '{1}' lw 0.8 dt 1\n"
      "set ytics nomirror scale 0 tc rgb '{2}'\n"
      "set xtics tc rgb '{2}'\n"
      "set bars 0.4\n"
      "set pointintervalbox 0.001\n",
      "#b9b6ae", kGrid, kMuted);
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

}  // namespace

std::string gnuplot_commands(const Chart& chart, const std::filesystem::path& folder,
                             const std::string& name, bool titled) {
  if (chart.series.empty()) return "";
  Plot plot(folder, name);
  for (const ChartSeries& series : chart.series) {
    if (series.style == SeriesStyle::kModel) {
      add_model(plot, series);
    } else if (series.style == SeriesStyle::kBars) {
      add_bars(plot, chart, series);
    } else {
      add_measured(plot, series);
    }
  }
  std::string script = axes(chart) + marks(chart, titled);
  return script + plot.command();
}

GnuplotRun gnuplot_svg(const std::vector<const Chart*>& charts, const std::string& program) {
  GnuplotRun result;
  const TemporaryFolder folder;
  std::string script = style();
  std::vector<std::filesystem::path> files;
  for (const Chart* chart : charts) {
    files.push_back(folder.path() / fmt::format("{}.svg", files.size()));
    script +=
        "set terminal svg noenhanced size 560,370 font 'sans-serif,14' background '#ffffff'\n"
        "set lmargin 8\nset rmargin 2\nset tmargin 2.2\nset bmargin 6.6\n"
        "set key bmargin left Left reverse horizontal samplen 1.5 noenhanced tc rgb '#1d2129'\n" +
        fmt::format("set output {}\n", gnuplot_string(files.back().string())) +
        gnuplot_commands(*chart, folder.path(), fmt::format("c{}", files.size()), false) +
        "unset output\n";
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
  script += fmt::format("set output {}\n", gnuplot_string(picture.string())) + style();
  script += "set multiplot\n";
  script += header_labels(header);
  // An invisible plot carries the header; each chart then clears the labels.
  script +=
      "set origin 0,0\nset size 1,1\nunset border\nunset tics\nunset key\nset xrange [0:1]\n"
      "set yrange [0:1]\nplot -10 notitle\n" +
      style();
  constexpr int kMostColumns = 3, kMostRows = 2;
  constexpr double kTop = 0.835;
  const int shown = std::min(static_cast<int>(charts.size()), kMostColumns * kMostRows);
  const int columns = std::clamp(shown, 1, kMostColumns);
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
    script += gnuplot_commands(*chart, folder.path(), fmt::format("c{}", index), true);
    ++index;
  }
  script += "unset multiplot\nunset output\n";
  if (auto missing = run(folder.path(), script, program, "report.png")) return missing;
  write_file_atomically(png, read_file(picture));
  return {};
}

}  // namespace mb
