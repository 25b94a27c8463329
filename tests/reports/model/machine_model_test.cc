// The forward model on machines whose laws are known.
#include "reports/model/machine_model.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "data/error.h"
#include "reports/model/workload.h"
#include "tests/reports/model/predicted.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using synthetic::Laws;
using ::testing::HasSubstr;

// The engine that the synthetic chains are: their regions, huge pages, spinning.
EngineProfile like_the_chain() {
  EngineProfile engine = find_engine_profile("generic");
  engine.ubatch = 0;
  return engine;
}

double truth(const Laws& laws, const ModelShape& shape, const Query& query, double threads) {
  const bool prefill = query.phase == "prefill";
  const std::int64_t rows = prefill ? query.prompt_tokens : 1;
  const double seconds =
      synthetic::step_seconds(laws, shape, shape.layers, prefill, rows, query.context_tokens,
                              synthetic::chain_regions(shape, shape.layers), 1, threads) /
      laws.efficiency;
  return static_cast<double>(rows) / seconds;
}

TEST(Prediction, FollowsAKnownMachineAtEveryThreadCount) {
  Laws laws;
  laws.smt = 2;
  const MachineModel model(synthetic::results(laws));
  for (const char* spec : {"qwen3-4b:q4_0", "qwen3-30b-a3b:q4_0"}) {
    const ModelShape shape = find_model(spec);
    for (const Query& query : {Query{"decode", 512, 512, "f16"}, Query{"prefill", 128, 0, "f16"}}) {
      for (const int threads : {1, 2, 4, 8, 9, 16}) {
        const Prediction seen = model.predict(shape, like_the_chain(), query, threads);
        EXPECT_NEAR(seen.tokens_per_second / truth(laws, shape, query, threads), 1, 0.05)
            << spec << " " << query.phase << " " << threads;
      }
    }
  }
}

TEST(Prediction, CarriesOverToAModelThatWasNotMeasured) {
  Laws laws;
  const MachineModel model(synthetic::results(laws));
  const ModelShape shape = find_model("llama-3.1-8b:q4_0");
  for (const int threads : {1, 2, 4, 8}) {
    const Query query{"decode", 512, 2048, "f16"};
    const Prediction seen = model.predict(shape, like_the_chain(), query, threads);
    EXPECT_NEAR(seen.tokens_per_second / truth(laws, shape, query, threads), 1, 0.1) << threads;
  }
}

TEST(Prediction, TermsAddUpToTheStep) {
  const MachineModel model(synthetic::results(Laws{}));
  const Prediction seen =
      model.predict(find_model("qwen3-4b"), find_engine_profile("llama.cpp-threadpool"),
                    {"decode", 512, 512, "f16"}, 4);
  double seconds = 0;
  for (const auto& [term, part] : seen.seconds_by_term) seconds += part;
  EXPECT_EQ(seen.seconds_by_term.size(), 5u);
  EXPECT_NEAR(seconds * seen.tokens_per_second, 1, 1e-9);
  EXPECT_LT(seen.low, seen.tokens_per_second);
  EXPECT_GT(seen.high, seen.tokens_per_second);
}

TEST(Prediction, ShowsTheSmtCliffInPrefillAndNotInDecode) {
  Laws laws;
  laws.smt = 2;
  laws.bandwidth_all = 40e9;
  const MachineModel model(synthetic::results(laws));
  EXPECT_GT(prefill(model, "qwen3-4b", 8), 1.2 * prefill(model, "qwen3-4b", 9));
  EXPECT_NEAR(
      decode(model, "qwen3-4b", 9, 512, "generic") / decode(model, "qwen3-4b", 8, 512, "generic"),
      1, 0.05);
}

// Both where the chain's own kernels run and for an engine whose kernels are slower. These machines
// take the harder of memory and compute without any loss where both meet, which the terms only
// approach: the efficiency of the chain, a few per cent higher at that edge, costs up to 2.2 %.
TEST(Prediction, MoreBandwidthNeverLowersDecode) {
  for (const char* engine : {"generic", "llama.cpp-threadpool"}) {
    for (const char* spec : {"llama-3.1-8b", "qwen3-4b", "qwen3-30b-a3b"}) {
      for (const std::int64_t context : {0, 512, 8192}) {
        std::vector<double> last(9, 0);
        for (const double factor : {0.5, 0.8, 1.0, 1.3, 2.0, 4.0}) {
          Laws faster;
          faster.bandwidth_one *= factor;
          faster.bandwidth_all *= factor;
          const MachineModel model(synthetic::results(faster));
          for (int threads = 1; threads <= 8; ++threads) {
            const double seen = decode(model, spec, threads, context, engine);
            double& before = last[static_cast<std::size_t>(threads)];
            EXPECT_GE(seen, before * 0.975)
                << engine << " " << spec << " " << context << " " << factor << " " << threads;
            before = std::max(before, seen);
          }
        }
      }
    }
  }
}

TEST(Prediction, AnExpertModelDecodesFasterThanADenseOneOfItsSize) {
  Laws laws;
  laws.models = {"qwen3-4b:q4_0"};
  const MachineModel model(synthetic::results(laws));
  EXPECT_GT(decode(model, "qwen3-30b-a3b", 8), 3 * decode(model, "llama-2-70b", 8));
  EXPECT_GT(decode(model, "qwen3-30b-a3b", 8), decode(model, "llama-3.1-8b", 8));
}

TEST(Prediction, ALongerCacheSlowsDecode) {
  const MachineModel model(synthetic::results(Laws{}));
  EXPECT_GT(decode(model, "qwen3-4b", 8, 0), decode(model, "qwen3-4b", 8, 4096));
  EXPECT_GT(decode(model, "qwen3-4b", 8, 4096), 1.2 * decode(model, "qwen3-4b", 8, 32768));
}

TEST(Prediction, NewRowsOnAWarmCacheCostMoreThanOnNone) {
  const MachineModel model(synthetic::results(Laws{}));
  const ModelShape shape = find_model("qwen3-4b");
  const EngineProfile engine = find_engine_profile("llama.cpp-threadpool");
  const Prediction cold = model.predict(shape, engine, {"prefill", 20, 0, "f16"}, 8);
  const Prediction warm = model.predict(shape, engine, {"prefill", 20, 5250, "f16"}, 8);
  EXPECT_GT(warm.seconds_by_term.at("attention"), 50 * cold.seconds_by_term.at("attention"));
  EXPECT_LT(warm.tokens_per_second, cold.tokens_per_second);
}

TEST(Regime, IsNamedByPhaseAndSizeOfWork) {
  Laws laws;
  const MachineModel model(synthetic::results(laws));
  const ModelShape shape = find_model("qwen3-4b");
  const EngineProfile engine = find_engine_profile("llama.cpp-threadpool");
  const Prediction decoded = model.predict(shape, engine, {"decode", 512, 512, "f16"}, 8);
  EXPECT_EQ(decoded.regime, kMemoryBoundDecode);
  EXPECT_EQ(decoded.limited_by, "weights");
  const Prediction longer = model.predict(shape, engine, {"prefill", 512, 0, "f16"}, 8);
  EXPECT_EQ(longer.regime, kStreamingPrefill);
  EXPECT_EQ(longer.limited_by, "compute");
  const Prediction few = model.predict(shape, engine, {"prefill", 13, 5000, "f16"}, 8);
  EXPECT_EQ(few.regime, kDispatchBoundPrefill);
}

TEST(Regime, DispatchBoundsASmallModelOnASlowBarrier) {
  Laws laws;
  laws.cores = 64;
  laws.bandwidth_all = 300e9;
  laws.barrier_two = 2e-6;
  const MachineModel model(synthetic::results(laws));
  const Prediction seen =
      model.predict(find_model("gemma-3-270m"), find_engine_profile("llama.cpp-threadpool"),
                    {"prefill", 128, 0, "f16"}, 64);
  EXPECT_EQ(seen.limited_by, "dispatch");
  EXPECT_EQ(seen.regime, kDispatchBoundPrefill);
}

TEST(Residency, AModelThatFitsTheCacheIsServedFromIt) {
  Laws laws;
  laws.l3_bytes = 2.4e9;  // a third is usable, of which octaves show 0.5 GB
  laws.matvec_one = 500e9;
  laws.models = {};
  const MachineModel model(synthetic::results(laws));
  const auto weights = [&](const char* spec) {
    const ModelShape shape = find_model(spec);
    const Prediction seen =
        model.predict(shape, find_engine_profile("generic"), {"decode", 512, 0, "f16"}, 8);
    return static_cast<double>(shape.weight_bytes_per_token()) / seen.seconds_by_term.at("weights");
  };
  EXPECT_GT(weights("gemma-3-270m"), 5 * laws.bandwidth_all);
  EXPECT_NEAR(weights("qwen3-8b") / laws.bandwidth_all, 1, 0.05);
}

TEST(Efficiency, OfTheChainIsAppliedAndShown) {
  Laws laws;
  laws.efficiency = 0.6;
  const MachineModel slow(synthetic::results(laws));
  laws.efficiency = 0.9;
  const MachineModel fast(synthetic::results(laws));
  EXPECT_NEAR(decode(fast, "qwen3-4b", 8) / decode(slow, "qwen3-4b", 8), 1.5, 0.01);
  bool seen = false;
  for (const ModelCurve& curve : fast.curves()) {
    if (curve.name.find("eta_decode") == std::string::npos) continue;
    seen = true;
    for (const double eta : curve.y) EXPECT_NEAR(eta, 0.95, 0.12);
  }
  EXPECT_TRUE(seen);
}

TEST(Efficiency, OfAChainThatWaitsForMemoryIsMostlyMemorys) {
  // Where the cores of an engine are the limit, slow memory matters less than to our chain.
  EngineProfile engine = find_engine_profile("generic");
  const auto rate = [&engine](double efficiency) {
    Results results = synthetic::results(Laws{});
    for (Point& point : results.points) {  // prefill's chain shows that it is not the arithmetic
      if (point.probe != "decode_scaling") continue;
      for (double& sample : point.samples) sample *= 0.9 / efficiency;
      point.summary = summarise(point.samples, point.unit);
    }
    return MachineModel(results)
        .predict(find_model("qwen3-4b"), engine, {"decode", 512, 512, "f16"}, 8)
        .tokens_per_second;
  };
  const double ours = rate(0.9) / rate(0.6);
  engine.matvec_efficiency = 0.2;  // 40 GB/s of 60
  const double slow = rate(0.9) / rate(0.6);
  EXPECT_NEAR(ours, 1.5, 0.02);
  EXPECT_LT(slow, 1.35);
  EXPECT_GT(slow, 1);
}

// The stream and the chain were minutes of one fluctuating memory: the chain's minute is half of
// what is known of the next one, and more of it where nothing fluctuated.
TEST(Efficiency, OfAGuestsMemoryLiesBetweenItsStreamAndItsChain) {
  const auto rate = [](const char* hypervisor, double efficiency, double deviation = 0) {
    Laws laws;
    laws.efficiency = 1;  // of prefill's chain: the arithmetic's part is not what is asked here
    Results results = synthetic::results(laws);
    if (hypervisor != nullptr) results.machine.hypervisor = hypervisor;
    for (Point& point : results.points) {
      if (point.probe != "decode_scaling") continue;
      for (std::size_t i = 0; i < point.samples.size(); ++i) {
        point.samples[i] *= 1 / efficiency * (i % 2 == 0 ? 1 + deviation : 1 / (1 + deviation));
      }
      point.summary = summarise(point.samples, point.unit);
    }
    return decode(MachineModel(results), "qwen3-4b", 8, 511);  // whole parts of the cache
  };
  const auto gain = [&](const char* hypervisor, double deviation) {
    return rate(hypervisor, 0.9, deviation) / rate(hypervisor, 0.6, deviation);
  };
  EXPECT_GT(rate("KVM", 0.5), 1.02 * rate(nullptr, 0.5));
  EXPECT_GT(rate("KVM", 0.5, 0.4), 1.1 * rate(nullptr, 0.5, 0.4));
  EXPECT_LT(rate("KVM", 1.25, 0.4), 0.95 * rate(nullptr, 1.25, 0.4));
  EXPECT_LT(gain("KVM", 0), gain(nullptr, 0) - 0.05);
  EXPECT_LT(gain("KVM", 0.4), gain(nullptr, 0.4) - 0.1);
  EXPECT_LT(gain("KVM", 0.4), gain("KVM", 0) - 0.05) << "which fluctuates";
  EXPECT_GT(gain("KVM", 0.4), 1.1);
}

// A guest's products may have met a quiet minute, so what prefill's chain lost against them is not
// taken off what decode's shows of memory and arithmetic, which an engine with slow cores feels.
TEST(Efficiency, OfAGuestsPrefillSaysLittleOfDecodesArithmetic) {
  EngineProfile engine = find_engine_profile("generic");
  engine.matvec_efficiency = 0.25;
  const auto rate = [&engine](const char* hypervisor, double of_prefill) {
    Laws laws;
    laws.matvec_one = 60e9;
    laws.efficiency = 1;
    Results results = synthetic::results(laws);
    if (hypervisor != nullptr) results.machine.hypervisor = hypervisor;
    for (Point& point : results.points) {
      const bool prefill = point.probe == "prefill_scaling";
      if (!prefill && point.probe != "decode_scaling") continue;
      for (double& sample : point.samples) sample /= prefill ? of_prefill : 0.6;
      point.summary = summarise(point.samples, point.unit);
    }
    return MachineModel(results)
        .predict(find_model("qwen3-4b"), engine, {"decode", 512, 16, "f16"}, 1)
        .tokens_per_second;
  };
  EXPECT_GT(rate(nullptr, 0.7), 1.15 * rate(nullptr, 1));
  EXPECT_NEAR(rate("KVM", 0.7) / rate("KVM", 1), 1, 0.05);
}

// A core that gets two thirds of its read rate beside arithmetic asks for too little, and slower
// arithmetic keeps it from asking for longer than slower memory would. Threads that memory holds up
// fill each other's gaps.
TEST(Efficiency, OfACoreThatAsksForLessBesideArithmeticFallsWithTheArithmetic) {
  EngineProfile engine = find_engine_profile("generic");
  const auto rate = [&engine](const Laws& laws, double of_the_chain, int threads) {
    Results results = synthetic::results(laws);
    for (Point& point : results.points) {
      if (point.probe != "decode_scaling") continue;
      for (double& sample : point.samples) sample /= of_the_chain;
      point.summary = summarise(point.samples, point.unit);
    }
    return MachineModel(results)
        .predict(find_model("qwen3-4b"), engine, {"decode", 512, 16, "f16"}, threads)
        .tokens_per_second;
  };
  const auto against_slower_memory = [&rate](int threads) {
    constexpr double kPart = 2.0 / 3;
    Laws laws, slower;
    laws.matvec_one = slower.matvec_one = 60e9;
    slower.bandwidth_one *= kPart;
    slower.bandwidth_all *= kPart;
    return rate(laws, kPart, threads) / rate(slower, 1, threads);
  };
  EXPECT_NEAR(against_slower_memory(1), 1, 0.05);
  EXPECT_NEAR(against_slower_memory(8), 1, 0.05);
  engine.matvec_efficiency = 0.25;
  EXPECT_LT(against_slower_memory(1), 0.7);
  EXPECT_NEAR(against_slower_memory(8), 1, 0.05);
}

// That is the core's own on all counts of threads; on a guest one count's chain met a minute that
// the others' did not, so it tells of theirs as well, and of its own less.
TEST(Efficiency, OfAGuestsCoresThatAskForLessIsSharedByItsCounts) {
  EngineProfile engine = find_engine_profile("generic");
  engine.matvec_efficiency = 0.25;
  const auto rate = [&engine](const char* hypervisor, double of_one_thread, int threads) {
    Laws laws;
    laws.matvec_one = 60e9;
    laws.bandwidth_all = 8 * laws.bandwidth_one;  // no thread waits for another's reads
    laws.efficiency = 1;
    Results results = synthetic::results(laws);
    if (hypervisor != nullptr) results.machine.hypervisor = hypervisor;
    for (Point& point : results.points) {
      if (point.probe != "decode_scaling") continue;
      const bool alone = point.parameters.number_or("threads", 0) == 1;
      for (double& sample : point.samples) sample /= alone ? of_one_thread : 0.65;
      point.summary = summarise(point.samples, point.unit);
    }
    return MachineModel(results)
        .predict(find_model("qwen3-4b"), engine, {"decode", 512, 16, "f16"}, threads)
        .tokens_per_second;
  };
  const auto gain = [&](const char* hypervisor, int threads) {
    return rate(hypervisor, 0.75, threads) / rate(hypervisor, 0.6, threads);
  };
  EXPECT_EQ(gain(nullptr, 8), 1);
  EXPECT_GT(gain("KVM", 8), 1.02);
  EXPECT_LT(gain("KVM", 1), gain(nullptr, 1) - 0.05);
  EXPECT_GT(gain("KVM", 1), 1);
}

TEST(Efficiency, BeyondSenseIsHeldAndNamed) {
  Laws laws;
  laws.efficiency = 0.05;
  const MachineModel model(synthetic::results(laws));
  std::string all;
  for (const Missing& entry : model.missing()) all += entry.what + ": " + entry.cause + "\n";
  EXPECT_THAT(all, HasSubstr("held at 0.20"));
}

TEST(Curves, MarkTheKneeAndTheUsableCache) {
  Laws laws;  // 20 GB/s a thread up to 60
  const MachineModel model(synthetic::results(laws));
  const auto curves = model.curves();
  const auto named = [&](const std::string& name) -> const ModelCurve& {
    return *std::find_if(curves.begin(), curves.end(),
                         [&](const ModelCurve& curve) { return curve.name == name; });
  };
  EXPECT_EQ(named("bandwidth_read_dram").marks.at("knee_threads"), 4);
  const double usable = named("bandwidth_by_working_set").marks.at("l3_usable_bytes");
  EXPECT_GT(usable, 6e6);
  EXPECT_LT(usable, 14e6);
}

TEST(Curves, HoldTheMeasuredChainScaledToTheWholeModel) {
  Laws laws;
  const MachineModel model(synthetic::results(laws));
  const ModelShape shape = find_model("qwen3-4b");
  for (const ModelCurve& curve : model.curves()) {
    if (curve.name.rfind("measured_decode", 0) != 0 ||
        curve.name.find("qwen3-4b") == std::string::npos) {
      continue;
    }
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      EXPECT_NEAR(curve.y[i] / truth(laws, shape, {"decode", 512, 512, "f16"}, curve.x[i]), 1,
                  0.05);
    }
    return;
  }
  FAIL() << "no curve of the measured chain";
}

TEST(Prediction, NamesItsSharesAndItsOverhead) {
  const MachineModel model(synthetic::results(Laws{}));
  EngineProfile slow = find_engine_profile("llama.cpp-threadpool");
  const Query query{"decode", 512, 512, "f16"};
  const ModelShape shape = find_model("qwen3-4b");
  const Prediction seen = model.predict(shape, slow, query, 4);
  double shares = 0;
  for (const auto& [term, share] : seen.share_by_term) shares += share;
  EXPECT_NEAR(shares, 1, 1e-9);
  EXPECT_NEAR(*seen.ms_per_token * seen.tokens_per_second, 1000, 1e-6);
  EXPECT_NEAR(*seen.seconds / *seen.roofline_seconds, *seen.overhead_factor, 1e-9);
  EXPECT_GT(*seen.overhead_factor, 1);  // the chain reaches 0.9 of its terms, and barriers are cut
  // An engine's inefficiency, its barriers and serial work are overhead; the roofline stays.
  slow.regions_per_layer_dense *= 10;
  slow.attention_efficiency *= 0.5;
  slow.serial_seconds_per_token = 0.01;
  const Prediction slower = model.predict(shape, slow, query, 4);
  EXPECT_NEAR(*slower.roofline_seconds, *seen.roofline_seconds, 1e-9);
  EXPECT_GT(*slower.overhead_factor, *seen.overhead_factor);
}

TEST(Prediction, WhatFitsACacheIsServedFromIt) {
  Laws small, large;
  small.matvec_one = large.matvec_one = 200e9;
  large.l3_bytes = 4.0 * (1LL << 30);
  const MachineModel memory(synthetic::results(small)), cache(synthetic::results(large));
  const ModelShape shape = find_model("gemma-3-270m");
  const EngineProfile engine = find_engine_profile("generic");
  const Query query{"decode", 512, 0, "f16"};
  const Prediction from_memory = memory.predict(shape, engine, query, 8);
  const Prediction from_cache = cache.predict(shape, engine, query, 8);
  EXPECT_EQ(from_memory.served_from, "dram");
  EXPECT_EQ(from_cache.served_from, "L3");
  EXPECT_GT(from_cache.tokens_per_second, 1.5 * from_memory.tokens_per_second);
}

TEST(Dispatch, ThreadsThatAreStartedForAStepCostOnceABlock) {
  Laws laws;
  laws.models = {};  // no measured chain scales what follows
  Results results = synthetic::results(laws);
  synthetic::add_point(results, "dispatch_overhead",
                       {{"operation", "step"}, {"sync", "thread_create"}, {"threads", 8}}, 0.016,
                       Unit::kSeconds, 0)
      .facts["work_seconds"] = 0.006;
  const MachineModel model(results);
  EngineProfile keeps = find_engine_profile("generic"), starts = keeps;
  keeps.ubatch = starts.ubatch = 512;
  starts.starts_threads = true;
  const auto extra = [&](const Query& query, int threads) {
    const auto dispatch = [&](const EngineProfile& engine) {
      return model.predict(find_model("qwen3-4b"), engine, query, threads)
          .seconds_by_term.at("dispatch");
    };
    return dispatch(starts) - dispatch(keeps);
  };
  EXPECT_NEAR(extra({"decode", 512, 512, "f16"}, 8), 0.010, 1e-9);
  EXPECT_NEAR(extra({"prefill", 1024, 0, "f16"}, 8), 0.020, 1e-9);
  EXPECT_EQ(extra({"decode", 512, 512, "f16"}, 1), 0);
  EXPECT_TRUE(find_engine_profile("llama.cpp-threadpool").starts_threads);
  EXPECT_FALSE(find_engine_profile("llama.cpp-openmp").starts_threads);
}

TEST(Serial, EachPickedTokenGoesThroughTheVocabulary) {
  Results results = synthetic::results(Laws{});
  synthetic::add_point(results, "dispatch_overhead",
                       {{"operation", "pick"}, {"pick", "top_p"}, {"threads", 1}}, 1e-4,
                       Unit::kSeconds, 0)
      .facts["vocabulary"] = 75'968;
  const MachineModel model(results);
  const ModelShape shape = find_model("qwen3-4b");
  ASSERT_EQ(shape.vocabulary, 151'936);
  const auto serial = [&](const Query& query) {
    return model.predict(shape, find_engine_profile("generic"), query, 8)
        .seconds_by_term.at("serial");
  };
  EXPECT_NEAR(serial({"decode", 512, 512, "f16"}), 2e-4, 1e-12);
  EXPECT_NEAR(serial({"decode", 512, 512, "f16", 3}), 6e-4, 1e-12) << "one a sequence";
  EXPECT_NEAR(serial({"prefill", 1024, 0, "f16"}), 2e-4, 1e-12) << "the last row's alone";
}

TEST(Query, ThatMakesNoSenseIsRefused) {
  const MachineModel model(synthetic::results(Laws{}));
  const ModelShape shape = find_model("qwen3-4b");
  const EngineProfile engine = find_engine_profile("generic");
  EXPECT_THROW(model.predict(shape, engine, {"chat", 1, 1, "f16"}, 1), Error);
  EXPECT_THROW(model.predict(shape, engine, {"prefill", 0, 0, "f16"}, 1), Error);
  EXPECT_THROW(model.predict(shape, engine, {"decode", 1, 1, "f16"}, 0), Error);
  EXPECT_THROW(model.predict(shape, engine, {"decode", 1, -1, "f16"}, 1), Error);
  Query none{"decode", 1, 1, "f16"};
  none.batch = 0;
  EXPECT_THROW(model.predict(shape, engine, none, 1), Error);
  none.batch = 1;
  none.instances = 0;
  EXPECT_THROW(model.predict(shape, engine, none, 1), Error);
}

// What redraws ask for by the thousand, without the terms and intervals.
TEST(Prediction, TheRateAloneIsThatOfTheWholePrediction) {
  const MachineModel model(synthetic::results(Laws{}));
  const Workload work(find_model("qwen3-4b:q4_0"));
  for (Query query : {Query{"decode", 512, 512, "f16"}, Query{"prefill", 128, 0, "f16"}}) {
    for (query.batch = 1; query.batch <= 2; ++query.batch) {
      const Prediction whole = model.predict(work, like_the_chain(), query, 4);
      EXPECT_DOUBLE_EQ(model.tokens_per_second(work, like_the_chain(), query, 4),
                       whole.tokens_per_second)
          << query.phase << " " << query.batch;
    }
  }
}

TEST(Prediction, ARegionTakesWhatItsBarrierTakes) {
  Laws laws;
  laws.barrier_two = 1e-6;
  const MachineModel model(synthetic::results(laws));
  for (const int threads : {2, 8}) {
    EXPECT_NEAR(model.region_seconds(like_the_chain(), threads) / laws.barrier(threads), 1, 0.05);
  }
}

}  // namespace
}  // namespace mb
