// Sweeps made of the model's own predictions, spoilt in known ways.
#include "reports/model/compare.h"

#include <gmock/gmock.h>

#include <cmath>

#include "data/error.h"
#include "reports/model/calibrate.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kSpec[] = "qwen3-4b:q4_0";

struct Lengths {
  double prompt, context, generated;
};

// What an engine whose terms take `factors` times as long would have measured.
NamedSweep spoilt_sweep(const MachineModel& model, const std::vector<int>& threads,
                        const std::vector<Lengths>& lengths,
                        const std::map<std::string, double>& factors, std::string_view isa = {}) {
  NamedSweep named{"engine.json", {}, find_model(kSpec)};
  const EngineProfile engine = find_engine_profile("llama.cpp-threadpool", isa);
  for (const char* phase : {"prefill", "decode"}) {
    const bool prefill = std::string(phase) == "prefill";
    for (const Lengths& at : lengths) {
      SweepSeries series{.phase = phase};
      if (prefill) series.prompt_tokens = at.prompt;
      if (!prefill) series.new_tokens = at.generated;
      series.context_tokens = at.context;
      for (const int count : threads) {
        const Query query{phase, static_cast<std::int64_t>(at.prompt),
                          static_cast<std::int64_t>(at.context + (prefill ? 0 : at.generated / 2)),
                          "f16"};
        const Prediction prediction = model.predict(named.shape, engine, query, count);
        double before = 0, after = 0;
        for (const auto& [term, seconds] : prediction.seconds_by_term) {
          const auto factor = factors.find(std::string(phase) + "/" + term);
          before += seconds;
          after += seconds * (factor == factors.end() ? 1 : factor->second);
        }
        SweepPoint point;
        point.threads = count;
        point.tokens_per_second = prediction.tokens_per_second * before / after;
        series.points.push_back(point);
      }
      named.sweep.series.push_back(std::move(series));
    }
  }
  return named;
}

const std::vector<int> kThreads = {1, 2, 4, 8};
const std::vector<Lengths> kLengths = {{64, 0, 32}, {512, 0, 32}, {512, 4096, 32}};

TEST(Compare, OfItsOwnPredictionsFindsNoError) {
  const MachineModel model(synthetic::results(synthetic::Laws()));
  const EngineProfile engine = find_engine_profile("llama.cpp-threadpool");
  std::vector<std::string> skipped;
  const auto points = compare(model, engine, spoilt_sweep(model, kThreads, kLengths, {}), skipped);
  EXPECT_EQ(points.size(), 24u);
  EXPECT_THAT(skipped, IsEmpty());
  const auto errors = errors_by_phase(points);
  ASSERT_EQ(errors.size(), 2u);
  for (const PhaseErrors& phase : errors) {
    EXPECT_LT(phase.worst, 1e-9);
    EXPECT_EQ(phase.inside_interval, 1);
    EXPECT_EQ(phase.term, "");
  }
  for (const SeriesRegret& regret : regrets(points, 0)) EXPECT_EQ(regret.regret, 0);
}

TEST(Compare, NamesTheTermThatExplainsTheError) {
  const MachineModel model(synthetic::results(synthetic::Laws()));
  const EngineProfile engine = find_engine_profile("llama.cpp-threadpool");
  std::vector<std::string> skipped;
  const auto errors = errors_by_phase(
      compare(model, engine, spoilt_sweep(model, kThreads, kLengths, {{"decode/attention", 3.0}}),
              skipped));
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_EQ(errors[0].term, "");
  EXPECT_EQ(errors[1].term, "attention");
  EXPECT_NEAR(errors[1].factor, 3, 0.1);
  EXPECT_GT(errors[1].bias, 0);  // predicted faster than it was
}

TEST(Compare, LeavesOutWhatCannotBeCompared) {
  const MachineModel model(synthetic::results(synthetic::Laws()));
  NamedSweep named = spoilt_sweep(model, {1, 2}, {{64, 0, 32}}, {});
  named.sweep.series[0].points[0].status = "invalid";
  named.sweep.series[0].points[1].threads = 100000;
  named.sweep.series[1].points[0].batch = 8;
  std::vector<std::string> skipped;
  EXPECT_EQ(compare(model, find_engine_profile("generic"), named, skipped).size(), 1u);
  EXPECT_THAT(skipped,
              ElementsAre(HasSubstr("above the CPU budget"), HasSubstr("several sequences"),
                          HasSubstr("without a usable figure")));
}

TEST(Compare, AMixedPhaseIsPromptAndGeneration) {
  const MachineModel model(synthetic::results(synthetic::Laws()));
  const EngineProfile engine = find_engine_profile("generic");
  NamedSweep named{"mixed.json", {}, find_model(kSpec)};
  SweepSeries series{.phase = "mixed", .prompt_tokens = 128, .new_tokens = 64};
  series.points = {{.threads = 4, .tokens_per_second = 5}};
  named.sweep.series = {series};
  std::vector<std::string> skipped;
  const auto points = compare(model, engine, named, skipped);
  ASSERT_EQ(points.size(), 1u);
  const double prefill =
      model.predict(named.shape, engine, {"prefill", 128, 0, "f16"}, 4).tokens_per_second;
  const double decode =
      model.predict(named.shape, engine, {"decode", 128, 160, "f16"}, 4).tokens_per_second;
  EXPECT_NEAR(points[0].predicted.tokens_per_second, 64 / (128 / prefill + 64 / decode), 1e-9);
}

TEST(Regret, IsWhatThePredictedChoiceLoses) {
  const auto point = [](int threads, double predicted, double measured) {
    ComparedPoint made{"s", "", "decode", threads, measured, {}};
    made.predicted.tokens_per_second = predicted;
    return made;
  };
  const auto all = regrets({point(4, 19, 18), point(1, 10, 12), point(2, 18.9, 15)}, 0.02);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].advised_threads, 2);
  EXPECT_EQ(all[0].best_threads, 4);
  EXPECT_NEAR(all[0].regret, 1 - 15.0 / 18, 1e-12);
}

TEST(Memory, IsHeldAgainstTheLargestRun) {
  NamedSweep named{"s", {}, find_model(kSpec)};
  EXPECT_EQ(compare_memory(named), std::nullopt);
  SweepRun run;
  run.usage.peak_rss_bytes = 3'000'000'000;
  named.sweep.runs = {run, {}};
  named.sweep.series = {{.phase = "decode", .context_tokens = 1000}};
  named.sweep.series[0].points.resize(1);
  const auto memory = compare_memory(named);
  ASSERT_TRUE(memory.has_value());
  EXPECT_EQ(memory->measured_bytes, 3'000'000'000);
  EXPECT_EQ(memory->predicted_bytes, named.shape.memory_bytes(1000));
}

TEST(Calibrate, ASlowStartOfThreadsSaysNothingOfOneThread) {
  Results results = synthetic::results(synthetic::Laws());
  synthetic::add_point(
      results, "dispatch_overhead",
      {{"operation", "step"}, {"sync", "thread_create"}, {"work_ms", 40}, {"threads", 8}}, 0.070,
      Unit::kSeconds, 0)
      .facts["work_seconds"] = 0.040;
  for (Point& point : results.points) {  // an instruction set that the profile has figures of
    if (point.probe == "matmul_throughput") point.notes["isa"] = "AVX512_VNNI";
  }
  const MachineModel model(results);
  const EngineProfile base = engine_profile_for(results, "llama.cpp-threadpool");
  ASSERT_TRUE(base.starts_threads);
  ASSERT_EQ(base.measured_on, "AVX512_VNNI");
  const std::map<std::string, double> slower = {{"decode/dispatch", 2}};
  const Results made =
      calibrate(results, {spoilt_sweep(model, {8}, {{64, 512, 64}}, slower, base.measured_on)},
                "llama.cpp-threadpool");
  const EngineProfile engine = engine_profile_for(made, "llama.cpp-threadpool");
  const auto decode = [&](const EngineProfile& profile, int threads) {
    return model.predict(find_model(kSpec), profile, {"decode", 512, 512, "f16"}, threads)
        .tokens_per_second;
  };
  const auto moved = [&](int threads) {
    return 1 - decode(engine, threads) / decode(base, threads);
  };
  EXPECT_GT(moved(8), 0.1);
  EXPECT_LT(moved(1), 0.3 * moved(8));
}

// An engine that scales worse than our kernels, or whose run met the minute in which two CPUs of a
// guest were one core.
TEST(Calibrate, WhatThreadsBeyondTheFirstLoseIsTheirsAlone) {
  const Results results = synthetic::results(synthetic::Laws());
  const MachineModel model(results);
  std::map<std::string, double> slower;
  for (const char* phase : {"prefill", "decode"}) {
    for (const char* term : {"weights", "compute", "attention", "dispatch"}) {
      slower[std::string(phase) + "/" + term] = 1.4;
    }
  }
  const NamedSweep one = spoilt_sweep(model, {1}, kLengths, {});
  const NamedSweep all = spoilt_sweep(model, {8}, kLengths, slower);
  const Results both = calibrate(results, {one, all}, "llama.cpp-threadpool");
  const Results last = calibrate(results, {all}, "llama.cpp-threadpool");
  const EngineProfile base = engine_profile_for(results, "llama.cpp-threadpool");
  for (const char* phase : {"prefill", "decode"}) {
    const auto longer = [&](const Results& calibrated, int threads) {
      const Query query{phase, 512, 512, "f16"};
      const EngineProfile engine = engine_profile_for(calibrated, "llama.cpp-threadpool");
      return model.predict(find_model(kSpec), base, query, threads).tokens_per_second /
             model.predict(find_model(kSpec), engine, query, threads).tokens_per_second;
    };
    EXPECT_NEAR(longer(both, 1), 1, 0.04) << phase;
    EXPECT_NEAR(longer(both, 8), 1.4, 0.06) << phase;
    EXPECT_GT(longer(both, 4), 1.1) << phase;
    EXPECT_NEAR(longer(last, 8), 1.4, 0.08) << phase;
    EXPECT_LT(longer(last, 1), longer(last, 8) - 0.02) << phase;
  }
}

TEST(Calibrate, AnEngineIsPredictedWhereItWasNotMeasured) {
  const Results results = synthetic::results(synthetic::Laws());
  const MachineModel model(results);
  const std::map<std::string, double> slower = {
      {"prefill/compute", 1.6},  {"prefill/weights", 1.6}, {"prefill/attention", 1.6},
      {"prefill/dispatch", 1.6}, {"decode/weights", 1.2},  {"decode/attention", 1.9}};
  const Results made =
      calibrate(results, {spoilt_sweep(model, {1, 4}, kLengths, slower)}, "llama.cpp-threadpool");
  const CalibratedProfile& profile = made.calibrated_profiles.at(0);
  EXPECT_EQ(profile.points, 12);
  EXPECT_GT(profile.rms_log_error_before, 0.2);
  EXPECT_LT(profile.rms_log_error, 0.03);
  const EngineProfile engine = engine_profile_for(made, "llama.cpp-threadpool");
  EXPECT_EQ(engine.calibrated_with, "engine.json (12 points)");
  std::vector<std::string> skipped;
  const auto unseen =
      compare(model, engine, spoilt_sweep(model, {2, 8}, {{256, 1024, 64}}, slower), skipped);
  for (const ComparedPoint& point : unseen) EXPECT_LT(std::abs(point.error()), 0.06) << point.phase;
}

TEST(Calibrate, LeavesTheMeasurementsAndTellsEachPoint) {
  const Results results = synthetic::results(synthetic::Laws());
  const MachineModel model(results);
  Results made = calibrate(
      results, {spoilt_sweep(model, {2}, {{64, 0, 32}}, {{"decode/weights", 2.0}})}, "mine");
  EXPECT_EQ(made.calibrated_profiles.at(0).base, "generic");
  EXPECT_EQ(made.calibrations.size(), 2u);
  EXPECT_EQ(made.calibrations[1].engine, "mine");
  EXPECT_NEAR(made.calibrations[1].factor,
              made.calibrations[1].measured_tokens_per_second /
                  made.calibrations[1].predicted_tokens_per_second,
              1e-12);
  made.calibrated_profiles.clear();
  made.calibrations.clear();
  EXPECT_EQ(to_json_text(made), to_json_text(results));
}

TEST(Calibrate, WhatIsAskedForByName) {
  Results results;
  EXPECT_EQ(engine_name_for(results, ""), "llama.cpp-threadpool");
  EXPECT_EQ(engine_name_for(results, "generic"), "generic");
  results.calibrated_profiles = {{.name = "mine", .base = "generic", .sweeps = {"s"}, .points = 1}};
  EXPECT_EQ(engine_name_for(results, ""), "mine");
  EXPECT_EQ(engine_profile_for(results, "mine").name, "mine, calibrated with s (1 points)");
  EXPECT_EQ(engine_profile_for(results, "generic").calibrated_with, "");
  EXPECT_THROW(engine_profile_for(results, "warp"), Error);
}

TEST(Calibrate, NeedsAPointToRestOn) {
  const Results results = synthetic::results(synthetic::Laws());
  EXPECT_THROW(calibrate(results, {NamedSweep{"empty.json", {}, find_model(kSpec)}}, "mine"),
               Error);
}

}  // namespace
}  // namespace mb
