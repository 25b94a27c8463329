// What one step of a model moves and computes, summed by stored type once so that predicting is
// arithmetic: dense matrices, experts and head apart, because a prefill step reads the head once
// and the experts as often as its rows touch them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "workloads/shapes/model_shape.h"

namespace mb {

struct TypedWork {
  WeightType type = WeightType::kF32;
  double bytes = 0;          // as stored
  double flops_per_row = 0;  // of one token
  bool of_experts = false;
};

// Layers that look at the same positions.
struct AttentionGroup {
  double layers = 0;
  ModelShape one;  // a single layer of the group
};

struct Workload {
  explicit Workload(const ModelShape& model);

  ModelShape shape;
  std::string spec;                // shape.spec(), which chains are found by
  std::vector<TypedWork> dense;    // layers without experts; norms and biases with the first
  std::vector<TypedWork> experts;  // bytes of all experts, FLOP of the used ones
  TypedWork head;
  std::vector<AttentionGroup> attention;
  // Of one row in all layers: what each operation between products writes. Norms and their weights,
  // residuals, query and key by position, what goes into the cache, the gated activation, what is
  // rounded for each product, and experts' outputs weighted and summed.
  double between_elements = 0;

  double dense_bytes() const;
  double expert_bytes() const;
  // Share of the experts that `rows` tokens touch, expected with uniform routing.
  double experts_touched(double rows) const;
  double weight_bytes_per_token() const;
  double kv_bytes(std::int64_t positions, std::string_view kv_type) const;  // all layers
};

}  // namespace mb
