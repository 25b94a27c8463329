#include "workloads/kernels/pointer_chase.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <set>
#include <vector>

namespace mb {
namespace {

TEST(PointerChase, VisitsEveryLineOnceATurn) {
  for (const std::size_t count : {2U, 3U, 5U, 64U, 1000U, 4097U}) {
    std::vector<ChaseLine> lines(count);
    link_chase(lines.data(), count, 7);
    std::set<const ChaseLine*> seen;
    const ChaseLine* at = lines.data();
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(at->ordinal, i);
      seen.insert(at);
      at = at->next;
    }
    EXPECT_EQ(seen.size(), count);
    EXPECT_EQ(at, lines.data());
  }
}

TEST(PointerChase, GoesTheStepsThatItIsTold) {
  std::vector<ChaseLine> lines(100);
  link_chase(lines.data(), lines.size(), 7);
  for (const std::uint64_t steps : {0U, 1U, 7U, 8U, 9U, 99U, 100U, 12345U}) {
    EXPECT_EQ(chase(lines.data(), steps)->ordinal, steps % 100);
  }
}

// Of `lines` linked by `seed`: steps of up to four lines either way, and the most frequent step.
struct Steps {
  std::size_t near = 0, most_alike = 0;
};
Steps steps_of(std::size_t count, std::uint64_t seed) {
  std::vector<ChaseLine> lines(count);
  link_chase(lines.data(), count, seed);
  Steps steps;
  std::map<std::ptrdiff_t, std::size_t> seen;
  for (const ChaseLine* at = lines.data(); at->next != lines.data(); at = at->next) {
    const std::ptrdiff_t step = at->next - at;
    steps.near += std::llabs(step) <= 4;
    steps.most_alike = std::max(steps.most_alike, ++seen[step]);
  }
  return steps;
}

TEST(PointerChase, HasNoStrideThatAPrefetcherCouldFollow) {
  for (const std::size_t count : {4096U, 5000U, 65536U}) {
    for (const std::uint64_t seed : {1U, 7U, 8U}) {
      const Steps steps = steps_of(count, seed);
      EXPECT_LT(steps.near, 32U) << count << " lines, seed " << seed;        // chance: 8
      EXPECT_LT(steps.most_alike, 16U) << count << " lines, seed " << seed;  // chance: 5 or so
    }
  }
}

// What adjacent steps have in common is what a prefetcher learns from.
TEST(PointerChase, OneStepTellsNothingOfTheNext) {
  constexpr std::size_t kCount = 65536, kParts = 8;
  std::vector<ChaseLine> lines(kCount);
  link_chase(lines.data(), kCount, 1);
  std::array<std::array<std::size_t, kParts>, kParts> times{};
  const auto part_of = [&](const ChaseLine* line) {
    return static_cast<std::size_t>(line - lines.data()) * kParts / kCount;
  };
  for (const ChaseLine& line : lines) ++times[part_of(&line)][part_of(line.next)];
  for (const auto& row : times) {
    for (const std::size_t seen : row) {
      EXPECT_NEAR(static_cast<double>(seen), 1024, 200);  // deviation by chance: 30
    }
  }
}

TEST(PointerChase, IsTheSameForTheSameSeedOnly) {
  std::vector<ChaseLine> a(256), b(256), c(256);
  link_chase(a.data(), a.size(), 1);
  link_chase(b.data(), b.size(), 1);
  link_chase(c.data(), c.size(), 2);
  std::size_t same = 0, other = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    same += a[i].ordinal == b[i].ordinal;
    other += a[i].ordinal == c[i].ordinal;
  }
  EXPECT_EQ(same, a.size());
  EXPECT_LT(other, 20U);
}

}  // namespace
}  // namespace mb
