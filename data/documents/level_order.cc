// Quadratic in the points of one document, which are hundreds.
#include "data/documents/level_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace mb {
namespace {

constexpr std::array<std::string_view, 4> kLevels = {"L1", "L2", "L3", "dram"};

// 0 is nearest; -1: no level of memory.
int rank_of(const Point& point) {
  const auto found = std::ranges::find(kLevels, point.parameters.text_or("level", ""));
  return found == kLevels.end() ? -1 : static_cast<int>(found - kLevels.begin());
}

bool comparable(const Point& near, const Point& far) {
  if (near.probe != far.probe || near.quantity != far.quantity) return false;
  if (near.summary.count == 0 || near.verdict.validity >= Validity::kInvalid) return false;
  Parameters one = near.parameters, other = far.parameters;
  one.set("level", "");
  other.set("level", "");
  return one == other;
}

}  // namespace

void flag_level_order(Results& results) {
  for (Point& far : results.points) {
    const int far_rank = rank_of(far);
    if (far_rank <= 0 || far.unit != Unit::kBytesPerSecond || far.summary.count == 0) continue;
    for (const Point& near : results.points) {
      const int near_rank = rank_of(near);
      if (near_rank < 0 || near_rank >= far_rank || !comparable(near, far)) continue;
      if (!(far.summary.median > near.summary.median * (1 + kLevelOrderLimit))) continue;
      const double lead = far.summary.median / near.summary.median - 1;
      far.verdict.worsen(Validity::kValid, "level_order",
                         fmt::format("{:.0f} % faster than {}, limit {:.0f} %", 100 * lead,
                                     near.name, 100 * kLevelOrderLimit));
    }
  }
}

}  // namespace mb
