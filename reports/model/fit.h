// The inverse way to the model: parameters and advice from a sweep of a real engine.
//
// A sweep over threads is fitted by the curve of thread_curve.h with a prior learned from published
// sweeps, so that a few points suffice: what the points do not show keeps the prior's value and its
// wide interval. Predictions come from the curves that the points leave open (thread_fit.h).
//
// Advice follows evidence: never more than the tolerance below the best measured point; a count
// that was not measured is advised only if the odds are four to one that the engine is faster
// there.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/documents/sweep.h"
#include "reports/model/thread_prior.h"

namespace mb {

struct FitOptions {
  double tolerance = 0.02;       // throughput given up for fewer threads
  std::vector<int> points = {};  // counts to use; empty: all
  int resamples = 200;           // refits behind intervals and confidence, at least 10
  ThreadPriors priors = learned_priors();
};

struct FitParameter {
  std::string name, unit;
  double value = 0, low = 0, high = 0;  // 90 % interval
};

struct FitPrediction {
  int threads = 0;  // 0: unknown
  double at = 0;    // of SeriesFit::variable, where that is not threads
  double tokens_per_second = 0, low = 0, high = 0;  // 90 % interval of a measurement
  double likely = 0;  // what the engine's own rate exceeds with odds of four to one; 0: not known
  std::string regime, limited_by;                    // words as in the recommendation
  std::optional<double> measured_tokens_per_second;  // used in the fit
};

// A count worth a thought.
struct FitCandidate {
  int threads = 0;
  double tokens_per_second = 0;  // measured where it was, else predicted
  double expected_loss = 0;      // share of the best count's throughput, mean over resamples
  bool measured = false;
};

// Where a KV cache of this size lives.
struct FitLevel {
  std::int64_t kv_bytes = 0;
  std::string level;  // L1 L2 L3 DRAM
  std::optional<double> gflops;
};

struct SeriesFit {
  std::string phase, label;
  std::string variable = "threads";  // or prompt_tokens context_tokens new_tokens batch kv_bytes
  std::optional<double> prompt_tokens, context_tokens;
  // Empty, like `predicted`, without a usable point: `reasons` says so.
  std::vector<FitParameter> parameters;
  double rms_log_error = 0;  // of the curve alone
  // saturation_threads: where the ceiling takes over (absent when it never does);
  // core_edge_threads: P; cliff_threads, cliff_loss: the first measured count past P and what is
  // lost there, where it is more than noise. Of other variables: dispatch_edge_VARIABLE (fixed work
  // is paid), decline_VARIABLE (attention is felt), attention_edge_VARIABLE (it takes most).
  std::map<std::string, double> edges;
  // Every count from 1 to the logical CPUs and every count in the series. Measured points above the
  // logical CPUs are left out of the fit, and the reasons say so.
  std::vector<FitPrediction> predicted;
  std::vector<FitLevel> levels;          // of variable kv_bytes alone
  std::vector<FitCandidate> candidates;  // in order of threads
  int recommended_threads = 0;           // 0: nothing usable was measured, or no sweep over threads
  double stability = 0;                  // share of resamples in which the advice loses no more
                                         // than the tolerance, at least 2 %
  std::string confidence = "low";        // high | medium | low
  std::vector<std::string> reasons;
};

// One fit a series, in the file's order. Series without thread counts get recommended_threads 0.
std::vector<SeriesFit> fit_sweep(const Sweep& sweep, const FitOptions& options);

std::string to_json_text(const std::vector<SeriesFit>& fits);  // {"series": [...]}

}  // namespace mb
