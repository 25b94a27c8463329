// Points that a disturbance spoilt get a second try when time is left: minutes on a shared machine
// differ, and a curve without its end says less than one that came late. A pure function of the
// plan and of what was measured; the campaign runs what it says.
#pragma once
#include <cstddef>
#include <map>
#include <vector>

#include "data/documents/results.h"
#include "data/plan/plan.h"

namespace mb {

struct SecondTry {
  std::size_t step = 0;  // index in the plan whose points these are
  PlannedStep points;
};

// The points to measure again, in the plan's order, as many as `seconds` hold: those that are
// invalid, or had too few samples to judge.
std::vector<SecondTry> second_tries(const std::vector<PlannedStep>& steps,
                                    const std::map<std::size_t, Results>& finished, double seconds);

// Replaces the points whose second try has the better verdict, with a note "second_try" that tells
// why there was one; steps are added. What the second try lacks is not missing: the first one's
// points stand. Returns how many were replaced.
int take_better(Results& document, const Results& again);

}  // namespace mb
