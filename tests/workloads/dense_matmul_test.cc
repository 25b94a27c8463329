#include "workloads/dense_matmul.h"

#include <gtest/gtest.h>

#include <random>

#include "data/error.h"

namespace mb {
namespace {

class DenseMatmulOf : public ::testing::TestWithParam<WeightType> {};
INSTANTIATE_TEST_SUITE_P(, DenseMatmulOf, ::testing::Values(WeightType::kF32, WeightType::kBF16),
                         [](const auto& type) { return std::string(to_string(type.param)); });

TEST_P(DenseMatmulOf, EqualsOurOwnKernelOnASliceOfTheMatrix) {
  const WeightType type = GetParam();
  if (!DenseMatmul::available(type)) {
    const float x[64] = {};
    EXPECT_THROW(DenseMatmul(Weights(type, 16, 64), 0, 16, x, 1), Error);
    GTEST_SKIP() << "needs oneDNN, and of the CPU what it asks for this type (bf16: AVX-512)";
  }
  constexpr long kRows = 5, kColumns = 96, kOutputs = 64;
  Weights weights(type, 80, kColumns);
  std::vector<std::byte> memory(static_cast<std::size_t>(weights.memory_bytes()));
  weights.bind(memory.data());
  weights.fill(0, weights.units(), 1);
  std::vector<float> x(kRows * kColumns), expected(kRows * 80);
  std::mt19937 generator(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (float& value : x) value = uniform(generator);
  std::vector<std::uint16_t> rounded(x.size());  // as the library rounds them beside bf16 weights
  const Activations activations{x.data(), kColumns, {}, {rounded.data(), kColumns}};
  for (long s = 0; s < kRows; ++s) activations.convert_blocks(s, 0, kColumns / kBlockColumns);
  weights.multiply(0, weights.units(), activations, kRows, expected.data(), 80);
  DenseMatmul matmul(weights, 16, kOutputs, x.data(), kRows);
  matmul.multiply();
  for (long s = 0; s < kRows; ++s) {
    for (long n = 0; n < kOutputs; ++n) {
      EXPECT_NEAR(matmul.at(s, n), expected[static_cast<std::size_t>(s * 80 + 16 + n)], 1e-4F);
    }
  }
}

TEST(DenseMatmul, SaysSoForATypeItHasNot) {
  EXPECT_FALSE(DenseMatmul::available(WeightType::kQ4_0));
  const Weights weights(WeightType::kF16, 16, 32);
  const float x[32] = {};
  EXPECT_THROW(DenseMatmul(weights, 0, 16, x, 1), Error);
}

TEST(DensePeak, IsRightOnceItHasMultipliedInEveryShape) {
  for (const auto type : {DensePeak::Type::kF32, DensePeak::Type::kBF16, DensePeak::Type::kInt8}) {
    if (!DensePeak::available(type)) continue;  // of the CPU; without oneDNN none
    for (const DensePeak::Shape shape : {DensePeak::kSquare, DensePeak::Shape{7, 96, 64}}) {
      DensePeak product(type, shape);
      EXPECT_FALSE(product.is_right()) << "nothing was multiplied";
      product.multiply();
      EXPECT_TRUE(product.is_right()) << shape.rows << " rows";
    }
  }
  EXPECT_EQ(DensePeak::memory_bytes(DensePeak::Type::kInt8, {7, 96, 64}),
            2 * (7 * 96 + 96 * 64) + 4 * 96 * 64 + 4 * 7 * 64);
}

}  // namespace
}  // namespace mb
