// Eight accumulators: enough independent additions that loads alone limit the loop in L1, and eight
// vectors of 64 bytes keep the loop's own instructions under a tenth. The passes are inside so that
// a 16 KiB slice is read a million times by one call.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/stream_read.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

#include "workloads/kernels/stream_read.h"
#include "workloads/kernels/traversal-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {

// kUnroll vectors of each stream; the accumulators go round, so that every stream and turn finds
// those that have waited longest.
template <int kStreams, int kUnroll, class D, class V>
HWY_INLINE void add_streams(D d, const std::uint64_t* from, std::size_t part, V& sum0, V& sum1,
                            V& sum2, V& sum3, V& sum4, V& sum5, V& sum6, V& sum7) {
  const std::size_t lanes = hn::Lanes(d);
  sum0 = hn::Add(sum0, hn::LoadU(d, from));
  sum1 = hn::Add(sum1, hn::LoadU(d, from + lanes));
  if constexpr (kUnroll > 2) {
    add_streams<1, kUnroll - 2>(d, from + 2 * lanes, part, sum2, sum3, sum4, sum5, sum6, sum7, sum0,
                                sum1);
  }
  if constexpr (kStreams > 1 && kUnroll == 2) {
    add_streams<kStreams - 1, 2>(d, from + part, part, sum2, sum3, sum4, sum5, sum6, sum7, sum0,
                                 sum1);
  } else if constexpr (kStreams > 1) {
    add_streams<kStreams - 1, 4>(d, from + part, part, sum4, sum5, sum6, sum7, sum0, sum1, sum2,
                                 sum3);
  }
}

template <int kStreams, int kUnroll, bool kPrefetches, int kVectorBytes>
struct ReadLoop {
  static HWY_INLINE std::uint64_t run(int ahead, const std::uint64_t* data, std::size_t count,
                                      std::uint64_t passes) {
    const VectorTag<std::uint64_t, kVectorBytes> d;
    const std::size_t lanes = hn::Lanes(d), turn = kUnroll * lanes;
    const std::size_t part = part_of_stream(count, kStreams, turn);
    auto sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    auto sum4 = sum0, sum5 = sum0, sum6 = sum0, sum7 = sum0;
    std::uint64_t rest = 0;
    for (std::uint64_t pass = 0; pass < passes; ++pass) {
      asm volatile("" ::: "memory");  // memory may have changed: no pass is folded into another
      std::size_t i = 0;
      for (; i < part; i += turn) {
        if constexpr (kPrefetches) prefetch_lines(data + i, turn * sizeof(*data), ahead);
        add_streams<kStreams, kUnroll>(d, data + i, part, sum0, sum1, sum2, sum3, sum4, sum5, sum6,
                                       sum7);
      }
      i = kStreams * part;
      for (; i + lanes <= count; i += lanes) sum0 = hn::Add(sum0, hn::LoadU(d, data + i));
      for (; i < count; ++i) rest += data[i];
    }
    sum0 = hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3));
    sum4 = hn::Add(hn::Add(sum4, sum5), hn::Add(sum6, sum7));
    // Lane by lane: GCC's 512-bit reduction adds signed numbers, whose overflow is undefined.
    HWY_ALIGN std::uint64_t lane_sums[hn::MaxLanes(d)];
    hn::Store(hn::Add(sum0, sum4), d, lane_sums);
    for (std::size_t lane = 0; lane < lanes; ++lane) rest += lane_sums[lane];
    return rest;
  }
};

std::uint64_t read_sum(const std::uint64_t* data, std::size_t count, std::uint64_t passes,
                       const Traversal& way) {
  return in_traversal<ReadLoop>(way, way.prefetch_bytes, data, count, passes);
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(read_sum);

std::uint64_t stream_read(const std::uint64_t* data, std::size_t count, std::uint64_t passes,
                          const Traversal& way) {
  return HWY_DYNAMIC_DISPATCH(read_sum)(data, count, passes, way);
}

std::uint64_t stream_read_scalar(const std::uint64_t* data, std::size_t count,
                                 std::uint64_t passes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += data[i];
  return sum * passes;
}

}  // namespace mb
#endif  // HWY_ONCE
