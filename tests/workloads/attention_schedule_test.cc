#include "workloads/attention_schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace mb {
namespace {

const AttentionShape kShapes[] = {{8, 4, 1, 0, 0},     {8, 4, 1, 5000, 0}, {1, 4, 1, 511, 512},
                                  {2, 7, 20, 5250, 0}, {8, 1, 128, 0, 0},  {4, 8, 300, 900, 512}};

TEST(AttentionSchedule, CoversEveryPositionOfEveryUnitOnce) {
  for (const AttentionShape& shape : kShapes) {
    for (const int ranks : {1, 3, 64}) {
      const AttentionSchedule schedule = schedule_attention(shape, ranks);
      std::map<long, long> reached;  // unit -> position
      std::map<long, int> slots;
      for (const auto& pieces : schedule.pieces) {
        for (const AttentionPiece& piece : pieces) {
          const AttentionUnit& unit = schedule.units[static_cast<std::size_t>(piece.unit)];
          const auto [at, fresh] = reached.try_emplace(piece.unit, unit.first_position);
          EXPECT_EQ(piece.first_position, at->second);
          EXPECT_EQ(piece.first_position % kAttentionTile, 0);
          at->second = piece.last_position;
          EXPECT_GE(piece.slot, unit.first_slot);
          EXPECT_LT(piece.slot, unit.first_slot + unit.slots);
          EXPECT_EQ(++slots[piece.slot], 1);
        }
      }
      ASSERT_EQ(reached.size(), schedule.units.size());
      for (const auto& [unit, end] : reached) {
        EXPECT_EQ(end, schedule.units[static_cast<std::size_t>(unit)].last_position);
      }
      EXPECT_EQ(schedule.slots, static_cast<long>(slots.size()));
      EXPECT_LE(schedule.slots, most_attention_slots(shape, ranks));
    }
  }
}

TEST(AttentionSchedule, CoversEveryTokenAndNoMoreRowsThanTheKernelTakes) {
  for (const AttentionShape& shape : kShapes) {
    long tokens = 0;
    for (const AttentionUnit& unit : schedule_attention(shape, 2).units) {
      tokens += unit.tokens;
      EXPECT_LE(unit.tokens * shape.group, std::min(kMaxAttentionRows, attention_unit_rows(shape)));
      EXPECT_EQ(unit.last_position, shape.cached + unit.first_token + unit.tokens);
    }
    EXPECT_EQ(tokens, shape.kv_heads * shape.rows);
  }
}

TEST(AttentionSchedule, SharesOneTokenOnALongCacheEvenly) {
  const AttentionSchedule schedule = schedule_attention({8, 4, 1, 8191, 0}, 12);
  for (const auto& pieces : schedule.pieces) {
    long positions = 0;
    for (const AttentionPiece& piece : pieces)
      positions += piece.last_position - piece.first_position;
    EXPECT_NEAR(static_cast<double>(positions), 8 * 8192 / 12.0, kAttentionTile);
  }
}

TEST(AttentionSchedule, LooksNoFurtherBackThanTheWindow) {
  for (const AttentionUnit& unit : schedule_attention({1, 4, 1, 5000, 512}, 1).units) {
    EXPECT_GE(unit.first_position, 5001 - 512 - kAttentionTile);
    EXPECT_LE(unit.first_position, 5001 - 512);
  }
}

}  // namespace
}  // namespace mb
