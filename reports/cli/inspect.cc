// A model's exact sizes. Every figure is a sum over its tensors; nothing here is estimated.
#include <fmt/format.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "data/error.h"
#include "reports/cli/command.h"
#include "reports/cli/flags.h"
#include "reports/cli/inputs.h"
#include "reports/cli/parse.h"
#include "reports/render/format.h"

namespace mb {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kClasses{TensorClass::kAttention, TensorClass::kFeedForward,
                              TensorClass::kExperts,   TensorClass::kSharedExperts,
                              TensorClass::kRouter,    TensorClass::kNorm,
                              TensorClass::kOther,     TensorClass::kOutputHead};
constexpr std::array kKvTypes{"f32", "f16", "q8_0", "q4_0"};
constexpr std::int64_t kDefaultContext = 512;         // DESIGN's default of every prediction
constexpr std::int64_t kMostContext = 1'000'000'000;  // sums stay in 64 bits

struct TypeSum {
  std::int64_t tensors = 0, parameters = 0, bytes = 0;
};

std::map<WeightType, TypeSum> by_type(const ModelShape& shape) {
  std::map<WeightType, TypeSum> sums;
  for (const Tensor& tensor : shape.tensors()) {
    TypeSum& sum = sums[tensor.type];
    ++sum.tensors;
    sum.parameters += tensor.parameters();
    sum.bytes += tensor.bytes();
  }
  return sums;
}

double bits_per_weight(std::int64_t bytes, std::int64_t parameters) {
  return parameters > 0 ? 8 * static_cast<double>(bytes) / static_cast<double>(parameters) : 0;
}

// nullopt where rows of this model's KV cache do not divide into the type's blocks.
std::optional<std::int64_t> kv_bytes(const ModelShape& shape, const char* type) {
  try {
    return shape.kv_bytes_per_position(type);
  } catch (const Error&) {
    return std::nullopt;
  }
}

double flops_at(const ModelShape& shape, std::int64_t context) {
  return shape.matmul_flops(1) + shape.attention_flops(1, context);
}

Json tensors_to_json(const ModelShape& shape) {
  Json list = Json::array();
  for (const Tensor& tensor : shape.tensors()) {
    list.push_back({{"name", tensor.name},
                    {"class", to_string(tensor.tensor_class)},
                    {"type", to_string(tensor.type)},
                    {"columns", tensor.columns},
                    {"rows", tensor.rows},
                    {"count", tensor.count},
                    {"bytes", tensor.bytes()}});
  }
  return list;
}

void add_sizes(const ModelShape& shape, std::int64_t context, Json& json) {
  Json read = Json::object(), types = Json::object(), kv = Json::object();
  for (const TensorClass each : kClasses) {
    const std::int64_t bytes = shape.weight_bytes_per_token(each);
    if (bytes > 0) read[std::string(to_string(each))] = bytes;
  }
  for (const auto& [type, sum] : by_type(shape)) {
    types[std::string(to_string(type))] = {
        {"tensors", sum.tensors}, {"parameters", sum.parameters}, {"bytes", sum.bytes}};
  }
  for (const char* type : kKvTypes) {
    const auto bytes = kv_bytes(shape, type);
    kv[type] = bytes ? Json(*bytes) : Json(nullptr);
  }
  const std::int64_t parameters = shape.parameters(), bytes = shape.weight_bytes();
  json["parameters"] = parameters;
  json["published_parameters"] = shape.published_parameters;
  json["weight_bytes"] = bytes;
  json["bits_per_weight"] = bits_per_weight(bytes, parameters);
  json["tensors_by_type"] = types;
  json["weight_bytes_per_token"] = shape.weight_bytes_per_token();
  json["weight_bytes_per_token_by_class"] = read;
  json["embedding_row_bytes"] = shape.embedding_row_bytes();
  json["kv_type"] = "f16";
  json["kv_bytes_per_position"] = shape.kv_bytes_per_position();
  json["kv_bytes_per_position_per_layer"] = shape.kv_bytes_per_position_per_layer();
  json["kv_bytes_per_position_by_type"] = kv;
  json["context_tokens"] = context;
  json["flops_per_token"] = flops_at(shape, context);
  json["memory_bytes"] = shape.memory_bytes(context);
}

Json to_json(const ModelShape& shape, std::int64_t context, bool with_tensors) {
  Json json{
      {"model", shape.spec()},
      {"title", shape.title},
      {"source", shape.source},
      {"architecture", shape.architecture},
      {"type", shape.label()},
      {"claimed_type", shape.claimed_label.empty() ? Json(nullptr) : Json(shape.claimed_label)},
      {"layers", shape.layers},
      {"hidden", shape.hidden},
      {"heads", shape.heads},
      {"kv_heads", shape.kv_heads},
      {"head_size", shape.head_size},
      {"ffn", shape.ffn},
      {"experts", shape.experts},
      {"experts_used", shape.experts_used},
      {"expert_ffn", shape.expert_ffn},
      {"shared_expert_ffn", shape.shared_ffn},
      {"vocabulary", shape.vocabulary},
      {"sliding_window", shape.sliding_window},
      {"sliding_window_pattern", shape.sliding_window_pattern},
      {"context_length", shape.context_length},
      {"tied_head", shape.tied_head}};
  if (!shape.between.empty()) json["between"] = shape.between;
  if (!shape.unsupported.empty()) json["unsupported"] = shape.unsupported;
  add_sizes(shape, context, json);
  if (with_tensors) json["tensors"] = tensors_to_json(shape);
  return json;
}

void row(std::string_view name, const std::string& value) {
  fmt::print("  {:<28}{}\n", name, value);
}

void bytes_row(std::string_view name, std::int64_t bytes) {
  row(name, fmt::format("{:>15} B   {}", bytes, format_bytes(static_cast<double>(bytes))));
}

std::string claim(const ModelShape& shape) {
  const auto sums = by_type(shape);
  const double all = static_cast<double>(shape.weight_bytes());
  std::string held;
  for (const auto& [type, sum] : sums) {
    held += fmt::format("{}{} {:.1f} %", held.empty() ? "" : ", ", to_string(type),
                        100 * static_cast<double>(sum.bytes) / all);
  }
  const std::string claimed = shape.claimed_label.empty() ? "nothing" : shape.claimed_label;
  return shape.stored ? fmt::format("claims {}; holds {} of its bytes", claimed, held)
                      : fmt::format("{}: {} of its bytes", shape.label(), held);
}

void print_dimensions(const ModelShape& shape) {
  fmt::print("{} ({}), {}\n", shape.title, shape.spec(), shape.source);
  if (!shape.unsupported.empty()) row("not supported", shape.unsupported);
  row("architecture", shape.architecture);
  row("layers x hidden", fmt::format("{} x {}", shape.layers, shape.hidden));
  row("heads, KV heads, head size",
      fmt::format("{}, {}, {}", shape.heads, shape.kv_heads, shape.head_size));
  if (shape.is_moe()) {
    row("experts",
        fmt::format("{}, {} used, FFN {}{}", shape.experts, shape.experts_used, shape.expert_ffn,
                    shape.shared_ffn > 0 ? fmt::format(", shared FFN {}", shape.shared_ffn) : ""));
  } else {
    row("FFN", fmt::format("{}", shape.ffn));
  }
  row("vocabulary", fmt::format("{}{}", shape.vocabulary, shape.tied_head ? " (tied head)" : ""));
  if (shape.sliding_window > 0) {
    row("sliding window", fmt::format("{}{}", shape.sliding_window,
                                      shape.sliding_window_pattern > 0
                                          ? fmt::format(", every {}. layer sees everything",
                                                        shape.sliding_window_pattern)
                                          : ", all layers"));
  }
}

void print_table(const ModelShape& shape, std::int64_t context) {
  print_dimensions(shape);
  const std::int64_t parameters = shape.parameters(), bytes = shape.weight_bytes();
  row("parameters", fmt::format("{}", parameters));
  row("quantisation", claim(shape));
  for (const auto& [type, sum] : by_type(shape)) {
    bytes_row(
        fmt::format("  {} in {}", format_count(static_cast<int>(sum.tensors), "tensor", "tensors"),
                    to_string(type)),
        sum.bytes);
  }
  bytes_row("weights stored", bytes);
  row("bits a weight", fmt::format("{:>15.3f}", bits_per_weight(bytes, parameters)));
  bytes_row("weights read a token", shape.weight_bytes_per_token());
  for (const TensorClass each : kClasses) {
    const std::int64_t part = shape.weight_bytes_per_token(each);
    if (part > 0) bytes_row(fmt::format("  {}", to_string(each)), part);
  }
  bytes_row("one embedding row", shape.embedding_row_bytes());
  for (const char* type : kKvTypes) {
    const auto kv = kv_bytes(shape, type);
    const std::string name = fmt::format("KV cache a position, {}", type);
    if (kv) {
      bytes_row(name, *kv);
    } else {
      row(name, fmt::format("rows do not divide into blocks of {}", type));
    }
  }
  const std::string at = fmt::format("at {} positions", context);
  row(fmt::format("FLOP a token, {}", context), fmt::format("{:>15.4g}", flops_at(shape, context)));
  bytes_row("memory " + at, shape.memory_bytes(context));
}

void list_models(bool json) {
  if (json) {
    fmt::print("{}\n", Json{{"models", catalogue()}}.dump(1));
    return;
  }
  for (const std::string& name : catalogue()) {
    const ModelShape shape = find_model(name);
    fmt::print("{:<20}{:<28}{:>10} at {}\n", name, shape.title,
               format_bytes(static_cast<double>(shape.weight_bytes())), shape.label());
  }
}

}  // namespace

int run_inspect(const Arguments& arguments) {
  if (arguments == Arguments{"--list"} || arguments == Arguments{"--list", "--json"}) {
    list_models(arguments.size() == 2);
    return 0;
  }
  Flags flags("inspect",
              "Prints a model's dimensions and its exact bytes. MODEL is a .gguf file (only its\n"
              "header is read), a Hugging Face config.json, a catalogue name or a size.",
              {"MODEL"},
              "  memory_benchmark inspect qwen3-30b-a3b:q4_k_m --context 8192\n"
              "  memory_benchmark inspect models/some-model-Q4_K_M.gguf --tensors\n"
              "  memory_benchmark inspect checkpoint/config.json:q8_0 --json\n"
              "  memory_benchmark inspect 4B:q4_0\n"
              "  memory_benchmark inspect --list\n");
  flags.flag("list", "the catalogue, without MODEL")
      .value("context", "TOKENS", "positions in the cache, for FLOP and memory (default 512)")
      .flag("tensors", "every tensor with its type and bytes, too")
      .flag("json", "print JSON");
  if (!flags.parse(arguments)) return 0;
  if (flags.has("list")) {
    throw Error(ErrorCode::kUsage, "inspect: --list stands alone; leave MODEL away");
  }
  std::int64_t context = kDefaultContext;
  if (const auto text = flags.get("context")) context = parse_count("--context", *text, 0);
  if (context > kMostContext) {
    throw Error(ErrorCode::kUsage, fmt::format("--context: at most {}", kMostContext));
  }
  const ModelShape shape = find_model(flags.positional(0));
  if (flags.has("json")) {
    fmt::print("{}\n", to_json(shape, context, flags.has("tensors"))
                           .dump(1, ' ', false, Json::error_handler_t::replace));
    return 0;
  }
  print_table(shape, context);
  if (flags.has("tensors")) {
    for (const Tensor& tensor : shape.tensors()) {
      fmt::print("  {:<34}{:<10}{:>16} B  {} x {}{}\n", tensor.name, to_string(tensor.type),
                 tensor.bytes(), tensor.rows, tensor.columns,
                 tensor.count > 1 ? fmt::format(" x {}", tensor.count) : "");
    }
  }
  return 0;
}

}  // namespace mb
