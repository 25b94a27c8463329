#include "probes/sweep/sweep.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include "data/error.h"
#include "data/system/child.h"
#include "data/system/files.h"

namespace mb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Machine four_cores() {
  Machine machine;
  for (int i = 0; i < 8; ++i)
    machine.pus.push_back({.os_index = i, .core = i / 2, .smt_rank = i % 2});
  machine.caches = {{1, 32768, 4, 2, 64}, {2, 1 << 20, 4, 2, 64}, {3, 32 << 20, 1, 8, 64}};
  machine.limits.effective_cpus = 4;
  return machine;
}

// A fake engine: a shell script that gets the count as $1 (from --set-flag: after the flag).
SweepRequest engine(const std::string& script, std::vector<int> threads, int repeats = 1) {
  SweepRequest request;
  request.command = {"/bin/sh", "-c", script, "engine", "{threads}"};
  request.threads = std::move(threads);
  request.repeats = repeats;
  request.machine = four_cores();
  return request;
}

const char* const kRates =
    "echo \"Prefill Tokens per second: $(($1 * 10)).5\"; echo \"Decode Tokens per second: $1\" >&2";

TEST(Sweep, GivesASeriesAPhaseAndAPointACount) {
  const Sweep sweep = run_sweep(engine(kRates, {4, 1, 2, 2}));
  ASSERT_EQ(sweep.series.size(), 2u);
  EXPECT_EQ(sweep.series[0].phase, "prefill");
  EXPECT_EQ(sweep.series[1].phase, "decode");
  ASSERT_EQ(sweep.series[0].points.size(), 3u);
  EXPECT_EQ(sweep.series[0].points[2].threads, 4);
  EXPECT_EQ(sweep.series[0].points[2].tokens_per_second, 40.5);
  EXPECT_EQ(sweep.series[1].points[1].tokens_per_second, 2);
  EXPECT_EQ(sweep.series[1].points[1].note, "");
  EXPECT_EQ(sweep.machine.physical_cores, 4);
  EXPECT_EQ(sweep.machine.logical_cpus, 8);
  EXPECT_EQ(sweep.machine.smt, 2);
  EXPECT_EQ(sweep.machine.l2_bytes_per_core, 1 << 20);
}

TEST(Sweep, TellsTheCountByFlagOrEnvironmentWithoutAShell) {
  SweepRequest request = engine("echo Decode Tokens per second: $3; echo \"$2\" >&2", {3});
  request.command.back() = "a b;$(x)*";
  request.set_flag = "-t";
  request.command[2] =
      "test \"$1\" = 'a b;$(x)*' -a \"$2\" = -t && echo Decode Tokens per second: $3";
  EXPECT_EQ(run_sweep(request).series.at(0).points.at(0).tokens_per_second, 3);
  request.set_flag.clear();
  request.set_env = "ENGINE_THREADS";
  request.command[2] = "echo Decode Tokens per second: $ENGINE_THREADS";
  EXPECT_EQ(run_sweep(request).series.at(0).points.at(0).tokens_per_second, 3);
}

TEST(Sweep, RepeatsInRoundsAndTakesTheMedian) {
  const TemporaryFolder folder;
  const std::string log = (folder.path() / "log").string();
  const Sweep sweep = run_sweep(engine("echo $1 >> " + log +
                                           "; echo Decode Tokens per second: $(wc "
                                           "-l < " +
                                           log + ")",
                                       {1, 2}, 3));
  EXPECT_EQ(read_file(log), "1\n2\n1\n2\n1\n2\n");
  EXPECT_THAT(sweep.series.at(0).points.at(0).samples, ElementsAre(1, 3, 5));
  EXPECT_EQ(sweep.series[0].points[0].tokens_per_second, 3);
}

TEST(Sweep, AFailingCountBecomesAnInvalidPointAndTheOthersGoOn) {
  const TemporaryFolder folder;
  const std::string log = (folder.path() / "log").string();
  const Sweep sweep = run_sweep(engine("echo $1 >> " + log +
                                           "; if [ $1 = 2 ]; then echo first >&2; echo no memory "
                                           ">&2; exit 3; fi; " +
                                           std::string(kRates),
                                       {1, 2, 4}, 2));
  const SweepPoint& failed = sweep.series.at(0).points.at(1);
  EXPECT_EQ(failed.status, "invalid");
  EXPECT_EQ(failed.note, "exit 3: no memory");
  EXPECT_EQ(failed.tokens_per_second, std::nullopt);
  EXPECT_EQ(sweep.series[0].points[2].samples.size(), 2u);
  EXPECT_EQ(read_file(log), "1\n2\n4\n1\n4\n");  // not tried again
}

TEST(Sweep, ARunThatHangsIsStoppedAndMarked) {
  SweepRequest request =
      engine("if [ $1 = 2 ]; then sleep 1000; fi; " + std::string(kRates), {1, 2});
  request.timeout_seconds = 0.3;
  const Sweep sweep = run_sweep(request);
  EXPECT_THAT(sweep.series.at(0).points.at(1).note, HasSubstr("its time was over"));
  EXPECT_EQ(sweep.series[0].points[0].status, "valid");
}

TEST(Sweep, CountsAboveTheBudgetAreObeyedAndMarked) {
  const Sweep sweep = run_sweep(engine(kRates, {4, 6}));
  EXPECT_EQ(sweep.series.at(0).points.at(0).note, "");
  EXPECT_EQ(sweep.series[0].points[1].note, "above the CPU budget of 4");
  EXPECT_EQ(sweep.series[0].points[1].status, "valid");
}

TEST(Sweep, OutputWithoutAFigureIsInvalidNotZero) {
  const Sweep sweep = run_sweep(engine("echo hello", {1}));
  ASSERT_EQ(sweep.series.size(), 1u);
  EXPECT_EQ(sweep.series[0].points.at(0).status, "invalid");
  EXPECT_THAT(sweep.series[0].points[0].note, HasSubstr("see --parse"));
}

TEST(Sweep, WritesAWholeDocumentAfterEveryRun) {
  const TemporaryFolder folder;
  SweepRequest request = engine(kRates, {1, 2});
  request.output = folder.path() / "ours.json";
  std::vector<std::size_t> points;
  std::vector<std::string> lines;
  request.on_progress = [&](const std::string& line) {
    lines.push_back(line);
    if (HostFiles().exists(request.output.string())) {
      points.push_back(
          sweep_from_json_text(read_file(request.output), "f").series.at(0).points.size());
    }
  };
  const Sweep sweep = run_sweep(request);
  EXPECT_THAT(points, ElementsAre(1));
  EXPECT_EQ(lines.at(0), "1 threads, run 1 of 1: prefill 10.5, decode 1 tokens/s");
  EXPECT_EQ(read_file(request.output), to_json_text(sweep));
  EXPECT_EQ(sweep.id, "ours");
}

TEST(Sweep, SaysWhatIsMissingInTheRequest) {
  const auto error_of = [](const SweepRequest& request) -> std::string {
    try {
      run_sweep(request);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  SweepRequest request = engine(kRates, {1});
  request.command.back() = "no place";
  EXPECT_THAT(error_of(request), HasSubstr("nothing tells the command its thread count"));
  request.command.clear();
  EXPECT_THAT(error_of(request), HasSubstr("no command"));
  request = engine(kRates, {0});
  EXPECT_THAT(error_of(request), HasSubstr("at least 1"));
  request = engine(kRates, {1});
  request.command.front() = "/no/such/engine";
  EXPECT_THAT(error_of(request), HasSubstr("cannot run /no/such/engine"));
}

TEST(SweepDeathTest, ASignalKeepsWhatWasMeasured) {
  const auto interrupted_sweep = [] {
    install_interrupt_handler();
    SweepRequest request = engine(kRates, {1, 2, 4});
    request.on_progress = [](const std::string& line) {
      if (line.starts_with("2 ")) ::raise(SIGINT);
    };
    const Sweep sweep = run_sweep(request);
    ::_exit(sweep.series.size() == 2 && sweep.series[0].points.size() == 2 ? 42 : 43);
  };
  EXPECT_EXIT(interrupted_sweep(), testing::ExitedWithCode(42), "");
}

}  // namespace
}  // namespace mb
