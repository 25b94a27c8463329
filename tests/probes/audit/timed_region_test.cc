// The timed region of the probes makes no allocation, no system call and no page fault. The probes'
// own object files are linked, each with its main renamed and its call of probe_main led here, so
// that what is watched is what ships: real cases on real pinned teams, with a watch around the body
// of every rank.
//
// sched_yield alone is allowed where ranks wait for each other: the teams yield after some thousand
// looks, since the rank that is waited for may need this CPU.
//
// oneDNN allocates its argument list at every call (seven small blocks with 2.6), which nobody
// outside of it can change: cases of the library are watched for system calls and faults alone, and
// their allocations are recorded.
//
// Not here, because their system calls are what is measured: dispatch_overhead's forks and futexes,
// shm_bandwidth's writes and faults. machine and counters time nothing.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>

#include "data/error.h"
#include "probes/core/kit.h"
#include "probes/core/pin_thread.h"
#include "tests/probes/audit/region_watch.h"

namespace mb {

static std::optional<Probe> captured;

}  // namespace mb

extern "C" int audited_probe_main(int, char**, const mb::Probe& probe) {
  mb::captured = probe;
  return 0;
}

#define AUDITED(name) extern "C" int audited_##name(int, char**);
#include "audited_probes.inc"
#undef AUDITED

namespace mb {
namespace {

std::map<std::string, int (*)(int, char**)> mains() {
#define AUDITED(name) {#name, &audited_##name},
  return {
#include "audited_probes.inc"
  };
#undef AUDITED
}

// Watches the body of each rank; keeps the last region's counts.
class WatchedTeam final : public PinnedTeam {
 public:
  explicit WatchedTeam(PinnedTeam& team)
      : team_(team), counts_(static_cast<std::size_t>(team.size())) {}
  int size() const override { return team_.size(); }
  void run(RankFunction body) override { team_.run(body); }
  void barrier(int rank) override { team_.barrier(rank); }
  const std::vector<int>& pus() const override { return team_.pus(); }
  TeamUsage usage() override { return team_.usage(); }
  double timed(RankFunction body) override {
    ++regions_;
    return team_.timed([&](int rank) {
      RegionWatch watch;
      body(rank);
      watch.stop(counts_[static_cast<std::size_t>(rank)]);
    });
  }
  const std::vector<RegionCounts>& counts() const { return counts_; }
  int regions() const { return regions_; }

 private:
  PinnedTeam& team_;
  std::vector<RegionCounts> counts_;
  int regions_ = 0;
};

class WatchedKit final : public Kit {
 public:
  explicit WatchedKit(const Machine& machine) : kit_(machine) {}
  const Machine& machine() const override { return kit_.machine(); }
  PinnedTeam& team(const Parameters& parameters) override { return watched(kit_.team(parameters)); }
  PinnedTeam& team(const std::vector<int>& pus, Sync sync) override {
    return watched(kit_.team(pus, sync));
  }
  PinnedTeam& team_of_node(const Parameters& parameters, const char* node) override {
    return watched(kit_.team_of_node(parameters, node));
  }
  void require_memory(std::int64_t bytes) override { kit_.require_memory(bytes); }
  const std::map<PinnedTeam*, std::unique_ptr<WatchedTeam>>& teams() const { return teams_; }

 private:
  PinnedTeam& watched(PinnedTeam& team) {
    auto& made = teams_[&team];
    if (!made) made = std::make_unique<WatchedTeam>(team);
    return *made;
  }
  ProbeKit kit_;
  std::map<PinnedTeam*, std::unique_ptr<WatchedTeam>> teams_;
};

// Two CPUs that this process may use (one twice where there is one), as two cores or as siblings of
// one, and small caches, so that points are small; of the last level four times is several windows
// of a DRAM stream.
Machine small_machine(bool siblings = false) {
  Machine machine;
  const PuMask mask = PuMask::of_this_thread();
  for (int cpu = 0; cpu < 8192 && machine.pus.size() < 2; ++cpu) {
    if (!mask.has(cpu)) continue;
    Pu pu;
    pu.os_index = cpu;
    const auto index = static_cast<int>(machine.pus.size());
    pu.core = siblings ? 0 : index;
    pu.smt_rank = siblings ? index : 0;
    machine.pus.push_back(pu);
  }
  if (machine.pus.size() == 1) machine.pus.push_back(machine.pus[0]);
  machine.caches = {{1, 32 << 10, 2, 1, 64}, {2, 512 << 10, 2, 1, 64}, {3, 12 << 20, 1, 2, 64}};
  machine.numa_nodes = {{0, 1LL << 30}};
  machine.limits.effective_cpus = machine.limits.affinity_cpus = 2;
  machine.limits.memory_budget_bytes = 4LL << 30;
  return machine;
}

struct Audited {
  const char* probe;
  Parameters parameters;
  bool by_library = false;
};

void PrintTo(const Audited& audited, std::ostream* out) {
  *out << audited.parameters.name(audited.probe);
}

std::vector<Audited> points() {
  const Machine machine = small_machine();
  const std::int64_t one = machine.pus[0].os_index, two = machine.pus[1].os_index;
  const char* small_model = "gemma-3-270m:q4_0";
  return {
      {"stream_bandwidth", {{"operation", "read"}, {"level", "dram"}, {"threads", 1}}},
      {"stream_bandwidth", {{"operation", "read"}, {"level", "dram"}, {"threads", 2}}},
      {"stream_bandwidth", {{"operation", "triad"}, {"level", "L2"}, {"threads", 2}}},
      {"stream_bandwidth", {{"operation", "streaming_write"}, {"level", "dram"}, {"threads", 1}}},
      {"cache_latency", {{"operation", "load"}, {"working_set_bytes", 1 << 20}}},
      {"loaded_latency", {{"operation", "load"}, {"threads", 2}, {"working_set_bytes", 1 << 20}}},
      {"matmul_throughput", {{"operation", "matvec"}, {"type", "q4_0"}, {"threads", 1}}},
      {"matmul_throughput", {{"operation", "matvec"}, {"type", "q6_k"}, {"threads", 2}}},
      {"matmul_throughput", {{"operation", "matmul"}, {"type", "q4_0"}, {"rows", 16}}},
      {"matmul_throughput", {{"operation", "matmul"}, {"type", "f32"}, {"rows", 16}}, true},
      {"attention_kv", {{"operation", "attention"}, {"positions", 512}, {"threads", 1}}},
      {"attention_kv", {{"operation", "attention"}, {"positions", 512}, {"threads", 2}}},
      {"decode_scaling", {{"operation", "step"}, {"model", small_model}, {"threads", 1}}},
      {"decode_scaling", {{"operation", "step"}, {"model", small_model}, {"threads", 2}}},
      {"decode_scaling",
       {{"operation", "step"}, {"model", small_model}, {"threads", 1}, {"pick", "top_p"}}},
      {"prefill_scaling",
       {{"operation", "step"}, {"model", small_model}, {"prompt_tokens", 16}, {"threads", 2}}},
      {"prefill_scaling",
       {{"operation", "step"},
        {"model", small_model},
        {"prompt_tokens", 32},
        {"micro_batch", 8},
        {"threads", 2}}},
      {"smt_interference", {{"operation", "compute"}, {"threads_per_core", 2}}},
      {"smt_interference", {{"operation", "attention"}, {"threads_per_core", 2}}},
      {"peak_compute", {{"operation", "registers"}, {"type", "f32"}, {"threads", 2}}},
      {"peak_compute", {{"operation", "onednn"}, {"type", "f32"}, {"threads", 1}}, true},
      {"peak_compute",
       {{"operation", "onednn"}, {"type", "int8"}, {"rows", 64}, {"threads", 2}},
       true},
      {"clock", {{"operation", "chain"}, {"threads", 1}}},
      {"core_to_core", {{"operation", "handoff"}, {"from_pu", one}, {"to_pu", two}}},
  };
}

class TimedRegion : public testing::TestWithParam<Audited> {};

INSTANTIATE_TEST_SUITE_P(Of, TimedRegion, testing::ValuesIn(points()), [](const auto& tested) {
  std::string name = tested.param.parameters.name(tested.param.probe);
  std::ranges::replace_if(
      name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

std::string told(const std::map<long, long>& calls) {
  std::string text;
  for (const auto& [number, count] : calls) {
    text += fmt::format("system call {} {} times; ", number, count);
  }
  return text;
}

TEST_P(TimedRegion, AllocatesNothingAndNeverEntersTheKernel) {
  const auto& [name, parameters, by_library] = GetParam();
  mains().at(name)(0, nullptr);
  WatchedKit kit(small_machine(parameters.has("threads_per_core")));
  std::unique_ptr<Case> measured;
  try {
    measured = captured->prepare({parameters, 0.05}, kit);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotAvailable) throw;
    GTEST_SKIP() << "needs what this machine lacks: " << error.what();
  }
  const bool calls_watched = system_calls_can_be_watched();
  constexpr std::uint64_t kIterations = 3;
  constexpr int kRegions = 5;
  for (int i = 0; i < 2; ++i) measured->seconds(kIterations);  // first touches, late binding
  const WatchedTeam* team = nullptr;
  long least_faults = -1;  // the kernel may move a page under us; the region's own come every time
  for (int region = 0; region < kRegions; ++region) {
    std::map<const WatchedTeam*, int> before;
    for (const auto& [real, each] : kit.teams()) before[each.get()] = each->regions();
    measured->seconds(kIterations);
    long faults = 0;
    for (const auto& [real, each] : kit.teams()) {
      if (each->regions() == before[each.get()]) continue;
      team = each.get();
      for (RegionCounts counts : each->counts()) {
        faults += counts.faults;
        if (by_library) RecordProperty("allocations", std::to_string(counts.allocations));
        EXPECT_EQ(by_library ? 0 : counts.allocations, 0);
        if (each->size() > 1) counts.system_calls.erase(SYS_sched_yield);
        EXPECT_TRUE(counts.system_calls.empty()) << told(counts.system_calls);
      }
    }
    least_faults = least_faults < 0 ? faults : std::min(least_faults, faults);
  }
  ASSERT_NE(team, nullptr) << "nothing was timed";
  EXPECT_EQ(least_faults, 0);
  if (!calls_watched) {
    GTEST_SKIP() << "needs syscall user dispatch (Linux 5.11 on x86-64) to watch system calls; "
                    "allocations and faults were watched";
  }
}

std::unique_ptr<Case> prefill_in_blocks(WatchedKit& kit, int prompt, int micro_batch) {
  mains().at("prefill_scaling")(0, nullptr);
  const Parameters parameters{{"operation", "step"}, {"model", "gemma-3-270m:q4_0"},
                              {"layers", 1},         {"prompt_tokens", prompt},
                              {"threads", 1},        {"micro_batch", micro_batch}};
  return captured->prepare({parameters, 0.05}, kit);
}

TEST(PrefillInBlocks, TimesEachBlockOfThePrompt) {
  WatchedKit kit(small_machine(false));
  const std::unique_ptr<Case> measured = prefill_in_blocks(kit, 40, 8);
  int before = 0, after = 0;
  for (const auto& [real, each] : kit.teams()) before += each->regions();
  measured->seconds(2);
  for (const auto& [real, each] : kit.teams()) after += each->regions();
  EXPECT_EQ(after - before, 2 * 5);
  measured->check();
}

TEST(PrefillInBlocks, RefusesAPromptThatIsNotWholeBlocks) {
  WatchedKit kit(small_machine(false));
  EXPECT_THROW(prefill_in_blocks(kit, 40, 16), Error);
  EXPECT_THROW(prefill_in_blocks(kit, 8, 16), Error);
  EXPECT_THROW(prefill_in_blocks(kit, 16, 1), Error);
  EXPECT_THROW(prefill_in_blocks(kit, 1 << 20, 4096), Error);
}

// The watch itself: what is planted is found.
TEST(RegionWatch, FindsWhatIsPlanted) {
  RegionCounts counts;
  RegionWatch watch;
  void* volatile allocated = std::malloc(1000);  // volatile: a pair with free may be left out
  sched_yield();
  watch.stop(counts);
  std::free(allocated);
  EXPECT_EQ(counts.allocations, 1);
  if (!system_calls_can_be_watched()) GTEST_SKIP() << "needs syscall user dispatch";
  EXPECT_EQ(counts.system_calls, (std::map<long, long>{{SYS_sched_yield, 1}}));
}

TEST(RegionWatch, FindsFirstTouches) {
  constexpr std::size_t kBytes = 4 << 20;
  const Buffer buffer(kBytes, PageKind::k4KiB);
  RegionCounts counts;
  RegionWatch watch;
  for (std::size_t at = 0; at < kBytes; at += 4096) buffer.data()[at] = std::byte{1};
  watch.stop(counts);
  EXPECT_GE(counts.faults, 1);
}

}  // namespace
}  // namespace mb
