// A Hugging Face config.json as dimensions. What it leaves to the architecture's code (norms of
// query and key, biases, fused matrices, norms after a block) is added here by `model_type`, one
// row each. Source: the modelling code of transformers 4.57 for each model_type, and the tensors
// that llama.cpp's converter makes of its checkpoints.
#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "fmt/format.h"
#include "workloads/shapes/bounds.h"
#include "workloads/shapes/gguf_file.h"  // printable()
#include "workloads/shapes/model_file.h"

namespace mb {
namespace {

using Json = nlohmann::json;

struct Architecture {
  std::string_view gguf;
  bool qk_norm = false, attention_bias = false, post_norms = false, tied_by_default = false;
  bool fused_projections = false;
  bool window_by_default = true;  // sliding_window counts unless use_sliding_window says no
};

const std::map<std::string_view, Architecture>& architectures() {
  static const std::map<std::string_view, Architecture> table = {
      {"llama", {.gguf = "llama"}},
      {"mistral", {.gguf = "llama"}},
      {"mixtral", {.gguf = "llama"}},
      {"qwen2", {.gguf = "qwen2", .attention_bias = true, .window_by_default = false}},
      {"qwen2_moe", {.gguf = "qwen2moe", .attention_bias = true, .window_by_default = false}},
      {"qwen3", {.gguf = "qwen3", .qk_norm = true, .window_by_default = false}},
      {"qwen3_moe", {.gguf = "qwen3moe", .qk_norm = true, .window_by_default = false}},
      {"gemma3_text",
       {.gguf = "gemma3", .qk_norm = true, .post_norms = true, .tied_by_default = true}},
      {"phi3", {.gguf = "phi3", .fused_projections = true}},
      {"gpt_oss", {.gguf = "gpt-oss", .attention_bias = true}},
      {"deepseek_v3", {.gguf = "deepseek2"}},
  };
  return table;
}

constexpr double kMostParameters = 1e14;
constexpr std::size_t kMostFileBytes = 1 << 20;  // published ones are below 100 kB
constexpr int kMostObjectNesting = 16;

class Config {
 public:
  Config(const Json& json, std::string_view origin) : json_(json), origin_(origin) {}

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kFailure, fmt::format("{}: {}", printable(origin_, 4096), what));
  }
  // nullopt: not there, or null.
  std::optional<std::int64_t> optional(std::string_view key, std::int64_t most) const {
    const auto found = json_.find(key);
    if (found == json_.end() || found->is_null()) return std::nullopt;
    const bool whole = found->is_number_integer() &&
                       !(found->is_number_unsigned() &&
                         found->get<std::uint64_t>() > static_cast<std::uint64_t>(most)) &&
                       found->get<std::int64_t>() >= 0 && found->get<std::int64_t>() <= most;
    if (!whole) fail(fmt::format("field \"{}\" is no whole number from 0 to {}", key, most));
    return found->get<std::int64_t>();
  }
  std::int64_t value_or(std::string_view key, std::int64_t most, std::int64_t fallback) const {
    return optional(key, most).value_or(fallback);
  }
  std::int64_t required(std::string_view key, std::int64_t most) const {
    const auto value = optional(key, most);
    if (value.value_or(0) < 1) {
      fail(fmt::format("field \"{}\" is missing or not positive; name a model's config.json", key));
    }
    return *value;
  }
  bool truth_or(std::string_view key, bool fallback) const {
    const auto found = json_.find(key);
    if (found == json_.end() || found->is_null()) return fallback;
    if (!found->is_boolean()) fail(fmt::format("field \"{}\" is neither true nor false", key));
    return found->get<bool>();
  }
  double real_or(std::string_view key, double fallback) const {
    const auto found = json_.find(key);
    if (found == json_.end() || found->is_null()) return fallback;
    if (!found->is_number()) fail(fmt::format("field \"{}\" is no number", key));
    return found->get<double>();
  }
  std::string text_or(std::string_view key, std::string_view fallback) const {
    const auto found = json_.find(key);
    if (found == json_.end() || found->is_null()) return std::string(fallback);
    if (!found->is_string()) fail(fmt::format("field \"{}\" is no text", key));
    return found->get<std::string>();
  }
  const Json& json() const { return json_; }
  std::string_view origin() const { return origin_; }

 private:
  const Json& json_;
  std::string_view origin_;
};

void read_experts(const Config& config, ModelShape& shape) {
  for (const char* key : {"num_experts", "num_local_experts", "n_routed_experts"}) {
    if (shape.experts == 0) shape.experts = config.value_or(key, kMostExperts, 0);
  }
  if (shape.experts == 0) return;
  shape.experts_used = config.required("num_experts_per_tok", shape.experts);
  shape.expert_ffn = config.value_or("moe_intermediate_size", 1 << 24, shape.ffn);
  shape.leading_dense_layers = config.value_or("first_k_dense_replace", shape.layers, 0);
  shape.shared_ffn =
      config.value_or("shared_expert_intermediate_size", 1 << 24,
                      config.value_or("n_shared_experts", kMostExperts, 0) * shape.expert_ffn);
  shape.shared_expert_gate = shape.architecture == "qwen2moe";
  const auto dense = config.json().find("mlp_only_layers");
  const bool mixed = dense != config.json().end() && dense->is_array() && !dense->empty();
  if (mixed || config.value_or("decoder_sparse_step", kMostLayers, 1) > 1) {
    config.fail(
        "layers with and without experts alternate (decoder_sparse_step, "
        "mlp_only_layers), which is not supported; use the model's .gguf");
  }
}

void read_latent(const Config& config, ModelShape& shape) {
  const auto rank = config.optional("kv_lora_rank", kMostWidth);
  if (rank.value_or(0) == 0) return;
  shape.latent = LatentAttention{config.value_or("q_lora_rank", kMostWidth, 0), *rank,
                                 config.required("qk_rope_head_dim", kMostWidth),
                                 config.required("qk_nope_head_dim", kMostWidth),
                                 config.required("v_head_dim", kMostWidth)};
  shape.head_size = shape.latent->nope_size + shape.latent->rope_size;
  shape.unsupported = kNoLatentAttention;
}

// Every n-th layer is global. Newer files list each layer's kind instead of saying n.
void read_window(const Config& config, const Architecture& architecture, ModelShape& shape) {
  if (!config.truth_or("use_sliding_window", architecture.window_by_default)) return;
  shape.sliding_window = config.value_or("sliding_window", kMostTokens, 0);
  if (shape.sliding_window == 0) return;
  shape.sliding_window_pattern = config.value_or("sliding_window_pattern", kMostLayers, 0);
  const auto kinds = config.json().find("layer_types");
  if (kinds == config.json().end() || kinds->is_null()) return;
  if (!kinds->is_array() || static_cast<std::int64_t>(kinds->size()) != shape.layers) {
    config.fail("field \"layer_types\" does not list every layer's kind");
  }
  const auto global = std::ranges::find(*kinds, Json("full_attention"));
  std::int64_t period = global == kinds->end() ? 0 : global - kinds->begin() + 1;
  for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
    const bool expected = period > 0 && (layer + 1) % period == 0;
    if (((*kinds)[static_cast<std::size_t>(layer)] == "full_attention") != expected) {
      config.fail("field \"layer_types\" follows no period, which is not supported");
    }
  }
  shape.sliding_window_pattern = period;
  if (period == 1) shape.sliding_window = shape.sliding_window_pattern = 0;
}

void check_size(const Config& config, const ModelShape& shape) {
  if (shape.heads % shape.kv_heads != 0) {
    config.fail(fmt::format("{} attention heads do not divide among {} key-value heads",
                            shape.heads, shape.kv_heads));
  }
  const auto real = [](std::int64_t number) { return static_cast<double>(number); };
  const double attention = 2 * real(shape.heads + shape.kv_heads) * real(shape.head_size);
  const double ffn =
      3 * (real(shape.ffn) + real(shape.shared_ffn) + real(shape.experts) * real(shape.expert_ffn));
  const double all =
      real(shape.hidden) * (real(shape.layers) * (attention + ffn) + 2 * real(shape.vocabulary));
  if (!(all <= kMostParameters)) {
    config.fail(fmt::format("describes {:.2g} parameters, at most {:.0g} are expected", all,
                            kMostParameters));
  }
}

Json parse(const std::string& text, std::string_view origin) {
  const auto depth_limit = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > kMostObjectNesting) {
      throw Error(ErrorCode::kFailure,
                  fmt::format("{}: nested more than {} deep, no config.json is",
                              printable(origin, 4096), kMostObjectNesting));
    }
    return true;
  };
  try {
    return Json::parse(text, depth_limit);
  } catch (const nlohmann::json::parse_error& error) {
    throw Error(ErrorCode::kFailure,
                fmt::format("{}: not valid JSON, wrong or cut off at byte {}; download it again",
                            printable(origin, 4096), error.byte));
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::kFailure,
                fmt::format("{}: a number is out of range", printable(origin, 4096)));
  }
}

std::string read_text(const std::filesystem::path& path) {
  const std::string name = printable(path.string(), 4096);
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    throw Error(ErrorCode::kFailure, name + ": no such file; name a model's config.json");
  }
  std::ifstream file(path, std::ios::binary);
  std::string text(kMostFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (!file.eof() && file.fail())) {
    throw Error(ErrorCode::kFailure, name + ": cannot be read; see its permissions");
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMostFileBytes) {
    throw Error(ErrorCode::kFailure,
                fmt::format("{}: larger than {} KiB, no config.json is; name the right file", name,
                            kMostFileBytes >> 10));
  }
  return text;
}

WeightType integer_type(const Config& scheme, std::int64_t bits, std::int64_t group) {
  if (bits == 4 && group == 32) return WeightType::kInt4Group32;
  if (bits == 4 && group == 64) return WeightType::kInt4Group64;
  if (bits == 4 && group == 128) return WeightType::kInt4Group128;
  if (bits == 4 && group == 0) return WeightType::kInt4Rows;
  if (bits == 8 && group == 32) return WeightType::kInt8Group32;
  if (bits == 8 && group == 128) return WeightType::kInt8Group128;
  if (bits == 8 && group == 0) return WeightType::kInt8Rows;
  scheme.fail(
      fmt::format("quantization_config of {} bits in groups of {} is not known; say a type, "
                  "as in config.json:q4_0",
                  bits, group));
}

// The group size, of either name; -1 (a whole row) and nothing are 0.
std::int64_t group_size(const Config& scheme) {
  for (const char* key : {"group_size", "q_group_size"}) {
    const auto found = scheme.json().find(key);
    if (found != scheme.json().end() && *found == -1) return 0;
    if (const auto size = scheme.optional(key, 1 << 20)) return *size;
  }
  return 0;
}

WeightType compressed_type(const Config& scheme) {
  const auto weights = scheme.json().find("config_groups");
  if (weights != scheme.json().end() && weights->is_object() && !weights->empty()) {
    const Json& group = *weights->begin();
    if (group.is_object() && group.contains("weights") && group["weights"].is_object()) {
      const Config first(group["weights"], scheme.origin());
      const std::int64_t bits = first.value_or("num_bits", 64, 0);
      if (first.text_or("type", "int") == "float" && bits == 8) return WeightType::kFp8;
      return integer_type(scheme, bits, group_size(first));
    }
  }
  scheme.fail(
      "quantization_config.config_groups says no type of the weights; say a type, as in "
      "config.json:q4_0");
}

WeightType quantised_type(const Config& scheme) {
  const std::string method = scheme.text_or("quant_method", "");
  if (method == "gptq" || method == "awq") {
    const auto bits = scheme.optional("bits", 64);
    return integer_type(scheme, bits ? *bits : scheme.value_or("w_bit", 64, 4), group_size(scheme));
  }
  if (method == "fp8" || method == "fbgemm_fp8") return WeightType::kFp8;
  if (method == "mxfp4") return WeightType::kMXFP4;
  if (method == "compressed-tensors") return compressed_type(scheme);
  if (method == "bitsandbytes") {
    return scheme.truth_or("load_in_4bit", false) ? WeightType::kNF4 : WeightType::kInt8Rows;
  }
  scheme.fail(
      fmt::format("quantization_config.quant_method \"{}\" is not known (awq, bitsandbytes, "
                  "compressed-tensors, fbgemm_fp8, fp8, gptq, mxfp4); say a type, as in "
                  "config.json:q4_0",
                  printable(method)));
}

WeightType own_type(const Json& whole, const Config& text) {
  for (const Json* place : {&whole, &text.json()}) {
    const auto scheme = place->find("quantization_config");
    if (scheme != place->end() && scheme->is_object()) {
      return quantised_type(Config(*scheme, text.origin()));
    }
  }
  for (const Json* place : {&text.json(), &whole}) {
    for (const char* key : {"dtype", "torch_dtype"}) {
      const std::string name = Config(*place, text.origin()).text_or(key, "");
      if (name == "bfloat16") return WeightType::kBF16;
      if (name == "float16") return WeightType::kF16;
      if (name == "float32") return WeightType::kF32;
      if (!name.empty()) {
        text.fail(fmt::format("{} \"{}\" is not known (bfloat16, float16, float32)", key,
                              printable(name)));
      }
    }
  }
  return WeightType::kBF16;
}

// A multimodal file keeps the language model's fields in text_config, and leaves away those that
// are transformers' defaults of that part.
Json text_part(const Json& whole, std::string_view origin) {
  if (!whole.is_object()) Config(whole, origin).fail("is no JSON object");
  const auto text = whole.find("text_config");
  if (text == whole.end() || !text->is_object()) return whole;
  Json part = *text;
  const Config top(whole, origin);
  if (!part.contains("model_type")) part["model_type"] = top.text_or("model_type", "");
  if (part["model_type"] == "gemma3") part["model_type"] = "gemma3_text";
  if (part["model_type"] == "gemma3_text") {  // Gemma3TextConfig's defaults
    for (const auto& [key, fallback] : {std::pair{"num_attention_heads", 8},
                                        {"num_key_value_heads", 4},
                                        {"head_dim", 256},
                                        {"vocab_size", 262208},
                                        {"max_position_embeddings", 131072},
                                        {"sliding_window", 4096}}) {
      if (!part.contains(key)) part[key] = fallback;
    }
  }
  if (!part.contains("tie_word_embeddings") && whole.contains("tie_word_embeddings")) {
    part["tie_word_embeddings"] = whole["tie_word_embeddings"];
  }
  return part;
}

}  // namespace

ModelShape shape_from_config(const Json& whole, std::string_view origin) {
  const Json part = text_part(whole, origin);
  const Config config(part, origin);
  const std::string model_type = config.text_or("model_type", "");
  const auto known = architectures().find(model_type);
  if (known == architectures().end()) {
    std::string names;
    for (const auto& [name, row] : architectures()) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
    }
    config.fail(fmt::format("model_type \"{}\" is not known ({}); use the model's .gguf",
                            printable(model_type), names));
  }
  const Architecture& architecture = known->second;
  ModelShape shape;
  shape.architecture = architecture.gguf;
  shape.type = WeightType::kBF16;
  shape.layers = config.required("num_hidden_layers", kMostLayers);
  shape.hidden = config.required("hidden_size", kMostWidth);
  shape.heads = config.required("num_attention_heads", 65536);
  shape.kv_heads = config.value_or("num_key_value_heads", 65536, shape.heads);
  if (shape.kv_heads == 0) config.fail("field \"num_key_value_heads\" is 0");
  shape.head_size = config.value_or("head_dim", kMostWidth, shape.hidden / shape.heads);
  if (shape.head_size == 0) config.fail("the size of a head is 0: hidden_size, head_dim");
  shape.ffn = config.required("intermediate_size", 1 << 24);
  shape.vocabulary = config.required("vocab_size", 1 << 26);
  shape.context_length = config.value_or("max_position_embeddings", kMostTokens, 0);
  shape.rope_base = config.real_or("rope_theta", shape.rope_base);
  read_window(config, architecture, shape);
  read_experts(config, shape);
  read_latent(config, shape);
  shape.tied_head = config.truth_or("tie_word_embeddings", architecture.tied_by_default);
  shape.qk_norm = architecture.qk_norm;
  shape.attention_bias = architecture.attention_bias;
  shape.post_norms = architecture.post_norms;
  shape.fused_projections = architecture.fused_projections;
  if (architecture.gguf == "llama" && config.truth_or("attention_bias", false)) {
    shape.attention_bias = shape.attention_output_bias = true;
  }
  if (architecture.gguf == "gpt-oss") {
    shape.attention_output_bias = shape.expert_bias = shape.attention_sinks = true;
  }
  check_size(config, shape);
  return shape;
}

ModelShape shape_from_config_file(const std::filesystem::path& path, std::string_view label) {
  const std::string origin = path.string();
  const Json whole = parse(read_text(path), origin);
  ModelShape shape = shape_from_config(whole, origin);
  if (label.empty()) {
    const Json part = text_part(whole, origin);
    shape.type = own_type(whole, Config(part, origin));
  } else {
    const Quantisation& asked = find_quantisation(label);
    shape.type = asked.type;
    shape.mix = asked.mix;
  }
  shape.from_file = true;
  shape.name = label.empty() ? origin : fmt::format("{}:{}", origin, label);
  const auto given = whole.find("_name_or_path");
  const bool named =
      given != whole.end() && given->is_string() && !given->get_ref<const std::string&>().empty();
  shape.title =
      printable(named ? given->get<std::string>()
                      : std::filesystem::absolute(path).parent_path().filename().string());
  shape.source = "its config.json";
  return shape;
}

}  // namespace mb
