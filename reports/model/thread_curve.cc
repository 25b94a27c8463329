// Plain arithmetic; see the header for the form.
#include "reports/model/thread_curve.h"

#include <algorithm>
#include <cmath>

namespace mb {
namespace {

// Throughput right past an edge against that at the edge, and its further gain for a full second
// round of threads. The published sweeps lie within.
constexpr double kCliffLow = 0.3, kCliffHigh = 1.15, kRecoveryLow = 0, kRecoveryHigh = 1;
// Using every CPU costs less where each is a core of its own: in the published sweeps nothing to
// speak of, against up to a third with hardware threads (5800H, 12700H), whose cores are shared
// with whatever else runs.
constexpr double kAllCpusAlone = -2;
// Dispatch grows with the threads while the work that each has shrinks, so its share at P rises
// with P. Were dispatch linear in threads and throughput too, the power were 2; the published
// sweeps hold only three machines beyond 32 cores, which do with less.
constexpr double kDispatchGrowth = 0.7, kDispatchFrom = 16;
constexpr double kLargest = 30;  // of an exponent: keeps damaged data finite

double logistic(double x, double low, double high) {
  return low + (high - low) / (1 + std::exp(-x));
}

double exponential(double x) { return std::exp(std::clamp(x, -kLargest, kLargest)); }

double smooth_max(double a, double b, double power) {
  const double larger = std::max(a, b), smaller = std::min(a, b);
  return larger * std::pow(1 + std::pow(smaller / larger, power), 1 / power);
}

double effective_threads(const CurveFigures& figures, const ThreadLayout& layout, double threads) {
  const auto past = [](double edge, double count, double cliff, double recovery) {
    return cliff + recovery * (count - edge) / edge;
  };
  const double on_cores = std::min(threads, layout.cores);
  double effective = on_cores;
  if (on_cores > layout.fast) {
    effective =
        layout.fast * past(layout.fast, on_cores, figures.slow_cliff, figures.slow_recovery);
  }
  if (threads > layout.cores) {
    effective *= past(layout.cores, threads, figures.cliff, figures.recovery);
  }
  return effective;
}

}  // namespace

CurveMask curve_mask(const ThreadLayout& layout) {
  CurveMask mask;
  mask.fill(true);
  mask[kCliff] = mask[kRecovery] = mask[kSharedCores] = layout.logical > layout.cores;
  mask[kSlowCliff] = mask[kSlowRecovery] = layout.fast < layout.cores;
  mask[kAllCpus] = layout.logical > 1;
  mask[kSecondSocket] = layout.socket < layout.cores;
  return mask;
}

CurveFigures curve_figures(const CurveVector& x, const ThreadLayout& layout) {
  const double work = exponential(x[kWork]);
  const double alone = layout.logical > layout.cores ? 0 : kAllCpusAlone;
  const double larger = kDispatchGrowth * std::max(0.0, std::log(layout.cores / kDispatchFrom));
  CurveFigures figures{
      .work_seconds = work,
      .ceiling_seconds = work / (1 + layout.cores * exponential(x[kSaturation])),
      .dispatch_seconds = 0,
      .sharpness = std::clamp(std::exp(x[kSharpness]), 0.5, 20.0),
      .cliff = logistic(x[kCliff], kCliffLow, kCliffHigh),
      .recovery = logistic(x[kRecovery], kRecoveryLow, kRecoveryHigh),
      .slow_cliff = logistic(x[kSlowCliff], kCliffLow, kCliffHigh),
      .slow_recovery = logistic(x[kSlowRecovery], kRecoveryLow, kRecoveryHigh),
      .shared_cores_factor = std::exp(std::min(kLargest, exponential(x[kSharedCores]))),
      .all_cpus_factor = std::exp(std::min(kLargest, exponential(x[kAllCpus] + alone))),
      .second_socket_factor = exponential(x[kSecondSocket])};
  const double at_cores = smooth_max(work / effective_threads(figures, layout, layout.cores),
                                     figures.ceiling_seconds, figures.sharpness);
  figures.dispatch_seconds =
      exponential(x[kDispatch] + larger) * at_cores / std::max(1.0, layout.cores - 1);
  return figures;
}

CurveTerms curve_terms(const CurveFigures& figures, const ThreadLayout& layout, double threads) {
  CurveTerms terms{.work = figures.work_seconds / effective_threads(figures, layout, threads),
                   .ceiling = figures.ceiling_seconds,
                   .dispatch = figures.dispatch_seconds * (threads - 1),
                   .total = 0};
  terms.total = smooth_max(terms.work, terms.ceiling, figures.sharpness) + terms.dispatch;
  if (threads > layout.socket && layout.socket < layout.cores) {
    terms.total *= figures.second_socket_factor;
  }
  if (threads > layout.cores) terms.total *= figures.shared_cores_factor;
  if (threads >= layout.logical && layout.logical > 1) terms.total *= figures.all_cpus_factor;
  return terms;
}

double log_throughput(const CurveVector& x, const ThreadLayout& layout, double threads) {
  return -std::log(curve_terms(curve_figures(x, layout), layout, threads).total);
}

}  // namespace mb
