// The curve's arithmetic by hand: one term at a time, each edge, each factor.
#include "reports/model/thread_curve.h"

#include <gmock/gmock.h>

#include <cmath>

namespace mb {
namespace {

// Nothing but work: the figures that a test changes stand out.
CurveFigures work_alone(double seconds) {
  return {.work_seconds = seconds,
          .ceiling_seconds = 1e-12,
          .dispatch_seconds = 0,
          .sharpness = 4,
          .cliff = 0.7,
          .recovery = 0.2,
          .slow_cliff = 0.9,
          .slow_recovery = 0.4,
          .shared_cores_factor = 1,
          .all_cpus_factor = 1,
          .second_socket_factor = 1};
}

constexpr ThreadLayout kPlain{.fast = 8, .cores = 8, .socket = 8, .logical = 8};
constexpr ThreadLayout kShared{.fast = 8, .cores = 8, .socket = 8, .logical = 16};

double seconds(const CurveFigures& figures, const ThreadLayout& layout, double threads) {
  return curve_terms(figures, layout, threads).total;
}

TEST(ThreadCurve, WorkIsSharedByTheCores) {
  EXPECT_NEAR(seconds(work_alone(16), kPlain, 1), 16, 1e-9);
  EXPECT_NEAR(seconds(work_alone(16), kPlain, 8), 2, 1e-9);
}

TEST(ThreadCurve, PastTheCoresStandACliffAndARecovery) {
  EXPECT_NEAR(seconds(work_alone(16), kShared, 8), 2, 1e-9);
  EXPECT_NEAR(seconds(work_alone(16), kShared, 12), 16 / (8 * (0.7 + 0.2 * 4 / 8)), 1e-9);
  EXPECT_NEAR(seconds(work_alone(16), kShared, 16), 16 / (8 * (0.7 + 0.2)), 1e-9);
}

TEST(ThreadCurve, SlowCoresHaveTheirOwn) {
  const ThreadLayout hybrid{.fast = 4, .cores = 8, .socket = 8, .logical = 16};
  EXPECT_NEAR(seconds(work_alone(16), hybrid, 4), 4, 1e-9);
  EXPECT_NEAR(seconds(work_alone(16), hybrid, 6), 16 / (4 * (0.9 + 0.4 * 2 / 4)), 1e-9);
  const double on_cores = 4 * (0.9 + 0.4 * 4 / 4);
  EXPECT_NEAR(seconds(work_alone(16), hybrid, 16), 16 / (on_cores * (0.7 + 0.2)), 1e-9);
}

TEST(ThreadCurve, TheCeilingJoinsByItsSharpnessAndDispatchComesOnTop) {
  CurveFigures figures = work_alone(16);
  figures.ceiling_seconds = 4;
  figures.dispatch_seconds = 0.5;
  const CurveTerms terms = curve_terms(figures, kPlain, 4);
  EXPECT_DOUBLE_EQ(terms.work, 4);
  EXPECT_DOUBLE_EQ(terms.ceiling, 4);
  EXPECT_DOUBLE_EQ(terms.dispatch, 1.5);
  EXPECT_NEAR(terms.total, 4 * std::pow(2, 0.25) + 1.5, 1e-12);
}

TEST(ThreadCurve, FactorsHoldOnTheirSideOfTheirEdge) {
  CurveFigures figures = work_alone(16);
  figures.shared_cores_factor = 2;
  figures.all_cpus_factor = 3;
  EXPECT_NEAR(seconds(figures, kShared, 8), 2, 1e-9);
  EXPECT_NEAR(seconds(figures, kShared, 12), 2 * seconds(work_alone(16), kShared, 12), 1e-9);
  EXPECT_NEAR(seconds(figures, kShared, 16), 6 * seconds(work_alone(16), kShared, 16), 1e-9);
  EXPECT_NEAR(seconds(figures, kPlain, 8), 3 * 2, 1e-9);
  EXPECT_NEAR(seconds(figures, {.fast = 1, .cores = 1, .socket = 1, .logical = 1}, 1), 16, 1e-9)
      << "one CPU is all there is";
  figures = work_alone(16);
  figures.second_socket_factor = 5;
  const ThreadLayout sockets{.fast = 8, .cores = 8, .socket = 4, .logical = 8};
  EXPECT_NEAR(seconds(figures, sockets, 4), 4, 1e-9);
  EXPECT_NEAR(seconds(figures, sockets, 5), 5 * 16 / 5.0, 1e-9);
  EXPECT_NEAR(seconds(figures, kPlain, 8), 2, 1e-9);
}

TEST(CurveFigures, AreTheCoordinatesWithoutTheirLogarithms) {
  CurveVector x = CurveVector::Zero();
  x[kWork] = std::log(16.0);
  x[kSaturation] = std::log(0.5);
  x[kSharpness] = std::log(4.0);
  x[kDispatch] = std::log(0.1);
  x[kSharedCores] = std::log(std::log(1.25));
  x[kAllCpus] = std::log(std::log(1.5));
  x[kSecondSocket] = std::log(1.75);
  const CurveFigures figures = curve_figures(x, kShared);
  EXPECT_NEAR(figures.work_seconds, 16, 1e-9);
  EXPECT_NEAR(figures.ceiling_seconds, 16 / (1 + 8 * 0.5), 1e-9);
  EXPECT_NEAR(figures.sharpness, 4, 1e-9);
  EXPECT_NEAR(figures.cliff, (0.3 + 1.15) / 2, 1e-9);  // a logit of nothing is the middle
  EXPECT_NEAR(figures.recovery, 0.5, 1e-9);
  EXPECT_NEAR(figures.slow_cliff, (0.3 + 1.15) / 2, 1e-9);
  EXPECT_NEAR(figures.slow_recovery, 0.5, 1e-9);
  EXPECT_NEAR(figures.shared_cores_factor, 1.25, 1e-9);
  EXPECT_NEAR(figures.all_cpus_factor, 1.5, 1e-9);
  EXPECT_NEAR(figures.second_socket_factor, 1.75, 1e-9);
  // A tenth of the other time at all cores, shared by the threads past the first.
  const double at_cores = 3.2 * std::pow(1 + std::pow(2 / 3.2, 4), 0.25);
  EXPECT_NEAR(figures.dispatch_seconds, 0.1 * at_cores / 7, 1e-9);
  // Cores of their own lose exp(-2) of that by the last.
  EXPECT_NEAR(std::log(curve_figures(x, kPlain).all_cpus_factor), std::log(1.5) * std::exp(-2),
              1e-9);
}

TEST(CurveFigures, DispatchGrowsPastSixteenCoresByItsPower) {
  const auto share = [](double cores) {
    const ThreadLayout layout{.fast = cores, .cores = cores, .socket = cores, .logical = cores};
    CurveVector x = CurveVector::Zero();
    x[kSaturation] = 40;  // no ceiling
    return curve_figures(x, layout).dispatch_seconds * (cores - 1) * cores;
  };
  EXPECT_NEAR(share(4), share(16), 1e-9);
  EXPECT_NEAR(share(64) / share(16), std::pow(4, 0.7), 1e-9);
}

TEST(CurveMask, ParametersWithoutAnEdgeAreOfNoUse) {
  EXPECT_EQ(curve_mask(kPlain),
            (CurveMask{true, true, true, true, false, false, false, false, false, true, false}));
  EXPECT_EQ(curve_mask(kShared),
            (CurveMask{true, true, true, true, true, true, false, false, true, true, false}));
  EXPECT_EQ(curve_mask({.fast = 4, .cores = 8, .socket = 4, .logical = 8}),
            (CurveMask{true, true, true, true, false, false, true, true, false, true, true}));
  EXPECT_FALSE(curve_mask({.fast = 1, .cores = 1, .socket = 1, .logical = 1})[kAllCpus]);
}

}  // namespace
}  // namespace mb
