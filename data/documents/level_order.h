// Memory levels that are not in the order that one expects. A farther level that is faster than a
// nearer one is seen on some machines (an L3 can outrun an L2 for streams), and is as often a
// buffer that was not where it was meant to be: both figures are kept, the farther one says so.
#pragma once
#include "data/documents/results.h"

namespace mb {

// A lead above this is flagged; less is noise of two medians (ours).
inline constexpr double kLevelOrderLimit = 0.05;

// Points that differ in "level" alone (L1, L2, L3, dram) and are bandwidths: adds the reason
// "level_order" to the farther one, whose validity stays.
void flag_level_order(Results& results);

}  // namespace mb
