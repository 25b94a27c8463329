// Charts for who looks closer: bandwidth by where threads are placed, what counters say, the
// operations of a step under the machine's roof, a conversation along the clock. Each is drawn only
// where the documents hold its figures.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "reports/render/chart_parts.h"

namespace mb {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kPlacements{
    {{"spread", "spread over the machine"},
     {"compact", "close together"},
     {"l3_domain", "inside one L3 domain"},
     {"numa_node", "inside one NUMA node"}}};

Chart placement(const Results& results) {
  Chart chart = empty_chart("placement", "Memory bandwidth by placement",
                            "How many threads use up what one L3 domain, one NUMA node and the "
                            "whole machine can read.");
  const Points points = select_all(results, "stream_bandwidth", [](const Point& point) {
    const Parameters& p = point.parameters;
    return p.text_or("operation", "") == "read" && p.text_or("level", "") == "dram" &&
           p.text_or("page", "thp") == "thp" && !p.has("cpu_node") && !p.has("working_set_bytes");
  });
  const bool any = std::any_of(points.begin(), points.end(), [](const Point* point) {
    return point->parameters.text_or("placement", "spread") != "spread";
  });
  if (!any) return chart;
  const DisplayUnit unit = unit_of(points);
  for (const Point* point : points) {
    const std::string name = point->parameters.text_or("placement", "spread");
    const auto known =
        std::ranges::find(kPlacements, name, &std::pair<std::string_view, std::string_view>::first);
    if (known == kPlacements.end()) continue;
    const std::int64_t threads = point->parameters.number_or("threads", 1);
    const std::string label(known->second);
    series_named(chart, label, static_cast<int>(known - kPlacements.begin()), false)
        .points.push_back(chart_point(*point, static_cast<double>(threads), unit,
                                      threads_text(threads) + " " + label));
  }
  sort_points(chart);
  sort_series(chart);
  chart.x = thread_axis(chart.series);
  chart.y.title = unit.name;
  return chart;
}

// Curves named FIGURE/WHAT, a series each.
Chart counters(const Recommendation& recommendation, std::string_view id, std::string_view figure,
               std::string_view title, std::string_view answers, std::string_view unit) {
  Chart chart = empty_chart(id, title, answers);
  for (const ModelCurve& curve : recommendation.curves) {
    if (!curve.name.starts_with(figure) || curve.name.size() <= figure.size() + 1 ||
        curve.name[figure.size()] != '/') {
      continue;
    }
    const std::string what = curve.name.substr(figure.size() + 1);
    ChartSeries& series = series_named(chart, what, static_cast<int>(chart.series.size()), false);
    for (std::size_t i = 0; i < curve.x.size() && i < curve.y.size(); ++i) {
      const auto threads = static_cast<std::int64_t>(curve.x[i]);
      series.points.push_back(
          {.x = curve.x[i],
           .y = curve.y[i],
           .text = fmt::format("{}, {}: {} {}, counted over all samples", what,
                               threads_text(threads), format_number(curve.y[i]), unit)});
    }
  }
  if (chart.series.empty()) return chart;
  sort_points(chart);
  chart.x = thread_axis(chart.series);
  chart.y.title = unit;
  return chart;
}

std::string operation_words(const std::string& name) {
  std::string words = name;
  std::ranges::replace(words, '_', ' ');
  return words;
}

Chart roofline(const Roofline& roof) {
  const bool decode = roof.phase == "decode";
  Chart chart =
      empty_chart(decode ? "roofline_decode" : "roofline_prefill",
                  decode ? "Roofline of the decode step" : "Roofline of the prefill step",
                  fmt::format("How near each operation of a measured step of {} comes to what the "
                              "memory and the arithmetic of {} allow. What caches serve may lie "
                              "above the slope.",
                              roof.model, threads_text(roof.threads)));
  const DisplayUnit unit = display_unit(Unit::kFlopsPerSecond, roof.peak_flops_per_second);
  ChartSeries line{
      .label = "roof: DRAM read, then matrix products", .style = SeriesStyle::kModel, .colour = 0};
  for (std::size_t i = 0;
       i < roof.roof_flops_per_byte.size() && i < roof.roof_flops_per_second.size(); ++i) {
    line.points.push_back(
        {.x = roof.roof_flops_per_byte[i],
         .y = unit(roof.roof_flops_per_second[i]),
         .text =
             fmt::format("{} FLOP a byte: at most {}", format_number(roof.roof_flops_per_byte[i]),
                         format_quantity(roof.roof_flops_per_second[i], Unit::kFlopsPerSecond))});
  }
  chart.series.push_back(line);
  const auto roof_at = [&](const RooflineOperation& operation) {
    return std::min(roof.peak_flops_per_second,
                    roof.bandwidth_bytes_per_second * operation.flops_per_byte);
  };
  for (const RooflineOperation& operation : roof.operations) {
    const std::string name = operation_words(operation.name);
    ChartSeries one{.label = name,
                    .style = SeriesStyle::kPoints,
                    .colour = static_cast<int>(chart.series.size())};
    one.points.push_back(
        {.x = operation.flops_per_byte,
         .y = unit(operation.flops_per_second),
         .text =
             fmt::format("{}: {} at {} FLOP a byte, {} of the roof there, {}, {} of the step, "
                         "served by {}",
                         name, format_quantity(operation.flops_per_second, Unit::kFlopsPerSecond),
                         format_number(operation.flops_per_byte),
                         format_share(operation.flops_per_second / roof_at(operation)),
                         format_quantity(operation.bytes_per_second, Unit::kBytesPerSecond),
                         format_share(operation.share),
                         operation.served_by.empty() ? "an unknown level" : operation.served_by),
         .label = name});
    chart.series.push_back(one);
  }
  chart.x = log2_axis(chart.series, [](double at) { return format_whole(at); });
  chart.x.title = "FLOP a byte";
  chart.y.title = unit.name;
  chart.y.logarithmic = true;
  return chart;
}

Chart timeline(const Recommendation& recommendation) {
  Chart chart = empty_chart("timeline", "A conversation along the clock", "");
  if (!recommendation.scenario) return chart;
  const ModelScenario& played = *recommendation.scenario;
  chart.answers = fmt::format(
      "{}: {} phase by phase, each with its own thread count, {} in all. {}",
      recommendation.scenario_name, played.title, format_seconds(played.seconds), played.reason);
  int number = 0;
  for (const ScenarioPhase& phase : played.phases) {
    const bool decode = phase.phase == "decode";
    const std::string row =
        fmt::format("{}. {} {}", ++number, decode ? "write" : "read", phase.tokens);
    ChartSeries& series =
        series_named(chart, decode ? "decode: writing the answer" : "prefill: reading the prompt",
                     decode ? 1 : 0, false);
    series.style = SeriesStyle::kSpans;
    series.points.push_back(
        {.x = row_named(chart, row),
         .y = phase.seconds,
         .from = phase.start_seconds,
         .text = fmt::format("{} of {} tokens with {} in the cache, {}: {} (90 % interval {}), {} "
                             "tokens/s, limited "
                             "by {}, predicted",
                             phase.phase, phase.tokens, phase.context_tokens,
                             threads_text(phase.threads), format_seconds(phase.seconds),
                             format_interval(phase.low, phase.high, Unit::kSeconds),
                             format_rate(phase.tokens_per_second), words_of(phase.limited_by))});
  }
  chart.y.title = "seconds";
  return chart;
}

}  // namespace

std::vector<Chart> detail_charts(const Results& results, const Recommendation& recommendation) {
  std::vector<Chart> charts{
      placement(results),
      counters(recommendation, "counters_ipc", "instructions_per_cycle",
               "Instructions a cycle by threads",
               "Cores that wait for memory or for each other retire fewer instructions a cycle.",
               "instructions a cycle"),
      counters(recommendation, "counters_l3", "l3_misses_per_kilo_instruction",
               "L3 misses by threads", "How often the last cache level could not serve a line.",
               "misses a thousand instructions"),
      timeline(recommendation)};
  for (const Roofline& roof : recommendation.rooflines) {
    const std::string id = "roofline_" + roof.phase;
    const bool there = std::ranges::any_of(charts, [&id](const Chart& c) { return c.id == id; });
    if (!there && !roof.operations.empty()) charts.push_back(roofline(roof));
  }
  std::erase_if(charts, [](const Chart& chart) { return chart.series.empty(); });
  return charts;
}

}  // namespace mb
