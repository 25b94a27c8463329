// From runs to series: the part of the sweep that measures nothing.
#pragma once
#include <string>
#include <vector>

#include "data/documents/sweep.h"

namespace mb {

struct SeriesFacts {
  int cpu_budget = 1;
  // What a point of an axis such as prompt=128 is, where the document is not over threads:
  // prompt-length, generation-length, context-length or batch-size; empty: over threads.
  std::string kind;
};

// Series by label and phase, in the order of their first run; within, points by count. Warm-ups
// are left out. Points whose token counts differ from most of their series are marked.
std::vector<SweepSeries> make_series(const std::vector<SweepRun>& runs, const SeriesFacts& facts);

// The kind that an axis of this name makes: prompt, n_prompt, -p: prompt-length; new_tokens,
// n_gen, -n: generation-length; context, depth, -d: context-length; batch, -b: batch-size. Empty:
// another.
std::string kind_of_axis(std::string_view name);

}  // namespace mb
