// How an engine works, in what is predicted for it: its efficiencies and overlap, batches, several
// of it side by side.
#include <gmock/gmock.h>

#include "data/error.h"
#include "reports/model/machine_model.h"
#include "reports/model/workload.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using synthetic::Laws;

TEST(Engine, ExpertsOfAnotherEfficiencyLeaveTheRestAlone) {
  const MachineModel model(synthetic::results(Laws{}));
  EngineProfile engine = find_engine_profile("generic");
  const Query query{"prefill", 512, 0, "f16"};
  const auto compute = [&](const char* name) {
    return model.predict(find_model(name), engine, query, 4).seconds_by_term.at("compute");
  };
  const double dense = compute("qwen3-4b"), mixed = compute("qwen3-30b-a3b");
  const ModelShape shape = find_model("qwen3-30b-a3b");
  engine.experts.emplace().matmul_efficiency[std::string(to_string(shape.type))] = 0.5;
  EXPECT_EQ(compute("qwen3-4b"), dense);
  EXPECT_GT(compute("qwen3-30b-a3b"), 1.3 * mixed);
  EXPECT_LT(compute("qwen3-30b-a3b"), 2 * mixed) << "attention's products are no experts'";
}

// Seconds of a decode step's reads and arithmetic alone.
double weights_and_compute(const MachineModel& model, const EngineProfile& engine, int threads) {
  const Query query{"decode", 1, 0, "f16"};
  const Prediction step = model.predict(find_model("qwen3-4b:q4_0"), engine, query, threads);
  return step.seconds_by_term.at("weights") + step.seconds_by_term.at("compute");
}

TEST(Engine, WhoseReadsAndArithmeticDoNotOverlapTakesTheirSum) {
  Results results = synthetic::results(Laws{});  // without chains: terms alone
  std::erase_if(results.points, [](const Point& point) { return point.probe == "decode_scaling"; });
  const MachineModel model(results);
  EngineProfile engine = find_engine_profile("generic");
  const auto seconds = [&](double overlap, double efficiency) {
    engine.overlap = overlap;
    engine.matvec_efficiency = efficiency;
    return weights_and_compute(model, engine, 1);
  };
  constexpr double kNoArithmetic = 1e6, kSlow = 0.5;
  const double reads = seconds(0, kNoArithmetic);
  const double slow =
      seconds(0, kSlow / 1e6) * 1e-6;  // arithmetic so slow that nothing else counts
  EXPECT_NEAR(seconds(-1, kSlow), reads + slow, 1e-3 * (reads + slow));
  EXPECT_LT(seconds(0, kSlow), 0.85 * (reads + slow));
  EXPECT_GT(seconds(0, kSlow), std::max(reads, slow));
  EXPECT_GT(seconds(-0.5, kSlow), seconds(0, kSlow));
  EXPECT_LT(seconds(-0.5, kSlow), seconds(-1, kSlow));
}

TEST(Engine, AnOverlapOfItsOwnCountsWhereCoresAskForTheRateAlone) {
  const MachineModel model(synthetic::results(Laws{}));  // 60 GB/s of 8 cores that ask for 160
  EngineProfile engine = find_engine_profile("generic");
  const auto rise = [&](int threads) {
    engine.overlap = 0;
    const double together = weights_and_compute(model, engine, threads);
    engine.overlap = -1;
    return weights_and_compute(model, engine, threads) / together;
  };
  EXPECT_GT(rise(1), 1.2);
  EXPECT_NEAR(rise(8), 1, 1e-9);
  engine.overlap_of["q4_0"] = 0;
  EXPECT_LT(rise(1), 1.1) << "the head alone is of another type";
}

// Our steps' loss is not the engine's, which is known against plain reads.
TEST(Engine, AnOverlapOfItsOwnDoesNotLoseWhatOurStepsLose) {
  EngineProfile engine = find_engine_profile("generic");
  const auto seconds = [&](double longer, std::optional<double> overlap) {
    Results results = synthetic::results(Laws{});
    for (Point& point : results.points) {
      if (point.probe != "decode_scaling") continue;
      for (double& sample : point.samples) sample *= longer;
      point.summary = summarise(point.samples, point.unit);
    }
    engine.overlap = overlap;
    return weights_and_compute(MachineModel(results), engine, 1);
  };
  EXPECT_GT(seconds(1.4, std::nullopt), 1.2 * seconds(1, std::nullopt));
  EXPECT_NEAR(seconds(1.4, -0.5), seconds(1, -0.5), 0.1 * seconds(1, -0.5));
  EXPECT_LT(seconds(1.4, -0.5), 1.01 * seconds(1, -0.5)) << "the usual loss is not taken twice";
}

TEST(Engine, ExpertsOverlapAsTheirOwnProductsDo) {
  const MachineModel model(synthetic::results(Laws{}));
  EngineProfile engine = find_engine_profile("generic");
  engine.overlap = -1;
  engine.overlap_of = {{"q4_0", 0.0}};
  const auto seconds = [&](const char* name) {
    return model.predict(find_model(name), engine, {"decode", 1, 0, "f16"}, 1).seconds.value();
  };
  const double dense = seconds("qwen3-4b:q4_0"), mixed = seconds("qwen3-30b-a3b:q4_0");
  engine.experts.emplace();  // with no figure of their own, so that -1 counts
  EXPECT_EQ(seconds("qwen3-4b:q4_0"), dense);
  EXPECT_GT(seconds("qwen3-30b-a3b:q4_0"), 1.1 * mixed);
}

TEST(Engine, ATypeOfItsOwnEfficiencySlowsItsProductsAlone) {
  const MachineModel model(synthetic::results(Laws{}));
  const ModelShape shape = find_model("qwen3-4b");
  EngineProfile engine = find_engine_profile("generic");
  const Query query{"prefill", 512, 0, "f16"};
  const auto compute = [&] {
    return model.predict(shape, engine, query, 4).seconds_by_term.at("compute");
  };
  const double before = compute();
  engine.matmul_efficiency_of["f32"] = 0.5;
  EXPECT_NEAR(compute(), before, before * 1e-9);
  engine.matmul_efficiency_of[std::string(to_string(shape.type))] = 0.5;
  EXPECT_NEAR(compute(), 2 * before, before * 0.1);  // the head has a type of its own
}

// Most samples were taken with somebody on the core's other hardware thread.
Results disturbed(const char* hypervisor) {
  Results results = synthetic::results(Laws{});
  if (hypervisor != nullptr) results.machine.hypervisor = hypervisor;
  // Without chains, which would tell that it was there.
  std::erase_if(results.points,
                [](const Point& point) { return point.probe.ends_with("_scaling"); });
  for (Point& point : results.points) {
    if (point.probe != "matmul_throughput") continue;
    const double quiet = point.samples.at(0);
    point.samples.assign(6, quiet / 2);
    point.samples.push_back(quiet);
    point.summary = summarise(point.samples, point.unit);
  }
  return results;
}

TEST(Engine, LosesToNeighboursOfAGuestWhatItsSlowdownSays) {
  const ModelShape shape = find_model("qwen3-4b");
  const auto seconds = [&](const char* hypervisor, const char* phase, double slowdown) {
    EngineProfile engine = find_engine_profile("generic");
    engine.matvec_efficiency = 0.05;  // all of it arithmetic
    engine.prefill_slowdown = engine.decode_slowdown = slowdown;
    const Prediction predicted =
        MachineModel(disturbed(hypervisor)).predict(shape, engine, {phase, 512, 0, "f16"}, 4);
    EXPECT_NEAR(*predicted.seconds,
                predicted.seconds_by_term.at("compute") + predicted.seconds_by_term.at("weights") +
                    predicted.seconds_by_term.at("attention") +
                    predicted.seconds_by_term.at("dispatch"),
                1e-9 * *predicted.seconds);
    return *predicted.seconds;
  };
  for (const char* phase : {"prefill", "decode"}) {
    const double as_ours = seconds("KVM", phase, 1);
    EXPECT_NEAR(seconds("KVM", phase, 0), as_ours / 2, 0.06 * as_ours) << phase;
    EXPECT_NEAR(seconds("KVM", phase, 0.5), as_ours / std::sqrt(2), 0.06 * as_ours) << phase;
    EXPECT_EQ(seconds(nullptr, phase, 0), seconds(nullptr, phase, 1)) << "of nobody else's machine";
  }
}

// A tenth of our rate is slower than memory, so that it shows.
TEST(Engine, ATypeOfItsOwnMatvecEfficiencySlowsItsDecodeAlone) {
  const MachineModel model(synthetic::results(Laws{}));
  const ModelShape shape = find_model("qwen3-4b");
  EngineProfile engine = find_engine_profile("generic");
  const auto decode = [&](int threads) {
    return model.predict(shape, engine, Query{"decode", 0, 0, "f16"}, threads);
  };
  const Prediction before = decode(1);
  engine.matvec_efficiency_of["f32"] = 0.1;
  EXPECT_NEAR(*decode(1).seconds, *before.seconds, *before.seconds * 1e-9);
  engine.matvec_efficiency_of[std::string(to_string(shape.type))] = 0.1;
  const Prediction slow = decode(1);
  EXPECT_GT(*slow.seconds, 2 * *before.seconds);
  EXPECT_EQ(slow.limited_by, "compute");
  ASSERT_TRUE(slow.roofline_seconds && before.roofline_seconds);
  EXPECT_NEAR(*slow.roofline_seconds, *before.roofline_seconds, *before.roofline_seconds * 1e-9)
      << "the roofline is our kernels'";
}

// Q5_0 has no rate of its own here: Q6_K's stands in, and so must what the engine makes of Q6_K.
TEST(Engine, AStandInBringsItsEfficiencyWithItsRate) {
  const MachineModel model(synthetic::results(Laws{}));
  ModelShape shape = find_model("qwen3-4b");
  shape.type = WeightType::kQ5_0;
  EngineProfile engine = find_engine_profile("generic");
  const auto seconds = [&] {
    return *model.predict(shape, engine, Query{"decode", 0, 0, "f16"}, 1).seconds;
  };
  const double before = seconds();
  engine.matvec_efficiency_of["q6_k"] = 0.1;
  EXPECT_GT(seconds(), 3 * before);
  engine.matvec_efficiency_of["q5_0"] = 1;  // its own comes first
  EXPECT_LT(seconds(), 2 * before);
}

TEST(Engine, TakesAttentionInBlocksFromItsRowsOn) {
  const MachineModel model(synthetic::results(Laws{}));
  const ModelShape shape = find_model("qwen3-4b");
  EngineProfile engine = find_engine_profile("generic");
  const auto attention = [&](std::int64_t rows) {
    return model.predict(shape, engine, {"prefill", rows, 4096, "f16"}, 4)
        .seconds_by_term.at("attention");
  };
  const double few = attention(63), many = attention(64);
  engine.attention_block_rows = 64;
  engine.attention_block_efficiency = 0.5;
  EXPECT_NEAR(attention(63), few, few * 1e-9);
  EXPECT_NEAR(attention(64), 2 * many, many * 1e-6);
}

// Whose rows share what they read, so a KV that no cache holds costs them what a cached one does.
TEST(Engine, BlocksOfRowsAttendAsFastWhereverTheKvLies) {
  Results results = synthetic::results(Laws{});
  for (Point& point :
       results.points) {  // the single row's curve falls to a quarter past the caches
    if (point.probe != "attention_kv") continue;
    if (point.parameters.number_or("positions", 0) < 17000) continue;
    for (double& sample : point.samples) sample /= 4;
    point.summary = summarise(point.samples, point.unit);
  }
  const MachineModel fallen(results), level(synthetic::results(Laws{}));
  const ModelShape shape = find_model("qwen3-4b");
  EngineProfile engine = find_engine_profile("generic");
  engine.attention_block_rows = 64;
  const auto attention = [&](const MachineModel& model, std::int64_t rows) {
    const Prediction found = model.predict(shape, engine, {"prefill", rows, 16384, "f16"}, 1);
    return found.seconds_by_term.at("attention") / found.seconds_by_term.at("compute");
  };
  EXPECT_NEAR(attention(fallen, 64), attention(level, 64), 0.02 * attention(level, 64));
  EXPECT_GT(attention(fallen, 63), 3 * attention(level, 63));
}

TEST(Engine, AttendsDearTypesOfKvByRowsAtTheirCost) {
  const MachineModel model(synthetic::results(Laws{}));
  const ModelShape shape = find_model("qwen3-4b");
  EngineProfile engine = find_engine_profile("generic");
  engine.attention_block_rows = 64;
  engine.attention_block_efficiency = 0.5;
  engine.kv_cost = {{"q8_0", 3}};
  const auto attention = [&](const char* phase, std::int64_t rows, const char* kv_type) {
    return model.predict(shape, engine, {phase, rows, 8192, kv_type}, 1)
        .seconds_by_term.at("attention");
  };
  EXPECT_NEAR(attention("prefill", 32, "q8_0"), 3 * attention("prefill", 32, "f16"), 1e-3);
  EXPECT_NEAR(attention("prefill", 128, "q8_0"), 1.5 * attention("prefill", 128, "f16"), 1e-3)
      << "by rows, where f16 goes by blocks at half the rate";
  EXPECT_GT(attention("decode", 1, "q8_0"), 2 * attention("decode", 1, "f16"));
}

TEST(Engine, SharesElementsBetweenProductsOutByRows) {
  Laws laws;
  laws.efficiency = 1;
  const MachineModel model(synthetic::results(laws));
  const ModelShape shape = find_model("qwen3-4b");
  const EngineProfile ours = find_engine_profile("generic");
  EngineProfile slower = ours;
  slower.element_seconds = 1e-9;
  const auto more = [&](const char* phase, int threads) {
    const Query query{phase, 128, 0, "f16"};
    return model.predict(shape, slower, query, threads).seconds.value() -
           model.predict(shape, ours, query, threads).seconds.value();
  };
  const double row = 1e-9 * Workload(shape).between_elements;
  EXPECT_NEAR(more("decode", 1), row, 0.05 * row);
  EXPECT_NEAR(more("decode", 4), row, 0.05 * row) << "a single row is one thread's";
  EXPECT_NEAR(more("prefill", 1), 128 * row, 0.05 * 128 * row);
  EXPECT_NEAR(more("prefill", 4), 32 * row, 0.05 * 32 * row);
}

// Two engines of one thread each on the two threads of a core: less than one thread's worth each.
TEST(Engine, SharesElementsOutAmongFewerThanOneThread) {
  Laws laws;
  laws.cores = 1;
  laws.smt = 2;
  laws.efficiency = 1;
  const MachineModel model(synthetic::results(laws));
  const ModelShape shape = find_model("qwen3-4b");
  EngineProfile slower = find_engine_profile("generic");
  const auto seconds = [&](double element, std::int64_t instances) {
    slower.element_seconds = element;
    Query query{"decode", 128, 0, "f16"};
    query.instances = instances;
    return model.predict(shape, slower, query, 1).seconds.value();
  };
  EXPECT_GT(seconds(1e-8, 2) - seconds(0, 2), 1.2 * (seconds(1e-8, 1) - seconds(0, 1)));
}

// By hand from the catalogue's figures: norms and their weights, residuals, query and key by
// position, the cache, norms of heads, what is rounded for products; then the activation, twice.
TEST(Workload, CountsWhatStandsBetweenProducts) {
  const double dense = 4 * 1024 + 2 * 1024 + 3072 + 2048 + 2 * 3072 + (1024 + 2048 + 1024);
  EXPECT_EQ(Workload(find_model("qwen3-0.6b")).between_elements, 28 * (dense + 2 * 3072));
  const double sparse = 4 * 2048 + 2 * 2048 + 4608 + 1024 + 2 * 4608 + (2048 + 4096 + 2048);
  const double experts = 2 * 8 * 768 + 2 * 8 * 2048;  // weighted and summed
  EXPECT_EQ(Workload(find_model("qwen3-30b-a3b")).between_elements, 48 * (sparse + experts));
}

TEST(Engine, OnSmallPagesReadsAtTheirBandwidth) {
  Laws laws;
  laws.pages_4k = 0.5;
  laws.matvec_one = 200e9;
  const MachineModel model(synthetic::results(laws));
  EngineProfile mapped = find_engine_profile("generic"), huge = mapped;
  mapped.weights_page = "4k";
  const Query query{"decode", 512, 0, "f16"};
  const ModelShape shape = find_model("llama-3.1-8b");
  const double ratio = model.predict(shape, mapped, query, 8).tokens_per_second /
                       model.predict(shape, huge, query, 8).tokens_per_second;
  EXPECT_NEAR(ratio, 0.5, 0.03);
}

TEST(Engine, ReadsWhatItDoesNotRepackFromTheMappedFile) {
  Laws laws;
  laws.pages_4k = 0.5;
  laws.matvec_one = 200e9;
  Machine machine = synthetic::machine(laws);
  machine.thp_mode = "always";  // so that repacked weights get huge pages
  const MachineModel model(synthetic::results(laws, machine));
  const EngineProfile mapped = find_engine_profile("llama.cpp-threadpool");
  EngineProfile copied = mapped;
  copied.weights_placement = "copied";
  const Query query{"decode", 512, 0, "f16"};
  const auto ratio = [&](const char* spec) {
    return model.predict(find_model(spec), mapped, query, 8).tokens_per_second /
           model.predict(find_model(spec), copied, query, 8).tokens_per_second;
  };
  EXPECT_NEAR(ratio("llama-3.1-8b:q8_0"), 0.5, 0.03);  // nothing of it is repacked
  EXPECT_GT(ratio("llama-3.1-8b:q4_0"), 0.85);         // the output matrix alone is not
  EXPECT_LT(ratio("llama-3.1-8b:q4_0"), 0.97);
}

TEST(Batch, SharesOneReadOfTheWeights) {
  Laws laws;
  laws.matvec_one = 100e9;
  laws.matmul_one = 400e9;
  const MachineModel model(synthetic::results(laws));
  const EngineProfile engine = find_engine_profile("generic");
  for (const char* spec : {"llama-3.1-8b", "qwen3-30b-a3b"}) {
    double one = 0, last = 0;
    for (const std::int64_t batch : {1, 2, 4, 8}) {
      Query query{"decode", 512, 512, "f16"};
      query.batch = batch;
      const Prediction seen = model.predict(find_model(spec), engine, query, 8);
      EXPECT_GT(seen.tokens_per_second, last) << spec << " " << batch;
      last = seen.tokens_per_second;
      if (batch == 1) one = last;
    }
    EXPECT_LT(last, 8 * one) << spec;
    // Experts differ from row to row, so a batch of an expert model reads more.
    if (find_model(spec).is_moe()) {
      EXPECT_LT(last, 3 * one);
    } else {
      EXPECT_GT(last, 5 * one);
    }
  }
}

TEST(Batch, OfPromptsCostsAsMuchAsTheirRows) {
  const MachineModel model(synthetic::results(Laws{}));
  const EngineProfile engine = find_engine_profile("generic");
  Query one{"prefill", 512, 0, "f16"}, four = one;
  four.batch = 4;
  const double ratio = model.predict(find_model("qwen3-4b"), engine, four, 8).tokens_per_second /
                       model.predict(find_model("qwen3-4b"), engine, one, 8).tokens_per_second;
  EXPECT_NEAR(ratio, 1, 0.02);
}

TEST(Instances, ShareTheMemoryAndSaveBarriers) {
  Laws laws;
  laws.barrier_two = 1e-9;
  const MachineModel model(synthetic::results(laws));
  const EngineProfile engine = find_engine_profile("generic");
  const ModelShape shape = find_model("qwen3-4b");
  Query one{"decode", 512, 0, "f16"}, two = one;
  two.instances = 2;
  const double alone = model.predict(shape, engine, one, 8).tokens_per_second;
  EXPECT_NEAR(model.predict(shape, engine, two, 4).tokens_per_second / alone, 1, 0.03);
  laws.barrier_two = 2e-5;  // dear barriers: four threads wait far less than eight
  const MachineModel dear(synthetic::results(laws));
  EXPECT_GT(dear.predict(shape, engine, two, 4).tokens_per_second,
            1.1 * dear.predict(shape, engine, one, 8).tokens_per_second);
}

TEST(Instances, HaveTheEfficiencyOfAllTheirThreads) {
  Results results = synthetic::results(Laws{});
  // Alone a thread of the measured chain is fast, all together are slow: engines side by side are
  // together too.
  for (Point& point : results.points) {
    if (point.probe != "decode_scaling") continue;
    const double factor = point.parameters.number_or("threads", 1) == 1 ? 0.8 : 1.25;
    for (double& sample : point.samples) sample *= factor;
    point.summary = summarise(point.samples, point.unit);
  }
  const MachineModel model(results);
  const EngineProfile engine = find_engine_profile("generic");
  Query one{"decode", 512, 0, "f16"}, eight = one;
  eight.instances = 8;
  const ModelShape shape = find_model("qwen3-4b");
  EXPECT_NEAR(model.predict(shape, engine, eight, 1).tokens_per_second /
                  model.predict(shape, engine, one, 8).tokens_per_second,
              1, 0.05);
}

}  // namespace
}  // namespace mb
