// Siblings: pairs that get little more done together than one alone, and hand over far faster than
// either does to others. Contention in any other pattern (a host that deals out too few CPUs) is no
// core. Of the claim and the numberings in use (no siblings, adjacent, half the machine apart) the
// one stands that fits the pairs, also for CPUs that were not measured; where every pair was
// measured and none fits, the pairs themselves do.
//
// Domains: a threshold on hand-off times parts the CPUs into groups that are joined by short
// hand-offs. It is accepted where almost every hand-off inside a group is clearly shorter than
// almost every one between groups. The finest accepted parting is taken for L3 domains, a coarser
// one for sockets. Times that rise smoothly with distance (a mesh) give no parting, hence one
// group.
#include "data/plan/topology_check.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <set>

namespace mb {
namespace {

using Agreement = TopologyRelation::Agreement;
using Groups = std::map<int, int>;  // CPU -> smallest CPU of its group

// Two threads of one core share its multipliers: 0.5 to 0.6 where one thread keeps them busy.
// Cores apart lose 10 % at most to a lower clock (all-core against single-core turbo). Between the
// two bounds nothing is concluded.
constexpr double kContends = 0.72, kSeparate = 0.85;
// Inside a core a line need not leave the L1: 5 to 10 ns where the next core takes 17 to 60.
constexpr double kSiblingHandoff = 0.65;
// Groups: the slowest hand-offs inside against the fastest between. Sockets and chiplets part by 2
// to 5; a mesh between a core's neighbour and one a quarter of the die away by 1.2.
constexpr double kClearlyApart = 1.3, kSureRatio = 1.5;
constexpr double kOutliers = 0.1;  // of the pairs may lie on the wrong side
constexpr double kStrays = 0.04;   // of the pairs may contradict a numbering that fits the rest
// Cores under one L3 hand a line over in 17 to 80 ns; between sockets it takes 110 ns and more.
constexpr double kOneL3AtMostSeconds = 90e-9;

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

std::vector<const Pu*> usable_pus(const Machine& machine) {
  std::vector<const Pu*> pus;
  for (const Pu& pu : machine.pus) {
    if (pu.usable) pus.push_back(&pu);
  }
  std::ranges::sort(pus, {}, [](const Pu* pu) { return pu->os_index; });
  return pus;
}

std::vector<int> usable_cpus(const Machine& machine) {
  std::vector<int> cpus;
  for (const Pu* pu : usable_pus(machine)) cpus.push_back(pu->os_index);
  return cpus;
}

Groups claimed_groups(const Machine& machine, int Pu::*member) {
  std::map<int, int> first;
  Groups groups;
  for (const Pu* pu : usable_pus(machine)) {
    groups[pu->os_index] = first.emplace(pu->*member, pu->os_index).first->second;
  }
  return groups;
}

// Of these CPUs only, groups named anew by their smallest member.
Groups among(const Groups& groups, const std::set<int>& cpus) {
  std::map<int, int> first;
  Groups kept;
  for (const auto& [cpu, group] : groups) {
    if (cpus.contains(cpu)) kept[cpu] = first.emplace(group, cpu).first->second;
  }
  return kept;
}

std::map<int, std::vector<int>> members_of(const Groups& groups) {
  std::map<int, std::vector<int>> members;
  for (const auto& [cpu, group] : groups) members[group].push_back(cpu);
  return members;
}

std::string count_of(std::size_t count, const std::string& one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

double quantile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  const auto last = static_cast<double>(values.size() - 1);
  return values.at(static_cast<std::size_t>(std::lround(share * last)));
}

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

// "2 groups of 6 CPUs"; "3 groups of 2 to 6 CPUs".
std::string group_words(const Groups& groups, const std::string& name) {
  std::size_t least = groups.size(), most = 0;
  const auto members = members_of(groups);
  for (const auto& [group, cpus] : members) {
    least = std::min(least, cpus.size());
    most = std::max(most, cpus.size());
  }
  return count_of(members.size(), name) + " of " +
         (least == most ? count_of(most, "CPU")
                        : std::to_string(least) + " to " + count_of(most, "CPU"));
}

using Pairs = std::map<std::pair<int, int>, double>;

Pairs pairs_of(const std::vector<PairValue>& values) {
  Pairs pairs;
  for (const PairValue& value : values) {
    pairs[{std::min(value.a, value.b), std::max(value.a, value.b)}] = value.value;
  }
  return pairs;
}

std::optional<double> find(const Pairs& pairs, int a, int b) {
  const auto found = pairs.find({std::min(a, b), std::max(a, b)});
  return found == pairs.end() ? std::nullopt : std::optional(found->second);
}

// ---- siblings

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
                kOutliers * static_cast<double>(contention.size());
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

// ---- L3 domains and packages

struct Parting {
  Groups groups;
  double ratio = 1;      // median hand-off between groups over the one inside
  bool complete = true;  // every two groups were compared
};

// The parting by one threshold; nullopt where inside and between are not clearly apart.
std::optional<Parting> part(const std::vector<int>& cpus, const Groups& cores, const Pairs& handoff,
                            double threshold) {
  Sets sets(cpus);
  for (const int cpu : cpus) sets.join(cpu, cores.at(cpu));
  for (const auto& [pair, seconds] : handoff) {
    if (seconds <= threshold) sets.join(pair.first, pair.second);
  }
  Parting parting;
  parting.groups = sets.groups();
  std::vector<double> inside, between;
  std::map<std::pair<int, int>, std::vector<double>> compared;  // of two groups
  for (const auto& [pair, seconds] : handoff) {
    if (cores.at(pair.first) == cores.at(pair.second)) continue;
    const int a = parting.groups.at(pair.first), b = parting.groups.at(pair.second);
    (a == b ? inside : between).push_back(seconds);
    if (a != b) compared[{std::min(a, b), std::max(a, b)}].push_back(seconds);
  }
  if (inside.empty() || between.empty()) return std::nullopt;
  const double slow_inside = kClearlyApart * quantile(inside, 1 - kOutliers);
  if (quantile(between, kOutliers) < slow_inside) return std::nullopt;
  // Every two groups are apart by themselves: one disturbed CPU is no group.
  for (const auto& [groups, times] : compared) {
    if (quantile(times, 0.5) < slow_inside) return std::nullopt;
  }
  // A domain has several cores: a parting into single cores and a rest is a fast cluster at most.
  std::size_t alone = 0;
  const auto members = members_of(parting.groups);
  for (const auto& [group, in_it] : members) {
    std::set<int> cores_of_it;
    for (const int cpu : in_it) cores_of_it.insert(cores.at(cpu));
    alone += cores_of_it.size() < 2;
  }
  if (4 * alone > members.size()) return std::nullopt;
  parting.ratio = quantile(between, 0.5) / quantile(inside, 0.5);
  parting.complete = compared.size() == members.size() * (members.size() - 1) / 2;
  return parting;
}

// Accepted partings, the finest first.
std::vector<Parting> partings(const std::vector<int>& cpus, const Groups& cores,
                              const Pairs& handoff) {
  std::vector<double> times;
  for (const auto& [pair, seconds] : handoff) times.push_back(seconds);
  std::ranges::sort(times);
  std::vector<Parting> accepted;
  for (std::size_t i = 0; i + 1 < times.size(); ++i) {
    auto parting = part(cpus, cores, handoff, times[i]);
    if (!parting) continue;
    const auto same = std::ranges::find(accepted, parting->groups, &Parting::groups);
    if (same == accepted.end()) accepted.push_back(*std::move(parting));
  }
  return accepted;
}

bool has_group_of_several_cores(const Groups& groups, const Groups& cores) {
  std::map<int, std::set<int>> members;
  for (const auto& [cpu, group] : groups) members[group].insert(cores.at(cpu));
  return std::ranges::any_of(members, [](const auto& entry) { return entry.second.size() > 1; });
}

std::size_t groups_in(const Groups& groups) { return members_of(groups).size(); }

// What a parting says of a claim on the CPUs that were measured.
void compare(const Parting& parting, const Groups& claimed, const std::string& name,
             TopologyRelation& relation) {
  relation.group_of = parting.groups;
  relation.agreement = parting.groups == claimed ? Agreement::kAgrees : Agreement::kDiffers;
  relation.confidence = parting.complete && parting.ratio >= kSureRatio ? "high" : "medium";
  relation.seen = group_words(parting.groups, name) + (parting.complete ? "" : " at most");
}

// Hand-offs that part nothing: one group, or groups of one core that cannot be told from it.
void compare_with_one_group(const Groups& claimed, const Groups& of_all, const Groups& cores,
                            const Pairs& handoff, const std::string& name,
                            TopologyRelation& relation) {
  std::vector<double> times;
  for (const auto& [pair, seconds] : handoff) {
    if (cores.at(pair.first) != cores.at(pair.second)) times.push_back(seconds);
  }
  constexpr std::size_t kLeastPairs = 3;
  if (times.size() < kLeastPairs) {
    relation.seen = "too few hand-offs between cores to tell groups apart";
    return;
  }
  const bool one_claimed = groups_in(claimed) == 1;
  const bool short_enough = quantile(times, 0.5) <= kOneL3AtMostSeconds;
  if (!one_claimed && !has_group_of_several_cores(claimed, cores) && !short_enough) {
    relation.seen = "hand-offs are alike and long: groups of one core, or one slow group";
    return;
  }
  // The CPUs that were measured span the machine, so one group of them is one of all.
  for (const auto& [cpu, group] : of_all) relation.group_of[cpu] = of_all.begin()->first;
  relation.seen = group_words(relation.group_of, name);
  relation.agreement = one_claimed ? Agreement::kAgrees : Agreement::kDiffers;
  relation.confidence = "high";
}

// CPUs of which every pair was measured: those with the most pairs first, as long as that holds. A
// group that hangs on a single pair would fall apart with one disturbed hand-off.
std::set<int> wholly_measured(const Pairs& handoff) {
  std::map<int, int> degree;
  for (const auto& [pair, seconds] : handoff) {
    ++degree[pair.first];
    ++degree[pair.second];
  }
  std::vector<std::pair<int, int>> order;  // most pairs first, then by CPU
  for (const auto& [cpu, pairs] : degree) order.emplace_back(-pairs, cpu);
  std::ranges::sort(order);
  std::set<int> whole;
  for (const auto& [pairs, cpu] : order) {
    if (std::ranges::all_of(
            whole, [&, &c = cpu](int other) { return find(handoff, c, other).has_value(); })) {
      whole.insert(cpu);
    }
  }
  return whole;
}

void check_domains(const Machine& machine, const Groups& cores_of_all, Pairs handoff,
                   TopologyCheck& check) {
  const std::set<int> measured = wholly_measured(handoff);
  std::erase_if(handoff, [&](const auto& entry) {
    return !measured.contains(entry.first.first) || !measured.contains(entry.first.second);
  });
  const std::vector<int> cpus(measured.begin(), measured.end());
  const Groups cores = among(cores_of_all, measured);
  const Groups l3 = among(claimed_groups(machine, &Pu::l3_domain), measured);
  const Groups packages = among(claimed_groups(machine, &Pu::package), measured);
  check.l3_domains.claimed = l3.empty() ? "" : group_words(l3, "L3 domain");
  check.packages.claimed = packages.empty() ? "" : group_words(packages, "package");
  const std::vector<Parting> found = partings(cpus, cores, handoff);
  if (found.empty()) {
    compare_with_one_group(l3, cores_of_all, cores, handoff, "L3 domain", check.l3_domains);
    compare_with_one_group(packages, cores_of_all, cores, handoff, "package", check.packages);
    return;
  }
  const Parting& finest = found.front();
  const Parting& coarsest = found.back();
  compare(finest, l3, "L3 domain", check.l3_domains);
  if (found.size() > 1 || coarsest.groups == packages) {
    compare(coarsest, packages, "package", check.packages);
  } else if (groups_in(packages) == 1) {
    // One parting and one package: chiplets explain it, a hidden second socket would too.
    check.packages.group_of = packages;
    check.packages.agreement = Agreement::kAgrees;
    check.packages.confidence = "medium";
    check.packages.seen = group_words(packages, "package") + ", if the groups are chiplets of it";
  } else {
    compare(coarsest, packages, "package", check.packages);
    check.packages.confidence = "medium";
  }
}

Pairs among(Pairs pairs, const Machine& machine) {
  const std::vector<int> cpus = usable_cpus(machine);
  std::erase_if(pairs, [&](const auto& entry) {
    const auto& [a, b] = entry.first;
    return a == b || !std::ranges::binary_search(cpus, a) || !std::ranges::binary_search(cpus, b) ||
           !(entry.second > 0);
  });
  return pairs;
}

}  // namespace

TopologyEvidence topology_evidence(const Results& results) {
  std::map<std::int64_t, double> alone;
  TopologyEvidence evidence;
  const auto usable = [](const Point* point) {
    return point->verdict.validity <= Validity::kNoisy && point->summary.count > 0;
  };
  const std::vector<const Point*> points = results.of_probe("core_to_core");
  for (const Point* point : points) {
    const Parameters& axes = point->parameters;
    if (!usable(point) || axes.text_or("operation", "") != "contention" || axes.has("to_pu")) {
      continue;
    }
    alone[axes.number_or("from_pu", -1)] = point->summary.best;
  }
  for (const Point* point : points) {
    const Parameters& axes = point->parameters;
    const auto a = axes.number("from_pu"), b = axes.number("to_pu");
    if (!usable(point) || !a || !b) continue;
    PairValue pair{static_cast<int>(std::min(*a, *b)), static_cast<int>(std::max(*a, *b)), 0};
    if (axes.text_or("operation", "") == "contention") {
      if (!alone.contains(*a) || !alone.contains(*b)) continue;
      pair.value = point->summary.best / (alone.at(*a) + alone.at(*b));
      evidence.contention.push_back(pair);
    } else {
      pair.value = point->summary.median;
      evidence.handoff.push_back(pair);
    }
  }
  return evidence;
}

TopologyCheck check_topology(const Machine& machine, const TopologyEvidence& evidence) {
  const Pairs contention = among(pairs_of(evidence.contention), machine);
  const Pairs handoff = among(pairs_of(evidence.handoff), machine);
  TopologyCheck check;
  std::set<int> measured;
  for (const Pairs* pairs : {&contention, &handoff}) {
    for (const auto& [pair, value] : *pairs) measured.insert({pair.first, pair.second});
  }
  check.cpus_measured = static_cast<int>(measured.size());
  check.siblings = check_siblings(machine, contention, handoff);
  if (handoff.empty()) {
    check.l3_domains.seen = check.packages.seen = "no hand-off between CPUs was timed";
    return check;
  }
  const Groups cores = check.siblings.group_of.empty() ? claimed_groups(machine, &Pu::core)
                                                       : check.siblings.group_of;
  check_domains(machine, cores, handoff, check);
  return check;
}

TopologyCheck check_topology(const Results& results) {
  return check_topology(results.machine, topology_evidence(results));
}

Machine with_inferred_topology(const Machine& machine, const TopologyCheck& check) {
  Machine inferred = machine;
  const auto number = [&](const TopologyRelation& relation, int Pu::*member) {
    // Only where every usable CPU has a group: a mixture of both namings would mean nothing.
    if (!relation.corrects_the_claim() ||
        relation.group_of.size() != static_cast<std::size_t>(machine.usable_pus())) {
      return false;
    }
    std::map<int, int> index;
    for (const auto& [cpu, group] : relation.group_of) {
      index.emplace(group, static_cast<int>(index.size()));
    }
    for (Pu& pu : inferred.pus) {
      // CPUs that may not be used keep apart from those that may.
      pu.*member = pu.usable ? index.at(relation.group_of.at(pu.os_index))
                             : static_cast<int>(index.size()) + pu.*member;
    }
    return true;
  };
  if (number(check.siblings, &Pu::core)) {
    std::map<int, int> seen;
    std::vector<Pu*> in_order;
    for (Pu& pu : inferred.pus) in_order.push_back(&pu);
    std::ranges::sort(in_order, {}, [](const Pu* pu) { return pu->os_index; });
    for (Pu* pu : in_order) pu->smt_rank = seen[pu->core]++;
  }
  number(check.l3_domains, &Pu::l3_domain);
  number(check.packages, &Pu::package);
  return inferred;
}

std::vector<int> cpus_to_check(const Machine& machine, std::size_t most) {
  const std::vector<int> cpus = usable_cpus(machine);
  const std::size_t count = cpus.size();
  if (count <= most) return cpus;
  const std::size_t half = count / 2, quarter = count / 4 / 2 * 2;  // even: pairs of neighbours
  std::vector<int> chosen;
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{1}, half, half + 1, quarter, quarter + 1, half + quarter,
        half + quarter + 1, count - 2, count - 1, std::size_t{2}, std::size_t{3}, half + 2,
        half + 3, half - 2, half - 1}) {
    if (chosen.size() == most) break;
    if (at < count && std::ranges::find(chosen, cpus[at]) == chosen.end()) {
      chosen.push_back(cpus[at]);
    }
  }
  std::ranges::sort(chosen);
  return chosen;
}

std::string_view to_string(TopologyRelation::Agreement agreement) {
  return agreement == Agreement::kAgrees    ? "agrees"
         : agreement == Agreement::kDiffers ? "differs"
                                            : "unknown";
}

std::string to_json_text(const TopologyCheck& check) {
  const auto relation = [](const TopologyRelation& of) {
    nlohmann::ordered_json groups = nlohmann::ordered_json::array();
    for (const auto& [group, cpus] : members_of(of.group_of)) groups.push_back(cpus);
    return nlohmann::ordered_json{{"agreement", to_string(of.agreement)},
                                  {"confidence", of.confidence},
                                  {"claimed", of.claimed},
                                  {"seen", of.seen},
                                  {"groups", groups}};
  };
  return nlohmann::ordered_json{{"cpus_measured", check.cpus_measured},
                                {"siblings", relation(check.siblings)},
                                {"l3_domains", relation(check.l3_domains)},
                                {"packages", relation(check.packages)}}
             .dump(1) +
         "\n";
}

}  // namespace mb
