#include "workloads/cached_attention.h"

#include <gtest/gtest.h>

#include "data/error.h"
#include "tests/workloads/thread_team.h"

namespace mb {
namespace {

TEST(CachedAttention, GivesEqualValuesBackForAnyTeamAndLength) {
  for (const int ranks : {1, 2, 7, 33}) {
    for (const long positions : {1L, 10L, 64L, 1000L}) {
      const CacheShape shape{32, 8, 128, positions};
      std::vector<std::byte> memory(static_cast<std::size_t>(shape.bytes()));
      ThreadTeam team(ranks);
      CachedAttention attention(shape, memory.data(), team);
      EXPECT_THROW(attention.check(), Error);  // nothing was computed yet
      team.run([&](int rank) { attention.run_rank(rank); });
      EXPECT_NO_THROW(attention.check()) << ranks << " ranks, " << positions << " positions";
    }
  }
}

TEST(CachedAttention, GivesEqualValuesBackFromEveryTypeOfCache) {
  for (const KvType type : {KvType::kF16, KvType::kF32, KvType::kQ8_0}) {
    const CacheShape shape{8, 2, 64, 300, type};
    std::vector<std::byte> memory(static_cast<std::size_t>(shape.bytes()));
    ThreadTeam team(2);
    CachedAttention attention(shape, memory.data(), team);
    team.run([&](int rank) { attention.run_rank(rank); });
    EXPECT_NO_THROW(attention.check());
  }
}

TEST(CachedAttention, ReadsFourKiBAPositionOfTheCommonGeometry) {
  const CacheShape shape{32, 8, 128, 1000};
  EXPECT_EQ(shape.read_bytes(), 4096 * 1000);
  EXPECT_EQ(shape.bytes(), 4096 * 1024);
  EXPECT_EQ(shape.flops(), 4.0 * 32 * 128 * 1000);
}

TEST(CachedAttention, FindsASpoiledCache) {
  const CacheShape shape{8, 8, 64, 200};
  std::vector<std::byte> memory(static_cast<std::size_t>(shape.bytes()));
  SerialTeam team;
  CachedAttention attention(shape, memory.data(), team);
  std::fill_n(memory.end() - 256 * 64 * 2, 128 * 64 * 2, std::byte{0x40});
  team.run([&](int rank) { attention.run_rank(rank); });
  EXPECT_THROW(attention.check(), Error);
}

}  // namespace
}  // namespace mb
