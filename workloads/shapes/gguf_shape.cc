// A GGUF's metadata as dimensions and its tensor table as the model's tensors. The table is the
// truth: general.file_type is only a claim, and is kept as such. What the two must agree on (the
// width, the number of layers, the experts) is checked.
#include <algorithm>
#include <map>

#include "data/error.h"
#include "fmt/format.h"
#include "workloads/shapes/bounds.h"
#include "workloads/shapes/gguf_file.h"
#include "workloads/shapes/model_file.h"
#include "workloads/shapes/tensor_list.h"

namespace mb {
namespace {

class Header {
 public:
  Header(const std::vector<GgufFile>& parts, const std::string& architecture)
      : file_(parts.front()), prefix_(architecture + ".") {}

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kFailure,
                fmt::format("{}: {}", printable(file_.path.string(), 4096), what));
  }
  std::int64_t required(std::string_view key, std::int64_t most) const {
    const auto value = optional(key, most);
    if (!value || *value < 1) {
      fail(fmt::format("{}{} is missing or not positive; this is no whole language model",
                       printable(prefix_), key));
    }
    return *value;
  }
  std::int64_t value_or(std::string_view key, std::int64_t most, std::int64_t fallback) const {
    return optional(key, most).value_or(fallback);
  }
  // A number, or of an array, one for each layer, the largest.
  std::optional<std::int64_t> optional(std::string_view key, std::int64_t most) const {
    const std::string full = prefix_ + std::string(key);
    std::optional<std::int64_t> value;
    if (const GgufArray* array = file_.array(full)) {
      if (array->numbers.empty()) fail(fmt::format("{} is no array of numbers", printable(full)));
      value = *std::ranges::max_element(array->numbers);
    } else {
      value = file_.number(full);
    }
    if (value && (*value < 0 || *value > most)) {
      fail(fmt::format("{} is {}, expected 0 to {}; the file is damaged", printable(full), *value,
                       most));
    }
    return value;
  }
  std::vector<std::int64_t> by_layer(std::string_view key) const {
    const GgufArray* array = file_.array(prefix_ + std::string(key));
    return array == nullptr ? std::vector<std::int64_t>{} : array->numbers;
  }
  double real_or(std::string_view key, double fallback) const {
    return file_.real(prefix_ + std::string(key)).value_or(fallback);
  }
  const GgufFile& file() const { return file_; }

 private:
  const GgufFile& file_;
  std::string prefix_;
};

// Layers between two that see everything, where an architecture's code has it and the file not.
// Source: llama.cpp's set_swa_pattern for each architecture.
std::int64_t window_pattern(const Header& header, const std::string& architecture) {
  const auto flags = header.by_layer("attention.sliding_window_pattern");
  if (!flags.empty()) {  // one truth for each layer: is it windowed?
    const auto global = std::ranges::find(flags, 0);
    return global == flags.end() ? 0 : global - flags.begin() + 1;
  }
  if (const auto given = header.optional("attention.sliding_window_pattern", kMostLayers)) {
    return *given;
  }
  static const std::map<std::string, std::int64_t> table = {
      {"gemma2", 2}, {"gemma3", 6}, {"gpt-oss", 2}, {"cohere2", 4}, {"gemma3n", 5}};
  const auto found = table.find(architecture);
  return found == table.end() ? 0 : found->second;
}

Tensor to_tensor(const GgufTensor& from, const ModelShape& shape) {
  Tensor tensor{.name = from.name, .tensor_class = class_of_tensor(from.name)};
  tensor.columns = from.extents[0];
  tensor.rows = from.extents[1];
  tensor.count = from.extents[2] * from.extents[3];
  tensor.type = from.type;
  tensor.layer = split_tensor_name(from.name).layer;
  // A class of experts without experts is a feed-forward part of an unknown kind.
  if (tensor.tensor_class == TensorClass::kExperts && !shape.is_moe()) {
    tensor.tensor_class = TensorClass::kFeedForward;
  }
  if (tensor.layer >= shape.layers) {  // layers that predict further tokens stand last
    tensor.tensor_class = TensorClass::kUnread;
    tensor.layer = -1;
  }
  return tensor;
}

void read_dimensions(const Header& header, ModelShape& shape) {
  shape.layers = header.required("block_count", kMostLayers);
  shape.layers -= std::min(shape.layers - 1, header.value_or("nextn_predict_layers", 64, 0));
  shape.hidden = header.required("embedding_length", kMostWidth);
  shape.heads = header.required("attention.head_count", 65536);
  shape.kv_heads = header.value_or("attention.head_count_kv", 65536, shape.heads);
  shape.head_size = header.value_or("attention.key_length", kMostWidth, shape.hidden / shape.heads);
  shape.ffn = header.value_or("feed_forward_length", 1 << 24, 0);
  shape.context_length = header.value_or("context_length", std::int64_t{1} << 40, 0);
  shape.experts = header.value_or("expert_count", kMostExperts, 0);
  shape.experts_used = header.value_or("expert_used_count", kMostExperts, 0);
  if (shape.experts > 0 && (shape.experts_used < 1 || shape.experts_used > shape.experts)) {
    header.fail(fmt::format("{} of {} experts are used; the file is damaged", shape.experts_used,
                            shape.experts));
  }
  shape.expert_ffn =
      shape.is_moe() ? header.value_or("expert_feed_forward_length", 1 << 24, shape.ffn) : 0;
  shape.shared_ffn =
      header.value_or("expert_shared_feed_forward_length", 1 << 24,
                      header.value_or("expert_shared_count", kMostExperts, 0) * shape.expert_ffn);
  shape.leading_dense_layers = header.value_or("leading_dense_block_count", kMostLayers, 0);
  shape.sliding_window = header.value_or("attention.sliding_window", std::int64_t{1} << 40, 0);
  if (shape.sliding_window > 0) {
    shape.sliding_window_pattern = window_pattern(header, shape.architecture);
  }
  shape.rope_base = header.real_or("rope.freq_base", shape.rope_base);
}

void read_attention(const Header& header, ModelShape& shape) {
  const std::int64_t value_size =
      header.value_or("attention.value_length", kMostWidth, shape.head_size);
  if (const auto rank = header.optional("attention.kv_lora_rank", kMostWidth); rank.value_or(0)) {
    LatentAttention latent;
    latent.kv_rank = *rank;
    latent.query_rank = header.value_or("attention.q_lora_rank", kMostWidth, 0);
    latent.rope_size = header.value_or("rope.dimension_count", kMostWidth, 0);
    const std::int64_t key =
        header.value_or("attention.key_length_mla", kMostWidth, shape.head_size);
    latent.nope_size = std::max<std::int64_t>(0, key - latent.rope_size);
    latent.value_size = header.value_or("attention.value_length_mla", kMostWidth, value_size);
    shape.latent = latent;
    shape.unsupported = kNoLatentAttention;
    return;
  }
  const auto kv_heads = header.by_layer("attention.head_count_kv");
  if (kv_heads.empty() && value_size == shape.head_size) return;
  for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
    const auto index = static_cast<std::size_t>(layer);
    const std::int64_t heads = index < kv_heads.size() ? kv_heads[index] : shape.kv_heads;
    if (heads < 0) header.fail("attention.head_count_kv is negative; the file is damaged");
    shape.kv_values_by_layer.push_back(heads * (shape.head_size + value_size));
  }
}

// Takes the tensors of all parts and what only they tell.
void read_tensors(const Header& header, const std::vector<GgufFile>& parts, ModelShape& shape) {
  auto stored = std::make_shared<std::vector<Tensor>>();
  std::map<WeightType, std::int64_t> bytes_by_type;
  std::int64_t all_bytes = 0;
  shape.tied_head = true;
  for (const GgufFile& part : parts) {
    for (const GgufTensor& from : part.tensors) {
      Tensor tensor = to_tensor(from, shape);
      if (__builtin_add_overflow(all_bytes, from.bytes, &all_bytes)) {
        header.fail("the tensors are absurdly large; the file is damaged");
      }
      const std::string_view role = split_tensor_name(tensor.name).role;
      if (tensor.layer >= 0 && tensor.rows > 1) bytes_by_type[tensor.type] += tensor.bytes();
      if (tensor.name == "output.weight") shape.tied_head = false;
      if (tensor.name == "token_embd.weight") {
        shape.vocabulary = tensor.rows;
        if (tensor.columns != shape.hidden) {
          header.fail(
              fmt::format("token_embd.weight is {} wide, embedding_length says {}; the "
                          "file is damaged",
                          tensor.columns, shape.hidden));
        }
      }
      const bool is_bias = tensor.name.ends_with(".bias");
      shape.qk_norm = shape.qk_norm || role == "attn_q_norm";
      shape.attention_bias = shape.attention_bias || (role == "attn_q" && is_bias);
      shape.post_norms = shape.post_norms || role == "post_ffw_norm";
      shape.fused_projections = shape.fused_projections || role == "attn_qkv";
      if (role == "ffn_gate_exps" && !is_bias) {
        shape.expert_ffn = tensor.rows;
        if (tensor.count != shape.experts) {
          header.fail(fmt::format("{} has {} experts, expert_count says {}; the file is damaged",
                                  printable(tensor.name), tensor.count, shape.experts));
        }
      }
      stored->push_back(std::move(tensor));
    }
  }
  if (shape.vocabulary == 0) {
    header.fail(
        "has no tensor token_embd.weight: this is no language model (an adapter, a "
        "projector or a vocabulary alone); name the model's own file");
  }
  if (bytes_by_type.empty()) header.fail("has no layers' matrices: this is no language model");
  shape.type = std::ranges::max_element(bytes_by_type, {}, [](const auto& entry) {
                 return entry.second;
               })->first;
  shape.stored = std::move(stored);
}

}  // namespace

ModelShape shape_from_gguf(const std::filesystem::path& path) {
  const std::vector<GgufFile> parts = read_gguf_parts(path);
  const GgufFile& first = parts.front();
  ModelShape shape;
  shape.architecture = first.text("general.architecture").value_or("");
  const Header header(parts, shape.architecture);
  if (shape.architecture.empty() || shape.architecture.size() > 64) {
    header.fail("general.architecture is missing; this is no language model");
  }
  shape.name = path.string();
  shape.from_file = true;
  shape.source = parts.size() == 1 ? "its own tensor table"
                                   : fmt::format("the tensor tables of {} parts", parts.size());
  const std::string title = printable(first.text("general.name").value_or(""));
  shape.title = title.empty() ? printable(path.filename().string()) : title;
  read_dimensions(header, shape);
  read_attention(header, shape);
  read_tensors(header, parts, shape);
  shape.architecture = printable(shape.architecture);
  if (const auto file_type = first.number("general.file_type")) {
    // Set bit 1024: the claim was guessed by a loader and not written by the quantiser.
    const auto label = label_of_file_type(static_cast<std::uint64_t>(*file_type) & 1023);
    shape.claimed_label = label.empty() ? fmt::format("file type {}", *file_type) : label;
    for (const Quantisation& each : quantisations()) {
      if (each.label == label && each.type == shape.type) shape.mix = each.mix;
    }
  }
  return shape;
}

}  // namespace mb
