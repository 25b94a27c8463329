// Model files as shapes; private to this folder, find_model() is the door.
#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "workloads/shapes/model_shape.h"

namespace mb {

// Why a shape with latent attention is only described.
inline constexpr std::string_view kNoLatentAttention =
    "multi-head latent attention is not modelled: sizes are exact, but no step of it can be "
    "measured or predicted, and no file of it is synthesised";

// A GGUF file or all parts of a split one. Throws Error(kFailure).
ModelShape shape_from_gguf(const std::filesystem::path& path);

// A Hugging Face config.json; the type is its quantization_config's, else its dtype's, unless
// `label` names one of quantisations(). Throws Error(kFailure), for the label Error(kUsage).
ModelShape shape_from_config_file(const std::filesystem::path& path, std::string_view label);

// The fields of a config.json; name, title and source are left to the caller, the type is bf16.
// Throws Error(kFailure) naming `origin` and the field.
ModelShape shape_from_config(const nlohmann::json& config, std::string_view origin);

// "4B", "30B-A3B", "270M": does the text say a size?
bool is_size(std::string_view text);
// Between the nearest two of the catalogue of its kind, which the shape names. Throws
// Error(kUsage).
ModelShape shape_of_size(std::string_view size);

}  // namespace mb
