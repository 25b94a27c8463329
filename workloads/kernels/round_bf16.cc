// Plain integers, as half.h does it: half of the last kept bit is added, less one where that bit is
// even, and the lower half dropped.
#include "workloads/kernels/round_bf16.h"

#include "workloads/kernels/half.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/round_bf16.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void round_bf16_vector(const float* HWY_RESTRICT x, long count, std::uint16_t* HWY_RESTRICT out) {
  const hn::ScalableTag<std::uint32_t> d;
  const hn::Rebind<std::uint16_t, decltype(d)> narrow;
  const long lanes = static_cast<long>(hn::Lanes(d));
  long i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto bits = hn::LoadU(d, reinterpret_cast<const std::uint32_t*>(x + i));
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d, 1));
    const auto sum = hn::Add(bits, hn::Add(odd, hn::Set(d, 0x7FFF)));
    hn::StoreU(hn::TruncateTo(narrow, hn::ShiftRight<16>(sum)), narrow, out + i);
  }
  for (; i < count; ++i) out[i] = bf16_from_f32(x[i]);
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(round_bf16_vector);

void round_bf16(const float* x, long count, std::uint16_t* out) {
  HWY_DYNAMIC_DISPATCH(round_bf16_vector)(x, count, out);
}

void round_bf16_scalar(const float* x, long count, std::uint16_t* out) {
  for (long i = 0; i < count; ++i) out[i] = bf16_from_f32(x[i]);
}

}  // namespace mb
#endif  // HWY_ONCE
