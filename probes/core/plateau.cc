// The plateau's height is the best rate so far, so that a slow first size does not lower it; a
// single slow size between good ones is a disturbance and does not end it.
#include "probes/core/plateau.h"

#include <algorithm>

namespace mb {

std::optional<std::int64_t> plateau_end(const std::vector<SizedRate>& rates) {
  if (rates.empty()) return std::nullopt;
  double height = 0;
  std::int64_t end = rates.front().bytes;
  int below = 0;
  for (const SizedRate& at : rates) {
    if (at.rate < kPlateauShare * height) {
      if (++below == 2) break;
      continue;
    }
    below = 0;
    height = std::max(height, at.rate);
    end = at.bytes;
  }
  return end;
}

}  // namespace mb
