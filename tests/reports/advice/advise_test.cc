// Advice on machines whose laws are known: the counts, who caps them, how sure they are.
#include "reports/advice/advise.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "data/error.h"
#include "tests/error_code.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using synthetic::Laws;
using ::testing::Contains;
using ::testing::HasSubstr;

Recommendation advise_on(const Results& results,
                         std::vector<std::string> models = {"qwen3-4b:q4_0"}) {
  AdviceRequest request;
  request.models = std::move(models);
  request.results_file = "results.json";
  return advise(results, request);
}

ModelAdvice one_model(const Results& results, const std::string& model = "qwen3-4b:q4_0") {
  return advise_on(results, {model}).models.at(0);
}

double rate(const ModelAdvice& advice, const std::string& phase, int threads) {
  for (const Prediction& seen : advice.predictions) {
    if (seen.phase == phase && seen.threads == threads) return seen.tokens_per_second;
  }
  return 0;
}

TEST(Advice, PrefillTakesAllCoresAndDecodeStopsAtTheBandwidth) {
  Laws laws;
  laws.cores = 16;
  laws.bandwidth_one = 20e9;
  laws.bandwidth_all = 70e9;
  laws.matvec_one = 60e9;
  laws.attention_one = 400e9;
  const ModelAdvice advice = one_model(synthetic::results(laws));
  EXPECT_EQ(advice.prefill.threads, 16);
  EXPECT_EQ(advice.decode.threads, 4);
  EXPECT_THAT(advice.decode.reason, HasSubstr("streaming the weights"));
  EXPECT_THAT(advice.prefill.reason, HasSubstr("arithmetic"));
}

TEST(Advice, LeavesTheSiblingsAloneWhereTheyHurt) {
  Laws laws;
  laws.smt = 2;
  laws.cliff = 0.7;
  laws.recovery = 0.2;  // 24 threads do 90 % of 12
  laws.cores = 12;
  const ModelAdvice advice = one_model(synthetic::results(laws));
  EXPECT_EQ(advice.prefill.threads, 12);
  EXPECT_THAT(advice.prefill.reason, HasSubstr("one per physical core"));
  ASSERT_TRUE(advice.prefill.cpu_list);
  EXPECT_EQ(advice.prefill.cpu_list->back(), 11);  // siblings are 12 to 23
}

TEST(Advice, UsesTheSiblingsWhereTheyHelp) {
  Laws laws;
  laws.smt = 2;
  laws.cliff = 1.0;
  laws.recovery = 0.35;
  laws.cores = 12;
  EXPECT_EQ(one_model(synthetic::results(laws)).prefill.threads, 24);
}

TEST(Advice, IsTheSmallestMeasuredCountWithinTheTolerance) {
  Laws laws;
  laws.smt = 2;
  laws.cores = 12;
  const Results results = synthetic::results(laws);
  const std::vector<int> counts = thread_counts(results.machine);
  const std::set<int> measured(counts.begin(), counts.end());
  const Recommendation made = advise_on(results, {});
  for (const ModelAdvice& advice : made.models) {
    if (!advice.fits) continue;
    for (const PhaseAdvice* phase : {&advice.prefill, &advice.decode}) {
      double best = 0;
      for (const int threads : measured) best = std::max(best, rate(advice, phase->phase, threads));
      EXPECT_TRUE(measured.contains(phase->threads)) << advice.model;
      EXPECT_GE(phase->expected.tokens_per_second, 0.98 * best) << advice.model << phase->phase;
      for (const int threads : measured) {
        if (threads < phase->threads) {
          EXPECT_LT(rate(advice, phase->phase, threads), 0.98 * best) << advice.model;
        }
      }
    }
  }
}

TEST(Advice, SlowerBarriersNeverRaiseTheCount) {
  for (const char* model : {"gemma-3-270m:q4_0", "qwen3-4b:q4_0"}) {
    int prefill = 1000, decode = 1000;
    for (const double barrier : {1e-8, 1e-7, 1e-6, 5e-6, 2e-5, 1e-4}) {
      Laws laws;
      laws.cores = 32;
      laws.bandwidth_all = 200e9;
      laws.barrier_two = barrier;
      const ModelAdvice advice = one_model(synthetic::results(laws), model);
      EXPECT_LE(advice.prefill.threads, prefill) << model << " " << barrier;
      EXPECT_LE(advice.decode.threads, decode) << model << " " << barrier;
      prefill = advice.prefill.threads;
      decode = advice.decode.threads;
    }
    EXPECT_LT(decode, 8) << model;
  }
}

TEST(Advice, NothingExceedsTheCpuBudget) {
  Laws laws;
  laws.cores = 16;
  Machine machine = synthetic::machine(laws);
  synthetic::set_quota(machine, 3.5);
  const Recommendation made = advise_on(synthetic::results(laws, machine), {});
  for (const ModelAdvice& advice : made.models) {
    if (!advice.fits) continue;
    for (const PhaseAdvice* phase : {&advice.prefill, &advice.decode, &advice.compromise}) {
      EXPECT_LE(phase->threads, 3);
      for (const Alternative& other : phase->alternatives) EXPECT_LE(other.threads, 3);
    }
    for (const Prediction& seen : advice.predictions) EXPECT_LE(seen.threads, 3);
    for (const RuleJudgement& rule : advice.rules) {
      EXPECT_LE(rule.prefill_threads, 3);
      EXPECT_LE(rule.decode_threads, 3);
    }
  }
}

TEST(Advice, EvenWhenMoreWasMeasuredThanTheBudgetAllows) {
  Laws laws;
  Results results = synthetic::results(laws);  // measured up to 8
  synthetic::set_quota(results.machine, 2);
  const ModelAdvice advice = one_model(results);
  EXPECT_LE(advice.prefill.threads, 2);
  EXPECT_EQ(advice.predictions.size(), 4u);
}

TEST(Advice, NamesNoCpusWhereTheBudgetIsAQuota) {
  Laws laws;
  Machine machine = synthetic::machine(laws);
  synthetic::set_quota(machine, 4);
  const Recommendation made = advise_on(synthetic::results(laws, machine));
  const ModelAdvice& advice = made.models.at(0);
  EXPECT_FALSE(advice.prefill.cpu_list);
  EXPECT_FALSE(advice.decode.cpu_list);
  EXPECT_FALSE(advice.compromise.cpu_list);
  for (const EngineSettings& engine : advice.engines) {
    for (const std::string& word : engine.argv) {
      EXPECT_TRUE(word.rfind("-C", 0) != 0 && word != "taskset") << engine.engine;
    }
    for (const auto& [key, value] : engine.env) {
      EXPECT_NE(key, "OMP_PLACES");
      if (key == "VLLM_CPU_OMP_THREADS_BIND") {
        EXPECT_EQ(value, "nobind");
      }
    }
  }
  ASSERT_FALSE(made.findings.empty());
  EXPECT_EQ(made.findings.front().severity, "warning");
  EXPECT_THAT(made.findings.front().evidence, HasSubstr("cgroup v2 /test/cpu.max"));
}

TEST(Advice, OnOneCpuIsOneThread) {
  Laws laws;
  laws.cores = 1;
  const ModelAdvice advice = one_model(synthetic::results(laws));
  EXPECT_EQ(advice.prefill.threads, 1);
  EXPECT_EQ(advice.decode.threads, 1);
  EXPECT_EQ(advice.compromise.threads, 1);
  EXPECT_EQ(advice.prefill.confidence, "high");
  EXPECT_THAT(advice.prefill.reason, HasSubstr("only one CPU"));
  EXPECT_TRUE(advice.prefill.alternatives.empty());
}

TEST(Advice, OnAHundredAndNinetyTwoPusCoversTheCatalogue) {
  Laws laws;
  laws.cores = 96;
  laws.smt = 2;
  laws.l3_domains = 12;
  laws.bandwidth_all = 400e9;
  const Recommendation made = advise_on(synthetic::results(laws), {});
  // All but the unsupported one, and two more sizes of each of the two whose steps were measured.
  EXPECT_EQ(made.models.size(), catalogue().size() - 1 + 4);
  for (const char* name : {"qwen3-4b:q4_k_m", "qwen3-4b:q8_0", "qwen3-30b-a3b:q8_0"}) {
    EXPECT_THAT(made.models, Contains(::testing::Field(&ModelAdvice::model, name)));
  }
  for (const ModelAdvice& advice : made.models) EXPECT_EQ(find_model(advice.model).unsupported, "");
  for (const ModelAdvice& advice : made.models) {
    if (!advice.fits) continue;
    EXPECT_EQ(advice.predictions.size(), 2u * 192) << advice.model;
    EXPECT_GE(advice.prefill.threads, advice.decode.threads) << advice.model;
    ASSERT_TRUE(advice.prefill.cpu_list);
    const std::set<int> distinct(advice.prefill.cpu_list->begin(), advice.prefill.cpu_list->end());
    EXPECT_EQ(static_cast<int>(distinct.size()), advice.prefill.threads);
  }
}

TEST(Advice, HoldsOnEveryMachineOfTheFixtures) {
  int machines = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/data/topologies")) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".machine.json")) continue;
    ++machines;
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const Machine machine = machine_from_json_text(text, name);
    Laws laws;
    laws.cores = machine.usable_cores();
    laws.bandwidth_all = 20e9 * std::max(1, laws.cores / 3);
    const ModelAdvice advice = one_model(synthetic::results(laws, machine));
    for (const PhaseAdvice* phase : {&advice.prefill, &advice.decode, &advice.compromise}) {
      EXPECT_GE(phase->threads, 1) << name;
      EXPECT_LE(phase->threads, machine.limits.effective_cpus) << name;
      EXPECT_EQ(phase->cpu_list.has_value(), machine.limits.limited_by != "quota") << name;
      if (!phase->cpu_list) continue;
      std::set<int> usable;
      for (const Pu& pu : machine.pus) {
        if (pu.usable) usable.insert(pu.os_index);
      }
      for (const int cpu : *phase->cpu_list) EXPECT_TRUE(usable.contains(cpu)) << name << cpu;
    }
    EXPECT_LE(advice.prefill.threads, laws.cores) << name;  // siblings cost a tenth here
  }
  EXPECT_GE(machines, 5);
}

TEST(Advice, IsTheSameForTheSameDocument) {
  const Results results = synthetic::results(Laws{});
  EXPECT_EQ(to_json_text(advise_on(results)), to_json_text(advise_on(results)));
}

TEST(Advice, TellsWhatDoesNotFit) {
  Laws laws;
  Machine machine = synthetic::machine(laws);
  machine.limits.memory_budget_bytes = 4LL << 30;
  const Recommendation made = advise_on(synthetic::results(laws, machine), {});
  for (const ModelAdvice& advice : made.models) {
    EXPECT_EQ(advice.fits, advice.memory_bytes <= 4LL << 30) << advice.model;
    EXPECT_THAT(advice.fits_reason, HasSubstr("of 4 GiB"));
    if (!advice.fits) {
      EXPECT_EQ(advice.prefill.threads, 0);
      EXPECT_TRUE(advice.predictions.empty());
    }
  }
  EXPECT_TRUE(made.models.front().fits);
  EXPECT_FALSE(made.models.back().fits);
}

TEST(Compromise, LiesBetweenThePhasesAndSaysWhatItCosts) {
  Laws laws;
  laws.cores = 16;
  laws.bandwidth_all = 70e9;
  laws.matvec_one = 60e9;
  laws.attention_one = 400e9;
  const ModelAdvice advice = one_model(synthetic::results(laws));
  EXPECT_EQ(advice.compromise.phase, "both");
  EXPECT_GE(advice.compromise.threads, advice.decode.threads);
  EXPECT_LE(advice.compromise.threads, advice.prefill.threads);
  EXPECT_THAT(advice.compromise.reason, HasSubstr("prefill"));
  EXPECT_FALSE(advice.compromise.alternatives.empty());
}

TEST(Confidence, IsHighOnCleanMeasurementsOfAClearKnee) {
  Laws laws;
  laws.cores = 16;
  laws.spread = 0.002;
  const ModelAdvice advice = one_model(synthetic::results(laws));
  EXPECT_EQ(advice.prefill.confidence, "high");
  EXPECT_EQ(advice.decode.confidence, "high");
}

TEST(Confidence, IsLowWhereTheMeasurementsCannotTellCountsApart) {
  Laws laws;
  laws.cores = 32;
  laws.bandwidth_one = laws.bandwidth_all = 30e9;  // flat from one thread on
  laws.matvec_one = 100e9;
  laws.spread = 0.5;
  const ModelAdvice advice = one_model(synthetic::results(laws));
  EXPECT_EQ(advice.decode.confidence, "low");
  EXPECT_THAT(advice.decode.confidence_reasons.front(), HasSubstr("200 redraws"));
}

TEST(Confidence, IsMediumAtMostOnNoisyPointsAndSaysWhich) {
  Results results = synthetic::results(Laws{});
  for (Point& point : results.points) {
    if (point.probe == "stream_bandwidth") {
      point.verdict.worsen(Validity::kNoisy, "steal", "2.1 % of the used CPUs, limit 1 %");
    }
  }
  const Recommendation made = advise_on(results);
  EXPECT_EQ(made.verdict.validity, Validity::kNoisy);
  EXPECT_NE(made.models.at(0).decode.confidence, "high");
  EXPECT_THAT(made.models.at(0).decode.confidence_reasons, Contains(HasSubstr("steal")));
  EXPECT_EQ(made.findings.front().title, "The hypervisor ran somebody else on our CPUs.");
}

TEST(Confidence, IsMediumAtMostWithoutAMeasuredStep) {
  Laws laws;
  laws.models = {};
  const ModelAdvice advice = one_model(synthetic::results(laws));
  EXPECT_NE(advice.decode.confidence, "high");
  EXPECT_THAT(advice.decode.confidence_reasons, Contains(HasSubstr("no decode step")));
}

// A run that was cut short: one thread's rate does not tell that more add nothing.
TEST(Confidence, IsLowWhereArithmeticWasMeasuredWithOneThreadAlone) {
  Laws laws;
  laws.models = {};
  Results results = synthetic::results(laws);
  std::erase_if(results.points, [](const Point& point) {
    return point.probe == "matmul_throughput" && point.parameters.number_or("threads", 1) > 1;
  });
  const Recommendation made = advise_on(results);
  const ModelAdvice& advice = made.models.at(0);
  EXPECT_EQ(advice.prefill.threads, results.machine.usable_cores());
  EXPECT_GT(advice.decode.threads, 1);
  for (const PhaseAdvice* phase : {&advice.prefill, &advice.decode}) {
    EXPECT_EQ(phase->confidence, "low");
    EXPECT_THAT(phase->confidence_reasons, Contains(HasSubstr("with one thread alone")));
  }
  EXPECT_TRUE(std::any_of(made.missing.begin(), made.missing.end(), [](const Missing& entry) {
    return entry.what == "matrix products with several threads";
  }));
}

TEST(Confidence, IsLowOnAnInstanceThatRunsOnCredits) {
  Results results = synthetic::results(Laws{});
  results.machine.cloud_label = "t3.large";
  EXPECT_EQ(one_model(results).prefill.confidence, "low");
  for (const char* label : {"t2.micro", "t3a.large", "t4g.large"}) {
    results.machine.cloud_label = label;
    EXPECT_EQ(one_model(results).prefill.confidence, "low") << label;
  }
  for (const char* label : {"m7a.large", "x2t3.large"}) {
    results.machine.cloud_label = label;
    EXPECT_NE(one_model(results).prefill.confidence, "low") << label;
  }
}

TEST(Rules, AreJudgedAgainstTheAdvice) {
  Laws laws;
  laws.cores = 12;
  laws.smt = 2;
  const ModelAdvice advice = one_model(synthetic::results(laws));
  const auto rule = std::find_if(advice.rules.begin(), advice.rules.end(), [](const auto& entry) {
    return entry.rule == "all logical CPUs";
  });
  ASSERT_NE(rule, advice.rules.end());
  EXPECT_EQ(rule->prefill_threads, 24);
  EXPECT_NEAR(rule->prefill_loss, 0.1, 0.03);
}

TEST(Document, PassesMissingOn) {
  Results results = synthetic::results(Laws{});
  results.missing.push_back({"1 GiB pages", "none are reserved", "reserve some"});
  results.machine.missing.push_back({"microcode", "not shown", "none needed"});
  const Recommendation made = advise_on(results);
  EXPECT_THAT(made.missing, Contains(results.missing.front()));
  EXPECT_THAT(made.missing, Contains(results.machine.missing.front()));
  EXPECT_EQ(made.created_utc, results.created_utc);
  EXPECT_EQ(made.results_file, "results.json");
}

TEST(Request, ThatMakesNoSenseIsRefused) {
  const Results results = synthetic::results(Laws{});
  EXPECT_THROW(advise_on(results, {"nonesuch"}), Error);
  int unsupported = 0;
  for (const std::string& name : catalogue()) {
    if (find_model(name).unsupported.empty()) continue;
    ++unsupported;
    EXPECT_EQ(code_of([&] { advise_on(results, {name}); }), ErrorCode::kNotAvailable) << name;
  }
  EXPECT_GT(unsupported, 0) << "the catalogue has a shape that cannot be computed";
  AdviceRequest request;
  request.tolerance = 1.5;
  EXPECT_THROW(advise(results, request), Error);
  request.tolerance = 0.02;
  request.tolerance = -0.01;
  EXPECT_THROW(advise(results, request), Error);
  request.tolerance = 0.02;
  request.prompt_tokens = 0;
  EXPECT_THROW(advise(results, request), Error);
  request.prompt_tokens = 1;
  request.context_tokens = -1;
  EXPECT_THROW(advise(results, request), Error);
}

// Whatever a document says, the answer is finite or refused with a reason.
TEST(Advice, OfHostileFiguresIsFiniteOrRefused) {
  const Results sound = synthetic::results(Laws{});
  for (const char* probe : {"stream_bandwidth", "matmul_throughput", "attention_kv",
                            "dispatch_overhead", "decode_scaling", "prefill_scaling"}) {
    for (const double value : {0.0, 1e-300, 1e-9, 1e300}) {
      Results results = sound;
      for (Point& point : results.points) {
        if (point.probe != probe) continue;
        point.samples.assign(point.samples.size(), value);
        point.summary = summarise(point.samples, point.unit);
      }
      try {
        for (const ModelAdvice& advice : advise_on(results).models) {
          for (const Prediction& each : advice.predictions) {
            EXPECT_TRUE(std::isfinite(each.tokens_per_second)) << probe << " " << value;
            EXPECT_GT(each.tokens_per_second, 0) << probe << " " << value;
            EXPECT_LE(each.low, each.tokens_per_second) << probe << " " << value;
          }
          EXPECT_GE(advice.decode.threads, 1) << probe << " " << value;
          EXPECT_LE(advice.decode.threads, 8) << probe << " " << value;
        }
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kUntrustworthy) << probe << " " << value;
      }
    }
  }
}

// The same machine at another speed: times shorter, rates higher, the same advice.
TEST(Advice, OfAMachineThatIsFasterThroughoutStays) {
  Laws laws;
  laws.cores = 12;
  laws.smt = 2;
  laws.bandwidth_all = 70e9;
  const ModelAdvice before = one_model(synthetic::results(laws));
  Results faster = synthetic::results(laws);
  for (Point& point : faster.points) {
    for (double& sample : point.samples) {
      sample = point.unit == Unit::kSeconds ? sample / 2.5 : sample * 2.5;
    }
    point.summary = summarise(point.samples, point.unit);
  }
  const ModelAdvice after = one_model(faster);
  EXPECT_EQ(after.prefill.threads, before.prefill.threads);
  EXPECT_EQ(after.decode.threads, before.decode.threads);
  EXPECT_EQ(after.compromise.threads, before.compromise.threads);
  EXPECT_NEAR(after.decode.expected.tokens_per_second / before.decode.expected.tokens_per_second,
              2.5, 0.01);
}

TEST(Advice, NeverRestsOnAnInvalidMeasurement) {
  Laws laws;
  laws.cores = 16;
  Results results = synthetic::results(laws);
  // Sixteen threads look wonderful, but those points are invalid.
  for (Point& point : results.points) {
    if (point.parameters.number_or("threads", 1) != 16) continue;
    for (double& sample : point.samples) sample *= point.unit == Unit::kSeconds ? 0.01 : 100;
    point.summary = summarise(point.samples, point.unit);
    point.verdict.worsen(Validity::kInvalid, "steal", "40 %, limit 5 %");
  }
  const ModelAdvice advice = one_model(results);
  const ModelAdvice sound = one_model(synthetic::results(laws));
  EXPECT_LT(rate(advice, "decode", 16), 1.5 * rate(sound, "decode", 16));
  EXPECT_LT(rate(advice, "prefill", 16), 1.5 * rate(sound, "prefill", 16));
}

TEST(Request, OnADocumentWithoutBandwidthIsUntrustworthy) {
  Results results = synthetic::results(Laws{});
  results.points.clear();
  try {
    advise_on(results);
    FAIL() << "advised on nothing";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUntrustworthy);
  }
}

}  // namespace
}  // namespace mb
