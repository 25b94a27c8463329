// Sums over a model's tensors: exact because nothing is estimated, each matrix is counted with its
// own stored type. A file's tensors are those of its table, all others come from the dimensions.
#include "workloads/shapes/model_shape.h"

#include <algorithm>
#include <cmath>

#include "data/error.h"
#include "fmt/format.h"
#include "workloads/shapes/tensor_list.h"

namespace mb {
namespace {

bool is_global(const ModelShape& shape, std::int64_t layer) {
  if (shape.sliding_window == 0) return true;
  return shape.sliding_window_pattern > 0 && (layer + 1) % shape.sliding_window_pattern == 0;
}

// As what a decode step reads a tensor; nullopt: not at all (an embedding is looked up).
std::optional<TensorClass> read_as(const ModelShape& shape, const Tensor& tensor) {
  if (tensor.tensor_class == TensorClass::kUnread) return std::nullopt;
  if (tensor.tensor_class != TensorClass::kEmbedding) return tensor.tensor_class;
  const bool head = shape.tied_head && tensor.name == "token_embd.weight";
  return head ? std::optional(TensorClass::kOutputHead) : std::nullopt;
}

// Of the bytes of all experts, those of the experts that a token uses.
std::int64_t used_share(const ModelShape& shape, std::int64_t bytes) {
  return shape.experts > 0 ? bytes / shape.experts * shape.experts_used : bytes;
}

// Keys and values of one position in one layer.
std::int64_t kv_layer_bytes(const ModelShape& shape, std::int64_t layer, std::string_view kv_type) {
  const WeightType type = weight_type_from_string(kv_type);
  const auto index = static_cast<std::size_t>(layer);
  if (index < shape.kv_values_by_layer.size()) {
    return row_bytes(type, shape.kv_values_by_layer[index]);
  }
  // The latent vector serves as key and as value.
  if (shape.latent) return row_bytes(type, shape.latent->kv_rank + shape.latent->rope_size);
  return 2 * row_bytes(type, shape.kv_heads * shape.head_size);
}

// Sum over new rows i = 1..rows of min(cached + i, window): the key positions that are looked at.
double visible_positions(std::int64_t rows, std::int64_t cached, std::int64_t window) {
  const auto r = static_cast<double>(rows), c = static_cast<double>(cached);
  if (window == 0) return r * c + r * (r + 1) / 2;
  const std::int64_t growing = std::clamp<std::int64_t>(window - cached, 0, rows);
  const auto g = static_cast<double>(growing);
  return g * c + g * (g + 1) / 2 +
         static_cast<double>(rows - growing) * static_cast<double>(window);
}

}  // namespace

std::int64_t Tensor::bytes() const { return rows * count * row_bytes(type, columns); }

std::string ModelShape::label() const { return std::string(quantisation_label(type, mix)); }

std::string ModelShape::spec() const {
  return from_file ? name : fmt::format("{}:{}", name, label());
}

std::vector<Tensor> ModelShape::tensors() const {
  if (!stored) return list_tensors(*this);
  std::vector<Tensor> out;  // a chain may be asked for fewer layers than the file has
  std::copy_if(stored->begin(), stored->end(), std::back_inserter(out),
               [&](const Tensor& tensor) { return tensor.layer < layers; });
  return out;
}

std::int64_t ModelShape::parameters() const {
  std::int64_t sum = 0;
  for (const Tensor& tensor : tensors()) sum += tensor.parameters();
  return sum;
}

std::int64_t ModelShape::weight_bytes() const {
  std::int64_t sum = 0;
  for (const Tensor& tensor : tensors()) sum += tensor.bytes();
  return sum;
}

std::int64_t ModelShape::weight_bytes_per_token(TensorClass tensor_class) const {
  std::int64_t sum = 0;
  for (const Tensor& tensor : tensors()) {
    if (read_as(*this, tensor) == tensor_class) sum += tensor.bytes();
  }
  return tensor_class == TensorClass::kExperts ? used_share(*this, sum) : sum;
}

std::int64_t ModelShape::weight_bytes_per_token() const {
  std::int64_t sum = 0, experts_sum = 0;
  for (const Tensor& tensor : tensors()) {
    const auto read = read_as(*this, tensor);
    if (!read) continue;
    (*read == TensorClass::kExperts ? experts_sum : sum) += tensor.bytes();
  }
  return sum + used_share(*this, experts_sum);
}

std::int64_t ModelShape::embedding_row_bytes() const {
  for (const Tensor& tensor : tensors()) {
    if (tensor.name == "token_embd.weight") return row_bytes(tensor.type, tensor.columns);
  }
  return 0;
}

double ModelShape::weight_bytes_for_rows(std::int64_t rows) const {
  const auto all = static_cast<double>(weight_bytes_per_token());
  if (!is_moe() || rows <= 0) return all;
  const auto active = static_cast<double>(weight_bytes_per_token(TensorClass::kExperts));
  const auto total = static_cast<double>(experts), used = static_cast<double>(experts_used);
  // An expert stays cold with probability (1 - used/experts) a row.
  const double touched = total * (1 - std::pow(1 - used / total, static_cast<double>(rows)));
  return all - active + active / used * touched;
}

std::int64_t ModelShape::kv_bytes_per_position_per_layer(std::string_view kv_type) const {
  std::int64_t most = 0;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    most = std::max(most, kv_layer_bytes(*this, layer, kv_type));
    if (kv_values_by_layer.empty()) break;
  }
  return most;
}

std::int64_t ModelShape::kv_bytes_per_position(std::string_view kv_type) const {
  std::int64_t sum = 0;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    sum += kv_layer_bytes(*this, layer, kv_type);
  }
  return sum;
}

std::int64_t ModelShape::kv_bytes(std::int64_t positions, std::string_view kv_type) const {
  std::int64_t sum = 0;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const std::int64_t kept =
        is_global(*this, layer) ? positions : std::min(positions, sliding_window);
    sum += kept * kv_layer_bytes(*this, layer, kv_type);
  }
  return sum;
}

double ModelShape::matmul_flops(std::int64_t rows) const {
  double weights_per_row = 0;
  for (const Tensor& tensor : tensors()) {
    // Embedding, norms and biases are no matrix products; neither is what a step does not read.
    if (tensor.layer < 0 || tensor.rows == 1 || tensor.name.ends_with(".bias")) continue;
    if (tensor.tensor_class == TensorClass::kUnread) continue;
    const auto weights = static_cast<double>(tensor.parameters());
    const bool expert = tensor.tensor_class == TensorClass::kExperts && is_moe();
    weights_per_row +=
        expert ? weights * static_cast<double>(experts_used) / static_cast<double>(experts)
               : weights;
  }
  return 2 *
         (weights_per_row * static_cast<double>(rows) + static_cast<double>(vocabulary * hidden));
}

double ModelShape::attention_flops(std::int64_t rows, std::int64_t cached) const {
  double positions = 0;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    positions += visible_positions(rows, cached, is_global(*this, layer) ? 0 : sliding_window);
  }
  // Two FLOP each for query x key and for probability x value; latent heads look at the latent.
  const std::int64_t widths = latent ? 2 * latent->kv_rank + latent->rope_size : 2 * head_size;
  return 2 * static_cast<double>(heads * widths) * positions;
}

std::int64_t ModelShape::memory_bytes(std::int64_t context, std::string_view kv_type) const {
  // Activations of one prefill block of 512 rows (the engines' default), f32: the residual stream
  // and its copy, the attention rows, gate and up, and one row of logits.
  constexpr std::int64_t kBlockRows = 512;
  const std::int64_t wide = is_moe() ? expert_ffn * experts_used + shared_ffn : ffn;
  const std::int64_t row = 2 * hidden + (2 * heads + 2 * kv_heads) * head_size + 2 * wide;
  return weight_bytes() + kv_bytes(context, kv_type) + 4 * (kBlockRows * row + vocabulary);
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
    case TensorClass::kOther:
      return "other";
    case TensorClass::kUnread:
      return "unread";
    case TensorClass::kOutputHead:
      return "output_head";
  }
  return "unknown";
}

}  // namespace mb
