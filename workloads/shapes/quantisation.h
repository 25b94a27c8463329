// What a quantisation label stands for. A label names a recipe, not a type: in a q4_k_m file some
// matrices are 6-bit, the output matrix has its own rule, and rows that do not divide into blocks
// fall back to a type with shorter ones.
//
// Source of the rules: what llama.cpp's quantiser does without an importance matrix (llama-quant,
// mid-2026); scripts/engines/compare_recipes.py holds them against the library itself.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "workloads/shapes/weight_type.h"

namespace mb {

struct ModelShape;

// Which of a type's recipes: q4_k_s is kSmall, q4_k_m kMedium, q3_k_l kLarge; kPlain has one type
// for all layers' matrices.
enum class Mix { kPlain, kSmall, kMedium, kLarge };

struct Quantisation {
  std::string_view label;  // q4_k_m
  WeightType type;         // of most matrices
  Mix mix = Mix::kPlain;
  std::uint32_t file_type = 0;  // GGUF's general.file_type
};

// Those that can be asked for as MODEL:LABEL and synthesised, from most to fewest bits.
std::span<const Quantisation> quantisations();
// Throws Error(kUsage) listing the labels.
const Quantisation& find_quantisation(std::string_view label);
// "q4_k_m", or the type's name where no recipe is meant.
std::string_view quantisation_label(WeightType type, Mix mix);
// The label that a file's general.file_type claims; empty when unknown.
std::string_view label_of_file_type(std::uint64_t file_type);

// The stored type of a matrix. `role` is its GGUF name without block number and ending: attn_v,
// ffn_down_exps, token_embd, output. `columns` is the length of its rows.
WeightType recipe_type(const ModelShape& shape, std::string_view role, std::int64_t layer,
                       std::int64_t columns);

}  // namespace mb
