// How a probe is written: a name, a sentence, and `prepare`, which turns one planned point into a
// Case. Everything else is the kit's: flags, Google Benchmark registration, pinning, sampling,
// noise and verdict, counters, documents, signals and exit codes.
//
//   class ReadCase final : public mb::Case { ... };
//   int main(int argc, char** argv) {
//     return mb::probe_main(argc, argv, {"stream_bandwidth", "…one sentence…", prepare});
//   }
//
// Flags of every probe besides Google Benchmark's: --machine FILE, --plan FILE (a PlannedStep),
// --out FILE (a results document with this probe's points), --budget TIME, --describe.
// Without --plan a probe plans for itself from its own machine description.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "data/documents/results.h"
#include "data/plan/placement.h"
#include "data/plan/plan.h"
#include "probes/core/arena.h"
#include "probes/core/pinned_team.h"

namespace mb {

// One prepared point: buffers allocated and touched, team pinned.
class Case {
 public:
  virtual ~Case() = default;
  // Performs the operation `iterations` times on the team; returns the seconds it took. This is the
  // timed region: no allocation, lock, log or system call.
  virtual double seconds(std::uint64_t iterations) = 0;
  // Throws Error(kFailure) when the kernel's result is wrong. Called after the samples.
  virtual void check() {}

  std::string quantity = "time";  // bandwidth | throughput | rate | time
  Unit unit = Unit::kSeconds;
  // Bytes or FLOP per iteration: a sample is amount / seconds. 0: the sample is seconds themselves.
  double amount_per_iteration = 0;
  // That threads wait for a CPU and samples differ is what is measured: noisy at most for either.
  bool scheduling_is_measured = false;
  std::map<std::string, std::string> notes;  // page_obtained, isa ...      (Point::notes)
  std::map<std::string, double> facts;       // working_set_bytes, layers ... (Point::facts)
};

// What prepare may use. Teams are made on first use and kept, one per (PUs, sync).
class Kit {
 public:
  virtual ~Kit() = default;
  virtual const Machine& machine() const = 0;
  // threads (default 1), placement and sync (default spin) of the point's parameters.
  virtual PinnedTeam& team(const Parameters& parameters) = 0;
  virtual PinnedTeam& team(const std::vector<int>& pus, Sync sync) = 0;
  // The same on the NUMA node that parameter `node` names (an index into Machine::numa_nodes);
  // without that parameter simply team(parameters). Throws Error(kNotAvailable) for a node without
  // a usable CPU.
  virtual PinnedTeam& team_of_node(const Parameters& parameters, const char* node) = 0;
  // Throws Error(kNoResource) "needs X, budget Y" when bytes exceed what is left of the memory
  // budget (one quarter of Limits::memory_budget_bytes: the probes' share).
  virtual void require_memory(std::int64_t bytes) = 0;
};

struct Probe {
  std::string_view name, summary;
  // Throws Error(kNotAvailable or kNoResource) when this point cannot be had here: it is listed in
  // the document as missing, with the message.
  std::unique_ptr<Case> (*prepare)(const PlannedPoint& point, Kit& kit);
  // One operation takes so little that Google Benchmark's rows show nanoseconds.
  bool in_nanoseconds = false;
};

int probe_main(int argc, char** argv, const Probe& probe);

}  // namespace mb
