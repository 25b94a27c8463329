// Charts of one model's advice besides throughput by threads: throughput by prompt length with the
// regimes as bands, where the time of a step goes in each regime, and what would help.
#include "reports/render/charts_advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "reports/render/chart_parts.h"
#include "reports/render/levers.h"

namespace mb {
namespace {

// More bars than this cannot be read; the table of the page has them all.
constexpr std::size_t kMostLevers = 14;

std::string regime_words(std::string_view regime) {
  if (regime == kStreamingPrefill) return "streaming prefill";
  if (regime == kDispatchBoundPrefill) return "dispatch-bound prefill";
  if (regime == kMemoryBoundDecode) return "memory-bound decode";
  return std::string(regime);
}

Chart of_model(std::string_view id, const ModelAdvice& advice, std::string_view title,
               std::string_view answers) {
  Chart chart = empty_chart(id, title, answers);
  chart.model = advice.model;
  return chart;
}

// The prompts of one regime, as far as they follow each other: from its first to the next one's.
void add_regimes(Chart& chart, const std::map<double, std::string>& regimes) {
  for (const auto& [prompt, regime] : regimes) {
    if (!chart.bands.empty() && chart.bands.back().label == regime_words(regime)) continue;
    const double from = chart.bands.empty() ? chart.x.min : prompt;
    if (!chart.bands.empty()) chart.bands.back().to = from;
    chart.bands.push_back({from, chart.x.max, regime_words(regime)});
  }
}

Chart by_prompt(const ModelAdvice& advice) {
  Chart chart = of_model("by_prompt", advice, "Prefill by prompt length",
                         fmt::format("How fast prompts of each length are read with {}: short ones "
                                     "pay for synchronisation, long ones for attention. Bands are "
                                     "regimes of a cold prompt.",
                                     threads_text(advice.prefill.threads)));
  std::map<double, std::string> regimes;
  for (const Prediction& one : advice.by_prompt) {
    const bool cold = one.context_tokens == 0;
    const std::string label = cold
                                  ? "cold: nothing in the cache"
                                  : fmt::format("warm: {} tokens in the cache", one.context_tokens);
    ChartSeries& series = series_named(chart, label, static_cast<int>(chart.series.size()), false);
    series.style = SeriesStyle::kModel;
    const auto tokens = static_cast<double>(one.prompt_tokens);
    series.points.push_back({.x = tokens,
                             .y = one.tokens_per_second,
                             .low = one.low,
                             .high = one.high,
                             .text = prediction_words(one) + ", " + work_words(advice, one)});
    if (cold) regimes[tokens] = one.regime;
  }
  if (chart.series.empty()) return chart;
  sort_points(chart);
  chart.x = log2_axis(chart.series, [](double tokens) { return format_whole(tokens); });
  chart.x.title = "new tokens of the prompt";
  chart.y.title = "tokens/s";
  add_regimes(chart, regimes);
  return chart;
}

Chart shares(const ModelAdvice& advice) {
  Chart chart = of_model("shares", advice, "Where the time of a step goes",
                         "The share of each term in a step of each regime: what binds it, and what "
                         "more bandwidth, arithmetic or cheaper barriers could save.");
  const auto add = [&](const Prediction& one) {
    if (one.share_by_term.empty()) return;
    const std::string regime = regime_words(one.regime);
    // "dispatch-bound: 8 new on 4096": short enough for a narrow screen.
    const std::string row =
        one.phase == "decode"
            ? fmt::format("{} cached", one.context_tokens)
            : fmt::format(
                  "{} new{}", one.prompt_tokens,
                  one.context_tokens == 0 ? ", cold" : fmt::format(" on {}", one.context_tokens));
    const double at = row_named(chart, regime.substr(0, regime.find(' ')) + ": " + row);
    double from = 0;
    for (std::size_t i = 0; i < kTermNames.size(); ++i) {
      const auto share = one.share_by_term.find(std::string(kTermNames[i]));
      if (share == one.share_by_term.end() || !(share->second > 0)) continue;
      ChartSeries& series =
          series_named(chart, words_of(kTermNames[i]), static_cast<int>(i), false);
      series.style = SeriesStyle::kSpans;
      const bool drawn = std::ranges::any_of(
          series.points, [at](const ChartPoint& point) { return point.x == at; });
      if (drawn) return;  // the same step twice
      series.points.push_back(
          {.x = at,
           .y = share->second,
           .from = from,
           .text = fmt::format("{}: {} of the time; {}", words_of(kTermNames[i]),
                               format_share(share->second),
                               prediction_words(one) + ", " + work_words(advice, one))});
      from += share->second;
    }
  };
  add(advice.decode.expected);
  add(advice.prefill.expected);
  // The shortest and the longest prompt of each cache.
  for (std::size_t i = 0; i < advice.by_prompt.size(); ++i) {
    const auto cached = [&](std::size_t at) { return advice.by_prompt[at].context_tokens; };
    const bool first = i == 0 || cached(i - 1) != cached(i);
    const bool last = i + 1 == advice.by_prompt.size() || cached(i + 1) != cached(i);
    if (first || last) add(advice.by_prompt[i]);
  }
  sort_series(chart);
  chart.y.title = "share of the time";
  chart.y.max = 1;
  return chart;
}

Chart levers(const ModelAdvice& advice) {
  Chart chart = of_model("levers", advice, "What would help, by how much",
                         "Speed-up of each change alone, by the model at the fastest measured "
                         "counts; 1 is as it is now.");
  std::vector<const Lever*> known;
  for (const Lever& lever : advice.levers) {
    if (lever.speedup) known.push_back(&lever);
  }
  std::ranges::stable_sort(
      known, [](const Lever* a, const Lever* b) { return *a->speedup > *b->speedup; });
  if (known.size() > kMostLevers) known.resize(kMostLevers);
  for (const Lever* lever : known) {
    const bool decode = lever->phase == "decode";
    ChartSeries& series = series_named(chart, decode ? "decode" : "prefill", decode ? 1 : 0, false);
    series.style = SeriesStyle::kSpans;
    const std::string what =
        lever_title(lever->name) + (lever->setting.empty() ? "" : ": " + lever->setting);
    series.points.push_back(
        {.x = row_named(chart, fmt::format("{}, {}", what, lever->phase)),
         .y = *lever->speedup,
         .from = 0,
         .text = fmt::format(
             "{} of {}: {}, from {} to {} tokens/s, predicted. {}", what, lever->phase,
             format_speedup(lever->speedup), format_rate(lever->from_tokens_per_second),
             lever->to_tokens_per_second ? format_rate(*lever->to_tokens_per_second) : "–",
             lever->note),
         .label = format_speedup(lever->speedup)});
  }
  sort_series(chart);
  chart.y.title = "times as fast";
  chart.marks.push_back({1, {}, "as it is"});
  return chart;
}

}  // namespace

std::string prediction_words(const Prediction& one) {
  return fmt::format("{}: {} tokens/s (90 % interval {}), limited by {}", threads_text(one.threads),
                     format_rate(one.tokens_per_second), format_rate_interval(one.low, one.high),
                     words_of(one.limited_by));
}

std::string work_words(const ModelAdvice& advice, const Prediction& one) {
  const std::string work =
      one.phase == "decode"
          ? fmt::format("decode with {} in the cache", one.context_tokens)
          : fmt::format("prefill of {} tokens on {}", one.prompt_tokens,
                        one.context_tokens == 0
                            ? "an empty cache (cold)"
                            : fmt::format("{} in the cache (warm)", one.context_tokens));
  return fmt::format("{}, {}, predicted", work, advice.title);
}

std::vector<Chart> advice_charts(const ModelAdvice& advice) {
  std::vector<Chart> charts{by_prompt(advice), shares(advice), levers(advice)};
  std::erase_if(charts, [](const Chart& chart) { return chart.series.empty(); });
  return charts;
}

}  // namespace mb
