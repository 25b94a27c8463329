// A model's dimensions and, exactly, what it reads, holds and computes: every tensor with its rows,
// columns and stored type. Prefill and decode steps, predictions and `inspect` all start here.
//
// A shape comes from one of four places, all behind find_model(): the catalogue in data/models, a
// GGUF file, a Hugging Face config.json, or a size between two entries of the catalogue. All but
// the file list their tensors from the dimensions; a file's are those of its own table.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "workloads/shapes/quantisation.h"
#include "workloads/shapes/weight_type.h"

namespace mb {

// What a tensor is for; tensors of one class are read together.
enum class TensorClass {
  kEmbedding,
  kNorm,
  kAttention,  // with biases and, in hybrid models, state-space mixers
  kFeedForward,
  kExperts,
  kSharedExperts,
  kRouter,
  kOther,   // known to be there, not what for; counted as read
  kUnread,  // stored, but no part of a decode step: layers that predict further tokens
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

// Multi-head latent attention (DeepSeek): keys and values are rebuilt from one short vector.
struct LatentAttention {
  std::int64_t query_rank = 0, kv_rank = 0;  // of the compressed vectors; query_rank 0: none
  std::int64_t rope_size = 0, nope_size = 0, value_size = 0;  // of one head
};

struct ModelShape {
  std::string name, title, source;  // catalogue name or file, human title, where the figures stand
  std::string architecture;         // GGUF's word: llama, qwen2, qwen3, qwen3moe, gemma3 ...
  WeightType type = WeightType::kQ4_0;  // of the layers' matrices, as the label says
  Mix mix = Mix::kPlain;                // of the label's recipes, which one
  std::int64_t layers = 0, hidden = 0, heads = 0, kv_heads = 0, head_size = 0, ffn = 0;
  std::int64_t experts = 0, experts_used = 0, expert_ffn = 0, vocabulary = 0;
  std::int64_t shared_ffn = 0;              // of the experts that every token meets; 0: none
  std::int64_t leading_dense_layers = 0;    // of a MoE model, layers without experts
  std::int64_t sliding_window = 0;          // 0: none
  std::int64_t sliding_window_pattern = 0;  // every n-th layer is global (gemma3: 6)
  std::int64_t context_length = 0;
  double rope_base = 10000;
  bool tied_head = false, attention_bias = false, qk_norm = false, post_norms = false;
  bool attention_output_bias = false, expert_bias = false, attention_sinks = false;
  bool fused_projections = false;   // phi3: one matrix for query, key, value; one for gate, up
  bool shared_expert_gate = false;  // qwen2moe
  std::optional<LatentAttention> latent;  // then heads and head_size describe the rebuilt heads
  std::int64_t published_parameters = 0;  // of the model card; 0 unknown
  std::string unsupported;                // what is not modelled, in words; empty: nothing
  std::vector<std::string> between;       // a size: the two catalogue entries next to it
  bool from_file = false;                 // name is a path: find_model() reads it again
  std::string claimed_label;              // of a GGUF: what general.file_type says; may be empty
  std::shared_ptr<const std::vector<Tensor>> stored;  // of a GGUF: its own tensor table
  std::vector<std::int64_t> kv_values_by_layer;  // of a GGUF whose layers differ; empty: all alike

  bool is_moe() const { return experts > 0; }
  // By which find_model() finds this shape again: "qwen3-4b:q4_0", or a file's path.
  std::string spec() const;
  std::string label() const;            // "q4_k_m"
  std::vector<Tensor> tensors() const;  // all, in file order; a tied head has no tensor of its own
  std::int64_t parameters() const;
  std::int64_t weight_bytes() const;  // as stored
  // Read for one generated token: norms, attention, FFN or active and shared experts, router, head
  // (a tied head is read as the head); one embedding row is not counted.
  std::int64_t weight_bytes_per_token() const;
  std::int64_t weight_bytes_per_token(TensorClass tensor_class) const;
  // One row of the embedding table: what looking up one token reads.
  std::int64_t embedding_row_bytes() const;
  // Distinct weight bytes that `rows` tokens touch in one step: grows with rows for MoE
  // (expected number of distinct experts with uniform routing), is constant for dense models. The
  // head is counted once.
  double weight_bytes_for_rows(std::int64_t rows) const;
  std::int64_t kv_bytes_per_position(std::string_view kv_type = "f16") const;  // all layers
  std::int64_t kv_bytes_per_position_per_layer(std::string_view kv_type = "f16") const;  // the most
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

// The one loader of MODEL arguments:
//   "qwen3-4b:q4_0", "qwen3-4b" (then q4_0)   a catalogue name; the labels of quantisations()
//   "models/some.gguf"                        header and tensor table only; of a split file any
//   part "models/config.json", "...config.json:q8_0"   a Hugging Face configuration "4B:q4_0",
//   "30B-A3B:q4_0"                 a size, between the nearest two of the catalogue
// Throws Error(kUsage) that lists the nearest names, Error(kFailure) for a file that is not right.
ModelShape find_model(std::string_view spec);
// Every catalogue name, sorted by parameters.
const std::vector<std::string>& catalogue();

}  // namespace mb
