// The spinning team: every rank looks at a generation word with a pause instruction, as the thread
// pools of CPU engines do.
#include "probes/core/team_threads.h"

namespace mb {
namespace {
// Back-to-back regions find the workers awake; a pause of this length puts them to sleep.
constexpr double kIdleSpinSeconds = 2e-3;
}  // namespace

std::unique_ptr<PinnedTeam> make_spin_team(const std::vector<int>& pus, double patience_seconds) {
  return std::make_unique<ThreadTeam<SpinWaiting>>(pus, patience_seconds, kIdleSpinSeconds);
}

}  // namespace mb
