// A model's exact sizes. Every figure is a sum over its tensors; nothing here is estimated.
#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "reports/cli/command.h"
#include "reports/cli/flags.h"
#include "reports/cli/inputs.h"
#include "reports/render/format.h"

namespace mb {
namespace {

constexpr std::array kClasses{TensorClass::kAttention,  TensorClass::kFeedForward,
                              TensorClass::kExperts,    TensorClass::kSharedExperts,
                              TensorClass::kRouter,     TensorClass::kNorm,
                              TensorClass::kOutputHead, TensorClass::kEmbedding};

std::string full_name(const ModelShape& shape) {
  return fmt::format("{}:{}", shape.name, to_string(shape.type));
}

nlohmann::ordered_json to_json(const ModelShape& shape) {
  nlohmann::ordered_json by_class;
  for (const TensorClass each : kClasses) {
    const std::int64_t bytes = shape.weight_bytes_per_token(each);
    if (bytes > 0) by_class[std::string(to_string(each))] = bytes;
  }
  return {{"model", full_name(shape)},
          {"title", shape.title},
          {"source", shape.source},
          {"architecture", shape.architecture},
          {"type", to_string(shape.type)},
          {"layers", shape.layers},
          {"hidden", shape.hidden},
          {"heads", shape.heads},
          {"kv_heads", shape.kv_heads},
          {"head_size", shape.head_size},
          {"ffn", shape.ffn},
          {"experts", shape.experts},
          {"experts_used", shape.experts_used},
          {"expert_ffn", shape.expert_ffn},
          {"vocabulary", shape.vocabulary},
          {"sliding_window", shape.sliding_window},
          {"context_length", shape.context_length},
          {"tied_head", shape.tied_head},
          {"parameters", shape.parameters()},
          {"published_parameters", shape.published_parameters},
          {"weight_bytes", shape.weight_bytes()},
          {"weight_bytes_per_token", shape.weight_bytes_per_token()},
          {"weight_bytes_per_token_by_class", by_class},
          {"kv_type", "f16"},
          {"kv_bytes_per_position", shape.kv_bytes_per_position()},
          {"kv_bytes_per_position_per_layer", shape.kv_bytes_per_position_per_layer()}};
}

void row(std::string_view name, const std::string& value) {
  fmt::print("  {:<28}{}\n", name, value);
}

void bytes_row(std::string_view name, std::int64_t bytes) {
  row(name, fmt::format("{:>15} B   {}", bytes, format_bytes(static_cast<double>(bytes))));
}

void print_table(const ModelShape& shape) {
  fmt::print("{} ({}), {}\n", shape.title, full_name(shape), shape.source);
  row("architecture", shape.architecture);
  row("layers x hidden", fmt::format("{} x {}", shape.layers, shape.hidden));
  row("heads, KV heads, head size",
      fmt::format("{}, {}, {}", shape.heads, shape.kv_heads, shape.head_size));
  if (shape.is_moe()) {
    row("experts",
        fmt::format("{}, {} used, FFN {}", shape.experts, shape.experts_used, shape.expert_ffn));
  } else {
    row("FFN", fmt::format("{}", shape.ffn));
  }
  row("vocabulary", fmt::format("{}{}", shape.vocabulary, shape.tied_head ? " (tied head)" : ""));
  if (shape.sliding_window > 0) row("sliding window", fmt::format("{}", shape.sliding_window));
  row("parameters", fmt::format("{}", shape.parameters()));
  bytes_row("weights stored", shape.weight_bytes());
  bytes_row("weights read a token", shape.weight_bytes_per_token());
  for (const TensorClass each : kClasses) {
    const std::int64_t bytes = shape.weight_bytes_per_token(each);
    if (bytes > 0) bytes_row(fmt::format("  {}", to_string(each)), bytes);
  }
  bytes_row("KV cache a position (f16)", shape.kv_bytes_per_position());
  bytes_row("  of one layer", shape.kv_bytes_per_position_per_layer());
}

void list_models(bool json) {
  if (json) {
    fmt::print("{}\n", nlohmann::ordered_json{{"models", catalogue()}}.dump(1));
    return;
  }
  for (const std::string& name : catalogue()) {
    const ModelShape shape = find_model(name);
    fmt::print("{:<20}{:<28}{:>10} at {}\n", name, shape.title,
               format_bytes(static_cast<double>(shape.weight_bytes())), to_string(shape.type));
  }
}

}  // namespace

int run_inspect(const Arguments& arguments) {
  if (arguments == Arguments{"--list"} || arguments == Arguments{"--list", "--json"}) {
    list_models(arguments.size() == 2);
    return 0;
  }
  Flags flags("inspect", "Prints a model's dimensions and its exact bytes.", {"MODEL"},
              "  memory_benchmark inspect qwen3-30b-a3b:q4_0\n"
              "  memory_benchmark inspect --list\n");
  flags.flag("list", "the catalogue, without MODEL").flag("json", "print JSON");
  if (!flags.parse(arguments)) return 0;
  if (flags.has("list")) {
    throw Error(ErrorCode::kUsage, "inspect: --list stands alone; leave MODEL away");
  }
  const ModelShape shape = load_model(flags.positional(0));
  if (flags.has("json")) {
    fmt::print("{}\n", to_json(shape).dump(1));
  } else {
    print_table(shape);
  }
  return 0;
}

}  // namespace mb
