// Every limit just under, at and just above; readers on fixture files; the judgement of samples.
#include "probes/core/noise.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "tests/probes/core/fake_host.h"

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

std::string codes(const Verdict& verdict) {
  std::string text;
  for (const Reason& reason : verdict.reasons) text += (text.empty() ? "" : " ") + reason.code;
  return text;
}

void expect(const Verdict& verdict, Validity validity, const std::string& reasons) {
  EXPECT_EQ(to_string(verdict.validity), to_string(validity)) << codes(verdict);
  EXPECT_EQ(codes(verdict), reasons);
}

constexpr double kUp = 1 + 1e-9, kDown = 1 - 1e-9;

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

Verdict judged_samples(const std::vector<double>& samples) {
  Verdict verdict;
  judge_samples(samples, summarise(samples, Unit::kSeconds), find_modes(samples), false, verdict);
  return verdict;
}

Verdict judged_spread(double mad) {
  Verdict verdict;
  Summary summary;
  summary.median = 1;
  summary.mad = mad;
  judge_samples({1, 1, 1, 1}, summary, std::nullopt, false, verdict);
  return verdict;
}

TEST(NoiseOfSamples, EqualSamplesAreValid) {
  expect(judged_samples({2, 2, 2, 2, 2, 2}), Validity::kValid, "");
}

TEST(NoiseOfSamples, SpreadIsNoisyAboveTwoPercentAndInvalidAboveTen) {
  expect(judged_spread(0.02 * kDown), Validity::kValid, "");
  expect(judged_spread(0.02), Validity::kValid, "");
  expect(judged_spread(0.02 * kUp), Validity::kNoisy, "spread");
  expect(judged_spread(0.10), Validity::kNoisy, "spread");
  expect(judged_spread(0.10 * kUp), Validity::kInvalid, "spread");
}

// Ends `change` of the mean above its beginning.
std::vector<double> ramp(double change) {
  std::vector<double> samples;
  for (int i = 0; i <= 20; ++i) samples.push_back(1 + change * (i - 10) / 20.0);
  return samples;
}

TEST(NoiseOfSamples, ASteadyDriftIsNoisyAboveOnePercentAndInvalidAboveFive) {
  EXPECT_EQ(kSlopeLimit.noisy, 0.01);
  EXPECT_EQ(kSlopeLimit.invalid, 0.05);
  for (const double way : {1.0, -1.0}) {
    expect(judged_samples(ramp(way * 0.01 * kDown)), Validity::kValid, "");
    expect(judged_samples(ramp(way * 0.01 * kUp)), Validity::kNoisy, "slope");
    expect(judged_samples(ramp(way * 0.05 * kDown)), Validity::kNoisy, "slope");
    expect(judged_samples(ramp(way * 0.05 * kUp)), Validity::kInvalid, "slope");
  }
}

// Eleven samples near 1, the last ones `step` higher, ripples of a tenth of a percent.
std::vector<double> stepped(int late, double step) {
  std::vector<double> samples;
  for (int i = 0; i < 11; ++i) {
    samples.push_back(1 + (i % 2 == 0 ? 0.001 : -0.001) + (i >= 11 - late ? step : 0));
  }
  return samples;
}

TEST(NoiseOfSamples, OneChangeOfStateTiltsTheLineAndIsNoisyNotInvalid) {
  const auto verdict = [](int late, double step) {
    const std::vector<double> samples = stepped(late, step);
    Verdict made;
    judge_samples(samples, summarise(samples, Unit::kSeconds), std::nullopt, false, made);
    return made;
  };
  EXPECT_EQ(verdict(4, 0.08).validity, Validity::kNoisy);
  EXPECT_THAT(codes(verdict(4, 0.08)), testing::HasSubstr("slope"));
  EXPECT_EQ(verdict(8, 0.08).validity, Validity::kNoisy);
  EXPECT_THAT(codes(verdict(8, 0.08)), testing::HasSubstr("slope"));
}

TEST(NoiseOfSamples, ADriftWhoseHalvesShowAQuarterOfItIsSteady) {
  // Rises by 0.1 over the first half and by `rest` over the second.
  const auto bent = [](double rest) {
    std::vector<double> samples;
    for (int i = 0; i <= 20; ++i) {
      samples.push_back(1 + (i <= 10 ? 0.01 * i : 0.1 + rest * (i - 10) / 10));
    }
    return judged_samples(samples).validity;
  };
  EXPECT_EQ(bent(0.05), Validity::kInvalid);
  EXPECT_EQ(bent(0.02), Validity::kNoisy);
  EXPECT_EQ(bent(-0.02), Validity::kNoisy);
}

// Without a change no half can follow it; the share of nothing is not asked for.
TEST(NoiseOfSamples, EqualSamplesHaveNoSlope) {
  expect(judged_samples(std::vector<double>(8, 3.0)), Validity::kValid, "");
}

TEST(NoiseOfSamples, ATiltThatChanceExplainsIsNoSlope) {
  // The fitted line rises by about 2 % of the mean, its standard error is about as much.
  expect(judged_samples({1.01, 0.98, 1.0, 1.02, 0.99, 1.01}), Validity::kValid, "");
}

// A rise by `change` with a bend of 0.002 that no line explains: of five samples the fitted change
// has a standard error of 4 * sqrt(14 * 0.002^2 / 3 / 10) = 0.005465.
std::vector<double> bent_rise(double change) {
  std::vector<double> samples;
  constexpr std::array kBend = {2, -1, -2, -1, 2};
  for (int i = 0; i < 5; ++i) {
    samples.push_back(1 + change * (i - 2) / 4 + 0.002 * kBend[static_cast<std::size_t>(i)]);
  }
  return samples;
}

TEST(NoiseOfSamples, ATiltCountsFromThreeOfItsStandardErrorsOn) {
  expect(judged_samples(bent_rise(0.01635)), Validity::kValid, "");
  expect(judged_samples(bent_rise(0.01645)), Validity::kNoisy, "slope");
}

TEST(NoiseOfSamples, ASlowStartIsNoisy) {
  // Deviations of 1 % around 1: the MAD is 0.01, the limit lies at 1.14826.
  std::vector<double> samples = {1.148, 0.99, 1.01, 0.99, 1.01, 0.99, 1.01, 1.0,
                                 1.0,   0.99, 1.01, 0.99, 1.01, 0.99, 1.01, 1.0};
  Summary summary;
  summary.median = 1;
  summary.mad = 0.01;
  const auto first = [&](double value) {
    samples[0] = value;
    Verdict verdict;
    judge_samples(samples, summary, std::nullopt, false, verdict);
    return verdict;
  };
  EXPECT_THAT(codes(first(1.14)), testing::Not(testing::HasSubstr("first_sample")));
  EXPECT_THAT(codes(first(1.1483)), testing::HasSubstr("first_sample"));
  EXPECT_THAT(codes(first(0.85)), testing::HasSubstr("first_sample"));
}

TEST(NoiseOfSamples, OnlyDramUnderAHypervisorHasUsersThatNoSignalTells) {
  Machine metal, guest;
  guest.hypervisor = "KVM";
  const Parameters dram{{"operation", "read"}, {"level", "dram"}}, cache{{"level", "L3"}};
  EXPECT_TRUE(shared_with_other_guests(guest, dram));
  EXPECT_FALSE(shared_with_other_guests(guest, cache));
  EXPECT_FALSE(shared_with_other_guests(guest, {}));
  EXPECT_FALSE(shared_with_other_guests(metal, dram));
}

TEST(NoiseOfSamples, ASharedRateMustBeWatchedForTwoSeconds) {
  const auto judged = [](double seconds) {
    Verdict verdict;
    judge_watched(seconds, verdict);
    return verdict;
  };
  EXPECT_EQ(judged(1.99).validity, Validity::kNoisy);
  EXPECT_THAT(codes(judged(1.99)), testing::HasSubstr("brief"));
  EXPECT_EQ(judged(2).validity, Validity::kValid);
  EXPECT_EQ(judged(2.01).validity, Validity::kValid);
}

TEST(NoiseOfSamples, AnAlmostConstantSampleHasNoSlowStartByAHair) {
  std::vector<double> samples(12, 1.0);
  samples[0] = 1.001;
  expect(judged_samples(samples), Validity::kValid, "");
}

TEST(NoiseOfSamples, TwoClearStatesAreNoisyAndNeverInvalidForTheirSpread) {
  const std::vector<double> two_states = {29.4, 29.5, 29.3, 44.0, 44.2, 43.9, 29.4, 44.1};
  const Verdict verdict = judged_samples(two_states);
  expect(verdict, Validity::kNoisy, "bimodal");
  EXPECT_THAT(verdict.reasons[0].detail, testing::HasSubstr("0.67"));
}

TEST(NoiseOfSamples, TooShortSamplesAreInvalidEvenWithTwoStates) {
  Verdict verdict;
  judge_samples({1, 2}, {}, Modes{1, 2}, true, verdict);
  expect(verdict, Validity::kInvalid, "short_sample bimodal");
}

TEST(NoiseOfSamples, FewerThanThreeSamplesAreNoisy) {
  expect(judged_samples({1}), Validity::kNoisy, "few_samples");
  expect(judged_samples({1, 1}), Validity::kNoisy, "few_samples");
  expect(judged_samples({1, 1, 1}), Validity::kValid, "");
}

}  // namespace
}  // namespace mb
