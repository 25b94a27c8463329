// Damaged model files by the thousand: whatever the bytes, a reader returns a shape or throws an
// Error of one line; anything else (a crash, another exception, a sanitizer's report under the asan
// preset) is a defect. Mutations are drawn from a fixed seed, so a failure is found again; the
// corpus are small files of both kinds, put together here. FUZZ_ROUNDS in the environment runs
// longer.
#include <gmock/gmock.h>

#include <cstdlib>
#include <random>

#include "data/error.h"
#include "data/system/files.h"
#include "tests/fuzz/mutate.h"
#include "tests/workloads/shapes/gguf_builder.h"
#include "workloads/shapes/model_shape.h"

namespace mb {
namespace {

constexpr int kRounds = 3000;

int rounds() {
  const char* text = std::getenv("FUZZ_ROUNDS");
  return text != nullptr ? std::atoi(text) : kRounds;
}

std::string gguf_seed() {
  GgufBuilder builder = tiny_pairs();
  builder.number("llama.expert_count", 2)
      .number("llama.expert_used_count", 1)
      .number("llama.attention.sliding_window", 16)
      .pair("llama.attention.head_count_kv2", kGgufArray,
            raw(kGgufU32) + raw(std::uint64_t{1}) + raw(std::uint32_t{2}))
      .pair("words", kGgufArray, raw(kGgufString) + raw(std::uint64_t{1}) + gguf_string("w"));
  builder.tensor("token_embd.weight", {64, 10}, 0, 0)
      .tensor("blk.0.attn_q.weight", {64, 64}, 2, 2560)
      .tensor("blk.0.ffn_up_exps.weight", {64, 2, 2}, 0, 4864)
      .tensor("blk.0.attn_norm.weight", {64}, 0, 5888);
  return builder.bytes(6144);
}

constexpr std::string_view kConfigSeed = R"({"model_type": "qwen3_moe", "num_hidden_layers": 2,
 "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
 "intermediate_size": 128, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
 "vocab_size": 100, "sliding_window": 8, "use_sliding_window": true,
 "layer_types": ["sliding_attention", "full_attention"], "torch_dtype": "bfloat16",
 "quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 32}})";

// Everything that `inspect` asks of a shape.
void use(const ModelShape& shape) {
  shape.weight_bytes();
  shape.weight_bytes_per_token();
  shape.kv_bytes(5000);
  shape.matmul_flops(3);
  shape.attention_flops(1, 512);
  shape.memory_bytes(512);
  shape.embedding_row_bytes();
}

void fuzz(const std::string& seed, const std::string& name) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / name).string();
  std::mt19937_64 random(20260101);
  int read = 0, refused = 0;
  for (int round = 0; round < rounds(); ++round) {
    put_file(path, mutate(seed, random));
    try {
      use(find_model(path));
      ++read;
    } catch (const Error& error) {
      ++refused;
      EXPECT_THAT(error.what(), ::testing::Not(::testing::HasSubstr("\n")));
    }
  }
  put_file(path, seed);
  EXPECT_NO_THROW(use(find_model(path)));  // the seed itself is right
  EXPECT_GT(read, 0);                      // so mutations reach beyond the first check
  EXPECT_GT(refused, 0);
}

TEST(FuzzModelFiles, Gguf) { fuzz(gguf_seed(), "m.gguf"); }
TEST(FuzzModelFiles, ConfigJson) { fuzz(std::string(kConfigSeed), "config.json"); }

}  // namespace
}  // namespace mb
