#include "reports/model/attention_rows.h"

#include <algorithm>
#include <cmath>

#include "reports/model/curves.h"

namespace mb {

double row_cost(const AttentionRow& row, double head_elements) {
  constexpr double kReference = 128;
  double elements = head_elements;
  if (row.vector > 0) elements += row.remainder * std::fmod(head_elements, row.vector);
  return (elements + row.elements) / head_elements / ((kReference + row.elements) / kReference);
}

double row_exposure(double row_bytes, double kv_heads) {
  // Bytes: rows of 128 wait a fifth of a load, those of 256 all of it.
  constexpr double kHidden = 96, kExposed = 256;
  constexpr double kNeighbours = 3;  // key heads between: nothing with none, all of it from 3 on
  const double wide = std::clamp((row_bytes - kHidden) / (kExposed - kHidden), 0.0, 1.0);
  const double apart = std::clamp((kv_heads - 1) / kNeighbours, 0.0, 1.0);
  return wide * apart;
}

std::optional<double> busiest_share(const AttentionParts& parts, double positions, double threads) {
  const double length = parts.rounded_to * std::ceil(positions / parts.rounded_to);
  if (parts.from <= 0 || length < parts.from) return std::nullopt;
  return std::min(1.0, std::ceil(length / threads) / positions);
}

double with_waiting(const AttentionRow& row, const MeasuredCurves& curves, const RowPasses& of) {
  const double loads = row.loads * row_exposure(of.row_bytes, of.kv_heads);
  if (loads <= 0 || curves.load_rate.empty()) return of.seconds;
  const auto pass = [&](double bytes) {
    return smoothmax(of.seconds, loads / curves.load_rate.at(bytes).value, kOverlapPower).seconds;
  };
  return (pass(of.step_bytes) + (of.passes - 1) * pass(of.key_head_bytes)) / of.passes;
}

}  // namespace mb
