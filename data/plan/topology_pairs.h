// What the topology check's parts share: values by pair of CPUs, and groups of CPUs. Internal to
// data/plan.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "data/plan/topology_check.h"

namespace mb::pairs {

using Agreement = TopologyRelation::Agreement;
using Groups = std::map<int, int>;                    // CPU -> smallest CPU of its group
using Pairs = std::map<std::pair<int, int>, double>;  // of CPUs, the smaller first

class Sets {  // union-find over CPUs
 public:
  explicit Sets(const std::vector<int>& cpus) {
    for (const int cpu : cpus) parent_[cpu] = cpu;
  }
  int root(int cpu) {
    while (parent_.at(cpu) != cpu) cpu = parent_[cpu] = parent_.at(parent_.at(cpu));
    return cpu;
  }
  void join(int a, int b) {
    const int x = root(a), y = root(b);
    parent_[std::max(x, y)] = std::min(x, y);
  }
  Groups groups() {
    Groups groups;
    for (const auto& [cpu, parent] : parent_) groups[cpu] = root(cpu);
    return groups;
  }

 private:
  std::map<int, int> parent_;
};

Groups claimed_groups(const Machine& machine, int Pu::*member);  // of the usable CPUs
std::vector<int> usable_cpus(const Machine& machine);            // OS indices, ascending
// Of these CPUs only, groups named anew by their smallest member.
Groups among(const Groups& groups, const std::set<int>& cpus);
std::map<int, std::vector<int>> members_of(const Groups& groups);
std::string count_of(std::size_t count, const std::string& one);  // "1 core", "4 cores"
std::optional<double> find(const Pairs& pairs, int a, int b);

// topology_siblings.cc
TopologyRelation check_siblings(const Machine& machine, const Pairs& contention,
                                const Pairs& handoff);
// topology_domains.cc: sets l3_domains and packages; `cores` of all usable CPUs.
void check_domains(const Machine& machine, const Groups& cores, Pairs handoff,
                   TopologyCheck& check);

}  // namespace mb::pairs
