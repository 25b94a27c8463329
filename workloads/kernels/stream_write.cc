// Streaming stores need aligned addresses and pay only for whole lines, so the slice is entered
// with single words up to a vector's boundary and left with single words.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/stream_write.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "workloads/kernels/stream_store-inl.h"
#include "workloads/kernels/stream_write.h"

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <bool kStreaming>
HWY_INLINE void fill(std::uint64_t* HWY_RESTRICT data, std::size_t count, std::uint64_t value,
                     std::uint64_t passes) {
  const hn::ScalableTag<std::uint64_t> d;
  const std::size_t lanes = hn::Lanes(d);
  const auto values = hn::Set(d, value);
  const std::size_t head = words_to_boundary(data, count, lanes);
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    asm volatile("" ::: "memory");  // every pass must really store
    std::size_t i = 0;
    for (; i < head; ++i) data[i] = value;
    for (; i + 4 * lanes <= count; i += 4 * lanes) {
      std::uint64_t* HWY_RESTRICT to = data + i;
      put<kStreaming>(d, values, to);
      put<kStreaming>(d, values, to + lanes);
      put<kStreaming>(d, values, to + 2 * lanes);
      put<kStreaming>(d, values, to + 3 * lanes);
    }
    for (; i < count; ++i) data[i] = value;
  }
  if (kStreaming) hwy::FlushStream();
}

void fill_plain(std::uint64_t* HWY_RESTRICT data, std::size_t count, std::uint64_t value,
                std::uint64_t passes) {
  fill<false>(data, count, value, passes);
}

void fill_streaming(std::uint64_t* HWY_RESTRICT data, std::size_t count, std::uint64_t value,
                    std::uint64_t passes) {
  fill<true>(data, count, value, passes);
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(fill_plain);
HWY_EXPORT(fill_streaming);

void stream_write(std::uint64_t* data, std::size_t count, std::uint64_t value,
                  std::uint64_t passes) {
  HWY_DYNAMIC_DISPATCH(fill_plain)(data, count, value, passes);
}

void stream_write_streaming(std::uint64_t* data, std::size_t count, std::uint64_t value,
                            std::uint64_t passes) {
  HWY_DYNAMIC_DISPATCH(fill_streaming)(data, count, value, passes);
}

void stream_write_scalar(std::uint64_t* data, std::size_t count, std::uint64_t value,
                         std::uint64_t passes) {
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    for (std::size_t i = 0; i < count; ++i) data[i] = value;
  }
}

}  // namespace mb
#endif  // HWY_ONCE
