// Plain system calls, because the guarantees asked for (whole or not at all, synced, told why) are
// those of open, fsync and rename and not of streams.
#include "data/system/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <system_error>

#include "data/error.h"
#include "data/system/descriptor.h"

namespace mb {
namespace {

namespace fs = std::filesystem;

// Hidden: no folder that somebody named for their results looks like it.
constexpr const char* kTemporaryFolderName = ".memory_benchmark.XXXXXX";

[[noreturn]] void fail(const fs::path& path, std::string_view doing, int error) {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  const char* remedy = full ? "free some space or name another folder"
                       : error == EACCES || error == EROFS   ? "see its permissions"
                       : error == ENOENT || error == ENOTDIR ? "see that the path is right"
                                                             : "see the file and its folder";
  throw Error(
      full ? ErrorCode::kNoResource : ErrorCode::kFailure,
      fmt::format("{}: cannot {}: {}; {}", path.string(), doing, std::strerror(error), remedy));
}

Descriptor open_file(const fs::path& path, int flags) {
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  } while (fd < 0 && errno == EINTR);
  return Descriptor(fd);
}

// False with errno set on an error; reads at most `limit` bytes into `text`.
bool read_up_to(int fd, std::size_t limit, std::string& text) {
  std::array<char, 1 << 16> buffer;
  while (text.size() < limit) {
    const auto got = ::read(fd, buffer.data(), std::min(buffer.size(), limit - text.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return true;
}

void write_all(int fd, std::string_view content, const fs::path& path) {
  while (!content.empty()) {
    const auto put = ::write(fd, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail(path, "write", errno);
    if (put == 0) fail(path, "write", EIO);  // no progress and no reason: never again for ever
    content.remove_prefix(static_cast<std::size_t>(put));
  }
}

void sync_folder(const fs::path& folder) {
  // Some file systems cannot sync a folder (EINVAL); the rename stands all the same.
  const Descriptor opened = open_file(folder, O_RDONLY | O_DIRECTORY);
  if (opened) ::fsync(opened.get());
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// CRC-32 of ISO 3309 (the one of zlib and PNG), bit by bit: journal lines are few.
std::uint32_t crc32(std::string_view text) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
  }
  return ~crc;
}

constexpr std::size_t kCrcDigits = 8;

// Empty when there is no such folder. By readdir, because libstdc++'s directory_iterator allocates
// in functions that are noexcept: out of memory there ends the process.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  const auto close = [](DIR* stream) { ::closedir(stream); };
  const std::unique_ptr<DIR, decltype(close)> opened(::opendir(folder.c_str()), close);
  if (!opened) return names;
  while (const dirent* entry = ::readdir(opened.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

// Of ".NAME.PID.NUMBER.tmp", as write_file_atomically makes it.
std::optional<pid_t> writer_of_temporary(std::string_view name) {
  constexpr std::string_view kEnd = ".tmp";
  if (!name.starts_with('.') || !name.ends_with(kEnd)) return std::nullopt;
  name.remove_suffix(kEnd.size());
  const auto cut_number = [&]() -> std::optional<pid_t> {
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos) return std::nullopt;
    const std::string_view digits = name.substr(dot + 1);
    pid_t value = -1;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) {
      return std::nullopt;
    }
    name = name.substr(0, dot);
    return value;
  };
  if (!cut_number()) return std::nullopt;
  const auto pid = cut_number();
  return pid && *pid > 0 && name.size() > 1 ? pid : std::nullopt;
}

std::optional<std::string_view> checked_line(std::string_view line) {
  if (line.size() <= kCrcDigits || line[kCrcDigits] != ' ') return std::nullopt;
  std::uint32_t expected = 0;
  const char* end = line.data() + kCrcDigits;
  const auto parsed = std::from_chars(line.data(), end, expected, 16);
  const auto content = line.substr(kCrcDigits + 1);
  if (parsed.ec != std::errc() || parsed.ptr != end || crc32(content) != expected) {
    return std::nullopt;
  }
  return content;
}

}  // namespace

fs::path HostFiles::resolve(std::string_view path) const {
  return root_ / fs::path(path).lexically_normal().relative_path();
}

std::optional<std::string> HostFiles::read(std::string_view path) const {
  constexpr std::size_t kMostBytes = 1u << 20;
  // O_NONBLOCK: a FIFO in the place of a file must not hang us.
  const Descriptor file = open_file(resolve(path), O_RDONLY | O_NONBLOCK);
  std::string text;
  if (!file || !read_up_to(file.get(), kMostBytes, text)) return std::nullopt;
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

std::vector<std::string> HostFiles::list(std::string_view folder) const {
  std::vector<std::string> names = names_in(resolve(folder));
  std::ranges::sort(names);
  return names;
}

bool HostFiles::exists(std::string_view path) const {
  std::error_code error;
  return fs::exists(resolve(path), error);
}

std::string read_file(const fs::path& path, std::size_t max_bytes) {
  const Descriptor file = open_file(path, O_RDONLY);
  if (!file) fail(path, "open", errno);
  std::string text;
  if (!read_up_to(file.get(), max_bytes + 1, text)) fail(path, "read", errno);
  if (text.size() > max_bytes) {
    throw Error(ErrorCode::kFailure,
                fmt::format("{}: larger than {} bytes, which no such file is; name the right file",
                            path.string(), max_bytes));
  }
  return text;
}

void write_file_atomically(const fs::path& wanted, std::string_view content) {
  std::error_code error;
  const auto status = fs::status(wanted, error);
  if (fs::is_directory(status)) fail(wanted, "write", EISDIR);
  if (fs::exists(status) && !fs::is_regular_file(status)) {  // a pipe or a terminal: /dev/stdout
    const Descriptor file = open_file(wanted, O_WRONLY);
    if (!file) fail(wanted, "open", errno);
    write_all(file.get(), content, wanted);
    return;
  }
  // A link keeps pointing where it did: its target is replaced.
  const fs::path path = fs::exists(status) ? fs::canonical(wanted) : wanted;
  static std::atomic<int> counter{0};
  const fs::path temporary =
      folder_of(path) /
      fmt::format(".{}.{}.{}.tmp", path.filename().string(), ::getpid(), counter.fetch_add(1));
  {
    const Descriptor file = open_file(temporary, O_WRONLY | O_CREAT | O_EXCL);
    if (!file) fail(path, "create", errno);
    try {
      write_all(file.get(), content, path);
      if (::fsync(file.get()) != 0) fail(path, "sync", errno);
      if (::rename(temporary.c_str(), path.c_str()) != 0) fail(path, "replace", errno);
    } catch (...) {
      ::unlink(temporary.c_str());
      throw;
    }
  }
  sync_folder(folder_of(path));
}

void require_writable(const fs::path& wanted) {
  std::error_code error;
  const auto status = fs::status(wanted, error);
  if (fs::is_directory(status)) fail(wanted, "write", EISDIR);
  const bool is_file = !fs::exists(status) || fs::is_regular_file(status);
  const fs::path asked = is_file ? folder_of(fs::exists(status) ? fs::canonical(wanted) : wanted)
                                 : wanted;  // a pipe or a terminal is written in its place
  if (is_file && fs::exists(asked, error) && !fs::is_directory(asked, error)) {
    fail(wanted, "create", ENOTDIR);
  }
  if (::access(asked.c_str(), is_file ? W_OK | X_OK : W_OK) != 0) fail(wanted, "create", errno);
}

void append_journal(const fs::path& path, std::string_view line) {
  if (line.find('\n') != std::string_view::npos) {
    throw Error(ErrorCode::kFailure,
                "a journal entry is one line; this is a defect, please report");
  }
  const Descriptor file = open_file(path, O_RDWR | O_CREAT | O_APPEND);
  if (!file) fail(path, "open", errno);
  // After a torn line the next one starts on its own.
  char last = '\n';
  const auto size = ::lseek(file.get(), 0, SEEK_END);
  if (size > 0 && ::pread(file.get(), &last, 1, size - 1) != 1) fail(path, "read", errno);
  write_all(file.get(),
            fmt::format("{}{:0{}x} {}\n", last == '\n' ? "" : "\n", crc32(line), kCrcDigits, line),
            path);
  if (::fdatasync(file.get()) != 0) fail(path, "sync", errno);
}

std::vector<std::string> read_journal(const fs::path& path) {
  std::vector<std::string> lines;
  std::error_code error;
  if (!fs::exists(path, error)) return lines;
  const std::string text = read_file(path);
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    if (const auto line = checked_line(rest.substr(0, end))) lines.emplace_back(*line);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return lines;
}

void remove_stale_temporaries(const fs::path& folder) {
  for (const std::string& name : names_in(folder)) {
    const auto pid = writer_of_temporary(name);
    if (pid && ::kill(*pid, 0) != 0 && errno == ESRCH) ::unlink((folder / name).c_str());
  }
}

FolderLock::FolderLock(const fs::path& folder)
    : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (fd_ < 0) fail(folder, "open", errno);
  int rc;
  do {
    rc = ::flock(fd_, LOCK_EX | LOCK_NB);
  } while (rc != 0 && errno == EINTR);
  // Where a file system knows no locks (ENOLCK, EOPNOTSUPP) there is none to wait for.
  if (rc != 0 && errno == EWOULDBLOCK) {
    ::close(fd_);
    throw Error(ErrorCode::kFailure,
                fmt::format("{}: another run is writing there; wait for its end or name another "
                            "folder",
                            folder.string()));
  }
}

FolderLock::~FolderLock() { ::close(fd_); }

namespace {

// A killed process cannot remove its folder, so the next one does. All uses take seconds to
// minutes: what nobody has touched for a day has no owner, wherever that process ran (process ids
// of other containers mean nothing here) and even if it was stopped for hours.
void remove_forgotten_folders(const fs::path& parent) {
  constexpr std::time_t kForgottenSeconds = 24 * 3600;
  constexpr std::string_view kName = kTemporaryFolderName;
  for (const std::string& name : names_in(parent)) {
    if (name.size() != kName.size() || !name.starts_with(kName.substr(0, kName.find('X'))))
      continue;
    struct stat status;
    const fs::path path = parent / name;
    if (::lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) continue;
    if (status.st_uid != ::geteuid()) continue;
    if (std::time(nullptr) - status.st_mtime < kForgottenSeconds) continue;
    std::error_code ignored;  // what cannot be removed stays as it was
    fs::remove_all(path, ignored);
  }
}

}  // namespace

TemporaryFolder::TemporaryFolder(const fs::path& parent) {
  const char* environment = std::getenv("TMPDIR");
  const fs::path folder = !parent.empty()                 ? parent
                          : environment && environment[0] ? fs::path(environment)
                                                          : fs::path("/tmp");
  remove_forgotten_folders(folder);
  std::string name = (folder / kTemporaryFolderName).string();
  if (!::mkdtemp(name.data())) fail(folder, "make a temporary folder in it", errno);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  try {
    std::error_code error;
    fs::remove_all(path_, error);
    if (error) fs::remove_all(path_, error);  // a descriptor or memory may be there again
  } catch (...) {  // out of memory; an empty folder does less harm than a death
  }
}

}  // namespace mb
