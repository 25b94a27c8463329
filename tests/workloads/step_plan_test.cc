#include "workloads/step_plan.h"

#include <gtest/gtest.h>

#include "data/error.h"
#include "tests/workloads/thread_team.h"

namespace mb {
namespace {

constexpr std::int64_t kMiB = 1024 * 1024, kGiB = 1024 * kMiB;

TEST(StepPlan, NeedsTheWeightsTheCacheAndLittleMore) {
  const ModelShape shape = find_model("qwen3-0.6b:q4_0");
  const StepPlan plan({shape, shape.layers, 1, 512});
  const auto least = static_cast<double>(shape.weight_bytes_per_token() + shape.kv_bytes(513));
  EXPECT_GT(static_cast<double>(plan.bytes()), least);
  EXPECT_LT(static_cast<double>(plan.bytes()), 1.02 * least);
}

TEST(StepPlan, KeepsNoMoreOfAWindowedLayersCacheThanItsWindow) {
  const StepPlan plan({small_gemma(WeightType::kQ4_0), 4, 1, 1000});
  EXPECT_LE(plan.layers()[0].capacity, 70 + 2 * kAttentionTile);  // windowed
  EXPECT_GE(plan.layers()[1].capacity, 1001);                     // global
  const std::int64_t position = 2 * 64 * 2;  // key and value, one head of 64, f16
  EXPECT_EQ(plan.kv_bytes(), 2 * (1001 + 70) * position);
}

TEST(StepPlan, TakesEveryModelOfTheCatalogueButTwoKindsOfAttentionItHasNot) {
  for (const std::string& name : catalogue()) {
    if (name == "gpt-oss-20b" || name == "deepseek-v3") {  // sinks and biases; latent attention
      EXPECT_THROW(StepPlan({find_model(name), 1, 1, 512}), Error) << name;
      continue;
    }
    for (const char* type : {"q4_0", "q8_0", "bf16"}) {
      EXPECT_NO_THROW(StepPlan({find_model(name + ":" + type), 1, 1, 512})) << name << type;
    }
  }
}

TEST(StepPlan, NamesWhatItCannotRun) {
  ModelShape shape = small_shape(WeightType::kQ4_0);
  EXPECT_THROW(StepPlan({shape, 5, 1, 0}), Error);
  EXPECT_THROW(StepPlan({shape, 0, 1, 0}), Error);
  EXPECT_THROW(StepPlan({shape, 1, 0, 0}), Error);
  shape.head_size = 80;
  EXPECT_THROW(StepPlan({shape, 1, 1, 0}), Error);
}

TEST(ChooseLayers, TakesTheWholeModelWhereMemoryAndTimeAllowIt) {
  const ModelShape shape = find_model("qwen3-4b:q4_0");
  EXPECT_EQ(choose_layers({shape, 1, 1, 512}, {32 * kMiB, 64 * kGiB, 100}), shape.layers);
}

TEST(ChooseLayers, NeverRunsLessThanFourTimesTheCachesForWantOfTime) {
  const ModelShape shape = find_model("qwen3-4b:q4_0");
  for (const std::int64_t cache : {32 * kMiB, 256 * kMiB}) {
    const long layers = choose_layers({shape, 1, 1, 512}, {cache, 64 * kGiB, 0.01});
    StepRequest request{shape, layers, 1, 512};
    request.head = false;
    EXPECT_GE(static_cast<std::int64_t>(StepPlan(request).bytes()), 4 * cache);
    EXPECT_LT(layers, shape.layers);
  }
}

// A sample of a long prompt takes seconds: fewer layers make more samples.
TEST(ChooseLayers, OfABlockOfRowsTwiceTheCachesDo) {
  const ModelShape shape = find_model("qwen3-4b:q4_0");
  const auto times_the_cache = [&](long rows) {
    StepRequest request{shape, 0, rows, 0};
    request.layers = choose_layers(request, {256 * kMiB, 64 * kGiB, 0.01});
    return shape.weight_bytes_for_rows(rows) / static_cast<double>(shape.layers) *
           static_cast<double>(request.layers) / static_cast<double>(256 * kMiB);
  };
  EXPECT_GE(times_the_cache(16), 4);
  EXPECT_GE(times_the_cache(128), 2);
  EXPECT_LT(times_the_cache(128), 3);
}

TEST(ChooseLayers, FitsTheMemory) {
  const ModelShape shape = find_model("llama-3.1-8b:q4_0");
  const long layers = choose_layers({shape, 1, 1, 512}, {256 * kMiB, 1500 * kMiB, 100});
  StepRequest request{shape, layers, 1, 512};
  request.head = false;
  EXPECT_LE(static_cast<std::int64_t>(StepPlan(request).bytes()), 1500 * kMiB);
  request.layers = layers + 1;
  EXPECT_GT(static_cast<std::int64_t>(StepPlan(request).bytes()), 1500 * kMiB);
  EXPECT_EQ(choose_layers({shape, 1, 1, 512}, {256 * kMiB, 1, 100}), 1);
}

TEST(ChooseLayers, TakesFewerLayersForALongerPromptInTheSameTime) {
  const ModelShape shape = find_model("qwen3-4b:q4_0");
  const ChainLimits limits{kMiB, 64 * kGiB, 20};
  EXPECT_LT(choose_layers({shape, 1, 512, 0}, limits), choose_layers({shape, 1, 16, 0}, limits));
}

TEST(ChooseLayers, KeepsTheMixOfWindowedAndGlobalLayers) {
  const ModelShape shape = find_model("gemma-3-1b:q4_0");
  for (const double seconds : {0.05, 0.5, 2.0}) {
    const long layers = choose_layers({shape, 1, 1, 512}, {8 * kMiB, 64 * kGiB, seconds});
    EXPECT_TRUE(layers % 6 == 0 || layers == shape.layers) << layers;
  }
}

}  // namespace
}  // namespace mb
