// Every limit just under, at and just above; readers on fixture files.
#include "probes/core/noise.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/probes/core/fake_host.h"
#include "tests/probes/core/verdicts.h"

namespace mb {
namespace {

// Long enough for every rate limit to be many ticks and events.
constexpr NoiseScope kScope{.cpus = 2, .threads = 2};
NoiseReading quiet() {
  NoiseReading noise;
  noise.wall_seconds = 100;
  noise.steal_share = noise.throttled_share = noise.clock_drift = 0;
  noise.involuntary_switches_per_thread_second = 0;
  noise.migrations = noise.major_faults = noise.unpinned_threads = 0;
  noise.pressure_share = 0;
  return noise;
}

Verdict judged(const NoiseReading& noise, const NoiseScope& scope = kScope) {
  Verdict verdict;
  judge_noise(noise, scope, verdict);
  return verdict;
}

template <class Field>
void expect_limits(Field field, const NoiseLimit& limit, const std::string& code) {
  const auto at = [&](double value) {
    NoiseReading noise = quiet();
    noise.*field = value;
    return judged(noise);
  };
  expect(at(limit.noisy * kDown), Validity::kValid, "");
  expect(at(limit.noisy), Validity::kValid, "");
  expect(at(limit.noisy > 0 ? limit.noisy * kUp : 1e-9), Validity::kNoisy, code);
  expect(at(limit.invalid * kDown), Validity::kNoisy, code);
  expect(at(limit.invalid), Validity::kNoisy, code);
  expect(at(limit.invalid * kUp), Validity::kInvalid, code);
}

TEST(Noise, AQuietWindowIsValidWithoutReasons) { expect(judged(quiet()), Validity::kValid, ""); }

TEST(Noise, StealIsNoisyAboveATenthOfAPercentAndInvalidAboveOne) {
  EXPECT_EQ(kStealShareLimit.noisy, 0.001);
  EXPECT_EQ(kStealShareLimit.invalid, 0.01);
  expect_limits(&NoiseReading::steal_share, kStealShareLimit, "steal");
}

TEST(Noise, ThrottlingIsNoisyAboveNothingAndInvalidAboveFivePercent) {
  EXPECT_EQ(kThrottledShareLimit.noisy, 0.0);
  EXPECT_EQ(kThrottledShareLimit.invalid, 0.05);
  expect_limits(&NoiseReading::throttled_share, kThrottledShareLimit, "throttled");
}

TEST(Noise, InvoluntarySwitchesAreNoisyAboveTenAndInvalidAboveAHundred) {
  EXPECT_EQ(kInvoluntarySwitchLimit.noisy, 10);
  EXPECT_EQ(kInvoluntarySwitchLimit.invalid, 100);
  expect_limits(&NoiseReading::involuntary_switches_per_thread_second, kInvoluntarySwitchLimit,
                "switches");
}

TEST(Noise, ClockDriftIsNoisyAboveTwoPercentAndInvalidAboveFiveInEitherDirection) {
  EXPECT_EQ(kClockDriftLimit.noisy, 0.02);
  EXPECT_EQ(kClockDriftLimit.invalid, 0.05);
  expect_limits(&NoiseReading::clock_drift, kClockDriftLimit, "clock_drift");
  NoiseReading slower = quiet();
  slower.clock_drift = -0.06;
  expect(judged(slower), Validity::kInvalid, "clock_drift");
}

TEST(Noise, AnyMigrationOrMajorFaultIsInvalid) {
  NoiseReading noise = quiet();
  noise.migrations = 1;
  expect(judged(noise), Validity::kInvalid, "migrations");
  noise = quiet();
  noise.major_faults = 1;
  expect(judged(noise), Validity::kInvalid, "major_faults");
}

TEST(Noise, PressureIsNoisyAboveOnePercentAndInvalidAboveFive) {
  EXPECT_EQ(kPressureLimit.noisy, 0.01);
  EXPECT_EQ(kPressureLimit.invalid, 0.05);
  expect_limits(&NoiseReading::pressure_share, kPressureLimit, "pressure");
}

TEST(Noise, PressureCountsOnlyInWindowsWhereItsLimitIsThreeTicks) {
  NoiseReading noise = quiet();
  noise.pressure_share = 0.03;
  noise.wall_seconds = 1.19;  // 1 % is less than three ticks of 4 ms
  expect(judged(noise), Validity::kValid, "");
  noise.wall_seconds = 1.21;
  expect(judged(noise), Validity::kNoisy, "pressure");
  noise.pressure_share = 0.06;
  noise.wall_seconds = 0.239;
  expect(judged(noise), Validity::kValid, "");
  noise.wall_seconds = 0.241;
  expect(judged(noise), Validity::kInvalid, "pressure");
}

TEST(Noise, DetailsSayTheFigureAndTheLimit) {
  NoiseReading noise = quiet();
  noise.steal_share = 0.02;
  noise.throttled_share = 0.03;
  noise.pressure_share = 0.04;
  noise.involuntary_switches_per_thread_second = 50;
  noise.clock_drift = -0.03;
  std::vector<std::string> details;
  for (const Reason& reason : judged(noise).reasons) details.push_back(reason.detail);
  EXPECT_THAT(details,
              testing::ElementsAre("2.00 % of the used CPUs' time, limit 0.1 %",
                                   "stopped by the CPU quota for 3.00 % of the time, limit 0 %",
                                   "a task waited for a CPU for 4.0 % of the time, limit 1 %",
                                   "50 per thread and second, limit 10", "-3.0 %, limit 2 %"));
}

TEST(NoiseBetween, AWindowOfNoTimeHasNoShares) {
  NoiseCounts before;
  before.wall_seconds = 5;
  before.steal_ticks = 1;
  before.throttled_seconds = {1};
  before.pressure_seconds = 1;
  NoiseCounts after = before;
  after.steal_ticks = 2;
  after.throttled_seconds = {2};
  after.pressure_seconds = 2;
  const NoiseReading noise = noise_between(before, after, kScope);
  EXPECT_FALSE(noise.steal_share || noise.throttled_share || noise.pressure_share);
}

TEST(Noise, AThreadThatLostItsCpuIsInvalid) {
  NoiseReading noise = quiet();
  noise.unpinned_threads = 1;
  expect(judged(noise), Validity::kInvalid, "affinity");
}

TEST(Noise, StealCountsOnlyInWindowsWhereItsLimitIsThreeTicks) {
  NoiseReading noise = quiet();
  noise.steal_share = 0.02;  // above both limits
  // The 1 % limit is three ticks of 10 ms after 3 CPU seconds, the 0.1 % limit after 30.
  const NoiseScope one{.cpus = 1, .threads = 1};
  noise.wall_seconds = 2.99;
  expect(judged(noise, one), Validity::kValid, "");
  noise.wall_seconds = 3.001;
  expect(judged(noise, one), Validity::kInvalid, "steal");
  expect(judged(noise, {.cpus = 2, .threads = 2}), Validity::kInvalid, "steal");
  noise.steal_share = 0.005;
  noise.wall_seconds = 29.9;
  expect(judged(noise, one), Validity::kValid, "");
  noise.wall_seconds = 30.1;
  expect(judged(noise, one), Validity::kNoisy, "steal");
}

TEST(Noise, SwitchesCountOnlyInWindowsWhereTheirLimitIsThreeEvents) {
  NoiseReading noise = quiet();
  noise.involuntary_switches_per_thread_second = 50;
  const NoiseScope one{.cpus = 1, .threads = 1};
  noise.wall_seconds = 0.29;
  expect(judged(noise, one), Validity::kValid, "");
  noise.wall_seconds = 0.31;
  expect(judged(noise, one), Validity::kNoisy, "switches");
  // 100 a second are three events after 30 ms.
  noise.involuntary_switches_per_thread_second = 150;
  noise.wall_seconds = 0.031;
  expect(judged(noise, one), Validity::kInvalid, "switches");
  noise.wall_seconds = 0.029;
  expect(judged(noise, one), Validity::kValid, "");
}

TEST(Noise, AMissingSignalIsListedAndDoesNotWorsen) {
  NoiseReading nothing;
  nothing.wall_seconds = 1;
  expect(judged(nothing), Validity::kValid,
         "missing_signal missing_signal missing_signal missing_signal missing_signal");
}

TEST(Noise, WaitsForACpuAreNoNoiseWhereTheyAreMeasured) {
  NoiseCounts before, after;
  before.pressure_seconds = 0;
  after.pressure_seconds = 0.5;
  after.wall_seconds = 1;
  EXPECT_DOUBLE_EQ(noise_between(before, after, kScope).pressure_share.value(), 0.5);
  constexpr NoiseScope kScheduled{.cpus = 2, .threads = 2, .scheduling_is_measured = true};
  EXPECT_FALSE(noise_between(before, after, kScheduled).pressure_share);
  NoiseReading noise = quiet();
  noise.pressure_share.reset();
  expect(judged(noise, kScheduled), Validity::kValid, "");
  expect(judged(noise), Validity::kValid, "missing_signal");
}

TEST(Noise, EveryReasonIsInTheTable) {
  NoiseReading noisy = quiet();
  noisy.steal_share = noisy.throttled_share = noisy.clock_drift = 1;
  noisy.involuntary_switches_per_thread_second = 1000;
  noisy.migrations = noisy.major_faults = noisy.unpinned_threads = 1;
  noisy.pressure_share = 1;
  Verdict verdict = judged(noisy);
  judge_samples({1}, summarise({1}, Unit::kSeconds), std::nullopt, true, verdict);
  judge_samples({}, {}, Modes{1, 2}, false, verdict);
  std::vector<double> ramp = {9, 1, 2, 3, 4, 5, 6, 7};
  judge_samples(ramp, summarise(ramp, Unit::kSeconds), std::nullopt, false, verdict);
  ASSERT_GE(verdict.reasons.size(), 9u);
  for (const Reason& reason : verdict.reasons) {
    EXPECT_THAT(reason_texts(), testing::Contains(testing::Field(&ReasonText::code, reason.code)));
    EXPECT_FALSE(reason.detail.empty()) << reason.code;
  }
}

TEST(NoiseFiles, StealIsSummedOverTheCpusInUse) {
  FakeHost host;
  host.put("/proc/stat",
           "cpu  1 2 3 4 5 6 7 999 9 10\n"
           "cpu0 1 2 3 4 5 6 7 100 9 10\n"
           "cpu1 1 2 3 4 5 6 7 20 9 10\n"
           "cpu10 1 2 3 4 5 6 7 3 9 10\n"
           "intr 5 6 7\n");
  EXPECT_EQ(read_noise_files(host.files(), {0, 10}).steal_ticks, 103);
  EXPECT_EQ(read_noise_files(host.files(), {1}).steal_ticks, 20);
  EXPECT_FALSE(read_noise_files(host.files(), {2}).steal_ticks.has_value());
  EXPECT_FALSE(read_noise_files(host.files(), {}).steal_ticks.has_value());
}

TEST(NoiseFiles, ShortOrMissingStatIsAMissingSignal) {
  FakeHost host;
  EXPECT_FALSE(read_noise_files(host.files(), {0}).steal_ticks.has_value());
  host.put("/proc/stat", "cpu0 1 2 3 4\n");  // a kernel before steal time
  EXPECT_FALSE(read_noise_files(host.files(), {0}).steal_ticks.has_value());
  host.put("/proc/stat", "cpu0 a b c d e f g h\n");
  EXPECT_FALSE(read_noise_files(host.files(), {0}).steal_ticks.has_value());
}

TEST(NoiseFiles, ThrottledTimeIsReadFromVersionTwoOfOurGroupAndItsAncestors) {
  FakeHost host;
  host.put("/proc/self/cgroup", "0::/a/b\n");
  host.put("/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  host.put("/sys/fs/cgroup/a/b/cpu.stat", "usage_usec 9\nnr_throttled 0\nthrottled_usec 250000\n");
  host.put("/sys/fs/cgroup/a/cpu.stat", "usage_usec 9\nnr_throttled 4\nthrottled_usec 1500000\n");
  EXPECT_THAT(read_noise_files(host.files(), {0}).throttled_seconds,
              testing::ElementsAre(0.25, 1.5));
}

TEST(NoiseFiles, ThrottledTimeIsReadFromVersionOneInNanoseconds) {
  FakeHost host;
  host.put("/proc/self/cgroup", "4:cpu,cpuacct:/job\n");
  host.put("/proc/self/mountinfo",
           "33 23 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n");
  host.put("/sys/fs/cgroup/cpu,cpuacct/job/cpu.stat",
           "nr_periods 5\nnr_throttled 2\nthrottled_time 2000000000\n");
  EXPECT_THAT(read_noise_files(host.files(), {0}).throttled_seconds, testing::ElementsAre(2.0));
}

TEST(NoiseFiles, PressureIsTheTotalOfSome) {
  FakeHost host;
  const auto seconds = [&] { return read_noise_files(host.files(), {0}).pressure_seconds; };
  EXPECT_FALSE(seconds().has_value());
  host.put("/proc/pressure/cpu",
           "some avg10=4.22 avg60=20.97 avg300=10.73 total=47458465\n"
           "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n");
  EXPECT_DOUBLE_EQ(seconds().value(), 47.458465);
  for (const char* broken :
       {"full total=7\n", "some avg10=1\n", "some total=x\n", "some total=\n"}) {
    host.put("/proc/pressure/cpu", broken);
    EXPECT_FALSE(seconds().has_value()) << broken;
  }
}

TEST(NoiseFiles, WithoutCgroupsThereIsNoThrottlingSignal) {
  EXPECT_TRUE(read_noise_files(FakeHost().files(), {0}).throttled_seconds.empty());
}

TEST(NoiseBetween, MakesSharesAndRatesOfTwoReadings) {
  NoiseCounts before, after;
  before.wall_seconds = 10;
  after.wall_seconds = 15;
  before.steal_ticks = 100;
  after.steal_ticks = 110;  // 0.1 s of 5 s on 2 CPUs
  before.throttled_seconds = {1, 4};
  after.throttled_seconds = {1.1, 4.5};  // the ancestor stopped us longest
  before.pressure_seconds = 7;
  after.pressure_seconds = 7.5;
  before.usage = TeamUsage{.cpu_seconds = 2, .involuntary_switches = 5};
  after.usage = TeamUsage{.cpu_seconds = 11,
                          .involuntary_switches = 105,
                          .voluntary_switches = 9,
                          .major_faults = 3,
                          .migrations = 2,
                          .unpinned = 1};
  before.clock_hz = 4e9;
  after.clock_hz = 3.8e9;
  const NoiseReading noise = noise_between(before, after, {.cpus = 2, .threads = 4});
  EXPECT_DOUBLE_EQ(noise.wall_seconds, 5);
  EXPECT_DOUBLE_EQ(noise.cpu_seconds, 9);
  EXPECT_DOUBLE_EQ(noise.steal_share.value(), 0.01);
  EXPECT_DOUBLE_EQ(noise.throttled_share.value(), 0.1);
  EXPECT_DOUBLE_EQ(noise.involuntary_switches_per_thread_second.value(), 5);
  EXPECT_EQ(noise.migrations, 2);
  EXPECT_EQ(noise.major_faults, 3);
  EXPECT_NEAR(noise.clock_drift.value(), -0.05, 1e-12);
  EXPECT_EQ(noise.unpinned_threads, 1);
  EXPECT_FALSE(noise.pressure_share) << "four threads on two CPUs wait for each other";
  EXPECT_DOUBLE_EQ(noise_between(before, after, {.cpus = 2, .threads = 2}).pressure_share.value(),
                   0.1);
}

TEST(NoiseBetween, WhatOneReadingLacksIsMissing) {
  NoiseCounts before, after;
  before.steal_ticks = 3;
  before.throttled_seconds = {1};
  before.pressure_seconds = 1;
  before.usage = TeamUsage{};
  before.clock_hz = 3e9;
  after.wall_seconds = 1;
  const NoiseReading noise = noise_between(before, after, kScope);
  EXPECT_FALSE(noise.steal_share || noise.throttled_share || noise.migrations ||
               noise.major_faults || noise.clock_drift || noise.pressure_share ||
               noise.involuntary_switches_per_thread_second);
}

TEST(NoiseBetween, SmallSharesAreKeptAndCountersThatGoBackAreNone) {
  NoiseCounts before, after;
  after.wall_seconds = 10;
  before.pressure_seconds = 1;
  after.pressure_seconds = 1.001;
  before.steal_ticks = 5;
  after.steal_ticks = 6;
  before.throttled_seconds = {1};
  after.throttled_seconds = {1.002};
  NoiseReading noise = noise_between(before, after, kScope);
  EXPECT_NEAR(noise.pressure_share.value(), 1e-4, 1e-9);
  EXPECT_NEAR(noise.steal_share.value(), 5e-4, 1e-9);
  EXPECT_NEAR(noise.throttled_share.value(), 2e-4, 1e-9);
  std::swap(before.pressure_seconds, after.pressure_seconds);
  std::swap(before.steal_ticks, after.steal_ticks);
  std::swap(before.throttled_seconds, after.throttled_seconds);
  noise = noise_between(before, after, kScope);
  EXPECT_EQ(noise.pressure_share, 0.0);
  EXPECT_EQ(noise.steal_share, 0.0);
  EXPECT_EQ(noise.throttled_share, 0.0);
}

TEST(NoiseBetween, SwitchesInNoTimeAreNoRate) {
  NoiseCounts before, after;
  before.usage = TeamUsage{};
  after.usage = TeamUsage{.involuntary_switches = 7};
  EXPECT_EQ(noise_between(before, after, kScope).involuntary_switches_per_thread_second, 0.0);
}

TEST(NoiseBetween, LevelsThatCameOrWentTellNoThrottling) {
  NoiseCounts before, after;
  after.wall_seconds = 1;
  before.throttled_seconds = {1};
  after.throttled_seconds = {2, 3};
  EXPECT_FALSE(noise_between(before, after, kScope).throttled_share);
}

TEST(Noise, MissingSignalsSayWhichAndWhy) {
  NoiseReading nothing;
  nothing.wall_seconds = 1;
  std::vector<std::string> details;
  for (const Reason& reason : judged(nothing).reasons) details.push_back(reason.detail);
  EXPECT_THAT(
      details,
      testing::ElementsAre(
          "steal: /proc/stat does not list the CPUs in use",
          "throttled: no cgroup cpu.stat with throttled time", "pressure: no /proc/pressure/cpu",
          "switches, migrations, major_faults: no team whose threads could be asked",
          "clock_drift: the clock could not be estimated"));
  // More threads than CPUs wait for each other; nobody misses the pressure then.
  EXPECT_EQ(judged(nothing, {.cpus = 1, .threads = 2}).reasons.size(), 4u);
  EXPECT_EQ(judged(nothing, {.cpus = 2, .threads = 2}).reasons.size(), 5u);
}

}  // namespace
}  // namespace mb
