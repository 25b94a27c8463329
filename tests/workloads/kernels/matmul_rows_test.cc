#include "workloads/kernels/matmul_rows.h"

#include <cmath>

#include "tests/workloads/kernels/every_isa.h"
#include "workloads/kernels/matmul_bf16_avx512.h"

namespace mb {
namespace {

std::vector<std::byte> filled(FloatType type, long rows, long columns) {
  std::vector<std::byte> data(static_cast<std::size_t>(rows * columns * float_bytes(type)));
  for (long r = 0; r < rows; ++r) {
    fill_row(type, columns, static_cast<std::uint64_t>(r),
             data.data() + r * columns * float_bytes(type));
  }
  return data;
}

TEST(MatmulRows, EqualsTheScalarTwinForEveryTypeAndOddSize) {
  for (const FloatType type : {FloatType::kF32, FloatType::kF16}) {
    for (const long columns : {7L, 64L, 333L}) {
      for (const long activation_rows : {1L, 4L, 6L}) {
        constexpr long kRows = 9, kStride = kRows + 2;
        const std::vector<std::byte> data = filled(type, kRows, columns);
        const RowMatrix matrix{type, data.data(), kRows, columns};
        const std::vector<float> x = random_floats(activation_rows * (columns + 5), 5);
        std::vector<float> expected(static_cast<std::size_t>(activation_rows * kStride), -77.0F);
        matmul_rows_scalar(matrix, 1, kRows, x.data(), columns + 5, activation_rows,
                           expected.data(), kStride);
        on_every_isa([&] {
          std::vector<float> got(expected.size(), -77.0F);
          matmul_rows(matrix, 1, kRows, x.data(), columns + 5, activation_rows, got.data(),
                      kStride);
          for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-5F) << i;
        });
      }
    }
  }
}

// More weight rows than a strip of 16 and no multiple of 4, activation rows that leave 0, 1 and 3
// of their blocks, columns that end inside a register.
TEST(MatmulBf16, EqualsTheScalarTwinForEveryOddSizeWithAndWithoutIntrinsics) {
  constexpr long kRows = 39, kStride = kRows + 2;
  for (const long columns : {1L, 7L, 64L, 333L}) {
    const std::vector<std::byte> data = filled(FloatType::kBF16, kRows, columns);
    const RowMatrix matrix{FloatType::kBF16, data.data(), kRows, columns};
    for (const long activation_rows : {1L, 6L, 9L, 13L}) {
      std::vector<std::uint16_t> values(static_cast<std::size_t>(activation_rows * columns));
      const std::vector<float> x = random_floats(std::ssize(values), 5);
      round_bf16_scalar(x.data(), std::ssize(values), values.data());
      const Bf16Rows rows{values.data(), columns};
      std::vector<float> expected(static_cast<std::size_t>(activation_rows * kStride), -77.0F);
      matmul_bf16_scalar(matrix, 1, kRows, rows, activation_rows, expected.data(), kStride);
      for (const bool intrinsics : {true, false}) {
        allow_intrinsics(intrinsics);
        on_every_isa([&] {
          SCOPED_TRACE(matmul_bf16_isa());
          std::vector<float> got(expected.size(), -77.0F);
          matmul_bf16(matrix, 1, kRows, rows, activation_rows, got.data(), kStride);
          for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-5F) << i;
        });
      }
      allow_intrinsics(true);
    }
  }
}

TEST(MatmulBf16, NamesWhatItRunsOn) {
  EXPECT_EQ(matmul_bf16_isa() == "AVX512_BF16",
            avx512_bf16_supported() && chosen_isa().rfind("AVX3", 0) == 0);
  allow_intrinsics(false);
  EXPECT_EQ(matmul_bf16_isa(), chosen_isa());
  allow_intrinsics(true);
}

TEST(RoundBf16, EqualsTheScalarTwinForEverySize) {
  // Halves between two neighbours go to the even one: 1 + 2^-8 down, 1 + 3 x 2^-8 up.
  std::vector<float> x{1.00390625F, 1.01171875F, -1.00390625F, 0, 1e-42F, 3.3e38F};
  const std::vector<float> more = random_floats(61, 3, 100);
  x.insert(x.end(), more.begin(), more.end());
  for (const std::size_t count : {std::size_t{1}, std::size_t{31}, x.size()}) {
    std::vector<std::uint16_t> expected(count + 1, 7);
    round_bf16_scalar(x.data(), static_cast<long>(count), expected.data());
    on_every_isa([&] {
      std::vector<std::uint16_t> got(count + 1, 7);
      round_bf16(x.data(), static_cast<long>(count), got.data());
      EXPECT_EQ(got, expected);
    });
  }
  std::uint16_t halves[2];
  round_bf16(x.data(), 2, halves);
  EXPECT_EQ(halves[0], 0x3F80);
  EXPECT_EQ(halves[1], 0x3F82);
}

TEST(MatmulRows, FillsWeightsOfVarianceOneOverColumns) {
  for (const FloatType type : {FloatType::kF32, FloatType::kF16, FloatType::kBF16}) {
    const std::vector<std::byte> data = filled(type, 16, 512);
    const RowMatrix matrix{type, data.data(), 16, 512};
    double squares = 0, sum = 0;
    for (long r = 0; r < 16; ++r) {
      for (long c = 0; c < 512; ++c) {
        sum += static_cast<double>(row_weight(matrix, r, c));
        squares += std::pow(row_weight(matrix, r, c), 2);
      }
    }
    EXPECT_NEAR(squares / 16, 1, 0.05);
    EXPECT_NEAR(sum / 16 / 512, 0, 0.002);
  }
}

}  // namespace
}  // namespace mb
