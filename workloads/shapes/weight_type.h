// Stored weight types: a quantised row is a whole number of blocks, each with its scales inside.
//
// Source of GGUF's numbers, names and block sizes: what libggml reports for each type number
// (ggml_type_name, ggml_blck_size, ggml_type_size), read out of the build in npm's node-llama-cpp
// 3.22.1. The last ones are stored by Hugging Face checkpoints only; GGUF has no number for them.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace mb {

enum class WeightType {
  kF32,
  kF16,
  kBF16,
  kQ8_0,
  kQ4_0,
  kQ6_K,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_1,
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ8_K,
  kIQ2_XXS,
  kIQ2_XS,
  kIQ3_XXS,
  kIQ1_S,
  kIQ4_NL,
  kIQ3_S,
  kIQ2_S,
  kIQ4_XS,
  kIQ1_M,
  kTQ1_0,
  kTQ2_0,
  kMXFP4,
  kNVFP4,
  kQ1_0,
  kQ2_0,
  kI8,
  kI16,
  kI32,
  kI64,
  kF64,
  kInt4Group32,  // GPTQ, AWQ and the like: 4-bit, an f16 scale and a 4-bit zero for each group
  kInt4Group64,
  kInt4Group128,
  kInt4Rows,     // scales of whole rows, below a hundredth, left out; as with the next two
  kInt8Group32,  // 8-bit, an f16 scale and an 8-bit zero for each group
  kInt8Group128,
  kInt8Rows,
  kFp8,
  kNF4,  // bitsandbytes: 64 weights in 32 bytes and an f32 maximum
};

std::string_view to_string(WeightType type);                // f32 f16 bf16 q8_0 q4_0 q6_k ...
WeightType weight_type_from_string(std::string_view text);  // throws Error(kUsage)
// Weights and bytes of one block; {1, bytes} for plain numbers.
struct Block {
  std::int64_t weights = 1, bytes = 0;
};
Block block_of(WeightType type);
// Bytes of `columns` weights in a row; columns must be a multiple of the block, else
// Error(kUsage).
std::int64_t row_bytes(WeightType type, std::int64_t columns);
// GGUF's number of a type; nullopt for types it does not have.
std::optional<std::uint32_t> gguf_number(WeightType type);
std::optional<WeightType> weight_type_of_gguf(std::uint32_t number);
// Plain numbers, not blocks with scales.
bool is_float(WeightType type);

}  // namespace mb
