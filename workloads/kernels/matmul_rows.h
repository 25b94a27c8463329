// Row-major f32, f16 or bf16 weights times f32 activations: out[s][row] = weights[row] . x[s], sums
// in f32. The matrix-vector product of unquantised models, and their matmul where oneDNN is not
// built in or has no such type (f16).
#pragma once
#include <cstddef>
#include <cstdint>

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

// Weight rows [first, last) for activation rows x + s * x_stride, s in [0, rows).
void matmul_rows(const RowMatrix& matrix, long first, long last, const float* x, long x_stride,
                 long rows, float* out, long stride);
void matmul_rows_scalar(const RowMatrix& matrix, long first, long last, const float* x,
                        long x_stride, long rows, float* out, long stride);

float row_weight(const RowMatrix& matrix, long row, long column);
// One row of pseudo-random weights of variance 1 / columns; the same seed gives the same row.
void fill_row(FloatType type, long columns, std::uint64_t seed, std::byte* row);

}  // namespace mb
