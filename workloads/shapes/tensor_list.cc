// One function a block kind. What differs between architectures are switches of the shape (fused
// matrices, norms, biases), so a new architecture is mostly a row in architecture.cc.
#include "workloads/shapes/tensor_list.h"

#include <charconv>
#include <string>

#include "fmt/format.h"

namespace mb {
namespace {

// Appends the tensors of one layer.
class LayerWriter {
 public:
  LayerWriter(const ModelShape& shape, int layer, std::vector<Tensor>& out)
      : shape_(shape), layer_(layer), out_(out) {}

  void norm(std::string_view name, std::int64_t columns) {
    add(fmt::format("{}.weight", name), TensorClass::kNorm, 1, columns, 1, WeightType::kF32);
  }
  void matrix(std::string_view name, TensorClass tensor_class, std::int64_t rows,
              std::int64_t columns, std::int64_t count = 1) {
    add(fmt::format("{}.weight", name), tensor_class, rows, columns, count,
        recipe_type(shape_, name, layer_, columns));
  }
  // Kept in f32 by converters and quantisers.
  void plain(std::string_view name, TensorClass tensor_class, std::int64_t rows,
             std::int64_t columns) {
    add(name, tensor_class, rows, columns, 1, WeightType::kF32);
  }
  void bias(std::string_view name, std::int64_t columns) {
    plain(fmt::format("{}.bias", name), TensorClass::kAttention, 1, columns);
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

void add_latent_attention(const ModelShape& shape, LayerWriter& write) {
  const LatentAttention& latent = *shape.latent;
  const std::int64_t query = shape.heads * (latent.nope_size + latent.rope_size);
  const TensorClass attention = TensorClass::kAttention;
  if (latent.query_rank > 0) {
    write.matrix("attn_q_a", attention, latent.query_rank, shape.hidden);
    write.norm("attn_q_a_norm", latent.query_rank);
    write.matrix("attn_q_b", attention, query, latent.query_rank);
  } else {
    write.matrix("attn_q", attention, query, shape.hidden);
  }
  write.matrix("attn_kv_a_mqa", attention, latent.kv_rank + latent.rope_size, shape.hidden);
  write.norm("attn_kv_a_norm", latent.kv_rank);
  write.matrix("attn_k_b", attention, shape.heads * latent.kv_rank, latent.nope_size);
  write.matrix("attn_v_b", attention, shape.heads * latent.value_size, latent.kv_rank);
  write.matrix("attn_output", attention, shape.hidden, shape.heads * latent.value_size);
}

void add_attention(const ModelShape& shape, LayerWriter& write) {
  const std::int64_t query = shape.heads * shape.head_size;
  const std::int64_t key = shape.kv_heads * shape.head_size;
  if (shape.fused_projections) {
    write.matrix("attn_qkv", TensorClass::kAttention, query + 2 * key, shape.hidden);
  } else {
    write.matrix("attn_q", TensorClass::kAttention, query, shape.hidden);
    write.matrix("attn_k", TensorClass::kAttention, key, shape.hidden);
    write.matrix("attn_v", TensorClass::kAttention, key, shape.hidden);
  }
  write.matrix("attn_output", TensorClass::kAttention, shape.hidden, query);
  if (shape.attention_bias) {
    write.bias("attn_q", query);
    write.bias("attn_k", key);
    write.bias("attn_v", key);
  }
  if (shape.attention_output_bias) write.bias("attn_output", shape.hidden);
  if (shape.attention_sinks) {
    write.plain("attn_sinks.weight", TensorClass::kAttention, 1, shape.heads);
  }
  if (shape.qk_norm) {
    write.norm("attn_q_norm", shape.head_size);
    write.norm("attn_k_norm", shape.head_size);
  }
}

void add_experts(const ModelShape& shape, LayerWriter& write) {
  const std::int64_t hidden = shape.hidden, ffn = shape.expert_ffn, experts = shape.experts;
  write.plain("ffn_gate_inp.weight", TensorClass::kRouter, experts, hidden);
  if (shape.latent) write.plain("exp_probs_b.bias", TensorClass::kRouter, 1, experts);
  if (shape.expert_bias) write.plain("ffn_gate_inp.bias", TensorClass::kRouter, 1, experts);
  write.matrix("ffn_gate_exps", TensorClass::kExperts, ffn, hidden, experts);
  write.matrix("ffn_up_exps", TensorClass::kExperts, ffn, hidden, experts);
  write.matrix("ffn_down_exps", TensorClass::kExperts, hidden, ffn, experts);
  if (shape.expert_bias) {
    write.plain("ffn_gate_exps.bias", TensorClass::kExperts, experts, ffn);
    write.plain("ffn_up_exps.bias", TensorClass::kExperts, experts, ffn);
    write.plain("ffn_down_exps.bias", TensorClass::kExperts, experts, hidden);
  }
  if (shape.shared_ffn == 0) return;
  if (shape.shared_expert_gate) {
    write.plain("ffn_gate_inp_shexp.weight", TensorClass::kSharedExperts, 1, hidden);
  }
  write.matrix("ffn_gate_shexp", TensorClass::kSharedExperts, shape.shared_ffn, hidden);
  write.matrix("ffn_up_shexp", TensorClass::kSharedExperts, shape.shared_ffn, hidden);
  write.matrix("ffn_down_shexp", TensorClass::kSharedExperts, hidden, shape.shared_ffn);
}

void add_feed_forward(const ModelShape& shape, LayerWriter& write) {
  const TensorClass feed_forward = TensorClass::kFeedForward;
  if (shape.fused_projections) {
    write.matrix("ffn_up", feed_forward, 2 * shape.ffn, shape.hidden);
  } else {
    write.matrix("ffn_gate", feed_forward, shape.ffn, shape.hidden);
    write.matrix("ffn_up", feed_forward, shape.ffn, shape.hidden);
  }
  write.matrix("ffn_down", feed_forward, shape.hidden, shape.ffn);
}

void add_layer(const ModelShape& shape, int layer, std::vector<Tensor>& out) {
  LayerWriter write(shape, layer, out);
  write.norm("attn_norm", shape.hidden);
  if (shape.latent) {
    add_latent_attention(shape, write);
  } else {
    add_attention(shape, write);
  }
  if (shape.post_norms) write.norm("post_attention_norm", shape.hidden);
  // gpt-oss has the same norm before its experts under the other name.
  write.norm(shape.architecture == "gpt-oss" ? "post_attention_norm" : "ffn_norm", shape.hidden);
  if (shape.is_moe() && layer >= shape.leading_dense_layers) {
    add_experts(shape, write);
  } else {
    add_feed_forward(shape, write);
  }
  if (shape.post_norms) write.norm("post_ffw_norm", shape.hidden);
}

bool holds(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

std::vector<Tensor> list_tensors(const ModelShape& shape) {
  std::vector<Tensor> out;
  out.push_back({"token_embd.weight", TensorClass::kEmbedding, shape.vocabulary, shape.hidden, 1,
                 recipe_type(shape, "token_embd", -1, shape.hidden), -1});
  for (int layer = 0; layer < shape.layers; ++layer) add_layer(shape, layer, out);
  out.push_back(
      {"output_norm.weight", TensorClass::kNorm, 1, shape.hidden, 1, WeightType::kF32, -1});
  if (!shape.tied_head) {
    out.push_back({"output.weight", TensorClass::kOutputHead, shape.vocabulary, shape.hidden, 1,
                   recipe_type(shape, "output", -1, shape.hidden), -1});
  }
  return out;
}

TensorName split_tensor_name(std::string_view name) {
  TensorName split;
  if (name.starts_with("blk.")) {
    const char* end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data() + 4, end, split.layer);
    if (parsed.ec == std::errc() && parsed.ptr != end && *parsed.ptr == '.') {
      name.remove_prefix(static_cast<std::size_t>(parsed.ptr + 1 - name.data()));
    } else {
      split.layer = -1;
    }
  }
  split.role = name.substr(0, name.rfind('.'));
  return split;
}

TensorClass class_of_tensor(std::string_view name) {
  const auto [layer, role] = split_tensor_name(name);
  if (layer < 0) {
    if (role == "output") return TensorClass::kOutputHead;
    if (holds(role, "norm")) return TensorClass::kNorm;
    if (holds(role, "_embd") || role == "token_types") return TensorClass::kEmbedding;
    return holds(role, "rope") ? TensorClass::kAttention : TensorClass::kOther;
  }
  if (role.starts_with("nextn")) return TensorClass::kUnread;
  if (role.ends_with("_norm") || holds(role, "_norm_")) return TensorClass::kNorm;
  if (holds(role, "_shexp")) return TensorClass::kSharedExperts;
  if (holds(role, "_exps")) return TensorClass::kExperts;
  if (role.starts_with("ffn_gate_inp") || role.starts_with("exp_probs")) {
    return TensorClass::kRouter;
  }
  if (role.starts_with("ffn_")) {
    // Experts one by one, as files of early 2024 have them: ffn_up.7
    return holds(role, ".") ? TensorClass::kExperts : TensorClass::kFeedForward;
  }
  const bool mixer = role.starts_with("attn") || role.starts_with("ssm") ||
                     role.starts_with("rope") || role.starts_with("time_mix") ||
                     role.starts_with("shortconv");
  return mixer ? TensorClass::kAttention : TensorClass::kOther;
}

}  // namespace mb
