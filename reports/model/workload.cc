// Layers differ in type (recipes mix) and kind (the first may have no experts), so every tensor is
// summed; only attention is taken as alike in all layers of a group.
#include "reports/model/workload.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace mb {
namespace {

void add(std::vector<TypedWork>& work, WeightType type, double bytes, double flops) {
  const auto same = std::find_if(work.begin(), work.end(),
                                 [&](const TypedWork& entry) { return entry.type == type; });
  TypedWork& entry = same != work.end() ? *same : work.emplace_back(TypedWork{type, 0, 0});
  entry.bytes += bytes;
  entry.flops_per_row += flops;
}

double sum_of_bytes(const std::vector<TypedWork>& work) {
  double sum = 0;
  for (const TypedWork& entry : work) sum += entry.bytes;
  return sum;
}

// Each addend is one operation's output, as ggml's graph has them.
double elements_between_products(const ModelShape& model) {
  const auto number = [](std::int64_t value) { return static_cast<double>(value); };
  const double hidden = number(model.hidden), query = number(model.heads * model.head_size),
               key = number(model.kv_heads * model.head_size);
  const double norms = (model.post_norms ? 4 : 2) * 2 * hidden, residuals = 2 * hidden;
  const double positions = query + key, cache = 2 * key;
  const double head_norms = model.qk_norm ? 2 * (query + key) : 0;
  const double rounded = hidden + query + hidden;
  const double attention = norms + residuals + positions + cache + head_norms + rounded;
  const double dense_layers =
      number(model.is_moe() ? std::min(model.leading_dense_layers, model.layers) : model.layers);
  const double expert_layers = number(model.layers) - dense_layers;
  // The activation of all layers; then it is rounded.
  const double width =
      dense_layers * number(model.ffn) +
      expert_layers * number(model.experts_used * model.expert_ffn + model.shared_ffn);
  const double weighted = expert_layers * 2 * number(model.experts_used) * hidden;  // and summed
  return number(model.layers) * attention + 2 * width + weighted;
}

}  // namespace

Workload::Workload(const ModelShape& model) : shape(model), spec(model.spec()) {
  double small = 0;  // norms, biases and router: read, but no matrix product worth a rate
  const double used =
      model.is_moe() ? static_cast<double>(model.experts_used) / static_cast<double>(model.experts)
                     : 1;
  for (const Tensor& tensor : model.tensors()) {
    const auto bytes = static_cast<double>(tensor.bytes());
    const double flops = 2 * static_cast<double>(tensor.parameters());
    switch (tensor.tensor_class) {
      case TensorClass::kEmbedding:
        if (model.tied_head && tensor.name == "token_embd.weight") {
          head = {tensor.type, bytes, flops};
        }
        break;
      case TensorClass::kOutputHead:
        head = {tensor.type, bytes, flops};
        break;
      case TensorClass::kUnread:
        break;
      case TensorClass::kExperts:
        add(experts, tensor.type, bytes, flops * used);
        break;
      default:
        if (tensor.rows == 1 || tensor.tensor_class == TensorClass::kRouter) {
          small += bytes;
        } else {
          add(dense, tensor.type, bytes, flops);
        }
    }
  }
  if (!dense.empty()) dense.front().bytes += small;
  for (TypedWork& expert : experts) expert.of_experts = true;
  ModelShape one = model;  // of attention only dimensions count
  one.layers = 1;
  one.stored.reset();
  if (!model.kv_values_by_layer.empty()) {  // the mean layer
    const auto& values = model.kv_values_by_layer;
    const auto sum = std::accumulate(values.begin(), values.end(), std::int64_t{0});
    one.kv_values_by_layer = {sum / static_cast<std::int64_t>(values.size())};
  }
  one.name = one.title = one.source = "";
  one.sliding_window_pattern = 0;  // then a window, if any, is of every layer
  std::int64_t global = model.layers;
  if (model.sliding_window > 0) {
    global = model.sliding_window_pattern > 0 ? model.layers / model.sliding_window_pattern : 0;
    attention.push_back({static_cast<double>(model.layers - global), one});
  }
  one.sliding_window = 0;
  if (global > 0) attention.push_back({static_cast<double>(global), one});
  between_elements = elements_between_products(model);
}

double Workload::dense_bytes() const { return sum_of_bytes(dense); }
double Workload::expert_bytes() const { return sum_of_bytes(experts); }

double Workload::experts_touched(double rows) const {
  if (!shape.is_moe()) return 0;
  const double cold =
      1 - static_cast<double>(shape.experts_used) / static_cast<double>(shape.experts);
  return 1 - std::pow(cold, std::max(rows, 1.0));
}

double Workload::kv_bytes(std::int64_t positions, std::string_view kv_type) const {
  double sum = 0;
  for (const AttentionGroup& group : attention) {
    sum += group.layers * static_cast<double>(group.one.kv_bytes(positions, kv_type));
  }
  return sum;
}

double Workload::weight_bytes_per_token() const {
  return dense_bytes() + expert_bytes() * experts_touched(1) + head.bytes;
}

}  // namespace mb
