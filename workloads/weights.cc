// Every stored type is one of two layouts and has one of three kinds of kernels; this file is the
// only place that tells them apart.
#include "workloads/weights.h"

#include <algorithm>
#include <cstring>

#include "data/error.h"
#include "fmt/format.h"
#include "workloads/kernels/isa.h"

namespace mb {
namespace {

PanelType panel_type(WeightType type) {
  if (type == WeightType::kQ8_0) return PanelType::kQ8_0;
  if (type == WeightType::kQ4_K) return PanelType::kQ4_K;
  return type == WeightType::kQ4_0 ? PanelType::kQ4_0 : PanelType::kQ6_K;
}

FloatType float_type(WeightType type) {
  if (type == WeightType::kF32) return FloatType::kF32;
  return type == WeightType::kF16 ? FloatType::kF16 : FloatType::kBF16;
}

bool has_float_kernel(WeightType type) {
  return type == WeightType::kF32 || type == WeightType::kF16 || type == WeightType::kBF16;
}

}  // namespace

bool is_quantised(WeightType type) {
  return type == WeightType::kQ8_0 || type == WeightType::kQ4_0 || type == WeightType::kQ6_K ||
         type == WeightType::kQ4_K;
}

std::string multiply_isa(WeightType type) {
  if (is_quantised(type)) return matmul_panels_isa();
  return type == WeightType::kBF16 ? matmul_bf16_isa() : chosen_isa();
}

void Activations::convert_blocks(long s, long first, long last) const {
  const float* from = values + s * stride;
  if (quantised.values != nullptr) quantise(from, first, last, quantised.row(s));
  if (rounded.values != nullptr) {
    const long at = first * kBlockColumns;
    round_bf16(from + at, (last - first) * kBlockColumns, rounded.row(s).values + at);
  }
}

void Activations::copy_row(long s, const Activations& to, long to_row, long columns) const {
  const Activations from = row(s), into = to.row(to_row);
  const auto count = static_cast<std::size_t>(columns);
  std::memcpy(into.values, from.values, count * sizeof(float));
  if (quantised.values != nullptr) {
    std::memcpy(into.quantised.values, from.quantised.values, count);
    std::memcpy(into.quantised.scales, from.quantised.scales, count / 32 * sizeof(float));
    std::memcpy(into.quantised.sums, from.quantised.sums, count / 16 * sizeof(std::int32_t));
  }
  if (rounded.values != nullptr) {
    std::memcpy(into.rounded.values, from.rounded.values, count * sizeof(std::uint16_t));
  }
}

Weights::Weights(WeightType type, std::int64_t rows, std::int64_t columns)
    : type_(type), rows_(rows), columns_(columns) {
  if (!is_quantised(type) && !has_float_kernel(type)) {
    throw Error(ErrorCode::kNotAvailable,
                fmt::format("no kernel for weights of type {}", to_string(type)));
  }
  row_bytes(type, columns);  // throws for a broken block
}

std::int64_t Weights::memory_bytes() const {
  if (!is_quantised(type_)) return rows_ * columns_ * float_bytes(float_type(type_));
  return units() * panel_bytes(panel_type(type_), columns_);
}

PanelMatrix Weights::panels() const { return {panel_type(type_), memory_, rows_, columns_}; }
RowMatrix Weights::row_matrix() const { return {float_type(type_), memory_, rows_, columns_}; }

void Weights::fill(long first_unit, long last_unit, std::uint64_t seed) const {
  if (is_quantised(type_)) {
    const long bytes = panel_bytes(panel_type(type_), columns_);
    for (long p = first_unit; p < last_unit; ++p) {
      fill_panel(panel_type(type_), columns_, seed + static_cast<std::uint64_t>(p),
                 memory_ + p * bytes);
    }
    return;
  }
  const long bytes = columns_ * float_bytes(float_type(type_));
  const long last = std::min(rows_, last_unit * kUnitRows);
  for (long r = first_unit * kUnitRows; r < last; ++r) {
    fill_row(float_type(type_), columns_, seed + static_cast<std::uint64_t>(r),
             memory_ + r * bytes);
  }
}

void Weights::multiply(long first_unit, long last_unit, const Activations& x, long rows, float* out,
                       long stride) const {
  if (is_quantised(type_)) {
    return matmul_panels(panels(), first_unit, last_unit, x.quantised, rows, out, stride);
  }
  const long first = first_unit * kUnitRows, last = std::min(rows_, last_unit * kUnitRows);
  if (type_ == WeightType::kBF16) {
    return matmul_bf16(row_matrix(), first, last, x.rounded, rows, out, stride);
  }
  matmul_rows(row_matrix(), first, last, x.values, x.stride, rows, out, stride);
}

float Weights::at(long row, long column) const {
  return is_quantised(type_) ? panel_weight(panels(), row, column)
                             : row_weight(row_matrix(), row, column);
}

}  // namespace mb
