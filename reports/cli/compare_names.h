// What documents are called when several are compared, and prices by those names.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace mb {

// The files' names without ending; with their folder's name where two would be alike, and numbered
// where that is not enough. "a/results.json", "b/results.json" -> "a", "b".
std::vector<std::string> short_names(const std::vector<std::string>& files);

struct NamedPrice {
  std::string name;
  double per_hour = 0;
};
// "server=0.68/h" or "server=0.68". Throws Error(kUsage) naming what is wrong and the names.
NamedPrice parse_price(std::string_view text, const std::vector<std::string>& names);

}  // namespace mb
