// Both halves are loaded, rotated and stored; the tail one pair at a time.
#include "workloads/kernels/rope.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/rope.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

#ifndef WORKLOADS_KERNELS_ROPE_TAIL
#define WORKLOADS_KERNELS_ROPE_TAIL
namespace mb {
inline void rope_scalar_tail(float* x, const float* cosines, const float* sines, long half,
                             long first) {
  for (long i = first; i < half; ++i) {
    const float a = x[i], b = x[half + i];
    x[i] = a * cosines[i] - b * sines[i];
    x[half + i] = b * cosines[i] + a * sines[i];
  }
}
}  // namespace mb
#endif  // WORKLOADS_KERNELS_ROPE_TAIL

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void rope_vector(float* x, const float* cosines, const float* sines, long half) {
  const hn::ScalableTag<float> d;
  const long lanes = static_cast<long>(hn::Lanes(d));
  long i = 0;
  for (; i + lanes <= half; i += lanes) {
    const auto c = hn::LoadU(d, cosines + i), s = hn::LoadU(d, sines + i);
    const auto a = hn::LoadU(d, x + i), b = hn::LoadU(d, x + half + i);
    hn::StoreU(hn::NegMulAdd(b, s, hn::Mul(a, c)), d, x + i);
    hn::StoreU(hn::MulAdd(a, s, hn::Mul(b, c)), d, x + half + i);
  }
  rope_scalar_tail(x, cosines, sines, half, i);
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(rope_vector);

void rope(float* x, const float* cosines, const float* sines, long half) {
  HWY_DYNAMIC_DISPATCH(rope_vector)(x, cosines, sines, half);
}

void rope_scalar(float* x, const float* cosines, const float* sines, long half) {
  rope_scalar_tail(x, cosines, sines, half, 0);
}

}  // namespace mb
#endif  // HWY_ONCE
