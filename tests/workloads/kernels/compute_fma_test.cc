// The register-only chains on every instruction set, and bf16's where the CPU has it.
#include "workloads/kernels/compute_fma.h"

#include "tests/workloads/kernels/stream_cases.h"
#include "workloads/kernels/compute_bf16.h"

namespace mb {
namespace {

class ComputeFma : public StreamKernelTest {};
INSTANTIATE_TEST_SUITE_P(EveryIsa, ComputeFma, every_isa(), isa_of);

TEST_P(ComputeFma, EveryChainReachesTheTwinsFixedPoint) {
  EXPECT_EQ(compute_fma(1), 1.0F);
  EXPECT_EQ(compute_fma(5), compute_fma_scalar(5));
}

TEST_P(ComputeFma, WithoutAPassTheChainsStayAtTheirStarts) { EXPECT_LT(compute_fma(0), 1.0F); }

TEST_P(ComputeFma, CountsTwoOperationsForEachLaneOfEachStep) {
  const double flops = compute_fma_flops_per_pass();
  EXPECT_EQ(flops / (2 * 12 * 64), static_cast<int>(flops / (2 * 12 * 64)));
  EXPECT_GE(flops, 2 * 12 * 64);
}

TEST(ComputeBf16, SumsOfOnesAndMinusOnesStayWhereTheyStart) {
  const Bf16Peak peak = bf16_peak();
  RecordProperty("bf16_peak", peak.run != nullptr ? "run" : "no instruction");
  for (const std::uint64_t passes : {0U, 1U, 1000U}) {
    if (peak.run == nullptr) continue;
    EXPECT_EQ(peak.run(passes), 1.0F);
  }
  EXPECT_EQ(peak.run != nullptr, peak.flops_per_pass > 0);
}

}  // namespace
}  // namespace mb
