// report.png: the answer of the leading model in words, then the six charts that matter most.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reports/render/chart.h"
#include "reports/render/escape.h"
#include "reports/render/format.h"
#include "reports/render/gnuplot.h"
#include "reports/render/render.h"

namespace mb {
namespace {

std::string expected(const PhaseAdvice& phase) {
  return fmt::format("{} {} tokens/s ({})", phase.phase,
                     format_rate(phase.expected.tokens_per_second),
                     format_rate_interval(phase.expected.low, phase.expected.high));
}

// In the order of a first look; what is not named comes after.
constexpr std::array<std::string_view, 6> kFirst{"prefill",     "decode",    "bandwidth_threads",
                                                 "working_set", "attention", "dispatch"};

std::vector<const Chart*> most_important(std::vector<const Chart*> charts) {
  std::ranges::stable_sort(charts, std::less<>(), [](const Chart* chart) {
    return std::ranges::find(kFirst, chart->id) - kFirst.begin();
  });
  return charts;
}

}  // namespace

std::optional<Missing> render_png(const Results& results, const Recommendation& recommendation,
                                  const std::filesystem::path& png) {
  DashboardHeader header;
  header.machine = clip_text(results.machine.cpu_model, 70) + "  ·  " +
                   clip_text(format_cpu_budget(recommendation.limits), 60);
  header.origin = clip_text("memory_benchmark " + results.build.version, 40) + "  ·  " +
                  clip_text(results.created_utc, 24);
  const ModelAdvice* lead = leading_model(recommendation);
  if (lead != nullptr && lead->fits) {
    header.answer =
        fmt::format("{}: {} for prefill, {} for decode", clip_text(lead->title, 40),
                    format_count(lead->prefill.threads, "thread", "threads"), lead->decode.threads);
    header.expectation =
        fmt::format("Expect {}, {}", expected(lead->prefill), expected(lead->decode));
  } else if (lead != nullptr) {
    header.answer = clip_text(lead->title, 40) + " does not fit";
    header.expectation = clip_text(lead->fits_reason, 100);
  }
  const std::vector<Chart> charts = make_charts(results, recommendation);
  return gnuplot_png(most_important(charts_of_model(charts, lead == nullptr ? "" : lead->model)),
                     header, png);
}

std::optional<Missing> render_png_folder(const Results& results,
                                         const Recommendation& recommendation,
                                         const std::filesystem::path& folder) {
  const std::vector<Chart> charts = make_charts(results, recommendation);
  const ModelAdvice* lead = leading_model(recommendation);
  return gnuplot_png_folder(charts_of_model(charts, lead == nullptr ? "" : lead->model), folder);
}

}  // namespace mb
