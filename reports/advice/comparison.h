// Machines or runs side by side, from their documents: which is faster by more than its
// uncertainty, what advice they share, what a million tokens costs, and what makes the comparison
// unfair.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "data/documents/comparison.h"
#include "data/documents/results.h"
#include "data/documents/sweep.h"

namespace mb {

struct ComparisonInput {
  std::string name;                // unlike the others'
  std::optional<Results> results;  // one of the two
  std::optional<Sweep> sweep;
  std::optional<double> price_per_hour;
};

struct ComparisonRequest {
  // Catalogue specs. Empty: the models of the sweeps; without sweeps every catalogue model that
  // fits.
  std::vector<std::string> models;
  std::int64_t prompt_tokens = 512, context_tokens = 512;
  double tolerance = 0.02;
};

// At least two inputs. Throws Error(kUsage) where none of the models is in any of them.
Comparison compare_documents(const std::vector<ComparisonInput>& inputs,
                             const ComparisonRequest& request);

// The catalogue spec of the model that a sweep ran, "qwen3-30b-a3b:q4_0" of "Qwen3-30B-A3B" and
// "Q4 ..."; empty where the catalogue has none.
std::string spec_of_sweep(const Sweep& sweep);

}  // namespace mb
