// Tensors come from ModelShape::tensors(), so types and sizes are those of the published model;
// here they only get places. Everything starts on a page boundary or a cache line, so that ranks do
// not share lines and a large matrix can sit on huge pages.
#include "workloads/step_plan.h"

#include <algorithm>
#include <cmath>

#include "data/error.h"
#include "fmt/format.h"

namespace mb {
namespace {

constexpr std::size_t kLine = 64, kPage = 4096;

bool is_windowed(const ModelShape& shape, long layer) {
  if (shape.sliding_window == 0) return false;
  return shape.sliding_window_pattern == 0 || (layer + 1) % shape.sliding_window_pattern != 0;
}

// "blk.3.attn_q.weight" -> "attn_q.weight"
std::string_view role_of(const Tensor& tensor) {
  const std::string_view name = tensor.name;
  return name.substr(name.find('.', 4) + 1);
}

[[noreturn]] void unsupported(const ModelShape& shape, const std::string& what) {
  throw Error(ErrorCode::kUsage, fmt::format("a step of {} cannot be built: {}", shape.name, what));
}

}  // namespace

std::string_view to_string(KvType type) {
  static constexpr std::string_view kNames[] = {"f16", "f32", "q8_0"};
  return kNames[static_cast<std::size_t>(type)];
}

KvType kv_type_from_string(std::string_view text) {
  for (const KvType type : {KvType::kF16, KvType::kF32, KvType::kQ8_0}) {
    if (to_string(type) == text) return type;
  }
  throw Error(ErrorCode::kUsage, fmt::format("kv_type '{}': expected f16, f32 or q8_0", text));
}

std::string_view to_string(FirstTouch touch) {
  static constexpr std::string_view kNames[] = {"reader", "loader", "interleaved"};
  return kNames[static_cast<std::size_t>(touch)];
}

FirstTouch first_touch_from_string(std::string_view text) {
  for (const FirstTouch touch :
       {FirstTouch::kReader, FirstTouch::kLoader, FirstTouch::kInterleaved}) {
    if (to_string(touch) == text) return touch;
  }
  throw Error(ErrorCode::kUsage,
              fmt::format("first_touch '{}': expected reader, loader or interleaved", text));
}

std::string_view to_string(Pick pick) {
  static constexpr std::string_view kNames[] = {"none", "argmax", "top_p"};
  return kNames[static_cast<std::size_t>(pick)];
}

Pick pick_from_string(std::string_view text) {
  for (const Pick pick : {Pick::kNone, Pick::kArgmax, Pick::kTopP}) {
    if (to_string(pick) == text) return pick;
  }
  throw Error(ErrorCode::kUsage, fmt::format("pick '{}': expected none, argmax or top_p", text));
}

StepPlan::StepPlan(const StepRequest& request) : request_(request) {
  check();
  const std::vector<Tensor> tensors = shape().tensors();
  for (int layer = 0; layer < request_.layers; ++layer) place_layer(layer, tensors);
  const Tensor* head = nullptr;
  for (const Tensor& tensor : tensors) {
    const bool tied = shape().tied_head && tensor.tensor_class == TensorClass::kEmbedding;
    if (tied || tensor.tensor_class == TensorClass::kOutputHead) head = &tensor;
    if (tensor.name == "output_norm.weight") output_norm_ = place_floats(tensor.columns);
  }
  if (head == nullptr) unsupported(shape(), "it has no output head");
  if (request_.head) head_ = place_matrix(*head);
  place_activations();
}

void StepPlan::check() const {
  const ModelShape& s = shape();
  if (!s.unsupported.empty()) unsupported(s, s.unsupported);
  if (request_.layers < 1 || request_.layers > s.layers) {
    unsupported(s, fmt::format("{} layers asked for, it has {}", request_.layers, s.layers));
  }
  if (request_.rows < 1 || request_.context < 0) unsupported(s, "no rows, or a negative context");
  if (request_.sequences != 1 && request_.sequences != request_.rows) {
    unsupported(s, fmt::format("{} rows of {} sequences: expected one row each", request_.rows,
                               request_.sequences));
  }
  if (request_.pick != Pick::kNone && !request_.head) unsupported(s, "no head to pick from");
  if (s.head_size % 32 != 0 || s.head_size > kMaxHeadSize) {
    unsupported(
        s, fmt::format("head size {} is no multiple of 32 up to {}", s.head_size, kMaxHeadSize));
  }
  if (s.kv_heads < 1 || s.heads % s.kv_heads != 0 || s.heads / s.kv_heads > kMaxAttentionRows) {
    unsupported(s, fmt::format("{} heads on {} KV heads", s.heads, s.kv_heads));
  }
}

Span StepPlan::place(std::int64_t bytes) {
  const std::size_t align = bytes >= static_cast<std::int64_t>(kPage) ? kPage : kLine;
  bytes_ = (bytes_ + align - 1) / align * align;
  const Span span{bytes_, static_cast<std::size_t>(bytes)};
  bytes_ += span.bytes;
  return span;
}

// Bf16Rows, then values, scales and sums of QuantisedRows.
std::int64_t StepPlan::converted_bytes(std::int64_t columns) const {
  return (rounded_ ? columns * 2 : 0) +
         (quantised_ ? columns + columns / 32 * 4 + columns / 16 * 4 : 0);
}

PlacedMatrix StepPlan::place_matrix(const Tensor& tensor) {
  PlacedMatrix matrix{Weights(tensor.type, tensor.rows, tensor.columns), {}, tensor.count};
  matrix.span = place(matrix.weights.memory_bytes() * tensor.count);
  quantised_ = quantised_ || is_quantised(tensor.type);
  rounded_ = rounded_ || tensor.type == WeightType::kBF16;
  return matrix;
}

void StepPlan::place_tensor(LayerPlan& layer, const Tensor& tensor) {
  struct Matrix {
    std::string_view role;
    PlacedMatrix LayerPlan::*place;
  };
  struct Vector {
    std::string_view role;
    Span LayerPlan::*place;
  };
  static constexpr Matrix kMatrices[] = {
      {"attn_q.weight", &LayerPlan::q},           {"attn_k.weight", &LayerPlan::k},
      {"attn_v.weight", &LayerPlan::v},           {"attn_output.weight", &LayerPlan::output},
      {"ffn_gate.weight", &LayerPlan::gate},      {"ffn_up.weight", &LayerPlan::up},
      {"ffn_down.weight", &LayerPlan::down},      {"ffn_gate_inp.weight", &LayerPlan::router},
      {"ffn_gate_exps.weight", &LayerPlan::gate}, {"ffn_up_exps.weight", &LayerPlan::up},
      {"ffn_down_exps.weight", &LayerPlan::down}};
  static constexpr Vector kVectors[] = {
      {"attn_norm.weight", &LayerPlan::attention_norm},
      {"attn_q_norm.weight", &LayerPlan::q_norm},
      {"attn_k_norm.weight", &LayerPlan::k_norm},
      {"post_attention_norm.weight", &LayerPlan::post_attention_norm},
      {"ffn_norm.weight", &LayerPlan::ffn_norm},
      {"post_ffw_norm.weight", &LayerPlan::post_ffn_norm},
      {"attn_q.bias", &LayerPlan::q_bias},
      {"attn_k.bias", &LayerPlan::k_bias},
      {"attn_v.bias", &LayerPlan::v_bias}};
  const std::string_view role = role_of(tensor);
  for (const Matrix& matrix : kMatrices) {
    if (matrix.role == role) {
      layer.*matrix.place = place_matrix(tensor);
      return;
    }
  }
  for (const Vector& vector : kVectors) {
    if (vector.role == role) {
      layer.*vector.place = place_floats(tensor.columns);
      return;
    }
  }
  unsupported(shape(), fmt::format("tensor {} has no place in a layer", tensor.name));
}

void StepPlan::place_layer(int index, const std::vector<Tensor>& tensors) {
  LayerPlan layer;
  for (const Tensor& tensor : tensors) {
    if (tensor.layer == index) place_tensor(layer, tensor);
  }
  layer.window = is_windowed(shape(), index) ? shape().sliding_window : 0;
  if (layer.window > 0) {
    const long hidden = std::max(0L, request_.context + 1 - layer.window);
    layer.first_position = hidden / kAttentionTile * kAttentionTile;
  }
  const long positions =
      request_.context + request_.rows_per_sequence() + request_.growth - layer.first_position;
  layer.capacity = (positions + kAttentionTile - 1) / kAttentionTile * kAttentionTile;
  const long bytes = request_.sequences * shape().kv_heads *
                     kv_head_bytes(request_.kv_type, shape().head_size, layer.capacity);
  layer.keys = place(bytes);
  layer.values = place(bytes);
  layers_.push_back(layer);
}

AttentionShape StepPlan::attention_shape(const LayerPlan& layer, long context) const {
  return {shape().kv_heads * request_.sequences, shape().heads / shape().kv_heads,
          request_.rows_per_sequence(), context, layer.window};
}

void StepPlan::place_activations() {
  const ModelShape& s = shape();
  const long rows = request_.rows, query = s.heads * s.head_size;
  const long ffn_rows = s.is_moe() ? expert_rows() : rows;
  const std::int64_t ffn = s.is_moe() ? s.expert_ffn : s.ffn;
  ActivationPlan& a = activations_;
  a.hidden = place_floats(rows * s.hidden);
  a.normed = place_floats(rows * s.hidden);
  a.qkv = place_floats(rows * (query + 2 * s.kv_heads * s.head_size));
  a.attended = place_floats(rows * query);
  a.projected = place_floats(rows * s.hidden);
  a.gate_up = place_floats(ffn_rows * 2 * ffn);
  if (s.is_moe()) {
    a.expert_input = place_floats(ffn_rows * s.hidden);
    a.expert_output = place_floats(ffn_rows * s.hidden);
    a.router_logits = place_floats(rows * s.experts);
    a.expert_weights = place_floats(ffn_rows);
    a.expert_converted = place_converted(ffn_rows, s.hidden);
  }
  a.logits = place_floats(s.vocabulary * request_.sequences);
  const AttentionShape attention = attention_shape(layers_.front(), request_.context);
  a.partials = place_floats(most_attention_slots(attention, request_.ranks) *
                            attention_unit_rows(attention) * (s.head_size + 2));
  a.cosines = place_floats(rows * s.head_size / 2);
  a.sines = place_floats(rows * s.head_size / 2);
  a.normed_converted = place_converted(rows, s.hidden);
  a.attended_converted = place_converted(rows, query);
  a.gate_converted = place_converted(ffn_rows, ffn);
}

std::int64_t StepPlan::kv_bytes() const {
  std::int64_t bytes = 0;
  for (const LayerPlan& layer : layers_) {
    const long rows = request_.rows_per_sequence(), end = request_.context + rows;
    const long seen = layer.window > 0 ? std::min(end, layer.window + rows - 1) : end;
    bytes += 2 * request_.sequences * shape().kv_heads *
             kv_head_bytes(request_.kv_type, shape().head_size, seen);
  }
  return bytes;
}

long choose_layers(const StepRequest& wanted, const ChainLimits& limits) {
  const ModelShape& shape = wanted.shape;
  const long rows = wanted.rows;
  StepRequest request = wanted;
  request.layers = 1;
  request.head = false;
  request.pick = Pick::kNone;
  const StepPlan one(request);
  if (shape.layers < 2) return shape.layers;
  request.layers = 2;
  const auto first = static_cast<std::int64_t>(one.bytes());
  const std::int64_t layer_bytes = static_cast<std::int64_t>(StepPlan(request).bytes()) - first;
  const long by_memory = 1 + (limits.memory_bytes - first) / layer_bytes;
  // What a step reads must not fit the caches (of an expert layer only the routed part is read):
  // four times as much, twice where reading is a few per cent of what a block of rows computes (not
  // of experts, each of which has few of the rows). And
  // never a single layer, whose activations would not meet another layer's.
  constexpr long kBlockRows = 64;
  const double times = rows >= kBlockRows && !shape.is_moe() ? 2 : 4;
  const auto layers = static_cast<double>(shape.layers);
  const double head_bytes =
      static_cast<double>(shape.weight_bytes_per_token(TensorClass::kOutputHead));
  const double read = (shape.weight_bytes_for_rows(rows) - head_bytes) / layers;
  const double uncached = std::ceil(times * static_cast<double>(limits.cache_bytes) / read);
  const long least = std::max(2L, static_cast<long>(uncached));
  // Rates of a slow machine's single thread, so that a point ends in time anywhere: first touch
  // 1 GB/s, weights 10 GB/s, matmul 100 GFLOP/s; ten steps are taken.
  const double active = static_cast<double>(shape.weight_bytes_per_token()) / layers;
  const double flops = shape.matmul_flops(rows) / layers;
  const double step_seconds = std::max(active / 1e10, rows > 1 ? flops / 1e11 : 0);
  const double layer_seconds = static_cast<double>(layer_bytes) / 1e9 + 10 * step_seconds;
  const long by_time = static_cast<long>(limits.seconds / layer_seconds);
  long layers_chosen = std::max(least, by_time);
  // Whole periods of windowed and global layers keep the model's mix.
  const long period = std::max(1L, static_cast<long>(shape.sliding_window_pattern));
  layers_chosen = (layers_chosen + period - 1) / period * period;
  const long most = std::min(static_cast<long>(shape.layers), by_memory);
  return std::max(1L, std::min(layers_chosen, most));
}

}  // namespace mb
