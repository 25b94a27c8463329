// The cut between ranks r - 1 and r is the first unit that starts at or beyond r / ranks of the
// cost; both neighbours compute it the same way, so ranges meet exactly.
#include "workloads/work_split.h"

#include <algorithm>
#include <cmath>

namespace mb {

std::vector<std::vector<WorkRange>> split_work(const std::vector<WorkItem>& items, int ranks) {
  double total = 0;
  for (const WorkItem& item : items) total += static_cast<double>(item.units) * item.unit_cost;
  std::vector<std::vector<WorkRange>> split(static_cast<std::size_t>(ranks));
  for (int rank = 0; rank < ranks; ++rank) {
    const double from = total * rank / ranks, to = total * (rank + 1) / ranks;
    double start = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const auto units = static_cast<double>(items[i].units);
      const auto cut = [&](double at) {
        return static_cast<long>(
            std::clamp(std::ceil((at - start) / items[i].unit_cost), 0.0, units));
      };
      // The last rank takes what rounding of `total` may have left.
      const long first = cut(from), last = rank + 1 == ranks ? items[i].units : cut(to);
      if (first < last)
        split[static_cast<std::size_t>(rank)].push_back({static_cast<long>(i), first, last});
      start += units * items[i].unit_cost;
    }
  }
  return split;
}

}  // namespace mb
