// Which of several ways of doing the same is fastest here: a short trial before the measurement, so
// that one program serves machines that like different loops.
//
// All are tried in turn, round by round, and the best time of each counts: a disturbance only makes
// a trial longer. The first stays unless another is faster by more than trials tell apart, so that
// documents do not differ where machines do not.
#pragma once
#include <cstddef>
#include <functional>

#include "data/system/clock.h"

namespace mb {

// Trials of equal loops differ by about as much on an idle core.
inline constexpr double kWorthChanging = 1.02;
// Two, so that the first, cold one never decides; nine when the time allows.
inline constexpr int kLeastTuneRounds = 2, kMostTuneRounds = 9;

// Index of the candidate to take; seconds_of(i) tries one. Ends after `seconds`, or a round later.
std::size_t fastest_of(std::size_t candidates, double seconds, Clock& clock,
                       const std::function<double(std::size_t)>& seconds_of);

}  // namespace mb
