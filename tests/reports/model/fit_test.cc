#include "reports/model/fit.h"

#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

namespace mb {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;

Sweep load(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return sweep_from_json_text(text.str(), path.string());
}

Sweep ryzen() {
  return load(SOURCE_DIR "/data/datasets/seed/ryzen9-7900-qwen3-30b-a3b-q4-threads.json");
}

Sweep sweep_of(int physical, int logical, const std::vector<std::pair<int, double>>& points) {
  Sweep sweep;
  sweep.machine.physical_cores = physical;
  sweep.machine.logical_cpus = logical;
  SweepSeries series;
  series.phase = "decode";
  for (const auto& [threads, rate] : points) {
    SweepPoint point;
    point.threads = threads;
    point.tokens_per_second = rate;
    series.points.push_back(point);
  }
  sweep.series = {series};
  return sweep;
}

SeriesFit only(const Sweep& sweep, const FitOptions& options = {}) {
  return fit_sweep(sweep, options).at(0);
}

double value_of(const SeriesFit& fit, const std::string& name) {
  for (const FitParameter& parameter : fit.parameters) {
    if (parameter.name == name) return parameter.value;
  }
  return std::nan("");
}

TEST(Fit, ReproducesThePublishedTwelveCoreTable) {
  const auto fits = fit_sweep(ryzen(), {});
  ASSERT_EQ(fits.size(), 2u);
  EXPECT_EQ(fits[0].phase, "prefill");
  EXPECT_EQ(fits[0].recommended_threads, 12);
  EXPECT_LE(fits[0].rms_log_error, 0.012);
  EXPECT_EQ(fits[1].phase, "decode");
  EXPECT_THAT(fits[1].recommended_threads, AllOf(Ge(8), Le(10)));
  EXPECT_LE(fits[1].rms_log_error, 0.035);
  EXPECT_EQ(fits[0].predicted.size(), 24u);
  EXPECT_LT(value_of(fits[0], "core_edge_cliff"), 0.7);  // 89.7 -> 63.8 past 12 threads
  EXPECT_EQ(fits[0].edges.at("core_edge_threads"), 12);
  EXPECT_LT(fits[1].edges.at("saturation_threads"), 8);
}

TEST(Fit, SeesTheCliffFromAFewPoints) {
  const SeriesFit fit = fit_sweep(ryzen(), {.tolerance = 0.02, .points = {1, 4, 12, 14, 24}})[0];
  EXPECT_EQ(fit.recommended_threads, 12);
  for (const auto& [threads, measured] :
       std::vector<std::pair<std::size_t, double>>{{2, 19.5}, {6, 54.3}, {10, 80.3}, {16, 71.4}}) {
    EXPECT_NEAR(std::log(fit.predicted.at(threads - 1).tokens_per_second / measured), 0, 0.06);
  }
}

// Sweeps made by the model itself, with noise: the parameters come back.
TEST(Fit, RecoversSyntheticMachines) {
  std::mt19937 random(3);
  const auto uniform = [&](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
  };
  std::normal_distribution<double> noise(0, 0.01);
  for (int machine = 0; machine < 50; ++machine) {
    const int physical = 8 + static_cast<int>(random() % 25);
    const double work = std::exp(uniform(-4, 2)), ceiling = work / uniform(2, 0.7 * physical),
                 dispatch = ceiling * uniform(0, 0.01), cliff = uniform(0.5, 0.95),
                 recovery = uniform(0, 0.6);
    std::vector<std::pair<int, double>> points;
    for (int threads = 1; threads <= 2 * physical; threads += threads < 4 ? 1 : 3) {
      const double beyond = std::max(0, threads - physical);
      const double effective = threads <= physical ? threads : physical * cliff + recovery * beyond;
      const double seconds = std::hypot(work / effective, ceiling) + dispatch * (threads - 1);
      points.emplace_back(threads, std::exp(noise(random)) / seconds);
    }
    const SeriesFit fit = only(sweep_of(physical, 2 * physical, points));
    EXPECT_NEAR(std::log(value_of(fit, "work_seconds_per_token") / work), 0, 0.03) << machine;
    EXPECT_NEAR(std::log(value_of(fit, "ceiling_seconds_per_token") / ceiling), 0, 0.1) << machine;
    EXPECT_LE(fit.rms_log_error, 0.02);
  }
}

TEST(Fit, AdvisesTheSmallestCountWithinTheTolerance) {
  const Sweep sweep = sweep_of(8, 8, {{1, 10}, {2, 18}, {4, 29.5}, {6, 30}, {8, 29.9}});
  EXPECT_EQ(only(sweep, {.tolerance = 0.02, .points = {}}).recommended_threads, 4);
  EXPECT_EQ(only(sweep, {.tolerance = 0, .points = {}}).recommended_threads, 6);
}

TEST(Fit, AdvisesAnUnmeasuredCountOnlyWhenItsLowEndBeatsTheBestMeasured) {
  // Perfect scaling, measured up to half the cores: the rest is sure to be faster.
  const SeriesFit sure =
      only(sweep_of(16, 16, {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 6}, {7, 7}, {8, 8}}));
  EXPECT_GT(sure.recommended_threads, 8);
  EXPECT_THAT(sure.reasons, Contains(HasSubstr("were not measured")));
  for (const auto& fit : {sure, only(sweep_of(16, 16, {{1, 10}, {2, 14}, {4, 15}, {8, 15}}))}) {
    double best = 0;
    for (const FitPrediction& p : fit.predicted) {
      best = std::max(best, p.measured_tokens_per_second.value_or(0));
    }
    const FitPrediction& advised =
        fit.predicted.at(static_cast<std::size_t>(fit.recommended_threads) - 1);
    EXPECT_GE(advised.measured_tokens_per_second.value_or(advised.low), 0.98 * best);
  }
}

TEST(Fit, OneOutlierDoesNotBendIt) {
  const SeriesFit fit = only(sweep_of(
      16, 16, {{1, 1}, {2, 2}, {4, 4}, {6, 6}, {8, 4}, {10, 10}, {12, 12}, {14, 14}, {16, 16}}));
  EXPECT_NEAR(fit.predicted.at(7).tokens_per_second, 8, 0.5);
}

TEST(Fit, OfTwoPointsLeansOnWhatIsTypicalAndSaysSo) {
  const SeriesFit fit = only(sweep_of(8, 16, {{1, 5}, {8, 20}}));
  EXPECT_EQ(fit.predicted.size(), 16u);
  EXPECT_EQ(fit.recommended_threads, 8);
  EXPECT_EQ(fit.confidence, "low");
  EXPECT_THAT(fit.reasons, Contains(HasSubstr("2 usable thread counts, 3 needed")));
}

TEST(Fit, LeavesOutMoreThreadsThanCpus) {
  const SeriesFit fit = only(sweep_of(4, 8, {{1, 5}, {2, 9}, {4, 15}, {8, 14}, {16, 30}}));
  EXPECT_EQ(fit.recommended_threads, 4);
  ASSERT_EQ(fit.predicted.size(), 9u);  // also the count in the series that is above
  EXPECT_EQ(fit.predicted.back().threads, 16);
  EXPECT_LT(fit.predicted.back().tokens_per_second, fit.predicted[7].tokens_per_second);
  EXPECT_THAT(fit.reasons, Contains(HasSubstr("1 points above the 8 logical CPUs left out")));
}

TEST(Fit, PassesOverInvalidPoints) {
  Sweep sweep = sweep_of(4, 4, {{1, 5}, {2, 9}, {3, 1000}, {4, 15}});
  sweep.series[0].points[2].status = "invalid";
  EXPECT_EQ(only(sweep).recommended_threads, 4);
  EXPECT_EQ(only(sweep).predicted.at(2).measured_tokens_per_second, std::nullopt);
  sweep.series[0].points.clear();
  EXPECT_EQ(only(sweep).recommended_threads, 0);
  EXPECT_THAT(only(sweep).reasons, Contains(HasSubstr("no valid point")));
}

void expect_finite(const SeriesFit& fit, const std::string& what) {
  EXPECT_TRUE(std::isfinite(fit.rms_log_error)) << what;
  for (const FitParameter& p : fit.parameters) {
    EXPECT_TRUE(std::isfinite(p.value) && std::isfinite(p.low) && std::isfinite(p.high))
        << what << p.name;
  }
  for (const FitPrediction& p : fit.predicted) {
    ASSERT_TRUE(p.low > 0 && p.low <= p.tokens_per_second && p.tokens_per_second <= p.high &&
                std::isfinite(p.high))
        << what << " at " << p.threads;
  }
}

TEST(Fit, OfHostileDataIsFinite) {
  std::mt19937 random(4);
  const std::vector<double> rates = {0, -1, 1e-300, 1e300, 1e-5, 1e8, 1, 1, 1, 5};
  const std::vector<int> counts = {0, -3, 1, 1, 2, 3, 64, 1000, 2147483647};
  for (int round = 0; round < 300; ++round) {
    std::vector<std::pair<int, double>> points;
    for (unsigned i = 0; i < random() % 9; ++i) {
      points.emplace_back(counts[random() % counts.size()], rates[random() % rates.size()]);
    }
    Sweep sweep = sweep_of(1, 1, points);
    sweep.machine.physical_cores = counts[random() % counts.size()];
    sweep.machine.logical_cpus = counts[random() % counts.size()];
    if (round % 3 == 0) sweep.machine.performance_cores = counts[random() % counts.size()];
    if (round % 5 == 0) sweep.machine.logical_cpus.reset();
    expect_finite(only(sweep), "round " + std::to_string(round));
  }
}

TEST(Fit, GoesThroughEveryPublishedSeries) {
  int fitted = 0;
  double error = 0;
  for (const char* folder : {"seed", "published"}) {
    const auto path = std::filesystem::path(SOURCE_DIR) / "data/datasets" / folder;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.path().extension() != ".json") continue;
      std::ostringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      const auto json = nlohmann::json::parse(text.str());
      if (!json.is_object() || !json.contains("series")) continue;
      const Sweep sweep = sweep_from_json_text(text.str(), entry.path().string());
      for (const SeriesFit& fit : fit_sweep(sweep, {})) {
        expect_finite(fit, entry.path().filename().string());
        if (fit.predicted.empty()) continue;
        ++fitted;
        error += fit.rms_log_error;
        EXPECT_GE(fit.recommended_threads, 1);
      }
    }
  }
  EXPECT_GE(fitted, 100);
  EXPECT_LE(error / fitted, 0.03);
}

TEST(FitJson, HoldsSeriesInTheFilesOrder) {
  const auto json = nlohmann::json::parse(to_json_text(fit_sweep(ryzen(), {})));
  ASSERT_EQ(json["series"].size(), 2u);
  EXPECT_EQ(json["series"][0]["phase"], "prefill");
  EXPECT_EQ(json["series"][0]["recommended_threads"], 12);
  EXPECT_EQ(json["series"][0]["predicted"][11]["threads"], 12);
  EXPECT_EQ(json["series"][0]["predicted"][11]["measured_tokens_per_second"], 89.7);
  EXPECT_GT(json["series"][0]["parameters"]["work_seconds_per_token"]["value"], 0.09);
  EXPECT_FALSE(to_json_text(fit_sweep(ryzen(), {})).find("null") != std::string::npos);
}

}  // namespace
}  // namespace mb
