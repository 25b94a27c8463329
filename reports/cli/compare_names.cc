// Documents are mostly called results.json, each in a folder whose name says more.
#include "reports/cli/compare_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "data/error.h"
#include "reports/cli/parse.h"

namespace mb {

std::vector<std::string> short_names(const std::vector<std::string>& files) {
  std::vector<std::string> stems, names;
  for (const std::string& file : files)
    stems.push_back(std::filesystem::path(file).stem().string());
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::string name = stems[i];
    const std::string folder =
        std::filesystem::absolute(files[i]).parent_path().filename().string();
    if (std::ranges::count(stems, stems[i]) > 1 && !folder.empty()) name = folder;
    const std::string plain = name;
    for (int copy = 2; std::ranges::count(names, name) > 0; ++copy) {
      name = fmt::format("{} {}", plain, copy);
    }
    names.push_back(name);
  }
  return names;
}

NamedPrice parse_price(std::string_view text, const std::vector<std::string>& names) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos) {
    throw Error(ErrorCode::kUsage, fmt::format("--price: '{}' names no document; write {}=0.68/h",
                                               text, names.front()));
  }
  std::string_view amount = text.substr(equals + 1);
  if (amount.ends_with("/h")) amount.remove_suffix(2);
  NamedPrice made{std::string(text.substr(0, equals)), parse_positive("--price", amount)};
  if (std::ranges::count(names, made.name) == 0) {
    throw Error(ErrorCode::kUsage, fmt::format("--price: '{}' is none of the documents: {}",
                                               made.name, fmt::join(names, ", ")));
  }
  return made;
}

}  // namespace mb
