#include "probes/campaign/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "data/error.h"
#include "data/system/files.h"
#include "tests/data/plan/machines.h"

namespace mb {
namespace {

using ::testing::HasSubstr;

Journal example() {
  Journal journal;
  journal.request = {12.5, {1, 2}, {"qwen3-4b:q4_0"}, {}};
  journal.start.machine = make_machine(1, 1, 2, 1);
  journal.start.machine.cpu_model = "CPU with\na newline";
  journal.start.budget_seconds = 12.5;
  journal.start.missing = {{"SMT", "none", "none needed"}};
  journal.steps = {{"attention_kv", {}, {{Parameters{{"threads", 1}}, 0.3}}},
                   {"dispatch_overhead",
                    {{"OMP_WAIT_POLICY", "passive"}},
                    {{Parameters{{"sync", "openmp"}, {"threads", 2}}, 0.125}}}};
  return journal;
}

Results one_point() {
  Results results;
  results.machine = example().start.machine;
  Point point;
  point.name = "attention_kv/threads:1";
  point.probe = "attention_kv";
  point.quantity = "time";
  point.samples = {0.25, 0.5, 0.75};
  point.summary = summarise(point.samples, point.unit);
  results.points.push_back(point);
  return results;
}

TEST(Journal, WhatWasWrittenIsReadBack) {
  const TemporaryFolder folder;
  const auto path = folder.path() / kJournalName;
  begin_journal(path, example());
  append_finished(path, 1, one_point());
  const auto read = read_campaign_journal(path);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->request.budget_seconds, 12.5);
  EXPECT_EQ(read->request.threads, (std::vector<int>{1, 2}));
  EXPECT_EQ(read->request.models, (std::vector<std::string>{"qwen3-4b:q4_0"}));
  EXPECT_TRUE(read->request.probes.empty());
  EXPECT_EQ(read->start.machine, example().start.machine);
  EXPECT_EQ(read->start.missing, example().start.missing);
  EXPECT_EQ(read->steps, example().steps);
  ASSERT_EQ(read->finished.size(), 1u);
  EXPECT_EQ(read->finished.at(1).points.at(0).samples, one_point().points.at(0).samples);
}

TEST(Journal, ATornLastLineCostsOnlyItsOwnStep) {
  const TemporaryFolder folder;
  const auto path = folder.path() / kJournalName;
  begin_journal(path, example());
  append_finished(path, 0, one_point());
  append_finished(path, 1, one_point());
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 40);
  const auto read = read_campaign_journal(path);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->finished.contains(0));
  EXPECT_FALSE(read->finished.contains(1));
}

TEST(Journal, ADamagedPlanIsRefusedAndNeverShifted) {
  const TemporaryFolder folder;
  const auto path = folder.path() / kJournalName;
  begin_journal(path, example());
  append_finished(path, 1, one_point());
  std::string text = read_file(path);
  const std::size_t planned = text.find("attention_kv");
  ASSERT_NE(planned, std::string::npos);
  text[planned] ^= 1;  // the first planned step's line fails its checksum and is passed over
  write_file_atomically(path, text);
  EXPECT_THROW(read_campaign_journal(path), Error);
}

TEST(Journal, AFinishedStepThatWasNotPlannedIsRefused) {
  const TemporaryFolder folder;
  const auto path = folder.path() / kJournalName;
  begin_journal(path, example());
  append_finished(path, 2, one_point());
  EXPECT_THROW(read_campaign_journal(path), Error);
}

TEST(Journal, WithoutAWholePlanThereIsNothingToResume) {
  const TemporaryFolder folder;
  const auto path = folder.path() / kJournalName;
  EXPECT_FALSE(read_campaign_journal(path));
  begin_journal(path, example());
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 3);
  EXPECT_FALSE(read_campaign_journal(path));
}

std::string refusal(const std::function<void()>& check) {
  try {
    check();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "";
}

TEST(Journal, AnotherMachineIsRefusedByNamingWhatDiffers) {
  const Machine then = make_machine(1, 1, 2, 1);
  Machine now = then;
  now.limits.memory_available_bytes /= 2;
  now.governor = "powersave";
  EXPECT_EQ(refusal([&] { require_same_machine(then, now); }), "");
  now.cpu_model = "Another CPU";
  EXPECT_THAT(refusal([&] { require_same_machine(then, now); }), HasSubstr("'Another CPU'"));
  now = then;
  now.limits.effective_cpus = 1;
  EXPECT_THAT(refusal([&] { require_same_machine(then, now); }), HasSubstr("CPU budget"));
  now = then;
  now.pus[1].usable = false;
  EXPECT_THAT(refusal([&] { require_same_machine(then, now); }), HasSubstr("was 0,1 and is 0 now"));
}

TEST(Journal, AnotherRequestIsRefusedByNamingTheFlag) {
  const PlanRequest then{60, {1, 2}, {}, {}};
  EXPECT_EQ(refusal([&] { require_same_request(then, then); }), "");
  PlanRequest now = then;
  now.budget_seconds = 30;
  EXPECT_THAT(refusal([&] { require_same_request(then, now); }), HasSubstr("--budget was 60 s"));
  now = then;
  now.threads.clear();
  EXPECT_THAT(refusal([&] { require_same_request(then, now); }), HasSubstr("--threads was 1,2"));
  now = then;
  now.models = {"qwen3-4b"};
  EXPECT_THAT(refusal([&] { require_same_request(then, now); }), HasSubstr("--model"));
}

}  // namespace
}  // namespace mb
