// A sweep in words: its table, and what the conditions it was measured under cost.
#pragma once
#include <string>
#include <vector>

#include "data/documents/sweep.h"
#include "reports/model/fit.h"

namespace mb {

// One block a series: point, tokens/s, remarks.
std::string sweep_table(const Sweep& sweep);

// Measured under a condition beside the first: unpinned where it was pinned too, beside a
// neighbour, with the engine's own default.
bool is_condition(const SweepSeries& series);

// One line for each condition beside the first (unpinned, beside a neighbour, the engine's own
// default): what the advised count gives there, and what was best there. `fits` in the order of the
// sweep's series.
std::vector<std::string> condition_lines(const Sweep& sweep, const std::vector<SeriesFit>& fits);

// "batch=1,8" and "threads_batch=2-8:2" -> name and values; throws Error(kUsage).
struct VaryText {
  std::string name;
  std::vector<std::string> values;
};
VaryText parse_vary(const std::string& text);

}  // namespace mb
