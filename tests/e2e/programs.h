// The built programs as children, in a folder that goes away.
#pragma once
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "data/system/child.h"

namespace mb {

// "The command ended" is all that these tests say of time.
inline constexpr double kPatienceSeconds = 60;

inline std::filesystem::path program() {
  return std::filesystem::path(PROGRAM_DIR) / "memory_benchmark";
}

inline ChildResult run_program(std::vector<std::string> arguments,
                               std::vector<std::string> prefix = {}) {
  ChildRequest request;
  request.argv = std::move(prefix);
  request.argv.push_back(program().string());
  request.argv.insert(request.argv.end(), arguments.begin(), arguments.end());
  request.timeout_seconds = kPatienceSeconds;
  request.max_output_bytes = 4 << 20;
  return run_child(request);
}

inline std::set<std::string> names_in(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

}  // namespace mb
