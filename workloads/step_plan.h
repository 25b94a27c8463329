// What a step needs, before any memory is had: the chain's matrices, norms, KV cache and
// activations, each with its place in one buffer. plan -> ask for plan.bytes() -> Step(plan,
// memory).
//
// The chain is the first `layers` layers of a model and, unless left out, its output head.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "workloads/attention_schedule.h"
#include "workloads/shapes/model_shape.h"
#include "workloads/weights.h"

namespace mb {

std::string_view to_string(KvType type);            // f16 f32 q8_0
KvType kv_type_from_string(std::string_view text);  // throws Error(kUsage)

// Who touches the weights' pages first, and so on which NUMA node they lie.
enum class FirstTouch {
  kReader,      // each part by the rank that reads it
  kLoader,      // all by rank 0: a loader thread, or one process's page cache
  kInterleaved  // page by page in turn
};
std::string_view to_string(FirstTouch touch);               // reader loader interleaved
FirstTouch first_touch_from_string(std::string_view text);  // throws Error(kUsage)

// How the next token is picked from the logits, by rank 0 alone: a serial part of every token.
enum class Pick { kNone, kArgmax, kTopP };
std::string_view to_string(Pick pick);         // none argmax top_p
Pick pick_from_string(std::string_view text);  // throws Error(kUsage)

struct StepRequest {
  ModelShape shape;
  long layers = 1;
  long rows = 1;     // 1: decode; more: a block of a prompt; of all sequences together
  long context = 0;  // positions cached before the rows
  long growth = 0;   // positions that advance() may add
  int ranks = 1;
  KvType kv_type = KvType::kF16;
  bool head = true;  // the output head after the layers, for each sequence's last row
  // Batched decode: as many as there are rows, each row with a cache of its own.
  long sequences = 1;
  FirstTouch first_touch = FirstTouch::kReader;
  Pick pick = Pick::kNone;  // needs the head
  long rows_per_sequence() const { return rows / sequences; }
};

// A place in the buffer.
struct Span {
  std::size_t offset = 0, bytes = 0;
};

struct PlacedMatrix {
  Weights weights;  // bound by Step
  Span span;        // all experts, one after the other
  long count = 1;   // experts
};

struct LayerPlan {
  PlacedMatrix q, k, v, output, gate, up, down, router;  // rows() == 0 where absent
  Span attention_norm, q_norm, k_norm, post_attention_norm, ffn_norm, post_ffn_norm;
  Span q_bias, k_bias, v_bias;
  Span keys, values;        // sequences x kv_heads x capacity x head_size
  long window = 0;          // 0: sees all positions
  long first_position = 0;  // of the cache: what a window can never see again is not kept
  long capacity = 0;        // positions
};

// Buffers of one step, reused by every layer.
struct ActivationPlan {
  Span hidden, normed, qkv, attended, projected, gate_up, expert_input, expert_output,
      router_logits, expert_weights, logits, partials, cosines, sines;
  Span normed_converted, attended_converted, gate_converted, expert_converted;
};

class StepPlan {
 public:
  // Throws Error(kUsage) for a shape or request that no kernel supports.
  explicit StepPlan(const StepRequest& request);

  const StepRequest& request() const { return request_; }
  const ModelShape& shape() const { return request_.shape; }
  const std::vector<LayerPlan>& layers() const { return layers_; }
  const PlacedMatrix& head() const { return head_; }
  Span output_norm() const { return output_norm_; }
  const ActivationPlan& activations() const { return activations_; }
  // KV heads of all sequences, one after the other.
  AttentionShape attention_shape(const LayerPlan& layer, long context) const;
  // The forms of activations that any matrix asks for, beside f32.
  bool quantised() const { return quantised_; }
  bool rounded() const { return rounded_; }
  std::int64_t converted_bytes(std::int64_t columns) const;  // of a row in those forms
  std::size_t bytes() const { return bytes_; }

  // Rows that the expert matrices see: rows x experts used.
  long expert_rows() const { return request_.rows * request_.shape.experts_used; }
  // KV bytes that one step looks at, in all layers of the chain.
  std::int64_t kv_bytes() const;

 private:
  Span place(std::int64_t bytes);
  Span place_floats(std::int64_t count) { return place(count * 4); }
  Span place_converted(long rows, std::int64_t columns) {
    return place(rows * converted_bytes(columns));
  }
  PlacedMatrix place_matrix(const Tensor& tensor);
  void place_layer(int index, const std::vector<Tensor>& tensors);
  void place_tensor(LayerPlan& layer, const Tensor& tensor);
  void place_activations();
  void check() const;

  StepRequest request_;
  std::vector<LayerPlan> layers_;
  PlacedMatrix head_;
  Span output_norm_;
  ActivationPlan activations_;
  bool quantised_ = false, rounded_ = false;
  std::size_t bytes_ = 0;
};

// Limits of a measured chain.
struct ChainLimits {
  std::int64_t cache_bytes = 0;   // last-level caches in use
  std::int64_t memory_bytes = 0;  // most that the buffer may take
  double seconds = 0;             // wall time of the point
};

// How many layers of the request's shape to run (its own number is not looked at): as many as
// memory and the point's time allow, up to the model's own, but (memory allowing) never less than
// four times the caches hold (for a block of many rows, whose time is arithmetic, twice), so that
// weights come from DRAM. Independent of the number of threads: points of one sweep run the same
// chain.
long choose_layers(const StepRequest& wanted, const ChainLimits& limits);

}  // namespace mb
