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

// Zero-based rank from either end; 0 where the range itself must do. Ends before the middle, where
// the sum is a half.
std::size_t interval_rank(std::size_t count) {
  const double n = static_cast<double>(count);
  double below = 0;  // P(Binomial(n, 1/2) <= rank)
  for (std::size_t rank = 0;; ++rank) {
    const double i = static_cast<double>(rank);
    below += std::exp(std::lgamma(n + 1) - std::lgamma(i + 1) - std::lgamma(n - i + 1) -
                      n * std::log(2.0));
    if (below > 0.025) return rank > 0 ? rank - 1 : 0;
  }
}

struct Group {
  double median = 0, mad = 0;
};

Group group_of(const double* sorted, std::size_t count) {
  Group group{median_of_sorted(sorted, count), 0};
  std::vector<double> deviations(sorted, sorted + count);
  for (double& deviation : deviations) deviation = std::abs(deviation - group.median);
  std::ranges::sort(deviations);
  group.mad = median_of_sorted(deviations.data(), count);
  return group;
}

// The first of the upper of the two groups whose means are farthest apart, weighed by their sizes
// (Otsu, 1979).
std::size_t best_split(const std::vector<double>& sorted) {
  const double all = std::accumulate(sorted.begin(), sorted.end(), 0.0);
  const auto count = static_cast<double>(sorted.size());
  double below = 0, most = -1;
  std::size_t split = 1;
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    below += sorted[i - 1];
    const auto n = static_cast<double>(i);
    const double apart = below / n - (all - below) / (count - n);
    const double between = n * (count - n) * apart * apart;
    if (between > most) {
      most = between;
      split = i;
    }
  }
  return split;
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
  constexpr double kLeastRatio = 1.2;  // closer groups are spread, not two states
  // Of the wider group's MAD, what lies between the two medians: halves of a normal sample
  // have 3.4, of a uniform one 4.
  constexpr double kLeastSeparation = 8;
  const std::vector<double> sorted = sorted_copy(samples);
  const std::size_t count = sorted.size();
  if (count < 4) return std::nullopt;
  const std::size_t split = best_split(sorted);
  const std::size_t least = std::max<std::size_t>(2, (count + 3) / 4);
  if (split < least || count - split < least) return std::nullopt;
  const Group low = group_of(sorted.data(), split);
  const Group high = group_of(sorted.data() + split, count - split);
  if (low.median <= 0 || high.median < kLeastRatio * low.median) return std::nullopt;
  if (high.median - low.median < kLeastSeparation * std::max(low.mad, high.mad)) {
    return std::nullopt;
  }
  return Modes{low.median, high.median};
}

}  // namespace mb
