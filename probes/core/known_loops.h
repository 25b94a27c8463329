// Loops whose counts are known, for the truth table of counters.
#pragma once
#include "probes/core/counter_truth.h"

namespace mb {

void spin();  // kSpinTurns turns

// Runs the loop; returns the CPU nanoseconds that kSleepless took, 0 of the others.
long long run_loop(KnownLoop loop);

}  // namespace mb
