// The shape of throughput against threads, free of data: DESIGN section 5 as a sweep shows it.
//
//   seconds per token(T) = smoothmax(work / T_eff(T), ceiling) + dispatch * (T - 1),
//                          longer by one factor each where cores are shared, on a second socket and
//                          on all CPUs
//   T_eff(T) = T up to the fast cores F (all cores P where they are alike),
//              then F * (slow_cliff + slow_recovery * (T - F) / F) up to P,
//              then T_eff(P) * (cliff + recovery * (T - P) / P)
//
// The parameters are free of scale but one: a ceiling stands as the threads that reach it, as a
// share of P (more than one always: no core alone exhausts a memory), and dispatch as its share of
// the time at P. So machines of any size and models of any weight can share one prior.
#pragma once
#include <Eigen/Core>
#include <array>

namespace mb {

// Edges in threads, 1 <= fast <= cores, 1 <= socket <= cores, cores <= logical.
struct ThreadLayout {
  double fast = 1, cores = 1, socket = 1, logical = 1;
};

// Unbounded coordinates: logarithms of positive figures, logits of bounded ones.
enum CurveParameter {
  kWork,        // ln seconds of one thread for a token
  kSaturation,  // ln of the threads beyond the first that reach the ceiling, as a share of P
  kDispatch,    // ln of dispatch at P, as a share of the other time there, where P is 16 or less
  kSharpness,   // ln of smoothmax's power
  kCliff,       // logit within kCliffLow .. kCliffHigh
  kRecovery,    // logit within kRecoveryLow .. kRecoveryHigh
  kSlowCliff,   // the same two for a hybrid's slower cores
  kSlowRecovery,
  kSharedCores,   // ln of the log of the factor by which sharing cores is longer (waiting threads)
  kAllCpus,       // ln of the log of the factor by which using every CPU is longer
  kSecondSocket,  // log of the factor by which more than one socket is longer
  kCurveParameters
};
using CurveVector = Eigen::Matrix<double, kCurveParameters, 1>;
using CurveMask = std::array<bool, kCurveParameters>;

struct CurveFigures {
  double work_seconds, ceiling_seconds, dispatch_seconds;  // per token; dispatch per thread
  double sharpness, cliff, recovery, slow_cliff, slow_recovery, shared_cores_factor,
      all_cpus_factor, second_socket_factor;
};

// Which parameters this layout has a use for.
CurveMask curve_mask(const ThreadLayout& layout);

CurveFigures curve_figures(const CurveVector& x, const ThreadLayout& layout);

struct CurveTerms {
  double work, ceiling, dispatch;  // seconds per token; work and ceiling overlap
  double total;                    // with the factors
};
CurveTerms curve_terms(const CurveFigures& figures, const ThreadLayout& layout, double threads);

// ln tokens/s.
double log_throughput(const CurveVector& x, const ThreadLayout& layout, double threads);

}  // namespace mb
