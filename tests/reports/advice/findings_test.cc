// What is said of the machine beside the counts: what stands in the way, with evidence and remedy.
#include <gmock/gmock.h>

#include <algorithm>

#include "reports/advice/advise.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using synthetic::Laws;
using ::testing::HasSubstr;

std::vector<Finding> findings_on(const Results& results) {
  AdviceRequest request;
  request.models = {"qwen3-4b:q4_0"};
  request.results_file = "results.json";
  return advise(results, request).findings;
}

TEST(Findings, NameSmallSharedMemoryPagesAndCounters) {
  Laws laws;
  laws.pages_4k = 0.8;
  Results results = synthetic::results(laws);
  results.machine.limits.shm_total_bytes = 64 << 20;
  results.machine.hypervisor = "KVM";
  std::string all;
  for (const Finding& finding : findings_on(results)) {
    all += finding.title + ": " + finding.evidence + ": " + finding.remedy + "\n";
  }
  EXPECT_THAT(all, HasSubstr("/dev/shm is small: 64 MiB"));
  EXPECT_THAT(all, HasSubstr("25 % more"));
  EXPECT_THAT(all, HasSubstr("Hardware threads cannot be told from cores"));
  EXPECT_THAT(all, HasSubstr("counters do not count"));
  EXPECT_THAT(all, HasSubstr("Less L3 cache acts than is reported"));
}

bool says(const Results& results, const std::string& title) {
  const auto findings = findings_on(results);
  return std::any_of(findings.begin(), findings.end(),
                     [&](const Finding& finding) { return finding.title == title; });
}

TEST(Findings, HugePagesAreWorthSayingFromFivePerCentOn) {
  const auto said = [](double gain, const char* mode = "madvise") {
    Laws laws;
    laws.pages_4k = 1 / (1 + gain);
    Results results = synthetic::results(laws);
    results.machine.thp_mode = mode;
    return says(results, "Huge pages read faster and are not given by default");
  };
  EXPECT_FALSE(said(0.0499));
  EXPECT_TRUE(said(0.0501));
  EXPECT_FALSE(said(0.5, "always"));
  EXPECT_FALSE(said(0.5, "unknown"));
}

TEST(Findings, SharedMemoryIsSmallUpToDockersDefault) {
  Results results = synthetic::results(Laws{});
  results.machine.limits.shm_total_bytes = 64 << 20;
  EXPECT_TRUE(says(results, "/dev/shm is small"));
  results.machine.limits.shm_total_bytes = (64 << 20) + 1;
  EXPECT_FALSE(says(results, "/dev/shm is small"));
  results.machine.limits.shm_total_bytes.reset();
  EXPECT_FALSE(says(results, "/dev/shm is small"));
}

TEST(Findings, PartOfTheMachineIsSaidWhereTheMaskIsSmaller) {
  const std::string title = "Only part of the machine may be used";
  Results results = synthetic::results(Laws{});
  EXPECT_FALSE(says(results, title));
  results.machine.limits.installed_cpus = 9;
  EXPECT_TRUE(says(results, title));
  results.machine.limits.affinity_cpus = 0;  // not known
  EXPECT_FALSE(says(results, title));
}

TEST(Findings, DisturbancesAreCountedWithTheFirstOfThem) {
  Results results = synthetic::results(Laws{});
  std::string first;
  for (Point& point : results.points) {
    if (point.probe != "attention_kv") continue;
    if (first.empty()) first = point.name;
    point.verdict.worsen(Validity::kNoisy, "pressure", "2.0 % of the time");
  }
  results.points.front().verdict.worsen(Validity::kInvalid, "spread", "MAD 12 %");
  int points = 0;
  for (const Point& point : results.points) points += point.probe == "attention_kv";
  std::string all;
  for (const Finding& finding : findings_on(results)) all += finding.evidence + "\n";
  EXPECT_THAT(
      all, HasSubstr(std::to_string(points) + " points, first " + first + ": 2.0 % of the time\n"));
  EXPECT_THAT(all, HasSubstr("1 of " + std::to_string(results.points.size()) + " points\n"));
}

TEST(Findings, SayThatAProcessorIsEmulated) {
  Results results = synthetic::results(Laws{});
  const auto says_it = [&] {
    const auto findings = findings_on(results);
    return std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
      return finding.title == "This processor is emulated in software" &&
             finding.severity == "warning";
    });
  };
  results.machine.hypervisor = "KVM";
  EXPECT_FALSE(says_it());
  results.machine.hypervisor = "QEMU TCG";
  EXPECT_TRUE(says_it());
}

TEST(Findings, SeveralNodesAndAClockThatFollowsTheLoadAreSaid) {
  Results results = synthetic::results(Laws{});
  EXPECT_FALSE(says(results, "Memory lies on several NUMA nodes"));
  EXPECT_FALSE(says(results, "The clock follows the load"));
  results.machine.numa_nodes.push_back({1, 64LL << 30});
  for (Pu& pu : results.machine.pus) pu.numa_node = pu.core / 4;
  results.machine.governor = "powersave";
  EXPECT_TRUE(says(results, "Memory lies on several NUMA nodes"));
  EXPECT_TRUE(says(results, "The clock follows the load"));
  results.machine.governor = "performance";
  EXPECT_FALSE(says(results, "The clock follows the load"));
}

TEST(Findings, WhyCountersDoNotCountIsTheMachinesReasonWhereItHasOne) {
  Results results = synthetic::results(Laws{});
  const auto evidence = [&] {
    for (const Finding& each : findings_on(results)) {
      if (each.title == "Hardware counters do not count here") return each.evidence;
    }
    return std::string();
  };
  EXPECT_EQ(evidence(), "no event could be opened and read back right");
  results.machine.missing = {{"hardware counters", "the guest has no PMU", "use metal"}};
  EXPECT_EQ(evidence(), "the guest has no PMU");
  results.machine.pmu_counts = true;
  EXPECT_EQ(evidence(), "");
}

TEST(Findings, PagesAreComparedWhereBothCanBeTrusted) {
  Laws laws;
  laws.pages_4k = 0.5;
  for (const char* page : {"thp", "4k"}) {
    Results results = synthetic::results(laws);
    const std::string title = "Huge pages read faster and are not given by default";
    EXPECT_TRUE(says(results, title));
    const std::string name = std::string("stream_bandwidth/read/dram/page:") + page + "/threads:8";
    const auto point = std::ranges::find(results.points, name, &Point::name);
    ASSERT_NE(point, results.points.end()) << name;
    point->verdict.worsen(Validity::kInvalid, "spread", "30 %");
    EXPECT_FALSE(says(results, title)) << page;
    point->name = "gone";
    EXPECT_FALSE(says(results, title)) << page;
  }
}

TEST(Findings, SayNothingOfWhatIsInOrder) {
  Laws laws;
  laws.pages_4k = 1;
  laws.l3_bytes = 96 << 20;
  Results results = synthetic::results(laws);
  results.machine.pmu_counts = true;
  results.machine.thp_mode = "always";
  for (const Finding& finding : findings_on(results)) {
    EXPECT_THAT(finding.title, HasSubstr("L3")) << finding.title;  // the fixture's shared cache
  }
}

}  // namespace
}  // namespace mb
