// Targets are listed best first, and forcing one is seen by the kernels and undone.
#include "workloads/kernels/isa.h"

#include <gmock/gmock.h>

#include <stdexcept>

#include "workloads/kernels/compute_fma.h"

namespace mb {
namespace {

// Recorded for scripts/test_arm64.sh, which knows the processor that it emulates.
TEST(Isa, ChoosesTheBestSupportedTarget) {
  ASSERT_FALSE(supported_isas().empty());
  std::string names;
  for (const std::string& name : supported_isas()) names += (names.empty() ? "" : ",") + name;
  RecordProperty("supported_isas", names);
  EXPECT_EQ(chosen_isa(), supported_isas().front());
}

TEST(Isa, EverySupportedTargetIsCompiledIn) {
  for (const std::string& name : supported_isas()) {
    EXPECT_THAT(compiled_isas(), testing::Contains(name));
  }
}

TEST(Isa, AForcedTargetIsUsedAndThenGivenUp) {
  const std::string before = chosen_isa();
  const double best_flops = compute_fma_flops_per_pass();
  {
    const ForcedIsa forced(supported_isas().back());
    EXPECT_EQ(chosen_isa(), supported_isas().back());
    EXPECT_LE(compute_fma_flops_per_pass(), best_flops);
  }
  EXPECT_EQ(chosen_isa(), before);
  EXPECT_EQ(compute_fma_flops_per_pass(), best_flops);
}

TEST(Isa, ForcingKeepsTheListOfSupportedTargets) {
  const auto before = supported_isas();
  const ForcedIsa forced(before.back());
  EXPECT_EQ(supported_isas(), before);
}

TEST(Isa, AnUnknownTargetIsRefusedByName) {
  EXPECT_THROW(ForcedIsa("AVX9"), std::invalid_argument);
}

}  // namespace
}  // namespace mb
