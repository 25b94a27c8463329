// A value is looked for where a line starts with { or [. After one that is whole, the search goes
// on behind it. A number of failures ends the search: output that only looks like JSON must not
// cost the square of its length.
#include "probes/sweep/json_values.h"

#include <sstream>
#include <string>

namespace mb {
namespace {

constexpr int kMostFailures = 64;
constexpr int kMostDepth = 16;  // results of engines nest three deep

void walk(const nlohmann::json& value, int depth,
          const std::function<void(const nlohmann::json&)>& visit) {
  if (depth > kMostDepth) return;
  if (value.is_object()) visit(value);
  if (!value.is_structured()) return;
  for (const auto& item : value) walk(item, depth + 1, visit);
}

}  // namespace

void for_each_object(std::string_view text,
                     const std::function<void(const nlohmann::json& object)>& visit) {
  int failures = 0;
  while (!text.empty() && failures < kMostFailures) {
    const auto end = text.find('\n');
    std::size_t next = end == std::string_view::npos ? text.size() : end + 1;
    std::string_view line = text.substr(0, end);
    std::size_t start = line.find_first_not_of(" \t\r");
    constexpr std::string_view kEvent = "data: ";
    if (start != std::string_view::npos && line.substr(start).starts_with(kEvent)) {
      start += kEvent.size();
    }
    if (start != std::string_view::npos && start < line.size() &&
        (line[start] == '{' || line[start] == '[')) {
      std::istringstream stream{std::string(text.substr(start))};
      try {
        nlohmann::json value;
        stream >> value;
        walk(value, 0, visit);
        const auto at = stream.tellg();
        next = at < 0 ? text.size() : start + static_cast<std::size_t>(at);
      } catch (const nlohmann::json::exception&) {
        ++failures;
      }
    }
    text.remove_prefix(next);
  }
}

}  // namespace mb
