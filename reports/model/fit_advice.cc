// A thread count from measured points and predictions. The best measured point is the bar. Counts
// that reach it are weighed: measured ones within the tolerance, others that exceed it with odds of
// four to one and which do not lie on the way to a collapse, since where between two points that
// begins nobody saw. Of those within the tolerance of the best the smallest is advised. Among
// unmeasured counts whose predictions do not differ, the one that divides the work most evenly is
// taken: engines split heads and rows in equal parts, and a part too many can cost half.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "reports/model/fit_parts.h"

namespace mb {
namespace {

constexpr double kSameRate = 0.01;   // predictions nearer than this do not differ
constexpr double kCollapse = 0.5;    // of the best measured rate: lower than any dip, DECISIONS 72
constexpr double kLeastLoss = 0.02;  // DESIGN section 5: the tolerance that stability is judged by

struct Option {
  const CountPrediction* count;
  double rate;  // measured, else predicted
  bool measured;
  bool allowed;
  bool collapsing;  // lies on the way to a collapse
};

// Whether the next measured count above has lost most of what the best one gives.
bool before_collapse(const ThreadSeries& series, int threads, double bar) {
  const auto next = std::ranges::find_if(
      series.points, [&](const ThreadPoint& point) { return point.threads > threads; });
  return next != series.points.end() && next->tokens_per_second < kCollapse * bar;
}

std::vector<Option> options_of(const ThreadSeries& series,
                               const std::vector<CountPrediction>& predicted, double tolerance) {
  const double bar =
      std::ranges::max(series.points, {}, &ThreadPoint::tokens_per_second).tokens_per_second;
  std::vector<Option> options;
  for (const CountPrediction& count : predicted) {
    if (count.threads > series.layout.logical) break;
    const auto known = std::ranges::find(series.points, count.threads, &ThreadPoint::threads);
    const bool measured = known != series.points.end();
    const double rate = measured ? known->tokens_per_second : std::exp(count.log_rate);
    const bool collapsing = !measured && before_collapse(series, count.threads, bar);
    const bool reaches =
        measured ? rate >= (1 - tolerance) * bar : std::exp(count.log_likely) > bar;
    options.push_back({.count = &count,
                       .rate = rate,
                       .measured = measured,
                       .allowed = reaches && !collapsing,
                       .collapsing = collapsing});
  }
  return options;
}

const Option& choose(const std::vector<Option>& options, const ThreadSeries& series,
                     double tolerance) {
  const Option* best = nullptr;
  for (const Option& option : options) {
    if (option.allowed && (best == nullptr || option.rate > best->rate)) best = &option;
  }
  const auto good = [&](const Option& option, double loss) {
    return option.allowed && option.rate >= (1 - loss) * best->rate;
  };
  const Option& first =
      *std::ranges::find_if(options, [&](const Option& option) { return good(option, tolerance); });
  if (first.measured) return first;
  const int heads = series.heads >= 1 ? static_cast<int>(series.heads) : 64;
  const Option* even = &first;
  for (const Option& option : options) {
    const bool near = !option.measured && good(option, std::max(tolerance, kSameRate)) &&
                      option.rate >= (1 - kSameRate) * first.rate;
    if (near && std::gcd(option.count->threads, heads) > std::gcd(even->count->threads, heads)) {
      even = &option;
    }
  }
  return *even;
}

// Per option the mean share lost against each draw's best, and for how many draws it stays small.
void weigh(SeriesFit& out, const std::vector<Option>& options, double tolerance) {
  const std::size_t draws = options.front().count->log_draws.size();
  std::vector<double> best(draws, -INFINITY);
  for (const Option& option : options) {
    if (option.collapsing) continue;
    for (std::size_t d = 0; d < draws; ++d) {
      best[d] = std::max(best[d], option.count->log_draws[d]);
    }
  }
  constexpr double kWorthAThought = 0.05;
  for (const Option& option : options) {
    if (option.collapsing) continue;
    double loss = 0;
    std::size_t stable = 0;
    for (std::size_t d = 0; d < draws; ++d) {
      const double lost = 1 - std::exp(option.count->log_draws[d] - best[d]);
      loss += lost / static_cast<double>(draws);
      if (lost <= std::max(tolerance, kLeastLoss)) ++stable;
    }
    const bool advised = option.count->threads == out.recommended_threads;
    if (advised) out.stability = static_cast<double>(stable) / static_cast<double>(draws);
    if (advised || loss <= kWorthAThought || (option.measured && option.allowed)) {
      out.candidates.push_back({.threads = option.count->threads,
                                .tokens_per_second = option.rate,
                                .expected_loss = loss,
                                .measured = option.measured});
    }
  }
}

}  // namespace

void advise_threads(SeriesFit& out, const ThreadSeries& series,
                    const std::vector<CountPrediction>& predicted, double tolerance) {
  const std::vector<Option> options = options_of(series, predicted, tolerance);
  const Option& chosen = choose(options, series, tolerance);
  const double bar =
      std::ranges::max(series.points, {}, &ThreadPoint::tokens_per_second).tokens_per_second;
  out.recommended_threads = chosen.count->threads;
  if (chosen.measured) {
    out.reasons.push_back(fmt::format("{} threads: {:.4g} tokens/s measured, best measured {:.4g}",
                                      chosen.count->threads, chosen.rate, bar));
  } else {
    out.reasons.push_back(fmt::format(
        "{} threads were not measured, but are predicted to make {:.4g} tokens/s, and four to one "
        "more than {:.4g}, where the best measured makes {:.4g}",
        chosen.count->threads, chosen.rate, std::exp(chosen.count->log_likely), bar));
  }
  weigh(out, options, tolerance);
}

}  // namespace mb
