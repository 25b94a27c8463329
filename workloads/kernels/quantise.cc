// Two passes over 32 values that stay in registers or L1: largest magnitude, then scale and round.
#include "workloads/kernels/quantise.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/quantise.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void quantise_vector(const float* HWY_RESTRICT x, long first_block, long last_block,
                     const QuantisedRows& row) {
  const hn::CappedTag<float, 16> d;  // sums are of 16 values
  const hn::Rebind<std::int32_t, decltype(d)> d32;
  const hn::Rebind<std::int8_t, decltype(d)> d8;
  const long lanes = static_cast<long>(hn::Lanes(d));
  for (long block = first_block; block < last_block; ++block) {
    const float* from = x + block * 32;
    auto largest = hn::Zero(d);
    for (long i = 0; i < 32; i += lanes) {
      largest = hn::Max(largest, hn::Abs(hn::LoadU(d, from + i)));
    }
    const float magnitude = hn::GetLane(hn::MaxOfLanes(d, largest));
    row.scales[block] = magnitude / 127;
    const auto inverse = hn::Set(d, magnitude > 0 ? 127 / magnitude : 0);
    std::int32_t sums[2];
    for (long half = 0; half < 2; ++half) {
      auto sum = hn::Zero(d32);
      for (long i = half * 16; i < half * 16 + 16; i += lanes) {
        const auto rounded = hn::NearestInt(hn::Mul(hn::LoadU(d, from + i), inverse));
        sum = hn::Add(sum, rounded);
        hn::StoreU(hn::DemoteTo(d8, rounded), d8, row.values + block * 32 + i);
      }
      sums[half] = hn::GetLane(hn::SumOfLanes(d32, sum));
    }
    row.sums[block * 2] = kSumFactor * (sums[0] + sums[1]);
    row.sums[block * 2 + 1] = kSumFactor * sums[1];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(quantise_vector);

void quantise(const float* x, long first_block, long last_block, const QuantisedRows& row) {
  HWY_DYNAMIC_DISPATCH(quantise_vector)(x, first_block, last_block, row);
}

void quantise_scalar(const float* x, long first_block, long last_block, const QuantisedRows& row) {
  for (long block = first_block; block < last_block; ++block) {
    float magnitude = 0;
    for (long i = 0; i < 32; ++i) magnitude = std::max(magnitude, std::fabs(x[block * 32 + i]));
    row.scales[block] = magnitude / 127;
    const float inverse = magnitude > 0 ? 127 / magnitude : 0;
    std::int32_t sums[2] = {};
    for (long i = 0; i < 32; ++i) {
      const long rounded = std::lrintf(x[block * 32 + i] * inverse);
      row.values[block * 32 + i] = static_cast<std::int8_t>(rounded);
      sums[i / 16] += static_cast<std::int32_t>(rounded);
    }
    row.sums[block * 2] = kSumFactor * (sums[0] + sums[1]);
    row.sums[block * 2 + 1] = kSumFactor * sums[1];
  }
}

}  // namespace mb
#endif  // HWY_ONCE
