// One series fitted: the most likely curve, and curves drawn from what the points leave open.
//
// Draws come by randomised maximum likelihood: points and priors are shaken by their own noise and
// the curve is fitted anew, so that draws differ where the data does not decide. Every draw is then
// led through the points as far as they can be trusted (kriging of the residuals), because a curve
// of a few parameters misses a real engine by some per cent, and neighbouring counts alike.
#pragma once
#include <vector>

#include "reports/model/thread_curve.h"

namespace mb {

struct CurvePrior {
  CurveVector mean = CurveVector::Zero(), deviation = CurveVector::Ones();
};

struct ThreadPoint {
  int threads = 0;
  double tokens_per_second = 0;
};

struct CurveFit {
  CurveVector x;                   // most likely
  double scale = 1;                // of the noise, against what is usual
  std::vector<double> log_errors;  // of the curve alone, at the points
  double rms_log_error = 0;        // of the curve alone, at the points
  std::vector<CurveVector> draws;  // as likely as each other
};

// `points` in order of threads, rates above zero. The prior of the scale comes from the points.
// Same input, same answer: the random numbers are seeded.
CurveFit fit_curve(const std::vector<ThreadPoint>& points, const ThreadLayout& layout,
                   const CurvePrior& prior, int draws);

struct CountPrediction {
  int threads = 0;
  double log_rate = 0, log_low = 0, log_high = 0;  // median; 90 % interval of a measurement
  double log_likely = 0;          // what the engine's own rate exceeds with odds of four to one
  std::vector<double> log_draws;  // the engine's rate, one a draw
};
std::vector<CountPrediction> predict_counts(const CurveFit& fit,
                                            const std::vector<ThreadPoint>& points,
                                            const ThreadLayout& layout,
                                            const std::vector<int>& counts);

}  // namespace mb
