// Siblings: pairs that get little more done together than one alone, and hand over far faster than
// either does to others. Contention in any other pattern (a host that deals out too few CPUs) is no
// core. Of the claim and the numberings in use (no siblings, adjacent, half the machine apart) the
// one stands that fits the pairs, also for CPUs that were not measured; where every pair was
// measured and none fits, the pairs themselves do.
#include <algorithm>
#include <set>

#include "data/plan/topology_pairs.h"

namespace mb::pairs {
namespace {

// Two threads of one core share its multipliers: 0.5 to 0.6 where one thread keeps them busy.
// Cores apart lose 10 % at most to a lower clock (all-core against single-core turbo). Between the
// two bounds nothing is concluded.
constexpr double kContends = 0.72, kSeparate = 0.85;
// Inside a core a line need not leave the L1: 5 to 10 ns where the next core takes 17 to 60.
constexpr double kSiblingHandoff = 0.65;
constexpr double kMostStray = 0.1;  // of the pairs may lie on the wrong side
constexpr double kStrays = 0.04;    // of the pairs may contradict a numbering that fits the rest

// "4 cores of 2 threads (0+4, 1+5, …)"; of mixed sizes "4 cores of 2 threads, 4 of 1".
std::string core_words(const Groups& cores) {
  std::map<std::size_t, std::size_t, std::greater<>> by_size;
  std::string pairs;
  constexpr std::size_t kMostNamed = 8;
  std::size_t named = 0;
  for (const auto& [core, cpus] : members_of(cores)) {
    ++by_size[cpus.size()];
    if (cpus.size() < 2 || named++ >= kMostNamed) continue;
    pairs += pairs.empty() ? "" : ", ";
    for (const int cpu : cpus) pairs += (cpu == cpus.front() ? "" : "+") + std::to_string(cpu);
  }
  if (named > kMostNamed) pairs += ", …";
  std::string words;
  for (const auto& [size, cores_of_it] : by_size) {
    words += words.empty() ? count_of(cores_of_it, "core") : ", " + std::to_string(cores_of_it);
    words += " of " + count_of(size, "thread");
  }
  return words + (pairs.empty() ? "" : " (" + pairs + ")");
}

struct Cores {
  Groups groups;             // of the measured CPUs
  bool clear = true;         // false: contention in a pattern that no core makes
  bool backed = true;        // every core's hand-offs are far below the others of its CPUs
  std::size_t unclear = 0;   // pairs between the two bounds
  std::set<int> with_pairs;  // CPUs of cores with more than one thread
};

// Whether the hand-off of a pair is far below all of its CPUs to CPUs that do not contend with
// them; nullopt without comparison.
std::optional<bool> handoff_stands_out(const Pairs& contention, const Pairs& handoff, int a,
                                       int b) {
  const auto mine = find(handoff, a, b);
  std::optional<double> least;
  for (const auto& [pair, seconds] : handoff) {
    const int shared =
        (pair.first == a || pair.first == b) + (pair.second == a || pair.second == b);
    if (shared != 1) continue;
    if (find(contention, pair.first, pair.second).value_or(1) <= kContends) continue;
    least = std::min(least.value_or(seconds), seconds);
  }
  if (!mine || !least) return std::nullopt;
  return *mine <= kSiblingHandoff * *least;
}

// CPUs that all contend with one another and with nobody else.
Cores measured_cores(const std::vector<int>& cpus, const Pairs& contention, const Pairs& handoff) {
  // A CPU that a disturbance slowed may seem to contend; without its hand-off it is no sibling.
  std::vector<std::pair<int, int>> edges;
  for (const auto& [pair, share] : contention) {
    if (share > kContends) continue;
    const auto stands_out = handoff_stands_out(contention, handoff, pair.first, pair.second);
    if (stands_out.value_or(true)) edges.push_back(pair);
  }
  Cores cores;
  Sets sets(cpus);
  for (const auto& [a, b] : edges) sets.join(a, b);
  cores.groups = sets.groups();
  std::size_t disturbed = 0;
  for (const auto& [pair, share] : contention) {
    const bool together = cores.groups.at(pair.first) == cores.groups.at(pair.second);
    cores.unclear += share > kContends && share < kSeparate;
    // A pair inside that does not contend, or one that contends and is no core.
    disturbed += together ? share >= kSeparate : share <= kContends;
    if (!together) continue;
    cores.with_pairs.insert({pair.first, pair.second});
    cores.backed = cores.backed &&
                   handoff_stands_out(contention, handoff, pair.first, pair.second).has_value();
  }
  cores.clear = static_cast<double>(disturbed + cores.unclear) <=
                kMostStray * static_cast<double>(contention.size());
  return cores;
}

enum class Numbering { kNone, kAdjacent, kHalf };

int sibling_by(Numbering numbering, int position, int cpus) {
  if (numbering == Numbering::kAdjacent) return position ^ 1;
  return position < cpus / 2 ? position + cpus / 2 : position - cpus / 2;
}

Groups numbered(const std::vector<int>& cpus, Numbering numbering) {
  Groups groups;
  const auto count = static_cast<int>(cpus.size());
  for (int i = 0; i < count; ++i) {
    const int other = numbering == Numbering::kNone ? i : sibling_by(numbering, i, count);
    groups[cpus[static_cast<std::size_t>(i)]] = cpus[static_cast<std::size_t>(std::min(i, other))];
  }
  return groups;
}

// Pairs of which the measured cores say otherwise than these.
std::size_t mismatches(const Groups& groups, const Cores& cores, const Pairs& contention) {
  return static_cast<std::size_t>(std::ranges::count_if(contention, [&](const auto& entry) {
    const auto& [a, b] = entry.first;
    return (groups.at(a) == groups.at(b)) != (cores.groups.at(a) == cores.groups.at(b));
  }));
}

// Whether pairs were timed that would show siblings numbered in each of the ways in use.
bool tells_numberings_apart(const std::vector<int>& cpus, const Pairs& contention) {
  if (contention.size() >= cpus.size() * (cpus.size() - 1) / 2) return true;  // all pairs
  constexpr int kLeastSeen = 2;
  for (const Numbering numbering : {Numbering::kAdjacent, Numbering::kHalf}) {
    if (cpus.size() % 2 != 0) continue;
    const Groups groups = numbered(cpus, numbering);
    const auto seen = std::ranges::count_if(contention, [&](const auto& entry) {
      return groups.at(entry.first.first) == groups.at(entry.first.second);
    });
    if (seen < kLeastSeen) return false;
  }
  return true;
}

// Of the claim and the numberings in use, the one that fits the pairs best.
std::pair<Groups, std::size_t> best_explanation(const std::vector<int>& cpus, const Groups& claimed,
                                                const Cores& cores, const Pairs& contention) {
  std::vector<Groups> candidates{claimed, numbered(cpus, Numbering::kNone)};
  if (cpus.size() % 2 == 0) {
    candidates.push_back(numbered(cpus, Numbering::kAdjacent));
    candidates.push_back(numbered(cpus, Numbering::kHalf));
  }
  const auto best = std::ranges::min_element(
      candidates, {}, [&](const Groups& groups) { return mismatches(groups, cores, contention); });
  return {*best, mismatches(*best, cores, contention)};
}

}  // namespace

TopologyRelation check_siblings(const Machine& machine, const Pairs& contention,
                                const Pairs& handoff) {
  const std::vector<int> cpus = usable_cpus(machine);
  const Groups claimed = claimed_groups(machine, &Pu::core);
  TopologyRelation relation;
  relation.claimed = core_words(claimed);
  if (contention.empty() || !tells_numberings_apart(cpus, contention)) {
    relation.seen = contention.empty() ? "no two CPUs were timed together"
                                       : "too few pairs of CPUs were timed together";
    return relation;
  }
  const Cores cores = measured_cores(cpus, contention, handoff);
  if (!cores.clear) {
    relation.seen =
        "CPUs slow one another in a pattern that no core makes: disturbed, or a host that shares "
        "its CPUs out";
    return relation;
  }
  const auto [groups, wrong] = best_explanation(cpus, claimed, cores, contention);
  const bool all_pairs = contention.size() == cpus.size() * (cpus.size() - 1) / 2;
  relation.group_of = groups;
  // Without any sibling there is no hand-off to back them.
  relation.confidence = cores.with_pairs.empty() || cores.backed ? "high" : "medium";
  if (static_cast<double>(wrong) > kStrays * static_cast<double>(contention.size())) {
    if (!all_pairs) {
      relation.group_of.clear();
      relation.seen = "the pairs that were timed fit no numbering of siblings that is in use";
      relation.confidence = "low";
      return relation;
    }
    relation.group_of = cores.groups;  // an irregular set of CPUs
  } else if (wrong > 0) {
    relation.confidence = "medium";
  }
  relation.seen = core_words(relation.group_of);
  relation.agreement = relation.group_of == claimed ? Agreement::kAgrees : Agreement::kDiffers;
  return relation;
}

}  // namespace mb::pairs
