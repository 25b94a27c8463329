#include "probes/core/counters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/system/files.h"
#include "probes/core/pin_thread.h"
#include "tests/probes/core/fake_host.h"

namespace mb {
namespace {

using testing::HasSubstr;

CounterTrial trial(long long counted, long long expected = 10'000'000) {
  return {.built_in = true, .error = "", .counted = counted, .expected = expected};
}

TEST(Counters, CountWhenAKnownLoopReadsBackWithinOnePercent) {
  EXPECT_TRUE(trial(10'000'000).counts());
  EXPECT_TRUE(trial(10'100'000).counts());
  EXPECT_TRUE(trial(9'900'000).counts());
  EXPECT_FALSE(trial(10'100'001).counts());
  EXPECT_FALSE(trial(9'899'999).counts());
}

TEST(Counters, ListedEventsThatReadZeroOrGarbageDoNotCount) {
  EXPECT_FALSE(trial(0).counts());
  EXPECT_FALSE(trial(-5).counts());
  EXPECT_FALSE(trial(123).counts());
  EXPECT_FALSE(trial(0, 0).counts()) << "no known loop, no proof";
}

TEST(Counters, AnErrorOrAMissingLibraryDoesNotCount) {
  CounterTrial failed = trial(10'000'000);
  failed.error = "PAPI_start: permission denied";
  EXPECT_FALSE(failed.counts());
  EXPECT_FALSE(CounterTrial{}.counts());
}

TEST(Counters, WithoutPapiTheRemedyIsABuildFlag) {
  const Missing why = explain({}, FakeHost().files());
  EXPECT_THAT(why.cause, HasSubstr("PAPI"));
  EXPECT_THAT(why.remedy, HasSubstr("WITH_PAPI"));
}

TEST(Counters, AMachineThatShowsNoPmuSaysSo) {
  FakeHost host;
  host.put("/sys/bus/event_source/devices/software/type", "1");
  host.put("/proc/sys/kernel/perf_event_paranoid", "4");
  const Missing why = explain(trial(0), host.files());
  EXPECT_THAT(why.cause, HasSubstr("no performance monitoring unit"));
  EXPECT_THAT(why.cause, HasSubstr("10000000 instructions read back as 0"));
  EXPECT_THAT(why.remedy, HasSubstr("bare-metal"));
}

TEST(Counters, AParanoidKernelIsNamedWithTheCommandThatLowersIt) {
  CounterTrial refused = trial(0);
  refused.error = "PAPI_start: Permission denied";
  for (const char* device : {"cpu", "cpu_core", "armv8_pmuv3_0"}) {
    FakeHost host;
    host.put(std::string("/sys/bus/event_source/devices/") + device + "/type", "4");
    host.put("/proc/sys/kernel/perf_event_paranoid", "3");
    const Missing why = explain(refused, host.files());
    EXPECT_THAT(why.cause, HasSubstr("perf_event_paranoid is 3"));
    EXPECT_THAT(why.cause, HasSubstr("Permission denied"));
    EXPECT_THAT(why.remedy, HasSubstr("sudo sysctl kernel.perf_event_paranoid=2"));
  }
}

TEST(Counters, APmuThatReadsWrongUnderALenientKernelIsReportedAsSeen) {
  for (const char* paranoid : {"-1", "0", "1", "2"}) {
    FakeHost host;
    host.put("/sys/bus/event_source/devices/cpu/type", "4");
    host.put("/proc/sys/kernel/perf_event_paranoid", paranoid);
    const Missing why = explain(trial(77), host.files());
    EXPECT_THAT(why.cause, HasSubstr("read back as 77")) << paranoid;
    EXPECT_FALSE(why.remedy.empty());
  }
}

TEST(Counters, ATeamHasReadingsOrTheReasonWhyNot) {
  const auto team = make_team({sched_getcpu()}, Sync::kSpin);
  TeamCounters counters(*team, base_events());
  counters.start();
  team->run([](int) {});
  const CounterReading reading = counters.stop();
  Missing why;
  if (pmu_counts(&why)) {
    EXPECT_GT(reading.values.at("PAPI_TOT_INS"), 0);
  } else {
    EXPECT_TRUE(reading.values.empty());
    EXPECT_EQ(reading.unavailable_cause, why.cause);
    EXPECT_FALSE(why.cause.empty());
    EXPECT_FALSE(why.remedy.empty());
  }
}

}  // namespace
}  // namespace mb
