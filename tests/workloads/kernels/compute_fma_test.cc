// The register-only chains on every instruction set.
#include "workloads/kernels/compute_fma.h"

#include "tests/workloads/kernels/stream_cases.h"

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

}  // namespace
}  // namespace mb
