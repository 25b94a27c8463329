// The judgement of samples: spread, slope, a slow start, two states, too few, too short.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "probes/core/noise.h"
#include "tests/probes/core/verdicts.h"

namespace mb {
namespace {

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

TEST(NoiseOfSamples, FewerThanFiveTiltByChance) {
  expect(judged_samples({1, 1.01, 1.02, 1.03}), Validity::kValid, "");
  expect(judged_samples({1, 1.01, 1.02, 1.03, 1.04}), Validity::kNoisy, "slope");
}

std::string detail(const std::vector<double>& samples, std::size_t which = 0) {
  return judged_samples(samples).reasons.at(which).detail;
}

TEST(NoiseOfSamples, DetailsSayTheFigureAndTheLimit) {
  EXPECT_EQ(detail({1}), "1, at least 3");
  EXPECT_EQ(detail({100, 97, 103, 97, 103, 100, 100}), "MAD 3.0 % of the median, limit 2 %");
  EXPECT_EQ(detail(ramp(0.02)), "+2.0 % from the first sample to the last, steadily, limit 1 %");
  EXPECT_EQ(detail(ramp(-0.02)), "-2.0 % from the first sample to the last, steadily, limit 1 %");
  EXPECT_EQ(detail(stepped(4, 0.03)), "+3.8 % from the first sample to the last, limit 1 %");
  EXPECT_EQ(detail({1.205, 0.99, 1.01, 0.99, 1.01, 0.99, 1.01, 0.99, 1.01, 0.99, 1.01, 1.0}),
            "20 MADs from the median, limit 14.8");
  EXPECT_EQ(detail({1, 1, 1, 2, 2, 2}), "two states, the lower at 0.50 of the upper");
  Verdict brief, too_short;
  judge_watched(0.5, brief);
  EXPECT_EQ(brief.reasons.at(0).detail, "watched for 0.50 s, limit 2 s");
  judge_samples({1, 1, 1}, summarise({1, 1, 1}, Unit::kSeconds), std::nullopt, true, too_short);
  EXPECT_EQ(too_short.reasons.at(0).detail, "shorter than 1 ms or 1000 steps of the clock");
}

// A MAD of nothing is taken for a thousandth of the median: 14.826 of those are the limit.
TEST(NoiseOfSamples, AnAlmostConstantSampleIsJudgedByAThousandthOfItsMedian) {
  std::vector<double> samples(12, 1.0);
  samples[0] = 1.0148;
  EXPECT_THAT(codes(judged_samples(samples)), testing::Not(testing::HasSubstr("first_sample")));
  samples[0] = 1.0149;
  EXPECT_THAT(codes(judged_samples(samples)), testing::HasSubstr("first_sample"));
}

TEST(NoiseOfSamples, ARateOfNothingHasNoSpreadAndNoSlowStart) {
  expect(judged_samples({0, 0, 0, 0}), Validity::kValid, "");
  expect(judged_samples({5, 0, 0, 0}), Validity::kValid, "");
}

TEST(NoiseOfSamples, ASlowStartIsAboveItsLimitNotAtIt) {
  Summary summary;
  summary.mad = 1;
  const auto first = [&](double value) {
    Verdict verdict;
    judge_samples({value, 0, 0, 0}, summary, std::nullopt, false, verdict);
    return codes(verdict);
  };
  EXPECT_EQ(first(kFirstSampleLimit), "");
  EXPECT_EQ(first(kFirstSampleLimit * kUp), "first_sample");
}

}  // namespace
}  // namespace mb
