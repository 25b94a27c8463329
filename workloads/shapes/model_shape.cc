// Every tensor of a model from its dimensions, and the sums over them: exact because nothing is
// estimated, each matrix is counted with its own stored type.
//
// Types follow what a llama.cpp quantiser writes for "q4_0", "q8_0", "q6_k": matrices in that type,
// the output matrix (or the tied embedding, which is then read as the head) in q6_k, in q8_0 where
// rows are no multiple of 256, or when q8_0 was asked for; biases, norms and the router in f32; key
// and value matrices of eight-expert models (Mixtral) in q8_0.
#include "workloads/shapes/model_shape.h"

#include <algorithm>
#include <cmath>

#include "data/error.h"
#include "fmt/format.h"

namespace mb {
namespace {

bool is_float(WeightType type) {
  return type == WeightType::kF32 || type == WeightType::kF16 || type == WeightType::kBF16;
}

// What the quantiser falls back to when rows do not divide into the wanted blocks.
WeightType fitting(WeightType type, std::int64_t columns) {
  if (type == WeightType::kQ6_K && columns % 256 != 0) type = WeightType::kQ8_0;
  if (!is_float(type) && columns % 32 != 0) type = WeightType::kF16;
  return type;
}

WeightType head_type(const ModelShape& shape) {
  if (is_float(shape.type)) return shape.type;
  return fitting(shape.type == WeightType::kQ8_0 ? WeightType::kQ8_0 : WeightType::kQ6_K,
                 shape.hidden);
}

// Appends the tensors of one layer in the order in which GGUF converters write them.
class LayerWriter {
 public:
  LayerWriter(const ModelShape& shape, int layer, std::vector<Tensor>& out)
      : shape_(shape), layer_(layer), out_(out) {}

  void norm(std::string_view name, std::int64_t columns) {
    add(fmt::format("{}.weight", name), TensorClass::kNorm, 1, columns, 1, WeightType::kF32);
  }
  void matrix(std::string_view name, TensorClass tensor_class, std::int64_t rows,
              std::int64_t columns, std::int64_t count = 1) {
    WeightType type = fitting(shape_.type, columns);
    const bool key_or_value = name == "attn_k" || name == "attn_v";
    if (shape_.experts == 8 && key_or_value && !is_float(type)) type = WeightType::kQ8_0;
    add(fmt::format("{}.weight", name), tensor_class, rows, columns, count, type);
  }
  void router() {
    add("ffn_gate_inp.weight", TensorClass::kRouter, shape_.experts, shape_.hidden, 1,
        WeightType::kF32);
  }
  void bias(std::string_view name, std::int64_t columns) {
    add(fmt::format("{}.bias", name), TensorClass::kAttention, 1, columns, 1, WeightType::kF32);
  }

 private:
  void add(std::string_view name, TensorClass tensor_class, std::int64_t rows, std::int64_t columns,
           std::int64_t count, WeightType type) {
    out_.push_back(
        {fmt::format("blk.{}.{}", layer_, name), tensor_class, rows, columns, count, type, layer_});
  }
  const ModelShape& shape_;
  int layer_;
  std::vector<Tensor>& out_;
};

void add_layer(const ModelShape& shape, int layer, std::vector<Tensor>& out) {
  LayerWriter write(shape, layer, out);
  const std::int64_t query = shape.heads * shape.head_size;
  const std::int64_t key = shape.kv_heads * shape.head_size;
  write.norm("attn_norm", shape.hidden);
  write.matrix("attn_q", TensorClass::kAttention, query, shape.hidden);
  write.matrix("attn_k", TensorClass::kAttention, key, shape.hidden);
  write.matrix("attn_v", TensorClass::kAttention, key, shape.hidden);
  write.matrix("attn_output", TensorClass::kAttention, shape.hidden, query);
  if (shape.attention_bias) {
    write.bias("attn_q", query);
    write.bias("attn_k", key);
    write.bias("attn_v", key);
  }
  if (shape.qk_norm) {
    write.norm("attn_q_norm", shape.head_size);
    write.norm("attn_k_norm", shape.head_size);
  }
  if (shape.post_norms) write.norm("post_attention_norm", shape.hidden);
  write.norm("ffn_norm", shape.hidden);
  if (shape.is_moe()) {
    write.router();
    write.matrix("ffn_gate_exps", TensorClass::kExperts, shape.expert_ffn, shape.hidden,
                 shape.experts);
    write.matrix("ffn_up_exps", TensorClass::kExperts, shape.expert_ffn, shape.hidden,
                 shape.experts);
    write.matrix("ffn_down_exps", TensorClass::kExperts, shape.hidden, shape.expert_ffn,
                 shape.experts);
  } else {
    write.matrix("ffn_gate", TensorClass::kFeedForward, shape.ffn, shape.hidden);
    write.matrix("ffn_up", TensorClass::kFeedForward, shape.ffn, shape.hidden);
    write.matrix("ffn_down", TensorClass::kFeedForward, shape.hidden, shape.ffn);
  }
  if (shape.post_norms) write.norm("post_ffw_norm", shape.hidden);
}

bool is_global(const ModelShape& shape, std::int64_t layer) {
  if (shape.sliding_window == 0) return true;
  return shape.sliding_window_pattern > 0 && (layer + 1) % shape.sliding_window_pattern == 0;
}

std::int64_t kv_row_bytes(std::string_view kv_type, std::int64_t columns) {
  return row_bytes(weight_type_from_string(kv_type), columns);
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

std::vector<Tensor> ModelShape::tensors() const {
  std::vector<Tensor> out;
  out.push_back({"token_embd.weight", TensorClass::kEmbedding, vocabulary, hidden, 1,
                 tied_head ? head_type(*this) : fitting(type, hidden), -1});
  for (int layer = 0; layer < layers; ++layer) add_layer(*this, layer, out);
  out.push_back({"output_norm.weight", TensorClass::kNorm, 1, hidden, 1, WeightType::kF32, -1});
  if (!tied_head) {
    out.push_back(
        {"output.weight", TensorClass::kOutputHead, vocabulary, hidden, 1, head_type(*this), -1});
  }
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
    TensorClass read_as = tensor.tensor_class;
    if (read_as == TensorClass::kEmbedding && tied_head) read_as = TensorClass::kOutputHead;
    if (read_as != tensor_class || read_as == TensorClass::kEmbedding) continue;
    sum += read_as == TensorClass::kExperts ? tensor.bytes() / tensor.count * experts_used
                                            : tensor.bytes();
  }
  return sum;
}

std::int64_t ModelShape::weight_bytes_per_token() const {
  std::int64_t sum = 0;
  for (const TensorClass read :
       {TensorClass::kNorm, TensorClass::kAttention, TensorClass::kFeedForward,
        TensorClass::kExperts, TensorClass::kSharedExperts, TensorClass::kRouter,
        TensorClass::kOutputHead}) {
    sum += weight_bytes_per_token(read);
  }
  return sum;
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
  return 2 * kv_row_bytes(kv_type, kv_heads * head_size);
}

std::int64_t ModelShape::kv_bytes_per_position(std::string_view kv_type) const {
  return layers * kv_bytes_per_position_per_layer(kv_type);
}

std::int64_t ModelShape::kv_bytes(std::int64_t positions, std::string_view kv_type) const {
  std::int64_t kept = 0;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    kept += is_global(*this, layer) ? positions : std::min(positions, sliding_window);
  }
  return kept * kv_bytes_per_position_per_layer(kv_type);
}

double ModelShape::matmul_flops(std::int64_t rows) const {
  double weights_per_row = 0;
  for (const Tensor& tensor : tensors()) {
    if (tensor.layer < 0 || tensor.rows == 1) continue;  // embedding, norms and biases
    const std::int64_t used = tensor.tensor_class == TensorClass::kExperts ? experts_used : 1;
    weights_per_row += static_cast<double>(tensor.rows * tensor.columns * used);
  }
  return 2 *
         (weights_per_row * static_cast<double>(rows) + static_cast<double>(vocabulary * hidden));
}

double ModelShape::attention_flops(std::int64_t rows, std::int64_t cached) const {
  double positions = 0;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    positions += visible_positions(rows, cached, is_global(*this, layer) ? 0 : sliding_window);
  }
  // Two FLOP each for query x key and for probability x value.
  return 4 * static_cast<double>(heads * head_size) * positions;
}

std::int64_t ModelShape::memory_bytes(std::int64_t context, std::string_view kv_type) const {
  // Activations of one prefill block of 512 rows (the engines' default), f32: the residual stream
  // and its copy, the attention rows, gate and up, and one row of logits.
  constexpr std::int64_t kBlockRows = 512;
  const std::int64_t wide = is_moe() ? expert_ffn * experts_used : ffn;
  const std::int64_t row = 2 * hidden + (2 * heads + 2 * kv_heads) * head_size + 2 * wide;
  return weight_bytes() + kv_bytes(context, kv_type) + 4 * (kBlockRows * row + vocabulary);
}

}  // namespace mb
