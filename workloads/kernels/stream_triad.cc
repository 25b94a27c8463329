// Four vectors an iteration; stores aligned, loads as they come.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/stream_triad.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "workloads/kernels/stream_store-inl.h"
#include "workloads/kernels/stream_triad.h"

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <bool kStreaming>
HWY_INLINE void triad(double* HWY_RESTRICT to, const double* HWY_RESTRICT a,
                      const double* HWY_RESTRICT b, double scale, std::size_t count,
                      std::uint64_t passes) {
  const hn::ScalableTag<double> d;
  const std::size_t lanes = hn::Lanes(d);
  const auto scales = hn::Set(d, scale);
  const std::size_t head = words_to_boundary(to, count, lanes);
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    asm volatile("" ::: "memory");  // every pass must really load and store
    std::size_t i = 0;
    for (; i < head; ++i) to[i] = a[i] + scale * b[i];
    for (; i + 4 * lanes <= count; i += 4 * lanes) {
      const std::size_t i1 = i + lanes, i2 = i1 + lanes, i3 = i2 + lanes;
      const auto sum0 = hn::MulAdd(scales, hn::LoadU(d, b + i), hn::LoadU(d, a + i));
      const auto sum1 = hn::MulAdd(scales, hn::LoadU(d, b + i1), hn::LoadU(d, a + i1));
      const auto sum2 = hn::MulAdd(scales, hn::LoadU(d, b + i2), hn::LoadU(d, a + i2));
      const auto sum3 = hn::MulAdd(scales, hn::LoadU(d, b + i3), hn::LoadU(d, a + i3));
      put<kStreaming>(d, sum0, to + i);
      put<kStreaming>(d, sum1, to + i1);
      put<kStreaming>(d, sum2, to + i2);
      put<kStreaming>(d, sum3, to + i3);
    }
    for (; i < count; ++i) to[i] = a[i] + scale * b[i];
  }
  if (kStreaming) hwy::FlushStream();
}

void triad_plain(double* HWY_RESTRICT to, const double* HWY_RESTRICT a,
                 const double* HWY_RESTRICT b, double scale, std::size_t count,
                 std::uint64_t passes) {
  triad<false>(to, a, b, scale, count, passes);
}

void triad_streaming(double* HWY_RESTRICT to, const double* HWY_RESTRICT a,
                     const double* HWY_RESTRICT b, double scale, std::size_t count,
                     std::uint64_t passes) {
  triad<true>(to, a, b, scale, count, passes);
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(triad_plain);
HWY_EXPORT(triad_streaming);

void stream_triad(double* to, const double* a, const double* b, double scale, std::size_t count,
                  std::uint64_t passes) {
  HWY_DYNAMIC_DISPATCH(triad_plain)(to, a, b, scale, count, passes);
}

void stream_triad_streaming(double* to, const double* a, const double* b, double scale,
                            std::size_t count, std::uint64_t passes) {
  HWY_DYNAMIC_DISPATCH(triad_streaming)(to, a, b, scale, count, passes);
}

void stream_triad_scalar(double* to, const double* a, const double* b, double scale,
                         std::size_t count, std::uint64_t passes) {
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    for (std::size_t i = 0; i < count; ++i) to[i] = a[i] + scale * b[i];
  }
}

}  // namespace mb
#endif  // HWY_ONCE
