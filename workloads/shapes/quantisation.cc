// The recipes, matrix by matrix. Each rule answers for one kind of matrix; what it leaves alone
// keeps the label's own type, and at the end rows that do not divide into blocks fall back.
#include "workloads/shapes/quantisation.h"

#include <array>

#include "data/error.h"
#include "fmt/format.h"
#include "workloads/shapes/model_shape.h"

namespace mb {
namespace {

using W = WeightType;

// Numbers are llama.h's llama_ftype, which is what general.file_type holds.
constexpr std::array kQuantisations = {
    Quantisation{"f32", W::kF32, Mix::kPlain, 0},
    Quantisation{"f16", W::kF16, Mix::kPlain, 1},
    Quantisation{"bf16", W::kBF16, Mix::kPlain, 32},
    Quantisation{"q8_0", W::kQ8_0, Mix::kPlain, 7},
    Quantisation{"q6_k", W::kQ6_K, Mix::kPlain, 18},
    Quantisation{"q5_1", W::kQ5_1, Mix::kPlain, 9},
    Quantisation{"q5_k_m", W::kQ5_K, Mix::kMedium, 17},
    Quantisation{"q5_k_s", W::kQ5_K, Mix::kSmall, 16},
    Quantisation{"q5_0", W::kQ5_0, Mix::kPlain, 8},
    Quantisation{"q4_1", W::kQ4_1, Mix::kPlain, 3},
    Quantisation{"q4_k_m", W::kQ4_K, Mix::kMedium, 15},
    Quantisation{"q4_k_s", W::kQ4_K, Mix::kSmall, 14},
    Quantisation{"iq4_nl", W::kIQ4_NL, Mix::kPlain, 25},
    Quantisation{"q4_0", W::kQ4_0, Mix::kPlain, 2},
    Quantisation{"iq4_xs", W::kIQ4_XS, Mix::kPlain, 30},
    Quantisation{"mxfp4", W::kMXFP4, Mix::kPlain, 38},
    Quantisation{"q3_k_l", W::kQ3_K, Mix::kLarge, 13},
    Quantisation{"q3_k_m", W::kQ3_K, Mix::kMedium, 12},
    Quantisation{"q3_k_s", W::kQ3_K, Mix::kSmall, 11},
    Quantisation{"q2_k", W::kQ2_K, Mix::kMedium, 10},
};

// Labels that files carry beyond those offered; numbers from llama.h.
struct FileLabel {
  std::uint64_t file_type;
  std::string_view label;
};
constexpr std::array kOtherFileTypes = {
    FileLabel{19, "iq2_xxs"}, FileLabel{20, "iq2_xs"},  FileLabel{21, "q2_k_s"},
    FileLabel{22, "iq3_xs"},  FileLabel{23, "iq3_xxs"}, FileLabel{24, "iq1_s"},
    FileLabel{26, "iq3_s"},   FileLabel{27, "iq3_m"},   FileLabel{28, "iq2_s"},
    FileLabel{29, "iq2_m"},   FileLabel{31, "iq1_m"},   FileLabel{36, "tq1_0"},
    FileLabel{37, "tq2_0"},   FileLabel{39, "nvfp4"},   FileLabel{40, "q1_0"},
};

bool is_k_quant(W type) { return block_of(type).weights == 256; }

// The layers that the medium mixes give more bits: the first and last eighth, and every third.
bool gets_more_bits(std::int64_t layer, std::int64_t layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

W value_type(const ModelShape& shape, std::int64_t layer) {
  const std::int64_t sharing = shape.kv_heads > 0 ? shape.heads / shape.kv_heads : 1;
  W type = shape.type;
  if (shape.type == W::kQ2_K) {
    type = sharing >= 4 ? W::kQ4_K : W::kQ3_K;
  } else if (shape.type == W::kQ3_K && shape.mix == Mix::kMedium) {
    type = layer < 2 ? W::kQ5_K : W::kQ4_K;
  } else if (shape.type == W::kQ3_K && shape.mix == Mix::kLarge) {
    type = W::kQ5_K;
  } else if ((shape.type == W::kIQ4_NL || shape.type == W::kIQ4_XS) && sharing >= 4) {
    type = W::kQ5_K;
  } else if ((shape.type == W::kQ4_K || shape.type == W::kQ5_K) && shape.mix == Mix::kMedium) {
    if (gets_more_bits(layer, shape.layers)) type = W::kQ6_K;
  } else if (shape.type == W::kQ4_K && layer < 4) {
    type = W::kQ5_K;
  }
  // 80 layers with shared KV heads: the value matrix is small there, so it gets more bits.
  const bool seventy = shape.layers == 80 && sharing > 1 &&
                       (shape.architecture == "llama" || shape.architecture == "qwen2");
  if (seventy && (type == W::kQ3_K || type == W::kQ4_K)) type = W::kQ5_K;
  return shape.experts == 8 ? W::kQ8_0 : type;
}

W down_type(const ModelShape& shape, std::int64_t layer) {
  const std::int64_t layers = shape.layers;
  if (shape.type == W::kQ2_K) return W::kQ3_K;
  if (shape.type == W::kQ3_K) {
    if (shape.mix == Mix::kMedium) return layer < layers / 16 ? W::kQ5_K : W::kQ4_K;
    return shape.mix == Mix::kLarge ? W::kQ5_K : W::kQ3_K;
  }
  if (shape.type == W::kQ4_K || shape.type == W::kQ5_K) {
    if (shape.mix == Mix::kMedium) return gets_more_bits(layer, layers) ? W::kQ6_K : shape.type;
    if (shape.type == W::kQ4_K && layer < layers / 8) return W::kQ5_K;
  }
  const bool nonlinear = shape.type == W::kIQ4_NL || shape.type == W::kIQ4_XS;
  return nonlinear && layer < layers / 8 ? W::kQ5_K : shape.type;
}

W attention_output_type(const ModelShape& shape) {
  const bool three = shape.type == W::kQ3_K;
  if (shape.experts == 8) {
    const bool raised = shape.type == W::kQ2_K || (three && shape.mix != Mix::kLarge) ||
                        shape.type == W::kQ4_K || shape.type == W::kIQ4_NL ||
                        shape.type == W::kIQ4_XS;
    return raised ? W::kQ5_K : shape.type;
  }
  if (shape.type == W::kQ2_K) return W::kQ3_K;
  if (three && shape.mix == Mix::kMedium) return W::kQ4_K;
  return three && shape.mix == Mix::kLarge ? W::kQ5_K : shape.type;
}

W head_type(const ModelShape& shape, std::int64_t columns) {
  if (shape.type == W::kMXFP4 || columns % block_of(shape.type).weights != 0) return W::kQ8_0;
  return shape.type == W::kQ8_0 ? W::kQ8_0 : W::kQ6_K;
}

// What the quantiser takes instead when rows do not divide into the wanted blocks.
W fitting(W type, std::int64_t columns) {
  if (columns % block_of(type).weights == 0) return type;
  if (is_k_quant(type)) {
    switch (type) {
      case W::kQ2_K:
      case W::kQ3_K:
        type = W::kQ4_0;
        break;
      case W::kQ4_K:
        type = W::kQ5_0;
        break;
      case W::kQ5_K:
        type = W::kQ5_1;
        break;
      case W::kQ6_K:
        type = W::kQ8_0;
        break;
      default:
        type = W::kIQ4_NL;
    }
  }
  return columns % block_of(type).weights == 0 ? type : W::kF16;
}

}  // namespace

std::span<const Quantisation> quantisations() { return kQuantisations; }

const Quantisation& find_quantisation(std::string_view label) {
  std::string known;
  for (const Quantisation& each : kQuantisations) {
    if (each.label == label) return each;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", each.label);
  }
  throw Error(ErrorCode::kUsage,
              fmt::format("unknown weight type \"{}\": expected one of {}", label, known));
}

std::string_view quantisation_label(WeightType type, Mix mix) {
  for (const Quantisation& each : kQuantisations) {
    if (each.type == type && each.mix == mix) return each.label;
  }
  return to_string(type);
}

std::string_view label_of_file_type(std::uint64_t file_type) {
  for (const Quantisation& each : kQuantisations) {
    if (each.file_type == file_type) return each.label;
  }
  for (const FileLabel& each : kOtherFileTypes) {
    if (each.file_type == file_type) return each.label;
  }
  return {};
}

WeightType recipe_type(const ModelShape& shape, std::string_view role, std::int64_t layer,
                       std::int64_t columns) {
  if (is_float(shape.type)) return shape.type;
  if (!gguf_number(shape.type)) {  // a checkpoint's own scheme: layers only
    const bool whole = layer >= 0 && columns % block_of(shape.type).weights == 0;
    const bool experts_only = shape.type == W::kMXFP4;
    return whole && (!experts_only || role.ends_with("_exps")) ? shape.type : W::kBF16;
  }
  W type = shape.type;
  if (role == "output" || (role == "token_embd" && shape.tied_head)) {
    type = head_type(shape, columns);
  } else if (shape.type == W::kMXFP4) {
    type = role.ends_with("_exps") ? W::kMXFP4 : W::kQ8_0;
  } else if (role == "attn_v" || role == "attn_qkv") {
    type = value_type(shape, layer);
  } else if (role == "attn_k" && shape.experts == 8) {
    type = W::kQ8_0;
  } else if (role.starts_with("ffn_down")) {
    type = down_type(shape, layer);
  } else if (role == "attn_output") {
    type = attention_output_type(shape);
  }
  return fitting(type, columns);
}

}  // namespace mb
