// Which CPUs really share a core, an L3 cache or a socket, told from timing alone and held against
// what the system claims. A virtual machine may hide hardware threads, invent sockets of one core
// or show one cache where there are eight.
//
// Two matrices of pairs decide, both of the core_to_core probe:
//   contention  the rate of register-only arithmetic on both CPUs at once, as a share of the sum of
//               their rates alone: about 1 on cores of their own, about 1/2 on one core
//   hand-off    seconds until a line written on one CPU is seen on the other: least inside a core,
//               more inside an L3 domain, most between sockets
// Pure functions of documents; nothing is measured here.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "data/documents/results.h"

namespace mb {

struct PairValue {
  int a = 0, b = 0;  // OS indices, a < b
  double value = 0;
};

struct TopologyEvidence {
  std::vector<PairValue> contention;  // share of the rates alone, 0.5 to 1
  std::vector<PairValue> handoff;     // seconds
};
// From the core_to_core points that are at most noisy. The best sample counts for contention, since
// a disturbance only slows; the median for hand-offs.
TopologyEvidence topology_evidence(const Results& results);

// One relation between CPUs: as claimed, as seen.
struct TopologyRelation {
  enum class Agreement { kUnknown, kAgrees, kDiffers };
  Agreement agreement = Agreement::kUnknown;
  std::string confidence = "low";  // high | medium | low
  std::string claimed;             // "8 cores of 1 thread"
  std::string seen;                // "4 cores of 2 threads (0+4, 1+5, 2+6, 3+7)"; or why not known
  // CPU (OS index) -> a number shared by the CPUs of one group; empty when not known. Siblings
  // cover all usable CPUs, the other two the CPUs that were measured.
  std::map<int, int> group_of;
  bool differs() const { return agreement == Agreement::kDiffers; }
  // Sure enough to act upon.
  bool corrects_the_claim() const { return differs() && confidence == "high"; }
};

struct TopologyCheck {
  TopologyRelation siblings, l3_domains, packages;
  int cpus_measured = 0;
};

// Any evidence will do, none included: then all three relations are unknown and say why.
TopologyCheck check_topology(const Machine& machine, const TopologyEvidence& evidence);
TopologyCheck check_topology(const Results& results);

// The machine with cores, SMT ranks, L3 domains and packages as inferred wherever the check is sure
// that the claim is wrong; else as it was. What the caches report stays.
Machine with_inferred_topology(const Machine& machine, const TopologyCheck& check);

// The CPUs whose pairs are measured first, OS indices: all when there are few; else up to
// `most` that tell every common numbering apart (siblings adjacent or half the machine apart,
// quarters of the machine).
std::vector<int> cpus_to_check(const Machine& machine, std::size_t most);

std::string_view to_string(TopologyRelation::Agreement agreement);  // unknown | agrees | differs
std::string to_json_text(const TopologyCheck& check);

}  // namespace mb
