// Sweeps over prompt, context, batch and KV size: the published tables, laws that are known, and
// data that nobody measured.
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <random>
#include <sstream>

#include "reports/model/fit.h"

namespace mb {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::HasSubstr;

Sweep sweep_of(const std::string& name) {
  const std::string path = SOURCE_DIR "/data/datasets/" + name + ".json";
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return sweep_from_json_text(text.str(), path);
}

std::vector<SeriesFit> fits_of(const std::string& name) { return fit_sweep(sweep_of(name), {}); }

Sweep prompt_sweep(const std::vector<std::pair<double, double>>& points) {
  Sweep sweep;
  sweep.kind = "prompt-length";
  sweep.series.resize(1);
  sweep.series[0].phase = "prefill";
  for (const auto& [prompt, rate] : points) {
    SweepPoint point;
    point.prompt_tokens = prompt;
    point.tokens_per_second = rate;
    sweep.series[0].points.push_back(point);
  }
  return sweep;
}

double figure(const SeriesFit& fit, const std::string& name) {
  for (const FitParameter& parameter : fit.parameters) {
    if (parameter.name == name) return parameter.value;
  }
  return std::nan("");
}

TEST(FitLengths, ThePublishedPromptTableHasItsEdgeAndItsDecline) {
  const auto fits = fits_of("seed/ryzen9-7900-qwen3-30b-a3b-q4-prompt-length");
  ASSERT_EQ(fits.size(), 2u);
  EXPECT_EQ(fits[0].variable, "prompt_tokens");
  EXPECT_LE(fits[0].rms_log_error, 0.05);
  // 76.0 of 89.8 tokens/s at 81 tokens, 87.9 at 182; 79.5 at 4239.
  EXPECT_GT(fits[0].edges.at("dispatch_edge_prompt_tokens"), 36);
  EXPECT_LT(fits[0].edges.at("dispatch_edge_prompt_tokens"), 461);
  EXPECT_GT(fits[0].edges.at("decline_prompt_tokens"), 1096);
  EXPECT_LT(fits[0].edges.at("decline_prompt_tokens"), 8134);
  EXPECT_EQ(fits[0].predicted[0].regime, "dispatch_bound_prefill");
  EXPECT_EQ(fits[0].predicted[5].regime, "streaming_prefill");
  EXPECT_EQ(fits[0].predicted[5].limited_by, "compute");
  EXPECT_LE(fits[1].rms_log_error, 0.05);
  EXPECT_EQ(fits[1].predicted[0].regime, "memory_bound_decode");
  EXPECT_EQ(fits[1].predicted[0].limited_by, "weights");
}

TEST(FitLengths, TheLaptopsPromptTablesAreWithinFivePerCent) {
  for (const SeriesFit& fit : fits_of("published/core-i7-12700h-qwen25-prompt-length")) {
    EXPECT_LE(fit.rms_log_error, 0.05) << fit.label << fit.phase;
  }
}

TEST(FitLengths, AKnownLawComesBack) {
  const double overhead = 0.3, each = 0.01, attention = 2e-6;
  std::vector<std::pair<double, double>> points;
  for (double s = 4; s < 20000; s *= 2) {
    points.emplace_back(s, s / (overhead + each * s + attention * s * s / 2));
  }
  const SeriesFit fit = fit_sweep(prompt_sweep(points), {})[0];
  EXPECT_LE(fit.rms_log_error, 0.005);
  EXPECT_NEAR(figure(fit, "overhead_seconds") / overhead, 1, 0.05);
  EXPECT_NEAR(figure(fit, "seconds_per_item") / each, 1, 0.05);
  EXPECT_NEAR(figure(fit, "attention_seconds_per_pair") / attention, 1, 0.05);
  EXPECT_NEAR(fit.edges.at("attention_edge_prompt_tokens") / (2 * each / attention), 1, 0.1);
  EXPECT_EQ(fit.predicted.back().limited_by, "attention");
}

TEST(FitLengths, BatchesShareTheWeights) {
  const auto fits = fits_of("seed/ec2-r8i-8xlarge-qwen3-30b-a3b-ipex-batch-sweep-run8");
  EXPECT_EQ(fits[0].variable, "batch");
  EXPECT_LE(fits[0].rms_log_error, 0.1);
  EXPECT_EQ(fits[0].predicted[0].limited_by, "weights");
}

TEST(FitLengths, KvSizesLiveInTheLevelThatHoldsThem) {
  const SeriesFit fit = fits_of("seed/ryzen9-7900-attention-kernel-kv-sweep")[0];
  ASSERT_EQ(fit.levels.size(), 5u);
  EXPECT_THAT(fit.levels[0].level, AnyOf("L1", "L2"));
  EXPECT_EQ(fit.levels[1].level, "L2");
  EXPECT_EQ(fit.levels[2].level, "L3");
  EXPECT_EQ(fit.levels[3].level, "DRAM");  // 40 MB: more than one of two L3 domains of 32 MiB
  EXPECT_EQ(fit.levels[4].level, "DRAM");
  EXPECT_THAT(fit.reasons, Contains(HasSubstr("L3 to DRAM")));
}

TEST(FitLengths, KvSizesSayWhatTheFileDoesNotTell) {
  Sweep sweep = sweep_of("seed/ryzen9-7900-attention-kernel-kv-sweep");
  EXPECT_EQ(fit_sweep(sweep, {})[0].confidence, "high");
  sweep.machine.l2_bytes_per_core.reset();
  const SeriesFit unknown = fit_sweep(sweep, {})[0];
  EXPECT_EQ(unknown.confidence, "low");
  EXPECT_THAT(unknown.reasons, Contains(HasSubstr("the size of L2 is not in the file")));
  EXPECT_EQ(unknown.levels[1].level, "L3") << "the nearest known level that holds it";
  for (SweepPoint& point : sweep.series[0].points) point.kv_bytes.reset();
  const SeriesFit none = fit_sweep(sweep, {})[0];
  EXPECT_TRUE(none.levels.empty());
  EXPECT_THAT(none.reasons, Contains("no point with kv_bytes"));
}

TEST(FitLengths, TwoPointsAreTooFewAndSaidToBe) {
  const SeriesFit fit = fit_sweep(prompt_sweep({{10, 5}, {100, 20}}), {})[0];
  EXPECT_TRUE(fit.predicted.empty());
  EXPECT_EQ(fit.confidence, "low");
  EXPECT_THAT(fit.reasons, Contains(HasSubstr("2 usable points")));
}

TEST(FitLengths, OfHostileDataIsFinite) {
  std::mt19937 random(5);
  const std::vector<double> values = {0, -1, 1e-300, 1e300, 1e-5, 1, 1, 5, 1e8, 1e9};
  for (int round = 0; round < 500; ++round) {
    std::vector<std::pair<double, double>> points;
    for (unsigned i = 0; i < random() % 9; ++i) {
      points.emplace_back(values[random() % values.size()], values[random() % values.size()]);
    }
    Sweep sweep = prompt_sweep(points);
    if (round % 2 == 0) sweep.series[0].phase = "decode";
    const SeriesFit fit = fit_sweep(sweep, {})[0];
    EXPECT_TRUE(std::isfinite(fit.rms_log_error)) << round;
    for (const FitPrediction& p : fit.predicted) {
      ASSERT_TRUE(p.low > 0 && p.low <= p.tokens_per_second && p.tokens_per_second <= p.high &&
                  std::isfinite(p.high))
          << round;
    }
    for (const FitParameter& p : fit.parameters) {
      EXPECT_TRUE(std::isfinite(p.low) && std::isfinite(p.high)) << round << p.name;
    }
  }
}

}  // namespace
}  // namespace mb
