#include "data/system/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "data/error.h"
#include "data/system/clock.h"
#include "data/system/files.h"
#include "tests/leave.h"

namespace mb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ChildRequest shell(const std::string& script) { return {.argv = {"/bin/sh", "-c", script}}; }

bool is_alive(int pid) { return ::kill(pid, 0) == 0; }

// Zombies of other parents (init is slow to reap in containers) do not count as alive.
bool runs(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string id, name, state;
  return is_alive(pid) && (stat >> id >> name >> state) && state != "Z" && state != "X";
}

TEST(Child, ReturnsOutputErrorsAndExitCode) {
  const ChildResult result = run_child(shell("echo out; echo err >&2; exit 3"));
  EXPECT_EQ(result.standard_output, "out\n");
  EXPECT_EQ(result.standard_error, "err\n");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.describe(), "exit 3");
}

TEST(Child, PassesArgumentsWithoutAShell) {
  const ChildResult result = run_child({.argv = {"printf", "%s|", "a b", "$HOME", "*;`"}});
  EXPECT_EQ(result.standard_output, "a b|$HOME|*;`|");
  EXPECT_TRUE(result.ok());
}

TEST(Child, AddsAndReplacesEnvironment) {
  ::setenv("CHILD_TEST_OLD", "old", 1);
  ChildRequest request = shell("echo $CHILD_TEST_OLD $CHILD_TEST_NEW");
  request.environment = {{"CHILD_TEST_OLD", "replaced"}, {"CHILD_TEST_NEW", "new"}};
  EXPECT_EQ(run_child(request).standard_output, "replaced new\n");
}

TEST(Child, TellsAMissingProgramApart) {
  for (const char* name : {"no-such-program-here", "/no/such/program", "/etc/passwd"}) {
    const ChildResult result = run_child({.argv = {name}});
    EXPECT_TRUE(result.not_found) << name;
    EXPECT_FALSE(result.ok());
    EXPECT_THAT(result.describe(), HasSubstr(name));
  }
  EXPECT_FALSE(run_child(shell("exit 127")).not_found);
}

TEST(Child, RefusesAnEmptyCommand) { EXPECT_THROW(run_child({}), Error); }

TEST(Child, NamesTheSignalThatEndedIt) {
  const ChildResult result = run_child(shell("kill -KILL $$"));
  EXPECT_EQ(result.signal, SIGKILL);
  EXPECT_THAT(result.describe(), HasSubstr("SIGKILL"));
}

TEST(Child, KeepsTheTailOfLongOutput) {
  ChildRequest request = shell("i=0; while [ $i -lt 20000 ]; do echo line$i; i=$((i+1)); done");
  request.max_output_bytes = 1000;
  const ChildResult result = run_child(request);
  EXPECT_EQ(result.standard_output.size(), 1000u);
  EXPECT_TRUE(result.standard_output.ends_with("line19999\n"));
}

TEST(Child, GivesEachLineAsItComesAndTheLastWithoutNewline) {
  std::vector<std::string> lines;
  ChildRequest request = shell("echo one; echo; printf two");
  request.on_line = [&](std::string_view line) { lines.emplace_back(line); };
  run_child(request);
  EXPECT_THAT(lines, ElementsAre("one", "", "two"));
}

TEST(Child, IsStoppedWithItsWholeGroupWhenTimeIsOver) {
  const TemporaryFolder folder;
  const auto pid_file = (folder.path() / "pid").string();
  ChildRequest request = shell("sleep 1000 & echo $! > " + pid_file + "; wait");
  request.timeout_seconds = 0.3;
  const ChildResult result = run_child(request);
  EXPECT_TRUE(result.timed_out);
  EXPECT_LT(result.seconds, 60);
  EXPECT_THAT(result.describe(), HasSubstr("its time was over"));
  const int grandchild = std::stoi(read_file(pid_file));
  for (int i = 0; i < 200 && runs(grandchild); ++i) ::usleep(10000);
  EXPECT_FALSE(runs(grandchild));
}

TEST(Child, IsKilledWhenItIgnoresTheRequestToEnd) {
  ChildRequest request = shell("trap '' TERM; while :; do sleep 0.05; done");
  request.timeout_seconds = 0.2;
  const ChildResult result = run_child(request);
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.signal, SIGKILL);
}

TEST(Child, DoesNotWaitForABackgroundProcessThatKeepsThePipeOpen) {
  const TemporaryFolder folder;
  const auto pid_file = (folder.path() / "pid").string();
  const ChildResult result = run_child(shell("sleep 1000 & echo $! > " + pid_file + "; echo done"));
  EXPECT_EQ(result.standard_output, "done\n");
  EXPECT_LT(result.seconds, 100);
  const int background = std::stoi(read_file(pid_file));
  for (int i = 0; i < 200 && runs(background); ++i) ::usleep(10000);
  EXPECT_FALSE(runs(background));
}

TEST(Child, LeavesNothingWhenACallbackThrows) {
  int pid = 0;
  ChildRequest request = shell("sleep 1000");
  request.on_tick = [&](int child) {
    pid = child;
    throw Error(ErrorCode::kFailure, "tick");
  };
  EXPECT_THROW(run_child(request), Error);
  EXPECT_GT(pid, 0);
  EXPECT_FALSE(is_alive(pid));
}

TEST(Child, TicksWhileItRuns) {
  int ticks = 0;
  ChildRequest request = shell("sleep 0.6");
  request.on_tick = [&](int) { ++ticks; };
  run_child(request);
  EXPECT_GE(ticks, 1);
}

TEST(Child, KeepsNoDescriptorOpen) {
  const auto open_descriptors = [] { return HostFiles().list("/proc/self/fd").size(); };
  run_child(shell("true"));
  const auto before = open_descriptors();
  for (int i = 0; i < 20; ++i) run_child(shell("echo x"));
  run_child({.argv = {"/no/such/program"}});
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Child, HasNoTerminalThatCouldStopIt) {
  EXPECT_EQ(run_child(shell("exec 3</dev/tty && echo opened")).standard_output, "");
}

TEST(Child, RunsOnTheCpusGiven) {
  ChildRequest request = shell("grep Cpus_allowed_list /proc/self/status");
  cpu_set_t ours;
  CPU_ZERO(&ours);
  ASSERT_EQ(::sched_getaffinity(0, sizeof ours, &ours), 0);
  int last = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &ours)) last = cpu;
  }
  request.cpus = {last};
  EXPECT_EQ(run_child(request).standard_output,
            "Cpus_allowed_list:\t" + std::to_string(last) + "\n");
}

TEST(Child, StartsAlsoWhenTheWordToGoCannotBeWritten) {
  ChildRequest request;
  request.argv = {"true"};
  request.timeout_seconds = 20;
  request.before_exec = [](int) {
    // The word goes into the pipe that was made last: of those for writing the highest number.
    // Writing to /dev/full in its place fails.
    int word = -1;
    for (int fd = 3; fd < 256; ++fd) {
      std::error_code none;
      const auto target = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", fd), none);
      const bool pipe = target.string().starts_with("pipe:");
      if (pipe && (::fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) word = fd;
    }
    ASSERT_GE(word, 0);
    ::dup3(::open("/dev/full", O_WRONLY | O_CLOEXEC), word, O_CLOEXEC);
  };
  const ChildResult result = run_child(request);
  EXPECT_TRUE(result.ok()) << result.describe();
}

TEST(Child, IsKnownBeforeItBecomesTheProgram) {
  ChildRequest request = shell("echo $$");
  int seen = 0;
  request.before_exec = [&](int pid) { seen = pid; };
  const ChildResult result = run_child(request);
  EXPECT_EQ(result.standard_output, std::to_string(seen) + "\n");
  request.before_exec = [](int) { throw std::runtime_error("no"); };
  EXPECT_THROW(run_child(request), std::runtime_error);  // and does not hang
}

TEST(Child, TellsWhatItUsed) {
  const ChildResult result = run_child(shell("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"));
  EXPECT_GT(result.cpu_seconds, 0.01);
  EXPECT_GT(result.peak_rss_bytes, 100'000);
  EXPECT_GT(result.voluntary_switches + result.involuntary_switches, 0);
}

TEST(Child, EndsWhenAsked) {
  ChildRequest request = shell("sleep 1000");
  request.stop = [] { return true; };
  const ChildResult result = run_child(request);
  EXPECT_TRUE(result.stopped);
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.describe(), "stopped");
}

TEST(Child, LeavesNoDaemonBehindWhereAsked) {
  const TemporaryFolder folder;
  const std::string pid_file = (folder.path() / "pid").string();
  ChildRequest request =
      shell("setsid sh -c 'echo $$ > " + pid_file + "; exec sleep 1000' & while ! [ -s " +
            pid_file + " ]; do sleep 0.01; done");
  request.end_orphans = true;
  EXPECT_TRUE(run_child(request).ok());
  EXPECT_FALSE(runs(std::stoi(read_file(pid_file))));
}

// In processes of their own (death tests), because the flag stays set.
TEST(InterruptDeathTest, FirstSignalStopsTheChildAndIsReported) {
  const auto interrupted_run = [] {
    install_interrupt_handler();
    ChildRequest request = shell("sleep 1000");
    request.on_tick = [](int) {
      if (!interrupt_requested()) ::raise(SIGINT);
    };
    const ChildResult result = run_child(request);
    leave(result.interrupted && result.signal == SIGTERM && interrupt_requested() ? 42 : 43);
  };
  EXPECT_EXIT(interrupted_run(), testing::ExitedWithCode(42), "");
}

TEST(InterruptDeathTest, SecondSignalEndsAtOnceWithTheInterruptedCode) {
  const auto two_signals = [] {
    install_interrupt_handler();
    ::raise(SIGTERM);
    ::raise(SIGINT);
    leave(43);
  };
  EXPECT_EXIT(two_signals(), testing::ExitedWithCode(5), "");
}

TEST(InterruptDeathTest, ChildDiesWithItsParent) {
  const TemporaryFolder folder;
  const auto pid_file = (folder.path() / "pid").string();
  const auto killed_parent = [&] {
    ChildRequest request = shell("echo $$ > " + pid_file + "; exec sleep 1000");
    request.on_tick = [&](int) {
      if (HostFiles().read(pid_file).value_or("") != "") ::kill(::getpid(), SIGKILL);
    };
    run_child(request);
  };
  EXPECT_EXIT(killed_parent(), testing::KilledBySignal(SIGKILL), "");
  const int child = std::stoi(read_file(pid_file));
  for (int i = 0; i < 500 && runs(child); ++i) ::usleep(10000);
  EXPECT_FALSE(runs(child));
}

}  // namespace
}  // namespace mb
