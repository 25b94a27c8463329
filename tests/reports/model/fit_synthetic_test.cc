// The fit on machines whose laws are known. Fifty machines by default; the environment variable
// SYNTHETIC_MACHINES asks for more (the target `nightly` for 1000). What was reached is recorded as
// properties of the tests (--gtest_output=xml).
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "reports/model/fit.h"
#include "reports/model/least_squares.h"
#include "tests/reports/model/synthetic_sweeps.h"

namespace mb {
namespace {

using synthetic::SweepLaws;

int machines_wanted() {
  const char* text = std::getenv("SYNTHETIC_MACHINES");
  return text != nullptr ? std::atoi(text) : 50;
}

double parameter(const SeriesFit& fit, const std::string& name) {
  for (const FitParameter& parameter : fit.parameters) {
    if (parameter.name == name) return parameter.value;
  }
  return std::nan("");
}

double regret(const SweepLaws& laws, int threads) {
  double best = 0;
  for (int t = 1; t <= laws.logical; ++t) best = std::max(best, laws.rate(t));
  return 1 - laws.rate(threads) / best;
}

constexpr double kTermMatters = 0.3;  // share of the time somewhere

// The largest share of the time that the three terms have anywhere.
struct Shares {
  double work = 0, ceiling = 0, dispatch = 0;
};
Shares largest_shares(const SweepLaws& laws) {
  Shares shares;
  for (int t = 1; t <= laws.cores; ++t) {
    const double seconds = laws.seconds(t);
    shares.work = std::max(shares.work, laws.work / t / seconds);
    shares.ceiling = std::max(shares.ceiling, laws.ceiling / seconds);
    shares.dispatch = std::max(shares.dispatch, laws.dispatch * (t - 1) / seconds);
  }
  return shares;
}

// Of the counts that were measured, how far two thread counts lie apart.
double grid_steps(const std::vector<int>& counts, double from, double to) {
  return static_cast<double>(std::ranges::count_if(
      counts, [&](int count) { return std::min(from, to) < count && count < std::max(from, to); }));
}

// What the noise leaves unknown: the Cramer-Rao bound, the least deviation of any unbiased estimate
// of ln work, ln ceiling and ln dispatch from the sweep's counts. Of an engine
// nobody says how sharp the bend is; `bend_known` is for one whose makers would.
struct LeastDeviations {
  double work, ceiling, dispatch;
};
LeastDeviations least_deviations(const SweepLaws& laws, double noise, bool bend_known) {
  constexpr int kUnknown = 6;
  constexpr std::array<double SweepLaws::*, kUnknown> kFigures{
      &SweepLaws::work,  &SweepLaws::ceiling,  &SweepLaws::dispatch,
      &SweepLaws::cliff, &SweepLaws::recovery, &SweepLaws::bend};
  using Gradient = Eigen::Matrix<double, kUnknown, 1>;
  // No figure is known better than this beforehand: keeps what the counts do not show finite.
  constexpr double kWidest = 100;
  Eigen::Matrix<double, kUnknown, kUnknown> information =
      Eigen::Matrix<double, kUnknown, kUnknown>::Identity() / (kWidest * kWidest);
  for (const int threads : synthetic::usual_counts(laws)) {
    Gradient gradient = Gradient::Zero();
    for (int i = 0; i < kUnknown - bend_known; ++i) {
      constexpr double kStep = 1e-5;  // of the logarithm
      SweepLaws more = laws, less = laws;
      more.*kFigures[static_cast<std::size_t>(i)] *= std::exp(kStep);
      less.*kFigures[static_cast<std::size_t>(i)] *= std::exp(-kStep);
      gradient[i] = std::log(more.seconds(threads) / less.seconds(threads)) / (2 * kStep);
    }
    information += gradient * gradient.transpose() / (noise * noise);
  }
  const Eigen::Matrix<double, kUnknown, kUnknown> covariance = information.inverse();
  return {std::sqrt(covariance(0, 0)), std::sqrt(covariance(1, 1)), std::sqrt(covariance(2, 2))};
}

struct Tally {
  std::vector<double> curve, regrets, work, ceiling, dispatch;
  // Of the same ceilings and dispatches, as well as any fit could know them.
  std::vector<double> least_ceiling, least_dispatch, known_bend_ceiling, known_bend_dispatch;
  std::vector<double> saturation_steps;  // counts between the fitted and the true edge
  int covered = 0, counts = 0, cliffs = 0, cliffs_found = 0;
};

// Where the ceiling takes over, on machines that show it: well within the cores, and not hidden by
// dispatch. Where a clear cliff is, at the first count past the cores.
void tally_edges(const SweepLaws& laws, const SeriesFit& fit, Tally& tally) {
  const double saturation = laws.work / laws.ceiling;
  const Shares shares = largest_shares(laws);
  if (saturation <= laws.cores / 2.0 && shares.dispatch < 0.3) {
    const auto found = fit.edges.find("saturation_threads");
    tally.saturation_steps.push_back(
        found == fit.edges.end()
            ? laws.logical
            : grid_steps(synthetic::usual_counts(laws), saturation, found->second));
  }
  constexpr double kClearLoss = 0.1;  // twice what a cliff is named from
  if (laws.logical <= laws.cores) return;
  if (laws.rate(laws.cores + 1) > (1 - kClearLoss) * laws.rate(laws.cores)) return;
  ++tally.cliffs;
  const auto cliff = fit.edges.find("cliff_threads");
  tally.cliffs_found += cliff != fit.edges.end() && cliff->second == laws.cores + 1;
}

Tally run_machines(double noise, double tolerance = 0) {
  std::mt19937 random(7);
  Tally tally;
  for (int machine = 0; machine < machines_wanted(); ++machine) {
    const SweepLaws laws = synthetic::random_laws(random);
    const Sweep sweep = synthetic::sweep_of(laws, synthetic::usual_counts(laws), noise, random);
    const SeriesFit fit = fit_sweep(sweep, {.tolerance = tolerance, .resamples = 40})[0];
    double squares = 0;
    for (const FitPrediction& each : fit.predicted) {
      squares += std::pow(std::log(each.tokens_per_second / laws.rate(each.threads)), 2);
      tally.covered += each.low <= laws.rate(each.threads) && laws.rate(each.threads) <= each.high;
      ++tally.counts;
    }
    tally.curve.push_back(std::sqrt(squares / static_cast<double>(fit.predicted.size())));
    tally.regrets.push_back(regret(laws, fit.recommended_threads));
    tally_edges(laws, fit, tally);
    const Shares shares = largest_shares(laws);
    const auto add = [&](std::vector<double>& errors, double share, const char* name,
                         double truth) {
      if (share >= kTermMatters) errors.push_back(std::abs(std::log(parameter(fit, name) / truth)));
    };
    add(tally.work, shares.work, "work_seconds_per_token", laws.work);
    add(tally.ceiling, shares.ceiling, "ceiling_seconds_per_token", laws.ceiling);
    add(tally.dispatch, shares.dispatch, "dispatch_seconds_per_thread", laws.dispatch);
    const LeastDeviations least = least_deviations(laws, noise, /*bend_known=*/false);
    const LeastDeviations known = least_deviations(laws, noise, /*bend_known=*/true);
    if (shares.ceiling >= kTermMatters) {
      tally.least_ceiling.push_back(least.ceiling);
      tally.known_bend_ceiling.push_back(known.ceiling);
    }
    if (shares.dispatch >= kTermMatters) {
      tally.least_dispatch.push_back(least.dispatch);
      tally.known_bend_dispatch.push_back(known.dispatch);
    }
  }
  return tally;
}

double quantile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  return values.empty()
             ? 0
             : values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

double share_within(const std::vector<double>& values, double limit) {
  return static_cast<double>(
             std::ranges::count_if(values, [&](double value) { return value <= limit; })) /
         static_cast<double>(std::max<std::size_t>(values.size(), 1));
}

// The share of normal errors of these deviations that would be within the limit.
double share_expected_within(const std::vector<double>& deviations, double limit) {
  double sum = 0;
  for (const double deviation : deviations) sum += std::erf(limit / deviation / std::sqrt(2));
  return sum / static_cast<double>(std::max<std::size_t>(deviations.size(), 1));
}
// The size that half of them would not exceed.
double median_expected(const std::vector<double>& deviations) {
  double low = 0, high = 10;
  for (int halving = 0; halving < 60; ++halving) {
    const double middle = (low + high) / 2;
    (share_expected_within(deviations, middle) < 0.5 ? low : high) = middle;
  }
  return high;
}

void record(const char* name, double figure) {
  testing::Test::RecordProperty(name, fmt::format("{:.4g}", figure));
}

void record(const char* name, const std::vector<double>& values) {
  testing::Test::RecordProperty(
      name, fmt::format("of {}: median {:.4f}, 95 % {:.4f}, most {:.4f}", values.size(),
                        quantile(values, 0.5), quantile(values, 0.95), quantile(values, 1)));
}

TEST(FitSynthetic, OnePerCentOfNoiseLeavesTheCurveWithinTwo) {
  const Tally tally = run_machines(0.01);
  record("curve_rms", tally.curve);
  record("loss", tally.regrets);
  record("covered_share", static_cast<double>(tally.covered) / tally.counts);
  EXPECT_LE(quantile(tally.curve, 1), 0.02);
  EXPECT_LE(quantile(tally.regrets, 0.95), 0.02);
  EXPECT_LE(quantile(tally.regrets, 1), 0.05);
  EXPECT_GE(tally.covered, 0.8 * tally.counts);
}

// Ceiling and dispatch are the hard ones: they trade against the sharpness of the bend between
// them, which real engines differ in and the fit leaves free. Of 1000 machines the medians are 7 %
// and 15 %, the work's 0.8 %.
TEST(FitSynthetic, ParametersComeBackWhereTheirTermMatters) {
  const Tally tally = run_machines(0.01);
  record("work_error", tally.work);
  record("ceiling_error", tally.ceiling);
  record("dispatch_error", tally.dispatch);
  EXPECT_LE(quantile(tally.work, 0.5), 0.02);
  EXPECT_LE(quantile(tally.work, 1), 0.1);
  EXPECT_LE(quantile(tally.ceiling, 0.5), 0.1);
  EXPECT_LE(quantile(tally.dispatch, 0.5), 0.2);
  EXPECT_GE(tally.dispatch.size(), tally.work.size() / 10);  // there were such machines
}

// The bound is what somebody reaches who knows the law's form and is told nothing else.
TEST(FitSynthetic, TheLeastDeviationIsThatOfTheLawsOwnFit) {
  const SweepLaws truth{.cores = 32, .logical = 32, .work = 1, .ceiling = 0.1, .dispatch = 5e-4};
  const std::vector<int> counts = synthetic::usual_counts(truth);
  constexpr double kNoise = 0.01;
  constexpr int kDraws = 400;
  using Figures = Eigen::Vector4d;  // logarithms of work, ceiling, dispatch, bend
  const Figures from = Figures(truth.work, truth.ceiling, truth.dispatch, truth.bend).array().log();
  for (const bool bend_known : {false, true}) {
    std::mt19937 random(3);
    Eigen::Array3d squares = Eigen::Array3d::Zero();
    for (int draw = 0; draw < kDraws; ++draw) {
      const Sweep sweep = synthetic::sweep_of(truth, counts, kNoise, random);
      const auto residuals = [&](const Figures& x) {
        SweepLaws laws = truth;
        laws.work = std::exp(x[0]);
        laws.ceiling = std::exp(x[1]);
        laws.dispatch = std::exp(x[2]);
        laws.bend = std::exp(x[3]);
        Eigen::VectorXd r(static_cast<Eigen::Index>(counts.size()) + 1);
        Eigen::Index i = 0;
        for (const SweepPoint& point : sweep.series[0].points) {
          r[i++] = std::log(laws.rate(*point.threads) / *point.tokens_per_second);
        }
        r[i] = bend_known ? x[3] - from[3] : 0;
        return r;
      };
      const Figures found = least_squares<4>(residuals, from, {true, true, true, !bend_known}).x;
      squares += (found - from).head<3>().array().square();
    }
    const Eigen::Array3d deviation = (squares / kDraws).sqrt();
    const LeastDeviations least = least_deviations(truth, kNoise, bend_known);
    EXPECT_NEAR(deviation[0] / least.work, 1, 0.15) << bend_known;
    EXPECT_NEAR(deviation[1] / least.ceiling, 1, 0.15) << bend_known;
    EXPECT_NEAR(deviation[2] / least.dispatch, 1, 0.15) << bend_known;
  }
}

// Of 1000 machines half the ceilings are known within 6.3 % at best and half the dispatches within
// 5.9 %, a quarter and a fifth of them within 2 %, by who is told nothing of such machines. The
// fit allows for more misfit than these laws have, which costs dispatch, the smaller term, most.
TEST(FitSynthetic, CeilingAndDispatchAreKnownNearlyAsWellAsTheNoiseAllows) {
  const Tally tally = run_machines(0.01);
  const auto judge = [](const char* name, const std::vector<double>& errors,
                        const std::vector<double>& least, const std::vector<double>& bend_known,
                        double most_times) {
    SCOPED_TRACE(name);
    const double median = quantile(errors, 0.5), possible = median_expected(least);
    record(fmt::format("{}_median_error", name).c_str(), median);
    record(fmt::format("{}_median_error_at_best", name).c_str(), possible);
    record(fmt::format("{}_median_error_at_best_bend_known", name).c_str(),
           median_expected(bend_known));
    record(fmt::format("{}_within_2_percent", name).c_str(), share_within(errors, 0.02));
    record(fmt::format("{}_within_2_percent_at_best", name).c_str(),
           share_expected_within(least, 0.02));
    record(fmt::format("{}_within_2_percent_at_best_bend_known", name).c_str(),
           share_expected_within(bend_known, 0.02));
    EXPECT_LE(median, most_times * possible);
  };
  judge("ceiling", tally.ceiling, tally.least_ceiling, tally.known_bend_ceiling, 1.5);
  judge("dispatch", tally.dispatch, tally.least_dispatch, tally.known_bend_dispatch, 3);
}

TEST(FitSynthetic, EdgesLieBesideTheCountsThatTheyTrulyHave) {
  const Tally tally = run_machines(0.01);
  record("saturation_steps", tally.saturation_steps);
  record("saturation_within_a_step", share_within(tally.saturation_steps, 1));
  record("cliffs_found", static_cast<double>(tally.cliffs_found) / std::max(tally.cliffs, 1));
  EXPECT_GE(tally.saturation_steps.size(), 10U);
  EXPECT_GE(tally.cliffs, 10);
  EXPECT_LE(quantile(tally.saturation_steps, 1), 1);
  EXPECT_EQ(tally.cliffs_found, tally.cliffs);
}

// The tolerance is given up on purpose: what is lost beyond it is the noise's.
TEST(FitSynthetic, AtTheUsualToleranceAdviceLosesLittleMoreThanThat) {
  const Tally tally = run_machines(0.01, FitOptions{}.tolerance);
  record("loss", tally.regrets);
  record("within_2_percent", share_within(tally.regrets, 0.02));
  EXPECT_LE(quantile(tally.regrets, 0.95), FitOptions{}.tolerance + 0.01);
  EXPECT_LE(quantile(tally.regrets, 1), 0.05);
}

TEST(FitSynthetic, ThreePerCentOfNoiseCostsLittle) {
  const Tally tally = run_machines(0.03);
  record("curve_rms", tally.curve);
  record("loss", tally.regrets);
  EXPECT_LE(quantile(tally.curve, 1), 0.05);
  EXPECT_LE(quantile(tally.regrets, 0.5), 0.01);
  EXPECT_LE(quantile(tally.regrets, 1), 0.1);  // advice keeps to the best point, lucky or not
  EXPECT_GE(tally.covered, 0.7 * tally.counts);
}

}  // namespace
}  // namespace mb
