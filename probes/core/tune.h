// Which of several ways of doing the same is fastest here: a short trial before the measurement, so
// that one program serves machines that like different loops.
//
// Stage by stage the slower half drops out and a try gets twice as long (successive halving): a
// loop that is fast for a millisecond and slow from then on, as one that asks ahead by hand is
// where the hardware's prefetcher then gives up, must not win. In a stage all are tried in turn,
// round by round, so that a slow moment hits all alike, and the median of each counts. The first
// stays to the end and is taken unless another is faster by more than trials tell apart, so that
// documents do not differ where machines do not.
#pragma once
#include <cstddef>
#include <functional>

#include "data/system/clock.h"

namespace mb {

// Trials of equal loops differ by about as much on an idle core.
inline constexpr double kWorthChanging = 1.02;
// Rounds of a stage: three, so that a median leaves out a disturbed one; nine when the time allows.
inline constexpr int kLeastTuneRounds = 3, kMostTuneRounds = 9;

// Seconds of one try of way `index`, `length` times as long as the shortest.
using Trial = std::function<double(std::size_t index, int length)>;

// Index of the candidate to take. Ends after `seconds`, or with the least rounds of each stage.
std::size_t fastest_of(std::size_t candidates, double seconds, Clock& clock, const Trial& trial);

}  // namespace mb
