// The inverse way to the model: parameters fitted to a sweep of a real engine over threads.
//
//   seconds per token(T) = smoothmax(work / T_eff(T), ceiling) + dispatch * (T - 1)
//   T_eff(T) = T up to the edge P, then P * (cliff + recovery * (T - P) / P)
//
// P is the number of physical cores, or of performance cores on hybrids. Five parameters, each with
// physical bounds and a wide prior, so that a few points suffice: what the points do not show keeps
// the prior's value and its wide interval. Robust least squares on log throughput.
//
// Advice follows evidence: never more than the tolerance below the best measured point; a count
// that was not measured is advised only if the low end of its prediction exceeds that point.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/documents/sweep.h"

namespace mb {

struct FitOptions {
  double tolerance = 0.02;  // throughput given up for fewer threads
  std::vector<int> points;  // counts to use; empty: all
};

struct FitParameter {
  std::string name, unit;
  double value = 0, low = 0, high = 0;  // 90 % interval
};

struct FitPrediction {
  int threads = 0;
  double tokens_per_second = 0, low = 0, high = 0;   // 90 % interval of a measurement
  std::optional<double> measured_tokens_per_second;  // used in the fit
};

struct SeriesFit {
  std::string phase, label;
  std::optional<double> prompt_tokens, context_tokens;
  // Empty, like `predicted`, with fewer than three thread counts: `reasons` says so.
  std::vector<FitParameter> parameters;
  double rms_log_error = 0;
  // saturation_threads: where the ceiling takes over (absent when it never does);
  // core_edge_threads: P.
  std::map<std::string, double> edges;
  // 1 to the logical CPUs. Measured points above are left out of all, and the reasons say so.
  std::vector<FitPrediction> predicted;
  int recommended_threads = 0;     // 0: nothing usable was measured
  std::string confidence = "low";  // high | medium | low
  std::vector<std::string> reasons;
};

// One fit a series, in the file's order. Series without thread counts get recommended_threads 0.
std::vector<SeriesFit> fit_sweep(const Sweep& sweep, const FitOptions& options);

std::string to_json_text(const std::vector<SeriesFit>& fits);  // {"series": [...]}

}  // namespace mb
