// Machines of known laws and a published sweep side by side.
#include "reports/advice/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "data/error.h"
#include "reports/advice/advise.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using synthetic::Laws;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

const std::string kModel = "qwen3-30b-a3b:q4_0";

ComparisonInput machine(const std::string& name, const Laws& laws,
                        std::optional<double> price = {}) {
  return {name, synthetic::results(laws), {}, price};
}

ComparisonInput published(const std::string& name) {
  const std::string path = SOURCE_DIR "/data/datasets/seed/" + name + ".json";
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return {name, {}, sweep_from_json_text(text.str(), path), {}};
}

Laws faster() {
  Laws laws;
  laws.bandwidth_one *= 3;
  laws.bandwidth_all *= 3;
  laws.matvec_one *= 3;
  laws.matmul_one *= 3;
  laws.attention_one *= 3;
  return laws;
}

ComparisonRequest one_model() {
  ComparisonRequest request;
  request.models = {kModel};
  return request;
}

const ComparedPhase& phase_of(const Comparison& made, const std::string& phase) {
  return *std::ranges::find(made.models.at(0).phases, phase, &ComparedPhase::phase);
}

TEST(Comparison, AMachineThreeTimesAsFastIsToldApart) {
  const Comparison made =
      compare_documents({machine("slow", {}), machine("fast", faster())}, one_model());
  for (const char* name : {"prefill", "decode"}) {
    const ComparedPhase& phase = phase_of(made, name);
    EXPECT_EQ(phase.fastest, "fast");
    EXPECT_TRUE(phase.fastest_told_apart);
    EXPECT_EQ(phase.rates.at(0).standing, "fastest");
    EXPECT_EQ(phase.rates.at(1).standing, "slower");
    EXPECT_EQ(phase.cheapest, "");
  }
  ASSERT_EQ(made.counts.size(), 1u);
  const FigureCount& count = made.counts[0];
  EXPECT_EQ(count.common, count.better + count.worse + count.not_told_apart);
  EXPECT_EQ(static_cast<std::size_t>(count.common), made.figures.size());
  EXPECT_GT(count.better, 10);
}

TEST(Comparison, ARunBesideItselfHasNoDifferenceAndTheSameAdvice) {
  const Comparison made = compare_documents({machine("one", {}), machine("two", {})}, one_model());
  const ComparedPhase& decode = phase_of(made, "decode");
  EXPECT_FALSE(decode.fastest_told_apart);
  EXPECT_EQ(decode.rates.at(1).standing, "not_told_apart");
  EXPECT_TRUE(decode.same_threads);
  EXPECT_THAT(made.models[0].answer, HasSubstr("within the uncertainty"));
  EXPECT_EQ(made.counts.at(0).better + made.counts[0].worse, 0);
}

TEST(Comparison, LessTimeIsBetterAndLessBandwidthWorse) {
  Laws laws;
  laws.barrier_two /= 10;
  laws.bandwidth_one /= 2;
  laws.bandwidth_all /= 2;
  const Comparison made = compare_documents({machine("a", {}), machine("b", laws)}, one_model());
  int barriers = 0, streams = 0;
  for (const ComparedFigure& one : made.figures) {
    if (one.point.starts_with("dispatch_overhead/barrier/spin") ||
        one.point.find("barrier/sync:spin") != std::string::npos) {
      barriers += one.standing == "better" ? 1 : 0;
    }
    if (one.point.find("read/dram") != std::string::npos)
      streams += one.standing == "worse" ? 1 : 0;
  }
  EXPECT_GT(barriers, 0);
  EXPECT_GT(streams, 0);
}

TEST(Comparison, ACheapMachineMayBeTheSlowerOne) {
  const Comparison made =
      compare_documents({machine("slow", {}, 0.1), machine("fast", faster(), 3.6)}, one_model());
  const ComparedPhase& decode = phase_of(made, "decode");
  EXPECT_EQ(decode.fastest, "fast");
  EXPECT_EQ(decode.cheapest, "slow");
  const ComparedRate& fast = decode.rates.at(0);
  EXPECT_DOUBLE_EQ(*fast.cost_per_million_tokens, 3.6 / 3600 / fast.tokens_per_second * 1e6);
  EXPECT_LT(*fast.cost_low, *fast.cost_per_million_tokens);
  EXPECT_GT(*fast.cost_high, *fast.cost_per_million_tokens);
  EXPECT_THAT(made.models[0].answer, HasSubstr("cheapest on slow"));
}

TEST(Comparison, WhatMakesItUnfairIsSaid) {
  ComparisonInput other = machine("b", {});
  other.results->build.version = "9.9";
  other.results->budget_seconds = 10;
  other.results->state = "interrupted";
  other.results->points.pop_back();
  const Comparison made = compare_documents({machine("a", {}), other}, one_model());
  EXPECT_THAT(made.warnings, Contains(HasSubstr("different versions")));
  EXPECT_THAT(made.warnings, Contains(HasSubstr("time to measure")));
  EXPECT_THAT(made.warnings, Contains(HasSubstr("points measured")));
  EXPECT_THAT(made.warnings, Contains(HasSubstr("b was interrupted")));
  const Comparison fair = compare_documents({machine("a", {}), machine("b", {})}, one_model());
  EXPECT_TRUE(fair.warnings.empty()) << fair.warnings.front();
}

// The question of the page: which machine for Qwen3-30B-A3B at Q4, from this kind of machine and
// two published tables.
TEST(Comparison, PublishedTablesStandBesideAMachine) {
  const Comparison made =
      compare_documents({machine("here", {}), published("ryzen9-7900-qwen3-30b-a3b-q4-threads"),
                         published("m3-ultra-qwen3-30b-a3b-q4-prompt-length")},
                        {});
  ASSERT_EQ(made.models.size(), 1u);
  EXPECT_EQ(made.models[0].model, kModel);
  const ComparedPhase& decode = phase_of(made, "decode");
  ASSERT_EQ(decode.rates.size(), 3u);
  const auto ryzen = std::ranges::find(decode.rates, "ryzen9-7900-qwen3-30b-a3b-q4-threads",
                                       &ComparedRate::document);
  ASSERT_NE(ryzen, decode.rates.end());
  EXPECT_TRUE(ryzen->measured);
  EXPECT_EQ(ryzen->threads, 8);
  EXPECT_EQ(ryzen->tokens_per_second, 21.6);
  EXPECT_EQ(ryzen->prompt_tokens, 1000);
  const auto m3 = std::ranges::find(decode.rates, "m3-ultra-qwen3-30b-a3b-q4-prompt-length",
                                    &ComparedRate::document);
  ASSERT_NE(m3, decode.rates.end());
  EXPECT_EQ(m3->prompt_tokens, 461);  // the nearest to 512 in the table
  EXPECT_EQ(m3->tokens_per_second, 28.1);
  EXPECT_EQ(m3->threads, 0);
  EXPECT_THAT(made.warnings, Contains(HasSubstr("Not the same engine")));
  EXPECT_THAT(made.warnings, Contains(HasSubstr("prompts of different lengths")));
  EXPECT_THAT(made.warnings, Contains(HasSubstr("in the sources' words")));
}

TEST(Comparison, ASweepOfAnotherModelIsAbsentWithAReason) {
  const Comparison made = compare_documents(
      {machine("here", {}), published("sovereign-stack-qwen-1.5b-threads")}, one_model());
  EXPECT_THAT(made.models.at(0).absent, Contains(HasSubstr("the sweep ran")));
}

TEST(Comparison, EveryDocumentSaysWhatItIs) {
  ComparisonInput here = machine("here", {}, 0.5);
  here.results->machine.cpu_model = "Sample CPU";
  here.results->machine.cloud_label = "m7a.large";
  here.results->build.version = "0.1.0";
  const ComparisonInput table = published("ryzen9-7900-qwen3-30b-a3b-q4-threads");
  const Comparison made = compare_documents({here, table}, one_model());
  ASSERT_EQ(made.documents.size(), 2u);
  const ComparedDocument &results = made.documents[0], &sweep = made.documents[1];
  EXPECT_EQ(results.name, "here");
  EXPECT_EQ(results.kind, "results");
  EXPECT_EQ(results.machine, "Sample CPU");
  EXPECT_EQ(results.instance, "m7a.large");
  EXPECT_EQ(results.cpus, 8);
  EXPECT_EQ(results.created_utc, "2026-01-31T12:00:00Z");
  EXPECT_EQ(results.version, "0.1.0");
  EXPECT_EQ(results.engine, "llama.cpp-threadpool");
  EXPECT_EQ(results.price_per_hour, 0.5);
  EXPECT_EQ(sweep.kind, "sweep");
  EXPECT_EQ(sweep.machine, table.sweep->machine.cpu);
  EXPECT_EQ(sweep.cpus, 24);
  EXPECT_EQ(sweep.engine, table.sweep->engine_name);
  EXPECT_EQ(sweep.price_per_hour, std::nullopt);
  ComparisonInput unknown = table;
  unknown.sweep->machine.logical_cpus.reset();
  EXPECT_EQ(compare_documents({here, unknown}, one_model()).documents[1].cpus, 0);
}

TEST(Comparison, ARateIsThatOfTheAdviceWithItsInterval) {
  const ComparisonInput here = machine("here", {});
  const Comparison made = compare_documents({here, machine("fast", faster())}, one_model());
  AdviceRequest request;
  request.models = {kModel};
  const ModelAdvice advice = advise(*here.results, request).models.at(0);
  for (const PhaseAdvice* phase : {&advice.prefill, &advice.decode}) {
    const ComparedRate& rate = phase_of(made, phase->phase).rates.at(1);
    EXPECT_EQ(rate.document, "here");
    EXPECT_EQ(rate.threads, phase->threads);
    EXPECT_EQ(rate.tokens_per_second, phase->expected.tokens_per_second);
    EXPECT_EQ(rate.low, phase->expected.low);
    EXPECT_EQ(rate.high, phase->expected.high);
    EXPECT_EQ(rate.prompt_tokens, 512);
    EXPECT_EQ(rate.context_tokens, 512);
    EXPECT_EQ(rate.limited_by, phase->expected.limited_by);
    EXPECT_FALSE(rate.measured);
  }
}

TEST(Comparison, ADocumentThatTellsTooLittleIsAbsentWithTheReason) {
  ComparisonInput empty = machine("empty", {});
  empty.results->points.clear();
  const Comparison made = compare_documents({machine("here", {}), empty}, one_model());
  EXPECT_EQ(made.documents.at(1).verdict.validity, Validity::kInvalid);
  EXPECT_THAT(made.warnings, Contains("empty is not trustworthy."));
  EXPECT_THAT(made.models.at(0).absent,
              testing::ElementsAre(HasSubstr("empty: no usable DRAM read bandwidth")));
  for (const ComparedPhase& phase : made.models[0].phases) EXPECT_EQ(phase.rates.size(), 1u);
  EXPECT_THAT(made.models[0].answer, HasSubstr("only here has a figure"));
  ComparisonRequest nonsense = one_model();
  nonsense.tolerance = 2;  // another error is not taken for that
  EXPECT_THROW(compare_documents({machine("here", {}), machine("b", {})}, nonsense), Error);
}

TEST(Comparison, WhatWasRefusedOrIsOfAnotherUnitIsNoCommonFigure) {
  const auto common = [](const auto& change) {
    ComparisonInput other = machine("b", Laws());
    change(other.results->points.front());
    return compare_documents({machine("a", Laws()), other}, one_model()).counts.at(0).common;
  };
  const auto all = common([](Point&) {});
  EXPECT_EQ(common([](Point& point) { point.verdict.worsen(Validity::kNoisy, "spread", "3 %"); }),
            all);
  EXPECT_EQ(common([](Point& point) { point.verdict.worsen(Validity::kInvalid, "spread", "9 %"); }),
            all - 1);
  EXPECT_EQ(common([](Point& point) { point.unit = Unit::kHertz; }), all - 1);
  EXPECT_EQ(common([](Point& point) { point.name = "another"; }), all - 1);
  EXPECT_EQ(common([](Point& point) { point.summary.count = 1; }), all - 1);
}

TEST(Comparison, OfTwoSweepsHasNoFiguresOfProbes) {
  const std::string name = "ryzen9-7900-qwen3-30b-a3b-q4-threads";
  ComparisonInput again = published(name);
  again.name = "again";
  const Comparison made = compare_documents({published(name), again}, one_model());
  EXPECT_THAT(made.figures, testing::IsEmpty());
  EXPECT_THAT(made.counts, testing::IsEmpty());
  EXPECT_EQ(phase_of(made, "decode").rates.size(), 2u);
}

TEST(Comparison, ASweepOfNeitherPhaseIsAbsentWithAReason) {
  ComparisonInput mixed = published("ryzen9-7900-qwen3-30b-a3b-q4-threads");
  for (SweepSeries& series : mixed.sweep->series) series.phase = "mixed";
  const Comparison made = compare_documents({machine("here", {}), mixed}, one_model());
  EXPECT_THAT(made.models.at(0).absent, Contains(HasSubstr("no series of prefill or decode")));
}

TEST(Comparison, SeriesOfAnotherTypeInTheSameFileAreNotTaken) {
  ComparisonInput other = published("ryzen9-7900-qwen3-30b-a3b-q4-threads");
  for (SweepSeries& series : other.sweep->series) series.label = "Q8_0";
  const Comparison made = compare_documents({machine("here", {}), other}, one_model());
  EXPECT_THAT(made.models.at(0).absent, Contains(HasSubstr("no series of prefill or decode")));
  for (SweepSeries& series : other.sweep->series) series.label = "Q4_0";
  EXPECT_EQ(
      phase_of(compare_documents({machine("here", {}), other}, one_model()), "decode").rates.size(),
      2u);
}

TEST(Comparison, UnaskedItIsAboutTheModelOfTheSweepsOrTheCatalogue) {
  ComparisonRequest unasked;
  const Comparison swept = compare_documents(
      {machine("here", {}), published("ryzen9-7900-qwen3-30b-a3b-q4-threads")}, unasked);
  ASSERT_EQ(swept.models.size(), 1u);
  EXPECT_EQ(swept.models[0].model, kModel);
  ComparisonInput small = machine("a", {}), other = machine("b", {});
  for (ComparisonInput* input : {&small, &other}) {  // few of the catalogue fit
    input->results->machine.limits.memory_budget_bytes = 2LL << 30;
  }
  const Comparison all = compare_documents({small, other}, unasked);
  EXPECT_GT(all.models.size(), 1u);
  for (const ModelComparison& model : all.models) {
    EXPECT_FALSE(model.phases.empty()) << model.model << " fits nobody and was not asked for";
    EXPECT_NE(model.model, kModel) << "needs 16 GB";
  }
}

TEST(SpecOfSweep, TakesTheWordsOfSources) {
  const auto spec = [](const std::string& name, const std::string& quantisation) {
    Sweep sweep;
    sweep.model.name = name;
    sweep.model.quantisation = quantisation;
    return spec_of_sweep(sweep);
  };
  EXPECT_EQ(spec("Qwen/Qwen3-4B", "Q4_K_M"), "qwen3-4b:q4_k_m");  // the longest label
  EXPECT_EQ(spec("qwen3-4b-instruct", "q4 by somebody"), "qwen3-4b:q4_0");
  EXPECT_EQ(spec("Qwen3-4B", "INT8"), "qwen3-4b:q8_0");
  EXPECT_EQ(spec("Qwen3-4B", "bfloat16"), "qwen3-4b:bf16");
  EXPECT_EQ(spec("Qwen3-4B", "float32"), "qwen3-4b:f32");
  EXPECT_EQ(spec("Qwen3-4B", "fp32 (eager)"), "qwen3-4b:f32");
  EXPECT_EQ(spec("Qwen3-4B", "float16"), "qwen3-4b:f16");
  EXPECT_EQ(spec("Qwen3-4B", "float16x"), "");
  EXPECT_EQ(spec("Qwen3-4B", "int8 AWQ"), "");
  EXPECT_EQ(spec("Qwen3-4B", ""), "");
  EXPECT_EQ(spec("Qwen3-4Bx", "q8_0"), "");
  EXPECT_EQ(spec("", "q8_0"), "");
}

TEST(Comparison, NeedsTwoDocumentsAndARate) {
  EXPECT_THROW(compare_documents({machine("a", {})}, one_model()), Error);
  ComparisonRequest request;
  request.models = {"llama-2-7b:q4_0"};
  EXPECT_THROW(compare_documents({published("ryzen9-7900-qwen3-30b-a3b-q4-threads"),
                                  published("m3-ultra-qwen3-30b-a3b-q4-prompt-length")},
                                 request),
               Error);
}

}  // namespace
}  // namespace mb
