// Layers that fit a GPU, by the bytes of their tensors and their part of the KV cache. The last
// layers go to the GPU first and the output head when all have gone, as llama.cpp's -ngl does; the
// embedding table stays. A token then takes the CPU's share by the model and the GPU's bytes over
// its bandwidth; the few kilobytes of activations that cross between them are left out.
#include <fmt/format.h>

#include <algorithm>

#include "reports/advice/levers.h"
#include "reports/model/workload.h"

namespace mb {
namespace {

// What a GPU driver's context takes before any buffer: 300 to 500 MiB with CUDA by its users'
// reports; not measured here.
constexpr std::int64_t kDriverBytes = 400LL << 20;

// Buffers of one prefill block and the driver.
std::int64_t overhead_of(const ModelShape& shape) {
  return kDriverBytes + shape.memory_bytes(0) - shape.weight_bytes();
}

// The first `layers` layers with everything that belongs to none.
ModelShape first_layers(const ModelShape& shape, std::int64_t layers) {
  ModelShape part = shape;
  part.layers = layers;
  if (shape.stored) {
    std::vector<Tensor> kept;
    std::copy_if(shape.stored->begin(), shape.stored->end(), std::back_inserter(kept),
                 [&](const Tensor& tensor) { return tensor.layer < layers; });
    part.stored = std::make_shared<const std::vector<Tensor>>(std::move(kept));
  }
  if (!part.kv_values_by_layer.empty()) {
    part.kv_values_by_layer.resize(static_cast<std::size_t>(layers));
  }
  return part;
}

struct LayerBytes {
  std::vector<std::int64_t> weights, kv;  // by layer
  std::int64_t head = 0;
};

LayerBytes layer_bytes(const ModelShape& shape, std::int64_t positions, const std::string& type) {
  LayerBytes bytes;
  bytes.weights.resize(static_cast<std::size_t>(shape.layers));
  for (const Tensor& tensor : shape.tensors()) {
    if (tensor.layer >= 0 && tensor.layer < shape.layers) {
      bytes.weights[static_cast<std::size_t>(tensor.layer)] += tensor.bytes();
    } else if (tensor.tensor_class == TensorClass::kOutputHead ||
               tensor.tensor_class == TensorClass::kNorm ||
               (shape.tied_head && tensor.name == "token_embd.weight")) {
      bytes.head += tensor.bytes();  // a tied head is the embedding table once more
    }
  }
  std::int64_t before = 0;
  for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
    ModelShape part = shape;  // tensors are of no matter here
    part.layers = layer + 1;
    part.stored.reset();
    const std::int64_t until = part.kv_bytes(positions, type);
    bytes.kv.push_back(until - before);
    before = until;
  }
  return bytes;
}

// Fills what fits into `memory`, from the last layer backwards.
void place_layers(const LayerBytes& bytes, Offload& made) {
  made.layers = static_cast<int>(bytes.weights.size());
  made.free_bytes = made.gpu_memory_bytes - made.overhead_bytes;
  for (std::size_t left = bytes.weights.size(); left > 0; --left) {
    const std::int64_t weights = bytes.weights[left - 1], kv = bytes.kv[left - 1];
    if (weights + kv > made.free_bytes) return;
    made.free_bytes -= weights + kv;
    made.gpu_weight_bytes += weights;
    made.gpu_kv_bytes += kv;
    ++made.gpu_layers;
  }
  if (bytes.head > made.free_bytes) return;
  made.head_on_gpu = true;
  made.free_bytes -= bytes.head;
  made.gpu_weight_bytes += bytes.head;
}

std::string sentence(const Offload& made) {
  const std::string where =
      made.gpu_layers == 0 ? "No layer fits the GPU"
      : made.head_on_gpu ? fmt::format("All {} layers and the output head fit the GPU", made.layers)
                         : fmt::format("{} of {} layers fit the GPU", made.gpu_layers, made.layers);
  const std::string rest =
      made.head_on_gpu ? "the CPU only hands over tokens"
                       : fmt::format("{} for the CPU's share, {:.3g} ms of a token",
                                     count_of(made.cpu_threads, "thread"), 1e3 * made.cpu_seconds);
  return fmt::format("{} with {} to spare; {}{}.", where,
                     gib(std::max<std::int64_t>(0, made.free_bytes)), rest,
                     made.rest_fits ? "" : ", which does not fit the memory here");
}

}  // namespace

Offload offload(const AdviceContext& context, const ModelShape& shape, const GpuOffer& gpu) {
  const std::int64_t positions = context.query.prompt_tokens + context.query.context_tokens;
  Offload made;
  made.gpu_memory_bytes = gpu.memory_bytes;
  made.overhead_bytes = gpu.overhead_bytes.value_or(overhead_of(shape));
  place_layers(layer_bytes(shape, context.query.batch * positions, context.query.kv_type), made);

  const Workload whole(shape);
  Workload part(first_layers(shape, made.layers - made.gpu_layers));
  if (made.head_on_gpu) part.head = {part.head.type, 0, 0};
  Query query = context.query;
  query.phase = "decode";
  if (made.gpu_layers < made.layers || !made.head_on_gpu) {
    const Prediction expected = fastest(context, part, context.engine, query);
    made.cpu_threads = expected.threads;
    made.cpu_seconds = *expected.seconds;
  } else {
    made.cpu_threads = 1;
  }
  if (gpu.bandwidth_bytes_per_second) {
    const double bytes = whole.weight_bytes_per_token() - part.weight_bytes_per_token() +
                         static_cast<double>(made.gpu_kv_bytes) *
                             static_cast<double>(query.context_tokens) /
                             static_cast<double>(std::max<std::int64_t>(1, positions));
    made.gpu_seconds = bytes / *gpu.bandwidth_bytes_per_second;
    made.tokens_per_second =
        static_cast<double>(query.batch) / (made.cpu_seconds + *made.gpu_seconds);
  }
  // Without a layer left here only the GPU limits; then its bandwidth says all that is known.
  made.tokens_per_second_at_most = made.cpu_seconds > 0
                                       ? static_cast<double>(query.batch) / made.cpu_seconds
                                       : made.tokens_per_second.value_or(0);
  const std::int64_t budget = context.results.machine.limits.memory_budget_bytes;
  const Fit alone = fit_in_memory(context, shape, positions);
  made.rest_fits = budget <= 0 || alone.bytes - made.gpu_weight_bytes - made.gpu_kv_bytes <= budget;
  if (alone.fits) {
    made.cpu_only_tokens_per_second =
        fastest(context, whole, context.engine, query).tokens_per_second;
  }
  made.reason = sentence(made);
  return made;
}

std::vector<OffloadRule> judge_offload_rules(std::int64_t positions) {
  // Published in the performance recipe of llama-crab (its table of n_gpu_layers for 8, 16 and
  // 24 GB); 99 stands for all layers. A card's GB are GiB.
  struct Claim {
    const char* model;
    std::int64_t gib;
    int least, most;
  };
  constexpr Claim kClaims[] = {{"llama-2-7b:q4_k_m", 8, 99, 99},
                               {"llama-2-13b:q4_k_m", 8, 99, 99},
                               {"llama-2-70b:q4_k_m", 8, 10, 15},
                               {"llama-2-70b:q4_k_m", 16, 20, 25},
                               {"llama-2-70b:q4_k_m", 24, 35, 40}};
  std::vector<OffloadRule> judged;
  for (const Claim& claim : kClaims) {
    const ModelShape shape = find_model(claim.model);
    Offload made;
    made.gpu_memory_bytes = claim.gib << 30;
    made.overhead_bytes = overhead_of(shape);
    place_layers(layer_bytes(shape, positions, "f16"), made);
    OffloadRule rule{claim.model,
                     title_of(shape),
                     made.gpu_memory_bytes,
                     positions,
                     made.layers,
                     std::min(claim.least, made.layers),
                     std::min(claim.most, made.layers),
                     made.gpu_layers,
                     "",
                     ""};
    const bool whole = rule.claimed_least == rule.layers;
    const bool fits = made.gpu_layers >= rule.claimed_most && (!whole || made.head_on_gpu);
    const std::string count = fmt::format("{} of {} layers fit{}", made.gpu_layers, made.layers,
                                          made.head_on_gpu ? " with the head" : "");
    if (!fits && made.gpu_layers < rule.claimed_least + (whole ? 1 : 0)) {
      rule.verdict = "cannot_hold";
      rule.reason = fmt::format("{}: fewer than the rule's {}", count,
                                whole ? "whole model" : std::to_string(rule.claimed_least));
    } else if (!whole && made.gpu_layers > rule.claimed_most) {
      rule.verdict = "leaves_room";
      rule.reason = fmt::format("{}: {} more than the rule's {}", count,
                                made.gpu_layers - rule.claimed_most, rule.claimed_most);
    } else {
      rule.verdict = "holds";
      rule.reason = fmt::format("{}, {} to spare", count, gib(made.free_bytes));
    }
    judged.push_back(std::move(rule));
  }
  return judged;
}

}  // namespace mb
