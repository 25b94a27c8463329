// Two passes: the sum of squares in two accumulators, then scale and weight.
#include "workloads/kernels/rms_norm.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/rms_norm.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr float kEpsilon = 1e-6F;  // of the published configurations (1e-5 or 1e-6)

void rms_norm_vector(const float* x, const float* weight, long count, float* out) {
  const hn::ScalableTag<float> d;
  const long lanes = static_cast<long>(hn::Lanes(d));
  auto sum0 = hn::Zero(d), sum1 = hn::Zero(d);
  long i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    const auto a = hn::LoadU(d, x + i), b = hn::LoadU(d, x + i + lanes);
    sum0 = hn::MulAdd(a, a, sum0);
    sum1 = hn::MulAdd(b, b, sum1);
  }
  float squares = hn::GetLane(hn::SumOfLanes(d, hn::Add(sum0, sum1)));
  for (; i < count; ++i) squares += x[i] * x[i];
  const float factor = 1 / std::sqrt(squares / static_cast<float>(count) + kEpsilon);
  const auto scale = hn::Set(d, factor);
  for (i = 0; i + lanes <= count; i += lanes) {
    const auto scaled = hn::Mul(hn::LoadU(d, x + i), scale);
    hn::StoreU(hn::Mul(scaled, hn::LoadU(d, weight + i)), d, out + i);
  }
  for (; i < count; ++i) out[i] = x[i] * factor * weight[i];
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(rms_norm_vector);

void rms_norm(const float* x, const float* weight, long count, float* out) {
  HWY_DYNAMIC_DISPATCH(rms_norm_vector)(x, weight, count, out);
}

void rms_norm_scalar(const float* x, const float* weight, long count, float* out) {
  double squares = 0;
  for (long i = 0; i < count; ++i) squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  const double factor = 1 / std::sqrt(squares / static_cast<double>(count) + 1e-6);
  for (long i = 0; i < count; ++i) out[i] = static_cast<float>(factor) * x[i] * weight[i];
}

}  // namespace mb
#endif  // HWY_ONCE
