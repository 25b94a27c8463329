// What advice makes of cores: siblings that a guest hides, second threads by kind of work, keys and
// values against the L2, and rates that fall under sustained load.
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "reports/advice/advise.h"
#include "reports/advice/parts.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using synthetic::Laws;
using ::testing::HasSubstr;

Recommendation advise_qwen(const Results& results) {
  AdviceRequest request;
  request.models = {"qwen3-4b:q4_0"};
  return advise(results, request);
}

const Finding* finding_named(const Recommendation& made, const std::string& words) {
  for (const Finding& each : made.findings) {
    if (each.title.find(words) != std::string::npos) return &each;
  }
  return nullptr;
}

// Pairs of CPUs where CPU 2k and 2k + 1 share a core.
void add_pairs_of_siblings(Results& results, int cpus) {
  for (int a = 0; a < cpus; ++a) {
    synthetic::add_point(results, "core_to_core",
                         {{"operation", "contention"}, {"from_pu", a}, {"threads", 1}}, 100e9,
                         Unit::kFlopsPerSecond, 0.002);
    for (int b = a + 1; b < cpus; ++b) {
      const bool together = a / 2 == b / 2;
      synthetic::add_point(
          results, "core_to_core",
          {{"operation", "contention"}, {"from_pu", a}, {"to_pu", b}, {"threads", 2}},
          together ? 104e9 : 196e9, Unit::kFlopsPerSecond, 0.002);
      synthetic::add_point(results, "core_to_core",
                           {{"operation", "handoff"}, {"from_pu", a}, {"to_pu", b}, {"threads", 2}},
                           together ? 8e-9 : 50e-9, Unit::kSeconds, 0.002);
    }
  }
}

TEST(HiddenSiblings, AreSaidAndTheCpuListTakesOneOfEachCore) {
  Laws laws;
  laws.cores = 8;
  laws.bandwidth_all = 40e9;   // few threads suffice for decode,
  laws.attention_one = 200e9;  // whose attention binds no more than they do
  Results results = synthetic::results(laws);
  results.machine.hypervisor = "KVM";
  add_pairs_of_siblings(results, 8);
  const Recommendation made = advise_qwen(results);
  const Finding* found = finding_named(made, "CPUs that look like cores share cores");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->severity, "warning");
  EXPECT_THAT(found->evidence, HasSubstr("8 cores of 1 thread"));
  EXPECT_THAT(found->evidence, HasSubstr("4 cores of 2 threads"));
  EXPECT_THAT(found->cause, HasSubstr("KVM"));
  const PhaseAdvice& decode = made.models.at(0).decode;
  ASSERT_LE(decode.threads, 4);
  ASSERT_GE(decode.threads, 2);
  ASSERT_TRUE(decode.cpu_list);
  std::set<int> cores;
  for (const int cpu : *decode.cpu_list) cores.insert(cpu / 2);
  EXPECT_EQ(cores.size(), decode.cpu_list->size());
  const auto rule =
      std::ranges::find(made.models.at(0).rules, "physical cores", &RuleJudgement::rule);
  ASSERT_NE(rule, made.models.at(0).rules.end());
  EXPECT_EQ(rule->decode_threads, 4);
}

TEST(HiddenSiblings, OfATimedPartTheShareIsSaid) {
  Results results = synthetic::results(Laws{});
  add_pairs_of_siblings(results, 6);
  const Recommendation made = advise_qwen(results);
  const Finding* found = finding_named(made, "share cores");
  ASSERT_NE(found, nullptr);
  EXPECT_THAT(found->evidence, HasSubstr("(6 of 8 CPUs timed)"));
  EXPECT_THAT(found->cause, HasSubstr("The firmware or a container"));
}

TEST(HiddenSiblings, AreNotGuessedWithoutPairs) {
  Laws laws;
  laws.cores = 8;
  Results results = synthetic::results(laws);
  results.machine.hypervisor = "KVM";
  const Recommendation made = advise_qwen(results);
  EXPECT_EQ(finding_named(made, "share cores"), nullptr);
  EXPECT_EQ(finding_named(made, "Timing confirms"), nullptr);
}

void add_smt(Results& results, const Parameters& work, double one, double two, Unit unit) {
  for (const int per_core : {1, 2}) {
    Parameters parameters = work;
    parameters.set("cores", 8).set("threads_per_core", per_core).set("threads", 8 * per_core);
    synthetic::add_point(results, "smt_interference", parameters, per_core == 1 ? one : two, unit,
                         0.002);
  }
}

Results smt_machine() {
  Laws laws;
  laws.smt = 2;
  Results results = synthetic::results(laws);
  // Steps are times: decode takes 1 / 1.2, prefill 1 / 0.88 of the time.
  add_smt(results, {{"operation", "decode"}}, 24e-3, 20e-3, Unit::kSeconds);
  add_smt(results, {{"operation", "prefill"}}, 88e-3, 100e-3, Unit::kSeconds);
  add_smt(results, {{"operation", "compute"}}, 800e9, 801e9, Unit::kFlopsPerSecond);
  return results;
}

TEST(Smt, VerdictsDifferBetweenRegimes) {
  const Recommendation made = advise_qwen(smt_machine());
  const auto of = [&](const std::string& work) {
    return *std::ranges::find(made.smt, work, &SmtComparison::work);
  };
  ASSERT_EQ(made.smt.size(), 3U);
  EXPECT_EQ(of("decode").verdict, "helps");
  EXPECT_EQ(of("decode").regime, kMemoryBoundDecode);
  EXPECT_NEAR(of("decode").gain, 0.2, 1e-9);
  EXPECT_EQ(of("prefill").verdict, "hurts");
  EXPECT_EQ(of("prefill").regime, kStreamingPrefill);
  EXPECT_NEAR(of("prefill").gain, -0.12, 1e-9);
  EXPECT_EQ(of("compute").verdict, "no_difference");
  for (const SmtComparison& each : made.smt) {
    EXPECT_LT(each.low, each.gain);
    EXPECT_GT(each.high, each.gain);
  }
  const Finding* found = finding_named(made, "help some work and hurt other");
  ASSERT_NE(found, nullptr);
  EXPECT_THAT(found->evidence, HasSubstr("helps decode +20 %"));
  EXPECT_THAT(found->evidence, HasSubstr("hurts prefill -12 %"));
}

// The title says what all kinds of work have in common.
TEST(Smt, TheTitleIsOfAllKindsOfWorkTogether) {
  const auto title = [](double decode_gain, double prefill_gain) {
    Laws laws;
    laws.smt = 2;
    Results results = synthetic::results(laws);
    add_smt(results, {{"operation", "decode"}}, 20e-3 * decode_gain, 20e-3, Unit::kSeconds);
    add_smt(results, {{"operation", "prefill"}}, 20e-3 * prefill_gain, 20e-3, Unit::kSeconds);
    const Recommendation made = advise_qwen(results);
    const Finding* found = finding_named(made, "Second hardware threads");
    return found == nullptr ? "" : found->title;
  };
  EXPECT_EQ(title(1.2, 0.8), "Second hardware threads help some work and hurt other");
  EXPECT_EQ(title(1.2, 1.0), "Second hardware threads help");
  EXPECT_EQ(title(1.0, 0.8), "Second hardware threads hurt");
  EXPECT_EQ(title(1.0, 1.0), "Second hardware threads make no clear difference");
}

TEST(Smt, APointWithoutItsOtherSideOrThatWasRefusedIsNotCompared) {
  const auto compared = [](const auto& change) {
    Results results = smt_machine();
    for (Point& point : results.points) {
      if (point.probe == "smt_interference" &&
          point.parameters.text_or("operation", "") == "decode" &&
          point.parameters.number_or("threads_per_core", 0) == 1) {
        change(point);
      }
    }
    return compare_smt(results, 0.02).size();
  };
  EXPECT_EQ(compared([](Point&) {}), 3u);
  EXPECT_EQ(compared([](Point& point) { point.parameters.set("cores", 4); }), 2u);
  EXPECT_EQ(compared([](Point& point) { point.parameters.set("operation", "other"); }), 2u);
  EXPECT_EQ(compared([](Point& point) { point.summary.median = 0; }), 2u);
  EXPECT_EQ(
      compared([](Point& point) { point.verdict.worsen(Validity::kInvalid, "spread", "30 %"); }),
      2u);
}

TEST(Smt, AWideIntervalIsUnclear) {
  Results results = smt_machine();
  for (Point& point : results.points) {
    if (point.probe != "smt_interference") continue;
    point.summary.low = 0.7 * point.summary.median;
    point.summary.high = 1.3 * point.summary.median;
  }
  for (const SmtComparison& each : compare_smt(results, 0.02)) EXPECT_EQ(each.verdict, "unclear");
}

// One thread a core does 100; the interval of two threads is `error` wide on either side.
std::string smt_verdict(double two, double error) {
  Results results;
  add_smt(results, {{"operation", "compute"}}, 100, two, Unit::kFlopsPerSecond);
  for (Point& point : results.points) {
    const double half = point.parameters.number("threads_per_core") == 2 ? error : 0;
    point.summary.low = (1 - half) * point.summary.median;
    point.summary.high = (1 + half) * point.summary.median;
  }
  return compare_smt(results, 0.02).at(0).verdict;
}

TEST(Smt, AGainOrLossNeedsTheToleranceAndAnIntervalOnItsSide) {
  EXPECT_EQ(smt_verdict(103, 0.01), "helps");
  EXPECT_EQ(smt_verdict(101.9, 0.005), "no_difference");
  EXPECT_EQ(smt_verdict(97, 0.01), "hurts");
  EXPECT_EQ(smt_verdict(98.1, 0.005), "no_difference");
  EXPECT_EQ(smt_verdict(103, 0.05), "unclear");  // high alone leaves the doubled tolerance
  EXPECT_EQ(smt_verdict(97, 0.05), "unclear");   // low alone
  EXPECT_EQ(smt_verdict(100, 0.03), "no_difference");
}

TEST(Smt, WithoutHardwareThreadsThereIsNothingToCompare) {
  const Recommendation made = advise_qwen(synthetic::results(Laws()));
  EXPECT_TRUE(made.smt.empty());
  EXPECT_EQ(finding_named(made, "hardware threads help"), nullptr);
}

TEST(KvPressure, RisesWhenTwoThreadsShareAnL2) {
  const Recommendation made = advise_qwen(smt_machine());
  std::vector<int> threads;
  for (const KvPressure& each : made.kv_pressure) threads.push_back(each.threads);
  EXPECT_THAT(threads, testing::ElementsAre(8, 9, 10, 16));
  const KvPressure &one = made.kv_pressure.front(), &two = made.kv_pressure.at(1);
  EXPECT_DOUBLE_EQ(one.l2_bytes_per_thread, 1 << 20);
  EXPECT_DOUBLE_EQ(two.l2_bytes_per_thread, 1 << 19);
  // Qwen3 4B: 8 KV heads of 128, f16: 4 KiB a position and layer; 1024 positions by 8 threads.
  EXPECT_DOUBLE_EQ(one.kv_bytes_per_thread, 512 << 10);
  EXPECT_DOUBLE_EQ(one.ratio, 0.5);
  EXPECT_GT(two.ratio, 0.8);
}

Results held(double rate_change, double clock_change) {
  Results results = synthetic::results(Laws());
  Point& point = synthetic::add_held_step(results, 0.002);
  point.facts["rate_change"] = rate_change;
  point.noise.clock_drift = clock_change;
  return results;
}

TEST(Sustained, AFallingRateLowersConfidence) {
  const auto confidence = [](double change) {
    return advise_qwen(held(change, 0)).models.at(0).prefill.confidence;
  };
  EXPECT_EQ(confidence(-0.01), "high");
  EXPECT_EQ(confidence(-0.08), "medium");
  EXPECT_EQ(confidence(-0.3), "low");
  EXPECT_EQ(confidence(+0.1), "high");
}

// A twentieth is worth saying, from 15 % on no count is sure; at the limit neither is.
TEST(Sustained, ItsLimitsAreFiveAndFifteenPerCent) {
  const auto held = [](double change) { return Sustained{"", 120, change, {}}; };
  EXPECT_FALSE(held(-0.05).lowers_confidence());
  EXPECT_TRUE(held(-0.0501).lowers_confidence());
  EXPECT_FALSE(held(-0.15).makes_advice_doubtful());
  EXPECT_TRUE(held(-0.1501).makes_advice_doubtful());
  EXPECT_FALSE(held(0.5).lowers_confidence() || held(0.5).makes_advice_doubtful());
}

TEST(Sustained, TheCauseIsTheClockWhereItFalls) {
  const Recommendation hot = advise_qwen(held(-0.2, -0.18)), other = advise_qwen(held(-0.2, 0));
  const Finding* found = finding_named(hot, "falls under sustained load");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->severity, "warning");
  EXPECT_THAT(found->evidence, HasSubstr("-20.0 %"));
  EXPECT_THAT(found->cause, HasSubstr("heat"));
  EXPECT_THAT(finding_named(other, "falls under sustained load")->cause,
              HasSubstr("The clock holds"));
  EXPECT_NE(finding_named(advise_qwen(held(0, 0)), "holds under sustained load"), nullptr);
}

TEST(Sustained, WhatWasNotSeenIsNotSaid) {
  Results results = held(-0.2, 0);
  results.points.back().noise.clock_drift.reset();
  const Recommendation made = advise_qwen(results);
  const Finding* found = finding_named(made, "falls under sustained load");
  ASSERT_NE(found, nullptr);
  EXPECT_THAT(found->evidence, testing::Not(HasSubstr("clock")));
  EXPECT_THAT(found->cause, HasSubstr("The clock was not seen"));
  results.points.back().facts.erase("rate_change");
  EXPECT_EQ(sustained(results), std::nullopt);
}

TEST(Sustained, ItsSamplesAreNoPointOfTheCurves) {
  const Recommendation plain = advise_qwen(synthetic::results(Laws())),
                       with = advise_qwen(held(0, 0));
  EXPECT_DOUBLE_EQ(plain.models.at(0).prefill.expected.tokens_per_second,
                   with.models.at(0).prefill.expected.tokens_per_second);
}

}  // namespace
}  // namespace mb
