// The truth table on PMUs that are faked event by event.
#include "probes/core/counter_truth.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "probes/core/counters.h"
#include "tests/probes/core/fake_host.h"

namespace mb {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// A PMU that works, apart from what a test changes.
class FakePmu final : public EventCounter {
 public:
  std::map<std::string, EventRun> spins, walks;  // in place of the right answer
  std::size_t registers = 6;
  std::string refuses;  // every event, with this error

  EventRun count(const std::string& event, KnownLoop loop) override {
    EventRun run;
    run.error = refuses;
    if (!refuses.empty()) return run;
    const auto& changed = loop == KnownLoop::kWalk ? walks : spins;
    if (const auto found = changed.find(event); found != changed.end()) return found->second;
    if (loop == KnownLoop::kTouch) run.counted = kTouchPages + 2;
    if (loop == KnownLoop::kWalk) run.counted = kWalkLines;
    if (loop == KnownLoop::kSleepless) run.counted = run.expected = 1'700'000;
    if (loop == KnownLoop::kSpin) {
      if (event == "PAPI_TOT_INS") run.counted = spin_instructions() + 900;
      if (event == "PAPI_BR_INS") run.counted = spin_instructions() / 2 + 300;
      if (event == "PAPI_TOT_CYC") run.counted = kSpinTurns + 5000;
    }
    return run;
  }
  bool fit_together(const std::vector<std::string>& events) override {
    return events.size() <= registers;
  }
};

class HostWithPmu : public FakeHost {
 public:
  explicit HostWithPmu(const char* paranoid = "2") {
    put("/sys/bus/event_source/devices/cpu/type", "4");
    put("/proc/sys/kernel/perf_event_paranoid", paranoid);
  }
};

CounterTruth row_of(const std::vector<CounterTruth>& rows, const std::string& event) {
  const auto found = std::ranges::find(rows, event, &CounterTruth::event);
  return found == rows.end() ? CounterTruth{} : *found;
}

TEST(CounterTruth, KnownLoopsWithinOnePercentCount) {
  FakePmu pmu;
  const HostWithPmu host;
  const auto rows = truth_table(pmu, host.files());
  EXPECT_EQ(row_of(rows, "PAPI_TOT_INS").state, "counts");
  EXPECT_EQ(row_of(rows, "PAPI_TOT_INS").expected, spin_instructions());
  EXPECT_EQ(row_of(rows, "PAPI_BR_INS").state, "counts");
  EXPECT_EQ(row_of(rows, "PAPI_TOT_CYC").state, "plausible");
  EXPECT_EQ(row_of(rows, "PAPI_L1_DCM").state, "plausible");
  EXPECT_EQ(row_of(rows, "perf::PAGE-FAULTS").state, "counts");
  EXPECT_EQ(row_of(rows, "perf::TASK-CLOCK").state, "counts");
  EXPECT_THAT(usable_events(rows, "base"), Contains("PAPI_TOT_CYC"));
}

TEST(CounterTruth, ListedEventsThatReadNonsenseAreWrong) {
  FakePmu pmu;
  pmu.spins["PAPI_TOT_INS"] = {.counted = 0};
  pmu.spins["PAPI_BR_INS"] = {.counted = spin_instructions() / 2 * 103 / 100};
  pmu.spins["PAPI_TOT_CYC"] = {.counted = 77};
  pmu.spins["PAPI_L2_DCM"] = {.counted = kSpinTurns};  // misses in a loop without memory
  pmu.walks["PAPI_L3_TCM"] = {.counted = 10 * kWalkLines};
  const auto rows = truth_table(pmu, HostWithPmu().files());
  for (const char* event :
       {"PAPI_TOT_INS", "PAPI_BR_INS", "PAPI_TOT_CYC", "PAPI_L2_DCM", "PAPI_L3_TCM"}) {
    EXPECT_EQ(row_of(rows, event).state, "wrong") << event;
    EXPECT_FALSE(row_of(rows, event).cause.empty()) << event;
    EXPECT_THAT(usable_events(rows, "base"), Not(Contains(event)));
  }
  EXPECT_THAT(row_of(rows, "PAPI_TOT_INS").cause, HasSubstr("10000000 expected, 0 read back"));
}

TEST(CounterTruth, AnEventThatAFamilyLacksSaysSo) {
  FakePmu pmu;
  pmu.spins["PAPI_L3_TCM"] = {.error = "opening: Event does not exist", .is_known = false};
  const CounterTruth row = row_of(truth_table(pmu, HostWithPmu().files()), "PAPI_L3_TCM");
  EXPECT_EQ(row.state, "unavailable");
  EXPECT_THAT(row.cause, HasSubstr("no such event"));
  EXPECT_FALSE(row.counted);
}

TEST(CounterTruth, WithoutAPmuHardwareEventsNameItAndSoftwareEventsDoNot) {
  FakePmu pmu;
  pmu.refuses = "starting: No such device";
  FakeHost host;
  host.put("/sys/bus/event_source/devices/software/type", "1");
  host.put("/proc/sys/kernel/perf_event_paranoid", "2");
  for (const CounterTruth& row : truth_table(pmu, host.files())) {
    EXPECT_EQ(row.state, "unavailable") << row.event;
    EXPECT_FALSE(row.remedy.empty()) << row.event;
    if (row.set == "software") {
      EXPECT_THAT(row.cause, Not(HasSubstr("monitoring unit"))) << row.event;
    } else {
      EXPECT_THAT(row.cause, HasSubstr("monitoring unit")) << row.event;
    }
  }
}

TEST(CounterTruth, ParanoidLevelsAreNamedWithTheCommandThatLowersThem) {
  FakePmu pmu;
  pmu.refuses = "starting: Permission denied";
  const auto strict = truth_table(pmu, HostWithPmu("4").files());
  EXPECT_THAT(row_of(strict, "PAPI_TOT_INS").cause, HasSubstr("perf_event_paranoid is 4"));
  EXPECT_THAT(row_of(strict, "PAPI_TOT_INS").remedy, HasSubstr("=2"));
  // PAPI 7.0 calls events unknown when the level keeps it out.
  pmu.spins["PAPI_BR_INS"] = {.error = "opening: Event does not exist", .is_known = false};
  pmu.refuses = "";
  EXPECT_THAT(row_of(truth_table(pmu, HostWithPmu("3").files()), "PAPI_BR_INS").cause,
              HasSubstr("perf_event_paranoid is 3"));
  pmu.refuses = "starting: Permission denied";
  const auto usual = truth_table(pmu, HostWithPmu("2").files());
  EXPECT_THAT(row_of(usual, "skx_unc_imc0::UNC_M_CAS_COUNT:RD").remedy, HasSubstr("=0"));
}

TEST(CounterTruth, EventsWithoutARegisterBesideTheOthersAreLeftOut) {
  FakePmu pmu;
  pmu.registers = 3;
  const auto rows = truth_table(pmu, HostWithPmu().files());
  EXPECT_EQ(row_of(rows, "PAPI_L1_DCM").state, "plausible");
  EXPECT_EQ(row_of(rows, "PAPI_L2_DCM").state, "multiplexed");
  EXPECT_EQ(usable_events(rows, "base").size(), 3U);
}

// Whatever this machine is: every row is decided, and says why where it does not count.
TEST(CounterTruth, EveryRowOfThisMachineIsDecided) {
  for (const CounterTruth& row : truth_table(*papi_event_counter(), HostFiles())) {
    EXPECT_FALSE(row.state.empty()) << row.event;
    if (row.state == "wrong" || row.state == "unavailable") {
      EXPECT_FALSE(row.cause.empty()) << row.event;
    }
  }
}

}  // namespace
}  // namespace mb
