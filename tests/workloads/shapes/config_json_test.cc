// config.json files of published models (their figures as they stand on the hub) and files that
// are wrong in every way that comes to mind.
#include <gmock/gmock.h>

#include "data/error.h"
#include "data/system/files.h"
#include "tests/workloads/shapes/gguf_builder.h"  // put_file()
#include "workloads/shapes/model_shape.h"

namespace mb {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kLlama = R"({"model_type": "llama", "num_hidden_layers": 2,
  "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 128,
  "vocab_size": 1000, "max_position_embeddings": 512, "torch_dtype": "float16"})";

class ConfigJsonTest : public ::testing::Test {
 protected:
  std::string file(std::string_view text) {
    return put_file(folder_.path() / "config.json", text).string();
  }
  // kLlama with fields replaced or added.
  std::string with(const std::string& fields) {
    std::string text(kLlama);
    return file(text.substr(0, text.rfind('}')) + ", " + fields + "}");
  }
  ModelShape shape(const std::string& fields) { return find_model(with(fields)); }
  std::string refusal(const std::string& path) {
    try {
      find_model(path);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kFailure) << error.what();
      EXPECT_THAT(error.what(), HasSubstr("config.json"));
      EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
      return error.what();
    }
    return "no error";
  }
  TemporaryFolder folder_;
};

TEST_F(ConfigJsonTest, OfAPhi3MiniHasThePublishedParameters) {
  // microsoft/Phi-3-mini-4k-instruct, config.json; 3,821,079,552 parameters on its card.
  const ModelShape shape = find_model(file(R"({"model_type": "phi3", "hidden_size": 3072,
    "intermediate_size": 8192, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 32, "vocab_size": 32064, "max_position_embeddings": 4096,
    "sliding_window": 2047, "tie_word_embeddings": false, "torch_dtype": "bfloat16"})"));
  EXPECT_EQ(shape.parameters(), 3'821'079'552);
  EXPECT_EQ(shape.label(), "bf16");
  EXPECT_TRUE(shape.from_file);
}

TEST_F(ConfigJsonTest, OfAMistralHasThePublishedParameters) {
  // mistralai/Mistral-7B-v0.1, config.json; 7,241,732,096 parameters on its card.
  const ModelShape shape = find_model(file(R"({"model_type": "mistral", "hidden_size": 4096,
    "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "vocab_size": 32000, "max_position_embeddings": 32768,
    "sliding_window": 4096, "tie_word_embeddings": false})"));
  EXPECT_EQ(shape.parameters(), 7'241'732'096);
  EXPECT_EQ(shape.architecture, "llama");
  EXPECT_EQ(shape.sliding_window, 4096);
}

TEST_F(ConfigJsonTest, OfAMultimodalGemmaTakesTheTextPartAndItsDefaults) {
  // google/gemma-3-4b-it, config.json: text_config names five figures only. 3,880,099,328
  // parameters of the language model (safetensors index of the text-only checkpoint).
  const ModelShape shape = find_model(file(R"({"model_type": "gemma3", "torch_dtype": "bfloat16",
    "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text",
    "num_hidden_layers": 34, "sliding_window": 1024, "sliding_window_pattern": 6},
    "vision_config": {"hidden_size": 1152}})"));
  EXPECT_EQ(shape.heads, 8);
  EXPECT_EQ(shape.head_size, 256);
  EXPECT_TRUE(shape.tied_head);
  EXPECT_NEAR(static_cast<double>(shape.parameters()) / 3'880'099'328.0, 1, 0.001);
}

TEST_F(ConfigJsonTest, OfAQwen2MoeCountsTheSharedExpert) {
  // Qwen/Qwen1.5-MoE-A2.7B, config.json; 14,315,784,192 parameters in its safetensors index.
  const ModelShape shape = find_model(file(R"({"model_type": "qwen2_moe", "hidden_size": 2048,
    "intermediate_size": 5632, "moe_intermediate_size": 1408, "num_hidden_layers": 24,
    "shared_expert_intermediate_size": 5632, "num_attention_heads": 16, "num_key_value_heads": 16,
    "num_experts": 60, "num_experts_per_tok": 4, "decoder_sparse_step": 1, "vocab_size": 151936,
    "max_position_embeddings": 8192, "sliding_window": 32768, "use_sliding_window": false,
    "tie_word_embeddings": false, "torch_dtype": "bfloat16"})") +
                                      ":q8_0");
  EXPECT_NEAR(static_cast<double>(shape.parameters()) / 14'315'784'192.0, 1, 0.001);
  EXPECT_EQ(shape.weight_bytes_per_token(TensorClass::kSharedExperts),
            24 * (3 * 2048 * 5632 / 32 * 34 + 4 * 2048));
  EXPECT_EQ(shape.sliding_window, 0);
}

TEST_F(ConfigJsonTest, TheTypeIsItsOwnOrTheOneAskedFor) {
  EXPECT_EQ(find_model(file(kLlama)).label(), "f16");
  EXPECT_EQ(find_model(file(kLlama) + ":q4_k_m").label(), "q4_k_m");
  EXPECT_EQ(find_model(file(kLlama) + ":q4_k_m").spec(), file(kLlama) + ":q4_k_m");
  EXPECT_EQ(shape(R"("dtype": "float32")").label(), "f32");
  EXPECT_THROW(find_model(file(kLlama) + ":q9"), Error);
}

TEST_F(ConfigJsonTest, QuantizationConfigGivesTheStoredType) {
  const auto label = [&](const std::string& scheme) {
    return shape("\"intermediate_size\": 256, \"hidden_size\": 256, \"quantization_config\": {" +
                 scheme + "}")
        .label();
  };
  EXPECT_EQ(label(R"("quant_method": "gptq", "bits": 4, "group_size": 128)"), "int4_g128");
  EXPECT_EQ(label(R"("quant_method": "gptq", "bits": 4, "group_size": -1)"), "int4");
  EXPECT_EQ(label(R"("quant_method": "gptq", "bits": 8, "group_size": 32)"), "int8_g32");
  EXPECT_EQ(label(R"("quant_method": "awq", "w_bit": 4, "q_group_size": 64)"), "int4_g64");
  EXPECT_EQ(label(R"("quant_method": "fp8", "weight_block_size": [128, 128])"), "fp8");
  EXPECT_EQ(label(R"("quant_method": "mxfp4")"), "mxfp4");
  EXPECT_EQ(label(R"("quant_method": "bitsandbytes", "load_in_4bit": true)"), "nf4");
  EXPECT_EQ(label(R"("quant_method": "bitsandbytes", "load_in_8bit": true)"), "int8");
  EXPECT_EQ(label(R"("quant_method": "compressed-tensors", "config_groups": {"group_0":
      {"weights": {"num_bits": 8, "type": "float"}}})"),
            "fp8");
  EXPECT_EQ(label(R"("quant_method": "compressed-tensors", "config_groups": {"group_0":
      {"weights": {"num_bits": 4, "type": "int", "group_size": 128}}})"),
            "int4_g128");
}

TEST_F(ConfigJsonTest, AGptqModelKeepsEmbeddingAndHeadInTwoBytes) {
  const ModelShape gptq = shape(R"("hidden_size": 256, "intermediate_size": 256,
    "quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128})");
  EXPECT_EQ(gptq.weight_bytes_per_token(TensorClass::kOutputHead), 1000 * 256 * 2);
  EXPECT_EQ(gptq.weight_bytes_per_token(TensorClass::kFeedForward), 2 * 3 * 256 * 133);
}

TEST_F(ConfigJsonTest, LayerTypesGiveThePeriodOfTheWindow) {
  const ModelShape both = shape(R"("sliding_window": 8, "num_hidden_layers": 4, "layer_types":
    ["sliding_attention", "full_attention", "sliding_attention", "full_attention"])");
  EXPECT_EQ(both.sliding_window_pattern, 2);
  EXPECT_EQ(both.kv_bytes(100), 2 * (100 + 8) * both.kv_bytes_per_position_per_layer());
  EXPECT_EQ(shape(R"("sliding_window": 8, "layer_types": ["full_attention", "full_attention"])")
                .sliding_window,
            0);
  EXPECT_THAT(refusal(with(R"("sliding_window": 8, "num_hidden_layers": 3, "layer_types":
    ["full_attention", "sliding_attention", "sliding_attention"])")),
              HasSubstr("follows no period"));
  EXPECT_THAT(refusal(with(R"("sliding_window": 8, "layer_types": [3])")),
              HasSubstr("layer_types"));
}

TEST_F(ConfigJsonTest, WhatIsMissingOrOfAWrongTypeIsNamed) {
  for (const char* key : {"num_hidden_layers", "hidden_size", "num_attention_heads",
                          "intermediate_size", "vocab_size"}) {
    for (const char* wrong : {"null", "0", "-1", "1.5", "\"4\"", "[]", "{}", "true", "1e300",
                              "18446744073709551615", "9223372036854775807"}) {
      EXPECT_THAT(refusal(with("\"" + std::string(key) + "\": " + wrong)), HasSubstr(key)) << wrong;
    }
  }
  EXPECT_THAT(refusal(with(R"("model_type": 7)")), HasSubstr("model_type"));
  EXPECT_THAT(refusal(with(R"("model_type": "t5")")), HasSubstr("\"t5\" is not known"));
  EXPECT_THAT(refusal(with(R"("tie_word_embeddings": 1)")), HasSubstr("tie_word_embeddings"));
  EXPECT_THAT(refusal(with(R"("rope_theta": "x")")), HasSubstr("rope_theta"));
  EXPECT_THAT(refusal(with(R"("num_key_value_heads": 3)")), HasSubstr("do not divide"));
  EXPECT_THAT(refusal(with(R"("num_key_value_heads": 0)")), HasSubstr("num_key_value_heads"));
  EXPECT_THAT(refusal(with(R"("torch_dtype": "int7")")), HasSubstr("int7"));
  EXPECT_THAT(refusal(with(R"("quantization_config": {"quant_method": "x\ny"})")),
              HasSubstr("x?y"));
  EXPECT_THAT(refusal(with(R"("quantization_config": {"quant_method": "gptq", "bits": 3})")),
              HasSubstr("3 bits"));
  EXPECT_THAT(refusal(with(R"("num_experts": 8)")), HasSubstr("num_experts_per_tok"));
  EXPECT_THAT(refusal(with(R"("num_experts": 8, "num_experts_per_tok": 9)")),
              HasSubstr("num_experts_per_tok"));
  EXPECT_THAT(
      refusal(with(R"("num_experts": 8, "num_experts_per_tok": 2, "mlp_only_layers": [0])")),
      HasSubstr("mlp_only_layers"));
}

TEST_F(ConfigJsonTest, AbsurdSizesAreRefused) {
  EXPECT_THAT(
      refusal(with(R"("num_hidden_layers": 4096, "hidden_size": 1048576, "num_experts": 60000,
    "num_experts_per_tok": 1, "moe_intermediate_size": 10000000)")),
      HasSubstr("parameters"));
}

TEST_F(ConfigJsonTest, WhatIsNoJsonIsRefused) {
  const std::string whole(kLlama);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_THAT(refusal(file(whole.substr(0, length))), HasSubstr("JSON")) << length;
  }
  EXPECT_THAT(refusal(file("[1, 2]")), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal(file("3")), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal(file("{\"model_type\": \"\xff\xfe\"}")), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal(file(std::string(100'000, '['))), HasSubstr("nested"));
  EXPECT_THAT(refusal(file(std::string(2 << 20, ' '))), HasSubstr("larger than"));
  EXPECT_THAT(refusal((folder_.path() / "absent" / "config.json").string()),
              HasSubstr("no such file"));
}

}  // namespace
}  // namespace mb
