// Symptom, cause, remedy: each said where its figure shows it, and only there.
#include <gmock/gmock.h>

#include <algorithm>

#include "reports/advice/advise.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using synthetic::Laws;
using ::testing::HasSubstr;

Recommendation diagnose_on(const Results& results, const std::string& model) {
  AdviceRequest request;
  request.models = {model};
  return advise(results, request);
}

const Finding* find(const Recommendation& made, const std::string& title) {
  for (const Finding& each : made.findings) {
    if (each.title == title) return &each;
  }
  return nullptr;
}

TEST(Diagnosis, ThreadsPastTheKneeAreNamedWithTheirLoss) {
  Laws laws;
  laws.cores = 16;
  laws.bandwidth_one = 20e9;
  laws.bandwidth_all = 60e9;
  laws.matvec_one = 60e9;
  laws.barrier_two = 2e-6;
  const Recommendation made = diagnose_on(synthetic::results(laws), "qwen3-4b:q4_0");
  const Finding* found = find(made, "More threads decode slower");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->severity, "warning");
  EXPECT_THAT(found->evidence, HasSubstr("all 16 decode"));
  EXPECT_FALSE(found->cause.empty());
  laws.bandwidth_all = 320e9;  // every core adds
  laws.barrier_two = 1e-8;
  EXPECT_EQ(find(diagnose_on(synthetic::results(laws), "qwen3-4b:q4_0"), found->title), nullptr);
}

TEST(Diagnosis, AnIdleMemoryAndABusyOneAreToldApart) {
  Laws slow_cores;
  slow_cores.matvec_one = 1e9;
  const std::string idle = "Decode leaves the memory idle",
                    busy = "The memory is busy and decode still slow";
  const Recommendation compute = diagnose_on(synthetic::results(slow_cores), "qwen3-4b:q4_0");
  ASSERT_NE(find(compute, idle), nullptr);
  EXPECT_THAT(find(compute, idle)->cause, HasSubstr("compute takes"));
  EXPECT_EQ(find(compute, busy), nullptr);
  Laws slow_memory;
  slow_memory.bandwidth_one = slow_memory.bandwidth_all = 15e9;
  slow_memory.matvec_one = 200e9;
  const Recommendation memory = diagnose_on(synthetic::results(slow_memory), "llama-3.1-8b:q8_0");
  ASSERT_NE(find(memory, busy), nullptr);
  EXPECT_THAT(find(memory, busy)->evidence, HasSubstr("15 GB/s"));
  EXPECT_EQ(find(memory, idle), nullptr);
}

TEST(Diagnosis, ABusyMemoryIsSaidWhereOneThreadFillsIt) {
  Laws laws;
  laws.bandwidth_one = laws.bandwidth_all = 10e9;
  laws.matvec_one = laws.attention_one = 900e9;
  const Recommendation made = diagnose_on(synthetic::results(laws), "llama-3.1-8b:q8_0");
  EXPECT_EQ(made.models.at(0).decode.threads, 1);
  EXPECT_NE(find(made, "The memory is busy and decode still slow"), nullptr);
}

// Each limit from just below to just above: a step's variation of 5 %, a half more by two threads.
TEST(Diagnosis, SpeaksFromItsLimitsOn) {
  const auto varying = [](double deviation) {
    Results results = synthetic::results(Laws{});
    for (Point& point : results.points) {
      if (point.probe == "decode_scaling") point.summary.mad = deviation * point.summary.median;
    }
    return find(diagnose_on(results, "qwen3-4b:q4_0"), "Steps take varying time") != nullptr;
  };
  EXPECT_FALSE(varying(0.0499));
  EXPECT_TRUE(varying(0.0501));
  const auto shared = [](double gain) {
    Laws laws;
    laws.cores = 2;
    Results results = synthetic::results(laws);
    results.machine.hypervisor = "KVM";
    for (Point& point : results.points) {
      if (point.probe != "matmul_throughput" || point.parameters.number_or("threads", 1) != 2) {
        continue;
      }
      for (double& sample : point.samples) sample *= gain / 2;
      point.summary = summarise(point.samples, point.unit);
    }
    return find(diagnose_on(results, "qwen3-4b:q4_0"), "Two CPUs do little more than one") !=
           nullptr;
  };
  EXPECT_TRUE(shared(1.499));
  EXPECT_FALSE(shared(1.501));
}

TEST(Diagnosis, ADecodeThatWaitsForItsThreadsIsToldToTakeFewer) {
  Laws laws;
  laws.cores = 1;
  laws.matvec_one = laws.attention_one = laws.bandwidth_one = laws.bandwidth_all = 900e9;
  laws.models = {"gemma-3-270m:q4_0"};
  Results results = synthetic::results(laws);
  constexpr double kRegionSeconds = 1e-3;  // also of one thread
  for (Point& point : results.points) {
    const auto regions = point.facts.find("regions");
    const bool dispatch = point.probe == "dispatch_overhead";
    if (!dispatch && regions == point.facts.end()) continue;
    for (double& sample : point.samples) {
      sample += kRegionSeconds * (dispatch ? 1 : regions->second);
    }
    point.summary = summarise(point.samples, point.unit);
  }
  const Recommendation made = diagnose_on(results, "gemma-3-270m:q4_0");
  const Finding* found = find(made, "Decode leaves the memory idle");
  ASSERT_NE(found, nullptr);
  EXPECT_THAT(found->remedy, HasSubstr("Fewer threads"));
  EXPECT_THAT(found->cause, HasSubstr("dispatch takes"));
}

TEST(Diagnosis, WhereNoModelFitsTheMachineAloneIsDiagnosed) {
  Results results = synthetic::results(Laws{});
  results.machine.limits.memory_budget_bytes = 1 << 20;
  results.points.front().noise.throttled_share = 0.5;
  const Recommendation made = diagnose_on(results, "qwen3-4b:q4_0");
  EXPECT_FALSE(made.models.at(0).fits);
  EXPECT_NE(find(made, "The CPU quota throttles"), nullptr);
  EXPECT_EQ(find(made, "Decode leaves the memory idle"), nullptr);
}

// Less than a fifth of the memory's rate is idle, more than seven tenths busy.
TEST(Diagnosis, MemoryIsIdleBelowAFifthAndBusyAboveSevenTenths) {
  Laws laws;
  laws.bandwidth_one = laws.bandwidth_all = 15e9;
  laws.matvec_one = laws.attention_one = 900e9;
  bool idle_seen = false, between_seen = false, busy_seen = false;
  for (const double efficiency :
       {0.2, 0.22, 0.2235, 0.2245, 0.23, 0.5, 0.78, 0.784, 0.785, 0.79, 0.795, 0.9}) {
    laws.efficiency = efficiency;
    const Recommendation made = diagnose_on(synthetic::results(laws), "llama-3.1-8b:q8_0");
    const ModelAdvice& model = made.models.at(0);
    const double use = model.decode.expected.tokens_per_second *
                       static_cast<double>(model.weight_bytes_per_token) / 15e9;
    const bool idle = use<0.2, busy = use> 0.7;
    EXPECT_EQ(find(made, "Decode leaves the memory idle") != nullptr, idle) << use;
    EXPECT_EQ(find(made, "The memory is busy and decode still slow") != nullptr, busy) << use;
    idle_seen = idle_seen || (0.19 < use && use < 0.2);
    between_seen = between_seen || (0.2 < use && use < 0.21) || (0.69 < use && use < 0.7);
    busy_seen = busy_seen || (0.7 < use && use < 0.71);
  }
  EXPECT_TRUE(idle_seen && between_seen && busy_seen) << "the limits are tried on both sides";
}

TEST(Diagnosis, TwoModesApartAreAVariationWithACause) {
  Results results = synthetic::results(Laws{});
  for (Point& point : results.points) {
    if (point.name.starts_with("decode_scaling") && point.parameters.number("threads") == 8) {
      point.modes = Modes{1, 1.25};
    }
  }
  const auto made = diagnose_on(results, "qwen3-4b:q4_0");
  const Finding* found = find(made, "Steps take varying time");
  ASSERT_NE(found, nullptr);
  EXPECT_THAT(found->evidence, testing::EndsWith("threads:8: two modes apart by 25 %"));
  EXPECT_THAT(found->cause, HasSubstr("two states"));
}

TEST(Diagnosis, VaryingStepsNameWhatRanMeanwhile) {
  Laws laws;
  laws.spread = 0.2;
  Results results = synthetic::results(laws);
  const std::string title = "Steps take varying time";
  ASSERT_NE(find(diagnose_on(results, "qwen3-4b:q4_0"), title), nullptr);
  EXPECT_THAT(find(diagnose_on(results, "qwen3-4b:q4_0"), title)->cause, HasSubstr("Nothing else"));
  for (Point& point : results.points) point.verdict.worsen(Validity::kNoisy, "steal", "3 %");
  EXPECT_THAT(find(diagnose_on(results, "qwen3-4b:q4_0"), title)->cause, HasSubstr("hypervisor"));
  for (const auto& [code, cause] :
       {std::pair("throttled", "The CPU quota stopped"),
        std::pair("switches", "Other programs took"), std::pair("migrations", "Threads were moved"),
        std::pair("clock_drift", "The clock changed")}) {
    for (Point& point : results.points) {
      point.verdict = {};
      point.verdict.worsen(Validity::kNoisy, code, "1 %");
    }
    EXPECT_THAT(find(diagnose_on(results, "qwen3-4b:q4_0"), title)->cause, HasSubstr(cause));
  }
  laws.spread = 0.01;
  EXPECT_EQ(find(diagnose_on(synthetic::results(laws), "qwen3-4b:q4_0"), title), nullptr);
}

TEST(Diagnosis, AThrottlingQuotaIsShownWithItsShare) {
  Laws laws;
  Machine machine = synthetic::machine(laws);
  synthetic::set_quota(machine, 4);
  Results results = synthetic::results(laws, machine);
  const std::string title = "The CPU quota throttles";
  EXPECT_EQ(find(diagnose_on(results, "qwen3-4b:q4_0"), title), nullptr);
  results.points.front().noise.throttled_share = 0.031;
  const Recommendation made = diagnose_on(results, "qwen3-4b:q4_0");
  ASSERT_NE(find(made, title), nullptr);
  EXPECT_THAT(find(made, title)->evidence, HasSubstr("3.1 %"));
  EXPECT_THAT(find(made, title)->cause, HasSubstr("/test/cpu.max"));
  results.machine.limits.quota_source.clear();
  EXPECT_THAT(find(diagnose_on(results, "qwen3-4b:q4_0"), title)->cause,
              HasSubstr("A control group above this one"));
}

TEST(Diagnosis, CpusThatShareACoreAreSuspectedWhereTwoDoAsMuchAsOne) {
  Laws laws;
  laws.cores = 2;
  Results results = synthetic::results(laws);
  results.machine.hypervisor = "KVM";
  const std::string title = "Two CPUs do little more than one";
  EXPECT_EQ(find(diagnose_on(results, "qwen3-4b:q4_0"), title), nullptr);
  for (Point& point : results.points) {
    if (point.probe != "matmul_throughput" || point.parameters.number_or("threads", 1) != 2) {
      continue;
    }
    for (double& sample : point.samples) sample *= 0.6;
    point.summary = summarise(point.samples, point.unit);
  }
  const Recommendation made = diagnose_on(results, "qwen3-4b:q4_0");
  ASSERT_NE(find(made, title), nullptr);
  EXPECT_THAT(find(made, title)->evidence, HasSubstr("1.20 times"));
  for (Point& point : results.points) {  // what was refused is no evidence
    if (point.probe == "matmul_throughput" && point.parameters.number_or("threads", 1) == 2) {
      point.verdict.worsen(Validity::kInvalid, "spread", "30 %");
    }
  }
  EXPECT_EQ(find(diagnose_on(results, "qwen3-4b:q4_0"), title), nullptr);
}

TEST(RuleJudgements, CoverThePublishedRulesWithinTheBudget) {
  Laws laws;
  laws.cores = 16;
  laws.smt = 2;
  Machine machine = synthetic::machine(laws);
  synthetic::set_quota(machine, 8);
  const ModelAdvice advice =
      diagnose_on(synthetic::results(laws, machine), "qwen2.5-1.5b:q4_0").models.at(0);
  const auto rule = [&](const std::string& name) {
    const auto found = std::find_if(advice.rules.begin(), advice.rules.end(),
                                    [&](const RuleJudgement& each) { return each.rule == name; });
    EXPECT_NE(found, advice.rules.end()) << name;
    return found == advice.rules.end() ? RuleJudgement{} : *found;
  };
  EXPECT_EQ(rule("all logical CPUs").decode_threads, 8);
  EXPECT_THAT(rule("all logical CPUs").note, HasSubstr("asks for 32"));
  // 1,536 numbers of four bytes are 96 lines: 12 threads at 8 lines, 16 at 6.
  EXPECT_THAT(rule("8 cache lines of output a thread").note, HasSubstr("asks for 12"));
  EXPECT_THAT(rule("6 cache lines of output a thread").note, HasSubstr("asks for 16"));
  EXPECT_THAT(rule("min(physical cores, work / cache line)").note, HasSubstr("asks for 16"));
  EXPECT_EQ(rule("half the cores, as on laptops").decode_threads, 8);
  EXPECT_TRUE(rule("half the cores, as on laptops").note.empty());
  EXPECT_EQ(rule("one count for both phases (our compromise)").decode_threads,
            advice.compromise.threads);
}

}  // namespace
}  // namespace mb
