// A model's dimensions and, exactly, what it reads, holds and computes: every tensor with its rows,
// columns and stored type. Prefill and decode steps, predictions and `inspect` all start here.
//
// Sources: the published config.json of each catalogue entry (named in data/models/*.json); block
// layouts as published for GGUF (32 weights in 18 bytes for q4_0, in 34 for q8_0, 256 in 210 for
// q6_k).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mb {

enum class WeightType { kF32, kF16, kBF16, kQ8_0, kQ4_0, kQ6_K };
std::string_view to_string(WeightType type);                // f32 f16 bf16 q8_0 q4_0 q6_k
WeightType weight_type_from_string(std::string_view text);  // throws Error(kUsage)
// Bytes of `columns` weights in a row; columns must be a multiple of the block (32, or 256 for
// q6_k).
std::int64_t row_bytes(WeightType type, std::int64_t columns);

// What a tensor is for; tensors of one class are read together.
enum class TensorClass {
  kEmbedding,
  kNorm,
  kAttention,
  kFeedForward,
  kExperts,
  kSharedExperts,
  kRouter,
  kOutputHead
};
std::string_view to_string(TensorClass tensor_class);

struct Tensor {
  std::string name;  // GGUF's: blk.0.attn_q.weight
  TensorClass tensor_class;
  std::int64_t rows = 0, columns = 0;  // row-major, one output per row
  std::int64_t count = 1;              // experts of this matrix; 1 for dense ones
  WeightType type = WeightType::kF32;
  int layer = -1;  // -1: not of a layer
  std::int64_t bytes() const;
  std::int64_t parameters() const { return rows * columns * count; }
};

struct ModelShape {
  std::string name, title, source;  // catalogue name, human title, where the figures are published
  std::string architecture;         // GGUF's word: llama, qwen2, qwen3, qwen3moe, gemma3
  WeightType type = WeightType::kQ4_0;  // of the layers' matrices, as the label says
  std::int64_t layers = 0, hidden = 0, heads = 0, kv_heads = 0, head_size = 0, ffn = 0;
  std::int64_t experts = 0, experts_used = 0, expert_ffn = 0, vocabulary = 0;
  std::int64_t sliding_window = 0;          // 0: none
  std::int64_t sliding_window_pattern = 0;  // every n-th layer is global (gemma3: 6)
  std::int64_t context_length = 0;
  bool tied_head = false, attention_bias = false, qk_norm = false, post_norms = false;
  std::int64_t published_parameters = 0;  // of the model card; 0 unknown

  bool is_moe() const { return experts > 0; }
  std::vector<Tensor> tensors() const;  // all, in file order; a tied head has no tensor of its own
  std::int64_t parameters() const;
  std::int64_t weight_bytes() const;  // as stored
  // Read for one generated token: norms, attention, FFN or active and shared experts, router, head
  // (a tied head is read as the head); one embedding row is not counted.
  std::int64_t weight_bytes_per_token() const;
  std::int64_t weight_bytes_per_token(TensorClass tensor_class) const;
  // Distinct weight bytes that `rows` tokens touch in one step: grows with rows for MoE
  // (expected number of distinct experts with uniform routing), is constant for dense models. The
  // head is counted once.
  double weight_bytes_for_rows(std::int64_t rows) const;
  std::int64_t kv_bytes_per_position(std::string_view kv_type = "f16") const;  // all layers
  std::int64_t kv_bytes_per_position_per_layer(std::string_view kv_type = "f16") const;
  // KV of `positions` in all layers; layers with a sliding window keep no more than the window.
  std::int64_t kv_bytes(std::int64_t positions, std::string_view kv_type = "f16") const;
  // Matmul FLOP of one step of `rows` tokens, head for the last row only (without attention).
  double matmul_flops(std::int64_t rows) const;
  // Attention FLOP of `rows` new tokens on `cached` earlier ones (causal), sliding windows
  // respected.
  double attention_flops(std::int64_t rows, std::int64_t cached) const;
  // Weights, KV of `context` positions and activations.
  std::int64_t memory_bytes(std::int64_t context, std::string_view kv_type = "f16") const;
};

// "qwen3-4b:q4_0", "qwen3-4b" (then q4_0). `:q4_0` means what a llama.cpp quantiser gives: the
// output matrix (or tied embedding) in q6_k, in q8_0 where rows are no multiple of 256. Throws
// Error(kUsage) that lists the nearest names.
ModelShape find_model(std::string_view spec);
// Every catalogue name, sorted by parameters.
const std::vector<std::string>& catalogue();

}  // namespace mb
