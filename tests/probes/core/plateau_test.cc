#include "probes/core/plateau.h"

#include <gtest/gtest.h>

namespace mb {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

TEST(Plateau, EndsBeforeTheFall) {
  EXPECT_EQ(plateau_end({{kMiB, 75e9},
                         {2 * kMiB, 76e9},
                         {4 * kMiB, 74e9},
                         {8 * kMiB, 70e9},
                         {12 * kMiB, 50e9},
                         {16 * kMiB, 30e9}}),
            8 * kMiB);
}

TEST(Plateau, ReachesTheLastSizeWhereNothingFalls) {
  EXPECT_EQ(plateau_end({{kMiB, 75e9}, {2 * kMiB, 76e9}}), 2 * kMiB);
}

TEST(Plateau, OneSlowSizeBetweenGoodOnesIsADisturbance) {
  EXPECT_EQ(
      plateau_end(
          {{kMiB, 75e9}, {2 * kMiB, 20e9}, {4 * kMiB, 74e9}, {8 * kMiB, 30e9}, {16 * kMiB, 25e9}}),
      4 * kMiB);
}

TEST(Plateau, ASlowFirstSizeDoesNotLowerIt) {
  EXPECT_EQ(plateau_end({{kMiB, 40e9}, {2 * kMiB, 76e9}, {4 * kMiB, 50e9}, {8 * kMiB, 48e9}}),
            2 * kMiB);
}

TEST(Plateau, NothingMeasuredHasNone) { EXPECT_EQ(plateau_end({}), std::nullopt); }

}  // namespace
}  // namespace mb
