// Files behind a seam. Readers of /proc, /sys and cgroups take a HostFiles with a root, so that
// tests feed a folder of fixtures; documents are written whole or not at all.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mb {

// Reads files of the host below `root` ("/" in production). Paths are given as absolute ones.
class HostFiles {
 public:
  explicit HostFiles(std::filesystem::path root = "/") : root_(std::move(root)) {}
  // Whole text without the last newline; nullopt when missing or unreadable. At most 1 MiB.
  std::optional<std::string> read(std::string_view path) const;
  std::vector<std::string> list(std::string_view folder) const;  // names, sorted; empty if missing
  bool exists(std::string_view path) const;
  const std::filesystem::path& root() const { return root_; }

 private:
  std::filesystem::path resolve(std::string_view path) const;
  std::filesystem::path root_;
};

// Throws Error(kFailure) naming the file: missing, unreadable, or larger than max_bytes.
std::string read_file(const std::filesystem::path& path, std::size_t max_bytes = 256u << 20);

// Temporary file in the same folder, fsync, rename, fsync folder: the old file or the new, whole.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// Throws what write_file_atomically would throw of a path that is a folder, or whose folder is
// missing or closed to us: asked before minutes are spent on what is to be written. Writes nothing.
void require_writable(const std::filesystem::path& path);

// Removes what killed processes left of write_file_atomically in `folder`; those of living ones
// stay.
void remove_stale_temporaries(const std::filesystem::path& folder);

// Appends one line with its CRC-32 and syncs; readers skip a torn last line.
void append_journal(const std::filesystem::path& path, std::string_view line);
std::vector<std::string> read_journal(const std::filesystem::path& path);

// Holds a folder for this process: a second holder gets Error(kFailure). Gone with the process,
// however that ends; nothing is written.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

// A folder that is removed with all it holds when this goes out of scope (also on throw). Takes
// away what killed processes left there, too: this user's folders of this name, untouched for a
// day.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::filesystem::path& parent = {});  // default: TMPDIR or /tmp
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace mb
