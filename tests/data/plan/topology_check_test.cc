// The topology check on simulated machines: what is really there gives the two matrices, with
// noise; what the system claims is another machine document.
//
// Hand-off times are of published core-to-core matrices (one line bounced between two threads):
// 5 to 10 ns inside a core, 20 (chiplet) to 60 ns (mesh) inside an L3, 80 to 110 ns between the
// chiplets of a socket, 130 to 250 ns between sockets.
#include "data/plan/topology_check.h"

#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <set>

#include "data/plan/placement.h"
#include "data/plan/plan.h"
#include "tests/data/plan/machines.h"

namespace mb {
namespace {

using Agreement = TopologyRelation::Agreement;
using testing::HasSubstr;
using testing::Not;

struct Truth {
  Machine machine;  // as it really is
  double core_ns = 8, l3_ns = 25, package_ns = 95, far_ns = 210;
  double mesh = 0;            // hand-offs inside an L3 rise by this share towards the far corner
  double siblings_do = 0.53;  // of the sum of their rates alone
  double noise = 0.04;        // relative, of every figure
  double disturbed = 0.01;    // of the pairs are slowed by a neighbour
};

// OS indices as if siblings were adjacent: 0 and 1 on core 0.
Machine adjacent(Machine machine, int smt) {
  for (Pu& pu : machine.pus) pu.os_index = pu.core * smt + pu.smt_rank;
  return machine;
}

// What a guest that hides siblings says: every PU a core.
Machine flattened(Machine machine) {
  for (Pu& pu : machine.pus) {
    pu.core = pu.os_index;
    pu.smt_rank = 0;
  }
  return machine;
}

// The pairs that the plan would measure at this budget, or all of them.
std::set<std::pair<int, int>> planned_pairs(const Machine& claimed, const std::string& operation) {
  std::set<std::pair<int, int>> pairs;
  for (const PlannedStep& step : make_plan(claimed, {}).steps) {
    if (step.probe != "core_to_core") continue;
    for (const PlannedPoint& point : step.points) {
      const Parameters& axes = point.parameters;
      if (axes.text_or("operation", "") != operation || !axes.has("to_pu")) continue;
      pairs.insert({static_cast<int>(axes.number_or("from_pu", 0)),
                    static_cast<int>(axes.number_or("to_pu", 0))});
    }
  }
  return pairs;
}

TopologyEvidence measure(const Truth& truth, const Machine& claimed, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  std::map<int, const Pu*> at;
  for (const Pu& pu : truth.machine.pus) at[pu.os_index] = &pu;
  const auto noisy = [&](double value) { return value * std::exp(truth.noise * normal(random)); };
  TopologyEvidence evidence;
  for (const auto& [a, b] : planned_pairs(claimed, "contention")) {
    const bool together = at.at(a)->core == at.at(b)->core;
    double share = noisy(together ? truth.siblings_do : 0.96);
    if (uniform(random) < truth.disturbed) share *= 0.6;
    evidence.contention.push_back({a, b, share});
  }
  const auto count = static_cast<double>(truth.machine.pus.size());
  for (const auto& [a, b] : planned_pairs(claimed, "handoff")) {
    const Pu &x = *at.at(a), &y = *at.at(b);
    const double distance = std::abs(x.core - y.core) / count;
    double ns = x.core == y.core             ? truth.core_ns
                : x.l3_domain == y.l3_domain ? truth.l3_ns * (1 + truth.mesh * distance)
                : x.package == y.package     ? truth.package_ns
                                             : truth.far_ns;
    if (uniform(random) < truth.disturbed) ns *= 1.8;
    evidence.handoff.push_back({a, b, noisy(ns) * 1e-9});
  }
  return evidence;
}

// Many draws of the noise: the verdict must not hang on one of them.
void for_draws(const Truth& truth, const Machine& claimed,
               const std::function<void(const TopologyCheck&)>& expect) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("draw " + std::to_string(seed));
    expect(check_topology(claimed, measure(truth, claimed, seed)));
  }
}

void expect_all_agree(const TopologyCheck& check) {
  for (const auto* relation : {&check.siblings, &check.l3_domains, &check.packages}) {
    EXPECT_EQ(relation->agreement, Agreement::kAgrees)
        << relation->claimed << " / " << relation->seen;
  }
}

TEST(TopologyCheck, OneSocketWithoutSmtIsConfirmed) {
  const Machine machine = make_machine(1, 1, 8, 1);
  for_draws({machine}, machine, [](const TopologyCheck& check) {
    expect_all_agree(check);
    EXPECT_EQ(check.siblings.confidence, "high");
    EXPECT_EQ(check.cpus_measured, 8);
  });
}

TEST(TopologyCheck, SiblingsNumberedAdjacentAreConfirmed) {
  const Machine machine = adjacent(make_machine(1, 1, 8, 2), 2);
  for_draws({machine}, machine, expect_all_agree);
}

TEST(TopologyCheck, SiblingsNumberedHalfTheMachineApartAreConfirmed) {
  const Machine machine = make_machine(1, 1, 8, 2);
  for_draws({machine}, machine, expect_all_agree);
}

TEST(TopologyCheck, TwoSocketsAreConfirmedFromASample) {
  const Machine machine = make_machine(2, 1, 48, 2);
  Truth truth{machine};
  truth.l3_ns = 55;
  truth.far_ns = 130;
  for_draws(truth, machine, [](const TopologyCheck& check) {
    expect_all_agree(check);
    EXPECT_LT(check.cpus_measured, 192);
  });
}

TEST(TopologyCheck, ChipletsAreCounted) {
  for (const int domains : {2, 4, 8}) {
    SCOPED_TRACE(domains);
    const Machine machine = make_machine(1, domains, 16 / domains, 1);
    for_draws({machine}, machine, [&](const TopologyCheck& check) {
      EXPECT_EQ(check.siblings.agreement, Agreement::kAgrees);
      EXPECT_NE(check.l3_domains.agreement, Agreement::kDiffers) << check.l3_domains.seen;
      EXPECT_EQ(check.packages.agreement, Agreement::kAgrees) << check.packages.seen;
    });
  }
}

TEST(TopologyCheck, ChipletsThatAGuestShowsAsOneCacheAreFound) {
  const Machine truth = make_machine(1, 2, 4, 1);
  Machine claimed = truth;
  for (Pu& pu : claimed.pus) pu.l3_domain = 0;
  for_draws({truth}, claimed, [&](const TopologyCheck& check) {
    EXPECT_TRUE(check.l3_domains.corrects_the_claim()) << check.l3_domains.seen;
    EXPECT_THAT(check.l3_domains.seen, HasSubstr("2 L3 domains of 4 CPUs"));
    EXPECT_THAT(check.l3_domains.claimed, HasSubstr("1 L3 domain of 8 CPUs"));
    EXPECT_EQ(with_inferred_topology(claimed, check).usable_l3_domains(), 2);
  });
}

TEST(TopologyCheck, SocketsOfChipletsAreTwoPartings) {
  const Machine machine = make_machine(2, 2, 4, 1);
  for_draws({machine}, machine, [](const TopologyCheck& check) {
    EXPECT_EQ(check.l3_domains.agreement, Agreement::kAgrees) << check.l3_domains.seen;
    EXPECT_EQ(check.packages.agreement, Agreement::kAgrees) << check.packages.seen;
  });
}

TEST(TopologyCheck, AGuestThatHidesSiblingsIsToldFromItsPairs) {
  for (const bool are_adjacent : {true, false}) {
    SCOPED_TRACE(are_adjacent);
    Machine truth = make_machine(1, 1, 4, 2);
    if (are_adjacent) truth = adjacent(truth, 2);
    const Machine claimed = flattened(truth);
    for_draws({truth}, claimed, [&](const TopologyCheck& check) {
      EXPECT_TRUE(check.siblings.corrects_the_claim()) << check.siblings.seen;
      EXPECT_THAT(check.siblings.claimed, HasSubstr("8 cores of 1 thread"));
      EXPECT_THAT(check.siblings.seen, HasSubstr("4 cores of 2 threads"));
      EXPECT_THAT(check.siblings.seen, HasSubstr(are_adjacent ? "0+1, 2+3" : "0+4, 1+5"));
      const Machine inferred = with_inferred_topology(claimed, check);
      EXPECT_EQ(inferred.usable_cores(), 4);
      EXPECT_TRUE(inferred.has_smt());
      // One thread a core first, whatever the numbering.
      const std::vector<int> four = place(inferred, 4, Placement::kSpread);
      std::set<int> cores;
      for (const Pu& pu : truth.pus) {
        if (std::ranges::count(four, pu.os_index) > 0) cores.insert(pu.core);
      }
      EXPECT_EQ(cores.size(), 4U);
    });
  }
}

TEST(TopologyCheck, ALargeGuestThatHidesSiblingsFollowsTheNumberingOfTheSample) {
  const Machine truth = adjacent(make_machine(1, 1, 32, 2), 2);
  Machine claimed = flattened(truth);
  claimed.hypervisor = "KVM";  // whose plan gives time to second visits and to first touch
  for_draws({truth}, claimed, [&](const TopologyCheck& check) {
    EXPECT_THAT(check.siblings.seen, HasSubstr("32 cores of 2 threads"));
    EXPECT_TRUE(check.siblings.corrects_the_claim());
  });
}

TEST(TopologyCheck, ThreadsThatAGuestInventsAreCores) {
  const Machine truth = flattened(adjacent(make_machine(1, 1, 4, 2), 2));
  const Machine claimed = adjacent(make_machine(1, 1, 4, 2), 2);
  for_draws({truth}, claimed, [&](const TopologyCheck& check) {
    EXPECT_TRUE(check.siblings.corrects_the_claim()) << check.siblings.seen;
    EXPECT_EQ(with_inferred_topology(claimed, check).usable_cores(), 8);
  });
}

TEST(TopologyCheck, SixteenSocketsOfOneCoreAreOneSocket) {
  const Machine truth = make_machine(1, 1, 16, 1);
  const Machine claimed = make_machine(16, 1, 1, 1);
  for_draws({truth}, claimed, [&](const TopologyCheck& check) {
    EXPECT_EQ(check.siblings.agreement, Agreement::kAgrees);
    EXPECT_TRUE(check.packages.corrects_the_claim());
    EXPECT_TRUE(check.l3_domains.corrects_the_claim());
    EXPECT_THAT(check.packages.claimed, HasSubstr("packages of 1 CPU"));
    EXPECT_THAT(check.packages.seen, HasSubstr("1 package"));
    const Machine inferred = with_inferred_topology(claimed, check);
    EXPECT_EQ(inferred.usable_packages(), 1);
    EXPECT_EQ(inferred.usable_l3_domains(), 1);
  });
}

TEST(TopologyCheck, HybridCoresAreNeitherSiblingsNorSockets) {
  // Six cores of two threads (0 to 11), eight efficiency cores in clusters of four (12 to 19).
  Machine machine = adjacent(make_machine(1, 1, 6, 2), 2);
  for (int i = 0; i < 8; ++i) {
    Pu pu;
    pu.os_index = 12 + i;
    pu.core = 6 + i;
    pu.core_kind = 1;
    machine.pus.push_back(pu);
  }
  machine.limits.effective_cpus = machine.limits.installed_cpus = 20;
  Truth truth{machine};
  truth.l3_ns = 38;
  truth.mesh = 0.3;
  for_draws(truth, machine, [](const TopologyCheck& check) {
    EXPECT_NE(check.siblings.agreement, Agreement::kDiffers) << check.siblings.seen;
    EXPECT_EQ(check.l3_domains.agreement, Agreement::kAgrees) << check.l3_domains.seen;
    EXPECT_EQ(check.packages.agreement, Agreement::kAgrees) << check.packages.seen;
  });
}

TEST(TopologyCheck, AMeshThatRisesWithDistanceIsOneGroup) {
  const Machine machine = make_machine(1, 1, 96, 1);
  Truth truth{machine};
  truth.l3_ns = 40;
  truth.mesh = 0.9;
  for_draws(truth, machine, expect_all_agree);
}

TEST(TopologyCheck, AHostThatDealsOutTooFewCpusIsNoCore) {
  const Machine machine = make_machine(1, 1, 6, 1);
  Truth truth{machine};
  truth.disturbed = 0.6;  // most pairs slow one another at random
  for_draws(truth, machine, [](const TopologyCheck& check) {
    EXPECT_FALSE(check.siblings.corrects_the_claim()) << check.siblings.seen;
  });
}

TEST(TopologyCheck, TwoCpusHaveOnePair) {
  const Machine machine = make_machine(1, 1, 2, 1);
  for_draws({machine}, machine, [](const TopologyCheck& check) {
    EXPECT_EQ(check.siblings.agreement, Agreement::kAgrees);
    EXPECT_EQ(check.l3_domains.agreement, Agreement::kUnknown);
    EXPECT_THAT(check.l3_domains.seen, HasSubstr("too few"));
  });
  // Two threads of one core, shown as two: no other hand-off stands beside theirs.
  const Machine one_core = make_machine(1, 1, 1, 2);
  Truth truth{one_core};
  truth.disturbed = 0;
  for_draws(truth, flattened(one_core), [](const TopologyCheck& check) {
    EXPECT_TRUE(check.siblings.differs());
    EXPECT_EQ(check.siblings.confidence, "medium");
  });
}

TEST(TopologyCheck, WithoutEvidenceNothingIsClaimed) {
  const Machine machine = make_machine(2, 1, 4, 2);
  const TopologyCheck check = check_topology(machine, {});
  EXPECT_EQ(check.siblings.agreement, Agreement::kUnknown);
  EXPECT_THAT(check.siblings.seen, HasSubstr("no two CPUs"));
  EXPECT_EQ(check.packages.agreement, Agreement::kUnknown);
  EXPECT_EQ(with_inferred_topology(machine, check), machine);
}

TEST(TopologyCheck, EvidenceIsReadFromPoints) {
  Results results;
  results.machine = make_machine(1, 1, 2, 1);
  const auto add = [&](Parameters parameters, double value, Unit unit) {
    Point point;
    point.probe = "core_to_core";
    point.unit = unit;
    point.parameters = std::move(parameters);
    point.samples = {value, value, value};
    point.summary = summarise(point.samples, unit);
    results.points.push_back(point);
  };
  add({{"operation", "contention"}, {"from_pu", 0}, {"threads", 1}}, 40e9, Unit::kFlopsPerSecond);
  add({{"operation", "contention"}, {"from_pu", 1}, {"threads", 1}}, 60e9, Unit::kFlopsPerSecond);
  add({{"operation", "contention"}, {"from_pu", 0}, {"to_pu", 1}, {"threads", 2}}, 55e9,
      Unit::kFlopsPerSecond);
  add({{"operation", "handoff"}, {"from_pu", 0}, {"to_pu", 1}, {"threads", 2}}, 7e-9,
      Unit::kSeconds);
  const TopologyEvidence evidence = topology_evidence(results);
  ASSERT_EQ(evidence.contention.size(), 1U);
  EXPECT_DOUBLE_EQ(evidence.contention[0].value, 0.55);
  ASSERT_EQ(evidence.handoff.size(), 1U);
  EXPECT_DOUBLE_EQ(evidence.handoff[0].value, 7e-9);
  EXPECT_TRUE(check_topology(results).siblings.differs());
  results.points[2].verdict.worsen(Validity::kInvalid, "steal", "");
  EXPECT_FALSE(check_topology(results).siblings.differs());
}

// Every real matrix that was kept: what the machine is known to be stands in its file's name.
TEST(TopologyCheck, RealMatricesAgreeWithWhatIsKnown) {
  const std::filesystem::path folder = std::filesystem::path(SOURCE_DIR) / "data/topologies/pairs";
  int machines = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const Results results = results_from_json_text(text, entry.path().string());
    EXPECT_EQ(check_topology(results).siblings.agreement, Agreement::kAgrees) << entry.path();
    EXPECT_FALSE(check_topology(results).packages.corrects_the_claim()) << entry.path();
    ++machines;
  }
  EXPECT_GE(machines, 2);
}

TEST(TopologyCheck, TheSampleHoldsBothNumberingsOfSiblings) {
  for (const int cores : {8, 10, 12, 16, 24, 32, 48, 64, 96, 128}) {
    const Machine machine = make_machine(1, 1, cores, 2);
    const std::vector<int> sample = cpus_to_check(machine, 10);
    EXPECT_EQ(sample.size(), 10U) << cores;
    int half = 0, adjacent_pairs = 0;
    for (const int cpu : sample) {
      half += std::ranges::binary_search(sample, cpu + cores);
      adjacent_pairs += cpu % 2 == 0 && std::ranges::binary_search(sample, cpu + 1);
    }
    EXPECT_GE(half, 2) << cores;
    EXPECT_GE(adjacent_pairs, 2) << cores;
  }
}

}  // namespace
}  // namespace mb
