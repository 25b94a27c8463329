// One vector operation does both: find the next value above a threshold. For argmax the threshold
// is the largest so far, for top-k the smallest of a heap of k; random logits pass it some log(n)
// times, and blocks of values below it are passed over by one comparison.
#include "workloads/kernels/pick_token.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/pick_token.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The first index from `from` on whose value is above `threshold`, or count.
long next_above_vector(const float* values, long from, long count, float threshold) {
  const hn::ScalableTag<float> d;
  const long lanes = static_cast<long>(hn::Lanes(d));
  const auto limit = hn::Set(d, threshold);
  long i = from;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    const auto largest = hn::Max(
        hn::Max(hn::LoadU(d, values + i), hn::LoadU(d, values + i + lanes)),
        hn::Max(hn::LoadU(d, values + i + 2 * lanes), hn::LoadU(d, values + i + 3 * lanes)));
    if (!hn::AllFalse(d, hn::Gt(largest, limit))) break;
  }
  while (i < count && !(values[i] > threshold)) ++i;
  return i;
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(next_above_vector);

namespace {

long next_above(const float* values, long from, long count, float threshold) {
  return HWY_DYNAMIC_DISPATCH(next_above_vector)(values, from, count, threshold);
}

}  // namespace

// Each find raises the threshold; of n random values about log(n) do.
long argmax(const float* values, long count) {
  long best = 0;
  for (long i = 1; (i = next_above(values, i, count, values[best])) < count; ++i) best = i;
  return best;
}

long argmax_scalar(const float* values, long count) {
  long best = 0;
  for (long i = 1; i < count; ++i) {
    if (values[i] > values[best]) best = i;
  }
  return best;
}

TokenPicker::TokenPicker(long vocabulary, const Settings& settings)
    : settings_(settings), vocabulary_(vocabulary) {
  settings_.top_k = std::clamp(settings_.top_k, 1L, vocabulary);
  kept_.reserve(static_cast<std::size_t>(settings_.top_k));
  weights_.resize(static_cast<std::size_t>(settings_.top_k));
}

long TokenPicker::pick(const float* logits) {
  const auto larger = [](const Candidate& a, const Candidate& b) { return a.logit > b.logit; };
  kept_.clear();
  for (long i = 0; i < settings_.top_k; ++i) {
    kept_.push_back({logits[i], static_cast<std::int32_t>(i)});
  }
  std::ranges::make_heap(kept_, larger);
  for (long i = settings_.top_k;
       (i = next_above(logits, i, vocabulary_, kept_.front().logit)) < vocabulary_; ++i) {
    std::ranges::pop_heap(kept_, larger);
    kept_.back() = {logits[i], static_cast<std::int32_t>(i)};
    std::ranges::push_heap(kept_, larger);
  }
  std::ranges::sort_heap(kept_, larger);  // largest first

  float total = 0;
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    weights_[i] = std::exp((kept_[i].logit - kept_[0].logit) / settings_.temperature);
    total += weights_[i];
  }
  float held = 0;
  std::size_t count = 0;
  while (count < kept_.size() && held < settings_.top_p * total) held += weights_[count++];
  // Knuth's MMIX generator; the high bits are the random ones.
  state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
  float left = static_cast<float>(state_ >> 40) * 0x1p-24F * held;
  for (std::size_t i = 0; i < count; ++i) {
    left -= weights_[i];
    if (left < 0) return kept_[i].token;
  }
  return kept_[count - 1].token;
}

}  // namespace mb
#endif  // HWY_ONCE
