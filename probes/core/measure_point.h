// One planned point, from prepare to verdict: set up, watch the noise, sample, check the kernel's
// result, judge.
#pragma once
#include "data/error.h"
#include "data/system/clock.h"
#include "data/system/files.h"
#include "probes/core/kit.h"

namespace mb {

// The kernel's result is not what the work gives: no figure of it may be believed. Exit code 1.
class WrongResult : public Error {
 public:
  explicit WrongResult(const std::string& message) : Error(ErrorCode::kFailure, message) {}
};

// Set-up time is part of a point's seconds, but sampling gets at least this share of them.
inline constexpr double kLeastSamplingShare = 0.25;

// Throws what prepare, the timed region and check throw; Error(kInterrupted) between two samples
// after a signal.
Point measure_point(const Probe& probe, const PlannedPoint& planned, ProbeKit& kit, Clock& clock,
                    const HostFiles& files);

}  // namespace mb
