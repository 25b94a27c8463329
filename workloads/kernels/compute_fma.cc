// Twelve chains: two units with five cycles of latency need ten to stay busy, and twelve with the
// two factors still fit the sixteen registers of AVX2.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/compute_fma.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

#include "workloads/kernels/compute_fma.h"

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kChains = 12, kSteps = 64;

float fma_chains(std::uint64_t passes, float factor) {
  const hn::ScalableTag<float> d;
  const auto half = hn::Set(d, factor);
  // Different starts: equal chains would be folded into one.
  auto x0 = hn::Set(d, 0.0F), x1 = hn::Set(d, 0.1F), x2 = hn::Set(d, 0.2F);
  auto x3 = hn::Set(d, 0.3F), x4 = hn::Set(d, 0.4F), x5 = hn::Set(d, 0.5F);
  auto x6 = hn::Set(d, 0.6F), x7 = hn::Set(d, 0.7F), x8 = hn::Set(d, 0.8F);
  auto x9 = hn::Set(d, 0.9F), x10 = hn::Set(d, 1.0F), x11 = hn::Set(d, 1.1F);
  for (std::uint64_t step = 0; step < passes * kSteps; ++step) {
    x0 = hn::MulAdd(x0, half, half);
    x1 = hn::MulAdd(x1, half, half);
    x2 = hn::MulAdd(x2, half, half);
    x3 = hn::MulAdd(x3, half, half);
    x4 = hn::MulAdd(x4, half, half);
    x5 = hn::MulAdd(x5, half, half);
    x6 = hn::MulAdd(x6, half, half);
    x7 = hn::MulAdd(x7, half, half);
    x8 = hn::MulAdd(x8, half, half);
    x9 = hn::MulAdd(x9, half, half);
    x10 = hn::MulAdd(x10, half, half);
    x11 = hn::MulAdd(x11, half, half);
  }
  x0 = hn::Add(hn::Add(hn::Add(x0, x1), hn::Add(x2, x3)), hn::Add(x4, x5));
  x6 = hn::Add(hn::Add(hn::Add(x6, x7), hn::Add(x8, x9)), hn::Add(x10, x11));
  const float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(x0, x6)));
  return sum / static_cast<float>(kChains * hn::Lanes(d));
}

double flops_per_pass() {
  return 2.0 * kChains * kSteps * static_cast<double>(hn::Lanes(hn::ScalableTag<float>()));
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(fma_chains);
HWY_EXPORT(flops_per_pass);

float compute_fma(std::uint64_t passes) { return HWY_DYNAMIC_DISPATCH(fma_chains)(passes, 0.5F); }

double compute_fma_flops_per_pass() { return HWY_DYNAMIC_DISPATCH(flops_per_pass)(); }

float compute_fma_scalar(std::uint64_t passes) {
  float x = 0;
  for (std::uint64_t step = 0; step < passes * 64; ++step) x = x * 0.5F + 0.5F;
  return x;
}

}  // namespace mb
#endif  // HWY_ONCE
