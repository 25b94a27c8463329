// What becomes of every part of two points of one name, and of two documents.
#include <gmock/gmock.h>

#include <functional>

#include "data/documents/results.h"
#include "data/error.h"
#include "tests/data/documents/samples.h"

namespace mb {
namespace {

using testing::ElementsAre;

// The point that two points of one name become.
Point merged(const Point& first, const Point& second) {
  Results a, b;
  a.points = {first};
  b.points = {second};
  merge(a, b);
  return a.points.at(0);
}

NoiseReading merged(const NoiseReading& first, const NoiseReading& second) {
  Point a, b;
  a.noise = first;
  b.noise = second;
  return merged(a, b).noise;
}

CounterReading merged(const CounterReading& first, const CounterReading& second) {
  Point a, b;
  a.counters = first;
  b.counters = second;
  return merged(a, b).counters;
}

// Two seconds and six.
const NoiseReading kShort{.wall_seconds = 2,
                          .cpu_seconds = 2,
                          .steal_share = 0.4,
                          .throttled_share = 0.08,
                          .involuntary_switches_per_thread_second = 10,
                          .migrations = 1,
                          .major_faults = 2,
                          .clock_drift = -0.03,
                          .pressure_share = 0.2,
                          .unpinned_threads = 1};
const NoiseReading kLong{.wall_seconds = 6,
                         .cpu_seconds = 5,
                         .steal_share = 0.8,
                         .throttled_share = 0.04,
                         .involuntary_switches_per_thread_second = 2,
                         .migrations = 4,
                         .major_faults = 8,
                         .clock_drift = 0.02,
                         .pressure_share = 0.6,
                         .unpinned_threads = 3};

TEST(MergeNoise, AddsTimesAndEventsAndWeighsSharesByTime) {
  const NoiseReading both = merged(kShort, kLong);
  EXPECT_DOUBLE_EQ(both.wall_seconds, 8);
  EXPECT_DOUBLE_EQ(both.cpu_seconds, 7);
  EXPECT_DOUBLE_EQ(both.steal_share.value(), 0.7);
  EXPECT_DOUBLE_EQ(both.throttled_share.value(), 0.05);
  EXPECT_DOUBLE_EQ(both.involuntary_switches_per_thread_second.value(), 4);
  EXPECT_EQ(both.migrations, 5);
  EXPECT_EQ(both.major_faults, 10);
  EXPECT_DOUBLE_EQ(both.pressure_share.value(), 0.5);
}

TEST(MergeNoise, KeepsTheLargerDriftWithItsSignAndTheMostLostPins) {
  EXPECT_EQ(merged(kShort, kLong).clock_drift, -0.03);
  EXPECT_EQ(merged(kLong, kShort).clock_drift, -0.03);
  EXPECT_EQ(merged(kShort, kLong).unpinned_threads, 3);
  EXPECT_EQ(merged(kLong, kShort).unpinned_threads, 3);
}

TEST(MergeNoise, OfNoTimeKeepsTheLargerShare) {
  const NoiseReading none{.steal_share = 0.1}, more{.steal_share = 0.3};
  EXPECT_EQ(merged(none, more).steal_share, 0.3);
  EXPECT_EQ(merged(more, none).steal_share, 0.3);
}

TEST(MergeNoise, WhatEitherDoesNotKnowIsUnknown) {
  const NoiseReading unknown{.wall_seconds = 1, .cpu_seconds = 1};
  const NoiseReading expected{.wall_seconds = 3, .cpu_seconds = 3};
  EXPECT_EQ(merged(kShort, unknown), expected);
  EXPECT_EQ(merged(unknown, kShort), expected);
}

TEST(MergeCounters, AddsWhatBothCountedAndDerivesAnew) {
  const CounterReading one{.values = {{"PAPI_TOT_INS", 300}, {"PAPI_TOT_CYC", 100}, {"A", 1}},
                           .multiplex_share = 0.9,
                           .per_thread = {{{"PAPI_TOT_INS", 100}}, {{"PAPI_TOT_INS", 200}}},
                           .bytes = 64};
  const CounterReading two{.values = {{"PAPI_TOT_INS", 500}, {"PAPI_TOT_CYC", 300}, {"B", 1}},
                           .multiplex_share = 0.7,
                           .per_thread = {{{"PAPI_TOT_INS", 400}}, {{"PAPI_TOT_INS", 100}}},
                           .bytes = 336};
  const CounterReading both = merged(one, two);
  EXPECT_EQ(both.values,
            (std::map<std::string, std::int64_t>{{"PAPI_TOT_CYC", 400}, {"PAPI_TOT_INS", 800}}));
  EXPECT_EQ(both.multiplex_share, 0.7);
  EXPECT_EQ(both.bytes, 400);
  ASSERT_EQ(both.per_thread.size(), 2u);
  EXPECT_EQ(both.per_thread[0].at("PAPI_TOT_INS"), 500);
  EXPECT_EQ(both.per_thread[1].at("PAPI_TOT_INS"), 300);
  EXPECT_EQ(both.derived.at("instructions_per_cycle"), 2);
  EXPECT_EQ(both.derived.at("bytes_per_cycle"), 1);
}

TEST(MergeCounters, BytesOfOneAloneAreOfNoSum) {
  const CounterReading with{.values = {{"A", 1}}, .bytes = 64}, without{.values = {{"A", 1}}};
  EXPECT_EQ(merged(with, without).bytes, std::nullopt);
  EXPECT_EQ(merged(without, with).bytes, std::nullopt);
}

TEST(MergeCounters, OfTeamsOfDifferentSizesTellNoThread) {
  const CounterReading one{.values = {{"A", 1}}, .per_thread = {{{"A", 1}}}};
  const CounterReading two{.values = {{"A", 3}}, .per_thread = {{{"A", 1}}, {{"A", 2}}}};
  EXPECT_TRUE(merged(one, two).per_thread.empty());
  EXPECT_EQ(merged(one, two).values.at("A"), 4);
}

TEST(MergeCounters, ThatOneOfTheTwoCouldNotReadAreUnavailable) {
  const CounterReading counted{.values = {{"A", 1}}};
  const CounterReading none{.unavailable_cause = "no PMU", .unavailable_remedy = "none"};
  EXPECT_EQ(merged(counted, none), none);
  EXPECT_EQ(merged(none, counted), none);
}

TEST(MergePoint, KeepsTheFirstsNotesAndFactsAndAddsTheOthers) {
  Point first, second;
  first.notes = {{"isa", "AVX2"}};
  first.facts = {{"layers", 4}};  // equal, or their times were of other work
  second.notes = {{"isa", "AVX3"}, {"page_obtained", "thp"}};
  second.facts = {{"layers", 4}, {"regions", 50}};
  const Point both = merged(first, second);
  EXPECT_EQ(both.notes,
            (std::map<std::string, std::string>{{"isa", "AVX2"}, {"page_obtained", "thp"}}));
  EXPECT_EQ(both.facts,
            (std::map<std::string, double>{{"layers", 4}, {"regions", 50}, {"visits", 2}}));
  EXPECT_EQ(merged(both, second).facts.at("visits"), 3);
  EXPECT_EQ(merged(second, both).facts.at("visits"), 3);
}

TEST(MergePoint, ThatBecomesBimodalSaysSoOnceWithBothMedians) {
  Point slow, fast;
  slow.unit = fast.unit = Unit::kBytesPerSecond;
  slow.samples = {30, 30.5, 31};
  fast.samples = {50, 50.5, 51};
  const Point both = merged(slow, fast);
  EXPECT_THAT(both.verdict.reasons,
              ElementsAre(Reason{"bimodal", "two groups, medians 30.5 and 50.5 B/s"}));
  fast.verdict.worsen(Validity::kNoisy, "bimodal", "seen before");
  EXPECT_THAT(merged(slow, fast).verdict.reasons, ElementsAre(Reason{"bimodal", "seen before"}));
}

// A chain without the head takes its time by layers.
TEST(MergePoint, BringsAChainOfOtherLengthToTheFirsts) {
  Point eight, four;
  eight.samples = {0.8, 0.9};
  eight.facts = {{"layers", 8}, {"head_bytes", 0}};
  four.samples = {0.5};
  four.facts = {{"layers", 4}, {"head_bytes", 0}};
  EXPECT_THAT(merged(eight, four).samples, ElementsAre(0.8, 0.9, 1.0));
  EXPECT_THAT(merged(four, eight).samples, ElementsAre(0.5, 0.4, 0.45));
  EXPECT_EQ(merged(four, eight).facts.at("layers"), 4);
  eight.facts["head_bytes"] = four.facts["head_bytes"] = 100;
  EXPECT_THAT(merged(eight, four).samples, ElementsAre(0.8, 0.9));
  EXPECT_TRUE(merged(eight, four).notes.contains("left_out_visit"));
}

TEST(MergePoint, OneThatWasRefusedLeavesTheOtherAsItIs) {
  Point good, refused;
  good.samples = {1, 2, 3};
  good.summary = summarise(good.samples, good.unit);
  refused.samples = {9};
  refused.verdict.worsen(Validity::kInvalid, "steal", "40 % of the time");
  for (const Point& both : {merged(good, refused), merged(refused, good)}) {
    EXPECT_EQ(both.samples, good.samples);
    EXPECT_EQ(both.summary, good.summary);
    EXPECT_EQ(both.verdict, good.verdict);
    EXPECT_EQ(both.notes.at("refused_visit"), "steal: 40 % of the time");
  }
  EXPECT_EQ(merged(refused, refused).verdict.validity, Validity::kInvalid);
}

TEST(MergePoint, OfAnotherUnitIsRefusedWithBothUnits) {
  Point seconds, hertz;
  seconds.name = hertz.name = "clock";
  hertz.unit = Unit::kHertz;
  try {
    merged(seconds, hertz);
    FAIL() << "merged";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("clock: its unit is s in one document and Hz"));
  }
}

TEST(MergeDocuments, ListsStepsAndCalibrationsOfBothAndWhatIsMissingOnce) {
  Results a = sample_results(), b = sample_results();
  b.missing.push_back({"counters", "no PMU", "none"});
  merge(a, b);
  EXPECT_EQ(a.steps.size(), 2u);
  EXPECT_EQ(a.calibrations.size(), 2u);
  EXPECT_EQ(a.calibrated_profiles.size(), 2u);
  ASSERT_EQ(a.missing.size(), 2u);
  EXPECT_EQ(a.missing[1].what, "counters");
}

TEST(MergeDocuments, IsInterruptedWhereTheLaterPartIs) {
  Results whole, cut;
  cut.state = "interrupted";
  Results into = whole;
  merge(into, cut);
  EXPECT_EQ(into.state, "interrupted");
  into = whole;
  merge(into, whole);
  EXPECT_EQ(into.state, "complete");
}

// What cannot change between two runs tells machines apart; a document without one is of any.
TEST(MergeDocuments, AreOfOneMachineWhereProcessorPusAndCachesAre) {
  const std::vector<std::function<void(Machine&)>> changes = {
      [](Machine& machine) { machine.cpu_model = "Other"; },
      [](Machine& machine) { machine.isa = "aarch64"; },
      [](Machine& machine) { machine.caches.pop_back(); },
      [](Machine& machine) { machine.pus.pop_back(); },
      [](Machine& machine) { machine.pus[1].os_index = 7; },
      [](Machine& machine) { machine.pus[1].core = 7; },
      [](Machine& machine) { machine.pus[1].package = 7; }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Results a = sample_results(), b = sample_results();
    changes[i](b.machine);
    EXPECT_THROW(merge(a, b), Error) << i;
  }
  Results a = sample_results(), b = sample_results();
  b.machine.pus[1].usable = false;
  b.machine.governor = "powersave";
  EXPECT_NO_THROW(merge(a, b));
  EXPECT_TRUE(a.machine.pus[1].usable) << "the first document's stands";
  b.machine = {};
  EXPECT_NO_THROW(merge(a, b));
  EXPECT_EQ(a.machine, sample_machine());
}

}  // namespace
}  // namespace mb
