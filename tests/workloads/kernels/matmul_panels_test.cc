#include "workloads/kernels/matmul_panels.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/workloads/kernels/every_isa.h"
#include "workloads/kernels/half.h"
#include "workloads/kernels/matmul_panels_variants.h"

namespace mb {
namespace {

struct Case {
  Case(PanelType type, long rows, long columns, long activation_rows)
      : weights(static_cast<std::size_t>(panel_count(rows) * panel_bytes(type, columns))),
        values(static_cast<std::size_t>(activation_rows * columns)),
        scales(static_cast<std::size_t>(activation_rows * columns / 32)),
        sums(static_cast<std::size_t>(activation_rows * columns / 16)),
        matrix{type, weights.data(), rows, columns},
        x{values.data(), scales.data(), sums.data(), columns} {
    for (long p = 0; p < matrix.panels(); ++p) {
      fill_panel(type, columns, static_cast<std::uint64_t>(p) + 1,
                 weights.data() + p * panel_bytes(type, columns));
    }
    const std::vector<float> input = random_floats(activation_rows * columns, 11);
    for (long s = 0; s < activation_rows; ++s) {
      quantise_scalar(input.data() + s * columns, 0, columns / 32, x.row(s));
    }
  }
  std::vector<std::byte> weights;
  std::vector<std::int8_t> values;
  std::vector<float> scales;
  std::vector<std::int32_t> sums;
  PanelMatrix matrix;
  QuantisedRows x;
};

std::vector<float> product(const Case& c, long rows, bool scalar) {
  const long stride = c.matrix.rows + 3;  // a gap that must stay untouched
  std::vector<float> out(static_cast<std::size_t>(rows * stride), -77.0F);
  const auto multiply = scalar ? matmul_panels_scalar : matmul_panels;
  multiply(c.matrix, 0, c.matrix.panels(), c.x, rows, out.data(), stride);
  return out;
}

void expect_equal_on_every_isa(PanelType type, long rows, long columns, long activation_rows) {
  SCOPED_TRACE(testing::Message() << "type " << static_cast<int>(type) << ", " << rows << " x "
                                  << columns << ", " << activation_rows << " activation rows");
  const Case c(type, rows, columns, activation_rows);
  const std::vector<float> expected = product(c, activation_rows, true);
  on_every_isa([&] {
    for (const bool intrinsics : {true, false}) {
      allow_intrinsics(intrinsics);
      SCOPED_TRACE(matmul_panels_isa());
      const std::vector<float> got = product(c, activation_rows, false);
      for (std::size_t i = 0; i < got.size(); ++i) {
        ASSERT_NEAR(got[i], expected[i], 2e-5F) << "element " << i;
      }
    }
    allow_intrinsics(true);
  });
}

TEST(MatmulPanels, EqualsTheScalarTwinForOneActivationRow) {
  for (const PanelType type : {PanelType::kQ4_0, PanelType::kQ8_0}) {
    for (const long columns : {32L, 96L, 320L}) {
      for (const long rows : {1L, 16L, 50L, 64L, 150L})
        expect_equal_on_every_isa(type, rows, columns, 1);
    }
  }
  for (const long columns : {256L, 768L}) {
    expect_equal_on_every_isa(PanelType::kQ6_K, 37, columns, 1);
    expect_equal_on_every_isa(PanelType::kQ4_K, 37, columns, 1);
    expect_equal_on_every_isa(PanelType::kQ4_K, 128, columns, 1);
  }
}

TEST(MatmulPanels, EqualsTheScalarTwinForManyActivationRows) {
  for (const long rows : {2L, 7L, 8L, 19L}) {
    expect_equal_on_every_isa(PanelType::kQ4_0, 33, 96, rows);
    expect_equal_on_every_isa(PanelType::kQ8_0, 33, 96, rows);
    expect_equal_on_every_isa(PanelType::kQ6_K, 33, 256, rows);
    expect_equal_on_every_isa(PanelType::kQ4_K, 33, 512, rows);
  }
}

TEST(MatmulPanels, EqualsTheScalarTwinPastOneChunkOfActivations) {
  // 8192 columns x 40 rows are more than the 256 KiB that one chunk holds.
  expect_equal_on_every_isa(PanelType::kQ4_0, 16, 8192, 40);
}

// The dispatch takes the best variant; the others that this CPU has are reached here.
TEST(MatmulPanels, EveryVariantEqualsTheScalarTwin) {
  std::string names;  // recorded for scripts/test_arm64.sh
  for (const PanelVariant* variant : panel_variants()) {
    if (!variant->supported) continue;
    names += (names.empty() ? "" : ",") + std::string(variant->name);
    RecordProperty("panel_variants", names);
    SCOPED_TRACE(variant->name);
    for (const PanelType type :
         {PanelType::kQ4_0, PanelType::kQ8_0, PanelType::kQ6_K, PanelType::kQ4_K}) {
      for (const long rows : {1L, 7L}) {
        const Case c(type, 80, 768, rows);
        const std::vector<float> expected = product(c, rows, true);
        std::vector<float> got(expected.size(), -77.0F);
        variant->run(c.matrix, 0, c.matrix.panels(), c.x, rows, got.data(), c.matrix.rows + 3);
        for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 2e-5F) << i;
      }
    }
  }
}

// Whatever Highway's version calls this CPU (AVX3_ZEN4), and beside SVE.
TEST(MatmulPanels, TheBestVariantIsTheOneDispatchedTo) {
  const auto variants = panel_variants();
  const auto best = std::find_if(variants.begin(), variants.end(),
                                 [](const PanelVariant* one) { return one->supported; });
  if (best == variants.end()) GTEST_SKIP() << "needs a CPU with products of bytes";
  // Beside AVX-512 without VNNI Highway's own path is the wider one.
  const bool narrower = *best == &avx2() && chosen_isa().rfind("AVX3", 0) == 0;
  EXPECT_EQ(matmul_panels_isa(), narrower ? chosen_isa() : (*best)->name);
}

TEST(MatmulPanels, ThePeakOfEveryVariantAddsUpAllItsProducts) {
  for (const PanelVariant* variant : panel_variants()) {
    if (!variant->supported) continue;
    for (const std::uint64_t passes : {0U, 1U, 1000U}) {
      EXPECT_EQ(variant->peak.run(passes),
                kPanelPeakSumPerPass * static_cast<std::int32_t>(passes));
    }
    EXPECT_GT(variant->peak.ops_per_pass, 0);
  }
}

TEST(MatmulPanels, WritesOnlyTheAskedPanels) {
  const Case c(PanelType::kQ8_0, 64, 64, 5);  // more than a block of rows
  std::vector<float> out(5 * 64, -77.0F);
  matmul_panels(c.matrix, 1, 3, c.x, 5, out.data(), 64);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const bool asked = i % 64 >= 16 && i % 64 < 48;
    EXPECT_EQ(out[i] != -77.0F, asked) << i;
  }
}

TEST(MatmulPanels, HoldsForTheLargestMagnitudes) {
  // Weights as far from zero as their bits go and activations at 127: no saturation on the way.
  for (const PanelType type :
       {PanelType::kQ8_0, PanelType::kQ4_0, PanelType::kQ6_K, PanelType::kQ4_K}) {
    SCOPED_TRACE(static_cast<int>(type));
    constexpr long kColumns = 256;
    Case c(type, 16, kColumns, 1);
    for (long block = 0; block < kColumns / kBlockColumns; ++block) {
      std::memset(c.weights.data() + values_at(type, block), type == PanelType::kQ8_0 ? 0x80 : 0xFF,
                  static_cast<std::size_t>(panel_value_bytes(type)));
    }
    c.values.assign(kColumns, 127);
    for (std::size_t i = 0; i < c.sums.size(); ++i) {
      c.sums[i] = kSumFactor * 127 * (i % 2 == 0 ? 32 : 16);
    }
    c.scales.assign(kColumns / 32, 1.0F);
    const float expected = product(c, 1, true)[5];
    on_every_isa([&] {
      for (const bool intrinsics : {true, false}) {
        allow_intrinsics(intrinsics);
        EXPECT_NEAR(product(c, 1, false)[5], expected, 1e-5F * std::abs(expected));
      }
      allow_intrinsics(true);
    });
  }
}

TEST(Panels, HaveTheBytesOfThePublishedBlocks) {
  EXPECT_EQ(panel_bytes(PanelType::kQ4_0, 1024), 16 * 32 * 18);
  EXPECT_EQ(panel_bytes(PanelType::kQ8_0, 1024), 16 * 32 * 34);
  EXPECT_EQ(panel_bytes(PanelType::kQ6_K, 1024), 16 * 4 * 210);
  EXPECT_EQ(panel_bytes(PanelType::kQ4_K, 1024), 16 * 4 * 144);
}

// Values and scales of all blocks cover a panel, each byte once, whatever the number of blocks.
TEST(Panels, ArePartedIntoValuesAndScales) {
  for (const PanelType type :
       {PanelType::kQ4_0, PanelType::kQ8_0, PanelType::kQ6_K, PanelType::kQ4_K}) {
    const long together = has_super_blocks(type) ? kSuperBlocks : 1;
    for (const long blocks : {1L, 2L, 3L, 8L, 11L, 24L}) {
      if (blocks % together != 0) continue;
      std::vector<int> uses(static_cast<std::size_t>(panel_bytes(type, blocks * kBlockColumns)));
      const auto use = [&](long first, long bytes) {
        for (long i = first; i < first + bytes; ++i) ++uses.at(static_cast<std::size_t>(i));
      };
      for (long block = 0; block < blocks; ++block) {
        use(values_at(type, block), panel_value_bytes(type));
        if (block % together != 0) continue;
        use(scales_at(type, block), together == 1 ? kHalvesBytes : super_scale_bytes(type));
      }
      EXPECT_THAT(uses, testing::Each(1)) << static_cast<int>(type) << ", blocks " << blocks;
    }
  }
}

// The twelve packed bytes by the published rule, for one row whose scales and minima are all
// different.
TEST(Panels, UnpackTheSixBitScalesOfQ4K) {
  constexpr long kRow = 5;
  std::vector<std::byte> panel(static_cast<std::size_t>(panel_bytes(PanelType::kQ4_K, 256)));
  std::byte* scales = panel.data() + scales_at(PanelType::kQ4_K, 0);
  const auto scale = [](int j) { return 7 * j + 3; };
  const auto minimum = [](int j) { return 61 - 8 * j; };
  for (int j = 0; j < 4; ++j) {
    const auto put = [&](int i, int value) {
      scales[i * kPanelRows + kRow] = static_cast<std::byte>(value);
    };
    put(j, scale(j) | scale(j + 4) >> 4 << 6);
    put(j + 4, minimum(j) | minimum(j + 4) >> 4 << 6);
    put(j + 8, (scale(j + 4) & 15) | (minimum(j + 4) & 15) << 4);
  }
  const std::uint16_t one = f16_from_f32(1), half = f16_from_f32(0.5F);
  std::memcpy(scales + kPackedScales * kPanelRows + kRow * 2, &one, 2);
  std::memcpy(scales + kPackedScales * kPanelRows + (kPanelRows + kRow) * 2, &half, 2);
  // Column 1 and 17 of a block are the nibbles of byte 1 of the row's first group.
  for (long block = 0; block < 8; ++block) {
    panel[static_cast<std::size_t>(values_at(PanelType::kQ4_K, block) + kRow * 4 + 1)] =
        std::byte{0x52};
  }
  const PanelMatrix matrix{PanelType::kQ4_K, panel.data(), 16, 256};
  for (int j = 0; j < 8; ++j) {
    const float m = 0.5F * static_cast<float>(minimum(j));
    EXPECT_EQ(panel_weight(matrix, kRow, 32 * j + 1), static_cast<float>(2 * scale(j)) - m) << j;
    EXPECT_EQ(panel_weight(matrix, kRow, 32 * j + 17), static_cast<float>(5 * scale(j)) - m) << j;
  }
}

TEST(Panels, AreFilledWithWeightsOfVarianceOneOverColumns) {
  for (const PanelType type :
       {PanelType::kQ4_0, PanelType::kQ8_0, PanelType::kQ6_K, PanelType::kQ4_K}) {
    const Case c(type, 16, 1024, 1);
    double squares = 0;
    for (long r = 0; r < 16; ++r) {
      for (long k = 0; k < 1024; ++k) squares += std::pow(panel_weight(c.matrix, r, k), 2);
    }
    EXPECT_NEAR(squares / 16, 1, 0.1) << "type " << static_cast<int>(type);
  }
}

TEST(Half, RoundTripsEveryFiniteValueAndRoundsToNearestEven) {
  for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    if ((bits & 0x7C00U) == 0x7C00U && (bits & 0x3FFU) != 0) continue;  // NaN
    ASSERT_EQ(f16_from_f32(f32_from_f16(half)), half) << bits;
  }
  EXPECT_EQ(f16_from_f32(1.0F + 0x1p-11F), f16_from_f32(1.0F));
  EXPECT_EQ(f16_from_f32(1.0F + 0x3p-11F), f16_from_f32(1.0F + 0x2p-10F));
  EXPECT_EQ(f32_from_bf16(bf16_from_f32(1.0F + 0x3p-8F)), 1.0F + 0x2p-7F);
}

}  // namespace
}  // namespace mb
