// Recipes against what llama.cpp's quantiser wrote for published files (the tensor tables that
// Hugging Face shows), and its rules counted by hand. scripts/engines/compare_recipes.py holds all
// of them against the library.
#include "workloads/shapes/quantisation.h"

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "data/error.h"
#include "workloads/shapes/model_shape.h"

namespace mb {
namespace {

std::map<std::string, int> types_of(std::string_view spec, std::string_view role) {
  std::map<std::string, int> counts;
  for (const Tensor& tensor : find_model(spec).tensors()) {
    if (tensor.name.find(std::string(role) + ".weight") == std::string::npos) continue;
    ++counts[std::string(to_string(tensor.type))];
  }
  return counts;
}

using Counts = std::map<std::string, int>;

TEST(Quantisations, AreDistinctAndFoundByLabel) {
  std::set<std::string_view> labels;
  std::set<std::uint32_t> numbers;
  for (const Quantisation& each : quantisations()) {
    EXPECT_TRUE(labels.insert(each.label).second) << each.label;
    EXPECT_TRUE(numbers.insert(each.file_type).second) << each.label;
    EXPECT_EQ(find_quantisation(each.label).file_type, each.file_type);
    EXPECT_EQ(quantisation_label(each.type, each.mix), each.label);
    EXPECT_EQ(label_of_file_type(each.file_type), each.label);
  }
  EXPECT_EQ(label_of_file_type(999), "");
  EXPECT_THROW(find_quantisation("q4_k"), Error);
}

TEST(Recipe, OfQ4KMGivesMoreBitsToHalfTheValueAndDownMatrices) {
  // 32 layers: the first and last four, and of the 24 between every third: 8 + 8.
  EXPECT_EQ(types_of("llama-3.1-8b:q4_k_m", "attn_v"), (Counts{{"q4_k", 16}, {"q6_k", 16}}));
  EXPECT_EQ(types_of("llama-3.1-8b:q4_k_m", "ffn_down"), (Counts{{"q4_k", 16}, {"q6_k", 16}}));
  EXPECT_EQ(types_of("llama-3.1-8b:q4_k_m", "ffn_up"), (Counts{{"q4_k", 32}}));
  EXPECT_EQ(types_of("llama-3.1-8b:q4_k_m", "attn_k"), (Counts{{"q4_k", 32}}));
}

TEST(Recipe, OfThePublishedLlamaFilesGivesTheirSizes) {
  // Meta-Llama-3.1-8B as published: Q4_K_M 4.92 GB, Q4_K_S 4.69, Q5_K_M 5.73, Q6_K 6.60,
  // Q3_K_M 4.02, Q2_K 3.18, Q8_0 8.54 GB (the tokenizer's 8 MB included).
  const std::map<std::string, double> published = {
      {"q4_k_m", 4.92e9}, {"q4_k_s", 4.69e9}, {"q5_k_m", 5.73e9}, {"q6_k", 6.60e9},
      {"q3_k_m", 4.02e9}, {"q2_k", 3.18e9},   {"q8_0", 8.54e9}};
  for (const auto& [label, bytes] : published) {
    const ModelShape shape = find_model("llama-3.1-8b:" + label);
    EXPECT_NEAR(static_cast<double>(shape.weight_bytes()) / bytes, 1, 0.005) << label;
  }
}

TEST(Recipe, OfQ4KSRaisesTheFirstLayersOnly) {
  EXPECT_EQ(types_of("llama-3.1-8b:q4_k_s", "attn_v"), (Counts{{"q4_k", 28}, {"q5_k", 4}}));
  EXPECT_EQ(types_of("llama-3.1-8b:q4_k_s", "ffn_down"), (Counts{{"q4_k", 28}, {"q5_k", 4}}));
}

TEST(Recipe, OfSeventyBillionRaisesEveryValueMatrix) {
  // 80 layers: 10 + 10 and every third of the 60 between are 6-bit; the rest is raised to 5-bit.
  EXPECT_EQ(types_of("llama-2-70b:q4_k_m", "attn_v"), (Counts{{"q5_k", 40}, {"q6_k", 40}}));
  EXPECT_EQ(types_of("llama-2-13b:q4_k_m", "attn_v").count("q5_k"), 0u);
}

TEST(Recipe, OfEightExpertsKeepsKeysAndValuesInEightBitsAndTheOutputInFive) {
  EXPECT_EQ(types_of("mixtral-8x7b:q4_k_m", "attn_k"), (Counts{{"q8_0", 32}}));
  EXPECT_EQ(types_of("mixtral-8x7b:q4_k_m", "attn_v"), (Counts{{"q8_0", 32}}));
  EXPECT_EQ(types_of("mixtral-8x7b:q4_k_m", "attn_output"), (Counts{{"q5_k", 32}}));
  EXPECT_EQ(types_of("mixtral-8x7b:q4_0", "attn_output"), (Counts{{"q4_0", 32}}));
}

TEST(Recipe, FallsBackWhereRowsDoNotDivide) {
  // gemma-3-1b is 1152 wide, no multiple of 256; its down matrices are 6912 = 27 x 256 wide.
  EXPECT_EQ(types_of("gemma-3-1b:q4_k_m", "attn_q"), (Counts{{"q5_0", 26}}));
  EXPECT_EQ(types_of("gemma-3-1b:q3_k_s", "attn_q"), (Counts{{"q4_0", 26}}));
  EXPECT_EQ(types_of("gemma-3-1b:iq4_xs", "attn_q"), (Counts{{"iq4_nl", 26}}));
  EXPECT_EQ(types_of("gemma-3-1b:q6_k", "attn_q"), (Counts{{"q8_0", 26}}));
  EXPECT_EQ(types_of("gemma-3-1b:q4_k_m", "ffn_down").count("q4_k"), 1u);
}

TEST(Recipe, OfMxfp4IsForExpertsOnly) {
  EXPECT_EQ(types_of("gpt-oss-20b:mxfp4", "ffn_up_exps"), (Counts{{"mxfp4", 24}}));
  EXPECT_EQ(types_of("gpt-oss-20b:mxfp4", "attn_q"), (Counts{{"q8_0", 24}}));
}

TEST(Recipe, OfMxfp4GivesThePublishedGptOssFile) {
  // ggml-org/gpt-oss-20b-GGUF: 12.1 GB, the tokenizer's 10 MB included.
  EXPECT_NEAR(static_cast<double>(find_model("gpt-oss-20b:mxfp4").weight_bytes()) / 12.1e9, 1,
              0.005);
}

}  // namespace
}  // namespace mb
