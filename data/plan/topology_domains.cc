// Domains: a threshold on hand-off times parts the CPUs into groups that are joined by short
// hand-offs. It is accepted where almost every hand-off inside a group is clearly shorter than
// almost every one between groups. The finest accepted parting is taken for L3 domains, a coarser
// one for sockets. Times that rise smoothly with distance (a mesh) give no parting, hence one
// group.
#include <algorithm>
#include <cmath>
#include <set>

#include "data/plan/topology_pairs.h"

namespace mb::pairs {
namespace {

// Groups: the slowest hand-offs inside against the fastest between. Sockets and chiplets part by 2
// to 5; a mesh between a core's neighbour and one a quarter of the die away by 1.2.
constexpr double kClearlyApart = 1.3, kSureRatio = 1.5;
constexpr double kOutliers = 0.1;  // of the pairs may lie on the wrong side
// Cores under one L3 hand a line over in 17 to 80 ns; between sockets it takes 110 ns and more.
constexpr double kOneL3AtMostSeconds = 90e-9;

double quantile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  const auto last = static_cast<double>(values.size() - 1);
  return values.at(static_cast<std::size_t>(std::lround(share * last)));
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

}  // namespace

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

}  // namespace mb::pairs
