// Stored weight types and their bytes: a quantised row is a whole number of blocks, each with its
// scales inside. Block layouts as published for GGUF: q4_0 is 32 weights in 18 bytes (f16 scale and
// 16 bytes of nibbles), q8_0 32 in 34, q6_k 256 in 210.
#include <array>

#include "data/error.h"
#include "fmt/format.h"
#include "workloads/shapes/model_shape.h"

namespace mb {
namespace {

struct TypeFacts {
  WeightType type;
  std::string_view name;
  std::int64_t block, block_bytes;
};

constexpr std::array<TypeFacts, 6> kTypes = {{
    {WeightType::kF32, "f32", 1, 4},
    {WeightType::kF16, "f16", 1, 2},
    {WeightType::kBF16, "bf16", 1, 2},
    {WeightType::kQ8_0, "q8_0", 32, 34},
    {WeightType::kQ4_0, "q4_0", 32, 18},
    {WeightType::kQ6_K, "q6_k", 256, 210},
}};

const TypeFacts& facts(WeightType type) { return kTypes[static_cast<std::size_t>(type)]; }

}  // namespace

std::string_view to_string(WeightType type) { return facts(type).name; }

WeightType weight_type_from_string(std::string_view text) {
  for (const TypeFacts& entry : kTypes) {
    if (entry.name == text) return entry.type;
  }
  std::string known;
  for (const TypeFacts& entry : kTypes) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.name);
  }
  throw Error(ErrorCode::kUsage,
              fmt::format("unknown weight type \"{}\": expected one of {}", text, known));
}

std::int64_t row_bytes(WeightType type, std::int64_t columns) {
  const TypeFacts& entry = facts(type);
  if (columns < 0 || columns % entry.block != 0) {
    throw Error(ErrorCode::kUsage,
                fmt::format("a row of {} weights is no multiple of the {} block of {}", columns,
                            entry.name, entry.block));
  }
  return columns / entry.block * entry.block_bytes;
}

std::string_view to_string(TensorClass tensor_class) {
  switch (tensor_class) {
    case TensorClass::kEmbedding:
      return "embedding";
    case TensorClass::kNorm:
      return "norm";
    case TensorClass::kAttention:
      return "attention";
    case TensorClass::kFeedForward:
      return "feed_forward";
    case TensorClass::kExperts:
      return "experts";
    case TensorClass::kSharedExperts:
      return "shared_experts";
    case TensorClass::kRouter:
      return "router";
    case TensorClass::kOutputHead:
      return "output_head";
  }
  return "unknown";
}

}  // namespace mb
