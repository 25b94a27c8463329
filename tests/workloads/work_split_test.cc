#include "workloads/work_split.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace mb {
namespace {

TEST(WorkSplit, CoversEveryUnitOnceInOrder) {
  const std::vector<WorkItem> items{{7, 1}, {0, 3}, {1, 10}, {100, 0.3}, {3, 2}};
  for (const int ranks : {1, 2, 3, 7, 64}) {
    const auto split = split_work(items, ranks);
    std::vector<long> next(items.size(), 0);
    for (const auto& ranges : split) {
      for (const WorkRange& range : ranges) {
        long& at = next[static_cast<std::size_t>(range.item)];
        EXPECT_EQ(range.first, at);
        EXPECT_LT(range.first, range.last);
        at = range.last;
      }
    }
    for (std::size_t i = 0; i < items.size(); ++i) EXPECT_EQ(next[i], items[i].units) << ranks;
  }
}

TEST(WorkSplit, LeavesNoRankMoreThanOneUnitAboveTheMean) {
  const std::vector<WorkItem> items{{64, 2}, {16, 2}, {16, 2}};
  for (const int ranks : {2, 5, 12, 96}) {
    const double mean = 96.0 * 2 / ranks;
    for (const auto& ranges : split_work(items, ranks)) {
      double cost = 0;
      for (const WorkRange& range : ranges)
        cost += 2.0 * static_cast<double>(range.last - range.first);
      EXPECT_LE(cost, mean + 2) << ranks;
    }
  }
}

TEST(WorkSplit, CutsEqualItemsEqually) {
  const auto split = split_work({{10, 1}, {10, 1}}, 2);
  EXPECT_EQ(split[0], (std::vector<WorkRange>{{0, 0, 10}}));
  EXPECT_EQ(split[1], (std::vector<WorkRange>{{1, 0, 10}}));
}

}  // namespace
}  // namespace mb
