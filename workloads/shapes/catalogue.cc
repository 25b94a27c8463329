// The catalogue: one file a model in data/models, compiled in, each with the fields of its
// published config.json as they stand there. What config.json leaves to the architecture's code
// (query and key norms, biases of the query, key and value matrices, norms after a block) is added
// here by `model_type`.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "data/error.h"
#include "embedded/embedded_models.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "workloads/shapes/model_shape.h"

namespace mb {
namespace {

using Json = nlohmann::json;

struct Architecture {
  std::string_view gguf;
  bool qk_norm, attention_bias, post_norms, tied_by_default;
};

const std::map<std::string_view, Architecture>& architectures() {
  static const std::map<std::string_view, Architecture> table = {
      {"llama", {"llama", false, false, false, false}},
      {"mixtral", {"llama", false, false, false, false}},
      {"qwen2", {"qwen2", false, true, false, false}},
      {"qwen3", {"qwen3", true, false, false, false}},
      {"qwen3_moe", {"qwen3moe", true, false, false, false}},
      {"gemma3_text", {"gemma3", true, false, true, true}},
  };
  return table;
}

std::int64_t required(const Json& config, std::string_view key, std::string_view origin) {
  const auto found = config.find(key);
  if (found == config.end() || !found->is_number_integer() || found->get<std::int64_t>() <= 0) {
    throw Error(
        ErrorCode::kFailure,
        fmt::format("{}: config field \"{}\" is missing or no positive whole number", origin, key));
  }
  return found->get<std::int64_t>();
}

std::int64_t optional_number(const Json& config, std::string_view key, std::int64_t fallback) {
  const auto found = config.find(key);
  return found != config.end() && found->is_number_integer() ? found->get<std::int64_t>()
                                                             : fallback;
}

void read_experts(const Json& config, std::string_view origin, ModelShape& shape) {
  shape.experts =
      optional_number(config, "num_experts", optional_number(config, "num_local_experts", 0));
  if (shape.experts == 0) return;
  shape.experts_used = required(config, "num_experts_per_tok", origin);
  shape.expert_ffn = optional_number(config, "moe_intermediate_size", shape.ffn);
}

ModelShape shape_from_file(const EmbeddedFile& file) {
  const Json document = Json::parse(file.content);
  const Json& config = document.at("config");
  const auto model_type = config.at("model_type").get<std::string>();
  const auto known = architectures().find(model_type);
  if (known == architectures().end()) {
    throw Error(ErrorCode::kFailure,
                fmt::format("{}: model_type \"{}\" is not known", file.name, model_type));
  }
  const Architecture& architecture = known->second;
  ModelShape shape;
  shape.name = document.at("name").get<std::string>();
  shape.title = document.at("title").get<std::string>();
  shape.source = document.at("source").get<std::string>();
  shape.published_parameters = document.at("published_parameters").get<std::int64_t>();
  shape.architecture = architecture.gguf;
  shape.layers = required(config, "num_hidden_layers", file.name);
  shape.hidden = required(config, "hidden_size", file.name);
  shape.heads = required(config, "num_attention_heads", file.name);
  shape.kv_heads = optional_number(config, "num_key_value_heads", shape.heads);
  shape.head_size = optional_number(config, "head_dim", shape.hidden / shape.heads);
  shape.ffn = required(config, "intermediate_size", file.name);
  shape.vocabulary = required(config, "vocab_size", file.name);
  shape.context_length = required(config, "max_position_embeddings", file.name);
  if (config.value("use_sliding_window", true)) {
    shape.sliding_window = optional_number(config, "sliding_window", 0);
    shape.sliding_window_pattern = optional_number(config, "sliding_window_pattern", 0);
  }
  read_experts(config, file.name, shape);
  shape.tied_head = config.value("tie_word_embeddings", architecture.tied_by_default);
  shape.qk_norm = architecture.qk_norm;
  shape.attention_bias = architecture.attention_bias;
  shape.post_norms = architecture.post_norms;
  return shape;
}

const std::map<std::string, ModelShape, std::less<>>& shapes() {
  static const auto all = [] {
    std::map<std::string, ModelShape, std::less<>> made;
    for (const EmbeddedFile& file : embedded_models()) {
      ModelShape shape = shape_from_file(file);
      made.emplace(shape.name, std::move(shape));
    }
    return made;
  }();
  return all;
}

// Levenshtein distance: insertions, deletions and replacements between two names.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::vector<std::string> nearest_names(std::string_view name) {
  std::vector<std::string> names = catalogue();
  std::stable_sort(names.begin(), names.end(), [&](const auto& a, const auto& b) {
    return edit_distance(name, a) < edit_distance(name, b);
  });
  names.resize(std::min<std::size_t>(names.size(), 3));
  return names;
}

}  // namespace

ModelShape find_model(std::string_view spec) {
  const std::size_t colon = spec.find(':');
  const std::string_view name = spec.substr(0, colon);
  const auto found = shapes().find(name);
  if (found == shapes().end()) {
    throw Error(ErrorCode::kUsage,
                fmt::format("unknown model \"{}\": the nearest names are {}; write NAME or "
                            "NAME:TYPE, as in qwen3-4b:q4_0",
                            name, fmt::join(nearest_names(name), ", ")));
  }
  ModelShape shape = found->second;
  if (colon != std::string_view::npos) {
    shape.type = weight_type_from_string(spec.substr(colon + 1));
  }
  return shape;
}

const std::vector<std::string>& catalogue() {
  static const auto names = [] {
    std::vector<std::string> made;
    for (const auto& [name, shape] : shapes()) made.push_back(name);
    std::sort(made.begin(), made.end(), [](const auto& a, const auto& b) {
      return shapes().at(a).parameters() < shapes().at(b).parameters();
    });
    return made;
  }();
  return names;
}

}  // namespace mb
