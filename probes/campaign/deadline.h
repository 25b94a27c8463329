// Keeps a campaign inside its budget: what is still run, and how much shorter, when earlier steps
// took longer than planned. A pure function of the plan and of the time that is left.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "data/plan/plan.h"

namespace mb {

// Of the budget, when the last measurement should have ended: the model, the report and its
// pictures follow inside the command's 1.25 budgets, and late is worse than short.
inline constexpr double kMeasuringEnds = 1.0;
// Of the budget, when a step that is still running is ended; it has a few seconds of grace then.
inline constexpr double kHardEnd = 1.05;

struct Remaining {
  std::size_t kept = 0;  // of the steps given, from the front; the rest is dropped
  double factor = 1;     // of every kept point's seconds, at most 1
};

// How much longer steps take than planned: what the finished ones took over what they should have.
// A machine that is busy or slow to hand out memory stays so, and noticing it early shortens all
// later steps a little instead of dropping the last. Between 1 and 3.
class Pace {
 public:
  void add(double planned_seconds, double taken_seconds);
  double factor() const;

 private:
  double planned_seconds_ = 0, taken_seconds_ = 0;
};

// Plans put what all advice rests on first, so steps are dropped from the end.
Remaining fit_to_time(std::span<const PlannedStep> steps, double seconds_left);

PlannedStep scaled(PlannedStep step, double factor);

// When a step that hangs is ended: generous, as a point may take three times its seconds on a
// disturbed machine and still be worth keeping, but never past the campaign's hard end.
double timeout_seconds(const PlannedStep& step, double seconds_to_hard_end);

}  // namespace mb
