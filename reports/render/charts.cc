// What the machine's charts show, chosen from the results document: one series per operation and
// page kind (or sync kind, or thread count), every point with its interval and verdict. The model's
// curves give marks only: the bandwidth knee, the cache sizes that were found.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string_view>

#include "reports/render/chart.h"
#include "reports/render/chart_parts.h"
#include "reports/render/format.h"
#include "reports/render/headline.h"

namespace mb {
namespace {

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
  const Points points = select_all(results, "attention_kv", [](const Point& point) {
    return point.parameters.has("kv_bytes") && point.parameters.has("positions");
  });
  if (points.empty()) return chart;
  const DisplayUnit unit = unit_of(points);
  for (const Point* point : points) {
    const std::int64_t threads = point->parameters.number_or("threads", 1);
    const std::int64_t positions = point->parameters.number_or("positions", 1);
    const double bytes = static_cast<double>(point->parameters.number_or("kv_bytes", 1));
    const bool one_core = point->parameters.text_or("placement", "spread") == "compact";
    const std::string label = threads_text(threads) + (one_core ? " on one core" : "");
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
    const std::int64_t threads = point->parameters.number_or("threads", 1);
    const std::string label = threads_text(threads);
    const int colour = static_cast<int>(chart.series.size());
    ChartSeries& series = series_named(chart, label, colour, false);
    series.style = SeriesStyle::kBars;
    series.points.push_back(
        chart_point(*point, row_named(chart, where), unit, where + ", " + label));
  }
  sort_points(chart);
  chart.y.title = unit.name;
  return chart;
}

}  // namespace

std::vector<Chart> machine_charts(const Results& results, const Recommendation& recommendation) {
  std::vector<Chart> charts;
  for (Chart& chart : std::vector<Chart>{
           bandwidth_threads(results, recommendation), working_set(results, recommendation),
           attention(results, recommendation), dispatch(results), shared_memory(results),
           latency(results, recommendation), loaded_latency(results)}) {
    if (!chart.series.empty()) charts.push_back(std::move(chart));
  }
  for (Chart& chart : detail_charts(results, recommendation)) charts.push_back(std::move(chart));
  return charts;
}

}  // namespace mb
