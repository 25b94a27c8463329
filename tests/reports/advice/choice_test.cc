// The choice of a count at its limits, and what is said of the counts beside it.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>

#include "data/system/files.h"
#include "reports/advice/advise.h"
#include "reports/advice/parts.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using synthetic::Laws;
using ::testing::ElementsAre;

std::vector<int> keys(const std::map<int, double>& rates) {
  std::vector<int> counts;
  for (const auto& [threads, rate] : rates) counts.push_back(threads);
  return counts;
}

TEST(Choose, TakesTheSmallestCountThatLosesNoMoreThanTheTolerance) {
  const std::map<int, double> score{{1, 50}, {2, 75}, {4, 100}, {8, 99}};
  const Choice quarter = choose(score, score, keys(score), 0.25);
  EXPECT_EQ(quarter.threads, 2);
  EXPECT_EQ(quarter.best, 4);
  EXPECT_THAT(quarter.eligible, ElementsAre(1, 2, 4, 8));
  EXPECT_EQ(choose(score, score, keys(score), 0.24).threads, 4);
  EXPECT_EQ(choose(score, score, keys(score), 0.5).threads, 1);
  EXPECT_EQ(choose(score, score, keys(score), 0).threads, 4);
}

TEST(Choose, OfEqualRatesTakesTheFewerThreads) {
  const std::map<int, double> score{{1, 50}, {2, 100}, {4, 100}};
  EXPECT_EQ(choose(score, score, keys(score), 0).best, 2);
  EXPECT_EQ(choose(score, score, keys(score), 0).threads, 2);
}

TEST(Choose, AnUnmeasuredCountNeedsALowEndAboveTheBestMeasured) {
  const std::map<int, double> score{{2, 80}, {3, 120}, {4, 100}, {5, 130}, {6, 140}};
  const std::map<int, double> low{{2, 1}, {3, 100}, {4, 1}, {5, 100.5}, {6, 99}};
  const Choice choice = choose(score, low, {2, 4, 16}, 0.02);
  EXPECT_THAT(choice.eligible, ElementsAre(2, 4, 5));  // at the best measured is not above it
  EXPECT_EQ(choice.best, 5);
  EXPECT_EQ(choice.threads, 5);
}

TEST(Choose, WithoutAMeasuredCountInReachEveryPredictionStandsForItself) {
  const std::map<int, double> score{{1, 10}, {2, 20}}, low{{1, 1}, {2, 1}};
  EXPECT_THAT(choose(score, low, {8}, 0.02).eligible, ElementsAre(1, 2));
  EXPECT_THAT(choose(score, low, {}, 0.02).eligible, ElementsAre(1, 2));
}

ModelAdvice advice_for(const Results& results, double tolerance = 0.02) {
  AdviceRequest request;
  request.models = {"qwen3-4b:q4_0"};
  request.tolerance = tolerance;
  return advise(results, request).models.at(0);
}

double rate_of(const ModelAdvice& advice, const std::string& phase, int threads) {
  for (const Prediction& seen : advice.predictions) {
    if (seen.phase == phase && seen.threads == threads) return seen.tokens_per_second;
  }
  ADD_FAILURE() << phase << " with " << threads;
  return 0;
}

// Twelve cores of two threads; prefill gains up to all of them, decode stops early.
Laws with_hardware_threads(double recovery) {
  Laws laws;
  laws.smt = 2;
  laws.cliff = 1;
  laws.recovery = recovery;
  laws.cores = 12;
  laws.bandwidth_all = 70e9;
  laws.matvec_one = 60e9;
  laws.attention_one = 400e9;
  return laws;
}

TEST(Alternatives, AreFewerAndMoreWithTheirLossAgainstTheAdvice) {
  const Laws laws = with_hardware_threads(0.35);
  const ModelAdvice advice = advice_for(synthetic::results(laws));
  EXPECT_EQ(advice.prefill.threads, 24);
  EXPECT_EQ(advice.decode.threads, 4);
  for (const PhaseAdvice* phase : {&advice.prefill, &advice.decode}) {
    const double advised = rate_of(advice, phase->phase, phase->threads);
    EXPECT_DOUBLE_EQ(phase->expected.tokens_per_second, advised);
    for (const Alternative& each : phase->alternatives) {
      const double rate = rate_of(advice, phase->phase, each.threads);
      EXPECT_DOUBLE_EQ(each.tokens_per_second, rate);
      EXPECT_DOUBLE_EQ(each.loss, 1 - rate / advised);
    }
  }
  std::vector<int> decode, prefill;
  for (const Alternative& each : advice.decode.alternatives) decode.push_back(each.threads);
  for (const Alternative& each : advice.prefill.alternatives) prefill.push_back(each.threads);
  // Half, the measured neighbours, the fastest, the cores, everything.
  const std::vector<int> counts = thread_counts(synthetic::machine(laws));
  const auto here = std::ranges::find(counts, 4), last = std::ranges::find(counts, 24);
  for (const int threads : {2, *std::prev(here), *std::next(here), 12, 24}) {
    EXPECT_THAT(decode, testing::Contains(threads));
  }
  for (const int threads : {12, *std::prev(last)}) {
    EXPECT_THAT(prefill, testing::Contains(threads));
  }
  EXPECT_THAT(decode, testing::Not(testing::Contains(4)));
}

TEST(Alternatives, FreeCoresWhileNoTwoThreadsShareOneAndThreadsAfter) {
  const ModelAdvice shared = advice_for(synthetic::results(with_hardware_threads(0.35)));
  for (const Alternative& each : shared.prefill.alternatives) {
    EXPECT_THAT(each.note, testing::EndsWith(count_of(24 - each.threads, "thread") + " free"));
  }
  const ModelAdvice apart = advice_for(synthetic::results(with_hardware_threads(0)));
  EXPECT_EQ(apart.prefill.threads, 12);
  for (const Alternative& each : apart.prefill.alternatives) {
    const std::string end = each.threads < 12
                                ? ", " + count_of(12 - each.threads, "core") + " free"
                                : " with " + count_of(each.threads - 12, "thread") + " more";
    EXPECT_THAT(each.note, testing::EndsWith(end));
    const std::string begin = std::abs(each.loss) < 0.005 ? "as fast"
                              : each.loss > 0 ? fmt::format("{:.0f} % slower", 100 * each.loss)
                                              : fmt::format("{:.0f} % faster", -100 * each.loss);
    EXPECT_THAT(each.note, testing::StartsWith(begin));
  }
}

// Steps were measured with up to four threads; two more cores are sure to add.
Results measured_up_to_four() {
  Laws laws;
  laws.cores = 6;
  laws.spread = 0.001;
  Results results = synthetic::results(laws);
  std::erase_if(results.points, [](const Point& point) {
    return point.probe.ends_with("_scaling") && point.parameters.number_or("threads", 1) > 4;
  });
  return results;
}

TEST(Advice, TakesACountThatNoStepWasMeasuredAtWhereEvenItsLowEndIsFaster) {
  const ModelAdvice advice = advice_for(measured_up_to_four());
  EXPECT_EQ(advice.prefill.threads, 6);
  EXPECT_GT(advice.prefill.expected.low, rate_of(advice, "prefill", 4));
  EXPECT_LT(advice.prefill.expected.tokens_per_second, 2 * rate_of(advice, "prefill", 4));
  // So does a conversation, whose rates are sums of steps.
  AdviceRequest request;
  request.models = {"qwen3-4b:q4_0"};
  const Recommendation made = advise(measured_up_to_four(), request);
  ASSERT_TRUE(made.scenario);
  EXPECT_EQ(made.scenario->phases.at(0).threads, 6);
}

TEST(Compromise, KeepsTheGeometricMeanOfBothPhases) {
  const Laws laws = with_hardware_threads(0);
  const ModelAdvice advice = advice_for(synthetic::results(laws));
  const auto kept = [&](int threads) {
    return std::sqrt(rate_of(advice, "prefill", threads) / rate_of(advice, "prefill", 12) *
                     rate_of(advice, "decode", threads) /
                     rate_of(advice, "decode", advice.decode.threads));
  };
  double best = 0;
  int smallest = 0;
  const std::vector<int> counts = thread_counts(synthetic::machine(laws));
  for (const int threads : counts) best = std::max(best, kept(threads));
  for (const int threads : counts) {
    if (smallest == 0 && kept(threads) >= 0.98 * best) smallest = threads;
  }
  const PhaseAdvice& both = advice.compromise;
  EXPECT_EQ(both.threads, smallest);
  EXPECT_EQ(both.expected.phase, "decode");
  EXPECT_EQ(both.expected.threads, smallest);
  for (const Alternative& each : both.alternatives) {
    EXPECT_DOUBLE_EQ(each.loss,
                     1 - rate_of(advice, "decode", each.threads) / both.expected.tokens_per_second);
  }
}

TEST(Rules, OnOneCpuAskForOneThreadEach) {
  Laws laws;
  laws.cores = 1;
  for (const RuleJudgement& rule : advice_for(synthetic::results(laws)).rules) {
    EXPECT_EQ(rule.prefill_threads, 1) << rule.rule;
    EXPECT_EQ(rule.decode_threads, 1) << rule.rule;
    EXPECT_EQ(rule.prefill_loss, 0) << rule.rule;
    if (rule.rule.find("cache lines of output") != std::string::npos) continue;
    EXPECT_EQ(rule.note, "") << rule.rule;
  }
}

// 64 numbers of four bytes are four lines: less than a thread's share by either rule.
TEST(Rules, OfAModelWithShortRowsAskForOneThreadAtLeast) {
  const TemporaryFolder folder;
  const std::string config = (folder.path() / "config.json").string();
  std::ofstream(config) << R"({"model_type": "llama", "hidden_size": 64,
    "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 128,
    "num_hidden_layers": 2, "vocab_size": 256, "tie_word_embeddings": false,
    "torch_dtype": "bfloat16"})";
  AdviceRequest request;
  request.models = {config};
  Laws laws;
  laws.cores = 6;
  const Recommendation made = advise(synthetic::results(laws), request);
  int rules = 0;
  for (const RuleJudgement& rule : made.models.at(0).rules) {
    const bool lines_each = rule.rule.find("cache lines of output") != std::string::npos;
    if (!lines_each && rule.rule != "min(physical cores, work / cache line)") continue;
    ++rules;
    EXPECT_EQ(rule.prefill_threads, lines_each ? 1 : 4) << rule.rule;
    EXPECT_EQ(rule.decode_threads, lines_each ? 1 : 4) << rule.rule;
    EXPECT_EQ(rule.note, "") << rule.rule;
  }
  EXPECT_EQ(rules, 3);
}

// Six cores of which two are slow, two hardware threads each.
TEST(Rules, CountWhatTheirWordsSay) {
  Laws laws;
  laws.cores = 6;
  laws.smt = 2;
  Machine machine = synthetic::machine(laws);
  machine.core_kinds = {"performance", "efficiency"};
  for (Pu& pu : machine.pus) pu.core_kind = pu.core >= 4;
  const ModelAdvice advice = advice_for(synthetic::results(laws, machine));
  const std::map<std::string, std::pair<int, int>> expected{
      {"all logical CPUs", {12, 12}},
      {"physical cores", {6, 6}},
      {"half of the logical CPUs", {6, 6}},
      {"half the cores, as on laptops", {3, 3}},
      {"performance cores", {4, 4}},
      {"min(physical cores, work / cache line)", {6, 6}},
      {"8 cache lines of output a thread", {12, 12}},
      {"6 cache lines of output a thread", {12, 12}},
      {"one count for both phases (our compromise)",
       {advice.compromise.threads, advice.compromise.threads}},
      {"one thread", {1, 1}},
      {"llama.cpp's default (cores; performance cores on hybrids)", {4, 4}},
      {"llama-cpp-python's default", {12, 6}},
      {"rayon's and OpenMP's default", {12, 12}},
      {"PyTorch's and ONNX Runtime's default", {6, 6}},
      {"vLLM's default (a core is reserved)", {5, 5}}};
  ASSERT_EQ(advice.rules.size(), expected.size());
  for (const RuleJudgement& rule : advice.rules) {
    ASSERT_TRUE(expected.contains(rule.rule)) << rule.rule;
    EXPECT_EQ(std::pair(rule.prefill_threads, rule.decode_threads), expected.at(rule.rule))
        << rule.rule;
    EXPECT_DOUBLE_EQ(rule.prefill_loss, 1 - rate_of(advice, "prefill", rule.prefill_threads) /
                                                advice.prefill.expected.tokens_per_second)
        << rule.rule;
    EXPECT_DOUBLE_EQ(rule.decode_loss, 1 - rate_of(advice, "decode", rule.decode_threads) /
                                               advice.decode.expected.tokens_per_second)
        << rule.rule;
  }
}

}  // namespace
}  // namespace mb
