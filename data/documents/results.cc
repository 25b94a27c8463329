// Units and look-ups of the results document.
#include "data/documents/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "data/error.h"

namespace mb {
namespace {

constexpr std::array<std::string_view, 5> kUnits = {"B/s", "FLOP/s", "s", "1", "Hz"};

}  // namespace

std::string_view to_string(Unit unit) { return kUnits[static_cast<std::size_t>(unit)]; }

Unit unit_from_string(std::string_view text) {
  const auto found = std::ranges::find(kUnits, text);
  if (found == kUnits.end()) {
    throw Error(ErrorCode::kFailure,
                fmt::format("a unit (B/s, FLOP/s, s, 1 or Hz), not \"{}\"", text));
  }
  return static_cast<Unit>(found - kUnits.begin());
}

const Point* Results::find(std::string_view name) const {
  const auto found = std::ranges::find(points, name, &Point::name);
  return found == points.end() ? nullptr : &*found;
}

std::vector<const Point*> Results::of_probe(std::string_view probe) const {
  std::vector<const Point*> found;
  for (const Point& point : points) {
    if (point.probe == probe) found.push_back(&point);
  }
  return found;
}

}  // namespace mb
