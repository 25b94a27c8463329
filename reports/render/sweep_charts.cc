// A series of the document is a series of the chart; the spread of its samples is its whisker.
#include "reports/render/sweep_charts.h"

#include <fmt/format.h>

#include <algorithm>

#include "reports/render/format.h"
#include "reports/render/gnuplot.h"

namespace mb {
namespace {

std::optional<double> length_of(const SweepPoint& point, const std::string& kind) {
  if (kind == "prompt-length") return point.prompt_tokens;
  if (kind == "generation-length") return point.new_tokens;
  if (kind == "context-length") return point.context_tokens;
  if (kind == "batch-size" && point.batch) return *point.batch;
  if (kind == "threads" && point.threads) return *point.threads;
  return std::nullopt;
}

std::string axis_title(const std::string& kind) {
  if (kind == "prompt-length") return "prompt, tokens";
  if (kind == "generation-length") return "generated tokens";
  if (kind == "context-length") return "positions in the cache";
  return kind == "batch-size" ? "sequences at once" : "threads";
}

ChartSeries chart_series(const SweepSeries& series, const std::string& kind, int colour) {
  ChartSeries out{.label = series.label.empty() ? series.phase : series.label, .colour = colour};
  for (const SweepPoint& point : series.points) {
    const auto x = length_of(point, kind);
    if (!x || !point.tokens_per_second) continue;
    ChartPoint made{.x = *x, .y = *point.tokens_per_second};
    if (!point.samples.empty()) {
      made.low = std::ranges::min(point.samples);
      made.high = std::ranges::max(point.samples);
    }
    made.text = fmt::format("{}: {} tokens/s", format_whole(*x), format_rate(made.y));
    out.points.push_back(std::move(made));
  }
  return out;
}

}  // namespace

std::vector<Chart> sweep_charts(const Sweep& sweep, const std::vector<SeriesFit>& fits) {
  std::vector<Chart> charts;
  for (const char* phase : {"prefill", "decode", "mixed"}) {
    Chart chart{.id = phase, .title = fmt::format("{} throughput, {}", phase, sweep.engine_name)};
    chart.y.title = "tokens/s";
    for (std::size_t i = 0; i < sweep.series.size(); ++i) {
      if (sweep.series[i].phase != phase) continue;
      ChartSeries series =
          chart_series(sweep.series[i], sweep.kind, static_cast<int>(chart.series.size()));
      if (series.points.empty()) continue;
      if (i < fits.size() && fits[i].recommended_threads > 0) {
        const int advised = fits[i].recommended_threads;
        const auto on_curve =
            std::ranges::find(series.points, static_cast<double>(advised), &ChartPoint::x);
        if (on_curve != series.points.end()) {
          chart.marks.push_back({on_curve->x, on_curve->y, fmt::format("advised {}", advised)});
        }
      }
      chart.series.push_back(std::move(series));
    }
    if (chart.series.empty()) continue;
    if (sweep.kind == "threads") {
      chart.x = thread_axis(chart.series);
    } else {
      chart.x.title = axis_title(sweep.kind);
      chart.x.logarithmic = true;
    }
    charts.push_back(std::move(chart));
  }
  return charts;
}

std::optional<Missing> sweep_png(const Sweep& sweep, const std::vector<SeriesFit>& fits,
                                 const std::filesystem::path& png) {
  const std::vector<Chart> charts = sweep_charts(sweep, fits);
  std::vector<const Chart*> shown;
  for (const Chart& chart : charts) shown.push_back(&chart);
  if (shown.empty()) return Missing{"chart", "no point to draw", "see the document's notes"};
  std::string answer;
  for (const SeriesFit& fit : fits) {
    if (fit.recommended_threads < 1) continue;
    answer += fmt::format("{}{} {}{}", answer.empty() ? "" : ", ", fit.phase,
                          format_count(fit.recommended_threads, "thread", "threads"),
                          fit.label.empty() ? "" : " (" + fit.label + ")");
  }
  return gnuplot_png(shown,
                     {.machine = sweep.machine.cpu,
                      .origin = sweep.created_utc,
                      .answer = answer,
                      .expectation = sweep.source_title},
                     png);
}

}  // namespace mb
