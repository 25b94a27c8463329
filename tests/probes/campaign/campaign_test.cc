// Whole campaigns over fake probe programs: what is run, in which order, and what a failure costs.
#include "probes/campaign/campaign.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>

#include "data/error.h"
#include "data/system/child.h"
#include "data/system/files.h"
#include "probes/campaign/journal.h"
#include "tests/data/plan/machines.h"

namespace mb {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;

class CampaignTest : public ::testing::Test {
 protected:
  CampaignTest() {
    std::filesystem::create_directories(probes());
    std::filesystem::create_directories(output());
    for (const char* name :
         {"machine", "stream_bandwidth", "matmul_throughput", "attention_kv", "dispatch_overhead",
          "shm_bandwidth", "core_to_core", "smt_interference"}) {
      std::filesystem::create_symlink(std::filesystem::path(PROGRAM_DIR) / "fake_probe",
                                      probes() / name);
    }
    request.plan = {10, {1}, {}, {"stream_bandwidth", "matmul_throughput", "attention_kv"}};
    request.output_folder = output();
    request.probe_folder = probes();
    request.command = {"memory_benchmark", "run"};
    ::setenv("FAKE_LOG", log().c_str(), 1);
    behave("");
  }
  ~CampaignTest() override {
    for (const char* name : {"FAKE_LOG", "FAKE_PROBE", "FAKE_CPUS"}) ::unsetenv(name);
  }

  std::filesystem::path probes() const { return folder_.path() / "bin"; }
  std::filesystem::path output() const { return folder_.path() / "out"; }
  std::filesystem::path log() const { return folder_.path() / "log"; }

  static void behave(const std::string& list) { ::setenv("FAKE_PROBE", list.c_str(), 1); }

  // Names of the probes that were started, in order.
  std::vector<std::string> started() const {
    std::vector<std::string> names;
    if (!std::filesystem::exists(log())) return names;
    std::istringstream lines(read_file(log()));
    for (std::string line; std::getline(lines, line);) {
      names.push_back(line.substr(0, line.find(' ')));
    }
    return names;
  }

  std::set<std::string> left_in_output() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(output())) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }

  static const StepRecord& step_of(const Results& results, const std::string& probe) {
    return *std::find_if(results.steps.begin(), results.steps.end(),
                         [&](const StepRecord& step) { return step.probe == probe; });
  }

  CampaignRequest request;

 private:
  TemporaryFolder folder_;
};

TEST_F(CampaignTest, ProbesRunInThePlansOrderAndTheirPointsAreJoined) {
  const Results results = run_campaign(request);
  EXPECT_THAT(started(), ElementsAre("stream_bandwidth", "matmul_throughput", "attention_kv"));
  EXPECT_EQ(results.state, "complete");
  EXPECT_EQ(results.budget_seconds, 10);
  EXPECT_EQ(results.command, request.command);
  EXPECT_EQ(results.steps.size(), 3u);
  for (const char* probe : {"stream_bandwidth", "matmul_throughput", "attention_kv"}) {
    EXPECT_FALSE(results.of_probe(probe).empty()) << probe;
    EXPECT_EQ(step_of(results, probe).points, static_cast<int>(results.of_probe(probe).size()));
    EXPECT_EQ(step_of(results, probe).verdict.validity, Validity::kValid);
  }
}

TEST_F(CampaignTest, SpoiltPointsAreTriedAgainInWhatIsLeftOfTheTime) {
  behave("matmul_throughput=spoilt");
  const Results results = run_campaign(request);
  EXPECT_THAT(started(), ElementsAre("stream_bandwidth", "matmul_throughput", "attention_kv",
                                     "matmul_throughput"));
  for (const Point* point : results.of_probe("matmul_throughput")) {
    EXPECT_EQ(point->verdict.validity, Validity::kValid) << point->name;
    EXPECT_EQ(point->notes.at("second_try"), "the first was spread: MAD 50 %");
    EXPECT_EQ(point->samples.size(), 1u);
  }
}

TEST_F(CampaignTest, HiddenSiblingsChangeWhatTheLaterProbesAreTold) {
  ::setenv("FAKE_CPUS", "4", 1);
  request.plan = {10, {}, {}, {"core_to_core", "stream_bandwidth", "smt_interference"}};
  behave("core_to_core=siblings");
  const Results results = run_campaign(request);
  // The comparison of hardware threads was not in the first plan: no core showed any.
  EXPECT_THAT(started(), ElementsAre("core_to_core", "stream_bandwidth", "smt_interference"));
  EXPECT_EQ(results.of_probe("core_to_core").front()->facts.at("cores"), 4);
  for (const Point* point : results.of_probe("stream_bandwidth")) {
    EXPECT_EQ(point->facts.at("cores"), 2) << point->name;
  }
  EXPECT_EQ(results.machine.usable_cores(), 4) << "the document keeps the claim";
  EXPECT_THAT(results.missing, Not(Contains(Field(&Missing::what, "SMT comparison"))));
}

TEST_F(CampaignTest, TheTimeOfASustainedStepStandsBesideTheBudget) {
  request.plan = {2, {1}, {}, {"stream_bandwidth"}};
  request.plan.sustain_seconds = 30;
  std::filesystem::create_symlink(std::filesystem::path(PROGRAM_DIR) / "fake_probe",
                                  probes() / "prefill_scaling");
  const Results results = run_campaign(request);
  ASSERT_EQ(results.of_probe("prefill_scaling").size(), 1u);
  const Point& held = *results.of_probe("prefill_scaling").front();
  EXPECT_EQ(held.parameters.number("sustain_seconds"), 30);
  EXPECT_NEAR(held.samples.front(), 30, 1);  // a fake's sample is its planned seconds
}

TEST_F(CampaignTest, OnlyTheResultsAreLeftBehind) {
  const Results results = run_campaign(request);
  EXPECT_EQ(left_in_output(), (std::set<std::string>{"results.json"}));
  const Results written = results_from_json_text(read_file(output() / "results.json"), "results");
  EXPECT_EQ(written.points.size(), results.points.size());
  EXPECT_EQ(written.state, "complete");
}

TEST_F(CampaignTest, TheMachineIsToldBeforeTheFirstStep) {
  std::vector<std::string> seen;
  request.on_machine = [&](const Machine& machine) {
    seen.push_back(machine.cpu_model);
    EXPECT_TRUE(started().empty());
  };
  run_campaign(request);
  EXPECT_THAT(seen, ElementsAre("Test CPU"));
}

TEST_F(CampaignTest, TheMetadataServiceIsAskedOnlyWhereThatWasWanted) {
  EXPECT_EQ(run_campaign(request).machine.cloud_label, std::nullopt);
  request.cloud_label = true;
  EXPECT_EQ(run_campaign(request).machine.cloud_label, "asked");
  EXPECT_EQ(describe_this_machine(probes(), false).cloud_label, std::nullopt);
  EXPECT_EQ(describe_this_machine(probes(), true).cloud_label, "asked");
}

TEST_F(CampaignTest, ProgressGrowsToTheWhole) {
  std::vector<double> shares;
  std::vector<std::string> messages;
  request.on_progress = [&](const CampaignProgress& progress) {
    shares.push_back(progress.share);
    EXPECT_GE(progress.eta_seconds, 0);
    EXPECT_THAT(progress.step, HasSubstr(" of 3)"));
    if (!progress.message.empty()) messages.push_back(progress.message);
  };
  run_campaign(request);
  ASSERT_FALSE(shares.empty());
  EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
  EXPECT_DOUBLE_EQ(shares.back(), 1);
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_THAT(messages.front(), HasSubstr("stream_bandwidth: "));
}

class AFailingProbe : public CampaignTest,
                      public ::testing::WithParamInterface<std::pair<const char*, const char*>> {};

TEST_P(AFailingProbe, CostsOnlyItsOwnPoints) {
  const auto [behaviour, cause] = GetParam();
  behave(std::string("matmul_throughput=") + behaviour);
  const Results results = run_campaign(request);
  EXPECT_THAT(started(), ElementsAre("stream_bandwidth", "matmul_throughput", "attention_kv"));
  EXPECT_EQ(results.state, "complete");
  EXPECT_FALSE(results.of_probe("stream_bandwidth").empty());
  EXPECT_FALSE(results.of_probe("attention_kv").empty());
  EXPECT_TRUE(results.of_probe("matmul_throughput").empty());
  const StepRecord record = step_of(results, "matmul_throughput");
  EXPECT_EQ(record.verdict.validity, Validity::kInvalid);
  ASSERT_EQ(record.verdict.reasons.size(), 1u);
  EXPECT_EQ(record.verdict.reasons.front().code, "probe_failed");
  EXPECT_THAT(record.verdict.reasons.front().detail, HasSubstr(cause));
  EXPECT_THAT(results.missing, Contains(Field(&Missing::what, HasSubstr("matmul_throughput"))));
  EXPECT_EQ(left_in_output(), (std::set<std::string>{"results.json"}));
}

INSTANTIATE_TEST_SUITE_P(Campaign, AFailingProbe,
                         ::testing::Values(std::pair{"crash", "SIGABRT"},
                                           std::pair{"garbage", "readable document"},
                                           std::pair{"silent", "readable document"},
                                           std::pair{"other_machine", "Somebody else"}),
                         [](const auto& each) { return std::string(each.param.first); });

TEST_F(CampaignTest, TheJournalStaysUntilTheReportsAreWritten) {
  request.on_results = [&](const Results& results) {
    EXPECT_EQ(results.state, "complete");
    EXPECT_TRUE(std::filesystem::exists(output() / "results.json"));
    EXPECT_TRUE(unfinished_request(output()).has_value());
    throw Error(ErrorCode::kNoResource, "the disk is full");
  };
  EXPECT_THROW(run_campaign(request), Error);
  const std::size_t before = started().size();
  request.resume = true;
  request.on_results = {};
  EXPECT_EQ(run_campaign(request).state, "complete");
  EXPECT_EQ(started().size(), before) << "no step is run again";
  EXPECT_EQ(left_in_output(), (std::set<std::string>{"results.json"}));
}

TEST_F(CampaignTest, ASecondRunInTheSameFolderIsRefusedAndDisturbsNothing) {
  const FolderLock another(output());
  std::filesystem::create_directories(output() / ".campaign");  // of the run that holds the folder
  EXPECT_THROW(run_campaign(request), Error);
  EXPECT_THAT(started(), ::testing::IsEmpty());
  EXPECT_EQ(left_in_output(), (std::set<std::string>{".campaign"}));
}

TEST_F(CampaignTest, AKillForMemoryIsToldFromOthers) {
  const std::filesystem::path host = output().parent_path() / "host";
  std::filesystem::create_directories(host / "proc");
  request.host = HostFiles(host);
  ::setenv("FAKE_VMSTAT", (host / "proc" / "vmstat").c_str(), 1);
  for (const auto& [behaviour, code] :
       {std::pair{"killed", "probe_failed"}, std::pair{"oom", "oom"}, std::pair{"oom", "oom"}}) {
    write_file_atomically(host / "proc" / "vmstat", "pgfault 1\noom_kill 7\n");
    behave(std::string("matmul_throughput=") + behaviour);
    const Results results = run_campaign(request);
    const StepRecord record = step_of(results, "matmul_throughput");
    EXPECT_EQ(record.verdict.validity, Validity::kInvalid);
    EXPECT_EQ(record.verdict.reasons.front().code, code);
    EXPECT_EQ(record.exit_code, 128 + SIGKILL);
    EXPECT_FALSE(results.of_probe("attention_kv").empty()) << "the run goes on";
  }
  ::unsetenv("FAKE_VMSTAT");
}

TEST_F(CampaignTest, AWrongResultStandsInTheStepsRecord) {
  behave("matmul_throughput=wrong");
  const StepRecord record = step_of(run_campaign(request), "matmul_throughput");
  EXPECT_EQ(record.exit_code, 1);
  ASSERT_FALSE(record.verdict.reasons.empty());
  EXPECT_EQ(record.verdict.reasons.front().code, "wrong_result");
  EXPECT_EQ(record.verdict.reasons.front().detail, "sum is 3, expected 4");
}

TEST_F(CampaignTest, AMissingProgramCostsOnlyItsOwnPoints) {
  std::filesystem::remove(probes() / "matmul_throughput");
  const Results results = run_campaign(request);
  EXPECT_FALSE(results.of_probe("attention_kv").empty());
  EXPECT_EQ(step_of(results, "matmul_throughput").verdict.validity, Validity::kInvalid);
}

TEST_F(CampaignTest, PointsOfAProbeThatCallsThemUntrustworthyAreKept) {
  behave("matmul_throughput=exit7");
  const Results results = run_campaign(request);
  EXPECT_FALSE(results.of_probe("matmul_throughput").empty());
  EXPECT_EQ(step_of(results, "matmul_throughput").exit_code, 7);
  EXPECT_EQ(step_of(results, "matmul_throughput").verdict.validity, Validity::kInvalid);
}

TEST_F(CampaignTest, AHangingProbeIsEndedAndTheBudgetKept) {
  request.plan.budget_seconds = 1;
  behave("stream_bandwidth=hang");
  const Results results = run_campaign(request);
  EXPECT_THAT(step_of(results, "stream_bandwidth").verdict.reasons.front().detail,
              HasSubstr("its time was over"));
  EXPECT_THAT(results.missing,
              Contains(::testing::AllOf(Field(&Missing::what, HasSubstr("stream_bandwidth")),
                                        Field(&Missing::remedy, HasSubstr("--budget")))));
  EXPECT_EQ(results.state, "complete");
  EXPECT_THAT(started(), ElementsAre("stream_bandwidth"));  // nothing is left for the others ...
  EXPECT_THAT(results.missing,                              // ... and that is said
              Contains(Field(&Missing::cause, HasSubstr("the time was over"))));
}

// What the plan asks for is known without running it, so that no run is held against another: a
// disturbance can only shorten the late step further, at worst until it is dropped.
TEST_F(CampaignTest, LateStepsGetShorterPoints) {
  request.plan.budget_seconds = 4;
  request.plan.probes = {"stream_bandwidth", "matmul_throughput"};
  behave("stream_bandwidth=slow");
  const Plan plan = make_plan(make_machine(1, 1, 2, 1), request.plan);
  ASSERT_EQ(plan.steps.back().probe, "matmul_throughput");
  const Results results = run_campaign(request);
  std::istringstream lines(read_file(log()));
  std::string name;
  double points = 0, seconds = 0;
  while (lines >> name >> points >> seconds && name != "matmul_throughput") {
  }
  if (name != "matmul_throughput") {
    EXPECT_THAT(results.missing, Contains(Field(&Missing::cause, HasSubstr("the time was over"))));
    return;
  }
  EXPECT_EQ(points, plan.steps.back().points.size());
  EXPECT_LT(seconds, 0.999 * plan.steps.back().seconds());
}

TEST_F(CampaignTest, WithoutTheMachineProbeThereIsNoRun) {
  behave("machine=crash");
  try {
    run_campaign(request);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailure);
    EXPECT_THAT(error.what(), HasSubstr("machine"));
  }
  EXPECT_TRUE(left_in_output().empty());
}

// Runs `body` in a process of its own, as a signal's flag is never taken back.
#define IN_A_PROCESS(code, body) EXPECT_EXIT({ body; }, ::testing::ExitedWithCode(code), "")

TEST_F(CampaignTest, AnInterruptKeepsWhatWasMeasuredAndAResumeDoesTheRest) {
  behave("matmul_throughput=hang");
  IN_A_PROCESS(0, {
    install_interrupt_handler();
    bool raised = false;  // a second signal would end this process at once
    request.on_progress = [&](const CampaignProgress& progress) {
      if (raised || !progress.step.starts_with("matmul") || started().size() < 2) return;
      raised = true;
      ::raise(SIGTERM);
    };
    const Results results = run_campaign(request);
    std::exit(results.state == "interrupted" && !results.of_probe("stream_bandwidth").empty() ? 0
                                                                                              : 1);
  });
  EXPECT_EQ(left_in_output(), (std::set<std::string>{"results.json", kJournalName}));
  const Results cut = results_from_json_text(read_file(output() / "results.json"), "results");
  EXPECT_EQ(cut.state, "interrupted");
  EXPECT_TRUE(cut.of_probe("attention_kv").empty());
  EXPECT_THAT(cut.missing, Contains(Field(&Missing::cause, HasSubstr("interrupted"))));

  behave("");
  ASSERT_TRUE(unfinished_request(output()));
  request.plan = *unfinished_request(output());
  request.resume = true;
  const Results whole = run_campaign(request);
  EXPECT_THAT(started(), ElementsAre("stream_bandwidth", "matmul_throughput", "matmul_throughput",
                                     "attention_kv"));
  EXPECT_EQ(whole.state, "complete");
  EXPECT_EQ(whole.steps.size(), 3u);
  for (const Point& point : whole.points) EXPECT_EQ(point.samples.size(), 1u) << point.name;
  EXPECT_EQ(left_in_output(), (std::set<std::string>{"results.json"}));
  EXPECT_FALSE(unfinished_request(output()));
}

class ResumeTest : public CampaignTest {
 protected:
  ResumeTest() {  // the first step is finished, then the process was killed
    const Results results = run_campaign(request);
    Journal journal;
    journal.request = request.plan;
    journal.start.machine = results.machine;
    journal.steps = make_plan(results.machine, request.plan).steps;
    std::filesystem::remove(output() / "results.json");
    begin_journal(output() / kJournalName, journal);
    Results first;
    first.machine = results.machine;
    append_finished(output() / kJournalName, 0, first);
    std::filesystem::remove(log());
    request.resume = true;
  }
  std::string refusal() {
    try {
      run_campaign(request);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_TRUE(std::filesystem::exists(output() / kJournalName));
      EXPECT_TRUE(started().empty());
      return error.what();
    }
    return "no error";
  }
};

TEST_F(ResumeTest, FinishedStepsAreNotRunAgain) {
  run_campaign(request);
  EXPECT_THAT(started(), ElementsAre("matmul_throughput", "attention_kv"));
}

TEST_F(ResumeTest, AnotherPlanIsRefused) {
  request.plan.budget_seconds = 20;
  EXPECT_THAT(refusal(), HasSubstr("--budget was 10 s and is 20 s"));
}

TEST_F(ResumeTest, AnotherMachineIsRefused) {
  ::setenv("FAKE_CPUS", "4", 1);
  EXPECT_THAT(refusal(), HasSubstr("CPU budget was 2 and is 4"));
}

}  // namespace
}  // namespace mb
