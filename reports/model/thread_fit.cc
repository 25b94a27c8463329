// Levenberg-Marquardt on the curve's coordinates. Residuals are log errors, Huber-weighted, followed
// by one row a parameter for its prior. Several starts, with and without a visible ceiling, keep the
// most likely curve out of poorer minima; draws start from it.
#include "reports/model/thread_fit.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace mb {
namespace {

using Matrix = Eigen::Matrix<double, kCurveParameters, kCurveParameters>;

double tune(const char* name, double value) {
  const char* text = std::getenv(name);
  return text ? std::atof(text) : value;
}
// Runs of real engines repeat within a few per cent.
double kNoise = tune("T_NOISE", 0.012);
// What a curve of this form misses of real sweeps, alike for counts within a factor exp(kReach).
double kMisfit = tune("T_MISFIT", 0.03);
double kReach = tune("T_REACH", 0.7);
double kDegrees = tune("T_NU", 6), kEdge = tune("T_EDGE", 0.4), kSmtMisfit = tune("T_SMT", 2);
double kHuber = tune("T_HUBER", 0.1);  // log error beyond which a point is an outlier, not noise

struct Problem {
  const std::vector<ThreadPoint>& points;
  const ThreadLayout& layout;
  CurveMask mask;
  CurvePrior prior;
  std::vector<double> log_rates;

  double point_noise() const { return std::hypot(kNoise, kMisfit); }
  Eigen::Index rows() const {
    return static_cast<Eigen::Index>(points.size()) + kCurveParameters;
  }

  // Residuals in units of their noise, priors last. Outliers count less.
  Eigen::VectorXd residuals(const CurveVector& x) const {
    Eigen::VectorXd r(rows());
    const CurveFigures figures = curve_figures(x, layout);
    for (std::size_t i = 0; i < points.size(); ++i) {
      const double error =
          -std::log(curve_terms(figures, layout, points[i].threads).total) - log_rates[i];
      const double size = std::abs(error);
      const double weight = size > kHuber
                                ? std::sqrt(2 * kHuber / size - kHuber * kHuber / (size * size))
                                : 1;
      r[static_cast<Eigen::Index>(i)] = weight * error / point_noise();
    }
    r.tail<kCurveParameters>() = (x - prior.mean).cwiseQuotient(prior.deviation);
    return r;
  }

  Eigen::MatrixXd jacobian(const CurveVector& x, const Eigen::VectorXd& at) const {
    constexpr double kStep = 1e-6;
    Eigen::MatrixXd j = Eigen::MatrixXd::Zero(rows(), kCurveParameters);
    for (int k = 0; k < kCurveParameters; ++k) {
      if (mask[static_cast<std::size_t>(k)]) {
        j.col(k) = (residuals(x + kStep * CurveVector::Unit(k)) - at) / kStep;
      } else {
        j(rows() - kCurveParameters + k, k) = 1 / prior.deviation[k];
      }
    }
    return j;
  }
};

struct Minimum {
  CurveVector x;
  double cost;
};

Minimum minimise(const Problem& problem, CurveVector x) {
  constexpr int kMostIterations = 60;
  double damping = 1e-2;
  Eigen::VectorXd r = problem.residuals(x);
  double cost = r.squaredNorm();
  for (int i = 0; i < kMostIterations; ++i) {
    const Eigen::MatrixXd j = problem.jacobian(x, r);
    const Matrix normal = j.transpose() * j;
    const CurveVector gradient = j.transpose() * r;
    bool better = false, settled = false;
    for (; damping < 1e12 && !better; damping *= better ? 0.1 : 10) {
      Matrix damped = normal;
      damped.diagonal() *= 1 + damping;
      const CurveVector step = -damped.ldlt().solve(gradient);
      const Eigen::VectorXd next = problem.residuals(x + step);
      const double next_cost = next.squaredNorm();
      if (!(next_cost < cost)) continue;  // also when not a number
      better = true;
      settled = cost - next_cost < 1e-6 * (1 + cost);
      x += step;
      r = next;
      cost = next_cost;
    }
    damping = std::max(damping, 1e-9);
    if (!better || settled) break;
  }
  return {x, cost};
}

Minimum most_likely(const Problem& problem) {
  Minimum best{problem.prior.mean, std::numeric_limits<double>::infinity()};
  for (const double saturation : {0.0, -1.5, 1.5}) {
    CurveVector start = problem.prior.mean;
    start[kSaturation] += saturation;
    const Minimum found = minimise(problem, start);
    if (found.cost < best.cost) best = found;
  }
  return best;
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
  const Minimum best = most_likely(problem);
  fit.x = best.x;
  fit.scale = std::sqrt((kDegrees + best.cost) / (kDegrees + static_cast<double>(points.size()) - 1));
  double squares = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double error = log_throughput(fit.x, layout, points[i].threads) - problem.log_rates[i];
    squares += error * error;
  }
  fit.rms_log_error = std::sqrt(squares / static_cast<double>(points.size()));

  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  Problem shaken = problem;
  for (int draw = 0; draw < draws; ++draw) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      shaken.log_rates[i] = problem.log_rates[i] + fit.scale * problem.point_noise() * normal(random);
    }
    for (int k = 0; k < kCurveParameters; ++k) {
      shaken.prior.mean[k] = problem.prior.mean[k] + problem.prior.deviation[k] * normal(random);
    }
    fit.draws.push_back(minimise(shaken, fit.x).x);
  }
  return fit;
}

std::vector<CountPrediction> predict_counts(const CurveFit& fit,
                                            const std::vector<ThreadPoint>& points,
                                            const ThreadLayout& layout,
                                            const std::vector<int>& counts) {
  const auto size = static_cast<Eigen::Index>(points.size());
  const auto region = [&](double t) {
    return (t > layout.fast) + (t > layout.cores) + (t >= layout.logical && layout.logical > layout.cores) +
           (t > layout.socket && layout.socket < layout.cores);
  };
  const auto amplitude = [&](double t) {
    return fit.scale * kMisfit * (t > layout.cores ? kSmtMisfit : 1);
  };
  const auto alike = [&](double a, double b) {
    return amplitude(a) * amplitude(b) * std::exp(-std::abs(std::log(a / b)) / kReach) *
           std::pow(kEdge, std::abs(region(a) - region(b)));
  };
  const double noise = fit.scale * kNoise;
  Eigen::MatrixXd covariance(size, size);
  for (Eigen::Index i = 0; i < size; ++i) {
    for (Eigen::Index j = 0; j < size; ++j) {
      covariance(i, j) = alike(points[static_cast<std::size_t>(i)].threads,
                               points[static_cast<std::size_t>(j)].threads) +
                         (i == j ? noise * noise : 0);
    }
  }
  const Eigen::LDLT<Eigen::MatrixXd> solver(covariance);
  const auto count_draws = static_cast<Eigen::Index>(fit.draws.size());
  Eigen::MatrixXd weighted(size, count_draws);  // covariance^-1 * residuals
  std::vector<CurveFigures> figures;
  for (Eigen::Index d = 0; d < count_draws; ++d) {
    figures.push_back(curve_figures(fit.draws[static_cast<std::size_t>(d)], layout));
    for (Eigen::Index i = 0; i < size; ++i) {
      const ThreadPoint& point = points[static_cast<std::size_t>(i)];
      weighted(i, d) = std::log(point.tokens_per_second) +
                       std::log(curve_terms(figures.back(), layout, point.threads).total);
    }
  }
  weighted = solver.solve(weighted).eval();

  std::vector<CountPrediction> predicted;
  for (const int threads : counts) {
    CountPrediction out{.threads = threads, .log_rate = 0, .deviation = 0, .log_draws = {}};
    Eigen::VectorXd near(size);
    for (Eigen::Index i = 0; i < size; ++i) {
      near[i] = alike(threads, points[static_cast<std::size_t>(i)].threads);
    }
    double sum = 0, squares = 0;
    for (Eigen::Index d = 0; d < count_draws; ++d) {
      const double curve =
          -std::log(curve_terms(figures[static_cast<std::size_t>(d)], layout, threads).total) +
          near.dot(weighted.col(d));
      out.log_draws.push_back(curve);
      sum += curve;
      squares += curve * curve;
    }
    const auto n = static_cast<double>(count_draws);
    out.log_rate = sum / n;
    const double open = std::max(0.0, alike(threads, threads) - near.dot(solver.solve(near)));
    out.deviation =
        std::sqrt(std::max(0.0, squares / n - out.log_rate * out.log_rate) + open + noise * noise);
    predicted.push_back(std::move(out));
  }
  return predicted;
}

}  // namespace mb
