// A nameless file in /dev/shm (O_TMPFILE): it never has a directory entry, so nothing stays behind
// whatever ends the process, SIGKILL included.
//
// Never a SIGBUS: a full tmpfs answers write() with an error, but a store through a mapping with a
// signal. So a mapping is handed out only with all its blocks reserved (posix_fallocate), and
// after drop_pages a mapped range must be reserved again before it is touched.
//
// Beside it, behind the same interface, what it is compared with: private memory (anonymous()), and
// a nameless file of an ordinary folder, whose pages are the page cache's.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace mb {

// Bytes that can be written to the tmpfs at `folder` now. Throws Error(kNotAvailable) when there is
// no such folder.
std::int64_t shm_free_bytes(const std::string& folder = "/dev/shm");

// A writable folder for nameless files that is not in memory: $TMPDIR, /var/tmp, /tmp or the
// current one. Throws Error(kNotAvailable) when there is none.
std::string ordinary_folder();

class ShmBuffer {
 public:
  // A file of that size without a block yet. Throws Error(kNoResource), naming both sizes, when the
  // tmpfs has less free; Error(kNotAvailable) when it cannot hold nameless files.
  explicit ShmBuffer(std::size_t bytes, const std::string& folder = "/dev/shm");
  // Private memory on pages of 4 KiB instead of a file. map() comes before everything else.
  static ShmBuffer anonymous(std::size_t bytes);
  ~ShmBuffer();
  ShmBuffer(ShmBuffer&& other) noexcept;
  ShmBuffer& operator=(ShmBuffer&& other) noexcept;

  std::size_t size() const { return bytes_; }

  // Whole ranges or false, with errno set; no exceptions, for use inside a team.
  bool write_at(std::size_t offset, const void* from, std::size_t bytes) const;
  bool read_at(std::size_t offset, void* to, std::size_t bytes) const;
  // Allocates the blocks of a range; their pages are cleared at the first touch, as new memory is.
  bool reserve(std::size_t offset, std::size_t bytes) const;
  // Gives the pages of a range back, and their places in the mapping.
  bool drop_pages(std::size_t offset, std::size_t bytes) const;

  // The whole file, shared and writable, reserved first; mapped once and kept. Throws
  // Error(kNoResource) when the blocks or the address space are not there.
  std::byte* map();

 private:
  ShmBuffer() = default;
  bool is_anonymous() const { return file_ < 0; }

  int file_ = -1;
  std::size_t bytes_ = 0;
  std::byte* mapping_ = nullptr;
  std::string folder_;
};

}  // namespace mb
