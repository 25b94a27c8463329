// Four vectors an iteration, all loads before all stores. The stores are aligned (streaming stores
// must be), the loads take what is left.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/stream_copy.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "workloads/kernels/stream_copy.h"
#include "workloads/kernels/stream_store-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <bool kStreaming>
HWY_INLINE void copy(std::uint64_t* HWY_RESTRICT to, const std::uint64_t* HWY_RESTRICT from,
                     std::size_t count, std::uint64_t passes) {
  const hn::ScalableTag<std::uint64_t> d;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t head = words_to_boundary(to, count, lanes);
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    asm volatile("" ::: "memory");  // every pass must really load and store
    std::size_t i = 0;
    for (; i < head; ++i) to[i] = from[i];
    for (; i + 4 * lanes <= count; i += 4 * lanes) {
      const auto values0 = hn::LoadU(d, from + i);
      const auto values1 = hn::LoadU(d, from + i + lanes);
      const auto values2 = hn::LoadU(d, from + i + 2 * lanes);
      const auto values3 = hn::LoadU(d, from + i + 3 * lanes);
      put<kStreaming>(d, values0, to + i);
      put<kStreaming>(d, values1, to + i + lanes);
      put<kStreaming>(d, values2, to + i + 2 * lanes);
      put<kStreaming>(d, values3, to + i + 3 * lanes);
    }
    for (; i < count; ++i) to[i] = from[i];
  }
  if (kStreaming) hwy::FlushStream();
}

void copy_plain(std::uint64_t* HWY_RESTRICT to, const std::uint64_t* HWY_RESTRICT from,
                std::size_t count, std::uint64_t passes) {
  copy<false>(to, from, count, passes);
}

void copy_streaming(std::uint64_t* HWY_RESTRICT to, const std::uint64_t* HWY_RESTRICT from,
                    std::size_t count, std::uint64_t passes) {
  copy<true>(to, from, count, passes);
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(copy_plain);
HWY_EXPORT(copy_streaming);

void stream_copy(std::uint64_t* to, const std::uint64_t* from, std::size_t count,
                 std::uint64_t passes) {
  HWY_DYNAMIC_DISPATCH(copy_plain)(to, from, count, passes);
}

void stream_copy_streaming(std::uint64_t* to, const std::uint64_t* from, std::size_t count,
                           std::uint64_t passes) {
  HWY_DYNAMIC_DISPATCH(copy_streaming)(to, from, count, passes);
}

void stream_copy_scalar(std::uint64_t* to, const std::uint64_t* from, std::size_t count,
                        std::uint64_t passes) {
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
  }
}

}  // namespace mb
#endif  // HWY_ONCE
