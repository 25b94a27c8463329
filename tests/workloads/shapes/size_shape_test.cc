// Sizes become shapes with the parameters that were asked for, between the two models they name.
#include <gmock/gmock.h>

#include "data/error.h"
#include "workloads/shapes/model_shape.h"

namespace mb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Size, HasTheParametersAskedForAndNamesItsNeighbours) {
  for (const char* size : {"0.5B", "1B", "2B", "4B", "6.5B", "9B", "14B", "32B", "65B", "100B"}) {
    const ModelShape shape = find_model(size);
    const double billions = std::stod(size);
    EXPECT_NEAR(static_cast<double>(shape.parameters()) / (billions * 1e9), 1, 0.06) << billions;
    ASSERT_EQ(shape.between.size(), 2u);
    EXPECT_THAT(shape.title, HasSubstr("between"));
    EXPECT_FALSE(shape.is_moe());
    EXPECT_EQ(shape.hidden % 256, 0);
    EXPECT_EQ(shape.heads % shape.kv_heads, 0);
    for (const Tensor& tensor : shape.tensors()) EXPECT_GT(tensor.bytes(), 0);
  }
}

TEST(Size, LiesBetweenItsNeighbours) {
  const ModelShape shape = find_model("4B:q4_0");
  EXPECT_THAT(shape.between, ElementsAre("llama-3.2-3b", "qwen3-4b"));
  EXPECT_EQ(shape.spec(), "4B:q4_0");
  EXPECT_EQ(find_model(shape.spec()).parameters(), shape.parameters());
  const double bytes = static_cast<double>(shape.weight_bytes());
  EXPECT_GT(bytes, static_cast<double>(find_model("llama-3.2-3b:q4_0").weight_bytes()));
  EXPECT_LT(bytes, 1.1 * static_cast<double>(find_model("qwen3-4b:q4_0").weight_bytes()));
}

TEST(Size, OfAMoEHasItsActiveParametersToo) {
  const ModelShape shape = find_model("30B-A3B:q4_0");
  ASSERT_TRUE(shape.is_moe());
  EXPECT_NEAR(static_cast<double>(shape.parameters()) / 30e9, 1, 0.03);
  double active = 0;
  for (const Tensor& tensor : shape.tensors()) {
    const bool expert = tensor.tensor_class == TensorClass::kExperts;
    active +=
        static_cast<double>(tensor.parameters()) *
        (expert ? static_cast<double>(shape.experts_used) / static_cast<double>(shape.experts) : 1);
  }
  EXPECT_NEAR(active / 3e9, 1, 0.03);
  EXPECT_THAT(shape.between, ElementsAre("gpt-oss-20b", "qwen3-30b-a3b"));
}

TEST(Size, OfMillionsIsASizeToo) {
  EXPECT_NEAR(static_cast<double>(find_model("500M").parameters()) / 5e8, 1, 0.06);
}

TEST(Size, BeyondTheCatalogueIsRefused) {
  for (const char* size : {"1M", "9000B", "0B", "3B-A30B", "30B-A0.01B"}) {
    try {
      find_model(size);
      ADD_FAILURE() << size;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage) << size;
      EXPECT_THAT(error.what(), HasSubstr("no shape of size"));
    }
  }
}

TEST(Size, IsNoNameThatOnlyLooksLikeOne) {
  for (const char* text : {"4", "B", "4Bq", "4B-A", "4B-3B", "-4B", "4 B"}) {
    try {
      find_model(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("unknown model"));
    }
  }
}

}  // namespace
}  // namespace mb
