// The conformance of a probe's program: a toy probe goes through probe_main as a child process
// (this very program with `toy_probe` as first argument), with files in a temporary folder. The toy
// takes the name of a probe that the plan knows; what it "measures" is made up, so nothing here
// depends on time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "data/documents/results.h"
#include "data/error.h"
#include "data/plan/plan.h"
#include "data/system/child.h"
#include "data/system/files.h"
#include "probes/core/describe_machine.h"
#include "probes/core/probe.h"

namespace mb {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

// ---- the toy ----------------------------------------------------------------------------------

constexpr double kBytes = 4096;
constexpr double kSeconds = 1e-6;  // of one operation, always: 4.096 GB/s

class ToyCase final : public Case {
 public:
  explicit ToyCase(std::string operation) : operation_(std::move(operation)) {
    if (operation_ != "bare") notes["isa"] = "TOY";
    facts["working_set_bytes"] = kBytes;
    scheduling_is_measured = operation_ == "scheduled";
    if (operation_ == "read" || operation_ == "wrong") {
      quantity = "bandwidth";
      unit = Unit::kBytesPerSecond;
      amount_per_iteration = kBytes;
    }
    if (operation_ == "flops" || operation_ == "hertz") {
      quantity = "rate";
      unit = operation_ == "flops" ? Unit::kFlopsPerSecond : Unit::kHertz;
      amount_per_iteration = 100;
      notes["kernel"] = "a toy's";
    }
  }
  double seconds(std::uint64_t iterations) override {
    if (operation_ == "endless") std::this_thread::sleep_for(std::chrono::milliseconds(20));
    // Every sample three times the one before, then again: no two modes, a huge spread.
    const bool wild =
        operation_ == "barrier" || operation_ == "region" || operation_ == "scheduled";
    const double factor = wild ? 1 + 3 * (calls_++ % 4) : 1;
    return factor * kSeconds * static_cast<double>(iterations);
  }
  void check() override {
    if (operation_ == "wrong") throw Error(ErrorCode::kFailure, "sum is 3, expected 4");
    if (operation_ == "moved") throw Error(ErrorCode::kNotAvailable, "somebody moved the toy");
  }

 private:
  std::string operation_;
  int calls_ = 0;
};

std::unique_ptr<Case> prepare_toy(const PlannedPoint& point, Kit& kit) {
  const std::string operation = point.parameters.text_or("operation", "");
  if (operation == "absent") {
    throw Error(ErrorCode::kNotAvailable, "no such hardware; buy some");
  }
  if (std::getenv("TOY_IS_ABSENT") != nullptr) throw Error(ErrorCode::kNotAvailable, "no toy");
  if (operation == "greedy") throw std::bad_alloc();
  if (operation == "broken") throw std::runtime_error("a spring is loose");
  if (operation == "nonsense") throw Error(ErrorCode::kUsage, "operation 'nonsense'");
  if (operation == "hungry") kit.require_memory(std::int64_t{1} << 50);
  if (operation == "twice") {
    kit.require_memory(kit.machine().limits.memory_budget_bytes / 5);
    kit.require_memory(kit.machine().limits.memory_budget_bytes / 5);
  }
  if (point.parameters.text_or("sync", "") != "work_stealing") kit.team(point.parameters);
  return std::make_unique<ToyCase>(operation);
}

int toy_probe(int argc, char** argv) {
  return probe_main(argc, argv, {"dispatch_overhead", "a toy", prepare_toy});
}

// ---- running it -------------------------------------------------------------------------------

class ProbeMain : public testing::Test {
 protected:
  ProbeMain() {
    machine_ = describe_machine();
    write_file_atomically(file("machine.json"), machine_to_json_text(machine_));
  }

  std::string file(const std::string& name) const { return (folder_.path() / name).string(); }

  ChildRequest request(const std::vector<std::string>& arguments) const {
    ChildRequest child;
    child.argv = {std::filesystem::read_symlink("/proc/self/exe").string(), "toy_probe"};
    child.argv.insert(child.argv.end(), arguments.begin(), arguments.end());
    child.timeout_seconds = 60;
    return child;
  }

  ChildResult run(const std::vector<std::string>& arguments) const {
    return run_child(request(arguments));
  }

  void plan(const std::vector<std::string>& operations, double seconds = 0.02) const {
    PlannedStep step{"dispatch_overhead", {}, {}};
    for (const std::string& operation : operations) {
      step.points.push_back({Parameters{{"operation", operation}, {"threads", std::int64_t{1}}},
                             operation == "endless" ? 30 : seconds});
    }
    write_file_atomically(file("plan.json"), to_json_text(step));
  }

  std::vector<std::string> planned(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"--machine", file("machine.json"), "--plan", file("plan.json"),
                               "--out", file("out.json")});
    return more;
  }

  Results document() const {
    return results_from_json_text(read_file(file("out.json")), file("out.json"));
  }

  Machine machine_;
  TemporaryFolder folder_;
};

int lines_of(const std::string& text) {
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

TEST_F(ProbeMain, ListsItsPointsWithoutMeasuringThem) {
  plan({"read", "wrong"});
  const ChildResult listed = run(planned({"--benchmark_list_tests"}));
  EXPECT_EQ(listed.exit_code, 0) << listed.standard_error;
  EXPECT_THAT(listed.standard_output, HasSubstr("dispatch_overhead/read/threads:1"));
  EXPECT_THAT(listed.standard_output, HasSubstr("dispatch_overhead/wrong/threads:1"));
  EXPECT_FALSE(std::filesystem::exists(file("out.json")));
}

TEST_F(ProbeMain, MeasuresWhatTheFilterLeaves) {
  plan({"read", "wrong", "absent"});
  const ChildResult ran = run(planned({"--benchmark_filter=/read/"}));
  EXPECT_EQ(ran.exit_code, 0) << ran.standard_error;
  EXPECT_THAT(document().points, SizeIs(1));
}

TEST_F(ProbeMain, AFilterThatFitsNothingIsAUsageError) {
  plan({"read"});
  for (const char* filter :
       {"--benchmark_filter=nothing", "--benchmark_filter=-read", "--benchmark_filter=("}) {
    const ChildResult ran = run(planned({filter}));
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_EQ(lines_of(ran.standard_error), 1) << ran.standard_error;
    EXPECT_THAT(ran.standard_error, HasSubstr(filter));
  }
}

TEST_F(ProbeMain, WithoutAnyPointAFilterIsNotToBlame) {
  plan({});
  const ChildResult ran = run(planned({"--benchmark_filter=/read/"}));
  EXPECT_EQ(ran.exit_code, 0) << ran.standard_error;
  EXPECT_EQ(ran.standard_error, "");
}

TEST_F(ProbeMain, WritesADocumentWithEverySample) {
  plan({"read"});
  const ChildResult ran = run(planned());
  EXPECT_EQ(ran.exit_code, 0) << ran.standard_error;
  const Results results = document();
  EXPECT_EQ(results.state, "complete");
  EXPECT_EQ(results.machine, machine_);
  EXPECT_FALSE(results.build.version.empty());
  EXPECT_EQ(results.build.isa_chosen, "TOY");
  ASSERT_THAT(results.points, SizeIs(1));
  const Point& point = results.points[0];
  EXPECT_EQ(point.name, "dispatch_overhead/read/threads:1");
  EXPECT_EQ(point.unit, Unit::kBytesPerSecond);
  EXPECT_EQ(point.quantity, "bandwidth");
  EXPECT_EQ(point.parameters.number("threads"), 1);
  EXPECT_GE(point.samples.size(), 5u);
  EXPECT_NEAR(point.summary.median, kBytes / kSeconds, 1);
  EXPECT_EQ(static_cast<std::size_t>(point.summary.count), point.samples.size());
  EXPECT_EQ(point.notes.at("isa"), "TOY");
  EXPECT_EQ(point.facts.at("working_set_bytes"), kBytes);
  EXPECT_TRUE(point.noise.migrations.has_value());
  EXPECT_TRUE(!point.counters.values.empty() || !point.counters.unavailable_cause.empty());
}

TEST_F(ProbeMain, GoogleBenchmarksJsonHasItsOwnContextAndTheMedianAsTime) {
  plan({"read"});
  const ChildResult ran = run(planned({"--benchmark_format=json"}));
  const auto json = nlohmann::json::parse(ran.standard_output);
  const auto& context = json.at("context");
  EXPECT_EQ(context.at("effective_cpus"), std::to_string(machine_.limits.effective_cpus));
  EXPECT_THAT(context.at("executable").get<std::string>(), Not(HasSubstr("--")));
  EXPECT_TRUE(context.contains("memory_benchmark_version"));
  const auto& row = json.at("benchmarks").at(0);
  EXPECT_NEAR(row.at("real_time").get<double>(), kSeconds * 1e6, 1e-6) << "microseconds";
  EXPECT_NEAR(row.at("bytes_per_second").get<double>(), kBytes / kSeconds, 1);
  const Validity judged = document().points.at(0).verdict.validity;  // of this machine's minute
  EXPECT_THAT(row.at("label").get<std::string>(),
              testing::StartsWith(std::string(to_string(judged))));
}

TEST_F(ProbeMain, RepetitionsAppendSamplesToTheSamePoint) {
  plan({"read"});
  run(planned());
  const std::size_t once = document().points.at(0).samples.size();
  run(planned({"--benchmark_repetitions=3"}));
  EXPECT_THAT(document().points, SizeIs(1));
  const Point point = document().points.at(0);
  EXPECT_EQ(point.samples.size() % once, 0U);
  // A repetition that met this machine's bad minute is refused, and says so.
  EXPECT_TRUE(point.samples.size() == 3 * once || point.notes.contains("refused_visit"));
}

TEST_F(ProbeMain, WhatIsNotAvailableIsMissingAndNeverAZero) {
  plan({"absent", "hungry", "twice", "read"});
  const ChildResult ran = run(planned({"--benchmark_format=json"}));
  EXPECT_EQ(ran.exit_code, 0) << ran.standard_error;
  const Results results = document();
  EXPECT_THAT(results.points, SizeIs(1));
  ASSERT_THAT(results.missing, SizeIs(3));
  EXPECT_EQ(results.missing[0].what, "dispatch_overhead/absent/threads:1");
  EXPECT_EQ(results.missing[0].cause, "no such hardware");
  EXPECT_EQ(results.missing[0].remedy, "buy some");
  EXPECT_THAT(results.missing[1].cause, HasSubstr("needs 1073741824 MiB, budget"));
  EXPECT_THAT(results.missing[2].cause, HasSubstr("needs")) << "requests of one point add up";
  const auto row = nlohmann::json::parse(ran.standard_output).at("benchmarks").at(0);
  EXPECT_EQ(row.at("error_occurred"), true);
  EXPECT_THAT(row.at("error_message").get<std::string>(), HasSubstr("no such hardware"));
}

TEST_F(ProbeMain, APointThatItsCheckRefusesIsMissingAndNoFailure) {
  plan({"moved", "read"});
  EXPECT_EQ(run(planned()).exit_code, 0);
  EXPECT_THAT(document().points, SizeIs(1));
  EXPECT_THAT(document().missing,
              testing::Contains(testing::Field(&Missing::cause, "somebody moved the toy")));
}

TEST_F(ProbeMain, ASignalEndsARunWithoutADocumentToo) {
  plan({"read", "endless"});
  ChildRequest child = request({"--machine", file("machine.json"), "--plan", file("plan.json")});
  bool measured = false, sent = false;  // the first point's row is out: its handlers stand
  child.on_line = [&](std::string_view line) {
    measured = measured || line.find("/read/") != std::string_view::npos;
  };
  child.on_tick = [&](int pid) {
    if (measured && !sent) kill(pid, SIGTERM);
    sent = measured;
  };
  const ChildResult ended = run_child(child);
  EXPECT_EQ(ended.exit_code, 5) << ended.describe();
  EXPECT_THAT(ended.standard_error, HasSubstr("interrupted by a signal: 1 points finished"));
  EXPECT_THAT(ended.standard_error, Not(HasSubstr("kept in")));
}

TEST_F(ProbeMain, AWrongResultFailsTheRunAndIsNoPoint) {
  plan({"read", "wrong", "region"});
  const ChildResult ran = run(planned());
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.standard_error,
              HasSubstr("dispatch_overhead/wrong/threads:1: sum is 3, expected 4"));
  const Results results = document();
  ASSERT_THAT(results.points, SizeIs(1)) << "what was measured before is kept, nothing follows";
  EXPECT_EQ(results.points[0].name, "dispatch_overhead/read/threads:1");
  ASSERT_THAT(results.steps, SizeIs(1));
  EXPECT_EQ(results.steps[0].verdict.reasons.at(0).code, "wrong_result");
  EXPECT_THAT(results.steps[0].verdict.reasons.at(0).detail, HasSubstr("sum is 3, expected 4"));
}

TEST_F(ProbeMain, RatesHaveTheirOwnColumnAndTheLabelNamesTheKernel) {
  plan({"flops", "hertz"});
  const ChildResult ran = run(planned({"--benchmark_format=json", "--benchmark_filter=all"}));
  const auto rows = nlohmann::json::parse(ran.standard_output).at("benchmarks");
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_NEAR(rows[0].at("flops_per_second").get<double>(), 100 / kSeconds, 1);
  EXPECT_NEAR(rows[1].at("hertz").get<double>(), 100 / kSeconds, 1);
  for (const auto& row : rows) {
    EXPECT_THAT(row.at("label").get<std::string>(), testing::EndsWith("; a toy's"));
    EXPECT_FALSE(row.contains("bytes_per_second"));
  }
}

TEST_F(ProbeMain, WithoutMemoryAPointIsMissingAndTheNextIsMeasured) {
  plan({"greedy", "read"});
  const ChildResult ran = run(planned());
  EXPECT_EQ(ran.exit_code, 0) << ran.standard_error;
  ASSERT_THAT(document().missing, SizeIs(1));
  EXPECT_EQ(document().missing[0].what, "dispatch_overhead/greedy/threads:1");
  EXPECT_EQ(document().missing[0].cause, "out of memory");
  EXPECT_THAT(document().points, SizeIs(1));
}

TEST_F(ProbeMain, TheSameReasonForTheSamePointIsToldOnce) {
  plan({"absent", "absent", "bare"});
  const ChildResult ran = run(planned());
  EXPECT_EQ(ran.exit_code, 0) << ran.standard_error;
  EXPECT_THAT(document().missing, SizeIs(1));
  EXPECT_EQ(document().build.isa_chosen, "") << "no kernel said what it runs on";
}

TEST_F(ProbeMain, AnUnexpectedExceptionFailsTheRunInItsWords) {
  plan({"read", "broken", "region"});
  const ChildResult ran = run(planned());
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.standard_error, testing::EndsWith("\ndispatch_overhead: a spring is loose\n"));
  EXPECT_THAT(document().points, SizeIs(1)) << "nothing is measured after it";
  EXPECT_EQ(document().state, "interrupted");
}

TEST_F(ProbeMain, WhereNoPointCanBeHadTheReasonIsTheAnswer) {
  ChildRequest child = request({"--machine", file("machine.json"), "--budget", "0.1"});
  child.environment = {{"TOY_IS_ABSENT", "1"}};
  const ChildResult ran = run_child(child);
  EXPECT_EQ(ran.exit_code, 4) << ran.describe();
  EXPECT_THAT(ran.standard_error, HasSubstr("dispatch_overhead: no result here: no toy"));
}

TEST_F(ProbeMain, HoldsThePointOfTheMostThreadsForTheTimeItIsGiven) {
  const ChildResult ran = run({"--machine", file("machine.json"), "--sustain", "0.6", "--out",
                               file("out.json"), "--benchmark_format=json"});
  const Results results = document();
  ASSERT_THAT(results.points, SizeIs(1));
  const Point& held = results.points[0];
  EXPECT_EQ(held.parameters.number("sustain_seconds"), 1) << "rounded";
  EXPECT_GE(held.parameters.number_or("threads", 0), machine_.limits.effective_cpus);
  EXPECT_EQ(results.budget_seconds, 0.6);
  EXPECT_TRUE(held.facts.contains("rate_change"));
  const auto row = nlohmann::json::parse(ran.standard_output).at("benchmarks").at(0);
  EXPECT_THAT(row.at("label").get<std::string>(), HasSubstr("; rate at the end "));
}

TEST_F(ProbeMain, APlanThatTheProbeDoesNotUnderstandIsAUsageError) {
  plan({"nonsense"});
  EXPECT_EQ(run(planned()).exit_code, 2);
}

TEST_F(ProbeMain, ASignalEndsTheRunWithAWholeDocument) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    plan({"read", "endless", "read"});
    ChildRequest child = request(planned());
    bool sent = false;  // a second signal would end it at once, without its last words
    child.on_tick = [&](int pid) {
      // The first point is written as soon as it is finished.
      if (sent || !std::filesystem::exists(file("out.json"))) return;
      kill(pid, signal);
      sent = true;
    };
    const ChildResult ran = run_child(child);
    EXPECT_EQ(ran.exit_code, 5) << ran.describe();
    EXPECT_THAT(ran.standard_error, HasSubstr("interrupted by a signal: 1 points finished"));
    EXPECT_EQ(document().state, "interrupted");
    EXPECT_THAT(document().points, SizeIs(1));
    std::filesystem::remove(file("out.json"));
  }
}

TEST_F(ProbeMain, AKilledRunLeavesThePointsItHasFinished) {
  plan({"read", "endless"});
  ChildRequest child = request(planned());
  child.on_tick = [&](int pid) {
    if (std::filesystem::exists(file("out.json"))) kill(pid, SIGKILL);
  };
  EXPECT_EQ(run_child(child).signal, SIGKILL);
  EXPECT_EQ(document().state, "interrupted");
  EXPECT_THAT(document().points, SizeIs(1));
}

TEST_F(ProbeMain, WithoutAPlanItPlansForItselfAndDistrustsWildSamples) {
  const ChildResult ran = run(
      {"--budget", "0.5", "--out", file("out.json"), "--benchmark_filter=sync:spin/threads:1/"});
  EXPECT_EQ(ran.exit_code, 7) << ran.standard_output << ran.standard_error;
  EXPECT_THAT(ran.standard_error, HasSubstr("results are invalid, first dispatch_overhead/"));
  for (const Point& point : document().points) {
    EXPECT_EQ(point.verdict.validity, Validity::kInvalid);
    EXPECT_THAT(point.samples, Not(testing::IsEmpty()));
  }
}

TEST_F(ProbeMain, WildSamplesAreNoisyAtMostWhereSchedulingIsMeasured) {
  plan({"scheduled"});
  EXPECT_EQ(run(planned()).exit_code, 0);
  ASSERT_THAT(document().points, SizeIs(1));
  const Verdict verdict = document().points.front().verdict;
  EXPECT_EQ(verdict.validity, Validity::kNoisy);
  EXPECT_EQ(verdict.reasons.front().code, "spread");
}

TEST_F(ProbeMain, APointThatNeedsAnotherEnvironmentIsNotAmongThoseOfThisProcess) {
  ChildRequest listing = request({"--machine", file("machine.json"), "--benchmark_list_tests"});
  const ChildResult active = run_child(listing);
  EXPECT_THAT(active.standard_output, HasSubstr("sync:openmp/"));
  EXPECT_THAT(active.standard_output, Not(HasSubstr("sync:openmp_passive")));
  listing.environment = {{"OMP_WAIT_POLICY", "PASSIVE"}};
  const ChildResult passive = run_child(listing);
  EXPECT_THAT(passive.standard_output, HasSubstr("sync:openmp_passive"));
  EXPECT_THAT(passive.standard_output, Not(HasSubstr("sync:openmp/")));
  if (machine_.limits.effective_cpus < 2) return;
  for (const ChildResult& any : {active, passive}) {  // what asks for nothing is run by either
    EXPECT_THAT(any.standard_output, HasSubstr("step/sync:thread_create/"));
  }
}

TEST_F(ProbeMain, UnknownFlagsAndBadFilesGiveOneLineAndKeepTheOldDocument) {
  plan({"read"});
  write_file_atomically(file("out.json"), "old");
  write_file_atomically(file("torn.json"), "{\"probe\": ");
  PlannedStep foreign{"stream_bandwidth", {}, {}};
  write_file_atomically(file("foreign.json"), to_json_text(foreign));
  struct Row {
    std::vector<std::string> arguments;
    int code;
    std::string culprit;
  };
  const std::vector<Row> rows = {
      {planned({"--bogus"}), 2, "--bogus"},
      {planned({"--bogus=3"}), 2, "--bogus=3"},
      {planned({"stray"}), 2, "stray"},
      {planned({"--machin", "x"}), 2, "--machin"},
      {planned({"--benchmark_bogus=1"}), 2, "--benchmark_bogus=1"},
      {planned({"--benchmark_format=xml"}), 2, "--benchmark_format=xml"},
      {planned({"--budget", "3"}), 2, "--budget"},
      {{"--budget", "soon"}, 2, "budget"},
      {{"--budget", "-1"}, 2, "--budget"},
      {{"--budget", "nan"}, 2, "--budget"},
      {{"--budget", "90000"}, 2, "up to a day"},
      {{"--sustain", "soon"}, 2, "--sustain: 'soon'"},
      {{"--sustain", "90000"}, 2, "up to a day"},
      {planned({"--sustain", "3"}), 2, "--sustain has no effect beside --plan"},
      {{"--out"}, 2, "--out"},
      {{"--machine", file("none.json")}, 1, "none.json"},
      {{"--plan", file("none.json")}, 1, "none.json"},
      {{"--machine", file("torn.json")}, 1, "torn.json"},
      {{"--plan", file("torn.json")}, 1, "torn.json"},
      {{"--plan", file("foreign.json")}, 2, "stream_bandwidth"},
  };
  for (const Row& row : rows) {
    const ChildResult ran = run(row.arguments);
    EXPECT_EQ(ran.exit_code, row.code) << row.culprit << ": " << ran.standard_error;
    EXPECT_EQ(lines_of(ran.standard_error), 1) << ran.standard_error;
    EXPECT_THAT(ran.standard_error, HasSubstr(row.culprit));
  }
  EXPECT_EQ(read_file(file("out.json")), "old");
}

TEST_F(ProbeMain, ADocumentThatCannotBeWrittenIsAFailure) {
  plan({"read"});
  const ChildResult ran = run({"--machine", file("machine.json"), "--plan", file("plan.json"),
                               "--out", file("no/such/folder/out.json")});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.standard_error, HasSubstr("no/such/folder"));
}

TEST_F(ProbeMain, HelpAndDescriptionAreForPeople) {
  const ChildResult help = run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* word : {"--machine", "--plan", "--out", "--budget", "--describe",
                           "--benchmark_filter", "Exit codes"}) {
    EXPECT_THAT(help.standard_output, HasSubstr(word));
  }
  EXPECT_EQ(run({"--describe"}).standard_output, "dispatch_overhead: a toy\n");
}

}  // namespace
}  // namespace mb

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "toy_probe")
    return mb::toy_probe(argc - 1, argv + 1);
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
