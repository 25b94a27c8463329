// Every folder of data/cgroups is a small host; the tables say what must be found in it. The
// machine has 8 PUs, all in our affinity mask, and 6 GiB of 8 available.
#include "probes/core/limits.h"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>

#include "probes/core/cgroups.h"
#include "probes/core/host_text.h"
#include "probes/core/sizes.h"
#include "tests/probes/core/fake_host.h"

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

TEST(Limits, SystemFactsNameTheKernelAndTheInstructionSet) {
  const SystemFacts facts = read_system_facts();
  std::string release;
  std::ifstream("/proc/sys/kernel/osrelease") >> release;
  EXPECT_EQ(facts.kernel_release, release);
#if defined(__x86_64__)
  EXPECT_EQ(facts.isa, "x86_64");
#elif defined(__aarch64__)
  EXPECT_EQ(facts.isa, "aarch64");
#endif
}

TEST(Limits, SystemFactsTellTheSizeOfSharedMemoryWhereATmpfsHoldsIt) {
  bool tmpfs = false;
  std::ifstream mounts("/proc/self/mounts");
  for (std::string source, point, type, rest;
       mounts >> source >> point >> type && std::getline(mounts, rest);) {
    if (point == "/dev/shm") tmpfs = type == "tmpfs";
  }
  const SystemFacts facts = read_system_facts();
  ASSERT_EQ(facts.shm_total_bytes.has_value(), tmpfs);
  ASSERT_EQ(facts.shm_free_bytes.has_value(), tmpfs);
  if (!tmpfs) return;
  const auto capacity = std::filesystem::space("/dev/shm").capacity;
  EXPECT_EQ(facts.shm_total_bytes, static_cast<std::int64_t>(capacity));
  EXPECT_LE(*facts.shm_free_bytes, *facts.shm_total_bytes);
}

TEST(Limits, TheAddressSpaceIsTheSmallerOfTwoResourceLimits) {
  constexpr rlim_t kLarge = rlim_t{1} << 60, kLess = rlim_t{1} << 59;  // binds nobody
  for (const auto& [space, data] : {std::pair(kLarge, kLess), {kLess, kLarge}}) {
    rlimit old_space{}, old_data{};
    getrlimit(RLIMIT_AS, &old_space);
    getrlimit(RLIMIT_DATA, &old_data);
    if (old_space.rlim_max < kLarge || old_data.rlim_max < kLarge) GTEST_SKIP() << "limited here";
    const rlimit new_space{space, old_space.rlim_max}, new_data{data, old_data.rlim_max};
    setrlimit(RLIMIT_AS, &new_space);
    setrlimit(RLIMIT_DATA, &new_data);
    const SystemFacts facts = read_system_facts();
    setrlimit(RLIMIT_AS, &old_space);
    setrlimit(RLIMIT_DATA, &old_data);
    EXPECT_EQ(facts.address_space_bytes, static_cast<std::int64_t>(kLess));
  }
}

// A host of one v2 group, /job.
struct JobHost {
  FakeHost host;
  JobHost() {
    host.put("/proc/self/cgroup", "0::/job\n");
    host.put("/proc/self/mountinfo", "30 23 0:26 / /cg rw - cgroup2 none rw\n");
    host.put("/proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 500 kB\n");
  }
  LimitsReading read(const std::string& file, const std::string& text) {
    host.put("/cg/job/" + file, text);
    SystemFacts facts;
    facts.affinity = first_cpus(4);
    return read_limits(host.files(), facts, first_cpus(4));
  }
};

TEST(Limits, AQuotaOfAllCpusDoesNotLimit) {
  EXPECT_EQ(JobHost().read("cpu.max", "400000 100000").limits.limited_by, "installed");
  const Limits below = JobHost().read("cpu.max", "399999 100000").limits;
  EXPECT_EQ(below.limited_by, "quota");
  EXPECT_EQ(below.effective_cpus, 3);
}

TEST(Limits, AQuotaSaysWhatWasNotUnderstoodAndWhere) {
  const LimitsReading reading = JobHost().read("cpu.max", "0 100000\n");
  ASSERT_EQ(reading.missing.size(), 1u);
  EXPECT_EQ(reading.missing[0].what, "CPU quota of cgroup /job");
  EXPECT_EQ(reading.missing[0].cause,
            "/cg/job/cpu.max says '0 100000'; expected a quota and a period in microseconds");
  EXPECT_EQ(JobHost().read("cpu.max", "100000 0").missing.size(), 1u);
  EXPECT_EQ(JobHost().read("cpu.max", "1 1").limits.quota_cpus, 1.0);
  EXPECT_EQ(JobHost().read("cpu.max", "").missing.size(), 1u);
}

TEST(Limits, NoMemoryLimitComesNearTwoToTheSixty) {
  const auto limit = [](const std::string& text) {
    return JobHost().read("memory.max", text).limits.memory_limit_bytes;
  };
  EXPECT_EQ(limit("1152921504606846975"), (std::int64_t{1} << 60) - 1);
  EXPECT_EQ(limit("1152921504606846976"), std::nullopt);
  EXPECT_EQ(limit("max"), std::nullopt);
  EXPECT_EQ(limit("0"), 0);
  EXPECT_EQ(JobHost().read("memory.max", "-2").missing.size(), 1u);
}

TEST(Limits, AvailableMemoryIsFreeMemoryOnOldKernelsAndReportedMissingWithoutEither) {
  const auto read = [](const std::string& meminfo) {
    FakeHost host;
    host.put("/proc/meminfo", meminfo);
    return read_limits(host.files(), SystemFacts{}, first_cpus(1));
  };
  EXPECT_EQ(
      read("MemTotal: 9 kB\nMemFree: 3 kB\nMemAvailable: 7 kB\n").limits.memory_available_bytes,
      7 << 10);
  EXPECT_EQ(read("MemTotal: 9 kB\nMemFree: 3 kB\n").limits.memory_available_bytes, 3 << 10);
  EXPECT_EQ(read("MemTotal: 9 kB\n").missing.size(), 1u);
  EXPECT_TRUE(read("MemTotal: 9 kB\nMemAvailable: 1 kB\n").missing.empty());
  EXPECT_EQ(
      read("MemTotal: 9 kB\nMemAvailable: 1125899906842624 kB\n").limits.memory_available_bytes,
      std::int64_t{1} << 60);
  EXPECT_EQ(
      read("MemTotal: 9 kB\nMemAvailable: 1125899906842625 kB\n").limits.memory_available_bytes, 0);
  EXPECT_EQ(read("MemTotal: 9 kB\nMemAvailable: -1 kB\n").limits.memory_available_bytes, 0);
}

TEST(CpuList, HoldsSixteenBitsOfCpus) {
  EXPECT_THAT(parse_cpu_list("65535").value(), ElementsAre(65535));
  EXPECT_EQ(parse_cpu_list("65536"), std::nullopt);
  EXPECT_THAT(parse_cpu_list("3-3").value(), ElementsAre(3));
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
