// The effective clock of the calling thread's CPU without hardware counters: a chain of additions,
// each waiting for the one before, takes one cycle an addition on every CPU that we know.
#pragma once
#include <optional>

#include "data/system/clock.h"

namespace mb {

// Additions in one timed chain, about 25 us at 4 GHz.
inline constexpr long kAdditionsPerChain = 100'000;
// The fastest of so many chains: an interrupt makes a chain longer, nothing makes it shorter.
inline constexpr int kChains = 8;
// Outside of these no CPU runs that this project meets; then the estimate is wrong, not the CPU.
inline constexpr double kLeastClockHz = 0.2e9, kMostClockHz = 8e9;

// Takes well under a millisecond. nullopt when the figure is not plausible.
std::optional<double> estimate_clock_hz(Clock& clock);

}  // namespace mb
