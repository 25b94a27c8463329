// Laws of the order statistics on drawn samples of any kind (ties, one value only, one sample), and
// whether the interval of the median holds it as often as it says. Sample values are multiples of a
// power of two, so that shifts and scales by such are exact and the laws are too.
//
// COVERAGE_DRAWS in the environment asks for more draws of each shape and size than 1,000 (the
// target `nightly` for 10,000, which normal samples always have: their bar is the narrow one).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <random>

#include "data/documents/results.h"

namespace mb {
namespace {

constexpr int kCases = 10000;

// Up to 40 samples of one of four kinds: spread, of few values (ties), all equal (no MAD), with
// spikes. All are multiples of 1/16 below 2^20.
std::vector<double> draw_samples(std::mt19937& random) {
  std::vector<double> samples(1 + random() % 40);
  const int kind = static_cast<int>(random() % 4);
  const auto one = static_cast<double>(random() % 4096);
  for (double& sample : samples) {
    sample = static_cast<double>(random() % (kind == 1 ? 4 : 1 << 16)) / 16;
    if (kind == 2) sample = one;
    if (kind == 3 && random() % 10 == 0) sample *= 100;
  }
  return samples;
}

std::vector<double> each(std::vector<double> samples, const std::function<double(double)>& change) {
  for (double& sample : samples) sample = change(sample);
  return samples;
}

void for_drawn_samples(unsigned seed,
                       const std::function<void(std::vector<double>&, std::mt19937&)>& law) {
  std::mt19937 random(seed);
  for (int i = 0; i < kCases && !testing::Test::HasFailure(); ++i) {
    std::vector<double> samples = draw_samples(random);
    SCOPED_TRACE(testing::Message() << "case " << i << ": " << testing::PrintToString(samples));
    law(samples, random);
  }
}

TEST(SummaryLaws, TheOrderOfTheSamplesIsNothing) {
  for_drawn_samples(1, [](std::vector<double>& samples, std::mt19937& random) {
    const Summary before = summarise(samples, Unit::kSeconds);
    const auto modes = find_modes(samples);
    std::ranges::shuffle(samples, random);
    EXPECT_EQ(summarise(samples, Unit::kSeconds), before);
    EXPECT_EQ(find_modes(samples), modes);
  });
}

TEST(SummaryLaws, ScaleGoesThrough) {
  for_drawn_samples(2, [](std::vector<double>& samples, std::mt19937& random) {
    const double scale = std::ldexp(1.0, static_cast<int>(random() % 61) - 30);
    const Summary plain = summarise(samples, Unit::kSeconds);
    const auto modes = find_modes(samples);
    const std::vector<double> scaled = each(samples, [&](double x) { return scale * x; });
    EXPECT_EQ(summarise(scaled, Unit::kSeconds),
              (Summary{scale * plain.median, scale * plain.mad, scale * plain.low,
                       scale * plain.high, scale * plain.best, plain.count}));
    EXPECT_EQ(find_modes(scaled),
              modes ? std::optional(Modes{scale * modes->low, scale * modes->high}) : std::nullopt);
  });
}

TEST(SummaryLaws, AShiftMovesAllButTheMad) {
  for_drawn_samples(3, [](std::vector<double>& samples, std::mt19937& random) {
    const auto shift = static_cast<double>(random() % (1 << 16)) - (1 << 15);
    const Summary plain = summarise(samples, Unit::kBytesPerSecond);
    EXPECT_EQ(summarise(each(samples, [&](double x) { return x + shift; }), Unit::kBytesPerSecond),
              (Summary{plain.median + shift, plain.mad, plain.low + shift, plain.high + shift,
                       plain.best + shift, plain.count}));
  });
}

TEST(SummaryLaws, TheMirrorImageHasTheMirroredInterval) {
  for_drawn_samples(4, [](std::vector<double>& samples, std::mt19937&) {
    const Summary plain = summarise(samples, Unit::kSeconds);
    EXPECT_EQ(
        summarise(each(samples, std::negate<>{}), Unit::kBytesPerSecond),
        (Summary{-plain.median, plain.mad, -plain.high, -plain.low, -plain.best, plain.count}));
  });
}

TEST(SummaryLaws, ASampleThatRisesLowersNothing) {
  for_drawn_samples(5, [](std::vector<double>& samples, std::mt19937& random) {
    const Summary before = summarise(samples, Unit::kBytesPerSecond);
    samples[random() % samples.size()] += static_cast<double>(random() % 1000);
    const Summary after = summarise(samples, Unit::kBytesPerSecond);
    EXPECT_GE(after.median, before.median);
    EXPECT_GE(after.low, before.low);
    EXPECT_GE(after.high, before.high);
    EXPECT_GE(after.best, before.best);
  });
}

TEST(SummaryLaws, HalfOfTheSamplesLieOnEitherSideAndWithinTheMad) {
  for_drawn_samples(6, [](std::vector<double>& samples, std::mt19937&) {
    const Summary summary = summarise(samples, Unit::kSeconds);
    const auto share = [&](const std::function<bool(double)>& of) {
      return 2 * static_cast<std::size_t>(std::ranges::count_if(samples, of));
    };
    EXPECT_GE(share([&](double x) { return x <= summary.median; }), samples.size());
    EXPECT_GE(share([&](double x) { return x >= summary.median; }), samples.size());
    const auto off = [&](double x) { return std::abs(x - summary.median); };
    EXPECT_GE(share([&](double x) { return off(x) <= summary.mad; }), samples.size());
    EXPECT_GE(share([&](double x) { return off(x) >= summary.mad; }), samples.size());
    EXPECT_NE(std::ranges::find(samples, summary.low), samples.end());
    EXPECT_NE(std::ranges::find(samples, summary.high), samples.end());
    EXPECT_LE(summary.low, summary.median);
    EXPECT_LE(summary.median, summary.high);
    EXPECT_EQ(summary.best, std::ranges::min(samples));
  });
}

TEST(SummaryLaws, OneValueHasNoMadAndNoModes) {
  for_drawn_samples(7, [](std::vector<double>& samples, std::mt19937&) {
    const double value = samples.front();
    samples.assign(samples.size(), value);
    EXPECT_EQ(summarise(samples, Unit::kSeconds),
              (Summary{value, 0, value, value, value, static_cast<std::int64_t>(samples.size())}));
    EXPECT_FALSE(find_modes(samples));
  });
}

TEST(SummaryLaws, TwoSamplesAreTheirOwnInterval) {
  for_drawn_samples(8, [](std::vector<double>& samples, std::mt19937&) {
    samples.push_back(3);
    samples.resize(2);
    const auto [low, high] = std::ranges::minmax(samples);
    EXPECT_EQ(summarise(samples, Unit::kBytesPerSecond),
              (Summary{(low + high) / 2, (high - low) / 2, low, high, high, 2}));
  });
}

// The largest rank whose tail is at most 2.5 %, by Pascal's triangle in place of the gamma
// function.
TEST(SummaryLaws, TheIntervalIsTheNarrowestThatMayBe) {
  std::vector<double> row{1};  // of Binomial(n, 1/2)
  for (int n = 1; n <= 2000; ++n) {
    row.push_back(0);
    for (std::size_t k = row.size() - 1; k > 0; --k) row[k] = (row[k] + row[k - 1]) / 2;
    row[0] /= 2;
    if (n < 6) continue;
    std::vector<double> samples;
    for (int i = 1; i <= n; ++i) samples.push_back(i);
    const Summary summary = summarise(samples, Unit::kSeconds);
    const auto rank = static_cast<std::ptrdiff_t>(summary.low);
    double below = 0;
    for (std::ptrdiff_t k = 0; k < rank; ++k) below += row[static_cast<std::size_t>(k)];
    ASSERT_LE(below, 0.025 + 1e-12) << n;
    ASSERT_GT(below + row[static_cast<std::size_t>(rank)], 0.025 - 1e-12) << n;
    ASSERT_EQ(summary.high, static_cast<double>(n + 1 - rank)) << n;
  }
}

// A distribution of samples by its parts: weight, mean and deviation of normal ones, and a tail of
// spikes above `spikes_from` by an exponential one.
struct Shape {
  const char* name;
  bool logarithmic = false;  // samples are exp() of what is drawn
  double low = 10, high = 10, deviation = 1, high_share = 0;
  double spike_share = 0, spike_mean = 0;

  double draw(std::mt19937& random) const {
    const auto uniform = [&] { return std::uniform_real_distribution<double>(0, 1)(random); };
    if (uniform() < spike_share) {
      return low + std::exponential_distribution<double>(1 / spike_mean)(random);
    }
    const double middle = uniform() < high_share ? high : low;
    const double value = std::normal_distribution<double>(middle, deviation)(random);
    return logarithmic ? std::exp(value) : value;
  }
  double below(double value) const {  // the distribution function
    const double x = logarithmic ? std::log(value) : value;
    const auto normal = [&](double mean) {
      return std::erfc((mean - x) / (deviation * std::sqrt(2))) / 2;
    };
    const double spikes = x > low ? 1 - std::exp(-(x - low) / std::max(spike_mean, 1e-9)) : 0;
    return spike_share * spikes +
           (1 - spike_share) * (high_share * normal(high) + (1 - high_share) * normal(low));
  }
  double median() const {
    double from = 1e-6, to = 1e6;
    while (to - from > 1e-12 * to) {
      const double middle = (from + to) / 2;
      (below(middle) < 0.5 ? from : to) = middle;
    }
    return from;
  }
};

const Shape kShapes[] = {
    {.name = "normal"},
    {.name = "log-normal", .logarithmic = true, .low = 1, .deviation = 0.8},
    {.name = "bimodal", .high = 16, .deviation = 0.3, .high_share = 0.4},
    {.name = "spiky", .deviation = 0.1, .spike_share = 0.1, .spike_mean = 20},
};

int draws_wanted() {
  const char* text = std::getenv("COVERAGE_DRAWS");
  return text == nullptr ? 1000 : std::atoi(text);
}

double coverage(const Shape& shape, int count, int draws) {
  std::mt19937 random(static_cast<unsigned>(count));
  const double truth = shape.median();
  int covered = 0;
  for (int draw = 0; draw < draws; ++draw) {
    std::vector<double> samples(static_cast<std::size_t>(count));
    for (double& sample : samples) sample = shape.draw(random);
    const Summary summary = summarise(samples, Unit::kSeconds);
    covered += summary.low <= truth && truth <= summary.high;
  }
  return static_cast<double>(covered) / draws;
}

// Ranks are whole, so an interval holds the median more often than 95 % at most sizes; at the sizes
// listed the ranks come near 95 % (of the smaller ones 8 is farthest off: 99.2 %). Of five samples
// the range itself holds 93.75 %.
TEST(SummaryLaws, TheIntervalHoldsTheMedianOfEveryShape) {
  for (const Shape& shape : kShapes) {
    const bool normal = std::string(shape.name) == "normal";
    double least = 1, most = 0;
    for (const int count : {5, 6, 9, 12, 15, 20, 30, 50, 100}) {
      const double seen = coverage(shape, count, normal ? kCases : draws_wanted());
      EXPECT_GE(seen, normal ? 0.93 : 0.90) << shape.name << ", " << count << " samples";
      EXPECT_LE(seen, normal ? 0.97 : 1) << shape.name << ", " << count << " samples";
      least = std::min(least, seen);
      most = std::max(most, seen);
    }
    RecordProperty(shape.name, std::to_string(least) + " to " + std::to_string(most));
  }
}

}  // namespace
}  // namespace mb
