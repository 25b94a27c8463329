// The folder of a run: a new one each time, so that nothing is ever overwritten.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

namespace mb {

class OutputFolder {
 public:
  // `wanted`: --out, or nullopt for memory_benchmark-YYYYmmdd-HHMMSS in the current folder. Created
  // when it is not there. Throws Error(kUsage) when it holds files of an earlier run.
  static OutputFolder create(const std::optional<std::string>& wanted);
  // An unfinished run's. Throws Error(kUsage) when there is nothing to resume.
  static OutputFolder resume(const std::string& folder);

  ~OutputFolder();  // takes away what create() made when nothing was written there
  OutputFolder(OutputFolder&& other) noexcept;
  const std::filesystem::path& path() const { return path_; }

 private:
  OutputFolder(std::filesystem::path path, bool created)
      : path_(std::move(path)), created_(created) {}
  std::filesystem::path path_;
  bool created_;
};

}  // namespace mb
