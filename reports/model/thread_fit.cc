// Least squares on the curve's coordinates. Residuals are log errors, Huber-weighted,
// followed by one row a parameter for its prior. Several starts, with and without a visible
// ceiling, keep the most likely curve out of poorer minima; draws start from it.
#include "reports/model/thread_fit.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "reports/model/least_squares.h"

namespace mb {
namespace {

// Chosen, with the interval below, by leaving out whole machines of the published sweeps.
constexpr double kThreadNoise = 0.012;  // runs of real engines repeat within a per cent or two
constexpr double kMisfit = 0.035;       // what a curve of this form misses of real sweeps,
constexpr double kReach = 0.5;          // alike for counts within a factor of exp(kReach),
constexpr double kAcross = 0.4;         // less alike across an edge of the machine,
constexpr double kSmtMisfit = 2;        // and this many times larger where cores are shared
// The noise that a series' own misfit suggests, against what is usual, counts as that of so many
// points.
constexpr double kUsualPoints = 6;
constexpr int kScaleRounds = 3;
constexpr double kHuberLogError = 0.1;  // log error beyond which a point is an outlier, not noise
// The interval holds nine measurements in ten, most of the rest below it: its low end is what
// advice leans on, and a high end seldom passed costs nothing.
constexpr double kBelow = 0.095, kAbove = 0.005;
// A count that nobody measured is advised for what the engine does there, not for what a run may
// show: the noise of a run speaks for no other count. Odds from three to one to six to one
// advise alike on the published sweeps (DECISIONS 99).
constexpr double kLikelyBelow = 0.2;

struct Problem {
  const std::vector<ThreadPoint>& points;
  const ThreadLayout& layout;
  CurveMask mask;
  CurvePrior prior;
  std::vector<double> log_rates;
  double scale = 1;  // of the noise, against what is usual

  double point_noise() const { return scale * std::hypot(kThreadNoise, kMisfit); }
  Eigen::Index rows() const { return static_cast<Eigen::Index>(points.size()) + kCurveParameters; }

  // Residuals in units of their noise, priors last. Outliers count less.
  Eigen::VectorXd residuals(const CurveVector& x) const {
    Eigen::VectorXd r(rows());
    const CurveFigures figures = curve_figures(x, layout);
    for (std::size_t i = 0; i < points.size(); ++i) {
      const double error =
          -std::log(curve_terms(figures, layout, points[i].threads).total) - log_rates[i];
      const double size = std::abs(error);
      const double weight = size > kHuberLogError
                                ? std::sqrt(2 * kHuberLogError / size -
                                            kHuberLogError * kHuberLogError / (size * size))
                                : 1;
      r[static_cast<Eigen::Index>(i)] = weight * error / point_noise();
    }
    r.tail<kCurveParameters>() = (x - prior.mean).cwiseQuotient(prior.deviation);
    return r;
  }
};

Minimum<kCurveParameters> minimise(const Problem& problem, const CurveVector& x) {
  return least_squares<kCurveParameters>(
      [&](const CurveVector& at) { return problem.residuals(at); }, x, problem.mask);
}

Minimum<kCurveParameters> most_likely(const Problem& problem) {
  Minimum<kCurveParameters> best{problem.prior.mean, std::numeric_limits<double>::infinity()};
  for (const double saturation : {0.0, -1.5, 1.5}) {
    CurveVector start = problem.prior.mean;
    start[kSaturation] += saturation;
    const auto found = minimise(problem, start);
    if (found.cost < best.cost) best = found;
  }
  return best;
}

// Squared residuals at the usual noise; one that no noise explains counts as a large one, no more.
double bounded_cost(const Problem& problem, const CurveVector& x) {
  constexpr double kLarge = 3;
  return problem.residuals(x)
      .unaryExpr(
          [&](double r) { return std::pow(std::min(std::abs(r) * problem.scale, kLarge), 2); })
      .sum();
}

// Centres the scale's prior on the points: what one thread needs were the curve otherwise typical.
void centre_scale(Problem& problem) {
  double shift = 0;
  problem.prior.mean[kWork] = 0;
  for (std::size_t i = 0; i < problem.points.size(); ++i) {
    shift += log_throughput(problem.prior.mean, problem.layout, problem.points[i].threads) -
             problem.log_rates[i];
  }
  problem.prior.mean[kWork] = shift / static_cast<double>(problem.points.size());
}

}  // namespace

CurveFit fit_curve(const std::vector<ThreadPoint>& points, const ThreadLayout& layout,
                   const CurvePrior& prior, int draws) {
  Problem problem{points, layout, curve_mask(layout), prior, {}};
  for (const ThreadPoint& point : points) {
    problem.log_rates.push_back(std::log(point.tokens_per_second));
  }
  centre_scale(problem);
  CurveFit fit;
  auto best = most_likely(problem);
  for (int round = 0; round < kScaleRounds; ++round) {
    // What this series' own misfit says of its noise; with the new noise the curve moves a little.
    const double cost = bounded_cost(problem, best.x);
    problem.scale =
        std::sqrt((kUsualPoints + cost) / (kUsualPoints + static_cast<double>(points.size()) - 1));
    best = minimise(problem, best.x);
  }
  fit.x = best.x;
  fit.scale = problem.scale;
  double squares = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double error = log_throughput(fit.x, layout, points[i].threads) - problem.log_rates[i];
    fit.log_errors.push_back(error);
    squares += error * error;
  }
  fit.rms_log_error = std::sqrt(squares / static_cast<double>(points.size()));

  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  Problem shaken = problem;
  for (int draw = 0; draw < draws; ++draw) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      shaken.log_rates[i] = problem.log_rates[i] + problem.point_noise() * normal(random);
    }
    for (int k = 0; k < kCurveParameters; ++k) {
      shaken.prior.mean[k] = problem.prior.mean[k] + problem.prior.deviation[k] * normal(random);
    }
    fit.draws.push_back(minimise(shaken, fit.x).x);
  }
  return fit;
}

namespace {

// How residuals of two counts go together: the covariance of what the curve misses.
struct Misfit {
  const ThreadLayout& layout;
  double scale;

  int region(double threads) const {
    return (layout.fast < layout.cores && threads > layout.fast) +
           (layout.socket < layout.cores && threads > layout.socket) + (threads > layout.cores) +
           (layout.logical > layout.cores && threads >= layout.logical);
  }
  double amplitude(double threads) const {
    return scale * kMisfit * (threads > layout.cores ? kSmtMisfit : 1);
  }
  double covariance(double a, double b) const {
    return amplitude(a) * amplitude(b) * std::exp(-std::abs(std::log(a / b)) / kReach) *
           std::pow(kAcross, std::abs(region(a) - region(b)));
  }
};

// Normal deviates at even quantiles in an order that has nothing to do with the draws'.
std::vector<double> spread_deviates(std::size_t count) {
  std::mt19937 random(2);
  std::normal_distribution<double> normal;
  std::vector<double> deviates(count);
  for (double& deviate : deviates) deviate = normal(random);
  return deviates;
}

double quantile(std::vector<double>& values, double share) {
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

}  // namespace

std::vector<CountPrediction> predict_counts(const CurveFit& fit,
                                            const std::vector<ThreadPoint>& points,
                                            const ThreadLayout& layout,
                                            const std::vector<int>& counts) {
  constexpr std::size_t kDeviates = 8;  // measurements imagined a draw
  const auto size = static_cast<Eigen::Index>(points.size());
  const auto threads_at = [&](Eigen::Index i) {
    return static_cast<double>(points[static_cast<std::size_t>(i)].threads);
  };
  const Misfit misfit{layout, fit.scale};
  const double noise = fit.scale * kThreadNoise;
  Eigen::MatrixXd covariance(size, size);
  for (Eigen::Index i = 0; i < size; ++i) {
    for (Eigen::Index j = 0; j < size; ++j) {
      covariance(i, j) = misfit.covariance(threads_at(i), threads_at(j));
    }
    // An outlier says nothing about its neighbours.
    const double error = std::abs(fit.log_errors[static_cast<std::size_t>(i)]);
    covariance(i, i) += std::pow(error > kHuberLogError ? error : noise, 2);
  }
  const Eigen::LDLT<Eigen::MatrixXd> solver(covariance);

  Eigen::MatrixXd residuals(size, static_cast<Eigen::Index>(fit.draws.size()));
  std::vector<CurveFigures> figures;
  for (Eigen::Index d = 0; d < residuals.cols(); ++d) {
    figures.push_back(curve_figures(fit.draws[static_cast<std::size_t>(d)], layout));
    for (Eigen::Index i = 0; i < size; ++i) {
      residuals(i, d) = std::log(points[static_cast<std::size_t>(i)].tokens_per_second) +
                        std::log(curve_terms(figures.back(), layout, threads_at(i)).total);
    }
  }
  const Eigen::MatrixXd weighted = solver.solve(residuals);
  const std::vector<double> deviates = spread_deviates(kDeviates * fit.draws.size());

  std::vector<CountPrediction> predicted;
  for (const int threads : counts) {
    CountPrediction out{.threads = threads};
    Eigen::VectorXd near(size);
    for (Eigen::Index i = 0; i < size; ++i) near[i] = misfit.covariance(threads, threads_at(i));
    const double open = misfit.covariance(threads, threads) - near.dot(solver.solve(near));
    const double own = std::sqrt(std::max(0.0, open)), deviation = std::hypot(own, noise);
    const Eigen::VectorXd shift = weighted.transpose() * near;
    std::vector<double> rates, measurements;
    for (std::size_t d = 0; d < figures.size(); ++d) {
      out.log_draws.push_back(-std::log(curve_terms(figures[d], layout, threads).total) +
                              shift[static_cast<Eigen::Index>(d)]);
      for (std::size_t k = 0; k < kDeviates; ++k) {
        const double deviate = deviates[d * kDeviates + k];
        rates.push_back(out.log_draws.back() + own * deviate);
        measurements.push_back(out.log_draws.back() + deviation * deviate);
      }
    }
    std::vector<double> sorted = out.log_draws;
    out.log_rate = quantile(sorted, 0.5);
    out.log_low = std::min(out.log_rate, quantile(measurements, kBelow));
    out.log_high = std::max(out.log_rate, quantile(measurements, 1 - kAbove));
    out.log_likely = std::min(out.log_rate, quantile(rates, kLikelyBelow));
    predicted.push_back(std::move(out));
  }
  return predicted;
}

}  // namespace mb
