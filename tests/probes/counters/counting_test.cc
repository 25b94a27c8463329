// Counting on a PMU that works, or fails at one place: what the machines of our tests lack. The
// trial of a process is remembered, so what makes it fail runs in processes of its own.
#include <gmock/gmock.h>
#include <papi.h>
#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "data/system/clock.h"
#include "probes/core/counters.h"
#include "probes/core/measure_point.h"
#include "tests/probes/counters/fake_papi.h"

namespace mb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

class Counting : public testing::Test {
 protected:
  Counting() { reset_pmu(); }
  ~Counting() override {
    EXPECT_EQ(pmu().sets_left, 0) << "every set is destroyed";
    EXPECT_EQ(pmu().threads_left, 0) << "every thread is unregistered";
  }

  static CounterReading count(int threads, std::vector<std::string> events) {
    EXPECT_TRUE(pmu_counts(nullptr));  // its own set is made and gone
    pmu().sets_made = 0;
    const std::vector<int> pus(static_cast<std::size_t>(threads), sched_getcpu());
    const auto team = make_team(pus, Sync::kFutex);
    TeamCounters counters(*team, std::move(events));
    counters.start();
    team->run([](int) {});
    return counters.stop();
  }
};

// ---- the trial ----

// Ends this process: 0 when counters count; else 1, with the trial's error and the reason told.
[[noreturn]] void try_and_exit(const char* fails) {
  pmu().fails = fails;
  Missing why;
  const bool counts = pmu_counts(&why);
  std::fprintf(stderr, "error '%s', cause '%s'", try_counters().error.c_str(), why.cause.c_str());
  std::exit(counts ? 0 : 1);
}

class CounterTrialDeathTest : public Counting {
 protected:
  CounterTrialDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(CounterTrialDeathTest, CountsWhereTheLoopIsReadBack) {
  EXPECT_EXIT(try_and_exit(""), testing::ExitedWithCode(0), "error '', cause ''");
}

TEST_F(CounterTrialDeathTest, NamesTheCallThatFailed) {
  for (const char* call : {"PAPI_thread_init", "PAPI_create_eventset", "PAPI_start", "PAPI_stop"}) {
    EXPECT_EXIT(try_and_exit(call), testing::ExitedWithCode(1),
                std::string("error '") + call + ": Permission denied', cause '.*" + call);
  }
  EXPECT_EXIT(try_and_exit("PAPI_library_init"), testing::ExitedWithCode(1),
              "error 'PAPI_library_init failed'");
}

TEST_F(CounterTrialDeathTest, AnInstructionCountThatIsRefusedOrWrongDoesNotCount) {
  const auto refused = [] {
    pmu().refusals["PAPI_TOT_INS"] = PAPI_EPERM;
    try_and_exit("");
  };
  EXPECT_EXIT(refused(), testing::ExitedWithCode(1),
              "error 'opening PAPI_TOT_INS: Permission denied'");
  const auto wrong = [] {
    pmu().counts["PAPI_TOT_INS"] = 77;
    try_and_exit("");
  };
  EXPECT_EXIT(wrong(), testing::ExitedWithCode(1), "error '', cause '.*read back as 77");
}

TEST_F(CounterTrialDeathTest, ATeamOnAMachineThatDoesNotCountOpensNothing) {
  const auto counting = [] {
    pmu().fails = "PAPI_start";
    pmu_counts(nullptr);
    pmu().fails.clear();
    const auto team = make_team({sched_getcpu()}, Sync::kFutex);
    const int before = pmu().sets_made;
    TeamCounters counters(*team, base_events());
    counters.start();
    const CounterReading reading = counters.stop();
    std::fprintf(stderr, "%s", reading.unavailable_cause.c_str());
    std::exit(pmu().sets_made - before + (reading.values.empty() ? 0 : 100));
  };
  EXPECT_EXIT(counting(), testing::ExitedWithCode(0), "PAPI_start: Permission denied");
}

// ---- teams ----

TEST_F(Counting, ATeamsCountIsTheSumOfItsRanks) {
  const CounterReading reading = count(2, {"PAPI_TOT_INS", "PAPI_TOT_CYC"});
  const long long each = pmu().counts.at("PAPI_TOT_INS");
  EXPECT_THAT(reading.values,
              UnorderedElementsAre(Pair("PAPI_TOT_INS", 2 * each), Pair("PAPI_TOT_CYC", each / 2)));
  ASSERT_EQ(reading.per_thread.size(), 2u);
  EXPECT_EQ(reading.per_thread[1].at("PAPI_TOT_INS"), each);
  EXPECT_EQ(reading.derived.at("instructions_per_cycle"), 4);
  EXPECT_EQ(reading.unavailable_cause, "");
}

TEST_F(Counting, EventsThatThePmuLacksOrHasNoRoomForAreLeftOut) {
  EXPECT_THAT(count(1, {"PAPI_TOT_INS", "PAPI_NONE"}).values,
              ElementsAre(Pair("PAPI_TOT_INS", testing::_)));
  pmu().registers = 1;
  EXPECT_THAT(count(1, {"PAPI_TOT_CYC", "PAPI_TOT_INS"}).values,
              ElementsAre(Pair("PAPI_TOT_CYC", testing::_)));
}

TEST_F(Counting, TheKernelsOwnNameStandsInAndIsToldByTheNameThatWasAsked) {
  pmu().refusals = {{"PAPI_BR_INS", PAPI_ENOEVNT}, {"PAPI_L1_DCM", PAPI_ENOEVNT}};
  pmu().counts["perf::BRANCH-INSTRUCTIONS"] = 123;
  EXPECT_THAT(count(1, {"PAPI_BR_INS", "PAPI_L1_DCM"}).values,
              ElementsAre(Pair("PAPI_BR_INS", 123)));
}

TEST_F(Counting, ASumOfSomeRanksIsNoneAtAll) {
  pmu().idle_ranks = {1};
  const CounterReading reading = count(2, {"PAPI_TOT_INS"});
  EXPECT_THAT(reading.values, IsEmpty());
  EXPECT_THAT(reading.per_thread, IsEmpty());
  EXPECT_FALSE(reading.unavailable_cause.empty());
}

TEST_F(Counting, WhatCannotBeReadIsNoCount) {
  for (const char* call : {"PAPI_list_events", "PAPI_event_code_to_name", "PAPI_stop"}) {
    pmu().fails.clear();
    EXPECT_TRUE(pmu_counts(nullptr));
    pmu().fails = call;
    EXPECT_THAT(count(1, {"PAPI_TOT_INS"}).values, IsEmpty()) << call;
  }
}

TEST_F(Counting, ASetThatCannotBeMadeCountsNothing) {
  EXPECT_TRUE(pmu_counts(nullptr));
  pmu().fails = "PAPI_create_eventset";
  EXPECT_THAT(count(1, {"PAPI_TOT_INS"}).values, IsEmpty());
}

// ---- single events, for the truth table ----

TEST_F(Counting, AnEventIsReadOverEveryLoop) {
  const auto counter = papi_event_counter();
  for (const KnownLoop loop : {KnownLoop::kSpin, KnownLoop::kWalk, KnownLoop::kTouch}) {
    const EventRun run = counter->count("PAPI_TOT_INS", loop);
    EXPECT_EQ(run.error, "");
    EXPECT_EQ(run.counted, pmu().counts.at("PAPI_TOT_INS"));
    EXPECT_EQ(run.expected, 0) << "known by the loop";
  }
  EXPECT_GT(counter->count("PAPI_TOT_INS", KnownLoop::kSleepless).expected, 0) << "nanoseconds";
}

TEST_F(Counting, AnUnknownEventIsNotARefusedOne) {
  const auto counter = papi_event_counter();
  for (const int status : {PAPI_ENOEVNT, PAPI_ENOSUPP, PAPI_ECMP}) {
    pmu().refusals = {{"PAPI_L1_DCM", status}};
    const EventRun run = counter->count("PAPI_L1_DCM", KnownLoop::kSpin);
    EXPECT_FALSE(run.is_known) << status;
    EXPECT_EQ(run.error, "opening: another error");
  }
  pmu().refusals = {{"PAPI_L1_DCM", PAPI_EPERM}};
  const EventRun refused = counter->count("PAPI_L1_DCM", KnownLoop::kSpin);
  EXPECT_TRUE(refused.is_known);
  EXPECT_EQ(refused.error, "opening: Permission denied");
}

TEST_F(Counting, AnEventsErrorNamesTheStep) {
  const auto counter = papi_event_counter();
  for (const auto& [call, words] :
       {std::pair("PAPI_create_eventset", "PAPI_create_eventset: Permission denied"),
        std::pair("PAPI_start", "starting: Permission denied"),
        std::pair("PAPI_stop", "reading: Permission denied")}) {
    pmu().fails = call;
    EXPECT_EQ(counter->count("PAPI_TOT_INS", KnownLoop::kSpin).error, words);
  }
  pmu().fails = "PAPI_library_init";
  EXPECT_EQ(papi_event_counter()->count("PAPI_TOT_INS", KnownLoop::kSpin).error,
            "PAPI_library_init failed");
}

TEST_F(Counting, EventsFitTogetherWhileThereAreRegisters) {
  const auto counter = papi_event_counter();
  const std::vector<std::string> both = {"PAPI_TOT_INS", "PAPI_TOT_CYC"};
  EXPECT_TRUE(counter->fit_together(both));
  pmu().registers = 1;
  EXPECT_FALSE(counter->fit_together(both));
  pmu().registers = 2;
  for (const char* call : {"PAPI_create_eventset", "PAPI_start"}) {
    pmu().fails = call;
    EXPECT_FALSE(counter->fit_together(both)) << call;
  }
}

TEST_F(Counting, TheTruthTableOfThisPmuCountsWhatItKnows) {
  const auto rows = truth_table(*papi_event_counter(), HostFiles());
  const auto state_of = [&](const char* event) {
    const auto found = std::ranges::find(rows, event, &CounterTruth::event);
    return found == rows.end() ? "" : found->state;
  };
  EXPECT_EQ(state_of("PAPI_TOT_INS"), "counts");
  EXPECT_EQ(state_of("PAPI_L2_DCM"), "unavailable");
}

// ---- a point ----

class CountedCase final : public Case {
 public:
  double seconds(std::uint64_t iterations) override {
    return 1e-6 * static_cast<double>(iterations);
  }
};

// What `prepare` makes: a function pointer knows nothing of the test that calls it.
struct {
  double amount = 0;
  Unit unit = Unit::kSeconds;
  std::map<std::string, double> facts;
  int teams = 1;
} made;

std::unique_ptr<Case> prepare_counted(const PlannedPoint& point, Kit& kit) {
  if (made.teams > 0) kit.team(point.parameters);
  if (made.teams > 1) kit.team({sched_getcpu(), sched_getcpu()}, Sync::kFutex);
  auto one = std::make_unique<CountedCase>();
  one->amount_per_iteration = made.amount;
  one->unit = made.unit;
  one->facts = made.facts;
  return one;
}

class CountedPoint : public Counting {
 protected:
  CountedPoint() {
    made = {};
    Pu pu;
    pu.os_index = sched_getcpu();
    machine_.pus = {pu};
    machine_.pmu_counts = true;
  }

  void truth(const char* event, const char* set, const char* state = "counts") {
    CounterTruth row;
    row.event = event;
    row.set = set;
    row.state = state;
    machine_.counter_truth.push_back(row);
  }

  Point measure(const char* probe, Parameters parameters = {{"threads", 1}}) const {
    ProbeKit kit(machine_);
    return measure_point({probe, "counts", prepare_counted}, {std::move(parameters), 0.01}, kit,
                         monotonic_clock(), HostFiles());
  }

  Machine machine_;
};

TEST_F(CountedPoint, CountsTheBaseSetWithoutATableAndSaysOverHowMuch) {
  const Point point = measure("dispatch_overhead");
  EXPECT_EQ(point.counters.values.at("PAPI_TOT_INS"), pmu().counts.at("PAPI_TOT_INS"));
  EXPECT_EQ(point.counters.bytes, std::nullopt) << "work of no bytes";
  EXPECT_EQ(point.facts.at("counted_iterations"), 3 * point.facts.at("iterations_per_sample"));
}

TEST_F(CountedPoint, ARegimeCountsEverySetOfTheTableAndOthersTheBaseAlone) {
  truth("PAPI_TOT_INS", "base");
  truth("PAPI_L1_DCM", "memory");
  truth("PAPI_TOT_CYC", "software", "wrong");
  const auto names = [](const Point& point) {
    std::vector<std::string> events;
    for (const auto& [event, value] : point.counters.values) events.push_back(event);
    return events;
  };
  const Point regime = measure("decode_scaling");
  EXPECT_THAT(names(regime), ElementsAre("PAPI_L1_DCM", "PAPI_TOT_INS"));
  EXPECT_EQ(regime.counters.per_thread.at(0).at("PAPI_L1_DCM"), pmu().counts.at("PAPI_L1_DCM"));
  EXPECT_EQ(regime.counters.derived.at("L1_misses_per_kilo_instruction"),
            1000.0 * 5000 / static_cast<double>(pmu().counts.at("PAPI_TOT_INS")));
  EXPECT_THAT(names(measure("stream_bandwidth")), ElementsAre("PAPI_TOT_INS"));
}

TEST_F(CountedPoint, BytesAreThoseThatTheWorkNames) {
  made.amount = 64;
  made.unit = Unit::kBytesPerSecond;
  const Point stream = measure("stream_bandwidth");
  EXPECT_EQ(stream.counters.bytes, 64 * stream.facts.at("counted_iterations"));
  EXPECT_GT(stream.counters.derived.at("bytes_per_cycle"), 0);
  made = {};
  made.facts = {{"weight_bytes", 1000.0}, {"kv_bytes", 24.0}};
  const Point step = measure("decode_scaling");
  EXPECT_EQ(step.counters.bytes, 1024 * step.facts.at("counted_iterations"));
  made.facts = {{"weight_bytes", 1000.0}};
  EXPECT_EQ(measure("decode_scaling").counters.bytes, std::nullopt) << "half of them is none";
}

TEST_F(CountedPoint, OfSeveralTeamsOrNoneOrOfAMachineThatDoesNotCountNothingIsCounted) {
  for (const int teams : {0, 2}) {
    made.teams = teams;
    const Point point = measure("dispatch_overhead");
    EXPECT_THAT(point.counters.values, IsEmpty()) << teams;
    EXPECT_FALSE(point.facts.contains("counted_iterations"));
  }
  made.teams = 1;
  machine_.pmu_counts = false;
  EXPECT_THAT(measure("dispatch_overhead").counters.unavailable_cause,
              HasSubstr("the machine document says that counters do not count here"));
  machine_.missing = {{"something else", "a", "b"}, {"hardware counters", "no PMU", "use metal"}};
  const CounterReading reading = measure("dispatch_overhead").counters;
  EXPECT_EQ(reading.unavailable_cause, "no PMU");
  EXPECT_EQ(reading.unavailable_remedy, "use metal");
}

TEST_F(CountedPoint, AReadingThatFailsLeavesThePointWithoutCounts) {
  EXPECT_TRUE(pmu_counts(nullptr));
  pmu().fails = "PAPI_stop";
  const Point point = measure("dispatch_overhead");
  EXPECT_THAT(point.counters.values, IsEmpty());
  EXPECT_FALSE(point.counters.unavailable_cause.empty());
  EXPECT_FALSE(point.samples.empty());
}

TEST_F(CountedPoint, AHeldPointTellsHowItsRateChanged) {
  EXPECT_FALSE(measure("peak_compute").facts.contains("rate_change"));
  const Point held = measure("peak_compute", {{"threads", 1}, {"sustain_seconds", 1}});
  EXPECT_NEAR(held.facts.at("rate_change"), 0, 1e-9) << "every operation takes as long";
}

TEST_F(CountedPoint, MemoryOfAGuestIsWatchedLongerThanThis) {
  const Parameters dram{{"level", "dram"}, {"threads", 1}};
  const auto is_brief = [&] {
    const Verdict verdict = measure("stream_bandwidth", dram).verdict;
    return std::ranges::count(verdict.reasons, "brief", &Reason::code);
  };
  EXPECT_EQ(is_brief(), 0);
  machine_.hypervisor = "KVM";
  EXPECT_EQ(is_brief(), 1);
}

}  // namespace
}  // namespace mb
