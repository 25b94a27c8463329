// One table, in the order of the enumeration; a static_assert keeps the two together.
#include "workloads/shapes/weight_type.h"

#include <array>
#include <string>

#include "data/error.h"
#include "fmt/format.h"

namespace mb {
namespace {

struct TypeFacts {
  WeightType type;
  std::string_view name;
  int gguf;  // -1: not a type of GGUF
  std::int64_t block, block_bytes;
};

constexpr std::array kTypes = {
    TypeFacts{WeightType::kF32, "f32", 0, 1, 4},
    TypeFacts{WeightType::kF16, "f16", 1, 1, 2},
    TypeFacts{WeightType::kBF16, "bf16", 30, 1, 2},
    TypeFacts{WeightType::kQ8_0, "q8_0", 8, 32, 34},
    TypeFacts{WeightType::kQ4_0, "q4_0", 2, 32, 18},
    TypeFacts{WeightType::kQ6_K, "q6_k", 14, 256, 210},
    TypeFacts{WeightType::kQ4_1, "q4_1", 3, 32, 20},
    TypeFacts{WeightType::kQ5_0, "q5_0", 6, 32, 22},
    TypeFacts{WeightType::kQ5_1, "q5_1", 7, 32, 24},
    TypeFacts{WeightType::kQ8_1, "q8_1", 9, 32, 36},
    TypeFacts{WeightType::kQ2_K, "q2_k", 10, 256, 84},
    TypeFacts{WeightType::kQ3_K, "q3_k", 11, 256, 110},
    TypeFacts{WeightType::kQ4_K, "q4_k", 12, 256, 144},
    TypeFacts{WeightType::kQ5_K, "q5_k", 13, 256, 176},
    TypeFacts{WeightType::kQ8_K, "q8_k", 15, 256, 292},
    TypeFacts{WeightType::kIQ2_XXS, "iq2_xxs", 16, 256, 66},
    TypeFacts{WeightType::kIQ2_XS, "iq2_xs", 17, 256, 74},
    TypeFacts{WeightType::kIQ3_XXS, "iq3_xxs", 18, 256, 98},
    TypeFacts{WeightType::kIQ1_S, "iq1_s", 19, 256, 50},
    TypeFacts{WeightType::kIQ4_NL, "iq4_nl", 20, 32, 18},
    TypeFacts{WeightType::kIQ3_S, "iq3_s", 21, 256, 110},
    TypeFacts{WeightType::kIQ2_S, "iq2_s", 22, 256, 82},
    TypeFacts{WeightType::kIQ4_XS, "iq4_xs", 23, 256, 136},
    TypeFacts{WeightType::kIQ1_M, "iq1_m", 29, 256, 56},
    TypeFacts{WeightType::kTQ1_0, "tq1_0", 34, 256, 54},
    TypeFacts{WeightType::kTQ2_0, "tq2_0", 35, 256, 66},
    TypeFacts{WeightType::kMXFP4, "mxfp4", 39, 32, 17},
    TypeFacts{WeightType::kNVFP4, "nvfp4", 40, 64, 36},
    TypeFacts{WeightType::kQ1_0, "q1_0", 41, 128, 18},
    TypeFacts{WeightType::kQ2_0, "q2_0", 42, 64, 18},
    TypeFacts{WeightType::kI8, "i8", 24, 1, 1},
    TypeFacts{WeightType::kI16, "i16", 25, 1, 2},
    TypeFacts{WeightType::kI32, "i32", 26, 1, 4},
    TypeFacts{WeightType::kI64, "i64", 27, 1, 8},
    TypeFacts{WeightType::kF64, "f64", 28, 1, 8},
    TypeFacts{WeightType::kInt4Group32, "int4_g32", -1, 64, 37},
    TypeFacts{WeightType::kInt4Group64, "int4_g64", -1, 128, 69},
    TypeFacts{WeightType::kInt4Group128, "int4_g128", -1, 256, 133},
    TypeFacts{WeightType::kInt4Rows, "int4", -1, 2, 1},
    TypeFacts{WeightType::kInt8Group32, "int8_g32", -1, 32, 35},
    TypeFacts{WeightType::kInt8Group128, "int8_g128", -1, 128, 131},
    TypeFacts{WeightType::kInt8Rows, "int8", -1, 1, 1},
    TypeFacts{WeightType::kFp8, "fp8", -1, 1, 1},
    TypeFacts{WeightType::kNF4, "nf4", -1, 64, 36},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    if (kTypes[i].type != static_cast<WeightType>(i)) return false;
  }
  return kTypes.size() == static_cast<std::size_t>(WeightType::kNF4) + 1;
}
static_assert(in_order());

const TypeFacts& facts(WeightType type) { return kTypes[static_cast<std::size_t>(type)]; }

}  // namespace

std::string_view to_string(WeightType type) { return facts(type).name; }

WeightType weight_type_from_string(std::string_view text) {
  for (const TypeFacts& entry : kTypes) {
    if (entry.name == text) return entry.type;
  }
  std::string known;
  for (const TypeFacts& entry : kTypes) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.name);
  }
  throw Error(ErrorCode::kUsage,
              fmt::format("unknown weight type \"{}\": expected one of {}", text, known));
}

Block block_of(WeightType type) { return {facts(type).block, facts(type).block_bytes}; }

std::int64_t row_bytes(WeightType type, std::int64_t columns) {
  const TypeFacts& entry = facts(type);
  if (columns < 0 || columns % entry.block != 0) {
    throw Error(ErrorCode::kUsage,
                fmt::format("a row of {} weights is no multiple of the {} block of {}", columns,
                            entry.name, entry.block));
  }
  return columns / entry.block * entry.block_bytes;
}

std::optional<std::uint32_t> gguf_number(WeightType type) {
  if (facts(type).gguf < 0) return std::nullopt;
  return static_cast<std::uint32_t>(facts(type).gguf);
}

std::optional<WeightType> weight_type_of_gguf(std::uint32_t number) {
  for (const TypeFacts& entry : kTypes) {
    if (entry.gguf >= 0 && static_cast<std::uint32_t>(entry.gguf) == number) return entry.type;
  }
  return std::nullopt;
}

bool is_float(WeightType type) {
  return type == WeightType::kF32 || type == WeightType::kF16 || type == WeightType::kBF16 ||
         type == WeightType::kF64;
}

}  // namespace mb
