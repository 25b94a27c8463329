// What the machine's charts show, chosen from the results document: one series per operation and
// page kind (or sync kind, or thread count), every point with its interval and verdict. The model's
// curves give marks only: the bandwidth knee, the cache sizes that were found.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string_view>

#include "reports/render/chart.h"
#include "reports/render/format.h"
#include "reports/render/headline.h"

namespace mb {
namespace {

using PointFilter = std::function<bool(const Point&)>;
using Points = std::vector<const Point*>;

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

Points select(const Results& results, std::string_view probe, const PointFilter& filter) {
  Points chosen;
  for (const Point* point : results.of_probe(probe)) {
    if (usable(*point) && point->parameters.text_or("placement", "spread") == "spread" &&
        !point->parameters.has("cpu_node") && filter(*point)) {
      chosen.push_back(point);
    }
  }
  return chosen;
}

DisplayUnit unit_of(const Points& points, bool smallest = false) {
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
  if (s.count > 1) result.text += fmt::format(" ({})", format_interval(s.low, s.high, point.unit));
  if (point.verdict.validity != Validity::kValid) {
    result.text += fmt::format(", {}", to_string(point.verdict.validity));
  }
  return result;
}

std::string threads_text(std::int64_t threads) {
  return format_count(threads, "thread", "threads");
}

// Adds the points to the series of that label (made when new), ordered by x.
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

// Powers of two inside the range, at most six of them, named by `name`.
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

// A vertical line for each cache level: where the measurement sees it end, else the reported size.
void mark_caches(Chart& chart, const Machine& machine, const ModelCurve* curve) {
  const auto inside = [&chart](double x) { return x > chart.x.min && x < chart.x.max; };
  for (const Cache& cache : machine.caches) {
    const double reported = static_cast<double>(cache.bytes);
    const std::string found = fmt::format("l{}_usable_bytes", cache.level);
    const bool measured = curve != nullptr && curve->marks.contains(found);
    const double seen = measured ? curve->marks.at(found) : reported;
    if (!inside(seen)) continue;
    // Within a tenth of each other the two sizes are the same to a reader.
    const bool differs = std::fabs(seen / reported - 1) > 0.1;
    chart.marks.push_back({seen,
                           {},
                           differs ? fmt::format("L{} {} of {}", cache.level, format_bytes(seen),
                                                 format_bytes(reported))
                                   : fmt::format("L{} {}", cache.level, format_bytes(reported))});
  }
  // In order of size, so that neighbours get different lines for their labels.
  std::sort(chart.marks.begin(), chart.marks.end(),
            [](const ChartMark& a, const ChartMark& b) { return a.x < b.x; });
}

constexpr std::array<std::string_view, 5> kOperations{"read", "copy", "triad", "streaming_write",
                                                      "write"};  // others stand in the document

Chart bandwidth_threads(const Results& results, const Recommendation& recommendation) {
  Chart chart = empty_chart("bandwidth_threads", "Memory bandwidth by threads",
                            "How many threads it takes to use all of the memory's bandwidth.");
  const Points points = select(results, "stream_bandwidth", [](const Point& point) {
    return point.parameters.text_or("level", "") == "dram" &&
           !point.parameters.has("working_set_bytes") &&
           std::ranges::count(kOperations, point.parameters.text_or("operation", "")) > 0;
  });
  if (points.empty()) return chart;
  const DisplayUnit unit = unit_of(points);
  // The page kind is named in the legend only where an operation has several.
  const auto pages_of = [&points](const std::string& operation) {
    std::set<std::string> pages;
    for (const Point* point : points) {
      if (point->parameters.text_or("operation", "") == operation) {
        pages.insert(point->parameters.text_or("page", ""));
      }
    }
    return pages;
  };
  for (const Point* point : points) {
    const std::string operation = point->parameters.text_or("operation", "");
    const std::string page = point->parameters.text_or("page", "");
    const auto place = std::find(kOperations.begin(), kOperations.end(), operation);
    std::string label = words_of(operation);
    if (pages_of(operation).size() > 1) {
      label += page == "thp" ? ", huge" : page == "4k" ? ", 4 KiB" : ", " + words_of(page);
    }
    const std::int64_t threads = point->parameters.number_or("threads", 1);
    // Reads on small pages have a colour of their own, after those of the operations.
    const bool small = page == "4k" && pages_of(operation).size() > 1;
    const auto colour =
        small ? kOperations.size() : static_cast<std::size_t>(place - kOperations.begin());
    series_named(chart, label, static_cast<int>(colour), small)
        .points.push_back(
            chart_point(*point, static_cast<double>(threads), unit,
                        threads_text(threads) + (page.empty() ? "" : ", " + words_of(page))));
  }
  sort_points(chart);
  sort_series(chart);
  chart.x = thread_axis(chart.series);
  chart.y.title = unit.name;
  if (const ModelCurve* curve = find_curve(recommendation, "bandwidth_read_dram")) {
    const double knee = curve->marks.at("knee_threads");
    chart.marks.push_back({knee, {}, fmt::format("knee {}", format_whole(knee))});
  }
  return chart;
}

Chart working_set(const Results& results, const Recommendation& recommendation) {
  Chart chart = empty_chart("working_set", "Read bandwidth by working set",
                            "Where each cache level ends, as this machine shows it.");
  const Points points = select(results, "stream_bandwidth", [](const Point& point) {
    return point.parameters.has("working_set_bytes") && !point.parameters.has("level");
  });
  if (points.empty()) return chart;
  const DisplayUnit unit = unit_of(points);
  for (const Point* point : points) {
    const std::int64_t threads = point->parameters.number_or("threads", 1);
    const double bytes = static_cast<double>(point->parameters.number_or("working_set_bytes", 1));
    const std::string label = threads_text(threads);
    const int colour = static_cast<int>(chart.series.size());
    series_named(chart, label, colour, false)
        .points.push_back(chart_point(*point, bytes, unit, label + ", " + format_bytes(bytes)));
  }
  sort_points(chart);
  chart.x = log2_axis(chart.series, [](double bytes) { return format_bytes(bytes); });
  chart.x.title = "working set of one thread";
  chart.y.title = unit.name;
  mark_caches(chart, results.machine, find_curve(recommendation, "bandwidth_by_working_set"));
  return chart;
}

std::string page_label(const std::string& page) {
  return page == "thp" ? "huge pages" : page == "4k" ? "4 KiB pages" : words_of(page);
}

Chart latency(const Results& results, const Recommendation& recommendation) {
  Chart chart = empty_chart("latency", "Load latency by working set",
                            "How long one load waits for each cache level and for the memory.");
  const Points points = select(results, "cache_latency", [](const Point& point) {
    return point.parameters.has("working_set_bytes");
  });
  if (points.empty()) return chart;
  const DisplayUnit unit = display_unit(Unit::kSeconds, 1e-9);
  for (const Point* point : points) {
    const std::string page = point->parameters.text_or("page", "");
    const double bytes = static_cast<double>(point->parameters.number_or("working_set_bytes", 1));
    series_named(chart, page_label(page), page == "4k" ? 5 : 0, page == "4k")
        .points.push_back(
            chart_point(*point, bytes, unit, page_label(page) + ", " + format_bytes(bytes)));
  }
  sort_points(chart);
  sort_series(chart);
  chart.x = log2_axis(chart.series, [](double bytes) { return format_bytes(bytes); });
  chart.x.title = "working set of one thread";
  chart.y.title = unit.name;
  chart.y.logarithmic = true;
  mark_caches(chart, results.machine, find_curve(recommendation, "latency_by_working_set"));
  return chart;
}

Chart loaded_latency(const Results& results) {
  Chart chart = empty_chart(
      "loaded_latency", "Load latency while others read",
      "How much later a load from memory comes back as reading threads use its bandwidth.");
  const Points points = select(results, "loaded_latency", [](const Point& point) {
    return point.facts.contains("load_bytes_per_s");
  });
  if (points.empty()) return chart;
  const DisplayUnit unit = display_unit(Unit::kSeconds, 1e-9);
  const DisplayUnit load_unit = display_unit(Unit::kBytesPerSecond, 1e9);
  double most = 0;
  for (const Point* point : points) {
    const double load = load_unit(point->facts.at("load_bytes_per_s"));
    most = std::max(most, load);
    series_named(chart, "one load", 0, false)
        .points.push_back(chart_point(
            *point, load, unit,
            fmt::format(
                "{} reading {}", threads_text(threads_of(*point) - 1),
                format_quantity(point->facts.at("load_bytes_per_s"), Unit::kBytesPerSecond))));
  }
  sort_points(chart);
  chart.x.title = "read by the other threads, " + load_unit.name;
  chart.x.min = -0.05 * most;
  chart.x.max = 1.08 * most;
  if (most <= 0) chart.x.max = 1;
  for (int tick = 0; tick <= 4; ++tick) {
    const double at = std::floor(most / 4 * 10 * tick) / 10;
    chart.x.ticks.push_back({at, format_number(at)});
  }
  chart.y.title = unit.name;
  return chart;
}

Chart attention(const Results& results, const Recommendation& recommendation) {
  Chart chart = empty_chart("attention", "Attention by KV cache size",
                            "What one layer's attention costs as the conversation grows.");
  const Points points = select(results, "attention_kv", [](const Point& point) {
    return point.parameters.has("kv_bytes") && point.parameters.has("positions");
  });
  if (points.empty()) return chart;
  const DisplayUnit unit = unit_of(points);
  for (const Point* point : points) {
    const std::int64_t threads = point->parameters.number_or("threads", 1);
    const std::int64_t positions = point->parameters.number_or("positions", 1);
    const double bytes = static_cast<double>(point->parameters.number_or("kv_bytes", 1));
    const std::string label = threads_text(threads);
    const int colour = static_cast<int>(chart.series.size());
    series_named(chart, label, colour, false)
        .points.push_back(chart_point(
            *point, bytes, unit,
            fmt::format("{}, {} positions, {}", label, positions, format_bytes(bytes))));
  }
  sort_points(chart);
  // The axis is in bytes, so that cache sizes can be marked, and says what people count: positions.
  chart.x = log2_axis(chart.series, [](double) { return std::string(); });
  chart.x.ticks.clear();
  std::map<double, std::string> ticks;
  for (const Point* point : points) {
    const double bytes = static_cast<double>(point->parameters.number_or("kv_bytes", 1));
    const std::int64_t positions = point->parameters.number_or("positions", 1);
    ticks[bytes] = positions % 1024 == 0   ? fmt::format("{}k", positions / 1024)
                   : positions % 1000 == 0 ? fmt::format("{}k", positions / 1000)
                                           : fmt::format("{}", positions);
  }
  // Labels need about a ninth of the axis each; what stands closer goes without.
  const double least_ratio = std::pow(chart.x.max / chart.x.min, 1.0 / 9);
  for (const auto& [bytes, label] : ticks) {
    if (chart.x.ticks.empty() || bytes > chart.x.ticks.back().at * least_ratio) {
      chart.x.ticks.push_back({bytes, label});
    }
  }
  chart.x.title = "KV positions";
  chart.y.title = unit.name;
  mark_caches(chart, results.machine, find_curve(recommendation, "bandwidth_by_working_set"));
  return chart;
}

Chart dispatch(const Results& results) {
  Chart chart = empty_chart("dispatch", "Cost of one barrier by threads",
                            "What every parallel operation pays before any work is done.");
  const Points points = select(results, "dispatch_overhead", [](const Point& point) {
    return point.parameters.text_or("operation", "") == "barrier" && point.summary.median > 0 &&
           threads_of(point) > 1;  // one thread waits for nobody
  });
  if (points.empty()) return chart;
  constexpr std::array<std::string_view, 4> kSyncs{"spin", "openmp", "openmp_passive", "futex"};
  // Two CPUs give one thread count: a column of points reads better with its figures beside it.
  const bool one_column = std::all_of(points.begin(), points.end(), [&points](const Point* point) {
    return threads_of(*point) == threads_of(*points.front());
  });
  // Microseconds for all: a table that mixes ns and ms is hard to read.
  const DisplayUnit unit = display_unit(Unit::kSeconds, 1e-6);
  for (const Point* point : points) {
    const std::string sync = point->parameters.text_or("sync", "spin");
    const auto place = std::find(kSyncs.begin(), kSyncs.end(), sync);
    const std::int64_t threads = point->parameters.number_or("threads", 1);
    ChartPoint drawn =
        chart_point(*point, static_cast<double>(threads), unit, threads_text(threads));
    if (one_column) drawn.label = format_quantity(point->summary.median, point->unit);
    series_named(chart, words_of(sync), static_cast<int>(place - kSyncs.begin()), false)
        .points.push_back(drawn);
  }
  sort_points(chart);
  sort_series(chart);
  chart.x = thread_axis(chart.series);
  chart.y.title = unit.name;
  chart.y.logarithmic = true;
  return chart;
}

Chart shared_memory(const Results& results) {
  Chart chart =
      empty_chart("shm", "Shared memory (/dev/shm)",
                  "How fast data moves through /dev/shm, copied by the kernel or mapped.");
  const Points points = select(results, "shm_bandwidth", [](const Point&) { return true; });
  if (points.empty()) return chart;
  const DisplayUnit unit = unit_of(points);
  for (const Point* point : points) {
    const std::string path = point->parameters.text_or("path", "");
    const std::string operation = words_of(point->parameters.text_or("operation", ""));
    const std::string where = operation + ", " + (path == "read" ? "copied" : words_of(path));
    auto tick = std::find_if(chart.x.ticks.begin(), chart.x.ticks.end(),
                             [&where](const ChartTick& one) { return one.label == where; });
    if (tick == chart.x.ticks.end()) {
      chart.x.ticks.push_back({static_cast<double>(chart.x.ticks.size()), where});
      tick = chart.x.ticks.end() - 1;
    }
    const std::int64_t threads = point->parameters.number_or("threads", 1);
    const std::string label = threads_text(threads);
    const int colour = static_cast<int>(chart.series.size());
    ChartSeries& series = series_named(chart, label, colour, false);
    series.style = SeriesStyle::kBars;
    series.points.push_back(chart_point(*point, tick->at, unit, where + ", " + label));
  }
  sort_points(chart);
  chart.y.title = unit.name;
  return chart;
}

}  // namespace

int Chart::label_rows() const {
  const auto tops = std::count_if(marks.begin(), marks.end(),
                                  [](const ChartMark& mark) { return !mark.y.has_value(); });
  return std::min(static_cast<int>(tops), kMostLabelRows);
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

std::vector<Chart> machine_charts(const Results& results, const Recommendation& recommendation) {
  std::vector<Chart> charts;
  for (Chart& chart : std::vector<Chart>{
           bandwidth_threads(results, recommendation), working_set(results, recommendation),
           attention(results, recommendation), dispatch(results), shared_memory(results),
           latency(results, recommendation), loaded_latency(results)}) {
    if (!chart.series.empty()) charts.push_back(std::move(chart));
  }
  return charts;
}

}  // namespace mb
