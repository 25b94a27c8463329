// Bars: models in rows, documents beside each other; whiskers are 90 % intervals.
#include <fmt/format.h>

#include <algorithm>

#include "reports/render/chart_parts.h"
#include "reports/render/comparison.h"
#include "reports/render/escape.h"
#include "reports/render/gnuplot.h"

namespace mb {
namespace {

std::string rate_words(const ModelComparison& model, const ComparedPhase& phase,
                       const ComparedRate& rate) {
  std::string words = fmt::format(
      "{}: {} of {}, {}: {} tokens/s (90 % interval {}), {}", rate.document, phase.phase,
      model.title, compared_threads(rate), format_rate(rate.tokens_per_second),
      format_rate_interval(rate.low, rate.high), rate.measured ? "measured" : "predicted");
  if (rate.prompt_tokens) words += fmt::format(", prompt {:g}", *rate.prompt_tokens);
  if (rate.context_tokens) words += fmt::format(", {:g} in the cache", *rate.context_tokens);
  if (rate.cost_per_million_tokens) words += ", a million tokens cost " + compared_cost(rate);
  return words;
}

Chart phase_chart(const Comparison& comparison, const std::string& phase, bool cost) {
  Chart chart =
      cost ? empty_chart("cost_" + phase, "Cost of a million tokens, " + phase,
                         "By the price an hour that was given, in its unit; less is better.")
           : empty_chart("compare_" + phase, "Tokens per second, " + phase,
                         "At each document's own advised thread count; whiskers that overlap are "
                         "no difference.");
  for (std::size_t i = 0; i < comparison.documents.size(); ++i) {
    chart.series.push_back({.label = comparison.documents[i].name,
                            .style = SeriesStyle::kBars,
                            .colour = static_cast<int>(i)});
  }
  for (const ModelComparison& model : comparison.models) {
    for (const ComparedPhase& compared : model.phases) {
      if (compared.phase != phase) continue;
      for (const ComparedRate& rate : compared.rates) {
        if (cost && !rate.cost_per_million_tokens) continue;
        const auto series = std::ranges::find(chart.series, rate.document, &ChartSeries::label);
        if (series == chart.series.end()) continue;
        ChartPoint point{.x = row_named(chart, model.title),
                         .y = cost ? *rate.cost_per_million_tokens : rate.tokens_per_second,
                         .low = cost ? rate.cost_low : rate.low,
                         .high = cost ? rate.cost_high : rate.high,
                         .text = rate_words(model, compared, rate)};
        series->points.push_back(std::move(point));
      }
    }
  }
  std::erase_if(chart.series, [](const ChartSeries& series) { return series.points.empty(); });
  chart.y.title = cost ? "a million tokens" : "tokens/s";
  return chart;
}

}  // namespace

std::vector<Chart> comparison_charts(const Comparison& comparison) {
  std::vector<Chart> charts;
  for (const bool cost : {false, true}) {
    for (const char* phase : {"prefill", "decode"}) {
      charts.push_back(phase_chart(comparison, phase, cost));
    }
  }
  std::erase_if(charts, [](const Chart& chart) { return chart.series.empty(); });
  return charts;
}

std::optional<Missing> render_comparison_png(const Comparison& comparison,
                                             const std::filesystem::path& png) {
  const std::vector<Chart> charts = comparison_charts(comparison);
  std::vector<const Chart*> shown;
  for (const Chart& chart : charts) shown.push_back(&chart);
  std::string names;
  for (const ComparedDocument& one : comparison.documents) {
    names += (names.empty() ? "" : "  ·  ") + clip_text(one.name, 30);
  }
  DashboardHeader header{
      .machine = clip_text(names, 150), .origin = {}, .answer = {}, .expectation = {}};
  if (!comparison.models.empty()) {
    const ModelComparison& first = comparison.models.front();
    header.answer = clip_text(first.title, 60);
    // The last sentence, that on decode: one line is all the room there is.
    const std::size_t last = first.answer.rfind(". ", first.answer.size() - 2);
    constexpr std::size_t kLine = 125;
    header.expectation =
        clip_text(last == std::string::npos ? first.answer : first.answer.substr(last + 2), kLine);
  }
  return gnuplot_png(shown, header, png);
}

}  // namespace mb
