// Levers, drafts and offload on machines whose laws are known.
#include "reports/advice/levers.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "reports/advice/advise.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using synthetic::Laws;
using ::testing::Contains;
using ::testing::HasSubstr;

ModelAdvice advise_one(const Results& results, AdviceRequest request = {}) {
  if (request.models.empty()) request.models = {"llama-3.1-8b:q4_0"};
  return advise(results, request).models.at(0);
}

const Lever& lever(const ModelAdvice& advice, const std::string& name, const std::string& setting,
                   const std::string& phase = "decode") {
  for (const Lever& each : advice.levers) {
    if (each.name == name && each.phase == phase &&
        each.setting.find(setting) != std::string::npos) {
      return each;
    }
  }
  static const Lever none{};
  ADD_FAILURE() << "no lever " << name << " " << setting;
  return none;
}

// Bandwidth binds decode wholly, and barriers cost nothing to speak of.
Laws memory_bound() {
  Laws laws;
  laws.matvec_one = 400e9;
  laws.matmul_one = 400e9;
  laws.attention_one = 400e9;
  laws.barrier_two = 1e-9;
  return laws;
}

TEST(Levers, QuantisationGoesWithTheBytes) {
  const ModelAdvice advice = advise_one(synthetic::results(memory_bound()));
  const auto bytes = [](const char* spec) {
    return static_cast<double>(find_model(spec).weight_bytes_per_token());
  };
  const double expected = bytes("llama-3.1-8b:q4_0") / bytes("llama-3.1-8b:q8_0");
  const Lever& q8 = lever(advice, "quantisation", "q8_0");
  // The engine reads what it does not repack from 4 KiB pages; without huge pages all is alike.
  EXPECT_NEAR(*q8.speedup, expected, 0.02);
  EXPECT_NEAR(*q8.to_tokens_per_second / q8.from_tokens_per_second, *q8.speedup, 1e-9);
  EXPECT_LT(*lever(advice, "quantisation", "f16").speedup, *q8.speedup);
  EXPECT_GT(*lever(advice, "quantisation", "q2_k").speedup, 1.2);
}

TEST(Levers, BatchKvTypeAndPagesFollowTheirLaws) {
  Laws laws = memory_bound();
  laws.pages_4k = 0.5;
  AdviceRequest request;
  request.context_tokens = 16384;
  const ModelAdvice advice = advise_one(synthetic::results(laws), request);
  EXPECT_NEAR(*lever(advice, "huge_pages", "huge").speedup, 2, 0.05);
  const double kv = *lever(advice, "kv_type", "q8_0").speedup;
  const ModelShape shape = find_model("llama-3.1-8b:q4_0");
  const auto total = [&](const char* type) {
    return static_cast<double>(shape.weight_bytes_per_token() + shape.kv_bytes(16384, type));
  };
  EXPECT_NEAR(kv, total("f16") / total("q8_0"), 0.05);
  EXPECT_GT(*lever(advice, "kv_type", "q4_0").speedup, kv);
  EXPECT_GT(*lever(advice, "batch", "8 sequences").speedup,
            *lever(advice, "batch", "2 sequences").speedup);
  EXPECT_GT(*lever(advice, "prompt_cache", "16384", "prefill").speedup, 10);
}

TEST(Levers, FusedOperationsSaveTheirBarriers) {
  Laws laws;
  laws.cores = 16;
  laws.barrier_two = 1e-6;
  laws.bandwidth_all = 200e9;
  AdviceRequest request;
  request.models = {"gemma-3-270m:q4_0"};
  const ModelAdvice advice = advise_one(synthetic::results(laws), request);
  EXPECT_GT(*lever(advice, "fused_operations", "12 regions").speedup, 1.1);
  EXPECT_GT(*lever(advice, "compiled", "pytorch-compiled").speedup, 1.003);
  request.engine_profile = "generic";
  const ModelAdvice lean = advise_one(synthetic::results(laws), request);
  const Lever& none = lever(lean, "fused_operations", "");
  EXPECT_FALSE(none.speedup);
  EXPECT_THAT(none.note, HasSubstr("already"));
}

TEST(Levers, KeptThreadsSaveTheirStart) {
  Results results = synthetic::results(memory_bound());
  AdviceRequest request;
  request.engine_profile = "llama.cpp-threadpool";
  const ModelAdvice unknown = advise_one(results, request);
  EXPECT_FALSE(lever(unknown, "kept_threads", "").speedup);
  EXPECT_THAT(lever(unknown, "kept_threads", "").note, HasSubstr("not measured"));
  for (const int threads : {1, 2, 4, 8}) {
    synthetic::add_point(
        results, "dispatch_overhead",
        {{"operation", "step"}, {"sync", "thread_create"}, {"work_ms", 50}, {"threads", threads}},
        0.060, Unit::kSeconds, 0)
        .facts["work_seconds"] = 0.050;
  }
  EXPECT_GT(*lever(advise_one(results, request), "kept_threads", "outlast").speedup, 1.02);
  request.engine_profile = "llama.cpp-openmp";
  const ModelAdvice kept = advise_one(results, request);
  EXPECT_FALSE(lever(kept, "kept_threads", "").speedup);
  EXPECT_THAT(lever(kept, "kept_threads", "").note, HasSubstr("already"));
}

TEST(Levers, AttentionTwiceAsFastIsBoundByItsShare) {
  Laws laws = memory_bound();
  laws.attention_one = 2e9;
  const ModelAdvice advice = advise_one(synthetic::results(laws));
  const double share = advice.decode.expected.share_by_term.at("attention");
  EXPECT_GT(share, 0.05);
  EXPECT_NEAR(*lever(advice, "wide_attention", "twice").speedup, 1 / (1 - share / 2), 0.02);
}

TEST(Levers, EnginesSideBySideShareTheMemory) {
  const ModelAdvice advice = advise_one(synthetic::results(memory_bound()));
  EXPECT_NEAR(*lever(advice, "instances", "2 engines").speedup, 1, 0.35);
  EXPECT_LT(*lever(advice, "engine_per_sequence", "instead of a batch").speedup, 0.6);
}

TEST(Levers, NodesAreALeverOnlyWhereThereAreSeveral) {
  const ModelAdvice single = advise_one(synthetic::results(Laws{}));
  EXPECT_THAT(lever(single, "numa", "").note, HasSubstr("one memory node"));
  Laws laws;
  laws.cores = 16;
  laws.bandwidth_one = 10e9;
  laws.bandwidth_all = 100e9;
  Machine machine = synthetic::machine(laws);
  machine.numa_nodes.push_back({1, 64LL << 30});
  for (Pu& pu : machine.pus) pu.numa_node = pu.package = pu.core / 8;
  const ModelAdvice advice = advise_one(synthetic::results(laws, machine));
  const double one = *lever(advice, "numa", "one node").speedup;
  EXPECT_LT(one, 0.7);
  EXPECT_GT(*lever(advice, "numa", "2 engines").speedup, 1.9 * one);
}

TEST(Levers, OnOneCpuSayWhatIsNotToBeHad) {
  Laws laws;
  laws.cores = 1;
  const ModelAdvice advice = advise_one(synthetic::results(laws));
  for (const char* name : {"instances", "engine_per_sequence", "numa"}) {
    EXPECT_FALSE(lever(advice, name, "").speedup) << name;
    EXPECT_FALSE(lever(advice, name, "").note.empty()) << name;
  }
}

TEST(Levers, WithoutCachedPositionsOrSmallPagesThereIsNothingToSay) {
  Results results = synthetic::results(memory_bound());
  std::erase_if(results.points, [](const Point& point) {
    return point.probe == "stream_bandwidth" && point.parameters.text_or("page", "") == "4k";
  });
  AdviceRequest request;
  request.context_tokens = 0;
  const ModelAdvice advice = advise_one(results, request);
  EXPECT_FALSE(lever(advice, "prompt_cache", "", "prefill").speedup);
  EXPECT_THAT(lever(advice, "prompt_cache", "", "prefill").note, HasSubstr("--context"));
  EXPECT_FALSE(lever(advice, "huge_pages", "").speedup);
  EXPECT_THAT(lever(advice, "huge_pages", "").note, HasSubstr("not both page kinds"));
}

TEST(Levers, WhatIsAskedForIsNoLever) {
  AdviceRequest request;
  request.kv_type = "q8_0";
  request.batch = 4;
  const ModelAdvice advice = advise_one(synthetic::results(memory_bound()), request);
  const auto has = [&](const std::string& name, const std::string& setting) {
    return std::ranges::any_of(advice.levers, [&](const Lever& each) {
      return each.name == name && each.setting == setting;
    });
  };
  EXPECT_TRUE(has("kv_type", "f16"));
  EXPECT_FALSE(has("kv_type", "q8_0"));
  EXPECT_TRUE(has("batch", "8 sequences"));
  EXPECT_FALSE(has("batch", "4 sequences"));
}

TEST(Levers, TheWidestSimdInUseIsSaid) {
  Results results = synthetic::results(memory_bound());
  EXPECT_THAT(lever(advise_one(results), "wide_attention", "twice").note,
              testing::Not(HasSubstr("widest")));
  results.machine.cpu_features = {"avx2", "avx512f"};
  EXPECT_THAT(lever(advise_one(results), "wide_attention", "twice").note,
              HasSubstr("this CPU's widest is in use"));
}

TEST(Levers, OnTwoCpusAreTwoEnginesOfOneThread) {
  Laws laws;
  laws.cores = 2;
  const ModelAdvice advice = advise_one(synthetic::results(laws));
  for (const char* name : {"instances", "engine_per_sequence"}) {
    EXPECT_TRUE(lever(advice, name, "2 engines of 1 thread").speedup) << name;
  }
}

TEST(Speculation, BreaksEvenWhereTheSpeedupIsOne) {
  const ModelAdvice advice = advise_one(synthetic::results(memory_bound()));
  int lookups = 0, drafted = 0;
  const double step = 1 / advice.decode.expected.tokens_per_second;
  for (const Speculation& each : advice.speculation) {
    (each.draft == "lookup" ? lookups : drafted) += 1;
    EXPECT_GE(each.check_seconds, 0.98 * step) << each.draft_tokens;  // no check beats one step
    ASSERT_TRUE(each.break_even_acceptance);
    const double a = *each.break_even_acceptance;
    double tokens = 0;  // the sum that the closed form is
    for (int i = 0; i <= each.draft_tokens; ++i) tokens += std::pow(a, i);
    const double cycle = each.draft_seconds + each.check_seconds;
    if (cycle > step) {
      EXPECT_NEAR(tokens * step / cycle, 1, 0.03);
    }
    EXPECT_NEAR(each.speedup_by_acceptance.at("1") / ((each.draft_tokens + 1) * step / cycle), 1,
                0.03);
    EXPECT_LT(each.speedup_by_acceptance.at("0.6"), each.speedup_by_acceptance.at("0.8"));
  }
  EXPECT_EQ(lookups, 7);
  EXPECT_EQ(drafted, 7);  // llama-3.2-1b
  EXPECT_THAT(advice.speculation.back().draft, HasSubstr("llama-3.2-1b"));
}

TEST(Speculation, CannotPayWhereComputeBinds) {
  Laws laws;
  laws.bandwidth_one = laws.bandwidth_all = 1e12;
  laws.matvec_one = 1e9;
  laws.matmul_one = 3e9;  // checking nine rows takes about nine steps
  const ModelAdvice advice = advise_one(synthetic::results(laws));
  for (const Speculation& each : advice.speculation) {
    EXPECT_LT(each.speedup_by_acceptance.at("0.6"), 1) << each.draft << each.draft_tokens;
  }
}

TEST(Target, SaysWhenItIsMetWhenOneChangeClosesItAndWhenNone) {
  AdviceRequest request;
  const Results results = synthetic::results(memory_bound());
  const double expected = advise_one(results).decode.expected.tokens_per_second;
  const auto reason = [&](double target) {
    request.target_tokens_per_second = target;
    return advise_one(results, request).target->reason;
  };
  EXPECT_THAT(reason(0.5 * expected), HasSubstr("the target is met"));
  EXPECT_THAT(reason(1.2 * expected), HasSubstr("enough alone: "));
  EXPECT_THAT(reason(1.2 * expected), HasSubstr(" more."));
  EXPECT_THAT(reason(1e6 * expected), HasSubstr("no single change closes the gap"));
}

TEST(Target, NamesTheGapAndWhatClosesIt) {
  AdviceRequest request;
  const Results results = synthetic::results(memory_bound());
  const double now = advise_one(results).decode.expected.tokens_per_second;
  request.target_tokens_per_second = 2.5 * now;
  const ModelAdvice advice = advise_one(results, request);
  ASSERT_TRUE(advice.target);
  EXPECT_NEAR(advice.target->factor, 2.5, 1e-6);
  EXPECT_THAT(advice.target->reached_by, Contains(HasSubstr("batch 8")));
  EXPECT_GT(advice.target->bandwidth_needed_bytes_per_second, 1.8 * 60e9);
  request.target_tokens_per_second = 0.5 * now;
  EXPECT_THAT(advise_one(results, request).target->reason, HasSubstr("met"));
}

TEST(Offload, CountsTensorsExactly) {
  AdviceRequest request;
  request.gpu = GpuOffer{3LL << 30, 0, 300e9};
  const ModelAdvice advice = advise_one(synthetic::results(Laws{}), request);
  ASSERT_TRUE(advice.offload);
  const Offload& made = *advice.offload;
  const ModelShape shape = find_model("llama-3.1-8b:q4_0");
  std::int64_t layer = 0;
  for (const Tensor& tensor : shape.tensors()) layer += tensor.layer == 5 ? tensor.bytes() : 0;
  const std::int64_t kv = shape.kv_bytes(1024) / shape.layers;
  EXPECT_EQ(made.gpu_layers, (3LL << 30) / (layer + kv));
  EXPECT_EQ(made.gpu_weight_bytes, made.gpu_layers * layer);
  EXPECT_EQ(made.gpu_kv_bytes, made.gpu_layers * kv);
  EXPECT_EQ(made.free_bytes + made.gpu_weight_bytes + made.gpu_kv_bytes, 3LL << 30);
  EXPECT_FALSE(made.head_on_gpu);
  ASSERT_TRUE(made.tokens_per_second);
  EXPECT_GT(*made.tokens_per_second, made.cpu_only_tokens_per_second);
  EXPECT_LT(*made.tokens_per_second, made.tokens_per_second_at_most);
  EXPECT_NEAR(*made.tokens_per_second * (made.cpu_seconds + *made.gpu_seconds), 1, 1e-9);
  EXPECT_GE(made.cpu_threads, 1);
}

TEST(Offload, RunsFromNothingToEverything) {
  const Results results = synthetic::results(Laws{});
  AdviceRequest request;
  double last = 0;
  int layers = -1;
  for (const std::int64_t gib : {0, 1, 2, 4, 6, 8, 24}) {
    request.gpu = GpuOffer{gib << 30, {}, 300e9};
    const Offload made = *advise_one(results, request).offload;
    EXPECT_GE(made.gpu_layers, layers) << gib;
    EXPECT_GE(*made.tokens_per_second, last * 0.999) << gib;
    layers = made.gpu_layers;
    last = *made.tokens_per_second;
    if (gib == 0) {
      EXPECT_NEAR(*made.tokens_per_second / made.cpu_only_tokens_per_second, 1, 1e-6);
    }
    EXPECT_EQ(made.head_on_gpu, gib >= 6) << gib;
  }
  EXPECT_EQ(layers, 32);
  const Offload whole = *advise_one(results, request).offload;
  EXPECT_EQ(whole.cpu_threads, 1);  // who hands over tokens
  EXPECT_EQ(whole.cpu_seconds, 0);
  EXPECT_EQ(whole.tokens_per_second_at_most, whole.tokens_per_second);
}

// One thread draws all the memory gives, and nothing else takes time.
TEST(Offload, OfEquallyFastCountsTakesTheFewestThreads) {
  Laws laws;
  laws.bandwidth_one = laws.bandwidth_all = 10e9;
  laws.matvec_one = laws.matmul_one = laws.attention_one = 1e30;
  laws.barrier_two = 0;
  AdviceRequest request;
  request.gpu = GpuOffer{1LL << 30, 0, 300e9};
  EXPECT_EQ(advise_one(synthetic::results(laws), request).offload->cpu_threads, 1);
}

TEST(Offload, TheRestFitsUpToTheLastByteOfTheBudget) {
  Laws laws;
  Machine machine = synthetic::machine(laws);
  AdviceRequest request;
  request.gpu = GpuOffer{3LL << 30, 0, {}};
  const Offload made = *advise_one(synthetic::results(laws, machine), request).offload;
  const std::int64_t rest = find_model("llama-3.1-8b:q4_0").memory_bytes(1024) -
                            made.gpu_weight_bytes - made.gpu_kv_bytes;
  const auto fits = [&](std::int64_t budget) {
    machine.limits.memory_budget_bytes = budget;
    return advise_one(synthetic::results(laws, machine), request).offload->rest_fits;
  };
  EXPECT_TRUE(fits(rest));
  EXPECT_FALSE(fits(rest - 1));
  EXPECT_TRUE(fits(0)) << "a budget that is not known refuses nothing";
}

TEST(Offload, HelpsAModelThatDoesNotFitAlone) {
  Laws laws;
  Machine machine = synthetic::machine(laws);
  machine.limits.memory_budget_bytes = 24LL << 30;
  AdviceRequest request;
  request.models = {"llama-2-70b:q4_0"};
  request.gpu = GpuOffer{24LL << 30, {}, {}};
  const ModelAdvice advice = advise_one(synthetic::results(laws, machine), request);
  EXPECT_FALSE(advice.fits);
  ASSERT_TRUE(advice.offload);
  EXPECT_TRUE(advice.offload->rest_fits);
  EXPECT_EQ(advice.offload->cpu_only_tokens_per_second, 0);
  EXPECT_FALSE(advice.offload->tokens_per_second);  // no bandwidth was given
  EXPECT_GT(advice.offload->tokens_per_second_at_most, 0);
}

TEST(Document, KeepsWhatWouldHelp) {
  AdviceRequest request;
  request.models = {"llama-3.1-8b:q4_0"};
  request.gpu = GpuOffer{0, {}, {}};  // not even the overhead fits: the free bytes are negative
  request.target_tokens_per_second = 100;
  const Recommendation made = advise(synthetic::results(Laws{}), request);
  const std::string text = to_json_text(made);
  const Recommendation read = recommendation_from_json_text(text, "text");
  EXPECT_EQ(to_json_text(read), text);
  EXPECT_LT(read.models.at(0).offload->free_bytes, 0);
  EXPECT_EQ(read.models.at(0).levers.size(), made.models.at(0).levers.size());
  EXPECT_EQ(read.offload_rules.size(), 5u);
}

TEST(OffloadRules, AreJudgedByTheBytes) {
  const std::vector<OffloadRule> judged = judge_offload_rules(1024);
  ASSERT_EQ(judged.size(), 5u);
  for (const OffloadRule& rule : judged) {
    const ModelShape shape = find_model(rule.model);
    EXPECT_EQ(rule.layers, shape.layers);
    const bool fits_whole = shape.weight_bytes() + shape.kv_bytes(1024) <= rule.gpu_memory_bytes;
    if (!fits_whole) {
      EXPECT_LT(rule.fitting, rule.layers) << rule.model;
    }
    EXPECT_FALSE(rule.reason.empty());
  }
  EXPECT_EQ(judged[0].verdict, "holds");                            // 7B in 8 GB
  EXPECT_EQ(judged[4].verdict, "leaves_room");                      // 70B in 24 GB
  EXPECT_EQ(judge_offload_rules(32768)[1].verdict, "cannot_hold");  // 13B with a long context
}

}  // namespace
}  // namespace mb
