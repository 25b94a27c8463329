// A machine's /proc, /sys and /etc as a temporary tree.
#pragma once
#include <filesystem>
#include <string>

#include "data/system/files.h"

namespace mb {

class FakeHost {
 public:
  void put(const std::string& path, const std::string& text) {
    const std::filesystem::path file = folder_.path() / path.substr(1);
    std::filesystem::create_directories(file.parent_path());
    write_file_atomically(file, text);
  }
  HostFiles files() const { return HostFiles(folder_.path()); }

 private:
  TemporaryFolder folder_;
};

}  // namespace mb
