// Building a step: matrices bound to their places, work divided among ranks once, memory touched
// first by its reader, operations listed.
#include "workloads/step.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "data/error.h"
#include "fmt/format.h"

namespace mb {
namespace {

constexpr std::uint64_t kSeed = 20240229;  // any; the same weights and experts in every run

// Distinct streams for every matrix: units of one matrix use consecutive seeds.
std::uint64_t matrix_seed(long layer, long matrix, long expert) {
  return kSeed + ((static_cast<std::uint64_t>(layer) << 40) |
                  (static_cast<std::uint64_t>(matrix) << 36) |
                  (static_cast<std::uint64_t>(expert) << 24));
}

std::vector<Weights> bind_all(const PlacedMatrix& matrix, std::byte* memory) {
  std::vector<Weights> all;
  for (long expert = 0; expert < matrix.count && matrix.weights.rows() > 0; ++expert) {
    Weights weights = matrix.weights;
    weights.bind(memory + matrix.span.offset +
                 static_cast<std::size_t>(expert * matrix.weights.memory_bytes()));
    all.push_back(weights);
  }
  return all;
}

Weights bind_one(const PlacedMatrix& matrix, std::byte* memory) {
  Weights weights = matrix.weights;
  weights.bind(memory + matrix.span.offset);
  return weights;
}

double unit_bytes(const Weights& weights) {
  return static_cast<double>(weights.memory_bytes()) / static_cast<double>(weights.units());
}

// Random int8 and small scales, all finite, panel by panel.
void fill_quantised_tile(std::uint64_t seed, std::byte* at, long bytes) {
  const long panel_bytes = bytes / (kAttentionTile / kKeyPanel),
             value_bytes = panel_bytes / 34 * 32;
  std::uint64_t state = seed * 0x9E3779B97F4A7C15ULL;
  for (std::byte* panel = at; panel < at + bytes; panel += panel_bytes) {
    for (long i = 0; i < value_bytes; i += 8) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      const std::uint64_t word = state ^ (state >> 29);
      std::memcpy(panel + i, &word, 8);
    }
    const std::uint64_t scales = 0x2004200320022001ULL;  // f16 near 1 / 128
    for (long i = value_bytes; i < panel_bytes; i += 8) std::memcpy(panel + i, &scales, 8);
  }
}

// Random finite cache content of magnitude 0.5 to 1, whatever the position's place in memory.
void fill_tile(KvType type, std::uint64_t seed, std::byte* at, long bytes) {
  if (type == KvType::kQ8_0) return fill_quantised_tile(seed, at, bytes);
  const bool half = type == KvType::kF16;
  const std::uint64_t keep = half ? 0x83FF83FF83FF83FFULL : 0x807FFFFF807FFFFFULL;
  const std::uint64_t exponent = half ? 0x3800380038003800ULL : 0x3F0000003F000000ULL;
  std::uint64_t state = seed * 0x9E3779B97F4A7C15ULL;
  for (long i = 0; i < bytes; i += 8) {
    // Knuth's MMIX generator; its high bits are the random ones, so they are folded down.
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    const std::uint64_t word = ((state ^ (state >> 29)) & keep) | exponent;
    std::memcpy(at + i, &word, 8);
  }
}

}  // namespace

Step::Step(const StepPlan& plan, std::byte* memory, Team& team)
    : plan_(plan),
      memory_(memory),
      team_(team),
      context_(plan.request().context),
      ranks_(team.size()),
      activation_(plan.shape().architecture.starts_with("gemma") ? Activation::kGelu
                                                                 : Activation::kSilu) {
  if (ranks_ != plan_.request().ranks) {
    throw Error(ErrorCode::kUsage, fmt::format("a step planned for {} ranks got a team of {}",
                                               plan_.request().ranks, ranks_));
  }
  layers_.resize(plan_.layers().size());
  for (long layer = 0; layer < plan_.request().layers; ++layer) bind_layer(layer);
  if (plan_.request().head) head_ = bind_one(plan_.head(), memory_);
  head_split_ = split_work({{head_.units(), 1}}, ranks_);
  if (plan_.request().pick != Pick::kNone) {
    picked_.resize(static_cast<std::size_t>(plan_.request().sequences));
    picker_ = TokenPicker(plan_.shape().vocabulary);
  }
  input_.resize(static_cast<std::size_t>(plan_.request().rows * plan_.shape().hidden));
  std::minstd_rand generator(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (float& value : input_) value = uniform(generator);
  list_operations();
  team_.run([this](int rank) {
    touch(rank);
    team_.barrier(rank);
    fill(rank);
  });
  schedule();
}

void Step::bind_layer(long index) {
  const LayerPlan& plan = plan_.layers()[static_cast<std::size_t>(index)];
  Layer& layer = layers_[static_cast<std::size_t>(index)];
  layer.q = bind_one(plan.q, memory_);
  layer.k = bind_one(plan.k, memory_);
  layer.v = bind_one(plan.v, memory_);
  layer.output = bind_one(plan.output, memory_);
  layer.router = bind_one(plan.router, memory_);
  layer.gate = bind_all(plan.gate, memory_);
  layer.up = bind_all(plan.up, memory_);
  layer.down = bind_all(plan.down, memory_);
  if (plan_.shape().is_moe()) route(index, layer);
  split(layer);
}

// Every row gets its experts: distinct, uniform, the same in every run and for every team.
void Step::route(long index, Layer& layer) {
  const ModelShape& shape = plan_.shape();
  for (long row = 0; row < plan_.request().rows; ++row) {
    std::mt19937_64 generator(kSeed + static_cast<std::uint64_t>(index) * 1000003 +
                              static_cast<std::uint64_t>(context_ + row));
    std::vector<long> experts(static_cast<std::size_t>(shape.experts));
    for (std::size_t e = 0; e < experts.size(); ++e) experts[e] = static_cast<long>(e);
    for (long choice = 0; choice < shape.experts_used; ++choice) {
      const auto at = static_cast<std::size_t>(choice);
      std::swap(experts[at], experts[at + generator() % (experts.size() - at)]);
      layer.routed.push_back({row, experts[at], choice});
    }
  }
  std::stable_sort(layer.routed.begin(), layer.routed.end(),
                   [](const auto& a, const auto& b) { return a.expert < b.expert; });
  layer.entries.resize(layer.routed.size());
  for (std::size_t i = 0; i < layer.routed.size(); ++i) {
    const Layer::Routed& routed = layer.routed[i];
    layer.entries[static_cast<std::size_t>(routed.row * shape.experts_used + routed.choice)] =
        static_cast<long>(i);
    if (layer.groups.empty() || layer.groups.back().expert != layer.routed[i].expert) {
      layer.groups.push_back({layer.routed[i].expert, static_cast<long>(i), 0});
    }
    ++layer.groups.back().rows;
  }
}

void Step::split(Layer& layer) {
  layer.qkv_split = split_work({{layer.q.units(), unit_bytes(layer.q)},
                                {layer.k.units(), unit_bytes(layer.k)},
                                {layer.v.units(), unit_bytes(layer.v)}},
                               ranks_);
  layer.output_split = split_work({{layer.output.units(), 1}}, ranks_);
  if (layer.groups.empty()) {
    layer.gate_up_split =
        split_work({{layer.gate[0].units(), 1}, {layer.up[0].units(), 1}}, ranks_);
    layer.down_split = split_work({{layer.down[0].units(), 1}}, ranks_);
    return;
  }
  layer.router_split = split_work({{layer.router.units(), 1}}, ranks_);
  std::vector<WorkItem> gate_up, down;
  for (const Layer::Group& group : layer.groups) {
    // Taking a unit's weights in costs about as much as multiplying them by two rows.
    const double cost = static_cast<double>(group.rows) + 2;
    gate_up.push_back({layer.gate[0].units(), cost});
    gate_up.push_back({layer.up[0].units(), cost});
    down.push_back({layer.down[0].units(), cost});
  }
  layer.gate_up_split = split_work(gate_up, ranks_);
  layer.down_split = split_work(down, ranks_);
}

void Step::list_operations() {
  static constexpr std::pair<std::string_view, Method> kAttention[] = {
      {"norm", &Step::norm_attention}, {"qkv", &Step::project_qkv},
      {"rope", &Step::rotate_append},  {"attention", &Step::attend},
      {"merge", &Step::merge},         {"output", &Step::project_output},
      {"ffn_norm", &Step::norm_ffn}};
  static constexpr std::pair<std::string_view, Method> kDense[] = {
      {"gate_up", &Step::gate_up}, {"activation", &Step::activate}, {"down", &Step::down}};
  static constexpr std::pair<std::string_view, Method> kExperts[] = {
      {"router", &Step::route_rows},
      {"dispatch", &Step::dispatch},
      {"gate_up", &Step::expert_gate_up},
      {"activation", &Step::activate},
      {"down", &Step::expert_down}};
  const auto add = [this](const auto& list, long layer) {
    for (const auto& [name, method] : list) operations_.push_back({name, method, layer});
  };
  const long layers = plan_.request().layers;
  for (long layer = 0; layer < layers; ++layer) {
    add(kAttention, layer);
    plan_.shape().is_moe() ? add(kExperts, layer) : add(kDense, layer);
  }
  operations_per_layer_ = static_cast<int>(operations_.size()) / static_cast<int>(layers);
  operations_.push_back({"output_norm", &Step::norm_output, layers - 1});
  if (plan_.request().head) operations_.push_back({"head", &Step::multiply_head, layers - 1});
  if (plan_.request().pick != Pick::kNone) {
    operations_.push_back({"pick", &Step::pick, layers - 1});
  }
}

// Which rank's node a page lies on is decided by who writes to it first. Interleaving goes by the
// largest page but the 1 GiB one: of smaller turns a huge page would get whose write comes first.
void Step::touch(int rank) {
  const FirstTouch touch = plan_.request().first_touch;
  if (touch == FirstTouch::kReader) return;
  constexpr std::size_t kPage = 4096, kTurn = 2 << 20;
  for (std::size_t at = 0; at < plan_.bytes(); at += kPage) {
    const std::size_t turn = reinterpret_cast<std::uintptr_t>(memory_ + at) / kTurn;
    const std::size_t owner =
        touch == FirstTouch::kLoader ? 0 : turn % static_cast<std::size_t>(ranks_);
    if (owner == static_cast<std::size_t>(rank)) memory_[at] = std::byte{0};
  }
}

void Step::fill(int rank) {
  // Activations are shared by all ranks: dealt by bytes.
  const ActivationPlan& a = plan_.activations();
  const auto [first, last] =
      share_of(static_cast<long>(plan_.bytes() - a.hidden.offset), rank, ranks_, 4096);
  std::memset(memory_ + a.hidden.offset + first, 0, static_cast<std::size_t>(last - first));
  for (long layer = 0; layer < plan_.request().layers; ++layer) {
    fill_layer(layer, rank);
    fill_cache(layer, rank);
  }
  for (const WorkRange& range : head_split_[static_cast<std::size_t>(rank)]) {
    head_.fill(range.first, range.last, matrix_seed(1L << 20, 0, 0));
  }
  if (rank == 0) std::fill_n(floats(plan_.output_norm()), plan_.shape().hidden, 1.0F);
}

void Step::fill_layer(long index, int rank) {
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const auto at = static_cast<std::size_t>(rank);
  const Weights* qkv[] = {&layer.q, &layer.k, &layer.v};
  for (const WorkRange& range : layer.qkv_split[at]) {
    qkv[range.item]->fill(range.first, range.last, matrix_seed(index, range.item, 0));
  }
  for (const WorkRange& range : layer.output_split[at]) {
    layer.output.fill(range.first, range.last, matrix_seed(index, 3, 0));
  }
  const auto fill_share = [&](const Weights& weights, long matrix, long expert) {
    const auto [first, last] = share_of(weights.units(), rank, ranks_);
    weights.fill(first, last, matrix_seed(index, matrix, expert));
  };
  if (layer.router.rows() > 0) fill_share(layer.router, 4, 0);
  if (layer.groups.empty()) {
    for (const WorkRange& range : layer.gate_up_split[at]) {
      const Weights& weights = range.item == 0 ? layer.gate[0] : layer.up[0];
      weights.fill(range.first, range.last, matrix_seed(index, 5 + range.item, 0));
    }
    for (const WorkRange& range : layer.down_split[at]) {
      layer.down[0].fill(range.first, range.last, matrix_seed(index, 7, 0));
    }
  } else {
    // Which rank reads an expert changes from token to token: each expert is spread over all.
    const auto fill_expert = [&](long expert) {
      const auto e = static_cast<std::size_t>(expert);
      fill_share(layer.gate[e], 5, expert);
      fill_share(layer.up[e], 6, expert);
      fill_share(layer.down[e], 7, expert);
    };
    // A step that stays where it is reads the experts of its rows alone: of a token's layer one in
    // sixteen. The others stay untouched, which a guest that is handed memory slowly is spared.
    if (plan_.request().growth == 0) {
      for (const Layer::Group& group : layer.groups) fill_expert(group.expert);
    } else {
      for (std::size_t e = 0; e < layer.gate.size(); ++e) fill_expert(static_cast<long>(e));
    }
  }
  if (rank != 0) return;
  const LayerPlan& plan = plan_.layers()[static_cast<std::size_t>(index)];
  for (const Span norm : {plan.attention_norm, plan.q_norm, plan.k_norm, plan.post_attention_norm,
                          plan.ffn_norm, plan.post_ffn_norm}) {
    std::fill_n(floats(norm), norm.bytes / 4, 1.0F);
  }
  for (const Span bias : {plan.q_bias, plan.k_bias, plan.v_bias}) {
    std::fill_n(floats(bias), bias.bytes / 4, 0.125F);
  }
}

void Step::fill_cache(long index, int rank) {
  const LayerPlan& plan = plan_.layers()[static_cast<std::size_t>(index)];
  const KvType type = plan_.request().kv_type;
  const long bytes = kv_head_bytes(type, plan_.shape().head_size, kAttentionTile);
  const long tiles = plan.capacity / kAttentionTile;
  const long heads = plan_.request().sequences * plan_.shape().kv_heads;
  const auto [first, last] = share_of(heads * tiles, rank, ranks_);
  for (long tile = first; tile < last; ++tile) {
    // Seeded by absolute position, so that a window's shorter cache holds the same values.
    const long position = plan.first_position + tile % tiles * kAttentionTile;
    const std::uint64_t seed = matrix_seed(index, 8, tile / tiles) +
                               static_cast<std::uint64_t>(position / kAttentionTile * 2);
    fill_tile(type, seed, memory_ + plan.keys.offset + tile * bytes, bytes);
    fill_tile(type, seed + 1, memory_ + plan.values.offset + tile * bytes, bytes);
  }
}

// Everything that depends on the positions: who attends to what, and the rotations.
void Step::schedule() {
  const auto& plans = plan_.layers();
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    layers_[i].attention = schedule_attention(plan_.attention_shape(plans[i], context_), ranks_);
  }
  const long half = plan_.shape().head_size / 2;
  float *cosines = floats(plan_.activations().cosines), *sines = floats(plan_.activations().sines);
  for (long row = 0; row < plan_.request().rows; ++row) {
    for (long i = 0; i < half; ++i) {
      const double exponent = static_cast<double>(i) / static_cast<double>(half);
      // The base of the original paper; models with another base cost the same.
      const long position = context_ + row % plan_.request().rows_per_sequence();
      const double angle = static_cast<double>(position) * std::pow(10000.0, -exponent);
      cosines[row * half + i] = static_cast<float>(std::cos(angle));
      sines[row * half + i] = static_cast<float>(std::sin(angle));
    }
  }
}

void Step::run() {
  team_.run([this](int rank) { run_rank(rank); });
}

void Step::run_rank(int rank) { run_operations(rank, operations_.size()); }

void Step::run_layers_rank(int rank) {
  run_operations(rank, static_cast<std::size_t>(operations_per_layer_) * layers_.size());
}

void Step::run_operations(int rank, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    (this->*operations_[i].method)(operations_[i].layer, rank);
    team_.barrier(rank);
  }
}

void Step::run_rank(int rank, RankFunction after_operation) {
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    (this->*operations_[i].method)(operations_[i].layer, rank);
    team_.barrier(rank);
    if (rank == 0) after_operation(static_cast<int>(i));
  }
}

std::string_view Step::operation_name(int index) const {
  return operations_[static_cast<std::size_t>(index)].name;
}

void Step::advance() { move_to(context_ + plan_.request().rows); }

void Step::move_to(long context) {
  const StepRequest& request = plan_.request();
  if (context < request.context || context > request.context + request.growth) {
    throw Error(ErrorCode::kUsage,
                fmt::format("a step moved to context {}, planned for {} to {}", context,
                            request.context, request.context + request.growth));
  }
  context_ = context;
  for (std::size_t i = 0; i < layers_.size() && plan_.shape().is_moe(); ++i) {
    layers_[i].routed.clear();
    layers_[i].groups.clear();
    route(static_cast<long>(i), layers_[i]);
    split(layers_[i]);
  }
  schedule();
}

void Step::check() const {
  // The last row's logits, or without a head its normed state.
  const StepRequest& request = plan_.request();
  const std::int64_t hidden = plan_.shape().hidden;
  const float* values =
      request.head ? logits() : floats(plan_.activations().normed) + (request.rows - 1) * hidden;
  const std::int64_t count = request.head ? request.sequences * plan_.shape().vocabulary : hidden;
  double magnitude = 0;
  for (std::int64_t i = 0; i < count; ++i) magnitude += std::fabs(values[i]);
  if (!std::isfinite(magnitude) || magnitude == 0) {
    throw Error(ErrorCode::kFailure,
                fmt::format("the step of {} gave {} output", plan_.shape().name,
                            magnitude == 0 ? "no" : "infinite or undefined"));
  }
}

std::int64_t Step::weight_bytes() const {
  std::int64_t bytes = head_bytes();
  for (const Layer& layer : layers_) {
    bytes += layer.q.read_bytes() + layer.k.read_bytes() + layer.v.read_bytes() +
             layer.output.read_bytes();
    if (layer.router.rows() > 0) bytes += layer.router.read_bytes();
    const auto used = static_cast<std::int64_t>(layer.groups.empty() ? 1 : layer.groups.size());
    bytes +=
        used * (layer.gate[0].read_bytes() + layer.up[0].read_bytes() + layer.down[0].read_bytes());
  }
  return bytes;
}

KvHead Step::kv_head(long layer, long head) const {
  const LayerPlan& plan = plan_.layers()[static_cast<std::size_t>(layer)];
  const KvType type = plan_.request().kv_type;
  const long offset = head * kv_head_bytes(type, plan_.shape().head_size, plan.capacity);
  return {type, memory_ + plan.keys.offset + offset, memory_ + plan.values.offset + offset,
          plan_.shape().head_size};
}

Activations Step::activations(Span values, Span converted, long columns, long stride) const {
  Activations result{reinterpret_cast<float*>(memory_ + values.offset), stride, {}, {}};
  if (converted.bytes == 0) return result;
  const long rows = static_cast<long>(converted.bytes) / plan_.converted_bytes(columns);
  std::byte* at = memory_ + converted.offset;
  if (plan_.rounded()) {
    result.rounded = {reinterpret_cast<std::uint16_t*>(at), columns};
    at += rows * columns * 2;
  }
  if (plan_.quantised()) {
    result.quantised.values = reinterpret_cast<std::int8_t*>(at);
    result.quantised.scales = reinterpret_cast<float*>(at + rows * columns);
    result.quantised.sums =
        reinterpret_cast<std::int32_t*>(at + rows * columns + rows * (columns / 8));
    result.quantised.columns = columns;
  }
  return result;
}

AttentionPartial Step::partial(long slot) const {
  const AttentionShape shape =
      plan_.attention_shape(plan_.layers().front(), plan_.request().context);
  const long rows = attention_unit_rows(shape), size = plan_.shape().head_size;
  float* at = reinterpret_cast<float*>(memory_ + plan_.activations().partials.offset) +
              slot * rows * (size + 2);
  return {at, at + rows * size, at + rows * (size + 1)};
}

}  // namespace mb
