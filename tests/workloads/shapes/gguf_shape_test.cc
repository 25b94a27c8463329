// Shapes of GGUF files: of files that synthesize wrote, tensor by tensor, and of headers put
// together by hand for what synthesize never writes.
#include <gmock/gmock.h>

#include "data/error.h"
#include "data/system/files.h"
#include "tests/workloads/shapes/gguf_builder.h"
#include "workloads/shapes/gguf_file.h"
#include "workloads/shapes/gguf_writer.h"
#include "workloads/shapes/model_shape.h"

namespace mb {
namespace {

using ::testing::HasSubstr;

class GgufShapeTest : public ::testing::Test {
 protected:
  ModelShape shape_of(const GgufBuilder& builder, std::size_t data_bytes) {
    const auto path = folder_.path() / "m.gguf";
    return find_model(put_file(path, builder.bytes(data_bytes)).string());
  }
  std::string refusal(const GgufBuilder& builder, std::size_t data_bytes = kTinyDataBytes) {
    try {
      shape_of(builder, data_bytes);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kFailure);
      return error.what();
    }
    return "no error";
  }
  TemporaryFolder folder_;
};

// Small models of the kinds that have tensors of their own.
ModelShape small(std::string_view catalogue_name, std::string_view label) {
  ModelShape shape = find_model(std::string(catalogue_name) + ":" + std::string(label));
  shape.layers = 3;
  shape.hidden = 256;
  shape.heads = 4;
  shape.kv_heads = 2;
  shape.head_size = 64;
  shape.ffn = shape.expert_ffn = 512;
  shape.vocabulary = 300;
  if (shape.is_moe()) {
    shape.experts = 6;
    shape.experts_used = 2;
  } else {
    shape.expert_ffn = 0;
  }
  return shape;
}

TEST_F(GgufShapeTest, OfASynthesisedFileIsThatOfTheModelByteForByte) {
  for (const char* name : {"llama-3.1-8b", "qwen3-0.6b", "qwen2.5-1.5b", "gemma-3-1b",
                           "qwen3-30b-a3b", "gpt-oss-20b"}) {
    for (const char* label : {"q4_0", "q4_k_m", "bf16", "mxfp4"}) {
      const ModelShape wanted = small(name, label);
      const auto path = folder_.path() / "s.gguf";
      const std::int64_t bytes = synthesize_gguf(wanted, path);
      EXPECT_EQ(std::filesystem::file_size(path), static_cast<std::uintmax_t>(bytes));
      const ModelShape read = find_model(path.string());
      const auto expected = wanted.tensors(), tensors = read.tensors();
      ASSERT_EQ(tensors.size(), expected.size()) << name << label;
      for (std::size_t i = 0; i < tensors.size(); ++i) {
        EXPECT_EQ(tensors[i].name, expected[i].name);
        EXPECT_EQ(tensors[i].type, expected[i].type) << tensors[i].name;
        EXPECT_EQ(tensors[i].bytes(), expected[i].bytes()) << tensors[i].name;
        EXPECT_EQ(tensors[i].tensor_class, expected[i].tensor_class) << tensors[i].name;
        EXPECT_EQ(tensors[i].layer, expected[i].layer) << tensors[i].name;
      }
      EXPECT_EQ(read.weight_bytes_per_token(), wanted.weight_bytes_per_token());
      EXPECT_EQ(read.kv_bytes(5000), wanted.kv_bytes(5000)) << name;
      EXPECT_EQ(read.matmul_flops(7), wanted.matmul_flops(7));
      EXPECT_EQ(read.attention_flops(3, 900), wanted.attention_flops(3, 900));
      EXPECT_EQ(read.embedding_row_bytes(), wanted.embedding_row_bytes());
      EXPECT_EQ(read.tied_head, wanted.tied_head);
      EXPECT_EQ(read.qk_norm, wanted.qk_norm);
      EXPECT_EQ(read.attention_bias, wanted.attention_bias);
      EXPECT_EQ(read.claimed_label, label);
      EXPECT_EQ(read.spec(), path.string());
      std::filesystem::remove(path);
    }
  }
}

TEST_F(GgufShapeTest, TakesFewerLayersOfAFileWhenAsked) {
  const auto path = folder_.path() / "s.gguf";
  synthesize_gguf(small("llama-3.1-8b", "q8_0"), path);
  ModelShape part = find_model(path.string());
  part.layers = 1;
  for (const Tensor& tensor : part.tensors()) EXPECT_LT(tensor.layer, 1) << tensor.name;
}

TEST_F(GgufShapeTest, ATableAloneIsEnough) {
  const ModelShape shape = shape_of(tiny_model(), kTinyDataBytes);
  EXPECT_EQ(shape.title, "Tiny");
  EXPECT_EQ(shape.head_size, 16);  // no key_length: width by heads
  EXPECT_EQ(shape.vocabulary, 10);
  EXPECT_TRUE(shape.tied_head);
  EXPECT_EQ(shape.label(), "q4_0");
  // Tied: the embedding is read as the head; and the norm, and one matrix.
  EXPECT_EQ(shape.weight_bytes_per_token(), 2560 + 256 + 2304);
  EXPECT_EQ(shape.weight_bytes_per_token(TensorClass::kOutputHead), 2560);
}

TEST_F(GgufShapeTest, TheLabelIsAClaimTheTableTheTruth) {
  GgufBuilder builder = tiny_pairs();  // claims q4_0
  builder.tensor("token_embd.weight", {64, 10}, 0, 0)
      .tensor("blk.0.ffn_up.weight", {64, 96}, 8, 2560);
  const ModelShape shape = shape_of(builder, 2560 + 96 * 68);
  EXPECT_EQ(shape.claimed_label, "q4_0");
  EXPECT_EQ(shape.label(), "q8_0");
}

TEST_F(GgufShapeTest, ExpertsOneByOneCountAsExperts) {
  GgufBuilder builder = tiny_pairs();
  builder.number("llama.expert_count", 4).number("llama.expert_used_count", 1);
  builder.tensor("token_embd.weight", {64, 10}, 0, 0).tensor("output.weight", {64, 10}, 0, 2560);
  for (std::uint64_t expert = 0; expert < 4; ++expert) {
    builder.tensor("blk.0.ffn_up." + std::to_string(expert) + ".weight", {64, 2}, 0,
                   5120 + expert * 512);
  }
  const ModelShape shape = shape_of(builder, 5120 + 4 * 512);
  EXPECT_EQ(shape.weight_bytes_per_token(TensorClass::kExperts), 512);
  EXPECT_EQ(shape.weight_bytes(), 5120 + 2048);
}

TEST_F(GgufShapeTest, LayersThatPredictFurtherTokensAreStoredAndNotRead) {
  GgufBuilder builder;
  builder.text("general.architecture", "glm4moe")
      .number("glm4moe.block_count", 2)
      .number("glm4moe.nextn_predict_layers", 1)
      .number("glm4moe.embedding_length", 64)
      .number("glm4moe.attention.head_count", 4);
  builder.tensor("token_embd.weight", {64, 10}, 0, 0)
      .tensor("output.weight", {64, 10}, 0, 2560)
      .tensor("blk.0.attn_q.weight", {64, 64}, 0, 5120)
      .tensor("blk.1.attn_q.weight", {64, 64}, 0, 21504);
  const ModelShape shape = shape_of(builder, 21504 + 16384);
  EXPECT_EQ(shape.layers, 1);
  EXPECT_EQ(shape.weight_bytes(), 2 * 2560 + 2 * 16384);
  EXPECT_EQ(shape.weight_bytes_per_token(), 2560 + 16384);
}

TEST_F(GgufShapeTest, LayersWithTheirOwnKvHeadsAreSummed) {
  GgufBuilder builder;
  builder.text("general.architecture", "nemotron")
      .number("nemotron.block_count", 3)
      .number("nemotron.embedding_length", 64)
      .number("nemotron.attention.head_count", 4)
      .pair("nemotron.attention.head_count_kv", kGgufArray,
            raw(kGgufU32) + raw(std::uint64_t{3}) + raw(std::uint32_t{4}) + raw(std::uint32_t{0}) +
                raw(std::uint32_t{2}));
  builder.tensor("token_embd.weight", {64, 10}, 0, 0)
      .tensor("blk.0.attn_q.weight", {64, 64}, 0, 2560);
  const ModelShape shape = shape_of(builder, 2560 + 16384);
  EXPECT_EQ(shape.kv_bytes_per_position(), (4 + 0 + 2) * 2 * 16 * 2);  // f16 keys and values
  EXPECT_EQ(shape.kv_bytes_per_position_per_layer(), 4 * 2 * 16 * 2);
}

TEST_F(GgufShapeTest, WhatIsNoWholeModelIsNamed) {
  EXPECT_THAT(refusal(GgufBuilder()), HasSubstr("general.architecture is missing"));
  EXPECT_THAT(refusal(GgufBuilder().number("general.architecture", 3)), HasSubstr("no text"));
  EXPECT_THAT(refusal(GgufBuilder().text("general.architecture", "llama")),
              HasSubstr("llama.block_count is missing"));
  EXPECT_THAT(refusal(tiny_pairs()), HasSubstr("token_embd.weight"));
  EXPECT_THAT(refusal(tiny_pairs().tensor("token_embd.weight", {64, 10}, 0, 0)),
              HasSubstr("no layers' matrices"));
  EXPECT_THAT(refusal(tiny_pairs().tensor("token_embd.weight", {32, 10}, 0, 0)),
              HasSubstr("32 wide, embedding_length says 64"));
}

TEST_F(GgufShapeTest, FiguresOutOfRangeAreNamed) {
  const auto with = [](std::string_view key, std::uint32_t value) {
    GgufBuilder builder;
    builder.text("general.architecture", "x");
    for (const std::string_view each :
         {"block_count", "embedding_length", "attention.head_count", "expert_count"}) {
      builder.number("x." + std::string(each), each == key ? value : 2);
    }
    return builder.tensor("token_embd.weight", {2, 10}, 0, 0);
  };
  EXPECT_THAT(refusal(with("block_count", 4'000'000'000)),
              HasSubstr("x.block_count is 4000000000"));
  EXPECT_THAT(refusal(with("block_count", 0)), HasSubstr("x.block_count"));
  EXPECT_THAT(refusal(with("embedding_length", 4'000'000'000)), HasSubstr("x.embedding_length"));
  EXPECT_THAT(refusal(with("attention.head_count", 0)), HasSubstr("x.attention.head_count"));
  EXPECT_THAT(refusal(with("expert_count", 7)), HasSubstr("0 of 7 experts"));
}

TEST(FindModelFile, ATypeCannotBeAskedOfAGguf) {
  try {
    find_model("some/file.gguf:q8_0");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("types are its own"));
  }
}

}  // namespace
}  // namespace mb
