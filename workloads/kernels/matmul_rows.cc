// One activation row: one weight row at a time in four accumulators, because one sequential stream
// reads DRAM best. More rows: blocks of weight rows by activation rows, as many as there are
// registers for their sums, so that what is loaded and widened serves several products.
#include "workloads/kernels/matmul_rows.h"

#include <cmath>
#include <cstring>
#include <type_traits>

#include "workloads/kernels/fixed_width.h"
#include "workloads/kernels/half.h"
#include "workloads/kernels/isa.h"
#include "workloads/kernels/matmul_bf16_avx512.h"
#include "workloads/kernels/read_ahead.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/matmul_rows.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::ScalableTag<float>;
using VF = hn::Vec<DF>;

template <FloatType type>
HWY_INLINE VF load_wide(const std::byte* row, long column) {
  const DF d;
  if constexpr (type == FloatType::kF32) {
    return hn::LoadU(d, reinterpret_cast<const float*>(row) + column);
  } else if constexpr (type == FloatType::kF16) {
    const hn::Rebind<hwy::float16_t, DF> narrow;
    return hn::PromoteTo(d,
                         hn::LoadU(narrow, reinterpret_cast<const hwy::float16_t*>(row) + column));
  } else {
    const hn::Rebind<std::uint16_t, DF> narrow;
    const hn::Rebind<std::uint32_t, DF> wide;
    const auto bits = hn::LoadU(narrow, reinterpret_cast<const std::uint16_t*>(row) + column);
    return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(wide, bits)));
  }
}

// Two registers of weights. Of f16 a whole line is loaded and then parted where a register is a
// line: with two loads of half a line each, a core of a Zen 4 read DRAM a quarter slower. (bf16
// that is widened by shifts gains nothing.)
template <FloatType type>
HWY_INLINE void load_two_wide(const std::byte* row, long column, VF& first, VF& second) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  if constexpr (type == FloatType::kF16) {
    const DF d;
    const hn::Repartition<hwy::float16_t, DF> whole;
    const hn::Rebind<hwy::float16_t, DF> half;
    const auto both = hn::LoadU(whole, reinterpret_cast<const hwy::float16_t*>(row) + column);
    first = hn::PromoteTo(d, hn::LowerHalf(half, both));
    second = hn::PromoteTo(d, hn::UpperHalf(half, both));
    return;
  }
#endif
  first = load_wide<type>(row, column);
  second = load_wide<type>(row, column + static_cast<long>(hn::Lanes(DF())));
}

// What meets weights of this type.
template <FloatType type>
using Input = std::conditional_t<type == FloatType::kBF16, std::uint16_t, float>;

template <FloatType type>
HWY_INLINE VF load_input(const Input<type>* x) {
  constexpr FloatType kStored = type == FloatType::kBF16 ? FloatType::kBF16 : FloatType::kF32;
  return load_wide<kStored>(reinterpret_cast<const std::byte*>(x), 0);
}

HWY_INLINE float number(float value) { return value; }
HWY_INLINE float number(std::uint16_t bits) { return f32_from_bf16(bits); }

template <FloatType type>
HWY_INLINE float multiply_row(const RowMatrix& matrix, long row,
                              const Input<type>* HWY_RESTRICT x) {
  const DF d;
  const long lanes = static_cast<long>(hn::Lanes(d)), columns = matrix.columns;
  const std::byte* w = matrix.row(row);
  const ReadAhead& ahead = read_ahead();
  const long step = ahead.every_line ? ReadAhead::kLine : 2 * ReadAhead::kLine;
  VF sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  long c = 0;
  for (; c + 4 * lanes <= columns; c += 4 * lanes) {
    const std::byte* later = w + c * float_bytes(type) + ahead.row_bytes;
    for (long at = 0; at < 4 * lanes * float_bytes(type); at += step) {
      __builtin_prefetch(later + at, 0, 2);
    }
    VF even, odd;
    load_two_wide<type>(w, c, even, odd);
    sum0 = hn::MulAdd(even, load_input<type>(x + c), sum0);
    sum1 = hn::MulAdd(odd, load_input<type>(x + c + lanes), sum1);
    load_two_wide<type>(w, c + 2 * lanes, even, odd);
    sum2 = hn::MulAdd(even, load_input<type>(x + c + 2 * lanes), sum2);
    sum3 = hn::MulAdd(odd, load_input<type>(x + c + 3 * lanes), sum3);
  }
  for (; c + lanes <= columns; c += lanes) {
    sum0 = hn::MulAdd(load_wide<type>(w, c), load_input<type>(x + c), sum0);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3))));
  for (; c < columns; ++c) sum += row_weight(matrix, row, c) * number(x[c]);
  return sum;
}

// Sums, weights and an activation of a block stay in registers: 24 + 4 + 1 of 32, 8 + 2 + 1 of 16.
#if (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3) || HWY_ARCH_ARM_A64
constexpr int kWeightRows = 4, kRows = 6;
#else
constexpr int kWeightRows = 2, kRows = 4;
#endif

// kWeightRows weight rows x `rows` activation rows; `out` is the result of the first of both.
template <FloatType type, int rows>
HWY_INLINE void multiply_block(const RowMatrix& matrix, long row, const Input<type>* HWY_RESTRICT x,
                               long x_stride, float* HWY_RESTRICT out, long stride) {
  const DF d;
  const long lanes = static_cast<long>(hn::Lanes(d)), columns = matrix.columns;
  VF sums[kWeightRows][rows];
#pragma GCC unroll 4
  for (int w = 0; w < kWeightRows; ++w) {
#pragma GCC unroll 6
    for (int m = 0; m < rows; ++m) sums[w][m] = hn::Zero(d);
  }
  long c = 0;
  for (; c + lanes <= columns; c += lanes) {
    VF weights[kWeightRows];
#pragma GCC unroll 4
    for (int w = 0; w < kWeightRows; ++w) weights[w] = load_wide<type>(matrix.row(row + w), c);
#pragma GCC unroll 6
    for (int m = 0; m < rows; ++m) {
      const VF value = load_input<type>(x + m * x_stride + c);
#pragma GCC unroll 4
      for (int w = 0; w < kWeightRows; ++w) sums[w][m] = hn::MulAdd(weights[w], value, sums[w][m]);
    }
  }
#pragma GCC unroll 6
  for (int m = 0; m < rows; ++m) {
#pragma GCC unroll 4
    for (int w = 0; w < kWeightRows; ++w) {
      float sum = hn::GetLane(hn::SumOfLanes(d, sums[w][m]));
      for (long tail = c; tail < columns; ++tail) {
        sum += row_weight(matrix, row + w, tail) * number(x[m * x_stride + tail]);
      }
      out[m * stride + w] = sum;
    }
  }
}

#include "workloads/kernels/row_driver-inl.h"

template <FloatType type>
struct RowKernel {
  static constexpr int kWeightRows = HWY_NAMESPACE::kWeightRows, kRows = HWY_NAMESPACE::kRows;
  const RowMatrix& matrix;
  const Input<type>* x;
  long x_stride;
  float* out;
  long stride;

  template <int rows>
  HWY_INLINE void block(long row, long s) const {
    multiply_block<type, rows>(matrix, row, x + s * x_stride, x_stride, out + s * stride + row,
                               stride);
  }
  HWY_INLINE void dot(long row, long s) const {
    out[s * stride + row] = multiply_row<type>(matrix, row, x + s * x_stride);
  }
};

void matmul_rows_vector(const RowMatrix& matrix, long first, long last, const float* x,
                        long x_stride, long rows, float* out, long stride) {
  if (matrix.type == FloatType::kF32) {
    const RowKernel<FloatType::kF32> kernel{matrix, x, x_stride, out, stride};
    return multiply_strips(kernel, first, last, rows);
  }
  const RowKernel<FloatType::kF16> kernel{matrix, x, x_stride, out, stride};
  multiply_strips(kernel, first, last, rows);
}

void matmul_bf16_vector(const RowMatrix& matrix, long first, long last, const Bf16Rows& x,
                        long rows, float* out, long stride) {
  const RowKernel<FloatType::kBF16> kernel{matrix, x.values, x.columns, out, stride};
  multiply_strips(kernel, first, last, rows);
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(matmul_rows_vector);
HWY_EXPORT(matmul_bf16_vector);

namespace {

bool pairs_chosen() {
  return intrinsics_class() == IntrinsicsClass::kAvx512 && avx512_bf16_supported();
}

}  // namespace

void matmul_rows(const RowMatrix& matrix, long first, long last, const float* x, long x_stride,
                 long rows, float* out, long stride) {
  HWY_DYNAMIC_DISPATCH(matmul_rows_vector)
  (matrix, first, last, x, x_stride, rows, out, stride);
}

void matmul_rows_scalar(const RowMatrix& matrix, long first, long last, const float* x,
                        long x_stride, long rows, float* out, long stride) {
  for (long s = 0; s < rows; ++s) {
    for (long row = first; row < last; ++row) {
      double sum = 0;
      for (long c = 0; c < matrix.columns; ++c) {
        sum += static_cast<double>(row_weight(matrix, row, c)) *
               static_cast<double>(x[s * x_stride + c]);
      }
      out[s * stride + row] = static_cast<float>(sum);
    }
  }
}

void matmul_bf16(const RowMatrix& matrix, long first, long last, const Bf16Rows& x, long rows,
                 float* out, long stride) {
  if (pairs_chosen()) return matmul_bf16_avx512(matrix, first, last, x, rows, out, stride);
  HWY_DYNAMIC_DISPATCH(matmul_bf16_vector)(matrix, first, last, x, rows, out, stride);
}

void matmul_bf16_scalar(const RowMatrix& matrix, long first, long last, const Bf16Rows& x,
                        long rows, float* out, long stride) {
  for (long s = 0; s < rows; ++s) {
    for (long row = first; row < last; ++row) {
      double sum = 0;
      for (long c = 0; c < matrix.columns; ++c) {
        sum += static_cast<double>(row_weight(matrix, row, c)) *
               static_cast<double>(f32_from_bf16(x.row(s).values[c]));
      }
      out[s * stride + row] = static_cast<float>(sum);
    }
  }
}

std::string matmul_bf16_isa() { return pairs_chosen() ? "AVX512_BF16" : chosen_isa(); }

float row_weight(const RowMatrix& matrix, long row, long column) {
  const std::byte* at = matrix.row(row) + column * float_bytes(matrix.type);
  if (matrix.type == FloatType::kF32) {
    float value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  std::uint16_t bits;
  std::memcpy(&bits, at, sizeof bits);
  return matrix.type == FloatType::kF16 ? f32_from_f16(bits) : f32_from_bf16(bits);
}

void fill_row(FloatType type, long columns, std::uint64_t seed, std::byte* row) {
  // Uniform in (-1, 1) has variance 1/3. A linear congruential step a weight (Knuth's MMIX
  // constants) keeps filling faster than first touch.
  const float size = std::sqrt(3.0F / static_cast<float>(columns)) * 0x1p-31F;
  std::uint64_t state = seed * 0x9E3779B97F4A7C15ULL + 1;
  for (long c = 0; c < columns; ++c) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    const auto random = static_cast<std::int32_t>(state >> 32);
    const float value = static_cast<float>(random) * size;
    if (type == FloatType::kF32) {
      std::memcpy(row + c * 4, &value, 4);
      continue;
    }
    const std::uint16_t bits = type == FloatType::kF16 ? f16_from_f32(value) : bf16_from_f32(value);
    std::memcpy(row + c * 2, &bits, 2);
  }
}

}  // namespace mb
#endif  // HWY_ONCE
