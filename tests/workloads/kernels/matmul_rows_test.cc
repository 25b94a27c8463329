#include "workloads/kernels/matmul_rows.h"

#include <cmath>

#include "tests/workloads/kernels/every_isa.h"

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
  for (const FloatType type : {FloatType::kF32, FloatType::kF16, FloatType::kBF16}) {
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
