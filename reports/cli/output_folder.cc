// Looked at before the first second is spent measuring: a run that cannot be written is refused.
#include "reports/cli/output_folder.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <ctime>
#include <system_error>
#include <utility>

#include "data/error.h"
#include "probes/campaign/campaign.h"

namespace mb {
namespace {

std::string default_name() {
  return fmt::format("memory_benchmark-{:%Y%m%d-%H%M%S}", fmt::localtime(std::time(nullptr)));
}

}  // namespace

OutputFolder OutputFolder::create(const std::optional<std::string>& wanted) {
  const std::filesystem::path path = wanted.value_or(default_name());
  if (path.empty()) throw Error(ErrorCode::kUsage, "--out: '' is no folder name");
  for (const char* file : {"results.json", "recommendation.json", "report.html", "report.png"}) {
    if (!std::filesystem::exists(path / file)) continue;
    const bool unfinished = unfinished_request(path).has_value();
    throw Error(
        ErrorCode::kUsage,
        fmt::format("--out: {} holds {} of {}; nothing is overwritten: {}choose another "
                    "folder",
                    path.string(), file, unfinished ? "an unfinished run" : "an earlier run",
                    unfinished ? "go on with --resume " + path.string() + " or " : ""));
  }
  if (unfinished_request(path)) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--out: {0} holds an unfinished run; go on with --resume {0} or choose "
                            "another folder",
                            path.string()));
  }
  std::error_code error;
  const bool created = std::filesystem::create_directories(path, error);
  if (!error && !std::filesystem::is_directory(path)) {
    error = std::make_error_code(std::errc::not_a_directory);
  }
  if (!error && ::access(path.c_str(), W_OK | X_OK) != 0) {
    error = std::error_code(errno, std::generic_category());
  }
  if (error) {
    throw Error(ErrorCode::kFailure, fmt::format("--out: {} cannot be written ({}); choose another "
                                                 "folder with --out DIR",
                                                 path.string(), error.message()));
  }
  return {path, created};
}

OutputFolder OutputFolder::resume(const std::string& folder) {
  if (!std::filesystem::is_directory(folder)) {
    throw Error(
        ErrorCode::kUsage,
        fmt::format("--resume: {} is no folder; name the one of an interrupted run", folder));
  }
  if (!unfinished_request(folder)) {
    throw Error(ErrorCode::kUsage, fmt::format("--resume: {} holds no unfinished run (a finished "
                                               "one cannot be resumed); start one with --out DIR",
                                               folder));
  }
  return {folder, false};
}

OutputFolder::OutputFolder(OutputFolder&& other) noexcept
    : path_(std::move(other.path_)), created_(std::exchange(other.created_, false)) {}

OutputFolder::~OutputFolder() {
  std::error_code not_empty;  // then it stays
  if (created_) std::filesystem::remove(path_, not_empty);
}

}  // namespace mb
