// report.png: the answer of the leading model in words, then the six charts that matter most.
#include <fmt/format.h>

#include "reports/render/chart.h"
#include "reports/render/escape.h"
#include "reports/render/format.h"
#include "reports/render/gnuplot.h"
#include "reports/render/render.h"

namespace mb {
namespace {

std::string phase_line(const PhaseAdvice& phase) {
  const Prediction& expected = phase.expected;
  return fmt::format(
      "{}: {}, {} tokens/s ({})", phase.phase, format_count(phase.threads, "thread", "threads"),
      format_rate(expected.tokens_per_second), format_rate_interval(expected.low, expected.high));
}

}  // namespace

std::optional<Missing> render_png(const Results& results, const Recommendation& recommendation,
                                  const std::filesystem::path& png) {
  DashboardHeader header;
  header.title =
      clip_text(results.machine.cpu_model, 70) + "  ·  " + format_cpu_budget(recommendation.limits);
  header.footer = "memory_benchmark " + results.build.version + "  ·  " + results.created_utc;
  const ModelAdvice* lead = leading_model(recommendation);
  if (lead != nullptr && lead->fits) {
    header.lines.push_back(clip_text(lead->title, 60) + "   " + phase_line(lead->prefill) + "   " +
                           phase_line(lead->decode));
  } else if (lead != nullptr) {
    header.lines.push_back(clip_text(lead->title + ": " + lead->fits_reason, 140));
  }
  const std::vector<Chart> charts = make_charts(results, recommendation);
  std::vector<const Chart*> shown = charts_of_model(charts, lead == nullptr ? "" : lead->model);
  return gnuplot_png(shown, header, png);
}

}  // namespace mb
