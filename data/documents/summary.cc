// Order statistics of a point's samples.
//
// The interval of the median is the distribution-free one: between the k-th smallest and the k-th
// largest sample, k the largest rank with P(Binomial(n, 1/2) < k) <= 2.5 % (David and Nagaraja,
// Order Statistics, section 7.1). Below six samples no such k exists: all the samples' range
// stands.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "data/documents/results.h"
#include "data/error.h"

namespace mb {
namespace {

double median_of_sorted(const double* sorted, std::size_t count) {
  const std::size_t half = count / 2;
  return count % 2 ? sorted[half] : std::midpoint(sorted[half - 1], sorted[half]);
}

std::vector<double> sorted_copy(const std::vector<double>& samples) {
  std::vector<double> sorted = samples;
  for (const double sample : sorted) {
    if (!std::isfinite(sample)) {
      throw Error(ErrorCode::kFailure,
                  "a sample is not a finite number: the measurement is broken");
    }
  }
  std::ranges::sort(sorted);
  return sorted;
}

// Zero-based rank from either end; 0 where the range itself must do.
std::size_t interval_rank(std::size_t count) {
  const double n = static_cast<double>(count);
  double below = 0;  // P(Binomial(n, 1/2) <= rank)
  std::size_t rank = 0;
  for (; rank < count / 2; ++rank) {
    const double i = static_cast<double>(rank);
    below += std::exp(std::lgamma(n + 1) - std::lgamma(i + 1) - std::lgamma(n - i + 1) -
                      n * std::log(2.0));
    if (below > 0.025) break;
  }
  return rank > 0 ? rank - 1 : 0;
}

}  // namespace

Summary summarise(const std::vector<double>& samples, Unit unit) {
  if (samples.empty()) return {};
  const std::vector<double> sorted = sorted_copy(samples);
  Summary summary;
  summary.count = static_cast<std::int64_t>(sorted.size());
  summary.median = median_of_sorted(sorted.data(), sorted.size());
  std::vector<double> deviations = sorted;
  for (double& deviation : deviations) deviation = std::abs(deviation - summary.median);
  std::ranges::sort(deviations);
  summary.mad = median_of_sorted(deviations.data(), deviations.size());
  const std::size_t rank = interval_rank(sorted.size());
  summary.low = sorted[rank];
  summary.high = sorted[sorted.size() - 1 - rank];
  summary.best = unit == Unit::kSeconds ? sorted.front() : sorted.back();
  return summary;
}

std::optional<Modes> find_modes(const std::vector<double>& samples) {
  constexpr double kLeastRatio = 1.2;      // closer groups are spread, not two states
  constexpr double kMostSpread = 1 / 3.0;  // of the gap: groups must be clearly apart
  const std::vector<double> sorted = sorted_copy(samples);
  const std::size_t count = sorted.size();
  if (count < 4) return std::nullopt;
  std::size_t split = 1;  // first of the upper group
  for (std::size_t i = 2; i < count; ++i) {
    if (sorted[i] - sorted[i - 1] > sorted[split] - sorted[split - 1]) split = i;
  }
  const std::size_t least = std::max<std::size_t>(2, (count + 3) / 4);
  if (split < least || count - split < least) return std::nullopt;
  const double gap = sorted[split] - sorted[split - 1];
  const double spread = std::max(sorted[split - 1] - sorted.front(), sorted.back() - sorted[split]);
  const Modes modes{median_of_sorted(sorted.data(), split),
                    median_of_sorted(sorted.data() + split, count - split)};
  if (modes.low <= 0 || modes.high < kLeastRatio * modes.low) return std::nullopt;
  return spread <= kMostSpread * gap ? std::optional(modes) : std::nullopt;
}

}  // namespace mb
