// Eight accumulators: enough independent additions that loads alone limit the loop in L1, and eight
// vectors of 64 bytes keep the loop's own instructions under a tenth. The passes are inside so that
// a 16 KiB slice is read a million times by one call.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/stream_read.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

#include "workloads/kernels/stream_read.h"

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

std::uint64_t read_sum(const std::uint64_t* HWY_RESTRICT data, std::size_t count,
                       std::uint64_t passes) {
  const hn::ScalableTag<std::uint64_t> d;
  const std::size_t lanes = hn::Lanes(d);
  auto sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  auto sum4 = sum0, sum5 = sum0, sum6 = sum0, sum7 = sum0;
  std::uint64_t rest = 0;
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    asm volatile("" ::: "memory");  // memory may have changed: no pass is folded into another
    std::size_t i = 0;
    for (; i + 8 * lanes <= count; i += 8 * lanes) {
      const std::uint64_t* HWY_RESTRICT from = data + i;
      sum0 = hn::Add(sum0, hn::LoadU(d, from));
      sum1 = hn::Add(sum1, hn::LoadU(d, from + lanes));
      sum2 = hn::Add(sum2, hn::LoadU(d, from + 2 * lanes));
      sum3 = hn::Add(sum3, hn::LoadU(d, from + 3 * lanes));
      sum4 = hn::Add(sum4, hn::LoadU(d, from + 4 * lanes));
      sum5 = hn::Add(sum5, hn::LoadU(d, from + 5 * lanes));
      sum6 = hn::Add(sum6, hn::LoadU(d, from + 6 * lanes));
      sum7 = hn::Add(sum7, hn::LoadU(d, from + 7 * lanes));
    }
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

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(read_sum);

std::uint64_t stream_read(const std::uint64_t* data, std::size_t count, std::uint64_t passes) {
  return HWY_DYNAMIC_DISPATCH(read_sum)(data, count, passes);
}

std::uint64_t stream_read_scalar(const std::uint64_t* data, std::size_t count,
                                 std::uint64_t passes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += data[i];
  return sum * passes;
}

}  // namespace mb
#endif  // HWY_ONCE
