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
