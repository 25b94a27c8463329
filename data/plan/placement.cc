// Spread order: give each core its rank among the cores of its kind in its L3 domain, each domain
// its rank in its node, each node its rank in its package; sorting by those ranks, inner first,
// deals the threads out like cards.
#include "data/plan/placement.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "data/error.h"

namespace mb {
namespace {

struct Core {
  int kind = 0, package = 0, node = 0, l3_domain = 0, index = 0;
  std::vector<int> pus;  // OS indices by SMT rank
};

std::vector<Core> usable_cores_in_order(const Machine& machine) {
  std::map<int, std::vector<Pu>> by_core;
  for (const Pu& pu : machine.pus) {
    if (pu.usable) by_core[pu.core].push_back(pu);
  }
  std::vector<Core> cores;
  for (auto& [index, pus] : by_core) {
    std::sort(pus.begin(), pus.end(),
              [](const Pu& a, const Pu& b) { return a.smt_rank < b.smt_rank; });
    const Pu& first = pus.front();
    Core core{first.core_kind, first.package, first.numa_node, first.l3_domain, index, {}};
    for (const Pu& pu : pus) core.pus.push_back(pu.os_index);
    cores.push_back(std::move(core));
  }
  return cores;
}

// Rank of `member` within its `group`, in order of first appearance.
class Ranks {
 public:
  int rank(int group, int member) {
    auto& members = members_[group];
    const auto found = std::find(members.begin(), members.end(), member);
    if (found != members.end()) return static_cast<int>(found - members.begin());
    members.push_back(member);
    return static_cast<int>(members.size()) - 1;
  }

 private:
  std::map<int, std::vector<int>> members_;
};

std::vector<Core> spread_order(const Machine& machine) {
  std::vector<Core> cores = usable_cores_in_order(machine);
  Ranks nodes, domains;
  std::map<std::pair<int, int>, int> cores_seen;  // (kind, L3 domain) -> cores so far
  using Key = std::tuple<int, int, int, int, int>;
  std::vector<std::pair<Key, Core>> keyed;
  for (Core& core : cores) {
    const Key key{core.kind, cores_seen[{core.kind, core.l3_domain}]++,
                  domains.rank(core.node, core.l3_domain), nodes.rank(core.package, core.node),
                  core.package};
    keyed.emplace_back(key, std::move(core));
  }
  std::stable_sort(keyed.begin(), keyed.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  cores.clear();
  for (auto& [key, core] : keyed) cores.push_back(std::move(core));
  return cores;
}

std::vector<int> spread_pus(const Machine& machine) {
  const std::vector<Core> cores = spread_order(machine);
  std::size_t most = 0;
  for (const Core& core : cores) most = std::max(most, core.pus.size());
  std::vector<int> pus;
  for (std::size_t rank = 0; rank < most; ++rank) {
    for (const Core& core : cores) {
      if (rank < core.pus.size()) pus.push_back(core.pus[rank]);
    }
  }
  return pus;
}

// Usable PUs in spread order of those cores only that `is_inside` accepts.
template <class IsInside>
std::vector<int> spread_pus_inside(const Machine& machine, IsInside is_inside) {
  Machine part = machine;
  for (Pu& pu : part.pus) pu.usable = pu.usable && is_inside(pu);
  return spread_pus(part);
}

// The group with the most usable cores, the first of equals.
template <class GroupOf>
std::vector<int> spread_pus_of_largest(const Machine& machine, GroupOf group_of) {
  std::map<int, std::set<int>> cores;
  for (const Pu& pu : machine.pus) {
    if (pu.usable) cores[group_of(pu)].insert(pu.core);
  }
  if (cores.empty()) return {};
  const auto largest = std::max_element(
      cores.begin(), cores.end(),
      [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  return spread_pus_inside(machine, [&](const Pu& pu) { return group_of(pu) == largest->first; });
}

std::vector<int> compact_pus(const Machine& machine) {
  std::vector<Core> cores = usable_cores_in_order(machine);
  std::stable_sort(cores.begin(), cores.end(), [](const Core& a, const Core& b) {
    return std::tie(a.kind, a.package, a.node, a.l3_domain, a.index) <
           std::tie(b.kind, b.package, b.node, b.l3_domain, b.index);
  });
  std::vector<int> pus;
  for (const Core& core : cores) pus.insert(pus.end(), core.pus.begin(), core.pus.end());
  return pus;
}

}  // namespace

namespace {

constexpr std::pair<Placement, std::string_view> kPlacements[] = {
    {Placement::kSpread, "spread"},
    {Placement::kCompact, "compact"},
    {Placement::kL3Domain, "l3_domain"},
    {Placement::kNumaNode, "numa_node"}};

std::vector<int> pus_in_order(const Machine& machine, Placement placement) {
  switch (placement) {
    case Placement::kSpread:
      return spread_pus(machine);
    case Placement::kCompact:
      return compact_pus(machine);
    case Placement::kL3Domain:
      return spread_pus_of_largest(machine, [](const Pu& pu) { return pu.l3_domain; });
    case Placement::kNumaNode:
      return spread_pus_of_largest(machine, [](const Pu& pu) { return pu.numa_node; });
  }
  return {};
}

std::vector<int> first_of(const std::vector<int>& pus, int threads) {
  std::vector<int> placed;
  if (pus.empty()) return placed;
  for (int i = 0; i < threads; ++i) placed.push_back(pus[static_cast<std::size_t>(i) % pus.size()]);
  return placed;
}

}  // namespace

std::string_view to_string(Placement placement) {
  for (const auto& [known, name] : kPlacements) {
    if (known == placement) return name;
  }
  return "spread";
}

Placement placement_from_string(std::string_view text) {
  std::string names;
  for (const auto& [known, name] : kPlacements) {
    if (name == text) return known;
    names += std::string(names.empty() ? "" : ", ") + std::string(name);
  }
  throw Error(ErrorCode::kUsage,
              "placement '" + std::string(text) + "' is unknown: use one of " + names);
}

std::vector<int> place(const Machine& machine, int threads, Placement placement) {
  return first_of(pus_in_order(machine, placement), threads);
}

std::vector<int> place_on_node(const Machine& machine, int node, int threads) {
  return first_of(spread_pus_inside(machine, [node](const Pu& pu) { return pu.numa_node == node; }),
                  threads);
}

std::vector<int> place_on_cores(const Machine& machine, int cores, int threads_per_core) {
  const auto wanted = static_cast<std::size_t>(threads_per_core);
  std::vector<int> placed;
  int found = 0;
  for (const Core& core : spread_order(machine)) {
    if (found == cores) break;
    if (core.pus.size() < wanted) continue;
    placed.insert(placed.end(), core.pus.begin(), core.pus.begin() + threads_per_core);
    ++found;
  }
  if (found < cores) placed.clear();
  return placed;
}

}  // namespace mb
