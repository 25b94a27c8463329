// Levenberg-Marquardt on five transformed parameters: logarithms for times (positive), a logistic
// for cliff and recovery (bounded). Residuals are log errors, Huber-weighted, followed by one row a
// parameter for its prior. Two starts, with and without a visible ceiling, keep it out of the
// poorer minimum.
#include "reports/model/fit.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>

namespace mb {
namespace {

constexpr int kParameters = 5;
using Vector = Eigen::Matrix<double, kParameters, 1>;
using Matrix = Eigen::Matrix<double, kParameters, kParameters>;
enum Index { kWork, kCeiling, kDispatch, kCliff, kRecovery };

constexpr int kLeastCounts = 3;
constexpr int kMostPredicted = 4096;  // counts; no machine has more CPUs, damaged files do
constexpr double kNinetyPercent = 1.645;
// Half an interval, in logs: a factor of a thousand either way says "not known" well enough, and
// keeps damaged data from overflowing.
constexpr double kWidest = 7;
// Runs of real engines repeat within a few per cent (the published tables print two or three
// digits and seldom repeat): what a residual is worth, and the least error a prediction claims.
constexpr double kNoise = 0.015;
constexpr double kHuber = 0.1;  // log error beyond which a point is an outlier, not noise
// Sharpness of the change from one regime to the other: of 2, 3, 4, 6 and 8 the one with the least
// error on the published sweeps, seen and unseen points alike.
constexpr double kSharpness = 2;
// SMT and slow cores: throughput right past the edge against that at the edge, and its further gain
// for a full second round. Published sweeps lie within.
constexpr double kCliffLow = 0.3, kCliffHigh = 1.1, kRecoveryLow = 0, kRecoveryHigh = 1;

struct Measured {
  int threads;
  double tokens_per_second;
};

double logistic(double x) { return 1 / (1 + std::exp(-x)); }
double inverse_logistic(double y) { return std::log(y / (1 - y)); }

struct Physical {
  double work, ceiling, dispatch, cliff, recovery;
};

Physical physical(const Vector& x) {
  return {.work = std::exp(x[kWork]),
          .ceiling = std::exp(x[kCeiling]),
          .dispatch = std::exp(x[kDispatch]),
          .cliff = kCliffLow + (kCliffHigh - kCliffLow) * logistic(x[kCliff]),
          .recovery = kRecoveryLow + (kRecoveryHigh - kRecoveryLow) * logistic(x[kRecovery])};
}

double effective_threads(const Physical& p, double threads, double edge) {
  if (threads <= edge) return threads;
  return edge * (p.cliff + p.recovery * (threads - edge) / edge);
}

double log_throughput(const Vector& x, double threads, double edge) {
  const Physical p = physical(x);
  const double work = p.work / effective_threads(p, threads, edge);
  const double larger = std::max(work, p.ceiling), smaller = std::min(work, p.ceiling);
  const double bound =
      larger * std::pow(1 + std::pow(smaller / larger, kSharpness), 1 / kSharpness);
  return -std::log(bound + p.dispatch * (threads - 1));
}

struct Prior {
  Vector mean, deviation;
};

// Wide and centred on what the points themselves suggest: a decade and more of times, all of the
// bounds of cliff and recovery.
Prior make_prior(const std::vector<Measured>& points, double edge) {
  const Measured& first = points.front();
  const double alone = std::log(std::min<double>(first.threads, edge) / first.tokens_per_second);
  double best = 0;
  for (const Measured& point : points) best = std::max(best, point.tokens_per_second);
  Prior prior;
  prior.mean << alone, std::log(0.7 / best), std::log(0.002 / best), inverse_logistic(0.55),
      inverse_logistic(0.35);
  prior.deviation << 3, 1.5, 2.5, 1, 1;
  return prior;
}

struct Problem {
  const std::vector<Measured>& points;
  double edge;
  Prior prior;

  // Residuals in units of their noise, priors last. `weighted`: outliers count less.
  Eigen::VectorXd residuals(const Vector& x, bool weighted) const {
    const auto count = static_cast<Eigen::Index>(points.size());
    Eigen::VectorXd r(count + kParameters);
    for (Eigen::Index i = 0; i < count; ++i) {
      const Measured& point = points[static_cast<std::size_t>(i)];
      const double error =
          log_throughput(x, point.threads, edge) - std::log(point.tokens_per_second);
      const double size = std::abs(error);
      const double weight = weighted && size > kHuber
                                ? std::sqrt(2 * kHuber / size - kHuber * kHuber / (size * size))
                                : 1;
      r[i] = weight * error / kNoise;
    }
    r.tail<kParameters>() = (x - prior.mean).cwiseQuotient(prior.deviation);
    return r;
  }

  Eigen::MatrixXd jacobian(const Vector& x) const {
    constexpr double kStep = 1e-5;
    Eigen::MatrixXd j(static_cast<Eigen::Index>(points.size()) + kParameters, kParameters);
    for (int k = 0; k < kParameters; ++k) {
      const Vector step = kStep * Vector::Unit(k);
      j.col(k) = (residuals(x + step, true) - residuals(x - step, true)) / (2 * kStep);
    }
    return j;
  }
};

Vector minimise(const Problem& problem, Vector x) {
  constexpr int kMostIterations = 200;
  double damping = 1e-2;
  double cost = problem.residuals(x, true).squaredNorm();
  for (int i = 0; i < kMostIterations && damping < 1e12; ++i) {
    const Eigen::MatrixXd j = problem.jacobian(x);
    Matrix normal = j.transpose() * j;
    normal.diagonal() *= 1 + damping;
    const Vector step = normal.ldlt().solve(-j.transpose() * problem.residuals(x, true));
    const double next = problem.residuals(x + step, true).squaredNorm();
    if (!(next < cost)) {  // also when not a number
      damping *= 10;
      continue;
    }
    const bool settled = cost - next < 1e-10 * cost;
    x += step;
    cost = next;
    damping = std::max(damping / 10, 1e-9);
    if (settled) break;
  }
  return x;
}

Vector fit(const Problem& problem) {
  Vector with_ceiling = problem.prior.mean, without = problem.prior.mean;
  without[kCeiling] -= 2;
  const Vector a = minimise(problem, with_ceiling), b = minimise(problem, without);
  return problem.residuals(a, true).squaredNorm() <= problem.residuals(b, true).squaredNorm() ? a
                                                                                              : b;
}

// One value a count, in order; the geometric mean of repeated counts. Rates that no engine reaches
// are damage, and would overflow below.
std::vector<Measured> usable_points(const SweepSeries& series, const FitOptions& options) {
  constexpr double kLeastRate = 1e-6, kMostRate = 1e9;
  std::map<int, std::vector<double>> rates;
  for (const SweepPoint& point : series.points) {
    const double rate = point.tokens_per_second.value_or(0);
    const int threads = point.threads.value_or(0);
    const bool wanted = options.points.empty() ||
                        std::ranges::find(options.points, threads) != options.points.end();
    if (point.status == "valid" && threads >= 1 && rate >= kLeastRate && rate <= kMostRate &&
        wanted) {
      rates[threads].push_back(rate);
    }
  }
  std::vector<Measured> points;
  for (const auto& [threads, same] : rates) {
    double logs = 0;
    for (const double rate : same) logs += std::log(rate);
    points.push_back({threads, same.size() == 1
                                   ? same.front()
                                   : std::exp(logs / static_cast<double>(same.size()))});
  }
  return points;
}

struct Counts {
  int edge, logical;
};

// The edge after which a thread brings less: the end of the performance cores of a hybrid, else of
// the physical cores. What the file does not say is taken from the counts.
Counts machine_counts(const SweepMachine& machine, const std::vector<Measured>& points) {
  const int most = points.back().threads;
  const int physical = std::max(1, machine.physical_cores.value_or(most));
  const int fast = machine.performance_cores.value_or(physical);
  const int logical = machine.logical_cpus.value_or(std::max(physical, most));
  return {.edge = fast >= 1 && fast < physical ? fast : physical,
          .logical = std::clamp(logical, 1, kMostPredicted)};
}

// More threads than CPUs take turns on them, which this model does not describe and nobody should
// be advised: such points are left out, unless there are no others.
void leave_out_oversubscribed(std::vector<Measured>& points, int logical, SeriesFit& out) {
  const auto above = [&](const Measured& point) { return point.threads > logical; };
  if (std::ranges::all_of(points, above)) return;
  if (const auto count = std::erase_if(points, above); count > 0) {
    out.reasons.push_back(
        fmt::format("{} points above the {} logical CPUs left out", count, logical));
  }
}

FitParameter make_parameter(const char* name, const char* unit, int index, const Vector& x,
                            double deviation) {
  const auto value = [&](double shift) {
    const Physical p = physical(x + shift * Vector::Unit(index));
    return std::array{p.work, p.ceiling, p.dispatch, p.cliff,
                      p.recovery}[static_cast<std::size_t>(index)];
  };
  const double reach = std::min(kWidest, kNinetyPercent * deviation);
  return {name, unit, value(0), value(-reach), value(reach)};
}

void add_predictions(SeriesFit& out, const Problem& problem, const Vector& x,
                     const Matrix& covariance, int logical) {
  std::vector<int> counts;
  for (int threads = 1; threads <= logical; ++threads) counts.push_back(threads);
  for (const Measured& point : problem.points) {
    if (point.threads > logical) counts.push_back(point.threads);
  }
  const double spread = std::max(out.rms_log_error, kNoise);
  for (const int threads : counts) {
    Vector gradient;
    for (int k = 0; k < kParameters; ++k) {
      const Vector step = 1e-5 * Vector::Unit(k);
      gradient[k] = (log_throughput(x + step, threads, problem.edge) -
                     log_throughput(x - step, threads, problem.edge)) /
                    2e-5;
    }
    const double variance = std::max(0.0, gradient.dot(covariance * gradient));
    const double reach = std::min(kWidest, kNinetyPercent * std::sqrt(variance + spread * spread));
    const double log_rate = log_throughput(x, threads, problem.edge);
    FitPrediction prediction{.threads = threads,
                             .tokens_per_second = std::exp(log_rate),
                             .low = std::exp(log_rate - reach),
                             .high = std::exp(log_rate + reach),
                             .measured_tokens_per_second = {}};
    const auto known = std::ranges::find(problem.points, threads, &Measured::threads);
    if (known != problem.points.end()) {
      prediction.measured_tokens_per_second = known->tokens_per_second;
    }
    out.predicted.push_back(prediction);
  }
}

void fit_parameters(SeriesFit& out, const std::vector<Measured>& points, const Counts& counts) {
  const double edge = counts.edge;
  const Problem problem{points, edge, make_prior(points, edge)};
  const Vector x = fit(problem);
  double squares = 0;
  for (const Measured& point : points) {
    const double error = log_throughput(x, point.threads, edge) - std::log(point.tokens_per_second);
    squares += error * error;
  }
  out.rms_log_error = std::sqrt(squares / static_cast<double>(points.size()));
  // Where the points scatter more than the noise assumed, so do the parameters.
  const double scale = std::max(1.0, out.rms_log_error / kNoise);
  const Eigen::MatrixXd j = problem.jacobian(x);
  const Matrix covariance = Matrix(j.transpose() * j).inverse() * scale * scale;

  const auto add = [&](const char* name, const char* unit, int index) {
    out.parameters.push_back(
        make_parameter(name, unit, index, x, std::sqrt(std::max(0.0, covariance(index, index)))));
  };
  add("work_seconds_per_token", "s", kWork);
  add("ceiling_seconds_per_token", "s", kCeiling);
  add("dispatch_seconds_per_thread", "s", kDispatch);
  add("core_edge_cliff", "1", kCliff);
  add("core_edge_recovery", "1", kRecovery);
  const Physical p = physical(x);
  out.edges["core_edge_threads"] = edge;
  if (const double saturation = p.work / p.ceiling; saturation <= edge) {
    out.edges["saturation_threads"] = saturation;
  }
  add_predictions(out, problem, x, covariance, counts.logical);
}

void recommend(SeriesFit& out, const std::vector<Measured>& points, double tolerance) {
  const double best = std::ranges::max(points, {}, &Measured::tokens_per_second).tokens_per_second;
  for (const Measured& point : points) {
    if (point.tokens_per_second >= (1 - tolerance) * best) {
      out.recommended_threads = point.threads;
      out.reasons.push_back(
          fmt::format("{} threads: {:.4g} tokens/s measured, best measured {:.4g}", point.threads,
                      point.tokens_per_second, best));
      break;
    }
  }
  const FitPrediction* surer = nullptr;
  for (const FitPrediction& prediction : out.predicted) {
    const bool better = !prediction.measured_tokens_per_second && prediction.low > best;
    if (better &&
        (!surer || prediction.tokens_per_second * (1 - tolerance) > surer->tokens_per_second)) {
      surer = &prediction;
    }
  }
  if (surer) {
    out.recommended_threads = surer->threads;
    out.reasons.push_back(fmt::format(
        "{} threads were not measured, but even the low end of the prediction ({:.4g} tokens/s) "
        "exceeds the best measured",
        surer->threads, surer->low));
  }
}

void judge(SeriesFit& out, const std::vector<Measured>& points, const Counts& counts) {
  // Of the published sweeps' fits four in five stay below the first, all but a few below the
  // second.
  constexpr double kGood = 0.03, kPoor = 0.08;
  int faults = 0;
  const auto fault = [&](int weight, std::string reason) {
    faults += weight;
    out.reasons.push_back(std::move(reason));
  };
  if (out.predicted.empty()) {
    fault(2,
          fmt::format("{} usable thread counts, {} needed for a fit", points.size(), kLeastCounts));
  } else if (points.size() <= kParameters) {
    fault(1, fmt::format("{} points for {} parameters: priors fill the gaps", points.size(),
                         kParameters));
  }
  if (out.rms_log_error > kPoor) {
    fault(2, fmt::format("the fit misses the points by {:.1f} % rms", 100 * out.rms_log_error));
  } else if (out.rms_log_error > kGood) {
    fault(1, fmt::format("the fit misses the points by {:.1f} % rms", 100 * out.rms_log_error));
  }
  const int most = points.back().threads;
  if (out.recommended_threads == most && most < counts.logical) {
    fault(1, fmt::format("the most threads tried ({}) are fewer than the logical CPUs ({})", most,
                         counts.logical));
  }
  out.confidence = faults == 0 ? "high" : faults == 1 ? "medium" : "low";
}

SeriesFit fit_series(const Sweep& sweep, const SweepSeries& series, const FitOptions& options) {
  SeriesFit out;
  out.phase = series.phase;
  out.label = series.label;
  out.prompt_tokens = series.prompt_tokens;
  out.context_tokens = series.context_tokens;
  std::vector<Measured> points = usable_points(series, options);
  if (points.empty()) {
    out.reasons.push_back("no valid point with a thread count and a throughput");
    return out;
  }
  const Counts counts = machine_counts(sweep.machine, points);
  leave_out_oversubscribed(points, counts.logical, out);
  if (points.size() >= kLeastCounts) fit_parameters(out, points, counts);
  recommend(out, points, options.tolerance);
  judge(out, points, counts);
  return out;
}

}  // namespace

std::vector<SeriesFit> fit_sweep(const Sweep& sweep, const FitOptions& options) {
  std::vector<SeriesFit> fits;
  for (const SweepSeries& series : sweep.series) {
    fits.push_back(fit_series(sweep, series, options));
  }
  return fits;
}

}  // namespace mb
