// Row-major f32, f16 or bf16 weights times activations: out[s][row] = weights[row] . x[s], sums in
// f32. The products of unquantised models; dense ceilings are a library's (dense_matmul.h).
// Activations are f32, beside bf16 weights bf16: pairs of those are one instruction's work where
// the CPU has it (AVX512-BF16, in a file of its own).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "workloads/kernels/round_bf16.h"

namespace mb {

enum class FloatType { kF32, kF16, kBF16 };
constexpr long float_bytes(FloatType type) { return type == FloatType::kF32 ? 4 : 2; }

// Borrowed; `data` aligned to its element.
struct RowMatrix {
  FloatType type = FloatType::kF32;
  const std::byte* data = nullptr;
  long rows = 0, columns = 0;

  const std::byte* row(long index) const { return data + index * columns * float_bytes(type); }
};

// Weight rows [first, last), f32 or f16, for activation rows x + s * x_stride, s in [0, rows).
void matmul_rows(const RowMatrix& matrix, long first, long last, const float* x, long x_stride,
                 long rows, float* out, long stride);
void matmul_rows_scalar(const RowMatrix& matrix, long first, long last, const float* x,
                        long x_stride, long rows, float* out, long stride);

// The same for bf16 weights. Values below 2^-126 may count as nothing (the instruction's rule).
void matmul_bf16(const RowMatrix& matrix, long first, long last, const Bf16Rows& x, long rows,
                 float* out, long stride);
void matmul_bf16_scalar(const RowMatrix& matrix, long first, long last, const Bf16Rows& x,
                        long rows, float* out, long stride);
// What matmul_bf16 runs on now: AVX512_BF16 or the name of Highway's target.
std::string matmul_bf16_isa();

float row_weight(const RowMatrix& matrix, long row, long column);
// One row of pseudo-random weights of variance 1 / columns; the same seed gives the same row.
void fill_row(FloatType type, long columns, std::uint64_t seed, std::byte* row);

}  // namespace mb
