// The points of a sweep: every combination of what is varied, and the command line of each.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/documents/machine.h"
#include "data/system/child.h"
#include "probes/sweep/sweep.h"

namespace mb {

struct SweepVariant {
  std::string label;  // "model=gemma-3-1b, pinned": what the variants differ in
  std::vector<std::pair<std::string, std::string>> values;  // axis name and value
  bool pinned = false, beside = false;
};

// In the order of the axes, the last varying fastest; one, without label, when nothing is varied.
std::vector<SweepVariant> sweep_variants(const SweepRequest& request);

// Something tells the command its thread count.
bool tells_threads(const SweepRequest& request);

// The child of one point; `threads` nullopt: nothing tells it, the engine's default.
ChildRequest child_of_point(const SweepRequest& request, const SweepVariant& variant,
                            std::optional<int> threads, const Machine& machine);

// `text` with {threads} and the variant's placeholders filled in.
std::string filled(std::string text, const SweepVariant& variant, std::optional<int> threads);

// Throws Error(kUsage) for what cannot be meant.
void check_sweep(const SweepRequest& request);

}  // namespace mb
