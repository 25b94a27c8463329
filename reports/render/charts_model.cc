// The first two charts of a model, prefill and decode by threads: predictions with their band, what
// the step probes measured where a ModelCurve carries it, the physical cores, the advised count.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "reports/render/chart.h"
#include "reports/render/charts_advice.h"
#include "reports/render/format.h"

namespace mb {
namespace {

// Of the hundreds of counts of a large machine those that show the curve: the small ones, the
// advised, every cliff's two sides, and of the rest one in `step`. The documents hold them all.
std::vector<ChartPoint> thinned(std::vector<ChartPoint> points, int advised) {
  constexpr double kAllUpTo = 32, kCliff = 1.03;
  constexpr std::size_t kThinnedFrom = 64;
  if (points.size() <= kThinnedFrom) return points;
  const std::size_t step = std::bit_ceil((points.size() + kThinnedFrom - 1) / kThinnedFrom);
  const auto cliff_after = [&](std::size_t i) {
    const double here = points[i].y, next = points[i + 1].y;
    return std::max(here, next) > kCliff * std::min(here, next);
  };
  std::vector<ChartPoint> kept;
  const std::size_t last = points.size() - 1;
  for (std::size_t i = 0; i <= last; ++i) {
    const auto count = static_cast<std::size_t>(points[i].x);
    if (i == last || points[i].x <= kAllUpTo || static_cast<int>(points[i].x) == advised ||
        count % step == 0 || cliff_after(i) || (i > 0 && cliff_after(i - 1))) {
      kept.push_back(points[i]);
    }
  }
  return kept;
}

ChartSeries predicted(const Recommendation& recommendation, const ModelAdvice& advice,
                      const std::string& phase) {
  ChartSeries series{"predicted, with 90 % interval", SeriesStyle::kModel, 0, false, {}};
  for (const Prediction& one : advice.predictions) {
    if (one.phase != phase || one.prompt_tokens != recommendation.prompt_tokens ||
        one.context_tokens != recommendation.context_tokens) {
      continue;
    }
    series.common = work_words(advice, one);
    series.points.push_back({.x = static_cast<double>(one.threads),
                             .y = one.tokens_per_second,
                             .low = one.low,
                             .high = one.high,
                             .validity = Validity::kValid,
                             .text = prediction_words(one)});
  }
  std::stable_sort(series.points.begin(), series.points.end(),
                   [](const ChartPoint& a, const ChartPoint& b) { return a.x < b.x; });
  return series;
}

// Curves named "measured_PHASE/MODEL" hold a step probe's time as tokens/s, worked out upstream.
ChartSeries measured(const Recommendation& recommendation, const std::string& model,
                     const std::string& phase) {
  ChartSeries series{"measured step of our kernels", SeriesStyle::kPoints, 1, false, {}};
  for (const ModelCurve& curve : recommendation.curves) {
    if (curve.name != "measured_" + phase + "/" + model) continue;
    for (std::size_t i = 0; i < curve.x.size() && i < curve.y.size(); ++i) {
      ChartPoint point{.x = curve.x[i],
                       .y = curve.y[i],
                       .low = {},
                       .high = {},
                       .validity = Validity::kValid,
                       .text = {}};
      if (i < curve.low.size() && i < curve.high.size()) {
        point.low = curve.low[i];
        point.high = curve.high[i];
      }
      point.text = fmt::format(
          "{}: {} tokens/s{}, {} of {}, measured with our kernels",
          format_count(static_cast<std::int64_t>(curve.x[i]), "thread", "threads"),
          format_rate(curve.y[i]),
          point.low && point.high
              ? fmt::format(" (90 % interval {})", format_rate_interval(*point.low, *point.high))
              : "",
          phase, model);
      series.points.push_back(point);
    }
  }
  return series;
}

void add_phase(std::vector<Chart>& charts, const Results& results,
               const Recommendation& recommendation, const ModelAdvice& advice,
               const PhaseAdvice& phase, const std::string& title) {
  Chart chart{.id = phase.phase,
              .model = advice.model,
              .title = title,
              .answers = {},
              .x = {},
              .y = {},
              .series = {},
              .marks = {}};
  chart.answers = phase.phase == "prefill"
                      ? "How fast a prompt is read, and where more threads stop paying."
                      : "How fast tokens are written, and where more threads stop paying.";
  ChartSeries line = predicted(recommendation, advice, phase.phase);
  line.points = thinned(std::move(line.points), phase.threads);
  ChartSeries steps = measured(recommendation, advice.model, phase.phase);
  chart.answers += fmt::format(
      " The line is for {}, with its barriers and its page kind; squares, where a step was "
      "measured, "
      "are our own kernels with weights on huge pages.",
      advice.engine_profile);
  for (ChartSeries* series : {&line, &steps}) {
    if (!series->points.empty()) chart.series.push_back(std::move(*series));
  }
  if (chart.series.empty()) return;
  chart.x = thread_axis(chart.series);
  chart.y.title = "tokens/s";
  const int cores = results.machine.usable_cores();
  if (cores > 0) {
    chart.marks.push_back({static_cast<double>(cores), {}, format_count(cores, "core", "cores")});
  }
  if (phase.threads > 0) {
    chart.marks.push_back({static_cast<double>(phase.threads), phase.expected.tokens_per_second,
                           fmt::format("advised: {}", phase.threads)});
  }
  charts.push_back(std::move(chart));
}

}  // namespace

std::vector<Chart> model_charts(const Results& results, const Recommendation& recommendation,
                                const ModelAdvice& advice) {
  std::vector<Chart> charts;
  add_phase(charts, results, recommendation, advice, advice.prefill, "Prefill by threads");
  add_phase(charts, results, recommendation, advice, advice.decode, "Decode by threads");
  for (Chart& chart : advice_charts(advice)) charts.push_back(std::move(chart));
  return charts;
}

std::vector<Chart> make_charts(const Results& results, const Recommendation& recommendation) {
  std::vector<Chart> charts;
  for (const ModelAdvice& advice : recommendation.models) {
    for (Chart& chart : model_charts(results, recommendation, advice)) {
      charts.push_back(std::move(chart));
    }
  }
  for (Chart& chart : machine_charts(results, recommendation)) charts.push_back(std::move(chart));
  return charts;
}

std::vector<const Chart*> charts_of_model(const std::vector<Chart>& charts,
                                          const std::string& model) {
  std::vector<const Chart*> chosen;
  for (const Chart& chart : charts) {
    if (chart.model.empty() || chart.model == model) chosen.push_back(&chart);
  }
  return chosen;
}

}  // namespace mb
