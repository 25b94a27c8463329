// Static division of an operation among ranks: a list of items, each of a number of equal units, is
// laid end to end and cut into contiguous ranges of equal cost. Engines that split rows of each
// matrix on its own leave ranks idle when a matrix is small; laying q, k and v (or all experts of
// a layer) end to end does not.
#pragma once
#include <vector>

namespace mb {

struct WorkItem {
  long units = 0;
  double unit_cost = 1;
};

struct WorkRange {
  long item = 0, first = 0, last = 0;  // units [first, last) of the item
  bool operator==(const WorkRange&) const = default;
};

// One list of ranges a rank, in order; together they cover every unit once. No rank's cost is more
// than one unit above the mean.
std::vector<std::vector<WorkRange>> split_work(const std::vector<WorkItem>& items, int ranks);

}  // namespace mb
