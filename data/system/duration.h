// Lengths of time as people write them on a command line.
#pragma once
#include <optional>
#include <string_view>

namespace mb {

// "60s", "2m", "2min", "1h", "500ms", "90" (seconds) -> seconds, above zero; nullopt for anything
// else.
std::optional<double> parse_duration(std::string_view text);

}  // namespace mb
