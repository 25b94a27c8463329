// What only charts show follows from the points: rates of a profile, counters, prompt lengths, the
// conversation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "reports/advice/advise.h"
#include "reports/model/machine_model.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

Point* find_step(Results& results, const std::string& probe, int threads) {
  for (Point& point : results.points) {
    if (point.probe == probe && point.parameters.number_or("threads", 0) == threads) return &point;
  }
  return nullptr;
}

Recommendation advised(const Results& results) {
  AdviceRequest request;
  request.models = {"qwen3-4b:q4_0"};
  return advise(results, request);
}

TEST(ChartData, PromptLengthsAreAskedOfTheModelAtTheAdvisedCount) {
  const Results results = synthetic::results({});
  const ModelAdvice model = advised(results).models.at(0);
  ASSERT_EQ(model.by_prompt.size(), 10u);
  std::vector<std::pair<std::int64_t, std::int64_t>> lengths;
  for (const Prediction& one : model.by_prompt) {
    lengths.emplace_back(one.prompt_tokens, one.context_tokens);
  }
  EXPECT_THAT(lengths, testing::ElementsAre(
                           std::pair(8, 0), std::pair(32, 0), std::pair(128, 0), std::pair(512, 0),
                           std::pair(2048, 0), std::pair(8192, 0), std::pair(8, 4096),
                           std::pair(32, 4096), std::pair(128, 4096), std::pair(512, 4096)));
  const MachineModel machine(results);
  for (const Prediction& one : model.by_prompt) {
    EXPECT_EQ(one.threads, model.prefill.threads);
    const Prediction asked =
        machine.predict(find_model(model.model), find_engine_profile(model.engine_profile),
                        {"prefill", one.prompt_tokens, one.context_tokens}, one.threads);
    EXPECT_EQ(one.tokens_per_second, asked.tokens_per_second);
  }
  EXPECT_EQ(model.by_prompt.front().regime, kDispatchBoundPrefill);
  EXPECT_EQ(model.by_prompt[5].regime, kStreamingPrefill);
}

TEST(ChartData, TheLeadingModelPlaysAConversation) {
  const Recommendation made = advised(synthetic::results({}));
  ASSERT_TRUE(made.scenario.has_value());
  EXPECT_EQ(made.scenario_name, "chat");
  EXPECT_EQ(made.scenario->model, "qwen3-4b:q4_0");
  double clock = 0;
  for (const ScenarioPhase& phase : made.scenario->phases) {
    EXPECT_DOUBLE_EQ(phase.start_seconds, clock);
    clock += phase.seconds;
  }
  EXPECT_EQ(made.scenario->phases.at(0).context_tokens, 0);
}

TEST(ChartData, AProfiledStepStandsUnderTheRoof) {
  Results results = synthetic::results({});
  EXPECT_TRUE(advised(results).rooflines.empty());
  Point* step = find_step(results, "decode_scaling", 8);
  ASSERT_NE(step, nullptr);
  for (const auto& [name, flops, bytes, seconds] :
       std::vector<std::tuple<std::string, double, double, double>>{
           {"gate_up", 4e9, 1e9, 0.03}, {"norm", 1e6, 1e6, 0.01}, {"layer0_norm", 1, 1, 1}}) {
    step->facts[name + "_flops"] = flops;
    step->facts[name + "_bytes"] = bytes;
    step->facts[name + "_seconds"] = seconds;
  }
  step->notes["gate_up_served_by"] = "dram";
  const Recommendation made = advised(results);
  ASSERT_EQ(made.rooflines.size(), 1u);
  const Roofline& roof = made.rooflines[0];
  EXPECT_EQ(roof.point, step->name);
  EXPECT_EQ(roof.phase, "decode");
  EXPECT_EQ(roof.threads, 8);
  EXPECT_NEAR(roof.bandwidth_bytes_per_second, 60e9, 3e9);  // the law's ceiling
  ASSERT_EQ(roof.operations.size(), 2u);
  EXPECT_EQ(roof.operations[0].name, "gate_up");
  EXPECT_DOUBLE_EQ(roof.operations[0].flops_per_byte, 4);
  EXPECT_DOUBLE_EQ(roof.operations[0].flops_per_second, 4e9 / 0.03);
  EXPECT_DOUBLE_EQ(roof.operations[0].share, 0.75);
  EXPECT_EQ(roof.operations[0].served_by, "dram");
  EXPECT_DOUBLE_EQ(roof.roof_flops_per_byte.at(1),
                   roof.peak_flops_per_second / roof.bandwidth_bytes_per_second);
}

void profile(Point& step, double seconds) {
  step.facts["gate_up_flops"] = 4e9;
  step.facts["gate_up_bytes"] = 1e9;
  step.facts["gate_up_seconds"] = seconds;
}

TEST(ChartData, ARoofIsOfTheMostThreadsProfiledAndOfNoMore) {
  Results results = synthetic::results({});
  profile(*find_step(results, "decode_scaling", 1), 0.1);
  profile(*find_step(results, "decode_scaling", 2), 0.05);
  const std::vector<Roofline> roofs = advised(results).rooflines;
  ASSERT_EQ(roofs.size(), 1u);
  EXPECT_EQ(roofs[0].threads, 2);
  EXPECT_EQ(roofs[0].model, "qwen3-4b:q4_0");
  EXPECT_NEAR(roofs[0].bandwidth_bytes_per_second, 40e9, 2e9);  // of eight: 60
  EXPECT_NEAR(roofs[0].peak_flops_per_second, 120e9, 6e9);      // of eight: 480
  ASSERT_EQ(roofs[0].roof_flops_per_byte.size(), 3u);
  const double ridge = roofs[0].peak_flops_per_second / roofs[0].bandwidth_bytes_per_second;
  EXPECT_DOUBLE_EQ(roofs[0].roof_flops_per_byte[0], ridge / std::sqrt(10.0));
  EXPECT_DOUBLE_EQ(roofs[0].roof_flops_per_byte[2], 4 * std::sqrt(10.0));  // half a decade past
  EXPECT_DOUBLE_EQ(roofs[0].roof_flops_per_second[0],
                   roofs[0].peak_flops_per_second / std::sqrt(10.0));
}

TEST(ChartData, APhaseThatWasInvalidOrHasNoRoofIsNotDrawn) {
  Results results = synthetic::results({});
  Point& step = *find_step(results, "prefill_scaling", 4);
  profile(step, 0.1);
  EXPECT_EQ(advised(results).rooflines.size(), 1u);
  step.verdict.worsen(Validity::kNoisy, "spread", "3 %");
  EXPECT_EQ(advised(results).rooflines.size(), 1u);
  step.verdict.worsen(Validity::kInvalid, "spread", "30 %");
  EXPECT_TRUE(advised(results).rooflines.empty());
}

TEST(ChartData, ARoofIsOfPlainReadsAndOperationsThatHaveWork) {
  const auto roofs = [](const auto& change) {
    Results results = synthetic::results(synthetic::Laws());
    profile(*find_step(results, "decode_scaling", 2), 0.05);
    change(results);
    return advised(results).rooflines;
  };
  const double plain = roofs([](Results&) {}).at(0).bandwidth_bytes_per_second;
  // Faster reads of one node, or of a placement, are not what the step had.
  for (const char* axis : {"cpu_node", "placement"}) {
    Parameters other{{"operation", "read"}, {"level", "dram"}, {"page", "thp"}, {"threads", 2}};
    other.set(axis, "spread");
    const auto made = roofs([&other](Results& results) {
      synthetic::add_point(results, "stream_bandwidth", other, 900e9, Unit::kBytesPerSecond, 0.01);
    });
    EXPECT_DOUBLE_EQ(made.at(0).bandwidth_bytes_per_second, plain) << axis;
  }
  // Bytes that multiply faster than the model's own are no roof of it.
  const double own = roofs([](Results&) {}).at(0).peak_flops_per_second;
  const auto beside = roofs([](Results& results) {
    const Parameters other{
        {"operation", "matmul"}, {"type", "q8_0"}, {"rows", 128}, {"threads", 2}};
    synthetic::add_point(results, "matmul_throughput", other, 900e9, Unit::kFlopsPerSecond, 0.01);
  });
  EXPECT_DOUBLE_EQ(beside.at(0).peak_flops_per_second, own);
  EXPECT_TRUE(roofs([](Results& results) {
                std::erase_if(results.points, [](const Point& point) {
                  return point.probe == "matmul_throughput" &&
                         point.parameters.text_or("operation", "") == "matmul";
                });
                Parameters one{{"operation", "matmul"}, {"type", "q4_0"}, {"rows", 128}};
                synthetic::add_point(results, "matmul_throughput", one.set("threads", 8), 480e9,
                                     Unit::kFlopsPerSecond, 0.01);
              }).empty())
      << "arithmetic of more threads is no roof of two";
  for (const char* fact : {"gate_up_flops", "gate_up_bytes", "gate_up_seconds"}) {
    EXPECT_TRUE(roofs([&](Results& results) {
                  find_step(results, "decode_scaling", 2)->facts[fact] = 0;
                }).empty())
        << fact;
    EXPECT_TRUE(roofs([&](Results& results) {
                  find_step(results, "decode_scaling", 2)->facts.erase(fact);
                }).empty())
        << fact;
  }
}

TEST(ChartData, CountersBecomeRatesByThreads) {
  Results results = synthetic::results({});
  const auto named = [](const Recommendation& made, const std::string& name) {
    for (const ModelCurve& curve : made.curves) {
      if (curve.name == name) return curve;
    }
    return ModelCurve{};
  };
  EXPECT_EQ(named(advised(results), "instructions_per_cycle/decode step").name, "");
  for (const int threads : {1, 8}) {
    Point* step = find_step(results, "decode_scaling", threads);
    ASSERT_NE(step, nullptr);
    step->counters.values = {{"PAPI_TOT_INS", 3000}, {"PAPI_TOT_CYC", 1000 * threads}};
  }
  find_step(results, "decode_scaling", 8)->counters.values["PAPI_L3_TCM"] = 6;
  const Recommendation made = advised(results);
  const ModelCurve rate = named(made, "instructions_per_cycle/decode step");
  EXPECT_EQ(rate.x, (std::vector<double>{1, 8}));
  EXPECT_EQ(rate.y, (std::vector<double>{3, 0.375}));
  const ModelCurve misses = named(made, "l3_misses_per_kilo_instruction/decode step");
  EXPECT_EQ(misses.x, (std::vector<double>{8}));
  EXPECT_EQ(misses.y, (std::vector<double>{2}));
}

}  // namespace
}  // namespace mb
