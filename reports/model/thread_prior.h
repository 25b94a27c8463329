// What is known of a curve before its points: the published sweeps, by phase.
#pragma once
#include <array>
#include <string_view>

#include "reports/model/thread_fit.h"

namespace mb {

inline constexpr std::array<std::string_view, 3> kSweepPhases = {"prefill", "decode", "mixed"};

using ThreadPriors = std::array<CurvePrior, kSweepPhases.size()>;  // in that order

// Physical knowledge alone: where learning starts, and what an unseen parameter keeps.
const ThreadPriors& physical_priors();

// Learned from data/datasets by tests/reports/model/learn_priors.cc, machines weighed alike.
const ThreadPriors& learned_priors();

// An unknown phase is taken for mixed.
const CurvePrior& prior_of(const ThreadPriors& priors, std::string_view phase);

}  // namespace mb
