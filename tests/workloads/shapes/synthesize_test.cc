// What synthesize writes: valid weights, the same again for the same seed, and nothing left behind
// when it fails.
#include <gmock/gmock.h>

#include <cmath>
#include <cstring>

#include "data/error.h"
#include "data/system/files.h"
#include "workloads/shapes/gguf_file.h"
#include "workloads/shapes/gguf_writer.h"

namespace mb {
namespace {

using ::testing::HasSubstr;

ModelShape tiny(std::string_view label) {
  ModelShape shape = find_model("qwen3-0.6b:" + std::string(label));
  shape.layers = 1;
  shape.hidden = 256;
  shape.heads = shape.kv_heads = 2;
  shape.head_size = 32;
  shape.ffn = 256;
  shape.vocabulary = 400;
  return shape;
}

float from_f16(const char* at) {
  std::uint16_t bits;
  std::memcpy(&bits, at, sizeof bits);
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double value = exponent == 0    ? std::ldexp(mantissa, -24)
                       : exponent == 31 ? INFINITY
                                        : std::ldexp(1024 + mantissa, exponent - 25);
  return static_cast<float>((bits & 0x8000) != 0 ? -value : value);
}

double spread(const std::vector<float>& values) {
  double sum = 0, squares = 0;
  for (const float value : values) {
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  const auto n = static_cast<double>(values.size());
  EXPECT_NEAR(sum / n, 0, 0.003);
  return std::sqrt(squares / n);
}

TEST(RandomBlocks, OfPlainNumbersSpreadByAFiftieth) {
  std::uint64_t state = 7;
  std::vector<char> bytes(4 * 4096);
  fill_random_blocks(WeightType::kF32, state, bytes.data(), 4 * 4096);
  std::vector<float> values(4096);
  std::memcpy(values.data(), bytes.data(), bytes.size());
  EXPECT_NEAR(spread(values), 0.02, 0.001);
  fill_random_blocks(WeightType::kF16, state, bytes.data(), 2 * 4096);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = from_f16(bytes.data() + 2 * i);
  EXPECT_NEAR(spread(values), 0.02, 0.001);
  fill_random_blocks(WeightType::kBF16, state, bytes.data(), 2 * 4096);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const char wide[4] = {0, 0, bytes[2 * i], bytes[2 * i + 1]};
    std::memcpy(&values[i], wide, sizeof wide);
  }
  EXPECT_NEAR(spread(values), 0.02, 0.001);
}

TEST(RandomBlocks, OfQ4AndQ8SpreadByAFiftieth) {
  std::uint64_t state = 7;
  std::vector<char> bytes(34 * 128);
  std::vector<float> values;
  fill_random_blocks(WeightType::kQ4_0, state, bytes.data(), 18 * 128);
  for (int block = 0; block < 128; ++block) {
    const char* at = bytes.data() + 18 * block;
    for (int i = 2; i < 18; ++i) {
      const auto both = static_cast<unsigned char>(at[i]);
      values.push_back(from_f16(at) * static_cast<float>((both & 15) - 8));
      values.push_back(from_f16(at) * static_cast<float>((both >> 4) - 8));
    }
  }
  EXPECT_NEAR(spread(values), 0.02, 0.002);
  values.clear();
  fill_random_blocks(WeightType::kQ8_0, state, bytes.data(), 34 * 128);
  for (int block = 0; block < 128; ++block) {
    const char* at = bytes.data() + 34 * block;
    for (int i = 2; i < 34; ++i) {
      values.push_back(from_f16(at) * static_cast<float>(static_cast<signed char>(at[i])));
    }
  }
  EXPECT_NEAR(spread(values), 0.02, 0.002);
}

TEST(RandomBlocks, OfEveryOfferedTypeHaveFiniteScales) {
  struct Scale {
    const char* type;
    std::int64_t at;
  };
  for (const auto& [name, at] :
       {Scale{"q4_0", 0}, Scale{"q4_1", 2}, Scale{"q5_0", 0}, Scale{"q5_1", 2}, Scale{"q8_0", 0},
        Scale{"q2_k", 80}, Scale{"q2_k", 82}, Scale{"q3_k", 108}, Scale{"q4_k", 2},
        Scale{"q5_k", 2}, Scale{"q6_k", 208}, Scale{"iq4_nl", 0}, Scale{"iq4_xs", 0}}) {
    const WeightType type = weight_type_from_string(name);
    const std::int64_t block = block_of(type).bytes;
    std::vector<char> bytes(static_cast<std::size_t>(block * 50));
    std::uint64_t state = 3;
    fill_random_blocks(type, state, bytes.data(), block * 50);
    for (std::int64_t i = 0; i < 50; ++i) {
      const float scale = from_f16(bytes.data() + block * i + at);
      EXPECT_NE(scale, 0) << name;
      EXPECT_LT(std::abs(scale), 0.1) << name;
    }
  }
  std::uint64_t state = 1;
  char block[66];
  EXPECT_THROW(fill_random_blocks(WeightType::kIQ2_XXS, state, block, 66), Error);
}

TEST(Synthesize, EveryQuantisationIsAFileThatIsReadBack) {
  const TemporaryFolder folder;
  for (const Quantisation& each : quantisations()) {
    const auto path = folder.path() / (std::string(each.label) + ".gguf");
    const ModelShape shape = tiny(each.label);
    synthesize_gguf(shape, path);
    const ModelShape read = find_model(path.string());
    EXPECT_EQ(read.weight_bytes(), shape.weight_bytes()) << each.label;
    EXPECT_EQ(read.claimed_label, each.label);
  }
}

TEST(Synthesize, TheSameSeedGivesTheSameFile) {
  const TemporaryFolder folder;
  const auto text = [&](const char* name, std::uint64_t seed) {
    synthesize_gguf(tiny("q4_0"), folder.path() / name, seed);
    return read_file(folder.path() / name);
  };
  const std::string one = text("1", 5);
  EXPECT_EQ(one, text("2", 5));
  EXPECT_NE(one, text("3", 6));
}

TEST(Synthesize, TheTokenizerFillsTheVocabulary) {
  const TemporaryFolder folder;
  synthesize_gguf(tiny("q4_0"), folder.path() / "a.gguf");
  const GgufFile file = read_gguf(folder.path() / "a.gguf");
  EXPECT_EQ(file.array("tokenizer.ggml.tokens")->count, 400u);
  EXPECT_EQ(file.array("tokenizer.ggml.token_type")->count, 400u);
  EXPECT_EQ(file.text("tokenizer.ggml.model"), "gpt2");
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

TEST(Synthesize, LeavesNothingBehindWhenItIsEnded) {
  const TemporaryFolder folder;
  EXPECT_THROW(synthesize_gguf(tiny("q4_0"), folder.path() / "a.gguf", 1,
                               [](std::int64_t, std::int64_t) {
                                 throw Error(ErrorCode::kInterrupted, "enough");
                               }),
               Error);
  EXPECT_TRUE(names_in(folder.path()).empty());
}

ErrorCode code_of(const ModelShape& shape, const std::filesystem::path& file, const char* text) {
  try {
    synthesize_gguf(shape, file);
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(text));
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::kFailure;
}

TEST(Synthesize, SaysWhatStandsInTheWayBeforeItWrites) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "a.gguf";
  ModelShape huge = tiny("f32");
  huge.ffn = 1 << 23;
  huge.layers = 4000;  // 100 TB
  EXPECT_EQ(code_of(huge, file, "are free there"), ErrorCode::kNoResource);
  EXPECT_EQ(code_of(tiny("q4_0"), folder.path() / "none" / "a.gguf", "name a folder"),
            ErrorCode::kFailure);
  EXPECT_EQ(code_of(find_model("deepseek-v3"), file, "latent"), ErrorCode::kNotAvailable);
  ModelShape fp8 = tiny("q4_0");
  fp8.type = WeightType::kFp8;
  EXPECT_EQ(code_of(fp8, file, "no type fp8"), ErrorCode::kNotAvailable);
  EXPECT_TRUE(names_in(folder.path()).empty());
  synthesize_gguf(tiny("q4_0"), file);
  EXPECT_EQ(code_of(tiny("q4_0"), file, "exists"), ErrorCode::kUsage);
}

}  // namespace
}  // namespace mb
