// A weight matrix in a chain's memory, of any stored type: quantised ones as panels, floats row by
// row. Work is dealt in units of 16 rows, so that ranks write whole vectors and cache lines.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "workloads/kernels/matmul_panels.h"
#include "workloads/kernels/matmul_rows.h"
#include "workloads/shapes/model_shape.h"

namespace mb {

bool is_quantised(WeightType type);
// The instruction set that multiplies such weights now.
std::string multiply_isa(WeightType type);

// Activation rows as every kind of kernel wants them: int8 blocks beside quantised weights, bf16
// beside those; a form is unset where no weights of the step ask for it.
struct Activations {
  float* values = nullptr;
  long stride = 0;  // floats between rows
  QuantisedRows quantised;
  Bf16Rows rounded;

  Activations row(long s) const {
    Activations one{values + s * stride, stride, {}, {}};
    if (quantised.values != nullptr) one.quantised = quantised.row(s);
    if (rounded.values != nullptr) one.rounded = rounded.row(s);
    return one;
  }
  // Columns [32 * first, 32 * last) of one row, from values into the other forms.
  void convert_blocks(long s, long first, long last) const;
  // Row s with all its forms, of `columns` values, into row `to_row`.
  void copy_row(long s, const Activations& to, long to_row, long columns) const;
};

class Weights {
 public:
  static constexpr long kUnitRows = kPanelRows;

  Weights() = default;
  // Throws Error(kUsage) when columns are no whole number of blocks.
  Weights(WeightType type, std::int64_t rows, std::int64_t columns);

  WeightType type() const { return type_; }
  long rows() const { return rows_; }
  long columns() const { return columns_; }
  long units() const { return panel_count(rows_); }
  std::int64_t memory_bytes() const;  // whole units
  std::int64_t read_bytes() const { return rows_ * row_bytes(type_, columns_); }

  void bind(std::byte* memory) { memory_ = memory; }
  const std::byte* memory() const { return memory_; }
  // Random weights of variance 1 / columns: the same for every division into units.
  void fill(long first_unit, long last_unit, std::uint64_t seed) const;
  // out[s * stride + row] for the rows of the units and activation rows [0, rows).
  void multiply(long first_unit, long last_unit, const Activations& x, long rows, float* out,
                long stride) const;
  float at(long row, long column) const;  // for the reference

 private:
  PanelMatrix panels() const;
  RowMatrix row_matrix() const;

  WeightType type_ = WeightType::kF32;
  long rows_ = 0, columns_ = 0;
  std::byte* memory_ = nullptr;
};

}  // namespace mb
