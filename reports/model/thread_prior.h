// What is known of a curve before its points, by phase (data/priors).
#pragma once
#include <array>
#include <string>
#include <string_view>

#include "reports/model/thread_fit.h"

namespace mb {

inline constexpr std::array<std::string_view, 3> kSweepPhases = {"prefill", "decode", "mixed"};

using ThreadPriors = std::array<CurvePrior, kSweepPhases.size()>;  // in that order

// The documents of data/priors. A figure the file does not name is an error: throws Error.
ThreadPriors thread_priors_from_json_text(std::string_view text, std::string_view origin);
std::string to_json_text(const ThreadPriors& priors, std::string_view source);

const ThreadPriors& physical_priors();  // by hand: where learning starts
const ThreadPriors& learned_priors();   // from the published sweeps

// An unknown phase is taken for mixed.
const CurvePrior& prior_of(const ThreadPriors& priors, std::string_view phase);

}  // namespace mb
