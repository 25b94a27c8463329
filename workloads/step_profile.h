// What each operation of a step has to do, counted from the step's own division: FLOP, bytes of
// weights, of the KV cache and of activations. With the seconds that a caller measured this is the
// profile of a step: rates, arithmetic intensity, shares.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "workloads/step.h"

namespace mb {

struct OperationWork {
  std::string_view name;  // norm, qkv, rope, attention, merge, output, ffn_norm, gate_up, ...
  long layer = 0;         // the head and its norm: that of the last layer
  double flops = 0;
  // Named bytes, each counted once where one pass over the operation needs it: weights, keys and
  // values as the units of attention read them, activations read and written.
  double weight_bytes = 0, kv_bytes = 0, activation_bytes = 0;

  double bytes() const { return weight_bytes + kv_bytes + activation_bytes; }
  double intensity() const { return bytes() > 0 ? flops / bytes() : 0; }  // FLOP a byte
};

// One entry an operation, in the order of the step.
std::vector<OperationWork> describe_operations(const Step& step);

// Sums by name, in order of first appearance; `seconds` has one entry an operation.
struct OperationTotal {
  OperationWork work;  // layer: -1
  double seconds = 0;
};
std::vector<OperationTotal> total_by_name(const std::vector<OperationWork>& operations,
                                          std::span<const double> seconds);

}  // namespace mb
