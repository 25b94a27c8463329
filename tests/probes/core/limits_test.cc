// Every folder of data/cgroups is a small host; the tables say what must be found in it. The
// machine has 8 PUs, all in our affinity mask, and 6 GiB of 8 available.
#include "probes/core/limits.h"

#include <gmock/gmock.h>
#include <sched.h>

#include <filesystem>
#include <numeric>
#include <set>

#include "probes/core/cgroups.h"
#include "probes/core/host_text.h"
#include "probes/core/sizes.h"

namespace mb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kAvailable = 6144 * kMiB;

std::filesystem::path cgroups_folder() {
  return std::filesystem::path(SOURCE_DIR) / "data" / "cgroups";
}

std::vector<int> first_cpus(int count) {
  std::vector<int> cpus(static_cast<std::size_t>(count));
  std::iota(cpus.begin(), cpus.end(), 0);
  return cpus;
}

LimitsReading read_fixture(const std::string& name, SystemFacts facts = {}) {
  if (facts.affinity.empty()) facts.affinity = first_cpus(8);
  return read_limits(HostFiles(cgroups_folder() / name), facts, first_cpus(8));
}

struct QuotaCase {
  std::string fixture;
  std::optional<double> quota_cpus;
  int effective_cpus;
  std::string limited_by, source;
  std::size_t missing = 0;
};

void PrintTo(const QuotaCase& quota, std::ostream* out) { *out << quota.fixture; }

const QuotaCase kQuotaCases[] = {
    {"v2-exact", 2.0, 2, "quota", "cgroup v2 /job/cpu.max"},
    {"v2-unset", {}, 8, "installed", ""},
    {"v2-only-max", {}, 8, "installed", ""},
    {"v2-half-cpu", 0.5, 1, "quota", "cgroup v2 /job/cpu.max"},
    {"v2-two-and-a-half", 2.5, 2, "quota", "cgroup v2 /job/cpu.max"},
    {"v2-above-machine", 64.0, 8, "installed", "cgroup v2 /job/cpu.max"},
    {"v2-zero-period", {}, 8, "installed", "", 1},
    {"v2-negative-quota", {}, 8, "installed", "", 1},
    {"v2-garbage", {}, 8, "installed", "", 1},
    {"v2-overflow", {}, 8, "installed", "", 1},
    {"v2-too-few-fields", {}, 8, "installed", "", 1},
    {"v2-too-many-fields", {}, 8, "installed", "", 1},
    {"v2-quota-without-period", 1.5, 1, "quota", "cgroup v2 /job/cpu.max"},
    {"v2-tighter-parent", 3.0, 3, "quota", "cgroup v2 /a/b/cpu.max"},
    {"v2-garbage-below-a-quota", 2.0, 2, "quota", "cgroup v2 /a/cpu.max", 1},
    {"v2-missing-files", {}, 8, "installed", ""},
    {"v2-namespace-top", 4.0, 4, "quota", "cgroup v2 /cpu.max"},
    {"v2-outside-namespace", 3.0, 3, "quota", "cgroup v2 /cpu.max"},
    {"v2-path-without-slash", 3.0, 3, "quota", "cgroup v2 /cpu.max"},
    {"v2-mount-outside-namespace", 3.0, 3, "quota", "cgroup v2 /cpu.max"},
    {"v2-blank-in-mount-point", 2.0, 2, "quota", "cgroup v2 /job/cpu.max"},
    {"v2-two-mounts", 2.0, 2, "quota", "cgroup v2 /a/cpu.max"},
    {"v2-colon-in-name", 2.0, 2, "quota", "cgroup v2 /run:1/cpu.max"},
    {"v1-exact", 3.0, 3, "quota", "cgroup v1 /job/cpu.cfs_quota_us"},
    {"v1-unset", {}, 8, "installed", ""},
    {"v1-zero-period", {}, 8, "installed", "", 1},
    {"v1-no-period-file", {}, 8, "installed", "", 1},
    {"v1-tighter-parent", 1.2, 1, "quota", "cgroup v1 /a/cpu.cfs_quota_us"},
    {"v1-container-root", 2.5, 2, "quota", "cgroup v1 /cpu.cfs_quota_us"},
    {"v1-below-container-root", 2.0, 2, "quota", "cgroup v1 /inner/cpu.cfs_quota_us"},
    {"v1-untranslatable", 2.0, 2, "quota", "cgroup v1 /cpu.cfs_quota_us"},
    {"v1-prefix-is-no-parent", 2.0, 2, "quota", "cgroup v1 /cpu.cfs_quota_us"},
    {"v1-path-not-visible", 2.0, 2, "quota", "cgroup v1 /cpu.cfs_quota_us"},
    {"mixed-v1-cpu", 2.0, 2, "quota", "cgroup v1 /job/cpu.cfs_quota_us"},
    {"mixed-v2-cpu", 3.0, 3, "quota", "cgroup v2 /job/cpu.max"},
    {"none", {}, 8, "installed", ""},
    {"torn-tables", 2.0, 2, "quota", "cgroup v2 /job/cpu.max"},
    {"v2-cpuset-and-quota", 3.5, 3, "quota", "cgroup v2 /job/cpu.max"},
};

struct MemoryCase {
  std::string fixture;
  std::optional<std::int64_t> room;
  std::int64_t budget;
  std::size_t missing = 0;
};

void PrintTo(const MemoryCase& memory, std::ostream* out) { *out << memory.fixture; }

const MemoryCase kMemoryCases[] = {
    {"v2-memory", 1536 * kMiB, 1536 * kMiB},  // 2048 - (768 - 256 of reclaimable page cache)
    {"v2-memory-tighter-parent", 768 * kMiB, 768 * kMiB},
    {"v2-memory-high", 1000 * kMiB, 1000 * kMiB},
    {"v2-memory-exhausted", 0, 0},
    {"v2-memory-garbage", {}, kAvailable, 1},
    {"v1-memory", 824 * kMiB, 824 * kMiB},
    {"v1-memory-unlimited", {}, kAvailable},
    {"mixed-v1-cpu", 384 * kMiB, 384 * kMiB},
    {"mixed-v2-cpu", {}, kAvailable},
    {"none", {}, kAvailable},
};

struct CpusetCase {
  std::string fixture;
  std::vector<int> usable;
  std::string limited_by;
  std::size_t missing = 0;
};

void PrintTo(const CpusetCase& cpuset, std::ostream* out) { *out << cpuset.fixture; }

const CpusetCase kCpusetCases[] = {
    {"v1-cpuset", {0, 1}, "affinity"},
    {"v2-cpuset-of-parent", {2, 3, 4, 6}, "affinity"},
    {"v2-cpuset-garbage", first_cpus(8), "installed", 1},
    {"v2-cpuset-elsewhere", first_cpus(8), "installed"},
    {"v2-cpuset-and-quota", {0, 1, 2, 3}, "quota"},
};

const auto kNameOfCase = [](const auto& tested) {
  std::string name = tested.param.fixture;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
};

class QuotaFixture : public testing::TestWithParam<QuotaCase> {};

TEST_P(QuotaFixture, GivesTheTablesResult) {
  const QuotaCase& expected = GetParam();
  const LimitsReading reading = read_fixture(expected.fixture);
  EXPECT_EQ(reading.limits.quota_cpus, expected.quota_cpus);
  EXPECT_EQ(reading.limits.effective_cpus, expected.effective_cpus);
  EXPECT_EQ(reading.limits.limited_by, expected.limited_by);
  EXPECT_EQ(reading.limits.quota_source, expected.source);
  EXPECT_EQ(reading.missing.size(), expected.missing);
}

INSTANTIATE_TEST_SUITE_P(Cgroups, QuotaFixture, testing::ValuesIn(kQuotaCases), kNameOfCase);

class MemoryFixture : public testing::TestWithParam<MemoryCase> {};

TEST_P(MemoryFixture, GivesTheTablesResult) {
  const LimitsReading reading = read_fixture(GetParam().fixture);
  EXPECT_EQ(reading.limits.memory_limit_bytes, GetParam().room);
  EXPECT_EQ(reading.limits.memory_budget_bytes, GetParam().budget);
  EXPECT_EQ(reading.missing.size(), GetParam().missing);
  EXPECT_EQ(reading.limits.memory_total_bytes, 8192 * kMiB);
}

INSTANTIATE_TEST_SUITE_P(Cgroups, MemoryFixture, testing::ValuesIn(kMemoryCases), kNameOfCase);

class CpusetFixture : public testing::TestWithParam<CpusetCase> {};

TEST_P(CpusetFixture, GivesTheTablesResult) {
  const LimitsReading reading = read_fixture(GetParam().fixture);
  EXPECT_EQ(reading.usable_cpus, GetParam().usable);
  EXPECT_EQ(reading.limits.limited_by, GetParam().limited_by);
  EXPECT_EQ(reading.missing.size(), GetParam().missing);
}

INSTANTIATE_TEST_SUITE_P(Cgroups, CpusetFixture, testing::ValuesIn(kCpusetCases), kNameOfCase);

TEST(Limits, EveryFixtureFolderStandsInATable) {
  std::set<std::string> named;
  for (const QuotaCase& row : kQuotaCases) named.insert(row.fixture);
  for (const MemoryCase& row : kMemoryCases) named.insert(row.fixture);
  for (const CpusetCase& row : kCpusetCases) named.insert(row.fixture);
  std::set<std::string> present;
  for (const auto& entry : std::filesystem::directory_iterator(cgroups_folder())) {
    if (entry.is_directory()) present.insert(entry.path().filename().string());
  }
  EXPECT_EQ(named, present);
}

TEST(Limits, AffinityBelowTheQuotaIsWhatLimits) {
  SystemFacts facts;
  facts.affinity = {3};
  const Limits limits = read_fixture("v2-exact", facts).limits;
  EXPECT_EQ(limits.effective_cpus, 1);
  EXPECT_EQ(limits.limited_by, "affinity");
  EXPECT_EQ(limits.quota_cpus, 2.0);
}

TEST(Limits, OfflineCpusInTheMaskDoNotCount) {
  SystemFacts facts;
  facts.affinity = {6, 7, 8, 9, 200};
  const LimitsReading reading = read_fixture("none", facts);
  EXPECT_THAT(reading.usable_cpus, ElementsAre(6, 7));
  EXPECT_EQ(reading.limits.effective_cpus, 2);
}

TEST(Limits, TheAddressSpaceBoundsTheMemoryBudget) {
  SystemFacts facts;
  facts.address_space_bytes = 100 * kMiB;
  const Limits limits = read_fixture("v1-memory", facts).limits;
  EXPECT_EQ(limits.memory_budget_bytes, 100 * kMiB);
  EXPECT_EQ(limits.address_space_bytes, 100 * kMiB);
}

TEST(Limits, GarbageIsQuotedInAsciiWithItsFile) {
  const LimitsReading reading = read_fixture("v2-garbage");
  ASSERT_EQ(reading.missing.size(), 1u);
  EXPECT_THAT(reading.missing[0].cause,
              HasSubstr("/sys/fs/cgroup/job/cpu.max says 'lots?? please'"));
}

TEST(Limits, AHostWithoutAnyFileStillHasOneCpuAndNoMemoryToPlanWith) {
  const LimitsReading reading = read_limits(HostFiles("/nowhere/at/all"), SystemFacts{}, {});
  EXPECT_EQ(reading.limits.effective_cpus, 1);
  EXPECT_EQ(reading.limits.memory_budget_bytes, 0);
  EXPECT_EQ(reading.missing.size(), 1u);
}

TEST(Limits, SystemFactsOfThisProcessFollowItsMask) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  const std::vector<int> all = read_system_facts().affinity;
  ASSERT_FALSE(all.empty());
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(all.back()), &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_THAT(read_system_facts().affinity, ElementsAre(all.back()));
  sched_setaffinity(0, sizeof before, &before);
}

TEST(CpuList, ReadsRangesAndSingles) {
  EXPECT_THAT(parse_cpu_list("0-3,8,10-11\n").value(), ElementsAre(0, 1, 2, 3, 8, 10, 11));
  EXPECT_THAT(parse_cpu_list("5,1,1-2").value(), ElementsAre(1, 2, 5));
  EXPECT_THAT(parse_cpu_list("").value(), ElementsAre());
}

TEST(CpuList, RefusesWhatIsNotOne) {
  for (const char* text : {"a", "1-", "-1", "3-1", "1,,2", "1,", "0-4294967295", "1 2", "1-2-3"}) {
    EXPECT_EQ(parse_cpu_list(text), std::nullopt) << text;
  }
}

TEST(HostText, NumbersAreWholeOrNothing) {
  EXPECT_EQ(parse_number(" 42\n"), 42);
  EXPECT_EQ(parse_number("-1"), -1);
  for (const char* text : {"", "4x", "0x10", "9223372036854775808", "1 2", "+"}) {
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
}

TEST(HostText, ValuesNeedTheWholeKey) {
  const std::string text = "MemTotalHuge: 1\nMemTotal:   7 kB\nMemTotal: 8 kB";
  EXPECT_EQ(value_of(text, "MemTotal", ':'), "7 kB");
  EXPECT_EQ(value_of(text, "Mem", ':'), std::nullopt);
}

TEST(HostText, PrintableTextIsShortAscii) {
  EXPECT_EQ(printable(" a\x01\xff"
                      "b\n"),
            "a??b");
  EXPECT_EQ(printable(std::string(1000, 'x')).size(), 120u);
}

}  // namespace
}  // namespace mb
