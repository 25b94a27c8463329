// The fit on machines whose laws are known. Fifty machines by default; the environment variable
// SYNTHETIC_MACHINES asks for more (the target `nightly` for 1000).
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>

#include "reports/model/fit.h"
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

struct Tally {
  std::vector<double> curve, regrets, work, ceiling, dispatch;
  int covered = 0, counts = 0;
};

Tally run_machines(double noise) {
  std::mt19937 random(7);
  Tally tally;
  for (int machine = 0; machine < machines_wanted(); ++machine) {
    const SweepLaws laws = synthetic::random_laws(random);
    const Sweep sweep = synthetic::sweep_of(laws, synthetic::usual_counts(laws), noise, random);
    const SeriesFit fit = fit_sweep(sweep, {.tolerance = 0, .resamples = 40})[0];
    double squares = 0;
    for (const FitPrediction& each : fit.predicted) {
      squares += std::pow(std::log(each.tokens_per_second / laws.rate(each.threads)), 2);
      tally.covered += each.low <= laws.rate(each.threads) && laws.rate(each.threads) <= each.high;
      ++tally.counts;
    }
    tally.curve.push_back(std::sqrt(squares / static_cast<double>(fit.predicted.size())));
    tally.regrets.push_back(regret(laws, fit.recommended_threads));
    const Shares shares = largest_shares(laws);
    const auto add = [&](std::vector<double>& errors, double share, const char* name,
                         double truth) {
      if (share >= 0.3) errors.push_back(std::abs(std::log(parameter(fit, name) / truth)));
    };
    add(tally.work, shares.work, "work_seconds_per_token", laws.work);
    add(tally.ceiling, shares.ceiling, "ceiling_seconds_per_token", laws.ceiling);
    add(tally.dispatch, shares.dispatch, "dispatch_seconds_per_thread", laws.dispatch);
  }
  return tally;
}

double quantile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  return values.empty()
             ? 0
             : values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

TEST(FitSynthetic, OnePerCentOfNoiseLeavesTheCurveWithinTwo) {
  const Tally tally = run_machines(0.01);
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
  EXPECT_LE(quantile(tally.work, 0.5), 0.02);
  EXPECT_LE(quantile(tally.work, 1), 0.1);
  EXPECT_LE(quantile(tally.ceiling, 0.5), 0.1);
  EXPECT_LE(quantile(tally.dispatch, 0.5), 0.2);
  EXPECT_GE(tally.dispatch.size(), tally.work.size() / 10);  // there were such machines
}

TEST(FitSynthetic, ThreePerCentOfNoiseCostsLittle) {
  const Tally tally = run_machines(0.03);
  EXPECT_LE(quantile(tally.curve, 1), 0.05);
  EXPECT_LE(quantile(tally.regrets, 0.5), 0.01);
  EXPECT_LE(quantile(tally.regrets, 1), 0.1);  // advice keeps to the best point, lucky or not
  EXPECT_GE(tally.covered, 0.7 * tally.counts);
}

}  // namespace
}  // namespace mb
