#include "workloads/kernels/quantise.h"

#include <cmath>

#include "tests/workloads/kernels/every_isa.h"

namespace mb {
namespace {

struct Owned {
  explicit Owned(long columns)
      : values(static_cast<std::size_t>(columns)),
        scales(static_cast<std::size_t>(columns / 32)),
        sums(static_cast<std::size_t>(columns / 16)),
        view{values.data(), scales.data(), sums.data(), columns} {}
  std::vector<std::int8_t> values;
  std::vector<float> scales;
  std::vector<std::int32_t> sums;
  QuantisedRows view;
};

TEST(Quantise, IsBitEqualToTheScalarTwinOnEveryInstructionSet) {
  for (const long columns : {32L, 96L, 1056L}) {
    const std::vector<float> x = random_floats(columns, 7, 3);
    Owned expected(columns);
    quantise_scalar(x.data(), 0, columns / 32, expected.view);
    on_every_isa([&] {
      Owned got(columns);
      quantise(x.data(), 0, columns / 32, got.view);
      EXPECT_EQ(got.values, expected.values);
      EXPECT_EQ(got.scales, expected.scales);
      EXPECT_EQ(got.sums, expected.sums);
    });
  }
}

TEST(Quantise, StaysWithinHalfAScaleOfTheValue) {
  const std::vector<float> x = random_floats(64, 3);
  Owned got(64);
  quantise(x.data(), 0, 2, got.view);
  for (std::size_t i = 0; i < 64; ++i) {
    const float scale = got.scales[i / 32];
    EXPECT_NEAR(scale * static_cast<float>(got.values[i]), x[i], scale * 0.501F);
  }
}

TEST(Quantise, MakesZerosOfABlockOfZerosAndTouchesOnlyItsBlocks) {
  const std::vector<float> x(96, 0.0F);
  on_every_isa([&] {
    Owned got(96);
    got.scales = {5, 5, 5};
    quantise(x.data(), 1, 2, got.view);
    EXPECT_EQ(got.scales, (std::vector<float>{5, 0, 5}));
    EXPECT_EQ(got.values, std::vector<std::int8_t>(96, 0));
  });
}

}  // namespace
}  // namespace mb
