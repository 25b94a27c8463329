#include "probes/sweep/watch.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "data/system/child.h"
#include "probes/sweep/child_counters.h"

namespace mb {
namespace {

// A /proc in a folder: pid -> threads; ticks are split into user and system time.
class FakeProc {
 public:
  void add(int pid, int tid, const std::string& name, int ticks, int cpu,
           const std::string& children = "") {
    const auto task = folder_.path() / "proc" / std::to_string(pid) / "task" / std::to_string(tid);
    std::filesystem::create_directories(task);
    std::string stat = fmt::format("{} ({}) R 1 1 1 0 -1 0 0 0 0 0 {} {}", tid, name, ticks / 2,
                                   ticks - ticks / 2);
    for (int field = 16; field <= 38; ++field) stat += " 0";
    write_file_atomically(task / "stat", stat + fmt::format(" {} 0 0", cpu));
    write_file_atomically(task / "children", children);
  }
  void remove(int pid, int tid) {
    std::filesystem::remove_all(folder_.path() / "proc" / std::to_string(pid) / "task" /
                                std::to_string(tid));
  }
  HostFiles files() const { return HostFiles(folder_.path()); }

 private:
  TemporaryFolder folder_;
};

TEST(ThreadWatch, CountsThreadsOfAProcessAndBelow) {
  FakeProc proc;
  proc.add(10, 10, "npm (a) b", 2, 0, "11 ");
  proc.add(11, 11, "engine", 300, 1);
  for (int i = 1; i <= 3; ++i) proc.add(11, 11 + i, "worker", i == 3 ? 10 : 290, i);
  ThreadWatch watch(proc.files(), 100);
  watch.look(10, 4.0);
  SweepUsage usage;
  watch.report(usage);
  EXPECT_EQ(usage.threads_spawned, 5);
  EXPECT_EQ(usage.threads_busy, 3);
  ASSERT_EQ(usage.threads.size(), 5u);
  EXPECT_EQ(usage.threads[0].name, "engine");
  EXPECT_EQ(usage.threads[0].state, "R");
  EXPECT_DOUBLE_EQ(usage.threads[0].cpu_share, 0.75);
  EXPECT_EQ(usage.threads[1].last_cpu, 1);
  EXPECT_EQ(usage.threads[4].name, "npm (a) b");
}

// An engine that starts its threads for one step only: two at once, another second one at each
// look.
TEST(ThreadWatch, CountsThreadsThatComeAndGo) {
  FakeProc proc;
  proc.add(10, 10, "engine", 300, 1);
  ThreadWatch watch(proc.files(), 100);
  for (int step = 1; step <= 5; ++step) {
    proc.add(10, 10 + step, "worker", 1, 0);
    watch.look(10, step);
    proc.remove(10, 10 + step);
  }
  SweepUsage usage;
  watch.report(usage);
  EXPECT_EQ(usage.threads_spawned, 2);
  EXPECT_EQ(usage.threads_seen, 6);
}

TEST(ThreadWatch, SaysNothingOfAProcessThatIsGone) {
  const FakeProc proc;
  ThreadWatch watch(proc.files());
  watch.look(99, 1);
  SweepUsage usage;
  watch.report(usage);
  EXPECT_EQ(usage.threads_spawned, std::nullopt);
  EXPECT_TRUE(usage.threads.empty());
}

// Page faults are counted by every kernel: what the child's own child does is counted too.
TEST(ChildCounters, AreInheritedAcrossForkAndExec) {
  ChildCounters counters;
  ChildRequest request{.argv = {"/bin/sh", "-c", "sh -c 'cat /proc/self/maps' > /dev/null"}};
  request.before_exec = [&](int pid) { counters.open(pid); };
  ASSERT_TRUE(run_child(request).ok());
  SweepUsage usage;
  counters.report(usage);
  if (!usage.counters.contains("page_faults")) GTEST_SKIP() << usage.counters_unavailable;
  EXPECT_GT(usage.counters.at("page_faults"), 50);  // two shells and a cat touch more pages each
  EXPECT_EQ(usage.counters.contains("instructions"), usage.counters_unavailable.empty());
}

}  // namespace
}  // namespace mb
