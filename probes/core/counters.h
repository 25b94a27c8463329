// Hardware counters through PAPI, for a team: one event set per thread, summed.
//
// A counter exists when it was opened, run over a loop of known length and read back within one
// percent (PAPI's own instruction test). PAPI 7.0 lists events and reads zeros in virtual machines
// without a PMU, so a listed event proves nothing. counters.cc is the only file that knows PAPI.
#pragma once
#include <string>
#include <vector>

#include "data/documents/results.h"
#include "data/system/files.h"
#include "probes/core/pinned_team.h"

namespace mb {

inline constexpr double kInstructionTolerance = 0.01;  // PAPI's ctests allow as much

// What trying to count a known loop gave.
struct CounterTrial {
  bool built_in = false;
  std::string error;                    // of opening, starting or reading; empty: none
  long long counted = 0, expected = 0;  // instructions of the loop
  bool counts() const;
};
CounterTrial try_counters();  // tried once in a process, then remembered

// Why a trial failed and what a person may do; `files` tells of perf_event_paranoid and the PMU.
Missing explain(const CounterTrial& trial, const HostFiles& files);

// Whether counters can be had here; else the reason goes to *why (may be null).
bool pmu_counts(Missing* why);

std::string papi_version();  // "7.0.0"; empty when not built in

// Counts what the team's threads do between start() and stop(), its waiting included.
class TeamCounters {
 public:
  explicit TeamCounters(PinnedTeam& team);
  void start();
  CounterReading stop();

 private:
  PinnedTeam& team_;
  std::vector<int> event_sets_;  // per rank
};

}  // namespace mb
