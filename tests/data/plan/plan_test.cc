#include "data/plan/plan.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "data/documents/results.h"
#include "data/error.h"
#include "tests/data/plan/machines.h"

namespace mb {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

std::set<int> threads_of(const Plan& plan, const std::string& probe) {
  std::set<int> threads;
  for (const PlannedStep& step : plan.steps) {
    if (step.probe != probe) continue;
    for (const PlannedPoint& point : step.points) {
      threads.insert(static_cast<int>(point.parameters.number_or("threads", 0)));
    }
  }
  return threads;
}

TEST(ThreadCounts, SmallVmHasOneAndTwo) {
  EXPECT_THAT(thread_counts(make_machine(1, 1, 2, 1)), ElementsAre(1, 2));
}

TEST(ThreadCounts, ChipletDesktopHasEveryBoundary) {
  // 12 cores in two L3 domains, SMT: 6 = domain, 12 = cores, 13 = first sibling, 24 = all.
  EXPECT_THAT(thread_counts(make_machine(1, 2, 6, 2)), ElementsAre(1, 2, 4, 6, 8, 12, 13, 16, 24));
}

TEST(ThreadCounts, AreCappedByTheBudget) {
  Machine machine = make_machine(2, 1, 32, 2);
  machine.limits.effective_cpus = 6;
  machine.limits.quota_cpus = 6.5;
  EXPECT_THAT(thread_counts(machine), ElementsAre(1, 2, 4, 6));
}

TEST(ThreadCounts, OneCpuIsEnough) {
  EXPECT_THAT(thread_counts(make_machine(1, 1, 1, 1)), ElementsAre(1));
}

TEST(ThreadBoundaries, SayWhatTheyAre) {
  const auto boundaries = thread_boundaries(make_machine(2, 1, 8, 2));
  EXPECT_EQ(boundaries.at(8), "cores of one L3 domain");
  EXPECT_EQ(boundaries.at(16), "physical cores");
  EXPECT_EQ(boundaries.at(17), "physical cores + 1");
  EXPECT_EQ(boundaries.at(32), "all PUs");
}

TEST(Plan, StaysWithinTheBudgetOnEveryMachine) {
  const Machine machines[] = {make_machine(1, 1, 1, 1),  make_machine(1, 1, 2, 1),
                              make_machine(1, 2, 6, 2),  make_machine(1, 1, 96, 1),
                              make_machine(2, 1, 48, 2), make_machine(2, 12, 8, 2)};
  for (const Machine& machine : machines) {
    for (const double budget : {10.0, 60.0, 300.0}) {
      const Plan plan = make_plan(machine, {.budget_seconds = budget});
      EXPECT_LE(plan.seconds(), budget) << machine.pus.size() << " PUs";
      EXPECT_FALSE(plan.steps.empty());
    }
  }
}

// The large machines of data/topologies, by the plan's own seconds: nothing is waited for.
TEST(Plan, TheDefaultBudgetHoldsOnEveryFixtureMachine) {
  int machines = 0;
  const std::filesystem::path folder = std::filesystem::path(SOURCE_DIR) / "data/topologies";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".machine.json")) continue;
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const Machine machine = machine_from_json_text(text, name);
    EXPECT_LE(make_plan(machine, {}).seconds(), 60) << name;
    // Alone, with all its axes, a probe keeps to its budget too.
    for (const std::string& probe : planned_probes()) {
      EXPECT_LE(make_plan(machine, {.budget_seconds = 10, .probes = {probe}}).seconds(), 10)
          << name << " " << probe;
    }
    ++machines;
  }
  EXPECT_GE(machines, 8);
}

// Node 1 of 3 has memory alone: nothing runs there, and no thread of it could touch memory there.
TEST(Plan, ANodeWithoutCpusIsNoPlaceForThreads) {
  std::ifstream file(SOURCE_DIR "/data/topologies/cxl-server.machine.json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const Machine machine = machine_from_json_text(text, "cxl-server");
  EXPECT_THAT(place_on_node(machine, 1, 4), testing::IsEmpty());
  EXPECT_THAT(place_on_node(machine, 2, 4), testing::SizeIs(4));
  std::set<std::pair<std::int64_t, std::int64_t>> pairs;
  for (const PlannedStep& step : make_plan(machine, {.budget_seconds = 300}).steps) {
    for (const PlannedPoint& planned : step.points) {
      const std::int64_t cpus = planned.parameters.number_or("cpu_node", -1);
      const std::int64_t memory = planned.parameters.number_or("memory_node", -1);
      if (cpus >= 0 || memory >= 0) pairs.emplace(cpus, memory);
    }
  }
  EXPECT_THAT(pairs, testing::UnorderedElementsAre(testing::Pair(0, 0), testing::Pair(0, 2),
                                                   testing::Pair(2, 0), testing::Pair(2, 2)));
}

// A guest of two CPUs may be shown the whole 260 MiB cache of its host; buffers of four times that
// take seconds to be handed over, and whatever comes after the streams must still find its time.
TEST(Plan, FirstTouchOfLargeBuffersIsKeptAside) {
  Machine machine = make_machine(1, 1, 2, 1, std::int64_t{260} << 20);
  const Plan bare = make_plan(machine, {.budget_seconds = 10});
  machine.hypervisor = "KVM";
  const Plan guest = make_plan(machine, {.budget_seconds = 10});
  EXPECT_LE(guest.seconds(), 10);
  const auto streams = [](const Plan& plan) -> const PlannedStep& {
    return *std::ranges::find(plan.steps, "stream_bandwidth", &PlannedStep::probe);
  };
  EXPECT_GT(streams(guest).set_up_seconds, streams(bare).set_up_seconds);
  EXPECT_GT(streams(guest).set_up_seconds, 1);
  EXPECT_EQ(guest.steps.size(), bare.steps.size());
  const std::set<int> threads = threads_of(guest, "stream_bandwidth");
  EXPECT_TRUE(threads.contains(1) && threads.contains(2));
  EXPECT_EQ(step_from_json_text(to_json_text(streams(guest)), "step"), streams(guest));
}

// What predictions rest on is measured more than once where neighbours may have changed the state
// of memory or cores meanwhile, all of it before what no prediction needs.
TEST(Plan, GuestsAreVisitedAgain) {
  Machine machine = make_machine(1, 1, 2, 1, 480 << 20);
  const auto visits = [&](const PlanRequest& request) {
    std::map<std::string, std::vector<std::size_t>> steps;  // of which a point is part
    const Plan plan = make_plan(machine, request);
    EXPECT_LE(plan.seconds(), request.budget_seconds);
    std::size_t needed = 0;  // steps before the first that no prediction needs
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
      if (needed == 0 && plan.steps[i].probe == "loaded_latency") needed = i;
      for (const PlannedPoint& point : plan.steps[i].points) {
        steps[point.parameters.name(plan.steps[i].probe)].push_back(i);
      }
    }
    std::erase_if(steps, [](const auto& entry) { return entry.second.size() == 1; });
    return std::pair(steps, needed);
  };
  EXPECT_THAT(visits({}).first, testing::IsEmpty());
  machine.hypervisor = "KVM";
  const auto [again, needed] = visits({});
  const auto twice =
      ElementsAre(testing::_, testing::AllOf(testing::Ge(needed - 4), testing::Lt(needed)));
  for (const char* point : {"stream_bandwidth/read/dram/page:thp/threads:1",
                            "stream_bandwidth/read/dram/page:thp/threads:2"}) {
    EXPECT_THAT(again, testing::Contains(testing::Pair(point, twice)));
  }
  std::map<std::string, int> between;
  for (const auto& [point, steps] : again) {
    const std::string probe = point.substr(0, point.find('/'));
    if (probe == "stream_bandwidth") continue;
    ++between[probe];
    const std::size_t visits_of_one = probe == "matmul_throughput" ? 4 : 3;
    EXPECT_THAT(steps,
                testing::AllOf(testing::SizeIs(visits_of_one), testing::Each(testing::Lt(needed))))
        << point;
    for (std::size_t i = 1; i < steps.size(); ++i) EXPECT_GT(steps[i], steps[i - 1] + 2) << point;
  }
  EXPECT_EQ(between["decode_scaling"], 2) << "one model's, on one thread and two";
  EXPECT_GE(between["matmul_throughput"], 8);
  EXPECT_TRUE(again.contains("dispatch_overhead/step/sync:thread_create/work_ms:20/threads:2"));
  EXPECT_EQ(static_cast<int>(again.size()), 2 + 2 + 1 + between["matmul_throughput"]);
  const char* prefill =
      "prefill_scaling/step/model:qwen3-4b:q4_0/prompt_tokens:128/context_tokens:0/sync:spin/"
      "threads:1";
  EXPECT_FALSE(again.contains(prefill)) << "a sample takes a second";
  EXPECT_THAT(visits({.budget_seconds = 120}).first[prefill], testing::SizeIs(2));
  std::vector<double> set_up;  // of the chain: as long as the first touch takes once
  for (const PlannedStep& step : make_plan(machine, {}).steps) {
    if (step.probe == "decode_scaling") set_up.push_back(step.set_up_seconds);
  }
  std::ranges::sort(set_up);
  EXPECT_TRUE(set_up.size() == 3 && set_up[2] > 0 && set_up[1] < set_up[2] / 2);
  EXPECT_THAT(visits({.budget_seconds = 10}).first, testing::IsEmpty()) << "points need the time";
  EXPECT_THAT(visits({.probes = {"stream_bandwidth"}}).first, testing::IsEmpty());
}

TEST(Plan, KeepsTheEndsOfTheThreadSweepWhenTimeIsShort) {
  const Machine machine = make_machine(2, 1, 48, 2);
  const Plan plan = make_plan(machine, {.budget_seconds = 10});
  for (const char* probe :
       {"stream_bandwidth", "matmul_throughput", "decode_scaling", "dispatch_overhead"}) {
    const std::set<int> threads = threads_of(plan, probe);
    EXPECT_TRUE(threads.contains(1)) << probe;
    EXPECT_TRUE(threads.contains(192)) << probe;
  }
}

// However short: bandwidth, a matrix-vector and a matrix product, without which nothing is
// predicted.
TEST(Plan, WhatEveryPredictionNeedsIsTheLastToGo) {
  Machine machine = make_machine(1, 1, 1, 1, std::int64_t{260} << 20);
  machine.hypervisor = "KVM";
  for (const double budget : {3.0, 6.0, 10.0}) {
    std::set<std::string> products;
    const Plan plan = make_plan(machine, {.budget_seconds = budget});
    for (const PlannedStep& step : plan.steps) {
      if (step.probe != "matmul_throughput") continue;
      for (const PlannedPoint& point : step.points) {
        products.insert(point.parameters.text_or("operation", ""));
      }
    }
    EXPECT_TRUE(products.contains("matvec")) << budget;
    EXPECT_TRUE(products.contains("matmul") || budget < 6) << budget;
    EXPECT_TRUE(threads_of(plan, "stream_bandwidth").contains(1)) << budget;
  }
}

TEST(Plan, MoreBudgetNeverMeasuresLess) {
  const Machine machine = make_machine(2, 1, 48, 2);
  std::size_t before = 0;
  for (const double budget : {10.0, 30.0, 60.0, 600.0}) {
    std::size_t points = 0;
    for (const PlannedStep& step : make_plan(machine, {.budget_seconds = budget}).steps) {
      points += step.points.size();
    }
    EXPECT_GE(points, before);
    before = points;
  }
}

TEST(Plan, NeverExceedsTheCpuBudget) {
  Machine machine = make_machine(1, 1, 16, 2);
  machine.limits.effective_cpus = 3;
  const Plan plan = make_plan(machine, {});
  for (const PlannedStep& step : plan.steps) {
    for (const PlannedPoint& point : step.points) {
      EXPECT_LE(point.parameters.number_or("threads", 0), 3) << step.probe;
    }
  }
}

TEST(Plan, SaysWhyThereIsNoSmtComparison) {
  const Plan plan = make_plan(make_machine(1, 1, 2, 1), {});
  EXPECT_THAT(plan.missing, Contains(testing::Field(&Missing::what, "SMT comparison")));
  EXPECT_TRUE(threads_of(plan, "smt_interference").empty());
}

TEST(Plan, ComparesHardwareThreadsWhereThereAreAny) {
  EXPECT_THAT(threads_of(make_plan(make_machine(1, 1, 4, 2), {}), "smt_interference"),
              ElementsAre(4, 8));
}

TEST(Plan, AttentionOfOneCoreIsByOneAndByTwoThreads) {
  const auto on_one_core = [](const Machine& machine) {
    std::set<std::int64_t> positions;
    for (const PlannedStep& step : make_plan(machine, {.budget_seconds = 600}).steps) {
      if (step.probe != "attention_kv") continue;
      for (const PlannedPoint& point : step.points) {
        if (point.parameters.text_or("placement", "") != "compact") continue;
        EXPECT_EQ(point.parameters.number_or("threads", 0), 2);
        positions.insert(point.parameters.number_or("positions", 0));
      }
    }
    return positions;
  };
  EXPECT_TRUE(on_one_core(make_machine(1, 1, 4, 1)).empty());
  const std::set<std::int64_t> positions = on_one_core(make_machine(1, 1, 4, 2));
  EXPECT_THAT(positions, testing::IsSupersetOf({10, 100, 400, 1000, 2000, 4000, 10000, 17000}));
}

TEST(Plan, SaysWhenSharedMemoryIsTooSmall) {
  Machine machine = make_machine(1, 1, 2, 1);
  machine.limits.shm_free_bytes = 32 << 20;
  const Plan plan = make_plan(machine, {});
  EXPECT_THAT(plan.missing, Contains(testing::Field(&Missing::what, "/dev/shm bandwidth")));
  EXPECT_TRUE(threads_of(plan, "shm_bandwidth").empty());
}

TEST(Plan, PassiveOpenMpIsAProcessOfItsOwn) {
  const Plan plan = make_plan(make_machine(1, 1, 2, 1), {});
  int steps = 0;
  for (const PlannedStep& step : plan.steps) {
    if (step.probe != "dispatch_overhead") continue;
    if (step.environment.empty()) continue;  // no team, so no OpenMP
    ++steps;
    const bool passive = step.environment.at("OMP_WAIT_POLICY") == "passive";
    for (const PlannedPoint& point : step.points) {
      EXPECT_EQ(point.parameters.text_or("sync", "") == "openmp_passive", passive);
    }
  }
  EXPECT_EQ(steps, 2);
}

TEST(Plan, StartedStepsAreAProcessOfTheirOwnWithTheMostThreads) {
  const auto counts = [](const Plan& plan) {
    std::vector<std::int64_t> threads;
    for (const PlannedStep& step : plan.steps) {
      for (const PlannedPoint& point : step.points) {
        if (point.parameters.text_or("sync", "") != "thread_create" ||
            point.parameters.text_or("operation", "") != "step") {
          continue;
        }
        EXPECT_TRUE(step.environment.empty()) << "a team of this process pins and spins";
        if (point.parameters.number_or("work_ms", 0) != 20) continue;  // of three lengths
        threads.push_back(point.parameters.number_or("threads", 0));
      }
    }
    return threads;
  };
  EXPECT_THAT(counts(make_plan(make_machine(1, 1, 4, 2), {})), ElementsAre(8));
  EXPECT_THAT(counts(make_plan(make_machine(1, 1, 4, 2), {.budget_seconds = 600})),
              testing::Not(Contains(1)));
  EXPECT_THAT(counts(make_plan(make_machine(1, 1, 1, 1), {})), testing::IsEmpty());
  // What gives back much memory disturbs them two seconds later.
  Machine guest = make_machine(1, 1, 2, 1);
  guest.hypervisor = "KVM";
  const Plan plan = make_plan(guest, {});
  int started = 0;
  for (std::size_t i = 1; i < plan.steps.size(); ++i) {
    const Parameters& point = plan.steps[i].points.front().parameters;
    if (point.text_or("sync", "") != "thread_create") continue;
    EXPECT_THAT(plan.steps[i - 1].probe, testing::Not(testing::EndsWith("_scaling")));
    if (started++ > 0) continue;
    EXPECT_EQ(plan.steps[i - 1].probe, "core_to_core");
  }
  EXPECT_EQ(started, 3);
  const Plan brief = make_plan(make_machine(1, 1, 4, 2), {.budget_seconds = 9});
  EXPECT_THAT(counts(brief), testing::IsEmpty());
  EXPECT_THAT(brief.missing, Contains(testing::Field(&Missing::cause, "the budget is too short")));
}

std::set<std::string> names_of(const Plan& plan, const std::string& probe) {
  std::set<std::string> names;
  for (const PlannedStep& step : plan.steps) {
    if (step.probe != probe) continue;
    for (const PlannedPoint& point : step.points) names.insert(point.parameters.name(probe));
  }
  return names;
}

TEST(Plan, NodeMatrixHasEveryPairWhenAskedFor) {
  const Machine machine = make_machine(2, 1, 4, 1);
  const Plan alone = make_plan(machine, {.budget_seconds = 300, .probes = {"stream_bandwidth"}});
  const std::set<std::string> names = names_of(alone, "stream_bandwidth");
  for (const char* pair : {"cpu_node:0/memory_node:0", "cpu_node:0/memory_node:1",
                           "cpu_node:1/memory_node:0", "cpu_node:1/memory_node:1"}) {
    EXPECT_TRUE(
        names.contains(std::string("stream_bandwidth/read/dram/page:thp/") + pair + "/threads:4"))
        << pair;
  }
  const Plan latency = make_plan(machine, {.budget_seconds = 300, .probes = {"cache_latency"}});
  EXPECT_EQ(std::ranges::count_if(names_of(latency, "cache_latency"),
                                  [](const std::string& name) {
                                    return name.find("memory_node:") != std::string::npos;
                                  }),
            4);
}

TEST(Plan, OneDomainIsFilledCoreByCoreWhereThereAreSeveral) {
  const PlanRequest alone{.budget_seconds = 300, .probes = {"stream_bandwidth"}};
  const std::set<std::string> names =
      names_of(make_plan(make_machine(1, 2, 6, 2), alone), "stream_bandwidth");
  for (const int threads : {1, 2, 4, 6}) {
    EXPECT_TRUE(names.contains("stream_bandwidth/read/dram/page:thp/placement:l3_domain/threads:" +
                               std::to_string(threads)))
        << threads;
  }
  for (const std::string& name :
       names_of(make_plan(make_machine(1, 1, 4, 1), alone), "stream_bandwidth")) {
    EXPECT_EQ(name.find("placement:"), std::string::npos) << name;
  }
}

TEST(Plan, WhatNoPredictionNeedsIsLeftOutOfTheDefault) {
  const Machine machine = make_machine(2, 2, 4, 2);
  const Plan plan = make_plan(machine, {});
  for (const PlannedStep& step : plan.steps) {
    for (const PlannedPoint& point : step.points) {
      for (const char* axis : {"placement", "cpu_node", "rows"}) {
        if (step.probe != "matmul_throughput") {
          EXPECT_FALSE(point.parameters.has(axis)) << point.parameters.name(step.probe);
        }
      }
      EXPECT_NE(point.parameters.text_or("sync", ""), "work_stealing");
      EXPECT_NE(point.parameters.text_or("path", ""), "file_mmap");
    }
  }
}

TEST(Plan, HugetlbPagesAreMeasuredWhereTheyAreFree) {
  Machine machine = make_machine(1, 1, 2, 1);
  const PlanRequest alone{.budget_seconds = 300, .probes = {"stream_bandwidth"}};
  EXPECT_THAT(make_plan(machine, alone).missing,
              Contains(testing::Field(&Missing::what, "bandwidth on hugetlb_2m pages")));
  machine.hugetlb_free_pages["2048kB"] = 64;  // four times 32 MiB
  EXPECT_TRUE(names_of(make_plan(machine, alone), "stream_bandwidth")
                  .contains("stream_bandwidth/read/dram/page:hugetlb_2m/threads:2"));
}

TEST(Plan, OnlyTheDispatchProbeAloneGoesPastTheBudget) {
  const Machine machine = make_machine(1, 1, 2, 1);
  const PlanRequest alone{.budget_seconds = 60, .probes = {"dispatch_overhead"}};
  EXPECT_THAT(threads_of(make_plan(machine, alone), "dispatch_overhead"), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(threads_of(make_plan(machine, {.budget_seconds = 600}), "dispatch_overhead"),
              ElementsAre(1, 2));
}

TEST(Plan, TakesOnlyRequestedThreadsInsideTheBudget) {
  const Machine machine = make_machine(1, 1, 8, 1);
  const Plan plan = make_plan(machine, {.threads = {2, 4, 64}, .probes = {"dispatch_overhead"}});
  EXPECT_THAT(threads_of(plan, "dispatch_overhead"), ElementsAre(2, 4));
  EXPECT_THROW(make_plan(machine, {.threads = {64}}), Error);
}

TEST(Plan, UnknownProbeNamesTheKnownOnes) {
  try {
    make_plan(make_machine(1, 1, 2, 1), {.probes = {"stream"}});
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 2);
    EXPECT_THAT(error.what(), HasSubstr("stream_bandwidth"));
  }
}

TEST(Plan, StepSurvivesARoundTrip) {
  for (const PlannedStep& step : make_plan(make_machine(1, 2, 6, 2), {}).steps) {
    EXPECT_EQ(step_from_json_text(to_json_text(step), "step.json"), step);
  }
}

TEST(Plan, BrokenStepNamesItsOrigin) {
  for (const char* text : {"", "{", "[]", R"({"probe": 3})", R"({"probe":"a","environment":{}})"}) {
    try {
      step_from_json_text(text, "step.json");
      FAIL() << "accepted " << text;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("step.json"));
    }
  }
}

}  // namespace
}  // namespace mb
