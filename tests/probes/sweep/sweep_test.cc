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
  request.set_flag = {"-t"};
  request.command[2] =
      "test \"$1\" = 'a b;$(x)*' -a \"$2\" = -t && echo Decode Tokens per second: $3";
  EXPECT_EQ(run_sweep(request).series.at(0).points.at(0).tokens_per_second, 3);
  request.set_flag.clear();
  request.set_env = {"ENGINE_THREADS", "OTHER_THREADS"};
  request.command[2] = "echo Decode Tokens per second: $ENGINE_THREADS$OTHER_THREADS";
  EXPECT_EQ(run_sweep(request).series.at(0).points.at(0).tokens_per_second, 33);
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

// What a script of a fake engine leaves in `file`.
int pid_in(const std::filesystem::path& file) { return std::stoi(read_file(file)); }

bool runs(int pid) {
  const auto stat = HostFiles().read("/proc/" + std::to_string(pid) + "/stat");
  return stat && stat->find(") Z") == std::string::npos;
}

std::string note_of(const std::string& script) {
  SweepRequest request = engine(script, {1});
  request.timeout_seconds = 20;
  const Sweep sweep = run_sweep(request);
  return sweep.series.at(0).points.at(0).status + ": " + sweep.series[0].points[0].note;
}

TEST(SweepBadDay, AHangIsEndedWithItsWholeGroup) {
  const TemporaryFolder folder;
  const auto pid_file = folder.path() / "pid";
  SweepRequest request =
      engine("sh -c 'trap \"\" TERM; echo $$ > " + pid_file.string() + "; sleep 1000' & wait", {1});
  request.timeout_seconds = 0.5;
  EXPECT_THAT(run_sweep(request).series.at(0).points.at(0).note, HasSubstr("--timeout gives more"));
  EXPECT_FALSE(runs(pid_in(pid_file)));
}

TEST(SweepBadDay, ADaemonIsNotLeftBehind) {
  const TemporaryFolder folder;
  const auto pid_file = folder.path() / "pid";
  const std::string file = pid_file.string();
  EXPECT_EQ(note_of("setsid sh -c 'echo $$ > " + file + "; exec sleep 1000' & while ! [ -s " +
                    file + " ]; do sleep 0.01; done; " + std::string(kRates)),
            "valid: ");
  EXPECT_FALSE(runs(pid_in(pid_file)));
}

TEST(SweepBadDay, NotANumberAndZeroAreRefusedByName) {
  EXPECT_EQ(note_of("echo Decode Tokens per second: nan"),
            "invalid: no usable figure: it printed decode \"nan\"");
  EXPECT_EQ(note_of("echo Decode Tokens per second: 0.0"),
            "invalid: no usable figure: it printed decode \"0.0\"");
}

TEST(SweepBadDay, AFloodOfOutputIsCutAndItsEndRead) {
  EXPECT_EQ(note_of("yes 'all work and no play' | head -c 50000000; " + std::string(kRates)),
            "valid: ");
}

TEST(SweepBadDay, AProgramThatWantsATerminalIsToldThereIsNone) {
  EXPECT_EQ(note_of("[ -t 1 ] || { echo 'not a terminal' >&2; exit 1; }"),
            "invalid: exit 1: not a terminal");
  EXPECT_THAT(note_of("read answer < /dev/tty || exit 9"), HasSubstr("invalid: exit"));
}

TEST(SweepBadDay, ADeathBySignalSaysWhich) {
  EXPECT_EQ(note_of("kill -SEGV $$"), "invalid: killed by SIGSEGV");
}

TEST(SweepBadDay, AFileThatTheEngineDidNotWriteIsNamed) {
  SweepRequest request = engine("true", {1});
  request.result_file = "/no/such/out-{threads}.json";
  EXPECT_THAT(run_sweep(request).series.at(0).points.at(0).note, HasSubstr("/no/such/out-1.json"));
}

TEST(Sweep, ReadsTheFileThatTheEngineWrites) {
  const TemporaryFolder folder;
  const std::string out = (folder.path() / "out-").string();
  SweepRequest request = engine("echo n_output_tokens: $(($1 * 30)) > " + out +
                                    "$1.txt; echo Operation generate_llm took 3.0 seconds.",
                                {1, 2});
  request.result_file = out + "{threads}.txt";
  const Sweep sweep = run_sweep(request);
  EXPECT_EQ(sweep.series.at(0).phase, "mixed");
  EXPECT_EQ(sweep.series[0].points.at(1).tokens_per_second, 20);
  EXPECT_EQ(sweep.series[0].points[1].note, "not comparable: 60 new tokens, others 30");
}

TEST(Sweep, AxesMakeLabelledSeries) {
  SweepRequest request = engine(
      "echo \"Decode Tokens per second: $(($1 * $2 + ${EXTRA:-0}))\"; "
      "test \"$3\" != --compile || echo Prefill Tokens per second: 7",
      {1, 2});
  request.command.insert(request.command.end(), {"{batch}", "{mode}"});
  request.axes = {{"batch", {"10", "20"}}, {"mode", {"", "--compile"}}, {"EXTRA", {"5"}}};
  const Sweep sweep = run_sweep(request);
  std::vector<std::string> labels;
  for (const SweepSeries& series : sweep.series)
    labels.push_back(series.phase + ": " + series.label);
  EXPECT_THAT(
      labels,
      ElementsAre("decode: batch=10, mode=, EXTRA=5", "prefill: batch=10, mode=--compile, EXTRA=5",
                  "decode: batch=10, mode=--compile, EXTRA=5", "decode: batch=20, mode=, EXTRA=5",
                  "prefill: batch=20, mode=--compile, EXTRA=5",
                  "decode: batch=20, mode=--compile, EXTRA=5"));
  EXPECT_EQ(sweep.series[3].points.at(1).tokens_per_second, 45);
  EXPECT_EQ(sweep.kind, "threads");
}

TEST(Sweep, ALengthAloneMakesADocumentOverThatLength) {
  SweepRequest request = engine("echo Prefill Tokens per second: $(($1 / 2))", {});
  request.command.back() = "{prompt}";
  request.axes = {{"prompt", {"64", "512"}}};
  const Sweep sweep = run_sweep(request);
  EXPECT_EQ(sweep.kind, "prompt-length");
  ASSERT_EQ(sweep.series.size(), 1u);
  ASSERT_EQ(sweep.series[0].points.size(), 2u);
  EXPECT_EQ(sweep.series[0].label, "");
  EXPECT_EQ(sweep.series[0].points[1].prompt_tokens, 512);
  EXPECT_EQ(sweep.series[0].points[1].tokens_per_second, 256);
}

TEST(Sweep, WithoutCountsThePlanAndTheDefaultAreRun) {
  SweepRequest request = engine(
      "echo \"Decode Tokens per second: ${T:-99}\"; echo '{\"n_prompt\": 5, \"n_gen\": 0, "
      "\"n_threads\": 4, \"avg_ts\": 7}'",
      {});
  request.command.pop_back();
  request.set_env = {"T"};
  request.rules = parse_rules_from_texts({"pytorch", "llama-bench"});
  const Sweep sweep = run_sweep(request);
  std::vector<std::string> labels;
  for (const SweepSeries& series : sweep.series) labels.push_back(series.label);
  EXPECT_THAT(labels, ElementsAre("engine's default", "engine's default", "", ""));
  EXPECT_EQ(sweep.series.at(0).points.at(0).threads, 4);
  EXPECT_EQ(sweep.series[0].points[0].tokens_per_second, 99);
  EXPECT_GE(sweep.series[2].points.size(), 3u);
  EXPECT_THAT(sweep.series[3].points[0].note, HasSubstr("the engine says it ran 4 threads"));
}

TEST(Sweep, TheColdRunIsKeptApart) {
  const TemporaryFolder folder;
  const std::string log = (folder.path() / "log").string();
  SweepRequest request = engine("echo $1 >> " + log + "; " + kRates, {2, 1}, 2);
  request.warmups = 1;
  const Sweep sweep = run_sweep(request);
  EXPECT_EQ(read_file(log), "1\n1\n2\n1\n2\n");
  EXPECT_EQ(sweep.runs.at(0).round, 0);
  EXPECT_EQ(sweep.runs[0].readings.size(), 2u);
  EXPECT_EQ(sweep.series.at(0).points.at(0).samples.size(), 2u);
}

TEST(Sweep, ARandomOrderIsTheSameForTheSameSeed) {
  const auto order = [](SweepOrder how, std::uint64_t seed) {
    SweepRequest request = engine(kRates, {1, 2, 3, 4, 5, 6});
    request.order = how;
    request.seed = seed;
    std::vector<int> counts;
    for (const SweepRun& run : run_sweep(request).runs) counts.push_back(*run.threads);
    return counts;
  };
  EXPECT_EQ(order(SweepOrder::kRandom, 7), order(SweepOrder::kRandom, 7));
  EXPECT_NE(order(SweepOrder::kRandom, 7), order(SweepOrder::kRandom, 8));
  EXPECT_THAT(order(SweepOrder::kDescending, 1), ElementsAre(6, 5, 4, 3, 2, 1));
}

TEST(Sweep, GoesOnWhereItStopped) {
  const TemporaryFolder folder;
  const std::string log = (folder.path() / "log").string();
  SweepRequest request = engine("echo $1 >> " + log + "; " + kRates, {1, 2}, 2);
  request.warmups = 1;
  request.known_runs = run_sweep(request).runs;
  request.known_runs.resize(3);  // warm-up, 1, 2
  write_file_atomically(log, "");
  const Sweep sweep = run_sweep(request);
  EXPECT_EQ(read_file(log), "1\n2\n");
  EXPECT_EQ(sweep.runs.size(), 5u);
  EXPECT_EQ(sweep.series.at(0).points.at(1).samples.size(), 2u);
}

TEST(Sweep, PinnedRunsOnAsManyCpusAsThreads) {
  SweepRequest request = engine("echo Decode Tokens per second: $(nproc)", {1});
  request.machine.reset();  // this one: the CPUs must exist
  request.pinned = true;
  const Sweep sweep = run_sweep(request);
  ASSERT_EQ(sweep.series.size(), 2u);
  EXPECT_EQ(sweep.series[0].label, "pinned");
  EXPECT_EQ(sweep.series[0].points.at(0).tokens_per_second, 1);
  EXPECT_EQ(sweep.series[1].label, "unpinned");
}

TEST(Sweep, ANeighbourRunsMeanwhileAndIsGoneAfterwards) {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "pid").string();
  SweepRequest request = engine("if [ -s " + file +
                                    " ]; then echo Decode Tokens per second: 5; "
                                    "else echo Decode Tokens per second: 9; fi",
                                {1});
  request.beside = {"/bin/sh", "-c", "echo $$ > " + file + "; exec sleep 1000"};
  const Sweep sweep = run_sweep(request);
  ASSERT_EQ(sweep.series.size(), 2u);
  EXPECT_EQ(sweep.series[0].points.at(0).tokens_per_second, 9);
  EXPECT_EQ(sweep.series[1].label, "beside /bin/sh");
  EXPECT_EQ(sweep.series[1].points.at(0).tokens_per_second, 5);
  EXPECT_FALSE(runs(pid_in(file)));
  request.beside = {"/bin/sh", "-c", "echo gone >&2; exit 3"};
  EXPECT_THAT(run_sweep(request).series.at(1).points.at(0).note,
              HasSubstr("the neighbour ended by itself: exit 3: gone"));
}

TEST(Sweep, KeepsWhatARunUsed) {
  const Sweep sweep = run_sweep(
      engine("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; " + std::string(kRates), {1}));
  const SweepUsage& usage = sweep.runs.at(0).usage;
  EXPECT_GT(usage.cpu_seconds.value_or(0), 0.05);
  EXPECT_GT(usage.peak_rss_bytes.value_or(0), 100'000);
  EXPECT_GE(usage.threads_spawned.value_or(0), 1);
  ASSERT_FALSE(usage.threads.empty());
  EXPECT_EQ(usage.threads.front().name, "sh");
  EXPECT_TRUE(usage.counters.contains("instructions") || !usage.counters_unavailable.empty());
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
  request.on_progress = [&](const std::string& line, const Sweep& so_far) {
    lines.push_back(line);
    EXPECT_EQ(read_file(request.output), to_json_text(so_far));
    points.push_back(
        sweep_from_json_text(read_file(request.output), "f").series.at(0).points.size());
  };
  const Sweep sweep = run_sweep(request);
  EXPECT_THAT(points, ElementsAre(1, 2));
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

TEST(SplitCommand, KnowsQuotesAndNothingElse) {
  EXPECT_THAT(split_command("a 'b c' \"d $x\"e  ;*"), ElementsAre("a", "b c", "d $xe", ";*"));
  EXPECT_THROW(split_command("a 'b"), Error);
}

TEST(SweepDeathTest, ASignalKeepsWhatWasMeasured) {
  const auto interrupted_sweep = [] {
    install_interrupt_handler();
    SweepRequest request = engine(kRates, {1, 2, 4});
    request.on_progress = [](const std::string& line, const Sweep&) {
      if (line.starts_with("2 ")) ::raise(SIGINT);
    };
    const Sweep sweep = run_sweep(request);
    ::_exit(sweep.series.size() == 2 && sweep.series[0].points.size() == 2 ? 42 : 43);
  };
  EXPECT_EXIT(interrupted_sweep(), testing::ExitedWithCode(42), "");
}

}  // namespace
}  // namespace mb
