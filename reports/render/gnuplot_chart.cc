// Each series is one data block of columns x, y, low, high inside the script, so that a script runs
// by itself; each verdict of a series is drawn apart: a noisy point is hollow and an invalid one a
// cross, as on the page.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "reports/render/escape.h"
#include "reports/render/gnuplot.h"
#include "reports/render/gnuplot_colours.h"

namespace mb {
namespace {

// gnuplot's point types: filled circle, square, triangle, diamond, pentagon; hollow ones before.
constexpr std::array<int, 6> kFilled{7, 5, 9, 13, 15, 11};
constexpr std::array<int, 6> kHollow{6, 4, 8, 12, 14, 10};
constexpr int kCross = 2;
constexpr int kTitlePoints = 15;
constexpr double kRowHeight = 0.09;  // of a label, in graph heights
constexpr std::size_t kRowNameColumns = 36;

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
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ",
                        gnuplot_string(clip_text(tick.label, kRowNameColumns)), tick.at);
  }
  return list;
}

class Plot {
 public:
  explicit Plot(std::string name) : name_(std::move(name)) {}

  // Adds a plot element over the given data; nothing when there is none.
  void add(const std::string& data, const std::string& with, const std::string& title = "") {
    if (data.empty()) return;
    const std::string block = fmt::format("${}_{}", name_, elements_.size());
    data_ += fmt::format("{} << END\n{}END\n", block, data);
    elements_.push_back(fmt::format("{} {} {}", block, with, title_of(title)));
  }
  void add_key(const std::string& with, const std::string& title) {
    elements_.push_back(fmt::format("keyentry {} {}", with, title_of(title)));
  }
  std::string command() const {
    if (elements_.empty()) return "";
    return data_ + "plot " + fmt::format("{}", fmt::join(elements_, ", \\\n     ")) + "\n";
  }

 private:
  static std::string title_of(const std::string& title) {
    constexpr std::size_t kLongest = 40;
    return title.empty() ? "notitle" : "title " + gnuplot_string(clip_text(title, kLongest));
  }
  std::string name_, data_;
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

void add_spans(Plot& plot, const ChartSeries& series) {
  std::string lines;
  for (const ChartPoint& point : series.points) {
    const double from = point.from.value_or(0);
    if (!std::isfinite(from) || !std::isfinite(point.y)) continue;
    lines += fmt::format("{} {} {}\n", from, from + point.y, point.x);
  }
  plot.add(lines,
           fmt::format("using (($1+$2)/2):3:1:2:($3-0.36):($3+0.36) with boxxyerror fs solid 0.85 "
                       "noborder lc rgb '{}'",
                       pick(kPalette, series.colour)),
           series.label);
}

// Rows from the top down, the values along the foot.
std::string lying_axes(const Chart& chart) {
  std::size_t longest = 0;
  for (const ChartTick& tick : chart.x.ticks) {
    longest = std::max(longest, text_columns(clip_text(tick.label, kRowNameColumns)));
  }
  const std::string range = chart.y.max > chart.y.min
                                ? fmt::format("[{}:{}]", chart.y.min, chart.y.max)
                                : std::string("[0:*]");
  return fmt::format(
      "unset logscale\nset lmargin {}\nset xrange {}\nset yrange [{}:-0.6]\nset format x '%g'\n"
      "set xtics autofreq norotate nomirror scale 0\nset ytics ({}) nomirror scale 0\n"
      "set grid xtics noytics\nset offsets 0,0,0,0\nunset xlabel\n",
      static_cast<double>(longest) * 0.9 + 2, range,
      static_cast<double>(chart.x.ticks.size()) - 0.4, tics(chart.x));
}

std::string axes(const Chart& chart) {
  if (chart.lying()) return lying_axes(chart);
  std::string script = fmt::format(
      "set grid noxtics ytics\nset ytics autofreq nomirror scale 0 tc rgb '{}'\n", kMuted);
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
                        bars ? " rotate by 24 right" : " norotate");
  // Free room above the data for the marks' labels: offsets are shares of the data's own range.
  const double labels = kRowHeight * chart.label_rows();
  script += fmt::format("set offsets 0,0,graph {:.3g},0\n", labels / (1 - labels));
  script += fmt::format("set xlabel {} offset 0,0.5 tc rgb '{}'\n", gnuplot_string(chart.x.title),
                        kMuted);
  return script;
}

// Stretches of the x axis, every second one washed, named at the top.
// A narrow band keeps its first word: "dispatch-bound".
std::string band_words(const Chart& chart, const ChartBand& band) {
  constexpr double kNarrow = 0.25;  // of the axis; "dispatch-bound prefill" takes a fifth
  const auto length = [&](double from, double to) {
    return chart.x.logarithmic ? std::log(to / from) : to - from;
  };
  const std::string words = clip_text(band.label, kRowNameColumns);
  const bool narrow = length(band.from, band.to) < kNarrow * length(chart.x.min, chart.x.max);
  return narrow ? words.substr(0, words.find(' ')) : words;
}

std::string bands(const Chart& chart) {
  std::string script;
  bool washed = true;
  for (const ChartBand& band : chart.bands) {
    if (washed) {
      script += fmt::format(
          "set object rectangle from first {}, graph 0 to first {}, graph 1 behind fc rgb '{}' fs "
          "solid noborder\n",
          band.from, band.to, kWash);
    }
    washed = !washed;
    const double middle =
        chart.x.logarithmic ? std::sqrt(band.from * band.to) : (band.from + band.to) / 2;
    script += fmt::format("set label {} at first {}, graph 0.955 center tc rgb '{}' front\n",
                          gnuplot_string(band_words(chart, band)), middle, kMuted);
  }
  return script;
}

std::string marks(const Chart& chart, bool titled) {
  std::string script = "unset arrow\nunset label\nunset object\n";
  // Title and unit stand above the y axis, where they are read without turning the head.
  if (titled) {
    script += fmt::format("set label {} at graph 0,1.17 left font ',{}' tc rgb '{}'\n",
                          gnuplot_string(chart.title), kTitlePoints, kInk);
  }
  script += fmt::format("set label {} at graph 0,1.06 left tc rgb '{}'\n",
                        gnuplot_string(chart.y.title), kMuted);
  script += bands(chart);
  int row = chart.bands.empty() ? 0 : 1;
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
    const double middle = chart.lying()         ? mark.x + 1
                          : chart.x.logarithmic ? std::sqrt(chart.x.min * chart.x.max)
                                                : (chart.x.min + chart.x.max) / 2;
    const bool right_half = mark.x > middle;
    // The advised count is labelled at the foot, the others at the top, each a line lower.
    const double height = mark.y ? 0.07 : 0.955 - kRowHeight * (row++ % (kMostLabelRows + 1));
    script += fmt::format("set label {} at first {}, graph {} {} offset {},0 tc rgb '{}' front\n",
                          gnuplot_string(clip_text(mark.label, kRowNameColumns)), mark.x, height,
                          right_half ? "right" : "left", right_half ? -0.7 : 0.7, colour);
  }
  bool right = true;  // sides alternate: close points would cover each other's figures
  for (const ChartSeries& series : chart.series) {
    for (const ChartPoint& point : series.points) {
      if (point.label.empty()) continue;
      if (chart.lying()) {
        script += fmt::format("set label {} at first {},{} left offset 0.5,0 tc rgb '{}' front\n",
                              gnuplot_string(clip_text(point.label, kRowNameColumns)),
                              point.from.value_or(0) + point.y, point.x, kInk);
        continue;
      }
      script += fmt::format("set label {} at first {},{} {} offset {},0 tc rgb '{}' front\n",
                            gnuplot_string(clip_text(point.label, kRowNameColumns)), point.x,
                            point.y, right ? "left" : "right", right ? 1.2 : -1.2, kInk);
    }
    right = !right;
  }
  return script;
}

}  // namespace

std::string gnuplot_style() {
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

std::string gnuplot_commands(const Chart& chart, const std::string& name, bool titled) {
  if (chart.series.empty()) return "";
  Plot plot(name);
  for (const ChartSeries& series : chart.series) {
    if (series.style == SeriesStyle::kModel) {
      add_model(plot, series);
    } else if (series.style == SeriesStyle::kBars) {
      add_bars(plot, chart, series);
    } else if (series.style == SeriesStyle::kSpans) {
      add_spans(plot, series);
    } else {
      add_measured(plot, series);
    }
  }
  return axes(chart) + marks(chart, titled) + plot.command();
}

}  // namespace mb
