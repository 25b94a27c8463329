// Teams of pinned threads, one class per way of synchronising that engines use:
//   spin            every rank spins on a generation counter (ggml's own pool)
//   futex           ranks sleep on a futex between regions and at barriers (condition variables)
//   openmp          libgomp's region and barrier; wait policy as OMP_WAIT_POLICY said at load
// Rank 0 is the calling thread, pinned for the team's life and given its old mask back after.
// Every wait is bounded: a rank that does not come within the team's patience makes run() throw
// Error(kNotAvailable), never a hang (an affinity narrowed mid-run, a starved PU). Only libgomp's
// own waits cannot be. What a body throws on any rank is rethrown on the caller.
#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include "workloads/team.h"

namespace mb {

enum class Sync { kSpin, kFutex, kOpenMp };
std::string_view to_string(Sync sync);         // spin futex openmp
Sync sync_from_string(std::string_view text);  // throws Error(kUsage); openmp_passive = openmp
bool openmp_available();                       // built with OpenMP

struct TeamUsage {  // of all ranks since the team was made, by getrusage(RUSAGE_THREAD)
  double cpu_seconds = 0;
  long involuntary_switches = 0, voluntary_switches = 0, major_faults = 0, minor_faults = 0;
  long migrations = 0;  // ranks seen on a PU that is not theirs
  long unpinned = 0;    // ranks whose mask is no longer their PU alone: others changed it
};

class PinnedTeam : public Team {
 public:
  // Seconds from the moment the last rank has left the start line to the moment the last rank has
  // finished body: the region's work without its fork and join.
  virtual double timed(RankFunction body) = 0;
  virtual const std::vector<int>& pus() const = 0;  // OS index of each rank
  virtual TeamUsage usage() = 0;
};

// Longer than any honest barrier (ranks wait for the slowest share of one operation), shorter than
// a person's or a campaign's own patience.
inline constexpr double kTeamPatienceSeconds = 10;

// Throws Error(kNotAvailable) when a PU may not be used or OpenMP is not built in.
std::unique_ptr<PinnedTeam> make_team(const std::vector<int>& pus, Sync sync,
                                      double patience_seconds = kTeamPatienceSeconds);

}  // namespace mb
