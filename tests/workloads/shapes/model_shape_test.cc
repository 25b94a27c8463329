// Shapes against figures that other people published (parameter counts, tensor sizes) and against
// sums done by hand; nothing here is taken from the code under test.
#include "workloads/shapes/model_shape.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "data/error.h"

namespace mb {
namespace {

using ::testing::HasSubstr;

std::string usage_error(std::string_view spec) {
  try {
    find_model(spec);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "no error";
}

const Tensor& tensor_named(const std::vector<Tensor>& tensors, std::string_view name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const Tensor& tensor) { return tensor.name == name; });
  if (found == tensors.end()) throw std::out_of_range(std::string(name));
  return *found;
}

TEST(Catalogue, ParametersAgreeWithTheModelCardsWithinOnePercent) {
  const std::map<std::string, double> published = {
      {"gemma-3-270m", 268e6},  {"gemma-3-1b", 1.00e9},    {"qwen2.5-1.5b", 1.54e9},
      {"qwen3-0.6b", 0.596e9},  {"qwen3-1.7b", 1.72e9},    {"qwen3-4b", 4.02e9},
      {"qwen3-8b", 8.19e9},     {"qwen3-30b-a3b", 30.5e9}, {"llama-3.1-8b", 8.03e9},
      {"llama-3.2-1b", 1.24e9}, {"llama-3.2-3b", 3.21e9},  {"llama-2-7b", 6.74e9},
      {"llama-2-13b", 13.0e9},  {"llama-2-70b", 69.0e9},   {"mixtral-8x7b", 46.7e9},
      {"gpt-oss-20b", 20.9e9},  {"deepseek-v3", 671e9},
  };
  ASSERT_EQ(catalogue().size(), published.size());
  for (const auto& [name, parameters] : published) {
    const ModelShape shape = find_model(name);
    EXPECT_NEAR(static_cast<double>(shape.parameters()) / parameters, 1, 0.01) << name;
    EXPECT_EQ(shape.parameters(), shape.published_parameters) << name;
    EXPECT_THAT(shape.source, HasSubstr("config.json")) << name;
  }
}

TEST(Catalogue, IsSortedByParameters) {
  for (std::size_t i = 1; i < catalogue().size(); ++i) {
    EXPECT_LE(find_model(catalogue()[i - 1]).parameters(), find_model(catalogue()[i]).parameters());
  }
  EXPECT_EQ(catalogue().front(), "gemma-3-270m");
}

TEST(Catalogue, AMoEModelReadsOnlyItsActiveParameters) {
  const ModelShape shape = find_model("qwen3-30b-a3b:f32");
  // The card says 3.3e9 activated; embedding rows are looked up, not read.
  const double active = static_cast<double>(shape.weight_bytes_per_token()) / 4 + 151936.0 * 2048;
  EXPECT_NEAR(active / 3.3e9, 1, 0.02);
}

TEST(Catalogue, AFourBitThreeBillionActiveModelReadsAboutOnePointSevenGigabytesAToken) {
  const double bytes =
      static_cast<double>(find_model("qwen3-30b-a3b:q4_0").weight_bytes_per_token());
  EXPECT_GT(bytes, 1.6e9);
  EXPECT_LT(bytes, 1.9e9);
}

TEST(FindModel, DefaultsToQ4AndTakesAType) {
  EXPECT_EQ(find_model("qwen3-4b").type, WeightType::kQ4_0);
  EXPECT_EQ(find_model("qwen3-4b:bf16").type, WeightType::kBF16);
}

TEST(FindModel, NamesTheNearestWhenUnknown) {
  const std::string message = usage_error("qwen3-4");
  EXPECT_THAT(message, HasSubstr("qwen3-4\""));
  EXPECT_THAT(message, HasSubstr("qwen3-4b"));
  EXPECT_THAT(usage_error("lama3.1-8b"), HasSubstr("llama-3.1-8b"));
}

TEST(FindModel, RefusesAnUnknownType) {
  EXPECT_THAT(usage_error("qwen3-4b:q9"), HasSubstr("q4_0"));
  EXPECT_THAT(usage_error("qwen3-4b:"), HasSubstr("unknown weight type"));
  EXPECT_THAT(usage_error(""), HasSubstr("nearest"));
}

TEST(RowBytes, AreWholeBlocks) {
  EXPECT_EQ(row_bytes(WeightType::kF32, 7), 28);
  EXPECT_EQ(row_bytes(WeightType::kBF16, 7), 14);
  EXPECT_EQ(row_bytes(WeightType::kQ4_0, 4096), 4096 / 32 * 18);
  EXPECT_EQ(row_bytes(WeightType::kQ8_0, 4096), 4096 / 32 * 34);
  EXPECT_EQ(row_bytes(WeightType::kQ6_K, 4096), 4096 / 256 * 210);
  EXPECT_THROW(row_bytes(WeightType::kQ4_0, 33), Error);
  EXPECT_THROW(row_bytes(WeightType::kQ6_K, 640), Error);
}

TEST(Tensors, AreThoseOfALlamaFileWithTheQuantisersTypes) {
  const ModelShape shape = find_model("llama-3.1-8b:q4_0");
  const std::vector<Tensor> tensors = shape.tensors();
  EXPECT_EQ(tensors.size(), 291u);  // what a GGUF of this model (without rope factors) lists
  EXPECT_EQ(tensor_named(tensors, "output.weight").type, WeightType::kQ6_K);
  EXPECT_EQ(tensor_named(tensors, "token_embd.weight").type, WeightType::kQ4_0);
  EXPECT_EQ(tensor_named(tensors, "blk.31.attn_k.weight").rows, 1024);
  EXPECT_EQ(tensor_named(tensors, "blk.0.ffn_down.weight").columns, 14336);
  EXPECT_EQ(tensor_named(tensors, "blk.0.ffn_norm.weight").type, WeightType::kF32);
  EXPECT_EQ(tensor_named(tensors, "blk.0.ffn_norm.weight").bytes(), 4 * 4096);
}

TEST(Tensors, ATiedEmbeddingIsStoredAsTheHeadAndReadOnce) {
  const ModelShape shape = find_model("qwen3-4b:q4_0");
  const auto tensors = shape.tensors();
  EXPECT_EQ(tensor_named(tensors, "token_embd.weight").type, WeightType::kQ6_K);
  EXPECT_THROW(tensor_named(tensors, "output.weight"), std::out_of_range);
  EXPECT_EQ(shape.weight_bytes_per_token(TensorClass::kOutputHead),
            151936 * row_bytes(WeightType::kQ6_K, 2560));
  EXPECT_EQ(shape.weight_bytes_per_token(), shape.weight_bytes());
}

TEST(Tensors, TheHeadFallsBackToQ8WhereRowsAreNoMultipleOf256) {
  EXPECT_EQ(tensor_named(find_model("gemma-3-270m:q4_0").tensors(), "token_embd.weight").type,
            WeightType::kQ8_0);
  EXPECT_EQ(tensor_named(find_model("gemma-3-1b:q4_0").tensors(), "token_embd.weight").type,
            WeightType::kQ8_0);
}

TEST(Tensors, FloatModelsKeepTheirTypeEverywhereButInNormsAndRouter) {
  const auto tensors = find_model("qwen3-30b-a3b:bf16").tensors();
  EXPECT_EQ(tensor_named(tensors, "output.weight").type, WeightType::kBF16);
  EXPECT_EQ(tensor_named(tensors, "blk.0.ffn_gate_inp.weight").type, WeightType::kF32);
  EXPECT_EQ(tensor_named(tensors, "blk.0.ffn_gate_exps.weight").count, 128);
  EXPECT_EQ(tensor_named(tensors, "blk.0.attn_q_norm.weight").columns, 128);
}

TEST(Tensors, EightExpertModelsKeepKeysAndValuesInQ8) {
  const auto tensors = find_model("mixtral-8x7b:q4_0").tensors();
  EXPECT_EQ(tensor_named(tensors, "blk.0.attn_v.weight").type, WeightType::kQ8_0);
  EXPECT_EQ(tensor_named(tensors, "blk.0.attn_q.weight").type, WeightType::kQ4_0);
}

TEST(Bytes, OfTheQuantisedLlamaFileAreThePublishedOnes) {
  // The tensor data of a Meta-Llama-3.1-8B Q4_0 file is 4.66e9 bytes (4.34 GiB).
  const double bytes = static_cast<double>(find_model("llama-3.1-8b:q4_0").weight_bytes());
  EXPECT_NEAR(bytes / 4.66e9, 1, 0.01);
}

TEST(Bytes, ClassesAddUpAndTheEmbeddingRowIsNotRead) {
  for (const std::string& name : catalogue()) {
    const ModelShape shape = find_model(name);
    std::int64_t sum = 0;
    for (int c = 0; c <= static_cast<int>(TensorClass::kOutputHead); ++c) {
      sum += shape.weight_bytes_per_token(static_cast<TensorClass>(c));
    }
    EXPECT_EQ(sum, shape.weight_bytes_per_token()) << name;
    EXPECT_EQ(shape.weight_bytes_per_token(TensorClass::kEmbedding), 0) << name;
    EXPECT_LE(shape.weight_bytes_per_token(), shape.weight_bytes()) << name;
  }
}

TEST(Bytes, RowsTouchMoreExpertsAndNeverMoreThanAll) {
  const ModelShape moe = find_model("qwen3-30b-a3b:q4_0");
  EXPECT_NEAR(moe.weight_bytes_for_rows(1), static_cast<double>(moe.weight_bytes_per_token()), 1);
  double last = 0;
  for (const std::int64_t rows : {1, 2, 8, 64, 512, 100000}) {
    EXPECT_GE(moe.weight_bytes_for_rows(rows), last);
    last = moe.weight_bytes_for_rows(rows);
  }
  EXPECT_LE(last, static_cast<double>(moe.weight_bytes()));
  EXPECT_GT(last, 0.97 * static_cast<double>(moe.weight_bytes()));
  const ModelShape dense = find_model("qwen3-4b");
  EXPECT_EQ(dense.weight_bytes_for_rows(512), dense.weight_bytes_for_rows(1));
}

TEST(Kv, BytesFollowHeadsLayersAndType) {
  const ModelShape shape = find_model("llama-3.1-8b");
  EXPECT_EQ(shape.kv_bytes_per_position(), 131072);  // 128 KiB a token at f16
  EXPECT_EQ(shape.kv_bytes_per_position("f32"), 262144);
  EXPECT_EQ(shape.kv_bytes_per_position("q8_0"), 131072 / 2 * 34 / 32);
  EXPECT_EQ(shape.kv_bytes_per_position_per_layer(), 4096);
  EXPECT_EQ(shape.kv_bytes(1000), 131072000);
}

TEST(Kv, SlidingWindowsBoundAllButTheGlobalLayers) {
  const ModelShape shape = find_model("gemma-3-1b");  // 26 layers, every 6th global: 4
  const std::int64_t row = shape.kv_bytes_per_position_per_layer();
  EXPECT_EQ(shape.kv_bytes(512), 26 * 512 * row);
  EXPECT_EQ(shape.kv_bytes(4096), (22 * 512 + 4 * 4096) * row);
}

TEST(Flops, OfADecodeStepAreTwiceTheWeightsItReads) {
  const ModelShape shape = find_model("llama-2-7b:f32");
  const double matrices = static_cast<double>(shape.weight_bytes_per_token() -
                                              shape.weight_bytes_per_token(TensorClass::kNorm)) /
                          4;
  EXPECT_DOUBLE_EQ(shape.matmul_flops(1), 2 * matrices);
}

TEST(Flops, ComputeTheHeadForTheLastRowOnly) {
  const ModelShape shape = find_model("qwen3-4b");
  const double head = 2.0 * 151936 * 2560;
  EXPECT_DOUBLE_EQ(shape.matmul_flops(512) - head, 512 * (shape.matmul_flops(1) - head));
}

TEST(Flops, OfAttentionCountTheCausalTriangleAndTheCache) {
  const ModelShape shape = find_model("llama-3.1-8b");  // 32 layers, 32 heads of 128
  const double unit = 4.0 * 32 * 128 * 32;
  EXPECT_DOUBLE_EQ(shape.attention_flops(1, 0), unit);
  EXPECT_DOUBLE_EQ(shape.attention_flops(1, 999), unit * 1000);
  EXPECT_DOUBLE_EQ(shape.attention_flops(3, 10), unit * (11 + 12 + 13));
}

TEST(Flops, OfAttentionStopAtTheSlidingWindow) {
  const ModelShape shape = find_model("gemma-3-270m");  // 18 layers, 3 global, window 512
  const double unit = 4.0 * 4 * 256;
  EXPECT_DOUBLE_EQ(shape.attention_flops(1, 9999), unit * (15 * 512 + 3 * 10000));
  EXPECT_DOUBLE_EQ(shape.attention_flops(4, 510),
                   unit * (15 * (511 + 512 + 512 + 512) + 3 * (511 + 512 + 513 + 514)));
}

TEST(Memory, IsWeightsPlusKvPlusALittle) {
  const ModelShape shape = find_model("qwen3-4b:q4_0");
  const std::int64_t rest = shape.memory_bytes(4096) - shape.weight_bytes() - shape.kv_bytes(4096);
  EXPECT_GT(rest, 0);
  EXPECT_LT(rest, 256 << 20);
}

}  // namespace
}  // namespace mb
