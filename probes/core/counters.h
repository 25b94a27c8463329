// Hardware counters through PAPI, for a team: one event set per thread, summed.
//
// A counter exists when it was opened, run over a loop of known length and read back within one
// percent (PAPI's own instruction test). PAPI 7.0 lists events and reads zeros in virtual machines
// without a PMU, so a listed event proves nothing. counters.cc is the only file that knows PAPI.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "data/documents/results.h"
#include "data/system/files.h"
#include "probes/core/counter_truth.h"
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

// PAPI as the truth table's counter; without PAPI every event is missing.
std::unique_ptr<EventCounter> papi_event_counter();

// Counts these events (PAPI's names) while the team's threads do something between start() and
// stop(), its waiting included. Only what every thread could count is in the reading.
class TeamCounters {
 public:
  TeamCounters(PinnedTeam& team, std::vector<std::string> events);
  void start();
  CounterReading stop();

 private:
  PinnedTeam& team_;
  std::vector<std::string> events_;
  std::vector<int> event_sets_;  // per rank
};

// The base set, where no truth table was made.
std::vector<std::string> base_events();

}  // namespace mb
