// from_chars knows no locale, and what it leaves over is the unit.
#include "data/system/duration.h"

#include <charconv>
#include <cmath>
#include <utility>

namespace mb {

std::optional<double> parse_duration(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  double unit = 0;
  for (const auto& [name, seconds] :
       {std::pair{"", 1.0}, {"s", 1.0}, {"ms", 1e-3}, {"m", 60.0}, {"min", 60.0}, {"h", 3600.0}}) {
    if (rest == name) unit = seconds;
  }
  if (unit == 0 || !std::isfinite(number) || number <= 0) return std::nullopt;
  return number * unit;
}

}  // namespace mb
