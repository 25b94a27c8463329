// Attention of single rows: the laws of attention_rows.h, and the engine's times that they stand
// for.
#include "reports/model/attention_rows.h"

#include <gmock/gmock.h>

#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using synthetic::Laws;

constexpr AttentionRow kMeasured{.elements = 40, .vector = 64, .remainder = 32, .loads = 1};

// A machine with 1 MiB of L2 a core and 4 MiB of L3, as the guest that the engine was timed on.
Results with_latencies(const Laws& laws = {}) {
  Results results = synthetic::results(laws);
  for (const auto& [bytes, seconds] :
       std::initializer_list<std::pair<std::int64_t, double>>{{512 << 10, 4.8e-9},
                                                              {1 << 20, 8.4e-9},
                                                              {2 << 20, 13.5e-9},
                                                              {4 << 20, 19e-9},
                                                              {6 << 20, 114e-9},
                                                              {16 << 20, 134e-9},
                                                              {64 << 20, 154e-9},
                                                              {128 << 20, 161e-9}}) {
    synthetic::add_point(
        results, "cache_latency",
        {{"operation", "load"}, {"page", "thp"}, {"threads", 1}, {"working_set_bytes", bytes}},
        seconds, Unit::kSeconds, 0);
  }
  return results;
}

TEST(AttentionRows, CostInProportionWithoutFigures) {
  for (const double head : {64.0, 80.0, 128.0, 256.0}) EXPECT_EQ(row_cost({}, head), 1);
}

TEST(AttentionRows, CostSomeElementsMoreAndTheRemainderOneByOne) {
  EXPECT_DOUBLE_EQ(row_cost(kMeasured, 128), 1);
  EXPECT_NEAR(row_cost(kMeasured, 64) * 64 / 128, 104.0 / 168, 1e-12);
  EXPECT_NEAR(row_cost(kMeasured, 96) * 96 / 128, (96 + 32 * 32 + 40) / 168.0, 1e-12);
  EXPECT_NEAR(row_cost({.elements = 512}, 256) * 256 / 128, 768.0 / 640, 1e-12);
}

TEST(AttentionRows, AreWaitedForWhereTheyAreLongAndApart) {
  EXPECT_EQ(row_exposure(512, 1), 0);
  EXPECT_EQ(row_exposure(256, 8), 1);
  EXPECT_EQ(row_exposure(64, 8), 0);
  EXPECT_NEAR(row_exposure(128, 8), 0.2, 1e-12);
  EXPECT_NEAR(row_exposure(256, 2), 1.0 / 3, 1e-12);
}

TEST(AttentionRows, WithoutLatenciesOrLoadsAreArithmeticAlone) {
  const RowPasses passes{38e-9, 1, 128 << 20, 1 << 20, 256, 8};
  EXPECT_EQ(with_waiting(kMeasured, MeasuredCurves(synthetic::results(Laws{})), passes), 38e-9);
  EXPECT_EQ(with_waiting({.elements = 40}, MeasuredCurves(with_latencies()), passes), 38e-9);
}

struct Timed {
  double head, kv_heads, heads, positions, nanoseconds;
};

// A row of 38 ns at 128 elements, as the engine's beside which this was measured.
double predicted(const MeasuredCurves& curves, const Timed& of) {
  const double proportional = 38e-9 * of.head / 128;
  const double bytes = 2 * 2 * of.head * of.positions;  // of one key head, f16
  return 1e9 * with_waiting(kMeasured, curves,
                            {.seconds = proportional * row_cost(kMeasured, of.head),
                             .passes = of.heads / of.kv_heads,
                             .step_bytes = 8 * of.kv_heads * bytes,
                             .key_head_bytes = bytes,
                             .row_bytes = 2 * of.head,
                             .kv_heads = of.kv_heads});
}

// npm's node-llama-cpp 3.22.1, 8 layers, one thread, that guest (docs/likeness-zen4.md).
TEST(AttentionRows, TakeWhatTheEngineTook) {
  const MeasuredCurves curves(with_latencies());
  for (const Timed& of : std::initializer_list<Timed>{{64, 1, 4, 2048, 24},
                                                      {64, 8, 8, 2048, 30},
                                                      {64, 8, 32, 2048, 25},
                                                      {128, 1, 4, 2048, 38},
                                                      {128, 2, 16, 2048, 39},
                                                      {128, 8, 8, 2048, 159},
                                                      {128, 8, 16, 2048, 98},
                                                      {128, 8, 32, 2048, 67},
                                                      {128, 32, 32, 2048, 159},
                                                      {128, 8, 16, 4096, 110},
                                                      {128, 8, 32, 4096, 88},
                                                      {256, 1, 4, 2048, 71},
                                                      {256, 8, 8, 2048, 178},
                                                      {256, 8, 32, 2048, 99},
                                                      {80, 8, 8, 2048, 162},
                                                      {112, 8, 8, 2048, 365},
                                                      {160, 8, 8, 2048, 276}}) {
    EXPECT_NEAR(predicted(curves, of), of.nanoseconds, 0.25 * of.nanoseconds)
        << of.head << " elements, " << of.heads << " heads on " << of.kv_heads << ", "
        << of.positions << " positions";
  }
}

double attention_seconds(const MachineModel& model, const EngineProfile& engine,
                         const ModelShape& shape, int threads) {
  return model.predict(shape, engine, {"decode", 512, 4096, "f16"}, threads)
      .seconds_by_term.at("attention");
}

TEST(AttentionRows, SharedOutByPositionsTakeAsLongAsTheFullestPart) {
  const AttentionParts parts{.from = 512, .rounded_to = 256};
  EXPECT_EQ(busiest_share(parts, 200, 2), std::nullopt) << "a cache of 256: by heads";
  EXPECT_DOUBLE_EQ(*busiest_share(parts, 512, 2), 0.5);
  EXPECT_DOUBLE_EQ(*busiest_share(parts, 513, 2), 384.0 / 513) << "of 768, a third of them empty";
  EXPECT_DOUBLE_EQ(*busiest_share(parts, 513, 1), 1);
  EXPECT_DOUBLE_EQ(*busiest_share(parts, 1024, 64), 1.0 / 64);
  EXPECT_EQ(busiest_share({}, 4096, 2), std::nullopt);
}

// Of llama.cpp's decode steps on Granite Rapids those of two threads leap where a further 256
// positions begin (docs/likeness-granite-rapids.md).
TEST(AttentionRows, OfTwoThreadsLeapWhereTheCacheGrows) {
  Laws laws;
  laws.bandwidth_one = laws.bandwidth_all = 1e12;  // so that the cache's bytes bind nowhere
  const MachineModel model(synthetic::results(laws));
  const ModelShape shape = find_model("qwen3-4b");
  EngineProfile engine = find_engine_profile("generic");
  engine.kv_cost = {{"q8_0", 1}};
  const auto seconds = [&](std::int64_t cached, const char* kv_type, int batch, int threads) {
    Query query{"decode", 1, cached, kv_type};
    query.batch = batch;
    return model.predict(shape, engine, query, threads).seconds_by_term.at("attention");
  };
  const double by_heads = seconds(600, "f16", 1, 2);
  const double eight = seconds(600, "f16", 1, 8), several = seconds(600, "f16", 2, 2);
  const double other_type = seconds(600, "q8_0", 1, 2), one = seconds(600, "f16", 1, 1);
  engine.attention_parts = {.from = 512, .rounded_to = 256};
  EXPECT_NEAR(seconds(600, "f16", 1, 2), by_heads * 2 * 384 / 601, by_heads * 0.01);
  EXPECT_NEAR(seconds(600, "f16", 1, 8), eight * 8 * 96 / 601, eight * 0.01);
  EXPECT_NEAR(seconds(767, "f16", 1, 2), seconds(600, "f16", 1, 2), by_heads * 0.02);
  EXPECT_EQ(seconds(600, "f16", 1, 1), one);
  EXPECT_EQ(seconds(600, "f16", 2, 2), several) << "several sequences are shared out by heads";
  EXPECT_EQ(seconds(600, "q8_0", 1, 2), other_type) << "as are other types";
}

// A run that was cut short: what a load from memory takes is not known.
TEST(AttentionRows, AreNotCountedFromLatenciesOfCachesAlone) {
  Results results = with_latencies();
  std::erase_if(results.points, [](const Point& point) {
    return point.probe == "cache_latency" &&
           point.parameters.number_or("working_set_bytes", 0) > (4 << 20);
  });
  const MachineModel model(results), whole(with_latencies());
  const ModelShape shape = find_model("qwen3-4b");
  EngineProfile engine = find_engine_profile("generic");
  const double before = attention_seconds(model, engine, shape, 2);
  engine.attention_row = {.loads = 1};
  EXPECT_EQ(attention_seconds(model, engine, shape, 2), before);
  EXPECT_GT(attention_seconds(whole, engine, shape, 2), before);
}

// The host's cache, of which this guest has little: loads from memory were timed all the same.
TEST(AttentionRows, AreCountedOnAGuestThatIsShownALargerCacheThanItHas) {
  Results results = with_latencies();
  results.machine.caches.back().bytes = 260 << 20;
  const MachineModel model(results);
  const ModelShape shape = find_model("qwen3-4b");
  EngineProfile engine = find_engine_profile("generic");
  const double before = attention_seconds(model, engine, shape, 2);
  engine.attention_row = {.loads = 1};
  EXPECT_GT(attention_seconds(model, engine, shape, 2), before);
}

TEST(AttentionRows, ShareTheWaitAmongTheQueryHeadsOfAKey) {
  Laws laws;
  laws.bandwidth_one = laws.bandwidth_all = 1e12;  // so that the cache's bytes bind nowhere
  const MachineModel model(with_latencies(laws));
  EngineProfile engine = find_engine_profile("generic");
  const ModelShape shared = find_model("qwen3-4b");  // 32 heads on 8
  ModelShape alone = shared;
  alone.kv_heads = alone.heads;
  const double arithmetic = attention_seconds(model, engine, shared, 1);
  EXPECT_NEAR(attention_seconds(model, engine, alone, 1), arithmetic, arithmetic * 0.01);
  engine.attention_row = {.loads = 1};
  const double few = attention_seconds(model, engine, shared, 1);
  const double many = attention_seconds(model, engine, alone, 1);
  EXPECT_GT(few, 1.2 * arithmetic);
  EXPECT_GT(many, 2 * few);
  // Two threads have half of the heads each, and wait for other keys.
  EXPECT_NEAR(attention_seconds(model, engine, alone, 2), many / 2, many * 0.02);
  // Eight threads have a key head each, with the four query heads that share it.
  const double crowded = attention_seconds(model, engine, shared, 8);
  EXPECT_NEAR(crowded, few / 8, few / 8 * 0.02);
}

}  // namespace
}  // namespace mb
