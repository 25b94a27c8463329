// One multiply-add a vector; the tail one element at a time.
#include "workloads/kernels/add_scaled.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/add_scaled.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void add_scaled_vector(float* x, const float* y, float factor, long count) {
  const hn::ScalableTag<float> d;
  const long lanes = static_cast<long>(hn::Lanes(d));
  const auto scale = hn::Set(d, factor);
  long i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(hn::MulAdd(hn::LoadU(d, y + i), scale, hn::LoadU(d, x + i)), d, x + i);
  }
  for (; i < count; ++i) x[i] += factor * y[i];
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(add_scaled_vector);

void add_scaled(float* x, const float* y, float factor, long count) {
  HWY_DYNAMIC_DISPATCH(add_scaled_vector)(x, y, factor, count);
}

void add_scaled_scalar(float* x, const float* y, float factor, long count) {
  for (long i = 0; i < count; ++i) x[i] += factor * y[i];
}

}  // namespace mb
#endif  // HWY_ONCE
