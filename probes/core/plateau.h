// Where a cache level ends, by what streams find there and not by what the system reports: a guest
// may be shown a cache that it shares with others.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

namespace mb {

struct SizedRate {
  std::int64_t bytes = 0;  // working set
  double rate = 0;         // bytes per second of going over it again and again
};

// A plateau is left where less than this share of its rate remains; the model draws the same line
// (reports/model, find_cache_levels).
inline constexpr double kPlateauShare = 0.85;

// The largest size on the plateau that the first sizes stand on; `rates` by ascending size. nullopt
// for an empty list.
std::optional<std::int64_t> plateau_end(const std::vector<SizedRate>& rates);

}  // namespace mb
