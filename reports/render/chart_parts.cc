// A point's words say all that a reader may ask of it: where, how much, how sure, from how many
// samples, and the verdict.
#include "reports/render/chart_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace mb {

Chart empty_chart(std::string_view id, std::string_view title, std::string_view answers) {
  Chart chart;
  chart.id = id;
  chart.title = title;
  chart.answers = answers;
  return chart;
}

bool usable(const Point& point) {
  return point.verdict.validity != Validity::kUnavailable && point.summary.count > 0 &&
         std::isfinite(point.summary.median);
}

Points select_all(const Results& results, std::string_view probe, const PointFilter& filter) {
  Points chosen;
  for (const Point* point : results.of_probe(probe)) {
    if (usable(*point) && filter(*point)) chosen.push_back(point);
  }
  return chosen;
}

Points select(const Results& results, std::string_view probe, const PointFilter& filter) {
  return select_all(results, probe, [&filter](const Point& point) {
    return point.parameters.text_or("placement", "spread") == "spread" &&
           !point.parameters.has("cpu_node") && filter(point);
  });
}

DisplayUnit unit_of(const Points& points, bool smallest) {
  if (points.empty()) return {};
  double extreme = smallest ? std::numeric_limits<double>::max() : 0;
  for (const Point* point : points) {
    extreme = smallest ? std::min(extreme, point->summary.median)
                       : std::max(extreme, point->summary.median);
  }
  return display_unit(points.front()->unit, extreme);
}

ChartPoint chart_point(const Point& point, double x, const DisplayUnit& unit, std::string_view at) {
  const Summary& s = point.summary;
  ChartPoint result{.x = x,
                    .y = unit(s.median),
                    .low = {},
                    .high = {},
                    .validity = point.verdict.validity,
                    .text = {}};
  if (s.count > 1) {
    result.low = unit(s.low);
    result.high = unit(s.high);
  }
  result.text = fmt::format("{}: {}", at, format_quantity(s.median, point.unit));
  if (s.count > 1) {
    result.text += fmt::format(" (95 % interval {})", format_interval(s.low, s.high, point.unit));
  }
  result.text += fmt::format(", {}, {}", format_count(s.count, "sample", "samples"),
                             to_string(point.verdict.validity));
  return result;
}

std::string threads_text(std::int64_t threads) {
  return format_count(threads, "thread", "threads");
}

ChartSeries& series_named(Chart& chart, const std::string& label, int colour, bool dashed) {
  for (ChartSeries& series : chart.series) {
    if (series.label == label) return series;
  }
  chart.series.push_back({label, SeriesStyle::kMeasured, colour, dashed, {}});
  return chart.series.back();
}

void sort_points(Chart& chart) {
  for (ChartSeries& series : chart.series) {
    std::stable_sort(series.points.begin(), series.points.end(),
                     [](const ChartPoint& a, const ChartPoint& b) { return a.x < b.x; });
  }
}

void sort_series(Chart& chart) {
  std::stable_sort(chart.series.begin(), chart.series.end(),
                   [](const ChartSeries& a, const ChartSeries& b) { return a.colour < b.colour; });
}

const ModelCurve* find_curve(const Recommendation& recommendation, std::string_view name) {
  for (const ModelCurve& curve : recommendation.curves) {
    if (curve.name == name) return &curve;
  }
  return nullptr;
}

ChartAxis log2_axis(const std::vector<ChartSeries>& series,
                    const std::function<std::string(double)>& name) {
  double least = std::numeric_limits<double>::max(), most = 0;
  for (const ChartSeries& one : series) {
    for (const ChartPoint& point : one.points) {
      least = std::min(least, point.x);
      most = std::max(most, point.x);
    }
  }
  ChartAxis axis;
  axis.logarithmic = true;
  axis.min = least / 1.3;  // room so that the outermost points are whole
  axis.max = most * 1.3;
  const int first = static_cast<int>(std::ceil(std::log2(axis.min)));
  const int last = static_cast<int>(std::floor(std::log2(axis.max)));
  const int step = (last - first) / 6 + 1;
  for (int power = first; power <= last; power += step) {
    axis.ticks.push_back({std::exp2(power), name(std::exp2(power))});
  }
  return axis;
}

double row_named(Chart& chart, const std::string& label) {
  for (const ChartTick& tick : chart.x.ticks) {
    if (tick.label == label) return tick.at;
  }
  chart.x.ticks.push_back({static_cast<double>(chart.x.ticks.size()), label});
  return chart.x.ticks.back().at;
}

bool Chart::lying() const { return !series.empty() && series.front().style == SeriesStyle::kSpans; }

int Chart::label_rows() const {
  const auto tops = std::count_if(marks.begin(), marks.end(),
                                  [](const ChartMark& mark) { return !mark.y.has_value(); });
  return std::min(static_cast<int>(tops), kMostLabelRows) + (bands.empty() ? 0 : 1);
}

ChartAxis thread_axis(const std::vector<ChartSeries>& series) {
  ChartAxis axis;
  double most = 1, least = std::numeric_limits<double>::max();
  for (const ChartSeries& one : series) {
    for (const ChartPoint& point : one.points) {
      most = std::max(most, point.x);
      least = std::min(least, point.x);
    }
  }
  axis.title = "threads";
  // Past 32 threads the counts that matter (1, 2, 4, 8 ...) would crowd on a linear axis.
  axis.logarithmic = most > 32;
  if (axis.logarithmic) {
    axis.min = least * 0.85;
    axis.max = most * 1.18;
    for (double at = 1; at <= most; at *= 2) {
      if (at >= axis.min) axis.ticks.push_back({at, format_whole(at)});
    }
    return axis;
  }
  const double room = most <= 4 ? 0.3 : 0.6;
  axis.min = least - room;
  axis.max = most + room;
  const int step = most <= 12 ? 1 : 4;
  for (int at = 1; at <= static_cast<int>(most); ++at) {
    if (at >= axis.min && (at == 1 || at % step == 0)) {
      axis.ticks.push_back({static_cast<double>(at), format_whole(at)});
    }
  }
  return axis;
}

}  // namespace mb
