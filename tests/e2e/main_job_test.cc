// The main job on this machine, as quickly as it goes, and everything that reads its document.
// Figures are not judged here: other programs may be running.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "data/documents/recommendation.h"
#include "data/documents/results.h"
#include "data/system/files.h"
#include "tests/e2e/programs.h"

namespace mb {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// On a machine that runs other programs too, points are invalid and rightly so; then there is no
// advice to look at. A run that lost its trust for another reason is a failure.
bool machine_was_busy(const Results& results) {
  std::size_t disturbed = 0;
  for (const Point& point : results.points) {
    const auto& reasons = point.verdict.reasons;
    disturbed += std::any_of(reasons.begin(), reasons.end(), [](const Reason& reason) {
      return reason.code == "switches" || reason.code == "steal" || reason.code == "throttled" ||
             reason.code == "pressure";
    });
  }
  return disturbed > results.points.size() / 4;
}

// What every prediction rests on was measured and refused: a neighbour that the guest cannot see.
// A point that was never planned or reached is no such excuse.
bool needed_point_was_refused(const Results& results) {
  return std::ranges::any_of(results.points, [](const Point& point) {
    const std::string operation = point.parameters.text_or("operation", "");
    const bool product = operation == "matvec" || operation == "matmul";
    const bool read = operation == "read" && point.parameters.text_or("level", "") == "dram";
    return (product || read) && point.verdict.validity == Validity::kInvalid;
  });
}

bool was_disturbed(const std::filesystem::path& folder) {
  const Results results = results_from_json_text(read_file(folder / "results.json"), "results");
  return machine_was_busy(results) || needed_point_was_refused(results);
}

#define SKIP_WHEN_BUSY(result, folder)                                                        \
  if ((result).exit_code == 7 && was_disturbed(folder)) {                                     \
    GTEST_SKIP() << "other programs disturbed the measurements: " << (result).standard_error; \
  }

class MainJob : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shm_before = names_in("/dev/shm");
    folder = std::make_unique<TemporaryFolder>();
    run = run_program({"run", "--quick", "--out", out().string()});
  }
  static void TearDownTestSuite() { folder.reset(); }

  static std::filesystem::path out() { return folder->path() / "out"; }
  static std::string document() { return (out() / "results.json").string(); }
  static Results results() { return results_from_json_text(read_file(document()), document()); }
  static Recommendation recommendation() {
    const auto path = out() / "recommendation.json";
    return recommendation_from_json_text(read_file(path), path.string());
  }

  static inline std::unique_ptr<TemporaryFolder> folder;
  static inline std::set<std::string> shm_before;
  static inline ChildResult run;
};

TEST_F(MainJob, EndsWell) {
  SKIP_WHEN_BUSY(run, out());
  EXPECT_TRUE(run.ok()) << run.describe() << run.standard_error;
  EXPECT_TRUE(run.standard_output.starts_with("CPU budget: ")) << run.standard_output;
}

TEST_F(MainJob, LeavesItsFourFilesAndNothingElse) {
  EXPECT_EQ(names_in(out()), (std::set<std::string>{"results.json", "recommendation.json",
                                                    "report.html", "report.png"}));
  EXPECT_EQ(names_in("/dev/shm"), shm_before);
  EXPECT_THAT(read_file(out() / "report.html"), HasSubstr("<html"));
  EXPECT_TRUE(read_file(out() / "report.png").starts_with("\x89PNG"));
}

TEST_F(MainJob, EveryProbeHasAStepThatWorked) {
  const Results document = results();
  EXPECT_EQ(document.state, "complete");
  if (!machine_was_busy(document)) {  // else the last ones are dropped to keep the budget
    EXPECT_GE(document.steps.size(), 7u);
  }
  double seconds = 0;
  for (const StepRecord& step : document.steps) {
    seconds += step.seconds;
    const auto& reasons = step.verdict.reasons;
    if (seconds > document.budget_seconds && !reasons.empty()) {  // a machine slower than planned
      EXPECT_THAT(reasons[0].detail, HasSubstr("its time was over")) << step.probe;
      continue;  // perhaps before its first point
    }
    EXPECT_GT(step.points, 0) << step.probe;
    EXPECT_EQ(step.verdict.validity, Validity::kValid)
        << step.probe << ": " << (reasons.empty() ? "" : reasons[0].detail);
  }
  for (const Point& point : document.points) {
    EXPECT_FALSE(point.samples.empty()) << point.name;
    EXPECT_GT(point.summary.median, 0) << point.name;
  }
}

TEST_F(MainJob, AdviceStaysWithinTheBudget) {
  SKIP_WHEN_BUSY(run, out());
  const Recommendation advice = recommendation();
  ASSERT_FALSE(advice.models.empty());
  for (const ModelAdvice& model : advice.models) {
    if (!model.fits) continue;
    for (const PhaseAdvice* phase : {&model.prefill, &model.decode, &model.compromise}) {
      EXPECT_GE(phase->threads, 1) << model.model;
      EXPECT_LE(phase->threads, advice.limits.effective_cpus) << model.model;
    }
    EXPECT_GT(model.decode.expected.tokens_per_second, 0) << model.model;
  }
}

TEST_F(MainJob, ASecondRunIntoTheFolderIsRefused) {
  const std::string before = read_file(document());
  const ChildResult again = run_program({"run", "--quick", "--out", out().string()});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.standard_error, HasSubstr("nothing is overwritten"));
  EXPECT_EQ(read_file(document()), before);
}

TEST_F(MainJob, TheDocumentPredicts) {
  SKIP_WHEN_BUSY(run, out());
  const ChildResult table = run_program({"predict", document(), "--model", "qwen3-4b"});
  EXPECT_TRUE(table.ok()) << table.standard_error;
  EXPECT_THAT(table.standard_output, HasSubstr("decode"));
  const ChildResult json =
      run_program({"predict", document(), "--model", "qwen3-4b", "--threads", "1", "--json"});
  EXPECT_TRUE(json.ok()) << json.standard_error;
  EXPECT_THAT(json.standard_output, HasSubstr("\"predictions\""));
  EXPECT_THAT(json.standard_output, HasSubstr("\"seconds_by_term\""));
}

TEST_F(MainJob, ASizeIsPredictedBetweenItsNeighbours) {
  SKIP_WHEN_BUSY(run, out());
  const ChildResult result =
      run_program({"predict", document(), "--model", "4B:q4_0", "--threads", "1", "--json"});
  ASSERT_TRUE(result.ok()) << result.standard_error;
  const auto json = nlohmann::json::parse(result.standard_output);
  ASSERT_EQ(json.at("nearest").size(), 2u);
  const auto rate = [](const nlohmann::json& set) {
    return set.at("predictions").at(1).at("tokens_per_second").get<double>();
  };
  EXPECT_EQ(json.at("predictions").at(1).at("phase"), "decode");
  EXPECT_GT(rate(json), rate(json.at("nearest").at(1)) * 0.999);
  EXPECT_LT(rate(json), rate(json.at("nearest").at(0)) * 1.001);
}

TEST_F(MainJob, TheDocumentPlaysAScenario) {
  SKIP_WHEN_BUSY(run, out());
  const ChildResult result =
      run_program({"scenario", document(), "--model", "qwen3-0.6b", "--model", "qwen3-4b",
                   "--phases", "prefill:220,decode:30", "--json"});
  ASSERT_TRUE(result.ok()) << result.standard_error;
  const auto json = nlohmann::json::parse(result.standard_output);
  EXPECT_EQ(json.at("fastest"), "qwen3-0.6b:q4_0");
  EXPECT_EQ(json.at("models").at(1).at("phases").at(1).at("context_tokens"), 220);
  const ChildResult text =
      run_program({"scenario", document(), "--model", "qwen3-0.6b", "--preset", "chat"});
  EXPECT_THAT(text.standard_output, HasSubstr("whole conversation"));
}

TEST_F(MainJob, APredictionAboveTheBudgetNeedsAWord) {
  SKIP_WHEN_BUSY(run, out());
  const std::string above = std::to_string(results().machine.limits.effective_cpus + 1);
  const std::vector<std::string> arguments{"predict",  document(),  "--model",
                                           "qwen3-4b", "--threads", above};
  const ChildResult refused = run_program(arguments);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.standard_error, HasSubstr("--extrapolate"));
  std::vector<std::string> obeyed = arguments;
  obeyed.insert(obeyed.end(), {"--extrapolate", "--json"});
  EXPECT_THAT(run_program(obeyed).standard_output, HasSubstr("\"extrapolated\": true"));
}

TEST_F(MainJob, TheDocumentRecommends) {
  SKIP_WHEN_BUSY(run, out());
  const ChildResult text = run_program({"recommend", document(), "--model", "qwen3-4b"});
  EXPECT_TRUE(text.ok()) << text.standard_error;
  const ChildResult json = run_program({"recommend", document(), "--model", "qwen3-4b", "--json"});
  EXPECT_TRUE(json.ok());
  const Recommendation advice = recommendation_from_json_text(json.standard_output, "stdout");
  ASSERT_EQ(advice.models.size(), 1u);
  EXPECT_EQ(advice.models[0].model, "qwen3-4b:q4_0");
}

TEST_F(MainJob, TheDocumentTellsWhatWouldHelp) {
  SKIP_WHEN_BUSY(run, out());
  const ChildResult text = run_program({"recommend", document(), "--model", "qwen3-4b", "--levers",
                                        "--target", "1000", "--gpu-memory", "2GiB"});
  EXPECT_TRUE(text.ok()) << text.standard_error;
  EXPECT_THAT(text.standard_output, HasSubstr("Another quantisation: q8_0"));
  EXPECT_THAT(text.standard_output, HasSubstr("Target: "));
  EXPECT_THAT(text.standard_output, HasSubstr("layers fit the GPU"));
}

TEST_F(MainJob, EveryFormatOfTheListIsWritten) {
  SKIP_WHEN_BUSY(run, out());
  std::istringstream list(run_program({"recommend", "--format", "list"}).standard_output);
  int formats = 0;
  for (std::string line; std::getline(list, line); ++formats) {
    const std::string name = line.substr(0, line.find(' '));
    const ChildResult settings =
        run_program({"recommend", document(), "--model", "qwen3-4b", "--format", name});
    EXPECT_TRUE(settings.ok()) << name << settings.standard_error;
    EXPECT_FALSE(settings.standard_output.empty()) << name;
  }
  EXPECT_GE(formats, 8);
  const ChildResult unknown =
      run_program({"recommend", document(), "--model", "qwen3-4b", "--format", "warp"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.standard_error, HasSubstr("warp"));
}

TEST_F(MainJob, TheReportIsWrittenAgainFromTheDocument) {
  const auto html = out().parent_path() / "again.html", png = out().parent_path() / "again.png";
  const ChildResult report =
      run_program({"report", document(), "--html", html.string(), "--png", png.string()});
  EXPECT_EQ(report.exit_code, run.exit_code) << report.standard_error;
  EXPECT_THAT(read_file(html), HasSubstr("<html"));
  EXPECT_TRUE(read_file(png).starts_with("\x89PNG"));
}

TEST_F(MainJob, ATruncatedDocumentIsRefusedEverywhere) {
  const std::string whole = read_file(document());
  const auto cut = out().parent_path() / "cut.json";
  write_file_atomically(cut, whole.substr(0, whole.size() / 2));
  for (const char* command : {"predict", "recommend", "report"}) {
    const ChildResult result = run_program({command, cut.string(), "--model", "qwen3-4b"});
    EXPECT_EQ(result.exit_code, 1) << command;
    EXPECT_THAT(result.standard_error, HasSubstr("cut.json")) << command;
    EXPECT_TRUE(result.standard_output.empty()) << command;
  }
}

TEST_F(MainJob, OnOneCpuTheAdviceIsOneThread) {
  const auto narrow = out().parent_path() / "narrow";
  const ChildResult result = run_program(
      {"run", "--budget", "6s", "--model", "qwen3-4b", "--out", narrow.string(), "--json"},
      {"taskset", "-c", "0"});
  const Recommendation advice = recommendation_from_json_text(result.standard_output, "stdout");
  EXPECT_EQ(advice.limits.effective_cpus, 1);
  EXPECT_EQ(advice.limits.limited_by, "affinity");
  SKIP_WHEN_BUSY(result, narrow);
  ASSERT_TRUE(result.ok()) << result.describe() << result.standard_error;
  ASSERT_EQ(advice.models.size(), 1u);
  EXPECT_EQ(advice.models[0].prefill.threads, 1);
  EXPECT_EQ(advice.models[0].decode.threads, 1);
  EXPECT_EQ(advice.models[0].compromise.threads, 1);
}

TEST_F(MainJob, AnInterruptedRunIsFinishedByResume) {
  const auto cut = out().parent_path() / "interrupted";
  // --foreground: one signal; a second, to the whole group, would end the run at once.
  const ChildResult stopped =
      run_program({"run", "--budget", "6s", "--model", "qwen3-4b", "--out", cut.string()},
                  {"timeout", "--foreground", "--preserve-status", "--signal=INT", "2"});
  EXPECT_EQ(stopped.exit_code, 5) << stopped.describe() << stopped.standard_error;
  EXPECT_THAT(stopped.standard_error, HasSubstr("--resume " + cut.string()));
  EXPECT_EQ(results_from_json_text(read_file(cut / "results.json"), "results").state,
            "interrupted");
  const ChildResult rest = run_program({"run", "--resume", cut.string(), "--quiet"});
  EXPECT_EQ(results_from_json_text(read_file(cut / "results.json"), "results").state, "complete");
  EXPECT_EQ(names_in(cut), (std::set<std::string>{"results.json", "recommendation.json",
                                                  "report.html", "report.png"}));
  // That it is finished is asked here; six seconds of a shared machine need not be trustworthy (7).
  EXPECT_TRUE(rest.ok() || rest.exit_code == 7) << rest.describe() << rest.standard_error;
  EXPECT_EQ(rest.standard_output, "");  // --quiet: only what went wrong is said
  EXPECT_EQ(rest.standard_error.empty(), rest.ok()) << rest.standard_error;
}

}  // namespace
}  // namespace mb
