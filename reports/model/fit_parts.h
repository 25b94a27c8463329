// What the files of the sweep's fit share; for them only.
#pragma once
#include <vector>

#include "reports/model/fit.h"

namespace mb {

// What one series over threads offers to a fit.
struct ThreadSeries {
  std::vector<ThreadPoint> points;  // one a count, in order, at most the logical CPUs
  std::vector<int> counts;          // to predict, in order
  ThreadLayout layout;
  double heads = 0;  // of attention; 0: unknown
};

// The points that `options` wants; empty when none is usable. What was left out is said in `out`.
ThreadSeries thread_series(const Sweep& sweep, const SweepSeries& series, SeriesFit& out,
                           const FitOptions& options);

// Words as in the recommendation document.
std::string_view regime_name(std::string_view phase, std::optional<double> prompt_tokens,
                             std::string_view limited_by);

// Kinds other than threads: prompt-length, context-length, generation-length, batch-size.
bool is_length_kind(std::string_view kind);
void fit_lengths(SeriesFit& out, std::string_view kind, const SweepSeries& series);

// Kind kv-size: the cache level that each size lives in.
void place_kv_sizes(SeriesFit& out, const SweepMachine& machine, const SweepSeries& series);

// Sets recommended_threads, candidates, stability and their reasons. `predicted` in order of
// threads, no count above the logical CPUs is advised.
void advise_threads(SeriesFit& out, const ThreadSeries& series,
                    const std::vector<CountPrediction>& predicted, double tolerance);

}  // namespace mb
