// Evidence from points, the three relations put together, and what is made of them.
// topology_siblings.cc and topology_domains.cc decide.
#include "data/plan/topology_check.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "data/plan/topology_pairs.h"

namespace mb {
namespace pairs {
namespace {

std::vector<const Pu*> usable_pus(const Machine& machine) {
  std::vector<const Pu*> pus;
  for (const Pu& pu : machine.pus) {
    if (pu.usable) pus.push_back(&pu);
  }
  std::ranges::sort(pus, {}, [](const Pu* pu) { return pu->os_index; });
  return pus;
}

}  // namespace

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

std::optional<double> find(const Pairs& pairs, int a, int b) {
  const auto found = pairs.find({std::min(a, b), std::max(a, b)});
  return found == pairs.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace pairs

namespace {

using namespace pairs;

Pairs pairs_of(const std::vector<PairValue>& values) {
  Pairs pairs;
  for (const PairValue& value : values) {
    pairs[{std::min(value.a, value.b), std::max(value.a, value.b)}] = value.value;
  }
  return pairs;
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
