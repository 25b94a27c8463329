// Sixteen-bit products for every target: weights and activations are widened to int16, pairs of
// products are summed by vpmaddwd (on NEON by widening multiply-adds), and the two pair sums of a
// row are joined once a block. A vector of N int32 holds N rows, so a panel is done in 16 / N
// parts.
#include "workloads/kernels/matmul_panels.h"

#include <algorithm>

#include "workloads/kernels/fixed_width.h"
#include "workloads/kernels/half.h"
#include "workloads/kernels/isa.h"
#include "workloads/kernels/matmul_panels_variants.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/matmul_panels.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR
void matmul_panels_vector(const PanelMatrix& matrix, long first_panel, long last_panel,
                          const QuantisedRows& x, long rows, float* out, long stride) {
  matmul_panels_scalar(matrix, first_panel, last_panel, x, rows, out, stride);
}
#else

using D32 = hn::CappedTag<std::int32_t, 16>;
using D16 = hn::Repartition<std::int16_t, D32>;
using D8 = hn::Repartition<std::int8_t, D32>;
using D8Half = hn::Half<D8>;
using DF = hn::Rebind<float, D32>;
using V32 = hn::Vec<D32>;
using VF = hn::Vec<DF>;
constexpr long kLanes = HWY_LANES(std::int32_t) < 16 ? HWY_LANES(std::int32_t) : 16;

// Signed weights of one group of four columns, rows [part * kLanes, +kLanes) of the panel.
template <PanelType type>
HWY_INLINE hn::Vec<D8> load_group(const std::int8_t* block, long group, long part) {
  const D8 d8;
  const hn::RebindToUnsigned<D8> u8;
  const hn::Repartition<std::uint16_t, D8> u16;
  const long at = part * kLanes * 4;
  if constexpr (type == PanelType::kQ8_0) {
    return hn::LoadU(d8, block + group * 64 + at);
  } else {
    const auto low_bits = hn::Set(u8, 15);
    auto bytes = hn::BitCast(u8, hn::LoadU(d8, block + group % 4 * 64 + at));
    // Shifts are of 16-bit lanes (x86 has none of bytes); the mask takes off what crossed over.
    if (group >= 4) bytes = hn::BitCast(u8, hn::ShiftRight<4>(hn::BitCast(u16, bytes)));
    bytes = hn::And(bytes, low_bits);
    if constexpr (type == PanelType::kQ6_K) {
      const auto pairs = hn::BitCast(u16, hn::LoadU(d8, block + 256 + group / 4 * 64 + at));
      const auto lowest =
          hn::BitCast(u8, hn::ShiftRightSame(pairs, static_cast<int>(2 * (group % 4))));
      const auto upper = hn::And(lowest, hn::Set(u8, 3));
      bytes = hn::Or(bytes, hn::BitCast(u8, hn::ShiftLeft<4>(hn::BitCast(u16, upper))));
    }
    if constexpr (type == PanelType::kQ4_K) return hn::BitCast(d8, bytes);
    const auto offset = hn::Set(d8, type == PanelType::kQ4_0 ? 8 : 32);
    return hn::Sub(hn::BitCast(d8, bytes), offset);
  }
}

// Four activations, repeated over a vector of int16.
HWY_INLINE hn::Vec<D16> broadcast_four(const std::int8_t* x) {
  std::int32_t four;
  hwy::CopyBytes<4>(x, &four);
  const hn::Repartition<std::int32_t, D8Half> d32_half;
  return hn::PromoteTo(D16(), hn::BitCast(D8Half(), hn::Set(d32_half, four)));
}

// Integer sums of groups [first, last) for `rows` activation rows.
template <PanelType type, int rows>
HWY_INLINE void dot_groups(const std::int8_t* block, long part, long first, long last,
                           const std::int8_t* x, long columns, V32 (&sums)[rows]) {
  const D32 d32;
  const D16 d16;
  V32 low0[rows], low1[rows], high0[rows], high1[rows];
#pragma GCC unroll 4
  for (int m = 0; m < rows; ++m) low0[m] = low1[m] = high0[m] = high1[m] = hn::Zero(d32);
#pragma GCC unroll 8
  for (long group = first; group < last; ++group) {
    const auto weights = load_group<type>(block, group, part);
    const auto low = hn::PromoteTo(d16, hn::LowerHalf(weights));
    const auto high = hn::PromoteTo(d16, hn::UpperHalf(D8Half(), weights));
#pragma GCC unroll 4
    for (int m = 0; m < rows; ++m) {
      const auto values = broadcast_four(x + m * columns + group * 4);
      low0[m] = hn::ReorderWidenMulAccumulate(d32, low, values, low0[m], low1[m]);
      high0[m] = hn::ReorderWidenMulAccumulate(d32, high, values, high0[m], high1[m]);
    }
  }
#pragma GCC unroll 4
  for (int m = 0; m < rows; ++m) {
    const auto low = hn::RearrangeToOddPlusEven(low0[m], low1[m]);
    const auto high = hn::RearrangeToOddPlusEven(high0[m], high1[m]);
    sums[m] = hn::Add(hn::ConcatEven(d32, high, low), hn::ConcatOdd(d32, high, low));
  }
}

HWY_INLINE VF load_halves(const std::byte* at) {
  const hn::Rebind<hwy::float16_t, DF> halves;
  return hn::PromoteTo(DF(), hn::LoadU(halves, reinterpret_cast<const hwy::float16_t*>(at)));
}

HWY_INLINE V32 load_bytes(const std::byte* at) {
  const hn::Rebind<std::uint8_t, D32> narrow;
  return hn::PromoteTo(D32(), hn::LoadU(narrow, reinterpret_cast<const std::uint8_t*>(at)));
}

// q4_k: scale, or minimum, of a block for the rows of this part (panels.h).
HWY_INLINE VF load_packed(const std::byte* scales, long block, bool minimum, long first_row) {
  const D32 d32;
  const long j = block % kSuperBlocks;
  const std::byte* packed = scales + first_row;
  const V32 own = load_bytes(packed + ((minimum ? 4 : 0) + j % 4) * kPanelRows);
  V32 bits = hn::And(own, hn::Set(d32, 63));
  if (j >= 4) {
    const V32 both = load_bytes(packed + (8 + j % 4) * kPanelRows);
    const V32 low = minimum ? hn::ShiftRight<4>(both) : hn::And(both, hn::Set(d32, 15));
    bits = hn::Or(low, hn::And(hn::ShiftRight<2>(own), hn::Set(d32, 48)));
  }
  const std::byte* halves =
      scales + kPackedScales * kPanelRows + (minimum ? kHalvesBytes : 0) + first_row * 2;
  return hn::Mul(hn::ConvertTo(DF(), bits), load_halves(halves));
}

struct Kernel {
  static constexpr int kRows = 4;
  static constexpr int kPanels = 1;

  // q6_k has two weight scales a block (of 16 columns each), the others one.
  template <PanelType type, int rows>
  static HWY_INLINE void add_block(const std::byte* panel, long block, long part,
                                   const QuantisedRows& x, VF (&totals)[rows]) {
    const std::byte* scales = panel + scales_at(type, block);
    const auto* values = reinterpret_cast<const std::int8_t*>(panel + values_at(type, block));
    const std::int8_t* activations = x.values + block * kBlockColumns;
    constexpr long kHalves = type == PanelType::kQ6_K ? 2 : 1;
    for (long half = 0; half < kHalves; ++half) {
      V32 sums[rows];
      dot_groups<type, rows>(values, part, half * 4, kHalves == 2 ? half * 4 + 4 : 8, activations,
                             x.columns, sums);
      VF weight_scale;
      if constexpr (type == PanelType::kQ6_K) {
        const hn::Rebind<std::int8_t, D32> narrow;
        const long at = (block % kSuperBlocks * 2 + half) * kPanelRows + part * kLanes;
        const auto* small = reinterpret_cast<const std::int8_t*>(scales) + at;
        const std::byte* halves = scales + 2 * kSuperBlocks * kPanelRows + part * kLanes * 2;
        weight_scale = hn::Mul(hn::ConvertTo(DF(), hn::PromoteTo(D32(), hn::LoadU(narrow, small))),
                               load_halves(halves));
      } else if constexpr (type == PanelType::kQ4_K) {
        weight_scale = load_packed(scales, block, false, part * kLanes);
        const VF minimum = load_packed(scales, block, true, part * kLanes);
#pragma GCC unroll 4
        for (int m = 0; m < rows; ++m) {
          const long at = m * (x.columns / kBlockColumns) + block;
          const float sum = static_cast<float>(x.sums[2 * at] / kSumFactor);
          totals[m] = hn::NegMulAdd(minimum, hn::Set(DF(), x.scales[at] * sum), totals[m]);
        }
      } else {
        weight_scale = load_halves(scales + part * kLanes * 2);
      }
#pragma GCC unroll 4
      for (int m = 0; m < rows; ++m) {
        const float scale = x.scales[m * (x.columns / kBlockColumns) + block];
        totals[m] = hn::MulAdd(hn::ConvertTo(DF(), sums[m]),
                               hn::Mul(weight_scale, hn::Set(DF(), scale)), totals[m]);
      }
    }
  }

  template <PanelType type, int rows>
  static void run(const std::byte* panel, const QuantisedRows& x, float* out, long stride) {
    for (long part = 0; part < kPanelRows / kLanes; ++part) {
      VF totals[rows];
#pragma GCC unroll 4
      for (int m = 0; m < rows; ++m) totals[m] = hn::Zero(DF());
      for (long block = 0; block < x.columns / kBlockColumns; ++block) {
        add_block<type, rows>(panel, block, part, x, totals);
      }
#pragma GCC unroll 4
      for (int m = 0; m < rows; ++m) {
        hn::StoreU(totals[m], DF(), out + m * stride + part * kLanes);
      }
    }
  }
};

#include "workloads/kernels/panel_driver-inl.h"

void matmul_panels_vector(const PanelMatrix& matrix, long first_panel, long last_panel,
                          const QuantisedRows& x, long rows, float* out, long stride) {
  drive_type<Kernel>(matrix, first_panel, last_panel, x, rows, out, stride);
}
#endif  // HWY_SCALAR

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(matmul_panels_vector);

namespace {

const PanelVariant* chosen_variant() {
  const IntrinsicsClass now = intrinsics_class();
  const bool wide = now == IntrinsicsClass::kAvx512, half = now == IntrinsicsClass::kAvx2;
  if (wide && avx512_vnni().supported) return &avx512_vnni();
  if ((wide || half) && avx_vnni().supported) return &avx_vnni();
  if (half && avx2().supported) return &avx2();
  if (now != IntrinsicsClass::kNeon) return nullptr;
  if (neon_i8mm().supported) return &neon_i8mm();
  return neon_dotprod().supported ? &neon_dotprod() : nullptr;
}

}  // namespace

void matmul_panels(const PanelMatrix& matrix, long first_panel, long last_panel,
                   const QuantisedRows& x, long rows, float* out, long stride) {
  if (const PanelVariant* variant = chosen_variant()) {
    return variant->run(matrix, first_panel, last_panel, x, rows, out, stride);
  }
  HWY_DYNAMIC_DISPATCH(matmul_panels_vector)
  (matrix, first_panel, last_panel, x, rows, out, stride);
}

void matmul_panels_scalar(const PanelMatrix& matrix, long first_panel, long last_panel,
                          const QuantisedRows& x, long rows, float* out, long stride) {
  const long last_row = std::min(matrix.rows, last_panel * kPanelRows);
  for (long s = 0; s < rows; ++s) {
    const QuantisedRows row = x.row(s);
    for (long r = first_panel * kPanelRows; r < last_row; ++r) {
      double sum = 0;
      for (long c = 0; c < matrix.columns; ++c) {
        sum += static_cast<double>(panel_weight(matrix, r, c)) *
               static_cast<double>(row.scales[c / kBlockColumns]) * row.values[c];
      }
      out[s * stride + r] = static_cast<float>(sum);
    }
  }
}

PanelPeak panel_peak() {
  const PanelVariant* variant = chosen_variant();
  return variant != nullptr ? variant->peak : PanelPeak{};
}

std::string matmul_panels_isa() {
  const PanelVariant* variant = chosen_variant();
  return variant != nullptr ? variant->name : chosen_isa();
}

}  // namespace mb
#endif  // HWY_ONCE
