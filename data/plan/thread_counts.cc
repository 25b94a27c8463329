// Thread counts worth measuring: throughput bends where a resource is used up, so every boundary of
// the machine is a candidate, and powers of two fill the space between them.
#include <algorithm>
#include <map>
#include <set>

#include "data/plan/plan.h"

namespace mb {
namespace {

// Most usable cores in any one group (L3 domain, node, package) chosen by `group_of`.
template <class GroupOf>
int most_cores(const Machine& machine, GroupOf group_of) {
  std::map<int, std::set<int>> cores;
  for (const Pu& pu : machine.pus) {
    if (pu.usable) cores[group_of(pu)].insert(pu.core);
  }
  std::size_t most = 0;
  for (const auto& [group, members] : cores) most = std::max(most, members.size());
  return static_cast<int>(most);
}

int fastest_cores(const Machine& machine) {
  std::set<int> cores;
  for (const Pu& pu : machine.pus) {
    if (pu.usable && pu.core_kind == 0) cores.insert(pu.core);
  }
  return static_cast<int>(cores.size());
}

}  // namespace

std::map<int, std::string> thread_boundaries(const Machine& machine) {
  const int budget = std::max(1, machine.limits.effective_cpus);
  std::map<int, std::string> boundaries;
  const auto add = [&](int count, const char* name) {
    if (count >= 1 && count <= budget) boundaries.emplace(count, name);  // the first name stays
  };
  const int physical = machine.usable_cores();
  add(physical, "physical cores");
  if (machine.usable_l3_domains() > 1) {
    add(most_cores(machine, [](const Pu& pu) { return pu.l3_domain; }), "cores of one L3 domain");
  }
  if (machine.usable_numa_nodes() > 1) {
    add(most_cores(machine, [](const Pu& pu) { return pu.numa_node; }), "cores of one NUMA node");
  }
  if (machine.usable_packages() > 1) {
    add(most_cores(machine, [](const Pu& pu) { return pu.package; }), "cores of one package");
  }
  if (machine.has_hybrid_cores()) add(fastest_cores(machine), "performance cores");
  if (machine.has_smt()) {
    add(physical + 1, "physical cores + 1");
    add(machine.usable_pus(), "all PUs");
  }
  add(budget, "CPU budget");
  add(1, "one thread");
  return boundaries;
}

std::vector<int> thread_counts(const Machine& machine) {
  const int budget = std::max(1, machine.limits.effective_cpus);
  std::set<int> counts;
  for (const auto& [count, name] : thread_boundaries(machine)) counts.insert(count);
  for (int count = 1; count <= budget; count *= 2) counts.insert(count);
  return {counts.begin(), counts.end()};
}

}  // namespace mb
