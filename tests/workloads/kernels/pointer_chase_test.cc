#include "workloads/kernels/pointer_chase.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <vector>

namespace mb {
namespace {

TEST(PointerChase, VisitsEveryLineOnceATurn) {
  for (const std::size_t count : {2U, 3U, 64U, 1000U}) {
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

TEST(PointerChase, HasNoStrideThatAPrefetcherCouldFollow) {
  constexpr std::size_t kCount = 4096;
  std::vector<ChaseLine> lines(kCount);
  link_chase(lines.data(), kCount, 7);
  std::size_t near = 0;  // steps of up to four lines either way: chance gives 8 of 4096
  for (const ChaseLine& line : lines) near += std::llabs(line.next - &line) <= 4;
  EXPECT_LT(near, 32U);
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
