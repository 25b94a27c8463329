// The plan gives each point at least its least useful time or a small multiple of it; a point cut
// below half of what was planned says little, so a whole step is dropped before that.
#include "probes/campaign/deadline.h"

#include <algorithm>

namespace mb {
namespace {

constexpr double kLeastFactor = 0.5;
// A step's timeout: twice the planned time, and the time a loaded machine may need to start it.
constexpr double kTimeoutFactor = 2;
constexpr double kTimeoutSeconds = 5;
// Even at the very end a child gets this long, so that it can say why it failed.
constexpr double kLeastTimeoutSeconds = 0.5;
// One step that hung must not make the rest look hopeless.
constexpr double kMostPace = 3;

double point_seconds(std::span<const PlannedStep> steps) {
  double sum = 0;
  for (const PlannedStep& step : steps) {
    for (const PlannedPoint& point : step.points) sum += point.seconds;
  }
  return sum;
}

double all_seconds(std::span<const PlannedStep> steps) {
  double sum = 0;
  for (const PlannedStep& step : steps) sum += step.seconds();
  return sum;
}

}  // namespace

void Pace::add(double planned_seconds, double taken_seconds) {
  planned_seconds_ += planned_seconds;
  taken_seconds_ += taken_seconds;
}

double Pace::factor() const {
  if (planned_seconds_ <= 0) return 1;
  return std::clamp(taken_seconds_ / planned_seconds_, 1.0, kMostPace);
}

Remaining fit_to_time(std::span<const PlannedStep> steps, double seconds_left) {
  Remaining remaining{steps.size(), 1};
  while (remaining.kept > 0) {
    const auto kept = steps.first(remaining.kept);
    const double points = point_seconds(kept);
    const double starts = all_seconds(kept) - points;  // starting a process cannot be shortened
    remaining.factor = points > 0 ? std::min(1.0, (seconds_left - starts) / points) : 1.0;
    if (remaining.factor >= kLeastFactor) return remaining;
    --remaining.kept;
  }
  remaining.factor = 1;
  return remaining;
}

PlannedStep scaled(PlannedStep step, double factor) {
  for (PlannedPoint& point : step.points) point.seconds *= factor;
  return step;
}

double timeout_seconds(const PlannedStep& step, double seconds_to_hard_end) {
  const double generous = kTimeoutFactor * step.seconds() + kTimeoutSeconds;
  return std::max(kLeastTimeoutSeconds, std::min(generous, seconds_to_hard_end));
}

}  // namespace mb
