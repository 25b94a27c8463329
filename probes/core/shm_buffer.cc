// Sizes are checked twice: against statvfs before the first byte, for a clear answer, and by
// posix_fallocate or write(), which alone cannot be outrun by another process.
#include "probes/core/shm_buffer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "data/error.h"
#include "probes/core/sizes.h"

namespace mb {
namespace {

[[noreturn]] void throw_too_small(const std::string& folder, std::size_t bytes) {
  throw Error(
      ErrorCode::kNoResource,
      fmt::format("{} has {:.1f} MiB free, {:.1f} MiB are needed: ask for less or enlarge it "
                  "(mount -o remount,size=..., Docker: --shm-size)",
                  folder, static_cast<double>(shm_free_bytes(folder)) / kMiB,
                  static_cast<double>(bytes) / kMiB));
}

bool is_in_memory(const std::string& folder) {
  struct statfs system {};
  return statfs(folder.c_str(), &system) != 0 || system.f_type == TMPFS_MAGIC ||
         system.f_type == RAMFS_MAGIC;
}

// Repeats a call that may be cut short; transfer(done) gives what one call moved.
template <class Transfer>
bool transfer_all(std::size_t bytes, Transfer transfer) {
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t moved = transfer(done);
    if (moved > 0) {
      done += static_cast<std::size_t>(moved);
    } else if (moved == 0) {
      errno = EIO;  // the file is shorter than its owner believes
      return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::int64_t shm_free_bytes(const std::string& folder) {
  struct statvfs room {};
  if (statvfs(folder.c_str(), &room) != 0) {
    throw Error(ErrorCode::kNotAvailable,
                fmt::format("{}: {}; mount a tmpfs there", folder, std::strerror(errno)));
  }
  return static_cast<std::int64_t>(room.f_bavail) * static_cast<std::int64_t>(room.f_frsize);
}

std::string ordinary_folder() {
  const char* chosen = std::getenv("TMPDIR");
  for (const std::string& folder : {std::string(chosen ? chosen : ""), std::string("/var/tmp"),
                                    std::string("/tmp"), std::string(".")}) {
    if (!folder.empty() && !is_in_memory(folder) && access(folder.c_str(), W_OK) == 0) {
      return folder;
    }
  }
  throw Error(ErrorCode::kNotAvailable,
              "no writable folder on a file system that is not in memory; set TMPDIR to one");
}

ShmBuffer::ShmBuffer(std::size_t bytes, const std::string& folder)
    : bytes_(bytes), folder_(folder) {
  if (static_cast<std::int64_t>(bytes) > shm_free_bytes(folder)) throw_too_small(folder, bytes);
  file_ = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file_ < 0) {
    throw Error(ErrorCode::kNotAvailable,
                fmt::format("{} cannot hold a nameless file ({}); mount a writable tmpfs there",
                            folder, std::strerror(errno)));
  }
  if (ftruncate(file_, static_cast<off_t>(bytes)) != 0) {
    const int error = errno;
    close(std::exchange(file_, -1));
    throw Error(ErrorCode::kNoResource,
                fmt::format("{}: a file of {} bytes: {}", folder, bytes, std::strerror(error)));
  }
}

ShmBuffer ShmBuffer::anonymous(std::size_t bytes) {
  ShmBuffer buffer;
  buffer.bytes_ = bytes;
  buffer.folder_ = "private memory";
  return buffer;
}

ShmBuffer::~ShmBuffer() {
  if (mapping_ != nullptr) munmap(mapping_, bytes_);
  if (file_ >= 0) close(file_);
}

ShmBuffer::ShmBuffer(ShmBuffer&& other) noexcept
    : file_(std::exchange(other.file_, -1)),
      bytes_(std::exchange(other.bytes_, 0)),
      mapping_(std::exchange(other.mapping_, nullptr)),
      folder_(std::move(other.folder_)) {}

ShmBuffer& ShmBuffer::operator=(ShmBuffer&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(bytes_, other.bytes_);
  std::swap(mapping_, other.mapping_);
  std::swap(folder_, other.folder_);
  return *this;
}

bool ShmBuffer::write_at(std::size_t offset, const void* from, std::size_t bytes) const {
  if (is_anonymous()) {
    std::memcpy(mapping_ + offset, from, bytes);
    return true;
  }
  return transfer_all(bytes, [&](std::size_t done) {
    return pwrite(file_, static_cast<const char*>(from) + done, bytes - done,
                  static_cast<off_t>(offset + done));
  });
}

bool ShmBuffer::read_at(std::size_t offset, void* to, std::size_t bytes) const {
  if (is_anonymous()) {
    std::memcpy(to, mapping_ + offset, bytes);
    return true;
  }
  return transfer_all(bytes, [&](std::size_t done) {
    return pread(file_, static_cast<char*>(to) + done, bytes - done,
                 static_cast<off_t>(offset + done));
  });
}

bool ShmBuffer::reserve(std::size_t offset, std::size_t bytes) const {
  if (is_anonymous()) return true;
  int error = EINTR;
  while (error == EINTR) {
    error = posix_fallocate(file_, static_cast<off_t>(offset), static_cast<off_t>(bytes));
  }
  errno = error;
  return error == 0;
}

bool ShmBuffer::drop_pages(std::size_t offset, std::size_t bytes) const {
  if (is_anonymous()) return madvise(mapping_ + offset, bytes, MADV_DONTNEED) == 0;
  return fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                   static_cast<off_t>(bytes)) == 0;
}

std::byte* ShmBuffer::map() {
  if (mapping_ != nullptr) return mapping_;
  if (!reserve(0, bytes_)) throw_too_small(folder_, bytes_);
  void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                      is_anonymous() ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, file_, 0);
  if (memory == MAP_FAILED) {
    throw Error(ErrorCode::kNoResource,
                fmt::format("a mapping of {:.1f} MiB of {}: {}", static_cast<double>(bytes_) / kMiB,
                            folder_, std::strerror(errno)));
  }
  // The pages that a file's mapping has, so that only the path differs.
  if (is_anonymous()) madvise(memory, bytes_, MADV_NOHUGEPAGE);
  mapping_ = static_cast<std::byte*>(memory);
  return mapping_;
}

}  // namespace mb
